//! Reservations of others, newcomers in gaps, and handsets that were seen elsewhere.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::*;
use crate::domain::alert::AlertState;
use crate::domain::conditions::testing::{FIRST, Stage, ipui, numbers, release, slot_number};
use crate::domain::gaps::{Gaps, Occupied};
use crate::domain::neighbours::{Hold, Stray};
use crate::domain::observed::{ObservedSlot, Reading, SipState};
use crate::domain::plan::{Action, Disposition};
use crate::domain::release::Progress;

const OTHER: &str = "01 01 01 01 01";

fn hamburg() -> Home {
    Home { site: "acme-hamburg".parse().unwrap(), slot: slot_number(3) }
}

/// Another site file lists this handset, which is held here.
fn stray(stage: &mut Stage, handset: &str) {
    let stray = Stray { hold: Hold::Reserved, slot: None, seen_at: stage.now(), home: Some(hamburg()) };
    stage.memory.strays.insert(ipui(handset), stray);
}

fn account(user: &str, handset: HandsetState) -> ObservedSlot {
    ObservedSlot {
        user_id: Some(user.into()),
        display_name: Some("By hand".into()),
        provider: None,
        sip: SipState::Registered,
        handset,
        model: None,
        software: None,
    }
}

/// Slot 7 got an account by hand just now, with this handset.
fn added(handset: HandsetState, number: Option<&str>) -> Stage {
    let mut stage = Stage::well();
    let seen = BTreeMap::from([(slot_number(7), account("7777", handset))]);
    stage.edit(|observation| observation.slots = Reading::Known(seen));
    let newcomer = Newcomer { since: stage.now(), ipui: number.map(ipui) };
    stage.memory.gaps = Some(Gaps {
        familiar: BTreeMap::from([(slot_number(9), Occupied::Handset)]),
        newcomers: BTreeMap::from([(slot_number(7), newcomer)]),
    });
    stage
}

#[test]
fn a_reservation_that_nobody_listed_is_foreign() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.pending = Reading::Known(vec![ipui(FIRST), ipui("01 01 01 01 01")]));
    let found = stage.the(AlertKind::ForeignReservation);
    assert_eq!(found.phase, "01 01 01 01 01");
    insta::assert_snapshot!(found.summary, @"the DECT manager has reservations that the site file does not list: 01 01 01 01 01 (no site file in force lists it); list them, or remove them on its web page");
}

#[test]
fn a_reservation_of_ours_that_left_the_site_file_is_not_foreign() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.pending = Reading::Known(vec![ipui("01 01 01 01 01")]));
    let mut ours = release(&stage, Progress { verified_at: Some(stage.now()), ..Progress::default() });
    ours.reserved.insert(slot_number(3), ipui("01 01 01 01 01"));
    stage.memory.release = Some(ours);
    assert_eq!(stage.kinds(), []);
    stray(&mut stage, OTHER);
    assert_eq!(stage.kinds(), [AlertKind::ForeignReservation], "it was moved to another site and must leave");
}

#[test]
fn while_a_release_is_under_way_nobody_can_tell_what_is_foreign() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.pending = Reading::Known(vec![ipui("01 01 01 01 01")]));
    stage.memory.release =
        Some(release(&stage, Progress { fetched_at: Some(stage.now()), ..Progress::default() }));
    let found = stage.look();
    assert_eq!(found.holding, []);
    assert!(found.unknown.contains(&AlertKind::ForeignReservation));
}

#[test]
fn a_reservation_is_told_with_its_slot_and_its_home() {
    let mut stage = Stage::well();
    let slots = BTreeMap::from([(slot_number(5), account("7777", HandsetState::Pending))]);
    stage
        .edit(|seen| (seen.pending, seen.slots) = (Reading::Known(vec![ipui(OTHER)]), Reading::Known(slots)));
    stray(&mut stage, OTHER);
    let found = stage.the(AlertKind::ForeignReservation);
    assert_eq!(found.phase, "01 01 01 01 01 of acme-hamburg");
    insta::assert_snapshot!(found.summary, @"the DECT manager has reservations that the site file does not list: 01 01 01 01 01 (for slot 5, listed in slot 3 of site acme-hamburg); list them, or remove them on its web page");
}

#[test]
fn of_many_reservations_the_first_are_named_and_all_are_told_apart() {
    let mut stage = Stage::well();
    let many: Vec<Ipui> = (1..=7).map(|last| ipui(&format!("01 01 01 01 0{last}"))).collect();
    stage.edit(|seen| seen.pending = Reading::Known(many));
    let found = stage.the(AlertKind::ForeignReservation);
    assert!(
        found.summary.contains("01 01 01 01 05") && found.summary.contains("; and 2 more;"),
        "{}",
        found.summary
    );
    assert!(!found.summary.contains("01 01 01 01 06") && found.phase.contains("01 01 01 01 07"));
}

