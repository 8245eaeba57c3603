//! How a rollout begins and ends, and that nobody follows before it may.

use super::super::alert::AlertKind;
use super::super::desired::{DesiredSlot, Mode};
use super::super::status::RolloutState;
use super::super::world::{at, slot};
use super::testing::{Fleet, file, filled, name};
use super::*;

fn says(fleet: &Fleet) -> String {
    let conditions = conditions(fleet.rollout.as_ref());
    conditions.holding.into_iter().map(|condition| condition.summary).collect()
}

fn is_stopped(fleet: &Fleet) -> bool {
    matches!(fleet.rollout.as_ref().map(|rollout| &rollout.stage), Some(Stage::Stopped { .. }))
}

#[test]
fn what_did_not_change_and_what_is_new_is_no_rollout() {
    let mut fleet = Fleet::of(9, 3);
    fleet.load();
    assert_eq!(fleet.rollout, None);
    fleet.files.insert(name(10), file(10, 3));
    fleet.accepted.remove(&name(1));
    fleet.rename([1], "New");
    fleet.load();
    assert_eq!(fleet.rollout, None);
    assert_eq!(fleet.accepted[&name(1)], mark(&fleet.files[&name(1)]), "known from now on");
    assert_eq!(fleet.accepted[&name(10)], mark(&fleet.files[&name(10)]));
}

#[test]
fn one_site_that_changes_follows_at_once() {
    let mut fleet = Fleet::of(9, 20);
    fleet.spoil([1]);
    fleet.load();
    assert_eq!(fleet.rollout, None, "its own limits are what it has to keep");
    assert_eq!(fleet.accepted[&name(1)], mark(&fleet.files[&name(1)]));
}

#[test]
fn a_few_sites_that_change_follow_at_once_and_are_over_when_each_is_through() {
    let mut fleet = Fleet::of(9, 3);
    fleet.rename(1..=3, "New");
    fleet.load();
    assert_eq!((fleet.stage(), fleet.free().len()), (&Stage::GoingOn, 9));
    assert_eq!(fleet.follows(1), Moved::Shown);
    assert_eq!(fleet.follows(1), Moved::No, "said before");
    fleet.restart();
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::GoingOn);
    for number in 1..=3 {
        fleet.follows(number);
    }
    assert_eq!(fleet.stage(), &Stage::Done);
    assert_eq!(status(fleet.rollout.as_ref().unwrap()).state, RolloutState::Done);
}

/// Three sites changed and may follow; 1 and 2 are through.
fn nearly_over() -> Fleet {
    let mut fleet = Fleet::of(9, 3);
    fleet.rename(1..=3, "New");
    fleet.load();
    fleet.follows(1);
    fleet.follows(2);
    assert_eq!(fleet.stage(), &Stage::GoingOn);
    fleet
}

#[test]
fn a_rollout_does_not_wait_for_a_site_that_follows_another_file() {
    let mut fleet = nearly_over();
    fleet.rename([3], "Newer");
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::Done);
    assert!(fleet.told.last().unwrap().contains("over 3 sites is over"), "{:?}", fleet.told);
    assert_eq!(fleet.accepted[&name(3)], mark(&fleet.files[&name(3)]));
    let told = fleet.told.len();
    fleet.load();
    assert_eq!(fleet.told.len(), told, "said once");
}

#[test]
fn a_rollout_does_not_wait_for_a_site_that_is_gone_or_only_watched() {
    let mut fleet = nearly_over();
    fleet.files.remove(&name(3));
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::Done);
    let mut fleet = nearly_over();
    fleet.edit(3, |file| file.mode = Mode::Observe);
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::Done);
}

#[test]
fn a_rollout_goes_on_for_those_of_its_sites_that_are_left() {
    let mut fleet = nearly_over();
    fleet.restart();
    fleet.rename([3], "Newer");
    fleet.load();
    let sites = |fleet: &Fleet| fleet.rollout.as_ref().unwrap().sites.keys().cloned().collect::<Vec<_>>();
    assert_eq!((fleet.stage(), sites(&fleet)), (&Stage::GoingOn, vec![name(1), name(2)]));
    fleet.load();
    assert_eq!(sites(&fleet).len(), 2);
    fleet.follows(1);
    assert!(matches!(fleet.follows(2), Moved::On(_)));
    assert_eq!(fleet.stage(), &Stage::Done);
    let mut fleet = nearly_over();
    fleet.rename([1, 2], "Newer");
    fleet.rename([3], "New");
    fleet.load();
    assert_eq!(sites(&fleet), [name(1), name(2)], "two that change are a rollout of their own");
}

