//! Drift: where a DECT manager differs from its site file, and what each difference would cost to mend.
//!
//! Two ways to see one. *Visible*: both sides in one comparable form, only what the pages show. *Unseen*: what no page
//! shows is compared with what was last released (or found in place). How a visible one came about is told from what
//! the pages have shown before; the words for it are in `explain`. Whether something is done about an item, and when,
//! is decided elsewhere.

mod explain;
mod hits;
mod relocation;

use std::collections::{BTreeMap, BTreeSet};

use self::explain::Explain;
use super::desired::{DesiredSite, DesiredSlot, Pin, PresentSlot};
use super::fingerprint::{self, PIN_PART};
use super::ids::{ProviderIndex, SlotNumber};
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::{Action, Cause, Hit, Impact, Relocation};
use super::release::Generation;
use super::shown::{InPlace, ShownSlot, comparable};
use super::sighting::{Holder, Sighting, Standing};

/// One difference; it ends as exactly one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftItem {
    /// What would mend it.
    pub action: Action,
    /// In which slot; `None`: on the manager as a whole.
    pub slot: Option<SlotNumber>,
    /// What people would notice. [`Impact::Deregisters`] also where it cannot be ruled out.
    pub impact: Impact,
    /// The extensions it would touch, those seen on the device included.
    pub who: Vec<String>,
    /// What was seen and what is wanted, for a person; with who did it, where that is told.
    pub why: String,
    /// How it came about; of several differences in one item the gravest.
    pub cause: Cause,
    /// The parts of the content (as in [`fingerprint::parts`]) whose release would mend it.
    pub parts: BTreeSet<String>,
    /// Those of them that the pages show otherwise than wanted, each with what was seen and what is wanted.
    pub amiss: BTreeMap<String, String>,
    /// Whether the pages show it, rather than only that other content was released.
    pub visible: bool,
    /// The slot whose editor page has to come before it can be told whether mending this deregisters its handset.
    pub unread: Option<SlotNumber>,
    /// The phones that mending it disturbs. A phone may be hit by several items, such as both of a swap.
    pub hits: Vec<Hit>,
    /// Where its handset comes from or goes to, of one that changes its place.
    pub relocation: Option<Relocation>,
    /// What stands in the way of a handset that another site's manager still holds; `None`: nothing of that kind.
    pub barrier: Option<Barrier>,
}

/// A handset is wanted here and registered at another site: to reserve it here is a decision about that site too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barrier {
    /// Why a person has to approve it first, and what to do about it.
    pub approval: String,
    /// What it waits for, once approved; `None`: for nothing.
    pub departure: Option<String>,
}

impl DriftItem {
    /// Whether it is mended only with an approval: it deregisters a handset, or may; or it takes in one that another
    /// site's manager holds. Until it is approved, its slot's handset code must not be in the file.
    pub fn needs_approval(&self) -> bool {
        self.barrier.is_some()
            || match self.impact {
                Impact::Deregisters => true,
                Impact::None | Impact::Interrupts => false,
            }
    }
}

/// Every difference, in the order of their steps: providers, PIN, then slot by slot.
///
/// `wanted` are the parts of the content the site file asks for. When the mobile devices page was not read there is
/// no item at all: nothing follows from what is not known. Without a release or a baseline to compare with, unseen
/// parts are an item only when something else has to be released anyway.
pub fn drift(
    desired: &DesiredSite,
    observation: &Observation,
    memory: &SiteMemory,
    wanted: &BTreeMap<String, Generation>,
) -> Vec<DriftItem> {
    let Some(sighting) = Sighting::new(observation, memory) else {
        return Vec::new();
    };
    let scene =
        Scene { desired, observation, memory, sighting: &sighting, parts: Parts::new(wanted, memory) };
    let slots: Vec<DriftItem> =
        desired.slots.iter().flat_map(|(&number, slot)| scene.of_slot(number, slot)).collect();
    let mut items = Vec::new();
    if scene.parts.in_place.is_some() || !slots.is_empty() {
        items.extend(scene.of_providers());
    }
    items.extend(scene.of_pin(scene.parts.in_place.is_some() || !slots.is_empty()));
    items.extend(slots);
    items
}

