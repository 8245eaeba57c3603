//! The clock of a DECT manager: what it shows when, and when it shows what.
//!
//! A registration window is counted by the manager's own clock, so every question about a window goes through here.
//! Times of that clock carry the offset of its zone: in the hour that comes twice, the time alone does not say which
//! is meant. No windows here, and no clock is read.

use chrono::offset::LocalResult;
use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// How long after the beginning of a session the status page may be served, in seconds.
const PAGE_SECONDS: i64 = 30;
/// The page shows whole minutes.
const MINUTE: i64 = 60;
/// Clocks that are set by the network are off by a wrong zone or a missed clock change: a multiple of this.
const ZONE_STEP: i64 = 15 * MINUTE;

/// The clock of one DECT manager. It counts its time zone's local time, from an instant that may be off ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceClock {
    /// The zone it shows, as the site file says.
    pub tz: Tz,
    /// Its time minus ours in seconds; 0 when they agree as far as whole minutes tell.
    pub skew_seconds: i64,
}

impl DeviceClock {
    /// A clock that agrees with ours.
    pub fn in_step(tz: Tz) -> Self {
        Self { tz, skew_seconds: 0 }
    }

    /// A clock that showed `shown` (in whole minutes) in a session that began at `at`.
    pub fn read(tz: Tz, shown: NaiveDateTime, at: DateTime<Utc>) -> Self {
        Self { tz, skew_seconds: skew_seconds(shown, at, tz) }
    }

    /// The clock as it was last read, what it showed and when; in step with ours when it never was.
    pub fn last_read(tz: Tz, shown: Option<(NaiveDateTime, DateTime<Utc>)>) -> Self {
        shown.map_or(Self::in_step(tz), |(clock, at)| Self::read(tz, clock, at))
    }

    /// What it shows at this moment, to the second, with the offset that its zone has by its own calendar.
    pub fn shows(self, now: DateTime<Utc>) -> DateTime<FixedOffset> {
        shifted(now, self.skew_seconds).with_timezone(&self.tz).fixed_offset()
    }

    /// The moment at which it shows this, by our clock.
    pub fn ours(self, shown: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
        shifted(shown.to_utc(), self.skew_seconds.saturating_neg()).with_timezone(&self.tz).fixed_offset()
    }
}

/// How far a clock that shows `device` is ahead of ours, in seconds, when the session began at `at`.
///
/// The page shows whole minutes and comes up to half a minute into the session, so that a reading leaves 90 seconds
/// open. Within these the likeliest is taken: none at all, else a whole number of quarter hours (a wrong zone, a
/// missed clock change), else the middle.
pub fn skew_seconds(device: NaiveDateTime, at: DateTime<Utc>, tz: Tz) -> i64 {
    let shown = match tz.from_local_datetime(&device) {
        LocalResult::Single(instant) => (instant.to_utc() - at).num_seconds(),
        LocalResult::Ambiguous(first, second) => {
            let [first, second] = [first, second].map(|one| (one.to_utc() - at).num_seconds());
            if first.abs() <= second.abs() { first } else { second }
        }
        // A time that the zone skips: the device missed the change. What counts is the difference people see.
        LocalResult::None => (device - at.with_timezone(&tz).naive_local()).num_seconds(),
    };
    let (least, most) = (shown - PAGE_SECONDS, shown + MINUTE);
    let step = most.div_euclid(ZONE_STEP) * ZONE_STEP;
    if step >= least { step } else { least.midpoint(most) }
}

