//! What people and the fleet allow a site at this moment, beyond what its own file and memory say. Plain data: the
//! daemon asks for it before each cycle, the planner goes by it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::maintenance::MaintenanceWindow;

/// What a site is allowed. The default allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clearance {
    /// Changes at this site, or at all, are paused.
    pub pause: Option<Pause>,
    /// The web password is being changed: nothing else may be released meanwhile.
    pub password_change: bool,
    /// A rollout over several sites holds this one back.
    pub rollout: Option<RolloutHold>,
    /// How many handsets the budget of the fleet still lets be deregistered in this run; `None`: there is no limit.
    pub fleet_budget_left: Option<u32>,
    /// When steps that disturb people may be carried out where the site's own file does not say; `None`: at any time.
    pub maintenance: Option<MaintenanceWindow>,
}

/// Changes are paused: nothing is written to a manager, all is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None`: until somebody resumes.
    pub until: Option<DateTime<Utc>>,
    /// Who paused.
    pub by: String,
    /// Why, if that was said.
    pub reason: String,
    /// Whether all sites are paused rather than this one.
    pub whole_fleet: bool,
}

/// Why a rollout holds a site back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutHold {
    /// It goes on by itself: canaries are being verified, or the rate limit is reached.
    Waits {
        /// What for.
        reason: String,
        /// Until when, where that is known.
        until: Option<DateTime<Utc>>,
    },
    /// It was stopped, and a person is needed; the fleet has an alert that says so.
    Stopped {
        /// Why, and what to do.
        reason: String,
    },
}
