//! Verdicts over several readings: what is said, and above all what is not.

use std::collections::BTreeMap;

use super::testing::{Bench, Empty, Filled, Look, Page, Reserved, listed, whole};
use super::*;
use crate::domain::desired::{DesiredSlot, PresentSlot};
use crate::domain::evidence::Source;
use crate::domain::observed::Reading;
use crate::domain::world::{at, ipui, slot};

/// The verdict on slot 1.
fn first(bench: &Bench) -> Registration {
    bench.record(1).registration
}

/// A site whose slot 1 was seen reserved for handset 1, and empty.
fn waiting() -> Bench {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.released(-10, &[(1, 1)]).read(0, whole(&[1], &[(1, Reserved)]));
    assert_eq!(first(&bench), Registration::Pending);
    bench
}

/// A site whose slot 1 holds handset 1, by its editor page.
fn registered() -> Bench {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.read(0, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
    assert_eq!(first(&bench), Registration::Registered);
    bench
}

#[test]
fn slots_without_a_handset_have_no_verdict() {
    let mut bench = Bench::of(&[(1, 1)]);
    let desired = &mut bench.world.desired.slots;
    desired.insert(slot(2), DesiredSlot::Absent);
    desired.insert(slot(3), DesiredSlot::Present(PresentSlot::default()));
    bench.read(0, whole(&[], &[(1, Filled), (2, Filled), (3, Filled)]));
    assert_eq!(bench.world.memory.slots.keys().collect::<Vec<_>>(), [&slot(1)]);
}

#[test]
fn a_handset_of_which_nothing_was_seen_is_not_missing_unless_a_push_is_under_way() {
    let bench = Bench::of(&[(1, 1)]);
    for (settled, registration, evidence) in [
        (true, Registration::Unknown, "not read yet"),
        (false, Registration::Reserved, "wanted; an earlier push is settling"),
    ] {
        let scene = Scene {
            desired: &bench.world.desired,
            memory: &bench.world.memory,
            observation: None,
            window: None,
            window_state: WindowState::None,
            settled,
            now: at(3),
        };
        let record = &judge(&scene)[&slot(1)];
        assert_eq!((record.registration, record.evidence.as_str()), (registration, evidence));
        assert_eq!((record.since, record.seen_at, record.pending_at), (at(3), at(3), None));
        assert_eq!(record.source, None, "nothing was seen");
    }
}

#[test]
fn a_verdict_says_what_was_seen_where_and_when() {
    let mut bench = waiting();
    let record = bench.record(1);
    assert_eq!((record.source, record.seen_at), (Some(Source::PendingList), at(0)));
    assert_eq!(record.registered_at, None);
    bench.read(5, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
    let record = bench.record(1);
    assert_eq!((record.source, record.seen_at), (Some(Source::EditorPage), at(300)));
    assert_eq!((record.since, record.registered_at), (at(300), Some(at(300))));
}

#[test]
fn the_present_observation_is_not_taken_for_the_one_before() {
    let mut bench = waiting();
    let before = bench.world.memory.slots.clone();
    bench.read(5, whole(&[], &[(1, Filled)]));
    bench.world.memory.slots = before;
    bench.read(5, whole(&[], &[(1, Filled)]));
    assert_eq!(first(&bench), Registration::Registered);
}

#[test]
fn who_was_there_before_anybody_looked_is_not_taken_for_the_wanted_one() {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.read(0, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Unknown);
    assert!(bench.record(1).evidence.ends_with("only the editor page tells which it is"));
    bench.read(5, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
    assert_eq!(first(&bench), Registration::Registered);
}

#[test]
fn who_came_into_the_slot_that_was_reserved_for_it_is_known_without_its_editor_page() {
    let mut bench = waiting();
    bench.read(5, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Registered);
    assert!(bench.record(1).evidence.ends_with("(its IPUI not read)"), "{:?}", bench.record(1));
    bench.read(10, whole(&[], &[(1, Filled)]));
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Registered, at(600)));
}

#[test]
fn another_handset_in_the_site_file_does_not_inherit_the_one_in_the_slot() {
    let mut bench = waiting();
    bench.read(5, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    bench.want(1, 2).read(10, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Unknown);
    bench.read(15, listed(&[])).filled(16, &[1]).read(20, listed(&[]));
    assert_eq!(first(&bench), Registration::Unknown, "nor by the manager's own list");
}

#[test]
fn a_handset_that_was_in_the_way_is_remembered_across_pages_that_were_not_read() {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.released(-10, &[(1, 1)]).read(0, whole(&[1], &[(1, Filled)])).read(5, listed(&[1]));
    bench.read(10, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Pending);
    assert!(bench.record(1).evidence.contains("there before this one could have come"));
}

#[test]
fn handsets_that_are_reserved_crosswise_do_not_come_into_their_own_slots() {
    let mut bench = Bench::of(&[(1, 1), (2, 2)]);
    bench.released(-10, &[(1, 1), (2, 2)]).read(0, whole(&[2, 1], &[(1, Reserved), (2, Reserved)]));
    let place = "listed as pending on the status page, in the place of slot 2";
    assert_eq!(bench.record(1).evidence, place);
    bench.read(5, whole(&[], &[(1, Filled), (2, Filled)]));
    for number in [1, 2] {
        assert_eq!(bench.record(number).registration, Registration::Pending, "slot {number}");
    }
    bench.filled(6, &[1, 2]).read(10, listed(&[]));
    assert_eq!(first(&bench), Registration::Pending, "nor by the manager's own list");
}

#[test]
fn a_slot_seen_empty_meanwhile_was_not_filled_by_the_one_that_waited() {
    let cut = |cells| Look { cells: Some(cells), ..Look::default() };
    for mac_was_read in [true, false] {
        let mut bench = waiting();
        let mac = bench.world.seen.mac.clone();
        if !mac_was_read {
            bench.world.seen.mac = Reading::Unreadable("cut off".into());
        }
        bench.read(5, cut(&[(1, Empty)]));
        bench.world.seen.mac = mac;
        bench.read(10, whole(&[], &[(1, Filled)]));
        assert_eq!(first(&bench), Registration::Pending, "MAC read: {mac_was_read}");
    }
    let mut bench = waiting();
    bench.read(5, cut(&[(1, Reserved)])).read(10, whole(&[], &[(1, Filled)]));
    assert_eq!(first(&bench), Registration::Registered, "still reserved, for all that was read");
}

#[test]
fn who_leaves_the_list_unseen_is_not_who_is_found_in_the_slot_later() {
    let mut bench = waiting();
    bench.world.window_state = WindowState::Closed;
    bench.read(5, listed(&[]));
    bench.read(10, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Pending);
}

#[test]
fn gone_in_the_open_window_is_evidence_where_no_page_shows_the_slot() {
    let mut bench = waiting();
    bench.read(5, listed(&[]));
    assert_eq!(
        (first(&bench), bench.record(1).source),
        (Registration::Registered, Some(Source::PendingThenGone))
    );
    // Whoever is found there is not known to be this one; what was known keeps its age.
    bench.read(10, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Registered, at(300)));
    assert_eq!(bench.record(1).conflicts.len(), 1);
}

#[test]
fn gone_is_no_evidence_in_any_of_these() {
    let is_pending = |bench: &mut Bench, why: &str| {
        bench.read(5, listed(&[]));
        assert_eq!(first(bench), Registration::Pending, "{why}");
    };
    let mut bench = waiting();
    bench.read(5, listed(&[]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Pending, "its editor page was asked for and did not come");

    let mut bench = waiting();
    bench.world.window_state = WindowState::Closed;
    is_pending(&mut bench, "the window has closed");

    let mut bench = Bench::of(&[(1, 1)]);
    bench.world.window_state = WindowState::Scheduled;
    bench.released(-10, &[(1, 1)]).read(0, whole(&[1], &[(1, Reserved)]));
    bench.world.window_state = WindowState::Open;
    is_pending(&mut bench, "it may have gone before the window opened");

    let mut bench = waiting();
    bench.released(-10, &[(1, 7)]);
    is_pending(&mut bench, "the release was for another");

    let mut bench = Bench::of(&[(1, 1)]);
    bench.released(-10, &[(1, 1)]).read(0, listed(&[1]));
    is_pending(&mut bench, "it may have been reserved for another slot");

    let mut bench = Bench::of(&[(1, 1), (2, 2)]);
    let both = [(1, 1), (2, 2)];
    bench.released(-10, &both).read(0, whole(&[1, 2], &[(1, Reserved), (2, Reserved)]));
    is_pending(&mut bench, "the list has emptied at once, as after a reset");
}

#[test]
fn an_editor_page_decides_where_the_mobile_devices_page_could_not_be_read() {
    for (page, verdict) in
        [(Page::Shows(1), Registration::Registered), (Page::Nobody, Registration::Reserved)]
    {
        let mut bench = waiting();
        assert_eq!(bench.asks_for(5, listed(&[])), super::testing::slots(&[1]));
        bench.read(5, listed(&[]).editors(&[(1, page)]));
        assert_eq!(first(&bench), verdict, "{page:?}");
    }
}

#[test]
fn the_managers_own_list_tells_who_came_only_of_a_slot_that_was_seen_waiting() {
    let mut bench = waiting();
    bench.filled(6, &[1]).read(10, listed(&[]));
    let record = bench.record(1);
    assert_eq!((record.registration, record.source), (Registration::Registered, Some(Source::FilledSlots)));
    assert_eq!((record.seen_at, record.registered_at), (at(360), Some(at(360))));
    let mut bench = Bench::of(&[(1, 1)]);
    bench.read(0, listed(&[1])).filled(6, &[1]).read(10, listed(&[]));
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Pending, at(0)));
    assert!(bench.record(1).conflicts[0].evidence.ends_with("does not tell which"));
}

