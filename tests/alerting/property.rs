//! Random nights - conditions that come, change, go and cannot be told at several sites; sinks that are down; kills between
//! any two stages; clocks that are set; people who take and silence; reloads - against a simple model of what must have been
//! heard ([`crate::model`]).

use std::time::Duration;

use chrono::TimeDelta;
use n720d::domain::alert::{AlertKind, Severity};
use n720d::domain::attention::{Acknowledgement, Matcher, Silence};
use n720d::domain::ids::SiteName;
use n720d::domain::maintenance::MaintenanceWindow;
use n720d::domain::routing::{Escalation, Gathering, GroupBy, Route, Routing};
use proptest::prelude::*;

use crate::model::{ESCALATES, Key, MAIL, Model, PAGER, Plan};
use crate::support::{Daemon, Finding, Kill};

const SITES: [&str; 4] = ["acme-1", "acme-2", "beta", "gamma"];
const KINDS: [AlertKind; 3] = [AlertKind::Unreachable, AlertKind::Drift, AlertKind::HandsetLost];

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Cycle(usize, [Finding; 3]),
    /// The same at every site.
    CycleEverywhere([Finding; 3]),
    Pass(i64),
    SetClock(i64),
    Sink(&'static str, bool),
    /// Killed at the next look, and off for so many minutes.
    Kill(Kill, i64),
    Acknowledge(usize, usize, i64),
    Withdraw(usize, usize),
    Silence(usize, i64),
    Reload(Plan),
    StormBy(bool),
    Leave(usize),
    Return(usize),
}

fn finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        3 => Just(Finding::Holds(Severity::Warning)),
        2 => Just(Finding::Holds(Severity::Critical)),
        3 => Just(Finding::Clear),
        2 => Just(Finding::Unknown),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let site = || 0..SITES.len();
    let kind = || 0..KINDS.len();
    // Seconds: within a moment, within an interval, for hours.
    let span = || prop_oneof![3 => 1..8_i64, 6 => 8..400_i64, 1 => 3000..20_000_i64];
    let kills = prop_oneof![
        Just(Kill::BeforeItIsSent),
        Just(Kill::AfterItIsTakenAndBeforeThatIsKept),
        Just(Kill::AfterThatIsKept),
    ];
    let plans = prop_oneof![
        Just(Plan::All),
        Just(Plan::ByCustomer),
        Just(Plan::Critical),
        Just(Plan::Office),
        Just(Plan::Escalating),
    ];
    prop_oneof![
        10 => (site(), prop::array::uniform3(finding())).prop_map(|(site, found)| Step::Cycle(site, found)),
        3 => (kind(), finding()).prop_map(|(kind, found)| Step::CycleEverywhere(only(kind, found))),
        3 => prop::array::uniform3(finding()).prop_map(Step::CycleEverywhere),
        12 => span().prop_map(Step::Pass),
        1 => (-20_000..20_000_i64).prop_map(Step::SetClock),
        3 => (prop_oneof![Just(MAIL), Just(PAGER)], any::<bool>()).prop_map(|(sink, up)| Step::Sink(sink, up)),
        2 => (kills, 0..20_i64).prop_map(|(kill, minutes)| Step::Kill(kill, minutes)),
        2 => (site(), kind(), span()).prop_map(|(site, kind, span)| Step::Acknowledge(site, kind, span)),
        1 => (site(), kind()).prop_map(|(site, kind)| Step::Withdraw(site, kind)),
        1 => (site(), span()).prop_map(|(site, span)| Step::Silence(site, span)),
        2 => plans.prop_map(Step::Reload),
        1 => any::<bool>().prop_map(Step::StormBy),
        1 => site().prop_map(Step::Leave),
        2 => site().prop_map(Step::Return),
    ]
}

/// What is found of one kind when nothing can be told of the others.
fn only(kind: usize, found: Finding) -> [Finding; 3] {
    let mut all = [Finding::Unknown; 3];
    all[kind] = found;
    all
}

/// The daemon and the model of one night.
struct Night {
    daemon: Daemon,
    model: Model,
}

impl Night {
    fn new(storm: usize) -> Self {
        let mut daemon = Daemon::new(&[MAIL, PAGER]);
        for site in SITES {
            let customer = site.split('-').next().unwrap();
            daemon.add_site(site, &[("customer", customer)]);
        }
        daemon.gathering = Gathering { storm, ..Gathering::default() };
        Self { daemon, model: Model::new(storm <= SITES.len()) }
    }

