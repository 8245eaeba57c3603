//! The journal: one event an alert, with fields to filter by.

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use n720d::alerting::{Journal, Message, Sink, SinkKind};
use n720d::domain::alert::{AlertKind, AlertState, Severity};
use n720d::domain::notification::Reason;
use tracing::instrument::WithSubscriber;

use crate::contract::{Candidate, Peer, Trouble};
use crate::log::Log;
use crate::support::{alert, at, message};

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

#[tokio::test]
async fn every_alert_is_an_event_with_fields_to_filter_by() {
    let log = Log::default();
    let mut lost = alert(AlertKind::HandsetLost, AlertState::Firing);
    lost.severity = Severity::Critical;
    let mut busy = alert(AlertKind::SessionBusy, AlertState::Firing);
    busy.severity = Severity::Info;
    let ended = alert(AlertKind::Drift, AlertState::Resolved);
    let message = message(Reason::First, vec![lost, busy, ended]);
    let delivery = async { Journal::new("log").deliver(&message, at(0)).await };
    delivery.with_subscriber(log.subscriber()).await.unwrap();
    let events = events(&log);
    let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["WARN", "INFO", "INFO"]);
    assert_eq!(events[0]["target"], "n720d::alert");
    let expected = serde_json::json!({
        "message": "handset-lost happened", "site": "acme", "alert": "handset-lost", "severity": "critical",
        "state": "firing", "reason": "first", "id": "acme/handset-lost", "handsets": 0, "slots": "",
    });
    assert_eq!(events[0]["fields"], expected);
}
