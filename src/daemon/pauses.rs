//! Pauses, given and ended: kept first, then shown. What a pause holds back is decided by the planner, and checked by the
//! executor; here nothing is.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use chrono_tz::Tz;

use super::chain;
use super::context::Context;
use super::fleet::Fleet;
use crate::api::{PauseAnswer, PauseRequest, Refusal, RefusalKind, ResumeAnswer, ResumeRequest, StillPaused};
use crate::domain::assess::pause_status;
use crate::domain::clearance::{self, NoPause, Pause, Pauses};
use crate::domain::history::{self, HistoryEntry};
use crate::domain::ids::SiteName;
use crate::domain::status::SiteStatus;
use crate::store::StoreError;

/// Pauses a site, or all: from the answer on nothing new is begun.
///
/// # Errors
/// When there is no such site, the request makes no sense, or the store cannot be written.
pub(super) async fn pause(fleet: &Fleet, request: &PauseRequest) -> Result<PauseAnswer, Refusal> {
    let context = fleet.context();
    let length = request.seconds.map(Duration::from_secs);
    let pause = Pause::new(&request.by, &request.reason, length, request.site.is_none(), context.now())
        .map_err(senseless)?;
    let (zone, sites) = match &request.site {
        Some(site) => (watched(fleet, site)?, vec![site.clone()]),
        None => (Tz::UTC, fleet.names()),
    };
    let told = entry(context, &pause.by, "pause", pause.told(zone));
    let longer = match request.site.clone() {
        Some(site) => pause_site(context, site, pause.clone(), told).await,
        None => pause_all(context, sites.clone(), pause.clone(), told).await.map(|()| None),
    };
    let longer = longer.map_err(unavailable)?;
    show(fleet, &sites).await.map_err(unavailable)?;
    request.site.iter().for_each(|site| fleet.wake(site));
    Ok(PauseAnswer {
        pause: pause_status(&pause, zone),
        forgotten_at: forgotten_at(context, &pause, zone),
        longer: longer.map(|longer| pause_status(&longer, zone)),
        sites: sites.len(),
    })
}

/// Ends the pause of a site, or that of all sites; what waited is done at once.
///
/// # Errors
/// When there is no such site, nobody asks, or the store cannot be written.
pub(super) async fn resume(fleet: &Fleet, request: &ResumeRequest) -> Result<ResumeAnswer, Refusal> {
    let by = clearance::name_of(&request.by).map_err(senseless)?;
    match &request.site {
        Some(site) => resume_site(fleet, site, &by).await,
        None => resume_all(fleet, &by).await,
    }
}

async fn resume_site(fleet: &Fleet, site: &SiteName, by: &str) -> Result<ResumeAnswer, Refusal> {
    let (context, zone) = (fleet.context(), watched(fleet, site)?);
    let told = entry(context, by, "resume", "the pause was ended".to_owned());
    let kept = told.clone();
    let ended =
        context.store(site, move |store, site| store.resume(site, kept)).await.map_err(unavailable)?;
    if ended.is_some() {
        log(site, &told);
    }
    let holding = holding(context, site).await.map_err(unavailable)?;
    show(fleet, std::slice::from_ref(site)).await.map_err(unavailable)?;
    if holding.longer().is_none() {
        fleet.wake(site);
    }
    let still = holding.longer().map(|pause| still(site.clone(), pause, zone));
    Ok(ResumeAnswer {
        ended: ended.map(|pause| pause_status(&pause, zone)),
        still: still.into_iter().collect(),
    })
}

