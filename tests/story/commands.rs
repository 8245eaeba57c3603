//! The commands as scripts use them: what they print, and the codes they end with.

use n720_sim::{Device, Event, Fault};
use serde_json::{Value, json};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Ran, eventually, manager, secrets};

/// A manager with one handset registered, one to come and one account by hand.
async fn half_filled(lab: &Lab) -> Device {
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION).model("S650H PRO", "102"))
        .handset(handset(WORKSHOP))
        .start()
        .await
        .unwrap();
    lab.site("acme", &two_handsets(&device));
    device
}

/// Fails unless every one of these keys is in the object.
fn has(object: &Value, keys: &[&str]) {
    let object = object.as_object().unwrap();
    for key in keys {
        assert!(object.contains_key(*key), "no {key} in {object:#?}");
    }
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
}

fn ended(ran: &Ran, code: i32) {
    assert_eq!(ran.code, code, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_render_need_no_manager() {
    let lab = Lab::new().await;
    let device = half_filled(&lab).await;
    ended(&lab.n720d(&["check"]).await, 0);
    let masked = lab.n720d(&["render", "acme"]).await;
    ended(&masked, 0);
    assert!(masked.out.starts_with("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"), "{}", masked.out);
    let reserved = "BS_Accounts.astAccounts[0].aucHandsetCode[0]\" class=\"symb_item\" value=\"0x02,0xB6,0xEC,0x8A,0xA5\"";
    assert!(masked.out.contains(reserved), "{}", masked.out);
    assert!(!masked.out.contains(secrets::SIP));
    let revealed = lab.n720d(&["render", "acme", "--reveal-secrets"]).await;
    ended(&revealed, 0);
    assert!(revealed.out.contains(secrets::SIP));
    let version = |ran: &Ran| ran.out.lines().find(|line| line.contains("<VERSION")).unwrap().to_owned();
    let window = |ran: &Ran| {
        let lines = ran.out.lines().filter(|line| line.contains("IPUIRegistration"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut again = lab.n720d(&["render", "acme", "--reveal-secrets"]).await;
    let mut masked = masked;
    // A window "when released" begins in the minute that runs, and makes up for the seconds of it that have gone.
    while window(&masked) != window(&again) {
        (masked, again) = (lab.n720d(&["render", "acme"]).await, masked);
    }
    assert_eq!(version(&masked), version(&again), "the same content, the same VERSION");

    ended(&lab.n720d(&["render", "nobody"]).await, 1);
    ended(&lab.n720d(&["frobnicate"]).await, 64);
    ended(&lab.n720d(&["--version"]).await, 0);
    lab.site_text("acme", "[site]\nmodus = 'manage'\n[[slot]]\nnumber = 101\n");
    let check = lab.n720d(&["check"]).await;
    ended(&check, 78);
    for place in ["acme.toml:2", "acme.toml:4", "modus", "slot"] {
        assert!(check.out.contains(place), "{place}: {}", check.out);
    }
    let findings = lab.n720d(&["check", "--json"]).await;
    ended(&findings, 78);
    assert!(findings.json()["errors"].as_u64().unwrap() >= 2);
    ended(&lab.n720d(&["render", "acme"]).await, 78);
    let asked = |event: &Event| matches!(event, Event::Request { .. });
    assert!(!device.journal().iter().any(|entry| asked(&entry.event)), "nobody asked the manager anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn observe_and_plan_read_and_write_nothing() {
    let lab = Lab::new().await;
    let device = half_filled(&lab).await;
    let ran = lab.n720d(&["observe", "acme", "--json"]).await;
    ended(&ran, 0);
    let seen = ran.json();
    has(
        &seen,
        &["site", "at", "firmware", "mac", "device_clock", "pending", "slots", "base_stations", "notes"],
    );
    assert_eq!((&seen["site"], &seen["mac"]), (&json!("acme"), &json!("7C2F80CA21E4")));
    assert_eq!(seen["firmware"], "70.111.00.000.00");
    assert!(is_time(&seen["at"]) && seen["device_clock"].as_str().unwrap().len() == "2026-11-23T08:01".len());
    assert_eq!(seen["pending"], json!([]));
    assert_eq!(seen["registration_pin"], "random", "as it comes from the factory");
    let slot = &seen["slots"][0];
    has(slot, &["number", "user_id", "display_name", "sip", "handset", "model"]);
    assert_eq!(
        (&slot["number"], &slot["user_id"], &slot["handset"]),
        (&json!(1), &json!("1013"), &json!("registered"))
    );
    assert!(["registered", "unregistered", "unconfigured"].contains(&slot["sip"].as_str().unwrap()));
    assert_eq!(slot["model"], "S650H PRO");
    has(&seen["base_stations"][0], &["name", "module", "firmware"]);

    let pages = lab.path("pages");
    ended(&lab.n720d(&["observe", "acme", "--record", pages.to_str().unwrap()]).await, 0);
    let recorded: Vec<_> = std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(recorded.len() >= 2, "{recorded:?}");
    let whole = recorded.iter().any(|page| std::fs::read_to_string(page).unwrap().contains("td_cell_status"));
    assert!(whole, "the pages are worth something; that no secret is in them is looked for at the end");

    let plan = lab.n720d(&["plan", "acme", "--json"]).await;
    ended(&plan, 2);
    let plan = plan.json();
    let steps = plan["sites"][0]["plan"]["steps"].as_array().unwrap();
    steps.iter().for_each(|step| has(step, &["action", "slot", "impact", "who", "why"]));
    let reserve = steps.iter().find(|step| step["action"] == "reserve").unwrap();
    assert_eq!(
        (&reserve["slot"], &reserve["impact"], &reserve["who"]),
        (&json!(2), &json!("none"), &json!(["1014"]))
    );
    let text = lab.n720d(&["plan"]).await;
    ended(&text, 2);
    assert!(text.out.contains("reserve slot 2 (1014)"), "{}", text.out);
    ended(&lab.n720d(&["url", "acme"]).await, 1);
    assert!(!lab.path("state").exists(), "no command that reads makes a state directory");

    device.set_fault(Fault::Refuse);
    ended(&lab.n720d(&["observe", "acme"]).await, 1);
    ended(&lab.n720d(&["plan", "acme"]).await, 1);
    device.clear_faults();
    device.set_fault(Fault::PersonLoggedIn);
    let busy = lab.n720d(&["observe", "acme"]).await;
    ended(&busy, 1);
    assert!(device.snapshot().person, "the person stays");
    device.clear_faults();
    assert_eq!(device.applied(), []);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_yet_a_sentence_says_so() {
    let lab = Lab::new().await;
    let device = half_filled(&lab).await;
    let history = "nothing is in the history\n";
    let told = async |arguments: &[&str], expected: &str| {
        let ran = lab.n720d(arguments).await;
        ended(&ran, 0);
        assert_eq!(ran.out, expected, "{arguments:?}");
    };
    told(&["alerts", "--sent"], "nothing was sent yet\n").await;
    told(&["history"], history).await;
    told(&["history", "acme"], history).await;
    told(&["history", "fleet"], history).await;
    ended(&lab.n720d(&["history", "nobody"]).await, 1);
    let daemon = lab.start().await;
    told(&["history", "fleet"], history).await;
    ended(&lab.n720d(&["history", "nobody"]).await, 1);
    let json = lab.n720d(&["history", "fleet", "--json"]).await;
    assert_eq!(json.json(), json!({"history": []}));
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_does_the_whole_job_without_a_daemon() {
    let lab = Lab::new().await;
    let device = half_filled(&lab).await;
    let waits = lab.n720d(&["apply", "acme"]).await;
    // The window is open and one handset is still to come: nothing is left to do, and that is said by what is printed.
    assert!([0, 2].contains(&waits.code), "{waits:?}");
    assert_eq!(device.applied().len(), 1);
    device.press(WORKSHOP.parse().unwrap()).unwrap();
    device.wait_until("both", BOUND, |seen| seen.registered().len() == 2).await.unwrap();
    let done = lab.n720d(&["apply", "acme", "--json"]).await;
    ended(&done, 0);
    assert_eq!(done.json()["sites"][0]["health"], "converged");
    ended(&lab.n720d(&["plan", "acme"]).await, 0);
    assert_eq!(device.applied().len(), 1, "twice changes nothing");

    let status = lab.n720d(&["status", "acme", "--json"]).await;
    ended(&status, 0);
    assert!(status.err.contains("no daemon is running"), "{}", status.err);
    assert_eq!(status.json()["sites"][0]["health"], "converged", "as it was stored");
    let history = lab.n720d(&["history", "acme"]).await;
    ended(&history, 0);
    for what in ["enrol", "release", "verify", "registration"] {
        assert!(history.out.contains(what), "{what}: {}", history.out);
    }
    for command in [&["poll", "acme"][..], &["reload"]] {
        let ran = lab.n720d(command).await;
        ended(&ran, 1);
        assert!(ran.err.contains("no daemon runs"), "{}", ran.err);
    }
    device.set_fault(Fault::Refuse);
    ended(&lab.n720d(&["apply", "acme"]).await, 1);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_daemon_is_asked_and_told() {
    let lab = Lab::new().await;
    let device = half_filled(&lab).await;
    ended(&lab.n720d(&["status"]).await, 0);
    let daemon = lab.start().await;
    device.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    let apply = lab.n720d(&["apply", "acme"]).await;
    assert!([0, 2].contains(&apply.code), "the daemon does it: {apply:?}");
    device.press(WORKSHOP.parse().unwrap()).unwrap();
    lab.converged("acme").await;

    let ran = lab.n720d(&["status", "--json"]).await;
    ended(&ran, 0);
    let site = ran.json()["sites"][0].clone();
    has(&site, &["site", "health", "mode", "observed_at", "generation", "window", "slots", "alerts", "plan"]);
    has(&site["generation"], &["desired", "released", "fetched", "verified"]);
    has(&site["window"], &["state", "opens_at", "closes_at", "reopened"]);
    has(&site["plan"], &["hash", "steps"]);
    has(&site["slots"][0], &["number", "ipui", "user", "registration", "since", "evidence"]);
    assert_eq!((&site["mode"], &site["window"]["state"]), (&json!("manage"), &json!("open")));
    assert!(
        is_time(&site["observed_at"])
            && is_time(&site["slots"][0]["since"])
            && is_time(&site["window"]["opens_at"])
    );
    assert_eq!(site["slots"][0]["ipui"], RECEPTION);
    // Between the two the manager may have been read once more.
    eventually("the same shape, asked either way", async || {
        let site = lab.n720d(&["status", "--json"]).await.json()["sites"][0].clone();
        let by_api = lab.get("/api/v1/sites").await.json()["sites"][0].clone();
        (by_api == site).then_some(())
    })
    .await;
    let text = lab.n720d(&["status"]).await;
    ended(&text, 0);
    assert!(
        text.out.contains("acme") && text.out.contains("converged") && text.out.contains("2/2"),
        "{}",
        text.out
    );

    let poll = lab.n720d(&["poll", "acme"]).await;
    ended(&poll, 0);
    assert!(poll.out.contains("converged"), "{}", poll.out);
    let reload = lab.n720d(&["reload"]).await;
    ended(&reload, 0);
    assert!(reload.out.contains("reloaded, 1 site"), "{}", reload.out);
    let history = lab.n720d(&["history", "acme", "--json", "--limit", "3"]).await;
    ended(&history, 0);
    let lines = history.json()["history"].clone();
    assert_eq!(lines.as_array().unwrap().len(), 3);
    has(&lines[0], &["site", "at", "who", "what", "outcome"]);
    let url = lab.n720d(&["url", "acme"]).await;
    ended(&url, 0);
    let shown = device.snapshot().configfile_url;
    assert_eq!(url.out.trim(), shown, "what the manager was enrolled with");
    let token = shown.split('/').nth(4).unwrap();
    lab.never(token);
    ended(&lab.n720d(&["status", "nobody"]).await, 1);
    ended(&lab.n720d(&["poll", "nobody"]).await, 1);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}
