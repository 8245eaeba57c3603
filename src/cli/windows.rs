//! `n720d history SITE --windows`: the window ledger of a site; from the running daemon or from what it stored. What
//! the ledger says is decided in `domain::ledger`.

use chrono::{DateTime, FixedOffset, TimeDelta};

use super::{CliError, Exit, async_runtime, known, output, site as listed};
use crate::api::ControlClient;
use crate::config::Config;
use crate::daemon;
use crate::domain::ids::SiteName;
use crate::domain::ledger::{self, LedgerHandset, LedgerWindow, Outcome, Statistics, WindowLedger};
use crate::domain::wording::spoken;

const WINDOWS: [&str; 11] = [
    "WINDOW", "STATE", "OPENED", "CLOSED", "RELEASE", "FETCHED", "MISSING", "CAME IN", "LEFT", "REOPENED",
    "WHY",
];

const HANDSETS: [&str; 8] = ["WINDOW", "SLOT", "USER", "NAME", "IPUI", "OUTCOME", "SEEN", "TOOK"];

/// Runs the command.
pub(super) fn run(config: &Config, site: &SiteName, limit: usize, as_json: bool) -> Result<Exit, CliError> {
    let ledger = ask(config, site, limit)?;
    if as_json {
        output::json(&ledger)?;
        return Ok(Exit::Fine);
    }
    if ledger.windows.is_empty() {
        output::line("no registration window was opened")?;
        return Ok(Exit::Fine);
    }
    // Newest last, as in a log: a terminal shows the end.
    output::table(&WINDOWS, ledger.windows.iter().rev().map(window_row).collect())?;
    let handsets = ledger.windows.iter().rev().flat_map(|window| {
        window.handsets.iter().map(|handset| handset_row(window, handset)).collect::<Vec<_>>()
    });
    output::line("")?;
    output::table(&HANDSETS, handsets.collect())?;
    output::line("")?;
    output::line(in_words(&ledger.statistics))?;
    Ok(Exit::Fine)
}

fn ask(config: &Config, site: &SiteName, limit: usize) -> Result<WindowLedger, CliError> {
    let state_dir = &config.daemon.state_dir;
    if let Some(daemon) = ControlClient::connect(state_dir).map_err(CliError::other)? {
        return async_runtime()?.block_on(daemon.windows(site, limit)).map_err(CliError::other);
    }
    let (windows, memory) = match known::left_behind(state_dir)? {
        Some(store) => {
            let windows = store.windows(site).map_err(CliError::other)?;
            (windows, store.memory(site).map_err(CliError::other)?)
        }
        None => Default::default(),
    };
    // A site whose file is gone or has errors has had windows all the same.
    if windows.is_empty() {
        listed(config, site)?;
    }
    Ok(ledger::ledger(site, config.sites.get(site), &memory, windows, limit, daemon::now()))
}

fn window_row(window: &LedgerWindow) -> Vec<String> {
    let none = || "-".to_owned();
    let came_in = |handset: &&LedgerHandset| handset.seen_at.is_some();
    let left = |handset: &&LedgerHandset| match handset.outcome {
        Outcome::Missing | Outcome::Pending | Outcome::Late | Outcome::Replaced => true,
        Outcome::Registered | Outcome::Unknown => false,
    };
    vec![
        window.number.to_string(),
        window.state.as_str().to_owned(),
        by_device(window.device_opens_at, window.opens_at),
        match (window.device_closes_at, window.closes_at) {
            (Some(shown), Some(ours)) => by_device(shown, ours),
            (Some(_) | None, _) => "never".to_owned(),
        },
        window.release.as_ref().map_or_else(none, |release| release.version.to_string()),
        window
            .release
            .as_ref()
            .map_or_else(none, |release| release.fetched_at.map_or_else(|| "never".to_owned(), minute)),
        window.missing_at_start.len().to_string(),
        window.handsets.iter().filter(came_in).count().to_string(),
        window.handsets.iter().filter(left).count().to_string(),
        window.reopened.to_string(),
        window.reason.clone(),
    ]
}

fn handset_row(window: &LedgerWindow, handset: &LedgerHandset) -> Vec<String> {
    vec![
        window.number.to_string(),
        handset.number.to_string(),
        handset.user.clone().unwrap_or_default(),
        handset.display_name.clone().unwrap_or_default(),
        handset.ipui.map(|ipui| ipui.to_string()).unwrap_or_default(),
        handset.outcome.as_str().to_owned(),
        handset.seen_at.map(minute).unwrap_or_default(),
        took(handset),
    ]
}

/// What the device's clock shows, and what a right one does where they differ.
fn by_device(shown: DateTime<FixedOffset>, ours: DateTime<FixedOffset>) -> String {
    if (shown - ours).abs() < TimeDelta::minutes(1) {
        return minute(shown);
    }
    format!("{} by its clock, {} by ours", minute(shown), minute(ours))
}

