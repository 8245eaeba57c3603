//! What sinks are made from: their settings with secrets resolved and files read. No I/O, no sink.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::BodyConfig;
use crate::domain::secret::Secret;

/// One sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSettings {
    /// Its name in the configuration, unique.
    pub name: String,
    /// For one attempt, the answer included.
    pub timeout: Duration,
    /// After so long what still holds is told again; `None`: as all sinks.
    pub repeat: Option<Duration>,
    /// What kind it is.
    pub kind: SinkKind,
}

/// What kinds of sinks there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// The log.
    Journal,
    /// An HTTP POST.
    Webhook(WebhookSettings),
    /// Prometheus Alertmanager.
    Alertmanager(AlertmanagerSettings),
    /// A mail.
    Email(EmailSettings),
    /// A program that is run.
    Command(CommandSettings),
    /// An ntfy server.
    Ntfy(NtfySettings),
}

/// Where HTTP requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// `http` or `https`. Path, query and user part may hold a token, so all of it is kept as a secret.
    pub url: Secret,
    /// Added to every request, in this order.
    pub headers: Vec<(String, Secret)>,
    /// Certificates in PEM to trust beside the system's; `None`: the system's alone.
    pub authorities: Option<Vec<u8>>,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where to.
    pub target: HttpTarget,
    /// What the body is signed with; `None`: not signed. With the prefix `whsec_` the rest is base64 of the key
    /// (Standard Webhooks); any other is the key itself.
    pub secret: Option<Secret>,
    /// What the body looks like.
    pub format: WebhookFormat,
}

/// What the body of a webhook looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFormat {
    /// Our own JSON.
    Native,
    /// An incoming webhook of Slack, or of what understands the same (Mattermost, Rocket.Chat).
    Slack,
    /// A workflow webhook of Microsoft Teams: an adaptive card.
    Teams,
    /// The operator's own.
    Template {
        /// The template's source; see the reference for what it can use.
        source: String,
        /// What the request says that the body is.
        content_type: String,
    },
}

impl From<&BodyConfig> for WebhookFormat {
    fn from(body: &BodyConfig) -> Self {
        match body {
            BodyConfig::Native => Self::Native,
            BodyConfig::Slack => Self::Slack,
            BodyConfig::Teams => Self::Teams,
            BodyConfig::Template { source, content_type } => {
                Self::Template { source: source.clone(), content_type: content_type.clone() }
            }
        }
    }
}

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerSettings {
    /// Its base URL, without `/api/v2`.
    pub target: HttpTarget,
    /// Labels that every alert gets besides ours.
    pub labels: BTreeMap<String, String>,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSettings {
    /// Its host name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// Whom we log in as, with the password; `None`: not at all.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// The recipients, at least one.
    pub to: Vec<String>,
    /// Certificates in PEM to trust beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// It begins in clear and must change to TLS before anything is said.
    StartTls,
    /// It is TLS from its first byte.
    Tls,
    /// Not at all.
    None,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// Its file, absolute.
    pub program: PathBuf,
    /// What it is given.
    pub arguments: Vec<String>,
}

/// An ntfy server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NtfySettings {
    /// Its base URL.
    pub target: HttpTarget,
    /// The topic; whoever knows it may read it.
    pub topic: Secret,
    /// An access token; `None`: none is needed.
    pub token: Option<Secret>,
}
