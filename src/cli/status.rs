//! `n720d status`: what the running daemon knows or, without one, what it last stored.

use std::path::Path;

use super::args::StatusArgs;
use super::plan::print_steps;
use super::{CliError, Exit, approve, async_runtime, configuration, known, output, pause};
use crate::api::ControlClient;
use crate::daemon;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::assess::{fleet_needs_a_person, needs_a_person};
use crate::domain::ids::SiteName;
use crate::domain::memory::Registration;
use crate::domain::status::{
    FleetStatus, RolloutState, SiteStatus, SlotStatus, WholeFleet, WindowState, WindowStatus,
};

#[derive(Debug, thiserror::Error)]
#[error("nothing is known of {0}: no daemon has watched it with this state directory")]
struct Unknown(String);

/// Runs the command.
pub(super) fn run(file: &Path, args: &StatusArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let mut fleet = ask(&config.daemon.state_dir)?;
    if let Some(site) = &args.site {
        fleet.sites.retain(|status| status.site == *site);
        if fleet.sites.is_empty() {
            super::site(&config, site)?;
            return Err(CliError::other(Unknown(site.to_string())));
        }
    }
    if args.json {
        output::json(&fleet)?;
    } else {
        print(&fleet, args.site.as_ref())?;
    }
    // Who asks for one site is not told of the others.
    let whole = fleet.fleet.as_ref().filter(|_| args.site.is_none());
    let needed = fleet.sites.iter().any(needs_a_person) || whole.is_some_and(fleet_needs_a_person);
    Ok(if needed { Exit::NeedsPerson } else { Exit::Fine })
}

fn ask(state_dir: &Path) -> Result<FleetStatus, CliError> {
    match ControlClient::connect(state_dir) {
        Ok(Some(daemon)) => async_runtime()?.block_on(daemon.status()).map_err(CliError::other),
        Ok(None) => stored(state_dir),
        Err(error) => Err(CliError::other(error)),
    }
}

fn stored(state_dir: &Path) -> Result<FleetStatus, CliError> {
    let Some(store) = known::left_behind(state_dir)? else {
        return Ok(FleetStatus { sites: Vec::new(), fleet: Some(WholeFleet::default()) });
    };
    let fleet = store.fleet().map_err(CliError::other)?;
    let mut status = FleetStatus {
        sites: store.statuses(None).map_err(CliError::other)?,
        fleet: Some(daemon::whole(&fleet)),
    };
    daemon::mark_left_behind(&store, &mut status, daemon::now()).map_err(CliError::other)?;
    Ok(status)
}

fn print(fleet: &FleetStatus, asked: Option<&SiteName>) -> Result<(), CliError> {
    match (asked, fleet.sites.as_slice()) {
        (Some(_), [status]) => print_site(status),
        (Some(_) | None, []) => output::line("no site is watched"),
        (Some(_) | None, sites) => {
            let heading = ["SITE", "HEALTH", "MODE", "HANDSETS", "WINDOW", "ALERTS", "READ", "WHY"];
            output::table(&heading, sites.iter().map(row).collect())?;
            fleet.fleet.as_ref().map_or(Ok(()), print_fleet)
        }
    }
}

/// What concerns all sites: the rollout while there is something to say of it, and the alerts.
fn print_fleet(fleet: &WholeFleet) -> Result<(), CliError> {
    if let Some(rollout) = fleet.rollout.as_ref().filter(|rollout| rollout.state != RolloutState::Done) {
        // Why it is stopped is in the alert.
        let told = rollout.reason.as_ref().filter(|_| rollout.state != RolloutState::Stopped);
        let reason = told.map(|reason| format!("; {reason}")).unwrap_or_default();
        output::line(format_args!(
            "\nrollout {} {}: {} of {} sites wait{reason}",
            rollout.id,
            rollout.state.as_str(),
            rollout.waiting,
            rollout.sites
        ))?;
    }
    if let Some(pause) = &fleet.pause {
        output::line(format_args!("\nall sites: {}", pause::told(pause)))?;
    }
    for alert in &fleet.alerts {
        output::line(format_args!("\n{}: {}", headline(alert), alert.summary))?;
    }
    Ok(())
}

fn row(status: &SiteStatus) -> Vec<String> {
    let reserved = status.slots.iter().filter(|slot| slot.ipui.is_some());
    let registered = reserved.clone().filter(|slot| slot.registration == Registration::Registered).count();
    vec![
        status.site.to_string(),
        status.health.as_str().to_owned(),
        mode(status),
        format!("{registered}/{}", reserved.count()),
        window(&status.window),
        status.alerts.len().to_string(),
        status.observed_at.map_or_else(|| "never".to_owned(), |at| at.format("%m-%d %H:%M:%S").to_string()),
        status.reason.clone(),
    ]
}

/// A pause is shown beside the mode: it is what keeps n720d from writing just now.
fn mode(status: &SiteStatus) -> String {
    let paused = if status.pause.is_some() { ", paused" } else { "" };
    format!("{}{paused}", status.mode.as_str())
}

