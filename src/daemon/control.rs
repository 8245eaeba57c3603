//! What the control socket can ask of the running daemon.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::approvals;
use super::attention;
use super::context::{Context, InForce};
use super::fleet::Fleet;
use super::pauses;
use super::reload::{self, ReloadError};
use super::rotation;
use crate::alerting::Attempt;
use crate::api::{
    AcknowledgeAnswer, AcknowledgeRequest, ApproveAnswer, ApproveRequest, Control, EndSilenceRequest,
    PauseAnswer, PauseRequest, Refusal, RefusalKind, ReloadReport, ResumeAnswer, ResumeRequest,
    RotateRequest, ShowPasswordRequest, ShownPassword, SilenceAnswer, SilenceLine, SilenceRequest,
    TestAnswer, TestRequest, WithdrawRequest,
};
use crate::domain::desired::DesiredSite;
use crate::domain::ids::SiteName;
use crate::domain::status::SiteStatus;

/// The daemon as the control socket sees it.
#[derive(Debug)]
pub(super) struct DaemonControl {
    fleet: Arc<Fleet>,
    context: Arc<Context>,
    /// Reloads take turns: two at once could mix their files.
    in_force: Mutex<watch::Sender<Arc<InForce>>>,
}

impl DaemonControl {
    /// Over this fleet and configuration.
    pub(super) fn new(
        fleet: Arc<Fleet>,
        context: Arc<Context>,
        in_force: watch::Sender<Arc<InForce>>,
    ) -> Self {
        Self { fleet, context, in_force: Mutex::new(in_force) }
    }

    /// Reads all files again; everything or nothing.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub(super) async fn reload_files(&self) -> Result<usize, ReloadError> {
        let in_force = self.in_force.lock().await;
        reload::reload(&in_force, &self.fleet, &self.context).await
    }

    fn desired(&self, site: &SiteName) -> Result<DesiredSite, Refusal> {
        let in_force = self.fleet.context().in_force.borrow();
        in_force.config.sites.get(site).cloned().ok_or_else(|| Refusal::unknown_site(site.as_str()))
    }

    fn known(&self, site: &SiteName) -> Result<(), Refusal> {
        if self.fleet.has(site) { Ok(()) } else { Err(Refusal::unknown_site(site.as_str())) }
    }
}

impl Control for DaemonControl {
    async fn poll(&self, site: SiteName, retry_login: bool) -> Result<SiteStatus, Refusal> {
        self.known(&site)?;
        self.fleet.poll(&site, retry_login).await.map_err(|why| Refusal::new(RefusalKind::Failed, why))
    }

    async fn retry_push(&self, site: SiteName, by: String) -> Result<(), Refusal> {
        self.known(&site)?;
        self.fleet.retry_push(&site, by).await.map_err(|why| Refusal::new(RefusalKind::Failed, why))
    }

    async fn reload(&self) -> Result<ReloadReport, Refusal> {
        match self.reload_files().await {
            Ok(sites) => Ok(ReloadReport { applied: true, sites, findings: Vec::new() }),
            Err(error) => {
                let sites = self.in_force.lock().await.borrow().config.sites.len();
                Ok(ReloadReport { applied: false, sites, findings: error.lines() })
            }
        }
    }

    async fn apply(&self, site: SiteName) -> Result<SiteStatus, Refusal> {
        self.known(&site)?;
        // The first contact only reads; asked by name, what is ready is done at once.
        let poll = || async {
            self.fleet.poll(&site, false).await.map_err(|why| Refusal::new(RefusalKind::Failed, why))
        };
        let status = poll().await?;
        if status.plan.steps.is_empty() { Ok(status) } else { poll().await }
    }

    async fn approve(&self, request: ApproveRequest) -> Result<ApproveAnswer, Refusal> {
        self.known(&request.site)?;
        let context = self.fleet.context();
        let answer = approvals::approve(context, &request, || self.fleet.read(&request.site, false)).await?;
        Ok(ApproveAnswer { status: context.marked(answer.status), ..answer })
    }

    async fn pause(&self, request: PauseRequest) -> Result<PauseAnswer, Refusal> {
        pauses::pause(&self.fleet, &request).await
    }

    async fn resume(&self, request: ResumeRequest) -> Result<ResumeAnswer, Refusal> {
        pauses::resume(&self.fleet, &request).await
    }

    async fn acknowledge(&self, request: AcknowledgeRequest) -> Result<AcknowledgeAnswer, Refusal> {
        attention::acknowledge(&self.context, &request).await
    }

    async fn withdraw(&self, request: WithdrawRequest) -> Result<AcknowledgeAnswer, Refusal> {
        attention::withdraw(&self.context, &request).await
    }

    async fn silence(&self, request: SilenceRequest) -> Result<SilenceAnswer, Refusal> {
        attention::silence(&self.context, &request).await
    }

    async fn end_silence(&self, request: EndSilenceRequest) -> Result<SilenceLine, Refusal> {
        attention::end_silence(&self.context, &request).await
    }

    async fn test_sink(&self, request: TestRequest) -> Result<TestAnswer, Refusal> {
        let alerting = self.context.alerting();
        let tried = |attempt: &Attempt<'_>| {
            // After a reload another sink may have the name.
            if Arc::ptr_eq(&alerting, &self.context.alerting()) {
                self.context.tried(attempt);
            }
        };
        attention::test(&alerting, &request, self.context.now(), tried).await
    }

    async fn rotate(&self, request: RotateRequest) -> Result<SiteStatus, Refusal> {
        let desired = self.desired(&request.site)?;
        let context = self.fleet.context();
        let RotateRequest { site, abort, by, reason } = request;
        if abort {
            rotation::abort(context, &desired, &by).await?;
        } else {
            rotation::begin(context, &desired, by, reason).await?;
        }
        self.poll(site, false).await
    }

    async fn show_password(&self, request: ShowPasswordRequest) -> Result<ShownPassword, Refusal> {
        let desired = self.desired(&request.site)?;
        let password = rotation::show(self.fleet.context(), &desired, &request.by).await?;
        Ok(ShownPassword { password: password.expose().to_owned() })
    }
}
