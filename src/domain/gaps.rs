//! Gaps: slots that the site file does not list. Whoever sat there when the manager was met is somebody's normal
//! business; whoever came later was added by hand. "Add" on the web interface takes the first free slot (n720.md,
//! section 3). Nothing is done about either.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::desired::DesiredSite;
use super::fingerprint;
use super::ids::{Ipui, SlotNumber};
use super::memory::SiteMemory;
use super::neighbours::Home;
use super::observed::{HandsetState, Observation, ObservedSlot};

/// A newcomer is told of for so long, over a weekend; then it is taken to have been seen and accepted.
pub const TOLD_FOR: TimeDelta = TimeDelta::hours(72);
/// For so long its editor page is asked for, which tells the handset's number; after that only the nightly audit does.
const ASKED_FOR: TimeDelta = TimeDelta::hours(1);
/// The most editor pages that one cycle reads for newcomers.
const EDITORS_PER_CYCLE: usize = 5;

/// Who sits in slots, as far as it is told apart who was there first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gaps {
    /// Slots whose occupant is known: it was there when the manager was met, the slot was listed, or it was told of for
    /// [`TOLD_FOR`].
    #[serde(default)]
    pub familiar: BTreeMap<SlotNumber, Occupied>,
    /// The other occupied slots.
    #[serde(default)]
    pub newcomers: BTreeMap<SlotNumber, Newcomer>,
}

/// What a slot is occupied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occupied {
    /// An active account without a handset.
    Account,
    /// A handset, registered or reserved.
    Handset,
}

/// An account, or a handset, that was added to a slot which is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// When it was first seen.
    pub since: DateTime<Utc>,
    /// Which handset is registered there, if its editor page was read.
    pub ipui: Option<Ipui>,
}

/// Who sits where once this observation of the site's manager is entered. The first one that shows the mobile devices
/// page makes everybody familiar.
pub(super) fn after(desired: &DesiredSite, memory: &SiteMemory, observation: &Observation) -> Option<Gaps> {
    let Some(slots) = observation.slots.known() else {
        return memory.gaps.clone();
    };
    let mut gaps = Gaps::default();
    for (&slot, seen) in slots {
        let occupied = occupied(seen);
        let before = memory.gaps.as_ref();
        let known = before.and_then(|before| before.familiar.get(&slot)).copied();
        let newcomer = before.and_then(|before| before.newcomers.get(&slot)).copied();
        let ours = desired.slots.contains_key(&slot) || is_released(memory, slot);
        let is_accepted = newcomer.is_some_and(|one| observation.at - one.since >= TOLD_FOR);
        if before.is_none() || is_accepted {
            gaps.familiar.insert(slot, occupied);
        } else if ours {
            // Whatever becomes of a listed slot, it is no news once the file lets go of it.
            gaps.familiar.insert(slot, Occupied::Handset);
        } else if known.is_some_and(|known| known >= occupied) {
            gaps.familiar.extend(known.map(|known| (slot, known)));
        } else {
            let since = newcomer.map_or(observation.at, |one| one.since);
            let ipui = handset(observation, slot, seen, newcomer);
            gaps.newcomers.insert(slot, Newcomer { since, ipui });
        }
    }
    Some(gaps)
}

/// Newcomers whose editor page would tell which handset it is, and was not asked for.
pub(super) fn unread(memory: &SiteMemory, observation: &Observation) -> BTreeSet<SlotNumber> {
    let newcomers = memory.gaps.iter().flat_map(|gaps| &gaps.newcomers);
    let is_registered = |slot: &SlotNumber| {
        let seen = observation.slots.known().and_then(|slots| slots.get(slot));
        seen.is_some_and(|seen| seen.handset == HandsetState::Registered)
    };
    newcomers
        .filter(|(_, one)| one.ipui.is_none() && observation.at - one.since < ASKED_FOR)
        .map(|(slot, _)| *slot)
        .filter(|slot| is_registered(slot) && !observation.editors.contains_key(slot))
        .take(EDITORS_PER_CYCLE)
        .collect()
}

