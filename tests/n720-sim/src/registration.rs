//! Slots, reservations and who is registered: what n720.md, section 3, says the device does with them.
//!
//! No wire, no pages: the caller brings the time and the journal.

use crate::clock::Moment;
use crate::handset::{Arrival, Handset, PinKnowledge, PinRule, Refusal, Roaming};
use crate::ids::Ipui;
use crate::journal::{Author, Deregistration, Event, Journal, Registration};
use crate::opening::Openings;
use crate::window::{Reading, Window};
use std::collections::BTreeMap;
use std::time::Duration;

/// Slots of a device.
pub(crate) const SLOTS: usize = 100;

/// The handset in a slot, as it reported itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) ipui: Ipui,
    pub(crate) model: String,
    pub(crate) software: String,
}

/// One slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    pub(crate) reserved: Option<Ipui>,
    pub(crate) registered: Option<Registered>,
}

/// Everything about registration on one device.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) slots: Vec<Slot>,
    pub(crate) window: Window,
    pub(crate) pin: PinRule,
    /// The PIN as a person set it last, or as the device left the factory.
    pub(crate) pin_by_hand: PinRule,
    pub(crate) handsets: Vec<Roaming>,
    settle: Duration,
    unsettled: BTreeMap<usize, (Option<Ipui>, Duration)>,
    openings: Openings,
}

impl Registry {
    pub(crate) fn new(settle: Duration, random_pin: String) -> Self {
        Self {
            slots: vec![Slot::default(); SLOTS],
            window: Window::default(),
            pin: PinRule::of_the_factory(random_pin.clone()),
            pin_by_hand: PinRule::of_the_factory(random_pin),
            handsets: Vec::new(),
            settle,
            unsettled: BTreeMap::new(),
            openings: Openings::default(),
        }
    }

    /// Somebody wants slot `index` reserved for `wanted`, or for nobody. Acts after the settle time.
    pub(crate) fn reserve(
        &mut self,
        index: usize,
        wanted: Option<Ipui>,
        by: Author,
        at: Moment,
        journal: &mut Journal,
    ) {
        let Some(slot) = self.slots.get(index) else { return };
        let present = self.unsettled.get(&index).map_or(slot.reserved, |(ipui, _)| *ipui);
        // Zero bytes also concern a handset that came in by hand, without a reservation.
        let frees = wanted.is_none() && slot.registered.is_some() && !self.unsettled.contains_key(&index);
        if present == wanted && !frees {
            return;
        }
        self.unsettled.insert(index, (wanted, at.up + self.settle));
        let acts_in_ms = u64::try_from(self.settle.as_millis()).unwrap_or(u64::MAX);
        let event =
            Event::ReservationChanged { slot: number(index), from: present, to: wanted, by, acts_in_ms };
        journal.write(at, event);
    }

    /// Brings everything up to the moment.
    pub(crate) fn tick(&mut self, reading: Reading, at: Moment, journal: &mut Journal) {
        self.settle_due(at, journal);
        self.openings.follow(&self.window, self.window.opening(reading, at), at, journal);
        self.arrive_due(at, journal);
        self.let_in(at, journal);
    }

    /// The next time [`Registry::tick`] has something to do by itself.
    pub(crate) fn next_due(&self, reading: Reading, at: Moment) -> Option<Duration> {
        let settles = self.unsettled.values().map(|(_, due)| *due);
        let window = self.window.next_change(reading, at).map(|left| at.up + left);
        let arrivals = self
            .handsets
            .iter()
            .filter(|roaming| !roaming.arrived)
            .filter_map(|roaming| self.arrives(roaming));
        settles.chain(window).chain(arrivals).min()
    }

    /// A person switches a handset on and starts its registration.
    pub(crate) fn press(
        &mut self,
        ipui: Ipui,
        pin: Option<PinKnowledge>,
        at: Moment,
        journal: &mut Journal,
    ) -> bool {
        let Some(roaming) = self.handsets.iter_mut().find(|roaming| roaming.handset.ipui == ipui) else {
            return false;
        };
        if let Some(pin) = pin {
            roaming.handset.pin = pin;
        }
        roaming.arrived = true;
        roaming.trying = true;
        roaming.refused = None;
        journal.write(at, Event::HandsetArrived { ipui });
        true
    }

