//! The registration window: from the two symbols of the file to "open or not".
//!
//! Knows nothing of handsets. Facts: n720.md, sections 2 and 3.

use crate::clock::{DeviceClock, Moment};
use chrono::{DateTime, Duration as Span, NaiveDate, NaiveDateTime, Utc};
use serde::Serialize;
use std::time::Duration;

/// What the device keeps of the last files about its window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// `ddmmyyhhii`, as it came; nothing until a file brought one.
    pub timestamp: Option<String>,
    /// Seconds; 0 means always open; nothing until a file brought one.
    pub duration_s: Option<u32>,
}

/// How the wall time of a window is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) clock: DeviceClock,
    /// The timestamp is UTC instead of the device's local time: not known for sure, so selectable.
    pub(crate) in_utc: bool,
}

impl Window {
    /// Whether any file ever set a window.
    pub fn is_set(&self) -> bool {
        self.timestamp.is_some() || self.duration_s.is_some()
    }

    /// Whether the device lets reserved handsets in.
    ///
    /// A duration of 0 is open whatever the timestamp; a timestamp that is no date never opens.
    pub(crate) fn is_open(&self, reading: Reading, at: Moment) -> bool {
        self.opening(reading, at).is_some()
    }

    /// What the window that is open at this moment began with.
    pub(crate) fn opening(&self, reading: Reading, at: Moment) -> Option<Start> {
        let believed = reading.clock.believed(at);
        match self.bounds(reading) {
            Bounds::Never => None,
            Bounds::Always => Some(Start::Always),
            Bounds::Between(from, to) => (from <= believed && believed < to).then_some(Start::At(from)),
        }
    }

    /// How long until the window opens or closes by itself, if it does.
    pub(crate) fn next_change(&self, reading: Reading, at: Moment) -> Option<Duration> {
        let believed = reading.clock.believed(at);
        let Bounds::Between(from, to) = self.bounds(reading) else { return None };
        let edge = [from, to].into_iter().find(|edge| *edge > believed)?;
        (edge - believed).to_std().ok()
    }

    fn bounds(&self, reading: Reading) -> Bounds {
        if !self.is_set() {
            return Bounds::Never;
        }
        let duration = self.duration_s.unwrap_or(0);
        if duration == 0 {
            return Bounds::Always;
        }
        let start = self.timestamp.as_deref().and_then(parse).and_then(|wall| {
            if reading.in_utc { Some(wall.and_utc()) } else { reading.clock.instant_of(wall) }
        });
        start.map_or(Bounds::Never, |from| Bounds::Between(from, from + Span::seconds(i64::from(duration))))
    }
}

/// What tells one opening of the window from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It has no beginning: it is always open.
    Always,
    /// Its beginning, by the device's own clock.
    At(DateTime<Utc>),
}

enum Bounds {
    Never,
    Always,
    Between(DateTime<Utc>, DateTime<Utc>),
}

