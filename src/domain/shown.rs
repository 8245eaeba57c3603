//! What the pages have shown as the site file wants it, and since when they show something else: the grounds on which
//! a change is called one by hand. Only what a page shows can be among it; nothing is planned here.
//!
//! A value that never was in place cannot have been changed, and neither can one whose firmware does not show it. While
//! a push settles, or one of ours is under way that carries something else, nobody else is held to have done it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desired::{DesiredSite, DesiredSlot, Pin, PresentSlot};
use super::fingerprint::{self, PIN_PART};
use super::ids::{Ipui, SlotNumber};
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::Cause;
use super::release::Generation;
use super::sighting::{Holder, Sighting, Standing};

/// What was seen in place at one manager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Whether it is followed already: an n720d that did not do so has left nothing here.
    #[serde(default)]
    pub followed: bool,
    /// Listed slots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<SlotNumber, ShownSlot>,
    /// The registration PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<InPlace<Pin>>,
}

/// What was seen in place in one slot; `None`: that was never seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShownSlot {
    /// An active account of this user; `None` within: no account and no handset, as `state = "absent"` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<InPlace<Option<String>>>,
    /// This display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<InPlace<String>>,
    /// This handset, registered or reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handset: Option<InPlace<Ipui>>,
}

/// A value that the site file asked for and a page showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlace<T> {
    /// As it was asked for and shown.
    pub was: T,
    /// When a page first showed something else, with nothing of ours under way that could have done it. `None`: it is
    /// still in place, or the site file asks for something else by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<DateTime<Utc>>,
}

impl<T: PartialEq> InPlace<T> {
    /// How it came about that a page shows something else than `wanted`.
    pub fn cause(in_place: Option<&Self>, wanted: &T) -> Cause {
        match in_place {
            None => Cause::NotYet,
            Some(known) if known.was != *wanted => Cause::SiteFile,
            Some(known) => known.gone_at.map_or(Cause::UnderWay, |since| Cause::ByHand { since }),
        }
    }
}

/// What was seen in place once this observation is entered, the one before still being in the memory. `wanted` are the
/// parts of the content that the site file asks for, `settled` whether the last push has had its time.
///
/// The first time on a manager that had been read before, by an n720d that kept no record, what was verified stands for
/// what was shown: otherwise whatever was changed meanwhile would be put back in silence.
pub(super) fn after(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
    wanted: &BTreeMap<String, Generation>,
    settled: bool,
) -> Shown {
    let taken_over = !memory.shown.followed && memory.observation.is_some();
    let entry = Entry { memory, wanted, settled, taken_over, at: observation.at };
    let pin = desired.registration.as_ref().and_then(|policy| policy.pin).and_then(|pin| {
        let shows = observation.registration_pin.known().map(|shown| *shown == pin);
        entry.follow(memory.shown.pin.clone(), &pin, shows, PIN_PART)
    });
    let sighting = Sighting::new(observation, memory);
    let of_slot = |(&number, slot): (&SlotNumber, &DesiredSlot)| {
        let before = memory.shown.slots.get(&number).cloned().unwrap_or_default();
        let after = match &sighting {
            Some(sighting) => entry.of_slot(sighting, number, slot, &before),
            None => before,
        };
        (after != ShownSlot::default()).then_some((number, after))
    };
    let slots = desired.slots.iter().filter_map(of_slot).collect();
    Shown { followed: !taken_over || sighting.is_some(), slots, pin }
}

/// What an observation is entered with.
struct Entry<'a> {
    memory: &'a SiteMemory,
    wanted: &'a BTreeMap<String, Generation>,
    settled: bool,
    /// Whether an n720d without this record has read the manager before.
    taken_over: bool,
    at: DateTime<Utc>,
}

