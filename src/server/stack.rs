//! The listeners, and the layers that every call passes.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::ServiceBuilder;

use super::health::Readiness;
use super::listener::{self, ConnectionBounds, Http1, Http2};
use super::startup::{self, StartError};
use crate::app::App;
use crate::config::{ByteSize, Inbound, Settings};
use crate::domain::auth::Caller;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::fair_share::FairShare;
use crate::engine::simulator::SimulatorEngine;
use crate::grpc::{GroupsRpcs, Sessions, Simulator, Webhooks};
use crate::middleware::{
    AdmitLayer, AnswerLayer, Audit, AuthLayer, BodyLimits, CallBounds, Calls, CatchPanicsLayer,
    HostNames, Keyring, Origins, ReasonsLayer, RequestIdLayer, RpcAuditLayer, RpcMetricsLayer,
    ServedRpcs, with_deadline,
};
use crate::ops;
use crate::pb::DESCRIPTORS;
use crate::pb::groups_service_server::GroupsServiceServer;
use crate::pb::sessions_service_server::SessionsServiceServer;
use crate::pb::simulator_service_server::SimulatorServiceServer;
use crate::pb::webhooks_service_server::WebhooksServiceServer;
use crate::rest;
use crate::telemetry::MetricsHandle;
use crate::waha_ingress;

/// What reflection may be asked in one message: the name of a symbol.
const REFLECTION_REQUEST: usize = 4 * 1024;
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
}

