//! The condition about pushes in vain, with the readings for whoever looks into it: what is wanted and what the pages
//! show all the same, how each push came to the manager, and what to look at, only what applies. What is given up is
//! decided in the breaker; nothing is decided here.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::work::{handsets, phase, what};
use super::{Conditions, View};
use crate::domain::alert::{Alert, AlertKind, Condition, Severity};
use crate::domain::desired::{DesiredSite, DesiredSlot, Mode};
use crate::domain::fingerprint::{PIN_PART, slot_parts};
use crate::domain::ids::SlotNumber;
use crate::domain::plan::{Action, Disposition, Step};
use crate::domain::release::{Fetcher, Missed, PastRelease, TriggerOutcome, Version};
use crate::domain::wording::local;

/// How many differences and how many pushes are told one by one.
const TOLD: usize = 6;

/// Looks at what was given up.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    let steps: Vec<&Step> =
        view.plan.steps.iter().filter(|step| mends(step) && is_given_up(&step.disposition)).collect();
    if steps.is_empty() {
        // Another try has mended nothing yet.
        let standing =
            view.standing(AlertKind::PushIneffective).filter(|alert| is_of_this_manager(view, alert));
        if standing.is_some_and(|alert| view.plan.steps.iter().any(|step| is_tried(view, alert, step))) {
            found.cannot_tell([AlertKind::PushIneffective]);
        }
        return;
    }
    let site = &view.desired.name;
    let summary = format!(
        "what was released changed nothing, twice: {}; it is not released again; `n720d status {site}` shows what to look \
         at; when the cause is mended: correct the site file, or `n720d apply {site} --retry-push`",
        what(&steps)
    );
    let condition = Condition::new(AlertKind::PushIneffective, Severity::Critical, summary)
        .in_phase(phase(&steps))
        .about(handsets(view, &steps));
    found.hold(Condition { readings: readings(view, &steps), ..condition });
}

/// Whether the step mends a difference. A window that is not opened follows from those, and comes and goes by the clock.
fn mends(step: &Step) -> bool {
    match step.action {
        Action::Enrol
        | Action::ConfigureProvider
        | Action::SetPin
        | Action::ConfigureAccount
        | Action::Reserve
        | Action::Replace
        | Action::Deregister => true,
        Action::OpenWindow
        | Action::ReopenWindow
        | Action::CloseWindow
        | Action::Fetch
        | Action::FollowFile => false,
    }
}

fn is_given_up(disposition: &Disposition) -> bool {
    match disposition {
        Disposition::Blocked { alert, .. } => *alert == AlertKind::PushIneffective,
        Disposition::Ready | Disposition::Deferred { .. } => false,
    }
}

/// What was in vain at a manager that was exchanged since says nothing about the one in its place.
fn is_of_this_manager(view: &View<'_>, alert: &Alert) -> bool {
    view.memory.first_contact.is_none_or(|(met, _)| met <= alert.since)
}

/// Whether this step tries again what the alert is about, or waits to: a person said so, the site file was corrected,
/// the firmware is another one.
fn is_tried(view: &View<'_>, alert: &Alert, step: &Step) -> bool {
    const HELD_UP: [AlertKind; 2] = [AlertKind::SecretMissing, AlertKind::PageNotUnderstood];
    let same = match step.slot {
        Some(slot) => alert.handsets.iter().any(|handset| handset.number == slot),
        None => step.action == Action::SetPin && alert.phase.contains("set-pin"),
    };
    let goes_on = match &step.disposition {
        Disposition::Ready | Disposition::Deferred { .. } => true,
        Disposition::Blocked { alert, .. } => HELD_UP.contains(alert),
    };
    same && goes_on && mends(step) && view.desired.mode == Mode::Manage
}

