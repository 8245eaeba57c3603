//! Which file a request target names: `/p/<token>/<MAC>.xml`, also where the path is written oddly.
//!
//! Managers send literal `/70/1/../../` in paths. Nothing here touches a file system; a path that leaves the tree is
//! clamped at its root.

use std::fmt;

use crate::domain::ids::Mac;

/// What a request asks for. Shows its token to nobody but the shelf.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The token of the site.
    pub(super) token: String,
    /// The manager that the file is for.
    pub(super) mac: Mac,
    /// A piece of the path between token and file: where `%SUBLIST` may stand.
    pub(super) piece: Option<String>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/p/…/{}.xml", self.mac)
    }
}

impl Address {
    /// Reads a path, without its query. `None`: nothing of ours has this path.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let decoded = percent_decoded(path)?;
        let mut segments = Vec::new();
        for segment in decoded.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                other => segments.push(other),
            }
        }
        let (token, piece, file) = match segments.as_slice() {
            ["p", token, file] => (*token, None, *file),
            ["p", token, piece, file] if may_be_sublist(piece) => (*token, Some((*piece).to_owned()), *file),
            _ => return None,
        };
        let (stem, extension) = file.rsplit_once('.')?;
        let mac = stem.parse().ok().filter(|_| extension.eq_ignore_ascii_case("xml"))?;
        Some(Self { token: token.to_owned(), mac, piece })
    }

    /// Whether a request target, a path or an absolute URI, names the same file.
    pub(super) fn is_named_by(&self, target: &str) -> bool {
        let path = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => target,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self::of_path(path).is_some_and(|other| other.token == self.token && other.mac == self.mac)
    }
}

/// Whether a piece of a path is a `%SUBLIST`, filled in by the manager or left as it was written in its settings.
fn may_be_sublist(piece: &str) -> bool {
    piece.starts_with("64") || piece == "%SUBLIST"
}

/// Decodes `%XX` once. A `%` that no two hex digits follow stands for itself; what is not UTF-8 then is refused.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = behind;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The value of a byte that is an ASCII hex digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        letter => (letter | 0x20).wrapping_sub(b'a').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "/p/s3cret/7C2F80CA21E4.xml";

    fn read(path: &str) -> Option<Address> {
        Address::of_path(path)
    }

    #[test]
    fn every_way_to_write_the_path_names_the_same_file() {
        let plain = read(PLAIN).unwrap();
        assert_eq!(plain.token, "s3cret");
        assert_eq!(plain.mac.to_string(), "7C2F80CA21E4");
        for path in [
            "/p/s3cret/7c2f80ca21e4.xml",
            "/p/s3cret/7C:2F:80:CA:21:E4.xml",
            "/p/s3cret/7C%3A2F%3A80%3Aca%3A21%3aE4.XML",
            "/p/s3cret/7C-2F-80-CA-21-E4.xml",
            "/70/1/../../p/s3cret/7C2F80CA21E4.xml",
            "/70/1/%2e%2E/.%2e/p/s3cret/7C2F80CA21E4.xml",
            "/70/1/..%2f../p/s3cret/7C2F80CA21E4.xml",
            "/../../../p/s3cret/7C2F80CA21E4.xml",
            "//p//s3cret/./7C2F80CA21E4.xml",
            "/%70/s3cret/7C2F80CA21E4%2Exml",
            "/p/s3cret/x/../7C2F80CA21E4.xml",
        ] {
            assert_eq!(read(path).as_ref(), Some(&plain), "{path}");
        }
    }

    #[test]
    fn nothing_else_names_a_file() {
        for path in [
            "",
            "/",
            "*",
            "/p",
            "/p/s3cret",
            "/p/s3cret/",
            "/p/s3cret/7C2F80CA21E4",
            "/p/s3cret/7C2F80CA21E4.txt",
            "/p/s3cret/7C2F80CA21E.xml",
            "/p/s3cret/.xml",
            "/p/s3cret/other/7C2F80CA21E4.xml",
            "/p/s3cret/7C2F80CA21E4.xml/more",
            "/p/7C2F80CA21E4.xml",
            "/P/s3cret/7C2F80CA21E4.xml",
            "/q/s3cret/7C2F80CA21E4.xml",
            "/p/../s3cret/7C2F80CA21E4.xml",
            "/70/%252e%252e/p/s3cret/7C2F80CA21E4.xml",
            "/p/%ff%fe/7C2F80CA21E4.xml",
            "\\p\\s3cret\\7C2F80CA21E4.xml",
            "/etc/passwd",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn a_sublist_may_stand_between_token_and_file() {
        let bits = format!("/p/s3cret/64{}/7C2F80CA21E4.xml", "F".repeat(25));
        assert!(read(&bits).unwrap().piece.unwrap().starts_with("64FF"));
        let unfilled = read("/p/s3cret/%SUBLIST/7C2F80CA21E4.xml").unwrap();
        assert_eq!(unfilled.piece.as_deref(), Some("%SUBLIST"));
    }

    #[test]
    fn a_target_may_be_absolute_and_carry_a_query() {
        let address = read(PLAIN).unwrap();
        for target in [
            PLAIN,
            "/70/1/../../p/s3cret/7C2F80CA21E4.xml?a=b",
            "http://10.1.0.5:8720/p/s3cret/7c2f80ca21e4.xml",
            "http://10.1.0.5:8720/p/s3cret/7C2F80CA21E4.xml?64FF",
        ] {
            assert!(address.is_named_by(target), "{target}");
        }
        for target in ["", "/", "http://10.1.0.5", "/p/other/7C2F80CA21E4.xml", "/p/s3cret/7C2F80CA21E5.xml"]
        {
            assert!(!address.is_named_by(target), "{target}");
        }
    }

    #[test]
    fn a_percent_sign_alone_stands_for_itself() {
        for (text, decoded) in
            [("100%", "100%"), ("%4", "%4"), ("%zz%41", "%zzA"), ("%25SUBLIST", "%SUBLIST")]
        {
            assert_eq!(percent_decoded(text).as_deref(), Some(decoded), "{text}");
        }
    }

    #[test]
    fn an_address_shows_no_token() {
        assert_eq!(format!("{:?}", read(PLAIN).unwrap()), "/p/…/7C2F80CA21E4.xml");
    }
}
