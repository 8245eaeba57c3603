//! Why a handset was lost: concluded from all that is known of the whole site in one observation.
//!
//! A cause is always likely and never certain, for no page names one. It is looked for as long as the handset is lost,
//! because an editor page may be read later; what was found once gives way only to something that tells as much.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scene, pending_by_slot, reset};
use crate::domain::evidence::Source;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::loss::LossCause;
use crate::domain::memory::{Registration, SlotRecord};
use crate::domain::observed::{HandsetState, Observation, Reading};

/// From so many handsets on, the loss of every one that was registered is no work of somebody's who deregisters one
/// after the other between two readings.
const EVERY_ONE_OF: usize = 3;

/// Writes the likely cause into each lost record that was judged anew. Its evidence stays what was seen.
pub(super) fn explain(
    scene: &Scene<'_>,
    observation: &Observation,
    records: &mut BTreeMap<SlotNumber, SlotRecord>,
    is_judged: impl Fn(SlotNumber) -> bool,
) {
    let lost: Vec<SlotNumber> = records
        .iter()
        .filter(|(slot, record)| record.registration == Registration::Lost && is_judged(**slot))
        .map(|(slot, _)| *slot)
        .collect();
    if lost.is_empty() {
        return;
    }
    let site = SiteView::new(scene, observation, records);
    let causes: Vec<(SlotNumber, LossCause)> = lost
        .into_iter()
        .filter_map(|slot| records.get(&slot).map(|record| (slot, site.cause(slot, record))))
        .collect();
    for (slot, cause) in causes {
        if let Some(record) = records.get_mut(&slot) {
            record.cause = Some(cause);
        }
    }
}

/// The whole site in this observation.
struct SiteView<'a> {
    scene: &'a Scene<'a>,
    observation: &'a Observation,
    /// The slots of handsets that an editor page shows or has shown as registered there.
    registered: BTreeMap<Ipui, SlotNumber>,
    /// The slots that are reserved for pending handsets, as far as the pages agree.
    reserved: BTreeMap<SlotNumber, Ipui>,
    /// The manager shows nothing at all any more.
    is_blank: bool,
    /// Every handset that was registered is lost since this observation.
    is_everybody_lost: bool,
}

impl<'a> SiteView<'a> {
    fn new(
        scene: &'a Scene<'a>,
        observation: &'a Observation,
        records: &BTreeMap<SlotNumber, SlotRecord>,
    ) -> Self {
        let remembered = records.iter().filter_map(|(slot, record)| Some((record.registered_ipui?, *slot)));
        let read = observation.editors.iter().filter_map(|(slot, page)| match page {
            Reading::Known(Some(ipui)) => Some((*ipui, *slot)),
            Reading::Known(None) | Reading::Unreadable(_) => None,
        });
        Self {
            scene,
            observation,
            registered: remembered.chain(read).collect(),
            reserved: pending_by_slot(observation).unwrap_or_default(),
            is_blank: reset::is_likely(scene.memory, observation),
            is_everybody_lost: is_everybody_lost(scene, records),
        }
    }

    /// The likely cause of this loss, the one that was found before included.
    fn cause(&self, slot: SlotNumber, record: &SlotRecord) -> LossCause {
        let found = self.find(slot, record);
        match record.cause {
            Some(known) if weight(known) > weight(found) => known,
            Some(_) | None => found,
        }
    }

    fn find(&self, slot: SlotNumber, record: &SlotRecord) -> LossCause {
        let ipui = record.ipui;
        if self.was_released_otherwise(slot, record) {
            return LossCause::SiteFile;
        }
        if let Some(other) = self.place(ipui).filter(|other| *other != slot) {
            return match self.listed(other) {
                Some(partner) if self.place(partner) == Some(slot) => LossCause::Swapped { with: other },
                Some(_) | None if self.registered.contains_key(&ipui) => {
                    LossCause::RegisteredInAnotherSlot { slot: other }
                }
                Some(_) | None => LossCause::ReservedForAnotherSlot { slot: other },
            };
        }
        let untouched = !self.was_released_since(record);
        if self.is_blank || (self.is_everybody_lost && untouched) {
            return LossCause::FactoryReset;
        }
        if let Some(by) = self.successor(slot, ipui) {
            return LossCause::Replaced { by };
        }
        if self.is_vacant(slot, record) && untouched {
            return LossCause::DeregisteredByHand;
        }
        LossCause::NotKnown
    }

