//! What becomes of a manager's pages as a site file, slot by slot; that its plan is empty is what it is for.

use super::super::desired::{Pin, RegistrationPolicy, WindowDuration, WindowStart};
use super::super::observed::{HandsetState, Reading};
use super::super::secret::SecretBook;
use super::super::world::{MAC, World, at, brief, ipui, shown, slot};
use super::*;

fn candidate_named(
    name: &SiteName,
    password: &SecretRef,
    listed: &BTreeMap<Ipui, SiteName>,
    world: &World,
) -> Draft {
    let candidate =
        Candidate { name, host: "10.20.0.2", port: 80, password, time_zone: chrono_tz::Tz::UTC, listed };
    adopt(&candidate, &world.seen).unwrap()
}

fn adopted(world: &World) -> Draft {
    let name = "acme".parse().unwrap();
    candidate_named(&name, &web_reference(&name), &BTreeMap::new(), world)
}

fn present(draft: &Draft, number: u8) -> &PresentSlot {
    match &draft.site.slots[&slot(number)] {
        DesiredSlot::Present(slot) => slot,
        DesiredSlot::Absent => panic!("slot {number} is to be absent"),
    }
}

fn above(draft: &Draft, number: u8) -> String {
    draft.remarks.at(Spot::Slot(slot(number))).join("\n")
}

/// The plan of the adopted site in mode `manage`, without and with its SIP passwords.
fn plans(world: World, draft: &Draft) -> Vec<String> {
    let mut steps = Vec::new();
    for filled in [false, true] {
        let mut world =
            World { desired: draft.site.clone(), ..World { seen: world.seen.clone(), ..World::new() } };
        world.desired.mode = Mode::Manage;
        world.secrets = SecretBook::default();
        for reference in world.desired.references().cloned().collect::<Vec<_>>() {
            let secret = crate::domain::secret::Secret::new("geheim");
            world.secrets.enter(&reference, if filled { Ok(secret) } else { Err("not there".into()) });
        }
        steps.extend(brief(&world.plan()));
    }
    steps
}

#[test]
fn accounts_and_handsets_are_listed_as_they_are_shown() {
    let world = World::new().show_registered(1, "1013", 1).show_pending(2, "1014", 2).show(5, "1050");
    let draft = adopted(&world);
    assert_eq!(draft.unread, [""; 0]);
    assert_eq!(draft.site.manager.mac, MAC.parse().unwrap());
    assert_eq!((draft.site.mode, draft.site.manager.enrol), (Mode::Observe, false));
    assert_eq!(draft.site.registration, None, "no window is opened");
    let handsets = [1, 2, 5].map(|number| present(&draft, number).ipui);
    assert_eq!(handsets, [Some(ipui(1)), Some(ipui(2)), None]);
    let first = present(&draft, 1);
    let sip = first.sip.as_ref().unwrap();
    assert_eq!((sip.user.as_str(), sip.login.as_str()), ("1013", "1013"));
    assert_eq!(sip.password, Some(SecretRef::Keyring("acme/1013".into())));
    assert_eq!((first.display_name.as_deref(), &first.mailbox), (Some("N720_1013"), &None));
    assert!(draft.remarks.at(Spot::Handset(slot(2))).concat().contains("not registered"));
    assert_eq!(plans(world, &draft), [""; 0]);
}

#[test]
fn gaps_are_marked_and_the_first_is_where_a_hand_made_handset_lands() {
    let draft = adopted(&World::new().show(1, "1013").show(3, "1014").show(100, "1099"));
    assert_eq!(above(&draft, 2), "slot 2 is free: the next handset added by hand lands here");
    assert_eq!(above(&draft, 4), "slots 4-99 are free");
    let virgin = adopted(&World::new());
    assert!(virgin.site.slots.is_empty() && virgin.site.providers.is_empty());
    assert_eq!(above(&virgin, 1), "slots 1-100 are free: the next handset added by hand lands in slot 1");
    let full = (1..=100).fold(World::new(), |world, number| world.show(number, &format!("1{number:03}")));
    let draft = adopted(&full);
    assert_eq!((draft.site.slots.len(), draft.remarks.slots().count()), (100, 0));
    assert_eq!(plans(full, &draft), [""; 0]);
}

