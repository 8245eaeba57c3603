//! Changing a manager's web password: in steps, killed at every one of them, ignored, called off. Whatever happens, some
//! password that n720d or the site file knows logs in, and the manager never locks its login.

use std::os::unix::fs::PermissionsExt;

use n720_sim::{Device, DeviceBuilder, Event, Fault};
use serde_json::{Value, json};

use super::fills::{RECEPTION, handset, left_in_order};
use crate::support::{BOUND, Daemon, Lab, Ran, Site, alert, forgetful, manager, secrets};

const ROTATE: [&str; 6] = ["rotate-password", "acme", "--by", "anna", "--reason", "a colleague left"];
const BUTTON: &str = "/settings_management_miscellaneous.html";

fn with_reception() -> DeviceBuilder {
    manager("7C2F80CA21E4").account(1, "1013", "Reception").registered(1, handset(RECEPTION))
}

/// A laboratory with one manager on which everything is as its site file says.
async fn at_rest(device: DeviceBuilder) -> (Lab, Device, Daemon) {
    let lab = Lab::new().await;
    let device = device.start().await.unwrap();
    lab.site("acme", &Site::of(&device).slot(1, RECEPTION, "1013", "Reception"));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    (lab, device, daemon)
}

/// The password that the site file names, which may be in no output.
fn named(lab: &Lab) -> String {
    let password = std::fs::read_to_string(lab.path("web.secret")).unwrap().trim().to_owned();
    lab.never(&password);
    password
}

async fn stage(lab: &Lab, wanted: &str) -> Value {
    let is = |status: &Value| status["password_change"]["stage"] == wanted;
    lab.until("acme", wanted, is).await
}

fn nobody_was_locked_out(device: &Device) {
    let locks = device.journal().into_iter().filter(|entry| matches!(entry.event, Event::LoginLocked { .. }));
    assert_eq!(locks.count(), 0, "the login was locked");
    assert_eq!(device.deregistrations(), []);
}

/// The pages that n720d ever posts to; whatever else is set on a manager comes out of a file.
const POSTED_TO: [&str; 5] = [
    "/login.html",
    "/mobile_devices.html",
    "/settings_management_miscellaneous.html",
    "/profile_update.html",
    "/firmware_update.html",
];

/// Nothing was set by a form but where the file is fetched from, and no firmware was touched.
fn no_other_page_was_posted_to(device: &Device) {
    for entry in device.journal() {
        if let Event::Request { method, path, .. } = &entry.event
            && method == "POST"
        {
            assert!(POSTED_TO.contains(&path.as_str()), "{path}");
        }
        if let Event::SettingChanged { form, field, .. } = &entry.event {
            assert_eq!((form.as_str(), field.as_str()), ("/firmware_update.html", "configfile_url"));
        }
        assert!(!matches!(entry.event, Event::FirmwareUpdateStarted { .. }), "{:?}", entry.event);
    }
}

/// How many times a file with a web password took effect.
fn changes(device: &Device) -> usize {
    let changes = device.journal().into_iter();
    changes.filter(|entry| matches!(entry.event, Event::WebPasswordChanged { .. })).count()
}

/// How many symbols of each file were applied.
fn symbols(device: &Device) -> Vec<usize> {
    let applied = device.journal().into_iter().filter_map(|entry| {
        if let Event::FileApplied { symbols, .. } = entry.event { Some(symbols) } else { None }
    });
    applied.collect()
}

