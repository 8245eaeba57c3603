//! Windows that recur: opened in good time before their hour, by the manager itself if need be, and for nobody not at
//! all.

use chrono::TimeDelta;
use n720_sim::Device;

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{
    BOUND, Lab, OVER_A_MINUTE, Settings, alert, coming_minute, manager, registrations, steps, time,
};

async fn both_are_around() -> Device {
    let builder = manager("7C2F80CA21E4").handset(handset(RECEPTION)).handset(handset(WORKSHOP));
    builder.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recurring_window_is_written_ahead_and_only_while_somebody_is_missing() {
    let lab = Lab::with(Settings { interval: "5s", ..Settings::default() }).await;
    let device = both_are_around().await;
    let minute = coming_minute();
    lab.site("acme", &two_handsets(&device).with(|site| site.window = Some("1h")).recurs_daily(minute));
    let daemon = lab.start().await;
    let status = lab.until("acme", "the window", |status| status["generation"]["verified"].is_string()).await;
    assert_eq!(status["window"]["state"], "scheduled", "{status:#}");
    assert_eq!(time(status["window"]["opens_at"].as_str().unwrap()), minute);
    assert!(!device.snapshot().window_open, "in good time before");
    device.wait_until("its hour", OVER_A_MINUTE, |seen| seen.window_open).await.unwrap();
    for ipui in [RECEPTION, WORKSHOP] {
        device.press(ipui.parse().unwrap()).unwrap();
    }
    let status = lab.converged("acme").await;
    assert_eq!(steps(&status), [], "tomorrow's window is for nobody");
    lab.readings("acme", 2).await;
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 0);
    assert_eq!(daemon.terminate().await.0, 0);
    let windows = device.windows();
    assert_eq!(windows.len(), 1);
    let opened = time(&windows[0].opened);
    assert!(minute <= opened && opened < minute + TimeDelta::seconds(10), "{opened}");
    assert_eq!(device.applied().len(), 1);
    left_in_order(&device);
}

/// The daemon is off before the hour and back after it. The manager opened by itself; who came in is found out, who did
/// not is told at the first look, and the next window is written for them.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_daemon_is_off_the_manager_opens_and_closes_by_itself() {
    let lab = Lab::with(Settings { before_close: "['4s']", ..Settings::default() }).await;
    let device = both_are_around().await;
    let minute = coming_minute();
    lab.site("acme", &two_handsets(&device).with(|site| site.window = Some("8s")).recurs_daily(minute));
    let daemon = lab.start().await;
    lab.until("acme", "the window", |status| status["generation"]["verified"].is_string()).await;
    assert_eq!(daemon.terminate().await.0, 0);
    device.wait_until("its hour", OVER_A_MINUTE, |seen| seen.window_open).await.unwrap();
    device.press(RECEPTION.parse().unwrap()).unwrap();
    device.wait_until("its end", BOUND, |seen| !seen.window_open).await.unwrap();
    assert_eq!(lab.hook.told(), [], "nobody was there to tell anything");

    let daemon = lab.start().await;
    let status = lab.fires("acme", "window-expired-unfilled").await;
    assert_eq!(registrations(&status).into_iter().collect::<Vec<_>>(), [(1, "registered"), (2, "expired")]);
    let missed = alert(&status, "window-expired-unfilled").unwrap();
    assert_eq!(missed["handsets"].as_array().unwrap().len(), 1, "{missed:#}");
    assert_eq!(missed["handsets"][0]["number"], 2);
    lab.hook.hears("who missed it", |told| told.alert("window-expired-unfilled").is_some()).await;

    let tomorrow = minute + TimeDelta::days(1);
    let status = lab
        .until("acme", "tomorrow's window", |status| {
            status["window"]["state"] == "scheduled"
                && status["generation"]["verified"].is_string()
                && steps(status).is_empty()
        })
        .await;
    let opens = time(status["window"]["opens_at"].as_str().unwrap());
    assert!((opens - tomorrow).abs() <= TimeDelta::hours(1), "the same time of day: {opens}");
    assert_eq!(status["window"]["reopened"], 0, "one of its own, no reopening");
    assert!(alert(&status, "window-expired-unfilled").is_some(), "that is no comfort: {status:#}");
    assert_eq!(daemon.terminate().await.0, 0);
    lab.hook.repeats_nothing();
    assert_eq!(device.windows().len(), 1);
    assert_eq!(device.windows()[0].came_in, [(1, RECEPTION.parse().unwrap())]);
    assert_eq!(device.applied().len(), 2);
    left_in_order(&device);
}
