//! The body of a notification: the JSON that the interface promises to webhooks, and that every sink starts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::domain::alert::Alert;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Of this format: 1.
    pub version: u32,
    /// Why it is sent.
    pub reason: Reason,
    /// The site.
    pub site: SiteName,
    /// The site's labels.
    pub labels: BTreeMap<String, String>,
    /// What holds, worst first, then what has ended.
    pub alerts: Vec<Alert>,
}

impl Body {
    /// What a message says.
    pub fn of(message: &Message) -> Self {
        Self {
            version: 1,
            reason: message.reason,
            site: message.subject.site(),
            labels: message.subject.labels().clone(),
            alerts: message.entries.iter().map(|entry| Alert::clone(&entry.alert)).collect(),
        }
    }

    /// The JSON.
    ///
    /// # Errors
    /// None that can happen: every part of it has a form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Body::to_json`] wrote.
    ///
    /// # Errors
    /// A text that is not such a body.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::alert::{AlertKind, AlertState, HandsetNote, Severity};
    use crate::domain::ids::SlotNumber;
    use crate::domain::memory::Registration;

    fn body() -> Body {
        let alert = Alert {
            id: "acme/window-closing".into(),
            kind: AlertKind::WindowClosing,
            severity: Severity::Warning,
            summary: "the registration window closes".into(),
            phase: "under 2 h".into(),
            since: DateTime::UNIX_EPOCH,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: vec![HandsetNote {
                number: SlotNumber::new(2).unwrap(),
                ipui: "029E74A599".parse().ok(),
                user: Some("1014".into()),
                display_name: None,
                registration: Registration::Pending,
                evidence: "listed as pending on the status page".into(),
                evidence_at: Some(DateTime::UNIX_EPOCH.fixed_offset()),
                instruction: "switch the handset on".into(),
                pin: Some("0000".into()),
                until: None,
            }],
            readings: Vec::new(),
        };
        let ended = Alert {
            id: "acme/drift".into(),
            kind: AlertKind::Drift,
            phase: String::new(),
            state: AlertState::Resolved,
            resolved_at: Some(DateTime::UNIX_EPOCH),
            handsets: Vec::new(),
            ..alert.clone()
        };
        Body {
            version: 1,
            reason: Reason::Changed,
            site: "acme".parse().unwrap(),
            labels: BTreeMap::from([("customer".into(), "acme".into())]),
            alerts: vec![alert, ended],
        }
    }

    #[test]
    fn it_reads_as_the_interface_promises() {
        let json: serde_json::Value = serde_json::from_str(&body().to_json().unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "version": 1, "reason": "changed", "site": "acme", "labels": {"customer": "acme"},
                "alerts": [
                    {"id": "acme/window-closing", "kind": "window-closing", "severity": "warning",
                     "summary": "the registration window closes", "phase": "under 2 h",
                     "since": "1970-01-01T00:00:00Z", "state": "firing",
                     "handsets": [{"number": 2, "ipui": "02 9E 74 A5 99", "user": "1014", "display_name": null,
                                   "registration": "pending", "evidence": "listed as pending on the status page",
                                   "evidence_at": "1970-01-01T00:00:00Z", "instruction": "switch the handset on",
                                   "pin": "0000", "until": null}]},
                    {"id": "acme/drift", "kind": "drift", "severity": "warning",
                     "summary": "the registration window closes", "since": "1970-01-01T00:00:00Z",
                     "state": "resolved", "resolved_at": "1970-01-01T00:00:00Z", "handsets": []},
                ]
            })
        );
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(Body::parse(&body().to_json().unwrap()).unwrap(), body());
        assert!(Body::parse("{}").is_err());
    }

    #[test]
    fn a_body_that_was_queued_before_notes_told_the_verdict_is_read() {
        let mut value: serde_json::Value = serde_json::from_str(&body().to_json().unwrap()).unwrap();
        let note = value["alerts"][0]["handsets"][0].as_object_mut().unwrap();
        for key in ["registration", "evidence", "evidence_at", "pin", "until"] {
            note.remove(key).unwrap();
        }
        let read = Body::parse(&value.to_string()).unwrap();
        let note = &read.alerts[0].handsets[0];
        assert_eq!((note.registration, note.pin.as_deref()), (Registration::Unknown, None));
        assert_eq!(note.instruction, "switch the handset on");
    }
}
