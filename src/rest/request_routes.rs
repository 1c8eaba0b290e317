//! Requests to join a group.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Gateway;
use super::openapi::{Body, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, json};
use super::route::{Route, at, get, post};
use super::shape::code_of;
use crate::app::groups::JoinRequestQuery;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::join_request::{JoinRequest, JoinRequestMethod};
use crate::domain::operation::{AnswerJoinRequests, RequestAnswer};
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::participant::ParticipantStatus;
use crate::domain::reason::Reason;

/// WhatsApp's code for somebody who does not ask to join.
const NOT_FOUND: u32 = 404;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let path = |path: &str| at(&format!("/{{id}}/participants/join-requests{path}"));
    let requests = |id, summary| says(id, Tag::Members, summary);
    let answer = |id, summary| {
        let each = "What became of each.";
        let says = requests(id, summary).takes("ParticipantsRequest").changes();
        says.answers(200, each, Body::JsonList("GroupJoinRequestResult"))
    };
    vec![
        get(
            path(""),
            list,
            requests("listJoinRequests", "Who asks to join").asks().answers(
                200,
                "The open requests.",
                Body::JsonList("GroupJoinRequest"),
            ),
        ),
        post(path("/approve"), approve, answer("approveJoinRequests", "Let people in")),
        post(path("/reject"), reject, answer("rejectJoinRequests", "Turn people away")),
    ]
}

async fn list(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let query = JoinRequestQuery { session, group_id };
    let mut requests = Vec::new();
    let mut token = String::new();
    loop {
        let page = gateway
            .app
            .list_join_requests(
                &incoming.call,
                &query,
                MAX_PAGE_SIZE,
                &token,
                false,
                Sequence::ZERO,
            )
            .await
            .map_err(|error| incoming.refuse(error))?;
        requests.extend(page.requests.iter().map(request));
        token = page.next_page_token;
        if token.is_empty() {
            return Ok(json(Value::Array(requests)));
        }
    }
}

fn request(request: &JoinRequest) -> Value {
    let requester = &request.requester;
    let method = request.method.map(|method| match method {
        JoinRequestMethod::InviteLink => "invite_link",
        JoinRequestMethod::LinkedGroup => "linked_group_join",
        JoinRequestMethod::NonAdminAdd => "non_admin_add",
    });
    json!({
        "requesterId": requester.id().to_string(),
        "requesterPn": requester.phone().map(|phone| phone.to_string()),
        "addedById": request.added_by.map(|id| id.to_string()),
        "parentGroupId": request.parent.as_ref().map(ToString::to_string),
        "requestMethod": method,
        "timestamp": request.request_time.map_or(0, |time: Timestamp| time.as_millis() / 1000),
    })
}

async fn approve(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    answer(&gateway, incoming, RequestAnswer::Approve).await
}

async fn reject(State(gateway): State<Gateway>, incoming: Incoming) -> Answered {
    answer(&gateway, incoming, RequestAnswer::Reject).await
}

/// WAHA on WEBJS takes an empty list for everybody; this refuses it.
async fn answer(gateway: &Gateway, mut incoming: Incoming, said: RequestAnswer) -> Answered {
    let target = incoming.target();
    let participants = incoming.participants(1);
    let target = incoming.finish(target)?;
    let asked = participants.clone();
    let mutation =
        target.mutation(|group_id| AnswerJoinRequests { group_id, answer: said, participants });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = match mutated {
        Ok(mutated) => mutated,
        // WAHA refuses each person and not the request.
        Err(error) if error.reason() == Reason::JoinRequestNotFound => {
            let refused = asked.iter().map(
                |id| json!({ "requesterId": id.to_string(), "success": false, "error": NOT_FOUND }),
            );
            return Ok(json(refused.collect()));
        }
        Err(error) => return Err(incoming.refuse(error)),
    };
    let results = mutated.answer.verdict.results.iter().map(|result| {
        let id = result.requested.to_string();
        match result.status {
            ParticipantStatus::Ok => json!({ "requesterId": id, "success": true }),
            _ => json!({ "requesterId": id, "success": false, "error": code_of(result) }),
        }
    });
    Ok(changed(&mutated, json(results.collect())))
}
