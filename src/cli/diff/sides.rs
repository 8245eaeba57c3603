//! Both sides of a difference in one line each: what the manager shows of a slot, and what the site file asks for.

use crate::domain::desired::{DesiredSite, DesiredSlot};
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::observed::{HandsetState, Observation};
use crate::domain::plan::{Action, Hit, Step};

/// Where both sides are taken from.
pub(super) struct Sides<'a> {
    pub(super) desired: &'a DesiredSite,
    pub(super) seen: &'a Observation,
}

/// What is, and what is wanted.
pub(super) struct Side {
    pub(super) is: String,
    pub(super) wanted: String,
}

impl Sides<'_> {
    /// Of a step on a slot or on the PIN; `None` where no page shows what it changes.
    pub(super) fn of(&self, step: &Step, hits: &[&Hit]) -> Option<Side> {
        let side = match (step.action, step.slot) {
            (Action::SetPin, _) => self.of_pin()?,
            (Action::ConfigureAccount, Some(slot)) => {
                Side { is: self.shown_account(slot), wanted: self.wanted_account(slot) }
            }
            (Action::Reserve | Action::Replace | Action::Deregister, Some(slot)) => {
                let ipui = hits.iter().find(|hit| hit.slot == slot).and_then(|hit| hit.ipui);
                Side { is: self.shown(slot, ipui), wanted: self.wanted(slot) }
            }
            (
                Action::Enrol
                | Action::ConfigureProvider
                | Action::ConfigureAccount
                | Action::Reserve
                | Action::Replace
                | Action::Deregister
                | Action::OpenWindow
                | Action::ReopenWindow
                | Action::CloseWindow
                | Action::Fetch
                | Action::FollowFile,
                _,
            ) => return None,
        };
        (side.is != side.wanted).then_some(side)
    }

    fn of_pin(&self) -> Option<Side> {
        let is = self.seen.registration_pin.known()?;
        let wanted = self.desired.registration.as_ref()?.pin?;
        Some(Side { is: format!("registration PIN {is}"), wanted: format!("registration PIN {wanted}") })
    }

    /// What the manager shows of a slot. `hit`: the handset that the plan names there, where this reading does not.
    pub(super) fn shown(&self, slot: SlotNumber, hit: Option<Ipui>) -> String {
        let cell = self.seen.slots.known().and_then(|slots| slots.get(&slot)).map(|account| account.handset);
        let editor = self.seen.editors.get(&slot).and_then(|page| *page.known()?);
        let handset = match (cell, editor.or(hit)) {
            (Some(HandsetState::Pending), _) => "reserved for a handset that is not registered".to_owned(),
            (Some(HandsetState::None), _) => "no handset".to_owned(),
            (Some(HandsetState::Registered), None) => "a handset registered".to_owned(),
            (None, None) => return self.shown_account(slot),
            (Some(HandsetState::Registered) | None, Some(ipui)) => format!("handset {ipui} registered"),
        };
        format!("{}, {handset}", self.shown_account(slot))
    }

    fn shown_account(&self, slot: SlotNumber) -> String {
        let account = self.seen.slots.known().and_then(|slots| slots.get(&slot));
        let told = account.map_or_else(
            || "no active account".to_owned(),
            |seen| account_in_words(seen.user_id.as_deref(), seen.display_name.as_deref()),
        );
        format!("slot {slot}: {told}")
    }

    fn wanted(&self, slot: SlotNumber) -> String {
        let handset = self.desired.slots.get(&slot).and_then(DesiredSlot::ipui);
        let handset = handset.map(|ipui| format!(", for handset {ipui}")).unwrap_or_default();
        self.wanted_account(slot) + &handset
    }

    /// What the site file does not mention stays as it is shown.
    fn wanted_account(&self, slot: SlotNumber) -> String {
        match self.desired.slots.get(&slot) {
            Some(DesiredSlot::Absent) => format!("slot {slot}: no active account, no handset"),
            Some(wanted @ DesiredSlot::Present(_)) => {
                let seen = self.seen.slots.known().and_then(|slots| slots.get(&slot));
                let user = wanted.user().or_else(|| seen?.user_id.as_deref());
                let name = wanted.display_name().or_else(|| seen?.display_name.as_deref());
                match user.or(name) {
                    None => self.shown_account(slot),
                    Some(_) => format!("slot {slot}: {}", account_in_words(user, name)),
                }
            }
            None => self.shown_account(slot),
        }
    }
}

/// `1013 "Reception"`.
fn account_in_words(user: Option<&str>, name: Option<&str>) -> String {
    let said = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    match (said(user), said(name)) {
        (None, None) => "an account without user and name".to_owned(),
        (Some(user), None) => user,
        (None, Some(name)) => format!("\"{name}\""),
        (Some(user), Some(name)) => format!("{user} \"{name}\""),
    }
}
