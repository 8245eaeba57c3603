//! A running dispatch on the paused clock: a desk to put alerts on, a ledger in memory, sinks that do as they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, pending};
use n720d::alerting::{
    Alerting, Attempt, Desk, FailureReason, Known, Ledger, LedgerError, Message, Sink, SinkError, SiteFacts,
    Sources, Stuck, dispatch,
};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Severity};
use n720d::domain::attention::Attention;
use n720d::domain::ids::SiteName;
use n720d::domain::routing::{Gathering, Routing};
use n720d::domain::told::Delivery;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const REPEAT: Duration = Duration::from_secs(4 * 3600);
pub(crate) const DOWN: Act = Act::Fail(FailureReason::Connection);

/// When the test begins.
pub(crate) fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// An alert that has held for an hour.
pub(crate) fn alert(site: &str, state: AlertState) -> Alert {
    Alert {
        id: format!("{site}/drift"),
        kind: AlertKind::Drift,
        severity: Severity::Warning,
        summary: "it differs".into(),
        phase: String::new(),
        since: begin() - TimeDelta::hours(1),
        state,
        resolved_at: (state == AlertState::Resolved).then(begin),
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

/// What was kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pub(crate) recorded: Vec<Delivery>,
    /// What is on offer, as `sink: alert`.
    pub(crate) offers: BTreeSet<String>,
    /// How many of the next writes fail.
    pub(crate) full: u32,
    /// How many of the next writes break down.
    pub(crate) broken: u32,
    /// What each sink does not take.
    pub(crate) stuck: BTreeMap<String, Option<Stuck>>,
    /// Sinks that are not in force any more.
    pub(crate) gone: Vec<String>,
    /// How many messages wait, by sink.
    pub(crate) waiting: BTreeMap<String, usize>,
    /// Attempts, by sink and result.
    pub(crate) tried: Vec<(String, bool)>,
}

impl Book {
    /// What was recorded, as `about: reason`.
    pub(crate) fn told(&self) -> Vec<String> {
        let line = |delivery: &Delivery| format!("{}: {}", delivery.about, delivery.reason.as_str());
        self.recorded.iter().map(line).collect()
    }
}

/// A ledger in memory.
#[derive(Clone)]
pub(crate) struct MemoryLedger(pub(crate) watch::Sender<Book>);

impl MemoryLedger {
    fn write(&self, change: impl FnOnce(&mut Book)) -> Result<(), LedgerError> {
        let (mut failed, mut broke_down) = (false, false);
        self.0.send_modify(|book| {
            broke_down = book.broken > 0;
            book.broken = book.broken.saturating_sub(1);
            if broke_down {
                return;
            }
            failed = book.full > 0;
            book.full = book.full.saturating_sub(1);
            if !failed {
                change(book);
            }
        });
        assert!(!broke_down, "scripted");
        if failed { Err(LedgerError(Box::new(std::io::Error::other("disk full")))) } else { Ok(()) }
    }
}

impl Ledger for MemoryLedger {
    async fn record(&self, delivery: &Delivery) -> Result<(), LedgerError> {
        self.write(|book| {
            for alert in delivery.told.keys().chain(delivery.ended.keys()) {
                book.offers.remove(&format!("{}: {alert}", delivery.sink));
            }
            book.recorded.push(delivery.clone());
        })
    }

    async fn offer(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), LedgerError> {
        self.write(|book| book.offers.extend(alerts.keys().map(|alert| format!("{sink}: {alert}"))))
    }

    async fn withdraw(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), LedgerError> {
        let withdrawn: Vec<String> = alerts.keys().map(|alert| format!("{sink}: {alert}")).collect();
        self.write(|book| book.offers.retain(|offer| !withdrawn.contains(offer)))
    }

    fn tried(&self, attempt: &Attempt<'_>) {
        let tried = (attempt.sink.to_owned(), attempt.result.is_ok());
        self.0.send_modify(|book| book.tried.push(tried));
    }

    fn waiting(&self, sink: &str, messages: usize, stuck: Option<&Stuck>) {
        self.0.send_modify(|book| {
            *book.waiting.entry(sink.to_owned()).or_default() = messages;
            *book.stuck.entry(sink.to_owned()).or_default() = stuck.cloned();
        });
    }

    async fn gone(&self, sinks: &BTreeSet<String>, left: &BTreeSet<String>) -> Result<(), LedgerError> {
        assert!(sinks.is_disjoint(left));
        self.write(|book| book.gone.extend(sinks.clone()))
    }
}

/// What a scripted sink does with one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Take,
    Fail(FailureReason),
    /// Fails, and may have taken it.
    Doubt(FailureReason),
    /// Asks to be left alone for so many seconds.
    Later(u64),
    /// Has no connection after so many seconds.
    Slow(u64),
    /// Takes it after so many seconds.
    TakeAfter(u64),
    Hang,
    Panic,
    /// Before there is a future.
    PanicAtOnce,
}

/// A sink that follows a script, then takes everything; what is about some sites it fails whenever it comes.
pub(crate) struct ScriptedSink {
    name: String,
    script: Mutex<VecDeque<Act>>,
    indigestible: BTreeSet<String>,
    /// Every attempt: what about, with which id, and when.
    attempts: Mutex<Vec<(String, String, DateTime<Utc>)>>,
}

