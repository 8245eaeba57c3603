//! Registration windows that close before everybody is in: who is told, when, and what is done about it.

use n720_sim::{Device, Fault};
use serde_json::{Value, json};

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Settings, alert, manager, registrations, time};

/// Numbers and names of the handsets that an alert is about.
fn named(alert: &Value) -> Vec<(u64, &str)> {
    let handsets = alert["handsets"].as_array().unwrap().iter();
    handsets.map(|one| (one["number"].as_u64().unwrap(), one["display_name"].as_str().unwrap())).collect()
}

async fn three_of_whom_one_comes(lab: &Lab, window: &'static str, reopen: u8) -> Device {
    let around = [RECEPTION, WORKSHOP, STORE].map(handset);
    let builder = around.into_iter().fold(manager("7C2F80CA21E4"), |manager, one| manager.handset(one));
    let device = builder.start().await.unwrap();
    let site = two_handsets(&device).slot(3, STORE, "1015", "Store").with(|site| {
        site.window = Some(window);
        site.reopen = reopen;
    });
    lab.site("acme", &site);
    device
}

fn short_windows() -> Settings {
    Settings { before_close: "['6s']", ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_without_two_is_told_opened_again_and_filled() {
    let lab = Lab::with(short_windows()).await;
    let device = three_of_whom_one_comes(&lab, "12s", 1).await;
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();

    let closing = lab.hook.hears("a warning", |told| told.alert("window-closing").is_some()).await;
    assert_eq!(closing.body["version"], 1);
    assert_eq!(closing.body["labels"], json!({"customer": "acme"}));
    let alert = closing.alert("window-closing").unwrap();
    assert_eq!(named(alert), [(2, "Workshop"), (3, "Store")]);
    let instruction = alert["handsets"][0]["instruction"].as_str().unwrap();
    assert!(
        instruction.contains("switch the handset on") && instruction.contains("type the PIN 0000"),
        "{instruction}"
    );

    let expired = lab.hook.hears("the end", |told| told.alert("window-expired-unfilled").is_some()).await;
    let alert = expired.alert("window-expired-unfilled").unwrap();
    assert_eq!(named(alert), [(2, "Workshop"), (3, "Store")]);
    assert_eq!((&alert["severity"], &alert["state"]), (&json!("critical"), &json!("firing")));
    assert_eq!(alert["handsets"][1]["user"], "1015");
    assert_eq!(alert["handsets"][1]["ipui"], STORE);

    device.wait_until("the second window", BOUND, |seen| seen.window_open).await.unwrap();
    for late in [WORKSHOP, STORE] {
        device.press(late.parse().unwrap()).unwrap();
    }
    let status = lab.converged("acme").await;
    assert_eq!(status["window"]["reopened"], 1);
    assert!(registrations(&status).values().all(|registration| *registration == "registered"));
    let resolved = lab.hook.hears("the all-clear", |told| {
        told.alert("window-expired-unfilled").is_some_and(|alert| alert["state"] == "resolved")
    });
    resolved.await;
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(device.applied().len(), 2, "one file a window");
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_a_closed_window_stays_closed_and_says_so() {
    let lab = Lab::with(short_windows()).await;
    let device = three_of_whom_one_comes(&lab, "12s", 0).await;
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    lab.hook.hears("the end", |told| told.alert("window-expired-unfilled").is_some()).await;
    let status = lab.readings("acme", 2).await;
    assert_eq!(status["window"]["state"], "closed");
    let expected = [(1, "registered"), (2, "expired"), (3, "expired")];
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), expected);
    assert!(alert(&status, "window-closing").is_none(), "it has closed");
    let ran = lab.n720d(&["status", "acme"]).await;
    assert_eq!(ran.code, 3, "a person is needed: {ran:?}");
    assert!(ran.out.contains("Workshop") && ran.out.contains("window-expired-unfilled"), "{}", ran.out);
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(device.applied().len(), 1, "nothing was opened again");
    left_in_order(&device);
}

/// The manager cannot be read any more before its window closes: people are told at the end all the same, by what was
/// seen last. Meanwhile somebody did come in.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_out_of_sight_is_told_by_what_was_seen_last() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let device = three_of_whom_one_comes(&lab, "20s", 0).await;
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    let one_of_three = |status: &Value| {
        let all: Vec<_> = registrations(status).into_values().collect();
        all == ["registered", "pending", "pending"]
    };
    let status = lab.until("acme", "one of three", one_of_three).await;
    let ends = time(status["window"]["closes_at"].as_str().unwrap());
    device.set_fault(Fault::Refuse);
    device.press(WORKSHOP.parse().unwrap()).unwrap();

    let expired = lab.hook.tells("acme/window-expired-unfilled", &["as last read at"]).await;
    assert!(time(expired["since"].as_str().unwrap()) >= ends, "not before it is too late: {expired:#}");
    assert_eq!(named(&expired), [(2, "Workshop"), (3, "Store")]);
    let seen = &expired["handsets"][0];
    assert_eq!(seen["registration"], "pending");
    assert!(seen["evidence"].as_str().unwrap().contains("listed as pending"), "{expired:#}");
    assert!(time(seen["evidence_at"].as_str().unwrap()) < ends, "{expired:#}");
    let status = lab.fires("acme", "unreachable").await;
    assert!(alert(&status, "window-expired-unfilled").is_some(), "{status:#}");
    let sheet = lab.n720d(&["handoff", "acme"]).await;
    assert!(sheet.out.contains("could not be read since"), "{}", sheet.out);

    device.clear_faults();
    lab.n720d(&["poll", "acme"]).await;
    let expired = lab.hook.tells("acme/window-expired-unfilled", &["1 handset is not registered"]).await;
    assert_eq!(named(&expired), [(3, "Store")], "the other one came in unseen");
    let all = [(1, "registered"), (2, "registered"), (3, "expired")];
    let status = lab.status("acme").await;
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), all);
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    left_in_order(&device);
}
