//! Drift: where a DECT manager differs from its site file, and what each difference would cost to mend.
//!
//! Two ways to see one. *Visible*: both sides in one comparable form, only what the pages show. *Unseen*: what no page
//! shows is compared with what was last released (or found in place). Whether something is done about an item, and
//! when, is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{DesiredSite, DesiredSlot, PresentSlot};
use super::fingerprint::{self, PIN_PART};
use super::ids::{ProviderIndex, SlotNumber};
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::{Action, Impact};
use super::release::Generation;
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
    /// What was seen and what is wanted, for a person.
    pub why: String,
    /// The parts of the content (as in [`fingerprint::parts`]) whose release would mend it.
    pub parts: BTreeSet<String>,
    /// Whether the pages show it, rather than only that other content was released.
    pub visible: bool,
    /// The slot whose editor page has to come before it can be told whether mending this deregisters its handset.
    pub unread: Option<SlotNumber>,
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
    let in_place = in_place(memory);
    let slots: Vec<DriftItem> = desired
        .slots
        .iter()
        .flat_map(|(&number, slot)| of_slot(&sighting, number, slot, &Parts { wanted, in_place }))
        .collect();
    let mut items = Vec::new();
    if in_place.is_some() || !slots.is_empty() {
        items.extend(of_manager(&sighting, desired, &Parts { wanted, in_place }));
    }
    items.extend(slots);
    items
}

/// What is taken to be on the device: the last release, else what was found there and agreed with the site file.
pub(super) fn in_place(memory: &SiteMemory) -> Option<&BTreeMap<String, Generation>> {
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
    let parts = Parts { wanted, in_place: in_place(memory) };
    Sighting::new(observation, memory)
        .map_or_else(Vec::new, |sighting| of_manager(&sighting, desired, &parts))
}

/// Parts of content: wanted, and taken to be in place.
struct Parts<'a> {
    wanted: &'a BTreeMap<String, Generation>,
    in_place: Option<&'a BTreeMap<String, Generation>>,
}

impl Parts<'_> {
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

fn of_manager(sighting: &Sighting<'_>, desired: &DesiredSite, parts: &Parts<'_>) -> Vec<DriftItem> {
    let mut items: Vec<DriftItem> = desired
        .providers
        .keys()
        .filter(|&&index| parts.differs(&fingerprint::provider_part(index)))
        .map(|&index| of_provider(sighting, desired, index, parts))
        .collect();
    if parts.differs(PIN_PART) {
        items.push(DriftItem {
            action: Action::SetPin,
            slot: None,
            impact: Impact::None,
            who: Vec::new(),
            why: parts.why("the registration PIN"),
            parts: BTreeSet::from([PIN_PART.to_owned()]),
            visible: false,
            unread: None,
        });
    }
    items
}

fn of_provider(
    sighting: &Sighting<'_>,
    desired: &DesiredSite,
    index: ProviderIndex,
    parts: &Parts<'_>,
) -> DriftItem {
    let users: Vec<SlotNumber> = desired
        .slots
        .iter()
        .filter(|(_, slot)| match slot {
            DesiredSlot::Present(slot) => slot.sip.as_ref().is_some_and(|sip| sip.provider == index),
            DesiredSlot::Absent => false,
        })
        .map(|(&number, _)| number)
        .collect();
    let disturbed = users.iter().any(|&slot| sighting.holder(slot).is_registered());
    let part = fingerprint::provider_part(index);
    DriftItem {
        action: Action::ConfigureProvider,
        slot: None,
        impact: if disturbed { Impact::Interrupts } else { Impact::None },
        who: distinct(users.iter().filter_map(|slot| desired.slots.get(slot)?.user())),
        why: parts.why(&part),
        parts: BTreeSet::from([part]),
        visible: false,
        unread: None,
    }
}

