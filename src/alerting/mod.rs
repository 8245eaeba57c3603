//! Who is told, when, and how: from a site's alerts to notifications, and from the outbox to the sinks.
//!
//! The stages, in order: decide ([`crate::domain::notification::decide`]) and compose ([`Alerting::notifications`]),
//! both without I/O; record (the store, in one transaction with the alerts themselves); deliver ([`deliver_loop`]),
//! which knows nothing of sites. One file a sink. Nothing here judges a site or reads a clock.

mod alertmanager;
mod body;
mod command;
mod deliver;
mod email;
mod formats;
mod http;
mod journal;
mod message;
mod ntfy;
mod outbox;
pub mod pipeline;
mod settings;
mod sink;
#[cfg(test)]
mod testing;
pub mod text;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use crate::domain::alert::{Alert, AlertState};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::notification::{
    LedgerEntry, NewNotification, Queued, Reason, decide, is_told_firing, is_unannounced, ledger_after,
};

pub use alertmanager::Alertmanager;
pub use body::{Body, BodyAlert, Taken};
pub use command::Command;
pub use deliver::{back_off, deliver_loop};
pub use email::Email;
pub use formats::TemplateProblem;
pub use journal::Journal;
pub use message::{Entry, Message, SiteFacts, Subject};
pub use ntfy::Ntfy;
pub use outbox::{Outbox, OutboxError};
pub use settings::{
    AlertmanagerSettings, CommandSettings, EmailSettings, HttpTarget, MailSecurity, NtfySettings, SinkKind,
    SinkSettings, WebhookFormat, WebhookSettings,
};
pub use sink::{FailureReason, Sink, SinkBuildError, SinkError};
pub use webhook::Webhook;

/// What alerts are about: a site, or the fleet under the name that stands for it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its name.
    pub name: &'a SiteName,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a DesiredSite> for About<'a> {
    fn from(site: &'a DesiredSite) -> Self {
        Self { name: &site.name, labels: &site.labels }
    }
}

/// The sinks of this daemon, and how often they are reminded.
#[derive(Clone)]
pub struct Alerting {
    sinks: BTreeMap<String, Arc<dyn Sink>>,
    repeat: Duration,
}

impl Alerting {
    /// Builds every sink, or says which one cannot be built and why. Nothing is connected to yet.
    ///
    /// # Errors
    /// The first setting that cannot become a sink; see [`SinkBuildError`].
    pub fn new(settings: Vec<SinkSettings>, repeat: Duration) -> Result<Self, SinkBuildError> {
        let built: Result<Vec<Arc<dyn Sink>>, _> = settings.into_iter().map(SinkSettings::build).collect();
        Ok(Self::with_sinks(built?, repeat))
    }

    /// The same from sinks that are built already. Of two with the same name the last counts.
    pub fn with_sinks(sinks: Vec<Arc<dyn Sink>>, repeat: Duration) -> Self {
        let sinks = sinks.into_iter().map(|sink| (sink.name().to_owned(), sink)).collect();
        Self { sinks, repeat }
    }

    /// The sinks, for [`deliver_loop`].
    pub fn sinks(&self) -> Vec<Arc<dyn Sink>> {
        self.sinks.values().cloned().collect()
    }

    /// What each sink is to be told of a site or of the whole fleet, if anything.
    ///
    /// `alerts` are the site's alerts after this cycle, resolved ones included; `ledgers` what each sink was last
    /// told; `waiting` what is still undelivered, by sink. A new notification takes the place of a waiting one, so it
    /// carries on the ends which that one was to announce, and its reason if the sink never heard of the site.
    pub fn notifications<'a>(
        &self,
        about: impl Into<About<'a>>,
        alerts: &[Alert],
        ledgers: &BTreeMap<String, LedgerEntry>,
        waiting: &BTreeMap<String, Queued>,
        now: DateTime<Utc>,
    ) -> Vec<NewNotification> {
        let about = about.into();
        self.sinks
            .keys()
            .filter_map(|sink| {
                let ledger = ledgers.get(sink);
                let reason = decide(ledger, alerts, self.repeat, now)?;
                let composed = compose(sink, about, reason, alerts, ledger, waiting.get(sink), now);
                let told = |error| tracing::error!(sink, site = %about.name, %error, "nothing can be told");
                composed.map_err(told).ok()
            })
            .collect()
    }

    /// The alerts that are still of interest: all that have not ended, and those whose end some sink has yet to be
    /// told. To be called before a cycle's alerts are made, with the ledgers as stored.
    pub fn unannounced(&self, alerts: &[Alert], ledgers: &BTreeMap<String, LedgerEntry>) -> Vec<Alert> {
        let owed = |alert: &Alert| {
            self.sinks.keys().filter_map(|sink| ledgers.get(sink)).any(|entry| is_unannounced(alert, entry))
        };
        alerts.iter().filter(|alert| alert.state != AlertState::Resolved || owed(alert)).cloned().collect()
    }
}

impl std::fmt::Debug for Alerting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alerting").field("sinks", &self.sinks.keys()).field("repeat", &self.repeat).finish()
    }
}

fn compose(
    sink: &str,
    about: About<'_>,
    reason: Reason,
    alerts: &[Alert],
    ledger: Option<&LedgerEntry>,
    waiting: Option<&Queued>,
    now: DateTime<Utc>,
) -> Result<NewNotification, serde_json::Error> {
    let reason = waiting.map_or(reason, |waiting| carried_on(waiting.reason, reason));
    let ended = |alert: &Alert| ledger.is_some_and(|entry| is_unannounced(alert, entry));
    let body_alert =
        |alert: &Alert| BodyAlert { site: about.name.clone(), alert: alert.clone(), acknowledged: None };
    let mut told: Vec<BodyAlert> =
        alerts.iter().filter(|alert| is_told_firing(alert) || ended(alert)).map(body_alert).collect();
    let owed = waiting.and_then(|waiting| Body::parse(&waiting.body).ok()).map(|body| body.alerts);
    for alert in owed.unwrap_or_default() {
        if alert.alert.state == AlertState::Resolved && told.iter().all(|one| one.alert.id != alert.alert.id)
        {
            told.push(alert);
        }
    }
    let (site, labels) = (about.name.clone(), about.labels.clone());
    let body = Body { version: 1, reason, title: String::new(), site, labels, alerts: told, omitted: 0 };
    let body = body.to_json()?;
    Ok(NewNotification {
        id: notification_id(sink, about.name, now, &body),
        sink: sink.to_owned(),
        site: about.name.clone(),
        reason,
        body,
        ledger: ledger_after(ledger, alerts, now),
    })
}

/// The reason of a notification that takes the place of an undelivered one.
fn carried_on(waiting: Reason, new: Reason) -> Reason {
    match (waiting, new) {
        (Reason::First, Reason::Changed | Reason::Repeat) => Reason::First,
        (Reason::Changed, Reason::Repeat) => Reason::Changed,
        (Reason::First | Reason::Changed | Reason::Repeat | Reason::Resolved, new) => new,
    }
}

/// Unique for ever: the same site is not decided on twice in one nanosecond. Not a secret.
fn notification_id(sink: &str, site: &SiteName, now: DateTime<Utc>, body: &str) -> String {
    let mut hash = Sha256::new();
    for part in [sink, site.as_str(), &now.to_rfc3339_opts(SecondsFormat::Nanos, true), body] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{hex}")
}