    /// Puts a handset into a slot without asking anybody; it is no longer fresh from the factory, and in no
    /// other slot.
    pub(crate) fn place(
        &mut self,
        index: usize,
        handset: &Handset,
        how: Registration,
        at: Moment,
        journal: &mut Journal,
    ) {
        for other in self.holders(handset.ipui).into_iter().filter(|other| *other != index) {
            self.deregister(other, Deregistration::RegisteredElsewhere, at, journal);
        }
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.registered = Some(Registered {
            ipui: handset.ipui,
            model: handset.model.clone(),
            software: handset.software.clone(),
        });
        journal.write(at, Event::Registered { slot: number(index), ipui: handset.ipui, how });
        for roaming in self.handsets.iter_mut().filter(|roaming| roaming.handset.ipui == handset.ipui) {
            roaming.trying = false;
            roaming.handset.factory_new = false;
        }
    }

    /// Takes the handset out of a slot; the answer is whether there was one.
    pub(crate) fn deregister(
        &mut self,
        index: usize,
        why: Deregistration,
        at: Moment,
        journal: &mut Journal,
    ) -> bool {
        let Some(gone) = self.slots.get_mut(index).and_then(|slot| slot.registered.take()) else {
            return false;
        };
        journal.write(at, Event::Deregistered { slot: number(index), ipui: gone.ipui, why });
        true
    }

    /// Forgets everything but the handsets around the device.
    pub(crate) fn wipe(
        &mut self,
        why: Deregistration,
        random_pin: String,
        at: Moment,
        journal: &mut Journal,
    ) {
        for index in 0..SLOTS {
            self.deregister(index, why, at, journal);
        }
        self.slots = vec![Slot::default(); SLOTS];
        self.unsettled.clear();
        self.window = Window::default();
        self.pin = PinRule::of_the_factory(random_pin);
        self.pin_by_hand = self.pin.clone();
    }

    /// Whether registration by IPUI is on: it hides buttons and shuts out registration by hand.
    pub(crate) fn window_open(&self, reading: Reading, at: Moment) -> bool {
        self.window.is_open(reading, at)
    }

