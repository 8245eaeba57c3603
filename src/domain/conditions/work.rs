//! Conditions about what is to be done and does not get done: failed pushes, drift, approvals.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::foreign::enumerate;
use super::{Conditions, View};
use crate::domain::alert::{Alert, AlertKind, Condition, HandsetNote, Severity};
use crate::domain::approval;
use crate::domain::desired::{Mode, Trigger};
use crate::domain::handoff::note;
use crate::domain::ids::SlotNumber;
use crate::domain::plan::{Action, Cause, Disposition, Impact, Relocation, Step};
use crate::domain::release::{Release, TriggerOutcome};

/// A manager that was told to fetch does so within seconds; this long without a fetch means that it will not.
const FETCH_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// A manager that nobody tells fetches about every 24 h, at an hour that is not known.
const DAILY_FETCH_WITHIN: TimeDelta = TimeDelta::hours(26);
/// Attempts after which the time since the release counts rather than the time since the last attempt: repeated
/// triggers must not put the alert off for ever.
const MANY_ATTEMPTS: u32 = 4;

/// Looks at the release and the plan.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    push_failed(view, found);
    blocked(view, found, AlertKind::PlanNeedsApproval, Severity::Warning, |steps, why| {
        let site = &view.desired.name;
        let see = format!("nothing is done without a person: see `n720d plan {site}`");
        if steps.iter().any(|step| step.action == Action::FollowFile) {
            return format!("{}; {why}; {see}", whys(steps));
        }
        let arrives = |step: &&&Step| matches!(step.relocation, Some(Relocation::FromSite { .. }));
        let what_for = if steps.iter().filter(arrives).count() == steps.len() {
            "a handset of another site would be taken in by"
        } else {
            "a working handset would be deregistered by"
        };
        format!("{what_for}: {} ({}); {}; {why}; {see}", what(steps), who(steps), whys(steps))
    });
    if !found.holds(AlertKind::PlanNeedsApproval) && is_waited_for(view) {
        found.cannot_tell([AlertKind::PlanNeedsApproval]);
    }
    drift(view, found);
}

/// Whether what an approval was asked for is still to be done, and nobody has approved it: it is only held back by something else
/// as well, such as pages that have to be read first.
fn is_waited_for(view: &View<'_>) -> bool {
    let Some(alert) = view.standing(AlertKind::PlanNeedsApproval) else { return false };
    let memory = view.memory;
    let approved = memory.approval.as_ref().is_some_and(|approval| {
        approval.is_in_force(view.desired.approval, view.now)
            && approval::covers(&approval.terms, &view.plan.terms)
    });
    let released = |slot| memory.release.as_ref().is_some_and(|release| release.approved.contains(&slot));
    !approved
        && view.plan.steps.iter().any(|step| {
            let told = |slot| alert.handsets.iter().any(|handset| handset.number == slot) && !released(slot);
            step.impact == Impact::Deregisters
                && step.disposition != Disposition::Ready
                && step.slot.is_some_and(told)
        })
}

fn push_failed(view: &View<'_>, found: &mut Conditions) {
    if found.unknown.contains(&AlertKind::PushFailed) {
        return;
    }
    let Some(release) = on_offer(view) else { return };
    let progress = &release.progress;
    if progress.fetched_at.is_some() || progress.verified_at.is_some() {
        return;
    }
    let Some((phase, why)) = failure(view, release) else {
        // Only a fetch shows that it has got over it; another try, or another release, does not.
        if view.standing(AlertKind::PushFailed).is_some() {
            found.cannot_tell([AlertKind::PushFailed]);
        }
        return;
    };
    let summary = format!(
        "the DECT manager did not fetch what was released at {}: {why}; check the address it fetches from and that \
         it reaches n720d",
        release.released_at.format("%Y-%m-%d %H:%M UTC")
    );
    let condition = Condition::new(AlertKind::PushFailed, Severity::Warning, summary);
    found.hold(condition.in_phase(phase));
}

