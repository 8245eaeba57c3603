//! The files of the state directory: made with modes that keep others out, and moved aside when they are damaged.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::error::StoreError;

/// Name of the database in the state directory.
pub const DATABASE_FILE: &str = "n720d.db";

/// Name of the file with the random seed that sites' tokens and keys are derived from. It is apart from the database
/// so that a rebuilt database finds the same tokens again: the managers keep them in their configuration file URL.
pub const SEED_FILE: &str = "seed";

/// The seed itself.
pub(super) type Seed = [u8; 32];

/// Makes the state directory, closed to others. One that exists keeps its mode: it may be shared on purpose, and the
/// files in it are closed by themselves.
pub(super) fn make_directory(state_dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(state_dir).map_err(fail("create", state_dir))?;
    let owner = fs::metadata(state_dir).map_err(fail("look at", state_dir))?.uid();
    owned_by(state_dir, owner, rustix::process::geteuid().as_raw())
}

/// Root, writing where the service's user works, would leave files behind that the service cannot write any more.
fn owned_by(state_dir: &Path, owner: u32, user: u32) -> Result<(), StoreError> {
    if user == 0 && owner != 0 {
        return Err(StoreError::OtherOwner { state_dir: state_dir.to_owned(), owner });
    }
    Ok(())
}

/// Makes sure that the database exists and that only its owner can read it and the files SQLite keeps beside it
/// (these inherit its mode): released files hold SIP passwords in clear.
pub(super) fn close_to_others(database: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(database)
        .map_err(fail("open", database))?;
    for path in [database.to_owned(), beside(database, "-wal"), beside(database, "-shm")] {
        match fs::metadata(&path) {
            Ok(found) if found.permissions().mode() & 0o077 == 0 => {}
            Ok(_) => fs::set_permissions(&path, Permissions::from_mode(0o600))
                .map_err(fail("change the mode of", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fail("look at", &path)(error)),
        }
    }
    Ok(())
}

/// Moves a damaged database and its log aside, for whoever wants to look; nothing moved earlier is overwritten.
pub(super) fn move_aside(database: &Path, now: DateTime<Utc>) -> Result<PathBuf, StoreError> {
    let stem = format!("{DATABASE_FILE}.corrupt-{}", now.format("%Y%m%dT%H%M%SZ"));
    let mut target = database.with_file_name(&stem);
    let mut count = 1;
    while target.exists() {
        count += 1;
        target = database.with_file_name(format!("{stem}-{count}"));
    }
    fs::rename(database, &target).map_err(fail("move aside", database))?;
    move_if_there(&beside(database, "-wal"), &beside(&target, "-wal"))?;
    // The index of the log is worthless without its database, and poison to another one.
    remove_if_there(&beside(database, "-shm"))?;
    Ok(target)
}

/// The seed of this state directory, made and synced to disk if there is none.
pub(super) fn seed(state_dir: &Path) -> Result<Seed, StoreError> {
    let path = state_dir.join(SEED_FILE);
    let mut seed = Seed::default();
    match File::open(&path).and_then(|mut file| file.read_exact(&mut seed)) {
        Ok(()) => return Ok(seed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // Cut short by a crash before its first use was durable: nothing rests on it yet.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(fail("read", &path)(error)),
    }
    getrandom::fill(&mut seed)
        .map_err(|error| fail("draw random bytes for", &path)(io::Error::other(error.to_string())))?;
    write_whole(&path, &seed).map_err(fail("write", &path))?;
    Ok(seed)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, ".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The path with a suffix to its file name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("move aside", from)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn fail(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("a/b");
        make_directory(&state).unwrap();
        assert_eq!(mode(&state), 0o700);
        let database = state.join(DATABASE_FILE);
        close_to_others(&database).unwrap();
        assert_eq!(mode(&database), 0o600);
        seed(&state).unwrap();
        assert_eq!(mode(&state.join(SEED_FILE)), 0o600);
    }

    #[test]
    fn files_that_others_could_read_are_closed() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join(DATABASE_FILE);
        for suffix in ["", "-wal", "-shm"] {
            let path = beside(&database, suffix);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        }
        close_to_others(&database).unwrap();
        for suffix in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(&database, suffix)), 0o600, "{suffix}");
        }
    }

    #[test]
    fn moving_aside_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join(DATABASE_FILE);
        let now = DateTime::UNIX_EPOCH;
        for content in ["first", "second"] {
            fs::write(&database, content).unwrap();
            fs::write(beside(&database, "-wal"), format!("{content} log")).unwrap();
            fs::write(beside(&database, "-shm"), "index").unwrap();
            let moved = move_aside(&database, now).unwrap();
            assert_eq!(fs::read_to_string(&moved).unwrap(), content);
            assert_eq!(fs::read_to_string(beside(&moved, "-wal")).unwrap(), format!("{content} log"));
        }
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "n720d.db.corrupt-19700101T000000Z",
                "n720d.db.corrupt-19700101T000000Z-2",
                "n720d.db.corrupt-19700101T000000Z-2-wal",
                "n720d.db.corrupt-19700101T000000Z-wal",
            ]
        );
    }

    #[test]
    fn a_seed_stays_and_a_cut_one_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let first = seed(dir.path()).unwrap();
        assert_eq!(seed(dir.path()).unwrap(), first);
        fs::write(dir.path().join(SEED_FILE), "short").unwrap();
        let second = seed(dir.path()).unwrap();
        assert_ne!(second, first);
        assert_eq!(seed(dir.path()).unwrap(), second);
    }

    #[test]
    fn root_does_not_write_where_the_service_works() {
        let dir = Path::new("/var/lib/n720d");
        assert!(owned_by(dir, 0, 0).is_ok() && owned_by(dir, 995, 995).is_ok());
        let text = owned_by(dir, 995, 0).unwrap_err().to_string();
        assert!(
            text.contains("/var/lib/n720d") && text.contains("user 995") && text.contains("runuser"),
            "{text}"
        );
    }
}
