//! What was in place, what is gone, and who is held to have done it.

use super::super::memory::Registration;
use super::super::observed::{HandsetState, Reading};
use super::super::world::{World, at, ipui, present, shown, slot};
use super::*;

fn enter(world: &mut World) {
    world.enter_shown(true);
}

/// A slot with its account and handset in place at 0; looked at again at 300.
fn in_place() -> World {
    let mut world = World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1);
    world.seen.registration_pin = Reading::Known(Pin::ZEROS);
    world.remember(1, Registration::Registered, Some(1));
    enter(&mut world);
    world.later(300);
    world
}

fn of_slot(world: &World) -> ShownSlot {
    world.memory.shown.slots.get(&slot(1)).cloned().unwrap_or_default()
}

/// When account, name, handset and PIN were first seen gone.
fn gone(world: &World) -> [Option<i64>; 4] {
    let ShownSlot { account, name, handset } = of_slot(world);
    let seconds = |gone: Option<DateTime<Utc>>| gone.map(|gone| (gone - at(0)).num_seconds());
    [
        seconds(account.and_then(|known| known.gone_at)),
        seconds(name.and_then(|known| known.gone_at)),
        seconds(handset.and_then(|known| known.gone_at)),
        seconds(world.memory.shown.pin.as_ref().and_then(|known| known.gone_at)),
    ]
}

const NOTHING: [Option<i64>; 4] = [None; 4];

fn edit(world: &mut World, change: impl FnOnce(&mut super::super::observed::ObservedSlot)) {
    change(world.slots().get_mut(&slot(1)).unwrap());
}

fn off(world: &mut World) {
    world.slots().remove(&slot(1));
    world.seen.editors.clear();
}

#[test]
fn what_the_pages_show_as_wanted_is_in_place() {
    let world = in_place();
    let ShownSlot { account, name, handset } = of_slot(&world);
    assert_eq!(account.map(|known| known.was), Some(Some("1013".to_owned())));
    assert_eq!(name.map(|known| known.was), Some("N720_1013".to_owned()));
    assert_eq!(handset.map(|known| known.was), Some(ipui(1)));
    assert_eq!(world.memory.shown.pin.as_ref().map(|known| known.was), Some(Pin::ZEROS));
    assert_eq!(gone(&world), NOTHING);
    let mut reserved = World::new().want(1, present("1013", Some(1))).show_pending(1, "1013", 1);
    enter(&mut reserved);
    assert_eq!(of_slot(&reserved).handset.map(|known| known.was), Some(ipui(1)));
}

#[test]
fn each_change_is_noted_when_it_is_first_seen() {
    type Change = fn(&mut World);
    let cases: [(&str, Change, [Option<i64>; 4]); 9] = [
        ("nothing", |_| {}, NOTHING),
        (
            "the account is off: its name shows nowhere, its handset may be there",
            off,
            [Some(300), None, None, None],
        ),
        ("another user", |w| edit(w, |s| s.user_id = Some("9".into())), [Some(300), None, None, None]),
        ("another name", |w| edit(w, |s| s.display_name = Some("x".into())), [None, Some(300), None, None]),
        ("no name", |w| edit(w, |s| s.display_name = None), [None, Some(300), None, None]),
        (
            "another handset",
            |w| {
                w.seen.editors.insert(slot(1), Reading::Known(Some(ipui(9))));
            },
            [None, None, Some(300), None],
        ),
        (
            "no handset",
            |w| {
                w.seen.editors.clear();
                edit(w, |s| s.handset = HandsetState::None);
            },
            [None, None, Some(300), None],
        ),
        (
            "another PIN",
            |w| w.seen.registration_pin = Reading::Known(Pin::Fixed([1, 2, 3, 4])),
            [None, None, None, Some(300)],
        ),
        (
            "a random PIN",
            |w| w.seen.registration_pin = Reading::Known(Pin::Random),
            [None, None, None, Some(300)],
        ),
    ];
    for (what, change, expected) in cases {
        let mut world = in_place();
        change(&mut world);
        enter(&mut world);
        assert_eq!(gone(&world), expected, "{what}");
        world.later(600);
        enter(&mut world);
        assert_eq!(gone(&world), expected, "{what}: the time stays");
    }
}

