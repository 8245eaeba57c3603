//! What a sink is: something that takes a notification or says why not. No sink in particular, no retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::alertmanager::Alertmanager;
use super::command::Command;
use super::email::Email;
use super::formats::TemplateProblem;
use super::journal::Journal;
use super::message::Message;
use super::ntfy::Ntfy;
use super::settings::{SinkKind, SinkSettings};
use super::webhook::Webhook;

/// Somebody who is told.
pub trait Sink: Send + Sync {
    /// Its name in the configuration, unique.
    fn name(&self) -> &str;

    /// Tells it, once; trying again is the caller's part. Must be safe to repeat and to abandon half-way, and must end by
    /// itself: every sink has a time-out.
    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>>;

    /// Whether it forgets what it is not told again, so that all that it knows is told again, whoever has taken it.
    fn forgets(&self) -> bool {
        false
    }

    /// Whether it tells many alerts apart by itself, so that nothing needs to be gathered for it.
    fn gathers_itself(&self) -> bool {
        false
    }

    /// Whether programs read each alert by its name there, so that no end may be lost in a count.
    fn names_each(&self) -> bool {
        false
    }
}

/// Why a sink was not told. The text holds no secret, and nothing of a URL, whose path and query may be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SinkError {
    /// In one word, for metrics.
    pub reason: FailureReason,
    /// For a person.
    pub text: String,
    /// Whether the receiver may have taken the notification all the same, so that it must hear how it ends. Rather too often
    /// than not where nothing was heard of it: an end without a beginning is odd, a beginning without an end is waited for. Who
    /// has answered that it failed is believed.
    pub may_have_been_taken: bool,
    /// For how long the receiver asks to be left alone: all of it, whatever there is to tell.
    pub retry_after: Option<Duration>,
}

impl SinkError {
    /// An error of this kind; the receiver has certainly not taken it, and asks for nothing.
    pub fn new(reason: FailureReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), may_have_been_taken: false, retry_after: None }
    }

    /// The same, when the receiver may have taken it, or certainly has not.
    pub fn in_doubt(self, may_have_been_taken: bool) -> Self {
        Self { may_have_been_taken, ..self }
    }

    /// The same, when the receiver asks to be left alone for so long.
    pub fn asking_for(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// Whether the same notification may pass at another try.
    pub fn is_retryable(&self) -> bool {
        self.reason.is_retryable()
    }
}

/// The ways in which a delivery fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureReason {
    /// No connection, or one that broke.
    Connection,
    /// No answer in time.
    Timeout,
    /// The receiver asks for patience.
    RateLimited,
    /// The receiver has trouble of its own.
    Server,
    /// The receiver does not accept the credentials.
    Auth,
    /// The receiver cannot show that it is who it should be, or that nobody else hears what is said.
    Untrusted,
    /// The receiver refuses the notification: its address or its settings are wrong, most likely.
    Rejected,
    /// The receiver points elsewhere, and nothing is sent to where nobody configured it to.
    Redirected,
    /// The notification itself cannot be read.
    Malformed,
}

impl FailureReason {
    /// Whether another try may help. What a receiver answers can change with its settings or ours, and a proxy in front
    /// of it answers anything while it is upgraded: only what we ourselves made wrong stays wrong.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Connection
            | Self::Timeout
            | Self::RateLimited
            | Self::Server
            | Self::Auth
            | Self::Untrusted
            | Self::Rejected
            | Self::Redirected => true,
            Self::Malformed => false,
        }
    }

    /// Whether it will probably not pass before somebody changes a setting, here or at the receiver.
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::Auth | Self::Untrusted | Self::Rejected | Self::Redirected | Self::Malformed => true,
            Self::Connection | Self::Timeout | Self::RateLimited | Self::Server => false,
        }
    }

    /// The word for a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate-limited",
            Self::Server => "server",
            Self::Auth => "auth",
            Self::Untrusted => "untrusted",
            Self::Rejected => "rejected",
            Self::Redirected => "redirected",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SinkSettings {
    /// Makes the sink.
    ///
    /// # Errors
    /// A URL or a secret that cannot be used, or an HTTP client that cannot be made.
    pub fn build(self) -> Result<Arc<dyn Sink>, SinkBuildError> {
        let Self { name, timeout, kind, .. } = self;
        match kind {
            SinkKind::Journal => Ok(Arc::new(Journal::new(name))),
            SinkKind::Webhook(settings) => Ok(Arc::new(Webhook::new(name, settings, timeout)?)),
            SinkKind::Alertmanager(settings) => Ok(Arc::new(Alertmanager::new(name, settings, timeout)?)),
            SinkKind::Ntfy(settings) => Ok(Arc::new(Ntfy::new(name, settings, timeout)?)),
            SinkKind::Email(settings) => Ok(Arc::new(Email::new(name, &settings, timeout)?)),
            SinkKind::Command(settings) => Ok(Arc::new(Command::new(name, settings, timeout))),
        }
    }
}

/// Why a sink cannot be made. Shows neither URL nor secret.
#[derive(Debug, thiserror::Error)]
pub enum SinkBuildError {
    /// The URL cannot be parsed.
    #[error("alert sink {sink}: its url cannot be read; write it like https://hooks.example.net/n720")]
    Url {
        /// Name of the sink.
        sink: String,
        /// What is wrong with it.
        #[source]
        source: UrlProblem,
    },
    /// The secret has the prefix of Standard Webhooks and is not base64 behind it.
    #[error("alert sink {sink}: its secret begins with whsec_, but what follows is not base64")]
    Secret {
        /// Name of the sink.
        sink: String,
    },
    /// A header has a name or a value that cannot be sent.
    #[error(
        "alert sink {sink}: its header {header:?} cannot be sent; names are like X-Token, values have no line feed"
    )]
    Header {
        /// Name of the sink.
        sink: String,
        /// Name of the header.
        header: String,
    },
    /// The topic is none.
    #[error("alert sink {sink}: its topic cannot be one; it has 1 to 64 letters, digits, - and _")]
    Topic {
        /// Name of the sink.
        sink: String,
    },
    /// The template cannot be used.
    #[error("alert sink {sink}: its template cannot be used")]
    Template {
        /// Name of the sink.
        sink: String,
        /// What is wrong with it.
        #[source]
        source: TemplateProblem,
    },
    /// A sender or recipient that cannot be one.
    #[error(
        "alert sink {sink}: {address:?} is no mail address: {why}; write it like noc@example.net or NOC <noc@example.net>"
    )]
    Address {
        /// Name of the sink.
        sink: String,
        /// What was written.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Certificates to trust that cannot be read.
    #[error("alert sink {sink}: its ca_file cannot be used: {why}")]
    Authorities {
        /// Name of the sink.
        sink: String,
        /// Why not.
        why: String,
    },
    /// There is no HTTP client to be had, e.g. for want of any trusted certificate.
    #[error("alert sink {sink}: cannot make an HTTP client")]
    Client {
        /// Name of the sink.
        sink: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// What is wrong with a URL, without the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlProblem(pub(super) String);
