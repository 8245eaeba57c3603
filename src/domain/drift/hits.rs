//! Whom mending a difference hits: the phones by name, what their users notice and what they must do afterwards. Whether
//! it may be done is decided elsewhere.
//!
//! A handset that conflicts with a new reservation is deregistered by the device, and its user has to register it by
//! hand; a phone whose account or provider changes keeps its registration (n720.md section 3).

use super::super::desired::{DesiredSlot, Pin};
use super::super::ids::{Ipui, ProviderIndex, SlotNumber};
use super::super::instruction;
use super::super::pin;
use super::super::plan::{Hit, Impact};
use super::super::shown::comparable;
use super::Scene;

impl Scene<'_> {
    /// Those that lose their registration when these slots are given to others or cleared.
    pub(super) fn deregistered(&self, slots: impl IntoIterator<Item = SlotNumber>) -> Vec<Hit> {
        let hit = |slot| self.hit(slot, Impact::Deregisters, self.after_loss(self.sighting.occupant(slot)));
        self.registered_of(slots).map(hit).collect()
    }

    /// Those whose line is cut for a moment when the accounts of these slots change.
    pub(super) fn interrupted(&self, slots: impl IntoIterator<Item = SlotNumber>) -> Vec<Hit> {
        let afterwards = "nothing: a call is cut, and the line comes back by itself";
        let hit = |slot| self.hit(slot, Impact::Interrupts, afterwards.to_owned());
        self.registered_of(slots).map(hit).collect()
    }

    /// The slots whose account uses a provider: those that are to, by the site file, and those that are not listed and
    /// show its name.
    pub(super) fn users_of(&self, index: ProviderIndex) -> Vec<SlotNumber> {
        let name = self.desired.providers.get(&index).and_then(|provider| provider.name.as_deref());
        let mut users: Vec<SlotNumber> = self
            .desired
            .slots
            .iter()
            .filter(|(_, slot)| match slot {
                DesiredSlot::Present(slot) => slot.sip.as_ref().is_some_and(|sip| sip.provider == index),
                DesiredSlot::Absent => false,
            })
            .map(|(&number, _)| number)
            .collect();
        let shown = self.observation.slots.known().into_iter().flatten();
        let unlisted = shown.filter(|(number, account)| {
            !self.desired.slots.contains_key(number)
                && name.is_some_and(|name| comparable(account.provider.as_deref()) == comparable(Some(name)))
        });
        users.extend(unlisted.map(|(&number, _)| number));
        users.sort_unstable();
        users
    }

    fn registered_of(&self, slots: impl IntoIterator<Item = SlotNumber>) -> impl Iterator<Item = SlotNumber> {
        slots.into_iter().filter(|&slot| self.sighting.holder(slot).is_registered())
    }

    fn hit(&self, slot: SlotNumber, impact: Impact, afterwards: String) -> Hit {
        let account = self.sighting.account(slot);
        let listed = self.desired.slots.get(&slot);
        let said = |shown: Option<&str>, wanted: Option<&str>| {
            let texts = [shown, wanted].into_iter().flatten().map(str::trim);
            texts.into_iter().find(|text| !text.is_empty()).map(str::to_owned)
        };
        Hit {
            slot,
            ipui: self.sighting.occupant(slot),
            user: said(account.and_then(|seen| seen.user_id.as_deref()), listed.and_then(DesiredSlot::user)),
            display_name: said(
                account.and_then(|seen| seen.display_name.as_deref()),
                listed.and_then(DesiredSlot::display_name),
            ),
            impact,
            afterwards,
        }
    }

    /// What the user of a deregistered handset must do: that depends on where it is wanted.
    fn after_loss(&self, handset: Option<Ipui>) -> String {
        let Some(ipui) = handset else {
            return "it stays without a base until somebody registers it by hand; no page tells which handset \
                    it is"
                .to_owned();
        };
        let here = self.desired.slots.iter().find(|(_, slot)| slot.ipui() == Some(ipui));
        let home = self.memory.strays.get(&ipui).and_then(|stray| stray.home.as_ref());
        match (here, home) {
            (Some((&slot, wanted)), _) => instruction::afterwards(self.pin(), slot, wanted.user()),
            (None, Some(home)) => instruction::afterwards_at(home),
            (None, None) => "it stays without a base until it is registered somewhere else: no site file in \
                             force lists it"
                .to_owned(),
        }
    }

    /// The registration PIN once the plan is carried out.
    fn pin(&self) -> Option<Pin> {
        let wanted = self.desired.registration.as_ref().and_then(|policy| policy.pin);
        wanted.or_else(|| pin::in_force(self.desired, self.memory))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::desired::Provider;
    use super::super::super::memory::Registration;
    use super::super::super::observed::{HandsetState, Reading};
    use super::super::super::plan::Action;
    use super::super::super::world::{World, ipui, present, shown, slot};
    use super::super::DriftItem;
    use super::*;

    const BY_HAND: &str = "register by hand while the registration window is open: start registration on the \
                           handset and type the PIN 0000; it then has slot";

    fn item(world: &World, action: Action, number: u8) -> DriftItem {
        let items = world.drift();
        let found = items.iter().find(|item| item.action == action && item.slot == Some(slot(number)));
        found.unwrap_or_else(|| panic!("{items:?}")).clone()
    }

    /// The slots hit, in order, with the last byte of their handsets.
    fn whom(item: &DriftItem) -> Vec<(u8, Option<u8>)> {
        let one = |hit: &Hit| (hit.slot.number(), hit.ipui.map(|ipui| ipui.bytes()[4]));
        item.hits.iter().map(one).collect()
    }

    /// Handset 2 is registered in slot 1 and wanted nowhere; `change` says more.
    fn replaced(change: impl FnOnce(World) -> World) -> DriftItem {
        let world = World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 2);
        item(&change(world).with_baseline(), Action::Replace, 1)
    }

    #[test]
    fn whose_place_is_given_away_is_named_as_the_manager_shows_it() {
        let item = replaced(|mut world| {
            let seen = world.slots().get_mut(&slot(1)).unwrap();
            (seen.user_id, seen.display_name) = (Some(" 77 ".into()), Some("Lager".into()));
            world
        });
        let afterwards =
            "it stays without a base until it is registered somewhere else: no site file in force lists it";
        let hit = Hit {
            slot: slot(1),
            ipui: Some(ipui(2)),
            user: Some("77".into()),
            display_name: Some("Lager".into()),
            impact: Impact::Deregisters,
            afterwards: afterwards.into(),
        };
        assert_eq!(item.hits, [hit]);
    }

    #[test]
    fn what_the_manager_does_not_show_is_told_from_the_site_file() {
        let item = replaced(|mut world| {
            let seen = world.slots().get_mut(&slot(1)).unwrap();
            (seen.user_id, seen.display_name) = (Some(" ".into()), None);
            world
        });
        let told = item.hits[0].clone();
        assert_eq!((told.user.as_deref(), told.display_name.as_deref()), (Some("1013"), Some("N720_1013")));
    }

    #[test]
    fn what_has_to_be_done_follows_from_where_the_handset_is_wanted() {
        let moves = replaced(|world| world.want(4, present("1044", Some(2))));
        assert_eq!(moves.hits[0].afterwards, format!("{BY_HAND} 4, number 1044"));
        let leaves = replaced(|mut world| {
            world.stray(2, "hamburg", 7);
            world
        });
        assert_eq!(
            leaves.hits[0].afterwards,
            "register by hand at site hamburg, once slot 7 is reserved for it there: see `n720d handoff hamburg`"
        );
        let nameless = replaced(|mut world| {
            world.seen.editors.clear();
            world.pending().push(ipui(1));
            world
        });
        assert_eq!(whom(&nameless), [(1, None)]);
        assert!(nameless.hits[0].afterwards.ends_with("no page tells which handset it is"));
    }

    #[test]
    fn the_pin_is_typed_even_if_it_is_zeros_and_read_off_the_page_if_it_is_random() {
        let with_pin = |pin| {
            let item = replaced(|mut world| {
                world.desired.registration.as_mut().unwrap().pin = pin;
                world.want(4, present("1044", Some(2)))
            });
            item.hits[0].afterwards.clone()
        };
        assert!(with_pin(Some(Pin::ZEROS)).contains("type the PIN 0000;"));
        assert!(with_pin(Some(Pin::Fixed([4, 3, 2, 1]))).contains("type the PIN 4321;"));
        for pin in [Some(Pin::Random), None] {
            assert!(with_pin(pin).contains("the PIN that the manager's web page for mobile devices shows;"));
        }
    }

    #[test]
    fn one_that_is_registered_in_another_slot_is_hit_there() {
        let world = World::new()
            .want(1, present("1013", Some(1)))
            .want(5, present("1055", None))
            .show(1, "1013")
            .show_registered(5, "1055", 1)
            .with_baseline();
        let item = item(&world, Action::Replace, 1);
        assert_eq!(whom(&item), [(5, Some(1))], "slot 1 is empty");
        assert_eq!(item.hits[0].afterwards, format!("{BY_HAND} 1, number 1013"));
    }

    #[test]
    fn a_swap_hits_both_in_either_step() {
        let world = World::new()
            .want(1, present("1013", Some(2)))
            .want(2, present("1014", Some(1)))
            .show_registered(1, "1013", 1)
            .show_registered(2, "1014", 2)
            .with_baseline();
        assert_eq!(whom(&item(&world, Action::Replace, 1)), [(1, Some(1)), (2, Some(2))]);
        assert_eq!(whom(&item(&world, Action::Replace, 2)), [(2, Some(2)), (1, Some(1))]);
    }

    #[test]
    fn clearing_a_slot_hits_the_handset_in_it_and_nobody_in_an_empty_one() {
        let absent = || World::new().want(2, DesiredSlot::Absent).with_baseline();
        let hits = |world: World| whom(&item(&world, Action::Deregister, 2));
        assert_eq!(hits(absent().show_registered(2, "1014", 2)), [(2, Some(2))]);
        assert_eq!(hits(absent().show_pending(2, "1014", 2)), []);
        assert_eq!(hits(absent().show(2, "1014")), []);
        let mut remembered = absent().show_registered(2, "1014", 2);
        remembered.stray(2, "hamburg", 7);
        remembered.memory.strays.get_mut(&ipui(2)).unwrap().slot = Some(slot(2));
        remembered.seen.editors.clear();
        assert_eq!(hits(remembered), [(2, Some(2))], "an earlier cycle's page told");
    }

    #[test]
    fn a_handset_behind_a_switched_off_account_is_named_as_it_was_last_seen() {
        let mut world = World::new().want(1, present("1013", Some(1))).with_baseline();
        world.remember(1, Registration::Reserved, Some(9));
        assert_eq!(whom(&item(&world, Action::Replace, 1)), [(1, Some(9))]);
    }

    #[test]
    fn an_account_cuts_the_line_of_the_phone_in_its_slot_alone() {
        let edited = |world: World| {
            let mut world = world.with_baseline();
            world.desired.slots.insert(slot(1), present("1099", Some(1)));
            item(&world, Action::ConfigureAccount, 1)
        };
        let site = || World::new().want(1, present("1013", Some(1)));
        let cut = edited(site().show_registered(1, "1013", 1).show_registered(2, "1014", 2));
        assert_eq!((whom(&cut), cut.impact), (vec![(1, Some(1))], Impact::Interrupts));
        assert_eq!(cut.hits[0].afterwards, "nothing: a call is cut, and the line comes back by itself");
        assert_eq!(cut.hits[0].user.as_deref(), Some("1013"), "the number that it has as yet");
        let alone = edited(site().show_pending(1, "1013", 1));
        assert_eq!((whom(&alone), alone.impact), (Vec::new(), Impact::None));
    }

    #[test]
    fn a_name_cuts_nobodys_line() {
        let mut world =
            World::new().want(1, present("1013", Some(1))).show_registered(1, "1013", 1).with_baseline();
        world.slots().get_mut(&slot(1)).unwrap().display_name = Some("by hand".into());
        assert_eq!(whom(&item(&world, Action::ConfigureAccount, 1)), []);
    }

    #[test]
    fn a_provider_cuts_every_phone_that_uses_it_listed_or_not() {
        let mut world = World::new()
            .want(1, present("1013", Some(1)))
            .want(2, present("1014", Some(2)))
            .want(3, present("1015", Some(3)))
            .show_registered(1, "1013", 1)
            .show_pending(2, "1014", 2)
            .show_registered(3, "1015", 3)
            .show_registered(40, "1040", 40)
            .show_registered(41, "1041", 41);
        world.slots().get_mut(&slot(41)).unwrap().provider = Some("Other".into());
        let other: ProviderIndex = ProviderIndex::new(1).unwrap();
        if let Some(DesiredSlot::Present(wanted)) = world.desired.slots.get_mut(&slot(3)) {
            wanted.sip.as_mut().unwrap().provider = other;
        }
        let mut world = world.with_baseline();
        let changed = Provider { name: Some("PBX".into()), port: Some(5061), ..Provider::default() };
        world.desired.providers.insert(ProviderIndex::default(), changed);
        let items = world.drift();
        let item = items.iter().find(|item| item.action == Action::ConfigureProvider).unwrap();
        assert_eq!((whom(item), item.impact), (vec![(1, Some(1)), (40, Some(40))], Impact::Interrupts));
        assert_eq!(item.who, ["1013", "1014", "1040"]);
    }

    #[test]
    fn what_is_only_in_doubt_names_nobody() {
        let mut world = World::new()
            .want(1, present("1013", Some(1)))
            .show(1, "1013")
            .show_registered(5, "9", 7)
            .with_baseline();
        world.seen.editors.insert(slot(5), Reading::Unreadable("cut".into()));
        let doubtful = item(&world, Action::Reserve, 1);
        assert_eq!((doubtful.impact, doubtful.hits.as_slice()), (Impact::None, &[][..]));
        world.slots().insert(slot(5), shown("9", HandsetState::None));
        assert_eq!(item(&world, Action::Reserve, 1).hits, []);
    }
}
