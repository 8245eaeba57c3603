//! Routes, hours and escalation, each as one sink sees them.

use std::sync::Arc;

use super::*;
use crate::alerting::message::SiteFacts;
use crate::alerting::pipeline::STAGES;
use crate::alerting::pipeline::testing::{
    Fleet, MAIL, PAGER, at, daily, ended, every_alert, firing, hours, minutes, told, words,
};
use crate::domain::alert::{Alert, Severity};
use crate::domain::attention::Matcher;
use crate::domain::notification::Reason;
use crate::domain::routing::Escalation;
use crate::domain::told::Told;

fn lost() -> Alert {
    firing("acme", AlertKind::HandsetLost, 0)
}

/// Whether the alert at `acme` is for the pager, and when to look again.
fn here(fleet: &Fleet) -> (bool, Option<i64>) {
    let (items, look_again) = fleet.after(STAGES[0]);
    (!items.is_empty(), look_again)
}

fn from(severity: Severity, sinks: &[&str]) -> Route {
    let of = Matcher { severity: Some(severity), ..Matcher::default() };
    Route { of, ..every_alert(sinks) }
}

/// Mail at once, the pager after so many minutes.
fn escalating(after: i64) -> Route {
    let after = Duration::from_secs(u64::try_from(minutes(after)).unwrap());
    Route { escalation: vec![Escalation { after, sinks: vec![PAGER.into()] }], ..every_alert(&[MAIL]) }
}

#[test]
fn which_routes_lead_here() {
    let other = Matcher { sites: ["beta".parse().unwrap()].into(), ..Matcher::default() };
    let beta = Route { of: other, ..every_alert(&[MAIL]) };
    let rows = [
        ("no route", vec![], true),
        ("no route matches", vec![beta.clone()], true),
        ("one that leads here", vec![every_alert(&[PAGER])], true),
        ("one that leads elsewhere", vec![every_alert(&[MAIL])], false),
        ("both", vec![every_alert(&[MAIL]), every_alert(&[PAGER])], true),
        ("one of both", vec![every_alert(&[MAIL, PAGER])], true),
        ("one elsewhere beside one that does not match", vec![beta, every_alert(&[MAIL])], false),
        ("urgent enough", vec![from(Severity::Warning, &[PAGER])], true),
        ("not urgent enough", vec![from(Severity::Critical, &[PAGER]), every_alert(&[MAIL])], false),
        ("not urgent enough for anybody", vec![from(Severity::Critical, &[MAIL])], true),
    ];
    for (case, routes, expected) in rows {
        let mut fleet = Fleet::quiet();
        fleet.routing.routes = routes;
        assert_eq!(here(fleet.with(&[lost()])).0, expected, "{case}");
    }
}

#[test]
fn the_end_is_told_to_whom_no_route_leads_any_more() {
    let mut fleet = Fleet::quiet();
    let critical = Alert { severity: Severity::Critical, ..lost() };
    fleet.routing.routes = vec![from(Severity::Critical, &[PAGER]), every_alert(&[MAIL])];
    fleet.with(&[critical]).at(10);
    assert_eq!(words(&fleet.tell()[0]), "acme first: acme/handset-lost");
    fleet.with(&[lost()]).at(hours(9));
    assert_eq!(fleet.tell(), [], "it is for mail alone, and neither its fall nor a repetition is told here");
    fleet.with(&[ended(&lost(), hours(9))]).at(hours(9) + 10);
    assert_eq!(words(&fleet.tell()[0]), "acme resolved: -acme/handset-lost");
    assert_eq!(fleet.tell(), []);
}

#[test]
fn what_comes_outside_the_hours_waits_for_them_and_so_does_an_end() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&[PAGER]) }];
    fleet.with(&[lost()]);
    assert_eq!(here(&fleet), (false, Some(hours(2))), "noon");
    assert_eq!(here(fleet.at(hours(2))), (true, Some(hours(4))), "from 14:00 to 16:00");
    assert_eq!(here(fleet.at(hours(4))), (false, Some(hours(26))), "tomorrow");
    fleet.with(&[ended(&lost(), hours(1))]).at(hours(1));
    assert_eq!(here(&fleet), (false, None), "an end that nobody waits for");
    fleet.knows(&lost(), -100);
    assert_eq!(here(&fleet), (false, Some(hours(2))));
    assert!(here(fleet.at(hours(2))).0);
    fleet.routing.routes = vec![Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&[MAIL]) }];
    assert!(here(fleet.at(hours(1))).0, "no route leads here any more");
}

#[test]
fn of_several_routes_the_one_that_is_open_counts() {
    let mut fleet = Fleet::quiet();
    let evening = Route { hours: Some(daily("0 18 * * *", 2)), ..every_alert(&[PAGER]) };
    fleet.routing.routes =
        vec![Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&[PAGER]) }, evening];
    fleet.with(&[lost()]);
    assert_eq!(here(&fleet), (false, Some(hours(2))));
    assert!(here(fleet.at(hours(3))).0);
    assert_eq!(here(fleet.at(hours(5))), (false, Some(hours(6))));
}

