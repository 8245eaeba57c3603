//! The store from outside, as processes and damaged files meet it: kills, a second instance, readers beside a writer,
//! modes, and every page flipped or cut off.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]
#![expect(clippy::expect_used, reason = "a failed step of a test is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use n720d::domain::content::ReleaseContent;
use n720d::domain::desired::{Mode, WindowClock};
use n720d::domain::history::HistoryEntry;
use n720d::domain::ids::SiteName;
use n720d::domain::memory::{SiteMemory, Window};
use n720d::domain::notification::Reason;
use n720d::domain::plan::{NewRelease, WindowEntry};
use n720d::domain::release::{Generation, ReleaseMark, TriggerOutcome};
use n720d::domain::status::{GenerationStatus, Health, PlanStatus, SiteStatus, WindowStatus};
use n720d::domain::told::{Delivery, Told};
use n720d::store::{
    CycleRecord, DATABASE_FILE, FetchRow, Opened, Premises, ReleaseFiles, Released, Store, StoreError,
    StoreErrorKind,
};

/// Tells a copy of this test binary in which state directory to play its part.
const STATE_DIR: &str = "N720D_TEST_STATE_DIR";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn acme() -> SiteName {
    "acme".parse().unwrap()
}

fn new_release(minute: i64) -> NewRelease {
    let id = format!("content {minute}");
    NewRelease {
        approved: BTreeMap::new(),
        approval: None,
        impact: n720d::domain::plan::Impact::None,
        content: ReleaseContent {
            mac: "7C2F80CA21E4".parse().unwrap(),
            providers: BTreeMap::new(),
            slots: BTreeMap::new(),
            pin: None,
            window: None,
        },
        generation: Generation(id.clone()),
        content_id: Generation(id),
        parts: BTreeMap::new(),
        version: (at(minute * 60)).format("%d%m%y%H%M").to_string().parse().unwrap(),
        reserved: BTreeMap::new(),
        window: Some(WindowEntry::Opens(Window {
            number: 1,
            opens_at: at(0).fixed_offset(),
            closes_at: None,
            meant_at: None,
            written_in: WindowClock::default(),
            reopened: 0,
            reason: "first".into(),
            policy: String::new(),
            missing_at_start: [].into(),
            release: None,
            arrivals: BTreeMap::new(),
            missing_at_end: None,
        })),
        reason: "test".into(),
    }
}

fn status() -> SiteStatus {
    SiteStatus {
        site: acme(),
        description: String::new(),
        labels: BTreeMap::new(),
        health: Health::Waiting,
        reason: String::new(),
        mode: Mode::Manage,
        observed_at: None,
        firmware: None,
        clock_skew_seconds: None,
        generation: GenerationStatus::default(),
        window: WindowStatus::default(),
        pause: None,
        slots: Vec::new(),
        alerts: Vec::new(),
        plan: PlanStatus::default(),
        password_change: None,
    }
}

/// One push from release to verdict, in as many operations; calls `done` after each with its number.
fn push(store: &Store, round: i64, done: &mut dyn FnMut(i64)) -> Result<(), StoreError> {
    let (acme, now) = (acme(), at(round));
    let entry =
        HistoryEntry { at: now, who: "n720d".into(), what: "release".into(), outcome: round.to_string() };
    let last = store.memory(&acme)?.release.map(|last| (last.id, last.progress.fetched_at));
    let body = body(round);
    let files = ReleaseFiles { body: &body, way_back: None };
    let premises = Premises { upon: last, ..Premises::default() };
    let released = store.release(&acme, &premises, &new_release(round), files, now, |_| vec![entry])?;
    let Released::Made(release) = released else { panic!("{released:?}") };
    done(1);
    store.note_trigger_intent(release.id, now)?;
    done(2);
    let fetch = FetchRow {
        site: acme.clone(),
        release: release.id,
        version: release.version.clone(),
        peer: "127.0.0.1".parse().unwrap(),
        method: "GET".into(),
        status: 200,
        user_agent: None,
        by_manager: true,
        firmware: None,
        filled: None,
    };
    store.note_fetch(&fetch, now)?;
    done(3);
    store.note_trigger(release.id, &TriggerOutcome::Done, now)?;
    done(4);
    let memory = store.memory(&acme)?;
    let marks = [ReleaseMark::Verified { release: release.id, at: now }];
    store.keep(&acme, &CycleRecord { memory: &memory, status: &status(), marks: &marks, history: &[] })?;
    done(5);
    Ok(())
}

