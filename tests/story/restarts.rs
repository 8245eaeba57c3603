//! Killed in the middle of each stage and started again: the same end, nothing done twice, nobody told twice.

use n720_sim::{Device, DeviceBuilder, Event, Fault};

use super::fills::{RECEPTION, WORKSHOP, handset, two_handsets};
use crate::support::{BOUND, Lab, Settings, alert, eventually, forgetful, manager, registrations};

fn with_handsets() -> DeviceBuilder {
    let device = manager("7C2F80CA21E4").account(9, "1099", "By hand");
    forgetful(device).handset(handset(RECEPTION)).handset(handset(WORKSHOP))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_stage_leads_to_the_same_end() {
    // Side by side, because most of it is waiting.
    tokio::join!(
        killed_before_anything_was_released(),
        killed_between_release_and_fetch(),
        killed_while_the_manager_fetches(),
        killed_while_the_release_settles(),
        killed_while_the_window_is_open(),
        killed_for_as_long_as_the_window_is_open(),
        killed_after_the_window_closed_before_and_after_the_alert_arrived(),
    );
}

async fn in_the_end_all_are_in(lab: &Lab, device: &Device) {
    device
        .wait_until("the window", BOUND, |seen| seen.window_open && seen.unsettled.is_empty())
        .await
        .unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    lab.converged("acme").await;
    assert_eq!(device.applied().len(), 1, "applied once");
    assert_eq!(device.deregistrations(), []);
    lab.hook.repeats_nothing();
}

async fn history_tells(lab: &Lab, what: &str) {
    eventually(what, async || {
        let page = lab.get("/api/v1/sites/acme/history").await;
        page.body.contains(&format!("\"what\":\"{what}\"")).then_some(())
    })
    .await;
}

async fn killed_before_anything_was_released() {
    let lab = Lab::new().await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    lab.until("acme", "the first reading", |status| status["observed_at"].is_string()).await;
    daemon.kill_logged_in(&[&device]).await;
    assert_eq!(device.applied(), []);
    let daemon = lab.start().await;
    in_the_end_all_are_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// The order to fetch never reached the manager: it is given again once that is known, and not before its time.
async fn killed_between_release_and_fetch() {
    let lab = Lab::new().await;
    let device = with_handsets().start().await.unwrap();
    let deaf = device.set_fault(Fault::Hang { after: 0 }.on("/settings_management_miscellaneous.html"));
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    history_tells(&lab, "release").await;
    daemon.kill_logged_in(&[&device]).await;
    device.clear_fault(deaf);
    let daemon = lab.start().await;
    in_the_end_all_are_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

async fn killed_while_the_manager_fetches() {
    let lab = Lab::new().await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device.wait_event("the fetch", BOUND, |event| matches!(event, Event::FetchStarted { .. })).await.unwrap();
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    in_the_end_all_are_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

async fn killed_while_the_release_settles() {
    let lab = Lab::new().await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    lab.until("acme", "the fetch", |status| status["generation"]["fetched"].is_string()).await;
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    in_the_end_all_are_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

async fn killed_while_the_window_is_open() {
    let lab = Lab::new().await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    lab.until("acme", "the verdict", |status| status["generation"]["verified"].is_string()).await;
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    in_the_end_all_are_in(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Nobody looks while the window is open: the first look after it finds out who came in, and tells who did not.
async fn killed_for_as_long_as_the_window_is_open() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.window = Some("12s")));
    let daemon = lab.start().await;
    device.wait_event("the file", BOUND, |event| matches!(event, Event::FileApplied { .. })).await.unwrap();
    daemon.kill_logged_in(&[&device]).await;
    device.press(RECEPTION.parse().unwrap()).unwrap();
    device.wait_event("the end", BOUND, |event| *event == Event::WindowClosed {}).await.unwrap();
    assert_eq!(device.windows()[0].came_in.len(), 1);
    assert!(lab.hook.told().iter().all(|told| told.alert("window-expired-unfilled").is_none()));

    let daemon = lab.start().await;
    let expired = lab.hook.tells("acme/window-expired-unfilled", &["slot 2 Workshop (1014)"]).await;
    assert_eq!(expired["handsets"].as_array().unwrap().len(), 1, "{expired:#}");
    let status = lab.readings("acme", 1).await;
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), [(1, "registered"), (2, "expired")]);
    let ledger = lab.n720d(&["history", "acme", "--windows", "--json"]).await.json();
    assert_eq!(ledger["windows"][0]["missing_at_end"], serde_json::json!([2]), "{ledger:#}");
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
}

/// Killed with the alert on its way: the next daemon sends the very same notification. Killed once more when it has
/// arrived: the next one sends nothing.
async fn killed_after_the_window_closed_before_and_after_the_alert_arrived() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let device = with_handsets().start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.window = Some("12s")));
    lab.hook.hold();
    let daemon = lab.start().await;
    eventually("a delivery", async || (lab.hook.deliveries() > 0).then_some(())).await;
    daemon.kill_logged_in(&[&device]).await;
    lab.hook.answer();
    assert_eq!(lab.hook.deliveries(), 1);

    let daemon = lab.start().await;
    eventually("the delivery again", async || (lab.hook.deliveries() > 1).then_some(())).await;
    assert_eq!(lab.hook.told().len(), 1, "the same notification");
    let told = lab.hook.told();
    assert!(told[0].alert("window-expired-unfilled").is_some(), "{told:?}");
    // Killed before it is recorded, it would be sent once more, with the same id.
    eventually("its record", async || {
        let history = lab.n720d(&["history", "acme"]).await.out;
        history.contains("(first").then_some(())
    })
    .await;
    daemon.kill_logged_in(&[&device]).await;

    let daemon = lab.start().await;
    let status = lab.readings("acme", 2).await;
    assert!(alert(&status, "window-expired-unfilled").is_some(), "it still fires");
    assert_eq!((lab.hook.deliveries(), lab.hook.told().len()), (2, 1), "and nobody is told again");
    assert_eq!(device.applied().len(), 1);
    assert_eq!(device.deregistrations(), []);
    assert_eq!(daemon.terminate().await.0, 0);
}
