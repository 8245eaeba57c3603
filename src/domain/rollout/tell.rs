//! What people are told of a rollout: the status, the one alert of the fleet, the history, and why a site waits.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::{Rollout, Stage, Stake, Stop};
use crate::domain::alert::{AlertKind, Condition, Severity};
use crate::domain::conditions::Conditions;
use crate::domain::ids::SiteName;
use crate::domain::status::{RolloutState, RolloutStatus};

/// So many sites are named at most; the rest is counted.
const NAMED: usize = 10;

/// What holds of the fleet as a whole because of its rollout.
pub fn conditions(rollout: Option<&Rollout>) -> Conditions {
    let stopped = rollout.and_then(|rollout| match &rollout.stage {
        Stage::Stopped { by } => Some((rollout, by)),
        Stage::Canary { .. } | Stage::GoingOn | Stage::Done => None,
    });
    let condition = stopped.map(|(rollout, by)| {
        let phase = match by {
            Stop::Budget { .. } => "over the budget".to_owned(),
            Stop::Canary { site, .. } => format!("canary {site}"),
            Stop::NoCanary { .. } => "no canary".to_owned(),
        };
        let what = format!("{}; {}", stopped_because(rollout, by), what_to_do(by));
        Condition::new(AlertKind::RolloutStopped, Severity::Critical, what).in_phase(phase)
    });
    Conditions { holding: condition.into_iter().collect(), ..Conditions::default() }
}

/// The rollout as the status shows it.
pub fn status(rollout: &Rollout) -> RolloutStatus {
    let (state, canaries, reason) = match &rollout.stage {
        Stage::Canary { trials, .. } => {
            let open = trials.iter().filter(|(_, trial)| !trial.verified).map(|(site, _)| site.as_str());
            let reason = format!("to be verified first: {}", some(&open.collect::<Vec<_>>()));
            (RolloutState::Canary, trials.keys().cloned().collect(), Some(reason))
        }
        Stage::GoingOn => (RolloutState::GoingOn, Vec::new(), None),
        Stage::Stopped { by } => {
            let canary = match by {
                Stop::Canary { site, .. } => vec![site.clone()],
                Stop::Budget { .. } | Stop::NoCanary { .. } => Vec::new(),
            };
            (RolloutState::Stopped, canary, Some(stopped_because(rollout, by)))
        }
        Stage::Done => (RolloutState::Done, Vec::new(), None),
    };
    RolloutStatus {
        id: rollout.id,
        since: rollout.since,
        state,
        sites: rollout.sites.len(),
        waiting: rollout.waiting(),
        canaries,
        reason,
    }
}

impl Rollout {
    /// How many of its sites have something of it before them.
    fn waiting(&self) -> usize {
        match &self.stage {
            Stage::Canary { trials, .. } => {
                self.sites.len() - trials.values().filter(|trial| trial.verified).count()
            }
            Stage::GoingOn => self.sites.len().saturating_sub(self.through.len()),
            Stage::Stopped { .. } => self.sites.len(),
            Stage::Done => 0,
        }
    }
}

/// Why a site of a stopped rollout is held, in short: the alert says the rest.
pub(super) fn why_held(by: &Stop) -> String {
    let why = match by {
        Stop::Budget { limit } => {
            format!("this configuration costs more handsets over the fleet than [budget] lets, {limit}")
        }
        Stop::Canary { site, .. } => format!("canary {site} came to harm by this configuration"),
        Stop::NoCanary { .. } => "no site could be tried as a canary".to_owned(),
    };
    format!("{why}: the rollout was stopped, see the alert of the fleet in 'n720d status'")
}

fn stopped_because(rollout: &Rollout, by: &Stop) -> String {
    let since = minute(rollout.since);
    let sites = rollout.sites.len();
    match by {
        Stop::Budget { limit } => {
            let count = |part: fn(&Stake) -> usize| rollout.sites.values().map(part).sum::<usize>();
            let (deregistered, dropped) =
                (count(|stake| stake.deregisters.len()), count(|stake| stake.drops.len()));
            let touched: Vec<(&SiteName, &Stake)> =
                rollout.sites.iter().filter(|(_, stake)| stake.handsets() > 0).collect();
            format!(
                "the site files taken in force at {since} would deregister {deregistered} handsets that are in use and do not \
                 list {dropped} others any more, at {} of {sites} changed sites ({}), and the budget of the fleet is \
                 {limit}: nothing of it is released at any of these sites, and every handset stays as it is",
                touched.len(),
                worst(touched)
            )
        }
        Stop::Canary { site, why } => format!(
            "canary {site} of the site files taken in force at {since} came to harm: {why}; nothing more of it is released \
             there, and nothing at the other sites of {sites} that changed"
        ),
        Stop::NoCanary { why } => format!(
            "the site files taken in force at {since} changed {sites} sites, and none could be tried as a canary: {why}; \
             nothing is released there"
        ),
    }
}

fn what_to_do(by: &Stop) -> &'static str {
    match by {
        Stop::Budget { .. } => {
            "a faulty export looks like this: correct the site files and reload; if it is meant, do it in parts, or raise \
             [budget] fleet_per_run and fleet_per_run_percent in n720d.toml and reload"
        }
        Stop::Canary { .. } => {
            "look at that site, correct its file and reload; with [rollout] canary = 0 a reload goes on without \
             canaries"
        }
        Stop::NoCanary { .. } => {
            "mend what keeps these sites from being tried and reload with another file for one of them, or reload with \
             [rollout] canary = 0 to go on without canaries"
        }
    }
}

/// The sites that it costs most, with how many each.
fn worst(mut sites: Vec<(&SiteName, &Stake)>) -> String {
    sites.sort_by_key(|(site, stake)| (Reverse(stake.handsets()), *site));
    let texts: Vec<String> =
        sites.iter().map(|(site, stake)| format!("{site}: {}", stake.handsets())).collect();
    some(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The first few of these, and how many more there are.
pub(super) fn some(names: &[&str]) -> String {
    let mut text = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// A rollout begins, or goes on in another way than before.
pub(super) fn begun(rollout: &Rollout) -> String {
    let (id, sites) = (rollout.id, rollout.sites.len());
    match &rollout.stage {
        Stage::Canary { trials, .. } => {
            let canaries: Vec<&str> = trials.keys().map(SiteName::as_str).collect();
            format!("rollout {id} over {sites} sites: canaries first: {}", some(&canaries))
        }
        Stage::GoingOn => format!("rollout {id} over {sites} sites: all may follow"),
        Stage::Stopped { .. } => stopped(rollout),
        Stage::Done => ended(rollout),
    }
}

/// Every canary is verified.
pub(super) fn goes_on(rollout: &Rollout) -> String {
    format!("rollout {}: the canaries are verified, it goes on to {} sites", rollout.id, rollout.sites.len())
}

/// It was stopped.
pub(super) fn stopped(rollout: &Rollout) -> String {
    let why = match &rollout.stage {
        Stage::Stopped { by } => stopped_because(rollout, by),
        Stage::Canary { .. } | Stage::GoingOn | Stage::Done => String::new(),
    };
    format!("rollout {} is stopped: {why}", rollout.id)
}

/// It is over.
pub(super) fn ended(rollout: &Rollout) -> String {
    format!("rollout {} over {} sites is over", rollout.id, rollout.sites.len())
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
