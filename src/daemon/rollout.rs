//! The rollout in force: kept in the store, asked by every cycle, moved on by what cycles come to, and told in an alert of the
//! fleet's, which are kept along with it. What it does is `domain::rollout`'s; here are only its place and its time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::clock;
use super::context::{Context, InForce};
use super::fleet_alerts::Seen;
use crate::alerting::Alerting;
use crate::config::Config;
use crate::domain::alert::AlertState;
use crate::domain::assess;
use crate::domain::clearance::{Clearance, RolloutHold};
use crate::domain::conditions;
use crate::domain::desired::DesiredSite;
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::memory::SiteMemory;
use crate::domain::rollout::{self, FleetLimits, Moved, Rollout, Sight, Standing};
use crate::domain::status::{SiteStatus, WholeFleet};
use crate::store::{FleetMemory, FleetRecord, KnownSite, Store, StoreError};

/// For so long the number of registered handsets, of which the fleet's budget is a share, need not be counted again.
const COUNT_HOLDS: Duration = Duration::from_secs(600);

/// What the daemon knows of the fleet as a whole.
#[derive(Debug)]
pub(super) struct Rollouts {
    known: RwLock<Arc<FleetMemory>>,
    /// Held while what is known is changed: it is kept before it counts, one change after the other.
    turn: Mutex<()>,
    /// Held by the cycle that counts them.
    counting: Mutex<()>,
    /// How many handsets are known to be registered, and when they were counted.
    registered: RwLock<Option<(u32, Instant)>>,
}

impl Rollouts {
    /// As the store has it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn stored(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            known: RwLock::new(Arc::new(store.fleet()?)),
            turn: Mutex::default(),
            counting: Mutex::default(),
            registered: RwLock::default(),
        })
    }

    fn known(&self) -> Arc<FleetMemory> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What holds a site back at this moment.
    pub(super) fn hold(&self, site: &SiteName) -> Option<RolloutHold> {
        self.known().rollout.as_ref()?.hold(site)
    }

    /// The limits that all sites share, for a release at this one.
    pub(super) fn limits(&self, in_force: &InForce, site: &SiteName) -> FleetLimits {
        let rules = &in_force.config.daemon.rollout;
        let counted = *self.registered.read().unwrap_or_else(PoisonError::into_inner);
        let mark = in_force.config.sites.get(site).map(rollout::mark);
        let runs = |rollout: &&Rollout| mark.as_ref().is_some_and(|mark| rollout.runs_at(site, mark));
        let run = self.known().rollout.as_ref().filter(runs).map(|rollout| rollout.id);
        FleetLimits {
            sites_per_hour: Some(rules.per_hour).filter(|sites| *sites > 0),
            handsets: Some(rules.budget.of_run(counted.map_or(0, |(registered, _)| registered))),
            run,
        }
    }

    fn count(&self, registered: u32) {
        *self.registered.write().unwrap_or_else(PoisonError::into_inner) = Some((registered, Instant::now()));
    }

    fn is_counted(&self) -> bool {
        let counted = *self.registered.read().unwrap_or_else(PoisonError::into_inner);
        counted.is_some_and(|(_, at)| at.elapsed() < COUNT_HOLDS)
    }
}

/// Counts the registered handsets of the sites in force, where that was done long ago. One cycle does it, for all others.
async fn count_anew(context: &Context) -> Result<(), StoreError> {
    let Ok(_turn) = context.rollouts.counting.try_lock() else { return Ok(()) };
    if context.rollouts.is_counted() {
        return Ok(());
    }
    let sites: BTreeSet<SiteName> = context.in_force.borrow().config.sites.keys().cloned().collect();
    let count = context.store(&SiteName::of_fleet(), move |store, _| store.registered(&sites)).await?;
    context.rollouts.count(count);
    Ok(())
}

/// Enters into a clearance what the fleet allows this site now.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn clear(
    context: &Context,
    site: &SiteName,
    clearance: &mut Clearance,
) -> Result<(), StoreError> {
    count_anew(context).await?;
    let limits = context.limits(site);
    let now = context.now();
    let room = context.store(site, move |store, site| store.room(site, &limits, now)).await?;
    clearance.rollout = context.rollouts.hold(site);
    clearance.crowded_until = room.crowded_until;
    clearance.fleet_budget_left = room.handsets_left;
    Ok(())
}

/// Takes a configuration in force, before any site follows it: what it changes is found, and kept with what comes of it.
///
/// # Errors
/// When the store cannot be read or written; then nothing has changed.
pub(super) async fn take_in_force(context: &Context, next: &InForce) -> Result<(), StoreError> {
    let rollouts = &context.rollouts;
    let _turn = rollouts.turn.lock().await;
    let fleet = SiteName::of_fleet();
    let known = context.store(&fleet, |store, _| store.known_sites()).await?;
    let count = registered(next.config.sites.keys().filter_map(|site| known.get(site)));
    rollouts.count(count);
    let before = rollouts.known();
    let now = context.now();
    let standings = standings(&next.config, &known);
    let rules = &next.config.daemon.rollout;
    let begun = rollout::begin(before.rollout.clone(), &standings, count, rules, now);
    let change = Change { rollout: begun.rollout, accepted: begun.accepted, told: begun.told };
    keep(context, &next.alerting, change, now).await
}

fn standings<'a>(config: &'a Config, known: &BTreeMap<SiteName, KnownSite>) -> Vec<Standing<'a>> {
    let standing = |desired: &'a DesiredSite| {
        let known = known.get(&desired.name).cloned().unwrap_or_default();
        let KnownSite { mark, reached, registered } = known;
        Standing { desired, accepted: mark, registered, reached }
    };
    config.sites.values().map(standing).collect()
}

