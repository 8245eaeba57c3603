//! Turns over a small world: what is learnt, what is not, and in which order things follow.

use std::time::Duration;

use super::*;
use crate::domain::alert::AlertKind;
use crate::domain::desired::Mode;
use crate::domain::ids::Mac;
use crate::domain::memory::Hindrance;
use crate::domain::observed::HandsetState;
use crate::domain::plan::Disposition;
use crate::domain::status::Health;
use crate::domain::world::{SETTLE, World, at, ipui, present, slot};

fn pace() -> Pace {
    Pace {
        interval: Duration::from_secs(300),
        interval_open: Duration::from_secs(60),
        settle: SETTLE,
        before_close: vec![Duration::from_secs(7200)],
        budget: crate::domain::budget::SiteBudget::DEFAULT,
        clock_skew: Duration::from_secs(120),
        pause_forgotten: Duration::from_secs(86_400),
    }
}

/// Takes a turn over what the world shows, or over this failure.
pub(super) fn take(world: &World, failure: Option<&ContactFailure>) -> Turn {
    take_over(world, failure.map_or(Ok(&world.seen), Err), &Neighbours::default())
}

/// The same with what other sites know.
pub(super) fn take_with(world: &World, neighbours: &Neighbours) -> Turn {
    take_over(world, Ok(&world.seen), neighbours)
}

fn take_over(world: &World, contact: Result<&Observation, &ContactFailure>, neighbours: &Neighbours) -> Turn {
    let input = TurnInput {
        desired: &world.desired,
        secrets: &world.secrets,
        key: &World::key(),
        pace: &pace(),
        own_url: None,
        contact,
        neighbours,
        clearance: &world.clearance,
        now: world.now,
    };
    turn(&input, world.memory.clone())
}

/// The site clock of the world shows Berlin's time.
pub(super) fn in_step(mut world: World) -> World {
    let local = world.seen.at.with_timezone(&world.desired.time_zone).naive_local();
    world.seen.device_clock = Reading::Known(local);
    world
}

/// The same of a world that goes on.
fn in_step_of(world: &World) -> World {
    let local = world.seen.at.with_timezone(&world.desired.time_zone).naive_local();
    let seen = Observation { device_clock: Reading::Known(local), ..world.seen.clone() };
    World {
        desired: world.desired.clone(),
        memory: world.memory.clone(),
        seen,
        now: world.now,
        ..World::new()
    }
}

fn alert_kinds(turn: &Turn) -> Vec<AlertKind> {
    turn.memory
        .alerts
        .iter()
        .filter(|alert| alert.state == AlertState::Firing)
        .map(|alert| alert.kind)
        .collect()
}

fn what(turn: &Turn) -> Vec<&str> {
    turn.history.iter().map(|entry| entry.what.as_str()).collect()
}

#[test]
fn the_first_contact_is_remembered_and_only_reads() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.memory = SiteMemory::default();
    let first = take(&world, None);
    assert_eq!(first.memory.first_contact, Some((world.now, world.desired.manager.mac)));
    assert!(first.plan.orders.is_empty());
    assert!(first.plan.steps.iter().all(|step| matches!(step.disposition, Disposition::Deferred { .. })));
    assert_eq!(first.next_look.reason, "a second look after first contact");
    world.memory = first.memory;
    world.later(10);
    let second = take(&in_step(world), None);
    assert!(second.plan.orders.release.is_some(), "{:?}", second.plan.steps);
}

#[test]
fn nothing_is_learnt_from_another_device_at_the_address() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.seen.mac = Reading::Known("7C2F80000000".parse::<Mac>().unwrap());
    let turn = take(&world, None);
    assert_eq!(turn.memory.observation, None);
    assert_eq!(turn.memory.slots[&slot(1)].registration, Registration::Unknown);
    assert!(turn.plan.steps.is_empty() && turn.plan.orders.is_empty());
    assert_eq!(turn.status.health, Health::Blocked);
    assert_eq!(alert_kinds(&turn), [AlertKind::WrongDevice]);
}

#[test]
fn a_page_that_does_not_say_whose_it_is_moves_no_verdict() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.remember(1, Registration::Registered, Some(1));
    world.seen.mac = Reading::Unreadable("cut".into());
    world.seen.slots = Reading::Known(BTreeMap::new());
    let turn = take(&world, None);
    assert_eq!(turn.memory.slots, world.memory.slots);
    assert!(turn.plan.steps.is_empty());
    assert_eq!(turn.memory.unreadable_cycles, 1);
}