/// What the manager is to fetch: a new web password, where one is released and not taken back, or else the last release.
fn on_offer<'a>(view: &View<'a>) -> Option<&'a Release> {
    let rotation = view.memory.rotation.as_ref().filter(|rotation| rotation.on_shelf);
    rotation.and_then(|rotation| rotation.file.as_ref()).or(view.memory.release.as_ref())
}

/// Phase and reason of a failed push.
fn failure(view: &View<'_>, release: &Release) -> Option<(&'static str, String)> {
    let progress = &release.progress;
    match &progress.trigger {
        Some(TriggerOutcome::Failed(why)) => return Some(("failed", format!("telling it to failed: {why}"))),
        Some(TriggerOutcome::Unknown(why)) => {
            return Some(("unknown", format!("whether it was told to is not known: {why}")));
        }
        Some(
            TriggerOutcome::Done
            | TriggerOutcome::Accepted
            | TriggerOutcome::NoLine
            | TriggerOutcome::Busy(_),
        )
        | None => {}
    }
    let since_release = view.now.signed_duration_since(release.released_at);
    let overdue = match (view.desired.manager.trigger, progress.triggered_at) {
        (Trigger::None, None) => since_release >= DAILY_FETCH_WITHIN,
        (Trigger::None | Trigger::Web | Trigger::CheckSync, Some(triggered)) => {
            view.now.signed_duration_since(triggered) >= FETCH_WITHIN
                || (progress.attempts >= MANY_ATTEMPTS && since_release >= FETCH_WITHIN)
        }
        (Trigger::Web | Trigger::CheckSync, None) => false,
    };
    let last = match &progress.trigger {
        Some(TriggerOutcome::Busy(why)) => format!(" (it was busy: {why})"),
        Some(TriggerOutcome::NoLine) => " (it has no active account, its button does nothing)".to_owned(),
        Some(
            TriggerOutcome::Done
            | TriggerOutcome::Accepted
            | TriggerOutcome::Failed(_)
            | TriggerOutcome::Unknown(_),
        )
        | None => String::new(),
    };
    overdue.then(|| ("overdue", format!("no fetch within the time expected{last}")))
}

/// Holds the condition of `kind` when the plan has steps that are blocked with it.
fn blocked(
    view: &View<'_>,
    found: &mut Conditions,
    kind: AlertKind,
    severity: Severity,
    summary: impl Fn(&[&Step], &str) -> String,
) {
    let steps: Vec<&Step> = view.plan.steps.iter().filter(|step| blocked_with(step) == Some(kind)).collect();
    let Some(first) = steps.first() else { return };
    let condition = Condition::new(kind, severity, summary(&steps, why_not(first)));
    found.hold(condition.in_phase(phase(&steps)).about(handsets(view, &steps)));
}

/// Steps that nobody carries out, and changes by hand, also while they are being put back. Any other step that waits or
/// is under way begins no alert; one that is there stays until the plan is empty.
fn drift(view: &View<'_>, found: &mut Conditions) {
    let (left, mended): (Vec<&Step>, Vec<&Step>) =
        view.plan.steps.iter().partition(|step| is_left_alone(view, step));
    let by_hand: Vec<&Step> = mended.into_iter().filter(|step| is_put_back(step)).collect();
    if left.is_empty() && by_hand.is_empty() {
        let goes_on = |alert: &&Alert| {
            view.plan.steps.iter().any(|step| keeps(alert, step)) || is_pin_unread(view, alert)
        };
        let standing = view.standing(AlertKind::Drift).filter(goes_on);
        found.holding.extend(standing.map(as_it_stands));
        return;
    }
    let mut told = Vec::new();
    if let Some(first) = left.first() {
        let why = why_not(first);
        let what = format!("the DECT manager differs from the site file and is not being mended ({why})");
        told.push(format!("{what}: {}{}", reset(view, &left), whys(&left)));
    }
    if !by_hand.is_empty() {
        let when = if view.clearance.pause.is_some() {
            "is put back when the pause ends"
        } else {
            "is being put back"
        };
        let what = format!("the DECT manager was changed by hand and {when}");
        let instead = "change the site file instead";
        told.push(format!("{what}: {}{}; {instead}", reset(view, &by_hand), whys(&by_hand)));
    }
    let steps: Vec<&Step> = left.iter().chain(&by_hand).copied().collect();
    let condition = Condition::new(AlertKind::Drift, Severity::Warning, told.join("; "));
    found.hold(condition.in_phase(drift_phase(&steps)).about(handsets(view, &steps)));
}

