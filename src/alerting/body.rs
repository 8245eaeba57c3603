//! The body of a notification: the JSON that the interface promises to webhooks, and that every sink starts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::domain::alert::{Alert, HandsetNote};
use crate::domain::ids::SiteName;
use crate::domain::notification::Reason;

/// What a notification says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Of this format: 1.
    pub version: u32,
    /// Why it is sent.
    pub reason: Reason,
    /// The site.
    pub site: SiteName,
    /// The site's labels.
    pub labels: BTreeMap<String, String>,
    /// What holds, worst first, then what has ended.
    #[serde(serialize_with = "with_handsets")]
    pub alerts: Vec<Alert>,
}

impl Body {
    /// The JSON.
    ///
    /// # Errors
    /// None that can happen: every part of it has a form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads what [`Body::to_json`] wrote.
    ///
    /// # Errors
    /// A text that is not such a body.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// An alert with its list of handsets also where that is empty, so that receivers need not tell the two apart.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    alert: Alert,
    handsets: &'a [HandsetNote],
}

fn with_handsets<S: Serializer>(alerts: &[Alert], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(alerts.iter().map(|alert| Told {
        alert: Alert { handsets: Vec::new(), ..alert.clone() },
        handsets: &alert.handsets,
    }))
}
