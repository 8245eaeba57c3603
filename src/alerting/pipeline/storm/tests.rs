//! Storms from their first drops to their last.

use super::*;
use crate::alerting::message::MOST_ENDS;
use crate::alerting::pipeline::testing::{
    Fleet, PAGER, at, ended, every_alert, firing, hours, minutes, told, words,
};
use crate::domain::alert::{Alert, Severity};
use crate::domain::attention::Matcher;
use crate::domain::routing::{GroupBy, Route};
use crate::domain::told::Told;

fn down(site: impl std::fmt::Display, since: i64) -> Alert {
    firing(&format!("site-{site}"), AlertKind::Unreachable, since)
}

fn lost(site: impl std::fmt::Display, since: i64) -> Alert {
    let alert = firing(&format!("site-{site}"), AlertKind::HandsetLost, since);
    Alert { severity: Severity::Critical, ..alert }
}

/// What is told at this second: subjects, reasons, how many hold and how many have ended.
fn counts(fleet: &mut Fleet, seconds: i64) -> Vec<String> {
    let messages = fleet.at(seconds).tell();
    let count = |message: &crate::alerting::message::Message| {
        let ended = message.entries.iter().filter(|entry| entry.has_ended()).count();
        let (about, reason) = (message.subject.words(), message.reason.as_str());
        format!("{about} {reason}: {} hold, {ended} ended", message.entries.len() - ended)
    };
    messages.iter().map(count).collect()
}

fn look_again(fleet: &Fleet) -> Option<i64> {
    fleet.run().look_again.map(|when| (when - at(0)).num_seconds())
}

fn stormy(sites: u32) -> Fleet {
    let mut fleet = Fleet::quiet();
    fleet.with(&(0..sites).map(|site| down(site, 0)).collect::<Vec<_>>());
    fleet
}

#[test]
fn few_sites_are_told_one_by_one_and_many_in_one_message() {
    assert_eq!(counts(&mut stormy(4), 5).len(), 4);
    assert_eq!(counts(&mut stormy(5), 5), ["all sites first: 5 hold, 0 ended"]);
    assert_eq!(counts(&mut stormy(5), 4), Vec::<String>::new(), "gathered for a moment");
}

#[test]
fn what_comes_in_drops_is_told_in_one_message_from_the_fifth_on() {
    let mut fleet = Fleet::quiet();
    let mut said = Vec::new();
    for site in 0..100 {
        let second = i64::from(site) * 10;
        fleet.with(&[down(site, second - 5)]);
        said.extend(counts(&mut fleet, second));
    }
    said.extend(counts(&mut fleet, 1300));
    assert_eq!(said[..4], ["0", "1", "2", "3"].map(|n| format!("site-{n} first: 1 hold, 0 ended")));
    assert_eq!(said[4], "all sites changed: 5 hold, 0 ended");
    assert_eq!(said.len(), 9, "then one every five minutes: {said:?}");
    assert_eq!(said[8], "all sites changed: 100 hold, 0 ended");
}

#[test]
fn a_storm_that_grows_and_ends_in_drops() {
    let mut fleet = stormy(300);
    assert_eq!(counts(&mut fleet, 5), ["all sites first: 300 hold, 0 ended"]);
    fleet.with(&[down(300, 60), down(301, 240)]);
    assert_eq!(counts(&mut fleet, 250), Vec::<String>::new());
    assert_eq!(look_again(&fleet), Some(5 + minutes(5)));
    assert_eq!(counts(&mut fleet, 305), ["all sites changed: 302 hold, 0 ended"]);
    fleet.with(&[ended(&down(0, 0), hours(1))]);
    assert_eq!(counts(&mut fleet, hours(1)), Vec::<String>::new());
    assert_eq!(counts(&mut fleet, hours(1) + 5), ["all sites changed: 301 hold, 1 ended"]);
    let back: Vec<Alert> = (1..299).map(|site| ended(&down(site, 0), hours(1) + i64::from(site))).collect();
    fleet.with(&back);
    assert_eq!(counts(&mut fleet, hours(1) + 304), Vec::<String>::new());
    assert_eq!(counts(&mut fleet, hours(1) + 305), ["all sites changed: 3 hold, 298 ended"]);
    fleet.with(&[
        ended(&down(299, 0), hours(2)),
        ended(&down(300, 60), hours(2)),
        ended(&down(301, 240), hours(2)),
    ]);
    assert_eq!(counts(&mut fleet, hours(2) + 5), ["all sites resolved: 0 hold, 3 ended"]);
    assert_eq!(counts(&mut fleet, hours(9)), Vec::<String>::new());
}

