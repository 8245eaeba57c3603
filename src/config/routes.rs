//! `[[alerts.route]]`: which alerts go to which sinks, and to whom they are passed on. What a route means for an alert is
//! `alerting`'s part.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::maintenance;
use super::report::{Located, Place, Report, quoted};
use super::sinks;
use super::tree::{Section, closest};
use super::value;
use crate::domain::alert::{AlertKind, Severity};
use crate::domain::attention::Matcher;
use crate::domain::ids::{NotA, SiteName};
use crate::domain::routing::{Escalation, GroupBy, Route, Routing};

#[cfg(test)]
mod tests;

const SINKS: &str = "a list of names of sinks";
const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

/// What the routes of a file came to.
#[derive(Debug, Default)]
pub(super) struct RoutesReading {
    pub(super) routing: Routing,
    /// What has to be compared with the site files.
    pub(super) marks: Marks,
}

/// What of the routes can only be judged when the sites are known, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Marks {
    routes: Vec<RouteMarks>,
    /// Labels that messages are gathered by.
    pub(super) gathered_by: Vec<Located<String>>,
}

#[derive(Debug)]
struct RouteMarks {
    place: Place,
    of: Matcher,
    sites: Vec<Located<SiteName>>,
    labels: Vec<(String, Located<String>)>,
}

/// The sites that there are, as far as their files can be read.
#[derive(Debug)]
pub(super) struct KnownSites<'a> {
    /// By name, with their labels.
    pub(super) labels: BTreeMap<&'a SiteName, &'a BTreeMap<String, String>>,
    /// Names of files that cannot be used: what is in them is not known.
    pub(super) unreadable: BTreeSet<&'a str>,
}

/// Reads all routes; `sinks` are the names of all sinks. What is wrong is in the report.
pub(super) fn read(alerts: &Section<'_>, sinks: &[Located<String>]) -> RoutesReading {
    let mut reading = RoutesReading::default();
    let mut used = BTreeSet::new();
    let mut names = BTreeSet::new();
    let sections = alerts.sections("route", None);
    let first = sections.first().map(|section| section.place.clone());
    for (number, section) in (1..).zip(sections) {
        let name = section.string("name").and_then(|text| section.report.checked(text, sinks::name));
        let name = name.map_or_else(|| format!("route-{number}"), |name| name.value);
        if !names.insert(name.clone()) {
            let found = format!("{}, which another route has too", quoted(&name));
            section.report.error(&section.place_of("name"), found, "a name used once");
        }
        let marks = marks(&section);
        let group_by = section.strings("group_by");
        let by = group_by.as_ref().map_or(GroupBy::Site, |labels| {
            GroupBy::Labels(labels.iter().map(|label| label.value.to_owned()).collect())
        });
        reading.marks.gathered_by.extend(group_by.into_iter().flatten().map(owned));
        // Of what is wrong in these there is an error in the report, with which no configuration comes about.
        let hours = section.section("hours").and_then(maintenance::hours);
        let to = named(&section, sinks);
        let mut told: BTreeSet<String> = to.iter().cloned().collect();
        let escalation = escalation(&section, sinks, &mut told);
        used.append(&mut told);
        section.finish();
        let route = Route { name, of: marks.of.clone(), hours, sinks: to, escalation, group_by: by };
        reading.routing.routes.push(route);
        reading.marks.routes.push(marks);
    }
    if let Some(first) = first {
        doubts(alerts.report, &first, &reading.marks, sinks, &used);
    }
    reading
}

fn owned(text: Located<&str>) -> Located<String> {
    let value = text.value.to_owned();
    text.with(value)
}