#[test]
fn the_managers_own_list_denies_a_registered_handset_only_if_it_is_later() {
    for (minute, verdict) in [(4, Registration::Registered), (6, Registration::Lost)] {
        let mut bench = registered();
        bench.filled(minute, &[]).read(10, listed(&[]));
        assert_eq!(first(&bench), verdict, "minute {minute}");
    }
    let mut bench = registered();
    bench.filled(6, &[1]).read(10, listed(&[]));
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Registered, at(0)), "some handset");
}

#[test]
fn a_handset_that_looks_different_may_be_another() {
    let mut bench = registered();
    bench.model = Some("S650H PRO");
    bench.read(5, whole(&[], &[(1, Filled)]));
    assert_eq!(bench.record(1).seen_at, at(300), "no type was shown before");
    bench.model = Some("R650H PRO");
    for minute in [10, 15] {
        assert_eq!(bench.asks_for(minute, whole(&[], &[(1, Filled)])), super::testing::slots(&[1]));
        bench.read(minute, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
        let record = bench.record(1);
        assert_eq!(
            (record.registration, record.seen_at),
            (Registration::Registered, at(300)),
            "the old grounds"
        );
        assert_eq!(record.conflicts.len(), 1, "{record:?}");
        assert_eq!(record.registered_ipui, None);
    }
    bench.read(20, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(7))]));
    assert_eq!(first(&bench), Registration::Lost);
}

