//! Holds what a turn came to against what a step of a case expects, in the words of the case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chrono_tz::Tz;

use n720d::domain::alert::{Alert, AlertState};
use n720d::domain::content::{HandsetCode, SlotContent};
use n720d::domain::ids::{Ipui, SlotNumber};
use n720d::domain::loss::LossCause;
use n720d::domain::memory::{Registration, SlotRecord};
use n720d::domain::neighbours::Elsewhere;
use n720d::domain::plan::{Disposition, Impact, Relocation, Step as PlanStep};
use n720d::domain::turn::Turn;

use crate::case::Step;
use crate::site;

/// Everything that differs, a line each. `asked` are the slots whose editor page the cycle asked for.
pub(crate) fn differences(step: &Step, turn: &Turn, asked: &BTreeSet<SlotNumber>, tz: Tz) -> Vec<String> {
    let mut wrong = Differences::default();
    editor_pages(step, asked, &mut wrong);
    verdicts(step, turn, tz, &mut wrong);
    alerts(step, turn, &mut wrong);
    plan(step, turn, &mut wrong);
    moved(step, turn, &mut wrong);
    window(step, turn, &mut wrong);
    ledger(step, turn, tz, &mut wrong);
    wrong.0
}

/// What differs, for people.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T, more: &str) {
        if found != expected {
            self.0.push(format!("{what}: found {found:?}, expected {expected:?} {more}"));
        }
    }

    fn contains(&mut self, what: &str, found: &str, part: &str) {
        if !found.contains(part) {
            self.0.push(format!("{what}: {found:?} lacks {part:?}"));
        }
    }
}

fn editor_pages(step: &Step, asked: &BTreeSet<SlotNumber>, wrong: &mut Differences) {
    let asked = bare(asked);
    if let Some(expected) = &step.asked {
        wrong.compare("editor pages asked for", &asked, expected, "");
    }
    let given: BTreeSet<u8> = step.editors.keys().map(|slot| slot.parse().unwrap()).collect();
    wrong.compare("editor pages given and not asked for", &(&given - &asked), &BTreeSet::new(), "");
}

fn verdicts(step: &Step, turn: &Turn, tz: Tz, wrong: &mut Differences) {
    let slots = &turn.memory.slots;
    let found: BTreeMap<String, Registration> =
        slots.iter().map(|(slot, record)| (slot.to_string(), record.registration)).collect();
    let evidence = slots.iter().map(|(slot, record)| format!("{slot}: {}", record.evidence));
    let evidence = format!("\n    {}", evidence.collect::<Vec<_>>().join("\n    "));
    wrong.compare("verdicts", &found, &step.expect, &evidence);
    let record = |slot: &String| slots.get(&site::slot(slot.parse().unwrap()));
    for (slot, part) in &step.evidence {
        let evidence = record(slot).map_or("", |record| record.evidence.as_str());
        wrong.contains(&format!("evidence of slot {slot}"), evidence, part);
    }
    for (slot, part) in &step.conflicts {
        let conflicts = record(slot).map_or(&[][..], |record| &record.conflicts);
        let told: Vec<&str> = conflicts.iter().map(|conflict| conflict.evidence.as_str()).collect();
        if part.is_empty() {
            wrong.compare(&format!("conflicts of slot {slot}"), &told, &Vec::new(), "");
        } else {
            wrong.contains(&format!("conflicts of slot {slot}"), &told.join("; "), part);
        }
    }
    for (slot, word) in &step.cause {
        let cause = record(slot).and_then(|record| record.cause).map(LossCause::as_str);
        wrong.compare(&format!("cause of slot {slot}"), &cause, &Some(word.as_str()), &evidence);
    }
    for (slot, place) in &step.seen_elsewhere {
        let found = record(slot).and_then(|record| record.elsewhere.as_ref()).map(Elsewhere::place);
        wrong.compare(&format!("slot {slot} elsewhere"), &found, &Some(place.clone()), "");
    }
    let mut times = |what: &str, expected: &BTreeMap<String, String>, of: fn(&SlotRecord) -> _| {
        for (slot, time) in expected {
            let found = record(slot).map(of);
            wrong.compare(&format!("slot {slot} {what}"), &found, &Some(site::instant(time, tz)), "");
        }
    };
    times("since", &step.since, |record| record.since);
    times("seen at", &step.seen_at, |record| record.seen_at);
}

