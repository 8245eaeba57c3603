//! The journal: one event an alert, with fields to filter by.

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use n720d::alerting::{Journal, Message, Sink, SinkKind};
use n720d::domain::alert::{AlertKind, AlertState, Severity};
use n720d::domain::notification::Reason;
use tracing::instrument::WithSubscriber;

use crate::contract::{Candidate, Peer, Trouble};
use crate::log::Log;
use crate::support::{acknowledgement, alert, at, handset, message, storm};

/// Reads the log itself.
struct Reader;

impl Peer for Reader {
    fn taken<'a>(&'a self, sent: &'a [Message], log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        let events = events(log);
        let mut events = events.iter().filter(|event| event["target"] == "n720d::alert");
        let of_one = |message: &Message| {
            let own = events.by_ref().take(message.entries.len());
            own.map(|event| event["fields"].to_string()).collect()
        };
        ready(sent.iter().map(of_one).collect()).boxed_local()
    }
}

fn events(log: &Log) -> Vec<serde_json::Value> {
    log.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn well() -> LocalBoxFuture<'static, Option<Candidate>> {
    ready(Some(Candidate { kind: SinkKind::Journal, peer: Box::new(Reader) })).boxed_local()
}

/// The log takes everything.
pub(crate) fn ill(_trouble: Trouble) -> LocalBoxFuture<'static, Option<Candidate>> {
    ready(None).boxed_local()
}

async fn written(message: &Message) -> Vec<serde_json::Value> {
    let log = Log::default();
    let delivery = async { Journal::new("log").deliver(message, at(0)).await };
    delivery.with_subscriber(log.subscriber()).await.unwrap();
    events(&log)
}

#[tokio::test]
async fn every_alert_is_an_event_with_fields_to_filter_by() {
    let mut lost = alert(AlertKind::HandsetLost, AlertState::Firing);
    lost.severity = Severity::Critical;
    let mut busy = alert(AlertKind::SessionBusy, AlertState::Firing);
    busy.severity = Severity::Info;
    let ended = alert(AlertKind::Drift, AlertState::Resolved);
    let events = written(&message(Reason::First, vec![lost, busy, ended])).await;
    let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["WARN", "INFO", "INFO"]);
    assert_eq!(events[0]["target"], "n720d::alert");
    let expected = serde_json::json!({
        "message": "handset-lost happened", "site": "acme", "labels": "customer=acme", "alert": "handset-lost",
        "severity": "critical", "state": "firing", "reason": "first", "id": "acme/handset-lost",
        "notification": "msg_1", "handsets": 0, "slots": "",
    });
    assert_eq!(events[0]["fields"], expected);
}

#[tokio::test]
async fn handsets_are_named_and_so_is_who_has_taken_it() {
    let mut lost = alert(AlertKind::HandsetLost, AlertState::Acknowledged);
    lost.handsets = vec![
        handset(2, Some("1014"), Some("Jürgen Groß")),
        handset(7, Some("1015"), None),
        handset(9, None, None),
    ];
    let mut told = message(Reason::Changed, vec![lost]);
    told.entries[0].acknowledged = Some(acknowledgement("acme/handset-lost"));
    let [event] = written(&told).await.try_into().unwrap();
    let fields = &event["fields"];
    assert_eq!(fields["state"], "acknowledged");
    assert_eq!(fields["acknowledged"], "anna: on my way");
    assert_eq!((&fields["handsets"], &fields["slots"]), (&3.into(), &"2,7,9".into()));
    assert_eq!(fields["names"], "1014 Jürgen Groß, 1015, slot 9");
}

#[tokio::test]
async fn alerts_of_several_sites_name_each_and_are_bounded() {
    let events = written(&storm(2_000)).await;
    assert_eq!(events.len(), 2_000);
    assert_eq!(events[1_999]["fields"]["site"], "s1999");
    let events = written(&storm(10_000)).await;
    assert_eq!(events.len(), 2_001);
    let last = events.last().unwrap();
    assert_eq!(last["level"], "WARN");
    let fields = &last["fields"];
    assert_eq!(
        (&fields["site"], &fields["alerts"], &fields["omitted"]),
        (&"fleet".into(), &10_000.into(), &8_000.into())
    );
    let words = "10000 alerts at once, 8000 of which are not written one by one: `n720d alerts` shows all";
    assert_eq!(fields["message"], words);
}

#[tokio::test]
async fn nothing_of_others_ends_or_begins_a_line() {
    let mut drift = alert(AlertKind::Drift, AlertState::Firing);
    drift.summary = "the name is \"Bob\nNov 24 host n720d: all is well\"".into();
    drift.readings = vec!["shown:\r\u{202E}slot 2".into()];
    let [event] = written(&message(Reason::First, vec![drift])).await.try_into().unwrap();
    let words = "the name is \"Bob Nov 24 host n720d: all is well\" | shown: slot 2";
    assert_eq!(event["fields"]["message"], words);
}
