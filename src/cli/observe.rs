//! `n720d observe`: logs in, reads, logs out; never writes to the device.

use std::path::Path;

use super::args::ObserveArgs;
use super::shape::ObservationShape;
use super::{CliError, Exit, async_runtime, configuration, logging, output, site};
use crate::daemon;
use crate::device::n720::RecordedPage;
use crate::domain::desired::DesiredSite;
use crate::domain::observed::{Observation, Reading};

/// Runs the command.
pub(super) fn run(file: &Path, args: &ObserveArgs) -> Result<Exit, CliError> {
    logging::start(logging::Level::Warn);
    let config = configuration(file)?;
    let desired = site(&config, &args.site)?;
    let reading = daemon::observe(&config.daemon, desired, args.record.is_some(), args.retry_login);
    let (seen, pages) = async_runtime()?.block_on(reading)?;
    if let Some(dir) = &args.record {
        keep(dir, &pages)?;
    }
    if args.json {
        output::json(&ObservationShape::new(desired, &seen))?;
    } else {
        print(desired, &seen)?;
    }
    Ok(Exit::Fine)
}

#[derive(Debug, thiserror::Error)]
#[error("cannot keep the page {}", path.display())]
struct NotKept {
    path: std::path::PathBuf,
    #[source]
    source: std::io::Error,
}

/// Keeps the pages, redacted, a file each, in the order in which they were read.
fn keep(dir: &Path, pages: &[RecordedPage]) -> Result<(), CliError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::other(NotKept { path, source })
    };
    std::fs::create_dir_all(dir).map_err(fail(dir))?;
    for (number, page) in (1..).zip(pages) {
        let name: String =
            page.path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let path = dir.join(format!("{number:02}{name}"));
        std::fs::write(&path, &page.text).map_err(fail(&path))?;
    }
    output::complaint(format_args!("{} pages kept in {}, redacted", pages.len(), dir.display()));
    Ok(())
}

fn print(desired: &DesiredSite, seen: &Observation) -> Result<(), CliError> {
    let or_why = |text: Result<String, &str>| text.unwrap_or_else(|why| format!("unreadable: {why}"));
    let text = |reading: Result<String, &str>| or_why(reading);
    output::line(format_args!("site        {}", desired.name))?;
    output::line(format_args!("MAC         {}", text(shown(&seen.mac))))?;
    output::line(format_args!("firmware    {}", text(shown(&seen.firmware))))?;
    output::line(format_args!("clock       {}", text(shown(&seen.device_clock))))?;
    output::line(format_args!("PIN         {}", text(shown(&seen.registration_pin))))?;
    let pending = match &seen.pending {
        Reading::Known(list) if list.is_empty() => "nobody".to_owned(),
        Reading::Known(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Reading::Unreadable(why) => format!("unreadable: {why}"),
    };
    output::line(format_args!("pending     {pending}"))?;
    match &seen.slots {
        Reading::Unreadable(why) => output::line(format_args!("slots       unreadable: {why}"))?,
        Reading::Known(slots) if slots.is_empty() => output::line("slots       no active account")?,
        Reading::Known(slots) => {
            let row = |(number, slot): (
                &crate::domain::ids::SlotNumber,
                &crate::domain::observed::ObservedSlot,
            )| {
                vec![
                    number.to_string(),
                    slot.user_id.clone().unwrap_or_default(),
                    slot.display_name.clone().unwrap_or_default(),
                    slot.sip.as_str().to_owned(),
                    slot.handset.as_str().to_owned(),
                    slot.model.clone().unwrap_or_default(),
                ]
            };
            output::table(
                &["SLOT", "USER", "NAME", "SIP", "HANDSET", "MODEL"],
                slots.iter().map(row).collect(),
            )?;
        }
    }
    seen.notes.iter().try_for_each(|note| output::line(format_args!("note        {note}")))
}

fn shown<T: std::fmt::Display>(reading: &Reading<T>) -> Result<String, &str> {
    match reading {
        Reading::Known(value) => Ok(value.to_string()),
        Reading::Unreadable(why) => Err(why),
    }
}
