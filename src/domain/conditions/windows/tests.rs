//! Windows that close, have closed, are open for nobody; handsets that were lost.

use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::conditions::testing::{
    SECOND, Stage, ipui, moment, numbers, release, slot_number, slots, window,
};
use crate::domain::desired::{DesiredSlot, Mode, PresentSlot};
use crate::domain::loss::LossCause;
use crate::domain::memory::{Registration, Window};
use crate::domain::observed::{ContactFailure, Reading};
use crate::domain::plan::{Action, Disposition};
use crate::domain::release::Progress;

/// The second handset is pending.
fn one_missing() -> Stage {
    let mut stage = Stage::well();
    stage.verdict(2, Registration::Pending);
    stage.edit(|seen| seen.pending = Reading::Known(vec![ipui(SECOND)]));
    stage
}

/// The window has closed and the reading after it still showed the second handset as pending.
fn closed_unfilled() -> Stage {
    let mut stage = one_missing();
    stage.at("2026-11-24T04:01").verdict(2, Registration::Expired);
    stage.memory.windows[0].missing_at_end = Some(slots(&[2]));
    stage.window = stage.memory.windows.first().cloned();
    stage
}

fn reopen(stage: &mut Stage, opens_at: &str, closes_at: &str) {
    let number = u32::try_from(stage.memory.windows.len()).unwrap() + 1;
    stage.memory.windows.push(window(number, opens_at, closes_at));
    stage.window = stage.memory.windows.last().cloned();
}

#[test]
fn a_filled_site_has_no_condition_before_during_and_after_its_window() {
    for at in ["2026-11-23T07:00", "2026-11-23T10:00", "2026-11-24T03:59", "2026-11-24T05:00"] {
        assert_eq!(Stage::well().at(at).look(), Default::default(), "{at}");
    }
}

#[test]
fn a_window_that_closes_under_a_threshold_warns_and_the_last_threshold_is_critical() {
    let mut stage = one_missing();
    let first = stage.the(AlertKind::WindowClosing);
    assert_eq!(
        (first.severity, first.phase.as_str()),
        (Severity::Info, "under 1 d"),
        "the window is 20 hours long: it is told of, not warned about"
    );
    insta::assert_snapshot!(first.summary, @"the registration window closes at 2026-11-24 04:00 +01:00 and 1 handset is not registered: slot 2 Workshop (1014)");
    insta::assert_snapshot!(first.handsets[0].instruction, @"start registration on the handset and type the PIN 0001; do so before 2026-11-24 04:00 +01:00");
    assert_eq!(numbers(&first), [2]);

    stage.at("2026-11-24T02:00");
    assert_eq!(
        stage.the(AlertKind::WindowClosing).phase,
        "under 1 d",
        "exactly the threshold is not under it"
    );
    let mut early = one_missing();
    early.pace.before_close = [86_400, 36_000, 7_200].map(std::time::Duration::from_secs).to_vec();
    early.at("2026-11-23T18:01");
    assert_eq!(early.the(AlertKind::WindowClosing).severity, Severity::Warning);
    stage.at("2026-11-24T02:01");
    let last = stage.the(AlertKind::WindowClosing);
    assert_eq!((last.severity, last.phase.as_str()), (Severity::Critical, "under 2 h"));
}

#[test]
fn no_warning_before_the_window_opens_or_without_thresholds() {
    assert_eq!(one_missing().at("2026-11-23T07:59").kinds(), []);
    let mut stage = one_missing();
    stage.pace.before_close.clear();
    assert_eq!(stage.kinds(), []);
}

#[test]
fn every_missing_verdict_warns_and_the_others_do_not() {
    for (verdict, warns) in [
        (Registration::Unknown, false),
        (Registration::Registered, false),
        (Registration::Reserved, true),
        (Registration::Pending, true),
        (Registration::Lost, true),
    ] {
        let mut stage = Stage::well();
        stage.verdict(2, verdict);
        assert_eq!(stage.kinds().contains(&AlertKind::WindowClosing), warns, "{verdict:?}");
    }
}

#[test]
fn a_verdict_on_another_handset_says_nothing_of_this_one() {
    let mut stage = one_missing();
    for record in stage.memory.slots.values_mut() {
        record.ipui = ipui("01 01 01 01 01");
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn a_window_that_closed_unfilled_is_critical_and_names_the_handsets() {
    let found = closed_unfilled().the(AlertKind::WindowExpiredUnfilled);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Critical, "closed 1"));
    assert_eq!(numbers(&found), [2]);
    insta::assert_snapshot!(found.summary, @"the registration window closed at 2026-11-24 04:00 +01:00 and 1 handset is not registered: slot 2 Workshop (1014); open it again");
    insta::assert_snapshot!(found.handsets[0].instruction, @"the registration window is closed and must be opened again first; then start registration on the handset and type the PIN 0001");
}

