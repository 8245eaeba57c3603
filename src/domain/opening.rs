//! Whether a registration window is to be opened (again), and which of the two that the caller has prepared. No clock
//! arithmetic here.

use std::collections::BTreeSet;

use super::desired::{DesiredSite, WindowStart};
use super::ids::SlotNumber;
use super::memory::Window;
use super::plan::Action;
use super::status::WindowState;

/// The windows that could be opened, prepared from the policy and the device's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NextWindow {
    /// What to open if the policy's window was never opened, or the policy has changed since.
    pub first: Option<Window>,
    /// What to open if the last one closed unfilled.
    pub reopen: Option<Window>,
}

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
    /// The ledger, oldest first.
    pub(super) windows: &'a [Window],
    /// Of the last one.
    pub(super) state: WindowState,
    pub(super) next: &'a NextWindow,
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
    let open = |window: &Option<Window>, action, why: &str| {
        let mut window = window.clone()?;
        window.missing_at_start = scene.missing.clone();
        let missing: Vec<String> = scene.missing.iter().map(ToString::to_string).collect();
        let why = format!("{why}; missing: slot {}", missing.join(", "));
        Some(Opening { action, window, why })
    };
    let first = |why| open(&scene.next.first, Action::OpenWindow, why);
    let Some(last) = scene.windows.last() else {
        return first("the registration window of the site file was never opened");
    };
    if scene.next.first.as_ref().is_some_and(|next| next.policy != last.policy) {
        return first("the site file asks for another registration window");
    }
    match scene.state {
        WindowState::None | WindowState::Scheduled | WindowState::Open | WindowState::Always => None,
        // Nobody was counted at its end yet: the last one may just have come in.
        WindowState::Closed if last.missing_at_end.is_none() => None,
        WindowState::Closed => {
            // "When released" holds for each handset that is released for the first time, not for the first of all.
            let newly = || first("handsets were added since the last registration window");
            let anew = (scene.newcomers && policy.start == WindowStart::WhenReleased).then(newly).flatten();
            let used = last.reopened;
            let why = format!(
                "the registration window closed unfilled ({used} of {} reopenings used)",
                policy.reopen
            );
            let again = || open(&scene.next.reopen, Action::ReopenWindow, &why);
            anew.or_else(|| (used < policy.reopen).then(again).flatten())
        }
    }
}

/// The last window, while its time is not over: whatever is released meanwhile repeats it.
pub(super) fn running(windows: &[Window], state: WindowState) -> Option<&Window> {
    match state {
        WindowState::Scheduled | WindowState::Open | WindowState::Always => windows.last(),
        WindowState::None | WindowState::Closed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::desired::RegistrationPolicy;
    use super::super::world::{at, site, slot, window};
    use super::*;

    /// What is chosen for one missing handset, after one window that ended with it missing.
    struct Case {
        desired: DesiredSite,
        windows: Vec<Window>,
        state: WindowState,
        next: NextWindow,
        missing: BTreeSet<SlotNumber>,
        newcomers: bool,
    }

    impl Case {
        fn new() -> Self {
            let mut last = window(1, 0);
            last.missing_at_end = Some(BTreeSet::from([slot(2)]));
            Self {
                desired: site(),
                windows: vec![last],
                state: WindowState::Closed,
                next: NextWindow { first: Some(window(2, 0)), reopen: Some(window(2, 1)) },
                missing: BTreeSet::from([slot(2)]),
                newcomers: false,
            }
        }

        fn policy(&mut self) -> &mut RegistrationPolicy {
            self.desired.registration.as_mut().unwrap()
        }

        fn choose(&self) -> Option<(Action, u8)> {
            let opening = choose(&Scene {
                desired: &self.desired,
                windows: &self.windows,
                state: self.state,
                next: &self.next,
                missing: &self.missing,
                newcomers: self.newcomers,
            })?;
            assert_eq!(opening.window.missing_at_start, self.missing);
            Some((opening.action, opening.window.reopened))
        }
    }

    #[test]
    fn the_first_one_opens_only_for_somebody() {
        let mut case = Case::new();
        case.windows.clear();
        case.state = WindowState::None;
        assert_eq!(case.choose(), Some((Action::OpenWindow, 0)));
        case.missing.clear();
        assert_eq!(case.choose(), None);
        let mut without_policy = Case::new();
        without_policy.desired.registration = None;
        assert_eq!(without_policy.choose(), None);
    }

    #[test]
    fn it_opens_again_within_its_budget_once_its_end_was_counted() {
        let mut case = Case::new();
        assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)));
        case.windows[0].missing_at_end = None;
        assert_eq!(case.choose(), None);
        let mut used_up = Case::new();
        used_up.windows[0].reopened = 1;
        assert_eq!(used_up.choose(), None);
        used_up.policy().reopen = 2;
        assert_eq!(used_up.choose(), Some((Action::ReopenWindow, 1)));
    }

    #[test]
    fn one_that_is_not_over_stays() {
        for state in [WindowState::Scheduled, WindowState::Open, WindowState::Always] {
            let mut case = Case::new();
            case.windows[0].missing_at_end = None;
            (case.state, case.newcomers) = (state, true);
            assert_eq!(case.choose(), None, "{state:?}");
            assert_eq!(running(&case.windows, state), case.windows.last());
            case.next.first.as_mut().unwrap().policy = "another".into();
            assert_eq!(case.choose(), Some((Action::OpenWindow, 0)), "{state:?}");
        }
        assert_eq!(running(&Case::new().windows, WindowState::Closed), None);
    }

    #[test]
    fn newcomers_get_a_window_of_their_own_unless_its_start_is_fixed() {
        let mut case = Case::new();
        case.newcomers = true;
        assert_eq!(case.choose(), Some((Action::OpenWindow, 0)));
        case.next.first = None;
        assert_eq!(case.choose(), Some((Action::ReopenWindow, 1)), "none was prepared");
        let mut dated = Case::new();
        dated.newcomers = true;
        dated.policy().start = WindowStart::At(at(0).naive_utc());
        assert_eq!(dated.choose(), Some((Action::ReopenWindow, 1)));
    }
}
