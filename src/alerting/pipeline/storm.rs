//! Storms: one kind of trouble in many places at once, told in one message now and then instead of in many.
//!
//! A place is what the routes tell together, a site mostly ([`Units`]). Either all that it has to tell is told in storms, each
//! kind in its own, or all of it is told there and at once: a storm holds up nothing but storms. One is on while so many places
//! have been told of it lately or are to be; also after that, what was told in it ends in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::group::{Units, values_of};
use super::{Group, Item, Scene};
use crate::domain::alert::AlertKind;
use crate::domain::ids::SiteName;

/// The storms at one sink.
#[derive(Debug, Default)]
pub(super) struct Storms<'a> {
    /// The storm that an item is told in, if that is told.
    by_item: Vec<Option<usize>>,
    storms: Vec<Storm<'a>>,
    /// Where a storm is among them.
    numbers: BTreeMap<Group, usize>,
}

#[derive(Debug)]
struct Storm<'a> {
    name: Group,
    /// When it was last told of, as far as something holds of what was told then, or has just ended.
    last: Option<DateTime<Utc>>,
    /// The site of the first thing that was told in it.
    first: Option<&'a SiteName>,
    /// Whether something at another site was.
    has_several: bool,
}

impl<'a> Storms<'a> {
    pub(super) fn of(scene: &Scene<'_>, items: &[Item<'a>], units: &Units) -> Self {
        let mut storms = Self::default();
        storms.keep_what_was_merged(scene, items);
        storms.add_what_follows(scene, items);
        let places = storms.places(scene, items, units);
        storms.add_what_is_on(scene, items, units, &places);
        storms
    }

    /// The storm in which the news of each item is told, or along with which it is told if it is no news.
    pub(super) fn by_item(&self) -> impl Iterator<Item = Option<usize>> {
        self.by_item.iter().copied()
    }

    pub(super) fn name(&self, storm: usize) -> &Group {
        &self.storms[storm].name
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.storms.len()
    }

    /// When each was last told of, as far as that is known.
    pub(super) fn last(&self) -> impl Iterator<Item = Option<DateTime<Utc>>> {
        self.storms.iter().map(|storm| storm.last)
    }

    /// What was told in a storm is of it, however few are left.
    fn keep_what_was_merged(&mut self, scene: &Scene<'_>, items: &[Item<'a>]) {
        for item in items {
            let storm = item.told.filter(|told| told.merged).map(|told| {
                let number = self.number(named(scene, item));
                let storm = &mut self.storms[number];
                storm.last = storm.last.max(Some(told.at).filter(|_| !told.is_unheard()));
                storm.has_several |= *storm.first.get_or_insert(&item.facts.name) != &item.facts.name;
                number
            });
            self.by_item.push(storm);
        }
    }

    /// News that follows a storm that was told lately is of it too, unless only one site is left in it.
    fn add_what_follows(&mut self, scene: &Scene<'_>, items: &[Item<'_>]) {
        let recent: BTreeMap<&Group, usize> = self
            .numbers
            .iter()
            .filter(|(_, number)| {
                let storm = &self.storms[**number];
                storm.has_several && storm.last.is_some_and(|at| is_recent(scene, at))
            })
            .map(|(name, number)| (name, *number))
            .collect();
        if recent.is_empty() {
            return;
        }
        for (item, storm) in items.iter().zip(&mut self.by_item) {
            if storm.is_none() && item.news.is_some() {
                *storm = recent.get(&named(scene, item)).copied();
            }
        }
    }

    /// What there is in each unit, once it is known what is of a storm whether or not its kind is on.
    fn places(&self, scene: &Scene<'_>, items: &[Item<'_>], units: &Units) -> Vec<Place> {
        let mut places = vec![Place::default(); units.count()];
        for ((item, unit), storm) in items.iter().zip(units.by_item()).zip(self.by_item()) {
            let (place, kind) = (&mut places[unit], item.alert.kind);
            if item.told.is_some_and(|told| told.merged || is_recent(scene, told.at)) {
                place.told.insert(kind);
            }
            if item.news.is_some() {
                place.news.insert(kind);
                if storm.is_none() {
                    place.needed.insert(kind);
                }
            }
        }
        places
    }

    /// What is of a kind that is on is of a storm, and nothing is where there is other news.
    fn add_what_is_on(&mut self, scene: &Scene<'_>, items: &[Item<'_>], units: &Units, places: &[Place]) {
        let on = on(scene, places);
        for (index, (item, unit)) in items.iter().zip(units.by_item()).enumerate() {
            if !places[unit].is_in_storms(&on) {
                self.by_item[index] = None;
            } else if self.by_item[index].is_none() && on.contains(&item.alert.kind) {
                self.by_item[index] = Some(self.number(named(scene, item)));
            }
        }
    }

    fn number(&mut self, name: Group) -> usize {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        let next = self.storms.len();
        self.numbers.insert(name.clone(), next);
        self.storms.push(Storm { name, last: None, first: None, has_several: false });
        next
    }
}

/// The kinds of trouble in a unit.
#[derive(Debug, Clone, Default)]
struct Place {
    /// What it was told of lately or in a storm.
    told: BTreeSet<AlertKind>,
    /// What it has news of.
    news: BTreeSet<AlertKind>,
    /// Those of the news that have to be on for it to be told in storms.
    needed: BTreeSet<AlertKind>,
}

impl Place {
    /// Whether all of its news is told in storms when these kinds are on.
    fn is_in_storms(&self, on: &BTreeSet<AlertKind>) -> bool {
        self.needed.is_subset(on)
    }

    /// The kinds that it counts for when these are on.
    fn counts_for(&self, on: &BTreeSet<AlertKind>) -> impl Iterator<Item = AlertKind> {
        let news = self.is_in_storms(on).then_some(&self.news).into_iter().flatten();
        let untold = news.filter(|kind| !self.told.contains(kind));
        self.told.iter().chain(untold).copied()
    }
}

/// The kinds of which enough places are told. Those with news of a kind that is told in no storm do not count, so each kind that
/// falls short may take others with it: until none does.
fn on(scene: &Scene<'_>, places: &[Place]) -> BTreeSet<AlertKind> {
    let mut on: BTreeSet<AlertKind> = AlertKind::ALL.into_iter().collect();
    loop {
        let mut counts: BTreeMap<AlertKind, usize> = BTreeMap::new();
        for kind in places.iter().flat_map(|place| place.counts_for(&on)) {
            *counts.entry(kind).or_default() += 1;
        }
        let before = on.len();
        on.retain(|kind| counts.get(kind).is_some_and(|count| *count >= scene.gathering.storm));
        if on.len() == before {
            return on;
        }
    }
}

fn is_recent(scene: &Scene<'_>, at: DateTime<Utc>) -> bool {
    scene.over_at(at, scene.gathering.interval).is_some()
}

fn named(scene: &Scene<'_>, item: &Item<'_>) -> Group {
    Group::Storm(item.alert.kind, values_of(item.facts, &scene.gathering.storm_by))
}

#[cfg(test)]
mod tests;
