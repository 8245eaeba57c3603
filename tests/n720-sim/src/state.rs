//! The whole state of one device, and the one way to move it on in time.
//!
//! No sockets: servers and downloads bring requests and answers here, under one lock.

use crate::access::Access;
use crate::clock::{DeviceClock, Moment};
use crate::config::DeviceConfig;
use crate::error::SimError;
use crate::fault::{Fault, FaultOrder, Faults};
use crate::forms::Settings;
use crate::handset::{PinKnowledge, Roaming};
use crate::ids::Ipui;
use crate::journal::{Event, Journal, Registration, SessionEnd, Trigger};
use crate::lot::Lot;
use crate::order::Timeline;
use crate::profile::{self, Job, Update};
use crate::registration::{Registry, SLOTS};
use crate::reset::Wipe;
use crate::window::Reading;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// One SIP account; those that are not active keep their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) active: bool,
    pub(crate) login_id: String,
    pub(crate) password: String,
    pub(crate) user_id: String,
    pub(crate) display_name: String,
    pub(crate) name: String,
    /// Provider index 0-9; none: no SIP connection is configured.
    pub(crate) provider: Option<usize>,
    pub(crate) mailbox: String,
    pub(crate) mailbox_on: bool,
}

/// One SIP provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) server: String,
    pub(crate) server_port: u32,
    pub(crate) registrar: String,
    pub(crate) registrar_port: u32,
    pub(crate) proxy_mode: u32,
    pub(crate) proxy: String,
    pub(crate) proxy_port: u32,
}

/// Whether the device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Up,
    /// Still answers, but logins say 5.
    GoingDown {
        at: Duration,
    },
    /// Connections are refused.
    Down {
        until: Duration,
    },
}

/// Everything a device knows and everything that happened to it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: DeviceConfig,
    pub(crate) clock: DeviceClock,
    pub(crate) language: u8,
    pub(crate) access: Access,
    pub(crate) registry: Registry,
    pub(crate) accounts: Vec<Account>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) settings: Settings,
    pub(crate) update: Update,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) lot: Lot,
    pub(crate) power: Power,
    /// The slot index the editor page was opened for.
    pub(crate) editor: Option<usize>,
    /// The VERSION of the last file applied.
    pub(crate) version: Option<u64>,
    pub(crate) profile_name: String,
    /// A factory reset that was ordered and is done when the device goes down.
    pub(crate) wipe: Option<Wipe>,
    /// How often it went down: what began before is lost.
    pub(crate) downs: u32,
    pub(crate) timeline: Timeline,
    next_periodic: Option<Duration>,
    jobs: UnboundedSender<Job>,
}

impl State {
    /// A device as its configuration describes it, at the moment of its start.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for a slot outside of 1 to 100.
    pub(crate) fn new(
        config: DeviceConfig,
        at: Moment,
        jobs: UnboundedSender<Job>,
    ) -> Result<Self, SimError> {
        let mut lot = Lot::new(config.mac.seed());
        let random_pin = lot.random_pin();
        let timing = &config.timing;
        let mut state = Self {
            clock: DeviceClock { offset_s: config.clock_offset_s, zone: config.zone },
            language: config.language,
            access: Access::new(&config.password, timing.idle_timeout, timing.lock_unit),
            registry: Registry::new(timing.settle, random_pin),
            accounts: vec![Account::default(); SLOTS],
            providers: vec![Provider::default(); 10],
            settings: Settings::of(&config),
            update: Update::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            lot,
            power: Power::Up,
            editor: None,
            version: None,
            profile_name: String::new(),
            wipe: None,
            downs: 0,
            timeline: Timeline::new(config.orders.clone()),
            next_periodic: timing.periodic,
            jobs,
            config,
        };
        state.furnish(at)?;
        Ok(state)
    }

    fn furnish(&mut self, at: Moment) -> Result<(), SimError> {
        for (slot, user, display_name) in self.config.accounts.clone() {
            self.accounts[index(slot)?] = Account::by_hand(&user, &display_name);
        }
        self.registry.handsets = self.config.handsets.iter().cloned().map(Roaming::new).collect();
        for (slot, mut handset) in self.config.registered.clone() {
            let index = index(slot)?;
            handset.factory_new = false;
            let roaming = Roaming { arrived: true, ..Roaming::new(handset.clone()) };
            self.registry.handsets.push(roaming);
            self.registry.slots[index].reserved = Some(handset.ipui);
            self.registry.place(index, &handset, Registration::FromStart, at, &mut self.journal);
        }
        for order in self.config.faults.clone() {
            self.set_fault(order, at);
        }
        Ok(())
    }

    /// Brings everything up to the moment.
    pub(crate) fn tick(&mut self, at: Moment) {
        self.follow_timeline(at);
        for id in self.faults.expire(at) {
            self.journal.write(at, Event::FaultOver { id });
        }
        self.access.set_person(self.faults.has(&Fault::PersonLoggedIn), at, &mut self.journal);
        self.access.expire(at, &mut self.journal);
        self.follow_power(at);
        self.registry.tick(self.reading(), at, &mut self.journal);
        self.fetch_if_due(at);
    }

