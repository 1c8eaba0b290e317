use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use super::health::Readiness;
use super::startup::StartError;
use crate::app::App;
use crate::config::Settings;
use crate::engine::simulator::SimulatorEngine;
use crate::pb;
pub struct Listener { pub addr: SocketAddr, pub task: JoinHandle<()> }
pub async fn serve_grpc(settings: &Settings, app: &App, sim: Option<&Arc<SimulatorEngine>>, readiness: &Readiness, _e: Arc<crate::telemetry::SystemEntropy>, closing: CancellationToken) -> Result<Listener, StartError> {
    let tcp = tokio::net::TcpListener::bind(settings.grpc.listen).await.map_err(StartError::other)?;
    let addr = tcp.local_addr().map_err(StartError::other)?;
    let inc = tonic::transport::server::TcpIncoming::from(tcp).with_nodelay(Some(true));
    fn anyone(mut r: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> { r.extensions_mut().insert(crate::domain::auth::Caller::anyone()); Ok(r) }
    let (_, health) = (0, tonic_health::server::HealthService::from_health_reporter(readiness.reporter().clone()));
    let router = tonic::transport::Server::builder()
        .layer(tonic::service::InterceptorLayer::new(anyone))
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(pb::groups_service_server::GroupsServiceServer::new(crate::grpc::Groups::new(app.clone())))
        .add_service(pb::sessions_service_server::SessionsServiceServer::new(crate::grpc::Sessions::new(app.clone())))
        .add_optional_service(sim.map(|s| pb::simulator_service_server::SimulatorServiceServer::new(crate::grpc::Simulator::new(s.clone()))));
    let task = tokio::spawn(async move { let _ = router.serve_with_incoming_shutdown(inc, closing.cancelled_owned()).await; });
    Ok(Listener { addr, task })
}
pub async fn serve_ops(_: SocketAddr, _: (), _: Readiness, _: CancellationToken) -> Result<Listener, StartError> { Err(StartError::other("not yet")) }
