//! Managers in service are adopted: their site files are right, plan nothing in either mode, and a daemon that goes by
//! them writes nothing. And what a release has changed is led back by the way back.

use n720_sim::{Device, DeviceBuilder, Event, Fault};

use super::fills::{RECEPTION, WORKSHOP, handset, left_in_order};
use crate::support::{BOUND, Lab, Ran, Site, alert_kinds, eventually, manager, secrets};

/// A small generator (splitmix64), so that the devices are random and the same every time.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let len = u64::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.next() % len).unwrap()]
    }
}

const NAMES: [&str; 8] = [
    "Reception",
    "Müller & Söhne",
    "",
    "\"Lager\" 'Nord'",
    "x = 1 # <b>",
    "Straße 7, 2. Stock, links: Büro", // 32 bytes and more than that as it is shown
    "äöüäöüäöüäöüäöü!",
    "A\\nB \u{20ac}",
];

const USERS: [&str; 6] = ["", "a b", "web", "jo.doe", "10\"14", "1013"];

/// What is there of a manager before anybody looks.
struct InService {
    name: String,
    device: Device,
    /// How many slots have an active account.
    accounts: usize,
}

fn ipui(site: u8, slot: u8) -> String {
    format!("02 {site:02X} 5A 00 {slot:02X}")
}

/// A manager as years of work by hand leave it: the first is virgin, the second full, the others as drawn.
async fn in_service(site: u8) -> InService {
    let mut draw = Draw(u64::from(site));
    let mut builder = manager(&format!("7C2F8000AD{site:02X}")).language([1, 2, 9][usize::from(site % 3)]);
    builder = builder.email_column(site.is_multiple_of(2)).mailbox_column(site.is_multiple_of(3));
    let (mut reserved, mut off, mut accounts) = (Vec::new(), Vec::new(), 0);
    let full = site == 1;
    for slot in 1..=100_u8 {
        let taken = full || (site > 1 && draw.one_in(if slot < 12 { 2 } else { 25 }));
        if !taken {
            continue;
        }
        let user =
            if draw.one_in(4) { draw.of(&USERS).to_owned() } else { format!("{}", 1000 + u16::from(slot)) };
        builder = builder.account(slot, &user, draw.of(&NAMES));
        // Every editor page costs four requests: a full manager has a few handsets only.
        match draw.next() % if full { 16 } else { 4 } {
            0 | 1 => builder = builder.registered(slot, handset(&ipui(site, slot))),
            2 => reserved.push(slot),
            _ => {}
        }
        if site > 5 && draw.one_in(5) {
            off.push(slot);
        } else {
            accounts += 1;
        }
    }
    let device = builder.start().await.unwrap();
    for slot in &reserved {
        device.reserve(*slot, Some(ipui(site, *slot).parse().unwrap())).unwrap();
    }
    for slot in off {
        device.switch_account(slot, false).unwrap();
    }
    device.wait_until("the reservations", BOUND, |seen| seen.unsettled.is_empty()).await.unwrap();
    InService { name: format!("site-{site}"), device, accounts }
}

/// Reads a manager and puts its site file in place.
async fn adopt(lab: &Lab, one: &InService) -> Ran {
    let url = one.device.url();
    let arguments = ["adopt", &one.name, "--url", &url, "--password", "file:../web.secret"];
    let ran = lab.n720d(&[&arguments[..], &["--time-zone", "Europe/Berlin"]].concat()).await;
    assert!(ran.out.contains("mode        = \"observe\""), "{ran:?}");
    lab.site_text(&one.name, &ran.out);
    ran
}

