//! Notations of single values: durations, shares, addresses, URLs, times. Text in, value or expectation out;
//! knows neither files nor keys.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime};
use chrono_tz::Tz;
use ipnet::IpNet;

use super::tree::closest;
use crate::domain::schedule::{Schedule, ScheduleError};

/// The longest host name or address that the device keeps, in bytes.
pub(super) const LONGEST_HOST: usize = 74;

/// Longer than anything that is meant, and short enough to be added to every time there is.
const LONGEST_DURATION: u64 = 366 * 86_400;
/// What is said of a longer one.
pub(super) const TOO_LONG: &str = "at most 366d";

const DURATION: &str = "a duration, like 90s, 5m, 1h30m or 2d";

/// A duration of at most a year: whole numbers with `d`, `h`, `m`, `s`, from large to small, each once.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            // `split_once` may look past another unit: then `number` is no number and the text is refused.
            let number = digits(number).ok_or(DURATION)?;
            let part = number.checked_mul(length).ok_or(TOO_LONG)?;
            seconds = seconds.checked_add(part).ok_or(TOO_LONG)?;
            rest = after;
        }
    }
    if !rest.is_empty() || text.is_empty() {
        Err(DURATION.to_owned())
    } else if seconds > LONGEST_DURATION {
        Err(TOO_LONG.to_owned())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

/// A duration of at least a second.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|length| {
        if length.is_zero() { Err("a duration of at least 1s".to_owned()) } else { Ok(length) }
    })
}

/// A share like `10%`, as a fraction, from 0 to a half.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(digits).filter(|percent| *percent <= 50);
    percent
        .and_then(|percent| u32::try_from(percent).ok())
        .map(|percent| f64::from(percent) / 100.0)
        .ok_or_else(|| "a share from 0% to 50%, like 10%".to_owned())
}

fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// A host name or an address, as the device keeps it in provider fields.
pub(super) fn host(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || !text.chars().all(legal) || text.starts_with(['.', '-']) {
        Err("a host name or an IPv4 address".to_owned())
    } else if text.len() > LONGEST_HOST {
        Err(format!("at most {LONGEST_HOST} bytes, the device's limit"))
    } else {
        Ok(text.to_owned())
    }
}

/// The web interface of a DECT manager: `http://host[:port]`, as host and port.
pub(super) fn manager_url(text: &str) -> Result<(String, u16), String> {
    const SHAPE: &str = "http://host or http://host:port, without a path";
    if text.starts_with("https://") {
        return Err(format!("{SHAPE}; the N720 speaks TLS 1.1 at most, which is refused today"));
    }
    let authority = text.strip_prefix("http://").ok_or(SHAPE)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, port_number(port).ok_or(SHAPE)?),
        None => (authority, 80),
    };
    host(name).map(|name| (name.to_ascii_lowercase(), port)).map_err(|_| SHAPE.to_owned())
}

fn port_number(text: &str) -> Option<u16> {
    digits(text).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

/// The URL that managers reach the provisioning server under, without a slash at the end.
///
/// The device keeps 255 bytes of its configuration file URL; the token and file name behind this part need some.
pub(super) fn public_url(text: &str) -> Result<String, String> {
    const LONGEST: usize = 150;
    const SHAPE: &str = "http://host[:port][/path], as the managers reach n720d";
    if text.starts_with("https://") {
        return Err(format!("{SHAPE}; the N720 speaks TLS 1.1 at most, which modern servers refuse"));
    }
    let rest = text.strip_prefix("http://").ok_or(SHAPE)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    manager_url(&format!("http://{authority}")).map_err(|_| SHAPE.to_owned())?;
    // `%` would be taken for one of the device's placeholders.
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '/');
    if !path.chars().all(legal) || path.split('/').any(|part| part == "..") {
        Err(SHAPE.to_owned())
    } else if text.len() > LONGEST {
        Err(format!("at most {LONGEST} bytes"))
    } else {
        Ok(text.trim_end_matches('/').to_owned())
    }
}

/// The URL of a webhook.
pub(super) fn webhook_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host_begins = rest.and_then(|rest| rest.chars().next()).is_some_and(|c| !"/?#:@".contains(c));
    if host_begins && text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("an absolute URL, http:// or https://, without blanks".to_owned())
    }
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "a network or an address, like 10.0.0.0/8 or 10.1.2.3".to_owned())
}

/// A time zone by its IANA name.
pub(super) fn time_zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| match closest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())) {
        Some(name) => format!("the IANA name of a time zone; did you mean {name:?}?"),
        None => "the IANA name of a time zone, like \"Europe/Berlin\"".to_owned(),
    })
}

/// The minute in which a window begins, with an offset where one is given. The device keeps minutes and a year of two
/// digits.
pub(super) fn minute(text: &str) -> Result<(NaiveDateTime, Option<FixedOffset>), String> {
    const FORMATS: [&str; 3] = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:00"];
    let local = FORMATS
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| (time, None));
    let with_offset = || {
        let text =
            text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |time| format!("{time}+00:00"));
        let formats = FORMATS.iter().map(|format| format!("{format}%:z"));
        let time = formats.into_iter().find_map(|format| DateTime::parse_from_str(&text, &format).ok())?;
        Some((time.naive_local(), Some(*time.offset())))
    };
    match local.or_else(with_offset) {
        Some((time, offset)) if (2000..=2099).contains(&time.year()) => Ok((time, offset)),
        Some(_) => Err("a year from 2000 to 2099: the device keeps two digits".to_owned()),
        None => Err("a time to the minute, like 2026-11-23T08:00".to_owned()),
    }
}

