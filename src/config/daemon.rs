//! `n720d.toml`: its keys, defaults and limits. Site files are read elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::report::{Located, Report};
use super::tree::{self, Section};
use super::{sinks, value};
use crate::domain::schedule::{Schedule, ScheduleError};
use crate::domain::settings::Pace;

use super::sinks::SinkConfig;

/// The device acts on a changed reservation only after up to this long. (`n720.md`, section 3)
const DEVICE_SETTLES: Duration = Duration::from_secs(180);

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
    /// `[alerts]`.
    pub alerts: AlertsConfig,
}

/// `[poll]`: how often managers are read.
#[derive(Debug, Clone, PartialEq)]
pub struct PollConfig {
    /// What the core must know; `before_close` comes from `[alerts]`.
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

/// `[alerts]`: who hears of trouble, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertsConfig {
    /// After so long a firing alert is sent again.
    pub repeat_interval: Duration,
    /// At least one; the journal when none is configured.
    pub sinks: Vec<SinkConfig>,
}

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
}

/// Reads `n720d.toml`; what is wrong is in the report. `None` when it is not TOML.
pub(super) fn read(report: &Report<'_>, around: &Surroundings) -> Option<Reading> {
    let tree = tree::parse(report)?.into_inner();
    let root = Section::root(report, &tree);
    let folder = report.source.file.parent().unwrap_or_else(|| Path::new("")).to_owned();
    let sites_dir = root.string("sites_dir").map_or("sites", |text| text.value);
    let state_dir =
        root.string("state_dir").map_or_else(|| default_state_dir(around), |text| folder.join(text.value));
    let (alerts, before_close) = alerts(root.section_or_empty("alerts"));
    let sites_dir = folder.join(sites_dir);
    let poll = poll(root.section_or_empty("poll"), before_close);
    let provisioning = provisioning(root.section_or_empty("provisioning"));
    let api = api(root.section_or_empty("api"));
    root.finish();
    let file = report.source.file.clone();
    let config = poll.map(|poll| DaemonConfig {
        file,
        sites_dir: sites_dir.clone(),
        state_dir,
        poll,
        provisioning,
        api,
        alerts,
    });
    Some(Reading { config, sites_dir })
}

fn default_state_dir(around: &Surroundings) -> PathBuf {
    let first = around.state_directory.as_deref().and_then(|paths| paths.split(':').next());
    first.filter(|path| !path.is_empty()).unwrap_or("/var/lib/n720d").into()
}

fn poll(section: Section<'_>, before_close: Vec<Duration>) -> Option<PollConfig> {
    let length = |key, default| duration(&section, key, Duration::from_secs(default));
    let pace = Pace {
        interval: length("interval", 300),
        interval_open: length("interval_open", 60),
        settle: length("settle", DEVICE_SETTLES.as_secs()),
        before_close,
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

fn alerts(section: Section<'_>) -> (AlertsConfig, Vec<Duration>) {
    let texts = section.strings("before_close");
    let mut before_close: Vec<Duration> = match texts {
        None => vec![Duration::from_secs(86_400), Duration::from_secs(7_200)],
        Some(texts) => texts
            .into_iter()
            .filter_map(|text| section.report.checked(text, value::positive_duration))
            .map(|length| length.value)
            .collect(),
    };
    before_close.sort_unstable_by(|one, other| other.cmp(one));
    before_close.dedup();
    let config = AlertsConfig {
        repeat_interval: duration(&section, "repeat_interval", Duration::from_secs(4 * 3_600)),
        sinks: sinks::read(&section),
    };
    section.finish();
    (config, before_close)
}

fn duration(section: &Section<'_>, key: &'static str, default: Duration) -> Duration {
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
