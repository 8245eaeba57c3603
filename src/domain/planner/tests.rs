//! The planner's rules, one test each.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::super::content::HandsetCode;
use super::super::desired::{DesiredSlot, Mode};
use super::super::memory::Registration;
use super::super::observed::{FilledSlots, Reading};
use super::super::plan::NewRelease;
use super::super::release::{Progress, TriggerOutcome};
use super::super::secret::{Secret, SecretRef};
use super::super::world::{World, at, brief, ipui, present, slot};
use super::*;

const FIRST: [&str; 2] = ["ConfigureProvider None: ready", "SetPin None: ready"];

/// The wiki's example: three accounts, the first two with a handset.
pub(super) fn wiki() -> World {
    World::new()
        .want(1, present("1013", Some(1)))
        .want(2, present("1014", Some(2)))
        .want(3, present("1022", None))
}

/// The same, released, fetched, settled and seen in effect.
pub(super) fn wiki_in_effect() -> World {
    let mut world = wiki();
    world.release();
    world.progress().fetched_at = Some(at(10));
    world.progress().verified_at = Some(at(200));
    let mut world = world.show_pending(1, "1013", 1).show_pending(2, "1014", 2).show(3, "1022");
    world.later(300);
    world
}

pub(in crate::domain) fn release(world: &World) -> NewRelease {
    world.plan().orders.release.unwrap()
}

pub(in crate::domain) fn codes(release: &NewRelease) -> Vec<(u8, HandsetCode)> {
    let code = |(slot, content): (&SlotNumber, &super::super::content::SlotContent)| {
        Some((slot.number(), content.handset?))
    };
    release.content.slots.iter().filter_map(code).collect()
}

#[test]
fn the_wikis_accounts_go_out_in_one_release_with_the_window() {
    let world = wiki();
    let plan = world.plan();
    let expected = [
        FIRST[0],
        FIRST[1],
        "ConfigureAccount 1 None: ready",
        "Reserve 1 None: ready",
        "ConfigureAccount 2 None: ready",
        "Reserve 2 None: ready",
        "ConfigureAccount 3 None: ready",
        "OpenWindow None: ready",
    ];
    assert_eq!(brief(&plan), expected);
    let release = plan.orders.release.unwrap();
    assert_eq!(codes(&release), [(1, HandsetCode::Reserve(ipui(1))), (2, HandsetCode::Reserve(ipui(2)))]);
    assert_eq!(release.content.window.unwrap().seconds, 72_000);
    assert_eq!(release.window.unwrap().window().missing_at_start, BTreeSet::from([slot(1), slot(2)]));
    let (generation, _) = desired_generation(&world.desired, &world.secrets, &World::key());
    assert_eq!(release.generation, generation);
    assert_eq!(
        release.reason,
        "set providers; set the PIN; set the accounts of slots 1, 2, 3; reserve slots 1, 2; \
         open the registration window"
    );
}

#[test]
fn a_manager_without_an_account_is_told_by_check_sync() {
    assert_eq!(wiki().plan().orders.trigger, Some(Trigger::CheckSync));
    assert_eq!(wiki().show(9, "9").plan().orders.trigger, Some(Trigger::Web));
    let mut passive = wiki();
    passive.desired.manager.trigger = Trigger::None;
    let orders = passive.plan().orders;
    assert!(orders.release.is_some() && orders.trigger.is_none());
}

#[test]
fn what_is_in_place_without_a_release_gives_an_empty_plan() {
    let mut world = World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1);
    assert_eq!(brief(&world.plan()), [""; 0]);
    assert!(world.plan().orders.is_empty());
    // Without a baseline a password cannot be compared; with one its change is seen.
    world = world.with_baseline();
    assert_eq!(brief(&world.plan()), [""; 0]);
    let DesiredSlot::Present(slot) = world.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
    slot.sip.as_mut().unwrap().password = Some(SecretRef::Literal(Secret::new("neu")));
    assert_eq!(brief(&world.plan()), ["ConfigureAccount 1 Interrupts: ready"]);
    assert_eq!(release(&world).content.window, None, "everybody is registered: no window");
}

#[test]
fn without_an_observation_there_is_nothing_to_do() {
    let (world, key) = (wiki(), World::key());
    let input = PlanInput { observation: None, ..world.input(&key) };
    assert!(plan(&input).steps.is_empty() && plan(&input).orders.is_empty());
    assert!(needs_deep(&input).is_empty());
}

