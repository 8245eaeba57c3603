//! What is given up, and what is not.

use super::super::alert::AlertKind;
use super::super::desired::DesiredSlot;
use super::super::ids::Firmware;
use super::super::observed::{HandsetState, Reading};
use super::super::plan::{Action, Disposition, Plan};
use super::super::world::{World, ipui, present, shown, slot};

/// Two slots whose handsets are to come in, on a manager that shows nothing of what it gets.
fn deaf() -> World {
    World::new().want(1, present("1013", Some(1))).want(2, present("1014", Some(2))).with_baseline()
}

/// The release that is due is made, fetched, read again and judged; rounds are ten minutes apart.
fn push(world: &mut World) -> Plan {
    let seconds = (world.now - super::super::world::at(0)).num_seconds();
    let plan = world.release();
    world.fetch_and_judge(seconds + 400);
    plan
}

/// The slots whose steps of this kind are given up.
fn given_up(world: &World, action: Action) -> Vec<u8> {
    let is_given_up = |disposition: &Disposition| match disposition {
        Disposition::Blocked { alert, .. } => *alert == AlertKind::PushIneffective,
        Disposition::Ready | Disposition::Deferred { .. } => false,
    };
    let steps = world.plan().steps.into_iter();
    steps
        .filter(|step| step.action == action && is_given_up(&step.disposition))
        .filter_map(|step| Some(step.slot?.number()))
        .collect()
}

fn pushes_nothing(world: &World) -> bool {
    world.plan().orders.release.is_none()
}

/// Slot 2 is as wanted, slot 1 is not.
fn second_in_effect(world: World) -> World {
    world.show_pending(2, "1014", 2)
}

#[test]
fn two_pushes_in_vain_are_the_end() {
    let mut world = deaf();
    for _ in 0..2 {
        assert_eq!(given_up(&world, Action::Reserve), [0_u8; 0]);
        push(&mut world);
    }
    assert_eq!(given_up(&world, Action::Reserve), [1, 2]);
    assert_eq!(given_up(&world, Action::ConfigureAccount), [1, 2]);
    assert!(pushes_nothing(&world));
    let missed = world.progress().missed.clone().unwrap();
    let parts: Vec<_> = missed.readings.keys().map(String::as_str).collect();
    assert_eq!(parts, ["slot 1", "slot 1 handset", "slot 2", "slot 2 handset"]);
    assert_eq!(missed.readings["slot 1 handset"], "slot 1 is not reserved for 02 B6 EC 8A 01");
    assert_eq!(missed.firmware.as_ref().map(Firmware::as_str), Some("70.111.00.000.00"));
}

#[test]
fn a_slot_that_failed_leaves_the_other_ones_repair_alone() {
    let mut world = second_in_effect(deaf());
    push(&mut world);
    push(&mut world);
    assert_eq!((given_up(&world, Action::Reserve), pushes_nothing(&world)), (vec![1], true));
    // Somebody changes the slot that had taken effect, again and again; each time it is put back.
    for round in 0..3 {
        world.slots().get_mut(&slot(2)).unwrap().user_id = Some("9".into());
        let plan = push(&mut world);
        let ready: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| step.disposition == Disposition::Ready)
            .map(|step| (step.action, step.slot))
            .collect();
        assert_eq!(ready, [(Action::ConfigureAccount, Some(slot(2)))], "{round}");
        world.slots().get_mut(&slot(2)).unwrap().user_id = Some("1014".into());
        world.judge();
        assert!(pushes_nothing(&world), "{round}");
    }
    assert_eq!(given_up(&world, Action::Reserve), [1], "and the first stays given up");
}

#[test]
fn what_is_late_is_not_given_up() {
    let mut world = deaf();
    push(&mut world);
    push(&mut world);
    let mut world = second_in_effect(world);
    world.judge();
    let left = world.progress().missed.clone().unwrap();
    assert!(left.readings.keys().all(|part| part.starts_with("slot 1")), "{left:?}");
    assert_eq!(given_up(&world, Action::Reserve), [1]);
    // Lost again by hand it is put back, and counts anew.
    world.slots().insert(slot(2), shown("1014", HandsetState::None));
    world.pending().clear();
    world.judge();
    assert_eq!(given_up(&world, Action::Reserve), [1]);
    push(&mut world);
    assert!(!pushes_nothing(&world), "missed once");
    push(&mut world);
    assert_eq!((given_up(&world, Action::Reserve), pushes_nothing(&world)), (vec![1, 2], true));
}

