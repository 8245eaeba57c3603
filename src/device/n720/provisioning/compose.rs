//! From content to lines: which symbols a file holds and in which order, with every value checked on its way.
//!
//! The order is the one of Gigaset's own examples: providers, accounts, window, reservations, PIN.

use chrono::{Datelike, NaiveDateTime, Timelike};

use crate::domain::content::{AccountContent, HandsetCode, ReleaseContent, WindowContent};
use crate::domain::desired::{Pin, Provider};
use crate::domain::ids::{ProviderIndex, SlotNumber};
use crate::domain::secret::{MASK, Secret};

use super::Secrets;
use super::error::{Place, RenderError};
use super::line::{self, Line};
use super::value;

/// The device's limits in bytes, from the Provisioning Guide's table of symbols.
const LOGIN_BYTES: usize = 74;
const HOST_BYTES: usize = 74;
const DISPLAY_NAME_BYTES: usize = 32;
const MAILBOX_BYTES: usize = 32;
const PROVIDER_NAME_BYTES: usize = 14;

/// The lines of the file, or everything that stands against writing it.
pub(super) fn lines(content: &ReleaseContent, secrets: Secrets) -> Result<Vec<Line>, Vec<RenderError>> {
    let mut composer = Composer { secrets, lines: Vec::new(), errors: Vec::new() };
    for (index, provider) in &content.providers {
        composer.provider(*index, provider);
    }
    for (slot, wanted) in &content.slots {
        composer.account(*slot, &wanted.account);
    }
    if let Some(window) = &content.window {
        composer.window(window, content.reserves());
    }
    for (slot, wanted) in &content.slots {
        composer.handset(*slot, wanted.handset);
    }
    if let Some(pin) = content.pin {
        composer.pin(pin);
    }
    if composer.errors.is_empty() { Ok(composer.lines) } else { Err(composer.errors) }
}

struct Composer {
    secrets: Secrets,
    lines: Vec<Line>,
    errors: Vec<RenderError>,
}

impl Composer {
    fn provider(&mut self, index: ProviderIndex, provider: &Provider) {
        self.heading(format!("provider {index}"));
        let start = self.lines.len();
        let place = Place::Provider(index);
        let id = |symbol| line::provider(index, symbol);
        let name = provider.name.as_deref();
        self.text(place, "name", PROVIDER_NAME_BYTES, id("aucSIP_PROVIDER_NAME[0]"), name);
        self.text(place, "domain", HOST_BYTES, id("aucSIP_DOMAIN[0]"), provider.domain.as_deref());
        self.text(place, "server", HOST_BYTES, id("aucSIP_SERVER[0]"), provider.server.as_deref());
        self.port(id("uiSIP_SERVER_PORT"), provider.port);
        let registrar = provider.registrar.as_deref();
        self.text(place, "registrar", HOST_BYTES, id("aucSIP_REGISTRAR[0]"), registrar);
        self.port(id("uiSIP_REGISTRAR_PORT"), provider.registrar_port);
        if let Some(mode) = provider.outbound_proxy_mode {
            self.lines.push(line::number(id("ucOUTBOUND_PROXY_MODE"), mode));
        }
        let proxy = provider.outbound_proxy.as_deref();
        self.text(place, "outbound_proxy", HOST_BYTES, id("aucOUTBOUND_PROXY[0]"), proxy);
        self.port(id("uiOUTBOUND_PROXY_PORT"), provider.outbound_proxy_port);
        self.drop_bare_heading(start);
    }

    fn account(&mut self, slot: SlotNumber, account: &AccountContent) {
        self.heading(format!("slot {slot}"));
        let start = self.lines.len();
        let place = Place::Slot(slot);
        let id = |symbol| line::account(slot, symbol);
        if let Some(active) = account.active {
            self.lines.push(line::number(id("ucB_SIP_ACCOUNT_IS_ACTIVE_1"), active));
        }
        let login = account.login.as_deref();
        self.text(place, "sip.login", LOGIN_BYTES, id("aucS_SIP_LOGIN_ID[0]"), login);
        if let Some(password) = &account.password {
            self.secret(place, "sip.password", LOGIN_BYTES, id("aucS_SIP_PASSWORD[0]"), password);
        }
        self.text(place, "sip.user", LOGIN_BYTES, id("aucS_SIP_USER_ID[0]"), account.user.as_deref());
        let display_name = account.display_name.as_deref();
        self.text(place, "display_name", DISPLAY_NAME_BYTES, id("aucS_SIP_DISPLAYNAME[0]"), display_name);
        if let Some(provider) = account.provider {
            self.lines.push(line::number(id("ucVoipProviderIndex"), provider.index()));
        }
        if let Some(number) = account.mailbox.as_deref() {
            let given = Some(number).filter(|number| !number.is_empty());
            self.text(place, "mailbox", MAILBOX_BYTES, id("aucS_VOIP_NET_AM_NUMBER_1"), given);
            self.lines.push(line::number(id("ucB_VOIP_NET_AM_ENABLED_1"), given.is_some()));
        }
        // The guide gives no limit for the account's name; a site file holds it to that of the other names.
        let account_name = account.account_name.as_deref();
        self.text(place, "sip.account_name", LOGIN_BYTES, id("aucS_SIP_ACCOUNT_NAME_1[0]"), account_name);
        self.drop_bare_heading(start);
    }

