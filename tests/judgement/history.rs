//! Random histories: what can happen to a DECT manager, its handsets and n720d, and what n720d makes of it.
//!
//! Three slots are listed, for the handsets `A`, `B` and `C`; a fourth is not. `X` is somebody else's handset.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use n720d::domain::ids::SlotNumber;
use n720d::domain::memory::{Registration, SlotRecord, Window};
use n720d::domain::observed::{ContactFailure, Observation, Reading};
use n720d::domain::plan::WindowEntry;
use n720d::domain::turn::Turn;

use crate::care::{Care, Told};
use crate::device::{Device, DeviceWindow, File};
use crate::site;

/// The listed slots; their handsets are `A`, `B` and `C`.
pub(crate) const LISTED: [u8; 3] = [1, 2, 3];
/// All slots that the device has accounts for.
const SLOTS: [u8; 4] = [1, 2, 3, 4];
/// Without clock changes: those are another test's.
const TZ: Tz = chrono_tz::America::Sao_Paulo;
/// The device acts on a file within this time (n720.md section 3), and n720d gives it that long.
const SETTLE: TimeDelta = TimeDelta::seconds(180);
/// The device shows whole minutes, so that n720d knows its clock no better than this.
const CLOCK_ERROR: TimeDelta = TimeDelta::seconds(90);

/// What can happen. Numbers are slots, letters handsets.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Minutes pass in which n720d does not look: its interval, or somebody has stopped it.
    Pass(u16),
    Poll(Poll),
    /// A handset is switched on; it registers if it is reserved and the window is open.
    Arrive(char),
    /// Its user deregisters it; it stays reserved.
    Leave(char),
    /// The manager fetches by itself, and says which slots are filled.
    Fetch,
    /// The device's clock is now so many minutes ahead.
    Clock(i16),
    /// Somebody deregisters the handset of a slot and removes its reservation.
    Clear(u8),
    /// Somebody registers `X` in an empty slot.
    Foreign(u8),
    /// Somebody reserves an empty slot for one of ours or for `X`, perhaps the wrong one.
    Reserve(u8, char),
    /// Somebody moves a registered handset to an empty slot.
    Move(char, u8),
    /// Somebody swaps the handsets of two slots.
    Swap(u8, u8),
    /// Somebody switches the account of a slot off, or on again.
    Account(u8, bool),
    /// Somebody resets the manager to how it left the factory, and restores its accounts.
    Reset,
}

/// A cycle: which of its pages come whole, and what comes of telling the manager to fetch.
#[derive(Debug, Clone)]
pub(crate) struct Poll {
    pub(crate) reached: bool,
    pub(crate) status: Page,
    pub(crate) mobile: bool,
    pub(crate) editors: bool,
    /// The nightly audit, which asks for all editor pages.
    pub(crate) audit: bool,
    /// A handset that is switched on after the status page was read.
    pub(crate) meanwhile: Option<char>,
    pub(crate) fetches: bool,
    /// Whether it then says which slots are filled.
    pub(crate) lists: bool,
    /// After how many seconds the device acts on a file.
    pub(crate) acts_after: u8,
}

/// How the status page comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Whole,
    /// All but its pending list is understood.
    WithoutList,
    Cut,
}

impl Poll {
    pub(crate) const WHOLE: Self = Self {
        reached: true,
        status: Page::Whole,
        mobile: true,
        editors: true,
        audit: false,
        meanwhile: None,
        fetches: true,
        lists: true,
        acts_after: 0,
    };
}

/// A window that the device has held, and the handsets it was for.
#[derive(Debug)]
struct Held {
    /// When it was to open, by a right clock: until then it is written again for a clock that was set.
    meant_at: DateTime<Utc>,
    /// By the device's own clock.
    closes: DateTime<Utc>,
    waiting: BTreeSet<char>,
}