#[test]
fn a_handset_that_no_page_names_is_left_out_and_the_file_is_not_whole() {
    let why = "/mobile_devices_editor.html: cut";
    for reading in [Some(Reading::Unreadable(why.into())), Some(Reading::Known(None)), None] {
        let mut world = World::new().show_registered(1, "1013", 1).show_registered(2, "1014", 2);
        world.seen.editors.remove(&slot(2));
        world.seen.editors.extend(reading.map(|reading| (slot(2), reading)));
        let draft = adopted(&world);
        assert_eq!((present(&draft, 1).ipui, present(&draft, 2).ipui), (Some(ipui(1)), None));
        assert_eq!(draft.unread.len(), 1);
        assert!(above(&draft, 2).contains("which one could not be read"), "{}", above(&draft, 2));
        assert!(draft.remarks.at(Spot::Top).concat().contains("NOT WHOLE"));
        assert_eq!(plans(world, &draft), [""; 0]);
    }
}

#[test]
fn reservations_are_listed_where_the_pages_agree_and_named_where_not() {
    // An account that is off: its reservation is on the list, and no page tells its slot.
    let mut world = World::new().show_pending(2, "1014", 2).show(3, "1015");
    world.pending().push(ipui(9));
    let draft = adopted(&world);
    assert_eq!(present(&draft, 2).ipui, None);
    assert_eq!(draft.unread, [""; 0], "everything was read; the pages do not tell");
    let end = draft.remarks.at(Spot::End).join("\n");
    assert!(end.contains(&ipui(2).to_string()) && end.contains(&ipui(9).to_string()), "{end}");
    assert_eq!(plans(world, &draft), [""; 0]);
    let mut unread = World::new().show_pending(2, "1014", 2);
    unread.seen.pending = Reading::Unreadable("cut".into());
    let draft = adopted(&unread);
    assert_eq!((present(&draft, 2).ipui, draft.unread.len()), (None, 1));
}

#[test]
fn one_handset_in_two_slots_is_in_neither_and_one_of_another_site_is_not_taken_from_it() {
    let world = World::new().show_registered(1, "1013", 1).show_registered(2, "1014", 1);
    let draft = adopted(&world);
    assert_eq!((present(&draft, 1).ipui, present(&draft, 2).ipui, draft.unread.len()), (None, None, 2));
    let world = World::new().show_registered(1, "1013", 1);
    let name: SiteName = "acme".parse().unwrap();
    let listed = BTreeMap::from([(ipui(1), "bolt".parse().unwrap())]);
    let draft = candidate_named(&name, &web_reference(&name), &listed, &world);
    assert_eq!((present(&draft, 1).ipui, draft.unread.len()), (None, 0));
    assert!(above(&draft, 1).contains("listed in the file of site bolt"));
}

#[test]
fn texts_that_could_not_be_given_back_to_the_device_stay_as_they_are() {
    let mut world = World::new().show_registered(1, "1013", 1).show(2, "10\"14").show(3, "1015");
    let mut change = |number: u8, name: Option<&str>, user: Option<&str>| {
        let account = world.slots().get_mut(&slot(number)).unwrap();
        (account.display_name, account.user_id) = (name.map(Into::into), user.map(Into::into));
    };
    change(1, Some(&"ä".repeat(17)), Some("1013"));
    change(2, Some("Müller & Söhne"), Some("10\"14"));
    change(3, None, None);
    let draft = adopted(&world);
    assert_eq!(present(&draft, 1).display_name, None);
    assert!(above(&draft, 1).contains("at most 32 bytes"), "{}", above(&draft, 1));
    assert_eq!(
        (present(&draft, 2).display_name.as_deref(), &present(&draft, 2).sip),
        (Some("Müller & Söhne"), &None)
    );
    assert!(above(&draft, 2).contains("'\"'"));
    assert_eq!(draft.site.slots.get(&slot(3)), None);
    assert!(
        above(&draft, 3).contains("shows no SIP user") && above(&draft, 3).contains("nothing can be listed")
    );
    assert_eq!(plans(world, &draft), [""; 0]);
}

