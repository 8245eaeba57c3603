//! What people do at the web interface, with what the device refuses them.
//!
//! Only the rules; [`crate::people`] offers them to tests. Facts: n720.md, section 3.

use crate::clock::Moment;
use crate::error::SimError;
use crate::handset::{Handset, Roaming};
use crate::ids::Ipui;
use crate::journal::{Author, Deregistration, Event, Registration};
use crate::registration::number;
use crate::state::{Account, State, index};

const HIDDEN: SimError = SimError::Refused("the button is hidden while registration by IPUI is on");
const NOBODY: SimError = SimError::Refused("no handset is registered in this slot");
const TAKEN: SimError = SimError::Refused("another handset is registered in this slot");

/// What a person changes of an account; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountEdit {
    /// The user id.
    pub user: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// The name of the account itself.
    pub account_name: Option<String>,
}

impl State {
    /// An account is added: it takes the first free index.
    ///
    /// # Errors
    /// [`SimError::Refused`] when all hundred are taken.
    pub(crate) fn add_account(&mut self, user: &str, display_name: &str, at: Moment) -> Result<u8, SimError> {
        let free = self.first_free()?;
        self.accounts[free] = Account::by_hand(user, display_name);
        self.journal.write(at, Event::AccountAdded { slot: number(free) });
        Ok(number(free))
    }

    /// An account is added and a handset registered with it; nothing happens if either is refused.
    ///
    /// # Errors
    /// [`SimError::Refused`] as for the two alone.
    pub(crate) fn add_account_with(
        &mut self,
        user: &str,
        display_name: &str,
        handset: &Handset,
        at: Moment,
    ) -> Result<u8, SimError> {
        let free = self.first_free()?;
        self.may_register(free, at)?;
        let slot = self.add_account(user, display_name, at)?;
        self.register_by_hand(slot, handset, at)?;
        Ok(slot)
    }

    /// An account is deleted; the handset in the slot is deregistered, its reservation stays.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open, [`SimError::Invalid`] for no slot.
    pub(crate) fn delete_account(&mut self, slot: u8, at: Moment) -> Result<(), SimError> {
        let index = index(slot)?;
        if self.registry.window_open(self.reading(), at) {
            return Err(HIDDEN);
        }
        self.accounts[index].active = false;
        self.journal.write(at, Event::AccountDeleted { slot });
        self.registry.deregister(index, Deregistration::AccountDeleted, at, &mut self.journal);
        Ok(())
    }

    /// An account is switched on or off; its handset stays registered.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for no slot.
    pub(crate) fn switch_account(&mut self, slot: u8, active: bool, at: Moment) -> Result<(), SimError> {
        let account = &mut self.accounts[index(slot)?];
        if account.active != active {
            account.active = active;
            self.journal.write(at, Event::AccountSwitched { slot, active });
        }
        Ok(())
    }

    /// Fields of an account are changed.
    ///
    /// # Errors
    /// [`SimError::Refused`] if the slot has no active account, [`SimError::Invalid`] for no slot.
    pub(crate) fn edit_account(&mut self, slot: u8, edit: &AccountEdit, at: Moment) -> Result<(), SimError> {
        let account = &mut self.accounts[index(slot)?];
        if !account.active {
            return Err(SimError::Refused("the slot has no active account"));
        }
        for (field, value, wanted) in [
            ("user", &mut account.user_id, &edit.user),
            ("display_name", &mut account.display_name, &edit.display_name),
            ("account_name", &mut account.name, &edit.account_name),
        ] {
            if let Some(to) = wanted.clone().filter(|to| to != value) {
                let from = std::mem::replace(value, to.clone());
                self.journal.write(at, Event::AccountEdited { slot, field, from, to });
            }
        }
        Ok(())
    }

    /// A handset is registered in a slot, whatever the slot is reserved for.
    ///
    /// # Errors
    /// [`SimError::Refused`] while registration by IPUI keeps people out or if the slot is taken,
    /// [`SimError::Invalid`] for no slot.
    pub(crate) fn register_by_hand(
        &mut self,
        slot: u8,
        handset: &Handset,
        at: Moment,
    ) -> Result<(), SimError> {
        let index = index(slot)?;
        self.may_register(index, at)?;
        let around = &mut self.registry.handsets;
        if !around.iter().any(|roaming| roaming.handset.ipui == handset.ipui) {
            around.push(Roaming { arrived: true, ..Roaming::new(handset.clone()) });
        }
        self.registry.place(index, handset, Registration::ByHand, at, &mut self.journal);
        Ok(())
    }

