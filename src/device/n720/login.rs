//! Logging in: one GET, one POST, and every way in which it can be refused.
//!
//! Never takes over a session (`loginajax=2`), never posts a password twice, never posts another language than the one
//! that the device shows: that would switch it, and not log in.

use std::time::Duration;

use super::failure::TransportFailure;
use super::http::{Answer, Server};
use super::pages::login::{self, LoginPage};
use super::target::Target;
use crate::domain::observed::ContactFailure;
use crate::domain::secret::Secret;

pub(super) const LOGIN: &str = "/login.html";
pub(super) const LOGOUT: &str = "/logout.html";

/// How long a log-out may take in all, so that a stop of the daemon, which has 18 s, always has room for it.
const LOG_OUT_WITHIN: Duration = Duration::from_secs(12);

/// Logs in and returns the session key.
pub(super) async fn log_in(server: &Server, target: &Target) -> Result<Secret, ContactFailure> {
    let shown = server
        .get(LOGIN, None)
        .await
        .map_err(|failure| unreachable_at("asked for its login page", &failure))?;
    let page = login_page(&shown, "the login page")?;
    if let Some(failure) = page.error.and_then(refusal_before) {
        return Err(failure);
    }
    let Some(language) = page.language else {
        return Err(not_understood(
            "the login page marks no language; posting a wrong one would switch the device's language, so nothing was posted",
        ));
    };
    let fields = [("password", target.password.expose()), ("language", &language), ("loginajax", "0")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (answer, sent) = server.post_watched(LOGIN, &fields).await;
    let answer = answer.map_err(|failure| no_answer(&failure, sent))?;
    match (verdict(server, &answer), answer.key) {
        (Ok(()), Some(key)) => Ok(key),
        (Ok(()), None) => Err(unclear("the device redirected after the login, but set no session key")),
        (Err(failure), Some(key)) => {
            // A key that was set all the same must not keep people out.
            log_out(server, &key).await;
            Err(failure)
        }
        (Err(failure), None) => Err(failure),
    }
}

/// What the answer to the posted password means: a redirect to anywhere but the login page is a success.
fn verdict(server: &Server, answer: &Answer) -> Result<(), ContactFailure> {
    match answer.status {
        200 => {
            let page = login::read(&answer.body).map_err(|refusal| {
                unclear(&format!("the answer to the password was not understood: {refusal}"))
            })?;
            Err(page.error.and_then(refusal_after).unwrap_or_else(|| language_trap(page.error)))
        }
        301 | 302 | 303 | 307 | 308 => {
            match answer.location.as_deref().map(|location| server.target_of(location)).transpose() {
                Ok(Some(path)) if is_login(&path) => {
                    Err(unclear("the device took the password and sent us back to its login page"))
                }
                Ok(_) => Ok(()),
                Err(elsewhere) => {
                    Err(unclear(&format!("the answer to the login leads to another host, {elsewhere}")))
                }
            }
        }
        status => Err(unclear(&format!("the answer to the password came with status {status}"))),
    }
}

fn language_trap(number: Option<u16>) -> ContactFailure {
    let number = number.map_or("no number".to_owned(), |number| format!("number {number}"));
    unclear(&format!(
        "the device took the password and did not log in (its login page came again, with {number}); it does so when it \
         switches its language: look at the language that its web interface is set to"
    ))
}

/// Logs out. Tried up to three times, because a session that stays open keeps people out for ten minutes, and within
/// [`LOG_OUT_WITHIN`]. What comes of it is logged and changes nothing.
pub(super) async fn log_out(server: &Server, key: &Secret) {
    let tries = tokio::time::timeout(LOG_OUT_WITHIN, try_to_log_out(server, key));
    if let Err(failed) = tries.await.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
        tracing::warn!(
            host = server.base.host_str(),
            failed,
            "could not log out; the device ends its session after 10 minutes"
        );
    }
}

