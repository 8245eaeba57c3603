//! What a text may hold that goes into the device's provisioning file. Text in, expectation out.
//!
//! The device's parser is not a strict XML parser, and whether it decodes entities is unknown: so only what is safe
//! (`n720.md`, section 2).

/// The longest password, login or user id, in bytes (`n720.md`, section 2).
pub const SIP_LIMIT: usize = 74;

/// The longest display name, in bytes (`n720.md`, section 2).
pub const DISPLAY_NAME_LIMIT: usize = 32;

/// Checks a text against the device's characters and a limit in UTF-8 bytes.
///
/// # Errors
/// What was expected.
pub fn check(text: &str, limit: usize) -> Result<(), String> {
    if let Some(bad) = text.chars().find(|c| !safe(*c)) {
        return Err(format!("printable ISO-8859-1 without \" ' < >: the device cannot be given {bad:?}"));
    }
    within(text, limit)
}

/// The same for a secret.
///
/// # Errors
/// What was expected; nothing of what is in it.
pub fn check_secret(text: &str, limit: usize) -> Result<(), String> {
    if text.chars().all(safe) {
        within(text, limit)
    } else {
        Err("printable ISO-8859-1 without \" ' < >".to_owned())
    }
}

fn within(text: &str, limit: usize) -> Result<(), String> {
    if text.len() <= limit { Ok(()) } else { Err(format!("at most {limit} bytes, the device's limit")) }
}

fn safe(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{ff}') && !matches!(c, '"' | '\'' | '<' | '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_device_cannot_be_given_is_refused_by_name() {
        for (text, bad) in [
            ("a\"b", "'\"'"),
            ("a'b", "'\\''"),
            ("<", "'<'"),
            (">", "'>'"),
            ("a\tb", "'\\t'"),
            ("a\0", "'\\0'"),
            ("5 €", "'€'"),
            ("\u{7f}", "'\\u{7f}'"),
            ("\u{85}", "'\\u{85}'"),
        ] {
            let expected = check(text, 74).unwrap_err();
            assert!(expected.ends_with(bad), "{text:?}: {expected}");
        }
    }

    #[test]
    fn umlauts_and_ampersands_pass() {
        assert_eq!(check("Müller & Söhne", 32), Ok(()));
        assert_eq!(check("", 32), Ok(()));
    }

    #[test]
    fn limits_count_bytes() {
        assert_eq!(check(&"a".repeat(32), 32), Ok(()));
        assert!(check(&"ä".repeat(17), 32).unwrap_err().contains("at most 32 bytes"));
    }

    #[test]
    fn a_secret_is_not_quoted() {
        assert!(!check_secret("hunter'2", 74).unwrap_err().contains("hunter"));
        assert!(check_secret(&"x".repeat(75), 74).unwrap_err().contains("74"));
        assert_eq!(check_secret("hunter2", 74), Ok(()));
    }
}
