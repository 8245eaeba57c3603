//! The arguments of every subcommand. What they mean is elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, argument};
use crate::domain::ids::SiteName;

mod attention;

pub(crate) use attention::{AckArgs, AlertsArgs, AlertsCommand, AlertsTestArgs, SilenceArgs};

/// Watches over the registration of handsets on Gigaset N720 DECT managers.
#[derive(Debug, Parser)]
#[command(name = "n720d", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(
        long,
        global = true,
        env = "N720D_CONFIG",
        value_name = "FILE",
        default_value = "/etc/n720d/n720d.toml"
    )]
    pub(crate) config: PathBuf,
    /// Show colours: on a terminal, always, or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When colours are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that has them, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Validate n720d.toml and all site files; exit 78 on any error
    Check(CheckArgs),
    /// Print a site's provisioning file, secrets masked
    Render(RenderArgs),
    /// Log in, read, log out; never writes
    Observe(ObserveArgs),
    /// Observe and show what would be done, to which extensions, and why; exit 2 if there is something to do
    Plan(PlanArgs),
    /// Plan, carry it out, verify; exit 2 when it waits or needs approval
    Apply(ApplyArgs),
    /// Have the daemon carry out a plan that deregisters handsets; exit 2 when a second person has to approve it too
    Approve(ApproveArgs),
    /// Read a manager in service and print a site file of it, whose first plan is empty; never writes
    Adopt(AdoptArgs),
    /// Run the daemon
    Run,
    /// Show what the daemon knows; exit 3 if something needs a person
    Status(StatusArgs),
    /// Show the alerts that hold, who has taken them, who was told, or try a sink; exit 3 if one needs a person
    Alerts(AlertsArgs),
    /// Take an alert: nobody else is called, and it is not repeated, until it ends
    Ack(AckArgs),
    /// Have nobody told of some alerts for a while; their end is told to whoever knows of them
    Silence(SilenceArgs),
    /// Print whom to call about a missing handset, and what to tell them
    Handoff(HandoffArgs),
    /// Show who did what, when, with which outcome
    History(HistoryArgs),
    /// Have the daemon read a site now
    Poll(PollArgs),
    /// Have the daemon write nothing to a site's manager, or to any; everything is read and alerted as before
    Pause(PauseArgs),
    /// End a pause
    Resume(ResumeArgs),
    /// Have the daemon read its configuration again: all of it or, with any error, nothing
    Reload,
    /// Change the web password of a site's manager, in steps that nobody loses access by
    RotatePassword(RotatePasswordArgs),
    /// Print the configuration file URL of a site's manager
    Url(UrlArgs),
    /// Print the slots of a site file as CSV, in the form that import takes
    Export(ExportArgs),
    /// Put slots from CSV into a site file, once the difference was shown; exit 2 when it was not written
    Import(ImportArgs),
    /// Secrets in the keyring
    #[command(subcommand)]
    Secret(SecretCommand),
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `render`.
#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Print the secrets too
    #[arg(long)]
    pub(crate) reveal_secrets: bool,
}

/// Arguments of `observe`.
#[derive(Debug, Args)]
pub(crate) struct ObserveArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Keep the pages there, redacted
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Try a password that the manager has refused before
    #[arg(long)]
    pub(crate) retry_login: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The sites; all when left out
    #[arg(value_name = "SITE")]
    pub(crate) sites: Vec<SiteName>,
    /// Try a password that the manager has refused before
    #[arg(long)]
    pub(crate) retry_login: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Approve the plan with this hash, as `plan` shows it
    #[arg(long, value_name = "HASH")]
    pub(crate) approve: Option<String>,
    #[command(flatten)]
    pub(crate) words: ApprovalWords,
    /// Release again what was released twice and changed nothing: its cause is mended
    #[arg(long)]
    pub(crate) retry_push: bool,
    /// Try a password that the manager has refused before
    #[arg(long)]
    pub(crate) retry_login: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Approve the plan with this hash, as `plan` shows it
    pub(crate) hash: String,
    #[command(flatten)]
    pub(crate) words: ApprovalWords,
    /// How long the approval is to hold, at most 7d; by default as n720d.toml says
    #[arg(long, value_name = "DURATION", value_parser = config::duration)]
    pub(crate) valid: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an approval is recorded with.
#[derive(Debug, Args)]
pub(crate) struct ApprovalWords {
    /// Why it is approved, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Who approves; by default $SUDO_USER, else the user who runs this
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

/// Arguments of `adopt`.
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// What the site is to be called
    pub(crate) site: SiteName,
    /// The manager's web interface, like http://10.20.0.2
    #[arg(long, value_name = "URL", value_parser = argument::manager_url)]
    pub(crate) url: (String, u16),
    /// Where the web password is kept, as the site file names it, or - for standard input [default: keyring:SITE/web]
    // Read later: where it is refused, it may be the password itself, and clap would show it.
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) password: Option<String>,
    /// The IANA name of the zone of the manager's clock [default: that of this machine]
    #[arg(long, value_name = "ZONE", value_parser = argument::time_zone)]
    pub(crate) time_zone: Option<Tz>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The site; all when left out
    pub(crate) site: Option<SiteName>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `handoff`.
