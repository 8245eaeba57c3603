//! The web interface from outside: logins, sessions, pages, forms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop at the place")]

mod common;

use common::{BOUND, Client, MAC, error_of, raw, send};
use n720_sim::{DeviceBuilder, Event, Fault, Framing, Handset, SessionEnd, Timing, UserAgent, Wire};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn builder() -> DeviceBuilder {
    DeviceBuilder::new(MAC).unwrap().timing(Timing::brisk())
}

#[tokio::test]
async fn a_login_leads_to_a_page_with_a_key_of_eight_digits() {
    let device = builder().start().await.unwrap();
    let mut client = Client::new(device.addr());
    let answer = client.login("admin", "1", "0").await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("Location").unwrap(), format!("{}/settings_lan.html", device.url()));
    assert!(answer.header("Set-Cookie").unwrap().ends_with("; path=/"));
    let key = client.key.clone().unwrap();
    assert!(key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_digit()), "{key}");
    let page = client.get("/settings_lan.html").await;
    assert_eq!(page.header("ETag"), Some("/settings_lan.html"));
    assert_eq!(client.get("/logout.html").await.status, 200);
    assert_eq!(device.snapshot().session, None);
    assert_eq!(client.get("/status_device.html").await.status, 303);
}

#[tokio::test]
async fn the_advice_page_comes_first_where_it_is_on() {
    let device = builder().advice_page(true).start().await.unwrap();
    let mut client = Client::new(device.addr());
    let answer = client.login("admin", "1", "0").await;
    assert!(answer.header("Location").unwrap().ends_with("/backup_advice.html"));
    assert_eq!(client.get("/backup_advice.html").await.status, 200);
}

