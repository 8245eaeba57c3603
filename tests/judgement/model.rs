//! What must hold in every history, whatever happens: nobody is believed to be registered who is not, nobody who missed
//! a window is passed over in silence, nothing ends for want of a reading, and nobody is lost who never was there.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::prelude::*;

use n720d::domain::alert::{Alert, AlertKind, AlertState};
use n720d::domain::evidence::Source;
use n720d::domain::memory::Registration;
use n720d::domain::registration::pending_by_slot;
use n720d::domain::turn::Turn;

use crate::history::{
    Event, LISTED, Page, Poll, World, any_poll, disturbed, good_poll, ours, policy, story, undisturbed,
};
use crate::site;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() }
}

/// The alerts of this kind that have not ended.
fn standing(turn: &Turn, kind: AlertKind) -> Option<&Alert> {
    turn.memory.alerts.iter().find(|alert| alert.kind == kind && alert.state != AlertState::Resolved)
}

fn named(alert: Option<&Alert>) -> BTreeSet<u8> {
    alert.map_or_else(BTreeSet::new, |alert| {
        alert.handsets.iter().map(|handset| handset.number.number()).collect()
    })
}

/// Nobody who missed a window is passed over in silence.
fn told_of(world: &World, turn: &Turn) -> Result<(), TestCaseError> {
    let told = named(standing(turn, AlertKind::WindowExpiredUnfilled));
    let untold: Vec<u8> = world.missed().difference(&told).copied().collect();
    let (windows, slots) = (&turn.memory.windows, &turn.memory.slots);
    prop_assert!(untold.is_empty(), "{untold:?} at {}: {windows:?}\n{slots:?}", world.now);
    Ok(())
}

