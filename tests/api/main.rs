//! The API from outside: raw HTTP over loopback, and the control socket through its client.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::api::{
    ApiState, ApproveAnswer, ApproveOutcome, ApproveRequest, Board, CONTROL_SOCKET, ClientError, Control,
    ControlClient, ControlSocket, Metrics, PauseAnswer, PauseRequest, Refusal, RefusalKind, ReloadReport,
    ResumeAnswer, ResumeRequest, RotateRequest, ShowPasswordRequest, ShownPassword, SocketError, serve,
};
use n720d::domain::approval::Difference;
use n720d::domain::desired::Mode;
use n720d::domain::handoff::Sheet;
use n720d::domain::history::HistoryEntry;
use n720d::domain::ids::SiteName;
use n720d::domain::ledger::{Statistics, WindowLedger};
use n720d::domain::status::{
    FleetStatus, GenerationStatus, Health, PauseStatus, PlanStatus, SiteStatus, WindowStatus,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

fn status(name: &str, health: Health) -> SiteStatus {
    SiteStatus {
        site: site(name),
        description: String::new(),
        labels: BTreeMap::new(),
        health,
        reason: "as the site file says".into(),
        mode: Mode::Manage,
        observed_at: Some(at(100).fixed_offset()),
        firmware: None,
        clock_skew_seconds: None,
        generation: GenerationStatus::default(),
        window: WindowStatus::default(),
        pause: None,
        slots: Vec::new(),
        alerts: Vec::new(),
        plan: PlanStatus::default(),
        password_change: None,
    }
}

fn entry(site_name: &str, what: &str) -> (SiteName, HistoryEntry) {
    let entry = HistoryEntry { at: at(5), who: "n720d".into(), what: what.into(), outcome: "done".into() };
    (site(site_name), entry)
}

/// Two sites, three entries of history.
fn state(alive: &Arc<AtomicBool>) -> ApiState {
    let board = Board::default();
    board.publish(Arc::new(status("acme", Health::Converged)));
    board.publish(Arc::new(status("beta", Health::Blocked)));
    let probe = alive.clone();
    ApiState {
        metrics: Arc::new(Metrics::new(board.clone(), "1.2.3")),
        board,
        history: Arc::new(|site, limit| {
            Box::pin(async move {
                if limit == 77 {
                    return Err("cannot read the history in /s/n720d.db".to_owned());
                }
                let mut all =
                    vec![entry("beta", "release"), entry("acme", "fetch"), entry("acme", "release")];
                // What is known of a site whose file is gone is told only when it is asked for.
                all.extend(site.iter().map(|_| entry("removed", "release")));
                let asked = all.into_iter().filter(|(name, _)| site.as_ref().is_none_or(|site| site == name));
                Ok(asked.take(limit).collect())
            })
        }),
        windows: Arc::new(|site, limit| Box::pin(async move { windows_of(&site, limit) })),
        handoff: Arc::new(|site| Box::pin(async move { sheet_of(&site) })),
        alive: Arc::new(move || probe.load(Ordering::Relaxed)),
        ready: Arc::new(|| true),
    }
}

/// A sheet of acme; the file of beta has errors, and what is stored of gone cannot be read.
fn sheet_of(site: &SiteName) -> Result<Option<Sheet>, String> {
    match site.as_str() {
        "acme" => Ok(Some(Sheet {
            site: site.clone(),
            description: "ACME".into(),
            at: at(5).fixed_offset(),
            observed_at: None,
            window: WindowStatus::default(),
            listed: 0,
            handsets: Vec::new(),
            notes: vec!["the DECT manager has not been read yet".into()],
        })),
        "beta" => Ok(None),
        _ => Err("cannot load the memory of a site in /s/n720d.db".into()),
    }
}

/// A ledger that shows in its statistics what was asked for; that of gone cannot be read, that of nobody is empty.
fn windows_of(site: &SiteName, limit: usize) -> Result<WindowLedger, String> {
    if site.as_str() == "gone" {
        return Err("cannot read the window ledger of a site in /s/n720d.db".into());
    }
    let windows = if site.as_str() == "nobody" { 0 } else { limit };
    let statistics = Statistics { windows, ..Statistics::default() };
    Ok(WindowLedger { site: site.clone(), windows: Vec::new(), statistics })
}

struct Server {
    address: SocketAddr,
    alive: Arc<AtomicBool>,
    state: ApiState,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
    _stop: DropGuard,
}

async fn server_on(ip: &str) -> Server {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let alive = Arc::new(AtomicBool::new(true));
    let state = state(&alive);
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve(listener, state.clone(), shutdown.clone()));
    Server { address, alive, state, _stop: shutdown.clone().drop_guard(), shutdown, ended }
}

