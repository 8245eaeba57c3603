//! Conditions about reaching and reading the manager, and what a failure to do so leaves untold.

use std::borrow::Cow;

use chrono::TimeDelta;

use super::foreign::enumerate;
use super::{Conditions, View, spoken};
use crate::domain::alert::{AlertKind, Condition, Severity};
use crate::domain::ids::SlotNumber;
use crate::domain::memory::Trouble;
use crate::domain::observed::{ContactFailure, HandsetState, Observation, Reading};
use crate::domain::rotation;

/// Failures in a row before a manager counts as unreachable: a single one is a reboot or a lost packet.
const UNREACHABLE_AFTER: u32 = 2;
/// Failures in a row before a lock or a busy session is worth a word.
const PATIENCE: u32 = 3;
/// A busy session is worth a word after this long, whatever the number of attempts. Its idle time-out is ten minutes.
const BUSY_AFTER: TimeDelta = TimeDelta::minutes(10);
/// A session that is busy for this long has probably been forgotten.
const BUSY_FOR_LONG: TimeDelta = TimeDelta::minutes(30);
/// Cycles in a row with something unreadable before it is worth a word.
pub(super) const UNREADABLE_AFTER: u32 = 2;

/// Kinds that are seen on the manager, so that nothing is known of them while it cannot be read.
const SEEN_ON_THE_MANAGER: [AlertKind; 9] = [
    AlertKind::WrongDevice,
    AlertKind::FirmwareTooOld,
    AlertKind::ClockSkew,
    AlertKind::ForeignReservation,
    AlertKind::WindowExposed,
    AlertKind::Drift,
    AlertKind::PlanNeedsApproval,
    AlertKind::PushIneffective,
    AlertKind::PageNotUnderstood,
];

/// Looks for trouble with contact, and for a web password that the site file does not name.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    secrets(view, found);
    password(view, found);
    match (view.observation, &view.memory.trouble) {
        (Some(observation), _) => unreadable_parts(view, observation, found),
        (None, Some(trouble)) => failed(view, trouble, found),
        (None, None) => found.cannot_tell([
            AlertKind::Unreachable,
            AlertKind::LoginRefused,
            AlertKind::SessionBusy,
            AlertKind::PushFailed,
        ]),
    }
    if view.observation.is_none() {
        found.cannot_tell(SEEN_ON_THE_MANAGER);
    }
}

/// What [`super::SiteMemory::unreadable_cycles`] becomes after a cycle: unchanged by a cycle without a reading.
pub fn unreadable_cycles(before: u32, observation: Option<&Observation>) -> u32 {
    match observation {
        None => before,
        Some(observation) if unreadable(observation).is_empty() => 0,
        Some(_) => before.saturating_add(1),
    }
}

fn secrets(view: &View<'_>, found: &mut Conditions) {
    let refused = view.memory.trouble.as_ref().filter(|_| view.observation.is_none());
    let password = match refused.map(|trouble| &trouble.last) {
        Some(ContactFailure::SecretMissing(why)) => Some(format!("web password: {why}")),
        Some(
            ContactFailure::Unreachable(_)
            | ContactFailure::LoginRefused(_)
            | ContactFailure::LoginUnclear(_)
            | ContactFailure::LoginLocked(_)
            | ContactFailure::SessionBusy(_)
            | ContactFailure::NotUnderstood(_),
        )
        | None => None,
    };
    let missing = view.missing_secrets;
    // Which of them is news, why is not: a key store that is restarted gives another reason now and then.
    let (what, phase) = if !missing.is_empty() {
        // An adopted site may lack a hundred.
        let (names, why): (Vec<String>, Vec<String>) = missing.iter().cloned().unzip();
        (enumerate(why), enumerate(names))
    } else if let Some(password) = password {
        (password, "web password".to_owned())
    } else {
        return;
    };
    let summary = format!(
        "secrets of this site cannot be resolved: {what}; what needs them waits; provide them and reload n720d"
    );
    found.hold(Condition::new(AlertKind::SecretMissing, Severity::Critical, summary).in_phase(phase));
}

