//! Conditions about registration windows and the handsets they are for. They rest on the ledger of windows, the clock
//! and the last verdicts, so that they can be told even while the manager cannot be read.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Conditions, View, clock, spoken};
use crate::domain::alert::{AlertKind, Condition, HandsetNote, Severity};
use crate::domain::handoff::note;
use crate::domain::ids::SlotNumber;
use crate::domain::loss::LossCause;
use crate::domain::memory::{Registration, Window};
use crate::domain::opening;
use crate::domain::status::WindowState;
use crate::domain::window;

/// Looks at windows and handsets.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    closing(view, found);
    expired_unfilled(view, found);
    handset_lost(view, found);
}

fn closing(view: &View<'_>, found: &mut Conditions) {
    let (WindowState::Open, Some(left)) = (view.window_state, view.closes_in) else { return };
    let missing: Vec<SlotNumber> = listed(view).filter(|slot| is_awaited(view, *slot)).collect();
    let passed = |threshold: TimeDelta| left < threshold;
    let mut thresholds: Vec<TimeDelta> =
        view.pace.before_close.iter().filter_map(|threshold| TimeDelta::from_std(*threshold).ok()).collect();
    thresholds.sort_unstable();
    let Some(tightest) = thresholds.iter().copied().find(|threshold| passed(*threshold)) else { return };
    if missing.is_empty() {
        return;
    }
    let severity = match tightest {
        // It held from the moment at which the window opened, so it warns of nothing: it is only told.
        threshold if view.window.and_then(Window::length).is_some_and(|length| length <= threshold) => {
            Severity::Info
        }
        threshold if thresholds.first() == Some(&threshold) => Severity::Critical,
        _ => Severity::Warning,
    };
    let unfetched = if is_unfetched(view) { ", was never fetched by the DECT manager" } else { "" };
    let summary = format!(
        "the registration window closes at {}{unfetched} and {} not registered{}: {}",
        closing_time(view),
        are_missing(missing.len()),
        last_read(view),
        names(view, &missing)
    );
    let condition = Condition::new(AlertKind::WindowClosing, severity, summary);
    found.hold(condition.in_phase(format!("under {}", spoken(tightest))).about(notes(view, &missing)));
}

/// Whether this handset is missing: by its verdict, or, where that was lost, by what was told.
fn is_awaited(view: &View<'_>, slot: SlotNumber) -> bool {
    match verdict(view, slot) {
        Registration::Unknown => is_told_of(view, AlertKind::WindowClosing, slot),
        verdict @ (Registration::Reserved
        | Registration::Pending
        | Registration::Registered
        | Registration::Expired
        | Registration::Lost) => verdict.is_missing(),
    }
}

fn expired_unfilled(view: &View<'_>, found: &mut Conditions) {
    let missing = missed(view);
    if missing.is_empty() {
        return;
    }
    let who = format!(
        "{} not registered{}: {}",
        are_missing(missing.len()),
        last_read(view),
        names(view, &missing)
    );
    let again = format!("a registration window closed and {who}");
    let overdue = view.window.and_then(|window| window::overdue_since(window, view.clock, view.now));
    let (phase, summary) = match view.window_state {
        WindowState::Scheduled | WindowState::Open if let Some(end) = overdue => {
            let end = clock(end.with_timezone(&view.desired.time_zone).fixed_offset());
            let summary = format!(
                "the registration window was to end at {end} and {who}; by the DECT manager's clock, which is wrong or \
                 stands still, it is not over; set that clock, then open the window again"
            );
            ("overdue", summary)
        }
        WindowState::Closed if is_unfetched(view) => {
            let next = again_at(view)
                .map_or_else(|| "open it again".to_owned(), |at| format!("n720d renews it{at}"));
            let when = closing_time(view);
            let why = "the DECT manager never fetched the registration window that closed at";
            ("closed", format!("{why} {when} and {who}; {next}"))
        }
        WindowState::Scheduled | WindowState::Open | WindowState::Always if is_unfetched(view) => {
            ("reopened", format!("{again}; another is released, and the DECT manager has not fetched it yet"))
        }
        WindowState::Open => {
            ("reopened", format!("{again}; a window is open again until {}", closing_time(view)))
        }
        WindowState::Always => ("reopened", format!("{again}; a window is open again without an end")),
        WindowState::Scheduled => ("reopened", format!("{again}; the next one opens {}", opening_time(view))),
        WindowState::Closed => {
            let next = again_at(view).map_or_else(
                || "open it again".to_owned(),
                |at| format!("n720d opens it again for them{at}"),
            );
            ("closed", format!("the registration window closed at {} and {who}; {next}", closing_time(view)))
        }
        WindowState::None => ("closed", format!("{again}; open one")),
    };
    let number = view.window.or(view.memory.windows.last()).map_or(0, |window| window.number);
    // One that is not fetched is renewed as often as it closes: that is no news.
    let phase = if is_unfetched(view) { "unfetched".to_owned() } else { format!("{phase} {number}") };
    let condition = Condition::new(AlertKind::WindowExpiredUnfilled, Severity::Critical, summary);
    found.hold(condition.in_phase(phase).about(notes(view, &missing)));
}

