//! For the tests of this folder: a site file, a device and a memory, small enough to be seen at a glance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::approval::{Approval, Grant};
use super::budget::SiteBudget;
use super::clearance::Clearance;
use super::desired::{
    ApprovalRule, DesiredManager, DesiredSite, DesiredSlot, Mode, Pin, PresentSlot, Provider,
    RegistrationPolicy, SipAccount, Trigger, WindowClock, WindowDuration, WindowStart,
};
use super::device_clock::DeviceClock;
use super::drift::{self, DriftItem};
use super::fingerprint::SiteKey;
use super::ids::{Ipui, ProviderIndex, SlotNumber};
use super::memory::{Deregistration, Registration, SiteMemory, SlotRecord, Window};
use super::neighbours::{Hold, Home, Stray};
use super::observed::{HandsetState, Observation, ObservedSlot, Reading, SipState};
use super::plan::{Action, Disposition, Plan, Step, WindowEntry};
use super::planner::{self, PlanInput};
use super::release::{PastRelease, Progress, Release};
use super::secret::{Secret, SecretBook, SecretRef};
use super::shown::after;
use super::status::WindowState;
use super::verify::{self, Verification};

pub(super) const MAC: &str = "7C2F80CA21E4";
pub(super) const SETTLE: Duration = Duration::from_secs(180);

pub(super) fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

pub(super) fn ipui(number: u8) -> Ipui {
    format!("02B6EC8A{number:02X}").parse().unwrap()
}

/// So many seconds after an arbitrary hour.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
}

/// A slot with this user and, maybe, a handset.
pub(super) fn present(user: &str, handset: Option<u8>) -> DesiredSlot {
    DesiredSlot::Present(PresentSlot {
        ipui: handset.map(ipui),
        display_name: Some(format!("N720_{user}")),
        sip: Some(SipAccount {
            user: user.into(),
            login: user.into(),
            password: Some(SecretRef::Literal(Secret::new("geheim"))),
            account_name: user.into(),
            provider: ProviderIndex::default(),
        }),
        mailbox: Some("*2".into()),
    })
}

/// What the page shows of such a slot.
pub(super) fn shown(user: &str, handset: HandsetState) -> ObservedSlot {
    ObservedSlot {
        user_id: Some(user.into()),
        display_name: Some(format!("N720_{user}")),
        provider: Some("PBX".into()),
        sip: SipState::Registered,
        handset,
        model: None,
        software: None,
    }
}

pub(super) fn site() -> DesiredSite {
    DesiredSite {
        name: "acme".parse().unwrap(),
        description: String::new(),
        contact: String::new(),
        labels: BTreeMap::new(),
        time_zone: chrono_tz::Europe::Berlin,
        mode: Mode::Manage,
        manager: DesiredManager {
            host: "10.20.0.2".into(),
            port: 80,
            mac: MAC.parse().unwrap(),
            password: SecretRef::Literal(Secret::new("admin")),
            trigger: Trigger::Web,
            window_clock: WindowClock::Local,
            sip_port: 5060,
            enrol: false,
            digest: None,
        },
        registration: Some(RegistrationPolicy {
            start: WindowStart::WhenReleased,
            duration: WindowDuration::Seconds(72_000),
            pin: Some(Pin::ZEROS),
            reopen: 1,
            reopen_schedule: None,
            close_when_filled: false,
        }),
        providers: BTreeMap::from([(ProviderIndex::default(), Provider::default())]),
        maintenance: None,
        approval: ApprovalRule::default(),
        slots: BTreeMap::new(),
    }
}

pub(super) fn window(number: u32, reopened: u8) -> Window {
    Window {
        number,
        opens_at: at(0).fixed_offset(),
        closes_at: Some(at(72_000).fixed_offset()),
        meant_at: None,
        written_in: WindowClock::default(),
        reopened,
        reason: String::new(),
        policy: "when released for 72000 s".into(),
        missing_at_start: BTreeSet::new(),
        release: None,
        arrivals: BTreeMap::new(),
        missing_at_end: None,
    }
}

/// A site, its device, and what is remembered.
pub(super) struct World {
    pub(super) desired: DesiredSite,
    pub(super) secrets: SecretBook,
    pub(super) memory: SiteMemory,
    pub(super) seen: Observation,
    pub(super) window_state: WindowState,
    pub(super) own_url: Option<String>,
    pub(super) budget: SiteBudget,
    pub(super) clearance: Clearance,
    pub(super) now: DateTime<Utc>,
}

