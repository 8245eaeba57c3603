//! The text of plans, as people see it. The differences are those that `domain` finds; how the steps stand is said here.

use std::collections::BTreeMap;

use anstream::adapter::strip_str;

use super::*;
use crate::config;
use crate::domain::alert::AlertKind;
use crate::domain::approval::ApprovalState;
use crate::domain::drift::{self, DriftItem};
use crate::domain::fingerprint::SiteKey;
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory, SlotRecord};
use crate::domain::neighbours::{Elsewhere, Hold, Home, Stray};
use crate::domain::observed::{HandsetState, ObservedSlot, Reading, SipState};
use crate::domain::plan::{Action, Disposition};
use crate::domain::planner;
use crate::domain::secret::SecretBook;
use crate::domain::status::ApprovalStatus;

const HEAD: &str = "[site]\ntime_zone = 'Europe/Berlin'\nmode = 'manage'\n\
                    [manager]\nurl = 'http://10.20.0.2'\nmac = '7C2F80CA21E4'\npassword = 'admin'\n\
                    [registration]\nstart = '2026-11-23T08:00'\nduration = '20h'\npin = '0000'\n";

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

fn ipui(last: u8) -> Ipui {
    format!("02B6EC8A{last:02X}").parse().unwrap()
}

fn at() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn reserved(number: u8, name: &str, handset: u8) -> String {
    format!(
        "[[slot]]\nnumber = {number}\nipui = '{}'\ndisplay_name = '{name}'\nsip = {{ user = '10{number:02}' }}\n",
        ipui(handset)
    )
}

fn absent(number: u8) -> String {
    format!("[[slot]]\nnumber = {number}\nstate = 'absent'\n")
}

fn load(slots: &str) -> DesiredSite {
    let folder = tempfile::tempdir().unwrap();
    let (main, sites) = (folder.path().join("n720d.toml"), folder.path().join("sites"));
    std::fs::write(&main, "[provisioning]\npublic_url = 'http://10.1.0.5:8720'\n").unwrap();
    std::fs::create_dir(&sites).unwrap();
    std::fs::write(sites.join("acme.toml"), format!("{HEAD}{slots}")).unwrap();
    let mut config = config::load(&main).unwrap();
    let findings = config.findings();
    config.sites.pop_first().unwrap_or_else(|| panic!("{findings:?}")).1
}

/// A site, its manager, and what is remembered.
struct Scene {
    desired: DesiredSite,
    seen: Observation,
    memory: SiteMemory,
}

impl Scene {
    /// What the site file said is in place; now it says `slots`.
    fn new(before: &str, slots: &str) -> Self {
        let (_, parts) =
            planner::desired_generation(&load(before), &SecretBook::default(), &SiteKey::new([9; 32]));
        let memory = SiteMemory {
            baseline: Some(Generation(String::new())),
            baseline_parts: parts,
            ..SiteMemory::default()
        };
        let unread = || "no kind of PIN is marked".to_owned();
        let seen = Observation {
            at: at(),
            mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
            firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
            device_clock: Reading::Unreadable(unread()),
            pending: Reading::Known(Vec::new()),
            slots: Reading::Known(BTreeMap::new()),
            registration_pin: Reading::Unreadable(unread()),
            editors: BTreeMap::new(),
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        };
        Self { desired: load(slots), seen, memory }
    }

    fn show(mut self, number: u8, name: &str, handset: Option<u8>) -> Self {
        let state = if handset.is_some() { HandsetState::Registered } else { HandsetState::None };
        let account = ObservedSlot {
            user_id: Some(format!("10{number:02}")),
            display_name: Some(name.to_owned()),
            provider: Some("PBX".to_owned()),
            sip: SipState::Registered,
            handset: state,
            model: None,
            software: None,
        };
        if let Reading::Known(slots) = &mut self.seen.slots {
            slots.insert(slot(number), account);
        }
        if let Some(handset) = handset {
            self.seen.editors.insert(slot(number), Reading::Known(Some(ipui(handset))));
        }
        self
    }

    fn items(&self) -> Vec<DriftItem> {
        let (_, wanted) =
            planner::desired_generation(&self.desired, &SecretBook::default(), &SiteKey::new([9; 32]));
        drift::drift(&self.desired, &self.seen, &self.memory, &wanted)
    }

