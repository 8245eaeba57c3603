//! Import and export of slots: the files that take part, and the whole fleet's checks on what comes out. Writes nothing.

use std::path::{Path, PathBuf};

use super::csv_slots::{self, Export, Fault, Summary};
use super::edit::EditError;
use super::finding::Finding;
use super::source::Source;
use super::{Instead, load_instead};
use crate::domain::ids::SiteName;

/// Why slots were neither imported nor exported.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The site file cannot be read.
    #[error("the site file cannot be used")]
    SiteFile(Vec<Finding>),
    /// The site file is right, but not in a way that can be changed.
    #[error("{} cannot be changed", file.display())]
    Edit {
        /// The site file.
        file: PathBuf,
        /// Why.
        #[source]
        source: EditError,
    },
    /// The table is wrong.
    #[error("the table cannot be imported: correct the errors above; nothing was written")]
    Table {
        /// What is wrong with it, by row.
        faults: Vec<Fault>,
        /// What would be wrong with the site file, though no cell is to blame.
        findings: Vec<Finding>,
    },
}

/// What an import comes to.
#[derive(Debug)]
pub struct Import {
    /// The site file.
    pub file: PathBuf,
    /// Its text.
    pub before: String,
    /// The text that it is to have.
    pub after: String,
    /// What changes.
    pub summary: Summary,
    /// What a person should look at, in the table.
    pub warnings: Vec<Fault>,
}

/// The slots of a site file as a table.
///
/// # Errors
/// When the file cannot be read, or lists its slots in an unusual way.
pub fn export(sites_dir: &Path, site: &SiteName) -> Result<Export, BulkError> {
    let (file, source) = read(sites_dir, site)?;
    csv_slots::export(&source.text).map_err(|source| BulkError::Edit { file, source })
}

/// A table put into the file of a site: the result has passed all checks, those of the fleet too.
///
/// `config_file` is `n720d.toml`, `sites_dir` its folder of sites, `table` the bytes of the table.
///
/// # Errors
/// All that is wrong with the table, or that the site file cannot be changed.
pub fn import(
    config_file: &Path,
    sites_dir: &Path,
    site: &SiteName,
    table: &[u8],
) -> Result<Import, BulkError> {
    let (file, source) = read(sites_dir, site)?;
    let merged = csv_slots::merge(&source.text, table)
        .map_err(|source| BulkError::Edit { file: file.clone(), source })?;
    let found = load_instead(config_file, Instead { file: &file, text: &merged.text });
    let found = found.map_or_else(|findings| findings, |config| config.findings());
    let (mut faults, mut findings, mut warnings) = (merged.faults.clone(), Vec::new(), Vec::new());
    for finding in found.into_iter().filter(|finding| finding.file == file) {
        match (merged.fault_of(&finding), finding.is_error()) {
            (Some((fault, _)), true) => faults.push(fault),
            (None, true) => findings.push(finding),
            (Some((fault, true)), false) => warnings.push(fault),
            // It was there before.
            (Some((_, false)) | None, false) => {}
        }
    }
    faults.sort_by_key(|fault| fault.row);
    if !faults.is_empty() || !findings.is_empty() {
        return Err(BulkError::Table { faults, findings });
    }
    Ok(Import { file, before: source.text, after: merged.text, summary: merged.summary, warnings })
}

