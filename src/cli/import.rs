//! `n720d import`: slots from CSV into a site file, after the difference was shown and agreed to. Tells no daemon.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::ImportArgs;
use super::paint::Line;
use super::unified::{self, Sides, ToneLine};
use super::{CliError, Exit, configuration, output, replace, site};
use crate::config::{self, BulkError, Fault, Finding, Import, Summary};
use crate::domain::ids::{SiteName, SlotNumber};

/// The most that is read of a table, in bytes: one more than is taken.
const LARGEST: u64 = 1024 * 1024 + 1;

/// Why a table was not read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", file.display())]
struct Unreadable {
    file: PathBuf,
    #[source]
    source: io::Error,
}

/// What `import --json` prints.
#[derive(Debug, Serialize)]
struct Outcome<'i> {
    site: &'i SiteName,
    /// The site file.
    file: &'i Path,
    written: bool,
    #[serde(flatten)]
    summary: &'i Summary,
    warnings: &'i [Fault],
    /// Unified, secrets masked; empty when nothing differs.
    diff: String,
}

/// What it prints of a table that is wrong.
#[derive(Debug, Serialize)]
struct Refused<'i> {
    faults: &'i [Fault],
    findings: &'i [Finding],
}

/// Runs the command.
pub(super) fn run(file: &Path, args: &ImportArgs) -> Result<Exit, CliError> {
    let configuration = configuration(file)?;
    site(&configuration, &args.site)?;
    let table = read(&args.file)?;
    let import = match config::import(file, &configuration.daemon.sites_dir, &args.site, &table) {
        Ok(import) => import,
        Err(BulkError::Table { faults, findings }) => return refused(args, faults, findings),
        Err(error) => return Err(broken(error)),
    };
    let differs = import.before != import.after;
    let diff = difference(&import);
    if !args.json {
        show(args, &import, &diff)?;
    }
    let written = differs && (args.yes || !args.json && agreed()?);
    if written {
        replace::replace(&import.file, import.before.as_bytes(), import.after.as_bytes())
            .map_err(CliError::other)?;
    }
    if args.json {
        let Import { file, summary, warnings, .. } = &import;
        let diff = diff.into_iter().map(|(_, line)| line + "\n").collect();
        output::json(&Outcome { site: &args.site, file, written, summary, warnings, diff })?;
    } else if written {
        let file = import.file.display();
        output::line(format_args!("{file} is written; a running daemon takes it after `n720d reload`"))?;
    } else if differs {
        output::complaint("n720d: nothing is written; `--yes` writes it");
    }
    Ok(if differs && !written { Exit::Waiting } else { Exit::Fine })
}

