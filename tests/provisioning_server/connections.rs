//! Clients that are slow, many or large. The limits under test are short, the others out of the way.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use n720d::provisioning::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{Answer, BODY, BOUND, PATH, Running, Setup, get, settings, start};

/// The limit under test, in which a busy machine comes to answer whoever does say something; and a time that only a server
/// without it would take.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);

fn limited(limits: Limits) -> Setup {
    Setup { limits, ..Setup::default() }
}

/// A client that begins a request and then says no more.
async fn silent(server: &Running, source: &str) -> TcpStream {
    let mut stream = server.connect_from(source).await;
    stream.write_all(b"GET /p/").await.unwrap();
    stream
}

#[tokio::test]
async fn a_request_that_does_not_come_is_not_waited_for() {
    let server = start(limited(Limits { head_time: SHORT, ..Limits::default() })).await;
    let begun = Instant::now();
    let answer = Answer::read(&mut silent(&server, "127.0.0.1").await).await;
    assert!(matches!(answer.status, 0 | 408), "{answer:?}");
    assert!((SHORT..LONG).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_request_that_drips_is_not_waited_for_either() {
    let server = start(limited(Limits { head_time: SHORT, ..Limits::default() })).await;
    let mut stream = server.connect().await;
    let begun = Instant::now();
    // A byte each few milliseconds, as long as the server listens: never long silent, never done.
    while begun.elapsed() < LONG {
        let written = stream.write_all(b"G").await;
        let ended = timeout(Duration::from_millis(5), stream.read(&mut [0; 64])).await;
        if written.is_err() || ended.is_ok() {
            break;
        }
    }
    assert!((SHORT..LONG).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert_eq!(server.get(PATH).await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_left_in_the_end() {
    let body = Bytes::from(vec![b'x'; 32 << 20]);
    let limits = Limits { connections: 1, total_time: SHORT, ..Limits::default() };
    let server = start(Setup { body: body.clone(), limits, ..Setup::default() }).await;
    let mut idle = server.connect().await;
    idle.write_all(get(PATH).as_bytes()).await.unwrap();
    let begun = Instant::now();
    // There is room for one connection only, so this one is answered when the idle one has been ended.
    assert_eq!(server.get("/").await.status, 404);
    assert!((SHORT..LONG).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let answer = Answer::read(&mut idle).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() < body.len());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start(Setup::default()).await;
    let flood = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(matches!(server.exchange(&flood).await.status, 0 | 431));
    let many = format!("GET {PATH} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert!(matches!(server.exchange(&many).await.status, 0 | 431));
    let long = format!("GET {PATH}?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000));
    assert!(matches!(server.exchange(&long).await.status, 0 | 414 | 431));
    assert_eq!(server.recorded(), 0);
    assert_eq!(server.get(PATH).await.status, 200);
}

#[tokio::test]
async fn one_connection_too_many_waits_for_its_turn() {
    let server = start(limited(Limits { connections: 2, head_time: SHORT, ..Limits::default() })).await;
    let begun = Instant::now();
    let _first = silent(&server, "127.0.0.1").await;
    let _second = silent(&server, "127.0.0.1").await;
    let answer = server.get(PATH).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
    assert!(begun.elapsed() >= SHORT, "it had to wait for one of the silent ones to end");
}

#[tokio::test]
async fn strangers_do_not_keep_managers_out() {
    let limits =
        Limits { connections: 1, strangers: 1, head_time: BOUND, total_time: BOUND, ..Limits::default() };
    let server = start(limited(limits)).await;
    let begun = Instant::now();
    let _silent = silent(&server, "127.0.0.2").await;
    let turned_away = Answer::read(&mut silent(&server, "127.0.0.2").await).await;
    assert_eq!(turned_away.status, 0);
    assert_eq!(server.get(PATH).await.status, 200);
    assert!(begun.elapsed() < LONG, "nobody had to wait for the silent stranger");
}

#[tokio::test]
async fn one_host_does_not_keep_the_others_out() {
    let limits =
        Limits { connections: 3, per_source: 2, head_time: BOUND, total_time: BOUND, ..Limits::default() };
    let server = start(limited(limits.clone())).await;
    server.settings.send_replace(settings(&["127.0.0.0/8"], limits));
    let begun = Instant::now();
    let _hoarded = [silent(&server, "127.0.0.2").await, silent(&server, "127.0.0.2").await];
    let turned_away = Answer::read(&mut silent(&server, "127.0.0.2").await).await;
    assert_eq!(turned_away.status, 0);
    assert_eq!(server.get(PATH).await.status, 200);
    assert!(begun.elapsed() < LONG, "nobody had to wait for the silent ones");
}

#[tokio::test]
async fn each_connection_carries_one_request() {
    let server = start(Setup::default()).await;
    let answer = server.exchange(&get(PATH).repeat(2)).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, BODY));
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(server.recorded(), 1);
}

#[tokio::test]
async fn answers_under_way_end_before_the_server_does() {
    let server = start(Setup { durable: 0, ..Setup::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(get(PATH).as_bytes()).await.unwrap();
    timeout(BOUND, server.shelf.begun.acquire()).await.unwrap().unwrap().forget();
    server.shutdown.cancel();
    server.shelf.durable.add_permits(1);
    assert_eq!(Answer::read(&mut stream).await.body, BODY);
    server.stop().await;
}

#[tokio::test]
async fn a_server_told_to_stop_waits_for_nobody_longer_than_its_grace() {
    let limits = Limits { grace: SHORT, total_time: BOUND, ..Limits::default() };
    let server = start(Setup { durable: 0, limits, ..Setup::default() }).await;
    let mut asked = server.connect().await;
    asked.write_all(get(PATH).as_bytes()).await.unwrap();
    timeout(BOUND, server.shelf.begun.acquire()).await.unwrap().unwrap().forget();
    let address = server.address;
    let begun = Instant::now();
    server.stop().await;
    assert!((SHORT..LONG).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).await.is_err(), "the port is free again");
    assert_eq!(Answer::read(&mut asked).await.status, 0);
}

#[tokio::test]
async fn a_connection_that_asks_nothing_does_not_hold_up_the_end() {
    let limits = Limits { head_time: BOUND, total_time: BOUND, grace: BOUND, ..Limits::default() };
    let server = start(limited(limits)).await;
    let mut mute = server.connect().await;
    // Connections are taken in turn: when this one is answered, the mute one is being waited for.
    assert_eq!(server.get(PATH).await.status, 200);
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    assert_eq!(Answer::read(&mut mute).await.status, 0);
}
