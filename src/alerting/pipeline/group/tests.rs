//! What is told together and what is waited for, of sites, of labels, and for sinks that gather by themselves.

use crate::alerting::pipeline::testing::{
    Fleet, PAGER, at, ended, every_alert, firing, hours, minutes, told, words,
};
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::routing::{GroupBy, Route};
use crate::domain::told::Told;

fn drift(site: &str, since: i64) -> Alert {
    firing(site, AlertKind::Drift, since)
}

fn lost(site: &str, since: i64) -> Alert {
    firing(site, AlertKind::HandsetLost, since)
}

fn by_labels(labels: &[&str]) -> Route {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    Route { group_by: GroupBy::Labels(labels), ..every_alert(&[PAGER]) }
}

/// What is told at this second, and the second of the next look.
fn story(fleet: &mut Fleet, seconds: i64) -> (Vec<String>, Option<i64>) {
    let told = fleet.at(seconds).tell().iter().map(words).collect();
    (told, fleet.run().look_again.map(|when| (when - at(0)).num_seconds()))
}

#[test]
fn what_is_new_at_a_site_is_kept_back_for_a_moment_and_told_together() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", 0)]);
    assert_eq!(story(&mut fleet, 0), (vec![], Some(5)));
    fleet.with(&[lost("acme", 4)]);
    assert_eq!(story(&mut fleet, 4), (vec![], Some(5)), "counted from the older one");
    let (told, _) = story(&mut fleet, 5);
    assert_eq!(told, ["acme first: acme/drift acme/handset-lost"]);
}

#[test]
fn a_restart_does_not_begin_to_wait_anew_and_what_was_new_elsewhere_does_not_wait() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", 0)]);
    assert_eq!(story(&mut fleet, 600).0.len(), 1);
}

#[test]
fn sites_do_not_wait_for_each_other() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", 0), drift("beta", 3)]);
    assert_eq!(story(&mut fleet, 5), (vec!["acme first: acme/drift".into()], Some(8)));
    assert_eq!(story(&mut fleet, 8).0, ["beta first: beta/drift"]);
}

#[test]
fn an_end_is_waited_for_as_a_beginning_is() {
    let mut fleet = Fleet::quiet();
    let both = [drift("acme", 0), lost("acme", 0)];
    fleet.with(&both).knows(&both[0], 5).knows(&both[1], 5);
    fleet.with(&[ended(&both[0], 600)]);
    assert_eq!(story(&mut fleet, 600), (vec![], Some(605)));
    fleet.with(&[ended(&both[1], 603)]);
    assert_eq!(story(&mut fleet, 605).0, ["acme resolved: -acme/drift -acme/handset-lost"]);
}

#[test]
fn a_site_that_was_told_just_now_is_not_told_at_once_again() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", 0)]).knows(&drift("acme", 0), 100);
    fleet.with(&[Alert { phase: "further".into(), ..drift("acme", 0) }]);
    assert_eq!(story(&mut fleet, 102), (vec![], Some(105)));
    assert_eq!(story(&mut fleet, 105).0, ["acme changed: acme/drift"]);
}

#[test]
fn without_a_wait_everything_is_told_at_once() {
    let mut fleet = Fleet::quiet();
    fleet.gathering.wait = std::time::Duration::ZERO;
    fleet.with(&[drift("acme", 0)]);
    assert_eq!(story(&mut fleet, 0).0.len(), 1);
    fleet.with(&[Alert { phase: "further".into(), ..drift("acme", 0) }]);
    assert_eq!(story(&mut fleet, 0).0.len(), 1);
}

#[test]
fn a_beginning_in_the_future_is_not_waited_for() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", hours(3))]);
    assert_eq!(story(&mut fleet, 0).0.len(), 1, "the clock was set back");
}

