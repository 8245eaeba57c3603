//! What is let through, and what is not, one rule a test.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::super::approval::Approval;
use super::super::budget::SiteBudget;
use super::super::clearance::{Pause, RolloutHold};
use super::super::content::HandsetCode;
use super::super::desired::{ApprovalRule, DesiredSlot, Mode};
use super::super::maintenance::MaintenanceWindow;
use super::super::plan::{Action, NewRelease, Plan};
use super::super::planner::tests::{codes, release};
use super::super::world::{World, at, brief, ipui, present, slot};
use super::*;

/// Handsets 2 and 1 are in each other's slots, and all else is in place.
fn swapped() -> World {
    World::new()
        .want(1, present("1013", Some(1)))
        .want(2, present("1014", Some(2)))
        .show_registered(1, "1013", 2)
        .show_registered(2, "1014", 1)
        .with_baseline()
}

/// Slot 1 is to be absent and holds handset 9; slot 2 is in place.
fn emptied() -> World {
    World::new()
        .want(1, DesiredSlot::Absent)
        .want(2, present("1014", Some(2)))
        .show_registered(1, "1013", 9)
        .show_registered(2, "1014", 2)
        .with_baseline()
}

/// What is mended now.
fn ready(plan: &Plan) -> Vec<String> {
    let mended = |step: &String| step.ends_with(": ready") && !step.starts_with("OpenWindow");
    brief(plan).into_iter().filter(mended).collect()
}

fn holds(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| match &step.disposition {
            Disposition::Ready => "ready".to_owned(),
            Disposition::Deferred { reason, .. } | Disposition::Blocked { reason, .. } => reason.clone(),
        })
        .collect()
}

fn approved(new: &NewRelease) -> Vec<u8> {
    new.approved.keys().map(|slot| slot.number()).collect()
}

fn every_hour(length: Duration) -> MaintenanceWindow {
    MaintenanceWindow { start: "0 * * * *".parse().unwrap(), length, time_zone: None }
}

#[test]
fn an_approved_swap_is_in_the_file_once() {
    let mut world = swapped();
    assert!(world.plan().orders.is_empty());
    world.approve();
    let plan = world.release();
    let new = plan.orders.release.unwrap();
    assert_eq!(codes(&new), [(1, HandsetCode::Reserve(ipui(1))), (2, HandsetCode::Reserve(ipui(2)))]);
    assert_eq!((approved(&new), new.impact), (vec![1, 2], Impact::Deregisters));
    assert_eq!(new.approval, world.memory.approval.as_ref().map(|approval| approval.hash.clone()));
    assert!(new.window.is_some(), "both have to come in again");
    // While it waits to be fetched and settles it stays what it is.
    assert_eq!(world.plan().orders.release, None);
    world.progress().fetched_at = Some(at(10));
    world.later(60);
    assert_eq!(world.plan().orders.release, None);
    // It has changed nothing: what was approved was done, and is not done again.
    world.later(300);
    let plan = world.plan();
    let again = plan.steps.iter().any(|step| step.needs_approval() && step.disposition == Disposition::Ready);
    assert!(!again, "{:?}", brief(&plan));
    assert_eq!(world.memory.deregistered.len(), 2);
}

#[test]
fn what_was_approved_twice_in_vain_is_in_no_file_any_more() {
    let mut world = swapped();
    for round in 1..=2 {
        world.approve();
        assert_eq!(approved(&world.release().orders.release.unwrap()), [1, 2]);
        world.fetch_and_judge(600 * round);
        assert!(world.progress().ineffective_at.is_some());
    }
    world.approve();
    let mut world = world.want(4, present("1040", None));
    let plan = world.release();
    let new = plan.orders.release.clone().unwrap();
    assert_eq!((approved(&new), new.approval.clone()), (Vec::new(), None), "and no approval is used up");
    assert_eq!(ready(&plan), ["ConfigureAccount 4 None: ready"]);
    let given_up = plan.steps.iter().filter(|step| match &step.disposition {
        Disposition::Blocked { alert, .. } => *alert == AlertKind::PushIneffective,
        Disposition::Ready | Disposition::Deferred { .. } => false,
    });
    assert_eq!(given_up.count(), 2);
    assert!(!new.content.slots.values().any(|slot| slot.handset.is_some()));
}

