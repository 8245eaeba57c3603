//! Alertmanager itself: what it knows after it was told, what it tells people, and what comes of each way to fail.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::{
    AlertmanagerSettings, Entry, FailureReason, HttpTarget, Message, Sink, SinkKind, SinkSettings, SiteFacts,
};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Severity};
use n720d::domain::attention::Acknowledgement;
use n720d::domain::notification::Reason;
use n720d::domain::secret::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peers::peer;
use crate::receiver::{Answer, Receiver, nobody};
use crate::support::{alert, message, storm};
use crate::wait::eventually;

const PATIENT: Duration = Duration::from_secs(120);

/// An Alertmanager under `/am/` that tells a receiver at once; it ends when dropped.
struct Alertmanager {
    address: SocketAddr,
    people: Receiver,
    program: Child,
    _home: TempDir,
}

impl Alertmanager {
    /// `None` where there is none to be had.
    async fn start() -> Option<Self> {
        let program = peer("alertmanager")?;
        let people = Receiver::start([]).await;
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str| home.path().join(name);
        let settings = json!({
            "route": {"receiver": "people", "group_by": ["..."], "group_wait": "50ms", "group_interval": "100ms"},
            "receivers": [{"name": "people", "webhook_configs": [{"url": people.url()}]}],
        });
        std::fs::write(file("settings.yml"), settings.to_string()).unwrap();
        let log = File::create(file("log")).unwrap();
        let mut program = program.command();
        let program = program
            .arg(format!("--config.file={}", file("settings.yml").display()))
            .arg(format!("--storage.path={}", file("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--web.route-prefix=/am", "--cluster.listen-address="])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = eventually("alertmanager to listen", async || {
            let log = std::fs::read_to_string(file("log")).unwrap();
            let (_, rest) = log.split_once("\"Listening on\" address=")?;
            rest.lines().next().filter(|_| rest.contains('\n'))?.trim().parse().ok()
        })
        .await;
        Some(Self { address, people, program, _home: home })
    }

    fn sink(&self, labels: &[(&str, &str)]) -> Arc<dyn Sink> {
        sink(&format!("http://{}/am/", self.address), labels)
    }

    /// What it takes to hold.
    async fn known(&self) -> Vec<Value> {
        let url = format!("http://{}/am/api/v2/alerts", self.address);
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    /// What it told people: status and severity, in order.
    fn told(&self) -> Vec<(String, String)> {
        let alerts = |told: Value| told["alerts"].as_array().unwrap().clone();
        let alerts = self.people.posted().into_iter().flat_map(|one| alerts(one.json()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        alerts.map(|alert| (text(&alert["status"]), text(&alert["labels"]["severity"]))).collect()
    }

    async fn has_told(&self, count: usize) -> Vec<(String, String)> {
        let what = format!("{count} alerts to be told");
        eventually(&what, async || Some(self.told()).filter(|told| told.len() >= count)).await
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

fn sink(url: &str, labels: &[(&str, &str)]) -> Arc<dyn Sink> {
    let target = HttpTarget { url: Secret::new(url), headers: Vec::new(), authorities: None };
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let kind = SinkKind::Alertmanager(AlertmanagerSettings { target, labels });
    SinkSettings { name: "am".into(), timeout: PATIENT, repeat: None, kind }.build().unwrap()
}

/// Since an hour ago: Alertmanager looks at the clock.
fn drift(severity: Severity, state: AlertState) -> Alert {
    let now = Utc::now();
    Alert {
        severity,
        since: now - TimeDelta::hours(1),
        resolved_at: (state == AlertState::Resolved).then_some(now),
        ..alert(AlertKind::Drift, state)
    }
}

fn told(reason: Reason, alert: Alert) -> Message {
    message(reason, vec![alert])
}

fn pairs(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(status, severity)| ((*status).to_owned(), (*severity).to_owned())).collect()
}

#[tokio::test]
async fn what_fires_is_known_with_its_labels_until_it_ends() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let sink = alertmanager.sink(&[("team", "noc"), ("customer", "other")]);
    assert!(sink.forgets() && sink.gathers_itself());
    let begun = Utc::now();
    sink.deliver(&told(Reason::First, drift(Severity::Warning, AlertState::Firing)), begun).await.unwrap();
    let [known] = alertmanager.known().await.try_into().unwrap();
    let labels = json!({
        "alertname": "drift", "site": "acme", "severity": "warning", "n720d_id": "acme/drift",
        "customer": "acme", "team": "noc",
    });
    assert_eq!(known["labels"], labels);
    assert_eq!(known["annotations"]["summary"], "drift happened");
    assert_eq!(known["annotations"]["command"], "n720d alerts acme");
    let description = known["annotations"]["description"].as_str().unwrap();
    assert!(description.contains("Frau Weber"), "{description}");
    let ends: DateTime<Utc> = known["endsAt"].as_str().unwrap().parse().unwrap();
    assert!(ends > begun + TimeDelta::days(6), "data that goes missing resolves nothing: {ends}");
    assert_eq!(alertmanager.has_told(1).await, pairs(&[("firing", "warning")]));

    let ended = told(Reason::Resolved, drift(Severity::Warning, AlertState::Resolved));
    sink.deliver(&ended, Utc::now()).await.unwrap();
    eventually("the alert to end", async || alertmanager.known().await.is_empty().then_some(())).await;
    assert_eq!(alertmanager.has_told(2).await, pairs(&[("firing", "warning"), ("resolved", "warning")]));
}

#[tokio::test]
async fn what_is_told_again_stays_one_alert_with_what_is_new() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let sink = alertmanager.sink(&[]);
    let fires = drift(Severity::Warning, AlertState::Firing);
    for minute in 0..3 {
        let later = Utc::now() + TimeDelta::minutes(minute);
        sink.deliver(&told(Reason::Repeat, fires.clone()), later).await.unwrap();
    }
    let mut taken = told(Reason::Changed, Alert { state: AlertState::Acknowledged, ..fires.clone() });
    taken.entries[0].acknowledged = Some(Acknowledgement {
        alert: fires.id.clone(),
        since: fires.since,
        by: "Ann".into(),
        note: "on my way".into(),
        at: Utc::now(),
        until: None,
    });
    sink.deliver(&taken, Utc::now()).await.unwrap();
    let [known] = alertmanager.known().await.try_into().unwrap();
    assert_eq!(known["annotations"]["acknowledged"], "by Ann: on my way");
    assert_eq!(alertmanager.has_told(1).await, pairs(&[("firing", "warning")]));
}

#[tokio::test]
async fn a_severity_that_changes_ends_the_alert_under_the_old_one() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let sink = alertmanager.sink(&[]);
    let tell = async |severity, state| {
        let message = told(Reason::Changed, drift(severity, state));
        sink.deliver(&message, Utc::now()).await.unwrap();
    };
    tell(Severity::Warning, AlertState::Firing).await;
    let mut told = pairs(&[("firing", "warning")]);
    assert_eq!(alertmanager.has_told(1).await, told);
    tell(Severity::Critical, AlertState::Firing).await;
    let [known] =
        eventually("one alert to be left", async || <[Value; 1]>::try_from(alertmanager.known().await).ok())
            .await;
    assert_eq!(known["labels"]["severity"], "critical");
    let mut then = alertmanager.has_told(3).await.split_off(1);
    then.sort();
    assert_eq!(then, pairs(&[("firing", "critical"), ("resolved", "warning")]));
    told.extend(then);

    // The end comes with yet another severity, of which Alertmanager never heard.
    tell(Severity::Info, AlertState::Resolved).await;
    eventually("the alert to end", async || alertmanager.known().await.is_empty().then_some(())).await;
    let last = alertmanager.has_told(4).await.split_off(3);
    assert_eq!(last, pairs(&[("resolved", "critical")]), "nobody is told an end of what never was");
}

#[tokio::test]
async fn a_label_of_the_site_that_changes_ends_the_alert_under_the_old_one() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let (ours, other) = (alertmanager.sink(&[("fleet", "north")]), alertmanager.sink(&[("fleet", "south")]));
    let message = told(Reason::First, drift(Severity::Warning, AlertState::Firing));
    ours.deliver(&message, Utc::now()).await.unwrap();
    other.deliver(&message, Utc::now()).await.unwrap();
    let moved = |entry: &Entry| {
        let labels = BTreeMap::from([("customer".to_owned(), "bolt".to_owned())]);
        Entry { site: Arc::new(SiteFacts { labels, ..SiteFacts::clone(&entry.site) }), ..entry.clone() }
    };
    let moved = Message { entries: message.entries.iter().map(moved).collect(), ..message };
    ours.deliver(&moved, Utc::now()).await.unwrap();
    let known = eventually("two alerts to be left", async || {
        let known = alertmanager.known().await;
        let labels = |key: &str| known.iter().map(|one| one["labels"][key].clone()).collect::<Vec<_>>();
        let mut pairs: Vec<_> = labels("fleet").into_iter().zip(labels("customer")).collect();
        pairs.sort_by_key(|(fleet, _)| fleet.to_string());
        (pairs.len() == 2).then_some(pairs)
    })
    .await;
    assert_eq!(known, [(json!("north"), json!("bolt")), (json!("south"), json!("acme"))]);
}

#[tokio::test]
async fn an_end_of_which_alertmanager_knows_no_beginning_is_told_to_nobody() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let sink = alertmanager.sink(&[]);
    let ended = drift(Severity::Critical, AlertState::Resolved);
    let odd = Alert {
        id: r#"fleet/sink-failing/a "b" \c.(d)|e"#.into(),
        ..drift(Severity::Info, AlertState::Firing)
    };
    sink.deliver(&told(Reason::Resolved, ended), Utc::now()).await.unwrap();
    sink.deliver(&told(Reason::First, odd.clone()), Utc::now()).await.unwrap();
    assert_eq!(alertmanager.has_told(1).await, pairs(&[("firing", "info")]));
    let grown = Alert { severity: Severity::Warning, ..odd };
    sink.deliver(&told(Reason::Changed, grown), Utc::now()).await.unwrap();
    let [known] =
        eventually("one alert to be left", async || <[Value; 1]>::try_from(alertmanager.known().await).ok())
            .await;
    assert_eq!(known["labels"]["severity"], "warning", "ids are asked for as they are");
}

