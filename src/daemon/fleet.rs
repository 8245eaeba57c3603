//! All site tasks: starts, changes and stops them as the configuration says, and passes requests on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chain;
use super::context::{Context, InForce};
use super::cycle::Report;
use super::retry;
use super::site_task::{self, Place, Request, SiteTask};
use crate::config::Config;
use crate::domain::ids::SiteName;
use crate::domain::status::SiteStatus;
use crate::store::Store;

/// A site that is not watched has no status, neither here nor in the store, and its alerts end; all else about it is kept. A
/// cycle that is broken off may still publish, and what it was keeping is kept: both come before this, unless the site is
/// back.
async fn take_leave(context: Arc<Context>, site: SiteName, running: Option<JoinHandle<()>>) {
    if let Some(running) = running {
        // However it ended.
        drop(running.await);
    }
    context.store_at_rest().await;
    let is_back = |in_force: &InForce| in_force.config.has_file(&site);
    if is_back(&context.in_force.borrow()) {
        return;
    }
    context.board.remove(&site);
    let (in_force, now) = (context.in_force.clone(), context.now());
    let leave = move |store: &Store, site: &SiteName| {
        let is_back = in_force.borrow().config.has_file(site);
        if is_back { Ok(None) } else { store.leave(site, now).map(Some) }
    };
    match context.store(&site, leave).await {
        Ok(Some(alerts)) if !is_back(&context.in_force.borrow()) => context.desk.put(&site, &alerts),
        // It is back: its own next cycle says what holds there.
        Ok(Some(_) | None) => {}
        Err(error) => tracing::warn!(
            %site,
            error = chain(&error),
            "the status of a site that is gone stays in the store, and its alerts end at the next reload or start"
        ),
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
    /// stopped, and nothing is changed on its device. So is one that went while nobody watched it.
    pub(super) fn follow(&self, config: &Config) {
        let mut tasks = self.tasks();
        for name in self.gone(&tasks, config) {
            self.context.board.remove(&name);
            let running = tasks.remove(&name).map(|task| {
                task.stop.cancel();
                task.running
            });
            self.tracker.spawn(take_leave(Arc::clone(&self.context), name.clone(), running));
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
        self.read(site, retry_login).await.map(|report| self.context.marked(report.status))
    }

    /// The same, with all that the cycle came to.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub(super) async fn read(&self, site: &SiteName, retry_login: bool) -> Result<Report, String> {
        let requests = self.requests(site).ok_or_else(|| format!("no site {site} is configured"))?;
        let (answer, outcome) = oneshot::channel();
        requests
            .send(Request::Poll { retry_login, answer })
            .await
            .map_err(|_| format!("site {site} is being stopped"))?;
        outcome.await.unwrap_or_else(|_| Err(format!("site {site} was stopped before its cycle ended")))
    }

    /// Has a manager read soon; whoever asks does not wait. A site that has more requests than it can take is about to
    /// be read anyway.
    pub(super) fn wake(&self, site: &SiteName) {
        let (answer, _) = oneshot::channel();
        if let Some(requests) = self.requests(site) {
            drop(requests.try_send(Request::Poll { retry_login: false, answer }));
        }
    }

    /// The sites that are watched.
    pub(super) fn names(&self) -> Vec<SiteName> {
        self.tasks().keys().cloned().collect()
    }

    /// What all sites share.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Has what was pushed in vain at a site released again, on the word of `by`.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub(super) async fn retry_push(&self, site: &SiteName, by: String) -> Result<(), String> {
        retry::retry_push(&self.context, site, by).await.map_err(|error| chain(&error))
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

    /// The sites without a file that are watched or shown still, or have alerts that hold.
    fn gone(&self, tasks: &BTreeMap<SiteName, SiteTask>, config: &Config) -> BTreeSet<SiteName> {
        let shown = self.context.board.snapshot();
        let mut known: BTreeSet<SiteName> = shown.sites().map(|status| status.site.clone()).collect();
        known.extend(tasks.keys().cloned());
        // Where nothing is watched or shown, this is right after a start.
        if !known.is_empty() || config.has_any_file() {
            let holding = self.context.desk.all().into_iter().filter(|(_, site)| site.holds());
            known.extend(holding.map(|(name, _)| name));
        }
        known.retain(|name| !name.is_of_fleet() && !config.has_file(name));
        known
    }

    fn requests(&self, site: &SiteName) -> Option<mpsc::Sender<Request>> {
        self.tasks().get(site).map(|task| task.requests.clone())
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, BTreeMap<SiteName, SiteTask>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use tokio::sync::{Semaphore, watch};

    use super::super::rollout::Rollouts;
    use super::super::sink_health::SinkHealth;
    use super::super::{clock, reload};
    use super::*;
    use crate::api::{Board, Metrics};
    use crate::config;
    use crate::device::n720::Driver;

    const SITE: &str = "[site]\ntime_zone = \"Europe/Berlin\"\n[manager]\nurl = \"http://127.0.0.1:9\"\n\
                        mac = \"7C2F80CA21E4\"\npassword = \"env:N720D_TEST_NOT_SET\"\n";

    /// What the files in `dir` say.
    fn in_force(dir: &Path) -> Arc<InForce> {
        Arc::new(reload::build(config::load(&dir.join("n720d.toml")).unwrap()).unwrap())
    }

    fn context(dir: &Path, in_force: watch::Receiver<Arc<InForce>>) -> Arc<Context> {
        let board = Board::default();
        let store = Store::open(&dir.join("state"), clock::now()).unwrap().0;
        Arc::new(Context {
            rollouts: Rollouts::stored(&store).unwrap(),
            driver: Driver::new(Duration::from_secs(5)).unwrap(),
            metrics: Arc::new(Metrics::new(board.clone(), "1")),
            board,
            limit: Arc::new(Semaphore::new(1)),
            desk: Arc::default(),
            sinks: SinkHealth::default(),
            broken_files: watch::Sender::default(),
            attention: watch::Sender::default(),
            attention_turn: tokio::sync::Mutex::default(),
            in_force,
            store,
            store_failed: AtomicBool::new(false),
            store_in_use: Arc::default(),
        })
    }

    #[tokio::test]
    async fn what_a_removed_site_was_keeping_does_not_bring_its_status_back() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sites")).unwrap();
        std::fs::write(dir.path().join("n720d.toml"), "state_dir = \"state\"\n").unwrap();
        let file = dir.path().join("sites/acme.toml");
        std::fs::write(&file, SITE).unwrap();
        let acme: SiteName = "acme".parse().unwrap();
        let (sender, receiver) = watch::channel(in_force(dir.path()));
        let context = context(dir.path(), receiver);
        let stop = CancellationToken::new();
        let fleet = Fleet::new(Arc::clone(&context), stop.clone());
        fleet.follow(&sender.borrow().config);
        let status = fleet.poll(&acme, false).await.unwrap();
        assert_eq!(context.store.statuses(None).unwrap().len(), 1);

        // Something is being kept when the file goes, and whoever waited for it is gone.
        let (begin, begun) = oneshot::channel();
        let (go_on, held) = std::sync::mpsc::channel();
        let (of_keeper, kept) = (Arc::clone(&context), status.clone());
        let keeper = tokio::spawn(async move {
            let keep = move |store: &Store, site: &SiteName| {
                begin.send(()).unwrap();
                held.recv().unwrap();
                store.keep_status(site, &kept)
            };
            of_keeper.store(&"acme".parse().unwrap(), keep).await
        });
        begun.await.unwrap();
        keeper.abort();
        std::fs::remove_file(&file).unwrap();
        sender.send_replace(in_force(dir.path()));
        fleet.follow(&sender.borrow().config);
        assert_eq!(context.board.get(&acme), None);
        // As a cycle does that is broken off behind its last wait.
        context.publish(&status);

        stop.cancel();
        let early = tokio::time::timeout(Duration::from_millis(300), fleet.ended()).await;
        assert!(early.is_err(), "it is not forgotten before what is under way has ended");
        go_on.send(()).unwrap();
        fleet.ended().await;
        assert_eq!(context.store.statuses(None).unwrap(), []);
        assert_eq!(context.board.get(&acme), None);
    }
}
