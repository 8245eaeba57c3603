//! What holds for the store as a whole: reopening, a full disk, a failing disk.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{at, delivery, entry, memory, new_release, release, site, status, store};
use super::*;
use crate::domain::attention::Attention;
use crate::domain::release::TriggerOutcome;

fn record<'a>(
    memory: &'a crate::domain::memory::SiteMemory,
    status: &'a crate::domain::status::SiteStatus,
) -> CycleRecord<'a> {
    CycleRecord { memory, status, marks: &[], history: &[] }
}

fn integrity(store: &Store) -> String {
    store.read("check", |db| Ok(db.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?)).unwrap()
}

/// Lets the database grow by so many pages, as a disk would that has so much space left.
fn leave_pages(store: &Store, pages: i64) {
    let place = store.inner.connection.lock().unwrap();
    let connection = place.as_ref().unwrap();
    let used: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update_and_check(None, "max_page_count", used + pages, |_| Ok(())).unwrap();
}

#[test]
fn a_second_open_finds_what_the_first_left() {
    let dir = tempfile::tempdir().unwrap();
    let (store, opened) = Store::open(dir.path(), at(0)).unwrap();
    assert_eq!(opened, Opened::Fresh);
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    drop(store);
    let (store, opened) = Store::open(dir.path(), at(0)).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_eq!(store.memory(&acme).unwrap(), memory());
}

#[test]
fn on_a_full_disk_an_operation_has_happened_wholly_or_not_at_all() {
    let (mut failed, mut succeeded) = (0, 0);
    for pages in 0..40 {
        let (_dir, store) = store();
        let acme = site("acme");
        store.site_secret(&acme).unwrap();
        leave_pages(&store, pages);
        let body = vec![b'x'; 90_000];
        match release(&store, &acme, &new_release("2311260801"), &body, at(1), &[entry("release", 1)]) {
            Ok(_) => {
                succeeded += 1;
                let token = store.site_secret(&acme).unwrap().token;
                assert_eq!(store.served(&token).unwrap().unwrap().body, body);
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.kind(), StoreErrorKind::DiskFull, "{error}");
                let memory = store.memory(&acme).unwrap();
                assert!(memory.release.is_none() && memory.windows.is_empty(), "{pages} pages left");
                assert!(store.history(None, 10).unwrap().is_empty());
            }
        }
        assert_eq!(integrity(&store), "ok");
    }
    assert!(failed > 10 && succeeded > 10, "{failed} failed, {succeeded} succeeded");
}

#[test]
fn once_there_is_space_again_nothing_needs_a_restart() {
    let (_dir, store) = store();
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    leave_pages(&store, 0);
    let body = vec![b'x'; 60_000];
    let error = release(&store, &acme, &new_release("2311260801"), &body, at(1), &[]).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::DiskFull);
    assert_eq!(store.memory(&acme).unwrap(), memory());
    leave_pages(&store, 1000);
    release(&store, &acme, &new_release("2311260801"), &body, at(1), &[]).unwrap();
}

#[test]
fn after_a_failed_sync_the_file_is_opened_and_checked_anew() {
    let (_dir, store) = store();
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    let failed = store.write::<()>("test", |db| {
        db.execute("DELETE FROM slot", ())?;
        Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        )
        .into())
    });
    assert_eq!(failed.unwrap_err().kind(), StoreErrorKind::Io);
    assert!(store.inner.connection.lock().unwrap().is_none());
    assert_eq!(store.memory(&acme).unwrap(), memory());
    store.note_trigger_intent(7, at(1)).unwrap_err();
    assert!(store.inner.connection.lock().unwrap().is_some());
}

#[test]
fn a_panic_in_an_operation_leaves_the_store_usable_and_nothing_half_done() {
    let (_dir, store) = store();
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    let clone = store.clone();
    let panicked = std::thread::spawn(move || {
        let _ = clone.write::<()>("test", |db| {
            db.execute("DELETE FROM slot", ())?;
            panic!("on purpose");
        });
    });
    assert!(panicked.join().is_err());
    assert_eq!(store.memory(&acme).unwrap(), memory());
}

