//! What people say of alerts: kept first, then shown, and told to whoever sends messages. What follows from it for those is
//! `alerting`'s part; here nothing is sent, but for the trial of a sink.

mod listed;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use self::listed::Known;
use super::chain;
use super::context::Context;
use crate::alerting::SiteFacts;
use crate::alerting::pipeline::SiteAlerts;
use crate::api::{
    AcknowledgeAnswer, AcknowledgeRequest, AlertList, EndSilenceRequest, Refusal, RefusalKind, SentMessage,
    SentPage, SilenceAnswer, SilenceLine, SilenceList, SilenceRequest, Taken, WithdrawRequest,
};
use crate::config::Config;
use crate::domain::alert::Alert;
use crate::domain::attention::{Acknowledgement, Attention, NotSaid, Silence};
use crate::domain::ids::SiteName;
use crate::domain::status::{FleetStatus, SiteStatus, WholeFleet};
use crate::domain::told::NotificationLedger;
use crate::store::{Store, StoreError};

pub(super) use trial::test;
pub use trial::test_alone;

/// Of the ids that exist, so many are named to whoever asks for another.
const NAMED: usize = 20;

/// A sleeper does not notice that our clock was set: what has ended is looked for at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Takes an alert, in the place of whoever had it.
///
/// # Errors
/// When there is no such alert, it has ended, the request makes no sense, or the store cannot be read or written.
pub(super) async fn acknowledge(
    context: &Context,
    request: &AcknowledgeRequest,
) -> Result<AcknowledgeAnswer, Refusal> {
    let kept = Kept::read(context).await.map_err(unavailable)?;
    let (site, alert) = meant(&kept.sites, &request.alert)?;
    let length = request.seconds.map(Duration::from_secs);
    let given = Acknowledgement::new(alert, &request.by, &request.note, length, context.now());
    let given = given.map_err(|why| refused(&why))?;
    let before = held(context, site, alert);
    tracing::info!(site = %site.facts.name, alert = %alert.id, by = %given.by, "acknowledged");
    keep(context, &site.facts.name, move |store, site| store.acknowledge(site, &given)).await?;
    Ok(kept.answer(context, (site, alert), before))
}

/// Gives an alert back.
///
/// # Errors
/// When there is no such alert, nobody asks, or the store cannot be read or written.
pub(super) async fn withdraw(
    context: &Context,
    request: &WithdrawRequest,
) -> Result<AcknowledgeAnswer, Refusal> {
    let kept = Kept::read(context).await.map_err(unavailable)?;
    let (site, alert) = meant(&kept.sites, &request.alert)?;
    let by = NotSaid::name(&request.by).map_err(|why| refused(&why))?;
    let before = held(context, site, alert);
    let (id, now) = (alert.id.clone(), context.now());
    tracing::info!(site = %site.facts.name, alert = %id, %by, "acknowledgement withdrawn");
    let withdraw = move |store: &Store, site: &SiteName| store.withdraw_acknowledgement(site, &id, &by, now);
    keep(context, &site.facts.name, withdraw).await?;
    Ok(kept.answer(context, (site, alert), before))
}

/// Has nobody told of some alerts for a while.
///
/// # Errors
/// When a site is not known, the request makes no sense, or the store cannot be written.
pub(super) async fn silence(context: &Context, request: &SilenceRequest) -> Result<SilenceAnswer, Refusal> {
    let SilenceRequest { of, everything, seconds, by, reason } = request.clone();
    let facts = facts(context);
    let unknown = of.sites.iter().find(|site| !facts.contains_key(*site));
    if let Some(site) = unknown {
        return Err(Refusal::unknown_site(site.as_str()));
    }
    let length = Duration::from_secs(seconds);
    let asked = Silence::new(of, everything, &by, &reason, length, context.now());
    let asked = asked.map_err(|why| refused(&why))?;
    let given = keep(context, &SiteName::of_fleet(), move |store, _| store.silence(&asked)).await?;
    tracing::info!(number = given.id, by = %given.by, until = %given.until, "silenced: {}", given.reason);
    let (silence, sites) = listed::silence(&given, facts.values().filter(|facts| !facts.name.is_of_fleet()));
    let kept = Kept::read(context).await.map_err(unavailable)?;
    let attention = Arc::clone(&context.attention.borrow());
    let covers = kept.with(&attention, context.now()).covered(&given.of);
    Ok(SilenceAnswer { silence, sites, covers })
}