#[test]
fn passwords_are_named_after_the_user_where_that_is_one_account() {
    let mut world = World::new();
    for (number, user) in
        [(1, "1013"), (2, "1013"), (3, "web"), (4, "a b"), (5, "jo.doe"), (6, "slot-7"), (7, "7")]
    {
        world = world.show(number, user);
    }
    let names =
        |draft: &Draft| -> Vec<String> { draft.site.sip_passwords().map(ToString::to_string).collect() };
    let expected = ["slot-1", "slot-2", "slot-3", "slot-4", "jo.doe", "slot-6", "7"];
    assert_eq!(names(&adopted(&world)), expected.map(|name| format!("keyring:acme/{name}")));
    let name: SiteName = "acme".parse().unwrap();
    let credential = SecretRef::Credential("acme-web".into());
    let draft = candidate_named(&name, &credential, &BTreeMap::new(), &world);
    assert_eq!(names(&draft), expected.map(|name| format!("credential:acme-{name}")));
    assert_eq!(draft.site.manager.password, credential);
}

#[test]
fn providers_are_told_apart_by_name_and_asked_for_nothing() {
    let mut world = World::new().show(1, "1").show(2, "2").show(3, "3").show(4, "4");
    for (number, name) in [(2, Some("Other")), (3, None)] {
        world.slots().get_mut(&slot(number)).unwrap().provider = name.map(Into::into);
    }
    let draft = adopted(&world);
    let index = |number| present(&draft, number).sip.as_ref().unwrap().provider.index();
    assert_eq!([1, 2, 3, 4].map(index), [0, 1, 2, 0]);
    assert_eq!(draft.site.providers.len(), 3);
    assert!(draft.site.providers.values().all(|provider| *provider == Provider::default()));
    let second = ProviderIndex::new(1).unwrap();
    assert!(draft.remarks.at(Spot::Provider(second)).concat().starts_with("shown as \"Other\""));
    let many = (1..=12).fold(World::new(), |mut world, number| {
        world = world.show(number, &number.to_string());
        world.slots().get_mut(&slot(number)).unwrap().provider = Some(format!("P{number}"));
        world
    });
    assert_eq!(adopted(&many).site.providers.len(), 10);
}

#[test]
fn the_clock_is_held_to_the_zone() {
    let remark = |offset: i64| {
        let mut world = World::new();
        world.seen.device_clock = Reading::Known(at(offset).naive_utc());
        adopted(&world).remarks.at(Spot::TimeZone).concat()
    };
    assert_eq!(remark(0), "the manager's clock agrees with it");
    assert_eq!(remark(3600), "to be checked: the manager's clock is 1 h ahead of this zone");
    assert_eq!(remark(-7200), "to be checked: the manager's clock is 2 h behind this zone");
    let mut world = World::new();
    world.seen.device_clock = Reading::Unreadable("cut".into());
    let draft = adopted(&world);
    assert!(draft.remarks.at(Spot::TimeZone).concat().contains("could not be read"));
    assert_eq!(draft.unread, ["the manager's clock: cut"]);
}

#[test]
fn without_mac_or_mobile_devices_there_is_no_file() {
    let name = "acme".parse().unwrap();
    let (password, listed) = (web_reference(&name), BTreeMap::new());
    let candidate = Candidate {
        name: &name,
        host: "10.20.0.2",
        port: 80,
        password: &password,
        time_zone: chrono_tz::Tz::UTC,
        listed: &listed,
    };
    let mut world = World::new();
    world.seen.slots = Reading::Unreadable("cut".into());
    let refusal = adopt(&candidate, &world.seen).unwrap_err().to_string();
    assert!(refusal.contains("the mobile devices page") && refusal.contains("cut"), "{refusal}");
    world.seen.mac = Reading::Unreadable("gone".into());
    assert!(adopt(&candidate, &world.seen).unwrap_err().to_string().contains("MAC"));
}

