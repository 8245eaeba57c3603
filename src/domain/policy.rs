//! Whether a step may be done now: mode, first contact, the right device, approval, settle time, and what was tried
//! before. One place, so that every refusal has a reason a person can read.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::alert::AlertKind;
use super::clearance::Clearance;
use super::desired::{DesiredSite, Mode, Trigger};
use super::ids::SlotNumber;
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::Disposition;
use super::push::Push;

/// What stands in the way of every write to this manager, whatever it is. The reasons are in this order: what people
/// decided, what makes the device the wrong one to write to, what was not understood, and that it was only just met.
pub(super) fn gate(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
    clearance: &Clearance,
    now: DateTime<Utc>,
) -> Option<Disposition> {
    match desired.mode {
        Mode::Observe => return Some(deferred("mode = observe", None)),
        Mode::Manage => {}
    }
    if let Some(pause) = clearance.pause.as_ref().filter(|pause| !pause.is_over(now)) {
        return Some(deferred(&pause.told(desired.time_zone), pause.until));
    }
    if clearance.password_change {
        return Some(deferred("the web password is being changed (rotate-password)", None));
    }
    match observation.mac.known() {
        None => return Some(not_understood("the manager's MAC", observation.mac.why_not())),
        Some(mac) if *mac != desired.manager.mac => {
            let wanted = desired.manager.mac;
            let reason = format!("another device answers: its MAC is {mac}, the site file says {wanted}");
            return Some(blocked(reason, AlertKind::WrongDevice));
        }
        Some(_) => {}
    }
    match observation.firmware.known() {
        None => return Some(not_understood("the manager's firmware", observation.firmware.why_not())),
        Some(firmware) if !firmware.registers_by_ipui() => {
            let reason = format!("firmware {firmware} cannot register by IPUI; update it to 70.108 or later");
            return Some(blocked(reason, AlertKind::FirmwareTooOld));
        }
        Some(_) => {}
    }
    if let Some(why) = observation.pending.why_not() {
        return Some(not_understood("the pending list of the status page", Some(why)));
    }
    if let Some(why) = observation.slots.why_not() {
        return Some(not_understood("the mobile devices page", Some(why)));
    }
    // One later than now was before our clock was set back.
    let met = memory.first_contact.as_ref().is_some_and(|(at, _)| *at < observation.at || *at > now);
    (!met).then(|| deferred("first contact: read only", None))
}

/// What stands in the way of this one step, whatever it is, for as long as nobody acts.
pub(super) fn obstacle(secret_missing: Option<&str>) -> Option<Disposition> {
    let why = secret_missing?;
    Some(blocked(format!("a secret cannot be resolved: {why}"), AlertKind::SecretMissing))
}

/// What the step waits for before anything may be pushed. `in_release`: the last release already carries all this.
pub(super) fn hold(push: Push, in_release: bool, now: DateTime<Utc>, tz: Tz) -> Option<Disposition> {
    match push {
        Push::None | Push::Settled => None,
        Push::Settling { until } => {
            let clock = until.with_timezone(&tz).format("%H:%M:%S");
            Some(deferred(&format!("settling until {clock}"), Some(until)))
        }
        Push::ToBeRead => Some(deferred("the manager is to be read again after the settle time", None)),
        Push::Unfetched { .. } if in_release => {
            Some(deferred("released; the manager has not fetched it yet", None))
        }
        Push::Unfetched { busy_until: Some(at), .. } if now < at => {
            Some(deferred("the manager may be fetching the last release", Some(at)))
        }
        Push::Unfetched { .. } => None,
    }
}

/// Whether the manager may be told to fetch what is released.
pub(super) fn hold_fetch(
    push: Push,
    way: Option<Trigger>,
    now: DateTime<Utc>,
    tz: Tz,
) -> Option<Disposition> {
    match (push, way) {
        (Push::Unfetched { .. }, None) => {
            Some(deferred("waits for the manager's own daily fetch (trigger = \"none\")", None))
        }
        (Push::Unfetched { retry_at: Some(at), .. }, Some(_)) if now < at => {
            Some(deferred("waits before telling the manager again", Some(at)))
        }
        (Push::Unfetched { .. }, Some(_)) => None,
        (Push::None | Push::Settled | Push::ToBeRead | Push::Settling { .. }, _) => hold(push, true, now, tz),
    }
}

/// The same content changed nothing twice.
pub(super) fn ineffective() -> Disposition {
    let reason = "released twice and nothing changed; look at: MAC, VERSION, firmware, quotes, data server";
    blocked(reason.to_owned(), AlertKind::PushIneffective)
}

/// A window may be opened again at certain times only.
pub(super) fn reopens_later(at: DateTime<Utc>, tz: Tz) -> Disposition {
    let when = at.with_timezone(&tz).format("%Y-%m-%d %H:%M %:z");
    deferred(&format!("reopen_schedule of the site file allows it at {when}"), Some(at))
}

/// The editor pages that tell whom a release would deregister were not read in this session.
pub(super) fn unread(count: usize) -> Disposition {
    deferred(&format!("the editor pages of {count} registered slots must be read first"), None)
}

