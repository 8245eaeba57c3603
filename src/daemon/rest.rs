//! What people see of a site before its first cycle in this process: what was last stored, or that nothing is known.

use super::clearance;
use super::context::Context;
use crate::config::Config;
use crate::domain::desired::{DesiredSite, Mode};
use crate::domain::fingerprint::SiteKey;
use crate::domain::ids::SiteName;
use crate::domain::neighbours::Neighbours;
use crate::domain::observed::ContactFailure;
use crate::domain::status::{GenerationStatus, Health, PlanStatus, SiteStatus, WindowStatus};
use crate::domain::turn::{self, TurnInput};
use crate::store::StoreError;

/// Puts up what is known of every site, those with invalid files among them.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn publish(context: &Context, config: &Config) -> Result<(), StoreError> {
    for desired in config.sites.values() {
        publish_site(context, desired).await?;
    }
    for (name, findings) in &config.invalid {
        let Ok(site) = name.parse::<SiteName>() else { continue };
        // What stands before it may be a mere warning.
        let first = findings.iter().find(|finding| finding.is_error());
        let first = first.map(ToString::to_string).unwrap_or_default();
        context
            .publish(&invalid(site, format!("the site file has errors, the site is not watched: {first}")));
    }
    Ok(())
}

/// Puts up what was last stored of a site.
pub(super) async fn publish_site(context: &Context, desired: &DesiredSite) -> Result<(), StoreError> {
    let secret = context.store(&desired.name, |store, site| store.site_secret(site)).await?;
    let memory = context.store(&desired.name, |store, site| store.memory(site)).await?;
    let clearance = clearance::ask(context, desired).await?;
    let secrets = context.secrets_of(desired).await;
    let (key, pace) = (SiteKey::new(secret.key), context.pace());
    let contact = ContactFailure::Unreachable("not read since the start".into());
    let input = TurnInput {
        desired,
        secrets: &secrets,
        key: &key,
        pace: &pace,
        own_url: None,
        contact: Err(&contact),
        neighbours: &Neighbours::default(),
        clearance: &clearance,
        now: context.now(),
    };
    context.publish(&turn::status_at_rest(&input, &memory));
    Ok(())
}

/// The status of a site of which nothing is known.
pub(super) fn invalid(site: SiteName, reason: String) -> SiteStatus {
    SiteStatus {
        site,
        description: String::new(),
        labels: std::collections::BTreeMap::new(),
        health: Health::Blocked,
        reason,
        mode: Mode::Observe,
        observed_at: None,
        firmware: None,
        clock_skew_seconds: None,
        generation: GenerationStatus::default(),
        window: WindowStatus::default(),
        pause: None,
        slots: Vec::new(),
        alerts: Vec::new(),
        plan: PlanStatus::default(),
        password_change: None,
    }
}
