//! Storms: one kind of trouble in many places at once, told in one message now and then instead of in many.
//!
//! A place is what the routes tell together, a site mostly ([`Units`]). Where something else is to be told as well, all of it
//! is told there and at once: a storm holds up nothing but itself. It is on while so many places have been told of it lately or are
//! to be; also after that, what was told in it ends in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::group::{Units, values_of};
use super::{Group, Item, Scene};
use crate::domain::alert::AlertKind;

/// The storms at one sink.
pub(super) struct Storms {
    /// The storm that an item is told in, if that is told.
    by_item: Vec<Option<usize>>,
    names: Vec<Group>,
    /// When each was last told of, as far as something holds of what was told then, or has just ended.
    last: Vec<Option<DateTime<Utc>>>,
}

impl Storms {
    pub(super) fn of(scene: &Scene<'_>, items: &[Item<'_>], units: &Units) -> Self {
        let on = on(scene, items, units);
        let mut numbers: BTreeMap<Group, usize> = BTreeMap::new();
        let mut last: Vec<Option<DateTime<Utc>>> = Vec::new();
        for item in items {
            let Some(told) = item.told.filter(|told| told.merged) else { continue };
            let storm = *numbers.entry(named(scene, item)).or_insert(last.len());
            last.resize(numbers.len(), None);
            last[storm] = last[storm].max(Some(told.at));
        }
        let is_recent = |storm: usize| last[storm].is_some_and(|at| is_recent(scene, at));
        let any_recent = (0..last.len()).any(is_recent);
        let mut by_item = Vec::with_capacity(items.len());
        for (item, unit) in items.iter().zip(units.by_item()) {
            let kind = item.alert.kind;
            let is_in = on.contains(&kind) || is_merged(item);
            let may_be = is_in || (any_recent && item.news.is_some());
            let name = (may_be && units.has_nothing_but(kind, unit)).then(|| named(scene, item));
            by_item.push(name.and_then(|name| match numbers.get(&name) {
                Some(storm) => (is_in || is_recent(*storm)).then_some(*storm),
                None => is_in.then(|| {
                    let next = numbers.len();
                    *numbers.entry(name).or_insert(next)
                }),
            }));
        }
        last.resize(numbers.len(), None);
        let mut names: Vec<(Group, usize)> = numbers.into_iter().collect();
        names.sort_by_key(|(_, number)| *number);
        Self { by_item, names: names.into_iter().map(|(name, _)| name).collect(), last }
    }

    /// The storm in which the news of each item is told, or along with which it is told if it is no news.
    pub(super) fn by_item(&self) -> impl Iterator<Item = Option<usize>> {
        self.by_item.iter().copied()
    }

    pub(super) fn name(&self, storm: usize) -> &Group {
        &self.names[storm]
    }

    /// When each was last told of, as far as that is known.
    pub(super) fn last(&self) -> impl Iterator<Item = Option<DateTime<Utc>>> {
        self.last.iter().copied()
    }
}

/// The kinds of which enough places are told: that have news of nothing else, or were told of it lately or in a storm.
fn on(scene: &Scene<'_>, items: &[Item<'_>], units: &Units) -> BTreeSet<AlertKind> {
    let mut places: BTreeMap<AlertKind, BTreeSet<usize>> = BTreeMap::new();
    for (item, unit) in items.iter().zip(units.by_item()) {
        let kind = item.alert.kind;
        let was_told = item.told.is_some_and(|told| told.merged || is_recent(scene, told.at));
        if was_told || (item.news.is_some() && units.has_nothing_but(kind, unit)) {
            places.entry(kind).or_default().insert(unit);
        }
    }
    places.retain(|_, places| places.len() >= scene.gathering.storm);
    places.into_keys().collect()
}

fn is_recent(scene: &Scene<'_>, at: DateTime<Utc>) -> bool {
    scene.over_at(at, scene.gathering.interval).is_some()
}

fn is_merged(item: &Item<'_>) -> bool {
    item.told.is_some_and(|told| told.merged)
}

fn named(scene: &Scene<'_>, item: &Item<'_>) -> Group {
    Group::Storm(item.alert.kind, values_of(item.facts, &scene.gathering.storm_by))
}

#[cfg(test)]
mod tests;
