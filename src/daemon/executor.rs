//! Carries out a plan's orders: enrol, release, trigger. It decides nothing; an order that fails ends the rest and is
//! kept as what hinders the site, and a later cycle plans anew from what is then to be seen.

use super::cycle::{Scope, target};
use super::{chain, clearance};
use crate::config;
use crate::device::n720::Session;
use crate::device::n720::provisioning::{Secrets, render};
use crate::domain::adoption;
use crate::domain::desired::Trigger;
use crate::domain::history::HistoryEntry;
use crate::domain::memory::Hindrance;
use crate::domain::plan::{Impact, NewRelease};
use crate::domain::release::{TriggerOutcome, Upon};
use crate::domain::secret::Secret;
use crate::domain::turn::Turn;
use crate::store::{Premises, ReleaseFiles, Released, StoreError};

/// The user of a check-sync NOTIFY to a manager whose site file names no SIP user; anonymous NOTIFY is accepted
/// whatever the user. (Provisioning Guide)
const NOBODY: &str = "n720d";

/// Whether anything was done that the device may notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acted {
    /// The first order failed, or the site file has changed: nothing is new.
    Not,
    /// Something was enrolled, released or triggered, or the manager has fetched: what is known must be loaded anew.
    Did,
}

impl Acted {
    /// What two things came to together.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Did { self } else { other }
    }
}

/// Carries out the orders of a turn, which was planned upon this release.
///
/// # Errors
/// When the store fails; nothing that comes after is attempted then.
pub(super) async fn execute(
    scope: &Scope<'_>,
    turn: &Turn,
    upon: Upon,
    session: &mut Session,
) -> Result<Acted, StoreError> {
    let orders = &turn.plan.orders;
    if !scope.context.is_in_force(scope.desired) {
        tracing::info!(site = %scope.desired.name, "the site file has changed meanwhile; its plan is dropped");
        return Ok(Acted::Not);
    }
    match prepare(scope, turn, upon, session).await {
        Ok(()) => forget_hindrance(scope, turn).await?,
        Err(Stopped::Hindered(why)) => {
            hinder(scope, turn, why).await?;
            return Ok(Acted::Not);
        }
        Err(Stopped::Paused) => return Ok(Acted::Not),
        Err(Stopped::MovedOn) => {
            tracing::info!(site = %scope.desired.name, "the manager has fetched or an approval has gone meanwhile; the plan is made anew");
            return Ok(Acted::Did);
        }
        Err(Stopped::HeldBack(why)) => {
            tracing::info!(site = %scope.desired.name, "not released: {why}");
            return Ok(Acted::Not);
        }
        Err(Stopped::Store(error)) => return Err(error),
    }
    if let Some(way) = orders.trigger
        && !is_paused(scope).await?
    {
        trigger_last(scope, way, session).await?;
    }
    Ok(Acted::Did)
}

/// Why orders ended before their end.
enum Stopped {
    /// One of them failed.
    Hindered(String),
    /// They were planned upon a state that has passed.
    MovedOn,
    /// Somebody has paused the site since they were planned.
    Paused,
    /// Other sites took meanwhile what all sites share, or a rollout was stopped: a later cycle plans by that.
    HeldBack(String),
    /// Nothing can be kept.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Everything before the trigger.
async fn prepare(scope: &Scope<'_>, turn: &Turn, upon: Upon, session: &mut Session) -> Result<(), Stopped> {
    let orders = &turn.plan.orders;
    if orders.enrol {
        not_paused(scope).await?;
        enrol(scope, session).await?;
    }
    match &orders.release {
        Some(new) => {
            not_paused(scope).await?;
            release(scope, turn, new, upon).await
        }
        None => Ok(()),
    }
}

/// Whoever paused was told that nothing more is written: what was planned before that is dropped, and planned anew when
/// the pause is over.
async fn not_paused(scope: &Scope<'_>) -> Result<(), Stopped> {
    if is_paused(scope).await? { Err(Stopped::Paused) } else { Ok(()) }
}

pub(super) async fn is_paused(scope: &Scope<'_>) -> Result<bool, StoreError> {
    let pause = clearance::paused(scope.context, scope.desired).await?;
    if let Some(pause) = &pause {
        let why = pause.told(scope.desired.time_zone);
        tracing::info!(site = %scope.desired.name, "what was planned is dropped: {why}");
    }
    Ok(pause.is_some())
}

async fn enrol(scope: &Scope<'_>, session: &mut Session) -> Result<(), Stopped> {
    let Some(url) = scope.own_url.as_deref() else { return Ok(()) };
    match session.enrol(url).await {
        Ok(()) => {
            let told = entry(scope, "enrol", "the manager's configuration file URL points here".to_owned());
            Ok(tell(scope, told).await?)
        }
        Err(error) => {
            let why = format!("the manager's configuration file URL could not be set: {}", chain(&error));
            Err(Stopped::Hindered(why))
        }
    }
}

/// Releases: from here on the file is served, and survives whatever happens next.
async fn release(scope: &Scope<'_>, turn: &Turn, new: &NewRelease, upon: Upon) -> Result<(), Stopped> {
    let body = render(&new.content, &new.version, Secrets::Reveal).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Stopped::Hindered(format!("the provisioning file cannot be written: {}", all.join("; ")))
    })?;
    // A hold that the plan knew of holds back what it may; what it orders all the same takes a file off the shelf.
    if scope.clearance.rollout.is_none() && scope.context.rollouts.hold(&scope.desired.name).is_some() {
        return Err(Stopped::HeldBack("a rollout holds the site back by now".to_owned()));
    }
    // Enrolling takes a while, in which somebody may have corrected the file.
    if !scope.context.is_in_force(scope.desired) {
        return Err(Stopped::HeldBack("the site file has changed meanwhile".to_owned()));
    }
    let premises = Premises { upon, limits: scope.context.limits(&scope.desired.name) };
    let way_back = way_back(scope, turn, new);
    let (new, at) = (new.clone(), scope.context.now());
    let approval = turn.memory.approval.as_ref();
    let approved = approval.filter(|approval| new.approval.as_ref() == Some(&approval.hash));
    let by = approved.map_or_else(String::new, |approval| format!("; approved by {}", approval.people()));
    let what = format!("VERSION {}: {}{by}", new.version, new.reason);
    let told = entry(scope, "release", String::new());
    let numbered = move |number: i64| HistoryEntry { outcome: format!("release {number}, {what}"), ..told };
    let kept = numbered.clone();
    let released = scope
        .context
        .store(&scope.desired.name, move |store, site| {
            let files = ReleaseFiles { body: &body, way_back: way_back.as_deref() };
            store.release(site, &premises, &new, files, at, |number| vec![kept(number)])
        })
        .await?;
    let released = match released {
        Released::Made(released) => released,
        Released::MovedOn => return Err(Stopped::MovedOn),
        Released::Paused => return Err(Stopped::Paused),
        Released::NoRoom(why) => return Err(Stopped::HeldBack(why.to_string())),
    };
    scope.context.metrics.released();
    log(scope, &numbered(released.id));
    Ok(())
}

