//! `n720d approve`: has the daemon approve a plan that deregisters handsets. And how an approval is shown.

use std::path::Path;

use super::args::{ApprovalWords, ApproveArgs};
use super::plan::print_steps;
use super::{CliError, Exit, async_runtime, configuration, output, person};
use crate::api::{ApproveAnswer, ApproveOutcome, ApproveRequest, ControlClient};
use crate::domain::ids::SiteName;
use crate::domain::plan::Step;
use crate::domain::status::ApprovalStatus;
use crate::domain::wording::clock;

#[derive(Debug, thiserror::Error)]
#[error(
    "no daemon runs on {state_dir}: start it with `n720d run` or `systemctl start n720d`, or use \
     `n720d apply {site} --approve {hash}`, which needs none"
)]
struct NotRunning {
    state_dir: String,
    site: SiteName,
    hash: String,
}

/// Runs the command.
pub(super) fn run(file: &Path, args: &ApproveArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let state_dir = &config.daemon.state_dir;
    let daemon = ControlClient::connect(state_dir).map_err(CliError::other)?.ok_or_else(|| {
        let (state_dir, site) = (state_dir.display().to_string(), args.site.clone());
        CliError::other(NotRunning { state_dir, site, hash: args.hash.trim().to_owned() })
    })?;
    let valid_seconds = args.valid.map(|valid| valid.as_secs());
    let request = ApproveRequest { valid_seconds, ..request(&args.site, &args.hash, &args.words) };
    let answer = async_runtime()?.block_on(daemon.approve(&request)).map_err(CliError::other)?;
    if args.json {
        output::json(&answer)?;
    } else {
        print(&answer)?;
    }
    Ok(exit_of(answer.outcome))
}

/// What is asked for, for as long as the configuration says.
pub(super) fn request(site: &SiteName, hash: &str, words: &ApprovalWords) -> ApproveRequest {
    ApproveRequest {
        site: site.clone(),
        hash: hash.to_owned(),
        by: person::person(words.by.as_deref()),
        reason: words.reason.clone(),
        valid_seconds: None,
    }
}

/// The exit code of an answer.
pub(super) fn exit_of(outcome: ApproveOutcome) -> Exit {
    match outcome {
        ApproveOutcome::Approved | ApproveOutcome::NotNeeded => Exit::Fine,
        ApproveOutcome::SecondPersonNeeded => Exit::Waiting,
        ApproveOutcome::Refused => Exit::Failed,
    }
}

/// An answer for people: what it came to; what has changed, or how each step stands that it is about.
pub(super) fn print(answer: &ApproveAnswer) -> Result<(), CliError> {
    let plan = &answer.status.plan;
    match answer.outcome {
        ApproveOutcome::Refused => output::complaint(format_args!("n720d: {}", answer.message)),
        ApproveOutcome::Approved | ApproveOutcome::NotNeeded | ApproveOutcome::SecondPersonNeeded => {
            output::line(format_args!("{}: {}", answer.status.site, answer.message))?;
        }
    }
    if let Some(difference) = &answer.difference {
        difference.gone.iter().try_for_each(|line| output::line(format_args!("- {line}")))?;
        return difference.new.iter().try_for_each(|line| output::line(format_args!("+ {line}")));
    }
    match answer.outcome {
        ApproveOutcome::NotNeeded | ApproveOutcome::Refused => print_steps(&plan.steps),
        ApproveOutcome::Approved | ApproveOutcome::SecondPersonNeeded => {
            let steps: Vec<Step> = plan.steps.iter().filter(|step| step.needs_approval()).cloned().collect();
            print_steps(&steps)
        }
    }
}

/// How an approval stands, in a line.
pub(super) fn shown(approval: &ApprovalStatus) -> String {
    let (state, hash, by) = (approval.state.as_str(), &approval.hash, approval.by.join(" and "));
    format!("{state}: plan {hash} by {by}, until {}", clock(approval.expires_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::ApprovalState;
    use crate::domain::release::Generation;

    #[test]
    fn exit_codes_say_whether_anything_more_is_needed() {
        let codes = [
            (ApproveOutcome::Approved, Exit::Fine),
            (ApproveOutcome::NotNeeded, Exit::Fine),
            (ApproveOutcome::SecondPersonNeeded, Exit::Waiting),
            (ApproveOutcome::Refused, Exit::Failed),
        ];
        for (outcome, exit) in codes {
            assert_eq!(exit_of(outcome), exit, "{outcome:?}");
            assert_eq!(outcome.goes_ahead(), exit == Exit::Fine, "{outcome:?}");
        }
    }

    #[test]
    fn an_approval_is_shown_with_its_people_and_its_end() {
        let at = chrono::DateTime::parse_from_rfc3339("2026-11-24T04:00:59+01:00").unwrap();
        let approval = ApprovalStatus {
            hash: Generation("9f3c".into()),
            by: vec!["anna".into(), "ben".into()],
            at,
            expires_at: at,
            state: ApprovalState::Holds,
        };
        assert_eq!(shown(&approval), "holds: plan 9f3c by anna and ben, until 2026-11-24 04:00 +01:00");
    }
}
