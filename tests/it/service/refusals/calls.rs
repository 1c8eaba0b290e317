//! Every RPC that changes or reads one group, by its name, with arguments that are right as such.

use prost::Message;
use tonic::Status;
use wagroups::pb;

use crate::harness::service::Service;

/// A group as one session addresses it.
#[derive(Debug, Clone)]
pub struct Target {
    pub session: String,
    pub group_id: String,
    pub request_id: String,
}

impl Target {
    pub fn new(session: &str, group_id: &str) -> Self {
        Self {
            session: session.into(),
            group_id: group_id.into(),
            request_id: uuid::Uuid::from_u64_pair(rand(), rand()).to_string(),
        }
    }
}

/// Request ids only have to be different.
fn rand() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// RPCs that change a group by one call to WhatsApp.
pub const CHANGES: [&str; 18] = [
    "LeaveGroup",
    "SetGroupSubject",
    "SetGroupDescription",
    "SetGroupPicture",
    "DeleteGroupPicture",
    "SetInfoAdminOnly",
    "SetMessagesAdminOnly",
    "SetMemberAddMode",
    "SetMembershipApproval",
    "SetMemberShareHistory",
    "SetDisappearingTimer",
    "AddParticipants",
    "RemoveParticipants",
    "PromoteParticipants",
    "DemoteParticipants",
    "ApproveJoinRequests",
    "RejectJoinRequests",
    "RevokeInviteCode",
];

/// RPCs that ask WhatsApp about a group.
pub const LIVE_READS: [&str; 4] =
    ["GetGroup", "GetGroupPicture", "ListJoinRequests", "GetInviteCode"];

/// RPCs that read a group from what is known.
pub const READS: [&str; 8] = [
    "GetGroup without refresh",
    "ListParticipants",
    "GetInfoAdminOnly",
    "GetMessagesAdminOnly",
    "GetMemberAddMode",
    "GetMembershipApproval",
    "GetMemberShareHistory",
    "GetDisappearingTimer",
];

pub const PERSON: &str = "+491512000001";

/// A picture of two by two pixels.
pub fn picture() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = image::DynamicImage::ImageRgb8(image::RgbImage::new(2, 2));
    picture.write_to(&mut file, image::ImageFormat::Png).expect("a file");
    file.into_inner()
}

