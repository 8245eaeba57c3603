//! Configuration: text to validated values, and back. The only place that knows TOML.
//!
//! In three steps: text, a tree of values with their places, checked values. Every finding of every file is collected;
//! nothing stops at the first. Secrets are named here and looked up elsewhere.

mod alerts;
pub mod argument;
mod bulk;
mod csv_slots;
mod daemon;
mod edit;
mod finding;
mod fleet;
mod limits;
mod maintenance;
mod mask;
mod report;
mod routes;
mod secret_ref;
mod sinks;
mod site;
mod source;
mod tree;
mod value;
mod write;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::daemon::Surroundings;
use self::report::Report;
use self::routes::KnownSites;
use self::site::{Defaults, SiteReading};
use self::source::Source;
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;

pub use self::alerts::AlertsConfig;
pub use self::bulk::{BulkError, Import, export, import};
pub use self::csv_slots::{Export, Fault, Field, Summary};
pub use self::daemon::{ApiConfig, ApprovalConfig, DaemonConfig, PollConfig, ProvisioningConfig};
pub use self::edit::EditError;
pub use self::finding::{Finding, Severity};
pub use self::mask::masked;
pub use self::report::Place;
pub use self::sinks::{
    AlertmanagerConfig, BodyConfig, CommandConfig, EmailConfig, HttpConfig, MailProtection, NtfyConfig,
    SinkConfig, SinkKindConfig, WebhookConfig, WebhookPlaces,
};
pub use self::write::site_file;

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
    /// Whether there is a file for this site, right or not.
    pub fn has_file(&self, site: &SiteName) -> bool {
        self.sites.contains_key(site) || self.invalid.contains_key(site.as_str())
    }

    /// Whether there is any site file. Right after a start, a folder without one is rather not mounted than meant, so nobody
    /// takes leave of a site because of it.
    pub fn has_any_file(&self) -> bool {
        !(self.sites.is_empty() && self.invalid.is_empty())
    }

    /// All findings of all files, in the order of the files and from top to bottom.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.invalid.values().flatten().chain(&self.warnings).cloned().collect();
        findings.sort_by(Finding::reading_order);
        findings
    }
}

/// A duration as it is written in the files, at least a second, for commands that take one.
///
/// # Errors
/// What is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    value::positive_duration(text).map_err(|expected| format!("expected {expected}"))
}

/// Reads `n720d.toml` and every site file.
///
/// # Errors
/// All findings of all files, when `n720d.toml` or its folder of sites cannot be used.
pub fn load(file: &Path) -> Result<Config, Vec<Finding>> {
    load_in(file, &surroundings(), None)
}

/// A text in place of that of a site file, to see what it would come to.
#[derive(Debug, Clone, Copy)]
struct Instead<'t> {
    file: &'t Path,
    text: &'t str,
}

/// The same as [`load`], with one site file having another text.
fn load_instead(file: &Path, instead: Instead<'_>) -> Result<Config, Vec<Finding>> {
    load_in(file, &surroundings(), Some(instead))
}

fn surroundings() -> Surroundings {
    Surroundings { state_directory: std::env::var("STATE_DIRECTORY").ok() }
}

fn load_in(file: &Path, around: &Surroundings, instead: Option<Instead<'_>>) -> Result<Config, Vec<Finding>> {
    let source = Source::read(file).map_err(|finding| vec![finding])?;
    let report = Report::new(&source);
    let reading = daemon::read(&report, around);
    report.warn_of_readers();
    let Some(reading) = reading else { return Err(report.into_findings()) };
    // Where that file has errors, the URL may be one of them: no word about it at every site.
    let right = reading.config.as_ref().filter(|_| !report.has_errors());
    let can_serve = right.is_none_or(|config| config.provisioning.public_url.is_some());
    let defaults = reading.config.as_ref().map_or_else(Defaults::default, |config| Defaults {
        approval: config.approval.required,
        has_maintenance: config.maintenance.is_some(),
    });
    let (fleet, no_folder) = match site_files(&reading.sites_dir) {
        Ok(files) => (read_sites(files, can_serve, defaults, instead), None),
        Err(finding) => (Fleet::default(), Some(finding)),
    };
    routes::check_sites(&report, &reading.routes, &fleet.known());
    let mut findings = report.into_findings();
    findings.extend(no_folder);
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

impl Fleet {
    fn known(&self) -> KnownSites<'_> {
        KnownSites {
            labels: self.sites.iter().map(|(name, site)| (name, &site.labels)).collect(),
            unreadable: self.invalid.keys().map(String::as_str).collect(),
        }
    }
}

