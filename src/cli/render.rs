//! `n720d render`: the provisioning file that the site file asks for, complete, as it would be released if nothing
//! had to be withheld.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::RenderArgs;
use super::{CliError, Exit, configuration, known, output, site};
use crate::daemon;
use crate::device::n720::provisioning::{Secrets, render};
use crate::domain::compose::{Omit, compose};
use crate::domain::content::{ReleaseContent, WindowContent};
use crate::domain::desired::DesiredSite;
use crate::domain::device_clock::DeviceClock;
use crate::domain::fingerprint::{self, SiteKey};
use crate::domain::memory::SiteMemory;
use crate::domain::release::Version;
use crate::domain::secret::{MASK, Secret, SecretBook};
use crate::domain::version;
use crate::domain::window::{self, Entry};
use crate::secrets;

/// Runs the command.
pub(super) fn run(file: &Path, args: &RenderArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let desired = site(&config, &args.site)?;
    let (memory, key) = known::of(&config.daemon.state_dir, &desired.name)?;
    let secrets = if args.reveal_secrets { Secrets::Reveal } else { Secrets::Mask };
    let book = book(desired, secrets)?;
    let window = window_content(desired, &memory);
    let content = compose(desired, &book, &Omit::default(), window);
    let version = version_of(&content, &memory, &key);
    let text = render(&content, &version, secrets).map_err(|errors| {
        errors.iter().for_each(output::complaint);
        CliError::other(Refused { site: desired.name.to_string(), count: errors.len() })
    })?;
    output::bytes(&text)?;
    Ok(Exit::Fine)
}

#[derive(Debug, thiserror::Error)]
#[error("the provisioning file of {site} cannot be written: correct the {count} errors above")]
struct Refused {
    site: String,
    count: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the secrets of {site} cannot be revealed: {why}")]
struct NotRevealed {
    site: String,
    why: String,
}

/// The site's secrets. For eyes a missing one is shown masked like the others, and said; a file for a device must not
/// go without it.
fn book(desired: &DesiredSite, wanted: Secrets) -> Result<SecretBook, CliError> {
    let mut book = secrets::book_for(desired);
    for reference in desired.references() {
        if let Err(why) = book.get(reference) {
            match wanted {
                Secrets::Reveal => {
                    return Err(CliError::other(NotRevealed { site: desired.name.to_string(), why }));
                }
                Secrets::Mask => {
                    output::complaint(format_args!("warning: {why}"));
                    book.enter(reference, Ok(Secret::new(MASK)));
                }
            }
        }
    }
    Ok(book)
}

/// The window that is released; before that, the one that the policy asks for.
fn window_content(desired: &DesiredSite, memory: &SiteMemory) -> Option<WindowContent> {
    let policy = desired.registration.as_ref()?;
    let zone = desired.time_zone;
    let clock = DeviceClock::last_read(zone, memory.clock);
    let released = memory.windows.last().filter(|last| last.policy == window::policy_text(policy)).cloned();
    let entry = Entry { number: 1, reopened: 0, reason: String::new(), missing: BTreeSet::new() };
    let window = released.or_else(|| window::by_policy(policy, clock, daemon::now(), entry))?;
    Some(window::content_of(&window, desired.manager.window_clock))
}

/// The VERSION under which this content is released, or would be.
fn version_of(content: &ReleaseContent, memory: &SiteMemory, key: &SiteKey) -> Version {
    let id = fingerprint::content_id(content, key);
    match &memory.release {
        Some(release) if release.content == id => release.version.clone(),
        Some(_) | None => version::choose(&id, memory.used_versions()),
    }
}