/// A newcomer in a few words: `slot 7 (user 7777 By hand, handset 02 B6 EC 8A A5, listed in slot 3 of site acme-hamburg)`.
pub(super) fn describe(
    slot: SlotNumber,
    newcomer: Newcomer,
    seen: Option<&ObservedSlot>,
    home: Option<&Home>,
) -> String {
    let texts = seen.map(|seen| [seen.user_id.as_deref(), seen.display_name.as_deref()]);
    let name: Vec<&str> = texts.into_iter().flatten().flatten().collect();
    let user = (!name.is_empty()).then(|| format!("user {}", name.join(" ")));
    let handset = match (seen.map(|seen| seen.handset), newcomer.ipui) {
        (Some(HandsetState::Registered), Some(ipui)) => Some(format!("handset {ipui}")),
        (Some(HandsetState::Registered), None) => Some("a handset whose number was not read".to_owned()),
        (Some(HandsetState::Pending), _) => Some("a reservation".to_owned()),
        (Some(HandsetState::None), _) => Some("no handset".to_owned()),
        (None, _) => None,
    };
    let home = home.map(|home| format!("listed in {home}"));
    let what: Vec<String> = user.into_iter().chain(handset).chain(home).collect();
    format!("slot {slot} ({})", what.join(", "))
}

fn occupied(seen: &ObservedSlot) -> Occupied {
    match seen.handset {
        HandsetState::Registered | HandsetState::Pending => Occupied::Handset,
        HandsetState::None => Occupied::Account,
    }
}

/// The file that is served fills this slot: the manager may fetch it at any time, also when the site file does not list
/// the slot any more.
fn is_released(memory: &SiteMemory, slot: SlotNumber) -> bool {
    let part = fingerprint::sign_on_part(slot);
    memory.release.as_ref().is_some_and(|release| release.parts.contains_key(&part))
}

