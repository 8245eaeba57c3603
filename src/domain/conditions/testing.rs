//! A site to look at in the tests of the conditions: two listed handsets, a window from 08:00 to 04:00, all well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Berlin;

use super::{Conditions, View, conditions};
use crate::domain::alert::{AlertKind, Condition};
use crate::domain::clearance::Clearance;
use crate::domain::desired::{
    ApprovalRule, DesiredManager, DesiredSite, DesiredSlot, Mode, Pin, PresentSlot, RegistrationPolicy,
    SipAccount, Trigger, WindowClock, WindowDuration, WindowStart,
};
use crate::domain::device_clock::DeviceClock;
use crate::domain::ids::{Ipui, ProviderIndex, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory, SlotRecord, Trouble, Window};
use crate::domain::observed::{ContactFailure, Observation, Reading};
use crate::domain::plan::{Action, Disposition, Impact, Orders, Plan, Step};
use crate::domain::release::{Generation, Progress, Release};
use crate::domain::secret::{Secret, SecretRef};
use crate::domain::settings::Pace;
use crate::domain::status::WindowState;
use crate::domain::window::{closes_in, state_of};

pub(super) const FIRST: &str = "02 B6 EC 8A A5";
pub(super) const SECOND: &str = "02 9E 74 A5 99";

/// Owns what a view borrows. Times are the device's, in Berlin's winter: one hour ahead of ours.
pub(super) struct Stage {
    pub(super) desired: DesiredSite,
    pub(super) memory: SiteMemory,
    pub(super) observation: Option<Observation>,
    pub(super) plan: Plan,
    pub(super) window: Option<Window>,
    pub(super) pace: Pace,
    pub(super) clearance: Clearance,
    pub(super) device_now: NaiveDateTime,
    pub(super) skew_seconds: Option<i64>,
    pub(super) missing_secrets: Vec<(String, String)>,
    pub(super) own_url: Option<String>,
}

impl Stage {
    /// Both handsets registered, the manager read, nothing to do; the window is open and closes in 18 hours.
    pub(super) fn well() -> Self {
        let window = window(1, "2026-11-23T08:00", "2026-11-24T04:00");
        let mut stage = Self {
            desired: desired(),
            memory: SiteMemory { windows: vec![window.clone()], ..SiteMemory::default() },
            observation: Some(observation()),
            plan: Plan {
                hash: Generation("0".into()),
                terms: Vec::new(),
                steps: Vec::new(),
                orders: Orders::default(),
            },
            window: Some(window),
            pace: Pace {
                interval: Duration::from_secs(300),
                interval_open: Duration::from_secs(60),
                settle: Duration::from_secs(180),
                before_close: vec![Duration::from_secs(86_400), Duration::from_secs(7_200)],
                budget: crate::domain::budget::SiteBudget::DEFAULT,
                clock_skew: Duration::from_secs(120),
                pause_forgotten: Duration::from_secs(86_400),
            },
            clearance: Clearance::default(),
            device_now: time("2026-11-23T10:00"),
            skew_seconds: Some(0),
            missing_secrets: Vec::new(),
            own_url: None,
        };
        stage.verdict(1, Registration::Registered);
        stage.verdict(2, Registration::Registered);
        stage.memory.observation = stage.observation.clone();
        stage
    }

    /// The same when the device's clock shows this.
    pub(super) fn at(&mut self, device_time: &str) -> &mut Self {
        self.device_now = time(device_time);
        self
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.device_now - TimeDelta::hours(1)).and_utc()
    }

    pub(super) fn verdict(&mut self, slot: u8, registration: Registration) -> &mut Self {
        let number = slot_number(slot);
        let ipui = self.desired.slots[&number].ipui().unwrap();
        let record = SlotRecord { began: None, ..SlotRecord::new(ipui, registration, self.now()) };
        self.memory.slots.insert(number, record);
        self
    }

    /// The manager was not read, for so many times, this for the last.
    pub(super) fn failing(&mut self, failures: u32, minutes: i64, last: ContactFailure) -> &mut Self {
        self.observation = None;
        let since = self.now() - TimeDelta::minutes(minutes);
        self.memory.trouble = Some(Trouble { since, failures, last, unclear: false });
        self
    }

    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Observation)) -> &mut Self {
        change(self.observation.as_mut().unwrap());
        self
    }

    pub(super) fn step(&mut self, action: Action, slot: u8, disposition: Disposition) -> &mut Self {
        self.plan.steps.push(Step {
            action,
            slot: Some(slot_number(slot)),
            impact: Impact::None,
            disposition,
            who: vec![format!("10{slot}")],
            hits: Vec::new(),
            relocation: None,
            why: "the page shows something else".into(),
            cause: None,
        });
        self
    }

    pub(super) fn look(&self) -> Conditions {
        let (clock, now) = (DeviceClock::in_step(Berlin), self.now());
        let window = self.window.as_ref();
        let state = window.map_or(WindowState::None, |window| state_of(window, clock, now));
        conditions(&View {
            desired: &self.desired,
            memory: &self.memory,
            observation: self.observation.as_ref(),
            plan: &self.plan,
            window,
            window_state: state,
            closes_in: window.and_then(|window| closes_in(window, clock, now)),
            closes_at: window.and_then(|window| window.closes_at).map(|end| clock.ours(end)),
            clock,
            skew_seconds: self.skew_seconds,
            pace: &self.pace,
            clearance: &self.clearance,
            own_url: self.own_url.as_deref(),
            now,
            missing_secrets: &self.missing_secrets,
        })
    }

    /// Looks, and takes over what became of the alerts, as a cycle does.
    pub(super) fn cycle(&mut self) -> Conditions {
        let found = self.look();
        self.memory.alerts =
            super::live_on(&self.desired.name, &self.memory.alerts, found.clone(), self.now());
        found
    }

    /// The kinds that hold.
    pub(super) fn kinds(&self) -> Vec<AlertKind> {
        self.look().holding.iter().map(|condition| condition.kind).collect()
    }

    /// The one condition of this kind.
    pub(super) fn the(&self, kind: AlertKind) -> Condition {
        let holding = self.look().holding;
        let found: Vec<_> = holding.iter().filter(|condition| condition.kind == kind).collect();
        assert_eq!(found.len(), 1, "{kind} among {holding:#?}");
        found[0].clone()
    }
}