#[test]
fn failed_contacts_are_counted_and_leave_what_was_known() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    let dark = ContactFailure::Unreachable("no answer".into());
    let first = take(&world, Some(&dark));
    world.memory = first.memory;
    world.later(300);
    let second = take(&world, Some(&dark));
    let trouble = second.memory.trouble.clone().unwrap();
    assert_eq!((trouble.failures, trouble.since), (2, at(5)));
    assert_eq!(second.memory.slots[&slot(1)].registration, Registration::Registered);
    assert_eq!(second.status.health, Health::Unreachable);
    assert_eq!(alert_kinds(&second), [AlertKind::Unreachable]);
    world.memory = second.memory;
    world.later(600);
    let back = take(&in_step(world), None);
    assert_eq!(back.memory.trouble, None);
    assert!(alert_kinds(&back).is_empty());
    assert_eq!(what(&back), ["alert"], "its end is told");
}

#[test]
fn a_refused_password_is_marked_until_one_is_taken() {
    let mut world = in_step(World::new());
    let refused = take(&world, Some(&ContactFailure::LoginRefused("code 1".into())));
    let password = world.secrets.get(&world.desired.manager.password).unwrap();
    assert_eq!(refused.memory.refused_password, Some(fingerprint::password_mark(&password, &World::key())));
    world.memory = refused.memory;
    assert_eq!(take(&world, None).memory.refused_password, None);
}

#[test]
fn a_password_without_a_clear_answer_counts_as_refused_the_second_time() {
    let mut world = in_step(World::new());
    let password = world.secrets.get(&world.desired.manager.password).unwrap();
    let mark = fingerprint::password_mark(&password, &World::key());
    let unclear = ContactFailure::LoginUnclear("sent back to the login page".into());
    world.memory = take(&world, Some(&unclear)).memory;
    assert_eq!(world.memory.refused_password, None, "once is bad luck");
    world.memory = take(&world, None).memory;
    let first = take(&world, Some(&unclear));
    assert_eq!(alert_kinds(&first), [AlertKind::PageNotUnderstood]);
    world.memory = first.memory;
    let second = take(&world, Some(&unclear));
    assert_eq!(second.memory.refused_password, Some(mark));
    assert_eq!(second.status.health, Health::Blocked);
    assert!(second.status.reason.contains("twice: sent back"), "{}", second.status.reason);
    assert!(alert_kinds(&second).contains(&AlertKind::LoginRefused));
    world.memory = second.memory;
    assert_eq!(take(&world, None).memory.refused_password, None, "a login settles it");
}

#[test]
fn a_site_found_as_wanted_is_the_baseline_for_later_changes() {
    let world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    let turn = take(&world, None);
    assert_eq!(turn.plan.steps, []);
    assert_eq!(turn.status.health, Health::Converged);
    let status = &turn.status.generation;
    assert_eq!((status.verified.as_ref(), status.released.as_ref()), (status.desired.as_ref(), None));
    let mut edited = world;
    edited.memory = turn.memory;
    edited.desired.slots.insert(slot(1), present("1014", Some(1)));
    edited.later(300);
    assert!(!take(&in_step(edited), None).plan.steps.is_empty());
}

#[test]
fn a_window_that_closed_is_entered_with_who_was_missing_and_told_once() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_pending(1, "1013", 1));
    let mut open = crate::domain::world::window(1, 0);
    (open.opens_at, open.closes_at) = (at(0).fixed_offset(), Some(at(3600).fixed_offset()));
    world.memory.windows = vec![open];
    world.memory = take(&world, None).memory;
    assert_eq!(world.memory.slots[&slot(1)].registration, Registration::Pending);
    world.later(3700);
    let closed = take(&in_step(world), None);
    let ended = &closed.memory.windows[0].missing_at_end;
    assert_eq!(ended.as_ref().map(BTreeSet::len), Some(1));
    assert!(what(&closed).contains(&"window"));
    assert_eq!(closed.memory.slots[&slot(1)].registration, Registration::Expired);
    assert!(alert_kinds(&closed).contains(&AlertKind::WindowExpiredUnfilled));
}

