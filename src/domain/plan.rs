//! The plan: what would be done, to whom, and why, as plain data.
//!
//! Types only; the planner fills them. The executor carries a plan out and decides nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use super::alert::AlertKind;
use super::content::ReleaseContent;
use super::desired::Trigger;
use super::ids::{Ipui, SiteName, SlotNumber};
use super::memory::Window;
use super::release::{Generation, Version};

/// What to do about one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Hash over the terms.
    pub hash: Generation,
    /// What an approval of this plan is bound to, a line each, in words: its steps, and the observed state they rest on.
    pub terms: Vec<String>,
    /// Every drift item as one step, ready or not, in a stable order.
    pub steps: Vec<Step>,
    /// What the executor is to do, in this order: enrol, release, trigger. Empty when no step is ready.
    pub orders: Orders,
}

/// What the executor is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    /// Set the manager's configuration file URL to ours.
    pub enrol: bool,
    /// Release this.
    pub release: Option<NewRelease>,
    /// Tell the manager to fetch the (new or last) release this way.
    pub trigger: Option<Trigger>,
}

impl Orders {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A release to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// What the file says.
    pub content: ReleaseContent,
    /// Identity of the content without its window.
    pub generation: Generation,
    /// Identity of the content with its window.
    pub content_id: Generation,
    /// Identity of each part, see [`super::release::Release::parts`].
    pub parts: BTreeMap<String, Generation>,
    /// Its VERSION.
    pub version: Version,
    /// The reservations it carries.
    pub reserved: BTreeMap<SlotNumber, Ipui>,
    /// What it means for the ledger of windows.
    pub window: Option<WindowEntry>,
    /// The slots in which it deregisters a handset, by an approval; which handset, as far as a page told.
    pub approved: BTreeMap<SlotNumber, Option<Ipui>>,
    /// The approval that it makes use of, by the hash of its plan.
    pub approval: Option<Generation>,
    /// What people notice of it: the gravest impact of its steps.
    pub impact: Impact,
    /// Why it is made, for the history.
    pub reason: String,
}

/// What a release means for the ledger of windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowEntry {
    /// It opens this one: a new entry.
    Opens(Window),
    /// It ends this one before its time: the entry of that number changes.
    Ends(Window),
}

impl WindowEntry {
    /// The window as it is from then on.
    pub fn window(&self) -> &Window {
        match self {
            Self::Opens(window) | Self::Ends(window) => window,
        }
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub action: Action,
    /// To which slot; `None`: to the manager as a whole.
    pub slot: Option<SlotNumber>,
    /// What people notice.
    pub impact: Impact,
    /// Whether it is done now.
    #[serde(flatten)]
    pub disposition: Disposition,
    /// The extensions it touches.
    pub who: Vec<String>,
    /// The phones it disturbs, by name, with what their users have to do afterwards; empty: it disturbs none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hits: Vec<Hit>,
    /// Where the handset comes from or goes to, of one that changes its place; `None`: it changes none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relocation: Option<Relocation>,
    /// Why, for a person.
    pub why: String,
    /// How the difference came about that it mends; `None`: it mends none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
}

impl Step {
    /// Whether a person has to approve it: it may deregister a handset that works, takes in one that is registered at
    /// another site, or follows a site file that has shrunk.
    pub fn needs_approval(&self) -> bool {
        let arrives = matches!(self.relocation, Some(Relocation::FromSite { .. }));
        self.impact == Impact::Deregisters || arrives || self.action == Action::FollowFile
    }

    /// As people and their scripts read it: its times in whole seconds.
    #[must_use]
    pub fn shown(&self) -> Self {
        let mut step = self.clone();
        if let Some(Cause::ByHand { since }) = &mut step.cause {
            *since = since.trunc_subsecs(0);
        }
        if let Disposition::Deferred { until: Some(until), .. } = &mut step.disposition {
            *until = until.trunc_subsecs(0);
        }
        step
    }
}

/// A phone that a step disturbs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The slot that it is in.
    pub slot: SlotNumber,
    /// Its handset; `None`: no page told which it is.
    pub ipui: Option<Ipui>,
    /// Its number: the user id that the manager shows, or the site file names.
    pub user: Option<String>,
    /// Its display name, likewise.
    pub display_name: Option<String>,
    /// What its user notices.
    pub impact: Impact,
    /// What its user has to do afterwards, for a person to read out.
    pub afterwards: String,
}

