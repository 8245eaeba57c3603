//! Who came in through which window: entered in the turn in which a handset is first seen registered.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::bounds;
use crate::domain::ids::SlotNumber;
use crate::domain::memory::{Arrival, Registration, SlotRecord, Window, WindowRelease};
use crate::domain::release::Release;

/// An arrival is timed when it is known to within this. After a night in which nobody looked, the time until it was
/// seen says nothing of how long people took.
const TIMED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// What a turn makes of the handsets. Verdicts stand still while a push settles and where the pages were not read, so
/// that a handset that comes in shows as one whose verdict has changed.
#[derive(Debug, Clone, Copy)]
pub struct Turnout<'a> {
    /// The verdicts of the turn before.
    pub before: &'a BTreeMap<SlotNumber, SlotRecord>,
    /// The verdicts of this turn.
    pub after: &'a BTreeMap<SlotNumber, SlotRecord>,
    /// The release that the manager may fetch.
    pub release: Option<&'a Release>,
    /// When this manager was first met; what was released before was for another, and while it has not been met nobody
    /// comes in through a window of ours.
    pub first_contact: Option<DateTime<Utc>>,
}

/// Enters who came in, and gives how long each took, as far as that is known to within an hour.
///
/// A handset counts for the window that was the last opened when it came in, if it was missing when that was released,
/// or was seen missing since because it was listed later; also after the window has closed: then it is late. One that
/// was registered when the window was released does not count, also when it was lost and came back meanwhile. One that
/// comes in, is lost and comes back counts once.
pub fn enter(windows: &mut [Window], turnout: &Turnout<'_>) -> Vec<TimeDelta> {
    note_release(windows, turnout.release);
    let came_in = turnout.after.iter().filter_map(|(number, record)| {
        let before = turnout.before.get(number).filter(|before| before.ipui == record.ipui);
        let was_registered = before.is_some_and(|before| before.registration == Registration::Registered);
        let is_new = record.registration == Registration::Registered && !was_registered;
        is_new.then_some((*number, before, record))
    });
    let mut times = Vec::new();
    for (number, before, record) in came_in {
        let Some(window) = last_opened(windows, record.since, turnout.first_contact) else { continue };
        let missing_at = before.filter(|before| was_seen_missing(before)).map(|before| before.seen_at);
        let joined = missing_at.is_some() && is_listed_later(record, window);
        if !(window.missing_at_start.contains(&number) || joined) {
            continue;
        }
        let arrival = Arrival {
            ipui: record.ipui,
            admitted_at: admitted_at(window, turnout.release, number, record),
            seen_at: record.since,
            missing_at,
        };
        if window.arrivals.get(&number).is_some_and(|earlier| earlier.ipui == arrival.ipui) {
            continue;
        }
        times.extend(arrival.timed());
        window.arrivals.insert(number, arrival);
    }
    times
}

/// Writes down which release carries a window: the first that the manager fetches, until then the last one made.
pub(super) fn note_release(windows: &mut [Window], release: Option<&Release>) {
    let Some(release) = release else { return };
    let carried = windows.iter_mut().rev().find(|window| Some(window.number) == release.window);
    let Some(window) = carried else { return };
    if window.release.as_ref().is_none_or(|noted| noted.fetched_at.is_none()) {
        window.release = Some(WindowRelease {
            version: release.version.clone(),
            at: release.released_at,
            fetched_at: release.progress.fetched_at,
        });
    }
}

/// The last window that let handsets of this manager in at that time. One that was not fetched then let nobody in.
fn last_opened(
    windows: &mut [Window],
    at: DateTime<Utc>,
    first_contact: Option<DateTime<Utc>>,
) -> Option<&mut Window> {
    let was_open = |window: &Window| match &window.release {
        Some(release) => bounds(window).0 <= at && release.fetched_at.is_some_and(|fetched| fetched <= at),
        None => bounds(window).0 <= at,
    };
    let window = windows.iter_mut().rev().find(|window| was_open(window))?;
    let made = window.release.as_ref().map_or(bounds(window).0, |release| release.at);
    first_contact.is_some_and(|met| met <= made).then_some(window)
}

/// Whether this verdict rests on what was seen, and says that the handset is missing.
fn was_seen_missing(record: &SlotRecord) -> bool {
    record.registration.is_missing() && record.source.is_some()
}

fn is_listed_later(record: &SlotRecord, window: &Window) -> bool {
    let made = window.release.as_ref().map(|release| release.at);
    record.began.zip(made).is_some_and(|(began, made)| began > made)
}

