//! Random lives of a site - conditions that come, change, go and cannot be told; sinks that are down; kills between the
//! stages; clock steps - against a simple model of what a receiver must have heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::{Alerting, Body, Sink};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Condition, Severity};
use n720d::domain::conditions::{Conditions, live_on};
use n720d::domain::ids::SiteName;
use n720d::domain::notification::Reason;
use n720d::domain::routing::{Gathering, Routing};
use proptest::prelude::*;

use crate::support::{MemoryOutbox, REPEAT, ScriptedSink, at, site};

const KINDS: [AlertKind; 3] = [AlertKind::Drift, AlertKind::HandsetLost, AlertKind::ClockSkew];
const SINKS: [&str; 2] = ["log", "pager"];

/// What a cycle finds of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Holds(u8),
    Clear,
    Unknown,
}

/// When the daemon is killed within a cycle; it starts again with what was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    Never,
    BeforeItIsWritten,
    AfterASinkTookItAndBeforeThatIsWritten,
}

#[derive(Debug, Clone)]
struct Cycle {
    findings: [Finding; 3],
    up: [bool; 2],
    minutes: i64,
    kill: Kill,
}

fn cycle() -> impl Strategy<Value = Cycle> {
    let finding = prop_oneof![
        4 => (0..2_u8).prop_map(Finding::Holds),
        3 => Just(Finding::Clear),
        2 => Just(Finding::Unknown),
    ];
    let kill = prop_oneof![
        8 => Just(Kill::Never),
        1 => Just(Kill::BeforeItIsWritten),
        1 => Just(Kill::AfterASinkTookItAndBeforeThatIsWritten),
    ];
    let minutes = prop_oneof![8 => 1..10_i64, 1 => 200..400_i64, 1 => -400..0_i64];
    (prop::array::uniform3(finding), prop::array::uniform2(any::<bool>()), minutes, kill)
        .prop_map(|(findings, up, minutes, kill)| Cycle { findings, up, minutes, kill })
}

/// What a receiver heard, each notification once however often it came.
#[derive(Default)]
struct Heard {
    ids: BTreeSet<String>,
    bodies: Vec<(Body, DateTime<Utc>)>,
}

/// One alert's life in the model: from its beginning to its end.
#[derive(Debug)]
struct Life {
    id: String,
    since: DateTime<Utc>,
    cycles: u32,
    ended: bool,
}

struct World {
    alerting: Alerting,
    outbox: MemoryOutbox,
    alerts: Vec<Alert>,
    heard: BTreeMap<&'static str, Heard>,
    lives: Vec<Life>,
    now: DateTime<Utc>,
    duplicates: bool,
}

impl World {
    fn new() -> Self {
        let sink = |name: &&str| (ScriptedSink::new(name, []) as Arc<dyn Sink>, REPEAT);
        let sinks = SINKS.iter().map(sink).collect();
        Self {
            alerting: Alerting::with_sinks(sinks, Routing::default(), Gathering::default()),
            outbox: MemoryOutbox::new(),
            alerts: Vec::new(),
            heard: SINKS.iter().map(|name| (*name, Heard::default())).collect(),
            lives: Vec::new(),
            now: at(0),
            duplicates: false,
        }
    }

    fn pass(&mut self, cycle: &Cycle) {
        // A second on top of the minutes keeps every cycle's time its own, also when the clock is set back.
        self.now += TimeDelta::minutes(cycle.minutes) + TimeDelta::seconds(1);
        let (ledgers, waiting) = (self.outbox.ledgers(), self.outbox.waiting());
        let previous = self.alerting.unannounced(&self.alerts, &ledgers);
        let alerts = live_on(&acme(), &previous, conditions(&cycle.findings), self.now);
        let new = self.alerting.notifications(&site("acme"), &alerts, &ledgers, &waiting, self.now);
        if cycle.kill == Kill::BeforeItIsWritten {
            return;
        }
        self.follow(&previous, &alerts, &cycle.findings);
        self.alerts = alerts;
        for notification in new {
            self.outbox.queue(notification, self.now);
        }
        self.deliver(cycle);
    }

    fn deliver(&mut self, cycle: &Cycle) {
        for (sink, up) in SINKS.into_iter().zip(cycle.up) {
            let Some(waiting) = self.outbox.waiting().remove(sink).filter(|_| up) else { continue };
            let heard = self.heard.get_mut(sink).unwrap();
            if heard.ids.insert(waiting.id.clone()) {
                heard.bodies.push((Body::parse(&waiting.body).unwrap(), self.now));
            }
            if cycle.kill == Kill::AfterASinkTookItAndBeforeThatIsWritten {
                self.duplicates = true;
                return;
            }
            self.outbox.0.send_modify(|shelf| shelf.waiting.retain(|(one, _)| one.id != waiting.id));
        }
    }

