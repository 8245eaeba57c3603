//! Alerts: kinds, severities, and the life of one. Which conditions hold is decided in [`super::conditions`]; who is
//! told, and when, in `alerting`.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{Ipui, SiteName, SlotNumber};
use super::memory::Registration;

/// What an alert is about. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// A window closes soon and handsets are missing.
    WindowClosing,
    /// A window closed and handsets are missing.
    WindowExpiredUnfilled,
    /// A handset that was registered is not any more.
    HandsetLost,
    /// The device differs from the site file.
    Drift,
    /// A step would deregister a working handset.
    PlanNeedsApproval,
    /// What was pushed twice changed nothing.
    PushIneffective,
    /// The manager did not fetch what was released.
    PushFailed,
    /// The manager cannot be reached.
    Unreachable,
    /// The manager refused the web password.
    LoginRefused,
    /// Somebody else has been logged in for long.
    SessionBusy,
    /// A page was not understood.
    PageNotUnderstood,
    /// The manager's firmware does not know registration by IPUI.
    FirmwareTooOld,
    /// Another device answers at the manager's address.
    WrongDevice,
    /// The manager's clock is off.
    ClockSkew,
    /// An IPUI is reserved that the site file does not know.
    ForeignReservation,
    /// The window is open though nobody is expected.
    WindowExposed,
    /// The site file has errors; the last good one is in force.
    SiteFileInvalid,
    /// A secret cannot be resolved.
    SecretMissing,
    /// The site has not been read for long.
    ObservationStale,
    /// Changes are paused, and have been for so long that this may not be meant any more.
    PauseForgotten,
    /// A configuration that changes several sites is held back until a person has looked.
    RolloutStopped,
    /// The web password was changed, and the site file does not name the new one.
    PasswordNotStored,
    /// A sink has taken nothing for long: what it should have told, others have to.
    SinkFailing,
    /// No trouble at all: somebody tries a sink.
    Test,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To know.
    Info,
    /// To be looked at in working hours.
    Warning,
    /// Somebody's phone does not work, or n720d is blind.
    Critical,
}

/// Where an alert stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// The condition holds.
    Firing,
    /// It holds and somebody has taken it.
    Acknowledged,
    /// It holds and nobody is to be told.
    Silenced,
    /// It was positively seen not to hold.
    Resolved,
}

/// One alert of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `site/kind`, or `site/kind/subject` where a site can have several of a kind. Stable from first to resolved.
    pub id: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How urgent.
    pub severity: Severity,
    /// One sentence for a person: what happened and what to do.
    pub summary: String,
    /// How far it has come, e.g. `under 2h` or `closed 1`. Another phase is worth another message; it is not part of
    /// the id.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub phase: String,
    /// Since when the condition holds.
    pub since: DateTime<Utc>,
    /// Where it stands.
    pub state: AlertState,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved_at: Option<DateTime<Utc>>,
    /// The handsets it is about, each with what its user must do.
    #[serde(default)]
    pub handsets: Vec<HandsetNote>,
    /// What was tried, what was read, and what to look at, a line each, for whoever looks into it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub readings: Vec<String>,
    /// It ended because its site is not watched any more, and nobody knows what holds there.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unwatched: bool,
}

/// A handset in an alert or on a hand-off sheet: who it is, where it stands, and what its user must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsetNote {
    /// Slot number.
    pub number: SlotNumber,
    /// The handset.
    pub ipui: Option<Ipui>,
    /// SIP user id.
    pub user: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// The verdict.
    #[serde(default = "not_told")]
    pub registration: Registration,
    /// On what grounds.
    #[serde(default)]
    pub evidence: String,
    /// When that was last seen, in the site's time zone.
    #[serde(default)]
    pub evidence_at: Option<DateTime<FixedOffset>>,
    /// What its user must do: one sentence to read out on the phone.
    pub instruction: String,
    /// The PIN that must or may have to be typed; `None`: none has to be, or it is not known here.
    #[serde(default)]
    pub pin: Option<String>,
    /// Until when the handset is let in, in the site's time zone; `None`: no end, or no window.
    #[serde(default)]
    pub until: Option<DateTime<FixedOffset>>,
}

/// Of notes that were kept before they told the verdict.
fn not_told() -> Registration {
    Registration::Unknown
}

impl HandsetNote {
    /// The same, where nothing is asked of the handset's user for the time being.
    #[must_use]
    pub fn without_task(self) -> Self {
        let instruction = "nothing to do on the handset for now".to_owned();
        Self { instruction, pin: None, until: None, ..self }
    }
}

