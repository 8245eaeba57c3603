//! HTTP Digest authentication as the managers speak it: RFC 2617, MD5, `qop=auth`. (Provisioning Guide; software 84)

use std::io;

use axum::http::{HeaderMap, header};
use md5::{Digest, Md5};

use crate::domain::ids::Mac;

use super::address::Address;
use super::authorization::Authorization;
use super::nonce::NonceMint;
use super::shelf::DigestCredentials;

/// The realm of every site: the same, so that a challenge does not tell which site answers.
const REALM: &str = "n720d";

/// What came of a client's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Shown and right.
    Authentic,
    /// None were shown, as in every first request.
    NoneShown,
    /// Right, but for a nonce that is too old or from before a restart: to be tried again with a fresh one.
    Stale,
    /// Shown and wrong, or not to be read.
    Wrong,
}

/// Challenges clients and checks their answers.
pub(super) struct DigestGate {
    mint: NonceMint,
}

impl DigestGate {
    /// A gate with a key of its own.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { mint: NonceMint::new()? })
    }

    /// The value of a `WWW-Authenticate` header.
    ///
    /// The opaque string says nothing and is not asked back: a client that kept one from before a restart is fine.
    pub(super) fn challenge(&self, stale: bool) -> String {
        let nonce = self.mint.make();
        let stale = if stale { ", stale=true" } else { "" };
        format!(
            r#"Digest realm="{REALM}", nonce="{nonce}", opaque="6e37323064", algorithm=MD5, qop="auth"{stale}"#
        )
    }

    /// Checks the credentials in a request for `address`.
    pub(super) fn check(
        &self,
        method: &str,
        address: &Address,
        headers: &HeaderMap,
        credentials: &DigestCredentials,
    ) -> Verdict {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = shown.next() else { return Verdict::NoneShown };
        let Some(answer) = first.to_str().ok().and_then(Authorization::read) else { return Verdict::Wrong };
        if shown.next().is_some() || answer.realm != REALM || !address.is_named_by(&answer.uri) {
            return Verdict::Wrong;
        }
        // Every pair is tried, whichever matches, so that the time tells nothing of the users there are.
        let right = credentials.pairs.iter().fold(false, |right, (user, password)| {
            let expected = expected_response(method, &answer, password.expose());
            let same_response = self.mint.same(&answer.response, &expected);
            right | (same_response & self.is_user(&answer.username, user))
        });
        match (right, self.mint.is_good(&answer.nonce)) {
            (true, true) => Verdict::Authentic,
            (true, false) => Verdict::Stale,
            (false, _) => Verdict::Wrong,
        }
    }

    /// Whether a user is the one meant; a MAC is in any notation.
    fn is_user(&self, shown: &str, meant: &str) -> bool {
        let same_mac = match (shown.parse::<Mac>(), meant.parse::<Mac>()) {
            (Ok(shown), Ok(meant)) => shown == meant,
            (Ok(_) | Err(_), _) => false,
        };
        self.mint.same(shown, meant) | same_mac
    }
}

