//! The stage that leaves out what only follows from other trouble at the same site.

use super::decide::is_repeated;
use super::{Batch, Item, Scene};
use crate::domain::inhibition::inhibitor;
use crate::domain::notification::Reason;

/// Keeps what stands for itself, and every end. What explains an alert is looked for among all alerts of its site, for it
/// may be told elsewhere, or be told already.
pub(super) fn inhibit<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain_mut(|item| {
        if !is_explained(scene, item) {
            return true;
        }
        let Some(told) = item.told.filter(|_| scene.sink.forgets) else { return false };
        item.upkeep = true;
        item.news = is_repeated(scene, told).then_some(Reason::Repeat);
        true
    });
    batch
}

fn is_explained(scene: &Scene<'_>, item: &Item<'_>) -> bool {
    let of_site = scene.sites.get(&item.facts.name).map(|site| site.alerts.as_slice()).unwrap_or_default();
    // Nearly every site has one alert or none, and nothing explains itself.
    of_site.len() > 1 && inhibitor(item.alert, of_site.iter().map(AsRef::as_ref)).is_some()
}