/// What is taken to be on the device: the last release that may have reached it, else what was found there and agreed with
/// the site file. One that waits to be fetched has changed nothing, and may still be withdrawn.
pub(super) fn in_place(memory: &SiteMemory) -> Option<&BTreeMap<String, Generation>> {
    let last = memory.release.as_ref().filter(|release| release.progress.may_have_arrived());
    let earlier = || memory.past_releases.iter().find(|past| past.may_have_arrived());
    let released = last.map(|release| &release.parts).or_else(|| earlier().map(|past| &past.parts));
    released.or_else(|| memory.baseline.as_ref().map(|_| &memory.baseline_parts))
}

/// What was last released, whether or not it has reached the device; else what was found there.
pub(super) fn last_released(memory: &SiteMemory) -> Option<&BTreeMap<String, Generation>> {
    match (&memory.release, &memory.baseline) {
        (Some(release), _) => Some(&release.parts),
        (None, Some(_)) => Some(&memory.baseline_parts),
        (None, None) => None,
    }
}

/// Providers and PIN, which no page shows.
pub(super) fn unseen_of_manager(
    desired: &DesiredSite,
    observation: &Observation,
    memory: &SiteMemory,
    wanted: &BTreeMap<String, Generation>,
) -> Vec<DriftItem> {
    let Some(sighting) = Sighting::new(observation, memory) else {
        return Vec::new();
    };
    let scene =
        Scene { desired, observation, memory, sighting: &sighting, parts: Parts::new(wanted, memory) };
    scene.of_providers().into_iter().chain(scene.of_pin(true)).collect()
}

/// Parts of content: wanted, and taken to be in place.
struct Parts<'a> {
    wanted: &'a BTreeMap<String, Generation>,
    in_place: Option<&'a BTreeMap<String, Generation>>,
}

impl<'a> Parts<'a> {
    fn new(wanted: &'a BTreeMap<String, Generation>, memory: &'a SiteMemory) -> Self {
        Self { wanted, in_place: in_place(memory) }
    }

    /// How a part came to differ that no page shows.
    fn cause(&self) -> Cause {
        if self.in_place.is_some() { Cause::SiteFile } else { Cause::NotYet }
    }

    /// Whether this part is wanted otherwise than it is in place. Unknown counts as otherwise.
    fn differs(&self, part: &str) -> bool {
        self.wanted
            .get(part)
            .is_some_and(|wanted| self.in_place.and_then(|in_place| in_place.get(part)) != Some(wanted))
    }

    /// The same, where there is something to compare with.
    fn changed(&self, part: &str) -> bool {
        self.in_place.is_some() && self.differs(part)
    }

    /// Why a part that no page shows differs.
    fn why(&self, what: &str) -> String {
        if self.in_place.is_some() {
            format!("{what} in the site file differs from what was last released")
        } else {
            format!("{what} is set along with the first release; no page shows what is in place")
        }
    }
}

/// Both sides, and what is known from before.
struct Scene<'a> {
    desired: &'a DesiredSite,
    observation: &'a Observation,
    memory: &'a SiteMemory,
    sighting: &'a Sighting<'a>,
    parts: Parts<'a>,
}

