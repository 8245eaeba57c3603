//! The stage that leaves out what people have silenced, and what they have taken, where it would only be repeated.

use super::decide::is_repeated;
use super::{Batch, Scene};
use crate::domain::alert::AlertState;
use crate::domain::notification::Reason;

/// Keeps what is neither silenced nor a mere repetition of what somebody has taken. When either runs out, the scene is
/// looked at again: see [`super::everything`].
pub(super) fn mute<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain_mut(|item| {
        if item.state != AlertState::Silenced {
            return true;
        }
        // A sink that forgets would take it for ended, and a silence may last longer than it remembers.
        let Some(told) = item.told.filter(|_| scene.sink.forgets) else { return false };
        item.upkeep = true;
        item.news = is_repeated(scene, told).then_some(Reason::Repeat);
        true
    });
    if scene.sink.forgets {
        return batch;
    }
    for item in &mut batch.items {
        if item.state == AlertState::Acknowledged && item.news == Some(Reason::Repeat) {
            item.news = None;
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use crate::alerting::pipeline::STAGES;
    use crate::alerting::pipeline::testing::{Fleet, ended, firing, hours, minutes, words};
    use crate::domain::alert::{Alert, AlertKind, AlertState, Severity};
    use crate::domain::attention::Matcher;
    use crate::domain::notification::Reason;

    fn drift() -> Alert {
        firing("acme", AlertKind::Drift, 0)
    }

    /// Of one alert that this sink knows since second 0 or does not know: what is left of it.
    fn left(fleet: &Fleet) -> Option<Option<Reason>> {
        fleet.after(STAGES[3]).0.first().map(|(_, news)| *news)
    }

    #[test]
    fn what_is_silenced_is_not_told_and_its_end_is() {
        let everything = Matcher::default;
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).silence(everything(), 0, hours(9)).at(1);
        assert_eq!(left(&fleet), None, "not known");
        fleet.knows(&drift(), 0).at(hours(5));
        assert_eq!(left(&fleet), None, "to be repeated");
        fleet.with(&[Alert { severity: Severity::Critical, ..drift() }]);
        assert_eq!(left(&fleet), None, "worse");
        fleet.with(&[ended(&drift(), hours(5))]);
        assert_eq!(left(&fleet), Some(Some(Reason::Resolved)));
    }

    #[test]
    fn a_sink_that_forgets_is_kept_from_taking_what_is_silenced_for_ended() {
        let mut fleet = Fleet::quiet();
        fleet.sink.forgets = true;
        fleet.with(&[drift()]).silence(Matcher::default(), 0, hours(900)).at(1);
        assert_eq!(left(&fleet), None, "not known");
        fleet.knows(&drift(), 0).at(hours(1));
        assert_eq!(left(&fleet), Some(None), "known");
        assert_eq!(
            (left(fleet.at(hours(4))), left(fleet.at(hours(800)))),
            (Some(Some(Reason::Repeat)), Some(Some(Reason::Repeat)))
        );
    }

    #[test]
    fn when_a_silence_runs_out_the_present_state_is_told() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).silence(Matcher::default(), 0, 600).at(1);
        assert_eq!((fleet.run().messages, fleet.run().look_again), (vec![], Some(fleet.at(600).now)));
        assert_eq!(words(&fleet.tell()[0]), "acme first: acme/drift");
    }

    #[test]
    fn what_is_taken_is_not_repeated_but_told_when_it_grows_and_ends() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).knows(&drift(), 0).take(&drift(), 10, None).at(hours(5));
        assert_eq!(left(&fleet), Some(None));
        fleet.with(&[Alert { severity: Severity::Critical, ..drift() }]);
        assert_eq!(left(&fleet), Some(Some(Reason::Changed)));
        let message = fleet.tell().remove(0);
        assert_eq!(message.entries[0].alert.state, AlertState::Acknowledged);
        assert_eq!(message.entries[0].acknowledged.as_ref().unwrap().by, "anna");
        fleet.with(&[ended(&drift(), hours(6))]).at(hours(6) + 10);
        assert_eq!(words(&fleet.tell()[0]), "acme resolved: -acme/drift");
    }

    #[test]
    fn who_did_not_hear_of_it_is_told_that_somebody_has_it() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).take(&drift(), 1, None).at(minutes(1));
        assert_eq!(left(&fleet), Some(Some(Reason::First)));
    }

    #[test]
    fn an_acknowledgement_that_has_run_out_lets_it_be_repeated_when_that_is_due() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift()]).knows(&drift(), 0).take(&drift(), 10, Some(hours(2))).at(hours(2));
        assert_eq!((left(&fleet), fleet.run().look_again), (Some(None), Some(fleet.at(hours(4)).now)));
        assert_eq!(left(&fleet), Some(Some(Reason::Repeat)));
        fleet.take(&drift(), 10, Some(hours(6)));
        assert_eq!((left(&fleet), fleet.run().look_again), (Some(None), Some(fleet.at(hours(6)).now)));
        assert_eq!(left(&fleet), Some(Some(Reason::Repeat)));
    }

    #[test]
    fn an_acknowledgement_is_of_one_life_of_an_alert() {
        let mut fleet = Fleet::quiet();
        let back = firing("acme", AlertKind::Drift, 100);
        fleet.with(std::slice::from_ref(&back)).knows(&back, 100).take(&drift(), 10, None).at(hours(5));
        assert_eq!(left(&fleet), Some(Some(Reason::Repeat)));
        fleet.take(&back, 110, None);
        assert_eq!(left(&fleet), Some(None));
    }

    #[test]
    fn a_sink_that_forgets_is_reminded_whoever_has_it() {
        let mut fleet = Fleet::quiet();
        fleet.sink.forgets = true;
        fleet.with(&[drift()]).knows(&drift(), 0).take(&drift(), 10, None).at(hours(4));
        assert_eq!(left(&fleet), Some(Some(Reason::Repeat)));
    }

    #[test]
    fn what_is_taken_beside_what_is_new_is_told_along_with_it() {
        let mut fleet = Fleet::quiet();
        let lost = firing("acme", AlertKind::HandsetLost, 100);
        fleet.with(&[drift(), lost]).knows(&drift(), 0).take(&drift(), 10, None).at(200);
        assert_eq!(words(&fleet.tell()[0]), "acme changed: acme/drift acme/handset-lost");
    }
}
