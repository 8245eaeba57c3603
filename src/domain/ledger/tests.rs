//! The ledger as people see it: states, bounds, who came in and who was left.

use super::super::memory::{Registration, WindowRelease};
use super::super::release::{Generation, Progress, Release};
use super::super::world::{World, at, ipui, present, slot, window};
use super::*;

const DAY: i64 = 86_400;
const HOURS_20: i64 = 72_000;

/// A window of 20 hours from then on, fetched just before, for slots 1 and 2.
fn of(number: u32, opens: i64) -> Window {
    Window {
        opens_at: berlin(opens),
        closes_at: Some(berlin(opens + HOURS_20)),
        meant_at: Some(at(opens)),
        missing_at_start: [slot(1), slot(2)].into(),
        release: Some(WindowRelease {
            version: "2311260801".parse().unwrap(),
            at: at(opens - 100),
            fetched_at: Some(at(opens - 50)),
        }),
        reason: "first window for 2 handsets".into(),
        ..window(number, 0)
    }
}

/// A handset that came in when it was last seen missing a minute before.
fn arrival(number: u8, admitted: i64, seen: i64) -> (SlotNumber, Arrival) {
    let arrival = Arrival {
        ipui: ipui(number),
        admitted_at: at(admitted),
        seen_at: at(seen),
        missing_at: Some(at(seen - 60)),
    };
    (slot(number), arrival)
}

fn berlin(seconds: i64) -> DateTime<FixedOffset> {
    at(seconds).with_timezone(&chrono_tz::Europe::Berlin).fixed_offset()
}

/// Slots 1 to 3 listed, the first registered, the second pending, of the third nothing known.
fn world() -> World {
    let mut world = World::new()
        .want(1, present("1013", Some(1)))
        .want(2, present("1014", Some(2)))
        .want(3, present("1015", Some(3)));
    world.remember(1, Registration::Registered, Some(1));
    world.remember(2, Registration::Pending, None);
    world
}

fn told(world: &World, windows: &[Window], now: i64) -> WindowLedger {
    let site = &world.desired.name;
    ledger(site, Some(&world.desired), &world.memory, windows.to_vec(), 50, at(now))
}

fn outcomes(line: &LedgerWindow) -> Vec<(u8, Outcome)> {
    line.handsets.iter().map(|handset| (handset.number.number(), handset.outcome)).collect()
}

#[test]
fn a_running_window_shows_who_came_in_and_who_may_still() {
    let mut window = of(1, 0);
    window.arrivals.extend([arrival(1, 0, 660)]);
    let ledger = told(&world(), &[window], 3600);
    let [line] = ledger.windows.as_slice() else { panic!("{ledger:?}") };
    assert_eq!((line.number, line.state, line.reopened), (1, LedgerState::Open, 0));
    assert_eq!((line.opens_at, line.closes_at), (berlin(0), Some(berlin(HOURS_20))));
    let release = line.release.as_ref().unwrap();
    assert_eq!((release.released_at, release.fetched_at), (berlin(-100), Some(berlin(-50))));
    assert_eq!(outcomes(line), [(1, Outcome::Registered), (2, Outcome::Pending)]);
    let [came, waits] = line.handsets.as_slice() else { panic!("{line:?}") };
    assert_eq!((came.ipui, came.user.as_deref()), (Some(ipui(1)), Some("1013")));
    assert_eq!((came.seen_at, came.missing_at), (Some(berlin(660)), Some(berlin(600))));
    assert_eq!((came.at_least_seconds, came.seconds), (Some(600), Some(660)));
    assert_eq!((waits.ipui, waits.display_name.as_deref()), (Some(ipui(2)), Some("N720_1014")));
    assert_eq!((waits.seen_at, waits.seconds, waits.at_least_seconds), (None, None, None));
}

#[test]
fn a_handset_listed_later_is_waited_for_too() {
    let mut world = world();
    world.remember(3, Registration::Reserved, None);
    let ledger = told(&world, &[of(1, 0)], 3600);
    let expected = [(1, Outcome::Unknown), (2, Outcome::Pending), (3, Outcome::Pending)];
    assert_eq!(outcomes(&ledger.windows[0]), expected, "of slot 1 nobody knows when it came in");
    assert_eq!(ledger.windows[0].missing_at_start, [slot(1), slot(2)].into());
}

