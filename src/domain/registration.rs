//! Verdicts: is the handset that a slot is reserved for registered, and how is that known?
//!
//! A verdict is made from what was seen, never from what was not: a page that could not be read changes nothing, and
//! being absent from the pending list proves nothing by itself. What speaks for and against is weighed in
//! `witness`; here it becomes a record. Nothing is planned and nobody is alerted here.

mod witness;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use self::witness::{Claim, Finding};
use super::desired::DesiredSite;
use super::ids::{Ipui, SlotNumber};
use super::memory::{Registration, SiteMemory, SlotRecord, Window};
use super::observed::{HandsetState, Observation, ObservedSlot};
use super::status::WindowState;

/// How many editor pages one cycle reads beyond its two pages: each costs the device a request or two, and nobody
/// else can log in meanwhile.
const EDITORS_PER_CYCLE: usize = 10;

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
    let reserved = scene.desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)));
    reserved.map(|(slot, ipui)| (slot, judge_slot(scene, slot, ipui))).collect()
}

/// Slots that show a registered handset of which it is not known for sure which one it is: reading their editor pages
/// in this cycle makes the verdict certain. At most ten a cycle, in slot order, those first whose page was not found
/// unreadable the last time, so that a few broken pages hold up nobody.
pub fn doubtful(
    desired: &DesiredSite,
    memory: &SiteMemory,
    observation: &Observation,
) -> BTreeSet<SlotNumber> {
    let Some(slots) = observation.slots.known() else { return BTreeSet::new() };
    let in_doubt = |slot: &SlotNumber, ipui: Ipui| {
        let shown = slots.get(slot).is_some_and(|seen| seen.handset == HandsetState::Registered);
        let read = observation.editors.get(slot).is_some_and(|reading| reading.known().is_some());
        let remembered = previous(memory, *slot, ipui).and_then(|record| record.registered_ipui);
        let contradicted = remembered == Some(ipui) && is_listed(observation, ipui);
        shown && !read && (remembered.is_none() || contradicted)
    };
    let failed = |slot: &SlotNumber| {
        let last = memory.observation.as_ref().and_then(|last| last.editors.get(slot));
        last.is_some_and(|reading| reading.known().is_none())
    };
    let reserved = desired.slots.iter().filter_map(|(slot, wanted)| Some((*slot, wanted.ipui()?)));
    let (later, sooner): (Vec<_>, Vec<_>) =
        reserved.filter(|(slot, ipui)| in_doubt(slot, *ipui)).map(|(slot, _)| slot).partition(failed);
    sooner.into_iter().chain(later).take(EDITORS_PER_CYCLE).collect()
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

/// The record of this slot, unless it is about another handset.
fn previous(memory: &SiteMemory, slot: SlotNumber, ipui: Ipui) -> Option<&SlotRecord> {
    memory.slots.get(&slot).filter(|record| record.ipui == ipui)
}

/// Whether the status page lists the handset as pending; `false` also when that was not read.
fn is_listed(observation: &Observation, ipui: Ipui) -> bool {
    observation.pending.known().is_some_and(|pending| pending.contains(&ipui))
}

fn judge_slot(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let previous = previous(scene.memory, slot, ipui).cloned().unwrap_or_else(|| fresh(scene, slot, ipui));
    let mut record = previous.clone();
    let Some(observation) = scene.observation else { return record };
    let view = witness::View { scene, observation, slot, ipui, previous: &previous };
    match observation.mac.known() {
        Some(mac) if *mac == scene.desired.manager.mac => record.registered_ipui = view.registered_ipui(),
        Some(_) => return record,
        // It may be this manager: enough to doubt what is remembered, not to learn from.
        None => {
            record.registered_ipui =
                record.registered_ipui.filter(|ipui| view.registered_ipui() == Some(*ipui));
            return record;
        }
    }
    // Unreadable is not empty: without the pending list nothing is decided.
    if observation.pending.known().is_none() {
        return record;
    }
    if is_listed(observation, ipui) {
        record.pending_at = Some(observation.at);
    }
    if !scene.settled {
        return record;
    }
    let record = match view.finding() {
        Some(finding) => apply(scene, record, finding),
        None => record,
    };
    SlotRecord { unread_handset: view.holds_unread_handset(), ..record }
}

/// The record of a handset about which nothing has been seen yet. Who was in the slot before stays known: the site file
/// does not change that.
fn fresh(scene: &Scene<'_>, slot: SlotNumber, ipui: Ipui) -> SlotRecord {
    let release = scene.memory.release.as_ref();
    let before = scene.memory.slots.get(&slot);
    let released = release.is_some_and(|release| release.reserved.get(&slot) == Some(&ipui));
    let (registration, evidence) = match (scene.settled, released) {
        (false, true) => (Registration::Reserved, "released, settling"),
        (false, false) => (Registration::Reserved, "wanted; an earlier push is settling"),
        (true, _) => (Registration::Unknown, "not read yet"),
    };
    SlotRecord {
        evidence: evidence.to_owned(),
        registered_ipui: before.and_then(|before| before.registered_ipui),
        unread_handset: before
            .is_some_and(|before| before.may_hold_handset() && before.registered_ipui.is_none()),
        ..SlotRecord::new(ipui, registration, scene.now)
    }
}

fn apply(scene: &Scene<'_>, mut record: SlotRecord, finding: Finding) -> SlotRecord {
    // With another handset in the slot it was never here: then it cannot have been lost.
    let waited_before = record.pending_at.is_some_and(|at| at < finding.seen_at);
    let was_itself = !record.unread_handset || waited_before;
    let verdict = verdict(record.registration, was_itself, finding.claim, scene.window_state);
    if verdict != record.registration {
        record.registration = verdict;
        record.since = finding.seen_at;
    }
    record.evidence = match (verdict, scene.window.and_then(|window| window.closes_at)) {
        (Registration::Expired, Some(closed)) => {
            format!(
                "{}; the window closed on {} by the device's clock",
                finding.evidence,
                closed.format("%Y-%m-%d at %H:%M")
            )
        }
        _ => finding.evidence,
    };
    record.seen_at = finding.seen_at;
    record
}

/// The state machine of one slot. `was_itself`: a handset that was registered there is known to have been this one.
fn verdict(previous: Registration, was_itself: bool, claim: Claim, window: WindowState) -> Registration {
    let had_been_registered = match previous {
        Registration::Registered => was_itself,
        Registration::Lost => true,
        Registration::Unknown | Registration::Reserved | Registration::Pending | Registration::Expired => {
            false
        }
    };
    match claim {
        Claim::Registered => Registration::Registered,
        Claim::Pending | Claim::NotHere if had_been_registered => Registration::Lost,
        Claim::NotHere => Registration::Reserved,
        Claim::Pending => match window {
            WindowState::Closed => Registration::Expired,
            WindowState::None | WindowState::Scheduled | WindowState::Open | WindowState::Always => {
                Registration::Pending
            }
        },
        Claim::Undecided => previous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::desired::{DesiredManager, DesiredSlot, Mode, PresentSlot, Trigger, WindowClock};
    use crate::domain::observed::{Reading, SipState};
    use crate::domain::secret::SecretRef;
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
    fn every_verdict_follows_from_the_one_before_the_claim_and_the_window() {
        use Registration::{Expired, Lost, Pending, Registered, Reserved, Unknown};
        let table = [
            (Unknown, Claim::Registered, WindowState::Closed, Registered),
            (Lost, Claim::Registered, WindowState::None, Registered),
            (Unknown, Claim::Pending, WindowState::Open, Pending),
            (Unknown, Claim::Pending, WindowState::Closed, Expired),
            (Pending, Claim::Pending, WindowState::Closed, Expired),
            (Expired, Claim::Pending, WindowState::Scheduled, Pending),
            (Expired, Claim::Pending, WindowState::Always, Pending),
            (Reserved, Claim::Pending, WindowState::None, Pending),
            (Registered, Claim::Pending, WindowState::Open, Lost),
            (Lost, Claim::Pending, WindowState::Closed, Lost),
            (Registered, Claim::NotHere, WindowState::Open, Lost),
            (Lost, Claim::NotHere, WindowState::Closed, Lost),
            (Pending, Claim::NotHere, WindowState::Open, Reserved),
            (Expired, Claim::NotHere, WindowState::Closed, Reserved),
            (Unknown, Claim::NotHere, WindowState::None, Reserved),
            (Pending, Claim::Undecided, WindowState::Closed, Pending),
            (Lost, Claim::Undecided, WindowState::Open, Lost),
        ];
        for (before, claim, window, after) in table {
            assert_eq!(
                verdict(before, true, claim, window),
                after,
                "{before:?}, {claim:?}, window {window:?}"
            );
        }
        let guessed = [(Claim::NotHere, Reserved), (Claim::Pending, Pending), (Claim::Undecided, Registered)];
        for (claim, after) in guessed {
            assert_eq!(verdict(Registered, false, claim, WindowState::Open), after, "{claim:?}");
        }
        assert_eq!(verdict(Lost, false, Claim::NotHere, WindowState::Open), Lost);
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
