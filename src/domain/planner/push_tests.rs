//! Pushes and windows: when the manager is told again, what is repaired, renewed and given up, and which window opens.

use std::collections::BTreeSet;

use super::super::content::HandsetCode;
use super::super::desired::WindowDuration;
use super::super::memory::Registration;
use super::super::observed::Reading;
use super::super::release::{Progress, TriggerOutcome};
use super::super::world::{World, at, brief, ipui, present, slot};
use super::tests::{codes, release, wiki, wiki_in_effect};
use super::*;

#[test]
fn what_is_released_waits_for_its_fetch() {
    let mut world = wiki();
    world.release();
    let plan = world.plan();
    let (fetch, others) = plan.steps.split_last().unwrap();
    assert_eq!((fetch.action, &fetch.disposition), (Action::Fetch, &Disposition::Ready));
    assert!(others.iter().all(|step| !is_ready(step)), "{:?}", brief(&plan));
    assert_eq!((plan.orders.release, plan.orders.trigger), (None, Some(Trigger::CheckSync)));
    world.desired.manager.trigger = Trigger::None;
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    assert!(brief(&plan).last().unwrap().contains("daily fetch"));
}

#[test]
fn a_manager_is_told_again_after_a_wait_and_by_another_way_without_a_line() {
    let mut world = wiki().show(9, "9");
    world.release();
    world.later(20);
    *world.progress() = Progress {
        attempts: 1,
        triggered_at: Some(at(0)),
        trigger: Some(TriggerOutcome::Failed("100".into())),
        ..Progress::default()
    };
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    let until = Some(at(30));
    let reason = "waits before telling the manager again".to_owned();
    assert_eq!(plan.steps.last().unwrap().disposition, Disposition::Deferred { reason, until });
    world.later(30);
    assert_eq!(world.plan().orders.trigger, Some(Trigger::Web));
    world.progress().trigger = Some(TriggerOutcome::NoLine);
    assert_eq!(world.plan().orders.trigger, Some(Trigger::CheckSync));
}

#[test]
fn nothing_new_is_pushed_while_a_push_settles() {
    let mut world = wiki();
    world.release();
    world.progress().fetched_at = Some(at(10));
    let mut world = world.want(4, present("1030", None));
    world.later(100);
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    for step in &plan.steps {
        let Disposition::Deferred { reason, until } = &step.disposition else { panic!("{step:?}") };
        assert!(reason.starts_with("settling until "), "{reason}");
        assert_eq!(*until, Some(at(190)));
    }
    // Settled by the clock, but what was read is from before.
    world.now = at(195);
    assert!(world.plan().orders.is_empty());
    world.later(191);
    assert!(world.plan().orders.release.is_some());
}

#[test]
fn in_effect_is_in_sync_and_the_window_is_no_drift() {
    let world = wiki_in_effect();
    assert_eq!(brief(&world.plan()), [""; 0]);
    assert!(world.plan().orders.is_empty());
}

#[test]
fn a_repair_is_the_same_content_under_a_new_version() {
    let mut world = wiki_in_effect();
    world.slots().get_mut(&slot(3)).unwrap().display_name = Some("by hand".into());
    assert_eq!(brief(&world.plan()), ["ConfigureAccount 3 None: ready"]);
    let (new, last) = (release(&world), world.memory.release.clone().unwrap());
    assert_eq!(new.content_id, last.content);
    assert_ne!(new.version, last.version);
    assert_eq!(new.window, None, "the window that is open is repeated, not opened");
    assert_eq!(new.content.window.unwrap().seconds, 72_000);
}

#[test]
fn what_changed_nothing_twice_is_not_pushed_a_third_time() {
    let mut world = wiki();
    for round in 0..2 {
        let plan = world.release();
        assert!(plan.orders.release.is_some(), "{round}");
        world.fetch_and_judge(300 * (round + 1));
        assert!(world.progress().ineffective_at.is_some());
    }
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    assert!(brief(&plan).iter().all(|step| step.ends_with("blocked, PushIneffective")), "{:?}", brief(&plan));
    // Nor when its window ends and would open again for those very handsets.
    let mut ended = wiki();
    ended.memory = world.memory.clone();
    ended.memory.windows[0].missing_at_end = Some(BTreeSet::from([slot(1), slot(2)]));
    ended.window_state = WindowState::Closed;
    ended.later(80_000);
    assert!(brief(&ended.plan()).contains(&"ReopenWindow None: blocked, PushIneffective".to_owned()));
    assert!(ended.plan().orders.is_empty());
    // Another slot is another matter, and does not make these new.
    let mut other = world.want(4, present("1030", None));
    let plan = other.release();
    let ready: Vec<_> = brief(&plan).into_iter().filter(|step| step.ends_with("ready")).collect();
    assert_eq!(ready, ["ConfigureAccount 4 None: ready"]);
    let reserved: Vec<_> =
        brief(&other.plan()).into_iter().filter(|step| step.starts_with("Reserve")).collect();
    assert!(reserved.iter().all(|step| step.ends_with("blocked, PushIneffective")), "{reserved:?}");
    // What came into effect after all, or is wanted otherwise, may be released again.
    let edited = other.want(1, present("1013", Some(9)));
    assert!(
        brief(&edited.plan()).contains(&"Reserve 1 None: ready".to_owned()),
        "{:?}",
        brief(&edited.plan())
    );
}

