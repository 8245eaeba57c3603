//! Random stories on a second, dumb model of the device, which knows what is really registered. What is believed must
//! be true of it: nobody is registered who is not, and who plainly is, is.
//!
//! Three slots are reserved for `A`, `B` and `C`; `X` is somebody else's handset. Whoever has access to the web
//! interface may deregister a handset, remove a reservation, put a reservation into the wrong slot, or register `X` by
//! hand; what happens twice between two readings in the same slot nobody can see, and is left to the nightly audit.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use n720d::domain::ids::{Ipui, SlotNumber};
use n720d::domain::memory::{Registration, SiteMemory};
use n720d::domain::observed::{FilledSlots, HandsetState, Observation, Reading};
use n720d::domain::registration::{Scene, doubtful, judge, pending_by_slot};
use n720d::domain::status::WindowState;

use crate::site;

const SLOTS: [u8; 3] = [1, 2, 3];

/// What can happen. Numbers are slots, letters handsets.
#[derive(Debug, Clone)]
enum Event {
    /// A handset is switched on; it registers if it is reserved and the window is open.
    Arrive(char),
    WindowOpens,
    WindowCloses,
    /// The manager fetches and says which slots are filled.
    Fetch,
    /// Somebody deregisters the handset of a slot and removes its reservation.
    Clear(u8),
    /// Somebody deregisters the handset of a slot; it stays reserved.
    Deregister(u8),
    /// Somebody registers `X` in an empty slot.
    Foreign(u8),
    /// Somebody reserves a slot for one of ours, perhaps the wrong one.
    Reserve(u8, char),
    Poll(Poll),
}

/// A cycle and which of its pages come whole.
#[derive(Debug, Clone)]
struct Poll {
    reached: bool,
    status: bool,
    mobile: bool,
    editors: bool,
    /// A handset that is switched on after the status page was read.
    meanwhile: Option<char>,
}

impl Poll {
    const WHOLE: Self = Self { reached: true, status: true, mobile: true, editors: true, meanwhile: None };
}

#[derive(Debug, Clone, Default)]
struct Device {
    reserved: BTreeMap<u8, char>,
    registered: BTreeMap<u8, char>,
    open: bool,
}

impl Device {
    fn arrive(&mut self, handset: char) {
        let slot = self.reserved.iter().find(|(_, reserved)| **reserved == handset).map(|(slot, _)| *slot);
        if let Some(slot) = slot.filter(|_| self.open && !self.is_registered(handset)) {
            self.registered.insert(slot, handset);
        }
    }

    fn is_registered(&self, handset: char) -> bool {
        self.registered.values().any(|registered| *registered == handset)
    }

    fn pending(&self) -> Vec<Ipui> {
        self.reserved
            .values()
            .filter(|handset| !self.is_registered(**handset))
            .map(|h| site::handset(*h))
            .collect()
    }

    fn cell(&self, slot: u8) -> HandsetState {
        match (self.registered.contains_key(&slot), self.reserved.get(&slot)) {
            (true, _) => HandsetState::Registered,
            (false, Some(handset)) if !self.is_registered(*handset) => HandsetState::Pending,
            (false, _) => HandsetState::None,
        }
    }
}

/// The device, n720d's memory of it, and a clock.
struct World {
    device: Device,
    memory: SiteMemory,
    now: DateTime<Utc>,
    wanted: BTreeMap<SlotNumber, Ipui>,
    /// Slots that the last whole mobile devices page showed as registered.
    seen_filled: BTreeSet<u8>,
    /// What was really registered at each instant at which something was seen.
    truth: BTreeMap<DateTime<Utc>, BTreeMap<u8, char>>,
}

impl World {
    fn new(verified: bool) -> Self {
        let now = site::local("2026-11-23T08:00").and_utc();
        let reserved: BTreeMap<u8, char> = SLOTS.into_iter().zip('A'..).collect();
        let wanted: BTreeMap<_, _> =
            reserved.iter().map(|(n, h)| (site::slot(*n), site::handset(*h))).collect();
        let memory = SiteMemory {
            release: Some(site::release(wanted.clone(), now, verified)),
            ..SiteMemory::default()
        };
        let device = Device { reserved, open: true, ..Device::default() };
        Self { device, memory, now, wanted, seen_filled: BTreeSet::new(), truth: BTreeMap::new() }
    }