#[test]
fn an_account_added_to_a_gap_is_to_know() {
    let stage = added(HandsetState::None, None);
    let found = stage.the(AlertKind::Drift);
    assert_eq!(
        (found.severity, found.subject.as_str(), found.phase.as_str()),
        (Severity::Info, "unlisted", "slot 7")
    );
    insta::assert_snapshot!(found.summary, @"somebody added accounts or handsets to slots that the site file does not list: slot 7 (user 7777 By hand, no handset); n720d leaves them alone; list them, or take them out on the web page if they are not meant to be there; this is told for 72 h");
    assert_eq!((numbers(&found), found.handsets[0].user.as_deref()), (vec![7], Some("7777")));
}

#[test]
fn a_handset_in_a_gap_that_belongs_to_another_site_is_a_warning() {
    let nobodys = added(HandsetState::Registered, Some(OTHER)).the(AlertKind::Drift);
    assert_eq!((nobodys.severity, nobodys.phase.as_str()), (Severity::Info, "slot 7 01 01 01 01 01"));
    let mut stage = added(HandsetState::Registered, Some(OTHER));
    stray(&mut stage, OTHER);
    let found = stage.the(AlertKind::Drift);
    assert_eq!((found.severity, found.handsets[0].ipui), (Severity::Warning, Some(ipui(OTHER))));
    insta::assert_snapshot!(found.summary, @"somebody added accounts or handsets to slots that the site file does not list: slot 7 (user 7777 By hand, handset 01 01 01 01 01, listed in slot 3 of site acme-hamburg); n720d leaves them alone; list them, or take them out on the web page if they are not meant to be there; this is told for 72 h");
    let own = added(HandsetState::Registered, Some(FIRST));
    assert_eq!(own.kinds(), [], "the slot that it is missing from tells of it");
}

#[test]
fn a_gap_ends_by_itself_while_steps_wait_for_something_else() {
    let mut stage = added(HandsetState::None, None);
    stage.step(
        Action::Replace,
        1,
        Disposition::Blocked { reason: "no".into(), alert: AlertKind::PlanNeedsApproval },
    );
    stage.cycle();
    stage.memory.gaps = Some(Gaps::default());
    stage.device_now += TimeDelta::minutes(5);
    stage.cycle();
    let gap = stage.memory.alerts.iter().find(|alert| alert.id == "acme-berlin/drift/unlisted").unwrap();
    assert_eq!(gap.state, AlertState::Resolved);
}

#[test]
fn a_gap_stays_as_it_is_while_nobody_can_look() {
    let mut stage = added(HandsetState::None, None);
    stage.cycle();
    let before = stage.memory.alerts.clone();
    stage.edit(|seen| seen.slots = Reading::Unreadable("cut".into()));
    stage.cycle();
    assert_eq!(stage.memory.alerts, before);
    stage.edit(|seen| seen.mac = Reading::Known("7C2F80000001".parse().unwrap()));
    stage.cycle();
    let drift = stage.memory.alerts.iter().find(|alert| alert.kind == AlertKind::Drift);
    assert_eq!(drift, before.first(), "another device shows nothing of this site");
}

#[test]
fn a_missing_handset_is_told_with_where_it_was_seen_and_stays_missing() {
    let mut stage = Stage::well();
    stage.verdict(1, Registration::Lost).verdict(2, Registration::Lost);
    let before = stage.the(AlertKind::HandsetLost);
    let seen_at = stage.now();
    let record = stage.memory.slots.get_mut(&slot_number(1)).unwrap();
    record.elsewhere = Some(Elsewhere {
        site: "acme-hamburg".parse().unwrap(),
        slot: Some(slot_number(4)),
        hold: Hold::Registered,
        seen_at,
        leaves: false,
    });
    let found = stage.the(AlertKind::HandsetLost);
    assert_eq!(numbers(&found), [1, 2]);
    assert_eq!(
        found.summary,
        format!(
            "{}; the handset of slot 1 is registered in slot 4 of site acme-hamburg, seen 2026-11-23 10:00 +01:00",
            before.summary
        )
    );
    assert!(
        found.phase.ends_with("elsewhere: slot 1 registered in slot 4 of site acme-hamburg"),
        "{}",
        found.phase
    );
    stage.memory.slots.get_mut(&slot_number(1)).unwrap().ipui = ipui(OTHER);
    let other = stage.look().holding.into_iter().find(|one| one.kind == AlertKind::HandsetLost);
    assert!(other.is_none_or(|one| !one.summary.contains("hamburg")), "that was another handset");
}

#[test]
fn a_page_that_does_not_say_whose_it_is_ends_no_alert() {
    let mut stage = Stage::well();
    stage.edit(|seen| seen.mac = Reading::Unreadable("cut".into()));
    assert!(stage.look().unknown.contains(&AlertKind::ForeignReservation));
}
