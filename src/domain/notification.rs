//! Notifications: what was decided to be told, to which sink, and what each sink was last told. Plain data between
//! the decision (`alerting`) and the store. No delivery here.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

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
