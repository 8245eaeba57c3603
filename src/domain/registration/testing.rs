//! For the tests of this folder: a site whose manager is read again and again, in shorthand. A handset is a number.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scene, doubtful, judge};
use crate::domain::ids::SlotNumber;
use crate::domain::memory::SlotRecord;
use crate::domain::observed::{FilledSlots, HandsetState, Observation, Reading};
use crate::domain::release::{Generation, Progress, Release};
use crate::domain::status::WindowState;
use crate::domain::world::{World, at, ipui, present, shown, slot};

pub(super) use HandsetState::{None as Empty, Pending as Reserved, Registered as Filled};

/// An editor page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Shows(u8),
    Nobody,
    Cut,
}

/// What one reading shows. What is left out could not be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look<'a> {
    pub(super) pending: Option<&'a [u8]>,
    pub(super) cells: Option<&'a [(u8, HandsetState)]>,
    pub(super) editors: &'a [(u8, Page)],
}

/// Both pages whole, no editor page.
pub(super) fn whole<'a>(pending: &'a [u8], cells: &'a [(u8, HandsetState)]) -> Look<'a> {
    Look { pending: Some(pending), cells: Some(cells), editors: &[] }
}

/// The status page alone.
pub(super) fn listed(pending: &[u8]) -> Look<'_> {
    Look { pending: Some(pending), ..Look::default() }
}

impl<'a> Look<'a> {
    pub(super) fn editors(self, editors: &'a [(u8, Page)]) -> Self {
        Self { editors, ..self }
    }
}

/// A site, its memory, and whether its pushes have settled.
pub(super) struct Bench {
    pub(super) world: World,
    pub(super) settled: bool,
    /// The type that the mobile devices page shows of every registered handset.
    pub(super) model: Option<&'static str>,
}

impl Bench {
    /// Slots and the handsets that are listed for them. A window is open.
    pub(super) fn of(listed: &[(u8, u8)]) -> Self {
        let mut world = World::new();
        world.window_state = WindowState::Open;
        for (number, handset) in listed {
            world = world.want(*number, present(&format!("10{number}"), Some(*handset)));
        }
        Self { world, settled: true, model: None }
    }

    /// Reads, judges and remembers, so many minutes after the beginning.
    pub(super) fn read(&mut self, minute: i64, look: Look<'_>) -> &mut Self {
        let seen = self.observation(minute, look);
        let slots = judge(&self.scene(&seen));
        assert_eq!(slots, judge(&self.scene(&seen)), "same in, same out");
        self.world.memory.slots = slots;
        self.world.memory.observation = Some(seen);
        self
    }

    /// The editor pages that such a reading asks for.
    pub(super) fn asks_for(&self, minute: i64, look: Look<'_>) -> BTreeSet<SlotNumber> {
        let seen = self.observation(minute, look);
        doubtful(&self.world.desired, &self.world.memory, &seen, true)
    }

    fn scene<'a>(&'a self, seen: &'a Observation) -> Scene<'a> {
        Scene {
            desired: &self.world.desired,
            memory: &self.world.memory,
            observation: Some(seen),
            window: None,
            window_state: self.world.window_state,
            settled: self.settled,
            now: seen.at,
        }
    }

    fn observation(&self, minute: i64, look: Look<'_>) -> Observation {
        let cut = || "cut off".to_owned();
        let cell = |(number, state): &(u8, HandsetState)| {
            let mut cell = shown(&format!("10{number}"), *state);
            cell.model = self.model.filter(|_| *state == Filled).map(str::to_owned);
            (slot(*number), cell)
        };
        let page = |page: Page| match page {
            Page::Shows(handset) => Reading::Known(Some(ipui(handset))),
            Page::Nobody => Reading::Known(None),
            Page::Cut => Reading::Unreadable(cut()),
        };
        Observation {
            at: at(minute * 60),
            pending: look.pending.map_or_else(
                || Reading::Unreadable(cut()),
                |pending| Reading::Known(pending.iter().copied().map(ipui).collect()),
            ),
            slots: look.cells.map_or_else(
                || Reading::Unreadable(cut()),
                |cells| Reading::Known(cells.iter().map(cell).collect::<BTreeMap<_, _>>()),
            ),
            editors: look.editors.iter().map(|(number, shows)| (slot(*number), page(*shows))).collect(),
            ..self.world.seen.clone()
        }
    }

    /// The manager has fetched, and said which slots are filled.
    pub(super) fn filled(&mut self, minute: i64, slots: &[u8]) -> &mut Self {
        let filled = slots.iter().copied().map(slot).collect();
        self.world.memory.filled = Some(FilledSlots { at: at(minute * 60), filled });
        self
    }

    /// A release of these reservations, fetched at that minute and verified.
    pub(super) fn released(&mut self, minute: i64, reserved: &[(u8, u8)]) -> &mut Self {
        let fetched = at(minute * 60);
        self.world.memory.release = Some(Release {
            id: 1,
            generation: Generation("g".into()),
            content: Generation("c".into()),
            version: "2811121640".parse().unwrap(),
            parts: BTreeMap::new(),
            reserved: reserved.iter().map(|(number, handset)| (slot(*number), ipui(*handset))).collect(),
            approved: std::collections::BTreeSet::new(),
            window: None,
            released_at: fetched,
            progress: Progress {
                fetched_at: Some(fetched),
                verified_at: Some(fetched),
                ..Progress::default()
            },
        });
        self
    }

    /// The same, and by an approval it deregisters who was in those slots; what it came to is not known yet.
    pub(super) fn replaces(&mut self, minute: i64, reserved: &[(u8, u8)]) -> &mut Self {
        self.released(minute, reserved);
        if let Some(release) = &mut self.world.memory.release {
            release.approved = release.reserved.keys().copied().collect();
            release.progress.verified_at = None;
        }
        self
    }

    /// From here on another handset is listed for this slot.
    pub(super) fn want(&mut self, number: u8, handset: u8) -> &mut Self {
        self.world.desired.slots.insert(slot(number), present(&format!("10{number}"), Some(handset)));
        self
    }

    pub(super) fn record(&self, number: u8) -> &SlotRecord {
        &self.world.memory.slots[&slot(number)]
    }
}

pub(super) fn slots(numbers: &[u8]) -> BTreeSet<SlotNumber> {
    numbers.iter().copied().map(slot).collect()
}