    /// Where the handset is registered, or else which slot is reserved for it.
    fn place(&self, ipui: Ipui) -> Option<SlotNumber> {
        let reserved =
            || self.reserved.iter().find(|(_, reserved)| **reserved == ipui).map(|(slot, _)| *slot);
        self.registered.get(&ipui).copied().or_else(reserved)
    }

    /// The handset that this slot is listed for.
    fn listed(&self, slot: SlotNumber) -> Option<Ipui> {
        self.scene.desired.slots.get(&slot).and_then(|wanted| wanted.ipui())
    }

    /// The other handset that is in the slot, or that the slot is reserved for; its IPUI where a page told.
    fn successor(&self, slot: SlotNumber, ipui: Ipui) -> Option<Option<Ipui>> {
        let registered = self.registered.iter().find(|(_, place)| **place == slot).map(|(other, _)| *other);
        let reserved = self.reserved.get(&slot).copied();
        let is_listed = super::is_listed(self.observation, ipui);
        match (registered.or(reserved), self.shown(slot)) {
            (Some(other), _) => (other != ipui).then_some(Some(other)),
            // A pending handset is registered nowhere, so that whoever is in the slot is another; and a slot that is
            // reserved while this one is not pending is another's.
            (None, Some(HandsetState::Registered)) => {
                (is_listed && !self.is_shown_empty(slot)).then_some(None)
            }
            (None, Some(HandsetState::Pending)) => (!is_listed).then_some(None),
            (None, Some(HandsetState::None) | None) => None,
        }
    }

    /// Whether nobody is in the slot, by a page that shows it or else by the manager's own list.
    fn is_vacant(&self, slot: SlotNumber, record: &SlotRecord) -> bool {
        match self.shown(slot) {
            Some(HandsetState::Pending | HandsetState::None) => true,
            Some(HandsetState::Registered) => self.is_shown_empty(slot),
            None => match record.source {
                Some(Source::FilledSlots | Source::InactiveAccount) => true,
                Some(
                    Source::EditorPage
                    | Source::OtherEditorPage
                    | Source::PendingList
                    | Source::MobileDevicesPage
                    | Source::PendingThenGone,
                )
                | None => false,
            },
        }
    }

    /// Whether the slot's editor page shows no handset.
    fn is_shown_empty(&self, slot: SlotNumber) -> bool {
        self.observation.editors.get(&slot) == Some(&Reading::Known(None))
    }

    fn shown(&self, slot: SlotNumber) -> Option<HandsetState> {
        self.observation.slots.known()?.get(&slot).map(|cell| cell.handset)
    }

    /// Whether the manager has fetched a release since the handset was last seen registered.
    fn was_released_since(&self, record: &SlotRecord) -> bool {
        let fetched = self.scene.memory.release.as_ref().and_then(|release| release.progress.fetched_at);
        fetched.is_some_and(|fetched| record.registered_at.is_none_or(|seen| fetched >= seen))
    }

    /// Whether that release reserved the slot for another handset, or this handset for another slot: the site file was
    /// changed and changed back.
    fn was_released_otherwise(&self, slot: SlotNumber, record: &SlotRecord) -> bool {
        let Some(release) = &self.scene.memory.release else { return false };
        let otherwise =
            release.reserved.iter().any(|(place, ipui)| (*place == slot) != (*ipui == record.ipui));
        otherwise && self.was_released_since(record)
    }
}

/// Whether every handset that was registered, and there were several, is lost since this observation.
fn is_everybody_lost(scene: &Scene<'_>, records: &BTreeMap<SlotNumber, SlotRecord>) -> bool {
    let were: BTreeSet<&SlotNumber> = scene
        .memory
        .slots
        .iter()
        .filter(|(_, record)| record.registration == Registration::Registered)
        .map(|(slot, _)| slot)
        .collect();
    let is_lost = |slot: &&SlotNumber| {
        records.get(slot).is_some_and(|record| record.registration == Registration::Lost)
    };
    were.len() >= EVERY_ONE_OF && were.iter().all(is_lost)
}

/// How much a cause tells: one that names what was seen stands against one that goes by what was not.
fn weight(cause: LossCause) -> u8 {
    match cause {
        LossCause::NotKnown => 0,
        LossCause::DeregisteredByHand => 1,
        LossCause::FactoryReset | LossCause::Replaced { by: None } => 2,
        LossCause::ReservedForAnotherSlot { .. }
        | LossCause::RegisteredInAnotherSlot { .. }
        | LossCause::Swapped { .. }
        | LossCause::Replaced { by: Some(_) }
        | LossCause::SiteFile => 3,
    }
}

#[cfg(test)]
mod tests;
