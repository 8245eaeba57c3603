//! Values for the store's tests: every field filled, so that one that is lost on the way shows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, TimeDelta, TimeZone, Utc};
use tempfile::TempDir;

use super::{FetchRow, Premises, ReleaseFiles, Released, Store, StoreError};
use crate::domain::alert::{Alert, AlertKind, AlertState, HandsetNote, Severity};
use crate::domain::approval::{Approval, ApprovalState, Grant};
use crate::domain::content::ReleaseContent;
use crate::domain::desired::{Mode, Pin, WindowClock};
use crate::domain::evidence::{Source, Testimony};
use crate::domain::gaps::{Gaps, Newcomer, Occupied};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::{Ipui, SiteName, SlotNumber};
use crate::domain::loss::LossCause;
use crate::domain::memory::{
    Arrival, Hindrance, Registration, SiteMemory, SlotRecord, Trouble, Waiting, Window, WindowRelease,
};
use crate::domain::neighbours::{Elsewhere, Hold, Stray};
use crate::domain::notification::Reason;
use crate::domain::observed::{
    BaseStation, ContactFailure, HandsetState, Observation, ObservedSlot, Reading, SipState,
};
use crate::domain::plan::{Action, Cause, Disposition, Impact, NewRelease, Step, WindowEntry};
use crate::domain::release::{Generation, Release};
use crate::domain::shown::{InPlace, Shown, ShownSlot};
use crate::domain::status::{
    ApprovalStatus, Conflict, GenerationStatus, Health, PauseStatus, PlanStatus, SiteStatus, SlotStatus,
    WindowState, WindowStatus,
};
use crate::domain::told::{Delivery, Told};

/// A store in a directory of its own.
pub(crate) fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), at(0)).unwrap();
    (dir, store)
}

/// So many seconds after a fixed moment, and a nanosecond, so that a lost decimal shows.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 7, 0, 0).unwrap()
        + TimeDelta::seconds(seconds)
        + TimeDelta::nanoseconds(1)
}

pub(crate) fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

pub(crate) fn slot(number: u8) -> SlotNumber {
    SlotNumber::new(number).unwrap()
}

pub(crate) fn ipui() -> Ipui {
    "02 B6 EC 8A A5".parse().unwrap()
}

fn local(hour: u32) -> DateTime<FixedOffset> {
    FixedOffset::east_opt(3600).unwrap().with_ymd_and_hms(2026, 11, 23, hour, 0, 0).unwrap()
}

pub(crate) fn generation(text: &str) -> Generation {
    Generation(text.to_owned())
}

pub(crate) fn entry(what: &str, seconds: i64) -> HistoryEntry {
    HistoryEntry { at: at(seconds), who: "n720d".into(), what: what.into(), outcome: "as asked".into() }
}

fn arrival() -> Arrival {
    Arrival { ipui: ipui(), admitted_at: at(30), seen_at: at(120), missing_at: Some(at(60)) }
}

pub(crate) fn window(number: u32) -> Window {
    Window {
        number,
        opens_at: local(8),
        closes_at: Some(local(20)),
        meant_at: Some(local(8).to_utc()),
        written_in: WindowClock::default(),
        reopened: 1,
        reason: "two handsets are missing".into(),
        policy: "2026-11-23T08:00 12h".into(),
        missing_at_start: BTreeSet::from([slot(1), slot(2)]),
        release: Some(WindowRelease {
            version: "2311260801".parse().unwrap(),
            at: at(1),
            fetched_at: Some(at(2)),
        }),
        arrivals: BTreeMap::from([(slot(1), arrival())]),
        missing_at_end: Some(BTreeSet::from([slot(2)])),
    }
}

