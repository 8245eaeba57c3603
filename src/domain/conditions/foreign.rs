//! Conditions about what is not the site file's: reservations of others' handsets, who was added to slots that are not
//! listed, and that a missing handset was seen at another site.

use std::collections::{BTreeMap, BTreeSet};

use super::{Conditions, View};
use crate::domain::alert::{AlertKind, Condition, HandsetNote, Severity};
use crate::domain::gaps::{self, Newcomer};
use crate::domain::ids::{Ipui, SlotNumber};
use crate::domain::memory::Registration;
use crate::domain::neighbours::{Elsewhere, Home};
use crate::domain::observed::{HandsetState, Observation};
use crate::domain::registration;
use crate::domain::wording::local;

/// What tells the alert about newcomers apart from the one about listed slots.
const UNLISTED: &str = "unlisted";

/// At most this many are named in a sentence; all of them are in the alert's list.
const NAMED: usize = 5;

/// Looks at what the site's own manager shows.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    let own = Some(&view.desired.manager.mac);
    let Some(observation) = view.observation.filter(|seen| seen.mac.known() == own) else {
        found.cannot_tell([AlertKind::ForeignReservation]);
        return;
    };
    reservations(view, observation, found);
    newcomers(view, observation, found);
}

/// While a release is under way the device may still show what it is about to replace.
fn reservations(view: &View<'_>, observation: &Observation, found: &mut Conditions) {
    let Some(pending) = observation.pending.known() else { return };
    let ours: BTreeSet<Ipui> = view.desired.slots.values().filter_map(|slot| slot.ipui()).collect();
    // What we reserved and the file lists no more is left over from us, unless it was moved to another site.
    let left_over = |ipui: &Ipui| {
        let mut reserved = view.memory.release.iter().flat_map(|release| release.reserved.values());
        home(view, *ipui).is_none() && reserved.any(|ours| ours == ipui)
    };
    let foreign: Vec<Ipui> =
        pending.iter().copied().filter(|ipui| !ours.contains(ipui) && !left_over(ipui)).collect();
    if foreign.is_empty() {
        return;
    }
    let under_way = view.memory.release.as_ref().is_some_and(|release| {
        release.progress.verified_at.is_none() && release.progress.ineffective_at.is_none()
    });
    if under_way {
        found.cannot_tell([AlertKind::ForeignReservation]);
        return;
    }
    let by_slot = registration::pending_by_slot(observation).unwrap_or_default();
    let told = foreign.iter().map(|ipui| {
        let slot = by_slot.iter().find(|(_, reserved)| *reserved == ipui);
        let slot = slot.map(|(slot, _)| format!("for slot {slot}, ")).unwrap_or_default();
        match home(view, *ipui) {
            Some(home) => format!("{ipui} ({slot}listed in {home})"),
            None => format!("{ipui} ({slot}no site file in force lists it)"),
        }
    });
    let summary = format!(
        "the DECT manager has reservations that the site file does not list: {}; list them, or remove them on its web \
         page",
        enumerate(told)
    );
    let phase = foreign.iter().map(|ipui| match home(view, *ipui) {
        Some(home) => format!("{ipui} of {}", home.site),
        None => ipui.to_string(),
    });
    let condition = Condition::new(AlertKind::ForeignReservation, Severity::Warning, summary);
    found.hold(condition.in_phase(phase.collect::<Vec<_>>().join(", ")));
}

/// Accounts and handsets that somebody added to slots which are not listed. n720d touches neither; whoever reads this
/// decides whether they belong into the site file.
fn newcomers(view: &View<'_>, observation: &Observation, found: &mut Conditions) {
    let Some(slots) = observation.slots.known() else { return };
    let gaps = view.memory.gaps.iter().flat_map(|gaps| &gaps.newcomers);
    // Of a handset that is listed here in another slot, that slot's own step tells.
    let is_ours = |ipui| view.desired.slots.values().any(|slot| slot.ipui() == Some(ipui));
    let newcomers: BTreeMap<SlotNumber, Newcomer> =
        gaps.filter(|(_, one)| !one.ipui.is_some_and(is_ours)).map(|(slot, one)| (*slot, *one)).collect();
    if newcomers.is_empty() {
        return;
    }
    let belongs = |one: &Newcomer| home(view, one.ipui?);
    let told = newcomers.iter().map(|(slot, one)| gaps::describe(*slot, *one, slots.get(slot), belongs(one)));
    let summary = format!(
        "somebody added accounts or handsets to slots that the site file does not list: {}; n720d leaves them alone; \
         list them, or take them out on the web page if they are not meant to be there; this is told for {} h",
        enumerate(told),
        gaps::TOLD_FOR.num_hours()
    );
    // It disturbs nobody there; but somebody waits for a handset that belongs elsewhere.
    let strayed = newcomers.values().any(|one| belongs(one).is_some());
    let severity = if strayed { Severity::Warning } else { Severity::Info };
    let condition = Condition::new(AlertKind::Drift, severity, summary).on(UNLISTED);
    let notes = newcomers.iter().map(|(slot, one)| handset(view, *slot, *one, observation)).collect();
    found.hold(condition.in_phase(phase(&newcomers)).about(notes));
}

