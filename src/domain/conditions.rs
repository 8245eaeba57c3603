//! Which alert conditions hold at a site after a cycle, and for which nobody can tell. Pure: whatever is known comes
//! in as a [`View`]; telling people is `alerting`'s part.
//!
//! Three answers per kind: it *holds*, it *cannot be told* (then an alert of that kind stays as it is), or, in neither
//! of the two, it is *positively clear*. What rests on the ledger of windows and on the clock (a window that closes or
//! has closed, a lost handset) can always be told, with what was last seen.

mod contact;
mod device;
mod exposure;
pub mod fleet;
mod foreign;
mod ineffective;
mod life;
pub mod pause;
mod stale;
#[cfg(test)]
mod testing;
mod windows;
mod work;

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};

use super::alert::{Alert, AlertKind, AlertState, Condition};
use super::clearance::Clearance;
use super::desired::DesiredSite;
use super::device_clock::DeviceClock;
use super::handoff::Situation;
use super::memory::{SiteMemory, Window};
use super::observed::Observation;
use super::opening;
use super::plan::Plan;
use super::settings::Pace;
use super::status::{WindowState, WindowStatus};
use super::wording::{clock, spoken};

pub use contact::unreadable_cycles;
pub use life::{left, live_on};
pub use stale::stale_at;

/// Everything that a site's conditions follow from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What is wanted.
    pub desired: &'a DesiredSite,
    /// What is remembered, after this cycle's judgement. Its alerts are those before this cycle.
    pub memory: &'a SiteMemory,
    /// What was read in this cycle; `None`: nothing.
    pub observation: Option<&'a Observation>,
    /// What there is to do.
    pub plan: &'a Plan,
    /// The window in force.
    pub window: Option<&'a Window>,
    /// Its state by the device's clock.
    pub window_state: WindowState,
    /// Until it closes.
    pub closes_in: Option<TimeDelta>,
    /// When it closes or closed, in the site's time zone.
    pub closes_at: Option<DateTime<FixedOffset>>,
    /// The device's clock.
    pub clock: DeviceClock,
    /// The device's clock minus ours, in seconds; `None`: its clock was not read.
    pub skew_seconds: Option<i64>,
    /// How fast things go.
    pub pace: &'a Pace,
    /// What people and the fleet allow.
    pub clearance: &'a Clearance,
    /// The configuration file URL that the manager ought to have. It holds the site's token.
    pub own_url: Option<&'a str>,
    /// Our clock.
    pub now: DateTime<Utc>,
    /// References of this site that lead to no secret, that of the web password first, each with the reason (never a value).
    pub missing_secrets: &'a [(String, String)],
}

impl View<'_> {
    /// The alert of this kind about the site as a whole that has not ended, from the cycles before.
    fn standing(&self, kind: AlertKind) -> Option<&Alert> {
        let id = format!("{}/{kind}", self.desired.name);
        self.memory.alerts.iter().find(|alert| alert.id == id && alert.state != AlertState::Resolved)
    }

    /// What the notes on its handsets rest on.
    fn situation(&self) -> Situation<'_> {
        let window = WindowStatus {
            state: self.window_state,
            opens_at: self.window.map(|window| self.clock.ours(window.opens_at)),
            closes_at: self.closes_at,
            reopened: self.window.map_or(0, |window| window.reopened),
        };
        Situation {
            desired: self.desired,
            memory: self.memory,
            unfetched: self.window.is_some_and(|window| opening::never_fetched(self.memory, window)),
            window,
            steps: &self.plan.steps,
            now: self.now,
        }
    }
}

/// What can be said of a site's conditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Those that hold.
    pub holding: Vec<Condition>,
    /// Kinds that could not be looked for: alerts of these kinds stay as they are. A kind that is here and in
    /// `holding` holds.
    pub unknown: BTreeSet<AlertKind>,
}

impl Conditions {
    fn hold(&mut self, condition: Condition) {
        self.holding.push(condition);
    }

    fn cannot_tell(&mut self, kinds: impl IntoIterator<Item = AlertKind>) {
        self.unknown.extend(kinds);
    }

    fn holds(&self, kind: AlertKind) -> bool {
        self.holding.iter().any(|condition| condition.kind == kind)
    }
}

/// What holds at a site, worst first, and what cannot be told.
pub fn conditions(view: &View<'_>) -> Conditions {
    let mut found = Conditions::default();
    contact::look(view, &mut found);
    stale::look(view, &mut found);
    device::look(view, &mut found);
    foreign::look(view, &mut found);
    windows::look(view, &mut found);
    exposure::look(view, &mut found);
    work::look(view, &mut found);
    pause::look(view, &mut found);
    ineffective::look(view, &mut found);
    foreign::tell_of_elsewhere(view, &mut found);
    found.holding.sort_by(|a, b| (b.severity, a.kind, &a.subject).cmp(&(a.severity, b.kind, &b.subject)));
    found
}

#[cfg(test)]
mod tests {
    use super::testing::Stage;
    use crate::domain::memory::Registration;
    use crate::domain::observed::ContactFailure;

    #[test]
    fn the_worst_condition_comes_first() {
        let mut stage = Stage::well();
        stage.verdict(1, Registration::Lost).skew_seconds = Some(600);
        let severities: Vec<_> = stage.look().holding.iter().map(|condition| condition.severity).collect();
        assert!(severities.len() > 1);
        assert!(severities.windows(2).all(|pair| pair[0] >= pair[1]), "{severities:?}");
    }

    #[test]
    fn the_same_view_gives_the_same_conditions() {
        let mut stage = Stage::well();
        stage.verdict(1, Registration::Lost).failing(3, 40, ContactFailure::SessionBusy("2".into()));
        assert_eq!(stage.look(), stage.look());
    }
}
