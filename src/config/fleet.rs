//! What must hold between site files: no IPUI, manager or address twice. Judges readings; reads no file.

use std::collections::BTreeMap;

use super::report::{Located, Report};
use super::site::Marks;

/// Reports on every file what another file has too, naming the first other place.
pub(super) fn check(files: &[(&Report<'_>, &Marks)]) {
    unique(
        files,
        |marks| marks.ipuis.iter().collect(),
        ToString::to_string,
        "an IPUI used once in the fleet",
    );
    unique(
        files,
        |marks| marks.mac.iter().collect(),
        ToString::to_string,
        "a MAC of one site: every manager has its own file",
    );
    unique(
        files,
        |marks| marks.address.iter().collect(),
        |(host, port)| format!("http://{host}:{port}"),
        "an address of one site: every manager has its own file",
    );
}

/// Reports on every site that n720d should serve, when `n720d.toml` does not say how it is reached.
pub(super) fn refuse_served(files: &[(&Report<'_>, &Marks)]) {
    for (report, marks) in files {
        if let Some(place) = &marks.served {
            let expected =
                "public_url under [provisioning] in n720d.toml: the manager fetches its file from there";
            report.error(place, "a site to be provisioned", expected);
        }
    }
}

fn unique<'f, T: Ord + 'f>(
    files: &[(&'f Report<'f>, &'f Marks)],
    values: impl Fn(&'f Marks) -> Vec<&'f Located<T>>,
    show: impl Fn(&T) -> String,
    expected: &str,
) {
    let mut places: BTreeMap<&T, Vec<(&Report<'f>, &Located<T>)>> = BTreeMap::new();
    for (report, marks) in files {
        for value in values(marks) {
            places.entry(&value.value).or_default().push((report, value));
        }
    }
    for (value, users) in places.into_iter().filter(|(_, users)| users.len() > 1) {
        for (position, (report, here)) in users.iter().enumerate() {
            // The first names the second, all others name the first.
            let Some((other, there)) = users.get(usize::from(position == 0)) else { continue };
            let (file, line, key) = (other.source.file.display(), there.place.line, &there.place.key);
            let found = format!("\"{}\", which {file}:{line} has too ({key})", show(value));
            report.error(&here.place, found, expected);
        }
    }
}
