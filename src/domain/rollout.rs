//! Rollouts: a configuration taken in force that changes several sites goes to a few of them first, and to nobody when
//! it would cost more handsets than the fleet's budget lets.
//!
//! Values in, values out: which sites changed (`mark()`), what that puts at stake (`stake`), how a new configuration is
//! begun (`begin()`), what a canary's cycle does to it (`trial`), what people are told (`tell`). When any of this is
//! asked, and where it is kept, is the daemon's and the store's part.

mod begin;
mod limits;
mod mark;
mod stake;
mod tell;
#[cfg(test)]
mod testing;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::clearance::RolloutHold;
use super::ids::{Ipui, SiteName, SlotNumber};

pub use begin::{Begun, Standing, begin};
pub use limits::{FleetBudget, FleetLimits, NoRoom, Room};
pub use mark::mark;
pub use stake::registered;
pub use tell::{conditions, status};
pub use trial::{Moved, Sight};

/// The label of site files whose sites are the first canaries, when its value is `true`.
pub const CANARY_LABEL: &str = "canary";

/// How configurations are taken in force: `[rollout]` and the fleet's part of `[budget]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolloutRules {
    /// So many changed sites, or more, are a fleet-wide change.
    pub fleet_wide: u32,
    /// So many of them go first; 0: none.
    pub canary: u32,
    /// So many sites may get a release that disturbs people per hour; 0: there is no limit.
    pub per_hour: u32,
    /// How many handsets releases of ours may deregister.
    pub budget: FleetBudget,
}

impl Default for RolloutRules {
    fn default() -> Self {
        Self { fleet_wide: 20, canary: 2, per_hour: 0, budget: FleetBudget::default() }
    }
}

/// A configuration on its way to the sites that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its number, rising.
    pub id: i64,
    /// When the configuration was taken in force.
    pub since: DateTime<Utc>,
    /// The sites that it changes.
    pub sites: BTreeMap<SiteName, Stake>,
    /// How far it has come.
    pub stage: Stage,
    /// Those of its sites at which nothing of it is left to do. It is not kept: it shows again in the next cycles.
    #[serde(skip)]
    pub through: BTreeSet<SiteName>,
}

/// What a rollout is to a site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stake {
    /// The site's [`mark()`] in this configuration.
    pub mark: String,
    /// Handsets known to be registered there that it would deregister.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deregisters: BTreeMap<SlotNumber, Ipui>,
    /// Handsets known to be registered there that it does not list any more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drops: BTreeMap<SlotNumber, Ipui>,
}

/// How far a rollout has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Stage {
    /// Only the canaries may follow.
    Canary {
        /// The present canaries.
        trials: BTreeMap<SiteName, Trial>,
        /// Who is next, in this order, when one of them is replaced.
        queue: Vec<SiteName>,
        /// Those that were replaced, and why.
        #[serde(default)]
        replaced: BTreeMap<SiteName, String>,
    },
    /// Every site may follow.
    GoingOn,
    /// No site may follow, until a person has corrected something and reloaded.
    Stopped {
        /// What stopped it.
        by: Stop,
    },
    /// Nothing of it is left to do by itself, or its files were taken back.
    Done,
}

/// A site that goes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Since when it may follow.
    pub since: DateTime<Utc>,
    /// Whether it was seen to have followed, with every handset as before.
    pub verified: bool,
}

/// What stops a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Stop {
    /// It would cost more handsets than the budget of the fleet lets.
    Budget {
        /// So many it lets.
        limit: u32,
    },
    /// A canary came to harm.
    Canary {
        /// Which.
        site: SiteName,
        /// How.
        why: String,
    },
    /// No site could be tried: each was replaced.
    NoCanary {
        /// They, and why; at most a few.
        why: String,
    },
}

impl Rollout {
    /// Whether sites of it are held back.
    pub fn is_unfinished(&self) -> bool {
        match self.stage {
            Stage::Canary { .. } | Stage::Stopped { .. } => true,
            Stage::GoingOn | Stage::Done => false,
        }
    }

    /// Whether what is released by a file with this [`mark()`] at this site belongs to it. What follows at a site that is
    /// through, or by a file that was edited since, is none of its doing.
    pub fn runs_at(&self, site: &SiteName, mark: &str) -> bool {
        let is_its_file = self.sites.get(site).is_some_and(|stake| stake.mark == mark);
        self.stage != Stage::Done && is_its_file && !self.through.contains(site)
    }

    /// Whether the cycles of this site may move it on.
    pub fn waits_for(&self, site: &SiteName) -> bool {
        match &self.stage {
            Stage::Canary { trials, .. } => trials.contains_key(site),
            Stage::GoingOn => self.sites.contains_key(site) && !self.through.contains(site),
            Stage::Stopped { .. } | Stage::Done => false,
        }
    }

    /// The marks of files that their sites may follow from now on. Those of canaries are not among them: a file that is
    /// taken back while they are tried is then no change.
    pub fn accepted(&self) -> BTreeMap<SiteName, String> {
        if self.stage != Stage::GoingOn {
            return BTreeMap::new();
        }
        self.sites.iter().map(|(site, stake)| (site.clone(), stake.mark.clone())).collect()
    }

    /// What holds this site back.
    pub fn hold(&self, site: &SiteName) -> Option<RolloutHold> {
        if !self.sites.contains_key(site) {
            return None;
        }
        match &self.stage {
            Stage::Canary { trials, .. } if trials.contains_key(site) => None,
            Stage::Canary { trials, .. } => {
                let canaries: Vec<&str> = trials.keys().map(SiteName::as_str).collect();
                let reason = format!(
                    "this configuration goes to the canaries first: {} {} to be verified",
                    tell::some(&canaries),
                    if canaries.len() == 1 { "has" } else { "have" }
                );
                Some(RolloutHold::Waits { reason, until: None })
            }
            Stage::Stopped { by } => Some(RolloutHold::Stopped { reason: tell::why_held(by) }),
            Stage::GoingOn | Stage::Done => None,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
