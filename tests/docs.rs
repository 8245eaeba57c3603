//! Keeps README.md and docs/REFERENCE.md honest: their configuration passes `n720d check`, and no subcommand, key, alert
//! kind, metric or file of the state directory is missing from the reference. What the words say is for people to check.

#![expect(clippy::unwrap_used, reason = "a test that cannot run n720d or read its output fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use n720d::api::{Board, DeliveryResult, Metrics};
use n720d::domain::alert::AlertKind;

const README: &str = include_str!("../README.md");
const REFERENCE: &str = include_str!("../docs/REFERENCE.md");
/// The examples name every key, those that are left out as comments.
const EXAMPLES: [&str; 2] =
    [include_str!("../config/n720d.toml"), include_str!("../config/sites/acme-berlin.toml")];

fn n720d(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_n720d"));
    command.args(arguments).env_remove("N720D_CONFIG").env_remove("STATE_DIRECTORY").output().unwrap()
}

/// The fenced blocks of a page: what stands behind the fence, and the text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n"));
            blocks.push((info, text.collect()));
        }
    }
    blocks
}

#[test]
fn every_configuration_shown_passes_the_check() {
    let mut checked = 0;
    for (info, text) in blocks(README).into_iter().chain(blocks(REFERENCE)) {
        let Some(name) = info.strip_prefix("toml") else { continue };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sites")).unwrap();
        let config = folder.path().join("n720d.toml");
        std::fs::write(&config, "[provisioning]\npublic_url = \"http://10.1.0.5:8720\"\n").unwrap();
        let name = name.trim();
        let known = name == "n720d.toml" || name.starts_with("sites/");
        assert!(known, "a block of toml must say which file it is: {text}");
        std::fs::write(folder.path().join(name), &text).unwrap();
        let output = n720d(&["check", "--config", config.to_str().unwrap()]);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
        assert!(output.status.success() && said.contains("no warnings"), "{said}\n{text}");
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} blocks of configuration were found");
}

#[test]
fn every_json_shown_is_json() {
    let shown = blocks(README).into_iter().chain(blocks(REFERENCE)).filter(|(info, _)| *info == "json");
    let bad: Vec<_> = shown
        .filter_map(|(_, text)| serde_json::from_str::<serde_json::Value>(&text).err().map(|e| (e, text)))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn every_subcommand_and_option_is_in_the_reference() {
    let commands = subcommands(&[]);
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands.iter().map(String::as_str) {
        let nested = subcommands(&[command]);
        let documented = format!("\n| `{command}");
        assert!(REFERENCE.contains(&documented), "{command} is not in the table of commands");
        for inner in &nested {
            assert!(REFERENCE.contains(&format!("`{command} {inner} ")), "{command} {inner}");
        }
        for option in options(&help(&[command])) {
            assert!(REFERENCE.contains(&option), "{command} {option}");
        }
    }
}

fn help(path: &[&str]) -> String {
    let output = n720d(&[path, &["--help"]].concat());
    assert!(output.status.success(), "{path:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names under `Commands:`, but for clap's own `help`.
fn subcommands(path: &[&str]) -> Vec<String> {
    let text = help(path);
    let listed = text.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The long options of a help text, but for those that every program has.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == '[' || c == ']');
    let words = words.map(|word| word.trim_end_matches([':', ',', ';', '.']));
    let options = words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned);
    options.filter(|option| !["--help", "--version"].contains(&option.as_str())).collect()
}

#[test]
fn every_key_of_the_example_files_is_in_the_reference() {
    let mut missing = BTreeSet::new();
    for line in EXAMPLES.iter().flat_map(|text| text.lines()) {
        let line = line.trim_start_matches('#').trim_start();
        let Some((key, _)) = line.split_once('=') else { continue };
        let key = key.trim();
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let named = [format!("`{key}`"), format!(".{key}`")];
        if is_key && !named.iter().any(|name| REFERENCE.contains(name.as_str())) {
            missing.insert(key);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_alert_kind_is_in_the_reference() {
    for kind in AlertKind::ALL {
        assert!(REFERENCE.contains(&format!("\n| `{kind}` |")), "{kind}");
    }
}

#[test]
fn every_metric_is_in_the_reference() {
    let metrics = Metrics::new(Board::default(), "1");
    // What has labels shows from its first event on.
    metrics.cycle(None, Duration::ZERO);
    metrics.fetched(200);
    metrics.notified("journal", DeliveryResult::Delivered, chrono::DateTime::UNIX_EPOCH);
    metrics.notifications_wait("journal", 1);
    let text = metrics.encode().unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<String> = types
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("`{name}_total`"),
            (name, "info") => format!("`{name}_info`"),
            (name, _) => format!("`{name}`"),
        })
        .collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(REFERENCE.contains(&name), "{name}");
    }
}

/// The lines of a page that are no part of a fenced block.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[test]
fn nothing_is_said_twice() {
    for page in [README, REFERENCE] {
        let (mut headings, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for line in prose(page) {
            if line.starts_with('#') {
                assert!(headings.insert(line.trim_start_matches('#').trim()), "twice: {line}");
            }
            match line.strip_prefix("| ").and_then(|row| row.split(" | ").next()) {
                Some(cell) => assert!(cells.insert(cell), "twice in a table: {line}"),
                None => cells.clear(),
            }
        }
        assert!(headings.len() >= 3, "{headings:?}");
    }
}

/// What links to the headings of a page are called: lower case, blanks as hyphens, nothing but letters, digits, `-` and `_`.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut headings = Vec::new();
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        headings.extend(
            line.strip_prefix('#').filter(|_| !fenced).map(|rest| rest.trim_start_matches('#').trim()),
        );
    }
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_'].contains(c);
    headings.iter().map(|text| text.to_lowercase().replace(' ', "-").chars().filter(kept).collect()).collect()
}

#[test]
fn every_link_to_a_heading_leads_somewhere() {
    let architecture = include_str!("../docs/ARCHITECTURE.md");
    let mut links = 0;
    for page in [README, REFERENCE, architecture] {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((file, heading)) = target.split_once('#').filter(|_| !target.starts_with("http")) else {
                continue;
            };
            let there = match file.rsplit('/').next().unwrap_or_default() {
                "" => page,
                "REFERENCE.md" => REFERENCE,
                "ARCHITECTURE.md" => architecture,
                "README.md" => README,
                other => panic!("a link into {other}, which is not looked at"),
            };
            assert!(anchors(there).contains(heading), "{target}");
            links += 1;
        }
    }
    assert!(links >= 30, "only {links} links were found");
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for (page, folder) in [(README, base.to_owned()), (REFERENCE, base.join("docs"))] {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.starts_with("http") {
                assert!(folder.join(path).exists(), "{target}");
                links += 1;
            }
        }
    }
    assert!(links >= 4, "only {links} links were found");
}