fn of_slot(
    sighting: &Sighting<'_>,
    number: SlotNumber,
    slot: &DesiredSlot,
    parts: &Parts<'_>,
) -> Vec<DriftItem> {
    match slot {
        DesiredSlot::Absent => of_absent(sighting, number).into_iter().collect(),
        DesiredSlot::Present(present) => of_account(sighting, number, present, parts)
            .into_iter()
            .chain(of_handset(sighting, number, present))
            .collect(),
    }
}

fn of_absent(sighting: &Sighting<'_>, number: SlotNumber) -> Option<DriftItem> {
    let holder = sighting.holder(number);
    let held_by = match holder {
        Holder::Nobody => None,
        Holder::Reserved(Some(ipui)) => Some(format!("is reserved for {ipui}")),
        Holder::Reserved(None) => Some("is reserved for a handset".to_owned()),
        Holder::Registered(ipui) => Some(format!("holds the registered handset {ipui}")),
        Holder::NotRead | Holder::Unreadable | Holder::Hidden => {
            Some("holds a registered handset".to_owned())
        }
    };
    let active = sighting.account(number).map(|_| "has an active account".to_owned());
    let found: Vec<String> = held_by.into_iter().chain(active).collect();
    (!found.is_empty()).then(|| DriftItem {
        action: Action::Deregister,
        slot: Some(number),
        impact: if holder.is_registered() { Impact::Deregisters } else { Impact::None },
        who: distinct(seen_user(sighting, number)),
        why: format!("slot {number} {}; it is to be absent", found.join(" and ")),
        parts: BTreeSet::from([fingerprint::sign_on_part(number), fingerprint::handset_part(number)]),
        visible: true,
        unread: None,
    })
}

fn of_account(
    sighting: &Sighting<'_>,
    number: SlotNumber,
    slot: &PresentSlot,
    parts: &Parts<'_>,
) -> Option<DriftItem> {
    let (sign_on, labels) = (fingerprint::sign_on_part(number), fingerprint::labels_part(number));
    let mut whys = Vec::new();
    let user_differs = user_difference(sighting, number, slot, &mut whys);
    name_difference(sighting, number, slot, &mut whys);
    let visible = !whys.is_empty();
    let sign_on_changed = parts.changed(&sign_on);
    if !visible && sign_on_changed {
        whys.push(parts.why(&format!("the account of slot {number}")));
    } else if !visible && parts.changed(&labels) {
        whys.push(parts.why(&format!("display name, account name or mailbox of slot {number}")));
    }
    let interrupts = (user_differs || sign_on_changed) && sighting.holder(number).is_registered();
    (!whys.is_empty()).then(|| DriftItem {
        action: Action::ConfigureAccount,
        slot: Some(number),
        impact: if interrupts { Impact::Interrupts } else { Impact::None },
        who: distinct(slot.sip.iter().map(|sip| sip.user.as_str()).chain(seen_user(sighting, number))),
        why: whys.join("; "),
        parts: BTreeSet::from([sign_on, labels]),
        visible,
        unread: None,
    })
}

/// Whether the page shows another user than the wanted one, or no active account.
fn user_difference(
    sighting: &Sighting<'_>,
    number: SlotNumber,
    slot: &PresentSlot,
    whys: &mut Vec<String>,
) -> bool {
    let Some(sip) = &slot.sip else {
        return false;
    };
    let Some(seen) = sighting.account(number) else {
        whys.push(format!("slot {number} has no active account; user {} is wanted", sip.user));
        return true;
    };
    let user = comparable(seen.user_id.as_deref());
    let differs = user != comparable(Some(&sip.user));
    if differs {
        whys.push(format!("slot {number} shows user {user:?}; {:?} is wanted", sip.user));
    }
    differs
}

