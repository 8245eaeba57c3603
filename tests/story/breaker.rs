//! Managers that download and do not obey: two pushes, one alert with the readings, no third push, until the cause is
//! mended. What a manager does not take at one slot holds up no other.

use n720_sim::{AccountEdit, Device, DeviceBuilder, Event, Fault, UserAgent};
use serde_json::Value;

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{
    BOUND, Lab, Site, Told, alert, between_readings, eventually, manager, registrations, steps,
};

/// The manager passes over the handset code of slot 1.
fn deaf_to_the_first() -> Fault {
    Fault::IgnoreSymbols { containing: "astAccounts[0].aucHandsetCode".to_owned() }
}

fn ignored(device: &Device) -> usize {
    let journal = device.journal();
    journal.into_iter().filter(|entry| matches!(entry.event, Event::FileIgnored { .. })).count()
}

fn readings(alert: &Value) -> String {
    let lines = alert["readings"].as_array().unwrap().iter();
    lines.map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// How often sinks were told of a breaker, other than that it ended.
fn times_told(lab: &Lab) -> usize {
    let is_told =
        |told: &Told| told.alert("push-ineffective").is_some_and(|alert| alert["state"] == "firing");
    let mut phases: Vec<Value> = lab
        .hook
        .told()
        .iter()
        .filter(|told| is_told(told))
        .map(|told| told.alert("push-ineffective").unwrap()["phase"].clone())
        .collect();
    phases.dedup();
    phases.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_downloads_and_ignores_gets_two_files_and_no_third() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").account(9, "9", "Nine").handset(handset(RECEPTION)).start().await.unwrap();
    device.set_fault(Fault::IgnoreFiles);
    lab.site("acme", &Site::of(&device).slot(1, RECEPTION, "1013", "Reception"));
    let daemon = lab.start().await;
    let status = lab.fires("acme", "push-ineffective").await;
    assert_eq!(status["health"], "blocked");
    assert_eq!(ignored(&device), 2);
    let readings = readings(alert(&status, "push-ineffective").unwrap());
    let (pushes, shown) = ("pushed: VERSION ", "shown: slot 1 is not reserved for 02 B6 EC 8A A5");
    assert_eq!(readings.matches(pushes).count(), 2, "{readings}");
    for part in [shown, "from 127.0.0.1 as \"Gigaset N720 DM PRO/", "state 88", "look at the manager itself"]
    {
        assert!(readings.contains(part), "{part}: {readings}");
    }
    lab.readings("acme", 3).await;
    assert_eq!(ignored(&device), 2, "no third");
    assert_eq!(lab.n720d(&["apply", "acme"]).await.code, 2);
    assert_eq!(ignored(&device), 2, "not by name either");
    lab.hook.hears("the alert", |told| told.alert("push-ineffective").is_some()).await;
    let shown = lab.n720d(&["status", "acme"]).await.out;
    assert!(readings.lines().all(|line| shown.contains(line)), "{shown}");
    assert_eq!(daemon.terminate().await.0, 0);

    let daemon = lab.start().await;
    lab.readings("acme", 2).await;
    assert_eq!(ignored(&device), 2, "nor after a restart");
    eventually("the alert", async || alert(&lab.status("acme").await, "push-ineffective").map(drop)).await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(times_told(&lab), 1);
    lab.hook.repeats_nothing();
    left_in_order(&device);
}

/// Slot 1 is given up; slot 2 fills, is changed by hand and put back meanwhile. Then the manager takes slot 1, too, and a
/// person says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_at_one_slot_holds_up_no_other_and_goes_on_at_a_persons_word() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    let deaf = device.set_fault(deaf_to_the_first());
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    device.press(WORKSHOP.parse().unwrap()).unwrap();
    let status = lab
        .until("acme", "slot 1 to be given up and slot 2 to fill", |status| {
            alert(status, "push-ineffective").is_some()
                && registrations(status).get(&2) == Some(&"registered")
        })
        .await;
    assert_eq!(device.applied().len(), 2);
    assert!(steps(&status).contains(&("reserve", 1, "blocked")), "{:?}", steps(&status));
    let told = alert(&status, "push-ineffective").unwrap();
    assert_eq!(told["phase"], "reserve slot 1");
    assert!(!readings(told).contains("shown: slot 2"), "{}", readings(told));

    let renamed = AccountEdit { display_name: Some("Atelier".to_owned()), ..AccountEdit::default() };
    between_readings(&device).await;
    device.edit_account(2, &renamed).unwrap();
    device.wait_until("the repair", BOUND, |seen| seen.slots[&2].display_name == "Workshop").await.unwrap();
    lab.until("acme", "the end of the drift", |status| {
        alert(status, "drift").is_none() && alert(status, "push-ineffective").is_some()
    })
    .await;
    lab.readings("acme", 3).await;
    assert_eq!(device.applied().len(), 3, "one more for slot 2, none for slot 1");

    device.clear_fault(deaf);
    lab.readings("acme", 2).await;
    assert_eq!(device.applied().len(), 3, "n720d cannot know that it is mended");
    let ran = lab.n720d(&["apply", "acme", "--retry-push"]).await;
    assert!(ran.code == 0 || ran.code == 2, "{ran:?}");
    device.wait_until("the reservation", BOUND, |seen| seen.pending.len() == 1).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    let status = lab.converged("acme").await;
    assert!(alert(&status, "push-ineffective").is_none());
    assert_eq!(device.applied().len(), 4);
    let history = lab.n720d(&["history", "acme", "--limit", "500"]).await.out;
    for line in ["did not take effect: slot 1 is not reserved", "in vain is to be released again"] {
        assert!(history.contains(line), "{line}: {history}");
    }
    assert_eq!(times_told(&lab), 1, "{:#?}", lab.hook.told());
    lab.hook.hears("the end", |told| told.reason == "resolved").await;
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_site_file_is_released_without_a_word_from_anybody() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(STORE)).start().await.unwrap();
    device.set_fault(deaf_to_the_first());
    lab.site("acme", &Site::of(&device).slot(1, RECEPTION, "1013", "Reception"));
    let daemon = lab.start().await;
    lab.fires("acme", "push-ineffective").await;
    assert_eq!(device.applied().len(), 2);
    // Slot 1 is left to an account, and the handset gets another.
    lab.site(
        "acme",
        &Site::of(&device).account(1, "1013", "Reception").slot(3, RECEPTION, "1015", "Counter"),
    );
    daemon.hang_up();
    device.wait_until("the reservation", BOUND, |seen| seen.pending.len() == 1).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    let status = lab.converged("acme").await;
    assert_eq!(registrations(&status).get(&3), Some(&"registered"));
    assert!(alert(&status, "push-ineffective").is_none());
    assert_eq!(device.applied().len(), 3);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(times_told(&lab), 1);
    left_in_order(&device);
}

