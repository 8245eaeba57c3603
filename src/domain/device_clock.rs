//! The clock of a DECT manager: what it shows when, and when it shows what.
//!
//! A registration window is counted by the manager's own clock in local time, so every question about a window goes
//! through here: a clock that is off, an hour that the zone skips (gap), an hour that it shows twice (fold). No
//! windows here, and no clock is read.

use chrono::offset::LocalResult;
use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

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

    /// What it shows now, to the second.
    pub fn device_now(self, now: DateTime<Utc>) -> NaiveDateTime {
        let ahead = shifted(now, self.skew_seconds);
        ahead.with_timezone(&self.tz).naive_local()
    }

    /// When it shows this: the first instant after a gap, the first of the two in a fold.
    pub fn instant(self, device_time: NaiveDateTime) -> DateTime<FixedOffset> {
        self.ours(resolve(self.tz, device_time, Showing::First))
    }

    /// When it shows this for the last time: as [`Self::instant`], but the second of the two in a fold.
    pub fn last_instant(self, device_time: NaiveDateTime) -> DateTime<FixedOffset> {
        self.ours(resolve(self.tz, device_time, Showing::Last))
    }

    fn ours(self, by_device: DateTime<Utc>) -> DateTime<FixedOffset> {
        shifted(by_device, self.skew_seconds.saturating_neg()).with_timezone(&self.tz).fixed_offset()
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

/// Which of the two instants an ambiguous time stands for.
#[derive(Debug, Clone, Copy)]
enum Showing {
    First,
    Last,
}

fn resolve(tz: Tz, local: NaiveDateTime, showing: Showing) -> DateTime<Utc> {
    match (tz.from_local_datetime(&local), showing) {
        (LocalResult::Single(instant), _) => instant.to_utc(),
        (LocalResult::Ambiguous(first, _), Showing::First) => first.to_utc(),
        (LocalResult::Ambiguous(_, last), Showing::Last) => last.to_utc(),
        (LocalResult::None, _) => after_gap(tz, local),
    }
}

fn after_gap(tz: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let end = GapInfo::new(&local, &tz).and_then(|gap| gap.end).map(|end| end.to_utc());
    // No gap of the zone data lacks an end; the zone's offset at that time is as near as one can come.
    end.unwrap_or_else(|| shifted(local.and_utc(), -i64::from(offset_seconds(tz, local))))
}

fn offset_seconds(tz: Tz, local: NaiveDateTime) -> i32 {
    tz.offset_from_utc_datetime(&local).fix().local_minus_utc()
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

    fn first(tz: Tz, text: &str) -> String {
        DeviceClock::in_step(tz).instant(local(text)).to_rfc3339()
    }

    fn last(tz: Tz, text: &str) -> String {
        DeviceClock::in_step(tz).last_instant(local(text)).to_rfc3339()
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
    fn a_skipped_time_comes_at_the_end_of_the_gap() {
        assert_eq!(first(Berlin, "2026-03-29T02:00"), "2026-03-29T03:00:00+02:00");
        assert_eq!(first(Berlin, "2026-03-29T02:59"), "2026-03-29T03:00:00+02:00");
        assert_eq!(last(Berlin, "2026-03-29T02:30"), "2026-03-29T03:00:00+02:00");
        assert_eq!(first(Lord_Howe, "2026-10-04T02:10"), "2026-10-04T02:30:00+11:00", "half an hour only");
        assert_eq!(first(Sao_Paulo, "2018-11-04T00:30"), "2018-11-04T01:00:00-02:00", "at midnight");
        assert_eq!(
            first(chrono_tz::Pacific::Apia, "2011-12-30T12:00"),
            "2011-12-31T00:00:00+14:00",
            "a whole day"
        );
    }

    #[test]
    fn a_time_shown_twice_has_a_first_and_a_last_instant() {
        assert_eq!(first(Berlin, "2026-10-25T02:30"), "2026-10-25T02:30:00+02:00");
        assert_eq!(last(Berlin, "2026-10-25T02:30"), "2026-10-25T02:30:00+01:00");
        assert_eq!(first(Lord_Howe, "2026-04-05T01:45"), "2026-04-05T01:45:00+11:00");
        assert_eq!(last(Lord_Howe, "2026-04-05T01:45"), "2026-04-05T01:45:00+10:30");
        assert_eq!(first(Sao_Paulo, "2018-02-17T23:15"), "2018-02-17T23:15:00-02:00");
        assert_eq!(last(Sao_Paulo, "2018-02-17T23:15"), "2018-02-17T23:15:00-03:00");
    }

    #[test]
    fn a_clock_that_is_off_shows_a_time_earlier_or_later() {
        let ahead = DeviceClock { tz: Berlin, skew_seconds: 600 };
        assert_eq!(ahead.device_now(utc("2026-11-23T07:00:00")), local("2026-11-23T08:10"));
        assert_eq!(ahead.instant(local("2026-11-23T08:10")).to_rfc3339(), "2026-11-23T08:00:00+01:00");
        let behind = DeviceClock { tz: Berlin, skew_seconds: -86_400 };
        assert_eq!(behind.device_now(utc("2026-11-23T07:00:00")), local("2026-11-22T08:00"));
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_panic() {
        for skew_seconds in [i64::MIN + 1, i64::MAX] {
            let clock = DeviceClock { tz: Berlin, skew_seconds };
            assert_eq!(clock.device_now(utc("2026-11-23T07:00:00")), local("2026-11-23T08:00"));
        }
    }
}
