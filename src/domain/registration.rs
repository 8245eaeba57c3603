//! Verdicts: is the handset that a slot is reserved for registered, and how is that known?
//!
//! A verdict is made from what was seen, never from what was not: a page that could not be read changes nothing, and
//! being absent from the pending list proves nothing by itself. What speaks for and against is weighed in
//! `witness`; here it becomes a record. Nothing is planned and nobody is alerted here.

mod witness;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use self::witness::{Claim, Finding};
use super::desired::DesiredSite;
use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord, Window};
use super::observed::{HandsetState, Observation, ObservedSlot};
use super::status::WindowState;

/// How many editor pages one cycle reads beyond its two pages: each costs the device a request or two, and nobody
/// else can log in meanwhile.
const EDITORS_PER_CYCLE: usize = 10;

/// Everything that a judgement rests on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What is wanted.
    pub desired: &'a DesiredSite,
    /// What was known before this cycle: its observation is the one before, its slots are the previous verdicts.
    pub memory: &'a SiteMemory,
    /// What this cycle read; `None`: nothing.
    pub observation: Option<&'a Observation>,
    /// The window in force.
    pub window: Option<&'a Window>,
    /// Where it stands.
    pub window_state: WindowState,
    /// Whether the last push has settled. Until then verdicts stay as they are.
    pub settled: bool,
    /// By our clock.
    pub now: DateTime<Utc>,
}

/// The verdict on every listed slot that is reserved for a handset.
///
/// `since` moves when the verdict changes, `seen_at` when its evidence was seen again. An observation of a manager that
/// is not this site's, or that does not say which it is, decides nothing.
pub fn judge(scene: &Scene<'_>) -> BTreeMap<SlotNumber, SlotRecord> {
    let reserved = scene.desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)));
    reserved.map(|(slot, ipui)| (slot, judge_slot(scene, slot, ipui))).collect()
}

/// Slots that show a registered handset of which it is not known for sure which one it is: reading their editor pages
/// in this cycle makes the verdict certain. At most ten a cycle, in slot order, those first whose page was not found
/// unreadable the last time, so that a few broken pages hold up nobody.
pub fn doubtful(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
) -> BTreeSet<SlotNumber> {
    let Some(slots) = observation.slots.known() else { return BTreeSet::new() };
    let in_doubt = |slot: &SlotNumber, ipui: Ipui| {
        let shown = slots.get(slot).is_some_and(|seen| seen.handset == HandsetState::Registered);
        let read = observation.editors.get(slot).is_some_and(|reading| reading.known().is_some());
        let remembered = previous(memory, *slot, ipui).and_then(|record| record.registered_ipui);
        let contradicted = remembered == Some(ipui) && is_listed(observation, ipui);
        shown && !read && (remembered.is_none() || contradicted)
    };
    let failed = |slot: &SlotNumber| {
        let last = memory.observation.as_ref().and_then(|last| last.editors.get(slot));
        last.is_some_and(|reading| reading.known().is_none())
    };
    let reserved = desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)));
    let (later, sooner): (Vec<_>, Vec<_>) =
        reserved.filter(|(slot, ipui)| in_doubt(slot, *ipui)).map(|(slot, _)| slot).partition(failed);
    sooner.into_iter().chain(later).take(EDITORS_PER_CYCLE).collect()
}

/// Which slot each pending handset is reserved for. The status page lists them in slot order without saying which; the
/// mobile devices page says which slots are reserved. `None` unless both were read and agree in number, as they do not
/// while a slot without an active account is reserved, or when something changed between the two pages.
pub fn pending_by_slot(observation: &Observation) -> Option<BTreeMap<SlotNumber, Ipui>> {
    let pending = observation.pending.known()?;
    let is_reserved = |(_, seen): &(&SlotNumber, &ObservedSlot)| seen.handset == HandsetState::Pending;
    let reserved: Vec<SlotNumber> =
        observation.slots.known()?.iter().filter(is_reserved).map(|(slot, _)| *slot).collect();
    (reserved.len() == pending.len()).then(|| reserved.into_iter().zip(pending.iter().copied()).collect())
}

/// The record of this slot, unless it is about another handset.
fn previous(memory: &SiteMemory, slot: SlotNumber, ipui: Ipui) -> Option<&SlotRecord> {
    memory.slots.get(&slot).filter(|record| record.ipui == ipui)
}

/// Whether the status page lists the handset as pending; `false` also when that was not read.
fn is_listed(observation: &Observation, ipui: Ipui) -> bool {
    observation.pending.known().is_some_and(|pending| pending.contains(&ipui))
}

fn judge_slot(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let previous = previous(scene.memory, slot, ipui);
    let mut record = previous.cloned().unwrap_or_else(|| fresh(scene, slot, ipui));
    let Some(observation) = scene.observation else { return record };
    let view = witness::View { scene, observation, slot, ipui, previous };
    match observation.mac.known() {
        Some(mac) if *mac == scene.desired.manager.mac => record.registered_ipui = view.registered_ipui(),
        Some(_) => return record,
        // It may be this manager: enough to doubt what is remembered, not to learn from.
        None => {
            record.registered_ipui =
                record.registered_ipui.filter(|ipui| view.registered_ipui() == Some(*ipui));
            return record;
        }
    }
    // Unreadable is not empty: without the pending list nothing is decided.
    if observation.pending.known().is_none() {
        return record;
    }
    if is_listed(observation, ipui) {
        record.pending_at = Some(observation.at);
    }
    if !scene.settled {
        return record;
    }
    match view.finding() {
        Some(finding) => apply(scene, record, finding),
        None => record,
    }
}

/// The record of a handset about which nothing has been seen yet.
fn fresh(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let release = scene.memory.release.as_ref();
    let released = release.is_some_and(|release| release.reserved.get(&slot) == Some(&ipui));
    let (registration, evidence) = match (scene.settled, released) {
        (false, true) => (Registration::Reserved, "released, settling"),
        (false, false) => (Registration::Reserved, "wanted; an earlier push is settling"),
        (true, _) => (Registration::Unknown, "not read yet"),
    };
    SlotRecord {
        ipui,
        registration,
        since: scene.now,
        evidence: evidence.to_owned(),
        seen_at: scene.now,
        pending_at: None,
        registered_ipui: None,
    }
}

fn apply(scene: &Scene<'_>, mut record: SlotRecord, finding: Finding) -> SlotRecord {
    let verdict = verdict(record.registration, finding.claim, scene.window_state);
    if verdict != record.registration {
        record.registration = verdict;
        record.since = finding.seen_at;
    }
    record.evidence = match (verdict, scene.window.and_then(|window| window.closes_at)) {
        (Registration::Expired, Some(closed)) => {
            format!(
                "{}; the window closed on {} by the device's clock",
                finding.evidence,
                closed.format("%Y-%m-%d at %H:%M")
            )
        }
        _ => finding.evidence,
    };
    record.seen_at = finding.seen_at;
    record
}

/// The state machine of one slot.
fn verdict(previous: Registration, claim: Claim, window: WindowState) -> Registration {
    let had_been_registered = matches!(previous, Registration::Registered | Registration::Lost);
    match claim {
        Claim::Registered => Registration::Registered,
        Claim::Pending | Claim::NotHere if had_been_registered => Registration::Lost,
        Claim::NotHere => Registration::Reserved,
        Claim::Pending => match window {
            WindowState::Closed => Registration::Expired,
            WindowState::None | WindowState::Scheduled | WindowState::Open | WindowState::Always => {
                Registration::Pending
            }
        },
        Claim::Undecided => previous,
    }
}
