//! What the provisioning server serves: the last released file of a configured site, out of the store.

use std::net::IpAddr;
use std::sync::Arc;

use super::context::Context;
use crate::domain::desired::{DesiredSite, DigestPolicy, Mode};
use crate::domain::ids::{Mac, SiteName};
use crate::domain::secret::SecretBook;
use crate::provisioning::{DigestCredentials, FetchRecord, ServedFile, Shelf, ShelfError};
use crate::store::{FetchRow, StoreError};

/// The shelf of the daemon.
#[derive(Debug)]
pub(super) struct StoreShelf {
    context: Arc<Context>,
}

impl StoreShelf {
    /// Over this context's store and configuration.
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}

impl Shelf for StoreShelf {
    async fn lookup(&self, token: &str, mac: Mac) -> Result<Option<ServedFile>, ShelfError> {
        let fail = |cause| ShelfError::Lookup { mac, cause };
        let (store, token) = (self.context.store.clone(), token.to_owned());
        let served = tokio::task::spawn_blocking(move || store.served(&token))
            .await
            .unwrap_or(Err(StoreError::Abandoned))
            .map_err(|error| fail(error.into()))?;
        let Some(served) = served else { return Ok(None) };
        let Some(desired) = self.desired(&served.site).filter(|desired| desired.manager.mac == mac) else {
            return Ok(None);
        };
        // What was released and not yet fetched when the site was set to observe stays on the shelf.
        if desired.mode == Mode::Observe && !served.fetched {
            return Ok(None);
        }
        let digest = match &desired.manager.digest {
            None => None,
            Some(policy) => {
                let secrets = self.context.secrets_of(&desired).await;
                Some(credentials(&desired, policy, &secrets).map_err(|why| fail(why.into()))?)
            }
        };
        Ok(Some(ServedFile {
            site: served.site,
            release: served.release,
            version: served.version,
            body: served.body.into(),
            manager_host: desired.manager.host.parse::<IpAddr>().ok(),
            digest,
        }))
    }

    async fn record(&self, fetch: FetchRecord) -> Result<(), ShelfError> {
        let at = self.context.now();
        let row = FetchRow {
            site: fetch.site.clone(),
            release: fetch.release,
            version: fetch.version.clone(),
            peer: fetch.peer,
            method: fetch.method.as_str().to_owned(),
            status: fetch.status,
            user_agent: fetch.user_agent.clone(),
            by_manager: fetch.by_manager,
            firmware: fetch.firmware.clone(),
            filled: fetch.filled.clone(),
        };
        self.context.store(&fetch.site, move |store, _| store.note_fetch(&row, at)).await.map_err(|error| {
            ShelfError::Record {
                site: fetch.site.clone(),
                version: fetch.version.clone(),
                cause: error.into(),
            }
        })
    }

    fn answered(&self, status: u16) {
        self.context.metrics.fetched(status);
    }
}

impl StoreShelf {
    fn desired(&self, site: &SiteName) -> Option<DesiredSite> {
        self.context.in_force.borrow().config.sites.get(site).cloned()
    }
}

/// Every pair that the manager may show. A site that asks for credentials and has none that can be resolved serves
/// nothing: better no file than one for everybody.
fn credentials(
    desired: &DesiredSite,
    policy: &DigestPolicy,
    secrets: &SecretBook,
) -> Result<DigestCredentials, String> {
    let tail = policy.mac_id_tail.as_ref().map(|reference| (desired.manager.mac.to_string(), reference));
    let user = policy.user.as_ref().map(|(user, reference)| (user.clone(), reference));
    let mut credentials = DigestCredentials::default();
    let mut missing = Vec::new();
    for (user, reference) in tail.into_iter().chain(user) {
        match secrets.get(reference) {
            Ok(password) => credentials.pairs.push((user, password)),
            Err(why) => missing.push(why),
        }
    }
    if credentials.pairs.is_empty() {
        return Err(format!("no digest credentials: {}", missing.join("; ")));
    }
    Ok(credentials)
}
