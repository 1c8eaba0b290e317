//! NOWEB: Baileys. camelCase, what is undefined is not there; codes are texts.

use serde_json::{Map, Value, json};
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{AddressingMode, Group, MemberAddMode};
use wagroups::domain::invite::GroupPreview;
use wagroups::domain::join_request::JoinRequest;
use wagroups::domain::participant::{Account, ParticipantResult, ParticipantStatus, Role};

use super::{Attempt, Context, Dialect, Refused, ids};
use crate::waha_server::reply::{Answer, Problem, Reply};
use crate::waha_server::route::{GroupCall, SettingName};

pub struct Noweb;

pub fn participant(account: &Account, role: Role) -> Value {
    let admin = match role {
        Role::Participant => Value::Null,
        Role::Admin => json!("admin"),
        Role::Superadmin => json!("superadmin"),
    };
    let mut shown = json!({ "id": ids::wire(account.id()), "admin": admin });
    if let (Some(_), Some(phone)) = (account.lid(), ids::wire_phone(account)) {
        shown["phoneNumber"] = json!(phone);
    }
    shown
}

/// Baileys' GroupMetadata.
pub fn metadata(group: &Group) -> Value {
    let settings = group.settings;
    let mut data = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), value);
        }
    };
    put("id", Some(json!(group.id)));
    if group.partial {
        put("subjectTime", Some(Value::Null));
        put("creation", Some(Value::Null));
        put("participants", Some(json!([])));
        return Value::Object(data);
    }
    let wire = |id| json!(ids::wire(id));
    let phone = |id| {
        let account = ids::account(group, id);
        account.lid().and(ids::wire_phone(&account)).map(Value::from)
    };
    let mode = match group.addressing_mode {
        AddressingMode::PhoneNumber => "pn",
        AddressingMode::Lid | AddressingMode::Unknown => "lid",
    };
    put("addressingMode", Some(json!(mode)));
    put("subject", Some(json!(group.subject.text)));
    put("subjectOwner", group.subject.owner.map(wire));
    put("subjectOwnerPn", group.subject.owner.and_then(phone));
    put("subjectTime", group.subject.time.map(|time| json!(ids::seconds(time))));
    put("size", Some(json!(group.participants().len())));
    put("creation", group.create_time.map(|time| json!(ids::seconds(time))));
    put("owner", group.owner.map(wire));
    put("ownerPn", group.owner.and_then(phone));
    if !group.description.text.is_empty() {
        put("desc", Some(json!(group.description.text)));
        put("descId", Some(json!(group.description.id)));
        put("descOwner", group.description.owner.map(wire));
        put("descOwnerPn", group.description.owner.and_then(phone));
        put("descTime", group.description.time.map(|time| json!(ids::seconds(time))));
    }
    put("linkedParent", group.parent.as_ref().map(|parent| json!(parent)));
    put("restrict", Some(json!(settings.info_admin_only)));
    put("announce", Some(json!(settings.messages_admin_only)));
    put("isCommunity", Some(json!(false)));
    put("isCommunityAnnounce", Some(json!(false)));
    put("joinApprovalMode", Some(json!(settings.membership_approval)));
    put("memberAddMode", Some(json!(settings.member_add_mode == MemberAddMode::AllMembers)));
    let members = group.participants().iter();
    let members: Vec<Value> =
        members.map(|member| participant(&member.account, member.role)).collect();
    put("participants", Some(json!(members)));
    let timer = settings.disappearing_timer_seconds;
    put("ephemeralDuration", (timer > 0).then(|| json!(timer)));
    Value::Object(data)
}

fn boom(message: &str, code: Option<u32>) -> Problem {
    let mut exception = json!({
        "message": message, "isBoom": true, "isServer": true,
        "output": {
            "statusCode": 500, "headers": {},
            "payload": {
                "statusCode": 500, "error": "Internal Server Error",
                "message": "An internal server error occurred",
            },
        },
        "name": "Error", "stack": format!("Error: {message}\n    at assertNodeErrorFree"),
    });
    if let Some(code) = code {
        exception["data"] = json!(code);
    }
    Problem::Exception(exception)
}

