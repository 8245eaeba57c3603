//! What a simulated device is like before it starts, and the builder that collects it.
//!
//! No behaviour: only values and their defaults, which are the real device's wherever they are known.

use crate::device::Device;
use crate::error::SimError;
use crate::fault::FaultOrder;
use crate::handset::{Arrival, Handset};
use crate::ids::Mac;
use crate::order::Order;
use chrono_tz::Tz;
use std::net::SocketAddr;
use std::time::Duration;

/// All durations of a device, so that a test can scale them.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Until a changed reservation acts (real: up to 180 s).
    pub settle: Duration,
    /// Idle time after which a session ends (real: 602 s).
    pub idle_timeout: Duration,
    /// The unit of the login lock: locked for 2^(n-2) of it after n wrong passwords (real: 1 s).
    pub lock_unit: Duration,
    /// How long the web trigger says "wait" at least before the download is over.
    pub trigger: Duration,
    /// Between two downloads of its own accord, if the daily check is on (real: about 24 h).
    pub periodic: Option<Duration>,
    /// Between the order to reboot and going down; logins answer 5.
    pub reboot_announce: Duration,
    /// How long it is down; connections are refused.
    pub reboot_down: Duration,
    /// How long the device waits for a request, and for its provisioning server (real: 15 s).
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(180),
            idle_timeout: Duration::from_secs(602),
            lock_unit: Duration::from_secs(1),
            trigger: Duration::from_secs(3),
            periodic: None,
            reboot_announce: Duration::from_secs(2),
            reboot_down: Duration::from_secs(60),
            patience: Duration::from_secs(15),
        }
    }
}

impl Timing {
    /// For tests: settles in 200 ms, triggers in 20 ms, reboots in 300 ms; sessions and locks as real.
    pub fn brisk() -> Self {
        Self {
            settle: Duration::from_millis(200),
            trigger: Duration::from_millis(20),
            reboot_announce: Duration::from_millis(100),
            reboot_down: Duration::from_millis(200),
            ..Self::default()
        }
    }
}

/// How the end of a body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked` (HTTP/1.1 only; with 1.0 the connection's end tells).
    Chunked,
    /// Nothing: the connection's end tells.
    UntilClose,
}

/// Manners of the device on the wire, as server and as client.
#[derive(Clone, Debug)]
pub struct Wire {
    /// How the web server shows the end of a body.
    pub framing: Framing,
    /// The web server speaks HTTP/1.0.
    pub http10: bool,
    /// Downloads are made with HTTP/1.0.
    pub fetch_http10: bool,
    /// How downloads name the device.
    pub user_agent: UserAgent,
}

/// The forms of `User-Agent` that are seen from real devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAgent {
    /// `Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4`
    WithMac,
    /// `Gigaset N720 DM PRO/70.108.00.000.000`
    WithoutMac,
    /// `N720-DM-PRO/70.040.00.000.000`
    Old,
}

