//! What would be released now: the content of the site file, less what would deregister anybody or cannot be known.

use std::collections::{BTreeMap, BTreeSet};

use super::breaker;
use super::compose::{self, Omit};
use super::content::{HandsetCode, ReleaseContent};
use super::desired::DesiredSlot;
use super::drift::{self, DriftItem};
use super::fingerprint;
use super::ids::{Ipui, ProviderIndex, SlotNumber};
use super::observed::Observation;
use super::opening::{self, Opening};
use super::permit::{self, Permits};
use super::plan::{Action, Impact, NewRelease, WindowEntry};
use super::planner::PlanInput;
use super::push::Push;
use super::release::{Generation, Release};
use super::shrunken::{self, Shrunken};
use super::sighting::{Holder, Sighting, Standing};
use super::status::WindowState;
use super::terms;
use super::version;
use super::window;

/// What would be released now, and the differences it would mend.
pub(super) struct Target {
    pub(super) items: Vec<DriftItem>,
    /// What of them may be mended now.
    pub(super) permits: Permits,
    /// What an approval of the plan is bound to.
    pub(super) terms: Vec<String>,
    /// What the site file does not list any more.
    pub(super) shrunken: Option<Shrunken>,
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
    /// Those of them whose handset a step that needs approval would hit, and of which nobody knows which it is.
    pub(super) unnamed: BTreeSet<SlotNumber>,
}