fn alerts(step: &Step, turn: &Turn, wrong: &mut Differences) {
    let firing: Vec<&Alert> =
        turn.memory.alerts.iter().filter(|alert| alert.state == AlertState::Firing).collect();
    let summaries: Vec<String> = firing.iter().map(|alert| format!("\n    {}", alert.summary)).collect();
    let found: BTreeSet<String> = firing.iter().map(|alert| in_short(alert)).collect();
    wrong.compare("alerts", &found, &step.alerts, &summaries.concat());
    let of_kind = |kind| firing.iter().find(|alert| alert.kind == kind);
    for (kind, part) in &step.says {
        let summary = of_kind(*kind).map_or("", |alert| alert.summary.as_str());
        wrong.contains(&format!("{kind}"), summary, part);
    }
    for (kind, severity) in &step.severity {
        let found = of_kind(*kind).map(|alert| alert.severity);
        wrong.compare(&format!("severity of {kind}"), &found, &Some(*severity), "");
    }
}

/// The kind and the slots of its handsets: `handset-lost 1 2`.
fn in_short(alert: &Alert) -> String {
    let slots = alert.handsets.iter().map(|handset| format!(" {}", handset.number));
    format!("{}{}", alert.kind, slots.collect::<String>())
}

fn plan(step: &Step, turn: &Turn, wrong: &mut Differences) {
    if let Some(expected) = &step.steps {
        let found: Vec<String> = turn.plan.steps.iter().map(as_written).collect();
        let why: Vec<String> = turn.plan.steps.iter().map(|step| format!("\n    {}", step.why)).collect();
        wrong.compare("plan", &found, expected, &why.concat());
    }
    for (name, part) in &step.why {
        let named = turn.plan.steps.iter().find(|one| as_written(one).starts_with(&format!("{name}: ")));
        wrong.contains(&format!("why {name}"), named.map_or("", |one| one.why.as_str()), part);
    }
    if let Some(expected) = &step.writes {
        let file = turn.plan.orders.release.as_ref().and_then(|release| release.content.window);
        let found =
            file.map(|window| format!("{} for {} s", window.start.format("%Y-%m-%dT%H:%M"), window.seconds));
        wrong.compare("window of the file", &found.unwrap_or_default(), expected, "");
    }
    if let Some(expected) = step.in_effect {
        let release = turn.memory.release.as_ref();
        let found = release.is_some_and(|release| release.progress.verified_at.is_some());
        wrong.compare("in effect", &found, &expected, "");
    }
}

/// Whom the plan hits, and who changes places.
fn moved(step: &Step, turn: &Turn, wrong: &mut Differences) {
    let steps = &turn.plan.steps;
    if let Some(expected) = &step.deregisters {
        let told = |one: &PlanStep| {
            let lost = one.hits.iter().filter(|hit| hit.impact == Impact::Deregisters);
            let lost: Vec<String> = lost.map(|hit| format!("{} in {}", letter(hit.ipui), hit.slot)).collect();
            (!lost.is_empty()).then(|| (named(one), lost.join(", ")))
        };
        let found: BTreeMap<String, String> = steps.iter().filter_map(told).collect();
        wrong.compare("deregisters", &found, expected, "");
    }
    if let Some(expected) = &step.moves {
        let told = |one: &PlanStep| Some((named(one), in_words(one.relocation.as_ref()?)));
        let found: BTreeMap<String, String> = steps.iter().filter_map(told).collect();
        wrong.compare("moves", &found, expected, "");
    }
    for (name, part) in &step.afterwards {
        let (of, slot) = name.rsplit_once(" in ").unwrap();
        let hits = steps.iter().filter(|one| named(one) == of).flat_map(|one| &one.hits);
        let hit = hits.into_iter().find(|hit| hit.slot.to_string() == slot);
        wrong.contains(&format!("afterwards {name}"), hit.map_or("", |hit| hit.afterwards.as_str()), part);
    }
    for (name, part) in &step.waits {
        let one = steps.iter().find(|one| named(one) == *name);
        let found = one.map_or("", |one| match &one.disposition {
            Disposition::Ready => "",
            Disposition::Deferred { reason, .. } | Disposition::Blocked { reason, .. } => reason.as_str(),
        });
        wrong.contains(&format!("waits {name}"), found, part);
    }
    if let Some(expected) = &step.codes {
        let content = turn.plan.orders.release.iter().flat_map(|release| &release.content.slots);
        let told = |(slot, content): (&SlotNumber, &SlotContent)| {
            let code = match content.handset? {
                HandsetCode::Reserve(ipui) => letter(Some(ipui)),
                HandsetCode::Clear => "none".to_owned(),
            };
            Some((slot.to_string(), code))
        };
        let found: BTreeMap<String, String> = content.filter_map(told).collect();
        wrong.compare("codes", &found, expected, "");
    }
}

