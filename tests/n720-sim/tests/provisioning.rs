//! The provisioning file from trigger to effect: triggers, downloads, Digest, and what a file does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use common::{BOUND, Client, FileServer, MAC, fetch, file, item, open_for_all, reserve};
use n720_sim::{
    Author, Deregistration, Device, DeviceBuilder, Event, Fault, Handset, Ignored, Ipui, PinKnowledge,
    Timing, Trigger, UserAgent, Wire,
};
use std::time::Duration;
use tokio::net::UdpSocket;

const A: &str = "02 B6 EC 8A A5";
const B: &str = "02 9E 74 A5 99";

fn ipui(text: &str) -> Ipui {
    text.parse().unwrap()
}

fn builder(server: &FileServer) -> DeviceBuilder {
    DeviceBuilder::new(MAC).unwrap().timing(Timing::brisk()).configfile_url(&server.url())
}

/// The state numbers the web button comes to.
async fn press_button(device: &Device) -> String {
    let mut client = Client::new(device.addr());
    client.login("admin", "1", "2").await;
    let form = "led_signal=1&autocode=&profile_update_auto=1&profile_update_manual=1&go_profile=0&password_changed=0";
    let answer = client.post("/settings_management_miscellaneous.html", form).await;
    assert!(answer.header("Location").unwrap().ends_with("/profile_update.html"));
    let mut states = vec![String::new()];
    loop {
        let state = client.get("/profile_update_ajax.js").await.text();
        if state != "0;0" {
            client.post("/profile_update.html", "profile_update_status=2").await;
            assert_eq!(client.get("/profile_update_ajax.js").await.text(), "0;0");
            client.get("/logout.html").await;
            return state;
        }
        states.push(state);
    }
}

#[tokio::test]
async fn the_wikis_accounts_reservations_and_pin_take_effect() {
    let wiki = include_str!("wiki.xml");
    let server = FileServer::start(wiki).await;
    // The wiki's window: 24.04.17, 11:42, for 72000 seconds, by a clock that stands in it.
    let opening = chrono::DateTime::parse_from_rfc3339("2017-04-24T11:43:00+02:00").unwrap();
    let offset = opening.timestamp() - chrono::Utc::now().timestamp();
    let device = builder(&server)
        .clock_offset_s(offset)
        .handset(Handset::new(ipui(A)))
        .handset(Handset::new(ipui(B)).used(PinKnowledge::Types("0000".to_owned())))
        .start()
        .await
        .unwrap();
    let applied = fetch(&device).await;
    assert_eq!(applied, Event::FileApplied { version: Some(2_404_171_000), symbols: 33, ignored: vec![] });
    let snapshot = device.snapshot();
    let users: Vec<&str> = snapshot.slots.values().map(|slot| slot.user_id.as_str()).collect();
    assert_eq!(users, ["1013", "1014", "1022"]);
    assert_eq!(snapshot.slots[&1].display_name, "N720_1013");
    assert!(snapshot.window_open && snapshot.pending.is_empty() && snapshot.unsettled.len() == 2);
    let pending = |snapshot: &n720_sim::Snapshot| snapshot.pending == [ipui(A), ipui(B)];
    device.wait_until("settled", BOUND, pending).await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let page = client.get("/status_device.html").await.text();
    let rows = "<tr><td colspan=\"2\" class=\"colspan\">02 B6 EC 8A A5</td></tr>\r\n\
                <tr><td colspan=\"2\" class=\"colspan\">02 9E 74 A5 99</td></tr>\r\n</table>";
    assert!(page.contains(rows), "the very last rows, in slot order");
    let list = client.get("/mobile_devices.html").await.text();
    assert_eq!(list.matches("<p>IPUI</p>").count(), 2);
    client.post("/mobile_devices.html", "action=1&used_account=0").await;
    let editor = client.get("/mobile_devices_editor.html").await.text();
    assert!(!editor.contains("name=\"deregister\""), "hidden while registration by IPUI is on");
    device.press(ipui(A)).unwrap();
    device.press(ipui(B)).unwrap();
    let both = device.wait_until("both", BOUND, |snapshot| snapshot.registered().len() == 2).await.unwrap();
    assert_eq!(both.registered().into_iter().collect::<Vec<_>>(), [(1, ipui(A)), (2, ipui(B))]);
    let page = client.get("/status_device.html").await.text();
    assert!(!page.split_once("<body").unwrap().1.contains("02 B6 EC 8A A5"));
    assert!(client.get("/mobile_devices.html").await.text().contains("id=\"dssn1\" class=\"green_dect\""));
    device.advance_clock(72_000);
    device.wait_event("closing", BOUND, |event| *event == Event::WindowClosed {}).await.unwrap();
}