/// What was observed before a release that people notice, as a site file.
fn way_back(scope: &Scope<'_>, turn: &Turn, new: &NewRelease) -> Option<String> {
    let seen = turn.memory.observation.as_ref().filter(|_| new.impact >= Impact::Interrupts)?;
    let draft = adoption::way_back(scope.desired, &turn.memory, seen, &new.version)?;
    Some(config::site_file(&draft))
}

/// Keeps what hindered the orders, so that they are tried again later and people are told.
async fn hinder(scope: &Scope<'_>, turn: &Turn, why: String) -> Result<(), StoreError> {
    let failures = turn.memory.hindrance.as_ref().map_or(0, |before| before.failures).saturating_add(1);
    let told = entry(scope, "release", why.clone());
    log(scope, &told);
    let wanted = turn.status.generation.desired.clone();
    let hindrance = Hindrance { since: scope.context.now(), failures, why, wanted };
    scope
        .context
        .store(&scope.desired.name, move |store, site| store.keep_hindrance(site, Some(&hindrance), &[told]))
        .await
}

async fn forget_hindrance(scope: &Scope<'_>, turn: &Turn) -> Result<(), StoreError> {
    if turn.memory.hindrance.is_none() {
        return Ok(());
    }
    scope.context.store(&scope.desired.name, |store, site| store.keep_hindrance(site, None, &[])).await
}

/// Tells the manager to fetch the last release.
async fn trigger_last(scope: &Scope<'_>, way: Trigger, session: &mut Session) -> Result<(), StoreError> {
    let memory = scope.context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    match memory.release {
        Some(release) => trigger(scope, release.id, way, session).await,
        None => Ok(()),
    }
}

/// Tells the manager to fetch this release. That it is about to be told is on disk first, so that a kill in between is
/// seen.
pub(super) async fn trigger(
    scope: &Scope<'_>,
    release: i64,
    way: Trigger,
    session: &mut Session,
) -> Result<(), StoreError> {
    let context = scope.context;
    let at = context.now();
    context.store(&scope.desired.name, move |store, _| store.note_trigger_intent(release, at)).await?;
    let outcome = match way {
        Trigger::Web => session.trigger_web().await,
        Trigger::CheckSync => check_sync(scope).await,
        Trigger::None => return Ok(()),
    };
    tracing::info!(site = %scope.desired.name, way = word(way), outcome = ?outcome, "trigger");
    let at = context.now();
    context.store(&scope.desired.name, move |store, _| store.note_trigger(release, &outcome, at)).await
}

async fn check_sync(scope: &Scope<'_>) -> TriggerOutcome {
    let user = scope.desired.slots.values().find_map(|slot| slot.user()).unwrap_or(NOBODY);
    // It goes without a password, and so also where the site file's cannot be resolved.
    let target = target(scope.desired, Secret::new(""));
    scope.context.driver.check_sync(&target, user).await
}

fn word(way: Trigger) -> &'static str {
    match way {
        Trigger::Web => "web button",
        Trigger::CheckSync => "check-sync",
        Trigger::None => "none",
    }
}

fn entry(scope: &Scope<'_>, what: &str, outcome: String) -> HistoryEntry {
    HistoryEntry { at: scope.context.now(), who: "n720d".into(), what: what.into(), outcome }
}

async fn tell(scope: &Scope<'_>, entry: HistoryEntry) -> Result<(), StoreError> {
    log(scope, &entry);
    scope.context.store(&scope.desired.name, move |store, site| store.tell(site, &[entry])).await
}

fn log(scope: &Scope<'_>, entry: &HistoryEntry) {
    tracing::info!(site = %scope.desired.name, what = %entry.what, "{}", entry.outcome);
}
