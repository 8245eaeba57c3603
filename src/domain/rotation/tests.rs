//! Each step of a change of a web password by itself: stages, candidates, what follows from an answer, orders, words.

use super::login::{Answer, Facts, Which};
use super::order::{Order, Scene, next_edge, order, refusal};
use super::told::{news, told, unstored};
use super::*;
use crate::domain::clearance::Pause;
use crate::domain::desired::{Mode, Trigger};
use crate::domain::plan::Plan;
use crate::domain::release::{Progress, TriggerOutcome};
use crate::domain::world::{MAC, SETTLE, World, at, present};

fn mac() -> Mac {
    MAC.parse().unwrap()
}

fn key() -> SiteKey {
    SiteKey::new([7; 32])
}

fn prepared() -> Rotation {
    let people = ("anna".to_owned(), String::new());
    Rotation::prepare(mac(), people, (Secret::new("old"), Secret::new("new")), None, at(0))
}

/// With a file that was released at 0, and this progress.
fn released(progress: Progress) -> Rotation {
    let mut world = World::new().want(1, present("1013", None));
    world.release();
    let file = world.memory.release.map(|release| Release { progress, ..release });
    Rotation { file, on_shelf: true, ..prepared() }
}

fn fetched() -> Rotation {
    released(Progress { fetched_at: Some(at(10)), ..Progress::default() })
}

fn facts<'a>(configured: &'a Option<Secret>, key: &'a SiteKey, seconds: i64) -> Facts<'a> {
    Facts { manager: mac(), configured: configured.as_ref(), key, settle: SETTLE, now: at(seconds) }
}

fn candidates(rotation: &Rotation, configured: &str, seconds: i64) -> Vec<String> {
    let (configured, key) = (Some(Secret::new(configured)), key());
    let all = rotation.candidates(&facts(&configured, &key, seconds));
    all.into_iter().map(|candidate| candidate.password.expose().to_owned()).collect()
}

/// Posts the most likely password, `times` of them, each with this answer.
fn after(rotation: Rotation, answers: &[Answer], configured: &str, seconds: i64) -> After {
    let (configured, key) = (Some(Secret::new(configured)), key());
    let facts = facts(&configured, &key, seconds);
    let mut rotation = rotation;
    for answer in answers {
        let candidate = rotation.candidates(&facts).remove(0);
        match rotation.posting(&candidate, &facts).answered(&candidate, *answer, &facts) {
            After::GoesOn(next) => rotation = *next,
            ended @ After::Ended(_) => return ended,
        }
    }
    After::GoesOn(Box::new(rotation))
}

fn going_on(after: After) -> Rotation {
    match after {
        After::GoesOn(rotation) => *rotation,
        After::Ended(how) => panic!("{how:?}"),
    }
}

#[test]
fn the_release_tells_how_far_it_is() {
    let stage = |rotation: &Rotation, seconds| rotation.stage(SETTLE, at(seconds));
    assert_eq!(stage(&prepared(), 0), Stage::Prepared);
    assert_eq!(stage(&released(Progress::default()), 5), Stage::Released);
    let told =
        Progress { trigger: Some(TriggerOutcome::Done), triggered_at: Some(at(5)), ..Progress::default() };
    assert_eq!(stage(&released(told.clone()), 100), Stage::Fetched, "it says that it has");
    assert_eq!(stage(&released(told), 186), Stage::Released, "and nobody has seen it");
    assert_eq!((stage(&fetched(), 189), stage(&fetched(), 190)), (Stage::Fetched, Stage::Proving));
    let replaced = Rotation { on_shelf: false, ..released(Progress::default()) };
    assert_eq!(stage(&replaced, 5), Stage::Prepared, "something else is on the shelf");
    assert_eq!(stage(&Rotation { on_shelf: false, ..fetched() }, 190), Stage::Proving);
    assert_eq!(stage(&Rotation { proven_at: Some(at(9)), ..fetched() }, 190), Stage::Proven);
    assert_eq!(stage(&released(Progress::default()).withdrawn(at(9)), 190), Stage::Undoing);
    assert_eq!(stage(&fetched(), -9_000), Stage::Proving, "our clock was set back");
}

