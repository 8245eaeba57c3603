//! Laws of the planner, held against a second, dumb opinion of the device: a table of slots that takes a content as
//! n720.md says. It knows nothing of pages, releases or verdicts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use n720d::domain::approval::{Approval, Grant};
use n720d::domain::budget::SiteBudget;
use n720d::domain::clearance::Clearance;
use n720d::domain::content::{HandsetCode, ReleaseContent};
use n720d::domain::desired::{
    DesiredManager, DesiredSite, DesiredSlot, Mode, Pin, PresentSlot, Provider, RegistrationPolicy,
    SipAccount, Trigger, WindowClock, WindowDuration, WindowStart,
};
use n720d::domain::device_clock::DeviceClock;
use n720d::domain::drift;
use n720d::domain::fingerprint::SiteKey;
use n720d::domain::ids::{Ipui, ProviderIndex, SlotNumber};
use n720d::domain::memory::SiteMemory;
use n720d::domain::observed::{FilledSlots, HandsetState, Observation, ObservedSlot, Reading, SipState};
use n720d::domain::plan::{Disposition, Impact, NewRelease, Plan, Step};
use n720d::domain::planner::{self, PlanInput};
use n720d::domain::registration;
use n720d::domain::release::{PastRelease, Progress, Release, TriggerOutcome};
use n720d::domain::secret::{Secret, SecretBook, SecretRef};
use n720d::domain::status::WindowState;
use n720d::domain::verify::{self, Verification};
use proptest::prelude::*;

use self::model::{Account, Model};

const MAC: &str = "7C2F80CA21E4";
const SETTLE: Duration = Duration::from_secs(180);
/// Slots of the model; the site file lists some of them.
const SLOTS: u8 = 6;

/// A site under n720d's care, with the device behind it.
struct Site {
    desired: DesiredSite,
    secrets: SecretBook,
    key: SiteKey,
    memory: SiteMemory,
    model: Model,
    /// Slots whose editor page cannot be read, a bit each.
    blind: u8,
    /// The content of the release that the manager may fetch.
    served: Option<ReleaseContent>,
    budget: SiteBudget,
    clearance: Clearance,
    now: DateTime<Utc>,
}

impl Site {
    fn new(desired: DesiredSite, model: Model) -> Self {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let memory = SiteMemory {
            first_contact: Some((now - TimeDelta::days(1), MAC.parse().unwrap())),
            filled: Some(FilledSlots {
                at: now - TimeDelta::hours(1),
                filled: model.registered.keys().copied().collect(),
            }),
            ..SiteMemory::default()
        };
        let (secrets, key) = (SecretBook::default(), SiteKey::new([3; 32]));
        Self {
            desired,
            secrets,
            key,
            memory,
            model,
            blind: 0,
            budget: SiteBudget::default(),
            clearance: Clearance::default(),
            served: None,
            now,
        }
    }

    fn input<'a>(&'a self, observation: &'a Observation) -> PlanInput<'a> {
        PlanInput {
            desired: &self.desired,
            secrets: &self.secrets,
            key: &self.key,
            memory: &self.memory,
            observation: Some(observation),
            window_state: match self.memory.windows.last() {
                None => WindowState::None,
                Some(last) if last.missing_at_end.is_some() => WindowState::Closed,
                Some(_) => WindowState::Open,
            },
            clock: DeviceClock::in_step(self.desired.time_zone),
            settle: SETTLE,
            own_url: None,
            budget: self.budget,
            clearance: &self.clearance,
            now: self.now,
        }
    }

