//! The texts as they are read, one snapshot a kind and one for each way of being told; what must hold of all of them.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::testing::{
    alert, at, berlin, entry, handset, message, numbered, resolved, several, taken, time, told, unreachable,
};
use super::{brief, html, plain, title};
use crate::alerting::message::{Entry, Message, SiteFacts};
use crate::domain::alert::{Alert, AlertKind, HandsetNote, Severity};
use crate::domain::notification::Reason;

const REASONS: [Reason; 4] = [Reason::First, Reason::Changed, Reason::Repeat, Reason::Resolved];

/// Every message of one alert that there is.
fn all() -> impl Iterator<Item = Message> {
    AlertKind::ALL.into_iter().flat_map(|kind| REASONS.map(|reason| told(kind, reason)))
}

#[test]
fn every_kind_is_told_in_words() {
    for kind in AlertKind::ALL {
        insta::assert_snapshot!(kind.as_str(), plain(&told(kind, Reason::First)));
    }
}

#[test]
fn every_kind_has_a_title_for_every_reason() {
    let titles: Vec<String> = all().map(|message| title(&message)).collect();
    insta::assert_snapshot!("titles", titles.join("\n"));
}

#[test]
fn what_changed_is_told_again_and_what_is_over_is_told_with_its_length() {
    for reason in [Reason::Changed, Reason::Repeat, Reason::Resolved] {
        let text = plain(&told(AlertKind::HandsetLost, reason));
        insta::assert_snapshot!(format!("handset-lost {}", reason.as_str()), text);
    }
}

