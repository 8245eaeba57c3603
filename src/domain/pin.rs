//! Which registration PIN counts at a manager: the one that a user has to type, and that lets strangers in if it is
//! 0000. How it is written and put back is the planner's; nothing is said to people here.

use super::desired::{DesiredSite, Mode, Pin};
use super::memory::SiteMemory;
use super::plan::Cause;
use super::shown::InPlace;

/// The PIN that counts: the site file's where n720d sets it, else the one that the manager's page last showed.
///
/// One that was changed by hand counts until it is put back: the manager refuses the site file's. `None`: it is not
/// known here, since the page was not understood.
pub(super) fn in_force(desired: &DesiredSite, memory: &SiteMemory) -> Option<Pin> {
    let wanted = desired.registration.as_ref().and_then(|policy| policy.pin);
    let shown = memory.observation.as_ref().and_then(|seen| seen.registration_pin.known()).copied();
    if wanted.is_some_and(|wanted| was_changed_by_hand(memory, wanted)) {
        return shown;
    }
    match desired.mode {
        Mode::Manage => wanted.or(shown),
        Mode::Observe => shown.or(wanted),
    }
}

fn was_changed_by_hand(memory: &SiteMemory, wanted: Pin) -> bool {
    match InPlace::cause(memory.shown.pin.as_ref(), &wanted) {
        Cause::ByHand { .. } => true,
        Cause::NotYet | Cause::SiteFile | Cause::UnderWay => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::observed::Reading;
    use super::super::world::{World, at};
    use super::*;

    const MINE: Pin = Pin::Fixed([1, 2, 3, 4]);
    const THEIRS: Pin = Pin::Fixed([4, 3, 2, 1]);

    fn unread() -> Reading<Pin> {
        Reading::Unreadable("neither kind is marked".to_owned())
    }

    fn world(mode: Mode, wanted: Option<Pin>, page: Reading<Pin>) -> World {
        let mut world = World::new();
        world.desired.mode = mode;
        world.desired.registration.as_mut().unwrap().pin = wanted;
        world.seen.registration_pin = page;
        world.memory.observation = Some(world.seen.clone());
        world
    }

    fn counts(world: &World) -> Option<Pin> {
        in_force(&world.desired, &world.memory)
    }

    #[test]
    fn it_is_the_site_files_where_n720d_sets_it_and_else_the_one_shown() {
        let shown = || Reading::Known(THEIRS);
        for (mode, wanted, page, pin) in [
            (Mode::Manage, Some(MINE), shown(), Some(MINE)),
            (Mode::Manage, Some(MINE), unread(), Some(MINE)),
            (Mode::Manage, Some(Pin::Random), shown(), Some(Pin::Random)),
            (Mode::Manage, None, shown(), Some(THEIRS)),
            (Mode::Manage, None, unread(), None),
            (Mode::Observe, Some(MINE), shown(), Some(THEIRS)),
            (Mode::Observe, Some(MINE), unread(), Some(MINE)),
            (Mode::Observe, None, unread(), None),
        ] {
            let world = world(mode, wanted, page);
            assert_eq!(counts(&world), pin, "{mode:?} {wanted:?} {:?}", world.seen.registration_pin);
        }
        let mut never_read = world(Mode::Manage, None, shown());
        never_read.memory.observation = None;
        assert_eq!(counts(&never_read), None);
    }

    #[test]
    fn one_that_was_changed_by_hand_counts_until_it_is_put_back() {
        for mode in [Mode::Manage, Mode::Observe] {
            let changed = |page| {
                let mut world = world(mode, Some(MINE), page);
                world.memory.shown.pin = Some(InPlace { was: MINE, gone_at: Some(at(0)) });
                world
            };
            assert_eq!(counts(&changed(Reading::Known(THEIRS))), Some(THEIRS), "{mode:?}");
            assert_eq!(counts(&changed(Reading::Known(Pin::Random))), Some(Pin::Random), "{mode:?}");
            assert_eq!(counts(&changed(unread())), None, "{mode:?}: the site file's would be refused");
            let mut back = changed(Reading::Known(MINE));
            back.memory.shown.pin = Some(InPlace { was: MINE, gone_at: None });
            assert_eq!(counts(&back), Some(MINE), "{mode:?}");
        }
    }

    #[test]
    fn a_pin_that_the_site_file_asks_for_by_now_is_on_its_way() {
        let mut world = world(Mode::Manage, Some(MINE), Reading::Known(THEIRS));
        world.memory.shown.pin = Some(InPlace { was: Pin::ZEROS, gone_at: Some(at(0)) });
        assert_eq!(counts(&world), Some(MINE));
    }
}
