//! A daemon in memory, as far as alerts go: what it keeps over a restart, its sinks, and the passing of time. It drives the
//! real stages from findings to the ledger, and hands every message to whoever is to judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::pipeline::{self, Outcome, Scene, SinkProfile, SiteAlerts};
use n720d::alerting::{Message, SiteFacts};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Condition, Severity};
use n720d::domain::attention::Attention;
use n720d::domain::conditions::{Conditions, left, live_on};
use n720d::domain::ids::SiteName;
use n720d::domain::routing::{Gathering, Routing};
use n720d::domain::told::{Delivery, NotificationLedger};

pub(crate) const REPEAT: Duration = Duration::from_secs(4 * 3600);

/// What a cycle finds of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Holds(Severity),
    Clear,
    Unknown,
}

/// When the daemon is killed within a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kill {
    BeforeItIsSent,
    AfterItIsTakenAndBeforeThatIsKept,
    AfterThatIsKept,
}

/// What is durable, and the clocks.
pub(crate) struct Daemon {
    pub(crate) sites: BTreeMap<SiteName, SiteAlerts>,
    /// Sites whose file is taken away for now.
    pub(crate) left: BTreeSet<SiteName>,
    pub(crate) ledger: NotificationLedger,
    pub(crate) attention: Attention,
    pub(crate) routing: Routing,
    pub(crate) gathering: Gathering,
    /// Time that passes, whatever the clock is set to.
    pub(crate) passed: TimeDelta,
    /// What the clock was set by.
    pub(crate) set_by: TimeDelta,
    pub(crate) sinks: BTreeMap<&'static str, Line>,
}

/// A sink as the daemon sees it.
pub(crate) struct Line {
    pub(crate) profile: SinkProfile,
    pub(crate) is_up: bool,
    /// When it is looked at again, in time that passes.
    due: Option<TimeDelta>,
}

/// Whoever is told.
pub(crate) trait Receiver {
    /// A message has come.
    fn receive(&mut self, daemon: &Daemon, sink: &'static str, message: &Message);

    /// What became of it was kept.
    fn kept(&mut self, daemon: &Daemon, delivery: &Delivery);
}

impl Daemon {
    pub(crate) fn new(sinks: &[&'static str]) -> Self {
        let line = |name: &&'static str| {
            let name = (*name).to_owned();
            let profile = SinkProfile {
                name,
                repeat: REPEAT,
                forgets: false,
                gathers_itself: false,
                names_each: false,
            };
            Line { profile, is_up: true, due: None }
        };
        Self {
            sites: BTreeMap::new(),
            left: BTreeSet::new(),
            ledger: NotificationLedger::new(),
            attention: Attention::default(),
            routing: Routing::default(),
            gathering: Gathering::default(),
            passed: TimeDelta::zero(),
            set_by: TimeDelta::zero(),
            sinks: sinks.iter().map(|name| (*name, line(name))).collect(),
        }
    }

    /// What the clock shows; at first it is noon.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let noon = DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc();
        noon + self.passed + self.set_by
    }

    pub(crate) fn add_site(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let name: SiteName = name.parse().unwrap();
        let facts = Arc::new(SiteFacts { name: name.clone(), labels, ..SiteFacts::of_fleet() });
        self.sites.insert(name, SiteAlerts { facts, alerts: Vec::new() });
    }

    /// A cycle over one site: what was told to be ended is let go of, what is found lives on.
    pub(crate) fn cycle(&mut self, site: &SiteName, findings: &[(AlertKind, Finding)]) {
        let now = self.now();
        let Some(at) = self.sites.get_mut(site) else { return };
        let owed = |alert: &Alert| self.ledger.values().any(|known| known.contains_key(&alert.id));
        let previous: Vec<Alert> = at
            .alerts
            .iter()
            .filter(|alert| alert.state != AlertState::Resolved || owed(alert))
            .map(|alert| Alert::clone(alert))
            .collect();
        let alerts = live_on(site, &previous, conditions(findings), now);
        at.alerts = alerts.into_iter().map(Arc::new).collect();
    }

