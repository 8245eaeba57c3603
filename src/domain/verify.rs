//! Whether the last release took effect: positive evidence from an observation made after the settle time, or a reason
//! why that cannot be told. It marks nothing and decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::desired::DesiredSite;
use super::drift::{self, DriftItem};
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::{Action, Impact};
use super::push::{self, Push};
use super::release::{Generation, Release};

/// What became of the last release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// There is none, or its outcome is marked already.
    NoRelease,
    /// It is too early to tell.
    Waiting {
        /// When it can be told, where that is known.
        until: Option<DateTime<Utc>>,
        /// What is waited for.
        why: String,
    },
    /// The site file has changed since: what the device shows cannot be held against the release.
    Superseded,
    /// Everything it asked for is shown.
    TookEffect,
    /// It did not take effect: what differs, for people.
    NoEffect(Vec<String>),
    /// The pages needed could not be read, or are another device's.
    CannotTell(String),
}

/// Judges the last release by this cycle's observation.
///
/// `wanted` are the parts of the content the site file asks for, as in [`super::fingerprint::parts`]. The settle time
/// counts from the fetch, or from a trigger that reported [`super::release::TriggerOutcome::Done`] where no fetch was
/// seen; the observation must have begun after it.
pub fn verify(
    desired: &DesiredSite,
    memory: &SiteMemory,
    wanted: &BTreeMap<String, Generation>,
    observation: Option<&Observation>,
    settle: Duration,
    now: DateTime<Utc>,
) -> Verification {
    let Some(release) = memory.release.as_ref().filter(|release| !is_marked(release)) else {
        return Verification::NoRelease;
    };
    let wait = |until, why: &str| Verification::Waiting { until, why: why.to_owned() };
    let Some(settled_at) = push::settled_at(&release.progress, settle) else {
        return wait(None, "the manager has not fetched it yet");
    };
    match push::state(Some(release), settle, observation.map(|observation| observation.at), now) {
        Push::Settling { until } => return wait(Some(until), "the settle time is not over"),
        Push::ToBeRead => return wait(None, "the manager was not read after the settle time"),
        Push::None | Push::Settled | Push::Unfetched { .. } => {}
    }
    let Some(observation) = observation.filter(|observation| observation.at >= settled_at) else {
        return wait(None, "the manager was not read after the settle time");
    };
    if let Err(why) = readable(desired, observation) {
        return Verification::CannotTell(why);
    }
    if is_superseded(release, wanted) {
        return Verification::Superseded;
    }
    let missed: Vec<String> = drift::drift(desired, observation, memory, wanted)
        .into_iter()
        .filter(|item| item.visible && was_asked_for(item, release, desired))
        .map(|item| item.why)
        .collect();
    if !missed.is_empty() {
        return Verification::NoEffect(missed);
    }
    // Nothing missed is no proof by itself: a password shows nowhere. The fetch is the other half of it.
    if release.progress.fetched_at.is_none() {
        let why =
            "the manager reported that it was done, but was not seen to fetch here: look at its data server";
        return Verification::CannotTell(why.to_owned());
    }
    Verification::TookEffect
}

fn is_marked(release: &Release) -> bool {
    release.progress.verified_at.is_some() || release.progress.ineffective_at.is_some()
}

fn readable(desired: &DesiredSite, observation: &Observation) -> Result<(), String> {
    let mac = observation.mac.known().ok_or("the status page could not be read")?;
    if *mac != desired.manager.mac {
        return Err(format!("another device answers: its MAC is {mac}"));
    }
    if let Some(why) = observation.slots.why_not() {
        return Err(format!("the mobile devices page could not be read: {why}"));
    }
    if let Some(why) = observation.pending.why_not() {
        return Err(format!("the pending list could not be read: {why}"));
    }
    Ok(())
}

/// A part that the release carried is wanted otherwise by now. Parts that left the site file are left alone.
fn is_superseded(release: &Release, wanted: &BTreeMap<String, Generation>) -> bool {
    wanted.iter().any(|(name, part)| release.parts.get(name).is_some_and(|released| released != part))
}

/// Whether the release carried what this item misses.
fn was_asked_for(item: &DriftItem, release: &Release, desired: &DesiredSite) -> bool {
    match item.action {
        Action::Reserve | Action::Replace => item.slot.is_some_and(|slot| {
            let wanted = desired.slots.get(&slot).and_then(|wanted| wanted.ipui());
            wanted.is_some() && release.reserved.get(&slot).copied() == wanted
        }),
        // A handset that came in since has to be cleared by another, approved release.
        Action::Deregister if item.impact == Impact::Deregisters => false,
        Action::ConfigureAccount | Action::Deregister => {
            item.parts.iter().any(|part| release.parts.contains_key(part))
        }
        Action::Enrol
        | Action::ConfigureProvider
        | Action::SetPin
        | Action::OpenWindow
        | Action::ReopenWindow
        | Action::Fetch => false,
    }
}
