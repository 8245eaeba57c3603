//! What the cycle of a site means to the rollout: a canary followed and is well, came to harm, or is no good for a canary;
//! or a site has nothing left to do of it.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{Rollout, Stage, Stop, Trial, tell};
use crate::domain::alert::{Alert, AlertKind, AlertState};
use crate::domain::ids::{SiteName, SlotNumber};
use crate::domain::memory::{Registration, SiteMemory, SlotRecord};
use crate::domain::plan::{Action, Disposition, Step};
use crate::domain::status::SiteStatus;

/// After so many intervals without a reading a canary is replaced.
const INTERVALS_UNREAD: i32 = 3;

/// A site after a cycle.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The [`super::mark()`] of the file that the cycle went by.
    pub mark: &'a str,
    /// Whether the cycle knew that the rollout holds the site back.
    pub held: bool,
    /// Whether changes at this very site are paused.
    pub paused: bool,
    /// Whether the manager was read.
    pub read: bool,
    /// What the cycle came to.
    pub status: &'a SiteStatus,
    /// What is remembered after it.
    pub memory: &'a SiteMemory,
    /// How often managers are read.
    pub interval: Duration,
    /// When it ended.
    pub now: DateTime<Utc>,
}

/// What a cycle changed about a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Nothing.
    No,
    /// A site is through: worth showing, not worth keeping.
    Shown,
    /// It is to be kept; with lines for the history.
    On(Vec<String>),
}

/// What a cycle says about a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// Nothing yet.
    Open,
    /// It followed and is well.
    Verified,
    /// It came to harm.
    Failed(String),
    /// It cannot tell anything.
    Unfit(String),
}

impl Rollout {
    /// Enters what a cycle of one of its sites came to. A cycle over another file, or one that was held back, tells nothing.
    pub fn saw(&mut self, sight: &Sight<'_>) -> Moved {
        let site = &sight.status.site;
        if sight.held || self.sites.get(site).is_none_or(|stake| stake.mark != sight.mark) {
            return Moved::No;
        }
        match &self.stage {
            Stage::Canary { trials, .. } => match trials.get(site).map(|trial| judge(trial, sight)) {
                None | Some(Verdict::Open) => Moved::No,
                Some(verdict) => self.enter(site, verdict, sight.now),
            },
            Stage::GoingOn => self.note_through(sight),
            Stage::Stopped { .. } | Stage::Done => Moved::No,
        }
    }

    fn note_through(&mut self, sight: &Sight<'_>) -> Moved {
        if !is_left_to_people(sight) || !self.through.insert(sight.status.site.clone()) {
            return Moved::No;
        }
        if self.through.len() < self.sites.len() {
            return Moved::Shown;
        }
        self.stage = Stage::Done;
        Moved::On(vec![tell::ended(self)])
    }

    fn enter(&mut self, site: &SiteName, verdict: Verdict, now: DateTime<Utc>) -> Moved {
        let Stage::Canary { trials, queue, replaced } = &mut self.stage else { return Moved::No };
        let mut told = Vec::new();
        match verdict {
            Verdict::Open => return Moved::No,
            Verdict::Verified => match trials.get_mut(site) {
                Some(trial) if !trial.verified => {
                    trial.verified = true;
                    told.push(format!("rollout {}: canary {site} is verified", self.id));
                }
                Some(_) | None => return Moved::No,
            },
            Verdict::Failed(why) => {
                self.stage = Stage::Stopped { by: Stop::Canary { site: site.clone(), why } };
                return Moved::On(vec![tell::stopped(self)]);
            }
            Verdict::Unfit(why) => {
                trials.remove(site);
                let next = (!queue.is_empty()).then(|| queue.remove(0));
                let instead = next.as_ref().map_or("nobody", |next| next.as_str());
                told.push(format!("rollout {}: canary {site} is replaced by {instead}: {why}", self.id));
                replaced.insert(site.clone(), why);
                trials.extend(next.map(|next| (next, Trial { since: now, verified: false })));
            }
        }
        if trials.is_empty() {
            let each: Vec<String> = replaced.iter().map(|(site, why)| format!("{site} ({why})")).collect();
            let why = tell::some(&each.iter().map(String::as_str).collect::<Vec<_>>());
            self.stage = Stage::Stopped { by: Stop::NoCanary { why } };
            told.push(tell::stopped(self));
        } else if trials.values().all(|trial| trial.verified) {
            self.stage = Stage::GoingOn;
            told.push(tell::goes_on(self));
        }
        Moved::On(told)
    }
}

