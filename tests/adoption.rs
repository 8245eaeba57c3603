//! Adoption over random managers: model to observation, to site file, through the reader of site files, to a plan; which
//! is empty in both modes, whatever the pages held, however many of its secrets are filled. And the way back over random
//! changes: it asks for what was there.
#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Berlin;
use n720d::config::{self, site_file};
use n720d::domain::adoption::{self, Candidate, Draft};
use n720d::domain::clearance::Clearance;
use n720d::domain::desired::{DesiredSite, DesiredSlot, Mode, PresentSlot};
use n720d::domain::fingerprint::SiteKey;
use n720d::domain::ids::{Ipui, SiteName, SlotNumber};
use n720d::domain::memory::SiteMemory;
use n720d::domain::neighbours::Neighbours;
use n720d::domain::observed::{HandsetState, Observation, ObservedSlot, Reading, SipState};
use n720d::domain::secret::{Secret, SecretBook};
use n720d::domain::settings::Pace;
use n720d::domain::turn::{self, Turn, TurnInput};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// A slot of the model.
#[derive(Debug, Clone)]
struct Place {
    /// `None`: off, so that no page shows the slot.
    account: Option<(Option<String>, Option<String>, Option<String>)>,
    /// The handset by its number, and whether it is registered.
    handset: Option<(u8, bool)>,
    /// Whether its editor page can be read.
    editor: bool,
}

#[derive(Debug, Clone)]
struct Model {
    places: BTreeMap<u8, Place>,
    pending_page: bool,
    /// Minutes that the clock is off.
    clock: Option<i64>,
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[0-9]{1,6}",
        2 => "[A-Za-zäöüßé& .#=']{1,40}",
        1 => "\\PC{1,40}",
        1 => Just("x".repeat(longest)),
        1 => Just("ä".repeat(longest / 2)),
        1 => Just("a\nb\u{1b}[2J\"'<>\\".to_owned()),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let account =
        (option::weighted(0.9, text(74)), option::weighted(0.9, text(32)), option::of("[A-C]{1,2}"));
    // Few handsets over many slots: some are in two.
    let handset = option::weighted(0.7, (any::<u8>(), prop::bool::weighted(0.7)));
    (option::weighted(0.8, account), handset, prop::bool::weighted(0.9))
        .prop_map(|(account, handset, editor)| Place { account, handset, editor })
}

fn model() -> impl Strategy<Value = Model> {
    let places = prop_oneof![
        6 => btree_map(1..=100_u8, place(), 0..12),
        1 => vec(place(), 100).prop_map(|places| (1..=100).zip(places).collect()),
    ];
    (places, prop::bool::weighted(0.9), option::weighted(0.9, -90..90_i64))
        .prop_map(|(places, pending_page, clock)| Model { places, pending_page, clock })
}

fn at() -> DateTime<Utc> {
    "2026-11-23T07:00:20Z".parse().unwrap()
}

fn ipui(number: u8) -> Ipui {
    format!("02B6EC8A{number:02X}").parse().unwrap()
}

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

impl Model {
    /// What its pages show, all editor pages of registered handsets among them.
    fn observation(&self) -> Observation {
        let mut slots = BTreeMap::new();
        let (mut editors, mut pending) = (BTreeMap::new(), Vec::new());
        for (&number, place) in &self.places {
            if let Some((handset, false)) = place.handset {
                pending.push(ipui(handset));
            }
            let Some((user_id, display_name, provider)) = place.account.clone() else { continue };
            let handset = match place.handset {
                None => HandsetState::None,
                Some((_, false)) => HandsetState::Pending,
                Some((handset, true)) => {
                    let page = if place.editor { Reading::Known(Some(ipui(handset))) } else { unread() };
                    editors.insert(slot(number), page);
                    HandsetState::Registered
                }
            };
            let sip = SipState::Registered;
            let seen =
                ObservedSlot { user_id, display_name, provider, sip, handset, model: None, software: None };
            slots.insert(slot(number), seen);
        }
        let local = at().with_timezone(&Berlin).naive_local();
        let clock = self.clock.map(|minutes| local + TimeDelta::minutes(minutes));
        Observation {
            at: at(),
            mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
            firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
            device_clock: clock.map_or_else(unread, Reading::Known),
            pending: if self.pending_page { Reading::Known(pending) } else { unread() },
            slots: Reading::Known(slots),
            registration_pin: unread(),
            editors,
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        }
    }
}

fn adopt(seen: &Observation) -> Draft {
    let name: SiteName = "acme".parse().unwrap();
    let password = adoption::web_reference(&name);
    let listed = BTreeMap::new();
    let candidate = Candidate {
        name: &name,
        host: "10.20.0.2",
        port: 80,
        password: &password,
        time_zone: Berlin,
        listed: &listed,
    };
    adoption::adopt(&candidate, seen).unwrap()
}

fn unread<T>() -> Reading<T> {
    Reading::Unreadable("cut".to_owned())
}

/// The site of a file as the daemon reads it, of which no error may be said; and its settings, all left out.
fn read(text: &str) -> (DesiredSite, Pace) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sites")).unwrap();
    let main = folder.path().join("n720d.toml");
    std::fs::write(&main, "[provisioning]\npublic_url = 'http://10.1.0.5:8720'\n").unwrap();
    std::fs::write(folder.path().join("sites/acme.toml"), text).unwrap();
    let mut config = config::load(&main).unwrap();
    assert!(config.invalid.is_empty(), "{:#?}\n{text}", config.invalid);
    (config.sites.pop_first().unwrap().1, config.daemon.poll.pace)
}

