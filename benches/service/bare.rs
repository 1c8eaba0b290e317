//! The limit: a bare tonic server that answers bytes which were encoded before.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use wagroups::pb;

type Watchers = Arc<Mutex<Vec<mpsc::Sender<Result<pb::WatchGroupEventsResponse, Status>>>>>;

#[derive(Clone)]
struct Bare {
    group: Bytes,
    event: Bytes,
    watchers: Watchers,
}

impl NamedService for Bare {
    const NAME: &'static str = "wagroups.v1.GroupsService";
}

impl tower::Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let bare = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path().rsplit('/').next() {
                Some("GetGroup") => {
                    let method = tower::service_fn(
                        move |_: Request<pb::GetGroupRequest>| -> Ready<Result<_, Status>> {
                            let group = bare.group.clone();
                            ready(Ok(Response::new(pb::GetGroupResponse {
                                group,
                                ..Default::default()
                            })))
                        },
                    );
                    Grpc::new(ProstCodec::default()).unary(method, request).await
                }
                Some("WatchGroupEvents") => {
                    let method =
                        tower::service_fn(move |_: Request<pb::WatchGroupEventsRequest>| {
                            let (sender, receiver) = mpsc::channel(128);
                            bare.watchers.lock().expect("watchers").push(sender);
                            ready(Ok::<_, Status>(Response::new(ReceiverStream::new(receiver))))
                        });
                    Grpc::new(ProstCodec::default()).server_streaming(method, request).await
                }
                _ => {
                    let method =
                        tower::service_fn(move |request: Request<pb::SetGroupSubjectRequest>| {
                            let bare = bare.clone();
                            async move {
                                bare.publish(&request.get_ref().subject).await;
                                Ok::<_, Status>(Response::new(
                                    pb::SetGroupSubjectResponse::default(),
                                ))
                            }
                        });
                    Grpc::new(ProstCodec::default()).unary(method, request).await
                }
            })
        })
    }
}

impl Bare {
    /// Sends the event to all watchers, with the subject as its marker; encoded once.
    async fn publish(&self, marker: &str) {
        let mut event = self.event.to_vec();
        let places: Vec<usize> =
            event.windows(3).enumerate().filter(|(_, w)| *w == b"EVT").map(|(at, _)| at).collect();
        for at in places {
            event[at..at + marker.len()].copy_from_slice(marker.as_bytes());
        }
        let event = Bytes::from(event);
        let watchers = self.watchers.lock().expect("watchers").clone();
        for watcher in watchers {
            let response = pb::WatchGroupEventsResponse {
                events: vec![event.clone()],
                resume_token: Bytes::from_static(&[7; 24]),
                ..Default::default()
            };
            let _ = watcher.send(Ok(response)).await;
        }
    }
}

/// The child's side.
pub async fn serve(group: &str, event: &str) {
    let read = |path: &str| Bytes::from(std::fs::read(path).expect("the bytes to serve"));
    let bare = Bare { group: read(group), event: read(event), watchers: Watchers::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let connections =
        tokio_stream::StreamExt::map(TcpListenerStream::new(listener), |connection| {
            let connection = connection?;
            connection.set_nodelay(true)?;
            Ok::<_, std::io::Error>(connection)
        });
    tonic::transport::Server::builder()
        .max_concurrent_streams(100_000)
        .add_service(bare)
        .serve_with_incoming_shutdown(connections, async {
            super::child::until_input_ends().await;
        })
        .await
        .expect("it serves");
}
