//! What sinks know: of every alert that a sink was told of and not yet told the end of, what it was told and when. Plain
//! data between `alerting`, which decides, and the store, which keeps it. No decision here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::ids::SiteName;
use super::notification::Reason;

/// What one sink was last told of one alert, all in a message that it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The site of the alert.
    pub site: SiteName,
    /// Of the life that was told: since when it held.
    pub since: DateTime<Utc>,
    /// [`content_hash`] of what was told; `None`: it is not known, and counts as what holds.
    pub content: Option<String>,
    /// When the sink was first told of it.
    pub first_at: DateTime<Utc>,
    /// When it was last told of it.
    pub at: DateTime<Utc>,
    /// Whether that was in a message about many sites at once.
    pub merged: bool,
}

/// What all sinks know: by sink, then by alert id.
pub type NotificationLedger = BTreeMap<String, BTreeMap<String, Told>>;

/// A message that was tried for the last time: what becomes of the ledger, to be written in one transaction with the record
/// of it. A message that is to be tried again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The id that the receiver saw, the same on every try.
    pub id: String,
    /// The sink.
    pub sink: String,
    /// Why it was told.
    pub reason: Reason,
    /// Whom or what the message was about, in words: a site, `customer=acme`, `all sites`.
    pub about: String,
    /// Hash over all that the message said, times and texts left out; see [`content_hash`].
    pub content: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why the sink will never take it; `None`: it took it.
    pub refused: Option<String>,
    /// What the sink knows from here on, by alert id. What it knew of other alerts stays.
    pub told: BTreeMap<String, Told>,
    /// The alerts whose end it was told, with their sites: it knows nothing of them from here on.
    pub ended: BTreeMap<String, SiteName>,
}

/// Identity of what is told of an alert: id, severity, phase and handsets. Texts and times are left out, for they change
/// without anything having changed for the reader.
pub fn content_hash(alert: &Alert) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n", (&alert.id, alert.severity, &alert.phase)));
    for handset in &alert.handsets {
        hash.update(format!("{:?}\n", (handset.number, handset.ipui)));
    }
    hex(hash)
}

/// The first 16 bytes of a hash, in hex.
pub fn hex(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
