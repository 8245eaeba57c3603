//! Takes secrets out of a page before it is kept: passwords, PINs, the tail of the MAC-ID, and whatever the caller names.

use super::tags::attributes;
use crate::domain::secret::MASK;

/// The page without the secrets named and without those that its own markup shows to be secrets.
pub fn redact(text: &str, secrets: &[&str]) -> String {
    let mut clean = mask_tails(&mask_fields(text));
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        clean = clean.replace(secret, MASK);
    }
    clean
}

/// Masks the values of fields that are secrets by type or name, in markup and in scripts.
fn mask_fields(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase_find("<input") {
        let (before, from) = rest.split_at(at);
        clean.push_str(before);
        // A tag inside a script's string may have escaped quotes, and may be unfinished: up to the next tag is enough.
        let length = from.get(1..).and_then(|inner| inner.find('<')).map_or(from.len(), |next| next + 1);
        let (tag, after) = from.split_at(length);
        clean.push_str(&mask_field(tag));
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn mask_field(tag: &str) -> String {
    let plain = tag.replace('\\', " ");
    let lower = plain.to_ascii_lowercase();
    let words = ["password", "passwd", "pin", "secret", "mac_id"];
    let secret = attributes(&plain).iter().any(|(name, value)| {
        let value = lower.get(value.clone()).unwrap_or("");
        matches!(name.as_str(), "type" | "name" | "id")
            && words.iter().any(|word| value.contains(word))
            && !value.ends_with("_changed")
            && !value.starts_with("radio")
    });
    let values: Vec<_> = attributes(&plain).into_iter().filter(|(name, _)| name == "value").collect();
    let mut clean = tag.to_owned();
    for (_, range) in values.into_iter().rev().filter(|(_, range)| secret && !range.is_empty()) {
        // Blanking the backslashes kept every position.
        clean.replace_range(range, MASK);
    }
    clean
}

/// Masks the four characters behind a MAC: they are the first password of the provisioning download.
fn mask_tails(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut clean = String::with_capacity(text.len());
    let mut kept = 0;
    let mut at = 0;
    while let Some(dash) = bytes.iter().skip(at).position(|b| *b == b'-').map(|found| at + found) {
        at = dash + 1;
        let before = bytes.get(..dash).unwrap_or_default();
        let digits = before
            .iter()
            .rev()
            .filter(|b| !matches!(b, b':' | b'-'))
            .take(12)
            .filter(|b| b.is_ascii_hexdigit());
        let tail = bytes.get(at..at + 4).unwrap_or_default();
        let ends = bytes.get(at + 4).is_none_or(|b| !b.is_ascii_alphanumeric());
        if digits.count() == 12 && tail.len() == 4 && ends && tail.iter().all(u8::is_ascii_alphanumeric) {
            clean.push_str(text.get(kept..at).unwrap_or(""));
            clean.push_str("****");
            kept = at + 4;
        }
    }
    clean.push_str(text.get(kept..).unwrap_or(""));
    clean
}

/// Finding ASCII text without regard to case.
trait FindIgnoringCase {
    fn to_ascii_lowercase_find(&self, needle: &str) -> Option<usize>;
}

impl FindIgnoringCase for str {
    fn to_ascii_lowercase_find(&self, needle: &str) -> Option<usize> {
        self.as_bytes()
            .windows(needle.len())
            .position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_survives() {
        let page = r#"<td>7C2F80CA21E4-AB12</td><td>7C:2F:80:CA:21:E4-Zz99 x</td>
            <INPUT type="password" value="hunter2" name=x><input name=user_defined_pin value='4711'>
            <input value=hunter4 name="sip_password[1]"> key=12345678 say web-pass
            <script>writeEditfield('<input type=\"text\" name=\"http_digest_password\" value=\"hunter3\">', 1)</script>"#;
        let clean = redact(page, &["12345678", "web-pass", ""]);
        for secret in ["AB12", "Zz99", "hunter2", "hunter3", "hunter4", "4711", "12345678", "web-pass"] {
            assert!(!clean.contains(secret), "{secret} in {clean}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        let page = "<td>7C2F80CA21E4</td><input name=a value=1><input type=radio name=radio_regist_pin value=1>\
                    <input type=hidden name=password_changed value=0> 2026-11-2300 70-1111";
        assert_eq!(redact(page, &["zz"]), page);
    }

    proptest::proptest! {
        #[test]
        fn any_page_is_redacted_without_panic(text in "(<input |type=password |value=|[\"'\\\\<>é-]|7C2F80CA21E4|AB12| ){0,40}") {
            let _ = redact(&text, &["AB"]);
        }
    }
}
