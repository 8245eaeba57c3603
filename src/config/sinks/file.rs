//! Files that a sink is made from beside `n720d.toml`: certificates and templates, read once, with limits. Secrets are
//! not read here.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::super::report::{Located, Report, quoted};
use super::super::tree::Section;

/// More than every certificate bundle of a system has.
const LARGEST: u64 = 1024 * 1024;

/// The certificates in PEM behind `ca_file`, every one of which can be trusted.
pub(super) fn authorities(section: &Section<'_>) -> Option<Vec<u8>> {
    const EXPECTED: &str = "a file with certificates in PEM, -----BEGIN CERTIFICATE-----";
    let text = section.string("ca_file")?;
    let bytes = read(section.report, &text, EXPECTED)?;
    match check_certificates(&bytes) {
        Ok(()) => Some(bytes),
        Err(fault) => {
            section.report.error(&text.place, format!("{}, {fault}", quoted(text.value)), EXPECTED);
            None
        }
    }
}

/// The source of the template behind `template`; it can be compiled.
pub(super) fn template(section: &Section<'_>) -> Option<String> {
    const EXPECTED: &str = "a file with a template in UTF-8";
    let text = section.string("template")?;
    let report = section.report;
    let bytes = read(report, &text, EXPECTED)?;
    let Ok(source) = String::from_utf8(bytes) else {
        report.error(&text.place, format!("{}, which is not UTF-8", quoted(text.value)), EXPECTED);
        return None;
    };
    let fault = minijinja::Environment::new().template_from_str(&source).err().map(|error| fault_of(&error));
    match fault {
        None => Some(source),
        Some(fault) => {
            let found = format!("{}, {fault}", quoted(text.value));
            report.error(&text.place, found, "a template that can be parsed");
            None
        }
    }
}

/// Where a template is wrong, and what is wrong there.
fn fault_of(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("wrong in line {line}: {detail}"),
        None => format!("wrong: {detail}"),
    }
}

fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let certificate = certificate.map_err(|_| "which has a section that is not PEM".to_owned())?;
        store.add(certificate).map_err(|_| format!("whose certificate {number} cannot be read"))?;
    }
    if store.is_empty() { Err("which has no certificate".to_owned()) } else { Ok(()) }
}

/// A file's content. Relative paths start at the folder of the file that names it.
fn read(report: &Report<'_>, path: &Located<&str>, expected: &str) -> Option<Vec<u8>> {
    match content(&beside(report, path.value)) {
        Ok(bytes) => Some(bytes),
        Err(fault) => {
            report.error(&path.place, format!("{}, {fault}", quoted(path.value)), expected);
            None
        }
    }
}

/// A path that starts at the folder of the file that names it.
fn beside(report: &Report<'_>, path: &str) -> PathBuf {
    report.source.file.parent().unwrap_or_else(|| Path::new("")).join(path)
}

/// Why a file cannot be used, behind its name in a sentence.
pub(super) fn refused(error: std::io::Error) -> String {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        "which is not there".to_owned()
    } else if kind == ErrorKind::PermissionDenied {
        "which this user cannot read".to_owned()
    } else {
        format!("which cannot be read: {error}")
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    // Before opening: opening a FIFO would wait for somebody to write into it.
    if !std::fs::metadata(path).map_err(refused)?.is_file() {
        return Err("which is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(refused)?;
    if bytes.len() as u64 > LARGEST {
        return Err("which has more than 1 MiB".to_owned());
    }
    Ok(bytes)
}
