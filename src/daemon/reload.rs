//! Reload: everything or nothing. Whatever can fail is done before anything live is touched.

use std::sync::Arc;

use tokio::sync::watch;

use super::context::{Context, InForce};
use super::fleet::Fleet;
use super::{fleet_alerts, rollout, sinks};
use crate::alerting::{Alerting, SiteFacts};
use crate::config::{self, Config, DaemonConfig, Finding};
use crate::domain::conditions::fleet::BrokenFiles;
use crate::domain::neighbours::Directory;
use crate::store::StoreError;

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReloadError {
    /// Files have errors.
    #[error("the configuration in force is kept: {} errors\n{}", errors(.0), list(.0))]
    Findings(Vec<Finding>),
    /// A change that needs a restart.
    #[error("the configuration in force is kept: {0} cannot change while n720d runs; restart it")]
    NeedsRestart(&'static str),
    /// A sink cannot be built.
    #[error("the configuration in force is kept: {0}")]
    Sink(String),
    /// What it changes cannot be found out or kept.
    #[error("the configuration in force is kept: what it changes cannot be told")]
    Store(#[from] StoreError),
}

impl ReloadError {
    /// What was found, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Findings(findings) => findings.iter().map(ToString::to_string).collect(),
            Self::NeedsRestart(_) | Self::Sink(_) | Self::Store(_) => vec![super::chain(self)],
        }
    }
}

fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.is_error()).count()
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Builds what is in force from a configuration.
///
/// # Errors
/// The sinks that cannot be built, with the reasons.
pub(super) fn build(config: Config) -> Result<InForce, String> {
    let alerts = &config.daemon.alerts;
    let sinks = sinks::settings(&alerts.sinks).map_err(|missing| missing.join("; "))?;
    let (routing, gathering) = (alerts.routing.clone(), alerts.gathering.clone());
    let alerting = Alerting::new(sinks, alerts.repeat_interval, routing, gathering)
        .map_err(|error| super::chain(&error))?;
    let directory = Directory::of(config.sites.values());
    Ok(InForce { alerting: Arc::new(alerting), directory, config })
}

/// Reads all files again and, if all are good, puts them in force.
///
/// # Errors
/// When anything is wrong with any file, or the store fails; then nothing has changed.
pub(super) async fn reload(
    in_force: &watch::Sender<Arc<InForce>>,
    fleet: &Fleet,
    context: &Context,
) -> Result<usize, ReloadError> {
    let outcome = attempt(in_force, context).await;
    context.metrics.reloaded(outcome.is_ok(), super::clock::now());
    let outcome = match outcome {
        Ok(next) => {
            let sites = next.config.sites.len();
            in_force.send_replace(Arc::clone(&next));
            context.desk.follow(next.config.sites.values().map(SiteFacts::from));
            fleet.follow(&next.config);
            tracing::info!(sites, "reloaded");
            context.broken_files.send_replace(BrokenFiles::default());
            Ok(sites)
        }
        Err(error) => {
            tracing::warn!(error = super::chain(&error), "not reloaded");
            let refused = fleet_alerts::refused(&error);
            context.broken_files.send_modify(|broken| broken.refused = refused);
            Err(error)
        }
    };
    if let Err(error) = rollout::look_again(context).await {
        tracing::warn!(error = super::chain(&error), "what the files came to is told later");
    }
    outcome
}

async fn attempt(
    in_force: &watch::Sender<Arc<InForce>>,
    context: &Context,
) -> Result<Arc<InForce>, ReloadError> {
    let file = in_force.borrow().config.daemon.file.clone();
    let next = tokio::task::spawn_blocking(move || {
        let config = config::load(&file).map_err(ReloadError::Findings)?;
        if !config.invalid.is_empty() {
            return Err(ReloadError::Findings(config.invalid.into_values().flatten().collect()));
        }
        build(config).map_err(ReloadError::Sink)
    })
    .await
    .unwrap_or(Err(ReloadError::Sink("the reload was abandoned".to_owned())))?;
    if let Some(what) = fixed_at_start(&in_force.borrow().config.daemon, &next.config.daemon) {
        return Err(ReloadError::NeedsRestart(what));
    }
    rollout::take_in_force(context, &next).await?;
    Ok(Arc::new(next))
}

/// Sockets are bound and the store is open: these stay as they were at the start.
fn fixed_at_start(old: &DaemonConfig, new: &DaemonConfig) -> Option<&'static str> {
    let changed = [
        (old.state_dir != new.state_dir, "state_dir"),
        (old.provisioning.listen != new.provisioning.listen, "provisioning.listen"),
        (old.api.listen != new.api.listen, "api.listen"),
        (old.poll.concurrency != new.poll.concurrency, "poll.concurrency"),
        (old.poll.timeout != new.poll.timeout, "poll.timeout"),
    ];
    changed.into_iter().find_map(|(differs, what)| differs.then_some(what))
}
