//! Programs that are run: what they are given, and what comes of each way to end, or not to.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use n720d::alerting::{
    Body, CommandSettings, FailureReason, Message, Sink, SinkError, SinkKind, SinkSettings,
};
use n720d::domain::alert::{AlertKind, AlertState};
use n720d::domain::notification::Reason;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{alert, at, drift, message};
use crate::wait::eventually;

const PATIENT: Duration = Duration::from_secs(120);
const HURRIED: Duration = Duration::from_millis(300);
/// In this time a script has come to where it waits, also on a busy machine.
const BEGUN: Duration = Duration::from_secs(3);

fn sink(program: impl AsRef<Path>, arguments: &[&str], timeout: Duration) -> Arc<dyn Sink> {
    let program = program.as_ref().to_owned();
    let arguments = arguments.iter().map(|&one| one.to_owned()).collect();
    let kind = SinkKind::Command(CommandSettings { program, arguments });
    SinkSettings { name: "hook".into(), timeout, repeat: None, kind }.build().unwrap()
}

/// A script with a folder as its first argument.
pub(crate) fn script(text: &str, folder: &TempDir, timeout: Duration) -> Arc<dyn Sink> {
    sink("/bin/sh", &["-c", text, "sh", folder.path().to_str().unwrap()], timeout)
}

async fn outcome(text: &str, timeout: Duration) -> Result<(), SinkError> {
    script(text, &tempfile::tempdir().unwrap(), timeout).deliver(&drift(), at(0)).await
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Whether a process is there whose number lies in a file. One that has ended and was not fetched counts.
fn lives(folder: &TempDir, name: &str) -> bool {
    Path::new("/proc").join(read(folder, name).trim()).exists()
}

/// Waits for a process to be gone which is not a child of ours: where nobody fetches those, what is left of it may stay.
async fn is_gone(folder: &TempDir, name: &str) {
    let stat = Path::new("/proc").join(read(folder, name).trim()).join("stat");
    let is_over = || std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
    eventually("the process to be gone", async || is_over().then_some(())).await;
}

/// A message that fits into no pipe.
fn long() -> Message {
    let alerts = (0..2_000).map(|number| {
        let alert = alert(AlertKind::Drift, AlertState::Firing);
        n720d::domain::alert::Alert { id: format!("acme/drift/{number}"), ..alert }
    });
    message(Reason::First, alerts.collect())
}

#[tokio::test]
async fn a_program_is_given_the_body_and_little_else() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        r#"cat > "$1/body"; env > "$1/env"; pwd > "$1/pwd"; echo said; ls -l /proc/self/fd > "$1/fds""#;
    script(text, &folder, PATIENT).deliver(&drift(), at(0)).await.unwrap();
    assert_eq!(read(&folder, "body"), format!("{}\n", Body::of(&drift()).to_json().unwrap()));
    assert_eq!(read(&folder, "pwd"), "/\n");
    let environment = read(&folder, "env");
    let of_the_shell = ["PWD", "OLDPWD", "SHLVL", "_"];
    let mut keys: Vec<&str> = environment.lines().map(|line| line.split_once('=').unwrap().0).collect();
    keys.retain(|key| !of_the_shell.contains(key));
    keys.sort_unstable();
    let expected =
        ["LANG", "N720D_MESSAGE_ID", "N720D_REASON", "N720D_SEVERITY", "N720D_SITE", "N720D_TITLE", "PATH"];
    assert_eq!(keys, expected);
    for line in ["N720D_MESSAGE_ID=msg_1", "N720D_REASON=first", "N720D_SEVERITY=warning", "N720D_SITE=acme"]
    {
        assert!(environment.lines().any(|one| one == line), "{line}: {environment}");
    }
    let handed_on = read(&folder, "fds");
    assert!(!handed_on.contains("socket:"), "nothing of ours is handed on: {handed_on}");
}

#[tokio::test]
async fn there_is_no_shell_between() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"printf %s "$2" > "$1/argument""#;
    let odd = "$(touch /tmp/x) `id` ; * \" ' \n";
    let arguments = ["-c", text, "sh", folder.path().to_str().unwrap(), odd];
    sink("/bin/sh", &arguments, PATIENT).deliver(&drift(), at(0)).await.unwrap();
    assert_eq!(read(&folder, "argument"), odd);
}

#[tokio::test]
async fn every_end_is_told_with_the_programs_last_words() {
    for (text, reason, words) in [
        ("exit 75", FailureReason::RateLimited, "/bin/sh asks for another try (exit 75)"),
        (
            "echo no line >&2; exit 75",
            FailureReason::RateLimited,
            "/bin/sh asks for another try (exit 75): no line",
        ),
        (
            "printf 'two\\nlines\\033[1m' >&2; exit 3",
            FailureReason::Server,
            "/bin/sh failed with exit 3: two lines [1m",
        ),
        ("echo out; kill -9 $$", FailureReason::Server, "/bin/sh was ended by signal 9"),
    ] {
        assert_eq!(outcome(text, PATIENT).await, Err(SinkError::new(reason, words).in_doubt(true)));
    }
    let error =
        outcome("i=0; while [ $i -lt 9999 ]; do echo word$i >&2; i=$((i+1)); done; exit 1", PATIENT).await;
    let text = error.unwrap_err().text;
    assert!(text.ends_with("word9997 word9998") && text.chars().count() < 600, "{text}");
}

