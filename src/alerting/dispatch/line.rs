//! One sink's place in the dispatch: what is next for it, and when. No I/O, no clock: the time comes in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::alerting::Member;
use crate::alerting::message::Message;
use crate::alerting::pipeline::{Group, SinkProfile};
use crate::domain::told::{Delivery, content_hash};

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

/// What a message says, whyever it is sent: of each alert the content, and whether it has ended.
type Said = BTreeSet<(String, bool)>;

fn said(message: &Message) -> Said {
    message.entries.iter().map(|entry| (content_hash(&entry.alert), entry.has_ended())).collect()
}

/// A sink and what is next for it.
pub(super) struct Line {
    pub(super) member: Member,
    /// Tells it from others that had the name before: what was under way for those is nothing to this one.
    pub(super) generation: u64,
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
    /// What was given up, and is not tried again before it says something else.
    given_up: BTreeMap<Group, (Said, Stuck)>,
    /// What the sink has taken and the ledger could not be told: nothing else is sent before.
    unrecorded: Option<(Delivery, Instant)>,
}

#[derive(Debug, Clone)]
struct Postponed {
    attempts: u32,
    until: Instant,
    stuck: Stuck,
}

/// What a sink does not take, whatever becomes of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// What it is about, in words.
    pub about: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// The same, by a clock that nobody sets.
    pub first: Instant,
    /// Why, as of the last try.
    pub why: String,
    /// Whether it is not tried again.
    pub is_given_up: bool,
}