#[test]
fn it_runs_at_a_site_until_that_is_through_or_its_file_is_another() {
    let mut fleet = nearly_over();
    let runs = |fleet: &Fleet, number| {
        fleet.rollout.as_ref().unwrap().runs_at(&name(number), &mark(&fleet.files[&name(number)]))
    };
    assert_eq!([1, 2, 3, 4].map(|number| runs(&fleet, number)), [false, false, true, false]);
    fleet.rename([3], "Newer");
    assert!(!runs(&fleet, 3));
    fleet.rename([3], "New");
    assert!(runs(&fleet, 3));
    fleet.follows(3);
    assert!(!runs(&fleet, 3));
}

#[test]
fn sites_that_are_only_watched_are_held_by_nothing() {
    let mut fleet = Fleet::of(9, 20);
    for number in 1..=9 {
        fleet.edit(number, |file| file.mode = Mode::Observe);
    }
    fleet.spoil(1..=9);
    fleet.load();
    assert_eq!(fleet.rollout, None);
    fleet.memories = fleet.files.iter().map(|(name, file)| (name.clone(), filled(file))).collect();
    for number in 1..=9 {
        fleet.edit(number, |file| file.mode = Mode::Manage);
    }
    fleet.load();
    assert_eq!(fleet.canaries(), ["s01", "s02"], "to manage them is a change of all of them");
}

#[test]
fn a_bad_export_stops_with_one_alert_and_ends_when_it_is_taken_back() {
    let mut fleet = Fleet::of(9, 20);
    let good = fleet.files.clone();
    fleet.spoil(1..=6);
    fleet.edit(7, |file| file.slots.retain(|place, _| place.number() > 15));
    fleet.rename([8], "New");
    fleet.load();
    assert!(is_stopped(&fleet));
    assert!(fleet.hold(9).is_none(), "it is not in it");
    assert!((1..=8).all(|number| matches!(fleet.hold(number), Some(RolloutHold::Stopped { .. }))));
    let said = says(&fleet);
    for part in
        ["deregister 120 handsets", "not list 15 others", "at 7 of 8 changed sites", "s01: 20", "s07: 15"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(conditions(fleet.rollout.as_ref()).holding.len(), 1);
    assert_eq!(fleet.accepted[&name(8)], mark(&good[&name(8)]), "nobody follows");

    // One more, by a reload; and a restart.
    fleet.rename([9], "New");
    fleet.load();
    assert!(is_stopped(&fleet) && fleet.hold(9).is_some());
    fleet.restart();
    fleet.load();
    assert!(
        is_stopped(&fleet),
        "verdicts on what is not listed any more are forgotten, the handsets are not"
    );
    assert!(says(&fleet).contains("deregister 120 handsets"), "{}", says(&fleet));

    fleet.files = good;
    fleet.load();
    assert_eq!((fleet.stage(), says(&fleet).as_str()), (&Stage::Done, ""));
    assert_eq!(fleet.free().len(), 9);
}

#[test]
fn a_partly_corrected_export_goes_on_when_the_rest_is_within_the_budget() {
    let mut fleet = Fleet::of(9, 20);
    let good = fleet.files.clone();
    fleet.spoil(1..=3);
    fleet.load();
    assert!(is_stopped(&fleet));
    let first = fleet.rollout.as_ref().unwrap().id;
    fleet.files.insert(name(1), good[&name(1)].clone());
    fleet.load();
    assert!(is_stopped(&fleet), "40 are too many too");
    assert!(fleet.hold(1).is_none() && fleet.rollout.as_ref().unwrap().id > first);
    fleet.rules.budget = FleetBudget { per_run: 40, per_run_percent: 100 };
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::GoingOn, "a person meant it");
    assert_eq!(fleet.accepted[&name(2)], mark(&fleet.files[&name(2)]));
}

