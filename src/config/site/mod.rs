//! A site file to a [`DesiredSite`]: `[site]` and `[manager]` here, the rest one file a table. Other files of the fleet
//! are not looked at.

mod providers;
mod registration;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::daemon::{APPROVAL_RULES, DEVICE_SETTLES};
use super::report::{Located, Place, Report};
use super::tree::{self, Section};
use super::{maintenance, secret_ref, value};
use crate::domain::desired::{
    ApprovalRule, DesiredManager, DesiredSite, DigestPolicy, Mode, RegistrationPolicy, Trigger, WindowClock,
    WindowStart,
};
use crate::domain::device_text;
use crate::domain::ids::{Ipui, Mac, SiteName};
use crate::domain::secret::SecretRef;

/// What a site file gave.
#[derive(Debug, Default)]
pub(super) struct SiteReading {
    /// `None` when errors leave no value; any error is in the report.
    pub(super) site: Option<DesiredSite>,
    /// What must be unique in the fleet, of a file with errors elsewhere too.
    pub(super) marks: Marks,
}

/// What must be unique in the fleet, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) mac: Option<Located<Mac>>,
    /// Host and port of the manager.
    pub(super) address: Option<Located<(String, u16)>>,
    pub(super) ipuis: Vec<Located<Ipui>>,
    /// Where the file asks n720d to serve its manager, if it does.
    pub(super) served: Option<Place>,
}

/// What `n720d.toml` says of sites whose own file does not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    /// Who has to approve.
    pub(super) approval: ApprovalRule,
    /// Whether there is a maintenance window.
    pub(super) has_maintenance: bool,
}

/// Reads a site file; what is wrong is in the report.
pub(super) fn read(report: &Report<'_>, name: SiteName, defaults: Defaults) -> SiteReading {
    let Some(tree) = tree::parse(report) else { return SiteReading::default() };
    let tree = tree.into_inner();
    let root = Section::root(report, &tree);
    let head = head(root.section_or_empty("site"));
    let manager = manager(root.section_or_empty("manager"));
    let clock = registration::Clock { zone: head.time_zone, written_in: manager.window_clock };
    let registration = root.section("registration").and_then(|section| registration::read(section, clock));
    let providers = providers::read(root.sections("provider", Some("index")));
    let slots = slots::read(root.sections("slot", Some("number")), &providers);
    let maintenance =
        root.section("maintenance").and_then(|section| maintenance::read(section, DEVICE_SETTLES));
    doubts(&root, registration.as_ref(), manager.trigger, !slots.ipuis.is_empty());
    if manager.trigger == Trigger::None
        && head.mode == Mode::Manage
        && (defaults.has_maintenance || root.has("maintenance"))
    {
        let found = "\"none\", with a maintenance window";
        let expected =
            "a trigger: what the manager has not fetched by itself before the window ends is withdrawn";
        report.warn(&manager.trigger_at, found, expected);
    }
    root.finish();

    let served = match head.mode {
        Mode::Manage => Some(head.mode_at),
        Mode::Observe => manager.enrol.clone().filter(|enrol| enrol.value).map(|enrol| enrol.place),
    };
    let marks =
        Marks { mac: manager.mac.clone(), address: manager.address.clone(), ipuis: slots.ipuis, served };
    let site = match (head.time_zone, manager.complete()) {
        (Some(time_zone), Some(manager)) => Some(DesiredSite {
            name,
            description: head.description,
            contact: head.contact,
            labels: head.labels,
            time_zone,
            mode: head.mode,
            manager,
            registration,
            providers: providers.listed,
            maintenance,
            approval: head.approval.unwrap_or(defaults.approval),
            slots: slots.listed,
        }),
        _ => None,
    };
    SiteReading { site, marks }
}

/// What is allowed, but probably not meant.
fn doubts(root: &Section<'_>, policy: Option<&RegistrationPolicy>, trigger: Trigger, reserves: bool) {
    if reserves && !root.has("registration") {
        let expected = "a table [registration]: without a window, the manager lets no handset in by its IPUI";
        root.report.warn(&root.place_of("registration"), "nothing, though slots have an ipui", expected);
    }
    if trigger == Trigger::None && policy.is_some_and(|policy| policy.start == WindowStart::WhenReleased) {
        let expected = "a start, or a trigger: left alone, the manager fetches the window up to 24 h later";
        root.report.warn(&root.place_of("registration"), "no start, and trigger = \"none\"", expected);
    }
    let again =
        policy.filter(|policy| policy.reopen > 0 || matches!(policy.start, WindowStart::Recurring(_)));
    if trigger == Trigger::None && again.is_some() {
        let expected =
            "a trigger: left alone, the manager may fetch a window that is opened again when it is over";
        root.report.warn(
            &root.place_of("registration"),
            "reopen or schedule, and trigger = \"none\"",
            expected,
        );
    }
}

/// `[site]`.
struct Head {
    description: String,
    contact: String,
    labels: BTreeMap<String, String>,
    time_zone: Option<Tz>,
    mode: Mode,
    mode_at: Place,
    approval: Option<ApprovalRule>,
}

