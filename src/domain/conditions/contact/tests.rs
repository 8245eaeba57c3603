//! Trouble with contact: when it is worth a word, and what it leaves untold.

use std::collections::BTreeSet;

use super::{SEEN_ON_THE_MANAGER, unreadable_cycles};
use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::conditions::testing::{FIRST, Stage, ipui, slot_number};
use crate::domain::memory::Registration;
use crate::domain::observed::{ContactFailure, HandsetState, ObservedSlot, Reading, SipState};

fn failing(failures: u32, minutes: i64, last: ContactFailure) -> Stage {
    let mut stage = Stage::well();
    stage.failing(failures, minutes, last);
    stage
}

fn unreachable() -> ContactFailure {
    ContactFailure::Unreachable("connection timed out after 5 s".into())
}

fn busy() -> ContactFailure {
    ContactFailure::SessionBusy("login code 2".into())
}

#[test]
fn one_failure_is_no_outage_and_two_are() {
    assert_eq!(failing(1, 1, unreachable()).kinds(), []);
    let found = failing(2, 6, unreachable()).the(AlertKind::Unreachable);
    assert_eq!(found.severity, Severity::Critical);
    insta::assert_snapshot!(found.summary, @"the DECT manager at 10.20.0.2 cannot be reached: connection timed out after 5 s; check its power and the network");
}

#[test]
fn a_refused_password_is_told_at_once_with_the_way_out() {
    let found =
        failing(1, 0, ContactFailure::LoginRefused("login code 1".into())).the(AlertKind::LoginRefused);
    assert_eq!(found.severity, Severity::Critical);
    insta::assert_snapshot!(found.summary, @"the DECT manager at 10.20.0.2 refused the web password; it is not tried again until the secret changes or somebody runs `n720d poll acme-berlin --retry-login`");
}

#[test]
fn a_lock_is_told_after_three_failures() {
    let locked = || ContactFailure::LoginLocked("login code 6".into());
    assert_eq!(failing(2, 5, locked()).kinds(), []);
    let found = failing(3, 10, locked()).the(AlertKind::LoginRefused);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Warning, "locked"));
}

#[test]
fn a_busy_session_is_patience_then_information_then_a_warning() {
    assert_eq!(failing(2, 9, busy()).kinds(), []);
    for (failures, minutes, severity) in
        [(3, 3, Severity::Info), (1, 10, Severity::Info), (3, 29, Severity::Info), (9, 30, Severity::Warning)]
    {
        let found = failing(failures, minutes, busy()).the(AlertKind::SessionBusy);
        assert_eq!(found.severity, severity, "{failures} failures in {minutes} min");
    }
}

#[test]
fn a_busy_session_is_told_once_and_with_its_length_from_a_minute_on() {
    let summary = |minutes| failing(3, minutes, busy()).the(AlertKind::SessionBusy).summary;
    insta::assert_snapshot!(summary(0), @"somebody else is logged in at the web interface of the DECT manager at 10.20.0.2; n720d never takes over; ask them to log out");
    insta::assert_snapshot!(summary(75), @"somebody else is logged in at the web interface of the DECT manager at 10.20.0.2, for 1 h 15 min or longer; n720d never takes over; ask them to log out");
}

#[test]
fn a_page_that_is_not_understood_twice_is_told() {
    let odd = || ContactFailure::NotUnderstood("login.html has no form".into());
    assert_eq!(failing(1, 0, odd()).kinds(), []);
    assert_eq!(failing(2, 5, odd()).kinds(), [AlertKind::PageNotUnderstood]);
}

#[test]
fn a_password_without_a_clear_answer_is_told_at_once() {
    let unclear = ContactFailure::LoginUnclear("sent back to the login page".into());
    let found = failing(1, 0, unclear).the(AlertKind::PageNotUnderstood);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Warning, "login"));
    insta::assert_snapshot!(found.summary, @"the DECT manager at 10.20.0.2 did not say whether it accepts the web password: sent back to the login page; n720d posts it at most twice without a clear answer, because wrong passwords lock the login for everybody; log in there by hand and look");
}

