//! What the API tells of a site beside its status: the hand-off sheet and the window ledger, made from the site file in
//! force, the store and what the last plan is about to do. Reads only.

use super::context::Context;
use crate::domain::handoff::{self, Sheet};
use crate::domain::ids::SiteName;
use crate::domain::ledger::{self, WindowLedger};
use crate::store::StoreError;

/// The hand-off sheet of a site; `None` when no file of that site is in force.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn handoff(context: &Context, site: &SiteName) -> Result<Option<Sheet>, StoreError> {
    let desired = context.in_force.borrow().config.sites.get(site).cloned();
    let Some(desired) = desired else { return Ok(None) };
    let memory = context.store(site, |store, site| store.memory(site)).await?;
    let status = context.board.get(site);
    let steps = status.as_ref().map_or(&[][..], |status| &status.plan.steps);
    Ok(Some(handoff::handoff(&desired, &memory, steps, context.now())))
}

/// The window ledger of a site, its `limit` newest windows.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn windows(
    context: &Context,
    site: &SiteName,
    limit: usize,
) -> Result<WindowLedger, StoreError> {
    let desired = context.in_force.borrow().config.sites.get(site).cloned();
    let read = context.store(site, |store, site| Ok((store.memory(site)?, store.windows(site)?)));
    let (memory, windows) = read.await?;
    Ok(ledger::ledger(site, desired.as_ref(), &memory, windows, limit, context.now()))
}