/// Nobody is lost who never was there.
fn none_lost_unseen(world: &World, turn: &Turn) -> Result<(), TestCaseError> {
    for (slot, record) in &turn.memory.slots {
        let lost = record.registration == Registration::Lost;
        prop_assert!(!lost || world.has_been_here(slot.number()), "slot {slot}: {record:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    /// As long as only handsets act, no broken page makes n720d believe what is not so.
    #[test]
    fn undisturbed_nobody_is_taken_for_registered(
        policy in policy(), events in story(undisturbed(any_poll())),
    ) {
        let mut world = World::new(policy);
        for event in &events {
            let turn = world.happen(event);
            for belief in world.beliefs() {
                prop_assert!(belief.really.contains(&belief.ours), "{:?}", belief.record);
            }
            if let Some(turn) = turn {
                told_of(&world, &turn)?;
                none_lost_unseen(&world, &turn)?;
            }
        }
    }

    /// Whatever people do, with mobile devices and editor pages at hand n720d is not fooled. Of a slot whose account is
    /// off they show nothing: there the manager's own list is believed, which does not tell who it is.
    #[test]
    fn with_editor_pages_nobody_is_taken_for_another(
        policy in policy(), events in story(disturbed(good_poll())),
    ) {
        let mut world = World::new(policy);
        for event in &events {
            let turn = world.happen(event);
            for belief in world.beliefs().iter().filter(|belief| !belief.disputed) {
                let by_list = belief.record.source == Some(Source::FilledSlots);
                let is_true = belief.really.contains(&belief.ours) || (by_list && !belief.really.is_empty());
                prop_assert!(is_true, "{:?}", belief.record);
            }
            if let Some(turn) = turn {
                told_of(&world, &turn)?;
                none_lost_unseen(&world, &turn)?;
            }
        }
    }

    /// Whatever people do and however pages break: what rests on an editor page is true, and what rests on the mobile
    /// devices page or the manager's own list is true of some handset. That it was pending and is not any more proves
    /// something only where nobody removes reservations by hand.
    #[test]
    fn evidence_says_no_more_than_was_seen(policy in policy(), events in story(disturbed(any_poll()))) {
        let mut world = World::new(policy);
        for event in &events {
            world.happen(event);
            for belief in world.beliefs() {
                let evidence = &belief.record.evidence;
                if evidence.starts_with("the editor page") {
                    prop_assert!(belief.really.contains(&belief.ours), "{}", evidence);
                } else if !evidence.contains("in an open window") {
                    prop_assert!(!belief.really.is_empty(), "{}", evidence);
                }
            }
        }
    }

    /// One whole reading is enough to know exactly who is registered, whatever came before; nobody is missed who is there.
    #[test]
    fn a_whole_reading_tells_who_is_registered(policy in policy(), events in story(disturbed(good_poll()))) {
        let mut world = World::new(policy);
        for event in &events {
            world.happen(event);
        }
        world.happen(&Event::Pass(5));
        let turn = world.happen(&Event::Poll(Poll { audit: true, ..Poll::WHOLE })).unwrap();
        for number in LISTED {
            let record = &turn.memory.slots[&site::slot(number)];
            let hidden = !world.device.accounts.contains(&number);
            let really = world.device.registered.get(&number).copied() == ours(number);
            prop_assert!(hidden || (record.registration == Registration::Registered) == really, "{number}: {record:?}");
            prop_assert!(really || hidden || record.registration.is_missing(), "{number}: {record:?}");
            let of_missing =
                [AlertKind::WindowClosing, AlertKind::WindowExpiredUnfilled, AlertKind::HandsetLost];
            let alarmed = of_missing.into_iter().any(|kind| named(standing(&turn, kind)).contains(&number));
            prop_assert!(!(really && !hidden && alarmed), "{number}: {:?}", turn.memory.alerts);
        }
    }

    /// Unreadable is not empty: without a pending list no verdict moves. And nothing ends where nothing was read, but
    /// that a window does not close soon any more once it has closed.
    #[test]
    fn without_a_reading_nothing_moves_and_nothing_ends(
        policy in policy(), events in story(disturbed(any_poll())), poll in any_poll(), blind: bool,
    ) {
        let mut world = World::new(policy);
        for event in &events {
            world.happen(event);
        }
        let verdicts = |world: &World| -> Vec<_> {
            let records = world.care.keep.last().slots.values();
            records.map(|r| (r.registration, r.since, r.seen_at, r.evidence.clone())).collect()
        };
        let before = verdicts(&world);
        let status = if blind { Page::Cut } else { Page::WithoutList };
        let turn = world.happen(&Event::Poll(Poll { reached: !blind, status, ..poll })).unwrap();
        prop_assert_eq!(before, verdicts(&world));
        if blind {
            let ended = turn.memory.alerts.iter().filter(|alert| alert.state == AlertState::Resolved);
            for alert in ended {
                let told = named(standing(&turn, AlertKind::WindowExpiredUnfilled));
                let superseded = alert.kind == AlertKind::WindowClosing && named(Some(alert)).is_subset(&told);
                prop_assert!(superseded, "{alert:?}");
            }
        }
    }

    /// Where both pages agree, the pending handsets are told the slots they are really reserved for.
    #[test]
    fn pending_handsets_are_told_their_slots(policy in policy(), events in story(disturbed(good_poll()))) {
        let mut world = World::new(policy);
        for event in &events {
            world.happen(event);
        }
        // What is released only then is not yet seen.
        world.happen(&Event::Poll(Poll { fetches: false, ..Poll::WHOLE }));
        let seen = world.care.keep.last().observation.as_ref().and_then(pending_by_slot);
        for (slot, ipui) in seen.into_iter().flatten() {
            let reserved = world.device.reserved.get(&slot.number()).map(|handset| site::handset(*handset));
            prop_assert_eq!(reserved, Some(ipui));
        }
    }
}

/// The model itself: a handset that is reserved comes in while the window is open, and not before or after.
#[test]
fn the_model_lets_handsets_in_while_its_window_is_open() {
    let mut world = World::new("start = '2026-11-23T09:00'\nduration = '3h'");
    let mut arrives = |minutes, handset| {
        world.happen(&Event::Pass(minutes));
        world.happen(&Event::Arrive(handset));
        world.device.is_registered(handset)
    };
    assert!(!arrives(30, 'A'), "before nine");
    assert!(arrives(30, 'A'));
    assert!(!arrives(240, 'B'), "after twelve");
    assert!(!arrives(0, 'X'), "never reserved");
    world.happen(&Event::Poll(Poll::WHOLE));
    assert_eq!(world.missed(), BTreeSet::from([2, 3]));
    assert!(
        world.now > site::instant("2026-11-23T13:00", chrono_tz::America::Sao_Paulo) - TimeDelta::hours(1)
    );
}