    /// The handset of a slot is deregistered; what the slot is reserved for stays.
    ///
    /// # Errors
    /// [`SimError::Refused`] while the window is open or nobody is registered there, [`SimError::Invalid`]
    /// for no slot.
    pub(crate) fn deregister_by_hand(&mut self, slot: u8, at: Moment) -> Result<(), SimError> {
        let index = index(slot)?;
        if self.registry.window_open(self.reading(), at) {
            return Err(HIDDEN);
        }
        let gone = self.registry.deregister(index, Deregistration::ByHand, at, &mut self.journal);
        if gone { Ok(()) } else { Err(NOBODY) }
    }

    /// The handsets of two slots are deregistered and registered crosswise; nothing happens if either is refused.
    ///
    /// # Errors
    /// [`SimError::Refused`] while registration by IPUI keeps people out or if a slot is empty,
    /// [`SimError::Invalid`] for no slot.
    pub(crate) fn swap_by_hand(&mut self, slot: u8, other: u8, at: Moment) -> Result<(), SimError> {
        let pair = [index(slot)?, index(other)?];
        self.registry.by_hand_allowed(self.reading(), at).map_err(SimError::Refused)?;
        let held = pair.map(|index| self.registry.slots[index].registered.clone());
        let [Some(one), Some(two)] = held else { return Err(NOBODY) };
        for index in pair {
            self.registry.deregister(index, Deregistration::ByHand, at, &mut self.journal);
        }
        for (index, handset) in pair.into_iter().zip([two, one]) {
            let handset = Handset::new(handset.ipui).model(&handset.model, &handset.software);
            self.registry.place(index, &handset, Registration::ByHand, at, &mut self.journal);
        }
        Ok(())
    }

    /// The registration PIN is set to four digits, or to one that the device makes.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for anything but four digits.
    pub(crate) fn set_pin(&mut self, digits: Option<&str>, at: Moment) -> Result<(), SimError> {
        let valid = |digits: &str| digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
        if digits.is_some_and(|digits| !valid(digits)) {
            // The text is not repeated: it may be somebody's PIN with a slip of the finger.
            return Err(SimError::Invalid {
                expected: "a PIN of four digits",
                found: "another text".to_owned(),
            });
        }
        let pin = &mut self.registry.pin;
        let before = pin.clone();
        pin.random = digits.is_none();
        if let Some(digits) = digits {
            digits.clone_into(&mut pin.defined_pin);
        }
        self.registry.pin_by_hand = pin.clone();
        if *pin != before {
            let random = pin.random;
            self.journal.write(at, Event::PinChanged { random, by: Author::ByHand });
        }
        Ok(())
    }

