//! A second, dumb model of a DECT manager, which knows what is really registered. It follows n720.md section 3 and knows
//! nothing of n720d.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use n720d::domain::content::{HandsetCode, ReleaseContent};
use n720d::domain::ids::Ipui;
use n720d::domain::observed::HandsetState;
use n720d::domain::release::Version;

use crate::site;

/// A registration window as a file sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceWindow {
    /// By the device's own clock.
    pub(crate) opens: DateTime<Utc>,
    /// `None`: it never closes.
    pub(crate) closes: Option<DateTime<Utc>>,
}

/// Something the manager may fetch.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) version: Version,
    pub(crate) content: ReleaseContent,
}

/// The device. Slots are numbers, handsets letters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    /// Slots with an active account: the mobile devices page shows no others.
    pub(crate) accounts: BTreeSet<u8>,
    pub(crate) reserved: BTreeMap<u8, char>,
    pub(crate) registered: BTreeMap<u8, char>,
    pub(crate) window: Option<DeviceWindow>,
    /// Its clock less the right time.
    pub(crate) ahead: TimeDelta,
    /// A file with the VERSION that was taken last is ignored.
    taken: Option<Version>,
    /// Taken and not yet acted on.
    acting: Option<(DateTime<Utc>, ReleaseContent)>,
}

impl Device {
    pub(crate) fn with_accounts(slots: impl IntoIterator<Item = u8>) -> Self {
        Self { accounts: slots.into_iter().collect(), ..Self::default() }
    }

    /// Takes a file, and acts on it at `acts_at`. Whether it did.
    pub(crate) fn fetch(&mut self, file: &File, acts_at: DateTime<Utc>) -> bool {
        let is_new = self.taken.as_ref() != Some(&file.version);
        if is_new {
            self.taken = Some(file.version.clone());
            self.acting = Some((acts_at, file.content.clone()));
        }
        is_new
    }

    /// Lets time pass. The reservations and the window of a file that it has acted on by then.
    pub(crate) fn pass(&mut self, now: DateTime<Utc>, tz: Tz) -> Option<(Vec<char>, Option<DeviceWindow>)> {
        let (_, content) = self.acting.take_if(|(at, _)| *at <= now)?;
        let mut reserved = Vec::new();
        for (slot, wanted) in &content.slots {
            match wanted.handset {
                Some(HandsetCode::Reserve(ipui)) => {
                    self.reserve(slot.number(), letter(ipui));
                    reserved.push(letter(ipui));
                }
                Some(HandsetCode::Clear) => self.clear(slot.number()),
                None => {}
            }
        }
        let window = content.window.map(|window| {
            let opens = tz.from_local_datetime(&window.start).unwrap().to_utc();
            let length = TimeDelta::seconds(i64::from(window.seconds));
            DeviceWindow { opens, closes: (window.seconds > 0).then(|| opens + length) }
        });
        self.window = window.or(self.window);
        Some((reserved, window))
    }

    /// Handsets that conflict with a new reservation are deregistered.
    fn reserve(&mut self, slot: u8, handset: char) {
        self.reserved.retain(|_, other| *other != handset);
        self.registered.retain(|other, held| (*other == slot) == (*held == handset));
        self.reserved.insert(slot, handset);
    }

    fn is_open(&self, now: DateTime<Utc>) -> bool {
        let shown = now + self.ahead;
        self.window
            .is_some_and(|window| window.opens <= shown && window.closes.is_none_or(|closes| shown < closes))
    }

    /// The slot that a handset would take now: the one reserved for it, while the window is open.
    pub(crate) fn welcomes(&self, handset: char, now: DateTime<Utc>) -> Option<u8> {
        let slot = self.reserved.iter().find(|(_, reserved)| **reserved == handset)?.0;
        (self.is_open(now) && !self.is_registered(handset)).then_some(*slot)
    }

    pub(crate) fn is_registered(&self, handset: char) -> bool {
        self.registered.values().any(|registered| *registered == handset)
    }

    /// Deregisters the handset of a slot and removes its reservation.
    pub(crate) fn clear(&mut self, slot: u8) {
        self.registered.remove(&slot);
        self.reserved.remove(&slot);
    }

    /// Back to how it left the factory, but for its accounts, which somebody restores.
    pub(crate) fn reset(&mut self) {
        *self = Self { accounts: std::mem::take(&mut self.accounts), ahead: self.ahead, ..Self::default() };
    }

    /// The pending list: reserved and registered in no slot, in slot order.
    pub(crate) fn pending(&self) -> Vec<Ipui> {
        let waiting = self.reserved.values().filter(|handset| !self.is_registered(**handset));
        waiting.map(|handset| site::handset(*handset)).collect()
    }

    /// The DECT cell of a slot.
    pub(crate) fn cell(&self, slot: u8) -> HandsetState {
        match (self.registered.contains_key(&slot), self.reserved.get(&slot)) {
            (true, _) => HandsetState::Registered,
            (false, Some(handset)) if !self.is_registered(*handset) => HandsetState::Pending,
            (false, _) => HandsetState::None,
        }
    }
}

/// The letter of a handset: see [`site::handset`].
fn letter(ipui: Ipui) -> char {
    ('A'..='Z').find(|letter| site::handset(*letter) == ipui).unwrap()
}
