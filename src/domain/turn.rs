//! One turn of the loop: what was remembered and what was just seen become new memory, a plan, alerts and a status.
//!
//! The whole of a cycle's thinking, in the order in which one thing rests on another. The daemon reads the device
//! before it and carries out the plan's orders after it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::alert::{Alert, AlertKind, AlertState, Condition, Severity};
use super::assess::{self, Picture};
use super::clearance::Clearance;
use super::conditions::{self, Conditions, View};
use super::desired::DesiredSite;
use super::device_clock::DeviceClock;
use super::fingerprint::{self, SiteKey};
use super::foreign;
use super::gaps;
use super::history::HistoryEntry;
use super::ids::SlotNumber;
use super::ledger::{self, Turnout};
use super::memory::{Registration, SiteMemory, SlotRecord, Trouble, Window};
use super::neighbours::Neighbours;
use super::observed::{ContactFailure, Observation, Reading};
use super::plan::{Action, Orders, Plan};
use super::planner::{self, PlanInput};
use super::registration::{self, Scene};
use super::release::{Generation, PastRelease, ReleaseMark};
use super::rhythm::{self, Beat, NextLook};
use super::rotation;
use super::secret::SecretBook;
use super::settings::Pace;
use super::status::{SiteStatus, WindowState};
use super::verify::{self, Verification};
use super::window;

/// Everything a turn depends on.
#[derive(Debug)]
pub struct TurnInput<'a> {
    /// The site file.
    pub desired: &'a DesiredSite,
    /// Its secrets, resolved.
    pub secrets: &'a SecretBook,
    /// Keys the fingerprints.
    pub key: &'a SiteKey,
    /// Settings.
    pub pace: &'a Pace,
    /// Our configuration file URL for this manager.
    pub own_url: Option<&'a str>,
    /// What reading the manager came to.
    pub contact: Result<&'a Observation, &'a ContactFailure>,
    /// What of other sites bears on this one.
    pub neighbours: &'a Neighbours,
    /// What people and the fleet allow.
    pub clearance: &'a Clearance,
    /// The time after the reading.
    pub now: DateTime<Utc>,
}

/// What a turn came to.
#[derive(Debug)]
pub struct Turn {
    /// To be kept.
    pub memory: SiteMemory,
    /// To be carried out.
    pub plan: Plan,
    /// What is to be done about the web password, after that.
    pub rotation: Option<rotation::Order>,
    /// Slots whose editor page is to be read in the same session: the plan cannot go ahead without some, and others
    /// make a verdict certain.
    pub unread: BTreeSet<SlotNumber>,
    /// Verdicts on the last release.
    pub marks: Vec<ReleaseMark>,
    /// What happened.
    pub history: Vec<HistoryEntry>,
    /// How long those took to register who came in just now, as far as that is known.
    pub registration_times: Vec<TimeDelta>,
    /// For people.
    pub status: SiteStatus,
    /// When to look again.
    pub next_look: NextLook,
}

