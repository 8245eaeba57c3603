//! What is known of what sinks know, in memory: the ledger as stored, and what is on offer. Plain bookkeeping; no I/O.

use std::collections::BTreeMap;

use crate::alerting::message::Message;
use crate::alerting::pipeline::SiteAlerts;
use crate::domain::alert::AlertState;
use crate::domain::ids::SiteName;
use crate::domain::told::{Delivery, NotificationLedger, Told};

/// Alerts of which a sink may have heard without our knowing: a message with them was on its way, and no answer came. By
/// sink, then by alert id, with the site. What is on offer and ends is told as an end, for a person may wait for it.
pub type Offers = BTreeMap<String, BTreeMap<String, SiteName>>;

/// What sinks know, and what they may know.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// What they have taken.
    pub ledger: NotificationLedger,
    /// What they may have taken.
    pub offers: Offers,
}

impl Known {
    /// Enters a message that was tried for the last time.
    pub(super) fn enter(&mut self, delivery: &Delivery) {
        let ledger = self.ledger.entry(delivery.sink.clone()).or_default();
        ledger.retain(|alert, _| !delivery.ended.contains_key(alert));
        ledger.extend(delivery.told.clone());
        if let Some(offers) = self.offers.get_mut(&delivery.sink) {
            offers
                .retain(|alert, _| !delivery.told.contains_key(alert) && !delivery.ended.contains_key(alert));
        }
    }

    /// Of a message that is given up: nobody took it, so whatever the sink knows of its alerts is not what holds, and none of
    /// them has ended for it. So all is told anew to what the sink is replaced by, or once it is something else.
    pub(super) fn given_up(&self, delivery: Delivery) -> Delivery {
        let known = self.ledger.get(&delivery.sink);
        let Delivery { told, ended, at, .. } = delivery;
        let still = ended.into_keys().filter_map(|alert| {
            let told = known.and_then(|known| known.get(&alert)).cloned();
            told.map(|told| (alert, Told { at, ..told }))
        });
        let untold = |(alert, told)| (alert, Told { content: Some(String::new()), ..told });
        let told = told.into_iter().chain(still).map(untold).collect();
        Delivery { told, ended: BTreeMap::new(), ..delivery }
    }

    /// Puts on offer what the sink does not know of a message that it is about to be sent: that part which was not before.
    pub(super) fn offer(&mut self, sink: &str, message: &Message) -> BTreeMap<String, SiteName> {
        let told = self.ledger.get(sink);
        let is_told = |alert: &str| told.is_some_and(|told| told.contains_key(alert));
        let offers = self.offers.entry(sink.to_owned()).or_default();
        let new: BTreeMap<String, SiteName> = message
            .entries
            .iter()
            .filter(|entry| !is_told(&entry.alert.id) && !offers.contains_key(&entry.alert.id))
            .map(|entry| (entry.alert.id.clone(), entry.site.name.clone()))
            .collect();
        offers.extend(new.clone());
        new
    }

    /// Takes back what was put on offer.
    pub(super) fn withdraw(&mut self, sink: &str, alerts: &BTreeMap<String, SiteName>) {
        if let Some(offers) = self.offers.get_mut(sink) {
            offers.retain(|alert, _| !alerts.contains_key(alert));
        }
    }

    /// A sink is not in force any more: nobody is to wait for it.
    pub(super) fn forget(&mut self, sink: &str) {
        self.ledger.remove(sink);
        self.offers.remove(sink);
    }

    /// Takes what is on offer and has ended for told, so that its end is.
    pub(super) fn believe_ends(&mut self, sink: &str, sites: &BTreeMap<SiteName, SiteAlerts>) {
        let Some(offers) = self.offers.get(sink) else { return };
        for (id, site) in offers {
            let Some(alerts) = sites.get(site) else { continue };
            let ended =
                alerts.alerts.iter().find(|alert| alert.id == *id && alert.state == AlertState::Resolved);
            let Some(alert) = ended else { continue };
            let told = || Told {
                site: site.clone(),
                since: alert.since,
                content: None,
                first_at: alert.since,
                at: alert.since,
                merged: false,
            };
            self.ledger.entry(sink.to_owned()).or_default().entry(id.clone()).or_insert_with(told);
        }
    }
}