/// The editor page of this slot was asked for and did not come, or shows nobody though the mobile devices page does, and
/// nothing else tells whose handset is there. The next cycle asks again.
pub(super) fn in_doubt(other: SlotNumber) -> Disposition {
    let reason = format!(
        "whose handset is in slot {other} is not known: its editor page could not be read, or disagrees with the \
         mobile devices page"
    );
    blocked(reason, AlertKind::PageNotUnderstood)
}

pub(super) fn deferred(reason: &str, until: Option<DateTime<Utc>>) -> Disposition {
    Disposition::Deferred { reason: reason.to_owned(), until }
}

pub(super) fn blocked(reason: String, alert: AlertKind) -> Disposition {
    Disposition::Blocked { reason, alert }
}

pub(super) fn not_understood(what: &str, why: Option<&str>) -> Disposition {
    let reason = format!("{what} could not be read: {}", why.unwrap_or("no reason given"));
    blocked(reason, AlertKind::PageNotUnderstood)
}

#[cfg(test)]
mod tests {
    use super::super::observed::Reading;
    use super::super::world::{World, at};
    use super::*;

    const ZONE: Tz = chrono_tz::Europe::Berlin;

    fn gated(change: impl FnOnce(&mut World)) -> Option<Disposition> {
        let mut world = World::new();
        change(&mut world);
        gate(&world.desired, &world.memory, &world.seen, &world.clearance, world.now)
    }

    fn alert(disposition: Option<Disposition>) -> Option<AlertKind> {
        match disposition {
            Some(Disposition::Blocked { alert, .. }) => Some(alert),
            Some(Disposition::Ready | Disposition::Deferred { .. }) | None => None,
        }
    }

    #[test]
    fn a_known_device_of_the_right_kind_is_written_to() {
        assert_eq!(gated(|_| {}), None);
    }

    #[test]
    fn reasons_come_in_the_order_of_their_weight() {
        let spoil = |world: &mut World| {
            world.memory.first_contact = None;
            world.seen.slots = Reading::Unreadable("cut".into());
            world.seen.firmware = Reading::Known("70.107.00.000.00".parse().unwrap());
            world.seen.mac = Reading::Known("7C2F80CA21E5".parse().unwrap());
        };
        let observe = gated(|world| {
            spoil(world);
            world.desired.mode = Mode::Observe;
        });
        assert_eq!(observe, Some(deferred("mode = observe", None)));
        assert_eq!(alert(gated(spoil)), Some(AlertKind::WrongDevice));
        let right = |world: &mut World| {
            spoil(world);
            world.seen.mac = Reading::Known(world.desired.manager.mac);
        };
        assert_eq!(alert(gated(right)), Some(AlertKind::FirmwareTooOld));
        let new = |world: &mut World| {
            right(world);
            world.seen.firmware = Reading::Known("70.108.00.000.00".parse().unwrap());
        };
        assert_eq!(alert(gated(new)), Some(AlertKind::PageNotUnderstood));
        assert_eq!(
            gated(|world| world.memory.first_contact = None),
            Some(deferred("first contact: read only", None))
        );
    }

    #[test]
    fn a_first_contact_in_the_future_is_past() {
        let met = |seconds: i64| {
            gated(|world| world.memory.first_contact = Some((at(seconds), world.desired.manager.mac)))
        };
        assert!(met(5).is_some(), "just made");
        assert_eq!((met(-1), met(6)), (None, None));
    }

    #[test]
    fn a_missing_secret_stops_its_step_alone() {
        assert_eq!(alert(obstacle(Some("gone"))), Some(AlertKind::SecretMissing));
        assert_eq!(obstacle(None), None);
    }

    #[test]
    fn a_push_is_waited_for() {
        let hold = |push, in_release| hold(push, in_release, at(0), ZONE);
        let until = at(60);
        let clock = until.with_timezone(&ZONE).format("%H:%M:%S");
        let settling = deferred(&format!("settling until {clock}"), Some(until));
        assert_eq!(hold(Push::Settling { until }, false), Some(settling));
        let unfetched = |busy_until| Push::Unfetched { retry_at: Some(at(999)), busy_until };
        assert_eq!(hold(unfetched(None), false), None, "other content need not wait for a failed trigger");
        assert_eq!(hold(unfetched(Some(at(0))), false), None);
        let fetching = deferred("the manager may be fetching the last release", Some(until));
        assert_eq!(hold(unfetched(Some(until)), false), Some(fetching));
        assert!(hold(unfetched(None), true).is_some(), "it is released already");
        assert!(hold(Push::ToBeRead, false).is_some());
        assert_eq!((hold(Push::None, false), hold(Push::Settled, true)), (None, None));
    }

    #[test]
    fn a_fetch_waits_for_its_time_or_for_the_manager() {
        let hold = |push, way| hold_fetch(push, way, at(0), ZONE);
        let unfetched = |seconds| Push::Unfetched { retry_at: Some(at(seconds)), busy_until: None };
        assert_eq!(hold(unfetched(0), Some(Trigger::Web)), None);
        let waits = deferred("waits before telling the manager again", Some(at(9)));
        assert_eq!(hold(unfetched(9), Some(Trigger::CheckSync)), Some(waits));
        assert!(hold(unfetched(0), None).is_some(), "nobody tells it: it comes by itself");
    }
}
