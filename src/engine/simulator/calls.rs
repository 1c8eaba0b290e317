//! The simulator as an engine: each call of the port as an operation of the world.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::engine::SimulatorEngine;
use super::world::{Done, Notification, Operation as WorldOperation};
use crate::domain::event::MemberAction;
use crate::domain::group::AddressingMode;
use crate::domain::id::{InviteCode, PhoneNumber, SessionName};
use crate::domain::invite::{GroupPreview, Invite, JoinOutcome};
use crate::domain::join_request::JoinRequest;
use crate::domain::operation::{
    AnswerJoinRequests, ChangeParticipants, ChangeSetting, CreateGroup, Created,
    DeleteGroupPicture, EngineAnswer, EngineCall, EngineError, FetchAll, FetchGroup, FetchedGroup,
    GetGroupPicture, GetInviteCode, GetJoinInfo, JoinGroup, Joined, LeaveGroup, ListJoinRequests,
    Operation as _, OperationName, Perform, Result, RevokeInviteCode, SetGroupDescription,
    SetGroupPicture, SetGroupSubject, Snapshot,
};
use crate::domain::participant::ParticipantResult;
use crate::domain::picture::GroupPicture;
use crate::domain::port::engine::{GroupEngine, Login, PairingCode, RequestedAccount, Started};
use crate::domain::port::picture::Picture;
use crate::domain::session::EngineKind;

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

    fn supports(&self, _: &SessionName, _: OperationName) -> bool {
        true
    }

    async fn log_in(
        &self,
        session: &SessionName,
        wish: &RequestedAccount,
    ) -> Result<Option<Login>> {
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
}

#[async_trait]
impl Perform<CreateGroup> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &CreateGroup,
    ) -> Result<EngineAnswer<Created>> {
        let operation = WorldOperation::Create {
            subject: command.subject.as_str().to_owned(),
            description: command.description.as_str().to_owned(),
            participants: command.participants.clone(),
            settings: command.settings,
            addressing_mode: AddressingMode::Lid,
        };
        let made = self.mutate(call, command.name(), operation).await?;
        let Some(group_id) = made.group_id else {
            return Err(EngineError::unknown("the simulator made a group without an id"));
        };
        Ok(answer(Created { group_id, results: made.results }, &made.echo))
    }
}

#[async_trait]
impl Perform<LeaveGroup> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &LeaveGroup,
    ) -> Result<EngineAnswer<()>> {
        let operation = WorldOperation::Leave(command.group_id.clone());
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<JoinGroup> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &JoinGroup,
    ) -> Result<EngineAnswer<Joined>> {
        let operation = match &command.invite {
            Invite::Code(code) => WorldOperation::JoinByInvite(code.clone()),
            Invite::Private(invite) => WorldOperation::AcceptPrivateInvite(invite.clone()),
        };
        let joined = self.mutate(call, command.name(), operation).await?;
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
}

#[async_trait]
impl Perform<GetJoinInfo> for SimulatorEngine {
    async fn perform(&self, call: EngineCall<'_>, query: &GetJoinInfo) -> Result<GroupPreview> {
        let (invite, now) = (query.invite.clone(), self.clock.now());
        self.look(call, query.name(), None, move |world, viewer| {
            world.preview(now, viewer, &invite)
        })
        .await
    }
}

#[async_trait]
impl Perform<SetGroupSubject> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &SetGroupSubject,
    ) -> Result<EngineAnswer<()>> {
        let operation = WorldOperation::SetSubject(
            command.group_id.clone(),
            command.subject.as_str().to_owned(),
        );
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<SetGroupDescription> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &SetGroupDescription,
    ) -> Result<EngineAnswer<()>> {
        let operation = WorldOperation::SetDescription {
            group_id: command.group_id.clone(),
            text: command.description.as_str().to_owned(),
            expected_id: command.expected_id.clone(),
        };
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<ChangeSetting> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &ChangeSetting,
    ) -> Result<EngineAnswer<()>> {
        let operation =
            WorldOperation::ChangeSettings(command.group_id.clone(), vec![command.setting]);
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<GetGroupPicture> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        query: &GetGroupPicture,
    ) -> Result<Option<GroupPicture>> {
        let id = query.group_id.clone();
        self.look(call, query.name(), Some(&query.group_id), move |world, viewer| {
            world.picture(viewer, &id)
        })
        .await
    }
}

