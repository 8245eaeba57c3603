//! `type = "command"`: a program that is run for each message. Only looks whether it is there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::report::quoted;
use super::super::tree::Section;
use super::file;

const COMMAND: &str =
    "a program by its absolute path, and its arguments, like [\"/usr/local/lib/page\", \"--team\", \"noc\"]";

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandConfig {
    /// Absolute.
    pub program: PathBuf,
    /// As written: no shell reads them.
    pub arguments: Vec<String>,
}

/// Reads the sink's own keys; what is wrong is in the report. That the program cannot be run is a warning alone: it may be
/// there for n720d when it runs, and not for who checks its file elsewhere.
pub(super) fn read(section: &Section<'_>) -> Option<CommandConfig> {
    section.require("command", COMMAND);
    let words = section.strings("command")?;
    let report = section.report;
    for word in words.iter().filter(|word| word.value.contains('\0')) {
        report.error(&word.place, "a text with a NUL in it", "a text that a program can be given");
    }
    let Some((program, arguments)) = words.split_first() else {
        report.error(&section.place_of("command"), "an empty list", COMMAND);
        return None;
    };
    let path = Path::new(program.value);
    if !path.is_absolute() {
        let expected =
            "the program's absolute path, like /usr/local/lib/page: neither a shell nor PATH is asked";
        report.error(&program.place, quoted(program.value), expected);
        return None;
    }
    if let Some(fault) = fault_of(path) {
        let expected = "a program that n720d may run";
        report.warn(&program.place, format!("{}, {fault}", quoted(program.value)), expected);
    }
    let arguments = arguments.iter().map(|word| word.value.to_owned()).collect();
    Some(CommandConfig { program: path.to_owned(), arguments })
}

fn fault_of(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) => Some(file::refused(error)),
        Ok(found) if !found.is_file() => Some("which is no regular file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("which is not executable".to_owned()),
        Ok(_) => None,
    }
}
