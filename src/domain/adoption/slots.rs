//! What an observation tells of each slot, in terms of a site file: who is in it, which texts can be listed, how its
//! password is to be named; and of what it tells nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::device_text;
use super::super::ids::{Ipui, SiteName, SlotNumber};
use super::super::observed::{Observation, ObservedSlot};
use super::super::secret::SecretRef;
use super::super::sighting::{Holder, Sighting};
use super::{Remarks, Spot};

/// Who is in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Handset {
    /// Nobody.
    Nobody,
    /// This one, registered.
    Registered(Ipui),
    /// This one, reserved and not registered.
    Reserved(Ipui),
    /// Somebody; which one cannot be listed, for this reason.
    Unlisted(String),
}

/// All slots of one observation.
pub(super) struct Survey<'a> {
    seen: &'a Observation,
    handsets: BTreeMap<SlotNumber, Handset>,
    /// Reservations of which no page tells the slot.
    loose: Vec<Ipui>,
    /// What could not be read.
    pub(super) unread: Vec<String>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(
        seen: &'a Observation,
        sighting: &Sighting<'_>,
        listed: &BTreeMap<Ipui, SiteName>,
    ) -> Self {
        let mut survey = Self { seen, handsets: BTreeMap::new(), loose: Vec::new(), unread: Vec::new() };
        survey.unread.extend(seen.pending.why_not().map(|why| format!("who is reserved: {why}")));
        survey.unread.extend(seen.device_clock.why_not().map(|why| format!("the manager's clock: {why}")));
        let numbers: Vec<SlotNumber> = survey.accounts().map(|(number, _)| number).collect();
        for number in numbers {
            let handset = survey.find(number, sighting.holder(number));
            survey.handsets.insert(number, handset);
        }
        survey.no_handset_twice();
        survey.not_those_of_others(listed);
        let placed: BTreeSet<Ipui> = survey.handsets.values().filter_map(Handset::ipui).collect();
        let pending = seen.pending.known().into_iter().flatten();
        survey.loose = pending.copied().filter(|ipui| !placed.contains(ipui)).collect();
        survey
    }

    /// The active accounts.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (SlotNumber, &'a ObservedSlot)> + use<'a> {
        self.seen.slots.known().into_iter().flatten().map(|(&number, account)| (number, account))
    }

    /// Their users.
    pub(super) fn users(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.accounts().filter_map(|(_, account)| account.user_id.as_deref())
    }

    fn find(&mut self, number: SlotNumber, holder: Holder) -> Handset {
        match holder {
            Holder::Nobody => Handset::Nobody,
            Holder::Registered(ipui) => Handset::Registered(ipui),
            Holder::Reserved(Some(ipui)) => Handset::Reserved(ipui),
            Holder::Reserved(None) if self.seen.pending.known().is_some() => Handset::Unlisted(
                "it is reserved for a handset, and no page tells which of those below this is".to_owned(),
            ),
            Holder::Reserved(None) => {
                Handset::Unlisted("it is reserved for a handset; which one could not be read".to_owned())
            }
            Holder::NotRead | Holder::Unreadable | Holder::Hidden => {
                let reading = self.seen.editors.get(&number);
                let why = match reading.map(|reading| reading.why_not()) {
                    Some(Some(why)) => why,
                    Some(None) => "its editor page shows no handset, the mobile devices page shows one",
                    None => "its editor page was not read",
                };
                self.unread.push(format!("which handset is in slot {number}: {why}"));
                Handset::Unlisted(format!("a handset is registered; which one could not be read: {why}"))
            }
        }
    }

    /// One handset in two slots is in neither for certain: it moved between two pages, or a page is wrong.
    fn no_handset_twice(&mut self) {
        let mut times: BTreeMap<Ipui, usize> = BTreeMap::new();
        self.handsets
            .values()
            .filter_map(Handset::ipui)
            .for_each(|ipui| *times.entry(ipui).or_default() += 1);
        for (number, handset) in &mut self.handsets {
            if let Some(ipui) = handset.ipui().filter(|ipui| times.get(ipui).is_some_and(|times| *times > 1))
            {
                self.unread
                    .push(format!("which handset is in slot {number}: {ipui} is shown in another slot too"));
                *handset = Handset::Unlisted(format!("{ipui} is shown in another slot too"));
            }
        }
    }

    /// A handset that another site file lists cannot be listed here too: neither file could be used then.
    fn not_those_of_others(&mut self, listed: &BTreeMap<Ipui, SiteName>) {
        for handset in self.handsets.values_mut() {
            let home = handset.ipui().and_then(|ipui| Some((ipui, listed.get(&ipui)?)));
            if let Some((ipui, site)) = home {
                *handset = Handset::Unlisted(format!(
                    "{ipui} is here, and listed in the file of site {site}: take it out there before it is listed here"
                ));
            }
        }
    }

    /// The handset of a slot, if it can be listed.
    pub(super) fn handset(&self, number: SlotNumber, remarks: &mut Remarks) -> Option<Ipui> {
        match self.handsets.get(&number)? {
            Handset::Nobody => None,
            Handset::Registered(ipui) => {
                remarks.add(Spot::Handset(number), "registered");
                Some(*ipui)
            }
            Handset::Reserved(ipui) => {
                remarks.add(Spot::Handset(number), "reserved, not registered; no window is opened for it");
                Some(*ipui)
            }
            Handset::Unlisted(why) => {
                remarks.add(Spot::Slot(number), format!("slot {number}: {why}"));
                None
            }
        }
    }

    /// Who is in a slot that has an account.
    pub(super) fn holds(&self, number: SlotNumber) -> Option<&Handset> {
        self.handsets.get(&number)
    }

    /// Whether a slot with an account is known to hold this handset.
    pub(super) fn shows(&self, ipui: Ipui) -> bool {
        self.handsets.values().any(|handset| handset.ipui() == Some(ipui))
    }

    /// The user of an account, if it can be listed.
    pub(super) fn user(
        &self,
        number: SlotNumber,
        account: &ObservedSlot,
        remarks: &mut Remarks,
    ) -> Option<String> {
        let Some(user) = account.user_id.as_deref() else {
            remarks.add(Spot::Slot(number), format!("slot {number}: its account shows no SIP user"));
            return None;
        };
        self.text(number, "SIP user", user, device_text::SIP_LIMIT, remarks)
    }

    /// The display name of an account, if it has one that can be listed.
    pub(super) fn display_name(
        &self,
        number: SlotNumber,
        account: &ObservedSlot,
        remarks: &mut Remarks,
    ) -> Option<String> {
        let name = account.display_name.as_deref()?;
        self.text(number, "display name", name, device_text::DISPLAY_NAME_LIMIT, remarks)
    }

    /// A text of the manager's, if it could be given to one.
    fn text(
        &self,
        number: SlotNumber,
        what: &str,
        text: &str,
        limit: usize,
        remarks: &mut Remarks,
    ) -> Option<String> {
        match device_text::check(text, limit) {
            Ok(()) => Some(text.to_owned()),
            Err(expected) => {
                let remark = format!(
                    "slot {number}: its {what} {text:?} cannot be listed, expected {expected}; it stays as it is"
                );
                remarks.add(Spot::Slot(number), remark);
                None
            }
        }
    }

    /// Marks the slots without an active account, and which of them the next handset added by hand takes: the first
    /// free one (n720.md section 3).
    pub(super) fn remark_on_gaps(&self, remarks: &mut Remarks) {
        let taken: BTreeSet<SlotNumber> = self.accounts().map(|(number, _)| number).collect();
        let mut free = SlotNumber::all().filter(|number| !taken.contains(number)).peekable();
        let mut is_first = true;
        while let Some(first) = free.next() {
            let mut last = first;
            while let Some(next) = free.next_if(|next| next.number() == last.number() + 1) {
                last = next;
            }
            let range = if first == last {
                format!("slot {first} is free")
            } else {
                format!("slots {first}-{last} are free")
            };
            let remark = match (is_first, first == last) {
                (true, true) => format!("{range}: the next handset added by hand lands here"),
                (true, false) => format!("{range}: the next handset added by hand lands in slot {first}"),
                (false, _) => range,
            };
            remarks.add(Spot::Slot(first), remark);
            is_first = false;
        }
    }

    /// Names the reservations that no slot could be given.
    pub(super) fn remark_on_loose_reservations(&self, remarks: &mut Remarks) {
        for ipui in &self.loose {
            let remark = format!(
                "{ipui} is reserved, and no page tells for which slot: an account is off, or this changed while it was read"
            );
            remarks.add(Spot::End, remark);
        }
    }
}