/// Whether the window in force lies in a release that the manager has not fetched.
fn is_unfetched(view: &View<'_>) -> bool {
    view.window.is_some_and(|window| opening::never_fetched(view.memory, window))
}

/// When the plan opens another window, if it does: at once or when something else is over ("", where it is not known
/// when), or at a time of its own (" at …").
fn again_at(view: &View<'_>) -> Option<String> {
    let opening = view.situation().opening()?;
    Some(opening.at.map_or_else(String::new, |at| format!(" at {}", clock(at))))
}

/// What is said of handsets while the manager cannot be read is as old as this.
fn last_read(view: &View<'_>) -> String {
    let last = view.memory.observation.as_ref().filter(|_| view.observation.is_none());
    last.map_or_else(String::new, |last| {
        let at = last.at.with_timezone(&view.desired.time_zone).fixed_offset();
        format!(" (as last read at {})", clock(at))
    })
}

/// The listed slots whose handset missed a window that has closed and has not come in since.
///
/// A slot stays among them until its handset is positively registered or it is not listed any more: also while the
/// device cannot be read, and while a window is open again. A handset that came in late and was lost afterwards is
/// another matter.
fn missed(view: &View<'_>) -> Vec<SlotNumber> {
    let standing = |slot: SlotNumber| is_told_of(view, AlertKind::WindowExpiredUnfilled, slot);
    let ledger = &view.memory.windows;
    let planned = view.window.filter(|window| ledger.iter().all(|one| one.number != window.number));
    let state = |one: &Window| match view.window {
        Some(in_force) if in_force.number == one.number => view.window_state,
        Some(_) | None => window::state_of(one, view.clock, view.now),
    };
    let closed: Vec<&Window> = ledger
        .iter()
        .chain(planned)
        .filter(|one| {
            let overdue = window::overdue_since(one, view.clock, view.now).is_some();
            state(one) == WindowState::Closed || overdue
        })
        .collect();
    listed(view)
        .filter(|slot| match verdict(view, *slot) {
            Registration::Registered => false,
            Registration::Expired => true,
            verdict @ (Registration::Unknown
            | Registration::Reserved
            | Registration::Pending
            | Registration::Lost) => {
                standing(*slot) || closed.iter().any(|window| missed_by(view, window, *slot, verdict))
            }
        })
        .collect()
}

/// Whether this slot's handset was missing when that window closed. As long as the device has not been read since, the
/// last verdict stands in.
fn missed_by(view: &View<'_>, window: &Window, slot: SlotNumber, verdict: Registration) -> bool {
    let missing =
        window.missing_at_end.as_ref().map_or(verdict.is_missing(), |missing| missing.contains(&slot));
    missing && !is_later(view, window, slot)
}

/// Whether the handset of this slot was listed, or lost, only after this window had closed: then it had no part in it.
fn is_later(view: &View<'_>, window: &Window, slot: SlotNumber) -> bool {
    let (Some(record), Some(end)) = (view.memory.slots.get(&slot), ended_at(view, window)) else {
        return false;
    };
    let lost = record.registration == Registration::Lost && record.since > end;
    lost || record.began.is_some_and(|began| began > end)
}

/// When a window ended, by a right clock or by the device's, whichever was later: one that was set forward meanwhile
/// seems to have closed it before it was even opened.
fn ended_at(view: &View<'_>, window: &Window) -> Option<DateTime<Utc>> {
    let closes = window.closes_at?;
    window.meant_end().into_iter().chain([view.clock.ours(closes).to_utc()]).max()
}

/// Whether an alert of this kind that has not ended names the very handset that is listed for this slot.
fn is_told_of(view: &View<'_>, kind: AlertKind, slot: SlotNumber) -> bool {
    let ipui = view.desired.slots.get(&slot).and_then(|slot| slot.ipui());
    view.standing(kind).is_some_and(|alert| {
        alert.handsets.iter().any(|handset| handset.number == slot && handset.ipui == ipui)
    })
}

