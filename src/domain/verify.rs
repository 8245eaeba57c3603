//! Whether the last release took effect: positive evidence from an observation made after the settle time, or a reason
//! why that cannot be told. It marks nothing and decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::desired::DesiredSite;
use super::drift::{self, DriftItem};
use super::fingerprint;
use super::memory::SiteMemory;
use super::observed::Observation;
use super::plan::{Action, Impact};
use super::push::{self, Push};
use super::release::{Generation, Missed, Release};

/// What became of the last release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// There is none, or it was seen in effect already.
    NoRelease,
    /// It is too early to tell.
    Waiting {
        /// When it can be told, where that is known.
        until: Option<DateTime<Utc>>,
        /// What is waited for.
        why: String,
    },
    /// Every slot of it was changed in the site file since: what the device shows cannot be held against the release.
    Superseded,
    /// Everything it asked for is shown.
    TookEffect,
    /// It did not take effect, or not all of it: what was not found.
    NoEffect(Box<Missed>),
    /// The pages needed could not be read, or are another device's.
    CannotTell(String),
}

/// Judges the last release by this cycle's observation.
///
/// `wanted` are the parts of the content the site file asks for, as in [`super::fingerprint::parts`]. The settle time
/// counts from the fetch, or from a trigger that reported [`super::release::TriggerOutcome::Done`] where no fetch was
/// seen; the observation must have begun after it.
pub fn verify(
    desired: &DesiredSite,
    memory: &SiteMemory,
    wanted: &BTreeMap<String, Generation>,
    observation: Option<&Observation>,
    settle: Duration,
    now: DateTime<Utc>,
) -> Verification {
    // One that was found ineffective may still come into effect: the device catches up, or a person helps it.
    let Some(release) = memory.release.as_ref().filter(|release| release.progress.verified_at.is_none())
    else {
        return Verification::NoRelease;
    };
    let wait = |until, why: &str| Verification::Waiting { until, why: why.to_owned() };
    if push::settled_at(&release.progress, settle).is_none() {
        return wait(None, "the manager has not fetched it yet");
    }
    match push::state(Some(release), settle, observation.map(|observation| observation.at), now) {
        Push::Settling { until } => return wait(Some(until), "the settle time is not over"),
        Push::ToBeRead => return wait(None, "the manager was not read after the settle time"),
        Push::None | Push::Settled | Push::Unfetched { .. } => {}
    }
    let Some(observation) = observation else {
        return wait(None, "the manager was not read after the settle time");
    };
    if let Err(why) = readable(desired, observation) {
        return Verification::CannotTell(why);
    }
    // It is judged by the parts that are wanted as it carried them, and says nothing of the others.
    if is_superseded(desired, release, wanted) {
        return Verification::Superseded;
    }
    // Without a fetch nothing can have come of it, and nothing missed is no proof by itself: a password shows nowhere.
    if release.progress.fetched_at.is_none() {
        let why =
            "the manager reported that it was done, but was not seen to fetch here: look at its data server";
        return Verification::CannotTell(why.to_owned());
    }
    let mut missed = Missed {
        firmware: observation.firmware.known().cloned(),
        fetched_at: release.progress.fetched_at,
        fetched_by: release.progress.fetched_by.clone(),
        trigger: release.progress.trigger.clone(),
        ..Missed::default()
    };
    let mut unread = None;
    for mut item in drift::drift(desired, observation, memory, wanted) {
        let asked_for = asked_for(&item, release, desired, wanted);
        item.amiss.retain(|part, _| asked_for.contains(part));
        if item.amiss.is_empty() {
            continue;
        }
        if item.unread.is_some() {
            missed.unread.extend(item.amiss.into_keys());
            unread.get_or_insert(item.why);
        } else {
            missed.readings.append(&mut item.amiss);
        }
    }
    match unread {
        _ if !missed.readings.is_empty() => Verification::NoEffect(Box::new(missed)),
        Some(why) => Verification::CannotTell(why),
        None => Verification::TookEffect,
    }
}

fn readable(desired: &DesiredSite, observation: &Observation) -> Result<(), String> {
    let mac = observation.mac.known().ok_or("the status page could not be read")?;
    if *mac != desired.manager.mac {
        return Err(format!("another device answers: its MAC is {mac}"));
    }
    if let Some(why) = observation.slots.why_not() {
        return Err(format!("the mobile devices page could not be read: {why}"));
    }
    if let Some(why) = observation.pending.why_not() {
        return Err(format!("the pending list could not be read: {why}"));
    }
    Ok(())
}

