//! WEBJS: whatsapp-web.js in a browser. Ids are objects, refusals are often texts or `false` with a 2xx.

use serde_json::{Map, Value, json};
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{Group, MemberAddMode};
use wagroups::domain::id::ParticipantId;
use wagroups::domain::invite::GroupPreview;
use wagroups::domain::join_request::JoinRequest;
use wagroups::domain::participant::{Account, ParticipantResult, ParticipantStatus, Role};

use super::{Attempt, Context, Dialect, Refused, ids};
use crate::waha_server::reply::{Answer, Problem, Reply};
use crate::waha_server::route::{GroupCall, SettingName};
use crate::waha_server::version;

pub struct Webjs;

/// What the list of members calls somebody: who is a contact, by number.
pub fn listed_id(context: &Context<'_>, account: &Account) -> ParticipantId {
    match account.phone() {
        Some(phone) if context.contacts.contains(&phone) => ParticipantId::Phone(phone),
        Some(_) | None => account.id(),
    }
}

fn participants(context: &Context<'_>, group: &Group) -> Value {
    let members = group.participants().iter().map(|member| {
        json!({
            "id": ids::wid(listed_id(context, &member.account)),
            "isAdmin": member.role.is_admin(),
            "isSuperAdmin": member.role == Role::Superadmin,
        })
    });
    members.collect()
}

/// WhatsApp Web's `groupMetadata`, which WPP shows too.
pub fn metadata(context: &Context<'_>, group: &Group) -> Value {
    let settings = group.settings;
    let add_mode = match settings.member_add_mode {
        MemberAddMode::AllMembers => "all_member_add",
        MemberAddMode::AdminsOnly => "admin_add",
    };
    json!({
        "id": ids::wid(&group.id), "creation": group.create_time.map(ids::seconds),
        "owner": group.owner.map(ids::wid), "subject": group.subject.text,
        "subjectTime": group.subject.time.map(ids::seconds),
        "desc": (!group.description.text.is_empty()).then_some(&group.description.text),
        "descId": (!group.description.id.is_empty()).then_some(&group.description.id),
        "restrict": settings.info_admin_only, "announce": settings.messages_admin_only,
        "memberAddMode": add_mode, "membershipApprovalMode": settings.membership_approval,
        "size": group.participants().len(), "isParentGroup": false,
        "participants": participants(context, group), "pendingParticipants": [],
        "pastParticipants": [], "membershipApprovalRequests": [],
    })
}

/// The chat around it, with the id as the browser library writes it.
pub fn chat(context: &Context<'_>, group: &Group, id: Value) -> Value {
    let is_admin = group.role_of(context.me).is_some_and(Role::is_admin);
    json!({
        "id": id, "name": group.subject.text, "isGroup": true,
        "isReadOnly": group.settings.messages_admin_only && !is_admin,
        "unreadCount": 0, "timestamp": group.create_time.map(ids::seconds),
        "archived": false, "pinned": false, "isMuted": false, "muteExpiration": 0,
        "groupMetadata": metadata(context, group),
    })
}

/// How the preview of an invite looks in WhatsApp Web.
pub fn invite_info(preview: &GroupPreview, id: impl Fn(&str) -> Value) -> Value {
    let people = preview.participants.iter();
    let people: Vec<Value> = people
        .map(|member| {
            json!({
                "id": id(&member.id().to_string()), "isAdmin": member.role.is_admin(),
                "isSuperAdmin": member.role == Role::Superadmin,
            })
        })
        .collect();
    json!({
        "id": id(preview.group_id.as_str()), "subject": preview.subject,
        "desc": preview.description, "size": preview.member_count,
        "owner": preview.owner.map(|owner| id(&owner.to_string())),
        "creation": preview.create_time.map(ids::seconds),
        "membershipApprovalMode": preview.membership_approval, "participants": people,
    })
}

/// What the browser's code says to a result.
pub fn message(result: &ParticipantResult) -> &'static str {
    match (result.status, result.code) {
        (ParticipantStatus::Ok, _) => "The participant was added successfully",
        (_, 403) => "The participant can be added by sending private invitation only",
        (_, 404) => "The phone number is not registered on WhatsApp",
        (_, 408) => "You cannot add this participant because they recently left the group",
        (_, 409) => "The participant is already a group member",
        (_, 419) => "The participant can't be added because the group is full",
        _ => "An unknown error occupied while adding a participant",
    }
}

pub fn code(result: &ParticipantResult) -> u32 {
    if result.status == ParticipantStatus::Ok { 200 } else { result.code }
}

