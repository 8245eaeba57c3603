//! Our own JSON of a message: the body that the interface promises to webhooks, what commands read, and what templates see.
//! No words of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;

use super::message::{Entry, MOST_NAMED, Message, foremost};
use super::text;
use crate::domain::alert::Alert;
use crate::domain::attention::Acknowledgement;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Body {
    /// Of this format: 1.
    pub version: u32,
    /// Why it is sent.
    pub reason: Reason,
    /// In one line, for people.
    pub title: String,
    /// The site; the name that stands for the fleet where it is about several.
    pub site: SiteName,
    /// The site's labels, or those that several sites have in common.
    pub labels: BTreeMap<String, String>,
    /// What holds, worst first, then what has ended; of more than 2000 what is new and what has ended before the rest.
    pub alerts: Vec<BodyAlert>,
    /// How many more there are.
    pub omitted: usize,
}

/// An alert in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BodyAlert {
    /// Where.
    pub site: SiteName,
    /// It.
    #[serde(flatten)]
    pub alert: Alert,
    /// Who has taken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Taken>,
}

/// Who has taken an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Who.
    pub by: String,
    /// What they want others to know; may be empty.
    pub note: String,
    /// Until when; `None`: until it is resolved.
    pub until: Option<DateTime<Utc>>,
}

impl Body {
    /// What a message says.
    pub fn of(message: &Message) -> Self {
        Self {
            version: 1,
            reason: message.reason,
            title: text::title(message),
            site: message.subject.site(),
            labels: message.subject.labels().clone(),
            alerts: foremost(&message.entries, MOST_NAMED).into_iter().map(BodyAlert::from).collect(),
            omitted: message.entries.len().saturating_sub(MOST_NAMED),
        }
    }

    /// The JSON.
    ///
    /// # Errors
    /// None that can happen: every part of it has a form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl From<&Entry> for BodyAlert {
    fn from(entry: &Entry) -> Self {
        Self {
            site: entry.site.name.clone(),
            alert: Alert::clone(&entry.alert),
            acknowledged: entry.acknowledged.as_ref().map(Taken::from),
        }
    }
}

impl From<&Acknowledgement> for Taken {
    fn from(given: &Acknowledgement) -> Self {
        Self {
            by: given.by.clone(),
            note: given.note.clone(),
            until: given.until.map(|until| until.trunc_subsecs(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing::{alert, entry, message, site};
    use crate::domain::alert::{AlertKind, AlertState, HandsetNote};
    use crate::domain::ids::SlotNumber;
    use crate::domain::memory::Registration;

    fn handset() -> HandsetNote {
        HandsetNote {
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
        }
    }

    fn told() -> Message {
        let closing = Alert {
            summary: "the registration window closes".into(),
            phase: "under 2 h".into(),
            handsets: vec![handset()],
            ..alert("acme", AlertKind::WindowClosing, AlertState::Acknowledged)
        };
        let mut message =
            message(Reason::Changed, [closing, alert("acme", AlertKind::Drift, AlertState::Resolved)]);
        message.entries[0].acknowledged = Some(Acknowledgement {
            alert: "acme/window-closing".into(),
            since: DateTime::UNIX_EPOCH,
            by: "Ann".into(),
            note: "on my way".into(),
            at: DateTime::UNIX_EPOCH,
            until: Some(DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(7_200_900)),
        });
        message
    }

    #[test]
    fn it_reads_as_the_interface_promises() {
        let message = told();
        let json: serde_json::Value = serde_json::from_str(&Body::of(&message).to_json().unwrap()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "version": 1, "reason": "changed", "title": text::title(&message), "site": "acme",
                "labels": {"customer": "acme"}, "omitted": 0,
                "alerts": [
                    {"site": "acme", "id": "acme/window-closing", "kind": "window-closing", "severity": "warning",
                     "summary": "the registration window closes", "phase": "under 2 h",
                     "since": "1970-01-01T00:00:00Z", "state": "acknowledged",
                     "acknowledged": {"by": "Ann", "note": "on my way", "until": "1970-01-01T02:00:00Z"},
                     "handsets": [{"number": 2, "ipui": "02 9E 74 A5 99", "user": "1014", "display_name": null,
                                   "registration": "pending", "evidence": "listed as pending on the status page",
                                   "evidence_at": "1970-01-01T00:00:00Z", "instruction": "switch the handset on",
                                   "pin": "0000", "until": null}]},
                    {"site": "acme", "id": "acme/drift", "kind": "drift", "severity": "warning",
                     "summary": "drift happened", "since": "1970-01-01T00:00:00Z",
                     "state": "resolved", "resolved_at": "1970-01-01T00:01:00Z", "handsets": []},
                ]
            })
        );
    }

    #[test]
    fn of_very_many_alerts_what_is_new_is_told_and_the_others_counted() {
        let sites: Vec<_> = (0..MOST_NAMED + 7).map(|number| site(&format!("s{number}"))).collect();
        let mut message = told();
        message.entries = sites
            .iter()
            .map(|site| entry(site, alert(site.name.as_str(), AlertKind::Unreachable, AlertState::Firing)))
            .collect();
        for new in &mut message.entries[MOST_NAMED..] {
            new.news = Some(Reason::First);
        }
        let body = Body::of(&message);
        assert_eq!((body.alerts.len(), body.omitted), (MOST_NAMED, 7));
        let ids: Vec<&str> = body.alerts.iter().rev().take(8).map(|one| one.alert.id.as_str()).collect();
        let news = (MOST_NAMED..MOST_NAMED + 7).rev().map(|number| format!("s{number}/unreachable"));
        let last = format!("s{}/unreachable", MOST_NAMED - 8);
        assert_eq!(ids, news.chain([last]).collect::<Vec<_>>());
    }
}
