//! GOWS: whatsmeow behind gRPC. PascalCase, every key there, unset values empty.

use serde_json::{Value, json};
use wagroups::domain::Reason;
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{AddressingMode, Group, MemberAddMode};
use wagroups::domain::id::ParticipantId;
use wagroups::domain::invite::GroupPreview;
use wagroups::domain::join_request::JoinRequest;
use wagroups::domain::participant::{Account, ParticipantResult, ParticipantStatus, Role};

use super::ids;
use super::{Attempt, Context, Dialect, Refused};
use crate::waha_server::reply::{Answer, Problem, Reply};
use crate::waha_server::route::{GroupCall, SettingName};
use crate::waha_server::version;

pub struct Gows;

const NO_TIME: &str = "0001-01-01T00:00:00Z";

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NO_TIME.to_owned(), ids::rfc3339)
}

fn jid(id: Option<ParticipantId>) -> String {
    id.map(ids::wire).unwrap_or_default()
}

fn participant(account: &Account, role: Option<Role>) -> Value {
    json!({
        "JID": ids::wire(account.id()),
        "PhoneNumber": ids::wire_phone(account).unwrap_or_default(),
        "LID": account.lid().map(|lid| lid.to_string()).unwrap_or_default(),
        "IsAdmin": role.is_some_and(Role::is_admin),
        "IsSuperAdmin": role == Some(Role::Superadmin),
        "DisplayName": "", "Error": 0, "AddRequest": null,
    })
}

/// What became of somebody, as a participant.
fn result(result: &ParticipantResult) -> Value {
    let mut shown = participant(&result.account, None);
    if result.status != ParticipantStatus::Ok {
        shown["Error"] = json!(result.code);
    }
    if let Some(invite) = &result.private_invite {
        shown["AddRequest"] = json!({
            "Code": invite.code, "Expiration": ids::rfc3339(invite.expire_time),
        });
    }
    shown
}

/// whatsmeow's GroupInfo.
pub fn info(group: &Group, version: version::Version) -> Value {
    let settings = group.settings;
    let mode = match group.addressing_mode {
        AddressingMode::PhoneNumber => "pn",
        AddressingMode::Lid => "lid",
        AddressingMode::Unknown => "",
    };
    let add_mode = match settings.member_add_mode {
        _ if group.partial => "",
        MemberAddMode::AllMembers => "all_member_add",
        MemberAddMode::AdminsOnly => "admin_add",
    };
    let members: Vec<Value> = group
        .participants()
        .iter()
        .map(|member| participant(&member.account, Some(member.role)))
        .collect();
    let owner_pn = group.owner.and_then(|owner| ids::wire_phone(&ids::account(group, owner)));
    let mut info = json!({
        "JID": group.id, "OwnerJID": jid(group.owner), "OwnerPN": owner_pn.unwrap_or_default(),
        "Name": group.subject.text, "NameSetAt": time(group.subject.time),
        "NameSetBy": jid(group.subject.owner), "NameSetByPN": "",
        "Topic": group.description.text, "TopicID": group.description.id,
        "TopicSetAt": time(group.description.time), "TopicSetBy": jid(group.description.owner),
        "TopicSetByPN": "", "TopicDeleted": false,
        "IsLocked": settings.info_admin_only,
        "IsAnnounce": settings.messages_admin_only, "AnnounceVersionID": "",
        "IsEphemeral": settings.disappearing_timer_seconds > 0,
        "DisappearingTimer": settings.disappearing_timer_seconds,
        "IsIncognito": false, "IsParent": false, "DefaultMembershipApprovalMode": "",
        "LinkedParentJID": group.parent.as_ref().map(ToString::to_string).unwrap_or_default(),
        "IsDefaultSubGroup": false, "IsJoinApprovalRequired": settings.membership_approval,
        "AddressingMode": mode, "GroupCreated": time(group.create_time),
        "CreatorCountryCode": "", "ParticipantVersionID": "",
        "Participants": if group.partial { Value::Null } else { json!(members) },
        "ParticipantCount": members.len(), "MemberAddMode": add_mode,
        "Suspended": group.suspended,
    });
    if version >= version::SHARE_HISTORY {
        let mode = if settings.member_share_history { "all_member_share" } else { "admin_share" };
        info["MemberShareHistoryMode"] = json!(mode);
    }
    info
}

