//! Messages to deliver.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::pipeline::Group;
use n720d::alerting::{Entry, Message, SiteFacts, Subject};
use n720d::domain::alert::{Alert, AlertKind, AlertState, HandsetNote, Severity};
use n720d::domain::attention::Acknowledgement;
use n720d::domain::ids::SlotNumber;
use n720d::domain::memory::Registration;
use n720d::domain::notification::Reason;

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

pub(crate) fn site() -> Arc<SiteFacts> {
    Arc::new(SiteFacts {
        name: "acme".parse().unwrap(),
        description: "ACME GmbH, Berlin".into(),
        contact: "Frau Weber, +49 30 123456".into(),
        time_zone: chrono_tz::Europe::Berlin,
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
    })
}

pub(crate) fn alert(kind: AlertKind, state: AlertState) -> Alert {
    Alert {
        id: format!("acme/{kind}"),
        kind,
        severity: Severity::Warning,
        summary: format!("{kind} happened"),
        phase: String::new(),
        since: at(0),
        state,
        resolved_at: (state == AlertState::Resolved).then(|| at(1)),
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

pub(crate) fn message(reason: Reason, alerts: Vec<Alert>) -> Message {
    let site = site();
    let news = Some(reason);
    let entry = |alert| Entry { site: Arc::clone(&site), alert: Arc::new(alert), acknowledged: None, news };
    Message {
        id: "msg_1".into(),
        reason,
        subject: Subject::Site(Arc::clone(&site)),
        group: Group::Site(site.name.clone()),
        entries: alerts.into_iter().map(entry).collect(),
        at: at(0),
    }
}

/// A handset that has to be registered, with a PIN, within a day.
pub(crate) fn handset(number: u8, user: Option<&str>, display_name: Option<&str>) -> HandsetNote {
    let until = at(24 * 60).with_timezone(&chrono_tz::Europe::Berlin).fixed_offset();
    HandsetNote {
        number: SlotNumber::new(number).unwrap(),
        ipui: "029E74A599".parse().ok(),
        user: user.map(str::to_owned),
        display_name: display_name.map(str::to_owned),
        registration: Registration::Pending,
        evidence: "listed as pending on the status page".into(),
        evidence_at: None,
        instruction: "on the handset: Settings, Registration, Register handset".into(),
        pin: Some("0815".into()),
        until: Some(until),
    }
}

/// By Anna, a minute after the alert began.
pub(crate) fn acknowledgement(alert: &str) -> Acknowledgement {
    Acknowledgement {
        alert: alert.into(),
        since: at(0),
        by: "anna".into(),
        note: "on my way".into(),
        at: at(1),
        until: None,
    }
}

/// One alert that fires.
pub(crate) fn drift() -> Message {
    message(Reason::First, vec![alert(AlertKind::Drift, AlertState::Firing)])
}

/// Every one of so many sites cannot be reached: `s0`, `s1`, …
pub(crate) fn storm(sites: usize) -> Message {
    let entry = |number: usize| {
        let facts = SiteFacts { name: format!("s{number}").parse().unwrap(), ..SiteFacts::clone(&site()) };
        let kind = AlertKind::Unreachable;
        let alert = Alert { id: format!("s{number}/{kind}"), ..alert(kind, AlertState::Firing) };
        Entry { site: Arc::new(facts), alert: Arc::new(alert), acknowledged: None, news: Some(Reason::First) }
    };
    Message {
        id: "msg_2".into(),
        reason: Reason::First,
        subject: Subject::Several { labels: BTreeMap::new(), storm: true },
        group: Group::Storm(AlertKind::Unreachable, BTreeMap::new()),
        entries: (0..sites).map(entry).collect(),
        at: at(0),
    }
}
