//! Invites: the code, looking behind one, joining by it.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::Gateway;
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json, text};
use crate::domain::id::InviteCode;
use crate::domain::invite::Invite;

type Answered = Result<Response, Refusal>;

pub async fn join_info(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
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
    Ok(json(gateway.shape.preview(&(known.value.as_ref()).into(), &code)))
}

pub async fn join(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let code = incoming.text::<InviteCode>("code");
    let key = incoming.request_key();
    let (session, code) = incoming.finish(session.zip(code))?;
    let joined = gateway.app.join_group(&incoming.call, session, key, Invite::Code(code)).await;
    let joined = joined.map_err(|error| incoming.refuse(error))?;
    let id = joined.answer.verdict.group_id.as_ref();
    Ok(changed(&joined, json(json!({ "id": id.map(ToString::to_string) }))))
}

pub async fn invite_code(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let read = gateway.app.invite_code(&incoming.call, &session, &group_id, false, 0).await;
    let read = read.map_err(|error| incoming.refuse(error))?;
    Ok(text(gateway.shape.invite(&read.value)))
}

pub async fn revoke(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    let mutated = gateway.app.revoke_invite_code(&incoming.call, target).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    let code = mutated.answer.verdict.invite_code.as_ref();
    Ok(changed(&mutated, text(code.map(|code| gateway.shape.invite(code)).unwrap_or_default())))
}
