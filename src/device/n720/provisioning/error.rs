//! Why a provisioning file cannot be written. No message holds a secret or a part of one.

use std::fmt;

use chrono::NaiveDateTime;

use crate::domain::ids::{ProviderIndex, SlotNumber};

/// Where in a site a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this slot.
    Slot(SlotNumber),
    /// In the provider with this index.
    Provider(ProviderIndex),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot {slot}"),
            Self::Provider(provider) => write!(f, "provider {provider}"),
        }
    }
}

/// One reason why a provisioning file cannot be written. Fields are named as in a site file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A character that is not safe in a provisioning file.
    #[error(
        "{place}: {field} holds {found:?}, which is not safe in a provisioning file; use printable ISO-8859-1 \
         without \" ' < >"
    )]
    UnsafeCharacter {
        /// Where.
        place: Place,
        /// Which value.
        field: &'static str,
        /// The first such character.
        found: char,
    },
    /// The same in a secret, of which nothing is shown.
    #[error(
        "{place}: {field} holds a character that is not safe in a provisioning file; use printable ISO-8859-1 \
         without \" ' < >"
    )]
    UnsafeSecret {
        /// Where.
        place: Place,
        /// Which value.
        field: &'static str,
    },
    /// A text longer than the device keeps.
    #[error("{place}: {field} is {bytes} bytes long, the device keeps at most {limit}")]
    TooLong {
        /// Where.
        place: Place,
        /// Which value.
        field: &'static str,
        /// Its length in UTF-8 bytes.
        bytes: usize,
        /// The device's limit in bytes.
        limit: usize,
    },
    /// A registration window and no reserved handset: such a window blocks registration by hand.
    #[error(
        "the registration window is without a reservation, which would block registration by hand; reserve at \
         least one slot for a handset (ipui) or leave the window out"
    )]
    WindowWithoutReservation,
    /// A start that the device's ten digits `ddmmyyhhii` cannot say.
    #[error(
        "the registration window starts at {start}; a start is in whole minutes of the years 2000 to 2099"
    )]
    WindowStart {
        /// The start asked for.
        start: NaiveDateTime,
    },
    /// A PIN of something else than decimal digits.
    #[error("the registration PIN is not four decimal digits")]
    Pin,
}