impl Handset {
    pub(super) fn ipui(&self) -> Option<Ipui> {
        match self {
            Self::Registered(ipui) | Self::Reserved(ipui) => Some(*ipui),
            Self::Nobody | Self::Unlisted(_) => None,
        }
    }
}

/// How the secrets of an adopted site are named.
pub(super) struct Naming<'a> {
    site: &'a SiteName,
    /// They are systemd credentials, as the web password is; else they are in the keyring.
    are_credentials: bool,
    /// How many accounts have this user.
    users: BTreeMap<&'a str, usize>,
}

impl<'a> Naming<'a> {
    pub(super) fn new(
        site: &'a SiteName,
        password: &SecretRef,
        users: impl Iterator<Item = &'a str>,
    ) -> Self {
        let are_credentials = match password {
            SecretRef::Credential(_) => true,
            SecretRef::Keyring(_) | SecretRef::File(_) | SecretRef::Env(_) | SecretRef::Literal(_) => false,
        };
        let mut times = BTreeMap::new();
        users.for_each(|user| *times.entry(user).or_default() += 1);
        Self { site, are_credentials, users: times }
    }

    /// The password of a SIP account: named after its user where that names one account, else after its slot.
    pub(super) fn sip(&self, number: SlotNumber, user: &str) -> SecretRef {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let is_one = self.users.get(user).is_none_or(|times| *times == 1);
        let is_name = user.chars().all(plain) && !user.chars().all(|c| c == '.') && user != WEB;
        if is_one && is_name { self.named(user) } else { self.named(&format!("slot-{number}")) }
    }

    /// Another secret of the site.
    pub(super) fn named(&self, what: &str) -> SecretRef {
        let site = self.site;
        if self.are_credentials {
            SecretRef::Credential(format!("{site}-{what}"))
        } else {
            SecretRef::Keyring(format!("{site}/{what}"))
        }
    }
}

/// What the web password of a site is called.
pub(super) const WEB: &str = "web";

/// Where the web password of a site is kept unless somebody says otherwise.
pub fn web_reference(site: &SiteName) -> SecretRef {
    SecretRef::Keyring(format!("{site}/{WEB}"))
}