/// Whether every slot that the release carried is wanted otherwise by now, so that no page can tell what became of it.
/// Parts that left the site file are left alone.
fn is_superseded(desired: &DesiredSite, release: &Release, wanted: &BTreeMap<String, Generation>) -> bool {
    let is_changed = |name: &String| is_otherwise(name, release, wanted);
    let of_slots = desired.slots.keys().flat_map(|&slot| fingerprint::slot_parts(slot));
    let mut carried = of_slots.filter(|name| release.parts.contains_key(name)).peekable();
    carried.peek().is_some() && carried.all(|name| is_changed(&name))
}

/// Whether the release carried this part otherwise than it is wanted.
fn is_otherwise(name: &String, release: &Release, wanted: &BTreeMap<String, Generation>) -> bool {
    let (released, wanted) = (release.parts.get(name), wanted.get(name));
    released.is_some() && wanted.is_some() && released != wanted
}

/// Those parts of an item that the release carried as they are wanted.
fn asked_for(
    item: &DriftItem,
    release: &Release,
    desired: &DesiredSite,
    wanted: &BTreeMap<String, Generation>,
) -> BTreeSet<String> {
    let is_carried =
        |part: &&String| release.parts.contains_key(*part) && !is_otherwise(part, release, wanted);
    let carried = match item.action {
        // A code that was left out because it was in place counts as carried, and was not asked for.
        Action::Reserve | Action::Replace => item.slot.is_some_and(|slot| {
            let wanted = desired.slots.get(&slot).and_then(|wanted| wanted.ipui());
            wanted.is_some() && release.reserved.get(&slot).copied() == wanted
        }),
        // A handset that came in since has to be cleared by another release, approved for it.
        Action::Deregister if item.impact == Impact::Deregisters => {
            item.slot.is_some_and(|slot| release.approved.contains(&slot))
        }
        // A PIN that differs visibly was shown as ours before: then the page tells.
        Action::ConfigureAccount | Action::Deregister | Action::SetPin => true,
        Action::Enrol
        | Action::ConfigureProvider
        | Action::OpenWindow
        | Action::ReopenWindow
        | Action::CloseWindow
        | Action::Fetch
        | Action::FollowFile => false,
    };
    item.parts.iter().filter(|_| carried).filter(is_carried).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::desired::DesiredSlot;
    use super::super::observed::{HandsetState, Reading};
    use super::super::release::TriggerOutcome;
    use super::super::world::{World, at, ipui, present, slot};
    use super::*;

    /// One slot released at 0 and fetched at 10; it settles until 190.
    fn fetched() -> World {
        let mut world = World::new().want(1, present("1013", Some(1)));
        world.release();
        world.progress().fetched_at = Some(at(10));
        world
    }

    /// What was missed, in the order of the parts.
    fn no_effect(world: &World) -> Vec<String> {
        match world.verify() {
            Verification::NoEffect(missed) => missed.readings.into_values().collect(),
            other @ (Verification::NoRelease
            | Verification::Waiting { .. }
            | Verification::Superseded
            | Verification::TookEffect
            | Verification::CannotTell(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_waits_for_the_fetch_the_settle_time_and_a_reading_after_it() {
        let waits_until = |world: &World| match world.verify() {
            Verification::Waiting { until, .. } => until,
            other @ (Verification::NoRelease
            | Verification::NoEffect(_)
            | Verification::Superseded
            | Verification::TookEffect
            | Verification::CannotTell(_)) => panic!("{other:?}"),
        };
        let mut world = fetched();
        world.later(189);
        world.now = at(189);
        assert_eq!(waits_until(&world), Some(at(190)));
        world.now = at(191);
        assert_eq!(waits_until(&world), None, "read before the time was over");
        world.progress().fetched_at = None;
        world.later(500);
        assert_eq!(waits_until(&world), None, "not fetched");
        assert_eq!(World::new().verify(), Verification::NoRelease);
    }

    #[test]
    fn a_reservation_takes_effect_when_it_is_pending_or_filled() {
        let mut world = fetched().show_pending(1, "1013", 1);
        world.later(190);
        assert_eq!(world.verify(), Verification::TookEffect);
        let mut world = fetched().show_registered(1, "1013", 1);
        world.later(190);
        assert_eq!(world.verify(), Verification::TookEffect);
        world.progress().verified_at = Some(at(190));
        assert_eq!(world.verify(), Verification::NoRelease, "marked already");
    }

    #[test]
    fn what_is_not_shown_had_no_effect() {
        let mut world = fetched();
        world.later(190);
        let missed = no_effect(&world);
        assert_eq!(missed.len(), 2);
        assert_eq!(missed[0], "slot 1 has no active account; user 1013 is wanted");
        assert_eq!(missed[1], "slot 1 is not reserved for 02 B6 EC 8A 01");
        let mut other = fetched().show_registered(1, "1013", 9);
        other.later(190);
        let why = "slot 1 holds the registered handset 02 B6 EC 8A 09; 02 B6 EC 8A 01 is wanted; ";
        assert!(no_effect(&other)[0].starts_with(why), "{:?}", no_effect(&other));
    }

    #[test]
    fn only_what_was_asked_for_is_held_against_it() {
        // Slot 2 was withheld, for another handset is registered there.
        let world = World::new().want(1, present("1013", Some(1))).want(2, present("1014", Some(2)));
        let mut world = world.show_registered(2, "1014", 9);
        world.release();
        world.progress().fetched_at = Some(at(10));
        let mut world = world.show_pending(1, "1013", 1);
        world.later(190);
        assert_eq!(world.verify(), Verification::TookEffect);
        // A slot that was listed later was not asked for either.
        let mut world = world.want(3, present("1022", None));
        world.later(195);
        assert_eq!(world.verify(), Verification::TookEffect);
    }

    #[test]
    fn a_cleared_slot_is_empty_afterwards() {
        let mut world = World::new().want(2, DesiredSlot::Absent).show_pending(2, "1014", 2).with_baseline();
        world.release();
        world.progress().fetched_at = Some(at(10));
        world.later(190);
        assert_eq!(
            no_effect(&world),
            [
                "slot 2 has an active account; it is to be absent",
                "slot 2 is reserved for 02 B6 EC 8A 02; it is to be absent"
            ]
        );
        world.slots().get_mut(&slot(2)).unwrap().handset = HandsetState::None;
        world.pending().clear();
        assert_eq!(no_effect(&world), ["slot 2 has an active account; it is to be absent"]);
        world.slots().clear();
        assert_eq!(world.verify(), Verification::TookEffect);
    }

    #[test]
    fn a_site_file_that_changed_since_supersedes_it() {
        let mut world = fetched().show_pending(1, "1013", 1).want(1, present("1014", Some(2)));
        world.later(190);
        assert_eq!(world.verify(), Verification::Superseded, "nothing of it is wanted as it was");
        let mut gone = fetched();
        gone.desired.slots.clear();
        gone.later(190);
        assert_eq!(gone.verify(), Verification::TookEffect, "nothing is left that could differ");
    }

    #[test]
    fn an_edited_slot_leaves_the_others_to_be_judged() {
        let edited = |world: World| {
            let mut world = world.want(2, present("1099", Some(2)));
            world.later(190);
            world
        };
        let released = || {
            let mut world = World::new().want(1, present("1013", Some(1))).want(2, present("1014", Some(2)));
            world.release();
            world.progress().fetched_at = Some(at(10));
            world.show_pending(2, "1014", 2)
        };
        let world = edited(released());
        let missed = [
            "slot 1 has no active account; user 1013 is wanted",
            "slot 1 is not reserved for 02 B6 EC 8A 01",
        ];
        assert_eq!(no_effect(&world), missed);
        let world = edited(released().show_registered(1, "1013", 1));
        assert_eq!(world.verify(), Verification::TookEffect);
    }

    #[test]
    fn what_was_ineffective_may_come_into_effect() {
        let mut world = fetched();
        world.later(190);
        assert_eq!(no_effect(&world).len(), 2);
        world.progress().ineffective_at = Some(at(190));
        assert_eq!(no_effect(&world).len(), 2);
        let mut world = world.show_pending(1, "1013", 1);
        world.later(400);
        assert_eq!(world.verify(), Verification::TookEffect);
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        let cannot = |change: fn(&mut Observation)| {
            let mut world = fetched();
            world.later(190);
            change(&mut world.seen);
            match world.verify() {
                Verification::CannotTell(why) => why,
                other @ (Verification::NoRelease
                | Verification::Waiting { .. }
                | Verification::Superseded
                | Verification::TookEffect
                | Verification::NoEffect(_)) => panic!("{other:?}"),
            }
        };
        assert!(cannot(|seen| seen.slots = Reading::Unreadable("cut".into())).ends_with("read: cut"));
        assert!(cannot(|seen| seen.pending = Reading::Unreadable("cut".into())).ends_with("read: cut"));
        assert!(cannot(|seen| seen.mac = Reading::Unreadable("cut".into())).contains("status page"));
        let other = cannot(|seen| seen.mac = Reading::Known("7C2F80CA21E5".parse().unwrap()));
        assert!(other.ends_with("7C2F80CA21E5"), "{other}");
    }

    #[test]
    fn a_reported_end_without_a_fetch_proves_nothing() {
        let mut world = fetched();
        world.progress().fetched_at = None;
        world.progress().triggered_at = Some(at(10));
        world.progress().trigger = Some(TriggerOutcome::Done);
        world.later(190);
        assert!(matches!(world.verify(), Verification::CannotTell(why) if why.contains("data server")));
        let mut world = world.show_pending(1, "1013", 1);
        world.later(190);
        assert!(matches!(world.verify(), Verification::CannotTell(why) if why.contains("data server")));
        assert_eq!(*world.pending(), [ipui(1)]);
    }
}
