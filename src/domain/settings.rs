//! The few settings of `n720d.toml` that the core must know. Made by `config`.

use std::time::Duration;

use super::budget::SiteBudget;

/// How fast things go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Between two readings of a manager.
    pub interval: Duration,
    /// The same while its window is open.
    pub interval_open: Duration,
    /// After a push: no verdict and no second push before this has passed. The device may take up to 180 s.
    pub settle: Duration,
    /// Warn when a window closes in less than this with handsets missing; longest first.
    pub before_close: Vec<Duration>,
    /// How many handsets releases of ours may deregister at a site within a day.
    pub budget: SiteBudget,
    /// Warn when a manager's clock is further off than this. It is known to a minute only.
    pub clock_skew: Duration,
    /// A pause that lasts longer than this was forgotten.
    pub pause_forgotten: Duration,
}
