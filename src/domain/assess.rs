//! From memory and plan to the status that people see: health in one word and why, generations, window, slots.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::alert::{Alert, AlertState, Severity};
use super::approval;
use super::clearance::Pause;
use super::desired::{DesiredSite, DesiredSlot};
use super::evidence::{Source, Testimony};
use super::ids::SlotNumber;
use super::memory::{Registration, SiteMemory, SlotRecord};
use super::observed::{ContactFailure, HandsetState};
use super::plan::{Disposition, Plan, Step};
use super::release::Generation;
use super::rotation::PasswordChange;
use super::status::{
    ApprovalStatus, Conflict, GenerationStatus, Health, PauseStatus, PlanStatus, SiteStatus, SlotStatus,
    WholeFleet, WindowState, WindowStatus,
};
use super::wording::local;

/// What the status is made from.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The site file.
    pub desired: &'a DesiredSite,
    /// After the cycle.
    pub memory: &'a SiteMemory,
    /// The cycle's plan; `None` where none could be made.
    pub plan: Option<&'a Plan>,
    /// Identity of what the site file asks for.
    pub wanted: Option<Generation>,
    /// The window in force.
    pub window: WindowStatus,
    /// Device clock minus ours.
    pub skew_seconds: Option<i64>,
    /// What of this cycle's pages could not be read, if something could not.
    pub unreadable: Option<String>,
    /// When the manager was last read.
    pub observed_at: Option<DateTime<Utc>>,
    /// Whether what answers at the address is the site's manager; `None`: not known.
    pub right_device: Option<bool>,
    /// Now.
    pub now: DateTime<Utc>,
    /// Changes are paused.
    pub pause: Option<&'a Pause>,
    /// How far the change of the web password is.
    pub password_change: Option<PasswordChange>,
}

/// The status of one site.
pub fn status(picture: &Picture<'_>) -> SiteStatus {
    let Picture { desired, memory, .. } = *picture;
    let (health, reason) = health(picture);
    SiteStatus {
        site: desired.name.clone(),
        description: desired.description.clone(),
        labels: desired.labels.clone(),
        health,
        reason,
        mode: desired.mode,
        observed_at: picture.observed_at.map(|at| local(at, desired.time_zone)),
        firmware: memory
            .observation
            .as_ref()
            .and_then(|seen| seen.firmware.known())
            .map(|firmware| firmware.to_string()),
        clock_skew_seconds: picture.skew_seconds,
        generation: generations(picture),
        window: picture.window.clone(),
        pause: picture.pause.map(|pause| pause_status(pause, desired.time_zone)),
        slots: desired
            .slots
            .iter()
            .map(|(number, slot)| slot_status(*number, slot, memory, desired.time_zone))
            .collect(),
        alerts: memory.alerts.iter().filter(|alert| alert.state != AlertState::Resolved).cloned().collect(),
        plan: plan_status(picture),
        password_change: picture.password_change.clone(),
    }
}

/// Whether somebody has to look at this site: the exit code of `n720d status`.
pub fn needs_a_person(status: &SiteStatus) -> bool {
    status.health == Health::Blocked || status.alerts.iter().any(is_alarming)
}

/// Whether somebody has to look at what concerns all sites.
pub fn fleet_needs_a_person(fleet: &WholeFleet) -> bool {
    fleet.alerts.iter().any(is_alarming)
}

/// Whether an alert asks for somebody: it is worth a warning, and nobody has taken or silenced it.
pub fn is_alarming(alert: &Alert) -> bool {
    let urgent = match alert.severity {
        Severity::Warning | Severity::Critical => true,
        Severity::Info => false,
    };
    alert.state == AlertState::Firing && urgent
}

/// A pause as the status of a site shows it.
pub fn pause_status(pause: &Pause, zone: Tz) -> PauseStatus {
    PauseStatus {
        since: local(pause.since, zone),
        until: pause.until.map(|until| local(until, zone)),
        by: pause.by.clone(),
        reason: pause.reason.clone(),
        whole_fleet: pause.whole_fleet,
    }
}

