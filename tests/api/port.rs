//! The port: what is read over it, by whom, and that nothing is written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use n720d::api::{ApiState, serve};
use n720d::domain::handoff::Sheet;
use n720d::domain::ledger::WindowLedger;
use n720d::domain::status::{FleetStatus, Health, SiteStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{sheet_of, site, state, status, windows_of};

pub(super) struct Server {
    pub(super) address: SocketAddr,
    alive: Arc<AtomicBool>,
    keeps: Arc<AtomicBool>,
    state: ApiState,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
    _stop: DropGuard,
}

async fn server_on(ip: &str) -> Server {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let [alive, keeps] = [(); 2].map(|()| Arc::new(AtomicBool::new(true)));
    let state = state(&alive, &keeps);
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, state.clone(), shutdown.clone()));
    Server { address, alive, keeps, state, _stop: shutdown.clone().drop_guard(), shutdown, ended }
}

pub(super) async fn server() -> Server {
    server_on("127.0.0.1").await
}

pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends these bytes and reads until the server closes.
pub(super) async fn raw(address: SocketAddr, request: &str) -> Answer {
    let address = if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    };
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

async fn get_as(server: &Server, host: &str, path: &str) -> Answer {
    raw(server.address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
}

pub(super) async fn get(server: &Server, path: &str) -> Answer {
    get_as(server, "localhost", path).await
}

#[tokio::test]
async fn health_follows_the_supervisor_and_the_state_directory() {
    let server = server().await;
    let answer = get(&server, "/healthz").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    server.keeps.store(false, Ordering::Relaxed);
    let answer = get(&server, "/healthz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with("nothing can be kept in the state directory"), "{}", answer.body);
    server.keeps.store(true, Ordering::Relaxed);
    server.alive.store(false, Ordering::Relaxed);
    assert_eq!(get(&server, "/healthz").await.status, 503);
    assert_eq!(get(&server, "/readyz").await.status, 200);
}

#[tokio::test]
async fn statuses_have_the_shape_of_the_status_command() {
    let server = server().await;
    let answer = get(&server, "/api/v1/sites").await;
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    let fleet: FleetStatus = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(fleet.sites, [status("acme", Health::Converged), status("beta", Health::Blocked)]);
    let one: SiteStatus = serde_json::from_str(&get(&server, "/api/v1/sites/beta").await.body).unwrap();
    assert_eq!(one, status("beta", Health::Blocked));
}

#[tokio::test]
async fn what_is_not_there_is_a_json_error() {
    let server = server().await;
    for path in [
        "/api/v1/sites/nobody",
        "/api/v1/sites/nobody/history",
        "/api/v1/sites/nobody/handoff",
        "/api/v1/sites/nobody/windows",
        "/api/v1/sites/%2e%2e",
        "/api/v1/sites/a%20b",
        "/nothing",
        "/control/reload",
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (404, Some("not-found")), "{path}");
    }
    server.state.board.remove(&site("acme"));
    assert_eq!(get(&server, "/api/v1/sites/acme").await.status, 404);
}

#[tokio::test]
async fn nothing_on_the_port_writes() {
    let server = server().await;
    for path in ["/api/v1/sites", "/api/v1/sites/acme", "/control/poll", "/control/reload", "/control/apply"]
    {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let status = raw(server.address, &request).await.status;
        assert!(status == 405 || status == 404, "{path}: {status}");
    }
}

#[tokio::test]
async fn history_is_of_all_or_of_one_site_and_limited() {
    let server = server().await;
    let whats = |answer: &Answer| -> Vec<String> {
        let page = answer.json();
        let lines = page["history"].as_array().unwrap();
        lines.iter().map(|line| format!("{} {}", line["site"], line["what"]).replace('"', "")).collect()
    };
    assert_eq!(whats(&get(&server, "/api/v1/history").await), ["beta release", "acme fetch", "acme release"]);
    assert_eq!(whats(&get(&server, "/api/v1/history?limit=1").await), ["beta release"]);
    assert_eq!(whats(&get(&server, "/api/v1/sites/acme/history").await), ["acme fetch", "acme release"]);
    assert_eq!(whats(&get(&server, "/api/v1/sites/acme/history?limit=1").await), ["acme fetch"]);
    for query in ["limit=x", "limit=-1", "lmit=5"] {
        let answer = get(&server, &format!("/api/v1/history?{query}")).await;
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (400, Some("bad-request")), "{query}");
    }
    let answer = get(&server, "/api/v1/history?limit=77").await;
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (503, Some("unavailable")));
}

