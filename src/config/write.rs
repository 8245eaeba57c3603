//! The writer of site files: what a site file asks for, and what is remarked on it, to text that `site` reads back as the
//! same. The only place that writes TOML. It chooses nothing, and it holds no secret: references are written by name.

use std::fmt::Write as _;
use std::time::Duration;

use toml_edit::{InlineTable, Key, Value};

use crate::domain::adoption::{Draft, Spot};
use crate::domain::desired::{
    ApprovalRule, DesiredManager, DesiredSite, DesiredSlot, DigestPolicy, PresentSlot, Provider,
    RegistrationPolicy, SipAccount, Trigger, WindowClock, WindowDuration, WindowStart,
};
use crate::domain::ids::{ProviderIndex, SlotNumber};
use crate::domain::maintenance::MaintenanceWindow;

/// Remarks above a table are broken at this width.
const WIDTH: usize = 118;

/// What an adopted site needs before its handsets can come in, for a person to fill in.
const REGISTRATION_EXAMPLE: &str = "\
# Without this table no window is opened and the PIN stays as it is:
#[registration]
#duration = \"20h\"
#pin      = \"0000\"
#reopen   = 0
";

/// The text of a site file.
pub fn site_file(draft: &Draft) -> String {
    let Draft { site, remarks, unread: _ } = draft;
    let mut text = Text::default();
    text.remarks(remarks.at(Spot::Top));
    text.gap();
    head(&mut text, draft);
    manager(&mut text, draft);
    match &site.registration {
        Some(policy) => registration(&mut text, policy),
        None => text.block(REGISTRATION_EXAMPLE),
    }
    if let Some(window) = &site.maintenance {
        maintenance(&mut text, window);
    }
    for (&index, of_index) in &site.providers {
        text.remarks(remarks.at(Spot::Provider(index)));
        provider(&mut text, index, of_index);
    }
    text.remarks(remarks.at(Spot::Slots));
    if !remarks.at(Spot::Slots).is_empty() {
        text.gap();
    }
    let numbers = site.slots.keys().copied().chain(remarks.slots());
    for number in numbers.collect::<std::collections::BTreeSet<_>>() {
        text.remarks(remarks.at(Spot::Slot(number)));
        match site.slots.get(&number) {
            Some(of_number) => slot(&mut text, draft, number, of_number),
            None => text.gap(),
        }
    }
    text.remarks(remarks.at(Spot::End));
    text.finish()
}

fn head(text: &mut Text, draft: &Draft) {
    let DesiredSite { description, contact, labels, time_zone, mode, approval, .. } = &draft.site;
    let remarks = |spot| draft.remarks.at(spot);
    let mut table = Table::default();
    table.line("description", string(description), remarks(Spot::Description));
    if !contact.is_empty() {
        table.line("contact", string(contact), &[]);
    }
    table.line("time_zone", string(time_zone.name()), remarks(Spot::TimeZone));
    if !labels.is_empty() {
        let labels = labels.iter().map(|(key, value)| (Key::new(key), Value::from(value)));
        table.line("labels", Value::InlineTable(labels.collect()), &[]);
    }
    table.line("mode", string(mode.as_str()), remarks(Spot::Mode));
    match approval {
        // Left out, n720d.toml says who: never less than one person.
        ApprovalRule::OnePerson => {}
        ApprovalRule::SecondPerson => table.line("approval", string("second-person"), &[]),
    }
    text.table("[site]", &table);
}

fn manager(text: &mut Text, draft: &Draft) {
    let DesiredManager { host, port, mac, password, trigger, window_clock, sip_port, enrol, digest } =
        &draft.site.manager;
    let mut table = Table::default();
    let url = if *port == 80 { format!("http://{host}") } else { format!("http://{host}:{port}") };
    table.line("url", string(&url), &[]);
    table.line("mac", string(&mac.to_string()), &[]);
    table.line("password", string(&password.to_string()), draft.remarks.at(Spot::Password));
    match trigger {
        Trigger::Web => {}
        Trigger::CheckSync => table.line("trigger", string("check-sync"), &[]),
        Trigger::None => table.line("trigger", string("none"), &[]),
    }
    match window_clock {
        WindowClock::Local => {}
        WindowClock::Utc => table.line("window_clock", string("utc"), &[]),
    }
    if *sip_port != 5060 {
        table.line("sip_port", number(*sip_port), &[]);
    }
    if *enrol {
        table.line("enrol", Value::from(true), &[]);
    }
    text.table("[manager]", &table);
    if let Some(DigestPolicy { mac_id_tail, user }) = digest {
        let mut table = Table::default();
        if let Some(tail) = mac_id_tail {
            table.line("mac_id_tail", string(&tail.to_string()), &[]);
        }
        if let Some((user, password)) = user {
            table.line("user", string(user), &[]);
            table.line("password", string(&password.to_string()), &[]);
        }
        text.table("[manager.digest]", &table);
    }
}

fn registration(text: &mut Text, policy: &RegistrationPolicy) {
    let RegistrationPolicy { start, duration, pin, reopen, reopen_schedule, close_when_filled } = policy;
    let mut table = Table::default();
    match start {
        WindowStart::At(at) => {
            table.line("start", string(&at.format("%Y-%m-%dT%H:%M%:z").to_string()), &[]);
        }
        WindowStart::WhenReleased => {}
        WindowStart::Recurring(schedule) => table.line("schedule", string(&schedule.to_string()), &[]),
    }
    let length = match duration {
        WindowDuration::Seconds(seconds) => span(Duration::from_secs(u64::from(*seconds))),
        WindowDuration::Always => "always".to_owned(),
    };
    table.line("duration", string(&length), &[]);
    if let Some(pin) = pin {
        table.line("pin", string(&pin.to_string()), &[]);
    }
    table.line("reopen", number(*reopen), &[]);
    if let Some(schedule) = reopen_schedule {
        table.line("reopen_schedule", string(&schedule.to_string()), &[]);
    }
    if *close_when_filled {
        table.line("close_when_filled", Value::from(true), &[]);
    }
    text.table("[registration]", &table);
}