fn read(sites_dir: &Path, site: &SiteName) -> Result<(PathBuf, Source), BulkError> {
    let file = sites_dir.join(format!("{site}.toml"));
    let source = Source::read(&file).map_err(|finding| BulkError::SiteFile(vec![finding]))?;
    Ok((file, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "[site]\ntime_zone = 'Europe/Berlin'\n[manager]\nurl = 'http://10.0.0.1'\nmac = '7C2F80CA2101'\npassword \
                        = 'env:WEB'\n[registration]\nduration = '1h'\n[[provider]]\nindex = 0\n[[slot]]\nnumber = 1\nipui \
                        = '02 00 00 00 01'\n[[slot]]\nnumber = 2\n";

    /// A folder with two sites, of which `acme` is [`SITE`] and `bolt` lists `02 00 00 00 09`.
    struct Fleet(tempfile::TempDir);

    impl Fleet {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("sites")).unwrap();
            std::fs::write(folder.path().join("n720d.toml"), "").unwrap();
            let fleet = Self(folder);
            let other =
                SITE.replace("10.0.0.1", "10.0.0.2").replace("CA2101", "CA2102").replace("00 01'", "00 09'");
            for (name, text) in [("acme", SITE), ("bolt", &other)] {
                std::fs::write(fleet.sites().join(format!("{name}.toml")), text).unwrap();
            }
            fleet
        }

        fn sites(&self) -> PathBuf {
            self.0.path().join("sites")
        }

        fn import(&self, table: &str) -> Result<Import, BulkError> {
            import(
                &self.0.path().join("n720d.toml"),
                &self.sites(),
                &"acme".parse().unwrap(),
                table.as_bytes(),
            )
        }

        fn faults(&self, table: &str) -> Vec<String> {
            match self.import(table) {
                Err(BulkError::Table { faults, findings }) => {
                    assert!(findings.is_empty(), "{findings:?}");
                    faults
                        .iter()
                        .map(|fault| fault.to_string().replace(&format!("{}/", self.0.path().display()), ""))
                        .collect()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_table_is_put_in_and_nothing_written() {
        let fleet = Fleet::new();
        let import = fleet.import("number,name\n1,Door\n").unwrap();
        assert_eq!(import.before, SITE);
        assert_eq!(import.after, SITE.replace("00 01'\n", "00 01'\ndisplay_name = 'Door'\n"));
        assert_eq!(import.summary.changed.len(), 1);
        assert_eq!(import.summary.not_in_table.len(), 1);
        assert_eq!(std::fs::read_to_string(&import.file).unwrap(), SITE);
    }

    #[test]
    fn what_the_site_file_and_the_fleet_forbid_is_told_of_cells() {
        let fleet = Fleet::new();
        let long = "x".repeat(33);
        assert_eq!(
            fleet.faults(&format!(
                "number,ipui,name,user,login,provider,mailbox\n1,0200000009,{long},1,,3,\n2,0200000001,a<b,,5,,*\n101,x,,,,,\n"
            )),
            [
                "row 2, column B (ipui): found \"02 00 00 00 09\", which sites/bolt.toml:13 has too (slot[1].ipui), \
                 expected an IPUI used once in the fleet",
                "row 2, column C (display_name): found \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\", expected at most 32 bytes, the device's limit",
                "row 2, column F (provider): found provider 3, which no [[provider]] has as its index, expected the index of a listed provider",
                "row 3, column C (display_name): found \"a<b\", expected printable ISO-8859-1 without \" ' < >: the device cannot be given '<'",
                "row 3, column D (user): found nothing, expected the SIP user, like \"1013\"",
                "row 4, column A (number): found \"101\", expected the slot's number, 1 to 100",
                "row 4, column B (ipui): found \"x\", expected an IPUI: five bytes, not all zero, like 02 B6 EC 8A A5",
            ]
        );
    }

    #[test]
    fn a_secret_in_the_table_is_warned_about_and_not_shown() {
        let import = Fleet::new().import("number,user,password\n2,1,hunter2\n").unwrap();
        let warnings: Vec<String> = import.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings.concat().starts_with("row 2, column C (password)")
                && !warnings.concat().contains("hunter2")
        );
        let bad = Fleet::new().faults("number,user,password\n2,1,hunter<2\n");
        assert!(!bad.concat().contains("hunter"), "{bad:?}");
    }

    #[test]
    fn an_export_imported_again_changes_nothing() {
        let fleet = Fleet::new();
        let export = export(&fleet.sites(), &"acme".parse().unwrap()).unwrap();
        let heading = csv_slots::Field::ALL.map(csv_slots::Field::key).join(",");
        let rows = export.rows().into_iter().map(|row| row.join(","));
        let table: Vec<String> = std::iter::once(heading).chain(rows).collect();
        let import = fleet.import(&table.join("\r\n")).unwrap();
        assert_eq!((import.before, import.summary), (import.after, Summary::default()));
    }

    #[test]
    fn a_file_that_is_gone_is_told() {
        let fleet = Fleet::new();
        std::fs::remove_file(fleet.sites().join("acme.toml")).unwrap();
        assert!(
            matches!(fleet.import("number\n1\n"), Err(BulkError::SiteFile(findings)) if findings.len() == 1)
        );
    }
}
