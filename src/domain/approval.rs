//! Approvals: what people have allowed of a plan that deregisters handsets, who, and for how long. Nothing is carried
//! out here, and nobody is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::desired::ApprovalRule;
use super::ids::NotA;
use super::memory::SiteMemory;
use super::release::{Generation, Release};
use super::shrunken;

/// The longest time that an approval can be made to hold: what was reviewed a week ago nobody remembers.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(7 * 86_400);

/// How long after it has reached the manager a release can stand in the way of another approval, where no verdict ends
/// that: what was superseded meanwhile, or cannot be told, may never get one. A device has applied a file within minutes
/// (n720.md), whatever settle time is configured.
const CARRIED_OUT_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The most characters of a name or a reason.
pub const LONGEST_WORDS: usize = 200;

/// An approval of one plan upon one observed state. It holds for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Of which plan: over its steps and what was seen of the slots they touch.
    pub hash: Generation,
    /// What the plan said and rested on, a line each (see [`super::plan::Plan::terms`]): so that a change can be shown.
    pub terms: Vec<String>,
    /// Who approved, in order.
    pub grants: Vec<Grant>,
    /// From then on it holds no more.
    pub expires_at: DateTime<Utc>,
    /// The release that made use of it: it holds for one.
    #[serde(default)]
    pub used: Option<i64>,
    /// Whether the history tells already that it has expired unused.
    #[serde(default)]
    pub lapsed: bool,
}

/// One person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, if that was said.
    pub reason: String,
}

impl Approval {
    /// Whether as many different people have approved as the site asks for. The same name in another case is the same
    /// person.
    pub fn is_complete(&self, rule: ApprovalRule) -> bool {
        let people: BTreeSet<String> = self.grants.iter().map(|grant| person(&grant.by)).collect();
        people.len()
            >= match rule {
                ApprovalRule::OnePerson => 1,
                ApprovalRule::SecondPerson => 2,
            }
    }

    /// Whether it may be made use of now, by the plan that it was given for: complete, in time and not used. One given in
    /// the future was given before our clock was set back, and still ends when it was said to.
    pub fn is_in_force(&self, rule: ApprovalRule, now: DateTime<Utc>) -> bool {
        self.used.is_none() && now < self.expires_at && self.is_complete(rule)
    }

    /// How it stands to a plan with these terms; `None`: it is over, and has nothing to do with it.
    pub fn state(
        &self,
        plan: Option<&[String]>,
        rule: ApprovalRule,
        now: DateTime<Utc>,
    ) -> Option<ApprovalState> {
        let is_of_plan = plan.is_some_and(|terms| covers(&self.terms, terms));
        match (self.used, now < self.expires_at) {
            (Some(_), _) => Some(ApprovalState::Used),
            (None, false) => is_of_plan.then_some(ApprovalState::Expired),
            (None, true) if !is_of_plan => Some(ApprovalState::Stale),
            (None, true) if self.is_complete(rule) => Some(ApprovalState::Holds),
            (None, true) => Some(ApprovalState::WaitingForSecondPerson),
        }
    }

    /// What is left of it once the site file has been followed: that it may shrink was allowed once. `None`: but for whose
    /// plan it is, nothing that needed approval.
    #[must_use]
    pub fn after_following(mut self) -> Option<Self> {
        let before = self.terms.len();
        self.terms.retain(|term| {
            !term.strip_prefix(ALSO).is_some_and(|what| what.starts_with(shrunken::FILE_LISTS))
        });
        let is_left = self.used.is_some()
            || self.terms.len() == before
            || self.terms.iter().skip(1).any(|term| !term.starts_with(ALSO));
        is_left.then_some(self)
    }

    /// Whether it ended without a release that made use of it, and the history does not say so yet.
    pub fn has_just_lapsed(&self, now: DateTime<Utc>) -> bool {
        self.used.is_none() && !self.lapsed && now >= self.expires_at
    }