fn exception(details: &str) -> Problem {
    Problem::Exception(json!({
        "message": format!("2 UNKNOWN: {details}"), "code": 2, "details": details, "metadata": {},
        "name": "Error", "stack": format!("Error: 2 UNKNOWN: {details}\n    at callErrorFromStatus"),
    }))
}

impl Dialect for Gows {
    fn group(&self, context: &Context<'_>, group: &Group) -> Value {
        info(group, context.version)
    }

    fn sort_key(&self, group: &Group, by: &str) -> Option<String> {
        Some(if by == "id" { group.id.to_string() } else { group.subject.text.clone() })
    }

    fn without_participants(&self, group: &mut Value) {
        group.as_object_mut().expect("a group").remove("Participants");
    }

    fn participants(&self, context: &Context<'_>, group: &Group) -> Reply {
        match &info(group, context.version)["Participants"] {
            Value::Null => Reply::nothing(),
            participants => Reply::json(participants),
        }
    }

    fn normal_pn(&self, account: &Account) -> Option<Value> {
        Some(json!(ids::public_phone(account).unwrap_or_default()))
    }

    /// Who could not be added stands among the members, with an error.
    fn created(
        &self,
        context: &Context<'_>,
        group: &Group,
        results: &[ParticipantResult],
    ) -> Reply {
        let mut info = info(group, context.version);
        let failed = results.iter().filter(|result| result.status != ParticipantStatus::Ok);
        let members = info["Participants"].as_array_mut().expect("members");
        members.extend(failed.map(result));
        Reply::json(&info)
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
        group.addressing_mode = AddressingMode::Lid;
        group.settings.membership_approval = preview.membership_approval;
        group.parent.clone_from(&preview.parent);
        group.set_participants(preview.participants.clone());
        let mut info = info(&group, version::ALWAYS);
        info["ParticipantCount"] = json!(preview.member_count);
        info
    }

    fn join_request(&self, _: &JoinRequest, _: &mut Value) {}

    /// The whole link, as whatsmeow has it.
    fn invite_code(&self, code: &str) -> String {
        format!("https://chat.whatsapp.com/{code}")
    }

    fn done(&self, call: GroupCall) -> Reply {
        match call {
            GroupCall::SetSetting(SettingName::MembershipApproval | SettingName::ShareHistory) => {
                Reply::bare(true)
            }
            _ => Reply::nothing(),
        }
    }

    /// whatsmeow has words of its own for some questions; to what changes a group it hands on WhatsApp's
    /// code, which is the same for who is no member and who is no admin.
    fn refused(&self, attempt: Attempt<'_>, refused: Refused) -> Answer {
        let is_invite = matches!(attempt.call, GroupCall::InviteCode | GroupCall::RevokeInvite);
        let asks = is_invite || attempt.call.looks();
        let joins = matches!(attempt.call, GroupCall::Join | GroupCall::JoinInfo);
        let details = match refused.reason {
            _ if refused.code == 0 => "info query timed out".to_owned(),
            Reason::GroupNotFound if asks => "that group does not exist".to_owned(),
            Reason::NotGroupMember if asks => "you're not participating in that group".to_owned(),
            Reason::NotGroupAdmin if is_invite => {
                "you don't have the permission to get the group's invite link".to_owned()
            }
            Reason::InviteRevoked if joins => "that group invite link has been revoked".to_owned(),
            Reason::InviteInvalid if joins => "that group invite link is not valid".to_owned(),
            Reason::PictureRejected => "the given data is not a valid image".to_owned(),
            _ => format!("info query returned status {}: {}", refused.code, refused.text()),
        };
        Err(exception(&details))
    }
}
