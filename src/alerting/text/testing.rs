//! Messages to read in the tests: one alert of every kind, as the conditions put it, at a site in Berlin.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::alerting::message::{Entry, Message, SiteFacts, Subject};
use crate::alerting::pipeline::Group;
use crate::domain::alert::{Alert, AlertKind, AlertState, HandsetNote, Severity};
use crate::domain::attention::Acknowledgement;
use crate::domain::memory::Registration;
use crate::domain::notification::Reason;

/// So many minutes after 04:00 in Berlin, in a winter night.
pub(super) fn at(minutes: i64) -> DateTime<Utc> {
    time("2026-11-24T04:00:00+01:00").to_utc() + TimeDelta::minutes(minutes)
}

pub(super) fn time(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).unwrap()
}

pub(super) fn berlin() -> SiteFacts {
    SiteFacts {
        name: "acme-berlin".parse().unwrap(),
        description: "ACME GmbH, Berlin".to_owned(),
        contact: "Frau Weber, +49 30 123456".to_owned(),
        time_zone: Tz::Europe__Berlin,
        labels: BTreeMap::from([("customer".to_owned(), "acme".to_owned())]),
    }
}

pub(super) fn handset(number: u8, name: Option<&str>) -> HandsetNote {
    HandsetNote {
        number: number.try_into().unwrap(),
        ipui: Some(format!("02 9E 74 A5 {number:02X}").parse().unwrap()),
        user: Some(format!("10{number:02}")),
        display_name: name.map(str::to_owned),
        registration: Registration::Pending,
        evidence: "listed as pending on the status page".to_owned(),
        evidence_at: None,
        instruction:
            "start registration on the handset and type the PIN 1234; do so before 2026-11-24 06:00 +01:00"
                .to_owned(),
        pin: Some("1234".to_owned()),
        until: Some(time("2026-11-24T06:00:00+01:00")),
    }
}

fn idle(handset: HandsetNote) -> HandsetNote {
    HandsetNote { registration: Registration::Registered, ..handset.without_task() }
}

