//! What people are told of a change of a web password: how far it is and what is left to do. No password.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{After, Ended, Ending, Rotation, Stage, UndoReason};
use crate::domain::ids::SiteName;
use crate::domain::memory::SiteMemory;
use crate::domain::wording::local;

/// How far the change of a web password is, or how the last one ended. Part of the status, and so of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordChange {
    /// One of `prepared`, `released`, `fetched`, `proving`, `undoing`, `proven`, `not-stored`; ended: `changed`,
    /// `no-effect`, `withdrawn`, `other-manager`.
    pub stage: String,
    /// Since when it is under way, or when it ended; the site's time zone.
    pub since: DateTime<FixedOffset>,
    /// Who asked for it.
    pub by: String,
    /// How it stands, and what to do, in one sentence.
    pub note: String,
}

impl PasswordChange {
    /// Whether a person has to put the new password where the site file names it.
    pub fn needs_a_person(&self) -> bool {
        self.stage == NOT_STORED
    }

    /// Whether nothing is left to do, by n720d or by people.
    pub fn is_over(&self) -> bool {
        [Ending::Changed, Ending::NoEffect, Ending::Withdrawn, Ending::OtherManager]
            .iter()
            .any(|how| how.as_str() == self.stage)
    }
}

/// The word for a password that is in use and that n720d alone knows.
const NOT_STORED: &str = "not-stored";

/// What there is to tell; `None`: the web password was never changed.
pub fn told(
    memory: &SiteMemory,
    site: &SiteName,
    zone: Tz,
    settle: Duration,
    now: DateTime<Utc>,
) -> Option<PasswordChange> {
    if let Some(rotation) = &memory.rotation {
        let stage = rotation.stage(settle, now);
        return Some(PasswordChange {
            stage: unstored(rotation, site).map_or(stage.as_str(), |_| NOT_STORED).to_owned(),
            since: local(rotation.since, zone),
            by: rotation.by.clone(),
            note: note(rotation, stage, site),
        });
    }
    let Ended { at, by, how } = memory.rotated.clone()?;
    Some(PasswordChange {
        stage: how.as_str().to_owned(),
        since: local(at, zone),
        by,
        note: how.note().to_owned(),
    })
}

/// What people have to do so that the site file names the password in use; `None`: nothing, so far.
pub fn unstored(rotation: &Rotation, site: &SiteName) -> Option<String> {
    let why = rotation.unstored.as_ref().filter(|_| rotation.proven_at.is_some())?;
    Some(format!(
        "the web password was changed, and n720d alone knows the new one: {why}; read it with `n720d rotate-password {site} \
         --show` and put it where the site file's password points"
    ))
}

/// What a change of a web password has come to by an event, for the history; `None`: nothing new.
pub fn news(before: &Rotation, after: &After) -> Option<String> {
    let after = match after {
        After::Ended(how) => return Some(how.note().to_owned()),
        After::GoesOn(after) => after,
    };
    if before.proven_at.is_none() && after.proven_at.is_some() {
        return Some("the new web password has logged in; the one before is forgotten".to_owned());
    }
    if before.undo.is_none() && after.undo.is_some() {
        return Some("the manager still takes the old web password after the settle time".to_owned());
    }
    let refused = |rotation: &Rotation| rotation.posted.iter().filter(|posted| posted.refused).count();
    if refused(after) > refused(before) {
        return Some("the manager refused one of the web passwords that it may have".to_owned());
    }
    after.unstored.clone().filter(|_| after.unstored != before.unstored)
}

fn note(rotation: &Rotation, stage: Stage, site: &SiteName) -> String {
    let text = match stage {
        Stage::Prepared => "the new web password is kept, and released when nothing else is under way",
        Stage::Released => "the new web password is released, and the manager has not fetched it yet",
        Stage::Fetched => "the manager has fetched the new web password, and has its settle time",
        Stage::Proving => "the manager has fetched the new web password; whether it takes it is to be seen",
        Stage::Undoing => match rotation.undo.as_ref().map(|undo| undo.why) {
            Some(UndoReason::NoEffect) => {
                "the manager still takes the old web password; the new one is kept until that is certain"
            }
            Some(UndoReason::Withdrawn) | None => {
                "called off; the new web password is kept until the old one has logged in once more"
            }
        },
        Stage::Proven => {
            return unstored(rotation, site)
                .unwrap_or_else(|| "the new web password is in use, and is being stored".to_owned());
        }
    };
    text.to_owned()
}

impl Stage {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Released => "released",
            Self::Fetched => "fetched",
            Self::Proving => "proving",
            Self::Undoing => "undoing",
            Self::Proven => "proven",
        }
    }
}

impl Ending {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::NoEffect => "no-effect",
            Self::Withdrawn => "withdrawn",
            Self::OtherManager => "other-manager",
        }
    }

    /// What it means, for people.
    pub fn note(self) -> &'static str {
        match self {
            Self::Changed => "the new web password is in use, and the site file names it",
            Self::NoEffect => {
                "the manager fetched the new web password and still takes the old one, which stays in use; look at: MAC, \
                 VERSION, firmware, data server"
            }
            Self::Withdrawn => "called off; the old web password stays in use",
            Self::OtherManager => "the manager was exchanged meanwhile; its own web password is in use",
        }
    }
}