#[test]
fn the_last_site_of_a_storm_is_told_of_as_a_site() {
    let mut fleet = stormy(5);
    counts(&mut fleet, 5);
    fleet.with(&(0..4).map(|site| ended(&down(site, 0), hours(1))).collect::<Vec<_>>());
    assert_eq!(counts(&mut fleet, hours(1) + 5), ["all sites changed: 1 hold, 4 ended"]);
    fleet.with(&[ended(&down(4, 0), hours(2))]);
    assert_eq!(counts(&mut fleet, hours(2) + 5), ["site-4 resolved: 0 hold, 1 ended"]);
}

#[test]
fn long_after_a_storm_of_which_little_is_left_a_site_is_told_of_by_itself() {
    let mut fleet = stormy(5);
    counts(&mut fleet, 5);
    fleet.with(&(0..3).map(|site| ended(&down(site, 0), hours(1))).collect::<Vec<_>>());
    counts(&mut fleet, hours(1) + 5);
    fleet.with(&[down("new", hours(2))]);
    assert_eq!(counts(&mut fleet, hours(2) + 5), ["site-new first: 1 hold, 0 ended"]);
    fleet.with(&[ended(&down(4, 0), hours(3))]);
    assert_eq!(
        counts(&mut fleet, hours(3) + 5),
        ["all sites changed: 1 hold, 1 ended"],
        "the rest of it ends in it"
    );
}

#[test]
fn other_trouble_does_not_wait_for_the_storm() {
    let mut fleet = stormy(300);
    counts(&mut fleet, 5);
    fleet.with(&[lost("elsewhere", 60), down(300, 60)]);
    assert_eq!(counts(&mut fleet, 65), ["site-elsewhere first: 1 hold, 0 ended"]);
    fleet.with(&[lost(7, 100), lost(300, 100)]);
    assert_eq!(
        counts(&mut fleet, 105),
        ["site-300 first: 2 hold, 0 ended", "site-7 changed: 2 hold, 0 ended"],
        "also at sites that are in it, together with what they have of it"
    );
    assert_eq!(look_again(&fleet), Some(5 + hours(4)), "nothing is left to tell");
    fleet.with(&[ended(&down(7, 0), 200), ended(&lost(7, 100), 200)]);
    assert_eq!(counts(&mut fleet, 205), ["site-7 resolved: 0 hold, 2 ended"]);
}

#[test]
fn messages_about_single_sites_of_a_storm_do_not_put_it_off() {
    let mut fleet = stormy(300);
    counts(&mut fleet, 5);
    fleet.with(&[down(300, 10)]);
    for site in 0..4 {
        fleet.with(&[lost(site, i64::from(site) * 70)]);
        let said = counts(&mut fleet, i64::from(site) * 70 + 10);
        assert_eq!(said, [format!("site-{site} changed: 2 hold, 0 ended")]);
    }
    assert_eq!(counts(&mut fleet, 305), ["all sites changed: 301 hold, 0 ended"]);
}

#[test]
fn a_storm_is_told_by_the_labels_that_the_settings_name() {
    let mut fleet = Fleet::quiet();
    fleet.gathering.storm_by = vec!["region".into()];
    for (region, sites) in [("north", 0..3), ("south", 3..6)] {
        for site in sites {
            fleet.with(&[down(site, 0)]).label(&format!("site-{site}"), "region", region);
        }
    }
    fleet.with(&[down("lonely", 0)]);
    assert_eq!(
        counts(&mut fleet, 5),
        [
            "site-lonely first: 1 hold, 0 ended",
            "region=north first: 3 hold, 0 ended",
            "region=south first: 3 hold, 0 ended"
        ]
    );
    fleet.gathering.storm_by.clear();
    fleet.with(&[ended(&down(0, 0), hours(1)), ended(&down(5, 0), hours(1))]);
    assert_eq!(
        counts(&mut fleet, hours(1) + 5),
        ["all sites changed: 5 hold, 2 ended"],
        "other settings since"
    );
}