impl World {
    /// A virgin device, met a day ago.
    pub(super) fn new() -> Self {
        let seen = Observation {
            at: at(0),
            mac: Reading::Known(MAC.parse().unwrap()),
            firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
            device_clock: Reading::Known(at(0).naive_utc()),
            pending: Reading::Known(Vec::new()),
            slots: Reading::Known(BTreeMap::new()),
            registration_pin: Reading::Unreadable("no kind of PIN is marked".into()),
            editors: BTreeMap::new(),
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        };
        let memory =
            SiteMemory { first_contact: Some((at(-86_400), MAC.parse().unwrap())), ..SiteMemory::default() };
        Self {
            desired: site(),
            secrets: SecretBook::default(),
            memory,
            seen,
            window_state: WindowState::None,
            own_url: None,
            budget: SiteBudget::default(),
            clearance: Clearance::default(),
            now: at(5),
        }
    }

    pub(super) fn key() -> SiteKey {
        SiteKey::new([9; 32])
    }

    /// Lists a slot.
    pub(super) fn want(mut self, number: u8, wanted: DesiredSlot) -> Self {
        self.desired.slots.insert(slot(number), wanted);
        self
    }

    /// The device shows an active account without handset.
    pub(super) fn show(mut self, number: u8, user: &str) -> Self {
        self.slots().insert(slot(number), shown(user, HandsetState::None));
        self
    }

    /// The device shows an active account and a registered handset, whose editor page says so.
    pub(super) fn show_registered(mut self, number: u8, user: &str, handset: u8) -> Self {
        self.slots().insert(slot(number), shown(user, HandsetState::Registered));
        self.seen.editors.insert(slot(number), Reading::Known(Some(ipui(handset))));
        self
    }

    /// The device shows an active account and a reservation.
    pub(super) fn show_pending(mut self, number: u8, user: &str, handset: u8) -> Self {
        self.slots().insert(slot(number), shown(user, HandsetState::Pending));
        self.pending().push(ipui(handset));
        self
    }

    /// What was last in the file is taken to be on the device.
    pub(super) fn with_baseline(mut self) -> Self {
        let (generation, parts) = planner::desired_generation(&self.desired, &self.secrets, &Self::key());
        (self.memory.baseline, self.memory.baseline_parts) = (Some(generation), parts);
        self
    }

    pub(super) fn slots(&mut self) -> &mut BTreeMap<SlotNumber, ObservedSlot> {
        match &mut self.seen.slots {
            Reading::Known(slots) => slots,
            Reading::Unreadable(why) => panic!("{why}"),
        }
    }

    pub(super) fn pending(&mut self) -> &mut Vec<Ipui> {
        match &mut self.seen.pending {
            Reading::Known(pending) => pending,
            Reading::Unreadable(why) => panic!("{why}"),
        }
    }

    /// A verdict on a slot's wanted handset, with what its editor page last showed.
    pub(super) fn remember(&mut self, number: u8, registration: Registration, editor: Option<u8>) {
        let wanted = self.desired.slots[&slot(number)].ipui().unwrap();
        let record = SlotRecord {
            registered_ipui: editor.map(ipui),
            ..SlotRecord::new(wanted, registration, at(-600))
        };
        self.memory.slots.insert(slot(number), record);
    }

    /// The same place, later: read just now.
    pub(super) fn later(&mut self, seconds: i64) {
        self.seen.at = at(seconds);
        self.now = at(seconds) + TimeDelta::seconds(5);
    }

    /// Another site file lists this handset, which is held here.
    pub(super) fn stray(&mut self, handset: u8, site: &str, number: u8) {
        let home = Home { site: site.parse().unwrap(), slot: slot(number) };
        let stray = Stray { hold: Hold::Registered, slot: None, seen_at: self.seen.at, home: Some(home) };
        self.memory.strays.insert(ipui(handset), stray);
    }

    /// Enters what the pages show of the site file, as a turn does.
    pub(super) fn enter_shown(&mut self, settled: bool) {
        let (_, wanted) = planner::desired_generation(&self.desired, &self.secrets, &Self::key());
        self.memory.shown = after(&self.desired, &self.memory, &self.seen, &wanted, settled);
    }

    pub(super) fn input<'a>(&'a self, key: &'a SiteKey) -> PlanInput<'a> {
        PlanInput {
            desired: &self.desired,
            secrets: &self.secrets,
            key,
            memory: &self.memory,
            observation: Some(&self.seen),
            window_state: self.window_state,
            clock: self.clock(),
            settle: SETTLE,
            own_url: self.own_url.as_deref(),
            budget: self.budget,
            clearance: &self.clearance,
            now: self.now,
        }
    }

