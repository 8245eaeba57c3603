//! How values stand in the database: times as text that sorts, the domain's types as their own JSON.

use std::error::Error as StdError;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Fault;

/// UTC with nine decimals: nothing is lost, and text order is time order.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// The time behind [`time`]; `what` names table and column.
pub(super) fn from_time(what: &'static str, text: &str) -> Result<DateTime<Utc>, Fault> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|error| unreadable(what, error))
}

/// The same for a column that may be empty.
pub(super) fn from_optional_time(
    what: &'static str,
    text: Option<&str>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    text.map(|text| from_time(what, text)).transpose()
}

/// A value as JSON.
pub(super) fn json<T: Serialize + ?Sized>(what: &'static str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| unreadable(what, error))
}

/// The same, empty for `None`.
pub(super) fn optional_json<T: Serialize>(
    what: &'static str,
    value: Option<&T>,
) -> Result<Option<String>, Fault> {
    value.map(|value| json(what, value)).transpose()
}

/// The value behind [`json`].
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| unreadable(what, error))
}

/// The value behind [`optional_json`].
pub(super) fn from_optional_json<T: DeserializeOwned>(
    what: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, Fault> {
    text.map(|text| from_json(what, text)).transpose()
}

/// A value as its text.
pub(super) fn parsed<T>(what: &'static str, text: &str) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: StdError + Send + Sync + 'static,
{
    text.parse().map_err(|error| unreadable(what, error))
}

/// A value in `what` that does not decode.
pub(super) fn unreadable(what: &'static str, error: impl StdError + Send + Sync + 'static) -> Fault {
    Fault::Unreadable(what, Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn times_come_back_whole_and_sort_as_text() {
        let early = Utc.timestamp_nanos(1_790_000_000_000_000_001);
        let late = Utc.timestamp_nanos(1_790_000_000_000_000_010);
        let later = Utc.timestamp_nanos(1_790_000_001_000_000_000);
        for at in [early, late, later] {
            assert_eq!(from_time("test.at", &time(at)).unwrap(), at);
        }
        assert!(time(early) < time(late) && time(late) < time(later));
    }

    #[test]
    fn what_does_not_decode_names_table_and_column() {
        let faults = [
            from_time("site.observed_at", "yesterday").map(|_| ()),
            from_json::<Vec<u8>>("site.trouble", "{").map(|_| ()),
            parsed::<u8>("fetch.status", "x").map(|_| ()),
        ];
        for (fault, name) in faults.into_iter().zip(["site.observed_at", "site.trouble", "fetch.status"]) {
            let error = fault.unwrap_err().at("load", std::path::Path::new("/s/n720d.db"));
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
