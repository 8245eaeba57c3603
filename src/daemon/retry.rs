//! A person's word that the cause of pushes in vain is mended: what the push breaker has given up is released again. The
//! breaker itself, and what follows, are `domain`'s.

use super::assemble::StartError;
use super::clock;
use super::context::Context;
use crate::config::DaemonConfig;
use crate::domain::history::{self, HistoryEntry};
use crate::domain::ids::SiteName;
use crate::store::{Store, StoreError};

/// Forgets what releases of a site have missed, on the word of `by`; the next cycle plans without it.
///
/// # Errors
/// When the store cannot be written.
pub(super) async fn retry_push(context: &Context, site: &SiteName, by: String) -> Result<(), StoreError> {
    context.store(site, move |store, site| store.forget_misses(site, &[word(&by)])).await
}

/// The same where no daemon runs.
///
/// # Errors
/// When the store cannot be opened, most likely because a daemon has just been started, or cannot be written.
pub fn retry_push_alone(daemon: &DaemonConfig, site: &SiteName, by: &str) -> Result<(), StartError> {
    let dir = &daemon.state_dir;
    let fail = |source| StartError::store(dir, source);
    let (store, _) = Store::open(dir, clock::now()).map_err(fail)?;
    store.forget_misses(site, &[word(by)]).map_err(fail)
}

fn word(by: &str) -> HistoryEntry {
    HistoryEntry {
        at: clock::now(),
        who: history::user(by),
        what: "release".to_owned(),
        outcome: "what was released in vain is to be released again".to_owned(),
    }
}
