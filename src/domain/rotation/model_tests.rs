//! A second, dumb model of a manager and of what is on disk, and random histories of both: kills, fetches, darkness, lost
//! answers, a manager that ignores the file, people who call it off or ask for it again. Access is never lost.

use proptest::prelude::*;

use super::login::{Answer, Facts};
use super::order::{Order, Scene, order};
use super::*;
use crate::domain::clearance::Clearance;
use crate::domain::plan::{Orders, Plan};
use crate::domain::release::{Progress, TriggerOutcome};
use crate::domain::world::{SETTLE, World, at, present};

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Happens {
    /// A cycle, which is killed after so many of its steps.
    Cycle { killed_after: u8 },
    /// The same, and the answer to the next password is lost.
    LostAnswer,
    /// The manager cannot be reached for a cycle.
    Dark,
    /// The manager fetches what is on the shelf.
    Fetch,
    /// The manager takes the file in hand, and it is on its way while other things happen.
    FetchBegins,
    /// Time passes: so many seconds.
    Wait(i64),
    /// Somebody calls it off.
    Abort,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => Just(Happens::Cycle { killed_after: u8::MAX }),
        4 => (0..8_u8).prop_map(|killed_after| Happens::Cycle { killed_after }),
        1 => Just(Happens::LostAnswer),
        1 => Just(Happens::Dark),
        2 => Just(Happens::Fetch),
        1 => Just(Happens::FetchBegins),
        3 => prop_oneof![Just(5_i64), Just(100), Just(200)].prop_map(Happens::Wait),
        1 => Just(Happens::Abort),
    ]
}

/// The manager: one password, and the file that it is about to apply.
struct Manager {
    password: String,
    ignores: bool,
    version: Option<u32>,
    on_its_way: Option<File>,
    wrong_in_a_row: u32,
    worst: u32,
}

/// A file about the web password.
#[derive(Clone)]
struct File {
    version: u32,
    password: Option<String>,
}

impl Manager {
    fn answers(&mut self, password: &Secret) -> bool {
        let right = password.expose() == self.password;
        self.wrong_in_a_row = if right { 0 } else { self.wrong_in_a_row + 1 };
        self.worst = self.worst.max(self.wrong_in_a_row);
        right
    }

    fn applies(&mut self, file: File) {
        if self.version != Some(file.version) && !self.ignores {
            self.version = Some(file.version);
            self.password = file.password.unwrap_or_else(|| self.password.clone());
        }
    }
}

/// The manager, what is on disk, and the time.
struct Stage {
    manager: Manager,
    rotation: Option<Rotation>,
    ended: Option<Ending>,
    configured: Secret,
    shelf: Option<File>,
    key: SiteKey,
    world: World,
    now: i64,
    /// How many posts nobody knows the end of, or were wrong ones that nothing followed.
    interrupted: u32,
}

impl Stage {
    fn new(ignores: bool) -> Self {
        let world = World::new().want(1, present("1013", None));
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let mac = world.desired.manager.mac;
        let people = ("anna".to_owned(), String::new());
        let password = "old".to_owned();
        Self {
            manager: Manager {
                password,
                ignores,
                version: None,
                on_its_way: None,
                wrong_in_a_row: 0,
                worst: 0,
            },
            rotation: Some(Rotation::prepare(mac, people, (old.clone(), new), None, at(0))),
            ended: None,
            configured: old,
            shelf: None,
            key: SiteKey::new([7; 32]),
            world,
            now: 10,
            interrupted: 0,
        }
    }