    /// The web password becomes another one. Who is logged in stays so.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for anything but 1 to 20 letters and digits.
    pub(crate) fn set_web_password(
        &mut self,
        password: &str,
        by: Author,
        at: Moment,
    ) -> Result<(), SimError> {
        let fits = (1..=20).contains(&password.len());
        if !fits || !password.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            // The text is not repeated: it may be somebody's password with a slip of the finger.
            return Err(SimError::Invalid {
                expected: "a web password of 1 to 20 letters and digits",
                found: "another text".to_owned(),
            });
        }
        self.settings.set("web_password", password);
        if self.access.password != password {
            password.clone_into(&mut self.access.password);
            self.journal.write(at, Event::WebPasswordChanged { by });
        }
        Ok(())
    }

    /// A slot is reserved for an IPUI, or for nobody, by somebody else than the device's provisioning server.
    ///
    /// # Errors
    /// [`SimError::Invalid`] for no slot.
    pub(crate) fn reserve_by_hand(
        &mut self,
        slot: u8,
        wanted: Option<Ipui>,
        at: Moment,
    ) -> Result<(), SimError> {
        self.registry.reserve(index(slot)?, wanted, Author::ByHand, at, &mut self.journal);
        Ok(())
    }

    /// Sets by how many seconds the clock is ahead of the truth.
    pub(crate) fn set_clock(&mut self, offset_s: i64, at: Moment) {
        if self.clock.offset_s != offset_s {
            self.clock.offset_s = offset_s;
            let shows = self.clock.display(at);
            self.journal.write(at, Event::ClockSet { offset_s, shows });
        }
    }

    fn first_free(&self) -> Result<usize, SimError> {
        let free = self.accounts.iter().position(|account| !account.active);
        free.ok_or(SimError::Refused("all hundred accounts are taken"))
    }

    fn may_register(&self, index: usize, at: Moment) -> Result<(), SimError> {
        self.registry.by_hand_allowed(self.reading(), at).map_err(SimError::Refused)?;
        if self.registry.slots[index].registered.is_some() { Err(TAKEN) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::moment;
    use crate::config::DeviceBuilder;
    use tokio::sync::mpsc;

    const A: Ipui = Ipui::new([2, 0xB6, 0xEC, 0x8A, 0xA5]);
    const B: Ipui = Ipui::new([2, 0x9E, 0x74, 0xA5, 0x99]);
    const C: Ipui = Ipui::new([2, 0, 0, 0, 3]);

    fn at() -> Moment {
        moment(0, "2026-03-01T23:05:40Z")
    }

    /// Slots 1 and 3 with account and handset, 2 a gap.
    fn state() -> State {
        let builder = DeviceBuilder::new("7C2F80CA21E4").unwrap();
        let builder = builder.account(1, "1013", "Reception").registered(1, Handset::new(A));
        let builder = builder.account(3, "1015", "Store").registered(3, Handset::new(B));
        let (jobs, _orders) = mpsc::unbounded_channel();
        State::new(builder.into_config(), at(), jobs).unwrap()
    }

    fn registered(state: &State) -> Vec<(u8, Ipui)> {
        let slots = state.registry.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((number(index), slot.registered.as_ref()?.ipui))).collect()
    }

    fn told_since(state: &State, seq: u64) -> Vec<Event> {
        state.journal.since(seq).into_iter().map(|entry| entry.event).collect()
    }

    fn open_window(state: &mut State) {
        state.registry.window.duration_s = Some(0);
    }

    #[test]
    fn account_and_handset_land_in_the_gap() {
        let mut state = state();
        let seq = state.journal.written();
        assert_eq!(state.add_account_with("1099", "By hand", &Handset::new(C), at()).unwrap(), 2);
        let how = Registration::ByHand;
        let expected = [Event::AccountAdded { slot: 2 }, Event::Registered { slot: 2, ipui: C, how }];
        assert_eq!(told_since(&state, seq), expected);
        assert_eq!(registered(&state), [(1, A), (2, C), (3, B)]);
        assert!(state.registry.pending().is_empty(), "nothing is reserved for it");
        state.deregister_by_hand(2, at()).unwrap();
        assert!(state.press(C, None, at()).is_ok(), "it is around from now on");
    }

    #[test]
    fn a_handset_that_is_refused_leaves_no_account_behind() {
        let mut state = state();
        open_window(&mut state);
        assert!(state.add_account_with("1099", "", &Handset::new(C), at()).is_err());
        assert!(!state.accounts[1].active);
        state.registry.window.duration_s = None;
        state.switch_account(1, false, at()).unwrap();
        assert!(
            state.add_account_with("1099", "", &Handset::new(C), at()).is_err(),
            "slot 1 is free and taken"
        );
        assert_eq!(state.accounts[0].user_id, "1013");
    }

    #[test]
    fn an_account_that_is_switched_off_keeps_its_handset_and_its_values() {
        let mut state = state();
        let seq = state.journal.written();
        for _ in 0..2 {
            state.switch_account(1, false, at()).unwrap();
        }
        assert_eq!(told_since(&state, seq), [Event::AccountSwitched { slot: 1, active: false }]);
        assert_eq!(registered(&state), [(1, A), (3, B)]);
        assert_eq!(state.accounts[0].user_id, "1013");
        assert_eq!(state.add_account("1016", "", at()).unwrap(), 1, "the first free one");
    }

    #[test]
    fn only_what_differs_of_an_account_is_changed() {
        let mut state = state();
        let seq = state.journal.written();
        let edit = AccountEdit {
            user: Some("1013".to_owned()),
            display_name: Some("Front desk".to_owned()),
            account_name: None,
        };
        state.edit_account(1, &edit, at()).unwrap();
        let (from, to) = ("Reception".to_owned(), "Front desk".to_owned());
        assert_eq!(
            told_since(&state, seq),
            [Event::AccountEdited { slot: 1, field: "display_name", from, to }]
        );
        assert!(state.edit_account(2, &edit, at()).is_err(), "no account");
        assert!(state.edit_account(101, &edit, at()).is_err(), "no slot");
    }

    #[test]
    fn a_swap_is_two_deregistrations_and_two_registrations() {
        let mut state = state();
        assert!(state.swap_by_hand(1, 2, at()).is_err(), "2 is empty");
        let seq = state.journal.written();
        state.swap_by_hand(1, 3, at()).unwrap();
        let (why, how) = (Deregistration::ByHand, Registration::ByHand);
        assert_eq!(
            told_since(&state, seq),
            [
                Event::Deregistered { slot: 1, ipui: A, why },
                Event::Deregistered { slot: 3, ipui: B, why },
                Event::Registered { slot: 1, ipui: B, how },
                Event::Registered { slot: 3, ipui: A, how },
            ]
        );
        assert_eq!(state.registry.slots[0].reserved, Some(A), "reservations stay");
        assert!(state.registry.pending().is_empty(), "both are registered somewhere");
        open_window(&mut state);
        assert!(state.swap_by_hand(1, 3, at()).is_err());
    }

    #[test]
    fn a_handset_that_registers_again_leaves_its_old_slot() {
        let mut state = state();
        state.register_by_hand(2, &Handset::new(A), at()).unwrap();
        assert_eq!(registered(&state), [(2, A), (3, B)]);
        let why = Deregistration::RegisteredElsewhere;
        let told = told_since(&state, 0);
        assert!(told.contains(&Event::Deregistered { slot: 1, ipui: A, why }), "{told:?}");
    }

    #[test]
    fn while_the_window_is_open_the_dangerous_buttons_are_hidden() {
        let mut state = state();
        open_window(&mut state);
        assert!(state.deregister_by_hand(1, at()).is_err());
        assert!(state.delete_account(1, at()).is_err());
        assert!(state.register_by_hand(2, &Handset::new(C), at()).is_err());
        assert!(state.switch_account(1, false, at()).is_ok(), "not this one");
        assert_eq!(registered(&state), [(1, A), (3, B)]);
    }

    #[test]
    fn a_pin_by_hand_is_told_without_its_digits() {
        let mut state = state();
        let seq = state.journal.written();
        state.set_pin(Some("4711"), at()).unwrap();
        state.set_pin(Some("4711"), at()).unwrap();
        state.set_pin(None, at()).unwrap();
        let changed = |random| Event::PinChanged { random, by: Author::ByHand };
        assert_eq!(told_since(&state, seq), [changed(false), changed(true)]);
        assert_eq!(state.registry.pin.defined_pin, "4711");
        for wrong in ["471", "47111", "47a1", ""] {
            let error = state.set_pin(Some(wrong), at()).unwrap_err().to_string();
            assert!(error.contains("four digits"), "{error}");
        }
    }

    #[test]
    fn a_foreign_reservation_acts_after_the_settle_time_like_any_other() {
        let mut state = state();
        state.reserve_by_hand(7, Some(C), at()).unwrap();
        assert!(state.registry.pending().is_empty());
        state.tick(moment(180, "2026-03-01T23:08:40Z"));
        assert_eq!(state.registry.pending(), [C]);
        let by_hand = |event: &Event| matches!(event, Event::ReservationChanged { by: Author::ByHand, .. });
        assert_eq!(told_since(&state, 0).iter().filter(|event| by_hand(event)).count(), 1);
    }

    #[test]
    fn a_clock_that_is_set_is_told_with_what_it_shows() {
        let mut state = state();
        let seq = state.journal.written();
        state.set_clock(0, at());
        state.set_clock(86_400, at());
        let shows = "2026-03-03 00:05:40".to_owned();
        assert_eq!(told_since(&state, seq), [Event::ClockSet { offset_s: 86_400, shows }]);
    }
}