#[test]
fn a_missing_secret_is_critical_and_names_references_only() {
    let mut stage = Stage::well();
    let missing = |reference: &str, why: &str| (reference.to_owned(), format!("{reference} {why}"));
    stage.missing_secrets =
        [missing("keyring:acme/1013", "is not there"), missing("env:X", "is not set")].into();
    let found = stage.the(AlertKind::SecretMissing);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Critical, "keyring:acme/1013; env:X"));
    assert!(
        found.summary.contains(": keyring:acme/1013 is not there; env:X is not set; "),
        "{}",
        found.summary
    );
    stage.missing_secrets[1] = missing("env:X", "cannot be read");
    assert_eq!(stage.the(AlertKind::SecretMissing).phase, found.phase, "another reason is no news");
    stage.missing_secrets =
        (1..=100).map(|number| missing(&format!("keyring:acme/{number}"), "is gone")).collect();
    let found = stage.the(AlertKind::SecretMissing);
    assert!(
        found.summary.contains("keyring:acme/1 is gone; ") && found.summary.contains(" more"),
        "{}",
        found.summary
    );
    assert!(found.summary.len() < 400, "a hundred of them are one short alert");
    let password = ContactFailure::SecretMissing("keyring:acme/web is not there".into());
    let found = failing(1, 0, password).the(AlertKind::SecretMissing);
    insta::assert_snapshot!(found.summary, @"secrets of this site cannot be resolved: web password: keyring:acme/web is not there; what needs them waits; provide them and reload n720d");
}

/// Every kind that rests on a reading, given a standing alert of each, survives every kind of failure.
#[test]
fn no_failure_resolves_what_rests_on_a_reading() {
    let failures = [
        unreachable(),
        busy(),
        ContactFailure::LoginRefused("1".into()),
        ContactFailure::LoginLocked("6".into()),
        ContactFailure::LoginUnclear("?".into()),
        ContactFailure::NotUnderstood("?".into()),
        ContactFailure::SecretMissing("?".into()),
    ];
    for last in failures {
        let unknown = failing(1, 0, last.clone()).look().unknown;
        let needed = BTreeSet::from(SEEN_ON_THE_MANAGER);
        assert!(unknown.is_superset(&needed), "{last:?}");
        assert!(unknown.contains(&AlertKind::PushFailed), "{last:?}");
    }
}

#[test]
fn a_cycle_without_an_attempt_tells_nothing() {
    let mut stage = Stage::well();
    stage.observation = None;
    let found = stage.look();
    assert_eq!(found.holding, []);
    for kind in [AlertKind::Unreachable, AlertKind::LoginRefused, AlertKind::SessionBusy, AlertKind::Drift] {
        assert!(found.unknown.contains(&kind), "{kind}");
    }
}

#[test]
fn a_device_that_answers_is_not_unreachable_whatever_it_says() {
    let mut stage = failing(2, 6, unreachable());
    stage.cycle();
    stage.failing(3, 7, busy());
    stage.cycle();
    let state = |kind| stage.memory.alerts.iter().find(|alert| alert.kind == kind).unwrap().state;
    assert_eq!(state(AlertKind::Unreachable), AlertState::Resolved);
    assert_eq!(state(AlertKind::SessionBusy), AlertState::Firing);
}

#[test]
fn a_busy_session_says_nothing_of_a_refused_password() {
    let mut stage = failing(1, 0, ContactFailure::LoginRefused("1".into()));
    stage.cycle();
    stage.failing(2, 1, busy());
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].kind, AlertKind::LoginRefused);
    assert_eq!(stage.memory.alerts[0].state, AlertState::Firing);
}

#[test]
fn a_reading_ends_all_trouble_with_contact() {
    let mut stage = failing(5, 60, unreachable());
    stage.cycle();
    let mut again = Stage::well();
    again.memory.alerts = stage.memory.alerts;
    again.cycle();
    assert!(again.memory.alerts.iter().all(|alert| alert.state == AlertState::Resolved));
}

