//! Handsets that change their place: swaps and moves within a site, moves to another site and from one, and what such
//! an arrival waits for. What other sites hold is heard as it was entered in the memory; none is asked here.

use super::super::desired::DesiredSlot;
use super::super::ids::{Ipui, SlotNumber};
use super::super::memory::SlotRecord;
use super::super::neighbours::{Elsewhere, Hold};
use super::super::plan::Relocation;
use super::{Barrier, Scene};

impl Scene<'_> {
    /// How the handset that is wanted in a slot changes its place, else how the one in it does. `other`: the slot in
    /// which the wanted one is, or may be, registered.
    pub(super) fn arrival(
        &self,
        slot: SlotNumber,
        wanted: Ipui,
        other: Option<SlotNumber>,
    ) -> Option<Relocation> {
        let from = other.filter(|&other| self.sighting.occupant(other) == Some(wanted));
        if let Some(from) = from {
            let leaving = self.sighting.occupant(slot);
            let swaps = leaving.is_some() && self.wanted_in(from) == leaving;
            return Some(if swaps {
                Relocation::Swap { with: from }
            } else {
                Relocation::From { slot: from }
            });
        }
        let abroad = self
            .held_elsewhere(slot, wanted)
            .map(|held| Relocation::FromSite { site: held.site.clone(), slot: held.slot });
        abroad.or_else(|| self.departure(slot))
    }

    /// Where the handset that is registered in a slot goes, if it is wanted in another one or at another site.
    pub(super) fn departure(&self, slot: SlotNumber) -> Option<Relocation> {
        let leaving = self.sighting.occupant(slot)?;
        let is_home = |(number, listed): &(&SlotNumber, &DesiredSlot)| {
            **number != slot && listed.ipui() == Some(leaving)
        };
        if let Some((&number, _)) = self.desired.slots.iter().find(is_home) {
            return Some(Relocation::To { slot: number });
        }
        let home = self.memory.strays.get(&leaving)?.home.as_ref()?;
        Some(Relocation::ToSite { site: home.site.clone(), slot: home.slot })
    }

    /// What keeps out a handset that another site's manager holds as registered: a handset is registered at one place,
    /// and the device there does not let go of it by itself.
    pub(super) fn barrier(&self, slot: SlotNumber, wanted: Ipui) -> Option<Barrier> {
        let held = self.held_elsewhere(slot, wanted)?;
        let (place, site) = (held.place(), &held.site);
        let there = held.slot.map_or_else(|| "its slot".to_owned(), |slot| format!("slot {slot}"));
        Some(if held.leaves {
            Barrier {
                approval: format!(
                    "handset {wanted} is {place} and moves here: site {site} deregisters it first, which is approved \
                     there (see `n720d plan {site}`), and then it is reserved here"
                ),
                departure: Some(format!(
                    "site {site} has to deregister handset {wanted} from {there} first, which is approved there: see \
                     `n720d plan {site}`"
                )),
            }
        } else {
            Barrier {
                approval: format!(
                    "handset {wanted} is {place}, and n720d is not asked to deregister it there: write state = \
                     \"absent\" for {there} into the file of site {site}, in mode \"manage\", or approve that it is \
                     reserved here all the same"
                ),
                departure: None,
            }
        })
    }

    /// Behind why a handset is to be reserved: that another site's manager holds it.
    pub(super) fn abroad(&self, slot: SlotNumber, wanted: Ipui) -> String {
        let held = self.held_elsewhere(slot, wanted);
        held.map(|held| format!("; {wanted} is {}", held.place())).unwrap_or_default()
    }

    /// The other site whose manager holds the handset that is wanted in a slot as registered.
    fn held_elsewhere(&self, slot: SlotNumber, wanted: Ipui) -> Option<&Elsewhere> {
        let record: Option<&SlotRecord> = self.memory.slots.get(&slot).filter(|record| record.ipui == wanted);
        record?.elsewhere.as_ref().filter(|held| held.hold == Hold::Registered)
    }

    fn wanted_in(&self, slot: SlotNumber) -> Option<Ipui> {
        self.desired.slots.get(&slot)?.ipui()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::ids::SiteName;
    use super::super::super::memory::Registration;
    use super::super::super::plan::{Action, Impact};
    use super::super::super::world::{World, at, ipui, present, slot};
    use super::super::DriftItem;
    use super::*;

    fn relocations(world: &World) -> Vec<(Action, u8, Option<Relocation>)> {
        let moved = |item: DriftItem| Some((item.action, item.slot?.number(), item.relocation));
        let handsets = |item: &DriftItem| item.action != Action::ConfigureAccount;
        world.drift().into_iter().filter(handsets).filter_map(moved).collect()
    }

    fn hamburg() -> SiteName {
        "hamburg".parse().unwrap()
    }

    fn from(number: u8) -> Relocation {
        Relocation::From { slot: slot(number) }
    }

    fn to(number: u8) -> Relocation {
        Relocation::To { slot: slot(number) }
    }

    fn with(number: u8) -> Relocation {
        Relocation::Swap { with: slot(number) }
    }

    /// These slots are wanted for these handsets, and hold those.
    fn site(wanted: &[(u8, u8)], held: &[(u8, u8)]) -> World {
        let user = |number: u8| format!("10{number:02}");
        let mut world = World::new();
        for (number, handset) in wanted {
            world = world.want(*number, present(&user(*number), Some(*handset)));
        }
        for (number, handset) in held {
            world = world.show_registered(*number, &user(*number), *handset);
        }
        world
    }

    #[test]
    fn two_that_change_places_are_a_swap() {
        let world = site(&[(1, 2), (2, 1)], &[(1, 1), (2, 2)]).with_baseline();
        assert_eq!(
            relocations(&world),
            [(Action::Replace, 1, Some(with(2))), (Action::Replace, 2, Some(with(1)))]
        );
    }

    #[test]
    fn three_in_a_ring_each_come_from_a_slot() {
        let world = site(&[(1, 3), (2, 1), (3, 2)], &[(1, 1), (2, 2), (3, 3)]).with_baseline();
        let ring = [(1, from(3)), (2, from(1)), (3, from(2))];
        assert_eq!(relocations(&world), ring.map(|(number, moved)| (Action::Replace, number, Some(moved))));
    }

    #[test]
    fn a_move_is_told_at_both_ends() {
        let absent = site(&[(1, 1)], &[(5, 1)]).want(5, DesiredSlot::Absent).show(1, "1001").with_baseline();
        assert_eq!(
            relocations(&absent),
            [(Action::Replace, 1, Some(from(5))), (Action::Deregister, 5, Some(to(1)))]
        );
        let given_away = site(&[(1, 1), (5, 9)], &[(5, 1)]).show(1, "1001").with_baseline();
        assert_eq!(
            relocations(&given_away),
            [(Action::Replace, 1, Some(from(5))), (Action::Replace, 5, Some(to(1)))]
        );
        let unlisted = site(&[(1, 1)], &[(5, 1)]).show(1, "1001").with_baseline();
        assert_eq!(relocations(&unlisted), [(Action::Replace, 1, Some(from(5)))]);
    }

    #[test]
    fn a_handset_that_takes_the_place_of_another_changes_none() {
        let world = site(&[(1, 2)], &[(1, 1)]).with_baseline();
        assert_eq!(relocations(&world), [(Action::Replace, 1, None)]);
        let new = site(&[(1, 1)], &[]).show(1, "1001").with_baseline();
        assert_eq!(relocations(&new), [(Action::Reserve, 1, None)]);
    }

    #[test]
    fn one_that_only_may_be_in_another_slot_is_not_said_to_move() {
        let mut world = site(&[(1, 1), (5, 5)], &[]).show(1, "1001").with_baseline();
        world.remember(5, Registration::Reserved, None);
        world.memory.slots.get_mut(&slot(5)).unwrap().unread_handset = true;
        let items = world.drift();
        let replaced = items.iter().find(|item| item.slot == Some(slot(1)) && item.action == Action::Replace);
        let replaced = replaced.unwrap();
        assert_eq!((&replaced.relocation, replaced.impact), (&None, Impact::Deregisters));
        let hits: Vec<_> = replaced.hits.iter().map(|hit| (hit.slot, hit.ipui)).collect();
        assert_eq!(hits, [(slot(5), None)]);
    }

    #[test]
    fn one_that_another_site_lists_goes_there() {
        let mut cleared = site(&[], &[(2, 2)]).want(2, DesiredSlot::Absent).with_baseline();
        cleared.stray(2, "hamburg", 7);
        let to_hamburg = Some(Relocation::ToSite { site: hamburg(), slot: slot(7) });
        assert_eq!(relocations(&cleared), [(Action::Deregister, 2, to_hamburg.clone())]);
        let mut given_away = site(&[(2, 9)], &[(2, 2)]).with_baseline();
        given_away.stray(2, "hamburg", 7);
        assert_eq!(relocations(&given_away), [(Action::Replace, 2, to_hamburg)]);
    }

    /// Handset 1 is wanted in slot 1 and held at another site.
    fn arriving(hold: Hold, leaves: bool) -> DriftItem {
        let mut world = site(&[(1, 1)], &[]).show(1, "1001").with_baseline();
        world.remember(1, Registration::Reserved, None);
        let held = Elsewhere { site: hamburg(), slot: Some(slot(4)), hold, seen_at: at(0), leaves };
        world.memory.slots.get_mut(&slot(1)).unwrap().elsewhere = Some(held);
        let mut items = world.drift();
        assert_eq!(items.len(), 1, "{items:?}");
        items.remove(0)
    }

    #[test]
    fn an_arrival_waits_until_the_other_site_has_let_go() {
        let item = arriving(Hold::Registered, true);
        let from_hamburg = Some(Relocation::FromSite { site: hamburg(), slot: Some(slot(4)) });
        assert_eq!(
            (item.action, item.impact, &item.relocation),
            (Action::Reserve, Impact::None, &from_hamburg)
        );
        assert!(item.needs_approval() && item.hits.is_empty());
        assert_eq!(
            item.why,
            "slot 1 is not reserved for 02 B6 EC 8A 01; 02 B6 EC 8A 01 is registered in slot 4 of site hamburg"
        );
        let barrier = item.barrier.unwrap();
        assert_eq!(
            barrier.approval,
            "handset 02 B6 EC 8A 01 is registered in slot 4 of site hamburg and moves here: site hamburg deregisters it \
             first, which is approved there (see `n720d plan hamburg`), and then it is reserved here"
        );
        assert_eq!(
            barrier.departure.as_deref(),
            Some(
                "site hamburg has to deregister handset 02 B6 EC 8A 01 from slot 4 first, which is approved there: see \
                 `n720d plan hamburg`"
            )
        );
    }

    #[test]
    fn where_nobody_is_asked_to_let_go_the_approval_is_enough() {
        let barrier = arriving(Hold::Registered, false).barrier.unwrap();
        assert_eq!(barrier.departure, None);
        assert_eq!(
            barrier.approval,
            "handset 02 B6 EC 8A 01 is registered in slot 4 of site hamburg, and n720d is not asked to deregister it \
             there: write state = \"absent\" for slot 4 into the file of site hamburg, in mode \"manage\", or approve \
             that it is reserved here all the same"
        );
    }

    #[test]
    fn a_reservation_at_another_site_is_no_barrier() {
        let item = arriving(Hold::Reserved, false);
        assert_eq!((item.barrier, item.relocation), (None, None));
    }

    #[test]
    fn what_was_seen_of_another_handset_is_no_barrier() {
        let mut world = site(&[(1, 1)], &[]).show(1, "1001").with_baseline();
        world.remember(1, Registration::Reserved, None);
        let record = world.memory.slots.get_mut(&slot(1)).unwrap();
        (record.ipui, record.elsewhere) = (
            ipui(9),
            Some(Elsewhere {
                site: hamburg(),
                slot: Some(slot(4)),
                hold: Hold::Registered,
                seen_at: at(0),
                leaves: true,
            }),
        );
        assert!(!world.drift()[0].needs_approval());
    }
}
