//! What people have said of alerts: acknowledgements and silences, and which of them holds when. Plain data and pure
//! functions; who is told in spite of it is `alerting`'s part.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertKind, AlertState, Severity};
use super::ids::SiteName;

/// A clock that was set back by more than this makes what was said later count as not said: rather a message too many than
/// silence for longer than anybody meant.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(5);

/// Somebody has taken an alert: it is not repeated and not passed on to others until it ends, or until `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The alert's id.
    pub alert: String,
    /// The life that is meant: since when the alert held. One that comes back later is not acknowledged.
    pub since: DateTime<Utc>,
    /// Who has it.
    pub by: String,
    /// What they want others to know; may be empty.
    pub note: String,
    /// When they said so.
    pub at: DateTime<Utc>,
    /// Until when; `None`: until it is resolved.
    pub until: Option<DateTime<Utc>>,
}

/// Nobody is to be told of some alerts until `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its number, rising.
    pub id: i64,
    /// Which alerts.
    pub of: Matcher,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// Which alerts are meant: those for which all of this is true. Empty sets ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Matcher {
    /// One of these sites.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sites: BTreeSet<SiteName>,
    /// All of these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// One of these kinds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<AlertKind>,
    /// At least so urgent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// All that people have said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attention {
    /// By alert id; at most one an alert, the last one.
    pub acknowledgements: BTreeMap<String, Acknowledgement>,
    /// In order of their numbers.
    pub silences: Vec<Silence>,
}

impl Matcher {
    /// Whether an alert of a site with these labels is meant.
    pub fn matches(&self, site: &SiteName, labels: &BTreeMap<String, String>, alert: &Alert) -> bool {
        self.concerns(site, labels)
            && (self.kinds.is_empty() || self.kinds.contains(&alert.kind))
            && self.severity.is_none_or(|least| alert.severity >= least)
    }

    /// Whether some alert of a site with these labels could be meant.
    pub fn concerns(&self, site: &SiteName, labels: &BTreeMap<String, String>) -> bool {
        (self.sites.is_empty() || self.sites.contains(site))
            && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether it asks for nothing, so that every alert is meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl Acknowledgement {
    /// Whether it is of this life of this alert, and holds.
    pub fn holds(&self, alert: &Alert, now: DateTime<Utc>) -> bool {
        self.alert == alert.id
            && self.since == alert.since
            && self.at <= now + CLOCK_SLACK
            && self.until.is_none_or(|until| now < until)
    }
}

impl Silence {
    /// Whether it holds.
    pub fn holds(&self, now: DateTime<Utc>) -> bool {
        self.from <= now + CLOCK_SLACK && now < self.until
    }
}

impl Attention {
    /// Where an alert stands by what people have said. One that has ended has ended. A silence goes before an
    /// acknowledgement.
    pub fn state_of(
        &self,
        site: &SiteName,
        labels: &BTreeMap<String, String>,
        alert: &Alert,
        now: DateTime<Utc>,
    ) -> AlertState {
        if alert.state == AlertState::Resolved {
            AlertState::Resolved
        } else if self.silence_of(site, labels, alert, now).is_some() {
            AlertState::Silenced
        } else if self.acknowledgement_of(alert, now).is_some() {
            AlertState::Acknowledged
        } else {
            AlertState::Firing
        }
    }

    /// The silence that holds for an alert: of several the one that ends last.
    pub fn silence_of(
        &self,
        site: &SiteName,
        labels: &BTreeMap<String, String>,
        alert: &Alert,
        now: DateTime<Utc>,
    ) -> Option<&Silence> {
        let holding = self.silences.iter().filter(|silence| silence.holds(now));
        holding
            .filter(|silence| silence.of.matches(site, labels, alert))
            .max_by_key(|silence| (silence.until, silence.id))
    }

    /// The acknowledgement that holds for an alert.
    pub fn acknowledgement_of(&self, alert: &Alert, now: DateTime<Utc>) -> Option<&Acknowledgement> {
        self.acknowledgements.get(&alert.id).filter(|given| given.holds(alert, now))
    }

    /// When the last silence or acknowledgement of an alert that has run out did so.
    pub fn last_over(
        &self,
        site: &SiteName,
        labels: &BTreeMap<String, String>,
        alert: &Alert,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let taken = self.acknowledgements.get(&alert.id).filter(|given| given.since == alert.since);
        let silences = self.silences.iter().filter(|silence| silence.until <= now);
        silences
            .filter(|silence| silence.of.matches(site, labels, alert))
            .map(|silence| silence.until)
            .chain(taken.and_then(|given| given.until).filter(|until| *until <= now))
            .max()
    }

    /// When what holds now stops to hold next; `None`: never, or not before somebody says so.
    pub fn next_end(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let acknowledged = self.acknowledgements.values().filter_map(|given| given.until);
        let silenced = self.silences.iter().map(|silence| silence.until);
        acknowledged.chain(silenced).filter(|end| *end > now).min()
    }
}
