//! Each kind of alert in a few words, as they stand in a subject line. What happened in full is the alert's summary.

use super::clean::clean;
use super::words::count;
use crate::domain::alert::{Alert, AlertKind, HandsetNote};

/// What happened, for one alert.
pub(super) fn headline(alert: &Alert) -> String {
    let said = |text: &str| text.to_owned();
    let missing = count(alert.handsets.len(), "handset missing", "handsets missing");
    match alert.kind {
        AlertKind::WindowClosing => format!("registration window closes soon, {missing}"),
        AlertKind::WindowExpiredUnfilled if alert.phase.starts_with("overdue") => {
            format!("registration window overdue, {missing}")
        }
        AlertKind::WindowExpiredUnfilled => format!("registration window closed, {missing}"),
        AlertKind::HandsetLost => match alert.handsets.as_slice() {
            [one] => format!("handset lost: {}", known_as(one)),
            handsets => count(handsets.len(), "handset lost", "handsets lost"),
        },
        AlertKind::Drift if subject(alert) == Some("unlisted") => said("somebody added accounts or handsets"),
        AlertKind::Drift if alert.phase.starts_with("by hand") => said("changed by hand"),
        AlertKind::Drift => said("differs from its site file"),
        AlertKind::PlanNeedsApproval => said("a change waits for an approval"),
        AlertKind::PushIneffective => said("changes sent twice had no effect"),
        AlertKind::PushFailed => said("changes do not reach the DECT manager"),
        AlertKind::Unreachable => said("DECT manager unreachable"),
        AlertKind::LoginRefused if alert.phase == "locked" => said("login locked for a while"),
        AlertKind::LoginRefused => said("web password refused"),
        AlertKind::SessionBusy => said("somebody else is logged in"),
        AlertKind::PageNotUnderstood if alert.phase == "login" => said("login gives no clear answer"),
        AlertKind::PageNotUnderstood => said("DECT manager cannot be read in full"),
        AlertKind::FirmwareTooOld => said("firmware too old"),
        AlertKind::WrongDevice => said("another device at the DECT manager's address"),
        AlertKind::ClockSkew => said("DECT manager's clock is wrong"),
        AlertKind::ForeignReservation => said("reserved for a handset that is not listed"),
        AlertKind::WindowExposed => said("registration is open to strangers"),
        AlertKind::SiteFileInvalid => said("site files have errors"),
        AlertKind::SecretMissing => said("a password or other secret is missing"),
        AlertKind::ObservationStale => said("not read for long"),
        AlertKind::PauseForgotten => said("changes are still paused"),
        AlertKind::RolloutStopped => said("rollout of new site files stopped"),
        AlertKind::PasswordNotStored => said("new web password not stored"),
        AlertKind::SinkFailing => match subject(alert) {
            Some(sink) => format!("alerts do not get through to {}", clean(sink)),
            None => said("alerts do not get through"),
        },
        AlertKind::Test => said("this is a test"),
    }
}

/// What tells the alert apart from others of its kind at its site: the end of its id.
pub(super) fn subject(alert: &Alert) -> Option<&str> {
    alert.id.splitn(3, '/').nth(2)
}

/// A handset by what people know: its display name and number, or its slot.
pub(super) fn known_as(handset: &HandsetNote) -> String {
    let name = [&handset.display_name, &handset.user].map(|text| text.as_deref().map(clean));
    match name.map(|text| text.filter(|text| !text.is_empty())) {
        [Some(name), Some(user)] if name != user => format!("{name} ({user})"),
        [Some(one), _] | [None, Some(one)] => one,
        [None, None] => format!("slot {}", handset.number),
    }
}
