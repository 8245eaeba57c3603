//! What differs, what mending it would cost, and who is held to have done it.

use chrono::DateTime;

use super::super::desired::Provider;
use super::super::memory::Registration;
use super::super::observed::{HandsetState, ObservedSlot, Reading};
use super::super::secret::{Secret, SecretRef};
use super::super::world::{World, at, ipui, present, shown, slot};
use super::*;

fn whys(world: &World) -> Vec<String> {
    world.drift().into_iter().map(|item| item.why).collect()
}

fn actions(world: &World) -> Vec<(Action, Impact)> {
    world.drift().into_iter().map(|item| (item.action, item.impact)).collect()
}

/// One account with its handset, as wanted.
fn in_sync() -> World {
    World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1).with_baseline()
}

fn wanted(world: &mut World) -> &mut PresentSlot {
    match world.desired.slots.get_mut(&slot(1)).unwrap() {
        DesiredSlot::Present(slot) => slot,
        DesiredSlot::Absent => panic!("slot 1 is absent"),
    }
}

#[test]
fn what_is_as_wanted_is_no_drift() {
    assert_eq!(in_sync().drift(), []);
    let mut world = in_sync();
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some(" 1013 ".into());
    assert_eq!(world.drift(), []);
    world.slots().get_mut(&slot(1)).unwrap().display_name = None;
    wanted(&mut world).display_name = Some(String::new());
    assert_eq!(world.drift().iter().filter(|item| item.visible).count(), 0, "no name is an empty one");
    wanted(&mut world).display_name = None;
    assert!(!world.drift().iter().any(|item| item.visible), "what is not mentioned is not compared");
}

#[test]
fn what_the_page_shows_is_compared() {
    let mut world = in_sync();
    let seen = world.slots().get_mut(&slot(1)).unwrap();
    (seen.user_id, seen.display_name) = (Some("9".into()), Some("by hand".into()));
    let items = world.drift();
    assert_eq!(items.len(), 1);
    assert_eq!(
        items[0].why,
        "slot 1 shows user \"9\"; \"1013\" is wanted; \
         slot 1 shows the display name \"by hand\"; \"N720_1013\" is wanted"
    );
    assert_eq!((items[0].impact, items[0].visible), (Impact::Interrupts, true));
    assert_eq!(items[0].who, ["1013", "9"]);
    world.slots().get_mut(&slot(1)).unwrap().user_id = Some("1013".into());
    assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)], "a name disturbs nobody");
}

#[test]
fn what_no_page_shows_is_compared_with_what_was_released() {
    let mut world = in_sync();
    wanted(&mut world).sip.as_mut().unwrap().password = Some(SecretRef::Literal(Secret::new("neu")));
    assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::Interrupts)]);
    assert_eq!(whys(&world), ["the account of slot 1 in the site file differs from what was last released"]);
    let mut world = in_sync();
    wanted(&mut world).mailbox = Some(String::new());
    assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)]);
    let mut world = in_sync();
    world.desired.registration.as_mut().unwrap().pin = None;
    assert_eq!(world.drift(), [], "what is no longer mentioned stays as it is");
    world
        .desired
        .providers
        .insert(ProviderIndex::default(), Provider { port: Some(5061), ..Provider::default() });
    assert_eq!(actions(&world), [(Action::ConfigureProvider, Impact::Interrupts)]);
    assert_eq!(world.drift()[0].who, ["1013"]);
}

#[test]
fn without_anything_to_compare_with_unseen_parts_wait_for_visible_ones() {
    let mut world = World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1);
    assert_eq!(world.drift(), []);
    world.slots().clear();
    let found: Vec<_> = actions(&world).into_iter().map(|(action, _)| action).collect();
    let expected = [Action::ConfigureProvider, Action::SetPin, Action::ConfigureAccount, Action::Reserve];
    assert_eq!(found, expected);
}

#[test]
fn handsets_are_reserved_or_in_the_way() {
    let mut world = in_sync();
    wanted(&mut world).ipui = Some(ipui(2));
    assert_eq!(actions(&world), [(Action::Replace, Impact::Deregisters)]);
    world
        .slots()
        .insert(slot(1), super::super::world::shown("1013", super::super::observed::HandsetState::None));
    assert_eq!(actions(&world), [(Action::Reserve, Impact::None)]);
    let elsewhere = world.show_registered(7, "1077", 2);
    assert_eq!(elsewhere.drift()[0].who, ["1013", "1077"]);
    assert_eq!(actions(&elsewhere), [(Action::Replace, Impact::Deregisters)]);
}

#[test]
fn absent_is_absent_when_nothing_shows() {
    let absent = || World::new().want(2, DesiredSlot::Absent).with_baseline();
    assert_eq!(absent().drift(), []);
    let registered = absent().show_registered(2, "1014", 2);
    assert_eq!(actions(&registered), [(Action::Deregister, Impact::Deregisters)]);
    let why = "slot 2 holds the registered handset 02 B6 EC 8A 02 and has an active account; it is to be absent; 02 B6 EC 8A 02 is in no site file in force";
    assert_eq!(whys(&registered), [why]);
    assert_eq!(actions(&absent().show_pending(2, "1014", 2)), [(Action::Deregister, Impact::None)]);
    assert_eq!(actions(&absent().show(2, "1014")), [(Action::Deregister, Impact::None)]);
}

