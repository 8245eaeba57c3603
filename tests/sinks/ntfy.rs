//! ntfy. There is none to be had as a package, so this is a web server, and what is looked at is what docs.ntfy.sh/publish says
//! of "Publish as JSON", "Message priority", "Access tokens" and "Limitations".

use std::sync::Arc;
use std::time::Duration;

use n720d::alerting::{FailureReason, HttpTarget, NtfySettings, Sink, SinkKind, SinkSettings};
use n720d::domain::alert::{AlertKind, AlertState};
use n720d::domain::notification::Reason;
use n720d::domain::secret::Secret;

use crate::receiver::{Answer, Receiver};
use crate::support::{alert, at, drift, message};

fn sink(url: &str, token: Option<&str>) -> Arc<dyn Sink> {
    let target = HttpTarget { url: Secret::new(url), headers: Vec::new(), authorities: None };
    let topic = Secret::new("n720_s3cret");
    let kind = SinkKind::Ntfy(NtfySettings { target, topic, token: token.map(Secret::new) });
    let timeout = Duration::from_secs(120);
    SinkSettings { name: "push".into(), timeout, repeat: None, kind }.build().unwrap()
}

#[tokio::test]
async fn a_message_is_published_as_json_at_the_root() {
    for (base, root) in [("", "/"), ("/", "/"), ("/push", "/push/")] {
        let receiver = Receiver::start([Answer::Status(200)]).await;
        let sink =
            sink(&format!("http://{}{base}", receiver.address()), Some("tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"));
        sink.deliver(&drift(), at(0)).await.unwrap();
        let [arrived] = receiver.arrived().try_into().unwrap();
        assert_eq!((arrived.method.as_str(), arrived.path.as_str()), ("POST", root));
        assert_eq!(arrived.header("authorization"), "Bearer tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2");
        let body = arrived.json();
        let keys: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["markdown", "message", "priority", "tags", "title", "topic"]);
        assert_eq!((&body["topic"], &body["markdown"]), (&"n720_s3cret".into(), &false.into()));
        assert_eq!((&body["priority"], &body["tags"]), (&4.into(), &serde_json::json!(["warning", "n720d"])));
        let title = body["title"].as_str().unwrap();
        assert!(title.contains("acme") && !title.contains('\n'), "{title}");
        let text = body["message"].as_str().unwrap();
        assert!(text.contains("Frau Weber") && text.ends_with("\nMore: n720d alerts"), "{text}");
    }
}

#[tokio::test]
async fn without_a_token_nobody_logs_in_and_an_end_can_wait() {
    let receiver = Receiver::start([]).await;
    let ended = message(Reason::Resolved, vec![alert(AlertKind::Drift, AlertState::Resolved)]);
    sink(&receiver.url(), None).deliver(&ended, at(5)).await.unwrap();
    let [arrived] = receiver.arrived().try_into().unwrap();
    assert!(!arrived.headers.contains_key("authorization"));
    let body = arrived.json();
    assert_eq!((&body["priority"], &body["tags"][0]), (&2.into(), &"white_check_mark".into()));
    assert!(body["title"].as_str().unwrap().contains("RESOLVED"), "{body}");
}

#[tokio::test]
async fn what_ntfy_refuses_is_told_without_the_topic() {
    for (status, reason) in [
        (401, FailureReason::Auth),
        (403, FailureReason::Auth),
        (413, FailureReason::Rejected),
        (429, FailureReason::RateLimited),
    ] {
        let receiver = Receiver::always(Answer::Echo(status)).await;
        let error = sink(&receiver.url(), None).deliver(&drift(), at(0)).await.unwrap_err();
        assert_eq!((error.reason, error.is_retryable()), (reason, true));
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
