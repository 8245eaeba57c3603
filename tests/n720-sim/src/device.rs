//! The handle to a running device: how tests and the control port drive it and read it.
//!
//! Owns the tasks that play the device; the rules of play are in the modules below.

use crate::clock::{Moment, Stopwatch};
use crate::config::DeviceConfig;
use crate::error::SimError;
use crate::fault::FaultOrder;
use crate::ids::Mac;
use crate::journal::{Entry, Event};
use crate::order::{Done, Order};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::{profile, server, sip};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{Mutex as Turn, mpsc, watch};
use tokio::task::JoinSet;

/// What all tasks of one device share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    stopwatch: Stopwatch,
    changed: watch::Sender<u64>,
    /// Held while a request is answered: the device does one at a time.
    pub(crate) turn: Turn<()>,
}

impl Shared {
    /// Changes the state, brought up to the present first, and tells everybody who waits.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State, Moment) -> R) -> R {
        let result = self.locked(|state, at| {
            let result = change(state, at);
            state.tick(at);
            result
        });
        self.changed.send_modify(|count| *count += 1);
        result
    }

    /// Reads the state, brought up to the present first.
    pub(crate) fn peek<R>(&self, read: impl FnOnce(&State, Moment) -> R) -> R {
        self.locked(|state, at| read(state, at))
    }

    /// Wakes up at every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn locked<R>(&self, act: impl FnOnce(&mut State, Moment) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.stopwatch.now();
        let written = state.journal.written();
        state.tick(at);
        let moved = state.journal.written() != written;
        let result = act(&mut state, at);
        drop(state);
        if moved {
            self.changed.send_modify(|count| *count += 1);
        }
        result
    }
}

/// A running simulated DECT manager. Clones are handles to the same one; it stops with the last of them.
#[derive(Clone, Debug)]
pub struct Device {
    shared: Arc<Shared>,
    name: String,
    web: SocketAddr,
    sip: SocketAddr,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Device {
    pub(crate) async fn start(config: DeviceConfig) -> Result<Self, SimError> {
        let stopwatch = Stopwatch::start();
        let (mut web, mut name) = (config.web, config.name.clone());
        if name.is_empty() {
            name = config.mac.to_string();
        }
        let site = server::Site::bind(web)?;
        web = site.addr();
        let sip_socket = UdpSocket::bind(config.sip).await.map_err(|source| SimError::Bind {
            what: "sip",
            addr: config.sip,
            source,
        })?;
        let sip = sip_socket.local_addr().unwrap_or(config.sip);
        let (jobs, orders) = mpsc::unbounded_channel();
        let config = DeviceConfig { web, sip, name: name.clone(), ..config };
        let state = State::new(config, stopwatch.now(), jobs)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stopwatch,
            changed: watch::Sender::new(0),
            turn: Turn::new(()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(Arc::clone(&shared), site));
        tasks.spawn(sip::serve(Arc::clone(&shared), sip_socket));
        tasks.spawn(profile::serve(Arc::clone(&shared), orders));
        tasks.spawn(keep_time(Arc::clone(&shared)));
        Ok(Self { shared, name, web, sip, tasks: Arc::new(Mutex::new(tasks)) })
    }

    /// Its name in scenarios and on the control port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its MAC; another one after [`Device::replace`].
    pub fn mac(&self) -> Mac {
        self.shared.peek(|state, _| state.config.mac)
    }

    /// Where its web interface listens.
    pub fn addr(&self) -> SocketAddr {
        self.web
    }

    /// The address of its web interface, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.web)
    }

    /// Where it takes SIP over UDP.
    pub fn sip_addr(&self) -> SocketAddr {
        self.sip
    }

    /// Its state at this moment.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.peek(Snapshot::of)
    }

    /// Everything that happened, in order.
    pub fn journal(&self) -> Vec<Entry> {
        self.journal_since(0)
    }

    /// Everything that happened after entry number `seq`.
    pub fn journal_since(&self, seq: u64) -> Vec<Entry> {
        self.shared.peek(|state, _| state.journal.since(seq))
    }

    /// Waits until the state is as wanted.
    ///
    /// # Errors
    /// [`SimError::TimedOut`] with `what` if it does not come to that within `bound`.
    pub async fn wait_until(
        &self,
        what: &'static str,
        bound: Duration,
        wanted: impl Fn(&Snapshot) -> bool,
    ) -> Result<Snapshot, SimError> {
        self.wait(what, bound, || Some(self.snapshot()).filter(&wanted)).await
    }

    /// Waits for an entry of the journal, also an earlier one.
    ///
    /// # Errors
    /// [`SimError::TimedOut`] with `what` if none comes within `bound`.
    pub async fn wait_event(
        &self,
        what: &'static str,
        bound: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Entry, SimError> {
        self.wait_event_since(0, what, bound, wanted).await
    }

    /// Waits for an entry of the journal after number `seq`.
    ///
    /// # Errors
    /// [`SimError::TimedOut`] with `what` if none comes within `bound`.
    pub async fn wait_event_since(
        &self,
        seq: u64,
        what: &'static str,
        bound: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Entry, SimError> {
        self.wait(what, bound, || self.journal_since(seq).into_iter().find(|entry| wanted(&entry.event)))
            .await
    }

    /// Makes the device misbehave; the answer is the number to end it by.
    pub fn set_fault(&self, order: impl Into<FaultOrder>) -> u64 {
        self.shared.with(|state, at| state.set_fault(order.into(), at))
    }

    /// Ends one fault.
    pub fn clear_fault(&self, id: u64) {
        self.shared.with(|state, at| state.clear_fault(id, at));
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.with(State::clear_faults);
    }

    /// Carries out an order, as the control port and scenarios give them.
    ///
    /// # Errors
    /// What the device refuses, and values that make no sense: see [`Order`].
    pub fn carry_out(&self, order: &Order) -> Result<Done, SimError> {
        self.act(|state, at| order.carry_out(state, at))
    }

    /// Changes the state, as [`crate::people`] does.
    pub(crate) fn act<R>(&self, change: impl FnOnce(&mut State, Moment) -> R) -> R {
        self.shared.with(change)
    }

    /// Stops it at once, also for other handles.
    pub fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    async fn wait<T>(
        &self,
        what: &'static str,
        bound: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, SimError> {
        let mut changes = self.shared.changes();
        let found = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = look() {
                    return found;
                }
                if changes.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::time::timeout(bound, found).await.map_err(|_| SimError::TimedOut(what))
    }
}

/// Moves the state on whenever something is due by itself.
async fn keep_time(shared: Arc<Shared>) {
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        let left = shared.peek(|state, at| state.next_due(at).map(|due| due.saturating_sub(at.up)));
        let due = async {
            match left {
                // A little late rather than a little early, which would find nothing due and spin.
                Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}
