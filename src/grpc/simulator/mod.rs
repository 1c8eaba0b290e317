//! SimulatorService: what a test has the other people do. Served only where the simulator is enabled.

mod act;
mod faults;
mod messages;

use std::sync::Arc;

use prost::Message;
use tonic::{Request, Response, Status};

use self::faults::{Lie, Wanted};
use super::request::{Fields, call};
use super::respond::refuse;
use crate::domain::error::Error;
use crate::domain::id::{GroupId, ParticipantId, PhoneNumber, RequestId, SessionName};
use crate::domain::operation::OperationName;
use crate::domain::page::{MAX_PAGE_BYTES, decode_page_token, encode_page_token};
use crate::domain::reason::Reason;
use crate::engine::simulator::world::CallFilter;
use crate::engine::simulator::{Aim, Defect, SimulatorEngine, SnapshotFault};
use crate::pb::{self, simulator_service_server::SimulatorService};

pub struct Simulator {
    /// `None` where the simulator is switched off.
    engine: Option<Arc<SimulatorEngine>>,
}

impl Simulator {
    pub fn new(engine: Option<Arc<SimulatorEngine>>) -> Self {
        Self { engine }
    }

    /// The world is one for all sessions, so only a key that sees all of them may touch it.
    fn engine<T>(&self, request: &Request<T>) -> Result<&SimulatorEngine, Status> {
        if !call(request)?.caller.sees_all() {
            let message = "the simulator's world is shared by all sessions; use an API key with the pattern *";
            let error = Error::new(Reason::PermissionDenied, message);
            return Err(refuse(error.with("method", "SimulatorService")));
        }
        self.engine.as_deref().ok_or_else(|| {
            let message = "the simulator is switched off; set simulator.enabled to use it";
            refuse(Error::new(Reason::SimulatorDisabled, message))
        })
    }
}

impl Simulator {
    /// Lets the fault wait for its turn, or strike at once. Answers its id.
    async fn inject(
        &self,
        engine: &SimulatorEngine,
        aim: Aim,
        wanted: Wanted,
    ) -> crate::domain::error::Result<u64> {
        let faults = engine.faults();
        match wanted {
            Wanted::Call(kind) => faults.inject_call(aim, kind),
            Wanted::Notifications(kind) => faults.inject_notifications(aim, kind),
            Wanted::Snapshot { defect: Lie::Of(defect), percent } => {
                faults.inject_snapshots(aim, SnapshotFault { defect, percent })
            }
            Wanted::Snapshot { defect: Lie::Stale(age), percent } => {
                let mut id = None;
                for session in sessions(engine, aim.session.clone()).await? {
                    let defect = Defect::Stale { groups: engine.groups_of(&session).await?, age };
                    let aim = Aim { session: Some(session), ..aim.clone() };
                    let fault = SnapshotFault { defect, percent };
                    id = Some(faults.inject_snapshots(aim, fault)?);
                }
                Ok(id.unwrap_or_else(|| faults.next_id()))
            }
            Wanted::Disconnect(duration) => {
                for session in sessions(engine, aim.session).await? {
                    engine.disconnect(&session, duration).await;
                }
                Ok(faults.next_id())
            }
            Wanted::Logout => {
                for session in sessions(engine, aim.session).await? {
                    engine.unlink(&session).await?;
                }
                Ok(faults.next_id())
            }
        }
    }
}

/// The session named, or all of the world.
async fn sessions(
    engine: &SimulatorEngine,
    session: Option<SessionName>,
) -> crate::domain::error::Result<Vec<SessionName>> {
    match session {
        Some(session) => Ok(vec![session]),
        None => engine.sessions().await,
    }
}