#[tokio::test]
async fn what_was_kept_of_a_site_whose_file_is_gone_is_told() {
    let server = server().await;
    assert_eq!(get(&server, "/api/v1/sites/removed").await.status, 404, "it is not on the board");
    let history = get(&server, "/api/v1/sites/removed/history").await;
    assert_eq!((history.status, history.json()["history"].as_array().unwrap().len()), (200, 1));
    let windows = get(&server, "/api/v1/sites/removed/windows").await;
    let ledger: WindowLedger = serde_json::from_str(&windows.body).unwrap();
    assert_eq!(Ok(ledger), windows_of(&site("removed"), 100));
    // A site that was never read has no history, and is known all the same.
    server.state.board.publish(Arc::new(status("nobody", Health::Unknown)));
    for path in ["history", "windows"] {
        assert_eq!(get(&server, &format!("/api/v1/sites/nobody/{path}")).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_history_of_the_fleet_is_there_before_anything_is_in_it() {
    let server = server().await;
    let answer = get(&server, "/api/v1/sites/fleet/history").await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"history": []})));
    assert_eq!(get(&server, "/api/v1/sites/fleet").await.status, 404, "it is no site");
}

#[tokio::test]
async fn a_hand_off_sheet_is_told_or_why_there_is_none() {
    let server = server().await;
    server.state.board.publish(Arc::new(status("gone", Health::Unknown)));
    let answer = get(&server, "/api/v1/sites/acme/handoff").await;
    assert_eq!(answer.status, 200);
    let sheet: Sheet = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(Ok(Some(sheet)), sheet_of(&site("acme")));
    for (name, code, kind, words) in [
        ("beta", 409, "refused", "the file of site beta has errors"),
        ("gone", 503, "unavailable", "cannot load"),
        ("nobody", 404, "not-found", "there is no site"),
    ] {
        let answer = get(&server, &format!("/api/v1/sites/{name}/handoff")).await;
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (code, Some(kind)), "{name}");
        assert!(answer.json()["error"].as_str().unwrap().contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_window_ledger_is_told_and_limited() {
    let server = server().await;
    server.state.board.publish(Arc::new(status("gone", Health::Unknown)));
    for (query, limit) in [("", 100), ("?limit=3", 3), ("?limit=999999", 10_000)] {
        let answer = get(&server, &format!("/api/v1/sites/acme/windows{query}")).await;
        let ledger: WindowLedger = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(Ok(ledger), windows_of(&site("acme"), limit), "{query}");
    }
    for (path, code, kind) in [
        ("acme/windows?limit=x", 400, "bad-request"),
        ("gone/windows", 503, "unavailable"),
        ("nobody/windows", 404, "not-found"),
    ] {
        let answer = get(&server, &format!("/api/v1/sites/{path}")).await;
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (code, Some(kind)), "{path}");
    }
}

#[tokio::test]
async fn metrics_are_of_the_present_board() {
    let server = server().await;
    let answer = get(&server, "/metrics").await;
    assert!(
        answer.head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{}",
        answer.head
    );
    for line in [
        "n720d_build_info{version=\"1.2.3\"} 1",
        "n720d_sites{health=\"converged\"} 1",
        "n720d_sites{health=\"unreachable\"} 0",
        "n720d_last_observation_timestamp_seconds{site=\"acme\"} 100.0",
        "n720d_alerts{site=\"beta\",severity=\"critical\"} 0",
    ] {
        assert!(answer.body.lines().any(|found| found == line), "{line} is not in\n{}", answer.body);
    }
    assert!(answer.body.ends_with("# EOF\n"));
    server.state.board.remove(&site("acme"));
    assert!(!get(&server, "/metrics").await.body.contains("acme"), "a removed site vanishes");
}

#[tokio::test]
async fn bound_to_loopback_only_local_names_are_answered() {
    let server = server().await;
    for host in ["localhost", "127.0.0.1:8721", "[::1]"] {
        assert_eq!(get_as(&server, host, "/api/v1/sites").await.status, 200, "{host}");
    }
    let index = get(&server, "/").await.body;
    assert!(index.lines().count() >= 12 && !index.lines().any(|line| line.starts_with(' ')), "{index}");
    for path in ["/", "/api/v1/sites", "/metrics", "/nothing"] {
        let answer = get_as(&server, "rebound.example.net", path).await;
        assert_eq!((answer.status, answer.json()["kind"].as_str()), (403, Some("foreign-host")), "{path}");
        assert!(!answer.body.contains("acme"));
    }
    let absolute =
        "GET http://rebound.example.net/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(server.address, absolute).await.status, 403);
    assert_eq!(raw(server.address, "GET /healthz HTTP/1.0\r\n\r\n").await.status, 200, "no Host, no browser");
}

#[tokio::test]
async fn bound_to_more_any_name_is_answered() {
    let server = server_on("0.0.0.0").await;
    assert_eq!(get_as(&server, "n720d.example.net", "/api/v1/sites").await.status, 200);
}

#[tokio::test]
async fn an_idle_client_does_not_keep_the_server() {
    let server = server().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.unwrap();
    assert_eq!(get(&server, "/healthz").await.status, 200, "it holds nobody up");
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(60), server.ended).await.unwrap().unwrap().unwrap();
}