/// The journal of a manager to which nobody has written.
fn untouched(device: &Device) {
    let by_others = |event: &Event| {
        matches!(
            event,
            Event::SettingChanged { .. }
                | Event::FetchStarted { .. }
                | Event::FileApplied { .. }
                | Event::WindowSet { .. }
                | Event::PinChanged { .. }
        )
    };
    let journal = device.journal();
    let wrong: Vec<_> = journal.iter().filter(|entry| by_others(&entry.event)).collect();
    assert!(wrong.is_empty(), "{}: {wrong:#?}", device.name());
    left_in_order(device);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_managers_in_service_are_adopted_and_left_as_they_are() {
    let lab = Lab::new().await;
    let mut fleet = Vec::new();
    for site in 0..10 {
        fleet.push(in_service(site).await);
    }
    for one in &fleet {
        let ran = adopt(&lab, one).await;
        assert_eq!(ran.code, 0, "{}: {}", one.name, ran.err);
        let slots = ran.out.matches("[[slot]]").count();
        assert!(slots <= one.accounts, "{}: {slots} slots of {}", one.name, one.accounts);
        assert_eq!(
            ran.out.contains("the next handset added by hand lands"),
            one.accounts < 100,
            "{}",
            one.name
        );
    }
    assert!(fleet.iter().map(|one| one.accounts).sum::<usize>() > 150, "the lot is poor");
    for mode in ["observe", "manage"] {
        for one in &fleet {
            let path = lab.path(&format!("sites/{}.toml", one.name));
            let text = std::fs::read_to_string(&path).unwrap();
            lab.site_text(
                &one.name,
                &text.replace("mode        = \"observe\"", &format!("mode        = \"{mode}\"")),
            );
        }
        let check = lab.n720d(&["check"]).await;
        assert_eq!(check.code, 0, "{check:?}");
        let warnings = check.out.lines().filter(|line| line.contains("warning:")).count();
        assert!(warnings <= fleet.len(), "one a site at most: {}", check.out);
        let plan = lab.n720d(&["plan"]).await;
        assert_eq!(plan.code, 0, "{mode}: {plan:?}");
    }
    let daemon = lab.start().await;
    for one in &fleet {
        lab.readings(&one.name, 3).await;
    }
    for one in &fleet {
        let status = lab.status(&one.name).await;
        assert_eq!(status["plan"]["steps"], serde_json::json!([]), "{}", one.name);
        let missing = alert_kinds(&status).iter().filter(|kind| **kind == "secret-missing").count();
        assert_eq!(missing, usize::from(one.accounts > 0), "{}: {:?}", one.name, alert_kinds(&status));
    }
    assert_eq!(daemon.terminate().await.0, 0);
    fleet.iter().for_each(|one| untouched(&one.device));
}

fn two() -> DeviceBuilder {
    let builder = manager("7C2F80CA21E4").account(1, "1013", "Reception").account(2, "1014", "Workshop");
    builder.registered(1, handset(RECEPTION)).registered(2, handset(WORKSHOP))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_is_named_and_never_left_out_in_silence() {
    let lab = Lab::new().await;
    let one = InService { name: "acme".to_owned(), device: two().start().await.unwrap(), accounts: 2 };
    one.device.set_fault(Fault::Empty.on("/mobile_devices_editor.html").times(1));
    let ran = adopt(&lab, &one).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("slot 1") && ran.out.contains("NOT WHOLE"), "{ran:?}");
    assert!(!ran.out.contains(RECEPTION) && ran.out.contains(WORKSHOP), "{}", ran.out);
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 0, "and what is there asks for nothing");
    let again = adopt(&lab, &one).await;
    assert!(again.code == 0 && again.err.contains("exists already"), "{again:?}");
    one.device.set_fault(Fault::Empty.on("/mobile_devices.html").times(1));
    let url = one.device.url();
    let nothing = lab.n720d(&["adopt", "acme", "--url", &url, "--password", "file:../web.secret"]).await;
    assert_eq!((nothing.code, nothing.out.as_str()), (1, ""));
    assert!(nothing.err.contains("mobile devices page"), "{nothing:?}");
    untouched(&one.device);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_named_tried_once_and_never_shown() {
    let lab = Lab::new().await;
    let device = two().start().await.unwrap();
    let url = device.url();
    let given = lab.n720d(&["adopt", "acme", "--url", &url, "--password", secrets::WEB]).await;
    assert_eq!(given.code, 1, "{given:?}");
    assert!(given.err.contains("keyring:NAME") && !given.err.contains(secrets::WEB), "{given:?}");
    // What was asked is kept with the answer, and searched for secrets at the end.
    lab.forget();
    lab.write_secret("wrong.secret", "PlantedWrong1");
    let wrong = lab.n720d(&["adopt", "acme", "--url", &url, "--password", "file:../wrong.secret"]).await;
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""), "{wrong:?}");
    let tries = |code| {
        let tried =
            |event: &Event| matches!(event, Event::LoginTried { code: got, test: false, .. } if *got == code);
        device.journal().iter().filter(|entry| tried(&entry.event)).count()
    };
    assert!(tries(1) <= 1, "a refused password is not tried again");
    let usual = lab.n720d(&["adopt", "acme", "--url", &url]).await;
    assert!(usual.code == 1 && usual.err.contains("keyring:acme/web"), "{usual:?}");
    untouched(&device);
}

/// The number of the last release, as the history tells it.
async fn last_release(lab: &Lab) -> String {
    let history = lab.n720d(&["history", "acme"]).await.out;
    let number =
        history.rsplit("release ").find_map(|rest| rest.split_once(", VERSION")).map(|(number, _)| number);
    number.unwrap_or_else(|| panic!("{history}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_led_back_by_the_way_back() {
    let lab = Lab::new().await;
    let device = two().start().await.unwrap();
    let file = Site::of(&device).with(|site| site.window = None);
    // The two accounts change places; the handsets stay, and their people have other numbers for a while.
    lab.site("acme", &file.slot(1, RECEPTION, "1014", "Workshop").slot(2, WORKSHOP, "1013", "Reception"));
    let daemon = lab.start().await;
    lab.converged("acme").await;
    let seen = device.snapshot();
    assert_eq!((seen.slots[&1].user_id.as_str(), seen.slots[&2].user_id.as_str()), ("1014", "1013"));

    let release = last_release(&lab).await;
    let back = lab.n720d(&["history", "acme", "--release", &release, "--as-site"]).await;
    assert_eq!(back.code, 0, "{back:?}");
    assert!(back.out.contains("env:SIP_PASSWORD"), "references are those of the file: {}", back.out);
    let none = lab.n720d(&["history", "acme", "--release", "9999", "--as-site"]).await;
    assert!(none.code == 1 && none.err.contains(&format!("those that have one: {release}")), "{none:?}");

    lab.site_text("acme", &back.out);
    assert_eq!(lab.n720d(&["reload"]).await.code, 0);
    eventually("the way back", async || {
        let seen = device.snapshot();
        (seen.slots[&1].user_id == "1013" && seen.slots[&2].user_id == "1014").then_some(())
    })
    .await;
    lab.converged("acme").await;
    assert_eq!(daemon.terminate().await.0, 0);
    assert_eq!(lab.n720d(&["plan", "acme"]).await.code, 0, "nothing is left to do");
    let away = lab.n720d(&["history", "acme", "--release", &release, "--as-site"]).await;
    assert_eq!(away.out, back.out, "without the daemon as with it");
    left_in_order(&device);
}
