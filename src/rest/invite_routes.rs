//! Invites: the code, looking behind one, joining by it.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::RestState;
use super::answers::plain::JoinGroupResponse;
use super::openapi::{Body, Tag, invite_code_text, required, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json, text as bare};
use super::route::{Route, at, get, post};
use crate::app::Mutation;
use crate::domain::counter::Sequence;
use crate::domain::id::InviteCode;
use crate::domain::invite::Invite;
use crate::domain::operation::{JoinGroup, RevokeInviteCode};

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let invite = |id, summary| says(id, Tag::Invites, summary);
    let code = required("code", "An invite code, or a link with one.", invite_code_text())
        .example(Some(json!("https://chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv")));
    vec![
        get(
            at("/join-info"),
            join_info,
            invite("getJoinInfo", "Look behind an invite").query(code).asks().answers(
                200,
                "The group, as far as an invite shows it.",
                Body::Json("InvitedGroup"),
            ),
        ),
        post(
            at("/join"),
            join,
            invite("joinGroup", "Join by an invite").takes("JoinGroupRequest").changes().answers(
                200,
                "The group that was joined.",
                Body::Json("JoinGroupResponse"),
            ),
        ),
        get(
            at("/{id}/invite-code"),
            invite_code,
            invite("getInviteCode", "The code of the group's invite").asks().answers(
                200,
                "The code; in the shape `gows` the link.",
                Body::Text("AbCdEfGhIjKlMnOpQrStUv"),
            ),
        ),
        post(
            at("/{id}/invite-code/revoke"),
            revoke,
            invite("revokeInviteCode", "Void the invite and make another").changes().answers(
                200,
                "The new one.",
                Body::Text("AbCdEfGhIjKlMnOpQrStUv"),
            ),
        ),
    ]
}

async fn join_info(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let code = incoming.query("code").map(str::to_owned);
    let code: Option<InviteCode> = match code {
        Some(code) => incoming.parsed("code", &code),
        None => {
            incoming.refuse_field("code", "must be a string");
            None
        }
    };
    let (session, code) = incoming.finish(session.zip(code))?;
    let known = gateway.app.join_info(&incoming.call, &session, Invite::Code(code.clone())).await;
    let known = known.map_err(|error| incoming.refuse(error))?;
    Ok(gateway.shape.preview(&(known.value.as_ref()).into(), &code))
}

async fn join(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let code = incoming.text::<InviteCode>("code");
    let request_id = incoming.request_id();
    let (session, code) = incoming.finish(session.zip(code))?;
    let command = JoinGroup { invite: Invite::Code(code) }.into();
    let mutation = Mutation { session, request_id, command };
    let joined = gateway.app.execute(&incoming.call, mutation).await;
    let joined = joined.map_err(|error| incoming.refuse(error))?;
    let id = joined.answer.outcome.group_id.as_ref();
    Ok(changed(&joined, json(&JoinGroupResponse { id: id.map(ToString::to_string) })))
}

async fn invite_code(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let read =
        gateway.app.invite_code(&incoming.call, &session, &group_id, false, Sequence::ZERO).await;
    let read = read.map_err(|error| incoming.refuse(error))?;
    Ok(bare(gateway.shape.invite(&read.value)))
}

async fn revoke(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    let mutation = target.mutation(|group_id| RevokeInviteCode { group_id });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    let code = mutated.answer.outcome.invite_code.as_ref();
    Ok(changed(&mutated, bare(code.map(|code| gateway.shape.invite(code)).unwrap_or_default())))
}