/// Takes one turn.
pub fn turn(input: &TurnInput<'_>, previous: SiteMemory) -> Turn {
    let mut history = Vec::new();
    let mut memory = take_in(input, of_this_manager(input.desired, not_in_the_future(previous, input.now)));
    let seen = identified(input);
    let frame = frame(input, &memory, seen);
    // By what was known before, as the judgement.
    let doubtful = |seen| registration::doubtful(input.desired, &memory, seen, frame.settled);
    let doubtful = seen.map_or_else(BTreeSet::new, doubtful);
    let verdicts = registration::judge(&Scene {
        desired: input.desired,
        memory: &memory,
        // Also of a manager that did not say which it is: that is enough to doubt what is remembered.
        observation: input.contact.ok(),
        window: frame.window.as_ref(),
        window_state: frame.state,
        settled: frame.settled,
        now: input.now,
    });
    tell_registrations(&memory.slots, &verdicts, input.now, &mut history);
    let registration_times = ledger::enter(
        &mut memory.windows,
        &Turnout {
            before: &memory.slots,
            after: &verdicts,
            release: memory.release.as_ref(),
            first_contact: memory.first_contact.map(|(at, _)| at),
        },
    );
    memory.slots = verdicts;
    enter_foreign(input, &mut memory, seen, &frame, &mut history);
    if let Some(seen) = seen {
        enter_observation(input, &mut memory, seen, &frame, &mut history);
    }
    let marks = verify_release(input, &mut memory, seen, &frame, &mut history);
    let plan_input = plan_input(input, &memory, seen, &frame);
    let mut unread = planner::needs_deep(&plan_input);
    let mut plan = planner::plan(&plan_input);
    unread.extend(doubtful);
    unread.extend(seen.map_or_else(BTreeSet::new, |seen| gaps::unread(&memory, seen)));
    unread.retain(|slot| seen.is_some_and(|seen| !seen.editors.contains_key(slot)));
    // A plan made of pages that could not all be read orders nothing, which shows nothing.
    if seen.is_some() && memory.unreadable_cycles == 0 && plan.orders.is_empty() {
        memory.hindrance = None;
    }
    if memory.hindrance.as_ref().is_some_and(|hindrance| hindrance.holds(&frame.wanted, input.now)) {
        plan.orders = Orders::default();
    }
    note_baseline(input, &mut memory, seen, &frame, &plan);
    // A site file that has shrunk is followed when somebody has approved that, and not before.
    if seen.is_some() && !plan.steps.iter().any(|step| step.action == Action::FollowFile) {
        memory.listed = Some(input.desired.slots.keys().copied().collect());
    }
    let by_hand = seen.map_or_else(Vec::new, |seen| foreign::by_hand(&plan, seen));
    history.extend(by_hand.into_iter().map(|outcome| entry(input.now, "drift", outcome)));
    let rotation = rotation::order(&rotation::Scene {
        desired: input.desired,
        memory: &memory,
        seen,
        plan: &plan,
        clearance: input.clearance,
        settle: input.pace.settle,
        now: input.now,
    });
    let alerts = alerts(input, &memory, &plan, &frame);
    tell_alerts(&memory.alerts, &alerts, input.now, &mut history);
    memory.alerts = alerts;
    let status = status(input, &memory, Some(&plan), &frame);
    let next_look = rhythm::next_look(&Beat {
        memory: &memory,
        plan: &plan,
        looked_at: input.contact.ok().map(|seen| seen.at),
        window_state: frame.state,
        next_edge: next_edge(input, &frame),
        pause_ends: input.clearance.own_pause.as_ref().and_then(|pause| pause.until),
        stale_at: conditions::stale_at(input.desired, &memory, input.pace),
        missing: memory.slots.values().any(|record| record.registration.is_missing()),
        more_pages: !unread.is_empty() && seen.is_some_and(editors_came),
        pace: input.pace,
        now: input.now,
    });
    Turn { memory, plan, rotation, unread, marks, history, registration_times, status, next_look }
}

/// How long from now until something happens to the window. What happened to it while the manager was being read is
/// still to be looked at.
fn next_edge(input: &TurnInput<'_>, frame: &Frame) -> Option<Duration> {
    let edge = window::next_edge(frame.window.as_ref()?, frame.clock, frame.as_of, &input.pace.before_close)?;
    Some(edge.saturating_sub((input.now - frame.as_of).to_std().unwrap_or_default()))
}

/// The status alone, for what changed outside a turn (a release, a trigger).
pub fn status_after(input: &TurnInput<'_>, memory: &SiteMemory, plan: &Plan) -> SiteStatus {
    status(input, memory, Some(plan), &frame(input, memory, identified(input)))
}

/// What a site looks like by its memory, before it was read by this process.
pub fn status_at_rest(input: &TurnInput<'_>, memory: &SiteMemory) -> SiteStatus {
    status(input, memory, None, &frame(input, memory, None))
}

/// The observation, if it is proven to be of this site's manager. What another device shows, or one whose page did
/// not say who it is, must never count as evidence about this site.
fn identified<'a>(input: &TurnInput<'a>) -> Option<&'a Observation> {
    input.contact.ok().filter(|seen| seen.mac.known() == Some(&input.desired.manager.mac))
}

/// What this turn goes by: what is wanted, the clock and the window.
#[derive(Debug)]
struct Frame {
    /// What was read is no newer than this, however long the reading took; where nothing was read, it is now.
    as_of: DateTime<Utc>,
    /// Identity of what the site file asks for, and of its parts.
    wanted: Generation,
    parts: BTreeMap<String, Generation>,
    clock: DeviceClock,
    clock_was_read: bool,
    /// Whether the last push has settled, as far as what was read can show.
    settled: bool,
    window: Option<Window>,
    /// Where it stood then: of a window that closed meanwhile, nobody has seen yet who is left out.
    state: WindowState,
}

