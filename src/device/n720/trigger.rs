//! Telling a manager through its web interface to fetch its provisioning file, and watching what comes of it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::failure::PageFailure;
use super::observe::on_a_thread;
use super::pages::forms::Form;
use super::pages::profile_update::{self, Progress};
use super::session::Session;
use crate::domain::release::TriggerOutcome;

const MISCELLANEOUS: &str = "/settings_management_miscellaneous.html";
const PROFILE_UPDATE: &str = "/profile_update.html";
const PROFILE_UPDATE_STATE: &str = "/profile_update_ajax.js";

impl Session {
    /// Presses "update profile" and watches the download until it ends, at most as long as the driver's [`Pace`] allows.
    /// Once pressed, the device is told in the end that the outcome was seen, so that its page does not hang.
    ///
    /// [`Pace`]: super::Pace
    pub async fn trigger_web(&mut self) -> TriggerOutcome {
        let form = match self.button().await {
            Ok(form) => form,
            Err(reason) => {
                return TriggerOutcome::Failed(format!("nothing was sent: {MISCELLANEOUS}: {reason}"));
            }
        };
        let pressed = self.submit(MISCELLANEOUS, form.fields(), PROFILE_UPDATE).await;
        let outcome = match pressed {
            // The POST may have worked though its answer was lost: the state tells.
            Ok(_) | Err(PageFailure::Transport(_)) => self.watch().await,
            Err(failure) => TriggerOutcome::Unknown(format!("the button was pressed, then: {failure}")),
        };
        let seen = [("profile_update_status".to_owned(), "2".to_owned())];
        if let Err(failure) = self.submit(PROFILE_UPDATE, &seen, MISCELLANEOUS).await {
            tracing::debug!(site = %self.target.site, %failure, "ending the profile update page");
        }
        outcome
    }

    /// The form with the button, set to be pressed and to change nothing else.
    async fn button(&mut self) -> Result<Form, String> {
        let text = self.page(MISCELLANEOUS).await.map_err(|failure| failure.to_string())?;
        let mut form = on_a_thread(text, |text| Form::read(text).map_err(|error| error.to_string())).await?;
        let known = ["profile_update_manual", "profile_update_auto", "go_profile", "led_signal", "autocode"];
        if known.iter().all(|name| form.get(name).is_none()) {
            return Err("it has none of the fields of the page with the button".to_owned());
        }
        form.keep_passwords();
        form.set("profile_update_manual", "1");
        form.set("go_profile", "0");
        form.set("password_changed", "0");
        Ok(form)
    }

    /// Looks at the state until it is final. A look that fails is not the end: the device drops connections while it works.
    async fn watch(&mut self) -> TriggerOutcome {
        let began = Instant::now();
        let end = began + self.pace.give_up_after;
        let mut last = "no state was shown".to_owned();
        while Instant::now() < end {
            match timeout_at(end, self.page(PROFILE_UPDATE_STATE)).await {
                Ok(Ok(text)) => match profile_update::read(&text) {
                    Some(progress) => match outcome(progress) {
                        Some(outcome) => return outcome,
                        None => last = format!("the last state was {}", progress.state),
                    },
                    None => last = "the last answer was no state".to_owned(),
                },
                Ok(Err(PageFailure::SessionLost)) => {
                    return TriggerOutcome::Unknown(format!(
                        "while the download was watched: {}",
                        PageFailure::SessionLost
                    ));
                }
                Ok(Err(failure)) => last = failure.to_string(),
                Err(_) => break,
            }
            sleep(self.pace.look_every).await;
        }
        TriggerOutcome::Unknown(format!("no end within {} s: {last}", whole_seconds(self.pace.give_up_after)))
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

/// What a state means (n720.md, section 4); `None` while it is not final.
fn outcome(progress: Progress) -> Option<TriggerOutcome> {
    let status = progress
        .http_status
        .map_or_else(|| "no HTTP status".to_owned(), |status| format!("HTTP status {status}"));
    let failed = |what: &str| Some(TriggerOutcome::Failed(format!("state {}: {what}", progress.state)));
    match progress.state {
        88 => Some(TriggerOutcome::Done),
        99 => failed(
            "the device says that an update is not possible; look at its configuration file URL and its network",
        ),
        100 => failed(
            "the device did not reach the provisioning server; look at the configuration file URL, routes and firewalls",
        ),
        101 => failed(&format!(
            "the transfer failed with {status}; look in n720d's log for the request that was refused (401: user and password, 403: [provisioning] allow, 404: path, \
             503: its store)"
        )),
        102 => failed(
            "the device calls the file corrupt; look at what stands between it and the provisioning server",
        ),
        103 => Some(TriggerOutcome::Busy(
            "state 103: the device is busy, or a firmware update is running".to_owned(),
        )),
        104 => Some(TriggerOutcome::NoLine),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(state: u16) -> Option<TriggerOutcome> {
        outcome(Progress { state, http_status: Some(404) })
    }

    #[test]
    fn each_state_has_its_outcome() {
        assert_eq!(of(0), None);
        assert_eq!(of(42), None, "a state that is not known may be a step on the way");
        assert_eq!(of(88), Some(TriggerOutcome::Done));
        assert_eq!(of(104), Some(TriggerOutcome::NoLine));
        assert!(matches!(of(103), Some(TriggerOutcome::Busy(_))));
        for state in [99, 100, 101, 102] {
            let Some(TriggerOutcome::Failed(reason)) = of(state) else { unreachable!("{state}") };
            assert!(reason.contains(&state.to_string()), "{reason}");
        }
        assert!(matches!(of(101), Some(TriggerOutcome::Failed(reason)) if reason.contains("404")));
    }

    #[test]
    fn a_bound_is_told_in_whole_seconds() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(120)), 120);
    }
}