#[tokio::test]
async fn the_wikis_gap_is_where_the_next_account_lands() {
    let server = FileServer::start(include_str!("wiki.xml")).await;
    let device = builder(&server).start().await.unwrap();
    fetch(&device).await;
    let off = item("BS_VOIP_Data.astVoipAccounts[1].ucB_SIP_ACCOUNT_IS_ACTIVE_1", "0");
    server.serve(&file(1, &[off]));
    fetch(&device).await;
    let page = Client::logged_in(device.addr()).await.get("/mobile_devices.html").await.text();
    assert!(page.contains("id=\"un0\"") && !page.contains("id=\"un1\"") && page.contains("id=\"un2\""));
    assert_eq!(device.add_account("1099", "By hand").unwrap(), 2);
}

#[tokio::test]
async fn the_wikis_pin_0001_has_to_be_typed() {
    let mut lines = open_for_all();
    lines[2] = item("BS_CUSTOM.aucKdsPin[0]", "0x00,0x01");
    lines.push(reserve(0, A));
    let server = FileServer::start(&file(1, &lines)).await;
    let device = builder(&server).handset(Handset::new(ipui(A))).start().await.unwrap();
    fetch(&device).await;
    device.press(ipui(A)).unwrap();
    let refused = |why: n720_sim::Refusal| move |event: &Event| matches!(event, Event::HandsetRefused { why: it, .. } if *it == why);
    device.wait_event("no pin", BOUND, refused(n720_sim::Refusal::PinNotTyped)).await.unwrap();
    device.press_typing(ipui(A), Some(PinKnowledge::Types("0000".to_owned()))).unwrap();
    device.wait_event("wrong pin", BOUND, refused(n720_sim::Refusal::PinWrong)).await.unwrap();
    device.press_typing(ipui(A), Some(PinKnowledge::Types("0001".to_owned()))).unwrap();
    device.wait_until("in", BOUND, |snapshot| snapshot.registered().len() == 1).await.unwrap();
}

#[tokio::test]
async fn the_pin_of_a_file_is_shown_on_the_page_unless_the_device_is_odd() {
    let pin = |random: &str, digits: &str| {
        [item("BS_CUSTOM.bit.UseRandomRegistrationPIN", random), item("BS_CUSTOM.aucKdsPin[0]", digits)]
    };
    let server = FileServer::start(&file(1, &pin("0", "0x12,0x34"))).await;
    let device = builder(&server).start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let shown = async || {
        let page = client.get("/mobile_devices.html").await.text();
        let random = page.contains("name=\"radio_regist_pin\" value=\"1\" checked");
        assert_ne!(random, page.contains("name=\"radio_regist_pin\" value=\"0\" checked"));
        let field = page.split_once("\" name=\"user_defined_pin\"").unwrap().0;
        (random, field.rsplit_once("value=\"").unwrap().1.to_owned())
    };
    let is = |random: bool, digits: &str| (random, digits.to_owned());
    assert_eq!(shown().await, is(true, "0000"), "as it left the factory");
    fetch(&device).await;
    assert_eq!(shown().await, is(false, "1234"));
    let odd = device.set_fault(Fault::HideFilePin);
    assert_eq!(shown().await, is(true, "0000"));
    device.set_pin(Some("4711")).unwrap();
    server.serve(&file(2, &pin("1", "0x99,0x99")));
    fetch(&device).await;
    assert_eq!(shown().await, is(false, "4711"), "by hand");
    device.clear_fault(odd);
    assert_eq!(shown().await, is(true, "9999"));
    let by = |author| {
        device
            .journal()
            .iter()
            .filter(|entry| matches!(entry.event, Event::PinChanged { by, .. } if by == author))
            .count()
    };
    assert_eq!((by(Author::File), by(Author::ByHand)), (2, 1));
}

