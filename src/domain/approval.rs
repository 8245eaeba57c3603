//! Approvals: what people have allowed of a plan that deregisters handsets, who, and for how long. Nothing is carried
//! out here, and nobody is asked.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::desired::ApprovalRule;
use super::release::Generation;

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
        let people: BTreeSet<String> =
            self.grants.iter().map(|grant| grant.by.trim().to_lowercase()).collect();
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

    /// Whether it is in force for the plan of this hash.
    pub fn holds(&self, hash: &Generation, rule: ApprovalRule, now: DateTime<Utc>) -> bool {
        self.hash == *hash && self.is_in_force(rule, now)
    }

    /// Who approved, for people: `anna and ben`.
    pub fn people(&self) -> String {
        self.grants.iter().map(|grant| grant.by.as_str()).collect::<Vec<_>>().join(" and ")
    }
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
    use super::super::world::at;
    use super::*;

    fn approval(people: &[&str]) -> Approval {
        let grant = |by: &&str| Grant { by: (*by).to_owned(), at: at(0), reason: String::new() };
        Approval {
            hash: Generation("9f3c".into()),
            terms: Vec::new(),
            grants: people.iter().map(grant).collect(),
            expires_at: at(60),
            used: None,
        }
    }

    #[test]
    fn it_holds_for_its_plan_alone_and_for_a_time() {
        let (one, hash) = (approval(&["anna"]), Generation("9f3c".into()));
        assert!(one.holds(&hash, ApprovalRule::OnePerson, at(59)));
        assert!(!one.holds(&hash, ApprovalRule::OnePerson, at(60)));
        assert!(!one.holds(&Generation("9f3d".into()), ApprovalRule::OnePerson, at(1)));
        let used = Approval { used: Some(7), ..one };
        assert!(!used.holds(&hash, ApprovalRule::OnePerson, at(1)), "it holds for one release");
        assert!(!approval(&[]).holds(&hash, ApprovalRule::OnePerson, at(1)));
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
}
