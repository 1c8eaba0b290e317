//! Calls that the owner answers in this replica's place.
//!
//! A call is handed on as it came, its credentials with it: the owner judges it anew, by the same contract, so that
//! replicas of two versions understand each other where their clients do. One hop only. What was certainly not sent is
//! sent again, to whoever owns by then, for a short time. A hop that breaks after that leaves the outcome of a mutation
//! unknown, unless a request id tells the next owner what became of it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONNECTION, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, ServiceExt as _};

use super::hop::{self, PeerTls};
use super::membership::{Owner, Role};
use super::peer::PeerSecret;
use super::{LISTENER, PEER, REFUSED, SECRET, Surface};
use crate::domain::error::{Error, causes};
use crate::domain::reason::Reason;
use crate::middleware::{HandOn, Repeats};
use crate::{telemetry, tls};

/// How long a call that may have run waits for an owner who finds out: longer than a takeover takes.
const PATIENCE_TO_SETTLE: Duration = Duration::from_secs(15);
/// How long a call waits for an owner; longer than a hand-over takes.
const PATIENCE: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// All callers of this replica share the connection: answers of many must fit beside each other.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 256 << 20;
/// An owner that is frozen or cut off is noticed after these two.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two tries, where nothing tells of a new owner.
const PAUSE: Duration = Duration::from_millis(100);

/// What a client's headers say of its own connection, and what replicas say to each other: neither is handed on.
const OF_THE_HOP: [HeaderName; 5] = [CONNECTION, TRANSFER_ENCODING, UPGRADE, LISTENER, SECRET];

/// Hands calls on.
#[derive(Debug)]
pub struct Forwarder {
    role: watch::Receiver<Role>,
    secret: PeerSecret,
    /// None where replicas speak without.
    tls: Option<PeerTls>,
    /// For answers that are taken as a whole, and for those that are passed on as they come.
    connections: Mutex<[Option<Connected>; 2]>,
    opened: AtomicU64,
    /// Calls that wait for the owner's answer.
    pub calls: TaskTracker,
}

#[derive(Debug, Clone)]
struct Connected {
    owner: Owner,
    number: u64,
    channel: Channel,
}

/// A call, whole.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub surface: Surface,
    pub parts: Arc<Parts>,
    pub body: Bytes,
    /// Whether it may be sent twice.
    pub repeats: Repeats,
    /// Whether the answer is passed on as it comes, instead of as a whole.
    pub streams: bool,
}

/// Why there is no answer.
#[derive(Debug)]
enum Unanswered {
    /// Nothing was done.
    NotSent(String),
    /// It may have been done.
    Broken(String),
}

impl Forwarder {
    pub fn new(role: watch::Receiver<Role>, secret: PeerSecret, tls: Option<PeerTls>) -> Self {
        let (connections, opened) = (Mutex::default(), AtomicU64::new(0));
        Self { role, secret, tls, connections, opened, calls: TaskTracker::new() }
    }

