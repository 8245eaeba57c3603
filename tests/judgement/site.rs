//! Sites and handsets of the tests of this folder. A handset is a letter; a site file is a real one, read by the real
//! `config`, so that a case can ask for whatever an operator can.

use std::collections::BTreeMap;
use std::fs;

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use n720d::config;
use n720d::domain::desired::DesiredSite;
use n720d::domain::ids::{Firmware, Ipui, Mac, SlotNumber};
use n720d::domain::observed::{HandsetState, Observation, ObservedSlot, Reading, SipState};
use n720d::domain::settings::Pace;

/// The MAC of the site's manager, unless its file says otherwise.
pub(crate) const MAC: &str = "7C2F80CA21E4";

/// The rest of what a site in mode manage needs.
const DAEMON: &str = "[provisioning]\npublic_url = 'http://10.1.0.5:8720'\n";

/// The handset called `letter`: `A` is `02 B6 EC 8A 41`.
pub(crate) fn handset(letter: char) -> Ipui {
    let byte = u8::try_from(letter).unwrap();
    format!("02 B6 EC 8A {byte:02X}").parse().unwrap()
}

pub(crate) fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

/// The MAC that `text` says.
pub(crate) fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub(crate) fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .unwrap()
}

/// A time as a case writes it: the site's local time, with an offset where a clock shows it twice.
pub(crate) fn instant(text: &str, tz: Tz) -> DateTime<Utc> {
    let with_offset = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z");
    with_offset
        .map_or_else(|_| tz.from_local_datetime(&local(text)).unwrap().to_utc(), |instant| instant.to_utc())
}

/// The site file of a site that only reserves handsets, with this `[registration]`.
pub(crate) fn reserving(
    time_zone: &str,
    reserved: &BTreeMap<SlotNumber, Ipui>,
    registration: Option<&toml::Table>,
) -> String {
    let mut text = format!(
        "[site]\ntime_zone = '{time_zone}'\nmode = 'manage'\n\
         [manager]\nurl = 'http://10.20.0.2'\nmac = '{MAC}'\npassword = 'admin'\n"
    );
    if let Some(registration) = registration {
        text.push_str(&format!("[registration]\n{registration}"));
    }
    for (slot, ipui) in reserved {
        text.push_str(&format!("[[slot]]\nnumber = {slot}\nipui = '{ipui}'\n"));
    }
    text
}

/// Reads a site file of a site called `acme`, and how fast things go by default.
///
/// # Errors
/// All findings, when the file is refused.
pub(crate) fn load(text: &str) -> Result<(DesiredSite, Pace), String> {
    let folder = tempfile::tempdir().unwrap();
    let (main, sites) = (folder.path().join("n720d.toml"), folder.path().join("sites"));
    fs::write(&main, DAEMON).unwrap();
    fs::create_dir(&sites).unwrap();
    fs::write(sites.join("acme.toml"), text).unwrap();
    let mut config = config::load(&main).unwrap();
    let findings: Vec<String> = config.findings().iter().map(ToString::to_string).collect();
    let site = config.sites.pop_first().ok_or_else(|| findings.join("\n"))?;
    Ok((site.1, config.daemon.poll.pace))
}

pub(crate) fn unreadable<T>() -> Reading<T> {
    Reading::Unreadable("cut off".to_owned())
}

/// An active account whose cells are as the site file wants them.
pub(crate) fn shown(desired: &DesiredSite, slot: SlotNumber, handset: HandsetState) -> ObservedSlot {
    let wanted = desired.slots.get(&slot);
    ObservedSlot {
        user_id: wanted.and_then(|slot| slot.user()).map(str::to_owned),
        display_name: wanted.and_then(|slot| slot.display_name()).map(str::to_owned),
        provider: None,
        sip: SipState::Registered,
        handset,
        model: None,
        software: None,
    }
}

/// What a manager shows whose clock is that much ahead of ours, but for handsets: nobody waits, no account is active.
pub(crate) fn bare(mac: Mac, tz: Tz, ahead: TimeDelta, at: DateTime<Utc>) -> Observation {
    let shown = (at + ahead).with_timezone(&tz).naive_local();
    Observation {
        at,
        mac: Reading::Known(mac),
        firmware: Reading::Known(firmware("70.111.00.000.00")),
        device_clock: Reading::Known(shown.with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap()),
        pending: Reading::Known(Vec::new()),
        slots: Reading::Known(BTreeMap::new()),
        registration_pin: unreadable(),
        editors: BTreeMap::new(),
        config_url: None,
        base_stations: Vec::new(),
        notes: Vec::new(),
    }
}

/// The same with a status page that came incomplete: a page is whole or it is nothing.
pub(crate) fn cut(observation: Observation) -> Observation {
    Observation {
        mac: unreadable(),
        firmware: unreadable(),
        device_clock: unreadable(),
        pending: unreadable(),
        ..observation
    }
}

pub(crate) fn firmware(text: &str) -> Firmware {
    text.parse().unwrap()
}