/// What is given up is still in the file: whatever is released for another reason is one more application of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mended_manager_takes_it_along_with_whatever_is_released_next() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").account(9, "9", "Nine").start().await.unwrap();
    let deaf = device.set_fault(Fault::IgnoreSymbols { containing: "DISPLAYNAME".to_owned() });
    let site = || Site::of(&device).account(1, "1013", "Reception").with(|site| site.window = None);
    lab.site("acme", &site());
    let daemon = lab.start().await;
    let status = lab.fires("acme", "push-ineffective").await;
    assert!(readings(alert(&status, "push-ineffective").unwrap()).contains("Reception"));
    device.clear_fault(deaf);
    lab.site("acme", &site().account(2, "1014", "Workshop"));
    daemon.hang_up();
    let status = lab.converged("acme").await;
    assert!(alert(&status, "push-ineffective").is_none());
    assert_eq!(device.snapshot().slots[&1].display_name, "Reception");
    assert_eq!(device.applied().len(), 3);
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_daemon_runs_apply_gives_up_and_goes_on_likewise() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").account(9, "9", "Nine").start().await.unwrap();
    let deaf = device.set_fault(Fault::IgnoreFiles);
    lab.site("acme", &Site::of(&device).account(1, "1013", "Reception").with(|site| site.window = None));
    let given_up = lab.n720d(&["apply", "acme"]).await;
    assert_eq!((given_up.code, ignored(&device)), (2, 2), "{given_up:?}");
    device.clear_fault(deaf);
    let still = lab.n720d(&["apply", "acme"]).await;
    assert_eq!((still.code, device.applied().len()), (2, 0), "{still:?}");
    let again = lab.n720d(&["apply", "acme", "--retry-push"]).await;
    assert_eq!((again.code, device.applied().len()), (0, 1), "{again:?}");
    assert_eq!(device.snapshot().slots[&1].user_id, "1013");
    left_in_order(&device);
}

/// The status page shows the MAC of the site file, and the device is another: it ignores the file without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_for_another_mac_points_at_the_mac() {
    let lab = Lab::new().await;
    let mut config = manager("7C2F80CA0001").account(9, "9", "Nine").into_config();
    config.wire.user_agent = UserAgent::WithoutMac;
    let device = DeviceBuilder::from_config(config).start().await.unwrap();
    device.set_fault(Fault::WrongMac { mac: "7C2F80CA21E4".parse().unwrap() });
    lab.site("acme", &Site::of(&device).mac("7C2F80CA21E4").slot(1, RECEPTION, "1013", "Reception"));
    let daemon = lab.start().await;
    let status = lab.fires("acme", "push-ineffective").await;
    let readings = readings(alert(&status, "push-ineffective").unwrap());
    let line = readings.lines().find(|line| line.starts_with("look at")).unwrap();
    assert!(line.starts_with("look at the MAC: the file is for 7C2F80CA21E4"), "{readings}");
    assert_eq!((ignored(&device), device.applied().len()), (2, 0));
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}