fn body(round: i64) -> Vec<u8> {
    format!("file {round} ").repeat(3000).into_bytes()
}

/// How far the memory says the last push came: its round, and the number of its last operation.
fn stage(memory: &SiteMemory) -> (i64, i64) {
    let Some(release) = &memory.release else { return (0, 5) };
    let progress = &release.progress;
    let stages = [
        progress.attempts > 0,
        progress.fetched_at.is_some(),
        progress.trigger.is_some(),
        progress.verified_at.is_some(),
    ];
    let reached = stages.iter().take_while(|reached| **reached).count();
    assert!(
        stages.iter().skip(reached).all(|later| !later),
        "a later mark without an earlier one: {progress:?}"
    );
    ((release.released_at - at(0)).num_seconds(), 1 + i64::try_from(reached).unwrap())
}

/// This binary again, running only `part`, with `dir` as its state directory.
fn play(part: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", part, "--ignored", "--nocapture"]).env(STATE_DIR, dir).stdout(Stdio::piped());
    command
}

fn my_directory() -> std::path::PathBuf {
    std::env::var_os(STATE_DIR).expect("is started by another test").into()
}

/// The next line that `part` printed for us.
fn heard(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> String {
    let mut lines = lines.map(Result::unwrap);
    let said = lines.find_map(|line| line.split_once("say: ").map(|(_, said)| said.to_owned()));
    said.expect("it went on to the end")
}

/// One test at a time. A process that is being started holds for a moment all that this one has open, the lock of a state
/// directory among it: who opened it anew meanwhile would find it in use.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many rounds a part plays before it only waits to be killed: where a busy machine lets the parts run far ahead of those
/// who listen to them, what they wrote first would fall out of the history.
const ROUNDS: usize = 30;

fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "is a part in other tests: pushes until it is killed"]
fn part_writer() {
    let (store, _) = Store::open(&my_directory(), at(0)).unwrap();
    let (round, _) = stage(&store.memory(&acme()).unwrap());
    for round in (round + 1..).take(ROUNDS) {
        push(&store, round, &mut |operation| println!("say: {round} {operation}")).unwrap();
    }
    wait_for_the_end();
}

#[test]
fn after_a_kill_at_any_point_everything_acknowledged_is_there_and_nothing_is_half_done() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut last = (0, 5);
    for lines in 1..=12 {
        let mut writer = Killed(play("part_writer", dir.path()).spawn().unwrap());
        let mut said = BufReader::new(writer.0.stdout.take().unwrap()).lines();
        let mut acknowledged = last;
        for _ in 0..lines {
            let text = heard(&mut said);
            let (round, operation) = text.split_once(' ').unwrap();
            acknowledged = (round.parse().unwrap(), operation.parse().unwrap());
        }
        drop(writer);

        let (store, opened) = Store::open(dir.path(), at(0)).unwrap();
        assert_eq!(opened, Opened::Existing);
        let memory = store.memory(&acme()).unwrap();
        last = stage(&memory);
        assert!(last >= acknowledged, "{last:?} is before {acknowledged:?}");
        let windows = store.windows(&acme()).unwrap().len();
        assert_eq!(windows, memory.past_releases.len() + 1, "a release and its window are one");
        let releases = store.history(None, usize::MAX).unwrap();
        let releases = releases.iter().filter(|(_, entry)| entry.what == "release").count();
        assert_eq!(releases, memory.past_releases.len() + 1, "a release and its history are one");
        let token = store.site_secret(&acme()).unwrap().token;
        assert_eq!(
            store.served(&token).unwrap().unwrap().body,
            body(last.0),
            "the last released file is served"
        );
    }
}

