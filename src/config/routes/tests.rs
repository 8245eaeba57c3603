//! What the routes of a file come to, what is said about them alone, and what beside the sites. And that no table of alerts,
//! however odd, does more than be refused.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;

use super::super::alerts::{self, AlertsConfig};
use super::super::source::Source;
use super::super::tree;
use super::*;
use crate::domain::routing::Gathering;

/// Two sinks to route to.
const SINKS: &str = "[[alerts.sink]]\ntype = 'journal'\nname = 'log'\n[[alerts.sink]]\ntype = 'ntfy'\nname = 'phone'\n\
                     url = 'https://h'\ntopic = 't'\n";

/// Sites with their labels.
type Sites = BTreeMap<SiteName, BTreeMap<String, String>>;

fn sites(all: &[(&str, &[(&str, &str)])]) -> Sites {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    all.iter().map(|(name, pairs)| (name.parse().unwrap(), labels(pairs))).collect()
}

/// What a file gives beside these sites, and what is said about it.
fn reading(text: &str, sites: &Sites, unreadable: &[&str]) -> (AlertsConfig, Vec<String>, bool) {
    let source = Source::new(Path::new("x"), text.to_owned());
    let report = Report::new(&source);
    let tree = tree::parse(&report).unwrap().into_inner();
    let root = Section::root(&report, &tree);
    let alerts = alerts::read(root.section_or_empty("alerts"));
    root.finish();
    let known =
        KnownSites { labels: sites.iter().collect(), unreadable: unreadable.iter().copied().collect() };
    check_sites(&report, &alerts.routes, &known);
    let refused = report.has_errors();
    let findings = report.into_findings().iter().map(ToString::to_string).collect();
    (alerts.config, findings, refused)
}

/// The routes of a file with these tables, and what is said beside the sites `acme` and `bolt`.
fn routes(text: &str) -> (Vec<Route>, Vec<String>) {
    let sites =
        sites(&[("acme", &[("region", "north"), ("customer", "acme")]), ("bolt", &[("region", "south")])]);
    let (config, findings, _) = reading(&format!("{SINKS}{text}"), &sites, &[]);
    (config.routing.routes, findings)
}

/// What is said of a single route, without place, of one to all sinks for everything if not said otherwise.
fn said(lines: &str) -> Vec<String> {
    let sinks = if lines.contains("sinks = ") { "" } else { "sinks = ['log', 'phone']\n" };
    let text = format!("[[alerts.route]]\n{sinks}{lines}\n[[alerts.route]]\nsinks = ['log', 'phone']\n");
    let line =
        |line: String| line.splitn(3, ':').nth(2).unwrap().trim_start().replace("alerts.route[#1].", "");
    routes(&text).1.into_iter().map(line).collect()
}

#[test]
fn without_routes_there_is_nothing_to_say() {
    assert_eq!(routes(""), (Vec::new(), Vec::new()));
}

#[test]
fn all_that_is_written_arrives() {
    let (found, findings) = routes(
        "[[alerts.route]]\nname = 'office'\nsites = ['acme', 'fleet']\nlabels = { region = 'north' }\n\
         kinds = ['drift', 'handset-lost']\nseverity = 'warning'\n\
         hours = { start = '0 8 * * 1-5', length = '10h', time_zone = 'Europe/Berlin' }\nsinks = ['log']\n\
         group_by = ['customer']\nescalate = [{ after = '30m', sinks = ['phone'] }]\n\
         [[alerts.route]]\nsinks = ['phone']\ngroup_by = []\n",
    );
    assert_eq!(findings, [""; 0]);
    let office = &found[0];
    assert_eq!(office.name, "office");
    let expected = Matcher {
        sites: ["acme", "fleet"].into_iter().map(|name| name.parse().unwrap()).collect(),
        labels: [("region".to_owned(), "north".to_owned())].into(),
        kinds: [AlertKind::Drift, AlertKind::HandsetLost].into(),
        severity: Some(Severity::Warning),
    };
    assert_eq!(office.of, expected);
    let hours = office.hours.as_ref().unwrap();
    assert_eq!((hours.start.to_string(), hours.length.as_secs()), ("0 8 * * 1-5".to_owned(), 36_000));
    assert_eq!(office.sinks, ["log"]);
    assert_eq!(office.group_by, GroupBy::Labels(vec!["customer".to_owned()]));
    let step = Escalation { after: Duration::from_secs(1_800), sinks: vec!["phone".to_owned()] };
    assert_eq!(office.escalation, [step]);
    let rest = Route {
        name: "route-2".to_owned(),
        of: Matcher::default(),
        hours: None,
        sinks: vec!["phone".to_owned()],
        escalation: Vec::new(),
        group_by: GroupBy::Labels(Vec::new()),
    };
    assert_eq!(found[1], rest);
}