#[test]
fn nobody_is_asked_to_do_anything_about_what_is_over() {
    for kind in AlertKind::ALL {
        let text = plain(&told(kind, Reason::Resolved));
        assert!(text.contains("for 10 min") && text.contains("There is nothing to do."), "{text}");
        for word in ["What to do", "Contact", "n720d ack", "    do "] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn of_a_site_that_is_not_watched_any_more_nobody_says_that_all_is_well() {
    let gone = berlin();
    let over = |site: &SiteFacts, alert| entry(site, alert, Some(Reason::Resolved));
    let end = |site: &SiteFacts, kind| over(site, Alert { unwatched: true, ..resolved(alert(kind)) });
    let one = message(Reason::Resolved, 30, vec![end(&gone, AlertKind::HandsetLost)]);
    insta::assert_snapshot!("not watched any more", plain(&one));
    insta::assert_snapshot!(title(&one), @"[NOT WATCHED] acme-berlin: handset lost: Workshop (1002)");
    insta::assert_snapshot!(brief(&one, 400), @"Held from 2026-11-24 04:00 +01:00 to 2026-11-24 04:10 +01:00, for 10 min. This site is not watched any more: there is no site file, and nobody knows what holds there.");
    let two = vec![end(&gone, AlertKind::Drift), end(&gone, AlertKind::ClockSkew)];
    insta::assert_snapshot!(brief(&message(Reason::Resolved, 30, two), 400), @"
    OVER: changed by hand
    OVER: DECT manager's clock is wrong
    This site is not watched any more: there is no site file, and nobody knows what holds there.
    ");
    let (watched, left) = (
        over(&numbered(1), resolved(alert(AlertKind::Unreachable))),
        end(&numbered(2), AlertKind::Unreachable),
    );
    let storm = several(Reason::Resolved, true, vec![watched, left.clone()]);
    insta::assert_snapshot!(title(&storm), @"[RESOLVED] 2 sites (region=north): DECT manager unreachable; 1 site not watched any more");
    insta::assert_snapshot!(brief(&storm, 400), @"
    site-00001: DECT manager unreachable
    site-00002: DECT manager unreachable
    One of these sites is not watched any more: there is no site file, and nobody knows what holds there.
    ");
    assert!(plain(&storm).contains("One of these sites is not watched any more: "), "{}", plain(&storm));
    assert!(plain(&storm).contains("for 10 min; not watched any more"), "{}", plain(&storm));
    let all = several(Reason::Resolved, true, vec![left.clone(), left]);
    insta::assert_snapshot!(title(&all), @"[NOT WATCHED] site-00002 (region=north): DECT manager unreachable");
    let all = plain(&all);
    assert!(!all.contains("n720d status"), "there is none: {all}");
}

#[test]
fn what_holds_is_never_told_without_advice_and_a_command() {
    for message in all().filter(|message| message.reason != Reason::Resolved) {
        let text = plain(&message);
        assert!(text.contains("\nWhat to do\n  1. "), "{text}");
        if message.entries[0].alert.kind != AlertKind::Test {
            assert!(text.contains("n720d ack ") && text.contains("More      n720d status"), "{text}");
        }
    }
}

#[test]
fn several_alerts_of_a_site_are_told_one_by_one() {
    let site = berlin();
    let ended = entry(&site, resolved(alert(AlertKind::Unreachable)), Some(Reason::Resolved));
    let busy = Alert { since: at(10), ..alert(AlertKind::SessionBusy) };
    let lost = entry(&site, alert(AlertKind::HandsetLost), None);
    let until = Some(at(125));
    let entries = vec![
        taken(lost, "I call Frau Weber at eight", until),
        entry(&site, alert(AlertKind::ClockSkew), Some(Reason::Repeat)),
        entry(&site, busy, Some(Reason::First)),
        ended,
    ];
    let message = message(Reason::Changed, 12, entries);
    insta::assert_snapshot!("mixed", plain(&message));
    insta::assert_snapshot!(title(&message), @"[CRITICAL, changed] acme-berlin: handset lost: Workshop (1002), and 2 more; new: somebody else is logged in; over: DE…");
    insta::assert_snapshot!(brief(&message, 1_000), @r"
    handset lost: Workshop (1002) (as told before) (Taken by anna): 1 handset was registered and is not any more: slot 2 Workshop (1002), probably deregistered by hand
    DECT manager's clock is wrong (still so): the DECT manager's clock is 1 h fast; registration windows are written for that clock, which helps as long as it keeps its pace; check its time server and time zone
    somebody else is logged in (new): somebody else is logged in at the web interface of the DECT manager at 10.20.0.2, for 12 min or longer; n720d never takes over; ask them to log out
    OVER: DECT manager unreachable
    Call Frau Weber, +49 30 123456
    ");
}

#[test]
fn seven_sites_and_ten_thousand_are_one_message() {
    insta::assert_snapshot!("storm of 7", plain(&several(Reason::First, true, unreachable(7))));
    let many = several(Reason::First, true, unreachable(10_000));
    insta::assert_snapshot!("storm of 10000", plain(&many));
    insta::assert_snapshot!(brief(&many, 400), @r"
    So many at once are rarely so many broken managers. Look first at what they share: the network of the machine that n720d runs on, the VPN, a provider, the power of a place. Do not call every site: ask at one or two whether the phones there work.
    site-00001: DECT manager unreachable
    site-00002: DECT manager unreachable
    site-00003: DECT manager unreachable
    site-00004: DECT manager unreachable
    ");
    assert!(html(&many).len() < 20_000, "it is a message and no list");
}

#[test]
fn a_storm_that_passes_says_where() {
    let mut entries = unreachable(7);
    let over = entries.split_off(4);
    entries.extend(over.into_iter().map(|entry| Entry {
        alert: resolved(Alert::clone(&entry.alert)).into(),
        news: Some(Reason::Resolved),
        ..entry
    }));
    insta::assert_snapshot!("storm passing", plain(&several(Reason::Changed, true, entries.clone())));
    insta::assert_snapshot!(title(&several(Reason::Changed, true, entries.clone())), @"[CRITICAL, changed] 7 sites (region=north): DECT manager unreachable; over at 3 sites");
    let over = several(Reason::Resolved, true, entries.split_off(4));
    insta::assert_snapshot!("storm over", plain(&over));
    insta::assert_snapshot!(title(&over), @"[RESOLVED] 3 sites (region=north): DECT manager unreachable");
}

#[test]
fn sites_that_are_told_together_by_label_keep_their_handsets() {
    let entries = vec![
        entry(&numbered(1), alert(AlertKind::HandsetLost), Some(Reason::First)),
        entry(&numbered(2), alert(AlertKind::HandsetLost), Some(Reason::First)),
        entry(&numbered(1), alert(AlertKind::ClockSkew), None),
        entry(&numbered(3), resolved(alert(AlertKind::Unreachable)), Some(Reason::Resolved)),
    ];
    let message = several(Reason::Changed, false, entries);
    insta::assert_snapshot!("by label", plain(&message));
    insta::assert_snapshot!(title(&message), @"[CRITICAL, changed] 3 sites (region=north): 2 handsets lost, and 1 other alert; over at 1 site");
}

#[test]
fn the_title_of_several_sites_counts_those_that_nobody_has() {
    let storm = |kind: AlertKind, sites: usize, taken_up_to: usize| {
        let one = |number: usize| {
            let entry = entry(&numbered(number), alert(kind), Some(Reason::Repeat));
            if number <= taken_up_to { taken(entry, "", None) } else { entry }
        };
        several(Reason::Repeat, true, (1..=sites).map(one).collect())
    };
    let mostly = storm(AlertKind::Unreachable, 8, 6);
    insta::assert_snapshot!(title(&mostly), @"[CRITICAL, still after 12 min] 2 sites, 6 more taken (region=north): DECT manager unreachable");
    insta::assert_snapshot!("storm mostly taken", plain(&mostly));
    insta::assert_snapshot!(title(&storm(AlertKind::HandsetLost, 8, 7)), @"[CRITICAL, still after 12 min] site-00008, 7 more taken (region=north): handset lost: Workshop (1002)");
    insta::assert_snapshot!(title(&storm(AlertKind::Unreachable, 8, 8)), @"[CRITICAL, still after 12 min] 8 sites (region=north): DECT manager unreachable");
    insta::assert_snapshot!(title(&storm(AlertKind::Unreachable, 10_000, 1_234)), @"[CRITICAL, still after 12 min] 8,766 sites, 1,234 more taken (region=north): DECT manager unreachable");
    let mut over = storm(AlertKind::Unreachable, 3, 2);
    let end = resolved(alert(AlertKind::Unreachable));
    over.entries.push(entry(&numbered(9), end, Some(Reason::Resolved)));
    insta::assert_snapshot!(title(&Message { reason: Reason::Changed, ..over.clone() }), @"[CRITICAL, changed] site-00003, 2 more taken (region=north): DECT manager unreachable; over at 1 site");
    over.entries.remove(2);
    insta::assert_snapshot!(title(&Message { reason: Reason::Changed, ..over }), @"[CRITICAL, changed] 3 sites (region=north): DECT manager unreachable; over at 1 site");
}

#[test]
fn of_very_many_alerts_the_first_two_hundred_are_told() {
    let text = plain(&several(Reason::First, false, unreachable(250)));
    assert!(text.contains("And 50 alerts more: `n720d alerts`"), "{text}");
    assert!(text.contains("site-00200:") && !text.contains("site-00201:"));
}

#[test]
fn what_is_new_is_told_however_much_is_known_already() {
    let known = |mut entries: Vec<Entry>| {
        for entry in &mut entries {
            entry.news = None;
        }
        entries
    };
    let new = entry(&numbered(99_999), alert(AlertKind::Unreachable), Some(Reason::First));
    let entries = [known(unreachable(300)), vec![new]].concat();
    for storm in [true, false] {
        let message = several(Reason::Changed, storm, entries.clone());
        assert!(plain(&message).contains("site-99999"), "{}", plain(&message));
        let brief = brief(&message, 1_000);
        let (_, names) = brief.split_once('\n').unwrap();
        assert!(
            names.starts_with("site-99999 (new): DECT manager unreachable\nsite-00001 (as told"),
            "{brief}"
        );
        assert!(names.ends_with("\nand 296 alerts more"), "{brief}");
    }
    let storm = plain(&several(Reason::Changed, true, entries.clone()));
    let list = storm.split("Where\n").nth(1).unwrap();
    assert!(list.trim_start().starts_with("site-99999 (new) since"), "{list}");
    let of_site = plain(&message(Reason::Changed, 12, entries));
    assert!(of_site.contains("unreachable (new)") && of_site.contains("And 101 alerts more"), "{of_site}");
}

#[test]
fn the_worst_stands_first_on_a_phone_whatever_its_name() {
    let minor = Alert { severity: Severity::Warning, ..alert(AlertKind::Unreachable) };
    let entries = vec![
        entry(&numbered(9), alert(AlertKind::Unreachable), Some(Reason::First)),
        entry(&numbered(1), minor, Some(Reason::First)),
    ];
    let brief = brief(&several(Reason::First, true, entries), 1_000);
    let names: Vec<&str> = brief.lines().skip(1).collect();
    assert_eq!(names, ["site-00009: DECT manager unreachable", "site-00001: DECT manager unreachable"]);
}

#[test]
fn a_hundred_handsets_with_the_same_task_are_a_list_and_one_task() {
    let handsets = (1..=100).map(|number| handset(number, None)).collect();
    let lost = Alert { handsets, ..alert(AlertKind::WindowClosing) };
    let text = plain(&message(Reason::First, 0, vec![entry(&berlin(), lost, Some(Reason::First))]));
    assert_eq!(text.matches("    do      ").count(), 1);
    assert_eq!(text.lines().filter(|line| line.starts_with("  slot ")).count(), 100);
    insta::assert_snapshot!(text.lines().find(|line| line.contains("slot 100,")).unwrap(), @"  slot 100, number 10100, IPUI 02 9E 74 A5 64");
}

#[test]
fn handsets_with_another_task_stand_apart_in_their_order() {
    let other =
        |number| HandsetNote { pin: None, until: None, instruction: "wait".into(), ..handset(number, None) };
    let handsets = vec![handset(1, Some("A")), other(2), handset(3, None), other(4)];
    let lost = Alert { handsets, ..alert(AlertKind::HandsetLost) };
    let text = plain(&message(Reason::First, 0, vec![entry(&berlin(), lost, Some(Reason::First))]));
    let part = text.split("Handsets\n").nth(1).unwrap().split("\n\n").next().unwrap();
    insta::assert_snapshot!(part, @r"
    slot 1 A, number 1001, IPUI 02 9E 74 A5 01
    slot 3, number 1003, IPUI 02 9E 74 A5 03
      do      start registration on the handset and type the PIN 1234; do so before 2026-11-24 06:00 +01:00
      PIN     1234
      until   2026-11-24 06:00 +01:00
    slot 2, number 1002, IPUI 02 9E 74 A5 02
    slot 4, number 1004, IPUI 02 9E 74 A5 04
      do      wait
    ");
}

/// A name, a label and a note that want to be more than they are.
fn hostile() -> Message {
    let odd = "Bob\r\nBcc: eve@example.net\n\nWhat to do\n  1. <script>alert(\"x\")</script> & 'co'\u{2028}\u{202E}";
    let site = SiteFacts {
        description: format!("ACME {odd}"),
        contact: odd.to_owned(),
        labels: [("region".to_owned(), odd.to_owned())].into(),
        ..berlin()
    };
    let mut lost = alert(AlertKind::HandsetLost);
    lost.handsets = vec![HandsetNote {
        display_name: Some(odd.to_owned()),
        user: Some(odd.to_owned()),
        instruction: odd.to_owned(),
        pin: Some(odd.to_owned()),
        ..handset(2, None)
    }];
    lost.summary = format!("1 handset was registered: {odd}");
    lost.phase = odd.to_owned();
    lost.readings = vec![odd.to_owned()];
    lost.id = format!("{}/{odd}", lost.id);
    let entry = entry(&site, lost, Some(Reason::First));
    Message { id: odd.to_owned(), ..message(Reason::First, 0, vec![taken(entry, odd, None)]) }
}

#[test]
fn no_name_breaks_or_forges_a_line() {
    let message = hostile();
    let storm = several(Reason::First, true, message.entries.clone());
    let label = several(Reason::First, false, message.entries.clone());
    for message in [&message, &storm, &label] {
        let text = plain(message);
        assert_eq!(text.lines().filter(|line| line.trim().starts_with("What to do")).count(), 1, "{text}");
        assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
        assert!(!text.chars().any(|one| one.is_control() && one != '\n'), "{text:?}");
        let title = title(message);
        assert!(!title.chars().any(char::is_control), "{title:?}");
        assert!(title.chars().count() < 120, "{title}");
        assert!(!brief(message, 2_000).contains("\nBcc"), "{}", brief(message, 2_000));
    }
}

#[test]
fn no_name_becomes_markup() {
    let message = hostile();
    for message in [&message, &several(Reason::First, true, message.entries.clone())] {
        let document = html(message);
        assert!(!document.contains("<script") && document.contains("&lt;script&gt;"), "{document}");
        assert!(!document.contains("http://") && !document.contains("https://"), "nothing is loaded");
        assert_eq!(document.matches("<table").count(), document.matches("</table>").count());
        assert_eq!(document.matches("<tr>").count(), document.matches("</tr>").count());
    }
}

#[test]
fn the_document_is_whole_and_says_what_the_text_says() {
    insta::assert_snapshot!("html", html(&told(AlertKind::WindowClosing, Reason::First)));
    let read = |document: &str| {
        let document = scraper::Html::parse_document(document);
        let body = scraper::Selector::parse("body").unwrap();
        let text = document.select(&body).flat_map(|body| body.text()).collect::<Vec<_>>().concat();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for message in all() {
        let document = read(&html(&message));
        for line in plain(&message).lines().filter(|line| line.starts_with("  ") && line.contains(". ")) {
            let step = line.trim_start().split_once(". ").unwrap().1.replace('`', "");
            assert!(document.contains(step.as_str()), "{step}\n{document}");
        }
        assert!(document.contains(&title(&message)), "{document}");
    }
}

#[test]
fn umlauts_and_quotes_come_through() {
    let mut lost = alert(AlertKind::HandsetLost);
    lost.handsets = vec![handset(2, Some("Büro \"Süd\" Łódź"))];
    let message = message(Reason::First, 0, vec![entry(&berlin(), lost, Some(Reason::First))]);
    assert_eq!(title(&message), "[CRITICAL] acme-berlin: handset lost: Büro \"Süd\" Łódź (1002)");
    assert!(plain(&message).contains("slot 2 Büro \"Süd\" Łódź, number 1002"));
    assert!(html(&message).contains("Büro &quot;Süd&quot; Łódź"));
}

#[test]
fn a_long_title_is_cut_and_keeps_its_beginning() {
    let mut lost = alert(AlertKind::HandsetLost);
    lost.handsets = vec![handset(2, Some(&"ü".repeat(200)))];
    let message = message(Reason::First, 0, vec![entry(&berlin(), lost, Some(Reason::First))]);
    let title = title(&message);
    assert!(title.starts_with("[CRITICAL] acme-berlin: handset lost: ü") && title.ends_with('…'), "{title}");
    assert_eq!(title.chars().count(), 118);
}

#[test]
fn times_are_those_of_the_site_over_a_clock_change() {
    let (before, after) = (time("2026-10-25T02:30:00+02:00"), time("2026-10-25T02:30:00+01:00"));
    let mut over = resolved(alert(AlertKind::Unreachable));
    (over.since, over.resolved_at) = (before.to_utc(), Some(after.to_utc()));
    let mut message = message(Reason::Resolved, 0, vec![entry(&berlin(), over, Some(Reason::Resolved))]);
    message.at = after.to_utc() + TimeDelta::minutes(1);
    let text = plain(&message);
    assert!(text.contains("from 2026-10-25 02:30 +02:00 to 2026-10-25 02:30 +01:00, for 1 h\n"), "{text}");
}

#[test]
fn sites_in_several_zones_are_told_each_in_its_own() {
    let kolkata = SiteFacts { time_zone: Tz::Asia__Kolkata, ..numbered(1) };
    let entries = vec![
        entry(&kolkata, alert(AlertKind::Unreachable), Some(Reason::First)),
        entry(&numbered(2), alert(AlertKind::Unreachable), Some(Reason::First)),
    ];
    let text = plain(&several(Reason::First, true, entries));
    assert!(text.contains("site-00001 since 2026-11-24 08:30 +05:30"), "{text}");
    assert!(text.contains("site-00002 since 2026-11-24 04:00 +01:00"), "{text}");
    assert!(text.contains("First     since 2026-11-24 03:00 +00:00"), "{text}");
    assert!(text.contains("Time zone: each site's own."), "{text}");
}

#[test]
fn whom_to_call_is_the_contact_or_the_description_or_nobody() {
    let contact = |contact: &str, description: &str| {
        let site = SiteFacts { contact: contact.into(), description: description.into(), ..berlin() };
        let text = plain(&message(Reason::First, 0, vec![entry(&site, alert(AlertKind::Unreachable), None)]));
        text.lines().find(|line| line.starts_with("Contact")).map(str::to_owned)
    };
    assert_eq!(contact("Frau Weber", "ACME"), Some("Contact   Frau Weber".into()));
    assert_eq!(contact(" ", "ACME, +49 30 1"), Some("Contact   ACME, +49 30 1".into()));
    assert_eq!(contact("", ""), None);
}

#[test]
fn the_brief_one_fits_and_is_no_title() {
    for message in all() {
        for most in [0, 1, 20, 80, 160, 1_000] {
            let text = brief(&message, most);
            assert!(text.chars().count() <= most, "{most}: {text}");
        }
        assert!(!brief(&message, 1_000).is_empty());
    }
    insta::assert_snapshot!(brief(&told(AlertKind::WindowClosing, Reason::First), 400), @r"
    the registration window closes at 2026-11-24 06:00 +01:00 and 2 handsets are not registered: slot 2 Workshop (1002), slot 3 Store (1003)
    Since 2026-11-24 04:00 +01:00, for less than a minute
    Call Frau Weber, +49 30 123456
    Workshop (1002), Store (1003): start registration on the handset and type the PIN 1234; do so before 2026-11-24 06:00 +01:00
    1. Call, and read out what the user of each handset…
    ");
    insta::assert_snapshot!(brief(&told(AlertKind::Unreachable, Reason::Resolved), 400), @"Held from 2026-11-24 04:00 +01:00 to 2026-11-24 04:10 +01:00, for 10 min. Nothing to do.");
    insta::assert_snapshot!(brief(&told(AlertKind::Unreachable, Reason::First), 100), @"the DECT manager at 10.20.0.2 cannot be reached: connection timed out after 5 s; check its power an…");
}

#[test]
fn the_same_message_reads_the_same() {
    for message in all() {
        assert_eq!((plain(&message), html(&message)), (plain(&message), html(&message)));
    }
}