/// The clock of a manager is known to a minute: a skew of less is none that people should see.
const SKEW_SHOWN: i64 = 60;

/// Everything about one site.
pub(super) fn print_site(status: &SiteStatus) -> Result<(), CliError> {
    let line = |label: &str, text: String| output::line(format_args!("{label:<12}{text}"));
    line("site", format!("{} {}", status.site, status.description))?;
    line("health", format!("{}: {}", status.health.as_str(), status.reason))?;
    line("mode", status.mode.as_str().to_owned())?;
    if let Some(pause) = &status.pause {
        line("pause", pause::told(pause))?;
    }
    let read = status.observed_at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
    line("read", read)?;
    line("window", window_in_full(&status.window))?;
    if let Some(skew) = status.clock_skew_seconds.filter(|skew| skew.abs() > SKEW_SHOWN) {
        let way = if skew > 0 { "fast" } else { "slow" };
        line("clock", format!("the manager's is {} s {way}", skew.unsigned_abs()))?;
    }
    let generation = &status.generation;
    let stages = [
        ("desired", &generation.desired),
        ("released", &generation.released),
        ("fetched", &generation.fetched),
        ("verified", &generation.verified),
    ];
    let stages = stages.map(|(name, id)| format!("{name} {}", id.as_ref().map_or("-", |id| id.0.as_str())));
    line("generation", stages.join(", "))?;
    if let Some(change) = &status.password_change {
        let since = change.since.format("%Y-%m-%d %H:%M:%S");
        line("password", format!("{since}, by {}: {}", change.by, change.note))?;
    }
    if !status.slots.is_empty() {
        let rows = status.slots.iter().map(|slot| {
            vec![
                slot.number.to_string(),
                slot.user.clone().unwrap_or_default(),
                slot.display_name.clone().unwrap_or_default(),
                slot.ipui.map(|ipui| ipui.to_string()).unwrap_or_default(),
                slot.registration.as_str().to_owned(),
                slot.evidence_at.map_or_else(|| "-".to_owned(), |at| at.format("%m-%d %H:%M:%S").to_string()),
                slot.evidence.clone(),
            ]
        });
        output::line("")?;
        output::table(&["SLOT", "USER", "NAME", "IPUI", "REGISTRATION", "SEEN", "EVIDENCE"], rows.collect())?;
        print_conflicts(&status.slots)?;
    }
    for alert in &status.alerts {
        output::line(format_args!("\n{}: {}", headline(alert), alert.summary))?;
        for reading in &alert.readings {
            output::line(format_args!("  {reading}"))?;
        }
        for handset in &alert.handsets {
            let name = handset.display_name.as_deref().or(handset.user.as_deref()).unwrap_or("");
            output::line(format_args!("  slot {} {name}: {}", handset.number, handset.instruction))?;
        }
    }
    if !status.plan.steps.is_empty() {
        output::line("\nplan")?;
        print_steps(&status.plan.steps)?;
    }
    if let Some(approval) = &status.plan.approval {
        output::line(format_args!("\napproval {}", approve::shown(approval)))?;
    }
    Ok(())
}

/// What an alert is, and whether somebody has said something of it.
fn headline(alert: &Alert) -> String {
    let said = match alert.state {
        AlertState::Firing | AlertState::Resolved => "",
        AlertState::Acknowledged => ", acknowledged",
        AlertState::Silenced => ", silenced",
    };
    format!("{} {}{said}", alert.severity, alert.kind)
}

/// What speaks against a verdict and is weaker than its evidence.
fn print_conflicts(slots: &[SlotStatus]) -> Result<(), CliError> {
    let conflicts = slots.iter().flat_map(|slot| slot.conflicts.iter().map(move |conflict| (slot, conflict)));
    let lines: Vec<String> = conflicts
        .map(|(slot, conflict)| {
            let at = conflict.at.format("%m-%d %H:%M:%S");
            format!("  slot {} {}: but {at}: {}", slot.number, slot.registration.as_str(), conflict.evidence)
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    output::line(format_args!("\nconflicting evidence, weaker than the verdict's\n{}", lines.join("\n")))
}

fn window(window: &WindowStatus) -> String {
    let word = window.state.as_str();
    match (window.state, window.opens_at, window.closes_at) {
        (WindowState::Scheduled, Some(opens), _) => format!("{word}, opens {}", opens.format("%m-%d %H:%M")),
        (WindowState::Open, _, Some(closes)) => format!("{word} until {}", closes.format("%m-%d %H:%M")),
        _ => word.to_owned(),
    }
}

fn window_in_full(window: &WindowStatus) -> String {
    let at = |at: Option<chrono::DateTime<chrono::FixedOffset>>| {
        at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339())
    };
    match window.state {
        WindowState::None => "none".to_owned(),
        state @ (WindowState::Scheduled | WindowState::Open | WindowState::Closed | WindowState::Always) => {
            let again = match window.reopened {
                0 => String::new(),
                1 => ", opened again once".to_owned(),
                times => format!(", opened again {times} times"),
            };
            format!("{}, from {} to {}{again}", state.as_str(), at(window.opens_at), at(window.closes_at))
        }
    }
}
