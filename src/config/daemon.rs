//! `n720d.toml`: its keys, defaults and limits. Site files are read elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::alerts::{AlertsConfig, Limits};
use super::limits;
use super::report::{Located, Report};
use super::tree::{self, Section};
use super::{alerts, maintenance, routes, value};
use crate::domain::approval::LONGEST_VALIDITY;
use crate::domain::budget::SiteBudget;
use crate::domain::desired::ApprovalRule;
use crate::domain::maintenance::MaintenanceWindow;
use crate::domain::rollout::RolloutRules;
use crate::domain::schedule::{Schedule, ScheduleError};
use crate::domain::settings::Pace;

/// The device acts on a changed reservation only after up to this long. (`n720.md`, section 3)
pub(super) const DEVICE_SETTLES: Duration = Duration::from_secs(180);

/// Every night at half past three.
const DEFAULT_AUDIT: &str = "30 3 * * *";

/// The settings of the daemon, from `n720d.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonConfig {
    /// The file itself.
    pub file: PathBuf,
    /// Where the site files are.
    pub sites_dir: PathBuf,
    /// Where what must last is kept.
    pub state_dir: PathBuf,
    /// `[poll]`.
    pub poll: PollConfig,
    /// `[provisioning]`.
    pub provisioning: ProvisioningConfig,
    /// `[api]`.
    pub api: ApiConfig,
    /// `[maintenance]`: when people may be disturbed at sites whose own file does not say; `None`: at any time.
    pub maintenance: Option<MaintenanceWindow>,
    /// `[alerts]`.
    pub alerts: AlertsConfig,
    /// `[approval]`.
    pub approval: ApprovalConfig,
    /// `[rollout]` and the fleet's part of `[budget]`.
    pub rollout: RolloutRules,
}

/// `[poll]`: how often managers are read.
#[derive(Debug, Clone, PartialEq)]
pub struct PollConfig {
    /// What the core must know; `before_close`, `clock_skew` and `pause_forgotten` come from `[alerts]`, `budget` from
    /// `[budget]`.
    pub pace: Pace,
    /// Fraction of the interval, 0 to 0.5, steady per site.
    pub jitter: f64,
    /// When every slot's editor page is read too; in the site's time zone.
    pub audit: Schedule,
    /// Polls in flight over all sites, at least 1.
    pub concurrency: usize,
    /// Per request, at least a second.
    pub timeout: Duration,
}

/// `[provisioning]`: the HTTP server that the managers fetch from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisioningConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How the managers reach it, without a slash at the end. There whenever a site is managed or enrolled.
    pub public_url: Option<String>,
    /// Source networks that are answered; others get 403.
    pub allow: Vec<IpNet>,
}

/// `[api]`: dashboard, JSON, metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where it listens.
    pub listen: SocketAddr,
}

/// `[approval]`: how people allow what deregisters handsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApprovalConfig {
    /// How long an approval holds, unless whoever gives it says otherwise; at most [`LONGEST_VALIDITY`].
    pub valid: Duration,
    /// Who has to approve, at sites whose own file does not say.
    pub required: ApprovalRule,
}

/// The words for who has to approve, here and in site files.
pub(super) const APPROVAL_RULES: [(&str, ApprovalRule); 2] =
    [("one-person", ApprovalRule::OnePerson), ("second-person", ApprovalRule::SecondPerson)];

/// What surrounds the file: the process's environment, as far as it matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// `$STATE_DIRECTORY`, as systemd sets it: absolute paths with `:` between.
    pub(super) state_directory: Option<String>,
}

/// What `n720d.toml` gave.
#[derive(Debug)]
pub(super) struct Reading {
    /// `None` when it has errors that leave no value; any error is in the report.
    pub(super) config: Option<DaemonConfig>,
    /// Known even then, so that the site files can be checked too.
    pub(super) sites_dir: PathBuf,
    /// What of the routes of alerts has to be compared with the sites.
    pub(super) routes: routes::Marks,
}

