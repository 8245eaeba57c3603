//! What sinks know and what they were sent, and that both are always one.

use super::super::CycleRecord;
use super::super::fixtures::{alert, at, delivery, knows, memory, site, status, store};
use super::*;
use crate::domain::alert::{Alert, AlertState};
use crate::domain::memory::SiteMemory;

/// Who was told what of which site, oldest first.
fn history(store: &Store) -> Vec<String> {
    let mut entries = store.history(None, usize::MAX).unwrap();
    entries.reverse();
    entries.into_iter().map(|(site, entry)| format!("{site}: {}", entry.outcome)).collect()
}

fn sent(store: &Store) -> Vec<String> {
    store.sent(usize::MAX).unwrap().into_iter().map(|line| line.id).collect()
}

#[test]
fn what_a_sink_was_told_outlives_the_process_and_goes_with_the_end() {
    let (dir, store) = store();
    let first = delivery("m1", "hook", 5, &["acme/drift", "acme/unreachable"], &[]);
    store.record(&first).unwrap();
    drop(store);
    let (store, _) = Store::open(dir.path(), at(0)).unwrap();
    let known = store.notification_ledger().unwrap();
    assert_eq!(known, BTreeMap::from([("hook".to_owned(), first.told.clone())]));
    let mut merged = delivery("m2", "hook", 6, &["acme/drift"], &["acme/unreachable"]);
    merged.reason = Reason::Changed;
    merged.told.get_mut("acme/drift").unwrap().merged = true;
    store.record(&merged).unwrap();
    assert_eq!(store.notification_ledger().unwrap()["hook"], merged.told);
    store
        .record(&Delivery { reason: Reason::Resolved, ..delivery("m3", "hook", 7, &[], &["acme/drift"]) })
        .unwrap();
    assert_eq!(store.notification_ledger().unwrap(), NotificationLedger::new());
    assert_eq!(
        history(&store),
        ["acme: told hook (first)", "acme: told hook (changed)", "acme: told hook (resolved)"]
    );
    let line = SentLine {
        id: "m2".into(),
        sink: "hook".into(),
        at: at(6),
        reason: Reason::Changed,
        about: "acme".into(),
        alerts: 2,
        refused: None,
    };
    assert_eq!(store.sent(2).unwrap()[1], line);
    assert_eq!(sent(&store), ["m3", "m2", "m1"]);
}

#[test]
fn a_message_changes_nothing_of_what_it_is_not_about() {
    let (_dir, store) = store();
    let (one, two) = (
        delivery("m1", "hook", 5, &["acme/drift"], &[]),
        delivery("m2", "mail", 6, &["acme/drift", "bolt/drift"], &[]),
    );
    store.record(&one).unwrap();
    store.record(&two).unwrap();
    store.record(&delivery("m3", "hook", 7, &["bolt/drift"], &["bolt/unreachable"])).unwrap();
    let ledger = store.notification_ledger().unwrap();
    assert_eq!(ledger["mail"], two.told);
    assert_eq!(ledger["hook"].keys().collect::<Vec<_>>(), ["acme/drift", "bolt/drift"]);
    assert_eq!(ledger["hook"]["acme/drift"], one.told["acme/drift"]);
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    let of_bolt = BTreeMap::from([
        ("hook".to_owned(), ids(&["bolt/drift"])),
        ("mail".to_owned(), ids(&["bolt/drift"])),
    ]);
    assert_eq!(store.told_ids(&site("bolt")).unwrap(), of_bolt);
    assert!(store.told_ids(&site("nobody")).unwrap().is_empty());
}

