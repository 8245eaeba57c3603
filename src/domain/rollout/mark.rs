//! The mark of a site: what tells two site files apart as far as a manager can notice. Named fields are fed into the hash
//! one by one, so that it stays the same from release to release of n720d.

use sha2::{Digest, Sha256};

use crate::domain::desired::{
    DesiredSite, DesiredSlot, PresentSlot, Provider, RegistrationPolicy, SipAccount, WindowDuration,
    WindowStart,
};
use crate::domain::secret::SecretRef;

/// The site file, as far as it may end up on a manager: mode, MAC, providers, slots with the references of their
/// passwords, and registration. Description, labels and how the manager is reached are left out.
///
/// A password that stands in the file itself goes in as it is: the mark is as secret as the database that keeps it.
pub fn mark(desired: &DesiredSite) -> String {
    let mut hash = Marked(Sha256::new());
    hash.field("mode", desired.mode.as_str());
    hash.field("mac", &desired.manager.mac.to_string());
    for (index, provider) in &desired.providers {
        hash.field("provider", &index.to_string());
        of_provider(&mut hash, provider);
    }
    for (number, slot) in &desired.slots {
        hash.field("slot", &number.to_string());
        match slot {
            DesiredSlot::Present(slot) => of_slot(&mut hash, slot),
            DesiredSlot::Absent => hash.field("state", "absent"),
        }
    }
    if let Some(policy) = &desired.registration {
        of_registration(&mut hash, policy);
    }
    hash.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn of_provider(hash: &mut Marked, provider: &Provider) {
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
    hash.maybe("name", name.as_deref());
    hash.maybe("domain", domain.as_deref());
    hash.maybe("server", server.as_deref());
    hash.maybe("port", port.map(|port| port.to_string()).as_deref());
    hash.maybe("registrar", registrar.as_deref());
    hash.maybe("registrar port", registrar_port.map(|port| port.to_string()).as_deref());
    hash.maybe("outbound proxy mode", outbound_proxy_mode.map(|mode| mode.to_string()).as_deref());
    hash.maybe("outbound proxy", outbound_proxy.as_deref());
    hash.maybe("outbound proxy port", outbound_proxy_port.map(|port| port.to_string()).as_deref());
}

fn of_slot(hash: &mut Marked, slot: &PresentSlot) {
    let PresentSlot { ipui, display_name, sip, mailbox } = slot;
    hash.maybe("ipui", ipui.map(|ipui| ipui.to_string()).as_deref());
    hash.maybe("display name", display_name.as_deref());
    hash.maybe("mailbox", mailbox.as_deref());
    if let Some(SipAccount { user, login, password, account_name, provider }) = sip {
        hash.field("user", user);
        hash.field("login", login);
        if let Some(reference) = password {
            of_secret(hash, reference);
        }
        hash.field("account name", account_name);
        hash.field("account provider", &provider.to_string());
    }
}

fn of_secret(hash: &mut Marked, reference: &SecretRef) {
    match reference {
        SecretRef::Literal(secret) => hash.field("password", secret.expose()),
        named @ (SecretRef::Keyring(_)
        | SecretRef::Credential(_)
        | SecretRef::File(_)
        | SecretRef::Env(_)) => hash.field("password in", &named.to_string()),
    }
}

fn of_registration(hash: &mut Marked, policy: &RegistrationPolicy) {
    let RegistrationPolicy { start, duration, pin, reopen, reopen_schedule, close_when_filled } = policy;
    match start {
        WindowStart::At(at) => hash.field("start at", &at.to_rfc3339()),
        WindowStart::WhenReleased => hash.field("start", "when released"),
        WindowStart::Recurring(schedule) => hash.field("start by schedule", &schedule.to_string()),
    }
    match duration {
        WindowDuration::Seconds(seconds) => hash.field("seconds", &seconds.to_string()),
        WindowDuration::Always => hash.field("length", "always"),
    }
    hash.maybe("pin", pin.map(|pin| pin.to_string()).as_deref());
    hash.field("reopen", &reopen.to_string());
    hash.maybe("reopen by schedule", reopen_schedule.as_ref().map(ToString::to_string).as_deref());
    hash.field("close when filled", if *close_when_filled { "yes" } else { "no" });
}

/// Fields with their lengths, so that no two rows of fields read the same.
struct Marked(Sha256);

impl Marked {
    fn field(&mut self, name: &str, value: &str) {
        for text in [name, value] {
            self.0.update((text.len() as u64).to_be_bytes());
            self.0.update(text.as_bytes());
        }
    }

    /// A field that is absent is not hashed: absent and empty differ.
    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;
    use crate::domain::desired::Mode;
    use crate::domain::secret::Secret;
    use crate::domain::world::{ipui, slot};

    fn changed(change: impl FnOnce(&mut DesiredSite)) -> bool {
        let mut desired = file(1, 3);
        let before = mark(&desired);
        change(&mut desired);
        mark(&desired) != before
    }

    fn present(desired: &mut DesiredSite, change: impl FnOnce(&mut PresentSlot)) {
        if let Some(DesiredSlot::Present(slot)) = desired.slots.values_mut().next() {
            change(slot);
        }
    }

    fn account(desired: &mut DesiredSite, change: impl FnOnce(&mut SipAccount)) {
        present(desired, |slot| change(slot.sip.as_mut().unwrap()));
    }

    #[test]
    fn what_may_end_up_on_a_manager_changes_it() {
        assert!(changed(|site| site.manager.mac = "7C2F80CA21FF".parse().unwrap()));
        assert!(changed(|site| site.mode = Mode::Observe));
        assert!(changed(|site| present(site, |slot| slot.ipui = Some(ipui(77)))));
        assert!(changed(|site| present(site, |slot| slot.ipui = None)));
        assert!(changed(|site| present(site, |slot| slot.display_name = Some("Other".into()))));
        assert!(changed(|site| present(site, |slot| slot.mailbox = Some(String::new()))));
        assert!(changed(|site| account(site, |sip| sip.user = "77".into())));
        assert!(changed(|site| account(site, |sip| sip.login = "77".into())));
        assert!(changed(|site| account(site, |sip| sip.account_name = "77".into())));
        assert!(changed(|site| account(site, |sip| sip.password = Some(SecretRef::Env("OTHER".into())))));
        assert!(changed(|site| {
            site.slots.insert(slot(99), DesiredSlot::Absent);
        }));
        assert!(changed(|site| site.slots.clear()));
        assert!(changed(|site| site.providers.values_mut().for_each(|provider| provider.port = Some(5070))));
        assert!(changed(|site| site.registration = None));
    }

    #[test]
    fn what_a_manager_never_sees_does_not() {
        assert!(!changed(|_| {}));
        assert!(!changed(|site| site.description = "other".into()));
        assert!(!changed(|site| site.labels.clear()));
        assert!(!changed(|site| {
            site.labels.insert("canary".into(), "true".into());
        }));
        assert!(!changed(|site| site.manager.host = "10.9.9.9".into()));
    }

    #[test]
    fn an_empty_text_is_not_an_absent_one_and_a_password_in_the_file_counts() {
        let with = |mailbox: Option<&str>| {
            let mut desired = file(1, 3);
            present(&mut desired, |slot| slot.mailbox = mailbox.map(str::to_owned));
            mark(&desired)
        };
        assert_ne!(with(None), with(Some("")));
        let with = |password: SecretRef| {
            let mut desired = file(1, 3);
            account(&mut desired, |sip| sip.password = Some(password));
            mark(&desired)
        };
        let literal = |text: &str| SecretRef::Literal(Secret::new(text));
        assert_ne!(with(literal("one")), with(literal("two")));
        assert_ne!(with(literal("env:A")), with(SecretRef::Env("A".into())));
    }

    #[test]
    fn it_is_the_same_in_every_release_of_n720d() {
        let mut desired = file(1, 2);
        desired.slots.insert(slot(3), DesiredSlot::Absent);
        for provider in desired.providers.values_mut() {
            *provider = Provider {
                name: Some("PBX".into()),
                server: Some("pbx.example.net".into()),
                port: Some(5060),
                ..Provider::default()
            };
        }
        assert_eq!(mark(&desired), "5d4efcbaf82e6c5d1551fa46a3c413a1");
    }
}
