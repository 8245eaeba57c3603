//! Releases: what a DECT manager may fetch, under which VERSION, and how far the push has come. No rendering here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{Firmware, Ipui, NotA, SlotNumber};

/// Identifies content without giving it away: the first 12 hex digits of a keyed hash (see [`super::fingerprint`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Generation(pub String);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The VERSION of a provisioning file: `ddmmyyhhmm`, always a valid date. The device applies a file whose VERSION
/// differs from the one it kept, also an older one, and ignores one that is equal. (Provisioning Guide)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Version {
    /// Day, month, year, hour and minute, each within its range, written down.
    pub(super) fn from_fields([day, month, year, hour, minute]: [u64; 5]) -> Self {
        Self(format!("{day:02}{month:02}{year:02}{hour:02}{minute:02}"))
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = NotA;
    fn from_str(text: &str) -> Result<Self, NotA> {
        let valid = text.len() == 10
            && text.bytes().all(|b| b.is_ascii_digit())
            && chrono::NaiveDateTime::parse_from_str(text, "%d%m%y%H%M").is_ok();
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotA { found: text.to_owned(), expected: "a VERSION: ddmmyyhhmm, a valid date" })
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NotA;
    fn try_from(text: String) -> Result<Self, NotA> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file that has been released for a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its number in the store, rising.
    pub id: i64,
    /// What it carries, without the window: equal to the desired generation when nothing was withheld.
    pub generation: Generation,
    /// What it carries, window included. Two releases with the same content differ in VERSION alone.
    pub content: Generation,
    /// Its VERSION.
    pub version: Version,
    /// Which part of the content changed is told apart by these, one a part (see [`super::fingerprint::parts`]).
    /// What was left out because it is in place already counts as carried.
    pub parts: BTreeMap<String, Generation>,
    /// The reservations it carries.
    pub reserved: BTreeMap<SlotNumber, Ipui>,
    /// The window it opens, by its number in the window ledger.
    pub window: Option<u32>,
    /// The slots in which it deregisters a handset, by an approval.
    pub approved: BTreeSet<SlotNumber>,
    /// When it was released.
    pub released_at: DateTime<Utc>,
    /// How far it has come.
    pub progress: Progress,
}

impl Release {
    /// Whether it may be taking effect on a handset that it deregisters in this slot: nothing has told its outcome.
    pub fn is_deregistering(&self, slot: SlotNumber) -> bool {
        let Progress { verified_at, ineffective_at, .. } = &self.progress;
        let has_ended = verified_at.is_some() || ineffective_at.is_some();
        self.approved.contains(&slot) && self.progress.may_have_arrived() && !has_ended
    }
}

/// How far a release has come. Each mark is set once and never taken back, but `attempts` and the failure; of what was
/// missed, less and less may be left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// How often the manager was told to fetch it.
    pub attempts: u32,
    /// When it was last told so.
    pub triggered_at: Option<DateTime<Utc>>,
    /// What the last trigger came to.
    pub trigger: Option<TriggerOutcome>,
    /// When the manager first fetched this VERSION from here.
    pub fetched_at: Option<DateTime<Utc>>,
    /// Who fetched it then; `None` also once there is a verdict, which carries it on.
    #[serde(default)]
    pub fetched_by: Option<Fetcher>,
    /// When an observation after the settle time showed everything that it asked for.
    pub verified_at: Option<DateTime<Utc>>,
    /// When an observation after the settle time showed that it did not take effect. It may have come into effect
    /// since: see [`Progress::is_ineffective`].
    pub ineffective_at: Option<DateTime<Utc>>,
    /// What was not found then, and has not been since.
    #[serde(default)]
    pub missed: Option<Missed>,
}

/// Who fetched a release, by what it told of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetcher {
    /// From where.
    pub peer: IpAddr,
    /// As sent, cut and without control characters.
    pub user_agent: Option<String>,
    /// The firmware that it names.
    pub firmware: Option<Firmware>,
    /// Whether the manager had fetched another file under the same VERSION before, which makes it ignore this one.
    pub knew_version: bool,
}