impl Entry<'_> {
    fn of_slot(
        &self,
        sighting: &Sighting<'_>,
        number: SlotNumber,
        slot: &DesiredSlot,
        before: &ShownSlot,
    ) -> ShownSlot {
        match slot {
            DesiredSlot::Absent => {
                let empty = sighting.account(number).is_none() && sighting.holder(number) == Holder::Nobody;
                let part = fingerprint::sign_on_part(number);
                let known = self.known(before.account.as_ref(), &None, &part);
                let account = self.follow(known, &None, Some(empty), &part);
                ShownSlot { account, ..ShownSlot::default() }
            }
            DesiredSlot::Present(slot) => ShownSlot {
                account: self.of_account(sighting, number, slot, before),
                name: self.of_name(sighting, number, slot, before),
                handset: self.of_handset(sighting, number, slot, before),
            },
        }
    }

    fn of_account(
        &self,
        sighting: &Sighting<'_>,
        number: SlotNumber,
        slot: &PresentSlot,
        before: &ShownSlot,
    ) -> Option<InPlace<Option<String>>> {
        let user = Some(slot.sip.as_ref()?.user.clone());
        let seen = sighting.account(number);
        let shows =
            seen.is_some_and(|seen| comparable(seen.user_id.as_deref()) == comparable(user.as_deref()));
        let part = fingerprint::sign_on_part(number);
        self.follow(self.known(before.account.as_ref(), &user, &part), &user, Some(shows), &part)
    }

    fn of_name(
        &self,
        sighting: &Sighting<'_>,
        number: SlotNumber,
        slot: &PresentSlot,
        before: &ShownSlot,
    ) -> Option<InPlace<String>> {
        let name = slot.display_name.as_ref()?;
        let seen = sighting.account(number);
        let shows = seen.map(|seen| comparable(seen.display_name.as_deref()) == comparable(Some(name)));
        let part = fingerprint::labels_part(number);
        self.follow(self.known(before.name.as_ref(), name, &part), name, shows, &part)
    }

    /// Only what names the handset counts: a page that shows some handset leaves open which one it is.
    fn of_handset(
        &self,
        sighting: &Sighting<'_>,
        number: SlotNumber,
        slot: &PresentSlot,
        before: &ShownSlot,
    ) -> Option<InPlace<Ipui>> {
        let ipui = slot.ipui?;
        let part = fingerprint::handset_part(number);
        let known = before.handset.clone();
        match (sighting.holder(number), sighting.standing(number, ipui)) {
            (Holder::Registered(shown) | Holder::Reserved(Some(shown)), _) if shown == ipui => {
                self.follow(known, &ipui, Some(true), &part)
            }
            (_, Standing::Wanting(_)) => {
                self.follow(self.known(known.as_ref(), &ipui, &part), &ipui, Some(false), &part)
            }
            // Whoever is there may have been taken for the wanted one all the time.
            (_, Standing::InTheWay(..)) => self.follow(known, &ipui, Some(false), &part),
            (
                _,
                Standing::Unknown
                | Standing::Registered
                | Standing::RegisteredUnseen
                | Standing::Reserved
                | Standing::Doubtful(_),
            ) => self.follow(known, &ipui, None, &part),
        }
    }

    /// What was shown in place; where nobody kept a record, what a release that was seen in effect carried, or what was
    /// found in place and agreed with the site file.
    fn known<T: Clone>(&self, shown: Option<&InPlace<T>>, wanted: &T, part: &str) -> Option<InPlace<T>> {
        let verified = || {
            (self.taken_over && self.was_verified(part))
                .then(|| InPlace { was: wanted.clone(), gone_at: None })
        };
        shown.cloned().or_else(verified)
    }

    /// What is known of a value after a page showed it (or not, or nothing of it).
    fn follow<T: PartialEq + Clone>(
        &self,
        before: Option<InPlace<T>>,
        wanted: &T,
        shows: Option<bool>,
        part: &str,
    ) -> Option<InPlace<T>> {
        if shows == Some(true) {
            return Some(InPlace { was: wanted.clone(), gone_at: None });
        }
        let InPlace { was, gone_at } = before?;
        let gone_at = if was != *wanted {
            None
        } else if shows == Some(false) && self.settled && !self.may_be_ours(part) {
            gone_at.or(Some(self.at))
        } else {
            gone_at
        };
        Some(InPlace { was, gone_at })
    }

    /// Whether a release that was not seen in effect so far carries this part otherwise than it is wanted: the manager
    /// may have fetched it at any time.
    fn may_be_ours(&self, part: &str) -> bool {
        let mut unseen = self.releases().take_while(|(_, verified)| !verified);
        unseen.any(|(parts, _)| parts.get(part).is_some_and(|carried| self.wanted.get(part) != Some(carried)))
    }

    /// Whether the last content that was seen in effect carried this part as it is wanted.
    fn was_verified(&self, part: &str) -> bool {
        let baseline = self.memory.baseline.as_ref().map(|_| &self.memory.baseline_parts);
        let verified = self.releases().find(|(_, verified)| *verified).map(|(parts, _)| parts);
        let carried = verified.or(baseline).and_then(|parts| parts.get(part));
        carried.is_some() && carried == self.wanted.get(part)
    }

    /// The parts of every release, the last one first, and whether it was seen in effect.
    fn releases(&self) -> impl Iterator<Item = (&BTreeMap<String, Generation>, bool)> {
        let last = self.memory.release.iter().map(|last| (&last.parts, last.progress.verified_at.is_some()));
        last.chain(self.memory.past_releases.iter().map(|past| (&past.parts, past.verified)))
    }
}

/// A text as both sides can be compared in: an empty cell and none are the same, and so is the space around it.
pub(super) fn comparable(text: Option<&str>) -> &str {
    text.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