fn handset_lost(view: &View<'_>, found: &mut Conditions) {
    let was_lost = |slot: SlotNumber| is_told_of(view, AlertKind::HandsetLost, slot);
    let lost: Vec<SlotNumber> = listed(view)
        .filter(|slot| match verdict(view, *slot) {
            Registration::Lost => true,
            Registration::Unknown => was_lost(*slot),
            Registration::Reserved
            | Registration::Pending
            | Registration::Registered
            | Registration::Expired => false,
        })
        .collect();
    if lost.is_empty() {
        return;
    }
    let (were, are) = if lost.len() == 1 { ("handset was", "is") } else { ("handsets were", "are") };
    let by_cause = by_cause(view, &lost);
    let who: Vec<String> =
        by_cause.iter().map(|(cause, slots)| names_and_cause(view, *cause, slots)).collect();
    let summary = format!("{} {were} registered and {are} not any more: {}", lost.len(), who.join("; "));
    // A cause that becomes clearer is worth another message.
    let known = by_cause.iter().filter_map(|(cause, _)| cause.filter(|cause| *cause != LossCause::NotKnown));
    let phase: BTreeSet<&str> = known.map(LossCause::as_str).collect();
    let phase = phase.into_iter().collect::<Vec<_>>().join(", ");
    let condition = Condition::new(AlertKind::HandsetLost, Severity::Critical, summary);
    found.hold(condition.in_phase(phase).about(notes(view, &lost)));
}

/// Lost handsets by their likely cause, in the order of the slots.
fn by_cause(view: &View<'_>, lost: &[SlotNumber]) -> Vec<(Option<LossCause>, Vec<SlotNumber>)> {
    let mut groups: Vec<(Option<LossCause>, Vec<SlotNumber>)> = Vec::new();
    for slot in lost {
        let cause = view.memory.slots.get(slot).and_then(|record| record.cause);
        match groups.iter_mut().find(|(other, _)| *other == cause) {
            Some((_, slots)) => slots.push(*slot),
            None => groups.push((cause, vec![*slot])),
        }
    }
    groups
}

fn names_and_cause(view: &View<'_>, cause: Option<LossCause>, slots: &[SlotNumber]) -> String {
    let names = names(view, slots);
    cause.map_or_else(|| names.clone(), |cause| format!("{names}, {cause}"))
}

/// Listed slots with a reservation.
pub(super) fn listed<'a>(view: &'a View<'_>) -> impl Iterator<Item = SlotNumber> + 'a {
    view.desired.slots.iter().filter(|(_, slot)| slot.ipui().is_some()).map(|(number, _)| *number)
}

/// The verdict on the handset that is listed for this slot; a record of another handset says nothing of it.
pub(super) fn verdict(view: &View<'_>, slot: SlotNumber) -> Registration {
    let ipui = view.desired.slots.get(&slot).and_then(|slot| slot.ipui());
    view.memory
        .slots
        .get(&slot)
        .filter(|record| Some(record.ipui) == ipui)
        .map_or(Registration::Unknown, |record| record.registration)
}

fn notes(view: &View<'_>, slots: &[SlotNumber]) -> Vec<HandsetNote> {
    let situation = view.situation();
    slots.iter().map(|slot| note(&situation, *slot)).collect()
}

/// At most this many handsets are named in a sentence; all of them are in the alert's list.
const NAMED: usize = 5;

/// The handsets by slot and the name that people know: `slot 1 Reception (1013), slot 2`.
fn names(view: &View<'_>, slots: &[SlotNumber]) -> String {
    let name = |slot: &SlotNumber| {
        let desired = view.desired.slots.get(slot);
        let display = desired.and_then(|one| one.display_name());
        let user = desired.and_then(|one| one.user());
        match (display, user) {
            (Some(display), Some(user)) => format!("slot {slot} {display} ({user})"),
            (Some(one), None) | (None, Some(one)) => format!("slot {slot} {one}"),
            (None, None) => format!("slot {slot}"),
        }
    };
    let mut named: Vec<String> = slots.iter().take(NAMED).map(name).collect();
    if let Some(more) = slots.len().checked_sub(NAMED).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

fn are_missing(count: usize) -> String {
    if count == 1 { "1 handset is".to_owned() } else { format!("{count} handsets are") }
}

/// The end of the window in force.
fn closing_time(view: &View<'_>) -> String {
    view.closes_at.map_or_else(|| "a time that is not known".to_owned(), clock)
}

/// Its beginning, by the clock that the device goes by.
fn opening_time(view: &View<'_>) -> String {
    view.window.map_or_else(
        || "at a time that is not known".to_owned(),
        |window| format!("when the device's clock shows {}", window.opens_at.format("%Y-%m-%d %H:%M")),
    )
}

#[cfg(test)]
mod tests;
