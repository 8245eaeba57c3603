//! What goes over the wire about alerts and what people say of them: who has taken which, what nobody is told of, and who
//! was told what. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::domain::alert::{Alert, AlertKind, Severity};
use crate::domain::attention::Matcher;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// Alerts, worst first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<AlertLine>,
}

/// An alert with all that bears on who is told of it. Times are in the site's time zone but for those of the alert itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertLine {
    /// As the status of its site has it, in the state that people have given it.
    #[serde(flatten)]
    pub alert: Alert,
    /// Its site; `fleet` for what concerns all of them.
    pub site: SiteName,
    /// Who has taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Taken>,
    /// Why nobody is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Hushed>,
    /// The id of the alert that it follows from, which is told in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inhibited_by: Option<String>,
    /// The sinks that know of it.
    pub told: Vec<ToldLine>,
}

/// An acknowledgement that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Who.
    pub by: String,
    /// What they want others to know; may be empty.
    pub note: String,
    /// When they said so.
    pub at: DateTime<FixedOffset>,
    /// Until when; left out: until the alert ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<FixedOffset>>,
}

/// The silence that an alert is under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hushed {
    /// Of the silence.
    pub number: i64,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: DateTime<FixedOffset>,
}

/// A sink that knows of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldLine {
    /// Its name.
    pub sink: String,
    /// When it was first told of it.
    pub first_at: DateTime<FixedOffset>,
    /// When it was last told of it.
    pub at: DateTime<FixedOffset>,
}

/// What was sent, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SentPage {
    /// The messages.
    pub sent: Vec<SentMessage>,
}

/// A message that a sink took or refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMessage {
    /// The id that the receiver saw.
    pub id: String,
    /// The sink.
    pub sink: String,
    /// When, in UTC.
    pub at: DateTime<FixedOffset>,
    /// Why it was sent.
    pub reason: Reason,
    /// What it was about: a site, labels, all sites.
    pub about: String,
    /// How many alerts were in it.
    pub alerts: u32,
    /// Why the sink will never take it; `null`: it took it.
    pub refused: Option<String>,
}

/// Silences that hold, in order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SilenceList {
    /// The silences.
    pub silences: Vec<SilenceLine>,
}

/// A silence. Times are in the time zone that all its sites have in common, else in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceLine {
    /// Its number.
    pub number: i64,
    /// Over alerts of one of these sites; empty: of any.
    #[serde(default)]
    pub sites: BTreeSet<SiteName>,
    /// Over alerts of sites that have all of these labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Over alerts of one of these kinds; empty: of any.
    #[serde(default)]
    pub kinds: BTreeSet<AlertKind>,
    /// Over alerts that are at least so urgent; left out: over any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: DateTime<FixedOffset>,
    /// Until when.
    pub until: DateTime<FixedOffset>,
}

/// Takes an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Its id.
    pub alert: String,
    /// Who takes it.
    pub by: String,
    /// What others should know.
    #[serde(default)]
    pub note: String,
    /// For how long, at most 30 days; `None`: until it ends.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// Gives an alert back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawRequest {
    /// Its id.
    pub alert: String,
    /// Who gives it back.
    pub by: String,
}

/// What became of the acknowledgement of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgeAnswer {
    /// The alert after it.
    pub alert: AlertLine,
    /// Who had it before; `None`: nobody.
    pub before: Option<Taken>,
}

/// Asks for a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceRequest {
    /// Over which alerts.
    pub of: Matcher,
    /// Over every alert there is: without this, a silence that names nothing is refused.
    #[serde(default)]
    pub everything: bool,
    /// For how long, at most 30 days.
    pub seconds: u64,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a silence came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceAnswer {
    /// The silence.
    pub silence: SilenceLine,
    /// How many sites there are whose alerts it is over, the fleet as a whole not counted.
    pub sites: usize,
    /// The alerts that it is over at this moment, worst first.
    pub covers: Vec<AlertLine>,
}

/// Ends a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndSilenceRequest {
    /// Its number.
    pub number: i64,
    /// Who ends it.
    pub by: String,
}

/// Tries a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// Its name.
    pub sink: String,
    /// Who tries it.
    pub by: String,
}

/// A sink took the message that it was tried with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAnswer {
    /// Its name.
    pub sink: String,
    /// The id of the message.
    pub id: String,
    /// How long it took.
    pub milliseconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_what_is_meant_and_who_asks() {
        let acknowledge = |text: &str| serde_json::from_str::<AcknowledgeRequest>(text);
        let least = acknowledge(r#"{"alert":"acme/drift","by":"anna"}"#).unwrap();
        assert_eq!((least.note.as_str(), least.seconds), ("", None));
        assert!(acknowledge(r#"{"alert":"acme/drift"}"#).is_err(), "nobody takes it");
        assert!(acknowledge(r#"{"alert":"acme/drift","by":"anna","for":"2h"}"#).is_err());
        let silence = |text: &str| serde_json::from_str::<SilenceRequest>(text);
        let of_all = silence(r#"{"of":{},"seconds":60,"by":"anna","reason":"move"}"#).unwrap();
        assert!(of_all.of.is_everything() && !of_all.everything);
        assert!(silence(r#"{"of":{},"by":"anna","reason":"move"}"#).is_err(), "it has an end");
        assert!(silence(r#"{"of":{"kinds":["x"]},"seconds":60,"by":"anna","reason":"m"}"#).is_err());
    }

    #[test]
    fn a_line_is_the_alert_of_the_status_with_more_keys() {
        let text = r#"{"id":"acme/drift","kind":"drift","severity":"warning","summary":"differs",
            "since":"2026-11-23T02:00:00Z","state":"acknowledged","handsets":[],"site":"acme",
            "acknowledged":{"by":"anna","note":"","at":"2026-11-23T03:05:00+01:00"},
            "told":[{"sink":"mail","first_at":"2026-11-23T03:00:00+01:00","at":"2026-11-23T03:00:00+01:00"}]}"#;
        let line: AlertLine = serde_json::from_str(text).unwrap();
        assert_eq!((line.site.as_str(), line.alert.id.as_str()), ("acme", "acme/drift"));
        assert_eq!(line.acknowledged.as_ref().unwrap().until, None);
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&line).unwrap(), expected, "what is not so is left out");
    }
}