#[tokio::test]
async fn what_cannot_be_run_needs_a_person() {
    let folder = tempfile::tempdir().unwrap();
    // Written by another process: a program that is being written to cannot be run, and tests beside this one fork.
    let write = r#"cd "$1" && printf 'no program' > odd && printf '#!/no/such/thing' > lost && printf x > plain &&
                   chmod 0755 odd lost && chmod 0644 plain"#;
    script(write, &folder, PATIENT).deliver(&drift(), at(0)).await.unwrap();
    for (name, words) in [
        ("nothing", "No such file"),
        ("lost", "interpreter"),
        ("plain", "allowed to execute"),
        ("odd", "#!/bin/sh"),
    ] {
        let program = folder.path().join(name);
        let error = sink(&program, &[], PATIENT).deliver(&drift(), at(0)).await.unwrap_err();
        assert_eq!(error.reason, FailureReason::Rejected, "{error}");
        assert!(error.reason.needs_a_person() && error.is_retryable());
        assert!(error.text.starts_with(&format!("cannot run {}: ", program.display())), "{error}");
        assert!(error.text.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_program_need_not_read_all_or_anything() {
    for text in [
        "true",
        "exec <&-",
        "head -c 10 > /dev/null",
        "cat > /dev/null",
        "exec <&-; exec >&-; exec 2>&-; sleep 0",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let delivery = script(text, &folder, PATIENT);
        assert_eq!(delivery.deliver(&long(), at(0)).await, Ok(()), "{text}");
    }
}

#[tokio::test]
async fn output_without_end_is_taken_until_the_time_is_up() {
    for text in ["yes", "yes >&2", "cat /dev/zero >&2"] {
        let error = outcome(&format!("exec {text}"), HURRIED).await.unwrap_err();
        assert_eq!(error.reason, FailureReason::Timeout);
        assert!(error.text.chars().count() < 600, "{error}");
    }
}

#[tokio::test]
async fn when_time_is_up_all_that_it_started_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"sleep 600 & echo $! > "$1/child"; echo $$ > "$1/own"; echo at it >&2; wait"#;
    let error = script(text, &folder, BEGUN).deliver(&drift(), at(0)).await.unwrap_err();
    let words = "/bin/sh was still running after 3s and was ended: at it";
    assert_eq!(error, SinkError::new(FailureReason::Timeout, words).in_doubt(true));
    assert!(!lives(&folder, "own"), "it was fetched, too");
    is_gone(&folder, "child").await;
}

#[tokio::test]
async fn what_has_a_session_of_its_own_runs_on_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"setsid sh -c 'echo $$ > "$0/child.new"; mv "$0/child.new" "$0/child"; exec sleep 600' "$1" & wait"#;
    let delivery = script(text, &folder, BEGUN);
    let error = delivery.deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!(error.reason, FailureReason::Timeout);
    assert!(lives(&folder, "child"), "it has left the group");
    let child = Pid::from_raw(read(&folder, "child").trim().parse().unwrap()).unwrap();
    kill_process(child, Signal::KILL).unwrap();
}

#[tokio::test]
async fn what_does_not_end_when_asked_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"trap '' TERM; sleep 600 & echo $! > "$1/child"; echo $$ > "$1/own"; wait; wait"#;
    let began = Instant::now();
    let error = script(text, &folder, BEGUN).deliver(&drift(), at(0)).await.unwrap_err();
    assert_eq!(error.reason, FailureReason::Timeout);
    assert!(began.elapsed() >= BEGUN + Duration::from_secs(2), "it was given time to end by itself");
    assert!(!lives(&folder, "own"));
    is_gone(&folder, "child").await;
}

#[tokio::test]
async fn a_program_that_leaves_something_running_has_ended_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"sleep 600 & echo $! > "$1/child"; exit 0"#;
    let began = Instant::now();
    script(text, &folder, PATIENT).deliver(&drift(), at(0)).await.unwrap();
    assert!(began.elapsed() < PATIENT);
    assert!(lives(&folder, "child"), "what it means to leave is its own matter");
    let child = Pid::from_raw(read(&folder, "child").trim().parse().unwrap()).unwrap();
    kill_process(child, Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_delivery_that_is_abandoned_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"sleep 600 & echo $! > "$1/child"; echo $$ > "$1/own.new"; mv "$1/own.new" "$1/own"; wait"#;
    let delivery = script(text, &folder, PATIENT);
    {
        let message = drift();
        let mut running = delivery.deliver(&message, at(0));
        let started =
            eventually("the program to run", async || folder.path().join("own").exists().then_some(()));
        tokio::select! {
            outcome = &mut running => panic!("it was to run on: {outcome:?}"),
            () = started => (),
        }
    }
    eventually("the program to be fetched", async || (!lives(&folder, "own")).then_some(())).await;
    is_gone(&folder, "child").await;
}
