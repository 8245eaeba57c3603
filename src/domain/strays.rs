//! Strays: handsets that a manager holds and its site file does not list, as they come and go; and where the handsets
//! that are missing here were seen instead.
//!
//! A stray goes only when a page positively shows it gone. What another site's manager holds proves nothing about this
//! one: a handset that is registered there stays missing here.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::desired::DesiredSite;
use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord};
use super::neighbours::{Elsewhere, Hold, Home, Stray};
use super::observed::{HandsetState, Observation};
use super::registration;

/// The most that are kept of one manager: a handset and a reservation for each of its 100 slots.
const MOST: usize = 200;
/// When a stray was last seen is written down this often at most, so that a cycle that found nothing new writes nothing.
const SEEN_EVERY: TimeDelta = TimeDelta::hours(1);

/// The handsets about which a turn has to ask the neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    /// Seen here and not listed: where is their home?
    pub foreign: BTreeSet<Ipui>,
    /// Listed here and not registered: who holds them?
    pub missing: BTreeSet<Ipui>,
}

/// What to ask before a turn over this observation, which must be of the site's own manager.
pub fn questions(desired: &DesiredSite, memory: &SiteMemory, seen: Option<&Observation>) -> Questions {
    let listed = listed(desired);
    let pending = seen.and_then(|seen| seen.pending.known()).into_iter().flatten();
    let editors = seen.into_iter().flat_map(|seen| seen.editors.values());
    let registered = editors.filter_map(|reading| reading.known()?.as_ref());
    let foreign = pending.chain(registered).chain(memory.strays.keys());
    let is_registered = |(slot, ipui): &(SlotNumber, Ipui)| {
        memory
            .slots
            .get(slot)
            .is_some_and(|record| record.ipui == *ipui && record.registration == Registration::Registered)
    };
    let wanted = desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)));
    Questions {
        foreign: foreign.copied().filter(|ipui| !listed.contains(ipui)).take(MOST).collect(),
        missing: wanted.filter(|one| !is_registered(one)).map(|(_, ipui)| ipui).collect(),
    }
}

/// The strays after an observation of this site's manager, or without one.
pub(super) fn after(
    desired: &DesiredSite,
    memory: &SiteMemory,
    seen: Option<&Observation>,
    homes: &BTreeMap<Ipui, Home>,
) -> BTreeMap<Ipui, Stray> {
    let listed = listed(desired);
    let mut strays = memory.strays.clone();
    strays
        .retain(|ipui, stray| !listed.contains(ipui) && seen.is_none_or(|seen| !is_gone(*ipui, stray, seen)));
    for (ipui, hold, slot) in seen.map(held).unwrap_or_default() {
        if listed.contains(&ipui) || (strays.len() >= MOST && !strays.contains_key(&ipui)) {
            continue;
        }
        let Some(at) = seen.map(|seen| seen.at) else { continue };
        let earlier = memory.strays.get(&ipui).filter(|known| (known.hold, known.slot) == (hold, slot));
        let recent = earlier.map(|known| known.seen_at).filter(|then| (at - *then).abs() < SEEN_EVERY);
        strays.insert(ipui, Stray { hold, slot, seen_at: recent.unwrap_or(at), home: None });
    }
    for (ipui, stray) in &mut strays {
        stray.home = homes.get(ipui).cloned();
    }
    strays
}

/// Enters where each missing handset was seen instead. Says what is new, for the history.
pub(super) fn note_elsewhere(
    slots: &mut BTreeMap<SlotNumber, SlotRecord>,
    elsewhere: &BTreeMap<Ipui, Elsewhere>,
) -> Vec<String> {
    let mut news = Vec::new();
    for (slot, record) in slots {
        let found = elsewhere.get(&record.ipui).filter(|_| record.registration != Registration::Registered);
        let place = |at: &Elsewhere| (at.site.clone(), at.slot, at.hold);
        if let Some(found) = found.filter(|found| record.elsewhere.as_ref().map(place) != Some(place(found)))
        {
            news.push(format!("slot {slot} ({}): seen elsewhere: {}", record.ipui, found.place()));
        }
        record.elsewhere = found.cloned();
    }
    news
}

fn listed(desired: &DesiredSite) -> BTreeSet<Ipui> {
    desired.slots.values().filter_map(|slot| slot.ipui()).collect()
}

