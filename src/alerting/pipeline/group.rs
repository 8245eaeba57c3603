//! The stage that puts together what is told in one message, and keeps back what is still being gathered.
//!
//! What the routes tell together, a site mostly, is a *unit*. Where many units have the same to tell, that is a *storm*
//! ([`super::storm`]). Items, units and storms go by numbers here: there may be tens of thousands, and the names of groups
//! are long.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::storm::Storms;
use super::{Batch, Group, Item, Scene};
use crate::alerting::message::{MOST_ENDS, SiteFacts};
use crate::domain::notification::Reason;

/// Gives every alert its group; leaves out the groups that wait, and those without news.
pub(super) fn group<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    if batch.items.iter().all(|item| item.news.is_none()) {
        batch.items.clear();
        batch
    } else if scene.sink.gathers_itself {
        all_in_one(scene, batch)
    } else {
        gathered(scene, batch)
    }
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

fn gathered<'a>(scene: &Scene<'a>, batch: Batch<'a>) -> Batch<'a> {
    let Batch { items, look_again } = batch;
    let units = Units::of(scene, &items);
    let storms = Storms::of(scene, &items, &units);
    let turns = Turns::of(scene, &items, &units, &storms);
    let mut batch = Batch { items: Vec::new(), look_again };
    for until in turns.waiting() {
        batch.look_again_at(until);
    }
    let lone = lone_sites(&items, &storms);
    for ((mut item, unit), storm) in items.into_iter().zip(units.by_item()).zip(storms.by_item()) {
        // What is no news goes along with what is.
        let turn = storm.map_or(&turns.units[unit], |storm| &turns.storms[storm]);
        if !turn.is_told() {
            continue;
        }
        if let Some(storm) = storm.filter(|storm| !lone[*storm]) {
            item.group = storms.name(storm).clone();
        }
        batch.items.push(item);
    }
    batch
}

/// Of each storm whether only one site is left in it, and the routes tell that by itself: then it is told as that site, and all
/// such storms of the site together. Where they tell sites together it stays a storm, for else one site would keep back what
/// the others have to tell.
fn lone_sites(items: &[Item<'_>], storms: &Storms) -> Vec<bool> {
    let mut sites: Vec<Option<&Group>> = vec![None; storms.count()];
    let mut lone = vec![true; storms.count()];
    for (item, storm) in items.iter().zip(storms.by_item()) {
        let Some(storm) = storm else { continue };
        let is_by_itself = matches!(item.group, Group::Site(_));
        lone[storm] &= is_by_itself && *sites[storm].get_or_insert(&item.group) == &item.group;
    }
    lone
}

/// What is told together by the routes alone.
pub(super) struct Units {
    by_item: Vec<usize>,
    /// Of each unit how long it pauses between two messages.
    pauses: Vec<Duration>,
}

impl Units {
    fn of(scene: &Scene<'_>, items: &[Item<'_>]) -> Self {
        let mut numbers: BTreeMap<&Group, usize> = BTreeMap::new();
        let mut units = Self { by_item: Vec::with_capacity(items.len()), pauses: Vec::new() };
        let mut before = None;
        for item in items {
            let next = units.pauses.len();
            let unit = match (&item.group, before) {
                (group, Some((same, unit))) if group == same => unit,
                // Items come site by site, so this one is new.
                (Group::Site(_), _) => next,
                (Group::Labels(_) | Group::Storm(..), _) => *numbers.entry(&item.group).or_insert(next),
            };
            before = Some((&item.group, unit));
            if unit == next {
                units.pauses.push(match item.group {
                    Group::Site(_) => scene.gathering.wait,
                    Group::Labels(_) | Group::Storm(..) => scene.gathering.interval,
                });
            }
            units.by_item.push(unit);
        }
        units
    }

    /// The unit of each item.
    pub(super) fn by_item(&self) -> impl Iterator<Item = usize> {
        self.by_item.iter().copied()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.pauses.len()
    }
}

/// What becomes of a unit or a storm.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    has_news: bool,
    /// Until when its news is kept back; `None`: no longer.
    gathers_until: Option<DateTime<Utc>>,
    /// When it was told of last in a message of its own.
    last: Option<DateTime<Utc>>,
    pauses_until: Option<DateTime<Utc>>,
}

impl Turn {
    fn is_told(&self) -> bool {
        self.has_news && self.until().is_none()
    }

    fn until(&self) -> Option<DateTime<Utc>> {
        self.gathers_until.max(self.pauses_until)
    }

    /// Takes in news that is kept back until then. What waits for the least is what is waited for: the rest goes with it.
    fn news(&mut self, until: Option<DateTime<Utc>>) {
        self.gathers_until = if self.has_news { self.gathers_until.min(until) } else { until };
        self.has_news = true;
    }
}

struct Turns {
    units: Vec<Turn>,
    storms: Vec<Turn>,
}

impl Turns {
    fn of(scene: &Scene<'_>, items: &[Item<'_>], units: &Units, storms: &Storms) -> Self {
        let mut turns = Self { units: vec![Turn::default(); units.count()], storms: Vec::new() };
        for last in storms.last() {
            let pauses_until = last.and_then(|last| scene.over_at(last, scene.gathering.interval));
            turns.storms.push(Turn { last, pauses_until, ..Turn::default() });
        }
        for ((item, unit), storm) in items.iter().zip(units.by_item()).zip(storms.by_item()) {
            let own = &mut turns.units[unit];
            if let Some(told) = item.told.filter(|told| !told.merged && !told.is_unheard()) {
                own.last = own.last.max(Some(told.at));
            }
            if item.news.is_some() {
                let until = new_since(item).and_then(|since| scene.over_at(since, scene.gathering.wait));
                storm.map_or(own, |storm| &mut turns.storms[storm]).news(until);
            }
        }
        turns.spare_ends_the_pause(scene, items, storms);
        for (turn, pause) in turns.units.iter_mut().zip(&units.pauses) {
            turn.pauses_until = turn.last.and_then(|last| scene.over_at(last, *pause));
        }
        turns
    }

    /// Where there are more ends than a message takes for programs that know each by its name, the rest does not wait for the
    /// interval: nothing more is gathered by that.
    fn spare_ends_the_pause(&mut self, scene: &Scene<'_>, items: &[Item<'_>], storms: &Storms) {
        if !scene.sink.names_each {
            return;
        }
        let mut ends = vec![0; self.storms.len()];
        for (item, storm) in items.iter().zip(storms.by_item()) {
            if let Some(storm) = storm.filter(|_| item.has_ended()) {
                ends[storm] += 1;
            }
        }
        for (turn, _) in self.storms.iter_mut().zip(ends).filter(|(_, ends)| *ends > MOST_ENDS) {
            turn.pauses_until = None;
        }
    }

    /// When what is kept back may be told.
    fn waiting(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.units.iter().chain(&self.storms).filter(|turn| turn.has_news).filter_map(Turn::until)
    }
}

/// Since when there is what is to be told, as far as it is worth waiting for more of the like. All of it is kept with the
/// alert or in the ledger, so that a restart does not begin to wait anew.
fn new_since(item: &Item<'_>) -> Option<DateTime<Utc>> {
    match item.news {
        Some(Reason::First) => Some(item.alert.since),
        Some(Reason::Resolved) => item.alert.resolved_at,
        // Nobody kept when it changed; it was not before it was told.
        Some(Reason::Changed | Reason::Repeat) => {
            item.told.filter(|told| !told.is_unheard()).map(|told| told.at)
        }
        None => None,
    }
}

#[cfg(test)]
mod tests;
