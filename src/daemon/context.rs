//! What all cycles share: store, driver, board, metrics, and the configuration in force.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio::sync::{Mutex, RwLock, Semaphore, watch};

use super::attention;
use super::clock;
use super::rollout::Rollouts;
use super::sink_health::SinkHealth;
use crate::alerting::{Alerting, Attempt, Desk};
use crate::api::{Board, DeliveryResult, Metrics};
use crate::config::Config;
use crate::device::n720::Driver;
use crate::domain::attention::Attention;
use crate::domain::conditions::fleet::BrokenFiles;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::maintenance::MaintenanceWindow;
use crate::domain::neighbours::Directory;
use crate::domain::rollout::FleetLimits;
use crate::domain::schedule::Schedule;
use crate::domain::secret::SecretBook;
use crate::domain::settings::Pace;
use crate::domain::status::{SiteStatus, WholeFleet};
use crate::secrets;
use crate::store::{Store, StoreError};

/// Configuration in force, with what is built from it. Swapped whole at a reload.
#[derive(Debug)]
pub(super) struct InForce {
    /// As read.
    pub(super) config: Config,
    /// Where every handset in it is listed.
    pub(super) directory: Directory,
    /// The sinks.
    pub(super) alerting: Arc<Alerting>,
}

/// What all cycles share.
#[derive(Debug)]
pub(super) struct Context {
    /// Talks to the managers.
    pub(super) driver: Driver,
    /// What people see.
    pub(super) board: Board,
    /// Counters.
    pub(super) metrics: Arc<Metrics>,
    /// Limits the cycles in flight over all sites.
    pub(super) limit: Arc<Semaphore>,
    /// What holds at all sites, as kept: whoever has kept alerts puts them there, and sinks are told of it.
    pub(super) desk: Arc<Desk>,
    /// How the sinks do.
    pub(super) sinks: SinkHealth,
    /// What is wrong with files.
    pub(super) broken_files: watch::Sender<BrokenFiles>,
    /// What people have said of alerts, as kept: whoever keeps a change puts it here. Whoever is to be told waits for it.
    pub(super) attention: watch::Sender<Arc<Attention>>,
    /// Held while what people say of alerts is kept and put there.
    pub(super) attention_turn: Mutex<()>,
    /// The configuration in force.
    pub(super) in_force: watch::Receiver<Arc<InForce>>,
    pub(super) store: Store,
    /// What is known of the fleet as a whole.
    pub(super) rollouts: Rollouts,
    /// Whether the store could not be used the last time.
    pub(super) store_failed: AtomicBool,
    /// Held by every operation of the store that is under way: one goes on when whoever waited for it is gone.
    pub(super) store_in_use: Arc<RwLock<()>>,
}

impl Context {
    /// The time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        clock::now()
    }

    /// How fast things go.
    pub(super) fn pace(&self) -> Pace {
        self.in_force.borrow().config.daemon.poll.pace.clone()
    }

    /// When people may be disturbed at sites whose own file does not say.
    pub(super) fn maintenance(&self) -> Option<MaintenanceWindow> {
        self.in_force.borrow().config.daemon.maintenance.clone()
    }

    /// When the nightly audit runs.
    pub(super) fn audit(&self) -> Schedule {
        self.in_force.borrow().config.daemon.poll.audit.clone()
    }

    /// The time zone of a site, if its file is in force.
    pub(super) fn zone(&self, site: &SiteName) -> Option<Tz> {
        self.in_force.borrow().config.sites.get(site).map(|desired| desired.time_zone)
    }

    /// Whether this is still what the site's file says.
    pub(super) fn is_in_force(&self, desired: &DesiredSite) -> bool {
        self.in_force.borrow().config.sites.get(&desired.name) == Some(desired)
    }

    /// The sinks in force.
    pub(super) fn alerting(&self) -> Arc<Alerting> {
        Arc::clone(&self.in_force.borrow().alerting)
    }

    /// A sink was told something, or could not be: into the metrics, and into what is known of how it does.
    pub(super) fn tried(&self, attempt: &Attempt<'_>) {
        let result = match attempt.result {
            Ok(()) => DeliveryResult::Delivered,
            Err(error) if error.is_retryable() => DeliveryResult::Postponed,
            Err(_) => DeliveryResult::GivenUp,
        };
        self.metrics.notified(attempt.sink, result, attempt.at);
        self.sinks.tried(attempt);
    }

    /// The limits that all sites share, for a release at this one.
    pub(super) fn limits(&self, site: &SiteName) -> FleetLimits {
        let in_force = Arc::clone(&self.in_force.borrow());
        self.rollouts.limits(&in_force, site)
    }

    /// Runs a store operation where it may block.
    ///
    /// # Errors
    /// What the operation says, or that it was abandoned because the process ends.
    pub(super) async fn store<T: Send + 'static>(
        &self,
        site: &SiteName,
        operation: impl FnOnce(&Store, &SiteName) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let site = site.clone();
        self.store_of_all(move |store| operation(store, &site)).await
    }

    /// The same for an operation that is of no site alone.
    ///
    /// # Errors
    /// As [`Self::store`].
    pub(super) async fn store_of_all<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let in_use = Arc::clone(&self.store_in_use).read_owned().await;
        tokio::task::spawn_blocking(move || {
            let outcome = operation(&store);
            drop(in_use);
            outcome
        })
        .await
        .unwrap_or(Err(StoreError::Abandoned))
    }

    /// Waits until every store operation that is under way has ended.
    pub(super) async fn store_at_rest(&self) {
        drop(self.store_in_use.write().await);
    }

    /// Resolves every secret of a site; a keyring or a file may block.
    pub(super) async fn secrets_of(&self, desired: &DesiredSite) -> SecretBook {
        let desired = desired.clone();
        tokio::task::spawn_blocking(move || secrets::book_for(&desired)).await.unwrap_or_default()
    }

    /// Our configuration file URL for a manager. `%SUBLIST` is the device's placeholder for its filled slots.
    pub(super) fn own_url(&self, desired: &DesiredSite, token: &str) -> Option<String> {
        let public = self.in_force.borrow().config.daemon.provisioning.public_url.clone();
        own_url(public.as_deref(), desired, token)
    }

    /// Shows a status to people, with what they have said of its alerts.
    pub(super) fn publish(&self, status: &SiteStatus) {
        let mut status = status.clone();
        // Held until it is up: what somebody says meanwhile comes after it, and is shown in it.
        let attention = self.attention.borrow();
        attention::mark(&attention, &mut status, self.now());
        self.board.publish(Arc::new(status));
    }

    /// A status as people see it, with what they have said of its alerts.
    pub(super) fn marked(&self, mut status: SiteStatus) -> SiteStatus {
        attention::mark(&self.attention.borrow(), &mut status, self.now());
        status
    }

    /// Shows to people what concerns all sites, with what they have said of its alerts.
    pub(super) fn publish_fleet(&self, mut fleet: WholeFleet) {
        let attention = self.attention.borrow();
        attention::mark_fleet(&attention, &mut fleet, self.now());
        self.board.publish_fleet(Arc::new(fleet));
    }
}

/// The configuration file URL of a manager: under `public_url`, with the site's token; `None` without a `public_url`.
pub fn own_url(public_url: Option<&str>, desired: &DesiredSite, token: &str) -> Option<String> {
    let base = public_url?.trim_end_matches('/');
    Some(format!("{base}/p/{token}/{}.xml?slots=%SUBLIST", desired.manager.mac))
}
