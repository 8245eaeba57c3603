//! Names of things: site, DECT manager (MAC), handset (IPUI), slot, provider, firmware.
//!
//! Every value is checked once, here, when it is made; whoever holds one need not check again. No I/O.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not the value it was taken for; the message says what was found and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {expected}")]
pub struct NotA {
    /// The text as found.
    pub found: String,
    /// What it should have been, with its notation.
    pub expected: &'static str,
}

fn not_a(found: &str, expected: &'static str) -> NotA {
    NotA { found: found.to_owned(), expected }
}

/// Makes serde use `FromStr` and `Display`, so that a stored or printed value is what people write.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = NotA;
            fn try_from(text: String) -> Result<Self, NotA> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// The name of a site: the stem of its file. At most 64 of `A-Z a-z 0-9 . _ -`, not beginning with `.` or `-`,
/// so that it is safe in a path, a label and a log line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteName(String);

impl SiteName {
    /// What alerts and history call the fleet as a whole. No site file may have this name.
    pub const FLEET: &str = "fleet";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that stands for all sites together.
    pub fn of_fleet() -> Self {
        Self(Self::FLEET.to_owned())
    }

    /// Whether it stands for all sites together.
    pub fn is_of_fleet(&self) -> bool {
        self.0 == Self::FLEET
    }
}

impl FromStr for SiteName {
    type Err = NotA;
    fn from_str(text: &str) -> Result<Self, NotA> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=64).contains(&text.len()) && text.chars().all(legal) && !text.starts_with(['.', '-']) {
            Ok(Self(text.to_owned()))
        } else {
            Err(not_a(text, "a site name: 1 to 64 of A-Z a-z 0-9 . _ -, not beginning with . or -"))
        }
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
serde_as_text!(SiteName);

/// The number of a handset: five bytes, unique per handset, on its box and behind `*#06#`.
///
/// Reads any usual notation (`02 B6 EC 8A A5`, `02:b6:…`, `0x02,0xB6,…`, `02B6EC8AA5`), prints as the device's
/// pages do: upper case, single blanks. All zeros is refused: on the device it means *deregister*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipui([u8; 5]);

impl Ipui {
    /// The five bytes, in the order they are written.
    pub fn bytes(self) -> [u8; 5] {
        self.0
    }
}

impl FromStr for Ipui {
    type Err = NotA;
    fn from_str(text: &str) -> Result<Self, NotA> {
        match hex_bytes::<5>(text) {
            Some(bytes) if bytes != [0; 5] => Ok(Self(bytes)),
            _ => Err(not_a(text, "an IPUI: five bytes, not all zero, like 02 B6 EC 8A A5")),
        }
    }
}

impl fmt::Display for Ipui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e] = self.0;
        write!(f, "{a:02X} {b:02X} {c:02X} {d:02X} {e:02X}")
    }
}
serde_as_text!(Ipui);

/// The MAC address of a DECT manager. Reads with or without separators, prints as 12 upper-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

impl FromStr for Mac {
    type Err = NotA;
    fn from_str(text: &str) -> Result<Self, NotA> {
        hex_bytes::<6>(text)
            .map(Self)
            .ok_or_else(|| not_a(text, "a MAC address: 12 hex digits, like 7C2F80CA21E4"))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
serde_as_text!(Mac);

/// Reads exactly `N` bytes of hex, written together or one by one with `0x` and one kind of separator between.
fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.trim();
    let separators: &[char] = &[' ', ':', '-', '.', ','];
    let mut bytes = [0; N];
    if text.len() == 2 * N && text.chars().all(|c| c.is_ascii_hexdigit()) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        return Some(bytes);
    }
    if let Some(joined) = text.strip_prefix("0x").filter(|rest| rest.len() == 2 * N) {
        return hex_bytes::<N>(joined);
    }
    let mut parts = text.split(separators).filter(|part| !part.is_empty());
    for byte in &mut bytes {
        let part = parts.next()?;
        let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")).unwrap_or(part);
        if digits.len() != 2 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

/// A slot: SIP account and handset of the same number belong together. 1 to 100, as the web interface counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SlotNumber(u8);

impl SlotNumber {
    /// How many slots a DECT manager has.
    pub const COUNT: u8 = 100;

    /// The slot with this number, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        (1..=Self::COUNT).contains(&number).then_some(Self(number))
    }

    /// The slot at this index of the device's tables (0 to 99).
    pub fn from_index(index: u8) -> Option<Self> {
        Self::new(index.checked_add(1)?)
    }

    /// The number, 1 to 100.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The index in the device's tables, 0 to 99.
    pub fn index(self) -> u8 {
        self.0 - 1
    }

    /// Every slot, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::COUNT).map(Self)
    }
}

impl TryFrom<u8> for SlotNumber {
    type Error = NotA;
    fn try_from(number: u8) -> Result<Self, NotA> {
        Self::new(number).ok_or_else(|| not_a(&number.to_string(), "a slot number: 1 to 100"))
    }
}

impl From<SlotNumber> for u8 {
    fn from(slot: SlotNumber) -> Self {
        slot.0
    }
}

