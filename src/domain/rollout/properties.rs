//! Whatever files change, whatever cycles come to, and whenever n720d is killed: nobody follows a fleet-wide change before a
//! canary was verified or a person has said so, and a rollout does not wait for ever.

use proptest::prelude::*;

use super::super::alert::AlertKind;
use super::super::plan::{Action, Disposition};
use super::testing::{Fleet, name};
use super::*;

const SITES: u8 = 6;

/// What may happen.
#[derive(Debug, Clone)]
enum Happening {
    /// Some files are edited, harmlessly.
    Edit(Vec<u8>, u8),
    /// Some files list other handsets.
    Spoil(Vec<u8>),
    /// All files are as they were in the beginning.
    TakeBack,
    /// A reload, or a start.
    Load,
    /// Killed, and started again with the files as they are.
    Kill,
    /// A cycle of a site.
    Cycle(u8, Outcome),
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Follows,
    UnderWay,
    NeedsApproval,
    Paused,
    Fails,
    Unread,
}

fn happening() -> impl Strategy<Value = Happening> {
    let sites = || prop::collection::vec(1..=SITES, 1..=usize::from(SITES));
    let outcome = prop_oneof![
        6 => Just(Outcome::Follows),
        2 => Just(Outcome::UnderWay),
        2 => Just(Outcome::NeedsApproval),
        1 => Just(Outcome::Paused),
        1 => Just(Outcome::Fails),
        2 => Just(Outcome::Unread),
    ];
    prop_oneof![
        3 => (sites(), 0_u8..4).prop_map(|(sites, name)| Happening::Edit(sites, name)),
        1 => sites().prop_map(Happening::Spoil),
        1 => Just(Happening::TakeBack),
        4 => Just(Happening::Load),
        2 => Just(Happening::Kill),
        12 => (1..=SITES, outcome).prop_map(|(site, outcome)| Happening::Cycle(site, outcome)),
    ]
}

fn cycle(fleet: &mut Fleet, site: u8, outcome: Outcome) {
    fleet.cycle(site, |scene| match outcome {
        Outcome::Follows => {}
        Outcome::UnderWay => scene.step(Action::ConfigureAccount, Disposition::Ready),
        Outcome::NeedsApproval => scene.blocked(AlertKind::PlanNeedsApproval, scene.now),
        Outcome::Paused => scene.paused = true,
        Outcome::Fails => scene.alert(AlertKind::PushFailed, scene.now),
        Outcome::Unread => scene.read = false,
    });
}

/// The files in force, as far as they were loaded.
struct Story {
    fleet: Fleet,
    beginning: BTreeMap<SiteName, super::super::desired::DesiredSite>,
    /// Marks by site, of the last load.
    in_force: BTreeMap<SiteName, String>,
}

impl Story {
    fn new() -> Self {
        let mut fleet = Fleet::of(SITES, 12);
        fleet.load();
        let beginning = fleet.files.clone();
        let mut story = Self { fleet, beginning, in_force: BTreeMap::new() };
        story.note();
        story
    }

    fn note(&mut self) {
        self.in_force = self.fleet.files.iter().map(|(site, file)| (site.clone(), mark(file))).collect();
    }

    fn load(&mut self) {
        self.fleet.load();
        self.note();
    }

    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Edit(sites, to) => self.fleet.rename(sites.iter().copied(), &format!("Name {to}")),
            Happening::Spoil(sites) => self.fleet.spoil(sites.iter().copied()),
            Happening::TakeBack => self.fleet.files = self.beginning.clone(),
            Happening::Load => self.load(),
            Happening::Kill => {
                self.fleet.restart();
                self.load();
            }
            // A cycle goes by the files in force.
            Happening::Cycle(site, outcome) => {
                let loaded = &self.in_force[&name(*site)];
                if *loaded == mark(&self.fleet.files[&name(*site)]) {
                    cycle(&mut self.fleet, *site, *outcome);
                }
            }
        }
    }

    /// Nobody is free to follow a file but a canary, and who was let.
    fn nobody_runs_ahead(&self) -> Result<(), TestCaseError> {
        let canaries = match self.fleet.rollout.as_ref().map(|rollout| &rollout.stage) {
            Some(Stage::Canary { trials, .. }) => trials.keys().cloned().collect(),
            Some(Stage::GoingOn | Stage::Stopped { .. } | Stage::Done) | None => BTreeSet::new(),
        };
        prop_assert!(canaries.len() <= self.fleet.rules.canary as usize);
        for site in self.fleet.free() {
            let let_go = self.fleet.accepted.get(&site) == self.in_force.get(&site);
            prop_assert!(let_go || canaries.contains(&site), "{site} runs ahead");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nobody_follows_before_it_may(happenings in prop::collection::vec(happening(), 1..60)) {
        let mut story = Story::new();
        for happening in &happenings {
            let before = story.fleet.rollout.clone();
            story.happens(happening);
            story.nobody_runs_ahead()?;
            let after = story.fleet.rollout.as_ref();
            let (Some(before), Some(after)) = (before, after) else { continue };
            if let (Stage::Canary { trials, .. }, Stage::GoingOn) = (&before.stage, &after.stage)
                && before.id == after.id
            {
                // The last one is verified in this very step.
                let open = trials.values().filter(|trial| !trial.verified).count();
                prop_assert!(open <= 1 || story.fleet.rules.canary == 0, "{open} are not verified");
            }
        }
    }

    #[test]
    fn it_ends_when_cycles_go_well(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut story = Story::new();
        happenings.iter().for_each(|happening| story.happens(happening));
        story.load();
        for _ in 0..2 * SITES {
            for site in 1..=SITES {
                cycle(&mut story.fleet, site, Outcome::Follows);
            }
        }
        let waits = story.fleet.rollout.as_ref().is_some_and(|rollout| {
            matches!(rollout.stage, Stage::Canary { .. } | Stage::GoingOn)
        });
        prop_assert!(!waits, "{:?}", story.fleet.rollout);
    }

    #[test]
    fn a_kill_changes_nothing(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut story = Story::new();
        happenings.iter().for_each(|happening| story.happens(happening));
        story.load();
        let told = story.fleet.told.len();
        let before = story.fleet.rollout.clone().map(|rollout| Rollout { through: BTreeSet::new(), ..rollout });
        story.happens(&Happening::Kill);
        prop_assert_eq!(&story.fleet.rollout, &before);
        prop_assert_eq!(story.fleet.told.len(), told, "nothing is told again");
    }
}
