//! `n720d alerts`: what holds, since when, who has it and who was told, from the running daemon or from what it stored; what
//! was sent; and the trial of a sink.

mod telling;
#[cfg(test)]
pub(super) mod testing;

use std::path::Path;

use chrono_tz::Tz;

use self::telling::blocks;
use super::args::{AlertsArgs, AlertsCommand, AlertsTestArgs};
use super::logging::{self, Level};
use super::{CliError, Exit, async_runtime, configuration, known, output, person};
use crate::api::{AlertLine, AlertList, ControlClient, SentMessage, SentPage, TestRequest};
use crate::config::Config;
use crate::daemon;
use crate::domain::alert::AlertState;
use crate::domain::assess::is_alarming;
use crate::domain::ids::SiteName;

pub(super) use telling::{ids, noted, until};

/// Messages that `--sent` shows unless `--limit` says otherwise.
const SENT_SHOWN: u32 = 50;

/// Lines are no longer than this, and no longer than the terminal is wide.
const WIDEST: usize = 110;

/// Runs the command.
pub(super) fn run(file: &Path, args: &AlertsArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    match &args.command {
        Some(AlertsCommand::Test(args)) => test(config, args),
        None if args.sent => sent(&config, args),
        None => list(&config, args),
    }
}

fn list(config: &Config, args: &AlertsArgs) -> Result<Exit, CliError> {
    let mut list = ask(config, args.all)?;
    if !args.sites.is_empty() {
        for site in args.sites.iter().filter(|site| !site.is_of_fleet()) {
            if !config.has_file(site) && list.alerts.iter().all(|line| line.site != *site) {
                super::site(config, site)?;
            }
        }
        list.alerts.retain(|line| args.sites.contains(&line.site));
    }
    if args.json {
        output::json(&list)?;
    } else {
        let width = output::width().unwrap_or(WIDEST).min(WIDEST);
        let zone = |site: &SiteName| zone(config, site);
        blocks(&list.alerts, zone, daemon::now(), width).iter().try_for_each(output::line)?;
    }
    let needed = list.alerts.iter().any(|line| asks_for_somebody(line, &list.alerts));
    Ok(if needed { Exit::NeedsPerson } else { Exit::Fine })
}

fn ask(config: &Config, ended: bool) -> Result<AlertList, CliError> {
    let state_dir = &config.daemon.state_dir;
    if let Some(client) = ControlClient::connect(state_dir).map_err(CliError::other)? {
        return async_runtime()?.block_on(client.alerts(ended)).map_err(CliError::other);
    }
    let Some(store) = known::left_behind(state_dir)? else { return Ok(AlertList::default()) };
    daemon::alerts_left_behind(&store, config, ended, daemon::now()).map_err(CliError::other)
}

fn sent(config: &Config, args: &AlertsArgs) -> Result<Exit, CliError> {
    let limit = usize::try_from(args.limit.unwrap_or(SENT_SHOWN)).unwrap_or(usize::MAX);
    let state_dir = &config.daemon.state_dir;
    let page = match ControlClient::connect(state_dir).map_err(CliError::other)? {
        Some(client) => async_runtime()?.block_on(client.sent(limit)).map_err(CliError::other)?,
        None => match known::left_behind(state_dir)? {
            Some(store) => daemon::sent_as_kept(&store, limit).map_err(CliError::other)?,
            None => SentPage::default(),
        },
    };
    if args.json {
        output::json(&page)?;
        return Ok(Exit::Fine);
    }
    if page.sent.is_empty() {
        output::line("nothing was sent yet")?;
        return Ok(Exit::Fine);
    }
    // Newest last, as in a log: a terminal shows the end.
    let rows = page.sent.iter().rev().map(|message| sent_row(config, message)).collect();
    output::table(&["WHEN", "SINK", "WHY", "ABOUT", "ALERTS", "OUTCOME"], rows)?;
    Ok(Exit::Fine)
}

fn sent_row(config: &Config, message: &SentMessage) -> Vec<String> {
    let zone = message.about.parse().map_or(Tz::UTC, |site| zone(config, &site));
    vec![
        message.at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%:z").to_string(),
        message.sink.clone(),
        message.reason.as_str().to_owned(),
        message.about.clone(),
        message.alerts.to_string(),
        message.refused.as_ref().map_or_else(|| "taken".to_owned(), |why| format!("refused: {why}")),
    ]
}

/// `n720d alerts test`: by the daemon, with its credentials and its way out, else from here.
fn test(config: Config, args: &AlertsTestArgs) -> Result<Exit, CliError> {
    let request = TestRequest { sink: args.sink.clone(), by: person::person(args.by.as_deref()) };
    let runtime = async_runtime()?;
    let client = ControlClient::connect(&config.daemon.state_dir).map_err(CliError::other)?;
    let answer = if let Some(client) = client {
        runtime.block_on(client.test_sink(&request)).map_err(CliError::other)?
    } else {
        output::complaint("no daemon is running; the message is sent from here");
        // A journal is told by logging.
        logging::start(Level::Info);
        runtime.block_on(daemon::test_alone(config, &request)).map_err(CliError::other)?
    };
    if args.json {
        output::json(&answer)?;
    } else {
        output::line(format_args!(
            "{} took the message {} within {} ms: look whether it has arrived",
            answer.sink, answer.id, answer.milliseconds
        ))?;
    }
    Ok(Exit::Fine)
}

/// The time zone of a site; of the fleet, and of one whose file is gone, UTC.
pub(super) fn zone(config: &Config, site: &SiteName) -> Tz {
    config.sites.get(site).map_or(Tz::UTC, |site| site.time_zone)
}

/// Whether it is one to be taken: it holds, stands for itself, and nobody has taken or silenced it.
fn is_open(line: &AlertLine) -> bool {
    line.alert.state == AlertState::Firing && line.inhibited_by.is_none()
}

/// Whether somebody has to look at an alert; not at one that follows from what somebody has taken or silenced.
fn asks_for_somebody(line: &AlertLine, all: &[AlertLine]) -> bool {
    let source = line.inhibited_by.as_ref().and_then(|id| all.iter().find(|other| other.alert.id == *id));
    is_alarming(&line.alert) && source.is_none_or(|source| source.alert.state == AlertState::Firing)
}

#[cfg(test)]
mod tests {
    use super::testing::{in_state, lost};
    use super::*;
    use crate::domain::alert::{Alert, Severity};

    #[test]
    fn somebody_is_asked_for_until_what_it_comes_from_is_taken() {
        let follows = AlertLine { inhibited_by: Some(lost().alert.id), ..lost() };
        let follows =
            AlertLine { alert: Alert { id: "acme-berlin/drift".into(), ..follows.alert }, ..follows };
        let asks = |line: &AlertLine, source: AlertLine| asks_for_somebody(line, &[line.clone(), source]);
        assert!(asks(&follows, lost()));
        assert!(!asks(&follows, in_state(AlertState::Acknowledged)));
        assert!(!asks(&follows, in_state(AlertState::Silenced)));
        assert!(!is_open(&follows) && is_open(&lost()));
        assert!(!asks_for_somebody(&in_state(AlertState::Acknowledged), &[]));
        let info = AlertLine { alert: Alert { severity: Severity::Info, ..lost().alert }, ..lost() };
        assert!(!asks_for_somebody(&info, &[]));
    }
}
