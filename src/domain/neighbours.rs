//! What one site must know of the others: where a handset that was seen here is at home, and where a handset that is
//! missing here was seen instead. Plain data and the directory of homes; who was seen where is the store's to keep.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desired::DesiredSite;
use super::ids::{Ipui, SiteName, SlotNumber};

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
}

/// Every handset that a site file lists, by its IPUI: made once for a configuration, asked in every cycle that saw
/// something foreign. Twelve bytes a handset.
#[derive(Debug, Default)]
pub struct Directory {
    sites: Vec<SiteName>,
    /// In the order of the IPUIs; the second field is a place in `sites`.
    entries: Vec<(Ipui, u32, SlotNumber)>,
}

impl Directory {
    /// The handsets of all these sites.
    pub fn of<'a>(sites: impl IntoIterator<Item = &'a DesiredSite>) -> Self {
        let mut directory = Self::default();
        for site in sites {
            // 2^32 sites do not fit into memory.
            let Ok(place) = u32::try_from(directory.sites.len()) else { break };
            directory.sites.push(site.name.clone());
            let listed = site.slots.iter().filter_map(|(slot, wanted)| Some((wanted.ipui()?, place, *slot)));
            directory.entries.extend(listed);
        }
        directory.entries.sort_unstable();
        directory.entries.shrink_to_fit();
        directory
    }

    /// Where a handset is listed.
    pub fn home(&self, ipui: Ipui) -> Option<Home> {
        let at = self.entries.partition_point(|(listed, ..)| *listed < ipui);
        let (_, site, slot) = self.entries.get(at).filter(|(listed, ..)| *listed == ipui)?;
        Some(Home { site: self.sites.get(usize::try_from(*site).ok()?)?.clone(), slot: *slot })
    }
}