    pub(super) fn clock(&self) -> DeviceClock {
        DeviceClock::in_step(self.desired.time_zone)
    }

    pub(super) fn plan(&self) -> Plan {
        planner::plan(&self.input(&Self::key()))
    }

    pub(super) fn drift(&self) -> Vec<DriftItem> {
        let (_, wanted) = planner::desired_generation(&self.desired, &self.secrets, &Self::key());
        drift::drift(&self.desired, &self.seen, &self.memory, &wanted)
    }

    pub(super) fn verify(&self) -> Verification {
        let (_, wanted) = planner::desired_generation(&self.desired, &self.secrets, &Self::key());
        verify::verify(&self.desired, &self.memory, &wanted, Some(&self.seen), SETTLE, self.now)
    }

    /// Makes the release that the plan orders; the manager knows nothing of it yet.
    pub(super) fn release(&mut self) -> Plan {
        let plan = self.plan();
        let new = plan.orders.release.clone().unwrap();
        let mut id = 1;
        if let Some(last) = self.memory.release.take() {
            id = last.id + 1;
            self.take_back_unfetched(&last);
            let past = PastRelease::from(&last);
            self.memory.past_releases.insert(0, past);
        }
        if let Some(approval) =
            self.memory.approval.as_mut().filter(|one| Some(&one.hash) == new.approval.as_ref())
        {
            approval.used = Some(id);
        }
        let of_slot = |(&slot, &ipui)| Deregistration { at: self.now, release: id, slot, ipui };
        self.memory.deregistered.extend(new.approved.iter().map(of_slot));
        let number = new.window.as_ref().map(|entry| entry.window().number);
        match new.window {
            Some(WindowEntry::Opens(window)) => {
                self.memory.windows.push(window);
                self.window_state = WindowState::Open;
            }
            Some(WindowEntry::Ends(window)) => {
                *self.memory.windows.last_mut().unwrap() = window;
                self.window_state = WindowState::Closed;
            }
            None => {}
        }
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
        plan
    }

    /// A release that was never fetched has done nothing: its approval is free again.
    fn take_back_unfetched(&mut self, last: &Release) {
        if !last.progress.may_have_arrived() {
            self.memory.deregistered.retain(|one| one.release != last.id);
            let approval = self.memory.approval.as_mut().filter(|one| one.used == Some(last.id));
            approval.into_iter().for_each(|one| one.used = None);
        }
    }

    /// Somebody approves the plan as it is.
    pub(super) fn approve(&mut self) -> Plan {
        let plan = self.plan();
        self.memory.approval = Some(Approval {
            hash: plan.hash.clone(),
            terms: plan.terms.clone(),
            grants: vec![Grant { by: "anna".into(), at: self.now, reason: "agreed by phone".into() }],
            expires_at: self.now + TimeDelta::hours(24),
            used: None,
            lapsed: false,
        });
        plan
    }

    /// The release is fetched at this second, read again after the settle time, and marked with what became of it.
    pub(super) fn fetch_and_judge(&mut self, fetched: i64) {
        self.progress().fetched_at = Some(at(fetched));
        self.later(fetched + 181);
        self.judge();
    }

    /// Marks the last release by what is shown, as a turn does.
    pub(super) fn judge(&mut self) {
        let now = self.now;
        match self.verify() {
            Verification::TookEffect => self.progress().verified_at = Some(now),
            Verification::NoEffect(missed) => {
                let progress = self.progress();
                let left =
                    progress.missed.as_ref().map_or_else(|| (*missed).clone(), |known| known.left(&missed));
                (progress.ineffective_at, progress.missed) = (Some(now), Some(left));
            }
            Verification::NoRelease
            | Verification::Waiting { .. }
            | Verification::Superseded
            | Verification::CannotTell(_) => {}
        }
    }

    pub(super) fn progress(&mut self) -> &mut Progress {
        &mut self.memory.release.as_mut().unwrap().progress
    }
}

/// A plan's steps in short: what, where, and how it stands.
pub(super) fn brief(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(brief_step).collect()
}

fn brief_step(step: &Step) -> String {
    let place = step.slot.map(|slot| format!(" {slot}")).unwrap_or_default();
    let action: Action = step.action;
    match &step.disposition {
        Disposition::Ready => format!("{action:?}{place} {:?}: ready", step.impact),
        Disposition::Deferred { reason, .. } => {
            format!("{action:?}{place} {:?}: deferred, {reason}", step.impact)
        }
        Disposition::Blocked { alert, .. } => {
            format!("{action:?}{place} {:?}: blocked, {alert:?}", step.impact)
        }
    }
}