/// What was read before the end says nothing of who came in until it: the next look does, and it comes at once.
#[test]
fn a_window_that_closed_while_the_manager_was_read_has_left_nobody_out_yet() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_pending(1, "1013", 1));
    let mut open = crate::domain::world::window(1, 0);
    (open.opens_at, open.closes_at) = (at(0).fixed_offset(), Some(at(3600).fixed_offset()));
    world.memory.windows = vec![open];
    world.memory = take(&world, None).memory;
    world.later(3598);
    let straddling = take(&in_step_of(&world), None);
    assert_eq!(straddling.memory.slots[&slot(1)].registration, Registration::Pending);
    assert!(!alert_kinds(&straddling).contains(&AlertKind::WindowExpiredUnfilled));
    assert_eq!(straddling.next_look.reason, "the window's next edge");
    assert!(straddling.next_look.after <= Duration::from_secs(1), "{:?}", straddling.next_look);
    world.memory = straddling.memory;
    let dark = take(&world, Some(&ContactFailure::Unreachable("no answer".into())));
    assert!(alert_kinds(&dark).contains(&AlertKind::WindowExpiredUnfilled), "nobody can look any more");
    world.later(3604);
    let behind = take(&in_step(world), None);
    assert_eq!(behind.memory.slots[&slot(1)].registration, Registration::Expired);
    assert!(alert_kinds(&behind).contains(&AlertKind::WindowExpiredUnfilled));
}

#[test]
fn mode_observe_shows_and_never_orders() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.desired.mode = Mode::Observe;
    let turn = take(&world, None);
    assert!(!turn.plan.steps.is_empty() && turn.plan.orders.is_empty());
    assert_eq!(turn.status.health, Health::Drifted);
    assert_eq!(alert_kinds(&turn), [AlertKind::Drift]);
}

#[test]
fn the_same_turn_gives_the_same_result() {
    let world =
        in_step(World::new().want(1, present("1013", Some(1))).show_pending(1, "1013", 1).show(2, "by hand"));
    let (one, other) = (take(&world, None), take(&world, None));
    assert_eq!((one.memory, one.plan, one.status), (other.memory, other.plan, other.status));
}

#[test]
fn a_handset_gone_by_hand_is_told_with_its_evidence() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    world.slots().get_mut(&slot(1)).unwrap().handset = HandsetState::None;
    world.seen.editors.clear();
    world.later(300);
    let turn = take(&in_step(world), None);
    let told = turn.history.iter().find(|entry| entry.what == "registration").unwrap();
    assert!(told.outcome.starts_with("slot 1 (02 B6 EC 8A 01): registered -> lost: "), "{}", told.outcome);
    assert!(told.outcome.ends_with("; likely cause: deregistered by hand"), "{}", told.outcome);
    assert!(alert_kinds(&turn).contains(&AlertKind::HandsetLost));
}

#[test]
fn a_cause_that_becomes_clearer_is_told_again() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    let both = world.seen.slots.clone();
    world.seen.slots = Reading::Unreadable("cut".into());
    world.seen.editors.clear();
    world.pending().push(ipui(1));
    world.later(300);
    let told = |turn: &Turn| -> Vec<String> {
        let entries = turn.history.iter().filter(|entry| entry.what == "registration");
        entries.map(|entry| entry.outcome.clone()).collect()
    };
    let lost = take(&in_step_of(&world), None);
    assert!(told(&lost)[0].ends_with("; the cause is not known"), "{:?}", told(&lost));
    world.memory = lost.memory;
    world.seen.slots = both;
    world.slots().get_mut(&slot(1)).unwrap().handset = HandsetState::Pending;
    world.later(600);
    let clearer = take(&in_step_of(&world), None);
    let line = "slot 1 (02 B6 EC 8A 01): still lost: likely cause: deregistered by hand";
    assert_eq!(told(&clearer), [line]);
    assert_eq!(clearer.status.slots[0].cause.as_deref(), Some("deregistered-by-hand"));
    world.memory = clearer.memory;
    world.later(900);
    assert_eq!(told(&take(&in_step_of(&world), None)), Vec::<String>::new(), "once");
}

