//! What one site must know of the others: where a handset that was seen here is at home, and where a handset that is
//! missing here was seen instead. Plain data and the directory of homes; who was seen where is the store's to keep.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::desired::{DesiredSite, DesiredSlot, Mode};
use super::ids::{Ipui, SiteName, SlotNumber};
use super::strays::Questions;

/// What of other sites bears on this one, looked up for the handsets of one cycle alone. Empty: nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbours {
    /// Which other site file lists a handset that this one does not.
    pub homes: BTreeMap<Ipui, Home>,
    /// Which other site's manager was last seen to hold a handset that this site file lists.
    pub elsewhere: BTreeMap<Ipui, Elsewhere>,
}

/// Where a handset is listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Home {
    /// The site whose file lists it.
    pub site: SiteName,
    /// In which slot.
    pub slot: SlotNumber,
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {} of site {}", self.slot, self.site)
    }
}

/// In which way a manager holds a handset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Reserved and not registered: on the status page's pending list.
    Reserved,
    /// Registered, as the editor page of a slot showed.
    Registered,
}

impl Hold {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Registered => "registered",
        }
    }
}

/// A handset that this site's manager holds and its site file does not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    /// How it is held.
    pub hold: Hold,
    /// In which slot; `None`: which one the pages do not tell.
    pub slot: Option<SlotNumber>,
    /// When a page last named it, to the hour.
    pub seen_at: DateTime<Utc>,
    /// Which other site file lists it, by the configuration in force; not kept.
    #[serde(skip)]
    pub home: Option<Home>,
}

/// Where a handset that is missing here was seen instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// At whose manager.
    pub site: SiteName,
    /// In which slot; `None`: which one the pages do not tell.
    pub slot: Option<SlotNumber>,
    /// How it is held there.
    pub hold: Hold,
    /// When a page last named it, to the hour.
    pub seen_at: DateTime<Utc>,
    /// Whether the site file there asks n720d to take it out of that slot, by the configuration in force; not kept.
    #[serde(skip)]
    pub leaves: bool,
}

impl Neighbours {
    /// The answers to a site's questions: homes by the directory, and of all managers that hold a handset the one that
    /// shows most. Of several that show the same the first by name is heard: which of them was read last changes with
    /// every cycle of theirs. A site that is not in the directory any more is not heard at all.
    pub fn answer(questions: &Questions, directory: &Directory, held: Vec<(Ipui, Elsewhere)>) -> Self {
        let homes = questions.foreign.iter().filter_map(|ipui| Some((*ipui, directory.home(*ipui)?)));
        let mut elsewhere: BTreeMap<Ipui, Elsewhere> = BTreeMap::new();
        for (ipui, mut found) in held.into_iter().filter(|(_, found)| directory.knows(&found.site)) {
            found.leaves = found.slot.is_some_and(|slot| directory.clears(&found.site, slot));
            if elsewhere.get(&ipui).is_none_or(|known| known.rank() < found.rank()) {
                elsewhere.insert(ipui, found);
            }
        }
        Self { homes: homes.collect(), elsewhere }
    }
}

impl Elsewhere {
    /// The greatest of several is heard.
    fn rank(&self) -> (Hold, Reverse<&SiteName>) {
        (self.hold, Reverse(&self.site))
    }

    /// Where, and how it is held: `registered in slot 4 of site acme-hamburg`.
    pub fn place(&self) -> String {
        match self.slot {
            Some(slot) => format!("{} in slot {slot} of site {}", self.hold.as_str(), self.site),
            None => format!("{} at site {}", self.hold.as_str(), self.site),
        }
    }

    /// The same with when it was seen there, in this time zone.
    pub fn told(&self, zone: Tz) -> String {
        format!("{}, seen {}", self.place(), self.seen_at.with_timezone(&zone).format("%Y-%m-%d %H:%M %:z"))
    }
}

