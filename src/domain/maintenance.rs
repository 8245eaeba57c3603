//! Maintenance windows: when people may be disturbed. Not to be taken for registration windows, in which handsets come in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::schedule::Schedule;

/// A span of time that comes again and again, in which steps that disturb people may be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// When it begins.
    pub start: Schedule,
    /// How long it lasts from each beginning.
    pub length: Duration,
    /// The time zone of its start; `None`: the site's.
    pub time_zone: Option<Tz>,
}

/// Where a maintenance window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaintenanceStanding {
    /// People may be disturbed.
    Open {
        /// Until then.
        until: DateTime<Utc>,
    },
    /// They may not.
    Closed {
        /// When it opens next; `None`: never again.
        next: Option<DateTime<Utc>>,
    },
}

impl MaintenanceWindow {
    /// Where it stands now, at a site in this zone.
    pub fn standing(&self, site_zone: Tz, now: DateTime<Utc>) -> MaintenanceStanding {
        let zone = self.time_zone.unwrap_or(site_zone);
        let length = TimeDelta::from_std(self.length).unwrap_or(TimeDelta::zero());
        match self.start.last_until(now, zone).map(|begun| begun + length) {
            Some(until) if now < until => MaintenanceStanding::Open { until },
            Some(_) | None => MaintenanceStanding::Closed { next: self.start.next_after(now, zone) },
        }
    }
}
