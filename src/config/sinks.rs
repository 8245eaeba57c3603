//! `[[alerts.sink]]`: where alerts go. Sends nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::report::quoted;
use super::tree::Section;
use super::{secret_ref, value};
use crate::domain::secret::{Secret, SecretRef};

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkConfig {
    /// The journal.
    Journal {
        /// What the sink is called in messages; unique.
        name: String,
    },
    /// An HTTP endpoint that takes a signed POST.
    Webhook {
        /// What the sink is called in messages; unique.
        name: String,
        /// An absolute URL; it may hold a token, so it masks itself.
        url: Secret,
        /// What the body is signed with.
        secret: Option<SecretRef>,
        /// Per delivery, at least a second.
        timeout: Duration,
    },
}

impl SinkConfig {
    /// What the sink is called in messages; unique.
    pub fn name(&self) -> &str {
        match self {
            Self::Journal { name } | Self::Webhook { name, .. } => name,
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Journal,
    Webhook,
}

/// Reads all sinks; the journal alone when there is none.
pub(super) fn read(alerts: &Section<'_>) -> Vec<SinkConfig> {
    let mut names = BTreeSet::new();
    let mut sinks = Vec::new();
    let sections = alerts.sections("sink", None);
    if sections.is_empty() {
        return vec![SinkConfig::Journal { name: "journal".to_owned() }];
    }
    let (mut journals, mut webhooks) = (0, 0);
    for section in sections {
        section.require("type", "\"webhook\" or \"journal\"");
        let kind = section.word("type", &[("webhook", Kind::Webhook), ("journal", Kind::Journal)]);
        let named = section.string("name").and_then(|text| section.report.checked(text, name));
        let Some(kind) = kind else { continue };
        let (count, word) = match kind.value {
            Kind::Journal => (&mut journals, "journal"),
            Kind::Webhook => (&mut webhooks, "webhook"),
        };
        *count += 1;
        let name = named.map_or_else(|| format!("{word}-{count}"), |name| name.value);
        if !names.insert(name.clone()) {
            let found = format!("{}, which another sink has too", quoted(&name));
            section.report.error(&section.place_of("name"), found, "a name used once");
        }
        match kind.value {
            Kind::Journal => sinks.push(SinkConfig::Journal { name }),
            Kind::Webhook => sinks.extend(webhook(&section, name)),
        }
        section.finish();
    }
    sinks
}

fn webhook(section: &Section<'_>, name: String) -> Option<SinkConfig> {
    section.require("url", "the URL to post to, like https://hooks.example.net/n720");
    let report = section.report;
    let url = section.string("url").and_then(|text| match value::webhook_url(text.value) {
        Ok(url) => Some(Secret::new(url)),
        Err(expected) => {
            report.error(&text.place, "something else (not shown: it may hold a token)", expected);
            None
        }
    });
    let secret = secret_ref::read(section, "secret").map(|secret| secret.value);
    let timeout = section.string("timeout").and_then(|text| report.checked(text, value::positive_duration));
    let timeout = timeout.map_or(Duration::from_secs(10), |length| length.value);
    url.map(|url| SinkConfig::Webhook { name, url, secret, timeout })
}

fn name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err("a name: 1 to 64 of A-Z a-z 0-9 . _ -".to_owned())
    }
}