/// A schedule in cron's notation.
pub(super) fn schedule(text: &str) -> Result<Schedule, String> {
    text.parse().map_err(|error: ScheduleError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("20h", 72_000),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("1d1h1m1s", 90_061),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "5 m", "5min", "1.5h", "-5m", "30m1h", "1h1h", "5M", "1h ", "+5m", "five"]
        {
            assert_eq!(duration(text), Err(DURATION.to_owned()), "{text}");
        }
    }

    #[test]
    fn no_duration_is_longer_than_a_year() {
        assert_eq!(duration("366d"), Ok(Duration::from_secs(LONGEST_DURATION)));
        for text in
            ["366d1s", "8785h", "527041m", "31622401s", "999999999999999999d", "99999999999999999999999d"]
        {
            let expected = if text.len() > 20 { DURATION } else { TOO_LONG };
            assert_eq!(duration(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn zero_is_a_duration_but_not_a_positive_one() {
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(positive_duration("0s"), Err("a duration of at least 1s".to_owned()));
        assert_eq!(positive_duration("1s"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!(share("0%"), Ok(0.0));
        assert_eq!(share("50%"), Ok(0.5));
        for text in ["10", "51%", "-1%", "%", "1.5%", "10 %"] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_manager_is_reached_over_http_alone() {
        assert_eq!(manager_url("http://10.20.0.2"), Ok(("10.20.0.2".to_owned(), 80)));
        assert_eq!(manager_url("http://N720.Example/"), Ok(("n720.example".to_owned(), 80)));
        assert_eq!(manager_url("http://127.0.0.2:8080"), Ok(("127.0.0.2".to_owned(), 8080)));
        assert!(manager_url("https://10.20.0.2").unwrap_err().contains("TLS 1.1"));
        for text in [
            "10.20.0.2",
            "http://",
            "http://h/login.html",
            "http://u:p@h",
            "http://h:0",
            "http://h:65536",
            "http://h:",
            "http://h?x",
            "http://[::1]",
            "ftp://h",
        ] {
            assert!(manager_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_has_no_placeholder_and_no_slash_at_its_end() {
        assert_eq!(public_url("http://10.1.0.5:8720/"), Ok("http://10.1.0.5:8720".to_owned()));
        assert_eq!(public_url("http://pbx/n720"), Ok("http://pbx/n720".to_owned()));
        assert!(public_url("https://pbx").unwrap_err().contains("TLS 1.1"));
        let long = format!("http://pbx/{}", "a".repeat(150));
        for text in
            ["pbx", "http://", "http://pbx/%MACD", "http://pbx/../x", "http://pbx?x=1", "http://p\"bx", &long]
        {
            assert!(public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn webhooks_are_absolute_urls() {
        assert!(webhook_url("https://hooks.example.net/n720?token=x").is_ok());
        for text in ["hooks.example.net", "https://", "https:///x", "ftp://x", "https://x y", "https://x\n"] {
            assert!(webhook_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_are_prefixes_or_single_addresses() {
        assert_eq!(network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        for text in ["10.0.0.0/33", "10.0.0", "lan"] {
            assert!(network(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_zones_go_by_their_iana_names() {
        assert_eq!(time_zone("Europe/Berlin"), Ok(chrono_tz::Europe::Berlin));
        assert!(time_zone("Europe/Berln").unwrap_err().contains("did you mean \"Europe/Berlin\"?"));
        assert!(time_zone("").unwrap_err().contains("like \"Europe/Berlin\""));
    }

    #[test]
    fn starts_have_minutes_two_digit_years_and_perhaps_an_offset() {
        let time = "2026-11-23T08:00:00".parse().unwrap();
        for text in ["2026-11-23T08:00", "2026-11-23T08:00:00", "2026-11-23 08:00"] {
            assert_eq!(minute(text), Ok((time, None)), "{text}");
        }
        let ahead = FixedOffset::east_opt(3600).unwrap();
        for text in ["2026-11-23T08:00+01:00", "2026-11-23T08:00:00+01:00", "2026-11-23 08:00+01:00"] {
            assert_eq!(minute(text), Ok((time, Some(ahead))), "{text}");
        }
        assert_eq!(minute("2026-11-23T08:00Z"), Ok((time, FixedOffset::east_opt(0))));
        assert!(minute("2126-11-23T08:00").unwrap_err().contains("two digits"));
        let wrong = [
            "2026-11-23",
            "2026-11-23T08:00:30",
            "2026-02-30T08:00",
            "23.11.2026 08:00",
            "2026-11-23T08:00 CET",
            "2026-11-23T08:00+25:00",
            "Z",
        ];
        for text in wrong {
            assert!(minute(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_fit_the_device() {
        assert!(host(&"a".repeat(74)).is_ok());
        assert!(host(&"a".repeat(75)).unwrap_err().contains("74 bytes"));
        for text in ["", "a b", "a/b", "-a", "a:5060", "ä"] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
