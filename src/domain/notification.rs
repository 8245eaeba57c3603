//! Notifications: what was decided to be told, to which sink, and what each sink was last told. Plain data between
//! the decision (`alerting`) and the store, and the pure decision itself. No delivery here.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alert::{Alert, AlertState};
use super::ids::SiteName;

/// Why a notification is sent. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Something fires of which the sink knows nothing.
    First,
    /// What fires is not what the sink was told.
    Changed,
    /// It still fires, and the repeat interval has passed.
    Repeat,
    /// Nothing fires any more.
    Resolved,
}

impl Reason {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Changed => "changed",
            Self::Repeat => "repeat",
            Self::Resolved => "resolved",
        }
    }
}

/// The last decision for one sink about one site, whether it is delivered yet or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Over what was told, so that the same is not told again.
    pub digest: String,
    /// Ids of the alerts that fired.
    pub firing: BTreeSet<String>,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

/// A notification that was decided on and is to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// The `webhook-id`: the same on every retry, unique for ever.
    pub id: String,
    /// Name of the sink.
    pub sink: String,
    /// The site it is about.
    pub site: SiteName,
    /// Why it is sent.
    pub reason: Reason,
    /// The webhook body of the interface, JSON.
    pub body: String,
    /// What the ledger says from here on.
    pub ledger: LedgerEntry,
}

/// A notification that waits for its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The `webhook-id`: the same on every retry.
    pub id: String,
    /// Name of the sink.
    pub sink: String,
    /// The site it is about.
    pub site: SiteName,
    /// Why it is sent.
    pub reason: Reason,
    /// The webhook body of the interface, JSON.
    pub body: String,
    /// How often its delivery was tried and failed.
    pub attempts: u32,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
}

/// Whether a sink is to be told about a site, and why, given what it was last told.
///
/// `alerts` are all alerts of the site, resolved ones included. Silenced alerts are neither told nor forgotten; an
/// acknowledged one is told of but causes no repetition. A ledger entry that lies further in the future than the
/// repeat interval (the clock was set back) counts as due, so that a jump of the clock cannot mute a site.
pub fn decide(
    ledger: Option<&LedgerEntry>,
    alerts: &[Alert],
    repeat: Duration,
    now: DateTime<Utc>,
) -> Option<Reason> {
    let told = ledger.filter(|entry| !entry.firing.is_empty());
    let quiet = !alerts.iter().any(is_told_firing);
    let some_end = ledger.is_some_and(|entry| alerts.iter().any(|alert| is_unannounced(alert, entry)));
    match told {
        None => (!quiet).then_some(Reason::First),
        Some(_) if quiet && some_end && !keeps_silenced(told, alerts) => Some(Reason::Resolved),
        Some(_) if some_end => Some(Reason::Changed),
        Some(_) if quiet => None,
        Some(entry) if entry.digest != digest(alerts) => Some(Reason::Changed),
        Some(entry) => repeat_is_due(entry, alerts, repeat, now).then_some(Reason::Repeat),
    }
}

/// What the ledger says once a sink is told of `alerts`: silenced alerts that it knew of stay known, so that their
/// end is announced.
pub fn ledger_after(ledger: Option<&LedgerEntry>, alerts: &[Alert], now: DateTime<Utc>) -> LedgerEntry {
    let known = |id: &str| ledger.is_some_and(|entry| entry.firing.contains(id));
    let firing = alerts
        .iter()
        .filter(|alert| is_told_firing(alert) || (alert.state == AlertState::Silenced && known(&alert.id)))
        .map(|alert| alert.id.clone())
        .collect();
    LedgerEntry { digest: digest(alerts), firing, at: now }
}

/// Identity of what fires: ids, severities, phases and handsets. Texts are left out, for they may carry times and
/// counts that change without anything having changed for the reader.
pub fn digest(alerts: &[Alert]) -> String {
    let mut firing: Vec<&Alert> = alerts.iter().filter(|alert| is_told_firing(alert)).collect();
    firing.sort_by(|a, b| a.id.cmp(&b.id));
    let mut hash = Sha256::new();
    for alert in firing {
        hash.update(format!("{:?}\n", (&alert.id, alert.severity, &alert.phase)));
        for handset in &alert.handsets {
            hash.update(format!("{:?}\n", (handset.number, handset.ipui)));
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether this alert is told of as something that holds.
pub fn is_told_firing(alert: &Alert) -> bool {
    match alert.state {
        AlertState::Firing | AlertState::Acknowledged => true,
        AlertState::Silenced | AlertState::Resolved => false,
    }
}

/// Whether this alert has ended and the sink with this ledger entry still believes that it holds.
pub fn is_unannounced(alert: &Alert, ledger: &LedgerEntry) -> bool {
    alert.state == AlertState::Resolved && ledger.firing.contains(&alert.id)
}

fn keeps_silenced(ledger: Option<&LedgerEntry>, alerts: &[Alert]) -> bool {
    ledger.is_some_and(|entry| {
        alerts.iter().any(|alert| alert.state == AlertState::Silenced && entry.firing.contains(&alert.id))
    })
}

fn repeat_is_due(entry: &LedgerEntry, alerts: &[Alert], repeat: Duration, now: DateTime<Utc>) -> bool {
    let repeat = TimeDelta::from_std(repeat).unwrap_or(TimeDelta::MAX);
    let since = now.signed_duration_since(entry.at);
    let wanted = alerts.iter().any(|alert| alert.state == AlertState::Firing);
    wanted && (since >= repeat || since <= -repeat)
}
