//! Adoption: what a site file would say of a DECT manager in service, and what no page tells.
//!
//! The file made of an observation asks for what was observed and for nothing else, so that its plan is empty, in mode
//! `manage` too: it lists what a page has told of a slot and leaves out what none has. `way_back` makes one of a managed
//! site before a release that disturbs people. Nothing here knows how a site file is written.

mod slots;
mod way_back;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use self::slots::{Naming, Survey};
use super::desired::{
    ApprovalRule, DesiredManager, DesiredSite, DesiredSlot, Mode, PresentSlot, Provider, SipAccount, Trigger,
    WindowClock,
};
use super::device_clock;
use super::ids::{Ipui, Mac, ProviderIndex, SiteName, SlotNumber};
use super::memory::SiteMemory;
use super::observed::{Observation, ObservedSlot};
use super::secret::SecretRef;
use super::sighting::Sighting;
use super::wording;

pub use self::slots::web_reference;
pub use self::way_back::way_back;

/// A clock that is off by no more than this is taken for right: the page shows whole minutes.
const CLOCK_TOLERANCE_SECONDS: i64 = 120;

/// A site file in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it asks for. Holds no literal secret.
    pub site: DesiredSite,
    /// What it says to whoever reads it.
    pub remarks: Remarks,
    /// What could not be read and is therefore missing from it; empty: it says all that the pages tell.
    pub unread: Vec<String>,
}

/// Remarks by where they stand, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remarks(BTreeMap<Spot, Vec<String>>);

/// Where in a site file a remark stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// Above everything.
    Top,
    /// At the description.
    Description,
    /// At the time zone.
    TimeZone,
    /// At the mode.
    Mode,
    /// At the web password.
    Password,
    /// Above a provider.
    Provider(ProviderIndex),
    /// Above the first slot.
    Slots,
    /// Above a slot, or where it would be.
    Slot(SlotNumber),
    /// At the handset of a slot.
    Handset(SlotNumber),
    /// At the SIP account of a slot.
    Account(SlotNumber),
    /// Below everything.
    End,
}

impl Remarks {
    /// The remarks at one spot.
    pub fn at(&self, spot: Spot) -> &[String] {
        self.0.get(&spot).map_or(&[], Vec::as_slice)
    }

    /// The slots with remarks above them, also those that are not listed.
    pub fn slots(&self) -> impl Iterator<Item = SlotNumber> {
        self.0.keys().filter_map(|spot| match spot {
            Spot::Slot(number) => Some(*number),
            Spot::Top
            | Spot::Description
            | Spot::TimeZone
            | Spot::Mode
            | Spot::Password
            | Spot::Provider(_)
            | Spot::Slots
            | Spot::Handset(_)
            | Spot::Account(_)
            | Spot::End => None,
        })
    }

    fn add(&mut self, spot: Spot, remark: impl Into<String>) {
        self.0.entry(spot).or_default().push(remark.into());
    }
}

/// A manager to be adopted, and what is to be said of it that its pages do not show.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What the site is to be called.
    pub name: &'a SiteName,
    /// Host name or address of the web interface.
    pub host: &'a str,
    /// Its TCP port.
    pub port: u16,
    /// The web password, as the site file is to name it.
    pub password: &'a SecretRef,
    /// The zone that its clock is taken to show.
    pub time_zone: Tz,
    /// The handsets that other site files list, and which do: a handset is listed once in the fleet.
    pub listed: &'a BTreeMap<Ipui, SiteName>,
}

/// Why no site file can be made of an observation: without this page there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no site file can be made without {what}, which could not be read: {why}; try again")]
pub struct Unadoptable {
    /// What is missing.
    pub what: &'static str,
    /// Why it could not be read.
    pub why: String,
}

/// Makes the site file of a manager in service. The observation should hold the editor page of every registered
/// handset; what it lacks is left out of the file, remarked on there, and named in [`Draft::unread`].
///
/// # Errors
/// When the MAC or the mobile devices page was not read.
pub fn adopt(candidate: &Candidate<'_>, seen: &Observation) -> Result<Draft, Unadoptable> {
    let missing = |what, why: Option<&str>| Unadoptable { what, why: why.unwrap_or_default().to_owned() };
    let mac = *seen.mac.known().ok_or_else(|| missing("the manager's MAC", seen.mac.why_not()))?;
    let memory = SiteMemory::default();
    let sighting = Sighting::new(seen, &memory)
        .ok_or_else(|| missing("the mobile devices page", seen.slots.why_not()))?;
    let survey = Survey::new(seen, &sighting, candidate.listed);
    let mut draft =
        Draft { site: bare_site(candidate, mac), remarks: Remarks::default(), unread: survey.unread.clone() };
    remark_on_head(&mut draft, candidate, seen);
    let mut indexes = Indexes::default();
    let naming = Naming::new(candidate.name, candidate.password, survey.users());
    for (number, account) in survey.accounts() {
        list(&mut draft, &survey, &naming, &mut indexes, number, account);
    }
    for (&index, name) in &indexes.names {
        draft.site.providers.insert(index, Provider::default());
        draft.remarks.add(Spot::Provider(index), provider_remark(name.as_deref()));
    }
    if draft.site.slots.values().any(|slot| slot.user().is_some()) {
        draft.remarks.add(Spot::Slots, PASSWORDS);
    }
    survey.remark_on_gaps(&mut draft.remarks);
    survey.remark_on_loose_reservations(&mut draft.remarks);
    Ok(draft)
}

