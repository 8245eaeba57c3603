//! What sinks know beside a plain model of it: whatever is done in whatever order, with the store opened anew in between and
//! the disk failing at times, both say the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::Store;
use super::super::fixtures::{at, delivery, site};
use super::*;

const SINKS: [&str; 3] = ["hook", "mail", "pager"];
const ALERTS: [&str; 5] = ["a/drift", "a/unreachable", "b/drift", "c/drift", "fleet/rollout-stopped"];

/// Something that happens to the store; sinks and alerts by their places in the lists above.
#[derive(Debug, Clone)]
enum Event {
    /// A message was tried for the last time: of each alert nothing, one of two contents, or its end.
    Record { sink: usize, parts: [u8; ALERTS.len()], merged: bool, refused: bool },
    /// The same, and the disk fails.
    RecordInVain { sink: usize, parts: [u8; ALERTS.len()] },
    /// The last message is recorded once more.
    RecordAgain,
    /// A message is on its way.
    Offer { sink: usize, alerts: [bool; ALERTS.len()] },
    /// It certainly was not taken.
    Withdraw { sink: usize, alerts: [bool; ALERTS.len()] },
    /// Only these are set up from here on.
    Keep([bool; SINKS.len()]),
    /// The daemon starts anew.
    Reopen,
}

fn event() -> impl Strategy<Value = Event> {
    let sink = || 0..SINKS.len();
    let parts = || prop::array::uniform5(0..4_u8);
    let alerts = || prop::array::uniform5(any::<bool>());
    prop_oneof![
        8 => (sink(), parts(), any::<bool>(), any::<bool>())
            .prop_map(|(sink, parts, merged, refused)| Event::Record { sink, parts, merged, refused }),
        2 => (sink(), parts()).prop_map(|(sink, parts)| Event::RecordInVain { sink, parts }),
        2 => Just(Event::RecordAgain),
        2 => (sink(), alerts()).prop_map(|(sink, alerts)| Event::Offer { sink, alerts }),
        1 => (sink(), alerts()).prop_map(|(sink, alerts)| Event::Withdraw { sink, alerts }),
        1 => prop::array::uniform3(any::<bool>()).prop_map(Event::Keep),
        3 => Just(Event::Reopen),
    ]
}

/// All that the store has to know.
#[derive(Debug, Clone, PartialEq, Default)]
struct Model {
    known: NotificationLedger,
    offers: BTreeMap<String, BTreeMap<String, SiteName>>,
    sent: Vec<(String, String)>,
    lines: usize,
}

impl Model {
    fn record(&mut self, delivery: &Delivery) {
        let before: Vec<_> = sites().map(|site| self.of_site(&delivery.sink, &site)).collect();
        let known = self.known.entry(delivery.sink.clone()).or_default();
        known.extend(delivery.told.clone());
        known.retain(|alert, _| !delivery.ended.contains_key(alert));
        if let Some(offers) = self.offers.get_mut(&delivery.sink) {
            offers
                .retain(|alert, _| !delivery.told.contains_key(alert) && !delivery.ended.contains_key(alert));
        }
        let after = sites().map(|site| self.of_site(&delivery.sink, &site));
        self.lines += before.iter().zip(after).filter(|(before, after)| *before != after).count();
        let line = (delivery.sink.clone(), delivery.id.clone());
        if !self.sent.contains(&line) {
            self.sent.push(line);
        }
        self.without_empty();
    }

    /// What a sink knows of a site, and what it may know: where that has changed, it heard something new.
    fn of_site(&self, sink: &str, site: &SiteName) -> (BTreeMap<String, Option<String>>, BTreeSet<String>) {
        let known = self.known.get(sink).into_iter().flatten().filter(|(_, told)| told.site == *site);
        let offers = self.offers.get(sink).into_iter().flatten().filter(|(_, on)| *on == site);
        (
            known.map(|(alert, told)| (alert.clone(), told.content.clone())).collect(),
            offers.map(|(alert, _)| alert.clone()).collect(),
        )
    }

    /// The store has no entry for a sink that knows nothing.
    fn without_empty(&mut self) {
        self.known.retain(|_, known| !known.is_empty());
        self.offers.retain(|_, offers| !offers.is_empty());
    }
}

fn sites() -> impl Iterator<Item = SiteName> {
    ["a", "b", "c", "fleet"].into_iter().map(site)
}