#[test]
fn an_approval_covers_what_is_left_of_its_plan_and_nothing_more() {
    let with_more = || swapped().want(3, present("1022", None));
    let mut world = with_more();
    world.approve();
    assert_eq!(ready(&world.plan()).len(), 3);
    // The third account was set meanwhile: that was part of the plan.
    let done = World { memory: world.memory.clone(), ..with_more().show(3, "1022") };
    let first = world.memory.approval.clone();
    let mut done = done.with_baseline();
    done.memory.approval = first.clone();
    assert_eq!(ready(&done.plan()).len(), 2);
    // Something new, something else in a slot, another wish, another device.
    let stale = |change: fn(&mut World)| {
        let mut world = with_more();
        world.memory.approval = first.clone();
        change(&mut world);
        let plan = world.plan();
        let deregisters = plan.steps.iter().filter(|step| step.impact == Impact::Deregisters);
        let all: Vec<_> = deregisters.map(|step| step.disposition.clone()).collect();
        assert!(
            !all.is_empty() && all.iter().all(|one| matches!(one, Disposition::Blocked { .. })),
            "{all:?}"
        );
        assert!(plan.orders.release.is_none_or(|new| codes(&new).is_empty()));
    };
    stale(|world| {
        world.desired.slots.insert(slot(4), present("1044", None));
    });
    stale(|world| {
        world.seen.editors.insert(slot(2), super::super::observed::Reading::Known(Some(ipui(7))));
    });
    stale(|world| {
        world.desired.slots.insert(slot(1), present("1013", Some(8)));
    });
    stale(|world| {
        world.desired.slots.insert(slot(2), DesiredSlot::Absent);
    });
    stale(|world| {
        world.slots().insert(
            slot(1),
            super::super::world::shown("1099", super::super::observed::HandsetState::Registered),
        );
    });
}

#[test]
fn an_approval_ends_and_may_need_two() {
    let mut world = swapped();
    world.approve();
    let expired = |approval: &mut Approval| approval.expires_at = at(0);
    world.memory.approval.as_mut().map(expired);
    assert!(world.plan().orders.is_empty());
    world.approve();
    world.desired.approval = ApprovalRule::SecondPerson;
    assert!(world.plan().orders.is_empty());
    let grants = &mut world.memory.approval.as_mut().unwrap().grants;
    grants.push(super::super::approval::Grant { by: "ben".into(), ..grants[0].clone() });
    assert!(world.plan().orders.release.is_some());
}

#[test]
fn what_was_approved_and_not_fetched_is_withdrawn_when_the_approval_ends() {
    let mut world = swapped();
    world.approve();
    world.release();
    world.memory.approval.as_mut().unwrap().expires_at = at(500);
    world.later(490);
    assert_eq!(world.plan().orders.release, None, "still the same file");
    world.later(600);
    let new = release(&world);
    assert_eq!((codes(&new), approved(&new)), (vec![], vec![]));
    world.release();
    assert_eq!(world.memory.deregistered, []);
}

#[test]
fn what_is_not_approved_stays_out_and_so_does_its_slots_account() {
    let mut world = swapped();
    world.desired.slots.insert(slot(1), present("1099", Some(1)));
    let world = world.want(3, present("1022", None));
    let new = release(&world);
    assert_eq!(codes(&new), []);
    assert!(!new.content.slots.contains_key(&slot(1)), "the phone in the slot would get the other's number");
    assert_eq!(new.content.slots[&slot(2)].account.user.as_deref(), Some("1014"), "repeated as it is");
}

#[test]
fn an_absent_slot_is_cleared_with_an_approval() {
    let mut world = emptied();
    assert!(world.plan().orders.is_empty());
    world.approve();
    let new = world.release().orders.release.unwrap();
    assert_eq!(codes(&new), [(1, HandsetCode::Clear), (2, HandsetCode::Reserve(ipui(2)))]);
    assert_eq!(approved(&new), [1]);
}

#[test]
fn a_plan_over_the_budget_is_not_carried_out_approved_or_not() {
    let mut world = swapped();
    world.budget = SiteBudget { per_day: 1, per_day_percent: 100 };
    world.approve();
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    let why = holds(&plan);
    assert!(why[0].contains("would deregister 2 handsets") && why[0].contains("is 1 a day"), "{why:?}");
    assert!(why[0].contains("site_per_day"), "{why:?}");
    world.budget.per_day = 2;
    assert!(world.plan().orders.release.is_some());
}

#[test]
fn a_budget_that_is_used_up_waits_for_the_next_day() {
    let mut world = swapped();
    world.budget = SiteBudget { per_day: 3, per_day_percent: 100 };
    let past = |seconds| super::super::memory::Deregistration {
        at: at(seconds),
        release: 1,
        slot: slot(9),
        ipui: None,
    };
    world.memory.deregistered = vec![past(-100), past(-50)];
    world.approve();
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    let Disposition::Deferred { until: Some(until), reason } = &plan.steps[0].disposition else {
        panic!("{:?}", plan.steps[0].disposition)
    };
    assert!(reason.contains("2 of 3"), "{reason}");
    world.seen.at = *until;
    world.now = *until + TimeDelta::seconds(1);
    world.memory.approval.as_mut().unwrap().expires_at = world.now + TimeDelta::hours(1);
    assert!(world.plan().orders.release.is_some());
}

