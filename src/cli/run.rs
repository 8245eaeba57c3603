//! `n720d run`: the daemon in the foreground, as systemd wants it.

use std::path::Path;

use super::{CliError, Exit, async_runtime, configuration, logging};
use crate::daemon;

/// Runs the command.
pub(super) fn run(file: &Path) -> Result<Exit, CliError> {
    logging::start(logging::Level::Info);
    let config = configuration(file)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    async_runtime()?.block_on(daemon::run(config)).map_err(CliError::other)?;
    Ok(Exit::Fine)
}