    /// Whether a person can register a handset by hand: not while the window is open, and not at all
    /// when a window was sent without any reservation.
    pub(crate) fn by_hand_allowed(&self, reading: Reading, at: Moment) -> Result<(), &'static str> {
        if self.window_open(reading, at) {
            return Err("registration by IPUI is on");
        }
        if self.window.is_set() && self.slots.iter().all(|slot| slot.reserved.is_none()) {
            return Err("a window without any reserved IPUI blocks registration by hand");
        }
        Ok(())
    }

    /// IPUIs that are reserved and registered in no slot, in slot order.
    pub(crate) fn pending(&self) -> Vec<Ipui> {
        let mut pending: Vec<Ipui> = Vec::new();
        for ipui in self.slots.iter().filter_map(|slot| slot.reserved) {
            if !self.is_registered(ipui) && !pending.contains(&ipui) {
                pending.push(ipui);
            }
        }
        pending
    }

    /// Reservations that do not act yet, by slot index.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = (usize, Option<Ipui>)> + '_ {
        self.unsettled.iter().map(|(index, (ipui, _))| (*index, *ipui))
    }

    /// When it is time for what waits for the start or for a window, if that is known already.
    pub(crate) fn due(&self, arrival: Arrival) -> Option<Duration> {
        self.openings.due(arrival)
    }

    fn is_registered(&self, ipui: Ipui) -> bool {
        !self.holders(ipui).is_empty()
    }

    /// The indexes of the slots that this handset is registered in.
    fn holders(&self, ipui: Ipui) -> Vec<usize> {
        let holds = |slot: &Slot| slot.registered.as_ref().is_some_and(|handset| handset.ipui == ipui);
        (0..SLOTS).filter(|index| holds(&self.slots[*index])).collect()
    }

    /// All due changes act as one: what conflicts with any of them loses its registration, once.
    fn settle_due(&mut self, at: Moment, journal: &mut Journal) {
        let due: Vec<(usize, Option<Ipui>)> = self
            .unsettled
            .iter()
            .filter(|(_, (_, due))| *due <= at.up)
            .map(|(index, (ipui, _))| (*index, *ipui))
            .collect();
        for (index, ipui) in &due {
            self.unsettled.remove(index);
            self.slots[*index].reserved = *ipui;
            journal.write(at, Event::ReservationActed { slot: number(*index), ipui: *ipui });
        }
        for (index, ipui) in &due {
            let why =
                if ipui.is_some() { Deregistration::SlotReservedForAnother } else { Deregistration::Zeroed };
            let held = self.slots[*index].registered.as_ref().map(|handset| handset.ipui);
            if held.is_some() && held != *ipui {
                self.deregister(*index, why, at, journal);
            }
        }
        for (index, ipui) in &due {
            let Some(ipui) = ipui else { continue };
            for other in self.holders(*ipui).into_iter().filter(|other| other != index) {
                self.deregister(other, Deregistration::ReservedElsewhere, at, journal);
            }
        }
    }

    fn arrives(&self, roaming: &Roaming) -> Option<Duration> {
        self.due(roaming.handset.arrival)
    }

    fn arrive_due(&mut self, at: Moment, journal: &mut Journal) {
        let due: Vec<Ipui> = self
            .handsets
            .iter()
            .filter(|roaming| !roaming.arrived && self.arrives(roaming).is_some_and(|due| due <= at.up))
            .map(|roaming| roaming.handset.ipui)
            .collect();
        for ipui in due {
            self.press(ipui, None, at, journal);
        }
    }

    fn let_in(&mut self, at: Moment, journal: &mut Journal) {
        let trying: Vec<Handset> = self
            .handsets
            .iter()
            .filter(|roaming| roaming.trying)
            .map(|roaming| roaming.handset.clone())
            .collect();
        for handset in trying {
            match self.admission(&handset) {
                Ok(index) => self.place(index, &handset, Registration::ByIpui, at, journal),
                Err(why) => self.turn_away(handset.ipui, why, at, journal),
            }
        }
    }

    fn admission(&self, handset: &Handset) -> Result<usize, Refusal> {
        let index = self
            .slots
            .iter()
            .position(|slot| slot.reserved == Some(handset.ipui))
            .ok_or(Refusal::NotReserved)?;
        if !self.openings.is_open() {
            return Err(Refusal::WindowClosed);
        }
        if self.slots[index].registered.is_some() {
            return Err(Refusal::SlotTaken);
        }
        self.pin.check(handset).map(|()| index)
    }

    fn turn_away(&mut self, ipui: Ipui, why: Refusal, at: Moment, journal: &mut Journal) {
        for roaming in self.handsets.iter_mut().filter(|roaming| roaming.handset.ipui == ipui) {
            if roaming.refused != Some(why) {
                roaming.refused = Some(why);
                journal.write(at, Event::HandsetRefused { ipui, why });
            }
        }
    }
}

