//! The whole loop of a watch against a service that breaks where a test wants it to.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxFuture;
use tonic::server::ServerStreamingService;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::follow::Follower;
use super::print::Printer;
use super::start::{Place, Start};
use super::token_file::TokenFile;
use crate::cli::connect::ClientOptions;
use crate::cli::errors::Failure;
use crate::cli::format::{Format, FormatOptions};
use crate::cli::output::Output;
use crate::domain::reason::Reason;
use crate::pb::watch_group_events_request::Start as Wire;
use crate::pb::{self, WatchGroupEventsRequest, WatchGroupEventsResponse};

type Item = Result<WatchGroupEventsResponse, Status>;

/// Answers each connection with the next script, and keeps what it was asked for.
#[derive(Clone, Default)]
struct Service {
    scripts: Arc<Mutex<VecDeque<Vec<Item>>>>,
    asked: Arc<Mutex<Vec<WatchGroupEventsRequest>>>,
}

impl ServerStreamingService<WatchGroupEventsRequest> for Service {
    type Response = WatchGroupEventsResponse;
    type ResponseStream = tokio_stream::Iter<std::vec::IntoIter<Item>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<WatchGroupEventsRequest>) -> Self::Future {
        self.asked.lock().expect("not poisoned").push(request.into_inner());
        let script = self.scripts.lock().expect("not poisoned").pop_front();
        let script = script.unwrap_or_else(|| vec![Err(status(Reason::Internal))]);
        Box::pin(async move { Ok(Response::new(tokio_stream::iter(script))) })
    }
}

impl Service {
    /// Serves for as long as the test runs; answers its address.
    async fn serve(&self) -> String {
        let service = self.clone();
        let handler = move |request: http::Request<axum::body::Body>| {
            let service = service.clone();
            async move {
                let codec = tonic_prost::ProstCodec::<
                    WatchGroupEventsResponse,
                    WatchGroupEventsRequest,
                >::default();
                Ok::<_, Infallible>(
                    tonic::server::Grpc::new(codec).server_streaming(service, request).await,
                )
            }
        };
        let path = "/wagroups.v1.GroupsService/WatchGroupEvents";
        let router = axum::Router::new().route_service(path, tower::service_fn(handler));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let server = tonic::transport::Server::builder().add_routes(Routes::from(router));
        tokio::spawn(server.serve_with_incoming(incoming));
        format!("http://{addr}")
    }
}

/// Keeps what was printed; each write of it breaks where the test wants that.
#[derive(Clone, Default)]
struct Page {
    text: Arc<Mutex<Vec<u8>>>,
    closed: bool,
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.text.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn sequences(&self) -> Vec<String> {
        let text =
            String::from_utf8(self.text.lock().expect("not poisoned").clone()).expect("UTF-8");
        let lines =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        lines.map(|line| line["event"]["sequence"].as_str().unwrap_or("-").to_owned()).collect()
    }
}

fn status(reason: Reason) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason.as_str(), "wagroups.v1", HashMap::new());
    Status::with_error_details(
        Code::from_i32(reason.code() as i32),
        "as the test wants it",
        details,
    )
}

fn events(sequences: &[i64], token: &[u8]) -> Item {
    let event = |sequence: &i64| {
        Bytes::from(pb::GroupEvent { sequence: *sequence, ..Default::default() }.encode_to_vec())
    };
    Ok(WatchGroupEventsResponse {
        events: sequences.iter().map(event).collect(),
        resume_token: Bytes::copy_from_slice(token),
        ..Default::default()
    })
}

async fn follower(scripts: Vec<Vec<Item>>, page: &Page, file: &Path) -> (Follower, Service) {
    let service = Service::default();
    *service.scripts.lock().expect("not poisoned") = scripts.into();
    let options = ClientOptions {
        addr: service.serve().await,
        api_key: None,
        connect_timeout: Duration::from_secs(5),
        timeout: Some(Duration::from_secs(5)),
        tls: Box::default(),
        format: FormatOptions::default(),
    };
    let follower = Follower {
        options,
        request: WatchGroupEventsRequest::default(),
        silence: Duration::from_secs(30),
        reconnect: true,
        output: Output::new(Format::Json),
        place: Place::new(&Start::Earliest, false),
        printer: Printer::to(Box::new(page.clone()), Format::Json, false),
        file: Some(TokenFile::open(file.to_owned()).expect("a file")),
    };
    (follower, service)
}

