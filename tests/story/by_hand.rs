//! What somebody changes by hand on slots that are listed, and the PIN: told in words of its own before it is put back,
//! and told for as long as it stays where n720d only observes.

use n720_sim::{AccountEdit, Device, DeviceBuilder, Event, Fault};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Site, alert, between_readings, manager};

fn filled() -> DeviceBuilder {
    let builder = manager("7C2F80CA21E4").account(1, "1013", "Reception").account(2, "1014", "Workshop");
    builder.registered(1, handset(RECEPTION)).registered(2, handset(WORKSHOP))
}

/// A site whose PIN is 0000 and whose window is in the future, so that a person's buttons are not hidden.
fn with_a_pin(device: &Device) -> Site {
    two_handsets(device).with(|site| site.window = Some("1h")).registration("start = '2097-11-23T08:00'")
}

/// Somebody switches an account off, renames the other one and sets another PIN.
fn change_by_hand(device: &Device) {
    device.switch_account(1, false).unwrap();
    let user = AccountEdit { display_name: Some("Atelier".to_owned()), ..AccountEdit::default() };
    device.edit_account(2, &user).unwrap();
    device.set_pin(Some("4711")).unwrap();
}

const CHANGED: [&str; 3] =
    ["the account of slot 1, user 1013, was switched off or deleted by hand", "Atelier", "4711"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_by_hand_is_told_before_it_is_put_back() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    device.set_pin(Some("0000")).unwrap();
    lab.site("acme", &with_a_pin(&device));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    lab.readings("acme", 1).await;
    between_readings(&device).await;
    change_by_hand(&device);
    let advice = ["is being put back", "change the site file instead"];
    lab.hook.tells("acme/drift", &[&CHANGED[..], &advice].concat()).await;
    lab.converged("acme").await;
    lab.hook.hears("the end of it", |told| told.reason == "resolved").await;
    let seen = device.snapshot();
    assert!(seen.slots[&1].active);
    assert_eq!(seen.slots[&2].display_name, "Workshop");
    assert_eq!((seen.pin.random, seen.pin.defined_pin.as_str()), (false, "0000"));
    assert_eq!(lab.readings("acme", 2).await["health"], "converged");
    let history = lab.n720d(&["history", "acme"]).await.out;
    for change in CHANGED {
        assert!(history.contains(change), "{change}: {history}");
    }
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(device.applied().len(), 1, "one file mends it all");
    assert_eq!(device.windows(), [], "and opens nothing");
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_n720d_only_observes_what_is_changed_by_hand_stays_told() {
    let lab = Lab::new().await;
    let device = filled().start().await.unwrap();
    device.set_pin(Some("0000")).unwrap();
    lab.site("acme", &with_a_pin(&device).with(|site| (site.mode, site.enrol) = ("observe", false)));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    lab.readings("acme", 1).await;
    between_readings(&device).await;
    change_by_hand(&device);
    lab.hook.tells("acme/drift", &CHANGED).await;
    let status = lab.readings("acme", 2).await;
    assert_eq!(status["health"], "drifted");
    assert!(alert(&status, "drift").is_some());
    let written = |event: &Event| matches!(event, Event::SettingChanged { .. } | Event::FetchStarted { .. });
    assert!(!device.journal().iter().any(|entry| written(&entry.event)), "nothing was written");
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    left_in_order(&device);
}

/// An odd firmware: its page never shows the PIN that a file set. That is no drift, and no push that does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_the_page_never_shows_is_no_drift() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    device.set_fault(Fault::HideFilePin);
    lab.site("acme", &two_handsets(&device).registration("close_when_filled = true"));
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    lab.converged("acme").await;
    device.wait_until("the end", BOUND, |seen| !seen.window_open).await.unwrap();
    lab.readings("acme", 3).await;
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lab.hook.told(), []);
    assert_eq!(device.applied().len(), 2);
    left_in_order(&device);
}
