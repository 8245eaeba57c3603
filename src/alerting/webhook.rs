//! The webhook sink: one POST a message, signed as Standard Webhooks says, in the format of its settings. No retry.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use super::formats::Format;
use super::http::Http;
use super::message::Message;
use super::settings::{WebhookFormat, WebhookSettings};
use super::sink::{FailureReason, Sink, SinkBuildError, SinkError};
use crate::domain::secret::Secret;

/// The prefix of a secret in the notation of Standard Webhooks.
const STANDARD_PREFIX: &str = "whsec_";

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Posts messages to a URL.
pub struct Webhook {
    name: String,
    http: Http,
    key: Option<Key>,
    format: Format,
}

impl Webhook {
    /// A webhook of this name. Connects to nothing yet.
    ///
    /// # Errors
    /// See [`SinkBuildError`].
    pub fn new(name: String, settings: WebhookSettings, timeout: Duration) -> Result<Self, SinkBuildError> {
        let WebhookSettings { target, secret, format } = settings;
        let http = Http::new(&name, &target, secret.as_ref(), timeout)?;
        let key = key(&name, secret.as_ref())?;
        let format = formatter(&name, format)?;
        Ok(Self { name, http, key, format })
    }

    /// Whether a webhook of this name can sign with `secret`, as far as that is known, and make what it is to post.
    ///
    /// # Errors
    /// Why not.
    pub fn check(name: &str, secret: Option<&Secret>, format: WebhookFormat) -> Result<(), SinkBuildError> {
        key(name, secret)?;
        formatter(name, format).map(drop)
    }

    async fn post(&self, message: &Message, now: DateTime<Utc>) -> Result<(), SinkError> {
        let content = self.format.content(message)?;
        let timestamp = now.timestamp().to_string();
        let mut headers = HeaderMap::new();
        headers.insert(ID, value(&message.id)?);
        headers.insert(TIMESTAMP, value(&timestamp)?);
        if let Some(key) = &self.key {
            headers.insert(SIGNATURE, value(&key.sign(&message.id, &timestamp, &content.body))?);
        }
        self.http.post(self.http.url(), headers, content).await
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

    fn names_each(&self) -> bool {
        self.format.names_each()
    }
}

fn key(sink: &str, secret: Option<&Secret>) -> Result<Option<Key>, SinkBuildError> {
    let key = secret.map(Key::new).transpose();
    key.map_err(|NotBase64| SinkBuildError::Secret { sink: sink.to_owned() })
}

fn formatter(sink: &str, format: WebhookFormat) -> Result<Format, SinkBuildError> {
    Format::new(format).map_err(|source| SinkBuildError::Template { sink: sink.to_owned(), source })
}

fn value(text: &str) -> Result<HeaderValue, SinkError> {
    HeaderValue::from_str(text).map_err(|error| {
        SinkError::new(FailureReason::Malformed, format!("it has an id that cannot be sent: {error}"))
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::settings::HttpTarget;

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
    fn a_secret_that_is_no_base64_is_refused_without_showing_it() {
        let build = |secret: &str| {
            let target =
                HttpTarget { url: Secret::new("https://a/t0ken"), headers: Vec::new(), authorities: None };
            let format = WebhookFormat::Native;
            let settings = WebhookSettings { target, secret: Some(Secret::new(secret)), format };
            Webhook::new("hook".into(), settings, Duration::from_secs(1))
        };
        assert!(build("whsec_c2VjcmV0").is_ok());
        let error = build("whsec_%%hunter2").err().unwrap();
        let text = format!("{error} {error:?}");
        assert!(text.contains("not base64") && !text.contains("hunter2"), "{text}");
    }
}
