//! Programs of others that sinks deliver to: found, and fetched where they are missing. How they are set up and ended is
//! the tests' own matter.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A program that is there to be run.
#[derive(Debug, Clone)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// To run it with.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.0)
    }
}

/// Finds or fetches a peer, see `tests/peers.sh`. `None` where that is impossible, which is said on stderr: the test is to
/// return then. In CI nothing is left out, and this fails instead.
pub(crate) fn peer(name: &'static str) -> Option<Program> {
    static FOUND: Mutex<BTreeMap<&'static str, Option<Program>>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let program = found.entry(name).or_insert_with(|| find(name)).clone();
    if program.is_none() {
        say(&format!("skipped: there is no {name} to deliver to"));
    }
    program
}

/// Past the test runner, which keeps what a test that passes prints to itself.
fn say(words: &str) {
    writeln!(std::io::stderr(), "{words}").ok();
}

fn find(name: &str) -> Option<Program> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers.sh");
    let output = Command::new(script).arg(name).output().unwrap();
    let reason = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Some(Program(String::from_utf8(output.stdout).unwrap().trim().into())),
        Some(77) if std::env::var("CI").is_ok_and(|ci| ci == "true") => {
            panic!("nothing is skipped in CI: {reason}")
        }
        Some(77) => {
            say(reason.trim());
            None
        }
        code => panic!("tests/peers.sh {name} ended with {code:?}: {reason}"),
    }
}

#[test]
fn a_peer_is_a_program_that_runs() {
    let Some(alertmanager) = peer("alertmanager") else { return };
    let output = alertmanager.command().arg("--version").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
