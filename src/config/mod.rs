//! Configuration: text to validated values. The only place that knows TOML.
//!
//! In three steps: text, a tree of values with their places, checked values. Every finding of every file is collected;
//! nothing stops at the first. Secrets are named here and looked up elsewhere.

mod daemon;
mod device_text;
mod finding;
mod fleet;
mod report;
mod secret_ref;
mod sinks;
mod site;
mod source;
mod tree;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::daemon::Surroundings;
use self::report::Report;
use self::site::SiteReading;
use self::source::Source;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;

pub use self::daemon::{AlertsConfig, ApiConfig, DaemonConfig, PollConfig, ProvisioningConfig};
pub use self::finding::{Finding, Severity};
pub use self::sinks::SinkConfig;

/// Everything that was configured, as far as it can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `n720d.toml`.
    pub daemon: DaemonConfig,
    /// The sites whose files are right.
    pub sites: BTreeMap<SiteName, DesiredSite>,
    /// Everything found in the site files with errors, by the file's stem.
    pub invalid: BTreeMap<String, Vec<Finding>>,
    /// What a person should look at in the files that are right.
    pub warnings: Vec<Finding>,
}

impl Config {
    /// All findings of all files, in the order of the files and from top to bottom.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.invalid.values().flatten().chain(&self.warnings).cloned().collect();
        findings.sort_by(Finding::reading_order);
        findings
    }
}

/// Reads `n720d.toml` and every site file.
///
/// # Errors
/// All findings of all files, when `n720d.toml` or its folder of sites cannot be used.
pub fn load(file: &Path) -> Result<Config, Vec<Finding>> {
    load_in(file, &Surroundings { state_directory: std::env::var("STATE_DIRECTORY").ok() })
}

fn load_in(file: &Path, around: &Surroundings) -> Result<Config, Vec<Finding>> {
    let source = Source::read(file).map_err(|finding| vec![finding])?;
    let report = Report::new(&source);
    let reading = daemon::read(&report, around);
    report.warn_of_readers();
    let Some(reading) = reading else { return Err(report.into_findings()) };
    let mut findings = report.into_findings();
    // Where that file has errors, the URL may be one of them: no word about it at every site.
    let right = reading.config.as_ref().filter(|_| !findings.iter().any(Finding::is_error));
    let can_serve = right.is_none_or(|config| config.provisioning.public_url.is_some());
    let fleet = match site_files(&reading.sites_dir) {
        Ok(files) => read_sites(files, can_serve),
        Err(finding) => {
            findings.push(finding);
            Fleet::default()
        }
    };
    match reading.config {
        Some(daemon) if !findings.iter().any(Finding::is_error) => {
            findings.extend(fleet.warnings);
            Ok(Config { daemon, sites: fleet.sites, invalid: fleet.invalid, warnings: findings })
        }
        Some(_) | None => {
            findings.extend(fleet.invalid.into_values().flatten().chain(fleet.warnings));
            Err(findings)
        }
    }
}

#[derive(Default)]
struct Fleet {
    sites: BTreeMap<SiteName, DesiredSite>,
    invalid: BTreeMap<String, Vec<Finding>>,
    warnings: Vec<Finding>,
}

/// The site files in a folder, sorted: every `*.toml` that is not hidden.
fn site_files(folder: &Path) -> Result<Vec<PathBuf>, Finding> {
    let refused = |error: &std::io::Error| {
        let found = match error.kind() {
            std::io::ErrorKind::NotFound => "no such folder".to_owned(),
            std::io::ErrorKind::NotADirectory => "something that is no folder".to_owned(),
            _ => error.to_string(),
        };
        Finding::of_file(folder, found, "the folder of the site files, sites_dir in n720d.toml")
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| refused(&error))? {
        let path = entry.map_err(|error| refused(&error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_sites(files: Vec<PathBuf>, can_serve: bool) -> Fleet {
    let mut fleet = Fleet::default();
    let mut sources = Vec::new();
    for file in files {
        match source_of_site(&file) {
            Ok(source) => sources.push(source),
            Err(finding) => {
                fleet.invalid.insert(stem(&file), vec![finding]);
            }
        }
    }
    let readings: Vec<(Report<'_>, SiteReading)> = sources
        .iter()
        .map(|(name, source)| {
            let report = Report::new(source);
            let reading = site::read(&report, name.clone());
            report.warn_of_readers();
            (report, reading)
        })
        .collect();
    let marks: Vec<_> = readings.iter().map(|(report, reading)| (report, &reading.marks)).collect();
    fleet::check(&marks);
    if !can_serve {
        fleet::refuse_served(&marks);
    }
    for ((name, _), (report, reading)) in sources.iter().zip(readings) {
        let findings = report.into_findings();
        match reading.site {
            Some(site) if !findings.iter().any(Finding::is_error) => {
                fleet.sites.insert(name.clone(), site);
                fleet.warnings.extend(findings);
            }
            Some(_) | None => {
                fleet.invalid.insert(name.to_string(), findings);
            }
        }
    }
    fleet
}

fn source_of_site(file: &Path) -> Result<(SiteName, Source), Finding> {
    let stem = stem(file);
    let name = stem.parse().map_err(|error: crate::domain::ids::NotA| {
        Finding::of_file(file, format!("a file named {stem:?}"), format!("{} before .toml", error.expected))
    })?;
    Ok((name, Source::read(file)?))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
