//! What people must and must not hear, thought through a second time and as simply as possible: it knows findings, what was
//! said, and the messages that came, and nothing of how they are made.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SubsecRound, TimeDelta, Timelike, Utc};
use n720d::alerting::{Entry, Message, Subject};
use n720d::domain::alert::{AlertKind, AlertState, Severity};
use n720d::domain::ids::SiteName;
use n720d::domain::notification::Reason;
use n720d::domain::told::Delivery;

use crate::support::{Daemon, Finding, REPEAT, Receiver};

/// What stands in for an alert's id.
pub(crate) type Key = (SiteName, AlertKind);

pub(crate) const MAIL: &str = "mail";
pub(crate) const PAGER: &str = "pager";
/// After so long of no answer the pager is told, where the plan says so.
pub(crate) const ESCALATES: TimeDelta = TimeDelta::minutes(30);
/// What comes in is gathered for so long, and so long passes at least between two messages about one site.
const WAIT: TimeDelta = TimeDelta::seconds(5);
/// So long passes at least between two messages about several sites.
const INTERVAL: TimeDelta = TimeDelta::minutes(5);
/// Time to look.
const MOMENT: TimeDelta = TimeDelta::seconds(1);
/// What was said is not believed to come from the future further than this.
const SLACK: TimeDelta = TimeDelta::minutes(5);

/// Who is told of what, as the tests configure it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// No route at all.
    All,
    /// Mail in one message a customer, the pager in one a site.
    ByCustomer,
    /// Mail of everything, the pager of what is critical.
    Critical,
    /// Mail from 8 to 18, the pager of what is critical at any time.
    Office,
    /// Mail, and the pager when nobody has answered.
    Escalating,
}

/// From a condition's beginning to its end.
#[derive(Debug, Clone)]
struct Life {
    since: DateTime<Utc>,
    begun: TimeDelta,
    severity: Severity,
    has_ended: bool,
    /// It has ended because nobody follows it any more.
    was_left: bool,
}

/// What a sink believes to hold.
#[derive(Debug, Clone)]
struct Belief {
    since: DateTime<Utc>,
    severity: Severity,
    /// Since when it is known that it was told of this life.
    kept: Option<TimeDelta>,
    last: TimeDelta,
}

/// A message that a sink has taken.
#[derive(Debug)]
struct Taken {
    text: String,
    is_kept: bool,
}

/// That somebody has an alert.
#[derive(Debug)]
struct Acknowledged {
    since: DateTime<Utc>,
    at: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) plan: Plan,
    /// Whether sites are told together because many have the same trouble.
    has_storms: bool,
    lives: BTreeMap<Key, Life>,
    beliefs: BTreeMap<&'static str, BTreeMap<Key, Belief>>,
    taken: BTreeMap<String, Taken>,
    /// Told in a message of which the daemon does not know that it was taken.
    unsure: BTreeMap<&'static str, BTreeSet<Key>>,
    /// Since when nobody has an alert.
    nobodys: BTreeMap<Key, TimeDelta>,
    /// Since when a sink waits for news.
    owed: BTreeMap<(&'static str, Key), TimeDelta>,
    acknowledged: BTreeMap<Key, Acknowledged>,
    silenced: Vec<(SiteName, DateTime<Utc>, DateTime<Utc>)>,
    /// When the clock was set last.
    set: Option<TimeDelta>,
}

impl Model {
    pub(crate) fn new(has_storms: bool) -> Self {
        Self {
            plan: Plan::All,
            has_storms,
            lives: BTreeMap::new(),
            beliefs: BTreeMap::from([(MAIL, BTreeMap::new()), (PAGER, BTreeMap::new())]),
            taken: BTreeMap::new(),
            unsure: BTreeMap::new(),
            nobodys: BTreeMap::new(),
            owed: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            silenced: Vec::new(),
            set: None,
        }
    }

    pub(crate) fn found(&mut self, daemon: &Daemon, site: &SiteName, findings: &[(AlertKind, Finding)]) {
        for (kind, finding) in findings {
            let key = (site.clone(), *kind);
            if let (Some(life), Finding::Clear) = (self.lives.get_mut(&key), finding) {
                // Somebody has seen that it is over.
                life.was_left = false;
            }
            let holding = self.lives.get_mut(&key).filter(|life| !life.has_ended);
            match (holding, finding) {
                (Some(life), Finding::Holds(severity)) => life.severity = *severity,
                (Some(life), Finding::Clear) => life.has_ended = true,
                (None, Finding::Holds(severity)) => {
                    let since = daemon.now().trunc_subsecs(0);
                    let life = Life {
                        since,
                        begun: daemon.passed,
                        severity: *severity,
                        has_ended: false,
                        was_left: false,
                    };
                    self.lives.insert(key.clone(), life);
                    self.nobodys.remove(&key);
                }
                (Some(_), Finding::Unknown) | (None, Finding::Clear | Finding::Unknown) => {}
            }
        }
    }

