//! What alerts about the fleet as a whole follow from, gathered: its rollout, its pause, the sinks, the files. What follows
//! is `domain`'s; what is kept of it, [`super::rollout`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::context::Context;
use super::reload::ReloadError;
use crate::alerting::Alerting;
use crate::config::{Config, Finding};
use crate::domain::alert::Alert;
use crate::domain::clearance::Pause;
use crate::domain::conditions::fleet::{self, BrokenFiles, SinkSight};
use crate::domain::conditions::{self, Conditions};
use crate::domain::rollout::{self, Rollout};

/// What is seen at one moment besides what the store knows.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    sinks: BTreeMap<String, SinkSight>,
    files: BrokenFiles,
    pause_forgotten: Duration,
}

impl Seen {
    /// With these sinks.
    pub(super) fn now(context: &Context, alerting: &Alerting) -> Self {
        let long = context.in_force.borrow().config.daemon.alerts.sink_failing;
        Self {
            sinks: context.sinks.sights(&alerting.names(), long),
            files: context.broken_files.borrow().clone(),
            pause_forgotten: context.pace().pause_forgotten,
        }
    }

    /// Whether no alert can follow from it.
    pub(super) fn is_quiet(&self) -> bool {
        let fails = |sight: &SinkSight| match sight {
            SinkSight::Fails { .. } => true,
            SinkSight::Untried | SinkSight::Works => false,
        };
        !self.sinks.values().any(fails) && self.files.is_empty()
    }

    /// The conditions that hold. `before` are the alerts until then.
    pub(super) fn conditions(
        &self,
        rollout: Option<&Rollout>,
        pause: Option<&Pause>,
        before: &[Alert],
        now: DateTime<Utc>,
    ) -> Conditions {
        let mut found = rollout::conditions(rollout);
        found
            .holding
            .extend(pause.and_then(|pause| conditions::pause::of_fleet(pause, self.pause_forgotten, now)));
        found.holding.extend(fleet::of_sinks(&self.sinks, before));
        found.holding.extend(fleet::of_files(&self.files));
        found
    }
}

/// The site files that are not watched since the start, because they have errors.
pub(super) fn not_watched(config: &Config) -> BrokenFiles {
    let files = config.invalid.iter().map(|(name, findings)| (name.clone(), lines(findings)));
    BrokenFiles { not_watched: files.collect(), refused: BTreeMap::new() }
}

/// The files because of which a reload was refused; what no file can be blamed for is that of the daemon, `n720d`.
pub(super) fn refused(error: &ReloadError) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    match error {
        ReloadError::Findings(findings) => {
            for finding in findings.iter().filter(|finding| finding.is_error()) {
                let name = finding.file.file_stem().unwrap_or(finding.file.as_os_str());
                files.entry(name.to_string_lossy().into_owned()).or_default().push(finding.to_string());
            }
        }
        ReloadError::NeedsRestart(_) | ReloadError::Sink(_) | ReloadError::Store(_) => {
            files.insert("n720d".to_owned(), error.lines());
        }
    }
    files
}

fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect()
}