/// The site files in a folder, sorted: every `*.toml` that is not hidden.
fn site_files(folder: &Path) -> Result<Vec<PathBuf>, Finding> {
    let refused = |error: &std::io::Error| {
        let found = if error.kind() == ErrorKind::NotFound {
            "no such folder".to_owned()
        } else if error.kind() == ErrorKind::NotADirectory {
            "something that is no folder".to_owned()
        } else {
            error.to_string()
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

fn read_sites(
    files: Vec<PathBuf>,
    can_serve: bool,
    defaults: Defaults,
    instead: Option<Instead<'_>>,
) -> Fleet {
    let mut fleet = Fleet::default();
    let mut sources = Vec::new();
    for file in files {
        match source_of_site(&file) {
            Ok((name, source)) => sources.push((name, source.instead(instead))),
            Err(finding) => {
                fleet.invalid.insert(stem(&file), vec![finding]);
            }
        }
    }
    let readings: Vec<(Report<'_>, SiteReading)> = sources
        .iter()
        .map(|(name, source)| {
            let report = Report::new(source);
            let reading = site::read(&report, name.clone(), defaults);
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
    if stem == SiteName::FLEET {
        let expected = "another name: what concerns all sites together is told under this one";
        return Err(Finding::of_file(file, format!("a file named {stem:?}"), expected));
    }
    let name = stem.parse().map_err(|error: crate::domain::ids::NotA| {
        Finding::of_file(file, format!("a file named {stem:?}"), format!("{} before .toml", error.expected))
    })?;
    Ok((name, Source::read(file)?))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::desired::ApprovalRule;

    /// A folder with an `n720d.toml` and site files.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new(daemon: &str) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            fs::create_dir(folder.0.path().join("sites")).unwrap();
            fs::write(folder.0.path().join("n720d.toml"), daemon).unwrap();
            folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// A site that is right, at an address and with a MAC of its own.
        fn site(self, name: &str, number: u8) -> Self {
            let text = format!(
                "[site]\ntime_zone = 'Europe/Berlin'\n[manager]\nurl = 'http://10.0.0.{number}'\n\
                 mac = '7C2F80CA21{number:02X}'\npassword = 'env:WEB'\n"
            );
            fs::write(self.path("sites").join(name), text).unwrap();
            self
        }

        fn load(&self) -> Result<Config, Vec<Finding>> {
            load_in(&self.path("n720d.toml"), &Surroundings::default(), None)
        }

        /// A finding as it prints, less this folder.
        fn print(&self, finding: &Finding) -> String {
            finding.to_string().replace(&format!("{}/", self.0.path().display()), "")
        }
    }

    #[test]
    fn who_has_to_approve_is_said_for_all_sites_or_by_the_site_itself() {
        let folder =
            Folder::new("[approval]\nrequired = 'second-person'\n").site("acme.toml", 1).site("bolt.toml", 2);
        let file = folder.path("sites/bolt.toml");
        let own = fs::read_to_string(&file).unwrap().replace("[site]", "[site]\napproval = 'one-person'");
        fs::write(file, own).unwrap();
        let config = folder.load().unwrap();
        let rules: Vec<_> = config.sites.values().map(|site| site.approval).collect();
        assert_eq!(rules, [ApprovalRule::SecondPerson, ApprovalRule::OnePerson]);
    }

    #[test]
    fn one_bad_file_costs_no_other_site() {
        let folder = Folder::new("").site("acme.toml", 1).site("bolt.toml", 2).site("cargo.toml", 3);
        fs::write(folder.path("sites/bolt.toml"), "x = 1").unwrap();
        fs::write(folder.path("sites/latin1.toml"), b"# \xfc").unwrap();
        fs::create_dir(folder.path("sites/folder.toml")).unwrap();
        let config = folder.load().unwrap();
        let names: Vec<&str> = config.sites.keys().map(SiteName::as_str).collect();
        assert_eq!(names, ["acme", "cargo"]);
        let invalid: Vec<&str> = config.invalid.keys().map(String::as_str).collect();
        assert_eq!(invalid, ["bolt", "folder", "latin1"]);
        let of = |stem: &str| folder.print(config.invalid[stem].first().unwrap());
        assert_eq!(of("folder"), "sites/folder.toml: error: found a directory, expected a TOML file");
        assert_eq!(
            of("latin1"),
            "sites/latin1.toml:1:3: error: found a byte that is not UTF-8, expected a TOML file in UTF-8"
        );
    }

    #[test]
    fn a_broken_main_file_still_has_the_sites_checked() {
        let folder = Folder::new("[poll]\ninterval = 'often'\naudit = 'never'\n").site("acme.toml", 1);
        fs::write(folder.path("sites/bolt.toml"), "").unwrap();
        let findings = folder.load().unwrap_err();
        let files: Vec<String> = findings
            .iter()
            .map(|finding| folder.print(finding).split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(&files[..2], ["n720d.toml", "n720d.toml"]);
        assert_eq!(files.iter().filter(|file| *file == "sites/bolt.toml").count(), 4);
    }

    #[test]
    fn findings_come_in_the_order_of_files_and_lines() {
        let folder = Folder::new("[poll]\nsettle = '1s'\n").site("acme.toml", 1);
        fs::write(folder.path("sites/aaa.toml"), "").unwrap();
        let findings = folder.load().unwrap().findings();
        let mut sorted = findings.clone();
        sorted.sort_by(Finding::reading_order);
        assert_eq!(findings, sorted);
        assert_eq!(findings.iter().filter(|finding| finding.is_error()).count(), 4);
    }

    #[test]
    fn the_same_files_give_the_same_configuration() {
        let folder = Folder::new("").site("acme.toml", 1).site("bolt.toml", 2);
        assert_eq!(folder.load().unwrap(), folder.load().unwrap());
    }

    #[test]
    fn every_prefix_of_a_site_file_is_refused_or_right_and_never_panics() {
        let folder = Folder::new("[provisioning]\npublic_url = 'http://10.0.0.1'\n");
        let whole = include_str!("../../config/sites/acme-berlin.toml");
        for (end, _) in whole.char_indices().step_by(7) {
            fs::write(folder.path("sites/acme.toml"), whole.get(..end).unwrap()).unwrap();
            let config = folder.load().unwrap();
            assert_eq!(config.sites.len() + config.invalid.len(), 1, "cut at {end}");
        }
    }
}
