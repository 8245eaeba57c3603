//! Nothing that fires is resolved because it was not looked at: every kind of alert of a site, through every way in which contact
//! fails and through pages that cannot be read.

use std::collections::BTreeSet;

use super::tests::{in_step, take};
use super::*;
use crate::domain::world::{World, at, present, slot, window};

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

/// What a cycle without a reading proves all the same: an answer is no silence, and a password that was at hand is not missing.
fn proves(failure: &ContactFailure) -> BTreeSet<AlertKind> {
    match failure {
        ContactFailure::Unreachable(_) => BTreeSet::from([AlertKind::SecretMissing]),
        ContactFailure::LoginRefused(_)
        | ContactFailure::LoginUnclear(_)
        | ContactFailure::LoginLocked(_)
        | ContactFailure::SessionBusy(_)
        | ContactFailure::NotUnderstood(_) => {
            BTreeSet::from([AlertKind::SecretMissing, AlertKind::Unreachable])
        }
        ContactFailure::SecretMissing(_) => BTreeSet::new(),
    }
}

/// Where the answer lies: on the manager, or somewhere that can always be looked at (the ledger of windows, the verdicts, the
/// clock, what people said, n720d's own store).
fn is_seen_on_the_manager(kind: AlertKind) -> bool {
    match kind {
        AlertKind::Drift
        | AlertKind::PlanNeedsApproval
        | AlertKind::PushIneffective
        | AlertKind::PushFailed
        | AlertKind::Unreachable
        | AlertKind::LoginRefused
        | AlertKind::SessionBusy
        | AlertKind::PageNotUnderstood
        | AlertKind::FirmwareTooOld
        | AlertKind::WrongDevice
        | AlertKind::ClockSkew
        | AlertKind::ForeignReservation
        | AlertKind::WindowExposed
        | AlertKind::SecretMissing
        | AlertKind::ObservationStale => true,
        AlertKind::WindowClosing
        | AlertKind::WindowExpiredUnfilled
        | AlertKind::HandsetLost
        | AlertKind::PauseForgotten
        | AlertKind::PasswordNotStored
        // Of the fleet.
        | AlertKind::SiteFileInvalid
        | AlertKind::RolloutStopped
        | AlertKind::SinkFailing
        | AlertKind::Test => false,
    }
}

