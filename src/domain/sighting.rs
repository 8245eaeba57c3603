//! Who holds a slot: what this cycle's pages say about handsets, with what is remembered where a page was not asked.
//!
//! The comparable form of the observed side. It draws no conclusion about what to do, and it exists only when the
//! mobile devices page was read: nothing can be derived from one that was not.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord};
use super::neighbours::{Hold, Stray};
use super::observed::{FilledSlots, HandsetState, Observation, ObservedSlot, Reading};
use super::registration;

/// So long may the device take to act on a reservation that it has fetched (n720.md section 3).
const ACTS_WITHIN: TimeDelta = TimeDelta::seconds(180);

/// This cycle's pages and what is remembered.
pub(super) struct Sighting<'a> {
    observation: &'a Observation,
    memory: &'a SiteMemory,
    slots: &'a BTreeMap<SlotNumber, ObservedSlot>,
    /// `None`: the pending list was not read.
    pending: Option<BTreeSet<Ipui>>,
    /// Which slot each pending handset is reserved for, as far as the two pages agree.
    reserved: BTreeMap<SlotNumber, Ipui>,
}

/// Who holds a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nobody, as far as can be seen.
    Nobody,
    /// A reservation; whose, if that is known.
    Reserved(Option<Ipui>),
    /// This registered handset.
    Registered(Ipui),
    /// A registered handset whose editor page was not asked for.
    NotRead,
    /// A registered handset whose editor page could not be read, or contradicts the mobile devices page.
    Unreadable,
    /// A registered handset that no page shows, for the slot's account is not active: the manager's list of filled
    /// slots names it, or it was there when the account was last shown.
    Hidden,
}

/// How a wanted handset stands in its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It cannot be told; nothing follows.
    Unknown,
    /// Registered here, or a handset is whose number was not asked for and nothing speaks for another.
    Registered,
    /// Registered here on remembered evidence alone, with a page that cannot show it.
    RegisteredUnseen,
    /// Reserved here and not yet registered.
    Reserved,
    /// Neither, and reserving it deregisters nobody. Why, for a person.
    Wanting(String),
    /// It may be the handset in this slot, its own or another, whose editor page was asked for and did not come.
    Doubtful(SlotNumber),
    /// Neither, and reserving it would or might deregister a handset. Why, and in which other slot, if in another.
    InTheWay(String, Option<SlotNumber>),
}

impl<'a> Sighting<'a> {
    /// `None` when the mobile devices page was not read.
    pub(super) fn new(observation: &'a Observation, memory: &'a SiteMemory) -> Option<Self> {
        let slots = observation.slots.known()?;
        let pending = observation.pending.known();
        Some(Self {
            observation,
            memory,
            slots,
            pending: pending.map(|pending| pending.iter().copied().collect()),
            reserved: registration::pending_by_slot(observation).unwrap_or_default(),
        })
    }

