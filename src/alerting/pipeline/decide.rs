//! The stage that says why a sink is to be told of an alert, by what it knows of it.

use chrono::TimeDelta;

use super::{Batch, Item, Scene};
use crate::domain::alert::AlertState;
use crate::domain::notification::Reason;
use crate::domain::told::content_hash;

/// Puts down the reason; leaves out the end of what the sink does not know.
pub(super) fn decide<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain(|item| item.alert.state != AlertState::Resolved || item.told.is_some());
    for item in &mut batch.items {
        item.news = news(scene, item);
    }
    batch
}

fn news(scene: &Scene<'_>, item: &Item<'_>) -> Option<Reason> {
    let Some(told) = item.told else { return Some(Reason::First) };
    if item.alert.state == AlertState::Resolved {
        return Some(Reason::Resolved);
    }
    if told.content.as_ref().is_some_and(|content| *content != content_hash(item.alert)) {
        return Some(Reason::Changed);
    }
    let repeat = TimeDelta::from_std(scene.sink.repeat).unwrap_or(TimeDelta::MAX);
    let since = scene.now.signed_duration_since(told.at);
    // An entry that lies further in the future than the interval is from before the clock was set back.
    (since >= repeat || since <= -repeat).then_some(Reason::Repeat)
}
