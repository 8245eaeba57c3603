//! The lines of a provisioning file: comments for people and one symbol with its value a line.

use std::fmt;

use crate::domain::ids::{ProviderIndex, SlotNumber};

use super::value;

/// One line within `<Provider>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A heading for people. Holds no text from a site file.
    Comment(String),
    /// A symbol set to a value; the value comes with its quotes.
    Symbol { id: String, value: String },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment(text) => write!(f, "<!-- {text} -->"),
            Self::Symbol { id, value } => {
                write!(f, r#"<SYMB_ITEM ID="{id}" class="symb_item" value={value}/>"#)
            }
        }
    }
}

/// A symbol with a string.
pub(super) fn string(id: String, text: &str) -> Line {
    Line::Symbol { id, value: value::string(text) }
}

/// A symbol with a decimal number.
pub(super) fn number(id: String, number: impl Into<u64>) -> Line {
    Line::Symbol { id, value: value::number(number) }
}

/// A symbol with a port.
pub(super) fn port(id: String, port: u16) -> Line {
    Line::Symbol { id, value: value::port(port) }
}

/// A symbol with a list of bytes.
pub(super) fn bytes(id: String, bytes: &[u8]) -> Line {
    Line::Symbol { id, value: value::bytes(bytes) }
}

/// The name of an account's symbol.
pub(super) fn account(slot: SlotNumber, symbol: &str) -> String {
    format!("BS_VOIP_Data.astVoipAccounts[{}].{symbol}", slot.index())
}

/// The name of a provider's symbol.
pub(super) fn provider(provider: ProviderIndex, symbol: &str) -> String {
    format!("BS_VOIP_Data.astVoipProviders[{}].{symbol}", provider.index())
}

/// The name of the symbol that reserves a slot.
pub(super) fn handset_code(slot: SlotNumber) -> String {
    format!("BS_Accounts.astAccounts[{}].aucHandsetCode[0]", slot.index())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_count_slots_from_zero() {
        let slot = SlotNumber::new(100).unwrap();
        assert_eq!(handset_code(slot), "BS_Accounts.astAccounts[99].aucHandsetCode[0]");
        assert_eq!(account(slot, "x"), "BS_VOIP_Data.astVoipAccounts[99].x");
        assert_eq!(provider(ProviderIndex::default(), "y"), "BS_VOIP_Data.astVoipProviders[0].y");
    }

    #[test]
    fn a_line_is_written_as_the_device_reads_it() {
        assert_eq!(
            number("S".to_owned(), 0_u8).to_string(),
            r#"<SYMB_ITEM ID="S" class="symb_item" value="0"/>"#
        );
        assert_eq!(
            string("S".to_owned(), "*2").to_string(),
            r#"<SYMB_ITEM ID="S" class="symb_item" value='"*2"'/>"#
        );
        assert_eq!(Line::Comment("slot 1".to_owned()).to_string(), "<!-- slot 1 -->");
    }
}
