//! Scenario files: any number of devices and their handsets in TOML, for the binary and for demos.
//!
//! Only reading and translating into [`DeviceConfig`]; README.md describes the keys for people.

use crate::config::{DeviceBuilder, DeviceConfig, Framing, Timing, UserAgent};
use crate::device::Device;
use crate::error::SimError;
use crate::fault::FaultOrder;
use crate::handset::{Arrival, Handset, PinKnowledge};
use crate::ids::Ipui;
use crate::order::Order;
use chrono_tz::Tz;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// A scenario as it was read: devices that wait to be started.
#[derive(Clone, Debug)]
pub struct Scenario {
    devices: Vec<DeviceConfig>,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// [`SimError::Scenario`] with the path and what is wrong.
    pub fn read(path: &str) -> Result<Self, SimError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SimError::Scenario { path: path.to_owned(), why: error.to_string() })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a scenario; `path` is only for messages.
    ///
    /// # Errors
    /// [`SimError::Scenario`] with the path and what is wrong.
    pub fn parse(path: &str, text: &str) -> Result<Self, SimError> {
        let wrong = |why: String| SimError::Scenario { path: path.to_owned(), why };
        let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if file.device.is_empty() {
            return Err(wrong("it has no [[device]]".to_owned()));
        }
        let devices = file.device.into_iter().map(|entry| entry.config(&file.timing));
        let devices = devices.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
        for (at, device) in devices.iter().enumerate() {
            if devices[..at].iter().any(|other| other.name == device.name) {
                return Err(wrong(format!("two devices are named {:?}", device.name)));
            }
        }
        Ok(Self { devices })
    }

    /// Starts all devices, in the order of the file.
    ///
    /// # Errors
    /// The first error of a device; those before it stop again.
    pub async fn start(self) -> Result<Vec<Device>, SimError> {
        let mut started = Vec::with_capacity(self.devices.len());
        for config in self.devices {
            started.push(DeviceBuilder::from_config(config).start().await?);
        }
        Ok(started)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    timing: TimingEntry,
    #[serde(default)]
    device: Vec<DeviceEntry>,
}

/// Seconds, fractions allowed; what is missing is as on the real device, or as in the file's `[timing]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingEntry {
    settle_s: Option<f64>,
    idle_timeout_s: Option<f64>,
    lock_unit_s: Option<f64>,
    trigger_s: Option<f64>,
    periodic_s: Option<f64>,
    reboot_announce_s: Option<f64>,
    reboot_down_s: Option<f64>,
    patience_s: Option<f64>,
}

impl TimingEntry {
    fn over(&self, mut timing: Timing) -> Result<Timing, SimError> {
        for (value, field) in [
            (self.settle_s, &mut timing.settle),
            (self.idle_timeout_s, &mut timing.idle_timeout),
            (self.lock_unit_s, &mut timing.lock_unit),
            (self.trigger_s, &mut timing.trigger),
            (self.reboot_announce_s, &mut timing.reboot_announce),
            (self.reboot_down_s, &mut timing.reboot_down),
            (self.patience_s, &mut timing.patience),
        ] {
            if let Some(value) = value {
                *field = seconds(value)?;
            }
        }
        if let Some(value) = self.periodic_s {
            timing.periodic = Some(seconds(value)?);
        }
        Ok(timing)
    }
}

