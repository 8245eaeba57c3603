//! Windows that are closed as soon as they have filled, windows that are opened again at chosen times only, and windows
//! that let in more than they are for.

use chrono::{SubsecRound, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use n720_sim::{Device, Event, PinKnowledge};
use serde_json::Value;

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{
    BOUND, Lab, Settings, Site, Told, alert, between_readings, coming_minute, eventually, manager,
    registrations, request, steps, time, warnings,
};

async fn three_are_around(mac: &str) -> Device {
    let around = [RECEPTION, WORKSHOP, STORE].map(handset);
    let builder = around.into_iter().fold(manager(mac), |manager, one| manager.handset(one));
    builder.start().await.unwrap()
}

fn press(device: &Device, ipui: &str) {
    device.press(ipui.parse().unwrap()).unwrap();
}

async fn opens(device: &Device, nth: u32) {
    let opened = |event: &Event| *event == Event::WindowOpened { nth };
    device.wait_event("the window", BOUND, opened).await.unwrap();
}

/// The provisioning file that this manager would fetch.
async fn served(lab: &Lab, device: &Device) -> String {
    let url = device.snapshot().configfile_url;
    let path = url.splitn(4, '/').nth(3).unwrap().split('?').next().unwrap();
    lab.never(path.split('/').nth(1).unwrap());
    let path = format!("/{}", path.replace("%MACD", &device.mac().to_string()));
    let answer = request(lab.provisioning, "GET", &path, &[]).await.unwrap();
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}

/// Whether the file reserves a slot.
fn reserves(file: &str, slot: u8) -> bool {
    file.contains(&format!("astAccounts[{}].aucHandsetCode", slot - 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_has_filled_is_closed_and_opened_again_for_a_newcomer() {
    let lab = Lab::new().await;
    let device = three_are_around("7C2F80CA21E4").await;
    let two = two_handsets(&device).registration("close_when_filled = true");
    lab.site("acme", &two);
    let daemon = lab.start().await;
    opens(&device, 1).await;
    press(&device, RECEPTION);
    lab.until("acme", "one of two", |status| registrations(status).get(&1) == Some(&"registered")).await;
    assert!(device.snapshot().window_open, "one is still to come");
    press(&device, WORKSHOP);
    device.wait_until("its early end", BOUND, |seen| !seen.window_open).await.unwrap();
    let closed = |status: &Value| {
        status["health"] == "converged" && status["window"]["state"] == "closed" && steps(status).is_empty()
    };
    let status = lab.until("acme", "the closed window", closed).await;
    assert!(registrations(&status).values().all(|one| *one == "registered"), "{status:#}");

    lab.site("acme", &two.slot(3, STORE, "1015", "Store"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    opens(&device, 2).await;
    press(&device, STORE);
    device.wait_until("the second end", BOUND, |seen| !seen.window_open).await.unwrap();
    let status = lab.until("acme", "the closed window", closed).await;
    assert_eq!(registrations(&status).into_values().collect::<Vec<_>>(), ["registered"; 3]);
    assert_eq!(status["window"]["reopened"], 0, "a newcomer costs no reopening");
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lab.hook.told(), [], "there was nothing to tell anybody");
    let came_in: Vec<_> = device.windows().into_iter().map(|window| window.came_in.len()).collect();
    assert_eq!(came_in, [2, 1]);
    assert_eq!(device.applied().len(), 4, "each window was opened by a file and closed by one");
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_opened_again_only_when_its_schedule_allows_and_only_for_who_is_missing() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let device = three_are_around("7C2F80CA21E4").await;
    // The only time at which it may be opened again; the first one will have closed long before.
    let allowed = (Utc::now() + TimeDelta::seconds(55)).with_timezone(&Berlin).trunc_subsecs(0);
    let site = two_handsets(&device).slot(3, STORE, "1015", "Store");
    let site = site.registration(&allowed.format("reopen_schedule = '%S %M %H * * *'").to_string());
    lab.site("acme", &site.with(|site| (site.window, site.reopen) = (Some("14s"), 1)));
    let daemon = lab.start().await;
    opens(&device, 1).await;
    press(&device, RECEPTION);
    let deferred = |status: &Value| {
        let steps = status["plan"]["steps"].as_array().cloned().unwrap_or_default();
        let step = steps.into_iter().find(|step| step["action"] == "reopen-window")?;
        (step["state"] == "deferred").then(|| time(step["until"].as_str().unwrap()))
    };
    let until = eventually("the deferred step", async || deferred(&lab.status("acme").await)).await;
    assert_eq!(until, allowed.to_utc());
    let expired = lab.hook.hears("the end", |told| told.alert("window-expired-unfilled").is_some()).await;
    let summary = expired.alert("window-expired-unfilled").unwrap()["summary"].to_string();
    assert!(summary.contains("opens it again for them at"), "{summary}");
    opens(&device, 2).await;
    let reopened = time(&device.windows()[1].opened);
    assert!(until <= reopened, "opened {reopened}, allowed {until}");
    press(&device, WORKSHOP);
    let spent = |status: &Value| {
        let window = &status["window"];
        window["reopened"] == 1
            && window["state"] == "closed"
            && registrations(status).get(&3) == Some(&"expired")
    };
    lab.until("acme", "the end of the second", spent).await;
    let status = lab.readings("acme", 1).await;
    assert_eq!(steps(&status), [], "the budget is spent");
    let all = registrations(&status).into_iter().collect::<Vec<_>>();
    assert_eq!(all, [(1, "registered"), (2, "registered"), (3, "expired")]);
    let file = served(&lab, &device).await;
    assert_eq!([1, 2, 3].map(|slot| reserves(&file, slot)), [false, true, true], "who was missing then");
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    let came_in: Vec<_> = device.windows().into_iter().map(|window| window.came_in).collect();
    assert_eq!(came_in, [vec![(1, RECEPTION.parse().unwrap())], vec![(2, WORKSHOP.parse().unwrap())]]);
    left_in_order(&device);
}

/// Waits for `window-exposed` with this severity at a site.
async fn is_exposed(lab: &Lab, site: &str, severity: &str) -> Value {
    let with =
        |status: &Value| alert(status, "window-exposed").is_some_and(|one| one["severity"] == severity);
    lab.until(site, &format!("{severity} of window-exposed"), with).await
}

async fn all_come_in(lab: &Lab, site: &str, device: &Device, ipuis: &[&str]) {
    opens(device, 1).await;
    for ipui in ipuis {
        press(device, ipui);
    }
    let all = |status: &Value| registrations(status).values().all(|one| *one == "registered");
    lab.until(site, "everybody", all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_lets_in_more_than_it_is_for_is_told() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let one = async |site: u8| {
        let ipui = format!("02 {site:02X} 00 00 01");
        let device = manager(&format!("7C2F800000{site:02X}")).handset(handset(&ipui)).start().await.unwrap();
        let file = Site::of(&device).slot(1, &ipui, "1013", "Reception");
        (device, file, ipui)
    };
    let (endless, file, endless_one) = one(1).await;
    lab.site("endless", &file.with(|site| site.window = Some("always")));
    let (guarded, file, guarded_one) = one(2).await;
    lab.site("guarded", &file.with(|site| (site.window, site.pin) = (Some("always"), "4711")));
    let (short, file, short_one) = one(3).await;
    lab.site("short", &file.with(|site| site.window = Some("30s")));
    let (long, file, long_one) = one(4).await;
    lab.site("long", &file.with(|site| site.window = Some("2d")));
    let daemon = lab.start().await;

    let endless_story = async {
        is_exposed(&lab, "endless", "warning").await;
        all_come_in(&lab, "endless", &endless, &[&endless_one]).await;
        let status = is_exposed(&lab, "endless", "warning").await;
        assert_eq!(lab.n720d(&["status", "endless"]).await.code, 3, "{status:#}");
    };
    let guarded_story = async {
        is_exposed(&lab, "guarded", "info").await;
        guarded
            .press_typing(guarded_one.parse().unwrap(), Some(PinKnowledge::Types("4711".to_owned())))
            .unwrap();
        is_exposed(&lab, "guarded", "warning").await;
    };
    let short_story = async {
        all_come_in(&lab, "short", &short, &[&short_one]).await;
        let status = is_exposed(&lab, "short", "info").await;
        assert_eq!(warnings(&status), [""; 0], "it closes by itself");
        let over = |told: &Told| told.reason == "resolved" && told.body["site"] == "short";
        lab.hook.hears("the end", over).await;
    };
    let long_story = async {
        all_come_in(&lab, "long", &long, &[&long_one]).await;
        is_exposed(&lab, "long", "warning").await;
    };
    tokio::join!(endless_story, guarded_story, short_story, long_story);
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    for device in [&endless, &guarded, &short, &long] {
        assert_eq!(device.applied().len(), 1, "{}", device.name());
        left_in_order(device);
    }
}

/// Everybody is registered by hand before the window's day: it is called off, and comes back whole for a newcomer.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_nobody_needs_is_called_off_and_comes_back_whole() {
    let lab = Lab::new().await;
    let device = three_are_around("7C2F80CA21E4").await;
    let day = coming_minute() + TimeDelta::days(2);
    let two = two_handsets(&device).registration("close_when_filled = true").starts(day);
    let two = two.with(|site| site.window = Some("3h"));
    lab.site("acme", &two);
    let daemon = lab.start().await;
    let scheduled = |status: &Value| {
        let window = &status["window"];
        let length = |end: &str| (time(end) - day).num_hours();
        status["generation"]["verified"].is_string()
            && window["state"] == "scheduled"
            && window["opens_at"].as_str().map(time) == Some(day)
            && window["closes_at"].as_str().map(length) == Some(3)
    };
    lab.until("acme", "the window", scheduled).await;
    between_readings(&device).await;
    for (slot, ipui) in [(1, RECEPTION), (2, WORKSHOP)] {
        device.register_by_hand(slot, &handset(ipui)).unwrap();
    }
    lab.until("acme", "the end of it", |status| {
        status["health"] == "converged" && status["window"]["state"] == "closed" && steps(status).is_empty()
    })
    .await;
    lab.site("acme", &two.slot(3, STORE, "1015", "Store"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    lab.until("acme", "the window of the newcomer", scheduled).await;
    lab.readings("acme", 2).await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lab.hook.told(), []);
    assert_eq!((device.windows(), device.applied().len()), (vec![], 3));
    left_in_order(&device);
}
