//! The hand-off: of every missing handset who it is, where it stands, what its user must press, which PIN, until when.
//!
//! One function, [`note`], says it of a handset, for alerts and for the sheet alike. No sentences about windows here:
//! those are in [`super::instruction`]; nothing is printed.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use super::alert::HandsetNote;
use super::desired::{DesiredSite, Mode};
use super::device_clock::DeviceClock;
use super::ids::{Ipui, SiteName, SlotNumber};
use super::instruction::{Entrance, instruction, typed};
use super::memory::{Registration, SiteMemory};
use super::opening;
use super::pin;
use super::plan::{Action, Disposition, Step};
use super::status::{WindowState, WindowStatus};
use super::window;
use super::wording::{clock, local};

/// What the notes on a site's handsets rest on.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The site file.
    pub desired: &'a DesiredSite,
    /// What is remembered.
    pub memory: &'a SiteMemory,
    /// The window in force.
    pub window: WindowStatus,
    /// Whether the manager has not fetched that window.
    pub unfetched: bool,
    /// What n720d is about to do; nothing where no daemon runs.
    pub steps: &'a [Step],
    /// By our clock.
    pub now: DateTime<Utc>,
}

/// A window that n720d is about to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextOpening {
    /// When; `None`: at once, or when something else is over.
    pub at: Option<DateTime<FixedOffset>>,
}

impl Situation<'_> {
    /// The window that n720d is about to open, if it is.
    pub fn opening(&self) -> Option<NextOpening> {
        let opens = [Action::OpenWindow, Action::ReopenWindow];
        let mut openings = self.steps.iter().filter(|step| opens.contains(&step.action));
        openings.find_map(|step| match &step.disposition {
            Disposition::Ready => Some(NextOpening { at: None }),
            Disposition::Deferred { until, .. } if self.desired.mode == Mode::Manage => {
                Some(NextOpening { at: until.map(|until| local(until, self.desired.time_zone)) })
            }
            Disposition::Deferred { .. } | Disposition::Blocked { .. } => None,
        })
    }
}

/// The hand-off sheet of a site: whom to call, and what to tell them. Its field names are part of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The site.
    pub site: SiteName,
    /// For people.
    pub description: String,
    /// When the sheet was made, in the site's time zone, as all its times are.
    pub at: DateTime<FixedOffset>,
    /// When the manager was last read.
    pub observed_at: Option<DateTime<FixedOffset>>,
    /// The registration window.
    pub window: WindowStatus,
    /// How many handsets the site file lists.
    pub listed: usize,
    /// Those of them that are not known to be registered, in slot order.
    pub handsets: Vec<HandsetNote>,
    /// What whoever reads the sheet should know of it.
    pub notes: Vec<String>,
}

/// The sheet by what is remembered: every listed handset that is not registered, also one of which nothing is known.
/// `steps` is what n720d is about to do, as in [`Situation::steps`].
pub fn handoff(desired: &DesiredSite, memory: &SiteMemory, steps: &[Step], now: DateTime<Utc>) -> Sheet {
    let clock = DeviceClock::last_read(desired.time_zone, memory.clock);
    let window = window::in_force(&memory.windows, desired, clock, now);
    let unfetched = window.is_some_and(|window| opening::never_fetched(memory, &window));
    let window = window::status(&memory.windows, desired, clock, now);
    sheet(&Situation { desired, memory, window, unfetched, steps, now })
}

fn sheet(situation: &Situation<'_>) -> Sheet {
    let Situation { desired, memory, now, .. } = *situation;
    let listed: Vec<SlotNumber> =
        desired.slots.iter().filter(|(_, slot)| slot.ipui().is_some()).map(|(number, _)| *number).collect();
    let handsets = listed.iter().map(|number| note(situation, *number));
    Sheet {
        site: desired.name.clone(),
        description: desired.description.clone(),
        at: local(now, desired.time_zone),
        observed_at: memory.observation.as_ref().map(|seen| local(seen.at, desired.time_zone)),
        window: situation.window.clone(),
        listed: listed.len(),
        handsets: handsets.filter(|handset| handset.registration != Registration::Registered).collect(),
        notes: notes(situation),
    }
}