#[tokio::test]
async fn a_swap_by_file_deregisters_both_each_once() {
    let server = FileServer::start(&file(2, &[reserve(0, B), reserve(1, A)])).await;
    let device = builder(&server)
        .registered(1, Handset::new(ipui(A)))
        .registered(2, Handset::new(ipui(B)))
        .registered(3, Handset::new(ipui("02 00 00 00 03")))
        .start()
        .await
        .unwrap();
    fetch(&device).await;
    assert_eq!(device.snapshot().registered().len(), 3, "not before the settle time");
    device.wait_until("swap", BOUND, |snapshot| snapshot.unsettled.is_empty()).await.unwrap();
    let why = Deregistration::SlotReservedForAnother;
    assert_eq!(device.deregistrations(), [(1, ipui(A), why), (2, ipui(B), why)]);
    assert_eq!(device.snapshot().pending, [ipui(B), ipui(A)]);
}

#[tokio::test]
async fn the_wikis_zero_bytes_deregister_the_slot() {
    let server = FileServer::start(&file(2, &[reserve(0, "00 00 00 00 00")])).await;
    let device = builder(&server).registered(1, Handset::new(ipui(A))).start().await.unwrap();
    fetch(&device).await;
    device.wait_until("empty", BOUND, |snapshot| snapshot.registered().is_empty()).await.unwrap();
    assert_eq!(device.deregistrations(), [(1, ipui(A), Deregistration::Zeroed)]);
}

#[tokio::test]
async fn the_version_is_a_number_and_only_an_equal_one_is_ignored() {
    let line =
        |user: &str| item("BS_VOIP_Data.astVoipAccounts[0].aucS_SIP_USER_ID[0]", &format!("\"{user}\""));
    let server = FileServer::start(&file(105_261_200, &[line("a")])).await;
    let device = builder(&server).start().await.unwrap();
    assert!(matches!(fetch(&device).await, Event::FileApplied { version: Some(105_261_200), .. }));
    server.serve(&file(105_261_200, &[line("b")]));
    let ignored = Event::FileIgnored { version: Some(105_261_200), why: Ignored::SameVersion };
    assert_eq!(fetch(&device).await, ignored);
    server.serve(&file(1, &[line("c")]));
    assert!(matches!(fetch(&device).await, Event::FileApplied { .. }), "an older one is applied");
    let without = file(1, &[]).replace("<VERSION value=\"0000000001\"/>", "");
    server.serve(&without);
    fetch(&device).await;
    fetch(&device).await;
    assert_eq!(device.applied(), [Some(105_261_200), Some(1), None, None]);
    assert_eq!(device.snapshot().version, Some(1), "kept");
}

