//! `n720d apply`: plans, carries out what may be carried out, and waits until it was seen to take effect. A running
//! daemon does it, because its store and its server are the ones in use; without one this command does it itself. With
//! `--approve`, what deregisters is approved first, and nothing is done when that is refused.

use std::path::Path;
use std::time::Instant;

use super::args::ApplyArgs;
use super::plan::print_steps;
use super::{CliError, Exit, approve, async_runtime, configuration, logging, output, retry_push, site};
use crate::api::{ApproveRequest, ControlClient};
use crate::config::Config;
use crate::daemon::{self, Applied, Standing, Told};
use crate::domain::desired::DesiredSite;
use crate::domain::status::FleetStatus;

/// How often a running daemon is asked how far it is.
const ASK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the command.
pub(super) fn run(file: &Path, args: &ApplyArgs) -> Result<Exit, CliError> {
    logging::start(logging::Level::Warn);
    let config = configuration(file)?;
    let desired = site(&config, &args.site)?.clone();
    let request = args.approve.as_deref().map(|hash| approve::request(&args.site, hash, &args.words));
    let runtime = async_runtime()?;
    let daemon = ControlClient::connect(&config.daemon.state_dir).map_err(CliError::other)?;
    if args.retry_push {
        runtime.block_on(retry_push::run(daemon.as_ref(), &config, &args.site, None))?;
    }
    let (request, retry_login) = (request.as_ref(), args.retry_login);
    let applied = match daemon {
        Some(daemon) => runtime.block_on(ask(&daemon, &config, &desired, request, retry_login))?,
        None => runtime.block_on(daemon::apply(config, &desired, request, retry_login, tell))?,
    };
    let (status, standing) = match applied {
        Applied::SeenThrough(status, standing) => (status, standing),
        Applied::NotApproved(answer) => {
            if args.json {
                output::json(&answer)?;
            } else {
                approve::print(&answer)?;
            }
            return Ok(approve::exit_of(answer.outcome));
        }
    };
    if args.json {
        output::json(&FleetStatus { sites: vec![*status], fleet: None })?;
    } else {
        print_steps(&status.plan.steps)?;
        output::line(format_args!("{}: {}", desired.name, words(&standing)))?;
    }
    Ok(match standing {
        Standing::Converged => Exit::Fine,
        Standing::UnderWay(_) | Standing::Stuck(_) => Exit::Waiting,
        Standing::Failed(_) => Exit::Failed,
    })
}

/// Has the daemon do it, and watches.
async fn ask(
    daemon: &ControlClient,
    config: &Config,
    desired: &DesiredSite,
    approve: Option<&ApproveRequest>,
    retry_login: bool,
) -> Result<Applied, CliError> {
    let patience = daemon::patience(&config.daemon);
    let (deadline, watched_until) = (Instant::now() + patience, daemon::watched_until(patience));
    if retry_login {
        daemon.poll(desired.name.clone(), true).await.map_err(CliError::other)?;
    }
    if let Some(request) = approve {
        let answer = daemon.approve(request).await.map_err(CliError::other)?;
        if !answer.outcome.goes_ahead() {
            return Ok(Applied::NotApproved(Box::new(answer)));
        }
        tell(Told::Approval(&answer));
    }
    let mut status = daemon.apply(desired.name.clone()).await.map_err(CliError::other)?;
    let mut last = None;
    loop {
        let standing = daemon::standing(&status, watched_until);
        if last.as_ref() != Some(&standing) {
            tell(Told::Standing(&standing));
            last = Some(standing.clone());
        }
        match standing {
            Standing::UnderWay(_) if Instant::now() < deadline => {
                tokio::time::sleep(ASK_EVERY).await;
                status = daemon.site_status(&desired.name).await.map_err(CliError::other)?;
            }
            standing @ (Standing::Converged
            | Standing::UnderWay(_)
            | Standing::Stuck(_)
            | Standing::Failed(_)) => return Ok(Applied::SeenThrough(Box::new(status), standing)),
        }
    }
}

/// Progress goes to standard error, so that standard output is the result alone.
fn tell(told: Told<'_>) {
    match told {
        Told::Approval(answer) => output::complaint(&answer.message),
        Told::Standing(standing) => output::complaint(words(standing)),
    }
}

fn words(standing: &Standing) -> String {
    match standing {
        Standing::Converged => "converged".to_owned(),
        Standing::UnderWay(why) => format!("under way: {why}"),
        Standing::Stuck(why) => format!("waiting or blocked: {why}"),
        Standing::Failed(why) => format!("failed: {why}"),
    }
}
