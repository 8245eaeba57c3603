//! The stage that puts together what is told in one message, and keeps back what is still being gathered.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::storm::Storms;
use super::{Batch, Group, Item, Scene};
use crate::alerting::message::SiteFacts;
use crate::domain::alert::AlertKind;
use crate::domain::notification::Reason;

/// Gives every alert its group; leaves out the groups that wait.
pub(super) fn group<'a>(scene: &Scene<'a>, batch: Batch<'a>) -> Batch<'a> {
    if scene.sink.gathers_itself { all_in_one(scene, batch) } else { gathered(scene, batch) }
}

/// The values that a site has of these labels; one that it has not is empty.
pub(super) fn values_of(site: &SiteFacts, labels: &[String]) -> BTreeMap<String, String> {
    let value = |label: &String| site.labels.get(label).cloned().unwrap_or_default();
    labels.iter().map(|label| (label.clone(), value(label))).collect()
}

/// For a sink that gathers by itself: whatever is new, at once. What was told half an interval ago is told again along
/// with it, so that what came in drops is repeated together, and what was told just now is not.
fn all_in_one<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    let recent = |item: &Item<'_>| {
        item.told.is_some_and(|told| scene.over_at(told.at, scene.sink.repeat / 2).is_some())
    };
    batch.items.retain(|item| item.news.is_some() || !recent(item));
    for item in &mut batch.items {
        item.group = Group::Labels(BTreeMap::new());
    }
    batch
}

fn gathered<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    let units = units(&batch.items);
    let storms = Storms::of(scene, &batch.items, &units);
    for item in &mut batch.items {
        if let Some(storm) = storms.of_news(item, &units) {
            item.group = storm;
        }
    }
    let waiting = waiting(scene, &batch.items, &storms);
    for until in waiting.values().flatten() {
        batch.look_again_at(*until);
    }
    let waits = |item: &Item<'_>| waiting.get(&item.group).is_some_and(Option::is_some);
    batch.items.retain(|item| item.news.is_none() || !waits(item));
    for item in &mut batch.items {
        if let Some(storm) = storms.of_the_rest(item, &units)
            && waiting.contains_key(&storm)
        {
            item.group = storm;
        }
    }
    batch
}

/// The kinds of trouble that there is something to tell of, by what the routes tell together.
pub(super) type Units = BTreeMap<Group, BTreeSet<AlertKind>>;

fn units(items: &[Item<'_>]) -> Units {
    let mut units = Units::new();
    for item in items.iter().filter(|item| item.news.is_some()) {
        match units.get_mut(&item.group) {
            Some(kinds) => kinds.insert(item.alert.kind),
            None => units.entry(item.group.clone()).or_default().insert(item.alert.kind),
        };
    }
    units
}

/// Of every group that has news until when it is kept back; `None`: it is told.
fn waiting(
    scene: &Scene<'_>,
    items: &[Item<'_>],
    storms: &Storms<'_>,
) -> BTreeMap<Group, Option<DateTime<Utc>>> {
    let mut last: BTreeMap<&Group, DateTime<Utc>> = BTreeMap::new();
    for item in items {
        if let Some(told) = item.told.filter(|told| !told.merged) {
            let at = last.entry(&item.group).or_insert(told.at);
            *at = told.at.max(*at);
        }
    }
    let mut gathering: BTreeMap<&Group, Option<DateTime<Utc>>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.news.is_some()) {
        let until = new_since(item).and_then(|since| scene.over_at(since, scene.gathering.wait));
        // What waits for the least is what is waited for: everything else is told with it.
        gathering.entry(&item.group).and_modify(|least| *least = (*least).min(until)).or_insert(until);
    }
    let paced = |group: &Group| {
        let (last, pause) = match group {
            Group::Site(_) => (last.get(group).copied(), scene.gathering.wait),
            Group::Labels(_) => (last.get(group).copied(), scene.gathering.interval),
            Group::Storm(..) => (storms.last(group), scene.gathering.interval),
        };
        last.and_then(|last| scene.over_at(last, pause))
    };
    gathering.into_iter().map(|(group, until)| (group.clone(), until.max(paced(group)))).collect()
}

/// Since when there is what is to be told, as far as it is worth waiting for more of the like. All of it is kept with the
/// alert or in the ledger, so that a restart does not begin to wait anew.
fn new_since(item: &Item<'_>) -> Option<DateTime<Utc>> {
    match item.news {
        Some(Reason::First) => Some(item.alert.since),
        Some(Reason::Resolved) => item.alert.resolved_at,
        // Nobody kept when it changed; it was not before it was told.
        Some(Reason::Changed | Reason::Repeat) => item.told.map(|told| told.at),
        None => None,
    }
}

#[cfg(test)]
mod tests;