#[test]
fn firmware_that_cannot_register_by_ipui_is_named() {
    let mut world = World::new();
    world.seen.firmware = Reading::Known("70.107.00.000.00".parse().unwrap());
    assert!(adopted(&world).remarks.at(Spot::Top).concat().contains("updated to 70.108"));
}

mod back {
    use super::super::super::memory::Registration;
    use super::super::super::secret::Secret;
    use super::super::super::world::present as wanted;
    use super::*;

    fn back(world: &World) -> Draft {
        way_back(&world.desired, &world.memory, &world.seen, &"2311260801".parse().unwrap()).unwrap()
    }

    /// The plan of another file at the same manager, all secrets at hand.
    fn plan_of(draft: &Draft, world: World) -> Vec<String> {
        let mut secrets = SecretBook::default();
        for reference in draft.site.references() {
            secrets.enter(reference, Ok(Secret::new("geheim")));
        }
        let world =
            World { desired: DesiredSite { registration: None, ..draft.site.clone() }, secrets, ..world };
        brief(&World { memory: World::new().memory, ..world }.plan())
    }

    /// Two accounts change places: the file wants them crosswise.
    fn swap() -> World {
        World::new()
            .want(1, wanted("1014", Some(2)))
            .want(2, wanted("1013", Some(1)))
            .show_registered(1, "1013", 1)
            .show_registered(2, "1014", 2)
    }

    #[test]
    fn it_asks_for_what_was_there_and_later_leads_back_to_it() {
        let draft = back(&swap());
        assert_eq!(plan_of(&draft, swap()), [""; 0], "nothing to do where nothing has changed");
        let after = World::new().show_registered(1, "1014", 2).show_registered(2, "1013", 1);
        let steps = plan_of(&draft, after);
        for step in ["ConfigureAccount 1", "Replace 1", "ConfigureAccount 2", "Replace 2"] {
            assert!(steps.iter().any(|line| line.starts_with(step)), "{step}: {steps:?}");
        }
    }

    #[test]
    fn an_account_keeps_what_no_page_shows_wherever_the_file_has_it() {
        let mut world = swap();
        let DesiredSlot::Present(second) = world.desired.slots.get_mut(&slot(2)).unwrap() else { panic!() };
        let sip = second.sip.as_mut().unwrap();
        (sip.login, sip.password) = ("login-1013".into(), Some(SecretRef::Env("X".into())));
        let draft = back(&world);
        let sip = present(&draft, 1).sip.as_ref().unwrap();
        assert_eq!((sip.user.as_str(), sip.login.as_str()), ("1013", "login-1013"));
        assert_eq!(sip.password, Some(SecretRef::Env("X".into())));
        assert_eq!(present(&draft, 1).mailbox.as_deref(), Some("*2"));
    }

    #[test]
    fn secrets_in_the_file_itself_are_not_kept() {
        let draft = back(&swap());
        let names: Vec<String> = draft.site.references().map(ToString::to_string).collect();
        assert_eq!(names, ["keyring:acme/web", "keyring:acme/1013", "keyring:acme/1014"]);
        assert!(!format!("{draft:?}").contains("geheim"));
        assert!(!draft.remarks.at(Spot::Password).is_empty());
        assert!(draft.remarks.at(Spot::Account(slot(1))).concat().contains("fill this one"));
    }

    #[test]
    fn an_account_that_the_file_does_not_know_is_to_be_filled() {
        let world = World::new().want(1, wanted("2000", Some(2))).show_registered(1, "1013", 1);
        let draft = back(&world);
        let sip = present(&draft, 1).sip.as_ref().unwrap();
        assert_eq!((sip.user.as_str(), present(&draft, 1).ipui), ("1013", Some(ipui(1))));
        assert_eq!(sip.password, Some(SecretRef::Keyring("acme/1013".into())));
        assert_eq!(present(&draft, 1).mailbox, None);
        assert!(draft.remarks.at(Spot::Account(slot(1))).concat().contains("check before"));
    }