impl Scene<'_> {
    fn explain(&self) -> Explain<'_> {
        Explain { desired: self.desired, memory: self.memory }
    }

    /// What was seen in place in a slot.
    fn shown(&self, number: SlotNumber) -> Option<&ShownSlot> {
        self.memory.shown.slots.get(&number)
    }

    fn of_providers(&self) -> Vec<DriftItem> {
        let providers = self.desired.providers.keys();
        providers
            .filter(|&&index| self.parts.differs(&fingerprint::provider_part(index)))
            .map(|&index| self.of_provider(index))
            .collect()
    }

    fn of_provider(&self, index: ProviderIndex) -> DriftItem {
        let users = self.users_of(index);
        let hits = self.interrupted(users.iter().copied());
        let part = fingerprint::provider_part(index);
        DriftItem {
            action: Action::ConfigureProvider,
            slot: None,
            impact: if hits.is_empty() { Impact::None } else { Impact::Interrupts },
            who: distinct(users.iter().filter_map(|&slot| {
                self.desired.slots.get(&slot).map_or_else(|| self.seen_user(slot), DesiredSlot::user)
            })),
            why: self.parts.why(&part),
            cause: self.parts.cause(),
            parts: BTreeSet::from([part]),
            amiss: BTreeMap::new(),
            visible: false,
            unread: None,
            hits,
            relocation: None,
            barrier: None,
        }
    }

    /// The PIN, where the file asks for another than was last released; or where the page showed it as wanted and shows
    /// another: a page that never showed ours says nothing of it.
    fn of_pin(&self, with_unseen: bool) -> Option<DriftItem> {
        let item = |why: String, cause, visible: bool| DriftItem {
            action: Action::SetPin,
            slot: None,
            impact: Impact::None,
            who: Vec::new(),
            amiss: visible.then(|| (PIN_PART.to_owned(), why.clone())).into_iter().collect(),
            why,
            cause,
            parts: BTreeSet::from([PIN_PART.to_owned()]),
            visible,
            unread: None,
            hits: Vec::new(),
            relocation: None,
            barrier: None,
        };
        if let Some((was, shown, cause)) = self.pin_by_hand() {
            return Some(item(self.explain().pin(was, shown, cause), cause, true));
        }
        let unseen = with_unseen && self.parts.differs(PIN_PART);
        unseen.then(|| item(self.parts.why("the registration PIN"), self.parts.cause(), false))
    }

    /// The PIN that was in place and the one that is shown, if somebody changed it by hand.
    fn pin_by_hand(&self) -> Option<(Pin, Pin, Cause)> {
        let wanted = self.desired.registration.as_ref()?.pin?;
        let shown = *self.observation.registration_pin.known()?;
        let known = self.memory.shown.pin.as_ref()?;
        let cause = InPlace::cause(Some(known), &wanted);
        (shown != wanted && is_by_hand(cause)).then_some((known.was, shown, cause))
    }

    fn of_slot(&self, number: SlotNumber, slot: &DesiredSlot) -> Vec<DriftItem> {
        match slot {
            DesiredSlot::Absent => self.of_absent(number).into_iter().collect(),
            DesiredSlot::Present(present) => {
                self.of_account(number, present).into_iter().chain(self.of_handset(number, present)).collect()
            }
        }
    }

    fn of_absent(&self, number: SlotNumber) -> Option<DriftItem> {
        let holder = self.sighting.holder(number);
        let held_by = match holder {
            Holder::Nobody => None,
            Holder::Reserved(Some(ipui)) => Some(format!("is reserved for {ipui}")),
            Holder::Reserved(None) => Some("is reserved for a handset".to_owned()),
            Holder::Registered(ipui) => Some(format!("holds the registered handset {ipui}")),
            Holder::NotRead | Holder::Unreadable | Holder::Hidden => {
                Some("holds a registered handset".to_owned())
            }
        };
        let active = self.sighting.account(number).map(|_| "has an active account".to_owned());
        let (sign_on, handset) = (fingerprint::sign_on_part(number), fingerprint::handset_part(number));
        let told = |found: &String| format!("slot {number} {found}; it is to be absent");
        let amiss = [(handset.clone(), &held_by), (sign_on.clone(), &active)]
            .into_iter()
            .filter_map(|(part, found)| Some((part, told(found.as_ref()?))))
            .collect();
        let found: Vec<String> = held_by.into_iter().chain(active).collect();
        let cause =
            InPlace::cause(self.shown(number).and_then(|shown| shown.account.as_ref()), &None::<String>);
        let why = told(&found.join(" and "));
        (!found.is_empty()).then(|| DriftItem {
            action: Action::Deregister,
            slot: Some(number),
            impact: if holder.is_registered() { Impact::Deregisters } else { Impact::None },
            who: distinct(self.seen_user(number)),
            why: why + &self.explain().added(self.sighting.account(number), holder, cause),
            cause,
            parts: BTreeSet::from([sign_on, handset]),
            amiss,
            visible: true,
            unread: None,
            hits: self.deregistered([number]),
            relocation: self.departure(number),
            barrier: None,
        })
    }

    fn of_account(&self, number: SlotNumber, slot: &PresentSlot) -> Option<DriftItem> {
        let (sign_on, labels) = (fingerprint::sign_on_part(number), fingerprint::labels_part(number));
        let user = self.user_difference(number, slot);
        let name = self.name_difference(number, slot);
        let seen: Vec<(String, Cause)> = user.iter().chain(&name).cloned().collect();
        let amiss = [(&sign_on, &user), (&labels, &name)]
            .into_iter()
            .filter_map(|(part, seen)| Some((part.clone(), seen.as_ref()?.0.clone())))
            .collect();
        let sign_on_changed = self.parts.changed(&sign_on);
        let unseen = if sign_on_changed {
            Some(format!("the account of slot {number}"))
        } else {
            let what = || format!("display name, account name or mailbox of slot {number}");
            self.parts.changed(&labels).then(what)
        };
        let unseen = unseen.map(|what| (self.parts.why(&what), self.parts.cause()));
        let visible = !seen.is_empty();
        let (whys, causes): (Vec<String>, Vec<Cause>) =
            if visible { seen.into_iter().unzip() } else { unseen.into_iter().unzip() };
        let cuts = user.is_some() || sign_on_changed;
        let hits = self.interrupted(cuts.then_some(number));
        Some(DriftItem {
            action: Action::ConfigureAccount,
            slot: Some(number),
            impact: if hits.is_empty() { Impact::None } else { Impact::Interrupts },
            who: distinct(slot.sip.iter().map(|sip| sip.user.as_str()).chain(self.seen_user(number))),
            why: whys.join("; "),
            cause: causes.into_iter().max()?,
            parts: BTreeSet::from([sign_on, labels]),
            amiss,
            visible,
            unread: None,
            hits,
            relocation: None,
            barrier: None,
        })
    }

    /// What the page shows in place of the wanted user: another, or no active account.
    fn user_difference(&self, number: SlotNumber, slot: &PresentSlot) -> Option<(String, Cause)> {
        let user = &slot.sip.as_ref()?.user;
        let seen = self.sighting.account(number);
        let shown = seen.map(|seen| comparable(seen.user_id.as_deref()));
        if shown == Some(comparable(Some(user))) {
            return None;
        }
        let known = self.shown(number).and_then(|shown| shown.account.as_ref());
        let cause = InPlace::cause(known, &Some(user.clone()));
        Some((self.explain().user(number, user, shown, cause), cause))
    }

    fn name_difference(&self, number: SlotNumber, slot: &PresentSlot) -> Option<(String, Cause)> {
        let wanted = slot.display_name.as_ref()?;
        let shown = comparable(self.sighting.account(number)?.display_name.as_deref());
        let known = self.shown(number).and_then(|shown| shown.name.as_ref());
        let cause = InPlace::cause(known, wanted);
        (shown != comparable(Some(wanted)))
            .then(|| (self.explain().name(number, wanted, shown, cause), cause))
    }

    fn of_handset(&self, number: SlotNumber, slot: &PresentSlot) -> Option<DriftItem> {
        let wanted = slot.ipui?;
        let mut unread = None;
        let (action, impact, why, other) = match self.sighting.standing(number, wanted) {
            Standing::Unknown | Standing::Registered | Standing::RegisteredUnseen | Standing::Reserved => {
                return None;
            }
            Standing::Wanting(why) => (Action::Reserve, Impact::None, why, None),
            Standing::Doubtful(other) => {
                unread = Some(other);
                let why =
                    format!("{wanted} is wanted in slot {number} and may be the handset in slot {other}");
                (Action::Reserve, Impact::None, why, None)
            }
            Standing::InTheWay(why, other) => (Action::Replace, Impact::Deregisters, why, other),
        };
        let known = self.shown(number).and_then(|shown| shown.handset.as_ref());
        let cause = InPlace::cause(known, &wanted);
        let users = slot.sip.iter().map(|sip| sip.user.as_str());
        let elsewhere = other.and_then(|other| self.seen_user(other));
        let hits = match impact {
            Impact::Deregisters => self.deregistered(std::iter::once(number).chain(other)),
            Impact::None | Impact::Interrupts => Vec::new(),
        };
        let barrier = self.barrier(number, wanted);
        let why = why
            + &self.explain().handset(number, self.sighting.holder(number), known, cause, other)
            + &self.abroad(number, wanted);
        let part = fingerprint::handset_part(number);
        Some(DriftItem {
            action,
            slot: Some(number),
            impact,
            who: distinct(users.chain(self.seen_user(number)).chain(elsewhere)),
            amiss: BTreeMap::from([(part.clone(), why.clone())]),
            why,
            cause,
            parts: BTreeSet::from([part]),
            visible: true,
            unread,
            hits,
            relocation: self.arrival(number, wanted, other),
            barrier,
        })
    }

    fn seen_user(&self, slot: SlotNumber) -> Option<&str> {
        self.sighting.account(slot).and_then(|account| account.user_id.as_deref())
    }
}

fn is_by_hand(cause: Cause) -> bool {
    match cause {
        Cause::ByHand { .. } => true,
        Cause::NotYet | Cause::SiteFile | Cause::UnderWay => false,
    }
}

/// In order of mention, each once, none empty.
fn distinct<'a>(users: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for user in users.into_iter().map(str::trim).filter(|user| !user.is_empty()) {
        if !found.iter().any(|known| known == user) {
            found.push(user.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests;