impl<'a> Bounds<'a> {
    pub fn new(settings: &'a Settings, descriptors: u64) -> Self {
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

    fn connections(&self, listener: &'static str, max: usize) -> ConnectionBounds {
        ConnectionBounds {
            listener,
            max_connections: self.max_connections(listener, max),
            head_timeout: self.inbound.head_timeout,
            is_shared: self.is_shared,
            proxies: self.proxies.clone(),
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

async fn bind(addr: SocketAddr, setting: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|error| {
        StartError::other(format!("{setting}: cannot listen on {addr}: {error}; choose another address or stop what listens there"))
    })
}

pub(super) async fn serve_grpc(
    bounds: &Bounds<'_>,
    app: &App,
    simulator: Option<&Arc<SimulatorEngine>>,
    readiness: &Readiness,
    entropy: Arc<dyn Entropy>,
    audit: Audit,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let settings = bounds.settings;
    let listener = bind(settings.grpc.listen, "grpc.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let max_bytes = usize::try_from(settings.grpc.max_message_bytes.get()).unwrap_or(usize::MAX);
    let groups =
        GroupsServiceServer::new(GroupsRpcs::new(app.clone())).max_decoding_message_size(max_bytes);
    let sessions =
        SessionsServiceServer::new(Sessions::new(app.clone())).max_decoding_message_size(max_bytes);
    let webhooks =
        WebhooksServiceServer::new(Webhooks::new(app.clone())).max_decoding_message_size(max_bytes);
    let is_simulated = simulator.is_some();
    // Served in any case: switched off, it answers so instead of being unknown.
    let simulator = SimulatorServiceServer::new(Simulator::new(simulator.cloned()))
        .max_decoding_message_size(max_bytes);
    let mut names = vec![
        <GroupsServiceServer<GroupsRpcs> as NamedService>::NAME,
        <SessionsServiceServer<Sessions> as NamedService>::NAME,
        <WebhooksServiceServer<Webhooks> as NamedService>::NAME,
    ];
    if is_simulated {
        names.push(<SimulatorServiceServer<Simulator> as NamedService>::NAME);
    }
    readiness.report_on(names).await;
    let reflect = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // What stands in the details of errors, so that tools can show it.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };

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

    let routes = Routes::new(HealthServer::new(HealthService::from_health_reporter(
        readiness.reporter().clone(),
    )))
    .add_service(
        reflect()
            .build_v1()
            .map_err(StartError::other)?
            .max_decoding_message_size(REFLECTION_REQUEST),
    )
    .add_service(
        reflect()
            .build_v1alpha()
            .map_err(StartError::other)?
            .max_decoding_message_size(REFLECTION_REQUEST),
    )
    .add_service(groups)
    .add_service(sessions)
    .add_service(webhooks)
    .add_service(simulator)
    .prepare();
    // From the outside in. What a layer answers by itself passes those outside of it.
    let service = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(Body::new))
        .layer(AnswerLayer)
        .layer(RequestIdLayer::new(entropy))
        .layer(RpcAuditLayer::new(audit, served.clone()))
        .layer(RpcMetricsLayer::new(served.clone()))
        .layer(ReasonsLayer::new(large))
        .layer(CatchPanicsLayer)
        .layer(AuthLayer::new(keyring(settings)))
        .map_request(with_deadline)
        .layer(AdmitLayer::new(calls.clone(), served, large))
        .service(routes);
    let protocol = Http2 {
        service,
        head_timeout: bounds.inbound.head_timeout,
        max_streams: settings.grpc.max_streams_per_connection,
        keepalive_interval: settings.grpc.keepalive_interval,
        keepalive_timeout: settings.grpc.keepalive_timeout,
        max_age: settings.grpc.max_connection_age,
        max_age_grace: settings.grpc.max_connection_age_grace,
    };
    let bounds = bounds.connections("grpc", settings.grpc.max_connections);
    let task = tokio::spawn(async move {
        let watching = calls.watch_over(closing.clone().cancelled_owned());
        tokio::join!(watching, listener::serve(listener, protocol, bounds, closing.clone()));
    });
    Ok(Listener { addr, task })
}

fn keyring(settings: &Settings) -> Keyring {
    Keyring::new(
        settings
            .auth
            .keys
            .iter()
            .map(|key| (key.sha256.0, Caller::new(key.name.clone(), key.sessions.clone()))),
    )
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}

pub(super) async fn serve_rest(
    addr: SocketAddr,
    bounds: &Bounds<'_>,
    app: &App,
    clock: Arc<dyn Clock>,
    audit: Audit,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let settings = bounds.settings;
    let listener = bind(addr, "rest.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let rest = &settings.rest;
    let calls = Calls::new(CallBounds {
        listener: "rest",
        max_calls: rest.max_in_flight,
        max_stranger_calls: bounds.inbound.max_keyless_calls,
        request_bytes: rest.buffer_bytes.get(),
        answer_bytes: rest.answer_bytes.get(),
        body_timeout: rest.body_timeout,
        answer_timeout: bounds.inbound.answer_timeout,
        is_shared: bounds.is_shared,
        proxies: bounds.proxies.clone(),
    });
    let options = rest::Options {
        shape: startup::shape(settings),
        body: BodyLimits::new(
            bytes(rest.max_body_bytes),
            rest.body_timeout,
            FairShare { capacity: rest.buffer_bytes.get(), is_shared: bounds.is_shared },
        ),
        calls: calls.clone(),
        streams: FairShare {
            capacity: rest.max_streams as u64,
            is_shared: startup::is_shared(settings),
        },
        origins: bounds.origins.clone(),
        passes: settings.waha.pass_through,
        audit,
    };
    let router = rest::router(app.clone(), keyring(settings), clock, options);
    let protocol = bounds.http1(router, true);
    let bounds = bounds.connections("rest", rest.max_connections);
    let task = tokio::spawn(async move {
        let watching = calls.watch_over(closing.clone().cancelled_owned());
        tokio::join!(watching, listener::serve(listener, protocol, bounds, closing.clone()));
    });
    Ok(Listener { addr, task })
}

pub(super) async fn serve_waha_ingress(
    addr: SocketAddr,
    bounds: &Bounds<'_>,
    app: &App,
    clock: Arc<dyn Clock>,
    audit: Audit,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "waha_ingress.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let settings = &bounds.settings.waha_ingress;
    let options = waha_ingress::Options {
        max_body_bytes: bytes(settings.max_body_bytes),
        body_timeout: settings.body_timeout,
        buffer_bytes: settings.buffer_bytes.get(),
        commit_timeout: settings.commit_timeout,
        max_in_flight: settings.max_in_flight,
        proxies: bounds.proxies.clone(),
        audit,
    };
    let router = waha_ingress::router(app.clone(), clock, options);
    let protocol = bounds.http1(router, false);
    let bounds = bounds.connections("webhook", settings.max_connections);
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
    let listener = bind(addr, "ops.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let router = ops::router(metrics, names, move || readiness.checks());
    let protocol = bounds.http1(router, false);
    let bounds = bounds.connections("ops", settings.ops.max_connections);
    let task = tokio::spawn(listener::serve(listener, protocol, bounds, closing));
    Ok(Listener { addr, task })
}
