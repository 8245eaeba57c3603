//! A configuration is taken in force: what of it differs from what sites followed last, what that would cost, and how it
//! is to go on. At a start and at a reload alike, so that neither forgets nor repeats what the other began.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::mark::mark;
use super::stake::stake;
use super::{CANARY_LABEL, Rollout, RolloutRules, Stage, Stake, Stop, Trial, tell};
use crate::domain::desired::{DesiredSite, Mode, Trigger};
use crate::domain::ids::{Ipui, SiteName, SlotNumber};

/// How a site stands when a configuration is taken in force.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// Its file.
    pub desired: &'a DesiredSite,
    /// The mark of the file that it was last let follow; `None`: none so far.
    pub accepted: Option<String>,
    /// The handsets known to be registered there.
    pub registered: BTreeMap<SlotNumber, Ipui>,
    /// Whether its manager was reached when it was last spoken to.
    pub reached: bool,
}

/// How a configuration is begun.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Begun {
    /// The rollout that there is from here on, over or not.
    pub rollout: Option<Rollout>,
    /// The marks of files that their sites may follow now.
    pub accepted: BTreeMap<SiteName, String>,
    /// For the history, oldest first.
    pub told: Vec<String>,
}

/// Takes a configuration in force.
///
/// Changed are the sites in mode manage whose mark differs from the one that they were last let follow. Sites that had
/// none, and those that are only observed, follow at once. `registered` is how many handsets are known to be registered in the
/// fleet. A rollout that holds sites back begins anew when other files changed than it is about, and ends when they are
/// as they were; one that goes on leaves out the sites that are gone or follow another file.
pub fn begin(
    previous: Option<Rollout>,
    sites: &[Standing<'_>],
    registered: u32,
    rules: &RolloutRules,
    now: DateTime<Utc>,
) -> Begun {
    let mut accepted = BTreeMap::new();
    let mut changed: Vec<(&Standing<'_>, Stake)> = Vec::new();
    for site in sites {
        let mark = mark(site.desired);
        if site.accepted.as_ref() == Some(&mark) {
            continue;
        }
        if site.accepted.is_none() || site.desired.mode == Mode::Observe {
            accepted.insert(site.desired.name.clone(), mark);
        } else {
            changed.push((site, stake_of(site, previous.as_ref())));
        }
    }
    let next = Next { changed, registered, rules, now };
    let mut begun = next.after(previous);
    begun.accepted.append(&mut accepted);
    begun.leave_out(sites);
    begun
}

impl Begun {
    /// Takes those sites out of a rollout that goes on that no cycle can see through any more: they are gone, or follow
    /// another file from now on. Nobody waits for them, and when no other is left either it is over.
    fn leave_out(&mut self, sites: &[Standing<'_>]) {
        let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.stage == Stage::GoingOn) else {
            return;
        };
        let standings: BTreeMap<&SiteName, &Standing<'_>> =
            sites.iter().map(|site| (&site.desired.name, site)).collect();
        let is_left = |site: &SiteName, stake: &Stake| {
            let before = standings.get(site).map(|standing| standing.accepted.as_ref());
            before.is_some_and(|before| self.accepted.get(site).or(before) == Some(&stake.mark))
        };
        let left: BTreeSet<SiteName> = rollout
            .sites
            .iter()
            .filter(|(site, stake)| is_left(site, stake))
            .map(|(site, _)| site.clone())
            .collect();
        if left.is_subset(&rollout.through) {
            rollout.stage = Stage::Done;
            self.told.push(tell::ended(rollout));
            return;
        }
        rollout.sites.retain(|site, _| left.contains(site));
        rollout.through.retain(|site| left.contains(site));
    }
}

/// What a file costs its site, counted from when it was first looked at.
fn stake_of(site: &Standing<'_>, previous: Option<&Rollout>) -> Stake {
    let earlier = previous.filter(|rollout| rollout.is_unfinished());
    let earlier = earlier.and_then(|rollout| rollout.sites.get(&site.desired.name));
    let mut known: BTreeMap<SlotNumber, Ipui> = earlier.into_iter().flat_map(Stake::affected).collect();
    known.extend(&site.registered);
    stake(site.desired, &known)
}

/// The sites that changed, and what they are judged by.
struct Next<'a> {
    changed: Vec<(&'a Standing<'a>, Stake)>,
    registered: u32,
    rules: &'a RolloutRules,
    now: DateTime<Utc>,
}

impl Next<'_> {
    fn after(self, previous: Option<Rollout>) -> Begun {
        if self.changed.is_empty() {
            return taken_back(previous);
        }
        let stage = self.still_stopped(previous.as_ref()).unwrap_or_else(|| self.stage());
        match previous {
            Some(rollout) if rollout.is_unfinished() && self.is_about(&rollout) => self.again(rollout, stage),
            previous => self.anew(previous, stage),
        }
    }

    /// What canaries have shown holds as long as the files that they showed it of: one that came to harm as long as its own,
    /// that nobody could be tried as long as all of them. What other sites are to become changes neither. Only who wants no
    /// canaries goes on regardless.
    fn still_stopped(&self, previous: Option<&Rollout>) -> Option<Stage> {
        let rollout = previous.filter(|_| self.rules.canary > 0)?;
        let holds = match &rollout.stage {
            Stage::Stopped { by: Stop::Canary { site, .. } } => self.is_as_in(rollout, site),
            Stage::Stopped { by: Stop::NoCanary { .. } } => {
                rollout.sites.keys().all(|site| self.is_as_in(rollout, site))
            }
            Stage::Stopped { by: Stop::Budget { .. } }
            | Stage::Canary { .. }
            | Stage::GoingOn
            | Stage::Done => false,
        };
        holds.then(|| rollout.stage.clone())
    }

    /// Whether this rollout is about exactly these files.
    fn is_about(&self, rollout: &Rollout) -> bool {
        rollout.sites.len() == self.changed.len()
            && rollout.sites.keys().all(|site| self.is_as_in(rollout, site))
    }

    /// Whether this site is to become what the rollout makes of it.
    fn is_as_in(&self, rollout: &Rollout, site: &SiteName) -> bool {
        let changed = self.changed.iter().find(|(standing, _)| standing.desired.name == *site);
        changed
            .is_some_and(|(_, stake)| rollout.sites.get(site).is_some_and(|known| known.mark == stake.mark))
    }

    /// The same files again. Canaries go on with their trials.
    fn again(&self, mut rollout: Rollout, stage: Stage) -> Begun {
        let stays = match (&rollout.stage, &stage) {
            (Stage::Canary { .. }, Stage::Canary { .. }) => true,
            (before, after) => before == after,
        };
        if stays {
            return Begun { rollout: Some(rollout), ..Begun::default() };
        }
        rollout.stage = stage;
        started(rollout)
    }

    /// Other files than before. One site alone is no rollout.
    fn anew(self, previous: Option<Rollout>, stage: Stage) -> Begun {
        let id = previous.as_ref().map_or(0, |rollout| rollout.id) + 1;
        let alone = self.changed.len() == 1 && stage == Stage::GoingOn;
        let sites =
            self.changed.into_iter().map(|(site, stake)| (site.desired.name.clone(), stake)).collect();
        let rollout = Rollout { id, since: self.now, sites, stage, through: BTreeSet::new() };
        if alone {
            return Begun { accepted: rollout.accepted(), ..taken_back(previous) };
        }
        started(rollout)
    }

    /// How such a change goes on.
    fn stage(&self) -> Stage {
        let limit = self.rules.budget.of_run(self.registered);
        if self.is_over(limit) {
            return Stage::Stopped { by: Stop::Budget { limit } };
        }
        let (wide, canaries) = (self.rules.fleet_wide as usize, self.rules.canary as usize);
        if canaries == 0 || self.changed.len() < wide.max(2) {
            return Stage::GoingOn;
        }
        let mut queue = self.queue();
        let rest = queue.split_off(canaries.min(queue.len()));
        let trials = queue.into_iter().map(|site| (site, Trial { since: self.now, verified: false }));
        Stage::Canary { trials: trials.collect(), queue: rest, replaced: BTreeMap::new() }
    }

    /// Whether this costs more handsets than the fleet may lose. What one site alone would lose is the matter of that
    /// site's own limits.
    fn is_over(&self, limit: u32) -> bool {
        let costs: Vec<usize> =
            self.changed.iter().map(|(_, stake)| stake.handsets()).filter(|handsets| *handsets > 0).collect();
        costs.len() > 1 && costs.iter().sum::<usize>() > limit as usize
    }

    /// In which order the sites are tried: those that the files name, then those that are likely to answer soon.
    fn queue(&self) -> Vec<SiteName> {
        let mut sites: Vec<&Standing<'_>> = self.changed.iter().map(|(site, _)| *site).collect();
        sites.sort_by_key(|site| {
            let named = site.desired.labels.get(CANARY_LABEL).is_some_and(|value| value == "true");
            let told = site.desired.manager.trigger != Trigger::None;
            (Reverse(named), Reverse(site.reached), Reverse(told), &site.desired.name)
        });
        sites.into_iter().map(|site| site.desired.name.clone()).collect()
    }
}

fn started(rollout: Rollout) -> Begun {
    let (accepted, told) = (rollout.accepted(), vec![tell::begun(&rollout)]);
    Begun { rollout: Some(rollout), accepted, told }
}

/// No file differs from what its site was last let follow.
fn taken_back(previous: Option<Rollout>) -> Begun {
    match previous {
        Some(mut rollout) if rollout.is_unfinished() => {
            rollout.stage = Stage::Done;
            let told = vec![tell::ended(&rollout)];
            Begun { rollout: Some(rollout), told, ..Begun::default() }
        }
        rollout => Begun { rollout, ..Begun::default() },
    }
}