/// Ends a silence.
///
/// # Errors
/// When none of that number holds, nobody asks, or the store cannot be written.
pub(super) async fn end_silence(
    context: &Context,
    request: &EndSilenceRequest,
) -> Result<SilenceLine, Refusal> {
    let by = NotSaid::name(&request.by).map_err(|why| refused(&why))?;
    let (number, now) = (request.number, context.now());
    let holding =
        context.attention.borrow().silences.iter().any(|silence| silence.id == number && silence.holds(now));
    let unknown = || {
        let numbers: Vec<String> =
            silences(context).silences.iter().map(|silence| silence.number.to_string()).collect();
        let there = if numbers.is_empty() { "none does".to_owned() } else { numbers.join(", ") };
        Refusal::new(RefusalKind::NotFound, format!("no silence {number} holds; those that do: {there}"))
    };
    if !holding {
        return Err(unknown());
    }
    tracing::info!(number, %by, "the silence is ended");
    let ended =
        keep(context, &SiteName::of_fleet(), move |store, _| store.end_silence(number, &by, now)).await?;
    let ended = ended.ok_or_else(unknown)?;
    Ok(listed::silence(&ended, facts(context).values()).0)
}

/// The alerts of all sites; with `ended`, those too whose end some sink has yet to be told.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn alerts(context: &Context, ended: bool) -> Result<AlertList, StoreError> {
    let kept = Kept::read(context).await?;
    let attention = Arc::clone(&context.attention.borrow());
    Ok(kept.with(&attention, context.now()).list(ended))
}

/// What was sent, newest first.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn sent(context: &Context, limit: usize) -> Result<SentPage, StoreError> {
    context.store_of_all(move |store| sent_as_kept(store, limit)).await
}

/// The silences that hold.
pub(super) fn silences(context: &Context) -> SilenceList {
    let attention = Arc::clone(&context.attention.borrow());
    silences_of(&attention, &facts(context), context.now())
}