    /// The active account of a slot.
    pub(super) fn account(&self, slot: SlotNumber) -> Option<&'a ObservedSlot> {
        self.slots.get(&slot)
    }

    /// Whether this handset is listed as pending; `None`: the list was not read.
    pub(super) fn is_pending(&self, ipui: Ipui) -> Option<bool> {
        self.pending.as_ref().map(|pending| pending.contains(&ipui))
    }

    /// The slots with a registered handset whose editor page this observation did not ask for.
    pub(super) fn unasked(&self) -> BTreeSet<SlotNumber> {
        self.registered().filter(|slot| !self.observation.editors.contains_key(slot)).collect()
    }

    /// Whether the mobile devices page shows a registered handset in this slot.
    pub(super) fn shows_registered(&self, slot: SlotNumber) -> bool {
        self.account(slot).is_some_and(|account| account.handset == HandsetState::Registered)
    }

    /// Who holds this slot.
    pub(super) fn holder(&self, slot: SlotNumber) -> Holder {
        let Some(account) = self.account(slot) else {
            return if self.is_hidden(slot) { Holder::Hidden } else { Holder::Nobody };
        };
        match account.handset {
            HandsetState::Registered => match self.observation.editors.get(&slot) {
                Some(Reading::Known(Some(ipui))) => Holder::Registered(*ipui),
                Some(Reading::Known(None) | Reading::Unreadable(_)) => Holder::Unreadable,
                None => self.remembered(slot).map_or(Holder::NotRead, Holder::Registered),
            },
            HandsetState::Pending => Holder::Reserved(self.reserved.get(&slot).copied()),
            HandsetState::None => Holder::Nobody,
        }
    }

    /// Which handset is registered in this slot, as far as that is known.
    pub(super) fn occupant(&self, slot: SlotNumber) -> Option<Ipui> {
        match self.holder(slot) {
            Holder::Registered(ipui) => Some(ipui),
            Holder::Hidden => self.remembered(slot),
            Holder::Nobody | Holder::Reserved(_) | Holder::NotRead | Holder::Unreadable => None,
        }
    }

    /// How the handset `wanted` stands in `slot`.
    pub(super) fn standing(&self, slot: SlotNumber, wanted: Ipui) -> Standing {
        let Some(pending) = self.is_pending(wanted) else {
            return Standing::Unknown;
        };
        if let Some(other) = self.registered().find(|&other| other != slot && self.holder(other).is(wanted)) {
            let why = format!("handset {wanted} is wanted in slot {slot} and registered in slot {other}");
            return Standing::InTheWay(why, Some(other));
        }
        let in_the_way = |what: String| {
            let why = format!("slot {slot} holds {what}; {wanted} is wanted");
            Standing::InTheWay(why, None)
        };
        match self.holder(slot) {
            Holder::Registered(ipui) if ipui == wanted => Standing::Registered,
            Holder::Registered(ipui) => in_the_way(format!("the registered handset {ipui}")),
            // A pending handset is registered nowhere (n720.md section 4), so this one is another.
            Holder::NotRead if pending => in_the_way("another registered handset".to_owned()),
            Holder::NotRead => Standing::Registered,
            // Another one, or the wanted one that came in between the status page and the mobile devices page.
            Holder::Unreadable if pending && self.shows_registered(slot) => Standing::Doubtful(slot),
            // A page that failed to come speaks for no other handset: it is neither mended nor worth an approval.
            Holder::Unreadable => Standing::Unknown,
            Holder::Hidden if !pending && self.was_in(slot, wanted) => Standing::RegisteredUnseen,
            Holder::Hidden => in_the_way(
                "a registered handset that the pages do not show, its account being off".to_owned(),
            ),
            Holder::Reserved(Some(ipui)) if ipui == wanted => Standing::Reserved,
            Holder::Reserved(None) if pending => Standing::Reserved,
            // An account that is not active is on no page, but its reservation is on the list.
            Holder::Nobody if pending && self.account(slot).is_none() && self.has_unattributed() => {
                Standing::Reserved
            }
            Holder::Reserved(_) | Holder::Nobody => self.wanting(slot, wanted, pending),
        }
    }

    fn wanting(&self, slot: SlotNumber, wanted: Ipui, pending: bool) -> Standing {
        let unreadable = |other: &SlotNumber| self.holder(*other) == Holder::Unreadable;
        if let Some(other) = self.registered().find(unreadable).filter(|_| !pending) {
            return Standing::Doubtful(other);
        }
        if let Some(other) = self.hidden_elsewhere(slot, wanted).filter(|_| !pending) {
            let why = format!(
                "slot {slot} is to be reserved for {wanted}, which may be the handset in slot {other}: its account is \
                 off, and no page shows it"
            );
            return Standing::InTheWay(why, Some(other));
        }
        Standing::Wanting(match self.holder(slot) {
            Holder::Reserved(Some(ipui)) => format!("slot {slot} is reserved for {ipui}; {wanted} is wanted"),
            Holder::Reserved(None) => {
                format!("slot {slot} is reserved for another handset; {wanted} is wanted")
            }
            Holder::Nobody if pending => format!("handset {wanted} is reserved for another slot than {slot}"),
            Holder::Nobody
            | Holder::Registered(_)
            | Holder::NotRead
            | Holder::Unreadable
            | Holder::Hidden => format!("slot {slot} is not reserved for {wanted}"),
        })
    }

    fn registered(&self) -> impl Iterator<Item = SlotNumber> {
        self.slots.keys().copied().filter(|&slot| self.shows_registered(slot))
    }

    /// The IPUI that the editor page showed earlier, of a handset registered ever since: of a slot with a reservation,
    /// or of a handset that the site file does not list.
    fn remembered(&self, slot: SlotNumber) -> Option<Ipui> {
        let is_here = |stray: &Stray| stray.hold == Hold::Registered && stray.slot == Some(slot);
        let stray = || self.memory.strays.iter().find(|(_, stray)| is_here(stray)).map(|(ipui, _)| *ipui);
        self.memory.slots.get(&slot).and_then(|record| record.registered_ipui).or_else(stray)
    }

    /// Whether this handset was last seen in that slot.
    fn was_in(&self, slot: SlotNumber, wanted: Ipui) -> bool {
        self.memory.slots.get(&slot).is_some_and(|record| {
            let believed = record.ipui == wanted && record.registration == Registration::Registered;
            record.registered_ipui.map_or(believed, |ipui| ipui == wanted)
        })
    }

    /// Another slot whose account is off and which is known to hold this handset, or may for all that was read.
    fn hidden_elsewhere(&self, slot: SlotNumber, wanted: Ipui) -> Option<SlotNumber> {
        let records = self.memory.slots.iter().filter(|(other, record)| {
            let hidden = **other != slot && self.account(**other).is_none() && record.may_hold_handset();
            let guessed = (!record.unread_handset).then_some(record.ipui);
            hidden && record.registered_ipui.or(guessed).is_none_or(|ipui| ipui == wanted)
        });
        records.map(|(other, _)| *other).next()
    }

    /// More handsets are pending than the mobile devices page shows reservations.
    fn has_unattributed(&self) -> bool {
        let shown = self.slots.values().filter(|account| account.handset == HandsetState::Pending).count();
        self.pending.as_ref().is_some_and(|pending| pending.len() > shown)
    }

    /// Whether a slot that no page shows holds a handset, by the manager's own list or by what was last seen there.
    fn is_hidden(&self, slot: SlotNumber) -> bool {
        let names = |list: &FilledSlots| list.filled.contains(&slot) && !self.was_cleared_since(slot, list);
        self.memory.filled.as_ref().is_some_and(names)
            || self.memory.slots.get(&slot).is_some_and(SlotRecord::may_hold_handset)
    }
}

