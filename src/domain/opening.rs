//! Whether a registration window is to be opened (again) or closed, and which. No clock arithmetic here.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::desired::{DesiredSite, RegistrationPolicy, WindowStart};
use super::device_clock::DeviceClock;
use super::ids::SlotNumber;
use super::memory::{Registration, SiteMemory, Window};
use super::observed::Observation;
use super::plan::{Action, WindowEntry};
use super::status::WindowState;
use super::window::{self, Entry};

/// A time of `reopen_schedule` that nobody could use (the manager was not reached, n720d was off) is made up for
/// within this long; after it the next one counts, for the hour was chosen by people.
const REOPEN_WITHIN: TimeDelta = TimeDelta::hours(1);

/// How often a window is written again because the device's clock was set: one that never stands still must not cost
/// a release for ever.
const SET_RIGHT_AT_MOST: usize = 3;

/// A window to be opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    /// [`Action::OpenWindow`], [`Action::ReopenWindow`] or [`Action::CloseWindow`].
    pub(super) action: Action,
    pub(super) window: Window,
    pub(super) why: String,
    /// Not before this; `None`: now.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Opening {
    /// What its release means for the ledger.
    pub(super) fn into_entry(self) -> WindowEntry {
        if self.action == Action::CloseWindow {
            WindowEntry::Ends(self.window)
        } else {
            WindowEntry::Opens(self.window)
        }
    }
}

/// What the choice rests on.
pub(super) struct Scene<'a> {
    pub(super) desired: &'a DesiredSite,
    /// Its ledger of windows, and which of them the manager has fetched.
    pub(super) memory: &'a SiteMemory,
    pub(super) observation: &'a Observation,
    /// Of the last window.
    pub(super) state: WindowState,
    pub(super) clock: DeviceClock,
    pub(super) now: DateTime<Utc>,
    /// The slots whose handset is to come in and has not.
    pub(super) missing: &'a BTreeSet<SlotNumber>,
    /// Whether one of them was never released before.
    pub(super) newcomers: bool,
}

