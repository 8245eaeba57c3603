//! What is told to a sink: one message about one site, or about several together. Plain data with no words of its own:
//! `text` makes sentences of it, `body` the JSON. Built at the moment of delivery, so that it tells the present state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::pipeline::Group;
use crate::domain::alert::{Alert, AlertState, Severity};
use crate::domain::attention::Acknowledgement;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// So many alerts of a message are told one by one to what reads by program: with more, a receiver's limit on the size of a
/// body would keep all of them back.
pub(super) const MOST_NAMED: usize = 2_000;

/// So many ends are in one message to what reads by program, and none of them is left to a count: whoever waits for the end
/// of what it knows by name would wait for ever. What is left is told next.
pub(super) const MOST_ENDS: usize = MOST_NAMED / 2;

/// One message to one sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The same on every try as long as it says the same, also after a restart; unique for ever.
    pub id: String,
    /// Why it is sent.
    pub reason: Reason,
    /// What it is about.
    pub subject: Subject,
    /// What was put together in it, by which a later message is known to tell more of the same.
    pub group: Group,
    /// What holds, worst first, then what has ended. Never empty.
    pub entries: Vec<Entry>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// One site, or the fleet under the name that stands for it.
    Site(Arc<SiteFacts>),
    /// Several sites: all that have these labels, or, without any, all that there are.
    Several {
        /// What they have in common.
        labels: BTreeMap<String, String>,
        /// Whether they are told together because so many have trouble at once, rather than because the route says so.
        storm: bool,
    },
}

/// One alert in a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where.
    pub site: Arc<SiteFacts>,
    /// The alert, in the state that people have given it.
    pub alert: Arc<Alert>,
    /// Who has taken it.
    pub acknowledged: Option<Acknowledgement>,
    /// Why it is told; `None`: it is nothing new, and told along with what is.
    pub news: Option<Reason>,
}

/// What messages say of a site beside its alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFacts {
    /// Its name.
    pub name: SiteName,
    /// For people.
    pub description: String,
    /// Whom to call there; may be empty.
    pub contact: String,
    /// Its time zone, in which times are told.
    pub time_zone: Tz,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Message {
    /// Whether anything of it was seen to be over; what is not watched any more has ended as well, and may hold.
    pub fn has_good_news(&self) -> bool {
        self.entries.iter().any(|entry| entry.has_ended() && !entry.alert.unwatched)
    }

    /// How urgent it is: as the worst of what holds, or, where nothing does, of what has ended.
    pub fn severity(&self) -> Severity {
        let worst = |ended| {
            self.entries.iter().filter(|one| one.has_ended() == ended).map(|one| one.alert.severity).max()
        };
        worst(false).or_else(|| worst(true)).unwrap_or(Severity::Info)
    }
}

impl Entry {
    /// Whether it tells something that the receiver does not know.
    pub fn is_news(&self) -> bool {
        self.has_ended() || matches!(self.news, Some(Reason::First | Reason::Changed))
    }
}

/// Where there is not room for all, the `most` that are told, in the order in which they came: what is news, of which what
/// has ended is sure of half the room, then what is told again, then what is told along with it.
pub(super) fn foremost<'a>(entries: impl IntoIterator<Item = &'a Entry>, most: usize) -> Vec<&'a Entry> {
    let entries: Vec<&Entry> = entries.into_iter().collect();
    if entries.len() <= most {
        return entries;
    }
    let mut ends = 0;
    let mut rank = |entry: &Entry| {
        if entry.has_ended() {
            ends += 1;
            return if ends <= most / 2 { 0 } else { 2 };
        }
        match entry.news {
            Some(Reason::First | Reason::Changed) => 1,
            Some(Reason::Repeat) => 3,
            Some(Reason::Resolved) | None => 4,
        }
    };
    let mut ranked: Vec<(u8, usize)> =
        entries.iter().enumerate().map(|(place, entry)| (rank(entry), place)).collect();
    ranked.sort_unstable();
    let kept: BTreeSet<usize> = ranked.into_iter().take(most).map(|(_, place)| place).collect();
    entries
        .into_iter()
        .enumerate()
        .filter(|(place, _)| kept.contains(place))
        .map(|(_, entry)| entry)
        .collect()
}

