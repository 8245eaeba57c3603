//! Desired state to content: everything the site file asks for, less what must be withheld. No judgement here about
//! what to withhold, and no rendering.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{AccountContent, HandsetCode, ReleaseContent, SlotContent, WindowContent};
use super::desired::{DesiredSite, DesiredSlot, PresentSlot};
use super::ids::SlotNumber;
use super::secret::{Secret, SecretBook};

/// What the file for this site says.
///
/// `withhold_handsets`: these slots' handset codes are left out, so that the device keeps what it has.
/// `withhold_slots`: these slots are left out whole; so is, in any case, a slot whose password cannot be had, because
/// an account without it would stop working. The window is dropped when nothing is reserved: without a reservation it
/// would block registration by hand (n720.md section 3).
pub fn compose(
    desired: &DesiredSite,
    secrets: &SecretBook,
    withhold_handsets: &BTreeSet<SlotNumber>,
    withhold_slots: &BTreeSet<SlotNumber>,
    window: Option<WindowContent>,
) -> ReleaseContent {
    let slots = desired
        .slots
        .iter()
        .filter(|(number, _)| !withhold_slots.contains(number))
        .filter_map(|(&number, slot)| {
            let mut content = slot_content(slot, secrets)?;
            content.handset = content.handset.filter(|_| !withhold_handsets.contains(&number));
            Some((number, content))
        })
        .collect();
    let mut content = ReleaseContent {
        mac: desired.manager.mac,
        providers: desired.providers.clone(),
        slots,
        pin: desired.registration.as_ref().and_then(|policy| policy.pin),
        window: None,
    };
    content.window = window.filter(|_| content.reserves());
    content
}

/// The slots whose password cannot be had, each with the reason (a text without the value).
pub fn missing_secrets(desired: &DesiredSite, secrets: &SecretBook) -> BTreeMap<SlotNumber, String> {
    desired
        .slots
        .iter()
        .filter_map(|(&number, slot)| match slot {
            DesiredSlot::Present(slot) => password(slot, secrets).err().map(|why| (number, why)),
            DesiredSlot::Absent => None,
        })
        .collect()
}

fn slot_content(slot: &DesiredSlot, secrets: &SecretBook) -> Option<SlotContent> {
    match slot {
        DesiredSlot::Present(slot) => Some(SlotContent {
            account: account(slot, password(slot, secrets).ok()?),
            handset: slot.ipui.map(HandsetCode::Reserve),
        }),
        DesiredSlot::Absent => Some(SlotContent {
            account: AccountContent { active: Some(false), ..AccountContent::default() },
            handset: Some(HandsetCode::Clear),
        }),
    }
}

fn password(slot: &PresentSlot, secrets: &SecretBook) -> Result<Option<Secret>, String> {
    slot.sip
        .as_ref()
        .and_then(|sip| sip.password.as_ref())
        .map(|reference| secrets.get(reference))
        .transpose()
}

fn account(slot: &PresentSlot, password: Option<Secret>) -> AccountContent {
    let sip = slot.sip.as_ref();
    AccountContent {
        active: sip.map(|_| true),
        login: sip.map(|sip| sip.login.clone()),
        password,
        user: sip.map(|sip| sip.user.clone()),
        display_name: slot.display_name.clone(),
        provider: sip.map(|sip| sip.provider),
        mailbox: slot.mailbox.clone(),
        account_name: sip.map(|sip| sip.account_name.clone()),
    }
}