/// What a site file that cannot be used comes to.
pub(super) fn broken(error: BulkError) -> CliError {
    match error {
        BulkError::SiteFile(findings) => CliError::Configuration { findings },
        error @ (BulkError::Edit { .. } | BulkError::Table { .. }) => CliError::other(error),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut table = Vec::new();
    let read = File::open(file).and_then(|handle| handle.take(LARGEST).read_to_end(&mut table));
    read.map_err(|source| CliError::other(Unreadable { file: file.to_owned(), source }))?;
    Ok(table)
}

/// Every fault, then that it failed.
fn refused(args: &ImportArgs, faults: Vec<Fault>, findings: Vec<Finding>) -> Result<Exit, CliError> {
    if args.json {
        output::json(&Refused { faults: &faults, findings: &findings })?;
    } else {
        faults.iter().for_each(|fault| output::complaint(format_args!("{}: {fault}", args.file.display())));
        findings.iter().for_each(output::complaint);
    }
    Err(CliError::other(BulkError::Table { faults, findings }))
}

fn difference(import: &Import) -> Vec<ToneLine> {
    let sides = Sides {
        before: &import.before,
        after: &import.after,
        shown_before: &config::masked(&import.before),
        shown_after: &config::masked(&import.after),
    };
    unified::diff(&import.file.display().to_string(), sides)
}

fn show(args: &ImportArgs, import: &Import, diff: &[ToneLine]) -> Result<(), CliError> {
    let lines: Vec<Line> = diff.iter().map(|(tone, line)| Line::new(*tone, line.as_str())).collect();
    output::painted(&lines)?;
    for warning in &import.warnings {
        output::complaint(format_args!("{}: warning: {warning}", args.file.display()));
    }
    summary(&args.site, &import.summary).iter().try_for_each(output::line)
}

/// What changes, in words.
fn summary(site: &SiteName, summary: &Summary) -> Vec<String> {
    let Summary { added, changed, another_handset, absent, not_in_table } = summary;
    let mut lines = Vec::new();
    if added.is_empty() && changed.is_empty() {
        lines.push(format!("{site}: nothing to do, the site file says all of it already"));
    } else {
        lines.push(format!("{site}: {}, {}", counted(added, "new"), counted(changed, "changed")));
    }
    if !another_handset.is_empty() {
        lines.push(format!("get another handset: {}", listed(another_handset)));
    }
    if !absent.is_empty() {
        lines.push(format!("become absent: {}", listed(absent)));
    }
    if !another_handset.is_empty() || !absent.is_empty() {
        lines.push(format!(
            "these deregister the handsets that are registered there; `n720d plan {site}` shows whom, before anything is done"
        ));
    }
    if !not_in_table.is_empty() {
        let stay = if not_in_table.len() == 1 {
            "is not in the table and stays"
        } else {
            "are not in the table and stay"
        };
        lines.push(format!(
            "{} {stay} as {}",
            counted(not_in_table, "listed"),
            if not_in_table.len() == 1 { "it is" } else { "they are" }
        ));
    }
    lines
}

fn counted(slots: &[SlotNumber], kind: &str) -> String {
    match slots.len() {
        0 => format!("no {kind} slot"),
        1 => format!("1 {kind} slot"),
        number => format!("{number} {kind} slots"),
    }
}

fn listed(slots: &[SlotNumber]) -> String {
    let numbers: Vec<String> = slots.iter().map(ToString::to_string).collect();
    format!("slot {}", numbers.join(", "))
}

/// Whether somebody who has seen the difference wants it; where nobody can be asked, nobody does.
fn agreed() -> Result<bool, CliError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() || !io::stdout().is_terminal() {
        return Ok(false);
    }
    output::complaint("write it? [y/N]");
    let mut answer = String::new();
    stdin.read_line(&mut answer).map_err(CliError::other)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(numbers: &[u8]) -> Vec<SlotNumber> {
        numbers.iter().filter_map(|number| SlotNumber::new(*number)).collect()
    }

    #[test]
    fn the_summary_says_what_happens_to_whom() {
        let all = Summary {
            added: slots(&[7]),
            changed: slots(&[1, 2, 3]),
            another_handset: slots(&[1, 3]),
            absent: slots(&[2]),
            not_in_table: slots(&[4, 5]),
        };
        assert_eq!(
            summary(&"acme".parse().unwrap(), &all),
            [
                "acme: 1 new slot, 3 changed slots",
                "get another handset: slot 1, 3",
                "become absent: slot 2",
                "these deregister the handsets that are registered there; `n720d plan acme` shows whom, before anything \
                 is done",
                "2 listed slots are not in the table and stay as they are",
            ]
        );
        let none = Summary { not_in_table: slots(&[9]), ..Summary::default() };
        assert_eq!(
            summary(&"acme".parse().unwrap(), &none),
            [
                "acme: nothing to do, the site file says all of it already",
                "1 listed slot is not in the table and stays as it is",
            ]
        );
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, yes) in
            [("y\n", true), (" YES\n", true), ("\n", false), ("n", false), ("yellow", false), ("", false)]
        {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }

    #[test]
    fn a_difference_shows_no_secret() {
        let import = Import {
            file: "a.toml".into(),
            before: "p = 1\npassword = 'hunter2'\n".to_owned(),
            after: "p = 2\npassword = 'hunter3'\n".to_owned(),
            summary: Summary::default(),
            warnings: Vec::new(),
        };
        let lines: Vec<String> = difference(&import).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "--- a.toml",
                "+++ a.toml",
                "@@ -1,2 +1,2 @@",
                "-p = 1",
                "-password = \"***\"",
                "+p = 2",
                "+password = \"***\""
            ]
        );
    }
}