/// What the pages show to be held, registered handsets last: where both are shown, the pending list was read first.
fn held(seen: &Observation) -> Vec<(Ipui, Hold, Option<SlotNumber>)> {
    let by_slot = registration::pending_by_slot(seen).unwrap_or_default();
    let slot_of = |ipui: Ipui| by_slot.iter().find(|(_, reserved)| **reserved == ipui).map(|(slot, _)| *slot);
    let pending = seen.pending.known().into_iter().flatten();
    let reserved = pending.map(|ipui| (*ipui, Hold::Reserved, slot_of(*ipui)));
    let registered = seen.editors.iter().filter_map(|(slot, reading)| {
        let ipui = (*reading.known()?)?;
        Some((ipui, Hold::Registered, Some(*slot)))
    });
    reserved.chain(registered).collect()
}

/// Whether the pages positively show that this stray is not held any more as it was.
fn is_gone(ipui: Ipui, stray: &Stray, seen: &Observation) -> bool {
    let listed = seen.pending.known().map(|pending| pending.contains(&ipui));
    match (stray.hold, stray.slot) {
        (Hold::Reserved, _) => listed == Some(false),
        (Hold::Registered, Some(slot)) => {
            let shown = seen.slots.known().map(|slots| {
                slots.get(&slot).is_some_and(|account| account.handset == HandsetState::Registered)
            });
            let other = seen.editors.get(&slot).and_then(|reading| reading.known());
            listed == Some(true) || shown == Some(false) || other.is_some_and(|shown| *shown != Some(ipui))
        }
        (Hold::Registered, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::observed::Reading;
    use super::super::world::{World, at, ipui, present, shown, slot};
    use super::*;

    fn strays(world: &World) -> BTreeMap<Ipui, Stray> {
        after(&world.desired, &world.memory, Some(&world.seen), &BTreeMap::new())
    }

    fn brief(strays: &BTreeMap<Ipui, Stray>) -> Vec<(u8, Hold, Option<u8>)> {
        let one = |(ipui, stray): (&Ipui, &Stray)| {
            (ipui.bytes()[4], stray.hold, stray.slot.map(SlotNumber::number))
        };
        strays.iter().map(one).collect()
    }

    fn cut<T>() -> Reading<T> {
        Reading::Unreadable("cut".into())
    }

    fn editor(world: &mut World, handset: Option<u8>) {
        world.seen.editors.insert(slot(5), Reading::Known(handset.map(ipui)));
    }

    fn home() -> Home {
        Home { site: "hamburg".parse().unwrap(), slot: slot(3) }
    }

    /// Handset 1 is listed, 5 is registered in slot 5, 6 is reserved for slot 6.
    fn world() -> World {
        World::new()
            .want(1, present("1013", Some(1)))
            .show_registered(1, "1013", 1)
            .show_registered(5, "1050", 5)
            .show_pending(6, "1060", 6)
    }

    #[test]
    fn whoever_is_held_and_not_listed_is_a_stray() {
        assert_eq!(brief(&strays(&world())), [(5, Hold::Registered, Some(5)), (6, Hold::Reserved, Some(6))]);
        let listed = world().want(7, present("1060", Some(6)));
        assert_eq!(
            brief(&strays(&listed)),
            [(5, Hold::Registered, Some(5))],
            "in whichever slot it is listed"
        );
    }

    #[test]
    fn a_stray_goes_only_when_a_page_shows_it_gone() {
        type Change = fn(&mut World);
        let cases: [(&str, Change, &[u8]); 9] = [
            ("no editor page was asked for", |_| {}, &[5, 6]),
            ("no page was read", |w| (w.seen.pending, w.seen.slots) = (cut(), cut()), &[5, 6]),
            ("the list lacks it", |w| w.pending().clear(), &[5]),
            (
                "the slot is empty",
                |w| drop(w.slots().insert(slot(5), shown("1050", HandsetState::None))),
                &[6],
            ),
            ("the account is gone", |w| drop(w.slots().remove(&slot(5))), &[6]),
            ("its editor page did not come", |w| drop(w.seen.editors.insert(slot(5), cut())), &[5, 6]),
            ("its editor page shows it", |w| editor(w, Some(5)), &[5, 6]),
            ("another is there", |w| editor(w, Some(9)), &[6, 9]),
            ("it is reserved, so it is registered nowhere", |w| w.pending().push(ipui(5)), &[5, 6]),
        ];
        for (what, change, left) in cases {
            let mut world = world();
            world.memory.strays = strays(&world);
            world.later(300);
            world.seen.editors.clear();
            change(&mut world);
            let found: Vec<u8> = brief(&strays(&world)).into_iter().map(|(last, ..)| last).collect();
            assert_eq!(found, left, "{what}");
        }
    }

    #[test]
    fn when_it_was_seen_moves_by_the_hour_and_at_once_when_it_moved() {
        let mut world = world();
        world.memory.strays = strays(&world);
        let seen_at = |world: &World, last| strays(world)[&ipui(last)].seen_at;
        world.later(3_599);
        assert_eq!((seen_at(&world, 5), seen_at(&world, 6)), (at(0), at(0)));
        world.later(3_600);
        assert_eq!((seen_at(&world, 5), seen_at(&world, 6)), (at(3_600), at(3_600)));
        world.later(60);
        let moved = world.show_pending(8, "1080", 8);
        let mut moved = moved;
        moved.slots().remove(&slot(6));
        moved.pending().retain(|one| *one != ipui(8));
        assert_eq!(strays(&moved)[&ipui(6)].slot, Some(slot(8)));
        assert_eq!(seen_at(&moved, 6), at(60));
    }

    #[test]
    fn homes_follow_the_configuration() {
        let mut world = world();
        let homes = BTreeMap::from([(ipui(5), home())]);
        world.memory.strays = after(&world.desired, &world.memory, Some(&world.seen), &homes);
        assert_eq!(world.memory.strays[&ipui(5)].home, Some(home()));
        let blind = after(&world.desired, &world.memory, None, &BTreeMap::new());
        assert_eq!(blind[&ipui(5)].home, None, "no site file lists it any more");
        assert_eq!(blind.len(), 2);
    }

    #[test]
    fn no_more_are_kept_than_a_manager_can_hold() {
        let mut world = World::new();
        *world.pending() = (1..=255).map(ipui).collect();
        assert_eq!(strays(&world).len(), MOST);
        assert_eq!(questions(&world.desired, &world.memory, Some(&world.seen)).foreign.len(), MOST);
    }

    #[test]
    fn neighbours_are_asked_about_the_foreign_and_the_missing_alone() {
        let mut world = world().want(2, present("1014", Some(2)));
        let asked = |world: &World| questions(&world.desired, &world.memory, Some(&world.seen));
        assert_eq!(asked(&world).foreign, BTreeSet::from([ipui(5), ipui(6)]));
        assert_eq!(asked(&world).missing, BTreeSet::from([ipui(1), ipui(2)]));
        world.remember(1, Registration::Registered, Some(1));
        world.remember(2, Registration::Lost, None);
        assert_eq!(asked(&world).missing, BTreeSet::from([ipui(2)]));
        world.memory.slots.get_mut(&slot(1)).unwrap().ipui = ipui(7);
        assert_eq!(asked(&world).missing, BTreeSet::from([ipui(1), ipui(2)]), "that was another handset");
        world.memory.strays = strays(&world);
        let blind = questions(&world.desired, &world.memory, None);
        assert_eq!(blind.foreign, BTreeSet::from([ipui(5), ipui(6)]));
    }

    #[test]
    fn a_missing_handset_is_noted_where_it_was_seen_and_stays_missing() {
        let mut world = world();
        let found = |slot_number: u8, seconds| Elsewhere {
            site: "hamburg".parse().unwrap(),
            slot: Some(slot(slot_number)),
            hold: Hold::Registered,
            seen_at: at(seconds),
            leaves: false,
        };
        let note = |world: &mut World, elsewhere: Option<Elsewhere>| {
            let found = elsewhere.into_iter().map(|at| (ipui(1), at)).collect();
            note_elsewhere(&mut world.memory.slots, &found)
        };
        world.remember(1, Registration::Lost, None);
        let said = note(&mut world, Some(found(4, 0)));
        assert_eq!(said, ["slot 1 (02 B6 EC 8A 01): seen elsewhere: registered in slot 4 of site hamburg"]);
        let record = &world.memory.slots[&slot(1)];
        assert_eq!((record.registration, &record.elsewhere), (Registration::Lost, &Some(found(4, 0))));
        assert!(note(&mut world, Some(found(4, 3_600))).is_empty(), "no news");
        assert_eq!(note(&mut world, Some(found(5, 3_600))).len(), 1, "it moved");
        assert!(note(&mut world, None).is_empty());
        assert_eq!(world.memory.slots[&slot(1)].elsewhere, None);
        world.remember(1, Registration::Registered, None);
        assert!(note(&mut world, Some(found(4, 0))).is_empty(), "it is here: what was seen there is older");
        assert_eq!(world.memory.slots[&slot(1)].elsewhere, None);
    }
}