#[test]
fn an_unfetched_release_that_no_longer_fits_is_replaced() {
    let mut world = wiki().show(1, "1013").show(2, "1014").show(3, "1022").with_baseline();
    world.release();
    // Meanwhile somebody has registered other handsets by hand: the file that waits would throw them out.
    let mut world = world.show_registered(1, "1013", 8).show_registered(2, "1014", 9);
    world.later(60);
    let plan = world.plan();
    assert_eq!(
        brief(&plan),
        [
            "Replace 1 Deregisters: blocked, PlanNeedsApproval",
            "Replace 2 Deregisters: blocked, PlanNeedsApproval",
            "Fetch None: ready"
        ]
    );
    let release = plan.orders.release.unwrap();
    assert_eq!(codes(&release), []);
    assert_eq!(release.content.window, None);
}

#[test]
fn every_editor_page_is_read_before_reservations_go_out() {
    let mut world = wiki().show_registered(3, "1022", 7).show_registered(9, "9", 8);
    world.seen.editors.remove(&slot(9));
    let key = World::key();
    assert_eq!(needs_deep(&world.input(&key)), BTreeSet::from([slot(9)]));
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    assert!(brief(&plan).iter().all(|step| step.contains("must be read first")));
    world.seen.editors.insert(slot(9), Reading::Known(Some(ipui(1))));
    assert!(needs_deep(&world.input(&key)).is_empty());
    assert!(brief(&world.plan()).contains(&"Replace 1 Deregisters: blocked, PlanNeedsApproval".to_owned()));
}

#[test]
fn a_window_that_closed_unfilled_opens_again_for_those_missing() {
    let mut world = wiki_in_effect().show_registered(1, "1013", 1);
    world.pending().retain(|pending| *pending != ipui(1));
    world.window_state = WindowState::Closed;
    assert_eq!(brief(&world.plan()), [""; 0], "nobody was counted at its end yet");
    world.memory.windows[0].missing_at_end = Some(BTreeSet::from([slot(2)]));
    let plan = world.release();
    assert_eq!(brief(&plan), ["ReopenWindow None: ready"]);
    assert_eq!(plan.steps[0].who, ["1014"]);
    let release = plan.orders.release.unwrap();
    assert_eq!(codes(&release), [(2, HandsetCode::Reserve(ipui(2)))]);
    let (generation, _) = desired_generation(&world.desired, &world.secrets, &World::key());
    assert_eq!(release.generation, generation, "the code left out is in place");
    // It is used up then.
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    world.later(9_000);
    world.window_state = WindowState::Closed;
    world.memory.windows[1].missing_at_end = Some(BTreeSet::from([slot(2)]));
    assert_eq!(brief(&world.plan()), [""; 0]);
}

#[test]
fn a_window_that_no_manager_fetched_is_renewed_until_one_is() {
    let mut world = wiki().show(1, "1013").show(2, "1014").show(3, "1022");
    world.desired.registration.as_mut().unwrap().reopen = 0;
    world.release();
    world.progress().trigger = Some(TriggerOutcome::Failed("100".into()));
    // An edited site file replaces the release; the window waits on.
    let mut world = world.want(3, present("1023", None));
    world.later(600);
    let edited = world.release().orders.release.unwrap();
    assert_eq!(edited.window.map(|entry| entry.window().opens_at), Some(world.memory.windows[0].opens_at));
    world.progress().trigger = Some(TriggerOutcome::Done);
    for round in 1..3 {
        world.later(80_000 * round);
        world.window_state = WindowState::Closed;
        let renewed = world.release();
        assert!(brief(&renewed).contains(&"OpenWindow None: ready".to_owned()), "{:?}", brief(&renewed));
        let entry = renewed.orders.release.unwrap().window.unwrap();
        let window = entry.window();
        assert_eq!((window.reopened, world.clock().ours(window.opens_at) <= world.now), (0, true));
        assert!(world.plan().orders.release.is_none(), "it is not renewed while it lasts");
    }
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    world.later(400_000);
    world.window_state = WindowState::Closed;
    world.memory.windows.last_mut().unwrap().missing_at_end = Some(BTreeSet::from([slot(1), slot(2)]));
    assert!(!brief(&world.plan()).iter().any(|step| step.contains("Window")), "it was open, once");
}

