//! What is to be done and does not get done.

use chrono::TimeDelta;

use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::conditions::testing::{Stage, numbers, release};
use crate::domain::content::ReleaseContent;
use crate::domain::desired::{Mode, Trigger};
use crate::domain::observed::ContactFailure;
use crate::domain::plan::{Action, Disposition, NewRelease};
use crate::domain::release::{Generation, Progress, TriggerOutcome};

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
fn an_ineffective_push_is_critical() {
    let mut stage = Stage::well();
    stage.step(Action::Reserve, 1, blocked(AlertKind::PushIneffective));
    let found = stage.the(AlertKind::PushIneffective);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Critical, "reserve slot 1"));
    insta::assert_snapshot!(found.summary, @"what was released changed nothing, twice: reserve slot 1; it is not released again; another handset is registered there");
    assert_eq!(stage.kinds(), [AlertKind::PushIneffective], "and is not told as drift, too");
}

#[test]
fn a_plan_that_needs_approval_says_whom_it_would_hit() {
    let mut stage = Stage::well();
    stage.step(Action::Replace, 2, blocked(AlertKind::PlanNeedsApproval));
    stage.step(Action::Replace, 1, blocked(AlertKind::PlanNeedsApproval));
    let found = stage.the(AlertKind::PlanNeedsApproval);
    assert_eq!(found.severity, Severity::Warning);
    insta::assert_snapshot!(found.summary, @"a working handset would be deregistered by: replace the handset of slots 1, 2 (extensions 101, 102); another handset is registered there; nothing is done without a person: see `n720d plan acme-berlin`");
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
    insta::assert_snapshot!(found.summary, @"the DECT manager differs from the site file and is not being mended: set the account of slot 2; reserve slot 1; mode = observe");
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
fn steps_under_way_are_no_drift_and_end_none() {
    for disposition in [Disposition::Ready, deferred("settling until 10:03")] {
        let mut stage = Stage::well();
        stage.step(Action::Reserve, 1, disposition);
        let found = stage.look();
        assert_eq!(found.holding, []);
        assert!(found.unknown.contains(&AlertKind::Drift), "it ends with an empty plan");
    }
    assert!(Stage::well().look().unknown.is_empty());
}

#[test]
fn a_change_by_hand_that_is_being_put_back_is_drift() {
    let mut stage = Stage::well();
    stage.step(Action::ConfigureAccount, 1, Disposition::Ready);
    let mut last = release(&stage, Progress::default());
    last.progress.fetched_at = Some(stage.now());
    last.progress.verified_at = Some(stage.now());
    stage.plan.orders.release = Some(NewRelease {
        content: ReleaseContent {
            mac: stage.desired.manager.mac,
            providers: Default::default(),
            slots: Default::default(),
            pin: None,
            window: None,
        },
        generation: last.generation.clone(),
        content_id: last.content.clone(),
        parts: Default::default(),
        version: "2411260800".parse().unwrap(),
        reserved: Default::default(),
        window: None,
        reason: "repair".into(),
    });
    stage.memory.release = Some(last);
    insta::assert_snapshot!(stage.the(AlertKind::Drift).summary, @"the DECT manager was changed by hand and is being put back: set the account of slot 1; change the site file instead");
    stage.memory.release.as_mut().unwrap().generation = Generation("other".into());
    assert_eq!(stage.kinds(), [], "the site file was changed");

    stage.memory.release = None;
    stage.memory.baseline = stage.plan.orders.release.as_ref().map(|release| release.generation.clone());
    assert_eq!(stage.kinds(), [AlertKind::Drift], "nothing was ever released, all was as wanted");
    stage.memory.baseline = None;
    assert_eq!(stage.kinds(), [], "it never was");
}
