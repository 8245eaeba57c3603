//! Words for how a difference came about: what was in place, what is there instead, and who that is. No judgement.

use chrono::{DateTime, Utc};

use super::super::desired::{DesiredSite, Pin};
use super::super::ids::{Ipui, SlotNumber};
use super::super::memory::{Registration, SiteMemory};
use super::super::observed::ObservedSlot;
use super::super::plan::Cause;
use super::super::shown::InPlace;
use super::super::sighting::Holder;
use super::super::wording;

/// What the words rest on.
pub(super) struct Explain<'a> {
    pub(super) desired: &'a DesiredSite,
    pub(super) memory: &'a SiteMemory,
}

impl Explain<'_> {
    /// The account of a slot: `shown` is the user that the page shows, `None` that there is no active account.
    pub(super) fn user(&self, slot: SlotNumber, wanted: &str, shown: Option<&str>, cause: Cause) -> String {
        match (shown, self.by_hand(cause)) {
            (None, None) => format!("slot {slot} has no active account; user {wanted} is wanted"),
            (None, Some(seen)) => {
                format!(
                    "the account of slot {slot}, user {wanted}, was switched off or deleted by hand ({seen})"
                )
            }
            (Some(shown), None) => format!("slot {slot} shows user {shown:?}; {wanted:?} is wanted"),
            (Some(shown), Some(seen)) => {
                format!("the user of slot {slot} was changed by hand from {wanted:?} to {shown:?} ({seen})")
            }
        }
    }

    /// The display name of a slot.
    pub(super) fn name(&self, slot: SlotNumber, wanted: &str, shown: &str, cause: Cause) -> String {
        match self.by_hand(cause) {
            None => format!("slot {slot} shows the display name {shown:?}; {wanted:?} is wanted"),
            Some(seen) => format!("slot {slot} was renamed by hand from {wanted:?} to {shown:?} ({seen})"),
        }
    }

    /// The registration PIN.
    pub(super) fn pin(&self, was: Pin, shown: Pin, cause: Cause) -> String {
        match self.by_hand(cause) {
            None => format!("the page shows the registration PIN {shown}; {was} is wanted"),
            Some(seen) => format!("the registration PIN was changed by hand from {was} to {shown} ({seen})"),
        }
    }

    /// Behind what an absent slot holds: who it is, and that somebody added it.
    pub(super) fn added(&self, account: Option<&ObservedSlot>, holder: Holder, cause: Cause) -> String {
        let texts = account.map(|seen| [seen.user_id.as_deref(), seen.display_name.as_deref()]);
        let user: Vec<&str> = texts.into_iter().flatten().flatten().collect();
        let whose = ipui_of(holder).map(|ipui| format!("; {ipui} {}", self.whose(ipui))).unwrap_or_default();
        match self.by_hand(cause) {
            None => whose,
            Some(seen) if user.is_empty() => {
                format!("{whose}; it was empty: somebody filled it by hand ({seen})")
            }
            Some(seen) => {
                format!("{whose}; it was empty: somebody added user {} by hand ({seen})", user.join(" "))
            }
        }
    }

    /// Behind how a wanted handset stands: who is there instead, and what became of the wanted one. `moved_to`: the
    /// slot in which the wanted one is registered, if it is in another.
    pub(super) fn handset(
        &self,
        slot: SlotNumber,
        holder: Holder,
        known: Option<&InPlace<Ipui>>,
        cause: Cause,
        moved_to: Option<SlotNumber>,
    ) -> String {
        let other = ipui_of(holder);
        let whose = other.map(|ipui| format!("; {ipui} {}", self.whose(ipui))).unwrap_or_default();
        let story = match (cause, self.by_hand(cause)) {
            (_, Some(seen)) => self.what_was_done(slot, holder, moved_to, &seen),
            (Cause::SiteFile, None) if other.is_some() && known.map(|known| known.was) == other => {
                "the site file had it there before".to_owned()
            }
            (Cause::NotYet, None) if other.is_some() => "the wanted one was never seen there".to_owned(),
            (Cause::NotYet | Cause::SiteFile | Cause::UnderWay | Cause::ByHand { .. }, _) => String::new(),
        };
        if story.is_empty() { whose } else { format!("{whose}; {story}") }
    }

    /// What somebody did to a handset that was in place. That its reservation went by itself cannot be ruled out.
    fn what_was_done(
        &self,
        slot: SlotNumber,
        holder: Holder,
        moved_to: Option<SlotNumber>,
        seen: &str,
    ) -> String {
        let lost = self.memory.slots.get(&slot).map(|record| record.registration) == Some(Registration::Lost);
        match (holder, moved_to) {
            (_, Some(_)) => format!("it was moved there by hand ({seen})"),
            (Holder::Registered(_) | Holder::NotRead | Holder::Unreadable | Holder::Hidden, None) => {
                format!("it was in place until somebody registered another by hand ({seen})")
            }
            (Holder::Reserved(_), None) => format!("somebody changed the reservation by hand ({seen})"),
            (Holder::Nobody, None) if lost => {
                format!(
                    "it was deregistered and its reservation removed on the manager, not by n720d ({seen})"
                )
            }
            (Holder::Nobody, None) => {
                format!("its reservation was removed on the manager, not by n720d ({seen})")
            }
        }
    }

    /// Where a handset is at home that is not the wanted one.
    fn whose(&self, ipui: Ipui) -> String {
        let here = self.desired.slots.iter().find(|(_, slot)| slot.ipui() == Some(ipui));
        let home = self.memory.strays.get(&ipui).and_then(|stray| stray.home.as_ref());
        match (here, home) {
            (Some((slot, _)), _) => format!("is listed in slot {slot}"),
            (None, Some(home)) => format!("is listed in {home}"),
            (None, None) => "is in no site file in force".to_owned(),
        }
    }

    /// When it was first seen, if it was done by hand.
    fn by_hand(&self, cause: Cause) -> Option<String> {
        match cause {
            Cause::ByHand { since } => Some(format!("seen {}", self.clock(since))),
            Cause::NotYet | Cause::SiteFile | Cause::UnderWay => None,
        }
    }

    fn clock(&self, at: DateTime<Utc>) -> String {
        wording::clock(wording::local(at, self.desired.time_zone))
    }
}

/// The handset that is known to hold a slot.
fn ipui_of(holder: Holder) -> Option<Ipui> {
    match holder {
        Holder::Registered(ipui) | Holder::Reserved(Some(ipui)) => Some(ipui),
        Holder::Nobody | Holder::Reserved(None) | Holder::NotRead | Holder::Unreadable | Holder::Hidden => {
            None
        }
    }
}