/// The note about one listed slot: who it is, and what its user must do by the last verdict and the window.
pub fn note(situation: &Situation<'_>, number: SlotNumber) -> HandsetNote {
    let Situation { desired, memory, .. } = *situation;
    let slot = desired.slots.get(&number);
    let ipui = slot.and_then(|slot| slot.ipui());
    let record = memory.slots.get(&number).filter(|record| Some(record.ipui) == ipui);
    let registration = record.map_or(Registration::Unknown, |record| record.registration);
    let pin = pin::in_force(desired, memory);
    let entrance = entrance(situation, number, ipui, registration);
    let needed = registration != Registration::Registered;
    HandsetNote {
        number,
        ipui,
        user: slot.and_then(|slot| slot.user()).map(str::to_owned),
        display_name: slot.and_then(|slot| slot.display_name()).map(str::to_owned),
        registration,
        evidence: record
            .map_or_else(|| "not read yet".to_owned(), |record| record.grounds(desired.time_zone)),
        evidence_at: record.map(|record| local(record.seen_at, desired.time_zone)),
        instruction: instruction(registration, pin, entrance),
        pin: typed(pin).filter(|_| needed),
        until: entrance.until().filter(|_| needed),
    }
}

/// How the handset of this slot gets in.
fn entrance(
    situation: &Situation<'_>,
    number: SlotNumber,
    ipui: Option<Ipui>,
    registration: Registration,
) -> Entrance {
    let WindowStatus { opens_at, closes_at, .. } = situation.window;
    let let_in = match situation.window.state {
        WindowState::Open | WindowState::Always => Entrance::Open { until: closes_at },
        // One that the device's clock was set over is written again, and begins later than it would now.
        WindowState::Scheduled => {
            let ahead = |at: &DateTime<FixedOffset>| *at > situation.now;
            Entrance::Scheduled { from: opens_at.filter(ahead), until: closes_at.filter(ahead) }
        }
        WindowState::Closed => {
            return situation.opening().map_or(Entrance::Closed, |next| Entrance::Opens { at: next.at });
        }
        WindowState::None => {
            return situation.opening().map_or(Entrance::Missing, |next| Entrance::Opens { at: next.at });
        }
    };
    if situation.unfetched {
        return Entrance::Unfetched { until: closes_at };
    }
    let is_open = matches!(let_in, Entrance::Open { .. });
    if is_open && registration == Registration::Reserved && !is_fetched(situation.memory, number, ipui) {
        return Entrance::Unreserved { until: closes_at };
    }
    let_in
}

/// Whether the manager has fetched a file that reserves the slot for this handset. It may act on it only after three
/// minutes (n720.md section 3), which is no reason to wait before one presses a key.
fn is_fetched(memory: &SiteMemory, number: SlotNumber, ipui: Option<Ipui>) -> bool {
    memory.release.as_ref().is_some_and(|release| {
        release.progress.fetched_at.is_some() && release.reserved.get(&number).copied() == ipui
    })
}

