//! Whose editor pages are worth reading in this session, because nothing else tells who is in a slot. No verdicts.

use std::collections::BTreeSet;

use super::view::{Occupant, View};
use super::{fresh, previous, reserved};
use crate::domain::desired::DesiredSite;
use crate::domain::evidence::Source;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory, SlotRecord};
use crate::domain::observed::{HandsetState, Observation};
use crate::domain::status::WindowState;

/// How many editor pages one cycle reads beyond its two pages: each costs the device a request or two, and nobody
/// else can log in meanwhile.
const EDITORS_PER_CYCLE: usize = 10;

/// Slots whose editor pages make a verdict, or the cause of a loss, certain if they are read in this cycle. `memory` is
/// that before the observation.
///
/// These are the listed slots that show a registered handset of which it is not known for sure which one it is; those
/// whose handset has left the pending list while the mobile devices page cannot be read, until one of the two comes;
/// those that are filled though a release has had its time to clear them, until it is verified; and, while a listed
/// handset is not in its slot, others that have been filled since the last reading. At most ten a cycle, in slot order, those
/// first whose page was not found unreadable the last time, so that a few broken pages hold up nobody.
pub fn doubtful(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
    settled: bool,
) -> BTreeSet<SlotNumber> {
    let is_in_doubt = |(slot, ipui): &(SlotNumber, Ipui)| {
        is_in_doubt(memory, observation, *slot, *ipui) || settled && gives_way(memory, observation, *slot)
    };
    let listed = reserved(desired).filter(is_in_doubt);
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
            !page_was_read && (view.has_left_the_list() && is_waiting(&previous) || is_nameless(&previous))
        }
    }
}

/// Whether a release has had its time to deregister who was in this slot, and a handset is in it: its successor may have
/// come in between two readings.
fn gives_way(memory: &SiteMemory, observation: &Observation, slot: SlotNumber) -> bool {
    let is_ending = memory.release.as_ref().is_some_and(|release| release.is_deregistering(slot));
    let cell = observation.slots.known().and_then(|slots| slots.get(&slot));
    is_ending && cell.is_some_and(|cell| cell.handset == HandsetState::Registered)
}

fn is_waiting(record: &SlotRecord) -> bool {
    match record.registration {
        Registration::Pending | Registration::Expired => true,
        Registration::Unknown | Registration::Reserved | Registration::Registered | Registration::Lost => {
            false
        }
    }
}

/// Whether it is taken to be registered on evidence that names no handset.
fn is_nameless(record: &SlotRecord) -> bool {
    let by_the_way = matches!(record.source, Some(Source::PendingThenGone | Source::FilledSlots));
    record.registration == Registration::Registered && by_the_way && record.registered_ipui.is_none()
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

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, Empty, Filled, Page, Reserved, listed, slots, whole};
    use crate::domain::world::slot;

    #[test]
    fn only_filled_slots_of_a_page_that_was_read_are_in_doubt() {
        let bench = Bench::of(&[(1, 1), (2, 2), (3, 3)]);
        let cells = [(1, Filled), (2, Reserved), (4, Filled)];
        let look = whole(&[2], &cells);
        assert_eq!(bench.asks_for(0, look), slots(&[1]));
        let read = look.editors(&[(1, Page::Shows(9))]);
        assert_eq!(bench.asks_for(0, read), slots(&[]), "whoever it is, it is known");
        assert_eq!(bench.asks_for(0, listed(&[2])), slots(&[]), "nothing was known of it before");
    }

    #[test]
    fn a_handset_that_leaves_the_list_behind_another_may_have_taken_its_place() {
        let mut bench = Bench::of(&[(1, 1)]);
        bench.read(0, whole(&[1], &[(1, Filled)]).editors(&[(1, Page::Shows(9))]));
        let gone = whole(&[], &[(1, Filled)]);
        assert_eq!(bench.asks_for(5, gone), slots(&[1]));
        bench.read(5, gone.editors(&[(1, Page::Shows(9))]));
        assert_eq!(bench.asks_for(10, gone), slots(&[]), "it has not");
    }

    #[test]
    fn a_successor_may_have_come_in_between_two_readings() {
        let mut bench = Bench::of(&[(1, 1)]);
        let filled = whole(&[], &[(1, Filled)]);
        bench.read(0, filled.editors(&[(1, Page::Shows(9))]));
        assert_eq!(bench.asks_for(5, filled), slots(&[]), "it is known who is there");
        bench.replaces(5, &[(1, 1)]);
        assert_eq!(bench.asks_for(10, filled), slots(&[1]));
        bench.read(10, filled.editors(&[(1, Page::Shows(1))]));
        bench.released(5, &[(1, 1)]);
        assert_eq!(bench.asks_for(15, filled), slots(&[]), "it is verified");
    }

    #[test]
    fn other_slots_that_fill_while_a_listed_handset_is_away_may_hold_it() {
        let mut bench = Bench::of(&[(1, 1)]);
        bench.read(0, whole(&[], &[(1, Filled), (7, Empty), (8, Filled)]).editors(&[(1, Page::Shows(1))]));
        let moved = [(1, Empty), (7, Filled), (8, Filled)];
        assert_eq!(bench.asks_for(5, whole(&[], &moved)), slots(&[7]), "slot 8 was filled before");
        let added = [(1, Filled), (7, Filled)];
        assert_eq!(bench.asks_for(5, whole(&[], &added)), slots(&[]), "nobody is away");
        bench.read(5, whole(&[], &moved).editors(&[(7, Page::Cut)]));
        assert_eq!(bench.asks_for(10, whole(&[], &moved)), slots(&[]), "it is not news any more");
    }

    #[test]
    fn ten_pages_a_cycle_those_that_failed_last() {
        let all: Vec<(u8, u8)> = (1..=12).map(|number| (number, number)).collect();
        let cells: Vec<_> = all.iter().map(|(number, _)| (*number, Filled)).collect();
        let mut bench = Bench::of(&all);
        let asked = bench.asks_for(0, whole(&[], &cells));
        assert_eq!(asked, (1..=10).map(slot).collect());
        bench.read(0, whole(&[], &cells).editors(&[(1, Page::Cut), (2, Page::Shows(2)), (5, Page::Cut)]));
        let asked = bench.asks_for(5, whole(&[], &cells));
        assert_eq!(asked, slots(&[1, 3, 4, 6, 7, 8, 9, 10, 11, 12]), "one that failed has room");
    }
}