#[test]
fn what_an_editor_page_showed_is_not_believed_for_ever_without_looking() {
    let page = whole(&[], &[(1, Filled)]);
    let mut bench = registered();
    assert!(bench.asks_for(60, page).is_empty());
    assert_eq!(bench.asks_for(61, page), super::testing::slots(&[1]));
    bench.read(61, page);
    let record = bench.record(1);
    assert_eq!((record.registration, record.seen_at), (Registration::Registered, at(0)));
    assert!(record.conflicts[0].evidence.contains("nobody has looked at for 1 h"), "{record:?}");
    bench.read(62, page.editors(&[(1, Page::Shows(1))]));
    assert_eq!((bench.record(1).seen_at, bench.record(1).conflicts.len()), (at(62 * 60), 0));
}

#[test]
fn who_came_in_is_not_believed_to_be_there_still_after_an_absence() {
    let cut = whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]);
    let days = 3 * 24 * 60;
    let mut bench = waiting();
    bench.read(5, cut).read(65, cut);
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Registered, at(65 * 60)), "an hour");
    assert_eq!(bench.asks_for(days, cut), super::testing::slots(&[1]));
    for minute in [days, days + 5] {
        bench.read(minute, cut);
        let record = bench.record(1);
        assert_eq!((record.registration, record.seen_at), (Registration::Registered, at(65 * 60)));
        assert!(record.conflicts[0].evidence.contains("nobody has looked at for 7"), "{record:?}");
    }
    bench.read(days + 10, cut.editors(&[(1, Page::Shows(7))]));
    assert_eq!(first(&bench), Registration::Lost, "it was exchanged meanwhile");
}

