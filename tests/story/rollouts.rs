//! Site files that change together: a bad export reaches nobody, a fleet-wide change goes to a canary first, and no more
//! sites than were allowed are disturbed within an hour.

use std::time::Duration;

use n720_sim::{Device, Event, Fault, Timing};
use serde_json::Value;

use super::fills::{handset, left_in_order};
use crate::support::{Lab, Settings, Site, eventually, manager, registrations, steps};

/// Sites with a manager each, all handsets registered and every account in place.
struct Sites {
    lab: Lab,
    names: Vec<String>,
    devices: Vec<Device>,
    /// Entries of each site's file, and how many of the first are handsets.
    entries: u8,
    handsets: u8,
}

/// How long a session may be idle: as on the device, and where a killed daemon leaves one open.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_secs(10);

fn ipui(site: usize, number: u8) -> String {
    format!("02 {:02X} 00 00 {number:02X}", site + 1)
}

impl Sites {
    async fn start(settings: &str, names: &[&str], (entries, handsets): (u8, u8), idle: Duration) -> Self {
        let settings = Settings {
            more: settings.to_owned(),
            before_close: "[]",
            // A canary is given up after three of these.
            interval: if idle == SHORT { "5s" } else { "2s" },
            ..Settings::default()
        };
        let lab = Lab::with(settings).await;
        let mut devices = Vec::new();
        for site in 0..names.len() {
            let timing = Timing { settle: Duration::from_secs(1), idle_timeout: idle, ..Timing::brisk() };
            let mut device = manager(&format!("7C2F8000000{site}")).timing(timing);
            for number in 1..=entries {
                device = device.account(number, &format!("10{number:02}"), &format!("Phone {number}"));
            }
            for number in 1..=handsets {
                device = device.registered(number, handset(&ipui(site, number)));
            }
            devices.push(device.start().await.unwrap());
        }
        let names = names.iter().map(|&name| name.to_owned()).collect();
        let sites = Self { lab, names, devices, entries, handsets };
        sites.write(|number| number, |_| "Phone".to_owned());
        sites
    }

    /// Writes all files: whose handset is in which slot, and what the phones of a site are called.
    fn write(&self, whose: impl Fn(u8) -> u8, called: impl Fn(usize) -> String) {
        for (site, (name, device)) in self.names.iter().zip(&self.devices).enumerate() {
            let mut file = Site::of(device).with(|file| file.window = None);
            for number in 1..=self.entries {
                let (user, phone) = (format!("10{number:02}"), format!("{} {number}", called(site)));
                file = match number <= self.handsets {
                    true => file.slot(number, &ipui(site, whose(number)), &user, &phone),
                    false => file.account(number, &user, &phone),
                };
            }
            self.lab.site(name, &file);
        }
    }

    /// Waits until nothing is left to do anywhere, and each handset is known to be registered.
    async fn known(&self) {
        for name in &self.names {
            self.lab.converged(name).await;
            let all = |status: &Value| {
                let registered = registrations(status).into_values().filter(|word| *word == "registered");
                registered.count() == usize::from(self.handsets)
            };
            self.lab.until(name, &format!("the handsets of {name}"), all).await;
        }
    }

    /// The status of the fleet as a whole.
    async fn fleet(&self) -> Value {
        self.lab.get("/api/v1/sites").await.json()["fleet"].clone()
    }

    async fn rollout(&self, state: &str) -> Value {
        eventually(&format!("the rollout to be {state}"), async || {
            Some(self.fleet().await["rollout"].clone()).filter(|rollout| rollout["state"] == state)
        })
        .await
    }

    /// Which managers got a file.
    fn reached(&self) -> Vec<&str> {
        let reached = self.names.iter().zip(&self.devices).filter(|(_, device)| !device.applied().is_empty());
        reached.map(|(name, _)| name.as_str()).collect()
    }

    /// How often the fleet was told of, by reason.
    fn told(&self) -> Vec<String> {
        let told = self.lab.hook.told().into_iter().filter(|told| told.body["site"] == "fleet");
        told.map(|told| told.reason).collect()
    }

