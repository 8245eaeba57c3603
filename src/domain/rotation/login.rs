//! Which web password to post while one is being changed, in which order and how often, and what follows from the answer.
//!
//! From the second wrong password in a row the device locks its login (n720.md section 4). So a post counts as a wrong
//! one until it is known to be none, what was refused is not posted again before the stage moves on, and a session that
//! follows one without a clear end tries one password only.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{After, Ending, Rotation, Stage, Undo, UndoReason};
use crate::domain::fingerprint::{self, SiteKey};
use crate::domain::ids::Mac;
use crate::domain::release::Generation;
use crate::domain::secret::Secret;

/// After so many answers that were not clear a password counts as refused.
const UNCLEAR_ANSWERS: u32 = 2;

/// What a login depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The manager that the site file names.
    pub manager: Mac,
    /// The password that the site file names, as far as it can be resolved.
    pub configured: Option<&'a Secret>,
    /// Keys the marks.
    pub key: &'a SiteKey,
    /// What the device may take to act on a file.
    pub settle: Duration,
    /// The time before the login.
    pub now: DateTime<Utc>,
}

/// Whose password a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one before.
    Old,
    /// The one after.
    New,
    /// The site file's, where that is neither: somebody has changed it.
    Configured,
}

/// A password that may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Whose.
    pub which: Which,
    /// It.
    pub password: Secret,
}

/// A password that was posted and not accepted, since the last one that was, or in this stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Which one, by [`fingerprint::password_mark`].
    pub mark: Generation,
    /// In which stage.
    pub stage: Stage,
    /// How often. Whoever was killed meanwhile does not know what came of it.
    pub times: u32,
    /// How often without a clear answer.
    pub unclear: u32,
    /// Whether the device has refused it.
    pub refused: bool,
}

/// What became of a posted password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A session was opened.
    Accepted,
    /// The device said that it is wrong.
    Refused,
    /// It may have been wrong.
    Unclear,
    /// It was not posted, or the answer was about something else.
    NotAsked,
}

impl Rotation {
    /// The passwords to try in this session, most likely first. Empty: all that there are were refused.
    pub fn candidates(&self, facts: &Facts<'_>) -> Vec<Candidate> {
        let stage = self.stage(facts.settle, facts.now);
        let mut all: Vec<Candidate> = Vec::new();
        for which in self.order(stage, facts.manager) {
            let password = match which {
                Which::Old => self.old.as_ref(),
                Which::New => Some(&self.new),
                Which::Configured => facts.configured,
            };
            if let Some(password) = password
                && all.iter().all(|earlier| earlier.password != *password)
            {
                all.push(Candidate { which, password: password.clone() });
            }
        }
        let posted = |candidate: &Candidate| self.posted_in(stage, &candidate.password, facts.key);
        all.retain(|candidate| posted(candidate).is_none_or(|posted| !posted.is_over()));
        // Since the last one that was accepted a wrong one may have been posted: the next is another.
        if self.in_a_row > 0 {
            all.sort_by_key(|candidate| self.doubts(&candidate.password, facts.key));
        }
        all.truncate(if self.in_a_row == 0 { 2 } else { 1 });
        all
    }

    /// The order in which a stage makes them likely.
    fn order(&self, stage: Stage, manager: Mac) -> Vec<Which> {
        if self.is_of_another(manager) {
            return vec![Which::Configured];
        }
        match stage {
            Stage::Prepared if self.file.is_none() => vec![Which::Old, Which::Configured],
            // A fetch is noted before it is answered; still, where nothing else logs in, the new one may.
            Stage::Prepared | Stage::Released | Stage::Undoing => {
                vec![Which::Old, Which::New, Which::Configured]
            }
            Stage::Fetched | Stage::Proving => vec![Which::New, Which::Old, Which::Configured],
            Stage::Proven => vec![Which::New, Which::Configured],
        }
    }

    fn posted_in(&self, stage: Stage, password: &Secret, key: &SiteKey) -> Option<&Posted> {
        let mark = fingerprint::password_mark(password, key);
        self.posted.iter().find(|posted| posted.mark == mark && posted.stage == stage)
    }

