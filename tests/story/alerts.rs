//! Sinks that are down, and what of the fleet as a whole is told: files that cannot be read, a sink that takes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use n720_sim::Device;

use crate::support::{Lab, Receiver, Settings, Site, Told, eventually, manager, secrets};

fn observed(device: &Device, secret: &str) -> Site {
    Site::of(device).with(|site| {
        site.mode = "observe";
        site.window = None;
        site.password = format!("file:../{secret}");
    })
}

/// So many more cycles of a site, which may fail.
pub(crate) async fn cycles(lab: &Lab, site: &str, count: usize) {
    for _ in 0..count {
        lab.n720d(&["poll", site]).await;
    }
}

/// What was told of missing secrets: where, and where it stood.
fn of_trouble(told: &[Told]) -> Vec<(&str, &str)> {
    let of_trouble = told.iter().filter_map(|told| Some((told, told.alert("secret-missing")?)));
    of_trouble
        .map(|(told, alert)| (told.body["site"].as_str().unwrap(), alert["state"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_was_down_gets_the_present_state_and_not_what_was() {
    let lab = Lab::with(Settings { interval: "1s", interval_open: "1s", ..Settings::default() }).await;
    let names = ["over", "holds", "again"];
    let mut devices = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let device = manager(&format!("7C2F80CA21E{number}")).start().await.unwrap();
        lab.site(name, &observed(&device, &format!("{name}.secret")));
        devices.push(device);
    }
    // Known of one before it goes down.
    lab.write_secret("over.secret", secrets::WEB);
    lab.write_secret("holds.secret", secrets::WEB);
    let daemon = lab.start().await;
    lab.hook.hears("the first", |told| told.body["site"] == "again").await;
    cycles(&lab, "again", 3).await;
    lab.readings("holds", 2).await;
    let before = lab.hook.told().len();
    lab.hook.refuse(true);
    let (works, broken) = (
        |name: &str| lab.write_secret(&format!("{name}.secret"), secrets::WEB),
        |name: &str| std::fs::remove_file(lab.path(&format!("{name}.secret"))).unwrap(),
    );
    // It ends and comes back, another comes and goes, a third comes.
    works("again");
    lab.until("again", "its end", |status| status["observed_at"].is_string()).await;
    broken("over");
    broken("holds");
    lab.fires("over", "secret-missing").await;
    lab.fires("holds", "secret-missing").await;
    broken("again");
    lab.fires("again", "secret-missing").await;
    works("over");
    lab.readings("over", 2).await;
    eventually("a refusal", async || (lab.hook.answered() > 1).then_some(())).await;
    lab.hook.refuse(false);
    let holds = |told: &Told| told.body["site"] == "holds" && told.alert("secret-missing").is_some();
    lab.hook.hears("what holds", holds).await;
    lab.readings("over", 3).await;
    let told = lab.hook.told().split_off(before);
    for name in names {
        let messages = told.iter().filter(|told| told.body["site"] == name).count();
        assert!(messages <= 1, "one of what holds there: {told:#?}");
    }
    let mut of_trouble = of_trouble(&told);
    of_trouble.retain(|(site, _)| *site != "again");
    assert_eq!(of_trouble, [("holds", "firing")], "nothing of what was over");
    assert!(
        !told.iter().any(|told| told.reason == "resolved"),
        "no end is told of what holds again: {told:#?}"
    );
    assert_eq!(daemon.terminate().await.0, 0);
}

/// A site with a secret that is missing, and a second sink that refuses to hear of it and soon counts as failing.
struct Refused {
    lab: Lab,
    pager: Receiver,
    _device: Device,
}

impl Refused {
    async fn new() -> Self {
        let pager = Receiver::start().await;
        pager.refuse(true);
        let more = format!(
            "[[alerts.sink]]\nname = 'pager'\ntype = 'webhook'\nurl = '{}'\nsecret = 'env:WEBHOOK_KEY'\n",
            pager.url()
        );
        let settings = Settings {
            interval: "1s",
            interval_open: "1s",
            alerts: "sink_failing = '2s'",
            more,
            ..Settings::default()
        };
        let lab = Lab::with(settings).await;
        let device = manager("7C2F80CA21E4").start().await.unwrap();
        lab.site("acme", &observed(&device, "missing.secret"));
        Self { lab, pager, _device: device }
    }
}

fn failing(told: &Told) -> bool {
    told.alert("sink-failing").is_some()
}

fn works_again(told: &Told) -> bool {
    failing(told) && told.reason == "resolved"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_takes_nothing_for_long_is_told_by_the_other() {
    let Refused { lab, pager, .. } = &Refused::new().await;
    let daemon = lab.start().await;
    let told = lab.hook.hears("the sink that fails", failing).await;
    let alert = told.alert("sink-failing").unwrap();
    assert_eq!((&alert["id"], &told.body["site"]), (&"fleet/sink-failing/pager".into(), &"fleet".into()));
    let summary = alert["summary"].as_str().unwrap();
    assert!(summary.contains("since ") && summary.contains("'n720d alerts test pager'"), "{summary}");
    let metrics = lab.get("/metrics").await.body;
    for line in ["n720d_sink_failing{sink=\"pager\"} 1", "n720d_notifications_waiting{sink=\"pager\"} 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    // A restart is no proof that it works.
    daemon.kill().await;
    let daemon = lab.start().await;
    // The second try comes ten seconds after the first.
    let twice = "n720d_notifications_total{sink=\"pager\",result=\"postponed\"} 2";
    eventually("two tries", async || lab.get("/metrics").await.body.contains(twice).then_some(())).await;
    assert_eq!(lab.hook.told().iter().filter(|told| failing(told)).count(), 1);

    pager.refuse(false);
    lab.hook.hears("that it works again", works_again).await;
    let told = pager.told();
    assert!(told.iter().all(|told| told.alert("sink-failing").is_none()), "not of itself: {told:?}");
    assert_eq!(of_trouble(&told).len(), 1);
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_nothing_is_left_to_tell_works_again_when_it_takes_a_test() {
    let Refused { lab, pager, .. } = &Refused::new().await;
    let daemon = lab.start().await;
    lab.hook.hears("the sink that fails", failing).await;
    lab.write_secret("missing.secret", secrets::WEB);
    lab.hook
        .hears("the end of the trouble", |told| {
            of_trouble(std::slice::from_ref(told)) == [("acme", "resolved")]
        })
        .await;

    let refused = lab.n720d(&["alerts", "test", "pager", "--by", "anna"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    lab.readings("acme", 3).await;
    assert!(!lab.hook.told().iter().any(works_again), "it took nothing yet");
    pager.refuse(false);
    let took = lab.n720d(&["alerts", "test", "pager", "--by", "anna"]).await;
    assert_eq!(took.code, 0, "{took:?}");
    lab.hook.hears("that it works again", works_again).await;
    let metrics = lab.get("/metrics").await.body;
    assert!(metrics.contains("n720d_sink_failing{sink=\"pager\"} 0"), "{metrics}");
    assert_eq!(of_trouble(&pager.told()), [], "what is over by then is not told");
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_told_until_they_can() {
    let lab = Lab::with(Settings { interval: "1s", interval_open: "1s", ..Settings::default() }).await;
    let device = manager("7C2F80CA21E4").start().await.unwrap();
    lab.site("acme", &observed(&device, "web.secret"));
    lab.site_text("beta", "[site\n");
    let daemon = lab.start().await;
    let invalid = |told: &Told| told.alert("site-file-invalid").is_some();
    let told = lab.hook.hears("the file", invalid).await;
    let summary = told.alert("site-file-invalid").unwrap()["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("beta") && summary.contains("not watched"), "{summary}");

    lab.site_text("gamma", "[site\n");
    assert_ne!(lab.n720d(&["reload"]).await.code, 0);
    let changed = |told: &Told| invalid(told) && told.reason == "changed";
    let told = lab.hook.hears("another file", changed).await;
    let summary = told.alert("site-file-invalid").unwrap()["summary"].as_str().unwrap().to_owned();
    assert!(summary.contains("beta, gamma") && summary.contains("still is"), "{summary}");

    lab.no_site("beta");
    lab.no_site("gamma");
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    lab.hook.hears("that all can be read", |told| invalid(told) && told.reason == "resolved").await;
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Whoever was told of trouble at a site that is taken away would wait for its end for ever, and must not take that for good
/// news.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_taken_away_is_told_as_not_watched_and_as_new_when_it_is_back() {
    let lab = Lab::with(Settings { interval: "1s", interval_open: "1s", ..Settings::default() }).await;
    let names = ["acme", "beta", "rest"];
    let mut devices = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let device = manager(&format!("7C2F80CA21E{number}")).start().await.unwrap();
        lab.site(name, &observed(&device, "missing.secret"));
        devices.push(device);
    }
    let begins = |name| move |told: &Told| told.body["site"] == name && told.reason == "first";
    let ends = |name| move |told: &Told| told.body["site"] == name && told.reason == "resolved";
    let daemon = lab.start().await;
    for name in names {
        lab.hook.hears("the trouble", begins(name)).await;
    }
    lab.no_site("acme");
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let told = lab.hook.hears("that nobody watches it", ends("acme")).await;
    let alert = told.alert("secret-missing").unwrap();
    assert_eq!((&alert["state"], &alert["unwatched"]), (&"resolved".into(), &true.into()));
    assert!(told.body["title"].as_str().unwrap().starts_with("[NOT WATCHED] acme: "), "{told:?}");
    assert_eq!(told.body["labels"]["customer"], "acme", "as it was called");

    // Another life begins in another second.
    let over = told.alert("secret-missing").unwrap()["resolved_at"].as_str().unwrap().to_owned();
    let over: DateTime<Utc> = over.parse().unwrap();
    eventually("a second", async || (Utc::now() - over >= TimeDelta::seconds(1)).then_some(())).await;
    // Another site is taken away while nobody looks.
    assert_eq!(daemon.terminate().await.0, 0);
    lab.no_site("beta");
    lab.site("acme", &observed(&devices[0], "missing.secret"));
    let daemon = lab.start().await;
    let told = lab.hook.hears("that nobody watches it", ends("beta")).await;
    assert!(told.body["title"].as_str().unwrap().starts_with("[NOT WATCHED] beta: "), "{told:?}");
    eventually("that the other is back", async || {
        (lab.hook.told().iter().filter(|told| begins("acme")(told)).count() == 2).then_some(())
    })
    .await;
    cycles(&lab, "acme", 2).await;
    let told = lab.hook.told();
    for (name, times) in [("acme", 1), ("beta", 1), ("rest", 0)] {
        assert_eq!(told.iter().filter(|told| ends(name)(told)).count(), times, "{name}: {told:#?}");
    }
    assert_eq!(daemon.terminate().await.0, 0);
}

/// Nobody watches a site whose file has errors since the start: what holds there stands still, and people see it.
#[tokio::test(flavor = "multi_thread")]
async fn what_holds_at_a_site_whose_file_is_broken_at_the_start_is_still_there() {
    let lab = Lab::with(Settings { interval: "1s", interval_open: "1s", ..Settings::default() }).await;
    let device = manager("7C2F80CA21E4").start().await.unwrap();
    let site = observed(&device, "missing.secret");
    lab.site("acme", &site);
    let daemon = lab.start().await;
    lab.hook.hears("the trouble", |told| told.alert("secret-missing").is_some()).await;
    assert_eq!(daemon.terminate().await.0, 0);

    lab.site_text("acme", &format!("{}\nnonsense = 1\n", site.text()));
    let daemon = lab.start().await;
    lab.hook.hears("the file", |told| told.alert("site-file-invalid").is_some()).await;
    let reason = lab.status("acme").await["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("nonsense") && !reason.contains("warning"), "{reason}");
    let listed = lab.n720d(&["alerts", "acme"]).await;
    assert!(listed.code == 3 && listed.out.contains("acme/secret-missing"), "{listed:?}");
    let taken = lab.n720d(&["ack", "acme/secret-missing", "--by", "anna"]).await;
    assert_eq!(taken.code, 0, "{taken:?}");
    assert_eq!(lab.n720d(&["alerts", "acme"]).await.code, 0);
    assert_eq!(daemon.terminate().await.0, 0);
    assert!(lab.n720d(&["alerts", "acme"]).await.out.contains("anna has it"), "without the daemon too");

    lab.site("acme", &site);
    let daemon = lab.start().await;
    lab.hook
        .hears("that the file is mended", |told| {
            told.alert("site-file-invalid").is_some_and(|alert| alert["state"] == "resolved")
        })
        .await;
    cycles(&lab, "acme", 2).await;
    assert_eq!(of_trouble(&lab.hook.told()), [("acme", "firing")], "told once, and never as over");
    assert_eq!(daemon.terminate().await.0, 0);
}

/// That nobody watches a site is said when its file is taken away, and not where the folder of all files is not there yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_any_file_ends_nothing_and_a_broken_file_that_is_taken_away_does() {
    let lab = Lab::with(Settings { interval: "1s", interval_open: "1s", ..Settings::default() }).await;
    let device = manager("7C2F80CA21E4").start().await.unwrap();
    lab.site("acme", &observed(&device, "missing.secret"));
    let daemon = lab.start().await;
    lab.hook.hears("the trouble", |told| told.alert("secret-missing").is_some()).await;
    assert_eq!(daemon.terminate().await.0, 0);

    lab.no_site("acme");
    let daemon = lab.start().await;
    let listed = lab.n720d(&["alerts"]).await;
    assert!(listed.code == 3 && listed.out.contains("acme/secret-missing"), "{listed:?}");
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(of_trouble(&lab.hook.told()), [("acme", "firing")]);

    lab.site_text("acme", "[site\n");
    let daemon = lab.start().await;
    lab.hook.hears("the file", |told| told.alert("site-file-invalid").is_some()).await;
    lab.no_site("acme");
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    let left = |told: &Told| told.alert("secret-missing").is_some_and(|alert| alert["unwatched"] == true);
    lab.hook.hears("that nobody watches it", left).await;
    lab.until("acme", "its status to go", serde_json::Value::is_null).await;
    assert_eq!(lab.n720d(&["alerts", "--all"]).await.code, 0);
    assert_eq!(daemon.terminate().await.0, 0);
}
