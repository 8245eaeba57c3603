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
use crate::domain::history::{self, HistoryEntry};
use crate::domain::ids::SiteName;
use crate::domain::plan::Step;
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
    if turn.plan.steps.iter().any(Step::needs_approval) {
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

/// Approves the plan that the request names, if that is still the present one; `read` runs a cycle. It is run once more
/// afterwards, so that what may be carried out is carried out at once. Who asks for the same again, after a broken
/// connection or a kill, is told how it stands.
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
    if let Some(answer) = standing(&present.status, &wish.hash) {
        return Ok(answer);
    }
    if let Some(answer) = declined(context, site, &wish.hash, &present).await? {
        return Ok(answer);
    }
    if !present.status.plan.steps.iter().any(Step::needs_approval) {
        let message = format!("nothing in plan {} needs an approval: it deregisters no handset", wish.hash);
        return Ok(answer(ApproveOutcome::NotNeeded, message, present.status));
    }
    let given = match keep(context, site, &wish, &present.terms).await? {
        Ok(given) => given,
        Err(refused) => return Ok(answer(ApproveOutcome::Refused, refused.to_string(), present.status)),
    };
    let after = read().await.map_err(|why| {
        let why = format!("the approval is recorded, and nothing is done by it yet: {why}");
        Refusal::new(RefusalKind::Failed, why)
    })?;
    Ok(outcome(&given, after))
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
    let failed = |why: &str| {
        Refusal::new(RefusalKind::Failed, format!("nothing is approved, for want of a reading: {why}"))
    };
    let report = outcome.map_err(|why| failed(&why))?;
    match (&report.contact, &report.unreadable) {
        (Ok(()), None) => Ok(report),
        (Ok(()), Some(why)) => Err(failed(why)),
        (Err(failure), _) => Err(failed(failure.why())),
    }
}

/// The answer about a plan whose approval holds, or is being carried out.
fn standing(status: &SiteStatus, wanted: &Generation) -> Option<ApproveAnswer> {
    let shown = status.plan.approval.as_ref().filter(|shown| shown.hash == *wanted)?;
    let message = match shown.state {
        ApprovalState::Used => released(shown),
        ApprovalState::Holds => holds(shown),
        ApprovalState::WaitingForSecondPerson | ApprovalState::Expired | ApprovalState::Stale => return None,
    };
    Some(answer(ApproveOutcome::Approved, message, status.clone()))
}

/// The answer to a request that is neither of the present plan nor of one that it is what is left of.
async fn declined(
    context: &Context,
    site: &SiteName,
    wanted: &Generation,
    present: &Report,
) -> Result<Option<ApproveAnswer>, Refusal> {
    if present.status.plan.hash.as_ref() == Some(wanted) {
        return Ok(None);
    }
    let asked = wanted.clone();
    let known = context
        .store(site, move |store, site| Ok((store.memory(site)?.approval, store.reviewed(site, &asked)?)));
    let (approval, reviewed) = known.await.map_err(unavailable)?;
    let used = approval.filter(|approval| approval.hash == *wanted && approval.used.is_some());
    if let (None, Some(used)) = (&present.status.plan.hash, used) {
        let people = used.people();
        let message = format!("plan {wanted} was approved by {people} and released; nothing is left to do");
        return Ok(Some(answer(ApproveOutcome::NotNeeded, message, present.status.clone())));
    }
    // What needed no approval and was carried out since is no change.
    if reviewed.as_ref().is_some_and(|reviewed| approval::covers(reviewed, &present.terms)) {
        return Ok(None);
    }
    let now = match &present.status.plan.hash {
        Some(hash) => format!("the present plan is {hash}"),
        None => "there is nothing to do at present".to_owned(),
    };
    let message = match &reviewed {
        Some(_) => format!("plan {wanted} is not approved: things have changed since it was made; {now}"),
        None => format!(
            "no plan {wanted} was made for {site} lately; {now}; a site file that has changed counts after `n720d reload`, \
             and so does its plan"
        ),
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
) -> Result<Result<Approval, Refused>, Refusal> {
    let rule = rule(context, site);
    for _ in 0..TRIES {
        let memory = context.store(site, |store, site| store.memory(site)).await.map_err(unavailable)?;
        let now = context.now();
        let (given, granted) = match approval::grant(approval::in_play(&memory, now), rule, wish, terms, now)
        {
            Ok((standing, Granted::Already)) => return Ok(Ok(standing)),
            Ok(new) => new,
            Err(refused) => return Ok(Err(refused)),
        };
        let entry = told(wish, &given, granted, now);
        let (upon, new, kept) = (memory.approval, given.clone(), entry.clone());
        let keep =
            context.store(site, move |store, site| store.keep_approval(site, upon.as_ref(), &new, &[kept]));
        if keep.await.map_err(unavailable)? {
            log(site, &entry);
            return Ok(Ok(given));
        }
    }
    let why = "nothing is approved: others approved at the same time; try again";
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
    HistoryEntry { at, who: history::user(&wish.by), what: "approval".into(), outcome }
}

/// What an approval that was kept came to, by the reading after it.
fn outcome(given: &Approval, after: Report) -> ApproveAnswer {
    let (names, status) = (given.people(), after.status);
    let now =
        status.plan.hash.as_ref().map_or_else(String::new, |hash| format!("; the present plan is {hash}"));
    let Some(shown) = status.plan.approval.clone().filter(|shown| shown.hash == given.hash) else {
        let message = format!("the approval by {names} is over already{now}");
        return answer(ApproveOutcome::Refused, message, status);
    };
    let (outcome, message) = match shown.state {
        ApprovalState::Used => (ApproveOutcome::Approved, released(&shown)),
        ApprovalState::Holds => (ApproveOutcome::Approved, holds(&shown)),
        ApprovalState::WaitingForSecondPerson => {
            let until = clock(shown.expires_at);
            let message =
                format!("approved by {names}; a second person has to approve the same plan before {until}");
            (ApproveOutcome::SecondPersonNeeded, message)
        }
        ApprovalState::Stale => {
            let message = format!(
                "plan {} was approved by {names}, but things have changed meanwhile, and nothing is done by it{now}; \
                 it holds until {} should all be as it was",
                given.hash,
                clock(shown.expires_at)
            );
            let difference = Some(Difference::between(&given.terms, &after.terms));
            return ApproveAnswer { difference, ..answer(ApproveOutcome::Refused, message, status) };
        }
        ApprovalState::Expired => (ApproveOutcome::Refused, format!("the approval by {names} has expired")),
    };
    let message = match &after.contact {
        Ok(()) => message,
        Err(failure) => format!("{message}; the manager could not be read just now: {}", failure.why()),
    };
    answer(outcome, message, status)
}

fn released(shown: &ApprovalStatus) -> String {
    format!("approved by {}, and released", shown.by.join(" and "))
}

fn holds(shown: &ApprovalStatus) -> String {
    format!("approved by {}; it holds until {}", shown.by.join(" and "), clock(shown.expires_at))
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
