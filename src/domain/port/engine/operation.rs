//! The operations of engines by name: for metrics, limits, faults, and what an engine cannot do.

use serde::{Deserialize, Serialize};

use super::RequestAnswer;
use crate::domain::event::MemberAction;
use crate::domain::setting::Setting;

/// What an engine can be asked to do. The names are those of the RPCs, or of the service's own calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EngineOperation {
    CreateGroup,
    LeaveGroup,
    JoinGroup,
    GetJoinInfo,
    SetGroupSubject,
    SetGroupDescription,
    GetGroupPicture,
    SetGroupPicture,
    DeleteGroupPicture,
    SetInfoAdminOnly,
    SetMessagesAdminOnly,
    SetMemberAddMode,
    SetMembershipApproval,
    SetMemberShareHistory,
    SetDisappearingTimer,
    AddParticipants,
    RemoveParticipants,
    PromoteParticipants,
    DemoteParticipants,
    ListJoinRequests,
    ApproveJoinRequests,
    RejectJoinRequests,
    GetInviteCode,
    RevokeInviteCode,
    /// One group, live.
    FetchGroup,
    /// All groups of the session.
    FetchAll,
    LogoutSession,
    RequestPairingCode,
}

impl EngineOperation {
    pub const ALL: [Self; 28] = [
        Self::CreateGroup,
        Self::LeaveGroup,
        Self::JoinGroup,
        Self::GetJoinInfo,
        Self::SetGroupSubject,
        Self::SetGroupDescription,
        Self::GetGroupPicture,
        Self::SetGroupPicture,
        Self::DeleteGroupPicture,
        Self::SetInfoAdminOnly,
        Self::SetMessagesAdminOnly,
        Self::SetMemberAddMode,
        Self::SetMembershipApproval,
        Self::SetMemberShareHistory,
        Self::SetDisappearingTimer,
        Self::AddParticipants,
        Self::RemoveParticipants,
        Self::PromoteParticipants,
        Self::DemoteParticipants,
        Self::ListJoinRequests,
        Self::ApproveJoinRequests,
        Self::RejectJoinRequests,
        Self::GetInviteCode,
        Self::RevokeInviteCode,
        Self::FetchGroup,
        Self::FetchAll,
        Self::LogoutSession,
        Self::RequestPairingCode,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateGroup => "CreateGroup",
            Self::LeaveGroup => "LeaveGroup",
            Self::JoinGroup => "JoinGroup",
            Self::GetJoinInfo => "GetJoinInfo",
            Self::SetGroupSubject => "SetGroupSubject",
            Self::SetGroupDescription => "SetGroupDescription",
            Self::GetGroupPicture => "GetGroupPicture",
            Self::SetGroupPicture => "SetGroupPicture",
            Self::DeleteGroupPicture => "DeleteGroupPicture",
            Self::SetInfoAdminOnly => "SetInfoAdminOnly",
            Self::SetMessagesAdminOnly => "SetMessagesAdminOnly",
            Self::SetMemberAddMode => "SetMemberAddMode",
            Self::SetMembershipApproval => "SetMembershipApproval",
            Self::SetMemberShareHistory => "SetMemberShareHistory",
            Self::SetDisappearingTimer => "SetDisappearingTimer",
            Self::AddParticipants => "AddParticipants",
            Self::RemoveParticipants => "RemoveParticipants",
            Self::PromoteParticipants => "PromoteParticipants",
            Self::DemoteParticipants => "DemoteParticipants",
            Self::ListJoinRequests => "ListJoinRequests",
            Self::ApproveJoinRequests => "ApproveJoinRequests",
            Self::RejectJoinRequests => "RejectJoinRequests",
            Self::GetInviteCode => "GetInviteCode",
            Self::RevokeInviteCode => "RevokeInviteCode",
            Self::FetchGroup => "FetchGroup",
            Self::FetchAll => "FetchAll",
            Self::LogoutSession => "LogoutSession",
            Self::RequestPairingCode => "RequestPairingCode",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }

    /// Whether it changes nothing, so that it may be sent again.
    pub fn is_read(self) -> bool {
        match self {
            Self::GetJoinInfo
            | Self::GetGroupPicture
            | Self::ListJoinRequests
            | Self::GetInviteCode
            | Self::FetchGroup
            | Self::FetchAll => true,
            Self::CreateGroup
            | Self::LeaveGroup
            | Self::JoinGroup
            | Self::SetGroupSubject
            | Self::SetGroupDescription
            | Self::SetGroupPicture
            | Self::DeleteGroupPicture
            | Self::SetInfoAdminOnly
            | Self::SetMessagesAdminOnly
            | Self::SetMemberAddMode
            | Self::SetMembershipApproval
            | Self::SetMemberShareHistory
            | Self::SetDisappearingTimer
            | Self::AddParticipants
            | Self::RemoveParticipants
            | Self::PromoteParticipants
            | Self::DemoteParticipants
            | Self::ApproveJoinRequests
            | Self::RejectJoinRequests
            | Self::RevokeInviteCode
            | Self::LogoutSession
            | Self::RequestPairingCode => false,
        }
    }

    pub fn of_setting(setting: Setting) -> Self {
        match setting {
            Setting::InfoAdminOnly(_) => Self::SetInfoAdminOnly,
            Setting::MessagesAdminOnly(_) => Self::SetMessagesAdminOnly,
            Setting::MemberAddMode(_) => Self::SetMemberAddMode,
            Setting::MembershipApproval(_) => Self::SetMembershipApproval,
            Setting::MemberShareHistory(_) => Self::SetMemberShareHistory,
            Setting::DisappearingTimer(_) => Self::SetDisappearingTimer,
        }
    }

    pub fn of_member_action(action: MemberAction) -> Self {
        match action {
            MemberAction::Join => Self::AddParticipants,
            MemberAction::Leave => Self::RemoveParticipants,
            MemberAction::Promote => Self::PromoteParticipants,
            MemberAction::Demote => Self::DemoteParticipants,
        }
    }

    pub fn of_request_answer(answer: RequestAnswer) -> Self {
        match answer {
            RequestAnswer::Approve => Self::ApproveJoinRequests,
            RequestAnswer::Reject => Self::RejectJoinRequests,
        }
    }
}
