//! The webhook against a real HTTP server: what arrives, how it is signed, what comes of each answer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use n720d::alerting::{
    Body, FailureReason, HttpTarget, Sink, SinkError, SinkKind, SinkSettings, WebhookFormat, WebhookSettings,
};
use n720d::domain::secret::Secret;
use sha2::Sha256;

use crate::receiver::{Answer, Receiver, nobody};
use crate::support::{at, drift};

/// Settings with our own JSON as the body.
pub(crate) fn native(target: HttpTarget, secret: Option<&str>) -> WebhookSettings {
    WebhookSettings { target, secret: secret.map(Secret::new), format: WebhookFormat::Native }
}

pub(crate) fn webhook(settings: WebhookSettings, timeout: Duration) -> Arc<dyn Sink> {
    SinkSettings { name: "hook".into(), timeout, repeat: None, kind: SinkKind::Webhook(settings) }
        .build()
        .unwrap()
}

pub(crate) fn target(url: &str) -> HttpTarget {
    HttpTarget { url: Secret::new(url), headers: Vec::new(), authorities: None }
}

fn plain(url: &str, secret: Option<&str>) -> Arc<dyn Sink> {
    webhook(native(target(url), secret), PATIENT)
}

pub(crate) const PATIENT: Duration = Duration::from_secs(120);

async fn outcome(script: Answer) -> Result<(), SinkError> {
    let receiver = Receiver::start([script]).await;
    plain(&receiver.url(), None).deliver(&drift(), at(0)).await
}

#[tokio::test]
async fn a_notification_arrives_as_the_interface_promises() {
    let receiver = Receiver::start([]).await;
    let message = drift();
    plain(&receiver.url(), None).deliver(&message, at(0)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    assert_eq!(arrived.path, "/hooks/t0ken?key=qu3ry");
    assert_eq!(arrived.body, Body::of(&message).to_json().unwrap());
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
        plain(&receiver.url(), Some(secret)).deliver(&drift(), at(0)).await.unwrap();
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
    let hook = plain(&receiver.url(), Some("key"));
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
async fn a_receiver_that_asks_for_patience_is_heard() {
    for (answer, expected) in [
        (Answer::Later(429, "120"), Some(120)),
        (Answer::Later(503, "86400"), Some(3600)),
        (Answer::Later(503, "Fri, 31 Dec 9999 23:59:59 GMT"), Some(3600)),
        (Answer::Later(500, "120"), None),
        (Answer::Status(429), None),
    ] {
        let error = outcome(answer).await.unwrap_err();
        assert_eq!(error.retry_after.map(|asked| asked.as_secs()), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = Receiver::start([Answer::RedirectTo("/elsewhere")]).await;
    let hook = plain(&receiver.url(), Some("key"));
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
    let hook = webhook(native(target(&receiver.url()), None), Duration::from_secs(2));
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Timeout, true));
    assert!(error.may_have_been_taken, "{error}");
    assert!(error.text.contains("IPAddressAllow="), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_it_open_whether_it_was_taken() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 64];
        tokio::io::AsyncReadExt::read(&mut stream, &mut some).await.unwrap()
    });
    let error = plain(&format!("http://{address}/"), None).deliver(&drift(), at(0)).await.unwrap_err();
    assert!(server.await.unwrap() > 0);
    assert_eq!((error.reason, error.may_have_been_taken), (FailureReason::Connection, true), "{error}");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_has_certainly_told_nobody() {
    // It accepts and never begins with TLS.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let hook = webhook(native(target(&url), None), Duration::from_secs(2));
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.may_have_been_taken), (FailureReason::Timeout, false), "{error}");
    assert!(error.text.starts_with("no connection in time"), "{error}");
}

#[tokio::test]
async fn no_connection_is_worth_another_try_and_shows_nothing_of_the_url() {
    let free = nobody().await;
    let hook = plain(&format!("http://user:pa55@{free}/hooks/t0ken?key=qu3ry"), Some("s3cret"));
    let error = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Connection, true));
    assert!(!error.may_have_been_taken, "{error}");
    assert!(error.text.contains("IPAddressAllow="), "{error}");
    for secret in ["t0ken", "qu3ry", "pa55", "s3cret"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn headers_of_the_settings_are_sent_and_ours_stay_ours() {
    let receiver = Receiver::start([]).await;
    let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
    let headers = vec![header("X-Token", "one"), header("x-token", "two"), header("webhook-id", "theirs")];
    let target = HttpTarget { headers, ..target(&receiver.url()) };
    webhook(native(target, None), PATIENT).deliver(&drift(), at(0)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    let tokens: Vec<_> = arrived.headers.get_all("x-token").iter().collect();
    assert_eq!(tokens, ["one", "two"]);
    let ids: Vec<_> = arrived.headers.get_all("webhook-id").iter().collect();
    assert_eq!(ids, ["msg_1"]);
}

#[tokio::test]
async fn user_and_password_of_the_url_log_in() {
    let receiver = Receiver::start([]).await;
    let url = format!("http://ops:p%40ss@{}/hooks", receiver.address());
    plain(&url, None).deliver(&drift(), at(0)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    assert_eq!(arrived.header("authorization"), format!("Basic {}", STANDARD.encode("ops:p@ss")));
}

#[tokio::test]
async fn what_a_receiver_says_is_told_unless_it_repeats_a_secret() {
    let receiver = Receiver::start([Answer::Status(404), Answer::Echo(404)]).await;
    let hook = plain(&receiver.url(), Some("s3cret"));
    let told = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!(told.text, "the receiver answered 404 Not Found: so be it");
    let repeated = hook.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!(repeated.text, "the receiver answered 404 Not Found");
}
