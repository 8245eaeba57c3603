//! Plays every case: judge, close the window, remember, as a cycle does. The memory goes through JSON between two
//! steps, as it does through the store, so that every step is also a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, FixedOffset, TimeZone, Utc};
use chrono_tz::Tz;

use n720d::domain::device_clock::DeviceClock;
use n720d::domain::ids::{Ipui, SlotNumber};
use n720d::domain::memory::{Registration, SiteMemory, Window};
use n720d::domain::observed::{FilledSlots, Observation, Reading};
use n720d::domain::registration::{Scene, doubtful, judge};
use n720d::domain::status::WindowState;
use n720d::domain::window::{close_due, state_of};

use crate::case::{Case, CaseWindow, Step};
use crate::site;

#[test]
fn every_case_ends_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/judgement");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases in {}", cases.len(), folder.display());
    for path in cases {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(path.join("case.toml")).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!case.about.is_empty(), "{name} does not say what it shows");
        Stage::new(&name, &case).play(&case.steps);
    }
}

struct Stage<'a> {
    name: &'a str,
    clock: DeviceClock,
    reserved: BTreeMap<SlotNumber, Ipui>,
    memory: SiteMemory,
}

impl<'a> Stage<'a> {
    fn new(name: &'a str, case: &Case) -> Self {
        let tz: Tz = case.time_zone.parse().unwrap();
        let mut memory = SiteMemory::default();
        memory.windows.extend(case.window.as_ref().map(|window| ledger_entry(tz, window, 1)));
        Self { name, clock: DeviceClock::in_step(tz), reserved: letters(&case.reserved), memory }
    }

    fn play(mut self, steps: &[Step]) {
        for (index, step) in steps.iter().enumerate() {
            let place = format!("{}, step {} ({})", self.name, index + 1, step.at);
            self.cycle(step, &place);
        }
    }

    fn cycle(&mut self, step: &Step, place: &str) {
        let now = self.instant(&step.at);
        if let Some(reserved) = &step.reserved {
            self.reserved = letters(reserved);
        }
        if let Some(window) = &step.window {
            let number = u32::try_from(self.memory.windows.len()).unwrap() + 1;
            self.memory.windows.push(ledger_entry(self.clock.tz, window, number));
        }
        if let Some(filled) = &step.filled {
            self.memory.filled = Some(FilledSlots { at: now, filled: numbers(filled) });
        }
        self.memory.release = Some(site::release(self.reserved.clone(), now, step.verified));
        let desired = site::desired(self.clock.tz, &self.reserved);
        let observation = (!step.unreached).then(|| observation(step, now));
        let window = self.memory.windows.last().cloned();
        let window_state =
            window.as_ref().map_or(WindowState::None, |window| state_of(window, self.clock, now));
        let scene = Scene {
            desired: &desired,
            memory: &self.memory,
            observation: observation.as_ref(),
            window: window.as_ref(),
            window_state,
            settled: step.settled,
            now,
        };
        let slots = judge(&scene);
        if let (Some(expected), Some(observation)) = (&step.doubtful, &observation) {
            assert_eq!(doubtful(&desired, &self.memory, observation), numbers(expected), "{place}: doubtful");
        }
        self.memory.slots = serde_json::from_str(&serde_json::to_string(&slots).unwrap()).unwrap();
        if let Some(observation) = observation {
            close_due(&mut self.memory.windows, self.clock, &self.memory.slots, &observation);
            if observation.pending.known().is_some() {
                self.memory.observation = Some(observation);
            }
        }
        self.check(step, window_state, place);
    }

    fn check(&self, step: &Step, window_state: WindowState, place: &str) {
        let verdicts: BTreeMap<String, Registration> =
            self.memory.slots.iter().map(|(slot, record)| (slot.to_string(), record.registration)).collect();
        assert_eq!(verdicts, step.expect, "{place}: {:#?}", self.memory.slots);
        let record = |slot: &String| &self.memory.slots[&site::slot(slot.parse().unwrap())];
        for (slot, part) in &step.evidence {
            let evidence = &record(slot).evidence;
            assert!(evidence.contains(part.as_str()), "{place}: slot {slot}: {evidence:?} lacks {part:?}");
        }
        for (slot, since) in &step.since {
            assert_eq!(record(slot).since, self.instant(since), "{place}: slot {slot}: since");
        }
        for (slot, seen_at) in &step.seen_at {
            assert_eq!(record(slot).seen_at, self.instant(seen_at), "{place}: slot {slot}: seen at");
        }
        if let Some(expected) = step.window_state {
            assert_eq!(window_state, expected, "{place}: window");
        }
        if let Some(expected) = &step.missing_at_end {
            let noted = self.memory.windows.last().and_then(|window| window.missing_at_end.clone());
            assert_eq!(noted, Some(numbers(expected)), "{place}: missing at the end");
        }
    }

    fn instant(&self, text: &str) -> DateTime<Utc> {
        shown(self.clock.tz, text).to_utc()
    }
}

/// A time of the site's clock; the first of two.
fn shown(tz: Tz, text: &str) -> DateTime<FixedOffset> {
    tz.from_local_datetime(&site::local(text)).earliest().unwrap().fixed_offset()
}

/// The same; the second of two.
fn shown_last(tz: Tz, text: &str) -> DateTime<FixedOffset> {
    tz.from_local_datetime(&site::local(text)).latest().unwrap().fixed_offset()
}

fn ledger_entry(tz: Tz, window: &CaseWindow, number: u32) -> Window {
    Window {
        number,
        opens_at: shown(tz, &window.opens),
        closes_at: window.closes.as_deref().map(|closes| shown_last(tz, closes)),
        meant_at: None,
        reopened: 0,
        reason: "a case".to_owned(),
        policy: "a case".to_owned(),
        missing_at_start: BTreeSet::new(),
        arrivals: BTreeMap::new(),
        missing_at_end: None,
    }
}

fn observation(step: &Step, at: DateTime<Utc>) -> Observation {
    let editor = |text: &String| match text.as_str() {
        "none" => Reading::Known(None),
        "unreadable" => site::unreadable(),
        letter => Reading::Known(letter.chars().next().map(site::handset)),
    };
    let cells = |cells: &BTreeMap<String, _>| {
        cells
            .iter()
            .map(|(slot, state)| (site::slot(slot.parse().unwrap()), site::observed_slot(*state)))
            .collect()
    };
    Observation {
        mac: match step.mac.as_deref() {
            None => Reading::Known(site::own_mac()),
            Some("") => site::unreadable(),
            Some(other) => Reading::Known(other.parse().unwrap()),
        },
        pending: step.pending.as_ref().map_or_else(site::unreadable, |letters| {
            Reading::Known(letters.chars().map(site::handset).collect())
        }),
        slots: step.slots.as_ref().map_or_else(site::unreadable, |slots| Reading::Known(cells(slots))),
        editors: step
            .editors
            .iter()
            .map(|(slot, text)| (site::slot(slot.parse().unwrap()), editor(text)))
            .collect(),
        ..site::blind(at)
    }
}

fn letters(reserved: &BTreeMap<String, char>) -> BTreeMap<SlotNumber, Ipui> {
    reserved
        .iter()
        .map(|(slot, letter)| (site::slot(slot.parse().unwrap()), site::handset(*letter)))
        .collect()
}

fn numbers(slots: &BTreeSet<u8>) -> BTreeSet<SlotNumber> {
    slots.iter().copied().map(site::slot).collect()
}
