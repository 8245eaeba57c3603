//! What is remembered of a site between cycles: plain data, loaded from the store before a cycle and kept after it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::approval::Approval;
use super::desired::WindowClock;
use super::evidence::{Source, Testimony};
use super::gaps::Gaps;
use super::ids::{Ipui, Mac, SlotNumber};
use super::loss::LossCause;
use super::neighbours::{Elsewhere, Stray};
use super::observed::{ContactFailure, FilledSlots, Observation};
use super::release::{Generation, PastRelease, Release, Version};
use super::rotation::{Ended, Rotation};
use super::shown::Shown;

/// Everything n720d remembers of one site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteMemory {
    /// The first good observation and of which manager. A first contact is never followed by a write in the same cycle.
    pub first_contact: Option<(DateTime<Utc>, Mac)>,
    /// The last observation in which the status page was read.
    pub observation: Option<Observation>,
    /// What the manager said of its filled slots at its last fetch.
    pub filled: Option<FilledSlots>,
    /// The release that the manager may fetch.
    pub release: Option<Release>,
    /// The ones before it, newest first.
    pub past_releases: Vec<PastRelease>,
    /// The VERSIONs of files that were about the web password alone. Such a file is no release as far as the site file
    /// goes, and is none of those above.
    pub password_versions: Vec<Version>,
    /// The change of its web password that has not ended.
    pub rotation: Option<Rotation>,
    /// How the one before ended.
    pub rotated: Option<Ended>,
    /// Content that was found in place without a release of ours, so that a later change of the file is noticed.
    pub baseline: Option<Generation>,
    /// The parts of that content, as in [`Release::parts`].
    pub baseline_parts: BTreeMap<String, Generation>,
    /// The last windows opened, oldest first; the last one counts.
    pub windows: Vec<Window>,
    /// Verdicts per listed slot with a reservation.
    pub slots: BTreeMap<SlotNumber, SlotRecord>,
    /// What the pages have shown as the site file wants it.
    pub shown: Shown,
    /// Who sits in slots that are not listed; `None`: nobody has looked.
    pub gaps: Option<Gaps>,
    /// Handsets that this manager holds and the site file does not list.
    pub strays: BTreeMap<Ipui, Stray>,
    /// Alerts that are not yet resolved, and those resolved whose resolution was not yet announced.
    pub alerts: Vec<Alert>,
    /// Contact attempts that failed in a row, if the last one failed.
    pub trouble: Option<Trouble>,
    /// Cycles in a row in which part of what was read was not understood; see `conditions::unreadable_cycles`.
    pub unreadable_cycles: u32,
    /// The last clock that was read off the device, and when: windows go by it while it cannot be read.
    pub clock: Option<(NaiveDateTime, DateTime<Utc>)>,
    /// The approval last given.
    pub approval: Option<Approval>,
    /// The slots that the site file listed when it was last followed; `None`: it was not, so far.
    pub listed: Option<BTreeSet<SlotNumber>>,
    /// The handsets that releases of ours have deregistered in the 48 hours before the last such release, and at it,
    /// oldest first: those that count today are among them.
    pub deregistered: Vec<Deregistration>,
    /// What kept the last orders from being carried out, if something did.
    pub hindrance: Option<Hindrance>,
    /// Keyed hash of a web password that the device refused.
    pub refused_password: Option<Generation>,
    /// When the nightly audit last ran.
    pub audited_at: Option<DateTime<Utc>>,
}

impl SiteMemory {
    /// Every VERSION that stands for some content already.
    pub fn used_versions(&self) -> impl Iterator<Item = &Version> {
        let last = self.release.iter().map(|release| &release.version);
        last.chain(self.past_releases.iter().map(|past| &past.version)).chain(&self.password_versions)
    }
}

/// A handset that a release of ours has deregistered, or was about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deregistration {
    /// When it was released.
    pub at: DateTime<Utc>,
    /// The release.
    pub release: i64,
    /// From which slot.
    pub slot: SlotNumber,
    /// Which one; `None`: no page told.
    pub ipui: Option<Ipui>,
}

/// Failed contacts in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When the first of them happened.
    pub since: DateTime<Utc>,
    /// How many.
    pub failures: u32,
    /// The last one.
    pub last: ContactFailure,
    /// Whether a password was posted in one of them and nothing clear came of it.
    #[serde(default)]
    pub unclear: bool,
}

