//! What the store knows of a site, for commands that work without the daemon. Reads only.

use std::path::Path;

use super::{CliError, output};
use crate::domain::fingerprint::SiteKey;
use crate::domain::ids::SiteName;
use crate::domain::memory::SiteMemory;
use crate::store::{Store, StoreErrorKind};

/// Memory and key of a site; of one that no store knows, nothing and a key of zeros.
pub(super) fn of(state_dir: &Path, site: &SiteName) -> Result<(SiteMemory, SiteKey), CliError> {
    let Some(store) = store(state_dir)? else { return Ok((SiteMemory::default(), SiteKey::new([0; 32]))) };
    let memory = store.memory(site).map_err(CliError::other)?;
    let key = match store.site_secret(site) {
        Ok(secret) => secret.key,
        // The site is new to this store, and a reader makes no key.
        Err(error) if error.kind() == StoreErrorKind::ReadOnly => [0; 32],
        Err(error) => return Err(CliError::other(error)),
    };
    Ok((memory, SiteKey::new(key)))
}

/// The store, if there is one yet.
pub(super) fn store(state_dir: &Path) -> Result<Option<Store>, CliError> {
    match Store::open_read_only(state_dir) {
        Ok(store) => Ok(Some(store)),
        Err(error) if error.kind() == StoreErrorKind::Missing => Ok(None),
        Err(error) => Err(CliError::other(error)),
    }
}

/// The same for a command that shows what the daemon would: whoever reads it is told that none runs.
pub(super) fn left_behind(state_dir: &Path) -> Result<Option<Store>, CliError> {
    output::complaint("no daemon is running; this is what the last one stored");
    store(state_dir)
}