/// A release that opens a window.
pub(crate) fn new_release(version: &str) -> NewRelease {
    NewRelease {
        content: ReleaseContent {
            mac: "7C2F80CA21E4".parse().unwrap(),
            providers: BTreeMap::new(),
            slots: BTreeMap::new(),
            pin: None,
            window: None,
        },
        generation: generation("9f3c00000001"),
        content_id: generation(&format!("c{version}")),
        parts: BTreeMap::from([("slot 1".to_owned(), generation("abc"))]),
        version: version.parse().unwrap(),
        approved: BTreeMap::new(),
        approval: None,
        impact: Impact::None,
        reserved: BTreeMap::from([(slot(1), ipui())]),
        window: Some(WindowEntry::Opens(window(99))),
        reason: "first release".into(),
    }
}

/// One that deregisters the handsets of slots 3 and 7, by the approval of this plan.
pub(crate) fn deregisters(version: &str, plan: &str) -> NewRelease {
    NewRelease {
        approved: BTreeMap::from([(slot(3), Some(ipui())), (slot(7), None)]),
        approval: Some(generation(plan)),
        impact: Impact::Deregisters,
        ..new_release(version)
    }
}

/// An approval of this plan by two people.
pub(crate) fn approval(plan: &str) -> Approval {
    let grant =
        |by: &str, seconds| Grant { by: by.to_owned(), at: at(seconds), reason: "as agreed".to_owned() };
    Approval {
        hash: generation(plan),
        terms: vec!["replace 3".to_owned()],
        grants: vec![grant("anna", 1), grant("ben", 2)],
        expires_at: at(3_600),
        used: None,
        lapsed: false,
    }
}

/// A memory with everything in it that a cycle keeps.
pub(crate) fn memory() -> SiteMemory {
    SiteMemory {
        approval: None,
        listed: Some(BTreeSet::from([slot(1), slot(100)])),
        deregistered: Vec::new(),
        first_contact: Some((at(0), "7C2F80CA21E4".parse().unwrap())),
        observation: Some(observation()),
        filled: None,
        release: None,
        past_releases: Vec::new(),
        password_versions: Vec::new(),
        rotation: None,
        rotated: None,
        baseline: Some(generation("b")),
        baseline_parts: BTreeMap::from([("pin".to_owned(), generation("p"))]),
        windows: vec![window(1)],
        slots: BTreeMap::from([(slot(1), slot_record(5)), (slot(100), slot_record(6))]),
        alerts: vec![alert("z", 1), alert("a", 2)],
        shown: Shown {
            followed: true,
            slots: BTreeMap::from([(
                slot(1),
                ShownSlot {
                    account: Some(InPlace { was: Some("1013".into()), gone_at: Some(at(3)) }),
                    name: Some(InPlace { was: "Empfang".into(), gone_at: None }),
                    handset: Some(InPlace { was: ipui(), gone_at: None }),
                },
            )]),
            pin: Some(InPlace { was: Pin::Fixed([0, 8, 1, 5]), gone_at: Some(at(4)) }),
        },
        gaps: Some(Gaps {
            familiar: BTreeMap::from([(slot(7), Occupied::Account)]),
            newcomers: BTreeMap::from([(slot(8), Newcomer { since: at(5), ipui: Some(ipui()) })]),
        }),
        strays: BTreeMap::from([(
            ipui(),
            Stray { hold: Hold::Registered, slot: Some(slot(8)), seen_at: at(6), home: None },
        )]),
        trouble: Some(Trouble {
            since: at(1),
            failures: 3,
            last: ContactFailure::SessionBusy("10.0.0.9".into()),
            unclear: true,
        }),
        unreadable_cycles: 2,
        clock: Some((local(8).naive_local(), at(9))),
        hindrance: Some(Hindrance {
            since: at(1),
            failures: 2,
            why: "the page was not understood".into(),
            wanted: None,
        }),
        refused_password: Some(generation("hash")),
        audited_at: Some(at(2)),
    }
}