    /// What speaks against a password, whatever the stage: refused, not clearly answered, posted.
    fn doubts(&self, password: &Secret, key: &SiteKey) -> (bool, u32, u32) {
        let mark = fingerprint::password_mark(password, key);
        let of_it = self.posted.iter().filter(|posted| posted.mark == mark);
        of_it.fold((false, 0, 0), |(refused, unclear, times), posted| {
            (refused || posted.refused, unclear + posted.unclear, times + posted.times)
        })
    }

    /// The same when this password is about to be posted: to be kept before it is.
    #[must_use]
    pub fn posting(mut self, candidate: &Candidate, facts: &Facts<'_>) -> Self {
        let stage = self.stage(facts.settle, facts.now);
        let mark = fingerprint::password_mark(&candidate.password, facts.key);
        let before = self.posted.iter().position(|posted| posted.mark == mark && posted.stage == stage);
        let fresh = Posted { mark, stage, times: 0, unclear: 0, refused: false };
        let posted = before.map_or(fresh, |before| self.posted.remove(before));
        self.posted.push(Posted { times: posted.times.saturating_add(1), ..posted });
        self.in_a_row = self.in_a_row.saturating_add(1);
        self
    }

    /// The same after the answer to a password that [`Rotation::posting`] was told of, with these facts.
    pub fn answered(mut self, candidate: &Candidate, answer: Answer, facts: &Facts<'_>) -> After {
        let mark = fingerprint::password_mark(&candidate.password, facts.key);
        let posted = self.posted.iter_mut().rev().find(|posted| posted.mark == mark);
        match answer {
            Answer::Accepted => return self.accepted(candidate, facts),
            Answer::Refused => {
                if let Some(posted) = posted {
                    posted.refused = true;
                }
            }
            Answer::Unclear => {
                if let Some(posted) = posted {
                    posted.unclear = posted.unclear.saturating_add(1);
                }
            }
            Answer::NotAsked => {
                if let Some(posted) = posted {
                    posted.times = posted.times.saturating_sub(1);
                }
                self.in_a_row = self.in_a_row.saturating_sub(1);
            }
        }
        After::GoesOn(Box::new(self))
    }

    /// The same where a person wants everything tried once more.
    #[must_use]
    pub fn retried(self) -> Self {
        Self { posted: Vec::new(), in_a_row: 0, ..self }
    }

    fn accepted(mut self, candidate: &Candidate, facts: &Facts<'_>) -> After {
        if self.is_of_another(facts.manager) {
            return After::Ended(Ending::OtherManager);
        }
        let stage = self.stage(facts.settle, facts.now);
        self.in_a_row = 0;
        self.posted.retain(|posted| posted.refused && posted.stage == stage);
        match (candidate.which, stage) {
            (Which::New, _) => return After::GoesOn(Box::new(self.proven(facts.now))),
            // Somebody has changed it by hand, and the site file with it.
            (Which::Configured, Stage::Proven) => {
                self.new = candidate.password.clone();
                return After::GoesOn(Box::new(self));
            }
            (Which::Configured, _) => self.old = Some(candidate.password.clone()),
            (Which::Old, _) => {}
        }
        match stage {
            Stage::Prepared | Stage::Released | Stage::Fetched | Stage::Proven => {}
            Stage::Proving => {
                self.undo = Some(Undo { at: facts.now, why: UndoReason::NoEffect });
                self.posted.clear();
            }
            Stage::Undoing => return self.after_undoing(facts),
        }
        After::GoesOn(Box::new(self))
    }

    fn proven(self, at: DateTime<Utc>) -> Self {
        let proven_at = self.proven_at.or(Some(at));
        Self { proven_at, old: None, undo: None, posted: Vec::new(), ..self }
    }

    /// The old password has logged in: when nothing can bring the new one any more, that is forgotten.
    fn after_undoing(self, facts: &Facts<'_>) -> After {
        let over = !self.on_shelf && self.undone_at(facts.settle).is_some_and(|at| at <= facts.now);
        match self.undo.as_ref().map(|undo| undo.why).filter(|_| over) {
            Some(UndoReason::Withdrawn) => After::Ended(Ending::Withdrawn),
            Some(UndoReason::NoEffect) => After::Ended(Ending::NoEffect),
            None => After::GoesOn(Box::new(self)),
        }
    }
}

impl Posted {
    /// Whether it is not to be tried again in its stage.
    fn is_over(&self) -> bool {
        self.refused || self.unclear >= UNCLEAR_ANSWERS
    }
}
