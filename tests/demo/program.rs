//! The real `n720d`: finds the binary that was built with this demo, runs its commands, starts and stops the daemon.
//!
//! Knows nothing of the story.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::failure::{Code, Doing, Failure};

/// What a stop may take; systemd is promised 20 s.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// What any other command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// The binary, its configuration and its environment.
pub(crate) struct Program {
    binary: PathBuf,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    /// The binary in the same target folder as this demo: `target/debug/examples/demo` -> `target/debug/n720d`.
    pub(crate) fn find(config: &Path, environment: Vec<(&'static str, String)>) -> Result<Self, Failure> {
        let own = std::env::current_exe().doing("find out where this demo is")?;
        let folder = own.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("."));
        let binary = folder.join("n720d");
        if !binary.is_file() {
            return Err(Failure::NoBinary(binary));
        }
        Ok(Self { binary, config: config.to_owned(), environment })
    }

    /// Runs a command to its end; gives what it printed, on either channel.
    pub(crate) async fn command(&self, arguments: &str, expected: i32) -> Result<String, Failure> {
        let running = self.prepared(arguments).stdin(Stdio::null()).output();
        let ended = tokio::time::timeout(COMMAND_WITHIN, running).await;
        let output = ended
            .map_err(|_| Failure::TimedOut {
                what: format!("the end of `n720d {arguments}`"),
                within: COMMAND_WITHIN,
            })?
            .doing("run n720d")?;
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said)).concat();
        if output.status.code() == Some(expected) {
            return Ok(said);
        }
        let (command, code) = (arguments.to_owned(), Code(output.status.code()));
        Err(Failure::Exit { command, code, expected, output: said })
    }

    /// Starts the daemon; what it logs goes to a file.
    pub(crate) fn daemon(&self, log: &Path) -> Result<Daemon, Failure> {
        let file = std::fs::File::create(log).doing("create the daemon's log")?;
        let child = self
            .prepared("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .doing("start the daemon")?;
        Ok(Daemon { child })
    }

    fn prepared(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments.split_whitespace()).env("N720D_CONFIG", &self.config);
        // What is set for a daemon of this machine is none of this one's business.
        for foreign in ["STATE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM", "RUST_LOG"] {
            command.env_remove(foreign);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The running daemon; it is killed when this is dropped.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Whether it still runs.
    ///
    /// # Errors
    /// [`Failure::DaemonGone`] when it does not.
    pub(crate) fn must_run(&mut self) -> Result<(), Failure> {
        match self.child.try_wait().doing("look after the daemon")? {
            Some(status) => Err(Failure::DaemonGone(Code(status.code()))),
            None => Ok(()),
        }
    }

    /// Stops it as systemd does, with SIGTERM, and waits.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        let pid = id.and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or(Failure::DaemonGone(Code(None)))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).doing("send SIGTERM")?;
        let ended = tokio::time::timeout(STOP_WITHIN, self.child.wait()).await;
        let status = ended
            .map_err(|_| Failure::TimedOut {
                what: "the daemon's end after SIGTERM".into(),
                within: STOP_WITHIN,
            })?
            .doing("wait for the daemon")?;
        if status.success() { Ok(()) } else { Err(Failure::DaemonGone(Code(status.code()))) }
    }
}