fn plan_status(picture: &Picture<'_>) -> PlanStatus {
    let plan = picture.plan.filter(|plan| !plan.steps.is_empty());
    PlanStatus {
        hash: plan.map(|plan| plan.hash.clone()),
        steps: plan.map_or_else(Vec::new, |plan| plan.steps.iter().map(Step::shown).collect()),
        approval: approval_status(picture, plan),
    }
}

/// While a manager cannot be read wholly there is no plan that an approval could be stale to.
fn approval_status(picture: &Picture<'_>, plan: Option<&Plan>) -> Option<ApprovalStatus> {
    let approval = approval::in_play(picture.memory, picture.now)?;
    let is_known = picture.plan.is_some() && picture.memory.trouble.is_none() && picture.unreadable.is_none();
    let present =
        if is_known { plan.map(|plan| plan.terms.as_slice()) } else { Some(approval.terms.as_slice()) };
    let zone = picture.desired.time_zone;
    Some(ApprovalStatus {
        hash: approval.hash.clone(),
        by: approval.grants.iter().map(|grant| grant.by.clone()).collect(),
        at: local(approval.grants.last()?.at, zone),
        expires_at: local(approval.expires_at, zone),
        state: approval.state(present, picture.desired.approval, picture.now)?,
    })
}

fn generations(picture: &Picture<'_>) -> GenerationStatus {
    let memory = picture.memory;
    let release = memory.release.as_ref();
    let reached =
        |mark: Option<DateTime<Utc>>| release.filter(|_| mark.is_some()).map(|r| r.generation.clone());
    GenerationStatus {
        desired: picture.wanted.clone(),
        released: release.map(|r| r.generation.clone()),
        fetched: reached(release.and_then(|r| r.progress.fetched_at)),
        verified: match release {
            Some(_) => reached(release.and_then(|r| r.progress.verified_at)),
            None => memory.baseline.clone(),
        },
    }
}

fn slot_status(number: SlotNumber, slot: &DesiredSlot, memory: &SiteMemory, zone: Tz) -> SlotStatus {
    let status = SlotStatus {
        number,
        ipui: slot.ipui(),
        user: slot.user().map(str::to_owned),
        display_name: slot.display_name().map(str::to_owned),
        registration: Registration::Unknown,
        since: None,
        evidence: "not read yet".to_owned(),
        source: None,
        evidence_at: None,
        conflicts: Vec::new(),
        cause: None,
    };
    match (slot.ipui(), memory.slots.get(&number)) {
        (Some(ipui), Some(record)) if record.ipui == ipui => judged(status, record, zone),
        (Some(_), _) => status,
        (None, _) => unreserved(status, slot, memory, zone),
    }
}

/// A slot with a verdict.
fn judged(status: SlotStatus, record: &SlotRecord, zone: Tz) -> SlotStatus {
    let conflict = |testimony: &Testimony| Conflict {
        source: testimony.source,
        evidence: testimony.evidence.clone(),
        at: local(testimony.at, zone),
    };
    SlotStatus {
        registration: record.registration,
        since: Some(local(record.since, zone)),
        evidence: record.grounds(zone),
        source: record.source,
        evidence_at: record.source.map(|_| local(record.seen_at, zone)),
        conflicts: record.conflicts.iter().map(conflict).collect(),
        cause: record.cause.map(|cause| cause.as_str().to_owned()),
        ..status
    }
}

/// A listed slot without a reservation: whatever handset is there is somebody else's business, so it is only shown.
fn unreserved(status: SlotStatus, slot: &DesiredSlot, memory: &SiteMemory, zone: Tz) -> SlotStatus {
    let wanted = match slot {
        DesiredSlot::Absent => "listed as absent",
        DesiredSlot::Present(_) => "no handset is listed for this slot",
    };
    let page = memory.observation.as_ref();
    let cell = page.and_then(|seen| Some((seen.slots.known()?.get(&status.number)?.handset, seen.at)));
    let (registration, shown) = match cell.map(|(handset, _)| handset) {
        Some(HandsetState::Registered) => {
            (Registration::Registered, "; the mobile devices page shows a handset in it")
        }
        Some(HandsetState::Pending) => {
            (Registration::Reserved, "; the mobile devices page shows a reservation in it")
        }
        Some(HandsetState::None) | None => (Registration::Unknown, ""),
    };
    SlotStatus {
        registration,
        evidence: format!("{wanted}{shown}"),
        source: cell.map(|_| Source::MobileDevicesPage),
        evidence_at: cell.map(|(_, at)| local(at, zone)),
        ..status
    }
}

