//! `[[alerts.sink]]`: where alerts go. What all kinds of sinks have in common here, what each has of its own one file a
//! kind. Resolves no secret and sends nothing.

mod command;
mod email;
mod file;
mod http;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::{Located, quoted};
use super::tree::Section;
use super::value;

pub use self::command::CommandConfig;
pub use self::email::{EmailConfig, MailProtection};
pub use self::http::{AlertmanagerConfig, BodyConfig, HttpConfig, NtfyConfig, WebhookConfig, WebhookPlaces};

/// For one attempt, where the file does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A sink is told one thing after the other, so one that hangs holds up what is behind it for as long.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Alertmanager takes an alert that it does not hear of for ended, so it has to be told far more often than people.
const ALERTMANAGER_REPEATS: Duration = Duration::from_secs(300);

/// One sink, with the names of its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkConfig {
    /// What it is called in messages, routes and metrics; unique.
    pub name: String,
    /// For one attempt, from a second to two minutes.
    pub timeout: Duration,
    /// After so long what still holds is told again; `None`: as `[alerts]` says.
    pub repeat: Option<Duration>,
    /// What kind it is.
    pub kind: SinkKindConfig,
}

/// The kinds of sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKindConfig {
    /// The log.
    Journal,
    /// An HTTP POST.
    Webhook(WebhookConfig),
    /// Prometheus Alertmanager.
    Alertmanager(AlertmanagerConfig),
    /// An ntfy server.
    Ntfy(NtfyConfig),
    /// A mail.
    Email(EmailConfig),
    /// A program that is run.
    Command(CommandConfig),
}

/// What the sinks of a file came to.
#[derive(Debug)]
pub(super) struct Sinks {
    /// Those that are right; the journal alone when the file has none.
    pub(super) configs: Vec<SinkConfig>,
    /// The names of all, of those with errors too, so that routes are judged by what the file has.
    pub(super) names: Vec<Located<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Webhook,
    Alertmanager,
    Ntfy,
    Email,
    Command,
    Journal,
}

const KINDS: [(&str, Kind); 6] = [
    ("webhook", Kind::Webhook),
    ("alertmanager", Kind::Alertmanager),
    ("ntfy", Kind::Ntfy),
    ("email", Kind::Email),
    ("command", Kind::Command),
    ("journal", Kind::Journal),
];

/// Reads all sinks; the journal alone when there is none.
pub(super) fn read(alerts: &Section<'_>) -> Sinks {
    let sections = alerts.sections("sink", None);
    if sections.is_empty() && !alerts.has("sink") {
        let name = "journal".to_owned();
        let names = vec![Located { value: name.clone(), place: alerts.place_of("sink") }];
        return Sinks { configs: vec![SinkConfig::of(name, SinkKindConfig::Journal)], names };
    }
    let mut sinks = Sinks { configs: Vec::new(), names: Vec::new() };
    let mut kinds = Vec::new();
    let mut taken = BTreeSet::new();
    for section in sections {
        section.require("type", "the kind of sink, like \"email\" or \"webhook\"");
        let kind = section.word("type", &KINDS).map(|kind| kind.value);
        kinds.extend(kind);
        let named = section.string("name").and_then(|text| section.report.checked(text, name));
        let name = named.or_else(|| Some(numbered(&section, kind?, &kinds)));
        if let Some(name) = &name {
            if !taken.insert(name.value.clone()) {
                let found = format!("{}, which another sink has too", quoted(&name.value));
                section.report.error(&name.place, found, "a name used once");
            }
            sinks.names.push(name.clone());
        }
        // What keys it may have is not known without its kind.
        if let Some((kind, name)) = kind.zip(name) {
            sinks.configs.extend(sink(section, kind, name.value));
        }
    }
    sinks
}

/// The name of a sink that has none: its kind and how many of it there are so far.
fn numbered(section: &Section<'_>, kind: Kind, so_far: &[Kind]) -> Located<String> {
    let word = KINDS.iter().find(|(_, known)| *known == kind).map_or("sink", |(word, _)| *word);
    let count = so_far.iter().filter(|known| **known == kind).count();
    Located { value: format!("{word}-{count}"), place: section.place_of("name") }
}

fn sink(section: Section<'_>, kind: Kind, name: String) -> Option<SinkConfig> {
    let length = |key, read: fn(&str) -> Result<Duration, String>| {
        let text = section.string(key)?;
        section.report.checked(text, read).map(|length| length.value)
    };
    let timeout = length("timeout", timeout).unwrap_or(DEFAULT_TIMEOUT);
    let repeat = length("repeat_interval", value::positive_duration);
    let repeat = if kind == Kind::Alertmanager { repeat.or(Some(ALERTMANAGER_REPEATS)) } else { repeat };
    let kind = match kind {
        Kind::Journal => Some(SinkKindConfig::Journal),
        Kind::Webhook => http::webhook(&section).map(SinkKindConfig::Webhook),
        Kind::Alertmanager => http::alertmanager(&section).map(SinkKindConfig::Alertmanager),
        Kind::Ntfy => http::ntfy(&section).map(SinkKindConfig::Ntfy),
        Kind::Email => email::read(&section).map(SinkKindConfig::Email),
        Kind::Command => command::read(&section).map(SinkKindConfig::Command),
    };
    section.finish();
    Some(SinkConfig { timeout, repeat, ..SinkConfig::of(name, kind?) })
}

impl SinkConfig {
    /// A sink for which the file says no more than what kind it is.
    fn of(name: String, kind: SinkKindConfig) -> Self {
        Self { name, timeout: DEFAULT_TIMEOUT, repeat: None, kind }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    let length = value::positive_duration(text)?;
    if length > LONGEST_TIMEOUT { Err("a duration of at most 2m".to_owned()) } else { Ok(length) }
}

/// The name of a sink or a route.
pub(super) fn name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("a name: 1 to 64 of A-Z a-z 0-9 . _ -".to_owned())
    }
}
