//! `n720d ack`: somebody takes an alert, or gives it back, and is told what that means.

use std::path::Path;

use super::alerts::{noted, until};
use super::args::AckArgs;
use super::tell::client;
use super::{CliError, Exit, async_runtime, configuration, output, person};
use crate::api::{AcknowledgeAnswer, AcknowledgeRequest, AlertLine, Taken, WithdrawRequest};
use crate::domain::wording::clock;

/// Runs the command.
pub(super) fn run(file: &Path, args: &AckArgs) -> Result<Exit, CliError> {
    let alert = args.alert().map_err(CliError::other)?;
    let config = configuration(file)?;
    let by = person::person(args.by.as_deref());
    let daemon = client(&config.daemon.state_dir)?;
    let runtime = async_runtime()?;
    let (answer, told): (_, fn(&AcknowledgeAnswer) -> Vec<String>) = if args.withdraw {
        let request = WithdrawRequest { alert, by };
        (runtime.block_on(daemon.withdraw(&request)).map_err(CliError::other)?, given_back)
    } else {
        let seconds = args.length.map(|length| length.as_secs());
        let request = AcknowledgeRequest { alert, by, note: args.note.clone(), seconds };
        (runtime.block_on(daemon.acknowledge(&request)).map_err(CliError::other)?, taken)
    };
    if args.json {
        output::json(&answer)?;
    } else {
        told(&answer).iter().try_for_each(output::line)?;
    }
    Ok(Exit::Fine)
}

fn taken(answer: &AcknowledgeAnswer) -> Vec<String> {
    let id = &answer.alert.alert.id;
    let Some(taken) = &answer.alert.acknowledged else {
        return vec![format!("{id}: it has ended, or came back as a new one: see 'n720d alerts'")];
    };
    let mut lines = vec![
        format!("{id}: {} has it {}{}", taken.by, until(taken.until), noted(&taken.note)),
        "it is not repeated, and passed on to nobody else; that it gets worse, and that it ends, is told"
            .to_owned(),
    ];
    if let Some(before) = &answer.before {
        lines.push(format!("until now {}", had(before)));
    }
    lines.extend(anyway(&answer.alert));
    lines
}

fn given_back(answer: &AcknowledgeAnswer) -> Vec<String> {
    let id = &answer.alert.alert.id;
    let Some(before) = &answer.before else { return vec![format!("{id}: nobody has it")] };
    let mut lines = vec![
        format!("{id}: nobody has it any more; until now {}", had(before)),
        "it is repeated and passed on as before".to_owned(),
    ];
    lines.extend(anyway(&answer.alert));
    lines
}

fn had(before: &Taken) -> String {
    format!("{} had it, since {}{}", before.by, clock(before.at), noted(&before.note))
}

/// What keeps it from being told, whoever has it.
fn anyway(line: &AlertLine) -> Vec<String> {
    let silenced = line.silenced.as_ref().map(|hushed| {
        let until = clock(hushed.until);
        format!("nobody is told of it until {until} anyway: silence {} by {}", hushed.number, hushed.by)
    });
    let follows = line.inhibited_by.as_ref();
    let follows = follows.map(|source| format!("it follows from {source}, which is told in its place"));
    silenced.into_iter().chain(follows).collect()
}

#[cfg(test)]
mod tests {
    use super::super::alerts::testing;
    use super::*;

    fn answer(alert: AlertLine, before: Option<&str>) -> AcknowledgeAnswer {
        let before = before.map(|by| Taken {
            by: by.into(),
            note: "looking".into(),
            at: testing::at("2026-11-23T03:15:00+01:00"),
            until: None,
        });
        AcknowledgeAnswer { alert, before }
    }

    #[test]
    fn who_takes_an_alert_is_told_for_how_long_and_what_that_means() {
        assert_eq!(
            taken(&answer(testing::taken("on my way", None), None)),
            [
                "acme-berlin/handset-lost: anna has it until it ends: on my way",
                "it is not repeated, and passed on to nobody else; that it gets worse, and that it ends, is told",
            ]
        );
        let lines = taken(&answer(testing::taken("", Some("2026-11-23T05:20:00+01:00")), Some("ben")));
        assert_eq!(lines[0], "acme-berlin/handset-lost: anna has it until 2026-11-23 05:20 +01:00");
        assert_eq!(lines[2], "until now ben had it, since 2026-11-23 03:15 +01:00: looking");
    }

    #[test]
    fn whoever_takes_what_nobody_is_told_of_is_told_so() {
        let line = AlertLine { silenced: Some(testing::hushed()), ..testing::taken("", None) };
        let line = AlertLine { inhibited_by: Some("acme-berlin/unreachable".into()), ..line };
        assert_eq!(
            taken(&answer(line, None))[2..],
            [
                "nobody is told of it until 2026-11-23 06:00 +01:00 anyway: silence 7 by ben",
                "it follows from acme-berlin/unreachable, which is told in its place",
            ]
        );
        let ended = taken(&answer(testing::lost(), None));
        assert!(ended.len() == 1 && ended[0].contains("it has ended"), "{ended:?}");
    }

    #[test]
    fn what_is_given_back_is_repeated_again() {
        assert_eq!(
            given_back(&answer(testing::lost(), Some("ben"))),
            [
                "acme-berlin/handset-lost: nobody has it any more; until now ben had it, since 2026-11-23 03:15 +01:00: \
                 looking",
                "it is repeated and passed on as before",
            ]
        );
        assert_eq!(given_back(&answer(testing::lost(), None)), ["acme-berlin/handset-lost: nobody has it"]);
    }
}
