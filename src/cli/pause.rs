//! `n720d pause` and `resume`: has the daemon write nothing for a while, or write again. And how a pause is shown.

use std::path::Path;

use super::args::{PauseArgs, ResumeArgs};
use super::tell::client;
use super::{CliError, Exit, async_runtime, configuration, output, person};
use crate::api::{PauseAnswer, PauseRequest, ResumeAnswer, ResumeRequest, StillPaused};
use crate::domain::ids::SiteName;
use crate::domain::status::PauseStatus;
use crate::domain::wording::clock;

/// `n720d pause`: says until when, and when it will be alerted.
pub(super) fn pause(file: &Path, args: &PauseArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let request = PauseRequest {
        site: args.of.site.clone(),
        seconds: args.length.map(|length| length.as_secs()),
        by: person::person(args.by.as_deref()),
        reason: args.reason.clone(),
    };
    let daemon = client(&config.daemon.state_dir)?;
    let answer = async_runtime()?.block_on(daemon.pause(&request)).map_err(CliError::other)?;
    if args.json {
        output::json(&answer)?;
    } else {
        paused(args.of.site.as_ref(), &answer).iter().try_for_each(output::line)?;
    }
    Ok(Exit::Fine)
}

/// `n720d resume`: says what was ended, and what is still paused.
pub(super) fn resume(file: &Path, args: &ResumeArgs) -> Result<Exit, CliError> {
    let config = configuration(file)?;
    let request = ResumeRequest { site: args.of.site.clone(), by: person::person(args.by.as_deref()) };
    let daemon = client(&config.daemon.state_dir)?;
    let answer = async_runtime()?.block_on(daemon.resume(&request)).map_err(CliError::other)?;
    if args.json {
        output::json(&answer)?;
    } else {
        resumed(args.of.site.as_ref(), &answer).iter().try_for_each(output::line)?;
    }
    Ok(Exit::Fine)
}

/// A pause in a line: who, until when, why, since when.
pub(super) fn told(pause: &PauseStatus) -> String {
    format!("{}, since {}", told_without_start(pause), clock(pause.since))
}

fn told_without_start(pause: &PauseStatus) -> String {
    let whose = if pause.whole_fleet { " for all sites" } else { "" };
    let end = pause.until.map_or_else(|| "somebody resumes".to_owned(), clock);
    let why = if pause.reason.is_empty() { String::new() } else { format!(": {}", pause.reason) };
    format!("by {}{whose} until {end}{why}", pause.by)
}

fn paused(site: Option<&SiteName>, answer: &PauseAnswer) -> Vec<String> {
    let (whom, end_of) = match site {
        Some(site) => (site.to_string(), site.to_string()),
        None => (format!("all {} sites", answer.sites), "--all".to_owned()),
    };
    let until = match answer.pause.until {
        Some(until) => format!("until {}", clock(until)),
        None => format!("until 'n720d resume {end_of}'"),
    };
    let mut lines = vec![format!(
        "{whom}: paused {until}; everything is read and alerted as before, nothing is written to a DECT manager"
    )];
    if let Some(at) = answer.forgotten_at {
        lines.push(format!("an alert reminds of it from {}", clock(at)));
    }
    if let Some(longer) = &answer.longer {
        lines.push(format!("it is paused for longer: {}", told_without_start(longer)));
    }
    lines
}

fn resumed(site: Option<&SiteName>, answer: &ResumeAnswer) -> Vec<String> {
    let whom = site.map_or_else(|| "all sites".to_owned(), ToString::to_string);
    let mut lines = vec![match &answer.ended {
        Some(pause) => format!("{whom}: resumed; it was paused {}", told(pause)),
        None if site.is_some() => format!("{whom}: there was no pause of this site to end"),
        None => "there was no pause of all sites to end".to_owned(),
    }];
    lines.extend(answer.still.iter().map(still));
    lines
}

fn still(still: &StillPaused) -> String {
    let whose = if still.pause.whole_fleet { "--all" } else { still.site.as_str() };
    format!("{} is still paused {}; end that with 'n720d resume {whose}'", still.site, told(&still.pause))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset};

    use super::*;

    fn at(text: &str) -> DateTime<FixedOffset> {
        DateTime::parse_from_rfc3339(text).unwrap()
    }

    fn status(until: Option<&str>, whole_fleet: bool) -> PauseStatus {
        PauseStatus {
            since: at("2026-11-23T09:00:00+01:00"),
            until: until.map(at),
            by: "anna".into(),
            reason: "cable works".into(),
            whole_fleet,
        }
    }

    fn answer(until: Option<&str>, forgotten: Option<&str>) -> PauseAnswer {
        PauseAnswer { pause: status(until, false), forgotten_at: forgotten.map(at), longer: None, sites: 1 }
    }

    #[test]
    fn a_pause_is_answered_with_its_end_and_its_reminder() {
        let acme = "acme".parse().unwrap();
        let hour = answer(Some("2026-11-23T10:00:00+01:00"), None);
        assert_eq!(
            paused(Some(&acme), &hour),
            [
                "acme: paused until 2026-11-23 10:00 +01:00; everything is read and alerted as before, nothing is \
              written to a DECT manager"
            ]
        );
        let endless = answer(None, Some("2026-11-24T09:00:00+01:00"));
        let lines = paused(Some(&acme), &endless);
        assert!(lines[0].starts_with("acme: paused until 'n720d resume acme'; "), "{lines:?}");
        assert_eq!(lines[1], "an alert reminds of it from 2026-11-24 09:00 +01:00");
        let all = PauseAnswer { sites: 7, ..endless };
        assert!(paused(None, &all)[0].starts_with("all 7 sites: paused until 'n720d resume --all'; "));
        let longer = PauseAnswer { longer: Some(status(None, true)), ..hour };
        assert_eq!(
            paused(Some(&acme), &longer)[1],
            "it is paused for longer: by anna for all sites until somebody resumes: cable works"
        );
    }

    #[test]
    fn what_is_still_paused_after_a_resume_is_named_with_its_command() {
        let acme: SiteName = "acme".parse().unwrap();
        let none = ResumeAnswer { ended: None, still: Vec::new() };
        assert_eq!(resumed(Some(&acme), &none), ["acme: there was no pause of this site to end"]);
        assert_eq!(resumed(None, &none), ["there was no pause of all sites to end"]);
        let still = StillPaused { site: acme.clone(), pause: status(None, false) };
        let ended = ResumeAnswer {
            ended: Some(status(Some("2026-11-23T10:00:00+01:00"), true)),
            still: vec![still.clone()],
        };
        assert_eq!(
            resumed(None, &ended),
            [
                "all sites: resumed; it was paused by anna for all sites until 2026-11-23 10:00 +01:00: cable works, \
                 since 2026-11-23 09:00 +01:00",
                "acme is still paused by anna until somebody resumes: cable works, since 2026-11-23 09:00 +01:00; \
                 end that with 'n720d resume acme'"
            ]
        );
        let fleet = StillPaused { pause: status(None, true), ..still };
        let ended = ResumeAnswer { ended: Some(status(None, false)), still: vec![fleet] };
        assert!(resumed(Some(&acme), &ended)[1].ends_with("end that with 'n720d resume --all'"));
    }
}