#[test]
fn the_likely_password_comes_first_and_each_is_tried_once() {
    assert_eq!(candidates(&prepared(), "old", 0), ["old"]);
    assert_eq!(candidates(&prepared(), "third", 0), ["old", "third"], "somebody has changed the secret");
    assert_eq!(candidates(&released(Progress::default()), "old", 5), ["old", "new"]);
    assert_eq!(candidates(&fetched(), "old", 20), ["new", "old"]);
    assert_eq!(
        candidates(&fetched(), "third", 200),
        ["new", "old"],
        "a third one waits for the next session"
    );
    assert_eq!(candidates(&released(Progress::default()).withdrawn(at(9)), "old", 20), ["old", "new"]);
    assert_eq!(
        candidates(&Rotation { proven_at: Some(at(9)), old: None, ..fetched() }, "old", 20),
        ["new", "old"]
    );
    let other = Rotation { mac: "7C2F80CA21E5".parse().unwrap(), ..fetched() };
    assert_eq!(candidates(&other, "third", 20), ["third"], "of another manager nothing is known");
}

#[test]
fn what_was_refused_waits_for_the_next_stage_and_a_person() {
    let once = going_on(after(fetched(), &[Answer::Refused], "old", 20));
    assert_eq!(candidates(&once, "old", 20), ["old"]);
    assert_eq!(candidates(&once, "old", 200), ["old"], "one at a time, and not the wrong one again");
    let well = going_on(after(once.clone(), &[Answer::Accepted], "old", 20));
    assert_eq!(candidates(&well, "old", 30), ["old"]);
    assert_eq!(candidates(&well, "old", 200), ["new", "old"], "after the settle time");
    let twice = going_on(after(once, &[Answer::Refused], "old", 20));
    assert_eq!(candidates(&twice, "old", 20), [""; 0]);
    assert_eq!(candidates(&twice, "third", 20), ["third"], "the secret has changed");
    assert_eq!(candidates(&twice.retried(), "old", 20), ["new", "old"]);
}

#[test]
fn a_password_that_may_have_been_wrong_gives_way_to_the_other() {
    let unclear = going_on(after(fetched(), &[Answer::Unclear], "old", 20));
    assert_eq!(candidates(&unclear, "old", 20), ["old"]);
    let both = going_on(after(unclear, &[Answer::Unclear], "old", 20));
    assert_eq!(candidates(&both, "old", 20), ["new"]);
    let again = going_on(after(both, &[Answer::Unclear, Answer::Unclear], "old", 20));
    assert_eq!(candidates(&again, "old", 20), [""; 0], "twice unclear counts as refused");
    let not_asked = going_on(after(fetched(), &[Answer::NotAsked; 5], "old", 20));
    assert_eq!(candidates(&not_asked, "old", 20), ["new", "old"], "nothing was posted");
}

#[test]
fn a_kill_while_a_password_is_posted_costs_one_wrong_password_at_most() {
    let (configured, key) = (Some(Secret::new("old")), key());
    let facts = facts(&configured, &key, 20);
    let mut rotation = fetched();
    let mut tried = Vec::new();
    for _ in 0..6 {
        let candidate = rotation.candidates(&facts).remove(0);
        tried.push(candidate.password.expose().to_owned());
        rotation = rotation.posting(&candidate, &facts);
    }
    assert_eq!(tried, ["new", "old", "new", "old", "new", "old"], "one of two is right");
}

