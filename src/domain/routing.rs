//! Which sinks an alert goes to: routes, their hours, and to whom it is passed on when nobody has taken it. What is decided
//! by it is `alerting`'s part.

use std::time::Duration;

use super::attention::Matcher;
use super::maintenance::MaintenanceWindow;

/// All routes. Every route that matches adds its sinks; an alert that no route matches, whatever the hour, goes to every
/// sink, and so does everything where there is no route: nobody has said who is to hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// In the order of the file.
    pub routes: Vec<Route>,
}

/// Which alerts go to which sinks, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name in messages; unique.
    pub name: String,
    /// Which alerts.
    pub of: Matcher,
    /// When; `None`: always. What comes at another time waits for the next of these hours.
    pub hours: Option<MaintenanceWindow>,
    /// Names of the sinks, at least one.
    pub sinks: Vec<String>,
    /// Who comes next, in order of time.
    pub escalation: Vec<Escalation>,
    /// What is told in one message at these sinks.
    pub group_by: GroupBy,
}

/// Who is told of what nobody has acknowledged for so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// Counted from when the first of the route's sinks took the message, or, where none did, from when it was due.
    pub after: Duration,
    /// Names of the sinks, at least one.
    pub sinks: Vec<String>,
}

/// What is told in one message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum GroupBy {
    /// What holds at one site.
    #[default]
    Site,
    /// What holds at all sites that have the same values of these labels; none: at all sites.
    Labels(Vec<String>),
}

/// How long messages are gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathering {
    /// So long what is new is kept back, so that what comes together is told together.
    pub wait: Duration,
    /// The least time between two messages about several sites.
    pub interval: Duration,
    /// From so many sites that have the same kind of trouble to tell at the same time, they are told in one message.
    pub storm: usize,
    /// The labels that sites told in one such message have in common; none: all sites are told in one.
    pub storm_by: Vec<String>,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(5),
            interval: Duration::from_secs(300),
            storm: 5,
            storm_by: Vec::new(),
        }
    }
}
