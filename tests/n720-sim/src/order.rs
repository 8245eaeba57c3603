//! Orders: everything that can be done to a device by name, at once over the control port or at a chosen moment of a
//! scenario.
//!
//! Only the names and their keys; README.md lists them for people.

use crate::clock::Moment;
use crate::error::SimError;
use crate::fault::FaultOrder;
use crate::hand::AccountEdit;
use crate::handset::{Arrival, Handset, PinKnowledge, Roaming};
use crate::ids::{Ipui, Mac};
use crate::journal::{Author, Event, Trigger};
use crate::reset::Keep;
use crate::state::State;
use serde::Deserialize;
use std::time::Duration;

/// What can be done to a device, with its keys. As text it is one object: the key `do` has the name in kebab case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are what their names say; the variants explain")]
pub enum Order {
    /// Somebody switches a handset on and, if `pin` is there, types it: digits, or `right`.
    Arrive { ipui: Ipui, pin: Option<String> },
    /// A handset comes into the world of the device.
    Handset {
        ipui: Ipui,
        #[serde(default)]
        used: bool,
    },
    /// A fault is set.
    Fault(FaultOrder),
    /// One fault is ended, or all.
    Clear { id: Option<u64> },
    /// The clock is set to be so far ahead of the truth.
    Clock { offset_s: i64 },
    /// The clock jumps.
    ClockJump { by_s: i64 },
    /// An account is added by hand.
    Account {
        user: String,
        #[serde(default)]
        display_name: String,
    },
    /// An account is added by hand and a handset registered with it.
    AccountWithHandset {
        user: String,
        #[serde(default)]
        display_name: String,
        ipui: Ipui,
    },
    /// An account is deleted by hand.
    DeleteAccount { slot: u8 },
    /// An account is switched on or off by hand.
    SwitchAccount { slot: u8, active: bool },
    /// Fields of an account are changed by hand.
    EditAccount { slot: u8, user: Option<String>, display_name: Option<String>, account_name: Option<String> },
    /// A handset is registered by hand.
    Register { slot: u8, ipui: Ipui },
    /// A handset is deregistered by hand.
    Deregister { slot: u8 },
    /// Two handsets change their slots by hand.
    Swap { slot: u8, other: u8 },
    /// Another server reserves a slot; without an IPUI for nobody.
    Reserve { slot: u8, ipui: Option<Ipui> },
    /// The registration PIN is set by hand: four digits, or `random`.
    Pin { pin: String },
    /// The web password is changed by hand.
    WebPassword { password: String },
    /// The device fetches its file.
    Fetch {},
    /// The device reboots.
    Reboot {},
    /// The device forgets everything but its MAC and what is to be kept.
    FactoryReset {
        #[serde(default)]
        keep: Vec<Keep>,
    },
    /// Another device takes its place.
    Replace {
        mac: Mac,
        #[serde(default)]
        keep: Vec<Keep>,
    },
}

/// What an order led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// What its name says.
    Yes,
    /// Something is in this slot.
    Slot(u8),
    /// A fault with this number.
    Fault(u64),
}

impl Order {
    /// The names of all orders.
    pub const NAMES: [&str; 21] = [
        "arrive",
        "handset",
        "fault",
        "clear",
        "clock",
        "clock-jump",
        "account",
        "account-with-handset",
        "delete-account",
        "switch-account",
        "edit-account",
        "register",
        "deregister",
        "swap",
        "reserve",
        "pin",
        "web-password",
        "fetch",
        "reboot",
        "factory-reset",
        "replace",
    ];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrive { .. } => "arrive",
            Self::Handset { .. } => "handset",
            Self::Fault(_) => "fault",
            Self::Clear { .. } => "clear",
            Self::Clock { .. } => "clock",
            Self::ClockJump { .. } => "clock-jump",
            Self::Account { .. } => "account",
            Self::AccountWithHandset { .. } => "account-with-handset",
            Self::DeleteAccount { .. } => "delete-account",
            Self::SwitchAccount { .. } => "switch-account",
            Self::EditAccount { .. } => "edit-account",
            Self::Register { .. } => "register",
            Self::Deregister { .. } => "deregister",
            Self::Swap { .. } => "swap",
            Self::Reserve { .. } => "reserve",
            Self::Pin { .. } => "pin",
            Self::WebPassword { .. } => "web-password",
            Self::Fetch {} => "fetch",
            Self::Reboot {} => "reboot",
            Self::FactoryReset { .. } => "factory-reset",
            Self::Replace { .. } => "replace",
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the device refuses, and values that make no sense.
    pub(crate) fn carry_out(&self, state: &mut State, at: Moment) -> Result<Done, SimError> {
        match self {
            Self::Arrive { ipui, pin } => {
                state.press(*ipui, pin.as_deref().map(PinKnowledge::named), at)?;
            }
            Self::Handset { ipui, used } => {
                let mut handset = Handset::new(*ipui);
                handset.factory_new = !used;
                state.registry.handsets.push(Roaming::new(handset));
            }
            Self::Fault(order) => return Ok(Done::Fault(state.set_fault(order.clone(), at))),
            Self::Clear { id: Some(id) } => state.clear_fault(*id, at),
            Self::Clear { id: None } => state.clear_faults(at),
            Self::Clock { offset_s } => state.set_clock(*offset_s, at),
            Self::ClockJump { by_s } => state.set_clock(state.clock.offset_s.saturating_add(*by_s), at),
            Self::Account { user, display_name } => {
                return state.add_account(user, display_name, at).map(Done::Slot);
            }
            Self::AccountWithHandset { user, display_name, ipui } => {
                let handset = Handset::new(*ipui);
                return state.add_account_with(user, display_name, &handset, at).map(Done::Slot);
            }
            Self::DeleteAccount { slot } => state.delete_account(*slot, at)?,
            Self::SwitchAccount { slot, active } => state.switch_account(*slot, *active, at)?,
            Self::EditAccount { slot, user, display_name, account_name } => {
                let [user, display_name, account_name] = [user, display_name, account_name].map(Clone::clone);
                state.edit_account(*slot, &AccountEdit { user, display_name, account_name }, at)?;
            }
            Self::Register { slot, ipui } => state.register_by_hand(*slot, &Handset::new(*ipui), at)?,
            Self::Deregister { slot } => state.deregister_by_hand(*slot, at)?,
            Self::Swap { slot, other } => state.swap_by_hand(*slot, *other, at)?,
            Self::Reserve { slot, ipui } => state.reserve_by_hand(*slot, *ipui, at)?,
            Self::Pin { pin } => state.set_pin(Some(pin.as_str()).filter(|pin| *pin != "random"), at)?,
            Self::WebPassword { password } => state.set_web_password(password, Author::ByHand, at)?,
            Self::Fetch {} => state.fetch(Trigger::ByHand, at)?,
            Self::Reboot {} => state.reboot(at),
            Self::FactoryReset { keep } => state.factory_reset(keep, at),
            Self::Replace { mac, keep } => state.replace(*mac, keep, at),
        }
        Ok(Done::Yes)
    }
}

