//! A dumb model of a manager: what a provisioning file does to its accounts, reservations and registered handsets.

use super::*;

/// An account as the device keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) active: bool,
    pub(super) user: String,
    pub(super) name: String,
}

/// The device: what is configured, who is registered, who is reserved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) accounts: BTreeMap<SlotNumber, Account>,
    pub(super) registered: BTreeMap<SlotNumber, Ipui>,
    pub(super) reserved: BTreeMap<SlotNumber, Ipui>,
}

impl Model {
    /// Takes a provisioning file in. A handset that conflicts with a new reservation is deregistered.
    pub(super) fn apply(&mut self, content: &ReleaseContent) {
        for (&slot, wanted) in &content.slots {
            let account = self.accounts.entry(slot).or_default();
            account.active = wanted.account.active.unwrap_or(account.active);
            account.user = wanted.account.user.clone().unwrap_or_else(|| account.user.clone());
            account.name = wanted.account.display_name.clone().unwrap_or_else(|| account.name.clone());
            match wanted.handset {
                Some(HandsetCode::Reserve(ipui)) => self.reserve(slot, ipui),
                Some(HandsetCode::Clear) => {
                    self.reserved.remove(&slot);
                    self.registered.remove(&slot);
                }
                None => {}
            }
        }
    }

    pub(super) fn reserve(&mut self, slot: SlotNumber, ipui: Ipui) {
        self.reserved.retain(|_, other| *other != ipui);
        self.registered.retain(|&other, held| (other == slot) == (*held == ipui));
        if !self.registered.contains_key(&slot) {
            self.reserved.insert(slot, ipui);
        }
    }

    /// A reserved handset comes in.
    pub(super) fn arrive(&mut self, slot: SlotNumber) {
        if let Some(ipui) = self.reserved.remove(&slot) {
            self.registered.insert(slot, ipui);
        }
    }

    /// Somebody registers a handset by hand.
    pub(super) fn take(&mut self, slot: SlotNumber, ipui: Ipui) {
        if !self.registered.contains_key(&slot) && !self.registered.values().any(|held| *held == ipui) {
            self.reserved.remove(&slot);
            self.reserved.retain(|_, other| *other != ipui);
            self.registered.insert(slot, ipui);
            self.accounts.entry(slot).or_default().active = true;
        }
    }

    /// Handsets that somebody can make a call with.
    pub(super) fn working(&self) -> BTreeSet<(SlotNumber, Ipui)> {
        let active = |slot: &SlotNumber| self.accounts.get(slot).is_some_and(|account| account.active);
        self.registered.iter().filter(|(slot, _)| active(slot)).map(|(&slot, &ipui)| (slot, ipui)).collect()
    }

    /// Handsets in these slots, whether or not their account is on.
    pub(super) fn held(&self, slots: &BTreeSet<SlotNumber>) -> BTreeSet<(SlotNumber, Ipui)> {
        let registered = self.registered.iter().filter(|(slot, _)| slots.contains(slot));
        registered.map(|(&slot, &ipui)| (slot, ipui)).collect()
    }

    pub(super) fn observe(&self, at: DateTime<Utc>) -> Observation {
        let shown = |slot: &SlotNumber, account: &Account| ObservedSlot {
            user_id: Some(account.user.clone()),
            display_name: Some(account.name.clone()),
            provider: None,
            sip: SipState::Registered,
            handset: match (self.registered.contains_key(slot), self.reserved.contains_key(slot)) {
                (true, _) => HandsetState::Registered,
                (false, true) => HandsetState::Pending,
                (false, false) => HandsetState::None,
            },
            model: None,
            software: None,
        };
        let active = || self.accounts.iter().filter(|(_, account)| account.active);
        Observation {
            at,
            mac: Reading::Known(MAC.parse().unwrap()),
            firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
            device_clock: Reading::Known(at.naive_utc()),
            pending: Reading::Known(self.reserved.values().copied().collect()),
            slots: Reading::Known(active().map(|(slot, account)| (*slot, shown(slot, account))).collect()),
            registration_pin: Reading::Unreadable("no kind of PIN is marked".into()),
            editors: active()
                .filter_map(|(slot, _)| Some((*slot, Reading::Known(Some(*self.registered.get(slot)?)))))
                .collect(),
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        }
    }
}