#[test]
fn short_hours_are_hours() {
    assert_eq!(said("hours = { start = '0 8 * * *', length = '1m' }"), [""; 0], "nothing is pushed in them");
    assert_eq!(said("hours = { start = '0 8 * * *' }").len(), 1);
}

#[test]
fn every_condition_is_looked_at() {
    for (lines, expected) in [
        (
            "sites = ['acmee']",
            "warning: sites[#1]: found \"acmee\", expected a site that has a file; did you mean \"acme\"?",
        ),
        ("sites = ['zzz']", "warning: sites[#1]: found \"zzz\", expected a site that has a file"),
        ("sites = ['a b']", "error: sites[#1]: found \"a b\", expected a site name"),
        (
            "sites = []",
            "error: sites: found an empty list, expected at least one, or no key sites, which means all",
        ),
        (
            "labels = { region = 'nort' }",
            "warning: labels.region: found \"nort\", expected what some site has under site.labels; did you mean \"north\"?",
        ),
        (
            "labels = { reigon = 'north' }",
            "warning: labels.reigon: found a label \"reigon\", expected what some site has under site.labels; did you mean \"region\"?",
        ),
        ("labels = { customer = 'acme', region = 'south' }", "found a route to which no site belongs"),
        ("sites = ['bolt']\nlabels = { region = 'north' }", "found a route to which no site belongs"),
        (
            "kinds = ['drifft']",
            "error: kinds[#1]: found \"drifft\", expected a kind of alert; did you mean \"drift\"?",
        ),
        ("kinds = ['test']", "error: kinds[#1]: found \"test\", expected a kind of alert"),
        ("kinds = ['sink-failing']", "warning: kinds[#1]: found \"sink-failing\", expected another kind"),
        (
            "severity = 'error'",
            "error: severity: found \"error\", expected \"info\" or \"warning\" or \"critical\"",
        ),
        (
            "group_by = ['regio']",
            "warning: group_by[#1]: found a label \"regio\", expected what some site has",
        ),
        ("sinks = ['log', 'log', 'phone']", "error: sinks[#2]: found \"log\" again, expected each sink once"),
        (
            "sinks = ['log', 'phne', 'phone']",
            "error: sinks[#2]: found \"phne\", expected the name of a sink; did you mean \"phone\"?",
        ),
        (
            "sinks = ['xyz']",
            "error: sinks[#1]: found \"xyz\", expected the name of a sink: \"log\" or \"phone\"",
        ),
        ("sinks = []", "error: sinks: found an empty list, expected at least one sink"),
        ("silence = true", "error: silence: found an unknown key"),
    ] {
        let said = said(lines);
        assert!(said.len() == 1 && said[0].contains(expected), "{lines}: {said:#?}");
    }
    assert_eq!(said("sites = ['acme', 'fleet']\nseverity = 'critical'"), [""; 0]);
}