#[tokio::test]
async fn without_a_host_header_there_is_no_location() {
    let device = builder().start().await.unwrap();
    let answer = send(device.addr(), "GET /status_device.html HTTP/1.0\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("Location")), (303, None));
    let with_host = send(device.addr(), "GET /status_device.html HTTP/1.0\r\nHost: n720\r\n\r\n").await;
    assert_eq!(with_host.header("Location"), Some("http://n720/login.html"));
}

#[tokio::test]
async fn every_code_is_in_the_test_and_on_the_page() {
    let device = builder().start().await.unwrap();
    let test = async || {
        let form = "password=admin&language=1&loginajax=1";
        Client::new(device.addr()).post("/login_ajax.js", form).await.text()
    };
    let page = async || {
        let page = Client::new(device.addr()).login("admin", "1", "0").await;
        assert_eq!(page.status, 200);
        error_of(&page.text())
    };
    assert_eq!(test().await, "0");
    for (fault, code) in [
        (Fault::PersonLoggedIn, 2),
        (Fault::UpdateRunning, 4),
        (Fault::LoginCode { code: 7 }, 7),
        (Fault::LoginCode { code: 162 }, 162),
    ] {
        let id = device.set_fault(fault);
        assert_eq!(test().await, code.to_string());
        assert_eq!(page().await, code);
        device.clear_fault(id);
    }
    let wrong = Client::new(device.addr()).login("wrong", "1", "0").await;
    assert_eq!(error_of(&wrong.text()), 1);
    let second = Client::new(device.addr()).login("wrong", "1", "0").await;
    assert_eq!(error_of(&second.text()), 1);
    assert_eq!(page().await, 6, "the second in a row locks for a second");
}

#[tokio::test]
async fn a_reboot_says_five_then_refuses_then_is_back_without_the_session() {
    let device = builder().start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    assert_eq!(client.post("/reboot.html", "do_reboot=1").await.status, 303);
    let page = Client::new(device.addr()).login("admin", "1", "0").await;
    assert_eq!(error_of(&page.text()), 5);
    device.wait_until("down", BOUND, |snapshot| snapshot.refusing).await.unwrap();
    device.wait_event("back", BOUND, |event| *event == Event::CameBack {}).await.unwrap();
    let lost = |event: &Event| matches!(event, Event::SessionClosed { how: SessionEnd::Rebooted, .. });
    device.wait_event("session lost", BOUND, lost).await.unwrap();
    let mut again = None;
    while again.is_none() {
        again = raw(device.addr(), "GET /login.html HTTP/1.1\r\n\r\n").await.ok();
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get("/status_device.html").await.status, 303);
}

#[tokio::test]
async fn refused_connections_are_refused_and_come_back_on_the_same_port() {
    let device = builder().start().await.unwrap();
    let id = device.set_fault(Fault::Refuse);
    let mut refused = false;
    while !refused {
        let error = raw(device.addr(), "GET /login.html HTTP/1.1\r\n\r\n").await.err();
        refused = error.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    }
    device.clear_fault(id);
    let mut back = false;
    while !back {
        back = raw(device.addr(), "GET /login.html HTTP/1.1\r\n\r\n")
            .await
            .is_ok_and(|bytes| bytes.len() > 50_000);
    }
}

#[tokio::test]
async fn another_language_switches_and_does_not_log_in_though_the_test_says_zero() {
    let device = builder().start().await.unwrap();
    let mut client = Client::new(device.addr());
    let test = client.post("/login_ajax.js", "password=admin&language=2&loginajax=1").await;
    assert_eq!(test.text(), "0");
    assert_eq!(device.snapshot().language, 1, "the test switches nothing");
    let answer = client.login("admin", "2", "0").await;
    assert_eq!((answer.status, client.key.clone()), (200, None));
    assert_eq!(error_of(&answer.text()), 0);
    assert!(answer.text().contains("<option value=\"2\" selected>"));
    assert!(answer.text().contains("Anmelden"));
    assert_eq!(client.login("admin", "2", "0").await.status, 303);
}

#[tokio::test]
async fn an_idle_session_times_out_and_is_told() {
    let timing = Timing { idle_timeout: Duration::from_millis(80), ..Timing::brisk() };
    let device = builder().timing(timing).start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let over = |event: &Event| matches!(event, Event::SessionClosed { how: SessionEnd::TimedOut, number: 1 });
    device.wait_event("time-out", BOUND, over).await.unwrap();
    assert_eq!(client.get("/status_device.html").await.status, 303);
}

#[tokio::test]
async fn a_forced_login_throws_the_other_out() {
    let device = builder().start().await.unwrap();
    let first = Client::logged_in(device.addr()).await;
    let mut second = Client::new(device.addr());
    assert_eq!(error_of(&second.login("admin", "1", "0").await.text()), 2);
    assert_eq!(second.login("admin", "1", "2").await.status, 303);
    assert_eq!(first.get("/status_device.html").await.status, 303);
    device.set_fault(Fault::PersonLoggedIn);
    assert!(device.snapshot().person);
    assert_eq!(second.login("admin", "1", "2").await.status, 303);
    assert!(!device.snapshot().person);
}

#[tokio::test]
async fn pages_have_the_size_of_the_real_ones() {
    let mut builder = builder();
    for slot in 1..=100 {
        builder = builder.account(slot, &format!("{}", 1000 + u32::from(slot)), "Somebody");
    }
    let full = builder.start().await.unwrap();
    let empty = self::builder().start().await.unwrap();
    let size = async |client: &Client, path: &str| client.get(path).await.body.len();
    let (full, empty) = (Client::logged_in(full.addr()).await, Client::logged_in(empty.addr()).await);
    assert!((240_000..=270_000).contains(&size(&full, "/status_device.html").await));
    assert!((185_000..=195_000).contains(&size(&full, "/mobile_devices.html").await));
    assert!((69_000..=71_000).contains(&size(&empty, "/mobile_devices.html").await));
    assert!((54_000..=56_000).contains(&size(&empty, "/login.html").await));
    assert!((44_000..=46_000).contains(&size(&empty, "/logout.html").await));
}

#[tokio::test]
async fn the_status_page_is_built_as_described_in_every_language() {
    for language in [1, 2, 9] {
        let device = builder().language(language).start().await.unwrap();
        let mut client = Client::new(device.addr());
        client.login("admin", &language.to_string(), "0").await;
        let page = client.get("/status_device.html").await.text();
        assert!(page.starts_with("\u{feff}<!--") || page.starts_with("<!--"));
        assert!(page.ends_with("</html>\r\n"));
        let (head, body) = page.split_once("<body").unwrap();
        assert!(head.len() > 200_000);
        for part in [
            "\t127.000.000.001\r\n",
            "\t7C:2F:80:CA:21:E4\r\n",
            "\t7C2F80CA21E4-AB12\r\n",
            "\t70.111.00.000.00\r\n",
            "**.111.**.***.**",
            "id=\"td_cell_status\"",
            "<div class=\"cell_name\" id=\"cn01\"><a ",
            "<span id=\"cell_current_firmware00\">",
            "<span id=\"IWU_operating_days\">",
            "<span id=\"hour\">",
            "vis-link-cluster1",
        ] {
            assert!(body.contains(part), "language {language} lacks {part:?}");
        }
        let shown = device.snapshot().shows;
        let date = format!("<span id=\"date\">{}.{}.{}</span>", &shown[8..10], &shown[5..7], &shown[..4]);
        assert!(body.contains(&date), "{date}");
    }
}

#[tokio::test]
async fn the_list_has_a_sentence_without_accounts_and_two_rows_with_each() {
    let ipui = "02 B6 EC 8A A5".parse().unwrap();
    let device = builder()
        .account(1, "1013", "A & B")
        .account(3, "1022", "")
        .registered(1, Handset::new(ipui).model("S650H PRO", "102"))
        .email_column(true)
        .start()
        .await
        .unwrap();
    let client = Client::logged_in(device.addr()).await;
    let page = client.get("/mobile_devices.html").await.text();
    for part in [
        "rowspan=\"2\">1.</td>",
        "rowspan=\"2\">3.</td>",
        "<div id=\"un0\">1013</div>",
        "<div id=\"dn0\">A &amp; B</div>",
        "<div id=\"dn2\">&nbsp;</div>",
        "<div id=\"dssn0\" class=\"green_dect\">S650H PRO</div>",
        "<div id=\"dssv0\">102</div>",
        "<div class=\"red_sip\">",
        "name=\"radio_regist_pin\" value=\"1\" checked>",
    ] {
        assert!(page.contains(part), "{part:?}");
    }
    assert!(!page.contains("id=\"un1\""), "only active accounts");
    assert!(!page.contains("<p>IPUI</p>"), "nothing is reserved and missing");

    let answer = client.post("/mobile_devices.html", "action=1&used_account=0").await;
    assert!(answer.header("Location").unwrap().ends_with("/mobile_devices_editor.html"));
    let editor = client.get("/mobile_devices_editor.html").await.text();
    assert!(editor.contains("02 B6 EC 8A A5") && editor.contains("name=\"deregister\""));

    let empty = builder().start().await.unwrap();
    let page = Client::logged_in(empty.addr()).await.get("/mobile_devices.html").await.text();
    assert!(
        page.contains("No mobile devices have been set up") && !page.contains("class=\"mobile_devices\"")
    );
}

#[tokio::test]
async fn a_form_takes_what_is_posted_and_an_action_that_changed_is_told() {
    let device = builder().start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let page = client.get("/firmware_update.html").await.text();
    assert!(page.contains("name=\"configfile_url\" id=\"configfile_url\""));
    assert!(page.contains("writeEditfield('<input type=\"text\" maxlength=\"255\""));
    assert!(page.contains("<input type=\"hidden\" name=\"action\" id=\"action\" value=\"5\">"));
    let url = "http%3A%2F%2F127.0.0.1%2Fp%2F%25MACD.xml%3Fa%26b";
    client.post("/firmware_update.html", &format!("action=5&configfile_url={url}&update_strategy=9")).await;
    assert_eq!(device.snapshot().configfile_url, "http://127.0.0.1/p/%MACD.xml?a&b");
    assert_eq!(device.snapshot().settings["update_strategy"], "1", "9 is no option");
    let page = client.get("/firmware_update.html").await.text();
    assert!(page.contains("value=\"http://127.0.0.1/p/%MACD.xml?a&amp;b\""));
    let started = |event: &Event| matches!(event, Event::FirmwareUpdateStarted { .. });
    assert!(!device.journal().iter().any(|entry| started(&entry.event)));
    client.post("/firmware_update.html", "action=1").await;
    device.wait_event("update", BOUND, started).await.unwrap();
}

#[tokio::test]
async fn passwords_show_a_placeholder_and_change_only_with_their_flag() {
    let device = builder().digest("u", "old").start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let page = client.get("/settings_telephony_security.html").await.text();
    assert!(page.contains("value=\"********\"") && !page.contains("old"));
    let misc = "/settings_management_miscellaneous.html";
    client.post(misc, "web_password=other&password_changed=0").await;
    assert_eq!(Client::new(device.addr()).login("admin", "1", "2").await.status, 303);
    let mut client = Client { key: None, ..client };
    client.login("admin", "1", "2").await;
    client.post(misc, "web_password=other&password_changed=1").await;
    assert_eq!(client.login("other", "1", "2").await.status, 303);
    let text = serde_json::to_string(&device.journal()).unwrap();
    assert!(text.contains("***") && !text.contains("\"other\""));
}

#[tokio::test]
async fn the_wire_has_the_manners_it_was_given() {
    let wire = |framing, http10| Wire { framing, http10, fetch_http10: false, user_agent: UserAgent::Old };
    for (framing, http10, sign) in [
        (Framing::Chunked, false, "Transfer-Encoding: chunked"),
        (Framing::UntilClose, true, "HTTP/1.0 200"),
        (Framing::Length, false, "Content-Length: "),
    ] {
        let device = builder().wire(wire(framing, http10)).start().await.unwrap();
        let answer = Client::new(device.addr()).get("/login.html").await;
        assert!(answer.head.contains(sign), "{}", answer.head);
        assert!(answer.text().contains("</html>"));
    }
}

#[tokio::test]
async fn foreign_subnets_get_no_answer_when_they_are_shut_out() {
    let config = builder().web("127.0.7.1:0".parse().unwrap()).accept_foreign_subnet(false);
    let near = config.clone().start().await.unwrap();
    assert_eq!(Client::new(near.addr()).get("/login.html").await.status, 200, "127/8 is its own subnet");
    let far = config.own_subnet_bits(24).start().await.unwrap();
    // Connections to 127.0.7.1 come from 127.0.7.1 itself unless bound elsewhere.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.8.1:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(far.addr()).await.unwrap();
    stream.write_all(b"GET /login.html HTTP/1.1\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn the_settings_can_be_saved_to_a_file() {
    let device = builder().start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    let answer = client.post("/settings_management_save_and_restore.html", "save_restore_function=1").await;
    assert!(answer.header("Location").unwrap().ends_with("/upl_downl_status.html"));
    assert_eq!(client.get("/upl_downl_status.html").await.status, 200);
    let backup = client.get("/settings.cfg").await;
    assert_eq!(backup.header("Content-Type"), Some("application/octet-stream"));
    assert!(backup.body.starts_with(b"N720CFG\0") && backup.body.len() > 4000);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_but_only_within_a_session() {
    let device = builder().start().await.unwrap();
    assert_eq!(Client::new(device.addr()).get("/nothing.html").await.status, 303);
    let client = Client::logged_in(device.addr()).await;
    assert_eq!(client.get("/nothing.html").await.status, 404);
    assert_eq!(client.post("/nothing.html", "a=b").await.status, 404);
    let put = send(device.addr(), "PUT /login.html HTTP/1.1\r\n\r\n").await;
    assert_eq!(put.status, 405);
}

#[tokio::test]
async fn every_form_page_says_which_page_it_is_and_is_whole() {
    let device = builder().start().await.unwrap();
    let client = Client::logged_in(device.addr()).await;
    for path in [
        "/firmware_update.html",
        "/settings_management_miscellaneous.html",
        "/settings_management_date_n_time.html",
        "/settings_telephony_security.html",
        "/settings_management_save_and_restore.html",
        "/settings_lan.html",
        "/reboot.html",
        "/backup_advice.html",
        "/profile_update.html",
    ] {
        let page = client.get(path).await;
        assert_eq!((page.status, page.header("ETag")), (200, Some(path)));
        let text = page.text();
        assert!(
            text.contains("<form name=\"gigaset\"")
                && text.contains("action=\"\"")
                && text.ends_with("</html>\r\n")
        );
    }
}
