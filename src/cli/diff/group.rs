//! Which steps are told as one: swaps and moves within a site, and many equal ones that disturb nobody. And in which
//! section they are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::AlertKind;
use crate::domain::ids::SlotNumber;
use crate::domain::plan::{Action, Disposition, Impact, Relocation, Step};

/// More equal steps than these, which disturb nobody, are told in one paragraph.
const ALIKE: usize = 12;

/// Where in the plan something is told: what a person has to decide comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    NeedsApproval,
    Blocked,
    Ready,
    Waits,
}

impl Section {
    /// In the order in which they are told.
    pub(super) const ALL: [Self; 4] = [Self::NeedsApproval, Self::Blocked, Self::Ready, Self::Waits];

    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::NeedsApproval => "needs approval",
            Self::Blocked => "blocked otherwise",
            Self::Ready => "ready",
            Self::Waits => "waits",
        }
    }

    fn of(step: &Step) -> Self {
        match &step.disposition {
            Disposition::Blocked { alert: AlertKind::PlanNeedsApproval, .. } => Self::NeedsApproval,
            Disposition::Blocked { .. } => Self::Blocked,
            Disposition::Ready => Self::Ready,
            Disposition::Deferred { .. } => Self::Waits,
        }
    }
}

/// What is told in one paragraph.
#[derive(Debug)]
pub(super) enum Telling<'a> {
    /// One step.
    One(&'a Step),
    /// Steps that change the places of handsets among their slots.
    Places(Vec<&'a Step>),
    /// Many steps that differ by their slots alone.
    Alike(Vec<&'a Step>),
}

impl<'a> Telling<'a> {
    pub(super) fn steps(&self) -> &[&'a Step] {
        match self {
            Self::One(step) => std::slice::from_ref(step),
            Self::Places(steps) | Self::Alike(steps) => steps,
        }
    }

    /// Of several steps, the first one in the order of the sections counts.
    pub(super) fn section(&self) -> Section {
        self.steps().iter().map(|step| Section::of(step)).min().unwrap_or(Section::Ready)
    }
}

/// The plan's steps, each in one telling, in their order.
pub(super) fn tellings(steps: &[Step]) -> Vec<Telling<'_>> {
    let mut places: BTreeMap<SlotNumber, Vec<&Step>> = BTreeMap::new();
    let by_place = Places::of(steps);
    let mut alike: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        if let Some(place) = by_place.of_step(step) {
            places.entry(place).or_default().push(step);
        } else {
            alike.entry(kind(step)).or_default().push(step);
        }
    }
    let mut tellings = Vec::new();
    for step in steps {
        let together = match by_place.of_step(step) {
            Some(place) => places.remove(&place).map(|steps| match steps.as_slice() {
                [one] => Telling::One(one),
                _ => Telling::Places(steps),
            }),
            None if is_many(step, &alike) => alike.remove(&kind(step)).map(Telling::Alike),
            None => alike.contains_key(&kind(step)).then_some(Telling::One(step)),
        };
        tellings.extend(together);
    }
    tellings
}

fn is_many(step: &Step, alike: &BTreeMap<String, Vec<&Step>>) -> bool {
    let quiet = step.impact == Impact::None && step.relocation.is_none() && step.slot.is_some();
    quiet && alike.get(&kind(step)).is_some_and(|steps| steps.len() > ALIKE)
}

/// Equal for steps that may be told as one.
fn kind(step: &Step) -> String {
    let Step { action, impact, disposition, relocation, cause, slot: _, who: _, hits: _, why: _ } = step;
    format!("{action:?} {impact:?} {disposition:?} {relocation:?} {cause:?}")
}

/// The slots that handsets move between, each with the first of those that it is connected with.
struct Places(BTreeMap<SlotNumber, SlotNumber>);

impl Places {
    fn of(steps: &[Step]) -> Self {
        let mut groups: Vec<BTreeSet<SlotNumber>> = Vec::new();
        for (one, other) in steps.iter().filter_map(ends) {
            let (touched, mut apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| group.contains(&one) || group.contains(&other));
            apart.push(touched.into_iter().flatten().chain([one, other]).collect());
            groups = apart;
        }
        let first = |group: &BTreeSet<SlotNumber>| group.first().copied();
        let named = groups.iter().filter_map(|group| Some((first(group)?, group)));
        Self(named.flat_map(|(first, group)| group.iter().map(move |slot| (*slot, first))).collect())
    }

    /// Of a step that says something of the handset in its slot.
    fn of_step(&self, step: &Step) -> Option<SlotNumber> {
        match step.action {
            Action::Reserve | Action::Replace | Action::Deregister => self.0.get(&step.slot?).copied(),
            Action::Enrol
            | Action::ConfigureProvider
            | Action::SetPin
            | Action::ConfigureAccount
            | Action::OpenWindow
            | Action::ReopenWindow
            | Action::CloseWindow
            | Action::Fetch
            | Action::FollowFile => None,
        }
    }
}

/// The two slots of this site between which a handset moves.
fn ends(step: &Step) -> Option<(SlotNumber, SlotNumber)> {
    match step.relocation.as_ref()? {
        Relocation::Swap { with: other }
        | Relocation::From { slot: other }
        | Relocation::To { slot: other } => Some((step.slot?, *other)),
        Relocation::FromSite { .. } | Relocation::ToSite { .. } => None,
    }
}
