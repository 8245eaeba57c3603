//! A site, alerts, an outbox in memory that behaves as the store's, sinks that do as they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use n720d::alerting::{FailureReason, Message, Outbox, OutboxError, Sink, SinkError};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Severity};
use n720d::domain::desired::{DesiredManager, DesiredSite, Mode, Trigger, WindowClock};
use n720d::domain::notification::{LedgerEntry, NewNotification, Queued};
use n720d::domain::secret::{Secret, SecretRef};
use tokio::sync::watch;

pub(crate) const REPEAT: Duration = Duration::from_secs(4 * 3600);

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

pub(crate) fn site(name: &str) -> DesiredSite {
    DesiredSite {
        name: name.parse().unwrap(),
        description: String::new(),
        contact: String::new(),
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
        time_zone: chrono_tz::UTC,
        mode: Mode::Manage,
        manager: DesiredManager {
            host: "10.20.0.2".into(),
            port: 80,
            mac: "7C2F80CA21E4".parse().unwrap(),
            password: SecretRef::Literal(Secret::new("hunter2")),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: None,
        providers: BTreeMap::new(),
        maintenance: None,
        approval: n720d::domain::desired::ApprovalRule::default(),
        slots: BTreeMap::new(),
    }
}

pub(crate) fn alert(kind: AlertKind, state: AlertState) -> Alert {
    Alert {
        id: format!("acme/{kind}"),
        kind,
        severity: Severity::Warning,
        summary: format!("{kind} happened"),
        phase: String::new(),
        since: at(0),
        state,
        resolved_at: (state == AlertState::Resolved).then(|| at(1)),
        handsets: Vec::new(),
        readings: Vec::new(),
    }
}

pub(crate) fn queued(id: &str, sink: &str) -> Queued {
    let body = serde_json::json!({
        "version": 1, "reason": "first", "site": "acme", "labels": {},
        "alerts": [alert(AlertKind::Drift, AlertState::Firing)],
    });
    Queued {
        id: id.into(),
        sink: sink.into(),
        site: "acme".parse().unwrap(),
        reason: n720d::domain::notification::Reason::First,
        body: body.to_string(),
        attempts: 0,
        created_at: at(0),
    }
}

/// What became of the notifications.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) waiting: Vec<(Queued, DateTime<Utc>)>,
    pub(crate) delivered: Vec<String>,
    pub(crate) given_up: Vec<(String, String)>,
    /// How many of the next calls of `delivered` fail.
    pub(crate) full: u32,
    /// How many of the next calls of `due` fail.
    pub(crate) unreadable: u32,
    pub(crate) ledgers: BTreeMap<String, LedgerEntry>,
}

/// An outbox in memory with the rules of the store's: a newer notification takes an undelivered one's place.
#[derive(Clone)]
pub(crate) struct MemoryOutbox(pub(crate) watch::Sender<Shelf>);

impl MemoryOutbox {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Shelf::default()))
    }

    pub(crate) fn with(notifications: Vec<Queued>) -> Arc<Self> {
        let outbox = Self::new();
        let waiting = notifications.into_iter().map(|one| (one, at(0))).collect();
        outbox.0.send_modify(|shelf| shelf.waiting = waiting);
        Arc::new(outbox)
    }

    pub(crate) fn queue(&self, new: NewNotification, now: DateTime<Utc>) {
        self.0.send_modify(|shelf| {
            shelf.waiting.retain(|(old, _)| (&old.sink, &old.site) != (&new.sink, &new.site));
            shelf.ledgers.insert(new.sink.clone(), new.ledger.clone());
            let queued = Queued {
                id: new.id,
                sink: new.sink,
                site: new.site,
                reason: new.reason,
                body: new.body,
                attempts: 0,
                created_at: now,
            };
            shelf.waiting.push((queued, now));
        });
    }

    /// What waits, by sink (for outboxes of one site).
    pub(crate) fn waiting(&self) -> BTreeMap<String, Queued> {
        self.0.borrow().waiting.iter().map(|(one, _)| (one.sink.clone(), one.clone())).collect()
    }

    pub(crate) fn ledgers(&self) -> BTreeMap<String, LedgerEntry> {
        self.0.borrow().ledgers.clone()
    }

    /// Waits for the shelf to look so; bounded by an hour of the test's clock.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Shelf) -> bool) -> Shelf {
        let mut seen = self.0.subscribe();
        tokio::time::timeout(Duration::from_secs(3600), seen.wait_for(wanted)).await.unwrap().unwrap().clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Shelf) -> Result<T, OutboxError>) -> Result<T, OutboxError> {
        let mut result = None;
        self.0.send_modify(|shelf| result = Some(change(shelf)));
        result.unwrap()
    }
}

