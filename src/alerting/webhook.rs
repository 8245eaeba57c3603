//! The webhook sink: one POST per notification, signed as Standard Webhooks says. No retry, no redirect, no proxy.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode, Url, redirect, retry};
use sha2::Sha256;

use super::body::Body;
use super::message::Message;
use super::sink::{FailureReason, Sink, SinkBuildError, SinkError, UrlProblem};
use crate::domain::secret::Secret;

/// How much of an answer is read; its status is all that counts.
const ANSWER_LIMIT: usize = 4 * 1024;
/// For the connection alone, within the time-out of the attempt.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What is told with every failure to connect: the shipped unit drops such packets, which looks like a dead receiver.
const NOT_PRIVATE: &str = "a receiver outside private networks needs a drop-in of the shipped unit: `systemctl edit n720d`, \
                           [Service], IPAddressAllow=ADDRESS";
/// The prefix of a secret in the notation of Standard Webhooks.
const STANDARD_PREFIX: &str = "whsec_";

/// Posts notifications to a URL.
pub struct Webhook {
    name: String,
    url: Url,
    key: Option<Key>,
    client: reqwest::Client,
}

impl Webhook {
    /// A webhook; see [`super::SinkSettings::Webhook`]. Connects to nothing yet.
    ///
    /// # Errors
    /// See [`SinkBuildError`].
    pub fn new(
        name: impl Into<String>,
        url: &Secret,
        secret: Option<&Secret>,
        timeout: Duration,
    ) -> Result<Self, SinkBuildError> {
        let sink = name.into();
        let url = match parse(url.expose()) {
            Ok(url) => url,
            Err(source) => return Err(SinkBuildError::Url { sink, source }),
        };
        let key = match secret.map(Key::new).transpose() {
            Ok(key) => key,
            Err(NotBase64) => return Err(SinkBuildError::Secret { sink }),
        };
        match client(timeout) {
            Ok(client) => Ok(Self { name: sink, url, key, client }),
            Err(source) => Err(SinkBuildError::Client { sink, source }),
        }
    }

    async fn post(&self, message: &Message, now: DateTime<Utc>) -> Result<(), SinkError> {
        let body = Body::of(message).to_json().map_err(|error| {
            SinkError::new(FailureReason::Malformed, format!("no JSON can be made of it: {error}"))
        })?;
        let timestamp = now.timestamp().to_string();
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", &timestamp);
        if let Some(key) = &self.key {
            let signature = key.sign(&message.id, &timestamp, &body);
            request = request.header("webhook-signature", signature);
        }
        let answer = request.body(body).send().await.map_err(not_sent)?;
        let status = answer.status();
        drain(answer).await;
        judge(status)
    }
}

impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.post(message, now).boxed()
    }
}

/// The key that bodies are signed with.
struct Key(Hmac<Sha256>);

/// A secret that should be base64 and is not.
struct NotBase64;