#[test]
fn the_same_message_again_is_told_once() {
    let (_dir, store) = store();
    let message = Delivery {
        reason: Reason::Changed,
        ..delivery("m1", "hook", 5, &["acme/drift"], &["acme/unreachable"])
    };
    store.record(&delivery("m0", "hook", 4, &["acme/unreachable"], &[])).unwrap();
    store.record(&message).unwrap();
    let (ledger, lines, told) =
        (store.notification_ledger().unwrap(), store.sent(9).unwrap(), history(&store));
    store.record(&message).unwrap();
    assert_eq!(
        (store.notification_ledger().unwrap(), store.sent(9).unwrap(), history(&store)),
        (ledger, lines, told)
    );
    let mut later = delivery("m1", "hook", 65, &["acme/drift"], &["acme/unreachable"]);
    later.reason = Reason::Changed;
    store.record(&later).unwrap();
    assert_eq!(store.notification_ledger().unwrap()["hook"]["acme/drift"].at, at(65));
    assert_eq!(store.sent(9).unwrap()[0].at, at(65), "it came late");
    assert_eq!((sent(&store).len(), history(&store).len()), (2, 2));
}

#[test]
fn a_final_refusal_is_told_in_the_history_and_counts_as_told() {
    let (_dir, store) = store();
    let refused =
        Delivery { refused: Some("410 gone".into()), ..delivery("m1", "hook", 5, &["acme/drift"], &[]) };
    store.record(&refused).unwrap();
    assert_eq!(store.notification_ledger().unwrap()["hook"], refused.told);
    assert_eq!(history(&store), ["acme: could not tell hook (first): 410 gone"]);
    assert_eq!(store.sent(9).unwrap()[0].refused.as_deref(), Some("410 gone"));
}

#[test]
fn the_history_of_each_site_says_with_how_many_others_it_was_told() {
    let (_dir, store) = store();
    store
        .record(&delivery("m1", "hook", 5, &["a/drift", "b/drift", "b/unreachable"], &["fleet/test"]))
        .unwrap();
    assert_eq!(
        history(&store),
        ["a: told hook (first, with 1 other site)", "b: told hook (first, with 1 other site)"],
        "nobody knew of what has ended"
    );
    store.record(&delivery("m2", "hook", 6, &["fleet/test", "a/unreachable"], &[])).unwrap();
    assert_eq!(history(&store)[2..], ["a: told hook (first)", "fleet: told hook (first, with 1 site)"]);
    let many: Vec<String> = (0..1_235).map(|number| format!("s{number}/drift")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    store.record(&delivery("m3", "hook", 7, &many, &[])).unwrap();
    assert_eq!(history(&store).last().unwrap(), "s999: told hook (first, with 1,234 other sites)");
}

#[test]
fn a_site_of_which_nothing_new_was_said_has_no_line_and_a_reminder_after_hours_has_one() {
    let (_dir, store) = store();
    store.record(&delivery("m1", "hook", 0, &["a/drift", "b/drift"], &[])).unwrap();
    let again = |id: &str, seconds: i64| {
        let before = history(&store).len();
        let mut again = delivery(id, "hook", seconds, &["a/drift", "b/drift"], &[]);
        again.reason = Reason::Repeat;
        store.record(&again).unwrap();
        history(&store)[before..].to_vec()
    };
    assert!(again("m2", 300).is_empty() && again("m3", 600).is_empty());
    let mut grown = delivery("m4", "hook", 900, &["a/drift", "b/drift"], &[]);
    grown.reason = Reason::Changed;
    grown.told.get_mut("b/drift").unwrap().content = Some("grown".into());
    store.record(&grown).unwrap();
    assert_eq!(history(&store).last().unwrap(), "b: told hook (changed, with 1 other site)");
    assert_eq!(history(&store).len(), 3);
    let unknown = "UPDATE told SET content = NULL";
    store.write("forget", |db| Ok(db.execute(unknown, ())?)).unwrap();
    let told = ["a: told hook (repeat, with 1 other site)", "b: told hook (repeat, with 1 other site)"];
    assert_eq!(again("m5", 900 + 3_600), told, "what is not known counts as the same");
    assert_eq!(again("m6", 0), told, "the clock was set back");
}

#[test]
fn sinks_that_are_gone_are_forgotten_and_told_anew_when_they_come_back() {
    let (_dir, store) = store();
    for sink in ["hook", "mail", "pager"] {
        store.record(&delivery("m1", sink, 5, &["acme/drift"], &[])).unwrap();
    }
    store.forget_sinks(&BTreeSet::from(["mail".to_owned(), "new".to_owned()])).unwrap();
    assert_eq!(store.notification_ledger().unwrap().keys().collect::<Vec<_>>(), ["mail"]);
    store.record(&delivery("m1", "hook", 9, &["acme/drift"], &[])).unwrap();
    assert_eq!(history(&store).len(), 4);
    let newest = &store.sent(9).unwrap()[0];
    assert_eq!((newest.sink.as_str(), newest.at), ("hook", at(9)));
    store.forget_sinks(&BTreeSet::new()).unwrap();
    assert!(store.notification_ledger().unwrap().is_empty());
    assert_eq!(store.sent(9).unwrap().len(), 3, "what was sent was sent");
}

#[test]
fn the_record_of_what_was_sent_goes_back_so_far() {
    let (_dir, store) = store();
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NOTIFICATIONS_KEPT})
         INSERT INTO notification (id, sink, at, reason, about, content, alerts)
         SELECT 'm' || i, 'hook', '2026-11-23T07:00:00.000000000Z', '\"first\"', 'acme', '', 1 FROM n"
    );
    store.write("fill", |db| Ok(db.execute(&fill, ())?)).unwrap();
    store.record(&delivery("newest", "hook", 5, &["acme/drift"], &[])).unwrap();
    let sent = sent(&store);
    assert_eq!(sent.len(), NOTIFICATIONS_KEPT as usize);
    assert_eq!((sent[0].as_str(), sent.last().unwrap().as_str()), ("newest", "m2"));
}

