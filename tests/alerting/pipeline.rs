//! From alerts to notifications: who is told what, with which words, and what survives a restart or a sink that is
//! down.

use std::collections::BTreeMap;
use std::sync::Arc;

use n720d::alerting::{Alerting, Body, Sink};
use n720d::domain::alert::{Alert, AlertKind, AlertState};
use n720d::domain::notification::{NewNotification, Reason};
use n720d::domain::routing::{Gathering, Routing};

use crate::support::{MemoryOutbox, REPEAT, ScriptedSink, alert, at, site};

fn alerting(names: &[&str]) -> Alerting {
    let sink = |name: &&str| (ScriptedSink::new(name, []) as Arc<dyn Sink>, REPEAT);
    Alerting::with_sinks(names.iter().map(sink).collect(), Routing::default(), Gathering::default())
}

fn firing(kind: AlertKind) -> Alert {
    alert(kind, AlertState::Firing)
}

fn resolved(kind: AlertKind) -> Alert {
    alert(kind, AlertState::Resolved)
}

/// Decides as a cycle does, on what the outbox holds; queues nothing.
fn decided(outbox: &MemoryOutbox, alerts: &[Alert], minute: i64) -> Vec<NewNotification> {
    let (ledgers, waiting) = (outbox.ledgers(), outbox.waiting());
    alerting(&["pager"]).notifications(&site("acme"), alerts, &ledgers, &waiting, at(minute))
}

/// Decides and queues: the reason, if there was one.
fn told(outbox: &MemoryOutbox, alerts: &[Alert], minute: i64) -> Option<Reason> {
    let new = decided(outbox, alerts, minute).pop()?;
    let reason = new.reason;
    outbox.queue(new, at(minute));
    Some(reason)
}

fn deliver(outbox: &MemoryOutbox) {
    outbox.0.send_modify(|shelf| shelf.waiting.clear());
}

fn waiting_body(outbox: &MemoryOutbox) -> Body {
    Body::parse(&outbox.waiting()["pager"].body).unwrap()
}

fn states(body: &Body) -> Vec<(AlertKind, AlertState)> {
    body.alerts.iter().map(|alert| (alert.kind, alert.state)).collect()
}