fn observation() -> Observation {
    Observation {
        at: at(9),
        mac: Reading::Known("7C2F80CA21E4".parse().unwrap()),
        firmware: Reading::Known("70.111.00.000.00".parse().unwrap()),
        device_clock: Reading::Known(local(8).naive_local()),
        pending: Reading::Unreadable("the page was cut".into()),
        slots: Reading::Known(BTreeMap::from([(
            slot(1),
            ObservedSlot {
                user_id: Some("1013".into()),
                display_name: Some("Empfang \u{fc}".into()),
                provider: None,
                sip: SipState::Registered,
                handset: HandsetState::Pending,
                model: None,
                software: None,
            },
        )])),
        registration_pin: Reading::Known(Pin::ZEROS),
        editors: BTreeMap::from([(slot(1), Reading::Known(Some(ipui()))), (slot(2), Reading::Known(None))]),
        config_url: Some(Reading::Unreadable("no such page".into())),
        base_stations: vec![BaseStation { name: "Base 1".into(), module: 2, firmware: "71.111".into() }],
        notes: vec!["odd".into()],
    }
}

pub(crate) fn slot_record(seconds: i64) -> SlotRecord {
    SlotRecord {
        ipui: ipui(),
        registration: Registration::Pending,
        since: at(seconds),
        source: Some(Source::PendingList),
        evidence: "listed as pending on the status page".into(),
        seen_at: at(seconds + 1),
        conflicts: vec![Testimony {
            source: Source::MobileDevicesPage,
            evidence: "the mobile devices page shows a handset in slot 1".into(),
            at: at(seconds + 1),
        }],
        cause: Some(LossCause::Swapped { with: slot(2) }),
        registered_at: Some(at(seconds)),
        pending_at: Some(at(seconds)),
        waiting: Waiting { in_its_slot: true, window_open: true },
        registered_ipui: Some(ipui()),
        unread_handset: true,
        began: Some(at(seconds)),
        elsewhere: Some(Elsewhere {
            site: site("other"),
            slot: Some(slot(4)),
            hold: Hold::Registered,
            seen_at: at(seconds),
            leaves: false,
        }),
    }
}

pub(crate) fn alert(id: &str, seconds: i64) -> Alert {
    Alert {
        id: format!("acme/{id}"),
        kind: AlertKind::WindowClosing,
        severity: Severity::Warning,
        summary: "two handsets are missing".into(),
        phase: "under 2h".into(),
        since: at(seconds),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: vec![HandsetNote {
            number: slot(1),
            ipui: Some(ipui()),
            user: Some("1013".into()),
            display_name: None,
            registration: Registration::Pending,
            evidence: "listed as pending on the status page".into(),
            evidence_at: Some(at(seconds).fixed_offset()),
            instruction: "switch it on".into(),
            pin: Some("0000".into()),
            until: Some(at(seconds).fixed_offset()),
        }],
        readings: vec!["look at the VERSION".into()],
        unwatched: false,
    }
}

