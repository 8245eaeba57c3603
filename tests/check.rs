//! `n720d check`, `n720d secret` and the frame of the command line, from outside: the real binary, its output and exit codes.
//!
//! Each folder of `fixtures/config` is a case: the files, and in `expected.txt` what `check` prints and exits with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary in a folder, with nothing of ours in its environment.
fn n720d(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_n720d"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["N720D_CONFIG", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(name);
    }
    command
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    n720d(folder).arg("check").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A copy with known modes, whatever the umask was at check-out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
            fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = root().join("tests/fixtures/config");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn case(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("tests/fixtures/config").join(name), folder.path());
    folder
}

#[test]
fn every_case_is_found_out_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 10, "{cases:?}");
    for path in cases {
        let folder = case(path.file_name().unwrap().to_str().unwrap());
        let output = check(folder.path(), &["--config", "n720d.toml"]);
        let got = format!("{}exit {}\n", stdout(&output), output.status.code().unwrap());
        let expected = fs::read_to_string(path.join("expected.txt")).unwrap();
        assert_eq!(got, expected, "{}", path.display());
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn no_secret_of_any_case_is_printed() {
    for path in cases() {
        for json in [false, true] {
            let folder = case(path.file_name().unwrap().to_str().unwrap());
            let arguments = ["--config", "n720d.toml", "--json"];
            let output = check(folder.path(), arguments.get(..if json { 3 } else { 2 }).unwrap());
            assert!(!stdout(&output).contains("hunter"), "{}", path.display());
        }
    }
}

#[test]
fn the_shipped_files_are_right() {
    for shipped in ["config", "config/examples"] {
        let output = check(&root().join(shipped), &["--config", "n720d.toml"]);
        assert_eq!(stdout(&output), "1 site usable, no errors, no warnings\n", "{shipped}");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let (all, least) = (root().join("config/n720d.toml"), root().join("config/examples/n720d.toml"));
    let (all, least) =
        (n720d::config::load(&all).unwrap().daemon, n720d::config::load(&least).unwrap().daemon);
    assert_eq!(all.poll, least.poll);
    assert_eq!(all.provisioning, least.provisioning);
    assert_eq!(all.api, least.api);
    let told = |alerts: &n720d::config::AlertsConfig| {
        (alerts.repeat_interval, alerts.gathering.clone(), alerts.sink_failing, alerts.routing.clone())
    };
    assert_eq!(told(&all.alerts), told(&least.alerts));
}

#[test]
fn json_holds_the_same_findings() {
    let folder = case("clock-changes");
    let output = check(folder.path(), &["--json", "--config", "n720d.toml"]);
    assert_eq!(output.status.code(), Some(78));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["errors"], 4);
    assert_eq!(json["warnings"], 1);
    assert_eq!(json["sites"], 2);
    let first = &json["findings"][1];
    assert_eq!(first["file"], "sites/gap.toml");
    assert_eq!((&first["line"], &first["column"]), (&10.into(), &12.into()));
    assert_eq!((&first["severity"], &first["key"]), (&"error".into(), &"registration.start".into()));
}

#[test]
fn the_file_comes_from_the_option_then_the_environment_then_etc() {
    let folder = case("no-sites");
    let run = |option: Option<&str>, variable: Option<&str>| {
        let mut command = n720d(folder.path());
        command.arg("check").args(option.map(|file| ["--config", file]).iter().flatten());
        command.envs(variable.map(|file| ("N720D_CONFIG", file)));
        stdout(&command.output().unwrap())
    };
    assert!(run(Some("a.toml"), Some("b.toml")).starts_with("a.toml: error: found no such file"));
    assert!(run(None, Some("b.toml")).starts_with("b.toml: error: found no such file"));
    let help = stdout(&n720d(folder.path()).arg("--help").output().unwrap());
    assert!(help.contains("[default: /etc/n720d/n720d.toml]"), "{help}");
}

#[test]
fn what_is_no_file_is_one_clear_finding() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(folder.path(), &["--config", "."]);
    assert_eq!(
        stdout(&output),
        ".: error: found a directory, expected a TOML file\nnothing usable, 1 error, no warnings\n"
    );
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_wrong_command_line_is_64_and_help_is_0() {
    let folder = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| n720d(folder.path()).args(arguments).output().unwrap().status.code();
    for wrong in [&["chekc"][..], &["check", "--jsn"], &[], &["render"], &["observe", "../x"]] {
        assert_eq!(code(wrong), Some(64), "{wrong:?}");
    }
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["plan", "--help"]), Some(0));
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let folder = case("site-wrong");
    let mut child = n720d(folder.path())
        .args(["check", "--config", "n720d.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(stderr(&output), "");
}

fn secret_set(name: impl AsRef<OsStr>, input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = n720d(folder.path())
        .args(["secret", "set"])
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn an_empty_secret_is_refused() {
    let output = secret_set("acme/web", b"\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "n720d: standard input is empty: give the secret on it, as in `n720d secret set NAME < FILE`\n"
    );
}
