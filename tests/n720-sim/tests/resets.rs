//! Devices that forget: a factory reset, another device at the same address, a download cut off by a reboot.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use common::{BOUND, Client, FileServer, MAC, fetch, file, item, open_for_all, reserve};
use n720_sim::{Deregistration, Device, DeviceBuilder, Event, Fault, Handset, Ipui, Keep, PinRule, Timing};
use std::collections::BTreeMap;

const A: &str = "02 B6 EC 8A A5";
const B: &str = "02 9E 74 A5 99";
const OTHER_MAC: &str = "7C2F80D00001";

fn ipui(text: &str) -> Ipui {
    text.parse().unwrap()
}

/// A device in service: a file has been applied, two handsets are in, one is pending, the password is changed.
async fn in_service(server: &FileServer) -> Device {
    let mut lines = open_for_all();
    lines.push(reserve(2, "02 00 00 00 03"));
    lines.push(item("BS_VOIP_Data.astVoipProviders[0].aucSIP_SERVER[0]", "\"sip.example.com\""));
    server.serve(&file(1, &lines));
    let device = DeviceBuilder::new(MAC)
        .unwrap()
        .timing(Timing::brisk())
        .configfile_url(&server.url())
        .password("Neu2026")
        .language(2)
        .digest("user", "word")
        .account(1, "1013", "Reception")
        .registered(1, Handset::new(ipui(A)))
        .account(2, "1014", "Workshop")
        .registered(2, Handset::new(ipui(B)))
        .start()
        .await
        .unwrap();
    fetch(&device).await;
    device.wait_until("pending", BOUND, |seen| seen.pending.len() == 1).await.unwrap();
    device
}

async fn back(device: &Device) {
    device.wait_event("its return", BOUND, |event| *event == Event::CameBack {}).await.unwrap();
}

/// What happened to the device as a whole, in order.
fn course(device: &Device) -> Vec<Event> {
    let whole = |event: &Event| {
        matches!(
            event,
            Event::RebootAnnounced {}
                | Event::WentDown {}
                | Event::FactoryReset {}
                | Event::Replaced { .. }
                | Event::CameBack {}
        )
    };
    device.journal().into_iter().map(|entry| entry.event).filter(whole).collect()
}

#[tokio::test]
async fn a_factory_reset_leaves_nothing_but_the_mac() {
    let server = FileServer::start("").await;
    let device = in_service(&server).await;
    device.factory_reset(&[]);
    back(&device).await;
    let announced = [Event::RebootAnnounced {}, Event::WentDown {}, Event::FactoryReset {}];
    assert_eq!(course(&device), [&announced[..], &[Event::CameBack {}]].concat());
    let why = Deregistration::FactoryReset;
    assert_eq!(device.deregistrations(), [(1, ipui(A), why), (2, ipui(B), why)]);
    let seen = device.snapshot();
    assert_eq!(seen.mac.to_string(), MAC);
    assert_eq!((seen.slots, seen.pending, seen.version), (BTreeMap::new(), vec![], None));
    assert!(!seen.window.is_set() && !seen.window_open);
    let PinRule { random, defined_pin, .. } = seen.pin;
    assert_eq!((random, defined_pin.as_str()), (true, "0000"));
    assert_eq!((seen.configfile_url.as_str(), seen.language), ("", 1));
    assert_eq!(seen.settings["http_digest_username"], "");
    assert!(seen.shows.starts_with("2000-01-01 00:00:"), "{}", seen.shows);
    assert_eq!(device.windows().len(), 1);
    assert!(device.windows()[0].closed.is_some());

    let client = Client::logged_in(device.addr()).await;
    let page = client.get("/mobile_devices.html").await.text();
    assert!(!page.contains("id=\"un0\"") && page.contains("name=\"radio_regist_pin\" value=\"1\" checked"));
    let status = client.get("/status_device.html").await.text();
    assert!(status.contains("<span id=\"date\">01.01.2000</span>"));
    assert!(device.fetch().is_err(), "it knows no address");
    assert_eq!(device.add_account("1", "").unwrap(), 1);
}

