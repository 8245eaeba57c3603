//! Every pair of sources that can contradict each other: which one wins, and what is shown of the other.

use super::super::testing::{Bench, Empty, Filled, Look, Page, Reserved, listed, whole};
use super::*;
use crate::domain::memory::SlotRecord;
use crate::domain::status::WindowState;
use Registration::{Lost, Pending, Registered};
use Source::{
    EditorPage, FilledSlots, InactiveAccount, MobileDevicesPage, OtherEditorPage, PendingList,
    PendingThenGone,
};

/// Slot 1 and its handset 1 were seen waiting for each other, slot 2 is not listed.
fn waiting() -> Bench {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.released(-10, &[(1, 1)]).read(0, whole(&[1], &[(1, Reserved), (2, Empty)]));
    bench
}

/// Handset 1 was seen in slot 1.
fn registered() -> Bench {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.read(0, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
    bench
}

/// What comes of that reading, ten minutes later.
fn read(mut bench: Bench, look: Look<'_>) -> SlotRecord {
    bench.read(10, look).record(1).clone()
}

/// Verdict, what it rests on, and what speaks against it.
type Outcome = (Registration, Source, Vec<Source>);

fn outcome(record: &SlotRecord) -> Outcome {
    let conflicts = record.conflicts.iter().map(|conflict| conflict.source).collect();
    (record.registration, record.source.unwrap(), conflicts)
}

/// The list of filled slots of a fetch while the manager was being read.
fn filled(mut bench: Bench, slots: &[u8]) -> Bench {
    bench.filled(11, slots);
    bench
}

#[test]
fn the_editor_page_with_its_ipui_wins() {
    let own = &[(1, Page::Shows(1))];
    let table: [(&str, SlotRecord, Vec<Source>); 6] = [
        (
            "in two slots",
            read(
                waiting(),
                whole(&[], &[(1, Filled), (2, Filled)]).editors(&[(1, Page::Shows(1)), (2, Page::Shows(1))]),
            ),
            vec![OtherEditorPage],
        ),
        ("listed", read(waiting(), whole(&[1], &[(1, Filled)]).editors(own)), vec![PendingList]),
        ("cell empty", read(registered(), whole(&[], &[(1, Empty)]).editors(own)), vec![MobileDevicesPage]),
        (
            "listed, and cell reserved",
            read(waiting(), whole(&[1], &[(1, Reserved)]).editors(own)),
            vec![PendingList, MobileDevicesPage],
        ),
        (
            "bit missing",
            read(filled(waiting(), &[]), whole(&[], &[(1, Filled)]).editors(own)),
            vec![FilledSlots],
        ),
        ("nothing", read(waiting(), whole(&[], &[(1, Filled)]).editors(own)), vec![]),
    ];
    for (case, record, conflicts) in table {
        assert_eq!(outcome(&record), (Registered, EditorPage, conflicts), "{case}: {record:?}");
    }
}

#[test]
fn the_editor_page_of_another_slot_comes_next() {
    let other = &[(2, Page::Shows(1))];
    let table: [(&str, SlotRecord, Registration, Vec<Source>); 5] = [
        (
            "listed",
            read(registered(), whole(&[1], &[(1, Empty), (2, Filled)]).editors(other)),
            Lost,
            vec![PendingList],
        ),
        (
            "a handset came into its own slot too",
            read(waiting(), whole(&[], &[(1, Filled), (2, Filled)]).editors(other)),
            Registration::Reserved,
            vec![MobileDevicesPage],
        ),
        (
            "its bit is set",
            read(filled(waiting(), &[1]), listed(&[]).editors(other)),
            Registration::Reserved,
            vec![FilledSlots, PendingThenGone],
        ),
        (
            "gone in the window",
            read(waiting(), listed(&[]).editors(other)),
            Registration::Reserved,
            vec![PendingThenGone],
        ),
        (
            "somebody is in its slot",
            read(registered(), whole(&[], &[(1, Filled), (2, Filled)]).editors(other)),
            Lost,
            vec![],
        ),
    ];
    for (case, record, verdict, conflicts) in table {
        assert_eq!(outcome(&record), (verdict, OtherEditorPage, conflicts), "{case}: {record:?}");
    }
}

#[test]
fn the_pending_list_beats_what_shows_the_slot_alone() {
    let table: [(&str, SlotRecord, Vec<Source>); 6] = [
        (
            "another in its slot",
            read(waiting(), whole(&[1], &[(1, Filled)]).editors(&[(1, Page::Shows(9))])),
            vec![EditorPage, MobileDevicesPage],
        ),
        (
            "nobody in its slot",
            read(waiting(), whole(&[1], &[(1, Reserved)]).editors(&[(1, Page::Nobody)])),
            vec![],
        ),
        ("somebody in its slot", read(waiting(), whole(&[1], &[(1, Filled)])), vec![MobileDevicesPage]),
        ("no reservation there", read(waiting(), whole(&[1], &[(1, Empty)])), vec![MobileDevicesPage]),
        ("its bit is set", read(filled(waiting(), &[1]), listed(&[1])), vec![FilledSlots]),
        ("its account is off", read(waiting(), whole(&[1], &[(2, Empty)])), vec![]),
    ];
    for (case, record, conflicts) in table {
        assert_eq!(outcome(&record), (Pending, PendingList, conflicts), "{case}: {record:?}");
    }
    let lost = read(registered(), whole(&[1], &[(1, Filled)]));
    assert_eq!(outcome(&lost), (Lost, PendingList, vec![MobileDevicesPage]));
}

#[test]
fn an_editor_page_without_it_beats_the_mobile_devices_page() {
    let nobody = &[(1, Page::Nobody)];
    let another = &[(1, Page::Shows(9))];
    let table: [(&str, SlotRecord, Registration, Vec<Source>); 6] = [
        (
            "cell filled",
            read(registered(), whole(&[], &[(1, Filled)]).editors(nobody)),
            Lost,
            vec![MobileDevicesPage],
        ),
        (
            "somebody came in",
            read(waiting(), whole(&[], &[(1, Filled)]).editors(nobody)),
            Registration::Reserved,
            vec![MobileDevicesPage],
        ),
        (
            "cell empty",
            read(registered(), whole(&[], &[(1, Empty)]).editors(another)),
            Lost,
            vec![MobileDevicesPage],
        ),
        (
            "cell filled with another",
            read(registered(), whole(&[], &[(1, Filled)]).editors(another)),
            Lost,
            vec![],
        ),
        (
            "bit set",
            read(filled(waiting(), &[1]), listed(&[]).editors(nobody)),
            Registration::Reserved,
            vec![FilledSlots],
        ),
        (
            "bit missing",
            read(filled(waiting(), &[]), listed(&[]).editors(another)),
            Registration::Reserved,
            vec![FilledSlots],
        ),
    ];
    for (case, record, verdict, conflicts) in table {
        assert_eq!(outcome(&record), (verdict, EditorPage, conflicts), "{case}: {record:?}");
    }
}

#[test]
fn the_mobile_devices_page_beats_the_managers_own_list() {
    let table: [(&str, SlotRecord, Registration, Vec<Source>); 4] = [
        (
            "filled, bit missing",
            read(filled(registered(), &[]), whole(&[], &[(1, Filled)])),
            Registered,
            vec![FilledSlots],
        ),
        (
            "came in, bit missing",
            read(filled(waiting(), &[]), whole(&[], &[(1, Filled)])),
            Registered,
            vec![FilledSlots],
        ),
        (
            "empty, bit set",
            read(filled(waiting(), &[1]), whole(&[], &[(1, Empty)])),
            Registration::Reserved,
            vec![FilledSlots],
        ),
        ("empty, bit missing", read(filled(registered(), &[]), whole(&[], &[(1, Empty)])), Lost, vec![]),
    ];
    for (case, record, verdict, conflicts) in table {
        assert_eq!(outcome(&record), (verdict, MobileDevicesPage, conflicts), "{case}: {record:?}");
    }
}

#[test]
fn where_no_page_shows_the_slot_the_managers_own_list_beats_the_rest() {
    let off = whole(&[], &[(2, Empty)]);
    let table: [(&str, SlotRecord, Outcome); 5] = [
        ("bit set, account off", read(filled(waiting(), &[1]), off), (Registered, FilledSlots, vec![])),
        (
            "bit missing, gone in the window",
            read(filled(waiting(), &[]), listed(&[])),
            (Registration::Reserved, FilledSlots, vec![]),
        ),
        (
            "account off, gone in the window",
            read(waiting(), off),
            (Registration::Reserved, InactiveAccount, vec![PendingThenGone]),
        ),
        ("gone in the window", read(waiting(), listed(&[])), (Registered, PendingThenGone, vec![])),
        ("account off", read(registered(), off), (Registered, EditorPage, vec![InactiveAccount])),
    ];
    for (case, record, expected) in table {
        assert_eq!(outcome(&record), expected, "{case}: {record:?}");
    }
}

#[test]
fn what_is_older_is_overtaken_and_no_conflict() {
    for (minute, conflicts) in [(9, vec![]), (10, vec![FilledSlots])] {
        let mut bench = registered();
        bench.filled(minute, &[]);
        let record = read(bench, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
        assert_eq!(outcome(&record), (Registered, EditorPage, conflicts), "minute {minute}");
    }
    let mut bench = waiting();
    bench.filled(5, &[]);
    let newer = read(bench, listed(&[]));
    assert_eq!(outcome(&newer).2, [PendingThenGone], "what was seen after the list speaks against it");
}

#[test]
fn a_conflict_says_what_was_shown_and_when() {
    let record = read(filled(waiting(), &[1]), whole(&[], &[(1, Empty)]));
    let conflict = &record.conflicts[0];
    let list = "the manager's own list at its last fetch has a handset in slot 1, and does not tell which";
    assert_eq!(conflict.evidence, list);
    assert_eq!(conflict.at, record.seen_at + chrono::TimeDelta::minutes(1));
}

#[test]
fn nobody_testifies_to_what_no_source_shows() {
    let mut bench = Bench::of(&[(1, 1)]);
    bench.world.window_state = WindowState::Closed;
    bench.read(0, listed(&[]));
    assert_eq!(bench.record(1).registration, Registration::Unknown);
    assert_eq!((bench.record(1).source, bench.record(1).evidence.as_str()), (None, "not read yet"));
}