/// Has the statuses that people see show what they have said of alerts, now and whenever something of it runs out.
pub(super) async fn keep_shown(context: Arc<Context>, stop: CancellationToken) {
    let mut said = context.attention.subscribe();
    loop {
        show(&context);
        let now = context.now();
        let end = said.borrow_and_update().next_end(now);
        let left = end.and_then(|end| (end - now).to_std().ok()).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = said.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// Shows in the status of a site what people have said of its alerts. The alerts that are kept stay as they are.
pub(super) fn mark(attention: &Attention, status: &mut SiteStatus, now: DateTime<Utc>) {
    let SiteStatus { site, labels, alerts, .. } = status;
    for alert in alerts {
        alert.state = attention.state_of(site, labels, alert, now);
    }
}

/// The same for what concerns all sites.
pub(super) fn mark_fleet(attention: &Attention, fleet: &mut WholeFleet, now: DateTime<Utc>) {
    for alert in &mut fleet.alerts {
        alert.state = attention.state_of(&SiteName::of_fleet(), &BTreeMap::new(), alert, now);
    }
}

/// What the last daemon left behind of people's sayings, shown in what it left behind of the sites.
///
/// # Errors
/// When the store cannot be read.
pub fn mark_left_behind(
    store: &Store,
    fleet: &mut FleetStatus,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let attention = store.attention()?;
    fleet.sites.iter_mut().for_each(|status| mark(&attention, status, now));
    fleet.fleet.iter_mut().for_each(|whole| mark_fleet(&attention, whole, now));
    Ok(())
}

/// The alerts that the last daemon left behind.
///
/// # Errors
/// When the store cannot be read.
pub fn alerts_left_behind(
    store: &Store,
    config: &Config,
    ended: bool,
    now: DateTime<Utc>,
) -> Result<AlertList, StoreError> {
    let alerts = store.all_alerts()?;
    let mut facts = facts_of(config);
    for site in alerts.keys() {
        facts.entry(site.clone()).or_insert_with(|| SiteFacts::of_name(site));
    }
    let sites = listed::with_alerts(alerts, facts.into_values());
    let (ledger, attention) = (store.notification_ledger()?, store.attention()?);
    let sinks = config.daemon.alerts.sinks.iter().map(|sink| sink.name.clone()).collect();
    Ok(Known { sites: &sites, ledger: &ledger, sinks: &sinks, attention: &attention, now }.list(ended))
}

/// The silences that the last daemon left behind and that hold.
///
/// # Errors
/// When the store cannot be read.
pub fn silences_left_behind(
    store: &Store,
    config: &Config,
    now: DateTime<Utc>,
) -> Result<SilenceList, StoreError> {
    Ok(silences_of(&store.attention()?, &facts_of(config), now))
}

/// What was sent, as it is kept, newest first.
///
/// # Errors
/// When the store cannot be read.
pub fn sent_as_kept(store: &Store, limit: usize) -> Result<SentPage, StoreError> {
    let sent = store.sent(limit)?.into_iter().map(|line| SentMessage {
        id: line.id,
        sink: line.sink,
        at: crate::domain::wording::local(line.at, chrono_tz::UTC),
        reason: line.reason,
        about: line.about,
        alerts: line.alerts,
        refused: line.refused,
    });
    Ok(SentPage { sent: sent.collect() })
}

/// Keeps what somebody said; from then on it counts, and is shown. One at a time, so that the last one kept is the last one
/// shown.
async fn keep<T: Send + 'static>(
    context: &Context,
    site: &SiteName,
    operation: impl FnOnce(&Store, &SiteName) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Refusal> {
    let _turn = context.attention_turn.lock().await;
    let kept = context.store(site, move |store, site| Ok((operation(store, site)?, store.attention()?)));
    let (outcome, attention) = kept.await.map_err(unavailable)?;
    context.attention.send_replace(Arc::new(attention));
    show(context);
    Ok(outcome)
}

/// Puts up again what differs by what people have said.
fn show(context: &Context) {
    let (attention, now) = (Arc::clone(&context.attention.borrow()), context.now());
    let (of_fleet, no_labels) = (SiteName::of_fleet(), BTreeMap::new());
    let stale = |site: &SiteName, labels: &BTreeMap<String, String>, alerts: &[Alert]| {
        alerts.iter().any(|alert| attention.state_of(site, labels, alert, now) != alert.state)
    };
    context.board.revise(
        |status| {
            stale(&status.site, &status.labels, &status.alerts).then(|| {
                let mut marked = status.clone();
                mark(&attention, &mut marked, now);
                marked
            })
        },
        |fleet| {
            stale(&of_fleet, &no_labels, &fleet.alerts).then(|| {
                let mut marked = fleet.clone();
                mark_fleet(&attention, &mut marked, now);
                marked
            })
        },
    );
}

/// The alert with this id, and its site.
fn meant<'a>(
    sites: &'a BTreeMap<SiteName, SiteAlerts>,
    id: &str,
) -> Result<(&'a SiteAlerts, &'a Alert), Refusal> {
    let found = sites.values().find_map(|site| {
        let alert = site.alerts.iter().find(|alert| alert.id == id)?;
        Some((site, alert.as_ref()))
    });
    found.ok_or_else(|| unknown_alert(id, sites))
}

/// Names the alerts that could be meant: those of the site that the id begins with, else of all.
fn unknown_alert(id: &str, sites: &BTreeMap<SiteName, SiteAlerts>) -> Refusal {
    let of_site = id.split('/').next().unwrap_or_default();
    let near = sites.iter().filter(|(site, _)| site.as_str() == of_site);
    let ids = |sites: Vec<&SiteAlerts>| -> Vec<String> {
        sites.iter().flat_map(|site| &site.alerts).map(|alert| alert.id.clone()).collect()
    };
    let mut there = ids(near.map(|(_, site)| site).collect());
    if there.is_empty() {
        there = ids(sites.values().collect());
    }
    let more = there.len().saturating_sub(NAMED);
    there.truncate(NAMED);
    let named = match (there.is_empty(), more) {
        (true, _) => "there is none at all".to_owned(),
        (false, 0) => format!("there are: {}", there.join(", ")),
        (false, more) => format!("there are: {}, and {more} more: see 'n720d alerts'", there.join(", ")),
    };
    Refusal::new(RefusalKind::NotFound, format!("there is no alert {id:?}; {named}"))
}

/// What is known of alerts, also where nobody watches because a file has errors.
struct Kept {
    sites: BTreeMap<SiteName, SiteAlerts>,
    ledger: NotificationLedger,
    sinks: BTreeSet<String>,
}

impl Kept {
    async fn read(context: &Context) -> Result<Self, StoreError> {
        let ledger = context.store_of_all(Store::notification_ledger).await?;
        Ok(Self { sites: context.desk.all(), ledger, sinks: context.alerting().names() })
    }

    fn with<'a>(&'a self, attention: &'a Attention, now: DateTime<Utc>) -> Known<'a> {
        Known { sites: &self.sites, ledger: &self.ledger, sinks: &self.sinks, attention, now }
    }

    /// An alert as people have it at this moment, after it was with somebody else.
    fn answer(
        &self,
        context: &Context,
        (site, alert): (&SiteAlerts, &Alert),
        before: Option<Taken>,
    ) -> AcknowledgeAnswer {
        let attention = context.attention.borrow();
        AcknowledgeAnswer { alert: self.with(&attention, context.now()).line(site, alert), before }
    }
}

/// Who has an alert.
fn held(context: &Context, site: &SiteAlerts, alert: &Alert) -> Option<Taken> {
    let attention = context.attention.borrow();
    let given = attention.acknowledgement_of(alert, context.now());
    given.map(|given| listed::taken(given, site.facts.time_zone))
}

fn facts(context: &Context) -> BTreeMap<SiteName, SiteFacts> {
    facts_of(&context.in_force.borrow().config)
}

/// The sites that have a file, right or not, and the fleet.
fn facts_of(config: &Config) -> BTreeMap<SiteName, SiteFacts> {
    let wrong = config.invalid.keys().filter_map(|name| name.parse().ok());
    let wrong = wrong.map(|name| SiteFacts::of_name(&name));
    let sites = config.sites.values().map(SiteFacts::from).chain(wrong).chain([SiteFacts::of_fleet()]);
    sites.map(|facts| (facts.name.clone(), facts)).collect()
}

fn silences_of(
    attention: &Attention,
    sites: &BTreeMap<SiteName, SiteFacts>,
    now: DateTime<Utc>,
) -> SilenceList {
    let holding = attention.silences.iter().filter(|silence| silence.holds(now));
    SilenceList { silences: holding.map(|given| listed::silence(given, sites.values()).0).collect() }
}

fn refused(why: &NotSaid) -> Refusal {
    let kind = match why {
        NotSaid::Ended { .. } => RefusalKind::Refused,
        NotSaid::Length
        | NotSaid::Nobody
        | NotSaid::Text { .. }
        | NotSaid::NoReason
        | NotSaid::Everything => RefusalKind::BadRequest,
    };
    Refusal::new(kind, why.to_string())
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{AlertKind, AlertState, Severity};

    fn alerts(site: &str, kinds: &[AlertKind]) -> (SiteName, Vec<Alert>) {
        let alert = |kind: &AlertKind| Alert {
            id: format!("{site}/{kind}"),
            kind: *kind,
            severity: Severity::Warning,
            summary: String::new(),
            phase: String::new(),
            since: DateTime::UNIX_EPOCH,
            state: AlertState::Firing,
            resolved_at: None,
            handsets: Vec::new(),
            readings: Vec::new(),
            unwatched: false,
        };
        (site.parse().unwrap(), kinds.iter().map(alert).collect())
    }

    fn sites(alerts: Vec<(SiteName, Vec<Alert>)>) -> BTreeMap<SiteName, SiteAlerts> {
        let facts: Vec<SiteFacts> = alerts
            .iter()
            .map(|(name, _)| SiteFacts { name: name.clone(), ..SiteFacts::of_fleet() })
            .collect();
        listed::with_alerts(alerts.into_iter().collect(), facts)
    }

    #[test]
    fn who_means_another_alert_is_told_which_there_are() {
        use AlertKind::{ClockSkew, Drift};
        let there = sites(vec![alerts("acme", &[Drift, ClockSkew]), alerts("beta", &[Drift])]);
        assert_eq!(meant(&there, "beta/drift").unwrap().1.id, "beta/drift");
        let told = |id: &str| meant(&there, id).unwrap_err().to_string();
        assert_eq!(
            told("acme/handset-lost"),
            "there is no alert \"acme/handset-lost\"; there are: acme/drift, acme/clock-skew"
        );
        assert_eq!(
            told("drift"),
            "there is no alert \"drift\"; there are: acme/drift, acme/clock-skew, beta/drift"
        );
        let none = meant(&BTreeMap::new(), "drift").unwrap_err();
        assert_eq!(none.to_string(), "there is no alert \"drift\"; there is none at all");
    }

    #[test]
    fn of_many_alerts_the_first_are_named() {
        let many = (0..NAMED + 5).map(|number| alerts(&format!("site-{number:02}"), &[AlertKind::Drift]));
        let told = meant(&sites(many.collect()), "x").unwrap_err().to_string();
        assert!(told.ends_with("site-19/drift, and 5 more: see 'n720d alerts'"), "{told}");
    }

    #[test]
    fn a_status_shows_what_people_said_and_again_what_holds_when_that_is_over() {
        let (site, alerts) = alerts("acme", &[AlertKind::Drift]);
        let mut status = super::super::rest::invalid(site, String::new());
        let given =
            Acknowledgement::new(&alerts[0], "anna", "", Some(Duration::from_secs(60)), DateTime::UNIX_EPOCH);
        let attention = Attention {
            acknowledgements: [(alerts[0].id.clone(), given.unwrap())].into(),
            silences: Vec::new(),
        };
        status.alerts = alerts;
        let mut state_at = |seconds| {
            mark(&attention, &mut status, DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds));
            status.alerts[0].state
        };
        assert_eq!((state_at(59), state_at(60)), (AlertState::Acknowledged, AlertState::Firing));
    }

    #[test]
    fn what_makes_no_sense_and_what_comes_too_late_are_told_apart() {
        assert_eq!(refused(&NotSaid::NoReason).kind, RefusalKind::BadRequest);
        assert_eq!(refused(&NotSaid::Ended { alert: "acme/drift".into() }).kind, RefusalKind::Refused);
    }
}