/// A message of this round: `acme/drift` as it is by now; `acme/clock-skew` begins in one round and ends in the next.
fn message(round: i64) -> Delivery {
    let told = Told {
        site: acme(),
        since: at(0),
        content: Some(round.to_string()),
        first_at: at(0),
        at: at(round),
        merged: false,
    };
    let (drift, skew) = ("acme/drift".to_owned(), "acme/clock-skew".to_owned());
    let (also, ended) = if round % 2 == 1 { (Some(skew), None) } else { (None, Some(skew)) };
    Delivery {
        id: format!("m{round}"),
        sink: "hook".into(),
        reason: Reason::Changed,
        about: "acme".into(),
        content: String::new(),
        at: at(round),
        refused: None,
        told: [drift].into_iter().chain(also).map(|alert| (alert, told.clone())).collect(),
        ended: ended.into_iter().map(|alert| (alert, acme())).collect(),
    }
}

/// Which round the sink was last told, by what the ledger says, and by the record of what was sent.
fn told_and_sent(store: &Store) -> (i64, i64) {
    let known = store.notification_ledger().unwrap().remove("hook").unwrap_or_default();
    let round = known.get("acme/drift").map_or(0, |told| told.content.as_ref().unwrap().parse().unwrap());
    assert_eq!(known.contains_key("acme/clock-skew"), round % 2 == 1, "what has ended is not known any more");
    let sent = i64::try_from(store.sent(usize::MAX).unwrap().len()).unwrap();
    assert_eq!(store.sent(1).unwrap().first().map_or(0, |line| (line.at - at(0)).num_seconds()), sent);
    (round, sent)
}

#[test]
#[ignore = "is a part in another test: records what a sink was told until it is killed"]
fn part_teller() {
    let (store, _) = Store::open(&my_directory(), at(0)).unwrap();
    let (round, _) = told_and_sent(&store);
    for round in (round + 1..).take(ROUNDS) {
        store.record(&message(round)).unwrap();
        println!("say: {round}");
    }
    wait_for_the_end();
}

#[test]
fn after_a_kill_at_any_point_what_a_sink_knows_and_what_it_was_sent_are_one() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for lines in 1..=12 {
        let mut teller = Killed(play("part_teller", dir.path()).spawn().unwrap());
        let mut said = BufReader::new(teller.0.stdout.take().unwrap()).lines();
        let mut acknowledged = last;
        for _ in 0..lines {
            acknowledged = heard(&mut said).parse().unwrap();
        }
        drop(teller);

        let (store, _) = Store::open(dir.path(), at(0)).unwrap();
        let (told, sent) = told_and_sent(&store);
        assert!(told >= acknowledged, "{told} is before {acknowledged}");
        let lines = store.history(None, usize::MAX).unwrap().len();
        assert_eq!(
            (sent, i64::try_from(lines).unwrap()),
            (told, told),
            "a message is told, recorded and entered"
        );
        last = told;
    }
}

#[test]
fn a_second_instance_is_told_the_firsts_pid_and_a_reader_is_let_in() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Killed(play("part_writer", dir.path()).spawn().unwrap());
    let mut said = BufReader::new(writer.0.stdout.take().unwrap()).lines();
    heard(&mut said);
    let error = Store::open(dir.path(), at(0)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InUse);
    let text = error.to_string();
    assert!(
        text.contains(&writer.0.id().to_string()) && text.contains(dir.path().to_str().unwrap()),
        "{text}"
    );

    let reader = Store::open_read_only(dir.path()).unwrap();
    let before = stage(&reader.memory(&acme()).unwrap());
    // What the writer has said may lie behind what was just read.
    let follows = (0..200).any(|_| {
        heard(&mut said);
        stage(&reader.memory(&acme()).unwrap()) > before
    });
    assert!(follows, "the reader follows the writer");

    drop(writer);
    Store::open(dir.path(), at(0)).unwrap();
}

#[test]
#[ignore = "is a part in another test: reads without the right to write"]
fn part_reader() {
    let dir = my_directory();
    assert!(fs::write(dir.join("probe"), "").is_err(), "this test proves nothing where it may write");
    let store = Store::open_read_only(&dir).unwrap();
    println!("say: {:?}", stage(&store.memory(&acme()).unwrap()));
}

