//! WAHA's own words for groups and their members: `GroupInfo`, `GroupParticipant`; and for where a session stands. `pn`
//! is there wherever the number is known.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::session::{self, Session};
use crate::pb;

/// The fields of a group, the same in every event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupInfo {
    pub id: String,
    pub subject: String,
    pub description: String,
    pub members_can_add_new_member: bool,
    pub members_can_send_messages: bool,
    pub new_members_approval_required: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GroupParticipant {
    /// `…@lid`, or `…@c.us` where the number is all that is known.
    #[schema(example = "111@lid")]
    pub id: String,
    /// The phone number, where it is known.
    #[schema(required, example = "4915100000001@c.us")]
    pub pn: Option<String>,
    pub role: ParticipantRole,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticipantRole {
    Left,
    Participant,
    Admin,
    Superadmin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SessionStatus {
    Stopped,
    Starting,
    ScanQrCode,
    Working,
    Failed,
}

/// Where the session stands. One whose device was unlinked has no code to scan until it is started, and is what WAHA
/// makes of it: FAILED, or STOPPED where it shall not run.
pub fn status(session: &Session) -> SessionStatus {
    match session.status {
        session::SessionStatus::Stopped => SessionStatus::Stopped,
        session::SessionStatus::Starting => SessionStatus::Starting,
        session::SessionStatus::ScanQrCode => SessionStatus::ScanQrCode,
        session::SessionStatus::Working => SessionStatus::Working,
        session::SessionStatus::LoggedOut if !session.wanted => SessionStatus::Stopped,
        session::SessionStatus::LoggedOut | session::SessionStatus::Failed => SessionStatus::Failed,
    }
}

pub fn info(group: &pb::Group) -> GroupInfo {
    let settings = group.settings.unwrap_or_default();
    GroupInfo {
        id: group.id.clone(),
        subject: group.subject.clone(),
        description: group.description.clone(),
        members_can_add_new_member: settings.member_add_mode() != pb::MemberAddMode::Admins,
        members_can_send_messages: !settings.messages_admin_only,
        new_members_approval_required: settings.membership_approval,
    }
}

pub fn participants(group: &pb::Group) -> Vec<GroupParticipant> {
    group.participants.iter().map(participant).collect()
}

pub fn participant(participant: &pb::Participant) -> GroupParticipant {
    let (_, phone) = names(participant);
    let pn = Some(phone).filter(|phone| !phone.is_empty()).map(str::to_owned);
    let role = role(participant.role()).unwrap_or(ParticipantRole::Left);
    GroupParticipant { id: participant.id.clone(), pn, role }
}

/// Nothing where it is not known.
pub fn role(role: pb::Role) -> Option<ParticipantRole> {
    match role {
        pb::Role::Superadmin => Some(ParticipantRole::Superadmin),
        pb::Role::Admin => Some(ParticipantRole::Admin),
        pb::Role::Participant => Some(ParticipantRole::Participant),
        pb::Role::Left | pb::Role::Unspecified => None,
    }
}

/// The names of a member: hidden id, phone number; empty where unknown.
pub fn names(participant: &pb::Participant) -> (&str, &str) {
    let find = |suffix: &str| {
        [&participant.id, &participant.lid, &participant.phone_number_id]
            .into_iter()
            .find(|id| id.ends_with(suffix))
            .map_or("", String::as_str)
    };
    (find("@lid"), find("@c.us"))
}
