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
    if last.policy != window::policy_text(policy) {
        return scene.first(policy, "the site file asks for another registration window");
    }
    if let Some(again) = scene.set_right(last, policy) {
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
                let ended = last.closes_at.map(|closes| self.clock.ours(closes).to_utc());
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

    /// The last window again, where the device's clock was set since it was written.
    fn set_right(&self, last: &Window, policy: &RegistrationPolicy) -> Option<Opening> {
        let meant = window::misplaced(last, policy, self.clock, self.now)?;
        self.observation.device_clock.known()?;
        let same = self.memory.windows.iter().rev().take_while(|window| window.meant_at == last.meant_at);
        if same.count() > SET_RIGHT_AT_MOST {
            return None;
        }
        let window = window::set_right(last, meant, self.clock, self.number(), self.missing.clone());
        let action = if last.reopened == 0 { Action::OpenWindow } else { Action::ReopenWindow };
        Some(self.open(
            action,
            window,
            "the device's clock was set since the registration window was written",
            None,
        ))
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