/// What of a release was looked for after the settle time and not found, and how the release had come to the manager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Missed {
    /// What was seen and what is wanted, of each of its parts that was not found. Only less of it may be left as time
    /// goes on: what comes into effect later counts as found, and what is changed afterwards was.
    pub readings: BTreeMap<String, String>,
    /// Its parts of which the pages did not tell.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unread: BTreeSet<String>,
    /// The manager's firmware, as its page showed it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// When it was fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<DateTime<Utc>>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_by: Option<Fetcher>,
    /// What telling the manager to fetch it had come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<TriggerOutcome>,
}

impl Missed {
    /// What is left of it by a later look, which missed `now`.
    #[must_use]
    pub fn left(&self, now: &Self) -> Self {
        let still = |part: &String| now.readings.contains_key(part) || now.unread.contains(part);
        let settled = self.unread.iter().filter_map(|part| now.readings.get_key_value(part));
        let readings = self.readings.iter().filter(|(part, _)| still(part)).chain(settled);
        Self {
            readings: readings.map(|(part, seen)| (part.clone(), seen.clone())).collect(),
            unread: self.unread.intersection(&now.unread).cloned().collect(),
            ..self.clone()
        }
    }
}

impl Progress {
    /// Whether it changed nothing, so far: an effect that was seen later outweighs that none was seen before.
    pub fn is_ineffective(&self) -> bool {
        self.ineffective_at.is_some() && self.verified_at.is_none()
    }

    /// Whether anything tells that it has reached the manager: also a trigger that says so, or what was seen later, where the
    /// fetch itself was not written down. One that has not can be withdrawn, and has done nothing.
    pub fn may_have_arrived(&self) -> bool {
        self.fetched_at.is_some()
            || self.verified_at.is_some()
            || self.ineffective_at.is_some()
            || self.trigger == Some(TriggerOutcome::Done)
    }
}

/// What telling a manager to fetch came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "kebab-case")]
pub enum TriggerOutcome {
    /// State 88: downloaded and processed; not that each symbol was accepted.
    Done,
    /// `check-sync` was answered with 2xx; whether a fetch follows is seen at the provisioning server.
    Accepted,
    /// State 104, no line configured: the button does nothing on a manager without an active account.
    NoLine,
    /// State 103: busy, or a firmware update is running. Worth another try.
    Busy(String),
    /// States 99, 100, 101, 102, a refused NOTIFY: with the state and what to look at.
    Failed(String),
    /// No end within the time allowed, or the connection broke: the outcome is not known.
    Unknown(String),
}

/// A verdict on a release, reached by a cycle after the settle time. The time of each is set once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseMark {
    /// Everything it asked for was seen.
    Verified {
        /// Its number in the store.
        release: i64,
        /// When that was seen.
        at: DateTime<Utc>,
    },
    /// It did not take effect, or not all of it.
    Ineffective {
        /// Its number in the store.
        release: i64,
        /// When that was seen.
        at: DateTime<Utc>,
        /// What was not found; takes the place of what was known before.
        missed: Box<Missed>,
    },
}

/// Everything the planner must know of one that came before the last: its VERSION must not be used for other content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRelease {
    /// Its number in the store.
    pub id: i64,
    /// What it carried, window included.
    pub content: Generation,
    /// Its VERSION.
    pub version: Version,
    /// What it was made of, as in [`Release::parts`].
    pub parts: BTreeMap<String, Generation>,
    /// Whether it was seen in effect.
    pub verified: bool,
    /// What of it was not found, where it turned out to be ineffective and never came into effect as a whole.
    pub missed: Option<Missed>,
    /// When it was released.
    pub released_at: DateTime<Utc>,
    /// When the manager first fetched it.
    pub fetched_at: Option<DateTime<Utc>>,
    /// The slots in which it deregistered a handset, by an approval.
    pub approved: BTreeSet<SlotNumber>,
}

