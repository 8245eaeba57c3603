//! Reading a site's status as scripts do: out of the JSON, by the names of the interface.

use std::collections::BTreeMap;

use serde_json::Value;

/// The alert of this kind that fires at the site, if one does.
pub(crate) fn alert<'v>(site: &'v Value, kind: &str) -> Option<&'v Value> {
    array(&site["alerts"]).iter().find(|alert| alert["kind"] == kind)
}

/// The kinds of all alerts of the site.
pub(crate) fn alert_kinds(site: &Value) -> Vec<&str> {
    array(&site["alerts"]).iter().filter_map(|alert| alert["kind"].as_str()).collect()
}

/// The kinds of those alerts of the site that ask for somebody: what is only told is left out.
pub(crate) fn warnings(site: &Value) -> Vec<&str> {
    let alerts = array(&site["alerts"]).iter().filter(|alert| alert["severity"] != "info");
    alerts.filter_map(|alert| alert["kind"].as_str()).collect()
}

/// The registration of each listed slot, by its number.
pub(crate) fn registrations(site: &Value) -> BTreeMap<u64, &str> {
    let slots = array(&site["slots"]).iter();
    slots.filter_map(|slot| Some((slot["number"].as_u64()?, slot["registration"].as_str()?))).collect()
}

/// Action, slot (0: none) and state of each step of the site's plan.
pub(crate) fn steps(site: &Value) -> Vec<(&str, u64, &str)> {
    let steps = array(&site["plan"]["steps"]).iter();
    steps
        .filter_map(|step| {
            Some((step["action"].as_str()?, step["slot"].as_u64().unwrap_or(0), step["state"].as_str()?))
        })
        .collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
