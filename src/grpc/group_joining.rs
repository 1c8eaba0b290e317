//! The RPCs of coming into a group: invites, joining, and requests to join.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{ChangesGroup, Fields, call};
use super::respond::{Changed, changed, refuse, results_response};
use crate::app::Mutation;
use crate::app::groups::JoinRequestQuery;
use crate::domain::group::MAX_PARTICIPANTS;
use crate::domain::id::InviteCode;
use crate::domain::invite::Invite;
use crate::domain::operation::{AnswerJoinRequests, JoinGroup, RequestAnswer, RevokeInviteCode};
use crate::domain::participant::PrivateInvite;
use crate::pb;
use crate::pb::wire::{number, timestamp};
use crate::pb::{get_join_info_request, join_group_request};

impl Groups {
    pub(super) async fn join_group(
        &self,
        request: Request<pb::JoinGroupRequest>,
    ) -> Result<Response<pb::JoinGroupResponse>, Status> {
        use join_group_request::Invite as Wanted;
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let request_id = fields.request_id(&message.request_id);
        let invite = match &message.invite {
            Some(Wanted::InviteCode(code)) => by_code(&mut fields, code),
            Some(Wanted::PrivateInvite(invite)) => by_private_invite(&mut fields, invite),
            None => no_invite(&mut fields),
        };
        let (session, invite) = fields.finish(session.zip(invite))?;
        let mutation = Mutation { session, request_id, command: JoinGroup { invite }.into() };
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?;
        let joined = &mutated.answer.outcome;
        // After PENDING_APPROVAL no more is known of it than its id.
        let id_only = || pb::Group {
            id: joined.group_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            ..Default::default()
        };
        let outcome = joined.join_outcome.map_or(pb::JoinOutcome::Unspecified, Into::into);
        Ok(Response::new(pb::JoinGroupResponse {
            group: Some(answer.group.unwrap_or_else(id_only)),
            changed: answer.changed,
            sequence: answer.sequence,
            outcome: outcome.into(),
        }))
    }

    pub(super) async fn get_join_info(
        &self,
        request: Request<pb::GetJoinInfoRequest>,
    ) -> Result<Response<pb::GetJoinInfoResponse>, Status> {
        use get_join_info_request::Invite as Wanted;
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let invite = match &message.invite {
            Some(Wanted::InviteCode(code)) => by_code(&mut fields, code),
            Some(Wanted::PrivateInvite(invite)) => by_private_invite(&mut fields, invite),
            None => no_invite(&mut fields),
        };
        let (session, invite) = fields.finish(session.zip(invite))?;
        let known = self.app.join_info(&call, &session, invite).await.map_err(refuse)?;
        Ok(Response::new(pb::GetJoinInfoResponse {
            preview: Some(known.value.as_ref().into()),
            synced_time: Some(timestamp(known.synced_time)),
        }))
    }

    pub(super) async fn get_invite_code(
        &self,
        request: Request<pb::GetInviteCodeRequest>,
    ) -> Result<Response<pb::GetInviteCodeResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let read = self
            .app
            .invite_code(&call, &session, &group_id, message.refresh, min_sequence)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::GetInviteCodeResponse {
            invite_code: read.value.to_string(),
            invite_url: read.value.link(),
            as_of_sequence: number(read.as_of_sequence),
            synced_time: Some(timestamp(read.synced_time)),
        }))
    }

    pub(super) async fn revoke_invite_code(
        &self,
        request: Request<pb::RevokeInviteCodeRequest>,
    ) -> Result<Response<pb::RevokeInviteCodeResponse>, Status> {
        let call = call(&request)?;
        let mut fields = Fields::default();
        let target = fields.target(request.get_ref());
        let target = fields.finish(target)?;
        let mutation = target.mutation(|group_id| RevokeInviteCode { group_id });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = &mutated.answer;
        let code = answer.outcome.invite_code.as_ref();
        Ok(Response::new(pb::RevokeInviteCodeResponse {
            invite_code: code.map(ToString::to_string).unwrap_or_default(),
            invite_url: code.map(InviteCode::link).unwrap_or_default(),
            changed: answer.changed,
            sequence: number(answer.sequence),
        }))
    }

    pub(super) async fn list_join_requests(
        &self,
        request: Request<pb::ListJoinRequestsRequest>,
    ) -> Result<Response<pb::ListJoinRequestsResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let page_size = fields.page_size(message.page_size);
        let min_sequence = fields.sequence("min_sequence", message.min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let query = JoinRequestQuery { session, group_id };
        let token = &message.page_token;
        let page = self
            .app
            .list_join_requests(&call, &query, page_size, token, message.refresh, min_sequence)
            .await
            .map_err(refuse)?;
        Ok(Response::new(pb::ListJoinRequestsResponse {
            join_requests: page.requests.iter().map(Into::into).collect(),
            next_page_token: page.next_page_token,
            as_of_sequence: number(page.as_of_sequence),
            synced_time: page.synced_time.map(timestamp),
        }))
    }

    pub(super) async fn approve_join_requests(
        &self,
        request: Request<pb::ApproveJoinRequestsRequest>,
    ) -> Result<Response<pb::ApproveJoinRequestsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.answer_join_requests(&request, people, RequestAnswer::Approve).await?;
        Ok(Response::new(results_response!(ApproveJoinRequestsResponse, answer)))
    }

    pub(super) async fn reject_join_requests(
        &self,
        request: Request<pb::RejectJoinRequestsRequest>,
    ) -> Result<Response<pb::RejectJoinRequestsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.answer_join_requests(&request, people, RequestAnswer::Reject).await?;
        Ok(Response::new(results_response!(RejectJoinRequestsResponse, answer)))
    }

    async fn answer_join_requests<M: ChangesGroup>(
        &self,
        request: &Request<M>,
        participant_ids: &[String],
        answer: RequestAnswer,
    ) -> Result<Changed, Status> {
        let call = call(request)?;
        let mut fields = Fields::default();
        let target = fields.target(request.get_ref());
        let participants =
            fields.participants("participant_ids", participant_ids, 1..=MAX_PARTICIPANTS);
        let target = fields.finish(target)?;
        let mutation =
            target.mutation(|group_id| AnswerJoinRequests { group_id, answer, participants });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        Ok(changed(&mutated, None)?.without_participants())
    }
}

fn by_code(fields: &mut Fields, code: &str) -> Option<Invite> {
    fields.parse("invite_code", code).map(Invite::Code)
}

fn by_private_invite(fields: &mut Fields, invite: &pb::PrivateInvite) -> Option<Invite> {
    private_invite(fields, "private_invite", invite).map(Invite::Private)
}

fn no_invite(fields: &mut Fields) -> Option<Invite> {
    fields.add("invite", "must be an invite_code or a private_invite");
    None
}

/// A private invite as a result of AddParticipants held it.
pub(super) fn private_invite(
    fields: &mut Fields,
    field: &str,
    invite: &pb::PrivateInvite,
) -> Option<PrivateInvite> {
    let code = fields.parse(&format!("{field}.code"), &invite.code);
    let group_id = fields.parse(&format!("{field}.group_id"), &invite.group_id);
    let inviter = fields.parse(&format!("{field}.inviter"), &invite.inviter);
    let path = format!("{field}.expire_time");
    if invite.expire_time.is_none() {
        fields.add(path.as_str(), "must be set");
    }
    let expire_time = fields.time(&path, invite.expire_time.as_ref());
    let ((code, group_id), (inviter, expire_time)) =
        code.zip(group_id).zip(inviter.zip(expire_time))?;
    Some(PrivateInvite { group_id, code, expire_time, inviter })
}
