//! When to look at a site again, and why. Pure: the site task does the waiting.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::memory::SiteMemory;
use super::observed::ContactFailure;
use super::plan::{Disposition, Plan};
use super::push;
use super::rotation;
use super::settings::Pace;
use super::status::WindowState;

/// After an edge (a window's end, the end of a settle time) the next look comes this much later, so that it falls
/// behind it on both clocks.
const BEHIND_AN_EDGE: Duration = Duration::from_secs(1);

/// A site that was read for the first time is looked at again after this long, so that what is safe to do is not
/// left for a whole interval.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// While there are more editor pages to read than one cycle may, the next look comes this much later: soon, and with time
/// for somebody else to log in.
const MORE_PAGES: Duration = Duration::from_secs(15);

/// After a manager was told to fetch it is looked at again after this long.
const AFTER_ORDERS: Duration = Duration::from_secs(5);

/// While an unreachable manager is left alone for longer and longer, never longer than this (or the interval, if
/// that is longer).
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15 * 60);

/// The next look and its reason, for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextLook {
    /// From now.
    pub after: Duration,
    /// Why then.
    pub reason: &'static str,
    /// Whether it belongs to the steady rhythm, which is spread over a fleet; the others must come in time.
    pub steady: bool,
}

/// What the rhythm depends on.
#[derive(Debug)]
pub struct Beat<'a> {
    /// After the cycle.
    pub memory: &'a SiteMemory,
    /// The cycle's plan.
    pub plan: &'a Plan,
    /// When this cycle's reading of the manager began; `None`: it could not be read.
    pub looked_at: Option<DateTime<Utc>>,
    /// State of the window in force.
    pub window_state: WindowState,
    /// Until the window opens, crosses a warning threshold or closes.
    pub next_edge: Option<Duration>,
    /// When the pause of this site alone ends, so that it is not shown for longer than it holds.
    pub pause_ends: Option<DateTime<Utc>>,
    /// When the site counts as not read for long, if it is not read before: then people are told.
    pub stale_at: Option<DateTime<Utc>>,
    /// Whether a handset is missing.
    pub missing: bool,
    /// Whether editor pages that make verdicts certain were left over, and all that were asked for came.
    pub more_pages: bool,
    /// Settings.
    pub pace: &'a Pace,
    /// The time.
    pub now: DateTime<Utc>,
}

/// When to look next.
pub fn next_look(beat: &Beat<'_>) -> NextLook {
    let steady = steady(beat);
    let mut next = steady;
    let mut sooner = |after: Duration, reason: &'static str| {
        if after < next.after {
            next = NextLook { after, reason, steady: false };
        }
    };
    if let Some(edge) = beat.next_edge {
        sooner(edge + BEHIND_AN_EDGE, "the window's next edge");
    }
    if let Some(end) = beat.pause_ends.filter(|end| *end > beat.now) {
        sooner(until(end, beat.now) + BEHIND_AN_EDGE, "the end of the pause");
    }
    if let Some(at) = beat.stale_at.filter(|at| *at > beat.now) {
        sooner(until(at, beat.now) + BEHIND_AN_EDGE, "the site becomes stale");
    }
    if beat.memory.trouble.is_some() {
        return next;
    }
    if beat.more_pages {
        sooner(MORE_PAGES, "more editor pages to read");
    }
    // A look that began behind the edge and gave no verdict will give none a second later either.
    if let Some(settled_at) = settled_at(beat.memory, beat.pace.settle)
        && beat.looked_at.is_none_or(|at| at < settled_at)
    {
        sooner(until(settled_at, beat.now) + BEHIND_AN_EDGE, "the end of the settle time");
    }
    if let Some((at, reason)) = password_edge(beat.memory, beat.pace.settle, beat.now)
        && beat.looked_at.is_none_or(|looked_at| looked_at < at)
    {
        sooner(until(at, beat.now) + BEHIND_AN_EDGE, reason);
    }
    for step in &beat.plan.steps {
        match &step.disposition {
            Disposition::Deferred { until: Some(at), .. } if *at > beat.now => {
                sooner(until(*at, beat.now) + BEHIND_AN_EDGE, "a deferred step");
            }
            Disposition::Deferred { until: None, .. } if is_first_contact(beat) => {
                sooner(SECOND_LOOK, "a second look after first contact");
            }
            Disposition::Deferred { .. } | Disposition::Ready | Disposition::Blocked { .. } => {}
        }
    }
    next
}

/// When something is to be found out about the web password.
fn password_edge(
    memory: &SiteMemory,
    settle: Duration,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, &'static str)> {
    rotation::next_edge(memory.rotation.as_ref()?, settle, now)
}

