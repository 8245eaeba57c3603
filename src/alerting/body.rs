//! The body of a notification: the JSON that the interface promises to webhooks, and that every sink starts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
                instruction: "switch the handset on".into(),
            }],
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
                                   "instruction": "switch the handset on"}]},
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
}
