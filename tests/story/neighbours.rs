//! What others bring: handsets in gaps, handsets of other sites. All of it is told with whose it is; what is not listed
//! is left alone.

use n720_sim::{Device, Event};
use serde_json::{Value, json};

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Settings, Site, alert, between_readings, manager, registrations};

/// Both handsets of the site registered, and nothing to do.
async fn filled(mac: &str) -> Device {
    manager(mac)
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(2, "1014", "Workshop")
        .registered(2, handset(WORKSHOP))
        .start()
        .await
        .unwrap()
}

fn summary(alert: Option<&Value>) -> String {
    alert.map(|alert| alert["summary"].as_str().unwrap().to_owned()).unwrap_or_default()
}

fn evidence(status: &Value, slot: usize) -> &str {
    status["slots"][slot - 1]["evidence"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handset_that_registers_at_another_site_is_missing_at_home_and_named_where_it_is() {
    let lab = Lab::new().await;
    let berlin = filled("7C2F80CA21E4").await;
    let hamburg = manager("7C2F80CA21E5").account(1, "2001", "Office").start().await.unwrap();
    lab.site("berlin", &two_handsets(&berlin).with(|site| site.window = None));
    let office = Site::of(&hamburg).account(1, "2001", "Office").with(|site| site.window = None);
    lab.site("hamburg", &office.slot(7, STORE, "2007", "Store"));
    let daemon = lab.start().await;
    lab.converged("berlin").await;
    lab.until("hamburg", "hamburg to be known", |status| status["observed_at"].is_string()).await;
    lab.readings("hamburg", 1).await;

    // Somebody takes the workshop's handset along and registers it there.
    between_readings(&berlin).await;
    berlin.deregister(2).unwrap();
    between_readings(&hamburg).await;
    let slot = hamburg.add_account_with("2002", "By hand", &handset(WORKSHOP)).unwrap();
    let there = lab
        .until("hamburg", "the newcomer", |status| {
            summary(alert(status, "drift")).contains("listed in slot 2 of site berlin")
        })
        .await;
    let told = summary(alert(&there, "drift"));
    assert!(told.contains(&format!("slot {slot} (user 2002 By hand, handset {WORKSHOP}")), "{told}");
    let here =
        lab.until("berlin", "where it is", |status| evidence(status, 2).contains("of site hamburg")).await;
    assert_ne!(here["slots"][1]["registration"], "registered", "it stays missing at home");
    assert!(evidence(&here, 2).contains(&format!("registered in slot {slot} of site hamburg")));
    let sheet = lab.n720d(&["handoff", "berlin"]).await;
    assert!(sheet.out.contains("of site hamburg"), "{sheet:?}");
    let history = lab.n720d(&["history", "berlin"]).await;
    assert!(history.out.contains("seen elsewhere"), "{history:?}");

    // It is brought back.
    hamburg.deregister(slot).unwrap();
    lab.until("berlin", "that it is there no more", |status| !evidence(status, 2).contains("hamburg")).await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(hamburg.snapshot().slots[&slot].user_id, "2002", "what is not listed is left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_of_another_sites_handset_is_told_with_its_home() {
    let lab = Lab::new().await;
    let berlin = filled("7C2F80CA21E4").await;
    let hamburg = manager("7C2F80CA21E5").account(5, "2005", "Lobby").start().await.unwrap();
    lab.site("berlin", &two_handsets(&berlin).with(|site| site.mode = "observe"));
    let lobby = Site::of(&hamburg).account(5, "2005", "Lobby");
    lab.site("hamburg", &lobby.with(|site| (site.mode, site.enrol) = ("observe", false)));
    hamburg.reserve(5, Some(RECEPTION.parse().unwrap())).unwrap();
    let daemon = lab.start().await;
    let status = lab.fires("hamburg", "foreign-reservation").await;
    let told = summary(alert(&status, "foreign-reservation"));
    assert!(told.contains(&format!("{RECEPTION} (for slot 5, listed in slot 1 of site berlin)")), "{told}");
    let plan = lab.n720d(&["plan", "hamburg", "--json"]).await;
    assert_eq!(plan.code, 0, "a reservation of others is nothing to mend: {plan:?}");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&hamburg);
}

/// Somebody takes a handset of Hamburg, whose window is open, along to Berlin, and another server reserves one of
/// Hamburg's and one that nobody lists.
#[tokio::test(flavor = "multi_thread")]
async fn who_missed_a_window_is_told_with_the_site_it_was_seen_at() {
    let (harbour, nobodys) = ("02 AA 00 00 03", "02 BB 00 00 01");
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let berlin = filled("7C2F80CA21E4").await;
    let around = manager("7C2F80CA21E5").handset(handset(harbour)).handset(handset(STORE));
    let hamburg = around.start().await.unwrap();
    lab.site("berlin", &two_handsets(&berlin).with(|site| site.window = None));
    let file = Site::of(&hamburg).slot(3, harbour, "2003", "Harbour").slot(4, STORE, "2004", "Store");
    lab.site("hamburg", &file.with(|site| site.window = Some("10s")));
    let daemon = lab.start().await;
    lab.converged("berlin").await;
    let opened = |event: &Event| *event == Event::WindowOpened { nth: 1 };
    hamburg.wait_event("the window", BOUND, opened).await.unwrap();

    between_readings(&berlin).await;
    assert_eq!(berlin.add_account_with("7777", "By hand", &handset(harbour)).unwrap(), 3);
    for (slot, ipui) in [(4, STORE), (5, nobodys)] {
        assert_eq!(berlin.add_account(&slot.to_string(), "Other").unwrap(), slot);
        berlin.reserve(slot, Some(ipui.parse().unwrap())).unwrap();
    }
    let store = format!("{STORE} (for slot 4, listed in slot 4 of site hamburg)");
    let nobodys = format!("{nobodys} (for slot 5, no site file in force lists it)");
    lab.hook.tells("berlin/foreign-reservation", &[&store, &nobodys]).await;
    let newcomer = format!("slot 3 (user 7777 By hand, handset {harbour}, listed in slot 3 of site hamburg)");
    let drift = lab.hook.tells("berlin/drift/unlisted", &[&newcomer]).await;
    assert_eq!(drift["severity"], "warning", "somebody waits for it: {drift:#}");

    let seen = "the handset of slot 3 is registered in slot 3 of site berlin";
    let expired = lab.hook.tells("hamburg/window-expired-unfilled", &[seen]).await;
    assert_eq!(expired["handsets"].as_array().unwrap().len(), 2, "it is missing all the same: {expired:#}");
    let status = lab.readings("hamburg", 1).await;
    assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), ["expired"; 2]);
    let sheet = lab.n720d(&["handoff", "hamburg", "--json"]).await.json();
    assert_eq!(sheet["handsets"][0]["number"], json!(3));
    assert!(sheet["handsets"][0].to_string().contains("slot 3 of site berlin"), "{sheet:#}");
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(berlin.applied(), [], "nobody touches them");
    left_in_order(&berlin);
    left_in_order(&hamburg);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_first_is_no_news_and_what_is_added_later_is_told_and_left() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(4, "1040", "Always here")
        .start()
        .await
        .unwrap();
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Reception").with(|site| site.window = None);
    lab.site("acme", &site);
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let status = lab.readings("acme", 1).await;
    assert_eq!(alert(&status, "drift"), None, "whoever was there first is somebody's normal business");
    between_readings(&device).await;
    assert_eq!(device.add_account("7777", "By hand").unwrap(), 2);
    let told = lab.hook.hears("the newcomer", |told| told.alert("drift").is_some()).await;
    let drift = told.alert("drift").unwrap();
    assert_eq!((&drift["severity"], &drift["id"]), (&"info".into(), &"acme/drift/unlisted".into()));
    assert!(summary(Some(drift)).contains("slot 2 (user 7777 By hand, no handset)"), "{drift}");
    assert_eq!(lab.n720d(&["status"]).await.code, 0, "nobody is needed for that");
    lab.readings("acme", 2).await;
    assert_eq!(device.snapshot().slots[&2].user_id, "7777");
    device.delete_account(2).unwrap();
    lab.hook.hears("its end", |told| told.reason == "resolved").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert!(device.applied().is_empty(), "nothing was written");
}