impl Sighting<'_> {
    /// Whether a release deregisters who was in the slot when that list was made: it comes with the request for the file,
    /// before the file is acted on; and so does that of another request while the device takes its time.
    fn was_cleared_since(&self, slot: SlotNumber, list: &FilledSlots) -> bool {
        let is_older = |fetched: DateTime<Utc>| list.at <= fetched + ACTS_WITHIN;
        let last = self.memory.release.as_ref().is_some_and(|release| {
            let progress = &release.progress;
            release.approved.contains(&slot)
                && progress.may_have_arrived()
                && progress.fetched_at.is_none_or(is_older)
        });
        let mut past = self.memory.past_releases.iter().filter(|past| past.approved.contains(&slot));
        last || past.any(|past| past.fetched_at.is_some_and(is_older))
    }
}

impl Holder {
    /// Whether this very handset is known to be registered here.
    pub(super) fn is(self, ipui: Ipui) -> bool {
        self == Self::Registered(ipui)
    }

    /// Whether a handset is registered here, whichever it is.
    pub(super) fn is_registered(self) -> bool {
        match self {
            Self::Nobody | Self::Reserved(_) => false,
            Self::Registered(_) | Self::NotRead | Self::Unreadable | Self::Hidden => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Registration;
    use super::super::world::{World, at, ipui, present, shown, slot};
    use super::*;
    use crate::domain::desired::DesiredSlot;
    use crate::domain::release::PastRelease;

    /// Handset 1 is wanted in slot 1.
    fn wanting() -> World {
        World::new().want(1, present("1013", Some(1)))
    }

    fn standing(world: &World) -> Standing {
        Sighting::new(&world.seen, &world.memory).unwrap().standing(slot(1), ipui(1))
    }

    fn holder(world: &World, number: u8) -> Holder {
        Sighting::new(&world.seen, &world.memory).unwrap().holder(slot(number))
    }

    fn in_the_way(world: &World) -> (String, Option<u8>) {
        match standing(world) {
            Standing::InTheWay(why, other) => (why, other.map(SlotNumber::number)),
            other @ (Standing::Unknown
            | Standing::Registered
            | Standing::RegisteredUnseen
            | Standing::Reserved
            | Standing::Doubtful(_)
            | Standing::Wanting(_)) => panic!("{other:?}"),
        }
    }

    fn why_wanting(world: &World) -> String {
        match standing(world) {
            Standing::Wanting(why) => why,
            other @ (Standing::Unknown
            | Standing::Registered
            | Standing::RegisteredUnseen
            | Standing::Reserved
            | Standing::Doubtful(_)
            | Standing::InTheWay(..)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_list_of_the_fetch_that_clears_a_slot_is_older_than_its_effect() {
        let mut world = to_be_absent();
        world.approve();
        world.release();
        let list = |seconds| Some(FilledSlots { at: at(seconds), filled: [slot(1)].into() });
        world.seen.slots = Reading::Known(BTreeMap::new());
        world.memory.filled = list(10);
        assert_eq!(holder(&world, 1), Holder::Hidden, "nothing was fetched");
        world.progress().fetched_at = Some(at(10));
        assert_eq!(holder(&world, 1), Holder::Nobody);
        world.memory.filled = list(190);
        assert_eq!(holder(&world, 1), Holder::Nobody, "another request, while the device takes its time");
        world.memory.filled = list(191);
        assert_eq!(holder(&world, 1), Holder::Hidden, "it is there still, or again");
        let past = PastRelease::from(&world.memory.release.take().unwrap());
        world.memory.past_releases.push(past);
        world.memory.filled = list(10);
        assert_eq!(holder(&world, 1), Holder::Nobody, "another release was made since");
    }

    /// Slot 1 is to be absent, and holds a handset.
    fn to_be_absent() -> World {
        World::new().want(1, DesiredSlot::Absent).show_registered(1, "1013", 1)
    }

    #[test]
    fn there_is_no_sighting_without_the_mobile_devices_page() {
        let mut world = wanting();
        world.seen.pending = Reading::Unreadable("cut".into());
        assert_eq!(standing(&world), Standing::Unknown);
        world.seen.slots = Reading::Unreadable("cut".into());
        assert!(Sighting::new(&world.seen, &world.memory).is_none());
    }

    #[test]
    fn the_editor_page_names_who_is_registered() {
        assert_eq!(standing(&wanting().show_registered(1, "1013", 1)), Standing::Registered);
        let other = wanting().show_registered(1, "1013", 9);
        assert_eq!(holder(&other, 1), Holder::Registered(ipui(9)));
        assert!(in_the_way(&other).0.contains("02 B6 EC 8A 09"));
        for reading in [Reading::Unreadable("cut".into()), Reading::Known(None)] {
            let mut unread = wanting().show_registered(1, "1013", 1);
            unread.seen.editors.insert(slot(1), reading);
            assert_eq!((holder(&unread, 1), standing(&unread)), (Holder::Unreadable, Standing::Unknown));
            unread.pending().push(ipui(1));
            assert_eq!(
                standing(&unread),
                Standing::Doubtful(slot(1)),
                "it may have come in between two pages"
            );
        }
    }

    #[test]
    fn a_page_that_was_not_asked_for_is_made_up_for_by_memory() {
        let mut world = wanting().show_registered(1, "1013", 1);
        world.seen.editors.clear();
        assert_eq!((holder(&world, 1), standing(&world)), (Holder::NotRead, Standing::Registered));
        assert_eq!(Sighting::new(&world.seen, &world.memory).unwrap().unasked(), BTreeSet::from([slot(1)]));
        world.remember(1, Registration::Registered, Some(9));
        assert_eq!(holder(&world, 1), Holder::Registered(ipui(9)));
        world.memory.slots.clear();
        world.pending().push(ipui(1));
        assert!(
            in_the_way(&world).0.contains("another registered handset"),
            "a pending one is registered nowhere"
        );
    }

    #[test]
    fn a_handset_in_another_slot_is_in_the_way() {
        let (why, other) = in_the_way(&wanting().show(1, "1013").show_registered(5, "9", 1));
        assert_eq!(other, Some(5));
        assert!(why.ends_with("wanted in slot 1 and registered in slot 5"), "{why}");
        // It may be there, as far as can be read; unless it is pending, which proves that it is registered nowhere.
        let mut world = wanting().show(1, "1013").show_registered(5, "9", 7);
        world.seen.editors.insert(slot(5), Reading::Unreadable("cut".into()));
        assert_eq!(standing(&world), Standing::Doubtful(slot(5)));
        let mut pending = world.show_pending(6, "9", 1);
        assert_eq!(why_wanting(&pending), "handset 02 B6 EC 8A 01 is reserved for another slot than 1");
        pending.pending().clear();
        assert_eq!(standing(&pending), Standing::Doubtful(slot(5)));
    }

    #[test]
    fn reservations_are_told_apart() {
        assert_eq!(standing(&wanting().show_pending(1, "1013", 1)), Standing::Reserved);
        assert!(
            why_wanting(&wanting().show_pending(1, "1013", 8)).starts_with("slot 1 is reserved for 02 B6")
        );
        assert_eq!(why_wanting(&wanting()), "slot 1 is not reserved for 02 B6 EC 8A 01");
        // The two pages disagree: one reservation belongs to an account that is not active.
        let mut world = wanting().show_pending(1, "1013", 8);
        world.pending().push(ipui(9));
        assert_eq!(holder(&world, 1), Holder::Reserved(None));
        assert!(why_wanting(&world).contains("another handset"));
        world.pending().push(ipui(1));
        assert_eq!(standing(&world), Standing::Reserved);
        world.slots().clear();
        assert_eq!(standing(&world), Standing::Reserved, "an inactive account shows on no page");
    }

    #[test]
    fn the_managers_own_list_speaks_for_slots_that_no_page_shows() {
        let list = |world: &mut World, seconds| {
            world.memory.filled = Some(FilledSlots { at: at(seconds), filled: BTreeSet::from([slot(1)]) });
        };
        let mut hidden = wanting();
        list(&mut hidden, -60);
        assert_eq!(holder(&hidden, 1), Holder::Hidden);
        assert!(in_the_way(&hidden).0.contains("do not show"));
        hidden.remember(1, Registration::Registered, None);
        assert_eq!(standing(&hidden), Standing::RegisteredUnseen);
        // A page that shows the slot empty is believed.
        let mut empty = wanting().show(1, "1013");
        list(&mut empty, -60);
        assert_eq!(holder(&empty, 1), Holder::Nobody);
    }

    #[test]
    fn a_slot_whose_account_was_switched_off_keeps_the_handset_that_was_seen_there() {
        assert_eq!(holder(&wanting(), 1), Holder::Nobody, "a virgin device");
        let seen = |verdict, editor| {
            let mut world = wanting();
            world.remember(1, verdict, editor);
            world
        };
        let other = seen(Registration::Reserved, Some(9));
        assert_eq!(holder(&other, 1), Holder::Hidden);
        assert!(in_the_way(&other).0.contains("do not show"));
        let mut unread = seen(Registration::Expired, None);
        assert_eq!(holder(&unread, 1), Holder::Nobody, "it came to nothing");
        unread.memory.slots.get_mut(&slot(1)).unwrap().unread_handset = true;
        assert!(in_the_way(&unread).0.contains("do not show"));
        assert_eq!(standing(&seen(Registration::Registered, Some(1))), Standing::RegisteredUnseen);
        assert_eq!(standing(&seen(Registration::Registered, None)), Standing::RegisteredUnseen);
        assert_eq!(standing(&seen(Registration::Unknown, Some(1))), Standing::RegisteredUnseen);
        let mut pending = seen(Registration::Reserved, Some(9));
        pending.pending().push(ipui(1));
        assert!(
            in_the_way(&pending).0.contains("do not show"),
            "still reserving it would throw the other out"
        );
    }

    #[test]
    fn a_handset_behind_a_switched_off_account_is_not_reserved_elsewhere() {
        let elsewhere = |editor| {
            let mut world = wanting().show(1, "1013").want(5, present("1050", Some(5)));
            world.remember(5, Registration::Registered, editor);
            world
        };
        assert_eq!(in_the_way(&elsewhere(Some(1))).1, Some(5));
        let mut unread = elsewhere(None);
        assert_eq!(why_wanting(&unread), "slot 1 is not reserved for 02 B6 EC 8A 01");
        unread.memory.slots.get_mut(&slot(5)).unwrap().unread_handset = true;
        assert_eq!(in_the_way(&unread).1, Some(5));
        assert_eq!(why_wanting(&elsewhere(Some(5))), "slot 1 is not reserved for 02 B6 EC 8A 01");
        let mut pending = elsewhere(Some(1));
        pending.pending().push(ipui(1));
        assert_eq!(why_wanting(&pending), "handset 02 B6 EC 8A 01 is reserved for another slot than 1");
    }

    #[test]
    fn accounts_are_what_the_page_shows() {
        let world = wanting().show(3, "1022");
        let sighting = Sighting::new(&world.seen, &world.memory).unwrap();
        assert_eq!(sighting.account(slot(3)), Some(&shown("1022", HandsetState::None)));
        assert_eq!(sighting.account(slot(1)), None);
        assert!(!sighting.shows_registered(slot(3)));
        assert_eq!(sighting.is_pending(ipui(1)), Some(false));
    }
}
