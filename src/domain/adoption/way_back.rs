//! The way back: what was observed at a managed site before a release that disturbs people, as a site file. Put in place
//! of the site's own it asks for the state from before. What no page shows is taken from the site file of that moment.

use std::collections::BTreeSet;

use super::super::desired::{DesiredManager, DesiredSite, DesiredSlot, PresentSlot, SipAccount};
use super::super::ids::{Ipui, ProviderIndex, SlotNumber};
use super::super::memory::SiteMemory;
use super::super::observed::{Observation, ObservedSlot};
use super::super::release::Version;
use super::super::secret::SecretRef;
use super::super::sighting::{Holder, Sighting, Standing};
use super::super::wording;
use super::slots::{Handset, Naming, Survey, WEB};
use super::{Draft, Remarks, Spot};

/// The site file that leads back to what was observed, before this VERSION is released. It lists the slots that the
/// site file lists, and those whose handset the site file wants elsewhere. `None` when the mobile devices page was not
/// read: nothing follows from it then.
pub fn way_back(
    desired: &DesiredSite,
    memory: &SiteMemory,
    seen: &Observation,
    version: &Version,
) -> Option<Draft> {
    let sighting = Sighting::new(seen, memory)?;
    let survey = Survey::new(seen, &sighting, &Default::default());
    let naming = Naming::new(&desired.name, &desired.manager.password, survey.users());
    let mut back = Back {
        desired,
        memory,
        sighting: &sighting,
        survey: &survey,
        naming: &naming,
        remarks: Remarks::default(),
    };
    back.remark_on_head(seen, version);
    let numbers = back.concerned();
    let slots = numbers.into_iter().filter_map(|number| Some((number, back.slot(number)?))).collect();
    let manager = back.manager();
    let (site, remarks) = (DesiredSite { manager, slots, ..desired.clone() }, back.remarks);
    Some(Draft { site, remarks, unread: survey.unread.clone() })
}

struct Back<'a> {
    desired: &'a DesiredSite,
    memory: &'a SiteMemory,
    sighting: &'a Sighting<'a>,
    survey: &'a Survey<'a>,
    naming: &'a Naming<'a>,
    remarks: Remarks,
}

impl<'a> Back<'a> {
    fn remark_on_head(&mut self, seen: &Observation, version: &Version) {
        let at = wording::clock(wording::local(seen.at, self.desired.time_zone));
        let remarks = [
            format!("The way back: site {} as it was observed at {at}, before VERSION {version}.", self.desired.name),
            "Put in place of the site file it asks for that state again; look at the plan first, which may need approval. \
             What no page shows is as the site file had it then: logins, passwords, providers, mailboxes, PIN, window."
                .to_owned(),
        ];
        remarks.into_iter().for_each(|remark| self.remarks.add(Spot::Top, remark));
        if !self.survey.unread.is_empty() {
            let unread = self.survey.unread.join("; ");
            self.remarks.add(Spot::Top, format!("NOT WHOLE: not everything was read then: {unread}."));
        }
    }

    /// The slots whose state the site file may change.
    fn concerned(&self) -> BTreeSet<SlotNumber> {
        let wanted: BTreeSet<Ipui> = self.desired.slots.values().filter_map(DesiredSlot::ipui).collect();
        let holds_one = |number: &SlotNumber| {
            self.survey.holds(*number).and_then(Handset::ipui).is_some_and(|ipui| wanted.contains(&ipui))
        };
        let others = self.survey.accounts().map(|(number, _)| number).filter(holds_one);
        self.desired.slots.keys().copied().chain(others).collect()
    }

    fn slot(&mut self, number: SlotNumber) -> Option<DesiredSlot> {
        match self.sighting.account(number) {
            Some(account) => Some(DesiredSlot::Present(self.with_account(number, account))),
            None => self.without_account(number),
        }
    }

    fn with_account(&mut self, number: SlotNumber, account: &ObservedSlot) -> PresentSlot {
        let wanted = self.desired.slots.get(&number);
        let user = self.survey.user(number, account, &mut self.remarks);
        let source = user.as_deref().and_then(|user| self.source_of(number, user));
        let mailbox = source.and_then(|slot| slot.mailbox.clone());
        let sip = user.map(|user| self.account(number, user, source));
        let name = self.survey.display_name(number, account, &mut self.remarks);
        let was_blank = account.display_name.is_none();
        let takes_name = wanted.and_then(DesiredSlot::display_name).filter(|_| was_blank);
        if self.survey.holds(number) == Some(&Handset::Nobody)
            && let Some(ipui) = wanted.and_then(DesiredSlot::ipui)
        {
            let remark = format!(
                "slot {number} held no handset; a site file cannot ask for that alone: {ipui} is taken out by hand"
            );
            self.remarks.add(Spot::Slot(number), remark);
        }
        PresentSlot {
            ipui: self.survey.handset(number, &mut self.remarks),
            display_name: name.or(takes_name.map(|_| String::new())),
            sip,
            mailbox,
        }
    }

