//! Delivery: has every sink told the present state, side by side, each message after the other, at least once.
//!
//! Nothing is queued. Whenever something has happened, and now and then, the messages for a sink are made anew of what holds
//! at that moment ([`super::pipeline`]); what a sink has taken is entered into the ledger, so that the next look makes no
//! message of it. A message that failed is made again, with the same id as long as it says the same. Decides nothing about what
//! is told, and knows no sink in particular.

mod known;
mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::pending;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::line::{Failure, Line, Next};
use super::desk::Desk;
use super::message::Message;
use super::pipeline::{self, Scene};
use super::sink::{FailureReason, Sink, SinkError};
use super::{Alerting, Member};
use crate::domain::attention::Attention;
use crate::domain::ids::SiteName;
use crate::domain::told::Delivery;

pub use known::{Known, Offers};
pub use line::{Stuck, back_off};

/// So long changes are gathered before they are looked at: a cycle over all sites is one look rather than thousands.
const GATHER: Duration = Duration::from_millis(200);
/// The present state is not looked at more often than this because of the time alone.
const SOON: Duration = Duration::from_millis(200);

/// What is under way has so long to come to an end when n720d stops, so that a restart repeats little: what takes longer, as a
/// sink with a long time-out may, is sent again. Shorter than n720d has for all of its leave.
const LANDING: Duration = Duration::from_secs(12);

/// What messages are made of; each may change at any time.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What holds.
    pub desk: Arc<Desk>,
    /// What people have said.
    pub attention: watch::Receiver<Arc<Attention>>,
    /// Whom to tell.
    pub alerting: watch::Receiver<Arc<Alerting>>,
}