fn disk_full() -> OutboxError {
    OutboxError(Box::new(std::io::Error::other("disk full")))
}

impl Outbox for MemoryOutbox {
    async fn due(&self, sink: &str, now: DateTime<Utc>, limit: usize) -> Result<Vec<Queued>, OutboxError> {
        let mut failed = false;
        self.0.send_if_modified(|shelf| {
            failed = shelf.unreadable > 0;
            shelf.unreadable = shelf.unreadable.saturating_sub(1);
            failed
        });
        if failed {
            return Err(disk_full());
        }
        let shelf = self.0.borrow();
        let due = shelf.waiting.iter().filter(|(one, next)| one.sink == sink && *next <= now);
        Ok(due.map(|(one, _)| one.clone()).take(limit).collect())
    }

    async fn delivered(&self, notification: &Queued, _at: DateTime<Utc>) -> Result<(), OutboxError> {
        self.change(|shelf| {
            if shelf.full > 0 {
                shelf.full -= 1;
                return Err(disk_full());
            }
            shelf.waiting.retain(|(one, _)| one.id != notification.id);
            shelf.delivered.push(notification.id.clone());
            Ok(())
        })
    }

    async fn postponed(
        &self,
        notification: &Queued,
        _error: &SinkError,
        next: DateTime<Utc>,
    ) -> Result<(), OutboxError> {
        self.change(|shelf| {
            for (one, due) in shelf.waiting.iter_mut().filter(|(one, _)| one.id == notification.id) {
                one.attempts += 1;
                *due = next;
            }
            Ok(())
        })
    }

    async fn given_up(&self, notification: &Queued, error: &SinkError) -> Result<(), OutboxError> {
        self.change(|shelf| {
            shelf.waiting.retain(|(one, _)| one.id != notification.id);
            shelf.given_up.push((notification.id.clone(), error.to_string()));
            Ok(())
        })
    }
}

/// What a scripted sink does with one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Take,
    Fail(FailureReason),
    Hang,
}

/// A sink that follows a script, then takes everything; some notifications it fails whenever they come.
pub(crate) struct ScriptedSink {
    name: String,
    script: Mutex<VecDeque<Act>>,
    indigestible: BTreeSet<String>,
    /// Every attempt: id and time.
    pub(crate) attempts: Mutex<Vec<(String, DateTime<Utc>)>>,
}

impl ScriptedSink {
    pub(crate) fn new(name: &str, script: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Self::poisoned(name, script, [])
    }

    pub(crate) fn poisoned<const N: usize>(
        name: &str,
        script: impl IntoIterator<Item = Act>,
        indigestible: [&str; N],
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            script: Mutex::new(script.into_iter().collect()),
            indigestible: indigestible.map(str::to_owned).into(),
            attempts: Mutex::default(),
        })
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.attempts.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.attempts.lock().unwrap().push((message.id.clone(), now));
        let mut act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Take);
        if self.indigestible.contains(&message.id) {
            act = Act::Fail(FailureReason::Server);
        }
        async move {
            match act {
                Act::Take => Ok(()),
                Act::Fail(reason) => Err(SinkError::new(reason, format!("scripted: {reason}"))),
                Act::Hang => pending().await,
            }
        }
        .boxed()
    }
}