#[test]
fn kinds_are_storms_of_their_own() {
    let mut fleet = stormy(5);
    let drifting: Vec<Alert> = (0..5).map(|n| firing(&format!("other-{n}"), AlertKind::Drift, 0)).collect();
    fleet.with(&drifting);
    assert_eq!(counts(&mut fleet, 5), vec!["all sites first: 5 hold, 0 ended"; 2]);
}

#[test]
fn a_site_with_trouble_of_two_kinds_is_told_by_itself() {
    let mut fleet = stormy(6);
    fleet.with(&[lost(3, 0)]);
    assert_eq!(counts(&mut fleet, 5), ["site-3 first: 2 hold, 0 ended", "all sites first: 5 hold, 0 ended"]);
}

#[test]
fn what_was_told_before_is_told_along_and_ends_along() {
    let mut fleet = stormy(5);
    fleet.with(&[down("old", -hours(9))]).knows(&down("old", -hours(9)), -hours(2));
    assert_eq!(counts(&mut fleet, 5), ["all sites changed: 6 hold, 0 ended"]);
    assert!(fleet.ledger[PAGER].values().all(|row| row.merged));
}

#[test]
fn a_storm_is_repeated_in_one_message() {
    let mut fleet = stormy(300);
    counts(&mut fleet, 5);
    assert_eq!(counts(&mut fleet, hours(4) + 5), ["all sites repeat: 300 hold, 0 ended"]);
}

#[test]
fn many_sites_that_are_to_be_repeated_at_once_are_repeated_in_one_message() {
    let mut fleet = stormy(300);
    for site in 0..300 {
        fleet.knows(&down(site, 0), i64::from(site) * 1000);
    }
    assert_eq!(
        counts(&mut fleet, hours(200)),
        ["all sites repeat: 300 hold, 0 ended"],
        "n720d was off for days"
    );
}

#[test]
fn a_sink_that_was_down_for_hours_is_told_of_a_storm_in_one_message() {
    let mut fleet = stormy(300);
    counts(&mut fleet, 5);
    let all: Vec<Alert> = (0..300).map(|site| ended(&down(site, 0), 600)).collect();
    fleet.with(&all).with(&(0..5).map(|site| down(site, 900)).collect::<Vec<_>>());
    assert_eq!(
        counts(&mut fleet, hours(9)),
        ["all sites changed: 5 hold, 295 ended"],
        "what came back meanwhile holds"
    );
}

#[test]
fn what_is_silenced_or_ended_before_it_is_told_counts_for_no_storm() {
    let mut fleet = stormy(5);
    let site = "site-0".parse().unwrap();
    fleet.silence(Matcher { sites: [site].into(), ..Matcher::default() }, 0, hours(1));
    assert_eq!(counts(&mut fleet, 5).len(), 4);
    let mut fleet = stormy(5);
    fleet.with(&[ended(&down(0, 0), 3)]);
    assert_eq!(counts(&mut fleet, 5).len(), 4);
}

#[test]
fn a_storm_whose_last_message_lies_in_the_future_is_told_at_once() {
    let mut fleet = stormy(6);
    for site in 0..5 {
        let row = Told { merged: true, ..told(&down(site, 0), hours(3)) };
        fleet.row(PAGER, &down(site, 0), row);
    }
    assert_eq!(counts(&mut fleet, 10), ["all sites changed: 6 hold, 0 ended"]);
}