    /// Nobody follows what holds at a site that is not watched any more.
    pub(crate) fn left(&mut self, site: &SiteName) {
        for (_, life) in self.lives.iter_mut().filter(|(key, life)| key.0 == *site && !life.has_ended) {
            (life.has_ended, life.was_left) = (true, true);
        }
    }

    /// Since when an alert holds, if it does.
    pub(crate) fn since(&self, key: &Key) -> Option<DateTime<Utc>> {
        self.lives.get(key).filter(|life| !life.has_ended).map(|life| life.since)
    }

    pub(crate) fn acknowledged(&mut self, key: Key, at: DateTime<Utc>, until: DateTime<Utc>) {
        let since = self.lives[&key].since;
        self.acknowledged.insert(key, Acknowledged { since, at, until });
    }

    pub(crate) fn withdrawn(&mut self, key: &Key) {
        self.acknowledged.remove(key);
    }

    pub(crate) fn silenced(&mut self, site: SiteName, from: DateTime<Utc>, until: DateTime<Utc>) {
        self.silenced.push((site, from, until));
    }

    pub(crate) fn clock_set(&mut self, daemon: &Daemon) {
        self.set = Some(daemon.passed);
        self.owed.clear();
        self.nobodys.clear();
    }

    /// Others are told, or of other things together: what waits begins to wait for that.
    pub(crate) fn regrouped(&mut self, plan: Plan) {
        self.plan = plan;
        self.owed.clear();
    }

    /// Nobody can be told while the daemon does not run.
    pub(crate) fn is_off(&mut self) {
        self.owed.clear();
    }

    /// Holds that nobody waits for longer than anything is gathered. To be called often.
    pub(crate) fn tick(&mut self, daemon: &Daemon) {
        for (key, life) in &self.lives {
            let is_nobodys = !life.has_ended
                && !self.is_silenced(key, daemon)
                && !self.is_acknowledged(key, daemon)
                && !self.is_explained(key);
            if !is_nobodys {
                self.nobodys.remove(key);
            } else {
                self.nobodys.entry(key.clone()).or_insert(daemon.passed);
            }
        }
        for sink in [MAIL, PAGER] {
            for (key, life) in &self.lives {
                let waiting = (sink, key.clone());
                if !daemon.sinks[sink].is_up || !self.waits(sink, key, daemon) {
                    self.owed.remove(&waiting);
                    continue;
                }
                let since = *self.owed.entry(waiting).or_insert(daemon.passed);
                let latest = self.latest(sink);
                assert!(daemon.passed - since <= latest, "{sink} waits for {key:?} since {since}: {life:?}");
            }
        }
    }

    /// How long something may wait to be told of at most.
    fn latest(&self, sink: &str) -> TimeDelta {
        let is_by_customer = self.plan == Plan::ByCustomer && sink == MAIL;
        let latest = match (self.has_storms, is_by_customer) {
            // What begins or ends again while it waits is gathered anew.
            (false, false) => WAIT * 2 + MOMENT,
            (false, true) => WAIT + INTERVAL + MOMENT,
            // In the end it may be told with others than those it waited with at first.
            (true, _) => (WAIT + INTERVAL + MOMENT) * 2,
        };
        if self.set.is_some() { latest * 2 } else { latest }
    }

    /// Holds that everybody knows of every end.
    pub(crate) fn is_over(&self) {
        for (sink, beliefs) in &self.beliefs {
            let unsure = self.unsure.get(sink);
            let left: Vec<_> =
                beliefs.keys().filter(|key| !unsure.is_some_and(|unsure| unsure.contains(*key))).collect();
            assert!(left.is_empty(), "{sink} was never told of the end of {left:?}");
        }
    }

    fn waits(&self, sink: &'static str, key: &Key, daemon: &Daemon) -> bool {
        let life = &self.lives[key];
        let belief = self.beliefs[sink].get(key);
        if life.has_ended {
            // An end whose beginning the daemon does not know to be heard is the dispatch's part.
            let is_unsure = self.unsure.get(sink).is_some_and(|unsure| unsure.contains(key));
            return belief.is_some()
                && !is_unsure
                && (self.plan != Plan::Office || sink == PAGER || is_open(daemon));
        }
        let is_news =
            belief.is_none_or(|belief| (belief.since, belief.severity) != (life.since, life.severity));
        is_news
            && !self.is_silenced(key, daemon)
            && !self.is_explained(key)
            && self.is_for(sink, key, daemon, self.is_long_nobodys(key, daemon))
    }