fn name_difference(sighting: &Sighting<'_>, number: SlotNumber, slot: &PresentSlot, whys: &mut Vec<String>) {
    let (Some(wanted), Some(seen)) = (&slot.display_name, sighting.account(number)) else {
        return;
    };
    let name = comparable(seen.display_name.as_deref());
    if name != comparable(Some(wanted)) {
        whys.push(format!("slot {number} shows the display name {name:?}; {wanted:?} is wanted"));
    }
}

fn of_handset(sighting: &Sighting<'_>, number: SlotNumber, slot: &PresentSlot) -> Option<DriftItem> {
    let wanted = slot.ipui?;
    let mut unread = None;
    let (action, impact, why, other) = match sighting.standing(number, wanted) {
        Standing::Unknown | Standing::Registered | Standing::RegisteredUnseen | Standing::Reserved => {
            return None;
        }
        Standing::Wanting(why) => (Action::Reserve, Impact::None, why, None),
        Standing::Doubtful(other) => {
            unread = Some(other);
            let why = format!("{wanted} is wanted in slot {number} and may be the handset in slot {other}");
            (Action::Reserve, Impact::None, why, None)
        }
        Standing::InTheWay(why, other) => (Action::Replace, Impact::Deregisters, why, other),
    };
    let wanted = slot.sip.iter().map(|sip| sip.user.as_str());
    let elsewhere = other.and_then(|other| seen_user(sighting, other));
    Some(DriftItem {
        action,
        slot: Some(number),
        impact,
        who: distinct(wanted.chain(seen_user(sighting, number)).chain(elsewhere)),
        why,
        parts: BTreeSet::from([fingerprint::handset_part(number)]),
        visible: true,
        unread,
    })
}

fn seen_user<'a>(sighting: &Sighting<'a>, slot: SlotNumber) -> Option<&'a str> {
    sighting.account(slot).and_then(|account| account.user_id.as_deref())
}