pub(super) fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap()
}

pub(super) fn slot_number(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

pub(super) fn ipui(text: &str) -> Ipui {
    text.parse().unwrap()
}

pub(super) fn slots(numbers: &[u8]) -> BTreeSet<SlotNumber> {
    numbers.iter().map(|number| slot_number(*number)).collect()
}

pub(super) fn numbers(condition: &Condition) -> Vec<u8> {
    condition.handsets.iter().map(|handset| handset.number.number()).collect()
}

/// A time of the site's clock.
pub(super) fn moment(text: &str) -> DateTime<FixedOffset> {
    chrono_tz::Europe::Berlin.from_local_datetime(&time(text)).earliest().unwrap().fixed_offset()
}

pub(super) fn window(number: u32, opens_at: &str, closes_at: &str) -> Window {
    Window {
        number,
        opens_at: moment(opens_at),
        closes_at: Some(moment(closes_at)),
        meant_at: None,
        written_in: WindowClock::default(),
        reopened: u8::try_from(number - 1).unwrap(),
        reason: String::new(),
        policy: String::new(),
        missing_at_start: slots(&[1, 2]),
        release: None,
        arrivals: BTreeMap::new(),
        missing_at_end: None,
    }
}

pub(super) fn release(stage: &Stage, progress: Progress) -> Release {
    Release {
        id: 1,
        generation: Generation("g".into()),
        content: Generation("c".into()),
        version: "2311260800".parse().unwrap(),
        parts: BTreeMap::new(),
        reserved: BTreeMap::new(),
        approved: std::collections::BTreeSet::new(),
        window: Some(1),
        released_at: stage.now(),
        progress,
    }
}

fn desired() -> DesiredSite {
    let slot = |ipui: &str, name: &str, user: &str| {
        DesiredSlot::Present(PresentSlot {
            ipui: Some(ipui.parse().unwrap()),
            display_name: Some(name.into()),
            sip: Some(SipAccount {
                user: user.into(),
                login: user.into(),
                password: None,
                account_name: user.into(),
                provider: ProviderIndex::default(),
            }),
            mailbox: None,
        })
    };
    DesiredSite {
        name: "acme-berlin".parse().unwrap(),
        description: "ACME".into(),
        contact: String::new(),
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
        time_zone: Berlin,
        mode: Mode::Manage,
        manager: DesiredManager {
            host: "10.20.0.2".into(),
            port: 80,
            mac: "7C2F80CA21E4".parse().unwrap(),
            password: SecretRef::Literal(Secret::new("hunter2")),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: Some(RegistrationPolicy {
            start: WindowStart::At(moment("2026-11-23T08:00")),
            duration: WindowDuration::Seconds(72_000),
            pin: Some(Pin::Fixed([0, 0, 0, 1])),
            reopen: 2,
            reopen_schedule: None,
            close_when_filled: false,
        }),
        providers: BTreeMap::new(),
        maintenance: None,
        approval: ApprovalRule::default(),
        slots: BTreeMap::from([
            (slot_number(1), slot(FIRST, "Reception", "1013")),
            (slot_number(2), slot(SECOND, "Workshop", "1014")),
        ]),
    }
}

fn observation() -> Observation {
    Observation {
        at: (time("2026-11-23T10:00") - TimeDelta::hours(1)).and_utc(),
        mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
        firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
        device_clock: Reading::Known(time("2026-11-23T10:00")),
        pending: Reading::Known(Vec::new()),
        slots: Reading::Known(BTreeMap::new()),
        registration_pin: Reading::Known(Pin::ZEROS),
        editors: BTreeMap::new(),
        config_url: None,
        base_stations: Vec::new(),
        notes: Vec::new(),
    }
}
