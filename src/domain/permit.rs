//! Permits: which differences may be mended now, as far as people, budgets, hours and the fleet allow. What has no permit
//! is not in the file either, so that it cannot come about by the way.
//!
//! The reasons are in the order of their weight: the fleet stopped it · the site file has shrunk · it was in vain · nobody
//! has approved it · the budget · the handset of the slot waits for an approval · the fleet holds it back · people may not be disturbed now.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::alert::AlertKind;
use super::approval::{self, Approval};
use super::breaker;
use super::budget;
use super::clearance::{Clearance, RolloutHold};
use super::desired::DesiredSlot;
use super::drift::DriftItem;
use super::fingerprint;
use super::ids::{Ipui, SlotNumber};
use super::maintenance::MaintenanceStanding;
use super::plan::{Disposition, Impact};
use super::planner::PlanInput;
use super::policy;
use super::push::Push;
use super::release::{Generation, Release};
use super::shrunken::Shrunken;
use super::sighting::Sighting;
use super::wording;

/// What the permits rest on.
pub(super) struct Scene<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) sighting: &'a Sighting<'a>,
    pub(super) items: &'a [DriftItem],
    pub(super) terms: &'a [String],
    pub(super) shrunken: Option<&'a Shrunken>,
    /// The parts of what the site file asks for.
    pub(super) wanted: &'a BTreeMap<String, Generation>,
    pub(super) push: Push,
}

/// What holds each item back, in their order; `None`: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Permits {
    held: Vec<Option<Disposition>>,
    /// What holds the plan back that follows a shrunken site file.
    pub(super) of_file: Option<Disposition>,
    /// The approval that this plan makes use of.
    pub(super) approval: Option<Generation>,
    /// The handsets that are deregistered with a permit: in which slot, and which, as far as a page told.
    pub(super) deregistered: BTreeMap<SlotNumber, Option<Ipui>>,
}

impl Permits {
    /// What holds back the item in this place.
    pub(super) fn hold(&self, place: usize) -> Option<&Disposition> {
        self.held.get(place)?.as_ref()
    }
}

/// Judges every item.
pub(super) fn judge(scene: &Scene<'_>) -> Permits {
    let approval = scene.approval();
    let over = scene.over_budget();
    let of_file = scene.shrunken.filter(|_| approval.is_none()).map(of_file);
    let mut held: Vec<Option<Disposition>> =
        scene.items.iter().map(|item| scene.hold(item, approval, over.as_ref(), of_file.is_some())).collect();
    for (item, held) in scene.items.iter().zip(&mut held).filter(|(_, held)| held.is_none()) {
        *held = scene.later(item);
    }
    let waiting: BTreeMap<SlotNumber, Disposition> = scene
        .items
        .iter()
        .zip(&held)
        .filter(|(item, _)| item.needs_approval())
        .filter_map(|(item, held)| Some((item.slot?, held.clone()?)))
        .collect();
    for (item, held) in scene.items.iter().zip(&mut held).filter(|(_, held)| held.is_none()) {
        *held = item.slot.and_then(|slot| Some(goes_with_its_handset(slot, waiting.get(&slot)?)));
    }
    let permitted = || scene.items.iter().zip(&held).filter(|(_, held)| held.is_none()).map(|(item, _)| item);
    let uses = permitted().any(DriftItem::needs_approval);
    let deregistered = deregistered(permitted());
    Permits {
        held,
        of_file,
        approval: scene.input.memory.approval.as_ref().filter(|_| uses).map(|one| one.hash.clone()),
        deregistered,
    }
}

/// What a stopped rollout holds back: everything that is asked for by the file it is about.
pub(super) fn stopped(clearance: &Clearance) -> Option<Disposition> {
    match &clearance.rollout {
        Some(RolloutHold::Stopped { reason }) => {
            Some(policy::blocked(reason.clone(), AlertKind::RolloutStopped))
        }
        Some(RolloutHold::Waits { .. }) | None => None,
    }
}