#[test]
fn who_comes_later_comes_later_and_is_new() {
    let escalate = |steps: &str| said(&format!("sinks = ['log']\nescalate = [{steps}]"));
    assert_eq!(escalate("{ after = '1h', sinks = ['phone'] }"), [""; 0]);
    let again = escalate("{ after = '1h', sinks = ['phone'] }, { after = '2h', sinks = ['phone', 'log'] }");
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(again[0].contains("found \"phone\", expected a sink that is not told before"), "{again:?}");
    for (steps, expected) in [
        (
            "{ after = '1h', sinks = ['phone'] }, { after = '1h', sinks = ['log'] }",
            "escalate[#2].after: found 3600 s, expected more than the step before has, 3600 s",
        ),
        (
            "{ after = '0s', sinks = ['phone'] }",
            "escalate[#1].after: found \"0s\", expected a duration of at least 1s",
        ),
        ("{ sinks = ['phone'] }", "escalate[#1].after: found nothing, expected a duration"),
        ("{ after = '1h' }", "escalate[#1].sinks: found nothing, expected a list of names of sinks"),
        ("{ after = '1h', sinks = ['phone'], to = 'x' }", "escalate[#1].to: found an unknown key"),
    ] {
        let said = escalate(steps);
        assert!(said.iter().any(|line| line.contains(expected)), "{steps}: {said:#?}");
    }
}

#[test]
fn who_is_left_out_is_named() {
    let (_, findings) = routes("[[alerts.route]]\nkinds = ['drift']\nsinks = ['log']\n");
    assert_eq!(
        findings,
        [
            "x:6:8: warning: alerts.sink[#2].name: found \"phone\", which no route names, expected a route to it: it is \
             told only what no route matches",
            "x:9:1: warning: alerts.route: found only routes with conditions, expected one without conditions too: \
             what no route matches goes to every sink",
        ]
    );
    let (_, findings) = routes("[[alerts.route]]\nseverity = 'info'\nsinks = ['log']\n");
    assert!(
        findings.len() == 1 && findings[0].contains("it is told only of sinks that fail"),
        "{findings:?}"
    );
    let (_, findings) = routes(
        "[[alerts.route]]\nname = 'a'\nsinks = ['log']\n[[alerts.route]]\nname = 'a'\nsinks = ['phone']\n",
    );
    assert!(
        findings.len() == 1 && findings[0].contains("\"a\", which another route has too"),
        "{findings:?}"
    );
    let one = "[[alerts.route]]\nkinds = ['drift']\nsinks = ['journal']\n";
    assert_eq!(reading(one, &Sites::new(), &[]).1, [""; 0], "there is nobody else to tell");
}

#[test]
fn what_cannot_be_known_is_not_said() {
    let route = format!(
        "{SINKS}[[alerts.route]]\nsites = ['zzz']\nlabels = {{ a = 'b' }}\nsinks = ['log', 'phone']\n[[alerts.route]]\nsinks = ['log']\n"
    );
    assert_eq!(reading(&route, &Sites::new(), &[]).1, [""; 0], "before there is any site");
    let sites = sites(&[("acme", &[])]);
    assert_eq!(reading(&route, &sites, &["zzz"]).1, [""; 0], "its file may have the label");
    assert_eq!(reading(&route, &sites, &["yyy"]).1.len(), 1, "but it has no other name");
    assert_eq!(reading(&route, &sites, &[]).1.len(), 2);
}

#[test]
fn messages_are_gathered_as_the_file_says() {
    let text = "[alerts]\ngroup_wait = '0s'\ngroup_interval = '1h'\nstorm = 2\nstorm_by = ['region']\nsink_failing = '1m'\n";
    let sites = sites(&[("acme", &[("region", "north")])]);
    let (config, findings, _) = reading(text, &sites, &[]);
    assert_eq!(findings, [""; 0]);
    let expected = Gathering {
        wait: Duration::ZERO,
        interval: Duration::from_secs(3_600),
        storm: 2,
        storm_by: vec!["region".to_owned()],
    };
    assert_eq!((config.gathering, config.sink_failing.as_secs()), (expected, 60));
    for (line, expected) in [
        ("group_wait = '61m'", "alerts.group_wait: found \"61m\", expected at most 1h"),
        ("group_interval = '0s'", "expected a duration of at least 1s"),
        ("storm = 1", "alerts.storm: found 1, expected a whole number from 2"),
        ("storm_by = ['zone']", "warning: alerts.storm_by[#1]: found a label \"zone\""),
    ] {
        let (_, findings, _) = reading(&format!("[alerts]\n{line}\n"), &sites, &[]);
        assert!(findings.len() == 1 && findings[0].contains(expected), "{line}: {findings:?}");
    }
}

