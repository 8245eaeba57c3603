//! Fingerprints: what tells two contents apart without giving either away. A keyed hash, so that a status page which
//! shows one gives nothing to guess a password with.
//!
//! No rendering and no choice here: equal values have equal fingerprints, and that is all.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use super::content::{AccountContent, HandsetCode, ReleaseContent, SlotContent, WindowContent};
use super::desired::{Pin, Provider};
use super::ids::{Mac, ProviderIndex, SlotNumber};
use super::release::Generation;
use super::secret::Secret;

/// Hex digits of a [`Generation`].
const DIGITS: usize = 12;

/// The site's random key. It never leaves the store, and masks itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SiteKey([u8; 32]);

impl SiteKey {
    /// Takes the key in.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }
}

impl fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteKey(********)")
    }
}

/// The identity of each part of a content, window apart: see [`sign_on_part`], [`labels_part`], [`handset_part`],
/// [`provider_part`], [`PIN_PART`]. Handset codes are a part of their own because only they can deregister anybody.
pub fn parts(content: &ReleaseContent, key: &SiteKey) -> BTreeMap<String, Generation> {
    let mut parts = BTreeMap::new();
    for (&index, provider) in &content.providers {
        parts.insert(provider_part(index), of_provider(provider, key));
    }
    if let Some(pin) = content.pin {
        parts.insert(PIN_PART.to_owned(), of_pin(pin, key));
    }
    for (&slot, SlotContent { account, handset }) in &content.slots {
        parts.insert(sign_on_part(slot), of_sign_on(account, key));
        if account.display_name.is_some() || account.mailbox.is_some() || account.account_name.is_some() {
            parts.insert(labels_part(slot), of_labels(account, key));
        }
        if let Some(code) = handset {
            parts.insert(handset_part(slot), of_handset(*code, key));
        }
    }
    parts
}

/// Every part that a slot can have.
pub(super) fn slot_parts(slot: SlotNumber) -> [String; 3] {
    [sign_on_part(slot), labels_part(slot), handset_part(slot)]
}

/// The part that decides whether a slot's account can register: active, user, login, password, provider.
pub fn sign_on_part(slot: SlotNumber) -> String {
    format!("slot {slot}")
}

/// The part of a slot that may change without anybody noticing: display name, account name, mailbox.
pub fn labels_part(slot: SlotNumber) -> String {
    format!("slot {slot} labels")
}

/// The handset code of a slot.
pub fn handset_part(slot: SlotNumber) -> String {
    format!("slot {slot} handset")
}

/// A SIP provider.
pub fn provider_part(index: ProviderIndex) -> String {
    format!("provider {index}")
}

/// The registration PIN.
pub const PIN_PART: &str = "pin";

/// The identity of all parts together.
pub fn generation(parts: &BTreeMap<String, Generation>, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("generation", key);
    for (name, part) in parts {
        hash.field(name, &part.0);
    }
    hash.finish()
}

/// The identity of a content, MAC and window included: two files that differ in it need different VERSIONs.
pub fn content_id(content: &ReleaseContent, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("content", key);
    hash.field("mac", &content.mac.to_string());
    for (name, part) in parts(content, key) {
        hash.field(&name, &part.0);
    }
    if let Some(WindowContent { start, seconds }) = content.window {
        hash.field("window start", &start.format("%Y-%m-%dT%H:%M").to_string());
        hash.field("window seconds", &seconds.to_string());
    }
    hash.finish()
}

/// Marks a web password that the device refused, so that it is tried again only when it has changed.
pub fn password_mark(password: &Secret, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("password", key);
    hash.field("password", password.expose());
    hash.finish()
}

/// The identity of a file that says nothing but this web password, or nothing at all.
pub(super) fn password_file(password: Option<&Secret>, mac: Mac, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("password file", key);
    hash.field("mac", &mac.to_string());
    hash.maybe("password", password.map(Secret::expose));
    hash.finish()
}

/// The identity of lines of text, for [`super::plan::Plan::hash`].
pub(super) fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("plan", key);
    for line in lines {
        hash.field("line", line);
    }
    hash.finish()
}

fn of_provider(provider: &Provider, key: &SiteKey) -> Generation {
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
    let mut hash = KeyedHash::new("provider", key);
    hash.maybe("name", name.as_deref());
    hash.maybe("domain", domain.as_deref());
    hash.maybe("server", server.as_deref());
    hash.number("port", *port);
    hash.maybe("registrar", registrar.as_deref());
    hash.number("registrar port", *registrar_port);
    hash.number("outbound proxy mode", *outbound_proxy_mode);
    hash.maybe("outbound proxy", outbound_proxy.as_deref());
    hash.number("outbound proxy port", *outbound_proxy_port);
    hash.finish()
}

fn of_pin(pin: Pin, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("pin", key);
    match pin {
        Pin::Fixed(digits) => hash.field("fixed", &format!("{digits:?}")),
        Pin::Random => hash.field("random", ""),
    }
    hash.finish()
}

fn of_sign_on(account: &AccountContent, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("sign-on", key);
    hash.number("active", account.active.map(u8::from));
    hash.maybe("user", account.user.as_deref());
    hash.maybe("login", account.login.as_deref());
    hash.maybe("password", account.password.as_ref().map(Secret::expose));
    hash.number("provider", account.provider.map(ProviderIndex::index));
    hash.finish()
}

fn of_labels(account: &AccountContent, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("labels", key);
    hash.maybe("display name", account.display_name.as_deref());
    hash.maybe("account name", account.account_name.as_deref());
    hash.maybe("mailbox", account.mailbox.as_deref());
    hash.finish()
}

