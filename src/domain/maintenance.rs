//! Maintenance windows: when people may be disturbed. Not to be taken for registration windows, in which handsets come in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::schedule::Schedule;

/// How many joins of windows that touch or overlap are followed for the end of a stretch: enough for every schedule
/// that leaves a pause somewhere in the day, and an end to the search where there is none.
const JOINS: usize = 48;

/// A span of time that comes again and again, in which steps that disturb people may be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// When it begins.
    pub start: Schedule,
    /// How long it lasts from each beginning, in time that passes: a clock change makes it neither longer nor shorter.
    pub length: Duration,
    /// The time zone of its start; `None`: the site's.
    pub time_zone: Option<Tz>,
}

/// How a maintenance window stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaintenanceStanding {
    /// People may be disturbed.
    Open {
        /// Until before this instant. Windows that touch or overlap are one; where they go on without end, this is an
        /// instant far enough ahead rather than the end.
        until: DateTime<Utc>,
    },
    /// They may not.
    Closed {
        /// When it opens next; `None`: never again (after the year 2100).
        next: Option<DateTime<Utc>>,
    },
}

impl MaintenanceWindow {
    /// How it stands at a site with this time zone. Each window holds from its start, inclusive, for its length,
    /// exclusive; a start in the hour that a clock change leaves out comes right after it, one in the hour that comes
    /// twice comes once (see [`Schedule`]).
    pub fn standing(&self, site_zone: Tz, now: DateTime<Utc>) -> MaintenanceStanding {
        let zone = self.time_zone.unwrap_or(site_zone);
        let length = TimeDelta::from_std(self.length).unwrap_or(TimeDelta::MAX);
        // The first window that is not over yet.
        let Some(first) = now.checked_sub_signed(length).and_then(|over| self.start.next_after(over, zone))
        else {
            return MaintenanceStanding::Closed { next: None };
        };
        if first > now {
            return MaintenanceStanding::Closed { next: Some(first) };
        }
        MaintenanceStanding::Open { until: self.joined(first, length, zone) }
    }

    /// The end of the stretch that goes on at `first`.
    fn joined(&self, first: DateTime<Utc>, length: TimeDelta, zone: Tz) -> DateTime<Utc> {
        let mut until = first + length;
        // Nearly always the next window is far away: that costs one look instead of a search backwards.
        if self.start.next_after(first, zone).is_none_or(|next| next > until) {
            return until;
        }
        for _ in 0..JOINS {
            match self.start.last_until(until, zone).map(|last| last + length) {
                Some(longer) if longer > until => until = longer,
                Some(_) | None => break,
            }
        }
        until
    }
}

#[cfg(test)]
mod tests;
