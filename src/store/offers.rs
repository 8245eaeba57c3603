//! What sinks may know: a message was on its way to one, and what became of it is not known. Kept before the message is
//! sent, so that after a kill in between the sink still hears how what it may have heard of has ended.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::error::{Fault, StoreError};
use super::{Store, codec, memory};
use crate::domain::ids::SiteName;

impl Store {
    /// All alerts that are on offer: by sink, then by alert id, with the site.
    ///
    /// # Errors
    /// When the database cannot be read, or a name does not decode.
    pub fn offers(&self) -> Result<BTreeMap<String, BTreeMap<String, SiteName>>, StoreError> {
        self.read("read what sinks may know", |db| {
            let mut query = db.prepare_cached(
                "SELECT offer.sink, offer.alert, site.name FROM offer JOIN site ON site.id = offer.site",
            )?;
            let mut rows = query.query(())?;
            let mut offers: BTreeMap<String, BTreeMap<String, SiteName>> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let site = codec::parsed("site.name", memory::text(row, 2)?.unwrap_or_default())?;
                offers.entry(row.get(0)?).or_default().insert(row.get(1)?, site);
            }
            Ok(offers)
        })
    }

    /// A sink may hear of these alerts from here on. It ends when it is recorded that it did, or withdrawn.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn offer(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), StoreError> {
        self.write("keep what a sink may hear of", |db| {
            let mut put =
                db.prepare_cached("INSERT OR IGNORE INTO offer (sink, site, alert) VALUES (?1, ?2, ?3)")?;
            for (alert, site) in alerts {
                put.execute(params![sink, self.site_id(db, site)?, alert])?;
            }
            Ok(())
        })
    }

    /// A sink has certainly not heard of these alerts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn withdraw_offer(&self, sink: &str, alerts: &BTreeMap<String, SiteName>) -> Result<(), StoreError> {
        self.write("forget what a sink has not heard of", |db| {
            for (alert, site) in alerts {
                end(db, self.site_id(db, site)?, sink, alert)?;
            }
            Ok(())
        })
    }
}

/// An alert is not on offer any more. Gives whether it was.
pub(super) fn end(db: &Transaction<'_>, site: i64, sink: &str, alert: &str) -> Result<bool, Fault> {
    let gone = db
        .prepare_cached("DELETE FROM offer WHERE sink = ?1 AND site = ?2 AND alert = ?3")?
        .execute(params![sink, site, alert])?;
    Ok(gone > 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fixtures::{site, store};
    use super::*;

    fn alerts<const N: usize>(ids: [&str; N]) -> BTreeMap<String, SiteName> {
        ids.map(|id| (id.to_owned(), site(id.split('/').next().unwrap()))).into()
    }

    #[test]
    fn what_is_on_offer_stays_so_until_it_is_withdrawn() {
        let (_dir, store) = store();
        assert!(store.offers().unwrap().is_empty());
        store.offer("hook", &alerts(["acme/drift", "beta/drift"])).unwrap();
        store.offer("hook", &alerts(["acme/drift"])).unwrap();
        store.offer("mail", &alerts(["acme/drift"])).unwrap();
        store.withdraw_offer("hook", &alerts(["acme/drift"])).unwrap();
        let expected =
            [("hook".to_owned(), alerts(["beta/drift"])), ("mail".to_owned(), alerts(["acme/drift"]))];
        assert_eq!(store.offers().unwrap(), expected.into());
    }

    #[test]
    fn an_alert_on_offer_is_waited_for_as_one_that_was_told() {
        let (_dir, store) = store();
        store.offer("hook", &alerts(["acme/drift"])).unwrap();
        let ids = BTreeMap::from([("hook".to_owned(), BTreeSet::from(["acme/drift".to_owned()]))]);
        assert_eq!(store.told_ids(&site("acme")).unwrap(), ids);
        assert!(store.told_ids(&site("beta")).unwrap().is_empty());
    }

    #[test]
    fn what_is_recorded_is_not_on_offer_any_more() {
        let (_dir, store) = store();
        store.offer("hook", &alerts(["acme/drift", "acme/clock-skew", "beta/drift"])).unwrap();
        let delivery = super::super::fixtures::delivery("n1", "hook", 1, &["acme/drift"], &["beta/drift"]);
        store.record(&delivery).unwrap();
        let left = store.offers().unwrap();
        assert_eq!(left["hook"], alerts(["acme/clock-skew"]));
    }

    #[test]
    fn a_sink_that_is_gone_is_offered_nothing() {
        let (_dir, store) = store();
        store.offer("hook", &alerts(["acme/drift"])).unwrap();
        store.forget_sinks(&BTreeSet::new()).unwrap();
        assert!(store.offers().unwrap().is_empty());
    }
}