#[test]
fn what_is_back_is_in_place_again() {
    let mut world = in_place();
    off(&mut world);
    enter(&mut world);
    world.slots().insert(slot(1), shown("1013", HandsetState::None));
    enter(&mut world);
    assert_eq!(of_slot(&world).account.unwrap().gone_at, None);
}

#[test]
fn what_could_not_be_read_changes_nothing() {
    let mut world = in_place();
    let before = world.memory.shown.clone();
    world.seen.slots = Reading::Unreadable("cut".into());
    world.seen.registration_pin = Reading::Unreadable("no kind of PIN is marked".into());
    enter(&mut world);
    assert_eq!(world.memory.shown, before);
    let mut world = in_place();
    world.seen.editors.clear();
    enter(&mut world);
    assert_eq!(world.memory.shown, before, "which handset it is was not asked");
    world.seen.pending = Reading::Unreadable("cut".into());
    edit(&mut world, |seen| seen.handset = HandsetState::None);
    enter(&mut world);
    assert_eq!(gone(&world), NOTHING, "it may be reserved");
}

#[test]
fn what_was_never_in_place_cannot_be_gone() {
    let mut world = World::new().want(1, present("1013", Some(1))).show_registered(1, "9", 9);
    world.seen.registration_pin = Reading::Known(Pin::Random);
    for seconds in [0, 300] {
        world.later(seconds);
        enter(&mut world);
        assert_eq!((of_slot(&world), &world.memory.shown.pin), (ShownSlot::default(), &None));
    }
    let cause = InPlace::cause(None, &Pin::ZEROS);
    assert_eq!(cause, Cause::NotYet);
}

#[test]
fn a_site_file_that_changed_is_nobodys_hand() {
    let mut world = in_place().want(1, present("1099", Some(2)));
    world.desired.registration.as_mut().unwrap().pin = Some(Pin::Random);
    enter(&mut world);
    assert_eq!(gone(&world), NOTHING);
    let ShownSlot { account, handset, .. } = of_slot(&world);
    assert_eq!(InPlace::cause(account.as_ref(), &Some("1099".into())), Cause::SiteFile);
    assert_eq!(InPlace::cause(handset.as_ref(), &ipui(2)), Cause::SiteFile);
    assert_eq!(InPlace::cause(world.memory.shown.pin.as_ref(), &Pin::Random), Cause::SiteFile);
}

#[test]
fn a_slot_that_is_not_listed_any_more_is_forgotten_and_what_is_not_mentioned_is_not_followed() {
    let mut world = in_place();
    world.desired.slots.clear();
    world.desired.registration = None;
    enter(&mut world);
    assert_eq!(world.memory.shown, Shown { followed: true, ..Shown::default() });
}

#[test]
fn while_a_push_settles_nobody_is_held_to_have_changed_anything() {
    let mut world = in_place();
    off(&mut world);
    world.enter_shown(false);
    assert_eq!(gone(&world), NOTHING);
    let known = of_slot(&world).account;
    assert_eq!(InPlace::cause(known.as_ref(), &Some("1013".into())), Cause::UnderWay);
    enter(&mut world);
    assert_eq!(gone(&world)[0], Some(300));
}

/// The file asked for another user for a while: the manager may have fetched that.
#[test]
fn a_release_of_ours_that_was_not_seen_in_effect_may_have_done_it() {
    let mut world = in_place().want(1, present("1099", Some(1)));
    world.release();
    let mut world = world.want(1, present("1013", Some(1)));
    edit(&mut world, |seen| seen.user_id = Some("1099".into()));
    enter(&mut world);
    assert_eq!(gone(&world), NOTHING, "it was our own release");
    let mut back = world;
    back.release();
    enter(&mut back);
    assert_eq!(gone(&back), NOTHING, "still, until the next one was seen in effect");
    back.progress().verified_at = Some(at(300));
    enter(&mut back);
    assert_eq!(gone(&back)[0], Some(300));
}