/// The health, by the first rule that fits, gravest first.
fn health(picture: &Picture<'_>) -> (Health, String) {
    let Picture { memory, .. } = *picture;
    if picture.right_device == Some(false) {
        return (Health::Blocked, "another device answers at the manager's address".to_owned());
    }
    if let Some(trouble) = &memory.trouble {
        return contact_health(&trouble.last);
    }
    if let Some(reason) = &picture.unreadable {
        return (Health::Unknown, reason.clone());
    }
    let Some(plan) = picture.plan.filter(|_| memory.observation.is_some()) else {
        return (Health::Unknown, "not read yet".to_owned());
    };
    if let Some(hindrance) = &memory.hindrance {
        return (Health::Blocked, hindrance.why.clone());
    }
    if let Some(reason) = first_reason(plan, |disposition| match disposition {
        Disposition::Blocked { reason, .. } => Some(reason.clone()),
        Disposition::Ready | Disposition::Deferred { .. } => None,
    }) {
        return (Health::Blocked, reason);
    }
    if let Some((health, reason)) = push_health(picture, plan) {
        return (health, reason);
    }
    handset_health(&memory.slots, picture.window.state)
}

fn contact_health(failure: &ContactFailure) -> (Health, String) {
    match failure {
        ContactFailure::Unreachable(why) => (Health::Unreachable, why.clone()),
        ContactFailure::LoginLocked(why) | ContactFailure::SessionBusy(why) => {
            (Health::Unreachable, why.clone())
        }
        ContactFailure::LoginRefused(why) | ContactFailure::SecretMissing(why) => {
            (Health::Blocked, why.clone())
        }
        ContactFailure::LoginUnclear(why) | ContactFailure::NotUnderstood(why) => {
            (Health::Unknown, why.clone())
        }
    }
}

fn first_reason(plan: &Plan, pick: impl Fn(&Disposition) -> Option<String>) -> Option<String> {
    plan.steps.iter().find_map(|step| pick(&step.disposition))
}

fn push_health(picture: &Picture<'_>, plan: &Plan) -> Option<(Health, String)> {
    let under_way = picture.memory.release.as_ref().is_some_and(|release| {
        release.progress.verified_at.is_none() && release.progress.ineffective_at.is_none()
    });
    if picture.desired.mode == super::desired::Mode::Observe && !plan.steps.is_empty() {
        let (count, steps) = (plan.steps.len(), if plan.steps.len() == 1 { "step" } else { "steps" });
        return Some((Health::Drifted, format!("{count} {steps}, not carried out: mode = observe")));
    }
    if under_way || !plan.steps.is_empty() {
        let deferred = first_reason(plan, |disposition| match disposition {
            Disposition::Deferred { reason, .. } => Some(reason.clone()),
            Disposition::Ready | Disposition::Blocked { .. } => None,
        });
        return Some((Health::Waiting, deferred.unwrap_or_else(|| "a push is under way".to_owned())));
    }
    None
}