#[test]
fn what_does_not_decode_is_told_anew_and_hides_nothing_else() {
    let (_dir, store) = store();
    store.record(&delivery("m1", "hook", 5, &["acme/drift", "acme/unreachable"], &[])).unwrap();
    let spoil = "UPDATE told SET at = 'yesterday' WHERE alert = 'acme/drift'";
    store.write("spoil", |db| Ok(db.execute(spoil, ())?)).unwrap();
    assert_eq!(store.notification_ledger().unwrap()["hook"].keys().collect::<Vec<_>>(), ["acme/unreachable"]);
    let again = delivery("m2", "hook", 6, &["acme/drift"], &[]);
    store.record(&again).unwrap();
    assert_eq!(store.notification_ledger().unwrap()["hook"]["acme/drift"], knows("acme/drift", 6));
    assert_eq!(history(&store).len(), 2);
}

#[test]
fn an_end_that_every_sink_was_told_is_forgotten_and_no_other() {
    let (_dir, store) = store();
    let acme = site("acme");
    let ended = |id: &str| Alert { state: AlertState::Resolved, resolved_at: Some(at(5)), ..alert(id, 1) };
    let alerts = vec![ended("told"), ended("owed"), ended("offered"), alert("holds", 1)];
    let (memory, status) = (SiteMemory { alerts, ..memory() }, status("acme", 9));
    store.keep(&acme, &CycleRecord { memory: &memory, status: &status, marks: &[], history: &[] }).unwrap();
    store.record(&delivery("m1", "hook", 6, &["acme/owed"], &["acme/told"])).unwrap();
    store.offer("hook", &[("acme/offered".to_owned(), acme.clone())].into()).unwrap();
    let no_json = "INSERT INTO alert (site, id, position, alert) SELECT id, 'acme/odd', 9, '{' FROM site";
    store.write("spoil", |db| Ok(db.execute(no_json, ()).map(drop)?)).unwrap();
    store.forget_told_ends().unwrap();
    let count = "SELECT count(*) FROM alert WHERE id = 'acme/odd'";
    assert_eq!(
        store.read("count", |db| Ok(db.query_row(count, (), |row| row.get::<_, i64>(0))?)).unwrap(),
        1
    );
    let left: Vec<String> =
        store.all_alerts().unwrap().remove(&acme).unwrap().into_iter().map(|alert| alert.id).collect();
    assert_eq!(left, ["acme/owed", "acme/offered", "acme/holds"]);
}
