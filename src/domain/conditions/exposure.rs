//! Conditions about a registration window that lets in more than it is for: one without an end, and one with the PIN
//! 0000 that nobody is waiting for. Whether n720d closes it is the planner's decision, not made here.

use chrono::{DateTime, TimeDelta, Utc};

use super::windows::{listed, verdict};
use super::{Conditions, View};
use crate::domain::alert::{AlertKind, Condition, Severity};
use crate::domain::desired::{Mode, Pin};
use crate::domain::pin;
use crate::domain::plan::{Action, Disposition};
use crate::domain::status::WindowState;

/// One that closes by itself within this is the normal end of the job: worth knowing, and nobody's trouble.
const SOON: TimeDelta = TimeDelta::hours(24);

/// So many intervals of reading a filled window has to end, or to be closed, before anybody hears of it.
const IDLE_INTERVALS: i32 = 3;

/// Needs the pending list of the site's own manager: without it, whether somebody is expected is not known.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    let own = Some(&view.desired.manager.mac);
    let seen = view.observation.filter(|seen| seen.mac.known() == own);
    let pending = seen.and_then(|seen| seen.pending.known());
    let Some(pending) = pending else {
        found.cannot_tell([AlertKind::WindowExposed]);
        return;
    };
    let nobody = pending.is_empty() && !listed(view).any(|slot| verdict(view, slot).is_missing());
    let in_force = pin::in_force(view.desired, view.memory);
    let zeros = in_force == Some(Pin::ZEROS);
    let pin = if zeros { " with the PIN 0000" } else { "" };
    let (severity, what) = match view.window_state {
        WindowState::Always if nobody => {
            (Severity::Warning, format!("has no end{pin}, and no handset is expected"))
        }
        WindowState::Always => {
            (if zeros { Severity::Warning } else { Severity::Info }, format!("has no end{pin}"))
        }
        WindowState::Open if nobody && in_force.is_none() => {
            found.cannot_tell([AlertKind::WindowExposed]);
            return;
        }
        WindowState::Open if nobody && zeros => {
            if view.now - idle_since(view) < patience(view) {
                // It has only just filled: an alert that stands stays, a new one waits for the good news to be told.
                found.cannot_tell([AlertKind::WindowExposed]);
                return;
            }
            let soon = view.closes_in.is_some_and(|left| left <= SOON);
            let severity = if soon { Severity::Info } else { Severity::Warning };
            (severity, format!("is open{pin}, and no handset is expected"))
        }
        WindowState::Open | WindowState::Scheduled | WindowState::Closed | WindowState::None => return,
    };
    if is_being_closed(view) {
        found.cannot_tell([AlertKind::WindowExposed]);
        return;
    }
    let summary = format!(
        "the registration window {what}: a handset fresh from the factory may come in unasked; close it on the \
         manager's web page, give it an end in the site file, or set close_when_filled there"
    );
    let phase = if nobody { "for nobody" } else { "endless" };
    found.hold(Condition::new(AlertKind::WindowExposed, severity, summary).in_phase(phase));
}

/// Since when it is open and nobody's handset has come in.
fn idle_since(view: &View<'_>) -> DateTime<Utc> {
    let last = listed(view).filter_map(|slot| view.memory.slots.get(&slot)).map(|record| record.since).max();
    let opened = view.window.map(|window| view.clock.ours(window.opens_at).to_utc());
    last.max(opened).unwrap_or(view.now)
}

fn patience(view: &View<'_>) -> TimeDelta {
    TimeDelta::from_std(view.pace.interval).unwrap_or_default() * IDLE_INTERVALS
}