#[test]
fn what_the_route_tells_in_one_message_anyhow_is_no_storm() {
    let mut fleet = stormy(300);
    let by = |labels: &[&str]| GroupBy::Labels(labels.iter().map(|label| (*label).to_owned()).collect());
    fleet.routing.routes = vec![Route { group_by: by(&[]), ..every_alert(&[PAGER]) }];
    fleet.gathering.storm_by = vec!["region".into()];
    assert_eq!(counts(&mut fleet, 5), ["all sites first: 300 hold, 0 ended"]);
    assert!(fleet.ledger[PAGER].values().all(|row| !row.merged));

    let mut fleet = stormy(300);
    for site in 0..300 {
        fleet.label(&format!("site-{site}"), "customer", &format!("c{}", site % 100));
    }
    fleet.routing.routes = vec![Route { group_by: by(&["customer"]), ..every_alert(&[PAGER]) }];
    assert_eq!(counts(&mut fleet, 5), ["all sites first: 300 hold, 0 ended"], "a hundred groups are one");
}

#[test]
fn the_last_site_of_a_storm_keeps_back_nothing_that_its_customer_has_to_tell() {
    let mut fleet = stormy(5);
    for site in ["0", "1", "2", "3", "4", "new"] {
        fleet.label(&format!("site-{site}"), "customer", if site == "new" { "c4" } else { site });
    }
    fleet.label("site-4", "customer", "c4");
    let by_customer = GroupBy::Labels(vec!["customer".to_owned()]);
    fleet.routing.routes = vec![Route { group_by: by_customer, ..every_alert(&[PAGER]) }];
    counts(&mut fleet, 5);
    fleet.with(&(0..4).map(|site| ended(&down(site, 0), hours(1))).collect::<Vec<_>>());
    counts(&mut fleet, hours(1) + 5);
    fleet.with(&[Alert { severity: Severity::Critical, ..down(4, 0) }]);
    assert_eq!(counts(&mut fleet, hours(2)), ["site-4 changed: 1 hold, 0 ended"]);
    assert!(fleet.ledger[PAGER].values().all(|row| row.merged), "it ends in the storm");
    fleet.with(&[lost("new", hours(2))]);
    assert_eq!(counts(&mut fleet, hours(2) + 5), ["customer=c4 changed: 2 hold, 0 ended"]);
    fleet.with(&[down("other", hours(2) + 10)]).label("site-other", "customer", "c5");
    assert_eq!(
        counts(&mut fleet, hours(2) + 15),
        ["customer=c5 first: 1 hold, 0 ended"],
        "no storm follows it"
    );
}

#[test]
fn the_subject_of_a_message_lists_what_it_is_about() {
    let mut fleet = stormy(5);
    fleet.with(&[down(4, 1)]).at(9);
    let message = fleet.tell().remove(0);
    let ids: Vec<String> = (0..5).map(|site| format!("site-{site}/unreachable")).collect();
    assert_eq!(words(&message), format!("all sites first: {}", ids.join(" ")));
}

fn skewed(site: impl std::fmt::Display, since: i64) -> Alert {
    firing(&format!("site-{site}"), AlertKind::ClockSkew, since)
}

/// The first `back` of so many sites of a storm, told long ago, come back at second 0; the clock of the first `skewed` is off.
fn power_is_back(sites: u32, back: u32, with_skew: u32) -> Fleet {
    let mut fleet = Fleet::quiet();
    for site in 0..sites {
        let before = down(site, -hours(2));
        fleet.row(PAGER, &before, Told { merged: true, ..told(&before, -hours(1)) });
        fleet.with(&[if site < back { ended(&before, 0) } else { before }]);
    }
    fleet.with(&(0..with_skew).map(|site| skewed(site, 0)).collect::<Vec<_>>());
    fleet
}

