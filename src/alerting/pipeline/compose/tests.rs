//! What messages say of themselves, that their ids mean the same on every try, and what the ledger says once one is taken.

use super::*;
use crate::alerting::pipeline::testing::{Fleet, MAIL, PAGER, at, ended, firing, hours, told, words};
use crate::domain::alert::AlertKind;
use crate::domain::attention::Matcher;

fn drift() -> Alert {
    firing("acme", AlertKind::Drift, 0)
}

fn lost() -> Alert {
    Alert { severity: Severity::Critical, ..firing("acme", AlertKind::HandsetLost, 0) }
}

fn only(fleet: &Fleet) -> Message {
    let [message] = <[Message; 1]>::try_from(fleet.run().messages).unwrap();
    message
}

/// A minute later than anything has to be waited for.
fn fleet(alerts: &[Alert], known: &[Alert]) -> Fleet {
    let mut fleet = Fleet::quiet();
    fleet.with(alerts).at(60);
    for alert in known {
        fleet.knows(alert, 0);
    }
    fleet
}

#[test]
fn the_reason_is_that_of_all_alerts_together() {
    let rows = [
        ("one, not known", vec![drift()], vec![], "acme first: acme/drift"),
        ("one more", vec![drift(), lost()], vec![drift()], "acme changed: acme/handset-lost acme/drift"),
        (
            "one of two has ended",
            vec![drift(), ended(&lost(), 1)],
            vec![drift(), lost()],
            "acme changed: acme/drift -acme/handset-lost",
        ),
        (
            "one has ended and another began",
            vec![drift(), ended(&lost(), 1)],
            vec![lost()],
            "acme changed: acme/drift -acme/handset-lost",
        ),
        ("the last has ended", vec![ended(&drift(), 1)], vec![drift()], "acme resolved: -acme/drift"),
        ("an end that nobody waits for", vec![drift(), ended(&lost(), 1)], vec![], "acme first: acme/drift"),
    ];
    for (case, alerts, known, expected) in rows {
        assert_eq!(words(&only(&fleet(&alerts, &known))), expected, "{case}");
    }
    let mut fleet = fleet(&[drift(), lost()], &[drift(), lost()]);
    assert_eq!(words(&only(fleet.at(hours(4)))), "acme repeat: acme/handset-lost acme/drift");
}

#[test]
fn nothing_is_called_resolved_while_the_sink_knows_of_more_that_holds() {
    let mut fleet = fleet(&[drift(), ended(&lost(), 1)], &[drift(), lost()]);
    fleet.silence(Matcher { kinds: [AlertKind::Drift].into(), ..Matcher::default() }, 0, 600);
    assert_eq!(words(&only(&fleet)), "acme changed: -acme/handset-lost");
}

#[test]
fn what_is_worst_comes_first_and_what_has_ended_last() {
    let other = firing("beta", AlertKind::Drift, 0);
    let mut fleet = fleet(&[ended(&drift(), 1), other.clone(), lost()], &[drift()]);
    fleet.with(&[ended(&firing("alpha", AlertKind::Drift, 0), 1)]);
    fleet.knows(&firing("alpha", AlertKind::Drift, 0), 0);
    let messages: Vec<String> = fleet.run().messages.iter().map(words).collect();
    assert_eq!(
        messages,
        [
            "acme changed: acme/handset-lost -acme/drift",
            "beta first: beta/drift",
            "alpha resolved: -alpha/drift"
        ]
    );
}

#[test]
fn where_each_is_named_no_end_is_lost_in_a_count_and_what_is_left_comes_next() {
    let alerts: Vec<Alert> =
        (0..MOST_ENDS + 7).map(|n| firing(&format!("site-{n:05}"), AlertKind::Unreachable, 0)).collect();
    let ends: Vec<Alert> = alerts.iter().map(|alert| ended(alert, 50)).collect();
    for (names_each, expected) in [(true, &[MOST_ENDS, 7][..]), (false, &[MOST_ENDS + 7])] {
        let mut fleet = fleet(&alerts, &[]);
        fleet.sink.names_each = names_each;
        assert_eq!(fleet.tell()[0].entries.len(), MOST_ENDS + 7, "what holds is one message");
        fleet.with(&ends).at(hours(1));
        let told = [fleet.tell(), fleet.tell(), fleet.tell()].concat();
        assert_eq!(told.iter().map(|message| message.entries.len()).collect::<Vec<_>>(), expected);
        assert!(told.iter().all(|message| message.reason == Reason::Resolved));
        assert!(fleet.ledger[PAGER].is_empty());
    }
}

#[test]
fn entries_show_who_has_what() {
    let mut fleet = fleet(&[drift(), lost()], &[]);
    fleet.take(&drift(), 10, None);
    let message = only(&fleet);
    assert_eq!((message.at, message.subject.words()), (at(60), "acme".to_owned()));
    let states: Vec<_> = message.entries.iter().map(|entry| entry.alert.state).collect();
    assert_eq!(states, [AlertState::Firing, AlertState::Acknowledged]);
    assert_eq!(message.entries[1].acknowledged.as_ref().unwrap().by, "anna");
    fleet.with(&[ended(&drift(), 50)]).knows(&drift(), 0);
    assert_eq!(only(&fleet).entries[1].acknowledged, None, "nobody has what has ended");
}

