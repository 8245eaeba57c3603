//! The planner: what would be done about one site, to whom, and why. All choices are made here and in what this calls;
//! the executor makes none. A function of its arguments: same in, same out, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::budget::SiteBudget;
use super::clearance::Clearance;
use super::compose::Omit;
use super::desired::{DesiredSite, Trigger};
use super::device_clock::DeviceClock;
use super::drift::DriftItem;
use super::fingerprint::{self, SiteKey};
use super::ids::SlotNumber;
use super::memory::SiteMemory;
use super::observed::Observation;
use super::permit;
use super::plan::{Action, Disposition, Impact, Orders, Plan, Step};
use super::policy;
use super::push::{self, Push};
use super::release::Release;
use super::secret::SecretBook;
use super::status::WindowState;
use super::target::Target;
use super::terms;

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput<'a> {
    /// What is wanted.
    pub desired: &'a DesiredSite,
    /// Its secrets.
    pub secrets: &'a SecretBook,
    /// For fingerprints.
    pub key: &'a SiteKey,
    /// What is remembered, this cycle's verdicts, marks and ends of windows already in it.
    pub memory: &'a SiteMemory,
    /// This cycle's reading; without one there is nothing to do.
    pub observation: Option<&'a Observation>,
    /// Of the last window in the ledger, by the device's clock.
    pub window_state: WindowState,
    /// The manager's clock, by which windows are opened.
    pub clock: DeviceClock,
    /// No verdict and no second push before this has passed since the fetch.
    pub settle: Duration,
    /// The configuration file URL that the manager ought to have; `None`: not known, nothing to enrol with.
    pub own_url: Option<&'a str>,
    /// How many handsets releases of ours may deregister at this site within a day.
    pub budget: SiteBudget,
    /// What people and the fleet allow.
    pub clearance: &'a Clearance,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Makes the plan.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    let Some(observation) = input.observation else {
        let terms = vec![terms::head(input.desired)];
        return Plan { hash: hash(input, &terms), terms, steps: Vec::new(), orders: Orders::default() };
    };
    let mut draft = Draft::new(input, observation);
    let unread = draft.unread();
    if !unread.is_empty() {
        draft.defer(&policy::unread(unread.len()));
    }
    let terms = draft.terms();
    let (steps, orders) = draft.finish();
    Plan { hash: hash(input, &terms), terms, steps, orders }
}

/// The slots whose editor page must be read, in the same session as all else, before this plan can go ahead: before
/// anything is released that says something about handsets, it must be known of every registered one which it is.
/// [`plan`] defers until none is left. Where nothing would be released, these are the slots whose handset waits for an
/// approval: whoever is to approve must be told which it is.
pub fn needs_deep(input: &PlanInput<'_>) -> BTreeSet<SlotNumber> {
    let Some(observation) = input.observation else { return BTreeSet::new() };
    let draft = Draft::new(input, observation);
    let mut unread = draft.unread();
    unread.extend(draft.target.iter().flat_map(|target| &target.unnamed));
    unread
}

/// The identity of everything the site file asks for, and of its parts as [`super::verify::verify`] wants them.
/// Compare it with [`super::release::Release::generation`]; and keep it as the baseline of a site that has no release
/// and whose plan is empty.
pub fn desired_generation(
    desired: &DesiredSite,
    secrets: &SecretBook,
    key: &SiteKey,
) -> (super::release::Generation, BTreeMap<String, super::release::Generation>) {
    let content = super::compose::compose(desired, secrets, &Omit::default(), None);
    let parts = fingerprint::parts(&content, key);
    (fingerprint::generation(&parts, key), parts)
}

/// A plan in the making.
struct Draft<'a> {
    input: &'a PlanInput<'a>,
    /// `None`: the mobile devices page was not read.
    target: Option<Target>,
    push: Push,
    way: Option<Trigger>,
    gate: Option<Disposition>,
    steps: Vec<Step>,
    /// Whether one of them is released as soon as the last push allows it.
    releases: bool,
}

/// Where n720d is to say where the manager fetches from, and the page that shows it was not understood: told to fetch
/// now, the manager might take somebody else's file.
fn url_unread(input: &PlanInput<'_>, observation: &Observation) -> Option<Disposition> {
    let why = observation.config_url.as_ref()?.why_not()?;
    let ours = input.desired.manager.enrol && input.own_url.is_some();
    ours.then(|| policy::not_understood("the manager's configuration file URL", Some(why)))
}

impl<'a> Draft<'a> {
    fn new(input: &'a PlanInput<'a>, observation: &'a Observation) -> Self {
        let release = input.memory.release.as_ref();
        let push = push::state(release, input.settle, Some(observation.at), input.now);
        let mut draft = Self {
            input,
            target: Target::aim(input, observation, push),
            push,
            way: push::way(input.desired.manager.trigger, release, observation),
            gate: policy::gate(input.desired, input.memory, observation, input.clearance, input.now)
                .or_else(|| url_unread(input, observation)),
            steps: Vec::new(),
            releases: false,
        };
        draft.enrol(observation);
        draft.mend();
        draft.fetch();
        draft
    }

