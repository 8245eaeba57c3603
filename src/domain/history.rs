//! The history of a site: who, what, when, with which outcome. Plain data for the store and for `n720d history`.

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize, Serializer};

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

fn whole_seconds<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    at.trunc_subsecs(0).serialize(serializer)
}