    #[test]
    fn what_was_empty_is_emptied_and_what_was_blank_is_blank() {
        let world =
            World::new().want(1, wanted("1013", Some(1))).want(2, wanted("1014", None)).show(2, "1014");
        let mut world = world;
        world.slots().get_mut(&slot(2)).unwrap().display_name = None;
        let draft = back(&world);
        assert_eq!(draft.site.slots[&slot(1)], DesiredSlot::Absent);
        assert_eq!(present(&draft, 2).display_name.as_deref(), Some(""));
        assert_eq!(plan_of(&draft, world), [""; 0]);
    }

    #[test]
    fn a_handset_that_the_file_wants_elsewhere_goes_back_to_its_unlisted_slot() {
        let world =
            World::new().want(1, wanted("1013", Some(5))).show(1, "1013").show_registered(5, "1050", 5);
        let draft = back(&world.show_registered(6, "1060", 6));
        assert_eq!(present(&draft, 5).ipui, Some(ipui(5)));
        assert_eq!(draft.site.slots.len(), 2, "what is not concerned stays unlisted");
        assert!(above(&draft, 1).contains("taken out by hand"), "{}", above(&draft, 1));
    }

    #[test]
    fn a_handset_behind_an_account_that_is_off_is_remembered() {
        let mut world = World::new().want(1, wanted("1013", Some(1))).want(2, wanted("1014", Some(2)));
        world.remember(1, Registration::Registered, Some(7));
        world.memory.slots.insert(slot(2), world.memory.slots[&slot(1)].clone());
        let second = world.memory.slots.get_mut(&slot(2)).unwrap();
        (second.registered_ipui, second.unread_handset) = (None, true);
        let draft = back(&world);
        assert_eq!((present(&draft, 1).ipui, &present(&draft, 1).sip), (Some(ipui(7)), &None));
        assert_eq!(draft.site.slots.get(&slot(2)), None, "nobody knows which one it is: it is left alone");
        assert!(above(&draft, 2).contains("with a handset in it"));
    }

    #[test]
    fn editor_pages_that_this_cycle_did_not_read_are_made_up_for_by_memory() {
        let mut world = World::new().want(1, wanted("2000", Some(1))).show_registered(1, "1013", 1);
        world.seen.editors.clear();
        let draft = back(&world);
        assert_eq!((present(&draft, 1).ipui, draft.unread.len()), (None, 1));
        world.remember(1, Registration::Registered, Some(1));
        assert_eq!(present(&back(&world), 1).ipui, Some(ipui(1)));
    }

    #[test]
    fn head_window_and_providers_are_the_files_own() {
        let mut world = swap();
        let policy = RegistrationPolicy {
            start: WindowStart::WhenReleased,
            duration: WindowDuration::Always,
            pin: Some(Pin::Random),
            reopen: 3,
            reopen_schedule: None,
            close_when_filled: true,
        };
        world.desired.registration = Some(policy);
        let site = back(&world).site;
        assert_eq!((site.mode, &site.registration), (Mode::Manage, &world.desired.registration));
        assert_eq!((&site.providers, &site.labels), (&world.desired.providers, &world.desired.labels));
        let top = back(&world).remarks.at(Spot::Top).join("\n");
        assert!(top.contains("VERSION 2311260801"), "{top}");
    }

    #[test]
    fn nothing_follows_from_a_page_that_was_not_read() {
        let mut world = swap();
        world.seen.slots = Reading::Unreadable("cut".into());
        let version = "2311260801".parse().unwrap();
        assert_eq!(way_back(&world.desired, &world.memory, &world.seen, &version), None);
    }

    #[test]
    fn a_reservation_behind_an_account_that_is_off_stays() {
        let mut world = World::new().want(1, wanted("1013", Some(1))).show(2, "1014");
        world.pending().push(ipui(1));
        assert_eq!(shown("1014", HandsetState::None), world.slots()[&slot(2)]);
        let draft = back(&world);
        assert_eq!((present(&draft, 1).ipui, &present(&draft, 1).sip), (Some(ipui(1)), &None));
    }
}
