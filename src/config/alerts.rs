//! `[alerts]`: who is told of trouble, how often, and how messages are gathered; and what of it the core must know. Sinks
//! and routes are read elsewhere.

use std::time::Duration;

use super::daemon::duration;
use super::report::Located;
use super::tree::Section;
use super::{routes, sinks, value};
use crate::domain::routing::{Gathering, Routing};

use super::sinks::SinkConfig;

/// The clock of a manager is known to a minute and a half.
const LEAST_SKEW: Duration = Duration::from_secs(120);

/// Nobody means to be told of trouble later than this.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// `[alerts]`: who hears of trouble, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsConfig {
    /// After so long a firing alert is sent again, where its sink does not say otherwise.
    pub repeat_interval: Duration,
    /// How long messages are gathered, and from how many sites on they become one.
    pub gathering: Gathering,
    /// A sink that has taken nothing for so long is itself told of at the others.
    pub sink_failing: Duration,
    /// At least one; the journal when none is configured.
    pub sinks: Vec<SinkConfig>,
    /// Which alerts go where.
    pub routing: Routing,
}

/// What `[alerts]` gave.
#[derive(Debug)]
pub(super) struct AlertsReading {
    pub(super) config: AlertsConfig,
    pub(super) limits: Limits,
    /// What has to be compared with the sites.
    pub(super) routes: routes::Marks,
}

/// What of `[alerts]` the core must know.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) before_close: Vec<Duration>,
    pub(super) clock_skew: Duration,
    pub(super) pause_forgotten: Duration,
}

/// Reads the table; what is wrong is in the report.
pub(super) fn read(section: Section<'_>) -> AlertsReading {
    let repeat_interval = duration(&section, "repeat_interval", Duration::from_secs(4 * 3_600));
    let (gathering, storm_by) = gathering(&section);
    let sink_failing = duration(&section, "sink_failing", Duration::from_secs(900));
    let limits = Limits {
        before_close: before_close(&section),
        clock_skew: clock_skew(&section),
        pause_forgotten: duration(&section, "pause_forgotten", Duration::from_secs(86_400)),
    };
    let sinks = sinks::read(&section);
    let mut routes = routes::read(&section, &sinks.names);
    routes.marks.gathered_by.extend(storm_by);
    section.finish();
    let config = AlertsConfig {
        repeat_interval,
        gathering,
        sink_failing,
        sinks: sinks.configs,
        routing: routes.routing,
    };
    AlertsReading { config, limits, routes: routes.marks }
}

/// How messages are gathered, and where the labels stand that they are gathered by.
fn gathering(section: &Section<'_>) -> (Gathering, Vec<Located<String>>) {
    let default = Gathering::default();
    let wait = section.string("group_wait").and_then(|text| {
        section.report.checked(text, |text| match value::duration(text) {
            Ok(wait) if wait > LONGEST_WAIT => Err("at most 1h: nothing is told before".to_owned()),
            wait => wait,
        })
    });
    let interval = duration(section, "group_interval", default.interval);
    let storm = section.integer("storm", 2..=1_000_000_u32);
    let storm = storm.and_then(|sites| usize::try_from(sites.value).ok());
    let by: Vec<Located<String>> = section
        .strings("storm_by")
        .into_iter()
        .flatten()
        .map(|label| Located { value: label.value.to_owned(), place: label.place })
        .collect();
    let gathering = Gathering {
        wait: wait.map_or(default.wait, |wait| wait.value),
        interval,
        storm: storm.unwrap_or(default.storm),
        storm_by: by.iter().map(|label| label.value.clone()).collect(),
    };
    (gathering, by)
}

/// Longest first, each once.
fn before_close(section: &Section<'_>) -> Vec<Duration> {
    let mut lengths: Vec<Duration> = match section.strings("before_close") {
        None => vec![Duration::from_secs(86_400), Duration::from_secs(7_200)],
        Some(texts) => texts
            .into_iter()
            .filter_map(|text| section.report.checked(text, value::positive_duration))
            .map(|length| length.value)
            .collect(),
    };
    lengths.sort_unstable_by(|one, other| other.cmp(one));
    lengths.dedup();
    lengths
}

fn clock_skew(section: &Section<'_>) -> Duration {
    let skew = section.string("clock_skew").and_then(|text| {
        section.report.checked(text, |text| {
            value::duration(text).and_then(|skew| {
                if skew < LEAST_SKEW {
                    Err("a duration of at least 2m: its page shows minutes".to_owned())
                } else {
                    Ok(skew)
                }
            })
        })
    });
    skew.map_or(LEAST_SKEW, |skew| skew.value)
}
