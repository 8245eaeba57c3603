//! Alerts: kinds, severities, and the life of one. Which conditions hold is decided in [`super::conditions`]; who is
//! told, and when, in `alerting`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{Ipui, SlotNumber};

/// What an alert is about. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A window closes soon and handsets are missing.
    WindowClosing,
    /// A window closed and handsets are missing.
    WindowExpiredUnfilled,
    /// A handset that was registered is not any more.
    HandsetLost,
    /// The device differs from the site file.
    Drift,
    /// A step would deregister a working handset.
    PlanNeedsApproval,
    /// What was pushed twice changed nothing.
    PushIneffective,
    /// The manager did not fetch what was released.
    PushFailed,
    /// The manager cannot be reached.
    Unreachable,
    /// The manager refused the web password.
    LoginRefused,
    /// Somebody else has been logged in for long.
    SessionBusy,
    /// A page was not understood.
    PageNotUnderstood,
    /// The manager's firmware does not know registration by IPUI.
    FirmwareTooOld,
    /// Another device answers at the manager's address.
    WrongDevice,
    /// The manager's clock is off.
    ClockSkew,
    /// An IPUI is reserved that the site file does not know.
    ForeignReservation,
    /// The window is open though nobody is expected.
    WindowExposed,
    /// The site file has errors; the last good one is in force.
    SiteFileInvalid,
    /// A secret cannot be resolved.
    SecretMissing,
    /// The site has not been read for long.
    ObservationStale,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To know.
    Info,
    /// To be looked at in working hours.
    Warning,
    /// Somebody's phone does not work, or n720d is blind.
    Critical,
}

/// Where an alert stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// The condition holds.
    Firing,
    /// It holds and somebody has taken it.
    Acknowledged,
    /// It holds and nobody is to be told.
    Silenced,
    /// It was positively seen not to hold.
    Resolved,
}

/// One alert of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `site/kind`, or `site/kind/subject` where a site can have several of a kind. Stable from first to resolved.
    pub id: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How urgent.
    pub severity: Severity,
    /// One sentence for a person: what happened and what to do.
    pub summary: String,
    /// Since when the condition holds.
    pub since: DateTime<Utc>,
    /// Where it stands.
    pub state: AlertState,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved_at: Option<DateTime<Utc>>,
    /// The handsets it is about, each with what its user must do.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub handsets: Vec<HandsetNote>,
}

/// A handset in an alert, with the instruction for the person on the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetNote {
    /// Slot number.
    pub number: SlotNumber,
    /// The handset.
    pub ipui: Option<Ipui>,
    /// SIP user id.
    pub user: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// What its user must do.
    pub instruction: String,
}

/// A condition that holds after a cycle: an alert without a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: AlertKind,
    /// Tells several of a kind apart, e.g. `window 2`; usually empty.
    pub subject: String,
    /// How urgent.
    pub severity: Severity,
    /// One sentence for a person.
    pub summary: String,
    /// The handsets it is about.
    pub handsets: Vec<HandsetNote>,
}

/// What a cycle says about one kind of alert for which it names no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The condition was looked for and positively does not hold: an alert of this kind resolves.
    Clear,
    /// It could not be looked for: an alert of this kind stays as it is.
    Unknown,
}