    /// Keeps the model's lives, and holds that only a positive clear ends one.
    fn follow(&mut self, previous: &[Alert], alerts: &[Alert], findings: &[Finding; 3]) {
        for (kind, finding) in KINDS.into_iter().zip(findings) {
            let id = format!("acme/{kind}");
            let find = |list: &[Alert]| {
                list.iter().find(|alert| alert.id == id && alert.state != AlertState::Resolved).cloned()
            };
            let (before, after) = (find(previous), find(alerts));
            let life = self.lives.iter_mut().rfind(|life| life.id == id && !life.ended);
            match (life, after) {
                (Some(life), Some(alert)) => {
                    assert_eq!(life.since, alert.since);
                    life.cycles += 1;
                }
                (None, Some(alert)) => {
                    assert!(matches!(finding, Finding::Holds(_)), "{id} began without a condition");
                    self.lives.push(Life { id, since: alert.since, cycles: 1, ended: false });
                }
                (Some(life), None) => {
                    assert_eq!(*finding, Finding::Clear, "{id} ended without having been seen clear");
                    life.ended = true;
                }
                (None, None) => assert!(before.is_none()),
            }
        }
    }

    fn check(&self) {
        for (sink, heard) in &self.heard {
            self.check_lives(sink, heard);
            check_reasons(heard);
        }
    }

    fn check_lives(&self, sink: &str, heard: &Heard) {
        for life in &self.lives {
            let told: Vec<AlertState> = heard
                .bodies
                .iter()
                .flat_map(|(body, _)| &body.alerts)
                .filter(|alert| alert.id == life.id && alert.since == life.since)
                .map(|alert| alert.state)
                .collect();
            let ends = told.iter().filter(|state| **state == AlertState::Resolved).count();
            let last = self
                .lives
                .iter()
                .rfind(|other| other.id == life.id)
                .is_some_and(|other| other.since == life.since);
            let case = format!("{sink}: {life:?} was told as {told:?}");
            if last && life.cycles > 1 {
                assert!(!told.is_empty(), "never told: {case}");
            }
            if last && !told.is_empty() {
                assert_eq!(
                    told.last() == Some(&AlertState::Resolved),
                    life.ended,
                    "not the last word: {case}"
                );
            }
            if !self.duplicates {
                assert!(ends <= 1, "ended twice: {case}");
                let after = told.iter().skip_while(|state| **state != AlertState::Resolved).skip(1).count();
                assert_eq!(after, 0, "told after its end: {case}");
            }
        }
    }
}

/// The reason that is given is the one that a receiver can see: a repetition repeats, an end leaves nothing.
fn check_reasons(heard: &Heard) {
    for pair in heard.bodies.windows(2) {
        let [(before, _), (after, _)] = pair else { continue };
        if after.reason == Reason::Repeat {
            assert_eq!(firing(before), firing(after), "a repetition says what was said before");
        }
        assert_eq!(after.reason == Reason::Resolved, firing(after).is_empty(), "{after:?}");
    }
}

fn firing(body: &Body) -> BTreeMap<&str, Severity> {
    let alerts = body.alerts.iter().filter(|alert| alert.state == AlertState::Firing);
    alerts.map(|alert| (alert.id.as_str(), alert.severity)).collect()
}

fn acme() -> SiteName {
    "acme".parse().unwrap()
}

fn conditions(findings: &[Finding; 3]) -> Conditions {
    let mut found = Conditions::default();
    for (kind, finding) in KINDS.into_iter().zip(findings) {
        match finding {
            Finding::Holds(0) => found.holding.push(Condition::new(kind, Severity::Warning, "it holds")),
            Finding::Holds(_) => found.holding.push(Condition::new(kind, Severity::Critical, "it is bad")),
            Finding::Clear => {}
            Finding::Unknown => {
                found.unknown.insert(kind);
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nothing_is_told_twice_and_missing_data_ends_nothing(
        cycles in prop::collection::vec(cycle(), 1..40)
    ) {
        let mut world = World::new();
        for cycle in &cycles {
            world.pass(cycle);
        }
        // In the end every sink is up and nothing new is known.
        let quiet = Cycle { findings: [Finding::Unknown; 3], up: [true; 2], minutes: 1, kill: Kill::Never };
        world.pass(&quiet);
        world.pass(&quiet);
        prop_assert!(world.outbox.waiting().is_empty());
        world.check();
    }

    #[test]
    fn a_site_where_nothing_changes_is_told_once_an_interval(cycles in 1..200_i64) {
        let mut world = World::new();
        let same = Cycle {
            findings: [Finding::Holds(0), Finding::Clear, Finding::Clear],
            up: [true; 2],
            minutes: 4,
            kill: Kill::Never,
        };
        for _ in 0..cycles {
            world.pass(&same);
        }
        let told = world.heard["pager"].bodies.len();
        let cycles_an_interval = i64::try_from(REPEAT.as_secs()).unwrap().div_euclid(241) + 1;
        prop_assert_eq!(told, 1 + usize::try_from((cycles - 1) / cycles_an_interval).unwrap());
    }
}