#[test]
fn an_effect_of_the_whole_release_ends_the_row() {
    let mut world = second_in_effect(deaf());
    push(&mut world);
    push(&mut world);
    let mut world = world.show_pending(1, "1013", 1);
    world.pending().sort();
    world.judge();
    assert!(world.progress().verified_at.is_some());
    world.slots().get_mut(&slot(1)).unwrap().handset = HandsetState::None;
    world.pending().retain(|pending| *pending != ipui(1));
    assert!(!pushes_nothing(&world));
}

#[test]
fn another_content_of_the_part_is_another_matter_and_the_same_again_is_not() {
    let mut world = deaf();
    push(&mut world);
    push(&mut world);
    let world = world.want(1, present("1013", Some(7)));
    assert_eq!(given_up(&world, Action::Reserve), [2]);
    assert!(!pushes_nothing(&world));
    // Taken out of the site file and put in again it is what it was.
    let mut world = world;
    world.desired.slots.remove(&slot(1));
    push_other(&mut world);
    let world = world.want(1, present("1013", Some(1)));
    assert_eq!(given_up(&world, Action::Reserve), [1, 2]);
}

/// Something else is released in between.
fn push_other(world: &mut World) {
    world.desired.slots.insert(slot(9), present("1090", None));
    let plan = push(world);
    assert!(plan.orders.release.is_some());
}

#[test]
fn a_name_that_is_not_taken_leaves_the_account_to_be_repaired() {
    let mut world = World::new().want(1, present("1013", None)).show(1, "1013").with_baseline();
    world.slots().get_mut(&slot(1)).unwrap().display_name = Some("cut off".into());
    push(&mut world);
    push(&mut world);
    assert_eq!(given_up(&world, Action::ConfigureAccount), [1]);
    let missed = world.progress().missed.clone().unwrap();
    assert_eq!(missed.readings.into_keys().collect::<Vec<_>>(), ["slot 1 labels"]);
    // Another user, though nothing but the name was given up.
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("9".into());
    assert_eq!(given_up(&world, Action::ConfigureAccount), [0_u8; 0]);
    assert!(!pushes_nothing(&world));
    // Nor is a password held up that the site file changes by the way.
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("1013".into());
    assert!(pushes_nothing(&world));
    let DesiredSlot::Present(wanted) = world.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
    wanted.sip.as_mut().unwrap().login = "other".into();
    assert!(!pushes_nothing(&world));
}

#[test]
fn another_firmware_may_take_what_the_last_one_did_not() {
    let mut world = deaf();
    push(&mut world);
    push(&mut world);
    let update = |world: &mut World, text: &str| world.seen.firmware = Reading::Known(text.parse().unwrap());
    update(&mut world, "70.112.00.000.00");
    assert_eq!(given_up(&world, Action::Reserve), [0_u8; 0]);
    push(&mut world);
    assert!(!pushes_nothing(&world), "once with this one");
    push(&mut world);
    assert!(pushes_nothing(&world));
    update(&mut world, "70.111.00.000.00");
    assert!(pushes_nothing(&world), "nor with the one before");
}

#[test]
fn what_another_manager_missed_or_a_person_forgave_counts_for_nothing() {
    let mut world = deaf();
    push(&mut world);
    push(&mut world);
    let forgiven = world.progress().missed.replace(super::super::release::Missed::default());
    assert!(!pushes_nothing(&world), "a person said so");
    world.progress().missed = forgiven;
    for past in &mut world.memory.past_releases {
        *past = past.clone().of_another_manager();
    }
    assert!(!pushes_nothing(&world));
}

#[test]
fn a_page_that_does_not_tell_neither_counts_nor_ends_the_row() {
    let mut world = deaf();
    push(&mut world);
    push(&mut world);
    let missed = world.progress().missed.as_mut().unwrap();
    missed.readings.remove("slot 1 handset").unwrap();
    missed.unread.insert("slot 1 handset".into());
    assert_eq!(given_up(&world, Action::Reserve), [2]);
    push(&mut world);
    assert_eq!(given_up(&world, Action::Reserve), [1, 2], "the one before and the one after");
}

#[test]
fn what_was_never_fetched_was_not_tried() {
    let mut world = deaf();
    push(&mut world);
    let mut world = world.want(3, present("1022", None));
    world.release();
    world.later(9_000);
    world.judge();
    assert_eq!(world.progress().ineffective_at, None);
    assert_eq!(given_up(&world, Action::Reserve), [0_u8; 0]);
}
