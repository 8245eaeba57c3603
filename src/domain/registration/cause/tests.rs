//! Each cause of a loss, what it is told by, and how it becomes clearer.

use super::super::testing::{Bench, Empty, Filled, Look, Page, Reserved, listed, whole};
use super::*;
use crate::domain::world::{ipui, slot};

/// Handsets 1, 2 and so on are in the slots of the same number.
fn registered(slots: u8) -> Bench {
    let all: Vec<(u8, u8)> = (1..=slots).map(|number| (number, number)).collect();
    let cells: Vec<_> = all.iter().map(|(number, _)| (*number, Filled)).collect();
    let pages: Vec<_> = all.iter().map(|(number, handset)| (*number, Page::Shows(*handset))).collect();
    let mut bench = Bench::of(&all);
    bench.released(-10, &all).read(0, whole(&[], &cells).editors(&pages));
    bench
}

/// The cause of the loss in slot 1.
fn first(bench: &Bench) -> LossCause {
    let record = bench.record(1);
    assert_eq!(record.registration, Registration::Lost, "{record:?}");
    let cause = record.cause.unwrap();
    assert_eq!(record.explained(), format!("{}; {cause}", record.evidence));
    assert!(!record.evidence.contains("cause"), "only what was seen: {record:?}");
    cause
}

fn of(mut bench: Bench, look: Look<'_>) -> LossCause {
    bench.read(5, look);
    first(&bench)
}

#[test]
fn every_cause_is_told_by_what_was_seen() {
    let table: [(&str, LossCause, LossCause); 12] = [
        ("reserved again", of(registered(1), whole(&[1], &[(1, Reserved)])), LossCause::DeregisteredByHand),
        ("nobody there", of(registered(1), whole(&[], &[(1, Empty)])), LossCause::DeregisteredByHand),
        (
            "two pages disagree, the editor page shows nobody",
            of(registered(1), whole(&[], &[(1, Filled)]).editors(&[(1, Page::Nobody)])),
            LossCause::DeregisteredByHand,
        ),
        (
            "pending in another slot's place",
            of(registered(1), whole(&[1], &[(1, Empty), (7, Reserved)])),
            LossCause::ReservedForAnotherSlot { slot: slot(7) },
        ),
        (
            "on another slot's editor page",
            of(registered(1), whole(&[], &[(1, Empty), (7, Filled)]).editors(&[(7, Page::Shows(1))])),
            LossCause::RegisteredInAnotherSlot { slot: slot(7) },
        ),
        (
            "each reserved for the other's slot",
            of(registered(2), whole(&[2, 1], &[(1, Reserved), (2, Reserved)])),
            LossCause::Swapped { with: slot(2) },
        ),
        (
            "each in the other's slot",
            of(
                registered(2),
                whole(&[], &[(1, Filled), (2, Filled)]).editors(&[(1, Page::Shows(2)), (2, Page::Shows(1))]),
            ),
            LossCause::Swapped { with: slot(2) },
        ),
        (
            "one there already, one still waiting",
            of(registered(2), whole(&[2], &[(1, Reserved), (2, Filled)]).editors(&[(2, Page::Shows(1))])),
            LossCause::Swapped { with: slot(2) },
        ),
        (
            "another in its slot",
            of(registered(1), whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(9))])),
            LossCause::Replaced { by: Some(ipui(9)) },
        ),
        (
            "its slot reserved for another",
            of(registered(1), whole(&[9], &[(1, Reserved)])),
            LossCause::Replaced { by: Some(ipui(9)) },
        ),
        (
            "somebody in the slot while it is pending",
            of(registered(1), whole(&[1], &[(1, Filled)])),
            LossCause::Replaced { by: None },
        ),
        ("the slot was not shown", of(registered(1), listed(&[1])), LossCause::NotKnown),
    ];
    for (case, found, expected) in table {
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn a_slot_that_no_page_shows_is_empty_by_the_managers_own_list() {
    let mut bench = registered(1);
    bench.filled(6, &[]).read(10, listed(&[]));
    assert_eq!(first(&bench), LossCause::DeregisteredByHand);
    let mut bench = registered(1);
    bench.read(5, whole(&[], &[(2, Empty)])).filled(11, &[]).read(12, whole(&[], &[(2, Empty)]));
    assert_eq!(first(&bench), LossCause::DeregisteredByHand, "its account was switched off before");
}

#[test]
fn a_reset_takes_everybody_at_once() {
    let blank = of(registered(2), whole(&[], &[]));
    assert_eq!(blank, LossCause::FactoryReset, "no account, no reservation");
    let reserved = [(1, Reserved), (2, Reserved), (3, Reserved)];
    let every_one = of(registered(3), whole(&[1, 2, 3], &reserved));
    assert_eq!(every_one, LossCause::FactoryReset, "its accounts are back, its handsets are not");
    let two = of(registered(2), whole(&[1, 2], &reserved[..2]));
    assert_eq!(two, LossCause::DeregisteredByHand, "two may have been deregistered one after the other");
    let most = of(registered(3), whole(&[1, 2], &[(1, Reserved), (2, Reserved), (3, Filled)]));
    assert_eq!(most, LossCause::DeregisteredByHand, "one is left");
}

#[test]
fn what_was_released_since_is_not_blamed_on_anybody_else() {
    let mut bench = registered(1);
    bench.released(3, &[(1, 9)]);
    assert_eq!(of(bench, whole(&[9], &[(1, Reserved)])), LossCause::SiteFile);
    let mut bench = registered(1);
    bench.released(3, &[(7, 1)]);
    assert_eq!(of(bench, whole(&[1], &[(1, Empty), (7, Reserved)])), LossCause::SiteFile);
    let mut bench = registered(1);
    bench.released(3, &[(1, 1)]);
    assert_eq!(of(bench, whole(&[1], &[(1, Reserved)])), LossCause::NotKnown, "it changed something there");
    let mut bench = registered(3);
    bench.released(3, &[(1, 1)]);
    let reserved = [(1, Reserved), (2, Reserved), (3, Reserved)];
    assert_eq!(of(bench, whole(&[1, 2, 3], &reserved)), LossCause::NotKnown, "nor is it a reset for sure");
    let mut bench = registered(1);
    bench.released(3, &[(1, 9)]);
    bench.world.progress().fetched_at = None;
    let by_hand = of(bench, whole(&[1], &[(1, Reserved)]));
    assert_eq!(by_hand, LossCause::DeregisteredByHand, "it was never fetched");
}

#[test]
fn a_cause_becomes_clearer_and_never_vaguer() {
    let mut bench = registered(1);
    bench.read(5, listed(&[1]));
    assert_eq!(first(&bench), LossCause::NotKnown);
    bench.read(10, whole(&[1], &[(1, Reserved)]));
    assert_eq!(first(&bench), LossCause::DeregisteredByHand);
    bench.read(15, listed(&[1]));
    assert_eq!(first(&bench), LossCause::DeregisteredByHand, "what was seen once holds");
    bench.read(20, whole(&[], &[(1, Empty), (7, Filled)]).editors(&[(7, Page::Shows(1))]));
    let moved = LossCause::RegisteredInAnotherSlot { slot: slot(7) };
    assert_eq!(first(&bench), moved);
    bench.read(25, whole(&[], &[(1, Empty), (7, Filled)]));
    assert_eq!(first(&bench), moved);
    bench.read(30, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(1))]));
    assert_eq!((bench.record(1).registration, bench.record(1).cause), (Registration::Registered, None));
}

