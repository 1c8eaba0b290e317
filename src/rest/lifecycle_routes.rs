//! Sessions, as WAHA starts and stops them, and who they are.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::RestState;
use super::openapi::{Body, OperationDoc, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::{empty, json};
use super::route::{Route, get, post};
use super::session_routes::{not_found, session_as_waha};
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::reason::Reason;
use crate::domain::session::{Session, SessionStatus};
use crate::envelope::me;

type Answered = Result<Response, Refusal>;

#[derive(Debug, Clone, Copy)]
enum Wish {
    Start,
    Stop,
    Restart,
    LogOut,
    /// Unlinks it and goes on to the next code, as WAHA does.
    LinkAnew,
}

pub fn routes() -> Vec<Route> {
    let sessions = |id, summary| says(id, Tag::Sessions, summary);
    let answers = |says: OperationDoc| {
        says.asks().answers(201, "The session.", Body::Json("Session")).refuses(&[404, 422])
    };
    let by_body = |says: OperationDoc, schema| {
        let detail = "WAHA's former address, with the name in the body.";
        says.detail(detail).takes(schema).asks().refuses(&[404, 422])
    };
    let (name, stop_name) = ("SessionNameRequest", "StopSessionRequest");
    vec![
        get(
            "/api/sessions/{session}/me",
            who,
            sessions("getMe", "Who we are in a session")
                .detail("Nothing where the session is not linked.")
                .answers(200, "Who we are.", Body::Json("MeInfo"))
                .refuses(&[404]),
        ),
        post(
            "/api/sessions/{session}/start",
            start,
            answers(sessions("startSession", "Start a session")),
        ),
        post(
            "/api/sessions/{session}/stop",
            stop,
            answers(sessions("stopSession", "Stop a session")),
        ),
        post(
            "/api/sessions/{session}/restart",
            restart,
            answers(sessions("restartSession", "Stop a session and start it")),
        ),
        post(
            "/api/sessions/{session}/logout",
            log_out,
            answers(
                sessions("logoutSession", "Unlink a session's device")
                    .detail("A session that shall run waits to be linked again."),
            ),
        ),
        post(
            "/api/sessions/start",
            start_named,
            by_body(sessions("startSessionByBody", "Start a session"), name).answers(
                201,
                "The session.",
                Body::Json("Session"),
            ),
        ),
        post(
            "/api/sessions/stop",
            stop_named,
            by_body(
                sessions("stopSessionByBody", "Stop a session, and unlink it with `logout`"),
                stop_name,
            )
            .answers(201, "It is stopped.", Body::Nothing),
        ),
        post(
            "/api/sessions/logout",
            log_out_named,
            by_body(sessions("logoutSessionByBody", "Unlink a session's device"), name).answers(
                201,
                "It is unlinked.",
                Body::Nothing,
            ),
        ),
    ]
}

async fn who(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.session();
    let name = incoming.finish(name)?;
    let got = gateway.app.get_session(&incoming.call, &name).await;
    let running = got.and_then(|session| match session.status {
        SessionStatus::Stopped => Err(Error::new(Reason::SessionNotFound, "it is stopped")),
        SessionStatus::Starting
        | SessionStatus::ScanQrCode
        | SessionStatus::Working
        | SessionStatus::Failed
        | SessionStatus::LoggedOut => Ok(session),
    });
    match running {
        Ok(session) => Ok(match me(&session) {
            Some(me) => json(&me),
            None => empty(),
        }),
        // In WAHA's words, which clients compare.
        Err(error) if error.reason() == Reason::SessionNotFound => {
            let message = format!(
                "We didn't find a session with name '{name}'.\n\
                 Please start it first by using POST /api/sessions/{name}/start request"
            );
            let error = Error::new(Reason::SessionNotFound, message);
            Err(incoming.refuse(error).with_status(StatusCode::NOT_FOUND))
        }
        Err(error) => Err(incoming.refuse(error)),
    }
}

async fn start(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    of_path(gateway, incoming, Wish::Start).await
}

async fn stop(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    of_path(gateway, incoming, Wish::Stop).await
}

async fn restart(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    of_path(gateway, incoming, Wish::Restart).await
}

async fn log_out(State(gateway): State<RestState>, incoming: Incoming) -> Answered {
    of_path(gateway, incoming, Wish::LinkAnew).await
}

async fn of_path(gateway: RestState, mut incoming: Incoming, wish: Wish) -> Answered {
    let name = incoming.session();
    let name = incoming.finish(name)?;
    let session = fulfil(&gateway, &incoming, &name, wish).await?;
    Ok(created(json(&session_as_waha(&session, gateway.shape))))
}

/// WAHA makes the session where there is none; here they are made over gRPC.
async fn start_named(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.text("name");
    let name = incoming.finish(name)?;
    let session = fulfil(&gateway, &incoming, &name, Wish::Start).await?;
    Ok(created(json(&session_as_waha(&session, gateway.shape))))
}

async fn stop_named(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.text("name");
    let unlinks = incoming.optional_flag("logout");
    let name = incoming.finish(name)?;
    if unlinks {
        fulfil(&gateway, &incoming, &name, Wish::LogOut).await?;
    }
    fulfil(&gateway, &incoming, &name, Wish::Stop).await?;
    Ok(created(empty()))
}

async fn log_out_named(State(gateway): State<RestState>, mut incoming: Incoming) -> Answered {
    let name = incoming.text("name");
    let name = incoming.finish(name)?;
    fulfil(&gateway, &incoming, &name, Wish::LinkAnew).await?;
    Ok(created(empty()))
}

/// The session as it is then.
async fn fulfil(
    gateway: &RestState,
    incoming: &Incoming,
    name: &SessionName,
    wish: Wish,
) -> Result<Arc<Session>, Refusal> {
    let (app, call) = (&gateway.app, &incoming.call);
    let changed = match wish {
        Wish::Start => app.start_session(call, name).await,
        Wish::Stop => app.stop_session(call, name).await,
        Wish::Restart => app.restart_session(call, name).await,
        Wish::LogOut => app.log_out_session(call, name).await,
        Wish::LinkAnew => app.link_anew(call, name).await,
    };
    changed.map(|changed| changed.session).map_err(|error| not_found(incoming, error))
}

fn created(body: Response) -> Response {
    (StatusCode::CREATED, body).into_response()
}