fn maintenance(text: &mut Text, window: &MaintenanceWindow) {
    let MaintenanceWindow { start, length, time_zone } = window;
    let mut table = Table::default();
    table.line("start", string(&start.to_string()), &[]);
    table.line("length", string(&span(*length)), &[]);
    if let Some(zone) = time_zone {
        table.line("time_zone", string(zone.name()), &[]);
    }
    text.table("[maintenance]", &table);
}

fn provider(text: &mut Text, index: ProviderIndex, provider: &Provider) {
    let Provider {
        name,
        domain,
        server,
        port,
        registrar,
        registrar_port,
        outbound_proxy_mode,
        outbound_proxy,
        outbound_proxy_port,
    } = provider;
    let mut table = Table::default();
    table.line("index", number(index.index()), &[]);
    table.text("name", name.as_deref());
    table.text("domain", domain.as_deref());
    table.text("server", server.as_deref());
    table.number("port", *port);
    table.text("registrar", registrar.as_deref());
    table.number("registrar_port", *registrar_port);
    table.number("outbound_proxy_mode", *outbound_proxy_mode);
    table.text("outbound_proxy", outbound_proxy.as_deref());
    table.number("outbound_proxy_port", *outbound_proxy_port);
    text.table("[[provider]]", &table);
}

fn slot(text: &mut Text, draft: &Draft, index: SlotNumber, slot: &DesiredSlot) {
    let mut table = Table::default();
    table.line("number", number(index.number()), &[]);
    match slot {
        DesiredSlot::Absent => table.line("state", string("absent"), &[]),
        DesiredSlot::Present(PresentSlot { ipui, display_name, sip, mailbox }) => {
            if let Some(ipui) = ipui {
                table.line("ipui", string(&ipui.to_string()), draft.remarks.at(Spot::Handset(index)));
            }
            table.text("display_name", display_name.as_deref());
            if let Some(sip) = sip {
                table.line("sip", account(sip), draft.remarks.at(Spot::Account(index)));
            }
            table.text("mailbox", mailbox.as_deref());
        }
    }
    text.table("[[slot]]", &table);
}

fn account(sip: &SipAccount) -> Value {
    let SipAccount { user, login, password, account_name, provider } = sip;
    let mut table = InlineTable::new();
    table.insert("user", string(user));
    table.insert("login", string(login));
    if account_name != user {
        table.insert("account_name", string(account_name));
    }
    if let Some(password) = password {
        table.insert("password", string(&password.to_string()));
    }
    table.insert("provider", number(provider.index()));
    Value::InlineTable(table)
}

fn string(text: &str) -> Value {
    Value::from(text)
}

fn number(number: impl Into<i64>) -> Value {
    Value::from(number.into())
}

/// A span of time as site files write it, like `1d2h`.
fn span(length: Duration) -> String {
    let mut rest = length.as_secs();
    let mut text = String::new();
    for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        // Writing to a text cannot fail.
        if rest >= seconds {
            let _ = write!(text, "{}{unit}", rest / seconds);
        }
        rest %= seconds;
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The lines of a table, each with a remark behind it.
#[derive(Default)]
struct Table<'a>(Vec<(&'static str, Value, &'a [String])>);

impl<'a> Table<'a> {
    fn line(&mut self, key: &'static str, value: Value, remarks: &'a [String]) {
        self.0.push((key, value, remarks));
    }

    fn text(&mut self, key: &'static str, text: Option<&str>) {
        self.0.extend(text.map(|text| (key, string(text), &[][..])));
    }

    fn number(&mut self, key: &'static str, value: Option<impl Into<i64>>) {
        self.0.extend(value.map(|value| (key, number(value), &[][..])));
    }
}

/// A file in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    /// A table with its heading; the equals signs stand below each other.
    fn table(&mut self, heading: &str, table: &Table<'_>) {
        let width = table.0.iter().map(|(key, ..)| key.len()).max().unwrap_or_default();
        self.push(heading);
        for (key, value, remarks) in &table.0 {
            let value = value.to_string();
            let behind =
                if remarks.is_empty() { String::new() } else { format!("  # {}", remarks.join("; ")) };
            self.push(&format!("{key:width$} = {}{}", value.trim(), harmless(&behind)));
        }
        self.gap();
    }

    /// Lines that are a comment already.
    fn block(&mut self, lines: &str) {
        lines.lines().for_each(|line| self.push(line));
        self.gap();
    }

    /// A comment a remark, broken between words.
    fn remarks(&mut self, remarks: &[String]) {
        for remark in remarks {
            let mut line = String::from("#");
            for word in harmless(remark).split(' ') {
                if line.chars().count() + word.chars().count() >= WIDTH && line != "#" {
                    self.push(&std::mem::replace(&mut line, String::from("#")));
                }
                line.push(' ');
                line.push_str(word);
            }
            self.push(&line);
        }
    }

    fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// An empty line, unless there is one.
    fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    fn finish(self) -> String {
        format!("{}\n", self.0.trim_end())
    }
}

/// What may stand in a comment: no control character ends it or is refused in it.
fn harmless(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