#[test]
fn mode_observe_shows_every_step_and_does_none() {
    let mut world = wiki().show_registered(1, "9", 9);
    world.desired.mode = Mode::Observe;
    let plan = world.plan();
    assert!(plan.orders.is_empty());
    assert!(plan.steps.len() > 3);
    assert!(brief(&plan).iter().all(|step| step.ends_with("deferred, mode = observe")), "{:?}", brief(&plan));
}

#[test]
fn a_first_contact_only_reads() {
    for met in [None, Some((at(0), "7C2F80CA21E4".parse().unwrap()))] {
        let mut world = wiki();
        world.memory.first_contact = met;
        let plan = world.plan();
        assert!(plan.orders.is_empty());
        assert!(brief(&plan).iter().all(|step| step.ends_with("deferred, first contact: read only")));
    }
}

#[test]
fn another_or_an_old_device_is_not_written_to() {
    let blocked = |change: fn(&mut Observation)| {
        let mut world = wiki();
        change(&mut world.seen);
        let plan = world.plan();
        assert!(plan.orders.is_empty() && !plan.steps.is_empty());
        let reasons: BTreeSet<_> =
            brief(&plan).iter().map(|step| step.split("blocked, ").nth(1).unwrap().to_owned()).collect();
        reasons.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(blocked(|seen| seen.mac = Reading::Known("7C2F80CA21E5".parse().unwrap())), ["WrongDevice"]);
    assert_eq!(
        blocked(|seen| seen.firmware = Reading::Known("70.107.00.000.00".parse().unwrap())),
        ["FirmwareTooOld"]
    );
    assert_eq!(blocked(|seen| seen.firmware = Reading::Unreadable("no".into())), ["PageNotUnderstood"]);
    assert_eq!(blocked(|seen| seen.mac = Reading::Unreadable("no".into())), ["PageNotUnderstood"]);
    assert_eq!(blocked(|seen| seen.pending = Reading::Unreadable("no".into())), ["PageNotUnderstood"]);
}

#[test]
fn a_handset_in_the_way_is_withheld_and_the_others_go_ahead() {
    let world = wiki().show_registered(1, "1013", 9);
    let plan = world.plan();
    let expected = [
        FIRST[0],
        FIRST[1],
        "Replace 1 Deregisters: blocked, PlanNeedsApproval",
        "ConfigureAccount 2 None: ready",
        "Reserve 2 None: ready",
        "ConfigureAccount 3 None: ready",
        "OpenWindow None: ready",
    ];
    assert_eq!(
        brief(&plan).iter().map(|step| step.replace("Interrupts", "None")).collect::<Vec<_>>(),
        expected
    );
    let release = plan.orders.release.unwrap();
    assert_eq!(codes(&release), [(2, HandsetCode::Reserve(ipui(2)))]);
    assert!(release.content.slots.contains_key(&slot(1)), "its account is still carried");
    assert_eq!(release.window.unwrap().window().missing_at_start, BTreeSet::from([slot(2)]));
    let (generation, _) = desired_generation(&world.desired, &world.secrets, &World::key());
    assert_ne!(release.generation, generation);
}

#[test]
fn an_editor_page_that_did_not_come_asks_for_no_approval() {
    let mut world = wiki().show_registered(1, "1013", 1);
    world.seen.editors.insert(slot(1), Reading::Unreadable("the connection broke".into()));
    let plan = world.plan();
    let steps = [
        FIRST[0],
        FIRST[1],
        "ConfigureAccount 2 None: ready",
        "Reserve 2 None: blocked, PageNotUnderstood",
        "ConfigureAccount 3 None: ready",
    ];
    assert_eq!(brief(&plan).iter().map(|step| step.replace("Interrupts", "None")).collect::<Vec<_>>(), steps);
    assert_eq!(codes(&plan.orders.release.unwrap()), [], "nobody's handset is put in the file");
    let mut pending = world;
    pending.pending().push(ipui(2));
    let plan = pending.plan();
    assert_eq!(codes(&plan.orders.release.unwrap()), [(2, HandsetCode::Reserve(ipui(2)))]);
}

#[test]
fn the_wikis_swap_needs_a_person() {
    let world = wiki().show_registered(1, "1013", 2).show_registered(2, "1014", 1).show(3, "1022");
    let plan = world.with_baseline().plan();
    let steps = [
        "Replace 1 Deregisters: blocked, PlanNeedsApproval",
        "Replace 2 Deregisters: blocked, PlanNeedsApproval",
    ];
    assert_eq!(brief(&plan), steps);
    assert_eq!(plan.steps[0].who, ["1013", "1014"]);
    assert!(plan.orders.is_empty());
}

#[test]
fn the_wikis_disabled_account_keeps_its_handset_and_its_gap() {
    // Account 2 was switched off with its handset, and a hand-added one has landed in its gap.
    let absent = || World::new().want(2, DesiredSlot::Absent).show(1, "1013");
    let mut hidden = absent();
    hidden.memory.filled = Some(FilledSlots { at: at(-60), filled: BTreeSet::from([slot(2)]) });
    assert_eq!(
        brief(&hidden.with_baseline().plan()),
        ["Deregister 2 Deregisters: blocked, PlanNeedsApproval"]
    );
    let landed = absent().show_registered(2, "1099", 9).with_baseline().plan();
    assert_eq!(brief(&landed), ["Deregister 2 Deregisters: blocked, PlanNeedsApproval"]);
    assert_eq!(landed.steps[0].who, ["1099"]);
    assert!(landed.orders.is_empty());
}

#[test]
fn an_absent_slot_without_a_handset_is_cleared_and_then_left_alone() {
    let mut world = World::new().want(2, DesiredSlot::Absent).show_pending(2, "1014", 2).with_baseline();
    assert_eq!(brief(&world.plan()), ["Deregister 2 None: ready"]);
    assert_eq!(codes(&release(&world)), [(2, HandsetCode::Clear)]);
    assert_eq!(release(&world).content.slots[&slot(2)].account.active, Some(false));
    // Absent as far as can be seen: what is released for another reason does not clear it by the way.
    world.slots().clear();
    world.pending().clear();
    assert_eq!(brief(&world.plan()), [""; 0]);
    let world = world.want(3, present("1022", None));
    assert_eq!(release(&world).content.slots.keys().copied().collect::<Vec<_>>(), [slot(3)]);
}

#[test]
fn a_missing_secret_withholds_its_slot_alone() {
    let mut world = wiki();
    let DesiredSlot::Present(second) = world.desired.slots.get_mut(&slot(2)).unwrap() else { panic!() };
    second.sip.as_mut().unwrap().password = Some(SecretRef::Env("NOPE".into()));
    let plan = world.plan();
    let of_two: Vec<_> = brief(&plan).into_iter().filter(|step| step.contains(" 2 ")).collect();
    assert_eq!(
        of_two,
        ["ConfigureAccount 2 None: blocked, SecretMissing", "Reserve 2 None: blocked, SecretMissing"]
    );
    let release = plan.orders.release.unwrap();
    assert_eq!(release.content.slots.keys().map(|slot| slot.number()).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(release.window.unwrap().window().missing_at_start, BTreeSet::from([slot(1)]));
}

#[test]
fn a_secret_that_is_gone_for_a_while_takes_nothing_out_of_a_waiting_release() {
    let reference = SecretRef::Env("PASSWORD_2".into());
    let mut world = wiki();
    let DesiredSlot::Present(second) = world.desired.slots.get_mut(&slot(2)).unwrap() else { panic!() };
    second.sip.as_mut().unwrap().password = Some(reference.clone());
    world.secrets.enter(&reference, Ok(Secret::new("da")));
    world.release();
    world.secrets.enter(&reference, Err("gone".into()));
    world.later(60);
    let orders = world.plan().orders;
    assert_eq!((orders.release, orders.trigger), (None, Some(Trigger::CheckSync)), "it waits for its fetch");
    // Another handset has come into the slot meanwhile: the file that waits would throw it out.
    let taken = world.show_registered(2, "1014", 9);
    let new = release(&taken);
    assert_eq!(codes(&new), [(1, HandsetCode::Reserve(ipui(1)))]);
}

#[test]
fn the_hash_follows_what_is_done_and_seen_and_not_the_time() {
    let mut world = wiki().show_registered(1, "1013", 9);
    world.release();
    world.progress().fetched_at = Some(at(10));
    world.later(20);
    let settling = world.plan().hash;
    world.now += TimeDelta::seconds(30);
    assert_eq!(world.plan().hash, settling);
    let other = world.show_registered(1, "1013", 8);
    assert_ne!(other.plan().hash, settling);
}

#[test]
fn a_remembered_handset_needs_no_page() {
    let mut world = wiki_in_effect().show_registered(1, "1013", 1);
    world.pending().retain(|pending| *pending != ipui(1));
    world.seen.editors.clear();
    assert_eq!(brief(&world.plan()), [""; 0], "nothing speaks for another handset");
    world.remember(1, Registration::Registered, Some(9));
    assert_eq!(brief(&world.plan()), ["Replace 1 Deregisters: blocked, PlanNeedsApproval"]);
    world.remember(1, Registration::Registered, Some(1));
    assert_eq!(brief(&world.plan()), [""; 0]);
}

#[test]
fn a_code_is_not_repeated_on_what_is_only_remembered() {
    // Slot 1 has only a handset; its account is off, so that no page shows whether it came in.
    let mut world = wiki_in_effect().show_registered(2, "1014", 2);
    world.pending().clear();
    world.slots().remove(&slot(1));
    world.memory.filled = Some(FilledSlots { at: at(250), filled: BTreeSet::from([slot(1), slot(2)]) });
    world.remember(1, Registration::Registered, None);
    let release = release(&world);
    assert_eq!(codes(&release), [(2, HandsetCode::Reserve(ipui(2)))]);
    let (generation, _) = desired_generation(&world.desired, &world.secrets, &World::key());
    assert_eq!(release.generation, generation, "it is in place");
}

#[test]
fn an_account_that_was_switched_off_by_hand_is_set_again_and_its_handset_let_be() {
    let mut world = wiki().show_registered(1, "1013", 9).show_registered(2, "1014", 2).show(3, "1022");
    world.remember(1, Registration::Reserved, Some(9));
    world.remember(2, Registration::Registered, Some(2));
    let mut world = world.with_baseline();
    world.slots().remove(&slot(1));
    world.slots().remove(&slot(2));
    world.seen.editors.clear();
    let expected = [
        "ConfigureAccount 1 Interrupts: blocked, PlanNeedsApproval",
        "Replace 1 Deregisters: blocked, PlanNeedsApproval",
        "ConfigureAccount 2 Interrupts: ready",
    ];
    assert_eq!(brief(&world.plan()), expected);
    let release = release(&world);
    assert_eq!(codes(&release), []);
    assert!(!release.content.slots.contains_key(&slot(1)), "nobody else's phone gets its account");
    assert_eq!(release.content.slots[&slot(2)].account.active, Some(true));
}

#[test]
fn whatever_goes_out_in_a_reopened_window_is_for_those_missing() {
    let mut world = wiki_in_effect().show_registered(1, "1013", 1);
    world.pending().retain(|pending| *pending != ipui(1));
    world.memory.windows[0].reopened = 1;
    let world = world.want(3, present("1023", None));
    let new = release(&world);
    assert_eq!(codes(&new), [(2, HandsetCode::Reserve(ipui(2)))]);
    assert!(new.content.window.is_some(), "the window that is open is repeated");
    assert_eq!(new.window, None);
}

#[test]
fn a_corrected_site_file_does_not_wait_for_a_failed_trigger() {
    let mut world = wiki();
    world.release();
    *world.progress() = Progress {
        attempts: 9,
        triggered_at: Some(at(0)),
        trigger: Some(TriggerOutcome::Failed("100".into())),
        ..Progress::default()
    };
    assert!(world.plan().orders.is_empty());
    let mut world = world.want(3, present("1023", None));
    let orders = world.plan().orders;
    assert!(orders.release.is_some() && orders.trigger.is_some());
    world.progress().trigger = Some(TriggerOutcome::Accepted);
    assert!(world.plan().orders.is_empty(), "it may be fetching");
}

#[test]
fn a_full_site_is_planned_the_same_way_twice() {
    let full = || {
        (1..=100).fold(World::new(), |world, number| {
            let user = format!("{}", 1000 + u32::from(number));
            world.want(number, present(&user, Some(number))).show_registered(number, &user, number)
        })
    };
    let world = full().with_baseline();
    assert_eq!(brief(&world.plan()), [""; 0]);
    let mut swapped = full();
    swapped.seen.editors =
        SlotNumber::all().map(|slot| (slot, Reading::Known(Some(ipui(101 - slot.number()))))).collect();
    let plan = swapped.plan();
    let blocked = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Replace && is_blocked(&step.disposition))
        .count();
    assert_eq!(blocked, 100);
    assert_eq!(plan, swapped.plan());
}
