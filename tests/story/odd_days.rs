//! Days on which things happen at the wrong moment: reboots, wrong clocks, people who come in between, files that change.

use n720_sim::{Device, Event, Fault, PinKnowledge, SessionEnd};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Site, alert, between_readings, manager, registrations, warnings};

async fn both_are_switched_on(device: &Device) {
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
}

/// An hour ahead: the window goes by the device's clock, and that the clock is wrong is told.
async fn a_clock_that_is_an_hour_fast() {
    let lab = Lab::new().await;
    let builder = manager("7C2F80CA21E4").clock_offset_s(3_600);
    let device = builder.handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    both_are_switched_on(&device).await;
    let status = lab.converged("acme").await;
    assert_eq!(warnings(&status), ["clock-skew"]);
    assert!(alert(&status, "clock-skew").unwrap()["summary"].as_str().unwrap().contains("1 h fast"));
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

/// It goes down while the release settles, and is back before anybody had to be told.
async fn a_reboot_while_a_release_settles() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device.wait_event("the file", BOUND, |event| matches!(event, Event::FileApplied { .. })).await.unwrap();
    device.reboot();
    device.wait_event("the reboot", BOUND, |event| matches!(event, Event::CameBack {})).await.unwrap();
    both_are_switched_on(&device).await;
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1, "it is not pushed again");
    assert_eq!(device.deregistrations(), []);
}

/// A person takes the session over in the middle of a reading: n720d yields, and reads later.
async fn a_person_comes_in_the_middle_of_a_reading() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    let slow = device.set_fault(Fault::Slow { delay_ms: 400 });
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device
        .wait_event("a session", BOUND, |event| matches!(event, Event::SessionOpened { .. }))
        .await
        .unwrap();
    let person = device.set_fault(Fault::PersonLoggedIn);
    lab.until("acme", "the trouble", |status| {
        status["health"] == "unreachable" || status["health"] == "unknown"
    })
    .await;
    assert!(device.snapshot().person);
    device.clear_fault(person);
    device.clear_fault(slow);
    both_are_switched_on(&device).await;
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    let ours = device
        .journal()
        .into_iter()
        .filter(|entry| matches!(entry.event, Event::SessionClosed { how: SessionEnd::TakenOver, .. }));
    assert!(ours.count() <= 1, "only the person took a session over");
}

/// Nobody tells the manager: it comes for its file when it likes.
async fn a_manager_that_is_not_told_comes_by_itself() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.trigger = "none"));
    let daemon = lab.start().await;
    let status =
        lab.until("acme", "the release", |status| status["generation"]["released"].is_string()).await;
    assert_eq!(status["generation"]["fetched"], serde_json::Value::Null);
    device.wait_until("where to fetch", BOUND, |seen| seen.configfile_url.contains("/p/")).await.unwrap();
    device.fetch().unwrap();
    both_are_switched_on(&device).await;
    lab.converged("acme").await;
    // And once more the next day: the same VERSION, nothing happens.
    device.fetch().unwrap();
    device
        .wait_event("the daily fetch", BOUND, |event| matches!(event, Event::FileIgnored { .. }))
        .await
        .unwrap();
    lab.readings("acme", 1).await;
    assert_eq!(lab.converged("acme").await["plan"]["steps"], serde_json::json!([]));
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

/// A handset that was used before asks for the PIN; a slot is added while the window is open.
async fn a_used_handset_and_a_late_slot() {
    let lab = Lab::new().await;
    let used = handset(RECEPTION).used(PinKnowledge::Types("0000".to_owned()));
    let device = manager("7C2F80CA21E4").handset(used).handset(handset(WORKSHOP)).start().await.unwrap();
    let one = Site::of(&device).slot(1, RECEPTION, "1013", "Reception");
    lab.site("acme", &one);
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    lab.converged("acme").await;
    lab.site("acme", &one.slot(2, WORKSHOP, "1014", "Workshop"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    device.wait_until("the second", BOUND, |seen| seen.pending.len() == 1 && seen.window_open).await.unwrap();
    device.press(WORKSHOP.parse().unwrap()).unwrap();
    let status =
        lab.until("acme", "both", |status| registrations(status).get(&2) == Some(&"registered")).await;
    assert_eq!(registrations(&status)[&1], "registered");
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 2);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_days_end_well() {
    // Side by side, because most of it is waiting.
    tokio::join!(
        a_clock_that_is_an_hour_fast(),
        a_reboot_while_a_release_settles(),
        a_person_comes_in_the_middle_of_a_reading(),
        a_manager_that_is_not_told_comes_by_itself(),
        a_used_handset_and_a_late_slot(),
    );
}

/// Whoever breaks off a command must not lock everybody out for ten minutes.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_broken_off_logs_out() {
    for (command, code) in [("observe", 130), ("plan", 130), ("apply", 130), ("observe", 143)] {
        let lab = Lab::new().await;
        let device = manager("7C2F80CA21E4").account(1, "1013", "Reception").start().await.unwrap();
        device.set_fault(Fault::Slow { delay_ms: 700 });
        lab.site("acme", &two_handsets(&device));
        let mut under_way = lab.begin(&[command, "acme"], &[]);
        device
            .wait_event("a session", BOUND, |event| matches!(event, Event::SessionOpened { .. }))
            .await
            .unwrap();
        if code == 130 {
            under_way.interrupt();
        } else {
            under_way.tell_to_leave();
        }
        assert_eq!(under_way.ended().await, code, "{command}: {}", under_way.log());
        device.wait_until("the end of the session", BOUND, |seen| seen.session.is_none()).await.unwrap();
        left_in_order(&device);
    }
}

/// A handset that works is taken out by hand: that is told with what to do, and nobody else is disturbed.
#[tokio::test(flavor = "multi_thread")]
async fn a_handset_that_is_lost_is_told() {
    let lab = Lab::new().await;
    let builder = manager("7C2F80CA21E4").account(1, "1013", "Reception").account(2, "1014", "Workshop");
    let builder = builder.registered(1, handset(RECEPTION)).registered(2, handset(WORKSHOP));
    let device = builder.start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.window = None));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    between_readings(&device).await;
    device.deregister(2).unwrap();
    let told = lab.hook.hears("the loss", |told| told.alert("handset-lost").is_some()).await;
    let alert = told.alert("handset-lost").unwrap();
    assert_eq!((&alert["severity"], &alert["handsets"][0]["number"]), (&"critical".into(), &2.into()));
    assert!(alert["handsets"][0]["instruction"].as_str().unwrap().contains("by hand"), "{alert}");
    let status = lab.readings("acme", 1).await;
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), [(1, "registered"), (2, "lost")]);
    between_readings(&device).await;
    device.register_by_hand(2, &handset(WORKSHOP)).unwrap();
    lab.converged("acme").await;
    lab.hook.hears("the all-clear", |told| told.reason == "resolved").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.deregistrations().len(), 1, "the one by hand");
}

/// The manager is busy with its firmware when it is told to fetch, and later is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_is_busy_is_told_again() {
    let lab = Lab::new().await;
    let builder = manager("7C2F80CA21E4").account(9, "9", "Nine");
    let device = builder.handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    let busy = device.set_fault(Fault::ProfileState { state: 103, http: 0 }.on("/profile_update_ajax.js"));
    let deaf = device.set_fault(Fault::IgnoreTriggers);
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    lab.until("acme", "the release", |status| status["generation"]["released"].is_string()).await;
    lab.readings("acme", 1).await;
    device.clear_fault(busy);
    device.clear_fault(deaf);
    both_are_switched_on(&device).await;
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}