/// Reads `n720d.toml`; what is wrong is in the report. `None` when it is not TOML.
pub(super) fn read(report: &Report<'_>, around: &Surroundings) -> Option<Reading> {
    let tree = tree::parse(report)?.into_inner();
    let root = Section::root(report, &tree);
    let folder = report.source.file.parent().unwrap_or_else(|| Path::new("")).to_owned();
    let sites_dir = root.string("sites_dir").map_or("sites", |text| text.value);
    let state_dir =
        root.string("state_dir").map_or_else(|| default_state_dir(around), |text| folder.join(text.value));
    let alerts = alerts::read(root.section_or_empty("alerts"));
    let sites_dir = folder.join(sites_dir);
    let budget = limits::budget(root.section_or_empty("budget"));
    let poll = poll(root.section_or_empty("poll"), alerts.limits, budget.site);
    let provisioning = provisioning(root.section_or_empty("provisioning"));
    let api = api(root.section_or_empty("api"));
    let approval = approval(root.section_or_empty("approval"));
    let settle = poll.as_ref().map_or(DEVICE_SETTLES, |poll| poll.pace.settle);
    let maintenance = root.section("maintenance").and_then(|section| maintenance::read(section, settle));
    let rollout = limits::rollout(root.section_or_empty("rollout"), &budget);
    root.finish();
    let file = report.source.file.clone();
    let config = poll.map(|poll| DaemonConfig {
        file,
        sites_dir: sites_dir.clone(),
        state_dir,
        poll,
        provisioning,
        api,
        maintenance,
        alerts: alerts.config,
        approval,
        rollout,
    });
    Some(Reading { config, sites_dir, routes: alerts.routes })
}

fn default_state_dir(around: &Surroundings) -> PathBuf {
    let first = around.state_directory.as_deref().and_then(|paths| paths.split(':').next());
    first.filter(|path| !path.is_empty()).unwrap_or("/var/lib/n720d").into()
}

fn poll(section: Section<'_>, limits: Limits, budget: SiteBudget) -> Option<PollConfig> {
    let length = |key, default| duration(&section, key, Duration::from_secs(default));
    let pace = Pace {
        interval: length("interval", 300),
        interval_open: length("interval_open", 60),
        settle: length("settle", DEVICE_SETTLES.as_secs()),
        before_close: limits.before_close,
        budget,
        clock_skew: limits.clock_skew,
        pause_forgotten: limits.pause_forgotten,
    };
    if pace.settle < DEVICE_SETTLES {
        let found = format!("{} s", pace.settle.as_secs());
        let expected = "at least 180s: the device may take so long to act on a reservation";
        section.report.warn(&section.place_of("settle"), found, expected);
    }
    let jitter = section.string("jitter").and_then(|text| section.report.checked(text, value::share));
    let audit = if section.has("audit") {
        section.string("audit")
    } else {
        Some(Located { value: DEFAULT_AUDIT, place: section.place_of("audit") })
    };
    let audit = audit.and_then(|text| {
        section.report.checked(text, |text| text.parse().map_err(|error: ScheduleError| error.to_string()))
    });
    let concurrency = section.integer("concurrency", 1..=10_000_u16).map_or(256, |number| number.value);
    let timeout = length("timeout", 20);
    section.finish();
    audit.map(|audit| PollConfig {
        pace,
        jitter: jitter.map_or(0.1, |share| share.value),
        audit: audit.value,
        concurrency: concurrency.into(),
        timeout,
    })
}

fn provisioning(section: Section<'_>) -> ProvisioningConfig {
    let url = section.string("public_url").and_then(|text| section.report.checked(text, value::public_url));
    let config = ProvisioningConfig {
        listen: listen(&section, SocketAddr::from(([0, 0, 0, 0], 8720))),
        public_url: url.map(|url| url.value),
        allow: section.strings("allow").map_or_else(private_networks, |texts| {
            let networks = texts.into_iter().filter_map(|text| section.report.checked(text, value::network));
            networks.map(|network| network.value).collect()
        }),
    };
    if config.allow.is_empty() {
        let expected = "at least one network: without, every fetch is refused";
        section.report.warn(&section.place_of("allow"), "an empty list", expected);
    }
    section.finish();
    config
}

fn api(section: Section<'_>) -> ApiConfig {
    let listen = listen(&section, SocketAddr::from(([127, 0, 0, 1], 8721)));
    if !listen.ip().is_loopback() {
        let expected = "a loopback address: the API asks for no password, so put a reverse proxy in front";
        section.report.warn(&section.place_of("listen"), format!("\"{listen}\""), expected);
    }
    section.finish();
    ApiConfig { listen }
}