#[test]
fn a_directory_that_may_not_be_written_can_be_read() {
    let _turn = turn();
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), at(0)).unwrap();
    push(&store, 1, &mut |_| ()).unwrap();
    let open = |mode: u32| {
        for entry in fs::read_dir(dir.path()).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    let read = || {
        let mut command = play("part_reader", dir.path());
        // Root may write everywhere: play the part as nobody.
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    open(0o555);
    assert!(read().contains("say: (1, 5)"), "beside the writer");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(store);
    open(0o555);
    assert!(!dir.path().join("n720d.db-wal").exists());
    assert!(read().contains("say: (1, 5)"), "after the writer left");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn only_the_owner_can_read_what_is_in_the_state_directory() {
    let _turn = turn();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("n720d");
    let (store, _) = Store::open(&dir, at(0)).unwrap();
    push(&store, 1, &mut |_| ()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["lock", "n720d.db", "n720d.db-shm", "n720d.db-wal", "seed"]);
}

#[test]
fn a_later_schema_and_another_programs_database_are_refused_and_left_as_they_are() {
    let _turn = turn();
    for (spoil, part) in
        [("PRAGMA user_version = 99", "schema version 99"), ("PRAGMA application_id = 7", "another program")]
    {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path(), at(0)).unwrap());
        let path = dir.path().join(DATABASE_FILE);
        rusqlite::Connection::open(&path).unwrap().execute_batch(spoil).unwrap();
        let before = fs::read(&path).unwrap();
        for error in
            [Store::open(dir.path(), at(0)).unwrap_err(), Store::open_read_only(dir.path()).unwrap_err()]
        {
            assert_eq!(error.kind(), StoreErrorKind::Foreign);
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

/// A closed database with a few pushes in it, as bytes.
fn some_database() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), at(0)).unwrap();
    for round in 1..=3 {
        push(&store, round, &mut |_| ()).unwrap();
    }
    drop(store);
    fs::read(dir.path().join(DATABASE_FILE)).unwrap()
}

/// Opens a state directory with this database and uses everything once. Nothing may panic, and what is opened can be
/// written, or the error says which file it is about.
fn use_all(database: &[u8]) -> Result<Opened, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DATABASE_FILE), database).unwrap();
    let opened = Store::open(dir.path(), at(0)).and_then(|(store, opened)| {
        store.site_secret(&acme())?;
        store.memory(&acme())?;
        store.statuses(None)?;
        store.history(None, 100)?;
        store.notification_ledger()?;
        store.told_ids(&acme())?;
        store.all_alerts()?;
        store.attention()?;
        store.sent(9)?;
        push(&store, 9, &mut |_| ())?;
        Ok(opened)
    });
    if let Ok(Opened::Rebuilt(moved_to)) = &opened {
        assert_eq!(fs::read(moved_to).unwrap(), database, "what is moved aside is as it was");
    }
    if let Err(error) = &opened {
        assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}");
    }
    opened
}

#[test]
fn a_database_with_any_page_spoilt_is_rebuilt_refused_or_read_and_never_a_panic() {
    let _turn = turn();
    let whole = some_database();
    assert!(matches!(use_all(&whole), Ok(Opened::Existing)));
    let pages = whole.len() / 4096;
    let mut rebuilt = 0;
    for page in 0..pages {
        for (offset, length) in [(0, 16), (100, 1), (2000, 64), (0, 4096)] {
            let mut spoilt = whole.clone();
            let start = page * 4096 + offset;
            for byte in spoilt.iter_mut().skip(start).take(length) {
                *byte ^= 0xff;
            }
            match use_all(&spoilt) {
                Ok(Opened::Rebuilt(_)) => rebuilt += 1,
                Ok(Opened::Existing | Opened::Fresh) => {}
                Err(error) => assert!(
                    matches!(error.kind(), StoreErrorKind::Corrupt | StoreErrorKind::Foreign),
                    "page {page}, {length} bytes from {offset}: {error:?}"
                ),
            }
        }
    }
    assert!(rebuilt >= pages, "of {pages} pages only {rebuilt} damages were noticed");
}

#[test]
fn a_database_cut_off_anywhere_is_rebuilt() {
    let _turn = turn();
    let whole = some_database();
    assert!(matches!(use_all(&[]), Ok(Opened::Fresh)));
    for length in (1..whole.len() / 4096).map(|pages| pages * 4096).chain([513, 5000]) {
        let outcome = use_all(&whole[..length]);
        assert!(matches!(outcome, Ok(Opened::Rebuilt(_))), "cut at {length}: {outcome:?}");
    }
}
