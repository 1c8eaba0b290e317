//! A service that keeps what it was asked, and answers as a script says or with empty messages.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use clap::FromArgMatches as _;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use tonic::Status;

use crate::cli::output::streams;
use crate::cli::{Cli, Command, command, in_order, run};
use crate::pb;

/// Before each message: not compressed, and its length.
const PREFIX: usize = 5;

#[derive(Clone, Default)]
pub struct Recorder {
    calls: Arc<Mutex<Vec<(String, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// Messages, and how the call ends.
pub type Answer = (Vec<Vec<u8>>, Status);

/// One call as it arrived.
pub struct Recorded {
    /// `GroupsService/GetGroup`
    pub rpc: String,
    /// The request as JSON, but for its request id.
    pub request: Value,
    pub request_id: Option<String>,
}

impl Recorder {
    /// Serves for as long as the test runs; answers its address.
    pub async fn serve(&self) -> String {
        let recorder = self.clone();
        let handler = move |request: http::Request<Body>| {
            let recorder = recorder.clone();
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.expect("a request").to_bytes();
                recorder.calls.lock().expect("not poisoned").push((path, body));
                let answer = recorder.answers.lock().expect("not poisoned").pop_front();
                let (messages, end) = answer.unwrap_or_else(|| (vec![Vec::new()], Status::ok("")));
                Ok::<_, Infallible>(response(&messages, &end))
            }
        };
        let router = axum::Router::new().fallback_service(tower::service_fn(handler));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let routes = tonic::service::Routes::from(router);
        tokio::spawn(
            tonic::transport::Server::builder().add_routes(routes).serve_with_incoming(incoming),
        );
        format!("http://{addr}")
    }

    /// The next call is answered so; without an answer it gets an empty message.
    pub fn answer(&self, messages: &[impl Message], end: Status) {
        let messages = messages.iter().map(Message::encode_to_vec).collect();
        self.answers.lock().expect("not poisoned").push_back((messages, end));
    }

    /// What was asked since the last time.
    pub fn take(&self) -> Vec<Recorded> {
        let calls = std::mem::take(&mut *self.calls.lock().expect("not poisoned"));
        calls.into_iter().map(|(path, body)| decoded(&path, &body)).collect()
    }
}

fn response(messages: &[Vec<u8>], end: &Status) -> Response<Body> {
    let mut frames: Vec<_> = messages
        .iter()
        .map(|message| {
            let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
            Frame::data(Bytes::from([&[0][..], &length, message].concat()))
        })
        .collect();
    let mut trailers = HeaderMap::new();
    end.add_header(&mut trailers).expect("trailers");
    frames.push(Frame::trailers(trailers));
    let frames = frames.into_iter().map(Ok::<_, Infallible>);
    let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}

fn decoded(path: &str, body: &[u8]) -> Recorded {
    let rpc = path.strip_prefix("/wagroups.v1.").expect("a call of ours");
    let (service, method) = rpc.split_once('/').expect("a method");
    let contract = DescriptorPool::decode(pb::DESCRIPTORS).expect("the contract");
    let service =
        contract.get_service_by_name(&format!("wagroups.v1.{service}")).expect("the service");
    let method = service.methods().find(|each| each.name() == method).expect("the method");
    let message = DynamicMessage::decode(method.input(), &body[PREFIX..]).expect("a request");
    let mut request = serde_json::to_value(&message).expect("JSON");
    let takes_request_id = method.input().get_field_by_name("request_id").is_some();
    // A filter of ListCalls has the same name.
    let request_id = if takes_request_id && method.name() != "ListCalls" {
        let removed = request.as_object_mut().and_then(|fields| fields.remove("requestId"));
        Some(removed.and_then(|id| id.as_str().map(ToOwned::to_owned)).unwrap_or_default())
    } else {
        None
    };
    Recorded { rpc: rpc.to_owned(), request, request_id }
}

/// A command line without the program's name, the call that it must make, and that call's request.
pub type Case = (&'static str, &'static str, Value);

/// How the command ended, and what it printed.
pub async fn outcome(line: &str) -> (ExitCode, String) {
    let words = in_order(line.split_whitespace().map(Into::into));
    let parsed = command().try_get_matches_from(words);
    let cli = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = cli.unwrap_or_else(|error| panic!("{line}: {error}"));
    let Command::Client(command) = cli.into_command() else { panic!("{line}") };
    (run(command).await, streams::printed())
}

/// Runs each command with the options against the recorder, as text and as JSON. Answers the calls of
/// the service for which there was no case.
pub async fn check(service: &str, options: &str, cases: &[Case]) -> Vec<String> {
    let recorder = Recorder::default();
    let addr = recorder.serve().await;
    let mut uncovered = super::rpcs(service);
    for (words, rpc, request) in cases {
        for format in ["", "--json"] {
            let line = format!("wagroups {words} {options} {format} --addr {addr}");
            let (ended, printed) = outcome(&line).await;
            assert_eq!(ended, ExitCode::SUCCESS, "{line}");
            let calls = recorder.take();
            let [call] = &calls[..] else { panic!("{line} made {} calls", calls.len()) };
            assert_eq!(call.rpc, format!("{service}/{rpc}"), "{line}");
            assert_eq!(&call.request, request, "{line}");
            if let Some(request_id) = &call.request_id {
                assert!(request_id.parse::<uuid::Uuid>().is_ok(), "{line}: {request_id:?}");
            }
            // One document, or with `events` none for no event.
            let documents = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
            let objects =
                documents.filter(|each| each.as_ref().is_ok_and(Value::is_object)).count();
            assert!(format.is_empty() || objects == 1 || printed.is_empty(), "{line}: {printed}");
        }
        uncovered.remove(*rpc);
    }
    uncovered.into_iter().collect()
}
