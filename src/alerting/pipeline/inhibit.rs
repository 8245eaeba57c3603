//! The stage that leaves out what only follows from other trouble at the same site.

use super::decide::is_repeated;
use super::{Batch, Item, Scene};
use crate::domain::inhibition::{explained_by, inhibitor};
use crate::domain::notification::Reason;

/// Keeps what stands for itself, and every end. What explains an alert is looked for among all alerts of its site, for it
/// may be told elsewhere, or be told already.
pub(super) fn inhibit<'a>(scene: &Scene<'a>, mut batch: Batch<'a>) -> Batch<'a> {
    batch.items.retain_mut(|item| {
        if !is_explained(scene, item) {
            return true;
        }
        let Some(told) = item.told.filter(|_| scene.sink.forgets) else { return false };
        item.upkeep = true;
        item.news = is_repeated(scene, told).then_some(Reason::Repeat);
        true
    });
    batch
}

fn is_explained(scene: &Scene<'_>, item: &Item<'_>) -> bool {
    if explained_by(item.alert.kind).is_empty() {
        return false;
    }
    let of_site = scene.sites.get(&item.facts.name).map(|site| site.alerts.as_slice()).unwrap_or_default();
    // Nearly every site has one alert or none, and nothing explains itself.
    of_site.len() > 1 && inhibitor(item.alert, of_site.iter().map(AsRef::as_ref)).is_some()
}

#[cfg(test)]
mod tests {
    use crate::alerting::pipeline::STAGES;
    use crate::alerting::pipeline::testing::{Fleet, ended, firing, hours, told};
    use crate::domain::alert::{Alert, AlertKind};
    use crate::domain::attention::Matcher;
    use crate::domain::notification::Reason;

    fn drift() -> Alert {
        firing("acme", AlertKind::Drift, 0)
    }

    fn unreachable() -> Alert {
        firing("acme", AlertKind::Unreachable, 0)
    }

    fn left(fleet: &Fleet) -> Vec<(String, Option<Reason>)> {
        fleet.after(STAGES[2]).0
    }

    #[test]
    fn what_follows_from_other_trouble_is_neither_told_nor_changed_nor_repeated() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift(), unreachable()]);
        assert_eq!(left(&fleet), [("acme/unreachable".to_owned(), Some(Reason::First))]);
        fleet.knows(&unreachable(), 0).knows(&Alert { phase: "before".into(), ..drift() }, 0).at(1);
        assert_eq!(left(&fleet), [("acme/unreachable".to_owned(), None)], "changed");
        fleet.knows(&drift(), 0).at(hours(5));
        assert_eq!(left(&fleet), [("acme/unreachable".to_owned(), Some(Reason::Repeat))], "to be repeated");
    }

    #[test]
    fn the_end_of_what_follows_is_told() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[ended(&drift(), 10), unreachable()]).knows(&drift(), 0).knows(&unreachable(), 0).at(20);
        assert_eq!(left(&fleet)[0], ("acme/drift".to_owned(), Some(Reason::Resolved)));
    }

    #[test]
    fn trouble_at_one_site_explains_nothing_at_another() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[unreachable(), firing("beta", AlertKind::Drift, 0)]);
        assert_eq!(left(&fleet).len(), 2);
    }

    #[test]
    fn what_explains_does_so_also_when_this_sink_is_not_told_of_it() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift(), unreachable()]);
        fleet.silence(Matcher { kinds: [AlertKind::Unreachable].into(), ..Matcher::default() }, 0, 100);
        assert_eq!(fleet.run().messages, []);
    }

    #[test]
    fn what_explained_it_ends_and_it_is_told() {
        let mut fleet = Fleet::quiet();
        fleet.with(&[drift(), ended(&unreachable(), 9)]).at(10);
        assert_eq!(left(&fleet), [("acme/drift".to_owned(), Some(Reason::First))]);
    }

    #[test]
    fn a_sink_that_forgets_is_reminded_of_what_it_knows_lest_it_takes_it_for_ended() {
        let mut fleet = Fleet::quiet();
        fleet.sink.forgets = true;
        fleet.with(&[drift(), unreachable()]).row("pager", &unreachable(), told(&unreachable(), hours(4)));
        fleet.at(hours(4));
        assert_eq!(left(&fleet), [("acme/unreachable".to_owned(), None)], "what it does not know stays so");
        fleet.knows(&Alert { phase: "before".into(), ..drift() }, 0);
        assert_eq!(left(&fleet)[0], ("acme/drift".to_owned(), Some(Reason::Repeat)));
        fleet.at(hours(4) - 1);
        assert_eq!(left(&fleet)[0], ("acme/drift".to_owned(), None), "not before it is due");
    }
}
