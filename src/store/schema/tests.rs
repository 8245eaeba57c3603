//! Fresh and earlier databases, and those that are not ours.

use super::*;

fn path() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n720d.db");
    (dir, path)
}

fn version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_empty_file_gets_every_migration_and_the_next_open_none() {
    let (_dir, path) = path();
    let (connection, found) = open(&path).unwrap();
    assert_eq!((found, version(&connection)), (Found::Fresh, VERSION));
    drop(connection);
    let (connection, found) = open(&path).unwrap();
    assert_eq!((found, version(&connection)), (Found::Ours, VERSION));
}

/// Makes a database of an earlier schema with three sites and these rows.
fn make(path: &Path, schema: u8, rows: &str) {
    let earlier = Connection::open(path).unwrap();
    for migration in &MIGRATIONS[..usize::from(schema)] {
        earlier.execute_batch(migration).unwrap();
    }
    earlier
        .execute_batch(
            "INSERT INTO site (id, name, token, key) VALUES (1, 'acme', 'a', zeroblob(32)),
                 (2, 'st-johns', 'b', zeroblob(32)), (3, 'never-read', 'c', zeroblob(32));",
        )
        .unwrap();
    earlier.execute_batch(rows).unwrap();
    earlier.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    earlier.pragma_update(None, "user_version", schema).unwrap();
}

