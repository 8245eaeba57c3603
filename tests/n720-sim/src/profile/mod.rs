//! The provisioning file, from a trigger to its effect: the states shown, and one download after another.
//!
//! Downloading is in [`fetch`], reading in [`parse`], taking effect in [`apply`].

mod apply;
mod digest;
mod fetch;
mod parse;

use crate::clock::Moment;
use crate::config::UserAgent;
use crate::device::Shared;
use crate::fault::Fault;
use crate::ids::Mac;
use crate::journal::{Event, Trigger};
use crate::lot::Lot;
use crate::registration::Slot;
use crate::state::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// The first number of `/profile_update_ajax.js`.
pub(crate) mod state {
    pub(crate) const WAIT: u16 = 0;
    pub(crate) const DONE: u16 = 88;
    pub(crate) const NOT_POSSIBLE: u16 = 99;
    pub(crate) const NO_SERVER: u16 = 100;
    pub(crate) const TRANSFER_ERROR: u16 = 101;
    pub(crate) const CORRUPT: u16 = 102;
    pub(crate) const BUSY: u16 = 103;
    pub(crate) const NO_LINE: u16 = 104;
}

/// What the web button has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Button {
    #[default]
    Idle,
    Waiting,
    Over {
        state: u16,
        http: u16,
    },
}

/// Whether a download runs, and what the web interface says about it.
#[derive(Debug, Default)]
pub(crate) struct Update {
    pub(crate) fetching: bool,
    button: Button,
}

impl Update {
    /// The web button was pressed, with this outcome.
    pub(crate) fn begin(&mut self, outcome: Result<(), u16>) {
        self.button = match outcome {
            Ok(()) if self.fetching => Button::Waiting,
            // Acknowledged without a download: only a fault does that.
            Ok(()) => Button::Over { state: state::DONE, http: 200 },
            Err(state) => Button::Over { state, http: 0 },
        };
    }

    /// The web interface takes note of the result.
    pub(crate) fn end(&mut self) {
        self.button = Button::Idle;
    }
}

/// The two numbers of `/profile_update_ajax.js`.
pub(crate) fn shown(state: &State) -> (u16, u16) {
    match state.update.button {
        Button::Idle | Button::Waiting => (state::WAIT, 0),
        Button::Over { state, http } => (state, http),
    }
}

/// One download, with all it needs to know of the device.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) url: String,
    pub(crate) user_agent: String,
    /// User and password, in the order they are tried.
    pub(crate) logins: Vec<(String, String)>,
    pub(crate) http10: bool,
    pub(crate) patience: Duration,
    /// Seeds the client's nonces.
    pub(crate) seed: u64,
    /// The result is not shown before this much time has passed.
    at_least: Duration,
    /// How often the device had gone down when the download began.
    downs: u32,
}

/// Puts a download together from the present state.
pub(crate) fn job(state: &mut State, trigger: Trigger) -> Job {
    let config = &state.config;
    let mac = config.mac.to_string();
    let firmware = firmware_of(state);
    let user_agent = match config.wire.user_agent {
        UserAgent::WithMac => format!("Gigaset N720 DM PRO/{firmware};{mac}"),
        UserAgent::WithoutMac => format!("Gigaset N720 DM PRO/{firmware}"),
        UserAgent::Old => "N720-DM-PRO/70.040.00.000.000".to_owned(),
    };
    let mut logins = vec![(mac, config.mac_id_tail.clone())];
    let user = state.settings.get("http_digest_username");
    if !user.is_empty() {
        logins.push((user.to_owned(), state.settings.get("http_digest_password").to_owned()));
    }
    let at_least = if trigger == Trigger::Web { config.timing.trigger } else { Duration::ZERO };
    Job {
        url: expand(state.settings.get("configfile_url"), config.mac, &state.registry.slots),
        user_agent,
        logins,
        http10: config.wire.fetch_http10,
        patience: config.timing.patience,
        seed: Lot::next(&mut state.lot),
        at_least,
        downs: state.downs,
    }
}

/// The firmware as downloads name it: the last part has three digits there.
fn firmware_of(state: &State) -> String {
    let forced = state
        .faults
        .find(|fault| if let Fault::Firmware { version } = fault { Some(version.clone()) } else { None });
    let shown = forced.unwrap_or_else(|| state.config.firmware.clone());
    match shown.rsplit_once('.') {
        Some((front, last)) => format!("{front}.{last:0>3}"),
        None => shown,
    }
}

