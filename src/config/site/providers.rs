//! `[[provider]]`: the SIP providers, within the device's limits.

use std::collections::BTreeMap;

use super::super::report::{Located, Place};
use super::super::tree::Section;
use super::super::value;
use crate::domain::desired::Provider;
use crate::domain::device_text;
use crate::domain::ids::ProviderIndex;

/// The longest provider name the device keeps, in bytes.
const LONGEST_NAME: usize = 14;

/// What the provider tables gave.
#[derive(Debug, Default)]
pub(super) struct Providers {
    pub(super) listed: BTreeMap<ProviderIndex, Provider>,
    /// Where each is listed, one that has errors too.
    pub(super) places: BTreeMap<ProviderIndex, Place>,
}

pub(super) fn read(sections: Vec<Section<'_>>) -> Providers {
    let mut providers = Providers::default();
    for section in sections {
        section.require("index", "the provider's index, 0 to 9");
        let index = section.integer("index", 0..=9_u8);
        let index =
            index.and_then(|index| Some(ProviderIndex::new(index.value)?).map(|value| index.with(value)));
        let provider = provider(&section);
        if let Some(index) = index {
            if let Some(first) = providers.places.get(&index.value) {
                let found = format!("{}, which line {} has too", index.value, first.line);
                section.report.error(&index.place, found, "an index used once");
            } else {
                providers.places.insert(index.value, index.place);
                providers.listed.insert(index.value, provider);
            }
        }
        section.finish();
    }
    providers
}

fn provider(section: &Section<'_>) -> Provider {
    let report = section.report;
    let host =
        |key| section.string(key).and_then(|text| report.checked(text, value::host)).map(|host| host.value);
    let port = |key| section.integer(key, 1..=u16::MAX).map(|port: Located<u16>| port.value);
    let name = section.string("name").and_then(|text| {
        report.checked(text, |text| device_text::check(text, LONGEST_NAME).map(|()| text.to_owned()))
    });
    Provider {
        name: name.map(|name| name.value),
        domain: host("domain"),
        server: host("server"),
        port: port("port"),
        registrar: host("registrar"),
        registrar_port: port("registrar_port"),
        outbound_proxy_mode: section.integer("outbound_proxy_mode", 0..=u8::MAX).map(|mode| mode.value),
        outbound_proxy: host("outbound_proxy"),
        outbound_proxy_port: port("outbound_proxy_port"),
    }
}
