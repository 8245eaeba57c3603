//! What somebody changes by hand on a manager: put back where n720d manages, told where it only observes.

use n720_sim::{Device, Event};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{Lab, Site, between_readings, manager};

/// Somebody deletes the account of slot 3 by hand and adds another one, which lands there.
fn change_by_hand(device: &Device) {
    device.delete_account(3).unwrap();
    assert_eq!(device.add_account("7777", "By hand").unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_n720d_only_observes_drift_is_told_and_left() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").account(1, "1013", "Somebody else").start().await.unwrap();
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Reception").with(|site| site.mode = "observe");
    lab.site("acme", &site);
    let daemon = lab.start().await;
    let status = lab.fires("acme", "drift").await;
    assert_eq!((&status["health"], &status["mode"]), (&"drifted".into(), &"observe".into()));
    let told = lab.hook.hears("the drift", |told| told.alert("drift").is_some()).await;
    let summary = told.alert("drift").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("slot 1"), "{summary}");
    lab.readings("acme", 2).await;
    let apply = lab.n720d(&["apply", "acme"]).await;
    assert_eq!(apply.code, 2, "{apply:?}");
    assert_eq!(daemon.terminate().await.0, 0);
    for entry in device.journal() {
        let written = matches!(
            entry.event,
            Event::SettingChanged { .. } | Event::FetchStarted { .. } | Event::Sip { .. }
        );
        assert!(!written, "{:?}", entry.event);
    }
    lab.hook.repeats_nothing();
    left_in_order(&device);
}

/// The second repair has the content of the first: under the same VERSION the manager would ignore it.
#[tokio::test(flavor = "multi_thread")]
async fn where_n720d_manages_changes_by_hand_are_put_back_each_under_a_new_version() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(2, "1014", "Workshop")
        .registered(2, handset(WORKSHOP))
        .account(3, "1015", "Store")
        .start()
        .await
        .unwrap();
    // Without a window, so that a person's buttons are not hidden.
    lab.site("acme", &two_handsets(&device).account(3, "1015", "Store").with(|site| site.window = None));
    let daemon = lab.start().await;
    let status = lab.converged("acme").await;
    assert_eq!(status["generation"]["released"], serde_json::Value::Null, "there was nothing to release");
    for repair in 1..=2 {
        let heard = lab.hook.told().len();
        between_readings(&device).await;
        change_by_hand(&device);
        let told = lab.hook.hears_after(heard, "the drift", |told| told.alert("drift").is_some()).await;
        let summary = told.alert("drift").unwrap()["summary"].as_str().unwrap();
        assert!(summary.contains("by hand") && summary.contains("slot 3"), "{summary}");
        lab.converged("acme").await;
        lab.hook.hears_after(heard, "the end of the drift", |told| told.reason == "resolved").await;
        assert_eq!(device.snapshot().slots[&3].user_id, "1015");
        assert_eq!(device.applied().len(), repair, "one file mends it");
    }
    let versions = device.applied();
    assert_ne!(versions[0], versions[1], "under a VERSION that the manager has not seen");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}
