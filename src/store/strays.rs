//! Handsets that managers hold and their site files do not list: kept with each site's memory, asked for by the sites
//! that miss them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, Transaction, params};
use tracing::warn;

use super::error::{Fault, StoreError};
use super::{Store, codec};
use crate::domain::ids::{Ipui, SiteName};
use crate::domain::neighbours::{Elsewhere, Stray};

impl Store {
    /// Where the managers of other sites hold these handsets; one may be held by several. This is only a hint: what
    /// does not decode is logged and left out, so that no site waits for what another one has stored.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn elsewhere(
        &self,
        site: &SiteName,
        handsets: &BTreeSet<Ipui>,
    ) -> Result<Vec<(Ipui, Elsewhere)>, StoreError> {
        if handsets.is_empty() {
            return Ok(Vec::new());
        }
        self.read("look for handsets at other sites", |db| {
            let mut query = db.prepare_cached(
                "SELECT stray.ipui, site.name, stray.held FROM stray JOIN site ON site.id = stray.site
                 WHERE stray.ipui IN (SELECT value FROM json_each(?1)) AND site.name <> ?2
                 ORDER BY stray.ipui, site.name",
            )?;
            let mut rows = query.query(params![codec::json("stray.ipui", handsets)?, site.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                match decoded(row) {
                    Ok(one) => found.push(one),
                    Err(fault) => {
                        let held_by: String = row.get(1).unwrap_or_default();
                        warn!(
                            site = held_by,
                            ?fault,
                            "a handset that is kept as held at this site does not decode"
                        );
                    }
                }
            }
            Ok(found)
        })
    }
}

/// A handset, and where it is held: a row of [`Store::elsewhere`].
fn decoded(row: &Row<'_>) -> Result<(Ipui, Elsewhere), Fault> {
    let (ipui, name, held): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let Stray { hold, slot, seen_at, home: _ } = codec::from_json("stray.held", &held)?;
    let site = codec::parsed("site.name", &name)?;
    Ok((codec::parsed("stray.ipui", &ipui)?, Elsewhere { site, slot, hold, seen_at, leaves: false }))
}

/// What a site's manager holds that its file does not list.
pub(super) fn of_site(db: &Transaction<'_>, site: i64) -> Result<BTreeMap<Ipui, Stray>, Fault> {
    let mut query = db.prepare_cached("SELECT ipui, held FROM stray WHERE site = ?1")?;
    let mut rows = query.query([site])?;
    let mut strays = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (ipui, held): (String, String) = (row.get(0)?, row.get(1)?);
        strays.insert(codec::parsed("stray.ipui", &ipui)?, codec::from_json("stray.held", &held)?);
    }
    Ok(strays)
}

/// Makes these the strays of a site; writes only what differs.
pub(super) fn keep(db: &Transaction<'_>, site: i64, strays: &BTreeMap<Ipui, Stray>) -> Result<(), Fault> {
    let handsets: Vec<&Ipui> = strays.keys().collect();
    db.prepare_cached("DELETE FROM stray WHERE site = ?1 AND ipui NOT IN (SELECT value FROM json_each(?2))")?
        .execute(params![site, codec::json("stray.ipui", &handsets)?])?;
    let mut put = db.prepare_cached(
        "INSERT INTO stray (site, ipui, held) VALUES (?1, ?2, ?3)
         ON CONFLICT (site, ipui) DO UPDATE SET held = ?3 WHERE held IS NOT ?3",
    )?;
    for (ipui, stray) in strays {
        put.execute(params![site, ipui.to_string(), codec::json("stray.held", stray)?])?;
    }
    Ok(())
}