    /// One pass: read, mark, plan, carry out. Long enough after the last one for a push to have settled.
    fn cycle(&mut self) -> Plan {
        self.now += TimeDelta::seconds(200);
        let mut observation = self.model.observe(self.now);
        for (number, reading) in &mut observation.editors {
            if self.blind & (1 << number.number()) != 0 {
                *reading = Reading::Unreadable("cut off".to_owned());
            }
        }
        let slots = registration::judge(&registration::Scene {
            desired: &self.desired,
            memory: &self.memory,
            observation: Some(&observation),
            window: self.memory.windows.last(),
            window_state: self.input(&observation).window_state,
            settled: true,
            now: self.now,
        });
        self.memory.slots = slots;
        let (_, wanted) = planner::desired_generation(&self.desired, &self.secrets, &self.key);
        let verdict =
            verify::verify(&self.desired, &self.memory, &wanted, Some(&observation), SETTLE, self.now);
        if let Some(release) = &mut self.memory.release {
            match verdict {
                Verification::TookEffect => release.progress.verified_at = Some(self.now),
                Verification::NoEffect(missed) => {
                    let progress = &mut release.progress;
                    let left = progress.missed.as_ref().map_or(*missed.clone(), |known| known.left(&missed));
                    (progress.ineffective_at, progress.missed) = (Some(self.now), Some(left));
                }
                Verification::NoRelease
                | Verification::Waiting { .. }
                | Verification::Superseded
                | Verification::CannotTell(_) => {}
            }
        }
        let plan = planner::plan(&self.input(&observation));
        if let Some(release) = plan.orders.release.clone() {
            self.release(release);
        }
        if plan.orders.trigger.is_some() {
            self.fetch();
        }
        plan
    }

    /// Somebody approves this plan.
    fn approve(&mut self, plan: &Plan) {
        let grant = Grant { by: "anna".into(), at: self.now, reason: String::new() };
        self.memory.approval = Some(Approval {
            hash: plan.hash.clone(),
            terms: plan.terms.clone(),
            grants: vec![grant],
            expires_at: self.now + TimeDelta::days(1),
            used: None,
            lapsed: false,
        });
    }

    fn release(&mut self, new: NewRelease) {
        if let Some(last) = self.memory.release.take() {
            let past = PastRelease::from(&last);
            self.memory.past_releases.insert(0, past);
        }
        let number = new.window.as_ref().map(|entry| entry.window().number);
        if let Some(entry) = new.window {
            let window = entry.window().clone();
            self.memory.windows.retain(|known| known.number != window.number);
            self.memory.windows.push(window);
        }
        let id = i64::try_from(self.memory.past_releases.len()).unwrap() + 1;
        let used = self.memory.approval.as_mut().filter(|one| Some(&one.hash) == new.approval.as_ref());
        used.into_iter().for_each(|approval| approval.used = Some(id));
        self.memory.release = Some(Release {
            id,
            generation: new.generation,
            content: new.content_id,
            version: new.version,
            parts: new.parts,
            reserved: new.reserved,
            approved: new.approved.keys().copied().collect(),
            window: number,
            released_at: self.now,
            progress: Progress::default(),
        });
        self.served = Some(new.content);
    }

    fn fetch(&mut self) {
        let filled = self.model.registered.keys().copied().collect();
        self.memory.filled = Some(FilledSlots { at: self.now, filled });
        self.model.apply(self.served.as_ref().unwrap());
        let progress = &mut self.memory.release.as_mut().unwrap().progress;
        progress.attempts += 1;
        progress.triggered_at = Some(self.now);
        progress.trigger = Some(TriggerOutcome::Done);
        progress.fetched_at = Some(self.now);
    }

    /// Passes until nothing is done any more; the last plan.
    fn converge(&mut self) -> Result<Plan, TestCaseError> {
        for _ in 0..8 {
            let plan = self.cycle();
            if plan.orders.is_empty() && plan.steps.iter().all(is_blocked) {
                return Ok(plan);
            }
        }
        Err(TestCaseError::fail("it does not come to rest"))
    }
}

fn is_blocked(step: &Step) -> bool {
    match step.disposition {
        Disposition::Blocked { .. } => true,
        Disposition::Ready | Disposition::Deferred { .. } => false,
    }
}

fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

fn ipui(number: u8) -> Ipui {
    format!("02B6EC8A{number:02X}").parse().unwrap()
}

