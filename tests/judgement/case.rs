//! The format of a case: a story told in steps, each a cycle with what it read and what follows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use n720d::domain::memory::Registration;
use n720d::domain::observed::HandsetState;
use n720d::domain::status::WindowState;

/// One `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What it shows.
    pub(crate) about: String,
    /// The zone of the site.
    #[serde(default = "berlin")]
    pub(crate) time_zone: String,
    /// Handset letters by slot.
    pub(crate) reserved: BTreeMap<String, char>,
    /// The window in force, if any.
    pub(crate) window: Option<CaseWindow>,
    /// The cycles, in order.
    #[serde(rename = "step")]
    pub(crate) steps: Vec<Step>,
}

fn berlin() -> String {
    "Europe/Berlin".to_owned()
}

/// Start and end, the device's local time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseWindow {
    pub(crate) opens: String,
    pub(crate) closes: Option<String>,
}

/// One cycle.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// By the site's local time.
    pub(crate) at: String,
    /// From here on the site file reserves these instead.
    pub(crate) reserved: Option<BTreeMap<String, char>>,
    /// From here on another window is in force.
    pub(crate) window: Option<CaseWindow>,
    /// The manager was not reached.
    #[serde(default)]
    pub(crate) unreached: bool,
    /// The MAC that the status page shows; the site's own unless said. `""`: unreadable.
    pub(crate) mac: Option<String>,
    /// The pending list; left out: unreadable.
    pub(crate) pending: Option<String>,
    /// DECT cells of the active accounts; left out: unreadable.
    pub(crate) slots: Option<BTreeMap<String, HandsetState>>,
    /// Editor pages that were read: a letter, `none`, or `unreadable`.
    #[serde(default)]
    pub(crate) editors: BTreeMap<String, String>,
    /// The manager fetched just before and named these slots as filled.
    pub(crate) filled: Option<BTreeSet<u8>>,
    /// Whether the last push has settled.
    #[serde(default = "yes")]
    pub(crate) settled: bool,
    /// Whether the release was verified.
    #[serde(default = "yes")]
    pub(crate) verified: bool,
    /// The verdicts, of all slots.
    pub(crate) expect: BTreeMap<String, Registration>,
    /// A part of the evidence.
    #[serde(default)]
    pub(crate) evidence: BTreeMap<String, String>,
    /// Since when the verdict holds, site's local time.
    #[serde(default)]
    pub(crate) since: BTreeMap<String, String>,
    /// When its evidence was last seen.
    #[serde(default)]
    pub(crate) seen_at: BTreeMap<String, String>,
    /// Where the window stands.
    pub(crate) window_state: Option<WindowState>,
    /// Whom the ledger notes as missing at the end of the window.
    pub(crate) missing_at_end: Option<BTreeSet<u8>>,
    /// Which editor pages are worth reading.
    pub(crate) doubtful: Option<BTreeSet<u8>>,
}

fn yes() -> bool {
    true
}