    /// The next time [`State::tick`] has something to do by itself.
    pub(crate) fn next_due(&self, at: Moment) -> Option<Duration> {
        let power = match self.power {
            Power::Up => None,
            Power::GoingDown { at } => Some(at),
            Power::Down { until } => Some(until),
        };
        [
            power,
            self.faults.next_end(),
            self.access.next_end(),
            self.registry.next_due(self.reading(), at),
            self.next_order(),
            self.next_periodic,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// How windows are read here.
    pub(crate) fn reading(&self) -> Reading {
        Reading { clock: self.clock, in_utc: self.config.window_in_utc }
    }

    /// Whether connections are refused at the moment.
    pub(crate) fn refusing(&self) -> bool {
        matches!(self.power, Power::Down { .. }) || self.faults.has(&Fault::Refuse)
    }

    pub(crate) fn set_fault(&mut self, order: FaultOrder, at: Moment) -> u64 {
        let fault = order.fault.name().to_owned();
        let id = self.faults.set(order, at);
        self.journal.write(at, Event::FaultSet { id, fault });
        id
    }

    pub(crate) fn clear_fault(&mut self, id: u64, at: Moment) {
        if self.faults.clear(id) {
            self.journal.write(at, Event::FaultOver { id });
        }
    }

    pub(crate) fn clear_faults(&mut self, at: Moment) {
        for id in self.faults.ids() {
            self.clear_fault(id, at);
        }
    }

    /// A person in front of the web interface is thrown out.
    pub(crate) fn evict_person(&mut self, at: Moment) {
        for id in self.faults.ids_of(&Fault::PersonLoggedIn) {
            self.clear_fault(id, at);
        }
        self.access.set_person(false, at, &mut self.journal);
    }

    pub(crate) fn reboot(&mut self, at: Moment) {
        if self.power == Power::Up {
            self.power = Power::GoingDown { at: at.up + self.config.timing.reboot_announce };
            self.journal.write(at, Event::RebootAnnounced {});
        }
    }

    /// Begins a download, or notes why not; the answer is the state the web button would show.
    pub(crate) fn order_fetch(&mut self, trigger: Trigger, at: Moment) -> Result<(), u16> {
        match self.refuse_fetch(trigger) {
            Some(state) => {
                self.journal.write(at, Event::TriggerRefused { trigger, state });
                Err(state)
            }
            None if self.faults.has(&Fault::IgnoreTriggers) => Ok(()),
            None => {
                self.update.fetching = true;
                self.journal.write(at, Event::FetchStarted { trigger });
                // A send fails only while the device is being stopped.
                let job = profile::job(self, trigger);
                let _stopped = self.jobs.send(job);
                Ok(())
            }
        }
    }

    /// Somebody makes it fetch.
    ///
    /// # Errors
    /// [`SimError::Refused`] if it has no address to fetch from, is down, or is busy.
    pub(crate) fn fetch(&mut self, trigger: Trigger, at: Moment) -> Result<(), SimError> {
        let ordered = self.order_fetch(trigger, at);
        ordered.map_err(|_| SimError::Refused("no download is possible, see the journal"))
    }

    /// Somebody switches a handset on and, if asked for the PIN, types what `pin` says.
    ///
    /// # Errors
    /// [`SimError::UnknownHandset`] if none with this IPUI is around.
    pub(crate) fn press(
        &mut self,
        ipui: Ipui,
        pin: Option<PinKnowledge>,
        at: Moment,
    ) -> Result<(), SimError> {
        let known = self.registry.press(ipui, pin, at, &mut self.journal);
        if known { Ok(()) } else { Err(SimError::UnknownHandset(ipui.to_string())) }
    }

    fn refuse_fetch(&self, trigger: Trigger) -> Option<u16> {
        if self.power != Power::Up || self.settings.get("configfile_url").is_empty() {
            Some(profile::state::NOT_POSSIBLE)
        } else if self.update.fetching || self.faults.has(&Fault::UpdateRunning) {
            Some(profile::state::BUSY)
        } else if trigger == Trigger::Web && self.accounts.iter().all(|account| !account.active) {
            Some(profile::state::NO_LINE)
        } else {
            None
        }
    }

    fn follow_power(&mut self, at: Moment) {
        match self.power {
            Power::GoingDown { at: due } if due <= at.up => {
                self.go_down(at);
                self.wipe_if_ordered(at);
            }
            Power::Down { until } if until <= at.up => {
                self.power = Power::Up;
                self.journal.write(at, Event::CameBack {});
            }
            Power::Up | Power::GoingDown { .. } | Power::Down { .. } => {}
        }
    }

    /// From now on connections are refused; a download that is under way is lost.
    pub(crate) fn go_down(&mut self, at: Moment) {
        self.power = Power::Down { until: at.up + self.config.timing.reboot_down };
        self.downs += 1;
        self.journal.write(at, Event::WentDown {});
        self.access.close(SessionEnd::Rebooted, at, &mut self.journal);
        self.update = Update::default();
    }

    fn fetch_if_due(&mut self, at: Moment) {
        let Some(interval) = self.config.timing.periodic else { return };
        if self.next_periodic.is_some_and(|due| due <= at.up) {
            self.next_periodic = Some(at.up + interval);
            if self.settings.get("profile_update_auto") == "1" {
                // The reason for a refusal is in the journal.
                let _refused = self.order_fetch(Trigger::Periodic, at);
            }
        }
    }
}

impl Account {
    pub(crate) fn by_hand(user: &str, display_name: &str) -> Self {
        Self {
            active: true,
            login_id: user.to_owned(),
            user_id: user.to_owned(),
            name: user.to_owned(),
            display_name: display_name.to_owned(),
            provider: Some(0),
            ..Self::default()
        }
    }
}

/// The index of a slot from 1 to 100.
///
/// # Errors
/// [`SimError::Invalid`] for any other number.
pub(crate) fn index(slot: u8) -> Result<usize, SimError> {
    match usize::from(slot) {
        number @ 1..=SLOTS => Ok(number - 1),
        _ => Err(SimError::Invalid { expected: "a slot from 1 to 100", found: slot.to_string() }),
    }
}