/// The device, n720d with all that it knows, and what is true.
pub(crate) struct World {
    pub(crate) device: Device,
    pub(crate) care: Care,
    pub(crate) now: DateTime<Utc>,
    /// What the manager may fetch.
    served: Option<File>,
    /// When the window in it is to open, by a right clock.
    meant_at: Option<DateTime<Utc>>,
    /// When it first fetched that; until then, when it last said that it does.
    push_at: Option<DateTime<Utc>>,
    is_fetched: bool,
    /// The device's clock less ours, as n720d last read it.
    known_ahead: TimeDelta,
    held: Vec<Held>,
    /// Handsets that missed a window of theirs and have not been registered since.
    missed: BTreeSet<char>,
    /// Handsets that have ever been registered in their slot.
    been_here: BTreeSet<char>,
    /// Slots that a mobile devices page last showed as registered.
    seen_filled: BTreeSet<u8>,
    /// Slots in which one handset has taken the place of another unseen. A page that shows *a* handset ever since cannot
    /// tell; only the editor page can, which the nightly audit reads.
    disputed: BTreeSet<u8>,
    /// Those of them whose editor page was read, in a session that could not yet decide anything.
    reread: BTreeSet<u8>,
    /// Who was registered where at each instant at which something was seen.
    truth: BTreeMap<DateTime<Utc>, BTreeSet<(u8, char)>>,
}

/// What n720d believes of a slot, and what was true when its evidence was seen.
pub(crate) struct Belief<'a> {
    pub(crate) ours: char,
    pub(crate) record: &'a SlotRecord,
    /// Who was really registered in the slot.
    pub(crate) really: BTreeSet<char>,
    /// Whether only an editor page could tell.
    pub(crate) disputed: bool,
}

impl World {
    /// A manager that n720d has met and released to, which it has fetched and acted on.
    pub(crate) fn new(registration: &str) -> Self {
        let reserved = LISTED.into_iter().zip('A'..).map(|(slot, h)| (site::slot(slot), site::handset(h)));
        let registration = toml::from_str(registration).unwrap();
        let file = site::reserving(TZ.name(), &reserved.collect(), Some(&registration));
        let mut world = Self {
            device: Device::with_accounts(SLOTS),
            care: Care::new(&file).unwrap(),
            now: site::instant("2026-11-23T08:00", TZ),
            served: None,
            meant_at: None,
            push_at: None,
            is_fetched: false,
            known_ahead: TimeDelta::zero(),
            held: Vec::new(),
            missed: BTreeSet::new(),
            been_here: BTreeSet::new(),
            seen_filled: BTreeSet::new(),
            disputed: BTreeSet::new(),
            reread: BTreeSet::new(),
            truth: BTreeMap::new(),
        };
        for _ in 0..2 {
            world.happen(&Event::Pass(5));
            world.poll(&Poll::WHOLE);
        }
        world
    }

    /// The turn that it led to, if it was a cycle.
    pub(crate) fn happen(&mut self, event: &Event) -> Option<Turn> {
        match event {
            Event::Pass(minutes) => self.pass(TimeDelta::minutes(i64::from(*minutes))),
            Event::Poll(poll) => return Some(self.poll(poll)),
            Event::Arrive(handset) => self.arrive(*handset),
            Event::Leave(handset) => self.device.registered.retain(|_, held| held != handset),
            Event::Fetch => self.fetch(true, TimeDelta::zero()),
            Event::Clock(minutes) => self.device.ahead = TimeDelta::minutes(i64::from(*minutes)),
            Event::Clear(slot) => self.device.clear(*slot),
            Event::Foreign(slot) if !self.device.is_registered('X') => self.put('X', *slot),
            Event::Foreign(_) => {}
            Event::Reserve(slot, handset) => {
                self.device.reserved.retain(|_, reserved| reserved != handset);
                if !self.device.registered.contains_key(slot) {
                    self.device.reserved.insert(*slot, *handset);
                }
            }
            Event::Move(handset, slot) => {
                if self.device.is_registered(*handset) && !self.device.registered.contains_key(slot) {
                    self.device.registered.retain(|_, held| held != handset);
                    self.put(*handset, *slot);
                }
            }
            Event::Swap(one, other) => self.swap(*one, *other),
            Event::Account(slot, true) => {
                self.device.accounts.insert(*slot);
            }
            Event::Account(slot, false) => {
                self.device.accounts.remove(slot);
            }
            Event::Reset => self.device.reset(),
        }
        None
    }

