//! What a provisioning file says, as plain data: the seam between the planner, which composes it, and the renderer,
//! which writes it down. It holds secrets and has no `Serialize`.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;

use super::desired::{Pin, Provider};
use super::ids::{Ipui, Mac, ProviderIndex, SlotNumber};
use super::secret::Secret;

/// The content of one provisioning file. What is absent here is not mentioned in the file and stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseContent {
    /// The manager it is for; a manager with another MAC ignores the file silently.
    pub mac: Mac,
    /// SIP providers.
    pub providers: BTreeMap<ProviderIndex, Provider>,
    /// Slots.
    pub slots: BTreeMap<SlotNumber, SlotContent>,
    /// Registration PIN.
    pub pin: Option<Pin>,
    /// The registration window. Only ever together with at least one reservation: without one it blocks
    /// registration by hand.
    pub window: Option<WindowContent>,
}

/// One slot of a provisioning file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotContent {
    /// The SIP account.
    pub account: AccountContent,
    /// The handset.
    pub handset: Option<HandsetCode>,
}

/// The account of a slot; each `None` is not mentioned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountContent {
    /// Whether the account is active.
    pub active: Option<bool>,
    /// Login for authentication.
    pub login: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// User id.
    pub user: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// Provider.
    pub provider: Option<ProviderIndex>,
    /// Network mailbox: its number, and on; an empty number switches it off.
    pub mailbox: Option<String>,
    /// Name of the account.
    pub account_name: Option<String>,
}

/// What the handset code of a slot is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandsetCode {
    /// Reserve the slot for this handset.
    Reserve(Ipui),
    /// Five zero bytes: clear the reservation and deregister the handset.
    Clear,
}

/// A registration window as the device counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowContent {
    /// Start, the device's local time, in whole minutes.
    pub start: NaiveDateTime,
    /// Length in seconds; 0 = always open.
    pub seconds: u32,
}

impl ReleaseContent {
    /// Whether any slot is reserved for a handset.
    pub fn reserves(&self) -> bool {
        self.slots.values().any(|slot| matches!(slot.handset, Some(HandsetCode::Reserve(_))))
    }
}
