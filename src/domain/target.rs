//! What would be released now: the content of the site file, less what would deregister anybody or cannot be known.

use std::collections::{BTreeMap, BTreeSet};

use super::compose;
use super::content::{HandsetCode, ReleaseContent};
use super::desired::DesiredSlot;
use super::drift::{self, DriftItem};
use super::fingerprint;
use super::ids::{Ipui, SlotNumber};
use super::observed::Observation;
use super::opening::{self, Opening};
use super::plan::{Action, Impact, NewRelease, WindowEntry};
use super::planner::PlanInput;
use super::release::{Generation, PastRelease, Release};
use super::sighting::{Sighting, Standing};
use super::status::WindowState;
use super::version;
use super::window;

/// What would be released now, and the differences it would mend.
pub(super) struct Target {
    pub(super) items: Vec<DriftItem>,
    pub(super) missing_secrets: BTreeMap<SlotNumber, String>,
    /// The window to open or close now.
    pub(super) opening: Option<Opening>,
    /// The window to open again when the site's schedule allows it.
    pub(super) later: Option<Opening>,
    pub(super) content: ReleaseContent,
    pub(super) content_id: Generation,
    parts: BTreeMap<String, Generation>,
    /// Slots whose handset code might deregister somebody, or of which nothing is known.
    in_doubt: BTreeSet<SlotNumber>,
    /// Slots whose registered handset's number was not asked for in this session.
    pub(super) unasked: BTreeSet<SlotNumber>,
}

impl Target {
    /// `None` when the mobile devices page was not read: nothing follows from it then.
    pub(super) fn aim(input: &PlanInput<'_>, observation: &Observation) -> Option<Self> {
        let sighting = Sighting::new(observation, input.memory)?;
        let missing_secrets = compose::missing_secrets(input.desired, input.secrets);
        let wanted = wanted_parts(input);
        let mut items = drift::drift(input.desired, observation, input.memory, &wanted);
        let standings = standings(input, &sighting);
        let withheld = Withheld::sort(&items, &standings, &missing_secrets);
        let missing = standings
            .iter()
            .filter(|(slot, standing)| standing.is_awaited() && !withheld.slots.contains(slot))
            .map(|(&slot, _)| slot)
            .collect();
        let (later, mut opening): (Option<Opening>, Option<Opening>) =
            match choose_window(input, observation, &wanted, &missing) {
                Some(opening) if opening.until.is_some() => (Some(opening), None),
                opening => (None, opening),
            };
        if opening.is_some() && items.is_empty() && drift::in_place(input.memory).is_none() {
            items = drift::unseen_of_manager(input.desired, observation, input.memory, &wanted);
        }
        let (mut content, logical) = contents(input, &withheld, &missing, opening.as_ref());
        // What ends a window has to be released along with a reservation; where none can be, it ends by itself.
        if opening
            .as_ref()
            .is_some_and(|opening| opening.action == Action::CloseWindow && !content.reserves())
        {
            opening = None;
            (content, _) = contents(input, &withheld, &missing, None);
        }
        Some(Self {
            content_id: fingerprint::content_id(&content, input.key),
            parts: fingerprint::parts(&logical, input.key),
            in_doubt: withheld.handsets,
            unasked: sighting.unasked(),
            items,
            missing_secrets,
            opening,
            later,
            content,
        })
    }

    /// Whether the last release carries exactly this, or, while it waits to be fetched, also slots that could not be
    /// released now because a secret cannot be resolved at the moment.
    pub(super) fn is_released(&self, input: &PlanInput<'_>) -> bool {
        input.memory.release.as_ref().is_some_and(|release| {
            release.content == self.content_id
                || (release.progress.fetched_at.is_none() && self.is_carried_by(release, input))
        })
    }