fn registered<'a>(known: impl IntoIterator<Item = &'a KnownSite>) -> u32 {
    let handsets = known.into_iter().map(|site| site.registered.len()).sum::<usize>();
    u32::try_from(handsets).unwrap_or(u32::MAX)
}

/// What a cycle of a site came to.
pub(super) struct After<'a> {
    pub(super) desired: &'a DesiredSite,
    /// What the cycle went by.
    pub(super) clearance: &'a Clearance,
    pub(super) read: bool,
    pub(super) status: &'a SiteStatus,
    pub(super) memory: &'a SiteMemory,
}

/// Enters what a cycle came to. Cheap for a site that no rollout waits for.
///
/// # Errors
/// When the store cannot be written; then the next cycle says the same again.
pub(super) async fn saw(context: &Context, after: &After<'_>) -> Result<(), StoreError> {
    let site = &after.desired.name;
    let waited_for = |rollout: &Rollout| rollout.waits_for(site);
    if !context.rollouts.known().rollout.as_ref().is_some_and(waited_for) {
        return Ok(());
    }
    let _turn = context.rollouts.turn.lock().await;
    let Some(mut rollout) = context.rollouts.known().rollout.clone() else { return Ok(()) };
    let now = context.now();
    let sight = Sight {
        mark: &rollout::mark(after.desired),
        held: after.clearance.rollout.is_some(),
        paused: after.clearance.pause.as_ref().is_some_and(|pause| !pause.whole_fleet),
        read: after.read,
        status: after.status,
        memory: after.memory,
        interval: context.pace().interval,
        now,
    };
    match rollout.saw(&sight) {
        Moved::No => Ok(()),
        Moved::Shown => {
            let known = FleetMemory::clone(&context.rollouts.known());
            show(context, FleetMemory { rollout: Some(rollout), ..known });
            Ok(())
        }
        Moved::On(told) => {
            let accepted = rollout.accepted();
            let change = Change { rollout: Some(rollout), accepted, told };
            keep(context, &context.alerting(), change, now).await
        }
    }
}

/// Has a look at what alerts about the fleet follow from, and keeps what differs. To be called now and then.
///
/// # Errors
/// When the store cannot be read or written.
pub(super) async fn look_again(context: &Context) -> Result<(), StoreError> {
    let pause = context.store(&SiteName::of_fleet(), |store, fleet| store.pauses(fleet)).await?.fleet;
    let (known, alerting) = (context.rollouts.known(), context.alerting());
    let nothing_was = known.alerts.is_empty() && known.pause.is_none();
    if nothing_was && pause.is_none() && Seen::now(context, &alerting).is_quiet() {
        return Ok(());
    }
    let _turn = context.rollouts.turn.lock().await;
    let rollout = context.rollouts.known().rollout.clone();
    let change = Change { rollout, accepted: BTreeMap::new(), told: Vec::new() };
    keep(context, &alerting, change, context.now()).await
}

/// What is to be kept of a change.
struct Change {
    rollout: Option<Rollout>,
    accepted: BTreeMap<SiteName, String>,
    told: Vec<String>,
}

/// Keeps a change with the alerts that hold after it, in one transaction; then it counts, and is told.
async fn keep(
    context: &Context,
    alerting: &Arc<Alerting>,
    change: Change,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let before = context.rollouts.known();
    let Change { rollout, accepted, told } = change;
    let history: Vec<HistoryEntry> = told.into_iter().map(|outcome| entry(outcome, now)).collect();
    for line in &history {
        tracing::info!(what = %line.what, "{}", line.outcome);
    }
    let (alerting, seen) = (Arc::clone(alerting), Seen::now(context, alerting));
    let memory = context
        .store(&SiteName::of_fleet(), move |store, fleet| {
            let pause = store.pauses(fleet)?.at(now).fleet;
            let alerts = alerting.unannounced(before.alerts.clone(), &store.told_ids(fleet)?);
            let found = seen.conditions(rollout.as_ref(), pause.as_ref(), &alerts, now);
            let alerts = conditions::live_on(fleet, &alerts, found, now);
            let memory = FleetMemory { rollout, pause, alerts };
            if *before != memory || !accepted.is_empty() || !history.is_empty() {
                store.keep_fleet(&FleetRecord { memory: &memory, accepted: &accepted, history: &history })?;
            }
            Ok(memory)
        })
        .await?;
    show(context, memory);
    Ok(())
}

fn entry(outcome: String, at: DateTime<Utc>) -> HistoryEntry {
    HistoryEntry { at, who: "n720d".into(), what: "rollout".into(), outcome }
}

/// From here on this is what is known, and what people see.
fn show(context: &Context, memory: FleetMemory) {
    context.desk.put(&SiteName::of_fleet(), &memory.alerts);
    context.publish_fleet(whole(&memory));
    *context.rollouts.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(memory);
}

/// What people see of the fleet as a whole.
pub fn whole(memory: &FleetMemory) -> WholeFleet {
    let pause = memory.pause.as_ref().filter(|pause| !pause.is_over(clock::now()));
    WholeFleet {
        pause: pause.map(|pause| assess::pause_status(pause, chrono_tz::UTC)),
        alerts: memory.alerts.iter().filter(|alert| alert.state != AlertState::Resolved).cloned().collect(),
        rollout: memory.rollout.as_ref().map(rollout::status),
    }
}
