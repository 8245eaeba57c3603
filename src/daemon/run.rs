//! The daemon: start everything, say so, supervise, and leave in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::assemble::{Assembly, StartError, assemble, bind, logged};
use super::control::DaemonControl;
use super::fleet::Fleet;
use super::{attention, chain, rest, rollout, sheets, systemd};
use crate::api::{self, ApiState, CONTROL_SOCKET, ControlSocket};
use crate::config::Config;

/// How long a stop may take before it is cut short; systemd is promised 20 s.
const STOP_WITHIN: Duration = Duration::from_secs(18);

/// How often the status line for systemd is renewed, and the watchdog fed where it does not ask for less.
const SUPERVISE_EVERY: Duration = Duration::from_secs(5);

/// Runs the daemon until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start. What happens afterwards is reported, and survived.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut signals = Signals::new()?;
    let daemon = config.daemon.clone();
    for (name, findings) in &config.invalid {
        for finding in findings {
            tracing::error!(file = %name, "not watched: {finding}");
        }
    }
    let assembly = assemble(config).await?;
    let context = Arc::clone(&assembly.context);
    let in_force = Arc::clone(&assembly.in_force.borrow());
    let config = in_force.config.clone();
    let stored = |source| StartError::store(&daemon.state_dir, source);
    rest::publish(&context, &config).await.map_err(stored)?;
    rollout::take_in_force(&context, &in_force).await.map_err(stored)?;
    let tasks_stop = CancellationToken::new();
    let fleet = Arc::new(Fleet::new(Arc::clone(&context), tasks_stop.clone()));
    let control =
        Arc::new(DaemonControl::new(Arc::clone(&fleet), Arc::clone(&context), assembly.in_force.clone()));
    let state = api_state(&assembly, &fleet);
    let listener = bind("api.listen", daemon.api.listen).await?;
    assembly.servers.spawn(logged("the API", api::serve(listener, state.clone(), assembly.stop.clone())));
    match ControlSocket::bind(&daemon.state_dir.join(CONTROL_SOCKET)) {
        Ok(socket) => {
            let serving = socket.serve(state, Arc::clone(&control), assembly.stop.clone());
            assembly.servers.spawn(logged("the control socket", serving));
        }
        Err(error) => tracing::warn!(
            error = chain(&error),
            "no control socket: poll, apply and reload by command do not work"
        ),
    }
    assembly.servers.spawn(attention::keep_shown(Arc::clone(&context), assembly.stop.clone()));
    fleet.follow(&config);
    context.metrics.reloaded(true, context.now());
    systemd::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), sites = config.sites.len(), "n720d is running");
    supervise(&context, &fleet, &control, &mut signals).await;
    leave(assembly, &fleet, &tasks_stop).await;
    Ok(())
}

fn api_state(assembly: &Assembly, fleet: &Arc<Fleet>) -> ApiState {
    let context = Arc::clone(&assembly.context);
    let (board, metrics) = (context.board.clone(), Arc::clone(&context.metrics));
    let (store, of_windows) = (context.store.clone(), Arc::clone(&context));
    let [of_alerts, of_sent, of_silences, kept] = [(); 4].map(|()| Arc::clone(&context));
    let (alive, ready_board, in_force) = (Arc::clone(fleet), board.clone(), context.in_force.clone());
    ApiState {
        board,
        metrics,
        history: Arc::new(move |site, limit| {
            let store = store.clone();
            Box::pin(async move {
                let read = tokio::task::spawn_blocking(move || store.history(site.as_ref(), limit)).await;
                read.map_err(|error| error.to_string())?.map_err(|error| chain(&error))
            })
        }),
        windows: Arc::new(move |site, limit| {
            let context = Arc::clone(&of_windows);
            Box::pin(
                async move { sheets::windows(&context, &site, limit).await.map_err(|error| chain(&error)) },
            )
        }),
        handoff: Arc::new(move |site| {
            let context = Arc::clone(&context);
            Box::pin(async move { sheets::handoff(&context, &site).await.map_err(|error| chain(&error)) })
        }),
        alerts: Arc::new(move |ended| {
            let context = Arc::clone(&of_alerts);
            Box::pin(async move { attention::alerts(&context, ended).await.map_err(|error| chain(&error)) })
        }),
        sent: Arc::new(move |limit| {
            let context = Arc::clone(&of_sent);
            Box::pin(async move { attention::sent(&context, limit).await.map_err(|error| chain(&error)) })
        }),
        silences: Arc::new(move || attention::silences(&of_silences)),
        alive: Arc::new(move || alive.stuck().is_none()),
        keeps: Arc::new(move || !kept.store_failed.load(Ordering::Relaxed)),
        ready: Arc::new(move || {
            in_force.borrow().config.sites.keys().all(|site| ready_board.get(site).is_some())
        }),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, StartError> {
        let of = |kind| {
            signal(kind)
                .map_err(|error| StartError::SetUp { what: "the signal handlers", why: error.to_string() })
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }
}

/// Feeds the watchdog while no site task is overdue, and follows the signals; returns when it is time to leave.
async fn supervise(
    context: &super::context::Context,
    fleet: &Fleet,
    control: &DaemonControl,
    signals: &mut Signals,
) {
    let every = systemd::watchdog_interval().unwrap_or(SUPERVISE_EVERY).min(SUPERVISE_EVERY);
    let mut tick = tokio::time::interval(every);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hang_up.recv() => {
                systemd::reloading();
                // The outcome is logged and counted where it is decided.
                drop(control.reload_files().await);
                systemd::ready();
            }
            _ = tick.tick() => {
                match fleet.stuck() {
                    None => systemd::alive(),
                    Some(site) => tracing::error!(%site, "this site's task does not move; systemd is not told that n720d lives"),
                }
                systemd::status(&systemd::summary(context.board.snapshot().sites()));
                if let Err(error) = rollout::look_again(context).await {
                    tracing::warn!(error = chain(&error), "what is to be told of the fleet cannot be found out");
                }
            }
        }
    }
}

/// Stops the sites, which log out of their devices, and the delivery, which ends what is under way; then the servers. Bounded.
async fn leave(assembly: Assembly, fleet: &Fleet, tasks_stop: &CancellationToken) {
    tracing::info!("stopping: logging out of every device");
    systemd::stopping();
    tasks_stop.cancel();
    assembly.stop_telling.cancel();
    let all = async {
        fleet.ended().await;
        assembly.context.driver.drained().await;
        assembly.stop.cancel();
        assembly.servers.close();
        assembly.servers.wait().await;
    };
    if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
        tracing::warn!(
            within_s = STOP_WITHIN.as_secs(),
            "not every device could be logged out of in time; a session left open ends after ten minutes"
        );
        assembly.stop.cancel();
    }
    tracing::info!("stopped");
}