#[tonic::async_trait]
impl SimulatorService for Simulator {
    async fn put_account(
        &self,
        request: Request<pb::PutAccountRequest>,
    ) -> Result<Response<pb::PutAccountResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let account = request.get_ref().account.clone().unwrap_or_default();
        let id = fields.parse::<PhoneNumber>("account.phone_number_id", &account.phone_number_id);
        let mask = request.get_ref().update_mask.as_ref();
        let change = messages::account_change(&mut fields, &account, mask);
        let id = fields.finish(id)?;
        let put = engine.change_account(ParticipantId::Phone(id), change).await.map_err(refuse)?;
        Ok(Response::new(pb::PutAccountResponse { account: Some(messages::account(put)) }))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let id = fields.parse("id", &request.get_ref().id);
        let account = engine.account(fields.finish(id)?).await.map_err(refuse)?;
        Ok(Response::new(pb::GetAccountResponse { account: Some(messages::account(account)) }))
    }

    async fn act(
        &self,
        request: Request<pb::ActRequest>,
    ) -> Result<Response<pb::ActResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let actor = fields.parse::<ParticipantId>("actor", &message.actor);
        let operation = act::operation(&mut fields, message);
        let makes_code = act::makes_code(message);
        let (actor, operation) = fields.finish(actor.zip(operation))?;
        let acted = engine.act(actor, operation, message.force).await.map_err(|error| {
            let error = match error.reason() {
                Reason::NotOnWhatsapp => error.with_context("id", actor),
                _ if message.group_id.is_empty() => error,
                _ => error.with_context("group_id", &message.group_id),
            };
            refuse(error)
        })?;
        Ok(Response::new(pb::ActResponse {
            group_id: acted.group_id.map(|id| id.to_string()).unwrap_or_default(),
            changed: acted.changed,
            results: acted.results.iter().map(Into::into).collect(),
            invite_code: acted
                .invite_code
                .filter(|_| makes_code)
                .map(|code| code.to_string())
                .unwrap_or_default(),
            notification_count: i32::try_from(acted.notification_count).unwrap_or(i32::MAX),
        }))
    }

    async fn inject_fault(
        &self,
        request: Request<pb::InjectFaultRequest>,
    ) -> Result<Response<pb::InjectFaultResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let aim = faults::aim(&mut fields, message);
        let wanted = faults::fault(&mut fields, message);
        let wanted = fields.finish(wanted)?;
        let id = self.inject(engine, aim, wanted).await.map_err(refuse)?;
        Ok(Response::new(pb::InjectFaultResponse { fault_id: id.to_string() }))
    }

    async fn clear_faults(
        &self,
        request: Request<pb::ClearFaultsRequest>,
    ) -> Result<Response<pb::ClearFaultsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let ids = fields.each::<u64>("fault_ids", &message.fault_ids, 1000);
        let session = optional_session(&mut fields, &message.session);
        if message.all && !(ids.is_empty() && session.is_none()) {
            fields.add("all", "must not be set together with fault_ids or session");
        }
        if !message.all && message.fault_ids.is_empty() && message.session.is_empty() {
            fields.add("fault_ids", "must name faults, unless session or all is set");
        }
        fields.finish(Some(()))?;
        let cleared = engine.faults().clear(&ids, session.as_ref());
        let cleared_count = i32::try_from(cleared).unwrap_or(i32::MAX);
        Ok(Response::new(pb::ClearFaultsResponse { cleared_count }))
    }

    async fn get_world_group(
        &self,
        request: Request<pb::GetWorldGroupRequest>,
    ) -> Result<Response<pb::GetWorldGroupResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let id = fields.group_id(&message.group_id);
        let viewer = if message.viewer_id.is_empty() {
            None
        } else {
            fields.parse::<ParticipantId>("viewer_id", &message.viewer_id)
        };
        let id = fields.finish(id)?;
        let viewer = match viewer {
            Some(viewer) => Some(engine.account(viewer).await.map_err(refuse)?.0),
            None => None,
        };
        let found = engine.world_group(&id).await.map_err(refuse)?;
        let Some(found) = found else {
            let message = format!("the simulator's world has no group {id}");
            return Err(refuse(Error::new(Reason::GroupNotFound, message).about("group", id)));
        };
        Ok(Response::new(pb::GetWorldGroupResponse {
            group: Some(pb::group::message(&found.group, viewer.as_ref())),
            invite_code: found.invite_code.to_string(),
            join_requests: found.join_requests.iter().map(Into::into).collect(),
        }))
    }

    async fn list_world_groups(
        &self,
        request: Request<pb::ListWorldGroupsRequest>,
    ) -> Result<Response<pb::ListWorldGroupsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let page_size = fields.page_size(message.page_size);
        let member = if message.member_id.is_empty() {
            None
        } else {
            fields.parse::<ParticipantId>("member_id", &message.member_id)
        };
        fields.finish(Some(()))?;
        let after: Option<GroupId> =
            decode_page_token(&member, &message.page_token).map_err(refuse)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut found =
            engine.world_groups(member, after, wanted.saturating_add(1)).await.map_err(refuse)?;
        let total = found.len();
        let mut bytes = 0;
        let mut groups: Vec<pb::Group> = Vec::new();
        for group in &found {
            let group = pb::group::message(group, None);
            bytes += group.encoded_len();
            if groups.len() == wanted || (bytes > MAX_PAGE_BYTES && !groups.is_empty()) {
                break;
            }
            groups.push(group);
        }
        found.truncate(groups.len());
        let next_page_token = match found.last() {
            Some(last) if found.len() < total => {
                encode_page_token(&member, &last.id).map_err(refuse)?
            }
            _ => String::new(),
        };
        Ok(Response::new(pb::ListWorldGroupsResponse { groups, next_page_token }))
    }

    async fn list_calls(
        &self,
        request: Request<pb::ListCallsRequest>,
    ) -> Result<Response<pb::ListCallsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let page_size = fields.page_size(message.page_size);
        let session = optional_session(&mut fields, &message.session);
        let request_id = match message.request_id.as_str() {
            "" => None,
            id => fields.parse::<RequestId>("request_id", id),
        };
        let operation = match message.operation.as_str() {
            "" => None,
            name => {
                let operation = OperationName::from_name(name);
                if operation.is_none() {
                    fields.add("operation", "must be the name of an operation");
                }
                operation
            }
        };
        fields.finish(Some(()))?;
        let applied_only = message.applied_only;
        let filter = CallFilter { session, request_id, operation, applied_only };
        let after: Option<u64> = decode_page_token(&filter, &message.page_token).map_err(refuse)?;
        let wanted = usize::try_from(page_size).unwrap_or(usize::MAX);
        let mut calls = engine
            .calls(filter.clone(), after.unwrap_or_default(), wanted.saturating_add(1))
            .await
            .map_err(refuse)?;
        let more = calls.len() > wanted;
        calls.truncate(wanted);
        let next_page_token = match calls.last() {
            Some(last) if more => encode_page_token(&filter, last.number).map_err(refuse)?,
            _ => String::new(),
        };
        let calls = calls.iter().map(messages::call).collect();
        Ok(Response::new(pb::ListCallsResponse { calls, next_page_token }))
    }

    async fn get_statistics(
        &self,
        request: Request<pb::GetStatisticsRequest>,
    ) -> Result<Response<pb::GetStatisticsResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let session = optional_session(&mut fields, &request.get_ref().session);
        fields.finish(Some(()))?;
        let counted = engine.statistics(session).await.map_err(refuse)?;
        Ok(Response::new(messages::statistics(&counted)))
    }

    async fn link_device(
        &self,
        request: Request<pb::LinkDeviceRequest>,
    ) -> Result<Response<pb::LinkDeviceResponse>, Status> {
        let engine = self.engine(&request)?;
        let mut fields = Fields::default();
        let session = fields.session(&request.get_ref().session);
        let session = fields.finish(session)?;
        if !engine.link_device(&session).await.map_err(refuse)? {
            let message = format!("session {session} does not wait to be linked");
            let error = Error::new(Reason::SessionNotWorking, message);
            return Err(refuse(error.with("session", session)));
        }
        Ok(Response::new(pb::LinkDeviceResponse {}))
    }

    async fn replay_notifications(
        &self,
        request: Request<pb::ReplayNotificationsRequest>,
    ) -> Result<Response<pb::ReplayNotificationsResponse>, Status> {
        let engine = self.engine(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let count = match message.count {
            0 => 1,
            count => {
                usize::try_from(count).ok().filter(|count| *count <= 1000).unwrap_or_else(|| {
                    fields.add("count", "must be 1 to 1,000");
                    0
                })
            }
        };
        let session = fields.finish(session)?;
        let replayed = engine.replay(&session, count, message.reverse).await.map_err(refuse)?;
        let replayed_count = i32::try_from(replayed).unwrap_or(i32::MAX);
        Ok(Response::new(pb::ReplayNotificationsResponse { replayed_count }))
    }
}

fn optional_session(fields: &mut Fields, text: &str) -> Option<SessionName> {
    if text.is_empty() { None } else { fields.session(text) }
}
