//! What a help desk prints: the hand-off sheet and the ledger of windows, from the running daemon and without one, held
//! against what the manager's own journal proves.

use chrono::{DateTime, TimeDelta, Utc};
use n720_sim::{Device, Event, WindowRecord};
use serde_json::{Value, json};

use super::fills::{RECEPTION, STORE, WORKSHOP, handset, left_in_order, two_handsets};
use crate::support::{BOUND, Lab, Ran, Settings, alert, manager, registrations, time};

/// An hour ahead, so that the device's times are not those of a right clock.
const FAST_S: i64 = 3_600;

async fn three_to_come(lab: &Lab) -> Device {
    let around = [RECEPTION, WORKSHOP, STORE].map(handset);
    let builder = manager("7C2F80CA21E4").clock_offset_s(FAST_S);
    let builder = around.into_iter().fold(builder, |manager, one| manager.handset(one));
    let device = builder.start().await.unwrap();
    // A name that a spreadsheet would calculate with.
    let site = two_handsets(&device).slot(3, STORE, "1015", "=2+3, Store");
    lab.site("acme", &site.with(|site| (site.window, site.reopen) = (Some("20s"), 1)));
    device
}

/// Presses a key of a handset, and waits until n720d knows that it is in.
async fn comes_in(lab: &Lab, device: &Device, slot: u64, ipui: &str) {
    device.press(ipui.parse().unwrap()).unwrap();
    let is_in = |status: &Value| registrations(status).get(&slot) == Some(&"registered");
    lab.until("acme", "one more", is_in).await;
}

