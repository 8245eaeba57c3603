//! What a running daemon, or one command on one site, is made of: the store opened, the provisioning server bound,
//! the delivery of notifications started. Nothing is read from a device here.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::break_off::BrokenOff;
use super::context::{Context, InForce};
use super::rollout::Rollouts;
use super::shelf::StoreShelf;
use super::sink_health::SinkHealth;
use super::{chain, clock, delivery, fleet_alerts, ledger, reload};
use crate::alerting::{Desk, Known, SiteFacts};
use crate::api::{Board, Metrics, Refusal};
use crate::config::Config;
use crate::device::n720::Driver;
use crate::provisioning::{self, Limits, ServerSettings};
use crate::store::{Opened, Store, StoreError};

/// Why n720d did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened or read, or another instance has it.
    #[error("cannot use the state directory {dir}")]
    Store {
        /// The state directory.
        dir: String,
        /// The cause.
        #[source]
        source: Box<StoreError>,
    },
    /// A socket cannot be bound.
    #[error(
        "cannot listen on {what} = {address}: is another n720d running, or is the address not this machine's?"
    )]
    Bind {
        /// The key in `n720d.toml`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client, a signal handler or a sink cannot be made.
    #[error("cannot set up {what}: {why}")]
    SetUp {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The approval that was asked for cannot be given.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody broke the command off.
    #[error(transparent)]
    BrokenOff(#[from] BrokenOff),
}

impl StartError {
    /// The store in `dir` gave this error.
    pub(super) fn store(dir: &Path, source: StoreError) -> Self {
        Self::Store { dir: dir.display().to_string(), source: Box::new(source) }
    }
}

/// Everything that works in the background.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Shared by all cycles.
    pub(super) context: Arc<Context>,
    /// Puts a new configuration in force.
    pub(super) in_force: watch::Sender<Arc<InForce>>,
    /// Ends the servers and the delivery.
    pub(super) stop: CancellationToken,
    /// Ends the delivery alone, which may take a while.
    pub(super) stop_telling: CancellationToken,
    /// The servers and the delivery.
    pub(super) servers: TaskTracker,
}

/// Opens, binds and starts everything but the sites.
///
/// # Errors
/// When anything cannot be opened, bound or built.
pub(super) async fn assemble(config: Config) -> Result<Assembly, StartError> {
    let daemon = config.daemon.clone();
    let store = open_store(&daemon.state_dir)?;
    let broken_files = fleet_alerts::not_watched(&config);
    let in_force = reload::build(config).map_err(|why| StartError::SetUp { what: "the alert sinks", why })?;
    let (in_force, receiver) = watch::channel(Arc::new(in_force));
    let driver = Driver::new(daemon.poll.timeout)
        .map_err(|error| StartError::SetUp { what: "the HTTP client", why: chain(&error) })?;
    let board = Board::default();
    let stored = |source| StartError::store(&daemon.state_dir, source);
    let rollouts = Rollouts::stored(&store).map_err(stored)?;
    let (desk, known) = what_was_told(&store, &receiver.borrow()).map_err(stored)?;
    let context = Arc::new(Context {
        rollouts,
        driver,
        metrics: Arc::new(Metrics::new(board.clone(), env!("CARGO_PKG_VERSION"))),
        board,
        limit: Arc::new(Semaphore::new(daemon.poll.concurrency)),
        desk: Arc::new(desk),
        sinks: SinkHealth::default(),
        broken_files: watch::Sender::new(broken_files),
        attention: watch::Sender::new(Arc::new(store.attention().map_err(stored)?)),
        attention_turn: Mutex::default(),
        in_force: receiver,
        store,
        store_failed: AtomicBool::new(false),
        store_in_use: Arc::default(),
    });
    let (stop, servers) = (CancellationToken::new(), TaskTracker::new());
    let stop_telling = stop.child_token();
    let listener = bind("provisioning.listen", daemon.provisioning.listen).await?;
    servers.spawn(serve_files(listener, Arc::clone(&context), stop.clone()));
    servers.spawn(delivery::deliver(Arc::clone(&context), known, stop_telling.clone()));
    Ok(Assembly { context, in_force, stop, stop_telling, servers })
}

/// Binds a listening socket that a key of `n720d.toml` names.
pub(super) async fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener =
        TcpListener::bind(address).await.map_err(|source| StartError::Bind { what, address, source })?;
    tracing::info!(what, address = %listener.local_addr().unwrap_or(address), "listening");
    Ok(listener)
}

/// Says so when a server ends with an error before it was told to.
pub(super) async fn logged<E: std::error::Error>(
    what: &'static str,
    serving: impl Future<Output = Result<(), E>>,
) {
    if let Err(error) = serving.await {
        tracing::error!(what, error = chain(&error), "a server ended");
    }
}

fn open_store(dir: &Path) -> Result<Store, StartError> {
    let (store, opened) = Store::open(dir, clock::now()).map_err(|source| StartError::store(dir, source))?;
    match opened {
        Opened::Fresh => tracing::info!(dir = %dir.display(), "a new state directory"),
        Opened::Existing => {}
        Opened::Rebuilt(moved_to) => tracing::error!(
            moved_to = %moved_to.display(),
            "the database was damaged and has been moved aside; verdicts, windows and what sinks were told begin anew, \
             the managers are read and released to as if for the first time"
        ),
    }
    Ok(store)
}

/// The alerts of all sites as they were left, and what the sinks know of them. What sinks know that are gone is forgotten, and
/// so are ends that nobody waits for; of sites whose files went meanwhile leave is taken.
fn what_was_told(store: &Store, in_force: &InForce) -> Result<(Desk, Known), StoreError> {
    store.forget_sinks(&in_force.alerting.names())?;
    store.forget_told_ends()?;
    if let Err(error) = leave_those_gone(store, &in_force.config) {
        tracing::warn!(
            error = chain(&error),
            "what is kept of sites whose files are gone stays in the store"
        );
    }
    let desk = Desk::default();
    desk.follow(in_force.config.sites.values().map(SiteFacts::from));
    for (site, alerts) in store.all_alerts()? {
        desk.put(&site, &alerts);
    }
    Ok((desk, ledger::stored(store)?))
}

/// Takes leave of the sites whose files went while n720d did not run.
fn leave_those_gone(store: &Store, config: &Config) -> Result<(), StoreError> {
    if !config.has_any_file() {
        return Ok(());
    }
    let statuses = store.statuses(None)?.into_iter();
    for site in statuses.map(|status| status.site).filter(|site| !config.has_file(site)) {
        tracing::info!(%site, "no longer watched: its site file is gone");
        store.leave(&site, clock::now())?;
    }
    Ok(())
}

async fn serve_files(listener: TcpListener, context: Arc<Context>, stop: CancellationToken) {
    let mut in_force = context.in_force.clone();
    let settings = |in_force: &InForce| ServerSettings {
        allow: in_force.config.daemon.provisioning.allow.clone(),
        limits: Limits::default(),
    };
    let (changes, current) = watch::channel(settings(&in_force.borrow_and_update()));
    let follow = async {
        while in_force.changed().await.is_ok() {
            changes.send_replace(settings(&in_force.borrow_and_update()));
        }
        std::future::pending::<()>().await;
    };
    let shelf = Arc::new(StoreShelf::new(Arc::clone(&context)));
    tokio::select! {
        () = logged("the provisioning server", provisioning::serve(listener, current, shelf, stop)) => {}
        () = follow => {}
    }
}
