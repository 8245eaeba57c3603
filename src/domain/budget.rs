//! Budgets: how many handsets releases of ours may deregister at a site within a day. Counting only: what follows is
//! decided in `permit`.

use chrono::{DateTime, Days, TimeZone, Utc};
use chrono_tz::Tz;

use super::memory::Deregistration;

/// A per cent of few handsets never comes to less than this: at a small site a swap must be possible.
pub const PERCENT_ALLOWS_AT_LEAST: u32 = 5;

/// Handsets that releases of ours may deregister at one site within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteBudget {
    /// In number.
    pub per_day: u32,
    /// In per cent of the handsets registered there, 0 to 100; never less than [`PERCENT_ALLOWS_AT_LEAST`]. The smaller of
    /// both counts.
    pub per_day_percent: u8,
}

impl SiteBudget {
    /// What holds unless `n720d.toml` says otherwise.
    pub const DEFAULT: Self = Self { per_day: 10, per_day_percent: 50 };
}

impl Default for SiteBudget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl SiteBudget {
    /// How many a day, where so many handsets are registered.
    pub fn of_day(self, registered: u32) -> u32 {
        self.per_day.min(percent(registered, self.per_day_percent).max(PERCENT_ALLOWS_AT_LEAST))
    }
}

/// So many per cent of this, rounded down.
pub fn percent(of: u32, percent: u8) -> u32 {
    u32::try_from(u64::from(of) * u64::from(percent) / 100).unwrap_or(u32::MAX)
}

/// How many were deregistered today, by the calendar of this zone.
pub(super) fn used_today(deregistered: &[Deregistration], zone: Tz, now: DateTime<Utc>) -> u32 {
    let today = now.with_timezone(&zone).date_naive();
    let of_today =
        deregistered.iter().filter(|one| one.at.with_timezone(&zone).date_naive() >= today).count();
    u32::try_from(of_today).unwrap_or(u32::MAX)
}

/// When the next day begins in this zone.
pub(super) fn tomorrow(zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = now.with_timezone(&zone).date_naive().checked_add_days(Days::new(1))?;
    // Where midnight is skipped, the day begins an hour later.
    let begins =
        (0..24).find_map(|hour| zone.from_local_datetime(&next.and_hms_opt(hour, 0, 0)?).earliest())?;
    Some(begins.to_utc())
}

#[cfg(test)]
mod tests {
    use super::super::world::{ipui, slot};
    use super::*;

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Deregistration {
        Deregistration { at: time(text), release: 1, slot: slot(1), ipui: Some(ipui(1)) }
    }

    #[test]
    fn the_smaller_of_number_and_per_cent_counts_and_a_few_are_always_allowed() {
        let budget = SiteBudget { per_day: 10, per_day_percent: 25 };
        let allowed = [0, 2, 20, 24, 36, 40, 100].map(|registered| budget.of_day(registered));
        assert_eq!(allowed, [5, 5, 5, 6, 9, 10, 10]);
        assert_eq!(SiteBudget { per_day: 2, per_day_percent: 100 }.of_day(90), 2, "a number is a number");
        assert_eq!(SiteBudget { per_day: 0, per_day_percent: 100 }.of_day(90), 0);
        assert_eq!(percent(u32::MAX, 100), u32::MAX);
    }

    #[test]
    fn a_day_is_one_of_the_sites_calendar() {
        let past = [at("2026-11-22T22:30:00Z"), at("2026-11-22T23:30:00Z"), at("2026-11-23T10:00:00Z")];
        let used = |now: &str| used_today(&past, BERLIN, time(now));
        assert_eq!(used("2026-11-22T22:45:00Z"), 3, "those ahead of a clock that was set back count");
        assert_eq!(used("2026-11-23T12:00:00Z"), 2, "the first was before midnight in Berlin");
        assert_eq!(used("2026-11-23T23:00:00Z"), 0);
        assert_eq!(tomorrow(BERLIN, time("2026-11-22T22:45:00Z")), Some(time("2026-11-22T23:00:00Z")));
    }

    #[test]
    fn a_day_that_has_no_midnight_begins_an_hour_later() {
        let zone = chrono_tz::America::Santiago;
        assert_eq!(tomorrow(zone, time("2026-09-05T12:00:00Z")), Some(time("2026-09-06T04:00:00Z")));
    }
}