/// Forgets what the manager of a site holds whose file is gone: nobody looks there any more.
pub(super) fn forget(db: &Transaction<'_>, site: &SiteName) -> Result<(), Fault> {
    db.execute("DELETE FROM stray WHERE site = (SELECT id FROM site WHERE name = ?1)", [site.as_str()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::CycleRecord;
    use super::super::fixtures::{at, memory, site, slot, status, store};
    use super::*;
    use crate::domain::memory::SiteMemory;
    use crate::domain::neighbours::{Hold, Home};

    fn ipui(last: u8) -> Ipui {
        format!("02 B6 EC 8A {last:02X}").parse().unwrap()
    }

    fn stray(hold: Hold, number: Option<u8>, seconds: i64) -> Stray {
        Stray { hold, slot: number.map(slot), seen_at: at(seconds), home: None }
    }

    fn keep(store: &Store, name: &str, strays: &[(u8, Stray)]) {
        let strays = strays.iter().map(|(last, stray)| (ipui(*last), stray.clone())).collect();
        let memory = SiteMemory { strays, ..memory() };
        let record = CycleRecord { memory: &memory, status: &status(name, 9), marks: &[], history: &[] };
        store.keep(&site(name), &record).unwrap();
    }

    fn elsewhere(store: &Store, name: &str, handsets: &[u8]) -> Vec<(u8, String, Option<u8>, Hold)> {
        let handsets = handsets.iter().copied().map(ipui).collect();
        let found = store.elsewhere(&site(name), &handsets).unwrap();
        let brief = |(ipui, at): (Ipui, Elsewhere)| {
            (ipui.bytes()[4], at.site.to_string(), at.slot.map(|slot| slot.number()), at.hold)
        };
        found.into_iter().map(brief).collect()
    }

    #[test]
    fn a_site_finds_its_handsets_at_others_and_not_at_itself() {
        let (_dir, store) = store();
        let registered = || stray(Hold::Registered, Some(4), 1);
        keep(&store, "berlin", &[(1, registered()), (2, stray(Hold::Reserved, None, 2))]);
        keep(&store, "hamburg", &[(2, registered()), (3, registered())]);
        let berlin = |last, slot, hold| (last, "berlin".to_owned(), slot, hold);
        assert_eq!(elsewhere(&store, "munich", &[1, 9]), [berlin(1, Some(4), Hold::Registered)]);
        assert_eq!(
            elsewhere(&store, "munich", &[2]),
            [berlin(2, None, Hold::Reserved), (2, "hamburg".to_owned(), Some(4), Hold::Registered)]
        );
        assert_eq!(elsewhere(&store, "berlin", &[1]), []);
        assert_eq!(elsewhere(&store, "munich", &[]), []);
    }

    #[test]
    fn strays_come_back_whole_but_for_their_homes_and_go_with_the_cycle_that_lacks_them() {
        let (_dir, store) = store();
        let home = Some(Home { site: site("munich"), slot: slot(7) });
        keep(&store, "berlin", &[(1, Stray { home, ..stray(Hold::Registered, Some(4), 1) })]);
        let kept = store.memory(&site("berlin")).unwrap().strays;
        assert_eq!(kept, BTreeMap::from([(ipui(1), stray(Hold::Registered, Some(4), 1))]));
        keep(&store, "berlin", &[(2, stray(Hold::Reserved, None, 2))]);
        assert_eq!(elsewhere(&store, "munich", &[1]), []);
        assert_eq!(elsewhere(&store, "munich", &[2]).len(), 1);
    }

    #[test]
    fn what_does_not_decode_is_left_out_and_the_rest_is_found() {
        let (_dir, store) = store();
        let registered = || stray(Hold::Registered, Some(4), 1);
        for name in ["berlin", "cologne", "hamburg"] {
            keep(&store, name, &[(1, registered()), (2, registered())]);
        }
        let damage = |db: &Transaction<'_>| {
            let sql = "UPDATE stray SET held = ?3
                       WHERE ipui = ?1 AND site = (SELECT id FROM site WHERE name = ?2)";
            let lent = r#"{"hold":"lent","slot":4,"seen_at":"2026-11-23T08:00:00Z"}"#;
            for (name, held) in [("berlin", "{"), ("cologne", lent)] {
                db.execute(sql, params![ipui(1).to_string(), name, held])?;
            }
            Ok(())
        };
        store.write("damage", damage).unwrap();
        let found: Vec<_> =
            elsewhere(&store, "munich", &[1, 2]).into_iter().map(|(last, site, ..)| (last, site)).collect();
        let at = |last, site: &str| (last, site.to_owned());
        assert_eq!(found, [at(1, "hamburg"), at(2, "berlin"), at(2, "cologne"), at(2, "hamburg")]);
    }

    #[test]
    fn only_what_differs_is_written() {
        let (_dir, store) = store();
        let changes = || -> i64 {
            let count =
                |db: &Transaction<'_>| Ok(db.query_row("SELECT total_changes()", (), |row| row.get(0))?);
            store.read("count", count).unwrap()
        };
        let both =
            |seconds| [(1, stray(Hold::Registered, Some(4), 1)), (2, stray(Hold::Reserved, None, seconds))];
        keep(&store, "berlin", &both(2));
        let before = changes();
        keep(&store, "berlin", &both(2));
        assert_eq!(changes() - before, 0);
        keep(&store, "berlin", &both(3));
        assert_eq!(changes() - before, 1);
    }

    #[test]
    fn with_a_site_that_is_not_watched_any_more_its_strays_are_forgotten() {
        let (_dir, store) = store();
        keep(&store, "berlin", &[(1, stray(Hold::Registered, Some(4), 1))]);
        keep(&store, "hamburg", &[(1, stray(Hold::Reserved, None, 1))]);
        store.leave(&site("berlin"), at(10)).unwrap();
        assert_eq!(elsewhere(&store, "munich", &[1]).len(), 1);
        assert!(store.memory(&site("berlin")).unwrap().strays.is_empty());
    }

    #[test]
    fn a_handset_is_found_by_the_index() {
        let (_dir, store) = store();
        let plan = |db: &Transaction<'_>| {
            let sql = "EXPLAIN QUERY PLAN SELECT 1 FROM stray JOIN site ON site.id = stray.site
                       WHERE stray.ipui IN (SELECT value FROM json_each('[]')) AND site.name <> 'x'";
            let mut query = db.prepare(sql)?;
            let rows = query.query_map((), |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?.join("\n"))
        };
        let plan = store.read("explain", plan).unwrap();
        assert!(
            plan.contains("USING COVERING INDEX stray_of_handset")
                || plan.contains("USING INDEX stray_of_handset"),
            "{plan}"
        );
    }
}
