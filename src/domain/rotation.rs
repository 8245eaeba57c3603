//! Changing a manager's web password, so that nobody loses access, whatever happens on the way and when: how far a
//! change has come, which passwords to try, and what follows from an answer. Pure; no password is made here, nothing is
//! posted, kept or released.
//!
//! A new password is on disk before a file with it is released, and the old one stays there until the new one has logged
//! in. How far the push has come is not written down twice: the release that carries the password tells it.

mod login;
mod order;
mod told;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::fingerprint::{self, SiteKey};
use super::ids::Mac;
use super::memory::SiteMemory;
use super::push::{self, Push};
use super::release::{Generation, Release, Version};
use super::secret::Secret;
use super::version;

pub use login::{Answer, Candidate, Facts, Posted, Which};
pub(super) use order::next_edge;
pub use order::{Order, Scene, order, refusal};
pub use told::{PasswordChange, news, told, unstored};

/// The longest web password that the device keeps (n720.md section 2).
pub const LONGEST_PASSWORD: usize = 20;

/// What a web password may be made of (n720.md section 2).
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A change of a manager's web password that has not ended: it is under way, or the new password is in use and the site
/// file does not name it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Whose password.
    pub mac: Mac,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who asked for it.
    pub by: String,
    /// Why, if that was said.
    pub reason: String,
    /// The password before; `None`: wiped, because the new one has logged in.
    pub old: Option<Secret>,
    /// The password after.
    pub new: Secret,
    /// What the site file's reference resolved to when the change began, by [`fingerprint::password_mark`]: only that is
    /// written over. `None`: nothing.
    pub reference: Option<Generation>,
    /// The release whose file carries the new password; `None`: none was made.
    pub file: Option<Release>,
    /// Whether the manager may fetch that file.
    pub on_shelf: bool,
    /// The file was taken back.
    pub undo: Option<Undo>,
    /// When the new password first logged in.
    pub proven_at: Option<DateTime<Utc>>,
    /// What was posted and not accepted, the last one last.
    pub posted: Vec<Posted>,
    /// How many passwords were posted since the last one that was accepted: the device counts wrong ones.
    pub in_a_row: u32,
    /// Why the new password is not where the site file's reference points; `None`: nobody has tried.
    pub unstored: Option<String>,
}

/// A file with a new password was taken back: from then on nothing can bring that password to the manager but a fetch
/// that was under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: UndoReason,
}

/// Why a file with a new password was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoReason {
    /// Somebody has asked for that.
    Withdrawn,
    /// The manager fetched it and still takes the old password after the settle time.
    NoEffect,
}

/// How the last change of a web password ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: DateTime<Utc>,
    /// Who had asked for it.
    pub by: String,
    /// How.
    pub how: Ending,
}

/// How a change of a web password ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The manager takes the new password, and the site file names it.
    Changed,
    /// The manager takes the old password, though it fetched the new one.
    NoEffect,
    /// The manager takes the old password; somebody has called the change off.
    Withdrawn,
    /// The site file names another manager by now.
    OtherManager,
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The new password is kept; the manager has had no way to learn it.
    Prepared,
    /// A file with it is released; the manager was not seen to fetch it.
    Released,
    /// The manager has fetched it and may still be working on it.
    Fetched,
    /// The settle time is over: which password it takes is to be seen.
    Proving,
    /// The file was taken back: the old password has to log in once more before the new one is forgotten.
    Undoing,
    /// The new password has logged in, and is the one in use.
    Proven,
}

/// What became of a change after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// It goes on like this.
    GoesOn(Box<Rotation>),
    /// It has ended.
    Ended(Ending),
}

impl Rotation {
    /// A change that is being prepared.
    pub fn prepare(
        mac: Mac,
        (by, reason): (String, String),
        (old, new): (Secret, Secret),
        reference: Option<Generation>,
        since: DateTime<Utc>,
    ) -> Self {
        Self {
            mac,
            since,
            by,
            reason,
            old: Some(old),
            new,
            reference,
            file: None,
            on_shelf: false,
            undo: None,
            proven_at: None,
            posted: Vec::new(),
            in_a_row: 0,
            unstored: None,
        }
    }