#[test]
fn nothing_follows_from_what_was_not_read() {
    let mut world = in_sync();
    world.slots().clear();
    world.seen.pending = Reading::Unreadable("cut".into());
    assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)], "only what was read");
    world.seen.slots = Reading::Unreadable("cut".into());
    assert_eq!(world.drift(), []);
}

#[test]
fn slots_that_are_not_listed_are_nobodys_business() {
    assert_eq!(in_sync().show_registered(40, "9", 40).show_pending(41, "9", 41).drift(), []);
}

/// One account with its handset and PIN, which the pages showed in place at 0; looked at again at 300.
fn shown_in_place() -> World {
    let mut world = in_sync();
    world.seen.registration_pin = Reading::Known(Pin::ZEROS);
    world.remember(1, Registration::Registered, Some(1));
    world.enter_shown(true);
    world.later(300);
    world
}

/// What drift there is, once the change has been entered.
fn after_change(change: impl FnOnce(&mut World)) -> Vec<DriftItem> {
    let mut world = shown_in_place();
    change(&mut world);
    world.enter_shown(true);
    world.drift()
}

fn edit(world: &mut World, change: impl FnOnce(&mut ObservedSlot)) {
    change(world.slots().get_mut(&slot(1)).unwrap());
}

/// No handset is in slot 1, nor a reservation.
fn emptied(world: &mut World) {
    world.seen.editors.clear();
    edit(world, |seen| seen.handset = HandsetState::None);
    world.remember(1, Registration::Reserved, None);
}

fn holds(world: &mut World, handset: u8) {
    world.seen.editors.insert(slot(1), Reading::Known(Some(ipui(handset))));
}

const BY_HAND: Cause = Cause::ByHand { since: DateTime::from_timestamp(1_795_000_300, 0).unwrap() };

/// What somebody does, what would mend it, and what is told.
type ByHand = (fn(&mut World), Action, &'static str);

const CHANGES: [ByHand; 11] = [
    (
        |w| {
            w.slots().clear();
            w.seen.editors.clear();
        },
        Action::ConfigureAccount,
        "the account of slot 1, user 1013, was switched off or deleted by hand (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| edit(w, |seen| seen.user_id = Some("9".into())),
        Action::ConfigureAccount,
        "the user of slot 1 was changed by hand from \"1013\" to \"9\" (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| edit(w, |seen| seen.display_name = Some("Lager".into())),
        Action::ConfigureAccount,
        "slot 1 was renamed by hand from \"N720_1013\" to \"Lager\" (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| w.seen.registration_pin = Reading::Known(Pin::Fixed([1, 2, 3, 4])),
        Action::SetPin,
        "the registration PIN was changed by hand from 0000 to 1234 (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| w.seen.registration_pin = Reading::Known(Pin::Random),
        Action::SetPin,
        "the registration PIN was changed by hand from 0000 to random (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| holds(w, 9),
        Action::Replace,
        "slot 1 holds the registered handset 02 B6 EC 8A 09; 02 B6 EC 8A 01 is wanted; 02 B6 EC 8A 09 is in no site file in force; \
          it was in place until somebody registered another by hand (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| {
            holds(w, 9);
            w.stray(9, "hamburg", 4);
        },
        Action::Replace,
        "slot 1 holds the registered handset 02 B6 EC 8A 09; 02 B6 EC 8A 01 is wanted; 02 B6 EC 8A 09 is listed in slot 4 of \
          site hamburg; it was in place until somebody registered another by hand (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        emptied,
        Action::Reserve,
        "slot 1 is not reserved for 02 B6 EC 8A 01; its reservation was removed on the manager, not by n720d (seen \
          2026-11-18 12:11 +01:00)",
    ),
    (
        |w| {
            emptied(w);
            w.remember(1, Registration::Lost, None);
        },
        Action::Reserve,
        "slot 1 is not reserved for 02 B6 EC 8A 01; it was deregistered and its reservation removed on the manager, not by \
          n720d (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| {
            emptied(w);
            edit(w, |seen| seen.handset = HandsetState::Pending);
            w.pending().push(ipui(9));
        },
        Action::Reserve,
        "slot 1 is reserved for 02 B6 EC 8A 09; 02 B6 EC 8A 01 is wanted; 02 B6 EC 8A 09 is in no site file in force; somebody changed \
          the reservation by hand (seen 2026-11-18 12:11 +01:00)",
    ),
    (
        |w| {
            emptied(w);
            w.slots().insert(slot(5), shown("1050", HandsetState::Registered));
            w.seen.editors.insert(slot(5), Reading::Known(Some(ipui(1))));
        },
        Action::Replace,
        "handset 02 B6 EC 8A 01 is wanted in slot 1 and registered in slot 5; it was moved there by hand (seen 2026-11-18 \
          12:11 +01:00)",
    ),
];

