//! The files of an operator: `n720d.toml` and site files, put together key by key.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use chrono::{DateTime, Timelike, Utc};
use chrono_tz::Europe::Berlin;
use n720_sim::Device;

/// What a test sets of `n720d.toml`; all times are short.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) interval: &'static str,
    pub(crate) interval_open: &'static str,
    pub(crate) settle: &'static str,
    pub(crate) timeout: &'static str,
    /// A schedule.
    pub(crate) audit: &'static str,
    /// As a list of TOML.
    pub(crate) before_close: &'static str,
    /// As a list of TOML.
    pub(crate) allow: &'static str,
    /// How long messages are gathered.
    pub(crate) group_wait: &'static str,
    /// More lines of `[alerts]`.
    pub(crate) alerts: &'static str,
    /// Lines at the end.
    pub(crate) more: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: "2s",
            interval_open: "1s",
            settle: "2s",
            timeout: "20s",
            audit: "30 3 * * *",
            before_close: "['2s']",
            allow: "['127.0.0.0/8']",
            group_wait: "0s",
            alerts: "",
            more: String::new(),
        }
    }
}

impl Settings {
    /// The text of `n720d.toml`.
    pub(crate) fn text(&self, state: &Path, provisioning: SocketAddr, api: SocketAddr, hook: &str) -> String {
        let Self { interval, interval_open, settle, timeout, audit, before_close, .. } = self;
        let Self { allow, group_wait, alerts, more, .. } = self;
        format!(
            "sites_dir = 'sites'\nstate_dir = '{}'\n[poll]\ninterval = '{interval}'\ninterval_open = \
             '{interval_open}'\njitter = '0%'\ntimeout = '{timeout}'\nsettle = '{settle}'\naudit = '{audit}'\n[provisioning]\nlisten = \
             '{provisioning}'\npublic_url = 'http://{provisioning}'\nallow = {allow}\n[api]\nlisten = \
             '{api}'\n[alerts]\nbefore_close = {before_close}\ngroup_wait = \
             '{group_wait}'\n{alerts}\n[[alerts.sink]]\ntype = 'webhook'\nurl = '{hook}'\nsecret \
             = 'env:WEBHOOK_KEY'\n{more}",
            state.display()
        )
    }
}

/// A site file in the making: managed, enrolled, told by web, with PIN 0000.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    url: String,
    mac: String,
    sip_port: u16,
    pub(crate) mode: &'static str,
    pub(crate) trigger: &'static str,
    pub(crate) enrol: bool,
    pub(crate) password: String,
    /// The length of the registration window; `None`: no such table.
    pub(crate) window: Option<&'static str>,
    pub(crate) reopen: u8,
    pub(crate) pin: &'static str,
    /// Whole lines of `[manager]`.
    manager: Vec<String>,
    /// Whole lines of `[registration]`.
    registration: Vec<String>,
    /// Lines of `[manager.digest]`.
    pub(crate) digest: Option<&'static str>,
    slots: Vec<String>,
}

impl Site {
    /// Of this manager, without slots, with a window of five minutes.
    pub(crate) fn of(device: &Device) -> Self {
        Self {
            url: device.url(),
            mac: device.mac().to_string(),
            sip_port: device.sip_addr().port(),
            mode: "manage",
            trigger: "web",
            enrol: true,
            password: "file:../web.secret".to_owned(),
            window: Some("5m"),
            reopen: 0,
            pin: "0000",
            manager: Vec::new(),
            registration: Vec::new(),
            digest: None,
            slots: Vec::new(),
        }
    }

    /// The same with another MAC.
    pub(crate) fn mac(mut self, mac: &str) -> Self {
        mac.clone_into(&mut self.mac);
        self
    }

    /// Whatever else is to be different.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a line to `[manager]`.
    pub(crate) fn manager(mut self, line: &str) -> Self {
        self.manager.push(line.to_owned());
        self
    }

    /// Adds a line to `[registration]`.
    pub(crate) fn registration(mut self, line: &str) -> Self {
        self.registration.push(line.to_owned());
        self
    }

    /// With a window that begins once, at this minute.
    pub(crate) fn starts(self, minute: DateTime<Utc>) -> Self {
        let local = minute.with_timezone(&Berlin);
        self.registration(&format!("start = '{}'", local.format("%Y-%m-%dT%H:%M%:z")))
    }

    /// With a window that begins every day at the time of day that this minute has.
    pub(crate) fn recurs_daily(self, minute: DateTime<Utc>) -> Self {
        let local = minute.with_timezone(&Berlin);
        self.registration(&format!("schedule = '{} {} * * *'", local.minute(), local.hour()))
    }

    /// Lists a slot with account and handset.
    pub(crate) fn slot(mut self, number: u8, ipui: &str, user: &str, name: &str) -> Self {
        self.slots.push(format!(
            "number = {number}\nipui = '{ipui}'\ndisplay_name = '{name}'\nsip = {{ user = '{user}', login = '{user}', \
             password = 'env:SIP_PASSWORD' }}\n"
        ));
        self
    }

    /// Lists a slot with an account and no handset.
    pub(crate) fn account(mut self, number: u8, user: &str, name: &str) -> Self {
        let sip = format!("sip = {{ user = '{user}', password = 'env:SIP_PASSWORD' }}");
        self.slots.push(format!("number = {number}\ndisplay_name = '{name}'\n{sip}\n"));
        self
    }

    /// Lists a slot to be emptied.
    pub(crate) fn absent(mut self, number: u8) -> Self {
        self.slots.push(format!("number = {number}\nstate = 'absent'\n"));
        self
    }

    /// The text of the site file.
    pub(crate) fn text(&self) -> String {
        let Self { url, mac, sip_port, mode, trigger, enrol, password, reopen, pin, .. } = self;
        let mut text = format!(
            "[site]\ndescription = 'A site'\ntime_zone = 'Europe/Berlin'\nlabels = {{ customer = 'acme' }}\nmode = \
             '{mode}'\n[manager]\nurl = '{url}'\nmac = '{mac}'\npassword = '{password}'\ntrigger = \
             '{trigger}'\nsip_port = {sip_port}\nenrol = {enrol}\n{}",
            lines(&self.manager)
        );
        if let Some(lines) = self.digest {
            write!(text, "[manager.digest]\n{lines}\n").unwrap();
        }
        if let Some(window) = self.window {
            let more = lines(&self.registration);
            write!(text, "[registration]\nduration = '{window}'\npin = '{pin}'\nreopen = {reopen}\n{more}")
                .unwrap();
        }
        text.push_str(
            "[[provider]]\nindex = 0\nname = 'PBX'\ndomain = 'pbx.example.net'\nserver = 'pbx.example.net'\n",
        );
        for slot in &self.slots {
            write!(text, "[[slot]]\n{slot}").unwrap();
        }
        text
    }
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
