//! A file as text: read once, with limits, and the map from byte offsets to lines and columns. Knows no key.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::finding::Finding;

/// A complete site file of 100 slots is some 20 KiB.
const LARGEST: u64 = 1024 * 1024;

/// The text of one configuration file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) text: String,
    /// Whether users other than owner and group can read it.
    pub(super) world_readable: bool,
    line_starts: Vec<usize>,
}

impl Source {
    /// Reads a file; an unreadable one is one finding that says why and what to do.
    pub(super) fn read(file: &Path) -> Result<Self, Finding> {
        let refused = |error: &std::io::Error| {
            let kind = error.kind();
            let (found, expected) = if kind == ErrorKind::NotFound {
                ("no such file".to_owned(), "a TOML file")
            } else if kind == ErrorKind::PermissionDenied {
                let expected = "read permission for the user that n720d runs as";
                ("a file that this user cannot read".to_owned(), expected)
            } else {
                (error.to_string(), "a readable TOML file")
            };
            Finding::of_file(file, found, expected)
        };
        // Before opening: opening a FIFO would wait for somebody to write into it.
        let metadata = std::fs::metadata(file).map_err(|error| refused(&error))?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() { "a directory" } else { "something that is no regular file" };
            return Err(Finding::of_file(file, found, "a TOML file"));
        }
        let handle = File::open(file).map_err(|error| refused(&error))?;
        let mut bytes = Vec::new();
        handle.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| refused(&error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(Finding::of_file(file, "more than 1 MiB", "a file of at most 1 MiB"));
        }
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(file, &error))?;
        let world_readable = metadata.permissions().mode() & 0o004 != 0;
        Ok(Self { world_readable, ..Self::new(file, text) })
    }

    /// Takes text that is already at hand.
    pub(super) fn new(file: &Path, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.to_owned(), text, world_readable: false, line_starts }
    }

    /// The same file with another text, where it is the one that has another.
    pub(super) fn instead(self, instead: Option<super::Instead<'_>>) -> Self {
        match instead.filter(|instead| instead.file == self.file) {
            Some(instead) => {
                Self { world_readable: self.world_readable, ..Self::new(&self.file, instead.text.to_owned()) }
            }
            None => self,
        }
    }

    /// Line and column (in characters) of a byte offset, both from 1.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).map_or(0, |text| text.chars().count());
        (line, before + 1)
    }
}

fn not_utf8(file: &Path, error: &std::string::FromUtf8Error) -> Finding {
    let valid = error.utf8_error().valid_up_to();
    let head = error.as_bytes().get(..valid).unwrap_or_default();
    let text = String::from_utf8_lossy(head).into_owned();
    let (line, column) = Source::new(file, text).position(valid);
    Finding { line, column, ..Finding::of_file(file, "a byte that is not UTF-8", "a TOML file in UTF-8") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &Path) -> String {
        let finding = Source::read(file).unwrap_err();
        assert!(finding.is_error());
        finding.to_string().replace(&format!("{}", file.display()), "FILE")
    }

    #[test]
    fn offsets_become_lines_and_columns_in_characters() {
        let source = Source::new(Path::new("x"), "ä = 1\n\nbö = 2\n".to_owned());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3), "a two-byte letter is one column");
        assert_eq!(source.position(7), (2, 1));
        assert_eq!(source.position(8), (3, 1));
        assert_eq!(source.position(15), (3, 7));
        assert_eq!(source.position(9_999), (4, 1), "beyond the end is the last line");
    }

    #[test]
    fn what_cannot_be_read_is_one_clear_finding() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.toml");
        assert_eq!(refusal(&missing), "FILE: error: found no such file, expected a TOML file");
        assert_eq!(refusal(folder.path()), "FILE: error: found a directory, expected a TOML file");
        let latin1 = folder.path().join("latin1.toml");
        std::fs::write(&latin1, b"a = 1\nname = \"M\xFCller\"\n").unwrap();
        assert_eq!(
            refusal(&latin1),
            "FILE:2:10: error: found a byte that is not UTF-8, expected a TOML file in UTF-8"
        );
        let huge = folder.path().join("huge.toml");
        std::fs::write(&huge, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert_eq!(refusal(&huge), "FILE: error: found more than 1 MiB, expected a file of at most 1 MiB");
    }

    #[test]
    fn the_largest_file_is_still_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("large.toml");
        std::fs::write(&file, vec![b'#'; 1024 * 1024]).unwrap();
        assert_eq!(Source::read(&file).unwrap().text.len(), 1024 * 1024);
    }

    #[test]
    fn tells_who_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "").unwrap();
        for (mode, open) in [(0o644, true), (0o640, false), (0o600, false)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Source::read(&file).unwrap().world_readable, open, "{mode:o}");
        }
    }
}