fn of_handset(code: HandsetCode, key: &SiteKey) -> Generation {
    let mut hash = KeyedHash::new("handset", key);
    match code {
        HandsetCode::Reserve(ipui) => hash.field("reserve", &ipui.to_string()),
        HandsetCode::Clear => hash.field("clear", ""),
    }
    hash.finish()
}

/// HMAC-SHA256 over named fields, each with its length in front, so that no two sequences of fields run together.
struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    fn new(purpose: &str, key: &SiteKey) -> Self {
        // HMAC pads a key with zeros up to the hash's block; doing so here leaves no length that could be wrong.
        let mut block = [0; 64];
        block.iter_mut().zip(key.0).for_each(|(byte, key)| *byte = key);
        let mut hash = Self(Hmac::new(&block.into()));
        hash.bytes(purpose);
        hash
    }

    fn field(&mut self, name: &str, value: &str) {
        self.bytes(name);
        self.bytes(value);
    }

    /// A field that is absent is not hashed: absent and empty differ.
    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    fn number(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.field(name, &value.to_string());
        }
    }

    fn bytes(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn finish(self) -> Generation {
        let mut hex: String =
            self.0.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        hex.truncate(DIGITS);
        Generation(hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SiteKey {
        SiteKey::new([7; 32])
    }

    fn slot(number: u8) -> SlotNumber {
        SlotNumber::new(number).unwrap()
    }

    fn content() -> ReleaseContent {
        let account = AccountContent {
            active: Some(true),
            user: Some("1013".into()),
            login: Some("1013".into()),
            password: Some(Secret::new("one")),
            display_name: Some("Reception".into()),
            ..AccountContent::default()
        };
        let handset = Some(HandsetCode::Reserve("02B6EC8AA5".parse().unwrap()));
        ReleaseContent {
            mac: "7C2F80CA21E4".parse().unwrap(),
            providers: BTreeMap::from([(ProviderIndex::default(), Provider::default())]),
            slots: BTreeMap::from([(slot(7), SlotContent { account, handset })]),
            pin: Some(Pin::ZEROS),
            window: None,
        }
    }

    fn changed(change: impl FnOnce(&mut ReleaseContent)) -> Vec<String> {
        let mut other = content();
        change(&mut other);
        let (before, after) = (parts(&content(), &key()), parts(&other, &key()));
        before.keys().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
    }

    fn account(content: &mut ReleaseContent) -> &mut AccountContent {
        &mut content.slots.get_mut(&slot(7)).unwrap().account
    }

    #[test]
    fn each_part_is_told_apart() {
        assert_eq!(
            parts(&content(), &key()).into_keys().collect::<Vec<_>>(),
            ["pin", "provider 0", "slot 7", "slot 7 handset", "slot 7 labels"]
        );
        assert_eq!(changed(|c| account(c).password = Some(Secret::new("two"))), ["slot 7"]);
        assert_eq!(changed(|c| account(c).display_name = Some("R".into())), ["slot 7 labels"]);
        assert_eq!(changed(|c| c.pin = Some(Pin::Random)), ["pin"]);
        assert_eq!(changed(|c| c.providers.values_mut().for_each(|p| p.port = Some(5060))), ["provider 0"]);
        assert_eq!(
            changed(|c| c.slots.values_mut().for_each(|s| s.handset = Some(HandsetCode::Clear))),
            ["slot 7 handset"]
        );
    }

    #[test]
    fn absent_empty_and_shifted_fields_differ() {
        for change in [None, Some(String::new())] {
            assert_eq!(changed(|c| account(c).login = change.clone()), ["slot 7"], "{change:?}");
        }
        let shifted = changed(|c| {
            let user = account(c).user.take();
            account(c).provider = None;
            account(c).login = user.map(|user| format!("{user}{user}"));
        });
        assert_eq!(shifted, ["slot 7"]);
    }

    #[test]
    fn the_window_and_the_mac_are_in_the_content_id_alone() {
        let mut other = content();
        other.window = Some(WindowContent { start: chrono::NaiveDateTime::default(), seconds: 72_000 });
        let ids = |content: &ReleaseContent| {
            let key = key();
            (generation(&parts(content, &key), &key), content_id(content, &key))
        };
        assert_eq!(ids(&content()).0, ids(&other).0);
        assert_ne!(ids(&content()).1, ids(&other).1);
        let mut longer = other.clone();
        longer.window = Some(WindowContent { start: chrono::NaiveDateTime::default(), seconds: 0 });
        assert_ne!(ids(&longer).1, ids(&other).1);
        let mut moved = content();
        moved.mac = "7C2F80CA21E5".parse().unwrap();
        assert_ne!(ids(&content()).1, ids(&moved).1);
    }

    #[test]
    fn another_key_gives_other_fingerprints_and_none_shows() {
        let other = SiteKey::new([8; 32]);
        let secret = Secret::new("admin");
        assert_ne!(password_mark(&secret, &key()), password_mark(&secret, &other));
        assert_eq!(password_mark(&secret, &key()), password_mark(&secret, &key()));
        assert_ne!(parts(&content(), &key()), parts(&content(), &other));
        assert_eq!(format!("{other:?}"), "SiteKey(********)");
    }

    #[test]
    fn it_is_hmac_sha256_in_twelve_hex_digits() {
        // RFC 4231, test case 2, by way of the padding done here: key "Jefe".
        let mut block = [0; 32];
        block[..4].copy_from_slice(b"Jefe");
        let mut hash = KeyedHash::new("", &SiteKey::new(block));
        let mut padded = [0; 64];
        padded[..4].copy_from_slice(b"Jefe");
        hash.0 = Hmac::new(&padded.into());
        hash.0.update(b"what do ya want for nothing?");
        assert_eq!(hash.finish().0, "5bdcc146bf60");
    }
}