async fn try_to_log_out(server: &Server, key: &Secret) -> Result<(), String> {
    let mut failed = String::new();
    for pause in [300, 900, 0] {
        match server.get(LOGOUT, Some(key)).await {
            Ok(answer) if answer.status < 500 => return Ok(()),
            Ok(answer) => failed = format!("status {}", answer.status),
            Err(failure) => {
                failed = failure.to_string();
                // A silent device keeps the next cycle and a shutdown waiting; its own time-out has to do.
                if matches!(failure, TransportFailure::Timeout(_) | TransportFailure::ConnectTimeout) {
                    break;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Err(failed)
}

pub(super) fn is_login(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|page| page.eq_ignore_ascii_case("login.html"))
}

fn login_page(answer: &Answer, what: &str) -> Result<LoginPage, ContactFailure> {
    if answer.status != 200 {
        return Err(unexpected(answer.status, what));
    }
    login::read(&answer.body)
        .map_err(|refusal| not_understood(&format!("{what} was not understood: {refusal}")))
}

fn unexpected(status: u16, what: &str) -> ContactFailure {
    match status {
        503 => ContactFailure::Unreachable(format!("{what} was refused with status 503: the device is busy")),
        500..=599 => ContactFailure::Unreachable(format!("{what} was refused with status {status}")),
        _ => not_understood(&format!("{what} came with status {status}, which an N720 does not send")),
    }
}

fn unreachable_at(doing: &str, failure: &TransportFailure) -> ContactFailure {
    match failure {
        TransportFailure::TooLarge(_) | TransportFailure::Encoded(_) => {
            not_understood(&format!("{doing}: {failure}"))
        }
        TransportFailure::Connect(_)
        | TransportFailure::ConnectTimeout
        | TransportFailure::Timeout(_)
        | TransportFailure::Broken { .. } => ContactFailure::Unreachable(format!("{doing}: {failure}")),
    }
}

/// The password was posted, or was not even that: only what reached the connection may count against it.
fn no_answer(failure: &TransportFailure, sent: bool) -> ContactFailure {
    let doing = "posted the password (once; a session it may have opened ends by itself after 10 minutes)";
    if sent { unclear(&format!("{doing}: {failure}")) } else { unreachable_at("tried to log in", failure) }
}

/// For every outcome of a posted password that is neither a session nor a number that says what is the matter: the
/// device may have counted a wrong one, and from the second in a row it locks its login for everybody.
fn unclear(reason: &str) -> ContactFailure {
    ContactFailure::LoginUnclear(reason.to_owned())
}

fn not_understood(reason: &str) -> ContactFailure {
    ContactFailure::NotUnderstood(reason.to_owned())
}

/// The numbers that make a login pointless before it is tried. Number 1 is not among them: it tells of somebody's last try.
fn refusal_before(number: u16) -> Option<ContactFailure> {
    if number == 1 { None } else { refusal_after(number) }
}

/// The numbers of a login page (n720.md, section 4), as failures; 0 and numbers that are not known are none.
fn refusal_after(number: u16) -> Option<ContactFailure> {
    let working = |doing: &str| {
        Some(ContactFailure::Unreachable(format!(
            "the device is {doing} (number {number}); it comes back by itself"
        )))
    };
    match number {
        1 => Some(ContactFailure::LoginRefused(
            "the device refused the password (number 1); it is not tried again until it changed".to_owned(),
        )),
        2 => Some(ContactFailure::SessionBusy(
            "somebody else is logged in at the web interface (number 2)".to_owned(),
        )),
        4 => working("downloading firmware"),
        5 => working("restarting"),
        6 => Some(ContactFailure::LoginLocked(
            "the device has locked its login after wrong passwords (number 6)".to_owned(),
        )),
        7 => working("restoring its settings"),
        160 | 164 => working("downloading a language"),
        161..=163 => Some(ContactFailure::Unreachable(format!(
            "a download of a language failed on the device (number {number}); somebody has to look at its web interface"
        ))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_failure() {
        assert_eq!(refusal_before(0), None);
        assert_eq!(refusal_before(1), None, "somebody's last wrong try is not ours");
        assert!(matches!(refusal_after(1), Some(ContactFailure::LoginRefused(_))));
        assert!(matches!(refusal_before(2), Some(ContactFailure::SessionBusy(_))));
        assert!(matches!(refusal_before(6), Some(ContactFailure::LoginLocked(_))));
        for number in [4, 5, 7, 160, 161, 162, 163, 164] {
            assert!(matches!(refusal_before(number), Some(ContactFailure::Unreachable(_))), "{number}");
        }
        assert_eq!(refusal_after(99), None);
    }

    #[test]
    fn the_login_page_is_known_by_its_name() {
        assert!(is_login("/login.html") && is_login("/x/LOGIN.HTML"));
        assert!(!is_login("/settings_lan.html") && !is_login("/backup_advice.html") && !is_login(""));
    }
}
