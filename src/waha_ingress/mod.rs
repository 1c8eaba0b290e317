//! The receiver of WAHA's webhooks: `POST /webhook/{session}` on a listener of its own.
//!
//! A body is read within limits, its signature is verified before a byte of it is parsed, and 2xx is
//! answered once its event is durable. Whatever is refused, WAHA sends again, up to 16 times; so what
//! can never be taken in (an event of a kind that is not ours) is acknowledged, and counted.

mod arrivals;
mod refusal;
mod signature;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use tokio::time::timeout;
use tower::util::MapRequestLayer;
use tracing::Instrument as _;

use self::arrivals::Arrivals;
use self::refusal::{Refusal, Unproven};
use self::signature::Signature;
use crate::app::App;
use crate::app::ingest::WebhookIngress;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::fair_share::{FairShare, FairShares};
use crate::domain::id::SessionName;
use crate::domain::port::engine::{EngineEvent, EngineEventContent, IngestOutcome, ServerEvent};
use crate::domain::reason::Reason;
use crate::domain::trace_context::TraceContext;
use crate::engine::waha::other_event::{Head, NotPassedOn};
use crate::engine::waha::webhook::{self, Content, Ignored, Webhook};
use crate::middleware::audit::note_session;
use crate::middleware::{
    Audit, BodyLimits, Connection, HandOn, Peer, Repeats, cautious, read_on, trace_of,
};
use crate::telemetry;

const PATH: &str = "/webhook/{session}";

#[derive(Debug, Clone)]
pub struct Options {
    pub max_body_bytes: usize,
    pub body_timeout: Duration,
    /// What all bodies take together that arrive or are read.
    pub buffer_bytes: u64,
    /// How long to wait until the event is durable, before it is to be sent again.
    pub commit_timeout: Duration,
    /// Webhooks that are dealt with at the same time; more are to be sent again.
    pub max_in_flight: usize,
    /// Addresses that many peers share.
    pub proxies: Arc<HashSet<IpAddr>>,
    pub audit: Audit,
    /// Who takes webhooks in, where another replica does.
    pub hand_on: Option<Arc<dyn HandOn>>,
}

#[derive(Clone)]
struct Receiver {
    app: App,
    clock: Arc<dyn Clock>,
    body: BodyLimits,
    arrivals: Arrivals,
    commit_timeout: Duration,
    /// By session: a server that floods us for one must leave room for the others.
    in_flight: FairShares,
    audit: Audit,
    hand_on: Option<Arc<dyn HandOn>>,
}

/// What became of a webhook that is not to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// Its event is in the log, or changed nothing.
    Accepted,
    /// It was dealt with before.
    Duplicate,
    /// It has nothing about groups that could be understood.
    Ignored,
}

#[derive(Serialize)]
struct Answer {
    outcome: Outcome,
}

pub fn router(app: App, clock: Arc<dyn Clock>, options: Options) -> Router {
    let Options { max_body_bytes, body_timeout, buffer_bytes, .. } = options;
    let in_flight = FairShare { capacity: options.max_in_flight as u64, is_shared: true };
    let receiver = Receiver {
        app,
        clock,
        // The bytes are counted by `arrivals`.
        body: BodyLimits::new(
            max_body_bytes,
            body_timeout,
            FairShare { capacity: 0, is_shared: false },
        ),
        arrivals: Arrivals::new(buffer_bytes, options.proxies),
        commit_timeout: options.commit_timeout,
        in_flight: FairShares::new(in_flight),
        audit: options.audit,
        hand_on: options.hand_on,
    };
    Router::new()
        .route(PATH, post(receive))
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
    let mut audited = receiver.audit.begin(PATH, false, Peer::of(request.extensions()));
    audited.trace = trace_of(request.headers());
    let span = tracing::info_span!(
        "webhook",
        trace_id = audited.trace.as_ref().map(TraceContext::trace_id)
    );
    let received = match session {
        Ok(Path(session)) => {
            let work = receiver.receive(&session, request, audited.trace.clone()).instrument(span);
            audited.subject.scope(work).await
        }
        Err(_) => Err(Refusal::NoSuchPath),
    };
    match received {
        Ok(Received::Elsewhere(answer)) => {
            audited.end(if answer.status().is_success() { "OK" } else { "REFUSED_BY_OWNER" });
            telemetry::ingress_acknowledged("handed_on");
            answer
        }
        Ok(Received::Here(outcome)) => {
            audited.end("OK");
            telemetry::ingress_acknowledged(match outcome {
                Outcome::Accepted => "accepted",
                Outcome::Duplicate => "duplicate",
                Outcome::Ignored => "ignored",
            });
            Json(Answer { outcome }).into_response()
        }
        Err(refusal) => {
            audited.refuse(refusal.cause());
            refusal.into_response()
        }
    }
}

/// Where a webhook ended.
enum Received {
    Here(Outcome),
    /// What the replica answered that acts.
    Elsewhere(Response),
}

