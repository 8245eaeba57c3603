//! A receiver of webhooks: a web server on a loopback port that keeps what comes, and can keep its senders waiting.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{eventually, secrets};

/// One delivery as it came.
#[derive(Debug, Clone)]
struct Delivery {
    headers: BTreeMap<String, String>,
    body: String,
}

struct Inner {
    deliveries: Mutex<Vec<Delivery>>,
    answering: watch::Sender<bool>,
    /// Whether it takes nothing.
    refusing: AtomicBool,
    answered: AtomicUsize,
}

/// The receiver; it stops when dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

/// What a receiver keeps of a notification after leaving out repeated deliveries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) body: Value,
}

impl Told {
    /// The alert of this kind in it.
    pub(crate) fn alert(&self, kind: &str) -> Option<&Value> {
        self.body["alerts"].as_array()?.iter().find(|alert| alert["kind"] == kind)
    }

    /// What it says, in short: kind, phase and state of each alert.
    fn gist(&self) -> Vec<String> {
        let alerts = self.body["alerts"].as_array().into_iter().flatten();
        alerts.map(|alert| format!("{} {} {}", alert["kind"], alert["phase"], alert["state"])).collect()
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            deliveries: Mutex::default(),
            answering: watch::Sender::new(true),
            refusing: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Takes deliveries down without answering them, until [`Receiver::answer`].
    pub(crate) fn hold(&self) {
        self.inner.answering.send_replace(false);
    }

    /// Answers again, also those who wait.
    pub(crate) fn answer(&self) {
        self.inner.answering.send_replace(true);
    }

    /// Answers 503 and takes nothing, until told to take again.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.inner.refusing.store(refusing, Ordering::SeqCst);
    }

    /// How many deliveries were answered, however.
    pub(crate) fn answered(&self) -> usize {
        self.inner.answered.load(Ordering::SeqCst)
    }

    /// How many deliveries came and were not refused, repeated ones counted, those without news not.
    pub(crate) fn deliveries(&self) -> usize {
        self.inner.deliveries.lock().unwrap().iter().filter(|delivery| delivery.is_news()).count()
    }

    /// Every notification, once: as the specification asks of receivers, one with an id that was seen is left out.
    ///
    /// # Panics
    /// When a delivery is not signed as it should be, or the same id came with other news.
    pub(crate) fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for delivery in self.inner.deliveries.lock().unwrap().iter().filter(|delivery| delivery.is_news()) {
            delivery.check();
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            let (id, reason) = (delivery.header("webhook-id").to_owned(), body["reason"].as_str().unwrap());
            match told.iter().find(|earlier| earlier.id == id) {
                // A message is made anew for each try: what it says stays, how it says so may have moved on by a minute.
                Some(earlier) => {
                    let again = Told { id, reason: reason.to_owned(), body };
                    assert_eq!((&earlier.reason, earlier.gist()), (&again.reason, again.gist()), "{again:?}");
                }
                None => told.push(Told { id, reason: reason.to_owned(), body }),
            }
        }
        told
    }

    /// Waits for a notification.
    pub(crate) async fn hears(&self, what: &str, wanted: impl Fn(&Told) -> bool) -> Told {
        self.hears_after(0, what, wanted).await
    }

    /// Waits until an alert with this id was told whose summary says all of it: the alert as it fired then.
    pub(crate) async fn tells(&self, id: &str, parts: &[&str]) -> Value {
        let fits = |alert: &Value| {
            let summary = alert["summary"].as_str().unwrap();
            alert["id"] == id && alert["state"] == "firing" && parts.iter().all(|part| summary.contains(part))
        };
        let fitting =
            |told: Told| told.body["alerts"].as_array().unwrap().iter().find(|one| fits(one)).cloned();
        eventually(&format!("{id}: {parts:?}"), async || self.told().into_iter().find_map(fitting)).await
    }

    /// The same, leaving out as many of the first.
    pub(crate) async fn hears_after(&self, first: usize, what: &str, wanted: impl Fn(&Told) -> bool) -> Told {
        eventually(what, async || self.told().into_iter().skip(first).find(|told| wanted(told))).await
    }

    /// Fails if two notifications with different ids say the same of the same alerts.
    pub(crate) fn repeats_nothing(&self) {
        let told = self.told();
        for (index, one) in told.iter().enumerate() {
            let again = told.iter().skip(index + 1).find(|other| {
                one.reason == other.reason
                    && one.gist() == other.gist()
                    && one.body["site"] == other.body["site"]
            });
            assert_eq!(again, None, "said before: {one:?}");
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Delivery {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name}"))
    }

    /// Whether it tells more than that nothing was read for six intervals. These are so short here that a busy machine can
    /// take longer for a reading, and is right to say so.
    fn is_news(&self) -> bool {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let alerts = body["alerts"].as_array().unwrap();
        alerts.is_empty() || alerts.iter().any(|alert| alert["kind"] != "observation-stale")
    }

    /// The headers of Standard Webhooks, the signature among them.
    fn check(&self) {
        assert_eq!(self.header("content-type"), "application/json");
        let mut mac: Hmac<Sha256> = Hmac::new_from_slice(secrets::WEBHOOK.as_bytes()).unwrap();
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{timestamp}.{}", self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.header("webhook-signature"), signature);
    }
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let headers =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = String::from_utf8(body.to_vec()).unwrap();
    if inner.refusing.load(Ordering::SeqCst) {
        inner.answered.fetch_add(1, Ordering::SeqCst);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    inner.deliveries.lock().unwrap().push(Delivery { headers, body });
    // An error means that the receiver is gone, and with it whoever could be answered.
    drop(inner.answering.subscribe().wait_for(|answering| *answering).await);
    inner.answered.fetch_add(1, Ordering::SeqCst);
    StatusCode::NO_CONTENT
}
