//! A plan as a person reads it who decides about it: what is, what is wanted, whose phone is disturbed and what that
//! person must do, why, and what each step waits for. What needs an approval comes first.
//!
//! Says what the plan says and judges nothing. The same in short is `plan::print_steps`.

mod group;
mod sides;
mod telling;

use std::collections::BTreeSet;

use self::group::{Section, Telling};
use self::sides::Sides;
use super::approve;
use super::paint::{Line, Tone};
use super::plan::instant;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SlotNumber;
use crate::domain::observed::Observation;
use crate::domain::plan::{Disposition, Impact, Step};
use crate::domain::release::Generation;
use crate::domain::status::PlanStatus;

/// The plan of a site, from its head to the command that approves it; nothing where there is nothing to do.
pub(super) fn lines(plan: &PlanStatus, desired: &DesiredSite, seen: &Observation) -> Vec<Line> {
    let steps = &plan.steps;
    if steps.is_empty() {
        return Vec::new();
    }
    let sides = Sides { desired, seen };
    let site = &desired.name;
    let hash = plan.hash.as_ref().map(Generation::to_string).unwrap_or_default();
    let mut lines =
        vec![Line::new(Tone::Head, format!("{site}: plan {hash}")).and(Tone::Plain, counts(steps))];
    lines.extend(plan.approval.iter().map(|approval| {
        Line::new(Tone::Plain, format!("approval {}", approve::shown(approval))).indented(2)
    }));
    let tellings = group::tellings(steps);
    for section in Section::ALL {
        let told: Vec<&Telling<'_>> = tellings.iter().filter(|one| one.section() == section).collect();
        lines.extend(of_section(section, &told, &sides));
    }
    if tellings.iter().any(|one| one.section() == Section::NeedsApproval) {
        lines.push(Line::default());
        lines.push(
            Line::new(Tone::Plain, "to approve: ").and(Tone::Head, format!("n720d approve {site} {hash}")),
        );
    }
    lines
}

/// `, 4 steps: 2 deregister (2 handsets), 1 interrupts, 1 disturbs nobody`: several steps may hit the same handset.
fn counts(steps: &[Step]) -> String {
    let count = |impact| steps.iter().filter(|step| step.impact == impact).count();
    let hits = steps.iter().flat_map(|step| &step.hits);
    let lost: BTreeSet<SlotNumber> =
        hits.filter(|hit| hit.impact == Impact::Deregisters).map(|hit| hit.slot).collect();
    let handsets = match lost.len() {
        0 => String::new(),
        1 => " (1 handset)".to_owned(),
        many => format!(" ({many} handsets)"),
    };
    let words = [
        (count(Impact::Deregisters), "deregisters", "deregister", handsets.as_str()),
        (count(Impact::Interrupts), "interrupts", "interrupt", ""),
        (count(Impact::None), "disturbs nobody", "disturb nobody", ""),
    ];
    let told = words.into_iter().filter(|(count, ..)| *count > 0).map(|(count, one, several, whom)| {
        let word = if count == 1 { one } else { several };
        format!("{count} {word}{whom}")
    });
    let steps = if steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", steps.len()) };
    format!(", {steps}: {}", told.collect::<Vec<_>>().join(", "))
}

/// Its heading and what is under it. What all of it waits for is said once.
fn of_section(section: Section, told: &[&Telling<'_>], sides: &Sides<'_>) -> Vec<Line> {
    let steps = told.iter().flat_map(|one| one.steps());
    let reasons: BTreeSet<String> = steps.map(|step| reason(&step.disposition)).collect();
    let mut lines = Vec::new();
    if let Some(first) = reasons.first() {
        let shared = reasons.len() == 1;
        lines.push(Line::default());
        let heading = Line::new(Tone::Head, section.heading());
        let reason = if shared && !first.is_empty() { format!(": {first}") } else { String::new() };
        lines.push(heading.and(Tone::Plain, reason));
        for one in told {
            lines.extend(telling::paragraph(one, sides, !shared));
        }
    }
    lines
}

/// What a step waits for; nothing for one that is ready.
fn reason(disposition: &Disposition) -> String {
    match disposition {
        Disposition::Ready => String::new(),
        Disposition::Deferred { reason, until: None } | Disposition::Blocked { reason, .. } => reason.clone(),
        Disposition::Deferred { reason, until: Some(until) } => {
            format!("{reason} (until {})", instant(*until))
        }
    }
}

#[cfg(test)]
mod tests;
