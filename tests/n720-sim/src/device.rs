//! The handle to a running device: how tests and the control port drive it and read it.
//!
//! Owns the tasks that play the device; the rules of play are in the modules below.

use crate::clock::{Moment, Stopwatch};
use crate::config::DeviceConfig;
use crate::error::SimError;
use crate::fault::FaultOrder;
use crate::handset::{Handset, PinKnowledge, Roaming};
use crate::ids::{Ipui, Mac};
use crate::journal::{Deregistration, Entry, Event, Trigger};
use crate::snapshot::Snapshot;
use crate::state::{State, index};
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
    mac: Mac,
    web: SocketAddr,
    sip: SocketAddr,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Device {
    pub(crate) async fn start(config: DeviceConfig) -> Result<Self, SimError> {
        let stopwatch = Stopwatch::start();
        let (mut web, mut name, mac) = (config.web, config.name.clone(), config.mac);
        if name.is_empty() {
            name = mac.to_string();
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
        Ok(Self { shared, name, mac, web, sip, tasks: Arc::new(Mutex::new(tasks)) })
    }

    /// Its name in scenarios and on the control port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its MAC.
    pub fn mac(&self) -> Mac {
        self.mac
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

    /// Every registration that was lost: slot, handset, reason.
    pub fn deregistrations(&self) -> Vec<(u8, Ipui, Deregistration)> {
        let lost = self.journal().into_iter().filter_map(|entry| {
            if let Event::Deregistered { slot, ipui, why } = entry.event {
                Some((slot, ipui, why))
            } else {
                None
            }
        });
        lost.collect()
    }

    /// Every file that was applied, by VERSION.
    pub fn applied(&self) -> Vec<Option<u64>> {
        let applied = self.journal().into_iter().filter_map(|entry| {
            if let Event::FileApplied { version, .. } = entry.event { Some(version) } else { None }
        });
        applied.collect()
    }

    /// Brings a handset into the world of the device.
    pub fn add_handset(&self, handset: Handset) {
        self.shared.with(|state, _| state.registry.handsets.push(Roaming::new(handset)));
    }

    /// A person switches a handset on and starts its registration.
    ///
    /// # Errors
    /// [`SimError::UnknownHandset`] if the device has none with this IPUI around it.
    pub fn press(&self, ipui: Ipui) -> Result<(), SimError> {
        self.press_typing(ipui, None)
    }

    /// Like [`Device::press`], and sets what is typed when the PIN is asked for.
    ///
    /// # Errors
    /// [`SimError::UnknownHandset`] if the device has none with this IPUI around it.
    pub fn press_typing(&self, ipui: Ipui, pin: Option<PinKnowledge>) -> Result<(), SimError> {
        let known = self.shared.with(|state, at| state.registry.press(ipui, pin, at, &mut state.journal));
        if known { Ok(()) } else { Err(SimError::UnknownHandset(ipui.to_string())) }
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
        self.shared.with(|state, at| {
            for id in state.faults.ids() {
                state.clear_fault(id, at);
            }
        });
    }

    /// Sets by how many seconds its clock is ahead of the truth.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.shared.with(|state, _| state.clock.offset_s = seconds);
    }

    /// Moves its clock on, so that windows open and close early.
    pub fn advance_clock(&self, seconds: i64) {
        self.shared.with(|state, _| state.clock.offset_s = state.clock.offset_s.saturating_add(seconds));
    }

    /// A person adds an account at the web interface; it lands in the first free slot.
    ///
    /// # Errors
    /// [`SimError::Refused`] when all hundred are taken.
    pub fn add_account(&self, user: &str, display_name: &str) -> Result<u8, SimError> {
        self.shared.with(|state, at| state.add_account(user, display_name, at))
    }

    /// A person deletes an account; the handset in the slot is deregistered, its reservation stays.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open, [`SimError::Invalid`] for no slot.
    pub fn delete_account(&self, slot: u8) -> Result<(), SimError> {
        let index = index(slot)?;
        self.shared.with(|state, at| {
            if state.registry.window_open(state.reading(), at) {
                return Err(SimError::Refused("the button is hidden while registration by IPUI is on"));
            }
            state.accounts[index].active = false;
            state.journal.write(at, Event::AccountDeleted { slot });
            state.registry.deregister(index, Deregistration::AccountDeleted, at, &mut state.journal);
            Ok(())
        })
    }

    /// A person deregisters the handset of a slot at the web interface.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open or nobody is registered there, [`SimError::Invalid`]
    /// for no slot.
    pub fn deregister(&self, slot: u8) -> Result<(), SimError> {
        let index = index(slot)?;
        self.shared.with(|state, at| {
            if state.registry.window_open(state.reading(), at) {
                return Err(SimError::Refused("the button is hidden while registration by IPUI is on"));
            }
            let gone = state.registry.deregister(index, Deregistration::ByHand, at, &mut state.journal);
            if gone { Ok(()) } else { Err(SimError::Refused("no handset is registered in this slot")) }
        })
    }

    /// A person registers a handset in a slot at the web interface, without any reservation.
    ///
    /// # Errors
    /// [`SimError::Refused`] while registration by IPUI keeps people out or if the slot is taken,
    /// [`SimError::Invalid`] for no slot.
    pub fn register_by_hand(&self, slot: u8, handset: &Handset) -> Result<(), SimError> {
        let index = index(slot)?;
        self.shared.with(|state, at| {
            state.registry.by_hand_allowed(state.reading(), at).map_err(SimError::Refused)?;
            if state.registry.slots[index].registered.is_some() {
                return Err(SimError::Refused("another handset is registered in this slot"));
            }
            state.registry.place(index, handset, at, &mut state.journal);
            Ok(())
        })
    }

    /// Makes it fetch its provisioning file, like its own timer would.
    ///
    /// # Errors
    /// [`SimError::Refused`] if it has no address to fetch from, is down, or is busy.
    pub fn fetch(&self) -> Result<(), SimError> {
        let ordered = self.shared.with(|state, at| state.order_fetch(Trigger::ByHand, at));
        ordered.map_err(|_| SimError::Refused("no download is possible, see the journal"))
    }

    /// Makes it reboot: logins answer 5, then connections are refused, then it is back without sessions.
    pub fn reboot(&self) {
        self.shared.with(State::reboot);
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
