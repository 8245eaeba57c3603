//! Files that cannot be used: at the start and at a reload each gives a clear message, and what worked goes on.

use n720_sim::Device;

use super::fills::{RECEPTION, handset, left_in_order};
use crate::support::{BOUND, Daemon, Lab, Settings, Site, eventually, manager};

async fn a_filled_site(lab: &Lab) -> Device {
    let device = manager("7C2F80CA21E4")
        .account(1, "1013", "Reception")
        .registered(1, handset(RECEPTION))
        .start()
        .await
        .unwrap();
    lab.site("acme", &of(&device));
    device
}

fn of(device: &Device) -> Site {
    Site::of(device).slot(1, RECEPTION, "1013", "Reception")
}

async fn says(daemon: &Daemon, words: &str) {
    eventually(words, async || daemon.log().contains(words).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn site_files_that_cannot_be_used_stop_nobody_else() {
    let lab = Lab::new().await;
    let device = a_filled_site(&lab).await;
    lab.site_text("broken", "[site\n");
    std::os::unix::fs::symlink("/nowhere", lab.path("sites/gone.toml")).unwrap();
    let daemon = lab.start().await;
    lab.converged("acme").await;
    for (site, file) in [("broken", "broken.toml:1"), ("gone", "gone.toml")] {
        let status = lab.status(site).await;
        assert_eq!(status["health"], "blocked", "{site}");
        let reason = status["reason"].as_str().unwrap();
        assert!(reason.contains("not watched") && reason.contains(file), "{reason}");
        assert!(daemon.log().contains(file), "{site} is not in the log");
    }
    let check = lab.n720d(&["check"]).await;
    assert_eq!(check.code, 78, "{check:?}");
    assert!(
        check.out.contains("broken.toml:1") && check.out.contains("gone.toml"),
        "both are named: {}",
        check.out
    );
    assert_eq!(lab.n720d(&["status"]).await.code, 3, "a person is needed");
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_everything_or_nothing() {
    let lab = Lab::new().await;
    let device = a_filled_site(&lab).await;
    let daemon = lab.start().await;
    lab.converged("acme").await;

    lab.site("acme", &of(&device).slot(2, "02 9E 74 A5 99", "1014", "Workshop"));
    lab.site_text("broken", "[site]\nwrong = 1\n");
    daemon.hang_up();
    says(&daemon, "not reloaded").await;
    says(&daemon, "broken.toml:2").await;
    let reload = lab.n720d(&["reload"]).await;
    assert_eq!(reload.code, 78, "{reload:?}");
    assert!(reload.err.contains("broken.toml:2"), "{}", reload.err);
    let status = lab.readings("acme", 1).await;
    assert_eq!(status["slots"].as_array().unwrap().len(), 1, "the old configuration goes on");

    lab.no_site("broken");
    let text = std::fs::read_to_string(lab.config()).unwrap();
    std::fs::write(lab.config(), format!("{text}[poll\n")).unwrap();
    let seen = daemon.log().matches("not reloaded").count();
    daemon.hang_up();
    eventually("the refusal", async || (daemon.log().matches("not reloaded").count() > seen).then_some(()))
        .await;
    assert_eq!(lab.readings("acme", 1).await["slots"].as_array().unwrap().len(), 1);

    lab.write_config(&Settings::default());
    daemon.hang_up();
    lab.until("acme", "the new slot", |status| {
        status["slots"].as_array().is_some_and(|slots| slots.len() == 2)
    })
    .await;
    device.wait_until("its reservation", BOUND, |seen| seen.pending.len() == 1).await.unwrap();
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_used_is_no_start() {
    let lab = Lab::new().await;
    let good = std::fs::read_to_string(lab.config()).unwrap();
    for (text, says) in [
        (format!("{good}[poll\n"), "n720d.toml:"),
        (good.replace("jitter = '0%'", "jitter = 'much'"), "poll.jitter"),
        (good.replace("env:WEBHOOK_KEY", "env:NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE"),
    ] {
        std::fs::write(lab.config(), text).unwrap();
        let mut daemon = lab.start_with(&[]);
        let code = daemon.ended().await;
        assert!(code == 78 || says == "NOT_SET_ANYWHERE" && code == 1, "{says}: {code}");
        assert!(daemon.log().contains(says), "{says}: {}", daemon.log());
    }
    std::fs::remove_file(lab.config()).unwrap();
    let mut daemon = lab.start_with(&[]);
    assert_eq!(daemon.ended().await, 78);
    assert!(daemon.log().contains("n720d.toml"), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_comes_is_watched_and_one_that_goes_is_left_as_it_is() {
    let lab = Lab::new().await;
    let first = a_filled_site(&lab).await;
    let second = manager("7C2F80CA21E5").handset(handset("02 00 00 00 05")).start().await.unwrap();
    let daemon = lab.start().await;
    lab.converged("acme").await;
    lab.no_site("acme");
    lab.site("bolt", &Site::of(&second).slot(1, "02 00 00 00 05", "2001", "Door"));
    daemon.hang_up();
    lab.until("acme", "acme to go", serde_json::Value::is_null).await;
    let (seen, files) = (first.journal().len(), first.applied());
    second.wait_until("the window", BOUND, |seen| seen.window_open).await.unwrap();
    second.press("02 00 00 00 05".parse().unwrap()).unwrap();
    lab.converged("bolt").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(first.journal().len(), seen, "nobody asks the manager of a site that is gone");
    assert_eq!(first.applied(), files);
    left_in_order(&first);
    left_in_order(&second);
}

/// Times of windows that a clock leaves out, shows twice, or that exclude each other.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_at_no_certain_time_is_refused_with_what_to_write() {
    let lab = Lab::new().await;
    let device = a_filled_site(&lab).await;
    for (lines, code, words) in [
        (&["start = '2027-03-28T02:30'"][..], 78, "leaves out when the clock goes forward"),
        (&["start = '2026-10-25T02:30'"], 78, "2026-10-25T02:30+02:00"),
        (&["start = '2026-10-25T02:30+01:00'"], 0, "comes twice"),
        (&["start = '2027-03-28T03:30'"], 0, "no findings"),
        (&["schedule = '0 8 * * MON'"], 0, "no findings"),
        (&["schedule = '0 8 * * MON'", "start = '2027-03-28T03:30'"], 78, "either start"),
        (&["schedule = '*/2 * * * *'"], 0, "begins again while the window"),
        (&["schedule = '0 8 32 * *'"], 78, "schedule"),
        (&["reopen_schedule = '0 8 * * *'"], 0, "without it no window is opened again"),
    ] {
        let site = lines.iter().fold(of(&device), |site, line| site.registration(line));
        lab.site("acme", &site);
        let check = lab.n720d(&["check"]).await;
        assert_eq!(check.code, code, "{lines:?}: {check:?}");
        assert!(check.out.contains(words) || words == "no findings", "{lines:?}: {}", check.out);
        let is_named = check.out.contains("sites/acme.toml");
        assert_eq!(is_named, words != "no findings", "{lines:?}: {}", check.out);
    }
}
