//! Who answers at the moment: the service as the owner runs it, or a follower that reads by itself and hands the rest
//! on. Listeners stay; what is behind them is exchanged as a whole.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Either};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service, ServiceExt as _};

use crate::app::App;
use crate::cluster::{CallOfPeer, Forwarder, Outgoing, Surface, unanswered};
use crate::domain::cluster::Tenure;
use crate::engine::simulator::SimulatorEngine;
use crate::middleware::{Deadline, Repeats, ServedRpc, ServedRpcs, to_status};
use crate::pb;

/// How long a new owner may take to load what it needs, before calls are told to come again.
const UNTIL_IT_ACTS: Duration = Duration::from_secs(2);

/// The services of one role, over the app of that role.
#[derive(Debug, Clone)]
pub(super) struct Serving {
    pub app: App,
    /// Where it is enabled, and this replica acts.
    pub simulator: Option<Arc<SimulatorEngine>>,
    pub grpc: Routes,
    pub rest: Option<Router>,
    pub waha_webhooks: Option<Router>,
    /// For other replicas, where this one acts.
    pub other_events: Option<Router>,
    pub part: Part,
}

/// What a replica does.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Everything; the only process has no tenure.
    Acts(Option<Tenure>),
    /// Reads; the owner does the rest.
    Follows(Arc<Forwarder>),
}

impl Serving {
    /// Whether the call is another replica's, and is not for this one: calls are handed on once, to the owner.
    fn refuses<B>(&self, request: &Request<B>) -> bool {
        let is_of_peer = request.extensions().get::<CallOfPeer>().is_some();
        is_of_peer && (!self.has_confirmed_tenure() || self.app.is_draining())
    }

    fn has_confirmed_tenure(&self) -> bool {
        match &self.part {
            Part::Acts(tenure) => tenure.as_ref().is_some_and(Tenure::is_confirmed),
            Part::Follows(_) => false,
        }
    }
}

/// Where the listeners find who answers.
#[derive(Debug, Clone)]
pub(super) struct Current(watch::Receiver<Arc<Serving>>);

impl Current {
    pub fn new(serving: watch::Receiver<Arc<Serving>>) -> Self {
        Self(serving)
    }

    pub fn get(&self) -> Arc<Serving> {
        self.0.borrow().clone()
    }

    pub fn changes(&self) -> watch::Receiver<Arc<Serving>> {
        self.0.clone()
    }

    /// Waits until this replica, which has become the owner, acts; `false` where it does not in time.
    async fn acts_soon(&self) -> bool {
        let mut changes = self.changes();
        let acts = changes.wait_for(|serving| matches!(serving.part, Part::Acts(_)));
        matches!(tokio::time::timeout(UNTIL_IT_ACTS, acts).await, Ok(Ok(_)))
    }

    /// REST as it is served at the moment.
    pub fn rest(&self) -> Router {
        self.router(|serving| serving.rest.clone())
    }

    /// The door for WAHA's webhooks, as it is at the moment.
    pub fn waha_webhooks(&self) -> Router {
        self.router(|serving| serving.waha_webhooks.clone())
    }

    /// What other replicas pass on to their clients.
    pub fn other_events(&self) -> Router {
        self.router(|serving| serving.other_events.clone())
    }

    fn router(&self, of: fn(&Serving) -> Option<Router>) -> Router {
        let current = self.clone();
        let by_role = tower::service_fn(move |request: axum::extract::Request| {
            let serving = current.get();
            async move {
                match of(&serving).filter(|_| !serving.refuses(&request)) {
                    Some(router) => router.oneshot(request).await,
                    None => Ok::<_, Infallible>(CallOfPeer::refused().map(axum::body::Body::new)),
                }
            }
        });
        Router::new().fallback_service(by_role)
    }
}

/// The RPCs that a follower answers from what it has.
const LOCAL: [&str; 13] = [
    "wagroups.v1.GroupsService/ListGroups",
    "wagroups.v1.GroupsService/CountGroups",
    "wagroups.v1.GroupsService/GetGroup",
    "wagroups.v1.GroupsService/ListParticipants",
    "wagroups.v1.GroupsService/ListGroupEvents",
    "wagroups.v1.GroupsService/WatchGroupEvents",
    "wagroups.v1.GroupsService/GetInfoAdminOnly",
    "wagroups.v1.GroupsService/GetMessagesAdminOnly",
    "wagroups.v1.GroupsService/GetMemberAddMode",
    "wagroups.v1.GroupsService/GetMembershipApproval",
    "wagroups.v1.GroupsService/GetMemberShareHistory",
    "wagroups.v1.GroupsService/GetDisappearingTimer",
    "wagroups.v1.SessionsService/ListSessions",
];
/// Of these a request may ask WhatsApp.
const GET_GROUP: &str = "wagroups.v1.GroupsService/GetGroup";

/// Whether the RPC is answered where it comes in: it reads what each replica has, or is not of our contract (health,
/// reflection, unknown paths).
fn is_local(rpc: &ServedRpc) -> bool {
    !rpc.name.starts_with("wagroups.") || LOCAL.contains(&&*rpc.name)
}

/// gRPC as it is served at the moment.
#[derive(Debug, Clone)]
pub(super) struct GrpcByRole {
    pub current: Current,
    pub served: Arc<ServedRpcs>,
}