#[test]
fn who_came_in_during_an_absence_is_known_by_its_reservation() {
    let mut bench = waiting();
    bench.read(3 * 24 * 60, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Cut)]));
    assert_eq!(first(&bench), Registration::Registered);
}

#[test]
fn gone_during_an_absence_is_no_evidence() {
    let mut bench = waiting();
    bench.read(61, listed(&[]).editors(&[(1, Page::Cut)]));
    assert_eq!((first(&bench), bench.record(1).seen_at), (Registration::Pending, at(0)));
}

#[test]
fn a_source_that_says_the_same_again_is_no_conflict_of_its_own() {
    let mut bench = registered();
    let off = whole(&[], &[(2, Empty)]);
    bench.want(1, 2).read(5, off);
    let evidence = bench.record(1).evidence.clone();
    assert_eq!(
        (first(&bench), bench.record(1).source),
        (Registration::Unknown, Some(Source::InactiveAccount))
    );
    bench.read(10, off);
    let record = bench.record(1);
    assert_eq!((&record.evidence, record.seen_at, record.conflicts.len()), (&evidence, at(600), 0));
}

#[test]
fn a_guess_of_an_earlier_version_is_taken_back() {
    let mut bench = registered();
    let stored = bench.world.memory.slots.get_mut(&slot(1)).unwrap();
    *stored = SlotRecord {
        registration: Registration::Registered,
        unread_handset: true,
        ..SlotRecord::new(stored.ipui, Registration::Registered, at(0))
    };
    bench.read(5, whole(&[], &[(1, Filled)]));
    assert_eq!((first(&bench), bench.record(1).since), (Registration::Unknown, at(300)));
}

#[test]
fn an_account_that_is_off_leaves_the_verdict_and_its_age() {
    let mut bench = registered();
    bench.read(5, whole(&[], &[(2, Empty)]));
    let record = bench.record(1);
    assert_eq!((record.registration, record.seen_at), (Registration::Registered, at(0)));
    assert_eq!(record.evidence, "the editor page of slot 1 shows it as registered");
    assert_eq!((record.conflicts[0].source, record.conflicts[0].at), (Source::InactiveAccount, at(300)));
}

#[test]
fn a_manager_that_shows_nothing_any_more_was_reset_unless_there_is_doubt() {
    let two = || {
        let mut bench = Bench::of(&[(1, 1), (2, 2)]);
        let editors = [(1, Page::Shows(1)), (2, Page::Shows(2))];
        bench.read(0, whole(&[], &[(1, Filled), (2, Filled)]).editors(&editors));
        bench
    };
    let mut bench = two();
    bench.read(5, whole(&[], &[]));
    assert_eq!((first(&bench), bench.record(2).registration), (Registration::Lost, Registration::Lost));
    let mut bench = two();
    bench.filled(4, &[1]).read(5, whole(&[], &[]));
    assert_eq!(first(&bench), Registration::Registered, "the manager has just said that somebody is there");
    let mut bench = two();
    bench.read(5, whole(&[9], &[]));
    assert_eq!(first(&bench), Registration::Registered, "it still knows a reservation");
    let mut bench = registered();
    bench.read(5, whole(&[], &[]));
    assert_eq!(first(&bench), Registration::Registered, "one account may as well have been switched off");
}

#[test]
fn pending_handsets_are_told_their_slots_in_order() {
    let mut bench = Bench::of(&[(2, 9), (40, 8)]);
    let cells = [(2, Reserved), (5, Filled), (7, Empty), (40, Reserved)];
    bench.read(0, whole(&[9, 8], &cells));
    let told = |bench: &Bench| pending_by_slot(bench.world.memory.observation.as_ref().unwrap());
    assert_eq!(told(&bench), Some(BTreeMap::from([(slot(2), ipui(9)), (slot(40), ipui(8))])));
    assert_eq!(told(bench.read(1, whole(&[], &[(5, Filled)]))), Some(BTreeMap::new()));
    let two = [(2, Reserved), (40, Reserved)];
    assert_eq!(told(bench.read(2, whole(&[9], &two))), None, "one fewer");
    assert_eq!(told(bench.read(3, whole(&[9, 8, 7], &two))), None, "a slot without an active account");
    assert_eq!(told(bench.read(4, listed(&[9, 8]))), None);
    assert_eq!(told(bench.read(5, Look { cells: Some(&two), ..Look::default() })), None);
}
