//! The identities a device deals in: its MAC and the IPUIs of handsets, as text and as bytes.
//!
//! No state and no rules: what a reservation means is in [`crate::registration`].

use crate::error::SimError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The MAC of a DECT manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// With colons between the bytes, as the placeholder `%MACC` writes it.
    pub fn with_colons(&self) -> String {
        self.0.map(|byte| format!("{byte:02X}")).join(":")
    }

    /// A number that differs from MAC to MAC; seeds what the device draws by lot.
    pub(crate) fn seed(&self) -> u64 {
        self.0.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|byte| format!("{byte:02X}")).concat())
    }
}

impl FromStr for Mac {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        hex_bytes(text).map(Self).ok_or_else(|| SimError::Invalid {
            expected: "a MAC of twelve hex digits",
            found: text.to_owned(),
        })
    }
}

/// The identity of a handset: five bytes, shown as `02 B6 EC 8A A5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ipui([u8; 5]);

impl Ipui {
    /// From its five bytes.
    pub const fn new(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    /// Whether all bytes are zero, which on a slot means "nobody".
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 5]
    }
}

impl fmt::Display for Ipui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|byte| format!("{byte:02X}")).join(" "))
    }
}

impl FromStr for Ipui {
    type Err = SimError;

    fn from_str(text: &str) -> Result<Self, SimError> {
        hex_bytes(&text.replace("0x", "")).map(Self).ok_or_else(|| SimError::Invalid {
            expected: "an IPUI of ten hex digits",
            found: text.to_owned(),
        })
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Mac);
as_text!(Ipui);

/// Hex digits with the separators people write between bytes, as exactly `N` bytes.
fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !matches!(c, ' ' | ':' | '-' | ','))
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair.get(1)?).ok()).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_with_and_without_separators() {
        for text in ["7C2F80CA21E4", "7c:2f:80:ca:21:e4", "7C-2F-80-CA-21-E4"] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "7C2F80CA21E4");
        }
        assert_eq!("7C2F80CA21E4".parse::<Mac>().unwrap().with_colons(), "7C:2F:80:CA:21:E4");
    }

    #[test]
    fn an_ipui_is_read_as_shown_and_as_written_into_a_file() {
        for text in ["02 B6 EC 8A A5", "0x02,0xB6,0xEC,0x8A,0xA5", "02b6ec8aa5"] {
            assert_eq!(text.parse::<Ipui>().unwrap().to_string(), "02 B6 EC 8A A5");
        }
    }

    #[test]
    fn a_wrong_count_of_digits_or_a_strange_letter_is_refused() {
        for text in ["", "02 B6 EC 8A", "02 B6 EC 8A A5 0", "02 B6 EC 8A G5", "02B6EC8AA5FF"] {
            assert!(text.parse::<Ipui>().is_err(), "{text}");
        }
        assert!("7C2F80CA21E".parse::<Mac>().is_err());
    }

    #[test]
    fn zero_is_nobody() {
        assert!(Ipui::new([0; 5]).is_zero());
        assert!(!Ipui::new([0, 0, 0, 0, 1]).is_zero());
    }

    #[test]
    fn identities_travel_as_text() {
        let ipui: Ipui = serde_json::from_str("\"0x02,0xB6,0xEC,0x8A,0xA5\"").unwrap();
        assert_eq!(serde_json::to_string(&ipui).unwrap(), "\"02 B6 EC 8A A5\"");
        assert!(serde_json::from_str::<Mac>("\"nonsense\"").is_err());
    }
}
