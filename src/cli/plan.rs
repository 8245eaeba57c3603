//! `n720d plan`: observes, and shows what would be done, to whom, and why. Writes nothing.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::args::PlanArgs;
use super::paint::Line;
use super::{CliError, Exit, async_runtime, chain, configuration, diff, logging, output, site};
use crate::config::Config;
use crate::daemon::{self, BrokenOff, Look, LookError};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::neighbours::Directory;
use crate::domain::plan::{Action, Cause, Disposition, Impact, Step};
use crate::domain::status::PlanStatus;

/// What `plan --json` prints.
#[derive(Debug, Serialize)]
struct Plans {
    sites: Vec<SitePlan>,
}

#[derive(Debug, Serialize)]
struct SitePlan {
    site: SiteName,
    /// `null` when the site could not be read.
    plan: Option<PlanStatus>,
    notes: Vec<String>,
    error: Option<String>,
    /// The plan for people.
    #[serde(skip)]
    diff: Vec<Line>,
}

/// Runs the command.
pub(super) fn run(file: &Path, args: &PlanArgs) -> Result<Exit, CliError> {
    logging::start(logging::Level::Warn);
    let config = configuration(file)?;
    let sites: Vec<&DesiredSite> = if args.sites.is_empty() {
        // Named or not, a site whose file cannot be used must not pass for one without a plan.
        if let Some(findings) = config.invalid.values().next() {
            return Err(CliError::Configuration { findings: findings.clone() });
        }
        config.sites.values().collect()
    } else {
        args.sites.iter().map(|name| site(&config, name)).collect::<Result<_, _>>()?
    };
    let (plans, broken_off) = async_runtime()?.block_on(look_at(&config, &sites, args.retry_login));
    let exit = broken_off.map_or_else(|| exit_of(&plans), Exit::from);
    if args.json {
        output::json(&Plans { sites: plans })?;
    } else {
        print_all(&plans)?;
    }
    Ok(exit)
}

/// One after the other: a person reads the answers in this order.
async fn look_at(
    config: &Config,
    sites: &[&DesiredSite],
    retry_login: bool,
) -> (Vec<SitePlan>, Option<BrokenOff>) {
    let directory = Directory::of(config.sites.values());
    let mut plans = Vec::new();
    for desired in sites {
        let looked = daemon::look(&config.daemon, &directory, desired, retry_login).await;
        let broken_off = if let Err(LookError::BrokenOff(how)) = &looked { Some(*how) } else { None };
        plans.push(site_plan(desired, looked));
        if broken_off.is_some() {
            return (plans, broken_off);
        }
    }
    (plans, None)
}

fn site_plan(desired: &DesiredSite, looked: Result<Look, LookError>) -> SitePlan {
    let site = desired.name.clone();
    match looked {
        Err(error) => {
            SitePlan { site, plan: None, notes: Vec::new(), error: Some(chain(&error)), diff: Vec::new() }
        }
        Ok(look) => {
            let seen = &look.observation;
            let unreadable = [seen.mac.why_not(), seen.pending.why_not(), seen.slots.why_not()];
            let wrong = seen.mac.known().filter(|mac| **mac != desired.manager.mac);
            let error = wrong
                .map(|mac| format!("wrong device: its MAC is {mac}, the site's is {}", desired.manager.mac))
                .or_else(|| {
                    unreadable.into_iter().flatten().next().map(|why| format!("not understood: {why}"))
                });
            let diff = diff::lines(&look.status.plan, desired, seen);
            SitePlan { site, plan: Some(look.status.plan), notes: look.observation.notes, error, diff }
        }
    }
}

fn exit_of(plans: &[SitePlan]) -> Exit {
    if plans.iter().any(|plan| plan.error.is_some()) {
        return Exit::Failed;
    }
    let steps = plans.iter().filter_map(|plan| plan.plan.as_ref()).any(|plan| !plan.steps.is_empty());
    if steps { Exit::Waiting } else { Exit::Fine }
}

/// One site after the other, with an empty line behind each plan but the last.
fn print_all(plans: &[SitePlan]) -> Result<(), CliError> {
    plans.iter().enumerate().try_for_each(|(index, plan)| {
        print(plan)?;
        let ends = plan.diff.is_empty() || index + 1 == plans.len();
        if ends { Ok(()) } else { output::line("") }
    })
}

fn print(site_plan: &SitePlan) -> Result<(), CliError> {
    let site = &site_plan.site;
    if let Some(error) = &site_plan.error {
        output::complaint(format_args!("{site}: {error}"));
    }
    site_plan.notes.iter().for_each(|note| output::complaint(format_args!("{site}: note: {note}")));
    match &site_plan.plan {
        None => Ok(()),
        Some(_) if !site_plan.diff.is_empty() => output::painted(&site_plan.diff),
        Some(_) if site_plan.error.is_some() => Ok(()),
        Some(_) => output::line(format_args!("{site}: nothing to do")),
    }
}

/// Steps in short, one a paragraph: for what is about more than the plan.
pub(super) fn print_steps(steps: &[Step]) -> Result<(), CliError> {
    steps.iter().try_for_each(|step| {
        let slot = step.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
        let who = if step.who.is_empty() { String::new() } else { format!(" ({})", step.who.join(", ")) };
        output::line(format_args!(
            "  {}{slot}{who}: {}{}",
            action(step.action),
            step.why,
            cause(step.cause)
        ))?;
        output::line(format_args!(
            "      impact: {}; {}",
            impact(step.impact),
            disposition(&step.disposition)
        ))
    })
}

/// What is done, in the words that begin a step.
pub(super) fn action(action: Action) -> &'static str {
    match action {
        Action::Enrol => "enrol",
        Action::ConfigureProvider => "configure provider",
        Action::SetPin => "set PIN",
        Action::ConfigureAccount => "configure account",
        Action::Reserve => "reserve",
        Action::Replace => "replace",
        Action::Deregister => "deregister",
        Action::OpenWindow => "open window",
        Action::ReopenWindow => "reopen window",
        Action::CloseWindow => "close window",
        Action::Fetch => "fetch",
        Action::FollowFile => "follow site file",
    }
}

/// How it came about, where the reason does not say so itself.
pub(super) fn cause(cause: Option<Cause>) -> &'static str {
    match cause {
        Some(Cause::SiteFile) => " [the site file has changed]",
        Some(Cause::UnderWay) => " [a push that is under way may have done it]",
        Some(Cause::NotYet | Cause::ByHand { .. }) | None => "",
    }
}

fn impact(impact: Impact) -> &'static str {
    match impact {
        Impact::None => "none",
        Impact::Interrupts => "interrupts",
        Impact::Deregisters => "deregisters a working handset",
    }
}

/// How it stands, and what it waits for.
pub(super) fn disposition(disposition: &Disposition) -> String {
    match disposition {
        Disposition::Ready => "ready".to_owned(),
        Disposition::Deferred { reason, until: None } => format!("deferred: {reason}"),
        Disposition::Deferred { reason, until: Some(until) } => {
            format!("deferred until {}: {reason}", instant(*until))
        }
        Disposition::Blocked { reason, .. } => format!("blocked: {reason}"),
    }
}

/// A moment as scripts and people read it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
