//! The conditions of the fleet as a whole that no site has: sinks that take nothing, and files that cannot be read. What of
//! them is known comes in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::alert::{Alert, AlertKind, AlertState, Condition, Severity};
use crate::domain::ids::SiteName;
use crate::domain::wording::{clock, local};

/// How many files are named.
const NAMED: usize = 10;
/// How many lines of what is wrong are shown.
const LINES: usize = 20;

/// How a sink does, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkSight {
    /// Nothing was told through it since the start.
    Untried,
    /// It took what it was told last.
    Works,
    /// It did not.
    Fails {
        /// Since the first failure in a row.
        since: DateTime<Utc>,
        /// What alone it does not take, in words; `None`: it takes nothing.
        about: Option<String>,
        /// What the last one was.
        why: String,
        /// Whether that is long enough for others to be told.
        for_long: bool,
    },
}

/// What is wrong with the files of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokenFiles {
    /// The site files that are not watched since the start, by name, with a line for each thing that is wrong.
    pub not_watched: BTreeMap<String, Vec<String>>,
    /// The files because of which the last reload was refused, so that what was in force before still is.
    pub refused: BTreeMap<String, Vec<String>>,
}

impl BrokenFiles {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.not_watched.is_empty() && self.refused.is_empty()
    }
}

/// Sinks that have taken nothing for long. One that was said to fail stays so until it takes something: a start, or that
/// there is nothing to tell, is no proof.
pub fn of_sinks(sinks: &BTreeMap<String, SinkSight>, before: &[Alert]) -> Vec<Condition> {
    let look = |(sink, sight): (&String, &SinkSight)| {
        let standing = standing(sink, before);
        match sight {
            SinkSight::Works => None,
            SinkSight::Untried => standing,
            SinkSight::Fails { for_long: false, .. } if standing.is_none() => None,
            SinkSight::Fails { since, about, why, .. } => Some(failing(sink, *since, about.as_deref(), why)),
        }
    };
    sinks.iter().filter_map(look).collect()
}

fn failing(sink: &str, since: DateTime<Utc>, about: Option<&str>, why: &str) -> Condition {
    let since = clock(local(since, Tz::UTC));
    let mend = format!("look at its settings and at the receiver, then run 'n720d alerts test {sink}'");
    let summary = match about {
        None => format!(
            "the alert sink {sink} has taken nothing since {since}: {why}; nobody is told through it until it does, and \
             then what holds at that time; {mend}"
        ),
        Some(about) => format!(
            "the alert sink {sink} has not taken what there is to tell of {about} since {since}, whatever else it takes: \
             {why}; nobody is told of that through it; {mend}"
        ),
    };
    Condition::new(AlertKind::SinkFailing, Severity::Warning, summary).on(sink)
}

/// The condition that a standing alert of this sink was made of.
fn standing(sink: &str, before: &[Alert]) -> Option<Condition> {
    let condition = Condition::new(AlertKind::SinkFailing, Severity::Warning, "").on(sink);
    let id = condition.id(&SiteName::of_fleet());
    let alert = before.iter().find(|alert| alert.id == id && alert.state != AlertState::Resolved)?;
    Some(Condition {
        severity: alert.severity,
        summary: alert.summary.clone(),
        phase: alert.phase.clone(),
        readings: alert.readings.clone(),
        ..condition
    })
}

/// Files that cannot be read, all in one: they are mended together.
pub fn of_files(broken: &BrokenFiles) -> Option<Condition> {
    if broken.is_empty() {
        return None;
    }
    let (not_watched, refused) = (named(broken.not_watched.keys()), named(broken.refused.keys()));
    let mut said = Vec::new();
    if !not_watched.is_empty() {
        said.push(format!("site files have errors, and their sites are not watched: {not_watched}"));
    }
    if !refused.is_empty() {
        said.push(format!(
            "a reload changed nothing, and what was in force before still is, because of {refused}"
        ));
    }
    let summary =
        format!("{}; mend them by what 'n720d check' says, then run 'n720d reload'", said.join("; "));
    let lines = broken.not_watched.values().chain(broken.refused.values()).flatten();
    let mut readings: Vec<String> = lines.clone().take(LINES).cloned().collect();
    let more = lines.count().saturating_sub(LINES);
    if more > 0 {
        readings.push(format!("and {more} more"));
    }
    let phase = format!("not watched: {not_watched}; refused: {refused}");
    let condition = Condition::new(AlertKind::SiteFileInvalid, Severity::Warning, summary).in_phase(phase);
    Some(Condition { readings, ..condition })
}