#[test]
fn hours_are_those_of_the_sites_zone_where_they_name_none() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&[PAGER]) }];
    fleet.with(&[lost(), firing("tokyo", AlertKind::Drift, 0)]);
    let facts = SiteFacts { time_zone: chrono_tz::Europe::Berlin, ..(*fleet.site("acme").facts).clone() };
    fleet.site("acme").facts = Arc::new(facts);
    assert_eq!(here(&fleet), (false, Some(hours(1))), "14:00 in Berlin, an hour before it is in UTC");
    assert_eq!(fleet.at(hours(1)).after(STAGES[0]).0.len(), 1);
}

#[test]
fn who_has_not_answered_in_time_is_not_the_only_one_told_any_more() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    fleet.with(&[lost()]).row(MAIL, &lost(), told(&lost(), 60)).at(100);
    assert_eq!(here(&fleet), (false, Some(60 + minutes(30))), "from when mail was told");
    assert!(here(fleet.at(60 + minutes(30))).0);
    fleet.take(&lost(), 200, None);
    assert!(!here(&fleet).0, "somebody has it");
    fleet.attention.acknowledgements.clear();
    fleet.silence(Matcher::default(), 0, hours(9));
    assert!(!here(&fleet).0, "nobody is to hear of it");
}

#[test]
fn where_the_first_sink_is_down_the_next_is_told_all_the_same() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    fleet.with(&[lost()]).at(100);
    assert_eq!(here(&fleet), (false, Some(minutes(30))), "from when it was due");
    assert!(here(fleet.at(minutes(30))).0);
}

#[test]
fn what_followed_from_other_trouble_is_waited_for_from_the_end_of_that() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    let unreachable = ended(&firing("acme", AlertKind::Unreachable, 0), hours(3));
    let drift = firing("acme", AlertKind::Drift, 0);
    fleet.with(&[unreachable, drift.clone()]).at(hours(3) + 10);
    let left = fleet.after(STAGES[0]);
    assert!(left.0.iter().all(|(id, _)| *id != drift.id), "nobody has had the time to answer");
    assert_eq!(left.1, Some(hours(3) + minutes(30)));
}

#[test]
fn outside_the_hours_nobody_is_waited_for_and_the_wait_is_not_begun_anew_each_day() {
    let mut fleet = Fleet::quiet();
    let slow = Route { hours: Some(daily("0 14 * * *", 2)), ..escalating(60) };
    fleet.routing.routes = vec![slow.clone()];
    fleet.with(&[lost()]);
    assert!(!here(fleet.at(minutes(90))).0, "an hour since, and not due before 14:00");
    assert_eq!(here(fleet.at(hours(2))), (false, Some(hours(3))));
    assert!(here(fleet.at(hours(3))).0);
    assert_eq!(here(fleet.at(hours(5))), (false, Some(hours(26))));
    // Twelve hours are more than the hours of a day.
    fleet.routing.routes = vec![Route { hours: slow.hours, ..escalating(12 * 60) }];
    assert!(!here(fleet.at(hours(3))).0);
    assert_eq!(here(fleet.at(hours(12))), (false, Some(hours(26))));
    assert!(here(fleet.at(hours(26))).0);
}

#[test]
fn each_step_counts_from_the_same_beginning() {
    let step = |after: i64, sink: &str| Escalation {
        after: Duration::from_secs(u64::try_from(minutes(after)).unwrap()),
        sinks: vec![sink.into()],
    };
    let mut fleet = Fleet::quiet();
    let escalation = vec![step(10, "other"), step(30, PAGER), step(60, PAGER)];
    fleet.routing.routes = vec![Route { escalation, ..every_alert(&[MAIL]) }];
    fleet.with(&[lost()]).row(MAIL, &lost(), told(&lost(), 0)).row("other", &lost(), told(&lost(), 600));
    assert_eq!(here(fleet.at(600)), (false, Some(minutes(30))));
    assert!(here(fleet.at(minutes(30))).0);
}

#[test]
fn who_was_told_by_escalation_stays_told() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    fleet.with(&[lost()]).row(MAIL, &lost(), told(&lost(), 0)).at(minutes(30));
    assert_eq!(words(&fleet.tell()[0]), "acme first: acme/handset-lost");
    fleet.at(minutes(30) + hours(4));
    assert_eq!(words(&fleet.tell()[0]), "acme repeat: acme/handset-lost");
    fleet.take(&lost(), hours(5), None).at(hours(10));
    assert_eq!(fleet.tell(), []);
    fleet.with(&[Alert { severity: Severity::Critical, ..lost() }]);
    assert_eq!(words(&fleet.tell()[0]), "acme changed: acme/handset-lost");
    fleet.with(&[ended(&lost(), hours(11))]).at(hours(11) + 5);
    assert_eq!(words(&fleet.tell()[0]), "acme resolved: -acme/handset-lost");
}

