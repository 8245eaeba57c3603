//! The driver against a scripted device on loopback: every fault that a manager, its network or a person at its web
//! interface can cause. Each test says what the device answers to each request; the log-out is looked for in all of them.

#![expect(clippy::unwrap_used, reason = "a test whose device cannot be set up has to fail")]

mod scripted;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use n720d::device::n720::{Ask, Driver, Editors, EnrolError, Pace};
use n720d::domain::ids::SlotNumber;
use n720d::domain::observed::{ContactFailure, HandsetState, Observation, Reading};
use n720d::domain::release::TriggerOutcome;
use scripted::{Act, Device, FIRMWARE, KEY, LOGIN, PASSWORD, STATUS, but, but_status, page, redirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Opens a session, observes, closes, and checks that it was logged out with its key.
async fn observe(device: &Device, ask: &Ask) -> Observation {
    observe_by(&driver(), device, ask).await
}

async fn observe_by(driver: &Driver, device: &Device, ask: &Ask) -> Observation {
    let mut session = driver.open(&device.target).await.unwrap();
    let seen = session.observe(ask, at()).await;
    session.close().await;
    device.is_logged_out();
    seen
}

/// No wait takes so long unless something is broken.
const BOUND: Duration = Duration::from_secs(60);

/// One that is never out of time.
fn driver() -> Driver {
    paced(BOUND, BOUND)
}

/// One for devices that keep it waiting to the end.
fn hurried() -> Driver {
    paced(Duration::from_secs(2), Duration::from_millis(600))
}

fn paced(timeout: Duration, give_up_after: Duration) -> Driver {
    let pace = Pace { look_every: Duration::from_millis(5), give_up_after };
    Driver::new(timeout).unwrap().with_pace(pace)
}

fn at() -> DateTime<Utc> {
    "2026-11-23T08:05:00Z".parse().unwrap()
}

fn nothing_more() -> Ask {
    Ask { editors: Editors::None, config_url: false }
}

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

/// That a reading is unreadable, names the page, says this, and that the other page was read all the same.
fn only_status_is_unreadable(seen: &Observation, part: &str) {
    let reason = seen.pending.why_not().unwrap();
    assert!(reason.starts_with("/status_device.html: ") && reason.contains(part), "{reason}");
    assert!(seen.mac.known().is_none() && seen.firmware.known().is_none());
    assert_eq!(seen.slots.known().unwrap().len(), 3);
    assert_eq!(seen.notes, [reason]);
}

#[tokio::test]
async fn a_device_in_good_order_is_read_and_left_as_it_was() {
    let device = but(|_, _| None).await;
    let seen = observe(&device, &Ask { editors: Editors::Slots([slot(3)].into()), config_url: true }).await;
    assert_eq!(seen.pending.known().unwrap().len(), 2);
    assert_eq!(seen.mac.known(), Some(&"7C2F80CA21E4".parse().unwrap()));
    assert_eq!(seen.slots.known().unwrap()[&slot(1)].handset, HandsetState::Registered);
    let why = "/mobile_devices.html: neither kind of PIN is marked";
    assert_eq!(seen.registration_pin.why_not(), Some(why), "and that is not worth a note");
    assert_eq!(seen.editors[&slot(3)], Reading::Known(Some("02 B6 EC 8A A5".parse().unwrap())));
    assert_eq!(seen.config_url.unwrap().known().unwrap(), "http://old.example/a?b=1&c=2");
    assert!(seen.notes.is_empty(), "{:?}", seen.notes);
    assert_eq!(device.posted("/login.html"), [format!("password={PASSWORD}&language=2&loginajax=0")]);
    assert_eq!(device.posted("/mobile_devices.html"), ["action=1&used_account=2"]);
    let log = device.log.lock().unwrap().clone();
    assert!(
        log.iter().all(|request| request.head.to_ascii_lowercase().contains("\r\nconnection: close\r\n"))
    );
    assert!(log.iter().all(|request| !request.head.to_ascii_lowercase().contains("accept-encoding")));
    let leaving =
        log.iter().position(|request| request.is("GET", "/mobile_devices_editor.html")).unwrap() + 1;
    assert!(log[leaving].is("GET", "/mobile_devices.html"), "the editor page is left without saving");
}

#[tokio::test]
async fn every_registered_slot_is_edited_when_asked_and_a_wrong_editor_page_is_unreadable() {
    let device = but(|_, _| None).await;
    let seen = observe(&device, &Ask { editors: Editors::AllRegistered, config_url: false }).await;
    assert_eq!(seen.editors.keys().copied().collect::<Vec<_>>(), [slot(1)]);
    assert!(seen.editors[&slot(1)].why_not().unwrap().contains("index 2"), "{:?}", seen.editors);
}

#[tokio::test]
async fn silence_and_drip_end_at_the_time_limit() {
    let head = "HTTP/1.1 200 OK\r\n\r\n<html><body>";
    for start in ["", "HTTP/1.1 200 OK\r\nContent-", head] {
        let device = but_status(move || Act::Hang(start.into())).await;
        only_status_is_unreadable(&observe_by(&hurried(), &device, &nothing_more()).await, "within 2 s");
        assert_eq!(device.count("GET", "/status_device.html"), 1, "a silent device is not asked twice");
    }
    let device = but_status(move || Act::Drip(head.into())).await;
    only_status_is_unreadable(&observe_by(&hurried(), &device, &nothing_more()).await, "within 2 s");
}

#[tokio::test]
async fn a_page_cut_anywhere_is_unreadable_or_whole() {
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{STATUS}", STATUS.len());
    for cut in [0, 5, 30, 200, whole.len() / 2, whole.len() - 1] {
        for reset in [false, true] {
            let part = whole.as_bytes()[..cut].to_vec();
            let device =
                but_status(move || if reset { Act::Reset(part.clone()) } else { Act::Send(part.clone()) })
                    .await;
            only_status_is_unreadable(&observe(&device, &nothing_more()).await, "connection broke");
            assert_eq!(device.count("GET", "/status_device.html"), 2, "a broken GET is tried once more");
        }
    }
    let device = but_status(|| page("/status_device.html", &STATUS[..STATUS.len() / 2])).await;
    only_status_is_unreadable(&observe(&device, &nothing_more()).await, "did not come whole");
}

#[tokio::test]
async fn a_get_that_breaks_once_is_made_good() {
    let device = but(|request, earlier| {
        (request.is("GET", "/status_device.html") && earlier == 0)
            .then(|| Act::Reset(b"HTTP/1.1 200 OK\r\n".to_vec()))
    })
    .await;
    assert_eq!(observe(&device, &nothing_more()).await.pending.known().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_too_large_packed_or_another_page_is_unreadable() {
    let endless = || {
        let mut bytes = b"HTTP/1.1 200 OK\r\n\r\n<html><body>".to_vec();
        bytes.resize((1 << 20) + 1000, b'x');
        Act::Send(bytes)
    };
    only_status_is_unreadable(
        &observe(&but_status(endless).await, &nothing_more()).await,
        "larger than 1048576",
    );
    let packed = || Act::Send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b".to_vec());
    only_status_is_unreadable(&observe(&but_status(packed).await, &nothing_more()).await, "gzip");
    let other = || page("/settings_lan.html", STATUS);
    only_status_is_unreadable(&observe(&but_status(other).await, &nothing_more()).await, "wrong page");
    let busy = || Act::Send(b"HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n".to_vec());
    only_status_is_unreadable(&observe(&but_status(busy).await, &nothing_more()).await, "503 (busy)");
    let chunks = || Act::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec());
    only_status_is_unreadable(&observe(&but_status(chunks).await, &nothing_more()).await, "connection broke");
}

#[tokio::test]
async fn odd_but_honest_http_is_read() {
    for head in [
        "HTTP/1.0 200\r\n\r\n",
        "HTTP/1.1 200 OK\ncontent-TYPE : text/html\nno colon here\n\n",
        "HTTP/1.1 200 OK\r\nETag: W/\"5f3a-12\"\r\nX-Note: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\netag: status_device.html\r\n\r\n\u{feff}",
    ] {
        let device = but_status(move || Act::Send(format!("{head}{STATUS}").into_bytes())).await;
        assert_eq!(
            observe(&device, &nothing_more()).await.pending.known().map(Vec::len),
            Some(2),
            "{head:?}"
        );
    }
    let chunked = || {
        let (a, b) = STATUS.split_at(1000);
        Act::Send(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n", a.len(), b.len()).into_bytes())
    };
    assert_eq!(
        observe(&but_status(chunked).await, &nothing_more()).await.pending.known().map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn redirects_are_not_followed_and_no_other_host_is_asked() {
    let other = but(|_, _| None).await;
    let elsewhere = format!("http://localhost:{}/status_device.html", other.target.port);
    let device = but_status(move || redirect(&elsewhere)).await;
    only_status_is_unreadable(
        &observe(&device, &nothing_more()).await,
        "wrong redirect: to http://localhost",
    );
    assert!(other.log.lock().unwrap().is_empty(), "the other host was asked");
    let device = but_status(|| redirect("/status_device.html")).await;
    only_status_is_unreadable(&observe(&device, &nothing_more()).await, "wrong redirect");
    assert_eq!(device.count("GET", "/status_device.html"), 1);
}

#[tokio::test]
async fn a_lost_session_leaves_the_rest_unasked_and_does_not_log_in_again() {
    let lost: [fn() -> Act; 4] = [
        || redirect("/login.html"),
        || redirect("http://127.0.0.1/login.html"),
        || page("/login.html", LOGIN),
        || Act::Send(format!("HTTP/1.1 302 Found\r\nlocation: login.html\r\n\r\n{STATUS}").into_bytes()),
    ];
    for act in lost {
        let device = but_status(act).await;
        let seen =
            observe(&device, &Ask { editors: Editors::Slots([slot(1), slot(2)].into()), config_url: true })
                .await;
        for reason in [
            seen.pending.why_not(),
            seen.slots.why_not(),
            seen.editors[&slot(2)].why_not(),
            seen.config_url.as_ref().unwrap().why_not(),
        ] {
            assert!(reason.unwrap().contains("session lost"), "{reason:?}");
        }
        assert_eq!(device.count("GET", "/mobile_devices.html"), 0);
        assert_eq!(device.posted("/login.html").len(), 1);
    }
}

#[tokio::test]
async fn a_login_that_cannot_succeed_is_not_tried() {
    for (number, kind) in [
        (2, "session-busy"),
        (4, "unreachable"),
        (5, "unreachable"),
        (6, "login-locked"),
        (7, "unreachable"),
        (161, "unreachable"),
    ] {
        let device = but(move |request, _| {
            request
                .is("GET", "/login.html")
                .then(|| page("/login.html", &LOGIN.replace("error = 0", &format!("error = {number}"))))
        })
        .await;
        let failure = driver().open(&device.target).await.unwrap_err();
        assert_eq!(serde_json::to_value(&failure).unwrap()["kind"], kind, "{number}: {failure:?}");
        assert!(device.posted("/login.html").is_empty(), "{number}");
    }
}

#[tokio::test]
async fn each_refusal_of_the_password_is_told_apart_and_posted_once() {
    let again = |number: u16| page("/login.html", &LOGIN.replace("error = 0", &format!("error = {number}")));
    for (number, kind) in [
        (1, "login-refused"),
        (2, "session-busy"),
        (6, "login-locked"),
        (5, "unreachable"),
        (0, "login-unclear"),
        (99, "login-unclear"),
    ] {
        let device = but(move |request, _| request.is("POST", "/login.html").then(|| again(number))).await;
        let failure = driver().open(&device.target).await.unwrap_err();
        assert_eq!(serde_json::to_value(&failure).unwrap()["kind"], kind, "{number}: {failure:?}");
        assert_eq!(device.posted("/login.html").len(), 1);
        assert!(!format!("{failure:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_posted_password_without_a_clear_answer_is_told_as_that() {
    let acts: [fn() -> Act; 8] = [
        || page("/login.html", "<html><body>Please wait</body></html>"),
        || page("/login.html", &LOGIN.replace("error = 0", "error = none")),
        || redirect("/login.html"),
        || redirect("/backup_advice.html"),
        || Act::Send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec()),
        || Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<html>".to_vec()),
        || Act::Reset(Vec::new()),
        || Act::Hang(Vec::new()),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let device = but(move |request, _| request.is("POST", "/login.html").then(act)).await;
        let driver = if matches!(act(), Act::Hang(_)) { hurried() } else { driver() };
        let failure = driver.open(&device.target).await.unwrap_err();
        assert!(matches!(failure, ContactFailure::LoginUnclear(_)), "{number}: {failure:?}");
        let posted = format!("password={PASSWORD}&language=2&loginajax=0");
        assert_eq!(device.posted("/login.html"), [posted], "{number}: a POST is never repeated");
        assert!(!format!("{failure:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_password_that_was_never_sent_is_not_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut device = but(|_, _| None).await;
    device.target.port = listener.local_addr().unwrap().port();
    let answered = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{LOGIN}", LOGIN.len());
        stream.write_all(text.as_bytes()).await.unwrap();
    });
    let failure = driver().open(&device.target).await.unwrap_err();
    answered.await.unwrap();
    assert!(
        matches!(&failure, ContactFailure::Unreachable(reason) if reason == "tried to log in: no connection: Connection refused"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_login_page_without_a_marked_language_is_not_posted_to() {
    let device = but(|request, _| {
        request
            .is("GET", "/login.html")
            .then(|| page("/login.html", &LOGIN.replace(" selected=\"selected\"", "")))
    })
    .await;
    let failure = driver().open(&device.target).await.unwrap_err();
    assert!(
        matches!(&failure, ContactFailure::NotUnderstood(reason) if reason.contains("language")),
        "{failure:?}"
    );
    assert!(device.posted("/login.html").is_empty());
}

#[tokio::test]
async fn a_key_that_comes_with_a_failure_is_logged_out() {
    for location in ["http://192.0.2.1/settings_lan.html", "/login.html"] {
        let device = but(move |request, _| {
            let answer = format!(
                "HTTP/1.1 302 Found\r\nset-cookie: path=/; KEY={KEY}\r\nlocation: {location}\r\n\r\n"
            );
            request.is("POST", "/login.html").then(|| Act::Send(answer.into_bytes()))
        })
        .await;
        assert!(
            matches!(driver().open(&device.target).await, Err(ContactFailure::LoginUnclear(_))),
            "{location}"
        );
        device.is_logged_out();
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut device = but(|_, _| None).await;
    device.target.port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = driver().open(&device.target).await.unwrap_err();
    assert!(
        matches!(&failure, ContactFailure::Unreachable(reason) if reason.contains("no connection")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_dropped_is_logged_out_before_the_next_begins() {
    let device = but(|_, _| None).await;
    let driver = driver();
    let first = driver.open(&device.target).await.unwrap();
    drop(first);
    let second = driver.open(&device.target).await.unwrap();
    device.is_logged_out();
    let logins = device.posted("/login.html").len();
    drop(second);
    tokio::time::timeout(BOUND, driver.drained()).await.unwrap();
    assert_eq!((logins, device.count("GET", "/logout.html")), (2, 2));
}

#[tokio::test]
async fn a_login_whose_caller_vanished_is_logged_out() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let device = but(move |request, _| {
        if request.is("POST", "/login.html") {
            arrived.send(()).unwrap();
        }
        None
    })
    .await;
    let driver = driver();
    let caller = tokio::spawn({
        let (driver, target) = (driver.clone(), device.target.clone());
        async move { driver.open(&target).await.map(drop) }
    });
    arrivals.recv().await.unwrap();
    caller.abort();
    tokio::time::timeout(BOUND, driver.drained()).await.unwrap();
    device.is_logged_out();
}

#[tokio::test]
async fn a_log_out_that_fails_is_tried_again() {
    let device = but(|request, earlier| {
        let busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec();
        (request.is("GET", "/logout.html") && earlier < 2).then_some(Act::Send(busy))
    })
    .await;
    driver().open(&device.target).await.unwrap().close().await;
    assert_eq!(device.count("GET", "/logout.html"), 3);
}

#[tokio::test]
async fn a_log_out_ends_before_a_stop_is_cut_short() {
    let device =
        but(|request, _| request.is("GET", "/logout.html").then(|| Act::Drip(b"HTTP/1.1 200 OK\r\n".into())))
            .await;
    let driver = Driver::new(Duration::from_secs(60)).unwrap();
    let session = driver.open(&device.target).await.unwrap();
    let began = std::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(20), session.close()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(7), "it is given time");
    device.is_logged_out();
}

#[tokio::test]
async fn enrolment_changes_one_field_and_reads_it_back() {
    let url = "http://192.0.2.9:8080/p/token/%MACD.xml";
    let device = but(move |request, earlier| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/firmware_update.html") if earlier > 0 => {
            Some(page("/firmware_update.html", &FIRMWARE.replace("http://old.example/a?b=1&amp;c=2", url)))
        }
        ("POST", "/firmware_update.html") => Some(Act::Reset(Vec::new())),
        _ => None,
    })
    .await;
    let mut session = driver().open(&device.target).await.unwrap();
    assert_eq!(session.enrol(url).await, Ok(()), "a broken answer is read back");
    assert_eq!(session.enrol(url).await, Ok(()), "what is set already is not posted");
    session.close().await;
    assert_eq!(
        device.posted("/firmware_update.html"),
        [
            "action=7&timestamp=1700000000&storeTimeStamp=0&not_enable_buttons_after_reload=1&data_server=update.example\
          &configfile_url=http%3A%2F%2F192.0.2.9%3A8080%2Fp%2Ftoken%2F%25MACD.xml&automatic_update=1&update_strategy=1"
        ]
    );
}

#[tokio::test]
async fn a_page_that_is_not_understood_is_not_posted() {
    for text in [
        FIRMWARE.replace("name=\"action\"", "name=\"do\""),
        FIRMWARE.replace("configfile_url", "x"),
        STATUS.to_owned(),
    ] {
        let device = but(move |request, _| {
            request.is("GET", "/firmware_update.html").then(|| page("/firmware_update.html", &text))
        })
        .await;
        let mut session = driver().open(&device.target).await.unwrap();
        let failure = session.enrol("http://192.0.2.9/x").await.unwrap_err();
        assert!(matches!(failure, EnrolError::NotUnderstood(_)), "{failure}");
        session.close().await;
        assert!(device.posted("/firmware_update.html").is_empty());
    }
    let device = but(|request, _| {
        request.is("POST", "/firmware_update.html").then(|| redirect("/firmware_update.html"))
    })
    .await;
    let mut session = driver().open(&device.target).await.unwrap();
    assert_eq!(session.enrol("http://192.0.2.9/x").await, Err(EnrolError::NotKept));
    session.close().await;
}

/// A device whose download goes through these states.
async fn downloading(states: &'static [&'static str]) -> Device {
    but(move |request, earlier| {
        let state = states.get(earlier).or(states.last()).unwrap();
        let answer = format!("HTTP/1.1 200 OK\r\nETag: /profile_update_ajax.js\r\n\r\n{state}");
        request.is("GET", "/profile_update_ajax.js").then(|| Act::Send(answer.into_bytes()))
    })
    .await
}

#[tokio::test]
async fn a_download_is_watched_to_its_end_and_the_end_is_told() {
    let cases: [(&[&str], &str, &str); 7] = [
        (&["0;0", " 0 ; 0 ", "88;200\r\n"], "done", ""),
        (&["0;0", "nonsense", "88;200"], "done", ""),
        (&["104;0"], "no-line", ""),
        (&["103;0"], "busy", "103"),
        (&["101;404"], "failed", "404"),
        (&["100;0"], "failed", "100"),
        (&["0;0"], "unknown", "the last state was 0"),
    ];
    for (states, kind, part) in cases {
        let device = downloading(states).await;
        let driver = if kind == "unknown" { hurried() } else { driver() };
        let mut session = driver.open(&device.target).await.unwrap();
        let outcome = serde_json::to_value(session.trigger_web().await).unwrap();
        session.close().await;
        assert_eq!(outcome["kind"], kind, "{states:?}: {outcome}");
        assert!(part.is_empty() || outcome["detail"].as_str().unwrap().contains(part), "{outcome}");
        let pressed = device.posted("/settings_management_miscellaneous.html");
        assert_eq!(
            pressed,
            [
                "profile_update_manual=1&go_profile=0&password_changed=0&web_password=********&led_signal=1&autocode=12345&profile_update_auto=1"
            ]
        );
        assert_eq!(device.posted("/profile_update.html"), ["profile_update_status=2"]);
    }
}

#[tokio::test]
async fn a_button_page_that_is_not_understood_is_not_pressed() {
    let device = but(|request, _| {
        request
            .is("GET", "/settings_management_miscellaneous.html")
            .then(|| page("/settings_management_miscellaneous.html", FIRMWARE))
    })
    .await;
    let mut session = driver().open(&device.target).await.unwrap();
    let outcome = session.trigger_web().await;
    session.close().await;
    assert!(
        matches!(&outcome, TriggerOutcome::Failed(reason) if reason.starts_with("nothing was sent")),
        "{outcome:?}"
    );
    assert!(device.posted("/settings_management_miscellaneous.html").is_empty());
}

#[tokio::test]
async fn no_secret_is_in_anything_that_comes_out() {
    let planted = STATUS.replace("N720-DM", &format!("{PASSWORD} {KEY}"));
    let text = format!("HTTP/1.1 200 OK\r\nSet-Cookie: key={KEY}\r\n\r\n{planted}");
    let device = but_status(move || Act::Send(text.clone().into_bytes())).await;
    let driver = driver();
    let mut session = driver.open(&device.target).await.unwrap();
    session.record();
    let mut seen = session.observe(&nothing_more(), at()).await;
    session.read_editors(&BTreeSet::from([slot(3), slot(4)]), &mut seen).await;
    session.read_config_url(&mut seen).await;
    assert!(session.recorded().len() > 3);
    for text in [format!("{session:?} {driver:?} {seen:?}"), format!("{:?}", session.recorded())] {
        for secret in [PASSWORD, KEY, "AB12"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(session.recorded()[0].text.contains("7C2F80CA21E4-****"));
    session.close().await;
}