/// Whether this step shows that what the alert told of is not over. One that waits for a person at another slot is
/// another matter, and told by its own condition.
fn keeps(alert: &Alert, step: &Step) -> bool {
    const TOLD_APART: [AlertKind; 2] = [AlertKind::PushIneffective, AlertKind::PlanNeedsApproval];
    let told_apart = blocked_with(step).is_some_and(|kind| TOLD_APART.contains(&kind));
    let same = match step.slot {
        Some(slot) => alert.handsets.iter().any(|handset| handset.number == slot),
        None => step.action == Action::SetPin,
    };
    same || !told_apart
}

/// Whether the PIN was changed by hand, or told to differ, and this reading did not show it: then it is not known to be
/// back.
fn is_pin_unread(view: &View<'_>, alert: &Alert) -> bool {
    let gone = view.memory.shown.pin.as_ref().is_some_and(|pin| pin.gone_at.is_some());
    let wanted = view.desired.registration.as_ref().is_some_and(|policy| policy.pin.is_some());
    let told = wanted && alert.phase.contains(Action::SetPin.as_str());
    (gone || told) && view.observation.is_some_and(|seen| seen.registration_pin.known().is_none())
}

/// Whether this step puts back what was changed by hand, now or when something else is over.
fn is_put_back(step: &Step) -> bool {
    match step.disposition {
        Disposition::Ready | Disposition::Deferred { .. } => is_by_hand(step),
        Disposition::Blocked { .. } => false,
    }
}

fn is_by_hand(step: &Step) -> bool {
    match step.cause {
        Some(Cause::ByHand { .. }) => true,
        Some(Cause::NotYet | Cause::SiteFile | Cause::UnderWay) | None => false,
    }
}

/// What the alert says by now.
fn as_it_stands(alert: &Alert) -> Condition {
    Condition {
        kind: alert.kind,
        subject: String::new(),
        severity: alert.severity,
        summary: alert.summary.clone(),
        phase: alert.phase.clone(),
        handsets: alert.handsets.clone(),
        readings: alert.readings.clone(),
    }
}

