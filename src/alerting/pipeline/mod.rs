//! From what holds at all sites to the messages that one sink is to be sent now. Pure: the time comes in, nothing goes out.
//!
//! A row of small stages with one signature, in the order of [`STAGES`]: each takes the alerts that are left, puts down
//! what it found, and leaves out what its sink is not to be told. Delivery and the record of it come after ([`super::dispatch()`]).
//! What a stage leaves out for now is looked at again, for nothing is consumed: a message is made of the present state each
//! time, and only the ledger, written when a sink has taken one, says what is known there.
#![deny(clippy::disallowed_methods)]

mod compose;
mod decide;
mod group;
mod hours;
mod inhibit;
mod mute;
mod route;
mod storm;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::message::{Message, SiteFacts};
use crate::domain::alert::{Alert, AlertState};
use crate::domain::attention::Attention;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;
use crate::domain::routing::{Gathering, Routing};
use crate::domain::told::{NotificationLedger, Told};

pub use compose::delivery;

/// All that the decision for one sink rests on.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The sink.
    pub sink: &'a SinkProfile,
    /// The sites that have alerts, the fleet among them under its name.
    pub sites: &'a BTreeMap<SiteName, SiteAlerts>,
    /// What every sink knows.
    pub ledger: &'a NotificationLedger,
    /// What people have said.
    pub attention: &'a Attention,
    /// Who is told of what.
    pub routing: &'a Routing,
    /// How messages are gathered.
    pub gathering: &'a Gathering,
    /// The time.
    pub now: DateTime<Utc>,
}

/// What of a sink matters to what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProfile {
    /// Its name.
    pub name: String,
    /// After so long what still holds is told again.
    pub repeat: Duration,
    /// Whether it forgets what it is not told again: then repetitions are of all that it knows, whoever has taken it.
    pub forgets: bool,
    /// Whether it tells many alerts apart by itself: then nothing is gathered for it, and each group comes at once.
    pub gathers_itself: bool,
    /// Whether programs read each alert by its name there: then no end is left to a count, and very many come in several
    /// messages.
    pub names_each: bool,
}

/// The alerts of a site: all that have not ended, and those whose end some sink has yet to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteAlerts {
    /// The site.
    pub facts: Arc<SiteFacts>,
    /// In the order of the site's status; states are `firing` or `resolved`, what people have said is not in them.
    pub alerts: Vec<Arc<Alert>>,
}

impl SiteAlerts {
    /// Whether any of them has not ended.
    pub fn holds(&self) -> bool {
        self.alerts.iter().any(|alert| alert.state != AlertState::Resolved)
    }
}

/// An alert on its way through the stages.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its site.
    pub facts: &'a Arc<SiteFacts>,
    /// The alert.
    pub alert: &'a Arc<Alert>,
    /// Where it stands by what people have said.
    pub state: AlertState,
    /// What the sink knows of it.
    pub told: Option<&'a Told>,
    /// Why it is told; `None`: it is nothing new, and told along with what is.
    pub news: Option<Reason>,
    /// It is not for this sink now, and there for its repetition alone, because the sink forgets what is not repeated and
    /// would take it for ended.
    pub upkeep: bool,
    /// What it is told together with.
    pub group: Group,
}

/// What is told in one message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What holds at this site.
    Site(SiteName),
    /// What holds at the sites that have these labels.
    Labels(BTreeMap<String, String>),
    /// One kind of trouble that many sites with these labels have at once.
    Storm(crate::domain::alert::AlertKind, BTreeMap<String, String>),
}

/// What is on its way, and when to look again because of what is left out.
#[derive(Debug, Clone, Default)]
pub struct Batch<'a> {
    /// The alerts.
    pub items: Vec<Item<'a>>,
    /// When something that is left out for now may be told; `None`: not by the passing of time alone.
    pub look_again: Option<DateTime<Utc>>,
}

/// A stage.
pub type Stage = for<'a> fn(&Scene<'a>, Batch<'a>) -> Batch<'a>;

/// The stages, in order.
pub const STAGES: [Stage; 5] = [route::route, decide::decide, inhibit::inhibit, mute::mute, group::group];

/// What a sink is to be sent now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// The messages; what is worst comes first.
    pub messages: Vec<Message>,
    /// When there may be more without anything having happened.
    pub look_again: Option<DateTime<Utc>>,
}