#[test]
fn what_somebody_had_or_silenced_for_a_time_is_waited_for_from_the_end_of_that() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    fleet.with(&[lost()]).row(MAIL, &lost(), told(&lost(), 0));
    fleet.take(&lost(), 60, Some(hours(2)));
    assert_eq!(here(fleet.at(hours(1))), (false, Some(hours(2))));
    assert_eq!(here(fleet.at(hours(2))), (false, Some(hours(2) + minutes(30))));
    assert!(here(fleet.at(hours(2) + minutes(30))).0);
    fleet.silence(Matcher::default(), hours(2), hours(3));
    assert_eq!(here(fleet.at(hours(3))), (false, Some(hours(3) + minutes(30))));
    assert!(here(fleet.at(hours(3) + minutes(30))).0);
}

#[test]
fn what_came_back_is_waited_for_anew() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    let back = firing("acme", AlertKind::HandsetLost, hours(1));
    fleet.with(std::slice::from_ref(&back)).row(MAIL, &back, told(&lost(), 0));
    assert_eq!(here(fleet.at(hours(1))), (false, Some(hours(1) + minutes(30))));
}

#[test]
fn a_clock_that_was_set_back_far_holds_nobody_back() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![escalating(30)];
    let row = Told { first_at: at(0), ..told(&lost(), 0) };
    fleet.with(&[lost()]).row(MAIL, &lost(), row);
    assert!(here(fleet.at(-hours(3))).0);
    assert_eq!(here(fleet.at(-minutes(10))), (false, Some(minutes(30))));
}

#[test]
fn that_a_sink_fails_is_told_by_all_others_whatever_the_routes_say() {
    let mut fleet = Fleet::quiet();
    let night = Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&["other"]) };
    fleet.routing.routes = vec![night];
    let failing = |sink: &str| Alert {
        id: format!("fleet/sink-failing/{sink}"),
        ..firing("fleet", AlertKind::SinkFailing, 0)
    };
    fleet.with(&[failing(MAIL), failing(PAGER)]);
    let left: Vec<String> = fleet.after(STAGES[0]).0.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, ["fleet/sink-failing/mail"]);
}

#[test]
fn a_sink_that_forgets_is_reminded_of_what_is_not_for_it_now() {
    let mut fleet = Fleet::quiet();
    fleet.sink.forgets = true;
    fleet.routing.routes = vec![Route { hours: Some(daily("0 14 * * *", 2)), ..every_alert(&[PAGER]) }];
    fleet.with(&[Alert { severity: Severity::Critical, ..lost() }]).knows(&lost(), -hours(4)).at(0);
    assert_eq!(fleet.after(STAGES[1]).0, [("acme/handset-lost".to_owned(), Some(Reason::Repeat))]);
    fleet.knows(&lost(), -10);
    assert_eq!(fleet.after(STAGES[1]).0, [("acme/handset-lost".to_owned(), None)], "not changed");
    fleet.ledger.clear();
    assert_eq!(fleet.after(STAGES[1]).0, [], "and told of nothing else");
}

#[test]
fn the_first_route_that_leads_here_says_what_is_told_together() {
    let by = |labels: &[&str]| GroupBy::Labels(labels.iter().map(|label| (*label).to_owned()).collect());
    let mut fleet = Fleet::quiet();
    fleet.with(&[lost(), Alert { id: "fleet/x".into(), ..lost() }]).label("acme", "customer", "a");
    let group = |fleet: &Fleet, site: &str| {
        let site: crate::domain::ids::SiteName = site.parse().unwrap();
        let groups = fleet.groups();
        let found = groups.into_iter().find(|(_, items)| items[0].0.starts_with(site.as_str()));
        found.unwrap().0
    };
    let labels = |pairs: &[(&str, &str)]| {
        Group::Labels(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    };
    let site = |name: &str| Group::Site(name.parse().unwrap());
    fleet.at(10);
    assert_eq!(group(&fleet, "acme"), site("acme"));
    let grouped = Route { group_by: by(&["customer", "region"]), ..every_alert(&[PAGER]) };
    let elsewhere = Route { group_by: by(&[]), ..every_alert(&[MAIL]) };
    fleet.routing.routes = vec![elsewhere, grouped.clone(), every_alert(&[PAGER])];
    assert_eq!(group(&fleet, "acme"), labels(&[("customer", "a"), ("region", "")]));
    assert_eq!(group(&fleet, "fleet"), site("fleet"), "the fleet is no site among sites");
    let late = Route { group_by: by(&[]), ..escalating(0) };
    fleet.routing.routes = vec![late.clone(), grouped];
    assert_eq!(group(&fleet, "acme"), labels(&[("customer", "a"), ("region", "")]), "at once before later");
    fleet.routing.routes = vec![late];
    assert_eq!(group(&fleet, "acme"), labels(&[]));
}
