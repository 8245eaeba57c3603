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

/// Bytes in a message; a longer one becomes a file that nobody reads on a phone.
const MESSAGE: usize = 4096;
/// Bytes in the whole of a request; ntfy refuses more than twice the above, however little of it is the message.
const REQUEST: usize = 2 * MESSAGE;
/// Characters in the name of a topic.
const TOPIC: usize = 64;
/// Stands at the end of what was cut.
const MORE: &str = "…\n`n720d alerts` shows all of it.";

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

/// The JSON of the request, within both limits: quotes and line feeds take two bytes in it.
fn request(topic: &Secret, message: &Message) -> Value {
    let (priority, tag) = urgency(message);
    let mut request = json!({
        "topic": topic.expose(),
        "title": text::title(message),
        "message": "",
        "priority": priority,
        "tags": [tag, "n720d"],
        "markdown": false,
    });
    let room = REQUEST.saturating_sub(request.to_string().len());
    request["message"] = json!(cut(&text::plain(message), room));
    request
}

/// As much of a text as is no more than [`MESSAGE`] bytes, and `room` in JSON.
fn cut(text: &str, room: usize) -> String {
    let in_json = |text: &str| Value::from(text).to_string().len();
    let fits = |text: &str| text.len() <= MESSAGE && in_json(text) <= room;
    if fits(text) {
        return text.to_owned();
    }
    let (mut bytes, mut escaped) = (MORE.len(), in_json(MORE));
    let still_fits = |c: &char| {
        bytes += c.len_utf8();
        escaped += in_json(c.encode_utf8(&mut [0; 4])) - 2;
        bytes <= MESSAGE && escaped <= room
    };
    let kept: String = text.chars().take_while(still_fits).collect();
    format!("{}{MORE}", kept.trim_end())
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
        (None, None) => (2, "white_check_mark"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::settings::HttpTarget;
    use crate::alerting::testing::{alert, message};
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
    fn a_long_message_is_cut_within_both_limits_and_says_so() {
        for letter in ['x', 'ä', '"', '\u{1}', '😀', '\n'] {
            let summary = letter.to_string().repeat(5_000);
            let one = Alert { summary, ..alert("acme", AlertKind::Drift, AlertState::Firing) };
            let request = request(&Secret::new("x".repeat(TOPIC)), &message(Reason::First, [one]));
            let text = request["message"].as_str().unwrap();
            assert!(text.len() <= MESSAGE && request.to_string().len() <= REQUEST, "{letter:?}");
            assert!(text.ends_with(MORE) || letter == '\n', "{letter:?}: {text}");
        }
        assert_eq!(cut("short", 100), "short");
        let full = "x".repeat(MESSAGE);
        assert_eq!(cut(&full, REQUEST), full);
        assert_eq!(cut(&format!("{full}x"), REQUEST).len(), MESSAGE);
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