#[test]
fn the_budget_of_the_fleet_holds_too() {
    let mut world = swapped();
    world.approve();
    world.clearance.fleet_budget_left = Some(1);
    let plan = world.plan();
    assert!(plan.orders.is_empty() && holds(&plan)[0].contains("the budget of the fleet lets 1 more"));
    world.clearance.fleet_budget_left = Some(2);
    assert!(world.plan().orders.release.is_some());
}

#[test]
fn a_shrunken_file_is_one_question_and_nothing_else_is_done() {
    let mut world = swapped().want(3, present("1022", None));
    world.memory.listed = Some((1..=20).map(slot).collect());
    let plan = world.plan();
    let steps = brief(&plan);
    assert_eq!(steps[0], "FollowFile None: blocked, PlanNeedsApproval");
    assert!(steps[1..].iter().all(|step| step.contains("deferred")), "{steps:?}");
    assert!(plan.steps[0].why.contains("lists 3 slots where it listed 20"), "{}", plan.steps[0].why);
    assert!(plan.orders.is_empty());
    world.approve();
    let approved = world.plan();
    assert!(approved.steps.iter().all(|step| step.action != Action::FollowFile));
    assert_eq!(ready(&approved).len(), 3);
    world.desired.mode = Mode::Observe;
    world.memory.approval = None;
    assert!(world.plan().steps.iter().all(|step| step.action != Action::FollowFile));
}

#[test]
fn what_disturbs_waits_for_the_maintenance_window_and_what_does_not_goes_on() {
    let mut world = World::new()
        .want(1, present("1013", Some(1)))
        .want(2, present("1014", Some(2)))
        .show_registered(1, "1013", 1)
        .show(2, "1014")
        .with_baseline();
    let DesiredSlot::Present(first) = world.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
    first.sip.as_mut().unwrap().login = "new".into();
    world.clearance.maintenance = Some(every_hour(Duration::from_secs(60)));
    world.now = "2026-11-22T10:30:00Z".parse().unwrap();
    world.seen.at = world.now;
    let plan = world.plan();
    let holds = holds(&plan);
    assert!(holds[0].starts_with("waits for the maintenance window at 2026-11-22 12:00 +01:00"), "{holds:?}");
    let new = world.release().orders.release.unwrap();
    assert_eq!(codes(&new), [(1, HandsetCode::Reserve(ipui(1))), (2, HandsetCode::Reserve(ipui(2)))]);
    assert_eq!(new.content.slots[&slot(1)].account.login, None, "the account stays as it is");
    assert_eq!((new.impact, new.content.slots[&slot(2)].account.active), (Impact::None, Some(true)));
    // The file goes back to what it was: nothing is left to do.
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    let world = world.show_pending(2, "1014", 2);
    let mut back = World { desired: world.desired.clone(), ..world };
    let DesiredSlot::Present(first) = back.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
    first.sip.as_mut().unwrap().login = "1013".into();
    assert_eq!(brief(&back.plan()), [""; 0]);
}

#[test]
fn inside_the_maintenance_window_it_is_done() {
    let mut world = swapped();
    world.desired.maintenance = Some(every_hour(Duration::from_secs(600)));
    world.now = "2026-11-22T10:05:00Z".parse().unwrap();
    world.seen.at = world.now;
    world.approve();
    assert!(world.plan().orders.release.is_some());
    world.now = "2026-11-22T10:15:00Z".parse().unwrap();
    world.seen.at = world.now;
    assert!(world.plan().orders.is_empty(), "the site's own counts");
}

#[test]
fn a_file_that_was_not_fetched_in_the_maintenance_window_is_withdrawn_and_released_in_the_next() {
    let mut world = swapped();
    world.desired.maintenance = Some(every_hour(Duration::from_secs(600)));
    world.now = "2026-11-22T10:05:00Z".parse().unwrap();
    world.seen.at = world.now;
    world.approve();
    world.release();
    world.now = "2026-11-22T10:15:00Z".parse().unwrap();
    world.seen.at = world.now;
    let new = world.release().orders.release.unwrap();
    assert_eq!(codes(&new), []);
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    world.now = "2026-11-22T11:05:00Z".parse().unwrap();
    world.seen.at = world.now;
    assert_eq!(approved(&release(&world)), [1, 2]);
}

