//! Whose editor pages are worth reading in this session, because nothing else tells who is in a slot. No verdicts.

use std::collections::BTreeSet;

use super::view::{Occupant, View};
use super::{fresh, previous, reserved};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory};
use crate::domain::observed::{HandsetState, Observation};
use crate::domain::status::WindowState;

/// How many editor pages one cycle reads beyond its two pages: each costs the device a request or two, and nobody
/// else can log in meanwhile.
const EDITORS_PER_CYCLE: usize = 10;

/// Slots whose editor pages make a verdict, or the cause of a loss, certain if they are read in this cycle. `memory` is
/// that before the observation.
///
/// These are the listed slots that show a registered handset of which it is not known for sure which one it is; those
/// whose handset has left the pending list while the mobile devices page cannot be read; and, while a listed handset is
/// not in its slot, others that have been filled since the last reading. At most ten a cycle, in slot order, those
/// first whose page was not found unreadable the last time, so that a few broken pages hold up nobody.
pub fn doubtful(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
) -> BTreeSet<SlotNumber> {
    let listed = reserved(desired).filter(|(slot, ipui)| is_in_doubt(memory, observation, *slot, *ipui));
    let others = newly_filled(desired, memory, observation);
    let read = |slot: &SlotNumber| observation.editors.get(slot).is_some_and(|page| page.known().is_some());
    let failed = |slot: &SlotNumber| {
        let last = memory.observation.as_ref().and_then(|last| last.editors.get(slot));
        last.is_some_and(|reading| reading.known().is_none())
    };
    let wanted: BTreeSet<SlotNumber> = listed.map(|(slot, _)| slot).chain(others).collect();
    let (later, sooner): (Vec<_>, Vec<_>) = wanted.into_iter().filter(|slot| !read(slot)).partition(failed);
    sooner.into_iter().chain(later).take(EDITORS_PER_CYCLE).collect()
}

fn is_in_doubt(memory: &SiteMemory, observation: &Observation, slot: SlotNumber, ipui: Ipui) -> bool {
    let previous = previous(memory, slot, ipui)
        .cloned()
        .unwrap_or_else(|| fresh(memory, true, observation.at, slot, ipui));
    let window_state = WindowState::None;
    let view = View { memory, observation, window_state, slot, ipui, previous: &previous };
    match view.occupant() {
        // Somebody else, when this one has just left the pending list: it may have taken the place.
        Some(Occupant::Known(other)) => other != ipui && view.has_left_the_list(),
        Some(Occupant::CameIn | Occupant::NotTold(_)) => true,
        None => {
            let page_was_read = observation.slots.known().is_some();
            let was_pending = previous.registration == Registration::Pending;
            was_pending && !page_was_read && view.has_left_the_list()
        }
    }
}

/// Slots for which no handset is listed, that have been filled since the last reading while a listed handset is not in
/// its slot: it may be that one.
fn newly_filled(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
) -> BTreeSet<SlotNumber> {
    let filled = |page: &Observation, slot: &SlotNumber| {
        let cell = page.slots.known().and_then(|slots| slots.get(slot));
        cell.is_some_and(|cell| cell.handset == HandsetState::Registered)
    };
    let (Some(slots), Some(last)) = (observation.slots.known(), &memory.observation) else {
        return BTreeSet::new();
    };
    let listed: BTreeSet<SlotNumber> = reserved(desired).map(|(slot, _)| slot).collect();
    if last.slots.known().is_none() || listed.iter().all(|slot| filled(observation, slot)) {
        return BTreeSet::new();
    }
    let is_new =
        |slot: &&SlotNumber| !listed.contains(slot) && filled(observation, slot) && !filled(last, slot);
    slots.keys().filter(is_new).copied().collect()
}
