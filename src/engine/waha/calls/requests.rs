//! Requests to join a group.

use std::collections::HashMap;

use http::Method;
use serde_json::{Value, json};

use super::participants::{named_like, unnamed};
use crate::domain::error::Error;
use crate::domain::event::{JoinRequestAction, JoinRequestChanged, MemberAction};
use crate::domain::id::{GroupId, ParticipantId};
use crate::domain::join_request::{JoinRequest, JoinRequestMethod};
use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::operation::{
    AnswerJoinRequests, EngineAnswer, EngineError, ListJoinRequests, Operation as _, OperationName,
    RequestAnswer, Result,
};
use crate::domain::participant::{
    Account, Participant, ParticipantResult, ParticipantStatus, Role,
};
use crate::domain::reason::Reason;
use crate::domain::reducer::Change;
use crate::domain::whatsapp_code::participant_status;
use crate::engine::waha::names;
use crate::engine::waha::raw::Raw;
use crate::engine::waha::routed_session::{RoutedSession, Serve, people};

impl RoutedSession {
    fn request(&self, listed: &Value) -> Option<JoinRequest> {
        let raw = Raw::new(listed, self.now);
        Some(JoinRequest {
            requester: requester(listed)?,
            request_time: raw.time(&["/timestamp"]),
            method: match raw.text(&["/requestMethod"]) {
                Some("invite_link") => Some(JoinRequestMethod::InviteLink),
                Some("linked_group_join") => Some(JoinRequestMethod::LinkedGroup),
                Some("non_admin_add") => Some(JoinRequestMethod::NonAdminAdd),
                _ => None,
            },
            added_by: raw.first(&["/addedById"]),
            parent: raw.find(&["/parentGroupId"]).and_then(names::group_id),
        })
    }
}

impl Serve<ListJoinRequests> for RoutedSession {
    async fn serve(&self, query: &ListJoinRequests) -> Result<Vec<JoinRequest>> {
        let ListJoinRequests { group_id } = query;
        let operation = OperationName::ListJoinRequests;
        let path = [group_id.as_str(), "participants", "join-requests"];
        let answer = self.server.ask(self.get(operation, &path)).await?;
        let listed = answer.json().and_then(Value::as_array).into_iter().flatten();
        Ok(listed.filter_map(|listed| self.request(listed)).collect())
    }
}

/// Answers those who have an open request, under the id by which it is listed. An empty list of people
/// would mean all of them to WEBJS.
impl Serve<AnswerJoinRequests> for RoutedSession {
    async fn serve(
        &self,
        command: &AnswerJoinRequests,
    ) -> Result<EngineAnswer<Vec<ParticipantResult>>> {
        let AnswerJoinRequests { group_id, participants, .. } = command;
        let answer = command.answer;
        let operation = command.name();
        let open = self.serve(&ListJoinRequests { group_id: group_id.clone() }).await?;
        let listed: Vec<Account> = open.iter().map(|request| request.requester).collect();
        let known = self.named(&unnamed(participants), &listed).await?;
        let asked: Vec<Asked> = participants
            .iter()
            .zip(&known)
            .map(|(id, account)| Asked::known_as(*id, *account))
            .collect();
        let rows: Vec<Option<Account>> = listed.iter().copied().map(Some).collect();
        let found = rows_of(&asked, &rows, Trust::Likely);
        if let Some(at) = found.iter().position(|found| *found == Found::Ambiguous) {
            return Err(ambiguous(participants[at]));
        }
        let asked: Vec<Option<&JoinRequest>> =
            found.iter().map(|found| found.place().and_then(|place| open.get(place))).collect();
        let sent: Vec<ParticipantId> =
            asked.iter().flatten().map(|request| request.requester.id()).collect();
        if sent.is_empty() {
            return Err(nobody_asked(group_id));
        }
        let verb = match answer {
            RequestAnswer::Approve => "approve",
            RequestAnswer::Reject => "reject",
        };
        let path = [group_id.as_str(), "participants", "join-requests", verb];
        let body = json!({ "participants": people(sent.iter().copied()) });
        let said = self.send(operation, Method::POST, &path, body).await?;
        let listed: Vec<&Value> =
            said.json().and_then(Value::as_array).into_iter().flatten().collect();
        let rows = listed.iter().map(|listed| requester(listed)).collect();
        let answered = asked.iter().flatten();
        let answered = answered
            .map(|request| Asked::known_as(request.requester.id(), request.requester))
            .collect();
        let answered = self.attribute(answered, rows).await;
        let codes: HashMap<ParticipantId, u32> = answered
            .iter()
            .map(|said| (said.asked.requested, said.row.map_or(0, |row| code(listed[row]))))
            .collect();
        let results: Vec<ParticipantResult> = participants
            .iter()
            .zip(&known)
            .zip(&asked)
            .map(|((id, named), request)| {
                let asked = Asked::known_as(*id, *named);
                let account = request.map_or(*named, |r| named_like(r.requester, &asked));
                let code = match request {
                    Some(request) => codes.get(&request.requester.id()).copied().unwrap_or(0),
                    None => 404,
                };
                let status = participant_status(code, operation);
                ParticipantResult { requested: *id, account, status, code, private_invite: None }
            })
            .collect();
        let is_answered = |result: &&ParticipantResult| result.status == ParticipantStatus::Ok;
        if results.iter().all(|result| result.status == ParticipantStatus::RequestNotFound) {
            return Err(nobody_asked(group_id));
        }
        let changes: Vec<Change> = match answer {
            RequestAnswer::Approve => {
                let joined = results.iter().filter(is_answered);
                let joined = joined.map(|r| Participant::new(r.account, Role::Participant));
                vec![Change::Members { action: MemberAction::Join, members: joined.collect() }]
            }
            RequestAnswer::Reject => results
                .iter()
                .filter(is_answered)
                .map(|result| {
                    Change::JoinRequest(JoinRequestChanged {
                        action: JoinRequestAction::Rejected,
                        request: JoinRequest::of(result.account),
                    })
                })
                .collect(),
        };
        let observations = changes.into_iter().map(|change| self.observe(group_id, change));
        Ok(EngineAnswer {
            observations: observations.collect(),
            value: results,
            source_ids: Vec::new(),
        })
    }
}

fn requester(listed: &Value) -> Option<Account> {
    names::account(["requesterId", "requesterPn"].iter().filter_map(|name| listed.get(*name)))
}

/// The code of a person's row: `{"requesterId", "success", "error"?}`.
fn code(listed: &Value) -> u32 {
    if listed.get("success") == Some(&Value::Bool(true)) {
        return 200;
    }
    let code = listed.get("error").and_then(Value::as_u64).unwrap_or_default();
    u32::try_from(code).unwrap_or_default()
}

/// Several requesters have numbers that may be spelled so.
fn ambiguous(id: ParticipantId) -> EngineError {
    let must = "name one of those who ask as ListJoinRequests lists them";
    let message = format!("{id} may be several of those who ask to join; {must}");
    let error = Error::new(Reason::InvalidRequest, message).blaming("participant_ids", must);
    EngineError::rejected(error)
}

fn nobody_asked(group_id: &GroupId) -> EngineError {
    let message = format!("none of these people has an open request to join group {group_id}");
    let error = Error::new(Reason::JoinRequestNotFound, message);
    EngineError::rejected(error.about("join_request", group_id).with("group_id", group_id))
}
