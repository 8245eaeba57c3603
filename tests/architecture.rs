//! Holds the house rules that no compiler holds: who imports whom, what the pure parts must not touch, the size and
//! the head of every file. It reads the sources as text.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part of the library may import from the others. `domain` imports nothing of ours; `device`, `alerting`,
/// `provisioning` and `store` know `domain` alone, and never each other; `daemon` ties them; nobody imports `cli`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("alerting", &["domain", "config"]),
    ("api", &["domain"]),
    ("cli", &["alerting", "api", "config", "daemon", "device", "domain", "provisioning", "secrets", "store"]),
    ("config", &["domain"]),
    ("daemon", &["alerting", "api", "config", "device", "domain", "provisioning", "secrets", "store"]),
    ("device", &["domain"]),
    ("domain", &[]),
    ("provisioning", &["domain"]),
    ("secrets", &["domain"]),
    ("store", &["domain"]),
];

/// Folders whose code takes values and gives values.
const PURE: &[&str] = &["src/domain", "src/device/n720/pages", "src/device/n720/provisioning"];

/// What a pure file must not contain, in code.
const IMPURE: &[&str] = &[
    "async fn",
    ".await",
    "tokio::",
    "reqwest::",
    "rusqlite::",
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "::now()",
];

const LONGEST_FILE: usize = 600;

fn sources(root: &str) -> Vec<(PathBuf, String)> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![base.join(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(base).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {root}");
    found
}

/// The lines of a file that are code and not a test: comments are left out, and everything behind `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

/// The parts named by `crate::part` or `n720d::part` in a line.
fn named_parts<'a>(line: &'a str, root: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(root)
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn every_part_imports_only_what_it_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let part =
            path.iter().nth(1).and_then(|part| part.to_str()).unwrap().trim_end_matches(".rs").to_owned();
        if part == "lib" || part == "main" {
            continue;
        }
        let may = table.get(part.as_str()).unwrap_or_else(|| panic!("{part} is not in the import table"));
        for (number, line) in code(&text) {
            for other in named_parts(line, "crate::") {
                if other != part && table.contains_key(other) && !may.contains(&other) {
                    wrong.push(format!("{}:{number}: {part} imports {other}", path.display()));
                }
            }
            assert!(
                !line.contains("use crate::{"),
                "{}:{number}: one `use` a part, so that this test can read it",
                path.display()
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_import_table_is_the_tree() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect::<std::collections::BTreeSet<_>>();
    let table = MAY_IMPORT.iter().map(|(part, _)| (*part).to_owned()).collect();
    assert_eq!(folders, table);
}

#[test]
fn pure_parts_touch_nothing() {
    let mut wrong = Vec::new();
    for root in PURE {
        for (path, text) in sources(root) {
            for (number, line) in code(&text) {
                for word in IMPURE {
                    if line.contains(word) {
                        wrong.push(format!("{}:{number}: {word}", path.display()));
                    }
                }
            }
        }
        let head =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(root).join("mod.rs")).unwrap();
        assert!(
            head.contains("#![deny(clippy::disallowed_methods)]"),
            "{root}/mod.rs must deny the disallowed methods"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_clock_is_read_in_one_file() {
    let readers: Vec<_> = sources("src")
        .into_iter()
        .filter(|(_, text)| {
            code(text).any(|(_, line)| line.contains("Utc::now") || line.contains("SystemTime::now"))
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(readers, [PathBuf::from("src/daemon/clock.rs")]);
}

#[test]
fn every_file_says_what_it_is_for_and_is_of_one_idea() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")) {
        assert!(text.starts_with("//!"), "{} has no module doc", path.display());
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines, {LONGEST_FILE} at most", path.display());
    }
}

#[test]
fn nothing_is_printed_but_by_output() {
    for (path, text) in sources("src") {
        if path != Path::new("src/cli/output.rs") {
            for (number, line) in code(&text) {
                for word in ["println!", "eprintln!", "print!(", "eprint!("] {
                    assert!(!line.contains(word), "{}:{number} prints", path.display());
                }
            }
        }
    }
}

#[test]
fn the_simulator_knows_nothing_of_the_daemon() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/n720-sim/Cargo.toml")).unwrap();
    assert!(!manifest.contains("n720d ="), "the simulator must not depend on the daemon");
    for (path, text) in sources("tests/n720-sim") {
        assert!(!text.contains("n720d::"), "{} uses the daemon", path.display());
    }
}
