//! Requests to join a group.

use axum::extract::State;
use axum::response::Response;

use super::RestState;
use super::answers::plain::{self, GroupJoinRequest, GroupJoinRequestResult};
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

async fn list(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
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
            return Ok(json(&requests));
        }
    }
}

fn request(request: &JoinRequest) -> GroupJoinRequest {
    let requester = &request.requester;
    let method = request.method.map(|method| match method {
        JoinRequestMethod::InviteLink => plain::JoinRequestMethod::InviteLink,
        JoinRequestMethod::LinkedGroup => plain::JoinRequestMethod::LinkedGroupJoin,
        JoinRequestMethod::NonAdminAdd => plain::JoinRequestMethod::NonAdminAdd,
    });
    GroupJoinRequest {
        requester_id: requester.id().to_string(),
        requester_pn: requester.phone().map(|phone| phone.to_string()),
        added_by_id: request.added_by.map(|id| id.to_string()),
        parent_group_id: request.parent.as_ref().map(ToString::to_string),
        request_method: method,
        timestamp: request.request_time.map_or(0, |time: Timestamp| time.as_millis() / 1000),
    }
}

async fn approve(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    answer(&gateway, incoming, RequestAnswer::Approve).await
}

async fn reject(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    answer(&gateway, incoming, RequestAnswer::Reject).await
}

/// WAHA on WEBJS takes an empty list for everybody; this refuses it.
async fn answer(gateway: &RestState, mut incoming: Incoming, said: RequestAnswer) -> Answered {
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
            let refused = asked.iter().map(|id| result(id.to_string(), Some(NOT_FOUND)));
            return Ok(json(&refused.collect::<Vec<_>>()));
        }
        Err(error) => return Err(incoming.refuse(error)),
    };
    let results = mutated.answer.outcome.results.iter().map(|answered| {
        let is_done = answered.status == ParticipantStatus::Ok;
        result(answered.requested.to_string(), (!is_done).then(|| code_of(answered)))
    });
    Ok(changed(&mutated, json(&results.collect::<Vec<_>>())))
}

fn result(requester_id: String, error: Option<u32>) -> GroupJoinRequestResult {
    GroupJoinRequestResult { requester_id, success: error.is_none(), error }
}
