//! The people around a device, as calls on its handle: at its web interface, with its handsets, at its plug.
//!
//! What is refused is decided in [`crate::hand`] and [`crate::registration`].

use std::time::Duration;

use crate::device::Device;
use crate::error::SimError;
use crate::hand::AccountEdit;
use crate::handset::{Handset, PinKnowledge, Roaming};
use crate::ids::{Ipui, Mac};
use crate::journal::{Author, Trigger};
use crate::reset::Keep;
use crate::state::State;

/// Handsets.
impl Device {
    /// Brings a handset into the world of the device.
    pub fn add_handset(&self, handset: Handset) {
        self.act(|state, _| state.registry.handsets.push(Roaming::new(handset)));
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
        self.act(|state, at| state.press(ipui, pin, at))
    }

    /// A person registers a handset in a slot at the web interface, whatever the slot is reserved for.
    ///
    /// # Errors
    /// [`SimError::Refused`] while registration by IPUI keeps people out or if the slot is taken,
    /// [`SimError::Invalid`] for no slot.
    pub fn register_by_hand(&self, slot: u8, handset: &Handset) -> Result<(), SimError> {
        self.act(|state, at| state.register_by_hand(slot, handset, at))
    }

    /// A person deregisters the handset of a slot at the web interface; its reservation stays.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open or nobody is registered there, [`SimError::Invalid`]
    /// for no slot.
    pub fn deregister(&self, slot: u8) -> Result<(), SimError> {
        self.act(|state, at| state.deregister_by_hand(slot, at))
    }

    /// A person deregisters the handsets of two slots and registers each in the other's; reservations stay.
    ///
    /// # Errors
    /// [`SimError::Refused`] while registration by IPUI keeps people out or if a slot is empty,
    /// [`SimError::Invalid`] for no slot.
    pub fn swap_by_hand(&self, slot: u8, other: u8) -> Result<(), SimError> {
        self.act(|state, at| state.swap_by_hand(slot, other, at))
    }

    /// Somebody else than its provisioning server reserves a slot for an IPUI, or for nobody. It acts after the
    /// settle time.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for no slot.
    pub fn reserve(&self, slot: u8, ipui: Option<Ipui>) -> Result<(), SimError> {
        self.act(|state, at| state.reserve_by_hand(slot, ipui, at))
    }

    /// A person sets the registration PIN: four digits, or `None` for one that the device makes.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for anything but four digits.
    pub fn set_pin(&self, digits: Option<&str>) -> Result<(), SimError> {
        self.act(|state, at| state.set_pin(digits, at))
    }
}

/// Accounts.
impl Device {
    /// A person adds an account at the web interface; it lands in the first free slot.
    ///
    /// # Errors
    /// [`SimError::Refused`] when all hundred are taken.
    pub fn add_account(&self, user: &str, display_name: &str) -> Result<u8, SimError> {
        self.act(|state, at| state.add_account(user, display_name, at))
    }

    /// A person adds an account and registers a handset with it, both in the first free slot.
    ///
    /// # Errors
    /// As [`Device::add_account`] and [`Device::register_by_hand`]; then neither is done.
    pub fn add_account_with(
        &self,
        user: &str,
        display_name: &str,
        handset: &Handset,
    ) -> Result<u8, SimError> {
        self.act(|state, at| state.add_account_with(user, display_name, handset, at))
    }

    /// A person deletes an account; the handset in the slot is deregistered, its reservation stays.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open, [`SimError::Invalid`] for no slot.
    pub fn delete_account(&self, slot: u8) -> Result<(), SimError> {
        self.act(|state, at| state.delete_account(slot, at))
    }

    /// A person switches an account on or off; its handset stays registered.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for no slot.
    pub fn switch_account(&self, slot: u8, active: bool) -> Result<(), SimError> {
        self.act(|state, at| state.switch_account(slot, active, at))
    }

    /// A person changes fields of an account.
    ///
    /// # Errors
    /// [`SimError::Refused`] if the slot has no active account, [`SimError::Invalid`] for no slot.
    pub fn edit_account(&self, slot: u8, edit: &AccountEdit) -> Result<(), SimError> {
        self.act(|state, at| state.edit_account(slot, edit, at))
    }
}

/// The device as a whole.
impl Device {
    /// Sets by how many seconds its clock is ahead of the truth; windows open and close by that clock.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.act(|state, at| state.set_clock(seconds, at));
    }

    /// Moves its clock on, so that windows open and close early.
    pub fn advance_clock(&self, seconds: i64) {
        self.act(|state, at| state.set_clock(state.clock.offset_s.saturating_add(seconds), at));
    }

    /// A person changes the web password; whoever is logged in stays so.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for anything but 1 to 20 letters and digits.
    pub fn set_web_password(&self, password: &str) -> Result<(), SimError> {
        self.act(|state, at| state.set_web_password(password, Author::ByHand, at))
    }

    /// Whoever is logged in has gone without logging out. The session ends after this time instead of the ten minutes that
    /// nobody wants to wait for.
    pub fn abandon_session(&self, after: Duration) {
        self.act(|state, at| state.access.abandon(after, at));
    }

    /// Makes it fetch its provisioning file, like its own timer would.
    ///
    /// # Errors
    /// [`SimError::Refused`] if it has no address to fetch from, is down, or is busy.
    pub fn fetch(&self) -> Result<(), SimError> {
        self.act(|state, at| state.fetch(Trigger::ByHand, at))
    }

    /// Makes it reboot: logins answer 5, then connections are refused, then it is back without sessions.
    pub fn reboot(&self) {
        self.act(State::reboot);
    }

    /// Makes it reboot and come back as it left the factory: without accounts, reservations, handsets, files, with
    /// a new PIN of its own and the password `admin`; only its MAC stays, and what `keep` names.
    pub fn factory_reset(&self, keep: &[Keep]) {
        self.act(|state, at| state.factory_reset(keep, at));
    }

    /// Somebody unplugs it and puts another device in its place, as it left the factory but for what `keep` names.
    /// Address, firmware and journal go on.
    pub fn replace(&self, mac: Mac, keep: &[Keep]) {
        self.act(|state, at| state.replace(mac, keep, at));
    }
}