    /// Who approved, for people: `anna and ben`.
    pub fn people(&self) -> String {
        self.grants.iter().map(|grant| grant.by.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

/// How an approval stands to the present plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// One person has approved, and the site asks for two.
    WaitingForSecondPerson,
    /// It holds: what it allows is carried out when nothing else stands in the way.
    Holds,
    /// A release has made use of it.
    Used,
    /// It was not used in time.
    Expired,
    /// It is of another plan than the present one.
    Stale,
}

impl ApprovalState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitingForSecondPerson => "waiting-for-second-person",
            Self::Holds => "holds",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Stale => "stale",
        }
    }
}

/// Somebody's wish to approve a plan, its words checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Of which plan.
    pub hash: Generation,
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub reason: String,
    /// How long it is to hold.
    pub valid: Duration,
}

impl Wish {
    /// Checks what somebody wrote. Of the hash upper case and surrounding blanks are forgiven.
    ///
    /// # Errors
    /// When the hash or the name is none, a text holds control characters or more than [`LONGEST_WORDS`] characters, or the time
    /// is over [`LONGEST_VALIDITY`].
    pub fn new(hash: &str, by: &str, reason: &str, valid: Duration) -> Result<Self, Refused> {
        let not_a = |found: &str, expected| Refused::Words(NotA { found: found.trim().to_owned(), expected });
        let lower = hash.trim().to_lowercase();
        if lower.is_empty() || !lower.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(not_a(hash, "the hash of a plan, as `n720d plan` shows it"));
        }
        let plain = |text: &str| text.chars().count() <= LONGEST_WORDS && !text.chars().any(char::is_control);
        let (by, reason) = (by.trim(), reason.trim());
        if person(by).is_empty() || !plain(by) {
            return Err(not_a(by, "a person's name of at most 200 characters"));
        }
        if !plain(reason) {
            return Err(not_a(reason, "a reason of at most 200 characters, without control characters"));
        }
        if valid.is_zero() || valid > LONGEST_VALIDITY {
            return Err(Refused::Validity);
        }
        Ok(Self { hash: Generation(lower), by: by.to_owned(), reason: reason.to_owned(), valid })
    }
}

/// What a wish came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granted {
    /// The approval is complete.
    Complete,
    /// Another person has to approve too.
    SecondPersonNeeded,
    /// It was complete before; nothing is added.
    Already,
}

/// Why a wish is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What was written is no hash, no name or no reason.
    #[error(transparent)]
    Words(#[from] NotA),
    /// It would hold for too long, or not at all.
    #[error("an approval holds for at least a second and at most 7d")]
    Validity,
    /// The second person is the first one.
    #[error(
        "{by} has approved this plan already, and the site asks for a second person: somebody else has to approve it \
         before {}", until(*.expires_at)
    )]
    SamePerson {
        /// As it was written the first time.
        by: String,
        /// When the first grant ends.
        expires_at: DateTime<Utc>,
    },
    /// A release that makes use of an earlier one is on its way.
    #[error("what {people} approved is being carried out by a release: see its outcome first")]
    UnderWay {
        /// Who approved.
        people: String,
    },
}