    /// How far it has come.
    pub fn stage(&self, settle: Duration, now: DateTime<Utc>) -> Stage {
        if self.proven_at.is_some() {
            return Stage::Proven;
        }
        if self.undo.is_some() {
            return Stage::Undoing;
        }
        let Some(file) = &self.file else { return Stage::Prepared };
        match push::state(Some(file), settle, Some(now), now) {
            // Something else has taken its place: it is made anew.
            Push::None | Push::Unfetched { .. } if !self.on_shelf => Stage::Prepared,
            Push::None | Push::Unfetched { .. } => Stage::Released,
            Push::Settling { .. } => Stage::Fetched,
            Push::ToBeRead | Push::Settled => Stage::Proving,
        }
    }

    /// Whether nothing else may be released meanwhile.
    pub fn holds_changes(&self) -> bool {
        self.proven_at.is_none() && self.file.is_some()
    }

    /// The password that the manager is known to take; `None`: which of two it takes is just being found out.
    pub fn in_use(&self, settle: Duration, now: DateTime<Utc>) -> Option<&Secret> {
        match self.stage(settle, now) {
            Stage::Prepared | Stage::Released => self.old.as_ref(),
            Stage::Fetched | Stage::Proving | Stage::Undoing => None,
            Stage::Proven => Some(&self.new),
        }
    }

    /// Whether it can still be called off: what the manager has fetched cannot be.
    pub fn can_be_withdrawn(&self, settle: Duration, now: DateTime<Utc>) -> bool {
        match self.stage(settle, now) {
            Stage::Prepared | Stage::Released => true,
            Stage::Fetched | Stage::Proving | Stage::Undoing | Stage::Proven => false,
        }
    }

    /// The same, called off: the waiting time begins when its file is off the shelf.
    #[must_use]
    pub fn withdrawn(self, at: DateTime<Utc>) -> Self {
        let undo = Some(Undo { at, why: UndoReason::Withdrawn });
        Self { undo, posted: Vec::new(), ..self }
    }

    /// The same when an empty file is put in the place of the one with the new password.
    #[must_use]
    pub fn tidied(mut self, at: DateTime<Utc>) -> Self {
        if let Some(undo) = &mut self.undo {
            undo.at = at;
        }
        self
    }

    /// Whether it has come to its end: the new password is in use, no file holds it, and the site file names it.
    pub fn is_done(&self, configured: Option<&Secret>) -> bool {
        self.proven_at.is_some() && !self.on_shelf && configured == Some(&self.new)
    }

    /// The same after the manager was exchanged for this one, of whose password nothing is known here.
    pub fn is_of_another(&self, manager: Mac) -> bool {
        self.mac != manager
    }

    /// From when on a login with the old password proves that the new one never came into effect. Twice the settle time,
    /// because a fetch that was under way when the file was taken back ends a little later.
    fn undone_at(&self, settle: Duration) -> Option<DateTime<Utc>> {
        let settle = TimeDelta::from_std(settle).unwrap_or(TimeDelta::MAX);
        self.undo.as_ref()?.at.checked_add_signed(settle)?.checked_add_signed(settle)
    }
}

/// Identity and VERSION of a file that says nothing but this password, or nothing at all.
pub fn file_for(
    password: Option<&Secret>,
    mac: Mac,
    memory: &SiteMemory,
    key: &SiteKey,
) -> (Generation, Version) {
    let id = fingerprint::password_file(password, mac, key);
    let version = version::choose(&id, memory.used_versions());
    (id, version)
}

/// A new web password out of random bytes: as long as the device keeps, every letter as likely as any other. `None`:
/// there were too few.
pub fn password_from(random: impl IntoIterator<Item = u8>) -> Option<Secret> {
    // 248 is the largest multiple of 62 that a byte holds.
    let even = random.into_iter().filter(|byte| *byte < 248).map(usize::from);
    let letters = even.filter_map(|byte| LETTERS.get(byte % LETTERS.len())).map(|letter| char::from(*letter));
    let password: String = letters.take(LONGEST_PASSWORD).collect();
    (password.len() == LONGEST_PASSWORD).then(|| Secret::new(password))
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