/// Which handset is registered in a newcomer's slot: what its editor page shows, or showed while one was there since.
fn handset(
    observation: &Observation,
    slot: SlotNumber,
    seen: &ObservedSlot,
    before: Option<Newcomer>,
) -> Option<Ipui> {
    let shown = observation.editors.get(&slot).and_then(|reading| reading.known()).copied();
    match seen.handset {
        HandsetState::Registered => shown.unwrap_or_else(|| before.and_then(|before| before.ipui)),
        HandsetState::Pending | HandsetState::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::desired::DesiredSlot;
    use super::super::observed::Reading;
    use super::super::world::{World, at, ipui, present, slot};
    use super::*;

    fn enter(world: &mut World) {
        world.memory.gaps = after(&world.desired, &world.memory, &world.seen);
    }

    /// Slot 1 is listed and filled; 5 and 6 were there when the manager was met, 6 without a handset.
    fn met() -> World {
        let mut world = World::new()
            .want(1, present("1013", Some(1)))
            .show_registered(1, "1013", 1)
            .show_registered(5, "1050", 5)
            .show(6, "1060");
        enter(&mut world);
        world.later(300);
        world
    }

    fn newcomers(world: &World) -> Vec<(u8, i64, Option<u8>)> {
        let newcomers = world.memory.gaps.iter().flat_map(|gaps| &gaps.newcomers);
        newcomers
            .map(|(slot, one)| {
                (slot.number(), (one.since - at(0)).num_seconds(), one.ipui.map(|ipui| ipui.bytes()[4]))
            })
            .collect()
    }

    #[test]
    fn whoever_was_there_when_the_manager_was_met_is_no_news() {
        let mut world = met();
        assert_eq!(newcomers(&world), []);
        enter(&mut world);
        assert_eq!(newcomers(&world), []);
    }

    #[test]
    fn an_unreadable_page_makes_nobody_familiar_and_nobody_new() {
        let mut unread = World::new().show(5, "1050");
        unread.seen.slots = Reading::Unreadable("cut".into());
        enter(&mut unread);
        assert_eq!(unread.memory.gaps, None, "nobody has looked");
        let mut world = met();
        let before = world.memory.gaps.clone();
        world.seen.slots = Reading::Unreadable("cut".into());
        enter(&mut world);
        assert_eq!(world.memory.gaps, before);
    }

    #[test]
    fn an_account_or_handset_that_came_later_is_a_newcomer() {
        let mut world = met().show(2, "7777").show_registered(3, "8888", 8).show_registered(6, "1060", 6);
        enter(&mut world);
        assert_eq!(newcomers(&world), [(2, 300, None), (3, 300, Some(8)), (6, 300, Some(6))]);
        world.later(600);
        world.seen.editors.clear();
        enter(&mut world);
        assert_eq!(newcomers(&world), [(2, 300, None), (3, 300, Some(8)), (6, 300, Some(6))], "as it was");
        world.slots().remove(&slot(2));
        world.slots().get_mut(&slot(3)).unwrap().handset = HandsetState::None;
        enter(&mut world);
        assert_eq!(newcomers(&world), [(3, 300, None), (6, 300, Some(6))]);
    }

    #[test]
    fn a_slot_that_was_empty_in_between_has_somebody_new() {
        let mut world = met();
        world.slots().remove(&slot(5));
        enter(&mut world);
        let mut world = world.show(5, "1050");
        world.later(600);
        enter(&mut world);
        assert_eq!(newcomers(&world), [(5, 600, None)]);
    }

    #[test]
    fn a_handset_that_comes_back_to_its_account_is_no_news() {
        let mut world = met();
        for state in [HandsetState::None, HandsetState::Registered] {
            world.slots().get_mut(&slot(5)).unwrap().handset = state;
            enter(&mut world);
            assert_eq!(newcomers(&world), []);
        }
    }

    #[test]
    fn listing_it_ends_it_and_so_does_time() {
        let arrived = || {
            let mut world = met().show(2, "7777");
            enter(&mut world);
            world
        };
        for wanted in [present("7777", None), DesiredSlot::Absent] {
            let mut listed = arrived().want(2, wanted);
            enter(&mut listed);
            assert_eq!(newcomers(&listed), []);
            listed.desired.slots.remove(&slot(2));
            enter(&mut listed);
            assert_eq!(newcomers(&listed), [], "what was listed once is known");
        }
        let mut world = arrived();
        world.later(300 + TOLD_FOR.num_seconds() - 1);
        enter(&mut world);
        assert_eq!(newcomers(&world).len(), 1);
        world.later(300 + TOLD_FOR.num_seconds());
        enter(&mut world);
        assert_eq!(newcomers(&world), []);
        world.later(400 + TOLD_FOR.num_seconds());
        enter(&mut world);
        assert_eq!(newcomers(&world), [], "for good");
    }

    #[test]
    fn what_the_served_file_fills_is_ours() {
        let mut world = met().want(2, present("1014", None));
        world.release();
        world.desired.slots.remove(&slot(2));
        let mut world = world.show(2, "1014");
        enter(&mut world);
        assert_eq!(newcomers(&world), [], "the manager has fetched it after all");
    }

    #[test]
    fn a_newcomers_handset_is_asked_for_within_the_first_hour() {
        let mut world = met().show_registered(3, "8888", 8).show(2, "7777");
        world.seen.editors.clear();
        enter(&mut world);
        let asked = |world: &World| unread(&world.memory, &world.seen);
        assert_eq!(asked(&world), BTreeSet::from([slot(3)]));
        world.later(300 + 3_599);
        assert_eq!(asked(&world), BTreeSet::from([slot(3)]));
        world.later(300 + 3_600);
        assert_eq!(asked(&world), BTreeSet::new());
        world.later(300);
        world.seen.editors.insert(slot(3), Reading::Unreadable("cut".into()));
        assert_eq!(asked(&world), BTreeSet::new(), "it was, in this cycle");
        world.seen.editors.insert(slot(3), Reading::Known(Some(ipui(8))));
        enter(&mut world);
        world.seen.editors.clear();
        assert_eq!(asked(&world), BTreeSet::new(), "it is known");
    }

    #[test]
    fn a_cycle_reads_few_editor_pages_for_newcomers() {
        let mut world = met();
        for number in 10..30 {
            world = world.show_registered(number, "9", number);
        }
        world.seen.editors.clear();
        enter(&mut world);
        assert_eq!(unread(&world.memory, &world.seen).len(), EDITORS_PER_CYCLE);
    }

    #[test]
    fn a_newcomer_is_described_in_a_few_words() {
        let mut world = met().show_registered(3, "8888", 8);
        let told = |world: &mut World, ipui| {
            let newcomer = Newcomer { since: at(0), ipui };
            describe(slot(3), newcomer, world.slots().get(&slot(3)), None)
        };
        assert_eq!(told(&mut world, Some(ipui(8))), "slot 3 (user 8888 N720_8888, handset 02 B6 EC 8A 08)");
        assert!(told(&mut world, None).ends_with("a handset whose number was not read)"));
        world.slots().get_mut(&slot(3)).unwrap().handset = HandsetState::Pending;
        assert!(told(&mut world, None).ends_with("a reservation)"));
        let seen = world.slots().get_mut(&slot(3)).unwrap();
        (seen.user_id, seen.display_name, seen.handset) = (None, None, HandsetState::None);
        assert_eq!(told(&mut world, None), "slot 3 (no handset)");
    }
}
