//! What people and the fleet allow a site at this moment, beyond what its own file and memory say. Plain data: the
//! daemon asks for it before each cycle, the planner goes by it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::desired::DesiredSite;
use super::ids::SiteName;
use super::maintenance::MaintenanceWindow;
use super::wording::{self, LONGEST_LINE, clock, local};

/// What a site is allowed. The default allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clearance {
    /// Changes at this site, or at all, are paused: of the two pauses, the one that lasts longer.
    pub pause: Option<Pause>,
    /// The pause of this site alone, also while a longer one of all sites holds: it is the one that people are told of
    /// at this site when it is forgotten.
    pub own_pause: Option<Pause>,
    /// The web password is being changed: nothing else may be released meanwhile.
    pub password_change: bool,
    /// A rollout over several sites holds this one back.
    pub rollout: Option<RolloutHold>,
    /// As many sites as the rate limit lets have had a release that disturbs people; from then on there is room again.
    /// What disturbs nobody need not wait.
    pub crowded_until: Option<DateTime<Utc>>,
    /// How many handsets the budget of the fleet still lets be deregistered in this run; `None`: there is no limit.
    pub fleet_budget_left: Option<u32>,
    /// When steps that disturb people may be carried out where the site's own file does not say; `None`: at any time.
    pub maintenance: Option<MaintenanceWindow>,
}

/// Changes are paused: nothing is written to a manager, all is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None`: until somebody resumes.
    pub until: Option<DateTime<Utc>>,
    /// Who paused.
    pub by: String,
    /// Why, if that was said.
    pub reason: String,
    /// Whether all sites are paused rather than this one.
    pub whole_fleet: bool,
}

/// The longest pause that is given in advance. One that is to last longer has no end, and is alerted.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 86_400);

/// What cannot be a pause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPause {
    /// It would be over at once, or last too long.
    #[error("a pause lasts from a second to 30d; without an end it lasts until somebody resumes")]
    Length,
    /// Nobody says who pauses.
    #[error("somebody has to pause: a name is missing")]
    Nobody,
    /// A name or a reason that cannot be shown in a line.
    #[error("{what} is one line of at most {LONGEST_LINE} characters")]
    Text {
        /// Which of them.
        what: &'static str,
    },
}

/// The pauses that bear on a site, as they are kept: both have to be over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pauses {
    /// Of this site alone.
    pub own: Option<Pause>,
    /// Of all sites.
    pub fleet: Option<Pause>,
}

/// Why a rollout holds a site back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutHold {
    /// It goes on by itself: canaries are being verified, or the rate limit is reached.
    Waits {
        /// What for.
        reason: String,
        /// Until when, where that is known.
        until: Option<DateTime<Utc>>,
    },
    /// It was stopped, and a person is needed; the fleet has an alert that says so.
    Stopped {
        /// Why, and what to do.
        reason: String,
    },
}

impl Clearance {
    /// When people at this site may be disturbed: as its own file says, else as n720d.toml does; `None`: at any time.
    pub fn maintenance_for<'a>(&'a self, desired: &'a DesiredSite) -> Option<&'a MaintenanceWindow> {
        desired.maintenance.as_ref().or(self.maintenance.as_ref())
    }
}

impl Pauses {
    /// What of them holds now: what is over is gone, and what begins later begins now (see
    /// [`Pause::after_clock_change`]).
    #[must_use]
    pub fn at(&self, now: DateTime<Utc>) -> Self {
        let holding = |pause: &Option<Pause>| {
            let pause = pause.as_ref()?;
            let pause = pause.after_clock_change(now).unwrap_or_else(|| pause.clone());
            (!pause.is_over(now)).then_some(pause)
        };
        Self { own: holding(&self.own), fleet: holding(&self.fleet) }
    }

    /// The one that holds longer; the site's own when they end together.
    pub fn longer(&self) -> Option<&Pause> {
        let (Some(own), Some(fleet)) = (&self.own, &self.fleet) else {
            return self.own.as_ref().or(self.fleet.as_ref());
        };
        let outlasts = match (fleet.until, own.until) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(fleet), Some(own)) => fleet > own,
        };
        Some(if outlasts { fleet } else { own })
    }
}