/// `ddmmyyhhii` as a wall time; the century is this one.
fn parse(text: &str) -> Option<NaiveDateTime> {
    if text.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| text.get(at..at + 2)?.parse::<u32>().ok();
    let year = i32::try_from(part(4)?).ok()? + 2000;
    NaiveDate::from_ymd_opt(year, part(2)?, part(0)?)?.and_hms_opt(part(6)?, part(8)?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;

    const LOCAL: Reading =
        Reading { clock: DeviceClock { offset_s: 0, zone: chrono_tz::Europe::Berlin }, in_utc: false };

    fn wiki() -> Window {
        Window { timestamp: Some("2404171142".to_owned()), duration_s: Some(72_000) }
    }

    #[test]
    fn the_wiki_window_is_open_for_72000_seconds_of_local_time() {
        let open = |utc| wiki().is_open(LOCAL, moment(0, utc));
        assert!(!open("2017-04-24T09:41:59Z"));
        assert!(open("2017-04-24T09:42:00Z"));
        assert!(open("2017-04-25T05:41:59Z"));
        assert!(!open("2017-04-25T05:42:00Z"));
    }

    #[test]
    fn it_may_be_read_as_utc() {
        let reading = Reading { in_utc: true, ..LOCAL };
        assert!(!wiki().is_open(reading, moment(0, "2017-04-24T09:42:00Z")));
        assert!(wiki().is_open(reading, moment(0, "2017-04-24T11:42:00Z")));
    }

    #[test]
    fn the_clock_of_the_device_decides() {
        let fast = Reading { clock: DeviceClock { offset_s: 600, ..LOCAL.clock }, in_utc: false };
        assert!(wiki().is_open(fast, moment(0, "2017-04-24T09:32:00Z")));
        assert!(!wiki().is_open(LOCAL, moment(0, "2017-04-24T09:32:00Z")));
    }

    #[test]
    fn a_clock_that_is_off_by_a_day_or_ten_years_moves_the_window_by_as_much() {
        for offset_s in [3600, -3600, 86_400, -86_400, 315_576_000] {
            let reading = Reading { clock: DeviceClock { offset_s, ..LOCAL.clock }, in_utc: false };
            let begins = "2017-04-24T09:42:00Z".parse::<DateTime<Utc>>().unwrap() - Span::seconds(offset_s);
            let open = |early_s: i64| {
                let utc = begins - Span::seconds(early_s);
                wiki().is_open(reading, Moment { up: Duration::ZERO, utc })
            };
            assert!(!open(1) && open(0) && open(-71_999) && !open(-72_000), "{offset_s}");
        }
    }

    #[test]
    fn a_window_lasts_as_many_real_seconds_also_over_a_change_of_summer_time() {
        let lord_howe = DeviceClock { offset_s: 0, zone: chrono_tz::Australia::Lord_Howe };
        let sao_paulo = DeviceClock { offset_s: 0, zone: chrono_tz::America::Sao_Paulo };
        // The clock goes on by an hour, back by an hour, back by half an hour, not at all.
        for (clock, timestamp, from, to) in [
            (LOCAL.clock, "2803262200", "2026-03-28T21:00:00Z", "2026-03-29T05:00:00Z"),
            (LOCAL.clock, "2410262200", "2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z"),
            (lord_howe, "0404262200", "2026-04-04T11:00:00Z", "2026-04-04T19:00:00Z"),
            (sao_paulo, "2410262200", "2026-10-25T01:00:00Z", "2026-10-25T09:00:00Z"),
        ] {
            let window = Window { timestamp: Some(timestamp.to_owned()), duration_s: Some(8 * 3600) };
            let open = |utc: DateTime<Utc>| {
                window.is_open(Reading { clock, in_utc: false }, Moment { up: Duration::ZERO, utc })
            };
            let (from, to) = (from.parse::<DateTime<Utc>>().unwrap(), to.parse::<DateTime<Utc>>().unwrap());
            assert!(!open(from - Span::seconds(1)) && open(from), "{timestamp}");
            assert!(open(to - Span::seconds(1)) && !open(to), "{timestamp}");
        }
    }

    #[test]
    fn zero_is_always_and_nothing_is_never() {
        let at = moment(0, "2026-01-01T00:00:00Z");
        assert!(!Window::default().is_open(LOCAL, at));
        let always = Window { timestamp: None, duration_s: Some(0) };
        assert!(always.is_open(LOCAL, at));
        assert_eq!(always.next_change(LOCAL, at), None);
    }

    #[test]
    fn a_timestamp_that_is_no_date_never_opens() {
        let at = moment(0, "2017-04-24T09:42:00Z");
        for text in ["", "3102171142", "240417114", "24041711420", "24041711x2", "2404172460"] {
            let window = Window { timestamp: Some(text.to_owned()), duration_s: Some(72_000) };
            assert!(!window.is_open(LOCAL, at), "{text}");
        }
    }

    #[test]
    fn the_next_change_is_the_opening_then_the_closing_then_none() {
        let next = |utc| wiki().next_change(LOCAL, moment(0, utc)).map(|left| left.as_secs());
        assert_eq!(next("2017-04-24T09:41:30Z"), Some(30));
        assert_eq!(next("2017-04-24T09:42:00Z"), Some(72_000));
        assert_eq!(next("2017-04-25T05:42:00Z"), None);
    }
}
