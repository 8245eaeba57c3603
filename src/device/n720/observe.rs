//! Reading a manager within one session: which pages, in which order, into one observation. Never fails: what cannot be
//! read is unreadable, with a reason that names the page.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::failure::PageFailure;
use super::pages::editor;
use super::pages::forms::Form;
use super::pages::mobile_devices::{self, MobileDevices};
use super::pages::status::{self, Status};
use super::session::Session;
use super::target::{Ask, Editors};
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::observed::{HandsetState, Observation, ObservedSlot, Reading};

const STATUS: &str = "/status_device.html";
const MOBILE_DEVICES: &str = "/mobile_devices.html";
const EDITOR: &str = "/mobile_devices_editor.html";
pub(super) const FIRMWARE_UPDATE: &str = "/firmware_update.html";
pub(super) const CONFIG_URL: &str = "configfile_url";

impl Session {
    /// Reads the status page and the mobile devices page, then what else is asked for. `at` is when the session began.
    pub async fn observe(&mut self, ask: &Ask, at: DateTime<Utc>) -> Observation {
        let status = self.status().await;
        let devices = self.mobile_devices().await;
        let mut seen = Observation {
            at,
            mac: status.mac,
            firmware: status.firmware,
            device_clock: status.clock,
            pending: status.pending,
            slots: devices.slots,
            registration_pin: devices.registration_pin,
            editors: BTreeMap::new(),
            config_url: None,
            base_stations: status.base_stations,
            notes: status.notes,
        };
        note_unreadable(&mut seen);
        let wanted = match &ask.editors {
            Editors::None => BTreeSet::new(),
            Editors::Slots(slots) => slots.clone(),
            Editors::AllRegistered => registered(&seen.slots),
        };
        self.read_editors(&wanted, &mut seen).await;
        if ask.config_url {
            self.read_config_url(&mut seen).await;
        }
        seen
    }

    /// Reads the editor pages of these slots. Leaves each without saving. Once the device stops answering, or the session
    /// is lost, the rest is unreadable without being asked for.
    pub async fn read_editors(&mut self, slots: &BTreeSet<SlotNumber>, into: &mut Observation) {
        let mut ended: Option<PageFailure> = None;
        for slot in slots {
            let reading = match &ended {
                Some(failure) => Err(failure.to_string()),
                None => match self.editor(*slot).await {
                    Ok(text) => {
                        let slot = *slot;
                        on_a_thread(text, move |text| editor::read(text, slot)).await
                    }
                    Err(failure @ (PageFailure::Transport(_) | PageFailure::SessionLost)) => {
                        let reason = failure.to_string();
                        ended = Some(failure);
                        Err(reason)
                    }
                    Err(failure) => Err(failure.to_string()),
                },
            };
            let reading: Reading<Option<Ipui>> = as_reading(EDITOR, reading);
            if let Some(reason) = reading.why_not() {
                into.notes.push(format!("slot {slot}: {reason}"));
            }
            into.editors.insert(*slot, reading);
        }
    }

    /// Reads where the manager fetches its file from.
    pub async fn read_config_url(&mut self, into: &mut Observation) {
        let read = match self.page(FIRMWARE_UPDATE).await {
            Ok(text) => {
                on_a_thread(text, |text| {
                    let form = Form::read(text).map_err(|error| error.to_string())?;
                    form.get(CONFIG_URL)
                        .map(str::to_owned)
                        .ok_or_else(|| format!("it has no field {CONFIG_URL}"))
                })
                .await
            }
            Err(failure) => Err(failure.to_string()),
        };
        let reading = as_reading(FIRMWARE_UPDATE, read);
        into.notes.extend(reading.why_not().map(str::to_owned));
        into.config_url = Some(reading);
    }

    async fn status(&mut self) -> Status {
        let read = match self.page(STATUS).await {
            Ok(text) => on_a_thread(text, |text| Ok(status::read(text))).await,
            Err(failure) => Err(failure.to_string()),
        };
        let status = read.unwrap_or_else(|reason| Status::unreadable(&reason));
        Status {
            mac: named(STATUS, status.mac),
            firmware: named(STATUS, status.firmware),
            clock: named(STATUS, status.clock),
            pending: named(STATUS, status.pending),
            ..status
        }
    }

    async fn mobile_devices(&mut self) -> MobileDevices {
        let read = match self.page(MOBILE_DEVICES).await {
            Ok(text) => on_a_thread(text, |text| Ok(mobile_devices::read(text))).await,
            Err(failure) => Err(failure.to_string()),
        };
        let devices = read.unwrap_or_else(|reason| MobileDevices::unreadable(&reason));
        MobileDevices {
            slots: named(MOBILE_DEVICES, devices.slots),
            registration_pin: named(MOBILE_DEVICES, devices.registration_pin),
        }
    }

    /// Opens a slot's editor page and leaves it as a person does who changed nothing.
    async fn editor(&mut self, slot: SlotNumber) -> Result<String, PageFailure> {
        let fields = [("action", "1".to_owned()), ("used_account", slot.index().to_string())]
            .map(|(name, value)| (name.to_owned(), value));
        let page = self.submit(MOBILE_DEVICES, &fields, EDITOR).await?;
        if let Err(failure) = self.page(MOBILE_DEVICES).await {
            tracing::debug!(site = %self.target.site, %slot, %failure, "leaving the editor page");
        }
        Ok(page)
    }
}

/// The slots whose handset is registered, as far as they are known.
fn registered(slots: &Reading<BTreeMap<SlotNumber, ObservedSlot>>) -> BTreeSet<SlotNumber> {
    let known = slots.known().into_iter().flatten();
    known.filter(|(_, seen)| seen.handset == HandsetState::Registered).map(|(slot, _)| *slot).collect()
}

/// Runs a reader where it cannot hold up others; a reader that panics is a bug of ours, and one page unreadable.
pub(super) async fn on_a_thread<T, F>(text: String, read: F) -> Result<T, String>
where
    T: Send + 'static,
    F: FnOnce(&str) -> Result<T, String> + Send + 'static,
{
    tokio::task::spawn_blocking(move || read(&text))
        .await
        .unwrap_or_else(|_| Err("its reader failed, which is a bug of n720d".to_owned()))
}

fn as_reading<T>(page: &str, read: Result<T, String>) -> Reading<T> {
    named(page, read.map_or_else(Reading::Unreadable, Reading::Known))
}

/// A reading whose reason names the page.
fn named<T>(page: &str, reading: Reading<T>) -> Reading<T> {
    match reading {
        Reading::Known(value) => Reading::Known(value),
        Reading::Unreadable(reason) => Reading::Unreadable(format!("{page}: {reason}")),
    }
}

/// Notes each reason once.
fn note_unreadable(seen: &mut Observation) {
    let reasons = [
        seen.mac.why_not(),
        seen.firmware.why_not(),
        seen.device_clock.why_not(),
        seen.pending.why_not(),
        seen.slots.why_not(),
    ];
    let mut notes: Vec<String> = Vec::new();
    for reason in reasons.into_iter().flatten() {
        if !notes.iter().any(|note| note == reason) {
            notes.push(reason.to_owned());
        }
    }
    seen.notes.extend(notes);
}