/// What the conditions say of each kind: severity, phase, summary.
const SAID: [(AlertKind, Severity, &str, &str); 24] = [
    (
        AlertKind::WindowClosing,
        Severity::Critical,
        "under 2 h",
        "the registration window closes at 2026-11-24 06:00 +01:00 and 2 handsets are not registered: slot 2 Workshop \
             (1002), slot 3 Store (1003)",
    ),
    (
        AlertKind::WindowExpiredUnfilled,
        Severity::Critical,
        "closed 1",
        "the registration window closed at 2026-11-24 04:00 +01:00 and 1 handset is not registered: slot 2 Workshop (1002); \
             n720d opens it again for them at 2026-11-24 07:00 +01:00",
    ),
    (
        AlertKind::HandsetLost,
        Severity::Critical,
        "",
        "1 handset was registered and is not any more: slot 2 Workshop (1002), probably deregistered by hand",
    ),
    (
        AlertKind::Drift,
        Severity::Warning,
        "by hand: configure-account slot 2",
        "the DECT manager was changed by hand and is being put back: the display name of slot 2 is \"Werkstatt\", the site file \
             says \"Workshop\"; change the site file instead",
    ),
    (
        AlertKind::PlanNeedsApproval,
        Severity::Warning,
        "replace slot 2",
        "a working handset would be deregistered by: replace the handset of slot 2 (extensions 1002); slot 2 holds 02 9E 74 \
             A5 02, the site file says 02 9E 74 A5 99; nobody has approved it; nothing is done without a person: see `n720d \
             plan acme-berlin`",
    ),
    (
        AlertKind::PushIneffective,
        Severity::Critical,
        "reserve slot 2",
        "what was released changed nothing, twice: reserve slot 2; it is not released again; `n720d status acme-berlin` shows \
             what to look at; when the cause is mended: correct the site file, or `n720d apply acme-berlin --retry-push`",
    ),
    (
        AlertKind::PushFailed,
        Severity::Warning,
        "overdue",
        "the DECT manager did not fetch what was released at 2026-11-24 02:00 UTC: no fetch within the time expected; check the \
             address it fetches from and that it reaches n720d",
    ),
    (
        AlertKind::Unreachable,
        Severity::Critical,
        "",
        "the DECT manager at 10.20.0.2 cannot be reached: connection timed out after 5 s; check its power and the network",
    ),
    (
        AlertKind::LoginRefused,
        Severity::Critical,
        "refused",
        "the DECT manager at 10.20.0.2 refused the web password; it is not tried again until the secret changes or somebody \
             runs `n720d poll acme-berlin --retry-login`",
    ),
    (
        AlertKind::SessionBusy,
        Severity::Info,
        "",
        "somebody else is logged in at the web interface of the DECT manager at 10.20.0.2, for 12 min or longer; n720d never \
             takes over; ask them to log out",
    ),
    (
        AlertKind::PageNotUnderstood,
        Severity::Warning,
        "pending handsets",
        "pages of the DECT manager at 10.20.0.2 are not understood: pending handsets (the page was cut); nothing is concluded \
             from them; `n720d observe` with --record keeps them for a look",
    ),
    (
        AlertKind::FirmwareTooOld,
        Severity::Warning,
        "70.106.00.000.00",
        "the DECT manager runs firmware 70.106.00.000.00, which does not know registration by IPUI; it needs 70.108 or higher; \
             nothing is written to it",
    ),
    (
        AlertKind::WrongDevice,
        Severity::Critical,
        "7C2F80000001",
        "another device answers at 10.20.0.2: its MAC is 7C2F80000001, the site file says 7C2F80CA21E4; nothing is written to \
             it; check the address, or the MAC in the site file",
    ),
    (
        AlertKind::ClockSkew,
        Severity::Warning,
        "fast",
        "the DECT manager's clock is 1 h fast; registration windows are written for that clock, which helps as long as it keeps \
             its pace; check its time server and time zone",
    ),
    (
        AlertKind::ForeignReservation,
        Severity::Warning,
        "01 02 03 04 05",
        "the DECT manager has reservations that the site file does not list: 01 02 03 04 05 (for slot 7, no site file in force \
             lists it); list them, or remove them on its web page",
    ),
    (
        AlertKind::WindowExposed,
        Severity::Warning,
        "for nobody",
        "the registration window has no end with the PIN 0000, and no handset is expected: a handset fresh from the factory may \
             come in unasked; close it on the manager's web page, give it an end in the site file, or set close_when_filled there",
    ),
    (
        AlertKind::SiteFileInvalid,
        Severity::Warning,
        "sites/acme-berlin.toml",
        "a reload changed nothing, because files have errors: sites/acme-berlin.toml; what was in force before still is; mend them by what 'n720d check' says, then run 'n720d reload'",
    ),
    (
        AlertKind::SecretMissing,
        Severity::Critical,
        "keyring:acme-berlin/web",
        "secrets of this site cannot be resolved: keyring:acme-berlin/web; what needs them waits; provide them and reload n720d",
    ),
    (
        AlertKind::ObservationStale,
        Severity::Warning,
        "",
        "the DECT manager at 10.20.0.2 has not been read for 31 min; what n720d says of this site is as old as that",
    ),
    (
        AlertKind::PauseForgotten,
        Severity::Warning,
        "",
        "paused by anna until somebody resumes: cable works; that is since 2026-11-23 04:00 +01:00; what waits for it: set the \
             account of slots 1, 2; end it with 'n720d resume acme-berlin'",
    ),
    (
        AlertKind::RolloutStopped,
        Severity::Critical,
        "canary acme-berlin",
        "canary acme-berlin of the site files taken in force at 2026-11-24 02:50 UTC came to harm: slot 2 was lost; nothing more of \
             it is released there, and nothing at the other sites of 120 that changed; look at that site, correct its file and \
             reload; with [rollout] canary = 0 a reload goes on without canaries",
    ),
    (
        AlertKind::PasswordNotStored,
        Severity::Warning,
        "",
        "the web password was changed, and n720d alone knows the new one: it is a credential; read it with `n720d \
             rotate-password acme-berlin --show` and put it where the site file's password points",
    ),
    (
        AlertKind::SinkFailing,
        Severity::Warning,
        "",
        "the alert sink mail has taken nothing since 2026-11-24 02:45 +00:00: connection refused; nobody is told through it until it does, and then what holds at that time; look at its settings and at the receiver, then run 'n720d alerts test mail'",
    ),
    (AlertKind::Test, Severity::Info, "", "somebody tries this sink; nothing is wrong"),
];

/// Whose handsets it is about.
fn handsets(kind: AlertKind) -> Vec<HandsetNote> {
    let workshop = handset(2, Some("Workshop"));
    match kind {
        AlertKind::WindowClosing => vec![workshop, handset(3, Some("Store"))],
        AlertKind::WindowExpiredUnfilled => vec![HandsetNote {
            instruction: "the registration window is closed; wait until n720d opens it at 2026-11-24 07:00 +01:00; then start \
                          registration on the handset and type the PIN 1234"
                .to_owned(),
            until: None,
            ..workshop
        }],
        AlertKind::HandsetLost => vec![workshop],
        AlertKind::Drift | AlertKind::PlanNeedsApproval | AlertKind::PushIneffective => vec![idle(workshop)],
        AlertKind::PushFailed
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
        | AlertKind::Test => Vec::new(),
    }
}

