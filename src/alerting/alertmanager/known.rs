//! What an Alertmanager knows of our alerts, and what of it is not so any more. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::alert::{ID, Posted, label_name, time};

/// Bytes of a filter, so that the URL stays within what servers take.
const LONGEST_FILTER: usize = 4_000;

/// An alert that Alertmanager takes to hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Known {
    labels: BTreeMap<String, String>,
    starts_at: DateTime<Utc>,
}

/// What to ask for the alerts with these ids; with very many for all of ours.
pub(super) fn filter<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<String> = ids.map(pattern).collect();
    let filter = format!("{ID}=~\"{}\"", ids.join("|"));
    if filter.len() <= LONGEST_FILTER { filter } else { format!("{ID}=~\".+\"") }
}

/// A regular expression for this text alone, written as a part of a quoted string.
fn pattern(id: &str) -> String {
    let character = |c: char| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\\\\\".to_owned(),
        c if c.is_ascii_punctuation() && !"-_/:,".contains(c) => format!("\\\\{c}"),
        c => c.to_string(),
    };
    id.chars().map(character).collect()
}

/// Reads the answer; `None`: it is none.
pub(super) fn parse(answer: &[u8]) -> Option<Vec<Known>> {
    serde_json::from_slice(answer).ok()
}

/// The ends of what is known of the alerts in `told` under other labels than they are told with. Other alerts, and those of
/// another fleet, whose sink has other labels, are none of our business.
pub(super) fn replaced(
    known: &[Known],
    told: &[Posted],
    more: &BTreeMap<String, String>,
    now: DateTime<Utc>,
) -> Vec<Posted> {
    let told: BTreeMap<&str, &Posted> = told.iter().map(|posted| (posted.id(), posted)).collect();
    let ours: BTreeSet<String> = more.keys().map(|key| label_name(key)).collect();
    let end = |known: &Known| {
        let posted = *told.get(known.labels.get(ID)?.as_str())?;
        let same_sink = ours.iter().all(|key| known.labels.get(key) == posted.labels.get(key));
        (same_sink && known.labels != posted.labels).then(|| Posted {
            labels: known.labels.clone(),
            annotations: posted.annotations.clone(),
            starts_at: time(known.starts_at.min(now)),
            ends_at: time(now),
        })
    };
    known.iter().filter_map(end).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::alerting::testing::{alert, message};
    use crate::domain::alert::{AlertKind, AlertState};
    use crate::domain::notification::Reason;

    fn more() -> BTreeMap<String, String> {
        BTreeMap::from([("fleet-name".to_owned(), "north".to_owned())])
    }

    fn told() -> Vec<Posted> {
        let message = message(Reason::First, [alert("acme", AlertKind::Drift, AlertState::Firing)]);
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(2);
        message.entries.iter().map(|entry| Posted::of(&message, entry, &more(), now)).collect()
    }

    fn known(change: impl Fn(&mut BTreeMap<String, String>)) -> Known {
        let mut labels = told()[0].labels.clone();
        change(&mut labels);
        Known { labels, starts_at: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn the_same_alert_under_another_severity_or_site_label_ends() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(3);
        for (key, value) in [("severity", "critical"), ("customer", "old"), ("gone", "x")] {
            let known = known(|labels| drop(labels.insert(key.into(), value.into())));
            let [end] = replaced(std::slice::from_ref(&known), &told(), &more(), now).try_into().unwrap();
            assert_eq!(end.labels, known.labels);
            assert_eq!((end.starts_at.as_str(), end.ends_at), ("1970-01-01T00:00:00.000Z", time(now)));
        }
    }

    #[test]
    fn what_is_still_so_or_not_ours_stays() {
        let known = [
            known(|_| ()),
            known(|labels| drop(labels.insert(ID.into(), "acme/unreachable".into()))),
            known(|labels| drop(labels.remove(ID))),
            known(|labels| drop(labels.insert("fleet_name".into(), "south".into()))),
        ];
        assert_eq!(replaced(&known, &told(), &more(), DateTime::UNIX_EPOCH), []);
    }

    #[test]
    fn ids_are_asked_for_as_they_are() {
        let ids = ["acme/drift", "a.b c/x/(1)|\"\\"];
        assert_eq!(filter(ids.into_iter()), r#"n720d_id=~"acme/drift|a\\.b c/x/\\(1\\)\\|\"\\\\""#);
        let many: Vec<String> = (0..1000).map(|number| format!("s{number}/drift")).collect();
        assert_eq!(filter(many.iter().map(String::as_str)), r#"n720d_id=~".+""#);
    }

    #[test]
    fn an_answer_that_is_none_tells_nothing() {
        let answer =
            br#"[{"labels": {"n720d_id": "a/drift"}, "startsAt": "2026-11-22T10:00:37.000Z", "status": {}}]"#;
        assert_eq!(parse(answer).unwrap()[0].labels[ID], "a/drift");
        assert!(parse(b"<html>").is_none() && parse(br#"{"error": "x"}"#).is_none());
    }
}