impl Receiver {
    async fn receive(
        &self,
        session: &str,
        request: Request,
        trace: Option<TraceContext>,
    ) -> Result<Received, Refusal> {
        let name: SessionName = session.parse().map_err(|_| Refusal::NoSuchPath)?;
        note_session(&name);
        // A body without a signature is refused before it is read.
        let signature = signature::presented(request.headers())?;
        let ingress = match self.app.webhook_ingress(&name) {
            Err(error) if error.reason() == Reason::Draining => return Err(error.into()),
            ingress => ingress,
        };
        let peer = Peer::of(request.extensions());
        let connection = request.extensions().get::<Arc<Connection>>().cloned();
        let mut room = self.arrivals.begin(&name, peer);
        let head = self.hand_on.is_some().then(|| head_of(&request));
        let body = self.body.read_into(request, &mut room).await?;
        let ingress = proven(ingress, &signature, &body)?;
        room.vouch_for();
        if let Some(connection) = connection {
            connection.vouch(name.as_str());
        }
        // Strangers must not take these.
        let place = self.in_flight.take(name.as_str(), 1).ok_or(Refusal::Overloaded)?;
        if let Some((hand_on, head)) = self.hand_on.as_ref().zip(head) {
            // WAHA's ids make a webhook that comes twice the same as one.
            let answer = hand_on.hand_on(head, body.clone(), Repeats::Harmless, false).await?;
            return Ok(Received::Elsewhere(answer));
        }

        let read = webhook::read(&body, self.clock.now());
        let webhook = read.map_err(|error| Refusal::NotAWebhook(error.to_string()))?;
        // What is not about groups is passed on at once; nothing of it is kept.
        let head = match webhook.content {
            Content::Ignored(Ignored::OtherEvent) => Some(Head::read(&body)),
            Content::Ignored(Ignored::Redundant | Ignored::Odd(_))
            | Content::Group(_)
            | Content::Status(_) => None,
        };
        let other = head.map(|head| head.and_then(|head| head.of(&name, &body, self.clock.now())));
        drop((body, room));
        check_address(&webhook, &ingress)?;
        let unknown_fields = &webhook.unknown_fields;
        if !unknown_fields.is_empty() {
            tracing::debug!(session = %name, ?unknown_fields, "a webhook has fields that are new");
            telemetry::ingress_unknown_fields(unknown_fields.len());
        }
        let time = webhook.time;
        let event = match webhook.into_event() {
            Ok(event) => event,
            Err(ignored) => {
                note_ignored(&name, &ignored);
                match other {
                    Some(Ok(event)) => self.app.pass_event_on(&name, event),
                    Some(Err(NotPassedOn::TooLarge)) => telemetry::passed_on("too_large"),
                    Some(Err(NotPassedOn::Unreadable)) => telemetry::passed_on("unreadable"),
                    Some(Err(NotPassedOn::Ours)) | None => {}
                }
                return Ok(Received::Here(Outcome::Ignored));
            }
        };
        let event = EngineEventContent::Server(ServerEvent { trace, ..event });
        let event = EngineEvent { session: name, content: event };
        // It goes on also where nobody waits any longer: half of it may be written. So it keeps its place.
        let app = self.app.clone();
        let taking = async move {
            let _place = place;
            app.ingest(vec![event]).await
        };
        let taking = tokio::spawn(taking.in_current_span());
        let taken = timeout(self.commit_timeout, taking)
            .await
            .map_err(|_| Refusal::NotInTime)?
            .map_err(Error::internal)?;
        let outcome = taken.into_iter().next().ok_or_else(|| Error::internal("no outcome"))??;
        telemetry::ingress_lag(self.clock.now().since(time));
        Ok(Received::Here(match outcome {
            IngestOutcome::Accepted => Outcome::Accepted,
            IngestOutcome::Duplicate => Outcome::Duplicate,
        }))
    }
}

/// The head of a request without its body.
fn head_of(request: &Request) -> Parts {
    let mut head = axum::http::Request::new(()).into_parts().0;
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    head
}

/// How the session's webhooks come in, for a sender with its secret. All others get the same answer, after as long a
/// time, whether or not there is such a session.
fn proven(
    ingress: Result<WebhookIngress, Error>,
    signature: &Signature,
    body: &[u8],
) -> Result<WebhookIngress, Refusal> {
    let secret = ingress.as_ref().ok().and_then(|ingress| ingress.secret.as_ref());
    let is_proven = signature.is_of(secret, body);
    let unproven = match ingress {
        Ok(ingress) if is_proven => {
            return match ingress.closed {
                Some(error) => Err(error.into()),
                None => Ok(ingress),
            };
        }
        Ok(WebhookIngress { secret: None, .. }) => Unproven::NoSecret,
        Ok(_) => Unproven::WrongSignature,
        Err(error) if error.reason() == Reason::UnsupportedByEngine => Unproven::OtherEngine,
        Err(_) => Unproven::NoSuchSession,
    };
    Err(Refusal::Unproven(unproven))
}

/// A server that posts the events of all its sessions to one address would mix accounts here; and what is
/// older than the log may be a repetition.
fn check_address(webhook: &Webhook, ingress: &WebhookIngress) -> Result<(), Refusal> {
    if webhook.session != ingress.remote_session {
        return Err(Refusal::OtherSession { expected: ingress.remote_session.clone() });
    }
    if webhook.time < ingress.oldest {
        return Err(Refusal::TooOld { made: webhook.time, oldest: ingress.oldest });
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
    telemetry::ingress_ignored(cause);
}
