//! What is to be done next about a change of a web password, and why one cannot begin.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Rotation, Stage};
use crate::domain::clearance::Clearance;
use crate::domain::desired::{DesiredSite, Trigger};
use crate::domain::memory::SiteMemory;
use crate::domain::observed::Observation;
use crate::domain::plan::{Disposition, Plan};
use crate::domain::policy;
use crate::domain::push::{self, Push};

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Release the file with the new password, and tell the manager to fetch it, if it is to be told.
    Release(Option<Trigger>),
    /// Tell the manager (again) to fetch it.
    Trigger(Trigger),
    /// Put an empty file in its place, and tell nobody.
    Tidy,
}

/// What the next order depends on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The site file.
    pub desired: &'a DesiredSite,
    /// What is remembered, this cycle's reading in it.
    pub memory: &'a SiteMemory,
    /// This cycle's reading of this site's manager.
    pub seen: Option<&'a Observation>,
    /// What there is to do besides.
    pub plan: &'a Plan,
    /// What people and the fleet allow.
    pub clearance: &'a Clearance,
    /// The settle time.
    pub settle: Duration,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What is to be done next about the site's change of its web password, if there is one.
pub fn order(scene: &Scene<'_>) -> Option<Order> {
    let rotation = scene.memory.rotation.as_ref()?;
    let stage = rotation.stage(scene.settle, scene.now);
    let tidy = rotation.on_shelf.then_some(Order::Tidy);
    if rotation.is_of_another(scene.desired.manager.mac) {
        return tidy;
    }
    match stage {
        // Nothing that the device could do wrong: so nothing holds it back.
        Stage::Undoing | Stage::Proven => return tidy,
        Stage::Fetched | Stage::Proving => return None,
        Stage::Prepared | Stage::Released => {}
    }
    let seen = scene.seen?;
    if hold(scene.desired, scene.memory, scene.clearance, seen, scene.now).is_some() {
        return None;
    }
    let way = push::way(scene.desired.manager.trigger, rotation.file.as_ref(), seen);
    if stage == Stage::Prepared {
        return (scene.plan.orders.is_empty() && is_settled(scene, seen)).then_some(Order::Release(way));
    }
    match push::state(rotation.file.as_ref(), scene.settle, Some(seen.at), scene.now) {
        Push::Unfetched { retry_at, .. } if retry_at.is_none_or(|at| at <= scene.now) => {
            way.map(Order::Trigger)
        }
        Push::None | Push::Unfetched { .. } | Push::Settling { .. } | Push::ToBeRead | Push::Settled => None,
    }
}

/// What stands in the way of every write to this manager.
fn hold(
    desired: &DesiredSite,
    memory: &SiteMemory,
    clearance: &Clearance,
    seen: &Observation,
    now: DateTime<Utc>,
) -> Option<String> {
    // What it holds up itself does not hold it up.
    let clearance = Clearance { password_change: false, ..clearance.clone() };
    match policy::gate(desired, memory, seen, &clearance, now)? {
        Disposition::Deferred { reason, .. } | Disposition::Blocked { reason, .. } => Some(reason),
        Disposition::Ready => None,
    }
}

/// Whether nothing that was released before is still on its way.
fn is_settled(scene: &Scene<'_>, seen: &Observation) -> bool {
    match push::state(scene.memory.release.as_ref(), scene.settle, Some(seen.at), scene.now) {
        Push::None | Push::Settled => true,
        Push::Unfetched { .. } | Push::Settling { .. } | Push::ToBeRead => false,
    }
}

/// Why the web password of a site cannot be changed now, by what was last read; `None`: it can.
pub fn refusal(
    desired: &DesiredSite,
    memory: &SiteMemory,
    clearance: &Clearance,
    now: DateTime<Utc>,
) -> Option<String> {
    if let Some(rotation) = &memory.rotation
        && rotation.proven_at.is_none()
    {
        let by = &rotation.by;
        return Some(format!(
            "its web password is being changed already, as {by} asked: `n720d status` shows it"
        ));
    }
    if memory.trouble.is_some() {
        return Some("its manager could not be read the last time: see `n720d status`".to_owned());
    }
    let Some(seen) = &memory.observation else { return Some("its manager was not read yet".to_owned()) };
    // The reading that is remembered may be the first one; another comes before anything is released.
    let met = memory.first_contact.map(|(_, mac)| (DateTime::UNIX_EPOCH, mac));
    let memory = SiteMemory { first_contact: met, ..SiteMemory::default() };
    hold(desired, &memory, clearance, seen, now)
}

/// When there will be something to do or to find out about it, and why; `None`: at no known time.
pub(in crate::domain) fn next_edge(
    rotation: &Rotation,
    settle: Duration,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, &'static str)> {
    match rotation.stage(settle, now) {
        Stage::Prepared => None,
        Stage::Released => match push::state(rotation.file.as_ref(), settle, Some(now), now) {
            Push::Unfetched { retry_at, .. } => Some((retry_at?, "a new web password is to be fetched")),
            Push::None | Push::Settling { .. } | Push::ToBeRead | Push::Settled => None,
        },
        Stage::Fetched => {
            let over = push::settled_at(&rotation.file.as_ref()?.progress, settle)?;
            Some((over, "a new web password is to be tried"))
        }
        Stage::Undoing => Some((rotation.undone_at(settle)?, "the old web password is to be tried")),
        // Nothing but a login is missing, and every look begins with one.
        Stage::Proving | Stage::Proven => None,
    }
}