impl fmt::Display for SlotNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The index of a SIP provider, 0 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(try_from = "u8", into = "u8")]
pub struct ProviderIndex(u8);

impl ProviderIndex {
    /// The provider at this index, if there can be one.
    pub fn new(index: u8) -> Option<Self> {
        (index <= 9).then_some(Self(index))
    }

    /// The index, 0 to 9.
    pub fn index(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for ProviderIndex {
    type Error = NotA;
    fn try_from(index: u8) -> Result<Self, NotA> {
        Self::new(index).ok_or_else(|| not_a(&index.to_string(), "a provider index: 0 to 9"))
    }
}

impl From<ProviderIndex> for u8 {
    fn from(provider: ProviderIndex) -> Self {
        provider.0
    }
}

impl fmt::Display for ProviderIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The firmware of a DECT manager as its pages show it, like `70.111.00.000.00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Firmware {
    text: String,
    product: u16,
    release: u16,
}

impl Firmware {
    /// The first manager firmware that knows registration by IPUI (Gigaset's wiki: "software 108 or higher").
    pub const FIRST_WITH_IPUI: u16 = 108;

    /// The firmware as shown.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both are the same firmware: pages and User-Agents write the digits behind its number differently.
    pub fn is_same_release(&self, other: &Self) -> bool {
        (self.product, self.release) == (other.product, other.release)
    }

    /// Whether this is the firmware of an N720 DECT manager (product 70) that can register by IPUI.
    pub fn registers_by_ipui(&self) -> bool {
        self.product == 70 && self.release >= Self::FIRST_WITH_IPUI
    }
}

impl FromStr for Firmware {
    type Err = NotA;
    fn from_str(text: &str) -> Result<Self, NotA> {
        let text = text.trim();
        let mut parts = text
            .split('.')
            .map(|part| (1..=4).contains(&part.len()).then(|| part.parse::<u16>().ok()).flatten());
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(product), Some(release)) if parts.all(|part| part.is_some()) => {
                Ok(Self { text: text.to_owned(), product, release })
            }
            _ => Err(not_a(text, "a firmware version, like 70.111.00.000.00")),
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
serde_as_text!(Firmware);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipui_reads_every_usual_notation_and_prints_one() {
        for text in [
            "02 B6 EC 8A A5",
            "02:b6:ec:8a:a5",
            "0x02,0xB6,0xEC,0x8A,0xA5",
            "0x02, 0xB6, 0xEC, 0x8A, 0xA5",
            "02B6EC8AA5",
            "0x02B6EC8AA5",
            " 02-B6-EC-8A-A5 ",
        ] {
            assert_eq!(text.parse::<Ipui>().unwrap().to_string(), "02 B6 EC 8A A5", "{text}");
        }
    }

    #[test]
    fn what_is_no_ipui_is_refused() {
        for text in [
            "",
            "02 B6 EC 8A",
            "02 B6 EC 8A A5 00",
            "00 00 00 00 00",
            "0G B6 EC 8A A5",
            "2 B6 EC 8A A5",
            "é2B6EC8AA",
        ] {
            assert!(text.parse::<Ipui>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_mac_reads_with_and_without_separators() {
        for text in ["7C2F80CA21E4", "7c:2f:80:ca:21:e4", "7C-2F-80-CA-21-E4"] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "7C2F80CA21E4");
        }
        assert!("7C2F80CA21E4-AB12".parse::<Mac>().is_err());
    }

    #[test]
    fn slots_count_from_one_and_indexes_from_zero() {
        assert_eq!(SlotNumber::new(0), None);
        assert_eq!(SlotNumber::new(101), None);
        assert_eq!(SlotNumber::from_index(0).unwrap().number(), 1);
        assert_eq!(SlotNumber::new(100).unwrap().index(), 99);
        assert_eq!(SlotNumber::from_index(100), None);
        assert_eq!(SlotNumber::from_index(255), None);
    }

    #[test]
    fn firmware_knows_whether_it_registers_by_ipui() {
        let able = |text: &str| text.parse::<Firmware>().unwrap().registers_by_ipui();
        assert!(able("70.111.00.000.00"));
        assert!(able("70.108.00.000.000"));
        assert!(!able("70.107.00.000.00"));
        assert!(!able("71.111.00.000.00"), "a base station's firmware is not a manager's");
        let same = |one: &str, other: &str| {
            one.parse::<Firmware>().unwrap().is_same_release(&other.parse().unwrap())
        };
        assert!(same("70.111.00.000.00", "70.111.00.000.000") && !same("70.111.00", "70.112.00"));
        assert!("**.111.**.***.**".parse::<Firmware>().is_err());
        assert!("seventy".parse::<Firmware>().is_err());
    }

    #[test]
    fn site_names_are_safe_in_paths() {
        assert!("acme-berlin".parse::<SiteName>().is_ok());
        for text in ["", "..", "a/b", "-x", ".hidden", "a b", "ä"] {
            assert!(text.parse::<SiteName>().is_err(), "{text}");
        }
    }
}