    /// Nothing is approved, and nothing else stands in the way.
    fn steps(&self) -> Vec<Step> {
        let step = |item: DriftItem| {
            let reason =
                item.barrier.as_ref().map_or("it deregisters a handset", |barrier| &barrier.approval);
            let blocked =
                Disposition::Blocked { reason: reason.to_owned(), alert: AlertKind::PlanNeedsApproval };
            Step {
                disposition: if item.needs_approval() { blocked } else { Disposition::Ready },
                action: item.action,
                slot: item.slot,
                impact: item.impact,
                who: item.who,
                hits: item.hits,
                relocation: item.relocation,
                why: item.why,
                cause: Some(item.cause),
            }
        };
        self.items().into_iter().map(step).collect()
    }

    fn coloured(&self, steps: Vec<Step>) -> String {
        self.told(steps, None)
    }

    fn told(&self, steps: Vec<Step>, approval: Option<ApprovalStatus>) -> String {
        let plan = PlanStatus { hash: Some(Generation("9f3c0a11".to_owned())), steps, approval };
        let lines = lines(&plan, &self.desired, &self.seen);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn text(&self) -> String {
        strip_str(&self.coloured(self.steps())).to_string()
    }
}

/// The handsets of slots 1 and 2 are to change places; 3 gets another number, and 4 is new.
fn mixed() -> Scene {
    let same = reserved(3, "Werkstatt", 3);
    let before = [reserved(1, "Reception", 1), reserved(2, "Lager", 2), same.clone()].concat();
    let edited = same.replace("user = '1003'", "user = '1099'");
    let slots =
        [reserved(1, "Reception", 2), reserved(2, "Lager", 1), edited, reserved(4, "Hof", 4)].concat();
    Scene::new(&before, &slots).show(1, "Reception", Some(1)).show(2, "Lager", Some(2)).show(
        3,
        "Werkstatt",
        Some(3),
    )
}

#[test]
fn a_plan_is_told_with_what_needs_an_approval_first() {
    insta::assert_snapshot!(mixed().text());
}

#[test]
fn colours_say_what_goes_what_comes_and_who_is_hit() {
    let scene = mixed();
    insta::assert_snapshot!(scene.coloured(scene.steps()).replace('\u{1b}', "^"));
}

#[test]
fn moves_within_the_site_are_told_as_one() {
    let before = [reserved(1, "A", 1), reserved(2, "B", 2), reserved(3, "C", 3)].concat();
    let ring =
        [reserved(1, "A", 3), reserved(2, "B", 1), reserved(3, "C", 2), reserved(5, "E", 9), absent(9)];
    let scene = Scene::new(&before, &ring.concat())
        .show(1, "A", Some(1))
        .show(2, "B", Some(2))
        .show(3, "C", Some(3))
        .show(5, "E", None)
        .show(9, "J", Some(9));
    insta::assert_snapshot!(scene.text());
}

#[test]
fn a_handset_that_leaves_a_slot_that_is_not_listed_is_shown_there() {
    let scene = Scene::new("", &reserved(1, "A", 1)).show(1, "A", None).show(40, "old", Some(1));
    insta::assert_snapshot!(scene.text());
}

#[test]
fn moves_between_sites_name_the_other_site() {
    let mut leaves = Scene::new("", &absent(4)).show(4, "Kasse", Some(4));
    let home = Home { site: "hamburg".parse().unwrap(), slot: slot(7) };
    let stray = Stray { hold: Hold::Registered, slot: Some(slot(4)), seen_at: at(), home: Some(home) };
    leaves.memory.strays.insert(ipui(4), stray);
    insta::assert_snapshot!("leaves", leaves.text());
    let mut arrives = Scene::new("", &reserved(7, "Kasse", 4)).show(7, "Kasse", None);
    let mut record = SlotRecord::new(ipui(4), Registration::Reserved, at());
    let site = "berlin".parse().unwrap();
    record.elsewhere =
        Some(Elsewhere { site, slot: Some(slot(4)), hold: Hold::Registered, seen_at: at(), leaves: true });
    arrives.memory.slots.insert(slot(7), record);
    insta::assert_snapshot!("arrives", arrives.text());
}

#[test]
fn many_that_disturb_nobody_are_told_in_one_paragraph() {
    let slots: String = (1..=40).map(|number| reserved(number, "x", number)).collect();
    let shown = (1..=40).filter(|number| number % 10 != 0);
    let scene = shown.fold(Scene::new("", &slots), |scene, number| scene.show(number, "x", None));
    let text = scene.text();
    assert!(
        text.contains("\n  reserve 40 slots: 1-40\n    disturbs nobody\n    why: slot 1 is not"),
        "{text}"
    );
    assert!(text.contains("; and 39 more like it\n"), "{text}");
    assert!(text.contains("\n  configure account slot 10 (1010)\n"), "four are few enough: {text}");
    assert!(!text.contains("n720d approve"), "nothing needs it: {text}");
}

#[test]
fn two_hundred_that_are_hit_are_all_named() {
    let before: String = (1..=100).map(|number| reserved(number, "x", number)).collect();
    let slots: String = (1..=100).map(|number| reserved(number, "x", number + 100)).collect();
    let all = Scene::new(&before, &slots);
    let scene = (1..=100).fold(all, |scene, number| scene.show(number, "x", Some(number)));
    let text = scene.text();
    assert!(text.starts_with("acme: plan 9f3c0a11, 100 steps: 100 deregister (100 handsets)\n"), "{text}");
    assert_eq!(text.matches(" loses its registration; afterwards: ").count(), 100);
    assert_eq!(text.matches("it deregisters a handset").count(), 1, "said once, in the heading");
}

#[test]
fn phones_that_are_interrupted_in_number_are_told_in_one_line() {
    let accounts: String = (1..=9).map(|number| reserved(number, "x", number)).collect();
    let provider = |port| format!("[[provider]]\nindex = 0\nname = 'PBX'\nport = {port}\n{accounts}");
    let all = Scene::new(&provider(5060), &provider(5061));
    let text = (1..=9).fold(all, |scene, number| scene.show(number, "x", Some(number))).text();
    assert!(text.contains("\n  configure provider (9 numbers)\n"), "{text}");
    assert!(
        text.contains("\n    9 phones are interrupted, slots 1-9; afterwards: nothing: a call is cut"),
        "{text}"
    );
}

#[test]
fn a_hostile_name_stays_within_its_line() {
    let evil = "\u{1b}[2J\n  nothing to do\r\u{202e}";
    let scene = Scene::new("", &reserved(1, "A", 1)).show(1, evil, Some(9));
    let text = scene.coloured(scene.steps());
    assert!(!strip_str(&text).to_string().contains("\n  nothing to do"), "{text}");
    let mut escapes = text.split('\u{1b}').skip(1).filter_map(|rest| rest.split_once('m'));
    let colours = ["[0", "[1", "[2", "[31", "[32", "[33"];
    assert!(escapes.all(|(escape, _)| colours.contains(&escape)), "{text:?}");
    assert!(!text.contains(['\r', '\u{202e}']), "{text:?}");
}

#[test]
fn what_each_waits_for_is_told_where_it_differs() {
    let scene = mixed();
    let mut steps = scene.steps();
    for step in steps.iter_mut().filter(|step| step.action == Action::ConfigureAccount) {
        let reason = format!("the maintenance window of slot {}", step.slot.unwrap());
        step.disposition = Disposition::Deferred { reason, until: Some(at()) };
    }
    let text = strip_str(&scene.coloured(steps)).to_string();
    let each = "\n    deferred until 2026-11-18T11:06:40Z: the maintenance window of slot 3\n";
    assert!(text.contains("\nwaits\n") && text.contains(each), "{text}");
    assert!(text.contains("\nneeds approval: it deregisters a handset\n"), "{text}");
}

#[test]
fn how_an_approval_stands_is_told_below_the_head() {
    let scene = mixed();
    let approval = ApprovalStatus {
        hash: Generation("77aa".to_owned()),
        by: vec!["anna".to_owned()],
        at: at().fixed_offset(),
        expires_at: at().fixed_offset(),
        state: ApprovalState::Stale,
    };
    let text = strip_str(&scene.told(scene.steps(), Some(approval))).to_string();
    let second = text.lines().nth(1);
    assert_eq!(second, Some("  approval stale: plan 77aa by anna, until 2026-11-18 11:06 +00:00"));
}

#[test]
fn nothing_to_do_is_no_text() {
    let scene = mixed();
    assert_eq!(scene.coloured(Vec::new()), "");
}
