//! The words of whatsapp-web.js, as the engine WEBJS answers them; read, never observed.

use std::collections::BTreeMap;

use axum::response::Response;

use super::browser::{self, key_of, maker, message, own_wid};
use super::code_of;
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::answers::browser::{
    AddedOnWebjs, Chat, ChatId, CreatedOnWebjs, Done, InvitedOnWebjs, Previewed,
};
use crate::rest::respond::json;

fn id(id: &str) -> ChatId {
    ChatId::Object(own_wid(id))
}

pub fn group(group: &pb::Group, with_participants: bool) -> Chat {
    browser::chat(group, id(&group.id), with_participants)
}

/// People by number, with the maker among them. A private invite is not sent by itself here.
pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> CreatedOnWebjs {
    let invited = |status_code: u32, message: &str, is_group_creator: bool| InvitedOnWebjs {
        status_code,
        message: message.to_owned(),
        is_group_creator,
        is_invite_v4_sent: false,
    };
    let mut participants: BTreeMap<String, InvitedOnWebjs> = results
        .iter()
        .map(|result| (key_of(result), invited(code_of(result), message(result), false)))
        .collect();
    if let Some(maker) = maker(made) {
        participants.insert(maker.to_owned(), invited(200, "Added to the group", true));
    }
    CreatedOnWebjs { title: made.subject.clone(), gid: own_wid(&made.id), participants }
}

/// Of who is removed, promoted or demoted the engine says nothing more.
pub fn results(action: MemberAction, results: &[ParticipantResult]) -> Response {
    match action {
        MemberAction::Join => {
            let added = |result: &ParticipantResult| {
                let (code, message) = (code_of(result), message(result).to_owned());
                let added = AddedOnWebjs { code, message, is_invite_v4_sent: false };
                (result.requested.to_string(), added)
            };
            json(&results.iter().map(added).collect::<BTreeMap<_, _>>())
        }
        MemberAction::Leave | MemberAction::Promote | MemberAction::Demote => {
            json(&Done { status: 200 })
        }
    }
}

pub fn preview(shown: &pb::Group) -> Previewed {
    browser::preview(shown, id)
}
