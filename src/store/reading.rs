//! Times that are those of the last reading, in what is kept of a site: evidence that was seen anew moves with every
//! reading. Stored as a reference to it, a reading that found nothing new leaves the row as it is.

use chrono::{DateTime, FixedOffset, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::codec;
use super::error::Fault;

/// The keys of such times.
const KEYS: [&str; 5] = ["evidence_at", "at", "seen_at", "registered_at", "pending_at"];

/// What stands in place of the time, followed by the offset in which it is shown.
const REFERENCE: &str = "observed_at";

/// A value as JSON, in which evidence of the moment `observed` refers to that.
pub(super) fn detached<T: Serialize>(
    what: &'static str,
    value: &T,
    observed: Option<DateTime<Utc>>,
) -> Result<String, Fault> {
    let mut value = serde_json::to_value(value).map_err(|error| codec::unreadable(what, error))?;
    if let Some(observed) = observed {
        each_time(&mut value, &|text| {
            let at = DateTime::parse_from_rfc3339(text).ok().filter(|at| *at == observed)?;
            Some(format!("{REFERENCE}{}", at.offset()))
        });
    }
    codec::json(what, &value)
}

/// The value behind [`detached`]; `observed` is the moment of the reading that counts by now.
pub(super) fn attached<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
    observed: Option<DateTime<Utc>>,
) -> Result<T, Fault> {
    let mut value: Value = codec::from_json(what, text)?;
    if let Some(observed) = observed {
        each_time(&mut value, &|text| {
            let offset: FixedOffset = text.strip_prefix(REFERENCE)?.parse().ok()?;
            Some(observed.with_timezone(&offset).to_rfc3339())
        });
    }
    serde_json::from_value(value).map_err(|error| codec::unreadable(what, error))
}

/// Puts what `change` makes of them in place of the times of evidence, wherever they are.
fn each_time(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let time = value.as_str().filter(|_| KEYS.contains(&key.as_str())).and_then(change);
                match time {
                    Some(changed) => *value = Value::String(changed),
                    None => each_time(value, change),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| each_time(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{alert, at, status};
    use super::*;
    use crate::domain::alert::Alert;
    use crate::domain::status::SiteStatus;

    #[test]
    fn only_the_time_of_the_reading_is_put_by_reference_and_comes_back_with_its_offset() {
        let zone = FixedOffset::east_opt(9000).unwrap();
        let seen = |second: i64| {
            let mut status = status("acme", 9);
            status.slots[0].evidence_at = Some(at(second).with_timezone(&zone));
            status.slots[0].conflicts[0].at = at(second).with_timezone(&zone);
            status.alerts[0].handsets[0].evidence_at = Some(at(second).with_timezone(&zone));
            status
        };
        let at_the_reading = detached("test", &seen(9), Some(at(9))).unwrap();
        assert_eq!(at_the_reading.matches("\"observed_at+02:30\"").count(), 3, "{at_the_reading}");
        assert_eq!(
            at_the_reading,
            detached("test", &SiteStatus { observed_at: seen(9).observed_at, ..seen(10) }, Some(at(10)))
                .unwrap()
        );
        assert_eq!(attached::<SiteStatus>("test", &at_the_reading, Some(at(9))).unwrap(), seen(9));
        let earlier = detached("test", &seen(6), Some(at(9))).unwrap();
        assert!(!earlier.contains("observed_at+"), "{earlier}");
        assert_eq!(attached::<SiteStatus>("test", &earlier, Some(at(77))).unwrap(), seen(6));
    }

    #[test]
    fn without_a_reading_nothing_refers_to_one() {
        let text = detached("test", &alert("a", 3), None).unwrap();
        assert_eq!(attached::<Alert>("test", &text, None).unwrap(), alert("a", 3));
        let referring = detached("test", &alert("a", 3), Some(at(3))).unwrap();
        assert!(
            attached::<Alert>("test", &referring, None).is_err(),
            "a time that is not there is not made up"
        );
    }
}