fn seconds(value: f64) -> Result<Duration, SimError> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| SimError::Invalid { expected: "seconds, not negative", found: value.to_string() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceEntry {
    mac: String,
    name: Option<String>,
    mac_id_tail: Option<String>,
    web: Option<SocketAddr>,
    sip: Option<SocketAddr>,
    firmware: Option<String>,
    password: Option<String>,
    language: Option<u8>,
    advice_page: Option<bool>,
    email_column: Option<bool>,
    mailbox_column: Option<bool>,
    zone: Option<String>,
    clock_offset_s: Option<i64>,
    window_in_utc: Option<bool>,
    configfile_url: Option<String>,
    accept_foreign_subnet: Option<bool>,
    digest_user: Option<String>,
    digest_password: Option<String>,
    base_stations: Option<Vec<String>>,
    framing: Option<FramingEntry>,
    http10: Option<bool>,
    fetch_http10: Option<bool>,
    user_agent: Option<UserAgentEntry>,
    #[serde(default)]
    timing: TimingEntry,
    #[serde(default)]
    account: Vec<AccountEntry>,
    #[serde(default)]
    handset: Vec<HandsetEntry>,
    #[serde(default)]
    fault: Vec<FaultOrder>,
    #[serde(default)]
    order: Vec<OrderEntry>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FramingEntry {
    Length,
    Chunked,
    UntilClose,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UserAgentEntry {
    WithMac,
    WithoutMac,
    Old,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    slot: u8,
    user: String,
    #[serde(default)]
    display_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HandsetEntry {
    ipui: Ipui,
    model: Option<String>,
    software: Option<String>,
    factory_new: Option<bool>,
    /// Digits, or `right` for whatever the device wants.
    pin: Option<String>,
    arrives_after_start_s: Option<f64>,
    arrives_after_window_s: Option<f64>,
    window: Option<u32>,
    registered_in: Option<u8>,
}

/// An order and its moment; all other keys are the order's own.
#[derive(Debug, Deserialize)]
struct OrderEntry {
    after_start_s: Option<f64>,
    after_window_s: Option<f64>,
    window: Option<u32>,
    #[serde(flatten)]
    order: serde_json::Map<String, serde_json::Value>,
}

impl OrderEntry {
    fn order(self) -> Result<(Arrival, Order), SimError> {
        let Self { after_start_s, after_window_s, window, order } = self;
        let found = serde_json::Value::from(order);
        let when = moment(after_start_s, after_window_s, window)?.ok_or_else(|| SimError::Invalid {
            expected: "one of after_start_s and after_window_s",
            found: format!("neither for {found}"),
        })?;
        let order = serde_json::from_value(found.clone()).map_err(|error| SimError::Invalid {
            expected: "an order with its keys",
            found: format!("{found}: {error}"),
        })?;
        Ok((when, order))
    }
}

/// The moment that two keys name together; nothing if neither is there.
fn moment(start: Option<f64>, opening: Option<f64>, nth: Option<u32>) -> Result<Option<Arrival>, SimError> {
    match (start, opening) {
        (None, None) => Ok(None),
        (Some(after), None) => Ok(Some(Arrival::AfterStart(seconds(after)?))),
        (None, Some(after)) => {
            Ok(Some(Arrival::AfterWindowOpens { nth: nth.unwrap_or(1), delay: seconds(after)? }))
        }
        (Some(start), Some(opening)) => Err(SimError::Invalid {
            expected: "a time after the start or after a window",
            found: format!("both, {start} and {opening}"),
        }),
    }
}

impl HandsetEntry {
    fn handset(&self) -> Result<Handset, SimError> {
        let mut handset = Handset::new(self.ipui);
        if let Some(model) = &self.model {
            model.clone_into(&mut handset.model);
        }
        if let Some(software) = &self.software {
            software.clone_into(&mut handset.software);
        }
        handset.factory_new = self.factory_new.unwrap_or(true);
        handset.pin = self.pin.as_deref().map_or(PinKnowledge::Nothing, PinKnowledge::named);
        let arrives = moment(self.arrives_after_start_s, self.arrives_after_window_s, self.window)?;
        handset.arrival = arrives.unwrap_or(Arrival::OnDemand);
        Ok(handset)
    }
}

/// Overwrites a field with what the file says, if it says anything.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl DeviceEntry {
    fn config(self, common: &TimingEntry) -> Result<DeviceConfig, SimError> {
        let mut config = DeviceBuilder::new(&self.mac)?.into_config();
        set(&mut config.name, self.name);
        set(&mut config.mac_id_tail, self.mac_id_tail);
        set(&mut config.web, self.web);
        // Unless told otherwise, SIP is at the web interface's address.
        config.sip = self.sip.unwrap_or(SocketAddr::new(config.web.ip(), 0));
        set(&mut config.firmware, self.firmware);
        set(&mut config.password, self.password);
        set(&mut config.language, self.language);
        set(&mut config.advice_page, self.advice_page);
        set(&mut config.email_column, self.email_column);
        set(&mut config.mailbox_column, self.mailbox_column);
        set(&mut config.clock_offset_s, self.clock_offset_s);
        set(&mut config.window_in_utc, self.window_in_utc);
        set(&mut config.configfile_url, self.configfile_url);
        set(&mut config.accept_foreign_subnet, self.accept_foreign_subnet);
        set(&mut config.base_stations, self.base_stations);
        set(&mut config.wire.http10, self.http10);
        set(&mut config.wire.fetch_http10, self.fetch_http10);
        set(&mut config.wire.framing, self.framing.map(FramingEntry::framing));
        set(&mut config.wire.user_agent, self.user_agent.map(UserAgentEntry::user_agent));
        if let Some(zone) = self.zone {
            let unknown =
                |_| SimError::Invalid { expected: "a time zone like Europe/Berlin", found: zone.clone() };
            config.zone = zone.parse::<Tz>().map_err(unknown)?;
        }
        config.digest = self.digest_user.zip(self.digest_password);
        config.timing = self.timing.over(common.over(Timing::default())?)?;
        config.accounts = self.account.into_iter().map(|it| (it.slot, it.user, it.display_name)).collect();
        for entry in &self.handset {
            match entry.registered_in {
                Some(slot) => config.registered.push((slot, entry.handset()?)),
                None => config.handsets.push(entry.handset()?),
            }
        }
        config.faults = self.fault;
        config.orders = self.order.into_iter().map(OrderEntry::order).collect::<Result<_, _>>()?;
        Ok(config)
    }
}

impl FramingEntry {
    fn framing(self) -> Framing {
        match self {
            Self::Length => Framing::Length,
            Self::Chunked => Framing::Chunked,
            Self::UntilClose => Framing::UntilClose,
        }
    }
}

impl UserAgentEntry {
    fn user_agent(self) -> UserAgent {
        match self {
            Self::WithMac => UserAgent::WithMac,
            Self::WithoutMac => UserAgent::WithoutMac,
            Self::Old => UserAgent::Old,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn everything_of_a_device_can_be_said() {
        let scenario = Scenario::parse(
            "s.toml",
            r#"
            [timing]
            settle_s = 2.5
            [[device]]
            name = "praxis"
            mac = "7C2F80CA21E4"
            web = "127.0.10.1:8080"
            zone = "Europe/Vienna"
            framing = "chunked"
            user_agent = "old"
            timing.settle_s = 1
            timing.periodic_s = 30
            account = [{ slot = 2, user = "1014" }]
            handset = [
                { ipui = "02 B6 EC 8A A5", arrives_after_window_s = 3, window = 2 },
                { ipui = "02 9E 74 A5 99", factory_new = false, pin = "0000", registered_in = 1 },
            ]
            fault = [{ kind = "slow", delay_ms = 5, path = "/login.html" }]
            order = [
                { do = "clock", offset_s = 3600, after_start_s = 1.5 },
                { do = "deregister", slot = 1, after_window_s = 4 },
            ]
            [[device]]
            mac = "7C2F80CA21E5"
            "#,
        )
        .unwrap();
        let [first, second] = scenario.devices.as_slice() else { panic!("two devices") };
        assert_eq!(first.name, "praxis");
        assert_eq!(first.timing.settle, Duration::from_secs(1));
        assert_eq!(first.timing.periodic, Some(Duration::from_secs(30)));
        assert_eq!(first.sip.ip().to_string(), "127.0.10.1");
        assert_eq!(first.wire.framing, Framing::Chunked);
        let delay = Duration::from_secs(3);
        assert_eq!(first.handsets[0].arrival, Arrival::AfterWindowOpens { nth: 2, delay });
        assert_eq!((first.registered[0].0, first.registered[0].1.factory_new), (1, false));
        assert_eq!(first.faults, [Fault::Slow { delay_ms: 5 }.on("/login.html")]);
        let hour = (Arrival::AfterStart(Duration::from_millis(1500)), Order::Clock { offset_s: 3600 });
        let delay = Duration::from_secs(4);
        let out = (Arrival::AfterWindowOpens { nth: 1, delay }, Order::Deregister { slot: 1 });
        assert_eq!(first.orders, [hour, out]);
        assert_eq!(second.name, "7C2F80CA21E5");
        assert_eq!(second.timing.settle, Duration::from_millis(2500));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_path() {
        for (text, why) in [
            ("", "no [[device]]"),
            ("[[device]]\nmac = \"x\"", "expected a MAC"),
            ("[[device]]\nmac = \"7C2F80CA21E4\"\ncolour = 1", "unknown field `colour`"),
            ("[[device]]\nmac = \"7C2F80CA21E4\"\nzone = \"Mars\"", "\"Mars\""),
            ("[[device]]\nmac = \"7C2F80CA21E4\"\ntiming.settle_s = -1", "not negative"),
            (
                "[[device]]\nmac = \"7C2F80CA21E4\"\norder = [{ do = \"fetch\" }]",
                "expected one of after_start_s and after_window_s",
            ),
            (
                "[[device]]\nmac = \"7C2F80CA21E4\"\norder = [{ do = \"dance\", after_start_s = 1 }]",
                "unknown variant `dance`",
            ),
            (
                "[[device]]\nmac = \"7C2F80CA21E4\"\norder = [{ do = \"fetch\", after_start_s = 1, slot = 1 }]",
                "unknown field `slot`",
            ),
            ("[[device]]\nmac = \"7C2F80CA21E4\"\n[[device]]\nmac = \"7C2F80CA21E4\"", "two devices"),
        ] {
            let error = Scenario::parse("s.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("scenario s.toml: ") && error.contains(why), "{error}");
        }
        assert!(Scenario::read("/nonexistent.toml").is_err());
    }
}
