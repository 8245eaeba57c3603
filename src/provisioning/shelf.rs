//! What the provisioning server needs of the daemon: released files to hand out, and a durable record of each fetch.
//!
//! Seams only: the daemon implements [`Shelf`] over the store.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;

use axum::body::Bytes;

use crate::domain::ids::{Firmware, Mac, SiteName, SlotNumber};
use crate::domain::release::Version;
use crate::domain::secret::Secret;

/// Where released files lie and fetches are recorded.
pub trait Shelf: Send + Sync + 'static {
    /// The released file of the site that has both this token and this MAC; `None` if there is no such site or nothing
    /// is released for it. Tokens are compared by looking them up by key (or by a hash of them), so that the time an
    /// answer takes tells nothing of how much of a guess was right.
    fn lookup(
        &self,
        token: &str,
        mac: Mac,
    ) -> impl Future<Output = Result<Option<ServedFile>, ShelfError>> + Send;

    /// Records a fetch. When this returns `Ok`, the record is durable; the file is sent only after that.
    fn record(&self, fetch: FetchRecord) -> impl Future<Output = Result<(), ShelfError>> + Send;

    /// Told of every answer with its HTTP status, refusals too, to be counted. Must not wait.
    fn answered(&self, status: u16);
}

/// A released file, ready to be sent.
#[derive(Clone)]
pub struct ServedFile {
    /// The site it was released for.
    pub site: SiteName,
    /// The number of the release.
    pub release: i64,
    /// Its VERSION.
    pub version: Version,
    /// The rendered file, with secrets revealed.
    pub body: Bytes,
    /// The address of the site's manager, where it is known: a fetch from there is the manager's.
    pub manager_host: Option<IpAddr>,
    /// What the client has to authenticate with; `None`: it need not.
    pub digest: Option<DigestCredentials>,
}

impl fmt::Debug for ServedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedFile")
            .field("site", &self.site)
            .field("release", &self.release)
            .field("version", &self.version)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Users and passwords of which a client has to know one. An empty list lets nobody through.
///
/// A manager tries its MAC with the tail of its MAC-ID first, then the configured user. (Provisioning Guide)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DigestCredentials {
    /// User and password. A user that is a MAC matches in any notation.
    pub pairs: Vec<(String, Secret)>,
}

/// How a file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchMethod {
    /// `GET`: the body was sent.
    Get,
    /// `HEAD`: only the head was.
    Head,
}

impl FetchMethod {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// One answered request for a released file, after authentication where that is asked for.
///
/// That the answer reached the client whole is not known: only reading the manager again proves what it applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRecord {
    /// The site.
    pub site: SiteName,
    /// The number of the release that was served.
    pub release: i64,
    /// Its VERSION.
    pub version: Version,
    /// The client's address; IPv4 where it is.
    pub peer: IpAddr,
    /// How it was asked for.
    pub method: FetchMethod,
    /// The HTTP status that goes out with it: 200.
    pub status: u16,
    /// The client's User-Agent, cut to 256 characters, without control characters.
    pub user_agent: Option<String>,
    /// Whether the site's manager fetched the file: a `GET` with the User-Agent of an N720 or from the manager's
    /// address, and with no other manager's MAC in its User-Agent.
    pub by_manager: bool,
    /// The firmware that the manager named; only with `by_manager`.
    pub firmware: Option<Firmware>,
    /// The slots with a registered handset (`%SUBLIST`), if the manager told them; only with `by_manager`.
    pub filled: Option<BTreeSet<SlotNumber>>,
}

/// The shelf cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The released file could not be read.
    #[error("the released file for manager {mac} could not be looked up")]
    Lookup {
        /// Of this manager.
        mac: Mac,
        /// Why.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The fetch could not be recorded.
    #[error("the fetch of VERSION {version} for site {site} could not be recorded")]
    Record {
        /// For this site.
        site: SiteName,
        /// Of this file.
        version: Version,
        /// Why.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_file_shows_neither_body_nor_credentials() {
        let file = ServedFile {
            site: "acme".parse().unwrap(),
            release: 7,
            version: "2811121640".parse().unwrap(),
            body: Bytes::from_static(b"hunter2"),
            manager_host: None,
            digest: Some(DigestCredentials { pairs: vec![("u".to_owned(), Secret::new("hunter3"))] }),
        };
        let shown = format!("{file:?} {:?}", file.digest);
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("2811121640"));
    }
}
