//! Desired state to content: everything the site file asks for, less what must be withheld. No judgement here about
//! what to withhold, and no rendering.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{AccountContent, HandsetCode, ReleaseContent, SlotContent, WindowContent};
use super::desired::{DesiredSite, DesiredSlot, PresentSlot};
use super::ids::{ProviderIndex, SlotNumber};
use super::secret::{Secret, SecretBook};

/// What is left out of a file, so that the device keeps what it has. The default leaves nothing out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Omit {
    /// The handset codes of these slots.
    pub handsets: BTreeSet<SlotNumber>,
    /// The accounts of these slots.
    pub accounts: BTreeSet<SlotNumber>,
    /// These slots whole.
    pub slots: BTreeSet<SlotNumber>,
    /// These providers.
    pub providers: BTreeSet<ProviderIndex>,
    /// The registration PIN.
    pub pin: bool,
}

/// What the file for this site says, less what is to be left out.
///
/// Left out whole is in any case a slot whose password cannot be had, because an account without it would stop working.
/// The window is dropped when nothing is reserved: without a reservation it would block registration by hand
/// (n720.md section 3).
pub fn compose(
    desired: &DesiredSite,
    secrets: &SecretBook,
    omit: &Omit,
    window: Option<WindowContent>,
) -> ReleaseContent {
    let slots = desired
        .slots
        .iter()
        .filter(|(number, _)| !omit.slots.contains(number))
        .filter_map(|(&number, slot)| {
            let mut content = slot_content(slot, secrets)?;
            content.handset = content.handset.filter(|_| !omit.handsets.contains(&number));
            if omit.accounts.contains(&number) {
                content.account = AccountContent::default();
                content.handset?;
            }
            Some((number, content))
        })
        .collect();
    let providers = desired.providers.iter().filter(|(index, _)| !omit.providers.contains(index));
    let mut content = ReleaseContent {
        mac: desired.manager.mac,
        providers: providers.map(|(index, provider)| (*index, provider.clone())).collect(),
        slots,
        pin: desired.registration.as_ref().and_then(|policy| policy.pin).filter(|_| !omit.pin),
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

#[cfg(test)]
mod tests {
    use super::super::ids::Ipui;
    use super::super::secret::SecretRef;
    use super::super::world::{World, ipui, present, slot};
    use super::*;

    fn world() -> World {
        World::new()
            .want(1, present("1013", Some(1)))
            .want(2, DesiredSlot::Absent)
            .want(3, present("1022", None))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for the value of an optional field")]
    fn open() -> Option<WindowContent> {
        Some(WindowContent { start: chrono::NaiveDateTime::default(), seconds: 72_000 })
    }

    fn content(world: &World, handsets: &[u8], slots: &[u8]) -> ReleaseContent {
        let set = |numbers: &[u8]| numbers.iter().map(|&number| slot(number)).collect();
        let omit = Omit { handsets: set(handsets), slots: set(slots), ..Omit::default() };
        compose(&world.desired, &world.secrets, &omit, open())
    }

    fn codes(content: &ReleaseContent) -> Vec<(u8, Option<HandsetCode>)> {
        content.slots.iter().map(|(slot, content)| (slot.number(), content.handset)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for the value of an optional field")]
    fn reserve(ipui: Ipui) -> Option<HandsetCode> {
        Some(HandsetCode::Reserve(ipui))
    }

    #[test]
    fn everything_that_is_listed_is_carried_and_nothing_else() {
        let content = content(&world(), &[], &[]);
        assert_eq!(codes(&content), [(1, reserve(ipui(1))), (2, Some(HandsetCode::Clear)), (3, None)]);
        let account = &content.slots[&slot(1)].account;
        assert_eq!((account.active, account.user.as_deref()), (Some(true), Some("1013")));
        assert_eq!(account.password.as_ref().map(Secret::expose), Some("geheim"));
        assert_eq!(
            (account.mailbox.as_deref(), account.display_name.as_deref()),
            (Some("*2"), Some("N720_1013"))
        );
        let absent = AccountContent { active: Some(false), ..AccountContent::default() };
        assert_eq!(content.slots[&slot(2)].account, absent);
        assert_eq!(content.window, open());
        assert!(content.pin.is_some() && content.providers.len() == 1);
    }

    #[test]
    fn what_is_not_mentioned_is_not_written() {
        let only_handset = PresentSlot { ipui: Some(ipui(4)), ..PresentSlot::default() };
        let mut world = World::new().want(4, DesiredSlot::Present(only_handset));
        world.desired.registration = None;
        world.desired.providers.clear();
        let content = content(&world, &[], &[]);
        assert_eq!(content.slots[&slot(4)].account, AccountContent::default());
        assert_eq!((content.pin, content.providers.len()), (None, 0));
    }

    #[test]
    fn withheld_codes_and_slots_stay_out_and_take_the_window_along() {
        let without_code = content(&world(), &[1], &[2]);
        assert_eq!(codes(&without_code), [(1, None), (3, None)]);
        assert_eq!(without_code.window, None, "nothing is reserved any more");
        assert_eq!(codes(&content(&world(), &[], &[1])), [(2, Some(HandsetCode::Clear)), (3, None)]);
    }

    #[test]
    fn a_slot_whose_password_cannot_be_had_stays_out_whole() {
        let mut world = world();
        let DesiredSlot::Present(first) = world.desired.slots.get_mut(&slot(1)).unwrap() else { panic!() };
        let reference = SecretRef::Keyring("acme/1013".into());
        first.sip.as_mut().unwrap().password = Some(reference.clone());
        world.secrets.enter(&reference, Err("keyring:acme/1013 is not in the keyring".into()));
        assert_eq!(codes(&content(&world, &[], &[])), [(2, Some(HandsetCode::Clear)), (3, None)]);
        let missing = missing_secrets(&world.desired, &world.secrets);
        assert_eq!(
            missing,
            BTreeMap::from([(slot(1), "keyring:acme/1013 is not in the keyring".to_owned())])
        );
        world.secrets.enter(&reference, Ok(Secret::new("da")));
        assert!(missing_secrets(&world.desired, &world.secrets).is_empty());
        assert!(content(&world, &[], &[]).slots.contains_key(&slot(1)));
    }
}
