//! What is to be done and does not get done.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::approval::{Approval, Grant};
use crate::domain::conditions::testing::{Stage, numbers, release};
use crate::domain::desired::{Mode, Pin, Trigger};
use crate::domain::observed::{ContactFailure, Reading};
use crate::domain::plan::{Action, Cause, Disposition, Impact};
use crate::domain::release::{Progress, TriggerOutcome};
use crate::domain::shown::InPlace;

fn blocked(alert: AlertKind) -> Disposition {
    Disposition::Blocked { reason: "another handset is registered there".into(), alert }
}

fn deferred(reason: &str) -> Disposition {
    Disposition::Deferred { reason: reason.into(), until: None }
}

/// Told to fetch so many minutes ago, for the n-th time, a minute after the release.
fn triggered(minutes: i64, attempts: u32, outcome: Option<TriggerOutcome>) -> Stage {
    let mut stage = Stage::well();
    let at = stage.now() - TimeDelta::minutes(minutes);
    let progress = Progress { attempts, triggered_at: Some(at), trigger: outcome, ..Progress::default() };
    stage.memory.release = Some(release(&stage, progress));
    stage
}

#[test]
fn a_trigger_that_failed_or_whose_end_is_unknown_is_told_at_once() {
    let failed = TriggerOutcome::Failed("state 101, http status 404: look at the URL".into());
    insta::assert_snapshot!(triggered(0, 1, Some(failed)).the(AlertKind::PushFailed).summary, @"the DECT manager did not fetch what was released at 2026-11-23 09:00 UTC: telling it to failed: state 101, http status 404: look at the URL; check the address it fetches from and that it reaches n720d");
    let unknown = TriggerOutcome::Unknown("the connection broke".into());
    assert_eq!(triggered(0, 1, Some(unknown)).the(AlertKind::PushFailed).phase, "unknown");
}

#[test]
fn a_fetch_that_does_not_come_within_five_minutes_is_told() {
    for outcome in [
        TriggerOutcome::Done,
        TriggerOutcome::Accepted,
        TriggerOutcome::NoLine,
        TriggerOutcome::Busy("103".into()),
    ] {
        assert_eq!(triggered(4, 1, Some(outcome.clone())).kinds(), [], "{outcome:?}");
        assert_eq!(triggered(5, 1, Some(outcome.clone())).kinds(), [AlertKind::PushFailed], "{outcome:?}");
    }
}

#[test]
fn repeated_triggers_do_not_put_it_off() {
    let mut stage = triggered(1, 4, Some(TriggerOutcome::Accepted));
    assert_eq!(stage.kinds(), []);
    stage.memory.release.as_mut().unwrap().released_at -= TimeDelta::minutes(5);
    assert_eq!(stage.kinds(), [AlertKind::PushFailed]);
}

#[test]
fn what_was_fetched_or_seen_in_effect_did_not_fail() {
    let failed = || Some(TriggerOutcome::Failed("state 100".into()));
    let mut stage = triggered(60, 1, failed());
    stage.memory.release.as_mut().unwrap().progress.fetched_at = Some(stage.now());
    assert_eq!(stage.look().holding, []);
    let mut stage = triggered(60, 1, failed());
    stage.memory.release.as_mut().unwrap().progress.verified_at = Some(stage.now());
    assert_eq!(stage.look().holding, []);
}

#[test]
fn a_failed_push_stays_until_something_is_fetched() {
    let mut stage = triggered(0, 1, Some(TriggerOutcome::Failed("state 100".into())));
    stage.cycle();
    let retried = triggered(0, 2, Some(TriggerOutcome::Accepted)).memory.release;
    let replaced = release(&stage, Progress::default());
    for unfetched in [retried, Some(replaced)] {
        stage.memory.release = unfetched;
        let found = stage.cycle();
        assert_eq!(found.holding, []);
        assert!(found.unknown.contains(&AlertKind::PushFailed));
        assert_eq!(stage.memory.alerts[0].state, AlertState::Firing);
    }
    stage.memory.release.as_mut().unwrap().progress.fetched_at = Some(stage.now());
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
}

