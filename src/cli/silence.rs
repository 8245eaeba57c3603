//! `n720d silence`: nobody is told of some alerts for a while; which silences hold, and how one ends before its time.

use std::path::Path;

use super::alerts::{ids, noted};
use super::args::SilenceArgs;
use super::tell::client;
use super::{CliError, Exit, async_runtime, configuration, known, output, person};
use crate::api::{ControlClient, EndSilenceRequest, SilenceAnswer, SilenceLine, SilenceList, SilenceRequest};
use crate::config::Config;
use crate::daemon;
use crate::domain::attention::Matcher;
use crate::domain::wording::clock;

/// Of the alerts that a silence is over, so many are named.
const NAMED: usize = 20;

/// Runs the command.
pub(super) fn run(file: &Path, args: &SilenceArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    if args.list {
        return list(&config, args.json);
    }
    let by = person::person(args.by.as_deref());
    let daemon = client(&config.daemon.state_dir)?;
    let runtime = async_runtime()?;
    if let Some(number) = args.end {
        let request = EndSilenceRequest { number, by };
        let ended = runtime.block_on(daemon.end_silence(&request)).map_err(CliError::other)?;
        return said(args.json, &ended, || vec![over(&ended)]);
    }
    let answer = runtime.block_on(daemon.silence(&request(args, by))).map_err(CliError::other)?;
    said(args.json, &answer, || begun(&answer))
}

fn request(args: &SilenceArgs, by: String) -> SilenceRequest {
    SilenceRequest {
        of: Matcher {
            sites: args.sites.iter().cloned().collect(),
            labels: args.labels.iter().cloned().collect(),
            kinds: args.kinds.iter().copied().collect(),
            severity: None,
        },
        everything: args.all,
        seconds: args.length.map_or(0, |length| length.as_secs()),
        by,
        reason: args.reason.clone().unwrap_or_default(),
    }
}

fn said(
    json: bool,
    answer: &impl serde::Serialize,
    lines: impl FnOnce() -> Vec<String>,
) -> Result<Exit, CliError> {
    if json {
        output::json(answer)?;
    } else {
        lines().iter().try_for_each(output::line)?;
    }
    Ok(Exit::Fine)
}

fn list(config: &Config, json: bool) -> Result<Exit, CliError> {
    let state_dir = &config.daemon.state_dir;
    let list = match ControlClient::connect(state_dir).map_err(CliError::other)? {
        Some(client) => async_runtime()?.block_on(client.silences()).map_err(CliError::other)?,
        None => match known::left_behind(state_dir)? {
            Some(store) => {
                daemon::silences_left_behind(&store, config, daemon::now()).map_err(CliError::other)?
            }
            None => SilenceList::default(),
        },
    };
    if json {
        output::json(&list)?;
        return Ok(Exit::Fine);
    }
    if list.silences.is_empty() {
        output::line("no silence holds")?;
        return Ok(Exit::Fine);
    }
    output::table(&["NUMBER", "OVER", "UNTIL", "BY", "WHY"], list.silences.iter().map(row).collect())?;
    output::line("\nend one: n720d silence --end NUMBER")?;
    Ok(Exit::Fine)
}

fn row(silence: &SilenceLine) -> Vec<String> {
    vec![
        silence.number.to_string(),
        over_what(silence),
        clock(silence.until),
        silence.by.clone(),
        silence.reason.clone(),
    ]
}

fn begun(answer: &SilenceAnswer) -> Vec<String> {
    let SilenceAnswer { silence, sites, covers } = answer;
    let (number, until) = (silence.number, clock(silence.until));
    let mut lines = vec![format!(
        "silence {number}: nobody is told of {} until {until}{}",
        over_what(silence),
        noted(&silence.reason)
    )];
    let of_fleet = silence.sites.iter().any(|site| site.is_of_fleet());
    if *sites == 0 && !of_fleet {
        lines.push(
            "no site is meant by it: see 'n720d status --json' for the labels that there are".to_owned(),
        );
    }
    match covers.len() {
        0 => lines.push("it is over no alert at this moment".to_owned()),
        1 => lines.push("at this moment it is over 1 alert:".to_owned()),
        many => lines.push(format!("at this moment it is over {many} alerts:")),
    }
    lines.extend(ids(covers).take(NAMED));
    if covers.len() > NAMED {
        lines.push(format!("  and {} more: see 'n720d alerts'", covers.len() - NAMED));
    }
    lines.push("whoever was told of one before is told when it ends".to_owned());
    lines.push(format!("end it with 'n720d silence --end {number}'"));
    lines
}

