//! What is told of pushes in vain, and how long.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::domain::alert::{AlertKind, AlertState, Severity};
use crate::domain::conditions::testing::{Stage, numbers, release, slot_number};
use crate::domain::desired::{DesiredSlot, Mode};
use crate::domain::observed::Reading;
use crate::domain::plan::{Action, Disposition};
use crate::domain::release::{Fetcher, Generation, Missed, PastRelease, Progress, TriggerOutcome};

fn given_up() -> Disposition {
    Disposition::Blocked { reason: "released twice".into(), alert: AlertKind::PushIneffective }
}

fn fetcher() -> Fetcher {
    Fetcher {
        peer: "10.20.0.2".parse().unwrap(),
        user_agent: Some("Gigaset N720 DM PRO/70.111.00.000.000;7C2F80CA21E4".into()),
        firmware: "70.111.00.000.000".parse().ok(),
        knew_version: false,
    }
}

/// The handset of slot 1 was released twice, an hour and half an hour ago, and is shown nowhere.
fn stage() -> Stage {
    let mut stage = Stage::well();
    stage.step(Action::Reserve, 1, given_up());
    stage.plan.steps[0].why = "slot 1 is not reserved for 02 B6 EC 8A A5".into();
    let mut pushes: Vec<_> = [("2311260900", 60), ("2311260930", 30)]
        .into_iter()
        .map(|(version, minutes)| {
            let at = stage.now() - TimeDelta::minutes(minutes);
            let missed = Missed {
                readings: BTreeMap::from([("slot 1 handset".to_owned(), "not reserved".to_owned())]),
                firmware: "70.111.00.000.00".parse().ok(),
                fetched_at: Some(at + TimeDelta::seconds(12)),
                fetched_by: Some(fetcher()),
                trigger: Some(TriggerOutcome::Done),
                ..Missed::default()
            };
            let progress = Progress {
                fetched_at: missed.fetched_at,
                ineffective_at: Some(at + TimeDelta::minutes(5)),
                missed: Some(missed),
                ..Progress::default()
            };
            let made = release(&stage, progress);
            let parts = BTreeMap::from([("slot 1 handset".to_owned(), Generation("h".into()))]);
            crate::domain::release::Release {
                version: version.parse().unwrap(),
                parts,
                released_at: at,
                ..made
            }
        })
        .collect();
    stage.memory.release = pushes.pop();
    stage.memory.past_releases = pushes.iter().map(PastRelease::from).collect();
    stage
}

/// Changes who fetched the last release.
fn fetched(change: impl FnOnce(&mut Fetcher)) -> Stage {
    let mut stage = stage();
    change(missed(&mut stage).fetched_by.as_mut().unwrap());
    stage
}

fn missed(stage: &mut Stage) -> &mut Missed {
    stage.memory.release.as_mut().unwrap().progress.missed.as_mut().unwrap()
}

/// What to look at.
fn look_at(stage: &Stage) -> Vec<String> {
    let readings = stage.the(AlertKind::PushIneffective).readings;
    readings.into_iter().filter(|line| line.starts_with("look at")).collect()
}

