//! The format of a case: a story told in steps, each a cycle with what it read and what follows.
//!
//! Times are the site's local time, with an offset where its clock shows them twice. A handset is a letter: `A` is
//! `02 B6 EC 8A 41`. What is said of slots stands behind their numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use n720d::domain::alert::{AlertKind, Severity};
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
    /// The handsets that the site file reserves slots for.
    #[serde(default)]
    pub(crate) reserved: BTreeMap<String, char>,
    /// `[registration]` of the site file.
    pub(crate) registration: Option<toml::Table>,
    /// A whole site file, where a case is about more than that.
    pub(crate) site: Option<String>,
    /// When what the site file says at first was released, and fetched at once. Left out: the manager is met in the
    /// first step.
    pub(crate) released_at: Option<String>,
    /// Whether that was then seen in effect.
    #[serde(default = "yes")]
    pub(crate) verified: bool,
    /// How far the device's clock is ahead: `-1h`, `+1d`, `-3650d`.
    pub(crate) clock: Option<String>,
    /// The handsets that other sites' files list, by the name of the site and the slot; `-`: the slot is to be absent.
    #[serde(default)]
    pub(crate) others: BTreeMap<String, BTreeMap<String, char>>,
    /// A part of why the site file is refused; then there are no steps.
    pub(crate) refused: Option<String>,
    /// The cycles, in order.
    #[serde(rename = "step", default)]
    pub(crate) steps: Vec<Step>,
}

/// One cycle: what changed before it, what it read, and what follows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) at: String,

    /// From here on the site file reserves these instead.
    pub(crate) reserved: Option<BTreeMap<String, char>>,
    /// From here on this is its `[registration]`.
    pub(crate) registration: Option<toml::Table>,
    /// From here on this is the site file.
    pub(crate) site: Option<String>,
    /// The manager fetched just before and named these slots as filled.
    pub(crate) filled: Option<BTreeSet<u8>>,
    /// Just before, other sites' managers were seen to hold these handsets as registered: `hamburg 4`.
    #[serde(default)]
    pub(crate) elsewhere: BTreeMap<char, String>,

    /// The handsets among those that they hold no more.
    #[serde(default)]
    pub(crate) no_longer_elsewhere: String,
    /// Just before, somebody approved the plan that the last cycle made.
    #[serde(default)]
    pub(crate) approved: bool,

    /// The manager was not reached.
    #[serde(default)]
    pub(crate) unreached: bool,
    /// The status page came incomplete, so that nothing of it could be read.
    #[serde(default)]
    pub(crate) cut: bool,
    /// The MAC that the status page shows; the site's own unless said.
    pub(crate) mac: Option<String>,
    /// From here on the device's clock is so far ahead.
    pub(crate) clock: Option<String>,
    /// The pending list; left out: not understood, with the rest of the status page read.
    pub(crate) pending: Option<String>,
    /// DECT cells of the active accounts; left out: unreadable.
    pub(crate) slots: Option<BTreeMap<String, HandsetState>>,
    /// SIP user ids, where they are not those of the site file.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, String>,
    /// Display names, where they are not those of the site file.
    #[serde(default)]
    pub(crate) names: BTreeMap<String, String>,
    /// The registration PIN that the mobile devices page shows, where it is not that of the site file: four digits.
    pub(crate) pin: Option<String>,
    /// It is the nightly audit: the editor pages of all registered handsets are asked for.
    #[serde(default)]
    pub(crate) audit: bool,
    /// What those editor pages show that the cycle asks for: a letter, or `none`; left out: unreadable.
    #[serde(default)]
    pub(crate) editors: BTreeMap<String, String>,
    /// Whether the manager fetches at once when this cycle tells it to.
    #[serde(default = "yes")]
    pub(crate) fetches: bool,

    /// The verdicts, of all slots.
    pub(crate) expect: BTreeMap<String, Registration>,
    /// Every alert that fires: its kind and the slots of its handsets.
    #[serde(default)]
    pub(crate) alerts: BTreeSet<String>,
    /// A part of what an alert says.
    #[serde(default)]
    pub(crate) says: BTreeMap<AlertKind, String>,
    /// How urgent an alert is.
    #[serde(default)]
    pub(crate) severity: BTreeMap<AlertKind, Severity>,
    /// A part of the evidence.
    #[serde(default)]
    pub(crate) evidence: BTreeMap<String, String>,
    /// A part of weaker evidence that says otherwise; `""`: there is none.
    #[serde(default)]
    pub(crate) conflicts: BTreeMap<String, String>,
    /// The likely cause of a loss: its word.
    #[serde(default)]
    pub(crate) cause: BTreeMap<String, String>,
    /// Where else a missing handset was seen.
    #[serde(default)]
    pub(crate) seen_elsewhere: BTreeMap<String, String>,
    /// Since when the verdict holds.
    #[serde(default)]
    pub(crate) since: BTreeMap<String, String>,
    /// When its evidence was last seen.
    #[serde(default)]
    pub(crate) seen_at: BTreeMap<String, String>,
    /// A part of why a step of the plan is there, by its first words: `reserve 1`.
    #[serde(default)]
    pub(crate) why: BTreeMap<String, String>,
    /// The handsets that each step deregisters, of steps that deregister any: `"replace 1" = "A in 1, B in 2"`.
    pub(crate) deregisters: Option<BTreeMap<String, String>>,
    /// A part of what the user of a handset has to do after a step that hits it, by its first words and the slot.
    #[serde(default)]
    pub(crate) afterwards: BTreeMap<String, String>,
    /// How handsets change their places, by the steps' first words: `swap with 2`, `from 5`, `to 1`, `from hamburg 4`,
    /// `to hamburg 4`.
    pub(crate) moves: Option<BTreeMap<String, String>>,
    /// A part of what a step waits for, by its first words.
    #[serde(default)]
    pub(crate) waits: BTreeMap<String, String>,
    /// What the file that is released says of handsets, by slot: a letter, or `none` for one that is cleared.
    pub(crate) codes: Option<BTreeMap<String, String>>,
    /// The window of the file that is released: `2026-11-23T08:00 for 72000 s`; `""`: it has none.
    pub(crate) writes: Option<String>,
    /// The steps of the plan: `reserve 1: ready`, `open-window: deferred`, `replace 2: blocked (plan-needs-approval)`.
    pub(crate) steps: Option<Vec<String>>,
    /// Where the window stands.
    pub(crate) window: Option<WindowState>,
    /// When it opens, with its offset.
    pub(crate) opens_at: Option<String>,
    /// When it closes, with its offset.
    pub(crate) closes_at: Option<String>,
    /// How often it was opened again.
    pub(crate) reopened: Option<u8>,
    /// Whom the ledger notes as having come in through the last window, and when that was seen.
    pub(crate) arrivals: Option<BTreeMap<String, String>>,
    /// Whom the ledger notes as missing at the end of the last window; `[]`: nobody.
    pub(crate) missing_at_end: Option<BTreeSet<u8>>,
    /// How many windows the ledger holds, those that this cycle opens not counted.
    pub(crate) windows: Option<usize>,
    /// Which editor pages the cycle asks for.
    pub(crate) asked: Option<BTreeSet<u8>>,
    /// Whether the last release was seen in effect.
    pub(crate) in_effect: Option<bool>,
}

fn berlin() -> String {
    "Europe/Berlin".to_owned()
}

fn yes() -> bool {
    true
}