#[test]
fn nobody_is_asked_to_open_what_the_plan_opens() {
    let deferred = || Disposition::Deferred { reason: "settling".into(), until: None };
    let blocked = || Disposition::Blocked { reason: "?".into(), alert: AlertKind::PlanNeedsApproval };
    for (action, disposition, mode, by_itself) in [
        (Action::ReopenWindow, Disposition::Ready, Mode::Manage, true),
        (Action::OpenWindow, deferred(), Mode::Manage, true),
        (Action::ReopenWindow, blocked(), Mode::Manage, false),
        (Action::ReopenWindow, deferred(), Mode::Observe, false),
        (Action::Reserve, Disposition::Ready, Mode::Manage, false),
    ] {
        let mut stage = closed_unfilled();
        stage.desired.mode = mode;
        stage.step(action, 2, disposition);
        let summary = stage.the(AlertKind::WindowExpiredUnfilled).summary;
        assert_eq!(summary.ends_with("; n720d opens it again for them"), by_itself, "{action:?}: {summary}");
        assert_eq!(summary.ends_with("; open it again"), !by_itself, "{action:?}: {summary}");
    }
}

#[test]
fn it_closes_by_the_clock_also_when_the_manager_cannot_be_read() {
    let mut stage = one_missing();
    stage.cycle();
    stage.failing(5, 60, ContactFailure::Unreachable("no route".into())).at("2026-11-24T04:00");
    let found = stage.cycle();
    let kinds: Vec<_> = found.holding.iter().map(|condition| condition.kind).collect();
    assert_eq!(
        kinds,
        [AlertKind::WindowExpiredUnfilled, AlertKind::Unreachable, AlertKind::ObservationStale]
    );
    let closing = stage.memory.alerts.iter().find(|alert| alert.kind == AlertKind::WindowClosing).unwrap();
    assert_eq!(closing.state, AlertState::Resolved, "it is not closing any more, it has closed");
}

#[test]
fn a_window_that_no_manager_fetched_is_told_as_such() {
    let mut stage = one_missing();
    stage.memory.release = Some(release(&stage, Progress::default()));
    insta::assert_snapshot!(stage.the(AlertKind::WindowClosing).summary, @"the registration window closes at 2026-11-24 04:00 +01:00, was never fetched by the DECT manager and 1 handset is not registered: slot 2 Workshop (1014)");
    let mut stage = closed_unfilled();
    stage.memory.release = Some(release(&stage, Progress::default()));
    let found = stage.the(AlertKind::WindowExpiredUnfilled);
    assert_eq!(found.phase, "unfetched");
    insta::assert_snapshot!(found.summary, @"the DECT manager never fetched the registration window that closed at 2026-11-24 04:00 +01:00 and 1 handset is not registered: slot 2 Workshop (1014); open it again");
    stage.step(Action::OpenWindow, 2, Disposition::Ready);
    assert!(stage.the(AlertKind::WindowExpiredUnfilled).summary.ends_with("; n720d renews it"));
    stage.cycle();
    reopen(&mut stage, "2026-11-24T04:02", "2026-11-25T00:02");
    stage.at("2026-11-24T04:03").memory.release.as_mut().unwrap().window = Some(2);
    let renewed = stage.the(AlertKind::WindowExpiredUnfilled);
    assert_eq!(renewed.phase, "unfetched", "it is no news");
    assert!(renewed.summary.ends_with("; another is released, and the DECT manager has not fetched it yet"));
    stage.memory.release.as_mut().unwrap().progress.fetched_at = Some(stage.now());
    assert_eq!(stage.the(AlertKind::WindowExpiredUnfilled).phase, "reopened 2");
}

#[test]
fn it_stays_through_a_reopening_and_says_until_when() {
    let mut stage = closed_unfilled();
    stage.cycle();
    reopen(&mut stage, "2026-11-24T04:05", "2026-11-25T00:05");
    stage.at("2026-11-24T04:06").verdict(2, Registration::Pending);
    let found = stage.the(AlertKind::WindowExpiredUnfilled);
    assert_eq!(found.phase, "reopened 2");
    insta::assert_snapshot!(found.summary, @"a registration window closed and 1 handset is not registered: slot 2 Workshop (1014); a window is open again until 2026-11-25 00:05 +01:00");

    stage.cycle();
    stage.at("2026-11-25T00:06").verdict(2, Registration::Expired);
    assert_eq!(stage.the(AlertKind::WindowExpiredUnfilled).phase, "closed 2");
}