fn frame(input: &TurnInput<'_>, memory: &SiteMemory, seen: Option<&Observation>) -> Frame {
    let zone = input.desired.time_zone;
    // The last clock that was read stands in while none can be: windows close all the same.
    let shown = seen.and_then(clock_of).or(memory.clock);
    let clock = DeviceClock::last_read(zone, shown);
    let as_of = input.contact.map_or(input.now, |seen| seen.at);
    let settled_at = rhythm::settled_at(memory, input.pace.settle);
    // A fetch in the future is one before our clock was set back: it must not freeze verdicts till then.
    let in_future =
        |at: DateTime<Utc>| at - input.now > TimeDelta::from_std(input.pace.settle).unwrap_or_default();
    let settled = settled_at.is_none_or(|at| at <= as_of || in_future(at));
    let window = window::in_force(&memory.windows, input.desired, clock, input.now);
    let state = window.as_ref().map_or(WindowState::None, |window| window::state_of(window, clock, as_of));
    let (wanted, parts) = planner::desired_generation(input.desired, input.secrets, input.key);
    Frame { as_of, wanted, parts, clock, clock_was_read: shown.is_some(), settled, window, state }
}

/// The clock that an observation shows, and when.
fn clock_of(seen: &Observation) -> Option<(NaiveDateTime, DateTime<Utc>)> {
    seen.device_clock.known().map(|clock| (*clock, seen.at))
}

/// What is remembered, as far as it is of the manager that the site file names. Where that has been exchanged for
/// another, nothing that was seen of the old one holds, and nothing that was released for it is in place; only its
/// VERSIONs and the numbers of its windows stay in use.
fn of_this_manager(desired: &DesiredSite, mut memory: SiteMemory) -> SiteMemory {
    if memory.first_contact.is_some_and(|(_, mac)| mac != desired.manager.mac) {
        let (windows, alerts) = (std::mem::take(&mut memory.windows), std::mem::take(&mut memory.alerts));
        memory = SiteMemory {
            release: memory.release,
            past_releases: memory.past_releases,
            password_versions: memory.password_versions,
            rotation: memory.rotation,
            rotated: memory.rotated,
            trouble: memory.trouble,
            refused_password: memory.refused_password,
            listed: memory.listed,
            deregistered: memory.deregistered,
            windows: windows.into_iter().map(of_another_manager).collect(),
            alerts,
            ..SiteMemory::default()
        };
    }
    // A release that is older than the first contact with this manager was not made for it, and slots that were
    // filled before were the old one's.
    let since = memory.first_contact.map(|(at, _)| at);
    memory.filled.take_if(|list| since.is_none_or(|since| list.at < since));
    if let Some(old) = memory.release.take_if(|release| since.is_none_or(|since| release.released_at < since))
    {
        memory.past_releases.insert(0, PastRelease::from(&old));
    }
    let is_old = |past: &PastRelease| since.is_none_or(|since| past.released_at < since);
    let told = |past: PastRelease| if is_old(&past) { past.of_another_manager() } else { past };
    memory.past_releases = memory.past_releases.into_iter().map(told).collect();
    memory
}

/// Our clock may be set back: what was then noted ahead of it happened at the latest now.
fn not_in_the_future(mut memory: SiteMemory, now: DateTime<Utc>) -> SiteMemory {
    memory.first_contact = memory.first_contact.map(|(at, mac)| (at.min(now), mac));
    memory.audited_at = memory.audited_at.map(|at| at.min(now));
    memory
}

/// A window of a manager that is gone: nobody is missing from it, and it is not the one that the policy asks for.
fn of_another_manager(window: Window) -> Window {
    Window { policy: "of another manager".to_owned(), missing_at_end: Some(BTreeSet::new()), ..window }
}

