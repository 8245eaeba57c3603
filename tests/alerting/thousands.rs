//! Ten thousand sites that fail and come back: how many messages that makes, and that people hear of all of it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use n720d::alerting::Message;
use n720d::domain::alert::{AlertKind, Severity};
use n720d::domain::ids::SiteName;
use n720d::domain::notification::Reason;
use n720d::domain::told::Delivery;

use crate::support::{Daemon, Finding, Receiver};

const SITES: usize = 10_000;
const REGIONS: usize = 5;

/// What came to all sinks.
#[derive(Default)]
struct Post {
    messages: Vec<(&'static str, Message)>,
}

impl Receiver for Post {
    fn receive(&mut self, _daemon: &Daemon, sink: &'static str, message: &Message) {
        self.messages.push((sink, message.clone()));
    }

    fn kept(&mut self, _daemon: &Daemon, _delivery: &Delivery) {}
}

impl Post {
    fn at<'a>(&'a self, sink: &'a str) -> impl Iterator<Item = &'a Message> {
        self.messages.iter().filter(move |(to, _)| *to == sink).map(|(_, message)| message)
    }

    /// The sites of which a sink heard so.
    fn sites(&self, sink: &str, ended: bool) -> BTreeSet<SiteName> {
        let entries = self.at(sink).flat_map(|message| &message.entries);
        entries.filter(|entry| entry.has_ended() == ended).map(|entry| entry.site.name.clone()).collect()
    }
}

fn fleet() -> Daemon {
    let mut daemon = Daemon::new(&["mail", "pager"]);
    for site in 0..SITES {
        daemon.add_site(&format!("site-{site:05}"), &[("region", &format!("r{}", site % REGIONS))]);
    }
    daemon
}

/// A cycle over every site in so many parts, 50 seconds apart; whoever looks is woken after each and when it is due.
fn cycle(daemon: &mut Daemon, post: &mut Post, parts: usize, findings: &[(AlertKind, Finding)]) {
    let sites: Vec<SiteName> = daemon.sites.keys().cloned().collect();
    for part in sites.chunks(SITES.div_ceil(parts)) {
        for site in part {
            daemon.cycle(site, findings);
        }
        daemon.look(post, None);
        pass(daemon, post, TimeDelta::seconds(if parts > 1 { 50 } else { 0 }));
    }
    pass(daemon, post, TimeDelta::minutes(11));
}

fn pass(daemon: &mut Daemon, post: &mut Post, span: TimeDelta) {
    let until = daemon.passed + span;
    while daemon.passed < until {
        daemon.pass(until - daemon.passed, post);
    }
}

const DOWN: (AlertKind, Finding) = (AlertKind::Unreachable, Finding::Holds(Severity::Critical));
const BACK: (AlertKind, Finding) = (AlertKind::Unreachable, Finding::Clear);
const SKEWED: (AlertKind, Finding) = (AlertKind::ClockSkew, Finding::Holds(Severity::Warning));

#[test]
fn all_sites_that_fail_in_one_cycle_are_told_in_one_message_a_group_and_sink_and_so_is_their_return() {
    let mut daemon = fleet();
    daemon.gathering.storm_by = vec!["region".into()];
    for (finding, reason, ended) in [(DOWN, Reason::First, false), (BACK, Reason::Resolved, true)] {
        let mut post = Post::default();
        cycle(&mut daemon, &mut post, 1, &[finding]);
        for sink in ["mail", "pager"] {
            assert_eq!(post.at(sink).count(), REGIONS, "{reason:?}");
            assert!(post.at(sink).all(|message| message.reason == reason));
            assert_eq!(post.sites(sink, ended).len(), SITES);
        }
        daemon.passed += TimeDelta::hours(1);
    }
    assert!(daemon.ledger.values().all(|known| known.is_empty()));
}

#[test]
fn all_sites_that_fail_over_the_five_minutes_of_a_cycle_are_told_in_few_messages() {
    let mut daemon = fleet();
    for (finding, ended) in [(DOWN, false), (BACK, true)] {
        let mut post = Post::default();
        cycle(&mut daemon, &mut post, 6, &[finding]);
        for sink in ["mail", "pager"] {
            assert!(post.at(sink).count() <= 3, "{}", post.at(sink).count());
            assert_eq!(post.sites(sink, ended).len(), SITES);
        }
    }
}

#[test]
fn all_sites_that_come_back_with_their_clocks_off_are_told_in_two_messages_a_group() {
    let mut daemon = fleet();
    daemon.gathering.storm_by = vec!["region".into()];
    cycle(&mut daemon, &mut Post::default(), 1, &[DOWN]);
    let mut post = Post::default();
    cycle(&mut daemon, &mut post, 1, &[BACK, SKEWED]);
    for sink in ["mail", "pager"] {
        let told = |reason| post.at(sink).filter(|message| message.reason == reason).count();
        assert_eq!((told(Reason::First), told(Reason::Resolved)), (REGIONS, REGIONS));
        assert_eq!(post.at(sink).count(), 2 * REGIONS);
        assert_eq!((post.sites(sink, true).len(), post.sites(sink, false).len()), (SITES, SITES));
    }
}

#[test]
fn a_sink_that_was_down_all_the_time_gets_what_holds_in_one_message() {
    let mut daemon = fleet();
    daemon.sinks.get_mut("pager").unwrap().is_up = false;
    let mut post = Post::default();
    cycle(&mut daemon, &mut post, 1, &[DOWN]);
    let sites: Vec<SiteName> = daemon.sites.keys().take(SITES / 2).cloned().collect();
    for site in &sites {
        daemon.cycle(site, &[BACK]);
    }
    daemon.sinks.get_mut("pager").unwrap().is_up = true;
    daemon.look(&mut post, None);
    assert_eq!(post.at("pager").map(|message| message.entries.len()).collect::<Vec<_>>(), [SITES / 2]);
    assert_eq!(post.sites("pager", true).len(), 0, "nor of the ends of what it never heard of");
}