    fn pass(&mut self, time: TimeDelta) {
        // Minute by minute, so that the device acts in time.
        let end = self.now + time;
        while self.now < end {
            self.now += TimeDelta::minutes(1);
            self.act();
        }
    }

    /// What the device does once a file's time has come.
    fn act(&mut self) {
        let Some((reserved, window)) = self.device.pass(self.now, TZ) else { return };
        let Some(DeviceWindow { closes: Some(closes), .. }) = window else { return };
        if self.now + self.device.ahead < closes {
            // One that was registered and is not any more is lost, which is another matter.
            let waiting = reserved.into_iter().filter(|handset| !self.been_here.contains(handset));
            // Whatever its clock is said to show by now: it was written for what it showed then.
            let meant_at = self.meant_at.unwrap();
            self.held.push(Held { meant_at, closes, waiting: waiting.collect() });
        }
    }

    fn arrive(&mut self, handset: char) {
        if let Some(slot) = self.device.welcomes(handset, self.now) {
            self.put(handset, slot);
        }
    }

    /// Registers a handset in a slot, if that is empty.
    fn put(&mut self, handset: char, slot: u8) {
        if self.device.registered.contains_key(&slot) {
            return;
        }
        self.device.registered.insert(slot, handset);
        self.registered(handset, slot);
    }

    fn swap(&mut self, one: u8, other: u8) {
        let (first, second) = (self.device.registered.remove(&one), self.device.registered.remove(&other));
        for (handset, slot) in first.into_iter().map(|h| (h, other)).chain(second.map(|h| (h, one))) {
            self.device.registered.insert(slot, handset);
            self.registered(handset, slot);
        }
    }

    fn registered(&mut self, handset: char, slot: u8) {
        self.missed.remove(&handset);
        for held in &mut self.held {
            held.waiting.remove(&handset);
        }
        if ours(slot) == Some(handset) {
            self.been_here.insert(handset);
        }
        if self.seen_filled.contains(&slot) {
            self.disputed.insert(slot);
            self.reread.remove(&slot);
        }
    }

    fn fetch(&mut self, lists: bool, acts_after: TimeDelta) {
        let Some(file) = &self.served else { return };
        self.device.fetch(file, self.now + acts_after);
        if !self.is_fetched {
            (self.push_at, self.is_fetched) = (Some(self.now), true);
        }
        self.care.keep.fetched(self.now);
        if lists {
            let filled = self.device.registered.keys().map(|slot| site::slot(*slot)).collect();
            self.care.keep.filled(filled, self.now);
        }
        self.note_truth();
        self.act();
    }

    fn poll(&mut self, poll: &Poll) -> Turn {
        self.pass(TimeDelta::minutes(1));
        let told = if poll.fetches { Told::Fetches } else { Told::DoesNot };
        let dark = ContactFailure::Unreachable("no answer".to_owned());
        let seen = poll.reached.then(|| self.observe(poll));
        if poll.reached && poll.status == Page::Whole && !self.is_settling() {
            let decided = std::mem::take(&mut self.reread);
            self.disputed.retain(|slot| !decided.contains(slot));
        }
        let turn = self.care.cycle(seen.as_ref().ok_or(&dark), self.now, told);
        if let Some(release) = &turn.plan.orders.release {
            if let Some(WindowEntry::Opens(window)) = &release.window {
                self.meant_at = window.meant_at;
                self.take_over(window);
            }
            self.served = Some(File { version: release.version.clone(), content: release.content.clone() });
            (self.push_at, self.is_fetched) = (None, false);
        }
        match turn.plan.orders.trigger {
            Some(_) if poll.fetches => {
                self.fetch(poll.lists, TimeDelta::seconds(i64::from(poll.acts_after)));
            }
            Some(_) => self.push_at = Some(self.now),
            None => {}
        }
        self.expire();
        turn
    }

