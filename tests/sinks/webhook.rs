//! The webhook against a real HTTP server: what arrives, how it is signed, what comes of each answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use n720d::alerting::{
    FailureReason, HttpTarget, Sink, SinkError, SinkKind, SinkSettings, WebhookFormat, WebhookSettings,
};
use n720d::domain::secret::Secret;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::{at, drift};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }
}

/// How the receiver answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    RedirectTo(&'static str),
    Endless,
    Never,
}

struct Inner {
    arrived: Mutex<Vec<Arrived>>,
    script: Mutex<VecDeque<Answer>>,
}

/// A web server that takes everything down and answers by its script, then with 204. Ends when dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Mutex::new(script.into_iter().collect());
        let inner = Arc::new(Inner { arrived: Mutex::default(), script });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/t0ken?key=qu3ry", self.address)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    inner.arrived.lock().unwrap().push(Arrived { path: uri.to_string(), headers, body });
    let answer = inner.script.lock().unwrap().pop_front().unwrap_or(Answer::Status(204));
    match answer {
        Answer::Status(status) => (StatusCode::from_u16(status).unwrap(), "so be it").into_response(),
        Answer::RedirectTo(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Answer::Endless => {
            let chunks =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1024])));
            axum::body::Body::from_stream(chunks).into_response()
        }
        Answer::Never => std::future::pending().await,
    }
}

pub(crate) fn webhook(url: &str, secret: Option<&str>, timeout: Duration) -> Arc<dyn Sink> {
    let target = HttpTarget { url: Secret::new(url), headers: Vec::new(), authorities: None };
    let secret = secret.map(Secret::new);
    let kind = SinkKind::Webhook(WebhookSettings { target, secret, format: WebhookFormat::Native });
    SinkSettings { name: "hook".into(), timeout, repeat: None, kind }.build().unwrap()
}

const PATIENT: Duration = Duration::from_secs(30);

async fn outcome(script: Answer) -> Result<(), SinkError> {
    let receiver = Receiver::start([script]).await;
    webhook(&receiver.url(), None, PATIENT).deliver(&drift(), at(0)).await
}

#[tokio::test]
async fn a_notification_arrives_as_the_interface_promises() {
    let receiver = Receiver::start([]).await;
    let message = drift();
    webhook(&receiver.url(), None, PATIENT).deliver(&message, at(0)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    assert_eq!(arrived.path, "/hooks/t0ken?key=qu3ry");
    assert_eq!(arrived.body, n720d::alerting::Body::of(&message).to_json().unwrap());
    assert_eq!(arrived.header("content-type"), "application/json");
    assert_eq!(arrived.header("webhook-id"), "msg_1");
    assert_eq!(arrived.header("webhook-timestamp"), at(0).timestamp().to_string());
    assert!(!arrived.headers.contains_key("webhook-signature"), "there is no secret to sign with");
}

#[tokio::test]
async fn the_signature_can_be_verified_by_who_knows_the_secret() {
    let key = b"a key of the receiver's own making";
    let encoded = format!("whsec_{}", STANDARD.encode(key));
    for secret in [std::str::from_utf8(key).unwrap(), &encoded] {
        let receiver = Receiver::start([]).await;
        webhook(&receiver.url(), Some(secret), PATIENT).deliver(&drift(), at(0)).await.unwrap();
        let [arrived] = receiver.arrived().try_into().unwrap();
        let signature = arrived.header("webhook-signature").strip_prefix("v1,").unwrap();
        let signed = format!("msg_1.{}.{}", arrived.header("webhook-timestamp"), arrived.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(signed.as_bytes());
        mac.verify_slice(&STANDARD.decode(signature).unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_retry_keeps_the_id_and_takes_a_new_time_and_signature() {
    let receiver = Receiver::start([Answer::Status(503)]).await;
    let hook = webhook(&receiver.url(), Some("key"), PATIENT);
    let message = drift();
    let error = hook.deliver(&message, at(0)).await.unwrap_err();
    assert!(error.is_retryable());
    hook.deliver(&message, at(1)).await.unwrap();
    let [first, second] = receiver.arrived().try_into().unwrap();
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    for name in ["webhook-timestamp", "webhook-signature"] {
        assert_ne!(first.header(name), second.header(name), "{name}");
    }
}

#[tokio::test]
async fn every_answer_but_success_is_worth_another_try_and_told_apart() {
    for status in [200, 201, 204] {
        assert_eq!(outcome(Answer::Status(status)).await, Ok(()), "{status}");
    }
    for (status, reason) in [
        (408, FailureReason::Timeout),
        (429, FailureReason::RateLimited),
        (500, FailureReason::Server),
        (400, FailureReason::Rejected),
        (401, FailureReason::Auth),
        (404, FailureReason::Rejected),
        (410, FailureReason::Rejected),
    ] {
        let error = outcome(Answer::Status(status)).await.unwrap_err();
        assert_eq!((error.reason, error.is_retryable()), (reason, true), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = Receiver::start([Answer::RedirectTo("/elsewhere")]).await;
    let hook = webhook(&receiver.url(), Some("key"), PATIENT);
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Redirected, true));
    assert_eq!(receiver.arrived().len(), 1);
}

#[tokio::test]
async fn an_endless_answer_is_read_only_so_far() {
    assert_eq!(outcome(Answer::Endless).await, Ok(()));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_a_time_out_and_worth_another_try() {
    let receiver = Receiver::start([Answer::Never]).await;
    let hook = webhook(&receiver.url(), None, Duration::from_millis(50));
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Timeout, true));
    assert!(error.text.contains("IPAddressAllow="), "{error}");
}

#[tokio::test]
async fn no_connection_is_worth_another_try_and_shows_nothing_of_the_url() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hook = webhook(&format!("http://user:pa55@{free}/hooks/t0ken?key=qu3ry"), Some("s3cret"), PATIENT);
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Connection, true));
    assert!(error.text.contains("IPAddressAllow="), "{error}");
    for secret in ["t0ken", "qu3ry", "pa55", "s3cret"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}