    /// Points the manager here, where the page showed that it points elsewhere.
    fn enrol(&mut self, observation: &Observation) {
        let shown = observation.config_url.as_ref().and_then(|reading| reading.known());
        let (Some(shown), Some(own)) = (shown, self.input.own_url) else {
            return;
        };
        if !self.input.desired.manager.enrol || shown.trim() == own {
            return;
        }
        // The URLs stay out of the reason: ours holds the token that opens the file.
        let why = "the manager's configuration file URL is not that of this server".to_owned();
        // Where it fetches from may be the very reason why a release was not fetched.
        let hold = match self.push {
            Push::Settling { .. } => self.hold(false),
            Push::None | Push::Unfetched { .. } | Push::ToBeRead | Push::Settled => None,
        };
        let hold = permit::stopped(self.input.clearance).or(hold);
        self.steps.push(self.of_manager(Action::Enrol, Vec::new(), why, hold));
    }

    /// One step for every difference, and for a window that is to be opened.
    fn mend(&mut self) {
        let Some(target) = &self.target else {
            return;
        };
        let hold = self.hold(target.is_released(self.input));
        let in_vain = |is_hopeless: bool| is_hopeless.then(policy::ineffective);
        let (mut steps, mut releases) = (Vec::new(), false);
        steps.extend(target.shrunken.as_ref().zip(target.permits.of_file.clone()).map(|(shrunken, hold)| {
            self.of_manager(Action::FollowFile, Vec::new(), shrunken.what(), Some(hold))
        }));
        for (place, item) in target.items.iter().enumerate() {
            let secret = item.slot.and_then(|slot| target.missing_secrets.get(&slot)).map(String::as_str);
            let hold = policy::obstacle(secret)
                .or_else(|| target.permits.hold(place).cloned())
                .or_else(|| item.unread.map(policy::in_doubt))
                .or_else(|| in_vain(target.is_hopeless(item, self.input)))
                .or_else(|| hold.clone());
            let disposition = self.disposition(hold);
            releases |= target.permits.hold(place).is_none() && !is_blocked(&disposition);
            steps.push(Step {
                action: item.action,
                slot: item.slot,
                impact: item.impact,
                disposition,
                who: item.who.clone(),
                hits: item.hits.clone(),
                relocation: item.relocation.clone(),
                why: item.why.clone(),
                cause: Some(item.cause),
            });
        }
        for opening in target.opening.iter().chain(&target.later) {
            let closes = opening.action == Action::CloseWindow;
            let who =
                if closes { Vec::new() } else { users(self.input.desired, &opening.window.missing_at_start) };
            let hold = in_vain(target.is_vain_opening(opening, self.input))
                .or_else(|| opening.until.map(|at| policy::reopens_later(at, self.input.desired.time_zone)))
                .or(hold.clone());
            let step = self.of_manager(opening.action, who, opening.why.clone(), hold);
            releases |= !is_blocked(&step.disposition);
            steps.push(step);
        }
        self.steps.extend(steps);
        self.releases = releases;
    }

    /// Makes the manager fetch what is released and was not fetched; replaces it first where it no longer fits.
    fn fetch(&mut self) {
        let (Some(target), Some(release)) = (&self.target, &self.input.memory.release) else {
            return;
        };
        let fits = target.is_released(self.input);
        match self.push {
            Push::Unfetched { .. } if fits => {
                let why =
                    format!("VERSION {} is released and the manager has not fetched it", release.version);
                let hold =
                    policy::hold_fetch(self.push, self.way, self.input.now, self.input.desired.time_zone);
                self.steps.push(self.of_manager(Action::Fetch, Vec::new(), why, hold));
            }
            Push::Unfetched { .. } if !self.releases => {
                let why = format!(
                    "VERSION {} was never fetched and no longer fits: it is replaced",
                    release.version
                );
                let hold = self.hold(false);
                self.steps.push(self.of_manager(Action::Fetch, Vec::new(), why, hold));
            }
            Push::Settled if !self.releases && self.is_to_be_taken_back(release) => {
                let why = format!(
                    "VERSION {} deregisters a handset that is back, and its approval is used up: it is replaced, so that no \
                     fetch repeats it",
                    release.version
                );
                self.steps.push(self.of_manager(Action::Fetch, Vec::new(), why, None));
            }
            Push::Unfetched { .. } | Push::None | Push::Settling { .. } | Push::ToBeRead | Push::Settled => {}
        }
    }

    /// Whether the file that the manager may fetch still deregisters somebody by an approval, and would do so to a handset that
    /// is there by now. What a file mentions overwrites what was changed by hand, at every fetch that applies it (n720.md
    /// section 2).
    fn is_to_be_taken_back(&self, release: &Release) -> bool {
        let Some(target) = &self.target else { return false };
        let is_held = |(place, item): (usize, &DriftItem)| {
            item.needs_approval() && target.permits.hold(place).is_some()
        };
        !release.approved.is_empty() && target.items.iter().enumerate().any(is_held)
    }

