//! The listeners, and the layers that every call passes.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::ServiceBuilder;

use super::bind::bind;
use super::health::Readiness;
use super::listener::{self, ConnectionBounds, Http1, Http2, ListenerTls};
use super::serving::{Current, GrpcByRole};
use super::startup::{self, StartError};
use super::tls::TlsOfListeners;
use crate::app::App;
use crate::cluster::{PeerListener, PeerSecret};
use crate::config::{ByteSize, Inbound, Settings};
use crate::domain::clock::Entropy;
use crate::domain::fair_share::FairShare;
use crate::domain::port::cluster::SeesReplicas;
use crate::engine::simulator::SimulatorEngine;
use crate::grpc::{GroupsRpcs, Relay, Sessions, Simulator, Webhooks};
use crate::middleware::{
    AdmitLayer, AnswerLayer, Audit, AuthLayer, BodyLimits, CallBounds, Calls, CatchPanicsLayer,
    HandOn, HostNames, Keyring, Origins, ReasonsLayer, RequestIdLayer, RpcAuditLayer,
    RpcMetricsLayer, ServedRpcs, with_deadline,
};
use crate::ops;
use crate::pb::DESCRIPTORS;
use crate::pb::groups_service_server::GroupsServiceServer;
use crate::pb::relay_service_server::RelayServiceServer;
use crate::pb::sessions_service_server::SessionsServiceServer;
use crate::pb::simulator_service_server::SimulatorServiceServer;
use crate::pb::webhooks_service_server::WebhooksServiceServer;
use crate::rest;
use crate::telemetry::MetricsHandle;
use crate::tls::TlsHandle;
use crate::waha_ingress;

/// What reflection may be asked in one message: the name of a symbol.
const REFLECTION_REQUEST: usize = 4 * 1024;
/// Connections of other replicas: each has one, or a few while it is replaced.
const MAX_PEERS: usize = 256;
/// They stay for as long as both replicas do.
const PEERS_AGE: Duration = Duration::from_secs(365 * 24 * 3600);
/// What is left of the process' descriptors beside connections from outside: the database, files, our own calls.
const OTHER_DESCRIPTORS: u64 = 256;

pub(super) struct Listener {
    pub addr: SocketAddr,
    pub task: JoinHandle<()>,
}

/// What the listeners have in common.
#[derive(Debug, Clone)]
pub(super) struct Bounds<'a> {
    settings: &'a Settings,
    inbound: Inbound,
    proxies: Arc<HashSet<IpAddr>>,
    origins: Origins,
    is_shared: bool,
    /// How many descriptors the process may have.
    descriptors: u64,
    wanted: u64,
    tls: TlsOfListeners,
}

impl<'a> Bounds<'a> {
    pub fn new(settings: &'a Settings, descriptors: u64, tls: &TlsOfListeners) -> Self {
        let mut wanted = settings.grpc.max_connections;
        wanted += settings.ops.listen.map_or(0, |_| settings.ops.max_connections);
        // A socket of `/ws` has left the listener's connections.
        let rest = settings.rest.max_connections + settings.rest.max_streams;
        wanted += settings.rest.listen.map_or(0, |_| rest);
        wanted += settings.waha_ingress.listen.map_or(0, |_| settings.waha_ingress.max_connections);
        Self {
            settings,
            inbound: settings.inbound.clone(),
            proxies: Arc::new(settings.inbound.proxies.iter().map(IpAddr::to_canonical).collect()),
            origins: Origins::new(&settings.inbound.allowed_origins),
            is_shared: startup::is_shared(settings),
            descriptors,
            wanted: wanted as u64,
            tls: tls.clone(),
        }
    }

