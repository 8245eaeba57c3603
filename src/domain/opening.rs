//! Whether a registration window is to be opened (again), and which. No clock arithmetic here.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::desired::{DesiredSite, RegistrationPolicy, WindowStart};
use super::device_clock::DeviceClock;
use super::ids::SlotNumber;
use super::memory::{SiteMemory, Window};
use super::plan::Action;
use super::status::WindowState;
use super::window;

/// A window to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    /// [`Action::OpenWindow`] or [`Action::ReopenWindow`].
    pub(super) action: Action,
    pub(super) window: Window,
    pub(super) why: String,
}

/// What the choice rests on.
pub(super) struct Scene<'a> {
    pub(super) desired: &'a DesiredSite,
    /// Its ledger of windows, and which of them the manager has fetched.
    pub(super) memory: &'a SiteMemory,
    /// Of the last window.
    pub(super) state: WindowState,
    pub(super) clock: DeviceClock,
    pub(super) now: DateTime<Utc>,
    /// The slots whose handset is to come in and has not.
    pub(super) missing: &'a BTreeSet<SlotNumber>,
    /// Whether one of them was never released before.
    pub(super) newcomers: bool,
}

/// The window to open, if one is. Nobody missing: none, for a window without a reservation blocks registration by hand.
pub(super) fn choose(scene: &Scene<'_>) -> Option<Opening> {
    let policy = scene.desired.registration.as_ref()?;
    if scene.missing.is_empty() {
        return None;
    }
    let first = |why| scene.open(Action::OpenWindow, scene.first(policy), why);
    let Some(last) = scene.memory.windows.last() else {
        return Some(first("the registration window of the site file was never opened"));
    };
    if last.policy != window::policy_text(policy) {
        return Some(first("the site file asks for another registration window"));
    }
    match scene.state {
        WindowState::None | WindowState::Scheduled | WindowState::Open | WindowState::Always => None,
        WindowState::Closed => scene.after(last, policy),
    }
}

/// The last window, while its time is not over or the manager has not fetched it: whatever is released meanwhile
/// repeats it.
pub(super) fn running(memory: &SiteMemory, state: WindowState) -> Option<&Window> {
    let last = memory.windows.last();
    match state {
        WindowState::Scheduled | WindowState::Open | WindowState::Always => last,
        WindowState::Closed => last.filter(|last| never_fetched(memory, last)),
        WindowState::None => None,
    }
}

/// Whether the release that carries this window has not been fetched: then no handset could ever use it. A trigger
/// that reported "done" without a fetch having been seen is none.
pub(super) fn never_fetched(memory: &SiteMemory, window: &Window) -> bool {
    memory
        .release
        .as_ref()
        .is_some_and(|release| release.window == Some(window.number) && release.progress.fetched_at.is_none())
}

impl Scene<'_> {
    /// What follows a window that has closed with handsets missing.
    fn after(&self, last: &Window, policy: &RegistrationPolicy) -> Option<Opening> {
        let renewed = |action| {
            let window =
                window::renewed_window(last, policy, self.clock, self.now, self.missing(), self.number());
            self.open(action, window, "the manager never fetched the last registration window")
        };
        if never_fetched(self.memory, last) {
            match (policy.start, last.reopened) {
                (WindowStart::WhenReleased, 0) => return Some(renewed(Action::OpenWindow)),
                (WindowStart::WhenReleased | WindowStart::At(_), 1..) => {
                    return Some(renewed(Action::ReopenWindow));
                }
                // The hour was the operator's choice, and another one is not n720d's: a reopening is.
                (WindowStart::At(_), 0) => {}
            }
        }
        // Nobody was counted at its end yet: the last one may just have come in.
        let left_out = last.missing_at_end.as_ref()?;
        // "When released" holds for each handset that is released for the first time, not for the first of all.
        if self.newcomers && policy.start == WindowStart::WhenReleased {
            let why = "handsets were added since the last registration window";
            return Some(self.open(Action::OpenWindow, self.first(policy), why));
        }
        let used = last.reopened;
        let why =
            format!("the registration window closed unfilled ({used} of {} reopenings used)", policy.reopen);
        (used < policy.reopen && !left_out.is_empty()).then(|| {
            let window =
                window::reopened_window(last, policy, self.clock, self.now, self.missing(), self.number());
            self.open(Action::ReopenWindow, window, &why)
        })
    }

    fn first(&self, policy: &RegistrationPolicy) -> Window {
        window::first_window(policy, self.clock, self.now, self.missing(), self.number())
    }

    fn open(&self, action: Action, window: Window, why: &str) -> Opening {
        let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        Opening { action, window, why: format!("{why}; missing: slot {}", missing.join(", ")) }
    }

    fn missing(&self) -> BTreeSet<SlotNumber> {
        self.missing.clone()
    }

    fn number(&self) -> u32 {
        self.memory.windows.last().map_or(1, |last| last.number.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::super::world::{World, at, present, slot, window};
    use super::*;

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

        fn choose(&self) -> Option<(Action, u8)> {
            let now = at(72_060);
            let opening = choose(&Scene {
                desired: &self.world.desired,
                memory: &self.world.memory,
                state: self.world.window_state,
                clock: self.world.clock(),
                now,
                missing: &self.missing,
                newcomers: self.newcomers,
            })?;
            assert_eq!(opening.window.missing_at_start, self.missing);
            assert!(opening.window.reason.ends_with("1 handset"), "{}", opening.window.reason);
            assert_eq!(opening.window.number, u32::try_from(self.world.memory.windows.len()).unwrap() + 1);
            let begins = self.world.clock().instant(opening.window.opens_at).to_utc();
            assert!((now - begins) < TimeDelta::minutes(1), "a start of its own: {begins}");
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
        dated.policy().start = WindowStart::At(at(0).naive_utc());
        dated.last().policy = window::policy_text(dated.world.desired.registration.as_ref().unwrap());
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
        case.policy().start = WindowStart::At(at(0).naive_utc());
        case.policy().reopen = 0;
        case.last().policy = window::policy_text(case.world.desired.registration.as_ref().unwrap());
        assert_eq!(case.choose(), None);
        assert!(
            running(&case.world.memory, WindowState::Closed).is_some(),
            "what is released stays as it is"
        );
        case.policy().reopen = 1;
        assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)), "a reopening may follow");
        case.last().reopened = 1;
        assert_eq!(
            case.choose(),
            Some((Action::ReopenWindow, 1)),
            "and costs nothing while it is not fetched"
        );
    }
}
