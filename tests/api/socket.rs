//! The control socket: that requests reach the daemon and its answers come back, and whose the socket is.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use n720d::api::{
    AcknowledgeAnswer, AcknowledgeRequest, ApproveAnswer, ApproveOutcome, ApproveRequest, CONTROL_SOCKET,
    ClientError, Control, ControlClient, ControlSocket, EndSilenceRequest, PauseAnswer, PauseRequest,
    Refusal, RefusalKind, ReloadReport, ResumeAnswer, ResumeRequest, RotateRequest, ShowPasswordRequest,
    ShownPassword, SilenceAnswer, SilenceLine, SilenceRequest, SocketError, TestAnswer, TestRequest,
    WithdrawRequest,
};
use n720d::domain::approval::Difference;
use n720d::domain::ids::SiteName;
use n720d::domain::status::{Health, PauseStatus, SiteStatus};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::port::{raw, server};
use super::{at, attention, site, state, status};

/// Notes what it was asked, and answers.
#[derive(Default)]
pub(super) struct Daemon(Mutex<Vec<String>>);

impl Daemon {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
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

    async fn acknowledge(&self, request: AcknowledgeRequest) -> Result<AcknowledgeAnswer, Refusal> {
        tokio::task::yield_now().await;
        let AcknowledgeRequest { alert, by, note, seconds } = request;
        self.note(format!("acknowledge {alert} {by} {note:?} {seconds:?}"));
        attention::taken(&alert, &by, &note)
    }

    async fn withdraw(&self, request: WithdrawRequest) -> Result<AcknowledgeAnswer, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("withdraw {} {}", request.alert, request.by));
        Ok(attention::given_back("anna"))
    }

    async fn silence(&self, request: SilenceRequest) -> Result<SilenceAnswer, Refusal> {
        tokio::task::yield_now().await;
        let SilenceRequest { of, everything, seconds, by, reason } = request;
        self.note(format!("silence {:?} {everything} {seconds} {by} {reason}", of.kinds));
        Ok(attention::silenced())
    }

    async fn end_silence(&self, request: EndSilenceRequest) -> Result<SilenceLine, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("end-silence {} {}", request.number, request.by));
        Ok(attention::silenced().silence)
    }

    async fn test_sink(&self, request: TestRequest) -> Result<TestAnswer, Refusal> {
        tokio::task::yield_now().await;
        self.note(format!("test-sink {} {}", request.sink, request.by));
        Err(Refusal::new(RefusalKind::Failed, "the sink mail did not take it: no answer in time"))
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

pub(super) struct Socket {
    pub(super) daemon: Arc<Daemon>,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

pub(super) fn control_socket(state_dir: &Path) -> Socket {
    let socket = ControlSocket::bind(&state_dir.join(CONTROL_SOCKET)).unwrap();
    let daemon = Arc::new(Daemon::default());
    let shutdown = CancellationToken::new();
    let [alive, keeps] = [(); 2].map(|()| Arc::new(AtomicBool::new(true)));
    let state = state(&alive, &keeps);
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
    let asked = socket.daemon.asked();
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
    let asked = socket.daemon.asked();
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
    let asked = socket.daemon.asked();
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
    tokio::time::timeout(Duration::from_secs(60), socket.ended).await.unwrap().unwrap().unwrap();
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
    let asked = socket.daemon.asked();
    assert_eq!(asked, ["rotate acme false anna she left", "show-password acme anna"]);
}
