//! The words of wa-js, as the engine WPP answers them; read, never observed.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::browser::{self, key_of, message, wid};
use super::code_of;
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::respond::{empty, json, text};

/// Its id is a text, those within it are objects.
pub fn group(group: &pb::Group, with_participants: bool) -> Value {
    browser::chat(group, json!(group.id), with_participants)
}

pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Value {
    let people: Map<String, Value> = results.iter().map(verdict).collect();
    json!({ "gid": wid(&made.id), "participants": people })
}

fn verdict(result: &ParticipantResult) -> (String, Value) {
    let id = key_of(result);
    let invite = result.private_invite.as_ref();
    let verdict = json!({
        "wid": id,
        "code": code_of(result),
        "invite_code": invite.map(|invite| invite.code.to_string()),
        "invite_code_exp": invite.map(|invite| invite.expire_time.as_millis() / 1000),
    });
    (id, verdict)
}

/// Of who is removed, promoted or demoted the engine says nothing more.
pub fn results(action: MemberAction, results: &[ParticipantResult]) -> Response {
    match action {
        MemberAction::Join => {
            let people = results.iter().map(|result| {
                let (id, mut verdict) = verdict(result);
                verdict["message"] = json!(message(result));
                (id, verdict)
            });
            json(Value::Object(people.collect()))
        }
        MemberAction::Promote => text("true"),
        MemberAction::Leave | MemberAction::Demote => empty(),
    }
}

pub fn preview(shown: &pb::Group) -> Value {
    browser::preview(shown, |id| if id.is_empty() { Value::Null } else { json!(id) })
}
