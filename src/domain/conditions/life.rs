//! The life of an alert: it begins with its condition, follows it, and ends when the condition was positively seen to
//! be gone. Who was told is not known here.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};

use super::Conditions;
use crate::domain::alert::{Alert, AlertState, Condition};
use crate::domain::ids::SiteName;

/// The alerts of a site after a cycle, given those before it.
///
/// A new condition begins an alert; one that still holds keeps its id, beginning and state while severity, summary,
/// phase and handsets follow; one that is positively gone is resolved; one of an unknown kind stays as it is. Resolved
/// alerts are carried along until their end was decided on for every sink (`alerting::Alerting::unannounced` drops
/// them then); one whose condition comes back meanwhile begins anew.
pub fn live_on(
    site: &SiteName,
    previous: &[Alert],
    conditions: Conditions,
    now: DateTime<Utc>,
) -> Vec<Alert> {
    // Whole seconds are what people and their scripts read.
    let now = now.trunc_subsecs(0);
    let Conditions { holding, unknown } = conditions;
    let mut before: BTreeMap<&str, &Alert> =
        previous.iter().map(|alert| (alert.id.as_str(), alert)).collect();
    let mut alerts: Vec<Alert> = holding
        .into_iter()
        .map(|condition| {
            let id = condition.id(site);
            let known = before.remove(id.as_str());
            follow(id, known, condition, now)
        })
        .collect();
    for (_, alert) in before {
        let is_known = !unknown.contains(&alert.kind);
        alerts.push(match alert.state {
            // Whoever is still to be told of an end that nobody saw hears of one that was seen by now.
            AlertState::Resolved => Alert { unwatched: alert.unwatched && !is_known, ..alert.clone() },
            AlertState::Firing | AlertState::Acknowledged | AlertState::Silenced if is_known => {
                end(alert, now)
            }
            AlertState::Firing | AlertState::Acknowledged | AlertState::Silenced => alert.clone(),
        });
    }
    alerts.sort_by(|a, b| (b.severity, &a.id).cmp(&(a.severity, &b.id)));
    alerts
}

/// The alerts of a site that is not watched any more, given those before: nothing follows them from here on, so they end, and
/// whoever waits for their ends hears of them.
pub fn left(previous: &[Alert], now: DateTime<Utc>) -> Vec<Alert> {
    let now = now.trunc_subsecs(0);
    let end = |alert: &Alert| match alert.state {
        AlertState::Resolved => alert.clone(),
        AlertState::Firing | AlertState::Acknowledged | AlertState::Silenced => {
            Alert { unwatched: true, ..end(alert, now) }
        }
    };
    previous.iter().map(end).collect()
}

fn follow(id: String, known: Option<&Alert>, condition: Condition, now: DateTime<Utc>) -> Alert {
    let known = known.filter(|alert| alert.state != AlertState::Resolved);
    Alert {
        id,
        kind: condition.kind,
        severity: condition.severity,
        summary: condition.summary,
        phase: condition.phase,
        since: known.map_or(now, |alert| alert.since),
        state: known.map_or(AlertState::Firing, |alert| alert.state),
        resolved_at: None,
        handsets: condition.handsets,
        readings: condition.readings,
        unwatched: false,
    }
}

fn end(alert: &Alert, now: DateTime<Utc>) -> Alert {
    Alert { state: AlertState::Resolved, resolved_at: Some(now), ..alert.clone() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::TimeDelta;

    use super::*;
    use crate::domain::alert::{AlertKind, Severity};

    #[test]
    fn what_nobody_saw_end_is_marked_until_somebody_sees_that_it_is_over() {
        let site = &"acme".parse().unwrap();
        let kind = AlertKind::Drift;
        let mut holding = Conditions::default();
        holding.holding.push(Condition::new(kind, Severity::Warning, "differs"));
        let begun = live_on(site, &[], holding, at(0));
        let ended = left(&begun, at(1));
        assert!(ended[0].unwatched && ended[0].resolved_at == Some(at(1)), "{ended:?}");
        assert_eq!(left(&ended, at(2)), ended, "an end is one");
        let blind = Conditions { holding: Vec::new(), unknown: BTreeSet::from([kind]) };
        assert_eq!(live_on(site, &ended, blind, at(3)), ended, "back, and not read yet");
        let seen = live_on(site, &ended, Conditions::default(), at(4));
        assert_eq!(seen, [Alert { unwatched: false, ..ended[0].clone() }]);
    }

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn site() -> SiteName {
        "acme".parse().unwrap()
    }

    fn holding(kind: AlertKind, summary: &str) -> Conditions {
        Conditions {
            holding: vec![Condition::new(kind, Severity::Warning, summary)],
            unknown: BTreeSet::new(),
        }
    }

    #[test]
    fn a_new_condition_begins_an_alert() {
        let alerts = live_on(&site(), &[], holding(AlertKind::Drift, "differs"), at(1));
        assert_eq!(alerts.len(), 1);
        assert_eq!((alerts[0].id.as_str(), alerts[0].since), ("acme/drift", at(1)));
        assert_eq!(alerts[0].state, AlertState::Firing);
    }

    #[test]
    fn one_that_holds_keeps_its_beginning_and_state_and_follows_in_the_rest() {
        let mut first = live_on(&site(), &[], holding(AlertKind::Drift, "one"), at(1));
        first[0].state = AlertState::Acknowledged;
        let mut next = holding(AlertKind::Drift, "two");
        next.holding[0].severity = Severity::Critical;
        next.holding[0].phase = "further".into();
        let second = live_on(&site(), &first, next, at(2));
        assert_eq!(second.len(), 1);
        assert_eq!((second[0].since, second[0].state), (at(1), AlertState::Acknowledged));
        assert_eq!((second[0].summary.as_str(), second[0].severity), ("two", Severity::Critical));
        assert_eq!(second[0].phase, "further");
    }

    #[test]
    fn what_is_positively_gone_is_resolved_and_carried_along() {
        let first = live_on(&site(), &[], holding(AlertKind::Drift, "one"), at(1));
        let second = live_on(&site(), &first, Conditions::default(), at(2));
        assert_eq!((second[0].state, second[0].resolved_at), (AlertState::Resolved, Some(at(2))));
        let third = live_on(&site(), &second, Conditions::default(), at(3));
        assert_eq!(third, second, "the time of the end does not move");
    }

    #[test]
    fn what_cannot_be_told_stays_as_it_is() {
        let first = live_on(&site(), &[], holding(AlertKind::Drift, "one"), at(1));
        let blind = Conditions { holding: vec![], unknown: BTreeSet::from([AlertKind::Drift]) };
        assert_eq!(live_on(&site(), &first, blind, at(2)), first);
    }

    #[test]
    fn a_condition_that_comes_back_begins_a_new_alert() {
        let first = live_on(&site(), &[], holding(AlertKind::Drift, "one"), at(1));
        let second = live_on(&site(), &first, Conditions::default(), at(2));
        let third = live_on(&site(), &second, holding(AlertKind::Drift, "again"), at(3));
        assert_eq!(third.len(), 1);
        assert_eq!((third[0].since, third[0].state), (at(3), AlertState::Firing));
        assert_eq!(third[0].resolved_at, None);
    }

    #[test]
    fn the_worst_comes_first() {
        let mut both = holding(AlertKind::Drift, "one");
        both.holding.push(Condition::new(AlertKind::WrongDevice, Severity::Critical, "wrong"));
        let alerts = live_on(&site(), &[], both, at(1));
        assert_eq!(alerts[0].kind, AlertKind::WrongDevice);
    }
}
