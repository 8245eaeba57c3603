//! Who is told, when, and how: from the alerts of all sites to messages at the sinks.
//!
//! Whoever keeps alerts puts them on the [`Desk`]. For each sink the [`pipeline`] makes of them the messages that it is to be
//! sent, without I/O; [`dispatch()`] sends them, and has the ledger told, by which the next look makes none of the same. One file
//! a sink. Nothing here judges a site or reads a clock.

mod alertmanager;
mod body;
mod command;
mod desk;
mod dispatch;
mod email;
mod formats;
mod http;
mod journal;
mod message;
mod ntfy;
pub mod pipeline;
mod settings;
mod sink;
#[cfg(test)]
mod testing;
pub mod text;
mod tls;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::alert::{Alert, AlertState};
use crate::domain::routing::{Gathering, Routing};

pub use alertmanager::Alertmanager;
pub use body::{Body, BodyAlert, Taken};
pub use command::Command;
pub use desk::Desk;
pub use dispatch::{Attempt, Known, Ledger, LedgerError, Offers, Sources, Stuck, back_off, dispatch};
pub use email::Email;
pub use formats::TemplateProblem;
pub use journal::Journal;
pub use message::{Entry, Message, SiteFacts, Subject};
pub use ntfy::Ntfy;
pub use pipeline::SinkProfile;
pub use settings::{
    AlertmanagerSettings, CommandSettings, EmailSettings, HttpTarget, MailSecurity, NtfySettings, SinkKind,
    SinkSettings, WebhookFormat, WebhookSettings,
};
pub use sink::{FailureReason, Sink, SinkBuildError, SinkError};
pub use webhook::Webhook;

/// The sinks of this daemon, and who is told of what.
#[derive(Debug, Clone, Default)]
pub struct Alerting {
    members: BTreeMap<String, Member>,
    routing: Routing,
    gathering: Gathering,
}

/// A sink and how it is told.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) profile: SinkProfile,
    /// What it was made from.
    settings: Option<SinkSettings>,
}

impl Alerting {
    /// Builds every sink, or says which one cannot be built and why. Nothing is connected to yet. `repeat` is for sinks
    /// whose settings do not say after how long what still holds is told again.
    ///
    /// # Errors
    /// The first setting that cannot become a sink; see [`SinkBuildError`].
    pub fn new(
        settings: Vec<SinkSettings>,
        repeat: Duration,
        routing: Routing,
        gathering: Gathering,
    ) -> Result<Self, SinkBuildError> {
        let build = |settings: SinkSettings| {
            let sink = settings.clone().build()?;
            let profile = SinkProfile::of(sink.as_ref(), settings.repeat.unwrap_or(repeat));
            Ok(Member { sink, profile, settings: Some(settings) })
        };
        let members: Result<Vec<Member>, _> = settings.into_iter().map(build).collect();
        Ok(Self::of(members?, routing, gathering))
    }

    /// The same from sinks that are built already, each with its repeat interval. Of two with the same name the last
    /// counts.
    pub fn with_sinks(sinks: Vec<(Arc<dyn Sink>, Duration)>, routing: Routing, gathering: Gathering) -> Self {
        let member = |(sink, repeat): (Arc<dyn Sink>, Duration)| {
            let profile = SinkProfile::of(sink.as_ref(), repeat);
            Member { sink, profile, settings: None }
        };
        Self::of(sinks.into_iter().map(member).collect(), routing, gathering)
    }

    fn of(members: Vec<Member>, routing: Routing, gathering: Gathering) -> Self {
        let members = members.into_iter().map(|member| (member.profile.name.clone(), member)).collect();
        Self { members, routing, gathering }
    }

    /// The names of the sinks.
    pub fn names(&self) -> BTreeSet<String> {
        self.members.keys().cloned().collect()
    }

    /// The sink of this name.
    pub fn sink(&self, name: &str) -> Option<Arc<dyn Sink>> {
        self.members.get(name).map(|member| Arc::clone(&member.sink))
    }

    /// Who is told of what.
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// How messages are gathered.
    pub fn gathering(&self) -> &Gathering {
        &self.gathering
    }

    /// What of the sinks matters to what they are told.
    pub fn profiles(&self) -> impl Iterator<Item = &SinkProfile> {
        self.members().map(|member| &member.profile)
    }

    /// The alerts that are still of interest: all that have not ended, and those whose end one of the sinks has yet to be
    /// told, by the ids that `told` has for it. To be called before a cycle's alerts are made.
    pub fn unannounced(&self, alerts: Vec<Alert>, told: &BTreeMap<String, BTreeSet<String>>) -> Vec<Alert> {
        let owed = |alert: &Alert| {
            self.members.keys().filter_map(|sink| told.get(sink)).any(|ids| ids.contains(&alert.id))
        };
        alerts.into_iter().filter(|alert| alert.state != AlertState::Resolved || owed(alert)).collect()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }
}

/// What a sink without settings has for one attempt.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Member {
    /// After so long an attempt is abandoned that has not ended by itself, as it should have long before: some sinks ask
    /// first and tell then, or take leave.
    pub(crate) fn patience(&self) -> Duration {
        let timeout = self.settings.as_ref().map_or(DEFAULT_TIMEOUT, |settings| settings.timeout);
        timeout * 2 + Duration::from_secs(5)
    }

    /// Whether both are made from the same, but for how often they are told.
    pub(crate) fn is_same_sink(&self, other: &Self) -> bool {
        match (&self.settings, &other.settings) {
            (Some(one), Some(other)) => {
                (&one.name, one.timeout, &one.kind) == (&other.name, other.timeout, &other.kind)
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => Arc::ptr_eq(&self.sink, &other.sink),
        }
    }
}

impl SinkProfile {
    /// Of this sink.
    fn of(sink: &dyn Sink, repeat: Duration) -> Self {
        Self {
            name: sink.name().to_owned(),
            repeat,
            forgets: sink.forgets(),
            gathers_itself: sink.gathers_itself(),
            names_each: sink.names_each(),
        }
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.profile.fmt(f)
    }
}
