//! The journal sink: one log event per alert, with fields to filter by. Always delivers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt, ready};
use tracing::Level;

use super::message::{Entry, MOST_NAMED, Message, foremost};
use super::sink::{Sink, SinkError};
use super::text::clean;
use crate::domain::alert::{Alert, AlertState, HandsetNote, Severity};
use crate::domain::attention::Acknowledgement;

/// Writes alerts to the log, target `n720d::alert`.
#[derive(Debug, Clone)]
pub struct Journal {
    name: String,
}

impl Journal {
    /// A journal sink of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }
}

impl Sink for Journal {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        _now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        write(message);
        ready(Ok(())).boxed()
    }

    fn names_each(&self) -> bool {
        true
    }
}

fn write(message: &Message) {
    // With more, the journal drops what comes too fast, and with it what others have to say at that moment.
    for entry in foremost(&message.entries, MOST_NAMED) {
        event(message, entry);
    }
    let omitted = message.entries.len().saturating_sub(MOST_NAMED);
    if omitted > 0 {
        let alerts = message.entries.len();
        tracing::warn!(
            target: "n720d::alert",
            site = %message.subject.site(),
            reason = message.reason.as_str(),
            notification = %message.id,
            alerts,
            omitted,
            "{alerts} alerts at once, {omitted} of which are not written one by one: `n720d alerts` shows all"
        );
    }
}

/// Levels are part of the macro's call site, so each has its own call. A field without a value is left out.
fn event(message: &Message, entry: &Entry) {
    let alert = &*entry.alert;
    macro_rules! log {
        ($level:expr) => {
            tracing::event!(
                target: "n720d::alert",
                $level,
                site = %entry.site.name,
                labels = some(labels(&entry.site.labels)),
                alert = %alert.kind,
                severity = %alert.severity,
                state = state(alert),
                reason = message.reason.as_str(),
                id = %alert.id,
                notification = %message.id,
                acknowledged = entry.acknowledged.as_ref().map(taken),
                handsets = alert.handsets.len(),
                slots = %each(alert, |handset| handset.number.to_string(), ","),
                names = some(each(alert, name, ", ")),
                "{}",
                text(alert)
            )
        };
    }
    match (alert.state, alert.severity) {
        (AlertState::Resolved, _) | (_, Severity::Info) => log!(Level::INFO),
        (
            AlertState::Firing | AlertState::Acknowledged | AlertState::Silenced,
            Severity::Warning | Severity::Critical,
        ) => log!(Level::WARN),
    }
}

/// The summary, and behind it the readings: in one line, whatever a device or a site file has put into them.
fn text(alert: &Alert) -> String {
    let unwatched = alert.unwatched.then_some("not watched any more");
    unwatched
        .into_iter()
        .chain([alert.summary.as_str()])
        .chain(alert.readings.iter().map(String::as_str))
        .map(clean)
        .collect::<Vec<_>>()
        .join(" | ")
}

fn state(alert: &Alert) -> &'static str {
    match alert.state {
        AlertState::Firing => "firing",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Silenced => "silenced",
        AlertState::Resolved => "resolved",
    }
}

/// As `customer=acme,region=berlin`.
fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Who has it, and what they say of it.
fn taken(by: &Acknowledgement) -> String {
    if by.note.is_empty() { by.by.clone() } else { format!("{}: {}", by.by, by.note) }
}

/// By what people call it: its number on the phone, and whose it is.
fn name(handset: &HandsetNote) -> String {
    let words = [handset.user.as_deref(), handset.display_name.as_deref()];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() { format!("slot {}", handset.number) } else { words.join(" ") }
}

fn each(alert: &Alert, word: impl Fn(&HandsetNote) -> String, between: &str) -> String {
    alert.handsets.iter().map(word).collect::<Vec<_>>().join(between)
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