#[test]
fn what_does_not_decode_is_named_and_stays_with_its_site() {
    let (_dir, store) = store();
    for name in ["acme", "other"] {
        store.keep(&site(name), &record(&memory(), &status(name, 9))).unwrap();
    }
    store
        .write("damage", |db| {
            db.execute(
                "UPDATE slot SET record = '{' WHERE site = (SELECT id FROM site WHERE name = 'acme')",
                (),
            )?;
            Ok(())
        })
        .unwrap();
    let error = store.memory(&site("acme")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("slot.record"), "{error}");
    assert_eq!(store.memory(&site("other")).unwrap(), memory());
}

#[test]
fn a_store_for_reading_reads_everything_and_writes_nothing() {
    let (dir, store) = store();
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    let reader = Store::open_read_only(dir.path()).unwrap();
    assert_eq!(reader.memory(&acme).unwrap(), memory());
    assert_eq!(reader.statuses(None).unwrap(), [status("acme", 9)]);
    assert_eq!(reader.site_secret(&acme).unwrap(), store.site_secret(&acme).unwrap());
    assert_eq!(reader.all_alerts().unwrap(), BTreeMap::from([(acme.clone(), memory().alerts)]));
    assert!(reader.told_ids(&acme).unwrap().is_empty() && reader.notification_ledger().unwrap().is_empty());
    assert!(reader.sent(9).unwrap().is_empty() && reader.attention().unwrap() == Attention::default());
    let refusals = [
        reader.keep(&acme, &record(&memory(), &status("acme", 10))),
        reader.tell(&acme, &[entry("alert", 10)]),
        reader.keep_hindrance(&acme, None, &[]),
        reader.leave(&acme, at(10)).map(|_| ()),
        reader.site_secret(&site("new")).map(|_| ()),
        release(&reader, &acme, &new_release("2311260801"), b"", at(1), &[]).map(|_| ()),
        reader.note_trigger(1, &TriggerOutcome::Done, at(1)),
        reader.record(&delivery("m1", "hook", 1, &["acme/a"], &[])),
        reader.forget_sinks(&BTreeSet::from(["hook".to_owned()])),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    store.keep_status(&acme, &status("acme", 20)).unwrap();
    assert_eq!(reader.statuses(None).unwrap(), [status("acme", 20)], "the reader follows the writer");
}

#[test]
fn a_rebuilt_database_finds_the_same_tokens_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), at(0)).unwrap();
    let secret = store.site_secret(&site("acme")).unwrap();
    let other = store.site_secret(&site("other")).unwrap();
    drop(store);
    std::fs::write(dir.path().join(DATABASE_FILE), vec![0x5a; 8192]).unwrap();
    let (store, opened) = Store::open(dir.path(), at(0)).unwrap();
    let moved = dir.path().join("n720d.db.corrupt-20261123T070000Z");
    assert_eq!(opened, Opened::Rebuilt(moved.clone()));
    assert_eq!(std::fs::read(moved).unwrap(), vec![0x5a; 8192]);
    assert_eq!(store.site_secret(&site("acme")).unwrap(), secret);
    assert_eq!(secret.token.len(), 32);
    assert!(secret.token != other.token && secret.key != other.key);
    assert!(!format!("{secret:?} {store:?}").contains(&secret.token));
}

#[test]
fn a_cycle_that_cannot_be_kept_whole_is_not_kept_at_all() {
    let (_dir, store) = store();
    let acme = site("acme");
    let marks = [crate::domain::release::ReleaseMark::Verified { release: 4711, at: at(1) }];
    let (memory, status) = (memory(), status("acme", 9));
    let history = [entry("verify", 1)];
    let whole = CycleRecord { marks: &marks, history: &history, ..record(&memory, &status) };
    let error = store.keep(&acme, &whole).unwrap_err();
    assert_eq!(error.to_string(), "cannot keep the outcome of a cycle: there is no release 4711");
    assert_eq!(store.memory(&acme).unwrap(), crate::domain::memory::SiteMemory::default());
    assert!(store.all_alerts().unwrap().is_empty() && store.history(None, 9).unwrap().is_empty());
}

#[test]
fn another_process_that_holds_the_database_is_waited_for_and_then_named_as_the_cause() {
    let (dir, store) = store();
    let acme = site("acme");
    store.keep(&acme, &record(&memory(), &status("acme", 9))).unwrap();
    store.inner.connection.lock().unwrap().as_ref().unwrap().busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.leave(&acme, at(10)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.to_string().contains("another process holds it"), "{error}");
    assert_eq!(store.memory(&acme).unwrap(), memory(), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    store.leave(&acme, at(10)).unwrap();
}
