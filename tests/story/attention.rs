//! What people do with alerts: they list them, take them, silence them, and try who is told.

use n720_sim::Device;
use serde_json::{Value, json};

use super::fills::left_in_order;
use crate::support::{Lab, Receiver, Settings, Site, Told, alert, eventually, manager, secrets};

/// A manager in service with one account.
async fn device(mac: &str) -> Device {
    manager(mac).account(1, "1013", "Reception").start().await.unwrap()
}

/// A site that is only looked at, whose web password is kept in a file of its own.
fn looked_at(device: &Device, name: &str) -> Site {
    Site::of(device).account(1, "1013", "Reception").with(|site| {
        (site.mode, site.window, site.enrol) = ("observe", None, false);
        site.password = format!("file:../{name}.secret");
    })
}

/// Everything at once, and again every two seconds.
fn quick(more: String) -> Settings {
    Settings { alerts: "repeat_interval = '2s'", group_wait: "0s", more, ..Settings::default() }
}

/// The receiver of the laboratory has this name.
const HOOK: &str = "name = 'hook'\n";

/// A second receiver.
fn second(name: &str, url: &str) -> String {
    format!("[[alerts.sink]]\ntype = 'webhook'\nname = '{name}'\nurl = '{url}'\nsecret = 'env:WEBHOOK_KEY'\n")
}

/// Waits until this alert of the site is in this state.
async fn stands(lab: &Lab, site: &str, state: &str) {
    let is = |status: &Value| alert(status, "secret-missing").is_some_and(|alert| alert["state"] == state);
    lab.until(site, &format!("{site} to be {state}"), is).await;
}

fn of(site: &'static str, state: &'static str) -> impl Fn(&Told) -> bool {
    move |told| {
        told.alert("secret-missing").is_some_and(|one| told.body["site"] == site && one["state"] == state)
    }
}

/// How many messages told that the alert of this site fires.
fn fired(receiver: &Receiver, site: &'static str) -> usize {
    receiver.told().into_iter().filter(of(site, "firing")).count()
}

/// Waits until a site has been told of so many times more.
async fn told_again(lab: &Lab, site: &'static str, times: usize) {
    let before = fired(&lab.hook, site);
    eventually(&format!("{site} to be told again"), async || {
        (fired(&lab.hook, site) >= before + times).then_some(())
    })
    .await;
}

/// Mends what is wrong with a site, and has it read.
async fn mend(lab: &Lab, site: &str) {
    lab.write_secret(&format!("{site}.secret"), secrets::WEB);
    assert_eq!(lab.n720d(&["poll", site]).await.code, 0);
}

/// The alert of this site as `n720d alerts --json` has it.
async fn listed(lab: &Lab, site: &str) -> Value {
    let list = lab.n720d(&["alerts", "--json"]).await.json();
    let alerts = list["alerts"].as_array().unwrap();
    alerts.iter().find(|alert| alert["site"] == site).cloned().unwrap_or(Value::Null)
}

/// Who did what, of this kind, at a site, newest first.
async fn history(lab: &Lab, site: &str, what: &str) -> Vec<String> {
    let page = lab.get(&format!("/api/v1/sites/{site}/history")).await.json();
    let lines = page["history"].as_array().unwrap().iter().filter(|line| line["what"] == what);
    lines.map(|line| format!("{}: {}", line["who"], line["outcome"]).replace('"', "")).collect()
}