/// Grants a wish to approve the present plan, whose hash it names and whose terms these are. Grants add up on the same plan,
/// and on what is left of it, for as long as the first one holds; together they allow no more than what is left.
///
/// # Errors
/// When the same person approves twice where two are asked for, or what was approved before is being carried out.
pub fn grant(
    previous: Option<&Approval>,
    rule: ApprovalRule,
    wish: &Wish,
    terms: &[String],
    now: DateTime<Utc>,
) -> Result<(Approval, Granted), Refused> {
    let own = Grant { by: wish.by.clone(), at: now, reason: wish.reason.clone() };
    // Whatever it is about: with the approval replaced, nobody would know what that release may do.
    if let Some(used) = previous.filter(|previous| previous.used.is_some()) {
        return Err(Refused::UnderWay { people: used.people() });
    }
    let is_same = |previous: &Approval| previous.hash == wish.hash || covers(&previous.terms, terms);
    let Some(standing) = previous.filter(|previous| is_same(previous) && now < previous.expires_at) else {
        let valid = TimeDelta::from_std(wish.valid).unwrap_or_default();
        let fresh = Approval {
            hash: wish.hash.clone(),
            terms: terms.to_vec(),
            grants: vec![own],
            expires_at: now + valid,
            used: None,
            lapsed: false,
        };
        let granted = if fresh.is_complete(rule) { Granted::Complete } else { Granted::SecondPersonNeeded };
        return Ok((fresh, granted));
    };
    if standing.is_complete(rule) {
        return Ok((standing.clone(), Granted::Already));
    }
    if let Some(same) = standing.grants.iter().find(|grant| person(&grant.by) == person(&wish.by)) {
        return Err(Refused::SamePerson { by: same.by.clone(), expires_at: standing.expires_at });
    }
    let mut more = standing.clone();
    more.grants.push(own);
    // What is gone from the plan since the first looked at it, the second has not seen.
    more.terms.retain(|term| terms.contains(term));
    let granted = if more.is_complete(rule) { Granted::Complete } else { Granted::SecondPersonNeeded };
    Ok((more, granted))
}

/// The approval last given at a site, unless it is over with: the release that made use of it has come to its end, has
/// reached the manager an hour ago, or was not fetched while it held.
pub fn in_play(memory: &SiteMemory, now: DateTime<Utc>) -> Option<&Approval> {
    memory.approval.as_ref().filter(|approval| {
        let Some(id) = approval.used else { return true };
        // One that is older than the first contact was made for another manager.
        let met = memory.first_contact.map(|(at, _)| at);
        let is_its =
            |release: &&Release| release.id == id && met.is_some_and(|met| met <= release.released_at);
        let release = memory.release.as_ref().filter(is_its);
        release.map(|release| &release.progress).is_some_and(|progress| {
            let ended = progress.verified_at.is_some() || progress.ineffective_at.is_some();
            let since = progress.fetched_at.or(progress.triggered_at);
            // Neither does one hold that has arrived in the future: that was before our clock was set back.
            let is_going_on = since.is_none_or(|since| (now - since).abs() < CARRIED_OUT_WITHIN);
            !ended && if progress.may_have_arrived() { is_going_on } else { now < approval.expires_at }
        })
    })
}