    /// A window that is released takes over those who still wait for the end of another, whether it is fetched or not.
    fn take_over(&mut self, window: &Window) {
        let waiting = std::mem::take(&mut self.held).into_iter().flat_map(|held| held.waiting).collect();
        let meant_at = window.meant_at.unwrap();
        let closes = window.closes_at.map(|closes| closes.to_utc());
        self.held.extend(closes.map(|closes| Held { meant_at, closes, waiting }));
    }

    /// While a push settles verdicts stand still.
    fn is_settling(&self) -> bool {
        self.push_at.is_some_and(|at| self.now < at + SETTLE)
    }

    /// By the clock that n720d knows, windows have closed. While a push settles nobody is told.
    fn expire(&mut self) {
        if self.is_settling() {
            return;
        }
        let shown = self.now + self.known_ahead - CLOCK_ERROR;
        let (closed, open): (Vec<Held>, _) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|held| held.closes <= shown && held.meant_at <= self.now);
        self.held = open;
        self.missed.extend(closed.into_iter().flat_map(|held| held.waiting));
    }

    fn observe(&mut self, poll: &Poll) -> Observation {
        self.note_truth();
        let mut seen = site::bare(self.care.desired.manager.mac, TZ, self.device.ahead, self.now);
        seen.pending = match poll.status {
            Page::Whole => Reading::Known(self.device.pending()),
            Page::WithoutList | Page::Cut => site::unreadable(),
        };
        match poll.status {
            Page::Whole | Page::WithoutList => self.known_ahead = self.device.ahead,
            Page::Cut => seen = site::cut(seen),
        }
        if let Some(handset) = poll.meanwhile {
            self.arrive(handset);
            self.note_truth();
        }
        seen.slots = if poll.mobile { Reading::Known(self.mobile_devices()) } else { site::unreadable() };
        let asked = self.care.asks_for(&seen, poll.audit);
        for slot in asked {
            let page = if poll.editors { self.editor(slot) } else { site::unreadable() };
            seen.editors.insert(slot, page);
        }
        seen
    }

    fn mobile_devices(&mut self) -> BTreeMap<SlotNumber, n720d::domain::observed::ObservedSlot> {
        let cell = |slot: &u8| {
            let number = site::slot(*slot);
            (number, site::shown(&self.care.desired, number, self.device.cell(*slot)))
        };
        let cells = self.device.accounts.iter().map(cell).collect();
        for slot in &self.device.accounts {
            if self.device.registered.contains_key(slot) {
                self.seen_filled.insert(*slot);
            } else {
                self.seen_filled.remove(slot);
                self.disputed.remove(slot);
            }
        }
        cells
    }

    fn editor(&mut self, slot: SlotNumber) -> Reading<Option<n720d::domain::ids::Ipui>> {
        self.reread.insert(slot.number());
        let held = self.device.registered.get(&slot.number());
        Reading::Known(held.map(|handset| site::handset(*handset)))
    }

    fn note_truth(&mut self) {
        let registered = self.device.registered.iter().map(|(slot, handset)| (*slot, *handset));
        self.truth.entry(self.now).or_default().extend(registered);
    }

    /// The slots that are believed to be registered.
    pub(crate) fn beliefs(&self) -> Vec<Belief<'_>> {
        let slots = &self.care.keep.last().slots;
        let believed = slots.iter().filter(|(_, record)| record.registration == Registration::Registered);
        believed
            .map(|(slot, record)| {
                let here = self.truth[&record.seen_at].iter().filter(|(n, _)| *n == slot.number());
                Belief {
                    ours: ours(slot.number()).unwrap(),
                    record,
                    really: here.map(|(_, handset)| *handset).collect(),
                    disputed: self.disputed.contains(&slot.number()),
                }
            })
            .collect()
    }

    /// The slots of handsets that missed a window.
    pub(crate) fn missed(&self) -> BTreeSet<u8> {
        let missed = LISTED.into_iter().zip('A'..).filter(|(_, handset)| self.missed.contains(handset));
        missed.map(|(slot, _)| slot).collect()
    }

    /// Whether this handset was ever registered in its slot.
    pub(crate) fn has_been_here(&self, slot: u8) -> bool {
        ours(slot).is_some_and(|handset| self.been_here.contains(&handset))
    }
}

