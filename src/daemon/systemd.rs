//! What systemd is told: ready, reloading, stopping, a line of status, and that the daemon is alive.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::domain::status::{Health, SiteStatus};

/// Everything is bound and open.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(error) => tracing::debug!(%error, "systemd was not told of the reload"),
    }
}

/// The daemon is on its way out.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("logging out of every device")]);
}

/// The daemon is alive.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// One line for `systemctl status`.
pub(super) fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// How often the watchdog wants to hear, half of what it allows; `None` when there is no watchdog.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// The line for `systemctl status`.
pub(super) fn summary<'a>(sites: impl Iterator<Item = &'a SiteStatus>) -> String {
    let mut counts = std::collections::BTreeMap::<Health, usize>::new();
    for site in sites {
        *counts.entry(site.health).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let each: Vec<String> =
        counts.iter().map(|(health, count)| format!("{count} {}", health.as_str())).collect();
    match total {
        0 => "watching no site: put site files into sites_dir and reload".to_owned(),
        1 => format!("watching 1 site: {}", each.join(", ")),
        _ => format!("watching {total} sites: {}", each.join(", ")),
    }
}

/// Outside systemd there is nobody to tell, and that is fine.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}
