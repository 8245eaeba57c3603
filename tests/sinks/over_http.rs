//! The rows of the contract's table for sinks that speak HTTP: each with a web server as its receiver.

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use n720d::alerting::{
    AlertmanagerSettings, HttpTarget, Message, NtfySettings, SinkKind, WebhookFormat, WebhookSettings,
};
use n720d::domain::secret::Secret;

use crate::certificates::Authority;
use crate::contract::{Candidate, PLANTED, Peer, Trouble};
use crate::https::Secured;
use crate::log::Log;
use crate::receiver::{Answer, Receiver, nobody};

type Soon = LocalBoxFuture<'static, Option<Candidate>>;

impl Peer for Receiver {
    fn taken<'a>(&'a self, _sent: &'a [Message], _log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        // Fields are sorted, so that a text compares; what asks for much is told in several requests.
        ready(self.posted().into_iter().map(|arrived| arrived.json().to_string()).collect()).boxed_local()
    }
}

impl Peer for Secured {
    fn taken<'a>(&'a self, _sent: &'a [Message], _log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        ready(self.arrived()).boxed_local()
    }
}

/// Nobody, who takes nothing.
struct Nobody;

impl Peer for Nobody {
    fn taken<'a>(&'a self, _sent: &'a [Message], _log: &'a Log) -> LocalBoxFuture<'a, Vec<String>> {
        ready(Vec::new()).boxed_local()
    }
}

fn secret(what: &str) -> Secret {
    Secret::new(format!("{PLANTED}-{what}"))
}

/// Everything in it that can be secret is.
fn target(scheme: &str, address: &str) -> HttpTarget {
    HttpTarget {
        url: Secret::new(format!("{scheme}://{PLANTED}:{PLANTED}@{address}/{PLANTED}/x?key={PLANTED}")),
        headers: vec![("X-Token".to_owned(), secret("header"))],
        authorities: None,
    }
}

/// One that is told at `target`.
type Make = fn(HttpTarget) -> SinkKind;

fn well(make: Make) -> Soon {
    async move {
        let receiver = Receiver::start([]).await;
        let kind = make(target("http", &receiver.address().to_string()));
        Some(Candidate { kind, peer: Box::new(receiver) })
    }
    .boxed_local()
}

fn ill(make: Make, trouble: Trouble) -> Soon {
    async move {
        let (target, peer) = match trouble {
            Trouble::Refused => {
                (target("http", &nobody().await.to_string()), Box::new(Nobody) as Box<dyn Peer>)
            }
            Trouble::Silent => always(Answer::Never).await,
            Trouble::Broken => always(Answer::Echo(500)).await,
            Trouble::Busy => always(Answer::Echo(429)).await,
            Trouble::Auth => always(Answer::Echo(401)).await,
            Trouble::Rejected => always(Answer::Echo(400)).await,
            Trouble::Redirected => always(Answer::RedirectTo("/elsewhere")).await,
            Trouble::Untrusted => {
                let server = Secured::start(&Authority::new().issue("localhost")).await;
                (target("https", &format!("localhost:{}", server.port())), Box::new(server) as Box<dyn Peer>)
            }
        };
        Some(Candidate { kind: make(target), peer })
    }
    .boxed_local()
}

async fn always(answer: Answer) -> (HttpTarget, Box<dyn Peer>) {
    let receiver = Receiver::always(answer).await;
    (target("http", &receiver.address().to_string()), Box::new(receiver))
}

fn webhook(target: HttpTarget, format: WebhookFormat) -> SinkKind {
    SinkKind::Webhook(WebhookSettings { target, secret: Some(secret("key")), format })
}

fn of_template(target: HttpTarget) -> SinkKind {
    let source =
        r#"{"title": {{ title }}, "alerts": {{ alerts }}, "omitted": {{ omitted }}, "text": {{ text }}}"#;
    let content_type = "application/json".to_owned();
    webhook(target, WebhookFormat::Template { source: source.to_owned(), content_type })
}

fn of_alertmanager(target: HttpTarget) -> SinkKind {
    SinkKind::Alertmanager(AlertmanagerSettings { target, labels: [("team".into(), "noc".into())].into() })
}

fn of_ntfy(target: HttpTarget) -> SinkKind {
    SinkKind::Ntfy(NtfySettings { target, topic: secret("topic"), token: Some(secret("token")) })
}

/// For each kind two: one that is well, and one that is in trouble.
macro_rules! rows {
    ($($well:ident, $ill:ident: $make:expr;)*) => {$(
        pub(crate) fn $well() -> Soon {
            well($make)
        }

        pub(crate) fn $ill(trouble: Trouble) -> Soon {
            ill($make, trouble)
        }
    )*};
}

rows! {
    native, native_in: |target| webhook(target, WebhookFormat::Native);
    slack, slack_in: |target| webhook(target, WebhookFormat::Slack);
    teams, teams_in: |target| webhook(target, WebhookFormat::Teams);
    template, template_in: of_template;
    alertmanager, alertmanager_in: of_alertmanager;
    ntfy, ntfy_in: of_ntfy;
}