    /// Whether the release differs from this by slots alone whose secret is missing, and still deregisters nobody.
    fn is_carried_by(&self, release: &Release, input: &PlanInput<'_>) -> bool {
        let missing = |slot: &SlotNumber| self.missing_secrets.contains_key(slot);
        let left_out: BTreeSet<String> =
            self.missing_secrets.keys().flat_map(|&slot| fingerprint::slot_parts(slot)).collect();
        let others = release.parts.iter().filter(|(name, _)| !left_out.contains(*name));
        let still_wanted = |(slot, ipui): (&SlotNumber, &Ipui)| {
            if missing(slot) {
                let wanted = input.desired.slots.get(slot).and_then(DesiredSlot::ipui);
                wanted == Some(*ipui) && !self.in_doubt.contains(slot)
            } else {
                true
            }
        };
        let reserved = release.reserved.iter().filter(|(slot, _)| !missing(slot));
        !self.missing_secrets.is_empty()
            && self.opening.is_none()
            && others.eq(self.parts.iter())
            && reserved.eq(reserved_by(&self.content).iter())
            && release.reserved.iter().all(still_wanted)
    }

    /// Whether what would mend this difference was released twice and changed nothing. It is judged by its own parts:
    /// a window that has ended, or another slot, makes it no other.
    pub(super) fn is_hopeless(&self, item: &DriftItem, input: &PlanInput<'_>) -> bool {
        let mut parts = item.parts.iter().filter(|part| self.parts.contains_key(*part)).peekable();
        item.visible
            && parts.peek().is_some()
            && parts.all(|part| {
                let same = |past: &PastRelease| past.parts.get(part) == self.parts.get(part);
                let last = input.memory.release.as_ref().map(PastRelease::from);
                let releases = last.iter().chain(&input.memory.past_releases);
                let in_vain = releases.take_while(|past| same(past) && !past.verified);
                in_vain.filter(|past| past.ineffective).count() >= 2
            })
    }

    /// Whether a window would be opened for handsets alone whose reservation changes nothing.
    pub(super) fn is_vain_opening(&self, opening: &Opening, input: &PlanInput<'_>) -> bool {
        opening.action != Action::CloseWindow
            && opening.window.missing_at_start.iter().all(|slot| {
                let handset = fingerprint::handset_part(*slot);
                self.items.iter().any(|item| item.parts.contains(&handset) && self.is_hopeless(item, input))
            })
    }

    /// Whether it says anything about handsets, so that it matters who is registered.
    pub(super) fn touches_handsets(&self) -> bool {
        self.content.slots.values().any(|slot| slot.handset.is_some())
    }

    /// The release that carries it.
    pub(super) fn into_release(self, input: &PlanInput<'_>, reason: String) -> NewRelease {
        let memory = input.memory;
        // A window that waits for its first fetch goes over to the release that replaces the one that carried it.
        let repeated = opening::running(memory, input.window_state)
            .filter(|window| opening::never_fetched(memory, window))
            .cloned();
        let used = memory.release.iter().map(|release| &release.version);
        let used = used.chain(memory.past_releases.iter().map(|past| &past.version));
        NewRelease {
            generation: fingerprint::generation(&self.parts, input.key),
            version: version::choose(&self.content_id, used),
            reserved: reserved_by(&self.content),
            window: self
                .opening
                .map(Opening::into_entry)
                .or(repeated.map(WindowEntry::Opens))
                .filter(|_| self.content.reserves()),
            approved: BTreeMap::new(),
            approval: None,
            impact: Impact::None,
            parts: self.parts,
            content_id: self.content_id,
            content: self.content,
            reason,
        }
    }
}

/// The parts of everything the site file asks for.
fn wanted_parts(input: &PlanInput<'_>) -> BTreeMap<String, Generation> {
    let nobody = BTreeSet::new();
    let content = compose::compose(input.desired, input.secrets, &nobody, &nobody, None);
    fingerprint::parts(&content, input.key)
}

fn standings(input: &PlanInput<'_>, sighting: &Sighting<'_>) -> BTreeMap<SlotNumber, Standing> {
    input
        .desired
        .slots
        .iter()
        .filter_map(|(&number, slot)| Some((number, sighting.standing(number, slot.ipui()?))))
        .collect()
}

/// What must not be in the file.
struct Withheld {
    /// Handset codes that might deregister somebody, or of which nothing is known.
    handsets: BTreeSet<SlotNumber>,
    /// Codes of handsets that are in place already, on evidence too weak to repeat them.
    settled: BTreeSet<SlotNumber>,
    /// Whole slots: a secret is missing, or the slot is to be absent and holds a handset.
    slots: BTreeSet<SlotNumber>,
    /// The slots that differ in any way.
    differing: BTreeSet<SlotNumber>,
}