#[test]
fn labels_put_sites_together_and_keep_them_apart() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![by_labels(&["customer"])];
    fleet.with(&[drift("acme-1", 0), lost("acme-2", 0), drift("beta", 0)]);
    fleet.label("acme-1", "customer", "acme").label("acme-2", "customer", "acme");
    let (told, _) = story(&mut fleet, 5);
    assert_eq!(
        told,
        ["customer= first: beta/drift", "customer=acme first: acme-1/drift acme-2/handset-lost"]
    );
}

#[test]
fn a_group_of_many_sites_is_told_at_most_once_an_interval() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![by_labels(&[])];
    fleet.with(&[drift("a", 0)]);
    assert_eq!(story(&mut fleet, 5), (vec!["all sites first: a/drift".into()], Some(5 + hours(4))));
    fleet.with(&[drift("b", 10), lost("c", 60)]);
    assert_eq!(story(&mut fleet, 70), (vec![], Some(5 + minutes(5))));
    let everything = "all sites changed: a/drift b/drift c/handset-lost";
    assert_eq!(story(&mut fleet, 5 + minutes(5)).0, [everything]);
    fleet.with(&[ended(&drift("a", 0), hours(1))]);
    assert_eq!(story(&mut fleet, hours(1)), (vec![], Some(hours(1) + 5)), "long after: only for a moment");
    assert_eq!(story(&mut fleet, hours(1) + 5).0, ["all sites changed: b/drift c/handset-lost -a/drift"]);
}

#[test]
fn what_is_known_of_a_site_is_told_along_with_what_is_new() {
    let mut fleet = Fleet::quiet();
    fleet.with(&[drift("acme", 0), lost("acme", 600)]).knows(&drift("acme", 0), 5);
    let (told, look_again) = story(&mut fleet, 605);
    assert_eq!(told, ["acme changed: acme/drift acme/handset-lost"]);
    assert_eq!(look_again, Some(605 + hours(4)), "both are repeated together");
}

#[test]
fn a_sink_that_gathers_by_itself_is_told_everything_at_once_in_one_message() {
    let mut fleet = Fleet::quiet();
    fleet.sink.gathers_itself = true;
    let alerts: Vec<Alert> = (0..9).map(|n| drift(&format!("site-{n}"), 0)).collect();
    fleet.with(&alerts);
    let (told, look_again) = story(&mut fleet, 0);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("all sites first: site-0/drift site-1/drift"), "{told:?}");
    assert_eq!(look_again, Some(hours(4)));
    assert!(fleet.ledger[PAGER].values().all(|row| !row.merged));
}

#[test]
fn a_sink_that_gathers_by_itself_is_told_what_is_new_and_repetitions_in_few_messages() {
    let mut fleet = Fleet::quiet();
    fleet.sink.gathers_itself = true;
    let sites: Vec<Alert> = (0..4).map(|n| drift(&format!("site-{n}"), 0)).collect();
    for (alert, told_at) in sites.iter().zip([0, 10, 20, minutes(200)]) {
        fleet.with(std::slice::from_ref(alert)).knows(alert, told_at);
    }
    let known = "site-0/drift site-1/drift site-2/drift";
    assert_eq!(story(&mut fleet, hours(4)).0, [format!("all sites repeat: {known}")]);
    fleet.with(&[lost("site-3", 0)]);
    assert_eq!(story(&mut fleet, hours(4) + 60).0, ["all sites first: site-3/handset-lost"]);
}

#[test]
fn a_group_whose_last_message_lies_in_the_future_is_not_held_up_by_it() {
    let mut fleet = Fleet::quiet();
    fleet.routing.routes = vec![by_labels(&[])];
    let merged = Told { merged: true, ..told(&drift("a", 0), hours(2)) };
    fleet.with(&[drift("a", 0), lost("a", 0)]).row(PAGER, &drift("a", 0), merged);
    fleet.knows(&lost("b", 0), hours(2)).with(&[lost("b", 0)]);
    assert_eq!(story(&mut fleet, 10).0, ["all sites changed: a/drift a/handset-lost b/handset-lost"]);
}
