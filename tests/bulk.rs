//! `n720d import` and `n720d export` from outside: the real binary, its files, output and exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SITE: &str = "# Karin's site: ask her first.
[site]
time_zone = \"Europe/Berlin\"

[manager]
url      = \"http://10.20.0.2\"
mac      = \"7C2F80CA21E4\"
password = \"credential:acme-web\"

[registration]
duration = \"20h\"

[[provider]]
index = 0

[[slot]]
number       = 1
ipui         = \"02 B6 EC 8A A5\"      # from its box
display_name = \"Reception\"
sip          = { user = \"1013\", password = \"planted-secret\" }

[[slot]]
number = 2
ipui   = \"02 9E 74 A5 99\"
";

const OTHER: &str = "[site]\ntime_zone = 'UTC'\n[manager]\nurl = 'http://10.20.0.3'\nmac = '7C2F80CA21E5'\npassword = \
                     'credential:bolt-web'\n[registration]\nduration = '1h'\n[[slot]]\nnumber = 7\nipui = '0200000007'\n";

/// An operator's folder with the sites `acme` and `bolt`.
struct Folder(tempfile::TempDir);

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path("sites")).unwrap();
        fs::write(folder.path("n720d.toml"), "").unwrap();
        fs::write(folder.site(), SITE).unwrap();
        fs::write(folder.path("sites/bolt.toml"), OTHER).unwrap();
        fs::set_permissions(folder.site(), Permissions::from_mode(0o640)).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn site(&self) -> PathBuf {
        self.path("sites/acme.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.site()).unwrap()
    }

    /// Everything in the folder of sites, hidden files too.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("sites")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn n720d(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_n720d"));
        command.current_dir(self.0.path()).stdin(Stdio::null()).env_remove("STATE_DIRECTORY");
        let output = command.args(arguments).args(["--config", "n720d.toml"]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn import(&self, table: &[u8], more: &[&str]) -> Ran {
        fs::write(self.path("slots.csv"), table).unwrap();
        self.n720d(&[&["import", "acme", "slots.csv"], more].concat())
    }
}

#[test]
fn what_is_exported_and_imported_again_is_nothing_to_do() {
    let folder = Folder::new();
    let export = folder.n720d(&["export", "acme"]);
    assert_eq!(export.code, 0, "{export:?}");
    assert_eq!(
        export.out,
        "number,state,ipui,display_name,user,login,password,provider,account_name,mailbox\r\n\
         1,present,02 B6 EC 8A A5,Reception,1013,,***,,,\r\n2,present,02 9E 74 A5 99,,,,,,,\r\n"
    );
    assert!(export.err.contains("password of slot 1"), "{}", export.err);
    let import = folder.import(export.out.as_bytes(), &[]);
    assert_eq!(import.code, 0, "{import:?}");
    assert_eq!(import.out, "acme: nothing to do, the site file says all of it already\n");
    assert_eq!(import.err, "", "what is there already is no news");
    assert_eq!(folder.text(), SITE);
    let json: serde_json::Value =
        serde_json::from_str(&folder.n720d(&["export", "acme", "--json"]).out).unwrap();
    assert_eq!(json["slots"][1]["ipui"], "02 9E 74 A5 99");
    assert!(!json.to_string().contains("planted-secret"), "{json}");
}

#[test]
fn the_difference_is_shown_first_and_written_when_wanted() {
    let folder = Folder::new();
    let table = "\u{feff}Slot;Name;Nebenstelle\r\n1.0;Empfang;\r\n3;B\u{fc}ro;1015\r\n";
    let shown = folder.import(table.as_bytes(), &[]);
    assert_eq!(shown.code, 2, "{shown:?}");
    let expected = "@@ -16,9 +16,14 @@
 [[slot]]
 number       = 1
 ipui         = \"02 B6 EC 8A A5\"      # from its box
-display_name = \"Reception\"
+display_name = \"Empfang\"
 sip          = { user = \"1013\", password = \"***\" }
 
 [[slot]]
 number = 2
 ipui   = \"02 9E 74 A5 99\"
+
+[[slot]]
+number       = 3
+display_name = \"Büro\"
+sip          = { user = \"1015\" }
acme: 1 new slot, 1 changed slot
1 listed slot is not in the table and stays as it is
";
    assert!(shown.out.ends_with(expected), "{}", shown.out);
    assert!(!shown.out.contains('\u{1b}'), "no colours but on a terminal");
    assert!(shown.err.contains("--yes"), "{}", shown.err);
    assert_eq!(folder.text(), SITE);

    let written = folder.import(table.as_bytes(), &["--yes"]);
    assert_eq!(written.code, 0, "{written:?}");
    assert!(written.out.contains("n720d reload"), "{}", written.out);
    let after = SITE.replace("Reception", "Empfang")
        + "\n[[slot]]\nnumber       = 3\ndisplay_name = \"Büro\"\nsip          = { user = \"1015\" }\n";
    assert_eq!(folder.text(), after);
    assert_eq!(folder.n720d(&["check"]).code, 0);
    assert_eq!(folder.import(table.as_bytes(), &["--yes"]).code, 0);
    assert_eq!(folder.text(), after, "twice is once");
    assert_eq!(folder.names(), ["acme.toml", "bolt.toml"]);
    for ran in [shown, written] {
        assert!(!ran.out.contains("planted-secret") && !ran.err.contains("planted-secret"), "{ran:?}");
    }
}

#[test]
fn every_error_is_told_at_once_and_nothing_is_written() {
    let folder = Folder::new();
    let table = "number,ipui,display_name,extension\n1,2.9E+10,,\n2,02 00 00 00 07,,\n3,,a<b,1\n\n3,,,\n";
    let refused = folder.import(table.as_bytes(), &["--yes"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
    for says in [
        "slots.csv: row 2, column B (ipui): found \"2.9E+10\", expected an IPUI",
        "slots.csv: row 3, column B (ipui): found \"02 00 00 00 07\", which sites/bolt.toml:11 has too (slot[7].ipui)",
        "slots.csv: row 4, column C (display_name): found \"a<b\"",
        "slots.csv: row 6, column A (number): found slot 3, which row 4 is about too",
        "nothing was written",
    ] {
        assert!(refused.err.contains(says), "{says}: {}", refused.err);
    }
    assert_eq!(refused.err.lines().count(), 5, "{}", refused.err);
    let json = folder.import(table.as_bytes(), &["--yes", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, told["faults"].as_array().unwrap().len()), (1, 4));
    assert_eq!(told["faults"][0]["row"], 2);
    for table in ["name\nx\n", "number,nmae\n1,x\n", "", "PK\u{3}\u{4}"] {
        assert_eq!(folder.import(table.as_bytes(), &["--yes"]).code, 1, "{table:?}");
    }
    assert_eq!(folder.n720d(&["import", "acme", "missing.csv"]).code, 1);
    assert_eq!(folder.text(), SITE);
}

#[test]
fn handsets_that_may_be_deregistered_are_announced() {
    let folder = Folder::new();
    let ran = folder.import(b"number;state;ipui\n1;absent;\n2;;02 00 00 00 22\n", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["written"]), (2, &false.into()));
    assert_eq!((&json["absent"][0], &json["another_handset"][0]), (&1.into(), &2.into()));
    assert!(json["diff"].as_str().unwrap().contains("+state"), "{json}");
    let ran = folder.import(b"number;state;ipui\n1;absent;\n2;;02 00 00 00 22\n", &["--yes"]);
    assert!(ran.out.contains("become absent: slot 1") && ran.out.contains("n720d plan acme"), "{}", ran.out);
    assert!(folder.text().starts_with("# Karin's site: ask her first.\n"));
    assert!(!folder.text().contains("Reception"));
    assert_eq!(folder.n720d(&["check"]).code, 0);
}

#[test]
fn a_site_file_that_is_broken_or_missing_is_not_touched() {
    let folder = Folder::new();
    let broken = SITE.replace("number = 2", "number = 200");
    fs::write(folder.site(), &broken).unwrap();
    for arguments in [&["export", "acme"][..], &["import", "acme", "n720d.toml", "--yes"]] {
        let ran = folder.n720d(arguments);
        assert_eq!(ran.code, 78, "{ran:?}");
        assert!(ran.err.contains("acme.toml:23"), "{}", ran.err);
    }
    assert_eq!(folder.text(), broken);
    let unknown = folder.n720d(&["export", "nobody"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

#[test]
fn mode_owner_and_links_stay() {
    let folder = Folder::new();
    let target = folder.path("elsewhere.toml");
    fs::rename(folder.site(), &target).unwrap();
    symlink("../elsewhere.toml", folder.site()).unwrap();
    let before = fs::metadata(&target).unwrap();
    assert_eq!(folder.import(b"number,name\n2,Workshop\n", &["--yes"]).code, 0);
    assert_eq!(fs::read_link(folder.site()).unwrap(), Path::new("../elsewhere.toml"));
    let after = fs::metadata(&target).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert!(fs::read_to_string(&target).unwrap().contains("Workshop"));
}

#[test]
fn a_file_that_cannot_be_written_is_told_and_stays() {
    let folder = Folder::new();
    let read_only = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    read_only(&folder.site(), 0o440);
    // Whoever may do everything is not kept by a mode; an import then keeps it.
    let free = fs::OpenOptions::new().write(true).open(folder.site()).is_ok();
    let ran = folder.import(b"number,name\n2,Workshop\n", &["--yes"]);
    assert_eq!(ran.code, i32::from(!free), "{ran:?}");
    assert_eq!(fs::metadata(folder.site()).unwrap().mode() & 0o777, 0o440);
    assert_eq!(folder.text() == SITE, !free);
    assert_eq!(folder.names(), ["acme.toml", "bolt.toml"]);
}
