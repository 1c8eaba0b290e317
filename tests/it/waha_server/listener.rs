//! The port of a stand-in: opened, closed and opened again; each connection can be cut at any moment.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{WahaServer, dispatch};

/// Cuts the connection that a request came by, without an answer.
#[derive(Debug, Clone)]
pub struct Scissors(pub CancellationToken);

/// A port that is open.
pub struct Open {
    /// Cuts all that came by it.
    pub life: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Open {
    pub fn listen(server: &Arc<WahaServer>, listener: TcpListener) -> Self {
        let life = CancellationToken::new();
        let accepting = tokio::spawn(accept(server.clone(), listener, life.clone()));
        Self { life, accepting }
    }

    /// Cuts everything; afterwards the port refuses connections.
    pub async fn close(self) {
        self.life.cancel();
        // It ends at once, and how does not matter.
        let _ = self.accepting.await;
    }
}

/// Opens the port, which may still be about to be closed.
pub async fn bind(address: SocketAddr) -> TcpListener {
    crate::harness::service::eventually("the port is free", || async {
        TcpListener::bind(address).await.ok()
    })
    .await
}

async fn accept(server: Arc<WahaServer>, listener: TcpListener, life: CancellationToken) {
    while let Some(accepted) = life.run_until_cancelled(listener.accept()).await {
        if let Ok((stream, _)) = accepted {
            tokio::spawn(serve(server.clone(), stream, life.child_token()));
        }
    }
}

async fn serve(server: Arc<WahaServer>, stream: TcpStream, life: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let scissors = Scissors(life.clone());
    let router = Router::new().fallback(move |request: Request| {
        let (server, scissors) = (server.clone(), scissors.clone());
        async move { dispatch::answer(server, request, scissors).await }
    });
    let builder = Builder::new(TokioExecutor::new()).http1_only();
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    // Dropped half-way, it closes the socket.
    let _ = life.run_until_cancelled(connection).await;
}
