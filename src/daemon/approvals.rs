//! Approvals, given: the present plan is made anew and compared with the one that was reviewed, before anybody's word is
//! kept. Who may grant what is `domain`'s, what an approval lets happen is the planner's.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::chain;
use super::context::Context;
use super::cycle::Report;
use crate::api::{ApproveAnswer, ApproveOutcome, ApproveRequest, Refusal, RefusalKind};
use crate::domain::approval::{self, Approval, ApprovalState, Difference, Granted, Refused, Wish};
use crate::domain::desired::{ApprovalRule, DesiredSite};
use crate::domain::history::HistoryEntry;
use crate::domain::ids::SiteName;
use crate::domain::plan::{Plan, Step};
use crate::domain::release::Generation;
use crate::domain::status::{ApprovalStatus, SiteStatus};
use crate::domain::turn::Turn;
use crate::domain::wording::clock;
use crate::store::StoreError;

/// How often an approval is decided anew because another one came in between.
const TRIES: u32 = 3;

/// What a cycle leaves for approvals: the plan that it shows, if that needs one, and that the last one ended unused.
///
/// # Errors
/// When the store cannot be written.
pub(super) async fn note(context: &Context, desired: &DesiredSite, turn: &Turn) -> Result<(), StoreError> {
    if needs_approval(&turn.plan) {
        let (hash, terms, at) = (turn.plan.hash.clone(), turn.plan.terms.clone(), context.now());
        context.store(&desired.name, move |store, site| store.review(site, &hash, &terms, at)).await?;
    }
    let now = context.now();
    let Some(lapsed) = turn.memory.approval.clone().filter(|approval| approval.has_just_lapsed(now)) else {
        return Ok(());
    };
    let outcome = format!("the approval of plan {} by {} has expired unused", lapsed.hash, lapsed.people());
    let entry = HistoryEntry { at: now, who: "n720d".into(), what: "approval".into(), outcome };
    let told = Approval { lapsed: true, ..lapsed.clone() };
    log(&desired.name, &entry);
    context
        .store(&desired.name, move |store, site| store.keep_approval(site, Some(&lapsed), &told, &[entry]))
        .await
        // One that was given meanwhile takes its place, and its history says so.
        .map(drop)
}

fn needs_approval(plan: &Plan) -> bool {
    plan.steps.iter().any(Step::needs_approval)
}

/// Approves the plan that the request names, if that is still the present one; `read` runs a cycle. It is run once more
/// afterwards, so that what may be carried out is carried out at once.
///
/// # Errors
/// When the request is not understood, or manager or store cannot be read. That the plan has changed, or that somebody else
/// has to approve, is an answer.
pub(super) async fn approve<R, F>(
    context: &Context,
    request: &ApproveRequest,
    read: R,
) -> Result<ApproveAnswer, Refusal>
where
    R: Fn() -> F,
    F: Future<Output = Result<Report, String>>,
{
    let site = &request.site;
    let wish = wish(context, request)?;
    let present = read_through(read().await)?;
    if let Some(answer) = declined(context, site, &wish, &present).await? {
        return Ok(answer);
    }
    let (given, granted) = match keep(context, site, &wish, &present.terms).await? {
        Ok(kept) => kept,
        Err(refused) => return Ok(answer(ApproveOutcome::Refused, refused.to_string(), present.status)),
    };
    let after = read().await.map_err(|why| {
        Refusal::new(RefusalKind::Failed, format!("the approval is recorded, but nothing is done yet: {why}"))
    })?;
    Ok(outcome(&given, granted, after))
}

fn wish(context: &Context, request: &ApproveRequest) -> Result<Wish, Refusal> {
    let valid = match request.valid_seconds {
        Some(seconds) => Duration::from_secs(seconds),
        None => context.in_force.borrow().config.daemon.approval.valid,
    };
    Wish::new(&request.hash, &request.by, &request.reason, valid)
        .map_err(|refused| Refusal::new(RefusalKind::BadRequest, refused.to_string()))
}

/// A reading that shows the present plan.
fn read_through(outcome: Result<Report, String>) -> Result<Report, Refusal> {
    let failed = |why: String| Refusal::new(RefusalKind::Failed, why);
    let report = outcome.map_err(failed)?;
    match &report.contact {
        Ok(()) => Ok(report),
        Err(failure) => {
            Err(failed(format!("nothing is approved: the manager could not be read: {}", failure.why())))
        }
    }
}

/// The answer to a request that is not of the present plan, or to a plan that needs no approval.
async fn declined(
    context: &Context,
    site: &SiteName,
    wish: &Wish,
    present: &Report,
) -> Result<Option<ApproveAnswer>, Refusal> {
    let (wanted, plan) = (&wish.hash, &present.status.plan);
    let asked = wanted.clone();
    let reviewed =
        context.store(site, move |store, site| store.reviewed(site, &asked)).await.map_err(unavailable)?;
    // What needed no approval and was carried out since is no change.
    let goes_on = reviewed.as_ref().is_some_and(|reviewed| approval::covers(reviewed, &present.terms));
    if plan.hash.as_ref() == Some(wanted) || goes_on {
        if plan.steps.iter().any(Step::needs_approval) {
            return Ok(None);
        }
        let message = format!("nothing in plan {wanted} needs an approval: it deregisters no handset");
        return Ok(Some(answer(ApproveOutcome::NotNeeded, message, present.status.clone())));
    }
    let now = match &plan.hash {
        Some(hash) => format!("the present plan is {hash}"),
        None => "there is nothing to do at present".to_owned(),
    };
    let message = match &reviewed {
        Some(_) => {
            format!("plan {wanted} is not approved, because things have changed since it was made; {now}")
        }
        None => format!("no plan {wanted} was made for {site} lately; {now}"),
    };
    let difference = reviewed.map(|reviewed| Difference::between(&reviewed, &present.terms));
    Ok(Some(ApproveAnswer { difference, ..answer(ApproveOutcome::Refused, message, present.status.clone()) }))
}