#[tokio::test]
async fn what_is_to_be_kept_is_there_again() {
    let server = FileServer::start("").await;
    let device = in_service(&server).await;
    let before = device.snapshot();
    device.factory_reset(&Keep::ALL);
    back(&device).await;
    let seen = device.snapshot();
    assert!(seen.slots.is_empty());
    assert_eq!((&seen.configfile_url, seen.language), (&before.configfile_url, 2));
    assert!(!seen.shows.starts_with("2000"), "{}", seen.shows);
    let mut client = Client::new(device.addr());
    assert_eq!(client.login("Neu2026", "2", "0").await.status, 303);
    fetch(&device).await;
    assert_eq!(device.applied(), [Some(1), Some(1)], "the VERSION was forgotten too");
}

#[tokio::test]
async fn a_replaced_device_has_another_mac_at_the_same_address() {
    let server = FileServer::start("").await;
    let device = in_service(&server).await;
    let (addr, from) = (device.addr(), device.mac());
    let to = OTHER_MAC.parse().unwrap();
    device.replace(to, &[Keep::ConfigfileUrl]);
    back(&device).await;
    assert_eq!(course(&device), [Event::WentDown {}, Event::Replaced { from, to }, Event::CameBack {}]);
    let why = Deregistration::Replaced;
    assert_eq!(device.deregistrations(), [(1, ipui(A), why), (2, ipui(B), why)]);
    assert_eq!((device.mac(), device.snapshot().mac), (to, to));
    let status = Client::logged_in(addr).await.get("/status_device.html").await.text();
    assert!(status.contains("7C:2F:80:D0:00:01") && !status.contains("7C:2F:80:CA:21:E4"));
    device.fetch().unwrap();
    let ignored = |event: &Event| matches!(event, Event::FileIgnored { .. });
    device.wait_event("another's file", BOUND, ignored).await.unwrap();
    let asked = server.requests.lock().unwrap().last().cloned().unwrap();
    assert!(asked.starts_with(&format!("GET /p/{OTHER_MAC}.xml")) && asked.contains(";7C2F80D00001\r\n"));
}

#[tokio::test]
async fn a_reset_of_a_device_that_is_down_is_done_at_once() {
    let server = FileServer::start("").await;
    let device = in_service(&server).await;
    device.reboot();
    device.wait_event("down", BOUND, |event| *event == Event::WentDown {}).await.unwrap();
    device.factory_reset(&[]);
    back(&device).await;
    assert!(device.snapshot().slots.is_empty());
    let resets = course(&device).into_iter().filter(|event| *event == Event::FactoryReset {});
    assert_eq!(resets.count(), 1);
}

#[tokio::test]
async fn a_person_who_is_logged_in_during_a_reset_is_still_the_only_one_afterwards() {
    let server = FileServer::start("").await;
    let device = in_service(&server).await;
    let person = device.set_fault(Fault::PersonLoggedIn);
    device.factory_reset(&[]);
    back(&device).await;
    assert_eq!(Client::new(device.addr()).login("admin", "1", "0").await.status, 200, "refused");
    assert!(device.snapshot().person);
    device.clear_fault(person);
    Client::logged_in(device.addr()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_under_way_when_the_device_goes_down_has_no_effect() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let body = file(1, &[reserve(0, A)]);
    let slow = FileServer::answering(&body, move |_, file| {
        // Ends when the test drops its side, too.
        let _released = tokio::task::block_in_place(|| held.lock().unwrap().recv());
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{file}", file.len())
    });
    let slow = slow.await;
    let device = DeviceBuilder::new(MAC).unwrap().timing(Timing::brisk()).configfile_url(&slow.url()).start();
    let device = device.await.unwrap();
    device.fetch().unwrap();
    device.reboot();
    back(&device).await;
    release.send(()).unwrap();
    let lost =
        |event: &Event| matches!(event, Event::FetchFailed { why, .. } if why == "the device went down");
    device.wait_event("the end of the download", BOUND, lost).await.unwrap();
    assert_eq!(device.applied(), [None; 0]);
    assert!(!device.snapshot().fetching);
}