fn approval(section: Section<'_>) -> ApprovalConfig {
    let valid = section.string("valid").and_then(|text| {
        section.report.checked(text, |text| {
            value::positive_duration(text).and_then(|valid| {
                if valid > LONGEST_VALIDITY { Err("a duration of at most 7d".to_owned()) } else { Ok(valid) }
            })
        })
    });
    let required = section.word("required", &APPROVAL_RULES);
    section.finish();
    ApprovalConfig {
        valid: valid.map_or(Duration::from_secs(86_400), |valid| valid.value),
        required: required.map_or_else(ApprovalRule::default, |required| required.value),
    }
}

/// The duration under a key, at least a second.
pub(super) fn duration(section: &Section<'_>, key: &'static str, default: Duration) -> Duration {
    let text = section.string(key);
    let length = text.and_then(|text| section.report.checked(text, value::positive_duration));
    length.map_or(default, |length| length.value)
}

fn listen(section: &Section<'_>, default: SocketAddr) -> SocketAddr {
    let parsed = section.string("listen").and_then(|text| {
        section.report.checked(text, |text| {
            text.parse().map_err(|_| "an address and a port, like 127.0.0.1:8721".to_owned())
        })
    });
    parsed.map_or(default, |address| address.value)
}

/// Loopback and the private networks of RFC 1918.
fn private_networks() -> Vec<IpNet> {
    let networks = [([127, 0, 0, 0], 8), ([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];
    networks.into_iter().map(|(address, length)| IpNet::new_assert(address.into(), length)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sinks::SinkKindConfig;
    use super::super::source::Source;
    use super::*;
    use crate::domain::routing::{Gathering, Routing};

    /// What `/etc/n720d/n720d.toml` gives, and what is said about it.
    fn reading(text: &str, state_directory: Option<&str>) -> (Option<DaemonConfig>, Vec<String>) {
        let source = Source::new(Path::new("/etc/n720d/n720d.toml"), text.to_owned());
        let report = Report::new(&source);
        let around = Surroundings { state_directory: state_directory.map(str::to_owned) };
        let config = read(&report, &around).and_then(|reading| reading.config);
        (config, report.into_findings().iter().map(ToString::to_string).collect())
    }

    fn config(text: &str) -> DaemonConfig {
        let (config, findings) = reading(text, None);
        assert!(findings.iter().all(|finding| finding.contains(": warning: ")), "{findings:#?}");
        config.unwrap()
    }

    #[test]
    fn an_empty_file_is_all_defaults() {
        let config = config("");
        let seconds = Duration::from_secs;
        assert_eq!(config.sites_dir, Path::new("/etc/n720d/sites"));
        assert_eq!(config.state_dir, Path::new("/var/lib/n720d"));
        let pace = Pace {
            interval: seconds(300),
            interval_open: seconds(60),
            settle: seconds(180),
            before_close: vec![seconds(86_400), seconds(7_200)],
            budget: SiteBudget::DEFAULT,
            clock_skew: seconds(120),
            pause_forgotten: seconds(86_400),
        };
        assert_eq!(config.poll.pace, pace);
        assert!((config.poll.jitter - 0.1).abs() < f64::EPSILON);
        assert_eq!((config.poll.concurrency, config.poll.timeout), (256, seconds(20)));
        assert_eq!(config.poll.audit.to_string(), "30 3 * * *");
        assert_eq!(config.provisioning.listen.to_string(), "0.0.0.0:8720");
        assert_eq!(config.provisioning.public_url, None);
        assert_eq!(config.provisioning.allow.len(), 4);
        assert_eq!(config.api.listen.to_string(), "127.0.0.1:8721");
        assert_eq!(config.maintenance, None);
        assert_eq!(config.alerts.repeat_interval, seconds(14_400));
        assert_eq!(config.approval.valid, seconds(86_400));
        assert_eq!(config.approval.required, ApprovalRule::OnePerson);
        assert_eq!(config.alerts.gathering, Gathering::default());
        assert_eq!(config.alerts.sink_failing, seconds(900));
        assert_eq!(config.alerts.routing, Routing::default());
        let sinks: Vec<_> = config.alerts.sinks.iter().map(|sink| (sink.name.as_str(), &sink.kind)).collect();
        assert_eq!(sinks, [("journal", &SinkKindConfig::Journal)]);
    }

    #[test]
    fn paths_start_at_the_files_folder() {
        let config = config("sites_dir = 'a/b'\nstate_dir = '/x'\n");
        assert_eq!(config.sites_dir, Path::new("/etc/n720d/a/b"));
        assert_eq!(config.state_dir, Path::new("/x"));
    }

    #[test]
    fn the_state_is_where_the_file_says_then_where_systemd_says() {
        let state = |text, directory| reading(text, directory).0.unwrap().state_dir;
        assert_eq!(state("", Some("/run/a:/run/b")), Path::new("/run/a"));
        assert_eq!(state("", Some("")), Path::new("/var/lib/n720d"));
        assert_eq!(state("state_dir = 's'", Some("/run/a")), Path::new("/etc/n720d/s"));
    }

    #[test]
    fn what_is_written_arrives() {
        let config = config(
            "[poll]\ninterval = '1h30m'\ninterval_open = '30s'\njitter = '0%'\naudit = '0 4 * * sun'\nconcurrency = 8\n\
             timeout = '5s'\nsettle = '5m'\n[provisioning]\nlisten = '[::1]:80'\npublic_url = 'http://h/x/'\n\
             allow = ['10.1.2.3']\n[api]\nlisten = '[::1]:81'\n[alerts]\nrepeat_interval = '1d'\n\
             before_close = ['1h', '2d', '1h']\npause_forgotten = '6h'\n[maintenance]\n\
             start = '0 2 * * *'\nlength = '3h'\n",
        );
        assert_eq!(config.poll.pace.interval, Duration::from_secs(5_400));
        assert_eq!(config.poll.audit.to_string(), "0 4 * * sun");
        let before = &config.poll.pace.before_close;
        assert_eq!(
            *before,
            [Duration::from_secs(172_800), Duration::from_secs(3_600)],
            "longest first, each once"
        );
        assert_eq!(config.provisioning.public_url.as_deref(), Some("http://h/x"));
        assert_eq!(config.alerts.repeat_interval, Duration::from_secs(86_400));
        assert_eq!(config.maintenance.unwrap().start.to_string(), "0 2 * * *");
        assert_eq!(config.poll.pace.pause_forgotten, Duration::from_secs(21_600));
    }

    #[test]
    fn nothing_need_be_told_before_a_window_closes() {
        assert!(config("[alerts]\nbefore_close = []\n").poll.pace.before_close.is_empty());
        let loose = config("[alerts]\nclock_skew = '1h'\n").poll.pace.clock_skew;
        assert_eq!(loose, Duration::from_secs(3600));
        let (_, findings) = reading("[alerts]\nclock_skew = '30s'\n", None);
        assert!(findings[0].contains("at least 2m"), "{findings:#?}");
    }

    #[test]
    fn an_approval_holds_for_a_week_at_most() {
        let approval = config("[approval]\nvalid = '2d'\nrequired = 'second-person'\n").approval;
        let expected =
            ApprovalConfig { valid: Duration::from_secs(172_800), required: ApprovalRule::SecondPerson };
        assert_eq!(approval, expected);
        for (text, found) in [
            ("[approval]\nvalid = '8d'\n", "approval.valid: found \"8d\", expected a duration of at most 7d"),
            ("[approval]\nvalid = '0s'\n", "a duration of at least 1s"),
            ("[approval]\nrequired = 'two'\n", "approval.required: found \"two\""),
        ] {
            let (_, findings) = reading(text, None);
            assert!(findings.len() == 1 && findings[0].contains(found), "{findings:#?}");
        }
    }

    #[test]
    fn a_settle_time_below_the_devices_is_a_warning() {
        let (config, findings) = reading("[poll]\nsettle = '2s'\n", None);
        assert_eq!(config.unwrap().poll.pace.settle, Duration::from_secs(2));
        assert_eq!(
            findings,
            ["/etc/n720d/n720d.toml:2:10: warning: poll.settle: found 2 s, expected at least 180s: \
              the device may take so long to act on a reservation"]
        );
    }

    #[test]
    fn without_a_schedule_there_is_no_configuration_but_a_finding() {
        let (config, findings) = reading("[poll]\naudit = 'daily'\n", None);
        assert!(config.is_none() && findings.len() == 1, "{findings:?}");
        let (config, findings) = reading("[poll]\naudit = 7\n", None);
        assert!(config.is_none() && findings.len() == 1, "{findings:?}");
    }

    #[test]
    fn an_empty_allow_list_and_an_open_api_are_warnings() {
        let (config, findings) = reading("[provisioning]\nallow = []\n[api]\nlisten = '10.0.0.1:1'\n", None);
        assert!(config.is_some());
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.contains(": warning: ")));
    }
}
