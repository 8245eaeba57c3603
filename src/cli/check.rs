//! `n720d check`: every finding of every file, then one line to sum up.

use std::path::Path;

use serde::Serialize;

use super::args::CheckArgs;
use super::{CliError, Exit, output};
use crate::config::{self, Finding};

/// What `check --json` prints.
#[derive(Debug, Serialize)]
struct Outcome {
    findings: Vec<Finding>,
    /// How many of the findings are errors.
    errors: usize,
    warnings: usize,
    /// How many site files can be used; `null` when `n720d.toml` cannot.
    sites: Option<usize>,
}

impl Outcome {
    fn of(file: &Path) -> Self {
        let (findings, sites) = match config::load(file) {
            Ok(config) => (config.findings(), Some(config.sites.len())),
            Err(findings) => (findings, None),
        };
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        Self { errors, warnings: findings.len() - errors, findings, sites }
    }

    fn summary(&self) -> String {
        let sites = match self.sites {
            Some(sites) => format!("{} usable", counted(sites, "site")),
            None => "nothing usable".to_owned(),
        };
        format!("{sites}, {}, {}", counted(self.errors, "error"), counted(self.warnings, "warning"))
    }
}

/// Runs the command.
pub(super) fn run(file: &Path, args: &CheckArgs) -> Result<Exit, CliError> {
    let outcome = Outcome::of(file);
    if args.json {
        output::json(&outcome)?;
    } else {
        outcome.findings.iter().try_for_each(output::line)?;
        output::line(outcome.summary())?;
    }
    Ok(if outcome.errors == 0 { Exit::Fine } else { Exit::Configuration })
}

fn counted(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_in_one_line() {
        let outcome = |sites, errors, warnings| Outcome { findings: Vec::new(), errors, warnings, sites };
        assert_eq!(outcome(Some(1), 0, 2).summary(), "1 site usable, no errors, 2 warnings");
        assert_eq!(outcome(None, 1, 0).summary(), "nothing usable, 1 error, no warnings");
    }

    #[test]
    fn counts_what_it_found() {
        let outcome = Outcome::of(Path::new("/nonexistent/n720d.toml"));
        assert_eq!((outcome.errors, outcome.warnings, outcome.sites), (1, 0, None));
    }
}