/// What this cycle says of a canary. Harm that was there before its trial is none of the rollout's, but such a site tells
/// nothing either. One that is verified is watched until the rest has followed.
fn judge(trial: &Trial, sight: &Sight<'_>) -> Verdict {
    // Alerts begin at whole seconds.
    let since = trial.since.trunc_subsecs(0);
    let of_trial = |alert: &Alert| alert.since >= since;
    if let Some(why) = harm(trial, sight) {
        return Verdict::Failed(why);
    }
    if let Some(alert) = trouble(sight) {
        let why = format!("{}: {}", alert.kind, alert.summary);
        return if of_trial(alert) { Verdict::Failed(why) } else { Verdict::Unfit(why) };
    }
    if let Some((slot, _)) = losses(sight).next() {
        return Verdict::Unfit(format!("the handset of slot {slot} was lost before"));
    }
    if trial.verified {
        return Verdict::Open;
    }
    if sight.paused {
        return Verdict::Unfit("changes there are paused".to_owned());
    }
    if sight.status.plan.steps.iter().any(|step| blocked_with(step) == Some(AlertKind::PlanNeedsApproval)) {
        return Verdict::Unfit("its plan needs an approval".to_owned());
    }
    if !sight.read {
        return unread(trial, sight);
    }
    if followed(sight) { Verdict::Verified } else { Verdict::Open }
}

/// A handset that was lost, or a release that changed nothing, since the trial began.
fn harm(trial: &Trial, sight: &Sight<'_>) -> Option<String> {
    if let Some((slot, record)) = losses(sight).find(|(_, record)| record.since >= trial.since) {
        return Some(format!("the handset of slot {slot} is lost: {}", record.explained()));
    }
    let release = sight.memory.release.as_ref();
    let idle =
        release.filter(|release| release.released_at >= trial.since && release.progress.is_ineffective());
    idle.map(|release| format!("VERSION {} was released and changed nothing", release.version))
}

/// The handsets that are lost there, but for those of which somebody has approved that.
fn losses<'a>(sight: &Sight<'a>) -> impl Iterator<Item = (&'a SlotNumber, &'a SlotRecord)> {
    let release = sight.memory.release.as_ref();
    sight.memory.slots.iter().filter(move |(slot, record)| {
        let expected = release.is_some_and(|release| release.approved.contains(slot));
        record.registration == Registration::Lost && !expected
    })
}

/// The alert that says that pushes fail, or that nothing is done there without a person.
fn trouble<'a>(sight: &Sight<'a>) -> Option<&'a Alert> {
    let blocked = sight.status.plan.steps.iter().filter_map(blocked_with);
    let kinds: Vec<AlertKind> = blocked
        .filter(|kind| ![AlertKind::PlanNeedsApproval, AlertKind::RolloutStopped].contains(kind))
        .chain([AlertKind::PushFailed, AlertKind::PushIneffective])
        .collect();
    let holds = |alert: &&Alert| alert.state != AlertState::Resolved && kinds.contains(&alert.kind);
    sight.status.alerts.iter().find(holds)
}

/// Nobody waits for ever for a manager that does not answer. What counts is for how long it was asked in vain, not for how
/// long nobody asked.
fn unread(trial: &Trial, sight: &Sight<'_>) -> Verdict {
    let Some(trouble) = &sight.memory.trouble else { return Verdict::Open };
    let patience = TimeDelta::from_std(sight.interval).unwrap_or(TimeDelta::MAX);
    let patience = patience.checked_mul(INTERVALS_UNREAD).unwrap_or(TimeDelta::MAX);
    if sight.now - trouble.since.max(trial.since) < patience {
        return Verdict::Open;
    }
    Verdict::Unfit(format!("its manager cannot be read: {}", trouble.last.why()))
}

/// Whether nothing is left to do and what was done was seen in effect.
fn followed(sight: &Sight<'_>) -> bool {
    sight.status.plan.steps.iter().all(waits_for_window) && is_in_effect(sight)
}

/// Whether nothing is left of the rollout there that comes about by itself.
fn is_left_to_people(sight: &Sight<'_>) -> bool {
    let steps = &sight.status.plan.steps;
    sight.read
        && steps.iter().all(|step| blocked_with(step).is_some() || waits_for_window(step))
        && is_in_effect(sight)
}

fn is_in_effect(sight: &Sight<'_>) -> bool {
    sight.memory.release.as_ref().is_none_or(|release| release.progress.verified_at.is_some())
}