    /// The owner's answer; or why there is none, `None` where this replica has become the owner itself.
    pub async fn send(
        &self,
        call: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<Option<Response<Body>>, Error> {
        let _waiting = self.calls.token();
        let sent = self.insist(call, deadline).await;
        let outcome = match &sent {
            Ok(None) => return sent,
            Ok(Some(_)) => "answered",
            Err(error) if error.reason() == Reason::OutcomeUnknown => "outcome_unknown",
            Err(_) => "no_owner",
        };
        telemetry::handed_on(call.surface.as_str(), outcome);
        sent
    }

    async fn insist(
        &self,
        call: &Outgoing,
        deadline: Option<Instant>,
    ) -> Result<Option<Response<Body>>, Error> {
        let mut role = self.role.clone();
        let mut until = Instant::now() + PATIENCE;
        if let Some(deadline) = deadline {
            until = until.min(deadline);
        }
        let mut may_have_run = false;
        loop {
            let owner = match &*role.borrow_and_update() {
                // Where it may have run, its request id finds out.
                Role::Owner(_) => return Ok(None),
                Role::Follower(owner) => owner.clone(),
            };
            let cause = match owner {
                None => "there is no owner".to_owned(),
                Some(owner) => match self.send_to(&owner, call).await {
                    Ok(answer) => return Ok(Some(answer)),
                    Err(Unanswered::Broken(cause)) if call.repeats == Repeats::Never => {
                        return Err(outcome_unknown(cause));
                    }
                    Err(Unanswered::Broken(cause)) if call.repeats == Repeats::Settled => {
                        if !may_have_run {
                            may_have_run = true;
                            until = Instant::now() + PATIENCE_TO_SETTLE;
                            until = deadline.map_or(until, |deadline| deadline.min(until));
                        }
                        cause
                    }
                    Err(Unanswered::NotSent(cause) | Unanswered::Broken(cause)) => cause,
                },
            };
            let now = Instant::now();
            if now >= until {
                return Err(unanswered(may_have_run).caused_by(&cause));
            }
            // Whichever comes first: a new owner, or the next try. A membership that has ended tells of none.
            if let Ok(Err(_)) = timeout(PAUSE.min(until - now), role.changed()).await {
                return Err(unanswered(may_have_run).caused_by(&cause));
            }
        }
    }

    async fn send_to(&self, owner: &Owner, call: &Outgoing) -> Result<Response<Body>, Unanswered> {
        let body = Body::new(Full::new(call.body.clone()).map_err(|never| match never {}));
        let mut request = self.request(call.surface, body);
        *request.method_mut() = call.parts.method.clone();
        let path = call.parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        *request.uri_mut() =
            Uri::try_from(path).map_err(|error| Unanswered::NotSent(error.to_string()))?;
        for (name, value) in &call.parts.headers {
            if !OF_THE_HOP.contains(name) {
                request.headers_mut().append(name, value.clone());
            }
        }
        hop::tell_certificate(&call.parts.extensions, request.headers_mut());
        let answer = self.exchange(owner, request, call.streams).await?;
        if call.streams {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| Unanswered::Broken(error.to_string()))?;
        let trailers = body.trailers().cloned();
        let bytes = Full::new(body.to_bytes()).map_err(|never| match never {});
        let body = match trailers {
            Some(trailers) => {
                Body::new(
                    bytes.with_trailers(std::future::ready(Some(Ok::<_, tonic::Status>(trailers)))),
                )
            }
            None => Body::new(bytes),
        };
        Ok(Response::from_parts(head, body))
    }

    /// A stream in both directions with the owner; or why there is none.
    pub(super) async fn open(
        &self,
        surface: Surface,
        body: Body,
    ) -> Result<Response<Body>, String> {
        let owner = match &*self.role.borrow() {
            Role::Follower(Some(owner)) => owner.clone(),
            Role::Follower(None) => return Err("there is no owner".to_owned()),
            Role::Owner(_) => return Err("this replica is the owner".to_owned()),
        };
        let mut request = self.request(surface, body);
        *request.method_mut() = Method::POST;
        self.exchange(&owner, request, true).await.map_err(|unanswered| match unanswered {
            Unanswered::NotSent(cause) | Unanswered::Broken(cause) => cause,
        })
    }

    /// The head of the owner's answer, if a replica gave it.
    async fn exchange(
        &self,
        owner: &Owner,
        request: Request<Body>,
        streams: bool,
    ) -> Result<Response<Body>, Unanswered> {
        let connected = self.connection(owner, streams).await?;
        let (connection, mut channel) = (connected.number, connected.channel);
        let sent = async {
            let channel = channel.ready().await.map_err(|error| not_sent(&error))?;
            channel.call(request).await.map_err(|error| {
                let text = chain(&error);
                if is_not_sent(&error) {
                    Unanswered::NotSent(text)
                } else {
                    Unanswered::Broken(text)
                }
            })
        }
        .await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                self.forget(connection).await;
                return Err(error);
            }
        };
        if let Some(why) = answer.headers().get(REFUSED) {
            return Err(Unanswered::NotSent(format!("{} refuses: {why:?}", owner.address)));
        }
        if answer.headers_mut().remove(PEER).is_none() {
            return Err(Unanswered::NotSent(format!("{} is no replica", owner.address)));
        }
        Ok(answer)
    }

    fn request(&self, surface: Surface, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert(LISTENER, HeaderValue::from_static(surface.as_str()));
        headers.insert(SECRET, self.secret.header());
        request
    }

    /// The connection to the owner, opened once for all who wait for it. Answers that are passed on as they come have
    /// one of their own: a client that is slow to take its answer holds up no other call.
    async fn connection(&self, owner: &Owner, streams: bool) -> Result<Connected, Unanswered> {
        let mut places = self.connections.lock().await;
        let place = &mut places[usize::from(streams)];
        if let Some(held) = place.as_ref().filter(|held| held.owner == *owner) {
            return Ok(held.clone());
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", owner.address))
            .map_err(|error| Unanswered::NotSent(format!("{}: {error}", owner.address)))?
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let channel = hop::open(endpoint, self.tls.as_ref(), CONNECT_TIMEOUT).await;
        let channel = channel.map_err(|error| not_sent(&error))?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let connected = Connected { owner: owner.clone(), number, channel };
        *place = Some(connected.clone());
        Ok(connected)
    }

    /// A call failed on it: the next one opens another.
    async fn forget(&self, number: u64) {
        for place in self.connections.lock().await.iter_mut() {
            place.take_if(|held| held.number == number);
        }
    }
}