async fn sheet(lab: &Lab) -> Value {
    let ran = lab.n720d(&["handoff", "acme", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

fn numbers(handsets: &Value) -> Vec<u64> {
    handsets.as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
}

/// While the window is open everybody on the sheet can come in by its end, without a PIN that has to be asked for.
async fn is_of_three_who_may_come(lab: &Lab) {
    let sheet = sheet(lab).await;
    assert_eq!((numbers(&sheet["handsets"]), &sheet["listed"]), (vec![1, 2, 3], &json!(3)), "{sheet:#}");
    assert_eq!(sheet["window"]["state"], "open");
    for handset in sheet["handsets"].as_array().unwrap() {
        assert_eq!((&handset["registration"], &handset["pin"]), (&json!("pending"), &json!("0000")));
        assert_eq!(handset["until"], sheet["window"]["closes_at"], "{handset:#}");
        assert!(handset["instruction"].as_str().unwrap().contains("switch the handset on"), "{handset:#}");
    }
}

/// Of the only one who is left, in all three shapes.
async fn is_of_the_one_who_is_left(lab: &Lab) -> Value {
    let sheet = sheet(lab).await;
    assert_eq!(numbers(&sheet["handsets"]), [3], "{sheet:#}");
    let left = &sheet["handsets"][0];
    assert_eq!((&left["registration"], &left["ipui"]), (&json!("expired"), &json!(STORE)));
    assert_eq!((&left["user"], &left["until"]), (&json!("1015"), &Value::Null));
    assert!(left["instruction"].as_str().unwrap().contains("must be opened again"), "{left:#}");
    let text = lab.n720d(&["handoff", "acme"]).await;
    assert_eq!(text.code, 0, "{text:?}");
    for part in ["1 of 3 handsets", "slot 3 =2+3, Store, number 1015, IPUI 02 00 11 22 33", "expired"] {
        assert!(text.out.contains(part), "{part}: {}", text.out);
    }
    let csv = lab.n720d(&["handoff", "acme", "--csv"]).await;
    assert_eq!(csv.code, 0, "{csv:?}");
    let lines: Vec<&str> = csv.out.split("\r\n").collect();
    assert_eq!(lines.len(), 3, "a head, a row, nothing: {}", csv.out);
    assert!(lines[0].starts_with("site,slot,user,display_name,ipui,registration,"), "{}", lines[0]);
    assert!(lines[1].starts_with("acme,3,1015,\"'=2+3, Store\",02 00 11 22 33,expired,"), "{}", lines[1]);
    sheet
}

/// Whether a moment in the ledger is one of the journal, which knows it to the millisecond: what was to be then, and was a
/// moment later on a busy machine.
fn is_moment(ledger: &Value, journal: &str) -> bool {
    let late = (time(journal) - time(ledger.as_str().unwrap())).num_seconds();
    (-2..10).contains(&late)
}

/// When the device let this handset in.
fn registered_at(device: &Device, slot: u8) -> DateTime<Utc> {
    let of_it = |event: &Event| matches!(event, Event::Registered { slot: one, .. } if *one == slot);
    let entry = device.journal().into_iter().find(|entry| of_it(&entry.event)).unwrap();
    time(&entry.utc)
}

/// One window of the ledger, held against the device's record of it.
fn tells_of(window: &Value, record: &WindowRecord, version: Option<u64>) {
    assert_eq!(window["state"], "closed");
    // The manager was told whole minutes: it opened the moment the file came.
    assert!(time(window["opens_at"].as_str().unwrap()) <= time(&record.opened), "{window:#}");
    assert!(is_moment(&window["closes_at"], record.closed.as_ref().unwrap()), "{window:#} {record:#?}");
    let shown = time(window["device_closes_at"].as_str().unwrap());
    assert_eq!(shown - time(window["closes_at"].as_str().unwrap()), TimeDelta::seconds(FAST_S));
    assert_eq!(window["release"]["version"].as_str().unwrap().parse().ok(), version);
    assert!(window["release"]["fetched_at"].is_string(), "{window:#}");
}

/// What the ledger says of a handset that came in.
fn came_in(window: &Value, device: &Device, slot: u8) {
    let handsets = window["handsets"].as_array().unwrap();
    let handset = handsets.iter().find(|one| one["number"] == slot).unwrap();
    assert_eq!(handset["outcome"], "registered", "{handset:#}");
    let moment = |key: &str| time(handset[key].as_str().unwrap());
    let came = registered_at(device, slot);
    assert!(
        moment("missing_at") <= came && came <= moment("seen_at") + TimeDelta::seconds(1),
        "came {came}: {handset:#}"
    );
    assert!(handset["at_least_seconds"].as_u64() <= handset["seconds"].as_u64(), "{handset:#}");
}

/// The ledger after two windows, and its table.
async fn ledger(lab: &Lab, device: &Device) -> Value {
    let ran = lab.n720d(&["history", "acme", "--windows", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ledger = ran.json();
    let [second, first] = ledger["windows"].as_array().unwrap().as_slice() else { panic!("{ledger:#}") };
    for (index, window) in [first, second].into_iter().enumerate() {
        tells_of(window, &device.windows()[index], device.applied()[index]);
    }
    let of = |window: &Value| {
        ["number", "reopened", "missing_at_start", "missing_at_end"].map(|key| window[key].clone())
    };
    assert_eq!(of(first), [json!(1), json!(0), json!([1, 2, 3]), json!([2, 3])]);
    assert_eq!(of(second), [json!(2), json!(1), json!([2, 3]), json!([3])]);
    assert!(second["reason"].as_str().unwrap().contains("window 1 closed without 2 handsets"), "{second:#}");
    came_in(first, device, 1);
    came_in(second, device, 2);
    let statistics = &ledger["statistics"];
    let counts = ["windows", "expected", "came_in", "in_first_window", "timed"].map(|key| &statistics[key]);
    assert_eq!(counts, [2, 3, 2, 1, 2], "{statistics:#}");
    let table = lab.n720d(&["history", "acme", "--windows"]).await;
    assert_eq!(table.code, 0, "{table:?}");
    for part in ["=2+3, Store", "window 1 closed without 2 handsets"] {
        assert!(table.out.contains(part), "{part}: {}", table.out);
    }
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn sheet_and_ledger_tell_who_is_missing_and_who_came_when() {
    let lab = Lab::with(Settings { before_close: "[]", ..Settings::default() }).await;
    let device = three_to_come(&lab).await;
    let daemon = lab.start().await;
    let all_pending = |status: &Value| registrations(status).values().all(|one| *one == "pending");
    lab.until("acme", "the window", all_pending).await;
    is_of_three_who_may_come(&lab).await;
    comes_in(&lab, &device, 1, RECEPTION).await;
    let second = |event: &Event| *event == Event::WindowOpened { nth: 2 };
    device.wait_event("the second window", BOUND, second).await.unwrap();
    comes_in(&lab, &device, 2, WORKSHOP).await;
    let over = |status: &Value| {
        registrations(status).get(&3) == Some(&"expired") && status["window"]["state"] == "closed"
    };
    lab.until("acme", "the end", over).await;
    let status = lab.readings("acme", 1).await;

    let told = alert(&status, "window-expired-unfilled").unwrap()["handsets"].clone();
    let by_daemon = is_of_the_one_who_is_left(&lab).await;
    assert_eq!(numbers(&told), [3]);
    for key in ["number", "ipui", "user", "display_name", "registration", "instruction", "pin", "until"] {
        assert_eq!(told[0][key], by_daemon["handsets"][0][key], "the alert carries the same: {key}");
    }
    let of_daemon = ledger(&lab, &device).await;
    for (path, printed) in [("handoff", &by_daemon), ("windows", &of_daemon)] {
        let answer = lab.get(&format!("/api/v1/sites/acme/{path}")).await.json();
        assert_eq!(without_ages(&answer), without_ages(printed), "{path}: the same, asked either way");
    }
    assert_eq!(daemon.terminate().await.0, 0);

    let stored = is_of_the_one_who_is_left(&lab).await;
    assert_eq!(without_ages(&stored), without_ages(&by_daemon), "without a daemon it says the same");
    assert_eq!(ledger(&lab, &device).await, of_daemon);
    let says = |ran: &Ran| ran.err.contains("no daemon is running");
    for command in [&["handoff", "acme"][..], &["history", "acme"], &["history", "acme", "--windows"]] {
        assert!(says(&lab.n720d(command).await), "{command:?}");
    }
    assert_eq!(lab.n720d(&["handoff", "nobody"]).await.code, 1);
    left_in_order(&device);
}

/// Without the times that move on from one reading to the next.
fn without_ages(value: &Value) -> Value {
    let mut value = value.clone();
    let sheet = value.as_object_mut().unwrap();
    sheet.retain(|key, _| key != "at" && key != "observed_at");
    for handset in sheet.get_mut("handsets").and_then(Value::as_array_mut).into_iter().flatten() {
        handset["evidence_at"] = Value::Null;
    }
    value
}