/// An exception of the browser's minified code.
fn minified() -> Problem {
    Problem::Exception(
        json!({ "message": "b", "name": "b", "stack": "b: b\n    at pptr:evaluate" }),
    )
}

impl Dialect for Webjs {
    fn is_browser(&self) -> bool {
        true
    }

    fn group(&self, context: &Context<'_>, group: &Group) -> Value {
        chat(context, group, ids::wid(&group.id))
    }

    fn without_participants(&self, group: &mut Value) {
        let metadata = group["groupMetadata"].as_object_mut().expect("metadata");
        for name in [
            "participants",
            "pendingParticipants",
            "pastParticipants",
            "membershipApprovalRequests",
        ] {
            metadata.remove(name);
        }
    }

    fn participants(&self, context: &Context<'_>, group: &Group) -> Reply {
        Reply::json(&participants(context, group))
    }

    fn normal_pn(&self, account: &Account) -> Option<Value> {
        Some(json!(account.id().phone().map(|phone| phone.to_string())))
    }

    /// By number, where it is known, with the maker among them.
    fn created(
        &self,
        context: &Context<'_>,
        group: &Group,
        results: &[ParticipantResult],
    ) -> Reply {
        let name = |account: &Account| {
            ids::public_phone(account).unwrap_or_else(|| account.id().to_string())
        };
        let mut people = Map::new();
        let maker = json!({
            "statusCode": 200, "message": "The participant was added successfully",
            "isGroupCreator": true, "isInviteV4Sent": false,
        });
        people.insert(name(context.me), maker);
        for result in results {
            let verdict = json!({
                "statusCode": code(result), "message": message(result), "isGroupCreator": false,
                "isInviteV4Sent": result.private_invite.is_some(),
            });
            people.insert(name(&result.account), verdict);
        }
        let gid = ids::wid(&group.id);
        let title = &group.subject.text;
        Reply::json(&json!({ "title": title, "gid": gid, "participants": people }))
    }

    fn members_changed(
        &self,
        _: &Context<'_>,
        action: MemberAction,
        _: &Group,
        results: &[ParticipantResult],
    ) -> Reply {
        if action != MemberAction::Join {
            return Reply::json(&json!({ "status": 200 }));
        }
        let mut people = Map::new();
        for result in results {
            let verdict = json!({
                "code": code(result), "message": message(result),
                "isInviteV4Sent": result.private_invite.is_some(),
            });
            people.insert(result.requested.to_string(), verdict);
        }
        Reply::json(&Value::Object(people))
    }

    fn preview(&self, preview: &GroupPreview) -> Value {
        invite_info(preview, |id| ids::wid(id))
    }

    fn join_request(&self, request: &JoinRequest, into: &mut Value) {
        into["requestMethod"] = json!(request.method.map(super::method));
        into["addedById"] = json!(request.added_by);
        into["parentGroupId"] = json!(request.parent);
    }

    fn done(&self, call: GroupCall) -> Reply {
        match call {
            GroupCall::Leave => Reply::nothing(),
            _ => Reply::bare(true),
        }
    }

    fn refused(&self, attempt: Attempt<'_>, refused: Refused) -> Answer {
        let is_refused = refused.code != 0;
        match attempt.call {
            GroupCall::Create => {
                let text = "CreateGroupError: An unknown error occupied while creating a group";
                Ok(Reply::bare(text))
            }
            GroupCall::Get if refused.is_strange_group() => Ok(Reply::nothing()),
            _ if refused.is_strange_group() => {
                let message = "Cannot read properties of undefined (reading 'groupMetadata')";
                let stack = format!("TypeError: {message}\n    at pptr:evaluate");
                let exception = json!({ "message": message, "name": "TypeError", "stack": stack });
                Err(Problem::Exception(exception))
            }
            GroupCall::SetSubject | GroupCall::SetDescription if is_refused => {
                Ok(Reply::bare(false))
            }
            GroupCall::SetSetting(name) if is_refused && name != SettingName::ShareHistory => {
                Ok(Reply::bare(false))
            }
            GroupCall::SetPicture | GroupCall::DeletePicture if is_refused => {
                Ok(Reply::json(&json!({ "success": attempt.call == GroupCall::DeletePicture })))
            }
            GroupCall::InviteCode if refused.reason == Reason::NotGroupAdmin => {
                Ok(Reply::nothing())
            }
            GroupCall::Add if refused.reason == Reason::NotGroupAdmin => Ok(Reply::bare(
                "AddParticipantsError: You have no admin rights to add a participant to a group",
            )),
            _ => Err(minified()),
        }
    }
}

/// Whether this release finds a member by another name than the listed one.
pub fn finds_by_any_name(version: version::Version) -> bool {
    version >= version::YEAR_2026
}