/// The end that every interrupted change comes to: one new password, which the manager takes and the site file names.
async fn it_is_changed(lab: &Lab, device: &Device) {
    stage(lab, "changed").await;
    let new = named(lab);
    assert!(device.takes_password(&new) && new.len() == 20 && new != secrets::WEB);
    assert_eq!(changes(device), 1, "changed once");
    let status = lab.converged("acme").await;
    assert_eq!(status["plan"]["steps"], json!([]), "and nothing else follows from it");
    nobody_was_locked_out(device);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_changes_and_the_file_that_names_it_with_it() {
    let (lab, device, daemon) = at_rest(with_reception()).await;
    let before = symbols(&device).len();
    let ran = lab.n720d(&ROTATE).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("acme: the new web password is in use"), "{}", ran.out);
    it_is_changed(&lab, &device).await;
    let mode = std::fs::metadata(lab.path("web.secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(symbols(&device)[before..], [1], "a file with the password and nothing else");
    let history = lab.n720d(&["history", "acme"]).await.out;
    assert!(history.contains("anna") && history.contains("a colleague left"), "{history}");

    // What is on the shelf holds no password any more, and fetched it changes nothing.
    device.fetch().unwrap();
    device.wait_until("the empty file", BOUND, |_| symbols(&device).len() == before + 2).await.unwrap();
    assert_eq!(symbols(&device)[before..], [1, 0]);
    let status = lab.readings("acme", 2).await;
    assert_eq!((&status["health"], &status["plan"]["steps"]), (&json!("converged"), &json!([])));
    assert!(lab.n720d(&["status", "acme"]).await.out.contains("by anna"));

    // Edited afterwards, the site file is followed as ever.
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Front desk");
    lab.site("acme", &site);
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let renamed = |seen: &n720_sim::Snapshot| seen.slots[&1].display_name == "Front desk";
    device.wait_until("the new name", BOUND, renamed).await.unwrap();
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
    nobody_was_locked_out(&device);
    no_other_page_was_posted_to(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_leads_to_the_same_end() {
    // Side by side, because most of it is waiting.
    tokio::join!(
        killed_when_the_password_is_prepared(),
        killed_between_release_and_fetch(),
        killed_while_the_manager_fetches(),
        killed_when_the_manager_has_fetched(),
        killed_while_the_new_password_logs_in(),
        killed_again_and_again(),
    );
}

async fn begin(lab: &Lab) -> Ran {
    let ran = lab.n720d(&[&ROTATE[..], &["--no-wait"]].concat()).await;
    assert_eq!(ran.code, 2, "under way: {ran:?}");
    ran
}

/// A person at the web interface has priority: until they leave, nothing is released.
async fn killed_when_the_password_is_prepared() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    let person = device.set_fault(Fault::PersonLoggedIn);
    begin(&lab).await;
    stage(&lab, "prepared").await;
    daemon.kill_logged_in(&[&device]).await;
    device.clear_fault(person);
    let daemon = lab.start().await;
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// The order to fetch never reached the manager.
async fn killed_between_release_and_fetch() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    let deaf = device.set_fault(Fault::Hang { after: 0 }.on(BUTTON));
    let asked = lab.begin(&ROTATE, &[]);
    stage_in_history(&lab, "a file with a new web password").await;
    daemon.kill_logged_in(&[&device]).await;
    drop(asked);
    device.clear_fault(deaf);
    let daemon = lab.start().await;
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

async fn stage_in_history(lab: &Lab, what: &str) {
    let told = async || {
        let page = lab.get("/api/v1/sites/acme/history").await;
        page.body.contains(what).then_some(())
    };
    crate::support::eventually(what, told).await;
}

async fn killed_while_the_manager_fetches() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    let seen = device.journal().last().unwrap().seq;
    let asked = lab.begin(&ROTATE, &[]);
    let fetches = |event: &Event| matches!(event, Event::FetchStarted { .. });
    device.wait_event_since(seen, "the fetch", BOUND, fetches).await.unwrap();
    daemon.kill_logged_in(&[&device]).await;
    drop(asked);
    let daemon = lab.start().await;
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

async fn killed_when_the_manager_has_fetched() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    let asked = lab.begin(&ROTATE, &[]);
    let changed = |event: &Event| matches!(event, Event::WebPasswordChanged { .. });
    device.wait_event("the new password", BOUND, changed).await.unwrap();
    daemon.kill_logged_in(&[&device]).await;
    drop(asked);
    let daemon = lab.start().await;
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// The first login with the new password is under way: whether it was accepted, nobody has kept.
async fn killed_while_the_new_password_logs_in() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    begin(&lab).await;
    let changed = |event: &Event| matches!(event, Event::WebPasswordChanged { .. });
    let seen = device.wait_event("the new password", BOUND, changed).await.unwrap().seq;
    let logs_in = |event: &Event| matches!(event, Event::LoginTried { .. });
    device.wait_event_since(seen, "the login", BOUND, logs_in).await.unwrap();
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Killed at every event of the manager's that follows, until it has come to its end.
async fn killed_again_and_again() {
    let (lab, device, mut daemon) = at_rest(forgetful(with_reception())).await;
    begin(&lab).await;
    for _ in 0..5 {
        let seen = device.journal().last().unwrap().seq;
        let logs_in = |event: &Event| matches!(event, Event::LoginTried { .. });
        device.wait_event_since(seen, "a login", BOUND, logs_in).await.unwrap();
        daemon.kill_logged_in(&[&device]).await;
        daemon = lab.start().await;
    }
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_ignores_the_file_keeps_its_password() {
    let (lab, device, daemon) = at_rest(with_reception()).await;
    device.set_fault(Fault::IgnoreFiles);
    let ran = lab.n720d(&ROTATE).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("still takes the old one"), "{}", ran.out);
    assert!(device.takes_password(secrets::WEB));
    assert_eq!(named(&lab), secrets::WEB);
    device.clear_faults();
    // What it fetches by itself afterwards does not bring the forgotten password.
    device.fetch().unwrap();
    let status = lab.readings("acme", 3).await;
    assert_eq!(status["health"], "converged");
    assert!(device.takes_password(secrets::WEB));
    assert_eq!(daemon.terminate().await.0, 0);
    nobody_was_locked_out(&device);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_is_dark_in_the_middle_is_waited_for() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    begin(&lab).await;
    let changed = |event: &Event| matches!(event, Event::WebPasswordChanged { .. });
    device.wait_event("the new password", BOUND, changed).await.unwrap();
    device.set_fault(Fault::Refuse);
    let dark = lab.until("acme", "darkness", |status| status["health"] == "unreachable").await;
    assert_ne!(dark["password_change"]["stage"], "changed");
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    lab.until("acme", "darkness", |status| status["health"] == "unreachable").await;
    device.clear_faults();
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// The answers to the first two logins after the change are lost on their way.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_locks_nobody_out() {
    let (lab, device, daemon) = at_rest(forgetful(with_reception())).await;
    begin(&lab).await;
    let changed = |event: &Event| matches!(event, Event::WebPasswordChanged { .. });
    let seen = device.wait_event("the new password", BOUND, changed).await.unwrap().seq;
    let logged_out = |event: &Event| matches!(event, Event::SessionClosed { .. });
    device.wait_event_since(seen, "the log-out", BOUND, logged_out).await.unwrap();
    let lossy = device.set_fault(Fault::Reset { after: 0 }.on("/login.html"));
    let tried = |event: &Event| matches!(event, Event::LoginTried { .. } | Event::Request { .. });
    let seen = device.journal().last().unwrap().seq;
    device.wait_event_since(seen, "a lost answer", BOUND, tried).await.unwrap();
    device.clear_fault(lossy);
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_called_off_before_the_manager_fetches_and_not_after() {
    let (lab, device, daemon) = at_rest(with_reception()).await;
    let refused = lab.n720d(&["rotate-password", "acme", "--abort"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    let deaf = device.set_fault(Fault::IgnoreTriggers);
    begin(&lab).await;
    stage(&lab, "released").await;
    let again = lab.n720d(&ROTATE).await;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is being changed already, as anna asked"), "{}", again.err);
    let ran = lab.n720d(&["rotate-password", "acme", "--abort", "--by", "ben"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("called off"), "{}", ran.out);
    device.clear_fault(deaf);
    device.fetch().unwrap();
    lab.readings("acme", 2).await;
    assert!(device.takes_password(secrets::WEB));
    assert_eq!((changes(&device), named(&lab).as_str()), (0, secrets::WEB));

    // The next one goes through, and is not called off once it is with the manager.
    begin(&lab).await;
    let changed = |event: &Event| matches!(event, Event::WebPasswordChanged { .. });
    device.wait_event("the new password", BOUND, changed).await.unwrap();
    let late = lab.n720d(&["rotate-password", "acme", "--abort"]).await;
    assert_eq!(late.code, 1, "{late:?}");
    it_is_changed(&lab, &device).await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Where n720d cannot write, it goes on with the password that it keeps, and says so until the site file names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_cannot_be_stored_is_kept_and_told_of() {
    let lab = Lab::new().await;
    let device = forgetful(with_reception()).start().await.unwrap();
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Reception");
    lab.site("acme", &site.clone().with(|site| site.password = secrets::WEB.to_owned()));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let ran = lab.n720d(&ROTATE).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.out.contains("--show"), "{}", ran.out);
    let status = lab.fires("acme", "password-not-stored").await;
    assert_eq!(status["password_change"]["stage"], "not-stored");
    assert_eq!(status["health"], "converged", "it is read as ever");
    let told = alert(&status, "password-not-stored").unwrap()["summary"].as_str().unwrap().to_owned();
    assert!(told.contains("the password in the site file cannot be written"), "{told}");
    daemon.kill_logged_in(&[&device]).await;
    let daemon = lab.start().await;
    lab.readings("acme", 1).await;
    // Whoever looks without the daemon uses it too.
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 0);

    let shown = lab.n720d(&["rotate-password", "acme", "--show", "--by", "anna"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let new = shown.out.trim();
    assert!(device.takes_password(new));
    assert!(lab.n720d(&["history", "acme"]).await.out.contains("the new web password was shown"));
    lab.write_secret("web.secret", new);
    lab.site("acme", &site);
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    it_is_changed(&lab, &device).await;
    lab.until("acme", "the end of the alert", |status| alert(status, "password-not-stored").is_none()).await;
    assert_eq!(lab.n720d(&["rotate-password", "acme", "--show"]).await.code, 1, "there is none to show");
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_written_to_gets_no_new_password() {
    let (lab, device, daemon) = at_rest(with_reception()).await;
    let site = Site::of(&device).slot(1, RECEPTION, "1013", "Reception");
    lab.site("acme", &site.with(|site| site.mode = "observe"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let ran = lab.n720d(&ROTATE).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("mode = observe"), "{}", ran.err);
    assert_eq!(lab.status("acme").await["password_change"], Value::Null);
    assert_eq!(daemon.terminate().await.0, 0);
    let without = lab.n720d(&ROTATE).await;
    assert!(without.code == 1 && without.err.contains("no daemon runs"), "{without:?}");
    assert!(device.takes_password(secrets::WEB));
}
