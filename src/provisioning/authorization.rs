//! Reads the `Authorization: Digest …` header of RFC 2617. Text to fields; nothing is checked against a password here.

/// More parameters than this are not read: a client sends ten.
const MAX_PARAMETERS: usize = 24;

/// What a client answers to a challenge, each value as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) username: String,
    pub(super) realm: String,
    pub(super) nonce: String,
    /// Path or absolute URI.
    pub(super) uri: String,
    /// 32 lower-case hex digits.
    pub(super) response: String,
    pub(super) cnonce: String,
    /// Eight hex digits.
    pub(super) nc: String,
}

impl Authorization {
    /// Reads a header's value. `None`: not Digest with MD5 and `qop=auth`, or malformed.
    ///
    /// Quotes around `qop`, `nc` and `algorithm` may be there or not: clients differ.
    pub(super) fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let parameters = parameters(rest)?;
        let find = |name: &str| {
            let mut found = parameters.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            let value = found.next().map(|(_, value)| value.clone());
            // One that is there twice can be read two ways, so it is not read at all.
            if found.next().is_some() { Err(()) } else { Ok(value) }
        };
        let algorithm = find("algorithm").ok()?;
        if !algorithm.is_none_or(|name| name.eq_ignore_ascii_case("md5")) {
            return None;
        }
        find("qop").ok()?.filter(|qop| qop.eq_ignore_ascii_case("auth"))?;
        Some(Self {
            username: find("username").ok()??,
            realm: find("realm").ok()??,
            nonce: find("nonce").ok()??,
            uri: find("uri").ok()??,
            response: find("response").ok()?.filter(|text| is_hex(text, 32))?.to_ascii_lowercase(),
            cnonce: find("cnonce").ok()?.filter(|text| !text.is_empty())?,
            nc: find("nc").ok()?.filter(|text| is_hex(text, 8))?,
        })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Splits `name=value, name="value", …`; within quotes a backslash makes the next character stand for itself.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if parameters.len() == MAX_PARAMETERS {
            return None;
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim_end().to_owned(), &after[end..])
            }
        };
        let behind = behind.trim_start();
        parameters.push((name.trim().to_owned(), value));
        rest = match behind.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if behind.is_empty() => "",
            None => return None,
        };
    }
    Some(parameters)
}

/// The value up to the closing quote, and what follows that.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = concat!(
        r#"Digest username="7C2F80CA21E4", realm="n720d", nonce="abc", uri="/p/t/7C2F80CA21E4.xml", "#,
        r#"response="6629fae49393a05397450978507c4ef1", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001"#
    );

    #[test]
    fn the_usual_header_is_read() {
        let read = Authorization::read(USUAL).unwrap();
        assert_eq!(read.username, "7C2F80CA21E4");
        assert_eq!(read.realm, "n720d");
        assert_eq!(read.nonce, "abc");
        assert_eq!(read.uri, "/p/t/7C2F80CA21E4.xml");
        assert_eq!(read.response, "6629fae49393a05397450978507c4ef1");
        assert_eq!(read.cnonce, "0a4f113b");
        assert_eq!(read.nc, "00000001");
    }

    #[test]
    fn quoting_case_and_blanks_do_not_matter() {
        let usual = Authorization::read(USUAL);
        assert!(usual.is_some());
        for (from, to) in [
            ("qop=auth", r#"qop="auth""#),
            ("nc=00000001", r#"nc="00000001""#),
            ("algorithm=MD5", r#"algorithm="md5""#),
            ("algorithm=MD5, ", ""),
            (", ", ","),
            (", ", "  ,\t"),
            ("Digest", "DIGEST"),
            ("6629fae4", "6629FAE4"),
            ("qop=", "QOP = "),
            (r#"cnonce="0a4f113b""#, r#"cnonce="0a\4f113b""#),
        ] {
            let odd = USUAL.replace(from, to);
            assert_eq!(Authorization::read(&odd), usual, "{odd}");
        }
    }

    #[test]
    fn what_is_missing_malformed_or_doubled_is_refused() {
        for (from, to) in [
            ("Digest", "Basic"),
            ("Digest ", "Digest"),
            ("algorithm=MD5", "algorithm=MD5-sess"),
            ("algorithm=MD5", "algorithm=SHA-256"),
            ("qop=auth", "qop=auth-int"),
            (", qop=auth", ""),
            (", nc=00000001", ""),
            ("nc=00000001", "nc=1"),
            ("nc=00000001", "nc=0000000g"),
            (r#"cnonce="0a4f113b""#, r#"cnonce="""#),
            (r#"nonce="abc", "#, ""),
            (r#"realm="n720d""#, r#"realm="n720d"#),
            (r#"realm="n720d""#, r#"realm="n720d" x"#),
            (r#"realm="n720d""#, r#"realm="n720d", realm="n720d""#),
            ("6629fae4", "6629fae"),
            ("username", "user"),
        ] {
            let bad = USUAL.replace(from, to);
            assert_eq!(Authorization::read(&bad), None, "{bad}");
        }
        for bad in ["", "Digest", "Digest ,", "Digest =", "Digest \"", "Digest username"] {
            assert_eq!(Authorization::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_flood_of_parameters_is_not_read() {
        let flood = format!("{USUAL}{}", ", x=1".repeat(MAX_PARAMETERS));
        assert_eq!(Authorization::read(&flood), None);
    }
}
