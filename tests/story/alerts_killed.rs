//! Killed between every two stages on the way from an alert to its receiver: nobody is left untold, and nobody is told twice
//! but with the same id, by which receivers tell that it is the same.

use chrono::{DateTime, TimeDelta, Utc};
use n720_sim::Device;

use super::alerts::cycles;
use crate::support::{Lab, Settings, Site, Told, alert, eventually, forgetful, manager, secrets};

/// A laboratory with a site whose trouble comes and goes with the file of its password.
struct Scene {
    lab: Lab,
    device: Device,
}

impl Scene {
    async fn new(group_wait: &'static str) -> Self {
        let settings = Settings { interval: "1s", interval_open: "1s", group_wait, ..Settings::default() };
        let lab = Lab::with(settings).await;
        let device = forgetful(manager("7C2F80CA21E4")).start().await.unwrap();
        let site = Site::of(&device).with(|site| {
            site.mode = "observe";
            site.window = None;
        });
        lab.site("acme", &site);
        let scene = Self { lab, device };
        scene.trouble();
        scene
    }

    fn trouble(&self) {
        std::fs::remove_file(self.lab.path("web.secret")).unwrap();
    }

    fn no_trouble(&self) {
        self.lab.write_secret("web.secret", secrets::WEB);
    }

    /// What was told of the trouble, each message once: where it stood.
    fn told(&self) -> Vec<String> {
        self.lab.hook.told().iter().filter_map(state).collect()
    }

    async fn until_told(&self, wanted: &str) {
        self.lab.hook.hears(wanted, |told| state(told).as_deref() == Some(wanted)).await;
    }

    /// From the beginning, told once, to the end, told once; by a daemon that was just started.
    async fn ends_well(&self) {
        let daemon = self.lab.start().await;
        self.until_told("firing").await;
        cycles(&self.lab, "acme", 2).await;
        assert_eq!(self.told(), ["firing"]);
        self.no_trouble();
        cycles(&self.lab, "acme", 1).await;
        self.until_told("resolved").await;
        let before = self.lab.hook.deliveries();
        let status = self.lab.readings("acme", 3).await;
        assert_eq!(alert(&status, "secret-missing"), None);
        assert_eq!(self.told(), ["firing", "resolved"]);
        assert_eq!(self.lab.hook.deliveries(), before, "it is over");
        assert_eq!(daemon.terminate().await.0, 0);
    }
}

fn state(told: &Told) -> Option<String> {
    told.alert("secret-missing")?["state"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn right_after_the_alert_was_kept() {
    let scene = Scene::new("0s").await;
    let daemon = scene.lab.start().await;
    scene.lab.fires("acme", "secret-missing").await;
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_messages_are_gathered() {
    let scene = Scene::new("8s").await;
    let daemon = scene.lab.start().await;
    let status = scene.lab.fires("acme", "secret-missing").await;
    daemon.kill_logged_in(&[&scene.device]).await;
    assert_eq!(scene.lab.hook.deliveries(), 0);
    let since: DateTime<Utc> =
        alert(&status, "secret-missing").unwrap()["since"].as_str().unwrap().parse().unwrap();
    let has_waited = |seconds| Utc::now() - since >= TimeDelta::seconds(seconds);
    eventually("the middle of it", async || has_waited(4).then_some(())).await;
    let started = Utc::now();
    let daemon = scene.lab.start().await;
    scene.until_told("firing").await;
    assert!(has_waited(7), "not before the others could have come");
    let since_start = Utc::now() - started;
    assert!(
        since_start < TimeDelta::seconds(8),
        "counted from its beginning, not from the start: {since_start}"
    );
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_receiver_has_the_message_and_has_not_answered() {
    let scene = Scene::new("0s").await;
    scene.lab.hook.hold();
    let daemon = scene.lab.start().await;
    eventually("a delivery", async || (scene.lab.hook.deliveries() > 0).then_some(())).await;
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.lab.hook.answer();
    scene.ends_well().await;
    assert_eq!(scene.lab.hook.deliveries(), 3, "the first one twice, with the same id");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_after_the_receiver_answered() {
    let scene = Scene::new("0s").await;
    let daemon = scene.lab.start().await;
    // Without a look every so often: the answer is recorded within milliseconds.
    while scene.lab.hook.answered() == 0 {
        tokio::task::yield_now().await;
    }
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.ends_well().await;
    assert!(scene.lab.hook.deliveries() <= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_sink_is_left_alone_after_a_failure() {
    let scene = Scene::new("0s").await;
    scene.lab.hook.refuse(true);
    let daemon = scene.lab.start().await;
    eventually("a refusal", async || (scene.lab.hook.answered() > 0).then_some(())).await;
    cycles(&scene.lab, "acme", 1).await;
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.lab.hook.refuse(false);
    scene.ends_well().await;
    assert_eq!(scene.lab.hook.deliveries(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_end_on_its_way() {
    let scene = Scene::new("0s").await;
    let daemon = scene.lab.start().await;
    scene.until_told("firing").await;
    // The answer is recorded before anything else is told.
    cycles(&scene.lab, "acme", 1).await;
    scene.lab.hook.hold();
    scene.no_trouble();
    eventually("a delivery", async || (scene.lab.hook.deliveries() > 1).then_some(())).await;
    scene.lab.readings("acme", 2).await;
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.lab.hook.answer();
    let daemon = scene.lab.start().await;
    eventually("it again", async || (scene.lab.hook.deliveries() > 2).then_some(())).await;
    scene.lab.readings("acme", 2).await;
    assert_eq!(scene.told(), ["firing", "resolved"], "with the same id");
    assert_eq!(scene.lab.hook.deliveries(), 3);
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Stopped, not killed: what is under way comes to its end, and nobody is told twice.
#[tokio::test(flavor = "multi_thread")]
async fn stopped_while_a_receiver_takes_its_time() {
    let scene = Scene::new("0s").await;
    scene.lab.hook.hold();
    let daemon = scene.lab.start().await;
    eventually("a delivery", async || (scene.lab.hook.deliveries() > 0).then_some(())).await;
    let log = scene.lab.path("daemon-1.log");
    let stops = async || std::fs::read_to_string(&log).unwrap().contains("stopping").then_some(());
    let late = async {
        eventually("the stop", stops).await;
        scene.lab.hook.answer();
    };
    let (ended, ()) = tokio::join!(daemon.terminate(), late);
    assert_eq!(ended.0, 0);
    let daemon = scene.lab.start().await;
    cycles(&scene.lab, "acme", 3).await;
    assert_eq!((scene.told(), scene.lab.hook.deliveries()), (vec!["firing".to_owned()], 1));
    assert_eq!(daemon.terminate().await.0, 0);
}

/// The receiver has heard of it, and nobody here knows that.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_beginning_on_its_way_and_over_at_the_next_start() {
    let scene = Scene::new("0s").await;
    scene.lab.hook.hold();
    let daemon = scene.lab.start().await;
    eventually("a delivery", async || (scene.lab.hook.deliveries() > 0).then_some(())).await;
    daemon.kill_logged_in(&[&scene.device]).await;
    scene.lab.hook.answer();
    scene.no_trouble();
    let daemon = scene.lab.start().await;
    scene.until_told("resolved").await;
    scene.lab.readings("acme", 3).await;
    assert_eq!(scene.told(), ["firing", "resolved"]);
    assert_eq!(daemon.terminate().await.0, 0);
}
