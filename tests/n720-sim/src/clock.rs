//! The two clocks of a device: how long it runs, and what it believes the time of day to be.
//!
//! The only file that reads a clock. Everything else takes a [`Moment`].

use chrono::{DateTime, Duration as Span, LocalResult, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use std::time::Duration;
use tokio::time::Instant;

/// One instant, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the device was started; never goes back.
    pub(crate) up: Duration,
    /// The true time of day.
    pub(crate) utc: DateTime<Utc>,
}

/// Measures from the start of one device.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { up: self.0.elapsed(), utc: Utc::now() }
    }
}

/// What the device believes the time to be: true time plus an error, shown in its zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceClock {
    /// Seconds the device is ahead of the truth; negative: behind.
    pub(crate) offset_s: i64,
    /// The zone the device shows its time in.
    pub(crate) zone: Tz,
}

impl DeviceClock {
    /// The instant the device takes for the present one.
    pub(crate) fn believed(&self, at: Moment) -> DateTime<Utc> {
        Span::try_seconds(self.offset_s).and_then(|error| at.utc.checked_add_signed(error)).unwrap_or(at.utc)
    }

    /// The time of day on the device's display.
    pub(crate) fn shown(&self, at: Moment) -> NaiveDateTime {
        self.believed(at).with_timezone(&self.zone).naive_local()
    }

    /// The time of day on the display, `YYYY-MM-DD HH:MM:SS`.
    pub(crate) fn display(&self, at: Moment) -> String {
        self.shown(at).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// How many seconds ahead of the truth the clock would be if its display showed this.
    pub(crate) fn offset_to_show(&self, wall: NaiveDateTime, at: Moment) -> i64 {
        self.instant_of(wall).map_or(0, |instant| (instant - at.utc).num_seconds())
    }

    /// The instant a wall time in the device's zone means: the first of two, and the end of a gap.
    pub(crate) fn instant_of(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.to_utc()),
            LocalResult::None => {
                let before = wall.checked_sub_signed(Span::hours(1))?;
                self.zone.from_local_datetime(&before).earliest().map(|at| at.to_utc() + Span::hours(1))
            }
        }
    }
}

#[cfg(test)]
pub(crate) fn moment(up_s: u64, utc: &str) -> Moment {
    Moment { up: Duration::from_secs(up_s), utc: utc.parse().unwrap() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: DeviceClock = DeviceClock { offset_s: 0, zone: chrono_tz::Europe::Berlin };

    #[test]
    fn the_display_follows_zone_and_error() {
        let at = moment(0, "2017-04-24T08:00:30Z");
        assert_eq!(BERLIN.shown(at).to_string(), "2017-04-24 10:00:30");
        let wrong = DeviceClock { offset_s: -90, ..BERLIN };
        assert_eq!(wrong.shown(at).to_string(), "2017-04-24 09:59:00");
    }

    #[test]
    fn wall_times_become_instants_also_around_a_change_of_summer_time() {
        let instant = |wall: &str| BERLIN.instant_of(wall.parse().unwrap()).unwrap().to_rfc3339();
        assert_eq!(instant("2017-04-24T10:00:00"), "2017-04-24T08:00:00+00:00");
        assert_eq!(instant("2026-10-25T02:30:00"), "2026-10-25T00:30:00+00:00", "the first of two");
        assert_eq!(instant("2026-03-29T02:30:00"), "2026-03-29T01:30:00+00:00", "inside the gap");
    }

    #[test]
    fn an_offset_is_found_for_every_display() {
        let at = moment(0, "2026-07-01T12:00:00Z");
        let wall: NaiveDateTime = "2000-01-01T00:00:00".parse().unwrap();
        let clock = DeviceClock { offset_s: BERLIN.offset_to_show(wall, at), ..BERLIN };
        assert_eq!(clock.display(at), "2000-01-01 00:00:00");
        assert_eq!(BERLIN.offset_to_show(BERLIN.shown(at), at), 0);
    }

    #[test]
    fn an_absurd_error_is_no_panic() {
        let clock = DeviceClock { offset_s: i64::MAX, ..BERLIN };
        let at = moment(0, "2017-04-24T08:00:00Z");
        assert_eq!(clock.believed(at), at.utc);
    }
}