impl<B> Service<Request<B>> for GrpcByRole
where
    B: http_body::Body<Data = bytes::Bytes, Error = Status> + Send + Unpin + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    /// What is answered here costs no box.
    type Future = Either<
        <Routes as Service<Request<B>>>::Future,
        BoxFuture<'static, Result<Response<Body>, Infallible>>,
    >;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answered = |answer| Either::Right(std::future::ready(Ok(answer)).boxed());
        let serving = self.current.get();
        if serving.refuses(&request) {
            return answered(CallOfPeer::refused());
        }
        let Part::Follows(forwarder) = &serving.part else {
            return Either::Left(serving.grpc.clone().call(request));
        };
        let rpc = self.served.of(request.uri().path()).clone();
        if is_local(&rpc) && &*rpc.name != GET_GROUP {
            return Either::Left(serving.grpc.clone().call(request));
        }
        if !is_local(&rpc)
            && let Err(error) = serving.app.refuse_if_draining()
        {
            return answered(to_status(&error).into_http());
        }
        let (current, forwarder) = (self.current.clone(), forwarder.clone());
        Either::Right(hand_on(current, forwarder, rpc, request).boxed())
    }
}

async fn hand_on<B>(
    current: Current,
    forwarder: Arc<Forwarder>,
    rpc: Arc<ServedRpc>,
    request: Request<B>,
) -> Result<Response<Body>, Infallible>
where
    B: http_body::Body<Data = bytes::Bytes, Error = Status> + Send + Unpin + 'static,
{
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(status) => return Ok(status.into_http()),
    };
    let here = |parts: http::request::Parts, body: bytes::Bytes| {
        let body = Full::new(body).map_err(|never: Infallible| match never {});
        current.get().grpc.clone().call(Request::from_parts(parts, Body::new(body)))
    };
    if &*rpc.name == GET_GROUP && !asks_whatsapp(&body) {
        return here(parts, body).await;
    }
    let deadline = parts.extensions.get::<Deadline>().map(|deadline| deadline.0);
    let call = Outgoing {
        surface: Surface::Grpc,
        parts: Arc::new(parts),
        body: body.clone(),
        repeats: match () {
            () if !rpc.is_mutation => Repeats::Harmless,
            () if carries_request_id(&rpc, &body) => Repeats::Settled,
            () => Repeats::Never,
        },
        streams: rpc.answers_many,
    };
    match forwarder.send(&call, deadline).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) if current.acts_soon().await => here((*call.parts).clone(), call.body).await,
        Ok(None) => Ok(to_status(&unanswered(call.repeats == Repeats::Settled)).into_http()),
        Err(error) => Ok(to_status(&error).into_http()),
    }
}

/// The one message of a call; none where it is compressed or cut, which is for the service to judge.
fn message_of(framed: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = framed.split_at_checked(5)?;
    (prefix.first() == Some(&0)).then_some(message)
}

/// Whether the message names its request.
fn carries_request_id(rpc: &ServedRpc, framed: &[u8]) -> bool {
    let Some((field, mut message)) = rpc.request_id.zip(message_of(framed)) else { return false };
    while let Ok((number, wire_type)) = decode_key(&mut message) {
        if number == field {
            return wire_type == WireType::LengthDelimited
                && message.first().is_some_and(|length| *length > 0);
        }
        if skip_field(wire_type, number, &mut message, DecodeContext::default()).is_err() {
            return false;
        }
    }
    false
}

fn asks_whatsapp(framed: &[u8]) -> bool {
    let read = message_of(framed).map(pb::GetGroupRequest::decode);
    read.is_some_and(|read| read.is_ok_and(|request| request.refresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_answered_here_is_of_the_contract_and_changes_nothing() {
        let served = ServedRpcs::new(&[crate::pb::DESCRIPTORS]).expect("the contract");
        for name in LOCAL {
            let rpc = served.of(&format!("/{name}"));
            assert_eq!(&*rpc.name, name);
            assert!(!rpc.is_mutation && is_local(rpc), "{name}");
        }
        assert!(!is_local(served.of("/wagroups.v1.GroupsService/CreateGroup")));
        assert!(!is_local(served.of("/wagroups.v1.SessionsService/WatchSession")));
        assert!(is_local(served.of("/grpc.health.v1.Health/Check")));
    }

    #[test]
    fn a_request_id_is_found_wherever_it_stands() {
        let served = ServedRpcs::new(&[crate::pb::DESCRIPTORS]).expect("the contract");
        let rpc = served.of("/wagroups.v1.GroupsService/CreateGroup");
        let framed = |request_id: &str| {
            let request = pb::CreateGroupRequest {
                session: "shop".into(),
                subject: "Team".into(),
                request_id: request_id.into(),
                participant_ids: vec!["4915100000001".into()],
                ..Default::default()
            };
            [&[0, 0, 0, 0, 0][..], &request.encode_to_vec()].concat()
        };
        assert!(carries_request_id(rpc, &framed("00000000-0000-4000-8000-000000000001")));
        assert!(!carries_request_id(rpc, &framed("")));
        assert!(!carries_request_id(rpc, &[0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
        assert!(!carries_request_id(
            served.of("/wagroups.v1.GroupsService/GetGroup"),
            &framed("x")
        ));
    }

    #[test]
    fn only_a_refresh_asks_whatsapp() {
        let framed = |refresh| {
            let request =
                pb::GetGroupRequest { session: "shop".into(), refresh, ..Default::default() };
            let message = request.encode_to_vec();
            [&[0, 0, 0, 0, u8::try_from(message.len()).expect("short")], &*message].concat()
        };
        assert!(asks_whatsapp(&framed(true)));
        assert!(!asks_whatsapp(&framed(false)) && !asks_whatsapp(&[]) && !asks_whatsapp(&[0; 5]));
    }
}