impl Target {
    /// `None` when the mobile devices page was not read: nothing follows from it then.
    pub(super) fn aim(input: &PlanInput<'_>, observation: &Observation, push: Push) -> Option<Self> {
        let sighting = Sighting::new(observation, input.memory)?;
        let missing_secrets = compose::missing_secrets(input.desired, input.secrets);
        let wanted = wanted_parts(input);
        let shrunken = shrunken::shrunken(input.desired, input.memory);
        let items = drift::drift(input.desired, observation, input.memory, &wanted);
        let ground =
            Ground { input, sighting: &sighting, wanted: &wanted, shrunken: shrunken.as_ref(), push };
        let standings = standings(input, &sighting);
        let mut judged = ground.judge(items);
        let mut withheld = Withheld::sort(&judged, &standings, &missing_secrets);
        let missing = missing(input, &standings, &judged, &withheld);
        let (later, mut opening): (Option<Opening>, Option<Opening>) =
            match choose_window(input, observation, &wanted, &missing) {
                Some(opening) if opening.until.is_some() => (Some(opening), None),
                opening => (None, opening),
            };
        if opening.is_some() && judged.items.is_empty() && drift::last_released(input.memory).is_none() {
            judged =
                ground.judge(drift::unseen_of_manager(input.desired, observation, input.memory, &wanted));
            withheld = Withheld::sort(&judged, &standings, &missing_secrets);
        }
        let (mut content, mut parts) = contents(input, &withheld, &missing, opening.as_ref());
        // What ends a window has to be released along with a reservation; where none can be, it ends by itself.
        if opening
            .as_ref()
            .is_some_and(|opening| opening.action == Action::CloseWindow && !content.reserves())
        {
            opening = None;
            (content, parts) = contents(input, &withheld, &missing, None);
        }
        Some(Self {
            content_id: fingerprint::content_id(&content, input.key),
            parts,
            in_doubt: withheld.omit.handsets,
            unasked: sighting.unasked(),
            unnamed: judged.unnamed(&sighting),
            items: judged.items,
            permits: judged.permits,
            terms: judged.terms,
            shrunken,
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

    /// Whether what would mend this difference was released twice and changed nothing.
    pub(super) fn is_hopeless(&self, item: &DriftItem, input: &PlanInput<'_>) -> bool {
        breaker::is_hopeless(item, &self.parts, input.memory, input.observation)
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
    pub(super) fn into_release(self, input: &PlanInput<'_>, impact: Impact, reason: String) -> NewRelease {
        let memory = input.memory;
        // A window that waits for its first fetch goes over to the release that replaces the one that carried it.
        let repeated = opening::running(memory, input.window_state)
            .filter(|window| opening::never_fetched(memory, window))
            .cloned();
        NewRelease {
            generation: fingerprint::generation(&self.parts, input.key),
            version: version::choose(&self.content_id, memory.used_versions()),
            reserved: reserved_by(&self.content),
            window: self
                .opening
                .map(Opening::into_entry)
                .or(repeated.map(WindowEntry::Opens))
                .filter(|_| self.content.reserves()),
            approved: self.permits.deregistered,
            approval: self.permits.approval,
            impact,
            parts: self.parts,
            content_id: self.content_id,
            content: self.content,
            reason,
        }
    }
}

/// The parts of everything the site file asks for.
fn wanted_parts(input: &PlanInput<'_>) -> BTreeMap<String, Generation> {
    let content = compose::compose(input.desired, input.secrets, &Omit::default(), None);
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

/// What permits are judged by.
struct Ground<'a> {
    input: &'a PlanInput<'a>,
    sighting: &'a Sighting<'a>,
    wanted: &'a BTreeMap<String, Generation>,
    shrunken: Option<&'a Shrunken>,
    push: Push,
}

/// The differences, each with its permit.
struct Judged {
    items: Vec<DriftItem>,
    permits: Permits,
    terms: Vec<String>,
}

impl Ground<'_> {
    fn judge(&self, items: Vec<DriftItem>) -> Judged {
        let shrunken = self.shrunken.map(Shrunken::what);
        let terms = terms::of(self.input.desired, &items, self.sighting, self.wanted, shrunken.as_deref());
        let permits = permit::judge(&permit::Scene {
            input: self.input,
            sighting: self.sighting,
            items: &items,
            terms: &terms,
            shrunken: self.shrunken,
            wanted: self.wanted,
            push: self.push,
        });
        Judged { items, permits, terms }
    }
}

impl Judged {
    /// The items that are held back.
    fn held(&self) -> impl Iterator<Item = &DriftItem> {
        let held = |(place, item)| self.permits.hold(place).map(|_| item);
        self.items.iter().enumerate().filter_map(held)
    }

    /// The slots whose handset would be hit with an approval, and of which nothing tells which it is.
    fn unnamed(&self, sighting: &Sighting<'_>) -> BTreeSet<SlotNumber> {
        let items = self.items.iter().filter(|item| item.needs_approval());
        let slots = items.flat_map(|item| item.hits.iter().map(|hit| hit.slot).chain(item.slot));
        slots.filter(|slot| sighting.holder(*slot) == Holder::NotRead).collect()
    }

    /// The slots whose handset gives way to another by an approval.
    fn permitted(&self) -> BTreeSet<SlotNumber> {
        let free = |(place, _): &(usize, &DriftItem)| self.permits.hold(*place).is_none();
        let items = self.items.iter().enumerate().filter(free).map(|(_, item)| item);
        items.filter(|item| item.needs_approval()).filter_map(|item| item.slot).collect()
    }
}

/// The slots whose handset is to come in and has not: also where another gives way to it.
fn missing(
    input: &PlanInput<'_>,
    standings: &BTreeMap<SlotNumber, Standing>,
    judged: &Judged,
    withheld: &Withheld,
) -> BTreeSet<SlotNumber> {
    let permitted = judged.permitted();
    let comes_in = |slot: &SlotNumber, standing: &Standing| {
        standing.is_awaited()
            || permitted.contains(slot)
                && input.desired.slots.get(slot).is_some_and(|slot| slot.ipui().is_some())
    };
    standings
        .iter()
        .filter(|(slot, standing)| comes_in(slot, standing))
        .map(|(&slot, _)| slot)
        .filter(|slot| !withheld.omit.slots.contains(slot) && !withheld.omit.handsets.contains(slot))
        .collect()
}

/// What must not be in the file.
struct Withheld {
    /// What is left out: handset codes that might deregister somebody without a permit, or of which nothing is known;
    /// slots of which a secret is missing, or which are to be absent and hold a handset; accounts, providers and the PIN
    /// that are held back.
    omit: Omit,
    /// Codes of handsets that are in place already, on evidence too weak to repeat them.
    settled: BTreeSet<SlotNumber>,
    /// The slots that differ in any way.
    differing: BTreeSet<SlotNumber>,
}

impl Withheld {
    fn sort(
        judged: &Judged,
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
        let permitted = judged.permitted();
        let mut omit = Omit {
            handsets: with(|standing| matches!(standing, Standing::Unknown | Standing::Doubtful(_))),
            slots: missing_secrets.keys().copied().collect(),
            ..Omit::default()
        };
        let in_the_way = with(|standing| matches!(standing, Standing::InTheWay(..)));
        omit.handsets.extend(in_the_way.difference(&permitted));
        for item in judged.held() {
            hold_back(item, &mut omit);
        }
        Self {
            omit,
            settled: with(|standing| *standing == Standing::RegisteredUnseen),
            differing: judged.items.iter().filter_map(|item| item.slot).collect(),
        }
    }
}

/// Leaves out what would mend this difference.
fn hold_back(item: &DriftItem, omit: &mut Omit) {
    match item.action {
        Action::ConfigureProvider => {
            let is_its = |index: &ProviderIndex| item.parts.contains(&fingerprint::provider_part(*index));
            omit.providers.extend((0..=9).filter_map(ProviderIndex::new).filter(is_its));
        }
        Action::SetPin => omit.pin = true,
        Action::ConfigureAccount => omit.accounts.extend(item.slot),
        Action::Reserve | Action::Replace => omit.handsets.extend(item.slot),
        Action::Deregister => omit.slots.extend(item.slot),
        Action::Enrol
        | Action::OpenWindow
        | Action::ReopenWindow
        | Action::CloseWindow
        | Action::Fetch
        | Action::FollowFile => {}
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
    let released = drift::last_released(input.memory);
    let newcomers = missing.iter().any(|&slot| {
        let part = fingerprint::handset_part(slot);
        released.is_none_or(|released| released.get(&part) != wanted.get(&part))
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

/// What goes into the file, and the parts that it stands for: codes and slots that are left out because they are in place
/// already count as carried, so that the identity of the parts is that of the site file; what is held back stays on the
/// device as it was, and so does its part.
fn contents(
    input: &PlanInput<'_>,
    withheld: &Withheld,
    missing: &BTreeSet<SlotNumber>,
    opening: Option<&Opening>,
) -> (ReleaseContent, BTreeMap<String, Generation>) {
    let desired = input.desired;
    let running = opening::running(input.memory, input.window_state);
    let window = opening.map(|opening| &opening.window).or(running);
    // What ends a window, and waits to be fetched, needs reservations to go with; those still missing are none.
    let ends = opening.map_or(input.window_state == WindowState::Closed && missing.is_empty(), |opening| {
        opening.action == Action::CloseWindow
    });
    let reopened = window.is_some_and(|window| window.reopened > 0 && !ends);
    let mut omit = withheld.omit.clone();
    omit.handsets.extend(&withheld.settled);
    for (&number, slot) in &desired.slots {
        match slot {
            // A reopening is for those still missing alone.
            DesiredSlot::Present(_) if reopened && !missing.contains(&number) => {
                omit.handsets.insert(number);
            }
            DesiredSlot::Present(_) => {}
            // Absent as wanted, as far as can be seen: a handset that cannot be seen must not be cleared by the way.
            DesiredSlot::Absent if !withheld.differing.contains(&number) => {
                omit.slots.insert(number);
            }
            DesiredSlot::Absent => {}
        }
    }
    let window = window.map(|window| window::content_of(window, desired.manager.window_clock));
    let content = compose::compose(desired, input.secrets, &omit, window);
    let logical = compose::compose(desired, input.secrets, &withheld.omit, None);
    let mut parts = fingerprint::parts(&logical, input.key);
    stay_as_they_were(&withheld.omit, drift::in_place(input.memory), &mut parts);
    (content, parts)
}

/// The parts that are held back, as they are in place.
fn stay_as_they_were(
    omit: &Omit,
    in_place: Option<&BTreeMap<String, Generation>>,
    parts: &mut BTreeMap<String, Generation>,
) {
    let accounts = omit
        .accounts
        .iter()
        .flat_map(|&slot| [fingerprint::sign_on_part(slot), fingerprint::labels_part(slot)]);
    let providers = omit.providers.iter().map(|&index| fingerprint::provider_part(index));
    let pin = omit.pin.then(|| fingerprint::PIN_PART.to_owned());
    for name in accounts.chain(providers).chain(pin) {
        match in_place.and_then(|in_place| in_place.get(&name)) {
            Some(part) => parts.insert(name, part.clone()),
            None => parts.remove(&name),
        };
    }
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
