//! What a cycle asks about other sites: the directory for the homes of what is foreign, the store for what is missing.
//! No site is woken for another: the next cycle of each is soon enough.

use super::context::Context;
use crate::domain::desired::DesiredSite;
use crate::domain::memory::SiteMemory;
use crate::domain::neighbours::Neighbours;
use crate::domain::observed::Observation;
use crate::domain::strays;
use crate::store::StoreError;

/// The answers for a turn over this reading, which counts only if it is of the site's own manager.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn ask(
    context: &Context,
    desired: &DesiredSite,
    memory: &SiteMemory,
    seen: Option<&Observation>,
) -> Result<Neighbours, StoreError> {
    let seen = seen.filter(|seen| seen.mac.known() == Some(&desired.manager.mac));
    let questions = strays::questions(desired, memory, seen);
    let held = if questions.missing.is_empty() {
        Vec::new()
    } else {
        let missing = questions.missing.clone();
        context.store(&desired.name, move |store, site| store.elsewhere(site, &missing)).await?
    };
    Ok(Neighbours::answer(&questions, &context.in_force.borrow().directory, held))
}