    /// The slot of the site file that has this user: this one, or the only other one.
    fn source_of(&self, number: SlotNumber, user: &str) -> Option<&'a PresentSlot> {
        let of_user = |slot: &&DesiredSlot| slot.user() == Some(user);
        let mut others = self.desired.slots.values().filter(of_user);
        let slot = match self.desired.slots.get(&number).filter(of_user) {
            Some(own) => own,
            None => others.next().filter(|_| others.next().is_none())?,
        };
        match slot {
            DesiredSlot::Present(slot) => Some(slot),
            DesiredSlot::Absent => None,
        }
    }

    /// The account of this user: as the site file has it, else with what no page shows yet to be filled.
    fn account(&mut self, number: SlotNumber, user: String, source: Option<&PresentSlot>) -> SipAccount {
        let own_name = self.naming.sip(number, &user);
        match source.and_then(|slot| slot.sip.clone()) {
            Some(mut known) => {
                if let Some(password) = &mut known.password
                    && let SecretRef::Literal(_) = password
                {
                    *password = own_name;
                    self.remarks.add(
                        Spot::Account(number),
                        "the site file had the password in itself: fill this one",
                    );
                }
                known
            }
            None => {
                self.remarks.add(
                    Spot::Account(number),
                    "not in the site file then: check before the password is filled",
                );
                SipAccount {
                    login: user.clone(),
                    password: Some(own_name),
                    account_name: user.clone(),
                    provider: self.provider(number),
                    user,
                }
            }
        }
    }

    /// A provider for an account that the site file does not know.
    fn provider(&self, number: SlotNumber) -> ProviderIndex {
        let own = self.desired.slots.get(&number).and_then(|slot| match slot {
            DesiredSlot::Present(slot) => slot.sip.as_ref().map(|sip| sip.provider),
            DesiredSlot::Absent => None,
        });
        own.or_else(|| self.desired.providers.keys().next().copied()).unwrap_or_default()
    }

    /// A slot that no page showed: it was empty, or its account was off.
    fn without_account(&mut self, number: SlotNumber) -> Option<DesiredSlot> {
        let wanted = self.desired.slots.get(&number).and_then(DesiredSlot::ipui);
        let handset_alone =
            |ipui| Some(DesiredSlot::Present(PresentSlot { ipui: Some(ipui), ..PresentSlot::default() }));
        let remembered = self.memory.slots.get(&number).and_then(|record| record.registered_ipui);
        let was_reserved = |ipui: &Ipui| self.sighting.standing(number, *ipui) == Standing::Reserved;
        let free = |ipui: &Ipui| !self.survey.shows(*ipui);
        match self.sighting.holder(number) {
            Holder::Nobody => match wanted.filter(was_reserved) {
                Some(ipui) => {
                    self.remarks.add(
                        Spot::Slot(number),
                        format!("slot {number}: its account was off, and stays as it is"),
                    );
                    handset_alone(ipui)
                }
                None => {
                    self.remarks
                        .add(Spot::Slot(number), format!("slot {number} had no account and no handset"));
                    Some(DesiredSlot::Absent)
                }
            },
            Holder::Hidden
            | Holder::NotRead
            | Holder::Unreadable
            | Holder::Registered(_)
            | Holder::Reserved(_) => {
                let remark = format!("slot {number}: its account was off, with a handset in it");
                self.remarks.add(Spot::Slot(number), remark);
                remembered.filter(free).and_then(handset_alone)
            }
        }
    }

    /// The manager's table, less the secrets that the site file has in itself.
    fn manager(&mut self) -> DesiredManager {
        let mut manager = self.desired.manager.clone();
        let mut was_literal = false;
        let mut named = |reference: &mut SecretRef, what: &str| {
            if let SecretRef::Literal(_) = reference {
                *reference = self.naming.named(what);
                was_literal = true;
            }
        };
        named(&mut manager.password, WEB);
        if let Some(digest) = &mut manager.digest {
            digest.mac_id_tail.iter_mut().for_each(|tail| named(tail, "mac-id"));
            digest.user.iter_mut().for_each(|(_, password)| named(password, "digest"));
        }
        if was_literal {
            self.remarks.add(Spot::Password, "the site file had secrets of this table in itself: fill these");
        }
        manager
    }
}
