//! The registration window from outside: by whose clock it opens and closes, and what files do to one that runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use chrono::{DateTime, Duration as Span, Utc};
use chrono_tz::Tz;
use common::{BOUND, Client, FileServer, MAC, fetch, file, item, open_for_all, reserve};
use n720_sim::{Device, DeviceBuilder, Event, Handset, Refusal, Snapshot, Timing};

const A: &str = "02 B6 EC 8A A5";
const HOUR: i64 = 3600;

fn builder(server: &FileServer) -> DeviceBuilder {
    let handset = Handset::new(A.parse().unwrap());
    let builder = DeviceBuilder::new(MAC).unwrap().timing(Timing::brisk()).zone(ZONE);
    builder.configfile_url(&server.url()).handset(handset)
}

/// A file that reserves slot 1, with a window from this wall time on.
fn window(version: u64, from: DateTime<Tz>, duration_s: i64) -> String {
    let mut lines = open_for_all();
    lines[0] = item("BS_AE_Subscriber.ulIPUIRegistrationDuration", &duration_s.to_string());
    let stamp = from.format("\"%d%m%y%H%M\"").to_string();
    lines.push(item("BS_AE_Subscriber.acIPUIRegistrationTimestamp[0]", &stamp));
    lines.push(reserve(0, A));
    file(version, &lines)
}

/// In a zone without summer time, so that no test depends on the day it runs.
const ZONE: Tz = chrono_tz::Asia::Kolkata;

fn local() -> DateTime<Tz> {
    Utc::now().with_timezone(&ZONE)
}

async fn settled(device: &Device) -> Snapshot {
    let settled = |snapshot: &Snapshot| snapshot.unsettled.is_empty();
    device.wait_until("the settle time", BOUND, settled).await.unwrap()
}

fn openings(device: &Device) -> Vec<bool> {
    device.windows().iter().map(|window| window.closed.is_none()).collect()
}

#[tokio::test]
async fn a_window_whose_time_is_over_when_its_file_comes_never_opens() {
    let server = FileServer::start(&window(1, local() - Span::hours(2), HOUR)).await;
    let device = builder(&server).account(1, "1013", "").start().await.unwrap();
    fetch(&device).await;
    let late = settled(&device).await;
    assert!(!late.window_open && late.pending == [A.parse().unwrap()], "reserved all the same");
    device.press(A.parse().unwrap()).unwrap();
    let refused = |event: &Event| matches!(event, Event::HandsetRefused { why: Refusal::WindowClosed, .. });
    device.wait_event("the refusal", BOUND, refused).await.unwrap();
    assert_eq!(openings(&device), [false; 0]);
    let client = Client::logged_in(device.addr()).await;
    client.post("/mobile_devices.html", "action=1&used_account=0").await;
    let editor = client.get("/mobile_devices_editor.html").await.text();
    assert!(editor.contains("name=\"deregister\""), "no sign of an open window");
}

#[tokio::test]
async fn a_file_that_ends_the_running_window_closes_it_and_one_that_moves_its_end_does_not() {
    let from = local() - Span::minutes(30);
    let server = FileServer::start(&window(1, from, HOUR)).await;
    let device = builder(&server).start().await.unwrap();
    fetch(&device).await;
    assert_eq!(openings(&device), [true]);
    for (version, duration_s) in [(2, 2 * HOUR), (3, HOUR)] {
        server.serve(&window(version, from, duration_s));
        fetch(&device).await;
        assert_eq!(openings(&device), [true], "the same window with another end");
    }
    server.serve(&window(4, from, 60));
    fetch(&device).await;
    assert_eq!(openings(&device), [false]);
    let set = |event: &Event| matches!(event, Event::WindowSet { .. });
    assert_eq!(device.journal().iter().filter(|entry| set(&entry.event)).count(), 4);
    server.serve(&window(5, from + Span::minutes(20), HOUR));
    fetch(&device).await;
    assert_eq!(openings(&device), [false, true], "another start is another opening");
}