/// The sinks under `sinks`, each once.
fn named(section: &Section<'_>, sinks: &[Located<String>]) -> Vec<String> {
    section.require("sinks", SINKS);
    let report = section.report;
    let Some(texts) = section.strings("sinks") else { return Vec::new() };
    if texts.is_empty() {
        let expected = "at least one sink; what nobody is to hear of, `n720d silence` is for";
        report.error(&section.place_of("sinks"), "an empty list", expected);
    }
    let mut names = Vec::new();
    for text in texts {
        let place = text.place.clone();
        let Some(name) = report.checked(text, |text| known(text, sinks)) else { continue };
        if names.contains(&name.value) {
            report.error(&place, format!("{} again", quoted(&name.value)), "each sink once");
        } else {
            names.push(name.value);
        }
    }
    names
}

fn known(text: &str, sinks: &[Located<String>]) -> Result<String, String> {
    let mut names = sinks.iter().map(|name| name.value.as_str());
    if names.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(match closest(text, names.clone()) {
        Some(name) => format!("the name of a sink; did you mean {name:?}?"),
        None if sinks.len() <= 8 => {
            let all: Vec<String> = names.by_ref().map(quoted).collect();
            format!("the name of a sink: {}", all.join(" or "))
        }
        None => "the name of a sink".to_owned(),
    })
}

/// Which alerts, and where the sites and labels stand that it asks for.
fn marks(section: &Section<'_>) -> RouteMarks {
    let sites = list(section, "sites", |text| {
        text.parse::<SiteName>().map_err(|error: NotA| error.expected.to_owned())
    });
    let labels: Vec<(String, Located<String>)> =
        section.map("labels").into_iter().map(|(name, text)| (name.to_owned(), owned(text))).collect();
    let kinds = list(section, "kinds", kind);
    for kind in kinds.iter().filter(|kind| kind.value == AlertKind::SinkFailing) {
        let expected = "another kind: this one goes to all other sinks, whatever routes say";
        section.report.warn(&kind.place, quoted(kind.value.as_str()), expected);
    }
    let severity = section.word("severity", &SEVERITIES).map(|severity| severity.value);
    let of = Matcher {
        sites: sites.iter().map(|site| site.value.clone()).collect(),
        labels: labels.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect(),
        kinds: kinds.into_iter().map(|kind| kind.value).collect(),
        severity,
    };
    RouteMarks { place: section.place.clone(), of, sites, labels }
}

