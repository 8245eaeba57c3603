//! The time zone of this machine, by its IANA name: a first guess at that of a manager.

use std::path::Path;

use chrono_tz::Tz;

/// The zone that `TZ` names, else the one that `/etc/localtime` leads to; `None` where neither names one.
pub(super) fn of_this_machine() -> Option<Tz> {
    let from_environment = std::env::var("TZ").ok();
    let localtime = || std::fs::read_link("/etc/localtime").ok();
    match from_environment.filter(|name| !name.is_empty()) {
        Some(name) => named(&name),
        None => linked(&localtime()?),
    }
}

/// `Europe/Berlin` or, as POSIX has it, `:Europe/Berlin`.
fn named(name: &str) -> Option<Tz> {
    let name = name.strip_prefix(':').unwrap_or(name);
    if name.starts_with('/') { linked(Path::new(name)) } else { name.parse().ok() }
}

/// A file in a database of time zones.
fn linked(target: &Path) -> Option<Tz> {
    let (_, name) = target.to_str()?.rsplit_once("zoneinfo/")?;
    name.strip_prefix("posix/").unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_name_and_by_file() {
        let berlin = Some(chrono_tz::Europe::Berlin);
        for name in ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin"] {
            assert_eq!(named(name), berlin, "{name}");
        }
        for target in ["/usr/share/zoneinfo/Europe/Berlin", "../usr/share/zoneinfo/posix/Europe/Berlin"] {
            assert_eq!(linked(Path::new(target)), berlin, "{target}");
        }
        assert_eq!(linked(Path::new("/usr/share/zoneinfo/UTC")), Some(Tz::UTC));
        for name in ["CET-1CEST,M3.5.0,M10.5.0/3", "", "/etc/localtime"] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
