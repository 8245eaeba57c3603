//! What every sink owes: one test, run on each of them.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use n720d::alerting::{Journal, Sink};
use n720d::domain::alert::{AlertKind, AlertState, Severity};
use n720d::domain::notification::Reason;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{alert, at, drift, message};
use crate::webhook::{Answer, Receiver, webhook};

/// What a sink took in, as text.
type Seen<'a> = &'a dyn Fn() -> String;

/// A sink takes what fires and what has ended, can be told twice, and names both alert and site.
async fn honours_the_contract(sink: Arc<dyn Sink>, seen: Seen<'_>) {
    assert_eq!(sink.name(), "hook");
    let alerts = vec![
        alert(AlertKind::HandsetLost, AlertState::Firing),
        alert(AlertKind::Drift, AlertState::Resolved),
    ];
    let message = message(Reason::Changed, alerts);
    for attempt in 0..2 {
        sink.deliver(&message, at(attempt)).await.unwrap();
    }
    let text = seen();
    for word in ["acme/handset-lost", "acme/drift", "firing", "resolved", "changed", "handset-lost happened"]
    {
        let count = text.matches(word).count();
        assert!(count >= 2 && count % 2 == 0, "{word} as often in both attempts: {text}");
    }
    assert!(!text.contains("hunter2"));
}

#[tokio::test]
async fn the_webhook_honours_the_contract() {
    let receiver = Receiver::start([]).await;
    let sink = webhook(&receiver.url(), Some("hunter2"), Duration::from_secs(30));
    let seen = || receiver.arrived().into_iter().map(|one| format!("{one:?}")).collect();
    honours_the_contract(sink, &seen).await;
}

#[tokio::test]
async fn the_journal_honours_the_contract() {
    let log = Log::default();
    let sink = Arc::new(Journal::new("hook"));
    let text = || log.text();
    honours_the_contract(sink, &text).with_subscriber(log.subscriber()).await;
}

#[tokio::test]
async fn a_webhook_that_fails_says_so_without_its_secrets() {
    for answer in [Answer::Status(500), Answer::Status(403), Answer::RedirectTo("/t0ken")] {
        let receiver = Receiver::start([answer]).await;
        let sink = webhook(&receiver.url(), Some("hunter2"), Duration::from_secs(30));
        let error = sink.deliver(&drift(), at(0)).await.unwrap_err();
        let text = format!("{error} {error:?}");
        for secret in ["hunter2", "t0ken", "qu3ry"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn the_journal_writes_one_event_an_alert_with_fields_to_filter_by() {
    let log = Log::default();
    let mut lost = alert(AlertKind::HandsetLost, AlertState::Firing);
    lost.severity = Severity::Critical;
    let mut busy = alert(AlertKind::SessionBusy, AlertState::Firing);
    busy.severity = Severity::Info;
    let ended = alert(AlertKind::Drift, AlertState::Resolved);
    let message = message(Reason::First, vec![lost, busy, ended]);
    let delivery = async { Journal::new("log").deliver(&message, at(0)).await };
    delivery.with_subscriber(log.subscriber()).await.unwrap();
    let text = log.text();
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["WARN", "INFO", "INFO"]);
    assert_eq!(events[0]["target"], "n720d::alert");
    let expected = serde_json::json!({
        "message": "handset-lost happened", "site": "acme", "alert": "handset-lost", "severity": "critical",
        "state": "firing", "reason": "first", "id": "acme/handset-lost", "handsets": 0, "slots": "",
    });
    assert_eq!(events[0]["fields"], expected);
}

/// A log kept in memory, JSON a line.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        tracing_subscriber::fmt().json().with_writer(self.clone()).finish()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
