//! Tests of the desk without a socket: what is recorded of whom, and what reaches the log. The answers on the wire are
//! tested from outside, in `tests/provisioning_server.rs`.

use std::sync::Mutex;

use axum::body::Bytes;
use axum::http::Request;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::domain::ids::Mac;
use crate::domain::secret::Secret;
use crate::provisioning::settings::Limits;
use crate::provisioning::shelf::DigestCredentials;

const MAC: &str = "7C2F80CA21E4";
const PATH: &str = "/p/t0ken/7C2F80CA21E4.xml";
const N720: &str = "Gigaset N720 DM PRO/70.108.00.000.000";

/// Holds one file under one token, and what was recorded.
struct OneFile {
    file: ServedFile,
    records: Mutex<Vec<FetchRecord>>,
    answers: Mutex<Vec<u16>>,
    broken: bool,
}

impl Shelf for OneFile {
    async fn lookup(&self, token: &str, mac: Mac) -> Result<Option<ServedFile>, ShelfError> {
        Ok((token == "t0ken" && mac.to_string() == MAC).then(|| self.file.clone()))
    }

    async fn record(&self, fetch: FetchRecord) -> Result<(), ShelfError> {
        if self.broken {
            let cause = io::Error::other("disk full").into();
            return Err(ShelfError::Record { site: fetch.site, version: fetch.version, cause });
        }
        self.records.lock().unwrap().push(fetch);
        Ok(())
    }

    fn answered(&self, status: u16) {
        self.answers.lock().unwrap().push(status);
    }
}

fn file() -> ServedFile {
    ServedFile {
        site: "acme-berlin".parse().unwrap(),
        release: 7,
        version: "2811121640".parse().unwrap(),
        body: Bytes::from_static(b"<hunter2/>"),
        manager_host: Some("10.20.0.2".parse().unwrap()),
        digest: None,
    }
}

fn desk_of(file: ServedFile, broken: bool) -> Desk<OneFile> {
    let allow = vec!["10.0.0.0/8".parse().unwrap()];
    let (_, settings) = watch::channel(ServerSettings { allow, limits: Limits::default() });
    Desk::new(
        Arc::new(OneFile { file, records: Mutex::default(), answers: Mutex::default(), broken }),
        settings,
    )
    .unwrap()
}

