//! The stage that leaves out what is not for this sink: by route, by hour, and by who has not answered.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::group::values_of;
use super::hours::Hours;
use super::{Batch, Group, Item, Scene};
use crate::domain::alert::{AlertKind, AlertState};
use crate::domain::inhibition::explained_by;
use crate::domain::maintenance::MaintenanceStanding;
use crate::domain::routing::{GroupBy, Route};

/// Keeps what goes to this sink, and puts down what it is told together with. Of what the sink knows and is not for it any
/// more it keeps the end, and, where the sink forgets, the repetition.
pub(super) fn route<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    let ways = ways(scene);
    let mut hours = Hours::at(scene.now);
    let mut next = None;
    batch.items.retain_mut(|item| {
        // The end of what the sink does not know is nothing to anybody.
        if item.has_ended() && item.told.is_none() {
            return false;
        }
        let (place, look_again) = place(scene, &ways, &mut hours, item);
        next = [next, look_again].into_iter().flatten().min();
        match place {
            Place::Here => true,
            Place::Elsewhere if item.has_ended() => true,
            Place::Later | Place::Elsewhere => {
                item.upkeep = scene.sink.forgets && item.told.is_some() && !item.has_ended();
                item.upkeep
            }
        }
    });
    if let Some(when) = next {
        batch.look_again_at(when);
    }
    batch
}

/// Whether an alert is for this sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Later,
    Elsewhere,
}

/// A route as this sink sees it.
struct Way<'a> {
    /// Its place in the configuration.
    place: usize,
    route: &'a Route,
    /// Whether it leads here at once.
    at_once: bool,
    /// After how long of no answer it leads here.
    after: Option<Duration>,
}

impl Way<'_> {
    fn leads_here(&self) -> bool {
        self.at_once || self.after.is_some()
    }
}

fn ways<'a>(scene: &Scene<'a>) -> Vec<Way<'a>> {
    let names_it = |sinks: &[String]| sinks.contains(&scene.sink.name);
    let routes = scene.routing.routes.iter().enumerate();
    let way = |(place, route): (usize, &'a Route)| {
        let steps = route.escalation.iter().filter(|step| names_it(&step.sinks));
        Way { place, route, at_once: names_it(&route.sinks), after: steps.map(|step| step.after).min() }
    };
    routes.map(way).collect()
}

/// Whether an alert is for this sink, and when that may be otherwise. Also puts down its group.
fn place(
    scene: &Scene<'_>,
    ways: &[Way<'_>],
    hours: &mut Hours,
    item: &mut Item<'_>,
) -> (Place, Option<DateTime<Utc>>) {
    if item.alert.kind == AlertKind::SinkFailing {
        // Whoever is told is not to be told by the sink that does not work, whatever was configured.
        let about_it = item.alert.id.rsplit('/').next() == Some(&scene.sink.name);
        return (if about_it { Place::Elsewhere } else { Place::Here }, None);
    }
    let mut matching =
        ways.iter().filter(|way| way.route.of.matches(&item.facts.name, &item.facts.labels, item.alert));
    let Some(first) = matching.next() else { return (Place::Here, None) };
    let leading: Vec<&Way<'_>> =
        std::iter::once(first).chain(matching).filter(|way| way.leads_here()).collect();
    let Some(grouping) = leading.iter().find(|way| way.at_once).or(leading.first()) else {
        return (Place::Elsewhere, None);
    };
    if let GroupBy::Labels(labels) = &grouping.route.group_by
        && !item.facts.name.is_of_fleet()
    {
        item.group = Group::Labels(values_of(item.facts, labels));
    }
    let looks = leading.iter().map(|way| open(scene, way, hours, item));
    looks.fold((Place::Later, None), |(place, next), (here, look_again)| {
        let place = if here { Place::Here } else { place };
        (place, [next, look_again].into_iter().flatten().min())
    })
}

/// Whether a route that matches leads an alert here now, and when that may be otherwise.
fn open(
    scene: &Scene<'_>,
    way: &Way<'_>,
    hours: &mut Hours,
    item: &Item<'_>,
) -> (bool, Option<DateTime<Utc>>) {
    // What a sink was told it stays told about, by whatever way it came to know.
    let due = if way.at_once || item.told.is_some() {
        None
    } else if item.state == AlertState::Firing {
        escalates_at(scene, way, hours, item)
    } else {
        // Somebody has it, or nobody is to hear of it: as long as that holds.
        return (false, None);
    };
    match (hours.standing(way.place, way.route, item.facts.time_zone), due) {
        (None, None) => (true, None),
        (None, Some(due)) => (false, Some(due)),
        (Some(MaintenanceStanding::Open { until }), None) => (true, Some(until)),
        (Some(MaintenanceStanding::Open { .. }), Some(due)) => (false, Some(due)),
        (Some(MaintenanceStanding::Closed { next }), due) => {
            (false, next.max(due).filter(|_| next.is_some()))
        }
    }
}

/// When nobody has answered for long enough; `None`: that is so.
///
/// Counted from when the first of the route's sinks was told of this life of the alert; where none has taken it, from when
/// it was due there. What somebody had taken or silenced for a time, and what only followed from other trouble, is
/// counted from the end of that: only since then is it nobody's.
fn escalates_at(
    scene: &Scene<'_>,
    way: &Way<'_>,
    hours: &mut Hours,
    item: &Item<'_>,
) -> Option<DateTime<Utc>> {
    let after = way.after?;
    let told = way.route.sinks.iter().filter_map(|sink| scene.ledger.get(sink)?.get(&item.alert.id));
    let told = told.filter(|told| told.since == item.alert.since);
    let begun = match told.map(|told| told.first_at).min() {
        Some(first) => first,
        // Not due even if it was to be told at once: spares a look at the schedule.
        None if scene.over_at(item.alert.since, after).is_some() => item.alert.since,
        None => hours.first_open(way.place, way.route, item.facts.time_zone, item.alert.since),
    };
    let (site, labels) = (&item.facts.name, &item.facts.labels);
    let answered = scene.attention.last_over(site, labels, item.alert, scene.now);
    let waited = [answered, explained_until(scene, item)].into_iter().flatten().max();
    scene.over_at(waited.map_or(begun, |waited| begun.max(waited)), after)
}

/// When the last of what explained an alert ended: nobody was told of it before, so that nobody could answer.
fn explained_until(scene: &Scene<'_>, item: &Item<'_>) -> Option<DateTime<Utc>> {
    let sources = explained_by(item.alert.kind);
    let of_site = scene.sites.get(&item.facts.name).filter(|_| !sources.is_empty())?;
    let ended = of_site.alerts.iter().filter(|other| sources.contains(&other.kind));
    ended.filter_map(|other| other.resolved_at).max()
}

#[cfg(test)]
mod tests;
