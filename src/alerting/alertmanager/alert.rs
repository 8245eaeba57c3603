//! One alert as Alertmanager takes it. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use crate::alerting::message::{Entry, Message, Subject};
use crate::alerting::text;
use crate::domain::alert::HandsetNote;
use crate::domain::attention::Acknowledgement;

/// So far ahead is the end of what holds. Alertmanager takes an alert that it does not hear of for resolved at its end, and
/// nothing may be resolved because data went missing, for instance while n720d is updated or the network is down. So this is
/// longer than any such time, and yet not for ever, should nobody be left to tell the end.
const HOLDS_FOR: TimeDelta = TimeDelta::days(7);

/// The label by which our alerts are known, whatever else they are called.
pub(super) const ID: &str = "n720d_id";

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posted {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<&'static str, String>,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
}

impl Posted {
    /// What is said of an entry. Its own time is `now`, for a message may have been made a while ago.
    pub(super) fn of(
        message: &Message,
        entry: &Entry,
        more: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Self {
        let ends_at = if entry.has_ended() {
            entry.alert.resolved_at.map_or(now, |at| at.min(now))
        } else {
            now + HOLDS_FOR
        };
        // An alert that begins behind its end is refused, and with a clock that was set back it would.
        let starts_at = entry.alert.since.min(ends_at).min(now);
        Self {
            labels: labels(entry, more),
            annotations: annotations(message, entry),
            starts_at: time(starts_at),
            ends_at: time(ends_at),
        }
    }

    /// The alert's id.
    pub(super) fn id(&self) -> &str {
        self.labels.get(ID).map(String::as_str).unwrap_or_default()
    }
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What the alert is known by: nothing that changes while it holds, but its severity. What is said first counts: ours, then the
/// site's labels, then those of the sink. Of two labels with the same name in Alertmanager that one counts which has it here.
fn labels(entry: &Entry, more: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let alert = &entry.alert;
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), alert.kind.to_string()),
        ("site".to_owned(), entry.site.name.to_string()),
        ("severity".to_owned(), alert.severity.to_string()),
        (ID.to_owned(), alert.id.clone()),
    ]);
    for given in [&entry.site.labels, more] {
        let (same, other): (Vec<_>, Vec<_>) = given.iter().partition(|(key, _)| label_name(key) == **key);
        for (key, value) in same.into_iter().chain(other).filter(|(_, value)| !value.is_empty()) {
            labels.entry(label_name(key)).or_insert_with(|| value.clone());
        }
    }
    labels
}

/// As Prometheus names labels: letters, digits and underscores, no digit in front.
pub(super) fn label_name(key: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = key.chars().map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("_{name}") } else { name }
}

fn annotations(message: &Message, entry: &Entry) -> BTreeMap<&'static str, String> {
    let alone = Message {
        id: message.id.clone(),
        reason: message.reason,
        subject: Subject::Site(entry.site.clone()),
        group: message.group.clone(),
        entries: vec![entry.clone()],
        at: message.at,
    };
    let mut annotations = BTreeMap::from([
        ("summary", entry.alert.summary.clone()),
        ("description", text::plain(&alone)),
        ("command", format!("n720d alerts {}", entry.site.name)),
    ]);
    if !entry.alert.handsets.is_empty() {
        annotations
            .insert("handsets", entry.alert.handsets.iter().map(handset).collect::<Vec<_>>().join("\n"));
    }
    if let Some(given) = &entry.acknowledged {
        annotations.insert("acknowledged", acknowledged(given));
    }
    annotations
}

/// `slot 2: Reception, 1014, 02 9E 74 A5 99`.
fn handset(handset: &HandsetNote) -> String {
    let ipui = handset.ipui.map(|ipui| ipui.to_string());
    let known = [handset.display_name.clone(), handset.user.clone(), ipui];
    let known: Vec<String> = known.into_iter().flatten().collect();
    if known.is_empty() {
        format!("slot {}", handset.number)
    } else {
        format!("slot {}: {}", handset.number, known.join(", "))
    }
}