/// Everything a device is before it starts.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Its name in scenarios, journals and on the control port; the MAC by default.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// The four characters after the MAC in its MAC-ID.
    pub mac_id_tail: String,
    /// Where its web interface listens; port 0: any free port.
    pub web: SocketAddr,
    /// Where it takes SIP; port 0: any free port.
    pub sip: SocketAddr,
    /// Its firmware as the status page writes it.
    pub firmware: String,
    /// The web password.
    pub password: String,
    /// The code of its interface language.
    pub language: u8,
    /// A login leads to `/backup_advice.html` instead of `/settings_lan.html`.
    pub advice_page: bool,
    /// The mobile devices page has its e-mail column.
    pub email_column: bool,
    /// The mobile devices page has its mailbox column.
    pub mailbox_column: bool,
    /// Some pages begin with a byte order mark.
    pub byte_order_marks: bool,
    /// The zone of its clock.
    pub zone: Tz,
    /// Seconds its clock is ahead of the truth.
    pub clock_offset_s: i64,
    /// Reads the window's timestamp as UTC instead of local time.
    pub window_in_utc: bool,
    /// Where it fetches its provisioning file; empty: nowhere.
    pub configfile_url: String,
    /// Web clients outside of 127.0.0.0/`own_subnet_bits` are answered too.
    pub accept_foreign_subnet: bool,
    /// Bits of the network part of its own subnet, around its web address.
    pub own_subnet_bits: u8,
    /// User and password for downloads, tried after MAC and MAC-ID tail.
    pub digest: Option<(String, String)>,
    /// Names of its base stations, in order.
    pub base_stations: Vec<String>,
    /// Accounts that exist from the start: slot (1-100), user id, display name.
    pub accounts: Vec<(u8, String, String)>,
    /// Slots filled and reserved from the start: slot (1-100) and the handset in it.
    pub registered: Vec<(u8, Handset)>,
    /// Handsets around it.
    pub handsets: Vec<Handset>,
    /// Faults from the start.
    pub faults: Vec<FaultOrder>,
    /// Orders that are carried out at a chosen moment.
    pub orders: Vec<(Arrival, Order)>,
    /// All durations.
    pub timing: Timing,
    /// Manners on the wire.
    pub wire: Wire,
}

impl DeviceConfig {
    fn new(mac: Mac) -> Self {
        Self {
            name: mac.to_string(),
            mac,
            mac_id_tail: "AB12".to_owned(),
            web: SocketAddr::from(([127, 0, 0, 1], 0)),
            sip: SocketAddr::from(([127, 0, 0, 1], 0)),
            firmware: "70.111.00.000.00".to_owned(),
            password: "admin".to_owned(),
            language: 1,
            advice_page: false,
            email_column: false,
            mailbox_column: true,
            byte_order_marks: true,
            zone: chrono_tz::Europe::Berlin,
            clock_offset_s: 0,
            window_in_utc: false,
            configfile_url: String::new(),
            accept_foreign_subnet: true,
            own_subnet_bits: 8,
            digest: None,
            base_stations: vec!["Base 1".to_owned()],
            accounts: Vec::new(),
            registered: Vec::new(),
            handsets: Vec::new(),
            faults: Vec::new(),
            orders: Vec::new(),
            timing: Timing::default(),
            wire: Wire {
                framing: Framing::Length,
                http10: false,
                fetch_http10: false,
                user_agent: UserAgent::WithMac,
            },
        }
    }
}

/// Collects what a device is like, then starts it.
#[derive(Clone, Debug)]
pub struct DeviceBuilder(DeviceConfig);

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident : $type:ty;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(mut self, value: $type) -> Self {
            self.0.$name = value;
            self
        })*
    };
}

impl DeviceBuilder {
    /// A device as it leaves the factory, with this MAC.
    ///
    /// # Errors
    /// [`SimError::Invalid`] if the text is no MAC.
    pub fn new(mac: &str) -> Result<Self, SimError> {
        Ok(Self(DeviceConfig::new(mac.parse()?)))
    }

    /// From a configuration that was put together elsewhere.
    pub fn from_config(config: DeviceConfig) -> Self {
        Self(config)
    }

    /// The configuration collected so far.
    pub fn into_config(self) -> DeviceConfig {
        self.0
    }

    setters! {
        /// Where its web interface listens; port 0 is any free port.
        web: SocketAddr;
        /// Where it takes SIP; port 0 is any free port.
        sip: SocketAddr;
        /// The four characters after the MAC in its MAC-ID.
        mac_id_tail: String;
        /// Names of its base stations, in order; at most 30 on a real device.
        base_stations: Vec<String>;
        /// Whether some pages begin with a byte order mark.
        byte_order_marks: bool;
        /// A code of its interface language: 1 English, 2 German, 9 French.
        language: u8;
        /// Whether a login leads to the advice page.
        advice_page: bool;
        /// Whether the mobile devices page has an e-mail column.
        email_column: bool;
        /// Whether the mobile devices page has a mailbox column.
        mailbox_column: bool;
        /// The zone of its clock.
        zone: Tz;
        /// Seconds its clock is ahead of the truth.
        clock_offset_s: i64;
        /// Whether the window's timestamp is read as UTC.
        window_in_utc: bool;
        /// Bits of the network part of its own subnet, around its web address; 8 by default.
        own_subnet_bits: u8;
        /// Whether web clients of other subnets are answered.
        accept_foreign_subnet: bool;
        /// All durations.
        timing: Timing;
        /// Manners on the wire.
        wire: Wire;
    }

