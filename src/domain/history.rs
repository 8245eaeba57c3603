//! The history of a site: who, what, when, with which outcome. Plain data for the store and for `n720d history`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::wording::whole_seconds;

/// How the history names a person: nobody can be taken for n720d or the device.
pub fn user(name: &str) -> String {
    format!("user {name}")
}

/// One line of history. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When; in JSON to the second.
    #[serde(serialize_with = "whole_seconds")]
    pub at: DateTime<Utc>,
    /// Who: `n720d`, `device`, or `user NAME`.
    pub who: String,
    /// What happened, in a few words that stay the same for the same kind of event: `release`, `trigger`, `fetch`,
    /// `verify`, `approval`, `registration`, `window`, `drift`, `alert`, `notification`,
    /// `acknowledgement`, `silence`, `mode`, `reload`.
    pub what: String,
    /// With which outcome, for a person.
    pub outcome: String,
}