#[test]
fn a_reset_stays_the_cause_when_everything_is_released_again() {
    let mut bench = registered(2);
    bench.read(5, whole(&[], &[])).released(6, &[(1, 1), (2, 2)]);
    bench.read(15, whole(&[1, 2], &[(1, Reserved), (2, Reserved)]));
    assert_eq!(first(&bench), LossCause::FactoryReset);
}

#[test]
fn while_nothing_is_judged_the_words_stand_once() {
    let mut bench = registered(1);
    bench.read(5, whole(&[1], &[(1, Reserved)]));
    let before = bench.record(1).clone();
    bench.settled = false;
    bench.read(10, whole(&[1], &[(1, Reserved)]));
    bench.settled = true;
    bench.read(15, Look::default());
    assert_eq!((&bench.record(1).evidence, bench.record(1).cause), (&before.evidence, before.cause));
}

#[test]
fn the_words_stand_once_however_often_nothing_decides() {
    let mut bench = registered(1);
    bench.read(5, whole(&[], &[(1, Filled)]).editors(&[(1, Page::Shows(9))]));
    let lost = bench.record(1).clone();
    for minute in [10, 15, 20, 25, 30] {
        bench.read(minute, whole(&[], &[(2, Empty)]));
        assert_eq!(bench.record(1).evidence, lost.evidence, "its account is off, minute {minute}");
    }
    for minute in [36, 42] {
        bench.filled(minute - 1, &[1]).read(minute, listed(&[]));
        assert_eq!(bench.record(1).evidence, lost.evidence, "its slot is not shown, minute {minute}");
    }
    assert_eq!(bench.record(1).explained(), lost.explained());
    let told = "the editor page of slot 1 shows another handset, 02 B6 EC 8A 09; likely cause: replaced by handset \
                02 B6 EC 8A 09";
    assert_eq!(lost.explained(), told);
}