#[test]
fn sites_that_have_the_same_kinds_of_trouble_to_tell_are_told_kind_by_kind() {
    let mut fleet = power_is_back(20, 20, 20);
    assert_eq!(counts(&mut fleet, 4), Vec::<String>::new());
    assert_eq!(
        counts(&mut fleet, 5),
        ["all sites first: 20 hold, 0 ended", "all sites resolved: 0 hold, 20 ended"]
    );
    assert_eq!(look_again(&fleet), Some(5 + hours(4)), "nothing is left to tell");
    assert!(fleet.ledger[PAGER].values().all(|row| row.merged));

    let mut fleet = stormy(5);
    fleet.with(&(0..5).map(|site| lost(site, 3)).collect::<Vec<_>>());
    assert_eq!(counts(&mut fleet, 5), ["all sites first: 5 hold, 0 ended"]);
    assert_eq!(look_again(&fleet), Some(8), "each storm waits by itself");
    assert_eq!(counts(&mut fleet, 8), ["all sites first: 5 hold, 0 ended"]);
}

#[test]
fn a_site_that_has_other_trouble_besides_is_told_by_itself_of_all_that_it_has() {
    let mut fleet = power_is_back(20, 20, 20);
    fleet.with(&[lost(7, 0)]);
    assert_eq!(
        counts(&mut fleet, 5),
        [
            "site-7 changed: 2 hold, 1 ended",
            "all sites first: 19 hold, 0 ended",
            "all sites resolved: 0 hold, 19 ended"
        ]
    );
    assert_eq!(counts(&mut fleet, hours(1)), Vec::<String>::new(), "and of nothing again");
}

#[test]
fn what_few_sites_of_a_storm_have_besides_is_told_by_themselves() {
    let mut fleet = power_is_back(20, 20, 3);
    let one = |site: u32| format!("site-{site} changed: 1 hold, 1 ended");
    assert_eq!(
        counts(&mut fleet, 5),
        [one(0), one(1), one(2), "all sites resolved: 0 hold, 17 ended".to_owned()]
    );
}

#[test]
fn a_kind_that_needs_sites_with_other_news_is_no_storm_and_those_that_need_it_are_none_either() {
    let mut fleet = Fleet::quiet();
    let drifting = |site: u32| firing(&format!("site-{site}"), AlertKind::Drift, 0);
    // Four lost handsets are no storm; without the site among them four clocks are none; without those sites three drifts.
    fleet.with(&(0..4).map(|site| lost(site, 0)).collect::<Vec<_>>());
    fleet.with(&(3..8).map(|site| skewed(site, 0)).collect::<Vec<_>>());
    fleet.with(&(6..11).map(drifting).collect::<Vec<_>>());
    let said = counts(&mut fleet, 5);
    assert_eq!(said.len(), 11, "{said:?}");
    assert!(said.iter().all(|message| message.starts_with("site-")), "{said:?}");
}

#[test]
fn sites_that_come_back_in_drops_are_told_kind_by_kind_from_the_fifth_on() {
    let mut fleet = power_is_back(20, 0, 0);
    let mut said = Vec::new();
    for second in 0..700 {
        if second % 3 == 0 && second < 60 {
            let site = second / 3;
            fleet.with(&[ended(&down(site, -hours(2)), second), skewed(site, second)]);
        }
        said.extend(counts(&mut fleet, second).into_iter().map(|message| format!("{second}: {message}")));
    }
    assert_eq!(
        said,
        [
            "5: site-0 changed: 1 hold, 1 ended",
            "8: site-1 changed: 1 hold, 1 ended",
            "11: site-2 changed: 1 hold, 1 ended",
            "14: all sites changed: 15 hold, 2 ended",
            "14: all sites changed: 5 hold, 0 ended",
            "314: all sites changed: 20 hold, 0 ended",
            "314: all sites resolved: 0 hold, 15 ended",
        ]
    );
}

#[test]
fn a_site_in_two_storms_is_told_of_each_at_its_turn() {
    let mut fleet = power_is_back(20, 0, 0);
    for site in 20..25 {
        let row = Told { merged: true, ..told(&skewed(site, -60), -60) };
        fleet.with(&[skewed(site, -60)]).row(PAGER, &skewed(site, -60), row);
    }
    fleet.with(&[ended(&down(0, -hours(2)), 0), skewed(0, 0)]);
    assert_eq!(counts(&mut fleet, 5), ["all sites changed: 19 hold, 1 ended"]);
    assert_eq!(look_again(&fleet), Some(240));
    assert_eq!(counts(&mut fleet, 239), Vec::<String>::new());
    assert_eq!(counts(&mut fleet, 240), ["all sites changed: 6 hold, 0 ended"]);
}

