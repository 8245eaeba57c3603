//! When nothing may be written: a site or all of them paused, a pause that is forgotten, and maintenance windows.

use chrono::{TimeDelta, Timelike, Utc};
use n720_sim::{Device, Event};
use serde_json::Value;

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{Lab, Settings, Site, Told, alert, between_readings, manager, steps, time};

/// A manager in service: two handsets registered, and a third account.
async fn in_service(mac: &str) -> Device {
    manager(mac)
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .account(2, "1014", "Workshop")
        .registered(2, handset(WORKSHOP))
        .account(3, "1015", "Store")
        .start()
        .await
        .unwrap()
}

/// The site of such a manager, without a window, so that nothing but the accounts is to be done.
fn site(device: &Device) -> Site {
    two_handsets(device).account(3, "1015", "Store").with(|site| site.window = None)
}

/// Somebody deletes the account of slot 3 by hand: that is to be put back.
fn take_away(device: &Device) {
    device.delete_account(3).unwrap();
}

/// How much was written to a manager, or fetched by it, so far.
fn written(device: &Device) -> usize {
    let writes = |event: &Event| {
        matches!(event, Event::SettingChanged { .. } | Event::FetchStarted { .. } | Event::Sip { .. })
    };
    device.journal().iter().filter(|entry| writes(&entry.event)).count()
}

/// The outcomes of a site's history under this word, newest first, each with who it was.
async fn told(lab: &Lab, site: &str, what: &str) -> Vec<String> {
    let page = lab.get(&format!("/api/v1/sites/{site}/history")).await.json();
    let lines = page["history"].as_array().unwrap().iter().filter(|line| line["what"] == what);
    lines.map(|line| format!("{}: {}", line["who"], line["outcome"]).replace('"', "")).collect()
}

