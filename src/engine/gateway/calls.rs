//! Each call of the port, passed on.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Gateway;
use crate::domain::error::Error;
use crate::domain::event::MemberAction;
use crate::domain::group::{DescriptionText, SubjectText};
use crate::domain::id::{GroupId, InviteCode, ParticipantId, PhoneNumber, SessionName};
use crate::domain::invite::{GroupPreview, Invite};
use crate::domain::join_request::JoinRequest;
use crate::domain::picture::GroupPicture;
use crate::domain::port::engine::{
    AccountWish, Created, EngineAnswer, EngineOperation as Op, FetchedGroup, GroupEngine, Joined,
    Login, NewGroup, PairingCode, ParticipantsAnswer, RequestAnswer, Result, Snapshot, Started,
};
use crate::domain::session::{EngineConfig, EngineKind};
use crate::domain::setting::Setting;

#[async_trait]
impl GroupEngine for Gateway {
    fn kind(&self) -> EngineKind {
        self.engine.kind()
    }

    fn supports(&self, session: &SessionName, operation: Op) -> bool {
        self.engine.supports(session, operation)
    }

    fn fetches_all(&self, session: &SessionName) -> bool {
        self.engine.fetches_all(session)
    }

    fn upstream(&self, session: &SessionName) -> Arc<str> {
        self.engine.upstream(session)
    }

    fn place(
        &self,
        config: EngineConfig,
        load: &(dyn Fn(&str) -> usize + Sync),
    ) -> std::result::Result<EngineConfig, Error> {
        self.engine.place(config, load)
    }

    fn configure(&self, session: &SessionName, config: &EngineConfig) {
        self.engine.configure(session, config);
    }

    async fn log_in(&self, session: &SessionName, wish: &AccountWish) -> Result<Option<Login>> {
        self.timely(session, || self.engine.log_in(session, wish)).await
    }

    async fn start(&self, session: &SessionName) -> Result<Started> {
        self.timely(session, || self.engine.start(session)).await
    }

    async fn stop(&self, session: &SessionName) -> Result<()> {
        self.engine.stop(session).await
    }

    async fn log_out(&self, session: &SessionName) -> Result<()> {
        self.pass(session, Op::LogoutSession, || self.engine.log_out(session)).await
    }

    async fn request_pairing_code(
        &self,
        session: &SessionName,
        phone: PhoneNumber,
    ) -> Result<PairingCode> {
        let call = || self.engine.request_pairing_code(session, phone);
        self.pass(session, Op::RequestPairingCode, call).await
    }

    async fn forget(&self, session: &SessionName) -> Result<()> {
        self.lanes.forget(session);
        self.engine.forget(session).await
    }

    async fn create_group(
        &self,
        session: &SessionName,
        group: &NewGroup,
        call_key: &str,
    ) -> Result<EngineAnswer<Created>> {
        let call = || self.engine.create_group(session, group, call_key);
        self.pass(session, Op::CreateGroup, call).await
    }

    async fn leave_group(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let call = || self.engine.leave_group(session, group_id, call_key);
        self.pass(session, Op::LeaveGroup, call).await
    }

    async fn join_group(
        &self,
        session: &SessionName,
        invite: &Invite,
        call_key: &str,
    ) -> Result<EngineAnswer<Joined>> {
        let call = || self.engine.join_group(session, invite, call_key);
        self.pass(session, Op::JoinGroup, call).await
    }

    async fn fetch_join_info(
        &self,
        session: &SessionName,
        invite: &Invite,
    ) -> Result<GroupPreview> {
        let call = || self.engine.fetch_join_info(session, invite);
        self.pass(session, Op::GetJoinInfo, call).await
    }

    async fn set_subject(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        subject: &SubjectText,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let call = || self.engine.set_subject(session, group_id, subject, call_key);
        self.pass(session, Op::SetGroupSubject, call).await
    }

    async fn set_description(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        description: &DescriptionText,
        expected_id: Option<&str>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let call =
            || self.engine.set_description(session, group_id, description, expected_id, call_key);
        self.pass(session, Op::SetGroupDescription, call).await
    }

    async fn change_setting(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        setting: Setting,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let call = || self.engine.change_setting(session, group_id, setting, call_key);
        self.pass(session, Op::of_setting(setting), call).await
    }

    async fn fetch_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<GroupPicture>> {
        let call = || self.engine.fetch_picture(session, group_id);
        self.pass(session, Op::GetGroupPicture, call).await
    }

    async fn set_picture(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        jpeg: Option<&Bytes>,
        call_key: &str,
    ) -> Result<EngineAnswer<()>> {
        let operation = match jpeg {
            Some(_) => Op::SetGroupPicture,
            None => Op::DeleteGroupPicture,
        };
        let call = || self.engine.set_picture(session, group_id, jpeg, call_key);
        self.pass(session, operation, call).await
    }

    async fn change_participants(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        action: MemberAction,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer> {
        let call =
            || self.engine.change_participants(session, group_id, action, participants, call_key);
        self.pass(session, Op::of_member_action(action), call).await
    }

    async fn fetch_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Vec<JoinRequest>> {
        let call = || self.engine.fetch_join_requests(session, group_id);
        self.pass(session, Op::ListJoinRequests, call).await
    }

    async fn answer_join_requests(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        answer: RequestAnswer,
        participants: &[ParticipantId],
        call_key: &str,
    ) -> Result<ParticipantsAnswer> {
        let call =
            || self.engine.answer_join_requests(session, group_id, answer, participants, call_key);
        self.pass(session, Op::of_request_answer(answer), call).await
    }

    async fn fetch_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<InviteCode> {
        let call = || self.engine.fetch_invite_code(session, group_id);
        self.pass(session, Op::GetInviteCode, call).await
    }

    async fn revoke_invite_code(
        &self,
        session: &SessionName,
        group_id: &GroupId,
        call_key: &str,
    ) -> Result<EngineAnswer<InviteCode>> {
        let call = || self.engine.revoke_invite_code(session, group_id, call_key);
        self.pass(session, Op::RevokeInviteCode, call).await
    }

    async fn fetch_group(&self, session: &SessionName, group_id: &GroupId) -> Result<FetchedGroup> {
        let call = || self.engine.fetch_group(session, group_id);
        self.pass(session, Op::FetchGroup, call).await
    }

    async fn fetch_all(&self, session: &SessionName) -> Result<Snapshot> {
        let call = || self.engine.fetch_all(session);
        self.pass(session, Op::FetchAll, call).await
    }
}