fn readings(view: &View<'_>, steps: &[&Step]) -> Vec<String> {
    let slots: BTreeSet<SlotNumber> = steps.iter().filter_map(|step| step.slot).collect();
    let parts: BTreeSet<String> =
        slots.iter().flat_map(|&slot| slot_parts(slot)).chain([PIN_PART.to_owned()]).collect();
    let last = view.memory.release.as_ref().map(PastRelease::from);
    let pushes: Vec<Push> = last
        .iter()
        .chain(&view.memory.past_releases)
        .filter_map(|release| Push::of(release, &parts))
        .collect();
    let shown = told("shown", steps.iter().map(|step| step.why.clone()));
    let pushed = told("pushed", pushes.iter().map(|push| push.told(view)));
    shown.into_iter().chain(pushed).chain(look_at(view, &slots, &pushes)).collect()
}

/// The first of many lines, each with this word in front.
fn told(word: &str, texts: impl Iterator<Item = String>) -> Vec<String> {
    let all: Vec<String> = texts.map(|text| format!("{word}: {text}")).collect();
    let more = all.len().saturating_sub(TOLD);
    let rest = (more > 0).then(|| format!("{word}: and {more} more"));
    all.into_iter().take(TOLD).chain(rest).collect()
}

/// A release that missed some of what was given up.
struct Push<'a> {
    version: &'a Version,
    released_at: DateTime<Utc>,
    missed: &'a Missed,
}

impl<'a> Push<'a> {
    fn of(release: &'a PastRelease, parts: &BTreeSet<String>) -> Option<Self> {
        let missed = release.missed.as_ref()?;
        let is_meant = missed.readings.keys().any(|part| parts.contains(part));
        is_meant.then_some(Self { version: &release.version, released_at: release.released_at, missed })
    }

    fn fetcher(&self) -> Option<&'a Fetcher> {
        self.missed.fetched_by.as_ref()
    }

    fn told(&self, view: &View<'_>) -> String {
        let clock = |at| local(at, view.desired.time_zone).format("%Y-%m-%d %H:%M:%S %:z").to_string();
        let fetched = self.missed.fetched_at.map_or_else(|| "at an unknown time".to_owned(), clock);
        let (from, calls) = self.fetcher().map_or_else(
            || ("an address that was not kept".to_owned(), String::new()),
            |fetcher| {
                let agent = fetcher.user_agent.as_ref();
                let calls =
                    agent.map_or(" without a User-Agent".to_owned(), |agent| format!(" as {agent:?}"));
                (fetcher.peer.to_string(), calls)
            },
        );
        let firmware = self.missed.firmware.as_ref();
        let firmware = firmware.map(|text| format!("; firmware {text}")).unwrap_or_default();
        format!(
            "VERSION {}, released {}, fetched {fetched} from {from}{calls}; {}{firmware}",
            self.version,
            clock(self.released_at),
            reported(self.missed.trigger.as_ref())
        )
    }
}

/// What the manager made of being told to fetch. (The states: n720.md section 4)
fn reported(trigger: Option<&TriggerOutcome>) -> String {
    match trigger {
        None => "it was not told to".to_owned(),
        Some(TriggerOutcome::Done) => "state 88, downloaded and processed".to_owned(),
        Some(TriggerOutcome::Accepted) => "check-sync was accepted, which shows no state".to_owned(),
        Some(TriggerOutcome::NoLine) => "state 104, no line configured".to_owned(),
        Some(TriggerOutcome::Busy(why)) => format!("it was busy: {why}"),
        Some(TriggerOutcome::Failed(why)) => format!("telling it to failed: {why}"),
        Some(TriggerOutcome::Unknown(why)) => format!("what telling it to came to is not known: {why}"),
    }
}

/// What may be the cause, the likeliest first; only what the readings do not rule out.
fn look_at(view: &View<'_>, slots: &BTreeSet<SlotNumber>, pushes: &[Push<'_>]) -> Vec<String> {
    let causes = [mac(view, pushes), version(pushes), firmware(view, pushes)];
    let causes = causes.into_iter().chain([characters(view.desired, slots), data_server(view, pushes)]);
    let lines: Vec<String> = causes.flatten().map(|cause| format!("look at {cause}")).collect();
    if lines.is_empty() {
        return vec![
            "look at the manager itself: MAC, VERSION, firmware, quotes and data server are as they should be; does its \
             web page take the same values by hand, and the file after a restart?"
                .to_owned(),
        ];
    }
    lines
}

