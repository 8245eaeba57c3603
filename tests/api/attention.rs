//! Alerts and what people say of them: read over the port, said over the control socket alone.

use n720d::api::{
    AcknowledgeAnswer, AcknowledgeRequest, AlertLine, AlertList, ClientError, ControlClient,
    EndSilenceRequest, Refusal, RefusalKind, SentMessage, SentPage, SilenceAnswer, SilenceLine, SilenceList,
    SilenceRequest, Taken, TestRequest, WithdrawRequest,
};
use n720d::domain::alert::{Alert, AlertKind, AlertState, Severity};
use n720d::domain::attention::Matcher;
use n720d::domain::notification::Reason;

use super::port::{get, raw, server};
use super::socket::control_socket;
use super::{at, site};

fn line(state: AlertState) -> AlertLine {
    let alert = Alert {
        id: "acme/drift".into(),
        kind: AlertKind::Drift,
        severity: Severity::Warning,
        summary: "differs".into(),
        phase: String::new(),
        since: at(5),
        state,
        resolved_at: None,
        handsets: Vec::new(),
        readings: Vec::new(),
        unwatched: false,
    };
    let (acknowledged, silenced, inhibited_by) = (None, None, Some("acme/unreachable".into()));
    AlertLine { alert, site: site("acme"), acknowledged, silenced, inhibited_by, told: Vec::new() }
}

/// One that fires, and one that has ended.
pub(super) fn alerts(ended: bool) -> AlertList {
    let ended = ended.then(|| line(AlertState::Resolved));
    AlertList { alerts: [line(AlertState::Firing)].into_iter().chain(ended).collect() }
}

/// So many messages; 77 cannot be read.
pub(super) fn sent(limit: usize) -> Result<SentPage, String> {
    if limit == 77 {
        return Err("cannot read what was sent in /s/n720d.db".into());
    }
    let message = SentMessage {
        id: "msg_1".into(),
        sink: "mail".into(),
        at: at(9).fixed_offset(),
        reason: Reason::First,
        about: "acme".into(),
        alerts: 1,
        refused: None,
    };
    Ok(SentPage { sent: vec![message; limit] })
}

pub(super) fn silences() -> SilenceList {
    SilenceList { silences: vec![silenced().silence] }
}

pub(super) fn silenced() -> SilenceAnswer {
    let silence = SilenceLine {
        number: 7,
        sites: [site("acme")].into(),
        labels: [].into(),
        kinds: [AlertKind::Drift].into(),
        severity: None,
        by: "anna".into(),
        reason: "cable works".into(),
        from: at(5).fixed_offset(),
        until: at(65).fixed_offset(),
    };
    SilenceAnswer { silence, sites: 1, covers: vec![line(AlertState::Silenced)] }
}

fn anna(note: &str) -> Taken {
    Taken { by: "anna".into(), note: note.into(), at: at(6).fixed_offset(), until: None }
}

pub(super) fn taken(id: &str, by: &str, note: &str) -> Result<AcknowledgeAnswer, Refusal> {
    let taken = Taken { by: by.to_owned(), ..anna(note) };
    let alert = AlertLine { acknowledged: Some(taken), ..line(AlertState::Acknowledged) };
    if id == alert.alert.id {
        Ok(AcknowledgeAnswer { alert, before: None })
    } else {
        Err(Refusal::new(RefusalKind::NotFound, "there is no such alert; there are: acme/drift"))
    }
}

pub(super) fn given_back(from: &str) -> AcknowledgeAnswer {
    let before = Taken { by: from.to_owned(), ..anna("") };
    AcknowledgeAnswer { alert: line(AlertState::Firing), before: Some(before) }
}

#[tokio::test]
async fn alerts_are_read_with_all_that_bears_on_them() {
    let server = server().await;
    let answer = get(&server, "/api/v1/alerts").await;
    assert_eq!(answer.status, 200);
    assert_eq!(serde_json::from_str::<AlertList>(&answer.body).unwrap(), alerts(false));
    let alert = &answer.json()["alerts"][0];
    assert_eq!((&alert["id"], &alert["site"]), (&"acme/drift".into(), &"acme".into()), "one level");
    assert_eq!(alert["inhibited_by"], "acme/unreachable");
    let keys: Vec<&String> = alert.as_object().unwrap().keys().collect();
    assert!(!keys.iter().any(|key| *key == "acknowledged" || *key == "silenced"), "{keys:?}");
    let all = get(&server, "/api/v1/alerts?all=true").await;
    assert_eq!(serde_json::from_str::<AlertList>(&all.body).unwrap(), alerts(true));
    assert_eq!(get(&server, "/api/v1/alerts?all=perhaps").await.status, 400);
    assert_eq!(get(&server, "/api/v1/alerts?site=acme").await.status, 400, "not guessed at");
}