    fn is_for(&self, sink: &str, key: &Key, daemon: &Daemon, has_escalated: bool) -> bool {
        let life = &self.lives[key];
        match (self.plan, sink == MAIL) {
            (Plan::All | Plan::ByCustomer, _) | (Plan::Critical | Plan::Escalating, true) => true,
            (Plan::Critical | Plan::Office, false) => life.severity == Severity::Critical,
            (Plan::Office, true) => is_open(daemon),
            (Plan::Escalating, false) => self.beliefs[PAGER].contains_key(key) || has_escalated,
        }
    }

    /// Whether nobody has answered for so long that the next has to be told, whatever the clock did.
    fn is_long_nobodys(&self, key: &Key, daemon: &Daemon) -> bool {
        let Some(since) = self.nobodys.get(key) else { return false };
        let since = match self.beliefs[MAIL].get(key) {
            Some(belief) if belief.since == self.lives[key].since => match belief.kept {
                Some(kept) => kept.max(*since),
                None => return false,
            },
            Some(_) | None => *since,
        };
        let least = if self.set.is_some() { ESCALATES * 2 } else { ESCALATES };
        daemon.passed - since > least
    }

    /// Whether it can be that nobody has answered for long.
    fn may_be_long_nobodys(&self, key: &Key, daemon: &Daemon) -> bool {
        let life = &self.lives[key];
        // What is written down is the whole second before.
        let age = daemon.passed - life.begun + TimeDelta::seconds(1);
        let is_old = age >= ESCALATES || self.was_set_since(life.begun);
        // What explained it may have ended by the clock as it was before.
        let explanation = self.lives.get(&(key.0.clone(), AlertKind::Unreachable));
        let was_explained =
            key.1 == AlertKind::Drift && explanation.is_some_and(|life| self.was_set_since(life.begun));
        (is_old || was_explained) && !self.is_acknowledged(key, daemon)
    }

    fn was_set_since(&self, passed: TimeDelta) -> bool {
        self.set.is_some_and(|set| set >= passed)
    }

    fn is_explained(&self, (site, kind): &Key) -> bool {
        *kind == AlertKind::Drift && self.since(&(site.clone(), AlertKind::Unreachable)).is_some()
    }

    fn is_silenced(&self, key: &Key, daemon: &Daemon) -> bool {
        let now = daemon.now();
        self.silenced.iter().any(|(site, from, until)| *site == key.0 && *from <= now + SLACK && now < *until)
    }

    fn is_acknowledged(&self, key: &Key, daemon: &Daemon) -> bool {
        let now = daemon.now();
        self.acknowledged.get(key).is_some_and(|given| {
            given.since == self.lives[key].since && given.at <= now + SLACK && now < given.until
        })
    }

    /// Holds that what a message says of an alert is so, and whether that is news to the sink.
    fn check(&self, sink: &'static str, entry: &Entry, daemon: &Daemon) -> bool {
        let key = key_of(entry);
        let life = &self.lives[&key];
        let case = format!("{sink} was told at {} of {:?}; {life:?}", daemon.now(), entry.alert);
        let belief = self.beliefs[sink].get(&key);
        let is_unsure = self.unsure.get(sink).is_some_and(|unsure| unsure.contains(&key));
        assert_eq!(entry.alert.unwatched, life.was_left, "{case}");
        assert_eq!(entry.has_ended(), life.has_ended, "{case}");
        assert_eq!(entry.alert.since, life.since, "{case}");
        if life.has_ended {
            assert!(belief.is_some() || is_unsure, "an end of what it did not know: {case}");
            return true;
        }
        let state =
            if self.is_acknowledged(&key, daemon) { AlertState::Acknowledged } else { AlertState::Firing };
        assert_eq!((entry.alert.severity, entry.alert.state), (life.severity, state), "{case}");
        assert!(!self.is_silenced(&key, daemon), "silenced: {case}");
        assert!(!self.is_explained(&key), "explained: {case}");
        let is_for = self.is_for(sink, &key, daemon, self.may_be_long_nobodys(&key, daemon));
        assert!(is_for || is_unsure, "not for it by {:?}: {case}", self.plan);
        let Some(belief) = belief else { return true };
        let repeat = TimeDelta::from_std(REPEAT).unwrap();
        let is_due = daemon.passed - belief.last >= repeat || self.was_set_since(belief.last);
        is_unsure
            || (belief.since, belief.severity) != (life.since, life.severity)
            || (is_due && state == AlertState::Firing)
    }