impl Key {
    fn new(secret: &Secret) -> Result<Self, NotBase64> {
        let bytes = match secret.expose().strip_prefix(STANDARD_PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| NotBase64)?,
            None => secret.expose().as_bytes().to_vec(),
        };
        // HMAC takes keys of every length, so the error cannot occur; it is passed on rather than asserted away.
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| NotBase64)
    }

    /// `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.
    fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mut mac = self.0.clone();
        for part in [id, ".", timestamp, ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn parse(text: &str) -> Result<Url, UrlProblem> {
    let url = Url::parse(text).map_err(|error| UrlProblem(error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(UrlProblem("it begins with neither http:// nor https://".to_owned())),
    }
}

fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // An error means that the process has a provider already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(CONNECT_WITHIN.min(timeout))
        .pool_max_idle_per_host(0)
        .user_agent(concat!("n720d/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Reads the answer as far as the limit, so that a receiver can finish writing it. Whether that works does not matter:
/// the status has come.
async fn drain(mut answer: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read >= ANSWER_LIMIT {
            return;
        }
    }
}

fn judge(status: StatusCode) -> Result<(), SinkError> {
    let reason = match status.as_u16() {
        200..=299 => return Ok(()),
        300..=399 => FailureReason::Redirected,
        401 | 403 => FailureReason::Auth,
        408 => FailureReason::Timeout,
        425 | 429 => FailureReason::RateLimited,
        500..=599 => FailureReason::Server,
        _ => FailureReason::Rejected,
    };
    Err(SinkError::new(reason, format!("the receiver answered {status}")))
}

/// Puts an error into words, with its causes and without the URL.
fn not_sent(error: reqwest::Error) -> SinkError {
    let reason = if error.is_timeout() { FailureReason::Timeout } else { FailureReason::Connection };
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    SinkError::new(reason, format!("{text}; {NOT_PRIVATE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
        Key::new(&Secret::new(secret)).map_err(|NotBase64| "not base64").unwrap().sign(id, timestamp, body)
    }

    #[test]
    fn signs_like_the_reference_libraries_of_standard_webhooks() {
        let signature = signed(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_without_the_prefix_is_the_key_itself() {
        let plain = signed("key", "msg_1", "1", "{}");
        assert_eq!(plain, signed(&format!("whsec_{}", STANDARD.encode("key")), "msg_1", "1", "{}"));
        assert_ne!(plain, signed("other", "msg_1", "1", "{}"));
    }

    #[test]
    fn id_time_and_body_all_count() {
        let reference = signed("key", "msg_1", "1", "{}");
        for (id, timestamp, body) in [("msg_2", "1", "{}"), ("msg_1", "2", "{}"), ("msg_1", "1", "{ }")] {
            assert_ne!(reference, signed("key", id, timestamp, body));
        }
    }

    #[test]
    fn every_status_but_success_is_worth_another_try() {
        let rows = [
            (200, None),
            (202, None),
            (299, None),
            (301, Some(FailureReason::Redirected)),
            (307, Some(FailureReason::Redirected)),
            (400, Some(FailureReason::Rejected)),
            (401, Some(FailureReason::Auth)),
            (403, Some(FailureReason::Auth)),
            (404, Some(FailureReason::Rejected)),
            (408, Some(FailureReason::Timeout)),
            (410, Some(FailureReason::Rejected)),
            (425, Some(FailureReason::RateLimited)),
            (429, Some(FailureReason::RateLimited)),
            (500, Some(FailureReason::Server)),
            (503, Some(FailureReason::Server)),
            (599, Some(FailureReason::Server)),
        ];
        for (status, expected) in rows {
            let outcome = judge(StatusCode::from_u16(status).unwrap());
            assert!(outcome.as_ref().err().is_none_or(SinkError::is_retryable), "{status}");
            assert_eq!(outcome.err().map(|error| error.reason), expected, "{status}");
        }
    }

    #[test]
    fn what_cannot_be_a_webhook_is_refused_without_showing_it() {
        let build = |url: &str, secret: Option<&str>| {
            let secret = secret.map(Secret::new);
            let timeout = Duration::from_secs(1);
            Webhook::new("hook", &Secret::new(url), secret.as_ref(), timeout).err().map(|error| {
                let source = error.source().map(ToString::to_string).unwrap_or_default();
                format!("{error}: {source}: {error:?}")
            })
        };
        assert_eq!(build("https://hooks.example.net/t0ken", Some("whsec_c2VjcmV0")), None);
        for url in ["t0ken", "ftp://hooks.example.net/t0ken", "http://", "https://hooks.example.net:x/t0ken"]
        {
            let text = build(url, None).unwrap();
            assert!(text.contains("alert sink hook: its url cannot be read"), "{text}");
            assert!(!text.contains("t0ken"), "{text}");
        }
        let text = build("https://hooks.example.net/t0ken", Some("whsec_%%hunter2")).unwrap();
        assert!(text.contains("not base64") && !text.contains("hunter2"), "{text}");
    }
}
