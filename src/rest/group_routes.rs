//! Groups: listed, counted, read, made, left, deleted; their texts.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use prost::Message as _;
use serde_json::json;
use tokio::time::Instant;

use super::Gateway;
use super::listing;
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{changed, empty, json, text};
use crate::app::groups::Mutated;
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::group::{DescriptionText, GroupSettings, SubjectText};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::page::{GroupFilter, GroupOrder, GroupQuery};
use crate::domain::port::engine::NewGroup;
use crate::pb;

/// How long a deletion is waited for; it goes on by itself.
const DELETION_PATIENCE: Duration = Duration::from_secs(60);

type Answered = Result<Response, Refusal>;

pub async fn list(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let wanted = listing::wanted(&mut incoming);
    let session = incoming.finish(session)?;
    listing::answer(gateway, incoming, session, wanted).await
}

pub async fn count(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let query =
        GroupQuery { session, filter: GroupFilter::default(), order: GroupOrder::default() };
    let counted = gateway.app.count_groups(&incoming.call, &query, 0).await;
    let counted = counted.map_err(|error| incoming.refuse(error))?;
    Ok(json(json!({ "count": counted.count })))
}

pub async fn get(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let group = incoming.group();
    let (session, group_id) = incoming.finish(group)?;
    let group = read(&gateway, &incoming, &session, &group_id).await;
    let group = group.map_err(|error| incoming.refuse(error))?;
    Ok(json(gateway.shape.group(&group, true)))
}

/// The group as it is known, with its members.
pub(super) async fn read(
    gateway: &Gateway,
    incoming: &Incoming,
    session: &SessionName,
    group_id: &GroupId,
) -> DomainResult<pb::Group> {
    let (view, _) = gateway.app.get_group(&incoming.call, session, group_id, false, 0).await?;
    pb::Group::decode(view.full.clone()).map_err(Error::internal)
}

/// The group after a mutation; one with nothing but its id where we are not in it.
pub(super) fn group_after(mutated: &Mutated) -> DomainResult<pb::Group> {
    match &mutated.view {
        Some(view) => pb::Group::decode(view.full.clone()).map_err(Error::internal),
        None => {
            let id = mutated.answer.verdict.group_id.as_ref();
            Ok(pb::Group {
                id: id.map(ToString::to_string).unwrap_or_default(),
                ..Default::default()
            })
        }
    }
}

pub async fn create(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let subject = incoming.text::<SubjectText>("name");
    let participants = incoming.participants(0);
    let key = incoming.request_key();
    let (session, subject) = incoming.finish(session.zip(subject))?;
    let new = NewGroup {
        subject,
        description: DescriptionText::default(),
        participants,
        settings: GroupSettings::default(),
    };
    let mutated = gateway.app.create_group(&incoming.call, session, key, new).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    let group = group_after(&mutated).map_err(|error| incoming.refuse(error))?;
    let body = gateway.shape.created(&group, &mutated.answer.verdict.results);
    Ok(changed(&mutated, (StatusCode::CREATED, json(body))))
}

/// WAHA removes the chat from the account's own list; this takes the group apart and leaves it.
pub async fn delete(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    incoming.call.deadline = Some(Instant::now() + DELETION_PATIENCE);
    let progress = gateway.app.delete_group(&incoming.call, target).await;
    let progress = progress.map_err(|error| incoming.refuse(error))?;
    Ok(match progress.ended {
        Some(_) => text("true"),
        None => (StatusCode::ACCEPTED, text("true")).into_response(),
    })
}

pub async fn leave(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let target = incoming.finish(target)?;
    let mutated = gateway.app.leave_group(&incoming.call, target).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, empty()))
}

pub async fn refresh(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let session = incoming.session();
    let session = incoming.finish(session)?;
    let refreshed = gateway.app.refresh_groups(&incoming.call, &session, &[], false).await;
    refreshed.map_err(|error| incoming.refuse(error))?;
    Ok(json(json!({ "success": true })))
}

pub async fn set_subject(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let subject = incoming.text::<SubjectText>("subject");
    let (target, subject) = incoming.finish(target.zip(subject))?;
    let mutated = gateway.app.set_subject(&incoming.call, target, subject).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, gateway.shape.done()))
}

pub async fn set_description(State(gateway): State<Gateway>, mut incoming: Incoming) -> Answered {
    let target = incoming.target();
    let description = incoming.text::<DescriptionText>("description");
    let (target, description) = incoming.finish(target.zip(description))?;
    let mutated = gateway.app.set_description(&incoming.call, target, description, None).await;
    let mutated = mutated.map_err(|error| incoming.refuse(error))?;
    Ok(changed(&mutated, gateway.shape.done()))
}
