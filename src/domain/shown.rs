//! What the pages have shown as the site file wants it, and since when they show something else: the grounds on which
//! a change is called one by hand. Only what a page shows can be among it; nothing is planned here.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desired::Pin;
use super::ids::{Ipui, SlotNumber};

/// What was seen in place at one manager.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shown {
    /// Listed slots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<SlotNumber, ShownSlot>,
    /// The registration PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<InPlace<Pin>>,
}

/// What was seen in place in one slot; `None`: that was never seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShownSlot {
    /// An active account of this user; `None` within: no account and no handset, as `state = "absent"` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<InPlace<Option<String>>>,
    /// This display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<InPlace<String>>,
    /// This handset, registered or reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handset: Option<InPlace<Ipui>>,
}

/// A value that the site file asked for and a page showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InPlace<T> {
    /// As it was asked for and shown.
    pub was: T,
    /// When a page first showed something else, with nothing of ours under way that could have done it. `None`: it is
    /// still in place, or the site file asks for something else by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<DateTime<Utc>>,
}
