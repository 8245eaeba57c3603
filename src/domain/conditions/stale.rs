//! The condition that nobody knows what a site is like: nothing that its verdicts rest on was read for long, for whatever reason.
//! What says why is told beside it by its own condition; who is told of which of them is not decided here.

use chrono::{DateTime, TimeDelta, Utc};

use super::contact::UNREADABLE_AFTER;
use super::{Conditions, View, spoken};
use crate::domain::alert::{AlertKind, AlertState, Condition, Severity};
use crate::domain::desired::DesiredSite;
use crate::domain::memory::SiteMemory;
use crate::domain::observed::Observation;
use crate::domain::settings::Pace;

/// Intervals without a good reading before a site counts as stale.
const STALE_AFTER: u32 = 6;

/// Since when nothing was read that verdicts rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blind {
    /// The last good reading was then.
    LastRead(DateTime<Utc>),
    /// Nothing was ever read; it was tried since then.
    Never(DateTime<Utc>),
    /// The manager was read, and what counts was not to be understood, at least since then.
    Unreadable(DateTime<Utc>),
}

/// Ends with a reading of the site's own manager in which everything that verdicts rest on was read, and with nothing else.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    if view.observation.is_some_and(|seen| is_whole(view.desired, seen)) {
        return;
    }
    found.cannot_tell([AlertKind::ObservationStale]);
    let Some(blind) = blind(view.desired, view.memory) else { return };
    if due(blind, view.pace).is_none_or(|due| view.now < due) {
        return;
    }
    let host = &view.desired.manager.host;
    let age = |since| spoken(view.now.signed_duration_since(since));
    let summary = match blind {
        Blind::LastRead(at) => format!(
            "the DECT manager at {host} has not been read for {}; what n720d says of this site is as old as that",
            age(at)
        ),
        Blind::Never(since) => format!(
            "the DECT manager at {host} has never been read, though it was tried for {}; nothing is known of this site's \
             handsets",
            age(since)
        ),
        Blind::Unreadable(since) => format!(
            "what the DECT manager at {host} shows of its handsets could not be read for {} or longer; what n720d says of \
             this site is as old as that",
            age(since)
        ),
    };
    found.hold(Condition::new(AlertKind::ObservationStale, Severity::Warning, summary));
}

/// When a site that cannot be read counts as stale, so that it is looked at then; `None`: nothing says since when.
pub fn stale_at(desired: &DesiredSite, memory: &SiteMemory, pace: &Pace) -> Option<DateTime<Utc>> {
    due(blind(desired, memory)?, pace)
}

/// Whether it is of the site's own manager, and all that verdicts rest on was read.
fn is_whole(desired: &DesiredSite, seen: &Observation) -> bool {
    seen.mac.known() == Some(&desired.manager.mac)
        && seen.pending.known().is_some()
        && seen.slots.known().is_some()
}

fn blind(desired: &DesiredSite, memory: &SiteMemory) -> Option<Blind> {
    let last = memory.observation.as_ref();
    if let Some(whole) = last.filter(|last| is_whole(desired, last)) {
        return Some(Blind::LastRead(whole.at));
    }
    // Of the last good one before such readings nothing is kept but what was said of it.
    let says_why = [AlertKind::PageNotUnderstood, AlertKind::WrongDevice];
    let told = memory.alerts.iter().filter(|alert| says_why.contains(&alert.kind));
    let told = told.filter(|alert| alert.state != AlertState::Resolved).map(|alert| alert.since);
    let tried = memory.trouble.as_ref().map(|trouble| trouble.since);
    match (told.chain(tried).min(), last) {
        (Some(since), Some(_)) => Some(Blind::Unreadable(since)),
        (Some(since), None) => Some(Blind::Never(since)),
        // The first such reading: for how long there have been none is not known yet.
        (None, _) => None,
    }
}

/// What is not understood is told in its second cycle, and counts from the first.
fn due(blind: Blind, pace: &Pace) -> Option<DateTime<Utc>> {
    let (since, intervals) = match blind {
        Blind::LastRead(since) | Blind::Never(since) => (since, STALE_AFTER),
        Blind::Unreadable(since) => (since, STALE_AFTER - UNREADABLE_AFTER),
    };
    let interval = TimeDelta::from_std(pace.interval).ok()?;
    since.checked_add_signed(interval.checked_mul(i32::try_from(intervals).ok()?)?)
}

#[cfg(test)]
mod tests;