#[test]
fn a_changed_policy_opens_a_new_window_and_a_newcomer_too() {
    let mut world = wiki_in_effect();
    world.desired.registration.as_mut().unwrap().duration = WindowDuration::Always;
    assert_eq!(brief(&world.plan()), ["OpenWindow None: ready"]);
    let mut world = wiki_in_effect();
    world.window_state = WindowState::Closed;
    world.memory.windows[0].missing_at_end = Some(BTreeSet::new());
    world.memory.windows[0].reopened = 1;
    assert_eq!(brief(&world.plan()), [""; 0], "the reopenings are used up");
    let world = world.want(5, present("1050", Some(5))).show(5, "1050");
    assert!(
        brief(&world.plan()).contains(&"OpenWindow None: ready".to_owned()),
        "{:?}",
        brief(&world.plan())
    );
}

#[test]
fn a_manager_that_points_elsewhere_is_enrolled() {
    let mut world = World::new();
    world.own_url = Some("http://10.1.0.5:8720/p/token/%MACD.xml".into());
    world.desired.manager.enrol = true;
    assert!(world.plan().steps.is_empty(), "the page was not asked for");
    world.seen.config_url = Some(Reading::Unreadable("no".into()));
    assert!(world.plan().steps.is_empty());
    world.seen.config_url = Some(Reading::Known("http://elsewhere/".into()));
    let plan = world.plan();
    assert_eq!(brief(&plan), ["Enrol None: ready"]);
    assert_eq!(plan.orders, Orders { enrol: true, ..Orders::default() });
    assert!(!plan.steps[0].why.contains("token"));
    world.seen.config_url = Some(Reading::Known(world.own_url.clone().unwrap()));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn a_reopening_that_waits_for_its_hour_goes_out_with_nothing_else() {
    let mut world = wiki_in_effect();
    world.window_state = WindowState::Closed;
    world.memory.windows[0].missing_at_end = Some(BTreeSet::from([slot(1), slot(2)]));
    // The hour has just passed.
    let schedule = "0 0 1 1 *".parse().unwrap();
    world.desired.registration.as_mut().unwrap().reopen_schedule = Some(schedule);
    let plan = world.plan();
    let Disposition::Deferred { reason, until } = &plan.steps[0].disposition else { panic!("{plan:?}") };
    assert_eq!((plan.steps[0].action, plan.steps[0].who.len()), (Action::ReopenWindow, 2));
    assert!(until.is_some_and(|until| until > world.now) && reason.contains("2027-01-01 00:00"), "{reason}");
    assert!(plan.orders.is_empty());
    let world = world.want(4, present("1099", None));
    let new = release(&world);
    assert_eq!((new.window, new.content.window), (None, None), "another change does not open it");
}

#[test]
fn a_filled_window_is_closed_by_a_release_that_reserves() {
    let mut world = wiki_in_effect().show_registered(1, "1013", 1).show_registered(2, "1014", 2);
    world.pending().clear();
    world.memory.windows[0].reopened = 1;
    world.remember(1, Registration::Registered, Some(1));
    world.remember(2, Registration::Registered, Some(2));
    assert_eq!(brief(&world.plan()), [""; 0], "not asked for");
    world.desired.registration.as_mut().unwrap().close_when_filled = true;
    let plan = world.release();
    assert_eq!(brief(&plan), ["CloseWindow None: ready"]);
    let new = plan.orders.release.unwrap();
    assert_eq!(codes(&new).len(), 2, "a window without a reservation would block registration by hand");
    let ended = new.content.window.unwrap();
    assert!(ended.seconds > 0 && ended.seconds < 72_000, "{ended:?}");
    assert_eq!(world.memory.windows.len(), 1, "no further window");
    // Told, not fetched: the same release is what waits.
    world.later(30);
    assert!(world.plan().orders.release.is_none());
    world.progress().fetched_at = Some(world.now);
    world.progress().verified_at = Some(world.now);
    world.later(900);
    assert_eq!(brief(&world.plan()), [""; 0]);
}

#[test]
fn a_filled_window_ends_by_itself_where_no_reservation_can_go_along() {
    let mut world = wiki_in_effect().show_registered(1, "1013", 1).show_registered(2, "1014", 2);
    world.pending().clear();
    for number in [1, 2] {
        world.remember(number, Registration::Registered, None);
        world.seen.editors.insert(slot(number), Reading::Unreadable("cut".into()));
    }
    world.desired.registration.as_mut().unwrap().close_when_filled = true;
    let plan = world.plan();
    assert!(plan.orders.is_empty(), "{:?}", brief(&plan));
}
