//! `n720d handoff`: whom to call about a missing handset, and what to tell them; for a terminal, a spreadsheet or a
//! script. What is on the sheet is decided in `domain::handoff`.

use std::path::Path;

use chrono::{DateTime, FixedOffset};

use super::args::HandoffArgs;
use super::csv::csv;
use super::{CliError, Exit, async_runtime, configuration, known, output, site};
use crate::api::ControlClient;
use crate::config::Config;
use crate::daemon;
use crate::domain::alert::HandsetNote;
use crate::domain::handoff::{Sheet, handoff};
use crate::domain::memory::SiteMemory;
use crate::domain::status::{WindowState, WindowStatus};
use crate::domain::wording::{clock, spoken};

/// The columns of the CSV.
const COLUMNS: [&str; 11] = [
    "site",
    "slot",
    "user",
    "display_name",
    "ipui",
    "registration",
    "evidence",
    "evidence_at",
    "instruction",
    "pin",
    "until",
];

/// Runs the command.
pub(super) fn run(file: &Path, args: &HandoffArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let sheet = ask(&config, args)?;
    if args.json {
        output::json(&sheet)?;
    } else if args.csv {
        output::bytes(table(&sheet).as_bytes())?;
    } else {
        output::line(text(&sheet))?;
    }
    Ok(Exit::Fine)
}

fn ask(config: &Config, args: &HandoffArgs) -> Result<Sheet, CliError> {
    let state_dir = &config.daemon.state_dir;
    if let Some(daemon) = ControlClient::connect(state_dir).map_err(CliError::other)? {
        return async_runtime()?.block_on(daemon.handoff(&args.site)).map_err(CliError::other);
    }
    let desired = site(config, &args.site)?;
    output::complaint("no daemon is running; this is by what the last one stored");
    let memory = match known::store(state_dir)? {
        Some(store) => store.memory(&desired.name).map_err(CliError::other)?,
        None => SiteMemory::default(),
    };
    // Without a daemon nobody does what was last planned.
    Ok(handoff(desired, &memory, &[], daemon::now()))
}

fn table(sheet: &Sheet) -> String {
    let row = |handset: &HandsetNote| {
        let time = |at: Option<DateTime<FixedOffset>>| at.map(|at| at.to_rfc3339()).unwrap_or_default();
        vec![
            sheet.site.to_string(),
            handset.number.to_string(),
            handset.user.clone().unwrap_or_default(),
            handset.display_name.clone().unwrap_or_default(),
            handset.ipui.map(|ipui| ipui.to_string()).unwrap_or_default(),
            handset.registration.as_str().to_owned(),
            handset.evidence.clone(),
            time(handset.evidence_at),
            handset.instruction.clone(),
            handset.pin.clone().unwrap_or_default(),
            time(handset.until),
        ]
    };
    csv(&COLUMNS, &sheet.handsets.iter().map(row).collect::<Vec<_>>())
}

/// A head, then a block a handset, in the order in which one speaks of it on the phone.
fn text(sheet: &Sheet) -> String {
    let mut lines = vec![
        format!("site        {} {}", sheet.site, sheet.description).trim_end().to_owned(),
        format!("made        {}", clock(sheet.at)),
        format!(
            "read        {}",
            sheet.observed_at.map_or_else(|| "never".to_owned(), |at| dated(sheet, at))
        ),
        format!("window      {}", window(&sheet.window)),
        format!("missing     {}", missing(sheet)),
    ];
    lines.extend(sheet.notes.iter().map(|note| format!("note        {note}")));
    if !sheet.handsets.is_empty() {
        lines.push("IPUI        on the handset: menu, then *#06#, first line; or on its box".to_owned());
    }
    for handset in &sheet.handsets {
        lines.push(String::new());
        lines.extend(block(sheet, handset));
    }
    lines.join("\n")
}

fn block(sheet: &Sheet, handset: &HandsetNote) -> Vec<String> {
    let name = handset.display_name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let number = handset.user.as_deref().map(|user| format!(", number {user}")).unwrap_or_default();
    let ipui = handset.ipui.map(|ipui| format!(", IPUI {ipui}")).unwrap_or_default();
    let seen = handset.evidence_at.map(|at| format!(" (seen {})", dated(sheet, at))).unwrap_or_default();
    let mut lines = vec![
        format!("slot {}{name}{number}{ipui}", handset.number),
        format!("  state     {}: {}{seen}", handset.registration.as_str(), handset.evidence),
        format!("  do        {}", handset.instruction),
    ];
    lines.extend(handset.pin.as_deref().map(|pin| format!("  PIN       {pin}")));
    lines.extend(handset.until.map(|until| format!("  until     {}", clock(until))));
    lines
}

/// A time with its age when the sheet was made.
fn dated(sheet: &Sheet, at: DateTime<FixedOffset>) -> String {
    format!("{}, {} ago", clock(at), spoken(sheet.at - at))
}

fn missing(sheet: &Sheet) -> String {
    match (sheet.handsets.len(), sheet.listed) {
        (_, 0) => "nobody: the site file lists no handset".to_owned(),
        (0, 1) => "nobody: the only handset is registered".to_owned(),
        (0, listed) => format!("nobody: all {listed} handsets are registered"),
        (missing, listed) => format!("{missing} of {listed} handsets"),
    }
}

