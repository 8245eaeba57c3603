//! Who may use the web interface: the password, the one session, the lock, a person in front of us.
//!
//! The table of login codes is in n720.md, section 4. Pages and cookies on the wire are elsewhere.

use crate::clock::Moment;
use crate::journal::{Event, Journal, SessionEnd};
use crate::lot::Lot;
use std::time::Duration;

/// What a login is answered with; the numbers are the device's.
pub(crate) mod code {
    pub(crate) const OK: u16 = 0;
    pub(crate) const WRONG_PASSWORD: u16 = 1;
    pub(crate) const OTHER_SESSION: u16 = 2;
    pub(crate) const FIRMWARE_DOWNLOAD: u16 = 4;
    pub(crate) const REBOOTING: u16 = 5;
    pub(crate) const LOCKED: u16 = 6;
}

/// The fields of a login, on either path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) password: &'a str,
    /// `loginajax=2`: throw another user out.
    pub(crate) take_over: bool,
    /// The session key the client already has.
    pub(crate) key: Option<&'a str>,
}

/// The one session of the device.
#[derive(Clone, Debug)]
struct Session {
    number: u64,
    key: String,
    used: Duration,
    /// So long it may go unused.
    idle_timeout: Duration,
}

/// Password, session and lock.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) password: String,
    idle_timeout: Duration,
    lock_unit: Duration,
    session: Option<Session>,
    opened: u64,
    wrong_in_a_row: u32,
    locked_until: Option<Duration>,
    person: bool,
}

impl Access {
    pub(crate) fn new(password: &str, idle_timeout: Duration, lock_unit: Duration) -> Self {
        Self {
            password: password.to_owned(),
            idle_timeout,
            lock_unit,
            session: None,
            opened: 0,
            wrong_in_a_row: 0,
            locked_until: None,
            person: false,
        }
    }

    /// Checks password, lock and the other session, in this order; opens nothing.
    pub(crate) fn check(&mut self, attempt: Attempt<'_>, at: Moment, journal: &mut Journal) -> u16 {
        if self.locked_until.is_some_and(|until| at.up < until) {
            return code::LOCKED;
        }
        if attempt.password != self.password {
            self.count_wrong(at, journal);
            return code::WRONG_PASSWORD;
        }
        self.wrong_in_a_row = 0;
        self.locked_until = None;
        let own = self.session.as_ref().is_none_or(|session| attempt.key == Some(session.key.as_str()));
        if (self.person || !own) && !attempt.take_over { code::OTHER_SESSION } else { code::OK }
    }

    /// Opens a session after [`Access::check`] said 0; whoever was in is out. The answer is the key.
    pub(crate) fn open(
        &mut self,
        attempt: Attempt<'_>,
        lot: &mut Lot,
        at: Moment,
        journal: &mut Journal,
    ) -> String {
        let own = self.session.as_ref().is_some_and(|session| attempt.key == Some(session.key.as_str()));
        self.close(if own { SessionEnd::Renewed } else { SessionEnd::TakenOver }, at, journal);
        self.opened += 1;
        let key = format!("{:08}", lot.below(100_000_000));
        let (number, idle_timeout) = (self.opened, self.idle_timeout);
        self.session = Some(Session { number, key: key.clone(), used: at.up, idle_timeout });
        journal.write(at, Event::SessionOpened { number: self.opened });
        key
    }