#[test]
fn the_new_password_wipes_the_old_one_when_it_logs_in() {
    for rotation in [released(Progress::default()), fetched(), released(Progress::default()).withdrawn(at(1))]
    {
        let (configured, key) = (Some(Secret::new("old")), key());
        let facts = facts(&configured, &key, 20);
        let candidate = Candidate { which: Which::New, password: Secret::new("new") };
        let before = rotation.posting(&candidate, &facts);
        let after = before.clone().answered(&candidate, Answer::Accepted, &facts);
        assert!(news(&before, &after).unwrap().contains("has logged in"));
        let rotation = going_on(after);
        assert_eq!((rotation.old, rotation.proven_at, rotation.undo), (None, Some(at(20)), None));
        assert_eq!((rotation.in_a_row, rotation.posted.len()), (0, 0));
    }
}

#[test]
fn the_old_password_says_something_after_the_settle_time_alone() {
    let early = going_on(after(fetched(), &[Answer::Refused, Answer::Accepted], "old", 20));
    assert_eq!((early.stage(SETTLE, at(20)), early.undo), (Stage::Fetched, None));
    let late = going_on(after(fetched(), &[Answer::Refused, Answer::Accepted], "old", 200));
    assert_eq!(late.undo.as_ref().map(|undo| undo.why), Some(UndoReason::NoEffect));
    assert_eq!(late.new, Secret::new("new"), "nothing is forgotten yet");
    assert!(!candidates(&late, "old", 300).is_empty());
}

#[test]
fn a_password_that_was_taken_back_is_forgotten_when_the_old_one_has_logged_in() {
    let undone = Rotation { on_shelf: false, ..released(Progress::default()).withdrawn(at(100)) };
    let early = after(undone.clone(), &[Answer::Accepted], "old", 459);
    assert!(matches!(early, After::GoesOn(_)), "a fetch may have been under way");
    assert_eq!(after(undone.clone(), &[Answer::Accepted], "old", 460), After::Ended(Ending::Withdrawn));
    let on_shelf = Rotation { on_shelf: true, ..undone.clone() };
    assert!(matches!(after(on_shelf, &[Answer::Accepted], "old", 460), After::GoesOn(_)));
    let taken = going_on(after(undone, &[Answer::Refused, Answer::Accepted], "old", 460));
    assert_eq!(taken.proven_at, Some(at(460)), "the manager had taken it all the same");
}

#[test]
fn a_password_changed_by_hand_and_in_the_secret_is_gone_on_with() {
    let (configured, key) = (Some(Secret::new("third")), key());
    let facts = facts(&configured, &key, 20);
    let candidate = Candidate { which: Which::Configured, password: Secret::new("third") };
    let accepted = |rotation: Rotation| {
        going_on(rotation.posting(&candidate, &facts).answered(&candidate, Answer::Accepted, &facts))
    };
    assert_eq!(accepted(prepared()).old, Some(Secret::new("third")));
    let proven = accepted(Rotation { proven_at: Some(at(9)), old: None, on_shelf: false, ..fetched() });
    assert!(proven.is_done(Some(&Secret::new("third"))));
    let other = Rotation { mac: "7C2F80CA21E5".parse().unwrap(), ..fetched() };
    let after = other.posting(&candidate, &facts).answered(&candidate, Answer::Accepted, &facts);
    assert_eq!(after, After::Ended(Ending::OtherManager));
}

#[test]
fn it_is_done_when_the_file_is_gone_and_the_site_file_names_it() {
    let proven = Rotation { proven_at: Some(at(9)), old: None, ..fetched() };
    let new = Secret::new("new");
    assert!(!proven.is_done(Some(&new)), "the file is on the shelf");
    let tidy = Rotation { on_shelf: false, ..proven };
    assert!(tidy.is_done(Some(&new)));
    assert!(!tidy.is_done(Some(&Secret::new("old"))) && !tidy.is_done(None));
    assert_eq!(tidy.in_use(SETTLE, at(20)), Some(&new));
    assert_eq!(fetched().in_use(SETTLE, at(20)), None, "which of the two is not known");
    assert_eq!(prepared().in_use(SETTLE, at(20)), Some(&Secret::new("old")));
    assert!(!tidy.holds_changes() && !prepared().holds_changes() && fetched().holds_changes());
    assert!(prepared().can_be_withdrawn(SETTLE, at(20)) && !fetched().can_be_withdrawn(SETTLE, at(20)));
}