#[test]
fn a_closed_window_shows_who_was_left_and_who_came_late() {
    let mut window = of(1, 0);
    window.missing_at_start.insert(slot(3));
    window.missing_at_end = Some([slot(1), slot(2)].into());
    window.arrivals.extend([arrival(1, 0, HOURS_20 + 120)]);
    let ledger = told(&world(), &[window], DAY);
    let line = &ledger.windows[0];
    assert_eq!(line.state, LedgerState::Closed);
    assert_eq!(outcomes(line), [(1, Outcome::Late), (2, Outcome::Missing), (3, Outcome::Unknown)]);
    assert_eq!(line.missing_at_end, Some([slot(1), slot(2)].into()));
}

#[test]
fn after_the_end_the_last_verdict_stands_in_until_somebody_looks() {
    let ledger = told(&world(), &[of(1, 0)], HOURS_20);
    assert_eq!(ledger.windows[0].state, LedgerState::Closed);
    assert_eq!(outcomes(&ledger.windows[0]), [(1, Outcome::Unknown), (2, Outcome::Missing)]);
}

#[test]
fn a_window_that_gave_way_to_another_was_replaced_and_one_that_ended_was_not() {
    let none_left = |window: Window| Window { missing_at_end: Some(BTreeSet::new()), ..window };
    let windows = [none_left(of(1, 0)), none_left(of(2, 3600)), of(3, 3600 + HOURS_20 + 200)];
    let ledger = told(&world(), &windows, 90_000);
    let states: Vec<_> = ledger.windows.iter().map(|line| (line.number, line.state)).collect();
    let expected = [(3, LedgerState::Open), (2, LedgerState::Closed), (1, LedgerState::Replaced)];
    assert_eq!(states, expected, "newest first");
    assert_eq!(outcomes(&ledger.windows[2]), [(1, Outcome::Replaced), (2, Outcome::Replaced)]);
    // Released while the first was still open, to begin when it has closed.
    let mut next = of(2, HOURS_20);
    next.release.as_mut().unwrap().at = at(HOURS_20 - 1);
    assert_eq!(told(&world(), &[of(1, 0), next], DAY).windows[1].state, LedgerState::Replaced);
}

#[test]
fn every_state_of_the_last_window_is_told() {
    let endless = Window { closes_at: None, ..of(1, 0) };
    for (window, now, state) in [
        (of(1, 0), -1, LedgerState::Scheduled),
        (of(1, 0), 0, LedgerState::Open),
        (of(1, 0), HOURS_20, LedgerState::Closed),
        (endless.clone(), DAY * 400, LedgerState::Always),
        (Window { missing_at_end: Some(BTreeSet::new()), ..endless }, 5, LedgerState::Closed),
    ] {
        assert_eq!(told(&world(), &[window], now).windows[0].state, state, "{now}");
    }
}

#[test]
fn the_end_is_told_by_the_devices_clock_and_by_a_right_one() {
    // The device's clock was an hour slow when the window was written.
    let window = Window { opens_at: berlin(-3600), closes_at: Some(berlin(HOURS_20 - 3600)), ..of(1, 0) };
    let mut world = world();
    world.memory.clock = Some((berlin(-3600 + 600).naive_local(), at(600)));
    let line = told(&world, std::slice::from_ref(&window), 600).windows.remove(0);
    assert_eq!((line.device_opens_at, line.opens_at), (berlin(-3600), berlin(0)));
    assert_eq!(
        (line.device_closes_at, line.closes_at),
        (Some(berlin(HOURS_20 - 3600)), Some(berlin(HOURS_20)))
    );
    assert_eq!(line.state, LedgerState::Open);
    let kept_before = Window { meant_at: None, ..window };
    let line = told(&world, &[kept_before], 600).windows.remove(0);
    assert_eq!(line.opens_at, line.device_opens_at, "nobody wrote down how far it was off");
}

#[test]
fn the_last_release_is_told_before_a_turn_has_entered_it() {
    let mut world = world();
    let unwritten = Window { release: None, ..of(1, 0) };
    assert_eq!(told(&world, std::slice::from_ref(&unwritten), 5).windows[0].release, None);
    world.memory.release = Some(Release {
        id: 1,
        generation: Generation("a".into()),
        content: Generation("b".into()),
        version: "2311260801".parse().unwrap(),
        parts: BTreeMap::new(),
        reserved: BTreeMap::new(),
        approved: std::collections::BTreeSet::new(),
        window: Some(1),
        released_at: at(1),
        progress: Progress::default(),
    });
    let release = told(&world, &[unwritten], 5).windows.remove(0).release.unwrap();
    assert_eq!((release.released_at, release.fetched_at), (berlin(1), None));
}