#[test]
fn every_sink_is_told_by_its_own_ledger() {
    let alerting = alerting(&["a", "b"]);
    let alerts = [firing(AlertKind::Drift)];
    let first = alerting.notifications(&site("acme"), &alerts, &BTreeMap::new(), &BTreeMap::new(), at(0));
    assert_eq!(first.iter().map(|one| one.sink.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_ne!(first[0].id, first[1].id);

    let ledgers = BTreeMap::from([("a".to_owned(), first[0].ledger.clone())]);
    let second = alerting.notifications(&site("acme"), &alerts, &ledgers, &BTreeMap::new(), at(1));
    assert_eq!(second.iter().map(|one| one.sink.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn the_body_carries_site_labels_and_reason() {
    let outbox = MemoryOutbox::new();
    assert_eq!(told(&outbox, &[firing(AlertKind::Drift)], 0), Some(Reason::First));
    let body = waiting_body(&outbox);
    assert_eq!((body.version, body.reason, body.site.as_str()), (1, Reason::First, "acme"));
    assert_eq!(body.labels["customer"], "acme");
}

#[test]
fn from_the_first_word_to_the_last() {
    use AlertKind::{Drift, HandsetLost};
    let outbox = MemoryOutbox::new();
    let both = [firing(Drift), firing(HandsetLost)];
    let story: [(&[Alert], i64, Option<Reason>); 8] = [
        (&[], 0, None),
        (&both[..1], 5, Some(Reason::First)),
        (&both[..1], 10, None),
        (&both, 15, Some(Reason::Changed)),
        (&both, 254, None),
        (&both, 255, Some(Reason::Repeat)),
        (&[firing(Drift), resolved(HandsetLost)], 260, Some(Reason::Changed)),
        (&[resolved(Drift), resolved(HandsetLost)], 265, Some(Reason::Resolved)),
    ];
    for (alerts, minute, expected) in story {
        assert_eq!(told(&outbox, alerts, minute), expected, "minute {minute}");
        if minute == 265 {
            assert_eq!(
                states(&waiting_body(&outbox)),
                [(Drift, AlertState::Resolved)],
                "one was told before"
            );
        }
        deliver(&outbox);
    }
    assert_eq!(told(&outbox, &[resolved(Drift)], 999), None, "an end is told once");
}

#[test]
fn a_silenced_alert_is_not_told() {
    let outbox = MemoryOutbox::new();
    let silenced = alert(AlertKind::Drift, AlertState::Silenced);
    assert_eq!(told(&outbox, &[silenced, firing(AlertKind::HandsetLost)], 0), Some(Reason::First));
    assert_eq!(states(&waiting_body(&outbox)), [(AlertKind::HandsetLost, AlertState::Firing)]);
}

#[test]
fn a_restart_before_the_outbox_was_written_decides_again_and_one_after_it_does_not() {
    let outbox = MemoryOutbox::new();
    let alerts = [firing(AlertKind::Drift)];
    assert_eq!(decided(&outbox, &alerts, 0).len(), 1, "decided, and killed before it was written");
    assert_eq!(told(&outbox, &alerts, 1), Some(Reason::First));
    let id = outbox.waiting()["pager"].id.clone();
    assert_eq!(told(&outbox, &alerts, 2), None, "killed after it was written, before it was delivered");
    assert_eq!(outbox.waiting()["pager"].id, id, "what waits is the same message still");
}

#[test]
fn a_sink_that_was_down_gets_the_present_state_and_no_end_is_lost() {
    use AlertKind::{ClockSkew, Drift};
    let outbox = MemoryOutbox::new();
    told(&outbox, &[firing(Drift)], 0);
    deliver(&outbox);
    assert_eq!(told(&outbox, &[resolved(Drift)], 5), Some(Reason::Resolved));
    // The sink is down from here on.
    assert_eq!(told(&outbox, &[firing(ClockSkew)], 10), Some(Reason::First));
    assert_eq!(outbox.waiting().len(), 1);
    let expected = [(ClockSkew, AlertState::Firing), (Drift, AlertState::Resolved)];
    assert_eq!(states(&waiting_body(&outbox)), expected, "the end that nobody heard is carried on");
    assert_eq!(told(&outbox, &[resolved(ClockSkew)], 15), Some(Reason::Resolved));
    let expected = [(ClockSkew, AlertState::Resolved), (Drift, AlertState::Resolved)];
    assert_eq!(states(&waiting_body(&outbox)), expected);
}

#[test]
fn an_end_that_was_not_heard_is_dropped_when_the_alert_is_back() {
    let outbox = MemoryOutbox::new();
    told(&outbox, &[firing(AlertKind::Drift)], 0);
    deliver(&outbox);
    told(&outbox, &[resolved(AlertKind::Drift)], 5);
    told(&outbox, &[firing(AlertKind::Drift)], 10);
    assert_eq!(states(&waiting_body(&outbox)), [(AlertKind::Drift, AlertState::Firing)]);
}

#[test]
fn what_takes_the_place_of_an_unheard_first_word_is_the_first_word() {
    let outbox = MemoryOutbox::new();
    told(&outbox, &[firing(AlertKind::Drift)], 0);
    let both = [firing(AlertKind::Drift), firing(AlertKind::ClockSkew)];
    assert_eq!(told(&outbox, &both, 5), Some(Reason::First));
    assert_eq!(told(&outbox, &both, 245), Some(Reason::First), "a repetition of what nobody heard");
    deliver(&outbox);
    told(&outbox, &both[..1], 250);
    assert_eq!(told(&outbox, &both[..1], 490), Some(Reason::Changed));
}

#[test]
fn an_ended_alert_is_kept_until_every_sinks_ledger_lets_go_of_it() {
    let alerting = alerting(&["a", "b"]);
    let fires = [firing(AlertKind::Drift)];
    let (none, waiting) = (BTreeMap::new(), BTreeMap::new());
    let first = alerting.notifications(&site("acme"), &fires, &none, &waiting, at(0));
    let mut ledgers: BTreeMap<_, _> = first.into_iter().map(|one| (one.sink.clone(), one.ledger)).collect();
    let ended = [resolved(AlertKind::Drift)];
    assert_eq!(alerting.unannounced(&ended, &ledgers), ended);
    let last = alerting.notifications(&site("acme"), &ended, &ledgers, &waiting, at(1));
    ledgers.insert("a".into(), last[0].ledger.clone());
    assert_eq!(alerting.unannounced(&ended, &ledgers), ended, "b has not been told");
    ledgers.insert("b".into(), last[1].ledger.clone());
    assert_eq!(alerting.unannounced(&ended, &ledgers), []);
    assert_eq!(alerting.unannounced(&fires, &ledgers), fires, "what holds is always of interest");
}

#[test]
fn the_ledger_of_a_sink_that_was_removed_keeps_nothing() {
    let before = alerting(&["gone"]);
    let fires = [firing(AlertKind::Drift)];
    let told = before.notifications(&site("acme"), &fires, &BTreeMap::new(), &BTreeMap::new(), at(0));
    let ledgers = BTreeMap::from([("gone".to_owned(), told[0].ledger.clone())]);
    let ended = [resolved(AlertKind::Drift)];
    assert_eq!(alerting(&["new"]).unannounced(&ended, &ledgers), []);
}
