//! The RPCs that change groups.

use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{ChangesGroup, Fields, call};
use super::respond::{Changed, changed, group_response, refuse, results_response};
use crate::app::Mutation;
use crate::domain::event::MemberAction;
use crate::domain::group::{GroupSettings, MAX_PARTICIPANTS, MAX_TIMER_SECONDS};
use crate::domain::operation::{
    ChangeParticipants, CreateGroup, LeaveGroup, SetGroupDescription, SetGroupSubject,
};
use crate::pb;
use crate::pb::wire::number;

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
        let request_id = fields.request_id(&message.request_id);
        let (session, (subject, description)) =
            fields.finish(session.zip(subject.zip(description)))?;
        let command = CreateGroup { subject, description, participants, settings }.into();
        let mutation = Mutation { session, request_id, command };
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?;
        Ok(Response::new(results_response!(CreateGroupResponse, answer)))
    }

    pub(super) async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let target = fields.target(message);
        let target = fields.finish(target)?;
        let mutation = target.mutation(|group_id| LeaveGroup { group_id });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
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
        let target = fields.target(message);
        let subject = fields.parse("subject", &message.subject);
        let (target, subject) = fields.finish(target.zip(subject))?;
        let mutation = target.mutation(|group_id| SetGroupSubject { group_id, subject });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(group_response!(SetGroupSubjectResponse, answer)))
    }

    pub(super) async fn set_group_description(
        &self,
        request: Request<pb::SetGroupDescriptionRequest>,
    ) -> Result<Response<pb::SetGroupDescriptionResponse>, Status> {
        let call = call(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let target = fields.target(message);
        let description = fields.required("description", message.description.as_ref());
        let description = description.and_then(|text| fields.parse("description", text));
        let expected = &message.expected_description_id;
        if expected.len() > 128 {
            fields.add("expected_description_id", "must have at most 128 bytes");
        }
        let expected_id = Some(expected.clone()).filter(|id| !id.is_empty());
        let (target, description) = fields.finish(target.zip(description))?;
        let mutation =
            target.mutation(|group_id| SetGroupDescription { group_id, description, expected_id });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        let answer = changed(&mutated, None)?.without_participants();
        Ok(Response::new(group_response!(SetGroupDescriptionResponse, answer)))
    }

    pub(super) async fn add_participants(
        &self,
        request: Request<pb::AddParticipantsRequest>,
    ) -> Result<Response<pb::AddParticipantsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.change_participants(&request, people, MemberAction::Join).await?;
        Ok(Response::new(results_response!(AddParticipantsResponse, answer)))
    }

    pub(super) async fn remove_participants(
        &self,
        request: Request<pb::RemoveParticipantsRequest>,
    ) -> Result<Response<pb::RemoveParticipantsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.change_participants(&request, people, MemberAction::Leave).await?;
        Ok(Response::new(results_response!(RemoveParticipantsResponse, answer)))
    }

    pub(super) async fn promote_participants(
        &self,
        request: Request<pb::PromoteParticipantsRequest>,
    ) -> Result<Response<pb::PromoteParticipantsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.change_participants(&request, people, MemberAction::Promote).await?;
        Ok(Response::new(results_response!(PromoteParticipantsResponse, answer)))
    }

    pub(super) async fn demote_participants(
        &self,
        request: Request<pb::DemoteParticipantsRequest>,
    ) -> Result<Response<pb::DemoteParticipantsResponse>, Status> {
        let people = &request.get_ref().participant_ids;
        let answer = self.change_participants(&request, people, MemberAction::Demote).await?;
        Ok(Response::new(results_response!(DemoteParticipantsResponse, answer)))
    }

    async fn change_participants<M: ChangesGroup>(
        &self,
        request: &Request<M>,
        participant_ids: &[String],
        action: MemberAction,
    ) -> Result<Changed, Status> {
        let call = call(request)?;
        let mut fields = Fields::default();
        let target = fields.target(request.get_ref());
        let participants =
            fields.participants("participant_ids", participant_ids, 1..=MAX_PARTICIPANTS);
        let target = fields.finish(target)?;
        let mutation =
            target.mutation(|group_id| ChangeParticipants { group_id, action, participants });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        Ok(changed(&mutated, Some(action))?.without_participants())
    }
}

/// The settings of a new group; WhatsApp's own where none are given.
fn settings(fields: &mut Fields, settings: Option<&pb::GroupSettings>) -> GroupSettings {
    let Some(settings) = settings else { return GroupSettings::default() };
    if pb::MemberAddMode::try_from(settings.member_add_mode).is_err() {
        fields.add("settings.member_add_mode", "must be a known mode");
    }
    let timer = settings.disappearing_timer.as_ref();
    fields.seconds("settings.disappearing_timer", timer, MAX_TIMER_SECONDS);
    settings.to_domain()
}