/// A handset changes its place, rather than being new or going for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Relocation {
    /// It changes places with the handset of another slot of this site.
    Swap {
        /// The other slot.
        with: SlotNumber,
    },
    /// It comes from another slot of this site.
    From {
        /// Where it is registered.
        slot: SlotNumber,
    },
    /// It goes to another slot of this site.
    To {
        /// Where it is wanted.
        slot: SlotNumber,
    },
    /// It comes from another site, where it has to be deregistered first.
    FromSite {
        /// Where it is registered.
        site: SiteName,
        /// In which slot; `None`: no page tells.
        slot: Option<SlotNumber>,
    },
    /// It goes to another site, which reserves it once it is deregistered here.
    ToSite {
        /// Where it is wanted.
        site: SiteName,
        /// In which slot.
        slot: SlotNumber,
    },
}

/// How a difference between site file and manager came about, as far as what was seen tells. In rising order of what it
/// means to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// No page has shown it as the site file wants it so far.
    NotYet,
    /// The site file asks for something else than it did.
    SiteFile,
    /// It was in place and is not any more, while a push of ours is under way that may have done it.
    UnderWay,
    /// It was in place and is not any more, and nothing of ours has done it.
    ByHand {
        /// When a page first showed so.
        since: DateTime<Utc>,
    },
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Point the manager's configuration file URL here.
    Enrol,
    /// Set a SIP provider.
    ConfigureProvider,
    /// Set the registration PIN.
    SetPin,
    /// Set a slot's account.
    ConfigureAccount,
    /// Reserve an empty slot for a handset.
    Reserve,
    /// Reserve a slot in which another handset is registered, or a handset that is registered in another slot.
    Replace,
    /// Clear the slot: deregister its handset and disable its account.
    Deregister,
    /// Open the registration window.
    OpenWindow,
    /// Open it again for those still missing.
    ReopenWindow,
    /// Close it before its time: nobody is missing.
    CloseWindow,
    /// Make the manager fetch what is already released.
    Fetch,
    /// Go by a site file that lists far fewer slots than it did.
    FollowFile,
}

impl Action {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::ConfigureProvider => "configure-provider",
            Self::SetPin => "set-pin",
            Self::ConfigureAccount => "configure-account",
            Self::Reserve => "reserve",
            Self::Replace => "replace",
            Self::Deregister => "deregister",
            Self::OpenWindow => "open-window",
            Self::ReopenWindow => "reopen-window",
            Self::CloseWindow => "close-window",
            Self::Fetch => "fetch",
            Self::FollowFile => "follow-file",
        }
    }
}

/// What people notice of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing.
    None,
    /// A short interruption; the phones come back by themselves.
    Interrupts,
    /// A working handset loses its registration, and a person must bring it back by hand.
    Deregisters,
}

/// Whether a step is done now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Disposition {
    /// Now.
    Ready,
    /// Later, by itself.
    Deferred {
        /// What it waits for.
        reason: String,
        /// Until when, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<DateTime<Utc>>,
    },
    /// Not without a person.
    Blocked {
        /// What stands in the way, and what to do.
        reason: String,
        /// The alert that says so.
        alert: AlertKind,
    },
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_step_is_shown_with_whole_seconds_and_otherwise_as_it_is() {
        let step = |nanoseconds, until: Option<i64>| {
            let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::new(seconds, nanoseconds).unwrap();
            Step {
                action: Action::Reserve,
                slot: None,
                impact: Impact::Interrupts,
                disposition: Disposition::Deferred { reason: "settles".to_owned(), until: until.map(at) },
                who: vec!["1013".to_owned()],
                hits: Vec::new(),
                relocation: None,
                why: "x".to_owned(),
                cause: Some(Cause::ByHand { since: at(5) }),
            }
        };
        assert_eq!(step(999_999_999, Some(7)).shown(), step(0, Some(7)));
        assert_eq!(step(1, None).shown(), step(0, None));
        let ready = Step { disposition: Disposition::Ready, cause: Some(Cause::NotYet), ..step(0, None) };
        assert_eq!(ready.shown(), ready);
    }
}
