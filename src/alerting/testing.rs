//! Messages for the unit tests of sinks.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;

use super::message::{Entry, Message, SiteFacts, Subject};
use super::pipeline::Group;
use crate::domain::alert::{Alert, AlertKind, AlertState, Severity};
use crate::domain::notification::Reason;

/// A site of the customer ACME.
pub(super) fn site(name: &str) -> Arc<SiteFacts> {
    Arc::new(SiteFacts {
        name: name.parse().unwrap(),
        description: "ACME GmbH".into(),
        contact: "Frau Weber".into(),
        time_zone: Tz::UTC,
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
    })
}

/// A warning since the epoch; one that has ended did so a minute later.
pub(super) fn alert(site: &str, kind: AlertKind, state: AlertState) -> Alert {
    let ended = DateTime::UNIX_EPOCH + TimeDelta::minutes(1);
    Alert {
        id: format!("{site}/{kind}"),
        kind,
        severity: Severity::Warning,
        summary: format!("{kind} happened"),
        phase: String::new(),
        since: DateTime::UNIX_EPOCH,
        state,
        resolved_at: (state == AlertState::Resolved).then_some(ended),
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

pub(super) fn entry(site: &Arc<SiteFacts>, alert: Alert) -> Entry {
    Entry { site: Arc::clone(site), alert: Arc::new(alert), acknowledged: None, news: None }
}

/// About these alerts at `acme`, an hour after the epoch.
pub(super) fn message(reason: Reason, alerts: impl IntoIterator<Item = Alert>) -> Message {
    let site = site("acme");
    Message {
        id: "msg_1".into(),
        reason,
        subject: Subject::Site(Arc::clone(&site)),
        group: Group::Site(site.name.clone()),
        entries: alerts.into_iter().map(|alert| entry(&site, alert)).collect(),
        at: DateTime::UNIX_EPOCH + TimeDelta::hours(1),
    }
}
