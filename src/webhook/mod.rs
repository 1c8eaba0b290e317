//! The receiver of WAHA's webhooks: `POST /webhook/{session}` on a listener of its own.
//!
//! A body is read within limits, its signature is verified before a byte of it is parsed, and 2xx is
//! answered once what it tells is durable. Whatever is refused, WAHA sends again, up to 16 times; so what
//! can never be taken in (an event of a kind that is not ours) is acknowledged, and counted.

mod refusal;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::util::MapRequestLayer;

use self::refusal::Refusal;
use crate::app::App;
use crate::app::told::Door;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::port::engine::{News, Taken, Told};
use crate::engine::waha::webhook::{self, Content, Ignored, Webhook};
use crate::middleware::{BodyLimits, cautious, read_on};
use crate::telemetry;

#[derive(Debug, Clone)]
pub struct Options {
    pub body: BodyLimits,
    /// How long to wait until what was told is durable, before it is to be sent again.
    pub commit_timeout: Duration,
    /// Webhooks that are dealt with at the same time; more are to be sent again.
    pub max_in_flight: usize,
}

#[derive(Clone)]
struct Receiver {
    app: App,
    clock: Arc<dyn Clock>,
    options: Options,
    in_flight: Arc<Semaphore>,
}

/// What became of a webhook that is not to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Its news is in the log, or changed nothing.
    Accepted,
    /// It was dealt with before.
    Duplicate,
    /// It says nothing of groups that could be understood.
    Ignored,
}

#[derive(Serialize)]
struct Answer {
    outcome: Outcome,
}

pub fn router(app: App, clock: Arc<dyn Clock>, options: Options) -> Router {
    let in_flight = Arc::new(Semaphore::new(options.max_in_flight));
    let receiver = Receiver { app, clock, options, in_flight };
    Router::new()
        .route("/webhook/{session}", post(receive))
        .fallback(|| async { Refusal::NoSuchPath })
        .method_not_allowed_fallback(|| async {
            ([(header::ALLOW, "POST")], Refusal::NoSuchMethod)
        })
        .with_state(receiver)
        .layer(map_response(cautious))
        .layer(MapRequestLayer::new(read_on))
}

async fn receive(
    State(receiver): State<Receiver>,
    session: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let received = match session {
        Ok(Path(session)) => receiver.receive(&session, request).await,
        Err(_) => Err(Refusal::NoSuchPath),
    };
    match received {
        Ok(outcome) => {
            telemetry::webhook(match outcome {
                Outcome::Accepted => "accepted",
                Outcome::Duplicate => "duplicate",
                Outcome::Ignored => "ignored",
            });
            Json(Answer { outcome }).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl Receiver {
    async fn receive(&self, session: &str, request: Request) -> Result<Outcome, Refusal> {
        let name: SessionName = session.parse().map_err(|_| Refusal::NoSuchPath)?;
        let door = self.app.webhook_door(&name)?;
        // Who is refused by these has sent nothing that is worth reading.
        let secret = door.secret.as_ref().ok_or(Refusal::Closed)?;
        let signature = signature::presented(request.headers())?;
        let body = self.options.body.read(request).await?;
        signature.verify(secret, body.bytes())?;
        // Strangers must not take these.
        let place = self.in_flight.clone().try_acquire_owned().map_err(|_| Refusal::Overloaded)?;

        let read = webhook::read(body.bytes(), self.clock.now());
        let webhook = read.map_err(|error| Refusal::NotAWebhook(error.to_string()))?;
        drop(body);
        check_address(&webhook, &door)?;
        let Webhook { id, time, me, aliases, content, unknown_fields, .. } = webhook;
        if !unknown_fields.is_empty() {
            tracing::debug!(session = %name, ?unknown_fields, "a webhook has fields that are new");
            telemetry::webhook_unknown_fields(unknown_fields.len());
        }
        let news = match content {
            Content::Group(observations) => News::Groups(observations),
            Content::Status(status) => {
                let (status, reason) = status.in_our_terms();
                News::Status(status, reason)
            }
            Content::Ignored(ignored) => {
                note_ignored(&name, &ignored);
                return Ok(Outcome::Ignored);
            }
        };
        let told = Told { source_id: id, time, login: me, aliases, news };
        // It goes on also where nobody waits any longer: half of it may be written. So it keeps its place.
        let app = self.app.clone();
        let taking = tokio::spawn(async move {
            let _place = place;
            app.take_in(&name, told).await
        });
        let taken = timeout(self.options.commit_timeout, taking)
            .await
            .map_err(|_| Refusal::NotInTime)?
            .map_err(Error::internal)??;
        telemetry::webhook_lag(self.clock.now().since(time));
        Ok(match taken {
            Taken::Accepted => Outcome::Accepted,
            Taken::Duplicate => Outcome::Duplicate,
        })
    }
}

/// A server that posts the events of all its sessions to one address would mix accounts here; and what is
/// older than the log cannot be told from a repetition.
fn check_address(webhook: &Webhook, door: &Door) -> Result<(), Refusal> {
    if webhook.session != door.remote_session {
        return Err(Refusal::OtherSession { expected: door.remote_session.clone() });
    }
    if webhook.time < door.oldest {
        return Err(Refusal::TooOld { made: webhook.time, oldest: door.oldest });
    }
    Ok(())
}

fn note_ignored(session: &SessionName, ignored: &Ignored) {
    let cause = match ignored {
        Ignored::OtherEvent => "other_event",
        Ignored::Redundant => "redundant",
        Ignored::Odd(what) => {
            tracing::debug!(%session, what, "a webhook about a group could not be understood");
            "odd"
        }
    };
    telemetry::webhook_ignored(cause);
}