#[test]
fn a_fleet_wide_change_goes_to_canaries_first() {
    let mut fleet = Fleet::of(6, 3);
    fleet.edit(5, |file| {
        file.labels.insert(CANARY_LABEL.into(), "true".into());
    });
    fleet.unreached.insert(name(1));
    fleet.rename(1..=6, "New");
    fleet.load();
    assert_eq!(fleet.canaries(), ["s02", "s05"], "the one that is named, and the first that answers");
    let Some(RolloutHold::Waits { reason, .. }) = fleet.hold(3) else { panic!("{:?}", fleet.hold(3)) };
    assert!(reason.contains("s02, s05"), "{reason}");
    assert_eq!(fleet.follows(3), Moved::No, "it is held");
    assert!(matches!(fleet.follows(5), Moved::On(_)));
    assert_eq!(fleet.free(), [name(2), name(5)]);
    assert_eq!(status(fleet.rollout.as_ref().unwrap()).waiting, 5);
    assert!(matches!(fleet.follows(2), Moved::On(_)));
    assert_eq!((fleet.stage(), fleet.free().len()), (&Stage::GoingOn, 6));
    assert_eq!(fleet.accepted[&name(6)], mark(&fleet.files[&name(6)]));
}

#[test]
fn a_reload_of_the_same_files_neither_forgets_nor_repeats() {
    let mut fleet = Fleet::of(6, 3);
    fleet.rename(1..=6, "New");
    fleet.load();
    fleet.follows(1);
    let before = fleet.rollout.clone();
    fleet.edit(3, |file| file.description = "another word".into());
    fleet.load();
    fleet.restart();
    fleet.load();
    assert_eq!(fleet.rollout, before);
    fleet.rename([3], "Newer");
    fleet.load();
    assert!(fleet.rollout.as_ref().unwrap().id > before.unwrap().id, "other files begin anew");
}

#[test]
fn a_canary_that_comes_to_harm_stops_the_others_until_the_files_are_corrected() {
    let mut fleet = Fleet::of(6, 3);
    let good = fleet.files.clone();
    fleet.rename(1..=6, "New");
    fleet.load();
    fleet.follows(2);
    let since = at(fleet.now + 1);
    fleet.cycle(1, |scene| {
        let record = scene.memory.slots.get_mut(&slot(2)).unwrap();
        (record.registration, record.since) = (super::super::memory::Registration::Lost, since);
    });
    assert!(is_stopped(&fleet));
    assert!(
        says(&fleet).contains("canary s01") && says(&fleet).contains("slot 2 is lost"),
        "{}",
        says(&fleet)
    );
    assert!((1..=6).all(|number| fleet.hold(number).is_some()));
    fleet.load();
    assert!(is_stopped(&fleet), "reloading alone tries it on no other");
    fleet.files = good;
    fleet.load();
    assert_eq!((fleet.stage(), fleet.free().len()), (&Stage::Done, 6), "the canaries go back at once");
}

/// Six sites changed, and canary 1 lost a handset.
fn harmed() -> Fleet {
    let mut fleet = Fleet::of(9, 3);
    fleet.rename(1..=6, "New");
    fleet.load();
    let since = at(fleet.now + 1);
    let record = fleet.memories.get_mut(&name(1)).unwrap().slots.get_mut(&slot(2)).unwrap();
    (record.registration, record.since) = (super::super::memory::Registration::Lost, since);
    fleet.follows(1);
    assert!(is_stopped(&fleet));
    fleet
}

fn is_stopped_by_canary(fleet: &Fleet) -> bool {
    matches!(fleet.stage(), Stage::Stopped { by: Stop::Canary { site, .. } } if *site == name(1))
}

