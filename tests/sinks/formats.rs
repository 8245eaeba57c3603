//! Bodies of webhooks as they arrive, signed like any other, and templates of which nothing can be made.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use n720d::alerting::{
    FailureReason, SinkBuildError, SinkKind, SinkSettings, WebhookFormat, WebhookSettings,
};
use n720d::domain::alert::{Alert, AlertKind, AlertState};
use n720d::domain::notification::Reason;
use n720d::domain::secret::Secret;
use sha2::Sha256;

use crate::receiver::{Arrived, Receiver};
use crate::support::{alert, at, drift, message};
use crate::webhook::{PATIENT, target, webhook};

fn settings(url: &str, format: WebhookFormat) -> WebhookSettings {
    WebhookSettings { target: target(url), secret: Some(Secret::new("key")), format }
}

fn template(source: &str, content_type: &str) -> WebhookFormat {
    WebhookFormat::Template { source: source.to_owned(), content_type: content_type.to_owned() }
}

async fn arrived(format: WebhookFormat) -> Arrived {
    let receiver = Receiver::start([]).await;
    webhook(settings(&receiver.url(), format), PATIENT).deliver(&drift(), at(0)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    arrived
}

#[tokio::test]
async fn every_format_is_signed_over_what_is_sent() {
    for format in [WebhookFormat::Slack, WebhookFormat::Teams, template("{{ title }}\n", "text/plain")] {
        let arrived = arrived(format.clone()).await;
        let signed = format!("msg_1.{}.{}", arrived.header("webhook-timestamp"), arrived.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(signed.as_bytes());
        let signature = arrived.header("webhook-signature").strip_prefix("v1,").unwrap();
        mac.verify_slice(&STANDARD.decode(signature).unwrap()).unwrap_or_else(|_| panic!("{format:?}"));
    }
}

#[tokio::test]
async fn chats_get_json_of_their_own() {
    let slack = arrived(WebhookFormat::Slack).await;
    assert_eq!(slack.header("content-type"), "application/json");
    assert_eq!(slack.json()["blocks"][0]["type"], "header");
    let teams = arrived(WebhookFormat::Teams).await;
    assert_eq!(teams.header("content-type"), "application/json");
    assert_eq!(teams.json()["attachments"][0]["content"]["type"], "AdaptiveCard");
}

#[tokio::test]
async fn a_template_makes_what_the_operator_wants() {
    let source = r#"{"page": {{ title }}, "sites": {{ alerts|map(attribute='site') }}}"#;
    let arrived = arrived(template(source, "application/vnd.pager+json")).await;
    assert_eq!(arrived.header("content-type"), "application/vnd.pager+json");
    assert_eq!(arrived.json()["sites"], serde_json::json!(["acme"]));
}

#[test]
fn a_template_that_cannot_work_is_an_error_of_the_settings() {
    let build = |source: &str| {
        let kind = SinkKind::Webhook(settings("https://a/t0ken", template(source, "application/json")));
        let settings =
            SinkSettings { name: "page".into(), timeout: Duration::from_secs(1), repeat: None, kind };
        settings.build().err().unwrap()
    };
    for (source, cause) in [("{\n{{ titel }}}", "line 2: "), ("{", "not JSON"), ("{% if %}", "line 1: ")] {
        let error = build(source);
        assert!(matches!(error, SinkBuildError::Template { .. }), "{error:?}");
        assert_eq!(error.to_string(), "alert sink page: its template cannot be used");
        let source = error.source().unwrap().to_string();
        assert!(source.contains(cause), "{source}");
    }
}

#[tokio::test]
async fn a_template_that_fails_on_one_message_fails_for_good_and_sends_nothing() {
    let receiver = Receiver::start([]).await;
    let source = "{% if alerts[0].summary == 'odd' %}not JSON{% else %}{}{% endif %}";
    let hook = webhook(settings(&receiver.url(), template(source, "application/json")), PATIENT);
    hook.deliver(&drift(), at(0)).await.unwrap();
    let odd = Alert { summary: "odd".into(), ..alert(AlertKind::Drift, AlertState::Firing) };
    let error = hook.deliver(&message(Reason::First, vec![odd]), at(0)).await.unwrap_err();
    assert_eq!((error.reason, error.is_retryable()), (FailureReason::Malformed, false));
    assert!(error.text.starts_with("the template of this sink failed: "), "{error}");
    assert_eq!(receiver.arrived().len(), 1);
}