/// A file for another MAC is ignored without a word, and the page shows what the site file says.
fn mac(view: &View<'_>, pushes: &[Push<'_>]) -> Option<String> {
    let mac = view.desired.manager.mac.to_string();
    let named = |push: &Push<'_>| {
        let agent = push.fetcher().and_then(|fetcher| fetcher.user_agent.as_deref());
        agent.is_some_and(|agent| agent.to_ascii_uppercase().contains(&mac))
    };
    (!pushes.iter().any(named)).then(|| {
        format!(
            "the MAC: the file is for {mac}, which the status page shows, but who fetched it named none; a file for \
             another MAC is ignored: compare it with the label on the box"
        )
    })
}

/// A file with the VERSION that the device has kept is ignored.
fn version(pushes: &[Push<'_>]) -> Option<String> {
    let known = pushes.iter().find(|push| push.fetcher().is_some_and(|fetcher| fetcher.knew_version))?;
    Some(format!(
        "the VERSION: the manager had fetched another file with {} before, and ignores one whose VERSION is the one it \
         keeps",
        known.version
    ))
}

fn firmware(view: &View<'_>, pushes: &[Push<'_>]) -> Option<String> {
    let shown = view.observation?.firmware.known()?;
    let named = pushes.iter().find_map(|push| push.fetcher()?.firmware.as_ref())?;
    (!named.is_same_release(shown)).then(|| {
        format!(
            "the firmware: the status page shows {shown}, and who fetched calls itself {named}; 70.108 or later is \
             needed"
        )
    })
}

/// The device's parser is no strict one, and what it makes of entities and of characters beyond ASCII is unknown.
fn characters(desired: &DesiredSite, slots: &BTreeSet<SlotNumber>) -> Option<String> {
    let odd = |text: &&str| !text.is_ascii() || text.contains('&');
    let names: Vec<String> = slots
        .iter()
        .filter_map(|slot| match desired.slots.get(slot)? {
            DesiredSlot::Present(wanted) => {
                let sip = wanted.sip.iter().flat_map(|sip| [&sip.user, &sip.login, &sip.account_name]);
                let texts = wanted.display_name.iter().chain(&wanted.mailbox).chain(sip);
                texts.map(String::as_str).find(odd).map(|text| format!("{text:?} of slot {slot}"))
            }
            DesiredSlot::Absent => None,
        })
        .collect();
    let list = names.join(", ");
    (!names.is_empty()).then(|| {
        format!("the quotes: strings stand in inner double quotes; the device may not take the characters in {list}")
    })
}

/// Whether it was the manager that fetched, and from here.
fn data_server(view: &View<'_>, pushes: &[Push<'_>]) -> Option<String> {
    let shown = view.observation.and_then(|seen| seen.config_url.as_ref()).and_then(|url| url.known());
    // The URLs stay out of it: ours holds the token that opens the file.
    if shown.zip(view.own_url).is_some_and(|(shown, own)| shown.trim() != own) {
        return Some(
            "the data server: the manager's configuration file URL is not that of this server: `n720d url` shows it"
                .to_owned(),
        );
    }
    let host: IpAddr = view.desired.manager.host.parse().ok()?;
    let stranger = pushes.iter().filter_map(Push::fetcher).map(|fetcher| fetcher.peer.to_canonical());
    let peer = stranger.into_iter().find(|peer| *peer != host.to_canonical())?;
    Some(format!(
        "the data server: the fetch came from {peer}, and the manager is at {host}: is it another device, or an address \
         translation?"
    ))
}

#[cfg(test)]
mod tests;
