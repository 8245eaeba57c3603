//! The stage that says why a sink is to be told of an alert, by what it knows of it.

use super::{Batch, Item, Scene};
use crate::domain::notification::Reason;
use crate::domain::told::{Told, content_hash};

/// Puts down the reason; leaves out the end of what the sink does not know.
pub(super) fn decide<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain(|item| !item.has_ended() || item.told.is_some());
    let mut next = None;
    for item in &mut batch.items {
        item.news = news(scene, item);
        let repetition = item.told.filter(|_| !item.has_ended());
        let due = repetition.and_then(|told| scene.over_at(told.at, scene.sink.repeat));
        next = [next, due].into_iter().flatten().min();
    }
    if let Some(due) = next {
        batch.look_again_at(due);
    }
    batch
}

/// Whether what the sink was told is to be told again because it still holds.
pub(super) fn is_repeated(scene: &Scene<'_>, told: &Told) -> bool {
    scene.over_at(told.at, scene.sink.repeat).is_none()
}

fn news(scene: &Scene<'_>, item: &Item<'_>) -> Option<Reason> {
    let Some(told) = item.told else { return Some(Reason::First) };
    if item.has_ended() {
        return Some(Reason::Resolved);
    }
    // It ended and came back, and the sink was not told of the end, or it was and we do not know: nobody has this one.
    let is_another = told.since != item.alert.since;
    let differs = || told.content.as_ref().is_some_and(|content| *content != content_hash(item.alert));
    if !item.upkeep && (is_another || differs()) {
        return Some(Reason::Changed);
    }
    is_repeated(scene, told).then_some(Reason::Repeat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerting::pipeline::STAGES;
    use crate::alerting::pipeline::testing::{Fleet, at, ended, firing, hours, told};
    use crate::domain::alert::{Alert, AlertKind, Severity};

    fn drift() -> Alert {
        firing("acme", AlertKind::Drift, 0)
    }

    fn decided(alert: &Alert, known: Option<Told>, now: i64) -> Option<Option<Reason>> {
        let mut fleet = Fleet::quiet();
        fleet.with(std::slice::from_ref(alert)).at(now);
        if let Some(known) = known {
            fleet.row("pager", alert, known);
        }
        fleet.after(STAGES[1]).0.first().map(|(_, news)| *news)
    }

    /// Case, alert, what the sink knows, time, and the reason if the alert is kept.
    type Row = (&'static str, Alert, Option<Told>, i64, Option<Option<Reason>>);

    #[test]
    fn the_decision_table() {
        let critical = Alert { severity: Severity::Critical, ..drift() };
        let later = Alert { since: at(1800), ..drift() };
        let unknown = Told { content: None, ..told(&drift(), 0) };
        let owed = Told { content: Some(String::new()), ..told(&drift(), 0) };
        let told = told(&drift(), 0);
        let day = hours(24);
        let rows: Vec<Row> = vec![
            ("never told", drift(), None, 1, Some(Some(Reason::First))),
            ("an end of which nobody knew the beginning", ended(&drift(), 1), None, 1, None),
            ("the same", drift(), Some(told.clone()), hours(4) - 1, Some(None)),
            ("the same for long", drift(), Some(told.clone()), hours(4), Some(Some(Reason::Repeat))),
            ("the same for very long", drift(), Some(told.clone()), 99 * day, Some(Some(Reason::Repeat))),
            ("worse", critical.clone(), Some(told.clone()), 1, Some(Some(Reason::Changed))),
            ("worse for long", critical.clone(), Some(told.clone()), day, Some(Some(Reason::Changed))),
            ("ended", ended(&drift(), 1), Some(told.clone()), 1, Some(Some(Reason::Resolved))),
            ("ended while another", ended(&critical, 1), Some(told.clone()), 1, Some(Some(Reason::Resolved))),
            ("ended and back unheard", later, Some(told.clone()), 1801, Some(Some(Reason::Changed))),
            ("told by an earlier version", critical.clone(), Some(unknown.clone()), 1, Some(None)),
            ("told so, for long", critical, Some(unknown), hours(4), Some(Some(Reason::Repeat))),
            ("a message of an earlier version is lost", drift(), Some(owed), 1, Some(Some(Reason::Changed))),
            ("the clock was set back a little", drift(), Some(told.clone()), 1 - hours(4), Some(None)),
            ("back far", drift(), Some(told.clone()), -hours(4), Some(Some(Reason::Repeat))),
            ("back by years", drift(), Some(told), -3650 * day, Some(Some(Reason::Repeat))),
        ];
        for (case, alert, known, now, expected) in rows {
            assert_eq!(decided(&alert, known, now), expected, "{case}");
        }
    }

    #[test]
    fn the_next_repetition_is_looked_for_when_it_is_due() {
        let mut fleet = Fleet::quiet();
        let other = firing("acme", AlertKind::ClockSkew, 0);
        fleet.with(&[drift(), other.clone()]).knows(&drift(), 100).knows(&other, 50).at(200);
        assert_eq!(fleet.after(STAGES[1]).1, Some(50 + hours(4)), "of several the first");
        fleet.with(&[ended(&drift(), 150), ended(&other, 150)]);
        assert_eq!(fleet.after(STAGES[1]).1, None, "what has ended is not repeated");
        fleet.sink.repeat = std::time::Duration::MAX;
        fleet.with(&[drift()]);
        assert!(fleet.run().look_again.is_some(), "an endless interval overflows nothing");
    }

    #[test]
    fn every_sink_is_told_by_what_it_knows_itself() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).row("mail", &drift(), told(&drift(), 0)).at(10);
        assert_eq!(fleet.after(STAGES[1]).0, [("acme/drift".to_owned(), Some(Reason::First))]);
        fleet.sink.name = "mail".into();
        assert_eq!(fleet.after(STAGES[1]).0, [("acme/drift".to_owned(), None)]);
    }
}