/// From when on the handset could come in: its window was open, the manager had fetched its reservation, and it was
/// listed; the latest of these.
fn admitted_at(
    window: &Window,
    release: Option<&Release>,
    number: SlotNumber,
    record: &SlotRecord,
) -> DateTime<Utc> {
    let first = window.release.as_ref().and_then(|release| release.fetched_at);
    // A later release that repeats the window brought the reservations of handsets that were listed later.
    let repeated = release.filter(|release| {
        is_listed_later(record, window)
            && release.window.is_none_or(|number| number == window.number)
            && release.reserved.get(&number) == Some(&record.ipui)
    });
    let fetched = repeated.and_then(|release| release.progress.fetched_at);
    let began = record.began.filter(|_| is_listed_later(record, window));
    [first, fetched, began].into_iter().flatten().fold(bounds(window).0, DateTime::max)
}

impl Arrival {
    /// How long it took at least, until it was last seen missing, and at most, until it was first seen registered.
    pub(super) fn took(&self) -> (TimeDelta, TimeDelta) {
        let since_admitted = |at: DateTime<Utc>| (at - self.admitted_at).max(TimeDelta::zero());
        (self.missing_at.map_or(TimeDelta::zero(), since_admitted), since_admitted(self.seen_at))
    }

    /// How long it took, if that is known to within an hour: until it was first seen registered.
    pub(super) fn timed(&self) -> Option<TimeDelta> {
        let (at_least, at_most) = self.took();
        (at_most - at_least <= TIMED_WITHIN).then_some(at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::evidence::Source;
    use crate::domain::memory::SiteMemory;
    use crate::domain::release::Progress;
    use crate::domain::world::{at, ipui, slot, window};

    const MINUTE: i64 = 60;

    /// A window from 0 on for 20 hours and slots 1 and 2, released at -100, fetched at -50, of a manager met long ago.
    struct Case {
        memory: SiteMemory,
        after: BTreeMap<SlotNumber, SlotRecord>,
    }

    impl Case {
        fn new() -> Self {
            let mut memory = SiteMemory {
                first_contact: Some((at(-86_400), "7C2F80CA21E4".parse().unwrap())),
                windows: vec![of(1, 0)],
                ..SiteMemory::default()
            };
            memory.slots = BTreeMap::from([
                (slot(1), record(1, Registration::Pending, 10 * MINUTE)),
                (slot(2), record(2, Registration::Pending, 10 * MINUTE)),
            ]);
            let after = memory.slots.clone();
            Self { memory, after }
        }

        /// The verdict of this turn, since then.
        fn verdict(mut self, number: u8, registration: Registration, seconds: i64) -> Self {
            let began = self.memory.slots.get(&slot(number)).map_or(Some(at(seconds)), |before| before.began);
            let record = SlotRecord { began, ..record(number, registration, seconds) };
            self.after.insert(slot(number), record);
            self
        }

        fn with(mut self, change: impl FnOnce(&mut SiteMemory)) -> Self {
            change(&mut self.memory);
            self
        }

        /// Which slots came in through which window, and the times that were measured, in seconds.
        fn enter(&mut self) -> (Vec<(u32, u8)>, Vec<i64>) {
            let turnout = Turnout {
                before: &self.memory.slots,
                after: &self.after,
                release: self.memory.release.as_ref(),
                first_contact: self.memory.first_contact.map(|(at, _)| at),
            };
            let times = enter(&mut self.memory.windows, &turnout);
            let arrivals = self
                .memory
                .windows
                .iter()
                .flat_map(|window| window.arrivals.keys().map(|number| (window.number, number.number())));
            (arrivals.collect(), times.iter().map(TimeDelta::num_seconds).collect())
        }

        fn arrival(&self, window: usize, number: u8) -> &Arrival {
            &self.memory.windows[window].arrivals[&slot(number)]
        }
    }

    /// A window that begins then, released and fetched shortly before.
    fn of(number: u32, opens: i64) -> Window {
        Window {
            opens_at: at(opens).fixed_offset(),
            closes_at: Some(at(opens + 72_000).fixed_offset()),
            meant_at: Some(at(opens)),
            missing_at_start: [slot(1), slot(2)].into(),
            release: Some(WindowRelease {
                version: "2311260801".parse().unwrap(),
                at: at(opens - 100),
                fetched_at: Some(at(opens - 50)),
            }),
            ..window(number, 0)
        }
    }

    fn record(number: u8, registration: Registration, seconds: i64) -> SlotRecord {
        SlotRecord {
            source: Some(Source::MobileDevicesPage),
            began: Some(at(-7200)),
            ..SlotRecord::new(ipui(number), registration, at(seconds))
        }
    }

    fn release(window: Option<u32>, released: i64, fetched: Option<i64>) -> Release {
        Release {
            id: 1,
            generation: crate::domain::release::Generation("a".into()),
            content: crate::domain::release::Generation("b".into()),
            version: "2311260802".parse().unwrap(),
            parts: BTreeMap::new(),
            reserved: BTreeMap::from([(slot(3), ipui(3))]),
            approved: std::collections::BTreeSet::new(),
            window,
            released_at: at(released),
            progress: Progress { fetched_at: fetched.map(at), ..Progress::default() },
        }
    }

    const CAME_IN: Registration = Registration::Registered;

    #[test]
    fn who_was_missing_and_is_registered_came_in() {
        let mut case = Case::new().verdict(1, CAME_IN, 11 * MINUTE);
        assert_eq!(case.enter(), (vec![(1, 1)], vec![11 * MINUTE]));
        let arrival = case.arrival(0, 1);
        assert_eq!((arrival.ipui, arrival.admitted_at), (ipui(1), at(0)));
        assert_eq!((arrival.seen_at, arrival.missing_at), (at(11 * MINUTE), Some(at(10 * MINUTE))));
        assert_eq!(arrival.took(), (TimeDelta::minutes(10), TimeDelta::minutes(11)));
        case.memory.slots = case.after.clone();
        assert_eq!(case.enter(), (vec![(1, 1)], vec![]), "once");
    }

    #[test]
    fn every_verdict_before_it_is_one_from_which_one_comes_in() {
        for before in [
            Registration::Unknown,
            Registration::Reserved,
            Registration::Pending,
            Registration::Expired,
            Registration::Lost,
        ] {
            let case = Case::new().with(|memory| {
                memory.slots.insert(slot(1), record(1, before, 10 * MINUTE));
            });
            let mut case = case.verdict(1, CAME_IN, 11 * MINUTE);
            assert_eq!(case.enter().0, [(1, 1)], "{before:?}");
            let seen = before != Registration::Unknown;
            assert_eq!(case.arrival(0, 1).missing_at, seen.then(|| at(10 * MINUTE)), "{before:?}");
        }
    }

    #[test]
    fn who_was_registered_at_the_start_does_not_count() {
        let mut case = Case::new().with(|memory| memory.windows[0].missing_at_start = [slot(2)].into());
        case.memory.slots.insert(slot(1), record(1, Registration::Lost, 10 * MINUTE));
        let mut case = case.verdict(1, CAME_IN, 11 * MINUTE);
        assert_eq!(case.enter(), (vec![], vec![]), "it was lost and came back meanwhile");
    }

    #[test]
    fn who_is_listed_later_counts_once_it_was_seen_missing() {
        let listed = |registration, began, seen| SlotRecord {
            began: Some(at(began)),
            ..record(3, registration, seen)
        };
        let cases = [
            (None, false, "found registered when it was listed"),
            (
                Some(SlotRecord { source: None, ..listed(Registration::Reserved, 600, 660) }),
                false,
                "nothing was seen of it yet",
            ),
            (Some(listed(Registration::Reserved, 600, 660)), true, "seen not to be there"),
            (Some(listed(Registration::Pending, 600, 660)), true, "seen pending"),
            (
                Some(listed(Registration::Pending, -200, 660)),
                false,
                "listed before, and not counted as missing",
            ),
        ];
        for (before, counts, why) in cases {
            let mut case = Case::new();
            let began = before.as_ref().map_or(Some(at(700)), |before| before.began);
            case.memory.slots.extend(before.map(|before| (slot(3), before)));
            case.after.insert(slot(3), SlotRecord { began, ..record(3, CAME_IN, 1200) });
            assert_eq!(case.enter().0.contains(&(1, 3)), counts, "{why}");
        }
    }

    #[test]
    fn who_is_listed_later_could_come_in_once_its_own_release_was_fetched() {
        for (fetched, admitted) in [(Some(900), 900), (None, 600)] {
            let mut case = Case::new();
            // It repeats the window in its file, and enters none into the ledger.
            case.memory.release = Some(release(None, 800, fetched));
            let before = SlotRecord { began: Some(at(600)), ..record(3, Registration::Pending, 1100) };
            case.after.insert(slot(3), SlotRecord { began: before.began, ..record(3, CAME_IN, 1200) });
            case.memory.slots.insert(slot(3), before);
            assert_eq!(case.enter(), (vec![(1, 3)], vec![1200 - admitted]));
            assert_eq!(case.arrival(0, 3).admitted_at, at(admitted));
        }
    }

    #[test]
    fn a_late_fetch_is_when_one_could_come_in() {
        let case = Case::new().with(|memory| {
            memory.windows[0].release.as_mut().unwrap().fetched_at = Some(at(300));
        });
        let mut case = case.verdict(1, CAME_IN, 11 * MINUTE);
        assert_eq!(case.enter().1, [11 * MINUTE - 300]);
    }

    #[test]
    fn the_last_window_that_had_opened_counts() {
        let opens = 40 * MINUTE;
        let mut case = Case::new().with(|memory| memory.windows.push(of(2, opens)));
        case = case.verdict(1, CAME_IN, opens - 1).verdict(2, CAME_IN, opens);
        assert_eq!(case.enter().0, [(1, 1), (2, 2)]);
    }

    #[test]
    fn after_the_end_one_still_counts_for_the_window_that_was_the_last() {
        let late = 72_000 + 600;
        let mut case = Case::new().verdict(1, CAME_IN, late);
        assert_eq!(case.enter(), (vec![(1, 1)], vec![]), "nobody looked for hours: not timed");
        assert_eq!(super::super::is_late(&case.memory.windows[0], case.arrival(0, 1)), None);
        let mut case = Case::new();
        case.memory.slots.insert(slot(1), record(1, Registration::Expired, late - 60));
        let mut case = case.verdict(1, CAME_IN, late);
        assert_eq!(case.enter(), (vec![(1, 1)], vec![late]));
        assert_eq!(super::super::is_late(&case.memory.windows[0], case.arrival(0, 1)), Some(true));
    }

    #[test]
    fn a_window_that_was_not_fetched_lets_nobody_in() {
        let unfetched = |memory: &mut SiteMemory| {
            let mut window = of(2, 60);
            window.release.as_mut().unwrap().fetched_at = None;
            memory.windows.push(window);
        };
        let mut case = Case::new().with(unfetched).verdict(1, CAME_IN, 11 * MINUTE);
        assert_eq!(case.enter().0, [(1, 1)], "it came in through the one before");
    }

    #[test]
    fn windows_of_another_manager_count_for_nobody() {
        for first_contact in [None, Some((at(-10), "7C2F80CA21E5".parse().unwrap()))] {
            let mut case = Case::new().with(|memory| memory.first_contact = first_contact);
            case = case.verdict(1, CAME_IN, 11 * MINUTE);
            assert_eq!(case.enter(), (vec![], vec![]), "{first_contact:?}");
        }
    }

    #[test]
    fn one_that_comes_in_twice_counts_once_and_another_handset_takes_its_place() {
        let mut case = Case::new().verdict(1, CAME_IN, 11 * MINUTE);
        case.enter();
        case.memory.slots.insert(slot(1), record(1, Registration::Lost, 20 * MINUTE));
        let mut case = case.verdict(1, CAME_IN, 30 * MINUTE);
        assert_eq!(case.enter().1, [0; 0]);
        assert_eq!(case.arrival(0, 1).seen_at, at(11 * MINUTE));
        let other = SlotRecord { ipui: ipui(9), ..record(1, CAME_IN, 50 * MINUTE) };
        let before = SlotRecord { registration: Registration::Pending, ..other.clone() };
        case.memory.slots.insert(slot(1), before);
        case.after.insert(slot(1), other);
        case.enter();
        assert_eq!(case.arrival(0, 1).ipui, ipui(9));
    }

    #[test]
    fn the_release_that_was_fetched_first_is_the_windows() {
        let mut windows = vec![Window { release: None, ..of(1, 0) }, Window { release: None, ..of(2, 0) }];
        let told =
            |windows: &[Window]| windows[1].release.clone().map(|release| (release.at, release.fetched_at));
        note_release(&mut windows, None);
        assert_eq!(told(&windows), None);
        note_release(&mut windows, Some(&release(None, 5, Some(6))));
        assert_eq!(told(&windows), None, "it carries no window of the ledger");
        note_release(&mut windows, Some(&release(Some(2), 10, None)));
        assert_eq!(told(&windows), Some((at(10), None)));
        note_release(&mut windows, Some(&release(Some(2), 20, Some(25))));
        assert_eq!(told(&windows), Some((at(20), Some(at(25)))), "the one before was never fetched");
        note_release(&mut windows, Some(&release(Some(2), 30, Some(35))));
        assert_eq!(told(&windows), Some((at(20), Some(at(25)))));
        assert_eq!(windows[0].release, None);
    }

    #[test]
    fn a_time_is_measured_when_it_is_known_to_within_an_hour() {
        let arrival = |admitted, missing: Option<i64>, seen| Arrival {
            ipui: ipui(1),
            admitted_at: at(admitted),
            seen_at: at(seen),
            missing_at: missing.map(at),
        };
        for (arrival, timed) in [
            (arrival(0, Some(7200), 7260), Some(7260)),
            (arrival(0, Some(3660), 7260), Some(7260)),
            (arrival(0, Some(3659), 7260), None),
            (arrival(0, None, 3600), Some(3600)),
            (arrival(0, None, 3601), None),
            (arrival(100, Some(-500), 160), Some(60)),
            (arrival(100, None, 40), Some(0)),
        ] {
            assert_eq!(arrival.timed(), timed.map(TimeDelta::seconds), "{arrival:?}");
        }
    }
}
