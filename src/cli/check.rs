//! `n720d check`: every finding of every file, then one line to sum up.

use std::path::Path;

use serde::Serialize;

use super::args::CheckArgs;
use super::{CliError, Exit, output};
use crate::alerting::{SinkBuildError, Webhook};
use crate::config::{self, Finding, Severity, SinkConfig, SinkKindConfig};
use crate::domain::secret::SecretRef;

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
            Ok(config) => {
                let mut findings = config.findings();
                findings.extend(unfit(file, &config.daemon.alerts.sinks));
                findings.sort_by(Finding::reading_order);
                (findings, Some(config.sites.len()))
            }
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

/// What a start would refuse of sinks, as far as it follows from the file alone: secrets that are kept elsewhere are not looked at.
fn unfit(file: &Path, sinks: &[SinkConfig]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sink in sinks {
        let SinkKindConfig::Webhook(webhook) = &sink.kind else { continue };
        let literal = webhook.secret.as_ref().and_then(|secret| match secret {
            SecretRef::Literal(literal) => Some(literal),
            SecretRef::Keyring(_) | SecretRef::Credential(_) | SecretRef::File(_) | SecretRef::Env(_) => None,
        });
        let Err(error) = Webhook::check(&sink.name, literal, (&webhook.body).into()) else { continue };
        let places = &webhook.places;
        let (place, found, expected) = match error {
            SinkBuildError::Template { source, .. } => {
                let expected =
                    "a template that makes something of every message, with the names in docs/REFERENCE.md";
                (&places.template, format!("a template that fails: {source}"), expected)
            }
            SinkBuildError::Secret { .. } => {
                (&places.secret, "a secret that begins with whsec_".to_owned(), "base64 behind whsec_")
            }
            other @ (SinkBuildError::Url { .. }
            | SinkBuildError::Header { .. }
            | SinkBuildError::Topic { .. }
            | SinkBuildError::Address { .. }
            | SinkBuildError::Authorities { .. }
            | SinkBuildError::Client { .. }) => {
                (&places.url, other.to_string(), "a webhook that can be used")
            }
        };
        findings.push(Finding {
            severity: Severity::Error,
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            key: place.key.clone(),
            found,
            expected: expected.to_owned(),
        });
    }
    findings
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
    fn what_a_start_would_refuse_of_a_webhook_is_found_without_showing_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sites")).unwrap();
        let file = folder.path().join("n720d.toml");
        let said = |template: &str, secret: &str| {
            std::fs::write(folder.path().join("page.j2"), template).unwrap();
            let text = format!(
                "[provisioning]\npublic_url = \"http://10.1.0.5:8720\"\n\n[[alerts.sink]]\ntype = \"journal\"\n\n\
                 [[alerts.sink]]\ntype = \"webhook\"\nurl = \"https://h\"\nsecret = \"{secret}\"\n\
                 template = \"page.j2\"\ncontent_type = \"text/plain\"\n"
            );
            std::fs::write(&file, text).unwrap();
            let outcome = Outcome::of(&file);
            let lines = outcome.findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string);
            (outcome.errors, lines.collect::<String>())
        };
        assert_eq!(said("{{ title }}", "env:HOOK"), (0, String::new()));
        let (errors, text) = said("a\n{{ titel }}", "env:HOOK");
        assert!(
            errors == 1 && text.contains("n720d.toml:11:12: error: alerts.sink[#2].template: found"),
            "{text}"
        );
        assert!(text.contains("line 2: `titel` is undefined; "), "{text}");
        let (errors, text) = said("{{ title }}", "whsec_%%hunter2");
        assert!(
            errors == 1 && text.contains("n720d.toml:10:10: error: alerts.sink[#2].secret: found"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn counts_what_it_found() {
        let outcome = Outcome::of(Path::new("/nonexistent/n720d.toml"));
        assert_eq!((outcome.errors, outcome.warnings, outcome.sites), (1, 0, None));
    }
}