/// The number people know a slot by.
pub(crate) fn number(index: usize) -> u8 {
    u8::try_from(index + 1).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{DeviceClock, moment};

    const A: Ipui = Ipui::new([0x02, 0xB6, 0xEC, 0x8A, 0xA5]);
    const B: Ipui = Ipui::new([0x02, 0x9E, 0x74, 0xA5, 0x99]);
    const READING: Reading =
        Reading { clock: DeviceClock { offset_s: 0, zone: chrono_tz::Europe::Berlin }, in_utc: false };

    /// A registry in a world of its own time, always open, no PIN for handsets fresh from the factory.
    struct World {
        registry: Registry,
        journal: Journal,
        up_s: u64,
    }

    impl World {
        fn new() -> Self {
            let mut registry = Registry::new(Duration::from_secs(180), "4711".to_owned());
            registry.window.duration_s = Some(0);
            registry.pin.random = false;
            Self { registry, journal: Journal::default(), up_s: 0 }
        }

        fn holding(pairs: &[(usize, Ipui)]) -> Self {
            let mut world = Self::new();
            for (index, ipui) in pairs {
                world.registry.slots[*index].reserved = Some(*ipui);
                world.registry.handsets.push(Roaming::new(Handset::new(*ipui)));
                let at = world.at();
                let how = Registration::FromStart;
                world.registry.place(*index, &Handset::new(*ipui), how, at, &mut world.journal);
            }
            world
        }

        fn at(&self) -> Moment {
            moment(self.up_s, "2026-01-01T00:00:00Z")
        }

        fn reserve(&mut self, index: usize, ipui: Option<Ipui>) {
            let at = self.at();
            self.registry.reserve(index, ipui, Author::File, at, &mut self.journal);
        }

        fn pass(&mut self, seconds: u64) {
            self.up_s += seconds;
            let at = self.at();
            self.registry.tick(READING, at, &mut self.journal);
        }

        fn press(&mut self, ipui: Ipui) {
            let at = self.at();
            assert!(self.registry.press(ipui, None, at, &mut self.journal));
            self.pass(0);
        }

        fn lost(&self) -> Vec<(u8, Ipui, Deregistration)> {
            let all = self.journal.since(0).into_iter();
            all.filter_map(|entry| {
                if let Event::Deregistered { slot, ipui, why } = entry.event {
                    Some((slot, ipui, why))
                } else {
                    None
                }
            })
            .collect()
        }

        fn refusals(&self) -> Vec<Refusal> {
            let all = self.journal.since(0).into_iter();
            all.filter_map(
                |entry| if let Event::HandsetRefused { why, .. } = entry.event { Some(why) } else { None },
            )
            .collect()
        }

        fn registered(&self, index: usize) -> Option<Ipui> {
            self.registry.slots[index].registered.as_ref().map(|handset| handset.ipui)
        }
    }

    #[test]
    fn a_reservation_acts_after_the_settle_time_and_lets_its_handset_in() {
        let mut world = World::new();
        world.registry.handsets.push(Roaming::new(Handset::new(A)));
        world.reserve(0, Some(A));
        world.pass(179);
        assert!(world.registry.pending().is_empty());
        world.press(A);
        assert_eq!(world.refusals(), [Refusal::NotReserved]);
        world.pass(1);
        assert_eq!(world.registered(0), Some(A), "it went on trying");
        assert!(!world.registry.handsets[0].handset.factory_new);
    }

    #[test]
    fn the_same_reservation_again_changes_nothing() {
        let mut world = World::holding(&[(0, A)]);
        let before = world.journal.written();
        world.reserve(0, Some(A));
        world.pass(500);
        assert_eq!(world.registered(0), Some(A));
        let told: Vec<_> = world.journal.since(before).into_iter().map(|entry| entry.event).collect();
        let set = Event::WindowSet { timestamp: None, duration_s: Some(0) };
        assert_eq!(told, [set, Event::WindowOpened { nth: 1 }]);
    }

    #[test]
    fn a_swap_deregisters_both_once_and_neither_comes_back_by_itself() {
        let mut world = World::holding(&[(0, A), (1, B)]);
        world.reserve(0, Some(B));
        world.reserve(1, Some(A));
        world.pass(179);
        assert!(world.lost().is_empty());
        world.pass(1);
        let why = Deregistration::SlotReservedForAnother;
        assert_eq!(world.lost(), [(1, A, why), (2, B, why)]);
        assert_eq!(world.registry.pending(), [B, A], "slot order");
        world.pass(1000);
        assert_eq!((world.registered(0), world.registered(1)), (None, None));
        world.press(A);
        assert_eq!(world.refusals(), [Refusal::PinNotTyped], "no longer fresh from the factory");
    }

    #[test]
    fn a_handset_reserved_for_another_slot_loses_its_registration() {
        let mut world = World::holding(&[(0, A)]);
        world.reserve(7, Some(A));
        world.pass(180);
        assert_eq!(world.lost(), [(1, A, Deregistration::ReservedElsewhere)]);
    }

    #[test]
    fn zero_bytes_deregister_also_a_handset_that_was_never_reserved() {
        let mut world = World::holding(&[(0, A), (1, B)]);
        world.registry.slots[1].reserved = None;
        world.reserve(0, None);
        world.reserve(1, None);
        world.reserve(2, None);
        world.pass(180);
        let why = Deregistration::Zeroed;
        assert_eq!(world.lost(), [(1, A, why), (2, B, why)]);
        assert!(world.registry.pending().is_empty());
        world.reserve(0, None);
        world.pass(180);
        assert_eq!(world.lost().len(), 2, "nothing is left to lose");
    }

    #[test]
    fn a_reservation_for_the_handset_that_is_there_costs_nothing() {
        let mut world = World::holding(&[(0, A)]);
        world.registry.slots[0].reserved = None;
        world.reserve(0, Some(A));
        world.pass(180);
        assert_eq!(world.registered(0), Some(A));
        assert!(world.lost().is_empty());
    }

    #[test]
    fn a_change_taken_back_within_the_settle_time_harms_nobody() {
        let mut world = World::holding(&[(0, A)]);
        world.reserve(0, Some(B));
        world.pass(100);
        world.reserve(0, Some(A));
        world.pass(180);
        assert!(world.lost().is_empty());
        assert_eq!(world.registered(0), Some(A));
    }

    #[test]
    fn outside_of_the_window_nobody_is_let_in_but_stays_pending() {
        let mut world = World::new();
        world.registry.window = Window::default();
        world.registry.handsets.push(Roaming::new(Handset::new(A)));
        world.reserve(0, Some(A));
        world.pass(180);
        world.press(A);
        assert_eq!(world.refusals(), [Refusal::WindowClosed]);
        assert_eq!(world.registry.pending(), [A]);
        world.registry.window.duration_s = Some(0);
        world.pass(1);
        assert_eq!(world.registered(0), Some(A));
        assert!(world.registry.pending().is_empty());
    }

    #[test]
    fn each_reason_is_told_once() {
        let mut world = World::new();
        world.registry.handsets.push(Roaming::new(Handset::new(A)));
        world.press(A);
        world.pass(1);
        world.pass(1);
        assert_eq!(world.refusals(), [Refusal::NotReserved]);
    }

    #[test]
    fn handsets_arrive_after_the_start_or_after_the_nth_window() {
        let mut world = World::new();
        world.registry.window = Window::default();
        let arriving = |ipui, arrival| Roaming::new(Handset::new(ipui).arriving(arrival));
        let delay = Duration::from_secs(10);
        world.registry.handsets.push(arriving(A, Arrival::AfterStart(delay)));
        world.registry.handsets.push(arriving(B, Arrival::AfterWindowOpens { nth: 2, delay }));
        world.pass(10);
        assert!(world.registry.handsets[0].arrived && !world.registry.handsets[1].arrived);
        world.registry.window.duration_s = Some(0);
        world.pass(10);
        world.registry.window = Window::default();
        world.pass(10);
        world.registry.window.duration_s = Some(0);
        world.pass(9);
        world.pass(9);
        assert!(!world.registry.handsets[1].arrived);
        assert_eq!(world.registry.next_due(READING, world.at()), Some(Duration::from_secs(49)));
        world.pass(1);
        assert!(world.registry.handsets[1].arrived);
    }

    #[test]
    fn a_window_without_reservation_blocks_people() {
        let mut world = World::new();
        let allowed = |world: &World| world.registry.by_hand_allowed(READING, world.at()).is_ok();
        assert!(!allowed(&world), "open");
        world.registry.window = Window { timestamp: Some("0101200000".to_owned()), duration_s: Some(60) };
        assert!(!allowed(&world), "over, but nothing is reserved");
        world.registry.slots[5].reserved = Some(A);
        assert!(allowed(&world));
        world.registry.window = Window::default();
        world.registry.slots[5].reserved = None;
        assert!(allowed(&world));
    }
}
