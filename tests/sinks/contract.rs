//! What every sink owes, whatever its kind: one test for each duty, run on every row of a table. A kind without a row fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use n720d::alerting::{FailureReason, Message, Sink, SinkKind, SinkSettings, WebhookFormat, WebhookSettings};
use n720d::domain::alert::{Alert, AlertKind, AlertState};
use n720d::domain::notification::Reason;
use tracing::instrument::WithSubscriber;

use crate::log::Log;
use crate::support::{alert, at, drift, message, storm};
use crate::{journal, over_http, over_smtp, over_stdin};

/// A sink of some kind and somebody whom it tells.
pub(crate) struct Candidate {
    /// The sink's settings, with [`PLANTED`] secrets.
    pub(crate) kind: SinkKind,
    /// Whom it tells.
    pub(crate) peer: Box<dyn Peer>,
}

/// Somebody who is told by a sink, until dropped.
pub(crate) trait Peer {
    /// What was taken in, a text a message, once there are as many as `sent`. What differs from one try to the next by right,
    /// such as the time, is left out. `log` is what was logged in the meantime.
    fn taken<'a>(&'a self, sent: &'a [Message], log: &'a Log) -> LocalBoxFuture<'a, Vec<String>>;
}

/// What can be wrong, each to be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody is there.
    Refused,
    /// Somebody is there and says nothing.
    Silent,
    /// The receiver has trouble of its own.
    Broken,
    /// The receiver asks for patience.
    Busy,
    /// The receiver does not know us.
    Auth,
    /// The receiver does not want what we tell.
    Rejected,
    /// The receiver points elsewhere.
    Redirected,
    /// The receiver is not who it should be.
    Untrusted,
}

impl Trouble {
    const ALL: [Self; 8] = [
        Self::Refused,
        Self::Silent,
        Self::Broken,
        Self::Busy,
        Self::Auth,
        Self::Rejected,
        Self::Redirected,
        Self::Untrusted,
    ];

    /// The reason that a sink must give for it.
    fn reason(self) -> FailureReason {
        match self {
            Self::Refused => FailureReason::Connection,
            Self::Silent => FailureReason::Timeout,
            Self::Broken => FailureReason::Server,
            Self::Busy => FailureReason::RateLimited,
            Self::Auth => FailureReason::Auth,
            Self::Rejected => FailureReason::Rejected,
            Self::Redirected => FailureReason::Redirected,
            Self::Untrusted => FailureReason::Untrusted,
        }
    }
}

/// A kind of sink.
struct Row {
    kind: &'static str,
    /// One whose receiver takes everything. `None`: there is no such receiver to be had, which was said.
    well: fn() -> LocalBoxFuture<'static, Option<Candidate>>,
    /// One whose receiver is in trouble. `None`: that cannot be, or there is no such receiver to be had.
    ill: fn(Trouble) -> LocalBoxFuture<'static, Option<Candidate>>,
}

/// A line a sink. A kind of sink without one does not compile.
macro_rules! table {
    ($($kind:pat => $word:literal, $well:path, $ill:path;)*) => {
        const TABLE: &[Row] = &[$(Row { kind: $word, well: $well, ill: $ill }),*];

        /// What the table calls a kind of sink.
        fn word(kind: &SinkKind) -> &'static str {
            match kind {
                $($kind => $word),*
            }
        }
    };
}

table! {
    SinkKind::Journal => "journal", journal::well, journal::ill;
    SinkKind::Webhook(WebhookSettings { format: WebhookFormat::Native, .. }) =>
        "webhook", over_http::native, over_http::native_in;
    SinkKind::Webhook(WebhookSettings { format: WebhookFormat::Slack, .. }) =>
        "webhook for Slack", over_http::slack, over_http::slack_in;
    SinkKind::Webhook(WebhookSettings { format: WebhookFormat::Teams, .. }) =>
        "webhook for Teams", over_http::teams, over_http::teams_in;
    SinkKind::Webhook(WebhookSettings { format: WebhookFormat::Template { .. }, .. }) =>
        "webhook with a template", over_http::template, over_http::template_in;
    SinkKind::Alertmanager(_) => "alertmanager", over_http::alertmanager, over_http::alertmanager_in;
    SinkKind::Ntfy(_) => "ntfy", over_http::ntfy, over_http::ntfy_in;
    SinkKind::Email(_) => "email", over_smtp::well, over_smtp::ill;
    SinkKind::Command(_) => "command", over_stdin::well, over_stdin::ill;
}

/// Is in every secret of a candidate, and must be in nothing that is said.
pub(crate) const PLANTED: &str = "pl4nted";

const PATIENT: Duration = Duration::from_secs(120);
const HURRIED: Duration = Duration::from_millis(300);
/// What a busy machine may take on top.
const SLACK: Duration = Duration::from_secs(120);

fn sink(kind: &SinkKind, timeout: Duration) -> Arc<dyn Sink> {
    let settings = SinkSettings { name: "hook".into(), timeout, repeat: None, kind: kind.clone() };
    assert!(!format!("{settings:?}").contains(PLANTED), "{settings:?}");
    settings.build().unwrap()
}