fn window(window: &WindowStatus) -> String {
    let at =
        |at: Option<DateTime<FixedOffset>>| at.map(clock).unwrap_or_else(|| "a time not known".to_owned());
    match window.state {
        WindowState::None => "none".to_owned(),
        WindowState::Scheduled => {
            format!("opens at {}, closes at {}", at(window.opens_at), at(window.closes_at))
        }
        WindowState::Open => format!("open until {}", at(window.closes_at)),
        WindowState::Closed => format!("closed since {}", at(window.closes_at)),
        WindowState::Always => "open without an end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::memory::Registration;

    fn at(text: &str) -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339(text).unwrap()
    }

    fn handset(number: u8, ipui: &str, user: &str, name: Option<&str>) -> HandsetNote {
        HandsetNote {
            number: number.try_into().unwrap(),
            ipui: Some(ipui.parse().unwrap()),
            user: Some(user.to_owned()),
            display_name: name.map(str::to_owned),
            registration: Registration::Pending,
            evidence: "listed as pending on the status page".to_owned(),
            evidence_at: Some(at("2026-11-23T09:58:30+01:00")),
            instruction: "start registration on the handset and type the PIN 1234; do so before 2026-11-24 04:00 +01:00"
                .to_owned(),
            pin: Some("1234".to_owned()),
            until: Some(at("2026-11-24T04:00:00+01:00")),
        }
    }

    fn sheet() -> Sheet {
        let unknown = HandsetNote {
            registration: Registration::Unknown,
            evidence: "not read yet".to_owned(),
            evidence_at: None,
            instruction: "wait".to_owned(),
            pin: None,
            until: None,
            ..handset(100, "02 00 11 22 33", "+49 30 1015", None)
        };
        Sheet {
            site: "acme-berlin".parse().unwrap(),
            description: "ACME GmbH, Berlin".to_owned(),
            at: at("2026-11-23T10:01:00+01:00"),
            observed_at: Some(at("2026-11-23T09:58:30+01:00")),
            window: WindowStatus {
                state: WindowState::Open,
                opens_at: Some(at("2026-11-23T08:00:00+01:00")),
                closes_at: Some(at("2026-11-24T04:00:00+01:00")),
                reopened: 0,
            },
            listed: 3,
            handsets: vec![handset(2, "02 9E 74 A5 99", "1014", Some("Workshop")), unknown],
            notes: Vec::new(),
        }
    }

    #[test]
    fn the_text_is_read_out_on_the_phone() {
        insta::assert_snapshot!(text(&sheet()), @r"
        site        acme-berlin ACME GmbH, Berlin
        made        2026-11-23 10:01 +01:00
        read        2026-11-23 09:58 +01:00, 2 min ago
        window      open until 2026-11-24 04:00 +01:00
        missing     2 of 3 handsets
        IPUI        on the handset: menu, then *#06#, first line; or on its box

        slot 2 Workshop, number 1014, IPUI 02 9E 74 A5 99
          state     pending: listed as pending on the status page (seen 2026-11-23 09:58 +01:00, 2 min ago)
          do        start registration on the handset and type the PIN 1234; do so before 2026-11-24 04:00 +01:00
          PIN       1234
          until     2026-11-24 04:00 +01:00

        slot 100, number +49 30 1015, IPUI 02 00 11 22 33
          state     unknown: not read yet
          do        wait
        ");
    }

    #[test]
    fn a_sheet_of_nobody_says_so() {
        let mut sheet = Sheet { handsets: Vec::new(), description: String::new(), ..sheet() };
        sheet.notes.push("the DECT manager could not be read since 2026-11-23 09:59 +01:00".to_owned());
        insta::assert_snapshot!(text(&sheet), @r"
        site        acme-berlin
        made        2026-11-23 10:01 +01:00
        read        2026-11-23 09:58 +01:00, 2 min ago
        window      open until 2026-11-24 04:00 +01:00
        missing     nobody: all 3 handsets are registered
        note        the DECT manager could not be read since 2026-11-23 09:59 +01:00
        ");
        for (listed, words) in [(0, "lists no handset"), (1, "the only handset is registered")] {
            sheet.listed = listed;
            assert!(missing(&sheet).contains(words), "{}", missing(&sheet));
        }
    }

    #[test]
    fn every_state_of_the_window_has_its_words() {
        let told = |state| window(&WindowStatus { state, ..sheet().window });
        assert_eq!(told(WindowState::None), "none");
        assert_eq!(
            told(WindowState::Scheduled),
            "opens at 2026-11-23 08:00 +01:00, closes at 2026-11-24 04:00 +01:00"
        );
        assert_eq!(told(WindowState::Open), "open until 2026-11-24 04:00 +01:00");
        assert_eq!(told(WindowState::Closed), "closed since 2026-11-24 04:00 +01:00");
        assert_eq!(told(WindowState::Always), "open without an end");
    }

    #[test]
    fn the_csv_has_a_row_per_handset_and_no_formula() {
        let csv = table(&sheet());
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "site,slot,user,display_name,ipui,registration,evidence,evidence_at,instruction,pin,until",
                "acme-berlin,2,1014,Workshop,02 9E 74 A5 99,pending,listed as pending on the status page,\
                 2026-11-23T09:58:30+01:00,start registration on the handset and type the PIN 1234; do so before \
                 2026-11-24 04:00 +01:00,1234,2026-11-24T04:00:00+01:00",
                "acme-berlin,100,'+49 30 1015,,02 00 11 22 33,unknown,not read yet,,wait,,",
                "",
            ]
        );
    }

    #[test]
    fn the_json_is_that_of_the_interface() {
        let json = serde_json::to_value(Sheet { notes: vec!["odd".into()], ..sheet() }).unwrap();
        assert_eq!(json["handsets"][0]["until"], "2026-11-24T04:00:00+01:00");
        assert_eq!(json["handsets"][1]["evidence_at"], serde_json::Value::Null);
        for key in ["site", "description", "at", "observed_at", "window", "listed", "handsets", "notes"] {
            assert!(json.get(key).is_some(), "{key}");
        }
    }
}