    /// What a listener may have of the connections that it is set to: where the process may not open as many files,
    /// each has its part of what it may.
    fn max_connections(&self, listener: &'static str, set: usize) -> usize {
        let reserve = OTHER_DESCRIPTORS.min(self.descriptors / 4);
        let possible = self.descriptors - reserve;
        if self.wanted <= possible {
            return set;
        }
        let part = u128::from(possible) * set as u128 / u128::from(self.wanted.max(1));
        let part = usize::try_from(part).unwrap_or(set).max(1);
        tracing::warn!(
            listener,
            set,
            allowed = part,
            descriptors = self.descriptors,
            "fewer connections than are set, as the process may not open as many files; raise its limit (ulimit -n)"
        );
        part
    }

    /// Of a listener that callers reach.
    fn public(&self, listener: &'static str, max: usize) -> ConnectionBounds {
        self.connections(listener, max, self.tls.public.as_ref())
    }

    fn connections(
        &self,
        listener: &'static str,
        max: usize,
        tls: Option<&TlsHandle>,
    ) -> ConnectionBounds {
        ConnectionBounds {
            listener,
            max_connections: self.max_connections(listener, max),
            head_timeout: self.inbound.head_timeout,
            is_shared: self.is_shared,
            proxies: self.proxies.clone(),
            tls: tls.cloned().map(ListenerTls::new),
        }
    }

    /// `is_watched`: answers that are not taken are ended elsewhere.
    fn http1(&self, router: Router, is_watched: bool) -> Http1 {
        Http1 {
            router: self.origins.admit_to(router),
            head_timeout: self.inbound.head_timeout,
            write_timeout: (!is_watched).then_some(self.inbound.answer_timeout),
        }
    }
}

/// The services of the contract over an app; those that change with the role.
pub(super) fn grpc_routes(
    settings: &Settings,
    app: &App,
    simulator: Option<&Arc<SimulatorEngine>>,
    readiness: &HealthReporter,
) -> Result<Routes, StartError> {
    let max_bytes = usize::try_from(settings.grpc.max_message_bytes.get()).unwrap_or(usize::MAX);
    let groups =
        GroupsServiceServer::new(GroupsRpcs::new(app.clone())).max_decoding_message_size(max_bytes);
    let sessions =
        SessionsServiceServer::new(Sessions::new(app.clone())).max_decoding_message_size(max_bytes);
    let webhooks =
        WebhooksServiceServer::new(Webhooks::new(app.clone())).max_decoding_message_size(max_bytes);
    // Served in any case, as the simulator: switched off, they answer so instead of being unknown.
    let relay =
        RelayServiceServer::new(Relay::new(app.clone())).max_decoding_message_size(max_bytes);
    let simulator = SimulatorServiceServer::new(Simulator::new(simulator.cloned()))
        .max_decoding_message_size(max_bytes);
    let reflect = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // What stands in the details of errors, so that tools can show it.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let health = HealthServer::new(HealthService::from_health_reporter(readiness.clone()));
    let (v1, v1alpha) = (reflect().build_v1(), reflect().build_v1alpha());
    let v1 = v1.map_err(StartError::other)?.max_decoding_message_size(REFLECTION_REQUEST);
    let v1alpha = v1alpha.map_err(StartError::other)?.max_decoding_message_size(REFLECTION_REQUEST);
    Ok(Routes::new(health)
        .add_service(v1)
        .add_service(v1alpha)
        .add_service(groups)
        .add_service(sessions)
        .add_service(webhooks)
        .add_service(relay)
        .add_service(simulator)
        .prepare())
}

/// The services whose health is reported by name.
pub(super) fn names_of_services(is_simulated: bool) -> Vec<&'static str> {
    let mut names = vec![
        <GroupsServiceServer<GroupsRpcs> as NamedService>::NAME,
        <SessionsServiceServer<Sessions> as NamedService>::NAME,
        <WebhooksServiceServer<Webhooks> as NamedService>::NAME,
        <RelayServiceServer<Relay> as NamedService>::NAME,
    ];
    if is_simulated {
        names.push(<SimulatorServiceServer<Simulator> as NamedService>::NAME);
    }
    names
}

