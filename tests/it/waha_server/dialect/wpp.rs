//! WPP: wa-js in a browser. Like WEBJS inside, but it throws, and mostly answers nothing.

use serde_json::{Map, Value, json};
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::Group;
use wagroups::domain::invite::GroupPreview;
use wagroups::domain::join_request::JoinRequest;
use wagroups::domain::participant::{Account, ParticipantResult};

use super::webjs::{chat, code, invite_info, message};
use super::{Attempt, Context, Dialect, Refused, ids};
use crate::waha_server::reply::{Answer, Problem, Reply};
use crate::waha_server::route::GroupCall;
use crate::waha_server::version;

pub struct Wpp;

/// An error of wa-js.
pub fn error(code: &str, message: &str) -> Problem {
    let stack = format!("WPPError: {message}\n    at evaluate");
    let exception = json!({ "message": message, "name": "WPPError", "code": code, "stack": stack });
    Problem::Exception(exception)
}

fn verdicts(results: &[ParticipantResult], with_message: bool) -> Value {
    let mut people = Map::new();
    for result in results {
        let id = result.requested.to_string();
        let invite = result.private_invite.as_ref();
        let mut verdict = json!({
            "wid": ids::wid(&id), "code": code(result),
            "invite_code": invite.map(|invite| invite.code.to_string()),
            "invite_code_exp": invite.map(|invite| ids::seconds(invite.expire_time)),
        });
        if with_message {
            verdict["message"] = json!(message(result));
        }
        people.insert(id, verdict);
    }
    Value::Object(people)
}

impl Dialect for Wpp {
    fn is_browser(&self) -> bool {
        true
    }

    fn group(&self, context: &Context<'_>, group: &Group) -> Value {
        chat(context, group, json!(group.id))
    }

    fn sort_key(&self, group: &Group, by: &str) -> Option<String> {
        (by == "id").then(|| group.id.to_string())
    }

    fn without_participants(&self, group: &mut Value) {
        for name in [
            "participants",
            "pendingParticipants",
            "pastParticipants",
            "membershipApprovalRequests",
        ] {
            group.as_object_mut().expect("a chat").remove(name);
            group["groupMetadata"].as_object_mut().expect("metadata").remove(name);
        }
    }

    fn participants(&self, context: &Context<'_>, group: &Group) -> Reply {
        Reply::json(&self.group(context, group)["groupMetadata"]["participants"])
    }

    fn normal_pn(&self, _: &Account) -> Option<Value> {
        Some(Value::Null)
    }

    fn created(&self, _: &Context<'_>, group: &Group, results: &[ParticipantResult]) -> Reply {
        let people = verdicts(results, false);
        Reply::json(&json!({ "gid": ids::wid(&group.id), "participants": people }))
    }

    fn members_changed(
        &self,
        context: &Context<'_>,
        action: MemberAction,
        _: &Group,
        results: &[ParticipantResult],
    ) -> Reply {
        match action {
            MemberAction::Join => Reply::json(&verdicts(results, true)),
            MemberAction::Promote if context.version >= version::HIDDEN_IDS => Reply::bare(true),
            MemberAction::Promote | MemberAction::Demote | MemberAction::Leave => Reply::nothing(),
        }
    }

    fn preview(&self, preview: &GroupPreview) -> Value {
        invite_info(preview, |id| json!(id))
    }

    fn join_request(&self, request: &JoinRequest, into: &mut Value) {
        into["requestMethod"] = json!(request.method.map(super::method));
        into["addedById"] = json!(request.added_by);
        into["parentGroupId"] = json!(request.parent);
    }

    fn done(&self, _: GroupCall) -> Reply {
        Reply::bare(true)
    }

    fn refused(&self, attempt: Attempt<'_>, refused: Refused) -> Answer {
        let id = attempt.group_id;
        Err(match refused.reason {
            Reason::GroupNotFound | Reason::NotGroupMember => {
                error("chat_not_found", &format!("Chat not found for {id}"))
            }
            Reason::NotGroupAdmin => {
                error("group_you_are_not_admin", &format!("You are not admin in {id}"))
            }
            Reason::InviteInvalid | Reason::InviteRevoked => {
                error("invalid_invite_code", "Invalid Invite Code")
            }
            _ => {
                let message = format!("{}: {}", refused.code, refused.text());
                Problem::Exception(json!({
                    "message": message, "name": "ServerStatusCodeError", "stack": "",
                }))
            }
        })
    }
}