fn readings(kind: AlertKind) -> Vec<String> {
    let lines: &[&str] = if kind == AlertKind::PushIneffective {
        &[
            "shown: slot 2 is reserved for nobody",
            "pushed: VERSION 2411260300, released 2026-11-24 03:00:00 +01:00, fetched 2026-11-24 03:00:09 +01:00 from 10.20.0.2",
            "look at the VERSION: the manager had fetched another file with 2411260300 before",
        ]
    } else if kind == AlertKind::SiteFileInvalid {
        &["sites/acme-berlin.toml:12:8: slot.ipui: found \"02 B6\", expected ten hex digits"]
    } else {
        &[]
    };
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// Whether it is told of the fleet.
fn of_fleet(kind: AlertKind) -> bool {
    [AlertKind::SiteFileInvalid, AlertKind::RolloutStopped, AlertKind::SinkFailing, AlertKind::Test]
        .contains(&kind)
}

/// An alert of this kind that fires since 04:00.
pub(super) fn alert(kind: AlertKind) -> Alert {
    let (_, severity, phase, summary) = SAID.into_iter().find(|(one, ..)| *one == kind).unwrap();
    let site = if of_fleet(kind) { "fleet" } else { "acme-berlin" };
    let subject = if kind == AlertKind::SinkFailing { "/mail" } else { "" };
    Alert {
        id: format!("{site}/{kind}{subject}"),
        kind,
        severity,
        summary: summary.to_owned(),
        phase: phase.to_owned(),
        since: at(0),
        state: AlertState::Firing,
        resolved_at: None,
        handsets: handsets(kind),
        readings: readings(kind),
        unwatched: false,
    }
}

/// The same, over after ten minutes.
pub(super) fn resolved(alert: Alert) -> Alert {
    Alert { state: AlertState::Resolved, resolved_at: Some(at(10)), ..alert }
}

pub(super) fn entry(site: &SiteFacts, alert: Alert, news: Option<Reason>) -> Entry {
    let id = alert.id.split_once('/').map(|(_, rest)| format!("{}/{rest}", site.name));
    let alert = Alert { id: id.unwrap_or(alert.id), ..alert };
    Entry { site: Arc::new(site.clone()), alert: Arc::new(alert), acknowledged: None, news }
}

/// A message about the site of its first entry, so many minutes after 04:00.
pub(super) fn message(reason: Reason, minutes: i64, entries: Vec<Entry>) -> Message {
    let subject = Subject::Site(Arc::clone(&entries[0].site));
    let group = Group::Site(subject.site());
    Message { id: "msg_7f3a".to_owned(), reason, subject, group, entries, at: at(minutes) }
}

/// A message about one alert of this kind.
pub(super) fn told(kind: AlertKind, reason: Reason) -> Message {
    let site = if of_fleet(kind) { SiteFacts::of_fleet() } else { berlin() };
    let (minutes, alert) = match reason {
        Reason::First => (0, alert(kind)),
        Reason::Changed => (30, alert(kind)),
        Reason::Repeat => (240, alert(kind)),
        Reason::Resolved => (11, resolved(alert(kind))),
    };
    message(reason, minutes, vec![entry(&site, alert, Some(reason))])
}

/// A message about many sites, `storm` or by label.
pub(super) fn several(reason: Reason, storm: bool, entries: Vec<Entry>) -> Message {
    let labels = BTreeMap::from([("region".to_owned(), "north".to_owned())]);
    Message { subject: Subject::Several { labels, storm }, ..message(reason, 12, entries) }
}

/// The site of this number.
pub(super) fn numbered(number: usize) -> SiteFacts {
    SiteFacts {
        name: format!("site-{number:05}").parse().unwrap(),
        description: format!("Branch {number}"),
        contact: if number.is_multiple_of(2) { String::new() } else { format!("+49 30 {number:05}") },
        ..berlin()
    }
}

/// So many sites that cannot be reached, one a second.
pub(super) fn unreachable(sites: usize) -> Vec<Entry> {
    let one = |number: usize| {
        let since = at(0) + TimeDelta::seconds(i64::try_from(number).unwrap());
        let alert = Alert { since, ..alert(AlertKind::Unreachable) };
        entry(&numbered(number), alert, Some(Reason::First))
    };
    (1..=sites).map(one).collect()
}

pub(super) fn taken(entry: Entry, note: &str, until: Option<DateTime<Utc>>) -> Entry {
    let acknowledged = Acknowledgement {
        alert: entry.alert.id.clone(),
        since: entry.alert.since,
        by: "anna".to_owned(),
        note: note.to_owned(),
        at: at(5),
        until,
    };
    let alert = Alert { state: AlertState::Acknowledged, ..Alert::clone(&entry.alert) };
    Entry { acknowledged: Some(acknowledged), alert: Arc::new(alert), ..entry }
}
