//! `--retry-push` of `n720d apply`: has what was pushed in vain released again, before anything is planned. Through the
//! daemon where one runs, because the store is its own.

use super::{CliError, person};
use crate::api::ControlClient;
use crate::config::Config;
use crate::daemon;
use crate::domain::ids::SiteName;

/// Says so to the daemon, or to the store where none runs.
pub(super) async fn run(
    daemon: Option<&ControlClient>,
    config: &Config,
    site: &SiteName,
    by: Option<&str>,
) -> Result<(), CliError> {
    let by = person::person(by);
    match daemon {
        Some(daemon) => daemon.retry_push(site.clone(), by).await.map_err(CliError::other),
        None => daemon::retry_push_alone(&config.daemon, site, &by).map_err(CliError::from),
    }
}