/// A status with everything in it; shown in a zone two hours and a half ahead.
pub(crate) fn status(name: &str, observed: i64) -> SiteStatus {
    let zone = FixedOffset::east_opt(9000).unwrap();
    SiteStatus {
        site: site(name),
        description: "ACME".into(),
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
        health: Health::Waiting,
        reason: "handsets may still come in".into(),
        mode: Mode::Manage,
        observed_at: Some(at(observed).with_timezone(&zone)),
        firmware: Some("70.111.00.000.00".into()),
        clock_skew_seconds: Some(0),
        generation: GenerationStatus { desired: Some(generation("d")), ..GenerationStatus::default() },
        window: WindowStatus {
            state: WindowState::Open,
            opens_at: Some(at(0).with_timezone(&zone)),
            closes_at: None,
            reopened: 1,
        },
        pause: Some(PauseStatus {
            since: at(3).with_timezone(&zone),
            until: Some(at(3_603).with_timezone(&zone)),
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: true,
        }),
        slots: vec![SlotStatus {
            number: slot(1),
            ipui: Some(ipui()),
            user: Some("1013".into()),
            display_name: None,
            registration: Registration::Pending,
            since: Some(at(5).with_timezone(&zone)),
            evidence: "listed as pending on the status page".into(),
            source: Some(Source::PendingList),
            evidence_at: Some(at(6).with_timezone(&zone)),
            conflicts: vec![Conflict {
                source: Source::MobileDevicesPage,
                evidence: "the mobile devices page shows a handset in slot 1".into(),
                at: at(6).with_timezone(&zone),
            }],
            cause: Some("swapped".into()),
        }],
        alerts: vec![alert("a", 2)],
        plan: PlanStatus {
            hash: Some(generation("h")),
            steps: vec![step()],
            approval: Some(ApprovalStatus {
                hash: generation("h"),
                by: vec!["anna".into()],
                at: at(1).with_timezone(&zone),
                expires_at: at(3_600).with_timezone(&zone),
                state: ApprovalState::Holds,
            }),
        },
        password_change: None,
    }
}

fn step() -> Step {
    Step {
        action: Action::Reserve,
        slot: Some(slot(1)),
        impact: Impact::None,
        disposition: Disposition::Deferred { reason: "settles".into(), until: Some(at(180)) },
        who: vec!["1013".into()],
        hits: Vec::new(),
        relocation: None,
        why: "the site file reserves it".into(),
        cause: Some(Cause::ByHand { since: at(3) }),
    }
}

/// A message that a sink took: of these alerts, which hold, and those, which have ended. Their ids begin with their sites.
pub(crate) fn delivery(id: &str, sink: &str, seconds: i64, holding: &[&str], ended: &[&str]) -> Delivery {
    Delivery {
        id: id.to_owned(),
        sink: sink.to_owned(),
        reason: Reason::First,
        about: "acme".to_owned(),
        content: format!("content of {id}"),
        at: at(seconds),
        refused: None,
        told: holding.iter().map(|alert| ((*alert).to_owned(), knows(alert, seconds))).collect(),
        ended: ended.iter().map(|alert| ((*alert).to_owned(), site_of(alert))).collect(),
    }
}

/// What a sink knows that was told of an alert at this time.
pub(crate) fn knows(alert: &str, seconds: i64) -> Told {
    Told {
        site: site_of(alert),
        since: at(-60),
        content: Some(format!("content of {alert}")),
        first_at: at(-30),
        at: at(seconds),
        merged: false,
    }
}

fn site_of(alert: &str) -> SiteName {
    site(alert.split('/').next().unwrap())
}

/// Makes a release upon whatever is the last one.
pub(crate) fn release(
    store: &Store,
    site: &SiteName,
    new: &NewRelease,
    body: &[u8],
    at: DateTime<Utc>,
    history: &[HistoryEntry],
) -> Result<Release, StoreError> {
    let upon = store.memory(site)?.release.map(|last| (last.id, last.progress.fetched_at));
    let files = ReleaseFiles { body, way_back: None };
    match store
        .release(site, &Premises { upon, ..Premises::default() }, new, files, at, |_| history.to_vec())?
    {
        Released::Made(release) => Ok(*release),
        refused @ (Released::MovedOn | Released::Paused | Released::NoRoom(_)) => panic!("{refused:?}"),
    }
}

/// The manager of `acme` gets this release.
pub(crate) fn fetch(release: i64) -> FetchRow {
    FetchRow {
        site: site("acme"),
        release,
        version: "2311260801".parse().unwrap(),
        peer: "10.20.0.2".parse().unwrap(),
        method: "GET".into(),
        status: 200,
        user_agent: Some("Gigaset N720 DM PRO/70.111".into()),
        by_manager: true,
        firmware: Some("70.111.00.000.00".parse().unwrap()),
        filled: Some(BTreeSet::from([slot(1), slot(7)])),
    }
}