/// Enters what reading the manager came to; the observation itself comes after the judgement, which compares it with
/// the one before.
fn take_in(input: &TurnInput<'_>, mut memory: SiteMemory) -> SiteMemory {
    match input.contact {
        Ok(_) => {
            memory.trouble = None;
            memory.refused_password = None;
        }
        Err(failure) => {
            let earlier = memory.trouble.take();
            let failure = counted(input, earlier.as_ref(), failure);
            let refused = matches!(failure, ContactFailure::LoginRefused(_));
            let unclear = earlier.as_ref().is_some_and(|trouble| trouble.unclear)
                || matches!(failure, ContactFailure::LoginUnclear(_));
            memory.trouble = Some(Trouble {
                since: earlier.as_ref().map_or(input.now, |trouble| trouble.since),
                failures: earlier.map_or(1, |trouble| trouble.failures.saturating_add(1)),
                last: failure,
                unclear: unclear && !refused,
            });
            if refused && let Ok(password) = input.secrets.get(&input.desired.manager.password) {
                memory.refused_password = Some(fingerprint::password_mark(&password, input.key));
            }
        }
    }
    memory.unreadable_cycles = conditions::unreadable_cycles(memory.unreadable_cycles, input.contact.ok());
    memory
}

/// A posted password of which nothing clear came twice, with no success between, counts as refused: the device may have
/// counted wrong ones, and every further one locks its login for longer, for everybody.
fn counted(input: &TurnInput<'_>, earlier: Option<&Trouble>, failure: &ContactFailure) -> ContactFailure {
    let again = earlier.is_some_and(|trouble| trouble.unclear);
    match failure {
        ContactFailure::LoginUnclear(why) if again => ContactFailure::LoginRefused(format!(
            "the manager did not say clearly whether it accepts the web password, twice: {why}; the password \
             is not tried again until the secret changes or somebody runs 'n720d poll {} --retry-login'",
            input.desired.name
        )),
        ContactFailure::Unreachable(_)
        | ContactFailure::LoginRefused(_)
        | ContactFailure::LoginUnclear(_)
        | ContactFailure::LoginLocked(_)
        | ContactFailure::SessionBusy(_)
        | ContactFailure::NotUnderstood(_)
        | ContactFailure::SecretMissing(_) => failure.clone(),
    }
}

/// Enters the observation, and into the ledger who was missing when a window closed.
fn enter_observation(
    input: &TurnInput<'_>,
    memory: &mut SiteMemory,
    seen: &Observation,
    frame: &Frame,
    history: &mut Vec<HistoryEntry>,
) {
    memory.clock = clock_of(seen).or(memory.clock);
    memory.first_contact.get_or_insert((input.now, input.desired.manager.mac));
    memory.observation = Some(seen.clone());
    let open = |windows: &[Window]| -> BTreeSet<u32> {
        windows.iter().filter(|window| window.missing_at_end.is_none()).map(|window| window.number).collect()
    };
    // Within a settle time verdicts stand still, and would tell of handsets that have come in long since.
    if !frame.settled {
        return;
    }
    let before = open(&memory.windows);
    window::close_due(&mut memory.windows, frame.clock, &memory.slots, seen);
    let next = memory.windows.iter().skip(1).map(Some).chain([None]);
    for (window, next) in memory.windows.iter().zip(next).filter(|(one, _)| before.contains(&one.number)) {
        if let Some(missing) = &window.missing_at_end {
            let outcome = match (next, missing.len()) {
                (Some(next), _) => format!("window {} was replaced by window {}", window.number, next.number),
                (None, 0) => format!("window {} closed, nobody is missing", window.number),
                (None, n) => format!("window {} closed with {n} handsets missing", window.number),
            };
            history.push(entry(input.now, "window", outcome));
        }
    }
}

/// Enters what others brought and changed, while the observation before is still at hand.
fn enter_foreign(
    input: &TurnInput<'_>,
    memory: &mut SiteMemory,
    seen: Option<&Observation>,
    frame: &Frame,
    history: &mut Vec<HistoryEntry>,
) {
    let scene = foreign::Scene {
        desired: input.desired,
        neighbours: input.neighbours,
        seen,
        wanted: &frame.parts,
        settled: frame.settled,
    };
    let news = foreign::enter(&scene, memory);
    history.extend(news.into_iter().map(|(what, outcome)| entry(input.now, what, outcome)));
}

