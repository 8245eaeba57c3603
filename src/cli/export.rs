//! `n720d export`: the slots of a site file as CSV, in the form that `n720d import` takes.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::args::ExportArgs;
use super::import::broken;
use super::{CliError, Exit, configuration, csv, output, site};
use crate::config::{self, Export, Field};

/// Runs the command.
pub(super) fn run(file: &Path, args: &ExportArgs) -> Result<Exit, CliError> {
    let configuration = configuration(file)?;
    site(&configuration, &args.site)?;
    let export = config::export(&configuration.daemon.sites_dir, &args.site).map_err(broken)?;
    if args.json {
        output::json(&json!({ "site": args.site, "slots": slots(&export) }))?;
    } else {
        output::bytes(csv::csv(&Field::ALL.map(Field::key), &export.rows()).as_bytes())?;
    }
    let masked: Vec<String> = export.masked().iter().map(ToString::to_string).collect();
    if !masked.is_empty() {
        output::complaint(format_args!(
            "n720d: the site file itself holds the password of slot {}; *** stands for it, and an import leaves it as it is",
            masked.join(", ")
        ));
    }
    Ok(Exit::Fine)
}

/// The slots as JSON: every key, `null` where the site file leaves it out.
fn slots(export: &Export) -> Vec<Map<String, Value>> {
    let slot = |values: &std::collections::BTreeMap<Field, String>| {
        Field::ALL
            .into_iter()
            .map(|field| (field.key().to_owned(), value(field, values.get(&field))))
            .collect()
    };
    export.slots.values().map(slot).collect()
}

fn value(field: Field, text: Option<&String>) -> Value {
    let number = text.filter(|_| field.is_number()).and_then(|text| text.parse::<u8>().ok());
    number.map_or_else(|| json!(text), |number| json!(number))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ids::SlotNumber;

    #[test]
    fn json_has_every_key_with_numbers_as_numbers() {
        let values =
            [(Field::Number, "7"), (Field::User, "007"), (Field::Provider, "1"), (Field::Mailbox, "")];
        let values: BTreeMap<_, _> = values.map(|(field, text)| (field, text.to_owned())).into();
        let export = Export { slots: BTreeMap::from([(SlotNumber::new(7).unwrap(), values)]) };
        assert_eq!(
            json!(slots(&export)),
            json!([{"number": 7, "state": null, "ipui": null, "display_name": null, "user": "007", "login": null,
                "password": null, "provider": 1, "account_name": null, "mailbox": ""}])
        );
    }
}