#[test]
fn a_manager_that_nobody_tells_has_a_day_and_two_hours() {
    let mut stage = Stage::well();
    stage.desired.manager.trigger = Trigger::None;
    stage.memory.release = Some(release(&stage, Progress::default()));
    stage.device_now += TimeDelta::hours(26) - TimeDelta::minutes(1);
    assert!(!stage.kinds().contains(&AlertKind::PushFailed));
    stage.device_now += TimeDelta::minutes(1);
    assert!(stage.kinds().contains(&AlertKind::PushFailed));
    stage.desired.manager.trigger = Trigger::Web;
    assert!(!stage.kinds().contains(&AlertKind::PushFailed), "it was not told yet");
}

#[test]
fn an_unreachable_manager_is_the_one_trouble_and_the_push_waits_for_it() {
    let mut stage = triggered(60, 1, Some(TriggerOutcome::Failed("state 100".into())));
    stage.failing(2, 6, ContactFailure::Unreachable("no route".into()));
    assert_eq!(stage.kinds(), [AlertKind::Unreachable]);
    assert!(stage.look().unknown.contains(&AlertKind::PushFailed));
}

#[test]
fn a_plan_that_needs_approval_says_whom_it_would_hit() {
    let mut stage = Stage::well();
    stage.step(Action::Replace, 2, blocked(AlertKind::PlanNeedsApproval));
    stage.step(Action::Replace, 1, blocked(AlertKind::PlanNeedsApproval));
    let found = stage.the(AlertKind::PlanNeedsApproval);
    assert_eq!(found.severity, Severity::Warning);
    insta::assert_snapshot!(found.summary, @"a working handset would be deregistered by: replace the handset of slots 1, 2 (extensions 101, 102); the page shows something else; the page shows something else; another handset is registered there; nothing is done without a person: see `n720d plan acme-berlin`");
    assert_eq!(numbers(&found), [1, 2]);
    assert_eq!(stage.kinds(), [AlertKind::PlanNeedsApproval]);
}

#[test]
fn in_observe_mode_whatever_differs_is_drift() {
    let mut stage = Stage::well();
    stage.desired.mode = Mode::Observe;
    stage.step(Action::Reserve, 1, deferred("mode = observe"));
    stage.step(Action::ConfigureAccount, 2, deferred("mode = observe"));
    let found = stage.the(AlertKind::Drift);
    assert_eq!(found.phase, "configure-account slot 2; reserve slot 1");
    insta::assert_snapshot!(found.summary, @"the DECT manager differs from the site file and is not being mended (mode = observe): the page shows something else; the page shows something else");
}

#[test]
fn a_step_that_is_blocked_for_want_of_anything_else_is_drift() {
    let mut stage = Stage::well();
    stage.step(Action::Deregister, 1, blocked(AlertKind::Drift));
    assert_eq!(stage.kinds(), [AlertKind::Drift]);
    let mut stage = Stage::well();
    stage.step(Action::Deregister, 1, blocked(AlertKind::SecretMissing));
    assert_eq!(stage.kinds(), [], "the missing secret is told by its own condition");
}

#[test]
fn steps_under_way_begin_no_drift_and_end_none() {
    for disposition in [Disposition::Ready, deferred("settling until 10:03")] {
        let mut stage = Stage::well();
        stage.step(Action::Reserve, 1, disposition);
        assert_eq!(stage.look().holding, []);
        stage.desired.mode = Mode::Observe;
        stage.plan.steps[0].disposition = deferred("mode = observe");
        stage.cycle();
        let before = stage.memory.alerts.clone();
        stage.desired.mode = Mode::Manage;
        stage.plan.steps[0].disposition = deferred("settling until 10:03");
        stage.cycle();
        assert_eq!(stage.memory.alerts, before, "it ends with an empty plan");
        stage.plan.steps.clear();
        stage.cycle();
        assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
    }
}

/// The account of slot 2 was changed by hand.
fn by_hand(disposition: Disposition) -> Stage {
    let mut stage = Stage::well();
    stage.step(Action::ConfigureAccount, 2, disposition);
    let step = stage.plan.steps.last_mut().unwrap();
    step.cause = Some(Cause::ByHand { since: step_seen_at() });
    step.why = "slot 2 was renamed by hand from \"Workshop\" to \"Lager\"".into();
    stage
}

