//! Plays every case, cycle by cycle, through the very function that the daemon calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use n720d::domain::desired::{DesiredSite, Pin};
use n720d::domain::ids::{Ipui, SlotNumber};
use n720d::domain::neighbours::{Directory, Elsewhere, Hold};
use n720d::domain::observed::{ContactFailure, Observation, Reading};

use crate::care::{Care, Told};
use crate::case::{Case, Step};
use crate::outcome::differences;
use crate::site;

/// As many as there are to be at least.
const ENOUGH: usize = 120;

#[test]
fn every_case_ends_as_it_says() {
    let cases = cases();
    assert!(cases.len() >= ENOUGH, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().flat_map(|path| played(path)).collect();
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/judgement");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// What differs from what the case says.
fn played(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path.join("case.toml")).unwrap();
    let wrong = match toml::from_str::<Case>(&text) {
        Ok(case) => told(&case),
        Err(error) => vec![error.to_string()],
    };
    wrong.into_iter().map(|what| format!("{name}{what}")).collect()
}

fn told(case: &Case) -> Vec<String> {
    assert!(!case.about.is_empty(), "a case says what it shows");
    assert_eq!(case.steps.is_empty(), case.refused.is_some(), "{}", case.about);
    let mut stage = match (Stage::new(case), &case.refused) {
        (Ok(stage), None) => stage,
        (Err(findings), Some(part)) if findings.contains(part) => return Vec::new(),
        (Err(findings), _) => return vec![format!(": the site file is refused: {findings}")],
        (Ok(_), Some(part)) => return vec![format!(": the site file is not refused: {part}")],
    };
    let mut wrong = Vec::new();
    for (number, step) in (1..).zip(&case.steps) {
        let found = stage.cycle(step).into_iter();
        wrong.extend(found.map(|what| format!(", step {number} ({}): {what}", step.at)));
    }
    wrong
}

/// A site under n720d's care, and what the site file and the device's clock say at the moment.
struct Stage {
    care: Care,
    time_zone: String,
    reserved: BTreeMap<SlotNumber, Ipui>,
    registration: Option<toml::Table>,
    /// The device's clock less ours.
    ahead: TimeDelta,
}

impl Stage {
    /// # Errors
    /// All findings, when the site file is refused.
    fn new(case: &Case) -> Result<Self, String> {
        let (reserved, registration) = (letters(&case.reserved), case.registration.clone());
        let file = site::reserving(&case.time_zone, &reserved, registration.as_ref());
        let mut care = Care::new(case.site.as_ref().unwrap_or(&file))?;
        care.directory = directory(&case.others);
        let ahead = case.clock.as_deref().map_or(TimeDelta::zero(), span);
        if let Some(at) = &case.released_at {
            care.release_given(site::instant(at, care.desired.time_zone), ahead, case.verified);
        }
        Ok(Self { care, time_zone: case.time_zone.clone(), reserved, registration, ahead })
    }

    /// Plays one step; what differs from what it says.
    fn cycle(&mut self, step: &Step) -> Vec<String> {
        let now = site::instant(&step.at, self.care.desired.time_zone);
        self.edit(step);
        if let Some(ahead) = &step.clock {
            self.ahead = span(ahead);
        }
        if let Some(filled) = &step.filled {
            self.care.keep.fetched(now);
            self.care.keep.filled(numbers(filled), now);
        }
        for (handset, place) in &step.elsewhere {
            self.care.elsewhere.insert(site::handset(*handset), registered_at(place, now));
        }
        for handset in step.no_longer_elsewhere.chars() {
            self.care.elsewhere.remove(&site::handset(handset));
        }
        if step.approved {
            self.care.approve(now);
        }
        let unreached = ContactFailure::Unreachable("no answer".to_owned());
        let mut seen = self.observation(step, now);
        let asked = if step.unreached { BTreeSet::new() } else { self.care.asks_for(&seen, step.audit) };
        seen.editors = asked.iter().map(|slot| (*slot, editor(step, *slot))).collect();
        let contact = if step.unreached { Err(&unreached) } else { Ok(&seen) };
        let told = if step.fetches { Told::Fetches } else { Told::DoesNot };
        let turn = self.care.cycle(contact, now, told);
        differences(step, &turn, &asked, self.care.desired.time_zone)
    }

    /// The operator edits the site file and has it read again.
    fn edit(&mut self, step: &Step) {
        if let Some(reserved) = &step.reserved {
            self.reserved = letters(reserved);
        }
        if step.registration.is_some() {
            self.registration.clone_from(&step.registration);
        }
        if let Some(file) = &step.site {
            self.care.reload(file);
        } else if step.reserved.is_some() || step.registration.is_some() {
            let file = site::reserving(&self.time_zone, &self.reserved, self.registration.as_ref());
            self.care.reload(&file);
        }
    }

    fn observation(&self, step: &Step, at: DateTime<Utc>) -> Observation {
        let desired = &self.care.desired;
        let mac = step.mac.as_deref().map_or(desired.manager.mac, site::mac);
        let cells = |cells: &BTreeMap<String, _>| {
            let cell = |(number, state): (&String, &_)| {
                let slot = by_number(number);
                let mut shown = site::shown(desired, slot, *state);
                shown.user_id = step.users.get(number).cloned().or(shown.user_id);
                shown.display_name = step.names.get(number).cloned().or(shown.display_name);
                (slot, shown)
            };
            cells.iter().map(cell).collect()
        };
        let whole = Observation {
            pending: step.pending.as_ref().map_or_else(site::unreadable, |letters| {
                Reading::Known(letters.chars().map(site::handset).collect())
            }),
            slots: step.slots.as_ref().map_or_else(site::unreadable, |slots| Reading::Known(cells(slots))),
            registration_pin: pin(step, desired),
            ..site::bare(mac, desired.time_zone, self.ahead, at)
        };
        if step.cut { site::cut(whole) } else { whole }
    }
}

/// What the editor page of a slot shows that was asked for.
fn editor(step: &Step, slot: SlotNumber) -> Reading<Option<Ipui>> {
    match step.editors.get(&slot.to_string()).map(String::as_str) {
        None => site::unreadable(),
        Some("none") => Reading::Known(None),
        Some(letter) => Reading::Known(letter.chars().next().map(site::handset)),
    }
}

/// The PIN that the mobile devices page shows.
fn pin(step: &Step, desired: &DesiredSite) -> Reading<Pin> {
    let digits = |text: &str| text.bytes().map(|digit| digit - b'0').collect::<Vec<u8>>().try_into().unwrap();
    let wanted = desired.registration.as_ref().and_then(|policy| policy.pin);
    let shown = step.pin.as_deref().map(|text| Pin::Fixed(digits(text))).or(wanted);
    shown.filter(|_| step.slots.is_some()).map_or_else(site::unreadable, Reading::Known)
}

/// Other sites, and what their files list.
fn directory(others: &BTreeMap<String, BTreeMap<String, char>>) -> Directory {
    let sites: Vec<DesiredSite> = others
        .iter()
        .map(|(name, reserved)| {
            let (absent, reserved): (BTreeMap<_, _>, BTreeMap<_, _>) =
                reserved.clone().into_iter().partition(|(_, letter)| *letter == '-');
            let absent = absent.keys().map(|slot| format!("[[slot]]\nnumber = {slot}\nstate = 'absent'\n"));
            let file = site::reserving("Europe/Berlin", &letters(&reserved), None);
            let (site, _) = site::load(&absent.fold(file, |file, slot| file + &slot)).unwrap();
            DesiredSite { name: name.parse().unwrap(), ..site }
        })
        .collect();
    Directory::of(&sites)
}

/// Where a handset is registered that `hamburg 4` stands for.
fn registered_at(place: &str, now: DateTime<Utc>) -> Elsewhere {
    let (name, slot) = place.split_once(' ').unwrap();
    let (site, slot) = (name.parse().unwrap(), Some(by_number(slot)));
    Elsewhere { site, slot, hold: Hold::Registered, seen_at: now, leaves: false }
}

/// A span like `-1h`, `+30m` or `+10d`.
fn span(text: &str) -> TimeDelta {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().unwrap();
    match unit {
        "m" => TimeDelta::minutes(number),
        "h" => TimeDelta::hours(number),
        "d" => TimeDelta::days(number),
        other => panic!("{text:?}: {other:?} is none of m, h, d"),
    }
}

fn by_number(text: &str) -> SlotNumber {
    site::slot(text.parse().unwrap())
}

fn letters(reserved: &BTreeMap<String, char>) -> BTreeMap<SlotNumber, Ipui> {
    reserved.iter().map(|(slot, letter)| (by_number(slot), site::handset(*letter))).collect()
}

fn numbers(slots: &BTreeSet<u8>) -> BTreeSet<SlotNumber> {
    slots.iter().copied().map(site::slot).collect()
}
