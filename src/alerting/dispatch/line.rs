//! One sink's place in the dispatch: what is next for it, and when. No I/O, no clock: the time comes in.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::alerting::Member;
use crate::alerting::message::{Message, Subject};
use crate::alerting::pipeline::SinkProfile;
use crate::domain::told::Delivery;

/// How often the present state is looked at without anything having happened: repetitions and the ends of hours and
/// silences come by themselves, and the wall clock may jump.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// After the first failure.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
/// After many.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);

/// How long to wait before the next try after so many failures before this one: 10 s, doubling up to 10 min.
pub fn back_off(failures_before: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures_before).unwrap_or(u32::MAX);
    FIRST_BACK_OFF.saturating_mul(factor).min(LONGEST_BACK_OFF)
}

/// What a message is about, whatever it says: what is tried later when it fails.
type Group = (String, bool);

fn group(message: &Message) -> Group {
    (message.subject.words(), matches!(message.subject, Subject::Several { storm: true, .. }))
}

/// A sink and what is next for it.
pub(super) struct Line {
    pub(super) member: Member,
    /// Made at the last look and not tried since; what is worst comes first.
    queue: VecDeque<Message>,
    /// When to look at the present state again; `None`: never looked.
    look_at: Option<Instant>,
    /// Whether something is under way: at most one thing at a time.
    is_busy: bool,
    /// In a row.
    failures: u32,
    /// Whether this row of failures was already told as one that needs a person.
    complained: bool,
    /// When the sink may be tried again.
    rest_until: Option<Instant>,
    /// What failed the last time that it was tried.
    postponed: BTreeMap<Group, Postponed>,
    /// What the sink has taken and the ledger could not be told: nothing else is sent before.
    unrecorded: Option<(Delivery, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Postponed {
    attempts: u32,
    until: Instant,
}

/// What a line is to do.
pub(super) enum Next {
    /// Have the ledger told.
    Record(Box<Delivery>),
    /// Make messages of the present state.
    Look,
    /// Send this.
    Send(Box<Message>),
    /// Nothing before this moment, unless something happens.
    Wait(Option<Instant>),
}

impl Line {
    pub(super) fn new(member: Member) -> Self {
        Self {
            member,
            queue: VecDeque::new(),
            look_at: None,
            is_busy: false,
            failures: 0,
            complained: false,
            rest_until: None,
            postponed: BTreeMap::new(),
            unrecorded: None,
        }
    }

    /// Another sink under the same name: nothing is known of how it does. What is under way ends as it would have.
    pub(super) fn replaced_by(self, member: Member) -> Self {
        let Self { is_busy, unrecorded, .. } = self;
        Self { is_busy, unrecorded, ..Self::new(member) }
    }

    /// The same sink, told by other rules.
    pub(super) fn told_by(self, profile: SinkProfile) -> Self {
        let member = Member { profile, ..self.member };
        Self { member, ..self }
    }

    /// Something has happened: what was made of the state before is not sent any more.
    pub(super) fn is_stale(&mut self) {
        self.look_at = None;
    }

    /// What is next. Whatever is given out is under way until one of the methods below says what came of it.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.is_busy {
            return Next::Wait(None);
        }
        if let Some((delivery, at)) = self.unrecorded.take() {
            if at > now {
                self.unrecorded = Some((delivery, at));
                return Next::Wait(Some(at));
            }
            self.is_busy = true;
            return Next::Record(Box::new(delivery));
        }
        if let Some(until) = self.rest_until.filter(|until| *until > now) {
            return Next::Wait(Some(until));
        }
        if self.look_at.is_none_or(|at| at <= now) {
            return Next::Look;
        }
        match self.take(now) {
            Some(message) => {
                self.is_busy = true;
                Next::Send(Box::new(message))
            }
            None => Next::Wait(self.next_due()),
        }
    }

    /// These are the messages of the present state, to be made anew in `again` at the latest.
    pub(super) fn looked(&mut self, messages: Vec<Message>, again: Option<Duration>, now: Instant) {
        let of: Vec<Group> = messages.iter().map(group).collect();
        self.postponed.retain(|group, _| of.contains(group));
        self.queue = messages.into();
        self.look_at = Some(now + again.map_or(LOOK_AGAIN, |again| again.min(LOOK_AGAIN)));
    }

    /// How many messages wait, the one under way counted.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + usize::from(self.is_busy)
    }

    /// The sink took a message, or it is given up; the ledger is to be told next. What failed before is tried again at once
    /// when the sink works again.
    pub(super) fn settled(&mut self, message: &Message, was_taken: bool, now: Instant) {
        self.postponed.remove(&group(message));
        if !was_taken {
            return;
        }
        if std::mem::take(&mut self.failures) > 0 {
            for postponed in self.postponed.values_mut() {
                postponed.until = postponed.until.min(now);
            }
        }
        self.complained = false;
        self.rest_until = None;
    }

    /// A message was not taken and is to be tried again: after how long.
    ///
    /// The message waits for [`back_off`] of its own failures, its sink for half of [`back_off`] of those in a row. Half, so
    /// that others get their turn before the failed one does: one that a receiver cannot digest does not hold up the rest.
    pub(super) fn failed(&mut self, message: Message, now: Instant) -> Retry {
        self.is_busy = false;
        let group = group(&message);
        let attempts = self.postponed.get(&group).map_or(0, |postponed| postponed.attempts);
        let later = back_off(attempts);
        let attempts = attempts.saturating_add(1);
        self.postponed.insert(group, Postponed { attempts, until: now + later });
        self.rest_until = Some(now + back_off(self.failures) / 2);
        self.failures = self.failures.saturating_add(1);
        // It waits as before, and is made anew when it is its turn.
        self.queue.push_back(message);
        self.look_at = None;
        Retry { attempts, later }
    }

    /// Whether a person has yet to be told that this row of failures will not pass by itself.
    pub(super) fn is_first_complaint(&mut self) -> bool {
        !std::mem::replace(&mut self.complained, true)
    }

    /// The ledger is told, or could not be and is to be told later.
    pub(super) fn recorded(&mut self, unrecorded: Option<Delivery>, now: Instant) {
        self.is_busy = false;
        self.unrecorded = unrecorded.map(|delivery| (delivery, now + LOOK_AGAIN));
    }

    /// What was under way was for the sink that had this name before.
    pub(super) fn is_free(&mut self) {
        self.is_busy = false;
    }

    /// The first message that was not tried yet, or else the one that has waited longest since.
    fn take(&mut self, now: Instant) -> Option<Message> {
        let order = |(index, message): (usize, &Message)| match self.postponed.get(&group(message)) {
            None => Some((None, index)),
            Some(postponed) if postponed.until <= now => Some((Some(postponed.until), index)),
            Some(_) => None,
        };
        // Most often it is the first one, and there may be thousands.
        let mut best: Option<(Option<Instant>, usize)> = None;
        for candidate in self.queue.iter().enumerate().filter_map(order) {
            best = Some(best.map_or(candidate, |best| best.min(candidate)));
            if candidate.0.is_none() {
                break;
            }
        }
        self.queue.remove(best?.1)
    }

    fn next_due(&self) -> Option<Instant> {
        let postponed = self.queue.iter().filter_map(|message| self.postponed.get(&group(message)));
        postponed.map(|postponed| postponed.until).chain(self.look_at).min()
    }
}

/// When a message that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    /// How often it was tried.
    pub(super) attempts: u32,
    /// After how long at the earliest.
    pub(super) later: Duration,
}
