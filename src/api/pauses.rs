//! What goes over the wire about pauses: who may write to managers again, and until when. Plain data.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use crate::domain::ids::SiteName;
use crate::domain::status::PauseStatus;

/// Asks to pause a site, or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Which one; `None`: all.
    pub site: Option<SiteName>,
    /// For how long, at most 30 days; `None`: until somebody resumes.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Who pauses.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What a request to pause came to. Times are in the site's time zone, those of all sites in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseAnswer {
    /// The pause that holds.
    pub pause: PauseStatus,
    /// When it counts as forgotten and is alerted, if it lasts for so long.
    pub forgotten_at: Option<DateTime<FixedOffset>>,
    /// The pause of all sites, where that lasts longer than this one of a site.
    pub longer: Option<PauseStatus>,
    /// How many sites it is of.
    pub sites: usize,
}

/// Asks to resume a site, or all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// Which one; `None`: all, but for those that are paused for themselves.
    pub site: Option<SiteName>,
    /// Who resumes.
    pub by: String,
}

/// What a request to resume came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeAnswer {
    /// The pause that was ended; `None`: there was none.
    pub ended: Option<PauseStatus>,
    /// What is still paused: the site, by the pause of all sites, or sites that are paused for themselves.
    pub still: Vec<StillPaused>,
}

/// A site that is paused after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillPaused {
    /// Which.
    pub site: SiteName,
    /// By which pause; times in the site's time zone.
    pub pause: PauseStatus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_whom_it_is_of_and_who_asks() {
        let pause = |text: &str| serde_json::from_str::<PauseRequest>(text);
        let all = pause(r#"{"site":null,"by":"anna"}"#).unwrap();
        assert_eq!((all.site, all.seconds, all.reason.as_str()), (None, None, ""));
        assert!(pause(r#"{"site":"acme"}"#).is_err(), "nobody asks");
        assert!(
            pause(r#"{"site":"acme","by":"anna","for":"1h"}"#).is_err(),
            "an unknown key is not guessed at"
        );
        assert!(serde_json::from_str::<ResumeRequest>(r#"{"site":"../a","by":"anna"}"#).is_err());
    }
}
