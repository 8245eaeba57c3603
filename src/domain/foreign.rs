//! What a turn enters about things that are not of the site file's making: handsets and accounts that others brought,
//! and changes by hand. It enters and tells the history; alerts about it are `conditions`' part.

use std::collections::BTreeMap;

use super::desired::DesiredSite;
use super::gaps;
use super::memory::SiteMemory;
use super::neighbours::Neighbours;
use super::observed::Observation;
use super::plan::{Cause, Plan};
use super::release::Generation;
use super::{shown, strays};

/// What is entered from.
pub(super) struct Scene<'a> {
    pub(super) desired: &'a DesiredSite,
    pub(super) neighbours: &'a Neighbours,
    /// This cycle's reading, if it is of the site's own manager.
    pub(super) seen: Option<&'a Observation>,
    /// The parts of the content that the site file asks for.
    pub(super) wanted: &'a BTreeMap<String, Generation>,
    /// Whether the last push has had its time.
    pub(super) settled: bool,
}

/// Enters it into the memory, this cycle's verdicts already in it. Gives what is new, with the word of the history.
pub(super) fn enter(scene: &Scene<'_>, memory: &mut SiteMemory) -> Vec<(&'static str, String)> {
    let Scene { desired, neighbours, seen, .. } = *scene;
    let elsewhere = strays::note_elsewhere(&mut memory.slots, &neighbours.elsewhere);
    memory.strays = strays::after(desired, memory, seen, &neighbours.homes);
    let mut news: Vec<_> = elsewhere.into_iter().map(|text| ("registration", text)).collect();
    if let Some(seen) = seen {
        memory.shown = shown::after(desired, memory, seen, scene.wanted, scene.settled);
        memory.gaps = gaps::after(desired, memory, seen);
        let arrived = memory.gaps.iter().flat_map(|gaps| &gaps.newcomers);
        news.extend(arrived.filter(|(_, one)| one.since == seen.at).map(|(slot, one)| {
            let account = seen.slots.known().and_then(|slots| slots.get(slot));
            let text = gaps::describe(*slot, *one, account, None);
            ("drift", format!("somebody added to a slot that is not listed: {text}"))
        }));
    }
    news
}

/// The changes by hand that this reading was the first to show, for the history.
pub(super) fn by_hand(plan: &Plan, seen: &Observation) -> Vec<String> {
    let first_seen = |cause: Option<Cause>| cause == Some(Cause::ByHand { since: seen.at });
    plan.steps.iter().filter(|step| first_seen(step.cause)).map(|step| step.why.clone()).collect()
}