fn empty_plan() -> Plan {
    let hash = Generation("0".into());
    Plan { hash, terms: Vec::new(), steps: Vec::new(), orders: crate::domain::plan::Orders::default() }
}

fn ordered(rotation: Rotation, change: impl FnOnce(&mut World)) -> Option<Order> {
    let mut world = World::new().want(1, present("1013", None)).show_pending(1, "1013", 1);
    world.memory.rotation = Some(rotation);
    change(&mut world);
    order(&Scene {
        desired: &world.desired,
        memory: &world.memory,
        seen: Some(&world.seen),
        plan: &empty_plan(),
        clearance: &world.clearance,
        settle: SETTLE,
        now: world.now,
    })
}

fn pause() -> Pause {
    Pause { since: at(0), until: None, by: "ben".into(), reason: String::new(), whole_fleet: false }
}

#[test]
fn it_is_released_told_and_tidied_in_this_order() {
    assert_eq!(ordered(prepared(), |_| {}), Some(Order::Release(Some(Trigger::Web))));
    assert_eq!(ordered(released(Progress::default()), |_| {}), Some(Order::Trigger(Trigger::Web)));
    let daily = |world: &mut World| world.desired.manager.trigger = Trigger::None;
    assert_eq!(ordered(prepared(), daily), Some(Order::Release(None)));
    assert_eq!(ordered(released(Progress::default()), daily), None);
    let told = Progress {
        attempts: 1,
        trigger: Some(TriggerOutcome::Accepted),
        triggered_at: Some(at(0)),
        ..Progress::default()
    };
    assert_eq!(ordered(released(told), |_| {}), None, "not before its time");
    assert_eq!(ordered(fetched(), |world| world.now = at(20)), None);
    let proven = Rotation { proven_at: Some(at(9)), old: None, ..fetched() };
    assert_eq!(ordered(proven.clone(), |_| {}), Some(Order::Tidy));
    assert_eq!(ordered(Rotation { on_shelf: false, ..proven }, |_| {}), None);
}

#[test]
fn what_forbids_writing_forbids_the_release_and_not_the_tidying() {
    let forbid: [fn(&mut World); 4] = [
        |world| world.desired.mode = Mode::Observe,
        |world| world.memory.first_contact = None,
        |world| world.clearance.pause = Some(pause()),
        |world| {
            world.seen.firmware = crate::domain::observed::Reading::Known("70.107.00.000.00".parse().unwrap())
        },
    ];
    for change in forbid {
        assert_eq!(ordered(prepared(), change), None);
        assert_eq!(ordered(released(Progress::default()), change), None);
        let proven = Rotation { proven_at: Some(at(9)), old: None, ..fetched() };
        assert_eq!(ordered(proven, change), Some(Order::Tidy));
    }
    let other = |world: &mut World| world.desired.manager.mac = "7C2F80CA21E5".parse().unwrap();
    assert_eq!(ordered(released(Progress::default()), other), Some(Order::Tidy));
}

#[test]
fn a_push_that_is_under_way_comes_first() {
    let push = |world: &mut World| {
        world.memory.release = released(Progress::default()).file;
    };
    assert_eq!(ordered(prepared(), push), None, "the manager has not fetched it");
    let settling = |world: &mut World| {
        push(world);
        world.progress().fetched_at = Some(at(0));
    };
    assert_eq!(ordered(prepared(), settling), None);
    let verified = |world: &mut World| {
        push(world);
        world.progress().verified_at = Some(at(0));
    };
    assert!(ordered(prepared(), verified).is_some());
}