pub async fn call(service: &Service, rpc: &str, target: &Target) -> Result<(), Status> {
    let Target { session, group_id, request_id } = target.clone();
    let mut groups = service.groups();
    let participant_ids = vec![PERSON.to_owned()];
    macro_rules! change {
        ($method:ident, $request:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
            let request = pb::$request { session, group_id, request_id, $($field $(: $value)?),* };
            groups.$method(request).await.map(drop)
        }};
    }
    macro_rules! read {
        ($method:ident, $request:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
            let request = pb::$request { session, group_id, $($field $(: $value,)?)* ..Default::default() };
            groups.$method(request).await.map(drop)
        }};
    }
    match rpc {
        "LeaveGroup" => change!(leave_group, LeaveGroupRequest {}),
        "DeleteGroup" => change!(delete_group, DeleteGroupRequest {}),
        "SetGroupSubject" => {
            change!(set_group_subject, SetGroupSubjectRequest { subject: "Other".into() })
        }
        "SetGroupDescription" => change!(
            set_group_description,
            SetGroupDescriptionRequest {
                description: Some("Other".into()),
                expected_description_id: String::new(),
            }
        ),
        "SetGroupPicture" => {
            let source = Some(pb::set_group_picture_request::Source::Data(picture().into()));
            change!(set_group_picture, SetGroupPictureRequest { source })
        }
        "DeleteGroupPicture" => change!(delete_group_picture, DeleteGroupPictureRequest {}),
        "SetInfoAdminOnly" => {
            change!(set_info_admin_only, SetInfoAdminOnlyRequest { info_admin_only: Some(false) })
        }
        "SetMessagesAdminOnly" => change!(
            set_messages_admin_only,
            SetMessagesAdminOnlyRequest { messages_admin_only: Some(true) }
        ),
        "SetMemberAddMode" => {
            let member_add_mode = pb::MemberAddMode::Admins.into();
            change!(set_member_add_mode, SetMemberAddModeRequest { member_add_mode })
        }
        "SetMembershipApproval" => change!(
            set_membership_approval,
            SetMembershipApprovalRequest { membership_approval: Some(true) }
        ),
        "SetMemberShareHistory" => change!(
            set_member_share_history,
            SetMemberShareHistoryRequest { member_share_history: Some(true) }
        ),
        "SetDisappearingTimer" => {
            let disappearing_timer = Some(prost_types::Duration { seconds: 86_400, nanos: 0 });
            change!(set_disappearing_timer, SetDisappearingTimerRequest { disappearing_timer })
        }
        "AddParticipants" => change!(add_participants, AddParticipantsRequest { participant_ids }),
        "RemoveParticipants" => {
            change!(remove_participants, RemoveParticipantsRequest { participant_ids })
        }
        "PromoteParticipants" => {
            change!(promote_participants, PromoteParticipantsRequest { participant_ids })
        }
        "DemoteParticipants" => {
            change!(demote_participants, DemoteParticipantsRequest { participant_ids })
        }
        "ApproveJoinRequests" => {
            change!(approve_join_requests, ApproveJoinRequestsRequest { participant_ids })
        }
        "RejectJoinRequests" => {
            change!(reject_join_requests, RejectJoinRequestsRequest { participant_ids })
        }
        "RevokeInviteCode" => change!(revoke_invite_code, RevokeInviteCodeRequest {}),
        "GetGroup" => read!(get_group, GetGroupRequest { refresh: true }),
        "GetGroupPicture" => read!(get_group_picture, GetGroupPictureRequest { refresh: true }),
        "ListJoinRequests" => read!(list_join_requests, ListJoinRequestsRequest { refresh: true }),
        "GetInviteCode" => read!(get_invite_code, GetInviteCodeRequest { refresh: true }),
        "GetGroup without refresh" => read!(get_group, GetGroupRequest {}),
        "ListParticipants" => read!(list_participants, ListParticipantsRequest {}),
        "GetInfoAdminOnly" => read!(get_info_admin_only, GetInfoAdminOnlyRequest {}),
        "GetMessagesAdminOnly" => read!(get_messages_admin_only, GetMessagesAdminOnlyRequest {}),
        "GetMemberAddMode" => read!(get_member_add_mode, GetMemberAddModeRequest {}),
        "GetMembershipApproval" => read!(get_membership_approval, GetMembershipApprovalRequest {}),
        "GetMemberShareHistory" => read!(get_member_share_history, GetMemberShareHistoryRequest {}),
        "GetDisappearingTimer" => read!(get_disappearing_timer, GetDisappearingTimerRequest {}),
        other => panic!("no such call: {other}"),
    }
}

/// The operation behind an RPC, as faults name it.
pub fn operation(rpc: &str) -> &str {
    if rpc == "GetGroup" { "FetchGroup" } else { rpc }
}

pub async fn group_of(service: &Service, session: &str, people: &[&str]) -> String {
    let request = pb::CreateGroupRequest {
        session: session.into(),
        subject: "Team".into(),
        participant_ids: people.iter().map(|id| (*id).to_owned()).collect(),
        ..Default::default()
    };
    let made = service.groups().create_group(request).await.expect("a group").into_inner();
    made.group.expect("a group").id
}

pub async fn holds(service: &Service, session: &str, group_id: &str) -> Option<pb::Group> {
    let request = pb::GetGroupRequest {
        session: session.into(),
        group_id: group_id.into(),
        ..Default::default()
    };
    let answer = service.groups().get_group(request).await.ok()?.into_inner();
    pb::Group::decode(answer.group).ok()
}
