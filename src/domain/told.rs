//! What sinks know: of every alert that a sink was told of and not yet told the end of, what it was told and when. Plain
//! data between `alerting`, which decides, and the store, which keeps it. No decision here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::ids::{Ipui, SiteName};
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

impl Told {
    /// Whether nobody has heard it: the message was given up, and all of it is told anew when it can be.
    pub fn is_unheard(&self) -> bool {
        self.content.as_deref() == Some("")
    }
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
/// without anything having changed for the reader. It is kept, so it must come out the same in every version: else an
/// upgrade tells everybody everything again.
pub fn content_hash(alert: &Alert) -> String {
    let mut hash = Sha256::new();
    for text in [alert.id.as_str(), alert.severity.as_str(), alert.phase.as_str()] {
        hash.update(text);
        hash.update([0]);
    }
    for handset in &alert.handsets {
        hash.update([handset.number.number()]);
        // No handset has the IPUI of zeros.
        hash.update(handset.ipui.map_or([0; 5], Ipui::bytes));
    }
    hex(hash)
}

/// The first 16 bytes of a hash, in hex.
pub fn hex(hash: Sha256) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let bytes = hash.finalize();
    bytes.iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{AlertKind, AlertState, HandsetNote, Severity};
    use crate::domain::ids::SlotNumber;
    use crate::domain::memory::Registration;

    fn handset(number: u8, ipui: &str) -> HandsetNote {
        HandsetNote {
            number: SlotNumber::new(number).unwrap(),
            ipui: ipui.parse().ok(),
            user: None,
            display_name: None,
            registration: Registration::Pending,
            evidence: String::new(),
            evidence_at: None,
            instruction: String::new(),
            pin: None,
            until: None,
        }
    }

    fn alert() -> Alert {
        Alert {
            id: "acme/window-closing".into(),
            kind: AlertKind::WindowClosing,
            severity: Severity::Warning,
            summary: "closes soon".into(),
            phase: "under 24h".into(),
            since: DateTime::UNIX_EPOCH,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: vec![handset(1, "02 B6 EC 8A A5"), handset(2, "none")],
            readings: Vec::new(),
            unwatched: false,
        }
    }

    #[test]
    fn severity_phase_and_handsets_are_worth_another_message_and_texts_and_times_are_not() {
        let changes = |change: fn(&mut Alert)| {
            let mut changed = alert();
            change(&mut changed);
            content_hash(&changed) != content_hash(&alert())
        };
        assert!(changes(|alert| alert.id = "acme/drift".into()));
        assert!(changes(|alert| alert.severity = Severity::Critical));
        assert!(changes(|alert| alert.phase = "under 2h".into()));
        assert!(changes(|alert| alert.handsets.truncate(1)));
        assert!(changes(|alert| alert.handsets[0] = handset(3, "02 B6 EC 8A A5")));
        assert!(changes(|alert| alert.handsets[0] = handset(1, "02 9E 74 A5 99")));
        assert!(changes(|alert| alert.handsets[1] = handset(2, "02 9E 74 A5 99")));

        assert!(!changes(|alert| alert.summary = "closes in 3 h".into()));
        assert!(!changes(|alert| alert.since += chrono::TimeDelta::hours(1)));
        assert!(!changes(|alert| alert.state = AlertState::Resolved));
        assert!(!changes(|alert| alert.readings.push("read".into())));
        assert!(!changes(|alert| alert.handsets[0].instruction = "switch it on".into()));
    }

    #[test]
    fn what_stands_side_by_side_does_not_run_together() {
        let with =
            |id: &str, phase: &str| content_hash(&Alert { id: id.into(), phase: phase.into(), ..alert() });
        assert_ne!(with("a", "b"), with("ab", ""));
    }

    /// It stands in databases.
    #[test]
    fn the_hash_is_the_same_in_every_version() {
        assert_eq!(content_hash(&alert()), "fdf5cab667ae94b5de04aee481e9d95f");
        assert_eq!(hex(Sha256::new()), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
