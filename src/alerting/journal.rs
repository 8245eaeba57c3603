//! The journal sink: one log event per alert, with fields to filter by. Always delivers.

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt, ready};

use super::message::{Entry, Message};
use super::sink::{Sink, SinkError};
use crate::domain::alert::{Alert, AlertState, Severity};

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
}

/// Each has a line of its own, however many there are.
fn write(message: &Message) {
    for entry in &message.entries {
        event(message, entry);
    }
}

/// Levels are part of the macro's call site, so each has its own call.
fn event(message: &Message, entry: &Entry) {
    let alert = &*entry.alert;
    macro_rules! log {
        ($level:expr) => {
            tracing::event!(
                target: "n720d::alert",
                $level,
                site = %entry.site.name,
                alert = %alert.kind,
                severity = %alert.severity,
                state = state(alert),
                reason = message.reason.as_str(),
                id = %alert.id,
                handsets = alert.handsets.len(),
                slots = %slots(alert),
                "{}",
                text(alert)
            )
        };
    }
    match (alert.state, alert.severity) {
        (AlertState::Resolved, _) | (_, Severity::Info) => log!(tracing::Level::INFO),
        (
            AlertState::Firing | AlertState::Acknowledged | AlertState::Silenced,
            Severity::Warning | Severity::Critical,
        ) => log!(tracing::Level::WARN),
    }
}

/// The summary, and behind it the readings.
fn text(alert: &Alert) -> String {
    [&alert.summary].into_iter().chain(&alert.readings).map(String::as_str).collect::<Vec<_>>().join(" | ")
}

fn state(alert: &Alert) -> &'static str {
    match alert.state {
        AlertState::Firing => "firing",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Silenced => "silenced",
        AlertState::Resolved => "resolved",
    }
}

fn slots(alert: &Alert) -> String {
    let numbers: Vec<String> = alert.handsets.iter().map(|handset| handset.number.to_string()).collect();
    numbers.join(",")
}
