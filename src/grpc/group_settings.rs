//! The RPCs of a group's settings: each read from what is known, each set by itself.

use prost::Message;
use tonic::{Request, Response, Status};

use super::groups_service::Groups;
use super::request::{ChangesGroup, Fields, call};
use super::respond::{Changed, changed, group_response, refuse};
use crate::domain::error::Error;
use crate::domain::group::MAX_TIMER_SECONDS;
use crate::domain::operation::ChangeSetting;
use crate::domain::setting::Setting;
use crate::pb;
use crate::pb::wire::{number, timestamp};

/// The settings as they are known, and as of when.
struct Read {
    settings: pb::GroupSettings,
    as_of_sequence: i64,
    synced_time: Option<prost_types::Timestamp>,
}

/// Reads the settings of the group that a request names.
macro_rules! read {
    ($groups:ident, $request:ident) => {{
        let message = $request.get_ref();
        let (session, group_id) = (&message.session, &message.group_id);
        $groups.settings(&$request, session, group_id, message.min_sequence).await?
    }};
}

macro_rules! read_response {
    ($response:ident, $field:ident, $value:expr, $read:ident) => {
        Ok(Response::new(pb::$response {
            $field: $value,
            as_of_sequence: $read.as_of_sequence,
            synced_time: $read.synced_time,
        }))
    };
}

