//! What the simulated managers wrote down themselves: the proof that nobody was deregistered, nobody thrown out, and no
//! session left open.

use n720_sim::{Device, Event, SessionEnd};

use crate::failure::Failure;

/// One sentence from a manager's journal.
///
/// # Errors
/// [`Failure::Wrong`] when the journal shows what must not be.
pub(crate) fn sentence(site: &str, device: &Device) -> Result<String, Failure> {
    let journal = device.journal();
    let count = |wanted: fn(&Event) -> bool| journal.iter().filter(|entry| wanted(&entry.event)).count();
    let opened = count(|event| matches!(event, Event::SessionOpened { .. }));
    let logged_out = count(|event| matches!(event, Event::SessionClosed { how: SessionEnd::LoggedOut, .. }));
    let take_overs = count(|event| matches!(event, Event::LoginTried { take_over: true, .. }));
    let refused = count(|event| matches!(event, Event::LoginTried { code: 2, .. }));
    let lost = device.deregistrations().len();
    let snapshot = device.snapshot();
    let text = format!(
        "{site}: {opened} sessions opened, {logged_out} ended by logging out, {} open at the end; {take_overs} take-overs \
         tried, {refused} times told \"another session is running\"; {} files applied; {} handsets registered, {lost} \
         deregistered.",
        if snapshot.session.is_some() { "one" } else { "none" },
        device.applied().len(),
        snapshot.registered().len(),
    );
    if opened == logged_out && snapshot.session.is_none() && take_overs == 0 && lost == 0 {
        Ok(text)
    } else {
        Err(Failure::Wrong(format!("the journal of the N720 shows what must not be: {text}")))
    }
}
