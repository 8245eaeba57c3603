//! What speaks for and against a handset being registered, strongest first.
//!
//! Each witness reads one page and says what it shows of one handset in one slot, or nothing. Witnesses know no
//! verdicts to come: what a claim makes of the previous verdict is decided in [`super`].

use chrono::{DateTime, TimeDelta, Utc};

use super::Scene;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SlotRecord};
use crate::domain::observed::{FilledSlots, HandsetState, Observation, Reading};
use crate::domain::status::WindowState;

/// A reading of a manager takes no longer than this: what came later than that after its beginning, came after it.
const SESSION_AT_MOST: TimeDelta = TimeDelta::minutes(5);

/// What a page shows of a handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is registered in its slot.
    Registered,
    /// It is reserved, and registered in no slot.
    Pending,
    /// It is not registered in its slot, and not listed as pending.
    NotHere,
    /// Something changed, but it does not tell what became of this handset.
    Undecided,
}

/// A claim with its grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) claim: Claim,
    /// Which page showed what, for people.
    pub(super) evidence: String,
    /// When it showed that.
    pub(super) seen_at: DateTime<Utc>,
}

/// One handset in one slot, in the light of an observation of its manager whose pending list was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) observation: &'a Observation,
    pub(super) slot: SlotNumber,
    pub(super) ipui: Ipui,
    /// The record before this observation.
    pub(super) previous: &'a SlotRecord,
}