/// Every registered handset that these items would deregister: in which slot it is, and which, as far as a page told.
fn deregistered<'a>(items: impl IntoIterator<Item = &'a DriftItem>) -> BTreeMap<SlotNumber, Option<Ipui>> {
    let mut found = BTreeMap::new();
    for item in items.into_iter().filter(|item| item.impact == Impact::Deregisters) {
        let hits = item.hits.iter().filter(|hit| hit.impact == Impact::Deregisters);
        // Where no page tells whom it hits, it counts all the same.
        let at_least = item.slot.filter(|_| item.hits.is_empty()).map(|slot| (slot, None));
        found.extend(hits.map(|hit| (hit.slot, hit.ipui)).chain(at_least));
    }
    found
}

impl Scene<'_> {
    fn zone(&self) -> Tz {
        self.input.desired.time_zone
    }

    fn now(&self) -> DateTime<Utc> {
        self.input.now
    }

    /// The approval that holds for exactly this plan.
    fn approval(&self) -> Option<&Approval> {
        let rule = self.input.desired.approval;
        self.input.memory.approval.as_ref().filter(|approval| {
            approval.is_in_force(rule, self.now()) && approval::covers(&approval.terms, self.terms)
        })
    }

    /// What holds this item back for as long as nobody acts, or the budget lasts.
    fn hold(
        &self,
        item: &DriftItem,
        approval: Option<&Approval>,
        over: Option<&Disposition>,
        file_has_shrunk: bool,
    ) -> Option<Disposition> {
        if let Some(stopped) = stopped(self.input.clearance) {
            return Some(stopped);
        }
        if file_has_shrunk {
            return Some(policy::deferred("the site file lists far fewer slots than it did", None));
        }
        if !item.needs_approval() || self.is_under_way(item) {
            return None;
        }
        // An approval is not to be asked for, nor used up, for what has been in vain.
        if self.is_in_vain(item) {
            return Some(policy::ineffective());
        }
        // Over the budget of the day no approval helps, and one must not be asked for.
        over.filter(|_| item.impact == Impact::Deregisters)
            .cloned()
            .or_else(|| approval.is_none().then(|| self.unapproved(item)))
    }

    /// Whether the last release carries this item by its approval, and is still under way.
    fn is_under_way(&self, item: &DriftItem) -> bool {
        let memory = self.input.memory;
        let (Some(release), Some(approval), Some(slot)) = (&memory.release, &memory.approval, item.slot)
        else {
            return false;
        };
        let carried = release.approved.contains(&slot) || self.reserves(release, slot);
        let handset = fingerprint::handset_part(slot);
        let as_wanted = release.parts.get(&handset) == self.wanted.get(&handset);
        let going_on = match self.push {
            // What waits to be fetched may still be withdrawn; what may have arrived without a fetch being seen has done
            // whatever it does.
            Push::Unfetched { .. } => {
                !release.progress.may_have_arrived() && self.now() < approval.expires_at
            }
            Push::Settling { .. } | Push::ToBeRead => true,
            Push::None | Push::Settled => false,
        };
        approval.used == Some(release.id) && carried && as_wanted && going_on
    }

    fn reserves(&self, release: &Release, slot: SlotNumber) -> bool {
        let wanted = self.input.desired.slots.get(&slot).and_then(DesiredSlot::ipui);
        wanted.is_some() && release.reserved.get(&slot).copied() == wanted
    }

    fn unapproved(&self, item: &DriftItem) -> Disposition {
        let what = item.barrier.as_ref().map_or(
            "this may deregister a handset, which a person would have to bring back by hand",
            |barrier| barrier.approval.as_str(),
        );
        let site = &self.input.desired.name;
        let reason = format!("{what}; it needs an approval: 'n720d plan {site}' shows whom it hits");
        policy::blocked(reason, AlertKind::PlanNeedsApproval)
    }

    /// Whether it counts against a budget: it is not counted already, and nothing else than an approval or the hour holds it
    /// back.
    fn counts(&self, item: &DriftItem) -> bool {
        let departs_first = item.barrier.as_ref().is_some_and(|barrier| barrier.departure.is_some());
        !self.is_under_way(item) && !self.is_in_vain(item) && !departs_first && item.unread.is_none()
    }

    fn is_in_vain(&self, item: &DriftItem) -> bool {
        breaker::is_hopeless(item, self.wanted, self.input.memory, self.input.observation)
    }

    /// Why not all handsets may be deregistered that the plan would, approved or not.
    fn over_budget(&self) -> Option<Disposition> {
        let registered =
            self.input.desired.slots.keys().filter(|slot| self.sighting.holder(**slot).is_registered());
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let demand = count(deregistered(self.items.iter().filter(|item| self.counts(item))).len());
        let used = budget::used_today(&self.input.memory.deregistered, self.zone(), self.now());
        let limit = self.input.budget.of_day(count(registered.count()).saturating_add(used));
        if demand == 0 {
            return None;
        }
        if demand > limit {
            let reason = format!(
                "this plan would deregister {demand} handsets, and the budget of the site is {limit} a day: if that is meant, raise \
                 [budget] site_per_day or site_per_day_percent in n720d.toml, or do it in parts; if not, correct the site file"
            );
            return Some(policy::blocked(reason, AlertKind::PlanNeedsApproval));
        }
        if used.saturating_add(demand) > limit {
            let reason = format!(
                "the budget of the site is used up for today: {used} of {limit} handsets were deregistered, and this plan would \
                 deregister {demand}"
            );
            return Some(policy::deferred(&reason, budget::tomorrow(self.zone(), self.now())));
        }
        let left = self.input.clearance.fleet_budget_left.filter(|left| demand > *left)?;
        let reason = format!(
            "the budget of the fleet lets {left} more handsets be deregistered, and this plan would deregister {demand}: raise \
             [budget] fleet_per_run or fleet_per_run_percent in n720d.toml, or wait"
        );
        Some(policy::blocked(reason, AlertKind::PlanNeedsApproval))
    }

    /// What this item waits for that comes by itself.
    fn later(&self, item: &DriftItem) -> Option<Disposition> {
        if let Some(RolloutHold::Waits { reason, until }) = &self.input.clearance.rollout {
            return Some(policy::deferred(reason, *until));
        }
        if let Some(departure) = item.barrier.as_ref().and_then(|barrier| barrier.departure.as_ref()) {
            return Some(policy::deferred(departure, None));
        }
        if item.impact == Impact::None {
            return None;
        }
        if let Some(until) = self.input.clearance.crowded_until {
            let reason = "as many sites as rollout.per_hour lets were disturbed within the hour";
            return Some(policy::deferred(reason, Some(until)));
        }
        let window = self.input.clearance.maintenance_for(self.input.desired)?;
        match window.standing(self.zone(), self.now()) {
            MaintenanceStanding::Open { .. } => None,
            MaintenanceStanding::Closed { next: Some(next) } => {
                let at = wording::clock(wording::local(next, self.zone()));
                Some(policy::deferred(&format!("waits for the maintenance window at {at}"), Some(next)))
            }
            MaintenanceStanding::Closed { next: None } => {
                Some(policy::deferred("waits for a maintenance window, and none comes any more", None))
            }
        }
    }
}

/// A slot's account is not given to another's phone: it waits as its handset does.
fn goes_with_its_handset(slot: SlotNumber, handset: &Disposition) -> Disposition {
    let reason = format!("goes along with the handset of slot {slot}, which waits");
    match handset {
        Disposition::Blocked { alert, .. } => policy::blocked(reason, *alert),
        Disposition::Deferred { until, .. } => policy::deferred(&reason, *until),
        Disposition::Ready => Disposition::Ready,
    }
}

fn of_file(shrunken: &Shrunken) -> Disposition {
    let count = shrunken.gone.len();
    let reason = format!(
        "if it is a mistake, correct the site file; if it is meant, approve this plan: the {count} slots are then left alone, \
         with whatever is in them"
    );
    policy::blocked(reason, AlertKind::PlanNeedsApproval)
}

#[cfg(test)]
mod tests;