    fn happen(&mut self, event: &Event) {
        self.now += TimeDelta::seconds(60);
        match event {
            Event::Arrive(handset) if self.may_change_hands(*handset) => self.device.arrive(*handset),
            Event::Arrive(_) => {}
            Event::WindowOpens => self.device.open = true,
            Event::WindowCloses => self.device.open = false,
            Event::Fetch => {
                let filled = self.device.registered.keys().map(|slot| site::slot(*slot)).collect();
                self.memory.filled = Some(FilledSlots { at: self.now, filled });
                self.note_truth();
            }
            Event::Clear(slot) => {
                self.device.registered.remove(slot);
                self.device.reserved.remove(slot);
            }
            Event::Deregister(slot) => {
                self.device.registered.remove(slot);
            }
            Event::Foreign(slot) => {
                if !self.seen_filled.contains(slot) && !self.device.is_registered('X') {
                    self.device.registered.entry(*slot).or_insert('X');
                }
            }
            Event::Reserve(slot, handset) => {
                self.device.reserved.retain(|_, reserved| reserved != handset);
                if !self.device.registered.contains_key(slot) {
                    self.device.reserved.insert(*slot, *handset);
                }
            }
            Event::Poll(poll) => self.poll(poll),
        }
    }

    /// Whether the slot that the handset would take was last seen empty, or held by itself.
    fn may_change_hands(&self, handset: char) -> bool {
        let slot =
            self.device.reserved.iter().find(|(_, reserved)| **reserved == handset).map(|(slot, _)| *slot);
        slot.is_some_and(|slot| {
            !self.seen_filled.contains(&slot) || self.device.registered.get(&slot) == Some(&handset)
        })
    }

    fn poll(&mut self, poll: &Poll) {
        let desired = site::desired(chrono_tz::Europe::Berlin, &self.wanted);
        let observation = poll.reached.then(|| self.observe(poll, &desired));
        let scene = Scene {
            desired: &desired,
            memory: &self.memory,
            observation: observation.as_ref(),
            window: None,
            window_state: if self.device.open { WindowState::Open } else { WindowState::Closed },
            settled: true,
            now: self.now,
        };
        let slots = judge(&scene);
        assert_eq!(slots, judge(&scene), "same in, same out");
        self.memory.slots = slots;
        self.note_truth();
        if let Some(observation) = observation.filter(|seen| seen.pending.known().is_some()) {
            self.memory.observation = Some(observation);
        }
    }

    fn observe(&mut self, poll: &Poll, desired: &n720d::domain::desired::DesiredSite) -> Observation {
        let mut seen = site::blind(self.now);
        if poll.status {
            seen.pending = Reading::Known(self.device.pending());
        } else {
            seen.mac = site::unreadable();
        }
        if let Some(handset) = poll.meanwhile.filter(|handset| self.may_change_hands(*handset)) {
            self.device.arrive(handset);
        }
        if poll.mobile {
            let cells = SLOTS.map(|n| (site::slot(n), site::observed_slot(self.device.cell(n))));
            seen.slots = Reading::Known(cells.into_iter().collect());
            self.seen_filled = self.device.registered.keys().copied().collect();
        }
        let worth_reading = doubtful(desired, &self.memory, &seen);
        let page = |slot: &SlotNumber| match self.device.registered.get(&slot.number()) {
            _ if !poll.editors => site::unreadable(),
            registered => Reading::Known(registered.map(|handset| site::handset(*handset))),
        };
        seen.editors = worth_reading.iter().map(|slot| (*slot, page(slot))).collect();
        seen
    }

    fn note_truth(&mut self) {
        self.truth.insert(self.now, self.device.registered.clone());
    }

    /// For each slot that is believed to be registered: who really was in it when that was seen, and on what grounds.
    fn beliefs(&self) -> Vec<(char, Option<char>, String)> {
        let registered = self.memory.slots.iter().filter(|(_, r)| r.registration == Registration::Registered);
        registered
            .map(|(slot, record)| {
                let ours = SLOTS.into_iter().zip('A'..).find(|(n, _)| *n == slot.number()).unwrap().1;
                let really = self.truth[&record.seen_at].get(&slot.number()).copied();
                (ours, really, record.evidence.clone())
            })
            .collect()
    }
}

fn any_poll() -> impl Strategy<Value = Poll> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), proptest::option::of(ours())).prop_map(
        |(status, mobile, editors, reached, meanwhile)| Poll {
            reached: reached || status,
            status,
            mobile,
            editors,
            meanwhile,
        },
    )
}

fn ours() -> impl Strategy<Value = char> {
    prop::sample::select(vec!['A', 'B', 'C'])
}

/// What the device does by itself.
fn undisturbed(poll: impl Strategy<Value = Poll> + 'static) -> BoxedStrategy<Event> {
    prop_oneof![
        3 => ours().prop_map(Event::Arrive),
        1 => Just(Event::WindowOpens),
        1 => Just(Event::WindowCloses),
        1 => Just(Event::Fetch),
        5 => poll.prop_map(Event::Poll),
    ]
    .boxed()
}

