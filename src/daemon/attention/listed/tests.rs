//! Lists out of what is kept: what stands where, and who is told to know of it.

use chrono::TimeDelta;
use chrono_tz::Europe::{Berlin, Lisbon};

use super::*;
use crate::domain::alert::{AlertKind, Severity};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn facts(site: &str, zone: Tz) -> SiteFacts {
    SiteFacts { name: site.parse().unwrap(), time_zone: zone, ..SiteFacts::of_fleet() }
}

fn alert(site: &str, kind: AlertKind, severity: Severity, since: i64) -> Alert {
    Alert {
        id: format!("{site}/{kind}"),
        kind,
        severity,
        summary: String::new(),
        phase: String::new(),
        since: at(since),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

fn told(site: &str, first: i64, last: i64) -> Told {
    let site = site.parse().unwrap();
    Told { site, since: at(0), content: None, first_at: at(first), at: at(last), merged: false }
}

/// Two sites and the fleet, with what people said of them and what sinks know.
struct World {
    sites: BTreeMap<SiteName, SiteAlerts>,
    ledger: NotificationLedger,
    sinks: BTreeSet<String>,
    attention: Attention,
}

impl World {
    fn new(alerts: Vec<(&str, Vec<Alert>)>) -> Self {
        let alerts = alerts.into_iter().map(|(site, alerts)| (site.parse().unwrap(), alerts)).collect();
        Self {
            sites: with_alerts(alerts, [facts("acme", Berlin), facts("beta", Lisbon), SiteFacts::of_fleet()]),
            ledger: NotificationLedger::new(),
            sinks: ["mail".to_owned()].into(),
            attention: Attention::default(),
        }
    }

    fn known(&self) -> Known<'_> {
        let Self { sites, ledger, sinks, attention } = self;
        Known { sites, ledger, sinks, attention, now: at(1_000) }
    }

    fn silence(&mut self, of: Matcher) {
        let (by, reason) = ("ben".to_owned(), "move".to_owned());
        self.attention.silences.push(Silence {
            id: 7,
            of,
            by,
            reason,
            from: at(0),
            until: at(2_000),
            ended: false,
        });
    }

    fn take(&mut self, alert: &Alert) {
        let given = Acknowledgement::new(alert, "anna", "on my way", None, at(900)).unwrap();
        self.attention.acknowledgements.insert(alert.id.clone(), given);
    }
}

fn ids(lines: &[AlertLine]) -> Vec<&str> {
    lines.iter().map(|line| line.alert.id.as_str()).collect()
}

#[test]
fn what_is_worst_and_what_nobody_has_comes_first_and_ends_last() {
    let lost = alert("acme", AlertKind::HandsetLost, Severity::Critical, 50);
    let ended = |kind| Alert { state: AlertState::Resolved, ..alert("acme", kind, Severity::Critical, 1) };
    let of_acme = vec![
        alert("acme", AlertKind::Drift, Severity::Warning, 90),
        lost.clone(),
        ended(AlertKind::PushFailed),
        ended(AlertKind::SessionBusy),
        alert("acme", AlertKind::SecretMissing, Severity::Warning, 80),
    ];
    let of_beta = vec![alert("beta", AlertKind::HandsetLost, Severity::Critical, 60)];
    let mut world = World::new(vec![("acme", of_acme), ("beta", of_beta)]);
    world.take(&lost);
    // Of the end of the other nobody has to hear.
    world.ledger.insert("mail".into(), [("acme/push-failed".into(), told("acme", 1, 1))].into());
    let all = world.known().list(true).alerts;
    assert_eq!(
        ids(&all),
        ["beta/handset-lost", "acme/handset-lost", "acme/secret-missing", "acme/drift", "acme/push-failed"]
    );
    assert_eq!(world.known().list(false).alerts.len(), 4, "ends are shown when they are asked for");
    assert_eq!(all[1].acknowledged.as_ref().unwrap().by, "anna");
    assert_eq!(all[4].acknowledged, None);
}

#[test]
fn what_follows_from_other_trouble_at_the_same_site_names_it() {
    let unreachable = alert("acme", AlertKind::Unreachable, Severity::Critical, 0);
    let drift = |site| alert(site, AlertKind::Drift, Severity::Warning, 0);
    let world = World::new(vec![("acme", vec![drift("acme"), unreachable]), ("beta", vec![drift("beta")])]);
    let list = world.known().list(false).alerts;
    assert_eq!(ids(&list), ["acme/unreachable", "beta/drift", "acme/drift"]);
    let sources: Vec<Option<&str>> = list.iter().map(|line| line.inhibited_by.as_deref()).collect();
    assert_eq!(sources, [None, None, Some("acme/unreachable")]);
}

#[test]
fn only_sinks_that_there_are_know_of_anything_and_times_are_those_of_the_site() {
    let mut world = World::new(vec![("acme", vec![alert("acme", AlertKind::Drift, Severity::Warning, 0)])]);
    for sink in ["mail", "gone"] {
        let known = BTreeMap::from([("acme/drift".to_owned(), told("acme", 10, 20))]);
        world.ledger.insert(sink.to_owned(), known);
    }
    let list = world.known().list(false).alerts;
    let [mail] = list[0].told.as_slice() else { panic!("{list:?}") };
    assert_eq!((mail.sink.as_str(), mail.at.to_rfc3339().as_str()), ("mail", "1970-01-01T01:00:20+01:00"));
}

#[test]
fn a_silence_covers_what_holds_and_is_meant_whatever_else_was_said_of_it() {
    let drift = alert("acme", AlertKind::Drift, Severity::Warning, 0);
    let ended =
        Alert { state: AlertState::Resolved, ..alert("acme", AlertKind::ClockSkew, Severity::Warning, 0) };
    let fleet = alert("fleet", AlertKind::RolloutStopped, Severity::Warning, 0);
    let mut world = World::new(vec![("acme", vec![drift.clone(), ended]), ("fleet", vec![fleet])]);
    let of_acme = Matcher { sites: ["acme".parse().unwrap()].into(), ..Matcher::default() };
    world.take(&drift);
    world.silence(of_acme.clone());
    let covered = world.known().covered(&of_acme);
    assert_eq!(ids(&covered), ["acme/drift"]);
    assert_eq!(covered[0].alert.state, AlertState::Silenced);
    assert_eq!((covered[0].silenced.as_ref().unwrap().number, covered[0].acknowledged.is_some()), (7, true));
    assert_eq!(ids(&world.known().covered(&Matcher::default())).len(), 2, "the fleet's too");
}

#[test]
fn a_silence_is_told_in_the_time_zone_that_its_sites_share() {
    let mut world = World::new(Vec::new());
    let sites = [facts("acme", Berlin), facts("beta", Lisbon), facts("gamma", Berlin)];
    let mut told = |names: &[&str]| {
        let sites_meant = names.iter().map(|name| name.parse().unwrap()).collect();
        world.silence(Matcher { sites: sites_meant, ..Matcher::default() });
        let (line, count) = silence(world.attention.silences.last().unwrap(), &sites);
        (line.until.to_rfc3339(), count)
    };
    assert_eq!(told(&["acme", "gamma"]), ("1970-01-01T01:33:20+01:00".to_owned(), 2));
    assert_eq!(told(&[]), ("1970-01-01T00:33:20+00:00".to_owned(), 3));
    assert_eq!(told(&["nobody"]).1, 0);
}

#[test]
fn alerts_of_sites_that_are_not_in_force_are_not_listed() {
    let gone = alert("gone", AlertKind::Drift, Severity::Warning, 0);
    let world = World::new(vec![("gone", vec![gone]), ("acme", Vec::new())]);
    assert!(world.sites.is_empty());
}