#[tokio::test]
async fn an_always_open_window_is_closed_by_a_file_with_an_end() {
    let mut lines = open_for_all();
    lines.push(reserve(0, A));
    let server = FileServer::start(&file(1, &lines)).await;
    let device = builder(&server).start().await.unwrap();
    fetch(&device).await;
    assert_eq!(openings(&device), [true]);
    server.serve(&window(2, local() - Span::hours(2), HOUR));
    fetch(&device).await;
    assert_eq!(openings(&device), [false]);
    assert!(device.snapshot().window.is_set());
}

#[tokio::test]
async fn a_window_opens_by_the_devices_own_clock_however_wrong_that_is() {
    for offset_s in [HOUR, -HOUR, 24 * HOUR, 3652 * 24 * HOUR] {
        let shown = local() + Span::seconds(offset_s);
        let server = FileServer::start(&window(1, shown - Span::minutes(1), HOUR)).await;
        let device = builder(&server).clock_offset_s(offset_s).start().await.unwrap();
        fetch(&device).await;
        assert_eq!(openings(&device), [true], "{offset_s}");
        server.serve(&window(2, local() - Span::minutes(1), 1800));
        fetch(&device).await;
        assert_eq!(openings(&device), [false], "{offset_s}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_takes_the_window_along() {
    let server = FileServer::start(&window(1, local() + Span::minutes(30), HOUR)).await;
    let device = builder(&server).clock_offset_s(-HOUR).start().await.unwrap();
    fetch(&device).await;
    assert_eq!(openings(&device), [false; 0]);
    device.set_clock_offset(0);
    assert_eq!(openings(&device), [false; 0], "set right, and still too early");
    device.advance_clock(HOUR);
    assert_eq!(openings(&device), [true]);
    device.advance_clock(HOUR);
    assert_eq!(openings(&device), [false]);
    device.advance_clock(-HOUR);
    assert_eq!(openings(&device), [false, true]);
    let jumps = |event: &Event| matches!(event, Event::ClockSet { .. });
    assert_eq!(device.journal().iter().filter(|entry| jumps(&entry.event)).count(), 4);
}

#[tokio::test]
async fn a_device_that_takes_the_timestamp_as_utc_opens_by_it() {
    let utc = Utc::now().with_timezone(&chrono_tz::UTC);
    let server = FileServer::start(&window(1, utc - Span::minutes(1), 600)).await;
    let by_utc = builder(&server).window_in_utc(true).start().await.unwrap();
    let by_local_time = builder(&server).start().await.unwrap();
    for device in [&by_utc, &by_local_time] {
        fetch(device).await;
    }
    assert_eq!(openings(&by_utc), [true]);
    assert_eq!(openings(&by_local_time), [false; 0], "five hours ago");
}

#[tokio::test]
async fn who_comes_after_the_window_is_turned_away_and_let_in_by_the_next() {
    let server = FileServer::start(&window(1, local(), HOUR)).await;
    let device = builder(&server).start().await.unwrap();
    let late = "02 9E 74 A5 99".parse().unwrap();
    device.add_handset(Handset::new(late));
    device.reserve(2, Some(late)).unwrap();
    fetch(&device).await;
    settled(&device).await;
    device.press(A.parse().unwrap()).unwrap();
    device.advance_clock(2 * HOUR);
    device.press(late).unwrap();
    let refused = |event: &Event| matches!(event, Event::HandsetRefused { ipui, why: Refusal::WindowClosed } if *ipui == late);
    device.wait_event("the refusal", BOUND, refused).await.unwrap();
    server.serve(&window(2, local() + Span::hours(2), HOUR));
    fetch(&device).await;
    let came_in: Vec<_> = device.windows().into_iter().map(|window| window.came_in).collect();
    assert_eq!(came_in, [vec![(1, A.parse().unwrap())], vec![(2, late)]]);
}
