//! The alerts of all sites as last kept, in memory: what messages are made of. No I/O, no decision, no time.
//!
//! It mirrors the store: whoever has kept alerts puts them here. Of a site that is not in force nothing is shown as long as
//! anything holds there, so that one that comes back stands as it did; once all of it has ended, its ends are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::message::SiteFacts;
use super::pipeline::SiteAlerts;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::ids::SiteName;

/// What holds at all sites.
#[derive(Debug)]
pub struct Desk {
    all: Mutex<All>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct All {
    /// The sites in force, the fleet among them.
    in_force: BTreeSet<SiteName>,
    /// What is known of these, and of those that were in force.
    facts: BTreeMap<SiteName, Arc<SiteFacts>>,
    /// What messages may be about.
    shown: Arc<BTreeMap<SiteName, SiteAlerts>>,
    /// What sites that are not in force have, if it is not shown.
    hidden: BTreeMap<SiteName, Vec<Arc<Alert>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { all: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Desk {
    /// Changes which sites are in force; the fleet always is.
    pub fn follow(&self, sites: impl IntoIterator<Item = SiteFacts>) {
        let sites = sites.into_iter().chain([SiteFacts::of_fleet()]);
        let mut all = self.lock();
        let mut alerts = std::mem::take(&mut all.hidden);
        let shown = std::mem::take(&mut all.shown);
        alerts.extend(shown.iter().map(|(site, shown)| (site.clone(), shown.alerts.clone())));
        all.in_force.clear();
        for facts in sites {
            all.in_force.insert(facts.name.clone());
            if all.facts.get(&facts.name).is_none_or(|known| **known != facts) {
                all.facts.insert(facts.name.clone(), Arc::new(facts));
            }
        }
        for (site, alerts) in alerts {
            all.place(&site, alerts);
        }
        drop(all);
        self.changed.send_replace(());
    }

    /// Puts down the alerts of a site, in place of what it had. Cheap where nothing differs.
    pub fn put(&self, site: &SiteName, alerts: &[Alert]) {
        let mut all = self.lock();
        let before = all.of(site);
        if before.len() == alerts.len() && before.iter().zip(alerts).all(|(before, alert)| **before == *alert)
        {
            return;
        }
        let known: BTreeMap<&str, &Arc<Alert>> =
            before.iter().map(|alert| (alert.id.as_str(), alert)).collect();
        let kept = |alert: &Alert| match known.get(alert.id.as_str()) {
            Some(known) if ***known == *alert => Arc::clone(known),
            Some(_) | None => Arc::new(alert.clone()),
        };
        let alerts = alerts.iter().map(kept).collect();
        all.place(site, alerts);
        drop(all);
        self.changed.send_replace(());
    }

    /// The alerts that messages may be about, as they are at this moment. To be let go of soon: while somebody holds it, a change
    /// costs a copy.
    pub fn sites(&self) -> Arc<BTreeMap<SiteName, SiteAlerts>> {
        Arc::clone(&self.lock().shown)
    }

    /// The same, and what stands still at sites that are not in force: for people to look at.
    pub fn all(&self) -> BTreeMap<SiteName, SiteAlerts> {
        let all = self.lock();
        let still = all.hidden.iter().map(|(site, alerts)| {
            (site.clone(), SiteAlerts { facts: all.facts(site), alerts: alerts.clone() })
        });
        all.shown.iter().map(|(site, shown)| (site.clone(), shown.clone())).chain(still).collect()
    }

    /// Changes whenever something on it does.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn of(&self, site: &SiteName) -> &[Arc<Alert>] {
        let shown = self.shown.get(site).map(|shown| &shown.alerts);
        shown.or_else(|| self.hidden.get(site)).map_or(&[], Vec::as_slice)
    }

    fn facts(&self, site: &SiteName) -> Arc<SiteFacts> {
        self.facts.get(site).map_or_else(|| Arc::new(SiteFacts::of_name(site)), Arc::clone)
    }

    fn place(&mut self, site: &SiteName, alerts: Vec<Arc<Alert>>) {
        let facts = self.facts(site);
        let is_over = alerts.iter().all(|alert| alert.state == AlertState::Resolved);
        self.hidden.remove(site);
        if alerts.is_empty() {
            if self.shown.contains_key(site) {
                Arc::make_mut(&mut self.shown).remove(site);
            }
        } else if self.in_force.contains(site) || is_over {
            Arc::make_mut(&mut self.shown).insert(site.clone(), SiteAlerts { facts, alerts });
        } else {
            Arc::make_mut(&mut self.shown).remove(site);
            self.hidden.insert(site.clone(), alerts);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::alert::{AlertKind, Severity};

    fn name(site: &str) -> SiteName {
        site.parse().unwrap()
    }

    fn facts(site: &str) -> SiteFacts {
        SiteFacts { name: name(site), ..SiteFacts::of_fleet() }
    }

    fn alert(id: &str) -> Alert {
        Alert {
            id: id.into(),
            kind: AlertKind::Drift,
            severity: Severity::Warning,
            summary: "differs".into(),
            phase: String::new(),
            since: DateTime::UNIX_EPOCH,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        }
    }

    fn shown(desk: &Desk) -> Vec<String> {
        desk.sites().values().flat_map(|site| &site.alerts).map(|alert| alert.id.clone()).collect()
    }

    #[test]
    fn what_was_put_down_last_is_shown_of_the_sites_in_force_and_of_the_fleet() {
        let desk = Desk::default();
        desk.follow([facts("acme")]);
        desk.put(&name("acme"), &[alert("acme/drift"), alert("acme/clock-skew")]);
        desk.put(&name("beta"), &[alert("beta/drift")]);
        desk.put(&SiteName::of_fleet(), &[alert("fleet/drift")]);
        assert_eq!(shown(&desk), ["acme/drift", "acme/clock-skew", "fleet/drift"]);
        desk.put(&name("acme"), &[alert("acme/drift")]);
        assert_eq!(shown(&desk), ["acme/drift", "fleet/drift"]);
        desk.put(&name("acme"), &[]);
        assert_eq!(desk.sites().keys().collect::<Vec<_>>(), [&SiteName::of_fleet()]);
    }

    #[test]
    fn a_site_that_comes_back_stands_as_it_did_and_what_came_meanwhile_counts() {
        let desk = Desk::default();
        desk.follow([facts("acme"), facts("beta")]);
        desk.put(&name("acme"), &[alert("acme/drift")]);
        desk.put(&name("beta"), &[alert("beta/drift")]);
        desk.follow([facts("beta")]);
        assert_eq!(shown(&desk), ["beta/drift"]);
        desk.put(&name("acme"), &[alert("acme/clock-skew")]);
        desk.follow([facts("acme"), facts("beta")]);
        assert_eq!(shown(&desk), ["acme/clock-skew", "beta/drift"]);
    }

    #[test]
    fn of_a_site_that_was_left_the_ends_are_shown_and_nothing_that_holds() {
        let ended = |id: &str| Alert { state: AlertState::Resolved, ..alert(id) };
        let desk = Desk::default();
        let berlin = SiteFacts { contact: "Frau Weber".into(), ..facts("acme") };
        desk.follow([berlin.clone()]);
        desk.put(&name("acme"), &[alert("acme/drift"), ended("acme/clock-skew")]);
        desk.follow([]);
        assert!(shown(&desk).is_empty(), "it may be back before anybody takes leave of it");
        let still = &desk.all()[&name("acme")];
        assert_eq!(*still.facts, berlin, "people see it");
        assert_eq!(still.alerts.len(), 2);
        desk.put(&name("acme"), &[ended("acme/drift"), ended("acme/clock-skew")]);
        assert_eq!(shown(&desk), ["acme/drift", "acme/clock-skew"]);
        desk.follow([]);
        assert_eq!(*desk.sites()[&name("acme")].facts, berlin, "called as before");

        desk.put(&name("gone-before-the-start"), &[ended("gone-before-the-start/drift")]);
        assert_eq!(*desk.sites()[&name("gone-before-the-start")].facts, facts("gone-before-the-start"));
        desk.put(&name("gone-before-the-start"), &[]);
        desk.follow([berlin.clone()]);
        assert_eq!(*desk.sites()[&name("acme")].facts, berlin, "it is back");
        assert_eq!(desk.sites().len(), 1);
    }

    #[test]
    fn the_facts_are_those_in_force() {
        let desk = Desk::default();
        desk.follow([facts("acme"), facts("beta")]);
        desk.put(&name("acme"), &[alert("acme/drift")]);
        desk.put(&name("beta"), &[alert("beta/drift")]);
        let before = desk.sites();
        desk.follow([SiteFacts { contact: "Frau Weber".into(), ..facts("acme") }, facts("beta")]);
        let after = desk.sites();
        assert_eq!(after[&name("acme")].facts.contact, "Frau Weber");
        assert!(Arc::ptr_eq(&before[&name("beta")].facts, &after[&name("beta")].facts), "unchanged");
        assert!(before[&name("acme")].facts.contact.is_empty(), "who looked before sees what was there");
    }

    #[test]
    fn only_a_difference_is_a_change_and_what_does_not_differ_is_not_copied() {
        let desk = Desk::default();
        desk.follow([facts("acme")]);
        desk.put(&name("acme"), &[alert("acme/drift")]);
        let first = Arc::clone(&desk.sites()[&name("acme")].alerts[0]);
        let mut changes = desk.changes();
        desk.put(&name("acme"), &[alert("acme/drift")]);
        desk.put(&name("beta"), &[]);
        assert!(!changes.has_changed().unwrap());
        desk.put(&name("acme"), &[alert("acme/clock-skew"), alert("acme/drift")]);
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(Arc::ptr_eq(&first, &desk.sites()[&name("acme")].alerts[1]));
        let other = Alert { severity: Severity::Critical, ..alert("acme/drift") };
        desk.put(&name("acme"), &[alert("acme/clock-skew"), other]);
        assert!(changes.has_changed().unwrap());
    }

    #[test]
    fn a_change_does_not_disturb_who_holds_what_was() {
        let desk = Desk::default();
        desk.follow([facts("acme")]);
        desk.put(&name("acme"), &[alert("acme/drift")]);
        let held = desk.sites();
        desk.put(&name("acme"), &[]);
        assert_eq!(held[&name("acme")].alerts.len(), 1);
        assert!(desk.sites().is_empty());
    }
}