async fn resume_all(fleet: &Fleet, by: &str) -> Result<ResumeAnswer, Refusal> {
    let (context, sites) = (fleet.context(), fleet.names());
    let told = entry(context, by, "resume", "the pause of all sites was ended".to_owned());
    tracing::info!(sites = sites.len(), what = %told.what, "{}", told.outcome);
    let (named, now) = (sites.clone(), context.now());
    let (ended, own) = context
        .store_of_all(move |store| Ok((store.resume_all(&named, &told)?, store.paused_sites()?)))
        .await
        .map_err(unavailable)?;
    show(fleet, &sites).await.map_err(unavailable)?;
    let own = own.into_iter().filter(|(site, pause)| fleet.has(site) && !pause.is_over(now));
    let own: Vec<(SiteName, Pause)> = own.collect();
    for site in sites.iter().filter(|site| !own.iter().any(|(paused, _)| paused == *site)) {
        if has_work(context, site) {
            fleet.wake(site);
        }
    }
    let still = own.into_iter().map(|(site, pause)| {
        let zone = context.zone(&site).unwrap_or(Tz::UTC);
        still(site, &pause, zone)
    });
    Ok(ResumeAnswer { ended: ended.map(|pause| pause_status(&pause, Tz::UTC)), still: still.collect() })
}

/// Gives the pause of all sites, where that lasts longer.
async fn pause_site(
    context: &Context,
    site: SiteName,
    pause: Pause,
    told: HistoryEntry,
) -> Result<Option<Pause>, StoreError> {
    log(&site, &told);
    context.store(&site, move |store, site| store.pause(site, &pause, told)).await?;
    Ok(holding(context, &site).await?.longer().filter(|pause| pause.whole_fleet).cloned())
}

async fn pause_all(
    context: &Context,
    sites: Vec<SiteName>,
    pause: Pause,
    told: HistoryEntry,
) -> Result<(), StoreError> {
    tracing::info!(sites = sites.len(), what = %told.what, "{}", told.outcome);
    context.store_of_all(move |store| store.pause_all(&sites, &pause, &told)).await
}

async fn holding(context: &Context, site: &SiteName) -> Result<Pauses, StoreError> {
    let now = context.now();
    context.store(site, move |store, site| Ok(store.pauses(site)?.at(now))).await
}

/// Puts up at once what the next cycle of each site would show of its pause.
async fn show(fleet: &Fleet, sites: &[SiteName]) -> Result<(), StoreError> {
    let context = fleet.context();
    for site in sites {
        let Some(zone) = context.zone(site) else { continue };
        let pause = holding(context, site).await?.longer().map(|pause| pause_status(pause, zone));
        if let Some(last) = context.board.get(site).filter(|last| last.pause != pause) {
            context.board.publish(Arc::new(SiteStatus { pause, ..SiteStatus::clone(&last) }));
        }
    }
    Ok(())
}

/// Whether the last plan of a site leaves something to be done.
fn has_work(context: &Context, site: &SiteName) -> bool {
    context.board.get(site).is_some_and(|status| !status.plan.steps.is_empty())
}

/// When it will have been forgotten; `None`: it is over before.
fn forgotten_at(context: &Context, pause: &Pause, zone: Tz) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    let threshold = TimeDelta::from_std(context.pace().pause_forgotten).ok()?;
    let at: chrono::DateTime<Utc> = pause.since.checked_add_signed(threshold)?;
    pause.until.is_none_or(|until| until > at).then(|| crate::domain::wording::local(at, zone))
}

fn still(site: SiteName, pause: &Pause, zone: Tz) -> StillPaused {
    StillPaused { site, pause: pause_status(pause, zone) }
}

/// The time zone of a site that is watched.
fn watched(fleet: &Fleet, site: &SiteName) -> Result<Tz, Refusal> {
    let zone = fleet.context().zone(site).filter(|_| fleet.has(site));
    zone.ok_or_else(|| Refusal::unknown_site(site.as_str()))
}

fn entry(context: &Context, by: &str, what: &str, outcome: String) -> HistoryEntry {
    HistoryEntry { at: context.now(), who: history::user(by), what: what.to_owned(), outcome }
}

fn log(site: &SiteName, told: &HistoryEntry) {
    tracing::info!(%site, what = %told.what, "{}", told.outcome);
}

fn senseless(why: NoPause) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, why.to_string())
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, chain(&error))
}
