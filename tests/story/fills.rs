//! The main job on a manager that nobody ever set up: from a site file to registered handsets.

use n720_sim::{Device, Event, Handset, SessionEnd, Trigger};
use serde_json::json;

use crate::support::{BOUND, Lab, Site, Told, manager, registrations, warnings};

pub(crate) const RECEPTION: &str = "02 B6 EC 8A A5";
pub(crate) const WORKSHOP: &str = "02 9E 74 A5 99";
pub(crate) const STORE: &str = "02 00 11 22 33";

/// The handset with this IPUI, fresh from the factory.
pub(crate) fn handset(ipui: &str) -> Handset {
    Handset::new(ipui.parse().unwrap())
}

/// A site with both handsets listed.
pub(crate) fn two_handsets(device: &Device) -> Site {
    Site::of(device).slot(1, RECEPTION, "1013", "Reception").slot(2, WORKSHOP, "1014", "Workshop")
}

/// What must hold of every manager at the end of every story: nobody was thrown out, and every session was closed by
/// whoever opened it.
pub(crate) fn left_in_order(device: &Device) {
    assert_eq!(device.deregistrations(), [], "somebody was deregistered");
    assert_eq!(device.snapshot().session, None, "a session is still open");
    for entry in device.journal() {
        if let Event::SessionClosed { how, .. } = entry.event {
            assert_eq!(how, SessionEnd::LoggedOut);
        }
    }
}

async fn a_virgin_manager_fills(trigger: &'static str, told_by: Trigger) {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device).with(|site| site.trigger = trigger));
    let daemon = lab.start().await;

    device.wait_until("the window", BOUND, |seen| seen.window_open && seen.pending.len() == 2).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    lab.until("acme", "one of two", |status| registrations(status).get(&1) == Some(&"registered")).await;
    device.press(WORKSHOP.parse().unwrap()).unwrap();
    let status = lab.converged("acme").await;

    assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), ["registered", "registered"]);
    assert_eq!(status["plan"]["steps"], json!([]));
    assert_eq!(warnings(&status), [""; 0]);
    let generation = &status["generation"];
    for stage in ["released", "fetched", "verified"] {
        assert_eq!(generation[stage], generation["desired"], "{stage}");
    }
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 0, "nothing is left to do");
    let exposed = |told: &Told| told.alert("window-exposed").is_some_and(|alert| alert["severity"] == "info");
    lab.hook.hears("that the window is open for nobody", exposed).await;
    assert_eq!(daemon.terminate().await.0, 0);

    assert_eq!(device.applied().len(), 1, "one file and no more");
    let fetches =
        device.journal().into_iter().filter(|entry| entry.event == Event::FetchStarted { trigger: told_by });
    assert_eq!(fetches.count(), 1);
    assert_eq!(lab.hook.told().len(), 1, "there was nothing else to tell anybody");
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virgin_manager_fills_when_told_by_check_sync() {
    a_virgin_manager_fills("check-sync", Trigger::CheckSync).await;
}

/// The web button does nothing on a manager without an account, so the first file goes by check-sync all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_virgin_manager_fills_though_its_button_does_nothing_yet() {
    a_virgin_manager_fills("web", Trigger::CheckSync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_with_an_account_fills_at_the_press_of_its_button() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(9, "1099", "By hand")
        .handset(handset(RECEPTION))
        .handset(handset(WORKSHOP))
        .start()
        .await
        .unwrap();
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open && seen.pending.len() == 2).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    let by_web = Event::FetchStarted { trigger: Trigger::Web };
    assert_eq!(device.journal().into_iter().filter(|entry| entry.event == by_web).count(), 1);
    assert_eq!(device.applied().len(), 1);
    let slot = device.snapshot().slots.get(&9).cloned().unwrap();
    assert_eq!(
        (slot.user_id.as_str(), slot.active),
        ("1099", true),
        "a slot that is not listed is not touched"
    );
    left_in_order(&device);
}
