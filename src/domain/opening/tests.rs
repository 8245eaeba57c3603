//! Which window is opened, opened again, written again or closed, and when none is.

use chrono::TimeDelta;

use super::*;
use crate::domain::world::{World, at, present, slot, window};

/// One handset is missing, after one window that ended with it missing.
struct Case {
    world: World,
    missing: BTreeSet<SlotNumber>,
    newcomers: bool,
}

impl Case {
    fn new() -> Self {
        let mut world = World::new();
        let mut last = window(1, 0);
        last.missing_at_end = Some(BTreeSet::from([slot(2)]));
        world.memory.windows = vec![last];
        world.window_state = WindowState::Closed;
        Self { world, missing: BTreeSet::from([slot(2)]), newcomers: false }
    }

    /// The last window was released, and whatever was told, the manager did not fetch it.
    fn unfetched() -> Self {
        let mut case = Self::new();
        let mut world = World::new().want(2, present("1014", Some(2)));
        world.release();
        case.world.memory.release = world.memory.release;
        case
    }

    fn policy(&mut self) -> &mut RegistrationPolicy {
        self.world.desired.registration.as_mut().unwrap()
    }

    fn last(&mut self) -> &mut Window {
        self.world.memory.windows.last_mut().unwrap()
    }

    fn opening(&self, now: DateTime<Utc>, clock: DeviceClock) -> Option<Opening> {
        choose(&Scene {
            desired: &self.world.desired,
            memory: &self.world.memory,
            observation: &self.world.seen,
            state: self.world.window_state,
            clock,
            now,
            missing: &self.missing,
            newcomers: self.newcomers,
        })
    }

    /// The last window is by the policy as it is.
    fn adopt_policy(&mut self) {
        self.last().policy = window::policy_text(self.world.desired.registration.as_ref().unwrap());
    }

    fn choose(&self) -> Option<(Action, u8)> {
        let now = at(72_060);
        let opening = self.opening(now, self.world.clock())?;
        assert_eq!(opening.window.missing_at_start, self.missing);
        assert!(opening.window.reason.ends_with("1 handset"), "{}", opening.window.reason);
        assert_eq!(opening.window.number, u32::try_from(self.world.memory.windows.len()).unwrap() + 1);
        let begins = self.world.clock().ours(opening.window.opens_at);
        assert!((now - begins.to_utc()) < TimeDelta::minutes(1), "a start of its own: {begins}");
        Some((opening.action, opening.window.reopened))
    }
}

#[test]
fn the_first_one_opens_only_for_somebody() {
    let mut case = Case::new();
    case.world.memory.windows.clear();
    case.world.window_state = WindowState::None;
    assert_eq!(case.choose(), Some((Action::OpenWindow, 0)));
    case.missing.clear();
    assert_eq!(case.choose(), None);
    let mut without_policy = Case::new();
    without_policy.world.desired.registration = None;
    assert_eq!(without_policy.choose(), None);
}

#[test]
fn it_opens_again_within_its_budget_once_its_end_was_counted() {
    let mut case = Case::new();
    assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)));
    case.last().missing_at_end = None;
    assert_eq!(case.choose(), None);
    case.last().missing_at_end = Some(BTreeSet::new());
    assert_eq!(case.choose(), None, "it was filled");
    let mut used_up = Case::new();
    used_up.last().reopened = 1;
    assert_eq!(used_up.choose(), None);
    used_up.policy().reopen = 2;
    assert_eq!(used_up.choose(), Some((Action::ReopenWindow, 2)));
}

#[test]
fn one_that_is_not_over_stays() {
    for state in [WindowState::Scheduled, WindowState::Open, WindowState::Always] {
        let mut case = Case::new();
        case.last().missing_at_end = None;
        (case.world.window_state, case.newcomers) = (state, true);
        assert_eq!(case.choose(), None, "{state:?}");
        assert_eq!(running(&case.world.memory, state), case.world.memory.windows.last());
        case.last().policy = "another".into();
        assert_eq!(case.choose(), Some((Action::OpenWindow, 0)), "{state:?}");
    }
    assert_eq!(running(&Case::new().world.memory, WindowState::Closed), None);
}

