//! Messages of every shape, to try a template on before there is something to tell. Nobody is sent them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};

use crate::alerting::message::{Entry, Message, SiteFacts, Subject};
use crate::alerting::pipeline::Group;
use crate::domain::alert::{Alert, AlertKind, AlertState, HandsetNote, Severity};
use crate::domain::attention::Acknowledgement;
use crate::domain::ids::SlotNumber;
use crate::domain::memory::Registration;
use crate::domain::notification::Reason;

/// One that fires with a handset, one that somebody has taken, one that has ended, one about several sites, one of which no more
/// is known than must be, and one of which everything is.
pub(super) fn samples() -> Vec<Message> {
    let firing = |severity| entry(AlertKind::WindowClosing, severity, AlertState::Firing);
    let taken = Entry { acknowledged: Some(acknowledgement()), ..firing(Severity::Warning) };
    let ended = entry(AlertKind::WindowClosing, Severity::Info, AlertState::Resolved);
    let several = Subject::Several { labels: BTreeMap::new(), storm: true };
    vec![
        message(Reason::First, site(), vec![firing(Severity::Critical)]),
        message(Reason::Changed, site(), vec![taken, ended.clone()]),
        message(Reason::Resolved, site(), vec![ended]),
        message(Reason::Repeat, several, vec![firing(Severity::Critical), firing(Severity::Warning)]),
        message(Reason::First, site(), vec![bare(firing(Severity::Warning))]),
        message(Reason::First, site(), vec![full(firing(Severity::Warning))]),
    ]
}

fn message(reason: Reason, subject: Subject, entries: Vec<Entry>) -> Message {
    let at = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
    let group = Group::Site(subject.site());
    Message { id: "msg_sample".to_owned(), reason, subject, group, entries, at }
}

fn site() -> Subject {
    Subject::Site(Arc::new(SiteFacts::of_fleet()))
}

fn entry(kind: AlertKind, severity: Severity, state: AlertState) -> Entry {
    let facts = SiteFacts::of_fleet();
    let has_ended = state == AlertState::Resolved;
    let alert = Alert {
        id: format!("{}/{kind}", facts.name),
        kind,
        severity,
        summary: "a sample".to_owned(),
        phase: "under 2 h".to_owned(),
        since: DateTime::UNIX_EPOCH,
        state,
        resolved_at: has_ended.then_some(DateTime::UNIX_EPOCH),
        handsets: SlotNumber::new(1).map(handset).into_iter().collect(),
        readings: vec!["a sample".to_owned()],
        unwatched: false,
    };
    Entry { site: Arc::new(facts), alert: Arc::new(alert), acknowledged: None, news: None }
}

/// As most are: about no handset, with nothing to look into.
fn bare(entry: Entry) -> Entry {
    let alert = Alert {
        phase: String::new(),
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
        ..Alert::clone(&entry.alert)
    };
    Entry { alert: Arc::new(alert), ..entry }
}

/// With one handset of which nothing is null, and one of which everything is that can be.
fn full(entry: Entry) -> Entry {
    let known = |one: HandsetNote| HandsetNote {
        ipui: "029E74A599".parse().ok(),
        evidence_at: Some(DateTime::UNIX_EPOCH.fixed_offset()),
        pin: Some("0000".to_owned()),
        until: Some(DateTime::UNIX_EPOCH.fixed_offset()),
        ..one
    };
    let unknown = |one: HandsetNote| HandsetNote { user: None, display_name: None, ..one };
    let handsets = entry.alert.handsets.iter().cloned();
    let handsets = handsets.flat_map(|one| [known(one.clone()), unknown(one)]).collect();
    Entry { alert: Arc::new(Alert { handsets, ..Alert::clone(&entry.alert) }), ..entry }
}

fn handset(number: SlotNumber) -> HandsetNote {
    HandsetNote {
        number,
        ipui: None,
        user: Some("1014".to_owned()),
        display_name: Some("Reception".to_owned()),
        registration: Registration::Pending,
        evidence: "a sample".to_owned(),
        evidence_at: None,
        instruction: "a sample".to_owned(),
        pin: None,
        until: None,
    }
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement {
        alert: "a sample".to_owned(),
        since: DateTime::UNIX_EPOCH,
        by: "Ann".to_owned(),
        note: String::new(),
        at: DateTime::UNIX_EPOCH,
        until: None,
    }
}
