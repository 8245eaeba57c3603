//! A device that forgets: set back to how it left the factory, or replaced by another one at the same address.
//!
//! What is wiped and what survives; when it is done is up to [`crate::state`].

use crate::access::Access;
use crate::clock::Moment;
use crate::forms::Settings;
use crate::ids::Mac;
use crate::journal::{Deregistration, Event, SessionEnd};
use crate::lot::Lot;
use crate::profile::Update;
use crate::registration::SLOTS;
use crate::state::{Account, Power, Provider, State};
use chrono::{NaiveDate, NaiveDateTime};
use serde::Deserialize;

/// The web password of a device that leaves the factory.
const FACTORY_PASSWORD: &str = "admin";

/// The interface language of a device that leaves the factory: English.
const FACTORY_LANGUAGE: u8 = 1;

/// What is there again when the device is back, because somebody has seen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The configuration file URL.
    ConfigfileUrl,
    /// The web password, and the language of the interface.
    Password,
    /// The time of day. Without it the clock begins on 1 January 2000.
    Clock,
}

impl Keep {
    /// All there is.
    pub const ALL: [Self; 3] = [Self::ConfigfileUrl, Self::Password, Self::Clock];
}

/// A wipe that waits for the device to go down.
#[derive(Clone, Debug)]
pub(crate) struct Wipe {
    keep: Vec<Keep>,
}

impl State {
    /// Somebody orders a factory reset: the device reboots, and comes back with nothing but its MAC.
    pub(crate) fn factory_reset(&mut self, keep: &[Keep], at: Moment) {
        self.wipe = Some(Wipe { keep: keep.to_vec() });
        match self.power {
            Power::Up => self.reboot(at),
            Power::GoingDown { .. } => {}
            Power::Down { .. } => self.wipe_if_ordered(at),
        }
    }

    /// Does what was ordered by [`State::factory_reset`], if anything was.
    pub(crate) fn wipe_if_ordered(&mut self, at: Moment) {
        if let Some(Wipe { keep }) = self.wipe.take() {
            self.journal.write(at, Event::FactoryReset {});
            self.forget(&keep, Deregistration::FactoryReset, at);
        }
    }

    /// Somebody unplugs the device and puts another one in its place, fresh from the factory.
    pub(crate) fn replace(&mut self, mac: Mac, keep: &[Keep], at: Moment) {
        self.wipe = None;
        self.go_down(at);
        self.journal.write(at, Event::Replaced { from: self.config.mac, to: mac });
        self.config.mac = mac;
        self.lot = Lot::new(mac.seed());
        self.forget(keep, Deregistration::Replaced, at);
    }

    fn forget(&mut self, keep: &[Keep], why: Deregistration, at: Moment) {
        let kept = |what| keep.contains(&what);
        self.access.close(SessionEnd::Rebooted, at, &mut self.journal);
        if !kept(Keep::ConfigfileUrl) {
            self.settings.set("configfile_url", "");
        }
        let url = self.settings.get("configfile_url").to_owned();
        if !kept(Keep::Password) {
            self.access.password = FACTORY_PASSWORD.to_owned();
            self.language = FACTORY_LANGUAGE;
        }
        let timing = &self.config.timing;
        let password = self.access.password.clone();
        self.access = Access::new(&password, timing.idle_timeout, timing.lock_unit);
        self.config.digest = None;
        self.settings = Settings::of(&self.config);
        self.settings.set("configfile_url", &url);
        self.settings.set("web_password", &password);
        self.accounts = vec![Account::default(); SLOTS];
        self.providers = vec![Provider::default(); self.providers.len()];
        let random_pin = self.lot.random_pin();
        self.registry.wipe(why, random_pin, at, &mut self.journal);
        self.update = Update::default();
        self.editor = None;
        self.version = None;
        self.profile_name.clear();
        if !kept(Keep::Clock) {
            self.set_clock(self.clock.offset_to_show(first_day(), at), at);
        }
    }
}

/// Where a clock begins that was never set.
fn first_day() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default().into()
}