#[test]
fn newcomers_get_a_window_of_their_own_unless_its_start_is_fixed() {
    let mut case = Case::new();
    case.newcomers = true;
    assert_eq!(case.choose(), Some((Action::OpenWindow, 0)));
    let mut dated = Case::new();
    dated.newcomers = true;
    dated.policy().start = WindowStart::At(at(0).fixed_offset());
    dated.adopt_policy();
    assert_eq!(dated.choose(), Some((Action::ReopenWindow, 1)));
}

#[test]
fn one_that_was_never_fetched_costs_nothing() {
    let mut case = Case::unfetched();
    case.policy().reopen = 0;
    assert_eq!(case.choose(), Some((Action::OpenWindow, 0)), "without a reopening");
    case.last().missing_at_end = None;
    assert_eq!(case.choose(), Some((Action::OpenWindow, 0)), "nobody needs to be counted at its end");
    case.policy().reopen = 1;
    case.last().reopened = 1;
    assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)), "the reopening is not used up");
    case.world.progress().fetched_at = Some(at(10));
    case.last().missing_at_end = Some(BTreeSet::from([slot(2)]));
    assert_eq!(case.choose(), None, "it was open, and it was the last");
}

#[test]
fn a_dated_one_that_was_never_fetched_is_not_moved() {
    let mut case = Case::unfetched();
    case.policy().start = WindowStart::At(at(0).fixed_offset());
    case.policy().reopen = 0;
    case.adopt_policy();
    assert_eq!(case.choose(), None);
    assert!(running(&case.world.memory, WindowState::Closed).is_some(), "what is released stays as it is");
    case.policy().reopen = 1;
    assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)), "a reopening may follow");
    case.last().reopened = 1;
    assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)), "and costs nothing while it is not fetched");
}

/// A minute of the site's time zone, Berlin.
fn berlin(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("{text}:00+01:00")).unwrap().to_utc()
}

/// The window of Monday the 23rd, 08:00 for 20 h, closed without one handset; it may be opened again at these times.
fn reopening(schedule: &str) -> Case {
    let mut case = Case::new();
    case.policy().reopen_schedule = Some(schedule.parse().unwrap());
    let zone = case.world.desired.time_zone;
    let shown = |text: &str| berlin(text).with_timezone(&zone).fixed_offset();
    case.last().opens_at = shown("2026-11-23T08:00");
    case.last().closes_at = Some(shown("2026-11-24T04:00"));
    case
}

#[test]
fn it_opens_again_at_the_hours_of_its_schedule_only() {
    let case = reopening("0 8 * * MON-FRI");
    let until = |now: &str| case.opening(berlin(now), case.world.clock()).unwrap().until;
    // The window closed on Tuesday at 04:00.
    assert_eq!(until("2026-11-24T04:01"), Some(berlin("2026-11-24T08:00")));
    assert_eq!(until("2026-11-24T07:59"), Some(berlin("2026-11-24T08:00")));
    assert_eq!(until("2026-11-24T08:00"), None);
    assert_eq!(until("2026-11-24T08:59"), None, "n720d may have been off, or the manager");
    assert_eq!(until("2026-11-24T09:01"), Some(berlin("2026-11-25T08:00")), "too late for this one");
    assert_eq!(until("2026-11-27T12:00"), Some(berlin("2026-11-30T08:00")), "not at the weekend");
    let opening = case.opening(berlin("2026-11-24T08:30"), case.world.clock()).unwrap();
    assert_eq!(
        (opening.action, opening.window.opens_at.to_utc()),
        (Action::ReopenWindow, berlin("2026-11-24T08:30"))
    );
}

