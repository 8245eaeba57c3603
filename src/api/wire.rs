//! What goes over the wire beside the statuses: plain data, written by the server and read by the client.

use serde::{Deserialize, Serialize};

use crate::domain::approval::Difference;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::secret::MASK;
use crate::domain::status::SiteStatus;

/// A line of history and the site it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// The site.
    pub site: SiteName,
    /// What happened.
    #[serde(flatten)]
    pub entry: HistoryEntry,
}

/// Lines of history, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The lines.
    pub history: Vec<HistoryLine>,
}

impl From<Vec<(SiteName, HistoryEntry)>> for HistoryPage {
    fn from(entries: Vec<(SiteName, HistoryEntry)>) -> Self {
        Self { history: entries.into_iter().map(|(site, entry)| HistoryLine { site, entry }).collect() }
    }
}

/// Asks for a reading of a manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollRequest {
    /// Whose.
    pub site: SiteName,
    /// Also when the device refused the web password: forget that and try once more.
    #[serde(default)]
    pub retry_login: bool,
}

/// Says that the cause of pushes in vain is mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPushRequest {
    /// At which site.
    pub site: SiteName,
    /// Who says so.
    pub by: String,
}

/// Asks for a cycle that carries its plan out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Of which site.
    pub site: SiteName,
}

/// Asks to approve a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// Of which site.
    pub site: SiteName,
    /// The hash of the plan, as it was shown.
    pub hash: String,
    /// Who approves it.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// How long that is to hold, in seconds; `None`: as `n720d.toml` says.
    #[serde(default)]
    pub valid_seconds: Option<u64>,
}

/// What a request to approve came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproveAnswer {
    /// For a program.
    pub outcome: ApproveOutcome,
    /// For a person.
    pub message: String,
    /// What has changed since the plan was shown; `None`: nothing, or it was never shown.
    pub difference: Option<Difference>,
    /// The site after it: how each step of its plan stands, or which plan to look at instead.
    pub status: SiteStatus,
}

/// Kinds of [`ApproveAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApproveOutcome {
    /// The plan is approved, and carried out as soon as nothing else stands in its way.
    Approved,
    /// It is the present plan, and deregisters no handset.
    NotNeeded,
    /// One approval is recorded, and somebody else has to give another.
    SecondPersonNeeded,
    /// Nothing is done by it.
    Refused,
}

impl ApproveOutcome {
    /// Whether nothing more is needed of people: the plan is carried out as far as it may be.
    pub fn goes_ahead(self) -> bool {
        match self {
            Self::Approved | Self::NotNeeded => true,
            Self::SecondPersonNeeded | Self::Refused => false,
        }
    }
}

/// Asks for a new web password, or calls a change of it off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// Of which site's manager.
    pub site: SiteName,
    /// Whether the one that is under way is to be called off.
    #[serde(default)]
    pub abort: bool,
    /// Who asks.
    pub by: String,
    /// Why, if that is said.
    #[serde(default)]
    pub reason: String,
}

/// Asks for the web password that n720d alone knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowPasswordRequest {
    /// Of which site's manager.
    pub site: SiteName,
    /// Who asks.
    pub by: String,
}

/// A web password, for the person who asked for it. `Debug` masks it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPassword {
    /// In clear.
    pub password: String,
}

impl std::fmt::Debug for ShownPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownPassword").field("password", &MASK).finish()
    }
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Whether the files as they are now are in force. `false`: the ones before still are.
    pub applied: bool,
    /// How many sites are in force.
    pub sites: usize,
    /// What was found in the files, a line each, ready to print.
    pub findings: Vec<String>,
}

/// Why a request was not answered as wished. It is the body of every answer that is not a 2xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// For a person: what is the matter, and where known what to do.
    pub error: String,
    /// For a program.
    pub kind: RefusalKind,
}

/// Kinds of [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// There is no such page or site. 404.
    NotFound,
    /// The request is not understood. 400.
    BadRequest,
    /// Another Host than this server's was asked for. 403.
    ForeignHost,
    /// It is understood and not done, on purpose. 409.
    Refused,
    /// It was tried and failed. 500.
    Failed,
    /// Not at present: starting, stopping, or the store does not answer. 503.
    Unavailable,
}

impl Refusal {
    /// A refusal of this kind with this text.
    pub fn new(kind: RefusalKind, error: impl Into<String>) -> Self {
        Self { error: error.into(), kind }
    }

    /// The site is known, and what was asked rests on its file, which has errors.
    pub fn unusable_file(site: &SiteName) -> Self {
        let error = format!("the file of site {site} has errors: see `n720d check`, correct it and reload");
        Self::new(RefusalKind::Refused, error)
    }

    /// There is no such site.
    pub fn unknown_site(site: &str) -> Self {
        Self::new(RefusalKind::NotFound, format!("there is no site {site:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_history_is_flat() {
        let entry = HistoryEntry {
            at: chrono::DateTime::UNIX_EPOCH,
            who: "n720d".into(),
            what: "release".into(),
            outcome: "VERSION 2811121640".into(),
        };
        let page = HistoryPage::from(vec![("acme".parse().unwrap(), entry)]);
        let text = serde_json::to_string(&page).unwrap();
        assert_eq!(
            text,
            r#"{"history":[{"site":"acme","at":"1970-01-01T00:00:00Z","who":"n720d","what":"release","outcome":"VERSION 2811121640"}]}"#
        );
        assert_eq!(serde_json::from_str::<HistoryPage>(&text).unwrap(), page);
    }

    #[test]
    fn a_request_with_an_unknown_key_is_not_guessed_at() {
        assert!(serde_json::from_str::<PollRequest>(r#"{"site":"a"}"#).is_ok_and(|poll| !poll.retry_login));
        assert!(serde_json::from_str::<PollRequest>(r#"{"site":"a","retry-login":true}"#).is_err());
        assert!(serde_json::from_str::<ApplyRequest>(r#"{"site":"../a"}"#).is_err());
        let approve = |more: &str| {
            serde_json::from_str::<ApproveRequest>(&format!(r#"{{"site":"a","hash":"9f3c"{more}}}"#))
        };
        let least = approve(r#","by":"anna""#).unwrap();
        assert_eq!((least.reason.as_str(), least.valid_seconds), ("", None));
        assert!(approve("").is_err(), "nobody approves");
        assert!(approve(r#","by":"anna","force":true"#).is_err());
    }

    #[test]
    fn a_refusal_prints_its_text_and_travels_with_its_kind() {
        let refusal = Refusal::unknown_site("acme");
        assert_eq!(refusal.to_string(), "there is no site \"acme\"");
        assert_eq!(
            serde_json::to_string(&refusal).unwrap(),
            r#"{"error":"there is no site \"acme\"","kind":"not-found"}"#
        );
    }
}