fn head(section: Section<'_>) -> Head {
    section.require(
        "time_zone",
        "the IANA name of the time zone of the manager's clock, like \"Europe/Berlin\"",
    );
    let zone = section.string("time_zone").and_then(|text| section.report.checked(text, value::time_zone));
    let mode = section.word("mode", &[("observe", Mode::Observe), ("manage", Mode::Manage)]);
    let description = section.string("description").map_or("", |text| text.value).to_owned();
    let contact = section.string("contact").map_or("", |text| text.value).to_owned();
    let labels = section.map("labels").into_iter().map(|(key, text)| (key.to_owned(), text.value.to_owned()));
    let labels = labels.collect();
    let mode_at = section.place_of("mode");
    let approval = section.word("approval", &APPROVAL_RULES);
    section.finish();
    Head {
        description,
        contact,
        labels,
        time_zone: zone.map(|zone| zone.value),
        mode: mode.map_or(Mode::Observe, |mode| mode.value),
        mode_at,
        approval: approval.map(|rule| rule.value),
    }
}

/// `[manager]`.
struct ManagerReading {
    address: Option<Located<(String, u16)>>,
    mac: Option<Located<Mac>>,
    password: Option<SecretRef>,
    trigger: Trigger,
    trigger_at: Place,
    window_clock: WindowClock,
    sip_port: u16,
    enrol: Option<Located<bool>>,
    digest: Option<DigestPolicy>,
}

impl ManagerReading {
    fn complete(self) -> Option<DesiredManager> {
        let (host, port) = self.address?.value;
        Some(DesiredManager {
            host,
            port,
            mac: self.mac?.value,
            password: self.password?,
            trigger: self.trigger,
            window_clock: self.window_clock,
            sip_port: self.sip_port,
            enrol: self.enrol.is_some_and(|enrol| enrol.value),
            digest: self.digest,
        })
    }
}

fn manager(section: Section<'_>) -> ManagerReading {
    let report = section.report;
    section.require("url", "the address of the manager's web interface, like \"http://10.20.0.2\"");
    section.require("mac", "the manager's MAC address, like \"7C2F80CA21E4\"");
    section.require("password", secret_ref::NOTATION);
    let triggers = [("web", Trigger::Web), ("check-sync", Trigger::CheckSync), ("none", Trigger::None)];
    let clocks = [("local", WindowClock::Local), ("utc", WindowClock::Utc)];
    let reading = ManagerReading {
        address: section.string("url").and_then(|text| report.checked(text, value::manager_url)),
        mac: section.parsed("mac"),
        password: secret(&section, "password", |text| {
            let legal = (1..=20).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric());
            if legal {
                Ok(())
            } else {
                Err("1 to 20 of 0-9 A-Z a-z, as the N720's web interface takes".to_owned())
            }
        }),
        trigger: section.word("trigger", &triggers).map_or(Trigger::Web, |trigger| trigger.value),
        trigger_at: section.place_of("trigger"),
        window_clock: section.word("window_clock", &clocks).map_or(WindowClock::Local, |clock| clock.value),
        sip_port: section.integer("sip_port", 1..=u16::MAX).map_or(5060, |port| port.value),
        enrol: section.boolean("enrol"),
        digest: section.section("digest").map(digest),
    };
    section.finish();
    reading
}

/// `[manager.digest]`: the tail of the MAC-ID, or a user with a password, or both.
fn digest(section: Section<'_>) -> DigestPolicy {
    let tail = secret(&section, "mac_id_tail", |text| {
        let legal = text.len() == 4 && text.chars().all(|c| c.is_ascii_alphanumeric());
        if legal { Ok(()) } else { Err("the four characters behind the MAC in the MAC-ID".to_owned()) }
    });
    let user = section.string("user");
    let password = secret(&section, "password", |text| device_text::check_secret(text, LONGEST_DIGEST));
    match (section.has("user"), section.has("password")) {
        (true, false) => section.require("password", "the password that goes with the user"),
        (false, true) => section.require("user", "the user that the password belongs to"),
        (false, false) if !section.has("mac_id_tail") => {
            section.report.error(&section.place, "neither mac_id_tail nor user", "at least one of them");
        }
        (true, true) | (false, false) => {}
    }
    let user = user.and_then(|text| {
        section.report.checked(text, |text| match text {
            "" => Err("a user name".to_owned()),
            _ if text.contains(':') => Err("a user name without a colon".to_owned()),
            _ => device_text::check(text, LONGEST_DIGEST).map(|()| text.to_owned()),
        })
    });
    section.finish();
    DigestPolicy { mac_id_tail: tail, user: user.map(|user| user.value).zip(password) }
}

/// User and password of HTTP Digest; the device says no limit, its other texts have this one.
const LONGEST_DIGEST: usize = 74;

/// A reference to a secret. A literal is checked as far as it can be; what was found is not shown.
fn secret(
    section: &Section<'_>,
    key: &'static str,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Option<SecretRef> {
    let reference = secret_ref::read(section, key)?;
    if let SecretRef::Literal(secret) = &reference.value
        && let Err(expected) = check(secret.expose())
    {
        section.report.error(&reference.place, "a secret of another form (not shown)", expected);
        return None;
    }
    Some(reference.value)
}
