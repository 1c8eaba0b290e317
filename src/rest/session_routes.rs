//! Sessions, as WAHA lists them. They are made and set over gRPC.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::RestState;
use super::answers::plain;
use super::openapi::{Body, Tag, flag, optional, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::json;
use super::route::{Route, get};
use super::shape::Shape;
use crate::app::sessions::SessionQuery;
use crate::domain::error::Error;
use crate::domain::page::MAX_PAGE_SIZE;
use crate::domain::reason::Reason;
use crate::domain::session::{Session, SessionStatus};
use crate::envelope::me;
use crate::envelope::words::status;

type Answered = Result<Response, Refusal>;

pub fn routes() -> Vec<Route> {
    let sessions = |id, summary| says(id, Tag::Sessions, summary);
    let all = "Whether to list those, too, that are stopped.";
    vec![
        get(
            "/api/sessions",
            list,
            sessions("listSessions", "The sessions that the key may see")
                .query(optional("all", all, flag()))
                .answers(200, "The sessions.", Body::JsonList("Session")),
        ),
        get(
            "/api/sessions/{session}",
            get_session,
            sessions("getSession", "A session")
                .answers(200, "The session.", Body::Json("Session"))
                .refuses(&[404]),
        ),
    ]
}

/// Those that the key may see; without `all`, those that run.
async fn list(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let all = incoming.query_flag("all");
    incoming.finish(Some(()))?;
    let mut statuses = SessionStatus::ALL.to_vec();
    statuses.retain(|status| all || *status != SessionStatus::Stopped);
    let query = SessionQuery { statuses, engines: Vec::new() };
    let (mut listed, mut token) = (Vec::new(), String::new());
    loop {
        let page = gateway.app.list_sessions(&incoming.call, &query, MAX_PAGE_SIZE, &token).await;
        let (sessions, next) = page.map_err(|error| incoming.refuse(error))?;
        listed.extend(sessions.iter().map(|session| session_as_waha(session, gateway.shape)));
        token = next;
        if token.is_empty() {
            return Ok(json(&listed));
        }
    }
}

async fn get_session(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.session();
    let name = incoming.finish(name)?;
    let got = gateway.app.get_session(&incoming.call, &name).await;
    let session = got.map_err(|error| not_found(&incoming, error))?;
    Ok(json(&session_as_waha(&session, gateway.shape)))
}

/// Here WAHA says it otherwise than where groups are asked for.
pub fn not_found(incoming: &Incoming, error: Error) -> Refusal {
    if error.reason() != Reason::SessionNotFound {
        return incoming.refuse(error);
    }
    let error = Error::new(Reason::SessionNotFound, "Session not found");
    incoming.refuse(error).with_status(StatusCode::NOT_FOUND)
}

pub fn session_as_waha(session: &Session, shape: Shape) -> plain::Session {
    plain::Session {
        name: session.name.to_string(),
        status: status(session),
        config: plain::SessionConfig { metadata: session.metadata.clone() },
        me: me(session),
        presence: None,
        timestamps: plain::SessionTimestamps { activity: None },
        engine: plain::SessionEngine { engine: shape.engine().to_owned() },
        wagroups: plain::SessionDetails {
            engine: session.engine.as_str().to_owned(),
            sequence: session.sequence,
            create_time: session.create_time.to_string(),
            status: session.status.as_str().to_owned(),
            status_reason: session.status_reason.clone(),
            status_time: session.status_time.to_string(),
            synced_time: session.synced_time.map(|time| time.to_string()),
        },
    }
}