#[test]
fn an_hour_of_the_schedule_before_the_end_is_none() {
    let case = reopening("30 3 * * *");
    let opening = case.opening(berlin("2026-11-24T04:05"), case.world.clock()).unwrap();
    assert_eq!(opening.until, Some(berlin("2026-11-25T03:30")));
}

#[test]
fn the_schedule_gives_no_more_reopenings_than_the_budget() {
    let mut case = reopening("* * * * *");
    assert!(case.opening(berlin("2026-11-24T04:05"), case.world.clock()).is_some());
    case.last().reopened = 1;
    assert!(case.opening(berlin("2026-11-24T04:05"), case.world.clock()).is_none());
}

/// Mondays at 08:00 for 20 h; the one of the 23rd closed on Tuesday at 04:00.
fn recurring(reopen: u8) -> Case {
    let mut case = reopening("* * * * *");
    case.policy().start = WindowStart::Recurring("0 8 * * MON".parse().unwrap());
    case.policy().reopen = reopen;
    case.adopt_policy();
    case
}

#[test]
fn a_recurring_one_follows_for_whoever_is_missing_then() {
    let mut case = recurring(0);
    let next = |case: &Case, now: &str| {
        let opening = case.opening(berlin(now), case.world.clock())?;
        assert_eq!((opening.action, opening.window.reopened, opening.until), (Action::OpenWindow, 0, None));
        Some(opening.window.opens_at.to_utc())
    };
    assert_eq!(next(&case, "2026-11-24T04:01"), Some(berlin("2026-11-30T08:00")), "ahead of its time");
    assert_eq!(next(&case, "2026-11-30T20:00"), Some(berlin("2026-11-30T08:00")), "while it lasts");
    case.last().missing_at_end = Some(BTreeSet::new());
    assert_eq!(next(&case, "2026-11-26T12:00"), Some(berlin("2026-11-30T08:00")), "somebody was added since");
    case.last().missing_at_end = None;
    assert_eq!(next(&case, "2026-11-24T04:01"), None, "nobody was counted yet");
    case.missing.clear();
    assert_eq!(next(&case, "2026-11-26T12:00"), None, "nobody is missing");
    let mut first = recurring(0);
    first.world.memory.windows.clear();
    first.world.window_state = WindowState::None;
    assert_eq!(next(&first, "2026-11-22T12:00"), Some(berlin("2026-11-23T08:00")));
}

#[test]
fn a_recurring_one_is_opened_again_between_and_gives_way_to_the_next() {
    let case = recurring(1);
    let chosen = |now: &str| {
        let opening = case.opening(berlin(now), case.world.clock()).unwrap();
        (opening.action, opening.window.opens_at.to_utc())
    };
    assert_eq!(chosen("2026-11-24T04:01"), (Action::ReopenWindow, berlin("2026-11-24T04:01")));
    assert_eq!(chosen("2026-11-30T08:05"), (Action::OpenWindow, berlin("2026-11-30T08:00")));
    let mut late = recurring(1);
    late.policy().reopen_schedule = Some("0 12 * * TUE".parse().unwrap());
    let opening = late.opening(berlin("2026-11-24T13:30"), late.world.clock()).unwrap();
    assert_eq!(opening.action, Action::OpenWindow, "Monday comes before the next Tuesday");
}

#[test]
fn a_recurring_one_that_was_never_fetched_is_renewed_for_its_own_hour() {
    let mut case = recurring(0);
    case.world.memory.release = Case::unfetched().world.memory.release;
    case.last().missing_at_end = None;
    let opening = case.opening(berlin("2026-11-24T04:01"), case.world.clock()).unwrap();
    assert_eq!(opening.window.opens_at.to_utc(), berlin("2026-11-30T08:00"));
}

