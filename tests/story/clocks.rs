//! Managers whose clock is wrong, or is set on the way: a window opens and closes when the operator meant, by a right
//! clock, and people are told at the right time.

use chrono::{DateTime, TimeDelta, Utc};
use n720_sim::{Device, DeviceBuilder, Ipui};
use serde_json::Value;

use super::fills::{handset, left_in_order};
use crate::support::{
    BOUND, Lab, OVER_A_MINUTE, Settings, Site, Told, alert, coming_minute, manager, registrations, time,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const TEN_YEARS: i64 = 3_652 * DAY;

/// What is told a moment later than it became true, on a busy machine.
const LATE: i64 = 30;

/// What a manager does a moment later than its clock says, on a machine that is busy with other managers.
const BUSY: i64 = 10;

/// The site file says so of every window here.
const LENGTH: i64 = 30;
const WARNING: i64 = 24;

/// Most of these stories is waiting, and needs no looks meanwhile but those that a window brings. The windows of six sites close
/// at the same time, and each is told by itself.
fn looking_every(interval: &'static str) -> Settings {
    Settings { interval, before_close: "['24s']", alerts: "storm = 100", ..Settings::default() }
}

/// The handset of a slot of one of the sites.
fn ipui(site: u8, slot: u8) -> String {
    format!("02 {site:02X} 00 00 {slot:02X}")
}

/// A manager whose clock is so far ahead, with two handsets around it.
fn ahead(site: u8, offset_s: i64) -> DeviceBuilder {
    let builder = manager(&format!("7C2F800000{site:02X}")).clock_offset_s(offset_s);
    builder.handset(handset(&ipui(site, 1))).handset(handset(&ipui(site, 2)))
}

/// Its site, with a window of 30 seconds.
fn site_of(site: u8, device: &Device) -> Site {
    let file = Site::of(device).slot(1, &ipui(site, 1), "1013", "Reception");
    file.slot(2, &ipui(site, 2), "1014", "Workshop").with(|file| file.window = Some("30s"))
}

fn press(device: &Device, site: u8, slot: u8) {
    device.press(ipui(site, slot).parse().unwrap()).unwrap();
}

/// Fails unless `at` is the moment that is `seconds` after `minute`, or a little later.
fn is_after(at: DateTime<Utc>, minute: DateTime<Utc>, seconds: i64, late: i64, what: &str) {
    let due = minute + TimeDelta::seconds(seconds);
    assert!(due <= at && at <= due + TimeDelta::seconds(late), "{what}: {at}, due {due}");
}

/// Waits until its window is written, for this minute by a right clock.
async fn is_scheduled(lab: &Lab, name: &str, minute: DateTime<Utc>) -> Value {
    let scheduled = |status: &Value| {
        let window = &status["window"];
        status["generation"]["verified"].is_string()
            && window["state"] == "scheduled"
            && window["opens_at"].as_str().map(time) == Some(minute)
    };
    lab.until(name, "the window to be written", scheduled).await
}

/// Fails unless the only window of this manager was open from that minute on for its whole length.
fn opened_once(device: &Device, minute: DateTime<Utc>, came_in: &[(u8, Ipui)]) {
    let windows = device.windows();
    assert_eq!(windows.len(), 1, "{}: {windows:#?}", device.name());
    is_after(time(&windows[0].opened), minute, 0, BUSY, device.name());
    assert_eq!(windows[0].came_in, came_in, "{}", device.name());
    if let Some(closed) = &windows[0].closed {
        is_after(time(closed), minute, LENGTH, BUSY, device.name());
    }
}

/// One of two comes in; of the other one people are told before the window closes and when it has closed.
async fn opens_when_meant(lab: &Lab, name: &str, site: u8, device: &Device, minute: DateTime<Utc>) {
    let status = is_scheduled(lab, name, minute).await;
    let skew = status["clock_skew_seconds"].as_i64().unwrap();
    assert_eq!(alert(&status, "clock-skew").is_some(), skew != 0, "{status:#}");
    device.wait_until("the window", OVER_A_MINUTE, |seen| seen.window_open).await.unwrap();
    press(device, site, 1);
    let hears = async |kind: &'static str| -> Value {
        let fires = |told: &Told| {
            told.body["site"] == *name && told.alert(kind).is_some_and(|alert| alert["state"] == "firing")
        };
        lab.hook.hears(kind, fires).await.alert(kind).unwrap().clone()
    };
    let closing = hears("window-closing").await;
    let expired = hears("window-expired-unfilled").await;
    for (alert, due) in [(&closing, LENGTH - WARNING), (&expired, LENGTH)] {
        is_after(time(alert["since"].as_str().unwrap()), minute, due, LATE, &alert["id"].to_string());
        let missing: Vec<_> =
            alert["handsets"].as_array().unwrap().iter().map(|one| &one["number"]).collect();
        assert_eq!(missing, [2], "{name}: {alert:#}");
    }
    device.wait_until("the end", BOUND, |seen| !seen.window_open).await.unwrap();
    opened_once(device, minute, &[(1, ipui(site, 1).parse().unwrap())]);
    assert_eq!(device.applied().len(), 1, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_opens_and_closes_when_meant_however_wrong_the_clock_is() {
    let lab = Lab::with(looking_every("20s")).await;
    let fast = ahead(1, HOUR).start().await.unwrap();
    let slow = ahead(2, -DAY).start().await.unwrap();
    let never_set = ahead(3, -TEN_YEARS).start().await.unwrap();
    let far_ahead = ahead(4, TEN_YEARS).start().await.unwrap();
    let by_utc = ahead(5, 0).window_in_utc(true).start().await.unwrap();
    let slow_by_utc = ahead(6, -DAY).window_in_utc(true).start().await.unwrap();
    let minute = coming_minute();
    let sites = ["fast", "slow", "never-set", "far-ahead", "by-utc", "slow-by-utc"];
    let devices = [&fast, &slow, &never_set, &far_ahead, &by_utc, &slow_by_utc];
    for ((number, name), device) in (1..).zip(sites).zip(devices) {
        let file = site_of(number, device).starts(minute);
        let utc = name.ends_with("utc");
        lab.site(name, &if utc { file.manager("window_clock = 'utc'") } else { file });
    }
    let daemon = lab.start().await;
    let story = |number: u8| {
        let index = usize::from(number - 1);
        opens_when_meant(&lab, sites[index], number, devices[index], minute)
    };
    tokio::join!(story(1), story(2), story(3), story(4), story(5), story(6));
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    devices.into_iter().for_each(left_in_order);
}

/// The clock is set once the window is written: it is written again, for the same moment, and opens then and only then.
async fn is_written_again(lab: &Lab, name: &str, site: u8, device: &Device, to: i64, minute: DateTime<Utc>) {
    is_scheduled(lab, name, minute).await;
    device.set_clock_offset(to);
    device.wait_until("the second file", BOUND, |_| device.applied().len() == 2).await.unwrap();
    is_scheduled(lab, name, minute).await;
    device.wait_until("the window", OVER_A_MINUTE, |seen| seen.window_open).await.unwrap();
    press(device, site, 1);
    press(device, site, 2);
    lab.converged(name).await;
    device.wait_until("the end", BOUND, |seen| !seen.window_open).await.unwrap();
    opened_once(device, minute, &[1, 2].map(|slot| (slot, ipui(site, slot).parse().unwrap())));
    assert_eq!(device.applied().len(), 2, "{name}");
    let about = |told: &Told| told.body["site"] == *name && told.alert("window-expired-unfilled").is_some();
    assert!(!lab.hook.told().iter().any(about), "{name}: nobody missed it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_written_again_when_the_clock_is_set_before_it_opens() {
    let lab = Lab::with(looking_every("4s")).await;
    let set_right = ahead(1, -HOUR).start().await.unwrap();
    let set_back = ahead(2, HOUR).start().await.unwrap();
    let set_wrong = ahead(3, 0).start().await.unwrap();
    let minute = coming_minute();
    let cases = [("set-right", &set_right, 0), ("set-back", &set_back, 0), ("set-wrong", &set_wrong, DAY)];
    for (number, (name, device, _)) in (1..).zip(cases) {
        lab.site(name, &site_of(number, device).starts(minute));
    }
    let daemon = lab.start().await;
    let story = |number: u8| {
        let (name, device, to) = cases[usize::from(number - 1)];
        is_written_again(&lab, name, number, device, to, minute)
    };
    tokio::join!(story(1), story(2), story(3));
    assert_eq!(daemon.terminate().await.0, 0);
    cases.into_iter().for_each(|(_, device, _)| left_in_order(device));
}

/// The clock jumps over the end of a window that is open: it is opened again for the rest of its time, and that is not
/// one of its reopenings.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_a_jump_of_the_clock_closes_is_opened_again() {
    let lab = Lab::with(looking_every("4s")).await;
    let device = ahead(1, 0).start().await.unwrap();
    lab.site("acme", &site_of(1, &device).with(|file| file.window = Some("5m")));
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    press(&device, 1, 1);
    lab.until("acme", "one of two", |status| registrations(status).get(&1) == Some(&"registered")).await;
    device.advance_clock(HOUR);
    device.wait_until("its end", BOUND, |seen| !seen.window_open).await.unwrap();
    device.wait_until("the window again", BOUND, |seen| seen.window_open).await.unwrap();
    press(&device, 1, 2);
    let status = lab.converged("acme").await;
    assert_eq!(status["window"]["reopened"], 0);
    assert_eq!(daemon.terminate().await.0, 0);
    let came_in: Vec<_> = device.windows().into_iter().map(|window| window.came_in).collect();
    assert_eq!(came_in, [1, 2].map(|slot| vec![(slot, ipui(1, slot).parse().unwrap())]));
    assert_eq!(device.applied().len(), 2);
    left_in_order(&device);
}
