//! Faults on demand: what a device does wrong, on which page, how often and how long.
//!
//! Only the orders and their book-keeping; the web server, the pages and the downloads act on them.

use crate::clock::Moment;
use crate::ids::Mac;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// Something a device does wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// A person uses the web interface: logins answer 2, a session that was open is taken over.
    PersonLoggedIn,
    /// Every answer waits this long first.
    Slow {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// Answers trickle.
    Drip {
        /// Bytes at a time.
        bytes: usize,
        /// Milliseconds between two portions.
        every_ms: u64,
    },
    /// The body ends early, and the connection with it.
    Cut {
        /// Bytes of body that still come.
        after: usize,
        /// Whether the full length was promised in `Content-Length` (else no length is given).
        declared: bool,
    },
    /// The connection is reset (RST).
    Reset {
        /// Bytes of the answer, headers included, that come first.
        after: usize,
    },
    /// Nothing listens: connections are refused.
    Refuse,
    /// The answer never goes on; the client is left waiting, and so is everybody behind it.
    Hang {
        /// Bytes of the answer, headers included, that come first.
        after: usize,
    },
    /// The page names another MAC.
    WrongMac {
        /// The other MAC.
        mac: Mac,
    },
    /// The page names another firmware.
    Firmware {
        /// The text shown, like `70.107.00.000.00`.
        version: String,
    },
    /// A firmware download is running: logins answer 4, a web trigger ends with 103.
    UpdateRunning,
    /// Answers are replaced by this status, without a page.
    Status {
        /// The HTTP status, like 503.
        status: u16,
        /// `Retry-After` in seconds, if any is sent.
        retry_after_s: Option<u64>,
    },
    /// Answers are 200 with nothing in them.
    Empty,
    /// Bytes of the body are replaced by nonsense, the same ones each time.
    Garbled {
        /// One byte in this many is hit.
        one_in: usize,
    },
    /// Answers send the client elsewhere.
    Redirect {
        /// The value of `Location`.
        to: String,
    },
    /// The page carries the mark of another page.
    WrongEtag {
        /// The path in the mark.
        shown: String,
    },
    /// The status page is served without its pending rows, whole in every other way.
    HidePending,
    /// The mobile devices page never shows the PIN that a file has set, but the last one set by hand.
    HideFilePin,
    /// `/profile_update_ajax.js` says this whatever happens.
    ProfileState {
        /// The first number.
        state: u16,
        /// The second number.
        http: u16,
    },
    /// Files are downloaded and acknowledged, and nothing is applied.
    IgnoreFiles,
    /// Files are applied but for the symbols that contain this text, like `astAccounts[0]` or `DISPLAYNAME`.
    IgnoreSymbols {
        /// Part of a symbol.
        containing: String,
    },
    /// Triggers are acknowledged, and nothing is downloaded.
    IgnoreTriggers,
    /// Logins answer this code whatever is posted (160 and above, 7, …).
    LoginCode {
        /// The code.
        code: u16,
    },
}

impl Fault {
    /// Whether nothing but its name belongs to it.
    fn is_bare(&self) -> bool {
        serde_json::to_value(self).is_ok_and(|value| value.as_object().is_some_and(|keys| keys.len() == 1))
    }

    /// Turns the fault into an order without limits, to be narrowed.
    pub fn order(self) -> FaultOrder {
        FaultOrder { fault: self, path: None, times: None, for_ms: None }
    }

    /// Only on requests for this path.
    pub fn on(self, path: &str) -> FaultOrder {
        self.order().on(path)
    }

    /// Only this often.
    pub fn times(self, times: u32) -> FaultOrder {
        self.order().times(times)
    }

    /// Only this long.
    pub fn lasting(self, time: Duration) -> FaultOrder {
        self.order().lasting(time)
    }

    /// Adds what it does to one web request; false if it is a state of the whole device instead.
    fn strike(&self, strike: &mut Strike) -> bool {
        match self {
            Self::Slow { delay_ms } => strike.delay = Duration::from_millis(*delay_ms),
            Self::Drip { bytes, every_ms } => {
                strike.drip = Some(((*bytes).max(1), Duration::from_millis(*every_ms)));
            }
            Self::Cut { after, declared } => strike.cut = Some(Cut { after: *after, declared: *declared }),
            Self::Reset { after } => strike.reset = Some(*after),
            Self::Hang { after } => strike.hang = Some(*after),
            Self::WrongMac { mac } => strike.mac = Some(*mac),
            Self::Firmware { version } => strike.firmware = Some(version.clone()),
            Self::Status { status, retry_after_s } => strike.status = Some((*status, *retry_after_s)),
            Self::Empty => strike.empty = true,
            Self::Garbled { one_in } => strike.garbled = Some((*one_in).max(1)),
            Self::Redirect { to } => strike.redirect = Some(to.clone()),
            Self::WrongEtag { shown } => strike.etag = Some(shown.clone()),
            Self::HidePending => strike.hide_pending = true,
            Self::HideFilePin => strike.hide_file_pin = true,
            Self::ProfileState { state, http } => strike.profile_state = Some((*state, *http)),
            Self::LoginCode { code } => strike.login_code = Some(*code),
            Self::PersonLoggedIn
            | Self::Refuse
            | Self::UpdateRunning
            | Self::IgnoreFiles
            | Self::IgnoreSymbols { .. }
            | Self::IgnoreTriggers => return false,
        }
        true
    }

