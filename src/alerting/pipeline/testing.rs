//! A fleet at one moment, to run stages on in tests: sites with alerts, what one sink knows, what people have said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Batch, Group, Outcome, STAGES, Scene, SinkProfile, SiteAlerts, Stage, everything, run};
use crate::alerting::message::{Message, SiteFacts};
use crate::domain::alert::{Alert, AlertKind, AlertState, Severity};
use crate::domain::attention::{Acknowledgement, Attention, Matcher, Silence};
use crate::domain::ids::SiteName;
use crate::domain::maintenance::MaintenanceWindow;
use crate::domain::notification::Reason;
use crate::domain::routing::{Gathering, GroupBy, Route, Routing};
use crate::domain::told::{NotificationLedger, Told, content_hash};

/// The sink that is told.
pub(super) const PAGER: &str = "pager";
/// Another one.
pub(super) const MAIL: &str = "mail";

/// Owns what a scene borrows.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    pub(super) sink: SinkProfile,
    pub(super) sites: BTreeMap<SiteName, SiteAlerts>,
    pub(super) ledger: NotificationLedger,
    pub(super) attention: Attention,
    pub(super) routing: Routing,
    pub(super) gathering: Gathering,
    pub(super) now: DateTime<Utc>,
}

/// A moment: second 0 is a Monday, 12:00 in UTC.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-11-23T12:00:00Z").unwrap().to_utc() + TimeDelta::seconds(seconds)
}

pub(super) const fn minutes(minutes: i64) -> i64 {
    minutes * 60
}

pub(super) const fn hours(hours: i64) -> i64 {
    hours * 3600
}

pub(super) fn firing(site: &str, kind: AlertKind, since: i64) -> Alert {
    Alert {
        id: format!("{site}/{kind}"),
        kind,
        severity: Severity::Warning,
        summary: format!("{kind} happened"),
        phase: String::new(),
        since: at(since),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    }
}

pub(super) fn ended(alert: &Alert, seconds: i64) -> Alert {
    Alert { state: AlertState::Resolved, resolved_at: Some(at(seconds)), ..alert.clone() }
}

pub(super) fn told(alert: &Alert, seconds: i64) -> Told {
    Told {
        site: alert.id.split('/').next().unwrap().parse().unwrap(),
        since: alert.since,
        content: Some(content_hash(alert)),
        first_at: at(seconds),
        at: at(seconds),
        merged: false,
    }
}

pub(super) fn every_alert(sinks: &[&str]) -> Route {
    Route {
        name: "route".into(),
        of: Matcher::default(),
        hours: None,
        sinks: sinks.iter().map(|sink| (*sink).to_owned()).collect(),
        escalation: Vec::new(),
        group_by: GroupBy::Site,
    }
}

pub(super) fn daily(start: &str, length_hours: u64) -> MaintenanceWindow {
    let length = Duration::from_secs(length_hours * 3600);
    MaintenanceWindow { start: start.parse().unwrap(), length, time_zone: None }
}

impl Fleet {
    /// No site, nothing told, all to all sinks; second 0.
    pub(super) fn quiet() -> Self {
        Self {
            sink: SinkProfile {
                name: PAGER.into(),
                repeat: Duration::from_secs(4 * 3600),
                forgets: false,
                gathers_itself: false,
                names_each: false,
            },
            sites: BTreeMap::new(),
            ledger: NotificationLedger::new(),
            attention: Attention::default(),
            routing: Routing::default(),
            gathering: Gathering::default(),
            now: at(0),
        }
    }

    pub(super) fn at(&mut self, seconds: i64) -> &mut Self {
        self.now = at(seconds);
        self
    }

    /// Puts these alerts at their sites, in place of those that are there.
    pub(super) fn with(&mut self, alerts: &[Alert]) -> &mut Self {
        for alert in alerts {
            let name = alert.id.split('/').next().unwrap();
            let site = self.site(name);
            site.alerts.retain(|one| one.id != alert.id);
            site.alerts.push(Arc::new(alert.clone()));
        }
        self
    }

