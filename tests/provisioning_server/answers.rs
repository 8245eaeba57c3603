//! What is answered to whom.

use std::sync::atomic::Ordering;

use n720d::provisioning::{FetchMethod, Limits};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::support::{Answer, BODY, BOUND, PATH, Setup, get, settings, start};

#[tokio::test]
async fn a_manager_gets_its_file_and_the_fetch_is_on_record() {
    let server = start(Setup::default()).await;
    let answer = server.get(PATH).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
    assert_eq!(answer.header("Content-Type"), Some("application/xml"));
    assert_eq!(answer.header("Content-Length"), Some(BODY.len().to_string().as_str()));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Transfer-Encoding"), None);
    let records = server.shelf.records.lock().unwrap().clone();
    assert_eq!(records.len(), 1);
    assert!(records[0].by_manager);
    assert_eq!(records[0].peer.to_string(), "127.0.0.1");
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_sent_before_the_fetch_is_durable() {
    let server = start(Setup { durable: 0, ..Setup::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(get(PATH).as_bytes()).await.unwrap();
    timeout(BOUND, server.shelf.begun.acquire()).await.unwrap().unwrap().forget();
    let waiting = stream.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(waiting.kind(), std::io::ErrorKind::WouldBlock);
    server.shelf.durable.add_permits(1);
    assert_eq!(Answer::read(&mut stream).await.body, BODY);
}

#[tokio::test]
async fn a_fetch_that_cannot_be_recorded_is_not_answered_with_the_file() {
    let server = start(Setup::default()).await;
    server.shelf.cannot_record.store(true, Ordering::SeqCst);
    let answer = server.get(PATH).await;
    assert_eq!((answer.status, answer.body.as_slice()), (503, b"Service Unavailable\n".as_slice()));
    server.shelf.cannot_record.store(false, Ordering::SeqCst);
    server.shelf.cannot_look_up.store(true, Ordering::SeqCst);
    assert_eq!(server.get(PATH).await.undated(), answer.undated());
    assert_eq!(server.recorded(), 0);
    server.shelf.cannot_look_up.store(false, Ordering::SeqCst);
    assert_eq!(server.get(PATH).await.status, 200);
}

#[tokio::test]
async fn head_is_the_head_of_get() {
    let server = start(Setup::default()).await;
    let got = server.get(PATH).await.undated();
    let head = server.exchange(&get(PATH).replace("GET", "HEAD")).await.undated();
    assert_eq!((head.status, head.body.as_slice()), (200, b"".as_slice()));
    assert_eq!(head.headers, got.headers);
    let records = server.shelf.records.lock().unwrap().clone();
    assert_eq!((records[1].method, records[1].by_manager), (FetchMethod::Head, false));
}

#[tokio::test]
async fn odd_requests_get_the_file_all_the_same() {
    let server = start(Setup::default()).await;
    for request in [
        get("/70/1/../../p/s3cretT0ken/7C2F80CA21E4.xml"),
        get("/../../p/s3cretT0ken/7C2F80CA21E4.xml"),
        get("/70/1/%2e%2e/%2E./p/s3cretT0ken/7C2F80CA21E4.xml"),
        get("//p/./s3cretT0ken//7C2F80CA21E4.xml"),
        get("/p/s3cretT0ken/7c:2f:80:ca:21:e4.xml"),
        get("/p/s3cretT0ken/7C2F80CA21E4.xml?x=%SUBLIST&y"),
        get("http://10.1.0.5:8720/p/s3cretT0ken/7C2F80CA21E4.xml"),
        format!("GET {PATH} HTTP/1.0\r\n\r\n"),
        format!("GET {PATH} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        format!("GET {PATH} HTTP/1.1\r\nhost:x\r\n\r\n"),
        format!("GET {PATH} HTTP/1.1\n\n"),
        format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-3\r\nIf-None-Match: *\r\n\r\n"),
    ] {
        let answer = server.exchange(&request).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, BODY), "{request}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_still_gets_its_answer() {
    let server = start(Setup { durable: 0, ..Setup::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(get(PATH).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    timeout(BOUND, server.shelf.begun.acquire()).await.unwrap().unwrap().forget();
    server.shelf.durable.add_permits(1);
    assert_eq!(Answer::read(&mut stream).await.body, BODY);
}

#[tokio::test]
async fn what_is_not_there_gets_one_and_the_same_answer() {
    let server = start(Setup::default()).await;
    let wrong_token = server.get("/p/s3cretT0keN/7C2F80CA21E4.xml").await.undated();
    assert_eq!(wrong_token.status, 404);
    for target in [
        "/p/s3cretT0ken/7C2F80CA21E5.xml",
        "/p/s3cretT0ken/7C2F80CA21E4.txt",
        "/p/s3cretT0ken/",
        "/",
        "/70/1/../../../../etc/passwd",
        "/p/s3cretT0ken/..%2f..%2f..%2fetc%2fpasswd",
        "/p/%00/7C2F80CA21E4.xml",
        "/healthz",
    ] {
        assert_eq!(server.get(target).await.undated(), wrong_token, "{target}");
    }
    assert_eq!(server.recorded(), 0);
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let server = start(Setup::default()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        let answer = server.exchange(&format!("{method} {PATH} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(server.shelf.lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_not_http_learns_nothing() {
    let server = start(Setup::default()).await;
    for request in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\0\x01\0\r\n\r\n"]
    {
        let answer = server.exchange(request).await;
        assert!(matches!(answer.status, 0 | 400), "{request:?}: {answer:?}");
        assert!(answer.body.is_empty(), "{request:?}: {answer:?}");
    }
    assert_eq!(server.get(PATH).await.status, 200);
}

#[tokio::test]
async fn a_source_that_is_not_allowed_is_refused_before_anything_else() {
    let server = start(Setup::default()).await;
    for request in [get(PATH), get("/"), get(PATH).replace("GET", "POST")] {
        let answer = server.exchange_from("127.0.0.2", &request).await;
        assert_eq!((answer.status, answer.body.as_slice()), (403, b"Forbidden\n".as_slice()), "{request}");
    }
    assert_eq!(server.shelf.lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_allow_list_may_change_while_the_server_runs() {
    let server = start(Setup::default()).await;
    let status_from = async |source: &str| server.exchange_from(source, &get(PATH)).await.status;
    assert_eq!((status_from("127.0.0.1").await, status_from("127.0.0.2").await), (200, 403));
    server.settings.send(settings(&["127.0.0.2/31"], Limits::default())).unwrap();
    assert_eq!((status_from("127.0.0.1").await, status_from("127.0.0.2").await), (403, 200));
    server.settings.send(settings(&[], Limits::default())).unwrap();
    assert_eq!((status_from("127.0.0.1").await, status_from("127.0.0.2").await), (403, 403));
}