fn failed(view: &View<'_>, trouble: &Trouble, found: &mut Conditions) {
    found.cannot_tell([AlertKind::PushFailed]);
    let host = &view.desired.manager.host;
    let lasting = view.now.signed_duration_since(trouble.since);
    match &trouble.last {
        ContactFailure::Unreachable(why) => {
            found.cannot_tell([AlertKind::Unreachable, AlertKind::LoginRefused, AlertKind::SessionBusy]);
            if trouble.failures >= UNREACHABLE_AFTER {
                let summary = format!(
                    "the DECT manager at {host} cannot be reached: {why}; check its power and the network"
                );
                found.hold(Condition::new(AlertKind::Unreachable, Severity::Critical, summary));
            }
        }
        ContactFailure::LoginRefused(_) => {
            // Which of two numbers a device with a session and a wrong password answers was never seen.
            found.cannot_tell([AlertKind::SessionBusy]);
            found.hold(refused(view));
        }
        ContactFailure::LoginUnclear(why) => {
            found.cannot_tell([AlertKind::LoginRefused, AlertKind::SessionBusy]);
            found.hold(unclear(host, why));
        }
        ContactFailure::LoginLocked(why) => {
            found.cannot_tell([AlertKind::LoginRefused, AlertKind::SessionBusy]);
            if trouble.failures >= PATIENCE {
                let summary = format!(
                    "the DECT manager at {host} has locked logins: {why}; somebody types wrong passwords there; \
                     n720d tries again by itself"
                );
                let condition = Condition::new(AlertKind::LoginRefused, Severity::Warning, summary);
                found.hold(condition.in_phase("locked"));
            }
        }
        ContactFailure::SessionBusy(_) => {
            found.cannot_tell([AlertKind::LoginRefused, AlertKind::SessionBusy]);
            if trouble.failures >= PATIENCE || lasting >= BUSY_AFTER {
                found.hold(busy(host, lasting));
            }
        }
        ContactFailure::NotUnderstood(why) => {
            found.cannot_tell([AlertKind::LoginRefused, AlertKind::SessionBusy]);
            if trouble.failures >= UNREADABLE_AFTER {
                found.hold(not_understood(host, why));
            }
        }
        ContactFailure::SecretMissing(_) => {
            found.cannot_tell([AlertKind::Unreachable, AlertKind::LoginRefused, AlertKind::SessionBusy]);
        }
    }
}

/// Nothing is wrong with contact as long as n720d's own store has the password.
fn password(view: &View<'_>, found: &mut Conditions) {
    let rotation = view.memory.rotation.as_ref();
    if let Some(summary) = rotation.and_then(|rotation| rotation::unstored(rotation, &view.desired.name)) {
        found.hold(Condition::new(AlertKind::PasswordNotStored, Severity::Warning, summary));
    }
}

/// The detail of the failure is left out: it says the same again.
fn refused(view: &View<'_>) -> Condition {
    let summary = format!(
        "the DECT manager at {} refused the web password; it is not tried again until the secret changes or \
         somebody runs `n720d poll {} --retry-login`",
        view.desired.manager.host, view.desired.name
    );
    Condition::new(AlertKind::LoginRefused, Severity::Critical, summary).in_phase("refused")
}

/// Told at once: the next try may be the last one.
fn unclear(host: &str, why: &str) -> Condition {
    let summary = format!(
        "the DECT manager at {host} did not say whether it accepts the web password: {why}; n720d posts it at most \
         twice without a clear answer, because wrong passwords lock the login for everybody; log in there \
         by hand and look"
    );
    Condition::new(AlertKind::PageNotUnderstood, Severity::Warning, summary).in_phase("login")
}

/// The detail of the failure is left out here too.
fn busy(host: &str, lasting: TimeDelta) -> Condition {
    let severity = if lasting >= BUSY_FOR_LONG { Severity::Warning } else { Severity::Info };
    let how_long = if lasting < TimeDelta::minutes(1) {
        String::new()
    } else {
        format!(", for {} or longer", spoken(lasting))
    };
    let summary = format!(
        "somebody else is logged in at the web interface of the DECT manager at {host}{how_long}; n720d never takes \
         over; ask them to log out"
    );
    Condition::new(AlertKind::SessionBusy, severity, summary)
}