#[tokio::test]
async fn what_is_refused_after_some_was_taken_may_be_known() {
    for (script, in_doubt) in [([500, 400, 200], false), ([200, 200, 400], true)] {
        let receiver = Receiver::start(script.map(Answer::Status)).await;
        let sink = sink(&format!("http://{}", receiver.address()), &[]);
        let error = sink.deliver(&storm(1201), Utc::now()).await.unwrap_err();
        assert_eq!((error.reason, error.may_have_been_taken), (FailureReason::Rejected, in_doubt));
    }
}

#[tokio::test]
async fn a_storm_of_alerts_is_known_as_a_whole() {
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let sink = alertmanager.sink(&[]);
    let storm = storm(1201);
    for _ in 0..2 {
        sink.deliver(&storm, Utc::now()).await.unwrap();
        assert_eq!(alertmanager.known().await.len(), 1201);
    }
}

#[tokio::test]
async fn a_wrong_path_and_a_dead_server_are_told_apart() {
    let message = told(Reason::First, drift(Severity::Warning, AlertState::Firing));
    let outcome = async |url: String| sink(&url, &[]).deliver(&message, Utc::now()).await.unwrap_err();
    assert_eq!(outcome(format!("http://{}", nobody().await)).await.reason, FailureReason::Connection);
    let broken = Receiver::always(Answer::Status(500)).await;
    assert_eq!(outcome(format!("http://{}", broken.address())).await.reason, FailureReason::Server);
    let Some(alertmanager) = Alertmanager::start().await else { return };
    let wrong = outcome(format!("http://{}/wrong", alertmanager.address)).await;
    assert_eq!(wrong.reason, FailureReason::Rejected);
    assert!(wrong.text.starts_with("the receiver answered 404 Not Found: "), "{wrong}");
}

#[tokio::test]
async fn one_that_lets_nobody_read_is_told_all_the_same() {
    for unreadable in [Answer::Status(403), Answer::RedirectTo("/login"), Answer::Endless] {
        let receiver = Receiver::start([unreadable]).await;
        let sink = sink(&format!("http://{}", receiver.address()), &[]);
        let message = told(Reason::First, drift(Severity::Warning, AlertState::Firing));
        sink.deliver(&message, Utc::now()).await.unwrap();
        let [posted] = receiver.posted().try_into().unwrap();
        assert_eq!(posted.path, "/api/v2/alerts");
        assert_eq!(posted.json().as_array().unwrap().len(), 1, "{unreadable:?}");
    }
}
