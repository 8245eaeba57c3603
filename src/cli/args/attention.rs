//! The arguments of what people do with alerts: `alerts`, `ack`, `silence`.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use crate::config;
use crate::domain::alert::AlertKind;
use crate::domain::ids::SiteName;

/// Arguments of `alerts`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AlertsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AlertsCommand>,
    /// The sites, or fleet for what concerns all of them; everything when left out
    #[arg(value_name = "SITE")]
    pub(crate) sites: Vec<SiteName>,
    /// Show also what has ended and some sink has yet to be told the end of
    #[arg(long, conflicts_with = "sent")]
    pub(crate) all: bool,
    /// Show what was sent to whom instead, the latest at the end
    #[arg(long, conflicts_with = "sites")]
    pub(crate) sent: bool,
    /// With --sent: at most so many messages, the latest
    #[arg(long, value_name = "NUMBER", requires = "sent", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What else to do about alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Send a message to a sink that says that it is a test, whatever routes and silences say
    Test(AlertsTestArgs),
}

/// Arguments of `alerts test`.
#[derive(Debug, Args)]
pub(crate) struct AlertsTestArgs {
    /// Its name, as n720d.toml has it
    pub(crate) sink: String,
    /// Who tries it; by default whoever called sudo, else the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `ack`.
#[derive(Debug, Args)]
pub(crate) struct AckArgs {
    /// The alert, as `n720d alerts` shows it
    pub(crate) id: String,
    // An id may hold a blank: copied without quotes it comes in pieces.
    #[arg(hide = true)]
    pub(crate) pieces: Vec<String>,
    /// What others should know
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
    /// For how long, like 2h, at most 30d; left out: until it ends
    #[arg(long = "for", value_name = "DURATION", value_parser = config::duration)]
    pub(crate) length: Option<Duration>,
    /// Give it back: it is repeated and passed on again
    #[arg(long, conflicts_with_all = ["note", "length"])]
    pub(crate) withdraw: bool,
    /// Who takes it; by default whoever called sudo, else the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Several ids where one is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an alert is taken one at a time, and {0} is another one: run 'n720d ack' once for each")]
pub(crate) struct SeveralIds(String);

impl AckArgs {
    /// The id that is meant, of the pieces that it came in.
    ///
    /// # Errors
    /// When a further piece is an id of its own.
    pub(crate) fn alert(&self) -> Result<String, SeveralIds> {
        if let Some(other) = self.pieces.iter().find(|piece| is_id(piece)) {
            return Err(SeveralIds(other.clone()));
        }
        let pieces: Vec<&str> = std::iter::once(&self.id).chain(&self.pieces).map(String::as_str).collect();
        Ok(pieces.join(" "))
    }
}

/// Whether a word begins as the ids of alerts do, `SITE/KIND`.
fn is_id(word: &str) -> bool {
    let kind = word.split('/').nth(1);
    kind.is_some_and(|word| AlertKind::ALL.into_iter().any(|kind| kind.as_str() == word))
}

/// Arguments of `silence`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["sites", "labels", "kinds", "all", "list", "end"]))]
pub(crate) struct SilenceArgs {
    /// Of this site, or of fleet; several times: of any of them
    #[arg(long = "site", value_name = "SITE")]
    pub(crate) sites: Vec<SiteName>,
    /// Of sites with this label; several times: with all of them
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Of this kind, like handset-lost; several times: of any of them
    #[arg(long = "kind", value_name = "KIND", value_parser = kind)]
    pub(crate) kinds: Vec<AlertKind>,
    /// Every alert there is
    #[arg(long, conflicts_with_all = ["sites", "labels", "kinds"])]
    pub(crate) all: bool,
    /// For how long, like 2h, at most 30d
    #[arg(long = "for", value_name = "DURATION", value_parser = config::duration, required_unless_present_any = ["list", "end"])]
    pub(crate) length: Option<Duration>,
    /// Why, for those who wonder later
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "end"])]
    pub(crate) reason: Option<String>,
    /// Show the silences that hold
    #[arg(long, conflicts_with_all = ["sites", "labels", "kinds", "all", "length", "reason", "end", "by"])]
    pub(crate) list: bool,
    /// End the silence of this number
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["sites", "labels", "kinds", "all", "length", "reason"])]
    pub(crate) end: Option<i64>,
    /// Who says so; by default whoever called sudo, else the user
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected KEY=VALUE, as in site.labels".to_owned()),
    }
}

fn kind(text: &str) -> Result<AlertKind, String> {
    let found = AlertKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = AlertKind::ALL.into_iter().map(AlertKind::as_str).collect();
        format!("expected one of {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Arguments, Command};
    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.command)
    }

    #[test]
    fn every_way_of_saying_something_of_alerts_is_read() {
        for line in [
            "n720d alerts",
            "n720d alerts acme fleet --all --json",
            "n720d alerts --sent",
            "n720d alerts --sent --limit 5 --json",
            "n720d alerts test mail",
            "n720d alerts test mail --by anna --json",
            "n720d ack acme/drift",
            "n720d ack acme/drift --by anna --note x --for 2h --json",
            "n720d ack acme/drift --withdraw --by anna",
            "n720d silence --site acme --site beta --label customer=acme --kind drift --for 2h --reason x --by anna",
            "n720d silence --all --for 30m --reason x --json",
            "n720d silence --list --json",
            "n720d silence --end 7 --by anna",
        ] {
            assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line).unwrap_err().to_string());
        }
    }

    #[test]
    fn what_nobody_can_mean_is_refused() {
        for line in [
            "n720d alerts ../x",
            "n720d alerts --limit 5",
            "n720d alerts --sent --limit 0",
            "n720d alerts acme --sent",
            "n720d alerts --all --sent",
            "n720d alerts test",
            "n720d ack",
            "n720d ack acme/drift --for soon",
            "n720d ack acme/drift --withdraw --for 2h",
            "n720d silence",
            "n720d silence --for 2h --reason x",
            "n720d silence --site acme --reason x",
            "n720d silence --site acme --for 2h",
            "n720d silence --site acme --all --for 2h --reason x",
            "n720d silence --label customer --for 2h --reason x",
            "n720d silence --label =acme --for 2h --reason x",
            "n720d silence --kind lost --for 2h --reason x",
            "n720d silence --list --end 7",
            "n720d silence --list --site acme",
            "n720d silence --end 7 --for 2h",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn an_id_may_come_in_pieces() {
        let Ok(Command::Ack(args)) = parsed("n720d ack acme/drift/slot 7 --by anna") else { panic!() };
        assert_eq!(args.alert().unwrap(), "acme/drift/slot 7");
    }

    #[test]
    fn two_ids_are_not_taken_for_one_and_help_shows_one() {
        let Ok(Command::Ack(args)) = parsed("n720d ack acme/drift/slot 7 bolt/drift/slot 8") else {
            panic!()
        };
        let why = args.alert().unwrap_err().to_string();
        assert!(why.contains("one at a time") && why.contains(" bolt/drift/slot is another one"), "{why}");
        let help = parsed("n720d ack --help").unwrap_err().to_string();
        assert!(help.contains("ack [OPTIONS] <ID>\n"), "{help}");
        assert!(!help.contains("...") && !help.to_lowercase().contains("pieces"), "{help}");
    }

    #[test]
    fn a_kind_that_is_none_names_those_there_are() {
        let error = kind("lost").unwrap_err();
        assert!(error.contains("handset-lost") && error.contains("unreachable"), "{error}");
        assert_eq!(kind("handset-lost"), Ok(AlertKind::HandsetLost));
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(label("a="), Ok(("a".to_owned(), String::new())));
    }
}