#[test]
fn a_rollout_and_a_pause_hold_back() {
    let mut world = swapped().want(3, present("1022", None));
    world.approve();
    world.clearance.rollout =
        Some(RolloutHold::Waits { reason: "waits for the canaries a, b".into(), until: None });
    let plan = world.plan();
    assert!(plan.orders.is_empty() && holds(&plan).iter().all(|why| why.contains("canaries")), "{plan:?}");
    world.clearance.rollout = Some(RolloutHold::Stopped { reason: "the rollout was stopped".into() });
    let plan = world.plan();
    assert!(plan.orders.is_empty() && holds(&plan).iter().all(|why| why.contains("stopped")));
    world.clearance.rollout = None;
    let pause =
        Pause { since: at(0), until: None, by: "anna".into(), reason: String::new(), whole_fleet: false };
    world.clearance.pause = Some(pause.clone());
    let plan = world.plan();
    assert!(plan.orders.is_empty() && holds(&plan).iter().all(|why| why.contains("paused by anna")));
    world.clearance.pause = Some(Pause { until: Some(at(5)), ..pause });
    assert!(world.plan().orders.release.is_some(), "it is over");
    world.clearance.password_change = true;
    assert!(world.plan().orders.is_empty());
}

#[test]
fn who_waits_for_an_approval_is_named_by_a_page() {
    let mut world = World::new().want(1, DesiredSlot::Absent).show_registered(1, "1013", 9).with_baseline();
    world.seen.editors.clear();
    let key = World::key();
    let unread = super::super::planner::needs_deep(&world.input(&key));
    assert_eq!(unread, BTreeSet::from([slot(1)]));
    world.seen.editors.insert(slot(1), super::super::observed::Reading::Known(Some(ipui(9))));
    assert!(super::super::planner::needs_deep(&world.input(&key)).is_empty());
    assert!(world.plan().terms.iter().any(|term| term.contains("the registered handset 02 B6 EC 8A 09")));
}

#[test]
fn what_was_released_and_not_fetched_is_not_in_place() {
    let mut world =
        World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1).with_baseline();
    let login = |world: &mut World, login: &str| {
        let DesiredSlot::Present(first) = world.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
        first.sip.as_mut().unwrap().login = login.into();
    };
    world.clearance.maintenance = Some(every_hour(Duration::from_secs(600)));
    let read_at = |world: &mut World, time: &str| {
        world.now = time.parse().unwrap();
        world.seen.at = world.now;
    };
    read_at(&mut world, "2026-11-22T10:05:00Z");
    login(&mut world, "one");
    world.release();
    // Not fetched when people may not be disturbed any more: it is taken back, whatever the file says by then.
    read_at(&mut world, "2026-11-22T10:15:00Z");
    let plan = world.plan();
    let brief = brief(&plan);
    assert!(brief[0].contains("deferred, waits for the maintenance window"), "{brief:?}");
    let new = world.release().orders.release.unwrap();
    assert_eq!(new.content.slots[&slot(1)].account.login, None);
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    read_at(&mut world, "2026-11-22T11:05:00Z");
    let new = release(&world);
    assert_eq!(new.content.slots[&slot(1)].account.login.as_deref(), Some("one"), "the device never had it");
}

#[test]
fn a_budget_counts_nothing_twice() {
    let mut world = swapped();
    world.budget = SiteBudget { per_day: 2, per_day_percent: 100 };
    world.approve();
    world.release();
    assert_eq!(world.memory.deregistered.len(), 2);
    // What is under way is counted already; something else makes the file a new one.
    let world = world.want(3, present("1022", None));
    let new = release(&world);
    assert_eq!(approved(&new), [1, 2], "{:?}", brief(&world.plan()));
}

#[test]
fn a_file_that_would_repeat_what_was_approved_is_taken_off_the_shelf() {
    let mut world = emptied();
    world.approve();
    world.release();
    world.progress().fetched_at = Some(at(10));
    world.later(300);
    world.slots().remove(&slot(1));
    world.seen.editors.remove(&slot(1));
    world.progress().verified_at = Some(at(300));
    assert_eq!(brief(&world.plan()), [""; 0], "it is done, and nobody is there");
    // The handset comes back by hand: whatever makes the manager apply the file again must not throw it out.
    let mut world = world.show_registered(1, "1013", 9);
    let plan = world.release();
    assert_eq!(brief(&plan), ["Deregister 1 Deregisters: blocked, PlanNeedsApproval", "Fetch None: ready"]);
    let new = plan.orders.release.unwrap();
    assert_eq!(codes(&new), [(2, HandsetCode::Reserve(ipui(2)))]);
    world.progress().fetched_at = Some(at(310));
    world.later(600);
    assert!(world.plan().orders.is_empty(), "once");
}
