//! Conditions about what the manager is: the right device, its firmware, its clock.

use std::time::Duration;

use chrono::TimeDelta;

use super::{Conditions, View, spoken};
use crate::domain::alert::{AlertKind, Condition, Severity};
use crate::domain::ids::Firmware;
use crate::domain::observed::Observation;

/// How far two estimates of the same skew may lie apart: the page shows whole minutes, and comes up to half a minute
/// into the session (see [`crate::domain::device_clock::skew_seconds`]).
const SKEW_SPREAD: Duration = Duration::from_secs(90);

/// Looks at what was read in this cycle.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    let Some(observation) = view.observation else { return };
    if wrong_device(view, observation, found) {
        return;
    }
    if observation.mac.known().is_none() {
        // A page that does not say whose it is says nothing of this manager.
        found.cannot_tell([AlertKind::FirmwareTooOld, AlertKind::ClockSkew]);
        return;
    }
    if let Some(firmware) = observation.firmware.known().filter(|firmware| !firmware.registers_by_ipui()) {
        let summary = format!(
            "the DECT manager runs firmware {firmware}, which does not know registration by IPUI; it needs 70.{} \
             or higher; nothing is written to it",
            Firmware::FIRST_WITH_IPUI
        );
        let condition = Condition::new(AlertKind::FirmwareTooOld, Severity::Warning, summary);
        found.hold(condition.in_phase(firmware.as_str()));
    }
    clock_skew(view, found);
}

/// Everything that another device shows says nothing of this site.
fn wrong_device(view: &View<'_>, observation: &Observation, found: &mut Conditions) -> bool {
    let wanted = view.desired.manager.mac;
    let Some(shown) = observation.mac.known().filter(|shown| **shown != wanted) else { return false };
    let summary = format!(
        "another device answers at {}: its MAC is {shown}, the site file says {wanted}; nothing is written to it; \
         check the address, or the MAC in the site file",
        view.desired.manager.host
    );
    let condition = Condition::new(AlertKind::WrongDevice, Severity::Critical, summary);
    found.hold(condition.in_phase(shown.to_string()));
    found.cannot_tell([
        AlertKind::FirmwareTooOld,
        AlertKind::ClockSkew,
        AlertKind::ForeignReservation,
        AlertKind::WindowExposed,
        AlertKind::Drift,
        AlertKind::PlanNeedsApproval,
        AlertKind::PushIneffective,
        AlertKind::PushFailed,
    ]);
    true
}

/// Begins above the limit and ends only where the same clock cannot be estimated above it a minute later.
fn clock_skew(view: &View<'_>, found: &mut Conditions) {
    let Some(skew) = view.skew_seconds else {
        found.cannot_tell([AlertKind::ClockSkew]);
        return;
    };
    let (size, limit) = (Duration::from_secs(skew.unsigned_abs()), view.pace.clock_skew);
    if size > limit {
        let way = if skew > 0 { "fast" } else { "slow" };
        let summary = format!(
            "the DECT manager's clock is {} {way}; registration windows are written for that clock, which helps as \
             long as it keeps its pace; check its time server and time zone",
            off(skew)
        );
        found.hold(Condition::new(AlertKind::ClockSkew, Severity::Warning, summary).in_phase(way));
    } else if size >= limit.saturating_sub(SKEW_SPREAD) {
        found.cannot_tell([AlertKind::ClockSkew]);
    }
}

/// How far a clock is off, in whole minutes from one on.
fn off(skew_seconds: i64) -> String {
    spoken(TimeDelta::seconds(skew_seconds.saturating_abs().saturating_add(59)))
}

#[cfg(test)]
mod tests;
