//! Verdicts: is the handset that a slot is reserved for registered, and how is that known?
//!
//! A verdict is made from what was seen, never from what was not: a page that could not be read changes nothing, and
//! being absent from the pending list proves nothing by itself. What speaks for and against is weighed in
//! `witness`, what follows is `machine`'s, why a handset was lost is `cause`'s; here it becomes a record. Nothing is
//! planned and nobody is alerted here.

mod cause;
mod claim;
mod doubt;
mod machine;
mod reset;
mod view;
mod witness;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use self::claim::Sign;
use self::view::View;
use self::witness::Hearing;
use super::desired::DesiredSite;
use super::evidence::Source;
use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord, Window};
use super::observed::{HandsetState, Observation, ObservedSlot};
use super::status::WindowState;

pub use doubt::doubtful;

/// Everything that a judgement rests on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What is wanted.
    pub desired: &'a DesiredSite,
    /// What was known before this cycle: its observation is the one before, its slots are the previous verdicts.
    pub memory: &'a SiteMemory,
    /// What this cycle read; `None`: nothing.
    pub observation: Option<&'a Observation>,
    /// The window in force.
    pub window: Option<&'a Window>,
    /// Where it stands.
    pub window_state: WindowState,
    /// Whether the last push has settled. Until then verdicts stay as they are.
    pub settled: bool,
    /// By our clock.
    pub now: DateTime<Utc>,
}

/// The verdict on every listed slot that is reserved for a handset.
///
/// `since` moves when the verdict changes, `seen_at` when its evidence was seen again. An observation of a manager that
/// is not this site's, or that does not say which it is, decides nothing.
pub fn judge(scene: &Scene<'_>) -> BTreeMap<SlotNumber, SlotRecord> {
    let mut judged = BTreeMap::new();
    let mut records = BTreeMap::new();
    for (slot, ipui) in reserved(scene.desired) {
        let (record, is_judged) = judge_slot(scene, slot, ipui);
        judged.insert(slot, is_judged);
        records.insert(slot, record);
    }
    if let Some(observation) = scene.observation {
        cause::explain(scene, observation, &mut records, |slot| judged.get(&slot) == Some(&true));
    }
    records
}

/// Which slot each pending handset is reserved for. The status page lists them in slot order without saying which; the
/// mobile devices page says which slots are reserved. `None` unless both were read and agree in number, as they do not
/// while a slot without an active account is reserved, or when something changed between the two pages.
pub fn pending_by_slot(observation: &Observation) -> Option<BTreeMap<SlotNumber, Ipui>> {
    let pending = observation.pending.known()?;
    let is_reserved = |(_, seen): &(&SlotNumber, &ObservedSlot)| seen.handset == HandsetState::Pending;
    let reserved: Vec<SlotNumber> =
        observation.slots.known()?.iter().filter(is_reserved).map(|(slot, _)| *slot).collect();
    (reserved.len() == pending.len()).then(|| reserved.into_iter().zip(pending.iter().copied()).collect())
}

/// The listed slots with a reservation, and for whom.
fn reserved(desired: &DesiredSite) -> impl Iterator<Item = (SlotNumber, Ipui)> {
    desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)))
}

/// The record of this slot, unless it is about another handset.
fn previous(memory: &SiteMemory, slot: SlotNumber, ipui: Ipui) -> Option<&SlotRecord> {
    memory.slots.get(&slot).filter(|record| record.ipui == ipui)
}

/// Whether the status page lists the handset as pending; `false` also when that was not read.
fn is_listed(observation: &Observation, ipui: Ipui) -> bool {
    observation.pending.known().is_some_and(|pending| pending.contains(&ipui))
}

