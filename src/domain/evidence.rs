//! Evidence: what was seen of a handset, where, and when. Plain data, for memory, status and history.
//!
//! Which evidence is stronger, and what follows from it, is `registration`'s matter.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where something about a slot's handset was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The slot's own editor page, which shows the IPUI of the handset that is registered in it.
    EditorPage,
    /// The editor page of another slot, which shows this handset.
    OtherEditorPage,
    /// The list of pending handsets on the status page.
    PendingList,
    /// The slot's DECT cell on the mobile devices page.
    MobileDevicesPage,
    /// The list of filled slots that the manager adds to a fetch (`%SUBLIST`).
    FilledSlots,
    /// The mobile devices page does not list the slot: its account is not active.
    InactiveAccount,
    /// The handset was on the list of pending handsets, and is not on it any more.
    PendingThenGone,
}

impl Source {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EditorPage => "editor-page",
            Self::OtherEditorPage => "other-editor-page",
            Self::PendingList => "pending-list",
            Self::MobileDevicesPage => "mobile-devices-page",
            Self::FilledSlots => "filled-slots",
            Self::InactiveAccount => "inactive-account",
            Self::PendingThenGone => "pending-then-gone",
        }
    }
}

/// What one source showed of one handset in one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// Where.
    pub source: Source,
    /// What, for people.
    pub evidence: String,
    /// When, by our clock.
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_source_is_that_of_its_json() {
        for source in [
            Source::EditorPage,
            Source::OtherEditorPage,
            Source::PendingList,
            Source::MobileDevicesPage,
            Source::FilledSlots,
            Source::InactiveAccount,
            Source::PendingThenGone,
        ] {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
    }
}
