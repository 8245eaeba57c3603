//! A webhook receiver as an operator would write it: takes notifications, checks their signature as Standard Webhooks
//! says, keeps them.
//!
//! Shares no code with n720d: that the two agree is part of what is shown.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::failure::{Doing, Failure};

/// A signature that is older or newer than this is refused, so that nobody can play back an old message.
const TOLERANCE_SECONDS: i64 = 300;

/// The receiver; it ends with the program.
#[derive(Clone)]
pub(crate) struct Hook {
    key: Hmac<Sha256>,
    received: Arc<Mutex<Received>>,
}

/// What came in.
#[derive(Default)]
struct Received {
    bodies: Vec<Value>,
    refused: Vec<String>,
}

impl Hook {
    /// Starts it on any free port; the answer is its URL. `secret` is what the daemon was given to sign with.
    pub(crate) async fn start(secret: &str) -> Result<(Self, String), Failure> {
        let bytes =
            STANDARD.decode(secret.trim_start_matches("whsec_")).doing("decode the webhook secret")?;
        let key = Hmac::new_from_slice(&bytes).doing("make a key of the webhook secret")?;
        let hook = Self { key, received: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("listen for webhooks")?;
        let url = format!("http://{}/n720", listener.local_addr().doing("listen for webhooks")?);
        let router = Router::new().route("/n720", post(take)).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((hook, url))
    }

    /// The notifications after the first `seen`, in the order in which they came.
    ///
    /// # Errors
    /// [`Failure::Wrong`] when one came without a good signature.
    pub(crate) fn after(&self, seen: usize) -> Result<Vec<Value>, Failure> {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        match received.refused.first() {
            Some(why) => Err(Failure::Wrong(format!("a webhook was not signed as it should be: {why}"))),
            None => Ok(received.bodies.get(seen..).unwrap_or_default().to_vec()),
        }
    }

    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, String> {
        let header = |name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| format!("no {name}"))
        };
        let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
        let sent: i64 = timestamp.parse().map_err(|_| "webhook-timestamp is no number".to_owned())?;
        if (chrono::Utc::now().timestamp() - sent).abs() > TOLERANCE_SECONDS {
            return Err("webhook-timestamp is too old or too new".to_owned());
        }
        let signature = header("webhook-signature")?.strip_prefix("v1,").ok_or("no v1 signature")?;
        let signature = STANDARD.decode(signature).map_err(|error| error.to_string())?;
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        mac.verify_slice(&signature).map_err(|_| "the signature is of something else".to_owned())?;
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let checked = hook.check(&headers, &body);
    let mut received = hook.received.lock().unwrap_or_else(PoisonError::into_inner);
    match checked {
        Ok(body) => {
            received.bodies.push(body);
            StatusCode::NO_CONTENT
        }
        Err(why) => {
            received.refused.push(why);
            StatusCode::UNAUTHORIZED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"test": 1}"#;

    fn hook() -> Hook {
        Hook { key: Hmac::new_from_slice(b"key").unwrap(), received: Arc::default() }
    }

    /// Headers as a sender with this key would write them at this time.
    fn headers(key: &[u8], sent: i64) -> HeaderMap {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(format!("msg_1.{sent}.").as_bytes());
        mac.update(BODY);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let pairs = [
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", sent.to_string()),
            ("webhook-signature", signature),
        ];
        pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_what_is_signed_with_the_key_and_new_is_believed() {
        let now = chrono::Utc::now().timestamp();
        assert_eq!(hook().check(&headers(b"key", now), BODY).unwrap()["test"], 1);
        assert!(hook().check(&headers(b"other", now), BODY).unwrap_err().contains("something else"));
        assert!(hook().check(&headers(b"key", now), b"{}").unwrap_err().contains("something else"));
        assert!(hook().check(&headers(b"key", now - 301), BODY).unwrap_err().contains("too old"));
        assert!(hook().check(&HeaderMap::new(), BODY).unwrap_err().contains("webhook-id"));
    }

    #[tokio::test]
    async fn one_bad_delivery_ends_the_story() {
        let now = chrono::Utc::now().timestamp();
        let hook = hook();
        let take = |headers| take(State(hook.clone()), headers, Bytes::from_static(BODY));
        assert_eq!(take(headers(b"key", now)).await, StatusCode::NO_CONTENT);
        assert_eq!(hook.after(0).unwrap().len(), 1);
        assert!(hook.after(1).unwrap().is_empty());
        assert_eq!(take(headers(b"other", now)).await, StatusCode::UNAUTHORIZED);
        assert!(matches!(hook.after(0), Err(Failure::Wrong(_))));
    }
}