    fn keep(&mut self, change: impl FnOnce(Rotation, &Facts<'_>) -> After, began: i64) {
        let Some(rotation) = self.rotation.take() else { return };
        let facts = Facts {
            manager: self.world.desired.manager.mac,
            configured: Some(&self.configured),
            key: &self.key,
            settle: SETTLE,
            now: at(began),
        };
        match change(rotation, &facts) {
            After::GoesOn(rotation) => self.rotation = Some(*rotation),
            After::Ended(how) => self.ended = Some(how),
        }
    }

    /// One cycle, step by step; everything behind the step it is killed after does not happen.
    fn cycle(&mut self, killed_after: u8, mut lost: bool) {
        let mut left = killed_after;
        let mut alive = || {
            left = left.saturating_sub(1);
            left > 0
        };
        let began = self.now;
        let candidates = self.rotation.as_ref().map_or_else(Vec::new, |rotation| {
            rotation.candidates(&Facts {
                manager: self.world.desired.manager.mac,
                configured: Some(&self.configured),
                key: &self.key,
                settle: SETTLE,
                now: at(began),
            })
        });
        let mut logged_in = self.rotation.is_none();
        for candidate in candidates {
            self.keep(|rotation, facts| After::GoesOn(Box::new(rotation.posting(&candidate, facts))), began);
            if !alive() {
                self.interrupted += 1;
                return;
            }
            let right = self.manager.answers(&candidate.password);
            if !alive() {
                self.interrupted += 1;
                return;
            }
            let answer = match (std::mem::take(&mut lost), right) {
                (true, _) => {
                    self.interrupted += 1;
                    Answer::Unclear
                }
                (false, true) => Answer::Accepted,
                (false, false) => Answer::Refused,
            };
            self.keep(|rotation, facts| rotation.answered(&candidate, answer, facts), began);
            if !alive() {
                self.interrupted += u32::from(!right);
                return;
            }
            if answer == Answer::Unclear {
                return;
            }
            if right {
                logged_in = true;
                break;
            }
        }
        if logged_in {
            self.carry_out(&mut alive);
        }
    }

    fn carry_out(&mut self, alive: &mut impl FnMut() -> bool) {
        let Some(rotation) = self.rotation.clone() else { return };
        self.world.memory.rotation = Some(rotation);
        self.world.seen.at = at(self.now);
        let plan = Plan {
            hash: Generation("0".into()),
            terms: Vec::new(),
            steps: Vec::new(),
            orders: Orders::default(),
        };
        let order = order(&Scene {
            desired: &self.world.desired,
            memory: &self.world.memory,
            seen: Some(&self.world.seen),
            plan: &plan,
            clearance: &Clearance::default(),
            settle: SETTLE,
            now: at(self.now),
        });
        match order {
            Some(Order::Release(_)) => {
                self.release();
                if alive() {
                    self.fetch();
                }
            }
            Some(Order::Trigger(_)) => {
                self.progress(|progress| progress.attempts += 1);
                self.fetch();
            }
            Some(Order::Tidy) => self.tidy(),
            None => {}
        }
        if !alive() {
            return;
        }
        let done =
            self.rotation.as_ref().filter(|rotation| rotation.proven_at.is_some() && !rotation.on_shelf);
        if let Some(new) = done.map(|rotation| rotation.new.clone()) {
            // Written to where the site file looks, then ended.
            self.configured = new;
            if alive() {
                self.rotation = None;
                self.ended = Some(Ending::Changed);
            }
        }
    }

    fn release(&mut self) {
        let version = self.shelf.as_ref().map_or(1, |file| file.version + 1);
        self.world.release();
        let made = self.world.memory.release.take();
        let Some(rotation) = &mut self.rotation else { return };
        rotation.file = made.map(|release| Release { released_at: at(self.now), ..release });
        rotation.on_shelf = true;
        self.shelf = Some(File { version, password: Some(rotation.new.expose().to_owned()) });
    }

    fn tidy(&mut self) {
        let Some(rotation) = self.rotation.take() else { return };
        let rotation = rotation.tidied(at(self.now));
        self.rotation = Some(Rotation { on_shelf: false, ..rotation });
        let version = self.shelf.as_ref().map_or(1, |file| file.version + 1);
        self.shelf = Some(File { version, password: None });
    }

    fn progress(&mut self, change: impl FnOnce(&mut Progress)) {
        let file = self.rotation.as_mut().and_then(|rotation| rotation.file.as_mut());
        if let Some(file) = file {
            change(&mut file.progress);
        }
    }

    /// The fetch is noted before the file is sent.
    fn fetch(&mut self) {
        self.fetch_begins();
        if let Some(file) = self.manager.on_its_way.take() {
            self.manager.applies(file);
        }
        let at = at(self.now);
        self.progress(|progress| {
            progress.trigger = Some(TriggerOutcome::Done);
            progress.triggered_at = Some(at);
        });
    }

    fn fetch_begins(&mut self) {
        let Some(file) = self.shelf.clone() else { return };
        let at = at(self.now);
        if file.password.is_some() {
            self.progress(|progress| progress.fetched_at = progress.fetched_at.or(Some(at)));
        }
        self.manager.on_its_way = Some(file);
    }

    fn abort(&mut self) {
        let Some(rotation) = self.rotation.take() else { return };
        if !rotation.can_be_withdrawn(SETTLE, at(self.now)) {
            self.rotation = Some(rotation);
        } else if rotation.file.is_none() {
            self.ended = Some(Ending::Withdrawn);
        } else {
            self.rotation = Some(rotation.withdrawn(at(self.now)));
            self.tidy();
        }
    }

    fn happens(&mut self, what: Happens) {
        match what {
            Happens::Cycle { killed_after } => self.cycle(killed_after, false),
            Happens::LostAnswer => self.cycle(u8::MAX, true),
            Happens::Dark => {}
            Happens::Fetch => self.fetch(),
            Happens::FetchBegins => self.fetch_begins(),
            Happens::Wait(seconds) => self.now += seconds,
            Happens::Abort => self.abort(),
        }
        // What was on its way arrives before a settle time is over.
        if let (Happens::Wait(100..), Some(file)) = (what, self.manager.on_its_way.take()) {
            self.manager.applies(file);
        }
        self.now += 1;
    }

    /// Whether some password that is kept or configured is the manager's.
    fn has_access(&self) -> bool {
        let kept = self.rotation.iter().flat_map(|rotation| rotation.old.iter().chain([&rotation.new]));
        kept.chain([&self.configured]).any(|password| password.expose() == self.manager.password)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn access_is_never_lost_the_login_never_locked_and_it_ends(
        ignores in any::<bool>(),
        history in proptest::collection::vec(happens(), 1..40),
    ) {
        let mut stage = Stage::new(ignores);
        for what in history {
            stage.happens(what);
            prop_assert!(stage.has_access(), "after {what:?}");
        }
        // Left alone, with a manager that can be reached, it comes to its end.
        for _ in 0..40 {
            stage.happens(Happens::Cycle { killed_after: u8::MAX });
            stage.happens(Happens::Wait(200));
            prop_assert!(stage.has_access());
        }
        // Twice unclear counts as refused, as everywhere; then a person says that it is to be tried again.
        if let Some(rotation) = stage.rotation.take() {
            stage.rotation = Some(rotation.retried());
            for _ in 0..10 {
                stage.happens(Happens::Cycle { killed_after: u8::MAX });
                stage.happens(Happens::Wait(200));
            }
        }
        prop_assert!(stage.ended.is_some(), "{:?}", stage.rotation);
        prop_assert_eq!(stage.configured.expose(), stage.manager.password.as_str());
        // Where a session was cut short behind a wrong password, or nobody knows, the next may be a wrong one too: the
        // manager may have taken the new one meanwhile.
        let (worst, may_be) = (stage.manager.worst, 1 + stage.interrupted);
        prop_assert!(worst <= may_be, "{worst} wrong passwords in a row, {} posts interrupted", stage.interrupted);
    }
}
