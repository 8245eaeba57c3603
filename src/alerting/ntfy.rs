//! The ntfy sink: one message published as JSON, as docs.ntfy.sh/publish documents it. No retry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::http::{Content, Http};
use super::message::Message;
use super::settings::NtfySettings;
use super::sink::{Sink, SinkBuildError, SinkError};
use super::text;
use crate::domain::alert::{AlertState, Severity};
use crate::domain::secret::Secret;

/// Characters of the text. ntfy makes a file, which nobody reads on a phone, of a message of more than 4096 bytes, and refuses
/// a request of more than 8192; in no language and with no escapes do so many characters come near.
const LONGEST: usize = 900;
/// Characters in the name of a topic.
const TOPIC: usize = 64;
/// The last line: a phone has not room for all.
const MORE: &str = "More: n720d alerts";

/// Publishes messages to a topic.
pub struct Ntfy {
    name: String,
    http: Http,
    topic: Secret,
    authorization: Option<HeaderValue>,
}

impl Ntfy {
    /// A topic of an ntfy server. Connects to nothing yet.
    ///
    /// # Errors
    /// See [`SinkBuildError`].
    pub fn new(name: String, settings: NtfySettings, timeout: Duration) -> Result<Self, SinkBuildError> {
        let NtfySettings { target, topic, token } = settings;
        if !is_topic(topic.expose()) {
            return Err(SinkBuildError::Topic { sink: name });
        }
        let http = Http::new(&name, &target, [&topic].into_iter().chain(&token), timeout)?;
        let Ok(authorization) = token.as_ref().map(bearer).transpose() else {
            return Err(SinkBuildError::Header { sink: name, header: AUTHORIZATION.to_string() });
        };
        Ok(Self { name, http, topic, authorization })
    }

    async fn publish(&self, message: &Message) -> Result<(), SinkError> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let content = Content::json(request(&self.topic, message).to_string());
        self.http.post(self.http.under(""), headers, content).await
    }
}

impl Sink for Ntfy {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.publish(message).boxed()
    }
}

fn is_topic(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=TOPIC).contains(&text.len()) && text.chars().all(is_fit)
}

fn bearer(token: &Secret) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The JSON of the request.
fn request(topic: &Secret, message: &Message) -> Value {
    let (priority, tag) = urgency(message);
    json!({
        "topic": topic.expose(),
        "title": text::title(message),
        "message": format!("{}\n{MORE}", text::brief(message, LONGEST)),
        "priority": priority,
        "tags": [tag, "n720d"],
        "markdown": false,
    })
}

/// Priority (5 breaks through a phone's rest at night) and tag, which the app shows as a picture, by the worst that holds and
/// that nobody has taken; what is over, or taken, can wait for the morning.
fn urgency(message: &Message) -> (u8, &'static str) {
    let holding = || message.entries.iter().filter(|entry| !entry.has_ended()).map(|entry| &entry.alert);
    let open = holding().filter(|alert| alert.state == AlertState::Firing).map(|alert| alert.severity).max();
    match (open, holding().map(|alert| alert.severity).max()) {
        (Some(Severity::Critical), _) => (5, "rotating_light"),
        (Some(Severity::Warning), _) => (4, "warning"),
        (Some(Severity::Info), _) => (3, "information_source"),
        (None, Some(_)) => (3, "eyes"),
        (None, None) if message.has_good_news() => (2, "white_check_mark"),
        (None, None) => (2, "grey_question"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::settings::HttpTarget;
    use crate::alerting::testing::{alert, entry, message, site};
    use crate::domain::alert::{Alert, AlertKind};
    use crate::domain::notification::Reason;

    fn of(alerts: &[(Severity, AlertState)]) -> Message {
        let alert = |(severity, state): &(Severity, AlertState)| Alert {
            severity: *severity,
            ..alert("acme", AlertKind::Drift, *state)
        };
        message(Reason::Changed, alerts.iter().map(alert))
    }

    #[test]
    fn the_priority_is_that_of_the_worst_that_holds() {
        use AlertState::{Acknowledged, Firing, Resolved};
        use Severity::{Critical, Info, Warning};
        for (alerts, priority, tag) in [
            (&[(Critical, Firing), (Info, Firing)][..], 5, "rotating_light"),
            (&[(Warning, Firing), (Critical, Resolved)], 4, "warning"),
            (&[(Warning, Firing), (Critical, Acknowledged)], 4, "warning"),
            (&[(Info, Firing)], 3, "information_source"),
            (&[(Critical, Acknowledged)], 3, "eyes"),
            (&[(Critical, Resolved)], 2, "white_check_mark"),
        ] {
            let request = request(&Secret::new("t"), &of(alerts));
            assert_eq!(
                (&request["priority"], &request["tags"][0]),
                (&json!(priority), &json!(tag)),
                "{alerts:?}"
            );
        }
    }

    #[test]
    fn a_long_message_stays_within_the_limits_of_ntfy() {
        for letter in ['x', 'ä', '"', '\u{1}', '😀', '\n'] {
            let mut message = message(Reason::First, []);
            let entries = (0..600).map(|number| {
                let site = site(&format!("s{number}"));
                let one = alert(site.name.as_str(), AlertKind::Drift, AlertState::Firing);
                entry(&site, Alert { summary: letter.to_string().repeat(5_000), ..one })
            });
            for count in [1, 600] {
                message.entries = entries.clone().take(count).collect();
                let request = request(&Secret::new("x".repeat(TOPIC)), &message);
                let text = request["message"].as_str().unwrap();
                assert!(
                    text.len() <= 4096 && request.to_string().len() <= 8192,
                    "{count} {letter:?}: {text}"
                );
                assert!(text.ends_with("\nMore: n720d alerts"), "{text}");
            }
        }
    }

    #[test]
    fn only_what_can_be_a_topic_or_a_token_is_taken_and_neither_is_shown() {
        let build = |topic: &str, token: &str| {
            let target = HttpTarget { url: Secret::new("https://a"), headers: Vec::new(), authorities: None };
            let settings =
                NtfySettings { target, topic: Secret::new(topic), token: Some(Secret::new(token)) };
            Ntfy::new("push".into(), settings, Duration::from_secs(1))
        };
        assert!(build("n720_A-1", "tk_1").is_ok() && build(&"x".repeat(64), "tk_1").is_ok());
        for (topic, token) in
            [("hunter2/x", "t"), ("", "t"), (&"hunter2".repeat(10), "t"), ("t", "hunter2\n")]
        {
            let error = build(topic, token).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
