//! What the API tells of a site beside its status: the hand-off sheet, made from the site file in force, the store and
//! what the last plan is about to do. Reads only.

use super::context::Context;
use crate::domain::handoff::{self, Sheet};
use crate::domain::ids::SiteName;
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