#[test]
fn it_is_critical_and_tells_what_was_tried_and_what_is_shown() {
    let stage = stage();
    let found = stage.the(AlertKind::PushIneffective);
    assert_eq!((found.severity, found.phase.as_str()), (Severity::Critical, "reserve slot 1"));
    assert_eq!(numbers(&found), [1]);
    insta::assert_snapshot!(found.summary, @"what was released changed nothing, twice: reserve slot 1; it is not released again; `n720d status acme-berlin` shows what to look at; when the cause is mended: correct the site file, or `n720d apply acme-berlin --retry-push`");
    insta::assert_snapshot!(found.readings.join("\n"), @r#"
    shown: slot 1 is not reserved for 02 B6 EC 8A A5
    pushed: VERSION 2311260930, released 2026-11-23 09:30:00 +01:00, fetched 2026-11-23 09:30:12 +01:00 from 10.20.0.2 as "Gigaset N720 DM PRO/70.111.00.000.000;7C2F80CA21E4"; state 88, downloaded and processed; firmware 70.111.00.000.00
    pushed: VERSION 2311260900, released 2026-11-23 09:00:00 +01:00, fetched 2026-11-23 09:00:12 +01:00 from 10.20.0.2 as "Gigaset N720 DM PRO/70.111.00.000.000;7C2F80CA21E4"; state 88, downloaded and processed; firmware 70.111.00.000.00
    look at the manager itself: MAC, VERSION, firmware, quotes and data server are as they should be; does its web page take the same values by hand, and the file after a restart?
    "#);
    assert_eq!(stage.kinds(), [AlertKind::PushIneffective], "and is not told as drift, too");
}

#[test]
fn what_to_look_at_comes_in_its_order_and_only_what_applies() {
    assert_eq!(look_at(&stage()).len(), 1, "nothing is odd");
    let mut all = fetched(|fetcher| {
        fetcher.peer = "10.20.0.9".parse().unwrap();
        fetcher.firmware = "70.040.00.000.000".parse().ok();
        fetcher.knew_version = true;
    });
    let earlier = all.memory.past_releases[0].missed.as_mut().unwrap();
    earlier.fetched_by.as_mut().unwrap().user_agent = None;
    missed(&mut all).fetched_by.as_mut().unwrap().user_agent = Some("N720-DM-PRO/70.040.00.000.000".into());
    let DesiredSlot::Present(wanted) = all.desired.slots.get_mut(&slot_number(1)).unwrap() else { panic!() };
    wanted.display_name = Some("Küche & Bad".into());
    insta::assert_snapshot!(look_at(&all).join("\n"), @r#"
    look at the MAC: the file is for 7C2F80CA21E4, which the status page shows, but who fetched it named none; a file for another MAC is ignored: compare it with the label on the box
    look at the VERSION: the manager had fetched another file with 2311260930 before, and ignores one whose VERSION is the one it keeps
    look at the firmware: the status page shows 70.111.00.000.00, and who fetched calls itself 70.040.00.000.000; 70.108 or later is needed
    look at the quotes: strings stand in inner double quotes; the device may not take the characters in "Küche & Bad" of slot 1
    look at the data server: the fetch came from 10.20.0.9, and the manager is at 10.20.0.2: is it another device, or an address translation?
    "#);
}

#[test]
fn another_address_is_told_unless_it_is_only_written_otherwise() {
    assert!(
        look_at(&fetched(|by| by.peer = "::ffff:10.20.0.2".parse().unwrap()))[0]
            .contains("the manager itself")
    );
    let mut named = fetched(|by| by.peer = "10.20.0.9".parse().unwrap());
    assert!(look_at(&named)[0].contains("the fetch came from 10.20.0.9, and the manager is at 10.20.0.2"));
    named.desired.manager.host = "dect.example.net".into();
    assert!(look_at(&named)[0].contains("the manager itself"), "a name does not tell");
}

#[test]
fn a_url_that_is_not_ours_is_told_and_not_shown() {
    let mut stage = stage();
    let own = "http://10.1.0.5:8720/p/0123456789abcdef0123456789abcdef/%MACD.xml";
    stage.own_url = Some(own.into());
    stage.edit(|seen| seen.config_url = Some(Reading::Known(format!(" {own} "))));
    assert!(look_at(&stage)[0].contains("the manager itself"));
    stage.edit(|seen| seen.config_url = Some(Reading::Known("http://user:hunter2@elsewhere/".into())));
    let told = look_at(&stage).join(" ");
    assert!(told.contains("n720d url") && !told.contains("elsewhere") && !told.contains("0123"), "{told}");
}

#[test]
fn each_way_of_being_told_has_its_words() {
    for (outcome, words) in [
        (None, "not told to"),
        (Some(TriggerOutcome::Accepted), "check-sync was accepted"),
        (Some(TriggerOutcome::NoLine), "state 104"),
        (Some(TriggerOutcome::Busy("state 103".into())), "busy: state 103"),
        (Some(TriggerOutcome::Failed("state 102".into())), "failed: state 102"),
        (Some(TriggerOutcome::Unknown("cut".into())), "not known: cut"),
    ] {
        let mut stage = stage();
        missed(&mut stage).trigger = outcome;
        let readings = stage.the(AlertKind::PushIneffective).readings.join("\n");
        assert!(readings.contains(words), "{words}: {readings}");
    }
}

#[test]
fn a_user_agent_cannot_write_lines_of_its_own() {
    let stage = fetched(|by| by.user_agent = Some("x\nlook at: nothing \u{1b}[2J".into()));
    for line in stage.the(AlertKind::PushIneffective).readings {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn of_many_the_first_are_told() {
    let mut stage = stage();
    for _ in 0..9 {
        let earlier = stage.memory.past_releases[0].clone();
        stage.memory.past_releases.push(earlier);
        stage.step(Action::ConfigureAccount, 2, given_up());
    }
    let readings = stage.the(AlertKind::PushIneffective).readings;
    assert!(readings.contains(&"shown: and 4 more".to_owned()), "{readings:?}");
    assert!(readings.contains(&"pushed: and 5 more".to_owned()), "{readings:?}");
}

#[test]
fn a_release_that_missed_something_else_is_not_told() {
    let mut stage = stage();
    let other = BTreeMap::from([("slot 2".to_owned(), "differs".to_owned())]);
    stage.memory.past_releases[0].missed.as_mut().unwrap().readings = other;
    let readings = stage.the(AlertKind::PushIneffective).readings;
    assert_eq!(readings.iter().filter(|line| line.starts_with("pushed")).count(), 1);
}

#[test]
fn a_window_that_is_not_opened_for_them_changes_nothing() {
    let mut stage = stage();
    let before = stage.the(AlertKind::PushIneffective);
    stage.step(Action::ReopenWindow, 1, given_up());
    stage.plan.steps[1].slot = None;
    assert_eq!(stage.the(AlertKind::PushIneffective), before);
}

#[test]
fn another_try_ends_nothing_until_the_pages_show_it() {
    let deferred = Disposition::Deferred { reason: "settling".into(), until: None };
    let unread = Disposition::Blocked { reason: "doubt".into(), alert: AlertKind::PageNotUnderstood };
    for tried in [Disposition::Ready, deferred, unread] {
        let mut stage = stage();
        stage.cycle();
        let before = stage.memory.alerts.clone();
        stage.plan.steps[0].disposition = tried;
        let found = stage.cycle();
        assert!(found.unknown.contains(&AlertKind::PushIneffective));
        assert_eq!(stage.memory.alerts, before);
        stage.plan.steps[0].slot = Some(slot_number(2));
        stage.cycle();
        assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved, "another slot is another matter");
    }
}

#[test]
fn it_ends_when_nothing_is_amiss_or_nothing_is_tried_any_more() {
    let mut stage = stage();
    stage.cycle();
    stage.plan.steps.clear();
    stage.cycle();
    assert_eq!(stage.memory.alerts[0].state, AlertState::Resolved);
    let mut observing = self::stage();
    observing.cycle();
    observing.desired.mode = Mode::Observe;
    observing.plan.steps[0].disposition =
        Disposition::Deferred { reason: "mode = observe".into(), until: None };
    observing.cycle();
    let ended = observing.memory.alerts.iter().find(|alert| alert.kind == AlertKind::PushIneffective);
    assert_eq!(ended.unwrap().state, AlertState::Resolved);
}