#[test]
fn a_site_without_a_file_has_a_ledger_without_names() {
    let mut window = of(1, 0);
    window.arrivals.extend([arrival(1, 0, 660)]);
    let memory = SiteMemory::default();
    let ledger = ledger(&"gone".parse().unwrap(), None, &memory, vec![window], 50, at(DAY));
    let line = &ledger.windows[0];
    assert_eq!(line.opens_at.to_rfc3339(), berlin(0).to_rfc3339(), "in the zone in which it was");
    assert_eq!((line.handsets[0].ipui, line.handsets[0].user.as_deref()), (Some(ipui(1)), None));
    assert_eq!((line.handsets[1].ipui, line.handsets[1].outcome), (None, Outcome::Unknown));
}

#[test]
fn the_limit_cuts_the_windows_and_not_the_statistics() {
    let windows: Vec<Window> = (1..=5).map(|number| of(number, i64::from(number) * DAY)).collect();
    let world = world();
    let name = &world.desired.name;
    let ledger = ledger(name, Some(&world.desired), &world.memory, windows, 2, at(9 * DAY));
    let numbers: Vec<u32> = ledger.windows.iter().map(|line| line.number).collect();
    assert_eq!((numbers, ledger.statistics.windows), (vec![5, 4], 5));
}

#[test]
fn the_words_are_those_of_the_interface() {
    let all = [
        LedgerState::Scheduled,
        LedgerState::Open,
        LedgerState::Always,
        LedgerState::Closed,
        LedgerState::Replaced,
    ];
    for state in all {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    let all = [
        Outcome::Registered,
        Outcome::Late,
        Outcome::Missing,
        Outcome::Pending,
        Outcome::Replaced,
        Outcome::Unknown,
    ];
    for outcome in all {
        assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
    }
}

mod statistics {
    use super::super::statistics::Statistics;
    use super::*;

    fn of_these(windows: &[Window], now: i64) -> Statistics {
        told(&world(), windows, now).statistics
    }

    fn counts(statistics: &Statistics) -> (usize, usize, usize) {
        (statistics.expected, statistics.came_in, statistics.in_first_window)
    }

    #[test]
    fn without_a_window_there_is_nothing_to_say() {
        assert_eq!(of_these(&[], 0), Statistics::default());
    }

    #[test]
    fn who_was_left_out_and_waited_for_again_is_counted_once() {
        let mut first = of(1, 0);
        first.arrivals.extend([arrival(1, 0, 660)]);
        first.missing_at_end = Some([slot(2)].into());
        assert_eq!(counts(&of_these(std::slice::from_ref(&first), DAY)), (2, 1, 1));
        let mut again = Window { missing_at_start: [slot(2)].into(), ..of(2, DAY) };
        assert_eq!(counts(&of_these(&[first.clone(), again.clone()], DAY)), (2, 1, 1));
        again.arrivals.extend([arrival(2, DAY, DAY + 60)]);
        assert_eq!(counts(&of_these(&[first, again], DAY + 600)), (2, 2, 1));
    }

    #[test]
    fn who_was_lost_and_is_waited_for_again_is_counted_again() {
        let mut first = of(1, 0);
        first.arrivals.extend([arrival(1, 0, 660), arrival(2, 0, 660)]);
        let mut second = Window { missing_at_start: [slot(1)].into(), ..of(2, DAY) };
        second.arrivals.extend([arrival(1, DAY, DAY + 60)]);
        assert_eq!(counts(&of_these(&[first, second], 2 * DAY)), (3, 3, 3));
    }

    #[test]
    fn what_was_nobodys_chance_is_no_first_window() {
        let came = |mut window: Window, opens| {
            window.arrivals.extend([arrival(1, opens, opens + 60), arrival(2, opens, opens + 60)]);
            window
        };
        let mut unfetched = of(1, 0);
        unfetched.release.as_mut().unwrap().fetched_at = None;
        let statistics = of_these(&[unfetched, came(of(2, DAY), DAY)], 2 * DAY);
        assert_eq!((statistics.windows, counts(&statistics)), (1, (2, 2, 2)));
        let replaced = of(1, 0);
        assert_eq!(counts(&of_these(&[replaced, came(of(2, 3600), 3600)], 2 * DAY)), (2, 2, 2));
        let closed = of(1, 0);
        assert_eq!(counts(&of_these(&[closed, came(of(2, DAY), DAY)], 2 * DAY)), (2, 2, 0));
    }

    #[test]
    fn a_window_to_come_is_waited_for_by_nobody_yet() {
        assert_eq!(of_these(&[of(1, 0)], -1), Statistics::default());
    }

    #[test]
    fn who_is_not_listed_any_more_is_not_waited_for() {
        let closed = Window { missing_at_end: Some([slot(2)].into()), ..of(1, 0) };
        assert_eq!(counts(&of_these(std::slice::from_ref(&closed), DAY)), (1, 0, 0));
        let again = Window { missing_at_start: [slot(1)].into(), ..of(2, DAY) };
        assert_eq!(counts(&of_these(&[closed, again], DAY + 600)), (2, 0, 0), "listed again");
    }

    proptest::proptest! {
        /// Whatever the ledger holds, the numbers fit together.
        #[test]
        fn the_numbers_fit_together(
            windows in proptest::collection::vec(any_window(), 0..8),
            now in 0..8 * DAY,
        ) {
            let windows: Vec<Window> = (0..).zip(&windows).map(|(day, draft)| draft.on(day)).collect();
            let ledger = told(&world(), &windows, now);
            let statistics = ledger.statistics;
            proptest::prop_assert!(statistics.in_first_window <= statistics.came_in);
            proptest::prop_assert!(statistics.came_in <= statistics.expected);
            proptest::prop_assert!(statistics.timed <= statistics.came_in);
            proptest::prop_assert!(statistics.windows <= windows.len());
            proptest::prop_assert!(statistics.median_seconds <= statistics.p90_seconds);
            proptest::prop_assert!(statistics.p90_seconds <= statistics.longest_seconds);
            for line in &ledger.windows {
                for handset in &line.handsets {
                    let came = matches!(handset.outcome, Outcome::Registered | Outcome::Late);
                    proptest::prop_assert_eq!(came, handset.seen_at.is_some());
                    proptest::prop_assert!(handset.at_least_seconds <= handset.seconds);
                }
            }
        }
    }

    /// A window in short: who was missing at its start, who came in after how many seconds, who was left, and whether it
    /// was fetched.
    #[derive(Debug, Clone)]
    struct Draft {
        missing: Vec<u8>,
        came: Vec<(u8, i64)>,
        left: Option<Vec<u8>>,
        fetched: bool,
    }

    fn any_window() -> impl proptest::strategy::Strategy<Value = Draft> {
        use proptest::prelude::*;
        let slots = || proptest::collection::vec(1..=6_u8, 0..6);
        let came = proptest::collection::vec((1..=6_u8, 0..2 * DAY), 0..4);
        (slots(), came, proptest::option::of(slots()), any::<bool>())
            .prop_map(|(missing, came, left, fetched)| Draft { missing, came, left, fetched })
    }

    impl Draft {
        /// It begins on this day; every other one is replaced before it ends.
        fn on(&self, day: i64) -> Window {
            let opens = day * DAY / 2;
            let slots = |numbers: &[u8]| numbers.iter().map(|number| slot(*number)).collect();
            let mut window = of(u32::try_from(day + 1).unwrap(), opens);
            window.missing_at_start = slots(&self.missing);
            window.missing_at_end = self.left.as_deref().map(slots);
            window.release.as_mut().unwrap().fetched_at =
                self.fetched.then(|| window.release.as_ref().unwrap().at);
            window.arrivals =
                self.came.iter().map(|(number, after)| arrival(*number, opens, opens + after)).collect();
            window
        }
    }

    #[test]
    fn a_late_one_came_in_and_not_in_its_first_window() {
        let mut window = of(1, 0);
        window.arrivals.extend([arrival(1, 0, HOURS_20 + 120)]);
        assert_eq!(counts(&of_these(&[window], DAY)), (2, 1, 0));
    }

    #[test]
    fn who_was_listed_later_is_expected_too() {
        let mut window = of(1, 0);
        window.arrivals.extend([arrival(3, 600, 660)]);
        assert_eq!(counts(&of_these(&[window], 3600)), (3, 1, 1));
    }

    #[test]
    fn times_are_those_that_are_known_by_nearest_rank() {
        let mut window = of(1, 0);
        window.arrivals.extend((1..=10).map(|number| arrival(number, 0, 60 * i64::from(number))));
        let untimed = Arrival { missing_at: None, ..arrival(11, 0, 10_000).1 };
        window.arrivals.insert(slot(11), untimed);
        let statistics = of_these(&[window], DAY);
        assert_eq!((statistics.came_in, statistics.timed), (11, 10));
        assert_eq!(
            (statistics.median_seconds, statistics.p90_seconds, statistics.longest_seconds),
            (Some(300), Some(540), Some(600))
        );
        let mut one = of(1, 0);
        one.arrivals.extend([arrival(1, 0, 90)]);
        let statistics = of_these(&[one], DAY);
        assert_eq!((statistics.median_seconds, statistics.p90_seconds), (Some(90), Some(90)));
    }
}