impl Withheld {
    fn sort(
        items: &[DriftItem],
        standings: &BTreeMap<SlotNumber, Standing>,
        missing_secrets: &BTreeMap<SlotNumber, String>,
    ) -> Self {
        let with = |wanted: fn(&Standing) -> bool| {
            standings
                .iter()
                .filter(|(_, standing)| wanted(standing))
                .map(|(&slot, _)| slot)
                .collect::<BTreeSet<_>>()
        };
        let deregistered = items
            .iter()
            .filter(|item| item.impact == Impact::Deregisters)
            .filter_map(|item| item.slot)
            .filter(|slot| !standings.contains_key(slot));
        Self {
            handsets: with(|standing| {
                matches!(standing, Standing::Unknown | Standing::Doubtful(_) | Standing::InTheWay(..))
            }),
            settled: with(|standing| *standing == Standing::RegisteredUnseen),
            slots: missing_secrets.keys().copied().chain(deregistered).collect(),
            differing: items.iter().filter_map(|item| item.slot).collect(),
        }
    }
}

impl Standing {
    /// Whether its handset is to come in and has not.
    fn is_awaited(&self) -> bool {
        match self {
            Self::Reserved | Self::Wanting(_) => true,
            Self::Unknown
            | Self::Registered
            | Self::RegisteredUnseen
            | Self::Doubtful(_)
            | Self::InTheWay(..) => false,
        }
    }
}

fn choose_window(
    input: &PlanInput<'_>,
    observation: &Observation,
    wanted: &BTreeMap<String, Generation>,
    missing: &BTreeSet<SlotNumber>,
) -> Option<Opening> {
    let in_place = drift::in_place(input.memory);
    let newcomers = missing.iter().any(|&slot| {
        let part = fingerprint::handset_part(slot);
        in_place.is_none_or(|in_place| in_place.get(&part) != wanted.get(&part))
    });
    opening::choose(&opening::Scene {
        desired: input.desired,
        memory: input.memory,
        observation,
        state: input.window_state,
        clock: input.clock,
        now: input.now,
        missing,
        newcomers,
    })
}

/// What goes into the file, and what it stands for: codes and slots that are left out because they are in place
/// already count as carried, so that the identity of the parts is that of the site file.
fn contents(
    input: &PlanInput<'_>,
    withheld: &Withheld,
    missing: &BTreeSet<SlotNumber>,
    opening: Option<&Opening>,
) -> (ReleaseContent, ReleaseContent) {
    let desired = input.desired;
    let running = opening::running(input.memory, input.window_state);
    let window = opening.map(|opening| &opening.window).or(running);
    // What ends a window, and waits to be fetched, needs reservations to go with; those still missing are none.
    let ends = opening.map_or(input.window_state == WindowState::Closed && missing.is_empty(), |opening| {
        opening.action == Action::CloseWindow
    });
    let reopened = window.is_some_and(|window| window.reopened > 0 && !ends);
    let mut handsets: BTreeSet<SlotNumber> = withheld.handsets.union(&withheld.settled).copied().collect();
    let mut slots = withheld.slots.clone();
    for (&number, slot) in &desired.slots {
        match slot {
            // A reopening is for those still missing alone.
            DesiredSlot::Present(_) if reopened && !missing.contains(&number) => {
                handsets.insert(number);
            }
            DesiredSlot::Present(_) => {}
            // Absent as wanted, as far as can be seen: a handset that cannot be seen must not be cleared by the way.
            DesiredSlot::Absent if !withheld.differing.contains(&number) => {
                slots.insert(number);
            }
            DesiredSlot::Absent => {}
        }
    }
    let window = window.map(|window| window::content_of(window, desired.manager.window_clock));
    let content = compose::compose(desired, input.secrets, &handsets, &slots, window);
    let logical = compose::compose(desired, input.secrets, &withheld.handsets, &withheld.slots, None);
    (content, logical)
}

fn reserved_by(content: &ReleaseContent) -> BTreeMap<SlotNumber, Ipui> {
    content
        .slots
        .iter()
        .filter_map(|(&slot, content)| match content.handset? {
            HandsetCode::Reserve(ipui) => Some((slot, ipui)),
            HandsetCode::Clear => None,
        })
        .collect()
}