fn minute(at: DateTime<FixedOffset>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// How long it took, as exactly as it is known.
fn took(handset: &LedgerHandset) -> String {
    match (handset.at_least_seconds, handset.seconds) {
        (Some(least), Some(most)) if in_spoken(least) == in_spoken(most) => in_spoken(most),
        (Some(least), Some(most)) => format!("{} to {}", in_spoken(least), in_spoken(most)),
        (_, Some(most)) => format!("up to {}", in_spoken(most)),
        (_, None) => String::new(),
    }
}

fn in_spoken(seconds: u64) -> String {
    spoken(TimeDelta::seconds(i64::try_from(seconds).unwrap_or(i64::MAX / 1000)))
}

fn in_words(statistics: &Statistics) -> String {
    let Statistics { expected, came_in, in_first_window, timed, .. } = statistics;
    let handsets = if *expected == 1 { "handset" } else { "handsets" };
    let mut lines = vec![format!(
        "{expected} {handsets} waited for: {} came in, {} in their first window",
        share(*came_in, *expected),
        share(*in_first_window, *expected),
    )];
    let times = (statistics.median_seconds, statistics.p90_seconds, statistics.longest_seconds);
    if let (Some(median), Some(p90), Some(longest)) = times {
        lines.push(format!(
            "time to register, of {timed}: half within {}, nine of ten within {}, the longest {}",
            in_spoken(median),
            in_spoken(p90),
            in_spoken(longest)
        ));
    }
    lines.join("\n")
}

/// A number and what part of the whole it is.
fn share(part: usize, whole: usize) -> String {
    match (part * 100).checked_div(whole) {
        Some(percent) => format!("{part} ({percent} %)"),
        None => part.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339(text).unwrap()
    }

    fn window() -> LedgerWindow {
        serde_json::from_value(serde_json::json!({
            "number": 2, "state": "closed", "opens_at": "2026-11-24T08:00:00+01:00",
            "closes_at": "2026-11-25T04:00:00+01:00", "device_opens_at": "2026-11-24T07:00:00+01:00",
            "device_closes_at": "2026-11-25T03:00:00+01:00", "reopened": 1,
            "reason": "window 1 closed without 3 handsets",
            "release": {"version": "2411260800", "released_at": "2026-11-24T07:59:00+01:00",
                        "fetched_at": "2026-11-24T07:59:30+01:00"},
            "missing_at_start": [2, 3, 4], "missing_at_end": [3, 4],
            "handsets": [
                {"number": 2, "ipui": "02 9E 74 A5 99", "user": "1014", "display_name": "Workshop",
                 "outcome": "registered", "seen_at": "2026-11-24T09:31:00+01:00",
                 "missing_at": "2026-11-24T09:29:00+01:00", "seconds": 5460, "at_least_seconds": 5340},
                {"number": 3, "ipui": null, "user": null, "display_name": null, "outcome": "missing",
                 "seen_at": null, "missing_at": null, "seconds": null, "at_least_seconds": null},
                {"number": 4, "ipui": "02 00 11 22 33", "user": "1016", "display_name": null, "outcome": "late",
                 "seen_at": "2026-11-25T05:00:00+01:00", "missing_at": null, "seconds": 45, "at_least_seconds": 0},
            ]
        }))
        .unwrap()
    }

    #[test]
    fn a_window_is_one_row() {
        let expected = [
            "2",
            "closed",
            "2026-11-24 07:00 by its clock, 2026-11-24 08:00 by ours",
            "2026-11-25 03:00 by its clock, 2026-11-25 04:00 by ours",
            "2411260800",
            "2026-11-24 07:59",
            "3",
            "2",
            "2",
            "1",
            "window 1 closed without 3 handsets",
        ];
        assert_eq!(window_row(&window()), expected);
        assert_eq!(expected.len(), WINDOWS.len());
    }

    #[test]
    fn what_is_not_known_or_never_comes_is_said() {
        let mut window = window();
        window.release.as_mut().unwrap().fetched_at = None;
        (window.closes_at, window.device_closes_at) = (None, None);
        window.device_opens_at = window.opens_at + TimeDelta::seconds(59);
        let row = window_row(&window);
        assert_eq!([&row[2], &row[3], &row[5]], ["2026-11-24 08:00", "never", "never"]);
        let row = window_row(&LedgerWindow { release: None, ..window });
        assert_eq!([&row[4], &row[5]], ["-", "-"]);
    }

    #[test]
    fn a_handset_is_one_row() {
        let window = window();
        let rows: Vec<String> =
            window.handsets.iter().map(|handset| handset_row(&window, handset).join("|")).collect();
        assert_eq!(
            rows,
            [
                "2|2|1014|Workshop|02 9E 74 A5 99|registered|2026-11-24 09:31|1 h 29 min to 1 h 31 min",
                "2|3||||missing||",
                "2|4|1016||02 00 11 22 33|late|2026-11-25 05:00|0 s to 45 s",
            ]
        );
        assert_eq!(rows[0].split('|').count(), HANDSETS.len());
        assert_eq!(
            took(&LedgerHandset { at_least_seconds: Some(5459), ..window.handsets[0].clone() }),
            "1 h 30 min to 1 h 31 min"
        );
        assert_eq!(
            took(&LedgerHandset { at_least_seconds: Some(5460), ..window.handsets[0].clone() }),
            "1 h 31 min"
        );
    }

    #[test]
    fn statistics_are_told_in_words() {
        let mut statistics = Statistics {
            windows: 3,
            expected: 40,
            came_in: 39,
            in_first_window: 37,
            timed: 30,
            median_seconds: Some(640),
            p90_seconds: Some(7_500),
            longest_seconds: Some(93_600),
        };
        assert_eq!(
            in_words(&statistics),
            "40 handsets waited for: 39 (97 %) came in, 37 (92 %) in their first window\n\
             time to register, of 30: half within 10 min, nine of ten within 2 h 5 min, the longest 1 d 2 h"
        );
        statistics = Statistics { expected: 1, ..Statistics::default() };
        assert_eq!(
            in_words(&statistics),
            "1 handset waited for: 0 (0 %) came in, 0 (0 %) in their first window"
        );
        statistics = Statistics::default();
        assert_eq!(in_words(&statistics), "0 handsets waited for: 0 came in, 0 in their first window");
    }

    #[test]
    fn times_are_to_the_minute() {
        assert_eq!(minute(at("2026-11-24T07:59:59+01:00")), "2026-11-24 07:59");
    }
}