/// Nobody has the alert of beta: that it is repeated and passed on tells that the time for it has come.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_an_alert_has_it_until_it_ends() {
    let pager = Receiver::start().await;
    let route = "[[alerts.route]]\nname = 'all'\nsinks = ['hook']\nescalate = [{ after = '25s', sinks = ['pager'] }]\n";
    let lab = Lab::with(quick(format!("{HOOK}{}{route}", second("pager", &pager.url())))).await;
    let devices = [device("7C2F80CA21E4").await, device("7C2F80CA21E5").await];
    for (device, name) in devices.iter().zip(["acme", "beta"]) {
        lab.site(name, &looked_at(device, name));
    }
    let daemon = lab.start().await;
    lab.hook.hears("the alert", of("acme", "firing")).await;
    let shown = lab.n720d(&["alerts"]).await;
    assert!(shown.code == 3 && shown.out.contains("2 that nobody has"), "{shown:?}");
    let id = shown.out.lines().map(str::trim).find(|line| line.starts_with("acme/")).unwrap().to_owned();
    let taken = lab.n720d(&["ack", &id, "--note", "on my way", "--by", "anna"]).await;
    assert!(taken.code == 0 && taken.out.contains("anna has it until it ends: on my way"), "{taken:?}");
    let status = lab.status("acme").await;
    assert_eq!(alert(&status, "secret-missing").unwrap()["state"], "acknowledged", "shown at once");
    let line = listed(&lab, "acme").await;
    assert_eq!(
        (&line["state"], &line["acknowledged"]["by"]),
        (&"acknowledged".into(), &"anna".into()),
        "{line}"
    );
    assert_eq!((&line["id"], &line["told"][0]["sink"]), (&id.clone().into(), &"hook".into()), "{line}");
    let list = lab.get("/api/v1/alerts").await.json();
    assert_eq!(
        list["alerts"].as_array().unwrap().iter().filter(|one| one["acknowledged"].is_object()).count(),
        1
    );

    // What was on its way when she took it may still come.
    told_again(&lab, "beta", 2).await;
    let before = fired(&lab.hook, "acme");
    told_again(&lab, "beta", 3).await;
    pager.hears("what nobody has", of("beta", "firing")).await;
    assert_eq!(fired(&lab.hook, "acme"), before, "it is not repeated");
    let both = lab.n720d(&["ack", &id, "--by", "ben", "--json"]).await.json();
    assert_eq!(
        (&both["alert"]["acknowledged"]["by"], &both["before"]["by"]),
        (&"ben".into(), &"anna".into())
    );
    daemon.kill().await;

    let left = lab.n720d(&["alerts", "acme"]).await;
    assert!(left.code == 0 && left.out.contains("ben has it"), "{left:?}");
    let shown = lab.n720d(&["status", "acme"]).await;
    assert!(shown.out.contains("secret-missing, acknowledged: "), "{shown:?}");
    let nobody = lab.n720d(&["ack", &id]).await;
    assert!(nobody.code == 1 && nobody.err.contains("no daemon runs"), "{nobody:?}");
    let daemon = lab.start().await;
    stands(&lab, "acme", "acknowledged").await;
    told_again(&lab, "beta", 3).await;
    assert_eq!(fired(&lab.hook, "acme"), before, "nor after a restart");

    mend(&lab, "acme").await;
    lab.hook.hears("the end", of("acme", "resolved")).await;
    assert!(!pager.told().iter().any(|told| told.body["site"] == "acme"), "it was passed on to nobody");
    let gone = eventually("the alert to be gone", async || {
        Some(lab.n720d(&["ack", &id]).await).filter(|ran| ran.err.contains("there is no alert"))
    });
    let gone = gone.await;
    assert!(gone.code == 1 && gone.err.contains("there are: beta/secret-missing"), "{gone:?}");
    assert_eq!(
        history(&lab, "acme", "acknowledgement").await,
        [
            "user ben: took acme/secret-missing until it is resolved",
            "user anna: took acme/secret-missing until it is resolved: on my way"
        ]
    );
    assert_eq!(daemon.terminate().await.0, 0);
    devices.iter().for_each(left_in_order);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_taken_for_a_time_or_given_back_is_repeated_again() {
    let lab = Lab::with(quick(HOOK.to_owned())).await;
    let device = device("7C2F80CA21E4").await;
    lab.site("acme", &looked_at(&device, "acme"));
    let daemon = lab.start().await;
    lab.hook.hears("the alert", of("acme", "firing")).await;
    let taken = lab.n720d(&["ack", "acme/secret-missing", "--for", "4s", "--by", "anna"]).await;
    assert!(taken.code == 0 && taken.out.contains("anna has it until 2"), "{taken:?}");
    stands(&lab, "acme", "firing").await;
    assert_eq!(listed(&lab, "acme").await["acknowledged"], Value::Null);
    told_again(&lab, "acme", 1).await;

    assert_eq!(lab.n720d(&["ack", "acme/secret-missing"]).await.code, 0);
    assert_eq!(alert(&lab.status("acme").await, "secret-missing").unwrap()["state"], "acknowledged");
    let back = lab.n720d(&["ack", "acme/secret-missing", "--withdraw", "--by", "ben"]).await;
    assert!(back.code == 0 && back.out.contains("nobody has it any more"), "{back:?}");
    assert_eq!(alert(&lab.status("acme").await, "secret-missing").unwrap()["state"], "firing");
    told_again(&lab, "acme", 1).await;
    let again = lab.n720d(&["ack", "acme/secret-missing", "--withdraw"]).await;
    assert!(again.code == 0 && again.out.contains("nobody has it\n"), "{again:?}");

    for (arguments, code) in [
        (&["ack", "acme/drift"][..], 1),
        (&["ack", "acme/secret-missing", "--for", "31d"], 1),
        (&["ack", "acme/secret-missing", "--note", &"x".repeat(501)], 1),
        (&["ack"], 64),
    ] {
        assert_eq!(lab.n720d(arguments).await.code, code, "{arguments:?}");
    }
    assert_eq!(daemon.terminate().await.0, 0);
    left_in_order(&device);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_what_is_silenced_until_the_silence_ends() {
    let lab = Lab::with(quick(HOOK.to_owned())).await;
    let devices = [device("7C2F80CA21E4").await, device("7C2F80CA21E5").await];
    lab.site("acme", &looked_at(&devices[0], "acme"));
    let daemon = lab.start().await;
    lab.hook.hears("the alert", of("acme", "firing")).await;

    // A silence that begins before there is anything to be silent of, by label, and that runs out.
    let words = ["--for", "20s", "--reason", "cable works", "--by", "anna"];
    let north = lab.n720d(&[&["silence", "--label", "region=north"][..], &words].concat()).await;
    assert!(north.code == 0 && north.out.contains("no site is meant by it"), "{north:?}");
    let text = looked_at(&devices[1], "beta").text();
    lab.site_text("beta", &text.replace("customer = 'acme'", "region = 'north'"));
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    stands(&lab, "beta", "silenced").await;
    assert_eq!(fired(&lab.hook, "beta"), 0);
    stands(&lab, "beta", "firing").await;
    lab.hook.hears("what holds still", of("beta", "firing")).await;

    // One over what was told already, by site and kind.
    let matchers = ["silence", "--site", "acme", "--kind", "secret-missing", "--json"];
    let answer = lab
        .n720d(&[&matchers[..], &["--for", "1h", "--reason", "move", "--by", "anna"]].concat())
        .await
        .json();
    let number = answer["silence"]["number"].as_i64().unwrap().to_string();
    assert_eq!(
        (&answer["sites"], &answer["covers"][0]["id"]),
        (&1.into(), &"acme/secret-missing".into()),
        "{answer}"
    );
    assert_eq!(
        alert(&lab.status("acme").await, "secret-missing").unwrap()["state"],
        "silenced",
        "shown at once"
    );
    assert_eq!(alert(&lab.status("beta").await, "secret-missing").unwrap()["state"], "firing");
    let line = listed(&lab, "acme").await;
    assert_eq!(
        (&line["silenced"]["by"], &line["silenced"]["reason"]),
        (&"anna".into(), &"move".into()),
        "{line}"
    );
    told_again(&lab, "beta", 1).await;
    let before = fired(&lab.hook, "acme");
    told_again(&lab, "beta", 3).await;
    assert_eq!(fired(&lab.hook, "acme"), before, "it is not repeated");
    let list = lab.n720d(&["silence", "--list"]).await;
    assert!(list.out.contains("secret-missing at acme") && !list.out.contains("region=north"), "{list:?}");
    let numbers = lab.get("/api/v1/silences").await.json();
    assert_eq!(numbers["silences"].as_array().unwrap().len(), 1);

    let ended = lab.n720d(&["silence", "--end", &number, "--by", "ben"]).await;
    assert!(ended.code == 0 && ended.out.contains("what still holds is told"), "{ended:?}");
    told_again(&lab, "acme", 1).await;
    let again = lab.n720d(&["silence", "--end", &number]).await;
    assert!(
        again.code == 1 && again.err.contains("no silence") && again.err.contains("none does"),
        "{again:?}"
    );

    // An end is told to whoever knows of the alert, silence or not; and one outlives the daemon.
    assert_eq!(lab.n720d(&["silence", "--all", "--for", "1h", "--reason", "move"]).await.code, 0);
    daemon.kill().await;
    assert!(lab.n720d(&["silence", "--list"]).await.out.contains("every alert"));
    let daemon = lab.start().await;
    stands(&lab, "acme", "silenced").await;
    mend(&lab, "acme").await;
    lab.hook.hears("the end", of("acme", "resolved")).await;
    let told = history(&lab, "acme", "silence").await;
    assert!(
        told[0].starts_with("user ben: ended silence") && told[1].starts_with("user anna: silence"),
        "{told:?}"
    );
    assert_eq!(daemon.terminate().await.0, 0);
    devices.iter().for_each(left_in_order);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_nobody_can_mean_is_refused() {
    let lab = Lab::new().await;
    let daemon = lab.start().await;
    let words = ["--for", "1h", "--reason", "move"];
    for (arguments, code, why) in [
        (&["silence", "--site", "nobody"][..], 1, "there is no site \"nobody\""),
        (&["silence", "--kind", "lost"], 64, "handset-lost"),
        (&["silence"], 64, "--site"),
    ] {
        let ran = lab.n720d(&[arguments, &words].concat()).await;
        assert!(ran.code == code && ran.err.contains(why), "{arguments:?}: {ran:?}");
    }
    for (arguments, code, why) in [
        (&["silence", "--all", "--for", "31d", "--reason", "move"][..], 1, "30d"),
        (&["silence", "--all", "--for", "1h", "--reason", " "], 1, "a silence needs a reason"),
        (&["silence", "--all", "--reason", "move"], 64, "--for"),
    ] {
        let ran = lab.n720d(arguments).await;
        assert!(ran.code == code && ran.err.contains(why), "{arguments:?}: {ran:?}");
    }
    let none = lab.n720d(&["silence", "--list", "--json"]).await.json();
    assert_eq!(none, json!({"silences": []}));
    let none = lab.n720d(&["alerts"]).await;
    assert_eq!((none.code, none.out.as_str()), (0, "no alert\n"));
    assert_eq!(lab.n720d(&["alerts", "nobody"]).await.code, 1);
    assert_eq!(daemon.terminate().await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_tried_and_nothing_is_kept_of_it() {
    let broken = format!("{}timeout = '2s'\n", second("broken", "http://127.0.0.1:1/hook"));
    let lab = Lab::with(quick(format!("{HOOK}{broken}"))).await;
    let check = async |lab: &Lab| {
        let heard = lab.hook.told().len();
        let good = lab.n720d(&["alerts", "test", "hook", "--by", "anna"]).await;
        assert!(good.code == 0 && good.out.contains("hook took the message msg_"), "{good:?}");
        let told = lab.hook.hears_after(heard, "the test", |told| told.alert("test").is_some()).await;
        let alert = told.alert("test").unwrap();
        assert_eq!(
            (told.reason.as_str(), &alert["severity"], &alert["id"]),
            ("first", &"info".into(), &"fleet/test/hook".into())
        );
        let summary = alert["summary"].as_str().unwrap();
        assert!(
            summary.contains("anna tries the alert sink hook") && summary.contains("nobody has to do"),
            "{summary}"
        );
        let bad = lab.n720d(&["alerts", "test", "broken"]).await;
        assert!(bad.code == 1 && bad.err.contains("the sink broken did not take it: "), "{bad:?}");
        let unknown = lab.n720d(&["alerts", "test", "nobody"]).await;
        assert!(
            unknown.code == 1 && unknown.err.contains("there are: ") && unknown.err.contains("hook"),
            "{unknown:?}"
        );
    };
    check(&lab).await;
    let daemon = lab.start().await;
    check(&lab).await;
    assert_eq!(lab.n720d(&["alerts", "--json", "--all"]).await.json(), json!({"alerts": []}));
    assert_eq!(lab.n720d(&["alerts", "--sent", "--json"]).await.json(), json!({"sent": []}));
    assert_eq!(daemon.terminate().await.0, 0);
}
