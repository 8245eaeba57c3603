//! Storms: one kind of trouble in many places at once, told in one message now and then instead of in many.
//!
//! A place is what the routes tell together, a site mostly. Where something else is to be told as well, all of it is told
//! there and at once: a storm holds up nothing but itself. It is on while so many places have been told of it lately or are
//! to be; also after that, what was told in it ends in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::group::{Units, values_of};
use super::{Group, Item, Scene};
use crate::domain::alert::AlertKind;
use crate::domain::routing::Gathering;

/// The storms at one sink.
pub(super) struct Storms<'a> {
    gathering: &'a Gathering,
    /// Kinds of which enough places are told.
    on: BTreeSet<AlertKind>,
    /// When each storm was last told of, as far as something holds of what was told then, or has just ended.
    last: BTreeMap<Group, DateTime<Utc>>,
    /// Those of them that were told of less than the interval ago.
    recent: BTreeSet<Group>,
}

impl<'a> Storms<'a> {
    pub(super) fn of(scene: &Scene<'a>, items: &[Item<'_>], units: &Units) -> Self {
        let gathering = scene.gathering;
        let is_recent = |at: DateTime<Utc>| scene.over_at(at, gathering.interval).is_some();
        let mut places: BTreeMap<AlertKind, BTreeSet<&Group>> = BTreeMap::new();
        let mut last: BTreeMap<Group, DateTime<Utc>> = BTreeMap::new();
        for item in items {
            let told_of = item.told.is_some_and(|told| told.merged || is_recent(told.at));
            if told_of || is_all_the_news(item, units) {
                places.entry(item.alert.kind).or_default().insert(&item.group);
            }
            if let Some(told) = item.told.filter(|told| told.merged) {
                let at = last.entry(named(gathering, item)).or_insert(told.at);
                *at = told.at.max(*at);
            }
        }
        let enough = |places: &BTreeSet<&Group>| places.len() >= gathering.storm;
        let on = places.into_iter().filter(|(_, places)| enough(places)).map(|(kind, _)| kind).collect();
        let recent = last.iter().filter(|(_, at)| is_recent(**at)).map(|(storm, _)| storm.clone()).collect();
        Self { gathering, on, last, recent }
    }

    /// The storm in which the news of an alert is told.
    pub(super) fn of_news(&self, item: &Item<'_>, units: &Units) -> Option<Group> {
        if !is_all_the_news(item, units) {
            return None;
        }
        let is_in = self.on.contains(&item.alert.kind) || is_merged(item);
        let storm = (is_in || !self.recent.is_empty()).then(|| named(self.gathering, item))?;
        (is_in || self.recent.contains(&storm)).then_some(storm)
    }

    /// The storm that an alert without news is told along with, if there is a message of it.
    pub(super) fn of_the_rest(&self, item: &Item<'_>, units: &Units) -> Option<Group> {
        let kind = item.alert.kind;
        let is_of_it = self.on.contains(&kind) || is_merged(item);
        (item.news.is_none() && is_of_it && nothing_else(item, units)).then(|| named(self.gathering, item))
    }

    /// When a storm was last told of, if that is known.
    pub(super) fn last(&self, storm: &Group) -> Option<DateTime<Utc>> {
        self.last.get(storm).copied()
    }
}

/// Whether an alert is of the only kind that there is anything to tell of at its place.
fn is_all_the_news(item: &Item<'_>, units: &Units) -> bool {
    item.news.is_some() && nothing_else(item, units)
}

/// Whether there is nothing to tell of another kind at the place of an alert.
fn nothing_else(item: &Item<'_>, units: &Units) -> bool {
    units.get(&item.group).is_none_or(|kinds| kinds.iter().all(|kind| *kind == item.alert.kind))
}

fn is_merged(item: &Item<'_>) -> bool {
    item.told.is_some_and(|told| told.merged)
}

fn named(gathering: &Gathering, item: &Item<'_>) -> Group {
    Group::Storm(item.alert.kind, values_of(item.facts, &gathering.storm_by))
}

#[cfg(test)]
mod tests;
