//! Groups: listed, counted, read, made, left, deleted; their texts.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use prost::Message as _;
use tokio::time::Instant;

use super::RestState;
use super::answers::plain::{CountResponse, Success};
use super::listing;
use super::openapi::{Body, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{at_sequence, changed, empty, json, text};
use super::route::{Route, at, delete, get, post, put};
use crate::app::Mutation;
use crate::app::groups::Mutated;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::group::{DescriptionText, GroupSettings, SubjectText};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::operation::{CreateGroup, LeaveGroup, SetGroupDescription, SetGroupSubject};
use crate::domain::page::{GroupFilter, GroupOrder, GroupQuery};
use crate::pb;

/// How long a deletion is waited for; it goes on by itself.
const DELETION_PATIENCE: Duration = Duration::from_secs(60);

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let group = |id, summary| says(id, Tag::Groups, summary);
    vec![
        post(
            at(""),
            create,
            group("createGroup", "Make a group").takes("CreateGroupRequest").changes().answers(
                201,
                "The group, and what became of the invitees.",
                Body::Json("CreatedGroup"),
            ),
        ),
        get(at(""), list, listing::says_of_list()),
        get(
            at("/count"),
            count,
            group("countGroups", "How many groups the session has").answers(
                200,
                "The number of groups.",
                Body::Json("CountResponse"),
            ),
        ),
        post(
            at("/refresh"),
            refresh,
            group("refreshGroups", "Compare all groups with WhatsApp")
                .detail(
                    "What was missed becomes events. It is done regularly without being asked for.",
                )
                .asks()
                .answers(200, "They are compared.", Body::Json("Result")),
        ),
        get(
            at("/{id}"),
            get_group,
            group("getGroup", "A group with its members").answers(
                200,
                "The group as it is known.",
                Body::Json("Group"),
            ),
        ),
        delete(
            at("/{id}"),
            delete_group,
            group("deleteGroup", "Take a group apart and leave it")
                .detail("Only its superadmin can. WhatsApp has no deletion: everybody is removed.")
                .changes()
                .answers(200, "The group is gone.", Body::Text("true"))
                .answers(
                    202,
                    "It is being taken apart, which goes on by itself.",
                    Body::Text("true"),
                ),
        ),
        post(
            at("/{id}/leave"),
            leave,
            group("leaveGroup", "Leave a group").changes().answers(
                200,
                "We are no member any more.",
                Body::Nothing,
            ),
        ),
        put(
            at("/{id}/subject"),
            set_subject,
            group("setSubject", "Change the subject").takes("SubjectRequest").changes().answers(
                200,
                "It is changed.",
                Body::Done,
            ),
        ),
        put(
            at("/{id}/description"),
            set_description,
            group("setDescription", "Change the description")
                .takes("DescriptionRequest")
                .changes()
                .answers(200, "It is changed.", Body::Done),
        ),
    ]
}

async fn list(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let wanted = listing::wanted(&mut incoming);
    let session = incoming.finish(session)?;
    listing::answer(gateway, incoming, session, wanted).await
}

async fn count(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let query =
        GroupQuery { session, filter: GroupFilter::default(), order: GroupOrder::default() };
    let counted = gateway.app.count_groups(&incoming.call, &query, Sequence::ZERO).await;
    let counted = counted.map_err(|error| incoming.refuse(error))?;
    Ok(json(&CountResponse { count: counted.count }))
}

async fn get_group(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let group = read(&gateway, &incoming, &session, &group_id).await;
    let group = group.map_err(|error| incoming.refuse(error))?;
    Ok(gateway.shape.group(&group))
}

/// The group as it is known, with its members.
pub async fn read(
    gateway: &RestState,
    incoming: &Incoming,
    session: &SessionName,
    group_id: &GroupId,
) -> DomainResult<pb::Group> {
    let (view, _) =
        gateway.app.get_group(&incoming.call, session, group_id, false, Sequence::ZERO).await?;
    pb::Group::decode(view.full.clone()).map_err(Error::internal)
}

/// The group after a mutation; one with nothing but its id where we are not in it.
pub fn group_after(mutated: &Mutated) -> DomainResult<pb::Group> {
    match &mutated.view {
        Some(view) => pb::Group::decode(view.full.clone()).map_err(Error::internal),
        None => {
            let id = mutated.answer.outcome.group_id.as_ref();
            Ok(pb::Group {
                id: id.map(ToString::to_string).unwrap_or_default(),
                ..Default::default()
            })
        }
    }
}

async fn create(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let subject = incoming.text::<SubjectText>("name");
    let participants = incoming.participants(0);
    let request_id = incoming.request_id();
    let (session, subject) = incoming.finish(session.zip(subject))?;
    let command = CreateGroup {
        subject,
        description: DescriptionText::default(),
        participants,
        settings: GroupSettings::default(),
    };
    let mutation = Mutation { session, request_id, command: command.into() };
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    let group = group_after(&mutated).map_err(|error| incoming.refuse(error))?;
    let body = gateway.shape.created(&group, &mutated.answer.outcome.results);
    Ok(changed(&mutated, (StatusCode::CREATED, body)))
}

/// WAHA removes the chat from the account's own list; this takes the group apart and leaves it.
async fn delete_group(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    incoming.call.deadline = Some(Instant::now() + DELETION_PATIENCE);
    let progress = gateway.app.delete_group(&incoming.call, target).await;
    let progress = progress.map_err(|error| incoming.refuse(error))?;
    let status = if progress.ended.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(at_sequence(progress.sequence, (status, text("true"))))
}

async fn leave(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    let mutation = target.mutation(|group_id| LeaveGroup { group_id });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, empty()))
}

async fn refresh(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let refreshed = gateway.app.refresh_groups(&incoming.call, &session, &[], false).await;
    refreshed.map_err(|error| incoming.refuse(error))?;
    Ok(json(&Success { success: true }))
}

async fn set_subject(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let subject = incoming.text::<SubjectText>("subject");
    let (target, subject) = incoming.finish(target.zip(subject))?;
    let mutation = target.mutation(|group_id| SetGroupSubject { group_id, subject });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, gateway.shape.done()))
}

async fn set_description(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let description = incoming.text::<DescriptionText>("description");
    let (target, description) = incoming.finish(target.zip(description))?;
    let mutation = target.mutation(|group_id| SetGroupDescription {
        group_id,
        description,
        expected_id: None,
    });
    let mutated = gateway.app.execute(&incoming.call, mutation).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, gateway.shape.done()))
}