async fn server() -> Server {
    server_on("127.0.0.1").await
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends these bytes and reads until the server closes.
async fn raw(address: SocketAddr, request: &str) -> Answer {
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

async fn get(server: &Server, path: &str) -> Answer {
    get_as(server, "localhost", path).await
}

#[tokio::test]
async fn health_follows_the_supervisor() {
    let server = server().await;
    let answer = get(&server, "/healthz").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
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
    tokio::time::timeout(Duration::from_secs(15), server.ended).await.unwrap().unwrap().unwrap();
}

/// Notes what it was asked, and answers.
#[derive(Default)]
struct Daemon(Mutex<Vec<String>>);

impl Daemon {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Control for Daemon {
    async fn poll(&self, site: SiteName, retry_login: bool) -> Result<SiteStatus, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("poll {site} {retry_login}"));
        if site.as_str() == "acme" {
            Ok(status("acme", Health::Waiting))
        } else {
            Err(Refusal::unknown_site(site.as_str()))
        }
    }

    async fn retry_push(&self, site: SiteName, by: String) -> Result<(), Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("retry-push {site} {by}"));
        Ok(())
    }

    async fn reload(&self) -> Result<ReloadReport, Refusal> {
        tokio::task::yield_now().await;
        self.note("reload".into());
        Ok(ReloadReport { applied: false, sites: 2, findings: vec!["acme.toml:3: unknown key".into()] })
    }

    async fn apply(&self, site: SiteName) -> Result<SiteStatus, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("apply {site}"));
        Err(Refusal::new(RefusalKind::Refused, "the site is in mode observe"))
    }

    async fn approve(&self, request: ApproveRequest) -> Result<ApproveAnswer, Refusal> {
        tokio::task::yield_now().await;
        let ApproveRequest { site, hash, by, reason, valid_seconds } = request;
        self.note(format!("approve {site} {hash} {by} {reason:?} {valid_seconds:?}"));
        if hash == "9f3c" { Ok(changed()) } else { Err(Refusal::new(RefusalKind::BadRequest, "no hash")) }
    }

    async fn pause(&self, request: PauseRequest) -> Result<PauseAnswer, Refusal> {
        tokio::task::yield_now().await;
        let PauseRequest { site, seconds, by, reason } = request;
        self.note(format!("pause {site:?} {seconds:?} {by} {reason}"));
        let pause =
            PauseStatus { since: at(5).fixed_offset(), until: None, by, reason, whole_fleet: site.is_none() };
        Ok(PauseAnswer { pause, forgotten_at: Some(at(9).fixed_offset()), longer: None, sites: 2 })
    }

    async fn rotate(&self, request: RotateRequest) -> Result<SiteStatus, Refusal> {
        tokio::task::yield_now().await;
        let RotateRequest { site, abort, by, reason } = request;
        self.note(format!("rotate {site} {abort} {by} {reason}"));
        Ok(status(site.as_str(), Health::Waiting))
    }

    async fn show_password(&self, request: ShowPasswordRequest) -> Result<ShownPassword, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("show-password {} {}", request.site, request.by));
        Ok(ShownPassword { password: "Neu9".into() })
    }

    async fn resume(&self, request: ResumeRequest) -> Result<ResumeAnswer, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("resume {:?} {}", request.site, request.by));
        Err(Refusal::unknown_site("nobody"))
    }
}

/// A refusal that shows what has changed.
fn changed() -> ApproveAnswer {
    let difference = Difference { gone: vec!["slot 3: 1013".into()], new: vec!["slot 3: 1014".into()] };
    ApproveAnswer {
        outcome: ApproveOutcome::Refused,
        message: "things have changed".into(),
        difference: Some(difference),
        status: status("acme", Health::Blocked),
    }
}

struct Socket {
    daemon: Arc<Daemon>,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

fn control_socket(state_dir: &Path) -> Socket {
    let socket = ControlSocket::bind(&state_dir.join(CONTROL_SOCKET)).unwrap();
    let daemon = Arc::new(Daemon::default());
    let shutdown = CancellationToken::new();
    let state = state(&Arc::new(AtomicBool::new(true)));
    let ended = tokio::spawn(socket.serve(state, daemon.clone(), shutdown.clone()));
    Socket { daemon, shutdown, ended }
}

#[tokio::test]
async fn commands_reach_the_daemon_and_its_answers_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    let fleet = client.status().await.unwrap();
    assert_eq!(fleet.sites, [status("acme", Health::Converged), status("beta", Health::Blocked)]);
    assert_eq!(client.site_status(&site("beta")).await.unwrap(), status("beta", Health::Blocked));
    let page = client.history(Some(&site("acme")), 1).await.unwrap();
    assert_eq!(page.history.iter().map(|line| line.entry.what.as_str()).collect::<Vec<_>>(), ["fetch"]);
    assert_eq!(client.history(None, 9).await.unwrap().history.len(), 3);
    assert_eq!(client.windows(&site("acme"), 7).await.unwrap().statistics.windows, 7);
    assert_eq!(client.handoff(&site("acme")).await.unwrap().description, "ACME");
    assert_eq!(client.poll(site("acme"), true).await.unwrap(), status("acme", Health::Waiting));
    client.retry_push(site("acme"), "anna".into()).await.unwrap();
    let report = client.reload().await.unwrap();
    assert_eq!((report.applied, report.findings), (false, vec!["acme.toml:3: unknown key".to_owned()]));
    let asked = socket.daemon.0.lock().unwrap().clone();
    assert_eq!(asked, ["poll acme true", "retry-push acme anna", "reload"]);
}