/// Fills in the placeholders of a configuration file URL.
fn expand(url: &str, mac: Mac, slots: &[Slot]) -> String {
    let mut text = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('%') {
        text += before;
        let values = [
            ("MACD", mac.to_string()),
            ("MACC", mac.with_colons()),
            ("DVID", "70".to_owned()),
            ("%", "%".to_owned()),
        ];
        let known = values.into_iter().chain([("SUBLIST", sublist(slots))]);
        let found =
            known.filter(|(name, _)| after.starts_with(name)).map(|(name, value)| (name.len(), value)).next();
        let (taken, value) = found.unwrap_or((0, "%".to_owned()));
        text += &value;
        rest = &after[taken..];
    }
    text + rest
}

/// `64` (hundred slots) and a bit each in hex, the highest bit first: 1 for a slot with a registered handset.
fn sublist(slots: &[Slot]) -> String {
    let bytes = slots.chunks(8).map(|eight| {
        let filled = eight.iter().enumerate().filter(|(_, slot)| slot.registered.is_some());
        filled.fold(0_u8, |byte, (place, _)| byte | (0x80 >> place))
    });
    bytes.fold("64".to_owned(), |text, byte| text + &format!("{byte:02X}"))
}

/// Downloads what is ordered, one after another, until the device stops.
pub(crate) async fn serve(shared: Arc<Shared>, mut orders: UnboundedReceiver<Job>) {
    while let Some(job) = orders.recv().await {
        let at_least = tokio::time::sleep(job.at_least);
        let (result, ()) = tokio::join!(fetch::download(&job), at_least);
        shared.with(|state, at| finish(state, &job, result, at));
    }
}

/// The download is over: notes how, lets the file take effect, shows the result.
fn finish(state: &mut State, job: &Job, result: Result<fetch::Download, String>, at: Moment) {
    let url = job.url.clone();
    if job.downs != state.downs {
        let why = "the device went down".to_owned();
        state.journal.write(at, Event::FetchFailed { url, why });
        return;
    }
    let (shown, http) = match result {
        Err(why) => {
            state.journal.write(at, Event::FetchFailed { url, why });
            (state::NO_SERVER, 0)
        }
        Ok(download) => {
            for get in download.gets {
                let (status, bytes, user) = (get.status, get.bytes, get.user);
                state.journal.write(at, Event::Fetched { url: url.clone(), status, bytes, user });
            }
            match download.status {
                200 if apply::apply(state, &download.body, at) => (state::DONE, 200),
                200 => (state::CORRUPT, 200),
                status => (state::TRANSFER_ERROR, status),
            }
        }
    };
    state.update.fetching = false;
    if state.update.button == Button::Waiting {
        state.update.button = Button::Over { state: shown, http };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ipui;
    use crate::registration::{Registered, SLOTS};

    fn slots(filled: &[usize]) -> Vec<Slot> {
        let mut slots = vec![Slot::default(); SLOTS];
        for index in filled {
            let (model, software) = (String::new(), String::new());
            slots[*index].registered = Some(Registered { ipui: Ipui::new([1; 5]), model, software });
        }
        slots
    }

    #[test]
    fn the_sublist_is_hundred_bits_from_the_left() {
        let first_twenty: Vec<usize> = (0..20).collect();
        assert_eq!(sublist(&slots(&first_twenty)), format!("64FFFFF0{}", "0".repeat(20)));
        assert_eq!(sublist(&slots(&[1, 99])), format!("6440{}10", "0".repeat(22)));
    }

    #[test]
    fn placeholders_are_filled_in_and_others_left() {
        let mac: Mac = "7C2F80CA21E4".parse().unwrap();
        let expand = |url| expand(url, mac, &slots(&[0]));
        assert_eq!(expand("http://a/%DVID/%MACD.xml"), "http://a/70/7C2F80CA21E4.xml");
        assert_eq!(expand("http://a/%MACC?x=%%&y=%ZZ%"), "http://a/7C:2F:80:CA:21:E4?x=%&y=%ZZ%");
        assert!(expand("http://a/?s=%SUBLIST").starts_with("http://a/?s=648000"));
    }

    #[test]
    fn the_button_waits_for_a_download_and_shows_a_refusal_at_once() {
        let mut update = Update { fetching: true, ..Update::default() };
        update.begin(Ok(()));
        assert_eq!(update.button, Button::Waiting);
        update.begin(Err(state::NO_LINE));
        assert_eq!(update.button, Button::Over { state: 104, http: 0 });
        update.end();
        assert_eq!(update.button, Button::Idle);
    }
}
