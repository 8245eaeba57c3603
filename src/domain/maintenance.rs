//! Maintenance windows: when people may be disturbed. Not to be taken for registration windows, in which handsets come in.

use std::time::Duration;

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
