//! Metrics in the OpenMetrics text format: counters that the daemon feeds, gauges computed from the board at each
//! scrape, so that a removed site vanishes by itself. No label per handset, none with free text.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::board::{Board, Snapshot};
use crate::domain::alert::{AlertState, Severity};
use crate::domain::ids::SiteName;
use crate::domain::memory::Registration;
use crate::domain::observed::ContactFailure;
use crate::domain::status::{Health, SiteStatus};

/// The content type of [`Metrics::encode`].
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of cycle durations in seconds: a polite cycle takes a few, a manager that answers nothing 20 and more.
const CYCLE_SECONDS: [f64; 9] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0];

/// Upper bounds of times to register in seconds: from a minute, for a handset that lies ready, to a week.
const REGISTRATION_SECONDS: [f64; 10] =
    [60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 345_600.0, 604_800.0];

type Labels<const N: usize> = [(&'static str, String); N];

/// What is counted. Cheap to feed from everywhere.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    cycles: Family<Labels<1>, Counter>,
    cycle_duration: Histogram,
    registration: Histogram,
    releases: Counter,
    fetches: Family<Labels<1>, Counter>,
    notifications: Family<Labels<2>, Counter>,
    notifications_waiting: Family<Labels<1>, Gauge>,
    sink_failing: Family<Labels<1>, Gauge>,
    sink_success: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    reload_success: Gauge,
    reload_timestamp: Gauge<f64, AtomicU64>,
}

/// What an attempt to tell a sink came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The sink took it.
    Delivered,
    /// It failed and is tried again.
    Postponed,
    /// It failed for good.
    GivenUp,
}

