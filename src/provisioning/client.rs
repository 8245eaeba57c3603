//! Who asks, and what a manager tells of itself by asking: its firmware, its MAC, its filled slots.
//!
//! All of it is claimed by the client and read leniently: what is malformed says nothing.

use std::collections::BTreeSet;

use crate::domain::ids::{Firmware, Mac, SlotNumber};

use super::address::percent_decoded;

/// How much of a User-Agent is kept, in characters.
const KEPT_USER_AGENT: usize = 256;

/// A User-Agent as it may be kept and printed: bounded, with control characters and what is not UTF-8 replaced.
pub(super) fn printable(user_agent: &[u8]) -> String {
    let text = String::from_utf8_lossy(user_agent);
    text.chars().take(KEPT_USER_AGENT).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// What the User-Agent of an N720 says.
///
/// Forms seen: `Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4`, the same without the MAC, and older
/// `N720-DM-PRO/70.040.00.000.000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct N720Agent {
    /// Its firmware.
    pub(super) firmware: Option<Firmware>,
    /// Its MAC.
    pub(super) mac: Option<Mac>,
}

impl N720Agent {
    /// Reads a User-Agent; `None`: not that of an N720.
    pub(super) fn of(user_agent: &str) -> Option<Self> {
        if !user_agent.to_ascii_uppercase().contains("N720") {
            return None;
        }
        let words = || user_agent.split(['/', ';', ' ', ',', '(', ')']);
        Some(Self {
            firmware: words().find_map(|word| word.parse().ok()),
            mac: words().find_map(|word| word.parse().ok()),
        })
    }
}

/// The filled slots (`%SUBLIST`) out of the query, or out of the piece of the path that may hold them.
pub(super) fn filled_slots(query: Option<&str>, piece: Option<&str>) -> Option<BTreeSet<SlotNumber>> {
    let parameters = query.unwrap_or_default().split(['&', ';']);
    let values = parameters.map(|parameter| parameter.split_once('=').map_or(parameter, |(_, value)| value));
    values.chain(piece).find_map(|value| sublist(&percent_decoded(value)?))
}

/// Reads `64` (= 100) and an array of bits in hex, the most significant bit of the first digit being index 0; a
/// bit that is set is a slot with a registered handset. (Provisioning Guide)
///
/// It may be padded at its end with digits that say nothing. Fewer than the 25 digits that 100 bits take say nothing
/// of the missing slots, and so nothing at all: taking them for empty would turn a cut line into lost handsets.
fn sublist(text: &str) -> Option<BTreeSet<SlotNumber>> {
    let digits = text.strip_prefix("64")?;
    let mut filled = BTreeSet::new();
    let mut index = 0_usize;
    for digit in digits.chars() {
        let nibble = digit.to_digit(16)?;
        for bit in [8, 4, 2, 1] {
            if nibble & bit != 0 {
                filled.insert(SlotNumber::from_index(u8::try_from(index).ok()?)?);
            }
            index += 1;
        }
    }
    (index >= usize::from(SlotNumber::COUNT)).then_some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(filled: &BTreeSet<SlotNumber>) -> Vec<u8> {
        filled.iter().map(|slot| slot.number()).collect()
    }

    #[test]
    fn the_user_agents_of_managers_are_read() {
        for (text, firmware, mac) in [
            (
                "Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4",
                Some("70.108.00.000.000"),
                Some("7C2F80CA21E4"),
            ),
            ("Gigaset N720 DM PRO/70.111.00.000.00", Some("70.111.00.000.00"), None),
            ("N720-DM-PRO/70.040.00.000.000", Some("70.040.00.000.000"), None),
            ("gigaset n720 dm pro", None, None),
            ("Gigaset N720 DM PRO/;", None, None),
            (
                "Gigaset N720 DM PRO/70.111.00.000.00; 7c:2f:80:ca:21:e4",
                Some("70.111.00.000.00"),
                Some("7C2F80CA21E4"),
            ),
        ] {
            let agent = N720Agent::of(text).unwrap();
            assert_eq!(agent.firmware.map(|f| f.to_string()).as_deref(), firmware, "{text}");
            assert_eq!(agent.mac.map(|m| m.to_string()).as_deref(), mac, "{text}");
        }
    }

    #[test]
    fn others_are_not_managers() {
        for text in ["", "curl/8.5.0", "Gigaset N510 IP PRO/42.258", "Mozilla/5.0 (X11; Linux)"] {
            assert_eq!(N720Agent::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_kept_user_agent_is_bounded_and_has_no_control_characters() {
        assert_eq!(printable(b"a\x1b[31m\xFFb"), "a\u{FFFD}[31m\u{FFFD}b");
        assert_eq!(printable(&[b'x'; 5000]).len(), KEPT_USER_AGENT);
    }

    #[test]
    fn a_sublist_counts_from_the_most_significant_bit() {
        let twenty = format!("64FFFFF{}", "0".repeat(20));
        assert_eq!(numbers(&sublist(&twenty).unwrap()), (1..=20).collect::<Vec<_>>());
        let ends = format!("648{}1", "0".repeat(23));
        assert_eq!(numbers(&sublist(&ends).unwrap()), [1, 100]);
        let none = format!("64{}", "0".repeat(25));
        assert_eq!(sublist(&none), Some(BTreeSet::new()));
        let padded_to_bytes = format!("644{}", "0".repeat(25));
        assert_eq!(numbers(&sublist(&padded_to_bytes).unwrap()), [2]);
        let lower_case = format!("64a{}", "0".repeat(24));
        assert_eq!(numbers(&sublist(&lower_case).unwrap()), [1, 3]);
    }

    #[test]
    fn a_malformed_sublist_says_nothing() {
        let cut = format!("64{}", "F".repeat(24));
        let foreign = format!("65{}", "F".repeat(25));
        let beyond_the_last_slot = format!("64{}1", "0".repeat(25));
        let endless = format!("64{}1", "0".repeat(400));
        let not_hex = format!("64{}G", "0".repeat(25));
        for text in ["", "64", "%SUBLIST", &cut, &foreign, &beyond_the_last_slot, &endless, &not_hex] {
            assert_eq!(sublist(text), None, "{text}");
        }
    }

    #[test]
    fn the_filled_slots_are_found_in_query_and_path() {
        let list = format!("64C{}", "0".repeat(24));
        for query in [
            list.clone(),
            format!("subs={list}"),
            format!("mac=7C2F80CA21E4&subs={list}&x"),
            format!("subs=%36%34C{}", "0".repeat(24)),
        ] {
            assert_eq!(numbers(&filled_slots(Some(&query), None).unwrap()), [1, 2], "{query}");
        }
        assert_eq!(numbers(&filled_slots(None, Some(&list)).unwrap()), [1, 2]);
        assert_eq!(filled_slots(Some("subs=%SUBLIST&v=64"), Some("64zz")), None);
        assert_eq!(filled_slots(None, None), None);
    }
}