/// When to look after orders were carried out, `memory` being loaded anew: the end of the settle time if the manager
/// has fetched already, else soon, to see what became of it.
pub fn after_orders(
    planned: NextLook,
    memory: &SiteMemory,
    settle: Duration,
    now: DateTime<Utc>,
) -> NextLook {
    let settled = settled_at(memory, settle).map(|at| (at, "the end of the settle time"));
    let password = password_edge(memory, settle, now).filter(|(at, _)| *at > now);
    let (after, reason) = settled
        .or(password)
        .map_or((AFTER_ORDERS, "after a push"), |(at, reason)| (until(at, now) + BEHIND_AN_EDGE, reason));
    if after < planned.after { NextLook { after, reason, steady: false } } else { planned }
}

/// The steady rhythm: the interval, faster while a window is open for somebody, slower while there is trouble.
fn steady(beat: &Beat<'_>) -> NextLook {
    let pace = beat.pace;
    let look = |after, reason| NextLook { after, reason, steady: true };
    if let Some(trouble) = &beat.memory.trouble {
        return match &trouble.last {
            ContactFailure::SessionBusy(_) => look(pace.interval, "a person is logged in"),
            ContactFailure::Unreachable(_)
            | ContactFailure::LoginRefused(_)
            | ContactFailure::LoginUnclear(_)
            | ContactFailure::LoginLocked(_)
            | ContactFailure::NotUnderstood(_)
            | ContactFailure::SecretMissing(_) => look(back_off(pace.interval, trouble.failures), "back-off"),
        };
    }
    match beat.window_state {
        WindowState::Open | WindowState::Always if beat.missing => {
            look(pace.interval_open.min(pace.interval), "the window is open")
        }
        WindowState::None
        | WindowState::Scheduled
        | WindowState::Open
        | WindowState::Closed
        | WindowState::Always => look(pace.interval, "the interval"),
    }
}

/// Doubles with every failure after the second, up to the longest back-off.
fn back_off(interval: Duration, failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(2).min(16));
    interval.saturating_mul(factor).min(LONGEST_BACK_OFF.max(interval))
}

/// When the last release will have settled, if it was fetched and has no verdict.
pub fn settled_at(memory: &SiteMemory, settle: Duration) -> Option<DateTime<Utc>> {
    let release = memory.release.as_ref()?;
    if release.progress.verified_at.is_some() || release.progress.ineffective_at.is_some() {
        return None;
    }
    push::settled_at(&release.progress, settle)
}

/// Whether this very cycle was the first contact.
fn is_first_contact(beat: &Beat<'_>) -> bool {
    beat.memory.first_contact.zip(beat.looked_at).is_some_and(|((at, _), looked_at)| at >= looked_at)
}

fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (at - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Trouble;
    use crate::domain::plan::Orders;
    use crate::domain::release::{Generation, Progress, Release};

    const PACE: Pace = Pace {
        interval: Duration::from_secs(300),
        interval_open: Duration::from_secs(60),
        settle: Duration::from_secs(180),
        before_close: Vec::new(),
        budget: crate::domain::budget::SiteBudget::DEFAULT,
        clock_skew: Duration::from_secs(120),
        pause_forgotten: Duration::from_secs(86_400),
    };

    fn empty_plan() -> Plan {
        Plan { hash: Generation("0".into()), terms: Vec::new(), steps: Vec::new(), orders: Orders::default() }
    }

    fn look(
        memory: &SiteMemory,
        window_state: WindowState,
        edge: Option<u64>,
        missing: bool,
    ) -> (u64, &'static str) {
        let next = next_look(&Beat {
            memory,
            plan: &empty_plan(),
            looked_at: Some(DateTime::UNIX_EPOCH),
            window_state,
            next_edge: edge.map(Duration::from_secs),
            pause_ends: None,
            stale_at: None,
            missing,
            more_pages: false,
            pace: &PACE,
            now: DateTime::UNIX_EPOCH,
        });
        (next.after.as_secs(), next.reason)
    }

    #[test]
    fn the_interval_is_shorter_only_while_somebody_is_awaited() {
        let memory = SiteMemory::default();
        assert_eq!(look(&memory, WindowState::None, None, true).0, 300);
        assert_eq!(look(&memory, WindowState::Open, None, true).0, 60);
        assert_eq!(look(&memory, WindowState::Open, None, false).0, 300);
    }

    #[test]
    fn pages_that_were_left_over_are_read_soon() {
        let look = |memory: &SiteMemory, interval| {
            let next = next_look(&Beat {
                memory,
                plan: &empty_plan(),
                looked_at: Some(DateTime::UNIX_EPOCH),
                window_state: WindowState::None,
                next_edge: None,
                pause_ends: None,
                stale_at: None,
                missing: false,
                more_pages: true,
                pace: &Pace { interval: Duration::from_secs(interval), ..PACE },
                now: DateTime::UNIX_EPOCH,
            });
            (next.after.as_secs(), next.steady)
        };
        let memory = SiteMemory::default();
        assert_eq!(look(&memory, 300), (15, false));
        assert_eq!(look(&memory, 5), (5, true), "the interval is sooner");
    }

    #[test]
    fn an_edge_of_the_window_is_never_slept_through() {
        let memory = SiteMemory::default();
        assert_eq!(look(&memory, WindowState::Scheduled, Some(20), true), (21, "the window's next edge"));
        assert_eq!(look(&memory, WindowState::Scheduled, Some(3000), true).0, 300);
    }

    #[test]
    fn the_end_of_a_pause_is_an_edge_also_while_there_is_trouble() {
        let dark = Trouble {
            since: DateTime::UNIX_EPOCH,
            failures: 40,
            last: ContactFailure::Unreachable("no answer".into()),
            unclear: false,
        };
        for trouble in [None, Some(dark)] {
            let memory = SiteMemory { trouble, ..SiteMemory::default() };
            let next = next_look(&Beat {
                memory: &memory,
                plan: &empty_plan(),
                looked_at: Some(DateTime::UNIX_EPOCH),
                window_state: WindowState::None,
                next_edge: None,
                pause_ends: Some(DateTime::UNIX_EPOCH + Duration::from_secs(40)),
                stale_at: None,
                missing: false,
                more_pages: false,
                pace: &PACE,
                now: DateTime::UNIX_EPOCH,
            });
            assert_eq!((next.after.as_secs(), next.reason, next.steady), (41, "the end of the pause", false));
        }
    }

    #[test]
    fn trouble_backs_off_but_a_window_edge_still_wakes() {
        let trouble = |failures, last| SiteMemory {
            trouble: Some(Trouble { since: DateTime::UNIX_EPOCH, failures, last, unclear: false }),
            ..SiteMemory::default()
        };
        let dark = |n| trouble(n, ContactFailure::Unreachable("no answer".into()));
        assert_eq!(look(&dark(1), WindowState::None, None, false).0, 300);
        assert_eq!(look(&dark(3), WindowState::None, None, false).0, 600);
        assert_eq!(look(&dark(40), WindowState::None, None, false).0, 900);
        assert_eq!(look(&dark(40), WindowState::Open, Some(10), true).0, 11);
        let busy = trouble(40, ContactFailure::SessionBusy("code 2".into()));
        assert_eq!(look(&busy, WindowState::None, None, false).0, 300, "a person stays minutes, not hours");
    }

    #[test]
    fn a_look_behind_the_settle_time_that_gave_no_verdict_is_not_repeated_at_once() {
        let mut world = crate::domain::world::World::new();
        let release = Release {
            id: 1,
            generation: Generation("g".into()),
            content: Generation("c".into()),
            version: "2811121640".parse().unwrap(),
            parts: std::collections::BTreeMap::new(),
            reserved: std::collections::BTreeMap::new(),
            approved: std::collections::BTreeSet::new(),
            window: None,
            released_at: DateTime::UNIX_EPOCH,
            progress: Progress { fetched_at: Some(DateTime::UNIX_EPOCH), ..Progress::default() },
        };
        world.memory.release = Some(release);
        let at = |seconds| DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let look = |looked_at, now| {
            let plan = empty_plan();
            let beat = Beat {
                memory: &world.memory,
                plan: &plan,
                looked_at: Some(at(looked_at)),
                window_state: WindowState::None,
                next_edge: None,
                pause_ends: None,
                stale_at: None,
                missing: false,
                more_pages: false,
                pace: &PACE,
                now: at(now),
            };
            next_look(&beat).after.as_secs()
        };
        assert_eq!(look(10, 12), 169, "the end of the settle time");
        assert_eq!(look(175, 185), 1, "it began before the end and ended behind it");
        assert_eq!(look(181, 183), 300, "it has told what it could");
    }

    #[test]
    fn after_orders_the_settle_time_is_waited_for_or_the_fetch_is_looked_for() {
        let planned = NextLook { after: Duration::from_secs(300), reason: "the interval", steady: true };
        let settle = PACE.settle;
        let soon = after_orders(planned, &SiteMemory::default(), settle, DateTime::UNIX_EPOCH);
        assert_eq!((soon.after.as_secs(), soon.reason), (5, "after a push"));
        let closer = NextLook { after: Duration::from_secs(3), ..planned };
        assert_eq!(after_orders(closer, &SiteMemory::default(), settle, DateTime::UNIX_EPOCH), closer);
    }
}