fn acknowledged(given: &Acknowledgement) -> String {
    let until = given.until.map(|until| format!(" until {}", time(until))).unwrap_or_default();
    let note = if given.note.is_empty() { String::new() } else { format!(": {}", given.note) };
    format!("by {}{until}{note}", given.by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::testing;
    use crate::domain::alert::{Alert, AlertKind, AlertState};
    use crate::domain::ids::SlotNumber;
    use crate::domain::memory::Registration;
    use crate::domain::notification::Reason;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(2)
    }

    fn drift(state: AlertState) -> Alert {
        testing::alert("acme", AlertKind::Drift, state)
    }

    fn posted(alert: Alert, more: &BTreeMap<String, String>) -> Posted {
        let message = testing::message(Reason::First, [alert]);
        Posted::of(&message, &message.entries[0], more, now())
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_holds_ends_far_ahead_and_what_has_ended_when_it_did() {
        let none = BTreeMap::new();
        let times = |alert: Alert| {
            let posted = posted(alert, &none);
            (posted.starts_at, posted.ends_at)
        };
        let expected =
            |start: &str, end: &str| (format!("1970-01-{start}.000Z"), format!("1970-01-{end}.000Z"));
        for state in [AlertState::Firing, AlertState::Acknowledged, AlertState::Silenced] {
            assert_eq!(times(drift(state)), expected("01T00:00:00", "08T02:00:00"), "{state:?}");
        }
        let ended = drift(AlertState::Resolved);
        assert_eq!(times(ended.clone()), expected("01T00:00:00", "01T00:01:00"));
        assert_eq!(
            times(Alert { resolved_at: None, ..ended.clone() }),
            expected("01T00:00:00", "01T02:00:00")
        );
        let later = now() + TimeDelta::hours(1);
        assert_eq!(
            times(Alert { resolved_at: Some(later), ..ended.clone() }),
            expected("01T00:00:00", "01T02:00:00"),
            "a clock was set back"
        );
        assert_eq!(times(Alert { since: later, ..ended }), expected("01T00:01:00", "01T00:01:00"));
        let firing = Alert { since: later, ..drift(AlertState::Firing) };
        assert_eq!(times(firing), expected("01T02:00:00", "08T02:00:00"));
    }

    #[test]
    fn labels_are_ours_then_the_sites_then_the_sinks() {
        let more = map(&[
            ("team", "noc"),
            ("customer", "other"),
            ("site", "other"),
            ("severity", "page"),
            ("no", ""),
        ]);
        let expected = map(&[
            ("alertname", "drift"),
            ("site", "acme"),
            ("severity", "warning"),
            ("n720d_id", "acme/drift"),
            ("customer", "acme"),
            ("team", "noc"),
        ]);
        assert_eq!(posted(drift(AlertState::Firing), &more).labels, expected);
    }

    #[test]
    fn of_labels_that_become_the_same_the_one_that_needs_no_change_counts() {
        let more = map(&[
            ("cost-centre", "1"),
            ("cost centre", "2"),
            ("cost_centre", "3"),
            ("a.b", "4"),
            ("a-b", "5"),
        ]);
        let labels = posted(drift(AlertState::Firing), &more).labels;
        assert_eq!((labels["cost_centre"].as_str(), labels["a_b"].as_str()), ("3", "5"));
    }

    #[test]
    fn names_of_labels_are_those_that_alertmanager_takes() {
        for (key, name) in [("region", "region"), ("Ü-1", "__1"), ("1st", "_1st"), ("", "_"), ("a:b", "a_b")]
        {
            assert_eq!(label_name(key), name);
        }
    }

    #[test]
    fn what_changes_while_an_alert_holds_is_an_annotation() {
        let before = posted(drift(AlertState::Firing), &BTreeMap::new());
        let handset = |number, display_name: Option<&str>| HandsetNote {
            number: SlotNumber::new(number).unwrap(),
            ipui: display_name.and("029E74A599".parse().ok()),
            user: display_name.map(|_| "1014".to_owned()),
            display_name: display_name.map(str::to_owned),
            registration: Registration::Pending,
            evidence: String::new(),
            evidence_at: None,
            instruction: "switch it on".to_owned(),
            pin: None,
            until: None,
        };
        let handsets = vec![handset(2, Some("Reception")), handset(7, None)];
        let changed = Alert {
            phase: "closed 1".into(),
            summary: "more of it".into(),
            handsets,
            ..drift(AlertState::Acknowledged)
        };
        let mut message = testing::message(Reason::Changed, [changed]);
        message.entries[0].acknowledged = Some(Acknowledgement {
            alert: "acme/drift".into(),
            since: now(),
            by: "Ann".into(),
            note: "on my way".into(),
            at: now(),
            until: Some(now()),
        });
        let after = Posted::of(&message, &message.entries[0], &BTreeMap::new(), now());
        assert_eq!(after.labels, before.labels);
        assert_eq!(after.annotations["summary"], "more of it");
        assert_eq!(after.annotations["description"], text::plain(&message));
        assert_eq!(after.annotations["handsets"], "slot 2: Reception, 1014, 02 9E 74 A5 99\nslot 7");
        assert_eq!(after.annotations["command"], "n720d alerts acme");
        assert_eq!(after.annotations["acknowledged"], "by Ann until 1970-01-01T02:00:00.000Z: on my way");
    }
}