/// The site file's own hour, Wednesday at 08:00 for 20 h; it was written for a clock an hour fast, and waits.
fn waiting_for_a_fast_clock() -> Case {
    let mut case = Case::new();
    let start = berlin("2026-11-25T08:00").with_timezone(&chrono_tz::Europe::Berlin).fixed_offset();
    case.policy().start = WindowStart::At(start);
    case.world.memory.windows.clear();
    case.world.window_state = WindowState::None;
    let fast = DeviceClock { skew_seconds: 3600, ..case.world.clock() };
    let written = case.opening(berlin("2026-11-23T09:00"), fast).unwrap().window;
    assert_eq!(written.opens_at.to_utc(), berlin("2026-11-25T09:00"));
    case.world.memory.windows.push(written);
    case.world.window_state = WindowState::Scheduled;
    case
}

#[test]
fn it_is_written_again_when_the_clock_was_set_and_not_for_ever() {
    let mut case = waiting_for_a_fast_clock();
    let now = berlin("2026-11-23T10:00");
    let fast = DeviceClock { skew_seconds: 3600, ..case.world.clock() };
    assert_eq!(case.opening(now, fast), None, "it is where it belongs");
    let again = case.opening(now, case.world.clock()).unwrap();
    assert_eq!((again.action, again.window.number), (Action::OpenWindow, 2));
    assert_eq!(again.window.opens_at.to_utc(), berlin("2026-11-25T08:00"));
    case.world.seen.device_clock = crate::domain::observed::Reading::Unreadable("cut".into());
    assert_eq!(case.opening(now, case.world.clock()), None, "not by a clock that was not read");
    case.world.seen.device_clock = World::new().seen.device_clock;
    for written in 1..=4 {
        let skew = DeviceClock { skew_seconds: 7200 * written, ..case.world.clock() };
        let again = case.opening(now, skew);
        assert_eq!(again.is_some(), written <= 3, "{written}");
        case.world.memory.windows.extend(again.map(|opening| opening.window));
    }
}

#[test]
fn a_window_that_closed_too_early_by_a_clock_that_was_set_is_not_spent() {
    let mut case = Case::new();
    let clock = case.world.clock();
    let policy = case.policy().clone();
    let entry = Entry { number: 1, reopened: 0, reason: String::new(), missing: BTreeSet::new() };
    case.world.memory.windows = vec![window::at_once(&policy, clock, at(0), entry)];
    case.last().missing_at_end = Some(BTreeSet::from([slot(2)]));
    let ahead = DeviceClock { skew_seconds: 86_400, ..clock };
    let again = case.opening(at(3600), ahead).unwrap();
    assert_eq!((again.action, again.window.reopened), (Action::OpenWindow, 0), "no reopening was used");
    assert_eq!(ahead.ours(again.window.opens_at), at(-40), "in the minute in which it was opened");
}

/// A window that stays open for long, everybody in it, to be closed then.
fn filled() -> Case {
    let mut case = Case::new();
    case.policy().close_when_filled = true;
    case.last().missing_at_end = None;
    case.missing.clear();
    case.world.window_state = WindowState::Open;
    case.world = case.world.want(1, present("1013", Some(1))).want(2, present("1014", Some(2)));
    case.world.remember(1, Registration::Registered, None);
    case.world.remember(2, Registration::Registered, None);
    case
}

#[test]
fn a_filled_one_is_closed_where_the_site_file_says_so() {
    let closed = |case: &Case| case.opening(at(3600), case.world.clock());
    let opening = closed(&filled()).unwrap();
    assert_eq!((opening.action, opening.window.number), (Action::CloseWindow, 1));
    assert_eq!(opening.window.closes_at.unwrap(), at(3600));
    assert!(matches!(opening.into_entry(), WindowEntry::Ends(_)));
    for state in [WindowState::Scheduled, WindowState::Always] {
        let mut case = filled();
        case.world.window_state = state;
        assert!(closed(&case).is_some(), "{state:?}");
    }
    let spoiled: [fn(&mut Case); 6] = [
        |case| case.policy().close_when_filled = false,
        |case| case.world.window_state = WindowState::Closed,
        |case| case.world.remember(2, Registration::Pending, None),
        |case| drop(case.world.memory.slots.remove(&slot(2))),
        |case| case.world.pending().push("01 02 03 04 05".parse().unwrap()),
        |case| case.world.desired.slots.clear(),
    ];
    for (number, spoil) in spoiled.into_iter().enumerate() {
        let mut case = filled();
        spoil(&mut case);
        assert_eq!(closed(&case), None, "{number}");
    }
}

