//! What others do to a manager, over several turns: it is told, put back where that is n720d's to do, and never in
//! silence; and handsets that turn up at another site.

use super::tests::{in_step, take, take_with};
use super::*;
use crate::domain::alert::Alert;
use crate::domain::desired::{Mode, Pin};
use crate::domain::ids::SiteName;
use crate::domain::neighbours::{Elsewhere, Hold, Home};
use crate::domain::observed::HandsetState;
use crate::domain::plan::{Action, Cause, Disposition};
use crate::domain::world::{World, at, ipui, present, shown, slot};

/// One handset in place, with its PIN, as a turn at 0 has noted; looked at again at 300.
fn in_place() -> World {
    let mut world =
        in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1).with_baseline());
    world.seen.registration_pin = Reading::Known(Pin::ZEROS);
    world.memory = take(&world, None).memory;
    assert!(world.memory.baseline.is_some(), "nothing differs");
    later(world, 300)
}

fn later(mut world: World, seconds: i64) -> World {
    world.later(seconds);
    in_step(world)
}

/// Takes a turn, and has the manager fetch at once what it releases.
fn go_on(world: &mut World) -> Turn {
    let turn = take(world, None);
    world.memory = turn.memory.clone();
    if turn.plan.orders.release.is_some() {
        world.release();
        world.progress().fetched_at = Some(world.now);
    }
    turn
}

fn drift(turn: &Turn) -> Option<&Alert> {
    turn.memory.alerts.iter().find(|alert| alert.id == "acme/drift")
}

fn told(turn: &Turn, what: &str) -> Vec<String> {
    turn.history.iter().filter(|entry| entry.what == what).map(|entry| entry.outcome.clone()).collect()
}

#[test]
fn what_n720d_puts_back_is_told_from_the_order_to_the_end() {
    let mut world = in_place();
    world.slots().get_mut(&slot(1)).unwrap().display_name = Some("Lager".into());
    let ordered = go_on(&mut world);
    assert!(ordered.plan.orders.release.is_some(), "an account is put back");
    let why = "slot 1 was renamed by hand from \"N720_1013\" to \"Lager\" (seen 2026-11-18 12:11 +01:00)";
    assert_eq!(told(&ordered, "drift"), [why]);
    let alert = drift(&ordered).unwrap();
    assert!(alert.state == AlertState::Firing && alert.summary.contains(why), "{}", alert.summary);
    assert_eq!(told(&ordered, "alert"), [format!("acme/drift fires: {}", alert.summary)]);
    let before = alert.clone();
    // The repair settles; the page shows the same for a while.
    let mut world = later(world, 360);
    let settling = go_on(&mut world);
    assert_eq!((drift(&settling), told(&settling, "drift")), (Some(&before), vec![]));
    // It has come into effect within the settle time: the end is told when the pages show it.
    let mut world = later(world, 600);
    world.slots().get_mut(&slot(1)).unwrap().display_name = Some("N720_1013".into());
    let mended = go_on(&mut world);
    let alert = drift(&mended).unwrap();
    assert_eq!((alert.state, alert.summary.as_str()), (AlertState::Resolved, before.summary.as_str()));
    assert!(mended.plan.steps.is_empty());
    assert_eq!(told(&mended, "verify").len(), 1);
    // The next one is told like the first.
    let mut world = later(world, 900);
    world.slots().get_mut(&slot(1)).unwrap().display_name = Some("Lager".into());
    let again = go_on(&mut world);
    assert_eq!((told(&again, "drift").len(), drift(&again).unwrap().state), (1, AlertState::Firing));
}

#[test]
fn in_observe_mode_a_change_by_hand_stays_told_until_it_is_undone() {
    let mut world = in_place();
    world.desired.mode = Mode::Observe;
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("9".into());
    let first = go_on(&mut world);
    let summary = drift(&first).unwrap().summary.clone();
    assert!(summary.contains("was changed by hand from \"1013\" to \"9\""), "{summary}");
    for seconds in [600, 90_000] {
        world = later(world, seconds);
        let turn = go_on(&mut world);
        let alert = drift(&turn).unwrap();
        assert_eq!((alert.state, &alert.summary), (AlertState::Firing, &summary));
        assert!(turn.plan.orders.is_empty() && told(&turn, "drift").is_empty());
    }
    world = later(world, 90_300);
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("1013".into());
    assert_eq!(drift(&go_on(&mut world)).unwrap().state, AlertState::Resolved);
}

#[test]
fn a_pin_is_put_back_twice_at_most_when_the_page_does_not_follow() {
    let mut world = in_place();
    world.seen.registration_pin = Reading::Known(Pin::Fixed([1, 2, 3, 4]));
    let mut released = 0;
    let mut last = None;
    for cycle in 1..=12 {
        let turn = go_on(&mut world);
        released += usize::from(turn.plan.orders.release.is_some());
        assert!(drift(&turn).is_some_and(|alert| alert.state == AlertState::Firing), "cycle {cycle}");
        last = Some(turn);
        world = later(world, 300 + cycle * 300);
    }
    let last = last.unwrap();
    assert_eq!(released, 2);
    assert_eq!(last.plan.steps.len(), 1);
    assert_eq!((last.plan.steps[0].action, last.plan.steps[0].slot), (Action::SetPin, None));
    let Disposition::Blocked { alert, .. } = last.plan.steps[0].disposition else {
        panic!("{:?}", last.plan.steps)
    };
    assert_eq!(alert, AlertKind::PushIneffective);
}