/// Lines of a sink or a route, mostly right ones.
fn lines(known: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::subsequence(known, 0..=known.len().min(5)).prop_map(|lines| lines.join("\n"))
}

const SINK_LINES: &[&str] = &[
    "type = 'journal'",
    "name = 'log'",
    "name2 = 'x'",
    "timeout = '1s'",
    "repeat_interval = 7",
    "url = 'https://h'",
    "headers = { a = 'b', 'c d' = 1 }",
    "topic = 'x'",
    "command = ['/bin/true', 3]",
    "labels = []",
    "ca_file = '/dev/null'",
    "to = [['a']]",
];

const ROUTE_LINES: &[&str] = &[
    "name = 'a'",
    "sites = ['acme', 'zz']",
    "sites2 = []",
    "labels = { region = 'north', x = 1 }",
    "kinds = ['drift']",
    "severity = 'warning'",
    "hours = { start = '0 8 * * *', length = '1h' }",
    "hours2 = 1",
    "sinks = ['log']",
    "group_by = ['region', 'region', '']",
    "escalate = [{ after = '1m', sinks = ['phone'] }, { after = '2m', sinks = ['log'] }]",
];

fn tables(key: &'static str, known: &'static [&'static str], typed: bool) -> impl Strategy<Value = String> {
    let kinds = select(&["journal", "webhook", "alertmanager", "ntfy", "email", "command", "none"][..]);
    let table = (lines(known), kinds).prop_map(move |(lines, kind)| {
        let lines = if typed { lines.replace("'journal'", &format!("'{kind}'")) } else { lines };
        format!("[[alerts.{key}]]\n{lines}\n")
    });
    prop::collection::vec(table, 0..4).prop_map(|tables| tables.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_table_panics_and_what_is_taken_leads_somewhere(
        sinks in tables("sink", SINK_LINES, true),
        more in tables("route", ROUTE_LINES, false),
        labelled in any::<bool>(),
        unreadable in any::<bool>(),
    ) {
        let known = if labelled { sites(&[("acme", &[("region", "north")])]) } else { Sites::new() };
        let unreadable: &[&str] = if unreadable { &["zz"] } else { &[] };
        let (config, findings, refused) = reading(&format!("{SINKS}{sinks}{more}"), &known, unreadable);
        prop_assert_eq!(refused, findings.iter().any(|line| line.contains(": error: ")));
        if !refused {
            let names: BTreeSet<&str> = config.sinks.iter().map(|sink| sink.name.as_str()).collect();
            prop_assert_eq!(names.len(), config.sinks.len());
            for route in &config.routing.routes {
                let steps = route.escalation.iter().map(|step| &step.sinks);
                for to in std::iter::once(&route.sinks).chain(steps) {
                    prop_assert!(!to.is_empty() && to.iter().all(|sink| names.contains(sink.as_str())));
                }
                prop_assert!(route.escalation.is_sorted_by(|one, next| one.after < next.after));
            }
        }
    }

    #[test]
    fn no_text_panics(text in "[a-z=\\[\\]{}'\", \n#.0-9é]{0,200}") {
        let source = Source::new(Path::new("x"), format!("[[alerts.route]]\n{text}"));
        let report = Report::new(&source);
        if let Some(tree) = tree::parse(&report) {
            let tree = tree.into_inner();
            let root = Section::root(&report, &tree);
            alerts::read(root.section_or_empty("alerts"));
            root.finish();
        }
        drop(report.into_findings());
    }
}