/// The window to open or close, if one is. Nobody missing: none is opened, for a window without a reservation blocks
/// registration by hand.
pub(super) fn choose(scene: &Scene<'_>) -> Option<Opening> {
    let policy = scene.desired.registration.as_ref()?;
    if scene.missing.is_empty() {
        return scene.close(policy);
    }
    let Some(last) = scene.memory.windows.last() else {
        return scene.first(policy, "the registration window of the site file was never opened");
    };
    let another = "the site file asks for another registration window";
    if last.policy != window::policy_text(policy) {
        return scene.first(policy, another);
    }
    if let Some(moved) = scene.moved(last, policy, another) {
        return Some(moved);
    }
    if let Some(again) = scene.written_again(last, policy) {
        return Some(again);
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
        if never_fetched(self.memory, last) {
            let why = "the manager never fetched the last registration window";
            match (&policy.start, last.reopened) {
                (WindowStart::WhenReleased | WindowStart::Recurring(_), 0) => return self.first(policy, why),
                (_, 1..) => return self.reopen(last, policy, last.reopened, why),
                // The hour was the operator's choice, and another one is not n720d's: a reopening is.
                (WindowStart::At(_), 0) => {}
            }
        }
        // Nobody was counted at its end yet: the last one may just have come in.
        let left_out = last.missing_at_end.as_ref()?;
        let again = match &policy.start {
            // "When released" holds for each handset that is released for the first time, not for the first of all.
            WindowStart::WhenReleased if self.newcomers => {
                self.first(policy, "handsets were added since the last registration window")
            }
            // It was closed when it had filled, and somebody has been lost since.
            WindowStart::WhenReleased if left_out.is_empty() => self.rest(last, policy),
            WindowStart::WhenReleased => None,
            WindowStart::At(_) => self
                .first(policy, "the registration window was closed when it had filled")
                .filter(|opening| self.is_before_its_end(&opening.window)),
            WindowStart::Recurring(_) => self.first(policy, "the next of the recurring registration windows"),
        };
        let used = last.reopened;
        let why =
            format!("the registration window closed unfilled ({used} of {} reopenings used)", policy.reopen);
        let reopened = (used < policy.reopen && !left_out.is_empty())
            .then(|| self.reopen(last, policy, used.saturating_add(1), &why))
            .flatten();
        match (again, reopened) {
            (Some(again), Some(reopened)) => {
                let sooner = reopened.until.unwrap_or(self.now) < self.clock.ours(again.window.opens_at);
                Some(if sooner { reopened } else { again })
            }
            (again, reopened) => again.or(reopened),
        }
    }

    /// The window that the policy names.
    fn first(&self, policy: &RegistrationPolicy, why: &str) -> Option<Opening> {
        let window =
            window::by_policy(policy, self.clock, self.now, self.entry(0, "first window for".to_owned()))?;
        Some(self.open(Action::OpenWindow, window, why, None))
    }

    /// The same window once more, at a time that the site's schedule allows.
    fn reopen(&self, last: &Window, policy: &RegistrationPolicy, count: u8, why: &str) -> Option<Opening> {
        let until = match &policy.reopen_schedule {
            None => None,
            Some(schedule) => {
                // An hour of the schedule that is the end of the window is one of those that count.
                let ended =
                    last.closes_at.map(|closes| self.clock.ours(closes).to_utc() - TimeDelta::seconds(1));
                let from = ended.into_iter().chain(self.now.checked_sub_signed(REOPEN_WITHIN)).max()?;
                let at = schedule.next_after(from, self.desired.time_zone)?;
                Some(at).filter(|at| *at > self.now)
            }
        };
        let reason = if count == last.reopened {
            format!("window {} was never fetched; it was for", last.number)
        } else {
            format!("window {} closed without", last.number)
        };
        let window = window::at_once(policy, self.clock, self.now, self.entry(count, reason));
        Some(self.open(Action::ReopenWindow, window, why, until))
    }

    /// What is left of the last window, which was ended before its time.
    fn rest(&self, last: &Window, policy: &RegistrationPolicy) -> Option<Opening> {
        let entry = self.entry(0, "first window for".to_owned());
        let window = window::rest(last, policy, self.clock, self.now, entry)?;
        let why = "the registration window was closed when it had filled, and is needed again";
        Some(self.open(Action::OpenWindow, window, why, None))
    }

    /// The window that the policy names by now, where the last one was meant for another moment of the same policy and
    /// it is not too late.
    fn moved(&self, last: &Window, policy: &RegistrationPolicy, why: &str) -> Option<Opening> {
        if !window::is_moved(last, policy, self.desired.time_zone) {
            return None;
        }
        let waits = match (&policy.start, self.state) {
            (WindowStart::Recurring(_), WindowState::Scheduled) | (WindowStart::At(_), _) => true,
            (WindowStart::Recurring(_) | WindowStart::WhenReleased, _) => false,
        };
        self.first(policy, why).filter(|opening| waits && self.is_before_its_end(&opening.window))
    }

    /// The last window again, where the device's clock was set since it was written, or the site file says by now that
    /// the manager counts it in another time.
    fn written_again(&self, last: &Window, policy: &RegistrationPolicy) -> Option<Opening> {
        let (meant, why, reason) = if let Some(meant) = self.misplaced(last, policy) {
            let why = "the device's clock was set since the registration window was written";
            let reason = "the device's clock was set; it would keep window";
            (meant, why, format!("{reason} {} at another time", last.number))
        } else {
            let why = "the site file says that the manager counts a registration window in another time";
            let meant = last.meant_at.filter(|_| self.is_counted_otherwise(last))?;
            (meant, why, format!("window {} was written in another time", last.number))
        };
        let window = window::set_right(last, meant, self.clock, self.entry(last.reopened, reason));
        let action = if last.reopened == 0 { Action::OpenWindow } else { Action::ReopenWindow };
        Some(self.open(action, window, why, None))
    }

    /// When the last window is meant to open, where it would open at another time, by a clock that was read now.
    fn misplaced(&self, last: &Window, policy: &RegistrationPolicy) -> Option<DateTime<Utc>> {
        let meant = window::misplaced(last, policy, self.clock, self.now)?;
        self.observation.device_clock.known()?;
        let same = self.memory.windows.iter().rev().take_while(|window| window.meant_at == last.meant_at);
        (same.count() <= SET_RIGHT_AT_MOST).then_some(meant)
    }

    fn is_counted_otherwise(&self, last: &Window) -> bool {
        let waits = match self.state {
            WindowState::Scheduled | WindowState::Open => true,
            WindowState::None | WindowState::Closed | WindowState::Always => false,
        };
        waits && last.written_in != self.desired.manager.window_clock
    }

    /// Closes what is open for nobody, where the site file says so.
    fn close(&self, policy: &RegistrationPolicy) -> Option<Opening> {
        let is_open = match self.state {
            WindowState::Scheduled | WindowState::Open | WindowState::Always => true,
            WindowState::None | WindowState::Closed => false,
        };
        let mut reserved =
            self.desired.slots.iter().filter_map(|(slot, wanted)| Some((slot, wanted.ipui()?))).peekable();
        let filled = reserved.peek().is_some()
            && reserved.all(|(slot, ipui)| {
                self.memory.slots.get(slot).is_some_and(|record| {
                    record.ipui == ipui && record.registration == Registration::Registered
                })
            });
        let nobody_else = self.observation.pending.known().is_some_and(Vec::is_empty);
        if !(policy.close_when_filled && is_open && filled && nobody_else) {
            return None;
        }
        let window = window::ended(self.memory.windows.last()?, self.clock, self.now);
        Some(Opening {
            action: Action::CloseWindow,
            window,
            why: "every handset is registered, and the site file says to close the registration window then"
                .to_owned(),
            until: None,
        })
    }

    fn is_before_its_end(&self, window: &Window) -> bool {
        match window::state_of(window, self.clock, self.now) {
            WindowState::Scheduled | WindowState::Open | WindowState::Always => true,
            WindowState::None | WindowState::Closed => false,
        }
    }

    fn open(&self, action: Action, window: Window, why: &str, until: Option<DateTime<Utc>>) -> Opening {
        let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        let window = Window { written_in: self.desired.manager.window_clock, ..window };
        Opening { action, window, why: format!("{why}; missing: slot {}", missing.join(", ")), until }
    }

    fn entry(&self, reopened: u8, reason: String) -> Entry {
        Entry { number: self.number(), reopened, reason, missing: self.missing.clone() }
    }

    fn number(&self) -> u32 {
        self.memory.windows.last().map_or(1, |last| last.number.saturating_add(1))
    }
}

#[cfg(test)]
mod tests;
