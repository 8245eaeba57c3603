//! What a cycle asks about people and the fleet: pauses, maintenance windows, a web password on its way. Decides nothing.

use super::context::Context;
use crate::domain::clearance::{Clearance, Pause, Pauses};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::maintenance::MaintenanceWindow;
use crate::store::{Store, StoreError};

/// What the site is allowed at this moment.
///
/// # Errors
/// When the store cannot be read, or what is over cannot be dropped there: whoever does not know whether changes are
/// paused makes none.
pub(super) async fn ask(context: &Context, desired: &DesiredSite) -> Result<Clearance, StoreError> {
    let now = context.now();
    let (pauses, password_change) = context
        .store(&desired.name, move |store, site| {
            Ok((store.tend_pauses(site, now)?, store.is_changing_password(site)?))
        })
        .await?;
    Ok(of(pauses, password_change, context.maintenance()))
}

/// The same for who looks without the daemon, by a store that is open for reading.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn read(
    store: &Store,
    site: &SiteName,
    maintenance: Option<MaintenanceWindow>,
) -> Result<Clearance, StoreError> {
    let pauses = store.pauses(site)?.at(super::clock::now());
    Ok(of(pauses, store.is_changing_password(site)?, maintenance))
}

/// The pause that holds at this moment, if one does: what was planned before it was given must not be done.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn paused(context: &Context, desired: &DesiredSite) -> Result<Option<Pause>, StoreError> {
    let now = context.now();
    let pauses = context.store(&desired.name, move |store, site| Ok(store.pauses(site)?.at(now))).await?;
    Ok(pauses.longer().cloned())
}

fn of(pauses: Pauses, password_change: bool, maintenance: Option<MaintenanceWindow>) -> Clearance {
    Clearance {
        pause: pauses.longer().cloned(),
        own_pause: pauses.own,
        password_change,
        rollout: None,
        crowded_until: None,
        fleet_budget_left: None,
        maintenance,
    }
}