#[test]
fn a_change_that_cannot_begin_says_why() {
    let why = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.memory.observation = Some(world.seen.clone());
        change(&mut world);
        refusal(&world.desired, &world.memory, &world.clearance, world.now)
    };
    assert_eq!(why(&|_| {}), None);
    assert!(why(&|world| world.desired.mode = Mode::Observe).unwrap().contains("mode = observe"));
    assert!(why(&|world| world.memory.observation = None).unwrap().contains("not read yet"));
    assert!(why(&|world| world.clearance.pause = Some(pause())).unwrap().contains("paused"));
    assert!(why(&|world| world.memory.rotation = Some(fetched())).unwrap().contains("as anna asked"));
    let kept = Rotation { proven_at: Some(at(9)), ..fetched() };
    assert_eq!(why(&|world| world.memory.rotation = Some(kept.clone())), None, "once more");
}

#[test]
fn the_next_look_comes_when_something_can_be_found_out() {
    let edge = |rotation: &Rotation, now| next_edge(rotation, SETTLE, at(now)).map(|(at, _)| at);
    assert_eq!(edge(&prepared(), 0), None);
    assert_eq!(edge(&fetched(), 20), Some(at(190)));
    assert_eq!(edge(&fetched(), 200), None, "every look begins with a login");
    assert_eq!(edge(&released(Progress::default()).withdrawn(at(100)), 120), Some(at(460)));
}

#[test]
fn people_are_told_how_it_stands_and_never_a_password() {
    let site = "acme".parse().unwrap();
    let mut world = World::new();
    let mut said = Vec::new();
    let unstored_one =
        Rotation { proven_at: Some(at(9)), unstored: Some("it is a literal".into()), ..fetched() };
    for (rotation, stage) in [
        (prepared(), "prepared"),
        (released(Progress::default()), "released"),
        (fetched(), "fetched"),
        (fetched().withdrawn(at(9)), "undoing"),
        (Rotation { unstored: None, ..unstored_one.clone() }, "proven"),
        (unstored_one.clone(), "not-stored"),
    ] {
        world.memory.rotation = Some(rotation);
        let change = told(&world.memory, &site, chrono_tz::Europe::Berlin, SETTLE, at(20)).unwrap();
        assert_eq!((change.stage.as_str(), change.by.as_str(), change.is_over()), (stage, "anna", false));
        assert_eq!(change.needs_a_person(), stage == "not-stored");
        said.push(format!("{change:?} {:?}", world.memory));
    }
    assert!(unstored(&unstored_one, &site).unwrap().contains("n720d rotate-password acme --show"));
    world.memory.rotation = None;
    world.memory.rotated = Some(Ended { at: at(9), by: "anna".into(), how: Ending::NoEffect });
    let change = told(&world.memory, &site, chrono_tz::Europe::Berlin, SETTLE, at(20)).unwrap();
    assert!(change.is_over() && change.stage == "no-effect");
    assert!(said.iter().all(|text| !text.contains("\"new\"") && !text.contains("\"old\"")), "{said:?}");
}

#[test]
fn a_new_password_is_twenty_letters_and_digits_each_as_likely_as_any() {
    let password = password_from(0..=255).unwrap();
    assert_eq!(password.expose().len(), LONGEST_PASSWORD);
    assert!(password.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(password_from([255; 64]), None, "such bytes would favour some letters");
    assert_eq!(password_from([0; 19]), None);
    let each: std::collections::BTreeSet<u8> =
        (0..62).filter_map(|byte| password_from([byte; 20])).map(|one| one.expose().as_bytes()[0]).collect();
    assert_eq!(each.len(), 62);
}

#[test]
fn every_file_about_a_password_has_a_version_of_its_own() {
    let mut memory = SiteMemory::default();
    let mut versions = std::collections::BTreeSet::new();
    for password in [Some(Secret::new("a")), None, Some(Secret::new("a")), None, None] {
        let (_, version) = file_for(password.as_ref(), mac(), &memory, &key());
        assert!(versions.insert(version.clone()), "{version}");
        memory.password_versions.push(version);
    }
}