    /// What an approval of this plan is bound to.
    fn terms(&self) -> Vec<String> {
        let of_target = self.target.as_ref().map(|target| target.terms.clone());
        of_target.unwrap_or_else(|| vec![terms::head(self.input.desired)])
    }

    fn hold(&self, in_release: bool) -> Option<Disposition> {
        policy::hold(self.push, in_release, self.input.now, self.input.desired.time_zone)
    }

    /// A step on the manager as a whole, which disturbs nobody.
    fn of_manager(&self, action: Action, who: Vec<String>, why: String, hold: Option<Disposition>) -> Step {
        let disposition = self.disposition(hold);
        Step {
            action,
            slot: None,
            impact: Impact::None,
            disposition,
            who,
            hits: Vec::new(),
            relocation: None,
            why,
            cause: None,
        }
    }

    /// What stands in the way of everything comes before what holds this one step.
    fn disposition(&self, hold: Option<Disposition>) -> Disposition {
        self.gate.clone().or(hold).unwrap_or(Disposition::Ready)
    }

    /// The editor pages that are missing for what is ready.
    fn unread(&self) -> BTreeSet<SlotNumber> {
        let ready = self.steps.iter().any(|step| is_ready(step) && step.action != Action::Enrol);
        match &self.target {
            Some(target) if ready && target.touches_handsets() => target.unasked.clone(),
            Some(_) | None => BTreeSet::new(),
        }
    }

    fn defer(&mut self, disposition: &Disposition) {
        for step in self.steps.iter_mut().filter(|step| is_ready(step) && step.action != Action::Enrol) {
            step.disposition = disposition.clone();
        }
    }

    /// The steps, and what the ready ones come to.
    fn finish(self) -> (Vec<Step>, Orders) {
        let enrol = self.steps.iter().any(|step| is_ready(step) && step.action == Action::Enrol);
        let ready: Vec<&Step> =
            self.steps.iter().filter(|step| is_ready(step) && step.action != Action::Enrol).collect();
        let mut orders = Orders { enrol, ..Orders::default() };
        let impact = ready.iter().map(|step| step.impact).max().unwrap_or(Impact::None);
        if let (false, Some(target)) = (ready.is_empty(), self.target) {
            let repeats_unfetched = match self.push {
                Push::Unfetched { .. } => target.is_released(self.input),
                Push::None | Push::Settling { .. } | Push::ToBeRead | Push::Settled => false,
            };
            orders.release =
                (!repeats_unfetched).then(|| target.into_release(self.input, impact, reason(&ready)));
            orders.trigger = self.way;
        }
        (self.steps, orders)
    }
}

/// The users of these slots, as the site file names them.
fn users(desired: &DesiredSite, slots: &BTreeSet<SlotNumber>) -> Vec<String> {
    slots.iter().filter_map(|slot| desired.slots.get(slot)?.user()).map(str::to_owned).collect()
}

fn is_ready(step: &Step) -> bool {
    step.disposition == Disposition::Ready
}

fn is_blocked(disposition: &Disposition) -> bool {
    match disposition {
        Disposition::Blocked { .. } => true,
        Disposition::Ready | Disposition::Deferred { .. } => false,
    }
}

/// Why a release is made, for the history: its ready steps, one word an action.
fn reason(ready: &[&Step]) -> String {
    let mut by_action: BTreeMap<Action, Vec<String>> = BTreeMap::new();
    for step in ready {
        by_action.entry(step.action).or_default().extend(step.slot.map(|slot| slot.to_string()));
    }
    let phrases: Vec<String> = by_action
        .into_iter()
        .map(|(action, slots)| {
            let action = words(action);
            if slots.is_empty() { action.to_owned() } else { format!("{action} {}", slots.join(", ")) }
        })
        .collect();
    phrases.join("; ")
}

fn words(action: Action) -> &'static str {
    match action {
        Action::Enrol => "enrol",
        Action::ConfigureProvider => "set providers",
        Action::SetPin => "set the PIN",
        Action::ConfigureAccount => "set the accounts of slots",
        Action::Reserve => "reserve slots",
        Action::Replace => "replace the handsets of slots",
        Action::Deregister => "clear slots",
        Action::OpenWindow => "open the registration window",
        Action::ReopenWindow => "open the registration window again",
        Action::CloseWindow => "close the registration window",
        Action::Fetch => "replace what was not fetched",
        Action::FollowFile => "follow the site file",
    }
}

fn hash(input: &PlanInput<'_>, terms: &[String]) -> super::release::Generation {
    fingerprint::of_lines(terms.iter().map(String::as_str), input.key)
}

#[cfg(test)]
mod push_tests;
#[cfg(test)]
pub(super) mod tests;
