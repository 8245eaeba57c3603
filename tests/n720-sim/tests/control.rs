//! The control port, and the binary with a scenario, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use common::{BOUND, Client};
use n720_sim::control::Control;
use n720_sim::{Event, Scenario};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

const SCENARIO: &str = r#"
[timing]
settle_s = 0.05
[[device]]
name = "praxis"
mac = "7C2F80CA21E4"
account = [{ slot = 1, user = "1013" }]
handset = [
    { ipui = "02 B6 EC 8A A5" },
    { ipui = "02 9E 74 A5 99", registered_in = 3 },
]
[[device]]
name = "kanzlei"
mac = "7C2F80CA21E5"
"#;

async fn get(addr: SocketAddr, path: &str) -> (u16, Value) {
    let answer = Client::new(addr).get(path).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

async fn post(addr: SocketAddr, path: &str, body: Value) -> (u16, Value) {
    let answer = Client::new(addr).post(path, &body.to_string()).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test]
async fn people_are_played_over_the_control_port() {
    let devices = Scenario::parse("s", SCENARIO).unwrap().start().await.unwrap();
    let praxis = devices[0].clone();
    let control = Control::start("127.0.0.1:0".parse().unwrap(), devices).await.unwrap();
    let addr = control.addr();
    let (_, listed) = get(addr, "/devices").await;
    assert_eq!(listed[0]["url"], praxis.url());
    assert_eq!(listed[1]["mac"], "7C2F80CA21E5");
    let (_, state) = get(addr, "/state?device=praxis").await;
    assert_eq!(state["slots"]["3"]["registered"], "02 9E 74 A5 99");
    assert_eq!(get(addr, "/state").await.1.as_array().unwrap().len(), 2);

    let slot = json!({ "device": "praxis", "slot": 3 });
    assert_eq!(post(addr, "/deregister", slot.clone()).await.0, 200);
    assert_eq!(post(addr, "/deregister", slot).await.0, 409, "nobody is there any more");
    let arrive = json!({ "device": "praxis", "ipui": "02B6EC8AA5", "pin": "0000" });
    assert_eq!(post(addr, "/arrive", arrive).await.0, 200);
    let account = json!({ "device": "praxis", "user": "1014" });
    assert_eq!(post(addr, "/account", account).await.1, json!({ "slot": 2 }));
    let fault = json!({ "device": "praxis", "kind": "person_logged_in", "for_ms": 60_000 });
    let (_, set) = post(addr, "/fault", fault).await;
    assert!(praxis.snapshot().person);
    let clear = json!({ "device": "praxis", "id": set["id"] });
    assert_eq!(post(addr, "/clear", clear).await.0, 200);
    assert!(!praxis.snapshot().person);
    let by_hand = json!({ "device": "praxis", "slot": 5, "ipui": "02 00 00 00 05" });
    assert_eq!(post(addr, "/register", by_hand).await.0, 200);
    let clock = json!({ "device": "praxis", "offset_s": -86_400 });
    assert_eq!(post(addr, "/clock", clock).await.0, 200);

    for (path, keys) in [
        ("/account-with-handset", json!({ "user": "1015", "ipui": "02 00 00 00 06" })),
        ("/edit-account", json!({ "slot": 1, "display_name": "Front desk" })),
        ("/switch-account", json!({ "slot": 1, "active": false })),
        ("/swap", json!({ "slot": 5, "other": 3 })),
        ("/reserve", json!({ "slot": 9, "ipui": "02 00 00 00 09" })),
        ("/pin", json!({ "pin": "4711" })),
        ("/clock-jump", json!({ "by_s": 3600 })),
    ] {
        let mut order = keys;
        order["device"] = json!("praxis");
        let (status, answer) = post(addr, path, order).await;
        assert_eq!(status, 200, "{path} {answer}");
    }
    let state = get(addr, "/state?device=praxis").await.1;
    assert_eq!(state["slots"]["3"]["registered"], "02 00 00 00 05");
    assert_eq!(state["slots"]["1"]["active"], Value::Null, "switched off and empty");
    assert_eq!(state["pin"]["defined_pin"], "4711");

    let (_, journal) = get(addr, "/journal?device=praxis&since=1").await;
    let names: Vec<&str> =
        journal.as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    for name in [
        "deregistered",
        "handset_arrived",
        "account_added",
        "account_edited",
        "account_switched",
        "fault_set",
        "fault_over",
        "registered",
        "reservation_changed",
        "pin_changed",
        "clock_set",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_a_reason() {
    let devices = Scenario::parse("s", SCENARIO).unwrap().start().await.unwrap();
    let control = Control::start("127.0.0.1:0".parse().unwrap(), devices).await.unwrap();
    let addr = control.addr();
    for (path, body, status) in [
        ("/arrive", json!({}), 400),
        ("/arrive", json!({ "device": "nobody" }), 404),
        ("/arrive", json!({ "device": "praxis", "ipui": "x" }), 400),
        ("/arrive", json!({ "device": "praxis", "ipui": "02 00 00 00 09" }), 409),
        ("/fault", json!({ "device": "praxis", "kind": "bite" }), 400),
        ("/fetch", json!({ "device": "praxis" }), 409),
        ("/deregister", json!({ "device": "praxis", "slot": 101 }), 409),
        ("/fetch", json!({ "device": "praxis", "slot": 1 }), 400),
        ("/pin", json!({ "device": "praxis", "pin": "471" }), 409),
        ("/nothing", json!({ "device": "praxis" }), 404),
    ] {
        let (found, answer) = post(addr, path, body).await;
        assert_eq!(found, status, "{path} {answer}");
        assert!(answer["error"].as_str().unwrap().len() > 5);
    }
    assert_eq!(get(addr, "/nothing").await.0, 404);
    assert_eq!(get(addr, "/journal?since=x").await.0, 400);
    assert!(Control::start("0.0.0.0:0".parse().unwrap(), Vec::new()).await.is_err(), "loopback only");
}

#[tokio::test]
async fn orders_of_a_scenario_are_carried_out_at_their_moment() {
    let orders = r#"
        order = [
            { do = "clock", offset_s = 3600, after_start_s = 0.02 },
            { do = "deregister", slot = 3, after_start_s = 0.04 },
            { do = "deregister", slot = 3, after_start_s = 0.06 },
        ]
    "#;
    let scenario = SCENARIO.replacen("mac = \"7C2F80CA21E4\"", &format!("mac = \"7C2F80CA21E4\"{orders}"), 1);
    let devices = Scenario::parse("s", &scenario).unwrap().start().await.unwrap();
    let refused = |event: &Event| matches!(event, Event::OrderRefused { order: "deregister", .. });
    let last = devices[0].wait_event("the last", BOUND, refused).await.unwrap();
    let why = "the device refuses: no handset is registered in this slot".to_owned();
    assert_eq!(last.event, Event::OrderRefused { order: "deregister", why });
    let names: Vec<Value> = devices[0]
        .journal()
        .iter()
        .map(|entry| serde_json::to_value(entry).unwrap()["event"].clone())
        .collect();
    assert_eq!(names, ["registered", "clock_set", "deregistered", "order_refused"]);
    assert!(last.at_ms >= 60, "{last:?}");
}

#[tokio::test]
async fn the_binary_prints_its_devices_and_ends_when_told() {
    let path = std::env::temp_dir().join(format!("n720-sim-{}.toml", std::process::id()));
    std::fs::write(&path, SCENARIO).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_n720-sim"))
        .args([path.to_str().unwrap(), "--for", "60s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(line()["device"], "praxis");
    assert_eq!(line()["device"], "kanzlei");
    let control: SocketAddr =
        line()["control"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    assert_eq!(line(), json!({ "ready": true }));
    assert_eq!(post(control, "/stop", json!({})).await.0, 200);
    let ended = tokio::task::spawn_blocking(move || child.wait());
    assert!(tokio::time::timeout(BOUND, ended).await.unwrap().unwrap().unwrap().success());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_binary_ends_by_itself_and_says_what_is_wrong() {
    let run =
        |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_n720-sim")).args(arguments).output().unwrap();
    let missing = run(&["/nonexistent.toml"]);
    assert!(!missing.status.success());
    let text = String::from_utf8(missing.stderr).unwrap();
    assert!(text.starts_with("n720-sim: scenario /nonexistent.toml: "), "{text}");
    let path = std::env::temp_dir().join(format!("n720-sim-short-{}.toml", std::process::id()));
    std::fs::write(&path, SCENARIO).unwrap();
    assert!(run(&[path.to_str().unwrap(), "--for", "1s"]).status.success());
    std::fs::remove_file(path).unwrap();
}
