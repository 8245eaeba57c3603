//! Simulated handsets: what they are, when they come and what their people know.
//!
//! Whether one is let in is decided in [`crate::registration`].

use crate::ids::Ipui;
use serde::Serialize;
use std::time::Duration;

/// A handset that exists in the world of one device, registered or not.
#[derive(Clone, Debug)]
pub struct Handset {
    /// Its identity.
    pub ipui: Ipui,
    /// The device name it reports, like `S650H PRO`.
    pub model: String,
    /// The software it reports, like `102`.
    pub software: String,
    /// Fresh from the factory: asks for no PIN when the PIN is 0000, and tries by itself once switched on.
    pub factory_new: bool,
    /// What the person holding it types when asked for the PIN.
    pub pin: PinKnowledge,
    /// When somebody switches it on and starts its registration.
    pub arrival: Arrival,
}

impl Handset {
    /// Fresh from the factory; arrives when told to.
    pub fn new(ipui: Ipui) -> Self {
        Self {
            ipui,
            model: "S650H PRO".to_owned(),
            software: "102".to_owned(),
            factory_new: true,
            pin: PinKnowledge::Nothing,
            arrival: Arrival::OnDemand,
        }
    }

    /// Was registered somewhere before, so the PIN has to be typed.
    #[must_use]
    pub fn used(mut self, pin: PinKnowledge) -> Self {
        self.factory_new = false;
        self.pin = pin;
        self
    }

    /// Sets when it arrives.
    #[must_use]
    pub fn arriving(mut self, arrival: Arrival) -> Self {
        self.arrival = arrival;
        self
    }

    /// Sets the device name and software it reports.
    #[must_use]
    pub fn model(mut self, model: &str, software: &str) -> Self {
        self.model = model.to_owned();
        self.software = software.to_owned();
        self
    }
}

/// What is typed when a handset asks for the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinKnowledge {
    /// Nobody is there to type anything.
    Nothing,
    /// The PIN of the device, whatever it is.
    Right,
    /// These digits.
    Types(String),
}

impl PinKnowledge {
    /// As scenarios and the control port write it: digits, or `right`.
    pub(crate) fn named(text: &str) -> Self {
        if text == "right" { Self::Right } else { Self::Types(text.to_owned()) }
    }
}

/// When a handset is switched on and tries to register, or an order is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Only when the test or the control port says so.
    OnDemand,
    /// This long after the device was started.
    AfterStart(Duration),
    /// This long after the nth registration window opened; the first is 1.
    AfterWindowOpens {
        /// Which opening counts.
        nth: u32,
        /// How long after it.
        delay: Duration,
    },
}

/// Why a handset that tries is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No slot is reserved for its IPUI.
    NotReserved,
    /// The registration window is closed.
    WindowClosed,
    /// A PIN is asked for and nobody types one.
    PinNotTyped,
    /// The PIN typed is not the device's.
    PinWrong,
    /// The slot it is reserved for holds another handset.
    SlotTaken,
}

/// A handset and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Roaming {
    pub(crate) handset: Handset,
    /// Somebody switched it on at least once.
    pub(crate) arrived: bool,
    /// Switched on and searching for a base.
    pub(crate) trying: bool,
    /// The last reason it was turned away, so that each is told once.
    pub(crate) refused: Option<Refusal>,
}

impl Roaming {
    pub(crate) fn new(handset: Handset) -> Self {
        Self { handset, arrived: false, trying: false, refused: None }
    }
}

/// How the device settles who must type what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinRule {
    /// The device makes a PIN of its own (its default).
    pub random: bool,
    /// The PIN it made, four digits.
    pub random_pin: String,
    /// The PIN a file or a person defined, four digits.
    pub defined_pin: String,
}

impl PinRule {
    /// As the device leaves the factory.
    pub(crate) fn of_the_factory(random_pin: String) -> Self {
        Self { random: true, random_pin, defined_pin: "0000".to_owned() }
    }

    /// Lets a handset pass or says why not. PIN 0000 is asked of nobody fresh from the factory.
    pub(crate) fn check(&self, handset: &Handset) -> Result<(), Refusal> {
        if !self.random && self.defined_pin == "0000" && handset.factory_new {
            return Ok(());
        }
        let wanted = if self.random { &self.random_pin } else { &self.defined_pin };
        match &handset.pin {
            PinKnowledge::Nothing => Err(Refusal::PinNotTyped),
            PinKnowledge::Right => Ok(()),
            PinKnowledge::Types(digits) if digits == wanted => Ok(()),
            PinKnowledge::Types(_) => Err(Refusal::PinWrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(random: bool, defined: &str) -> PinRule {
        PinRule { random, random_pin: "4711".to_owned(), defined_pin: defined.to_owned() }
    }

    fn handset() -> Handset {
        Handset::new(Ipui::new([2, 0xB6, 0xEC, 0x8A, 0xA5]))
    }

    #[test]
    fn pin_0000_is_asked_only_of_used_handsets() {
        let rule = rule(false, "0000");
        assert_eq!(rule.check(&handset()), Ok(()));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Nothing)), Err(Refusal::PinNotTyped));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Types("0000".into()))), Ok(()));
    }

    #[test]
    fn another_pin_is_asked_of_everybody() {
        let rule = rule(false, "0001");
        assert_eq!(rule.check(&handset()), Err(Refusal::PinNotTyped));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Types("0000".into()))), Err(Refusal::PinWrong));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Right)), Ok(()));
    }

    #[test]
    fn with_the_random_pin_on_the_defined_one_is_worth_nothing() {
        let rule = rule(true, "0000");
        assert_eq!(rule.check(&handset()), Err(Refusal::PinNotTyped));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Types("0000".into()))), Err(Refusal::PinWrong));
        assert_eq!(rule.check(&handset().used(PinKnowledge::Types("4711".into()))), Ok(()));
    }
}