fn site(slots: BTreeMap<SlotNumber, DesiredSlot>, windowed: bool) -> DesiredSite {
    let secret = |value: &str| SecretRef::Literal(Secret::new(value));
    DesiredSite {
        name: "acme".parse().unwrap(),
        description: String::new(),
        contact: String::new(),
        labels: BTreeMap::new(),
        time_zone: chrono_tz::UTC,
        mode: Mode::Manage,
        manager: DesiredManager {
            host: "127.0.0.1".into(),
            port: 80,
            mac: MAC.parse().unwrap(),
            password: secret("admin"),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: windowed.then_some(RegistrationPolicy {
            start: WindowStart::WhenReleased,
            duration: WindowDuration::Seconds(72_000),
            pin: Some(Pin::ZEROS),
            reopen: 2,
            reopen_schedule: None,
            close_when_filled: false,
        }),
        providers: BTreeMap::from([(ProviderIndex::default(), Provider::default())]),
        maintenance: None,
        approval: n720d::domain::desired::ApprovalRule::default(),
        slots,
    }
}

/// Wanted slots: each listed or not, absent or present, with or without account, name and handset. Handsets are
/// numbered 1 to 8, those of the device too, so that they meet.
fn desired() -> impl Strategy<Value = DesiredSite> {
    let handsets = Just((1..=8).collect::<Vec<u8>>()).prop_shuffle();
    let shape = (any::<bool>(), 0..5u8, any::<bool>(), any::<bool>());
    (handsets, proptest::collection::vec(shape, usize::from(SLOTS)), any::<bool>()).prop_map(
        |(handsets, shapes, windowed)| {
            let slots = (1..=SLOTS)
                .zip(shapes)
                .filter(|(_, (listed, ..))| *listed)
                .map(|(number, (_, kind, named, reserved))| {
                    let wanted = if kind == 0 {
                        DesiredSlot::Absent
                    } else {
                        DesiredSlot::Present(PresentSlot {
                            ipui: reserved.then(|| ipui(handsets[usize::from(number)])),
                            display_name: named.then(|| format!("Name {number}")),
                            sip: Some(SipAccount {
                                user: format!("10{number}"),
                                login: format!("10{number}"),
                                password: Some(SecretRef::Literal(Secret::new("sip"))),
                                account_name: format!("10{number}"),
                                provider: ProviderIndex::default(),
                            }),
                            mailbox: None,
                        })
                    };
                    (slot(number), wanted)
                })
                .collect();
            site(slots, windowed)
        },
    )
}

/// Any state a device may be found in. Inactive accounts may hold a handset, but none that the site file could want.
fn model() -> impl Strategy<Value = Model> {
    let handsets = Just((1..=8).collect::<Vec<u8>>()).prop_shuffle();
    let shape = (0..3u8, 0..3u8, 0..2u8, any::<bool>());
    (handsets, proptest::collection::vec(shape, usize::from(SLOTS))).prop_map(|(handsets, shapes)| {
        let mut model = Model::default();
        for (number, (account, handset, name, own)) in (1..=SLOTS).zip(shapes) {
            let ipui = |hidden: bool| {
                if hidden { ipui(100 + number) } else { ipui(handsets[usize::from(number)]) }
            };
            let active = account > 0;
            if active {
                let user = if own { format!("10{number}") } else { "900".to_owned() };
                let name = if name == 0 { format!("Name {number}") } else { String::new() };
                model.accounts.insert(slot(number), Account { active, user, name });
            }
            match handset {
                0 => {}
                1 => drop(model.registered.insert(slot(number), ipui(!active))),
                _ => drop(model.reserved.insert(slot(number), ipui(!active))),
            }
        }
        model
    })
}

/// What may happen between two passes without n720d.
#[derive(Debug, Clone)]
enum Event {
    Arrive(u8),
    Leave(u8),
    Rename(u8),
    SwitchOff(u8),
    Disable(u8),
    TakeByHand(u8, u8),
    WindowEnds,
}

fn event() -> impl Strategy<Value = Event> {
    let number = 1..=SLOTS;
    prop_oneof![
        3 => number.clone().prop_map(Event::Arrive),
        1 => number.clone().prop_map(Event::Leave),
        1 => number.clone().prop_map(Event::Rename),
        1 => number.clone().prop_map(Event::SwitchOff),
        1 => number.clone().prop_map(Event::Disable),
        1 => (number, 1..=8u8).prop_map(|(number, handset)| Event::TakeByHand(number, handset)),
        1 => Just(Event::WindowEnds),
    ]
}

impl Site {
    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Arrive(number) => self.model.arrive(slot(number)),
            Event::Leave(number) => drop(self.model.registered.remove(&slot(number))),
            Event::Rename(number) => {
                self.model.accounts.entry(slot(number)).and_modify(|account| account.name = "by hand".into());
            }
            // With its handset, as "delete entire mobile device account" does.
            Event::SwitchOff(number) => {
                self.model.registered.remove(&slot(number));
                self.model.accounts.remove(&slot(number));
                self.forget_filled(number);
            }
            // Its account alone: the handset stays, and no page shows it.
            Event::Disable(number) => {
                self.model.accounts.entry(slot(number)).and_modify(|account| account.active = false);
            }
            Event::TakeByHand(number, handset) => self.model.take(slot(number), ipui(handset)),
            Event::WindowEnds => {
                let missing = self.model.reserved.keys().copied().collect();
                if let Some(last) = self.memory.windows.last_mut() {
                    last.missing_at_end = Some(missing);
                }
            }
        }
    }

    /// The manager's daily fetch corrects its list.
    fn forget_filled(&mut self, number: u8) {
        if let Some(list) = &mut self.memory.filled {
            list.filled.remove(&slot(number));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_applied_plan_leaves_nothing_to_do_but_what_needs_a_person(desired in desired(), model in model()) {
        let mut site = Site::new(desired, model);
        let plan = site.converge()?;
        for step in &plan.steps {
            // The account of a slot waits with its handset.
            let with_handset =
                plan.steps.iter().any(|one| one.slot == step.slot && one.impact == Impact::Deregisters);
            prop_assert!(with_handset && is_blocked(step), "{:?}", step);
        }
        let (model, release) = (site.model.clone(), site.memory.release.clone());
        let again = site.cycle();
        prop_assert!(again.orders.is_empty());
        prop_assert_eq!(again.steps, plan.steps);
        prop_assert_eq!(again.hash, plan.hash);
        prop_assert_eq!((site.model, site.memory.release), (model, release));
    }

    #[test]
    fn no_working_handset_is_ever_deregistered(
        desired in desired(),
        model in model(),
        events in proptest::collection::vec(event(), 0..6),
        blind in any::<u8>(),
    ) {
        let mut site = Site::new(desired, model);
        site.blind = blind;
        for event in events.iter().map(Some).chain([None]) {
            for _ in 0..2 {
                let reserved: BTreeSet<_> = site.memory.slots.keys().copied().collect();
                let (before, held) = (site.model.working(), site.model.held(&reserved));
                let plan = site.cycle();
                prop_assert!(before.is_subset(&site.model.working()), "{:?}\n{:#?}", plan, site.model);
                prop_assert!(held.is_subset(&site.model.held(&reserved)), "{:?}\n{:#?}", plan, site.model);
            }
            if let Some(event) = event {
                site.happen(event);
            }
        }
        site.converge()?;
    }

    #[test]
    fn an_approval_costs_those_it_names_their_registration_once(desired in desired(), model in model()) {
        let mut site = Site::new(desired, model);
        site.budget = SiteBudget { per_day: 100, per_day_percent: 100 };
        let plan = site.converge()?;
        site.approve(&plan);
        let before = site.model.working();
        site.cycle();
        let lost: BTreeSet<SlotNumber> =
            before.difference(&site.model.working()).map(|(slot, _)| *slot).collect();
        let release = site.memory.release.clone();
        let approved = release.map_or_else(BTreeSet::new, |release| release.approved);
        prop_assert!(lost.is_subset(&approved), "{lost:?} and not {approved:?}: {plan:#?}");
        let needed = plan.steps.iter().any(Step::needs_approval);
        prop_assert_eq!(!approved.is_empty(), needed, "{:#?}", plan);
        // Those that come back, or never left, keep what they have: it was approved for once.
        for (slot, ipui) in &before {
            site.model.take(*slot, *ipui);
        }
        let before = site.model.working();
        site.cycle();
        site.cycle();
        prop_assert!(before.is_subset(&site.model.working()));
    }

    #[test]
    fn slots_that_are_not_listed_stay_as_they_are(desired in desired(), model in model()) {
        let mut site = Site::new(desired, model.clone());
        site.converge()?;
        let listed: BTreeSet<_> = site.desired.slots.keys().copied().collect();
        for number in SlotNumber::all().filter(|number| !listed.contains(number)) {
            prop_assert_eq!(site.model.accounts.get(&number), model.accounts.get(&number));
            prop_assert_eq!(site.model.registered.get(&number), model.registered.get(&number));
        }
        if let Some(served) = &site.served {
            prop_assert!(served.slots.keys().all(|number| listed.contains(number)));
            prop_assert!(served.window.is_none() || served.reserves());
        }
    }

    #[test]
    fn nothing_follows_from_what_is_unreadable(desired in desired(), model in model(), which in 0..4u8) {
        let site = Site::new(desired, model);
        let mut observation = site.model.observe(site.now);
        let why = "cut off".to_owned();
        match which {
            0 => observation.slots = Reading::Unreadable(why),
            1 => observation.pending = Reading::Unreadable(why),
            2 => observation.mac = Reading::Unreadable(why),
            _ => observation.firmware = Reading::Unreadable(why),
        }
        let input = site.input(&observation);
        let plan = planner::plan(&input);
        prop_assert!(plan.orders.is_empty());
        prop_assert!(plan.steps.iter().all(is_blocked));
        prop_assert!(planner::needs_deep(&input).is_empty());
    }

    #[test]
    fn nothing_is_ready_while_an_editor_page_is_missing(desired in desired(), model in model()) {
        let site = Site::new(desired, model);
        let mut observation = site.model.observe(site.now);
        let registered: BTreeSet<_> = observation.editors.keys().copied().collect();
        observation.editors.clear();
        let input = site.input(&observation);
        let needed = planner::needs_deep(&input);
        // Those that wait for an approval are named; or, before a release, all.
        prop_assert!(needed.is_subset(&registered));
        if let Some(release) = planner::plan(&input).orders.release {
            let codes = release.content.slots.values().filter(|slot| slot.handset.is_some()).count();
            prop_assert!(registered.is_empty() || codes == 0);
        }
    }

    #[test]
    fn same_input_same_bytes(desired in desired(), model in model()) {
        let site = Site::new(desired, model);
        let observation = site.model.observe(site.now);
        let (one, two) = (planner::plan(&site.input(&observation)), planner::plan(&site.input(&observation)));
        prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
        prop_assert!(!format!("{one:?}").contains("\"sip\""), "a password shows");
    }

    #[test]
    fn every_difference_is_exactly_one_step(desired in desired(), model in model()) {
        let site = Site::new(desired, model);
        let observation = site.model.observe(site.now);
        let (_, wanted) = planner::desired_generation(&site.desired, &site.secrets, &site.key);
        let items = drift::drift(&site.desired, &observation, &site.memory, &wanted);
        let plan = planner::plan(&site.input(&observation));
        for item in &items {
            let same = plan.steps.iter().filter(|step| {
                (step.action, step.slot, &step.why) == (item.action, item.slot, &item.why)
            });
            prop_assert_eq!(same.count(), 1, "{:?}", item);
        }
        prop_assert!(plan.steps.iter().all(|step| !step.why.is_empty()));
        prop_assert!(plan.orders.release.is_none() || plan.steps.iter().any(|s| s.disposition == Disposition::Ready));
    }
}