    fn window(&mut self, window: &WindowContent, reserves: bool) {
        if !reserves {
            self.errors.push(RenderError::WindowWithoutReservation);
        }
        if !is_sayable(window.start) {
            self.errors.push(RenderError::WindowStart { start: window.start });
        }
        self.heading("registration window".to_owned());
        let start = window.start.format("%d%m%y%H%M").to_string();
        let timestamp = "BS_AE_Subscriber.acIPUIRegistrationTimestamp[0]".to_owned();
        self.lines.push(line::string(timestamp, &start));
        let duration = "BS_AE_Subscriber.ulIPUIRegistrationDuration".to_owned();
        self.lines.push(line::number(duration, window.seconds));
    }

    fn handset(&mut self, slot: SlotNumber, handset: Option<HandsetCode>) {
        let code = match handset {
            None => return,
            Some(HandsetCode::Reserve(ipui)) => ipui.bytes(),
            Some(HandsetCode::Clear) => [0; 5],
        };
        self.heading(format!("handset of slot {slot}"));
        self.lines.push(line::bytes(line::handset_code(slot), &code));
    }

    fn pin(&mut self, pin: Pin) {
        self.heading("registration PIN".to_owned());
        let random = "BS_CUSTOM.bit.UseRandomRegistrationPIN".to_owned();
        match pin {
            Pin::Random => self.lines.push(line::number(random, true)),
            Pin::Fixed(digits) if digits.iter().any(|digit| *digit > 9) => self.errors.push(RenderError::Pin),
            Pin::Fixed([a, b, c, d]) => {
                self.lines.push(line::number(random, false));
                let bcd = [a << 4 | b, c << 4 | d];
                self.lines.push(line::bytes("BS_CUSTOM.aucKdsPin[0]".to_owned(), &bcd));
            }
        }
    }

    /// A text that is mentioned, if it is, after its checks.
    fn text(&mut self, place: Place, field: &'static str, limit: usize, id: String, text: Option<&str>) {
        let Some(text) = text else { return };
        if let Some(found) = value::unsafe_character(text) {
            self.errors.push(RenderError::UnsafeCharacter { place, field, found });
        }
        self.limit(place, field, limit, text.len());
        self.lines.push(line::string(id, text));
    }

    /// The same for a secret, of which no error shows anything.
    fn secret(&mut self, place: Place, field: &'static str, limit: usize, id: String, secret: &Secret) {
        if value::unsafe_character(secret.expose()).is_some() {
            self.errors.push(RenderError::UnsafeSecret { place, field });
        }
        self.limit(place, field, limit, secret.expose().len());
        let text = match self.secrets {
            Secrets::Mask => MASK,
            Secrets::Reveal => secret.expose(),
        };
        self.lines.push(line::string(id, text));
    }

    /// Counts UTF-8 bytes, never fewer than the device will: it may keep names in UTF-8 or as the file has them.
    fn limit(&mut self, place: Place, field: &'static str, limit: usize, bytes: usize) {
        if bytes > limit {
            self.errors.push(RenderError::TooLong { place, field, bytes, limit });
        }
    }

    fn port(&mut self, id: String, port: Option<u16>) {
        if let Some(port) = port {
            self.lines.push(line::port(id, port));
        }
    }

    fn heading(&mut self, text: String) {
        self.lines.push(Line::Comment(text));
    }

    /// Takes a heading back that nothing follows; `start` is the number of lines right after it was written.
    fn drop_bare_heading(&mut self, start: usize) {
        if self.lines.len() == start {
            self.lines.pop();
        }
    }
}

/// Whether `ddmmyyhhii` says this time without losing any of it.
fn is_sayable(start: NaiveDateTime) -> bool {
    (2000..=2099).contains(&start.year()) && start.second() == 0 && start.nanosecond() == 0
}