#[tokio::test]
async fn what_the_device_cannot_use_is_passed_over_and_told_only_in_the_journal() {
    let lines = [
        item("BS_VOIP_Data.astVoipAccounts[0].aucS_SIP_USER_ID[0]", "1013"),
        item("BS_AE_Subscriber.uIPUIRegistrationDuration", "60"),
        item("BS_VOIP_Data.astVoipAccounts[100].ucB_SIP_ACCOUNT_IS_ACTIVE_1", "1"),
        item("BS_VOIP_Data.astVoipProviders[%].uiSIP_SERVER_PORT", "0x13c4"),
    ];
    let server = FileServer::start(&file(1, &lines)).await;
    let device = builder(&server).account(1, "old", "").start().await.unwrap();
    let Event::FileApplied { symbols, ignored, .. } = fetch(&device).await else { panic!("applied") };
    assert_eq!((symbols, ignored.len()), (1, 3), "{ignored:?}");
    assert!(ignored[0].ends_with("no inner quotes") && ignored[1].ends_with("unknown symbol"));
    assert_eq!(device.snapshot().slots[&1].user_id, "old");
    assert_eq!(device.snapshot().window, n720_sim::Window::default());
}

#[tokio::test]
async fn a_file_for_another_mac_is_silently_ignored() {
    let server = FileServer::start(&file(1, &[reserve(0, A)]).replace(MAC, "7C2F80CA21E5")).await;
    let device = builder(&server).account(1, "1013", "").start().await.unwrap();
    assert_eq!(press_button(&device).await, "88;200");
    let why = Ignored::WrongMac;
    device
        .wait_event("ignored", BOUND, |e| *e == Event::FileIgnored { version: Some(1), why })
        .await
        .unwrap();
    assert!(device.snapshot().unsettled.is_empty() && device.applied().is_empty());
}

#[tokio::test]
async fn the_web_button_comes_to_every_state() {
    let server = FileServer::start(&file(1, &[])).await;
    let device = builder(&server).start().await.unwrap();
    assert_eq!(press_button(&device).await, "104;0", "no account is active");
    device.add_account("1013", "").unwrap();
    assert_eq!(press_button(&device).await, "88;200");
    server.serve("<html></html>");
    assert_eq!(press_button(&device).await, "102;200");
    let id = device.set_fault(Fault::ProfileState { state: 103, http: 0 });
    assert_eq!(press_button_forced(&device).await, "103;0");
    device.clear_fault(id);
    let broken = FileServer::answering("", |_, _| "HTTP/1.1 404 Not Found\r\n\r\n".to_owned()).await;
    let missing = builder(&broken).account(1, "1013", "").start().await.unwrap();
    assert_eq!(press_button(&missing).await, "101;404");
    let nobody =
        builder(&server).configfile_url("http://127.0.0.1:1/x").account(1, "1", "").start().await.unwrap();
    assert_eq!(press_button(&nobody).await, "100;0");
    let nowhere = builder(&server).configfile_url("").account(1, "1013", "").start().await.unwrap();
    assert_eq!(press_button(&nowhere).await, "99;0");
}

async fn press_button_forced(device: &Device) -> String {
    let mut client = Client::new(device.addr());
    client.login("admin", "1", "2").await;
    client.get("/profile_update_ajax.js").await.text()
}

