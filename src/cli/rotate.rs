//! `n720d rotate-password`: has the running daemon change a manager's web password, and watches until it has ended. The
//! daemon alone does it: it goes on whatever becomes of this command.

use std::path::Path;
use std::time::{Duration, Instant};

use super::args::RotatePasswordArgs;
use super::person::person;
use super::tell::client;
use super::{CliError, Exit, async_runtime, configuration, logging, output, site};
use crate::api::{ControlClient, RotateRequest, ShowPasswordRequest};
use crate::config::Config;
use crate::daemon;
use crate::domain::ids::SiteName;
use crate::domain::rotation::PasswordChange;
use crate::domain::status::SiteStatus;

/// How often the daemon is asked how far it is.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Runs the command.
pub(super) fn run(file: &Path, args: &RotatePasswordArgs) -> Result<Exit, CliError> {
    logging::start(logging::Level::Warn);
    let config = configuration(file)?;
    let name = &site(&config, &args.site)?.name;
    let daemon = client(&config.daemon.state_dir)?;
    let by = person(args.by.as_deref());
    let runtime = async_runtime()?;
    if args.show {
        return runtime.block_on(show(&daemon, name, by));
    }
    let request = RotateRequest { site: name.clone(), abort: args.abort, by, reason: args.reason.clone() };
    let change = runtime.block_on(watched(&daemon, &config, &request, !args.no_wait))?;
    if args.json {
        output::json(&change)?;
    } else {
        let text = change.as_ref().map_or("its web password is as it was", |change| &change.note);
        output::line(format_args!("{name}: {text}"))?;
    }
    Ok(exit(change.as_ref(), args.abort))
}

/// Prints the password and nothing else on standard output, so that it can be piped to where it belongs.
async fn show(daemon: &ControlClient, site: &SiteName, by: String) -> Result<Exit, CliError> {
    let request = ShowPasswordRequest { site: site.clone(), by };
    let password = daemon.show_password(&request).await.map_err(CliError::other)?;
    output::line(password.expose())?;
    let status = daemon.site_status(site).await.map_err(CliError::other)?;
    if let Some(change) = &status.password_change {
        output::complaint(format_args!("n720d: {}", change.note));
    }
    Ok(Exit::Fine)
}

/// Asks for it, and watches it to its end, or to where only a person gets further, or for as long as a fetch that is told
/// takes.
async fn watched(
    daemon: &ControlClient,
    config: &Config,
    request: &RotateRequest,
    wait: bool,
) -> Result<Option<PasswordChange>, CliError> {
    // Called off, it is waited for twice the settle time.
    let deadline = Instant::now() + daemon::patience(&config.daemon) + config.daemon.poll.pace.settle;
    let mut status = daemon.rotate(request).await.map_err(CliError::other)?;
    let mut last = None;
    while wait && goes_on(&status) && Instant::now() < deadline {
        let told = status.password_change.as_ref().map(|change| change.note.clone());
        if told != last {
            told.iter().for_each(output::complaint);
            last = told;
        }
        tokio::time::sleep(ASK_EVERY).await;
        status = daemon.site_status(&request.site).await.map_err(CliError::other)?;
    }
    Ok(status.password_change)
}

/// Whether it may get further by itself.
fn goes_on(status: &SiteStatus) -> bool {
    status.password_change.as_ref().is_some_and(|change| !change.is_over() && !change.needs_a_person())
}

/// Done as asked; not done; or under way, or left to a person.
fn exit(change: Option<&PasswordChange>, abort: bool) -> Exit {
    match change {
        None => Exit::Fine,
        Some(change) if !change.is_over() => Exit::Waiting,
        Some(change) if abort && change.stage == "withdrawn" => Exit::Fine,
        Some(change) if !abort && change.stage == "changed" => Exit::Fine,
        Some(_) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whether_it_is_as_asked() {
        let change = |stage: &str| PasswordChange {
            stage: stage.to_owned(),
            since: chrono::DateTime::UNIX_EPOCH.fixed_offset(),
            by: "anna".to_owned(),
            note: String::new(),
        };
        for (stage, asked, called_off) in [
            ("changed", Exit::Fine, Exit::Failed),
            ("withdrawn", Exit::Failed, Exit::Fine),
            ("no-effect", Exit::Failed, Exit::Failed),
            ("released", Exit::Waiting, Exit::Waiting),
            ("proven", Exit::Waiting, Exit::Waiting),
        ] {
            assert_eq!(exit(Some(&change(stage)), false), asked, "{stage}");
            assert_eq!(exit(Some(&change(stage)), true), called_off, "{stage}");
        }
        assert_eq!(exit(None, true), Exit::Fine);
    }
}