/// Listens for gRPC and, where there are replicas, for calls that those hand on.
pub(super) async fn serve_grpc(
    bounds: &Bounds<'_>,
    current: &Current,
    entropy: Arc<dyn Entropy>,
    audit: Audit,
    peers: Option<Peers>,
    closing: CancellationToken,
) -> Result<Vec<Listener>, StartError> {
    let settings = bounds.settings;
    let listener = bind(settings.grpc.listen, "grpc.listen")?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let descriptors = [
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let served = ServedRpcs::new(&descriptors).map_err(StartError::other)?;
    let served = Arc::new(served);
    let large = settings.grpc.max_message_bytes.get();
    let calls = Calls::new(CallBounds {
        listener: "grpc",
        max_calls: settings.grpc.max_concurrent_calls,
        max_stranger_calls: bounds.inbound.max_keyless_calls,
        request_bytes: settings.grpc.buffer_bytes.get(),
        answer_bytes: settings.grpc.answer_bytes.get(),
        body_timeout: settings.grpc.body_timeout,
        answer_timeout: bounds.inbound.answer_timeout,
        is_shared: bounds.is_shared,
        proxies: bounds.proxies.clone(),
    });
    // From the outside in. What a layer answers by itself passes those outside of it.
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(Body::new))
        .layer(AnswerLayer)
        .layer(RequestIdLayer::new(entropy))
        .layer(RpcAuditLayer::new(audit, served.clone()))
        .layer(RpcMetricsLayer::new(served.clone()))
        .layer(ReasonsLayer::new(large))
        .layer(CatchPanicsLayer)
        .layer(AuthLayer::new(keyring(settings), served.clone()))
        .map_request(with_deadline)
        .layer(AdmitLayer::new(calls.clone(), served.clone(), large))
        .service(GrpcByRole { current: current.clone(), served });
    let http2 = |max_age| Http2 {
        service: service.clone(),
        head_timeout: bounds.inbound.head_timeout,
        max_streams: settings.grpc.max_streams_per_connection,
        keepalive_interval: settings.grpc.keepalive_interval,
        keepalive_timeout: settings.grpc.keepalive_timeout,
        max_age,
        max_age_grace: settings.grpc.max_connection_age_grace,
    };
    let mut listeners = Vec::new();
    let protocol = http2(settings.grpc.max_connection_age);
    let own = bounds.public("grpc", settings.grpc.max_connections);
    let watched = closing.clone();
    let task = tokio::spawn(async move {
        let watching = calls.watch_over(watched.clone().cancelled_owned());
        tokio::join!(watching, listener::serve(listener, protocol, own, watched));
    });
    listeners.push(Listener { addr, task });
    if let Some(Peers { listener, secret }) = peers {
        let addr = listener.local_addr().map_err(StartError::other)?;
        let protocol = http2(PEERS_AGE);
        let service = PeerListener::new(
            secret,
            protocol.service.clone(),
            settings.rest.listen.map(|_| current.rest()),
            settings.waha_ingress.listen.map(|_| current.waha_webhooks()),
            current.other_events(),
        );
        let protocol = protocol.with(service);
        let bounds = bounds.connections("cluster", MAX_PEERS, bounds.tls.peers.as_ref());
        let task = tokio::spawn(listener::serve(listener, protocol, bounds, closing));
        listeners.push(Listener { addr, task });
    }
    Ok(listeners)
}

/// Where replicas hand calls on, and what they show.
pub(super) struct Peers {
    pub listener: tokio::net::TcpListener,
    pub secret: PeerSecret,
}

pub(super) fn keyring(settings: &Settings) -> Keyring {
    let auth = &settings.auth;
    Keyring::new(
        auth.keys.iter().map(|key| (key.sha256.0, key.caller())),
        auth.certificates.iter().map(|known| (known.san.clone(), known.caller())),
    )
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}