/// A condition that holds after a cycle: an alert without a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: AlertKind,
    /// Tells several of a kind apart, e.g. `window 2`; usually empty.
    pub subject: String,
    /// How urgent.
    pub severity: Severity,
    /// One sentence for a person.
    pub summary: String,
    /// How far it has come; see [`Alert::phase`].
    pub phase: String,
    /// The handsets it is about.
    pub handsets: Vec<HandsetNote>,
    /// See [`Alert::readings`].
    pub readings: Vec<String>,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 24] = [
        Self::WindowClosing,
        Self::WindowExpiredUnfilled,
        Self::HandsetLost,
        Self::Drift,
        Self::PlanNeedsApproval,
        Self::PushIneffective,
        Self::PushFailed,
        Self::Unreachable,
        Self::LoginRefused,
        Self::SessionBusy,
        Self::PageNotUnderstood,
        Self::FirmwareTooOld,
        Self::WrongDevice,
        Self::ClockSkew,
        Self::ForeignReservation,
        Self::WindowExposed,
        Self::SiteFileInvalid,
        Self::SecretMissing,
        Self::ObservationStale,
        Self::PauseForgotten,
        Self::RolloutStopped,
        Self::PasswordNotStored,
        Self::SinkFailing,
        Self::Test,
    ];

    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WindowClosing => "window-closing",
            Self::WindowExpiredUnfilled => "window-expired-unfilled",
            Self::HandsetLost => "handset-lost",
            Self::Drift => "drift",
            Self::PlanNeedsApproval => "plan-needs-approval",
            Self::PushIneffective => "push-ineffective",
            Self::PushFailed => "push-failed",
            Self::Unreachable => "unreachable",
            Self::LoginRefused => "login-refused",
            Self::SessionBusy => "session-busy",
            Self::PageNotUnderstood => "page-not-understood",
            Self::FirmwareTooOld => "firmware-too-old",
            Self::WrongDevice => "wrong-device",
            Self::ClockSkew => "clock-skew",
            Self::ForeignReservation => "foreign-reservation",
            Self::WindowExposed => "window-exposed",
            Self::SiteFileInvalid => "site-file-invalid",
            Self::SecretMissing => "secret-missing",
            Self::ObservationStale => "observation-stale",
            Self::PauseForgotten => "pause-forgotten",
            Self::RolloutStopped => "rollout-stopped",
            Self::PasswordNotStored => "password-not-stored",
            Self::SinkFailing => "sink-failing",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for AlertKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Severity {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Condition {
    /// A condition of which a site can have one, about no handset in particular.
    pub fn new(kind: AlertKind, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            kind,
            subject: String::new(),
            severity,
            summary: summary.into(),
            phase: String::new(),
            handsets: Vec::new(),
            readings: Vec::new(),
        }
    }

    /// The same in this phase.
    #[must_use]
    pub fn in_phase(self, phase: impl Into<String>) -> Self {
        Self { phase: phase.into(), ..self }
    }

    /// The same, told apart from others of its kind.
    #[must_use]
    pub fn on(self, subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..self }
    }

    /// The same, about these handsets.
    #[must_use]
    pub fn about(self, handsets: Vec<HandsetNote>) -> Self {
        Self { handsets, ..self }
    }

    /// The id of the alert that this condition is at `site`: `site/kind`, or `site/kind/subject`.
    pub fn id(&self, site: &SiteName) -> String {
        if self.subject.is_empty() {
            format!("{site}/{}", self.kind)
        } else {
            format!("{site}/{}/{}", self.kind, self.subject)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_interface() {
        for kind in AlertKind::ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
        }
    }

    #[test]
    fn all_kinds_are_listed_once() {
        let words: std::collections::BTreeSet<_> = AlertKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), AlertKind::ALL.len());
    }

    #[test]
    fn an_id_names_site_kind_and_subject() {
        let site = "acme-berlin".parse().unwrap();
        let condition = Condition::new(AlertKind::Drift, Severity::Warning, "differs");
        assert_eq!(condition.id(&site), "acme-berlin/drift");
        let condition = Condition { subject: "slot 7".into(), ..condition };
        assert_eq!(condition.id(&site), "acme-berlin/drift/slot 7");
    }

    #[test]
    fn an_alert_shows_its_handsets_always_and_a_phase_only_if_it_has_one() {
        let alert = Alert {
            id: "a/drift".into(),
            kind: AlertKind::Drift,
            severity: Severity::Warning,
            summary: "differs".into(),
            phase: String::new(),
            since: DateTime::UNIX_EPOCH,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        };
        let json = serde_json::to_value(&alert).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["handsets", "id", "kind", "severity", "since", "state", "summary"]);
        assert_eq!(serde_json::from_value::<Alert>(json).unwrap(), alert);
    }
}
