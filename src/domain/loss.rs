//! Why a handset that was registered is not any more, as far as that can be told. Words and data; how a cause is found
//! is `registration`'s matter.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{Ipui, SlotNumber};

/// The likely cause of a loss. No page names one: it is concluded from what else was seen of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LossCause {
    /// Another slot is reserved for it.
    ReservedForAnotherSlot {
        /// Which.
        slot: SlotNumber,
    },
    /// It is registered in another slot.
    RegisteredInAnotherSlot {
        /// Which.
        slot: SlotNumber,
    },
    /// It and another listed handset each sit in the other's slot, or are reserved for it.
    Swapped {
        /// The slot that the other one is listed for.
        with: SlotNumber,
    },
    /// Another handset is registered in its slot, or reserved for it.
    Replaced {
        /// Which, where a page told.
        by: Option<Ipui>,
    },
    /// The manager was reset to factory settings: it shows no account and no reservation, or lost all its handsets at
    /// once.
    FactoryReset,
    /// A release of ours reserved the slot for another handset, or this handset for another slot.
    SiteFile,
    /// Its slot is empty or reserved again, and nothing else has changed.
    DeregisteredByHand,
    /// Nothing that was seen tells.
    NotKnown,
}

impl LossCause {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReservedForAnotherSlot { .. } => "reserved-for-another-slot",
            Self::RegisteredInAnotherSlot { .. } => "registered-in-another-slot",
            Self::Swapped { .. } => "swapped",
            Self::Replaced { .. } => "replaced",
            Self::FactoryReset => "factory-reset",
            Self::SiteFile => "site-file",
            Self::DeregisteredByHand => "deregistered-by-hand",
            Self::NotKnown => "not-known",
        }
    }
}

/// For a person, to stand behind what was seen: `likely cause: …`.
impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedForAnotherSlot { slot } => {
                write!(f, "likely cause: reserved for slot {slot} instead")
            }
            Self::RegisteredInAnotherSlot { slot } => {
                write!(f, "likely cause: moved, it is registered in slot {slot}")
            }
            Self::Swapped { with } => write!(f, "likely cause: swapped with the handset of slot {with}"),
            Self::Replaced { by: Some(by) } => write!(f, "likely cause: replaced by handset {by}"),
            Self::Replaced { by: None } => write!(f, "likely cause: replaced by another handset"),
            Self::FactoryReset => write!(f, "likely cause: the DECT manager was reset to factory settings"),
            Self::SiteFile => write!(f, "likely cause: a release made from the site file as it was before"),
            Self::DeregisteredByHand => write!(f, "likely cause: deregistered by hand"),
            Self::NotKnown => write!(f, "the cause is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_cause_is_that_of_its_json_and_each_says_likely() {
        let slot = SlotNumber::new(7).unwrap();
        let by = "02 B6 EC 8A A5".parse().ok();
        for cause in [
            LossCause::ReservedForAnotherSlot { slot },
            LossCause::RegisteredInAnotherSlot { slot },
            LossCause::Swapped { with: slot },
            LossCause::Replaced { by },
            LossCause::Replaced { by: None },
            LossCause::FactoryReset,
            LossCause::SiteFile,
            LossCause::DeregisteredByHand,
            LossCause::NotKnown,
        ] {
            let json = serde_json::to_value(cause).unwrap();
            assert_eq!(json["kind"], cause.as_str());
            assert_eq!(serde_json::from_value::<LossCause>(json).unwrap(), cause);
            assert_eq!(cause.to_string().starts_with("likely cause: "), cause != LossCause::NotKnown);
        }
    }
}
