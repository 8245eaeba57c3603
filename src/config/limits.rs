//! `[budget]` and `[rollout]` of `n720d.toml`: how much may change, where and how fast. What follows from them is the
//! core's part.

use super::tree::Section;
use crate::domain::budget::SiteBudget;
use crate::domain::rollout::{FleetBudget, RolloutRules};

/// The most handsets that a number can let: more than any fleet has.
const MOST: u32 = 10_000_000;

/// `[budget]`: handsets that releases of ours may deregister. What is over it is not released, approved or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BudgetConfig {
    /// At one site.
    pub(super) site: SiteBudget,
    /// Over all sites.
    pub(super) fleet: FleetBudget,
}

/// Reads `[budget]`.
pub(super) fn budget(section: Section<'_>) -> BudgetConfig {
    let number = |key, default| section.integer(key, 0..=MOST).map_or(default, |number| number.value);
    let percent = |key, default| section.integer(key, 0..=100_u8).map_or(default, |percent| percent.value);
    let (site, fleet) = (SiteBudget::DEFAULT, FleetBudget::default());
    let config = BudgetConfig {
        site: SiteBudget {
            per_day: number("site_per_day", site.per_day),
            per_day_percent: percent("site_per_day_percent", site.per_day_percent),
        },
        fleet: FleetBudget {
            per_run: number("fleet_per_run", fleet.per_run),
            per_run_percent: percent("fleet_per_run_percent", fleet.per_run_percent),
        },
    };
    if section.has("fleet_per_run") && config.fleet.per_run < config.site.per_day {
        let found = config.fleet.per_run.to_string();
        let expected = "not less than budget.site_per_day: the whole fleet is allowed less than one site";
        section.report.warn(&section.place_of("fleet_per_run"), found, expected);
    }
    section.finish();
    config
}

/// Reads `[rollout]`.
pub(super) fn rollout(section: Section<'_>, budget: &BudgetConfig) -> RolloutRules {
    let default = RolloutRules::default();
    let sites = |key, least: u32, default| {
        section.integer(key, least..=1_000_000).map_or(default, |number| number.value)
    };
    let rules = RolloutRules {
        fleet_wide: sites("fleet_wide", 2, default.fleet_wide),
        canary: sites("canary", 0, default.canary),
        per_hour: sites("per_hour", 0, default.per_hour),
        budget: budget.fleet,
    };
    if rules.canary >= rules.fleet_wide {
        let expected = "less than rollout.fleet_wide: every site of such a change may be a canary";
        section.report.warn(&section.place_of("canary"), rules.canary.to_string(), expected);
    }
    section.finish();
    rules
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::report::Report;
    use super::super::source::Source;
    use super::super::tree;
    use super::*;

    fn read(text: &str) -> (BudgetConfig, RolloutRules, Vec<String>) {
        let source = Source::new(Path::new("n720d.toml"), text.to_owned());
        let report = Report::new(&source);
        let tree = tree::parse(&report).unwrap().into_inner();
        let root = Section::root(&report, &tree);
        let budget = budget(root.section_or_empty("budget"));
        let rollout = rollout(root.section_or_empty("rollout"), &budget);
        root.finish();
        (budget, rollout, report.into_findings().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_written_is_all_defaults() {
        let (budget, rollout, findings) = read("");
        assert_eq!((budget.site, budget.fleet), (SiteBudget::DEFAULT, FleetBudget::default()));
        assert_eq!(rollout, RolloutRules::default());
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn what_is_written_arrives() {
        let (budget, rollout, findings) = read(
            "[budget]\nsite_per_day = 3\nsite_per_day_percent = 100\nfleet_per_run = 7\nfleet_per_run_percent = 0\n\
             [rollout]\nfleet_wide = 3\ncanary = 0\nper_hour = 12\n",
        );
        let fleet = FleetBudget { per_run: 7, per_run_percent: 0 };
        let site = SiteBudget { per_day: 3, per_day_percent: 100 };
        assert_eq!(budget, BudgetConfig { site, fleet });
        assert_eq!(rollout, RolloutRules { fleet_wide: 3, canary: 0, per_hour: 12, budget: fleet });
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn what_cannot_be_is_named_and_what_makes_no_sense_is_warned_about() {
        let (.., findings) = read(
            "[budget]\nsite_per_day = -1\nfleet_per_run = 2\nfleet_per_run_percent = 101\n[rollout]\nfleet_wide = 2\n\
             canaries = 1\n",
        );
        assert_eq!(
            findings,
            [
                "n720d.toml:2:16: error: budget.site_per_day: found -1, expected a whole number from 0 to 10000000",
                "n720d.toml:3:17: warning: budget.fleet_per_run: found 2, expected not less than budget.site_per_day: \
                 the whole fleet is allowed less than one site",
                "n720d.toml:4:25: error: budget.fleet_per_run_percent: found 101, expected a whole number from 0 to 100",
                "n720d.toml:5:1: warning: rollout.canary: found 2, expected less than rollout.fleet_wide: every site of \
                 such a change may be a canary",
                "n720d.toml:7:1: error: rollout.canaries: found an unknown key, expected one of the known keys; did you \
                 mean `canary`?",
            ]
        );
    }
}
