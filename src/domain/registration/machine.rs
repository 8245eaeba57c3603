//! The state machine of one slot: from the verdict before and what was seen to the verdict. Drawn, edge by edge, in
//! docs/ARCHITECTURE.md; a test holds the drawing to it. No pages, no memory, no words.

use super::claim::Sign;
use crate::domain::memory::Registration;
use crate::domain::status::WindowState;

/// The verdict that follows. `was_itself`: a handset that was registered in the slot is known to have been this one,
/// and not taken for it by an earlier version that went by the slot alone.
pub(super) fn verdict(
    previous: Registration,
    was_itself: bool,
    sign: Sign,
    window: WindowState,
) -> Registration {
    let had_been_registered = match previous {
        Registration::Registered => was_itself,
        Registration::Lost => true,
        Registration::Unknown | Registration::Reserved | Registration::Pending | Registration::Expired => {
            false
        }
    };
    match sign {
        Sign::Registered => Registration::Registered,
        Sign::Pending | Sign::NotHere if had_been_registered => Registration::Lost,
        Sign::NotHere => Registration::Reserved,
        Sign::Pending => match window {
            WindowState::Closed => Registration::Expired,
            WindowState::None | WindowState::Scheduled | WindowState::Open | WindowState::Always => {
                Registration::Pending
            }
        },
        Sign::Undecided if previous == Registration::Registered && !was_itself => Registration::Unknown,
        Sign::Undecided => previous,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use Registration::{Expired, Lost, Pending, Registered, Reserved, Unknown};

    const VERDICTS: [Registration; 6] = [Unknown, Reserved, Pending, Registered, Expired, Lost];
    const SIGNS: [Sign; 4] = [Sign::Registered, Sign::Pending, Sign::NotHere, Sign::Undecided];
    const WINDOWS: [WindowState; 5] = [
        WindowState::None,
        WindowState::Scheduled,
        WindowState::Open,
        WindowState::Closed,
        WindowState::Always,
    ];

    #[test]
    fn every_verdict_follows_from_the_one_before_the_sign_and_the_window() {
        let table = [
            (Unknown, Sign::Registered, WindowState::Closed, Registered),
            (Lost, Sign::Registered, WindowState::None, Registered),
            (Unknown, Sign::Pending, WindowState::Open, Pending),
            (Unknown, Sign::Pending, WindowState::Closed, Expired),
            (Pending, Sign::Pending, WindowState::Closed, Expired),
            (Expired, Sign::Pending, WindowState::Scheduled, Pending),
            (Expired, Sign::Pending, WindowState::Always, Pending),
            (Reserved, Sign::Pending, WindowState::None, Pending),
            (Registered, Sign::Pending, WindowState::Open, Lost),
            (Lost, Sign::Pending, WindowState::Closed, Lost),
            (Registered, Sign::NotHere, WindowState::Open, Lost),
            (Lost, Sign::NotHere, WindowState::Closed, Lost),
            (Pending, Sign::NotHere, WindowState::Open, Reserved),
            (Expired, Sign::NotHere, WindowState::Closed, Reserved),
            (Unknown, Sign::NotHere, WindowState::None, Reserved),
            (Pending, Sign::Undecided, WindowState::Closed, Pending),
            (Registered, Sign::Undecided, WindowState::Closed, Registered),
            (Lost, Sign::Undecided, WindowState::Open, Lost),
        ];
        for (before, sign, window, after) in table {
            let found = verdict(before, true, sign, window);
            assert_eq!(found, after, "{before:?}, {sign:?}, window {window:?}");
        }
    }

    #[test]
    fn what_was_only_guessed_is_not_lost_and_not_kept() {
        let guessed = [(Sign::NotHere, Reserved), (Sign::Pending, Pending), (Sign::Undecided, Unknown)];
        for (sign, after) in guessed {
            assert_eq!(verdict(Registered, false, sign, WindowState::Open), after, "{sign:?}");
        }
        assert_eq!(verdict(Lost, false, Sign::NotHere, WindowState::Open), Lost);
    }

    /// An edge of the drawing: from, to, and what triggers it.
    type Edge = (String, String, String);

    fn edge(from: Registration, to: Registration, trigger: &str) -> Edge {
        (from.as_str().to_owned(), to.as_str().to_owned(), trigger.to_owned())
    }

    /// Every change of verdict that the code knows.
    fn coded() -> BTreeSet<Edge> {
        let mut edges = BTreeSet::new();
        for from in VERDICTS {
            for was_itself in [true, false] {
                for (sign, window) in SIGNS.into_iter().flat_map(|sign| WINDOWS.map(|window| (sign, window)))
                {
                    let to = verdict(from, was_itself, sign, window);
                    if to != from {
                        edges.insert(edge(from, to, &trigger(from, was_itself, sign, window)));
                    }
                }
            }
        }
        edges
    }

    /// How the drawing calls it.
    fn trigger(from: Registration, was_itself: bool, sign: Sign, window: WindowState) -> String {
        let guessed = from == Registered && !was_itself && sign != Sign::Registered;
        let sign = match sign {
            Sign::Registered => "registered",
            Sign::Pending if from == Registered && was_itself => "pending",
            Sign::Pending if window == WindowState::Closed => "pending, window closed",
            Sign::Pending => "pending, window not closed",
            Sign::NotHere => "not here",
            Sign::Undecided => "undecided",
        };
        if guessed { format!("{sign} (never proven)") } else { sign.to_owned() }
    }

    /// Every edge of the drawing: lines like `pending --> registered : registered`.
    fn drawn() -> BTreeSet<Edge> {
        let page = include_str!("../../../docs/ARCHITECTURE.md");
        let drawing = page.split("stateDiagram-v2").nth(1).and_then(|rest| rest.split("```").next());
        let edges = drawing.unwrap().lines().filter_map(|line| {
            let (from, rest) = line.split_once(" --> ")?;
            let (to, triggers) = rest.split_once(" : ")?;
            let edge =
                |trigger: &str| (from.trim().to_owned(), to.trim().to_owned(), trigger.trim().to_owned());
            Some(triggers.split(" or ").map(edge).collect::<Vec<_>>())
        });
        edges.flatten().filter(|(from, ..)| from != "[*]").collect()
    }

    #[test]
    fn the_drawing_in_the_documentation_is_this_machine() {
        let (coded, drawn) = (coded(), drawn());
        assert_eq!(coded.difference(&drawn).collect::<Vec<_>>(), Vec::<&Edge>::new(), "not drawn");
        assert_eq!(drawn.difference(&coded).collect::<Vec<_>>(), Vec::<&Edge>::new(), "drawn, and not so");
    }
}