/// Another handset, or an account that got one, is told anew.
fn phase(newcomers: &BTreeMap<SlotNumber, Newcomer>) -> String {
    let each = newcomers.iter().map(|(slot, one)| match one.ipui {
        Some(ipui) => format!("slot {slot} {ipui}"),
        None => format!("slot {slot}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn handset(view: &View<'_>, slot: SlotNumber, newcomer: Newcomer, observation: &Observation) -> HandsetNote {
    let seen = observation.slots.known().and_then(|slots| slots.get(&slot));
    let (registration, shown) = match seen.map(|seen| seen.handset) {
        Some(HandsetState::Registered) => (Registration::Registered, "a handset"),
        Some(HandsetState::Pending) => (Registration::Reserved, "a reservation"),
        Some(HandsetState::None) | None => (Registration::Unknown, "an account"),
    };
    let at = local(observation.at, view.desired.time_zone);
    HandsetNote {
        number: slot,
        ipui: newcomer.ipui,
        user: seen.and_then(|seen| seen.user_id.clone()),
        display_name: seen.and_then(|seen| seen.display_name.clone()),
        registration,
        evidence: format!("the slot is not listed; the mobile devices page shows {shown} in it"),
        evidence_at: Some(at),
        instruction: "nothing to do on the handset for now".to_owned(),
        pin: None,
        until: None,
    }
}

/// The other site that lists this handset.
fn home<'a>(view: &View<'a>, ipui: Ipui) -> Option<&'a Home> {
    view.memory.strays.get(&ipui)?.home.as_ref()
}

/// Says of handsets that somebody waits for where they were seen instead. They stay missing all the same.
pub(super) fn tell_of_elsewhere(view: &View<'_>, found: &mut Conditions) {
    for condition in &mut found.holding {
        match condition.kind {
            AlertKind::WindowClosing | AlertKind::WindowExpiredUnfilled | AlertKind::HandsetLost => {}
            AlertKind::Drift
            | AlertKind::PlanNeedsApproval
            | AlertKind::PushIneffective
            | AlertKind::PushFailed
            | AlertKind::Unreachable
            | AlertKind::LoginRefused
            | AlertKind::SessionBusy
            | AlertKind::PageNotUnderstood
            | AlertKind::FirmwareTooOld
            | AlertKind::WrongDevice
            | AlertKind::ClockSkew
            | AlertKind::ForeignReservation
            | AlertKind::WindowExposed
            | AlertKind::SiteFileInvalid
            | AlertKind::SecretMissing
            | AlertKind::ObservationStale
            | AlertKind::PauseForgotten
            | AlertKind::RolloutStopped
            | AlertKind::PasswordNotStored
            | AlertKind::SinkFailing
            | AlertKind::Test => continue,
        }
        let seen: Vec<(SlotNumber, &Elsewhere)> = condition
            .handsets
            .iter()
            .filter_map(|handset| {
                let record = view.memory.slots.get(&handset.number)?;
                let about_it = Some(record.ipui) == handset.ipui;
                Some((handset.number, record.elsewhere.as_ref().filter(|_| about_it)?))
            })
            .collect();
        if seen.is_empty() {
            continue;
        }
        let zone = view.desired.time_zone;
        let told = seen.iter().map(|(slot, at)| format!("the handset of slot {slot} is {}", at.told(zone)));
        condition.summary = format!("{}; {}", condition.summary, enumerate(told));
        let places = seen.iter().map(|(slot, at)| format!("slot {slot} {}", at.place()));
        let places = places.collect::<Vec<_>>().join(", ");
        condition.phase = format!("{}; elsewhere: {places}", condition.phase);
    }
}

/// The first few, and how many more there are.
pub(super) fn enumerate(texts: impl IntoIterator<Item = String>) -> String {
    let mut texts: Vec<String> = texts.into_iter().collect();
    if let Some(more) = texts.len().checked_sub(NAMED).filter(|more| *more > 0) {
        texts.truncate(NAMED);
        texts.push(format!("and {more} more"));
    }
    texts.join("; ")
}

#[cfg(test)]
mod tests;
