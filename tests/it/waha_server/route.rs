//! The group routes, which of them a version has, and what each takes.

use super::version::{self, Version};

/// A route behind `/api/{session}/groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupCall {
    Create,
    List,
    Count,
    JoinInfo,
    Join,
    Refresh,
    Get,
    Delete,
    Leave,
    GetPicture,
    SetPicture,
    DeletePicture,
    SetSubject,
    SetDescription,
    InviteCode,
    RevokeInvite,
    Participants,
    ParticipantsV2,
    Add,
    Remove,
    Promote,
    Demote,
    GetSetting(SettingName),
    SetSetting(SettingName),
    JoinRequests,
    Approve,
    Reject,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingName {
    InfoAdminOnly,
    MessagesAdminOnly,
    MemberAddMode,
    MembershipApproval,
    ShareHistory,
}

impl SettingName {
    fn of(segment: &str) -> Option<Self> {
        Some(match segment {
            "info-admin-only" => Self::InfoAdminOnly,
            "messages-admin-only" => Self::MessagesAdminOnly,
            "member-add-mode" => Self::MemberAddMode,
            "membership-approval" => Self::MembershipApproval,
            "member-share-history-mode" => Self::ShareHistory,
            _ => return None,
        })
    }

    /// The one field of its bodies.
    pub fn field(self) -> &'static str {
        match self {
            Self::InfoAdminOnly | Self::MessagesAdminOnly => "adminsOnly",
            Self::MemberAddMode => "membersCanAddNewMember",
            Self::MembershipApproval => "newMembersApprovalRequired",
            Self::ShareHistory => "membersCanShareHistory",
        }
    }
}

impl GroupCall {
    /// By the segments after `groups`; the first one is the group's id, but for reserved words.
    pub fn of(method: &str, segments: &[&str], version: Version) -> Option<Self> {
        let call = match (method, segments) {
            ("POST", []) => Self::Create,
            ("GET", []) => Self::List,
            ("GET", ["count"]) => Self::Count,
            ("GET", ["join-info"]) => Self::JoinInfo,
            ("POST", ["join"]) => Self::Join,
            ("POST", ["refresh"]) => Self::Refresh,
            ("GET", [_]) => Self::Get,
            ("DELETE", [_]) => Self::Delete,
            ("POST", [_, "leave"]) => Self::Leave,
            ("GET", [_, "picture"]) => Self::GetPicture,
            ("PUT", [_, "picture"]) => Self::SetPicture,
            ("DELETE", [_, "picture"]) => Self::DeletePicture,
            ("PUT", [_, "subject"]) => Self::SetSubject,
            ("PUT", [_, "description"]) => Self::SetDescription,
            ("GET", [_, "invite-code"]) => Self::InviteCode,
            ("POST", [_, "invite-code", "revoke"]) => Self::RevokeInvite,
            ("GET", [_, "participants"] | [_, "participants", ""]) => Self::Participants,
            ("GET", [_, "participants", "v2"]) => Self::ParticipantsV2,
            ("POST", [_, "participants", "add"]) => Self::Add,
            ("POST", [_, "participants", "remove"]) => Self::Remove,
            ("POST", [_, "admin", "promote"]) => Self::Promote,
            ("POST", [_, "admin", "demote"]) => Self::Demote,
            ("GET", [_, "settings", "security", name]) => Self::GetSetting(SettingName::of(name)?),
            ("PUT", [_, "settings", "security", name]) => Self::SetSetting(SettingName::of(name)?),
            ("GET", [_, "participants", "join-requests"]) => Self::JoinRequests,
            ("POST", [_, "participants", "join-requests", "approve"]) => Self::Approve,
            ("POST", [_, "participants", "join-requests", "reject"]) => Self::Reject,
            _ => return None,
        };
        (version >= call.since()).then_some(call)
    }

    fn since(self) -> Version {
        match self {
            Self::ParticipantsV2 => version::NORMALISED_PARTICIPANTS,
            Self::JoinRequests | Self::Approve | Self::Reject => version::JOIN_REQUESTS,
            Self::GetSetting(name) | Self::SetSetting(name) => match name {
                SettingName::InfoAdminOnly | SettingName::MessagesAdminOnly => version::ALWAYS,
                SettingName::MemberAddMode => version::MEMBER_ADD_MODE,
                SettingName::MembershipApproval => version::JOIN_REQUESTS,
                SettingName::ShareHistory => version::SHARE_HISTORY,
            },
            _ => version::ALWAYS,
        }
    }

    /// What may stand in its query.
    pub fn query(self) -> &'static [&'static str] {
        match self {
            Self::List => &["sortBy", "sortOrder", "limit", "offset", "exclude"],
            Self::JoinInfo => &["code"],
            Self::GetPicture => &["refresh"],
            _ => &[],
        }
    }

    /// What must stand in its body.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["name", "participants"],
            Self::Join => &["code"],
            Self::SetPicture => &["file"],
            Self::SetSubject => &["subject"],
            Self::SetDescription => &["description"],
            Self::Add
            | Self::Remove
            | Self::Promote
            | Self::Demote
            | Self::Approve
            | Self::Reject => &["participants"],
            Self::SetSetting(SettingName::InfoAdminOnly | SettingName::MessagesAdminOnly) => {
                &["adminsOnly"]
            }
            Self::SetSetting(SettingName::MemberAddMode) => &["membersCanAddNewMember"],
            Self::SetSetting(SettingName::MembershipApproval) => &["newMembersApprovalRequired"],
            Self::SetSetting(SettingName::ShareHistory) => &["membersCanShareHistory"],
            _ => &[],
        }
    }

    /// Whether it only asks, of one group.
    pub fn looks(self) -> bool {
        matches!(self, Self::Get | Self::Participants | Self::ParticipantsV2 | Self::GetSetting(_))
    }
}