impl SiteFacts {
    /// Of the fleet as a whole, under the name that stands for it; its times are told in UTC.
    pub fn of_fleet() -> Self {
        Self {
            name: SiteName::of_fleet(),
            description: String::new(),
            contact: String::new(),
            time_zone: Tz::UTC,
            labels: BTreeMap::new(),
        }
    }

    /// Of a site of which nothing but the name is known: its times are told in UTC.
    pub(crate) fn of_name(name: &SiteName) -> Self {
        Self { name: name.clone(), ..Self::of_fleet() }
    }
}

impl From<&DesiredSite> for SiteFacts {
    fn from(site: &DesiredSite) -> Self {
        Self {
            name: site.name.clone(),
            description: site.description.clone(),
            contact: site.contact.clone(),
            time_zone: site.time_zone,
            labels: site.labels.clone(),
        }
    }
}

impl Subject {
    /// In words, for logs and the history: the site, `customer=acme`, `all sites`.
    pub fn words(&self) -> String {
        match self {
            Self::Site(site) => site.name.to_string(),
            Self::Several { labels, .. } if labels.is_empty() => "all sites".to_owned(),
            Self::Several { labels, .. } => {
                labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The name that stands for it where there is room for one site: that of the fleet for several.
    pub fn site(&self) -> SiteName {
        match self {
            Self::Site(site) => site.name.clone(),
            Self::Several { .. } => SiteName::of_fleet(),
        }
    }

    /// The labels of the site, or those that several have in common.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Site(site) => &site.labels,
            Self::Several { labels, .. } => labels,
        }
    }
}

impl Entry {
    /// Whether it tells of an end.
    pub fn has_ended(&self) -> bool {
        self.alert.state == AlertState::Resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::AlertKind;

    fn entry(severity: Severity, state: AlertState) -> Entry {
        let site = Arc::new(SiteFacts::of_fleet());
        let alert = Alert {
            id: "acme/drift".into(),
            kind: AlertKind::Drift,
            severity,
            summary: "differs".into(),
            phase: String::new(),
            since: DateTime::UNIX_EPOCH,
            state,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        };
        Entry { site, alert: Arc::new(alert), acknowledged: None, news: None }
    }

    fn message(entries: Vec<Entry>) -> Message {
        let subject = Subject::Site(Arc::new(SiteFacts::of_fleet()));
        let group = Group::Site(SiteName::of_fleet());
        let at = DateTime::UNIX_EPOCH;
        Message { id: "msg_1".into(), reason: Reason::Changed, subject, group, entries, at }
    }

    #[test]
    fn what_has_ended_counts_only_where_nothing_holds() {
        let ended = entry(Severity::Critical, AlertState::Resolved);
        let holds = entry(Severity::Warning, AlertState::Acknowledged);
        let knows = entry(Severity::Info, AlertState::Firing);
        assert_eq!(message(vec![knows, holds, ended.clone()]).severity(), Severity::Warning);
        assert_eq!(message(vec![ended]).severity(), Severity::Critical);
    }

    #[test]
    fn where_there_is_not_room_for_all_ends_and_news_come_before_what_is_known() {
        use crate::alerting::testing::{alert, entry, site};
        use crate::domain::alert::AlertKind;
        let site = site("acme");
        let one = |state, news| Entry { news, ..entry(&site, alert("acme", AlertKind::Drift, state)) };
        let holds = |news| one(AlertState::Firing, news);
        let over = || one(AlertState::Resolved, Some(Reason::Resolved));
        let entries = [
            holds(None),
            holds(Some(Reason::Repeat)),
            holds(Some(Reason::First)),
            holds(None),
            holds(Some(Reason::Changed)),
            over(),
            over(),
            over(),
        ];
        let told = |most| {
            let told = foremost(&entries, most);
            let places = told.iter().map(|entry| entries.iter().position(|one| std::ptr::eq(one, *entry)));
            places.map(Option::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(told(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(told(7), [0, 1, 2, 4, 5, 6, 7]);
        assert_eq!(told(5), [2, 4, 5, 6, 7]);
        assert_eq!(told(4), [2, 4, 5, 6]);
        assert_eq!(told(2), [2, 5]);
        assert_eq!(told(1), [2]);
    }
}