fn list<T>(
    section: &Section<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Vec<Located<T>> {
    let Some(texts) = section.strings(key) else { return Vec::new() };
    if texts.is_empty() {
        let expected = format!("at least one, or no key {key}, which means all");
        section.report.error(&section.place_of(key), "an empty list", expected);
    }
    texts.into_iter().filter_map(|text| section.report.checked(text, &parse)).collect()
}

fn kind(text: &str) -> Result<AlertKind, String> {
    let kinds = || AlertKind::ALL.into_iter().filter(|kind| *kind != AlertKind::Test);
    kinds().find(|kind| kind.as_str() == text).ok_or_else(|| {
        match closest(text, kinds().map(AlertKind::as_str)) {
            Some(word) => format!("a kind of alert; did you mean {word:?}?"),
            None => "a kind of alert, like \"handset-lost\"".to_owned(),
        }
    })
}

/// Who comes after whom. `told` are the sinks that are told before.
fn escalation(
    section: &Section<'_>,
    sinks: &[Located<String>],
    told: &mut BTreeSet<String>,
) -> Vec<Escalation> {
    let report = section.report;
    let mut steps = Vec::new();
    let mut before: Option<Duration> = None;
    for step in section.sections("escalate", None) {
        step.require("after", "a duration, like 30m");
        let after = step.string("after").and_then(|text| report.checked(text, value::positive_duration));
        let to = named(&step, sinks);
        if let Some(after) = &after {
            if let Some(before) = before.filter(|before| *before >= after.value) {
                let found = format!("{} s", after.value.as_secs());
                let expected = format!("more than the step before has, {} s", before.as_secs());
                report.error(&after.place, found, expected);
            }
            before = Some(after.value);
        }
        for name in to.iter().filter(|name| !told.insert((*name).clone())) {
            let expected = "a sink that is not told before";
            report.warn(&step.place_of("sinks"), quoted(name), expected);
        }
        step.finish();
        steps.extend(after.map(|after| Escalation { after: after.value, sinks: to }));
    }
    steps
}

/// What is allowed, but probably not meant.
fn doubts(
    report: &Report<'_>,
    first: &Place,
    marks: &Marks,
    sinks: &[Located<String>],
    used: &BTreeSet<String>,
) {
    let everything = marks.routes.iter().any(|route| is_everything(&route.of));
    if !everything && sinks.len() > 1 {
        let place = Place { key: "alerts.route".to_owned(), ..first.clone() };
        let expected = "one without conditions too: what no route matches goes to every sink";
        report.warn(&place, "only routes with conditions", expected);
    }
    for sink in sinks.iter().filter(|sink| !used.contains(&sink.value)) {
        let found = format!("{}, which no route names", quoted(&sink.value));
        let rest = if everything {
            "it is told only of sinks that fail"
        } else {
            "it is told only what no route matches"
        };
        report.warn(&sink.place, found, format!("a route to it: {rest}"));
    }
}

/// Whether every alert is meant, whatever the hour.
fn is_everything(of: &Matcher) -> bool {
    Matcher { severity: of.severity.filter(|least| *least > Severity::Info), ..of.clone() }.is_everything()
}

/// Compares the routes with the sites: what no site has, no alert has.
pub(super) fn check_sites(report: &Report<'_>, marks: &Marks, known: &KnownSites<'_>) {
    if known.labels.is_empty() && known.unreadable.is_empty() {
        return;
    }
    for route in &marks.routes {
        let mut all_known = true;
        for site in &route.sites {
            all_known &= known.check_name(report, site);
        }
        for (name, value) in &route.labels {
            all_known &= known.check_label(report, name, Some(value), &value.place);
        }
        if all_known && known.unreadable.is_empty() && !known.concerned_by(&route.of) {
            let expected = "sites and labels that one site has at the same time: it never matches";
            report.warn(&route.place, "a route to which no site belongs", expected);
        }
    }
    for name in &marks.gathered_by {
        known.check_label(report, &name.value, None, &name.place);
    }
}

impl KnownSites<'_> {
    /// Whether there is a site of this name; if not, that is told.
    fn check_name(&self, report: &Report<'_>, site: &Located<SiteName>) -> bool {
        let name = site.value.as_str();
        if site.value.is_of_fleet() || self.labels.contains_key(&site.value) || self.unreadable.contains(name)
        {
            return true;
        }
        let names = self.labels.keys().map(|name| name.as_str()).chain(self.unreadable.iter().copied());
        let expected = match closest(name, names) {
            Some(meant) => format!("a site that has a file; did you mean {meant:?}?"),
            None => "a site that has a file".to_owned(),
        };
        report.warn(&site.place, quoted(name), expected);
        false
    }

    /// Whether some site has this label, with this value; if not, that is told.
    fn check_label(
        &self,
        report: &Report<'_>,
        name: &str,
        value: Option<&Located<String>>,
        place: &Place,
    ) -> bool {
        if !self.unreadable.is_empty() {
            return true;
        }
        let values: BTreeSet<&str> =
            self.labels.values().filter_map(|labels| labels.get(name)).map(String::as_str).collect();
        let (found, meant) = match value {
            _ if values.is_empty() => {
                let names = self.labels.values().flat_map(|labels| labels.keys()).map(String::as_str);
                (format!("a label {}", quoted(name)), closest(name, names))
            }
            Some(value) if !values.contains(value.value.as_str()) => {
                (quoted(&value.value), closest(&value.value, values))
            }
            Some(_) | None => return true,
        };
        let expected = match meant {
            Some(meant) => format!("what some site has under site.labels; did you mean {meant:?}?"),
            None => "what some site has under site.labels".to_owned(),
        };
        report.warn(place, found, expected);
        false
    }

    fn concerned_by(&self, of: &Matcher) -> bool {
        let none = BTreeMap::new();
        self.labels.iter().any(|(name, labels)| of.concerns(name, labels))
            || of.concerns(&SiteName::of_fleet(), &none)
    }
}