/// A try that came to nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure<'a> {
    pub(super) why: &'a str,
    pub(super) at: DateTime<Utc>,
    pub(super) now: Instant,
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
    pub(super) fn new(member: Member, generation: u64) -> Self {
        Self {
            member,
            generation,
            queue: VecDeque::new(),
            look_at: None,
            is_busy: false,
            failures: 0,
            complained: false,
            rest_until: None,
            postponed: BTreeMap::new(),
            given_up: BTreeMap::new(),
            unrecorded: None,
        }
    }

    /// Another sink under the same name: nothing is known of how it does. What is under way ends as it would have.
    pub(super) fn replaced_by(self, member: Member) -> Self {
        let Self { is_busy, unrecorded, generation, .. } = self;
        Self { is_busy, unrecorded, ..Self::new(member, generation) }
    }

    /// The same sink, told by other rules.
    pub(super) fn told_by(self, profile: SinkProfile) -> Self {
        let member = Member { profile, ..self.member };
        Self { member, ..self }
    }

    /// Something has happened: what was made of the state before is not sent any more.
    pub(super) fn make_stale(&mut self) {
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
        let of: BTreeSet<&Group> = messages.iter().map(|message| &message.group).collect();
        self.postponed.retain(|group, _| of.contains(group));
        self.given_up.retain(|group, _| of.contains(group));
        let is_given_up = |message: &Message| {
            self.given_up.get(&message.group).is_some_and(|(before, _)| *before == said(message))
        };
        self.queue = messages.into_iter().filter(|message| !is_given_up(message)).collect();
        self.look_at = Some(now + again.map_or(LOOK_AGAIN, |again| again.min(LOOK_AGAIN)));
    }

    /// How many messages wait, the one under way counted.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + usize::from(self.is_busy)
    }

    /// What the sink has not taken for longest, what is given up first.
    pub(super) fn stuck(&self) -> Option<&Stuck> {
        let given_up = self.given_up.values().map(|(_, stuck)| stuck);
        let postponed = self.postponed.values().map(|postponed| &postponed.stuck);
        given_up.chain(postponed).min_by_key(|stuck| (!stuck.is_given_up, stuck.first))
    }

    /// The sink took a message; the ledger is to be told next. What failed before is tried again at once when the sink works
    /// again.
    pub(super) fn took(&mut self, message: &Message, now: Instant) {
        self.postponed.remove(&message.group);
        self.given_up.remove(&message.group);
        if std::mem::take(&mut self.failures) > 0 {
            for postponed in self.postponed.values_mut() {
                postponed.until = postponed.until.min(now);
            }
        }
        self.complained = false;
        self.rest_until = None;
    }

    /// A message is given up; the ledger is to be told next.
    pub(super) fn gave_up(&mut self, message: &Message, failure: Failure<'_>) {
        let stuck = self.stuck_on(message, failure);
        self.postponed.remove(&message.group);
        let stuck = Stuck { is_given_up: true, ..stuck };
        self.given_up.insert(message.group.clone(), (said(message), stuck));
    }

    /// A message was not taken and is to be tried again: after how long.
    ///
    /// The message waits for [`back_off`] of its own failures, its sink for half of [`back_off`] of those in a row. Half, so
    /// that others get their turn before the failed one does: one that a receiver cannot digest does not hold up the rest.
    /// Where the receiver asked for more patience than that, both wait as long as it asked for.
    pub(super) fn failed(
        &mut self,
        message: Message,
        failure: Failure<'_>,
        asked_for: Option<Duration>,
    ) -> Retry {
        self.is_busy = false;
        let (stuck, now) = (self.stuck_on(&message, failure), failure.now);
        let attempts = self.postponed.get(&message.group).map_or(0, |postponed| postponed.attempts);
        let asked_for = asked_for.unwrap_or_default();
        let (later, rest) = (back_off(attempts).max(asked_for), (back_off(self.failures) / 2).max(asked_for));
        let attempts = attempts.saturating_add(1);
        self.given_up.remove(&message.group);
        self.postponed.insert(message.group.clone(), Postponed { attempts, until: now + later, stuck });
        self.rest_until = Some(now + rest);
        self.failures = self.failures.saturating_add(1);
        // It waits as before, and is made anew when it is its turn.
        self.queue.push_back(message);
        self.look_at = None;
        Retry { attempts, later: later.max(rest) }
    }

    /// Gives once in a row of failures that a person is to be told that it will not pass by itself.
    pub(super) fn complain_once(&mut self) -> bool {
        !std::mem::replace(&mut self.complained, true)
    }

    /// The ledger is told, or could not be and is to be told later.
    pub(super) fn recorded(&mut self, unrecorded: Option<Delivery>, now: Instant) {
        self.is_busy = false;
        self.unrecorded = unrecorded.map(|delivery| (delivery, now + LOOK_AGAIN));
    }

    /// What was under way was for the sink that had this name before.
    pub(super) fn free(&mut self) {
        self.is_busy = false;
    }

    fn stuck_on(&self, message: &Message, failure: Failure<'_>) -> Stuck {
        let given_up = self.given_up.get(&message.group).map(|(_, stuck)| stuck);
        let before = given_up.or(self.postponed.get(&message.group).map(|postponed| &postponed.stuck));
        Stuck {
            about: message.subject.words(),
            since: before.map_or(failure.at, |stuck| stuck.since),
            first: before.map_or(failure.now, |stuck| stuck.first),
            why: failure.why.to_owned(),
            is_given_up: false,
        }
    }

    /// The first message that was not tried yet, or else the one that has waited longest since.
    fn take(&mut self, now: Instant) -> Option<Message> {
        let order = |(index, message): (usize, &Message)| match self.postponed.get(&message.group) {
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
        let postponed = self.queue.iter().filter_map(|message| self.postponed.get(&message.group));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alerting::message::Subject;
    use crate::alerting::testing::{alert, message};
    use crate::alerting::{Alerting, Journal};
    use crate::domain::alert::{AlertKind, AlertState};
    use crate::domain::notification::Reason;
    use crate::domain::routing::{Gathering, Routing};

    fn line() -> Line {
        let sinks = vec![(Arc::new(Journal::new("a")) as _, Duration::from_secs(1))];
        let alerting = Alerting::with_sinks(sinks, Routing::default(), Gathering::default());
        Line::new(alerting.members().next().unwrap().clone(), 1)
    }

    fn of(group: Group, kind: AlertKind) -> Message {
        Message { group, ..message(Reason::First, [alert("acme", kind, AlertState::Firing)]) }
    }

    fn storm(kind: AlertKind) -> Message {
        let subject = Subject::Several { labels: BTreeMap::new(), storm: true };
        Message { subject, ..of(Group::Storm(kind, BTreeMap::new()), kind) }
    }

    fn sent(line: &mut Line, now: Instant) -> Option<Message> {
        match line.next(now) {
            Next::Send(message) => Some(*message),
            Next::Record(_) | Next::Look | Next::Wait(_) => None,
        }
    }

    /// Of two that read alike one is refused whenever it comes: how often each was tried before the other was taken.
    fn refused_before_the_other(bad: &Message, good: &Message) -> usize {
        let (mut line, mut now) = (line(), Instant::now());
        for tries in 0..9 {
            line.looked(vec![bad.clone(), good.clone()], None, now);
            let message = loop {
                if let Some(message) = sent(&mut line, now) {
                    break message;
                }
                now += Duration::from_secs(1);
                line.looked(vec![bad.clone(), good.clone()], None, now);
            };
            if message == *good {
                return tries;
            }
            line.failed(message, Failure { why: "400", at: DateTime::UNIX_EPOCH, now }, None);
        }
        panic!("it is never its turn")
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_refused_does_not_hold_up_another_that_reads_like_it() {
        let (one, other) = (storm(AlertKind::Unreachable), storm(AlertKind::Drift));
        assert_eq!(refused_before_the_other(&one, &other), 1, "storms of two kinds");
    }

    /// The seconds until the next try that are told, and until there is one.
    fn waits(line: &mut Line, messages: &[Message], asked_for: Option<u64>) -> (u64, u64) {
        let begin = Instant::now();
        line.looked(messages.to_vec(), None, begin);
        let message = sent(line, begin).unwrap();
        let failure = Failure { why: "429", at: DateTime::UNIX_EPOCH, now: begin };
        let retry = line.failed(message, failure, asked_for.map(Duration::from_secs));
        let is_tried = |second: &u64| {
            let now = begin + Duration::from_secs(*second);
            line.looked(messages.to_vec(), None, now);
            let is_tried = sent(line, now).is_some();
            line.free();
            is_tried
        };
        (retry.later.as_secs(), (0..10_000).find(is_tried).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_asks_for_patience_is_left_alone_with_everything() {
        let one = [of(Group::Site("acme".parse().unwrap()), AlertKind::Drift)];
        assert_eq!(waits(&mut line(), &one, None), (10, 10));
        assert_eq!(waits(&mut line(), &one, Some(3)), (10, 10), "not sooner than without");
        assert_eq!(waits(&mut line(), &one, Some(0)), (10, 10));
        assert_eq!(waits(&mut line(), &one, Some(120)), (120, 120));
        let many = [one[0].clone(), storm(AlertKind::Unreachable)];
        assert_eq!(waits(&mut line(), &many, None), (10, 5), "the other goes before");
        assert_eq!(waits(&mut line(), &many, Some(120)), (120, 120), "the other waits too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_failure_in_a_long_row_is_told_to_wait_for_the_sink() {
        let one = [of(Group::Site("acme".parse().unwrap()), AlertKind::Drift)];
        let mut line = Line { failures: 6, ..line() };
        assert_eq!(waits(&mut line, &one, None), (300, 300));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_is_left_out_until_it_says_something_else() {
        let (mut line, now) = (line(), Instant::now());
        let bad = storm(AlertKind::Drift);
        line.looked(vec![bad.clone()], None, now);
        let message = sent(&mut line, now).unwrap();
        line.gave_up(&message, Failure { why: "no text", at: DateTime::UNIX_EPOCH, now });
        line.recorded(None, now);
        line.looked(vec![Message { reason: Reason::Changed, ..bad.clone() }], None, now);
        assert_eq!((sent(&mut line, now), line.waiting()), (None, 0));
        assert_eq!(
            line.stuck().map(|stuck| (stuck.is_given_up, stuck.why.as_str())),
            Some((true, "no text"))
        );
        let mut entries = bad.entries.clone();
        entries.push(storm(AlertKind::Unreachable).entries.remove(0));
        let grown = Message { entries, ..bad };
        line.looked(vec![grown.clone()], None, now);
        assert_eq!(sent(&mut line, now), Some(grown.clone()));
        line.took(&grown, now);
        assert_eq!(line.stuck(), None);
    }
}
