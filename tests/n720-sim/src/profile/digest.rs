//! HTTP Digest as the device's download client does it: MD5, qop=auth, `uri` without the host.

use crate::lot::Lot;
use md5::{Digest as _, Md5};

/// What a server asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop_auth: bool,
}

impl Challenge {
    /// From the value of `WWW-Authenticate`; nothing if it is not a Digest the device can do.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let pairs = parameters(rest);
        let get =
            |name: &str| pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        if get("algorithm").is_some_and(|name| !name.eq_ignore_ascii_case("md5")) {
            return None;
        }
        let qop = get("qop");
        let qop_auth = qop.as_deref().is_some_and(|list| list.split(',').any(|one| one.trim() == "auth"));
        if qop.is_some() && !qop_auth {
            return None;
        }
        Some(Self { realm: get("realm")?, nonce: get("nonce")?, opaque: get("opaque"), qop_auth })
    }

    /// The value of `Authorization` for a GET, with a nonce of the client's own.
    pub(super) fn answer(&self, uri: &str, user: &str, password: &str, lot: &mut Lot) -> String {
        self.answer_with(uri, user, password, &format!("{:08x}", lot.below(u64::from(u32::MAX))))
    }

    fn answer_with(&self, uri: &str, user: &str, password: &str, cnonce: &str) -> String {
        let nc = "00000001";
        let a1 = hash(&format!("{user}:{}:{password}", self.realm));
        let a2 = hash(&format!("GET:{uri}"));
        let nonce = &self.nonce;
        let response = if self.qop_auth {
            hash(&format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
        } else {
            hash(&format!("{a1}:{nonce}:{a2}"))
        };
        let mut text = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5",
            self.realm
        );
        if self.qop_auth {
            text += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque=\"{opaque}\"");
        }
        text
    }
}

fn hash(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// `a="b, c", d=e` as pairs.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim().trim_start_matches(',').trim().to_owned();
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        pairs.push((name, value.trim().to_owned()));
        rest = next;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_its_quotes_and_commas() {
        let challenge =
            Challenge::parse(r#"Digest realm="a, b", qop="auth,auth-int", nonce="n=1", opaque="o""#).unwrap();
        assert_eq!(challenge.realm, "a, b");
        assert_eq!(challenge.nonce, "n=1");
        assert_eq!(challenge.opaque.as_deref(), Some("o"));
        assert!(challenge.qop_auth);
    }

    #[test]
    fn what_the_device_cannot_do_is_none() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-256"), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\""), None);
    }

    /// The example of RFC 2617, section 3.5.
    #[test]
    fn the_known_answer_comes_out() {
        let challenge = Challenge::parse(
            r#"Digest realm="testrealm@host.com", qop="auth,auth-int",
               nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        )
        .unwrap();
        let answer = challenge.answer_with("/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b");
        assert!(answer.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{answer}");
        assert!(answer.contains("uri=\"/dir/index.html\"") && answer.contains("qop=auth, nc=00000001"));
        assert!(answer.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""));
    }

    /// The same without qop, as RFC 2069 counts.
    #[test]
    fn a_server_without_qop_is_answered_too() {
        let challenge = Challenge::parse(
            r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#,
        )
        .unwrap();
        let answer = challenge.answer("/dir/index.html", "Mufasa", "Circle Of Life", &mut Lot::new(1));
        assert!(answer.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""), "{answer}");
        assert!(!answer.contains("qop"));
    }
}
