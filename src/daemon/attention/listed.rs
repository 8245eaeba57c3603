//! Alerts as people list them: each with who has taken it, why nobody is told, what it follows from and which sinks know of
//! it. Made of what is kept; nothing is read and nothing decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::alerting::SiteFacts;
use crate::alerting::pipeline::SiteAlerts;
use crate::api::{AlertLine, AlertList, Hushed, SilenceLine, Taken, ToldLine};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::attention::{Acknowledgement, Attention, Matcher, Silence};
use crate::domain::ids::SiteName;
use crate::domain::inhibition::inhibitor;
use crate::domain::told::{NotificationLedger, Told};
use crate::domain::wording::local;

/// What lists are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The sites that have alerts, the fleet among them.
    pub(super) sites: &'a BTreeMap<SiteName, SiteAlerts>,
    /// What sinks know.
    pub(super) ledger: &'a NotificationLedger,
    /// The sinks there are: what others knew is of no interest.
    pub(super) sinks: &'a BTreeSet<String>,
    /// What people have said.
    pub(super) attention: &'a Attention,
    /// The time.
    pub(super) now: DateTime<Utc>,
}

impl Known<'_> {
    /// Every alert, worst first: of those that are as urgent, those that nobody has taken, then the oldest. With `ended`, at
    /// the end those that have ended and that some sink knows of.
    pub(super) fn list(&self, ended: bool) -> AlertList {
        let lines = self.sites.values().flat_map(|site| self.of_site(site));
        let mut alerts: Vec<AlertLine> =
            lines.filter(|line| !has_ended(line) || (ended && !line.told.is_empty())).collect();
        sort(&mut alerts);
        AlertList { alerts }
    }

    /// The alerts that are meant and have not ended, worst first.
    pub(super) fn covered(&self, of: &Matcher) -> Vec<AlertLine> {
        let meant = |site: &SiteAlerts, line: &AlertLine| {
            !has_ended(line) && of.matches(&line.site, &site.facts.labels, &line.alert)
        };
        let lines = |site| self.of_site(site).filter(move |line| meant(site, line));
        let mut alerts: Vec<AlertLine> = self.sites.values().flat_map(lines).collect();
        sort(&mut alerts);
        alerts
    }

    /// One alert, by its id.
    pub(super) fn line(&self, site: &SiteAlerts, alert: &Alert) -> AlertLine {
        let facts = &site.facts;
        let (labels, zone) = (&facts.labels, facts.time_zone);
        let state = self.attention.state_of(&facts.name, labels, alert, self.now);
        let holds = state != AlertState::Resolved;
        let acknowledged = self.attention.acknowledgement_of(alert, self.now).filter(|_| holds);
        let silenced = self.attention.silence_of(&facts.name, labels, alert, self.now).filter(|_| holds);
        let source = inhibitor(alert, site.alerts.iter().map(AsRef::as_ref));
        AlertLine {
            alert: Alert { state, ..alert.clone() },
            site: facts.name.clone(),
            acknowledged: acknowledged.map(|given| taken(given, zone)),
            silenced: silenced.map(|silence| hushed(silence, zone)),
            inhibited_by: source.map(|source| source.id.clone()),
            told: self.told(alert, zone),
        }
    }

    fn of_site<'b>(&'b self, site: &'b SiteAlerts) -> impl Iterator<Item = AlertLine> + 'b {
        site.alerts.iter().map(move |alert| self.line(site, alert))
    }

    fn told(&self, alert: &Alert, zone: Tz) -> Vec<ToldLine> {
        let knowing = self.ledger.iter().filter(|(sink, _)| self.sinks.contains(*sink));
        let told = knowing.filter_map(|(sink, known)| Some((sink, known.get(&alert.id)?)));
        told.map(|(sink, told): (&String, &Told)| ToldLine {
            sink: sink.clone(),
            first_at: local(told.first_at, zone),
            at: local(told.at, zone),
        })
        .collect()
    }
}

/// An acknowledgement as people see it.
pub(super) fn taken(given: &Acknowledgement, zone: Tz) -> Taken {
    Taken {
        by: given.by.clone(),
        note: given.note.clone(),
        at: local(given.at, zone),
        until: given.until.map(|until| local(until, zone)),
    }
}

fn hushed(silence: &Silence, zone: Tz) -> Hushed {
    Hushed {
        number: silence.id,
        by: silence.by.clone(),
        reason: silence.reason.clone(),
        until: local(silence.until, zone),
    }
}

/// A silence as people see it, in the time zone that the sites it is over have in common.
pub(super) fn silence<'a>(
    silence: &Silence,
    sites: impl IntoIterator<Item = &'a SiteFacts>,
) -> (SilenceLine, usize) {
    let concerned = sites.into_iter().filter(|facts| silence.of.concerns(&facts.name, &facts.labels));
    let zones: Vec<Tz> = concerned.map(|facts| facts.time_zone).collect();
    let first = zones.first().copied().unwrap_or(Tz::UTC);
    let zone = if zones.iter().all(|zone| *zone == first) { first } else { Tz::UTC };
    let Matcher { sites, labels, kinds, severity } = silence.of.clone();
    let line = SilenceLine {
        number: silence.id,
        sites,
        labels,
        kinds,
        severity,
        by: silence.by.clone(),
        reason: silence.reason.clone(),
        from: local(silence.from, zone),
        until: local(silence.until, zone),
    };
    (line, zones.len())
}

/// Those of these sites that have alerts, with them.
pub(super) fn with_alerts(
    mut alerts: BTreeMap<SiteName, Vec<Alert>>,
    sites: impl IntoIterator<Item = SiteFacts>,
) -> BTreeMap<SiteName, SiteAlerts> {
    let with_alerts = sites.into_iter().filter_map(|facts| {
        let alerts = alerts.remove(&facts.name).filter(|alerts| !alerts.is_empty())?;
        let alerts = alerts.into_iter().map(Arc::new).collect();
        Some((facts.name.clone(), SiteAlerts { facts: Arc::new(facts), alerts }))
    });
    with_alerts.collect()
}

fn has_ended(line: &AlertLine) -> bool {
    line.alert.state == AlertState::Resolved
}

fn sort(lines: &mut [AlertLine]) {
    lines.sort_by(|one, other| key(one).cmp(&key(other)));
}

fn key(line: &AlertLine) -> impl Ord + '_ {
    let alert = &line.alert;
    let rank = match alert.state {
        AlertState::Firing if line.inhibited_by.is_none() => 0,
        AlertState::Firing => 1,
        AlertState::Acknowledged => 2,
        AlertState::Silenced => 3,
        AlertState::Resolved => 4,
    };
    (has_ended(line), std::cmp::Reverse(alert.severity), rank, alert.since, &alert.id)
}

#[cfg(test)]
mod tests;
