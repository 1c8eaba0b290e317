//! gRPC calls in the audit.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer, Service};

use super::audit::Audit;
use super::peer::Peer;
use super::request_id::CallId;
use super::rpc_metrics::ServedRpcs;

/// What the names of RPCs begin with that change nothing.
const READS: [&str; 6] = ["Get", "List", "Count", "Watch", "Check", "ServerReflection"];

#[derive(Debug, Clone)]
pub struct RpcAuditLayer {
    audit: Audit,
    served: Arc<ServedRpcs>,
}

impl RpcAuditLayer {
    pub fn new(audit: Audit, served: Arc<ServedRpcs>) -> Self {
        Self { audit, served }
    }
}

#[derive(Debug, Clone)]
pub struct RpcAuditService<S> {
    layer: RpcAuditLayer,
    inner: S,
}

impl<S> Layer<S> for RpcAuditLayer {
    type Service = RpcAuditService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RpcAuditService { layer: self.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for RpcAuditService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let RpcAuditLayer { audit, served } = &self.layer;
        let rpc = served.of(request.uri().path());
        let is_mutation = rpc.is_some_and(is_mutation);
        let name = rpc.map_or("unknown", |rpc| rpc.trim_start_matches('/'));
        let mut call = audit.begin(name, is_mutation, Peer::of(request.extensions()));
        call.request_id = request.extensions().get::<CallId>().cloned();
        let subject = call.subject.clone();
        let future = subject.sync_scope(|| self.inner.call(request));
        Box::pin(async move {
            let response = subject.scope(future).await?;
            call.end(&outcome(response.headers()));
            Ok(response)
        })
    }
}

pub(super) fn is_mutation(rpc: &str) -> bool {
    let method = rpc.rsplit('/').next().unwrap_or_default();
    !READS.iter().any(|read| method.starts_with(read))
}

/// Errors come with the headers; a stream's own end is not seen here.
fn outcome(headers: &HeaderMap) -> String {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => {
            let info = status.get_error_details().error_info().map(|info| info.reason.clone());
            // The standard services answer as their own contracts say.
            info.unwrap_or_else(|| format!("{:?}", status.code()))
        }
        _ => "OK".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::DESCRIPTORS;

    #[test]
    fn each_rpc_that_changes_something_is_a_mutation() {
        let served = ServedRpcs::new(&[DESCRIPTORS]).unwrap();
        let mut reads: Vec<&str> = served.all().filter(|rpc| !is_mutation(rpc)).collect();
        reads.sort_unstable();
        let reads: Vec<&str> =
            reads.into_iter().map(|rpc| rpc.trim_start_matches("/wagroups.v1.")).collect();
        assert_eq!(
            reads,
            [
                "GroupsService/CountGroups",
                "GroupsService/GetDisappearingTimer",
                "GroupsService/GetGroup",
                "GroupsService/GetGroupPicture",
                "GroupsService/GetInfoAdminOnly",
                "GroupsService/GetInviteCode",
                "GroupsService/GetJoinInfo",
                "GroupsService/GetMemberAddMode",
                "GroupsService/GetMemberShareHistory",
                "GroupsService/GetMembershipApproval",
                "GroupsService/GetMessagesAdminOnly",
                "GroupsService/ListGroupEvents",
                "GroupsService/ListGroups",
                "GroupsService/ListJoinRequests",
                "GroupsService/ListParticipants",
                "GroupsService/WatchGroupEvents",
                "SessionsService/GetSession",
                "SessionsService/ListSessions",
                "SessionsService/WatchSession",
                "SimulatorService/GetAccount",
                "SimulatorService/GetStatistics",
                "SimulatorService/GetWorldGroup",
                "SimulatorService/ListCalls",
                "SimulatorService/ListWorldGroups",
                "WebhooksService/GetWebhook",
                "WebhooksService/ListWebhooks",
            ]
        );
    }
}