/// Every handset that a site file lists, by its IPUI: made once for a configuration, asked in every cycle that saw
/// something foreign. Twenty bytes a slot.
#[derive(Debug, Default)]
pub struct Directory {
    /// In the order of their names.
    sites: Vec<SiteName>,
    /// In the order of the IPUIs; the second field is a place in `sites`.
    entries: Vec<(Ipui, u32, SlotNumber)>,
    /// The slots of sites in mode `manage` that are to be absent or for a listed handset, in order: whoever else is in
    /// one is to leave it. The first field is a place in `sites`.
    cleared: Vec<(u32, SlotNumber)>,
}

impl Directory {
    /// The handsets of all these sites.
    pub fn of<'a>(sites: impl IntoIterator<Item = &'a DesiredSite>) -> Self {
        let mut directory = Self::default();
        let mut sites: Vec<&DesiredSite> = sites.into_iter().collect();
        sites.sort_unstable_by_key(|site| &site.name);
        for site in sites {
            // 2^32 sites do not fit into memory.
            let Ok(place) = u32::try_from(directory.sites.len()) else { break };
            directory.sites.push(site.name.clone());
            let listed = site.slots.iter().filter_map(|(slot, wanted)| Some((wanted.ipui()?, place, *slot)));
            directory.entries.extend(listed);
            let clears = |wanted: &DesiredSlot| *wanted == DesiredSlot::Absent || wanted.ipui().is_some();
            let cleared = site.slots.iter().filter(|(_, wanted)| site.mode == Mode::Manage && clears(wanted));
            directory.cleared.extend(cleared.map(|(slot, _)| (place, *slot)));
        }
        directory.entries.sort_unstable();
        directory.entries.shrink_to_fit();
        directory.cleared.shrink_to_fit();
        directory
    }

    /// Whether this is one of its sites.
    fn knows(&self, site: &SiteName) -> bool {
        self.sites.binary_search(site).is_ok()
    }

    /// Whether a handset that the file of this site does not list is to leave this slot, and n720d may write there.
    fn clears(&self, site: &SiteName, slot: SlotNumber) -> bool {
        let place = self.sites.binary_search(site).ok().and_then(|place| u32::try_from(place).ok());
        place.is_some_and(|place| self.cleared.binary_search(&(place, slot)).is_ok())
    }

    /// Where a handset is listed.
    pub fn home(&self, ipui: Ipui) -> Option<Home> {
        let at = self.entries.partition_point(|(listed, ..)| *listed < ipui);
        let (_, site, slot) = self.entries.get(at).filter(|(listed, ..)| *listed == ipui)?;
        Some(Home { site: self.sites.get(usize::try_from(*site).ok()?)?.clone(), slot: *slot })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::desired::DesiredSlot;
    use super::super::world::{at, ipui, present, site, slot};
    use super::*;

    fn name(text: &str) -> SiteName {
        text.parse().unwrap()
    }

    fn listing(site_name: &str, handsets: &[(u8, u8)]) -> DesiredSite {
        let slots = handsets.iter().map(|(number, last)| (slot(*number), present("1", Some(*last))));
        DesiredSite { name: name(site_name), slots: slots.collect(), ..site() }
    }

    fn held(site_name: &str, number: Option<u8>, hold: Hold, seconds: i64) -> Elsewhere {
        Elsewhere { site: name(site_name), slot: number.map(slot), hold, seen_at: at(seconds), leaves: false }
    }

    #[test]
    fn the_directory_knows_every_listed_handset_and_no_other() {
        let mut berlin = listing("berlin", &[(1, 9), (2, 3)]);
        berlin.slots.insert(slot(3), DesiredSlot::Absent);
        let hamburg = listing("hamburg", &[(7, 1), (100, 255)]);
        let directory = Directory::of([&berlin, &hamburg]);
        let home = |last| directory.home(ipui(last)).map(|home| home.to_string());
        assert_eq!(home(9).as_deref(), Some("slot 1 of site berlin"));
        assert_eq!(home(3).as_deref(), Some("slot 2 of site berlin"));
        assert_eq!(home(1).as_deref(), Some("slot 7 of site hamburg"));
        assert_eq!(home(255).as_deref(), Some("slot 100 of site hamburg"));
        assert_eq!((home(2), home(0)), (None, None));
        assert_eq!(Directory::default().home(ipui(1)), None);
    }

    #[test]
    fn an_entry_of_the_directory_is_small() {
        assert_eq!(size_of::<(Ipui, u32, SlotNumber)>(), 12);
    }

    #[test]
    fn of_several_managers_the_one_that_shows_most_is_heard() {
        let questions = Questions { foreign: BTreeSet::from([ipui(5), ipui(6)]), missing: BTreeSet::new() };
        let sites = [listing("hamburg", &[(3, 5)]), listing("a", &[]), listing("b", &[]), listing("c", &[])];
        let directory = Directory::of(&sites);
        let rows = vec![
            (ipui(1), held("a", None, Hold::Reserved, 90)),
            (ipui(1), held("b", Some(4), Hold::Registered, 10)),
            (ipui(1), held("c", Some(4), Hold::Registered, 20)),
            (ipui(1), held("gone", Some(4), Hold::Registered, 99)),
            (ipui(2), held("a", None, Hold::Reserved, 20)),
            (ipui(2), held("b", None, Hold::Reserved, 10)),
        ];
        let answer = Neighbours::answer(&questions, &directory, rows);
        let at: Vec<_> = answer.elsewhere.values().map(|found| found.site.as_str()).collect();
        assert_eq!(at, ["b", "a"]);
        assert_eq!(answer.homes, BTreeMap::from([(ipui(5), Home { site: name("hamburg"), slot: slot(3) })]));
    }

    #[test]
    fn who_is_to_leave_is_told_by_the_other_sites_file() {
        let slots = |mode| {
            let mut site = listing("hamburg", &[(4, 9)]);
            site.slots.insert(slot(5), DesiredSlot::Absent);
            site.slots.insert(slot(6), present("1", None));
            DesiredSite { mode, ..site }
        };
        let leaves = |site: &DesiredSite, number: Option<u8>| {
            let directory = Directory::of([site]);
            let rows = vec![(ipui(1), held("hamburg", number, Hold::Registered, 0))];
            Neighbours::answer(&Questions::default(), &directory, rows).elsewhere[&ipui(1)].leaves
        };
        let managed = slots(Mode::Manage);
        for (number, expected) in [(4, true), (5, true), (6, false), (7, false)] {
            assert_eq!(leaves(&managed, Some(number)), expected, "slot {number}");
        }
        assert!(!leaves(&managed, None), "which slot it is in is not known");
        assert!(!leaves(&slots(Mode::Observe), Some(5)), "n720d must not write there");
    }

    #[test]
    fn of_two_that_show_the_same_it_does_not_matter_which_was_read_last() {
        let directory = Directory::of(&[listing("b", &[]), listing("a", &[])]);
        for (first, second) in [(10, 3_700), (7_300, 3_700), (10, 10)] {
            let a = (ipui(1), held("a", Some(3), Hold::Registered, first));
            let b = (ipui(1), held("b", Some(4), Hold::Registered, second));
            for rows in [vec![a.clone(), b.clone()], vec![b, a]] {
                let answer = Neighbours::answer(&Questions::default(), &directory, rows);
                assert_eq!(answer.elsewhere[&ipui(1)].site, name("a"), "{first} {second}");
            }
        }
    }

    #[test]
    fn the_directory_finds_its_sites_in_whatever_order_they_came() {
        let sites = ["munich", "berlin", "hamburg"].map(|site_name| listing(site_name, &[]));
        let directory = Directory::of(&sites);
        assert!(directory.sites.is_sorted(), "{:?}", directory.sites);
        assert!(sites.iter().all(|site| directory.knows(&site.name)));
        assert!(!directory.knows(&name("cologne")));
    }

    #[test]
    fn a_place_is_told_in_words() {
        let zone = chrono_tz::Europe::Berlin;
        assert_eq!(
            held("hamburg", Some(4), Hold::Registered, 0).told(zone),
            "registered in slot 4 of site hamburg, seen 2026-11-18 12:06 +01:00"
        );
        assert_eq!(held("hamburg", None, Hold::Reserved, 0).place(), "reserved at site hamburg");
    }
}