fn not_understood(host: &str, why: &str) -> Condition {
    let summary = format!(
        "pages of the DECT manager at {host} are not understood: {why}; nothing is concluded from them; \
         `n720d observe` with --record keeps them for a look"
    );
    Condition::new(AlertKind::PageNotUnderstood, Severity::Warning, summary)
}

/// Names each part that could not be read, and leaves untold what follows from it.
fn unreadable_parts(view: &View<'_>, observation: &Observation, found: &mut Conditions) {
    let parts = unreadable(observation);
    if parts.is_empty() {
        return;
    }
    for part in &parts {
        found.cannot_tell(part.hides.iter().copied());
    }
    found.cannot_tell([AlertKind::Drift, AlertKind::PlanNeedsApproval, AlertKind::PushIneffective]);
    let lasting = view.memory.unreadable_cycles >= UNREADABLE_AFTER;
    if lasting || view.standing(AlertKind::PageNotUnderstood).is_some() {
        let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
        let host = &view.desired.manager.host;
        let condition = match parts.as_slice() {
            [Unreadable { name: DISAGREEMENT, why, .. }] => disagreeing(host, why),
            parts => {
                let why: Vec<String> =
                    parts.iter().map(|part| format!("{} ({})", part.name, part.why)).collect();
                not_understood(host, &why.join(", "))
            }
        };
        found.hold(condition.in_phase(names.join(", ")));
    } else {
        found.cannot_tell([AlertKind::PageNotUnderstood]);
    }
}

/// Every page was read, and two of them cannot both be right.
fn disagreeing(host: &str, why: &str) -> Condition {
    let summary = format!(
        "pages of the DECT manager at {host} disagree: {why}; whose handset is there is not known, and the slot is \
         left as it is; look at it on the manager's web page"
    );
    Condition::new(AlertKind::PageNotUnderstood, Severity::Warning, summary)
}

/// The name of the part that two pages disagree about.
const DISAGREEMENT: &str = "handset of a slot";

struct Unreadable<'a> {
    name: &'static str,
    why: Cow<'a, str>,
    hides: &'static [AlertKind],
}

fn unreadable(observation: &Observation) -> Vec<Unreadable<'_>> {
    let editor = observation.editors.values().find_map(|reading| reading.why_not());
    let config_url = observation.config_url.as_ref().and_then(|reading| reading.why_not());
    let parts: [(_, _, &'static [AlertKind]); 7] = [
        ("MAC", observation.mac.why_not(), &[AlertKind::WrongDevice]),
        ("firmware", observation.firmware.why_not(), &[AlertKind::FirmwareTooOld]),
        ("clock", observation.device_clock.why_not(), &[AlertKind::ClockSkew]),
        (
            "pending handsets",
            observation.pending.why_not(),
            &[AlertKind::ForeignReservation, AlertKind::WindowExposed],
        ),
        ("mobile devices", observation.slots.why_not(), &[]),
        ("mobile device editor", editor, &[]),
        ("configuration file URL", config_url, &[]),
    ];
    let unreadable = parts
        .into_iter()
        .filter_map(|(name, why, hides)| why.map(|why| Unreadable { name, why: Cow::Borrowed(why), hides }));
    let disagreement = disagreement(observation).map(|why| Unreadable {
        name: DISAGREEMENT,
        why: Cow::Owned(why),
        hides: &[],
    });
    unreadable.chain(disagreement).collect()
}

/// The first slot whose editor page shows no handset though the mobile devices page shows one. For one cycle that is a
/// handset that was deregistered between the two.
fn disagreement(observation: &Observation) -> Option<String> {
    let slots = observation.slots.known()?;
    let shows_one =
        |slot: &SlotNumber| slots.get(slot).is_some_and(|cell| cell.handset == HandsetState::Registered);
    let mut empty = observation.editors.iter().filter(|(_, page)| **page == Reading::Known(None));
    let (slot, _) = empty.find(|(slot, _)| shows_one(slot))?;
    Some(format!("the mobile devices page shows a handset in slot {slot}, and the slot's editor page none"))
}

#[cfg(test)]
mod tests;