    /// The name used in scenarios, on the control port and in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PersonLoggedIn => "person_logged_in",
            Self::Slow { .. } => "slow",
            Self::Drip { .. } => "drip",
            Self::Cut { .. } => "cut",
            Self::Reset { .. } => "reset",
            Self::Refuse => "refuse",
            Self::Hang { .. } => "hang",
            Self::WrongMac { .. } => "wrong_mac",
            Self::Firmware { .. } => "firmware",
            Self::UpdateRunning => "update_running",
            Self::Status { .. } => "status",
            Self::Empty => "empty",
            Self::Garbled { .. } => "garbled",
            Self::Redirect { .. } => "redirect",
            Self::WrongEtag { .. } => "wrong_etag",
            Self::HidePending => "hide_pending",
            Self::HideFilePin => "hide_file_pin",
            Self::ProfileState { .. } => "profile_state",
            Self::IgnoreFiles => "ignore_files",
            Self::IgnoreSymbols { .. } => "ignore_symbols",
            Self::IgnoreTriggers => "ignore_triggers",
            Self::LoginCode { .. } => "login_code",
        }
    }
}

/// What all faults together do to one web request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) delay: Duration,
    /// Bytes at a time, and the time between.
    pub(crate) drip: Option<(usize, Duration)>,
    pub(crate) cut: Option<Cut>,
    /// Bytes before the reset.
    pub(crate) reset: Option<usize>,
    /// Bytes before nothing comes any more.
    pub(crate) hang: Option<usize>,
    pub(crate) mac: Option<Mac>,
    pub(crate) firmware: Option<String>,
    /// Status and `Retry-After`.
    pub(crate) status: Option<(u16, Option<u64>)>,
    pub(crate) empty: bool,
    /// One byte in this many is hit; never 0.
    pub(crate) garbled: Option<usize>,
    pub(crate) redirect: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) hide_pending: bool,
    pub(crate) hide_file_pin: bool,
    pub(crate) profile_state: Option<(u16, u16)>,
    pub(crate) login_code: Option<u16>,
}

/// Where a body ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) after: usize,
    pub(crate) declared: bool,
}

/// A fault with its limits. As text it is one object: the fault's `kind` and keys, and the limits beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOrder {
    /// What goes wrong.
    pub fault: Fault,
    /// Only on requests for this path; nothing: on every one.
    pub path: Option<String>,
    /// How many requests it hits; nothing: all. Counts only for faults that hit requests.
    pub times: Option<u32>,
    /// How long it lasts, in milliseconds; nothing: until cleared.
    pub for_ms: Option<u64>,
}

/// The limits of an order, and all other keys beside them.
#[derive(Deserialize)]
struct Limits {
    path: Option<String>,
    times: Option<u32>,
    for_ms: Option<u64>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

impl<'de> Deserialize<'de> for FaultOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Limits { path, times, for_ms, rest } = Limits::deserialize(deserializer)?;
        // Serde refuses unknown keys only for faults that have keys of their own.
        let bare = rest.len() == 1;
        let fault: Fault = serde_json::from_value(rest.into()).map_err(D::Error::custom)?;
        if fault.is_bare() && !bare {
            return Err(D::Error::custom(format!("the fault {} has no keys", fault.name())));
        }
        Ok(Self { fault, path, times, for_ms })
    }
}

impl From<Fault> for FaultOrder {
    fn from(fault: Fault) -> Self {
        fault.order()
    }
}

impl FaultOrder {
    /// Only on requests for this path.
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only this often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only this long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.for_ms = Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

/// An order in force.
#[derive(Clone, Debug)]
struct Active {
    id: u64,
    order: FaultOrder,
    left: Option<u32>,
    until: Option<Duration>,
}

/// The orders in force on one device.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
    given: u64,
}

impl Faults {
    pub(crate) fn set(&mut self, order: FaultOrder, at: Moment) -> u64 {
        self.given += 1;
        let until = order.for_ms.map(|ms| at.up + Duration::from_millis(ms));
        self.active.push(Active { id: self.given, left: order.times, until, order });
        self.given
    }

    /// Ends one order; the answer is whether it was in force.
    pub(crate) fn clear(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() < before
    }