/// The times of all windows after the migration of a database of the first schema with these rows.
fn migrated_windows(rows: &str) -> Vec<(String, Option<String>)> {
    let (_dir, path) = path();
    make(&path, 1, rows);
    let (connection, _) = open(&path).unwrap();
    let mut query = connection
        .prepare("SELECT entry ->> '$.opens_at', entry ->> '$.closes_at' FROM window ORDER BY site, number")
        .unwrap();
    let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn window(opens: &str, closes: Option<&str>) -> (String, Option<String>) {
    (opens.to_owned(), closes.map(str::to_owned))
}

#[test]
fn a_window_of_the_first_schema_gets_the_offset_of_its_site() {
    let windows = migrated_windows(
        r#"INSERT INTO status (site, status, observed_offset) VALUES (1, '{}', 3600), (2, '{}', -12600);
           INSERT INTO window (site, number, entry) VALUES
               (1, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":"2026-11-24T04:00:00","policy":"2026-11-23T08:00 for 72000 s"}'),
               (1, 2, '{"opens_at":"2026-11-24T08:00:00","closes_at":null,"policy":"when released for ever"}'),
               (1, 3, '{"opens_at":"2026-11-24T09:00:00","closes_at":"2026-11-24T09:10:41","policy":"when released for 600 s"}'),
               (1, 4, '{"opens_at":"2026-11-25T08:00:00","closes_at":"2026-11-25T09:00:00"}'),
               (2, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":null}'),
               (3, 1, '{"opens_at":"2026-11-23T08:00:00","closes_at":null}');"#,
    );
    assert_eq!(
        windows,
        [
            window("2026-11-23T08:00:00+01:00", Some("2026-11-24T04:00:00+01:00")),
            window("2026-11-24T08:00:00+01:00", None),
            window("2026-11-24T09:00:00+01:00", Some("2026-11-24T09:10:41+01:00")),
            window("2026-11-25T08:00:00+01:00", Some("2026-11-25T09:00:00+01:00")),
            window("2026-11-23T08:00:00-03:30", None),
            window("2026-11-23T08:00:00+00:00", None),
        ]
    );
}

#[test]
fn a_window_of_the_first_schema_over_a_clock_change_ends_when_it_was_meant_to() {
    // Twenty hours over the end of summer time, and over its beginning; last looked at before the change.
    let entries = r#"INSERT INTO window (site, number, entry) VALUES
        (1, 1, '{"opens_at":"2026-03-28T20:00:00","closes_at":"2026-03-29T17:00:00","policy":"when released for 72000 s"}'),
        (1, 2, '{"opens_at":"2026-10-24T20:00:00","closes_at":"2026-10-25T15:00:00","policy":"2026-10-24T20:00 for 72000 s"}');"#;
    let before = "INSERT INTO status (site, status, observed_offset) VALUES (1, '{}', 7200);";
    assert_eq!(
        migrated_windows(&format!("{before}{entries}")),
        [
            // What is long over may be an hour off as a whole, its length is right.
            window("2026-03-28T20:00:00+02:00", Some("2026-03-29T16:00:00+02:00")),
            window("2026-10-24T20:00:00+02:00", Some("2026-10-25T16:00:00+02:00")),
        ]
    );
    // Last looked at after it: what the status tells of the window is better than the offset of that look.
    let after = r#"INSERT INTO status (site, status, observed_offset) VALUES
        (1, '{"window":{"opens_at":"2026-10-24T20:00:00+02:00"}}', 3600);"#;
    let windows = migrated_windows(&format!("{after}{entries}"));
    assert_eq!(windows[1], window("2026-10-24T20:00:00+02:00", Some("2026-10-25T16:00:00+02:00")));
}

#[test]
fn a_window_of_the_first_schema_that_opens_after_a_clock_change_opens_when_it_was_meant_to() {
    let windows = migrated_windows(
        r#"INSERT INTO status (site, status, observed_offset) VALUES
               (1, '{"window":{"opens_at":"2026-10-26T08:00:00+01:00"}}', 7200),
               (2, '{"window":{"opens_at":"2026-10-26T08:00:00Z"}}', 3600);
           INSERT INTO window (site, number, entry) VALUES
               (1, 1, '{"opens_at":"2026-10-26T08:00:00","closes_at":"2026-10-26T09:00:00","policy":"2026-10-26T08:00 for 3600 s"}'),
               (2, 1, '{"opens_at":"2026-10-26T08:00:00","closes_at":null,"policy":"2026-10-26T08:00 for ever"}');"#,
    );
    assert_eq!(
        windows,
        [
            window("2026-10-26T08:00:00+01:00", Some("2026-10-26T09:00:00+01:00")),
            window("2026-10-26T08:00:00Z", None),
        ]
    );
}

/// An alert of site 1 in the table, as JSON.
fn alert(kind: &str, state: &str) -> String {
    format!(
        r#"{{"handsets":[],"id":"acme/{kind}","kind":"{kind}","severity":"warning","since":"2026-11-23T01:00:00Z","state":"{state}","summary":"x"}}"#
    )
}

fn alert_row(position: i64, kind: &str, state: &str) -> String {
    format!("INSERT INTO alert VALUES (1, 'acme/{kind}', {position}, '{}');", alert(kind, state))
}

fn ledger_row(sink: &str, firing: &[&str]) -> String {
    let firing: Vec<String> = firing.iter().map(|kind| format!("\"acme/{kind}\"")).collect();
    format!(
        r#"INSERT INTO ledger VALUES (1, '{sink}', '{{"digest":"d","firing":[{}],"at":"2026-11-23T02:00:00.000000001Z"}}');"#,
        firing.join(",")
    )
}

fn outbox_row(sink: &str, reason: &str, alerts: &[String]) -> String {
    format!(
        r#"INSERT INTO outbox (id, site, sink, reason, body, created_at, next_attempt) VALUES
           ('m-{sink}', 1, '{sink}', '"{reason}"', '{{"version":1,"reason":"{reason}","site":"acme","labels":{{}},"alerts":[{}]}}',
            '2026-11-23T02:00:00.000000001Z', '2026-11-23T02:00:00.000000001Z');"#,
        alerts.join(",")
    )
}

/// What sinks know after the migration of a database of schema 4 with these rows, each as `sink alert content`, and what they
/// may know; and the alerts.
fn migrated_ledger(rows: &[String]) -> (Vec<String>, Vec<String>) {
    let (dir, path) = path();
    make(&path, 4, &rows.concat());
    let (store, _) = super::super::Store::open(dir.path(), chrono::DateTime::UNIX_EPOCH).unwrap();
    let mut known = Vec::new();
    for (sink, alerts) in store.notification_ledger().unwrap() {
        for (alert, told) in alerts {
            assert_eq!(told.since.to_rfc3339(), "2026-11-23T01:00:00+00:00");
            assert_eq!(told.at.to_rfc3339(), "2026-11-23T02:00:00.000000001+00:00");
            assert_eq!((told.first_at, told.merged, told.site.as_str()), (told.at, false, "acme"));
            known.push(format!("{sink} {alert} {}", told.content.as_deref().unwrap_or("as it is")));
        }
    }
    for (sink, alerts) in store.offers().unwrap() {
        known.extend(alerts.keys().map(|alert| format!("{sink} {alert} perhaps")));
    }
    let alerts = store.all_alerts().unwrap().into_values().flatten();
    (known, alerts.map(|alert| format!("{} {:?}", alert.id, alert.state)).collect())
}

#[test]
fn what_sinks_were_told_by_schema_4_is_not_told_again() {
    let (known, alerts) = migrated_ledger(&[
        alert_row(0, "drift", "firing"),
        alert_row(1, "unreachable", "resolved"),
        alert_row(2, "clock-skew", "firing"),
        ledger_row("hook", &["drift", "unreachable", "handset-lost"]),
        ledger_row("mail", &[]),
    ]);
    assert_eq!(
        known,
        ["hook acme/drift as it is", "hook acme/unreachable as it is"],
        "and what is nowhere is nothing"
    );
    assert_eq!(alerts, ["acme/drift Firing", "acme/unreachable Resolved", "acme/clock-skew Firing"]);
}

#[test]
fn what_schema_4_had_not_delivered_is_told_as_it_stands_after_the_upgrade() {
    let (known, alerts) = migrated_ledger(&[
        alert_row(0, "drift", "firing"),
        alert_row(1, "clock-skew", "firing"),
        ledger_row("hook", &["drift", "clock-skew"]),
        outbox_row("hook", "changed", &[alert("drift", "firing"), alert("clock-skew", "firing")]),
        ledger_row("mail", &["drift", "clock-skew"]),
        ledger_row("pager", &["drift", "clock-skew"]),
        outbox_row("pager", "first", &[alert("drift", "firing"), alert("clock-skew", "firing")]),
    ]);
    let of = |sink: &str, content: &str| {
        ["clock-skew", "drift"].map(|kind| format!("{sink} acme/{kind} {content}"))
    };
    let expected = [of("hook", ""), of("mail", "as it is"), of("pager", "perhaps")].concat();
    assert_eq!(known, expected, "the hook hears of a change, the pager for the first time, the mail nothing");
    assert_eq!(alerts.len(), 2);
}

#[test]
fn an_end_that_schema_4_had_not_delivered_is_still_to_be_told_to_those_who_wait_for_it() {
    let ended = || alert("handset-lost", "resolved");
    let (known, alerts) = migrated_ledger(&[
        alert_row(0, "drift", "firing"),
        ledger_row("hook", &["drift"]),
        outbox_row("hook", "changed", &[alert("drift", "firing"), ended(), alert("unreachable", "resolved")]),
        ledger_row("mail", &[]),
        outbox_row("mail", "resolved", &[ended()]),
        ledger_row("pager", &["drift"]),
        outbox_row("pager", "first", &[alert("drift", "firing"), ended()]),
        ledger_row("log", &["drift"]),
    ]);
    assert_eq!(
        known,
        [
            "hook acme/drift ",
            "hook acme/handset-lost ",
            "hook acme/unreachable ",
            "log acme/drift as it is",
            "mail acme/handset-lost ",
            "pager acme/handset-lost ",
            "pager acme/drift perhaps",
        ]
    );
    assert_eq!(alerts, ["acme/drift Firing", "acme/handset-lost Resolved", "acme/unreachable Resolved"]);
}

#[test]
fn an_end_that_waits_while_the_alert_has_come_back_does_not_end_it() {
    let (known, alerts) = migrated_ledger(&[
        alert_row(0, "drift", "firing"),
        ledger_row("hook", &["drift"]),
        outbox_row("hook", "changed", &[alert("drift", "resolved")]),
    ]);
    assert_eq!((known, alerts), (vec!["hook acme/drift ".to_owned()], vec!["acme/drift Firing".to_owned()]));
}

#[test]
fn what_schema_4_kept_and_cannot_be_read_does_not_keep_the_daemon_from_starting() {
    let (known, _) = migrated_ledger(&[
        alert_row(0, "drift", "firing"),
        "INSERT INTO alert VALUES (1, 'acme/unreachable', 1, '{');".to_owned(),
        "INSERT INTO ledger VALUES (1, 'mail', '{');".to_owned(),
        ledger_row("hook", &["drift", "unreachable"]),
        outbox_row("pager", "first", &["{".to_owned()]),
    ]);
    assert_eq!(known, ["hook acme/drift as it is"]);
}

#[test]
fn every_table_is_strict_and_the_connection_is_set_for_durability() {
    let (_dir, path) = path();
    let (connection, _) = open(&path).unwrap();
    let lax: i64 = connection
        .query_row(
            "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND NOT strict",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(lax, 0);
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let number = |name| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(
        (journal.as_str(), number("synchronous"), number("foreign_keys"), number("secure_delete")),
        ("wal", 2, 1, 1)
    );
}

#[test]
fn a_database_of_the_first_release_is_brought_up_to_date_and_loses_nothing() {
    let (_dir, path) = path();
    make(&path, 1, "");
    let (connection, found) = open(&path).unwrap();
    assert_eq!((found, version(&connection)), (Found::Ours, VERSION));
    let row = "SELECT token, shown, gaps FROM site WHERE name = 'acme'";
    let kept: (String, String, Option<String>) =
        connection.query_row(row, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(kept, ("a".to_owned(), "{}".to_owned(), None));
}

#[test]
fn a_reader_leaves_an_earlier_schema_to_the_daemon() {
    let (_dir, path) = path();
    make(&path, 4, "");
    assert!(matches!(open_read_only(&path).unwrap_err(), Fault::OlderSchema(4)));
    drop(open(&path).unwrap());
    assert!(open_read_only(&path).unwrap().is_some());
}

#[test]
fn a_later_schema_is_refused_and_left_alone() {
    let (_dir, path) = path();
    let (connection, _) = open(&path).unwrap();
    connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(connection);
    let fault = open(&path).unwrap_err();
    assert!(matches!(fault, Fault::NewerSchema(found) if found == VERSION + 1), "{fault:?}");
    assert!(open_read_only(&path).is_err());
    let raw = Connection::open(&path).unwrap();
    assert_eq!(version(&raw), VERSION + 1);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let (_dir, path) = path();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    assert!(matches!(open(&path).unwrap_err(), Fault::NotOurs));
}

#[test]
fn file_names_mean_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("100% #1?mode=rw ä.db");
    drop(open(&path).unwrap());
    assert!(open_read_only(&path).unwrap().is_some());
}
