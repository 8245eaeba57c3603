//! A forgotten look is a lost alert: whatever is told later though nothing has happened, was to be looked for by then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::alerting::Message;
use n720d::alerting::pipeline::Outcome;
use n720d::domain::alert::{Alert, AlertKind, AlertState, Severity};
use n720d::domain::attention::{Acknowledgement, Matcher, Silence};
use n720d::domain::maintenance::MaintenanceWindow;
use n720d::domain::routing::{Escalation, GroupBy, Route};
use n720d::domain::told::{Delivery, Told, content_hash};
use proptest::prelude::*;

use crate::support::{Daemon, Receiver};

const PAGER: &str = "pager";
const SITES: [&str; 4] = ["acme", "beta", "gamma", "delta"];
const KINDS: [AlertKind; 3] = [AlertKind::Unreachable, AlertKind::Drift, AlertKind::HandsetLost];

/// One alert and all that is known and was said of it; times in seconds from now.
#[derive(Debug, Clone)]
struct Case {
    site: usize,
    kind: usize,
    critical: bool,
    since: i64,
    ended: Option<i64>,
    /// When the pager was told, whether of what holds, and whether among many.
    told: Option<(i64, bool, bool)>,
    /// When mail was told.
    mail: Option<i64>,
    acknowledged: Option<i64>,
}

fn seconds() -> impl Strategy<Value = i64> {
    prop_oneof![2 => -10..3_i64, 2 => -400..10_i64, 2 => -20_000..100_i64, 1 => 0..20_000_i64]
}

fn case() -> impl Strategy<Value = Case> {
    let told = prop::option::of((seconds(), any::<bool>(), any::<bool>()));
    let given = prop::option::weighted(0.2, 1..20_000_i64);
    let what = (0..SITES.len(), 0..KINDS.len(), any::<bool>(), seconds());
    let ended = prop::option::weighted(0.3, seconds());
    (what, ended, told, prop::option::of(seconds()), given).prop_map(
        |((site, kind, critical, since), ended, told, mail, acknowledged)| Case {
            site,
            kind,
            critical,
            since,
            ended,
            told,
            mail,
            acknowledged,
        },
    )
}

/// What of a route is chosen: hours (start and length), sinks, escalation in minutes, labels, least severity.
type Choice = (Option<(u32, u64)>, bool, Option<u64>, bool, bool);