/// Where it is kept what became of messages. Kept by the store; this is only the seam.
pub trait Ledger: Send + Sync + 'static {
    /// Enters a message that was tried for the last time, in one transaction; what it told is not on offer any more.
    fn record(&self, delivery: &Delivery) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Notes that a sink may hear of these alerts from here on.
    fn offer(
        &self,
        sink: &str,
        alerts: &BTreeMap<String, SiteName>,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Notes that it has certainly not heard of them.
    fn withdraw(
        &self,
        sink: &str,
        alerts: &BTreeMap<String, SiteName>,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Hears of every attempt. To be quick.
    fn tried(&self, attempt: &Attempt<'_>);

    /// Hears how many messages wait for a sink, the one under way counted, and what it does not take. To be quick.
    fn waiting(&self, sink: &str, messages: usize, stuck: Option<&Stuck>);

    /// Forgets what sinks know that are not in force any more; these are `left`.
    fn gone(
        &self,
        sinks: &BTreeSet<String>,
        left: &BTreeSet<String>,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;
}

/// The ledger could not be written.
#[derive(Debug, thiserror::Error)]
#[error("what became of a notification could not be kept")]
pub struct LedgerError(#[source] pub Box<dyn Error + Send + Sync>);

/// One attempt to tell a sink.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The sink.
    pub sink: &'a str,
    /// What it came to.
    pub result: Result<(), &'a SinkError>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Delivers until `shutdown`; then nothing is begun any more, and what is under way has 12 s to come to an end and be
/// recorded. What does not is sent again after the next start, with the same id. `clock` tells the time.
pub async fn dispatch<L: Ledger>(
    sources: Sources,
    known: Known,
    ledger: Arc<L>,
    clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
    shutdown: CancellationToken,
) {
    let mut dispatcher = Dispatcher {
        known,
        ledger,
        clock,
        lines: BTreeMap::new(),
        generations: 0,
        flights: JoinSet::new(),
        under_way: BTreeMap::new(),
        alerting: Arc::clone(&sources.alerting.borrow()),
        sources: sources.clone(),
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = dispatcher.run(sources) => {}
    }
    dispatcher.land().await;
}

/// All lines, and what they have in common.
struct Dispatcher<L, C> {
    known: Known,
    ledger: Arc<L>,
    clock: C,
    lines: BTreeMap<String, Line>,
    /// How many lines there have been.
    generations: u64,
    flights: JoinSet<Landed>,
    /// What was set going last for each sink.
    under_way: BTreeMap<String, AbortHandle>,
    sources: Sources,
    alerting: Arc<Alerting>,
}

/// What came of what was under way.
enum Landed {
    Tried {
        generation: u64,
        sink: Arc<dyn Sink>,
        message: Message,
        /// What was not on offer before.
        offers: BTreeMap<String, SiteName>,
        result: Result<(), SinkError>,
    },
    Recorded {
        generation: u64,
        delivery: Delivery,
        result: Result<(), LedgerError>,
    },
}

impl<L: Ledger, C: Fn() -> DateTime<Utc>> Dispatcher<L, C> {
    async fn run(&mut self, mut sources: Sources) {
        let mut desk = sources.desk.changes();
        let mut gathered: Option<Instant> = None;
        self.follow().await;
        loop {
            let due = self.work(Instant::now()).into_iter().chain(gathered).min();
            tokio::select! {
                Some(landed) = self.flights.join_next() => self.landed(landed),
                () = until(due) => {}
                () = changed(&mut desk) => {
                    gathered.get_or_insert_with(|| Instant::now() + GATHER);
                }
                () = changed(&mut sources.attention) => {
                    gathered.get_or_insert_with(|| Instant::now() + GATHER);
                }
                () = changed(&mut sources.alerting) => {
                    self.alerting = Arc::clone(&sources.alerting.borrow());
                    self.follow().await;
                }
            }
            if gathered.is_some_and(|at| at <= Instant::now()) {
                gathered = None;
                self.lines.values_mut().for_each(Line::make_stale);
            }
        }
    }

    /// Waits for what is under way, the record of it included, and begins nothing else.
    async fn land(&mut self) {
        let all = async {
            while let Some(landed) = self.flights.join_next().await {
                self.landed(landed);
            }
        };
        if timeout(LANDING, all).await.is_err() {
            let late = self.under_way.iter().filter(|(_, flight)| !flight.is_finished());
            let late: Vec<&str> = late.map(|(sink, _)| sink.as_str()).collect();
            tracing::warn!(
                sinks = late.join(", "),
                within_s = LANDING.as_secs(),
                "notifications under way did not come to an end in time; they are sent again after the next start, with the same id"
            );
        }
    }

    /// Makes the lines those of the sinks in force. One whose settings are the same is left as it is.
    async fn follow(&mut self) {
        let mut before = std::mem::take(&mut self.lines);
        for member in self.alerting.members() {
            let name = member.profile.name.clone();
            let mut line = match before.remove(&name) {
                Some(line) if line.member.is_same_sink(member) => line.told_by(member.profile.clone()),
                Some(line) => line.replaced_by(member.clone()),
                None => {
                    self.generations += 1;
                    Line::new(member.clone(), self.generations)
                }
            };
            line.make_stale();
            self.lines.insert(name, line);
        }
        let gone: BTreeSet<String> = before.into_keys().collect();
        if gone.is_empty() {
            return;
        }
        for sink in &gone {
            self.known.forget(sink);
            if let Some(under_way) = self.under_way.remove(sink) {
                under_way.abort();
            }
        }
        let left = self.lines.keys().cloned().collect();
        if let Err(error) = guarded(self.ledger.gone(&gone, &left)).await {
            let sinks = gone.into_iter().collect::<Vec<_>>().join(", ");
            complain(&sinks, &error, "what sinks knew that are gone is forgotten at the next start");
        }
    }

    /// Sets going all that is due; when the next is, unless something happens.
    fn work(&mut self, now: Instant) -> Option<Instant> {
        let names: Vec<String> = self.lines.keys().cloned().collect();
        names.iter().filter_map(|name| self.work_on(name, now)).min()
    }

    fn work_on(&mut self, name: &str, now: Instant) -> Option<Instant> {
        loop {
            let line = self.lines.get_mut(name)?;
            match line.next(now) {
                Next::Wait(until) => {
                    self.ledger.waiting(name, line.waiting(), line.stuck());
                    return until;
                }
                Next::Look => self.look(name, now),
                Next::Record(delivery) => {
                    let generation = line.generation;
                    self.record(generation, *delivery);
                }
                Next::Send(message) => {
                    let (generation, member) = (line.generation, line.member.clone());
                    self.send(generation, member, *message);
                }
            }
        }
    }

    fn look(&mut self, name: &str, now: Instant) {
        let sites = self.sources.desk.sites();
        self.known.believe_ends(name, &sites);
        let Some(line) = self.lines.get_mut(name) else { return };
        let time = (self.clock)();
        let outcome = pipeline::run(&Scene {
            sink: &line.member.profile,
            sites: &sites,
            ledger: &self.known.ledger,
            attention: &self.sources.attention.borrow(),
            routing: self.alerting.routing(),
            gathering: self.alerting.gathering(),
            now: time,
        });
        let again = outcome.look_again.map(|at| (at - time).to_std().unwrap_or_default().max(SOON));
        line.looked(outcome.messages, again, now);
    }

    fn send(&mut self, generation: u64, member: Member, message: Message) {
        let name = member.profile.name.clone();
        let offers = self.known.offer(&name, &message);
        let (ledger, at) = (Arc::clone(&self.ledger), (self.clock)());
        let flight = self.flights.spawn(async move {
            let Member { sink, .. } = &member;
            if !offers.is_empty()
                && let Err(error) = guarded(ledger.offer(sink.name(), &offers)).await
            {
                complain(sink.name(), &error, "an end may stay untold after a restart");
            }
            let result = deliver(&member, &message, at).await;
            if is_not_taken(&result)
                && !offers.is_empty()
                && let Err(error) = guarded(ledger.withdraw(sink.name(), &offers)).await
            {
                complain(sink.name(), &error, "an end may be told of what was not");
            }
            Landed::Tried { generation, sink: Arc::clone(sink), message, offers, result }
        });
        self.under_way.insert(name, flight);
    }

    fn record(&mut self, generation: u64, delivery: Delivery) {
        let (ledger, name) = (Arc::clone(&self.ledger), delivery.sink.clone());
        let flight = self.flights.spawn(async move {
            let result = guarded(ledger.record(&delivery)).await;
            Landed::Recorded { generation, delivery, result }
        });
        self.under_way.insert(name, flight);
    }

    /// The line for which something was under way; `None`: it is gone, even if its sink has come back since.
    fn line(&mut self, sink: &str, generation: u64) -> Option<&mut Line> {
        self.lines.get_mut(sink).filter(|line| line.generation == generation)
    }

    fn landed(&mut self, landed: Result<Landed, JoinError>) {
        match landed {
            Ok(Landed::Tried { generation, sink, message, offers, result }) => {
                if self.line(sink.name(), generation).is_none() {
                    return;
                }
                if is_not_taken(&result) {
                    self.known.withdraw(sink.name(), &offers);
                }
                self.tried(&sink, message, result);
            }
            Ok(Landed::Recorded { generation, delivery, result }) => {
                let unrecorded = result.err().map(|error| {
                    complain(&delivery.sink, &error, "notifications wait");
                    delivery.clone()
                });
                if let Some(line) = self.line(&delivery.sink, generation) {
                    line.recorded(unrecorded, Instant::now());
                }
            }
            Err(error) if error.is_cancelled() => tracing::debug!(%error, "a sink is gone"),
            Err(error) => tracing::error!(%error, "what became of a notification is not known"),
        }
    }

    fn tried(&mut self, sink: &Arc<dyn Sink>, message: Message, result: Result<(), SinkError>) {
        let (name, at, now) = (sink.name().to_owned(), (self.clock)(), Instant::now());
        self.ledger.tried(&Attempt { sink: &name, result: result.as_ref().copied(), at });
        let refused = match result {
            Ok(()) => None,
            Err(error) if error.is_retryable() => return self.failed(sink, message, &error),
            Err(error) => {
                tracing::error!(
                    sink = name,
                    about = message.subject.words(),
                    id = message.id,
                    reason = error.reason.as_str(),
                    "a notification is given up, nobody was told through this sink: {error}"
                );
                Some(error.to_string())
            }
        };
        let Some(line) = self.lines.get_mut(&name) else { return };
        match &refused {
            None => line.took(&message, now),
            // What has its name by then may know better what to make of it.
            Some(_) if !Arc::ptr_eq(sink, &line.member.sink) => return line.free(),
            Some(why) => line.gave_up(&message, Failure { why, at, now }),
        }
        let generation = line.generation;
        let known = self.known.ledger.get(&name);
        let mut delivery = pipeline::delivery(&name, known, &message, refused, at);
        if delivery.refused.is_some() {
            delivery = self.known.given_up(delivery);
        }
        self.known.enter(&delivery);
        self.record(generation, delivery);
    }

    fn failed(&mut self, sink: &Arc<dyn Sink>, message: Message, error: &SinkError) {
        let name = sink.name();
        let Some(line) = self.lines.get_mut(name) else { return };
        if !Arc::ptr_eq(sink, &line.member.sink) {
            return line.free();
        }
        if error.reason.needs_a_person() && line.complain_once() {
            tracing::error!(
                sink = name,
                reason = error.reason.as_str(),
                "an alert sink takes nothing, and nobody is told through it; look at its settings and at the receiver's: \
                 {error}"
            );
        }
        let (about, id) = (message.subject.words(), message.id.clone());
        let failure = Failure { why: &error.text, at: (self.clock)(), now: Instant::now() };
        let retry = line.failed(message, failure, error.retry_after);
        tracing::warn!(
            sink = name,
            about,
            id,
            reason = error.reason.as_str(),
            attempt = retry.attempts,
            retry_in_seconds = retry.later.as_secs(),
            "a notification was not delivered: {error}"
        );
    }
}

fn is_not_taken(result: &Result<(), SinkError>) -> bool {
    result.as_ref().is_err_and(|error| !error.may_have_been_taken)
}

/// Has a sink told once, whatever it does: one that breaks down or does not come to an end holds up nothing but itself.
async fn deliver(member: &Member, message: &Message, at: DateTime<Utc>) -> Result<(), SinkError> {
    let patience = member.patience();
    // A sink may do all its work before it gives the future out.
    let told = AssertUnwindSafe(async { member.sink.deliver(message, at).await }).catch_unwind();
    match timeout(patience, told).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => {
            let text = "the sink broke down over this message";
            Err(SinkError::new(FailureReason::Malformed, text).in_doubt(true))
        }
        Err(_) => {
            let text = format!("the sink did not come to an end within {patience:?} and was abandoned");
            Err(SinkError::new(FailureReason::Timeout, text).in_doubt(true))
        }
    }
}

/// A ledger that breaks down is one that could not be written.
async fn guarded(write: impl Future<Output = Result<(), LedgerError>>) -> Result<(), LedgerError> {
    let broken = |_| Err(LedgerError("it broke down".into()));
    AssertUnwindSafe(write).catch_unwind().await.unwrap_or_else(broken)
}

fn complain(sink: &str, error: &LedgerError, what_follows: &str) {
    let source = error.source().map(ToString::to_string);
    tracing::error!(sink, %error, source, "{what_follows}");
}

/// Ends when it changes; never, when nobody can change it any more.
async fn changed<T>(of: &mut watch::Receiver<T>) {
    if of.changed().await.is_err() {
        pending::<()>().await;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}
