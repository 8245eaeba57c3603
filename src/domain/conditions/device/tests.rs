//! What the manager is and shows.

use crate::domain::alert::{AlertKind, Severity};
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
    insta::assert_snapshot!(stage.the(AlertKind::ClockSkew).summary, @"the DECT manager's clock is 1 h slow; registration windows are written for that clock, so that they open when they were meant to; check its time server and time zone");
    stage.skew_seconds = Some(86_400 * 3650);
    assert!(stage.the(AlertKind::ClockSkew).summary.contains("is 3650 d fast"));
    stage.pace.clock_skew = std::time::Duration::from_secs(86_400 * 4000);
    assert_eq!(stage.kinds(), [], "the limit is the operator's");
    stage.skew_seconds = None;
    assert!(stage.look().unknown.contains(&AlertKind::ClockSkew));
}