/// The secrets of a site, of which every so many are filled.
fn secrets(site: &DesiredSite, every: usize) -> SecretBook {
    let mut book = SecretBook::default();
    for (count, reference) in site.references().enumerate() {
        let filled = every > 0 && count % every == 0;
        book.enter(reference, if filled { Ok(Secret::new("geheim")) } else { Err(reference.to_string()) });
    }
    book
}

fn take(
    site: &DesiredSite,
    pace: &Pace,
    secrets: &SecretBook,
    seen: &Observation,
    memory: SiteMemory,
) -> Turn {
    let input = TurnInput {
        desired: site,
        secrets,
        key: &SiteKey::new([7; 32]),
        pace,
        own_url: None,
        contact: Ok(seen),
        neighbours: &Neighbours::default(),
        clearance: &Clearance::default(),
        now: seen.at + TimeDelta::seconds(5),
    };
    turn::turn(&input, memory)
}

/// The steps of some turns in a row, the first contact among them.
fn steps(site: &DesiredSite, pace: &Pace, filled: &[usize], seen: &Observation) -> Vec<String> {
    let mut memory = SiteMemory::default();
    let mut steps = Vec::new();
    for (round, every) in (0_i64..).zip(filled) {
        let seen = Observation { at: seen.at + TimeDelta::minutes(5 * round), ..seen.clone() };
        let seen = Observation {
            device_clock: match seen.device_clock {
                Reading::Known(clock) => Reading::Known(clock + TimeDelta::minutes(5 * round)),
                unread @ Reading::Unreadable(_) => unread,
            },
            ..seen
        };
        let turn = take(site, pace, &secrets(site, *every), &seen, memory);
        assert!(turn.plan.orders.is_empty(), "{:#?}", turn.plan.orders);
        steps.extend(
            turn.plan.steps.iter().map(|step| format!("{:?} {:?}: {}", step.action, step.slot, step.why)),
        );
        memory = turn.memory;
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_adopted_manager_has_an_empty_plan_in_both_modes(model in model()) {
        let seen = model.observation();
        let draft = adopt(&seen);
        let text = site_file(&draft);
        prop_assert!(!text.contains('\u{1b}'), "{}", text);
        let (site, pace) = read(&text);
        prop_assert_eq!(&site, &draft.site, "{}", text);
        for mode in [Mode::Observe, Mode::Manage] {
            let site = DesiredSite { mode, ..site.clone() };
            let steps = steps(&site, &pace, &[0, 0, 3, 2, 1, 1], &seen);
            prop_assert!(steps.is_empty(), "{:?}: {:#?}\n{}", mode, steps, text);
        }
    }

    #[test]
    fn a_file_that_does_not_say_so_is_whole(model in model()) {
        let seen = model.observation();
        let draft = adopt(&seen);
        let registered = model.places.values().filter(|place| place.account.is_some());
        let unread = registered.filter(|place| !place.editor && place.handset.is_some_and(|(_, is)| is)).count();
        if unread > 0 || !model.pending_page || model.clock.is_none() {
            prop_assert!(!draft.unread.is_empty());
        }
        prop_assert_eq!(site_file(&draft).contains("NOT WHOLE"), !draft.unread.is_empty());
        // Of what was read nothing is left out in silence.
        for (number, place) in model.places.iter().filter(|(_, place)| place.account.is_some()) {
            let listed = draft.site.slots.get(&slot(*number)).and_then(DesiredSlot::ipui).is_some();
            let remarked = !draft.remarks.at(adoption::Spot::Slot(slot(*number))).is_empty();
            prop_assert!(place.handset.is_none() || listed || remarked, "slot {}", number);
        }
    }

    #[test]
    fn the_way_back_asks_for_what_was_there(before in model(), after in model()) {
        let (seen, wanted) = (before.observation(), after.observation());
        let mut desired = adopt(&wanted).site;
        desired.mode = Mode::Manage;
        let version = "2311260801".parse().unwrap();
        let draft = adoption::way_back(&desired, &SiteMemory::default(), &seen, &version).unwrap();
        let text = site_file(&draft);
        let (site, pace) = read(&text);
        prop_assert_eq!(&site, &draft.site, "{}", text);
        let steps = steps(&site, &pace, &[1, 1, 1], &seen);
        prop_assert!(steps.is_empty(), "{:#?}\n{}", steps, text);
        for (number, slot) in &desired.slots {
            let account = seen.slots.known().and_then(|slots| slots.get(number));
            let back = site.slots.get(number);
            match (account, back) {
                (None, back) => prop_assert!(back.is_none_or(|back| *back == DesiredSlot::Absent || back.user().is_none())),
                (Some(account), Some(DesiredSlot::Present(PresentSlot { sip, .. }))) => {
                    let user = sip.as_ref().map(|sip| sip.user.as_str());
                    prop_assert!(user.is_none() || user == account.user_id.as_deref());
                }
                (Some(_), Some(DesiredSlot::Absent) | None) => prop_assert!(false, "slot {number} with {slot:?} is lost"),
            }
        }
    }
}