#[test]
fn a_pin_that_comes_back_ends_the_drift() {
    let mut world = in_place();
    world.seen.registration_pin = Reading::Known(Pin::Random);
    let ordered = go_on(&mut world);
    assert_eq!(ordered.plan.steps[0].cause, Some(Cause::ByHand { since: at(300) }));
    assert!(drift(&ordered).unwrap().summary.contains("from 0000 to random"));
    let mut world = later(world, 600);
    world.seen.registration_pin = Reading::Known(Pin::ZEROS);
    let mended = go_on(&mut world);
    assert_eq!(drift(&mended).unwrap().state, AlertState::Resolved);
    assert!(world.progress().verified_at.is_some());
}

#[test]
fn a_page_that_never_showed_our_pin_has_no_part_in_anything() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.seen.registration_pin = Reading::Known(Pin::Random);
    world.memory.first_contact = Some((at(-600), world.desired.manager.mac));
    assert!(go_on(&mut world).plan.orders.release.is_some());
    let mut world = later(world, 600).show_registered(1, "1013", 1);
    go_on(&mut world);
    assert!(world.progress().verified_at.is_some(), "the PIN is not held against it");
    let mut world = later(world, 900);
    let turn = go_on(&mut world);
    assert!(turn.plan.steps.is_empty() && drift(&turn).is_none());
}

#[test]
fn a_handset_that_registers_at_another_site_stays_missing_here_and_is_named_there() {
    let elsewhere = Elsewhere {
        site: "hamburg".parse().unwrap(),
        slot: Some(slot(4)),
        hold: Hold::Registered,
        seen_at: at(200),
        leaves: false,
    };
    let neighbours =
        Neighbours { elsewhere: BTreeMap::from([(ipui(1), elsewhere)]), ..Neighbours::default() };
    let mut here = in_place();
    here.slots().insert(slot(1), shown("1013", HandsetState::None));
    here.seen.editors.clear();
    let turn = take_with(&here, &neighbours);
    let record = &turn.memory.slots[&slot(1)];
    assert_eq!(record.registration, Registration::Lost);
    let status = &turn.status.slots[0];
    assert!(
        status
            .evidence
            .ends_with("; the handset is registered in slot 4 of site hamburg, seen 2026-11-18 12:10 +01:00"),
        "{}",
        status.evidence
    );
    let lost = turn.memory.alerts.iter().find(|alert| alert.kind == AlertKind::HandsetLost).unwrap();
    assert!(lost.summary.contains("registered in slot 4 of site hamburg"), "{}", lost.summary);
    assert!(lost.handsets[0].evidence.contains("hamburg"), "the sheet says so, too");
    assert!(told(&turn, "registration").iter().any(|line| line.contains("seen elsewhere")));

    let home = Home { site: "acme".parse().unwrap(), slot: slot(1) };
    let neighbours = Neighbours { homes: BTreeMap::from([(ipui(1), home)]), ..Neighbours::default() };
    let mut there = in_place();
    there.desired.name = "hamburg".parse::<SiteName>().unwrap();
    let mut there = there.want(1, present("1013", Some(7))).show_registered(4, "40", 1);
    there.memory.slots.clear();
    there.seen.editors.insert(slot(1), Reading::Known(Some(ipui(7))));
    let turn = take_with(&there, &neighbours);
    assert_eq!(turn.memory.strays[&ipui(1)].slot, Some(slot(4)));
    let gap = turn.memory.alerts.iter().find(|alert| alert.id == "hamburg/drift/unlisted").unwrap();
    assert_eq!(gap.severity, Severity::Warning);
    assert!(gap.summary.contains("listed in slot 1 of site acme"), "{}", gap.summary);
}

#[test]
fn a_newcomers_editor_page_is_read_in_the_cycle_that_sees_it() {
    let mut world = in_place().show_registered(2, "7777", 8);
    world.seen.editors.remove(&slot(2));
    let turn = take(&world, None);
    assert_eq!(turn.unread, BTreeSet::from([slot(2)]));
    world.seen.editors.insert(slot(2), Reading::Known(Some(ipui(8))));
    let turn = take(&world, None);
    assert_eq!(turn.unread, BTreeSet::new());
    let gap = turn.memory.alerts.iter().find(|alert| alert.id == "acme/drift/unlisted").unwrap();
    assert!(
        gap.summary.contains("handset 02 B6 EC 8A 08") && gap.severity == Severity::Info,
        "{}",
        gap.summary
    );
    assert!(turn.plan.steps.is_empty(), "it is left alone");
    assert_eq!(told(&turn, "drift").len(), 1);
}

#[test]
fn nothing_of_the_kind_is_learnt_from_another_manager() {
    let mut world = in_place().show_registered(2, "7777", 8);
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("9".into());
    let before = world.memory.clone();
    world.seen.mac = Reading::Known("7C2F80000001".parse().unwrap());
    let turn = take(&world, None);
    let after = &turn.memory;
    assert_eq!((&after.shown, &after.gaps, &after.strays), (&before.shown, &before.gaps, &before.strays));
    world.desired.manager.mac = "7C2F80000001".parse().unwrap();
    let exchanged = take(&world, None).memory;
    assert!(
        exchanged.gaps.is_some_and(|gaps| gaps.newcomers.is_empty()),
        "whoever is there was there before"
    );
    assert_eq!(exchanged.shown.slots[&slot(1)].account, None, "what the old one showed is forgotten");
}
