//! One handset in one slot: what the pages of an observation show of it, together with what is remembered. Facts only;
//! what they are worth is decided in `witness`.

use chrono::TimeDelta;

use super::reset;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory, SlotRecord, Waiting};
use crate::domain::observed::{FilledSlots, HandsetState, Observation, ObservedSlot, Reading};
use crate::domain::status::WindowState;

/// A reading of a manager takes no longer than this: what came later than that after its beginning, came after it.
const SESSION_AT_MOST: TimeDelta = TimeDelta::minutes(5);

/// A handset whose slot was not looked at for longer than this may have been exchanged for another meanwhile. Longer
/// than the usual interval and its longest back-off, so that it means a daemon or a manager that was off.
const WATCHED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// One handset in one slot, in the light of an observation of its manager.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// As before this observation.
    pub(super) memory: &'a SiteMemory,
    pub(super) observation: &'a Observation,
    pub(super) window_state: WindowState,
    pub(super) slot: SlotNumber,
    pub(super) ipui: Ipui,
    /// The record before this observation.
    pub(super) previous: &'a SlotRecord,
}

/// Who the registered handset is that the mobile devices page shows in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    /// This IPUI, by the slot's editor page.
    Known(Ipui),
    /// The one for which the slot was seen reserved and empty, and which is not pending any more.
    CameIn,
    /// Only the editor page could tell, for this reason.
    NotTold(Doubt),
}

/// Why the mobile devices page alone does not tell who is in the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The slot was not seen reserved for the handset before.
    NotSeenComing,
    /// A handset was in it while this one was still waiting.
    ThereBefore,
    /// Its type or software is another than at the last reading.
    LooksDifferent,
    /// For so many hours nobody looked.
    NotWatched(i64),
}