#[tokio::test]
async fn what_was_sent_is_read_and_limited_and_silences_are_listed() {
    let server = server().await;
    for (query, count) in [("", 100), ("?limit=3", 3)] {
        let page = get(&server, &format!("/api/v1/alerts/sent{query}")).await;
        let page: SentPage = serde_json::from_str(&page.body).unwrap();
        assert_eq!(page.sent.len(), count, "{query}");
    }
    assert_eq!(get(&server, "/api/v1/alerts/sent?limit=x").await.status, 400);
    let failed = get(&server, "/api/v1/alerts/sent?limit=77").await;
    assert_eq!((failed.status, failed.json()["kind"].as_str()), (503, Some("unavailable")));
    let list = get(&server, "/api/v1/silences").await;
    assert_eq!(serde_json::from_str::<SilenceList>(&list.body).unwrap(), silences());
    assert_eq!(list.json()["silences"][0]["kinds"], serde_json::json!(["drift"]));
}

#[tokio::test]
async fn what_people_say_reaches_the_daemon_with_who_says_it() {
    let dir = tempfile::tempdir().unwrap();
    let socket = control_socket(dir.path());
    let client = ControlClient::connect(dir.path()).unwrap().unwrap();
    assert_eq!(client.alerts(true).await.unwrap(), alerts(true));
    assert_eq!(client.sent(2).await.unwrap(), sent(2).unwrap());
    assert_eq!(client.silences().await.unwrap(), silences());

    let ask = AcknowledgeRequest {
        alert: "acme/drift".into(),
        by: "anna".into(),
        note: "on my way".into(),
        seconds: Some(60),
    };
    assert_eq!(client.acknowledge(&ask).await.unwrap().alert.acknowledged, Some(anna("on my way")));
    let unknown = AcknowledgeRequest { alert: "acme/x".into(), seconds: None, ..ask };
    let refused = client.acknowledge(&unknown).await.unwrap_err();
    assert!(refused.to_string().contains("there are: acme/drift"), "{refused}");
    let ask = WithdrawRequest { alert: "acme/drift".into(), by: "ben".into() };
    assert_eq!(client.withdraw(&ask).await.unwrap(), given_back("anna"));
    let ask = SilenceRequest {
        of: Matcher { kinds: [AlertKind::Drift].into(), ..Matcher::default() },
        everything: false,
        seconds: 60,
        by: "anna".into(),
        reason: "cable works".into(),
    };
    assert_eq!(client.silence(&ask).await.unwrap(), silenced());
    let ask = EndSilenceRequest { number: 7, by: "ben".into() };
    assert_eq!(client.end_silence(&ask).await.unwrap(), silenced().silence);
    let refused =
        client.test_sink(&TestRequest { sink: "mail".into(), by: "anna".into() }).await.unwrap_err();
    assert!(
        matches!(&refused, ClientError::Refused(Refusal { kind: RefusalKind::Failed, error }) if error.contains("no answer in time")),
        "{refused}"
    );
    assert_eq!(
        socket.daemon.asked(),
        [
            "acknowledge acme/drift anna \"on my way\" Some(60)",
            "acknowledge acme/x anna \"on my way\" None",
            "withdraw acme/drift ben",
            "silence {Drift} false 60 anna cable works",
            "end-silence 7 ben",
            "test-sink mail anna",
        ]
    );
}

#[tokio::test]
async fn nothing_is_said_over_the_port() {
    let server = server().await;
    for path in ["acknowledge", "withdraw", "silence", "end-silence", "test-sink"] {
        let request = format!(
            "POST /control/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
             2\r\nConnection: close\r\n\r\n{{}}"
        );
        assert_eq!(raw(server.address, &request).await.status, 404, "{path}");
    }
    for path in ["alerts", "silences"] {
        let request = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(raw(server.address, &request).await.status, 405, "{path}");
    }
}
