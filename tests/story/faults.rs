//! Managers that are not what they should be, or do not answer as they should: one clear alert each, nothing written,
//! nothing lost.

use n720_sim::{Device, Event, Fault};
use serde_json::Value;

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{
    BOUND, Lab, Ran, Settings, Site, alert, eventually, manager, registrations, secrets, steps, warnings,
};

/// How often a password was posted that was refused.
fn refused(device: &Device) -> usize {
    let refused = |event: &Event| matches!(event, Event::LoginTried { code: 1, .. });
    device.journal().iter().filter(|entry| refused(&entry.event)).count()
}

/// Whether anything was written to the manager: a setting, a file, an order to fetch.
fn untouched(device: &Device) {
    for entry in device.journal() {
        let written = matches!(
            entry.event,
            Event::SettingChanged { .. }
                | Event::FetchStarted { .. }
                | Event::TriggerRefused { .. }
                | Event::Sip { .. }
        );
        assert!(!written, "{:?}", entry.event);
    }
}

async fn complete(device: &Device) {
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_tried_once_until_somebody_acts() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    lab.write_secret("web.secret", "NotThePassword1");
    let daemon = lab.start().await;
    let status = lab.fires("acme", "login-refused").await;
    assert_eq!(status["health"], "blocked");
    let summary = alert(&status, "login-refused").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("`n720d poll acme --retry-login`"), "{summary}");
    lab.n720d(&["poll", "acme"]).await;
    assert_eq!(refused(&device), 1, "asked to read, it does not try the password again");
    daemon.kill().await;

    let daemon = lab.start().await;
    lab.n720d(&["poll", "acme"]).await;
    let status = lab.fires("acme", "login-refused").await;
    assert_eq!(status["health"], "blocked");
    assert_eq!(refused(&device), 1, "nor after a restart");
    let retried: Ran = lab.n720d(&["poll", "acme", "--retry-login"]).await;
    assert_eq!((retried.code, refused(&device)), (0, 2), "but when told to, once: {retried:?}");
    lab.n720d(&["poll", "acme"]).await;
    assert_eq!(refused(&device), 2);

    lab.write_secret("web.secret", secrets::WEB);
    daemon.hang_up();
    complete(&device).await;
    let status = lab.converged("acme").await;
    assert_eq!(warnings(&status), [""; 0]);
    lab.hook.hears("the all-clear", |told| told.reason == "resolved").await;
    lab.hook.repeats_nothing();
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_tries_a_refused_password_unless_told_to() {
    let lab = Lab::new().await;
    let device = manager("7C2F80CA21E4").start().await.unwrap();
    lab.site("acme", &two_handsets(&device));
    lab.write_secret("web.secret", "NotThePassword1");
    let daemon = lab.start().await;
    lab.fires("acme", "login-refused").await;
    assert_eq!(daemon.terminate().await.0, 0);
    for (command, code) in [("observe", 1), ("plan", 1), ("apply", 2)] {
        let ran = lab.n720d(&[command, "acme"]).await;
        assert_eq!((ran.code, refused(&device)), (code, 1), "{ran:?}");
        assert!(ran.err.contains("poll acme --retry-login"), "{ran:?}");
    }
    let ran = lab.n720d(&["observe", "acme", "--retry-login"]).await;
    assert_eq!((ran.code, refused(&device)), (1, 2), "{ran:?}");
    let ran = lab.n720d(&["observe", "acme"]).await;
    assert_eq!((ran.code, refused(&device)), (1, 2), "{ran:?}");

    lab.write_secret("web.secret", secrets::WEB);
    eventually("the end of the lock", async || {
        Some(lab.n720d(&["observe", "acme"]).await).filter(|ran| ran.code == 0)
    })
    .await;
    assert_eq!(refused(&device), 2, "another password is another matter");
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_device_and_an_old_one_are_not_written_to() {
    let lab = Lab::new().await;
    let wrong = manager("7C2F80CA0001").account(1, "1", "One").start().await.unwrap();
    let old =
        manager("7C2F80CA0002").account(1, "1", "One").firmware("70.107.00.000.00").start().await.unwrap();
    lab.site("wrong", &Site::of(&wrong).mac("7C2F80CA9999").slot(1, RECEPTION, "1013", "Reception"));
    lab.site("old", &Site::of(&old).slot(1, WORKSHOP, "1014", "Workshop"));
    let daemon = lab.start().await;
    let (seen_wrong, seen_old) =
        tokio::join!(lab.fires("wrong", "wrong-device"), lab.fires("old", "firmware-too-old"));
    let summary = alert(&seen_wrong, "wrong-device").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("7C2F80CA0001") && summary.contains("7C2F80CA9999"), "{summary}");
    let summary = alert(&seen_old, "firmware-too-old").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("70.107") && summary.contains("70.108"), "{summary}");
    for site in ["wrong", "old", "wrong", "old"] {
        assert_eq!(lab.n720d(&["poll", site]).await.code, 0);
    }
    for site in ["wrong", "old"] {
        assert_eq!(lab.status(site).await["health"], "blocked");
        let apply = lab.n720d(&["apply", site]).await;
        assert_eq!(apply.code, 2, "{site}: {apply:?}");
    }
    assert_eq!(lab.n720d(&["plan", "wrong"]).await.code, 1, "it cannot be planned for");
    assert_eq!(lab.n720d(&["plan", "old"]).await.code, 2);
    assert_eq!(daemon.terminate().await.0, 0);
    for device in [&wrong, &old] {
        untouched(device);
        left_in_order(device);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_page_leads_to_nothing_and_a_whole_one_goes_on() {
    let lab = Lab::new().await;
    let device =
        manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    let half = device.set_fault(Fault::Cut { after: 120_000, declared: false }.on("/status_device.html"));
    lab.site("acme", &two_handsets(&device));
    let daemon = lab.start().await;
    let status = lab.fires("acme", "page-not-understood").await;
    assert_eq!(status["health"], "unknown");
    let ready = steps(&status).into_iter().filter(|(_, _, state)| *state == "ready").count();
    assert_eq!(ready, 0, "{:?}", steps(&status));
    let observed = lab.n720d(&["observe", "acme", "--json"]).await.json();
    assert_eq!(observed["pending"], Value::Null, "unreadable is not empty");
    assert!(!observed["notes"].as_array().unwrap().is_empty(), "and says why");
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 1);
    untouched(&device);

    device.clear_fault(half);
    complete(&device).await;
    lab.converged("acme").await;
    // Everybody is in; half a page again must not look like anything else.
    device.set_fault(Fault::Cut { after: 120_000, declared: true }.on("/status_device.html"));
    let status = lab.fires("acme", "page-not-understood").await;
    let expected = [(1, "registered"), (2, "registered")];
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

/// Two managers do not answer, one refuses and one hangs; the third site is none the slower for it. The alert about
/// the first survives a restart, is told once, and is resolved once.
#[tokio::test(flavor = "multi_thread")]
async fn unreachable_managers_are_told_once_and_delay_nobody() {
    let lab = Lab::with(Settings { timeout: "5s", ..Settings::default() }).await;
    let refusing = manager("7C2F80CA0001").account(1, "1", "One").start().await.unwrap();
    let hanging = manager("7C2F80CA0002").account(1, "1", "One").start().await.unwrap();
    let well =
        manager("7C2F80CA0003").handset(handset(RECEPTION)).handset(handset(WORKSHOP)).start().await.unwrap();
    refusing.set_fault(Fault::Refuse);
    hanging.set_fault(Fault::Hang { after: 0 });
    let observe = |device: &Device| Site::of(device).with(|site| site.mode = "observe");
    lab.site("refusing", &observe(&refusing));
    lab.site("hanging", &observe(&hanging));
    lab.site("well", &two_handsets(&well));
    let daemon = lab.start().await;
    complete(&well).await;
    lab.converged("well").await;
    let hang = lab.status("hanging").await;
    assert_eq!(hang["observed_at"], Value::Null, "the other one was done while this one hung");
    lab.fires("hanging", "unreachable").await;
    let status = lab.fires("refusing", "unreachable").await;
    assert_eq!(status["health"], "unreachable");
    assert_eq!(lab.n720d(&["observe", "refusing"]).await.code, 1);
    let about = |site: &str| {
        lab.hook
            .told()
            .into_iter()
            .filter(|told| told.body["site"] == *site && told.alert("unreachable").is_some())
            .collect::<Vec<_>>()
    };
    eventually("a webhook", async || (!about("refusing").is_empty()).then_some(())).await;
    assert_eq!(daemon.terminate().await.0, 0, "a manager that hangs does not keep it");

    let daemon = lab.start().await;
    lab.readings("well", 2).await;
    lab.n720d(&["poll", "refusing"]).await;
    assert_eq!(about("refusing").len(), 1, "told once, restart or not");
    let since = alert(&lab.status("refusing").await, "unreachable").unwrap()["since"].clone();
    assert_eq!(since, alert(&status, "unreachable").unwrap()["since"], "the same alert");
    refusing.clear_faults();
    lab.n720d(&["poll", "refusing"]).await;
    eventually("the all-clear", async || (about("refusing").len() == 2).then_some(())).await;
    assert_eq!(about("refusing")[1].alert("unreachable").unwrap()["state"], "resolved");
    lab.n720d(&["poll", "refusing"]).await;
    assert_eq!(about("refusing").len(), 2);
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    left_in_order(&well);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_holds_up_what_needs_it_and_says_which() {
    let lab = Lab::new().await;
    let closed = manager("7C2F80CA0001").account(1, "1", "One").start().await.unwrap();
    let partly =
        manager("7C2F80CA0002").account(9, "9", "Nine").handset(handset(RECEPTION)).start().await.unwrap();
    lab.site("closed", &Site::of(&closed).with(|site| site.password = "env:NOT_SET_ANYWHERE".to_owned()));
    let site = two_handsets(&partly).text().replacen("env:SIP_PASSWORD", "file:../sip.secret", 2);
    let site = site.replacen("file:../sip.secret", "env:SIP_PASSWORD", 1);
    lab.site_text("partly", &site);
    let daemon = lab.start().await;
    let (shut, partly_seen) =
        tokio::join!(lab.fires("closed", "secret-missing"), lab.fires("partly", "secret-missing"));
    assert_eq!(shut["health"], "blocked");
    let summary = alert(&shut, "secret-missing").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("NOT_SET_ANYWHERE"), "{summary}");
    let summary = alert(&partly_seen, "secret-missing").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("sip.secret"), "{summary}");
    assert_eq!(lab.n720d(&["observe", "closed"]).await.code, 1);
    assert_eq!(closed.journal().len(), 0, "without a password nobody knocks");

    partly.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    partly.press(RECEPTION.parse().unwrap()).unwrap();
    lab.until("partly", "the first handset", |status| registrations(status).get(&1) == Some(&"registered"))
        .await;
    lab.write_secret("sip.secret", "planted-late-secret-11");
    lab.until("partly", "the account of slot 2", |status| {
        alert(status, "secret-missing").is_none()
            && status["generation"]["verified"] == status["generation"]["desired"]
    })
    .await;
    assert_eq!(partly.snapshot().slots[&2].user_id, "1014");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&partly);
}