fn over(ended: &SilenceLine) -> String {
    format!(
        "silence {} is over: it was of {}, by {} until {}{}; what still holds is told",
        ended.number,
        over_what(ended),
        ended.by,
        clock(ended.until),
        noted(&ended.reason)
    )
}

/// Which alerts, in words: `drift or handset-lost at acme or beta`.
fn over_what(silence: &SilenceLine) -> String {
    let either = |words: Vec<String>| words.join(" or ");
    let mut words = match silence.kinds.len() {
        0 => "every alert".to_owned(),
        _ => either(silence.kinds.iter().map(ToString::to_string).collect()),
    };
    if let Some(least) = silence.severity {
        words = format!("{words} of at least {least}");
    }
    if !silence.sites.is_empty() {
        words = format!("{words} at {}", either(silence.sites.iter().map(ToString::to_string).collect()));
    }
    if !silence.labels.is_empty() {
        let labels: Vec<String> =
            silence.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        words = format!("{words} at sites with {}", labels.join(" and "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::alerts::testing::{at, lost};
    use super::*;
    use crate::domain::alert::{AlertKind, Severity};

    fn silence() -> SilenceLine {
        SilenceLine {
            number: 7,
            sites: ["acme".parse().unwrap()].into(),
            labels: [].into(),
            kinds: [AlertKind::Drift].into(),
            severity: None,
            by: "anna".into(),
            reason: "cable works".into(),
            from: at("2026-11-23T03:20:00+01:00"),
            until: at("2026-11-23T05:20:00+01:00"),
        }
    }

    #[test]
    fn what_a_silence_is_over_is_said_in_words() {
        let of_all = SilenceLine { sites: [].into(), kinds: [].into(), ..silence() };
        assert_eq!(over_what(&of_all), "every alert");
        assert_eq!(over_what(&silence()), "drift at acme");
        let much = SilenceLine {
            sites: ["acme".parse().unwrap(), "beta".parse().unwrap()].into(),
            kinds: [AlertKind::Drift, AlertKind::HandsetLost].into(),
            labels: [("customer".into(), "acme".into()), ("region".into(), "north".into())].into(),
            severity: Some(Severity::Warning),
            ..silence()
        };
        assert_eq!(
            over_what(&much),
            "handset-lost or drift of at least warning at acme or beta at sites with customer=acme and region=north"
        );
    }

    #[test]
    fn a_silence_is_answered_with_its_number_its_alerts_its_end_and_how_to_end_it() {
        let answer = SilenceAnswer { silence: silence(), sites: 1, covers: vec![lost()] };
        assert_eq!(
            begun(&answer),
            [
                "silence 7: nobody is told of drift at acme until 2026-11-23 05:20 +01:00: cable works",
                "at this moment it is over 1 alert:",
                "  acme-berlin/handset-lost",
                "whoever was told of one before is told when it ends",
                "end it with 'n720d silence --end 7'",
            ]
        );
        let none = SilenceAnswer { sites: 0, covers: Vec::new(), ..answer.clone() };
        assert_eq!(begun(&none)[2], "it is over no alert at this moment");
        assert!(begun(&none)[1].starts_with("no site is meant by it"), "a label with a typing error");
        let of_fleet = SilenceAnswer {
            silence: SilenceLine { sites: ["fleet".parse().unwrap()].into(), ..silence() },
            ..none
        };
        assert_eq!(begun(&of_fleet)[1], "it is over no alert at this moment");
        let many = SilenceAnswer { covers: vec![lost(); NAMED + 3], ..answer };
        assert_eq!(begun(&many)[1], "at this moment it is over 23 alerts:");
        assert_eq!(begun(&many)[2 + NAMED], "  and 3 more: see 'n720d alerts'");
    }

    #[test]
    fn an_end_tells_what_it_was() {
        assert_eq!(
            over(&silence()),
            "silence 7 is over: it was of drift at acme, by anna until 2026-11-23 05:20 +01:00: cable works; what still \
             holds is told"
        );
    }
}
