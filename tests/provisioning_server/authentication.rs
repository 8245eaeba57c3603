//! Digest as a manager goes through it: ask, be challenged, ask again. The client is written here, of MD5 alone.

use md5::{Digest, Md5};
use n720d::domain::secret::Secret;
use n720d::provisioning::DigestCredentials;

use super::support::{Answer, BODY, PATH, Running, Setup, start};

fn setup() -> Setup {
    let pair = |user: &str, password: &str| (user.to_owned(), Secret::new(password));
    let pairs = vec![pair("7C2F80CA21E4", "AB12"), pair("provisioning", "l0ng phrase")];
    Setup { digest: Some(DigestCredentials { pairs }), ..Setup::default() }
}

fn md5(text: String) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A parameter of a challenge, quoted or not.
fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let (_, after) = challenge.split_once(&format!("{name}=")).unwrap();
    after.split(',').next().unwrap().trim_matches('"')
}

struct Client<'a> {
    user: &'a str,
    password: &'a str,
    method: &'a str,
    /// In the request line, and in the header if that has none of its own.
    target: &'a str,
    uri: Option<&'a str>,
    /// Around qop, nc and algorithm.
    quote: &'a str,
}

const MANAGER: Client<'_> =
    Client { user: "7C2F80CA21E4", password: "AB12", method: "GET", target: PATH, uri: None, quote: "" };

impl Client<'_> {
    /// Asks without credentials, as every client does first.
    async fn challenge(&self, server: &Running) -> String {
        let Self { method, target, .. } = self;
        let answer = server.exchange(&format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(answer.status, 401);
        answer.header("Www-Authenticate").unwrap().to_owned()
    }

    /// Answers a challenge.
    async fn answer(&self, server: &Running, challenge: &str) -> Answer {
        let Self { user, password, method, target, uri, quote } = self;
        let uri = uri.unwrap_or(target);
        let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
        let opaque = parameter(challenge, "opaque");
        let (who, what) = (md5(format!("{user}:{realm}:{password}")), md5(format!("{method}:{uri}")));
        let response = md5(format!("{who}:{nonce}:00000001:c0ffee:auth:{what}"));
        server
            .exchange(&format!(
                "{method} {target} HTTP/1.1\r\nHost: x\r\nUser-Agent: Gigaset N720 DM PRO/70.108.00.000.000\r\n\
                 Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{response}\", opaque=\"{opaque}\", cnonce=\"c0ffee\", algorithm={quote}MD5{quote}, \
                 qop={quote}auth{quote}, nc={quote}00000001{quote}\r\n\r\n"
            ))
            .await
    }

    /// Both, as one fetch.
    async fn fetch(&self, server: &Running) -> Answer {
        let challenge = self.challenge(server).await;
        self.answer(server, &challenge).await
    }
}

#[tokio::test]
async fn a_challenge_asks_for_md5_with_qop_auth() {
    let server = start(setup()).await;
    let challenge = MANAGER.challenge(&server).await;
    assert!(challenge.starts_with("Digest "), "{challenge}");
    assert_eq!((parameter(&challenge, "algorithm"), parameter(&challenge, "qop")), ("MD5", "auth"));
    assert!(!challenge.contains("stale"), "{challenge}");
    assert_eq!(server.recorded(), 0, "a fetch counts only after authentication");
}

#[tokio::test]
async fn each_of_the_credentials_gets_the_file() {
    let server = start(setup()).await;
    let clients = [
        MANAGER,
        Client { user: "7c:2f:80:ca:21:e4", ..MANAGER },
        Client { user: "provisioning", password: "l0ng phrase", ..MANAGER },
        Client { quote: "\"", ..MANAGER },
        Client { uri: Some("http://10.1.0.5:8720/p/s3cretT0ken/7C2F80CA21E4.xml"), ..MANAGER },
        Client { target: "/70/1/../../p/s3cretT0ken/7C2F80CA21E4.xml?a=1", ..MANAGER },
        Client { target: "/70/1/../../p/s3cretT0ken/7C2F80CA21E4.xml", uri: Some(PATH), ..MANAGER },
    ];
    let count = clients.len();
    for client in clients {
        let answer = client.fetch(&server).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, BODY), "{} {}", client.user, client.target);
    }
    assert_eq!(server.recorded(), count);
    let head = Client { method: "HEAD", ..MANAGER }.fetch(&server).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn wrong_credentials_get_another_challenge_and_no_record() {
    let server = start(setup()).await;
    for client in [
        Client { password: "ab12", ..MANAGER },
        Client { password: "l0ng phrase", ..MANAGER },
        Client { user: "nobody", ..MANAGER },
        Client { uri: Some("/p/s3cretT0ken/7C2F80CA21E5.xml"), ..MANAGER },
    ] {
        let answer = client.fetch(&server).await;
        assert_eq!(answer.status, 401, "{}", client.user);
        let challenge = answer.header("Www-Authenticate").unwrap();
        assert!(!challenge.contains("stale"), "{challenge}");
    }
    assert_eq!(server.recorded(), 0);
}

#[tokio::test]
async fn a_challenge_from_before_a_restart_is_replaced_by_a_fresh_one() {
    let (before, after) = (start(setup()).await, start(setup()).await);
    let challenge = MANAGER.challenge(&before).await;
    let answer = MANAGER.answer(&after, &challenge).await;
    let fresh = answer.header("Www-Authenticate").unwrap();
    assert_eq!((answer.status, parameter(fresh, "stale")), (401, "true"));
    assert_eq!(MANAGER.answer(&after, fresh).await.status, 200);
}

#[tokio::test]
async fn a_wrong_token_is_not_challenged() {
    let server = start(setup()).await;
    assert_eq!(server.get("/p/guess/7C2F80CA21E4.xml").await.status, 404);
}
