//! GroupsService: where each RPC goes.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::request::call;
use super::respond::refuse;
use super::watch;
use crate::app::App;
use crate::domain::error::Error;
use crate::pb;
use crate::pb::groups_service_server::GroupsService;

#[derive(Debug, Clone)]
pub struct Groups {
    pub(super) app: App,
}

impl Groups {
    pub fn new(app: App) -> Self {
        Self { app }
    }
}

/// The RPCs themselves are in `group_reads`, `group_changes`, `group_joining`, `group_pictures`,
/// `group_settings`, `group_work` and `watch`.
#[tonic::async_trait]
impl GroupsService for Groups {
    async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        self.create_group(request).await
    }

    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        self.list_groups(request).await
    }

    async fn count_groups(
        &self,
        request: Request<pb::CountGroupsRequest>,
    ) -> Result<Response<pb::CountGroupsResponse>, Status> {
        self.count_groups(request).await
    }

    async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        self.get_group(request).await
    }

    async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        self.leave_group(request).await
    }

    async fn set_group_subject(
        &self,
        request: Request<pb::SetGroupSubjectRequest>,
    ) -> Result<Response<pb::SetGroupSubjectResponse>, Status> {
        self.set_group_subject(request).await
    }

    async fn set_group_description(
        &self,
        request: Request<pb::SetGroupDescriptionRequest>,
    ) -> Result<Response<pb::SetGroupDescriptionResponse>, Status> {
        self.set_group_description(request).await
    }

    async fn list_participants(
        &self,
        request: Request<pb::ListParticipantsRequest>,
    ) -> Result<Response<pb::ListParticipantsResponse>, Status> {
        self.list_participants(request).await
    }

    async fn add_participants(
        &self,
        request: Request<pb::AddParticipantsRequest>,
    ) -> Result<Response<pb::AddParticipantsResponse>, Status> {
        self.add_participants(request).await
    }

    async fn remove_participants(
        &self,
        request: Request<pb::RemoveParticipantsRequest>,
    ) -> Result<Response<pb::RemoveParticipantsResponse>, Status> {
        self.remove_participants(request).await
    }

    async fn promote_participants(
        &self,
        request: Request<pb::PromoteParticipantsRequest>,
    ) -> Result<Response<pb::PromoteParticipantsResponse>, Status> {
        self.promote_participants(request).await
    }

    async fn demote_participants(
        &self,
        request: Request<pb::DemoteParticipantsRequest>,
    ) -> Result<Response<pb::DemoteParticipantsResponse>, Status> {
        self.demote_participants(request).await
    }

    async fn list_group_events(
        &self,
        request: Request<pb::ListGroupEventsRequest>,
    ) -> Result<Response<pb::ListGroupEventsResponse>, Status> {
        self.list_group_events(request).await
    }

    type WatchGroupEventsStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchGroupEventsResponse, Status>> + Send>>;

    async fn watch_group_events(
        &self,
        request: Request<pb::WatchGroupEventsRequest>,
    ) -> Result<Response<Self::WatchGroupEventsStream>, Status> {
        let call = call(&request)?;
        let items =
            self.app.watch(&call, watch::request(request.get_ref())?).await.map_err(refuse)?;
        // A panic inside a stream is beyond the layer that catches those of calls.
        let items = std::panic::AssertUnwindSafe(items).catch_unwind().map(|item| match item {
            Ok(item) => watch::response(item),
            Err(_) => Err(refuse(Error::internal("a watch has panicked"))),
        });
        Ok(Response::new(Box::pin(items)))
    }

    async fn refresh_groups(
        &self,
        request: Request<pb::RefreshGroupsRequest>,
    ) -> Result<Response<pb::RefreshGroupsResponse>, Status> {
        self.refresh_groups(request).await
    }

    async fn delete_group(
        &self,
        request: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        self.delete_group(request).await
    }

    async fn join_group(
        &self,
        request: Request<pb::JoinGroupRequest>,
    ) -> Result<Response<pb::JoinGroupResponse>, Status> {
        self.join_group(request).await
    }

    async fn get_join_info(
        &self,
        request: Request<pb::GetJoinInfoRequest>,
    ) -> Result<Response<pb::GetJoinInfoResponse>, Status> {
        self.get_join_info(request).await
    }

    async fn get_group_picture(
        &self,
        request: Request<pb::GetGroupPictureRequest>,
    ) -> Result<Response<pb::GetGroupPictureResponse>, Status> {
        self.get_group_picture(request).await
    }

    async fn set_group_picture(
        &self,
        request: Request<pb::SetGroupPictureRequest>,
    ) -> Result<Response<pb::SetGroupPictureResponse>, Status> {
        self.set_group_picture(request).await
    }

    async fn delete_group_picture(
        &self,
        request: Request<pb::DeleteGroupPictureRequest>,
    ) -> Result<Response<pb::DeleteGroupPictureResponse>, Status> {
        self.delete_group_picture(request).await
    }

    async fn get_info_admin_only(
        &self,
        request: Request<pb::GetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::GetInfoAdminOnlyResponse>, Status> {
        self.get_info_admin_only(request).await
    }

    async fn set_info_admin_only(
        &self,
        request: Request<pb::SetInfoAdminOnlyRequest>,
    ) -> Result<Response<pb::SetInfoAdminOnlyResponse>, Status> {
        self.set_info_admin_only(request).await
    }

    async fn get_messages_admin_only(
        &self,
        request: Request<pb::GetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::GetMessagesAdminOnlyResponse>, Status> {
        self.get_messages_admin_only(request).await
    }

    async fn set_messages_admin_only(
        &self,
        request: Request<pb::SetMessagesAdminOnlyRequest>,
    ) -> Result<Response<pb::SetMessagesAdminOnlyResponse>, Status> {
        self.set_messages_admin_only(request).await
    }

    async fn get_member_add_mode(
        &self,
        request: Request<pb::GetMemberAddModeRequest>,
    ) -> Result<Response<pb::GetMemberAddModeResponse>, Status> {
        self.get_member_add_mode(request).await
    }

    async fn set_member_add_mode(
        &self,
        request: Request<pb::SetMemberAddModeRequest>,
    ) -> Result<Response<pb::SetMemberAddModeResponse>, Status> {
        self.set_member_add_mode(request).await
    }

    async fn get_membership_approval(
        &self,
        request: Request<pb::GetMembershipApprovalRequest>,
    ) -> Result<Response<pb::GetMembershipApprovalResponse>, Status> {
        self.get_membership_approval(request).await
    }

    async fn set_membership_approval(
        &self,
        request: Request<pb::SetMembershipApprovalRequest>,
    ) -> Result<Response<pb::SetMembershipApprovalResponse>, Status> {
        self.set_membership_approval(request).await
    }

    async fn get_member_share_history(
        &self,
        request: Request<pb::GetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::GetMemberShareHistoryResponse>, Status> {
        self.get_member_share_history(request).await
    }

    async fn set_member_share_history(
        &self,
        request: Request<pb::SetMemberShareHistoryRequest>,
    ) -> Result<Response<pb::SetMemberShareHistoryResponse>, Status> {
        self.set_member_share_history(request).await
    }

    async fn get_disappearing_timer(
        &self,
        request: Request<pb::GetDisappearingTimerRequest>,
    ) -> Result<Response<pb::GetDisappearingTimerResponse>, Status> {
        self.get_disappearing_timer(request).await
    }

    async fn set_disappearing_timer(
        &self,
        request: Request<pb::SetDisappearingTimerRequest>,
    ) -> Result<Response<pb::SetDisappearingTimerResponse>, Status> {
        self.set_disappearing_timer(request).await
    }

    async fn list_join_requests(
        &self,
        request: Request<pb::ListJoinRequestsRequest>,
    ) -> Result<Response<pb::ListJoinRequestsResponse>, Status> {
        self.list_join_requests(request).await
    }

    async fn approve_join_requests(
        &self,
        request: Request<pb::ApproveJoinRequestsRequest>,
    ) -> Result<Response<pb::ApproveJoinRequestsResponse>, Status> {
        self.approve_join_requests(request).await
    }

    async fn reject_join_requests(
        &self,
        request: Request<pb::RejectJoinRequestsRequest>,
    ) -> Result<Response<pb::RejectJoinRequestsResponse>, Status> {
        self.reject_join_requests(request).await
    }

    async fn get_invite_code(
        &self,
        request: Request<pb::GetInviteCodeRequest>,
    ) -> Result<Response<pb::GetInviteCodeResponse>, Status> {
        self.get_invite_code(request).await
    }

    async fn revoke_invite_code(
        &self,
        request: Request<pb::RevokeInviteCodeRequest>,
    ) -> Result<Response<pb::RevokeInviteCodeResponse>, Status> {
        self.revoke_invite_code(request).await
    }
}