#[test]
fn what_waits_in_a_storm_is_told_with_what_comes_at_its_site_and_is_in_none() {
    let mut fleet = stormy(20);
    counts(&mut fleet, 5);
    fleet.with(&[ended(&down(0, 0), 60)]);
    assert_eq!(counts(&mut fleet, 70), Vec::<String>::new());
    fleet.with(&[skewed(0, 70)]);
    assert_eq!(counts(&mut fleet, 75), ["site-0 changed: 1 hold, 1 ended"]);
    assert_eq!(look_again(&fleet), Some(5 + hours(4)), "nothing is left to tell");
}

#[test]
fn what_holds_at_a_site_is_told_along_with_its_storm_though_the_site_has_news_for_another() {
    let mut fleet = power_is_back(20, 5, 0);
    fleet.with(&(2..20).map(|site| lost(site, 0)).collect::<Vec<_>>());
    assert_eq!(
        counts(&mut fleet, 5),
        ["all sites first: 18 hold, 0 ended", "all sites changed: 15 hold, 5 ended"]
    );
}

#[test]
fn storms_of_which_one_site_is_left_are_told_together_as_that_site() {
    let mut fleet = power_is_back(20, 20, 20);
    fleet.gathering.storm_by = vec!["customer".into()];
    for site in 0..20 {
        // The first two have one customer, every other one has its own.
        fleet.label(&format!("site-{site}"), "customer", &format!("c{:02}", site.max(1)));
    }
    let said = counts(&mut fleet, 5);
    assert_eq!(said.len(), 18 + 2, "{said:?}");
    let (of_two, of_one): (Vec<_>, Vec<_>) = said.iter().partition(|said| said.starts_with("customer="));
    assert_eq!(of_two, ["customer=c01 first: 2 hold, 0 ended", "customer=c01 resolved: 0 hold, 2 ended"]);
    assert!(of_one.iter().all(|said| said.ends_with(" changed: 1 hold, 1 ended")), "{said:?}");
}

#[test]
fn the_end_of_a_storm_at_a_site_that_is_in_another_one_is_not_the_end_of_all() {
    let mut fleet = power_is_back(1, 1, 20);
    assert_eq!(
        counts(&mut fleet, 5),
        ["all sites first: 20 hold, 0 ended", "site-0 changed: 0 hold, 1 ended"]
    );
}

#[test]
fn more_ends_than_a_message_takes_do_not_wait_for_the_interval() {
    let many = u32::try_from(MOST_ENDS).unwrap() * 2 + 8;
    let mut fleet = stormy(many);
    fleet.sink.names_each = true;
    assert_eq!(counts(&mut fleet, 5).len(), 1);
    fleet.with(&(1..many).map(|site| ended(&down(site, 0), hours(1))).collect::<Vec<_>>());
    let one = ["all sites changed: 1 hold, 1000 ended".to_owned()];
    assert_eq!(counts(&mut fleet, hours(1) + 5), one);
    assert_eq!(counts(&mut fleet, hours(1) + 6), one, "as soon as that was taken");
    assert_eq!(counts(&mut fleet, hours(1) + 7), Vec::<String>::new(), "the few that are left");
    assert_eq!(counts(&mut fleet, hours(1) + 306), ["all sites changed: 1 hold, 7 ended"]);
}

/// Else the next look would take it for settled, and the one after the interval for something new.
#[test]
fn a_storm_that_was_given_up_is_there_at_every_look() {
    let mut fleet = stormy(5);
    for site in 0..5 {
        let alert = down(site, 0);
        let unheard = Told { content: Some(String::new()), merged: true, ..told(&alert, 5) };
        fleet.row(PAGER, &alert, unheard);
    }
    for second in [6, 100, 306] {
        let messages = fleet.at(second).run().messages;
        assert_eq!(messages.len(), 1, "at {second}");
        assert_eq!(messages[0].entries.len(), 5);
    }
}