fn standing(kind: AlertKind) -> Alert {
    Alert {
        id: format!("acme/{kind}"),
        kind,
        severity: Severity::Warning,
        summary: String::new(),
        phase: String::new(),
        since: at(-60),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

/// A handset that is in, read a minute ago; everything fires that is seen on the manager.
fn everything_fires() -> World {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.remember(1, Registration::Registered, Some(1));
    world.memory = take(&world, None).memory;
    world.memory.alerts =
        AlertKind::ALL.into_iter().filter(|kind| is_seen_on_the_manager(*kind)).map(standing).collect();
    world.later(60);
    in_step(world)
}

fn ended(turn: &Turn) -> BTreeSet<AlertKind> {
    let ended = turn.memory.alerts.iter().filter(|alert| alert.state == AlertState::Resolved);
    ended.map(|alert| alert.kind).collect()
}

#[test]
fn no_failure_of_contact_ends_what_it_does_not_prove() {
    for failure in failures() {
        for read_before in [true, false] {
            let mut world = everything_fires();
            if !read_before {
                world.memory.observation = None;
            }
            for cycle in 1..=40 {
                let turn = take(&world, Some(&failure));
                let ended = ended(&turn);
                assert!(ended.is_subset(&proves(&failure)), "{failure:?}, cycle {cycle}: {ended:?}");
                world.memory = turn.memory;
                world.later(60 + cycle * 300);
            }
        }
    }
}

fn cut<T>() -> Reading<T> {
    Reading::Unreadable("the page was cut".into())
}

/// What contact with the manager proves by itself.
const BY_A_SESSION: [AlertKind; 4] =
    [AlertKind::Unreachable, AlertKind::LoginRefused, AlertKind::SessionBusy, AlertKind::SecretMissing];

#[test]
fn a_page_that_cannot_be_read_ends_nothing_that_is_seen_on_it() {
    use AlertKind::{
        ClockSkew, Drift, FirmwareTooOld, ForeignReservation, ObservationStale, PageNotUnderstood,
        PlanNeedsApproval, PushIneffective, WindowExposed, WrongDevice,
    };
    type Change = fn(&mut Observation);
    let always = [PageNotUnderstood, Drift, PlanNeedsApproval, PushIneffective];
    let table: [(&str, Change, &[AlertKind]); 6] = [
        (
            "MAC",
            |seen| seen.mac = cut(),
            &[WrongDevice, FirmwareTooOld, ClockSkew, ForeignReservation, WindowExposed, ObservationStale],
        ),
        ("firmware", |seen| seen.firmware = cut(), &[FirmwareTooOld]),
        ("clock", |seen| seen.device_clock = cut(), &[ClockSkew]),
        ("pending", |seen| seen.pending = cut(), &[ForeignReservation, WindowExposed, ObservationStale]),
        ("slots", |seen| seen.slots = cut(), &[ObservationStale]),
        ("editor", |seen| _ = seen.editors.insert(slot(1), cut()), &[]),
    ];
    for (page, change, hidden) in table {
        let mut world = everything_fires();
        change(&mut world.seen);
        for cycle in 1..=12 {
            let turn = take(&world, None);
            let ended = ended(&turn);
            for kind in hidden.iter().chain(&always) {
                assert!(!ended.contains(kind), "{page}, cycle {cycle}: {kind} ended");
            }
            world.memory = turn.memory;
            let seen = world.seen.clone();
            world.later(60 + cycle * 300);
            let at = world.seen.at;
            world = in_step(world);
            world.seen.device_clock =
                if seen.device_clock.known().is_none() { cut() } else { world.seen.device_clock };
            world.seen.at = at;
        }
    }
}

#[test]
fn a_whole_reading_ends_what_is_not_there_any_more() {
    let world = everything_fires();
    let turn = take(&world, None);
    let firing: Vec<AlertKind> = turn
        .memory
        .alerts
        .iter()
        .filter(|alert| alert.state == AlertState::Firing)
        .map(|alert| alert.kind)
        .collect();
    for kind in BY_A_SESSION {
        assert!(!firing.contains(&kind), "{kind}");
    }
    for kind in [
        AlertKind::PageNotUnderstood,
        AlertKind::FirmwareTooOld,
        AlertKind::WrongDevice,
        AlertKind::ClockSkew,
        AlertKind::ObservationStale,
    ] {
        assert!(!firing.contains(&kind), "{kind}");
    }
}

/// A handset that is lost, and one that missed its window.
fn somebody_is_missing() -> World {
    let mut world = World::new()
        .want(1, present("1013", Some(1)))
        .want(2, present("1014", Some(2)))
        .show(1, "1013")
        .show_pending(2, "1014", 2);
    world.remember(1, Registration::Lost, None);
    world.remember(2, Registration::Expired, None);
    let missed = Some(BTreeSet::from([slot(2)]));
    world.memory.windows = vec![Window {
        opens_at: at(-80_000).fixed_offset(),
        closes_at: Some(at(-8_000).fixed_offset()),
        missing_at_end: missed,
        ..window(1, 0)
    }];
    in_step(world)
}

#[test]
fn handsets_stay_missing_until_they_are_seen_registered() {
    let kinds = [AlertKind::HandsetLost, AlertKind::WindowExpiredUnfilled];
    let fires = |turn: &Turn| {
        let firing = turn.memory.alerts.iter().filter(|alert| alert.state == AlertState::Firing);
        firing.map(|alert| alert.kind).filter(|kind| kinds.contains(kind)).collect::<BTreeSet<_>>()
    };
    let first = take(&somebody_is_missing(), None);
    assert_eq!(fires(&first), BTreeSet::from(kinds));
    for failure in failures() {
        let mut world = somebody_is_missing();
        world.memory = first.memory.clone();
        for cycle in 1..=20 {
            world.later(cycle * 300);
            let turn = take(&world, Some(&failure));
            assert_eq!(fires(&turn), BTreeSet::from(kinds), "{failure:?}");
            world.memory = turn.memory;
        }
    }
    let pages: [fn(&mut Observation); 3] = [
        |seen| seen.mac = cut(),
        |seen| (seen.pending, seen.slots) = (cut(), cut()),
        |seen| seen.slots = cut(),
    ];
    for change in pages {
        let mut world = somebody_is_missing();
        world.memory = first.memory.clone();
        change(&mut world.seen);
        world.later(300);
        assert_eq!(fires(&take(&world, None)), BTreeSet::from(kinds));
    }
    let mut world = in_step(
        World::new()
            .want(1, present("1013", Some(1)))
            .want(2, present("1014", Some(2)))
            .show_registered(1, "1013", 1)
            .show_registered(2, "1014", 2),
    );
    world.memory = first.memory;
    world.later(300);
    assert_eq!(fires(&take(&in_step(world), None)), BTreeSet::new());
}

#[test]
fn a_site_is_looked_at_when_it_becomes_stale() {
    let mut world = everything_fires();
    world.memory.alerts = Vec::new();
    let read_at = world.memory.observation.as_ref().unwrap().at;
    let dark = ContactFailure::Unreachable("no answer".into());
    let mut looks = 0;
    loop {
        let turn = take(&world, Some(&dark));
        let stale = turn.memory.alerts.iter().find(|alert| alert.kind == AlertKind::ObservationStale);
        if let Some(alert) = stale {
            let late = alert.since - read_at - TimeDelta::minutes(30);
            assert!(late <= TimeDelta::seconds(2), "{late} late");
            assert!(looks < 8, "and not asked for it all the time: {looks}");
            break;
        }
        looks += 1;
        world.memory = turn.memory;
        world.now += TimeDelta::from_std(turn.next_look.after).unwrap();
    }
}

#[test]
fn what_cannot_be_released_is_not_over_because_a_page_was_cut() {
    use crate::domain::memory::Hindrance;
    let mut world = everything_fires();
    world.memory.alerts = vec![standing(AlertKind::PushFailed)];
    let why = "the manager did not take the configuration file URL".to_owned();
    world.memory.hindrance = Some(Hindrance { since: at(0), failures: 1, why, wanted: None });
    let whole = world.seen.clone();
    world.seen.slots = cut();
    let turn = take(&world, None);
    assert!(turn.memory.hindrance.is_some());
    assert_eq!(turn.memory.alerts[0].state, AlertState::Firing);
    world.memory = turn.memory;
    world.seen = whole;
    let turn = take(&world, None);
    assert_eq!(ended(&turn), BTreeSet::from([AlertKind::PushFailed]));
}