#[tokio::test]
async fn a_pause_reaches_the_daemon_with_whom_it_is_of_and_by_whom() {
    let dir = tempfile::tempdir().unwrap();
    let socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    let request =
        PauseRequest { site: None, seconds: Some(60), by: "anna".into(), reason: "cable works".into() };
    let answer = client.pause(&request).await.unwrap();
    assert_eq!((answer.pause.by.as_str(), answer.pause.whole_fleet, answer.sites), ("anna", true, 2));
    assert_eq!(answer.forgotten_at, Some(at(9).fixed_offset()));
    let request = ResumeRequest { site: Some(site("nobody")), by: "ben".into() };
    let refused = client.resume(&request).await.unwrap_err();
    assert!(
        matches!(&refused, ClientError::Refused(refusal) if refusal.kind == RefusalKind::NotFound),
        "{refused}"
    );
    let asked = socket.daemon.0.lock().unwrap().clone();
    assert_eq!(asked, ["pause None Some(60) anna cable works", "resume Some(SiteName(\"nobody\")) ben"]);
}

#[tokio::test]
async fn what_the_daemon_refuses_is_told_in_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let _socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    let refusals = [
        (client.poll(site("nobody"), false).await, RefusalKind::NotFound, "there is no site \"nobody\""),
        (client.apply(site("acme")).await, RefusalKind::Refused, "the site is in mode observe"),
        (client.site_status(&site("nobody")).await, RefusalKind::NotFound, "there is no site \"nobody\""),
    ];
    for (outcome, kind, text) in refusals {
        match outcome {
            Err(ClientError::Refused(refusal)) => {
                assert_eq!((refusal.kind, refusal.to_string().as_str()), (kind, text));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_approval_is_asked_for_over_the_socket_alone() {
    let dir = tempfile::tempdir().unwrap();
    let socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    let request = ApproveRequest {
        site: site("acme"),
        hash: "9f3c".into(),
        by: "anna".into(),
        reason: "as agreed".into(),
        valid_seconds: Some(60),
    };
    assert_eq!(client.approve(&request).await.unwrap(), changed(), "a refusal of the plan is an answer");
    let wrong = ApproveRequest { hash: "x".into(), valid_seconds: None, ..request.clone() };
    let refused = client.approve(&wrong).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::Refused(Refusal { kind: RefusalKind::BadRequest, .. })),
        "{refused}"
    );
    let asked = socket.daemon.0.lock().unwrap().clone();
    assert_eq!(
        asked,
        ["approve acme 9f3c anna \"as agreed\" Some(60)", "approve acme x anna \"as agreed\" None"]
    );

    let body = serde_json::to_string(&request).unwrap();
    let head = format!(
        "POST /control/approve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    assert_eq!(raw(server().await.address, &format!("{head}{body}")).await.status, 404);
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_goes_with_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(CONTROL_SOCKET);
    assert!(ControlClient::connect(dir.path()).unwrap().is_none(), "no daemon, no client");
    let socket = control_socket(dir.path());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(ControlSocket::bind(&path), Err(SocketError::InUse { .. })));
    socket.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(15), socket.ended).await.unwrap().unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_dead_daemon_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(CONTROL_SOCKET);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(ControlClient::connect(dir.path()).unwrap().is_none());
    let _socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    assert_eq!(client.status().await.unwrap().sites.len(), 2);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100));
    std::fs::create_dir(&deep).unwrap();
    let error = ControlSocket::bind(&deep.join(CONTROL_SOCKET)).unwrap_err();
    assert!(matches!(error, SocketError::TooLong { .. }));
    assert!(error.to_string().contains("107 are the limit"), "{error}");
    assert!(ControlClient::connect(&deep).unwrap().is_none(), "no daemon can listen there");
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(CONTROL_SOCKET);
    std::fs::write(&path, "somebody's notes").unwrap();
    assert!(ControlSocket::bind(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's notes");
}

#[tokio::test]
async fn a_new_password_is_asked_for_and_shown_over_the_socket_alone() {
    let dir = tempfile::tempdir().unwrap();
    let socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    let (acme, by) = (site("acme"), "anna".to_owned());
    let ask = RotateRequest { site: acme.clone(), abort: false, by: by.clone(), reason: "she left".into() };
    assert_eq!(client.rotate(&ask).await.unwrap().site, acme);
    let shown = client.show_password(&ShowPasswordRequest { site: acme, by }).await.unwrap();
    assert_eq!(shown.expose(), "Neu9");
    let answer = ShownPassword { password: "Neu9".into() };
    assert!(!format!("{answer:?} {shown:?}").contains("Neu9"));
    let asked = socket.daemon.0.lock().unwrap().clone();
    assert_eq!(asked, ["rotate acme false anna she left", "show-password acme anna"]);
}