/// The same with people at the web interface.
fn disturbed(poll: impl Strategy<Value = Poll> + 'static) -> BoxedStrategy<Event> {
    let slot = || prop::sample::select(SLOTS.to_vec());
    prop_oneof![
        6 => undisturbed(poll),
        1 => slot().prop_map(Event::Clear),
        1 => slot().prop_map(Event::Deregister),
        1 => slot().prop_map(Event::Foreign),
        1 => (slot(), ours()).prop_map(|(slot, handset)| Event::Reserve(slot, handset)),
    ]
    .boxed()
}

fn story(event: BoxedStrategy<Event>) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event, 1..40)
}

/// Cut status pages and managers that are not reached, but never a broken mobile devices or editor page.
fn good_poll() -> impl Strategy<Value = Poll> {
    any_poll().prop_map(|poll| Poll { mobile: true, editors: true, ..poll })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// As long as only handsets act, no broken page makes n720d believe what is not so.
    #[test]
    fn undisturbed_nobody_is_taken_for_registered(events in story(undisturbed(any_poll())), verified: bool) {
        let mut world = World::new(verified);
        for event in &events {
            world.happen(event);
            for (ours, really, evidence) in world.beliefs() {
                prop_assert_eq!(really, Some(ours), "{}", evidence);
            }
        }
    }

    /// Whatever people do, with the editor pages at hand n720d is not fooled.
    #[test]
    fn with_editor_pages_nobody_is_taken_for_another(events in story(disturbed(good_poll()))) {
        let mut world = World::new(true);
        for event in &events {
            world.happen(event);
            for (ours, really, evidence) in world.beliefs() {
                prop_assert_eq!(really, Some(ours), "{}", evidence);
            }
        }
    }

    /// Whatever people do and however pages break: what rests on an editor page is true, and what rests on the
    /// mobile devices page or the manager's own list is true of some handset.
    #[test]
    fn evidence_says_no_more_than_was_seen(events in story(disturbed(any_poll()))) {
        let mut world = World::new(true);
        for event in &events {
            world.happen(event);
            for (ours, really, evidence) in world.beliefs() {
                if evidence.starts_with("the editor page") {
                    prop_assert_eq!(really, Some(ours), "{}", evidence);
                } else if !evidence.contains("in an open window") {
                    prop_assert!(really.is_some(), "{evidence}");
                }
            }
        }
    }

    /// One whole reading is enough to know exactly who is registered, whatever came before.
    #[test]
    fn a_whole_reading_tells_who_is_registered(events in story(disturbed(good_poll()))) {
        let mut world = World::new(true);
        for event in events.iter().chain([&Event::Poll(Poll::WHOLE)]) {
            world.happen(event);
        }
        for (slot, ours) in SLOTS.into_iter().zip('A'..) {
            let record = &world.memory.slots[&site::slot(slot)];
            let really = world.device.registered.get(&slot) == Some(&ours);
            prop_assert_eq!(record.registration == Registration::Registered, really, "slot {}: {:?}", slot, record);
            prop_assert!(really || record.registration.is_missing(), "slot {}: {:?}", slot, record);
        }
    }

    /// Unreadable is not empty: without a pending list no verdict moves.
    #[test]
    fn without_a_pending_list_no_verdict_moves(events in story(disturbed(any_poll())), poll in any_poll()) {
        let mut world = World::new(true);
        for event in events.iter().chain([&Event::Poll(Poll::WHOLE)]) {
            world.happen(event);
        }
        let verdict = |world: &World| -> Vec<_> {
            let records = world.memory.slots.values();
            records.map(|r| (r.registration, r.since, r.seen_at, r.evidence.clone())).collect()
        };
        let before = verdict(&world);
        world.happen(&Event::Poll(Poll { status: false, ..poll }));
        prop_assert_eq!(before, verdict(&world));
    }

    /// Where both pages agree, the pending handsets are told the slots they are really reserved for.
    #[test]
    fn pending_handsets_are_told_their_slots(events in story(disturbed(good_poll()))) {
        let mut world = World::new(true);
        for event in events.iter().chain([&Event::Poll(Poll::WHOLE)]) {
            world.happen(event);
        }
        let seen = world.memory.observation.as_ref().and_then(pending_by_slot);
        for (slot, ipui) in seen.into_iter().flatten() {
            let reserved = world.device.reserved.get(&slot.number()).map(|handset| site::handset(*handset));
            prop_assert_eq!(reserved, Some(ipui));
        }
    }
}