#[derive(Debug, Args)]
pub(crate) struct HandoffArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Print CSV, a row per handset
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The site; all when left out
    pub(crate) site: Option<SiteName>,
    /// Show the site's registration windows instead: who was missing, who came in when, who was left
    #[arg(long, requires = "site")]
    pub(crate) windows: bool,
    /// Print the site as it was observed before the release of this number in the history, with --as-site
    #[arg(long, value_name = "NUMBER", requires_all = ["site", "as_site"], conflicts_with_all = ["windows", "json"])]
    pub(crate) release: Option<i64>,
    /// As a site file: put in place of the site's own, it leads back
    #[arg(long, requires = "release")]
    pub(crate) as_site: bool,
    /// At most so many entries, the latest
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `poll`.
#[derive(Debug, Args)]
pub(crate) struct PollArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Try a password again that the manager has refused
    #[arg(long)]
    pub(crate) retry_login: bool,
}

/// Of which sites a pause is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SiteOrAll {
    /// The site
    pub(crate) site: Option<SiteName>,
    /// All sites, those that are added later too
    #[arg(long)]
    pub(crate) all: bool,
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) of: SiteOrAll,
    /// For how long, like 1h30m, at most 30d; left out: until somebody resumes
    #[arg(long = "for", value_name = "DURATION", value_parser = config::duration)]
    pub(crate) length: Option<Duration>,
    /// Why, for the others
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Who pauses; by default whoever called sudo, else the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) of: SiteOrAll,
    /// Who resumes; by default whoever called sudo, else the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `rotate-password`.
#[derive(Debug, Args)]
pub(crate) struct RotatePasswordArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Call off a change that is under way, as long as the manager has not fetched the new password
    #[arg(long, conflicts_with = "show")]
    pub(crate) abort: bool,
    /// Print the new password of a change that has not ended; the history tells who saw it
    #[arg(long, conflicts_with = "json")]
    pub(crate) show: bool,
    /// Do not wait for the end
    #[arg(long, conflicts_with = "show")]
    pub(crate) no_wait: bool,
    /// Who you are, for the history; your login name when left out
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) by: Option<String>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `url`.
#[derive(Debug, Args)]
pub(crate) struct UrlArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The site
    pub(crate) site: SiteName,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The site
    pub(crate) site: SiteName,
    /// The table: CSV with a heading, as spreadsheets save it
    #[arg(value_name = "FILE.csv")]
    pub(crate) file: PathBuf,
    /// Write the site file without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to do about secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a secret, read from standard input, in the keyring; name it in a file as keyring:NAME
    Set(SecretSetArgs),
}

/// Arguments of `secret set`.
#[derive(Debug, Args)]
pub(crate) struct SecretSetArgs {
    /// The name, like acme-berlin/web
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_subcommand_reads_its_arguments() {
        for line in [
            "n720d check --json --config x.toml",
            "n720d --config x.toml render acme --reveal-secrets",
            "n720d observe acme --record pages --retry-login --json",
            "n720d plan",
            "n720d plan acme bolt --retry-login --json",
            "n720d plan --color always",
            "n720d --color never status",
            "n720d apply acme --approve 9f3c --retry-login",
            "n720d apply acme --approve 9f3c --reason agreed --by anna",
            "n720d approve acme 9f3c",
            "n720d approve acme 9f3c --reason agreed --by anna --valid 48h --json",
            "n720d apply acme --retry-push",
            "n720d adopt acme --url http://10.20.0.2",
            "n720d adopt acme --url http://10.20.0.2:8080 --password - --time-zone Europe/Berlin",
            "n720d adopt acme --url http://10.20.0.2 --password credential:acme-web",
            "n720d run",
            "n720d status",
            "n720d status acme --json",
            "n720d history --limit 5",
            "n720d handoff acme",
            "n720d handoff acme --csv",
            "n720d handoff acme --json",
            "n720d history acme",
            "n720d history acme --windows --json",
            "n720d history acme --windows --limit 3",
            "n720d history acme --release 12 --as-site",
            "n720d poll acme --retry-login",
            "n720d reload",
            "n720d pause acme",
            "n720d pause acme --for 1h30m --reason x --by anna --json",
            "n720d pause --all --for 30d",
            "n720d resume acme --by anna",
            "n720d resume --all --json",
            "n720d url acme",
            "n720d export acme --json",
            "n720d import acme slots.csv",
            "n720d import acme slots.csv --yes --json",
            "n720d rotate-password acme --by anna --reason left --no-wait --json",
            "n720d rotate-password acme --abort",
            "n720d rotate-password acme --show",
            "n720d secret set acme/web",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "n720d",
            "n720d render",
            "n720d render ../x",
            "n720d handoff",
            "n720d handoff acme --csv --json",
            "n720d history --limit 0",
            "n720d history --windows",
            "n720d approve acme",
            "n720d approve acme 9f3c --valid soon",
            "n720d approve acme 9f3c --valid 0s",
            "n720d history --release 12 --as-site",
            "n720d history acme --release 12",
            "n720d history acme --as-site",
            "n720d history acme --release 12 --as-site --json",
            "n720d adopt acme",
            "n720d adopt acme --url 10.20.0.2",
            "n720d adopt acme --url http://10.20.0.2 --time-zone Berlin",
            "n720d import acme",
            "n720d export",
            "n720d run x",
            "n720d pause",
            "n720d pause acme --all",
            "n720d pause acme --for 0s",
            "n720d pause acme --for soon",
            "n720d resume",
            "n720d resume acme bolt",
            "n720d plan --color red",
            "n720d secret",
            "n720d rotate-password",
            "n720d rotate-password acme --show --json",
            "n720d rotate-password acme --show --abort",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
