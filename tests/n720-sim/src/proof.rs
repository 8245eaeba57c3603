//! What the journal of a device proves, put together for tests: who came in and who was thrown out, when the window
//! was open, which files were applied.

use crate::device::Device;
use crate::ids::Ipui;
use crate::journal::{Deregistration, Entry, Event, Registration};

/// One opening of the registration window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRecord {
    /// Counts from 1.
    pub nth: u32,
    /// The true time of its beginning, RFC 3339.
    pub opened: String,
    /// The true time of its end; nothing while it is open.
    pub closed: Option<String>,
    /// Who registered by their IPUI meanwhile, in order: slot and handset.
    pub came_in: Vec<(u8, Ipui)>,
}

impl Device {
    /// Every registration: slot, handset, how it came in.
    pub fn registrations(&self) -> Vec<(u8, Ipui, Registration)> {
        let came = self.journal().into_iter().filter_map(|entry| {
            if let Event::Registered { slot, ipui, how } = entry.event {
                Some((slot, ipui, how))
            } else {
                None
            }
        });
        came.collect()
    }

    /// Every registration that was lost: slot, handset, reason.
    pub fn deregistrations(&self) -> Vec<(u8, Ipui, Deregistration)> {
        let lost = self.journal().into_iter().filter_map(|entry| {
            if let Event::Deregistered { slot, ipui, why } = entry.event {
                Some((slot, ipui, why))
            } else {
                None
            }
        });
        lost.collect()
    }

    /// Every file that was applied, by VERSION.
    pub fn applied(&self) -> Vec<Option<u64>> {
        let applied = self.journal().into_iter().filter_map(|entry| {
            if let Event::FileApplied { version, .. } = entry.event { Some(version) } else { None }
        });
        applied.collect()
    }

    /// Whether this is the web password. Nobody logs in for that.
    pub fn takes_password(&self, password: &str) -> bool {
        self.act(|state, _| state.access.password == password)
    }

    /// Every opening of the registration window.
    pub fn windows(&self) -> Vec<WindowRecord> {
        windows(&self.journal())
    }
}

fn windows(entries: &[Entry]) -> Vec<WindowRecord> {
    let mut windows: Vec<WindowRecord> = Vec::new();
    for Entry { utc, event, .. } in entries {
        if let Event::WindowOpened { nth } = event {
            let (opened, came_in) = (utc.clone(), Vec::new());
            windows.push(WindowRecord { nth: *nth, opened, closed: None, came_in });
        }
        let Some(last) = windows.last_mut().filter(|window| window.closed.is_none()) else { continue };
        if *event == (Event::WindowClosed {}) {
            last.closed = Some(utc.clone());
        }
        if let Event::Registered { slot, ipui, how: Registration::ByIpui } = event {
            last.came_in.push((*slot, *ipui));
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;
    use crate::journal::Journal;

    #[test]
    fn an_opening_is_told_with_its_end_and_with_who_came_in() {
        let ipui = Ipui::new([1; 5]);
        let came = |slot, how| Event::Registered { slot, ipui, how };
        let mut journal = Journal::default();
        for (minute, event) in (10..).zip([
            came(1, Registration::FromStart),
            Event::WindowOpened { nth: 1 },
            came(2, Registration::ByIpui),
            came(3, Registration::ByHand),
            Event::WindowClosed {},
            came(4, Registration::ByHand),
            Event::WindowOpened { nth: 2 },
        ]) {
            journal.write(moment(0, &format!("2026-01-01T00:{minute}:00Z")), event);
        }
        let time = |minute| format!("2026-01-01T00:{minute}:00.000Z");
        let window = |nth, opened, closed, came_in| WindowRecord { nth, opened, closed, came_in };
        assert_eq!(
            windows(&journal.since(0)),
            [window(1, time(11), Some(time(14)), vec![(2, ipui)]), window(2, time(16), None, Vec::new()),]
        );
    }
}