    fn left_in_order(&self) {
        self.devices.iter().for_each(left_in_order);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_export_is_one_alert_and_reaches_nobody() {
    let sites = Sites::start("", &["a", "b", "c", "d"], (50, 20), LONG).await;
    let daemon = sites.lab.start().await;
    sites.known().await;

    // Two hundred entries: each handset in the slot of its neighbour, each account with another name.
    sites.write(|number| if number % 2 == 0 { number - 1 } else { number + 1 }, |_| "Nobody".to_owned());
    daemon.hang_up();
    let told = sites.lab.hook.hears("the stop", |told| told.alert("rollout-stopped").is_some()).await;
    let alert = told.alert("rollout-stopped").unwrap();
    assert_eq!((&told.body["site"], &alert["id"]), (&"fleet".into(), &"fleet/rollout-stopped".into()));
    let summary = alert["summary"].as_str().unwrap();
    assert!(summary.contains("deregister 80 handsets") && summary.contains("a: 20, b: 20"), "{summary}");
    sites.rollout("stopped").await;
    for name in &sites.names {
        let status = sites.lab.until(name, "what is held", |status| status["health"] == "blocked").await;
        assert!(steps(&status).iter().all(|(.., state)| *state == "blocked"), "{status:#}");
        sites.lab.readings(name, 1).await;
    }
    let status = sites.lab.n720d(&["status"]).await;
    assert!(status.code == 3 && status.out.contains("rollout 1 stopped"), "{status:?}");
    let plan = sites.lab.n720d(&["plan", "a"]).await;
    assert!(plan.out.contains("the rollout was stopped"), "{plan:?}");

    // Neither a restart nor a reload forgets it, or says it again.
    assert_eq!(daemon.terminate().await.0, 0);
    let daemon = sites.lab.start().await;
    sites.lab.readings("a", 2).await;
    assert_eq!(sites.lab.n720d(&["reload"]).await.code, 0);
    sites.lab.readings("d", 2).await;
    assert_eq!(sites.told(), ["first"]);
    let others = sites.lab.hook.told().into_iter().filter(|told| told.alert("plan-needs-approval").is_some());
    assert_eq!(others.count(), 0, "the sites say nothing of their own");

    sites.write(|number| number, |_| "Phone".to_owned());
    assert_eq!(sites.lab.n720d(&["reload"]).await.code, 0);
    sites.rollout("done").await;
    sites.lab.hook.hears("its end", |told| told.body["site"] == "fleet" && told.reason == "resolved").await;
    for name in &sites.names {
        sites.lab.converged(name).await;
    }
    let history = sites.lab.n720d(&["history", "fleet"]).await;
    assert!(history.out.contains("rollout 1 is stopped") && history.out.contains("is over"), "{history:?}");
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(sites.reached(), [""; 0], "nothing was written");
    sites.left_in_order();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_keeps_the_others_as_they_are() {
    let sites =
        Sites::start("[rollout]\nfleet_wide = 3\ncanary = 1\n", &["a", "b", "c", "d"], (2, 2), LONG).await;
    let daemon = sites.lab.start().await;
    sites.known().await;
    sites.devices[0].set_fault(Fault::IgnoreFiles);
    sites.write(|number| number, |_| "Desk".to_owned());
    daemon.hang_up();
    let told = sites.lab.hook.hears("the stop", |told| told.alert("rollout-stopped").is_some()).await;
    let summary = told.alert("rollout-stopped").unwrap()["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("canary a") && summary.contains("changed nothing"), "{summary}");
    for name in ["b", "c", "d"] {
        sites.lab.readings(name, 2).await;
    }
    assert_eq!(sites.reached(), [""; 0]);
    for device in &sites.devices[1..] {
        let fetched = |event: &Event| matches!(event, Event::Fetched { .. });
        assert!(!device.journal().iter().any(|entry| fetched(&entry.event)), "{}", device.name());
    }
    // What went wrong is put right, and the files say something else.
    sites.devices[0].clear_faults();
    sites.write(|number| number, |_| "Table".to_owned());
    daemon.hang_up();
    sites.rollout("done").await;
    for name in &sites.names {
        sites.lab.converged(name).await;
    }
    sites.lab.hook.hears("its end", |told| told.body["site"] == "fleet" && told.reason == "resolved").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(sites.reached(), ["a", "b", "c", "d"]);
    sites.left_in_order();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_follow_a_verified_canary_also_when_n720d_was_killed_in_between() {
    let sites =
        Sites::start("[rollout]\nfleet_wide = 3\ncanary = 1\n", &["a", "b", "c", "d"], (2, 2), SHORT).await;
    let daemon = sites.lab.start().await;
    sites.known().await;
    sites.write(|number| number, |_| "Desk".to_owned());
    daemon.hang_up();
    let under_way = sites.rollout("canary").await;
    assert_eq!((&under_way["canaries"][0], &under_way["sites"]), (&"a".into(), &4.into()));
    eventually("the canary's file", async || Some(()).filter(|()| sites.reached() == ["a"])).await;
    daemon.kill_logged_in(&sites.devices.iter().collect::<Vec<_>>()).await;
    let daemon = sites.lab.start().await;
    assert!(["a"] == sites.reached().as_slice() || sites.fleet().await["rollout"]["state"] != "canary");
    sites.rollout("done").await;
    for name in &sites.names {
        sites.lab.converged(name).await;
    }
    let history = sites.lab.n720d(&["history", "fleet"]).await;
    for part in ["canaries first: a", "canary a is verified", "it goes on to 4 sites"] {
        assert_eq!(history.out.matches(part).count(), 1, "{part}: {history:?}");
    }
    assert_eq!(daemon.terminate().await.0, 0);
    for device in &sites.devices {
        assert_eq!(device.applied().len(), 1, "{}", device.name());
    }
    assert_eq!(sites.told(), [""; 0]);
    for device in &sites.devices {
        assert_eq!(device.deregistrations(), [], "{}", device.name());
    }
}
