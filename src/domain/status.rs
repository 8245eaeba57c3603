//! The status of a site as people and scripts see it: the JSON of `n720d status` and of the API.
//!
//! Field names are part of the interface. Built from memory and plan by [`super::assess`]; holds no secret.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::approval::ApprovalState;
use super::desired::Mode;
use super::evidence::Source;
use super::ids::{Ipui, SiteName, SlotNumber};
use super::memory::Registration;
use super::plan::Step;
use super::release::Generation;
use super::rotation::PasswordChange;

/// All sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// In order of their names.
    pub sites: Vec<SiteStatus>,
    /// What concerns all of them; `None`: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<WholeFleet>,
}

/// The fleet as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WholeFleet {
    /// Alerts about no site in particular that are not resolved.
    pub alerts: Vec<Alert>,
    /// The last rollout; `None`: there was none.
    pub rollout: Option<RolloutStatus>,
    /// The pause of all sites, times in UTC; `None`: there is none.
    #[serde(default)]
    pub pause: Option<PauseStatus>,
}

/// A configuration on its way to the sites that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutStatus {
    /// Its number, rising.
    pub id: i64,
    /// When it was taken in force.
    pub since: DateTime<Utc>,
    /// How far it has come.
    pub state: RolloutState,
    /// How many sites it changes.
    pub sites: usize,
    /// The sites that go first; of one that a canary stopped, that one.
    pub canaries: Vec<SiteName>,
    /// How many sites have something of it before them.
    pub waiting: usize,
    /// What it waits for, or why it was stopped.
    pub reason: Option<String>,
}

/// How far a rollout has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutState {
    /// Only canaries follow.
    Canary,
    /// All follow.
    GoingOn,
    /// Nobody does, until a person has done something.
    Stopped,
    /// It is over.
    Done,
}

impl RolloutState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::GoingOn => "going-on",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteStatus {
    /// Its name.
    pub site: SiteName,
    /// For people.
    pub description: String,
    /// From the site file.
    pub labels: BTreeMap<String, String>,
    /// In one word.
    pub health: Health,
    /// Why, in one sentence.
    pub reason: String,
    /// Whether n720d may write.
    pub mode: Mode,
    /// When the manager was last read; the site's time zone.
    pub observed_at: Option<DateTime<FixedOffset>>,
    /// The manager's firmware.
    pub firmware: Option<String>,
    /// The device's clock minus ours in seconds, as far as whole minutes tell; 0 when they agree.
    pub clock_skew_seconds: Option<i64>,
    /// How far the file has come.
    pub generation: GenerationStatus,
    /// The registration window.
    pub window: WindowStatus,
    /// Whether changes are paused; `None`: they are not.
    #[serde(default)]
    pub pause: Option<PauseStatus>,
    /// The listed slots.
    pub slots: Vec<SlotStatus>,
    /// Alerts that are not resolved.
    pub alerts: Vec<Alert>,
    /// What there is to do.
    pub plan: PlanStatus,
    /// How far the change of the web password is, or how the last one ended; left out where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_change: Option<PasswordChange>,
}

/// The health of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Everything is as the site file says, every listed handset registered.
    Converged,
    /// Under way: a push settles, or handsets may still come in.
    Waiting,
    /// Something differs and is not being mended by itself.
    Drifted,
    /// A person is needed.
    Blocked,
    /// The manager cannot be read.
    Unreachable,
    /// Not read yet, or not understood.
    Unknown,
}

impl Health {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converged => "converged",
            Self::Waiting => "waiting",
            Self::Drifted => "drifted",
            Self::Blocked => "blocked",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}

/// Identities of content at each stage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// What the site file asks for.
    pub desired: Option<Generation>,
    /// What the manager may fetch.
    pub released: Option<Generation>,
    /// What it last fetched.
    pub fetched: Option<Generation>,
    /// What was last seen in effect.
    pub verified: Option<Generation>,
}

/// State of the registration window by the device's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowState {
    /// There is none.
    #[default]
    None,
    /// It will open.
    Scheduled,
    /// It is open.
    Open,
    /// It has closed.
    Closed,
    /// It is open and never closes.
    Always,
}

impl WindowState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Always => "always",
        }
    }
}

/// The registration window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowStatus {
    /// Its state.
    pub state: WindowState,
    /// When it opens or opened; the site's time zone.
    pub opens_at: Option<DateTime<FixedOffset>>,
    /// When it closes or closed.
    pub closes_at: Option<DateTime<FixedOffset>>,
    /// How often it was opened again.
    pub reopened: u8,
}

/// A pause: the manager is read, and nothing is written to it. Times are in the site's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseStatus {
    /// Since when.
    pub since: DateTime<FixedOffset>,
    /// Until when; `None`: until somebody resumes.
    pub until: Option<DateTime<FixedOffset>>,
    /// Who paused.
    pub by: String,
    /// Why, if that was said.
    pub reason: String,
    /// Whether all sites are paused rather than this one.
    pub whole_fleet: bool,
}

/// One listed slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Slot number.
    pub number: SlotNumber,
    /// The handset reserved for it.
    pub ipui: Option<Ipui>,
    /// SIP user id.
    pub user: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// The verdict.
    pub registration: Registration,
    /// Since when.
    pub since: Option<DateTime<FixedOffset>>,
    /// On what grounds; of a lost handset with the likely cause.
    pub evidence: String,
    /// Where that was seen; `None`: nothing was seen yet.
    #[serde(default)]
    pub source: Option<Source>,
    /// When that was last seen; the site's time zone.
    #[serde(default)]
    pub evidence_at: Option<DateTime<FixedOffset>>,
    /// Weaker evidence that says otherwise, strongest first.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
    /// The likely cause, of a lost handset: a word of [`super::loss::LossCause`].
    #[serde(default)]
    pub cause: Option<String>,
}

/// Evidence against a verdict that is weaker than what the verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Where it was seen.
    pub source: Source,
    /// What was seen.
    pub evidence: String,
    /// When; the site's time zone.
    pub at: DateTime<FixedOffset>,
}

/// The plan, in what people read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanStatus {
    /// Hash over steps and observed state; `None` when there is no step.
    pub hash: Option<Generation>,
    /// The steps.
    pub steps: Vec<Step>,
    /// The approval last given, as far as it matters still: until the release that makes use of it has come to its end, or until
    /// it expires. Of this plan or, when stale, of another.
    #[serde(default)]
    pub approval: Option<ApprovalStatus>,
}

/// An approval, in what people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStatus {
    /// Of which plan.
    pub hash: Generation,
    /// Who approved, in order.
    pub by: Vec<String>,
    /// When the last of them did; the site's time zone.
    pub at: DateTime<FixedOffset>,
    /// From then on it holds no more.
    pub expires_at: DateTime<FixedOffset>,
    /// How it stands to the present plan.
    pub state: ApprovalState,
}