/// The response that a client with this password gives; user, realm and URI as the client wrote them.
fn expected_response(method: &str, answer: &Authorization, password: &str) -> String {
    let Authorization { username, realm, nonce, uri, cnonce, nc, .. } = answer;
    let who = md5_hex(&format!("{username}:{realm}:{password}"));
    let what = md5_hex(&format!("{method}:{uri}"));
    md5_hex(&format!("{who}:{nonce}:{nc}:{cnonce}:auth:{what}"))
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::secret::Secret;

    const PATH: &str = "/p/t0ken/7C2F80CA21E4.xml";

    fn address() -> Address {
        Address::of_path(PATH).unwrap()
    }

    fn credentials() -> DigestCredentials {
        let pair = |user: &str, password: &str| (user.to_owned(), Secret::new(password));
        DigestCredentials { pairs: vec![pair("7C2F80CA21E4", "AB12"), pair("provi", "s3cret")] }
    }

    /// A client's header for a nonce, made here with nothing of the code under test but MD5.
    fn shown(user: &str, password: &str, method: &str, uri: &str, nonce: &str) -> HeaderMap {
        shown_in(REALM, user, password, method, uri, nonce)
    }

    fn shown_in(realm: &str, user: &str, password: &str, method: &str, uri: &str, nonce: &str) -> HeaderMap {
        let hash =
            |text: String| -> String { Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect() };
        let who = hash(format!("{user}:{realm}:{password}"));
        let what = hash(format!("{method}:{uri}"));
        let response = hash(format!("{who}:{nonce}:00000001:0a4f113b:auth:{what}"));
        let value = format!(
            r#"Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", qop=auth, nc=00000001, cnonce="0a4f113b", response="{response}""#
        );
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    fn nonce_of(challenge: &str) -> String {
        challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    #[test]
    fn the_example_of_the_rfc_comes_out_right() {
        let answer = Authorization::read(concat!(
            r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", "#,
            r#"uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", "#,
            r#"response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#
        ))
        .unwrap();
        assert_eq!(expected_response("GET", &answer, "Circle Of Life"), answer.response);
    }

    #[tokio::test]
    async fn a_challenge_says_what_the_device_needs() {
        let gate = DigestGate::new().unwrap();
        let challenge = gate.challenge(false);
        for part in [r#"Digest realm="n720d""#, r#"opaque=""#, "algorithm=MD5", r#"qop="auth""#] {
            assert!(challenge.contains(part), "{challenge}");
        }
        assert!(!challenge.contains("stale"));
        assert!(gate.challenge(true).ends_with("stale=true"));
    }

    #[tokio::test]
    async fn every_pair_lets_in_and_a_mac_in_any_notation() {
        let gate = DigestGate::new().unwrap();
        let nonce = nonce_of(&gate.challenge(false));
        for (user, password) in [
            ("7C2F80CA21E4", "AB12"),
            ("7c2f80ca21e4", "AB12"),
            ("7C:2F:80:CA:21:E4", "AB12"),
            ("provi", "s3cret"),
        ] {
            let headers = shown(user, password, "GET", PATH, &nonce);
            assert_eq!(gate.check("GET", &address(), &headers, &credentials()), Verdict::Authentic, "{user}");
        }
    }

    #[tokio::test]
    async fn wrong_credentials_do_not() {
        let gate = DigestGate::new().unwrap();
        let nonce = nonce_of(&gate.challenge(false));
        for (user, password) in [
            ("7C2F80CA21E4", "ab12"),
            ("7C2F80CA21E4", "s3cret"),
            ("provi", "AB12"),
            ("nobody", "s3cret"),
            ("", ""),
        ] {
            let headers = shown(user, password, "GET", PATH, &nonce);
            assert_eq!(gate.check("GET", &address(), &headers, &credentials()), Verdict::Wrong, "{user}");
        }
        let right = shown("provi", "s3cret", "GET", PATH, &nonce);
        let nobody = DigestCredentials::default();
        assert_eq!(gate.check("GET", &address(), &right, &nobody), Verdict::Wrong);
        assert_eq!(gate.check("HEAD", &address(), &right, &credentials()), Verdict::Wrong, "another method");
        let elsewhere = shown_in("other", "provi", "s3cret", "GET", PATH, &nonce);
        assert_eq!(
            gate.check("GET", &address(), &elsewhere, &credentials()),
            Verdict::Wrong,
            "another realm"
        );
        assert_eq!(gate.check("GET", &address(), &HeaderMap::new(), &credentials()), Verdict::NoneShown);
    }

    #[tokio::test]
    async fn the_uri_is_path_or_absolute_and_of_this_file() {
        let gate = DigestGate::new().unwrap();
        let nonce = nonce_of(&gate.challenge(false));
        for (uri, verdict) in [
            ("/70/1/../../p/t0ken/7C2F80CA21E4.xml?x=1", Verdict::Authentic),
            ("http://10.1.0.5:8720/p/t0ken/7C2F80CA21E4.xml", Verdict::Authentic),
            ("/p/t0ken/7C2F80CA21E5.xml", Verdict::Wrong),
            ("/", Verdict::Wrong),
        ] {
            let headers = shown("provi", "s3cret", "GET", uri, &nonce);
            assert_eq!(gate.check("GET", &address(), &headers, &credentials()), verdict, "{uri}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_nonce_is_stale_only_with_the_right_password() {
        let gate = DigestGate::new().unwrap();
        let nonce = nonce_of(&gate.challenge(false));
        tokio::time::advance(Duration::from_secs(301)).await;
        let right = shown("provi", "s3cret", "GET", PATH, &nonce);
        let wrong = shown("provi", "guess", "GET", PATH, &nonce);
        assert_eq!(gate.check("GET", &address(), &right, &credentials()), Verdict::Stale);
        assert_eq!(gate.check("GET", &address(), &wrong, &credentials()), Verdict::Wrong);
    }

    #[tokio::test]
    async fn two_headers_are_not_read() {
        let gate = DigestGate::new().unwrap();
        let nonce = nonce_of(&gate.challenge(false));
        let mut headers = shown("provi", "s3cret", "GET", PATH, &nonce);
        let again = headers.get(header::AUTHORIZATION).unwrap().clone();
        headers.append(header::AUTHORIZATION, again);
        assert_eq!(gate.check("GET", &address(), &headers, &credentials()), Verdict::Wrong);
    }
}