/// A text as both sides can be compared in: an empty cell and none are the same, and so is the space around it.
fn comparable(text: Option<&str>) -> &str {
    text.unwrap_or_default().trim()
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
mod tests {
    use super::super::desired::Provider;
    use super::super::observed::Reading;
    use super::super::secret::{Secret, SecretRef};
    use super::super::world::{World, ipui, present, slot};
    use super::*;

    fn whys(world: &World) -> Vec<String> {
        world.drift().into_iter().map(|item| item.why).collect()
    }

    fn actions(world: &World) -> Vec<(Action, Impact)> {
        world.drift().into_iter().map(|item| (item.action, item.impact)).collect()
    }

    /// One account with its handset, as wanted.
    fn in_sync() -> World {
        World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1).with_baseline()
    }

    fn wanted(world: &mut World) -> &mut PresentSlot {
        match world.desired.slots.get_mut(&slot(1)).unwrap() {
            DesiredSlot::Present(slot) => slot,
            DesiredSlot::Absent => panic!("slot 1 is absent"),
        }
    }

    #[test]
    fn what_is_as_wanted_is_no_drift() {
        assert_eq!(in_sync().drift(), []);
        let mut world = in_sync();
        world.slots().get_mut(&slot(1)).unwrap().user_id = Some(" 1013 ".into());
        assert_eq!(world.drift(), []);
        world.slots().get_mut(&slot(1)).unwrap().display_name = None;
        wanted(&mut world).display_name = Some(String::new());
        assert_eq!(world.drift().iter().filter(|item| item.visible).count(), 0, "no name is an empty one");
        wanted(&mut world).display_name = None;
        assert!(!world.drift().iter().any(|item| item.visible), "what is not mentioned is not compared");
    }

    #[test]
    fn what_the_page_shows_is_compared() {
        let mut world = in_sync();
        let seen = world.slots().get_mut(&slot(1)).unwrap();
        (seen.user_id, seen.display_name) = (Some("9".into()), Some("by hand".into()));
        let items = world.drift();
        assert_eq!(items.len(), 1);
        assert_eq!(
            items[0].why,
            "slot 1 shows user \"9\"; \"1013\" is wanted; \
             slot 1 shows the display name \"by hand\"; \"N720_1013\" is wanted"
        );
        assert_eq!((items[0].impact, items[0].visible), (Impact::Interrupts, true));
        assert_eq!(items[0].who, ["1013", "9"]);
        world.slots().get_mut(&slot(1)).unwrap().user_id = Some("1013".into());
        assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)], "a name disturbs nobody");
    }

    #[test]
    fn what_no_page_shows_is_compared_with_what_was_released() {
        let mut world = in_sync();
        wanted(&mut world).sip.as_mut().unwrap().password = Some(SecretRef::Literal(Secret::new("neu")));
        assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::Interrupts)]);
        assert_eq!(
            whys(&world),
            ["the account of slot 1 in the site file differs from what was last released"]
        );
        let mut world = in_sync();
        wanted(&mut world).mailbox = Some(String::new());
        assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)]);
        let mut world = in_sync();
        world.desired.registration.as_mut().unwrap().pin = None;
        assert_eq!(world.drift(), [], "what is no longer mentioned stays as it is");
        world
            .desired
            .providers
            .insert(ProviderIndex::default(), Provider { port: Some(5061), ..Provider::default() });
        assert_eq!(actions(&world), [(Action::ConfigureProvider, Impact::Interrupts)]);
        assert_eq!(world.drift()[0].who, ["1013"]);
    }

    #[test]
    fn without_anything_to_compare_with_unseen_parts_wait_for_visible_ones() {
        let mut world = World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1);
        assert_eq!(world.drift(), []);
        world.slots().clear();
        let found: Vec<_> = actions(&world).into_iter().map(|(action, _)| action).collect();
        let expected = [Action::ConfigureProvider, Action::SetPin, Action::ConfigureAccount, Action::Reserve];
        assert_eq!(found, expected);
    }

    #[test]
    fn handsets_are_reserved_or_in_the_way() {
        let mut world = in_sync();
        wanted(&mut world).ipui = Some(ipui(2));
        assert_eq!(actions(&world), [(Action::Replace, Impact::Deregisters)]);
        world
            .slots()
            .insert(slot(1), super::super::world::shown("1013", super::super::observed::HandsetState::None));
        assert_eq!(actions(&world), [(Action::Reserve, Impact::None)]);
        let elsewhere = world.show_registered(7, "1077", 2);
        assert_eq!(elsewhere.drift()[0].who, ["1013", "1077"]);
        assert_eq!(actions(&elsewhere), [(Action::Replace, Impact::Deregisters)]);
    }

    #[test]
    fn absent_is_absent_when_nothing_shows() {
        let absent = || World::new().want(2, DesiredSlot::Absent).with_baseline();
        assert_eq!(absent().drift(), []);
        let registered = absent().show_registered(2, "1014", 2);
        assert_eq!(actions(&registered), [(Action::Deregister, Impact::Deregisters)]);
        let why = "slot 2 holds the registered handset 02 B6 EC 8A 02 and has an active account; it is to be absent";
        assert_eq!(whys(&registered), [why]);
        assert_eq!(actions(&absent().show_pending(2, "1014", 2)), [(Action::Deregister, Impact::None)]);
        assert_eq!(actions(&absent().show(2, "1014")), [(Action::Deregister, Impact::None)]);
    }

    #[test]
    fn nothing_follows_from_what_was_not_read() {
        let mut world = in_sync();
        world.slots().clear();
        world.seen.pending = Reading::Unreadable("cut".into());
        assert_eq!(actions(&world), [(Action::ConfigureAccount, Impact::None)], "only what was read");
        world.seen.slots = Reading::Unreadable("cut".into());
        assert_eq!(world.drift(), []);
    }

    #[test]
    fn slots_that_are_not_listed_are_nobodys_business() {
        assert_eq!(in_sync().show_registered(40, "9", 40).show_pending(41, "9", 41).drift(), []);
    }
}