#[test]
fn after_it_was_closed_early_a_dated_one_opens_for_the_rest_of_its_time() {
    let mut case = filled();
    case.policy().start = WindowStart::At(at(0).fixed_offset());
    case.policy().reopen = 0;
    case.adopt_policy();
    let mut closed = case.opening(at(3600), case.world.clock()).unwrap().window;
    closed.missing_at_end = Some(BTreeSet::new());
    *case.last() = closed;
    case.world.window_state = WindowState::Closed;
    case.missing.insert(slot(2));
    let opening = case.opening(at(7200), case.world.clock()).unwrap();
    assert_eq!((opening.action, opening.window.opens_at.to_utc()), (Action::OpenWindow, at(-40)));
    assert_eq!(opening.window.closes_at.unwrap(), at(71_960));
    assert_eq!(case.opening(at(72_000), case.world.clock()), None, "its time is over");
}

#[test]
fn a_window_that_the_site_file_moves_is_opened_anew_while_there_is_time() {
    let mut case = waiting_for_a_fast_clock();
    let now = berlin("2026-11-23T10:00");
    let start = berlin("2026-11-25T09:00").with_timezone(&chrono_tz::Europe::London).fixed_offset();
    case.policy().start = WindowStart::At(start);
    let moved = case.opening(now, case.world.clock()).unwrap();
    assert_eq!((moved.action, moved.window.meant_at), (Action::OpenWindow, Some(berlin("2026-11-25T09:00"))));
    assert!(moved.why.starts_with("the site file asks for another"), "{}", moved.why);
    case.world.memory.windows.push(moved.window);
    assert_eq!(case.opening(now, case.world.clock()), None, "once");
    let policies: BTreeSet<_> = case.world.memory.windows.iter().map(|window| &window.policy).collect();
    assert_eq!(policies.len(), 1, "though it reads the same");
}

#[test]
fn a_window_that_is_counted_in_another_time_by_now_is_written_again_once() {
    let mut case = waiting_for_a_fast_clock();
    let now = berlin("2026-11-23T10:00");
    let fast = DeviceClock { skew_seconds: 3600, ..case.world.clock() };
    case.world.desired.manager.window_clock = crate::domain::desired::WindowClock::Utc;
    let again = case.opening(now, fast).unwrap();
    assert_eq!((again.action, again.window.opens_at), (Action::OpenWindow, case.last().opens_at));
    case.world.memory.windows.push(again.window);
    assert_eq!(case.opening(now, fast), None);
}

#[test]
fn an_hour_of_the_schedule_at_the_very_end_counts() {
    let case = reopening("0 4 * * *");
    let opening = case.opening(berlin("2026-11-24T04:01"), case.world.clock()).unwrap();
    assert_eq!(opening.until, None);
}

#[test]
fn one_that_was_closed_when_it_had_filled_opens_again_for_whoever_is_lost() {
    let mut case = filled();
    case.policy().reopen = 0;
    let mut closed = case.opening(at(3600), case.world.clock()).unwrap().window;
    closed.missing_at_end = Some(BTreeSet::new());
    closed.meant_at = Some(closed.opens_at.to_utc());
    *case.last() = closed;
    case.world.window_state = WindowState::Closed;
    case.missing.insert(slot(2));
    let opening = case.opening(at(7200), case.world.clock()).unwrap();
    assert_eq!(
        (opening.action, opening.window.closes_at.unwrap().to_utc()),
        (Action::OpenWindow, at(72_000))
    );
    assert_eq!(case.opening(at(72_060), case.world.clock()), None, "its time is over");
}