fn plan_input<'a>(
    input: &TurnInput<'a>,
    memory: &'a SiteMemory,
    seen: Option<&'a Observation>,
    frame: &Frame,
) -> PlanInput<'a> {
    PlanInput {
        desired: input.desired,
        secrets: input.secrets,
        key: input.key,
        memory,
        observation: seen,
        window_state: frame.state,
        clock: frame.clock,
        settle: input.pace.settle,
        own_url: input.own_url,
        budget: input.pace.budget,
        clearance: input.clearance,
        now: input.now,
    }
}

fn entry(at: DateTime<Utc>, what: &str, outcome: String) -> HistoryEntry {
    HistoryEntry { at, who: "n720d".into(), what: what.into(), outcome }
}

fn tell_registrations(
    before: &BTreeMap<SlotNumber, SlotRecord>,
    after: &BTreeMap<SlotNumber, SlotRecord>,
    now: DateTime<Utc>,
    history: &mut Vec<HistoryEntry>,
) {
    for (number, record) in after {
        let earlier = before.get(number).filter(|earlier| earlier.ipui == record.ipui);
        let was = earlier.map_or(Registration::Unknown, |earlier| earlier.registration);
        let is_clearer = record.cause != earlier.and_then(|earlier| earlier.cause);
        let outcome = match (was == record.registration, record.cause) {
            (false, _) => {
                let (was, is) = (was.as_str(), record.registration.as_str());
                format!("slot {number} ({}): {was} -> {is}: {}", record.ipui, record.explained())
            }
            (true, Some(cause)) if is_clearer => {
                format!("slot {number} ({}): still lost: {cause}", record.ipui)
            }
            (true, Some(_) | None) => continue,
        };
        history.push(entry(now, "registration", outcome));
    }
}

fn verify_release(
    input: &TurnInput<'_>,
    memory: &mut SiteMemory,
    seen: Option<&Observation>,
    frame: &Frame,
    history: &mut Vec<HistoryEntry>,
) -> Vec<ReleaseMark> {
    let verification =
        verify::verify(input.desired, memory, &frame.parts, seen, input.pace.settle, input.now);
    let Some(release) = memory.release.as_mut() else { return Vec::new() };
    let at = input.now;
    let mut tell = |outcome: String| history.push(entry(at, "verify", outcome));
    match verification {
        Verification::TookEffect if release.progress.verified_at.is_none() => {
            release.progress.verified_at = Some(at);
            tell(format!("release {} is in effect", release.version));
            vec![ReleaseMark::Verified { release: release.id, at }]
        }
        Verification::NoEffect(missed) => {
            let known = release.progress.missed.as_ref();
            let left = known.map_or_else(|| (*missed).clone(), |known| known.left(&missed));
            if known == Some(&left) {
                return Vec::new();
            }
            if known.is_none() {
                let readings: Vec<&str> = left.readings.values().map(String::as_str).collect();
                tell(format!("release {} did not take effect: {}", release.version, readings.join("; ")));
            }
            let at = *release.progress.ineffective_at.get_or_insert(at);
            release.progress.missed = Some(left.clone());
            vec![ReleaseMark::Ineffective { release: release.id, at, missed: Box::new(left) }]
        }
        Verification::NoRelease
        | Verification::Waiting { .. }
        | Verification::Superseded
        | Verification::TookEffect
        | Verification::CannotTell(_) => Vec::new(),
    }
}

/// A site that is found as the file says, without a release of ours, is taken as it is: later changes of the file
/// are measured against it.
fn note_baseline(
    input: &TurnInput<'_>,
    memory: &mut SiteMemory,
    seen: Option<&Observation>,
    frame: &Frame,
    plan: &Plan,
) {
    let readable = seen.is_some_and(|o| o.pending.known().is_some() && o.slots.known().is_some());
    // A slot whose secret is missing is no part of what is wanted just now, but is again when the secret is back.
    let whole = input.secrets.missing(input.desired.references()).is_empty();
    if memory.release.is_none() && memory.baseline.is_none() && readable && whole && plan.steps.is_empty() {
        memory.baseline = Some(frame.wanted.clone());
        memory.baseline_parts = frame.parts.clone();
    }
}

