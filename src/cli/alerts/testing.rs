//! Alerts as the daemon lists them, for tests of what is said of them.

use chrono::{DateTime, FixedOffset};

use crate::api::{AlertLine, Hushed, Taken, ToldLine};
use crate::domain::alert::{Alert, AlertKind, AlertState, Severity};

pub(in super::super) fn at(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

/// A critical alert of acme-berlin that fires and of which nobody was told.
pub(in super::super) fn lost() -> AlertLine {
    let alert = Alert {
        id: "acme-berlin/handset-lost".into(),
        kind: AlertKind::HandsetLost,
        severity: Severity::Critical,
        summary: "slot 3, 1013 Reception, is not registered any more: have its user switch it on near a base"
            .into(),
        phase: String::new(),
        since: at("2026-11-23T02:12:40Z").to_utc(),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    };
    AlertLine {
        alert,
        site: "acme-berlin".parse().unwrap(),
        acknowledged: None,
        silenced: None,
        inhibited_by: None,
        told: Vec::new(),
    }
}

/// The same, in another state.
pub(in super::super) fn in_state(state: AlertState) -> AlertLine {
    let line = lost();
    AlertLine { alert: Alert { state, ..line.alert }, ..line }
}

/// The same, taken.
pub(in super::super) fn taken(note: &str, until: Option<&str>) -> AlertLine {
    let taken = Taken {
        by: "anna".into(),
        note: note.into(),
        at: at("2026-11-23T03:20:00+01:00"),
        until: until.map(at),
    };
    AlertLine { acknowledged: Some(taken), ..in_state(AlertState::Acknowledged) }
}

pub(in super::super) fn hushed() -> Hushed {
    Hushed {
        number: 7,
        by: "ben".into(),
        reason: "cable works".into(),
        until: at("2026-11-23T06:00:00+01:00"),
    }
}

pub(in super::super) fn told(sink: &str, first: &str, last: &str) -> ToldLine {
    ToldLine { sink: sink.into(), first_at: at(first), at: at(last) }
}
