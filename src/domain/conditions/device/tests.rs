//! What the manager is and shows.

use chrono::TimeDelta;

use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::conditions::testing::{Stage, ipui};
use crate::domain::observed::Reading;

#[test]
fn another_device_is_told_at_once_and_nothing_else_is_concluded_from_it() {
    let mut stage = Stage::well();
    stage.skew_seconds = Some(86_400);
    stage.edit(|seen| {
        seen.mac = Reading::Known("7C2F80000001".parse().unwrap());
        seen.firmware = Reading::Known("70.040.00.000.00".parse().unwrap());
        seen.pending = Reading::Known(vec![ipui("01 01 01 01 01")]);
    });
    let found = stage.look();
    assert_eq!(found.holding.len(), 1);
    assert_eq!(found.holding[0].severity, Severity::Critical);
    insta::assert_snapshot!(found.holding[0].summary, @"another device answers at 10.20.0.2: its MAC is 7C2F80000001, the site file says 7C2F80CA21E4; nothing is written to it; check the address, or the MAC in the site file");
    for kind in
        [AlertKind::FirmwareTooOld, AlertKind::ClockSkew, AlertKind::ForeignReservation, AlertKind::Drift]
    {
        assert!(found.unknown.contains(&kind), "{kind}");
    }
}

#[test]
fn firmware_below_108_is_told_with_what_it_needs() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.firmware = Reading::Known("70.107.00.000.00".parse().unwrap()));
    insta::assert_snapshot!(stage.the(AlertKind::FirmwareTooOld).summary, @"the DECT manager runs firmware 70.107.00.000.00, which does not know registration by IPUI; it needs 70.108 or higher; nothing is written to it");
}

#[test]
fn a_clock_is_off_beyond_two_minutes() {
    for (skew, holds) in [(0, false), (120, false), (-120, false), (121, true), (-121, true)] {
        let mut stage = Stage::well();
        stage.skew_seconds = Some(skew);
        assert_eq!(!stage.kinds().is_empty(), holds, "{skew}");
    }
    let mut stage = Stage::well();
    stage.skew_seconds = Some(-3_600);
    insta::assert_snapshot!(stage.the(AlertKind::ClockSkew).summary, @"the DECT manager's clock is 1 h slow; registration windows are written for that clock, which helps as long as it keeps its pace; check its time server and time zone");
    stage.skew_seconds = Some(86_400 * 3650);
    assert!(stage.the(AlertKind::ClockSkew).summary.contains("is 3650 d fast"));
    stage.pace.clock_skew = std::time::Duration::from_secs(86_400 * 4000);
    assert_eq!(stage.kinds(), [], "the limit is the operator's");
    stage.skew_seconds = None;
    assert!(stage.look().unknown.contains(&AlertKind::ClockSkew));
}

#[test]
fn a_clock_near_the_limit_is_told_once_whatever_second_it_is_read_at() {
    let mut stage = Stage::well();
    let mut begun = Vec::new();
    for (minute, skew) in [95, 141, 134, 127, 120, 106, 138].into_iter().enumerate() {
        stage.device_now += TimeDelta::minutes(i64::try_from(minute).unwrap());
        stage.skew_seconds = Some(skew);
        stage.cycle();
        begun.extend(stage.memory.alerts.iter().map(|alert| (alert.state, alert.since)));
    }
    assert_eq!(begun.len(), 6, "none below the limit");
    begun.dedup();
    assert_eq!(begun.len(), 1, "it fires once: {begun:?}");
}

#[test]
fn a_clock_that_was_set_ends_the_alert_at_a_reading_that_leaves_no_doubt() {
    for (skew, state) in [
        (30, AlertState::Firing),
        (-30, AlertState::Firing),
        (29, AlertState::Resolved),
        (0, AlertState::Resolved),
    ] {
        let mut stage = Stage::well();
        stage.skew_seconds = Some(600);
        stage.cycle();
        stage.skew_seconds = Some(skew);
        stage.cycle();
        let states: Vec<_> = stage.memory.alerts.iter().map(|alert| alert.state).collect();
        assert_eq!(states, [state], "{skew}");
    }
}
