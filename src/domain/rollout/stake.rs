//! What a new site file would cost: the handsets known to be registered that it would deregister, and those that it does
//! not list any more. An estimate by what is remembered, made before anything is read or released.

use std::collections::{BTreeMap, BTreeSet};

use super::Stake;
use super::mark::mark;
use crate::domain::desired::{DesiredSite, DesiredSlot};
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SlotRecord};

/// The handsets that are known to be registered in their slots.
pub fn registered(slots: &BTreeMap<SlotNumber, SlotRecord>) -> BTreeMap<SlotNumber, Ipui> {
    let registered = slots.iter().filter(|(_, record)| record.registration == Registration::Registered);
    registered.map(|(&slot, record)| (slot, record.ipui)).collect()
}

/// What `desired` means to handsets that are registered in these slots.
///
/// A handset is deregistered when its slot is to be empty or to hold another one, or when it is wanted in another slot;
/// it is dropped when its slot is not listed any more, or is listed without a reservation: then nothing happens to it.
pub(super) fn stake(desired: &DesiredSite, registered: &BTreeMap<SlotNumber, Ipui>) -> Stake {
    let wanted: BTreeSet<Ipui> = desired.slots.values().filter_map(DesiredSlot::ipui).collect();
    let mut stake = Stake { mark: mark(desired), ..Stake::default() };
    for (&slot, &ipui) in registered {
        match desired.slots.get(&slot) {
            Some(listed) if listed.ipui() == Some(ipui) => {}
            Some(DesiredSlot::Absent) => {
                stake.deregisters.insert(slot, ipui);
            }
            Some(DesiredSlot::Present(listed)) if listed.ipui.is_some() => {
                stake.deregisters.insert(slot, ipui);
            }
            Some(DesiredSlot::Present(_)) | None if wanted.contains(&ipui) => {
                stake.deregisters.insert(slot, ipui);
            }
            Some(DesiredSlot::Present(_)) | None => {
                stake.drops.insert(slot, ipui);
            }
        }
    }
    stake
}

impl Stake {
    /// How many handsets it costs, those included that are only dropped.
    pub fn handsets(&self) -> usize {
        self.deregisters.len() + self.drops.len()
    }

    /// Those that were registered when this file was first looked at. Verdicts on slots that a file does not list are
    /// forgotten, and must not be missing when it is looked at again.
    pub(super) fn affected(&self) -> impl Iterator<Item = (SlotNumber, Ipui)> {
        self.deregisters.iter().chain(&self.drops).map(|(&slot, &ipui)| (slot, ipui))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::world::{at, ipui, present, site, slot};

    /// Handset 1 in slot 1, and so on up to 3, all registered.
    fn three() -> BTreeMap<SlotNumber, Ipui> {
        (1..=3).map(|number| (slot(number), ipui(number))).collect()
    }

    fn listed(slots: &[(u8, DesiredSlot)]) -> Stake {
        let slots = slots.iter().map(|(number, listed)| (slot(*number), listed.clone())).collect();
        stake(&DesiredSite { slots, ..site() }, &three())
    }

    fn numbers(slots: &BTreeMap<SlotNumber, Ipui>) -> Vec<u8> {
        slots.keys().map(|slot| slot.number()).collect()
    }

    #[test]
    fn what_stays_costs_nobody() {
        let same = [(1, present("1", Some(1))), (2, present("2", Some(2))), (3, present("3", Some(3)))];
        assert_eq!(listed(&same).handsets(), 0);
        let more = [same.as_slice(), &[(4, present("4", Some(4)))]].concat();
        assert_eq!(listed(&more).handsets(), 0, "a new one hurts nobody");
    }

    #[test]
    fn an_absent_slot_another_handset_and_a_swap_deregister() {
        let absent = [(1, DesiredSlot::Absent), (2, present("2", Some(2))), (3, present("3", Some(3)))];
        assert_eq!(numbers(&listed(&absent).deregisters), [1]);
        let other = [(1, present("1", Some(9))), (2, present("2", Some(2))), (3, present("3", Some(3)))];
        assert_eq!(numbers(&listed(&other).deregisters), [1]);
        let swap = [(1, present("1", Some(2))), (2, present("2", Some(1))), (3, present("3", Some(3)))];
        assert_eq!(numbers(&listed(&swap).deregisters), [1, 2]);
    }

    #[test]
    fn a_handset_that_moves_is_deregistered_and_one_that_is_not_listed_is_dropped() {
        let moved = [(2, present("2", Some(2))), (3, present("3", Some(3))), (7, present("1", Some(1)))];
        let stake = listed(&moved);
        assert_eq!((numbers(&stake.deregisters), numbers(&stake.drops)), (vec![1], vec![]));
        let fewer = listed(&[(2, present("2", None)), (3, present("3", Some(3)))]);
        assert_eq!((numbers(&fewer.deregisters), numbers(&fewer.drops)), (vec![], vec![1, 2]));
        assert_eq!(fewer.affected().collect::<Vec<_>>(), [(slot(1), ipui(1)), (slot(2), ipui(2))]);
    }

    #[test]
    fn only_verdicts_that_say_registered_count() {
        let record =
            |number, registration| (slot(number), SlotRecord::new(ipui(number), registration, at(0)));
        let slots = BTreeMap::from([
            record(1, Registration::Registered),
            record(2, Registration::Lost),
            record(3, Registration::Pending),
            record(4, Registration::Unknown),
        ]);
        assert_eq!(registered(&slots), BTreeMap::from([(slot(1), ipui(1))]));
    }
}