/// A listener of HTTP, as it hands on.
#[derive(Debug, Clone)]
pub struct HttpForwarder {
    pub forwarder: Arc<Forwarder>,
    pub surface: Surface,
}

#[async_trait]
impl HandOn for HttpForwarder {
    async fn hand_on(
        &self,
        head: Parts,
        body: Bytes,
        repeats: Repeats,
        streams: bool,
    ) -> Result<Response<axum::body::Body>, Error> {
        let parts = Arc::new(head);
        let call = Outgoing { surface: self.surface, parts, body, repeats, streams };
        // Where this replica has just become the owner, the next try finds it acting.
        let answer = self.forwarder.send(&call, None).await?;
        let answer = answer.ok_or_else(|| unanswered(repeats == Repeats::Settled))?;
        let mut answer = answer.map(axum::body::Body::new);
        answer.headers_mut().remove(CONNECTION);
        *answer.version_mut() = Version::HTTP_11;
        Ok(answer)
    }
}

fn outcome_unknown(cause: impl fmt::Display) -> Error {
    Error::outcome_unknown(
        "the replica that ran the call is gone, and it has no request_id by which another one could find out; look at \
         the group before you repeat it",
    )
    .caused_by(cause)
}

/// No answer yet, and a repetition does no harm: nothing was sent, or the call's request id settles what became of it.
pub fn unanswered(may_have_run: bool) -> Error {
    if !may_have_run {
        return Error::not_owner();
    }
    let message = "no answer came from the replica that acts; repeat the call with the same request_id, which finds out what became of it";
    Error::new(Reason::NoOwner, message).retry_after(Duration::from_secs(1))
}

fn not_sent(error: &(dyn StdError + 'static)) -> Unanswered {
    Unanswered::NotSent(chain(error))
}

/// Whether the error shows that the request has not left, or that nobody has read it: the connection was not made, or was
/// gone before.
fn is_not_sent(error: &(dyn StdError + 'static)) -> bool {
    tls::refused_in_handshake(error)
        || causes(error).any(|cause| {
            let canceled =
                cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
            canceled || cause.is::<tonic::ConnectError>()
        })
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}