fn notes(situation: &Situation<'_>) -> Vec<String> {
    let Situation { desired, memory, .. } = *situation;
    let mut notes = Vec::new();
    if let Some(trouble) = &memory.trouble {
        let since = clock(local(trouble.since, desired.time_zone));
        notes.push(format!("the DECT manager could not be read since {since}: {}", trouble.last.why()));
    } else if memory.observation.is_none() {
        notes.push("the DECT manager has not been read yet".to_owned());
    }
    if situation.unfetched {
        notes.push("the DECT manager has not fetched the registration window".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::super::alert::AlertKind;
    use super::super::desired::Pin;
    use super::super::memory::Trouble;
    use super::super::neighbours::{Elsewhere, Hold};
    use super::super::observed::{ContactFailure, Reading};
    use super::super::plan::Impact;
    use super::super::shown::InPlace;
    use super::super::world::{World, at, ipui, present, slot};
    use super::*;

    /// Reception (1) is registered, Workshop (2) pending, and of the store (3) nothing is known.
    fn world() -> World {
        let mut world = World::new()
            .want(1, present("1013", Some(1)))
            .want(2, present("1014", Some(2)))
            .want(3, present("1015", Some(3)))
            .want(4, present("1016", None));
        world.remember(1, Registration::Registered, Some(1));
        world.remember(2, Registration::Pending, None);
        world.memory.observation = Some(world.seen.clone());
        world
    }

    fn open() -> WindowStatus {
        WindowStatus {
            state: WindowState::Open,
            opens_at: Some(berlin(0)),
            closes_at: Some(berlin(72_000)),
            reopened: 0,
        }
    }

    fn in_state(state: WindowState) -> WindowStatus {
        WindowStatus { state, ..open() }
    }

    fn berlin(seconds: i64) -> DateTime<FixedOffset> {
        local(at(seconds), chrono_tz::Europe::Berlin)
    }

    fn situation<'a>(world: &'a World, window: WindowStatus, steps: &'a [Step]) -> Situation<'a> {
        Situation {
            desired: &world.desired,
            memory: &world.memory,
            window,
            unfetched: false,
            steps,
            now: at(65),
        }
    }

    fn instruction_for(world: &World, window: WindowStatus, steps: &[Step], number: u8) -> String {
        note(&situation(world, window, steps), slot(number)).instruction
    }

    fn step(action: Action, disposition: Disposition) -> Step {
        Step {
            action,
            slot: None,
            impact: Impact::None,
            disposition,
            who: Vec::new(),
            hits: Vec::new(),
            relocation: None,
            why: "somebody is missing".into(),
            cause: None,
        }
    }

    #[test]
    fn the_sheet_lists_who_is_not_known_to_be_registered() {
        let world = world();
        let sheet = sheet(&situation(&world, open(), &[]));
        assert_eq!((sheet.at, sheet.observed_at, sheet.listed), (berlin(65), Some(berlin(0)), 3));
        assert_eq!(sheet.notes, [""; 0]);
        let rows: Vec<_> = sheet.handsets.iter().map(|row| (row.number, row.registration)).collect();
        assert_eq!(rows, [(slot(2), Registration::Pending), (slot(3), Registration::Unknown)]);
        let [pending, unknown] = sheet.handsets.as_slice() else { panic!("{sheet:?}") };
        assert_eq!((pending.ipui, pending.user.as_deref()), (Some(ipui(2)), Some("1014")));
        assert_eq!(pending.display_name.as_deref(), Some("N720_1014"));
        assert_eq!((pending.pin.as_deref(), pending.until), (Some("0000"), Some(berlin(72_000))));
        assert_eq!(pending.evidence_at, Some(berlin(-600)));
        assert_eq!((unknown.evidence.as_str(), unknown.evidence_at), ("not read yet", None));
    }

    #[test]
    fn nothing_is_asked_of_the_user_of_a_registered_handset() {
        let world = world();
        let note = note(&situation(&world, open(), &[]), slot(1));
        assert_eq!((note.pin, note.until), (None, None));
        assert!(note.instruction.starts_with("nothing to do"), "{}", note.instruction);
    }

    #[test]
    fn a_verdict_on_another_handset_says_nothing_of_this_one() {
        let mut world = world();
        world.desired.slots.insert(slot(1), present("1013", Some(9)));
        let note = note(&situation(&world, open(), &[]), slot(1));
        assert_eq!((note.registration, note.ipui), (Registration::Unknown, Some(ipui(9))));
    }

    #[test]
    fn a_pin_that_is_not_known_is_not_told() {
        let mut world = world();
        for pin in [Some(Pin::Random), None] {
            world.desired.registration.as_mut().unwrap().pin = pin;
            let note = note(&situation(&world, open(), &[]), slot(2));
            assert_eq!(note.pin, None, "{pin:?}");
            assert!(note.instruction.contains("web page for mobile devices shows"), "{}", note.instruction);
        }
        world.desired.registration = None;
        assert_eq!(note(&situation(&world, open(), &[]), slot(2)).pin, None);
    }

    #[test]
    fn the_pin_told_is_the_one_that_the_manager_takes() {
        let shown = Reading::Known(Pin::Fixed([4, 3, 2, 1]));
        let unread = Reading::Unreadable("neither kind is marked".to_owned());
        for (mode, by_hand, page, told) in [
            (Mode::Manage, false, &shown, Some("0000")),
            (Mode::Manage, true, &shown, Some("4321")),
            (Mode::Manage, true, &Reading::Known(Pin::Random), None),
            (Mode::Manage, true, &unread, None),
            (Mode::Observe, false, &shown, Some("4321")),
            (Mode::Observe, false, &unread, Some("0000")),
        ] {
            let mut world = world();
            world.desired.mode = mode;
            world.memory.observation.as_mut().unwrap().registration_pin = page.clone();
            let gone_at = by_hand.then(|| at(-60));
            world.memory.shown.pin = Some(InPlace { was: Pin::ZEROS, gone_at });
            let sheet = sheet(&situation(&world, open(), &[]));
            let note = &sheet.handsets[0];
            assert_eq!(note.pin.as_deref(), told, "{mode:?} {by_hand} {page:?}");
            let typed = told.unwrap_or("that the manager's web page");
            assert!(note.instruction.contains(typed), "{}", note.instruction);
            assert_eq!(note.instruction.contains("by itself"), told == Some("0000"), "{}", note.instruction);
        }
    }

    #[test]
    fn where_else_a_handset_was_seen_is_told_with_the_evidence() {
        let mut world = world();
        let record = world.memory.slots.get_mut(&slot(2)).unwrap();
        record.evidence = "listed as pending on the status page".into();
        record.elsewhere = Some(Elsewhere {
            site: "acme-hamburg".parse().unwrap(),
            slot: Some(slot(4)),
            hold: Hold::Registered,
            seen_at: at(0),
            leaves: false,
        });
        let told = note(&situation(&world, open(), &[]), slot(2)).evidence;
        let seen =
            format!("the handset is registered in slot 4 of site acme-hamburg, seen {}", clock(berlin(0)));
        assert_eq!(told, format!("listed as pending on the status page; {seen}"));
    }

    #[test]
    fn what_stands_before_the_handset_follows_from_the_window() {
        let world = world();
        for (state, first) in [
            (WindowState::Open, "switch the handset on"),
            (WindowState::Always, "switch the handset on"),
            (WindowState::Scheduled, "wait until the registration window opens; then"),
            (WindowState::Closed, "the registration window is closed and must be opened again first"),
            (WindowState::None, "no registration window is open"),
        ] {
            let text = instruction_for(&world, in_state(state), &[], 2);
            assert!(text.starts_with(first), "{state:?}: {text}");
        }
    }

    #[test]
    fn a_window_to_come_says_from_when_and_until_when() {
        let world = world();
        let told = |opens, closes| {
            let window = WindowStatus {
                state: WindowState::Scheduled,
                opens_at: Some(berlin(opens)),
                closes_at: Some(berlin(closes)),
                reopened: 0,
            };
            note(&situation(&world, window, &[]), slot(2))
        };
        let to_come = told(3600, 7200);
        let first = format!("wait until the registration window opens at {}; then ", clock(berlin(3600)));
        assert!(to_come.instruction.starts_with(&first), "{}", to_come.instruction);
        assert_eq!(to_come.until, Some(berlin(7200)));
        let skipped = told(-7200, -3600);
        assert!(skipped.instruction.starts_with("wait until the registration window opens; then "));
        assert_eq!(skipped.until, None, "the device's clock was set over it");
    }

    #[test]
    fn a_closed_window_that_n720d_opens_again_is_waited_for() {
        let mut world = world();
        let reason = || "the schedule of reopenings".to_owned();
        let later = Disposition::Deferred { reason: reason(), until: Some(at(3600)) };
        let some_time = Disposition::Deferred { reason: reason(), until: None };
        let blocked = Disposition::Blocked { reason: reason(), alert: AlertKind::PlanNeedsApproval };
        let at_three = format!("wait until n720d opens it at {}; then ", clock(berlin(3600)));
        for (action, disposition, part) in [
            (Action::ReopenWindow, later.clone(), at_three.as_str()),
            (Action::OpenWindow, later.clone(), &at_three),
            (Action::ReopenWindow, Disposition::Ready, "wait until n720d opens it; then "),
            (Action::ReopenWindow, some_time, "wait until n720d opens it; then "),
            (Action::ReopenWindow, blocked, "must be opened again first; then "),
            (Action::Reserve, Disposition::Ready, "must be opened again first; then "),
        ] {
            let steps = [step(Action::SetPin, Disposition::Ready), step(action, disposition)];
            let text = instruction_for(&world, in_state(WindowState::Closed), &steps, 2);
            assert!(text.contains(part), "{action:?}: {text}");
        }
        world.desired.mode = Mode::Observe;
        let steps = [step(Action::ReopenWindow, later)];
        let text = instruction_for(&world, in_state(WindowState::Closed), &steps, 2);
        assert!(text.contains("must be opened again first"), "nobody opens it in mode observe: {text}");
    }

    #[test]
    fn a_window_that_the_manager_does_not_know_lets_nobody_in() {
        let world = world();
        for state in [WindowState::Open, WindowState::Scheduled, WindowState::Always] {
            let situation = Situation { unfetched: true, ..situation(&world, in_state(state), &[]) };
            let text = note(&situation, slot(2)).instruction;
            assert!(text.starts_with("wait until the DECT manager has fetched"), "{state:?}: {text}");
            assert!(sheet(&situation).notes[0].contains("has not fetched the registration window"));
        }
    }

    #[test]
    fn a_handset_that_is_not_reserved_on_the_manager_waits_for_that() {
        let mut world = world();
        world.remember(2, Registration::Reserved, None);
        let text = instruction_for(&world, open(), &[], 2);
        assert!(text.starts_with("wait until the DECT manager has this handset reserved"), "{text}");
        world.release();
        assert_eq!(world.memory.release.as_ref().unwrap().reserved[&slot(2)], ipui(2));
        let text = instruction_for(&world, open(), &[], 2);
        assert!(text.starts_with("wait until the DECT manager has this handset reserved"), "{text}");
        world.progress().fetched_at = Some(at(10));
        let text = instruction_for(&world, open(), &[], 2);
        assert!(text.starts_with("switch the handset on"), "three minutes at most: {text}");
        world.memory.release.as_mut().unwrap().reserved = BTreeMap::from([(slot(2), ipui(9))]);
        let text = instruction_for(&world, open(), &[], 2);
        assert!(text.starts_with("wait until the DECT manager has this handset reserved"), "{text}");
    }

    #[test]
    fn the_sheet_says_what_it_rests_on() {
        let mut world = world();
        world.memory.trouble = Some(Trouble {
            since: at(-3600),
            failures: 3,
            last: ContactFailure::SessionBusy("somebody is logged in".into()),
            unclear: false,
        });
        let told = sheet(&situation(&world, open(), &[])).notes;
        let since = clock(local(at(0) - TimeDelta::hours(1), chrono_tz::Europe::Berlin));
        assert_eq!(
            told,
            [format!("the DECT manager could not be read since {since}: somebody is logged in")]
        );
        world.memory.trouble = None;
        world.memory.observation = None;
        let told = sheet(&situation(&world, open(), &[])).notes;
        assert_eq!(told, ["the DECT manager has not been read yet"]);
    }
}