/// No account at all where there were several is not the work of somebody who edits accounts.
fn reset(view: &View<'_>, steps: &[&Step]) -> &'static str {
    let accounts = view.observation.and_then(|seen| seen.slots.known());
    let gone =
        steps.iter().filter(|step| step.action == Action::ConfigureAccount && is_by_hand(step)).count();
    if gone > 1 && accounts.is_some_and(BTreeMap::is_empty) {
        "it shows no account at all, so that it was probably reset to factory settings: "
    } else {
        ""
    }
}

/// What was seen, why each step is to be done.
fn whys(steps: &[&Step]) -> String {
    let mut sorted: Vec<&Step> = steps.to_vec();
    sorted.sort_by_key(|step| std::cmp::Reverse(step.cause));
    enumerate(sorted.into_iter().map(|step| step.why.clone()))
}

/// A change by hand is news also where the same slot differed before.
fn drift_phase(steps: &[&Step]) -> String {
    let (by_hand, others): (Vec<&Step>, Vec<&Step>) = steps.iter().partition(|step| is_by_hand(step));
    let mut phases = Vec::new();
    if !others.is_empty() {
        phases.push(phase(&others));
    }
    if !by_hand.is_empty() {
        phases.push(format!("by hand: {}", phase(&by_hand)));
    }
    phases.join("; ")
}

/// Whether nobody carries this step out and no other condition tells of it.
fn is_left_alone(view: &View<'_>, step: &Step) -> bool {
    match &step.disposition {
        Disposition::Ready => false,
        Disposition::Deferred { .. } => view.desired.mode == Mode::Observe,
        Disposition::Blocked { alert, .. } => match alert {
            // Of a stopped rollout the fleet's one alert tells.
            AlertKind::PushIneffective
            | AlertKind::PlanNeedsApproval
            | AlertKind::WrongDevice
            | AlertKind::RolloutStopped => false,
            // They say why nothing is done, and not that somebody changed something.
            AlertKind::FirmwareTooOld | AlertKind::SecretMissing | AlertKind::PageNotUnderstood => {
                is_by_hand(step)
            }
            AlertKind::WindowClosing
            | AlertKind::WindowExpiredUnfilled
            | AlertKind::HandsetLost
            | AlertKind::Drift
            | AlertKind::PushFailed
            | AlertKind::Unreachable
            | AlertKind::LoginRefused
            | AlertKind::SessionBusy
            | AlertKind::ClockSkew
            | AlertKind::ForeignReservation
            | AlertKind::WindowExposed
            | AlertKind::SiteFileInvalid
            | AlertKind::ObservationStale
            | AlertKind::PauseForgotten
            | AlertKind::PasswordNotStored
            | AlertKind::SinkFailing
            | AlertKind::Test => true,
        },
    }
}

fn blocked_with(step: &Step) -> Option<AlertKind> {
    match &step.disposition {
        Disposition::Blocked { alert, .. } => Some(*alert),
        Disposition::Ready | Disposition::Deferred { .. } => None,
    }
}

fn why_not(step: &Step) -> &str {
    match &step.disposition {
        Disposition::Ready => &step.why,
        Disposition::Deferred { reason, .. } | Disposition::Blocked { reason, .. } => reason,
    }
}

/// The steps in a few words: `reserve slots 1, 2; set account of slot 3`.
pub(super) fn what(steps: &[&Step]) -> String {
    grouped(steps, words)
}

/// The same for the digest: independent of wording.
pub(super) fn phase(steps: &[&Step]) -> String {
    grouped(steps, |action| action.as_str().to_owned())
}

fn grouped(steps: &[&Step], word: impl Fn(Action) -> String) -> String {
    let mut groups: BTreeMap<Action, BTreeSet<SlotNumber>> = BTreeMap::new();
    for step in steps {
        groups.entry(step.action).or_default().extend(step.slot);
    }
    let texts: Vec<String> = groups
        .into_iter()
        .map(|(action, slots)| {
            let list: Vec<String> = slots.iter().map(ToString::to_string).collect();
            match list.len() {
                0 => word(action),
                1 => format!("{} slot {}", word(action), list.join(", ")),
                _ => format!("{} slots {}", word(action), list.join(", ")),
            }
        })
        .collect();
    texts.join("; ")
}

fn words(action: Action) -> String {
    match action {
        Action::Enrol => "set the configuration file URL",
        Action::ConfigureProvider => "set a SIP provider",
        Action::SetPin => "set the registration PIN",
        Action::ConfigureAccount => "set the account of",
        Action::Reserve => "reserve",
        Action::Replace => "replace the handset of",
        Action::Deregister => "deregister",
        Action::OpenWindow => "open the registration window",
        Action::ReopenWindow => "open the registration window again",
        Action::CloseWindow => "close the registration window",
        Action::Fetch => "make it fetch its file",
        Action::FollowFile => "follow the site file",
    }
    .to_owned()
}

fn who(steps: &[&Step]) -> String {
    let who: BTreeSet<&str> = steps.iter().flat_map(|step| step.who.iter().map(String::as_str)).collect();
    if who.is_empty() {
        "no extension known".to_owned()
    } else {
        format!("extensions {}", who.into_iter().collect::<Vec<_>>().join(", "))
    }
}

/// The slots that the steps touch; nothing is asked of their users while a step waits for somebody else.
pub(super) fn handsets(view: &View<'_>, steps: &[&Step]) -> Vec<HandsetNote> {
    let slots: BTreeSet<_> = steps.iter().filter_map(|step| step.slot).collect();
    let situation = view.situation();
    slots.into_iter().map(|slot| note(&situation, slot).without_task()).collect()
}

#[cfg(test)]
mod tests;