#[test]
fn every_change_by_hand_is_told_in_words_of_its_own() {
    for (change, action, why) in CHANGES {
        let items = after_change(change);
        let item =
            items.iter().find(|item| item.action == action).unwrap_or_else(|| panic!("{why}: {items:?}"));
        assert_eq!((item.why.as_str(), item.cause, item.visible), (why, BY_HAND, true));
    }
}

#[test]
fn a_deleted_and_added_account_is_told_as_a_change_of_user_and_name() {
    let items = after_change(|world| {
        edit(world, |seen| (seen.user_id, seen.display_name) = (Some("7777".into()), Some("By hand".into())));
    });
    assert_eq!(items.len(), 1, "one item, one step");
    let why = "the user of slot 1 was changed by hand from \"1013\" to \"7777\" (seen 2026-11-18 12:11 +01:00); slot 1 \
               was renamed by hand from \"N720_1013\" to \"By hand\" (seen 2026-11-18 12:11 +01:00)";
    assert_eq!(items[0].why, why);
}

#[test]
fn what_was_never_seen_and_what_the_site_file_changed_are_nobodys_hand() {
    let cause = |items: Vec<DriftItem>| -> Vec<Cause> { items.into_iter().map(|item| item.cause).collect() };
    let mut never = World::new().want(1, present("1013", Some(1))).show_registered(1, "9", 9);
    never.enter_shown(true);
    assert_eq!(cause(never.drift()), [Cause::NotYet; 4], "provider and PIN are set along");
    assert!(
        whys(&never)[3]
            .ends_with("02 B6 EC 8A 09 is in no site file in force; the wanted one was never seen there")
    );
    let mut edited = shown_in_place().want(1, present("1099", Some(2))).want(7, present("1070", Some(1)));
    edited.enter_shown(true);
    let found: Vec<(Action, Option<u8>, Cause)> = edited
        .drift()
        .into_iter()
        .map(|item| (item.action, item.slot.map(|slot| slot.number()), item.cause))
        .collect();
    let expected = [
        (Action::ConfigureAccount, Some(1), Cause::SiteFile),
        (Action::Replace, Some(1), Cause::SiteFile),
        (Action::ConfigureAccount, Some(7), Cause::NotYet),
        (Action::Replace, Some(7), Cause::NotYet),
    ];
    assert_eq!(found, expected);
    assert!(
        whys(&edited)[1].ends_with("02 B6 EC 8A 01 is listed in slot 7; the site file had it there before")
    );
    let mut settling = shown_in_place();
    settling.slots().clear();
    settling.seen.editors.clear();
    settling.enter_shown(false);
    assert_eq!(cause(settling.drift()), [Cause::UnderWay], "a push may have done it");
}

#[test]
fn the_gravest_cause_and_the_last_change_stand_for_the_item() {
    let mut world = shown_in_place();
    edit(&mut world, |seen| seen.user_id = Some("9".into()));
    world.enter_shown(true);
    world.later(600);
    edit(&mut world, |seen| seen.display_name = Some("Lager".into()));
    world.enter_shown(true);
    assert_eq!(world.drift()[0].cause, Cause::ByHand { since: at(600) });
    wanted(&mut world).display_name = Some("Store".into());
    world.enter_shown(true);
    assert_eq!(world.drift()[0].cause, BY_HAND, "the name is the site file's matter by now");
}

#[test]
fn a_pin_that_the_page_never_showed_as_ours_is_no_drift() {
    let mut world = in_sync();
    for shown in [Pin::Random, Pin::Fixed([1, 2, 3, 4])] {
        world.seen.registration_pin = Reading::Known(shown);
        world.enter_shown(true);
        assert_eq!(world.drift(), []);
    }
    let mut unread = shown_in_place();
    unread.seen.registration_pin = Reading::Known(Pin::Random);
    unread.enter_shown(true);
    unread.seen.registration_pin = Reading::Unreadable("no kind of PIN is marked".into());
    unread.enter_shown(true);
    assert_eq!(unread.drift(), [], "nothing follows from what was not read");
}

#[test]
fn an_absent_slot_that_somebody_filled_says_who_and_how() {
    let mut world = World::new().want(2, DesiredSlot::Absent).with_baseline();
    world.enter_shown(true);
    world.later(300);
    let mut world = world.show_registered(2, "7777", 7);
    world.stray(7, "hamburg", 4);
    world.enter_shown(true);
    let why = "slot 2 holds the registered handset 02 B6 EC 8A 07 and has an active account; it is to be absent; \
               02 B6 EC 8A 07 is listed in slot 4 of site hamburg; it was empty: somebody added user 7777 N720_7777 by hand \
               (seen 2026-11-18 12:11 +01:00)";
    assert_eq!(whys(&world), [why]);
    assert_eq!(world.drift()[0].cause, BY_HAND);
}
