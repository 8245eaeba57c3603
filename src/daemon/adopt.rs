//! Reading a manager that no site file describes yet: everything that its pages tell, and nothing is written.

use super::break_off::unless_broken_off;
use super::clock;
use super::single::{LookError, driver, patiently};
use crate::config::DaemonConfig;
use crate::device::n720::{Ask, Editors, Target};
use crate::domain::ids::SiteName;
use crate::domain::observed::Observation;
use crate::domain::secret::Secret;

/// Reads status page, mobile devices page and the editor page of every registered handset, and logs out. A password
/// that is refused is tried once.
///
/// # Errors
/// When the manager cannot be read at all; what of it cannot be read is unreadable in the observation.
pub async fn read_all(
    daemon: &DaemonConfig,
    site: &SiteName,
    (host, port): (&str, u16),
    password: Secret,
) -> Result<Observation, LookError> {
    let driver = driver(daemon)?;
    let target = Target { site: site.clone(), host: host.to_owned(), port, password, sip_port: 5060 };
    let work = async {
        let mut session = patiently(&driver, &target).await.map_err(|failure| LookError::Contact {
            site: site.to_string(),
            address: format!("{host}:{port}"),
            why: failure.why().to_owned(),
        })?;
        let ask = Ask { editors: Editors::AllRegistered, config_url: false };
        let observation = session.observe(&ask, clock::now()).await;
        session.close().await;
        Ok(observation)
    };
    unless_broken_off(&driver, work).await?
}