fn is_paused(status: &Value) -> bool {
    status["pause"].is_object()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_site_is_read_and_alerted_and_left_alone_until_somebody_resumes() {
    let lab = Lab::new().await;
    let device = in_service("7C2F80CA21E4").await;
    lab.site("acme", &site(&device));
    let daemon = lab.start().await;
    lab.converged("acme").await;

    let paused =
        lab.n720d(&["pause", "acme", "--for", "1h", "--reason", "cable works", "--by", "anna"]).await;
    assert!(paused.code == 0 && paused.out.starts_with("acme: paused until "), "{paused:?}");
    let before = written(&device);
    between_readings(&device).await;
    take_away(&device);
    lab.hook.hears("the drift", |told| told.alert("drift").is_some()).await;
    let status = lab.readings("acme", 2).await;
    assert_eq!((&status["pause"]["by"], &status["pause"]["reason"]), (&"anna".into(), &"cable works".into()));
    assert_eq!(status["pause"]["whole_fleet"], false);
    assert_eq!(status["health"], "waiting");
    assert_eq!(steps(&status), [("configure-account", 3, "deferred")]);
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.starts_with("paused by anna until ") && reason.ends_with(": cable works"), "{reason}");
    let shown = lab.n720d(&["status", "acme"]).await;
    assert!(shown.out.contains("pause       by anna until "), "{shown:?}");
    assert!(lab.n720d(&["status"]).await.out.contains("manage, paused"));
    assert!(lab.n720d(&["plan", "acme"]).await.out.contains("paused by anna"), "also without the daemon");
    assert!(lab.get("/metrics").await.body.contains("n720d_paused{site=\"acme\"} 1"));
    assert_eq!(lab.n720d(&["apply", "acme"]).await.code, 2, "not by name either");
    assert_eq!(daemon.terminate().await.0, 0);

    let apply = lab.n720d(&["apply", "acme"]).await;
    assert!(apply.code == 2 && apply.out.contains("paused by anna"), "nor without the daemon: {apply:?}");
    let refused = lab.n720d(&["resume", "acme"]).await;
    assert!(refused.code == 1 && refused.err.contains("no daemon runs"), "{refused:?}");
    let daemon = lab.start().await;
    assert!(is_paused(&lab.readings("acme", 2).await), "it outlives the daemon");
    assert_eq!(written(&device), before, "all the while nothing was written");

    let resumed = lab.n720d(&["resume", "acme", "--by", "ben"]).await;
    assert!(resumed.code == 0 && resumed.out.contains("acme: resumed; it was paused by anna"), "{resumed:?}");
    assert!(!is_paused(&lab.status("acme").await), "shown at once");
    lab.converged("acme").await;
    assert_eq!(device.snapshot().slots[&3].user_id, "1015");
    assert_eq!(told(&lab, "acme", "resume").await, ["user ben: the pause was ended"]);
    assert!(told(&lab, "acme", "pause").await[0].starts_with("user anna: paused by anna until "));
    assert!(lab.get("/metrics").await.body.contains("n720d_paused{site=\"acme\"} 0"));
    let again = lab.n720d(&["resume", "acme"]).await;
    assert!(again.code == 0 && again.out.contains("there was no pause"), "{again:?}");
    assert_eq!(lab.n720d(&["pause", "nobody"]).await.code, 1);
    assert_eq!(lab.n720d(&["pause", "acme", "--for", "31d"]).await.code, 1);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_all_sites_leaves_those_paused_that_are_paused_for_themselves() {
    let lab = Lab::new().await;
    let (acme, beta) = (in_service("7C2F80CA21E4").await, in_service("7C2F80CA21E5").await);
    let of_beta =
        |text: String| text.replace(RECEPTION, "02 00 00 00 01").replace(WORKSHOP, "02 00 00 00 02");
    lab.site("acme", &site(&acme));
    // Handsets are listed once in the fleet.
    lab.site_text("beta", &of_beta(site(&beta).with(|site| site.mode = "observe").text()));
    let daemon = lab.start().await;
    lab.converged("acme").await;

    let all = lab.n720d(&["pause", "--all", "--by", "anna", "--json"]).await.json();
    assert_eq!((&all["sites"], &all["pause"]["whole_fleet"]), (&2.into(), &true.into()));
    assert!(all["forgotten_at"].is_string() && all["pause"]["until"].is_null(), "{all}");
    let own = lab.n720d(&["pause", "beta", "--for", "1h", "--by", "ben", "--json"]).await.json();
    assert_eq!((&own["pause"]["by"], &own["longer"]["by"]), (&"ben".into(), &"anna".into()), "{own}");
    let before = written(&acme);
    between_readings(&acme).await;
    take_away(&acme);
    let status = lab.until("acme", "the step", |status| !steps(status).is_empty()).await;
    assert_eq!(steps(&status), [("configure-account", 3, "deferred")]);
    lab.readings("acme", 2).await;
    assert_eq!(written(&acme), before);
    for site in ["acme", "beta"] {
        assert!(is_paused(&lab.status(site).await), "{site}");
        assert!(
            told(&lab, site, "pause").await.iter().any(|line| line.starts_with("user anna: all sites")),
            "{site}"
        );
    }

    let resumed = lab.n720d(&["resume", "--all", "--by", "anna"]).await;
    assert!(resumed.out.contains("beta is still paused by ben"), "{resumed:?}");
    lab.converged("acme").await;
    assert_eq!(acme.applied().len(), 1);
    assert_eq!(lab.status("beta").await["pause"]["by"], "ben");
    assert_eq!(lab.n720d(&["resume", "beta"]).await.code, 0);
    assert!(!is_paused(&lab.status("beta").await));
    assert_eq!(daemon.terminate().await.0, 0);
    [acme, beta].iter().for_each(left_in_order);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_by_itself_and_one_that_is_forgotten_is_alerted_once() {
    let settings = Settings { alerts: "pause_forgotten = '3s'", ..Settings::default() };
    let lab = Lab::with(settings).await;
    let device = in_service("7C2F80CA21E4").await;
    lab.site("acme", &site(&device));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let answer = lab.n720d(&["pause", "acme", "--by", "anna"]).await;
    assert!(
        answer.out.contains("paused until 'n720d resume acme'")
            && answer.out.contains("an alert reminds of it from "),
        "{answer:?}"
    );
    between_readings(&device).await;
    take_away(&device);
    let heard = lab.hook.hears("that it is forgotten", |told| told.alert("pause-forgotten").is_some()).await;
    let summary = heard.alert("pause-forgotten").unwrap()["summary"].as_str().unwrap();
    assert!(summary.contains("paused by anna until somebody resumes"), "{summary}");
    assert!(summary.ends_with("end it with 'n720d resume acme'"), "{summary}");
    lab.readings("acme", 3).await;
    assert_eq!(device.applied(), []);

    // Another one takes its place, and ends by itself.
    assert_eq!(lab.n720d(&["pause", "acme", "--for", "2s"]).await.code, 0);
    let status = lab.converged("acme").await;
    assert!(!is_paused(&status) && alert(&status, "pause-forgotten").is_none(), "{status}");
    assert_eq!(told(&lab, "acme", "pause").await.len(), 3, "given, given anew, over");
    assert!(told(&lab, "acme", "pause").await[0].starts_with("n720d: the pause by "));
    let over = |told: &Told| told.alert("pause-forgotten").is_some_and(|alert| alert["state"] == "resolved");
    lab.hook.hears("that it is over", over).await;
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    left_in_order(&device);
}

/// The account of a phone that is in use gets another number, which interrupts it; that of nobody is set at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_interrupts_waits_for_the_maintenance_window_and_is_done_in_it() {
    let lab = Lab::new().await;
    let device = in_service("7C2F80CA21E4").await;
    lab.site("acme", &site(&device));
    let daemon = lab.start().await;
    lab.converged("acme").await;

    let opens = (Utc::now() + TimeDelta::seconds(30)).with_nanosecond(0).unwrap();
    let start = format!("{} {} {} * * *", opens.second(), opens.minute(), opens.hour());
    let changed = Site::of(&device)
        .slot(1, RECEPTION, "1017", "Reception")
        .slot(2, WORKSHOP, "1014", "Workshop")
        .account(3, "1015", "Store")
        .account(4, "1016", "Attic")
        .with(|site| site.window = None);
    let window = format!("[maintenance]\nstart = '{start}'\nlength = '1h'\ntime_zone = 'UTC'\n");
    lab.site_text("acme", &format!("{}{window}", changed.text()));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let waits = |status: &Value| steps(status).contains(&("configure-account", 1, "deferred"));
    let status = lab.until("acme", "the step to wait", waits).await;
    let step = status["plan"]["steps"].as_array().unwrap().iter().find(|step| step["slot"] == 1).unwrap();
    assert!(step["reason"].as_str().unwrap().contains("waits for the maintenance window"), "{step}");
    assert_eq!(step["impact"], "interrupts");

    let done = |status: &Value| status["health"] == "converged" && steps(status).is_empty();
    lab.until("acme", "all of it", done).await;
    let slots = device.snapshot().slots;
    assert_eq!((slots[&1].user_id.as_str(), slots[&4].user_id.as_str()), ("1017", "1016"));
    let fetches: Vec<_> = device
        .journal()
        .into_iter()
        .filter(|entry| matches!(entry.event, Event::FetchStarted { .. }))
        .map(|entry| time(&entry.utc))
        .collect();
    assert!(fetches.len() <= 2 && *fetches.last().unwrap() >= opens, "{fetches:?} {opens}");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}