#[test]
fn harm_is_not_forgotten_when_other_sites_change() {
    let mut fleet = harmed();
    fleet.rename([9], "Unrelated");
    fleet.load();
    assert!(is_stopped_by_canary(&fleet));
    assert!([1, 2, 6, 9].into_iter().all(|number| fleet.hold(number).is_some()));
    assert!(says(&fleet).contains("slot 2 is lost"), "{}", says(&fleet));
    fleet.restart();
    fleet.rename([3], "Newer");
    fleet.load();
    assert!(is_stopped_by_canary(&fleet), "again, and over a restart");
    for number in [3, 4, 5, 6, 9] {
        fleet.files.remove(&name(number));
    }
    fleet.load();
    assert!(is_stopped_by_canary(&fleet), "too few for canaries is no correction");
    fleet.files.remove(&name(2));
    fleet.load();
    assert!(is_stopped_by_canary(&fleet) && fleet.hold(1).is_some(), "nor is one alone");
    fleet.rules.canary = 0;
    fleet.load();
    assert_eq!(fleet.hold(1), None, "a person said so");
}

#[test]
fn harm_outlives_a_change_that_is_over_the_budget_too() {
    let mut fleet = harmed();
    let before = fleet.files.clone();
    fleet.rules.budget.per_run = 5;
    fleet.spoil(7..=9);
    fleet.load();
    assert!(is_stopped_by_canary(&fleet));
    fleet.files = before;
    fleet.load();
    assert!(is_stopped_by_canary(&fleet));
}

#[test]
fn a_correction_of_the_harmed_site_is_tried_by_others_first_while_the_handset_is_missing() {
    let mut fleet = harmed();
    fleet.rename([1], "Corrected");
    fleet.load();
    assert_eq!(fleet.canaries(), ["s01", "s02"]);
    fleet.follows(1);
    assert_eq!(fleet.canaries(), ["s02", "s03"], "{:?}", fleet.told);
}

#[test]
fn that_nobody_could_be_tried_holds_until_one_of_them_changes() {
    let mut fleet = Fleet::of(9, 3);
    fleet.rename(1..=4, "New");
    fleet.load();
    for number in 1..=4 {
        fleet.cycle(number, |scene| scene.paused = true);
    }
    let is_no_canary = |fleet: &Fleet| matches!(fleet.stage(), Stage::Stopped { by: Stop::NoCanary { .. } });
    assert!(is_no_canary(&fleet));
    fleet.rename([9], "Unrelated");
    fleet.load();
    assert!(is_no_canary(&fleet), "that 9 is well would tell nothing of the others");
    fleet.rename([2], "Newer");
    fleet.load();
    assert_eq!(fleet.canaries(), ["s01", "s02"]);
}

#[test]
fn without_canaries_a_stopped_rollout_goes_on_when_a_person_says_so() {
    let mut fleet = Fleet::of(6, 3);
    fleet.rename(1..=6, "New");
    fleet.load();
    fleet.cycle(1, |scene| {
        let now = scene.now;
        scene.alert(AlertKind::PushFailed, now);
    });
    assert!(is_stopped(&fleet));
    fleet.rules.canary = 0;
    fleet.load();
    assert_eq!(fleet.stage(), &Stage::GoingOn);
}

#[test]
fn a_file_that_goes_away_leaves_the_rollout() {
    let mut fleet = Fleet::of(6, 3);
    fleet.rename(1..=6, "New");
    fleet.load();
    fleet.files.remove(&name(1));
    fleet.load();
    assert_eq!(fleet.canaries(), ["s02", "s03"]);
    fleet.files.insert(name(1), file(1, 3));
    fleet.rename([1], "New");
    fleet.load();
    assert!(fleet.hold(4).is_some(), "it comes back changed");
}

#[test]
fn what_is_listed_without_a_reservation_is_dropped_and_not_deregistered() {
    let mut fleet = Fleet::of(3, 20);
    for number in 1..=3 {
        fleet.edit(number, |file| {
            for listed in file.slots.values_mut() {
                if let DesiredSlot::Present(slot) = listed {
                    slot.ipui = None;
                }
            }
        });
    }
    fleet.load();
    assert!(says(&fleet).contains("deregister 0 handsets"), "{}", says(&fleet));
    assert!(says(&fleet).contains("not list 60 others"), "{}", says(&fleet));
}

#[test]
fn a_long_list_is_cut() {
    let mut fleet = Fleet::of(30, 20);
    fleet.spoil(1..=30);
    fleet.load();
    assert!(says(&fleet).contains("s10: 20 and 20 more"), "{}", says(&fleet));
    assert!(!says(&fleet).contains("s11"));
}
