//! `[maintenance]`, of n720d.toml and of a site file alike: when people may be disturbed. The hours of a route are written
//! the same way.

use std::time::Duration;

use super::tree::Section;
use super::value;
use crate::domain::maintenance::MaintenanceWindow;

/// Longer ones are no windows: a week is what cron's schedules can tell apart.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// What a push takes until the manager has fetched, beside the time in which it settles.
const FETCH: Duration = Duration::from_secs(60);

const START: &str = "a schedule, like \"0 2 * * *\"";

/// Reads the table; what is wrong is in the report. `settle` is how long a push may go on to act after its fetch.
pub(super) fn read(section: Section<'_>, settle: Duration) -> Option<MaintenanceWindow> {
    let report = section.report;
    let place = section.place_of("length");
    let window =
        stretch(section, "a duration like \"3h\", how long people may be disturbed from each start")?;
    if window.length < settle + FETCH {
        let expected = format!(
            "at least {} s: what is begun at its start goes on to act for so long",
            (settle + FETCH).as_secs()
        );
        report.warn(&place, format!("{} s", window.length.as_secs()), expected);
    }
    Some(window)
}

/// The hours in which a route tells its sinks; they are written as maintenance windows are.
pub(super) fn hours(section: Section<'_>) -> Option<MaintenanceWindow> {
    stretch(section, "a duration like \"10h\", how long the hours last from each start")
}

fn stretch(section: Section<'_>, expected_length: &str) -> Option<MaintenanceWindow> {
    let report = section.report;
    section.require("start", START);
    section.require("length", expected_length);
    let start = section.string("start").and_then(|text| report.checked(text, value::schedule));
    let length = section.string("length").and_then(|text| report.checked(text, length));
    let zone = section.string("time_zone").and_then(|text| report.checked(text, value::time_zone));
    section.finish();
    Some(MaintenanceWindow {
        start: start?.value,
        length: length?.value,
        time_zone: zone.map(|zone| zone.value),
    })
}

fn length(text: &str) -> Result<Duration, String> {
    match value::positive_duration(text) {
        Ok(length) if length <= LONGEST => Ok(length),
        Ok(_) => Err("at most 7d".to_owned()),
        Err(expected) if expected == value::TOO_LONG => Err("at most 7d".to_owned()),
        Err(expected) => Err(expected),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::report::Report;
    use super::super::source::Source;
    use super::super::tree;
    use super::*;

    /// What a file with this table gives, and what is said about it.
    fn reading(table: &str) -> (Option<MaintenanceWindow>, Vec<String>) {
        let source = Source::new(Path::new("n720d.toml"), format!("[maintenance]\n{table}\n"));
        let report = Report::new(&source);
        let tree = tree::parse(&report).unwrap().into_inner();
        let root = Section::root(&report, &tree);
        let window = root.section("maintenance").and_then(|section| read(section, Duration::from_secs(180)));
        root.finish();
        (window, report.into_findings().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_window_is_a_start_a_length_and_maybe_a_zone() {
        let (window, findings) = reading("start = '0 2 * * *'\nlength = '3h'\ntime_zone = 'Europe/Berlin'");
        assert_eq!(findings, [""; 0]);
        let window = window.unwrap();
        assert_eq!((window.start.to_string(), window.length.as_secs()), ("0 2 * * *".to_owned(), 10_800));
        assert_eq!(window.time_zone, Some(chrono_tz::Europe::Berlin));
        let (window, findings) = reading("start = '0 2 * * *'\nlength = '7d'");
        assert_eq!((window.unwrap().time_zone, findings), (None, Vec::new()));
    }

    #[test]
    fn half_a_window_is_none() {
        let (window, findings) = reading("");
        assert_eq!(window, None);
        assert!(
            findings[0].contains("maintenance.length: found nothing, expected a duration like"),
            "{findings:?}"
        );
        assert!(
            findings[1].contains("maintenance.start: found nothing, expected a schedule"),
            "{findings:?}"
        );
    }

    #[test]
    fn what_is_no_window_says_what_is_expected() {
        for (table, expected) in [
            ("start = '0 2 * * *'\nlength = '0s'", "a duration of at least 1s"),
            ("start = '0 2 * * *'\nlength = '7d1s'", "at most 7d"),
            ("start = '0 2 * * *'\nlength = '9999d'", "at most 7d"),
            ("start = '0 2 31 2 *'\nlength = '3h'", "a schedule that comes true"),
            (
                "start = '0 2 * * *'\nlength = '3h'\ntime_zone = 'Europe/Berlim'",
                "did you mean \"Europe/Berlin\"",
            ),
            ("start = '0 2 * * *'\nlength = '3h'\nduration = '3h'", "unknown key"),
        ] {
            let (_, findings) = reading(table);
            assert!(findings.len() == 1 && findings[0].contains(expected), "{table}: {findings:?}");
        }
    }

    #[test]
    fn one_in_which_no_push_can_end_is_a_warning() {
        let (window, findings) = reading("start = '0 2 * * *'\nlength = '239s'");
        assert!(window.is_some());
        assert_eq!(
            findings,
            [
                "n720d.toml:3:10: warning: maintenance.length: found 239 s, expected at least 240 s: what is begun at \
              its start goes on to act for so long"
            ]
        );
    }
}