/// `instant` moved by so many seconds; where the calendar ends, it stays.
fn shifted(instant: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    TimeDelta::try_seconds(seconds).and_then(|by| instant.checked_add_signed(by)).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Sao_Paulo;
    use chrono_tz::Australia::Lord_Howe;
    use chrono_tz::Europe::Berlin;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
            .unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        local(text).and_utc()
    }

    #[test]
    fn a_clock_agrees_as_far_as_whole_minutes_and_page_time_tell() {
        let shown = local("2026-11-23T08:01");
        let agrees = ["2026-11-23T07:00:31", "2026-11-23T07:01:00", "2026-11-23T07:01:59"];
        for at in agrees {
            assert_eq!(skew_seconds(shown, utc(at), Berlin), 0, "{at}");
        }
        // A minute and more after, or more than the page can take before: it is off.
        assert_eq!(skew_seconds(shown, utc("2026-11-23T07:02:01"), Berlin), -46);
        assert_eq!(skew_seconds(shown, utc("2026-11-23T07:00:29"), Berlin), 46);
    }

    #[test]
    fn a_skew_is_the_middle_of_what_is_possible() {
        let at = utc("2026-11-23T07:00:00");
        assert_eq!(skew_seconds(local("2026-11-23T08:05"), at, Berlin), 315);
        assert_eq!(skew_seconds(local("2026-11-23T07:55"), at, Berlin), -285);
        assert_eq!(skew_seconds(local("2000-01-01T00:00"), at, Berlin) / 86_400, -9823, "never been set");
    }

    #[test]
    fn a_wrong_zone_gives_the_same_skew_at_every_second() {
        for second in 0..60 {
            let at = utc("2026-11-23T07:10:00") + TimeDelta::seconds(second);
            assert_eq!(skew_seconds(local("2026-11-23T07:10"), at, Berlin), -3600, "UTC instead of Berlin");
            assert_eq!(
                skew_seconds(local("2026-11-23T12:55"), at, Berlin),
                17_100,
                "Kathmandu instead of Berlin"
            );
        }
    }

    #[test]
    fn around_a_clock_change_a_good_clock_is_not_off() {
        let both = [("2026-10-25T00:30:10", "2026-10-25T02:30"), ("2026-10-25T01:30:10", "2026-10-25T02:30")];
        for (at, shown) in both {
            assert_eq!(skew_seconds(local(shown), utc(at), Berlin), 0, "{at}");
        }
        assert_eq!(skew_seconds(local("2026-03-29T03:00"), utc("2026-03-29T01:00:20"), Berlin), 0);
        // It did not go forward: it shows an hour that does not exist.
        assert_eq!(skew_seconds(local("2026-03-29T02:10"), utc("2026-03-29T01:10:20"), Berlin), -3600);
        // It did not go back.
        assert_eq!(skew_seconds(local("2026-10-25T03:10"), utc("2026-10-25T01:10:20"), Berlin), 3600);
    }

    #[test]
    fn it_shows_its_zones_time_through_every_kind_of_change() {
        let shown = |tz: Tz, at: &str| DeviceClock::in_step(tz).shows(utc(at)).to_rfc3339();
        assert_eq!(shown(Berlin, "2026-03-29T00:59:59"), "2026-03-29T01:59:59+01:00");
        assert_eq!(shown(Berlin, "2026-03-29T01:00:00"), "2026-03-29T03:00:00+02:00");
        assert_eq!(shown(Berlin, "2026-10-25T00:30:00"), "2026-10-25T02:30:00+02:00");
        assert_eq!(shown(Berlin, "2026-10-25T01:30:00"), "2026-10-25T02:30:00+01:00");
        assert_eq!(shown(Lord_Howe, "2026-10-03T15:30:00"), "2026-10-04T02:30:00+11:00", "half an hour only");
        assert_eq!(shown(Lord_Howe, "2026-04-04T15:10:00"), "2026-04-05T01:40:00+10:30");
        assert_eq!(shown(Sao_Paulo, "2026-11-04T03:30:00"), "2026-11-04T00:30:00-03:00", "none since 2019");
    }

    #[test]
    fn a_clock_that_is_off_shows_a_time_earlier_or_later() {
        let ahead = DeviceClock { tz: Berlin, skew_seconds: 600 };
        let shown = ahead.shows(utc("2026-11-23T07:00:00"));
        assert_eq!(shown.naive_local(), local("2026-11-23T08:10"));
        assert_eq!(ahead.ours(shown).to_rfc3339(), "2026-11-23T08:00:00+01:00");
        let behind = DeviceClock { tz: Berlin, skew_seconds: -86_400 };
        assert_eq!(behind.shows(utc("2026-11-23T07:00:00")).naive_local(), local("2026-11-22T08:00"));
    }

    #[test]
    fn an_hour_off_it_comes_to_the_clock_change_an_hour_off() {
        let slow = DeviceClock { tz: Berlin, skew_seconds: -3600 };
        assert_eq!(slow.shows(utc("2026-03-29T01:30:00")).to_rfc3339(), "2026-03-29T01:30:00+01:00");
        let shown = slow.shows(utc("2026-03-29T02:30:00"));
        assert_eq!(shown.to_rfc3339(), "2026-03-29T03:30:00+02:00");
        assert_eq!(slow.ours(shown).to_rfc3339(), "2026-03-29T04:30:00+02:00");
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_panic() {
        for skew_seconds in [i64::MIN + 1, i64::MAX] {
            let clock = DeviceClock { tz: Berlin, skew_seconds };
            assert_eq!(clock.shows(utc("2026-11-23T07:00:00")).naive_local(), local("2026-11-23T08:00"));
        }
    }
}