#[async_trait]
impl Perform<SetGroupPicture<Picture>> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &SetGroupPicture<Picture>,
    ) -> Result<EngineAnswer<()>> {
        let operation = WorldOperation::SetPicture(
            command.group_id.clone(),
            Some(command.picture.jpeg().clone()),
        );
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<DeleteGroupPicture> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &DeleteGroupPicture,
    ) -> Result<EngineAnswer<()>> {
        let operation = WorldOperation::SetPicture(command.group_id.clone(), None);
        Ok(done(&self.mutate(call, command.name(), operation).await?))
    }
}

#[async_trait]
impl Perform<ChangeParticipants> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &ChangeParticipants,
    ) -> Result<EngineAnswer<Vec<ParticipantResult>>> {
        let (group_id, people) = (command.group_id.clone(), command.participants.clone());
        let operation = match command.action {
            MemberAction::Join => WorldOperation::Add(group_id, people),
            MemberAction::Leave => WorldOperation::Remove(group_id, people),
            MemberAction::Promote => WorldOperation::Promote(group_id, people),
            MemberAction::Demote => WorldOperation::Demote(group_id, people),
        };
        let changed = self.mutate(call, command.name(), operation).await?;
        Ok(answer(changed.results, &changed.echo))
    }
}

#[async_trait]
impl Perform<ListJoinRequests> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        query: &ListJoinRequests,
    ) -> Result<Vec<JoinRequest>> {
        let id = query.group_id.clone();
        self.look(call, query.name(), Some(&query.group_id), move |world, viewer| {
            world.open_requests(viewer, &id)
        })
        .await
    }
}

#[async_trait]
impl Perform<AnswerJoinRequests> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &AnswerJoinRequests,
    ) -> Result<EngineAnswer<Vec<ParticipantResult>>> {
        let operation = WorldOperation::AnswerJoinRequests {
            group_id: command.group_id.clone(),
            answer: command.answer,
            people: command.participants.clone(),
        };
        let answered = self.mutate(call, command.name(), operation).await?;
        Ok(answer(answered.results, &answered.echo))
    }
}

#[async_trait]
impl Perform<GetInviteCode> for SimulatorEngine {
    async fn perform(&self, call: EngineCall<'_>, query: &GetInviteCode) -> Result<InviteCode> {
        let id = query.group_id.clone();
        self.look(call, query.name(), Some(&query.group_id), move |world, viewer| {
            world.invite_code(viewer, &id)
        })
        .await
    }
}

#[async_trait]
impl Perform<RevokeInviteCode> for SimulatorEngine {
    async fn perform(
        &self,
        call: EngineCall<'_>,
        command: &RevokeInviteCode,
    ) -> Result<EngineAnswer<InviteCode>> {
        let operation = WorldOperation::RevokeInvite(command.group_id.clone());
        let revoked = self.mutate(call, command.name(), operation).await?;
        let Some(code) = revoked.invite_code else {
            return Err(EngineError::unknown("the simulator made an invite without a code"));
        };
        Ok(answer(code, &revoked.echo))
    }
}

#[async_trait]
impl Perform<FetchGroup> for SimulatorEngine {
    async fn perform(&self, call: EngineCall<'_>, query: &FetchGroup) -> Result<FetchedGroup> {
        let id = query.group_id.clone();
        self.look(call, query.name(), Some(&query.group_id), move |world, viewer| {
            let group = world.group(&id).filter(|group| group.core.role_of(viewer).is_some());
            let group = group.map(|group| group.core.view());
            Ok(FetchedGroup { group, unreported: Vec::new(), stamp: Some(world.stamp()) })
        })
        .await
    }
}

#[async_trait]
impl Perform<FetchAll> for SimulatorEngine {
    async fn perform(&self, call: EngineCall<'_>, query: &FetchAll) -> Result<Snapshot> {
        let fetch_time = self.clock.now();
        let snapshot = self
            .look(call, query.name(), None, move |world, viewer| {
                let groups = world.groups(Some(viewer)).map(|group| group.core.view()).collect();
                let (stamp, max_age) = (Some(world.stamp()), Duration::ZERO);
                Ok(Snapshot {
                    groups,
                    unreported: Vec::new(),
                    stamp,
                    fetch_time,
                    max_age,
                    has_left_groups: false,
                })
            })
            .await?;
        Ok(self.faults.spoil(call.session, snapshot))
    }
}