fn alerts(input: &TurnInput<'_>, memory: &SiteMemory, plan: &Plan, frame: &Frame) -> Vec<Alert> {
    let window = frame.window.as_ref();
    let missing_secrets = input.secrets.missing(input.desired.references());
    let conditions = conditions::conditions(&View {
        desired: input.desired,
        memory,
        observation: input.contact.ok(),
        plan,
        window,
        window_state: frame.state,
        closes_in: window.and_then(|window| window::closes_in(window, frame.clock, frame.as_of)),
        closes_at: window.and_then(|window| window.closes_at).map(|end| frame.clock.ours(end)),
        clock: frame.clock,
        skew_seconds: frame.clock_was_read.then_some(frame.clock.skew_seconds),
        pace: input.pace,
        clearance: input.clearance,
        own_url: input.own_url,
        now: input.now,
        missing_secrets: &missing_secrets,
    });
    let conditions = hold_back(conditions, memory, frame);
    conditions::live_on(&input.desired.name, &memory.alerts, conditions, input.now)
}

/// What the conditions alone cannot know: verdicts that stand still within a settle time say nothing of a window that
/// has just closed, so that what was said before it closed stands as long; and orders that fail before anything is
/// released are a push that fails.
fn hold_back(mut conditions: Conditions, memory: &SiteMemory, frame: &Frame) -> Conditions {
    if !frame.settled {
        let already =
            |id: &Alert| id.kind == AlertKind::WindowExpiredUnfilled && id.state != AlertState::Resolved;
        if !memory.alerts.iter().any(already) {
            conditions.holding.retain(|condition| condition.kind != AlertKind::WindowExpiredUnfilled);
            conditions.unknown.insert(AlertKind::WindowExpiredUnfilled);
            if frame.state == WindowState::Closed {
                conditions.unknown.insert(AlertKind::WindowClosing);
            }
        }
    }
    let told = conditions.holding.iter().any(|condition| condition.kind == AlertKind::PushFailed);
    if let Some(hindrance) = memory.hindrance.as_ref().filter(|_| !told) {
        let summary = format!("nothing can be released: {}; it is tried again later", hindrance.why);
        conditions.holding.push(Condition::new(AlertKind::PushFailed, Severity::Warning, summary));
    }
    conditions
}

fn tell_alerts(before: &[Alert], after: &[Alert], now: DateTime<Utc>, history: &mut Vec<HistoryEntry>) {
    let held = |alerts: &[Alert], id: &str| {
        alerts.iter().any(|alert| alert.id == id && alert.state != AlertState::Resolved)
    };
    for alert in after {
        let word = match (held(before, &alert.id), held(after, &alert.id)) {
            (false, true) => "fires",
            (true, false) => "resolved",
            (false, false) | (true, true) => continue,
        };
        history.push(entry(now, "alert", format!("{} {word}: {}", alert.id, alert.summary)));
    }
}

/// Whether every editor page that was asked for could be read.
fn editors_came(seen: &Observation) -> bool {
    seen.editors.values().all(|page| page.known().is_some())
}

/// The first of the pages that a verdict rests on that could not be read.
pub fn unreadable(seen: &Observation) -> Option<String> {
    let pages = [
        ("status page", seen.mac.why_not()),
        ("status page", seen.pending.why_not()),
        ("mobile devices page", seen.slots.why_not()),
    ];
    pages.into_iter().find_map(|(page, why)| why.map(|why| format!("the {page} could not be read: {why}")))
}

fn status(input: &TurnInput<'_>, memory: &SiteMemory, plan: Option<&Plan>, frame: &Frame) -> SiteStatus {
    let right_device = match input.contact {
        Ok(Observation { mac: Reading::Known(mac), .. }) => Some(*mac == input.desired.manager.mac),
        Ok(_) | Err(_) => None,
    };
    assess::status(&Picture {
        desired: input.desired,
        memory,
        plan,
        wanted: Some(frame.wanted.clone()),
        window: window::status(&memory.windows, input.desired, frame.clock, input.now),
        skew_seconds: frame.clock_was_read.then_some(frame.clock.skew_seconds),
        unreadable: input.contact.ok().and_then(unreadable),
        observed_at: memory.observation.as_ref().map(|seen| seen.at),
        right_device,
        now: input.now,
        pause: input.clearance.pause.as_ref(),
        password_change: rotation::told(
            memory,
            &input.desired.name,
            input.desired.time_zone,
            input.pace.settle,
            input.now,
        ),
    })
}

#[cfg(test)]
mod foreign_tests;
#[cfg(test)]
mod freeze_tests;
#[cfg(test)]
mod tests;