impl View<'_> {
    /// The IPUI of the handset in this slot, as an editor page showed it while one was registered ever since.
    pub(super) fn registered_ipui(&self) -> Option<Ipui> {
        if let Some(shown) = self.own_editor() {
            return shown;
        }
        let remembered = self.previous.registered_ipui;
        match self.shown() {
            Some(HandsetState::Pending | HandsetState::None) => None,
            None if self.is_cleared_unseen() || reset::is_likely(self.memory, self.observation) => None,
            Some(HandsetState::Registered) if self.looks_different() || self.gives_way(remembered) => None,
            Some(HandsetState::Registered) | None => remembered
                .filter(|ipui| *ipui != self.ipui || !(self.is_listed() || self.elsewhere().is_some())),
        }
    }

    /// Whether a release is taking effect that deregisters this handset here: who is in the slot may be its successor, who
    /// came in between two readings.
    fn gives_way(&self, remembered: Option<Ipui>) -> bool {
        self.memory.release.as_ref().is_some_and(|release| {
            release.is_deregistering(self.slot) && remembered != release.reserved.get(&self.slot).copied()
        })
    }

    /// Whether there is a handset in this slot of which it was not read which one it is.
    pub(super) fn holds_unread_handset(&self) -> bool {
        match self.shown() {
            Some(HandsetState::Registered) => self.registered_ipui().is_none(),
            Some(HandsetState::Pending | HandsetState::None) => false,
            None => self.previous.unread_handset && !self.is_cleared_unseen(),
        }
    }

    /// How the handset is waiting, or was when it was last listed.
    pub(super) fn waiting(&self) -> Waiting {
        let before = self.previous.waiting;
        if !self.is_listed() {
            let list_was_read = self.observation.pending.known().is_some();
            return match self.shown() {
                Some(HandsetState::None) => Waiting::default(),
                Some(HandsetState::Pending) if list_was_read => Waiting::default(),
                Some(HandsetState::Registered) if self.looks_different() => Waiting::default(),
                Some(HandsetState::Pending | HandsetState::Registered) | None => before,
            };
        }
        let in_its_slot = match (super::pending_by_slot(self.observation), self.shown()) {
            (Some(reserved), _) => reserved.get(&self.slot) == Some(&self.ipui),
            // The two pages disagree, or one was not read: what was seen before still stands.
            (None, Some(HandsetState::Pending) | None) => before.in_its_slot,
            (None, Some(HandsetState::Registered | HandsetState::None)) => false,
        };
        Waiting { in_its_slot, window_open: self.lets_handsets_in() }
    }

    /// The same for the next observation. A handset that left the list unseen may have come in, or its reservation may
    /// have been taken back: who is found in the slot later is not this one for that reason.
    pub(super) fn waiting_from_here(&self) -> Waiting {
        let not_listed = self.observation.pending.known().is_some() && !self.is_listed();
        if not_listed && self.shown().is_none() { Waiting::default() } else { self.waiting() }
    }

    /// Who is in the slot, if the mobile devices page shows a registered handset in it.
    pub(super) fn occupant(&self) -> Option<Occupant> {
        if self.shown() != Some(HandsetState::Registered) {
            return None;
        }
        let was_there = self.previous.registration == Registration::Registered;
        Some(match (self.registered_ipui(), self.unwatched_hours()) {
            (Some(_), Some(hours)) => Occupant::NotTold(Doubt::NotWatched(hours)),
            (Some(ipui), None) => Occupant::Known(ipui),
            // Whoever was last seen waiting has come in since; who was there already may have gone since.
            (None, Some(hours)) if self.has_come_in() && was_there => {
                Occupant::NotTold(Doubt::NotWatched(hours))
            }
            (None, _) if self.has_come_in() => Occupant::CameIn,
            (None, _) => Occupant::NotTold(self.doubt()),
        })
    }

    /// Whether the slot was last seen reserved for this handset and empty, or with this handset in it, so that a handset
    /// that is in it and a place on the pending list that is free mean that it has come in.
    pub(super) fn has_come_in(&self) -> bool {
        let previous = self.previous;
        let was_empty = previous.registered_ipui.is_none() && !previous.unread_handset;
        let was_itself = previous.registration == Registration::Registered;
        !self.is_listed() && self.waiting().in_its_slot && (was_empty || was_itself)
    }

    fn doubt(&self) -> Doubt {
        if self.looks_different() {
            Doubt::LooksDifferent
        } else if self.previous.pending_at.is_some() && self.previous.unread_handset {
            Doubt::ThereBefore
        } else {
            Doubt::NotSeenComing
        }
    }

    /// For how many hours nobody has looked at this slot, where that is too long to go by what was known.
    pub(super) fn unwatched_hours(&self) -> Option<i64> {
        let gap = self.observation.at - self.previous.seen_at;
        (self.own_editor().is_none() && gap > WATCHED_WITHIN).then(|| gap.num_hours())
    }

    /// Whether the handset in the slot is of another type than at the last reading, or has other software.
    pub(super) fn looks_different(&self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        let before = self.last().and_then(|last| cell(last, self.slot));
        let now = cell(self.observation, self.slot);
        before.zip(now).is_some_and(|(before, now)| {
            differ(&before.model, &now.model) || differ(&before.software, &now.software)
        })
    }

    /// Whether the device lets handsets in.
    pub(super) fn lets_handsets_in(&self) -> bool {
        match self.window_state {
            WindowState::Open | WindowState::Always => true,
            WindowState::None | WindowState::Scheduled | WindowState::Closed => false,
        }
    }

    pub(super) fn is_listed(&self) -> bool {
        super::is_listed(self.observation, self.ipui)
    }

    /// Whether the handset was listed as pending when something was last seen of it, and is not any more.
    pub(super) fn has_left_the_list(&self) -> bool {
        let listed_last = self.previous.pending_at.is_some_and(|at| at >= self.previous.seen_at);
        listed_last && self.observation.pending.known().is_some() && !self.is_listed()
    }

    /// The other slot that the handset is pending for, as far as the two pages agree.
    pub(super) fn pending_elsewhere(&self) -> Option<SlotNumber> {
        let reserved = super::pending_by_slot(self.observation)?;
        let place = reserved.into_iter().find(|(_, ipui)| *ipui == self.ipui)?;
        Some(place.0).filter(|slot| *slot != self.slot)
    }

    /// What the editor page of this slot showed, if it was read.
    pub(super) fn own_editor(&self) -> Option<Option<Ipui>> {
        self.observation.editors.get(&self.slot).and_then(Reading::known).copied()
    }

    /// Whether the editor page of this slot was asked for.
    pub(super) fn editor_was_asked(&self) -> bool {
        self.observation.editors.contains_key(&self.slot)
    }

    /// The other slot whose editor page shows this handset.
    pub(super) fn elsewhere(&self) -> Option<SlotNumber> {
        let mut pages = self.observation.editors.iter().filter(|(slot, _)| **slot != self.slot);
        pages.find(|(_, page)| page.known() == Some(&Some(self.ipui))).map(|(slot, _)| *slot)
    }

    /// What the mobile devices page shows in this slot; `None`: it was not read, or does not list the slot.
    pub(super) fn shown(&self) -> Option<HandsetState> {
        cell(self.observation, self.slot).map(|cell| cell.handset)
    }

    /// Whether the mobile devices page was read and does not list the slot.
    pub(super) fn is_off_the_page(&self) -> bool {
        self.observation.slots.known().is_some_and(|slots| !slots.contains_key(&self.slot))
    }

    /// Whether the manager's own list denies that the slot still holds the handset it was last seen with.
    pub(super) fn is_cleared_unseen(&self) -> bool {
        let denied = |list: &FilledSlots| self.is_after_last_seen(list) && !list.filled.contains(&self.slot);
        self.is_off_the_page() && self.memory.filled.as_ref().is_some_and(denied)
    }

    /// Whether that list was made after the reading in which the slot was last seen, however long that took.
    pub(super) fn is_after_last_seen(&self, list: &FilledSlots) -> bool {
        list.at - self.previous.seen_at > SESSION_AT_MOST
    }

    /// The observation before this one.
    fn last(&self) -> Option<&Observation> {
        self.memory.observation.as_ref().filter(|last| last.at < self.observation.at)
    }
}

/// `None` when the page was not read, or does not list the slot.
fn cell(observation: &Observation, slot: SlotNumber) -> Option<&ObservedSlot> {
    observation.slots.known()?.get(&slot)
}
