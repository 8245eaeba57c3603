//! Changes of web passwords in the database: whole, apart from the site file's releases, and wiped when they are over.

use super::super::DATABASE_FILE;
use super::super::fetches::FetchRow;
use super::super::fixtures::{at, entry, generation, new_release, release, site, store};
use super::*;
use crate::domain::rotation::{Ending, Stage, UndoReason};

const OLD: &str = "OldPassword123";
const NEW: &str = "NewPassword4567";

fn prepared() -> Rotation {
    let people = ("anna".to_owned(), "she left".to_owned());
    let pair = (Secret::new(OLD), Secret::new(NEW));
    Rotation::prepare("7C2F80CA21E4".parse().unwrap(), people, pair, Some(generation("r")), at(0))
}

fn file(carries: bool, version: &str) -> PasswordFile {
    let body = if carries { NEW.as_bytes().to_vec() } else { b"empty".to_vec() };
    PasswordFile { carries, content: generation("c"), version: version.parse().unwrap(), body }
}

fn put(store: &Store, carries: bool, version: &str) -> i64 {
    let file = file(carries, version);
    store.release_password(&site("acme"), &file, at(5), Some, &[entry("rotate", 5)]).unwrap().unwrap()
}

fn kept(store: &Store) -> Rotation {
    store.memory(&site("acme")).unwrap().rotation.unwrap()
}

#[test]
fn it_comes_back_whole() {
    let (_dir, store) = store();
    let acme = site("acme");
    assert!(store.prepare_rotation(&acme, &prepared(), &[entry("rotate", 0)]).unwrap());
    assert_eq!(kept(&store), prepared());
    assert!(!store.prepare_rotation(&acme, &prepared(), &[]).unwrap(), "one is under way");
    let everything = Rotation {
        undo: Some(Undo { at: at(3), why: UndoReason::NoEffect }),
        proven_at: Some(at(4)),
        posted: vec![Posted {
            mark: generation("m"),
            stage: Stage::Fetched,
            times: 2,
            unclear: 1,
            refused: true,
        }],
        in_a_row: 3,
        unstored: Some("it cannot be written".into()),
        ..prepared()
    };
    let changed = everything.clone();
    let after = store
        .change_rotation(&acme, at(6), |_| (After::GoesOn(Box::new(changed)), vec![entry("rotate", 6)]))
        .unwrap();
    assert_eq!(after, Some(After::GoesOn(Box::new(everything.clone()))));
    assert_eq!(kept(&store), everything);
    assert_eq!(store.history(Some(&acme), 9).unwrap().len(), 2);
    assert!(store.prepare_rotation(&acme, &prepared(), &[]).unwrap(), "the last one is proven");
    assert_eq!(store.change_rotation(&site("other"), at(6), |_| unreachable!()).unwrap(), None);
}

#[test]
fn its_file_is_served_and_is_no_release_of_the_site_files() {
    let (_dir, store) = store();
    let acme = site("acme");
    let token = store.site_secret(&acme).unwrap().token;
    let last = release(&store, &acme, &new_release("2311260801"), b"accounts", at(1), &[]).unwrap();
    let before = store.memory(&acme).unwrap();
    store.prepare_rotation(&acme, &prepared(), &[]).unwrap();
    assert!(!store.is_changing_password(&acme).unwrap(), "nothing was released");
    let number = put(&store, true, "2311260802");
    let served = store.served(&token).unwrap().unwrap();
    assert_eq!((served.release, served.body.as_slice(), served.fetched), (number, NEW.as_bytes(), false));
    assert!(store.is_changing_password(&acme).unwrap());

    let memory = store.memory(&acme).unwrap();
    assert_eq!((&memory.release, &memory.past_releases), (&before.release, &before.past_releases));
    assert_eq!(memory.password_versions, ["2311260802".parse().unwrap()]);
    let rotation = memory.rotation.unwrap();
    assert!(rotation.on_shelf && rotation.file.as_ref().is_some_and(|file| file.id == number));

    // A fetch of it is one of it alone, and a release goes on from the last real one.
    let fetch = FetchRow {
        site: acme.clone(),
        release: number,
        version: "2311260802".parse().unwrap(),
        peer: "10.20.0.2".parse().unwrap(),
        method: "GET".into(),
        status: 200,
        user_agent: None,
        by_manager: true,
        firmware: None,
        filled: None,
    };
    store.note_fetch(&fetch, at(7)).unwrap();
    assert_eq!(kept(&store).file.unwrap().progress.fetched_at, Some(at(7)));
    assert!(last.id < release(&store, &acme, &new_release("2311260803"), b"next", at(8), &[]).unwrap().id);
    assert!(!kept(&store).on_shelf, "it is not served any more");
    let late = store.note_fetch(&fetch, at(9)).unwrap_err();
    assert!(matches!(late, super::super::StoreError::Replaced { .. }), "{late}");
}

#[test]
fn an_empty_file_takes_its_place_and_the_password_leaves_the_disk() {
    let (dir, store) = store();
    let acme = site("acme");
    let token = store.site_secret(&acme).unwrap().token;
    store.prepare_rotation(&acme, &prepared(), &[]).unwrap();
    let carries = put(&store, true, "2311260801");
    let none = store.release_password(&acme, &file(false, "2311260802"), at(6), |_| None, &[]).unwrap();
    assert_eq!(none, None, "it was not wanted any more");
    let withdraw = |rotation: Rotation| Some(rotation.withdrawn(at(6)));
    store.release_password(&acme, &file(false, "2311260802"), at(6), withdraw, &[]).unwrap().unwrap();
    assert_eq!(store.served(&token).unwrap().unwrap().body, b"empty");
    let rotation = kept(&store);
    assert_eq!(rotation.file.map(|file| file.id), Some(carries), "which one it was is still known");
    assert_eq!((rotation.on_shelf, rotation.undo.map(|undo| undo.at)), (false, Some(at(6))));

    let end = |_| (After::Ended(Ending::Withdrawn), Vec::new());
    store.change_rotation(&acme, at(9), end).unwrap();
    let memory = store.memory(&acme).unwrap();
    let ended = Ended { at: at(9), by: "anna".into(), how: Ending::Withdrawn };
    assert_eq!((memory.rotation, memory.rotated), (None, Some(ended)));
    assert!(!store.is_changing_password(&acme).unwrap());
    drop(store);
    let database = std::fs::read(dir.path().join(DATABASE_FILE)).unwrap();
    for password in [OLD, NEW] {
        let is_there = database.windows(password.len()).any(|bytes| bytes == password.as_bytes());
        assert!(!is_there, "{password} is still on the disk");
    }
}

#[test]
fn nothing_shows_a_password() {
    let rotation = prepared();
    let shown = format!(
        "{rotation:?} {:?} {:?}",
        After::GoesOn(Box::new(rotation.clone())),
        file(true, "2311260801")
    );
    assert!(!shown.contains(OLD) && !shown.contains(NEW), "{shown}");
}
