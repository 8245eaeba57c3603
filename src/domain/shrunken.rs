//! The guard against a site file that lists far fewer slots than it did: rather a bad export or a slip of an editor than
//! a wish. What is not listed is left alone in any case; here it is told, and nothing else is done meanwhile.

use std::collections::BTreeSet;

use super::desired::{DesiredSite, Mode};
use super::ids::SlotNumber;
use super::memory::SiteMemory;
use super::wording::ranges;

/// So many slots may leave a site file without a question, however few it lists.
const UNASKED: usize = 2;

/// Begins what is told of it, and so tells its term of a plan from others.
pub(super) const FILE_LISTS: &str = "the site file lists ";

/// What a site file does not list any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shrunken {
    /// How many slots it listed before.
    pub(super) before: usize,
    /// Those of them that it does not list now.
    pub(super) gone: BTreeSet<SlotNumber>,
    /// How many it lists now.
    pub(super) now: usize,
}

/// `None`: the file lists what it did, or less by so little that it is taken for meant; or nothing is written anyway.
pub(super) fn shrunken(desired: &DesiredSite, memory: &SiteMemory) -> Option<Shrunken> {
    let before = memory.listed.as_ref().filter(|_| desired.mode == Mode::Manage)?;
    let gone: BTreeSet<SlotNumber> =
        before.iter().copied().filter(|slot| !desired.slots.contains_key(slot)).collect();
    let is_much = gone.len() > UNASKED && gone.len() * 2 >= before.len();
    let is_all = !before.is_empty() && desired.slots.is_empty();
    (is_much || is_all).then_some(Shrunken { before: before.len(), gone, now: desired.slots.len() })
}

impl Shrunken {
    /// For people, and as a term of the plan: `the site file lists 3 slots where it listed 40; gone are slots 4-40`.
    pub(super) fn what(&self) -> String {
        let (before, now, gone) = (self.before, self.now, ranges(&self.gone));
        format!("{FILE_LISTS}{now} slots where it listed {before}; gone are slots {gone}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::world::{World, present, slot};
    use super::*;

    /// A file that lists the slots from 1 to `now`, where those from 1 to `before` were listed.
    fn shrunk(before: u8, now: u8) -> Option<String> {
        let mut world =
            (1..=now).fold(World::new(), |world, number| world.want(number, present("1013", None)));
        world.memory.listed = Some((1..=before).map(slot).collect());
        shrunken(&world.desired, &world.memory).map(|shrunken| shrunken.what())
    }

    #[test]
    fn half_of_the_slots_gone_is_a_question_and_one_or_two_are_not() {
        assert_eq!(shrunk(40, 40), None);
        assert_eq!(shrunk(40, 21), None);
        assert_eq!(shrunk(4, 2), None, "two of four");
        assert_eq!(shrunk(3, 9), None, "it has grown");
        let told = shrunk(40, 20).unwrap();
        assert_eq!(told, "the site file lists 20 slots where it listed 40; gone are slots 21-40");
        assert!(shrunk(6, 3).is_some());
    }

    #[test]
    fn an_emptied_file_is_a_question_whatever_it_listed() {
        assert!(shrunk(1, 0).is_some());
        assert_eq!(shrunk(0, 0), None);
        let world = World::new().want(1, present("1013", None));
        assert_eq!(shrunken(&world.desired, &world.memory), None, "it was not followed so far");
    }

    #[test]
    fn other_slots_in_place_of_those_gone_do_not_hide_them() {
        let mut world = (51..=90).fold(World::new(), |world, number| world.want(number, present("1", None)));
        world.memory.listed = Some((1..=40).map(slot).collect());
        assert_eq!(shrunken(&world.desired, &world.memory).unwrap().gone.len(), 40);
    }
}