impl Metrics {
    /// Metrics over this board; `version` is that of the program.
    pub fn new(board: Board, version: &str) -> Self {
        let mut registry = Registry::with_prefix("n720d");
        let metrics = Self {
            cycles: Family::default(),
            cycle_duration: Histogram::new(CYCLE_SECONDS),
            registration: Histogram::new(REGISTRATION_SECONDS),
            releases: Counter::default(),
            fetches: Family::default(),
            notifications: Family::default(),
            notifications_waiting: Family::default(),
            sink_failing: Family::default(),
            sink_success: Family::default(),
            reload_success: Gauge::default(),
            reload_timestamp: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("build", "The running n720d", Info::new([("version", version.to_owned())]));
        registry.register("cycles", "Cycles by result", metrics.cycles.clone());
        registry.register_with_unit(
            "cycle_duration",
            "How long cycles took",
            Unit::Seconds,
            metrics.cycle_duration.clone(),
        );
        registry.register_with_unit(
            "registration",
            "How long handsets took to register from when they could, as far as that is known to within an hour",
            Unit::Seconds,
            metrics.registration.clone(),
        );
        registry.register("releases", "Files released", metrics.releases.clone());
        registry.register("fetches", "Requests for released files by HTTP status", metrics.fetches.clone());
        registry.register(
            "notifications",
            "Attempts to tell a sink by result",
            metrics.notifications.clone(),
        );
        registry.register(
            "notifications_waiting",
            "Messages that a sink has yet to be told",
            metrics.notifications_waiting.clone(),
        );
        registry.register(
            "sink_failing",
            "Whether the last attempt to tell a sink failed",
            metrics.sink_failing.clone(),
        );
        registry.register_with_unit(
            "sink_last_success_timestamp",
            "When a sink last took what it was told",
            Unit::Seconds,
            metrics.sink_success.clone(),
        );
        registry.register(
            "reload_success",
            "Whether the last reload took effect",
            metrics.reload_success.clone(),
        );
        registry.register_with_unit(
            "reload_timestamp",
            "When a reload last took effect",
            Unit::Seconds,
            metrics.reload_timestamp.clone(),
        );
        registry.register_collector(Box::new(BoardGauges(board)));
        Self { registry, ..metrics }
    }

    /// Counts a cycle, with why it could not read its manager, if it could not.
    pub fn cycle(&self, failure: Option<&ContactFailure>, took: Duration) {
        let result = failure.map_or("observed", failure_label);
        self.cycles.get_or_create(&[("result", result.to_owned())]).inc();
        self.cycle_duration.observe(took.as_secs_f64());
    }

    /// Counts a cycle that came to nothing by a fault of our own.
    pub fn cycle_failed(&self, took: Duration) {
        self.cycles.get_or_create(&[("result", "failed".to_owned())]).inc();
        self.cycle_duration.observe(took.as_secs_f64());
    }

    /// Counts a handset that came in, and how long it took.
    pub fn registered(&self, took: TimeDelta) {
        self.registration.observe(took.as_seconds_f64());
    }

    /// Counts a release.
    pub fn released(&self) {
        self.releases.inc();
    }

    /// Counts a request to the provisioning server.
    pub fn fetched(&self, status: u16) {
        self.fetches.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// Counts an attempt to tell a sink; `sink` is its name in the configuration.
    pub fn notified(&self, sink: &str, result: DeliveryResult, at: DateTime<Utc>) {
        let of_sink = [("sink", sink.to_owned())];
        let (word, failed) = match result {
            DeliveryResult::Delivered => ("delivered", false),
            DeliveryResult::Postponed => ("postponed", true),
            DeliveryResult::GivenUp => ("given-up", true),
        };
        self.notifications.get_or_create(&[("sink", sink.to_owned()), ("result", word.to_owned())]).inc();
        self.sink_failing.get_or_create(&of_sink).set(i64::from(failed));
        if !failed {
            self.sink_success.get_or_create(&of_sink).set(seconds(at));
        }
    }

    /// Notes how many messages wait for a sink.
    pub fn notifications_wait(&self, sink: &str, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.notifications_waiting.get_or_create(&[("sink", sink.to_owned())]).set(messages);
    }

    /// Leaves out what is noted of a sink that is gone. What was counted stays counted.
    pub fn sink_is_gone(&self, sink: &str) {
        let of_sink = [("sink", sink.to_owned())];
        self.notifications_waiting.remove(&of_sink);
        self.sink_failing.remove(&of_sink);
        self.sink_success.remove(&of_sink);
    }

    /// Notes whether a reload took effect, and when.
    pub fn reloaded(&self, success: bool, at: DateTime<Utc>) {
        self.reload_success.set(i64::from(success));
        if success {
            self.reload_timestamp.set(seconds(at));
        }
    }

    /// Everything, in the OpenMetrics text format.
    ///
    /// # Errors
    /// None in practice: writing to a `String` does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Computes gauges from the board.
#[derive(Debug)]
struct BoardGauges(Board);

impl Collector for BoardGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let board = self.0.snapshot();
        sites(&mut encoder, &board)?;
        last_observations(&mut encoder, &board)?;
        handsets(&mut encoder, &board)?;
        paused(&mut encoder, &board)?;
        alerts(&mut encoder, &board)
    }
}

fn sites(encoder: &mut DescriptorEncoder<'_>, board: &Snapshot) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor("sites", "Sites by health", None, MetricType::Gauge)?;
    for (health, label) in HEALTHS {
        let count = board.sites().filter(|status| status.health == health).count();
        ConstGauge::new(count).encode(family.encode_family(&[("health", label)])?)?;
    }
    Ok(())
}

fn last_observations(encoder: &mut DescriptorEncoder<'_>, board: &Snapshot) -> Result<(), fmt::Error> {
    let unit = Unit::Seconds;
    let mut family = encoder.encode_descriptor(
        "last_observation_timestamp",
        "When the manager was last read",
        Some(&unit),
        MetricType::Gauge,
    )?;
    for status in board.sites() {
        if let Some(at) = status.observed_at {
            ConstGauge::new(seconds(at.to_utc())).encode(family.encode_family(&[site_label(status)])?)?;
        }
    }
    Ok(())
}

fn handsets(encoder: &mut DescriptorEncoder<'_>, board: &Snapshot) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(
        "handsets",
        "Listed handsets by state of registration",
        None,
        MetricType::Gauge,
    )?;
    for status in board.sites() {
        for (registration, label) in REGISTRATIONS {
            let listed = status.slots.iter().filter(|slot| slot.ipui.is_some());
            let count = listed.filter(|slot| slot.registration == registration).count();
            let labels = [site_label(status), ("registration", label)];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn paused(encoder: &mut DescriptorEncoder<'_>, board: &Snapshot) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(
        "paused",
        "Whether nothing is written to the manager, because somebody paused the site or all sites",
        None,
        MetricType::Gauge,
    )?;
    for status in board.sites() {
        let paused = i64::from(status.pause.is_some());
        ConstGauge::new(paused).encode(family.encode_family(&[site_label(status)])?)?;
    }
    Ok(())
}

fn alerts(encoder: &mut DescriptorEncoder<'_>, board: &Snapshot) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(
        "alerts",
        "Alerts that are not resolved, by severity",
        None,
        MetricType::Gauge,
    )?;
    for status in board.sites() {
        for (severity, label) in SEVERITIES {
            let open = status.alerts.iter().filter(|alert| alert.state != AlertState::Resolved);
            let count = open.filter(|alert| alert.severity == severity).count();
            let labels = [site_label(status), ("severity", label)];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    for (severity, label) in SEVERITIES {
        let open = board.fleet().alerts.iter().filter(|alert| alert.state != AlertState::Resolved);
        let count = open.filter(|alert| alert.severity == severity).count();
        let labels = [("site", SiteName::FLEET), ("severity", label)];
        ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn site_label(status: &SiteStatus) -> (&'static str, &str) {
    ("site", status.site.as_str())
}

/// Every value of a closed set with its label, so that a series is there before its first event.
const HEALTHS: [(Health, &str); 6] = [
    (Health::Converged, "converged"),
    (Health::Waiting, "waiting"),
    (Health::Drifted, "drifted"),
    (Health::Blocked, "blocked"),
    (Health::Unreachable, "unreachable"),
    (Health::Unknown, "unknown"),
];

const REGISTRATIONS: [(Registration, &str); 6] = [
    (Registration::Unknown, "unknown"),
    (Registration::Reserved, "reserved"),
    (Registration::Pending, "pending"),
    (Registration::Registered, "registered"),
    (Registration::Expired, "expired"),
    (Registration::Lost, "lost"),
];

const SEVERITIES: [(Severity, &str); 3] =
    [(Severity::Info, "info"), (Severity::Warning, "warning"), (Severity::Critical, "critical")];

fn failure_label(failure: &ContactFailure) -> &'static str {
    match failure {
        ContactFailure::Unreachable(_) => "unreachable",
        ContactFailure::LoginRefused(_) => "login-refused",
        ContactFailure::LoginUnclear(_) => "login-unclear",
        ContactFailure::LoginLocked(_) => "login-locked",
        ContactFailure::SessionBusy(_) => "session-busy",
        ContactFailure::NotUnderstood(_) => "not-understood",
        ContactFailure::SecretMissing(_) => "secret-missing",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds since 1970 are exact in f64 for the next two centuries"
)]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeZone;

    use super::super::board::tests::status;
    use super::*;
    use crate::domain::alert::{Alert, AlertKind};
    use crate::domain::ids::SlotNumber;
    use crate::domain::status::{PauseStatus, SlotStatus};

    fn value(metrics: &Metrics, series: &str) -> Option<String> {
        let text = metrics.encode().unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
    }

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new(Board::default(), "1");
        metrics.cycle(None, Duration::from_millis(400));
        metrics.cycle(Some(&ContactFailure::SessionBusy("10.0.0.9".into())), Duration::from_secs(3));
        metrics.registered(TimeDelta::seconds(90));
        metrics.registered(TimeDelta::days(30));
        metrics.released();
        metrics.fetched(200);
        metrics.fetched(404);
        metrics.fetched(404);
        metrics.notified("hook", DeliveryResult::Delivered, Utc.timestamp_opt(300, 0).unwrap());
        metrics.notified("hook", DeliveryResult::GivenUp, Utc.timestamp_opt(400, 0).unwrap());
        metrics.notifications_wait("hook", 3);
        metrics.reloaded(true, Utc.timestamp_opt(1_790_000_000, 500_000_000).unwrap());
        for (series, expected) in [
            ("n720d_cycles_total{result=\"observed\"}", "1"),
            ("n720d_cycles_total{result=\"session-busy\"}", "1"),
            ("n720d_cycle_duration_seconds_count", "2"),
            ("n720d_cycle_duration_seconds_sum", "3.4"),
            ("n720d_cycle_duration_seconds_bucket{le=\"0.5\"}", "1"),
            ("n720d_registration_seconds_bucket{le=\"60.0\"}", "0"),
            ("n720d_registration_seconds_bucket{le=\"300.0\"}", "1"),
            ("n720d_registration_seconds_bucket{le=\"604800.0\"}", "1"),
            ("n720d_registration_seconds_count", "2"),
            ("n720d_releases_total", "1"),
            ("n720d_fetches_total{status=\"404\"}", "2"),
            ("n720d_notifications_total{sink=\"hook\",result=\"delivered\"}", "1"),
            ("n720d_notifications_total{sink=\"hook\",result=\"given-up\"}", "1"),
            ("n720d_notifications_waiting{sink=\"hook\"}", "3"),
            ("n720d_sink_failing{sink=\"hook\"}", "1"),
            ("n720d_sink_last_success_timestamp_seconds{sink=\"hook\"}", "300.0"),
            ("n720d_reload_success", "1"),
            ("n720d_reload_timestamp_seconds", "1790000000.5"),
        ] {
            assert_eq!(value(&metrics, series).as_deref(), Some(expected), "{series}");
        }
    }

    #[test]
    fn a_sink_that_is_gone_shows_no_more_and_what_it_took_stays_counted() {
        let metrics = Metrics::new(Board::default(), "1");
        metrics.notified("hook", DeliveryResult::Delivered, DateTime::UNIX_EPOCH);
        metrics.notifications_wait("hook", 0);
        metrics.sink_is_gone("hook");
        let text = metrics.encode().unwrap();
        let left: Vec<&str> = text.lines().filter(|line| line.contains("sink=\"hook\"")).collect();
        assert_eq!(left, ["n720d_notifications_total{sink=\"hook\",result=\"delivered\"} 1"]);
    }

    #[test]
    fn a_reload_that_failed_keeps_the_time_of_the_last_good_one() {
        let metrics = Metrics::new(Board::default(), "1");
        metrics.reloaded(true, Utc.timestamp_opt(100, 0).unwrap());
        metrics.reloaded(false, Utc.timestamp_opt(200, 0).unwrap());
        assert_eq!(value(&metrics, "n720d_reload_success").as_deref(), Some("0"));
        assert_eq!(value(&metrics, "n720d_reload_timestamp_seconds").as_deref(), Some("100.0"));
    }

    #[test]
    fn handsets_and_alerts_are_counted_by_site_and_not_named() {
        let board = Board::default();
        let metrics = Metrics::new(board.clone(), "1");
        let mut acme = status("acme", Health::Waiting);
        for (number, ipui, registration) in [
            (1, Some("02 B6 EC 8A A5"), Registration::Pending),
            (2, Some("02 9E 74 A5 99"), Registration::Pending),
            (3, None, Registration::Pending),
        ] {
            acme.slots.push(SlotStatus {
                number: SlotNumber::new(number).unwrap(),
                ipui: ipui.map(|text| text.parse().unwrap()),
                user: Some("1013".into()),
                display_name: Some("Reception".into()),
                registration,
                since: None,
                evidence: String::new(),
                source: None,
                evidence_at: None,
                conflicts: Vec::new(),
                cause: None,
            });
        }
        for (id, state) in
            [("a", AlertState::Firing), ("b", AlertState::Silenced), ("c", AlertState::Resolved)]
        {
            acme.alerts.push(Alert {
                id: id.into(),
                kind: AlertKind::WindowClosing,
                severity: Severity::Critical,
                summary: String::new(),
                phase: String::new(),
                since: DateTime::UNIX_EPOCH,
                state,
                resolved_at: None,
                handsets: Vec::new(),
                readings: Vec::new(),
                unwatched: false,
            });
        }
        board.publish(Arc::new(acme));
        for (series, expected) in [
            ("n720d_handsets{site=\"acme\",registration=\"pending\"}", "2"),
            ("n720d_handsets{site=\"acme\",registration=\"lost\"}", "0"),
            ("n720d_alerts{site=\"acme\",severity=\"critical\"}", "2"),
            ("n720d_alerts{site=\"fleet\",severity=\"critical\"}", "0"),
            ("n720d_sites{health=\"waiting\"}", "1"),
        ] {
            assert_eq!(value(&metrics, series).as_deref(), Some(expected), "{series}");
        }
        let text = metrics.encode().unwrap();
        assert!(!text.contains("Reception") && !text.contains("8A A5") && !text.contains("1013"), "{text}");
        assert!(!text.contains("last_observation_timestamp_seconds{"), "it was never read");
    }

    #[test]
    fn a_paused_site_shows_by_its_name_and_not_by_whom() {
        let board = Board::default();
        let metrics = Metrics::new(board.clone(), "1");
        let pause = PauseStatus {
            since: DateTime::UNIX_EPOCH.fixed_offset(),
            until: None,
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet: true,
        };
        board.publish(Arc::new(SiteStatus { pause: Some(pause), ..status("acme", Health::Waiting) }));
        board.publish(Arc::new(status("beta", Health::Converged)));
        assert_eq!(value(&metrics, "n720d_paused{site=\"acme\"}").as_deref(), Some("1"));
        assert_eq!(value(&metrics, "n720d_paused{site=\"beta\"}").as_deref(), Some("0"));
        assert!(!metrics.encode().unwrap().contains("anna"));
    }

    #[test]
    fn labels_are_the_words_of_the_interface() {
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        for (health, label) in HEALTHS {
            assert_eq!(word(serde_json::to_value(health).unwrap()), label);
        }
        for (registration, label) in REGISTRATIONS {
            assert_eq!(word(serde_json::to_value(registration).unwrap()), label);
        }
        for (severity, label) in SEVERITIES {
            assert_eq!(word(serde_json::to_value(severity).unwrap()), label);
        }
        for failure in [
            ContactFailure::Unreachable(String::new()),
            ContactFailure::LoginRefused(String::new()),
            ContactFailure::LoginUnclear(String::new()),
            ContactFailure::LoginLocked(String::new()),
            ContactFailure::SessionBusy(String::new()),
            ContactFailure::NotUnderstood(String::new()),
            ContactFailure::SecretMissing(String::new()),
        ] {
            assert_eq!(
                word(serde_json::to_value(&failure).unwrap()["kind"].clone()),
                failure_label(&failure)
            );
        }
    }
}
