//! `n720d adopt`: reads a manager in service and prints a site file of it, whose first plan is empty. Writes nothing,
//! neither to the manager nor to a file.

use std::collections::BTreeMap;
use std::path::Path;

use chrono_tz::Tz;

use super::args::AdoptArgs;
use super::{CliError, Exit, async_runtime, configuration, logging, output, secret, zone};
use crate::config::{self, Config, argument};
use crate::daemon;
use crate::domain::adoption::{self, Candidate, Draft};
use crate::domain::desired::DesiredSlot;
use crate::domain::ids::{Ipui, SiteName};
use crate::domain::secret::{Secret, SecretRef};
use crate::secrets;

/// Runs the command.
pub(super) fn run(file: &Path, args: &AdoptArgs) -> Result<Exit, CliError> {
    logging::start(logging::Level::Warn);
    let config = configuration(file)?;
    let (reference, password) = password(&config, args)?;
    let (host, port) = &args.url;
    let reading = daemon::read_all(&config.daemon, &args.site, (host, *port), password);
    let seen = async_runtime()?.block_on(reading)?;
    let listed = listed_elsewhere(&config, &args.site);
    let candidate = Candidate {
        name: &args.site,
        host,
        port: *port,
        password: &reference,
        time_zone: args.time_zone.unwrap_or_else(|| zone::of_this_machine().unwrap_or(Tz::UTC)),
        listed: &listed,
    };
    let draft = adoption::adopt(&candidate, &seen).map_err(CliError::other)?;
    output::bytes(config::site_file(&draft).as_bytes())?;
    notes(&config, args, &draft);
    Ok(if draft.unread.is_empty() { Exit::Fine } else { Exit::Failed })
}

/// What `--password` holds is no reference. It is not shown: it may be the password.
#[derive(Debug, thiserror::Error)]
#[error(
    "--password takes no password, which other users and the shell's history would see: {0}, or - for standard input"
)]
struct NoReference(String);

/// The web password, and how the site file is to name it.
fn password(config: &Config, args: &AdoptArgs) -> Result<(SecretRef, Secret), CliError> {
    let usual = adoption::web_reference(&args.site);
    let reference = match args.password.as_deref() {
        Some("-") => {
            let password = secret::asked(&format!("the web interface of {}", args.site))?;
            output::complaint(format_args!(
                "n720d: the file names the password {usual}: store it there, or write where it is kept"
            ));
            return Ok((usual, password));
        }
        Some(text) => argument::secret_reference(text).map_err(NoReference).map_err(CliError::other)?,
        None => usual,
    };
    let password = secrets::resolve(&argument::seen_from(&reference, &config.daemon.sites_dir));
    Ok((reference, password.map_err(CliError::other)?))
}

/// The handsets that the files of other sites list.
fn listed_elsewhere(config: &Config, site: &SiteName) -> BTreeMap<Ipui, SiteName> {
    let others = config.sites.iter().filter(|(name, _)| *name != site);
    let handsets = others.flat_map(|(name, other)| {
        other.slots.values().filter_map(DesiredSlot::ipui).map(|ipui| (ipui, name.clone()))
    });
    handsets.collect()
}

/// What a person has to know beside the file.
fn notes(config: &Config, args: &AdoptArgs, draft: &Draft) {
    let (site, manager) = (&args.site, &draft.site.manager);
    for what in &draft.unread {
        output::complaint(format_args!("n720d: not read, and marked in the file: {what}"));
    }
    if config.sites.contains_key(site) || config.invalid.contains_key(site.as_str()) {
        let dir = config.daemon.sites_dir.display();
        output::complaint(format_args!("n720d: {dir}/{site}.toml exists already, and was left as it is"));
    }
    for (name, other) in config.sites.iter().filter(|(name, _)| *name != site) {
        let same_address = (&other.manager.host, other.manager.port) == (&manager.host, manager.port);
        if other.manager.mac == manager.mac || same_address {
            output::complaint(format_args!(
                "n720d: site {name} describes this manager already: a manager has one site file"
            ));
        }
    }
}