/// Orders that failed before anything was released: an enrolment that the device did not take, a file that cannot be
/// written. Trying again at once would keep the device's only session taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hindrance {
    /// When they last failed.
    pub since: DateTime<Utc>,
    /// How often in a row.
    pub failures: u32,
    /// Why.
    pub why: String,
    /// What the site file asked for then: a corrected file need not wait.
    #[serde(default)]
    pub wanted: Option<Generation>,
}

impl Hindrance {
    /// The wait after the first failure, in seconds; it doubles with each further one.
    const FIRST_WAIT_SECONDS: i64 = 30;
    /// The longest wait, in seconds: six hours.
    const LONGEST_WAIT_SECONDS: i64 = 6 * 60 * 60;

    /// When orders may be carried out again.
    pub fn over_at(&self) -> DateTime<Utc> {
        let doublings = self.failures.saturating_sub(1).min(16);
        let seconds = (Self::FIRST_WAIT_SECONDS << doublings).min(Self::LONGEST_WAIT_SECONDS);
        self.since + TimeDelta::seconds(seconds)
    }

    /// Whether orders for this wait. A failure in the future (our clock was set back) holds up nothing.
    pub fn holds(&self, wanted: &Generation, now: DateTime<Utc>) -> bool {
        let same = self.wanted.as_ref().is_none_or(|then| then == wanted);
        same && self.since <= now && now < self.over_at()
    }
}

/// One entry of the window ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its number within the site, from 1.
    pub number: u32,
    /// Start by the device's clock: the local time that it shows then, with the offset of its zone.
    pub opens_at: DateTime<FixedOffset>,
    /// End, likewise, so many real seconds later; `None`: never closes.
    pub closes_at: Option<DateTime<FixedOffset>>,
    /// When it was meant to open, by a clock that is right; `None`: that was not written down.
    #[serde(default)]
    pub meant_at: Option<DateTime<Utc>>,
    /// What the manager was taken to count its start in when it was written.
    #[serde(default)]
    pub written_in: WindowClock,
    /// How many reopenings led to it: 0 for the first.
    pub reopened: u8,
    /// Why it was opened.
    pub reason: String,
    /// The policy it was made from (start and duration as in the site file), so that an edited file opens a new one.
    pub policy: String,
    /// Listed slots whose handset was missing when it was released.
    pub missing_at_start: BTreeSet<SlotNumber>,
    /// The release that carries it; `None`: not written down yet.
    #[serde(default)]
    pub release: Option<WindowRelease>,
    /// Those that came in while it was the last one opened.
    #[serde(default)]
    pub arrivals: BTreeMap<SlotNumber, Arrival>,
    /// Listed slots whose handset was still missing at the first observation after its end.
    pub missing_at_end: Option<BTreeSet<SlotNumber>>,
}

/// The release that carries a window: the first that the manager fetched, until then the last one made. The ledger
/// outlives the releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRelease {
    /// Its VERSION.
    pub version: Version,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// When the manager first fetched it.
    pub fetched_at: Option<DateTime<Utc>>,
}

impl Window {
    /// How long it is open, in real seconds; `None`: for ever.
    pub fn length(&self) -> Option<TimeDelta> {
        Some(self.closes_at? - self.opens_at)
    }

    /// When it was meant to end, by a clock that is right; `None`: never, or that was not written down.
    pub fn meant_end(&self) -> Option<DateTime<Utc>> {
        self.meant_at?.checked_add_signed(self.length()?)
    }
}

/// A handset that came in through a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Which one.
    pub ipui: Ipui,
    /// From when on it could come in.
    pub admitted_at: DateTime<Utc>,
    /// When it was first seen registered.
    pub seen_at: DateTime<Utc>,
    /// When it was last seen to be missing; `None`: it never was.
    pub missing_at: Option<DateTime<Utc>>,
}