impl Pause {
    /// A pause that begins now; without `length` it lasts until somebody resumes.
    ///
    /// # Errors
    /// See [`NoPause`].
    pub fn new(
        by: &str,
        reason: &str,
        length: Option<Duration>,
        whole_fleet: bool,
        now: DateTime<Utc>,
    ) -> Result<Self, NoPause> {
        let (by, reason) = (name_of(by)?, in_a_line("the reason", reason)?);
        let until = match length {
            None => None,
            Some(length) if length.is_zero() || length > LONGEST_PAUSE => return Err(NoPause::Length),
            Some(length) => {
                let length = TimeDelta::from_std(length).map_err(|_| NoPause::Length)?;
                Some(now.checked_add_signed(length).ok_or(NoPause::Length)?)
            }
        };
        Ok(Self { since: now, until, by, reason, whole_fleet })
    }

    /// Whether its end has come. One without an end is over when somebody resumes, and then it is no more.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// The same pause after our clock was set back to before it was given: it begins now and is as long as it was
    /// meant to be, because how much of it has passed nobody knows. `None`: the clock has not been set back.
    pub fn after_clock_change(&self, now: DateTime<Utc>) -> Option<Self> {
        let back = self.since.signed_duration_since(now);
        (back > TimeDelta::zero()).then(|| Self {
            since: now,
            until: self.until.map(|until| until.checked_sub_signed(back).unwrap_or(now)),
            ..self.clone()
        })
    }

    /// For people of a site with this time zone: `paused by anna until 2026-11-23 10:00 +01:00: cable works`.
    pub fn told(&self, zone: Tz) -> String {
        let what = if self.whole_fleet { "all sites are paused" } else { "paused" };
        let end = self.until.map_or_else(|| "somebody resumes".to_owned(), |until| clock(local(until, zone)));
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("{what} by {} until {end}{why}", self.by)
    }

    /// The command that ends it, where it is met at this site.
    pub fn ended_by(&self, site: &SiteName) -> String {
        if self.whole_fleet { "n720d resume --all".to_owned() } else { format!("n720d resume {site}") }
    }
}

/// The name of a person who pauses or resumes.
///
/// # Errors
/// See [`NoPause`].
pub fn name_of(by: &str) -> Result<String, NoPause> {
    let name = in_a_line("a name", by)?;
    if name.is_empty() { Err(NoPause::Nobody) } else { Ok(name) }
}

