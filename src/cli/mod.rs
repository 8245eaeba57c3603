//! The command line: reads the arguments, hands over to one file a subcommand, turns what comes back into an exit code.
//!
//! Decides nothing about sites and prints nothing itself: `output` is the only printing place.

mod ack;
mod adopt;
mod alerts;
mod apply;
mod approve;
mod args;
mod check;
mod csv;
mod diff;
mod export;
mod handoff;
mod history;
mod import;
mod known;
mod logging;
mod observe;
pub mod output;
mod paint;
mod pause;
mod person;
mod plan;
mod render;
mod replace;
mod retry_push;
mod rotate;
mod run;
mod secret;
mod shape;
mod silence;
mod status;
mod tell;
mod unified;
mod windows;
mod zone;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Command, SecretCommand};
use crate::config::{self, Config, Finding};
use crate::daemon::{BrokenOff, LookError, StartError, chain};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;

/// What a command ends with: the exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; nothing to do; converged.
    Fine = 0,
    /// Not done.
    Failed = 1,
    /// `plan`: there is a plan. `apply`: waiting or blocked. `approve`: a second person is needed. `import`: there is a
    /// difference, and it was not written.
    Waiting = 2,
    /// `status`, `alerts`: something needs a person.
    NeedsPerson = 3,
    /// The command line is wrong (`EX_USAGE`; clap's own 2 would read as *there is a plan*).
    Usage = 64,
    /// The configuration is wrong (`EX_CONFIG`).
    Configuration = 78,
    /// Broken off by SIGHUP, as shells count it: 128 and the number of the signal.
    HungUp = 129,
    /// Broken off by SIGINT.
    Interrupted = 130,
    /// Broken off by SIGTERM.
    Terminated = 143,
}

impl From<BrokenOff> for Exit {
    fn from(how: BrokenOff) -> Self {
        match how {
            BrokenOff::HangUp => Self::HungUp,
            BrokenOff::Interrupt => Self::Interrupted,
            BrokenOff::Terminate => Self::Terminated,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// `n720d.toml`, or the file of the site that was asked for, has errors.
    #[error("the configuration cannot be used: correct the errors above")]
    Configuration {
        /// What is wrong.
        findings: Vec<Finding>,
    },
    /// No such site.
    #[error("there is no site {site}: no file of that name in {}", sites_dir.display())]
    UnknownSite {
        /// As asked for.
        site: SiteName,
        /// Where its file would be.
        sites_dir: std::path::PathBuf,
    },
    /// What was to be printed could not be.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
    /// Somebody broke the command off.
    #[error(transparent)]
    BrokenOff(BrokenOff),
    /// What the parts underneath say for themselves.
    #[error(transparent)]
    Other(#[from] Box<dyn Error + Send + Sync>),
}

impl From<LookError> for CliError {
    fn from(error: LookError) -> Self {
        if let LookError::BrokenOff(how) = error { Self::BrokenOff(how) } else { Self::other(error) }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        if let StartError::BrokenOff(how) = error { Self::BrokenOff(how) } else { Self::other(error) }
    }
}

impl CliError {
    /// What a part underneath says for itself.
    pub fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Configuration { .. } => Exit::Configuration,
            Self::BrokenOff(how) => (*how).into(),
            Self::UnknownSite { .. } | Self::Output(_) | Self::Other(_) => Exit::Failed,
        }
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            // A reader that has gone away needs no help text.
            let _ = error.print();
            return exit.into();
        }
    };
    output::choose(arguments.color);
    match dispatch(&arguments) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if let CliError::Configuration { findings } = &error {
                findings.iter().for_each(output::complaint);
            }
            output::complaint(format_args!("n720d: {}", chain(&error)));
            error.exit().into()
        }
    }
}

/// The one place that knows which function a subcommand is.
fn dispatch(arguments: &Arguments) -> Result<Exit, CliError> {
    let file = &arguments.config;
    match &arguments.command {
        Command::Check(args) => check::run(file, args),
        Command::Secret(SecretCommand::Set(args)) => secret::set(args),
        Command::Render(args) => render::run(file, args),
        Command::Observe(args) => observe::run(file, args),
        Command::Plan(args) => plan::run(file, args),
        Command::Apply(args) => apply::run(file, args),
        Command::Approve(args) => approve::run(file, args),
        Command::Adopt(args) => adopt::run(file, args),
        Command::Run => run::run(file),
        Command::Status(args) => status::run(file, args),
        Command::Alerts(args) => alerts::run(file, args),
        Command::Ack(args) => ack::run(file, args),
        Command::Silence(args) => silence::run(file, args),
        Command::Handoff(args) => handoff::run(file, args),
        Command::History(args) => history::run(file, args),
        Command::Poll(args) => tell::poll(file, args),
        Command::Pause(args) => pause::pause(file, args),
        Command::Resume(args) => pause::resume(file, args),
        Command::Reload => tell::reload(file),
        Command::RotatePassword(args) => rotate::run(file, args),
        Command::Url(args) => tell::url(file, args),
        Command::Export(args) => export::run(file, args),
        Command::Import(args) => import::run(file, args),
    }
}

/// The configuration, for a command that needs it.
///
/// # Errors
/// The findings, when `n720d.toml` cannot be used.
pub fn configuration(file: &Path) -> Result<Config, CliError> {
    config::load(file).map_err(|findings| CliError::Configuration { findings })
}

/// One site of it, for a command about that site.
///
/// # Errors
/// The site's findings, when its file has errors; or that there is none.
pub fn site<'c>(config: &'c Config, name: &SiteName) -> Result<&'c DesiredSite, CliError> {
    if let Some(findings) = config.invalid.get(name.as_str()) {
        return Err(CliError::Configuration { findings: findings.clone() });
    }
    config.sites.get(name).ok_or_else(|| CliError::UnknownSite {
        site: name.clone(),
        sites_dir: config.daemon.sites_dir.clone(),
    })
}

/// A runtime for a command that talks to somebody.
///
/// # Errors
/// When the system gives no threads.
pub fn async_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_what_scripts_rely_on() {
        let codes = [
            (Exit::Fine, 0),
            (Exit::Failed, 1),
            (Exit::Waiting, 2),
            (Exit::NeedsPerson, 3),
            (Exit::Usage, 64),
            (Exit::Configuration, 78),
            (Exit::HungUp, 129),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in codes {
            assert_eq!(exit as u8, code);
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = CliError::Output(std::io::Error::other("disk full"));
        assert_eq!(chain(&error), "the output cannot be written: disk full");
        assert_eq!(error.exit(), Exit::Failed);
        let error = CliError::Configuration { findings: Vec::new() };
        assert_eq!(error.exit(), Exit::Configuration);
    }
}
