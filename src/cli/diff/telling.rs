//! One paragraph of the diff: a title, both sides, who is disturbed and what they must do, why, and what it waits for.

use std::collections::{BTreeMap, BTreeSet};

use super::super::paint::{Line, Tone};
use super::super::plan::{action, cause, disposition};
use super::group::Telling;
use super::sides::Sides;
use crate::domain::ids::SlotNumber;
use crate::domain::plan::{Hit, Impact, Relocation, Step};
use crate::domain::wording::ranges;

/// More phones than these that one step interrupts are told in one line: none of their users has to do anything.
const INTERRUPTED: usize = 6;

/// The lines of a paragraph; with what it waits for where `dispositions` says so.
pub(super) fn paragraph(telling: &Telling<'_>, sides: &Sides<'_>, dispositions: bool) -> Vec<Line> {
    let steps = telling.steps();
    let hits = hits(steps);
    let mut lines = vec![Line::new(Tone::Head, title(telling)).indented(2)];
    match telling {
        Telling::One(_) | Telling::Places(_) => {
            lines.extend(both_sides(steps, &hits, sides));
            lines.extend(disturbed(steps, &hits));
            lines.extend(steps.iter().map(|step| why(step)));
        }
        Telling::Alike(steps) => {
            lines.extend(disturbed(steps, &hits));
            lines.extend(steps.first().map(|step| {
                let others = format!("; and {} more like it", steps.len() - 1);
                why(step).and(Tone::Faint, others)
            }));
        }
    }
    if dispositions {
        let told: BTreeSet<String> = steps.iter().map(|step| disposition(&step.disposition)).collect();
        lines.extend(told.into_iter().map(|told| Line::new(Tone::Plain, told).indented(4)));
    }
    lines
}

fn title(telling: &Telling<'_>) -> String {
    match telling {
        Telling::One(step) => match moved(step) {
            Some(moved) => format!("{}: {moved}", one(step)),
            None => one(step),
        },
        Telling::Places(steps) => places(steps),
        Telling::Alike(steps) => {
            let slots: BTreeSet<SlotNumber> = steps.iter().filter_map(|step| step.slot).collect();
            let what = steps.first().map_or("", |step| action(step.action));
            format!("{what} {} slots: {}", steps.len(), ranges(&slots))
        }
    }
}

/// `reserve slot 2 (1014)`.
fn one(step: &Step) -> String {
    let slot = step.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
    let who = match step.who.len() {
        0 => String::new(),
        1..=INTERRUPTED => format!(" ({})", step.who.join(", ")),
        many => format!(" ({many} numbers)"),
    };
    format!("{}{slot}{who}", action(step.action))
}

/// `slots 1 and 2 change places`, `the handset of slot 5 moves to slot 1`.
fn places(steps: &[&Step]) -> String {
    let slots: BTreeSet<SlotNumber> = steps.iter().filter_map(|step| step.slot).collect();
    let sources: BTreeSet<SlotNumber> = steps
        .iter()
        .filter_map(|step| match step.relocation.as_ref()? {
            Relocation::Swap { with: from } | Relocation::From { slot: from } => Some(*from),
            Relocation::To { .. } | Relocation::FromSite { .. } | Relocation::ToSite { .. } => None,
        })
        .collect();
    if slots == sources {
        let numbers: Vec<String> = slots.iter().map(ToString::to_string).collect();
        if let Some((last, others)) = numbers.split_last() {
            let ring = if others.len() > 1 { " in a ring" } else { "" };
            return format!("slots {} and {last} change places{ring}", others.join(", "));
        }
    }
    let mut told: Vec<String> = Vec::new();
    for moved in steps.iter().filter_map(|step| moved(step)) {
        if !told.contains(&moved) {
            told.push(moved);
        }
    }
    told.join("; ")
}

/// The move of a single handset, the same words at both its ends.
fn moved(step: &Step) -> Option<String> {
    let slot = step.slot?;
    let words = |from: String, to: String| Some(format!("the handset of {from} moves to {to}"));
    match step.relocation.as_ref()? {
        Relocation::Swap { with: from } | Relocation::From { slot: from } => {
            words(format!("slot {from}"), format!("slot {slot}"))
        }
        Relocation::To { slot: to } => words(format!("slot {slot}"), format!("slot {to}")),
        Relocation::FromSite { site, slot: Some(from) } => {
            words(format!("slot {from} of site {site}"), format!("slot {slot}"))
        }
        Relocation::FromSite { site, slot: None } => {
            Some(format!("a handset of site {site} moves to slot {slot}"))
        }
        Relocation::ToSite { site, slot: to } => {
            words(format!("slot {slot}"), format!("slot {to} of site {site}"))
        }
    }
}

