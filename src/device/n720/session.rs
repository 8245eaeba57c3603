//! A session with one manager: its key, its pages, and the certainty that it is logged out.
//!
//! Dropped without `close`, by error, cancellation or panic, it is logged out by a task of its own.

use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::driver::Pace;
use super::failure::PageFailure;
use super::http::{Answer, Server};
use super::login::{is_login, log_out};
use super::pages::redact::redact;
use super::target::Target;
use crate::domain::secret::Secret;

/// A page as it came, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPage {
    /// The path that was asked for.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// The body, with passwords, PINs, the session key and the tail of the MAC-ID masked.
    pub text: String,
}

/// An open session. Only one exists per manager at a time.
#[derive(Debug)]
pub struct Session {
    pub(super) server: Server,
    pub(super) target: Target,
    pub(super) pace: Pace,
    lost: bool,
    recording: bool,
    pages: Vec<RecordedPage>,
    guard: Guard,
}

impl Session {
    pub(super) fn new(
        server: Server,
        key: Secret,
        target: Target,
        turn: Option<OwnedSemaphorePermit>,
        tracker: TaskTracker,
        pace: Pace,
    ) -> Self {
        let guard = Guard { open: Some((server.clone(), key, turn)), tracker, runtime: Handle::current() };
        Self { server, target, pace, lost: false, recording: false, pages: Vec::new(), guard }
    }

    /// Keeps every page from here on, without secrets, for a person to look at.
    pub fn record(&mut self) {
        self.recording = true;
    }

    /// The pages kept so far; none unless [`Session::record`] was called.
    pub fn recorded(&self) -> &[RecordedPage] {
        &self.pages
    }

    /// Logs out. Done even if this call is cancelled.
    pub async fn close(mut self) {
        if let Some(log_out) = self.guard.log_out() {
            // A log-out that panicked or was aborted has nothing to say; its own warnings are in the log.
            drop(log_out.await);
        }
    }

    /// GETs a page of a session: 200, and the page that was asked for.
    pub(super) async fn page(&mut self, path: &str) -> Result<String, PageFailure> {
        let answer = self.get(path).await?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(PageFailure::Status(status)),
        }
    }

    /// GETs a path; no redirect is taken for an answer.
    async fn get(&mut self, path: &str) -> Result<Answer, PageFailure> {
        let key = self.key()?;
        let answer = self.server.get(path, Some(&key)).await?;
        let answer = self.checked(path, answer, &[path])?;
        match &answer.location {
            Some(location) if is_redirect(answer.status) => {
                Err(PageFailure::Redirect(location.chars().take(120).collect()))
            }
            None if is_redirect(answer.status) => Err(PageFailure::Redirect("nowhere".to_owned())),
            Some(_) | None => Ok(answer),
        }
    }

    /// POSTs a form and returns the page that follows: the answer itself, or the one it redirects to, which must be
    /// `leads_to` (GET). Not repeated.
    pub(super) async fn submit(
        &mut self,
        path: &str,
        fields: &[(String, String)],
        leads_to: &str,
    ) -> Result<String, PageFailure> {
        let key = self.key()?;
        let answer = self.server.post(path, fields, Some(&key)).await?;
        let answer = self.checked(path, answer, &[path, leads_to])?;
        if !is_redirect(answer.status) {
            return if answer.status == 200 {
                Ok(answer.body)
            } else {
                Err(PageFailure::Status(answer.status))
            };
        }
        // Without a `Location` (a device that got no usable Host header) it can only lead to the known place.
        let to = answer.location.as_deref().map_or(Ok(leads_to.to_owned()), |to| self.server.target_of(to));
        match to {
            Ok(to) if to == leads_to => self.page(leads_to).await,
            Ok(other) | Err(other) => Err(PageFailure::Redirect(other)),
        }
    }

    fn key(&self) -> Result<Secret, PageFailure> {
        match &self.guard.open {
            Some((_, key, _)) if !self.lost => Ok(key.clone()),
            Some(_) | None => Err(PageFailure::SessionLost),
        }
    }

    /// Keeps the page if asked to, and checks that the session is alive and the page one of those expected.
    fn checked(&mut self, path: &str, answer: Answer, expected: &[&str]) -> Result<Answer, PageFailure> {
        if self.recording {
            self.keep(path, &answer);
        }
        let to = answer.location.as_deref().filter(|_| is_redirect(answer.status));
        let to_login = to.is_some_and(|to| self.server.target_of(to).is_ok_and(|path| is_login(&path)));
        let served = answer.etag.as_deref().and_then(page_of_etag).filter(|_| answer.status == 200);
        if to_login || served.as_deref().is_some_and(is_login) {
            self.lost = true;
            return Err(PageFailure::SessionLost);
        }
        if let Some(served) = served
            && !expected
                .iter()
                .any(|page| page.trim_start_matches('/').eq_ignore_ascii_case(served.trim_start_matches('/')))
        {
            return Err(PageFailure::WrongPage(served));
        }
        if let Some(elsewhere) = to.and_then(|to| self.server.target_of(to).err()) {
            return Err(PageFailure::Redirect(elsewhere));
        }
        Ok(answer)
    }

    fn keep(&mut self, path: &str, answer: &Answer) {
        let key = self.guard.open.as_ref().map_or("", |(_, key, _)| key.expose());
        let new_key = answer.key.as_ref().map_or("", Secret::expose);
        let text = redact(&answer.body, &[self.target.password.expose(), key, new_key]);
        self.pages.push(RecordedPage { path: path.to_owned(), status: answer.status, text });
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The page that an `ETag` names: `/status_device.html`, quoted or not. A tag that names no page says nothing.
fn page_of_etag(etag: &str) -> Option<String> {
    let name = etag.trim().trim_start_matches("W/").trim_matches(['"', '\'', ' ']);
    let name = name.split(['?', '#']).next().unwrap_or(name);
    let lower = name.to_ascii_lowercase();
    (lower.ends_with(".html") || lower.ends_with(".htm") || lower.ends_with(".js"))
        .then(|| name.chars().take(120).collect())
}

/// Logs out when it goes, from a task that nobody has to wait for.
#[derive(Debug)]
struct Guard {
    open: Option<(Server, Secret, Option<OwnedSemaphorePermit>)>,
    tracker: TaskTracker,
    runtime: Handle,
}

impl Guard {
    fn log_out(&mut self) -> Option<JoinHandle<()>> {
        let (server, key, turn) = self.open.take()?;
        let task = async move {
            log_out(&server, &key).await;
            // The next session with this manager waits until here.
            drop(turn);
        };
        Some(self.tracker.spawn_on(task, &self.runtime))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.log_out());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_names_a_page_or_says_nothing() {
        for etag in [
            "/status_device.html",
            "\"/status_device.html\"",
            "W/\"/status_device.html\"",
            " '/status_device.html?x' ",
        ] {
            assert_eq!(page_of_etag(etag).as_deref(), Some("/status_device.html"), "{etag}");
        }
        assert_eq!(page_of_etag("\"5f3a-12\""), None);
    }
}