/// The handset that is listed for this slot.
pub(crate) fn ours(slot: u8) -> Option<char> {
    LISTED.into_iter().zip('A'..).find(|(listed, _)| *listed == slot).map(|(_, handset)| handset)
}

/// The policies that a history is tried with: `[registration]` of the site file.
pub(crate) fn policy() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "duration = '2h'",
        "duration = '2h'\nreopen = 2",
        "start = '2026-11-23T09:00'\nduration = '3h'\nreopen = 1",
        "duration = 'always'",
        "duration = '2h'\nclose_when_filled = true",
        "schedule = '0 9 * * *'\nduration = '2h'\nreopen = 1",
    ])
}

/// Any cycle whatever.
pub(crate) fn any_poll() -> impl Strategy<Value = Poll> {
    let pages = (prop::sample::select(vec![Page::Whole, Page::WithoutList, Page::Cut]), any::<[bool; 3]>());
    let fetch = (prop::bool::weighted(0.8), any::<bool>(), 0..=180_u8);
    let reached = prop::bool::weighted(0.8);
    (reached, pages, proptest::option::of(handset()), fetch).prop_map(
        |(reached, (status, [mobile, editors, audit]), meanwhile, (fetches, lists, acts_after))| Poll {
            reached,
            status,
            mobile,
            editors,
            audit,
            meanwhile,
            fetches,
            lists,
            acts_after,
        },
    )
}

/// Status pages that come cut or not at all, but never a broken mobile devices or editor page.
pub(crate) fn good_poll() -> impl Strategy<Value = Poll> {
    any_poll().prop_map(|poll| Poll { mobile: true, editors: true, ..poll })
}

fn handset() -> impl Strategy<Value = char> {
    prop::sample::select(vec!['A', 'B', 'C'])
}

fn slot() -> impl Strategy<Value = u8> {
    prop::sample::select(SLOTS.to_vec())
}

/// What happens where nobody touches the manager but its handsets' users.
pub(crate) fn undisturbed(poll: impl Strategy<Value = Poll> + 'static) -> BoxedStrategy<Event> {
    prop_oneof![
        3 => handset().prop_map(Event::Arrive),
        1 => handset().prop_map(Event::Leave),
        2 => prop::sample::select(vec![4, 30, 90, 1500]).prop_map(Event::Pass),
        1 => Just(Event::Fetch),
        1 => prop::sample::select(vec![0, 1, -60, 240, -1440]).prop_map(Event::Clock),
        6 => poll.prop_map(Event::Poll),
    ]
    .boxed()
}

/// The same with people at the web interface.
pub(crate) fn disturbed(poll: impl Strategy<Value = Poll> + 'static) -> BoxedStrategy<Event> {
    let anybody = prop::sample::select(vec!['A', 'B', 'C', 'X']);
    prop_oneof![
        14 => undisturbed(poll),
        1 => slot().prop_map(Event::Clear),
        1 => slot().prop_map(Event::Foreign),
        1 => (slot(), anybody).prop_map(|(slot, handset)| Event::Reserve(slot, handset)),
        1 => (handset(), slot()).prop_map(|(handset, slot)| Event::Move(handset, slot)),
        1 => (slot(), slot()).prop_map(|(one, other)| Event::Swap(one, other)),
        1 => (slot(), any::<bool>()).prop_map(|(slot, on)| Event::Account(slot, on)),
        1 => Just(Event::Reset),
    ]
    .boxed()
}

/// A history of such events.
pub(crate) fn story(event: BoxedStrategy<Event>) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event, 1..40)
}