    /// Ends what has lasted long enough or hit often enough; the answer names them.
    pub(crate) fn expire(&mut self, at: Moment) -> Vec<u64> {
        let over =
            |active: &Active| active.left == Some(0) || active.until.is_some_and(|until| until <= at.up);
        let ids = self.active.iter().filter(|active| over(active)).map(|active| active.id).collect();
        self.active.retain(|active| !over(active));
        ids
    }

    /// The earliest end of an order with a limit of time.
    pub(crate) fn next_end(&self) -> Option<Duration> {
        self.active.iter().filter_map(|active| active.until).min()
    }

    /// What `pick` finds first among the orders in force, without counting a hit.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.active.iter().find_map(|active| pick(&active.order.fault))
    }

    /// Whether this very fault is in force.
    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.active.iter().any(|active| active.order.fault == *fault)
    }

    /// What the orders in force do to a request for this path; each of them counts it.
    pub(crate) fn strike(&mut self, path: &str) -> Strike {
        let mut strike = Strike::default();
        for active in &mut self.active {
            let here = active.order.path.as_deref().is_none_or(|wanted| wanted == path);
            if here && active.left != Some(0) && active.order.fault.strike(&mut strike) {
                active.left = active.left.map(|left| left - 1);
            }
        }
        strike
    }

    /// The numbers of all orders in force.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.active.iter().map(|active| active.id).collect()
    }

    /// The numbers of the orders of this very fault.
    pub(crate) fn ids_of(&self, fault: &Fault) -> Vec<u64> {
        self.active.iter().filter(|active| active.order.fault == *fault).map(|active| active.id).collect()
    }

    /// Names of the faults in force, for a snapshot.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.active.iter().map(|active| active.order.fault.name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;

    fn at(up_s: u64) -> Moment {
        moment(up_s, "2026-01-01T00:00:00Z")
    }

    #[test]
    fn a_count_is_used_up_by_hits_on_its_path_only() {
        let mut faults = Faults::default();
        let id = faults.set(Fault::Empty.on("/status_device.html").times(1), at(0));
        assert!(!faults.strike("/login.html").empty);
        assert!(faults.strike("/status_device.html").empty);
        assert_eq!(faults.strike("/status_device.html"), Strike::default());
        assert_eq!(faults.expire(at(0)), [id]);
        assert!(faults.ids().is_empty());
    }

    #[test]
    fn faults_of_one_request_add_up_and_states_are_not_used_up() {
        let mut faults = Faults::default();
        faults.set(Fault::Slow { delay_ms: 5 }.order(), at(0));
        faults.set(Fault::Cut { after: 9, declared: true }.times(1), at(0));
        faults.set(Fault::UpdateRunning.times(1), at(0));
        let strike = faults.strike("/");
        assert_eq!(strike.delay, Duration::from_millis(5));
        assert_eq!(strike.cut, Some(Cut { after: 9, declared: true }));
        assert_eq!(faults.expire(at(0)), [2]);
        assert!(faults.has(&Fault::UpdateRunning));
    }

    #[test]
    fn a_time_ends() {
        let mut faults = Faults::default();
        faults.set(Fault::Refuse.lasting(Duration::from_secs(5)), at(10));
        assert_eq!(faults.next_end(), Some(Duration::from_secs(15)));
        assert!(faults.expire(at(14)).is_empty());
        assert!(faults.has(&Fault::Refuse));
        assert_eq!(faults.expire(at(15)), [1]);
        assert!(!faults.has(&Fault::Refuse));
    }

    #[test]
    fn an_order_is_cleared_by_its_number_once() {
        let mut faults = Faults::default();
        let id = faults.set(Fault::IgnoreFiles.into(), at(0));
        assert!(faults.clear(id));
        assert!(!faults.clear(id));
    }

    #[test]
    fn orders_are_read_from_json_as_the_control_port_gets_them() {
        let order: FaultOrder = serde_json::from_str(
            r#"{"kind":"cut","after":1000,"declared":true,"path":"/status_device.html","times":2}"#,
        )
        .unwrap();
        let wanted = Fault::Cut { after: 1000, declared: true }.on("/status_device.html").times(2);
        assert_eq!(order, wanted);
        for wrong in [
            r#"{"kind":"bite"}"#,
            r#"{"kind":"cut","after":1}"#,
            r#"{"kind":"slow","delay_ms":1,"delay":1}"#,
            r#"{"kind":"refuse","for":1}"#,
        ] {
            assert!(serde_json::from_str::<FaultOrder>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_name_is_the_one_of_the_wire() {
        let symbols = Fault::IgnoreSymbols { containing: "astAccounts[0]".to_owned() };
        for fault in
            [Fault::Refuse, Fault::HidePending, Fault::HideFilePin, Fault::LoginCode { code: 7 }, symbols]
        {
            assert_eq!(serde_json::to_value(&fault).unwrap()["kind"], fault.name());
        }
    }
}