/// Decides and keeps, anew when another approval came in between.
async fn keep(
    context: &Context,
    site: &SiteName,
    wish: &Wish,
    terms: &[String],
) -> Result<Result<(Approval, Granted), Refused>, Refusal> {
    let rule = rule(context, site);
    for _ in 0..TRIES {
        let memory = context.store(site, |store, site| store.memory(site)).await.map_err(unavailable)?;
        let now = context.now();
        let (given, granted) = match approval::grant(approval::in_play(&memory), rule, wish, terms, now) {
            Ok((standing, Granted::Already)) => return Ok(Ok((standing, Granted::Already))),
            Ok(new) => new,
            Err(refused) => return Ok(Err(refused)),
        };
        let entry = told(wish, &given, granted, now);
        let (upon, new, kept) = (memory.approval, given.clone(), entry.clone());
        let keep =
            context.store(site, move |store, site| store.keep_approval(site, upon.as_ref(), &new, &[kept]));
        if keep.await.map_err(unavailable)? {
            log(site, &entry);
            return Ok(Ok((given, granted)));
        }
    }
    let why = "the approval was changed by others at the same time; try again";
    Err(Refusal::new(RefusalKind::Unavailable, why))
}

fn rule(context: &Context, site: &SiteName) -> ApprovalRule {
    let in_force = context.in_force.borrow();
    in_force.config.sites.get(site).map_or_else(ApprovalRule::default, |desired| desired.approval)
}

/// The line of history of a grant.
fn told(wish: &Wish, given: &Approval, granted: Granted, at: DateTime<Utc>) -> HistoryEntry {
    let end = given.expires_at.format("%Y-%m-%d %H:%M UTC");
    let wanting = match granted {
        Granted::SecondPersonNeeded => "; a second person has to approve it too",
        Granted::Complete | Granted::Already => "",
    };
    let reason = if wish.reason.is_empty() { String::new() } else { format!(": {}", wish.reason) };
    let outcome = format!("approved plan {} until {end}{wanting}{reason}", given.hash);
    HistoryEntry { at, who: format!("user {}", wish.by), what: "approval".into(), outcome }
}

/// What an approval that was kept came to, by the reading after it.
fn outcome(given: &Approval, granted: Granted, after: Report) -> ApproveAnswer {
    let people = given.people();
    let shown = after.status.plan.approval.clone().filter(|shown| shown.hash == given.hash);
    let until = |shown: &ApprovalStatus| clock(shown.expires_at);
    if let Err(failure) = &after.contact {
        let message = format!(
            "approved by {people}; the manager could not be read again: {}; it goes on when it can be",
            failure.why()
        );
        return answer(complete(granted), message, after.status);
    }
    match shown.as_ref().map(|shown| (shown.state, shown)) {
        Some((ApprovalState::Used, _)) => {
            answer(ApproveOutcome::Approved, format!("approved by {people}, and released"), after.status)
        }
        Some((ApprovalState::Holds, shown)) => {
            let message = format!("approved by {people}; it holds until {}", until(shown));
            answer(ApproveOutcome::Approved, message, after.status)
        }
        Some((ApprovalState::WaitingForSecondPerson, shown)) => {
            let message = format!(
                "approved by {people}; a second person has to approve the same plan before {}",
                until(shown)
            );
            answer(ApproveOutcome::SecondPersonNeeded, message, after.status)
        }
        Some((ApprovalState::Stale, _)) => {
            let message = format!(
                "plan {} was approved by {people}, but things have changed meanwhile, and nothing is done by it{}",
                given.hash,
                present(after.status.plan.hash.as_ref())
            );
            let difference = Some(Difference::between(&given.terms, &after.terms));
            ApproveAnswer { difference, ..answer(ApproveOutcome::Refused, message, after.status) }
        }
        Some((ApprovalState::Expired, _)) | None => {
            let message = format!("the approval by {people} is over already");
            answer(ApproveOutcome::Refused, message, after.status)
        }
    }
}

fn complete(granted: Granted) -> ApproveOutcome {
    match granted {
        Granted::Complete | Granted::Already => ApproveOutcome::Approved,
        Granted::SecondPersonNeeded => ApproveOutcome::SecondPersonNeeded,
    }
}

fn present(hash: Option<&Generation>) -> String {
    hash.map_or_else(String::new, |hash| format!("; the present plan is {hash}"))
}

fn answer(outcome: ApproveOutcome, message: String, status: SiteStatus) -> ApproveAnswer {
    ApproveAnswer { outcome, message, difference: None, status }
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, format!("nothing is approved: {}", chain(&error)))
}

fn log(site: &SiteName, entry: &HistoryEntry) {
    tracing::info!(%site, who = %entry.who, what = %entry.what, "{}", entry.outcome);
}
