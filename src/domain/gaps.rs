//! Gaps: slots that the site file does not list. Whoever sat there when the manager was met is somebody's normal
//! business; whoever came later was added by hand. "Add" on the web interface takes the first free slot (n720.md,
//! section 3). Nothing is done about either.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::ids::SlotNumber;

/// Who sits in slots, as far as it is told apart who was there first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gaps {
    /// Slots whose occupant is known: it was there when the manager was met, the slot was listed, or it was told of for
    /// long enough.
    #[serde(default)]
    pub familiar: BTreeMap<SlotNumber, Occupied>,
    /// When the occupants of other slots were first seen.
    #[serde(default)]
    pub newcomers: BTreeMap<SlotNumber, DateTime<Utc>>,
}

/// What a slot is occupied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occupied {
    /// An active account without a handset.
    Account,
    /// A handset, registered or reserved.
    Handset,
}