/// What requests of REST hold, whichever role answers them.
pub(super) fn rest_calls(bounds: &Bounds<'_>) -> Calls {
    let rest = &bounds.settings.rest;
    Calls::new(CallBounds {
        listener: "rest",
        max_calls: rest.max_in_flight,
        max_stranger_calls: bounds.inbound.max_keyless_calls,
        request_bytes: rest.buffer_bytes.get(),
        answer_bytes: rest.answer_bytes.get(),
        body_timeout: rest.body_timeout,
        answer_timeout: bounds.inbound.answer_timeout,
        is_shared: bounds.is_shared,
        proxies: bounds.proxies.clone(),
    })
}

pub(super) fn rest_options(
    bounds: &Bounds<'_>,
    calls: Calls,
    audit: Audit,
    replicas: Option<Arc<dyn SeesReplicas>>,
    hand_on: Option<Arc<dyn HandOn>>,
) -> rest::Options {
    let settings = bounds.settings;
    let rest = &settings.rest;
    rest::Options {
        shape: startup::shape(settings),
        body: BodyLimits::new(
            bytes(rest.max_body_bytes),
            rest.body_timeout,
            FairShare { capacity: rest.buffer_bytes.get(), is_shared: bounds.is_shared },
        ),
        calls,
        streams: FairShare {
            capacity: rest.max_streams as u64,
            is_shared: startup::is_shared(settings),
        },
        origins: bounds.origins.clone(),
        passes: settings.waha.pass_through,
        audit,
        replicas,
        hand_on,
    }
}

pub(super) async fn serve_rest(
    addr: SocketAddr,
    bounds: &Bounds<'_>,
    current: &Current,
    calls: Calls,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "rest.listen")?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let protocol = bounds.http1(current.rest(), true);
    let bounds = bounds.public("rest", bounds.settings.rest.max_connections);
    let task = tokio::spawn(async move {
        let watching = calls.watch_over(closing.clone().cancelled_owned());
        tokio::join!(watching, listener::serve(listener, protocol, bounds, closing.clone()));
    });
    Ok(Listener { addr, task })
}

pub(super) fn waha_ingress_options(
    bounds: &Bounds<'_>,
    audit: Audit,
    hand_on: Option<Arc<dyn HandOn>>,
) -> waha_ingress::Options {
    let settings = &bounds.settings.waha_ingress;
    waha_ingress::Options {
        max_body_bytes: bytes(settings.max_body_bytes),
        body_timeout: settings.body_timeout,
        buffer_bytes: settings.buffer_bytes.get(),
        commit_timeout: settings.commit_timeout,
        max_in_flight: settings.max_in_flight,
        proxies: bounds.proxies.clone(),
        audit,
        hand_on,
    }
}

pub(super) async fn serve_waha_ingress(
    addr: SocketAddr,
    bounds: &Bounds<'_>,
    current: &Current,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "waha_ingress.listen")?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let protocol = bounds.http1(current.waha_webhooks(), false);
    let bounds = bounds.public("webhook", bounds.settings.waha_ingress.max_connections);
    let task = tokio::spawn(listener::serve(listener, protocol, bounds, closing));
    Ok(Listener { addr, task })
}

pub(super) async fn serve_ops(
    addr: SocketAddr,
    bounds: &Bounds<'_>,
    names: HostNames,
    metrics: MetricsHandle,
    readiness: Readiness,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let settings = bounds.settings;
    let listener = bind(addr, "ops.listen")?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let router = ops::router(metrics, names, move || readiness.checks());
    let protocol = bounds.http1(router, false);
    let tls = bounds.tls.public.as_ref().filter(|_| settings.ops.tls);
    let bounds = bounds.connections("ops", settings.ops.max_connections, tls);
    let task = tokio::spawn(listener::serve(listener, protocol, bounds, closing));
    Ok(Listener { addr, task })
}