#[test]
fn it_says_when_the_next_window_opens() {
    let mut stage = closed_unfilled();
    reopen(&mut stage, "2026-11-26T08:00", "2026-11-27T04:00");
    insta::assert_snapshot!(stage.the(AlertKind::WindowExpiredUnfilled).summary, @"a registration window closed and 1 handset is not registered: slot 2 Workshop (1014); the next one opens when the device's clock shows 2026-11-26 08:00");
}

#[test]
fn only_a_positive_registration_or_leaving_the_list_ends_it() {
    let mut stage = closed_unfilled();
    stage.cycle();
    for verdict in [Registration::Unknown, Registration::Reserved, Registration::Pending] {
        stage.verdict(2, verdict);
        assert_eq!(numbers(&stage.the(AlertKind::WindowExpiredUnfilled)), [2], "{verdict:?}");
    }
    stage.memory.slots.clear();
    assert_eq!(numbers(&stage.the(AlertKind::WindowExpiredUnfilled)), [2], "no verdict at all");

    let mut unlisted = closed_unfilled();
    unlisted.cycle();
    unlisted.desired.slots.retain(|number, _| number.number() == 1);
    unlisted.edit(|seen| seen.pending = Reading::Known(Vec::new()));
    assert_eq!(unlisted.kinds(), []);

    stage.verdict(2, Registration::Registered);
    assert_eq!(stage.kinds(), []);
}

#[test]
fn a_handset_lost_after_its_window_is_lost_and_did_not_miss_it() {
    let mut stage = closed_unfilled();
    stage.at("2026-11-24T09:00").verdict(2, Registration::Registered);
    stage.cycle();
    stage.at("2026-11-25T09:00").verdict(2, Registration::Lost);
    assert_eq!(stage.kinds(), [AlertKind::HandsetLost]);
}

#[test]
fn a_handset_that_was_listed_after_a_window_had_closed_had_no_part_in_it() {
    let mut stage = closed_unfilled();
    stage.cycle();
    let other = ipui("01 01 01 01 01");
    let slot = DesiredSlot::Present(PresentSlot { ipui: Some(other), ..Default::default() });
    stage.desired.slots.insert(slots(&[2]).pop_first().unwrap(), slot);
    stage.at("2026-11-24T09:00").verdict(2, Registration::Reserved);
    stage.edit(|seen| seen.pending = Reading::Known(Vec::new()));
    let began = Some(stage.now());
    for record in stage.memory.slots.values_mut().filter(|record| record.ipui == other) {
        record.began = began;
    }
    assert_eq!(stage.kinds(), [], "the alert told of the one before it");
    for record in stage.memory.slots.values_mut() {
        record.began = None;
    }
    assert_eq!(numbers(&stage.the(AlertKind::WindowExpiredUnfilled)), [2], "its record is of old");
}

#[test]
fn an_end_in_the_hour_that_comes_twice_is_the_one_that_its_offset_says() {
    let mut stage = one_missing();
    let first = moment("2026-10-25T02:30");
    let second = first + chrono::TimeDelta::hours(1);
    for (end, kind) in [(second, AlertKind::WindowClosing), (first, AlertKind::WindowExpiredUnfilled)] {
        let window = window(1, "2026-10-24T08:00", "2026-10-25T02:30");
        stage.memory.windows = vec![Window { closes_at: Some(end), ..window }];
        stage.window = stage.memory.windows.first().cloned();
        // 02:45 by the clock for the first time; the stage counts an hour behind.
        stage.at("2026-10-25T01:45");
        assert_eq!(stage.kinds(), [kind], "{end}");
    }
}

#[test]
fn in_observe_mode_the_window_of_the_site_file_counts() {
    let mut stage = one_missing();
    stage.desired.mode = Mode::Observe;
    stage.memory.windows.clear();
    stage.at("2026-11-24T05:00");
    assert_eq!(numbers(&stage.the(AlertKind::WindowExpiredUnfilled)), [2]);
}

#[test]
fn a_lost_handset_is_critical_and_stays_while_its_verdict_is_unknown() {
    let mut stage = Stage::well();
    stage.at("2026-11-24T09:00").verdict(1, Registration::Lost);
    let found = stage.the(AlertKind::HandsetLost);
    assert_eq!(found.severity, Severity::Critical);
    insta::assert_snapshot!(found.summary, @"1 handset was registered and is not any more: slot 1 Reception (1013)");
    insta::assert_snapshot!(found.handsets[0].instruction, @"the registration window is closed and must be opened again first; then register by hand: start registration on the handset and type the PIN 0001");
    stage.cycle();
    stage.verdict(1, Registration::Unknown);
    assert_eq!(stage.kinds(), [AlertKind::HandsetLost]);
    stage.verdict(1, Registration::Registered);
    assert_eq!(stage.kinds(), []);
}