/// Orders that wait for their moment.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Vec<(Arrival, Order)>);

impl Timeline {
    pub(crate) fn new(orders: Vec<(Arrival, Order)>) -> Self {
        Self(orders)
    }
}

impl State {
    /// Carries out the orders whose moment has come; who refuses one is in the journal.
    pub(crate) fn follow_timeline(&mut self, at: Moment) {
        let is_due = |state: &Self, when| state.registry.due(when).is_some_and(|due| due <= at.up);
        let (due, waiting) = std::mem::take(&mut self.timeline.0)
            .into_iter()
            .partition::<Vec<_>, _>(|(when, _)| is_due(self, *when));
        self.timeline.0 = waiting;
        for (_, order) in due {
            if let Err(refused) = order.carry_out(self, at) {
                let (order, why) = (order.name(), refused.to_string());
                self.journal.write(at, Event::OrderRefused { order, why });
            }
        }
    }

    /// When the next order is due, as far as that is known.
    pub(crate) fn next_order(&self) -> Option<Duration> {
        self.timeline.0.iter().filter_map(|(when, _)| self.registry.due(*when)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    fn read(text: &str) -> Result<Order, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// One order of each name, in the order of [`Order::NAMES`].
    const EACH: [&str; 21] = [
        r#"{"do":"arrive","ipui":"02 B6 EC 8A A5","pin":"right"}"#,
        r#"{"do":"handset","ipui":"02 B6 EC 8A A5","used":true}"#,
        r#"{"do":"fault","kind":"refuse","for_ms":5}"#,
        r#"{"do":"clear"}"#,
        r#"{"do":"clock","offset_s":-3600}"#,
        r#"{"do":"clock-jump","by_s":86400}"#,
        r#"{"do":"account","user":"1013"}"#,
        r#"{"do":"account-with-handset","user":"1013","ipui":"02 B6 EC 8A A5"}"#,
        r#"{"do":"delete-account","slot":1}"#,
        r#"{"do":"switch-account","slot":1,"active":false}"#,
        r#"{"do":"edit-account","slot":1,"display_name":"Desk"}"#,
        r#"{"do":"register","slot":1,"ipui":"02 B6 EC 8A A5"}"#,
        r#"{"do":"deregister","slot":1}"#,
        r#"{"do":"swap","slot":1,"other":2}"#,
        r#"{"do":"reserve","slot":3}"#,
        r#"{"do":"pin","pin":"random"}"#,
        r#"{"do":"web-password","password":"Neu2026"}"#,
        r#"{"do":"fetch"}"#,
        r#"{"do":"reboot"}"#,
        r#"{"do":"factory-reset","keep":["password","configfile_url","clock"]}"#,
        r#"{"do":"replace","mac":"7C2F80D00001"}"#,
    ];

    #[test]
    fn every_order_is_read_by_its_name() {
        for (text, name) in EACH.into_iter().zip(Order::NAMES) {
            assert_eq!(read(text).map(|order| order.name()), Ok(name), "{text}");
        }
        let names = Order::NAMES.map(|name| format!("`{name}`")).join(", ");
        let error = read(r#"{"do":"dance"}"#).unwrap_err();
        assert!(error.contains(&format!("expected one of {names}")), "{error}");
    }

    #[test]
    fn keys_that_are_missing_or_unknown_are_refused() {
        for wrong in [
            r#"{"slot":1}"#,
            r#"{"do":"fetch","slot":1}"#,
            r#"{"do":"reserve"}"#,
            r#"{"do":"swap","slot":1,"with":2}"#,
            r#"{"do":"fault","kind":"refuse","after":1}"#,
            r#"{"do":"factory-reset","keep":["handsets"]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let limited = Order::Fault(Fault::Refuse.lasting(Duration::from_millis(5)));
        assert_eq!(read(EACH[2]), Ok(limited));
        assert_eq!(
            read(EACH[19]),
            Ok(Order::FactoryReset { keep: vec![Keep::Password, Keep::ConfigfileUrl, Keep::Clock] })
        );
    }
}