#[test]
fn editor_pages_that_are_left_over_are_read_soon() {
    let mut world = World::new();
    for number in 1..=11 {
        let user = format!("10{number}");
        world = world.want(number, present(&user, Some(number))).show(number, &user);
        world.slots().get_mut(&slot(number)).unwrap().handset = HandsetState::Registered;
    }
    let mut world = in_step(world);
    let first = take(&world, None);
    assert_eq!(first.unread.len(), 10);
    for page in &first.unread {
        world.seen.editors.insert(*page, Reading::Known(Some(ipui(page.number()))));
    }
    let turn = take(&world, None);
    assert_eq!((turn.unread.len(), turn.next_look.reason), (1, "more editor pages to read"));
    assert_eq!(turn.status.health, Health::Unknown);
    world.seen.editors.insert(slot(3), Reading::Unreadable("cut".into()));
    assert_ne!(take(&world, None).next_look.reason, "more editor pages to read", "the device is in trouble");
}

#[test]
fn an_exchanged_manager_begins_anew() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    let mut old = crate::domain::world::window(3, 0);
    old.policy = window::policy_text(world.desired.registration.as_ref().unwrap());
    world.memory.windows = vec![old];
    let exchanged: Mac = "7C2F80111111".parse().unwrap();
    world.desired.manager.mac = exchanged;
    world.seen.mac = Reading::Known(exchanged);
    world.slots().clear();
    world.seen.editors.clear();
    world.later(300);
    let first = take(&in_step(world), None);
    assert_eq!(first.memory.first_contact.map(|(_, mac)| mac), Some(exchanged));
    assert_eq!(first.memory.slots[&slot(1)].registration, Registration::Reserved, "nobody was lost here");
    assert!(first.plan.orders.is_empty(), "the first contact only reads");
    assert!(first.plan.steps.iter().any(|step| step.action == crate::domain::plan::Action::OpenWindow));
    assert_eq!(first.memory.windows[0].missing_at_end, Some(BTreeSet::new()));
}

#[test]
fn what_was_released_for_another_manager_is_not_in_place() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.release();
    world.memory.first_contact = Some((at(6), world.desired.manager.mac));
    let of_old = of_this_manager(&world.desired, world.memory.clone());
    assert_eq!((of_old.release, of_old.past_releases.len()), (None, 1));
    world.memory.first_contact = Some((at(-4), world.desired.manager.mac));
    assert!(of_this_manager(&world.desired, world.memory).release.is_some());
}

#[test]
fn orders_that_failed_wait_and_are_told() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.memory.hindrance =
        Some(Hindrance { since: at(0), failures: 2, why: "the form has changed".into(), wanted: None });
    let held = take(&world, None);
    assert!(held.plan.orders.is_empty() && !held.plan.steps.is_empty());
    assert_eq!(alert_kinds(&held), [AlertKind::PushFailed]);
    assert_eq!((held.status.health, held.status.reason.as_str()), (Health::Blocked, "the form has changed"));
    world.later(600);
    assert!(!take(&in_step(world), None).plan.orders.is_empty(), "ten minutes after the second failure");
}

#[test]
fn the_last_clock_that_was_read_stands_in_for_one_that_was_not() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_pending(1, "1013", 1));
    let slow = world.seen.device_clock.known().copied().unwrap() - chrono::TimeDelta::hours(1);
    world.seen.device_clock = Reading::Known(slow);
    let mut open = crate::domain::world::window(1, 0);
    let begins = at(-3600).fixed_offset();
    (open.opens_at, open.closes_at) = (begins, Some(begins + chrono::TimeDelta::hours(2)));
    world.memory.windows = vec![open];
    for seconds in [300, 5400] {
        world.memory = take(&world, None).memory;
        world.seen.device_clock = Reading::Unreadable("cut".into());
        world.later(seconds);
    }
    let turn = take(&world, None);
    assert_eq!(turn.status.window.state, WindowState::Open, "it closes when the device's clock says so");
    assert_eq!(turn.memory.windows[0].missing_at_end, None);
}

#[test]
fn health_is_unknown_while_a_page_cannot_be_read() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    world.seen.mac = Reading::Unreadable("no MAC".into());
    let turn = take(&world, None);
    assert_eq!(turn.status.health, Health::Unknown);
    assert_eq!(turn.status.reason, "the status page could not be read: no MAC");
}