fn handset_health(slots: &BTreeMap<SlotNumber, SlotRecord>, window: WindowState) -> (Health, String) {
    let count = |is: fn(Registration) -> bool| slots.values().filter(|slot| is(slot.registration)).count();
    let (missing, unknown) =
        (count(Registration::is_missing), count(|registration| registration == Registration::Unknown));
    let lost = slots.values().any(|record| record.registration == Registration::Lost);
    let all = slots.len();
    let of = match (missing, unknown) {
        (0, 0) => return (Health::Converged, "as the site file says".to_owned()),
        (0, unknown) => {
            let reason =
                format!("of {unknown} of {all} handsets it is not known yet whether they are registered");
            return (Health::Unknown, reason);
        }
        (missing, 0) => format!("{missing} of {all} handsets not registered"),
        (missing, unknown) => format!("{missing} of {all} handsets not registered, {unknown} not known yet"),
    };
    match window {
        WindowState::Open | WindowState::Always | WindowState::Scheduled if !lost => (Health::Waiting, of),
        WindowState::None
        | WindowState::Scheduled
        | WindowState::Open
        | WindowState::Closed
        | WindowState::Always => (Health::Drifted, of),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::approval::{Approval, ApprovalState, Grant};
    use crate::domain::desired::{ApprovalRule, PresentSlot};
    use crate::domain::loss::LossCause;
    use crate::domain::plan::{Action, Cause, Impact, Orders};
    use crate::domain::world::{World, at, ipui, present, slot};

    fn shown(world: &World) -> SiteStatus {
        status(&picture(world))
    }

    fn picture(world: &World) -> Picture<'_> {
        Picture {
            desired: &world.desired,
            memory: &world.memory,
            plan: None,
            wanted: None,
            window: WindowStatus::default(),
            skew_seconds: None,
            unreadable: None,
            observed_at: None,
            right_device: None,
            password_change: None,
            pause: world.clearance.pause.as_ref(),
            now: at(1),
        }
    }

    fn step() -> Step {
        Step {
            action: Action::Deregister,
            slot: Some(slot(1)),
            impact: Impact::Deregisters,
            disposition: Disposition::Ready,
            who: Vec::new(),
            hits: Vec::new(),
            relocation: None,
            why: String::new(),
            cause: None,
        }
    }

    fn plan(hash: &str, steps: Vec<Step>) -> Plan {
        Plan { hash: Generation(hash.into()), terms: vec![hash.to_owned()], steps, orders: Orders::default() }
    }

    #[test]
    fn the_steps_of_a_plan_are_shown_with_whole_seconds() {
        let by_hand = |since| Step { cause: Some(Cause::ByHand { since }), ..step() };
        let plan = plan("9f3c", vec![by_hand(at(5) + TimeDelta::milliseconds(900))]);
        let world = World::new();
        let picture = Picture { plan: Some(&plan), ..picture(&world) };
        assert_eq!(status(&picture).plan.steps, [by_hand(at(5))]);
    }

    /// The state of the approval of plan `9f3c` in a status that shows this plan, if one could be made.
    fn approval_shown(world: &World, plan: Option<&str>) -> Option<ApprovalStatus> {
        let steps = |hash: &str| if hash.is_empty() { Vec::new() } else { vec![step()] };
        let plan = plan.map(|hash| self::plan(hash, steps(hash)));
        let now = at(1);
        let picture = Picture { plan: plan.as_ref(), now, ..picture(world) };
        status(&picture).plan.approval
    }

    #[test]
    fn an_approval_is_shown_for_as_long_as_it_matters() {
        let mut world = World::new();
        assert_eq!(approval_shown(&world, Some("9f3c")), None);
        let grant = Grant { by: "anna".into(), at: at(0), reason: String::new() };
        world.memory.approval = Some(Approval {
            hash: Generation("9f3c".into()),
            terms: vec!["9f3c".to_owned()],
            grants: vec![grant],
            expires_at: at(60),
            used: None,
            lapsed: false,
        });
        let shown = approval_shown(&world, Some("9f3c")).unwrap();
        assert_eq!((shown.by, shown.state), (vec!["anna".to_owned()], ApprovalState::Holds));
        assert_eq!(shown.expires_at.to_rfc3339(), "2026-11-18T12:07:40+01:00");
        let state = |world: &World, plan| approval_shown(world, plan).map(|shown| shown.state);
        assert_eq!(state(&world, Some("9f3d")), Some(ApprovalState::Stale));
        assert_eq!(state(&world, Some("")), Some(ApprovalState::Stale), "nothing is left to do");
        assert_eq!(state(&world, None), Some(ApprovalState::Holds), "no plan tells otherwise");
        world.desired.approval = ApprovalRule::SecondPerson;
        assert_eq!(state(&world, Some("9f3c")), Some(ApprovalState::WaitingForSecondPerson));
        world.memory.approval.as_mut().unwrap().used = Some(7);
        assert_eq!(state(&world, Some("9f3d")), None, "its release is over");
    }

    #[test]
    fn a_pause_is_shown_in_the_zone_of_the_site() {
        let mut world = World::new();
        assert_eq!(shown(&world).pause, None);
        world.clearance.pause = Some(Pause {
            since: at(0),
            until: Some(at(3_600) + TimeDelta::milliseconds(500)),
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: true,
        });
        let json = serde_json::to_value(shown(&world).pause).unwrap();
        let expected = serde_json::json!({
            "since": "2026-11-18T12:06:40+01:00", "until": "2026-11-18T13:06:40+01:00", "by": "anna",
            "reason": "cable works", "whole_fleet": true,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_slot_shows_source_time_conflicts_and_cause() {
        let mut world = World::new().want(1, present("1013", Some(1)));
        world.remember(1, Registration::Lost, None);
        let record = world.memory.slots.get_mut(&slot(1)).unwrap();
        record.source = Some(Source::PendingList);
        record.seen_at = at(0) + TimeDelta::milliseconds(500);
        record.cause = Some(LossCause::Swapped { with: slot(7) });
        record.conflicts = vec![Testimony {
            source: Source::MobileDevicesPage,
            evidence: "the mobile devices page shows a handset in slot 1".into(),
            at: at(60),
        }];
        let shown = &shown(&world).slots[0];
        assert_eq!((shown.source, shown.cause.as_deref()), (Some(Source::PendingList), Some("swapped")));
        assert_eq!(shown.evidence_at.unwrap().to_rfc3339(), "2026-11-18T12:06:40+01:00");
        let json = serde_json::to_value(&shown.conflicts).unwrap();
        let expected = serde_json::json!([{
            "source": "mobile-devices-page",
            "evidence": "the mobile devices page shows a handset in slot 1",
            "at": "2026-11-18T12:07:40+01:00",
        }]);
        assert_eq!(json, expected);
    }

    #[test]
    fn a_slot_of_which_nothing_was_seen_shows_no_source() {
        let mut world = World::new().want(1, present("1013", Some(1)));
        assert_eq!((shown(&world).slots[0].source, shown(&world).slots[0].evidence_at), (None, None));
        world.remember(1, Registration::Unknown, None);
        assert_eq!(shown(&world).slots[0].evidence_at, None, "the record began, and nothing more");
        world.memory.slots.get_mut(&slot(1)).unwrap().ipui = ipui(9);
        assert_eq!(shown(&world).slots[0].evidence, "not read yet", "that is about another handset");
    }

    #[test]
    fn a_listed_slot_without_a_handset_shows_what_the_page_shows() {
        let account = DesiredSlot::Present(PresentSlot::default());
        let mut world = World::new().want(1, account).show_registered(1, "1013", 9);
        world.memory.observation = Some(world.seen.clone());
        let shown = &shown(&world).slots[0];
        assert_eq!(shown.registration, Registration::Registered);
        assert_eq!(shown.source, Some(Source::MobileDevicesPage));
        assert_eq!(shown.evidence_at.map(|at| at.to_utc()), Some(at(0)));
    }

    #[test]
    fn what_is_not_known_is_not_missing() {
        use Registration::{Lost, Pending, Registered, Unknown};
        let health = |verdicts: &[Registration], window| {
            let record = |verdict: &Registration| SlotRecord::new(ipui(1), *verdict, at(0));
            let slots = (1..).map(slot).zip(verdicts.iter().map(record)).collect();
            handset_health(&slots, window)
        };
        let table = [
            (vec![Registered, Registered], WindowState::None, Health::Converged, "as the site file says"),
            (
                vec![Registered, Unknown],
                WindowState::Open,
                Health::Unknown,
                "of 1 of 2 handsets it is not known yet whether they are registered",
            ),
            (
                vec![Pending, Unknown],
                WindowState::Open,
                Health::Waiting,
                "1 of 2 handsets not registered, 1 not known yet",
            ),
            (
                vec![Pending, Registered],
                WindowState::Closed,
                Health::Drifted,
                "1 of 2 handsets not registered",
            ),
            (vec![Lost, Pending], WindowState::Open, Health::Drifted, "2 of 2 handsets not registered"),
        ];
        for (verdicts, window, expected, reason) in table {
            assert_eq!(health(&verdicts, window), (expected, reason.to_owned()), "{verdicts:?}");
        }
    }
}
