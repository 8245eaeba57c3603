//! Who runs a command, as far as the system tells: what people's decisions are recorded under. It proves nothing to
//! anybody who may use the control socket, and is not meant to.

use std::fs;

/// The accounts of this machine.
const ACCOUNTS: &str = "/etc/passwd";

/// Who it is: as they say themselves, else whoever called sudo, else the login name of the real user id.
pub(super) fn person(by: Option<&str>) -> String {
    let sudo = std::env::var("SUDO_USER").ok();
    let uid = rustix::process::getuid().as_raw();
    chosen(by, sudo.as_deref(), uid, || fs::read_to_string(ACCOUNTS).unwrap_or_default())
}

fn chosen(by: Option<&str>, sudo: Option<&str>, uid: u32, accounts: impl Fn() -> String) -> String {
    if let Some(name) = by.or(sudo.filter(|name| !name.is_empty())) {
        return name.to_owned();
    }
    // An account of a directory service is not in that file; its number tells who it was all the same.
    login_name(&accounts(), uid).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// The first name of a user id in lines of `name:password:uid:…`.
fn login_name(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "root:x:0:0:root:/root:/bin/bash\n# odd\n:x:7:\nanna:x:1001:1001:Anna,,,:/home/anna:/bin/sh\n\
                         toor:x:0:0::/root:/bin/sh\n";

    #[test]
    fn people_are_whom_they_say_they_are_then_who_called_sudo_then_their_account() {
        let who = |by, sudo, uid| chosen(by, sudo, uid, || LINES.to_owned());
        assert_eq!(who(Some("ben"), Some("anna"), 0), "ben");
        assert_eq!(who(None, Some("anna"), 0), "anna");
        assert_eq!(who(None, Some(""), 1001), "anna");
        assert_eq!(who(None, None, 0), "root");
        assert_eq!(who(None, None, 7), "uid 7");
        assert_eq!(who(None, None, 4242), "uid 4242");
    }

    #[test]
    fn whoever_runs_this_has_a_name() {
        assert!(!person(None).is_empty());
    }
}
