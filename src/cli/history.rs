//! `n720d history`: who, what, when, with which outcome; from the running daemon or from what it stored. And the way back
//! from a release, from what was stored.

use std::path::Path;

use super::args::HistoryArgs;
use super::{CliError, Exit, async_runtime, configuration, known, output, site as listed, windows};
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
    if let Some((site, release)) = args.site.as_ref().zip(args.release) {
        return way_back(&config, site, release);
    }
    let page = ask(&config, args.site.as_ref(), limit)?;
    if args.json {
        output::json(&page)?;
        return Ok(Exit::Fine);
    }
    if page.history.is_empty() {
        output::line("nothing is in the history")?;
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

/// There is no way back from a release.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no way back from release {release} of {site}: a release has one where people notice it, and so many are \
     kept; those that have one: {known}"
)]
struct NoWayBack {
    release: i64,
    site: SiteName,
    /// The releases that have one, as text.
    known: String,
}

/// Prints what was observed before a release, as a site file. The site's own may be gone.
fn way_back(config: &Config, site: &SiteName, release: i64) -> Result<Exit, CliError> {
    let store = known::store(&config.daemon.state_dir)?;
    let file = match &store {
        Some(store) => store.way_back(site, release).map_err(CliError::other)?,
        None => None,
    };
    if let Some(file) = file {
        output::bytes(file.as_bytes())?;
        return Ok(Exit::Fine);
    }
    let known = match &store {
        Some(store) => store.ways_back(site).map_err(CliError::other)?,
        None => Vec::new(),
    };
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(CliError::other(NoWayBack { release, site: site.clone(), known }))
}

fn ask(config: &Config, site: Option<&SiteName>, limit: usize) -> Result<HistoryPage, CliError> {
    let state_dir = &config.daemon.state_dir;
    if let Some(daemon) = ControlClient::connect(state_dir).map_err(CliError::other)? {
        return async_runtime()?.block_on(daemon.history(site, limit)).map_err(CliError::other);
    }
    let history = match known::left_behind(state_dir)? {
        Some(store) => store.history(site, limit).map_err(CliError::other)?,
        None => Vec::new(),
    };
    // A site whose file is gone or has errors has a history all the same, and the fleet has no file.
    if let Some(site) =
        site.filter(|site| history.is_empty() && !site.is_of_fleet() && !config.has_file(site))
    {
        listed(config, site)?;
    }
    Ok(HistoryPage::from(history))
}