/// As after an update from an n720d that kept no record of what was shown.
#[test]
fn what_was_verified_was_in_place_though_nobody_wrote_it_down() {
    let verified = || {
        let mut world = World::new().want(1, present("1013", Some(1)));
        world.release();
        world.progress().verified_at = Some(at(0));
        world.memory.observation = Some(world.seen.clone());
        world.later(300);
        world
    };
    let by_hand = Some(300);
    let mut empty = verified();
    enter(&mut empty);
    assert_eq!(
        gone(&empty),
        [by_hand, None, by_hand, None],
        "the name of an account that is off shows nowhere"
    );
    let mut renamed = verified().show_pending(1, "1013", 1);
    edit(&mut renamed, |seen| seen.display_name = Some("x".into()));
    enter(&mut renamed);
    assert_eq!(gone(&renamed), [None, by_hand, None, None]);
    let mut other = verified().show_registered(1, "1013", 9);
    other.seen.registration_pin = Reading::Known(Pin::Random);
    enter(&mut other);
    assert_eq!(
        gone(&other),
        NOTHING,
        "it may have been the other one all the time, and a PIN is never verified"
    );
    let mut met = World::new().want(1, present("1013", None)).with_baseline();
    met.memory.observation = Some(met.seen.clone());
    met.later(300);
    enter(&mut met);
    assert_eq!(gone(&met), [by_hand, None, None, None], "found in place when the manager was met");
    let mut edited = verified().want(1, present("1099", Some(2)));
    enter(&mut edited);
    assert_eq!(of_slot(&edited), ShownSlot::default());
    let mut followed = verified();
    followed.memory.shown.followed = true;
    enter(&mut followed);
    assert_eq!(of_slot(&followed), ShownSlot::default(), "then it would be written down");
    let mut unread = verified();
    unread.seen.slots = Reading::Unreadable("cut".into());
    enter(&mut unread);
    assert!(!unread.memory.shown.followed, "nothing was followed so far");
}

#[test]
fn an_absent_slot_that_was_empty_and_is_not_any_more_was_filled_by_hand() {
    let mut world = World::new().want(1, DesiredSlot::Absent);
    enter(&mut world);
    assert_eq!(of_slot(&world).account, Some(InPlace { was: None, gone_at: None }));
    world.later(300);
    let mut world = world.show(1, "7777");
    enter(&mut world);
    assert_eq!(gone(&world)[0], Some(300));
    let mut never = World::new().want(1, DesiredSlot::Absent).show(1, "7777");
    enter(&mut never);
    assert_eq!(of_slot(&never), ShownSlot::default());
}

#[test]
fn it_is_stored_in_few_bytes() {
    let world = in_place();
    let text = serde_json::to_string(&world.memory.shown).unwrap();
    insta::assert_snapshot!(text, @r#"{"followed":true,"slots":{"1":{"account":{"was":"1013"},"name":{"was":"N720_1013"},"handset":{"was":"02 B6 EC 8A 01"}}},"pin":{"was":{"fixed":[0,0,0,0]}}}"#);
    assert_eq!(serde_json::from_str::<Shown>(&text).unwrap(), world.memory.shown);
    let absent =
        ShownSlot { account: Some(InPlace { was: None, gone_at: Some(at(0)) }), ..ShownSlot::default() };
    let text = serde_json::to_string(&absent).unwrap();
    assert_eq!(serde_json::from_str::<ShownSlot>(&text).unwrap(), absent);
    assert_eq!(serde_json::from_str::<Shown>("{}").unwrap(), Shown::default());
}
