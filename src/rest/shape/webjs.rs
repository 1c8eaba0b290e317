//! The words of whatsapp-web.js, as the engine WEBJS answers them; read, never observed.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::browser::{self, key_of, maker, message, wid};
use super::code_of;
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::respond::json;

pub fn group(group: &pb::Group, with_participants: bool) -> Value {
    browser::chat(group, wid(&group.id), with_participants)
}

/// People by number, with the maker among them. A private invite is not sent by itself here.
pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> Value {
    let verdict = |code: u32, message: &str, is_maker: bool| {
        json!({
            "statusCode": code, "message": message, "isGroupCreator": is_maker, "isInviteV4Sent": false,
        })
    };
    let mut people: Map<String, Value> = results
        .iter()
        .map(|result| (key_of(result), verdict(code_of(result), message(result), false)))
        .collect();
    if let Some(maker) = maker(made) {
        people.insert(maker.to_owned(), verdict(200, "Added to the group", true));
    }
    json!({ "title": made.subject, "gid": wid(&made.id), "participants": people })
}

/// Of who is removed, promoted or demoted the engine says nothing more.
pub fn results(action: MemberAction, results: &[ParticipantResult]) -> Response {
    match action {
        MemberAction::Join => {
            let people = results.iter().map(|result| {
                let verdict = json!({
                    "code": code_of(result), "message": message(result), "isInviteV4Sent": false,
                });
                (result.requested.to_string(), verdict)
            });
            json(Value::Object(people.collect()))
        }
        MemberAction::Leave | MemberAction::Promote | MemberAction::Demote => {
            json(json!({ "status": 200 }))
        }
    }
}

pub fn preview(shown: &pb::Group) -> Value {
    browser::preview(shown, wid)
}