fn both_sides(steps: &[&Step], hits: &[&Hit], sides: &Sides<'_>) -> Vec<Line> {
    let told: Vec<_> = steps.iter().filter_map(|step| sides.of(step, hits)).collect();
    let is_elsewhere = |hit: &&&Hit| {
        hit.impact == Impact::Deregisters && steps.iter().all(|step| step.slot != Some(hit.slot))
    };
    let elsewhere = hits.iter().filter(is_elsewhere).map(|hit| sides.shown(hit.slot, hit.ipui));
    let goes = told.iter().map(|side| side.is.clone()).chain(elsewhere);
    let goes = goes.map(|side| Line::new(Tone::Goes, format!("- {side}")).indented(4));
    let comes = told.iter().map(|side| Line::new(Tone::Comes, format!("+ {}", side.wanted)).indented(4));
    goes.chain(comes).collect()
}

/// Each phone once: both steps of a swap name both.
fn hits<'a>(steps: &[&'a Step]) -> Vec<&'a Hit> {
    let mut by_slot: BTreeMap<SlotNumber, &Hit> = BTreeMap::new();
    for hit in steps.iter().flat_map(|step| &step.hits) {
        let known = by_slot.entry(hit.slot).or_insert(hit);
        if known.impact < hit.impact {
            *known = hit;
        }
    }
    by_slot.into_values().collect()
}

fn disturbed(steps: &[&Step], hits: &[&Hit]) -> Vec<Line> {
    let (interrupted, others): (Vec<&Hit>, Vec<&Hit>) =
        hits.iter().partition(|hit| hit.impact == Impact::Interrupts);
    let mut lines: Vec<Line> = others.into_iter().map(disturbs).collect();
    match interrupted.as_slice() {
        [first, ..] if interrupted.len() > INTERRUPTED => {
            let slots = interrupted.iter().map(|hit| hit.slot).collect();
            let told = format!("{} phones are interrupted, slots {}", interrupted.len(), ranges(&slots));
            lines.push(phone(Tone::Interrupts, told, &first.afterwards));
        }
        few => lines.extend(few.iter().map(|hit| disturbs(hit))),
    }
    if lines.is_empty() {
        lines.extend(unnamed(steps));
    }
    lines
}

/// What is said of steps that name nobody.
fn unnamed(steps: &[&Step]) -> Option<Line> {
    let impact = steps.iter().map(|step| step.impact).max()?;
    let (tone, words) = match impact {
        Impact::None => (Tone::Faint, "disturbs nobody"),
        Impact::Interrupts => (Tone::Interrupts, "interrupts phones"),
        Impact::Deregisters => (Tone::Deregisters, "may deregister a handset; no page tells which"),
    };
    Some(Line::new(tone, words).indented(4))
}

fn disturbs(hit: &Hit) -> Line {
    let named = name(hit);
    match hit.impact {
        Impact::Deregisters => {
            phone(Tone::Deregisters, format!("{named} loses its registration"), &hit.afterwards)
        }
        Impact::Interrupts => phone(Tone::Interrupts, format!("{named} is interrupted"), &hit.afterwards),
        Impact::None => phone(Tone::Faint, format!("{named} is not disturbed"), &hit.afterwards),
    }
}

fn phone(tone: Tone, what: String, afterwards: &str) -> Line {
    Line::new(tone, what).and(Tone::Plain, format!("; afterwards: {afterwards}")).indented(4)
}

/// `Reception (1013) in slot 1`.
fn name(hit: &Hit) -> String {
    match (&hit.display_name, &hit.user) {
        (Some(name), Some(user)) if name != user => format!("{name} ({user}) in slot {}", hit.slot),
        (Some(one), _) | (None, Some(one)) => format!("{one} in slot {}", hit.slot),
        (None, None) => format!("the handset in slot {}", hit.slot),
    }
}

fn why(step: &Step) -> Line {
    Line::new(Tone::Faint, format!("why: {}{}", step.why, cause(step.cause))).indented(4)
}