/// The record, and whether something was seen in this observation that decided it anew.
fn judge_slot(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> (SlotRecord, bool) {
    let previous = previous(scene.memory, slot, ipui)
        .cloned()
        .unwrap_or_else(|| fresh(scene.memory, scene.settled, scene.now, slot, ipui));
    let mut record = previous.clone();
    let Some(observation) = scene.observation else { return (record, false) };
    let (memory, window_state) = (scene.memory, scene.window_state);
    let view = View { memory, observation, window_state, slot, ipui, previous: &previous };
    match observation.mac.known() {
        Some(mac) if *mac == scene.desired.manager.mac => record.registered_ipui = view.registered_ipui(),
        Some(_) => return (record, false),
        // It may be this manager: enough to doubt what is remembered, not to learn from.
        None => {
            record.registered_ipui =
                record.registered_ipui.filter(|ipui| view.registered_ipui() == Some(*ipui));
            record.waiting = record.waiting.and(view.waiting());
            return (record, false);
        }
    }
    record.waiting = view.waiting_from_here();
    // Unreadable is not empty: without the pending list nothing is decided.
    if observation.pending.known().is_none() {
        return (record, false);
    }
    if view.is_listed() {
        record.pending_at = Some(observation.at);
    }
    if !scene.settled {
        return (record, false);
    }
    let hearing = witness::hear(&view);
    let is_judged = hearing.is_some();
    let record = match hearing {
        Some(hearing) => apply(scene, record, hearing),
        None => record,
    };
    (SlotRecord { unread_handset: view.holds_unread_handset(), ..record }, is_judged)
}

/// The record of a handset about which nothing has been seen yet. Who was in the slot before stays known: the site file
/// does not change that.
fn fresh(memory: &SiteMemory, settled: bool, now: DateTime<Utc>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let release = memory.release.as_ref();
    let before = memory.slots.get(&slot);
    let released = release.is_some_and(|release| release.reserved.get(&slot) == Some(&ipui));
    let (registration, evidence) = match (settled, released) {
        (false, true) => (Registration::Reserved, "released, settling"),
        (false, false) => (Registration::Reserved, "wanted; an earlier push is settling"),
        (true, _) => (Registration::Unknown, "not read yet"),
    };
    SlotRecord {
        evidence: evidence.to_owned(),
        registered_ipui: before.and_then(|before| before.registered_ipui),
        unread_handset: before
            .is_some_and(|before| before.may_hold_handset() && before.registered_ipui.is_none()),
        ..SlotRecord::new(ipui, registration, now)
    }
}

fn apply(scene: &Scene<'_>, mut record: SlotRecord, hearing: Hearing) -> SlotRecord {
    let Hearing { decisive, mut conflicts } = hearing;
    let (sign, seen) = (decisive.claim.sign(), decisive.testimony);
    // With another handset in the slot it was never here: then it cannot have been lost.
    let waited_before = record.pending_at.is_some_and(|at| at < seen.at);
    let was_itself = !record.unread_handset || waited_before || record.registered_at.is_some();
    let verdict = machine::verdict(record.registration, was_itself, sign, scene.window_state);
    let unmoved = sign == Sign::Undecided && verdict == record.registration;
    let shows_slot = seen.source == Source::MobileDevicesPage || record.source.is_none();
    if unmoved && (verdict == Registration::Registered || !shows_slot) {
        // It stays on the old grounds, and with their age.
        conflicts.insert(0, seen);
        return SlotRecord { conflicts, ..record };
    }
    if verdict != record.registration {
        record.registration = verdict;
        record.since = seen.at;
    }
    if verdict == Registration::Registered {
        record.registered_at = Some(seen.at);
    }
    if verdict != Registration::Lost {
        record.cause = None;
    }
    let closed =
        scene.window.and_then(|window| window.closes_at).filter(|_| verdict == Registration::Expired);
    let window = closed
        .map(|at| format!("; the window closed on {} by the device's clock", at.format("%Y-%m-%d at %H:%M")));
    SlotRecord {
        source: Some(seen.source),
        evidence: seen.evidence + &window.unwrap_or_default(),
        seen_at: seen.at,
        conflicts,
        ..record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::desired::{DesiredManager, DesiredSlot, Mode, PresentSlot, Trigger, WindowClock};
    use crate::domain::observed::{Reading, SipState};
    use crate::domain::secret::SecretRef;
    use std::collections::BTreeSet;

    use chrono::{TimeDelta, TimeZone};

    fn at(minute: i64) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 23, 7, 0, 0).unwrap() + TimeDelta::minutes(minute)
    }

    fn slot(number: u8) -> SlotNumber {
        SlotNumber::new(number).unwrap()
    }

    fn ipui(last: u8) -> Ipui {
        format!("02 B6 EC 8A {last:02X}").parse().unwrap()
    }

    fn site(slots: BTreeMap<SlotNumber, DesiredSlot>) -> DesiredSite {
        DesiredSite {
            name: "acme".parse().unwrap(),
            description: String::new(),
            labels: BTreeMap::new(),
            time_zone: chrono_tz::Europe::Berlin,
            mode: Mode::Manage,
            manager: DesiredManager {
                host: "127.0.0.1".to_owned(),
                port: 80,
                mac: "7C2F80CA21E4".parse().unwrap(),
                password: SecretRef::Env("N720_TEST".to_owned()),
                trigger: Trigger::Web,
                window_clock: WindowClock::Local,
                sip_port: 5060,
                enrol: false,
                digest: None,
            },
            registration: None,
            providers: BTreeMap::new(),
            slots,
        }
    }

    fn reserves(last: u8) -> DesiredSlot {
        DesiredSlot::Present(PresentSlot { ipui: Some(ipui(last)), ..PresentSlot::default() })
    }

    fn observation(minute: i64, pending: &[u8], cells: &[(u8, HandsetState)]) -> Observation {
        let cell = |handset| ObservedSlot {
            user_id: None,
            display_name: None,
            provider: None,
            sip: SipState::Registered,
            handset,
            model: None,
            software: None,
        };
        Observation {
            at: at(minute),
            mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
            firmware: Reading::Unreadable("cut".to_owned()),
            device_clock: Reading::Unreadable("cut".to_owned()),
            pending: Reading::Known(pending.iter().copied().map(ipui).collect()),
            slots: Reading::Known(
                cells.iter().map(|(number, state)| (slot(*number), cell(*state))).collect(),
            ),
            registration_pin: Reading::Unreadable("cut".to_owned()),
            editors: BTreeMap::new(),
            config_url: None,
            base_stations: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn judged(
        desired: &DesiredSite,
        memory: &SiteMemory,
        observation: &Observation,
    ) -> BTreeMap<SlotNumber, SlotRecord> {
        judge(&Scene {
            desired,
            memory,
            observation: Some(observation),
            window: None,
            window_state: WindowState::Open,
            settled: true,
            now: observation.at,
        })
    }

    #[test]
    fn slots_without_a_handset_have_no_verdict_and_no_doubt() {
        let account_only = DesiredSlot::Present(PresentSlot::default());
        let desired = site(BTreeMap::from([
            (slot(1), reserves(1)),
            (slot(2), DesiredSlot::Absent),
            (slot(3), account_only),
        ]));
        let shown = [1, 2, 3, 4].map(|number| (number, HandsetState::Registered));
        let seen = observation(0, &[], &shown);
        let memory = SiteMemory::default();
        assert_eq!(judged(&desired, &memory, &seen).into_keys().collect::<Vec<_>>(), [slot(1)]);
        assert_eq!(doubtful(&desired, &memory, &seen), BTreeSet::from([slot(1)]));
    }

    #[test]
    fn only_registered_slots_of_a_page_that_was_read_are_in_doubt() {
        let desired =
            site(BTreeMap::from([(slot(1), reserves(1)), (slot(2), reserves(2)), (slot(3), reserves(3))]));
        let memory = SiteMemory::default();
        let mut seen = observation(0, &[2], &[(1, HandsetState::Registered), (2, HandsetState::Pending)]);
        assert_eq!(doubtful(&desired, &memory, &seen), BTreeSet::from([slot(1)]));
        seen.editors.insert(slot(1), Reading::Known(Some(ipui(9))));
        assert_eq!(doubtful(&desired, &memory, &seen), BTreeSet::new(), "whoever it is, it is known");
        seen.slots = Reading::Unreadable("cut".to_owned());
        seen.editors.clear();
        assert_eq!(doubtful(&desired, &memory, &seen), BTreeSet::new());
    }

    #[test]
    fn a_handset_of_which_nothing_was_seen_is_not_missing_unless_a_push_is_under_way() {
        let desired = site(BTreeMap::from([(slot(1), reserves(1))]));
        let memory = SiteMemory::default();
        for (settled, registration, evidence) in [
            (true, Registration::Unknown, "not read yet"),
            (false, Registration::Reserved, "wanted; an earlier push is settling"),
        ] {
            let scene = Scene {
                desired: &desired,
                memory: &memory,
                observation: None,
                window: None,
                window_state: WindowState::None,
                settled,
                now: at(3),
            };
            let record = &judge(&scene)[&slot(1)];
            assert_eq!((record.registration, record.evidence.as_str()), (registration, evidence));
            assert_eq!((record.since, record.seen_at, record.pending_at), (at(3), at(3), None));
        }
    }

    #[test]
    fn the_present_observation_is_not_taken_for_the_one_before() {
        let desired = site(BTreeMap::from([(slot(1), reserves(1))]));
        let mut memory = SiteMemory::default();
        let waiting = observation(0, &[1], &[(1, HandsetState::Pending)]);
        memory.slots = judged(&desired, &memory, &waiting);
        let came = observation(5, &[], &[(1, HandsetState::Registered)]);
        memory.observation = Some(came.clone());
        assert_eq!(judged(&desired, &memory, &came)[&slot(1)].registration, Registration::Registered);
    }

    #[test]
    fn pending_handsets_are_told_their_slots_in_order() {
        use HandsetState::{None as Empty, Pending, Registered};
        let cells = [(2, Pending), (5, Registered), (7, Empty), (40, Pending)];
        let seen = observation(0, &[9, 8], &cells);
        assert_eq!(pending_by_slot(&seen), Some(BTreeMap::from([(slot(2), ipui(9)), (slot(40), ipui(8))])));
        assert_eq!(pending_by_slot(&observation(0, &[], &[(5, Registered)])), Some(BTreeMap::new()));
    }

    #[test]
    fn pending_handsets_are_not_told_slots_by_guess() {
        let cells = [(2, HandsetState::Pending), (40, HandsetState::Pending)];
        assert_eq!(pending_by_slot(&observation(0, &[9], &cells)), None, "one fewer");
        assert_eq!(
            pending_by_slot(&observation(0, &[9, 8, 7], &cells)),
            None,
            "a slot without an active account"
        );
        let mut cut = observation(0, &[9, 8], &cells);
        cut.pending = Reading::Unreadable("cut".to_owned());
        assert_eq!(pending_by_slot(&cut), None);
        let mut cut = observation(0, &[9, 8], &cells);
        cut.slots = Reading::Unreadable("cut".to_owned());
        assert_eq!(pending_by_slot(&cut), None);
    }
}
