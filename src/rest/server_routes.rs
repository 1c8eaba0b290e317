//! What clients ask first: whether anybody answers, who it is, and how it is.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::RestState;
use super::answers::server::{Check, Health, Pong, Replica, Replicas, ServerStatus};
use super::openapi::{Body, OperationDoc, Tag, says};
use super::refusal::Refusal;
use super::request::Incoming;
use super::respond::json;
use super::route::{Route, get};
use crate::domain::cluster::ReplicaRecord;
use crate::domain::counter::Epoch;
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::envelope::{Worker, version};

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn routes() -> Vec<Route> {
    let asked = |id, summary| says(id, Tag::Server, summary);
    let of_version = |says: OperationDoc| {
        says.answers(200, "The version, in WAHA's words.", Body::Json("Version"))
    };
    vec![
        get(
            "/ping",
            ping,
            asked("ping", "Whether anybody answers")
                .without_key()
                .answers(200, "Somebody does.", Body::Json("Pong"))
                .refuses_only(&[403, 503]),
        ),
        get(
            "/health",
            health,
            asked("checkHealth", "How the service is")
                .detail("It needs a key that sees all sessions.")
                .answers(200, "All is well.", Body::Json("Health"))
                .answers(503, "Something fails.", Body::Json("Health"))
                .refuses_only(&[401, 403, 500]),
        ),
        get(
            "/api/server/replicas",
            replicas,
            asked("listReplicas", "The replicas that share the database")
                .detail("As the one that answers sees them. A key that does not see all sessions is told of none.")
                .answers(200, "The replicas.", Body::Json("Replicas"))
                .refuses_only(&[401, 403, 500]),
        ),
        get("/api/server/version", server_version, of_version(asked("getVersion", "Who answers"))),
        get(
            "/api/version",
            server_version,
            of_version(asked("getVersionAsBefore", "The same, at WAHA's former address")),
        ),
        get(
            "/api/server/status",
            server_status,
            asked("getServerStatus", "Since when the service runs").answers(
                200,
                "Since when.",
                Body::Json("ServerStatus"),
            ),
        ),
    ]
}

async fn ping() -> Response {
    json(&Pong { message: "pong" })
}

/// In the words of the library that WAHA uses. Its own checks are of disks that this service does not have.
async fn health(State(gateway): State<RestState>, incoming: Incoming) -> Result<Response, Refusal> {
    if !incoming.call.caller.sees_all() {
        let message = "only an API key that sees all sessions may ask how the service is";
        return Err(incoming.refuse(Error::new(Reason::PermissionDenied, message)));
    }
    let database = timeout(PATIENCE, gateway.app.check_database()).await;
    let is_draining = gateway.app.is_draining();
    let checks = [
        ("database", matches!(database, Ok(Ok(())))),
        ("commits", *gateway.app.commits().borrow()),
        ("service", !is_draining),
    ];
    let of = |is_wanted: fn(bool) -> bool| {
        let wanted = checks.iter().filter(|(_, is_up)| is_wanted(*is_up));
        let check = |is_up: bool| Check { status: if is_up { "up" } else { "down" } };
        wanted.map(|(name, is_up)| (*name, check(*is_up))).collect()
    };
    let is_well = checks.iter().all(|(_, is_up)| *is_up);
    let status = match (is_draining, is_well) {
        (true, _) => "shutting_down",
        (false, true) => "ok",
        (false, false) => "error",
    };
    let (info, error, details) = (of(|is_up| is_up), of(|is_up| !is_up), of(|_| true));
    let body = Health { status, info, error, details };
    let code = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((code, json(&body)).into_response())
}

async fn replicas(State(gateway): State<RestState>, incoming: Incoming) -> Response {
    // As with sessions, a key is told of what it may see, and no more.
    let told = gateway.replicas.as_ref().filter(|_| incoming.call.caller.sees_all());
    let Some(seen) = told.and_then(|replicas| replicas.replicas()) else {
        return json(&Replicas { epoch: Epoch::default(), replicas: Vec::new() });
    };
    let owner = seen.view.lease.owner.as_ref();
    let replica = |record: &ReplicaRecord| Replica {
        id: record.id.to_string(),
        address: record.address.clone(),
        version: record.version.clone(),
        role: if owner == Some(&record.id) { "owner" } else { "follower" },
        state: match record.draining {
            _ if !seen.alive.contains(&record.id) => "lost",
            true => "draining",
            false => "alive",
        },
        is_self: record.id == seen.own,
    };
    let replicas = seen.view.replicas.iter().map(replica).collect();
    json(&Replicas { epoch: seen.view.lease.epoch, replicas })
}

async fn server_version(State(gateway): State<RestState>, _incoming: Incoming) -> Response {
    json(&version(gateway.shape.engine()))
}

async fn server_status(State(gateway): State<RestState>, _incoming: Incoming) -> Response {
    let (began, now) = (gateway.began.as_millis(), gateway.clock.now().as_millis());
    let uptime = now.saturating_sub(began);
    json(&ServerStatus { start_timestamp: began, uptime, worker: Worker::default() })
}
