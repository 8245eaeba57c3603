//! What people have said of alerts: acknowledgements and silences, and which of them holds when. Plain data and pure
//! functions; who is told in spite of it is `alerting`'s part.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertKind, AlertState, Severity};
use super::ids::SiteName;

mod given;

pub use given::{LONGEST_SAYING, NotSaid};

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
    /// Whether a person ended it before its time, at `until`: it is over then whatever the clock does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
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
        !self.ended && self.from <= now + CLOCK_SLACK && now < self.until
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
        let silences = self.silences.iter().filter(|silence| silence.ended || silence.until <= now);
        silences
            .filter(|silence| silence.of.matches(site, labels, alert))
            .map(|silence| silence.until)
            .chain(taken.and_then(|given| given.until).filter(|until| *until <= now))
            .max()
    }

    /// When what holds now stops to hold next; `None`: never, or not before somebody says so.
    pub fn next_end(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let acknowledged = self.acknowledgements.values().filter_map(|given| given.until);
        let silenced = self.silences.iter().filter(|silence| !silence.ended).map(|silence| silence.until);
        acknowledged.chain(silenced).filter(|end| *end > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn site() -> SiteName {
        "acme".parse().unwrap()
    }

    fn labels() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("customer".to_owned(), "acme".to_owned()),
            ("region".to_owned(), "north".to_owned()),
        ])
    }

    fn alert() -> Alert {
        Alert {
            id: "acme/drift".into(),
            kind: AlertKind::Drift,
            severity: Severity::Warning,
            summary: "differs".into(),
            phase: String::new(),
            since: at(0),
            state: AlertState::Firing,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        }
    }

    fn given(from: i64, until: Option<i64>) -> Acknowledgement {
        Acknowledgement {
            alert: "acme/drift".into(),
            since: at(0),
            by: "anna".into(),
            note: String::new(),
            at: at(from),
            until: until.map(at),
        }
    }

    fn silence(id: i64, from: i64, until: i64) -> Silence {
        let (by, reason) = ("anna".to_owned(), "works".to_owned());
        Silence { id, of: Matcher::default(), by, reason, from: at(from), until: at(until), ended: false }
    }

    fn said(acknowledgement: Option<Acknowledgement>, silences: Vec<Silence>) -> Attention {
        let acknowledgements =
            acknowledgement.into_iter().map(|given| (given.alert.clone(), given)).collect();
        Attention { acknowledgements, silences }
    }

    fn matcher(change: impl FnOnce(&mut Matcher)) -> Matcher {
        let mut matcher = Matcher::default();
        change(&mut matcher);
        matcher
    }

    fn label(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_matcher_means_what_all_of_it_is_true_of() {
        let rows = [
            ("nothing asked", Matcher::default(), true),
            ("the site", matcher(|of| of.sites = ["beta".parse().unwrap(), site()].into()), true),
            ("another site", matcher(|of| of.sites = ["beta".parse().unwrap()].into()), false),
            ("a label", matcher(|of| of.labels = [label("region", "north")].into()), true),
            ("another value", matcher(|of| of.labels = [label("region", "south")].into()), false),
            ("a label it has not", matcher(|of| of.labels = [label("floor", "")].into()), false),
            (
                "one of two labels",
                matcher(|of| of.labels = [label("region", "north"), label("customer", "beta")].into()),
                false,
            ),
            ("the kind", matcher(|of| of.kinds = [AlertKind::Drift, AlertKind::ClockSkew].into()), true),
            ("another kind", matcher(|of| of.kinds = [AlertKind::ClockSkew].into()), false),
            ("as urgent", matcher(|of| of.severity = Some(Severity::Warning)), true),
            ("more urgent", matcher(|of| of.severity = Some(Severity::Critical)), false),
        ];
        for (case, of, expected) in rows {
            assert_eq!(of.matches(&site(), &labels(), &alert()), expected, "{case}");
            assert_eq!(of.is_everything(), case == "nothing asked", "{case}");
        }
        let of = matcher(|of| of.kinds = [AlertKind::ClockSkew].into());
        assert!(of.concerns(&site(), &labels()), "another alert of the site could be meant");
    }

    #[test]
    fn where_an_alert_stands() {
        use AlertState::*;
        let ended = Alert { state: Resolved, ..alert() };
        let back = Alert { since: at(5), ..alert() };
        let other = Acknowledgement { alert: "acme/clock-skew".into(), ..given(1, None) };
        let rows = [
            ("nothing said", alert(), said(None, vec![]), 10, Firing),
            ("taken", alert(), said(Some(given(1, None)), vec![]), 10, Acknowledged),
            ("taken for a time", alert(), said(Some(given(1, Some(11))), vec![]), 10, Acknowledged),
            ("until now", alert(), said(Some(given(1, Some(10))), vec![]), 10, Firing),
            ("of another life", back, said(Some(given(1, None)), vec![]), 10, Firing),
            ("of another alert", alert(), said(Some(other), vec![]), 10, Firing),
            ("silenced", alert(), said(None, vec![silence(1, 0, 11)]), 10, Silenced),
            ("silenced until now", alert(), said(None, vec![silence(1, 0, 10)]), 10, Firing),
            ("both", alert(), said(Some(given(1, None)), vec![silence(1, 0, 11)]), 10, Silenced),
            (
                "ended by a person, and the clock was set back",
                alert(),
                said(None, vec![Silence { ended: true, ..silence(1, 0, 11) }]),
                10,
                Firing,
            ),
            ("ended", ended, said(Some(given(1, None)), vec![silence(1, 0, 11)]), 10, Resolved),
            (
                "the clock was set back a little",
                alert(),
                said(Some(given(1, None)), vec![]),
                -3,
                Acknowledged,
            ),
            ("back far", alert(), said(Some(given(1, None)), vec![silence(1, 0, 99)]), -90, Firing),
        ];
        for (case, alert, said, now, expected) in rows {
            assert_eq!(said.state_of(&site(), &labels(), &alert, at(now)), expected, "{case}");
        }
    }

    #[test]
    fn of_several_silences_the_one_that_ends_last_is_shown() {
        let said = said(None, vec![silence(1, 0, 20), silence(2, 0, 30), silence(3, 0, 10)]);
        let shown = |now| said.silence_of(&site(), &labels(), &alert(), at(now)).map(|silence| silence.id);
        assert_eq!([5, 25, 30].map(shown), [Some(2), Some(2), None]);
    }

    #[test]
    fn the_next_end_is_that_of_whatever_ends_first() {
        let said = said(Some(given(1, Some(15))), vec![silence(1, 0, 20), silence(2, 0, 10)]);
        assert_eq!(
            [0, 10, 15, 20].map(|now| said.next_end(at(now))),
            [Some(at(10)), Some(at(15)), Some(at(20)), None]
        );
        assert_eq!(Attention::default().next_end(at(0)), None);
    }

    #[test]
    fn when_the_last_of_what_was_said_ran_out() {
        let elsewhere =
            Silence { of: matcher(|of| of.sites = ["beta".parse().unwrap()].into()), ..silence(3, 0, 17) };
        let said = said(Some(given(1, Some(15))), vec![silence(1, 0, 20), silence(2, 0, 10), elsewhere]);
        let over = |now| said.last_over(&site(), &labels(), &alert(), at(now));
        assert_eq!(
            [9, 10, 16, 18, 20].map(over),
            [None, Some(at(10)), Some(at(15)), Some(at(15)), Some(at(20))]
        );
        let back = Alert { since: at(5), ..alert() };
        assert_eq!(said.last_over(&site(), &labels(), &back, at(18)), Some(at(10)), "taken in another life");
    }
}