fn route(place: usize, (hours, here, escalates, grouped, critical): Choice) -> Route {
    let hours = hours.map(|(start, length)| MaintenanceWindow {
        start: format!("0 {start} * * *").parse().unwrap(),
        length: Duration::from_secs(length * 3600),
        time_zone: None,
    });
    let step = |minutes| Escalation { after: Duration::from_secs(minutes * 60), sinks: vec![PAGER.into()] };
    let severity = critical.then_some(Severity::Critical);
    Route {
        name: format!("route {place}"),
        of: Matcher { severity, ..Matcher::default() },
        hours,
        sinks: vec![if here { PAGER } else { "mail" }.to_owned()],
        escalation: escalates.map(step).into_iter().collect(),
        group_by: if grouped { GroupBy::Labels(vec![]) } else { GroupBy::Site },
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    let hours = prop::option::of((0..24_u32, 1..24_u64));
    (hours, any::<bool>(), prop::option::of(1..300_u64), any::<bool>(), any::<bool>())
}

fn alert(case: &Case, now: DateTime<Utc>) -> Alert {
    let at = |seconds| now + TimeDelta::seconds(seconds);
    let kind = KINDS[case.kind];
    Alert {
        id: format!("{}/{kind}", SITES[case.site]),
        kind,
        severity: if case.critical { Severity::Critical } else { Severity::Warning },
        summary: "it holds".into(),
        phase: String::new(),
        since: at(case.since),
        state: if case.ended.is_some() { AlertState::Resolved } else { AlertState::Firing },
        resolved_at: case.ended.map(at),
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

fn daemon(cases: &[Case], silences: &[(usize, i64)], routes: Vec<Route>, forgets: bool) -> Daemon {
    let mut daemon = Daemon::new(&[PAGER]);
    daemon.gathering.storm = 2;
    daemon.routing.routes = routes;
    let profile = &mut daemon.sinks.get_mut(PAGER).unwrap().profile;
    (profile.forgets, profile.gathers_itself) = (forgets, forgets);
    SITES.into_iter().for_each(|site| daemon.add_site(site, &[]));
    let now = daemon.now();
    let at = |seconds: i64| now + TimeDelta::seconds(seconds);
    for case in cases {
        let alert = alert(case, now);
        let site = SITES[case.site].parse().unwrap();
        let row = |at: DateTime<Utc>, holds: bool, merged| Told {
            site: SITES[case.site].parse().unwrap(),
            since: alert.since,
            content: holds.then(|| content_hash(&alert)).or(Some(String::new())),
            first_at: at,
            at,
            merged,
        };
        if let Some((told, holds, merged)) = case.told {
            let known = daemon.ledger.entry(PAGER.to_owned()).or_default();
            known.insert(alert.id.clone(), row(at(told), holds, merged));
        }
        if let Some(told) = case.mail {
            let known = daemon.ledger.entry("mail".to_owned()).or_default();
            known.insert(alert.id.clone(), row(at(told), true, false));
        }
        if let Some(until) = case.acknowledged {
            let (alert, since) = (alert.id.clone(), alert.since);
            let (by, note, until) = ("anna".to_owned(), String::new(), Some(at(until)));
            let given = Acknowledgement { alert: alert.clone(), since, by, note, at: now, until };
            daemon.attention.acknowledgements.insert(alert, given);
        }
        let alerts = &mut daemon.sites.get_mut::<n720d::domain::ids::SiteName>(&site).unwrap().alerts;
        alerts.retain(|one| one.id != alert.id);
        alerts.push(Arc::new(alert));
    }
    for (site, until) in silences {
        let of = Matcher { sites: [SITES[*site].parse().unwrap()].into(), ..Matcher::default() };
        let (by, reason) = ("anna".to_owned(), "works".to_owned());
        daemon.attention.silences.push(Silence {
            id: 1,
            of,
            by,
            reason,
            from: now,
            until: at(*until),
            ended: false,
        });
    }
    daemon
}

/// Takes everything.
struct Nobody;

impl Receiver for Nobody {
    fn receive(&mut self, _daemon: &Daemon, _sink: &'static str, _message: &Message) {}

    fn kept(&mut self, _daemon: &Daemon, _delivery: &Delivery) {}
}

fn told(outcome: &Outcome) -> BTreeSet<String> {
    let entries = outcome.messages.iter().flat_map(|message| &message.entries);
    entries.map(|entry| entry.alert.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_waits_for_time_alone_is_looked_for_when_it_is_due(
        cases in prop::collection::vec(case(), 1..8),
        silences in prop::collection::vec((0..SITES.len(), 1..20_000_i64), 0..2),
        choices in prop::collection::vec(choice(), 0..3),
        forgets in prop::bool::weighted(0.2),
    ) {
        let routes = choices.into_iter().enumerate().map(|(place, choice)| route(place, choice)).collect();
        let mut daemon = daemon(&cases, &silences, routes, forgets);
        // What is to be told at once is told; what is left waits.
        daemon.look(&mut Nobody, None);
        let start = daemon.now();
        let due = daemon.run(PAGER).look_again;
        prop_assert!(due.is_none_or(|at| at > start), "at once again and again");
        let spans = (0..12).chain((12..700).step_by(9)).chain((700..200_000).step_by(997));
        for seconds in spans {
            daemon.passed = TimeDelta::seconds(seconds);
            let told = told(&daemon.run(PAGER));
            if !told.is_empty() {
                prop_assert!(due.is_some_and(|at| at <= daemon.now()), "{told:?} after {seconds} s, and {due:?}");
                break;
            }
        }
    }
}
