//! Whether a registration window is to be opened (again), and which of the two that the caller has prepared. No clock
//! arithmetic here.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono::offset::LocalResult;
use chrono_tz::Tz;

use super::content::WindowContent;
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
        WindowState::Closed if scene.newcomers && policy.start == WindowStart::WhenReleased => {
            first("handsets were added since the last registration window")
        }
        WindowState::Closed if last.reopened < policy.reopen => open(
            &scene.next.reopen,
            Action::ReopenWindow,
            &format!(
                "the registration window closed unfilled ({} of {} reopenings used)",
                last.reopened, policy.reopen
            ),
        ),
        WindowState::Closed => None,
    }
}

/// The last window, while its time is not over: whatever is released meanwhile repeats it.
pub(super) fn running(windows: &[Window], state: WindowState) -> Option<&Window> {
    match state {
        WindowState::Scheduled | WindowState::Open | WindowState::Always => windows.last(),
        WindowState::None | WindowState::Closed => None,
    }
}

/// The window as the device counts it: real seconds, also across a change of the clock.
pub(super) fn content_of(window: &Window, tz: Tz) -> WindowContent {
    let instant = |local: chrono::NaiveDateTime| match local.and_local_timezone(tz) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.naive_utc(),
        LocalResult::None => {
            (local + TimeDelta::hours(1)).and_local_timezone(tz).earliest().map_or(local, |at| at.naive_utc())
        }
    };
    let length = window.closes_at.map(|closes| instant(closes) - instant(window.opens_at));
    let seconds = length.map_or(0, |length| u32::try_from(length.num_seconds().max(1)).unwrap_or(u32::MAX));
    WindowContent { start: window.opens_at, seconds }
}