/// Whether the plan closes it, at once or when something else is over. In mode observe every step waits for ever.
fn is_being_closed(view: &View<'_>) -> bool {
    view.plan.steps.iter().any(|step| {
        step.action == Action::CloseWindow
            && match step.disposition {
                Disposition::Ready => true,
                Disposition::Deferred { .. } => view.desired.mode == Mode::Manage,
                Disposition::Blocked { .. } => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Stage, moment};
    use super::*;
    use crate::domain::memory::Registration;
    use crate::domain::observed::Reading;
    use crate::domain::plan::{Impact, Step};
    use crate::domain::shown::InPlace;

    /// Everybody is in for an hour, the PIN is 0000.
    fn filled() -> Stage {
        let mut stage = with_pin(Stage::well(), Some(Pin::ZEROS));
        stage.at("2026-11-23T11:00");
        stage
    }

    /// The same without an end.
    fn endless() -> Stage {
        let mut stage = filled();
        stage.window.as_mut().unwrap().closes_at = None;
        stage
    }

    fn exposed(stage: &Stage) -> Option<(Severity, String)> {
        let found = stage.look();
        let exposed = found.holding.iter().find(|condition| condition.kind == AlertKind::WindowExposed);
        exposed.map(|condition| (condition.severity, condition.phase.clone()))
    }

    fn with_pin(mut stage: Stage, pin: Option<Pin>) -> Stage {
        stage.desired.registration.as_mut().unwrap().pin = pin;
        stage
    }

    #[test]
    fn one_without_an_end_always_is() {
        let other = Some(Pin::Fixed([1, 2, 3, 4]));
        let told = |severity, phase: &str| Some((severity, phase.to_owned()));
        assert_eq!(exposed(&endless()), told(Severity::Warning, "for nobody"));
        assert_eq!(exposed(&with_pin(endless(), other)), told(Severity::Warning, "for nobody"));
        let mut expecting = endless();
        expecting.verdict(2, Registration::Reserved);
        assert_eq!(exposed(&expecting), told(Severity::Warning, "endless"));
        assert_eq!(exposed(&with_pin(expecting, other)), told(Severity::Info, "endless"));
    }

    #[test]
    fn one_with_an_end_is_while_pin_zeros_lets_anybody_in_and_nobody_is_expected() {
        let mut stage = filled();
        assert_eq!(exposed(&stage), Some((Severity::Info, "for nobody".to_owned())));
        stage.window.as_mut().unwrap().closes_at = Some(moment("2026-11-30T08:00"));
        assert_eq!(exposed(&stage), Some((Severity::Warning, "for nobody".to_owned())), "for days");
        stage.verdict(2, Registration::Pending);
        assert_eq!(exposed(&stage), None, "somebody is expected");
        stage.verdict(2, Registration::Registered);
        assert_eq!(exposed(&stage), None, "it has just come in");
        stage.at("2026-11-23T11:15");
        assert!(exposed(&stage).is_some(), "three intervals later");
        for pin in [Pin::Random, Pin::Fixed([0, 0, 0, 1])] {
            stage = with_pin(stage, Some(pin));
            assert_eq!(exposed(&stage), None, "{pin:?}");
        }
        let mut closed = filled();
        closed.at("2026-11-24T05:00");
        assert_eq!(exposed(&closed), None);
    }

    #[test]
    fn somebody_elses_reservation_is_an_expected_handset() {
        let mut stage = filled();
        stage.edit(|seen| seen.pending = Reading::Known(vec!["01 02 03 04 05".parse().unwrap()]));
        assert_eq!(exposed(&stage), None);
    }

    #[test]
    fn without_a_pending_list_nobody_can_tell() {
        let mut stage = endless();
        stage.edit(|seen| seen.pending = Reading::Unreadable("cut".into()));
        assert_eq!(exposed(&stage), None);
        assert!(stage.look().unknown.contains(&AlertKind::WindowExposed));
    }

    #[test]
    fn the_pin_that_the_manager_takes_counts() {
        let other = Pin::Fixed([1, 2, 3, 4]);
        let told = |mode, wanted, by_hand: Option<Pin>, page: Reading<Pin>| {
            let mut stage = with_pin(filled(), wanted);
            stage.desired.mode = mode;
            stage.memory.observation.as_mut().unwrap().registration_pin = page;
            stage.memory.shown.pin = by_hand.map(|was| InPlace { was, gone_at: Some(stage.now()) });
            exposed(&stage).is_some()
        };
        let zeros = || Reading::Known(Pin::ZEROS);
        assert!(told(Mode::Manage, None, None, zeros()), "nobody sets another");
        assert!(told(Mode::Observe, Some(other), None, zeros()));
        assert!(!told(Mode::Observe, Some(Pin::ZEROS), None, Reading::Known(other)));
        assert!(told(Mode::Manage, Some(other), Some(other), zeros()), "it was set by hand");
        assert!(!told(Mode::Manage, Some(Pin::ZEROS), Some(Pin::ZEROS), Reading::Known(other)));
        assert!(!told(Mode::Manage, Some(other), None, zeros()), "the site file's is on its way");
    }

    #[test]
    fn while_the_pin_is_not_known_an_alert_stays() {
        let mut stage = with_pin(filled(), None);
        stage.memory.observation.as_mut().unwrap().registration_pin = Reading::Unreadable("cut".into());
        let found = stage.look();
        assert_eq!(found.holding, []);
        assert!(found.unknown.contains(&AlertKind::WindowExposed));
    }

    #[test]
    fn what_another_device_shows_says_nothing_of_this_window() {
        for mac in [Reading::Known("7C2F80000001".parse().unwrap()), Reading::Unreadable("cut".into())] {
            let mut stage = endless();
            stage.edit(|seen| seen.mac = mac.clone());
            assert_eq!(exposed(&stage), None, "{mac:?}");
            assert!(stage.look().unknown.contains(&AlertKind::WindowExposed), "{mac:?}");
        }
    }

    fn closing(disposition: Disposition) -> Step {
        Step {
            action: Action::CloseWindow,
            slot: None,
            impact: Impact::None,
            disposition,
            who: Vec::new(),
            hits: Vec::new(),
            relocation: None,
            why: String::new(),
            cause: None,
        }
    }

    #[test]
    fn one_that_is_being_closed_is_no_news() {
        let deferred = |reason: &str| Disposition::Deferred { reason: reason.to_owned(), until: None };
        let blocked = || Disposition::Blocked { reason: String::new(), alert: AlertKind::WrongDevice };
        for (mode, disposition, told) in [
            (Mode::Manage, Disposition::Ready, false),
            (Mode::Manage, deferred("a release settles"), false),
            (Mode::Manage, blocked(), true),
            (Mode::Observe, deferred("mode = observe"), true),
        ] {
            let mut stage = filled();
            stage.desired.mode = mode;
            stage.plan.steps.push(closing(disposition.clone()));
            assert_eq!(exposed(&stage).is_some(), told, "{mode:?} {disposition:?}");
        }
    }
}
