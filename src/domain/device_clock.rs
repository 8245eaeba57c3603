//! The clock of a DECT manager: what it shows when, and when it shows what.
//!
//! A registration window is counted by the manager's own clock in local time, so every question about a window goes
//! through here: a clock that is off, an hour that the zone skips (gap), an hour that it shows twice (fold). No
//! windows here, and no clock is read.

use chrono::offset::LocalResult;
use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

use super::observed::Observation;

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

    /// The clock as an observation shows it; taken to agree with ours when there is none or it was not readable.
    pub fn observed(tz: Tz, observation: Option<&Observation>) -> Self {
        observation
            .and_then(|seen| seen.device_clock.known().map(|shown| Self::read(tz, *shown, seen.at)))
            .unwrap_or(Self::in_step(tz))
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
        shifted(by_device, -self.skew_seconds).with_timezone(&self.tz).fixed_offset()
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