/// What tells people apart: letters and digits of their names, in lower case.
fn person(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn until(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Begins a term that needs no approval: it may be gone by the time the approval is made use of, because it was carried out
/// meanwhile.
pub const ALSO: &str = "also: ";

/// Whether a plan that was reviewed covers the present one: nothing is new, and nothing is gone that needed approval.
pub fn covers(reviewed: &[String], present: &[String]) -> bool {
    present.iter().all(|term| reviewed.contains(term))
        && reviewed.iter().all(|term| term.starts_with(ALSO) || present.contains(term))
}

/// What changed between two plans' terms: lines that are gone and lines that are new, each in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Difference {
    /// In the plan that was reviewed, and not in the present one.
    pub gone: Vec<String>,
    /// In the present plan alone.
    pub new: Vec<String>,
}

impl Difference {
    /// Between the plan that was reviewed and the present one.
    pub fn between(reviewed: &[String], present: &[String]) -> Self {
        let only = |one: &[String], other: &[String]| {
            one.iter().filter(|line| !other.contains(line)).cloned().collect()
        };
        Self { gone: only(reviewed, present), new: only(present, reviewed) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::plan::Action;
    use super::super::release::{Progress, TriggerOutcome};
    use super::super::world::{World, at, slot};
    use super::*;

    fn approval(people: &[&str]) -> Approval {
        let grant = |by: &&str| Grant { by: (*by).to_owned(), at: at(0), reason: String::new() };
        Approval {
            hash: Generation("9f3c".into()),
            terms: Vec::new(),
            grants: people.iter().map(grant).collect(),
            expires_at: at(60),
            used: None,
            lapsed: false,
        }
    }

    fn wish(by: &str) -> Wish {
        Wish::new("9f3c", by, "as agreed", Duration::from_secs(60)).unwrap()
    }

    fn granted(
        previous: Option<&Approval>,
        rule: ApprovalRule,
        by: &str,
        seconds: i64,
    ) -> (Approval, Granted) {
        grant(previous, rule, &wish(by), &["a term".to_owned()], at(seconds)).unwrap()
    }

    #[test]
    fn it_holds_for_a_time_and_for_one_release() {
        let one = approval(&["anna"]);
        assert!(one.is_in_force(ApprovalRule::OnePerson, at(59)));
        assert!(!one.is_in_force(ApprovalRule::OnePerson, at(60)));
        let used = Approval { used: Some(7), ..one };
        assert!(!used.is_in_force(ApprovalRule::OnePerson, at(1)), "it holds for one release");
        assert!(!approval(&[]).is_in_force(ApprovalRule::OnePerson, at(1)));
    }

    #[test]
    fn a_second_person_is_another_one() {
        let complete = |people: &[&str]| approval(people).is_complete(ApprovalRule::SecondPerson);
        assert!(!complete(&["anna"]));
        assert!(!complete(&["anna", " Anna"]));
        assert!(complete(&["anna", "ben"]));
    }

    #[test]
    fn a_difference_is_what_one_side_has_alone() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let difference = Difference::between(&lines("a b c"), &lines("b d"));
        assert_eq!(difference, Difference { gone: lines("a c"), new: lines("d") });
    }

    #[test]
    fn one_person_is_enough_unless_the_site_asks_for_two() {
        let (one, outcome) = granted(None, ApprovalRule::OnePerson, "anna", 5);
        assert_eq!(outcome, Granted::Complete);
        assert_eq!((one.expires_at, one.terms.as_slice()), (at(65), ["a term".to_owned()].as_slice()));
        assert_eq!(one.grants, [Grant { by: "anna".into(), at: at(5), reason: "as agreed".into() }]);

        let (first, outcome) = granted(None, ApprovalRule::SecondPerson, "anna", 5);
        assert_eq!(outcome, Granted::SecondPersonNeeded);
        let (both, outcome) = granted(Some(&first), ApprovalRule::SecondPerson, "ben", 30);
        assert_eq!((outcome, both.people().as_str()), (Granted::Complete, "anna and ben"));
        assert_eq!(both.expires_at, at(65), "it counts from the first grant");
    }

    #[test]
    fn nobody_is_a_second_person_to_oneself() {
        let (first, _) = granted(None, ApprovalRule::SecondPerson, "Anna B", 0);
        for again in ["Anna B", " anna b ", "ANNA  B", "anna\u{200b}.b"] {
            let refused =
                grant(Some(&first), ApprovalRule::SecondPerson, &wish(again), &[], at(1)).unwrap_err();
            assert!(matches!(&refused, Refused::SamePerson { by, .. } if by == "Anna B"), "{again}");
            assert!(refused.to_string().contains("somebody else has to approve"), "{refused}");
        }
    }

    #[test]
    fn grants_add_up_on_the_same_plan_and_in_time_alone() {
        let (first, _) = granted(None, ApprovalRule::SecondPerson, "anna", 0);
        let (late, outcome) = granted(Some(&first), ApprovalRule::SecondPerson, "ben", 60);
        assert_eq!((outcome, late.people().as_str()), (Granted::SecondPersonNeeded, "ben"));
        let more = ["a term".to_owned(), format!("{ALSO}set-pin")];
        let larger = Approval { hash: Generation("aaaa".into()), terms: more.to_vec(), ..first.clone() };
        let (both, outcome) = granted(Some(&larger), ApprovalRule::SecondPerson, "ben", 1);
        assert_eq!(
            (outcome, both.people().as_str()),
            (Granted::Complete, "anna and ben"),
            "it is what is left"
        );
        assert_eq!((both.hash, both.terms), (Generation("aaaa".into()), vec!["a term".to_owned()]));
        let other = Approval { hash: Generation("aaaa".into()), terms: vec!["another".into()], ..first };
        let (fresh, outcome) = granted(Some(&other), ApprovalRule::SecondPerson, "ben", 1);
        assert_eq!((outcome, fresh.people().as_str()), (Granted::SecondPersonNeeded, "ben"));
    }

    #[test]
    fn what_is_approved_already_stays_as_it_is() {
        let (first, _) = granted(None, ApprovalRule::OnePerson, "anna", 0);
        for by in ["anna", "ben"] {
            let again = granted(Some(&first), ApprovalRule::OnePerson, by, 30);
            assert_eq!(again, (first.clone(), Granted::Already));
        }
        let (both, outcome) = granted(Some(&first), ApprovalRule::SecondPerson, "ben", 30);
        assert_eq!((outcome, both.grants.len()), (Granted::Complete, 2), "the site asks for two by now");
    }

    #[test]
    fn what_is_being_carried_out_is_not_approved_again() {
        let (first, _) = granted(None, ApprovalRule::OnePerson, "anna", 0);
        let used = Approval { used: Some(7), ..first };
        for hash in ["9f3c", "aaaa"] {
            let wish = Wish { hash: Generation(hash.into()), ..wish("ben") };
            let refused = grant(Some(&used), ApprovalRule::OnePerson, &wish, &[], at(1)).unwrap_err();
            assert_eq!(refused, Refused::UnderWay { people: "anna".into() });
        }
    }

    #[test]
    fn an_approval_that_a_release_used_is_in_play_until_that_has_come_to_its_end() {
        let mut world = World::new();
        let is_in_play = |world: &World, seconds| in_play(&world.memory, at(seconds)).is_some();
        assert!(!is_in_play(&world, 1));
        world.memory.approval = Some(approval(&["anna"]));
        assert!(is_in_play(&world, 1) && is_in_play(&world, 99));
        world.memory.approval = Some(Approval { used: Some(7), ..approval(&["anna"]) });
        assert!(!is_in_play(&world, 1), "that release is not even the last one");
        world.memory.release = Some(Release {
            id: 7,
            generation: Generation("g".into()),
            content: Generation("c".into()),
            version: "2311260801".parse().unwrap(),
            parts: BTreeMap::new(),
            reserved: BTreeMap::new(),
            window: None,
            approved: BTreeSet::new(),
            released_at: at(0),
            progress: Progress::default(),
        });
        assert!(is_in_play(&world, 59) && !is_in_play(&world, 60), "it was not fetched in time");
        world.progress().fetched_at = Some(at(9));
        assert!(is_in_play(&world, 60));
        world.memory.first_contact = Some((at(5), world.desired.manager.mac));
        assert!(!is_in_play(&world, 60), "it was made for another manager");
        world.memory.first_contact = Some((at(0), world.desired.manager.mac));
        world.progress().ineffective_at = Some(at(200));
        assert!(!is_in_play(&world, 201));
        world.progress().ineffective_at = None;
        assert!(is_in_play(&world, 3608) && !is_in_play(&world, 3609), "no verdict came, and none may come");
        assert!(!is_in_play(&world, -3600), "the clock was set back");
        let done = Some(TriggerOutcome::Done);
        *world.progress() = Progress { triggered_at: Some(at(20)), trigger: done, ..Progress::default() };
        assert!(is_in_play(&world, 3619) && !is_in_play(&world, 3620), "the fetch was not written down");
    }

    #[test]
    fn its_state_is_told_to_the_present_plan() {
        let terms = |text: &str| vec![text.to_owned()];
        let state = |approval: &Approval, plan: &str, rule, seconds| {
            approval.state(Some(&terms(plan)), rule, at(seconds))
        };
        let (one, two) = (ApprovalRule::OnePerson, ApprovalRule::SecondPerson);
        let anna = Approval { terms: terms("replace slot 1"), ..approval(&["anna"]) };
        let (same, other) = ("replace slot 1", "replace slot 2");
        assert_eq!(state(&anna, same, one, 1), Some(ApprovalState::Holds));
        assert_eq!(state(&anna, same, two, 1), Some(ApprovalState::WaitingForSecondPerson));
        assert_eq!(state(&anna, other, one, 1), Some(ApprovalState::Stale));
        assert_eq!(state(&anna, same, one, 60), Some(ApprovalState::Expired));
        assert_eq!(state(&anna, other, one, 60), None, "it has nothing to do with this plan");
        assert_eq!(anna.state(None, one, at(1)), Some(ApprovalState::Stale));
        let used = Approval { used: Some(7), ..anna };
        assert_eq!(state(&used, other, one, 99), Some(ApprovalState::Used));
    }

    #[test]
    fn what_was_carried_out_meanwhile_is_no_change() {
        let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        let reviewed = lines("replace slot 1|also: reserve slot 2");
        assert!(covers(&reviewed, &reviewed));
        assert!(covers(&reviewed, &lines("replace slot 1")));
        assert!(!covers(&reviewed, &lines("also: reserve slot 2")), "what needed approval is gone");
        assert!(!covers(&reviewed, &lines("replace slot 1|also: reserve slot 3")), "something is new");
    }

    #[test]
    fn that_a_file_may_shrink_is_allowed_once() {
        let mut world = World::new();
        world.memory.listed = Some((1..=9).map(slot).collect());
        let asked = world.approve();
        assert!(asked.steps.iter().any(|step| step.action == Action::FollowFile), "{:?}", asked.terms);
        let given = world.memory.approval.unwrap();
        assert_eq!(given.clone().after_following(), None, "it was for nothing else: {:?}", given.terms);
        let with = |term: &str| {
            let terms = given.terms.iter().cloned().chain([term.to_owned()]).collect();
            Approval { terms, ..given.clone() }
        };
        assert_eq!(with("also: reserve slot 2").after_following(), None);
        let left = with("replace slot 1: 1013").after_following().unwrap();
        assert_eq!(left.terms, [given.terms[0].as_str(), "replace slot 1: 1013"]);
        assert_eq!(left.clone().after_following(), Some(left));
        let used = Approval { used: Some(7), ..given };
        assert_eq!(used.after_following().unwrap().terms.len(), 1, "its release may still be withdrawn");
    }

    #[test]
    fn that_it_ended_unused_is_news_once() {
        let anna = approval(&["anna"]);
        assert!(!anna.has_just_lapsed(at(59)) && anna.has_just_lapsed(at(60)));
        assert!(!Approval { used: Some(7), ..anna.clone() }.has_just_lapsed(at(60)));
        assert!(!Approval { lapsed: true, ..anna }.has_just_lapsed(at(60)));
    }

    #[test]
    fn what_people_write_is_checked() {
        let new = |hash: &str, by: &str, reason: &str| Wish::new(hash, by, reason, Duration::from_secs(1));
        let fine = new(" 9F3C\n", " Anna ", "").unwrap();
        assert_eq!((fine.hash, fine.by.as_str()), (Generation("9f3c".into()), "Anna"));
        for (hash, by, reason) in [
            ("", "anna", ""),
            ("9f 3c", "anna", ""),
            ("plan", "anna", ""),
            ("9f3c", " ", ""),
            ("9f3c", "...", ""),
            ("9f3c", "an\u{1b}na", ""),
            ("9f3c", "anna", "a\nb"),
            ("9f3c", "anna", &"x".repeat(201)),
            ("9f3c", &"x".repeat(201), ""),
        ] {
            assert!(matches!(new(hash, by, reason), Err(Refused::Words(_))), "{hash:?} {by:?} {reason:?}");
        }
        assert!(new("9f3c", "anna", &"\u{fc}".repeat(200)).is_ok());
        for valid in [Duration::ZERO, LONGEST_VALIDITY + Duration::from_secs(1)] {
            assert_eq!(Wish::new("9f3c", "anna", "", valid), Err(Refused::Validity));
        }
    }
}