impl ScriptedSink {
    pub(crate) fn new(name: &str, script: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Self::poisoned(name, script, [])
    }

    pub(crate) fn poisoned<const N: usize>(
        name: &str,
        script: impl IntoIterator<Item = Act>,
        indigestible: [&str; N],
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            script: Mutex::new(script.into_iter().collect()),
            indigestible: indigestible.map(str::to_owned).into(),
            attempts: Mutex::default(),
        })
    }

    /// What each attempt was about.
    pub(crate) fn abouts(&self) -> Vec<String> {
        self.attempts.lock().unwrap().iter().map(|(about, ..)| about.clone()).collect()
    }

    /// The id of each attempt.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.attempts.lock().unwrap().iter().map(|(_, id, _)| id.clone()).collect()
    }

    /// When each attempt was, in seconds from the beginning.
    pub(crate) fn seconds(&self) -> Vec<i64> {
        self.attempts.lock().unwrap().iter().map(|(.., time)| (*time - begin()).num_seconds()).collect()
    }
}

impl Sink for ScriptedSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        let about = message.subject.words();
        let mut act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Take);
        if self.indigestible.contains(&about) {
            act = Act::Fail(FailureReason::Server);
        }
        self.attempts.lock().unwrap().push((about, message.id.clone(), now));
        assert!(!matches!(act, Act::PanicAtOnce), "scripted");
        async move {
            match act {
                Act::Take => Ok(()),
                Act::Fail(reason) => Err(SinkError::new(reason, format!("scripted: {reason}"))),
                Act::Doubt(reason) => Err(SinkError::new(reason, "scripted").in_doubt(true)),
                Act::Later(seconds) => {
                    let error = SinkError::new(FailureReason::RateLimited, "scripted");
                    Err(error.asking_for(Some(Duration::from_secs(seconds))))
                }
                Act::Slow(seconds) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Err(SinkError::new(FailureReason::Connection, "scripted"))
                }
                Act::TakeAfter(seconds) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Ok(())
                }
                Act::Hang => pending().await,
                Act::Panic | Act::PanicAtOnce => panic!("scripted"),
            }
        }
        .boxed()
    }
}

/// These sinks, told at once and of each site by itself.
pub(crate) fn alerting(sinks: &[Arc<ScriptedSink>]) -> Arc<Alerting> {
    let sinks = sinks.iter().map(|sink| (Arc::clone(sink) as Arc<dyn Sink>, REPEAT)).collect();
    let gathering = Gathering { wait: Duration::ZERO, storm: usize::MAX, ..Gathering::default() };
    Arc::new(Alerting::with_sinks(sinks, Routing::default(), gathering))
}

/// A desk with these sites in force, each with an alert that fires.
pub(crate) fn desk(sites: &[&str]) -> Arc<Desk> {
    let desk = Desk::default();
    desk.follow(sites.iter().map(|site| SiteFacts { name: site.parse().unwrap(), ..SiteFacts::of_fleet() }));
    let desk = Arc::new(desk);
    sites.iter().for_each(|site| put(&desk, site, AlertState::Firing));
    desk
}

/// Puts the alert of a site on the desk.
pub(crate) fn put(desk: &Desk, site: &str, state: AlertState) {
    desk.put(&site.parse().unwrap(), &[alert(site, state)]);
}

/// A running dispatch.
pub(crate) struct Running {
    pub(crate) book: watch::Sender<Book>,
    pub(crate) attention: watch::Sender<Arc<Attention>>,
    pub(crate) alerting: watch::Sender<Arc<Alerting>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// With nothing known.
    pub(crate) fn start(desk: &Arc<Desk>, sinks: &[Arc<ScriptedSink>]) -> Self {
        Self::start_with(desk, sinks, Book::default(), Known::default())
    }

    pub(crate) fn start_with(
        desk: &Arc<Desk>,
        sinks: &[Arc<ScriptedSink>],
        book: Book,
        known: Known,
    ) -> Self {
        let (alerting, current) = watch::channel(alerting(sinks));
        let attention = watch::Sender::<Arc<Attention>>::default();
        let (book, shutdown) = (watch::Sender::new(book), CancellationToken::new());
        let sources = Sources { desk: Arc::clone(desk), attention: attention.subscribe(), alerting: current };
        let ledger = Arc::new(MemoryLedger(book.clone()));
        let start = tokio::time::Instant::now();
        let clock = move || begin() + TimeDelta::from_std(start.elapsed()).unwrap();
        let task = tokio::spawn(dispatch(sources, known, ledger, clock, shutdown.clone()));
        Self { book, attention, alerting, shutdown, task }
    }

    /// Waits for the book to look so; bounded by two hours of the test's clock.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Book) -> bool) -> Book {
        let mut seen = self.book.subscribe();
        let waiting = tokio::time::timeout(Duration::from_secs(7200), seen.wait_for(wanted));
        waiting.await.unwrap_or_else(|_| panic!("{:?}", self.book.borrow())).unwrap().clone()
    }

    /// Waits until so many messages were recorded.
    pub(crate) async fn told(&self, count: usize) -> Book {
        self.until(|book| book.recorded.len() >= count).await
    }

    pub(crate) async fn stop(self) -> Book {
        self.shutdown.cancel();
        self.task.await.unwrap();
        self.book.borrow().clone()
    }
}