/// What is known of one reserved slot, and on what grounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRecord {
    /// The handset the verdict is about. With another IPUI in the site file the record starts anew.
    pub ipui: Ipui,
    /// The verdict.
    pub registration: Registration,
    /// Since when it holds.
    pub since: DateTime<Utc>,
    /// Where what it rests on was seen; `None`: nothing was seen yet, or by an earlier version.
    #[serde(default)]
    pub source: Option<Source>,
    /// What was seen.
    pub evidence: String,
    /// When that was last seen.
    pub seen_at: DateTime<Utc>,
    /// Weaker evidence that says otherwise, strongest first.
    #[serde(default)]
    pub conflicts: Vec<Testimony>,
    /// The likely cause, of a lost handset.
    #[serde(default)]
    pub cause: Option<LossCause>,
    /// When it was last seen registered.
    #[serde(default)]
    pub registered_at: Option<DateTime<Utc>>,
    /// When this handset was last listed as pending.
    pub pending_at: Option<DateTime<Utc>>,
    /// How it was waiting then.
    #[serde(default)]
    pub waiting: Waiting,
    /// The IPUI that this slot's editor page last showed, while a handset was registered ever since.
    pub registered_ipui: Option<Ipui>,
    /// Whether the slot, when a page last showed it, held a registered handset of which no page has told which it is.
    #[serde(default)]
    pub unread_handset: bool,
    /// When the record began; `None`: before this was written down.
    #[serde(default)]
    pub began: Option<DateTime<Utc>>,
    /// Where else this handset was seen, while it is missing here.
    #[serde(default)]
    pub elsewhere: Option<Elsewhere>,
}

/// How a handset was last seen waiting: what makes its coming in recognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// Its own slot was seen reserved for it, and empty.
    pub in_its_slot: bool,
    /// The device let handsets in.
    pub window_open: bool,
}

impl Waiting {
    /// What both say.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            in_its_slot: self.in_its_slot && other.in_its_slot,
            window_open: self.window_open && other.window_open,
        }
    }
}

impl SlotRecord {
    /// A record that begins `at` this time, of a handset of which nothing has been seen.
    pub fn new(ipui: Ipui, registration: Registration, at: DateTime<Utc>) -> Self {
        Self {
            ipui,
            registration,
            since: at,
            source: None,
            evidence: String::new(),
            seen_at: at,
            conflicts: Vec::new(),
            cause: None,
            registered_at: None,
            pending_at: None,
            waiting: Waiting::default(),
            registered_ipui: None,
            unread_handset: false,
            began: Some(at),
            elsewhere: None,
        }
    }

    /// The evidence for people, with the likely cause of a loss behind it.
    pub fn explained(&self) -> String {
        match self.cause {
            Some(cause) => format!("{}; {cause}", self.evidence),
            None => self.evidence.clone(),
        }
    }

    /// The grounds of the verdict for people: the evidence, the likely cause of a loss, and where else the handset was
    /// seen.
    pub fn grounds(&self, zone: Tz) -> String {
        let explained = self.explained();
        match &self.elsewhere {
            Some(elsewhere) => format!("{explained}; the handset is {}", elsewhere.told(zone)),
            None => explained,
        }
    }

    /// Whether the slot was last seen with a handset in it, whichever it was.
    pub fn may_hold_handset(&self) -> bool {
        self.registered_ipui.is_some() || self.unread_handset || self.registration == Registration::Registered
    }
}

/// The verdict on one reserved handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// Nothing is known.
    Unknown,
    /// Wanted or released; the device does not show it.
    Reserved,
    /// The device lists it as reserved and not registered; its window has not closed.
    Pending,
    /// Registered, on positive evidence.
    Registered,
    /// Still pending after its window closed.
    Expired,
    /// Was registered, and positively is not any more.
    Lost,
}

impl Registration {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reserved => "reserved",
            Self::Pending => "pending",
            Self::Registered => "registered",
            Self::Expired => "expired",
            Self::Lost => "lost",
        }
    }
}

impl Registration {
    /// Whether somebody waits for this handset.
    pub fn is_missing(self) -> bool {
        match self {
            Self::Pending | Self::Expired | Self::Lost | Self::Reserved => true,
            Self::Unknown | Self::Registered => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_an_earlier_version_stored_still_loads() {
        let stored = r#"{"ipui": "02 B6 EC 8A A5", "registration": "lost", "since": "2026-11-22T03:41:03Z",
            "evidence": "listed as pending on the status page", "seen_at": "2026-11-22T03:41:05Z",
            "pending_at": "2026-11-22T03:41:05Z", "registered_ipui": null}"#;
        let record: SlotRecord = serde_json::from_str(stored).unwrap();
        assert_eq!((record.registration, record.source, record.cause), (Registration::Lost, None, None));
        assert_eq!((record.conflicts, record.registered_at), (Vec::new(), None));
        assert_eq!((record.waiting, record.unread_handset), (Waiting::default(), false));
    }
}