    /// The file of a site is taken away.
    pub(crate) fn leave(&mut self, site: &SiteName) {
        let now = self.now();
        let Some(at) = self.sites.get_mut(site) else { return };
        self.left.insert(site.clone());
        let alerts: Vec<Alert> = at.alerts.iter().map(|alert| Alert::clone(alert)).collect();
        at.alerts = left(&alerts, now).into_iter().map(Arc::new).collect();
    }

    /// Runs the stages for a sink.
    pub(crate) fn run(&self, sink: &str) -> Outcome {
        pipeline::run(&Scene {
            sink: &self.sinks[sink].profile,
            sites: &self.sites,
            ledger: &self.ledger,
            attention: &self.attention,
            routing: &self.routing,
            gathering: &self.gathering,
            now: self.now(),
        })
    }

    /// Looks what is to be told to every sink, and tells it; whether it was killed over that.
    pub(crate) fn look(&mut self, receiver: &mut impl Receiver, kill: Option<Kill>) -> bool {
        let names: Vec<&'static str> = self.sinks.keys().copied().collect();
        names.into_iter().any(|sink| self.look_at(sink, receiver, kill))
    }

    fn look_at(&mut self, sink: &'static str, receiver: &mut impl Receiver, kill: Option<Kill>) -> bool {
        let mut outcome = self.run(sink);
        // What was told of one place can be the last reason to keep another one back; then it is at rest.
        for _ in 0..3 {
            if !self.sinks[sink].is_up || outcome.messages.is_empty() {
                break;
            }
            for message in &outcome.messages {
                if kill == Some(Kill::BeforeItIsSent) {
                    return true;
                }
                receiver.receive(self, sink, message);
                if kill == Some(Kill::AfterItIsTakenAndBeforeThatIsKept) {
                    return true;
                }
                self.keep(sink, message, receiver);
                if kill == Some(Kill::AfterThatIsKept) {
                    return true;
                }
            }
            outcome = self.run(sink);
        }
        assert!(!self.sinks[sink].is_up || outcome.messages.is_empty(), "there is no end to it: {outcome:?}");
        let again = outcome.look_again.map(|at| (at - self.now()).max(TimeDelta::milliseconds(200)));
        let passed = self.passed;
        self.sinks.get_mut(sink).unwrap().due = again.map(|again| passed + again);
        false
    }

    fn keep(&mut self, sink: &'static str, message: &Message, receiver: &mut impl Receiver) {
        let now = self.now();
        let known = self.ledger.entry(sink.to_owned()).or_default();
        let delivery = pipeline::delivery(sink, Some(&*known), message, None, now);
        known.retain(|id, _| !delivery.ended.contains_key(id));
        known.extend(delivery.told.clone());
        receiver.kept(self, &delivery);
    }

    /// Lets time pass up to the next look that is due, `limit` at most, and looks.
    pub(crate) fn pass(&mut self, limit: TimeDelta, receiver: &mut impl Receiver) -> TimeDelta {
        let due = self.sinks.iter().filter_map(|(name, line)| Some((line.due?, *name))).min();
        let due = due.filter(|(due, _)| *due <= self.passed + limit);
        let until = due.map_or(self.passed + limit, |(due, _)| due.max(self.passed));
        let span = until - self.passed;
        self.passed = until;
        if let Some((_, sink)) = due {
            self.look_at(sink, receiver, None);
        }
        span
    }
}

/// What a cycle makes of its findings.
fn conditions(findings: &[(AlertKind, Finding)]) -> Conditions {
    let mut found = Conditions::default();
    for (kind, finding) in findings {
        match finding {
            Finding::Holds(severity) => found.holding.push(Condition::new(*kind, *severity, "it holds")),
            Finding::Clear => {}
            Finding::Unknown => {
                found.unknown.insert(*kind);
            }
        }
    }
    found
}