/// Sends one request to a desk.
async fn ask(desk: &Desk<OneFile>, peer: &str, method: &str, target: &str, user_agent: Option<&str>) -> u16 {
    let mut request = Request::builder().method(method).uri(target);
    if let Some(user_agent) = user_agent {
        request = request.header(header::USER_AGENT, user_agent);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    desk.answer(peer.parse().unwrap(), &parts).await.status().as_u16()
}

/// The record of one request that is answered with 200.
async fn recorded(peer: &str, method: &str, target: &str, user_agent: Option<&str>) -> FetchRecord {
    let desk = desk_of(file(), false);
    assert_eq!(ask(&desk, peer, method, target, user_agent).await, 200);
    let mut records = desk.shelf.records.lock().unwrap();
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[tokio::test]
async fn a_fetch_is_recorded_with_everything_the_manager_tells() {
    let target = format!("{PATH}?slots=64C{}", "0".repeat(24));
    let agent = format!("{N720};{MAC}");
    let record = recorded("::ffff:10.9.9.9", "GET", &target, Some(&agent)).await;
    let slots = record.filled.as_ref().unwrap().iter().map(|slot| slot.number());
    assert_eq!(slots.collect::<Vec<_>>(), [1, 2]);
    assert_eq!(record.firmware.as_ref().unwrap().as_str(), "70.108.00.000.000");
    assert_eq!(record.user_agent.as_deref(), Some(agent.as_str()));
    assert_eq!(record.peer.to_string(), "10.9.9.9");
    assert_eq!(
        (record.site.as_str(), record.release, record.version.as_str()),
        ("acme-berlin", 7, "2811121640")
    );
    assert_eq!((record.method, record.status, record.by_manager), (FetchMethod::Get, 200, true));
}

#[tokio::test]
async fn a_fetch_is_the_managers_by_its_agent_or_its_address() {
    let own = format!("{N720};{MAC}");
    let other = format!("{N720};7C2F80CA21E5");
    for (peer, method, agent, by_manager) in [
        ("10.9.9.9", "GET", Some(own.as_str()), true),
        ("10.9.9.9", "GET", Some(N720), true),
        ("10.9.9.9", "GET", Some("N720-DM-PRO/70.040.00.000.000"), true),
        ("10.9.9.9", "GET", Some("curl/8.5.0"), false),
        ("10.9.9.9", "GET", None, false),
        ("10.20.0.2", "GET", None, true),
        ("::ffff:10.20.0.2", "GET", Some("curl/8.5.0"), true),
        ("10.9.9.9", "GET", Some(other.as_str()), false),
        ("10.20.0.2", "GET", Some(other.as_str()), false),
        ("10.20.0.2", "HEAD", Some(own.as_str()), false),
    ] {
        let record = recorded(peer, method, PATH, agent).await;
        assert_eq!(record.by_manager, by_manager, "{peer} {method} {agent:?}");
    }
}

#[tokio::test]
async fn what_others_claim_is_not_taken_for_the_managers_word() {
    let target = format!("{PATH}?64{}", "F".repeat(25));
    let other = format!("{N720};7C2F80CA21E5");
    let record = recorded("10.9.9.9", "GET", &target, Some(&other)).await;
    assert_eq!((record.firmware, record.filled), (None, None));
}

#[tokio::test]
async fn only_an_answered_request_is_recorded() {
    let desk = desk_of(file(), false);
    for (peer, method, target, status) in [
        ("192.0.2.1", "GET", PATH, 403),
        ("192.0.2.1", "POST", "/", 403),
        ("10.9.9.9", "POST", PATH, 405),
        ("10.9.9.9", "GET", "/p/wrong/7C2F80CA21E4.xml", 404),
        ("10.9.9.9", "GET", "/p/t0ken/7C2F80CA21E5.xml", 404),
        ("10.9.9.9", "GET", "/", 404),
    ] {
        assert_eq!(ask(&desk, peer, method, target, Some(N720)).await, status, "{peer} {method} {target}");
    }
    let digest = Some(DigestCredentials { pairs: vec![(MAC.to_owned(), Secret::new("AB12"))] });
    let locked = desk_of(ServedFile { digest, ..file() }, false);
    assert_eq!(ask(&locked, "10.9.9.9", "GET", PATH, Some(N720)).await, 401);
    for desk in [desk, locked] {
        assert!(desk.shelf.records.lock().unwrap().is_empty());
    }
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_tells_what_happened_without_token_password_or_file() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    {
        let _guard = tracing::subscriber::set_default(subscriber);
        let digest = Some(DigestCredentials { pairs: vec![("u".to_owned(), Secret::new("hunter3"))] });
        let (open, broken) = (desk_of(file(), false), desk_of(file(), true));
        let locked = desk_of(ServedFile { digest, ..file() }, false);
        assert_eq!(ask(&open, "10.9.9.9", "GET", PATH, None).await, 200);
        assert_eq!(ask(&open, "10.9.9.9", "GET", "/p/t0ken/7C2F80CA21E5.xml", None).await, 404);
        assert_eq!(ask(&open, "192.0.2.1", "GET", PATH, None).await, 403);
        assert_eq!(ask(&broken, "10.9.9.9", "GET", PATH, None).await, 503);
        assert_eq!(ask(&locked, "10.9.9.9", "GET", PATH, None).await, 401);
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in ["acme-berlin", "/p/…/7C2F80CA21E5.xml", "192.0.2.1", "could not be recorded: disk full"] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
    for secret in ["t0ken", "hunter"] {
        assert!(!text.contains(secret), "{secret:?} is in {text}");
    }
}

#[tokio::test]
async fn every_answer_is_counted_by_its_status() {
    let closed = DigestCredentials { pairs: vec![("u".to_owned(), Secret::new("hunter3"))] };
    let closed = desk_of(ServedFile { digest: Some(closed), ..file() }, false);
    let (open, broken) = (desk_of(file(), false), desk_of(file(), true));
    let requests = [
        (&open, "10.20.0.2", "GET", PATH, 200),
        (&open, "10.20.0.2", "HEAD", PATH, 200),
        (&open, "192.0.2.1", "GET", PATH, 403),
        (&open, "10.20.0.2", "GET", "/p/wrong/7C2F80CA21E4.xml", 404),
        (&open, "10.20.0.2", "GET", "/", 404),
        (&open, "10.20.0.2", "POST", PATH, 405),
        (&closed, "10.20.0.2", "GET", PATH, 401),
        (&broken, "10.20.0.2", "GET", PATH, 503),
    ];
    for (desk, peer, method, target, status) in requests {
        assert_eq!(ask(desk, peer, method, target, Some(N720)).await, status, "{method} {target}");
        assert_eq!(desk.shelf.answers.lock().unwrap().pop(), Some(status), "{method} {target}");
        assert!(desk.shelf.answers.lock().unwrap().is_empty(), "counted once");
    }
}
