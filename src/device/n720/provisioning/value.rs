//! The notations of values in a provisioning file, and which texts are safe in one. No symbol names here.

/// The first character of `text` that must not stand in a provisioning file.
///
/// Whether the device's parser decodes entities is unknown, so markup and quotes are refused rather than escaped;
/// only `&`, which well-formedness demands to be escaped, is written as `&amp;`.
pub(super) fn unsafe_character(text: &str) -> Option<char> {
    text.chars().find(|&c| {
        let printable = matches!(c, ' '..='~' | '\u{A0}'..='\u{FF}');
        !printable || matches!(c, '"' | '\'' | '<' | '>')
    })
}

/// A string as an attribute with its quotes: the device wants inner double quotes, so the outer ones are single.
/// The caller has made sure that `text` is safe.
pub(super) fn string(text: &str) -> String {
    format!("'\"{}\"'", text.replace('&', "&amp;"))
}

/// A number as an attribute with its quotes.
pub(super) fn number(value: impl Into<u64>) -> String {
    format!("\"{}\"", value.into())
}

/// A port as the device writes it, like `"0x13c4"`.
pub(super) fn port(port: u16) -> String {
    format!("\"{port:#x}\"")
}

/// A list of bytes, like `"0x02,0xB6"`.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let list: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02X}")).collect();
    format!("\"{}\"", list.join(","))
}

/// Encodes as ISO-8859-1. What is not in it becomes `?`: checked texts hold nothing of the kind.
pub(super) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_markup_and_what_cannot_be_printed_are_not_safe() {
        for (text, found) in [
            ("say \"hi\"", '"'),
            ("O'Neill", '\''),
            ("a<b", '<'),
            ("a>b", '>'),
            ("tab\there", '\t'),
            ("line\nbreak", '\n'),
            ("nul\0", '\0'),
            ("del\u{7F}", '\u{7F}'),
            ("c1\u{85}", '\u{85}'),
            ("\u{20AC} 5", '\u{20AC}'),
            ("\u{1F4DE}", '\u{1F4DE}'),
        ] {
            assert_eq!(unsafe_character(text), Some(found), "{text:?}");
        }
        for text in ["", "Reception", "Bjørn & Søn, Büro 2", "*2", "ÿ\u{A0}"] {
            assert_eq!(unsafe_character(text), None, "{text:?}");
        }
    }

    #[test]
    fn each_kind_of_value_has_its_notation() {
        assert_eq!(string("1013"), r#"'"1013"'"#);
        assert_eq!(string("A & B"), r#"'"A &amp; B"'"#);
        assert_eq!(number(72_000_u32), r#""72000""#);
        assert_eq!(port(5060), r#""0x13c4""#);
        assert_eq!(bytes(&[0x02, 0xB6, 0xEC, 0x8A, 0xA5]), r#""0x02,0xB6,0xEC,0x8A,0xA5""#);
    }

    #[test]
    fn a_letter_beyond_ascii_is_one_byte() {
        assert_eq!(latin1("Büro"), b"B\xFCro");
    }
}
