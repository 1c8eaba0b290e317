//! The RPCs that change groups.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{Fields, HasRequestId, call};
use super::respond::{Changed, changed, refuse};
use crate::domain::event::MemberAction;
use crate::domain::group::{GroupSettings, MAX_PARTICIPANTS};
use crate::domain::port::engine::NewGroup;
use crate::pb;
use crate::pb::wire::number;

/// What WhatsApp lets messages disappear after, in seconds.
const TIMERS: [i64; 4] = [0, 86_400, 604_800, 7_776_000];

impl Groups {
    pub(super) async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let subject = fields.parse("subject", &message.subject);
        let description = fields.parse("description", &message.description);
        let participants = fields.participants(
            "participant_ids",
            &message.participant_ids,
            0..=MAX_PARTICIPANTS - 1,
        );
        let settings = settings(&mut fields, message.settings.as_ref());
        let key = fields.request_key(message);
        let (session, (subject, description)) =
            fields.finish(session.zip(subject.zip(description)))?;
        let mutated = self
            .app
            .create_group(
                &call,
                session,
                key,
                NewGroup { subject, description, participants, settings },
            )
            .await
            .map_err(refuse)?;
        let answer = changed(&mutated, None)?;
        Ok(Response::new(pb::CreateGroupResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }))
    }

    pub(super) async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let key = fields.request_key(message);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let mutated = self.app.leave_group(&call, session, group_id, key).await.map_err(refuse)?;
        Ok(Response::new(pb::LeaveGroupResponse {
            changed: mutated.answer.changed,
            sequence: number(mutated.answer.sequence),
        }))
    }

    pub(super) async fn set_group_subject(
        &self,
        request: Request<pb::SetGroupSubjectRequest>,
    ) -> Result<Response<pb::SetGroupSubjectResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let subject = fields.parse("subject", &message.subject);
        let key = fields.request_key(message);
        let ((session, group_id), subject) = fields.finish(session.zip(group_id).zip(subject))?;
        let mutated =
            self.app.set_subject(&call, session, group_id, key, subject).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(pb::SetGroupSubjectResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
        }))
    }

    pub(super) async fn set_group_description(
        &self,
        request: Request<pb::SetGroupDescriptionRequest>,
    ) -> Result<Response<pb::SetGroupDescriptionResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let session = fields.session(&message.session);
        let group_id = fields.group_id(&message.group_id);
        let description = fields.parse("description", &message.description);
        let expected = &message.expected_description_id;
        if expected.len() > 128 {
            fields.add("expected_description_id", "must have at most 128 bytes");
        }
        let expected = Some(expected.clone()).filter(|id| !id.is_empty());
        let key = fields.request_key(message);
        let ((session, group_id), description) =
            fields.finish(session.zip(group_id).zip(description))?;
        let mutated = self
            .app
            .set_description(&call, session, group_id, key, description, expected)
            .await
            .map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(pb::SetGroupDescriptionResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
        }))
    }

    pub(super) async fn add_participants(
        &self,
        request: Request<pb::AddParticipantsRequest>,
    ) -> Result<Response<pb::AddParticipantsResponse>, Status> {
        let m = request.get_ref();
        let answer = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Join,
            )
            .await?;
        Ok(Response::new(pb::AddParticipantsResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }))
    }

    pub(super) async fn remove_participants(
        &self,
        request: Request<pb::RemoveParticipantsRequest>,
    ) -> Result<Response<pb::RemoveParticipantsResponse>, Status> {
        let m = request.get_ref();
        let answer = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Leave,
            )
            .await?;
        Ok(Response::new(pb::RemoveParticipantsResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }))
    }

    pub(super) async fn promote_participants(
        &self,
        request: Request<pb::PromoteParticipantsRequest>,
    ) -> Result<Response<pb::PromoteParticipantsResponse>, Status> {
        let m = request.get_ref();
        let answer = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Promote,
            )
            .await?;
        Ok(Response::new(pb::PromoteParticipantsResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }))
    }

    pub(super) async fn demote_participants(
        &self,
        request: Request<pb::DemoteParticipantsRequest>,
    ) -> Result<Response<pb::DemoteParticipantsResponse>, Status> {
        let m = request.get_ref();
        let answer = self
            .change_participants(
                &request,
                &m.session,
                &m.group_id,
                &m.participant_ids,
                MemberAction::Demote,
            )
            .await?;
        Ok(Response::new(pb::DemoteParticipantsResponse {
            group: answer.group,
            changed: answer.changed,
            sequence: answer.sequence,
            results: answer.results,
        }))
    }

    async fn change_participants<M: HasRequestId>(
        &self,
        request: &Request<M>,
        session: &str,
        group_id: &str,
        participant_ids: &[String],
        action: MemberAction,
    ) -> Result<Changed, Status> {
        let call = call(request)?;
        let mut fields = Fields::default();
        let session = fields.session(session);
        let group_id = fields.group_id(group_id);
        let participants =
            fields.participants("participant_ids", participant_ids, 1..=MAX_PARTICIPANTS);
        let key = fields.request_key(request.get_ref());
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let mutated = self
            .app
            .change_participants(&call, session, group_id, key, action, participants)
            .await
            .map_err(refuse)?;
        Ok(changed(&mutated, Some(action))?.without_participants())
    }
}

/// The settings of a new group; WhatsApp's own where none are given.
fn settings(fields: &mut Fields, settings: Option<&pb::GroupSettings>) -> GroupSettings {
    let Some(settings) = settings else { return GroupSettings::default() };
    if pb::MemberAddMode::try_from(settings.member_add_mode).is_err() {
        fields.add("settings.member_add_mode", "must be a known mode");
    }
    if let Some(timer) = &settings.disappearing_timer
        && (timer.nanos != 0 || !TIMERS.contains(&timer.seconds))
    {
        fields.add("settings.disappearing_timer", "must be 0, 1 day, 7 days or 90 days");
    }
    settings.to_domain()
}
