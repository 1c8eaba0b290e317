//! The listeners, and the layers that every call passes.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::ServiceBuilder;

use super::health::Readiness;
use super::http;
use super::startup::{self, StartError};
use crate::app::App;
use crate::config::{ByteSize, Settings};
use crate::domain::auth::Caller;
use crate::domain::clock::{Clock, Entropy};
use crate::engine::simulator::SimulatorEngine;
use crate::grpc::{Groups, Sessions, Simulator, Webhooks};
use crate::middleware::{
    AuthLayer, BodyLimits, CatchPanicsLayer, CoalescedStream, DeadlineLayer, HostNames, Keyring,
    ReasonsLayer, RequestIdLayer, RpcMetricsLayer, limit_calls,
};
use crate::ops;
use crate::pb::DESCRIPTORS;
use crate::pb::groups_service_server::GroupsServiceServer;
use crate::pb::sessions_service_server::SessionsServiceServer;
use crate::pb::simulator_service_server::SimulatorServiceServer;
use crate::pb::webhooks_service_server::WebhooksServiceServer;
use crate::rest;
use crate::telemetry::MetricsHandle;
use crate::webhook;

/// The largest head of a request: keys, ids and timeouts are small.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

pub(super) struct Listener {
    pub addr: SocketAddr,
    pub task: JoinHandle<()>,
}

async fn bind(addr: SocketAddr, setting: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(addr).await.map_err(|error| {
        StartError::other(format!("{setting}: cannot listen on {addr}: {error}; choose another address or stop what listens there"))
    })
}

pub(super) async fn serve_grpc(
    settings: &Settings,
    app: &App,
    simulator: Option<&Arc<SimulatorEngine>>,
    readiness: &Readiness,
    entropy: Arc<dyn Entropy>,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(settings.grpc.listen, "grpc.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let connections =
        TcpListenerStream::new(listener).map(|connection: std::io::Result<TcpStream>| {
            let connection = connection?;
            connection.set_nodelay(true)?;
            Ok::<_, std::io::Error>(CoalescedStream::new(connection))
        });

    let max_bytes = usize::try_from(settings.grpc.max_message_bytes.get()).unwrap_or(usize::MAX);
    let groups =
        GroupsServiceServer::new(Groups::new(app.clone())).max_decoding_message_size(max_bytes);
    let sessions =
        SessionsServiceServer::new(Sessions::new(app.clone())).max_decoding_message_size(max_bytes);
    let webhooks =
        WebhooksServiceServer::new(Webhooks::new(app.clone())).max_decoding_message_size(max_bytes);
    let is_simulated = simulator.is_some();
    // Served in any case: switched off, it says so instead of being unknown.
    let simulator = SimulatorServiceServer::new(Simulator::new(simulator.cloned()))
        .max_decoding_message_size(max_bytes);
    let mut names = vec![
        <GroupsServiceServer<Groups> as NamedService>::NAME,
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
    };

    let metrics = RpcMetricsLayer::new(&[
        DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]);

    // From the outside in. What a layer answers by itself passes those outside of it.
    let layers = ServiceBuilder::new()
        .layer(RequestIdLayer::new(entropy))
        .layer(metrics.map_err(StartError::other)?)
        .layer(ReasonsLayer::new(settings.grpc.max_message_bytes.get()))
        .layer(CatchPanicsLayer)
        .layer(AuthLayer::new(keyring(settings)))
        .layer(DeadlineLayer)
        .layer(limit_calls(settings.grpc.max_concurrent_calls))
        .into_inner();
    let router = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(settings.grpc.keepalive_interval))
        .http2_keepalive_timeout(Some(settings.grpc.keepalive_timeout))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(settings.grpc.max_streams_per_connection)
        .max_connection_age(settings.grpc.max_connection_age)
        .max_connection_age_grace(settings.grpc.max_connection_age_grace)
        .layer(layers)
        .add_service(HealthServer::new(HealthService::from_health_reporter(
            readiness.reporter().clone(),
        )))
        .add_service(reflect().build_v1().map_err(StartError::other)?)
        .add_service(reflect().build_v1alpha().map_err(StartError::other)?)
        .add_service(groups)
        .add_service(sessions)
        .add_service(webhooks)
        .add_service(simulator);
    let task = tokio::spawn(async move {
        let served =
            router.serve_with_incoming_shutdown(connections, closing.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the gRPC listener has failed");
        }
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
    settings: &Settings,
    app: &App,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "rest.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let rest = &settings.rest;
    let options = rest::Options {
        shape: startup::shape(settings),
        body: BodyLimits::new(
            bytes(rest.max_body_bytes),
            rest.body_timeout,
            bytes(rest.buffer_bytes),
        ),
        max_in_flight: rest.max_in_flight,
    };
    let router = rest::router(app.clone(), keyring(settings), clock, options);
    let task = tokio::spawn(http::serve(listener, router, rest.max_connections, closing));
    Ok(Listener { addr, task })
}

pub(super) async fn serve_webhook(
    addr: SocketAddr,
    settings: &Settings,
    app: &App,
    clock: Arc<dyn Clock>,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "webhook.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let settings = &settings.webhook;
    let options = webhook::Options {
        body: BodyLimits::new(
            bytes(settings.max_body_bytes),
            settings.body_timeout,
            bytes(settings.buffer_bytes),
        ),
        commit_timeout: settings.commit_timeout,
        max_in_flight: settings.max_in_flight,
    };
    let router = webhook::router(app.clone(), clock, options);
    let task = tokio::spawn(http::serve(listener, router, settings.max_connections, closing));
    Ok(Listener { addr, task })
}

pub(super) async fn serve_ops(
    addr: SocketAddr,
    names: HostNames,
    metrics: MetricsHandle,
    readiness: Readiness,
    closing: CancellationToken,
) -> Result<Listener, StartError> {
    let listener = bind(addr, "ops.listen").await?;
    let addr = listener.local_addr().map_err(StartError::other)?;
    let router = ops::router(metrics, names, move || readiness.checks());
    let task = tokio::spawn(async move {
        let served =
            axum::serve(listener, router).with_graceful_shutdown(closing.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the ops listener has failed");
        }
    });
    Ok(Listener { addr, task })
}
