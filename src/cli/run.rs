//! `n720d run`: the daemon in the foreground, as systemd wants it.

use std::path::Path;
use std::time::Duration;

use super::{CliError, Exit, async_runtime, configuration, logging};
use crate::daemon;

/// How long what blocks a thread at the end is waited for.
const LEFT_OVERS_WITHIN: Duration = Duration::from_secs(1);

/// Runs the command.
pub(super) fn run(file: &Path) -> Result<Exit, CliError> {
    logging::start(logging::Level::Info);
    let config = configuration(file)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = async_runtime()?;
    let outcome = runtime.block_on(daemon::run(config));
    // Whatever still blocks a thread, a name that is looked up or a slow disk, must not hold up the stop.
    runtime.shutdown_timeout(LEFT_OVERS_WITHIN);
    outcome.map_err(CliError::other)?;
    Ok(Exit::Fine)
}