    /// Holds that the reason is the one that the receiver can see.
    fn check_reason(&self, sink: &'static str, message: &Message) {
        let beliefs = &self.beliefs[sink];
        let is_known = |entry: &Entry| beliefs.contains_key(&key_of(entry));
        let is_as_known = |entry: &Entry| {
            let belief = beliefs.get(&key_of(entry));
            belief.is_some_and(|belief| {
                (belief.since, belief.severity) == (entry.alert.since, entry.alert.severity)
            })
        };
        let (ended, holding): (Vec<&Entry>, Vec<&Entry>) =
            message.entries.iter().partition(|entry| entry.has_ended());
        let expected = if holding.is_empty() {
            let told: BTreeSet<Key> = ended.iter().map(|entry| key_of(entry)).collect();
            let leaves = |site: &SiteName| {
                beliefs.keys().any(|key| key.0 == *site && !told.contains(key) && self.since(key).is_some())
            };
            match &message.subject {
                Subject::Site(site) if leaves(&site.name) => Reason::Changed,
                Subject::Site(_) | Subject::Several { .. } => Reason::Resolved,
            }
        } else if ended.is_empty() && !holding.iter().any(|entry| is_known(entry)) {
            Reason::First
        } else if ended.is_empty() && holding.iter().all(|entry| is_as_known(entry)) {
            Reason::Repeat
        } else {
            Reason::Changed
        };
        assert_eq!(message.reason, expected, "{sink}: {message:?}");
    }
}

impl Receiver for Model {
    fn receive(&mut self, daemon: &Daemon, sink: &'static str, message: &Message) {
        let text = text(message);
        if let Some(before) = self.taken.get(&message.id) {
            assert!(!before.is_kept, "told twice: {text}");
            assert_eq!(before.text, text, "the same id for something else");
            return;
        }
        let is_news: Vec<bool> =
            message.entries.iter().map(|entry| self.check(sink, entry, daemon)).collect();
        assert!(is_news.contains(&true), "{sink} was told for no reason of {text}");
        let is_sure = self.unsure.get(sink).is_none_or(BTreeSet::is_empty);
        if is_sure {
            self.check_reason(sink, message);
        }
        if let Subject::Site(site) = &message.subject {
            assert!(message.entries.iter().all(|entry| entry.site.name == site.name), "{text}");
        }
        let beliefs = self.beliefs.get_mut(sink).unwrap();
        let unsure = self.unsure.entry(sink).or_default();
        for entry in &message.entries {
            let key = key_of(entry);
            unsure.insert(key.clone());
            if entry.has_ended() {
                beliefs.remove(&key);
                continue;
            }
            let (since, severity) = (entry.alert.since, entry.alert.severity);
            let kept =
                beliefs.get(&key).filter(|belief| belief.since == since).and_then(|belief| belief.kept);
            beliefs.insert(key, Belief { since, severity, kept, last: daemon.passed });
        }
        self.taken.insert(message.id.clone(), Taken { text, is_kept: false });
    }

    fn kept(&mut self, daemon: &Daemon, delivery: &Delivery) {
        self.taken.get_mut(&delivery.id).unwrap().is_kept = true;
        let sink = if delivery.sink == MAIL { MAIL } else { PAGER };
        let beliefs = self.beliefs.get_mut(sink).unwrap();
        let unsure = self.unsure.entry(sink).or_default();
        unsure.retain(|(site, kind)| {
            let id = format!("{site}/{kind}");
            !delivery.told.contains_key(&id) && !delivery.ended.contains_key(&id)
        });
        for (key, belief) in beliefs {
            if delivery.told.contains_key(&format!("{}/{}", key.0, key.1)) {
                belief.kept.get_or_insert(daemon.passed);
            }
        }
    }
}

fn is_open(daemon: &Daemon) -> bool {
    (8..18).contains(&daemon.now().hour())
}

fn key_of(entry: &Entry) -> Key {
    (entry.site.name.clone(), entry.alert.kind)
}

/// What a message says, its time left out.
fn text(message: &Message) -> String {
    let entries = message.entries.iter().map(|entry| (&entry.alert, &entry.acknowledged));
    format!("{} {:?}", message.subject.words(), entries.collect::<Vec<_>>())
}