#[test]
fn an_id_is_the_same_on_every_try_and_at_any_time() {
    let mut fleet = fleet(&[drift(), ended(&lost(), 1)], &[lost()]);
    let id = only(&fleet).id;
    assert!(id.starts_with("msg_") && id.len() == 36, "{id}");
    assert_eq!(only(fleet.at(hours(1))).id, id);
    fleet.with(&[Alert { summary: "differs for an hour".into(), ..drift() }]);
    assert_eq!(only(&fleet).id, id, "the same in other words");
}

#[test]
fn what_says_something_else_has_another_id() {
    let fleet = fleet(&[drift(), ended(&lost(), 1)], &[lost()]);
    let id = only(&fleet).id;
    let other = |change: fn(&mut Fleet)| {
        let mut other = fleet.clone();
        change(&mut other);
        only(&other).id != id
    };
    assert!(!other(|_| ()));
    assert!(other(|fleet| fleet.ledger = [(MAIL.to_owned(), fleet.ledger[PAGER].clone())].into()), "known");
    assert!(other(|fleet| _ = fleet.with(&[Alert { severity: Severity::Critical, ..drift() }])), "content");
    assert!(other(|fleet| _ = fleet.with(&[Alert { since: at(1), ..drift() }])), "another life");
    assert!(other(|fleet| _ = fleet.with(&[ended(&lost(), 2)])), "another end");
    assert!(other(|fleet| _ = fleet.with(&[lost()])), "no end");
    assert!(other(|fleet| _ = fleet.knows(&lost(), 1)), "told of it at another time");
    assert!(other(|fleet| _ = fleet.take(&drift(), 2, None)), "somebody has it");
    assert!(
        other(|fleet| {
            fleet.sink.name = MAIL.into();
            fleet.ledger = [(MAIL.to_owned(), fleet.ledger[PAGER].clone())].into();
        }),
        "another sink"
    );
}

#[test]
fn a_repetition_has_an_id_of_its_own() {
    let mut fleet = fleet(&[drift()], &[]);
    let first = fleet.tell().remove(0).id;
    let second = fleet.at(hours(5)).tell().remove(0).id;
    let third = fleet.at(hours(10)).tell().remove(0).id;
    assert!(first != second && second != third && first != third);
}

#[test]
fn what_the_ledger_says_once_a_message_is_taken() {
    let mut fleet = fleet(&[drift(), ended(&lost(), 1)], &[lost()]);
    fleet.knows(&Alert { phase: "before".into(), ..drift() }, 7);
    let known = fleet.ledger[PAGER].clone();
    let delivery = delivery(PAGER, Some(&known), &only(&fleet), None, at(70));
    assert_eq!(delivery.ended, BTreeMap::from([("acme/handset-lost".to_owned(), "acme".parse().unwrap())]));
    let row = Told { first_at: at(7), ..told(&drift(), 70) };
    assert_eq!(delivery.told, BTreeMap::from([("acme/drift".to_owned(), row)]));
    assert_eq!((delivery.sink.as_str(), delivery.about.as_str(), delivery.at), (PAGER, "acme", at(70)));
    assert_eq!((delivery.reason, delivery.refused), (Reason::Changed, None));
}

#[test]
fn a_new_life_is_told_for_the_first_time_whatever_was_told_of_the_last_one() {
    let back = Alert { since: at(50), phase: "other".into(), ..drift() };
    let fleet = fleet(std::slice::from_ref(&back), &[drift()]);
    let known = fleet.ledger[PAGER].clone();
    let delivery = delivery(PAGER, Some(&known), &only(&fleet), None, at(70));
    assert_eq!(delivery.told["acme/drift"], told(&back, 70));
}

#[test]
fn a_message_that_is_refused_for_good_is_not_sent_again() {
    let fleet = fleet(&[drift()], &[]);
    let delivery = delivery(PAGER, None, &only(&fleet), Some("no".into()), at(70));
    assert_eq!((delivery.refused.as_deref(), delivery.told.len()), (Some("no"), 1));
}

#[test]
fn the_record_tells_messages_apart_by_what_they_say() {
    let content = |alerts: &[Alert], now| {
        let fleet = fleet(alerts, &[]);
        delivery(PAGER, None, &only(&fleet), None, at(now)).content
    };
    assert_eq!(content(&[drift()], 70), content(&[drift()], 80));
    assert_ne!(content(&[drift()], 70), content(&[drift(), lost()], 70));
}

#[test]
fn what_is_told_of_many_sites_is_noted_as_such() {
    let alerts: Vec<Alert> =
        (0..5).map(|n| firing(&format!("site-{n}"), AlertKind::Unreachable, 0)).collect();
    let mut fleet = fleet(&alerts, &[]);
    assert_eq!(fleet.tell().len(), 1);
    assert!(fleet.ledger[PAGER].values().all(|row| row.merged));
}