impl PastRelease {
    /// Whether anything tells that it has reached the manager, see [`Progress::may_have_arrived`].
    pub fn may_have_arrived(&self) -> bool {
        self.fetched_at.is_some() || self.verified || self.missed.is_some()
    }

    /// The same as one that was made for another manager: its VERSION stays taken, and nothing of it tells anything.
    #[must_use]
    pub fn of_another_manager(self) -> Self {
        Self {
            parts: BTreeMap::new(),
            verified: false,
            missed: None,
            fetched_at: None,
            approved: BTreeSet::new(),
            ..self
        }
    }
}

impl From<&Release> for PastRelease {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id,
            content: release.content.clone(),
            version: release.version.clone(),
            parts: release.parts.clone(),
            verified: release.progress.verified_at.is_some(),
            missed: release.progress.missed.clone().filter(|_| release.progress.is_ineffective()),
            released_at: release.released_at,
            fetched_at: release.progress.fetched_at,
            approved: release.approved.clone(),
        }
    }
}

/// The last release as a plan saw it: its number, and when it was fetched. A manager may fetch at any moment.
pub type Upon = Option<(i64, Option<DateTime<Utc>>)>;

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(readings: &[&str], unread: &[&str]) -> Missed {
        Missed {
            readings: readings.iter().map(|part| ((*part).to_owned(), format!("{part} differs"))).collect(),
            unread: unread.iter().map(|part| (*part).to_owned()).collect(),
            ..Missed::default()
        }
    }

    #[test]
    fn what_was_missed_only_gets_less() {
        let first = missed(&["slot 1", "slot 2", "slot 3"], &["slot 4", "slot 5"]);
        let now = missed(&["slot 1", "slot 4", "slot 9"], &["slot 3"]);
        // 2 came into effect late, of 3 nothing can be told now, 4 could not be read and was missed all the same,
        // 5 was in effect, 9 was and is not any more.
        assert_eq!(first.left(&now), missed(&["slot 1", "slot 3", "slot 4"], &[]));
        assert_eq!(missed(&[], &[]).left(&now), missed(&[], &[]), "forgotten is forgotten");
    }

    #[test]
    fn what_was_missed_is_read_back_also_without_its_circumstances() {
        let bare: Missed = serde_json::from_str(r#"{"readings":{"slot 1":"slot 1 differs"}}"#).unwrap();
        assert_eq!(bare, missed(&["slot 1"], &[]));
        let whole = Missed {
            firmware: "70.111.00.000.00".parse().ok(),
            fetched_by: Some(Fetcher {
                peer: "10.20.0.2".parse().unwrap(),
                user_agent: Some("Gigaset N720 DM PRO/70.111.00.000.00".into()),
                firmware: "70.111.00.000.00".parse().ok(),
                knew_version: false,
            }),
            trigger: Some(TriggerOutcome::Done),
            ..missed(&["slot 1"], &["slot 2"])
        };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Missed>(&text).unwrap(), whole);
    }

    #[test]
    fn it_may_have_arrived_by_any_sign_of_it() {
        let at = Some(DateTime::UNIX_EPOCH);
        let none = Progress { attempts: 3, triggered_at: at, ..Progress::default() };
        assert!(!none.may_have_arrived());
        let unclear = TriggerOutcome::Unknown("the connection broke".into());
        assert!(!Progress { trigger: Some(unclear), ..none.clone() }.may_have_arrived());
        for progress in [
            Progress { fetched_at: at, ..none.clone() },
            Progress { verified_at: at, ..none.clone() },
            Progress { ineffective_at: at, ..none.clone() },
            Progress { trigger: Some(TriggerOutcome::Done), ..none.clone() },
        ] {
            assert!(progress.may_have_arrived(), "{progress:?}");
        }
    }

    #[test]
    fn a_version_is_ten_digits_and_a_date() {
        assert!("2811121640".parse::<Version>().is_ok());
        for text in ["281112164", "3113121640", "2811122460", "28111216 0", "28-1121640"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
