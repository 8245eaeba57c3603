//! Commands to the running daemon: `poll`, `reload`. And `url`, which asks its store.

use std::path::Path;

use super::args::{PollArgs, UrlArgs};
use super::status::print_site;
use super::{CliError, Exit, async_runtime, configuration, known, output, site};
use crate::api::ControlClient;
use crate::config;
use crate::daemon;

#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error("no daemon runs on {0}: start it with `n720d run` or `systemctl start n720d`")]
    NotRunning(String),
    #[error("there is no provisioning URL for {0} yet: it is made when the daemon first watches the site")]
    Unwatched(String),
    #[error("there is no provisioning URL without [provisioning] public_url in {0}")]
    PublicUrlUnset(String),
}

/// `n720d poll`: has a manager read now.
pub(super) fn poll(file: &Path, args: &PollArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let client = client(&config.daemon.state_dir)?;
    let status = async_runtime()?
        .block_on(client.poll(args.site.clone(), args.retry_login))
        .map_err(CliError::other)?;
    print_site(&status)?;
    Ok(Exit::Fine)
}

/// `n720d reload`: all files or none, and says which.
pub(super) fn reload(file: &Path) -> Result<Exit, CliError> {
    // The file may be what is wrong, and the daemon is to say so: only the state directory is needed here.
    let state_dir = match config::load(file) {
        Ok(config) => config.daemon.state_dir,
        Err(findings) => return Err(CliError::Configuration { findings }),
    };
    let report = async_runtime()?.block_on(client(&state_dir)?.reload()).map_err(CliError::other)?;
    report.findings.iter().for_each(output::complaint);
    if report.applied {
        let sites = if report.sites == 1 { "1 site".to_owned() } else { format!("{} sites", report.sites) };
        output::line(format_args!("reloaded, {sites}"))?;
        return Ok(Exit::Fine);
    }
    output::complaint("n720d: nothing was reloaded, the configuration in force is kept");
    Ok(Exit::Configuration)
}

/// `n720d url`: the configuration file URL of a manager. It holds the token that opens the file: show it to nobody.
pub(super) fn url(file: &Path, args: &UrlArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let desired = site(&config, &args.site)?;
    let missing = || CliError::other(TellError::Unwatched(desired.name.to_string()));
    let store = known::store(&config.daemon.state_dir)?.ok_or_else(missing)?;
    let secret = store.site_secret(&desired.name).map_err(|_| missing())?;
    let url = daemon::own_url(config.daemon.provisioning.public_url.as_deref(), desired, &secret.token)
        .ok_or_else(|| CliError::other(TellError::PublicUrlUnset(file.display().to_string())))?;
    if args.json {
        output::json(&std::collections::BTreeMap::from([("url", url)]))?;
    } else {
        output::line(url)?;
    }
    Ok(Exit::Fine)
}

/// The running daemon.
pub(super) fn client(state_dir: &Path) -> Result<ControlClient, CliError> {
    ControlClient::connect(state_dir)
        .map_err(CliError::other)?
        .ok_or_else(|| CliError::other(TellError::NotRunning(state_dir.display().to_string())))
}