#[test]
fn a_page_read_within_the_settle_time_moves_no_verdict_however_long_the_reading_took() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    world.memory = take(&world, None).memory;
    let mut world = world.want(2, present("1014", Some(2)));
    world.release();
    world.memory.release.as_mut().unwrap().progress.fetched_at = Some(at(10));
    world.slots().clear();
    world.seen.editors.clear();
    world.later(100);
    world.now = at(200);
    let turn = take(&in_step(world), None);
    assert_eq!(turn.memory.slots[&slot(1)].registration, Registration::Registered);
    assert_eq!(alert_kinds(&turn), []);
}

#[test]
fn what_hinders_ends_with_the_orders_and_with_another_site_file() {
    let failed = |wanted| Some(Hindrance { since: at(0), failures: 9, why: "no".into(), wanted });
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    let wanted = take(&world, None).status.generation.desired;
    world.memory.hindrance = failed(wanted);
    assert!(take(&world, None).plan.orders.is_empty());
    world.memory.hindrance = failed(Some(crate::domain::release::Generation("another".into())));
    assert!(!take(&world, None).plan.orders.is_empty(), "the file was corrected");
    let mut done = in_step(World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1));
    done.memory.hindrance = failed(None);
    let turn = take(&done, None);
    assert_eq!((turn.memory.hindrance, turn.status.health), (None, Health::Converged));
}

#[test]
fn an_unclear_login_is_remembered_through_other_failures() {
    let mut world = in_step(World::new());
    let unclear = ContactFailure::LoginUnclear("no answer".into());
    for failure in [&unclear, &ContactFailure::SessionBusy("code 2".into())] {
        let turn = take(&world, Some(failure));
        assert_eq!(turn.memory.refused_password, None);
        world.memory = turn.memory;
    }
    let turn = take(&world, Some(&unclear));
    assert!(turn.memory.refused_password.is_some(), "{:?}", turn.memory.trouble);
}

#[test]
fn a_first_contact_in_the_future_disowns_no_release() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.release();
    world.memory.first_contact = Some((at(86_400), world.desired.manager.mac));
    let turn = take(&world, None);
    assert_eq!(turn.memory.first_contact.map(|(at, _)| at), Some(world.now));
    assert!(turn.memory.release.is_some());
}

#[test]
fn nothing_goes_out_while_it_is_not_known_where_the_manager_fetches_from() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))));
    world.desired.manager.enrol = true;
    world.seen.config_url = Some(Reading::Unreadable("cut".into()));
    let (key, pace) = (World::key(), pace());
    let input = TurnInput {
        desired: &world.desired,
        secrets: &world.secrets,
        key: &key,
        pace: &pace,
        own_url: Some("http://10.0.0.1:8720/p/t/M.xml"),
        contact: Ok(&world.seen),
        neighbours: &Neighbours::default(),
        clearance: &world.clearance,
        now: world.now,
    };
    let turn = turn(&input, world.memory.clone());
    assert!(turn.plan.orders.is_empty());
    assert!(turn.plan.steps.iter().all(|step| matches!(step.disposition, Disposition::Blocked { .. })));
}

#[test]
fn who_comes_in_is_entered_into_the_ledger_once_and_timed() {
    let mut world = in_step(World::new().want(1, present("1013", Some(1))).show(1, "1013"));
    world.memory = take(&world, None).memory;
    world.release();
    world.progress().fetched_at = Some(at(20));
    world.later(600);
    let mut world = in_step(world.show_pending(1, "1013", 1));
    let waits = take(&world, None);
    assert_eq!(waits.memory.slots[&slot(1)].registration, Registration::Pending);
    assert_eq!(waits.registration_times, []);
    world.memory = waits.memory;
    world.pending().clear();
    world.later(660);
    let world = in_step(world.show_registered(1, "1013", 1));
    let comes = take(&world, None);
    let [window] = comes.memory.windows.as_slice() else { panic!("{:?}", comes.memory.windows) };
    let arrival = &window.arrivals[&slot(1)];
    assert_eq!((arrival.missing_at, arrival.seen_at), (Some(at(600)), at(660)));
    assert_eq!(arrival.admitted_at, at(20), "the window had been open, and the file was fetched then");
    assert_eq!(comes.registration_times, [TimeDelta::seconds(640)]);
    assert_eq!(window.release.as_ref().and_then(|release| release.fetched_at), Some(at(20)));
    let mut world = World { memory: comes.memory, ..world };
    world.later(720);
    assert_eq!(take(&in_step(world), None).registration_times, []);
}
