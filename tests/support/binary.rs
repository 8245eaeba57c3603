//! The real binary: commands that run and end, and the daemon that is started, signalled and killed by its own id.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use n720_sim::Device;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::{BOUND, secrets};

/// What a command came to.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A running daemon, or a command under way; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

/// Runs a command to its end.
pub(crate) async fn run(config: &Path, arguments: &[&str]) -> Ran {
    let mut command = command(config, arguments);
    command.env("RUST_LOG", "warn").stdin(Stdio::null());
    let output = timeout(BOUND, command.output()).await.unwrap_or_else(|_| panic!("hangs: {arguments:?}"));
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Starts a command that is not waited for, with these variables added; both its outputs go to `log`.
pub(crate) fn begin(config: &Path, arguments: &[&str], log: &Path, more: &[(&str, &str)]) -> Daemon {
    let out = std::fs::File::create(log).unwrap();
    let mut command = command(config, arguments);
    command.env("RUST_LOG", "trace").envs(more.iter().copied());
    command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
    Daemon { child: command.spawn().unwrap(), log: log.to_owned() }
}

fn command(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_n720d"));
    command.args(arguments).env("N720D_CONFIG", config).kill_on_drop(true);
    command
        .env("SIP_PASSWORD", secrets::SIP)
        .env("WEBHOOK_KEY", secrets::WEBHOOK)
        .env("MAC_ID_TAIL", secrets::TAIL);
    command.env_remove("STATE_DIRECTORY").env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    command
}

impl Daemon {
    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has ended.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Kills it at once, as a power cut would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Kills it while it may be logged in. A manager keeps such a session for ten minutes; these keep it for so long that
    /// whoever comes next finds it.
    pub(crate) async fn kill_logged_in(self, managers: &[&Device]) {
        self.kill().await;
        for manager in managers {
            manager.abandon_session(Duration::from_millis(1_500));
        }
    }

    /// Tells it to reload.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Tells it to leave.
    pub(crate) fn tell_to_leave(&self) {
        self.signal(Signal::TERM);
    }

    /// Tells it to leave, and waits until it has: exit code and time taken.
    pub(crate) async fn terminate(mut self) -> (i32, Duration) {
        let began = Instant::now();
        self.tell_to_leave();
        (self.ended().await, began.elapsed())
    }

    /// Waits until it has ended by itself: its exit code.
    pub(crate) async fn ended(&mut self) -> i32 {
        let ended = timeout(BOUND, self.child.wait()).await.expect("the daemon does not end");
        ended.unwrap().code().unwrap_or(-1)
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}
