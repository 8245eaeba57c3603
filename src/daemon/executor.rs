//! Carries out a plan's orders: enrol, release, trigger. It decides nothing; an order that fails ends the rest, and
//! the next cycle plans anew from what is then to be seen.

use super::chain;
use super::cycle::{Scope, target};
use crate::device::n720::Session;
use crate::device::n720::provisioning::{Secrets, render};
use crate::domain::desired::Trigger;
use crate::domain::history::HistoryEntry;
use crate::domain::plan::{NewRelease, Orders};
use crate::domain::release::TriggerOutcome;
use crate::store::StoreError;

/// The user of a check-sync NOTIFY to a manager whose site file names no SIP user; anonymous NOTIFY is accepted
/// whatever the user. (Provisioning Guide)
const NOBODY: &str = "n720d";

/// Carries out the orders.
///
/// # Errors
/// When the store fails; nothing that comes after is attempted then.
pub(super) async fn execute(
    scope: &Scope<'_>,
    orders: &Orders,
    session: &mut Session,
) -> Result<(), StoreError> {
    if orders.enrol && !enrol(scope, session).await? {
        return Ok(());
    }
    if let Some(new) = &orders.release
        && !release(scope, new).await?
    {
        return Ok(());
    }
    if let Some(way) = orders.trigger {
        trigger(scope, way, session).await?;
    }
    Ok(())
}

async fn enrol(scope: &Scope<'_>, session: &mut Session) -> Result<bool, StoreError> {
    let Some(url) = scope.own_url.as_deref() else { return Ok(false) };
    let (done, outcome) = match session.enrol(url).await {
        Ok(()) => (true, "the manager's configuration file URL points here".to_owned()),
        Err(error) => {
            (false, format!("could not set the manager's configuration file URL: {}", chain(&error)))
        }
    };
    tell(scope, "enrol", outcome).await?;
    Ok(done)
}

/// Releases: from here on the file is served, and survives whatever happens next.
async fn release(scope: &Scope<'_>, new: &NewRelease) -> Result<bool, StoreError> {
    let body = match render(&new.content, &new.version, Secrets::Reveal) {
        Ok(body) => body,
        Err(errors) => {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            tell(scope, "release", format!("not released, cannot be written: {}", all.join("; "))).await?;
            return Ok(false);
        }
    };
    let (new, at) = (new.clone(), scope.context.now());
    let entry = entry(scope, "release", format!("VERSION {}: {}", new.version, new.reason));
    let kept = entry.clone();
    scope
        .context
        .store(&scope.desired.name, move |store, site| store.release(site, &new, &body, at, &[kept]))
        .await?;
    scope.context.metrics.released();
    tracing::info!(site = %scope.desired.name, what = %entry.what, "{}", entry.outcome);
    Ok(true)
}

/// Tells the manager to fetch. That it is about to be told is on disk first, so that a kill in between is seen.
async fn trigger(scope: &Scope<'_>, way: Trigger, session: &mut Session) -> Result<(), StoreError> {
    let context = scope.context;
    let memory = context.store(&scope.desired.name, |store, site| store.memory(site)).await?;
    let Some(release) = memory.release.map(|release| release.id) else { return Ok(()) };
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
    match scope.secrets.get(&scope.desired.manager.password) {
        Ok(password) => scope.context.driver.check_sync(&target(scope.desired, password), user).await,
        Err(why) => TriggerOutcome::Failed(why),
    }
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

async fn tell(scope: &Scope<'_>, what: &str, outcome: String) -> Result<(), StoreError> {
    let entry = entry(scope, what, outcome);
    tracing::info!(site = %scope.desired.name, what = %entry.what, "{}", entry.outcome);
    scope.context.store(&scope.desired.name, move |store, site| store.tell(site, &[entry])).await
}