#[tokio::test]
async fn check_sync_is_answered_and_makes_it_fetch_without_any_account() {
    let server = FileServer::start(&file(1, &[])).await;
    let device = builder(&server).start().await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let notify = async |event: &str| {
        let text = format!(
            "NOTIFY sip:n720@{addr} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKx\r\nFrom: <sip:n720d@{own}>;tag=1\r\n\
             To: <sip:n720@{addr}>\r\nCall-ID: 1@x\r\nCSeq: 1 NOTIFY\r\nEvent: {event}\r\nContent-Length: 0\r\n\r\n",
            addr = device.sip_addr(),
            own = socket.local_addr().unwrap()
        );
        socket.send_to(text.as_bytes(), device.sip_addr()).await.unwrap();
        let mut buffer = [0; 2048];
        let length = tokio::time::timeout(BOUND, socket.recv(&mut buffer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(notify("check-sync;reboot=false").await.starts_with("SIP/2.0 200 OK\r\n"));
    assert!(notify("talk").await.starts_with("SIP/2.0 489 "));
    assert!(server.requests.lock().unwrap().is_empty(), "neither is a reason to fetch");
    let answer = notify("check-sync").await;
    assert!(
        answer.starts_with("SIP/2.0 200 OK\r\n") && answer.contains("Call-ID: 1@x\r\nCSeq: 1 NOTIFY\r\n")
    );
    device.wait_event("applied", BOUND, |e| matches!(e, Event::FileApplied { .. })).await.unwrap();
    let started = |e: &Event| matches!(e, Event::FetchStarted { trigger: Trigger::CheckSync });
    assert_eq!(device.journal().iter().filter(|entry| started(&entry.event)).count(), 1);
}

#[tokio::test]
async fn its_own_timer_fetches_only_while_the_check_is_on() {
    let off = item("BS_IP_Data.ucB_DO_CHECK_FOR_PROFILE_UPDATES", "0");
    let server = FileServer::start(&file(1, &[])).await;
    let timing = Timing { periodic: Some(Duration::from_millis(30)), ..Timing::brisk() };
    let device = builder(&server).timing(timing).start().await.unwrap();
    let periodic = |e: &Event| matches!(e, Event::FetchStarted { trigger: Trigger::Periodic });
    let first = device.wait_event("first", BOUND, periodic).await.unwrap();
    device.wait_event_since(first.seq, "second", BOUND, periodic).await.unwrap();
    server.serve(&file(2, &[off]));
    let second = |e: &Event| matches!(e, Event::FileApplied { version: Some(2), .. });
    let last = device.wait_event("off", BOUND, second).await.unwrap();
    let more = device.wait_event_since(last.seq, "silence", Duration::from_millis(150), periodic).await;
    assert!(more.is_err());
}

#[tokio::test]
async fn the_request_looks_like_the_real_ones() {
    let server = FileServer::start(&file(1, &[])).await;
    let url = format!("http://{}/70/1/../../p/%MACD.xml?s=%SUBLIST", server.addr);
    let wire = |user_agent, fetch_http10| Wire {
        framing: n720_sim::Framing::Length,
        http10: false,
        fetch_http10,
        user_agent,
    };
    let with_mac =
        builder(&server).configfile_url(&url).registered(2, Handset::new(ipui(A))).start().await.unwrap();
    fetch(&with_mac).await;
    let without = builder(&server).firmware("70.108.00.000.00").wire(wire(UserAgent::WithoutMac, true));
    fetch(&without.start().await.unwrap()).await;
    fetch(&builder(&server).wire(wire(UserAgent::Old, false)).start().await.unwrap()).await;
    let requests = server.requests.lock().unwrap().clone();
    let sublist = format!("6440{}", "0".repeat(24));
    assert!(requests[0].starts_with(&format!("GET /70/1/../../p/{MAC}.xml?s={sublist} HTTP/1.1\r\n")));
    assert!(requests[0].contains("\r\nUser-Agent: Gigaset N720 DM PRO/70.111.00.000.000;7C2F80CA21E4\r\n"));
    assert!(requests[0].contains("\r\nAccept: application/octet-stream, */*\r\n"));
    assert!(requests[1].starts_with(&format!("GET /p/{MAC}.xml HTTP/1.0\r\n")));
    assert!(requests[1].contains("\r\nUser-Agent: Gigaset N720 DM PRO/70.108.00.000.000\r\n"));
    assert!(requests[2].contains("\r\nUser-Agent: N720-DM-PRO/70.040.00.000.000\r\n"));
}

/// Answers 401 until the user named is this one; whether the hash is right is tested where it is computed.
fn only_for(user: &'static str) -> impl Fn(&str, &str) -> String + Send + 'static {
    move |head, file| {
        if head.contains(&format!("Authorization: Digest username=\"{user}\"")) {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{file}", file.len())
        } else {
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"n720\", nonce=\"abc\", qop=\"auth\", \
             algorithm=MD5\r\nContent-Length: 0\r\n\r\n"
                .to_owned()
        }
    }
}

#[tokio::test]
async fn digest_is_tried_with_the_mac_first_and_then_with_the_configured_user() {
    let users = |device: &Device| {
        let gets = device.journal().into_iter().filter_map(|entry| {
            if let Event::Fetched { status, user, .. } = entry.event { Some((status, user)) } else { None }
        });
        gets.collect::<Vec<_>>()
    };
    let by_mac = FileServer::answering(&file(1, &[]), only_for(MAC)).await;
    let device = builder(&by_mac).digest("site", "pw").start().await.unwrap();
    assert!(matches!(fetch(&device).await, Event::FileApplied { .. }));
    assert_eq!(users(&device), [(401, None), (200, Some(MAC.to_owned()))]);
    let head = by_mac.requests.lock().unwrap()[1].clone();
    assert!(
        head.contains(&format!("uri=\"/p/{MAC}.xml\"")) && head.contains("qop=auth, nc=00000001, cnonce=")
    );

    let by_user = FileServer::answering(&file(1, &[]), only_for("site")).await;
    let device = builder(&by_user).digest("site", "pw").start().await.unwrap();
    assert!(matches!(fetch(&device).await, Event::FileApplied { .. }));
    let wanted = [(401, None), (401, Some(MAC.to_owned())), (200, Some("site".to_owned()))];
    assert_eq!(users(&device), wanted);

    let stranger = builder(&by_user).account(1, "1013", "").start().await.unwrap();
    assert_eq!(press_button(&stranger).await, "101;401");
}

#[tokio::test]
async fn a_device_can_download_and_do_nothing_or_not_even_download() {
    let server = FileServer::start(&file(1, &[reserve(0, A)])).await;
    let deaf = builder(&server).account(1, "1013", "").fault(Fault::IgnoreFiles).start().await.unwrap();
    assert_eq!(press_button(&deaf).await, "88;200");
    assert!(deaf.applied().is_empty() && deaf.snapshot().unsettled.is_empty());
    assert_eq!(server.requests.lock().unwrap().len(), 1);
    let idle = builder(&server).account(1, "1013", "").fault(Fault::IgnoreTriggers).start().await.unwrap();
    assert_eq!(press_button(&idle).await, "88;200");
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_device_can_pass_over_some_symbols_and_take_the_rest() {
    let server = FileServer::start(&file(1, &[reserve(0, A), reserve(1, B)])).await;
    let fault = Fault::IgnoreSymbols { containing: "astAccounts[0]".to_owned() };
    let device = builder(&server).account(1, "1013", "").fault(fault).start().await.unwrap();
    let Event::FileApplied { symbols, ignored, .. } = fetch(&device).await else {
        panic!("it was not applied")
    };
    assert_eq!((symbols, ignored.len()), (1, 1), "{ignored:?}");
    assert!(ignored[0].starts_with("BS_Accounts.astAccounts[0]"), "{ignored:?}");
}

#[tokio::test]
async fn a_window_without_any_reservation_blocks_registration_by_hand() {
    let server = FileServer::start(&file(1, &open_for_all())).await;
    let device = builder(&server).start().await.unwrap();
    let handset = Handset::new(ipui(A));
    fetch(&device).await;
    assert!(device.register_by_hand(1, &handset).is_err());
    let plain = builder(&server).start().await.unwrap();
    plain.register_by_hand(1, &handset).unwrap();
    assert!(plain.register_by_hand(1, &handset).is_err(), "taken");
    plain.deregister(1).unwrap();
    assert_eq!(plain.deregistrations(), [(1, ipui(A), Deregistration::ByHand)]);
}

#[tokio::test]
async fn providers_passwords_and_addresses_come_from_the_file() {
    let lines = [
        item("BS_VOIP_Data.astVoipProviders[0].aucSIP_PROVIDER_NAME[0]", "\"Example\""),
        item("BS_VOIP_Data.astVoipProviders[0].aucSIP_SERVER[0]", "\"sip.example.com\""),
        item("BS_VOIP_Data.astVoipProviders[0].aucSIP_PROVIDER_NAME[0]", "\"fifteen letters\""),
        item("BS_CUSTOM.WebUIPassword", "\"Neu2026\""),
        item("BS_CUSTOM.WebUIPassword", "\"not allowed!\""),
        item("S_CONFIGFILE_URL", "\"http://127.0.0.1:9/%MACD?a&amp;b\""),
        item("BS_IP_Data.ucB_ACCEPT_FOREIGN_SUBNET", "0"),
    ];
    let server = FileServer::start(&file(1, &lines)).await;
    let device = builder(&server).account(1, "1013", "").start().await.unwrap();
    let before = Client::logged_in(device.addr()).await;
    let Event::FileApplied { ignored, .. } = fetch(&device).await else { panic!("applied") };
    assert_eq!(ignored.len(), 2, "{ignored:?}");
    assert!(before.get("/status_device.html").await.text().contains("</html>"), "who was logged in stays so");
    before.get("/logout.html").await;
    let mut client = Client::new(device.addr());
    assert_eq!(client.login("admin", "1", "0").await.status, 200);
    assert_eq!(client.login("Neu2026", "1", "0").await.status, 303);
    assert!(device.takes_password("Neu2026") && !device.takes_password("admin"));
    let changed = Event::WebPasswordChanged { by: Author::File };
    assert_eq!(device.journal().iter().filter(|entry| entry.event == changed).count(), 1);
    let page = client.get("/mobile_devices.html").await.text();
    assert!(page.contains("class=\"green_sip\"") && page.contains("<div id=\"pn0\">Example</div>"));
    assert_eq!(device.snapshot().configfile_url, "http://127.0.0.1:9/%MACD?a&b");
    assert_eq!(device.snapshot().settings["foreign_sub"], "0");
    let journal = serde_json::to_string(&device.journal()).unwrap();
    assert!(!journal.contains("Neu2026"), "no password in the journal");
}

#[tokio::test]
async fn a_window_that_closes_unfilled_leaves_its_handset_pending_and_a_second_one_lets_it_in() {
    let now = chrono::Utc::now().with_timezone(&chrono_tz::Europe::Berlin);
    let window = |from: chrono::DateTime<chrono_tz::Tz>| {
        let stamp = from.format("\"%d%m%y%H%M\"").to_string();
        let mut lines = open_for_all();
        lines[0] = item("BS_AE_Subscriber.ulIPUIRegistrationDuration", "3600");
        lines.push(item("BS_AE_Subscriber.acIPUIRegistrationTimestamp[0]", &stamp));
        lines.push(reserve(0, A));
        lines
    };
    let server = FileServer::start(&file(1, &window(now))).await;
    let arrival = n720_sim::Arrival::AfterWindowOpens { nth: 2, delay: Duration::from_millis(1) };
    let device = builder(&server).handset(Handset::new(ipui(A)).arriving(arrival)).start().await.unwrap();
    fetch(&device).await;
    device.wait_event("open", BOUND, |e| *e == Event::WindowOpened { nth: 1 }).await.unwrap();
    device.wait_until("pending", BOUND, |snapshot| snapshot.pending == [ipui(A)]).await.unwrap();
    device.advance_clock(7200);
    device.wait_event("closed", BOUND, |e| *e == Event::WindowClosed {}).await.unwrap();
    let closed = device.snapshot();
    assert!(!closed.window_open && closed.pending == [ipui(A)], "pending also after the window");
    server.serve(&file(2, &window(now + chrono::Duration::hours(2))));
    fetch(&device).await;
    device.wait_event("open again", BOUND, |e| *e == Event::WindowOpened { nth: 2 }).await.unwrap();
    device.wait_until("in", BOUND, |snapshot| snapshot.pending.is_empty()).await.unwrap();
    assert!(device.deregistrations().is_empty());
}