impl View<'_> {
    /// What the strongest witness says; `None`: nobody can tell anything.
    pub(super) fn finding(&self) -> Option<Finding> {
        // The order of belief. A weaker one that contradicts is named in the evidence of the stronger one.
        let witnesses: [fn(&Self) -> Option<Finding>; 6] = [
            Self::editor_pages,
            Self::pending_list,
            Self::mobile_devices_page,
            Self::filled_slots,
            Self::account_off,
            Self::gone_in_open_window,
        ];
        witnesses.iter().find_map(|witness| witness(self))
    }

    /// The IPUI of the handset in this slot, as an editor page showed it while one was registered ever since.
    pub(super) fn registered_ipui(&self) -> Option<Ipui> {
        if let Some(shown) = self.own_editor() {
            return shown;
        }
        let remembered = self.previous.registered_ipui;
        match self.shown() {
            Some(HandsetState::Pending | HandsetState::None) => None,
            None if self.is_cleared_unseen() => None,
            Some(HandsetState::Registered) | None => remembered
                .filter(|ipui| *ipui != self.ipui || !(self.is_listed() || self.elsewhere().is_some())),
        }
    }

    /// Whether there is a handset in this slot of which it was not read which one it is.
    pub(super) fn holds_unread_handset(&self) -> bool {
        match self.shown() {
            Some(HandsetState::Registered) => self.registered_ipui().is_none(),
            Some(HandsetState::Pending | HandsetState::None) => false,
            None => self.previous.unread_handset && !self.is_cleared_unseen(),
        }
    }

    fn editor_pages(&self) -> Option<Finding> {
        let Self { slot, ipui, .. } = self;
        if self.own_editor() == Some(Some(*ipui)) {
            let conflict = if self.is_listed() { "; the status page still lists it as pending" } else { "" };
            return Some(self.says(
                Claim::Registered,
                format!("the editor page of slot {slot} shows it as registered{conflict}"),
            ));
        }
        if let Some(other) = self.elsewhere() {
            return Some(self.says(
                Claim::NotHere,
                format!("registered in slot {other}, as the editor page there shows"),
            ));
        }
        // That somebody else is in the slot, or nobody, leaves open whether this handset is still reserved: the
        // pending list says so, and these say why it is not registered.
        if self.is_listed() {
            return None;
        }
        match self.own_editor()? {
            Some(other) => Some(self.says(
                Claim::NotHere,
                format!("the editor page of slot {slot} shows another handset, {other}"),
            )),
            None => Some(self.says(
                Claim::NotHere,
                format!(
                    "the editor page of slot {slot} shows no handset{}",
                    match self.shown() {
                        Some(HandsetState::Registered) => "; the mobile devices page shows one",
                        Some(HandsetState::Pending | HandsetState::None) | None => "",
                    }
                ),
            )),
        }
    }

    fn pending_list(&self) -> Option<Finding> {
        if !self.is_listed() {
            return None;
        }
        let slot = self.slot;
        let aside = match (self.registered_ipui(), self.shown()) {
            (Some(other), _) if other != self.ipui => format!("; slot {slot} holds another handset, {other}"),
            (_, Some(HandsetState::Registered)) => {
                format!("; the mobile devices page shows a handset in slot {slot}")
            }
            (_, Some(HandsetState::Pending | HandsetState::None) | None) => String::new(),
        };
        Some(self.says(Claim::Pending, format!("listed as pending on the status page{aside}")))
    }

    fn mobile_devices_page(&self) -> Option<Finding> {
        let slot = self.slot;
        let page = "the mobile devices page shows";
        Some(match self.shown()? {
            HandsetState::Registered => match self.registered_ipui() {
                Some(same) if same == self.ipui => self.says(
                    Claim::Registered,
                    format!("{page} slot {slot} as registered ever since its editor page showed this handset"),
                ),
                Some(other) => {
                    self.says(Claim::NotHere, format!("{page} slot {slot} as registered, with another handset, {other}"))
                }
                None if self.was_somebody_elses() => self.says(
                    Claim::Undecided,
                    format!(
                        "{page} a handset in slot {slot} that was there before this one could have come; only the \
                         editor page tells which it is"
                    ),
                ),
                None => {
                    self.says(Claim::Registered, format!("{page} a handset in slot {slot} (its IPUI not read)"))
                }
            },
            HandsetState::Pending => {
                self.says(Claim::NotHere, format!("{page} slot {slot} as reserved, and the status page not for this one"))
            }
            HandsetState::None => self.says(
                Claim::NotHere,
                format!("{page} no handset and no reservation in slot {slot}, and the status page lists it nowhere"),
            ),
        })
    }

    /// `%SUBLIST` of a fetch, where the mobile devices page could not be read or does not show the slot.
    fn filled_slots(&self) -> Option<Finding> {
        let filled = self.scene.memory.filled.as_ref()?;
        let previous = self.previous;
        let listed_before = previous.pending_at?;
        let is_news = filled.at > listed_before && filled.at > previous.seen_at;
        if !is_news || self.another_is_known() {
            return None;
        }
        let says = |claim, evidence| Some(Finding { claim, evidence, seen_at: filled.at });
        let slot = self.slot;
        if filled.filled.contains(&slot) {
            says(
                Claim::Registered,
                format!(
                    "no longer pending, and the manager's own list at its last fetch has a handset in slot {slot}"
                ),
            )
        } else {
            says(
                Claim::NotHere,
                format!(
                    "no longer pending, but the manager's own list at its last fetch has nobody in slot {slot}"
                ),
            )
        }
    }

    /// The mobile devices page lists active accounts only: of a slot that is not on it, it tells nothing. One that was
    /// seen with a handset is taken to hold it still; one that never was is taken to be empty.
    fn account_off(&self) -> Option<Finding> {
        let slot = self.slot;
        if !self.is_off_the_page() {
            return None;
        }
        let page = format!("the mobile devices page shows no active account in slot {slot}");
        let evidence = if !self.previous.may_hold_handset() {
            format!("{page}, and the status page lists it nowhere")
        } else if self.is_cleared_unseen() {
            format!("{page}, and the manager's own list at its last fetch has nobody in it")
        } else {
            return Some(Finding {
                claim: Claim::Undecided,
                evidence: format!("{page}, so that no page tells whether its handset is still registered"),
                // Nothing was seen of it again.
                seen_at: self.previous.seen_at,
            });
        };
        Some(self.says(Claim::NotHere, evidence))
    }

    /// The last resort: it was pending, and is not any more, while the device let handsets in.
    fn gone_in_open_window(&self) -> Option<Finding> {
        let previous = self.previous;
        let was_listed_last =
            previous.registration == Registration::Pending && previous.pending_at >= Some(previous.seen_at);
        let is_open = match self.scene.window_state {
            WindowState::Open | WindowState::Always => true,
            WindowState::None | WindowState::Scheduled | WindowState::Closed => false,
        };
        let verified = self.scene.memory.release.as_ref().is_some_and(|release| {
            release.progress.verified_at.is_some() && release.reserved.get(&self.slot) == Some(&self.ipui)
        });
        (was_listed_last && is_open && verified && !self.another_is_known()).then(|| {
            self.says(
                Claim::Registered,
                "no longer listed as pending on the status page, in an open window, after a verified release"
                    .to_owned(),
            )
        })
    }

    fn says(&self, claim: Claim, evidence: String) -> Finding {
        Finding { claim, evidence, seen_at: self.observation.at }
    }

    fn is_listed(&self) -> bool {
        super::is_listed(self.observation, self.ipui)
    }

    /// What the editor page of this slot showed, if it was read.
    fn own_editor(&self) -> Option<Option<Ipui>> {
        self.observation.editors.get(&self.slot).and_then(Reading::known).copied()
    }

    /// The other slot whose editor page shows this handset.
    fn elsewhere(&self) -> Option<SlotNumber> {
        let mut pages = self.observation.editors.iter().filter(|(slot, _)| **slot != self.slot);
        pages.find(|(_, page)| page.known() == Some(&Some(self.ipui))).map(|(slot, _)| *slot)
    }

    /// What the mobile devices page shows in this slot; `None`: it was not read, or does not list the slot.
    pub(super) fn shown(&self) -> Option<HandsetState> {
        handset_in(self.observation, self.slot)
    }

    fn is_off_the_page(&self) -> bool {
        self.observation.slots.known().is_some_and(|slots| !slots.contains_key(&self.slot))
    }

    /// Whether the manager's own list denies that the slot still holds the handset it was last seen with.
    fn is_cleared_unseen(&self) -> bool {
        let denied = |list: &FilledSlots| {
            list.at - self.previous.seen_at > SESSION_AT_MOST && !list.filled.contains(&self.slot)
        };
        self.is_off_the_page() && self.scene.memory.filled.as_ref().is_some_and(denied)
    }

    /// Whether the handset in this slot was there while this one was waiting: only an editor page can then tell that
    /// the one has taken the place of the other.
    fn was_somebody_elses(&self) -> bool {
        let waited = match self.previous.registration {
            Registration::Pending | Registration::Expired | Registration::Lost => true,
            Registration::Unknown | Registration::Reserved | Registration::Registered => false,
        };
        let last = self.scene.memory.observation.as_ref().filter(|last| last.at < self.observation.at);
        waited && last.and_then(|last| handset_in(last, self.slot)) == Some(HandsetState::Registered)
    }

    fn another_is_known(&self) -> bool {
        self.was_somebody_elses() || self.registered_ipui().is_some_and(|other| other != self.ipui)
    }
}

/// `None` when the page was not read, or does not list the slot.
fn handset_in(observation: &Observation, slot: SlotNumber) -> Option<HandsetState> {
    Some(observation.slots.known()?.get(&slot)?.handset)
}
