//! Faults on demand, seen from a client: what is cut, slow, reset, hanging or untrue, and for how long.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use common::{BOUND, Client, MAC, raw};
use n720_sim::{Device, DeviceBuilder, Event, Fault, Handset, SessionEnd, Timing};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const STATUS: &str = "/status_device.html";

async fn device() -> Device {
    DeviceBuilder::new(MAC)
        .unwrap()
        .timing(Timing::brisk())
        .account(1, "1013", "Reception")
        .start()
        .await
        .unwrap()
}

fn request(client: &Client, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nCookie: key={}\r\n\r\n", client.key.clone().unwrap())
}

#[tokio::test]
async fn a_cut_page_ends_at_its_byte_with_and_without_a_length() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    for declared in [true, false] {
        device.set_fault(Fault::Cut { after: 1000, declared }.on(STATUS).times(1));
        let answer = client.get(STATUS).await;
        assert_eq!(answer.body.len(), 1000);
        assert_eq!(answer.header("Content-Length").is_some(), declared);
    }
    let whole = client.get(STATUS).await;
    assert!(whole.text().ends_with("</html>\r\n"), "both were used up");
    assert_eq!(whole.header("Content-Length"), Some(whole.body.len().to_string().as_str()));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    device.set_fault(Fault::Reset { after: 0 }.on(STATUS));
    let error = raw(device.addr(), &request(&client, STATUS)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_hanging_device_keeps_everybody_waiting_until_the_fault_is_over() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    let id = device.set_fault(Fault::Hang { after: 100 }.on(STATUS));
    let mut hanging = TcpStream::connect(device.addr()).await.unwrap();
    hanging.write_all(request(&client, STATUS).as_bytes()).await.unwrap();
    let mut first = [0; 100];
    hanging.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let other = client.get("/mobile_devices.html");
    tokio::pin!(other);
    assert!(tokio::time::timeout(Duration::from_millis(60), &mut other).await.is_err(), "one at a time");
    device.clear_fault(id);
    assert_eq!(other.await.status, 200);
    assert_eq!(hanging.read(&mut first).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_that_gives_up_on_a_hanging_device_frees_it() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    device.set_fault(Fault::Hang { after: 0 }.on(STATUS));
    let mut hanging = TcpStream::connect(device.addr()).await.unwrap();
    hanging.write_all(request(&client, STATUS).as_bytes()).await.unwrap();
    let asked = |event: &Event| matches!(event, Event::Request { path, .. } if path == STATUS);
    device.wait_event("the request", BOUND, asked).await.unwrap();
    drop(hanging);
    assert_eq!(client.get("/mobile_devices.html").await.status, 200);
}

#[tokio::test]
async fn slow_waits_and_drip_trickles() {
    let device = device().await;
    let client = Client::new(device.addr());
    device.set_fault(Fault::Slow { delay_ms: 60 }.times(1));
    let start = Instant::now();
    assert_eq!(client.get("/login.html").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
    device.set_fault(Fault::Drip { bytes: 10_000, every_ms: 10 }.times(1));
    let start = Instant::now();
    assert!(client.get("/login.html").await.text().ends_with("</html>\r\n"));
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn answers_are_replaced_or_spoiled() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    device.set_fault(Fault::Status { status: 503, retry_after_s: Some(7) }.on(STATUS).times(1));
    let busy = client.get(STATUS).await;
    assert_eq!((busy.status, busy.header("Retry-After")), (503, Some("7")));
    device.set_fault(Fault::Empty.on(STATUS).times(1));
    let empty = client.get(STATUS).await;
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    device.set_fault(Fault::Redirect { to: "http://127.0.0.9/".to_owned() }.on(STATUS).times(1));
    let elsewhere = client.get(STATUS).await;
    assert_eq!((elsewhere.status, elsewhere.header("Location")), (303, Some("http://127.0.0.9/")));
    device.set_fault(Fault::WrongEtag { shown: "/login.html".to_owned() }.on(STATUS).times(1));
    let marked = client.get(STATUS).await;
    assert_eq!(marked.header("ETag"), Some("/login.html"));
    assert!(!marked.head.contains("ETag: /status_device.html"));
    device.set_fault(Fault::Garbled { one_in: 50 }.on(STATUS).times(1));
    let garbled = client.get(STATUS).await;
    let clean = client.get(STATUS).await;
    assert_eq!(garbled.body.len(), clean.body.len());
    let differing = garbled.body.iter().zip(&clean.body).filter(|(left, right)| left != right).count();
    assert!((clean.body.len() / 60..=clean.body.len() / 49).contains(&differing), "{differing}");
}

#[tokio::test]
async fn the_page_can_tell_of_another_device_or_keep_silent() {
    let ipui = "02 B6 EC 8A A5".parse().unwrap();
    let device = DeviceBuilder::new(MAC)
        .unwrap()
        .timing(Timing::brisk())
        .registered(1, Handset::new(ipui))
        .start()
        .await
        .unwrap();
    device.deregister(1).unwrap();
    let client = Client::logged_in(device.addr()).await;
    let body = async || client.get(STATUS).await.text().split_once("<body").unwrap().1.to_owned();
    assert!(body().await.contains(">02 B6 EC 8A A5<"));
    device.set_fault(Fault::WrongMac { mac: "7C2F80FFFFFF".parse().unwrap() });
    device.set_fault(Fault::Firmware { version: "70.107.00.000.00".to_owned() });
    device.set_fault(Fault::HidePending);
    let untrue = body().await;
    assert!(untrue.contains("7C:2F:80:FF:FF:FF") && untrue.contains("7C2F80FFFFFF-AB12"));
    assert!(untrue.contains("\t70.107.00.000.00\r\n"));
    assert!(!untrue.contains(">02 B6 EC 8A A5<") && untrue.ends_with("</html>\r\n"));
    device.clear_faults();
    assert!(body().await.contains(">02 B6 EC 8A A5<"));
}

#[tokio::test]
async fn a_person_comes_for_a_time_and_takes_the_session() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    device.set_fault(Fault::PersonLoggedIn.lasting(Duration::from_millis(100)));
    let taken = |event: &Event| matches!(event, Event::SessionClosed { how: SessionEnd::TakenOver, .. });
    device.wait_event("taken over", BOUND, taken).await.unwrap();
    assert_eq!(client.get(STATUS).await.status, 303);
    device.wait_event("gone", BOUND, |event| *event == Event::PersonLoggedOut {}).await.unwrap();
    Client::logged_in(device.addr()).await;
}

#[tokio::test]
async fn every_prefix_of_an_answer_can_be_had() {
    let device = device().await;
    let client = Client::logged_in(device.addr()).await;
    let path = "/profile_update_ajax.js";
    let whole = client.get(path).await.text();
    assert_eq!(whole, "0;0");
    for after in 0..=whole.len() {
        device.set_fault(Fault::Cut { after, declared: false }.on(path).times(1));
        assert_eq!(client.get(path).await.text(), whole[..after]);
    }
}

#[tokio::test]
async fn a_device_stops_with_its_last_handle() {
    let device = device().await;
    let addr = device.addr();
    let other = device.clone();
    drop(device);
    assert_eq!(Client::new(addr).get("/login.html").await.status, 200);
    drop(other);
    let mut open = true;
    while open {
        open = TcpStream::connect(addr).await.is_ok();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_devices_cannot_have_one_address() {
    let device = device().await;
    let second = DeviceBuilder::new(MAC).unwrap().web(device.addr()).start().await;
    assert!(second.unwrap_err().to_string().contains("web address"));
}