fn step_seen_at() -> DateTime<Utc> {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

#[test]
fn a_change_by_hand_is_told_from_the_cycle_that_orders_its_repair_until_it_is_back() {
    let mut stage = by_hand(Disposition::Ready);
    let found = stage.the(AlertKind::Drift);
    assert_eq!(
        (found.severity, found.phase.as_str()),
        (Severity::Warning, "by hand: configure-account slot 2")
    );
    insta::assert_snapshot!(found.summary, @r#"the DECT manager was changed by hand and is being put back: slot 2 was renamed by hand from "Workshop" to "Lager"; change the site file instead"#);
    stage.plan.steps[0].disposition = deferred("settling until 10:03");
    assert_eq!(stage.the(AlertKind::Drift), found, "while the repair settles");
    stage.cycle();
    stage.plan.steps[0].disposition = blocked(AlertKind::PushIneffective);
    let kinds: std::collections::BTreeSet<_> = stage.kinds().into_iter().collect();
    assert_eq!(
        kinds,
        [AlertKind::Drift, AlertKind::PushIneffective].into(),
        "it did not help, and is not over"
    );
    stage.plan.steps.clear();
    stage.cycle();
    assert!(stage.memory.alerts.iter().all(|alert| alert.state == AlertState::Resolved));
}

#[test]
fn what_waits_for_a_person_at_another_slot_does_not_keep_it() {
    for kind in [AlertKind::PushIneffective, AlertKind::PlanNeedsApproval] {
        let mut stage = by_hand(Disposition::Ready);
        stage.step(Action::Reserve, 1, blocked(kind));
        stage.cycle();
        let drift = |stage: &Stage| {
            let alerts = stage.memory.alerts.iter();
            alerts.clone().find(|alert| alert.kind == AlertKind::Drift).unwrap().state
        };
        assert_eq!(drift(&stage), AlertState::Firing);
        stage.plan.steps.remove(0);
        stage.cycle();
        assert_eq!(drift(&stage), AlertState::Resolved, "{kind}");
    }
}

#[test]
fn a_change_by_hand_is_told_also_where_something_else_holds_up_its_repair() {
    for alert in [AlertKind::SecretMissing, AlertKind::FirmwareTooOld, AlertKind::PageNotUnderstood] {
        let mut stage = by_hand(blocked(alert));
        assert!(stage.the(AlertKind::Drift).summary.contains("not being mended (another handset"), "{alert}");
        stage.plan.steps[0].cause = Some(Cause::SiteFile);
        assert_eq!(stage.kinds(), [], "{alert}");
    }
    let approval = by_hand(blocked(AlertKind::PlanNeedsApproval));
    assert_eq!(approval.kinds(), [AlertKind::PlanNeedsApproval]);
    assert!(
        approval.the(AlertKind::PlanNeedsApproval).summary.contains("renamed by hand"),
        "it tells by itself"
    );
}

#[test]
fn what_the_site_file_changed_is_mended_without_a_word() {
    for cause in [Cause::NotYet, Cause::SiteFile, Cause::UnderWay] {
        let mut stage = by_hand(Disposition::Ready);
        stage.plan.steps[0].cause = Some(cause);
        assert_eq!(stage.kinds(), [], "{cause:?}");
    }
}

#[test]
fn in_observe_mode_changes_by_hand_come_first_and_are_another_phase() {
    let mut stage = by_hand(deferred("mode = observe"));
    stage.desired.mode = Mode::Observe;
    stage.step(Action::Reserve, 1, deferred("mode = observe"));
    stage.plan.steps.reverse();
    let found = stage.the(AlertKind::Drift);
    assert_eq!(found.phase, "reserve slot 1; by hand: configure-account slot 2");
    insta::assert_snapshot!(found.summary, @r#"the DECT manager differs from the site file and is not being mended (mode = observe): slot 2 was renamed by hand from "Workshop" to "Lager"; the page shows something else"#);
}

#[test]
fn what_is_left_and_what_is_put_back_are_told_in_one() {
    let mut stage = by_hand(Disposition::Ready);
    stage.step(Action::Deregister, 1, blocked(AlertKind::Drift));
    let found = stage.the(AlertKind::Drift);
    assert_eq!(numbers(&found), [1, 2]);
    assert!(found.summary.contains("not being mended") && found.summary.contains("being put back"));
}

#[test]
fn of_many_differences_the_first_are_told() {
    let mut stage = Stage::well();
    stage.desired.mode = Mode::Observe;
    for slot in 1..=8 {
        stage.step(Action::Reserve, slot, deferred("mode = observe"));
        stage.plan.steps.last_mut().unwrap().why = format!("why {slot}");
    }
    let found = stage.the(AlertKind::Drift);
    assert!(found.summary.ends_with("why 4; why 5; and 3 more"), "{}", found.summary);
    assert_eq!(numbers(&found).len(), 8);
}

#[test]
fn a_manager_without_any_account_where_there_were_several_was_probably_reset() {
    let mut stage = by_hand(Disposition::Ready);
    stage.step(Action::ConfigureAccount, 1, Disposition::Ready);
    stage.plan.steps[1].cause = stage.plan.steps[0].cause;
    let told = |stage: &Stage| stage.the(AlertKind::Drift).summary.contains("reset to factory settings");
    assert!(told(&stage));
    stage.plan.steps.pop();
    assert!(!told(&stage), "a single one may have been the only one");
}

#[test]
fn a_pin_that_cannot_be_read_is_not_known_to_be_back() {
    let mut stage = by_hand(Disposition::Ready);
    stage.memory.shown.pin = Some(InPlace { was: Pin::ZEROS, gone_at: Some(step_seen_at()) });
    stage.cycle();
    stage.plan.steps.clear();
    stage.edit(|seen| seen.registration_pin = Reading::Unreadable("no kind of PIN is marked".into()));
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Firing);
    stage.edit(|seen| seen.registration_pin = Reading::Known(Pin::ZEROS));
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
}

/// A replacement at slot 2 that nobody has approved, told.
fn unapproved() -> Stage {
    let mut stage = Stage::well();
    stage.step(Action::Replace, 2, blocked(AlertKind::PlanNeedsApproval));
    stage.plan.steps[0].impact = Impact::Deregisters;
    stage.plan.terms = vec!["slot 2: replace".to_owned()];
    stage.cycle();
    stage
}

#[test]
fn what_waits_for_an_approval_is_not_over_because_it_waits_for_pages_as_well() {
    let held_back = [
        deferred("the editor pages of 3 registered slots must be read first"),
        blocked(AlertKind::PageNotUnderstood),
    ];
    for disposition in held_back {
        let mut stage = unapproved();
        stage.plan.steps[0].disposition = disposition.clone();
        assert!(stage.look().unknown.contains(&AlertKind::PlanNeedsApproval), "{disposition:?}");
        stage.cycle();
        assert_eq!(stage.memory.alerts[0].state, AlertState::Firing, "{disposition:?}");
    }
    let mut gone = unapproved();
    gone.plan.steps.clear();
    gone.cycle();
    assert_eq!(gone.memory.alerts[0].state, AlertState::Resolved);
}

#[test]
fn what_was_approved_is_over_also_while_it_waits_for_something_else() {
    let mut stage = unapproved();
    stage.plan.steps[0].disposition = deferred("outside of the maintenance window");
    let grant = Grant { by: "anna".into(), at: stage.now(), reason: String::new() };
    stage.memory.approval = Some(Approval {
        hash: stage.plan.hash.clone(),
        terms: stage.plan.terms.clone(),
        grants: vec![grant],
        expires_at: stage.now() + TimeDelta::hours(1),
        used: None,
        lapsed: false,
    });
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
}

#[test]
fn a_pin_that_the_page_does_not_show_is_not_back() {
    let mut stage = Stage::well();
    stage.desired.mode = Mode::Observe;
    stage.step(Action::SetPin, 1, deferred("mode = observe"));
    stage.plan.steps[0].slot = None;
    stage.cycle();
    assert_eq!((stage.memory.alerts.len(), stage.memory.alerts[0].phase.as_str()), (1, "set-pin"));
    stage.plan.steps.clear();
    stage.edit(|seen| seen.registration_pin = Reading::Unreadable("neither kind is marked".into()));
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Firing);
    stage.edit(|seen| seen.registration_pin = Reading::Known(Pin::Fixed([0, 0, 0, 1])));
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
}