impl Groups {
    pub(super) async fn get_info_admin_only(
        &self,
        request: Request<pb::GetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::GetInfoAdminOnlyResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetInfoAdminOnlyResponse,
            info_admin_only,
            read.settings.info_admin_only,
            read
        )
    }

    pub(super) async fn set_info_admin_only(
        &self,
        request: Request<pb::SetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::SetInfoAdminOnlyResponse>, Status> {
        let mut fields = Fields::default();
        let value = fields.required("info_admin_only", request.get_ref().info_admin_only);
        let setting = value.map(Setting::InfoAdminOnly);
        let answer = self.change_setting(&request, fields, setting).await?;
        Ok(Response::new(group_response!(SetInfoAdminOnlyResponse, answer)))
    }

    pub(super) async fn get_messages_admin_only(
        &self,
        request: Request<pb::GetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::GetMessagesAdminOnlyResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetMessagesAdminOnlyResponse,
            messages_admin_only,
            read.settings.messages_admin_only,
            read
        )
    }

    pub(super) async fn set_messages_admin_only(
        &self,
        request: Request<pb::SetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::SetMessagesAdminOnlyResponse>, Status> {
        let mut fields = Fields::default();
        let value = fields.required("messages_admin_only", request.get_ref().messages_admin_only);
        let setting = value.map(Setting::MessagesAdminOnly);
        let answer = self.change_setting(&request, fields, setting).await?;
        Ok(Response::new(group_response!(SetMessagesAdminOnlyResponse, answer)))
    }

    pub(super) async fn get_member_add_mode(
        &self,
        request: Request<pb::GetMemberAddModeRequest>,
    ) -> Result<Response<pb::GetMemberAddModeResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetMemberAddModeResponse,
            member_add_mode,
            read.settings.member_add_mode,
            read
        )
    }

    pub(super) async fn set_member_add_mode(
        &self,
        request: Request<pb::SetMemberAddModeRequest>,
    ) -> Result<Response<pb::SetMemberAddModeResponse>, Status> {
        let mut fields = Fields::default();
        let mode = pb::MemberAddMode::try_from(request.get_ref().member_add_mode);
        let setting = match mode {
            Ok(pb::MemberAddMode::Unspecified) | Err(_) => {
                fields.add("member_add_mode", "must be ALL_MEMBERS or ADMINS");
                None
            }
            Ok(mode) => Some(Setting::MemberAddMode(mode.to_domain())),
        };
        let answer = self.change_setting(&request, fields, setting).await?;
        Ok(Response::new(group_response!(SetMemberAddModeResponse, answer)))
    }

    pub(super) async fn get_membership_approval(
        &self,
        request: Request<pb::GetMembershipApprovalRequest>,
    ) -> Result<Response<pb::GetMembershipApprovalResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetMembershipApprovalResponse,
            membership_approval,
            read.settings.membership_approval,
            read
        )
    }

    pub(super) async fn set_membership_approval(
        &self,
        request: Request<pb::SetMembershipApprovalRequest>,
    ) -> Result<Response<pb::SetMembershipApprovalResponse>, Status> {
        let mut fields = Fields::default();
        let value = fields.required("membership_approval", request.get_ref().membership_approval);
        let setting = value.map(Setting::MembershipApproval);
        let answer = self.change_setting(&request, fields, setting).await?;
        Ok(Response::new(group_response!(SetMembershipApprovalResponse, answer)))
    }

    pub(super) async fn get_member_share_history(
        &self,
        request: Request<pb::GetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::GetMemberShareHistoryResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetMemberShareHistoryResponse,
            member_share_history,
            read.settings.member_share_history,
            read
        )
    }

    pub(super) async fn set_member_share_history(
        &self,
        request: Request<pb::SetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::SetMemberShareHistoryResponse>, Status> {
        let mut fields = Fields::default();
        let value = fields.required("member_share_history", request.get_ref().member_share_history);
        let setting = value.map(Setting::MemberShareHistory);
        let answer = self.change_setting(&request, fields, setting).await?;
        Ok(Response::new(group_response!(SetMemberShareHistoryResponse, answer)))
    }

    pub(super) async fn get_disappearing_timer(
        &self,
        request: Request<pb::GetDisappearingTimerRequest>,
    ) -> Result<Response<pb::GetDisappearingTimerResponse>, Status> {
        let read = read!(self, request);
        read_response!(
            GetDisappearingTimerResponse,
            disappearing_timer,
            Some(read.settings.disappearing_timer.unwrap_or_default()),
            read
        )
    }

    pub(super) async fn set_disappearing_timer(
        &self,
        request: Request<pb::SetDisappearingTimerRequest>,
    ) -> Result<Response<pb::SetDisappearingTimerResponse>, Status> {
        let mut fields = Fields::default();
        let timer = request.get_ref().disappearing_timer;
        let timer = fields.required("disappearing_timer", timer).map(|timer| {
            let seconds = fields.seconds("disappearing_timer", Some(&timer), MAX_TIMER_SECONDS);
            Setting::DisappearingTimer(seconds)
        });
        let answer = self.change_setting(&request, fields, timer).await?;
        Ok(Response::new(group_response!(SetDisappearingTimerResponse, answer)))
    }

    async fn settings<M>(
        &self,
        request: &Request<M>,
        session: &str,
        group_id: &str,
        min_sequence: i64,
    ) -> Result<Read, Status> {
        let call = call(request)?;
        let mut fields = Fields::default();
        let session = fields.session(session);
        let group_id = fields.group_id(group_id);
        let min_sequence = fields.sequence("min_sequence", min_sequence);
        let (session, group_id) = fields.finish(session.zip(group_id))?;
        let (view, as_of) = self
            .app
            .get_group(&call, &session, &group_id, false, min_sequence)
            .await
            .map_err(refuse)?;
        let group = pb::Group::decode(view.basic()).map_err(|e| refuse(Error::internal(e)))?;
        Ok(Read {
            settings: group.settings.unwrap_or_default(),
            as_of_sequence: number(as_of),
            synced_time: Some(timestamp(view.synced_time)),
        })
    }

    async fn change_setting<M: ChangesGroup>(
        &self,
        request: &Request<M>,
        mut fields: Fields,
        setting: Option<Setting>,
    ) -> Result<Changed, Status> {
        let call = call(request)?;
        let target = fields.target(request.get_ref());
        let (target, setting) = fields.finish(target.zip(setting))?;
        let mutation = target.mutation(|group_id| ChangeSetting { group_id, setting });
        let mutated = self.app.execute(&call, mutation).await.map_err(refuse)?;
        Ok(changed(&mutated, None)?.without_participants())
    }
}
