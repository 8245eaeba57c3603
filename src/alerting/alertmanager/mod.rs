//! The Alertmanager sink: every alert as one of Alertmanager's own, by its API v2. Grouping, repeating and silencing are its
//! part; ours is to say what holds, again and again, and what has ended. No retry.
//!
//! Alertmanager knows an alert by its labels, and people route by severity, so an alert whose severity changes becomes another
//! one there. The sink keeps no memory of what it said: before it posts, it asks Alertmanager under which labels the same
//! alerts are known, and has those end that are not theirs any more. Ends that are sent on suspicion would be told to people.

mod alert;
mod known;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::header::HeaderMap;

use self::alert::Posted;
use super::http::{Content, Http};
use super::message::Message;
use super::settings::AlertmanagerSettings;
use super::sink::{FailureReason, Sink, SinkBuildError, SinkError};

/// Under the base URL.
const PATH: &str = "api/v2/alerts";
/// Alerts in one POST: some 500 kB with long texts, which proxies let pass.
const BATCH: usize = 500;
/// Bytes of what Alertmanager knows that are read: enough for ten thousand alerts with long texts.
const KNOWN_LIMIT: usize = 32 * 1024 * 1024;

/// Tells an Alertmanager.
pub struct Alertmanager {
    name: String,
    http: Http,
    labels: BTreeMap<String, String>,
}

impl Alertmanager {
    /// An Alertmanager. Connects to nothing yet.
    ///
    /// # Errors
    /// See [`SinkBuildError`].
    pub fn new(
        name: String,
        settings: AlertmanagerSettings,
        timeout: Duration,
    ) -> Result<Self, SinkBuildError> {
        let AlertmanagerSettings { target, labels } = settings;
        let http = Http::new(&name, &target, [], timeout)?;
        Ok(Self { name, http, labels })
    }

    async fn tell(&self, message: &Message, now: DateTime<Utc>) -> Result<(), SinkError> {
        let told: Vec<Posted> =
            message.entries.iter().map(|entry| Posted::of(message, entry, &self.labels, now)).collect();
        let replaced = self.replaced(&told, now).await?;
        let all: Vec<&Posted> = told.iter().chain(&replaced).collect();
        for (number, batch) in all.chunks(BATCH).enumerate() {
            let after_others = number > 0;
            let body = serde_json::to_string(batch).map_err(|error| {
                let text = format!("no JSON can be made of it: {error}");
                SinkError::new(FailureReason::Malformed, text).in_doubt(after_others)
            })?;
            let posted = self.http.post(self.http.under(PATH), HeaderMap::new(), Content::json(body)).await;
            posted.map_err(|error| {
                let in_doubt = error.may_have_been_taken || after_others;
                error.in_doubt(in_doubt)
            })?;
        }
        Ok(())
    }

    /// The ends of what Alertmanager knows under labels that the alert has no more. Where it does not say what it knows, behind a
    /// proxy that lets nobody read, such an alert ends when Alertmanager has not heard of it for long.
    async fn replaced(&self, told: &[Posted], now: DateTime<Utc>) -> Result<Vec<Posted>, SinkError> {
        let mut url = self.http.under(PATH);
        url.query_pairs_mut().append_pair("filter", &known::filter(told.iter().map(Posted::id)));
        let known = self.http.get(url, KNOWN_LIMIT).await?.as_deref().and_then(known::parse);
        if known.is_none() {
            tracing::debug!(sink = self.name, "alertmanager does not tell what it knows");
        }
        Ok(known::replaced(&known.unwrap_or_default(), told, &self.labels, now))
    }
}

impl Sink for Alertmanager {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(
        &'a self,
        message: &'a Message,
        now: DateTime<Utc>,
    ) -> BoxFuture<'a, Result<(), SinkError>> {
        self.tell(message, now).boxed()
    }

    /// It does: over a restart without its storage, and in time by itself.
    fn forgets(&self) -> bool {
        true
    }

    fn gathers_itself(&self) -> bool {
        true
    }
}