#[test]
fn a_lost_handset_is_told_with_its_likely_cause_and_again_when_that_becomes_clearer() {
    let mut stage = Stage::well();
    stage.at("2026-11-24T09:00").verdict(1, Registration::Lost).verdict(2, Registration::Lost);
    let mut cause = |slot: u8, cause: LossCause| {
        stage.memory.slots.get_mut(&slot_number(slot)).unwrap().cause = Some(cause);
        stage.the(AlertKind::HandsetLost)
    };
    cause(1, LossCause::NotKnown);
    let unknown = cause(2, LossCause::NotKnown);
    assert_eq!(unknown.phase, "");
    insta::assert_snapshot!(unknown.summary, @"2 handsets were registered and are not any more: slot 1 Reception (1013), slot 2 Workshop (1014), the cause is not known");
    let one = cause(2, LossCause::DeregisteredByHand);
    insta::assert_snapshot!(one.summary, @"2 handsets were registered and are not any more: slot 1 Reception (1013), the cause is not known; slot 2 Workshop (1014), likely cause: deregistered by hand");
    assert_eq!(one.phase, "deregistered-by-hand");
    let both = cause(1, LossCause::FactoryReset);
    assert_eq!(both.phase, "deregistered-by-hand, factory-reset");
    assert_eq!(numbers(&both), [1, 2]);
}

#[test]
fn another_handset_in_the_slot_is_not_the_lost_one() {
    let mut stage = Stage::well();
    stage.at("2026-11-24T09:00").verdict(1, Registration::Lost).cycle();
    let slot = DesiredSlot::Present(PresentSlot { ipui: Some(ipui("01 01 01 01 01")), ..Default::default() });
    stage.desired.slots.insert(slots(&[1]).pop_first().unwrap(), slot);
    stage.verdict(1, Registration::Unknown);
    assert_eq!(stage.kinds(), []);
}

#[test]
fn a_summary_names_five_handsets_and_counts_the_rest() {
    let mut stage = Stage::well();
    for number in 1..=7 {
        let handset =
            PresentSlot { ipui: Some(ipui(&format!("01 01 01 01 0{number}"))), ..PresentSlot::default() };
        stage.desired.slots.insert(slots(&[number]).pop_first().unwrap(), DesiredSlot::Present(handset));
        stage.verdict(number, Registration::Lost);
    }
    stage.at("2026-11-24T09:00");
    let found = stage.the(AlertKind::HandsetLost);
    insta::assert_snapshot!(found.summary, @"7 handsets were registered and are not any more: slot 1, slot 2, slot 3, slot 4, slot 5, and 2 more");
    assert_eq!(found.handsets.len(), 7);
}

#[test]
fn a_window_that_is_over_by_a_right_clock_alone_was_missed_all_the_same() {
    let mut stage = one_missing();
    let late = window(1, "2026-11-24T08:00", "2026-11-25T04:00");
    let meant = moment("2026-11-23T08:00").to_utc();
    stage.memory.windows = vec![Window { meant_at: Some(meant), ..late }];
    stage.window = stage.memory.windows.first().cloned();
    stage.at("2026-11-24T04:02");
    assert!(
        !stage.kinds().contains(&AlertKind::WindowExpiredUnfilled),
        "clocks are known to a minute or two"
    );
    for now in ["2026-11-24T04:03", "2026-11-24T09:00"] {
        stage.at(now);
        let found = stage.the(AlertKind::WindowExpiredUnfilled);
        assert_eq!((found.phase.as_str(), numbers(&found)), ("overdue 1", vec![2]), "{now}");
    }
    insta::assert_snapshot!(stage.the(AlertKind::WindowExpiredUnfilled).summary, @"the registration window was to end at 2026-11-24 04:00 +01:00 and 1 handset is not registered: slot 2 Workshop (1014); by the DECT manager's clock, which is wrong or stands still, it is not over; set that clock, then open the window again");
}

#[test]
fn a_verdict_that_is_gone_does_not_end_what_was_told_of_its_handset() {
    let mut stage = one_missing();
    stage.cycle();
    stage.verdict(1, Registration::Unknown).verdict(2, Registration::Unknown);
    let closing = stage.the(AlertKind::WindowClosing);
    assert_eq!(numbers(&closing), [2], "nobody was told of the other");
    stage.verdict(2, Registration::Registered);
    assert_eq!(stage.kinds(), []);
}
