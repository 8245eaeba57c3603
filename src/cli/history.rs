//! `n720d history`: who, what, when, with which outcome; from the running daemon or from what it stored.

use std::path::Path;

use super::args::HistoryArgs;
use super::{CliError, Exit, async_runtime, configuration, known, output, windows};
use crate::api::{ControlClient, HistoryPage};
use crate::config::Config;
use crate::domain::ids::SiteName;

/// Runs the command.
pub(super) fn run(file: &Path, args: &HistoryArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    if let Some(site) = args.site.as_ref().filter(|_| args.windows) {
        return windows::run(&config, site, limit, args.json);
    }
    let page = ask(&config, args.site.as_ref(), limit)?;
    if args.json {
        output::json(&page)?;
        return Ok(Exit::Fine);
    }
    // Newest last, as in a log: a terminal shows the end.
    let row = |line: &crate::api::HistoryLine| {
        let zone = config.sites.get(&line.site).map_or(chrono_tz::UTC, |site| site.time_zone);
        vec![
            line.entry.at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%:z").to_string(),
            line.site.to_string(),
            line.entry.who.clone(),
            line.entry.what.clone(),
            line.entry.outcome.clone(),
        ]
    };
    let rows: Vec<_> = page.history.iter().rev().map(row).collect();
    output::table(&["WHEN", "SITE", "WHO", "WHAT", "OUTCOME"], rows)?;
    Ok(Exit::Fine)
}

fn ask(config: &Config, site: Option<&SiteName>, limit: usize) -> Result<HistoryPage, CliError> {
    let state_dir = &config.daemon.state_dir;
    if let Some(daemon) = ControlClient::connect(state_dir).map_err(CliError::other)? {
        return async_runtime()?.block_on(daemon.history(site, limit)).map_err(CliError::other);
    }
    let Some(store) = known::left_behind(state_dir)? else { return Ok(HistoryPage { history: Vec::new() }) };
    Ok(HistoryPage::from(store.history(site, limit).map_err(CliError::other)?))
}