fn in_words(relocation: &Relocation) -> String {
    let numbered = |slot: &Option<SlotNumber>| slot.map_or("?".to_owned(), |slot| slot.to_string());
    match relocation {
        Relocation::Swap { with } => format!("swap with {with}"),
        Relocation::From { slot } => format!("from {slot}"),
        Relocation::To { slot } => format!("to {slot}"),
        Relocation::FromSite { site, slot } => format!("from {site} {}", numbered(slot)),
        Relocation::ToSite { site, slot } => format!("to {site} {slot}"),
    }
}

/// The letter that a case calls a handset by.
fn letter(ipui: Option<Ipui>) -> String {
    ipui.map_or_else(|| "somebody".to_owned(), |ipui| char::from(ipui.bytes()[4]).to_string())
}

/// `reserve 1`.
fn named(step: &PlanStep) -> String {
    let slot = step.slot.map(|slot| format!(" {slot}")).unwrap_or_default();
    format!("{}{slot}", step.action.as_str())
}

/// `reserve 1: ready`.
fn as_written(step: &PlanStep) -> String {
    let disposition = match &step.disposition {
        Disposition::Ready => "ready".to_owned(),
        Disposition::Deferred { .. } => "deferred".to_owned(),
        Disposition::Blocked { alert, .. } => format!("blocked ({alert})"),
    };
    format!("{}: {disposition}", named(step))
}

fn window(step: &Step, turn: &Turn, wrong: &mut Differences) {
    let status = &turn.status.window;
    if let Some(expected) = step.window {
        wrong.compare("window", &status.state, &expected, "");
    }
    let times =
        [("opens at", status.opens_at, &step.opens_at), ("closes at", status.closes_at, &step.closes_at)];
    for (what, found, expected) in times {
        if let Some(expected) = expected {
            let found = found.map(|at| at.format("%Y-%m-%dT%H:%M%:z").to_string());
            wrong.compare(&format!("window {what}"), &found, &Some(expected.clone()), "");
        }
    }
    if let Some(expected) = step.reopened {
        wrong.compare("reopened", &status.reopened, &expected, "");
    }
}

fn ledger(step: &Step, turn: &Turn, tz: Tz, wrong: &mut Differences) {
    let windows = &turn.memory.windows;
    if let Some(expected) = step.windows {
        wrong.compare("windows", &windows.len(), &expected, "");
    }
    let last = windows.last();
    if let Some(expected) = &step.missing_at_end {
        let found = last.and_then(|window| window.missing_at_end.as_ref()).map(bare);
        wrong.compare("missing at the end", &found, &Some(expected.clone()), "");
    }
    if let Some(expected) = &step.arrivals {
        let arrivals = last.into_iter().flat_map(|window| &window.arrivals);
        let found: BTreeMap<_, _> = arrivals.map(|(slot, one)| (slot.to_string(), one.seen_at)).collect();
        let expected = expected.iter().map(|(slot, at)| (slot.clone(), site::instant(at, tz))).collect();
        wrong.compare("arrivals", &found, &expected, "");
    }
}

fn bare(slots: &BTreeSet<SlotNumber>) -> BTreeSet<u8> {
    slots.iter().map(|slot| slot.number()).collect()
}
