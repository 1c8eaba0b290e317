//! The simulator as an engine: each call of the port as an operation of the world.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::engine::SimulatorEngine;
use super::world::{Done, Notification, Operation};
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, DescriptionText, SubjectText};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::join_request::JoinRequest;
use crate::domain::picture::GroupPicture;
use crate::domain::port::engine::{
    AccountWish, Created, EngineAnswer, EngineError, EngineOperation, FetchedGroup, GroupEngine,
    Joined, Login, NewGroup, PairingCode, ParticipantsAnswer, RequestAnswer, Result, Snapshot,
    Started,
};
use crate::domain::session::EngineKind;
use crate::domain::setting::Setting;

fn answer<T>(value: T, echo: &[Arc<Notification>]) -> EngineAnswer<T> {
    EngineAnswer {
        value,
        observations: echo.iter().map(|notification| notification.observation()).collect(),
        source_ids: echo.iter().map(|notification| notification.source_id()).collect(),
    }
}

fn done(done: &Done) -> EngineAnswer<()> {
    answer((), &done.echo)
}

#[async_trait]
impl GroupEngine for SimulatorEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Simulator
    }

    fn supports(&self, _: &SessionName, _: EngineOperation) -> bool {
        true
    }

    async fn log_in(&self, session: &SessionName, wish: &AccountWish) -> Result<Option<Login>> {
        self.log_in_session(session, wish).await.map(Some)
    }

    async fn start(&self, session: &SessionName) -> Result<Started> {
        self.start_session(session).await
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        self.stop_session(session).await;
        Ok(())
    }

    async fn log_out(&self, session: &SessionName) -> Result<()> {
        self.unlink_session(session).await
    }

    async fn request_pairing_code(
        &self,
        session: &SessionName,
        _: PhoneNumber,
    ) -> Result<PairingCode> {
        self.pairing_code(session).await
    }

    async fn forget(&self, session: &SessionName) -> Result<()> {
        self.forget_session(session).await
    }

    async fn create_group(
        &self,
        session: &SessionName,
        group: &NewGroup,
        call_key: &str,
    ) -> Result<EngineAnswer<Created>> {
        let operation = Operation::Create {
            subject: group.subject.as_str().to_owned(),
            description: group.description.as_str().to_owned(),
            participants: group.participants.clone(),
            settings: group.settings,
            addressing_mode: AddressingMode::Lid,
        };
        let made = self.mutate(session, EngineOperation::CreateGroup, operation, call_key).await?;
        let Some(group_id) = made.group_id else {
            return Err(EngineError::unknown("the simulator made a group without an id"));
        };
        Ok(answer(Created { group_id, results: made.results }, &made.echo))
    }

    async fn leave_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::Leave(group_id.clone());
        let left = self.mutate(session, EngineOperation::LeaveGroup, operation, call_key).await?;
        Ok(done(&left))
    }

    async fn join_group(
        &self,
        session: &SessionName,
        invite: &Invite,
        call_key: &str,
    ) -> Result<EngineAnswer<Joined>> {
        let operation = match invite {
            Invite::Code(code) => Operation::JoinByInvite(code.clone()),
            Invite::Private(invite) => Operation::AcceptPrivateInvite(invite.clone()),
        };
        let joined = self.mutate(session, EngineOperation::JoinGroup, operation, call_key).await?;
        let Some(group_id) = joined.group_id else {
            return Err(EngineError::unknown("the simulator joined a group without an id"));
        };
        let outcome = if joined.pending_approval {
            JoinOutcome::PendingApproval
        } else {
            JoinOutcome::Joined
        };
        Ok(answer(Joined { group_id, outcome }, &joined.echo))
    }

    async fn fetch_join_info(
        &self,
        session: &SessionName,
        invite: &Invite,
    ) -> Result<GroupPreview> {
        let (invite, now) = (invite.clone(), self.clock.now());
        let look = EngineOperation::GetJoinInfo;
        self.look(session, look, None, move |world, viewer| world.preview(now, viewer, &invite))
            .await
    }

    async fn set_subject(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        subject: &SubjectText,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetSubject(group_id.clone(), subject.as_str().to_owned());
        let set =
            self.mutate(session, EngineOperation::SetGroupSubject, operation, call_key).await?;
        Ok(done(&set))
    }

    async fn set_description(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        description: &DescriptionText,
        expected_id: Option<&str>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::SetDescription {
            group_id: group_id.clone(),
            text: description.as_str().to_owned(),
            expected_id: expected_id.map(str::to_owned),
        };
        let set =
            self.mutate(session, EngineOperation::SetGroupDescription, operation, call_key).await?;
        Ok(done(&set))
    }

    async fn change_setting(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        setting: Setting,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = Operation::ChangeSettings(group_id.clone(), vec![setting]);
        let kind = EngineOperation::of_setting(setting);
        Ok(done(&self.mutate(session, kind, operation, call_key).await?))
    }

    async fn fetch_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<GroupPicture>> {
        let (kind, id) = (EngineOperation::GetGroupPicture, group_id.clone());
        self.look(session, kind, Some(group_id), move |world, viewer| world.picture(viewer, &id))
            .await
    }

    async fn set_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        jpeg: Option<&Bytes>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let kind = match jpeg {
            Some(_) => EngineOperation::SetGroupPicture,
            None => EngineOperation::DeleteGroupPicture,
        };
        let operation = Operation::SetPicture(group_id.clone(), jpeg.cloned());
        Ok(done(&self.mutate(session, kind, operation, call_key).await?))
    }

    async fn change_participants(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer> {
        let (group_id, participants) = (group_id.clone(), participants.to_vec());
        let operation = match action {
            MemberAction::Join => Operation::Add(group_id, participants),
            MemberAction::Leave => Operation::Remove(group_id, participants),
            MemberAction::Promote => Operation::Promote(group_id, participants),
            MemberAction::Demote => Operation::Demote(group_id, participants),
        };
        let kind = EngineOperation::of_member_action(action);
        let changed = self.mutate(session, kind, operation, call_key).await?;
        Ok(answer(changed.results, &changed.echo))
    }

    async fn fetch_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Vec<JoinRequest>> {
        let (kind, id) = (EngineOperation::ListJoinRequests, group_id.clone());
        self.look(session, kind, Some(group_id), move |world, viewer| {
            world.open_requests(viewer, &id)
        })
        .await
    }

    async fn answer_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        verdict: RequestAnswer,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer> {
        let operation = Operation::AnswerJoinRequests {
            group_id: group_id.clone(),
            answer: verdict,
            people: participants.to_vec(),
        };
        let kind = EngineOperation::of_request_answer(verdict);
        let answered = self.mutate(session, kind, operation, call_key).await?;
        Ok(answer(answered.results, &answered.echo))
    }

    async fn fetch_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<InviteCode> {
        let (kind, id) = (EngineOperation::GetInviteCode, group_id.clone());
        self.look(session, kind, Some(group_id), move |world, viewer| {
            world.invite_code(viewer, &id)
        })
        .await
    }

    async fn revoke_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<InviteCode>> {
        let operation = Operation::RevokeInvite(group_id.clone());
        let revoked =
            self.mutate(session, EngineOperation::RevokeInviteCode, operation, call_key).await?;
        let Some(code) = revoked.invite_code else {
            return Err(EngineError::unknown("the simulator made an invite without a code"));
        };
        Ok(answer(code, &revoked.echo))
    }

    async fn fetch_group(&self, session: &SessionName, group_id: &GroupId) -> Result<FetchedGroup> {
        let id = group_id.clone();
        self.look(session, EngineOperation::FetchGroup, Some(group_id), move |world, viewer| {
            let group = world.group(&id).filter(|group| group.core.role_of(viewer).is_some());
            let group = group.map(|group| group.core.view());
            Ok(FetchedGroup { group, untold: Vec::new(), stamp: Some(world.stamp()) })
        })
        .await
    }

    async fn fetch_all(&self, session: &SessionName) -> Result<Snapshot> {
        let fetch_time = self.clock.now();
        let snapshot = self
            .look(session, EngineOperation::FetchAll, None, move |world, viewer| {
                let groups = world.groups(Some(viewer)).map(|group| group.core.view()).collect();
                let (stamp, max_age) = (Some(world.stamp()), Duration::ZERO);
                Ok(Snapshot {
                    groups,
                    untold: Vec::new(),
                    stamp,
                    fetch_time,
                    max_age,
                    has_left_groups: false,
                })
            })
            .await?;
        Ok(self.faults.spoil(session, snapshot))
    }
}
