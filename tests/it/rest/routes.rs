//! WAHA's 35 group routes, each with the RPC that answers the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tonic::Status;
use wagroups::pb;

use super::client::{Answer, Rest, ids};
use crate::harness::service::Service;
use crate::service::refusals::calls::{PERSON, Target, call, picture};

/// A code that nobody has.
pub const CODE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

pub struct Route {
    pub method: &'static str,
    /// What follows `/api/{session}/groups`.
    pub path: &'static str,
    pub rpc: &'static str,
}

const fn route(method: &'static str, path: &'static str, rpc: &'static str) -> Route {
    Route { method, path, rpc }
}

pub const ROUTES: [Route; 35] = [
    route("POST", "", "CreateGroup"),
    route("GET", "", "ListGroups"),
    route("GET", "/count", "CountGroups"),
    route("GET", "/join-info", "GetJoinInfo"),
    route("POST", "/join", "JoinGroup"),
    route("POST", "/refresh", "RefreshGroups"),
    route("GET", "/{id}", "GetGroup without refresh"),
    route("DELETE", "/{id}", "DeleteGroup"),
    route("POST", "/{id}/leave", "LeaveGroup"),
    route("GET", "/{id}/picture", "GetGroupPicture"),
    route("PUT", "/{id}/picture", "SetGroupPicture"),
    route("DELETE", "/{id}/picture", "DeleteGroupPicture"),
    route("PUT", "/{id}/subject", "SetGroupSubject"),
    route("PUT", "/{id}/description", "SetGroupDescription"),
    route("GET", "/{id}/invite-code", "GetInviteCode without refresh"),
    route("POST", "/{id}/invite-code/revoke", "RevokeInviteCode"),
    route("GET", "/{id}/participants", "ListParticipants"),
    route("GET", "/{id}/participants/v2", "ListParticipants"),
    route("POST", "/{id}/participants/add", "AddParticipants"),
    route("POST", "/{id}/participants/remove", "RemoveParticipants"),
    route("POST", "/{id}/admin/promote", "PromoteParticipants"),
    route("POST", "/{id}/admin/demote", "DemoteParticipants"),
    route("GET", "/{id}/settings/security/info-admin-only", "GetInfoAdminOnly"),
    route("PUT", "/{id}/settings/security/info-admin-only", "SetInfoAdminOnly"),
    route("GET", "/{id}/settings/security/messages-admin-only", "GetMessagesAdminOnly"),
    route("PUT", "/{id}/settings/security/messages-admin-only", "SetMessagesAdminOnly"),
    route("GET", "/{id}/settings/security/member-add-mode", "GetMemberAddMode"),
    route("PUT", "/{id}/settings/security/member-add-mode", "SetMemberAddMode"),
    route("GET", "/{id}/settings/security/membership-approval", "GetMembershipApproval"),
    route("PUT", "/{id}/settings/security/membership-approval", "SetMembershipApproval"),
    route("GET", "/{id}/settings/security/member-share-history-mode", "GetMemberShareHistory"),
    route("PUT", "/{id}/settings/security/member-share-history-mode", "SetMemberShareHistory"),
    route("GET", "/{id}/participants/join-requests", "ListJoinRequests without refresh"),
    route("POST", "/{id}/participants/join-requests/approve", "ApproveJoinRequests"),
    route("POST", "/{id}/participants/join-requests/reject", "RejectJoinRequests"),
];

/// A group's picture as WAHA takes it.
pub fn picture_file() -> Value {
    json!({ "file": { "mimetype": "image/png", "data": STANDARD.encode(picture()) } })
}

impl Route {
    pub fn is_of_a_group(&self) -> bool {
        self.path.contains("{id}")
    }

    pub fn is_change(&self) -> bool {
        self.method != "GET" && self.rpc != "RefreshGroups"
    }

    /// A body that is right as such; `call` makes the same request.
    fn body(&self) -> Option<Value> {
        let body = match self.rpc {
            "CreateGroup" => json!({ "name": "Other", "participants": ids(&[PERSON]) }),
            "JoinGroup" => json!({ "code": CODE }),
            "SetGroupPicture" => picture_file(),
            "SetGroupSubject" => json!({ "subject": "Other" }),
            "SetGroupDescription" => json!({ "description": "Other" }),
            "AddParticipants"
            | "RemoveParticipants"
            | "PromoteParticipants"
            | "DemoteParticipants"
            | "ApproveJoinRequests"
            | "RejectJoinRequests" => {
                json!({ "participants": ids(&[PERSON]) })
            }
            "SetInfoAdminOnly" => json!({ "adminsOnly": false }),
            "SetMessagesAdminOnly" => json!({ "adminsOnly": true }),
            "SetMemberAddMode" => json!({ "membersCanAddNewMember": false }),
            "SetMembershipApproval" => json!({ "newMembersApprovalRequired": true }),
            "SetMemberShareHistory" => json!({ "membersCanShareHistory": true }),
            _ => return None,
        };
        Some(body)
    }

    /// The route of this session and group, with a query and a body that are right as such.
    pub async fn over_rest(&self, rest: &Rest, session: &str, group_id: &str) -> Answer {
        let query = match self.rpc {
            "GetJoinInfo" => format!("?code={CODE}"),
            "GetGroupPicture" => "?refresh=true".to_owned(),
            _ => String::new(),
        };
        let path = self.path.replace("{id}", group_id) + &query;
        let body = self.body().map(|body| body.to_string()).unwrap_or_default();
        rest.of_session(session).send(self.method, &path, body).await
    }

    /// The same call over gRPC.
    pub async fn over_grpc(&self, service: &Service, target: &Target) -> Result<(), Status> {
        let mut groups = service.groups();
        let Target { session, group_id, .. } = target.clone();
        match self.rpc {
            "CreateGroup" => {
                let (subject, participant_ids) = ("Other".to_owned(), vec![PERSON.to_owned()]);
                let request = pb::CreateGroupRequest {
                    session,
                    subject,
                    participant_ids,
                    ..Default::default()
                };
                groups.create_group(request).await.map(drop)
            }
            "ListGroups" => {
                let request = pb::ListGroupsRequest { session, ..Default::default() };
                groups.list_groups(request).await.map(drop)
            }
            "CountGroups" => {
                let request = pb::CountGroupsRequest { session, ..Default::default() };
                groups.count_groups(request).await.map(drop)
            }
            "GetJoinInfo" => {
                let invite = Some(pb::get_join_info_request::Invite::InviteCode(CODE.into()));
                groups.get_join_info(pb::GetJoinInfoRequest { session, invite }).await.map(drop)
            }
            "JoinGroup" => {
                let invite = Some(pb::join_group_request::Invite::InviteCode(CODE.into()));
                let request = pb::JoinGroupRequest { session, invite, ..Default::default() };
                groups.join_group(request).await.map(drop)
            }
            "RefreshGroups" => {
                let request = pb::RefreshGroupsRequest { session, ..Default::default() };
                groups.refresh_groups(request).await.map(drop)
            }
            "GetInviteCode without refresh" => {
                let request = pb::GetInviteCodeRequest { session, group_id, ..Default::default() };
                groups.get_invite_code(request).await.map(drop)
            }
            "ListJoinRequests without refresh" => {
                let request =
                    pb::ListJoinRequestsRequest { session, group_id, ..Default::default() };
                groups.list_join_requests(request).await.map(drop)
            }
            rpc => call(service, rpc, target).await,
        }
    }
}