/// One of everything that is ever told, in the order of a life.
fn life() -> Vec<Message> {
    let lost = |state| alert(AlertKind::HandsetLost, state);
    let grown = Alert { phase: "2 handsets".into(), ..lost(AlertState::Firing) };
    let taken = lost(AlertState::Acknowledged);
    vec![
        message(Reason::First, vec![lost(AlertState::Firing)]),
        message(Reason::Changed, vec![grown, alert(AlertKind::Drift, AlertState::Resolved)]),
        message(Reason::Repeat, vec![taken]),
        message(Reason::Resolved, vec![lost(AlertState::Resolved)]),
    ]
}

#[tokio::test]
async fn a_sink_takes_all_that_is_ever_told() {
    for row in TABLE {
        let Some(Candidate { kind, peer }) = (row.well)().await else { continue };
        assert_eq!(word(&kind), row.kind);
        let (log, sink) = (Log::default(), sink(&kind, PATIENT));
        assert_eq!(sink.name(), "hook");
        let life = life();
        let deliveries = async {
            for message in &life {
                sink.deliver(message, at(5)).await.unwrap_or_else(|error| panic!("{}: {error}", row.kind));
            }
        };
        deliveries.with_subscriber(log.subscriber()).await;
        let taken = peer.taken(&life, &log).await;
        assert_eq!(taken.len(), life.len(), "{}: {taken:?}", row.kind);
        for text in &taken {
            assert!(text.contains("acme"), "{}: it names the site: {text}", row.kind);
            assert!(text.to_lowercase().contains("handset"), "{}: it says what happened: {text}", row.kind);
        }
        let says_so = |text: &String| text.contains("[RESOLVED]") || text.contains(r#""state":"resolved""#);
        assert!(taken.last().is_some_and(says_so), "{}: an end is seen as one: {taken:?}", row.kind);
        assert!(!taken.first().is_some_and(says_so), "{}: and only an end is: {taken:?}", row.kind);
    }
}

#[tokio::test]
async fn a_sink_takes_a_storm_over_many_sites() {
    for row in TABLE {
        let Some(Candidate { kind, peer }) = (row.well)().await else { continue };
        let log = Log::default();
        let (sink, storm) = (sink(&kind, PATIENT), storm(700));
        let delivery = async { sink.deliver(&storm, at(5)).await };
        let outcome = delivery.with_subscriber(log.subscriber()).await;
        outcome.unwrap_or_else(|error| panic!("{}: {error}", row.kind));
        let taken = peer.taken(std::slice::from_ref(&storm), &log).await.concat();
        assert!(
            taken.contains("700") || taken.contains("s699"),
            "{}: all are told or counted: {taken}",
            row.kind
        );
    }
}

#[tokio::test]
async fn telling_a_sink_twice_does_no_harm() {
    for row in TABLE {
        let Some(Candidate { kind, peer }) = (row.well)().await else { continue };
        let (log, sink) = (Log::default(), sink(&kind, PATIENT));
        let message = drift();
        let deliveries = async {
            sink.deliver(&message, at(5)).await.unwrap();
            sink.deliver(&message, at(5)).await.unwrap();
        };
        deliveries.with_subscriber(log.subscriber()).await;
        let [first, second] = peer.taken(&[drift(), drift()], &log).await.try_into().unwrap();
        assert_eq!(first, second, "{}: so that a receiver can tell that it is the same", row.kind);
    }
}

#[tokio::test]
async fn a_sink_tells_what_is_wrong_without_its_secrets() {
    for row in TABLE {
        for trouble in Trouble::ALL {
            let Some(Candidate { kind, peer }) = (row.ill)(trouble).await else { continue };
            let log = Log::default();
            let timeout = if trouble == Trouble::Silent { HURRIED } else { PATIENT };
            let (sink, drift) = (sink(&kind, timeout), drift());
            let delivery = async { sink.deliver(&drift, at(5)).await };
            let error = delivery.with_subscriber(log.subscriber()).await.expect_err(row.kind);
            let told = format!("{}: {trouble:?}: {error}: {error:?}", row.kind);
            assert_eq!((error.reason, error.is_retryable()), (trouble.reason(), true), "{told}");
            assert!(!told.to_lowercase().contains(PLANTED), "{told}");
            assert!(!told.contains("://"), "{told}");
            assert!(!error.text.contains('\n') && error.text.len() < 1000, "{told}");
            assert!(!log.text().to_lowercase().contains(PLANTED), "{}", log.text());
            drop(peer);
        }
    }
}

#[tokio::test]
async fn a_sink_ends_by_itself_and_can_be_abandoned() {
    for row in TABLE {
        let Some(Candidate { kind, peer }) = (row.ill)(Trouble::Silent).await else { continue };
        let drift = drift();
        let begun = Instant::now();
        let hurried = sink(&kind, HURRIED);
        let error = hurried.deliver(&drift, at(5)).await.expect_err(row.kind);
        assert_eq!(error.reason, FailureReason::Timeout, "{}", row.kind);
        assert!(begun.elapsed() < HURRIED + SLACK, "{}: {:?}", row.kind, begun.elapsed());
        let patient = sink(&kind, Duration::from_secs(600));
        let abandoned = tokio::time::timeout(HURRIED, patient.deliver(&drift, at(5))).await;
        assert!(abandoned.is_err(), "{}", row.kind);
        let error = hurried.deliver(&drift, at(5)).await.expect_err(row.kind);
        assert_eq!(error.reason, FailureReason::Timeout, "{}: as before", row.kind);
        drop(peer);
    }
}