const PASSWORDS: &str = "No page shows the password, login, account name and provider of a SIP account. Each password is a \
    reference that is yet to be filled, and nothing of a slot is sent to the manager before its own can be resolved. From \
    then on login, account name (the user, unless it is given) and provider are sent as this file has them: check them \
    before you fill a password.";

fn provider_remark(name: Option<&str>) -> String {
    let shown = match name {
        Some(name) => format!("shown as {name:?}; "),
        None => String::new(),
    };
    format!(
        "{shown}no page shows which index a provider has: correct it, here and in the slots, before a password is filled. \
         Nothing is asked of it here: it stays as it was set up by hand"
    )
}

/// The site without its slots.
fn bare_site(candidate: &Candidate<'_>, mac: Mac) -> DesiredSite {
    DesiredSite {
        name: candidate.name.clone(),
        description: candidate.name.to_string(),
        contact: String::new(),
        labels: BTreeMap::new(),
        time_zone: candidate.time_zone,
        mode: Mode::Observe,
        manager: DesiredManager {
            host: candidate.host.to_owned(),
            port: candidate.port,
            mac,
            password: candidate.password.clone(),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: None,
        providers: BTreeMap::new(),
        maintenance: None,
        approval: ApprovalRule::default(),
        slots: BTreeMap::new(),
    }
}

fn remark_on_head(draft: &mut Draft, candidate: &Candidate<'_>, seen: &Observation) {
    let at = wording::clock(wording::local(seen.at, candidate.time_zone));
    let remarks = &mut draft.remarks;
    remarks.add(Spot::Top, format!("The DECT manager at {}, as it was found at {at}.", candidate.host));
    remarks.add(
        Spot::Top,
        "This file asks for what is there and for nothing else: until it is edited there is nothing to do, in mode \
         manage too. Look at it, and at what is marked in it, before you switch that on.",
    );
    if !draft.unread.is_empty() {
        remarks.add(
            Spot::Top,
            "NOT WHOLE: not everything could be read. What is missing is marked where it would be:",
        );
        draft.unread.iter().for_each(|what| remarks.add(Spot::Top, format!("- {what}")));
    }
    if let Some(firmware) = seen.firmware.known().filter(|firmware| !firmware.registers_by_ipui()) {
        let remark = format!(
            "Firmware {firmware} cannot register by IPUI: n720d only watches until it is updated to 70.108 or later."
        );
        remarks.add(Spot::Top, remark);
    }
    remarks.add(Spot::Description, "for people: whose site this is");
    remarks.add(Spot::Mode, "read, compare, alert, never write");
    match seen.device_clock.known() {
        None => {
            remarks.add(Spot::TimeZone, "to be checked: the manager's clock could not be read");
        }
        Some(clock) => {
            let skew = device_clock::skew_seconds(*clock, seen.at, candidate.time_zone);
            remarks.add(Spot::TimeZone, clock_remark(skew));
        }
    }
}

/// What the clock of a manager says about the zone that is given for it.
fn clock_remark(skew_seconds: i64) -> String {
    if skew_seconds.abs() <= CLOCK_TOLERANCE_SECONDS {
        return "the manager's clock agrees with it".to_owned();
    }
    let off = wording::spoken(chrono::TimeDelta::seconds(skew_seconds.saturating_abs()));
    let way = if skew_seconds < 0 { "behind" } else { "ahead of" };
    format!("to be checked: the manager's clock is {off} {way} this zone")
}

/// Lists a slot as far as its account and handset can be listed, and remarks on the rest.
fn list(
    draft: &mut Draft,
    survey: &Survey<'_>,
    naming: &Naming<'_>,
    indexes: &mut Indexes,
    number: SlotNumber,
    account: &ObservedSlot,
) {
    let remarks = &mut draft.remarks;
    let sip = survey.user(number, account, remarks).map(|user| {
        remarks.add(Spot::Account(number), "check before the password is filled");
        SipAccount {
            password: Some(naming.sip(number, &user)),
            login: user.clone(),
            account_name: user.clone(),
            provider: indexes.of(account.provider.as_deref()),
            user,
        }
    });
    let slot = PresentSlot {
        ipui: survey.handset(number, remarks),
        display_name: survey.display_name(number, account, remarks),
        sip,
        mailbox: None,
    };
    if slot == PresentSlot::default() {
        remarks
            .add(Spot::Slot(number), format!("slot {number} has an account of which nothing can be listed"));
    } else {
        draft.site.slots.insert(number, DesiredSlot::Present(slot));
    }
}

/// Indexes given to the names of providers, in the order in which they come up.
#[derive(Debug, Default)]
struct Indexes {
    names: BTreeMap<ProviderIndex, Option<String>>,
}

impl Indexes {
    /// The index of a provider by its name. The manager has ten; names beyond them share the last.
    fn of(&mut self, name: Option<&str>) -> ProviderIndex {
        let known = self.names.iter().find(|(_, known)| known.as_deref() == name).map(|(index, _)| *index);
        known.unwrap_or_else(|| {
            let next = u8::try_from(self.names.len()).ok().and_then(ProviderIndex::new);
            match next {
                Some(next) => {
                    self.names.insert(next, name.map(str::to_owned));
                    next
                }
                None => self.names.keys().next_back().copied().unwrap_or_default(),
            }
        })
    }
}

#[cfg(test)]
mod tests;