fn in_a_line(what: &'static str, text: &str) -> Result<String, NoPause> {
    wording::in_a_line(text).ok_or(NoPause::Text { what })
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Berlin;

    use super::super::world::{at, site};
    use super::*;

    fn pause(until: Option<i64>) -> Pause {
        Pause {
            since: at(0),
            until: until.map(at),
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: false,
        }
    }

    fn of_all(until: Option<i64>) -> Pause {
        Pause { by: "ben".into(), whole_fleet: true, ..pause(until) }
    }

    fn nightly(start: &str) -> MaintenanceWindow {
        MaintenanceWindow {
            start: start.parse().unwrap(),
            length: std::time::Duration::from_secs(3_600),
            time_zone: None,
        }
    }

    #[test]
    fn a_site_says_for_itself_when_it_may_be_disturbed() {
        let mut desired = site();
        let mut clearance = Clearance::default();
        assert_eq!(clearance.maintenance_for(&desired), None);
        clearance.maintenance = Some(nightly("0 2 * * *"));
        assert_eq!(clearance.maintenance_for(&desired), Some(&nightly("0 2 * * *")));
        desired.maintenance = Some(nightly("0 4 * * *"));
        assert_eq!(clearance.maintenance_for(&desired), Some(&nightly("0 4 * * *")));
    }

    #[test]
    fn a_pause_has_somebody_and_a_length_that_is_meant() {
        let hour = Duration::from_secs(3_600);
        let given = |by: &str, reason: &str, length| Pause::new(by, reason, length, false, at(0));
        assert_eq!(given(" anna ", "cable works\n", Some(hour)), Ok(pause(Some(3_600))));
        assert_eq!(given("anna", "cable works", None), Ok(pause(None)));
        assert_eq!(given(" ", "", None), Err(NoPause::Nobody));
        assert_eq!(given("anna", "", Some(Duration::ZERO)), Err(NoPause::Length));
        assert!(given("anna", "", Some(LONGEST_PAUSE)).is_ok());
        assert_eq!(given("anna", "", Some(LONGEST_PAUSE + hour)), Err(NoPause::Length));
        assert_eq!(given("a\u{1b}[31m", "", None), Err(NoPause::Text { what: "a name" }));
        assert_eq!(given("anna", &"x".repeat(501), None), Err(NoPause::Text { what: "the reason" }));
    }

    #[test]
    fn it_is_over_at_its_end_and_without_one_never() {
        assert!(!pause(Some(60)).is_over(at(59)));
        assert!(pause(Some(60)).is_over(at(60)));
        assert!(!pause(None).is_over(at(1_000_000_000)));
    }

    #[test]
    fn a_clock_set_back_makes_it_no_longer_than_it_was_meant() {
        let back = pause(Some(3_600)).after_clock_change(at(-86_400)).unwrap();
        assert_eq!((back.since, back.until), (at(-86_400), Some(at(-86_400 + 3_600))));
        assert_eq!(pause(None).after_clock_change(at(-60)).unwrap().until, None);
        assert_eq!(pause(Some(3_600)).after_clock_change(at(0)), None);
        assert_eq!(pause(Some(3_600)).after_clock_change(at(600)), None);
    }

    #[test]
    fn of_two_pauses_the_longer_holds() {
        let chosen = |own: Option<Pause>, fleet: Option<Pause>| {
            Pauses { own, fleet }.longer().map(|pause| pause.by.clone())
        };
        assert_eq!(chosen(None, None), None);
        assert_eq!(chosen(Some(pause(None)), None).unwrap(), "anna");
        assert_eq!(chosen(None, Some(of_all(Some(1)))).unwrap(), "ben");
        assert_eq!(chosen(Some(pause(Some(60))), Some(of_all(Some(61)))).unwrap(), "ben");
        assert_eq!(chosen(Some(pause(Some(60))), Some(of_all(Some(60)))).unwrap(), "anna");
        assert_eq!(chosen(Some(pause(Some(60))), Some(of_all(None))).unwrap(), "ben");
        assert_eq!(chosen(Some(pause(None)), Some(of_all(None))).unwrap(), "anna");
    }

    #[test]
    fn both_pauses_have_to_be_over() {
        let pauses = Pauses { own: Some(pause(Some(60))), fleet: Some(of_all(Some(120))) };
        let holding = |seconds| {
            let holding = pauses.at(at(seconds));
            (holding.own.is_some(), holding.fleet.is_some())
        };
        assert_eq!(holding(0), (true, true));
        assert_eq!(holding(60), (false, true));
        assert_eq!(holding(120), (false, false));
        let back = pauses.at(at(-3_600));
        assert_eq!(back.own.unwrap().until, Some(at(-3_540)));
        assert_eq!(back.fleet.unwrap().until, Some(at(-3_480)));
    }

    #[test]
    fn it_is_told_with_who_until_when_and_why() {
        assert_eq!(pause(Some(0)).told(Berlin), "paused by anna until 2026-11-18 12:06 +01:00: cable works");
        let bare = Pause { reason: String::new(), ..of_all(None) };
        assert_eq!(bare.told(Berlin), "all sites are paused by ben until somebody resumes");
        let acme = "acme".parse().unwrap();
        assert_eq!(pause(None).ended_by(&acme), "n720d resume acme");
        assert_eq!(bare.ended_by(&acme), "n720d resume --all");
    }
}