    /// Whether the key is the session's; using it puts the time-out off.
    pub(crate) fn touch(&mut self, key: Option<&str>, at: Moment) -> bool {
        match &mut self.session {
            Some(session) if key == Some(session.key.as_str()) => {
                session.used = at.up;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Ends the session, if there is one.
    pub(crate) fn close(&mut self, how: SessionEnd, at: Moment, journal: &mut Journal) {
        if let Some(session) = self.session.take() {
            journal.write(at, Event::SessionClosed { number: session.number, how });
        }
    }

    /// Ends a session that was idle too long.
    pub(crate) fn expire(&mut self, at: Moment, journal: &mut Journal) {
        if self.next_end().is_some_and(|end| end <= at.up) {
            self.close(SessionEnd::TimedOut, at, journal);
        }
    }

    /// When the session ends by itself.
    pub(crate) fn next_end(&self) -> Option<Duration> {
        self.session.as_ref().map(|session| session.used + session.idle_timeout)
    }

    /// Leaves the present session no more idle time than this. Those after it have theirs.
    pub(crate) fn abandon(&mut self, idle_timeout: Duration, at: Moment) {
        if let Some(session) = &mut self.session {
            (session.used, session.idle_timeout) = (at.up, idle_timeout);
        }
    }

    /// A simulated person comes (taking over) or goes.
    pub(crate) fn set_person(&mut self, present: bool, at: Moment, journal: &mut Journal) {
        if present && !self.person {
            self.close(SessionEnd::TakenOver, at, journal);
            journal.write(at, Event::PersonLoggedIn {});
        }
        if !present && self.person {
            journal.write(at, Event::PersonLoggedOut {});
        }
        self.person = present;
    }

    pub(crate) fn person(&self) -> bool {
        self.person
    }

    /// The number of the open session.
    pub(crate) fn session(&self) -> Option<u64> {
        self.session.as_ref().map(|session| session.number)
    }

    /// From the second wrong password in a row: locked for 2^(n-2) units.
    fn count_wrong(&mut self, at: Moment, journal: &mut Journal) {
        self.wrong_in_a_row += 1;
        let Some(power) = self.wrong_in_a_row.checked_sub(2) else { return };
        let time = self.lock_unit.saturating_mul(1 << power.min(30));
        self.locked_until = Some(at.up + time);
        let for_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        journal.write(at, Event::LoginLocked { for_ms, wrong_in_a_row: self.wrong_in_a_row });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;

    fn at(up_s: u64) -> Moment {
        moment(up_s, "2026-01-01T00:00:00Z")
    }

    fn access() -> Access {
        Access::new("secret", Duration::from_secs(602), Duration::from_secs(1))
    }

    fn with(password: &str) -> Attempt<'_> {
        Attempt { password, take_over: false, key: None }
    }

    #[test]
    fn the_lock_doubles_from_the_second_wrong_password_on() {
        let (mut access, mut journal) = (access(), Journal::default());
        let mut code = |password, up_s| access.check(with(password), at(up_s), &mut journal);
        assert_eq!(code("x", 0), code::WRONG_PASSWORD);
        assert_eq!(code("x", 0), code::WRONG_PASSWORD, "the first has not locked");
        assert_eq!(code("secret", 0), code::LOCKED, "one second");
        assert_eq!(code("x", 1), code::WRONG_PASSWORD);
        assert_eq!(code("secret", 2), code::LOCKED, "two seconds");
        assert_eq!(code("secret", 3), code::OK);
        assert_eq!(code("x", 3), code::WRONG_PASSWORD);
        assert_eq!(code("secret", 3), code::OK, "a right one forgets the wrong ones");
    }

    #[test]
    fn one_session_on_the_whole_device() {
        let (mut access, mut journal, mut lot) = (access(), Journal::default(), Lot::new(7));
        let key = access.open(with("secret"), &mut lot, at(0), &mut journal);
        assert!(key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(access.check(with("secret"), at(1), &mut journal), code::OTHER_SESSION);
        assert_eq!(access.check(with("wrong"), at(1), &mut journal), code::WRONG_PASSWORD);
        let own = Attempt { key: Some(&key), ..with("secret") };
        assert_eq!(access.check(own, at(1), &mut journal), code::OK);
        let forced = Attempt { take_over: true, ..with("secret") };
        assert_eq!(access.check(forced, at(1), &mut journal), code::OK);
        access.open(forced, &mut lot, at(1), &mut journal);
        assert!(!access.touch(Some(&key), at(1)));
        let ends: Vec<_> = journal.since(0).into_iter().map(|entry| entry.event).collect();
        assert!(ends.contains(&Event::SessionClosed { number: 1, how: SessionEnd::TakenOver }));
    }

    #[test]
    fn an_idle_session_ends_and_use_puts_it_off() {
        let (mut access, mut journal, mut lot) = (access(), Journal::default(), Lot::new(7));
        let key = access.open(with("secret"), &mut lot, at(0), &mut journal);
        access.expire(at(601), &mut journal);
        assert!(access.touch(Some(&key), at(601)));
        access.expire(at(1202), &mut journal);
        assert_eq!(access.session(), Some(1));
        access.expire(at(1203), &mut journal);
        assert_eq!(access.session(), None);
        assert!(!access.touch(Some(&key), at(1203)));
    }

    #[test]
    fn an_abandoned_session_ends_soon_and_the_next_one_does_not() {
        let (mut access, mut journal, mut lot) = (access(), Journal::default(), Lot::new(7));
        access.abandon(Duration::from_secs(2), at(0));
        assert_eq!(access.next_end(), None);
        access.open(with("secret"), &mut lot, at(0), &mut journal);
        access.abandon(Duration::from_secs(2), at(100));
        access.expire(at(101), &mut journal);
        assert_eq!(access.session(), Some(1));
        access.expire(at(102), &mut journal);
        assert_eq!(access.session(), None);
        access.open(with("secret"), &mut lot, at(102), &mut journal);
        assert_eq!(access.next_end(), Some(Duration::from_secs(102 + 602)));
    }

    #[test]
    fn a_person_takes_over_and_answers_two() {
        let (mut access, mut journal, mut lot) = (access(), Journal::default(), Lot::new(7));
        access.open(with("secret"), &mut lot, at(0), &mut journal);
        access.set_person(true, at(1), &mut journal);
        assert_eq!(access.session(), None);
        assert_eq!(access.check(with("secret"), at(1), &mut journal), code::OTHER_SESSION);
        access.set_person(false, at(2), &mut journal);
        assert_eq!(access.check(with("secret"), at(2), &mut journal), code::OK);
    }
}
