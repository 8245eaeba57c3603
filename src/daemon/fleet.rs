//! All site tasks: starts, changes and stops them as the configuration says, and passes requests on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chain;
use super::context::Context;
use super::site_task::{self, Place, Request, SiteTask};
use crate::config::Config;
use crate::domain::ids::SiteName;
use crate::domain::status::SiteStatus;

/// A site that is not watched has no status, neither here nor in the store; all else about it is kept.
async fn forget_status(context: Arc<Context>, site: SiteName) {
    if let Err(error) = context.store(&site, |store, site| store.forget_status(site)).await {
        tracing::warn!(%site, error = chain(&error), "the status of a site that is gone stays in the store");
    }
}

/// The running fleet.
#[derive(Debug)]
pub(super) struct Fleet {
    context: Arc<Context>,
    tracker: TaskTracker,
    stop: CancellationToken,
    tasks: Mutex<BTreeMap<SiteName, SiteTask>>,
}

impl Fleet {
    /// A fleet without sites; `stop` ends every task in it.
    pub(super) fn new(context: Arc<Context>, stop: CancellationToken) -> Self {
        Self { context, tracker: TaskTracker::new(), stop, tasks: Mutex::default() }
    }

    /// Makes the running tasks those of `config`. A site that is unchanged is left alone; one that is gone is
    /// stopped, and nothing is changed on its device.
    pub(super) fn follow(&self, config: &Config) {
        let mut tasks = self.tasks();
        let gone: Vec<SiteName> =
            tasks.keys().filter(|name| !config.sites.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(task) = tasks.remove(&name) {
                task.stop.cancel();
            }
            self.context.board.remove(&name);
            self.tracker.spawn(forget_status(Arc::clone(&self.context), name.clone()));
            tracing::info!(site = %name, "no longer watched: its site file is gone; nothing was changed on the device");
        }
        let place = Place { sites: config.sites.len() };
        for (name, desired) in &config.sites {
            match tasks.get(name) {
                Some(task) if **task.desired.borrow() == *desired => {}
                Some(task) => {
                    task.desired.send_replace(Arc::new(desired.clone()));
                }
                None => {
                    let stop = self.stop.child_token();
                    let task = site_task::spawn(&self.context, &self.tracker, desired.clone(), place, stop);
                    tasks.insert(name.clone(), task);
                }
            }
        }
    }

    /// Reads a manager now and waits for the outcome.
    ///
    /// # Errors
    /// When there is no such site, it is stopping, or its cycle was not kept.
    pub(super) async fn poll(&self, site: &SiteName, retry_login: bool) -> Result<SiteStatus, String> {
        let requests = self.requests(site).ok_or_else(|| format!("no site {site} is configured"))?;
        let (answer, outcome) = oneshot::channel();
        requests
            .send(Request::Poll { retry_login, answer })
            .await
            .map_err(|_| format!("site {site} is being stopped"))?;
        outcome.await.unwrap_or_else(|_| Err(format!("site {site} was stopped before its cycle ended")))
    }

    /// Whether this site is watched.
    pub(super) fn has(&self, site: &SiteName) -> bool {
        self.tasks().contains_key(site)
    }

    /// A site whose task should have been heard of and was not.
    pub(super) fn stuck(&self) -> Option<SiteName> {
        let now = Instant::now();
        self.tasks().iter().find(|(_, task)| task.heartbeat.is_overdue(now)).map(|(name, _)| name.clone())
    }

    /// Waits until every task has ended, after `stop` was cancelled.
    pub(super) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn requests(&self, site: &SiteName) -> Option<mpsc::Sender<Request>> {
        self.tasks().get(site).map(|task| task.requests.clone())
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, BTreeMap<SiteName, SiteTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