fn named<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names.take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::super::{Conditions, live_on};
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(minutes)
    }

    fn fails(for_long: bool) -> SinkSight {
        SinkSight::Fails { since: at(5), about: None, why: "no connection".into(), for_long }
    }

    /// The alerts of the fleet with one sink that is seen so.
    fn after(before: &[Alert], sight: &SinkSight, minute: i64) -> Vec<Alert> {
        let sinks = BTreeMap::from([("pager".to_owned(), sight.clone())]);
        let holding = of_sinks(&sinks, before);
        live_on(&SiteName::of_fleet(), before, Conditions { holding, ..Conditions::default() }, at(minute))
    }

    #[test]
    fn a_sink_that_fails_for_long_says_since_when_and_what_to_do() {
        assert_eq!(after(&[], &fails(false), 10), []);
        let alerts = after(&[], &fails(true), 20);
        assert_eq!(alerts[0].id, "fleet/sink-failing/pager");
        let summary = &alerts[0].summary;
        for part in ["1970-01-01 00:05", "no connection", "'n720d alerts test pager'"] {
            assert!(summary.contains(part), "{summary}");
        }
    }

    #[test]
    fn a_sink_that_takes_all_but_one_says_what() {
        let about = Some("acme".to_owned());
        let sight = SinkSight::Fails { since: at(5), about, why: "400".into(), for_long: true };
        let summary = &after(&[], &sight, 20)[0].summary;
        for part in [
            "what there is to tell of acme since",
            "whatever else it takes: 400",
            "'n720d alerts test pager'",
        ] {
            assert!(summary.contains(part), "{summary}");
        }
    }

    #[test]
    fn it_ends_when_the_sink_takes_something_and_not_with_a_start_or_a_new_row_of_failures() {
        let alerts = after(&[], &fails(true), 20);
        for sight in [SinkSight::Untried, fails(false), fails(true)] {
            let still = after(&alerts, &sight, 30);
            assert_eq!(still[0].state, AlertState::Firing, "{sight:?}");
            assert_eq!(still[0].since, at(20), "{sight:?}");
            assert!(still[0].summary.contains("1970-01-01 00:05"), "{sight:?}");
        }
        let ended = after(&alerts, &SinkSight::Works, 30);
        assert_eq!((ended[0].state, ended[0].resolved_at), (AlertState::Resolved, Some(at(30))));
        assert_eq!(after(&ended, &SinkSight::Untried, 40), ended, "an end is not taken back");
    }

    #[test]
    fn a_sink_that_is_gone_fails_no_more() {
        let alerts = after(&[], &fails(true), 20);
        assert_eq!(of_sinks(&BTreeMap::new(), &alerts), []);
    }

    fn broken(count: usize) -> BrokenFiles {
        let file =
            |number| (format!("site{number:02}.toml"), vec![format!("site{number:02}.toml:1:1: wrong")]);
        BrokenFiles { not_watched: (0..count).map(file).collect(), refused: BTreeMap::new() }
    }

    #[test]
    fn broken_files_are_named_with_what_is_wrong_and_what_follows() {
        assert_eq!(of_files(&broken(0)), None);
        let one = of_files(&broken(1)).unwrap();
        assert!(
            one.summary.contains("site00.toml") && one.summary.contains("not watched"),
            "{}",
            one.summary
        );
        assert_eq!(one.readings, ["site00.toml:1:1: wrong"]);
        let refused =
            of_files(&BrokenFiles { refused: broken(2).not_watched, ..BrokenFiles::default() }).unwrap();
        assert!(refused.summary.contains("still is"), "{}", refused.summary);
        assert_ne!(refused.phase, one.phase, "another file is worth another message");
        let both = of_files(&BrokenFiles { refused: broken(2).not_watched, ..broken(1) }).unwrap();
        assert!(
            both.summary.contains("are not watched: site00.toml; a reload changed nothing"),
            "{}",
            both.summary
        );
        assert_ne!(both.phase, one.phase, "so is that a reload was refused because of the same one");
    }

    #[test]
    fn of_many_broken_files_some_are_named() {
        let many = of_files(&broken(500)).unwrap();
        assert!(many.summary.contains("site09.toml and 490 more"), "{}", many.summary);
        assert_eq!(many.readings.len(), LINES + 1);
        assert_eq!(many.readings.last().unwrap(), "and 480 more");
    }
}
