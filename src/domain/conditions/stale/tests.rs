//! When nobody knows what a site is like, and what ends that.

use chrono::TimeDelta;

use crate::domain::alert::{Alert, AlertKind, AlertState};
use crate::domain::conditions::testing::Stage;
use crate::domain::observed::{ContactFailure, Observation, Reading};

fn cut<T>() -> Reading<T> {
    Reading::Unreadable("the page was cut".into())
}

/// Every way in which contact fails.
fn failures() -> [ContactFailure; 7] {
    [
        ContactFailure::Unreachable("no answer".into()),
        ContactFailure::LoginRefused("login code 1".into()),
        ContactFailure::LoginUnclear("sent back to the login page".into()),
        ContactFailure::LoginLocked("login code 6".into()),
        ContactFailure::SessionBusy("login code 2".into()),
        ContactFailure::NotUnderstood("no form".into()),
        ContactFailure::SecretMissing("keyring:a is not there".into()),
    ]
}

fn is_stale(stage: &Stage) -> bool {
    stage.kinds().contains(&AlertKind::ObservationStale)
}

fn state(stage: &Stage, kind: AlertKind) -> AlertState {
    stage.memory.alerts.iter().find(|alert| alert.kind == kind).unwrap().state
}

#[test]
fn a_site_that_cannot_be_read_is_stale_after_six_intervals_whatever_the_reason() {
    for failure in failures() {
        let mut stage = Stage::well();
        stage.device_now += TimeDelta::seconds(1_799);
        stage.failing(4, 25, failure.clone());
        assert!(!is_stale(&stage), "{failure:?}");
        stage.device_now += TimeDelta::seconds(1);
        assert!(is_stale(&stage), "{failure:?}");
    }
    let mut stage = Stage::well();
    stage.observation = None;
    stage.device_now += TimeDelta::minutes(31);
    insta::assert_snapshot!(stage.the(AlertKind::ObservationStale).summary, @"the DECT manager at 10.20.0.2 has not been read for 31 min; what n720d says of this site is as old as that");
}

#[test]
fn a_site_that_was_never_read_is_stale_six_intervals_after_the_first_try() {
    for failure in failures() {
        let mut stage = Stage::well();
        stage.memory.observation = None;
        stage.failing(5, 29, failure.clone());
        assert!(!is_stale(&stage), "{failure:?}");
        stage.failing(6, 30, failure.clone());
        assert!(is_stale(&stage), "{failure:?}");
    }
    let mut stage = Stage::well();
    stage.memory.observation = None;
    stage.failing(6, 30, ContactFailure::Unreachable("no answer".into()));
    insta::assert_snapshot!(stage.the(AlertKind::ObservationStale).summary, @"the DECT manager at 10.20.0.2 has never been read, though it was tried for 30 min; nothing is known of this site's handsets");
}

/// Cycles every five minutes in which the manager answers like this; the number of the first at whose end it is stale.
fn stale_in(change: impl Fn(&mut Observation)) -> Option<u32> {
    let mut stage = Stage::well();
    (1..=12).find(|_| {
        stage.device_now += TimeDelta::minutes(5);
        let at = stage.now();
        stage.edit(|seen| {
            seen.at = at;
            change(seen);
        });
        stage.memory.unreadable_cycles =
            super::super::unreadable_cycles(stage.memory.unreadable_cycles, stage.observation.as_ref());
        let own = stage.desired.manager.mac;
        if stage.observation.as_ref().is_some_and(|seen| seen.mac.known() == Some(&own)) {
            stage.memory.observation = stage.observation.clone();
        }
        stage.cycle();
        is_stale(&stage)
    })
}

#[test]
fn readings_without_what_verdicts_rest_on_are_none() {
    assert_eq!(stale_in(|_| {}), None);
    assert_eq!(stale_in(|seen| seen.pending = cut()), Some(6));
    assert_eq!(stale_in(|seen| seen.slots = cut()), Some(6));
    assert_eq!(stale_in(|seen| seen.mac = cut()), Some(6));
    assert_eq!(stale_in(|seen| seen.mac = Reading::Known("7C2F80000001".parse().unwrap())), Some(6));
    assert_eq!(stale_in(|seen| seen.firmware = cut()), None, "no verdict rests on it");
}

#[test]
fn it_says_that_the_manager_answers_where_it_does() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.pending = cut());
    stage.memory.observation = stage.observation.clone();
    stage.memory.unreadable_cycles = 2;
    stage.cycle();
    stage.device_now += TimeDelta::minutes(20);
    insta::assert_snapshot!(stage.the(AlertKind::ObservationStale).summary, @"what the DECT manager at 10.20.0.2 shows of its handsets could not be read for 20 min or longer; what n720d says of this site is as old as that");
}

#[test]
fn it_ends_with_a_whole_reading_of_the_own_manager_alone() {
    let mut stage = Stage::well();
    stage.observation = None;
    stage.device_now += TimeDelta::minutes(31);
    stage.cycle();
    let alerts: Vec<Alert> = stage.memory.alerts.clone();
    let foreign = Reading::Known("7C2F80000001".parse().unwrap());
    let changes: [&dyn Fn(&mut Observation); 4] = [
        &|seen| seen.mac = cut(),
        &|seen| seen.mac = foreign.clone(),
        &|seen| seen.pending = cut(),
        &|seen| seen.slots = cut(),
    ];
    for change in changes {
        let mut again = Stage::well();
        again.memory.alerts.clone_from(&alerts);
        again.edit(|seen| change(seen)).cycle();
        assert_eq!(state(&again, AlertKind::ObservationStale), AlertState::Firing);
    }
    for failure in failures() {
        let mut again = Stage::well();
        again.memory.alerts.clone_from(&alerts);
        again.failing(1, 0, failure).cycle();
        assert_eq!(state(&again, AlertKind::ObservationStale), AlertState::Firing);
    }
    let mut again = Stage::well();
    again.memory.alerts = alerts;
    again.cycle();
    assert_eq!(state(&again, AlertKind::ObservationStale), AlertState::Resolved);
}