fn stored(file: &Path) -> Option<Bytes> {
    TokenFile::open(PathBuf::from(file)).expect("a file").token()
}

#[tokio::test]
async fn it_resumes_where_the_connection_broke_and_says_when_that_is_impossible() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, file) = (Page::default(), folder.path().join("place"));
    let scripts = vec![
        vec![events(&[1, 2], &[12]), events(&[3], &[13]), Err(status(Reason::Draining))],
        // Broken before anything came.
        vec![Err(Status::unavailable("a proxy lost the connection"))],
        // Closed, as the contract never does it.
        vec![events(&[4], &[14])],
        vec![Err(status(Reason::ResumeTokenExpired))],
    ];
    let (mut follower, service) = follower(scripts, &page, &file).await;
    let failure = follower.run(&CancellationToken::new()).await.expect_err("the token has expired");
    assert_eq!(failure.exit_code(), 5, "{failure}");
    assert_eq!(page.sequences(), ["1", "2", "3", "4"]);
    let token = |token: &'static [u8]| Some(Wire::ResumeToken(Bytes::from_static(token)));
    let asked = service.asked.lock().expect("not poisoned");
    let starts: Vec<_> = asked.iter().map(|request| request.start.clone()).collect();
    let earliest = Some(Wire::Earliest(pb::Earliest {}));
    assert_eq!(starts, [earliest, token(&[13]), token(&[13]), token(&[14])]);
    assert_eq!(stored(&file), Some(Bytes::from_static(&[14])));
}

#[tokio::test]
async fn an_initial_state_that_was_cut_begins_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, file) = (Page::default(), folder.path().join("place"));
    let initial = WatchGroupEventsResponse {
        initial_groups: vec![pb::InitialGroup::default()],
        ..Default::default()
    };
    let scripts = vec![vec![Ok(initial), Err(status(Reason::Draining))]];
    let (mut follower, service) = follower(scripts, &page, &file).await;
    follower.place = Place::new(&Start::Now, true);
    let failure = follower.run(&CancellationToken::new()).await.expect_err("the script is over");
    assert_eq!(failure.reason(), Some(Reason::Internal));
    let asked = service.asked.lock().expect("not poisoned");
    assert_eq!(
        asked.iter().map(|request| request.send_initial_state).collect::<Vec<_>>(),
        [true, true]
    );
    assert_eq!(stored(&file), None);
}

#[tokio::test]
async fn what_nobody_read_is_not_counted_as_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, file) = (Page { closed: true, ..Page::default() }, folder.path().join("place"));
    let (mut follower, _) = follower(vec![vec![events(&[1], &[11])]], &page, &file).await;
    let failure = follower.run(&CancellationToken::new()).await.expect_err("a broken pipe");
    assert!(matches!(failure, Failure::OutputClosed), "{failure}");
    assert_eq!(stored(&file), None);
}

#[tokio::test]
async fn without_reconnecting_the_first_trouble_is_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, file) = (Page::default(), folder.path().join("place"));
    let scripts =
        vec![vec![events(&[1], &[11]), Err(status(Reason::Draining))], vec![events(&[2], &[12])]];
    let (mut follower, _) = follower(scripts, &page, &file).await;
    follower.reconnect = false;
    let failure = follower.run(&CancellationToken::new()).await.expect_err("the service drains");
    assert_eq!(failure.reason(), Some(Reason::Draining));
    assert_eq!(page.sequences(), ["1"]);
    assert_eq!(stored(&file), Some(Bytes::from_static(&[11])));
}

#[tokio::test]
async fn told_to_stop_it_ends_without_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let (page, file) = (Page::default(), folder.path().join("place"));
    let (mut follower, _) = follower(Vec::new(), &page, &file).await;
    let stop = CancellationToken::new();
    stop.cancel();
    follower.run(&stop).await.expect("a clean end");
}