/// Runs all stages for one sink.
pub fn run(scene: &Scene<'_>) -> Outcome {
    let batch = STAGES.into_iter().fold(everything(scene), |batch, stage| stage(scene, batch));
    Outcome { messages: compose::messages(scene, &batch), look_again: batch.look_again }
}

/// Every alert, before the first stage.
fn everything<'a>(scene: &Scene<'a>) -> Batch<'a> {
    let known = scene.ledger.get(&scene.sink.name);
    let of_site = |(name, site): (&'a SiteName, &'a SiteAlerts)| {
        site.alerts.iter().map(move |alert| Item {
            facts: &site.facts,
            alert,
            state: scene.attention.state_of(name, &site.facts.labels, alert, scene.now),
            told: known.and_then(|known| known.get(&alert.id)),
            news: None,
            upkeep: false,
            group: Group::Site(name.clone()),
        })
    };
    Batch {
        items: scene.sites.iter().flat_map(of_site).collect(),
        look_again: scene.attention.next_end(scene.now),
    }
}

impl Scene<'_> {
    /// When so long has passed since `start`; `None`: it has. A start that lies further ahead than the span is from before
    /// the clock was set back, and long ago: so nothing waits for more than twice its span, whatever the clock does.
    fn over_at(&self, start: DateTime<Utc>, span: Duration) -> Option<DateTime<Utc>> {
        let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
        let passed = self.now.signed_duration_since(start);
        if passed >= span || passed <= -span {
            return None;
        }
        Some(start.checked_add_signed(span).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// What the sink knows.
    fn known(&self) -> Option<&BTreeMap<String, Told>> {
        self.ledger.get(&self.sink.name)
    }
}

impl Item<'_> {
    fn has_ended(&self) -> bool {
        self.alert.state == AlertState::Resolved
    }
}

impl Batch<'_> {
    /// Has it looked at again at `when`, unless that is so earlier anyway.
    fn look_again_at(&mut self, when: DateTime<Utc>) {
        self.look_again = Some(self.look_again.map_or(when, |before| before.min(when)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::testing::{Fleet, at, firing, hours};
    use crate::domain::alert::AlertKind;
    use crate::domain::attention::Matcher;

    #[test]
    fn a_span_is_over_when_it_has_passed_and_when_it_began_further_ahead_than_it_is_long() {
        let mut fleet = Fleet::quiet();
        let mut over_at = |now, span| {
            fleet.at(now);
            let over = fleet.scene().over_at(at(0), Duration::from_secs(span));
            over.map(|when| (when - at(0)).num_seconds())
        };
        assert_eq!(over_at(59, 60), Some(60));
        assert_eq!(over_at(60, 60), None);
        assert_eq!(over_at(hours(99), 60), None);
        assert_eq!(over_at(-59, 60), Some(60), "the clock was set back a little");
        assert_eq!(over_at(-60, 60), None, "far");
        assert_eq!(over_at(0, 0), None);
        assert_eq!(over_at(-1, 0), None);
        assert!(over_at(1, u64::MAX).is_some());
    }

    #[test]
    fn a_quiet_fleet_has_nothing_to_tell_and_is_not_looked_at_again() {
        let mut fleet = Fleet::quiet();
        assert_eq!(fleet.run(), super::Outcome::default());
        fleet.silence(Matcher::default(), 0, 60);
        assert_eq!(fleet.run().look_again, Some(at(60)));
        assert_eq!(fleet.at(60).run(), super::Outcome::default());
    }

    #[test]
    fn a_site_that_left_the_configuration_is_not_told_of_and_one_that_comes_back_is_known_still() {
        let mut fleet = Fleet::quiet();
        let drift = firing("acme", AlertKind::Drift, 0);
        fleet.with(std::slice::from_ref(&drift)).at(5);
        assert_eq!(fleet.tell().len(), 1);
        let gone = fleet.sites.clone();
        fleet.sites.clear();
        assert_eq!(fleet.at(hours(9)).run(), super::Outcome::default());
        fleet.sites = gone;
        assert_eq!(fleet.at(hours(1)).tell(), []);
        assert_eq!(fleet.at(hours(10)).tell().len(), 1, "a repetition");
    }
}
