//! The words of wa-js, as the engine WPP answers them; read, never observed.

use std::collections::BTreeMap;

use axum::response::Response;

use super::browser::{self, key_of, message, own_wid};
use super::code_of;
use crate::domain::event::MemberAction;
use crate::domain::participant::ParticipantResult;
use crate::pb;
use crate::rest::answers::browser::{
    AddedOnWpp, Chat, ChatId, CreatedOnWpp, InvitedOnWpp, Previewed,
};
use crate::rest::respond::{empty, json, text};

/// Its id is a text, those within it are objects.
fn id(id: &str) -> ChatId {
    ChatId::Text(id.to_owned())
}

pub fn group(group: &pb::Group, with_participants: bool) -> Chat {
    browser::chat(group, id(&group.id), with_participants)
}

pub fn created(made: &pb::Group, results: &[ParticipantResult]) -> CreatedOnWpp {
    let participants = results.iter().map(|result| (key_of(result), invited(result))).collect();
    CreatedOnWpp { gid: own_wid(&made.id), participants }
}

fn invited(result: &ParticipantResult) -> InvitedOnWpp {
    let invite = result.private_invite.as_ref();
    InvitedOnWpp {
        wid: key_of(result),
        code: code_of(result),
        invite_code: invite.map(|invite| invite.code.to_string()),
        invite_code_exp: invite.map(|invite| invite.expire_time.as_millis() / 1000),
    }
}

/// Of who is removed, promoted or demoted the engine says nothing more.
pub fn results(action: MemberAction, results: &[ParticipantResult]) -> Response {
    match action {
        MemberAction::Join => {
            let added = |result: &ParticipantResult| {
                let InvitedOnWpp { wid, code, invite_code, invite_code_exp } = invited(result);
                let message = message(result).to_owned();
                (wid.clone(), AddedOnWpp { wid, code, message, invite_code, invite_code_exp })
            };
            json(&results.iter().map(added).collect::<BTreeMap<_, _>>())
        }
        MemberAction::Promote => text("true"),
        MemberAction::Leave | MemberAction::Demote => empty(),
    }
}

pub fn preview(shown: &pb::Group) -> Previewed {
    browser::preview(shown, id)
}