    pub(super) fn site(&mut self, name: &str) -> &mut SiteAlerts {
        let name: SiteName = name.parse().unwrap();
        let facts = SiteFacts { name: name.clone(), ..SiteFacts::of_fleet() };
        self.sites.entry(name).or_insert_with(|| SiteAlerts { facts: Arc::new(facts), alerts: Vec::new() })
    }

    pub(super) fn label(&mut self, name: &str, key: &str, value: &str) -> &mut Self {
        let site = self.site(name);
        Arc::make_mut(&mut site.facts).labels.insert(key.into(), value.into());
        self
    }

    /// The sink was told of this at that second.
    pub(super) fn knows(&mut self, alert: &Alert, seconds: i64) -> &mut Self {
        self.row(PAGER, alert, told(alert, seconds))
    }

    pub(super) fn row(&mut self, sink: &str, alert: &Alert, told: Told) -> &mut Self {
        self.ledger.entry(sink.to_owned()).or_default().insert(alert.id.clone(), told);
        self
    }

    pub(super) fn take(&mut self, alert: &Alert, from: i64, until: Option<i64>) -> &mut Self {
        let given = Acknowledgement {
            alert: alert.id.clone(),
            since: alert.since,
            by: "anna".into(),
            note: String::new(),
            at: at(from),
            until: until.map(at),
        };
        self.attention.acknowledgements.insert(alert.id.clone(), given);
        self
    }

    pub(super) fn silence(&mut self, of: Matcher, from: i64, until: i64) -> &mut Self {
        let id = i64::try_from(self.attention.silences.len()).unwrap() + 1;
        let (by, reason) = ("anna".to_owned(), "works".to_owned());
        self.attention.silences.push(Silence {
            id,
            of,
            by,
            reason,
            from: at(from),
            until: at(until),
            ended: false,
        });
        self
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            sink: &self.sink,
            sites: &self.sites,
            ledger: &self.ledger,
            attention: &self.attention,
            routing: &self.routing,
            gathering: &self.gathering,
            now: self.now,
        }
    }

    pub(super) fn run(&self) -> Outcome {
        run(&self.scene())
    }

    /// Runs, takes note of every message as taken in the same second, and gives them.
    pub(super) fn tell(&mut self) -> Vec<Message> {
        let messages = self.run().messages;
        for message in &messages {
            let known = self.ledger.entry(self.sink.name.clone()).or_default();
            let delivery = super::delivery(&self.sink.name, Some(&*known), message, None, self.now);
            known.retain(|id, _| !delivery.ended.contains_key(id));
            known.extend(delivery.told);
        }
        messages
    }

    /// What is left after the stages up to this one: ids with the reasons, and when to look again, in seconds.
    pub(super) fn after(&self, last: Stage) -> (Vec<(String, Option<Reason>)>, Option<i64>) {
        let scene = self.scene();
        let batch = self.batch_after(&scene, last);
        let items = batch.items.iter().map(|item| (item.alert.id.clone(), item.news)).collect();
        (items, batch.look_again.map(|when| (when - at(0)).num_seconds()))
    }

    /// The groups of what is left after all stages.
    pub(super) fn groups(&self) -> BTreeMap<Group, Vec<(String, Option<Reason>)>> {
        let scene = self.scene();
        let mut groups: BTreeMap<Group, Vec<_>> = BTreeMap::new();
        for item in self.batch_after(&scene, STAGES[4]).items {
            groups.entry(item.group.clone()).or_default().push((item.alert.id.clone(), item.news));
        }
        groups
    }

    fn batch_after<'a>(&self, scene: &Scene<'a>, last: Stage) -> Batch<'a> {
        let count = STAGES.iter().position(|stage| std::ptr::fn_addr_eq(*stage, last)).unwrap() + 1;
        STAGES.into_iter().take(count).fold(everything(scene), |batch, stage| stage(scene, batch))
    }
}

/// Subject, reason and entries of a message, an ended one with a dash.
pub(super) fn words(message: &Message) -> String {
    let entry = |entry: &crate::alerting::message::Entry| {
        format!("{}{}", if entry.has_ended() { "-" } else { "" }, entry.alert.id)
    };
    let entries: Vec<String> = message.entries.iter().map(entry).collect();
    format!("{} {}: {}", message.subject.words(), message.reason.as_str(), entries.join(" "))
}