/// A registration window comes in its own time.
fn waits_for_window(step: &Step) -> bool {
    let of_window = match step.action {
        Action::OpenWindow | Action::ReopenWindow | Action::CloseWindow => true,
        Action::Enrol
        | Action::ConfigureProvider
        | Action::SetPin
        | Action::ConfigureAccount
        | Action::Reserve
        | Action::Replace
        | Action::Deregister
        | Action::Fetch
        | Action::FollowFile => false,
    };
    of_window && matches!(step.disposition, Disposition::Deferred { .. })
}

fn blocked_with(step: &Step) -> Option<AlertKind> {
    match &step.disposition {
        Disposition::Blocked { alert, .. } => Some(*alert),
        Disposition::Ready | Disposition::Deferred { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::testing::{Fleet, Scene, name};
    use super::*;
    use crate::domain::memory::Trouble;
    use crate::domain::observed::ContactFailure;
    use crate::domain::release::{Generation, Progress, Release};
    use crate::domain::world::{at, slot};

    /// Six sites, of which the first two are canaries.
    fn under_way() -> Fleet {
        let mut fleet = Fleet::of(6, 3);
        fleet.rename(1..=6, "New");
        fleet.load();
        fleet
    }

    fn comes_to(look: impl FnOnce(&mut Scene)) -> (Moved, Fleet) {
        let mut fleet = under_way();
        let moved = fleet.cycle(1, look);
        (moved, fleet)
    }

    fn told(moved: &Moved) -> &str {
        match moved {
            Moved::On(told) => told.first().map_or("", String::as_str),
            Moved::No | Moved::Shown => "",
        }
    }

    fn is_open(look: impl FnOnce(&mut Scene)) -> bool {
        comes_to(look).0 == Moved::No
    }

    fn is_harm(look: impl FnOnce(&mut Scene)) -> bool {
        told(&comes_to(look).0).contains("is stopped")
    }

    /// Whether another takes its place.
    fn is_replaced(look: impl FnOnce(&mut Scene)) -> bool {
        let (moved, fleet) = comes_to(look);
        told(&moved).contains("replaced by s03") && fleet.canaries() == ["s02", "s03"]
    }

    /// A release that was made then.
    fn release(seconds: i64) -> Release {
        let generation = Generation("9f3c".into());
        Release {
            id: 7,
            generation: generation.clone(),
            content: generation,
            version: "2311260801".parse().unwrap(),
            parts: BTreeMap::new(),
            reserved: BTreeMap::new(),
            window: None,
            approved: BTreeSet::new(),
            released_at: at(seconds),
            progress: Progress::default(),
        }
    }

    #[test]
    fn what_is_still_to_be_done_leaves_it_open() {
        let deferred = || Disposition::Deferred { reason: "settles".into(), until: None };
        assert!(is_open(|scene| scene.step(Action::ConfigureAccount, Disposition::Ready)));
        assert!(is_open(|scene| scene.step(Action::Reserve, deferred())));
        assert!(is_open(|scene| scene.step(Action::Fetch, deferred())));
        assert!(is_open(|scene| scene.memory.release = Some(release(1))), "not verified yet");
        assert!(is_open(|scene| scene.read = false));
        let blocked = Disposition::Blocked { reason: "cut".into(), alert: AlertKind::PageNotUnderstood };
        assert!(is_open(|scene| scene.step(Action::Reserve, blocked)), "one page alone proves nothing");
        assert!(!is_open(|scene| scene.step(Action::OpenWindow, deferred())), "that comes in its time");
    }

    #[test]
    fn it_is_verified_when_nothing_is_left_and_the_release_was_seen_in_effect() {
        let (moved, _) = comes_to(|_| {});
        assert!(told(&moved).contains("canary s01 is verified"));
        let (moved, _) = comes_to(|scene| {
            let mut release = release(1);
            release.progress.verified_at = Some(at(2));
            scene.memory.release = Some(release);
        });
        assert!(told(&moved).contains("is verified"));
    }

    #[test]
    fn a_cycle_by_another_file_or_under_a_hold_proves_nothing() {
        assert!(is_open(|scene| scene.mark = "of the file before".into()));
        assert!(is_open(|scene| scene.held = true));
    }

    #[test]
    fn harm_since_the_trial_began_stops_it() {
        assert!(is_harm(|scene| scene.alert(AlertKind::PushFailed, scene.now)));
        assert!(is_harm(|scene| scene.alert(AlertKind::PushIneffective, scene.now)));
        assert!(is_harm(|scene| scene.blocked(AlertKind::SecretMissing, scene.now)));
        assert!(is_harm(|scene| {
            let mut release = release(2);
            release.progress.ineffective_at = Some(at(3));
            scene.memory.release = Some(release);
        }));
        let lost = |scene: &mut Scene, seconds| {
            let record = scene.memory.slots.get_mut(&slot(1)).unwrap();
            (record.registration, record.since) = (Registration::Lost, at(seconds));
        };
        assert!(is_harm(|scene| lost(scene, 2)));
        assert!(!is_harm(|scene| lost(scene, -60)), "lost before");
        assert!(
            !is_harm(|scene| {
                lost(scene, 2);
                let mut release = release(1);
                release.approved.insert(slot(1));
                scene.memory.release = Some(release);
            }),
            "somebody has approved that"
        );
    }

    #[test]
    fn one_that_lost_a_handset_before_is_replaced() {
        let lost = |scene: &mut Scene| {
            let record = scene.memory.slots.get_mut(&slot(1)).unwrap();
            (record.registration, record.since) = (Registration::Lost, at(-60));
        };
        assert!(is_replaced(lost));
        let (moved, _) = comes_to(|scene| {
            lost(scene);
            let mut release = release(-90);
            release.approved.insert(slot(1));
            release.progress.verified_at = Some(at(-80));
            scene.memory.release = Some(release);
        });
        assert!(told(&moved).contains("is verified"), "somebody has approved that: {moved:?}");
    }

    #[test]
    fn a_verified_canary_is_watched_until_the_others_follow() {
        let mut fleet = under_way();
        fleet.follows(1);
        let moved = fleet.cycle(1, |scene| scene.alert(AlertKind::PushFailed, scene.now));
        assert!(told(&moved).contains("is stopped"));
        let mut fleet = under_way();
        fleet.follows(1);
        let moved = fleet.cycle(1, |scene| scene.step(Action::Reserve, Disposition::Ready));
        assert_eq!(moved, Moved::No, "what is new there is none of its business");
    }

    #[test]
    fn who_cannot_tell_is_replaced() {
        assert!(is_replaced(|scene| scene.blocked(AlertKind::PlanNeedsApproval, scene.now)));
        assert!(is_replaced(|scene| scene.alert(AlertKind::PushFailed, at(-60))), "it failed before");
        assert!(is_replaced(|scene| scene.blocked(AlertKind::SecretMissing, at(-60))));
        assert!(is_replaced(|scene| scene.paused = true));
        let unread = |since, seconds| {
            move |scene: &mut Scene| {
                (scene.read, scene.now) = (false, at(seconds));
                scene.memory.trouble = Some(Trouble {
                    since: at(since),
                    failures: 99,
                    last: ContactFailure::Unreachable("refused".into()),
                    unclear: false,
                });
            }
        };
        assert!(is_open(unread(-9_999, 180)), "it has three intervals from the beginning of its trial");
        assert!(is_replaced(unread(-9_999, 181)));
        assert!(is_open(unread(9_000, 9_001)), "nobody had asked");
        assert!(is_replaced(unread(9_000, 9_180)));
    }

    #[test]
    fn when_nobody_is_left_who_could_be_tried_it_stops() {
        let mut fleet = under_way();
        let unfit = |scene: &mut Scene| scene.paused = true;
        for number in [1, 2, 3, 4, 5] {
            assert!(!told(&fleet.cycle(number, unfit)).is_empty());
        }
        assert_eq!(fleet.canaries(), ["s06"]);
        fleet.cycle(6, unfit);
        assert!(matches!(fleet.stage(), Stage::Stopped { by: Stop::NoCanary { .. } }));
        assert!(fleet.told.last().unwrap().contains("s01 (changes there are paused)"), "{:?}", fleet.told);
    }

    #[test]
    fn one_verified_canary_is_enough_when_nobody_else_can_be_tried() {
        let mut fleet = under_way();
        fleet.follows(1);
        for number in 2..=6 {
            fleet.cycle(number, |scene| scene.paused = true);
        }
        assert_eq!(fleet.stage(), &Stage::GoingOn);
    }

    #[test]
    fn the_successor_has_a_trial_of_its_own() {
        let mut fleet = under_way();
        fleet.cycle(1, |scene| scene.paused = true);
        assert!(fleet.hold(1).is_some() && fleet.hold(3).is_none());
        let Stage::Canary { trials, .. } = fleet.stage() else { panic!() };
        assert_eq!(trials[&name(3)].since, at(fleet.now));
    }
}
