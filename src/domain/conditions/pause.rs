//! The condition of a pause that was forgotten. Whether a pause holds is not looked at here: what comes in does.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::work::what;
use super::{Conditions, View};
use crate::domain::alert::{AlertKind, Condition, Severity};
use crate::domain::clearance::Pause;
use crate::domain::desired::Mode;
use crate::domain::ids::SiteName;
use crate::domain::plan::{Disposition, Step};
use crate::domain::wording::{clock, local};

/// Looks at the pause of this site alone: one of all sites is one alert, not one of each.
pub(super) fn look(view: &View<'_>, found: &mut Conditions) {
    let Some(pause) = &view.clearance.own_pause else { return };
    let zone = view.desired.time_zone;
    let Some(told) = forgotten(pause, view.pace.pause_forgotten, zone, view.now) else { return };
    let summary = format!("{told}; {}; end it with '{}'", waiting(view), pause.ended_by(&view.desired.name));
    found.hold(Condition::new(AlertKind::PauseForgotten, Severity::Warning, summary));
}

/// The condition of all sites together, when the pause that holds for all of them was forgotten. Times are in UTC.
pub fn of_fleet(pause: &Pause, threshold: Duration, now: DateTime<Utc>) -> Option<Condition> {
    let told = forgotten(pause, threshold, Tz::UTC, now)?;
    let summary = format!(
        "all sites: {told}; nothing is written to any DECT manager meanwhile; end it with '{}'",
        pause.ended_by(&SiteName::of_fleet())
    );
    Some(Condition::new(AlertKind::PauseForgotten, Severity::Warning, summary))
}

/// What people are told of a pause that has lasted longer than `threshold`: since when, until when, by whom and why,
/// with times in `zone`. `None`: it has not.
pub fn forgotten(pause: &Pause, threshold: Duration, zone: Tz, now: DateTime<Utc>) -> Option<String> {
    let threshold = TimeDelta::from_std(threshold).unwrap_or(TimeDelta::MAX);
    let lasted = now.signed_duration_since(pause.since);
    (lasted >= threshold)
        .then(|| format!("{}; that is since {}", pause.told(zone), clock(local(pause.since, zone))))
}

/// What is not done because of it, as far as that is known.
fn waiting(view: &View<'_>) -> String {
    if view.observation.is_none() {
        return "what waits for it is not known, because the DECT manager cannot be read".to_owned();
    }
    match view.desired.mode {
        Mode::Observe => return "nothing waits for it: mode = observe".to_owned(),
        Mode::Manage => {}
    }
    let steps: Vec<&Step> = view.plan.steps.iter().filter(|step| waits(step)).collect();
    if steps.is_empty() {
        "nothing waits for it".to_owned()
    } else {
        format!("what waits for it: {}", what(&steps))
    }
}

fn waits(step: &Step) -> bool {
    match step.disposition {
        Disposition::Deferred { .. } | Disposition::Ready => true,
        Disposition::Blocked { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Stage;
    use super::*;
    use crate::domain::observed::ContactFailure;
    use crate::domain::plan::Action;

    /// Paused by anna so many hours ago.
    fn paused(hours: i64) -> Stage {
        let mut stage = Stage::well();
        stage.clearance.own_pause = Some(Pause {
            since: stage.now() - TimeDelta::hours(hours),
            until: None,
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: false,
        });
        stage.clearance.pause = stage.clearance.own_pause.clone();
        stage
    }

    fn deferred() -> Disposition {
        Disposition::Deferred { reason: "paused by anna".into(), until: None }
    }

    #[test]
    fn one_that_lasts_for_a_day_says_who_why_what_waits_and_how_it_ends() {
        let mut stage = paused(24);
        stage.step(Action::ConfigureAccount, 1, deferred()).step(Action::ConfigureAccount, 2, deferred());
        let condition = stage.the(AlertKind::PauseForgotten);
        assert_eq!(
            condition.summary,
            "paused by anna until somebody resumes: cable works; that is since 2026-11-22 10:00 +01:00; \
             what waits for it: set the account of slots 1, 2; end it with 'n720d resume acme-berlin'"
        );
        assert_eq!((condition.severity, condition.handsets.len()), (Severity::Warning, 0));
    }

    #[test]
    fn it_is_told_once_however_long_it_lasts() {
        let mut stage = paused(24);
        let first = stage.cycle();
        stage.at("2026-11-23T22:00");
        assert_eq!(stage.cycle(), first, "nothing in it changes by the hour");
        stage.clearance.own_pause = None;
        assert!(stage.cycle().holding.is_empty(), "resumed");
    }

    #[test]
    fn a_shorter_one_and_one_of_all_sites_are_nobodys_alert_here() {
        assert!(paused(23).kinds().is_empty());
        let mut stage = paused(48);
        let own = stage.clearance.own_pause.take();
        stage.clearance.pause = own.map(|pause| Pause { whole_fleet: true, ..pause });
        assert!(stage.kinds().is_empty());
        stage.pace.pause_forgotten = Duration::from_secs(3_600);
        stage.clearance.own_pause = paused(2).clearance.own_pause;
        assert_eq!(stage.kinds(), [AlertKind::PauseForgotten], "also under a pause of all sites");
    }

    #[test]
    fn what_waits_is_said_as_far_as_it_is_known() {
        let summary = |stage: &Stage| stage.the(AlertKind::PauseForgotten).summary;
        assert!(summary(&paused(24)).contains("; nothing waits for it; "));
        let mut dark = paused(24);
        dark.failing(1, 5, ContactFailure::Unreachable("no answer".into()));
        assert!(summary(&dark).contains("not known, because the DECT manager cannot be read"));
        let mut observed = paused(24);
        observed.desired.mode = Mode::Observe;
        observed.step(Action::ConfigureAccount, 1, deferred());
        assert!(summary(&observed).contains("nothing waits for it: mode = observe"));
    }

    #[test]
    fn a_forgotten_pause_of_all_sites_is_one_condition_of_the_fleet() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(24);
        let pause = |hours: i64| Pause {
            since: now - TimeDelta::hours(hours),
            until: None,
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: true,
        };
        let day = Duration::from_secs(86_400);
        assert_eq!(of_fleet(&pause(23), day, now), None);
        let condition = of_fleet(&pause(24), day, now).unwrap();
        assert_eq!(condition.id(&SiteName::of_fleet()), "fleet/pause-forgotten");
        for part in ["anna", "cable works", "n720d resume --all"] {
            assert!(condition.summary.contains(part), "{part}: {}", condition.summary);
        }
    }
}