    fn go(&mut self, step: &Step) {
        match step {
            Step::Cycle(site, found) => self.cycle(&name(*site), *found),
            Step::CycleEverywhere(found) => {
                (0..SITES.len()).for_each(|site| self.cycle(&name(site), *found));
            }
            Step::Pass(seconds) => self.pass(TimeDelta::seconds(*seconds)),
            Step::SetClock(seconds) => {
                self.daemon.set_by += TimeDelta::seconds(*seconds);
                self.model.clock_set(&self.daemon);
            }
            Step::Sink(sink, is_up) => self.daemon.sinks.get_mut(sink).unwrap().is_up = *is_up,
            Step::Kill(kill, minutes) => {
                if self.daemon.look(&mut self.model, Some(*kill)) {
                    self.daemon.passed += TimeDelta::minutes(*minutes);
                    self.model.is_off();
                }
            }
            Step::Acknowledge(site, kind, seconds) => self.acknowledge(&key(*site, *kind), *seconds),
            Step::Withdraw(site, kind) => {
                let key = key(*site, *kind);
                self.daemon.attention.acknowledgements.remove(&id(&key));
                self.model.withdrawn(&key);
            }
            Step::Silence(site, seconds) => self.silence(name(*site), *seconds),
            Step::Reload(plan) => {
                self.daemon.routing = routing(*plan);
                if self.model.plan != *plan {
                    self.model.regrouped(*plan);
                }
            }
            Step::StormBy(customer) => {
                let storm_by = if *customer { vec!["customer".into()] } else { vec![] };
                if self.daemon.gathering.storm_by != storm_by {
                    self.daemon.gathering.storm_by = storm_by;
                    self.model.regrouped(self.model.plan);
                }
            }
            Step::Leave(site) => {
                self.daemon.leave(&name(*site));
                self.model.left(&name(*site));
            }
            Step::Return(site) => _ = self.daemon.left.remove(&name(*site)),
        }
        self.daemon.look(&mut self.model, None);
        self.model.tick(&self.daemon);
    }

    fn cycle(&mut self, site: &SiteName, found: [Finding; 3]) {
        if self.daemon.left.contains(site) {
            return;
        }
        let findings: Vec<_> = KINDS.into_iter().zip(found).collect();
        self.daemon.cycle(site, &findings);
        self.model.found(&self.daemon, site, &findings);
    }

    fn acknowledge(&mut self, key: &Key, seconds: i64) {
        let Some(since) = self.model.since(key) else { return };
        let (at, until) = (self.daemon.now(), self.daemon.now() + TimeDelta::seconds(seconds));
        let (by, note) = ("anna".to_owned(), String::new());
        let given = Acknowledgement { alert: id(key), since, by, note, at, until: Some(until) };
        self.daemon.attention.acknowledgements.insert(id(key), given);
        self.model.acknowledged(key.clone(), at, until);
    }

    fn silence(&mut self, site: SiteName, seconds: i64) {
        let (from, until) = (self.daemon.now(), self.daemon.now() + TimeDelta::seconds(seconds));
        let of = Matcher { sites: [site.clone()].into(), ..Matcher::default() };
        let id = i64::try_from(self.daemon.attention.silences.len()).unwrap() + 1;
        let (by, reason) = ("anna".to_owned(), "works".to_owned());
        self.daemon.attention.silences.push(Silence { id, of, by, reason, from, until, ended: false });
        self.model.silenced(site, from, until);
    }

    /// Time passes; nobody looks but when the last look said so.
    fn pass(&mut self, span: TimeDelta) {
        let until = self.daemon.passed + span;
        while self.daemon.passed < until {
            let limit = (until - self.daemon.passed).min(TimeDelta::seconds(60));
            self.daemon.pass(limit, &mut self.model);
            self.model.tick(&self.daemon);
        }
    }
}

fn name(site: usize) -> SiteName {
    SITES[site].parse().unwrap()
}

fn key(site: usize, kind: usize) -> Key {
    (name(site), KINDS[kind])
}

fn id((site, kind): &Key) -> String {
    format!("{site}/{kind}")
}

fn routing(plan: Plan) -> Routing {
    let route = |of: Matcher, sink: &str| Route {
        name: sink.to_owned(),
        of,
        hours: None,
        sinks: vec![sink.to_owned()],
        escalation: Vec::new(),
        group_by: GroupBy::Site,
    };
    let (all, critical) =
        (Matcher::default(), Matcher { severity: Some(Severity::Critical), ..Matcher::default() });
    let office = MaintenanceWindow {
        start: "0 8 * * *".parse().unwrap(),
        length: Duration::from_secs(10 * 3600),
        time_zone: Some(chrono_tz::UTC),
    };
    let step = Escalation { after: ESCALATES.to_std().unwrap(), sinks: vec![PAGER.to_owned()] };
    let customer = GroupBy::Labels(vec!["customer".to_owned()]);
    let routes = match plan {
        Plan::All => vec![],
        Plan::ByCustomer => {
            vec![Route { group_by: customer, ..route(all.clone(), MAIL) }, route(all, PAGER)]
        }
        Plan::Critical => vec![route(all, MAIL), route(critical, PAGER)],
        Plan::Office => vec![Route { hours: Some(office), ..route(all, MAIL) }, route(critical, PAGER)],
        Plan::Escalating => vec![Route { escalation: vec![step], ..route(all, MAIL) }],
    };
    Routing { routes }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nothing_is_told_for_no_reason_and_missing_data_ends_nothing(
        storm in prop_oneof![2 => Just(3), 1 => Just(SITES.len() + 1)],
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut night = Night::new(storm);
        for step in &steps {
            night.go(step);
            // No two things happen in the same second.
            night.pass(TimeDelta::milliseconds(1001));
        }
        // In the end every sink is up, every site is back and sound, and a day passes.
        let calm = [Step::Sink(MAIL, true), Step::Sink(PAGER, true)].into_iter();
        let back = (0..SITES.len()).flat_map(|site| [Step::Return(site), Step::Cycle(site, [Finding::Clear; 3])]);
        for step in calm.chain(back).chain([Step::Pass(25 * 3600)]) {
            night.go(&step);
        }
        night.model.is_over();
    }
}
