//! Verdicts: is the handset that a slot is reserved for registered, and how is that known?
//!
//! A verdict is made from what was seen, never from what was not: a page that could not be read changes nothing, and
//! being absent from the pending list proves nothing by itself. What speaks for and against is weighed in
//! `witness`, what follows is `machine`'s, why a handset was lost is `cause`'s; here it becomes a record. Nothing is
//! planned and nobody is alerted here.

mod cause;
mod claim;
mod doubt;
mod machine;
mod reset;
mod view;
mod witness;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use self::claim::Sign;
use self::view::View;
use self::witness::Hearing;
use super::desired::DesiredSite;
use super::evidence::Source;
use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord, Window};
use super::observed::{HandsetState, Observation, ObservedSlot};
use super::status::WindowState;

pub use doubt::doubtful;

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
    let mut judged = BTreeMap::new();
    let mut records = BTreeMap::new();
    for (slot, ipui) in reserved(scene.desired) {
        let (record, is_judged) = judge_slot(scene, slot, ipui);
        judged.insert(slot, is_judged);
        records.insert(slot, record);
    }
    if let Some(observation) = scene.observation {
        cause::explain(scene, observation, &mut records, |slot| judged.get(&slot) == Some(&true));
    }
    records
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

/// The listed slots with a reservation, and for whom.
fn reserved(desired: &DesiredSite) -> impl Iterator<Item = (SlotNumber, Ipui)> {
    desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)))
}

/// The record of this slot, unless it is about another handset.
fn previous(memory: &SiteMemory, slot: SlotNumber, ipui: Ipui) -> Option<&SlotRecord> {
    memory.slots.get(&slot).filter(|record| record.ipui == ipui)
}

/// Whether the status page lists the handset as pending; `false` also when that was not read.
fn is_listed(observation: &Observation, ipui: Ipui) -> bool {
    observation.pending.known().is_some_and(|pending| pending.contains(&ipui))
}

/// The record, and whether something was seen in this observation that decided it anew.
fn judge_slot(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> (SlotRecord, bool) {
    let previous = previous(scene.memory, slot, ipui)
        .cloned()
        .unwrap_or_else(|| fresh(scene.memory, scene.settled, scene.now, slot, ipui));
    let mut record = previous.clone();
    let Some(observation) = scene.observation else { return (record, false) };
    let (memory, window_state) = (scene.memory, scene.window_state);
    let view = View { memory, observation, window_state, slot, ipui, previous: &previous };
    match observation.mac.known() {
        Some(mac) if *mac == scene.desired.manager.mac => record.registered_ipui = view.registered_ipui(),
        Some(_) => return (record, false),
        // It may be this manager: enough to doubt what is remembered, not to learn from.
        None => {
            record.registered_ipui =
                record.registered_ipui.filter(|ipui| view.registered_ipui() == Some(*ipui));
            record.waiting = record.waiting.and(view.waiting());
            return (record, false);
        }
    }
    record.waiting = view.waiting_from_here();
    // Unreadable is not empty: without the pending list nothing is decided.
    if observation.pending.known().is_none() {
        return (record, false);
    }
    if view.is_listed() {
        record.pending_at = Some(observation.at);
    }
    if !scene.settled {
        return (record, false);
    }
    let hearing = witness::hear(&view);
    let is_judged = hearing.is_some();
    let record = match hearing {
        Some(hearing) => apply(scene, record, hearing),
        None => record,
    };
    (SlotRecord { unread_handset: view.holds_unread_handset(), ..record }, is_judged)
}

/// The record of a handset about which nothing has been seen yet. Who was in the slot before stays known: the site file
/// does not change that.
fn fresh(memory: &SiteMemory, settled: bool, now: DateTime<Utc>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let release = memory.release.as_ref();
    let before = memory.slots.get(&slot);
    let released = release.is_some_and(|release| release.reserved.get(&slot) == Some(&ipui));
    let (registration, evidence) = match (settled, released) {
        (false, true) => (Registration::Reserved, "released, settling"),
        (false, false) => (Registration::Reserved, "wanted; an earlier push is settling"),
        (true, _) => (Registration::Unknown, "not read yet"),
    };
    SlotRecord {
        evidence: evidence.to_owned(),
        registered_ipui: before.and_then(|before| before.registered_ipui),
        unread_handset: before
            .is_some_and(|before| before.may_hold_handset() && before.registered_ipui.is_none()),
        ..SlotRecord::new(ipui, registration, now)
    }
}

fn apply(scene: &Scene<'_>, mut record: SlotRecord, hearing: Hearing) -> SlotRecord {
    let Hearing { decisive, mut conflicts } = hearing;
    let (sign, seen) = (decisive.claim.sign(), decisive.testimony);
    // With another handset in the slot it was never here: then it cannot have been lost.
    let waited_before = record.pending_at.is_some_and(|at| at < seen.at);
    let was_itself = !record.unread_handset || waited_before || record.registered_at.is_some();
    let verdict = machine::verdict(record.registration, was_itself, sign, scene.window_state);
    let unmoved = sign == Sign::Undecided && verdict == record.registration;
    // A source that says the same again renews what it said.
    let is_renewed = record.source.is_none_or(|source| source == seen.source);
    let is_told = seen.source == Source::MobileDevicesPage || is_renewed;
    if unmoved && (verdict == Registration::Registered || !is_told) {
        // It stays on the old grounds, and with their age.
        conflicts.insert(0, seen);
        return SlotRecord { conflicts, ..record };
    }
    if verdict != record.registration {
        record.registration = verdict;
        record.since = seen.at;
    }
    if verdict == Registration::Registered {
        record.registered_at = Some(seen.at);
    }
    if verdict != Registration::Lost {
        record.cause = None;
    }
    let closed =
        scene.window.and_then(|window| window.closes_at).filter(|_| verdict == Registration::Expired);
    let window = closed
        .map(|at| format!("; the window closed on {} by the device's clock", at.format("%Y-%m-%d at %H:%M")));
    SlotRecord {
        source: Some(seen.source),
        evidence: seen.evidence + &window.unwrap_or_default(),
        seen_at: seen.at,
        conflicts,
        ..record
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