#[test]
fn an_unreadable_part_is_told_in_the_second_cycle_and_stays_over_a_restart() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.pending = Reading::Unreadable("the page was cut".into()));
    stage.memory.unreadable_cycles = unreadable_cycles(0, stage.observation.as_ref());
    assert_eq!(stage.kinds(), []);
    assert!(stage.look().unknown.contains(&AlertKind::PageNotUnderstood));
    stage.memory.unreadable_cycles = unreadable_cycles(1, stage.observation.as_ref());
    let found = stage.the(AlertKind::PageNotUnderstood);
    assert_eq!(found.phase, "pending handsets");
    insta::assert_snapshot!(found.summary, @"pages of the DECT manager at 10.20.0.2 are not understood: pending handsets (the page was cut); nothing is concluded from them; `n720d observe` with --record keeps them for a look");
    stage.cycle();
    stage.memory.unreadable_cycles = 1;
    assert_eq!(stage.kinds(), [AlertKind::PageNotUnderstood], "a standing alert needs no second cycle");
}

#[test]
fn cycles_count_only_readings() {
    let good = Stage::well().observation.unwrap();
    let mut bad = good.clone();
    bad.editors.insert(slot_number(1), Reading::Unreadable("?".into()));
    assert_eq!(unreadable_cycles(3, None), 3);
    assert_eq!(unreadable_cycles(3, Some(&good)), 0);
    assert_eq!(unreadable_cycles(3, Some(&bad)), 4);
}

#[test]
fn two_pages_that_disagree_twice_in_a_row_are_told_in_their_own_words() {
    let mut stage = Stage::well();
    stage.edit(|seen| {
        let cell = ObservedSlot {
            user_id: None,
            display_name: None,
            provider: None,
            sip: SipState::Registered,
            handset: HandsetState::Registered,
            model: None,
            software: None,
        };
        seen.slots = Reading::Known([(slot_number(1), cell)].into());
        seen.editors.insert(slot_number(1), Reading::Known(None));
    });
    assert_eq!(unreadable_cycles(1, stage.observation.as_ref()), 2);
    stage.memory.unreadable_cycles = 1;
    assert_eq!(stage.kinds(), [], "it may have been deregistered between the two pages");
    stage.memory.unreadable_cycles = 2;
    let found = stage.the(AlertKind::PageNotUnderstood);
    assert_eq!(found.phase, "handset of a slot");
    insta::assert_snapshot!(found.summary, @"pages of the DECT manager at 10.20.0.2 disagree: the mobile devices page shows a handset in slot 1, and the slot's editor page none; whose handset is there is not known, and the slot is left as it is; look at it on the manager's web page");
    stage.edit(|seen| seen.firmware = Reading::Unreadable("cut".into()));
    let both = stage.the(AlertKind::PageNotUnderstood);
    assert_eq!(both.phase, "firmware, handset of a slot");
    stage.edit(|seen| {
        seen.firmware = Reading::Known("70.111.00.000.00".parse().unwrap());
        seen.editors.insert(slot_number(1), Reading::Known(Some(ipui(FIRST))));
    });
    assert_eq!(unreadable_cycles(2, stage.observation.as_ref()), 0);
}

#[test]
fn each_unreadable_part_hides_what_follows_from_it() {
    let mut stage = Stage::well();
    stage.edit(|seen| {
        seen.mac = Reading::Unreadable("?".into());
        seen.firmware = Reading::Unreadable("?".into());
        seen.device_clock = Reading::Unreadable("?".into());
        seen.slots = Reading::Unreadable("?".into());
        seen.config_url = Some(Reading::Unreadable("?".into()));
    });
    let unknown = stage.look().unknown;
    for kind in [
        AlertKind::WrongDevice,
        AlertKind::FirmwareTooOld,
        AlertKind::ClockSkew,
        AlertKind::Drift,
        AlertKind::PlanNeedsApproval,
        AlertKind::PushIneffective,
        AlertKind::ForeignReservation,
    ] {
        assert!(unknown.contains(&kind), "{kind}");
    }
    assert!(!unknown.contains(&AlertKind::SecretMissing), "no page shows it");
}

#[test]
fn an_outage_ends_no_lost_handset() {
    let mut stage = Stage::well();
    stage.verdict(1, Registration::Lost).cycle();
    stage.failing(2, 6, unreachable()).cycle();
    assert!(stage.memory.alerts.iter().all(|alert| alert.state == AlertState::Firing));
}