/// What the store knows, in the words of the model.
fn stored(store: &Store) -> Model {
    let mut sent: Vec<_> =
        store.sent(usize::MAX).unwrap().into_iter().map(|line| (line.sink, line.id)).collect();
    sent.reverse();
    Model {
        known: store.notification_ledger().unwrap(),
        offers: store.offers().unwrap(),
        sent,
        lines: store.history(None, usize::MAX).unwrap().len(),
    }
}

/// The message of the turn with this number: no two are the same, and all are within the hour.
fn message(turn: usize, sink: usize, parts: &[u8; ALERTS.len()]) -> Delivery {
    let alerts =
        |part: u8| ALERTS.into_iter().zip(parts).filter(move |(_, of)| **of == part).map(|(id, _)| id);
    let holding: Vec<&str> = alerts(1).chain(alerts(2)).collect();
    let ended: Vec<&str> = alerts(3).collect();
    let mut message =
        delivery(&format!("m{turn}"), SINKS[sink], i64::try_from(turn).unwrap(), &holding, &ended);
    for alert in alerts(2) {
        message.told.get_mut(alert).unwrap().content = Some("another".to_owned());
    }
    message
}

fn on_offer(alerts: &[bool; ALERTS.len()]) -> BTreeMap<String, SiteName> {
    let meant = ALERTS.into_iter().zip(alerts).filter(|(_, meant)| **meant);
    meant.map(|(id, _)| (id.to_owned(), site(id.split('/').next().unwrap()))).collect()
}

/// Has a recording fail at its last statement.
fn fail(store: &Store, message: &Delivery) {
    let trip = |sql: &str| store.write("trip", |db| Ok(db.execute_batch(sql)?)).unwrap();
    trip("CREATE TEMP TRIGGER trip BEFORE INSERT ON notification BEGIN SELECT RAISE(ABORT, 'tripped'); END");
    store.record(message).unwrap_err();
    trip("DROP TRIGGER trip");
}

/// Lets it happen to both.
fn play(turn: usize, event: &Event, store: &Store, model: &mut Model, last: &mut Option<Delivery>) {
    match event {
        Event::Record { sink, parts, merged, refused } => {
            let mut message = message(turn, *sink, parts);
            message.told.values_mut().for_each(|told| told.merged = *merged);
            message.refused = refused.then(|| "410 gone".to_owned());
            store.record(&message).unwrap();
            model.record(&message);
            *last = Some(message);
        }
        Event::RecordInVain { sink, parts } => fail(store, &message(turn, *sink, parts)),
        Event::RecordAgain => {
            if let Some(message) = last {
                store.record(message).unwrap();
                model.record(message);
            }
        }
        Event::Offer { sink, alerts } => {
            let alerts = on_offer(alerts);
            store.offer(SINKS[*sink], &alerts).unwrap();
            model.offers.entry(SINKS[*sink].to_owned()).or_default().extend(alerts);
        }
        Event::Withdraw { sink, alerts } => {
            let alerts = on_offer(alerts);
            store.withdraw_offer(SINKS[*sink], &alerts).unwrap();
            let offers = model.offers.entry(SINKS[*sink].to_owned()).or_default();
            offers.retain(|alert, _| !alerts.contains_key(alert));
        }
        Event::Keep(kept) => {
            let kept = SINKS.into_iter().zip(kept).filter(|(_, kept)| **kept);
            let kept: BTreeSet<String> = kept.map(|(sink, _)| sink.to_owned()).collect();
            store.forget_sinks(&kept).unwrap();
            model.known.retain(|sink, _| kept.contains(sink));
            model.offers.retain(|sink, _| kept.contains(sink));
        }
        Event::Reopen => {}
    }
    model.without_empty();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_store_knows_what_sinks_know(events in prop::collection::vec(event(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(dir.path(), at(0)).unwrap();
        let (mut model, mut last) = (Model::default(), None);
        for (turn, event) in events.iter().enumerate() {
            if matches!(event, Event::Reopen) {
                drop(store);
                store = Store::open(dir.path(), at(0)).unwrap().0;
            }
            play(turn, event, &store, &mut model, &mut last);
            prop_assert_eq!(&stored(&store), &model, "after {}, {:?}", turn, event);
            for site in sites() {
                let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for sink in SINKS {
                    let (known, offers) = model.of_site(sink, &site);
                    let known: BTreeSet<String> = known.into_keys().chain(offers).collect();
                    if !known.is_empty() {
                        ids.insert(sink.to_owned(), known);
                    }
                }
                prop_assert_eq!(store.told_ids(&site).unwrap(), ids);
            }
        }
    }
}
