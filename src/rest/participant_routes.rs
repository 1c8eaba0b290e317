//! A group's members: listed, added, removed, promoted, demoted.

use axum::extract::State;
use axum::response::Response;

use super::RestState;
use super::group_routes::{group_after, read};
use super::openapi::{Body, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::changed;
use super::route::{Route, at, get, post};
use super::shape::Shape;
use crate::domain::event::MemberAction;
use crate::domain::operation::ChangeParticipants;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let members = |id, summary| says(id, Tag::Members, summary);
    let change = |id, summary, action| {
        let each = "What became of each, as far as the shape's engine says it.";
        let says = members(id, summary).takes("ParticipantsRequest").changes();
        says.answers(200, each, Body::Verdicts(action))
    };
    vec![
        get(
            at("/{id}/participants"),
            list,
            members("listParticipants", "The members, in the words of the engine").answers(
                200,
                "The members.",
                Body::JsonList("Member"),
            ),
        ),
        get(
            at("/{id}/participants/v2"),
            list_v2,
            members("listParticipantsV2", "The members, in the same words in every shape").answers(
                200,
                "The members.",
                Body::JsonList("GroupParticipant"),
            ),
        ),
        post(
            at("/{id}/participants/add"),
            add,
            change("addParticipants", "Add people", MemberAction::Join),
        ),
        post(
            at("/{id}/participants/remove"),
            remove,
            change("removeParticipants", "Remove members", MemberAction::Leave),
        ),
        post(
            at("/{id}/admin/promote"),
            promote,
            change("promoteParticipants", "Make members admins", MemberAction::Promote),
        ),
        post(
            at("/{id}/admin/demote"),
            demote,
            change("demoteParticipants", "Make admins members", MemberAction::Demote),
        ),
    ]
}

async fn list(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let shape = gateway.shape;
    list_as(&gateway, &mut incoming, shape).await
}

/// The normalised list, on all engines.
async fn list_v2(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    list_as(&gateway, &mut incoming, Shape::Normalized).await
}

async fn list_as(gateway: &RestState, incoming: &mut Incoming, shape: Shape) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let group = read(gateway, incoming, &session, &group_id).await;
    let group = group.map_err(|error| incoming.refuse(error))?;
    Ok(shape.participants(&group))
}

async fn add(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    change(&gateway, incoming, MemberAction::Join).await
}

async fn remove(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    change(&gateway, incoming, MemberAction::Leave).await
}

async fn promote(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    change(&gateway, incoming, MemberAction::Promote).await
}

async fn demote(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    change(&gateway, incoming, MemberAction::Demote).await
}

async fn change(gateway: &RestState, mut incoming: Incoming, action: MemberAction) -> Answered {
    let target = incoming.target();
    let participants = incoming.participants(1);
    let target = incoming.finish(target)?;
    let mutation =
        target.mutation(|group_id| ChangeParticipants { group_id, action, participants });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    let group = group_after(&mutated).map_err(|error| incoming.refuse(error))?;
    let results = &mutated.answer.outcome.results;
    Ok(changed(&mutated, gateway.shape.results(action, &group, results)))
}