fn result(result: &ParticipantResult) -> Value {
    let jid = ids::wire(result.account.id());
    let mut attributes = json!({ "jid": jid });
    if let (Some(_), Some(phone)) = (result.account.lid(), ids::wire_phone(&result.account)) {
        attributes["phone_number"] = json!(phone);
    }
    let is_ok = result.status == ParticipantStatus::Ok;
    let status = if is_ok { "200".to_owned() } else { result.code.to_string() };
    if !is_ok {
        attributes["error"] = json!(status);
    }
    let mut node = json!({ "tag": "participant", "attrs": attributes });
    if let Some(invite) = &result.private_invite {
        let expiration = ids::seconds(invite.expire_time).to_string();
        node["content"] = json!([{
            "tag": "add_request", "attrs": { "code": invite.code, "expiration": expiration },
        }]);
    }
    json!({ "status": status, "jid": jid, "content": node })
}

impl Dialect for Noweb {
    fn group(&self, _: &Context<'_>, group: &Group) -> Value {
        metadata(group)
    }

    fn sort_key(&self, group: &Group, by: &str) -> Option<String> {
        Some(if by == "id" { group.id.to_string() } else { group.subject.text.clone() })
    }

    fn without_participants(&self, group: &mut Value) {
        group.as_object_mut().expect("a group").remove("participants");
    }

    fn participants(&self, _: &Context<'_>, group: &Group) -> Reply {
        Reply::json(&metadata(group)["participants"])
    }

    fn normal_pn(&self, account: &Account) -> Option<Value> {
        account.lid().and(ids::public_phone(account)).map(Value::from)
    }

    /// Who could not be added stands among the members as if nothing were wrong.
    fn created(&self, _: &Context<'_>, group: &Group, results: &[ParticipantResult]) -> Reply {
        let mut metadata = metadata(group);
        let failed = results.iter().filter(|result| result.status != ParticipantStatus::Ok);
        let members = metadata["participants"].as_array_mut().expect("members");
        members.extend(failed.map(|result| participant(&result.account, Role::Participant)));
        metadata["size"] = json!(metadata["participants"].as_array().map(Vec::len));
        Reply::json(&metadata)
    }

    fn members_changed(
        &self,
        _: &Context<'_>,
        _: MemberAction,
        _: &Group,
        results: &[ParticipantResult],
    ) -> Reply {
        Reply::json(&results.iter().map(result).collect())
    }

    fn preview(&self, preview: &GroupPreview) -> Value {
        let mut group = Group::partial(preview.group_id.clone());
        group.partial = false;
        group.subject.text.clone_from(&preview.subject);
        group.description.text.clone_from(&preview.description);
        group.owner = preview.owner;
        group.create_time = preview.create_time;
        group.settings.membership_approval = preview.membership_approval;
        group.parent.clone_from(&preview.parent);
        group.set_participants(preview.participants.clone());
        let mut metadata = metadata(&group);
        metadata["size"] = json!(preview.member_count);
        metadata
    }

    fn join_request(&self, request: &JoinRequest, into: &mut Value) {
        into["requesterPn"] = json!(ids::public_phone(&request.requester));
        into["requestMethod"] = json!(request.method.map(super::method));
    }

    fn done(&self, call: GroupCall) -> Reply {
        match call {
            GroupCall::SetSetting(SettingName::MembershipApproval | SettingName::ShareHistory) => {
                Reply::bare(true)
            }
            _ => Reply::nothing(),
        }
    }

    fn refused(&self, attempt: Attempt<'_>, refused: Refused) -> Answer {
        let is_cached = attempt.call.looks() && attempt.call != GroupCall::Participants;
        Err(match refused.reason {
            _ if refused.code == 0 => boom("Timed Out", None),
            // The cached list lacks it; why, nobody knows.
            Reason::GroupNotFound | Reason::NotGroupMember if is_cached => {
                let message = format!("Group with id '{}' not found", attempt.group_id);
                let stack = format!("Error: {message}");
                Problem::Exception(json!({ "message": message, "name": "Error", "stack": stack }))
            }
            Reason::GroupNotFound if attempt.call == GroupCall::Participants => {
                let message = "Cannot read properties of undefined (reading 'participants')";
                Problem::Exception(json!({ "message": message, "name": "TypeError", "stack": "" }))
            }
            _ => boom(refused.text(), Some(refused.code)),
        })
    }
}