    /// Its name; the MAC by default.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.name);
        self
    }

    /// The web password; `admin` by default.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.0.password);
        self
    }

    /// Its firmware, like `70.111.00.000.00`.
    #[must_use]
    pub fn firmware(mut self, firmware: &str) -> Self {
        firmware.clone_into(&mut self.0.firmware);
        self
    }

    /// Where it fetches its provisioning file.
    #[must_use]
    pub fn configfile_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.0.configfile_url);
        self
    }

    /// User and password for downloads, tried after MAC and MAC-ID tail.
    #[must_use]
    pub fn digest(mut self, user: &str, password: &str) -> Self {
        self.0.digest = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// An account that exists from the start, in a slot from 1 to 100.
    #[must_use]
    pub fn account(mut self, slot: u8, user: &str, display_name: &str) -> Self {
        self.0.accounts.push((slot, user.to_owned(), display_name.to_owned()));
        self
    }

    /// A handset that is reserved and registered from the start, in a slot from 1 to 100.
    #[must_use]
    pub fn registered(mut self, slot: u8, handset: Handset) -> Self {
        self.0.registered.push((slot, handset));
        self
    }

    /// A handset in the world around the device.
    #[must_use]
    pub fn handset(mut self, handset: Handset) -> Self {
        self.0.handsets.push(handset);
        self
    }

    /// A fault from the start.
    #[must_use]
    pub fn fault(mut self, order: impl Into<FaultOrder>) -> Self {
        self.0.faults.push(order.into());
        self
    }

    /// An order that is carried out at a chosen moment; what is refused then is in the journal.
    #[must_use]
    pub fn order(mut self, when: Arrival, order: Order) -> Self {
        self.0.orders.push((when, order));
        self
    }

    /// Starts the device; it stops when the last handle to it is dropped.
    ///
    /// # Errors
    /// [`SimError::Bind`] if an address is taken, [`SimError::Invalid`] for a slot outside of 1 to 100.
    pub async fn start(self) -> Result<Device, SimError> {
        Device::start(self.0).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_leaves_the_factory_like_a_real_one() {
        let config = DeviceBuilder::new("7c:2f:80:ca:21:e4").unwrap().into_config();
        assert_eq!(config.name, "7C2F80CA21E4");
        assert_eq!(config.password, "admin");
        assert_eq!(config.timing.settle, Duration::from_secs(180));
        assert_eq!(config.timing.idle_timeout, Duration::from_secs(602));
        assert!(DeviceBuilder::new("nonsense").is_err());
    }

    #[test]
    fn what_is_set_is_kept_and_brisk_keeps_sessions_real() {
        let config = DeviceBuilder::new("7C2F80CA21E4")
            .unwrap()
            .name("praxis")
            .language(9)
            .digest("u", "p")
            .account(3, "1022", "Third")
            .timing(Timing::brisk())
            .into_config();
        assert_eq!((config.name.as_str(), config.language), ("praxis", 9));
        assert_eq!(config.accounts, [(3, "1022".to_owned(), "Third".to_owned())]);
        assert_eq!(config.timing.idle_timeout, Timing::default().idle_timeout);
        assert!(config.timing.settle < Timing::default().settle);
    }

    #[tokio::test]
    async fn a_slot_that_does_not_exist_is_refused_at_the_start() {
        for slot in [0, 101] {
            let started = DeviceBuilder::new("7C2F80CA21E4").unwrap().account(slot, "1", "").start().await;
            assert!(matches!(started, Err(SimError::Invalid { .. })), "{slot}");
        }
    }
}
