//! Requests that are no gRPC, or not all of it: their senders learn what is wrong, and no alarm is raised.

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service as _, ServiceExt as _};

use crate::harness::service::{Service, eventually, http_client, reason};

/// A method of which no other test breaks a request.
const PATH: &str = "/wagroups.v1.GroupsService/GetJoinInfo";

async fn post(
    service: &Service,
    headers: &[(&str, &str)],
    path: &str,
    body: Body,
) -> Result<Response<Body>, tonic::transport::Error> {
    let mut request = http::Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut channel = service.channel.clone();
    channel.ready().await?.call(request.body(body).expect("a request")).await
}

async fn sent(service: &Service, headers: &[(&str, &str)], body: &'static [u8]) -> Response<Body> {
    let body = Body::new(Full::new(Bytes::from_static(body)));
    post(service, headers, PATH, body).await.expect("an answer")
}

fn status(response: &Response<Body>) -> Status {
    Status::from_header_map(response.headers()).expect("a status")
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_grpc_is_an_unsupported_media_type() {
    let service = Service::on_sqlite().await;
    for kind in [
        "application/json",
        "text/plain",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpcx",
        "application/grpc+json",
        "",
    ] {
        let answer = sent(&service, &[("content-type", kind)], b"{\"session\":\"default\"}").await;
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind:?}");
        let status = status(&answer);
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REQUEST"),
            "{kind:?}"
        );
    }
    let answer = sent(&service, &[], b"").await;
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "none at all");
    for kind in ["application/grpc", "application/grpc+proto", "Application/gRPC; charset=utf-8"] {
        let answer = sent(&service, &[("content-type", kind)], b"\0\0\0\0\0").await;
        assert_eq!(answer.status(), StatusCode::OK, "{kind:?}");
        assert!(status(&answer).message().contains("session"), "{kind:?} is read");
    }
}

/// A stream that is reset behind its answer loses it at some clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_grpc_is_read_before_it_is_answered() {
    let service = Service::on_sqlite().await;
    let addr = service.server.as_ref().expect("a running service").grpc_addr();
    let connection = tokio::net::TcpStream::connect(addr).await.expect("a connection");
    let (sender, connection) = h2::client::handshake(connection).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("a stream");
    let mut begin = |body_follows: bool| {
        let request = http::Request::post(format!("http://{addr}{PATH}"))
            .header("content-type", "text/plain")
            .body(())
            .expect("a request");
        sender.send_request(request, !body_follows).expect("sent")
    };
    let (answer, mut body) = begin(true);
    let mut answer = Box::pin(answer);
    // What began later is answered, and this one is not before all of it is there.
    let (second, _) = begin(false);
    assert_eq!(second.await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(futures::poll!(&mut answer).is_pending());
    body.send_data(Bytes::from_static(b"{}"), true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // Nobody is waited for.
    let (answer, _body) = begin(true);
    assert_eq!(answer.await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    connection.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_message_is_the_callers_mistake() {
    let service = Service::on_sqlite().await;
    let bodies: [(&str, &'static [u8]); 9] = [
        ("empty", b""),
        ("a head cut off", b"\0\0\0"),
        ("a message cut off", b"\0\0\0\0\x0a\x0a\x07"),
        ("no message at all", b"\0\0\0\0\x02\xff\xff"),
        ("text", b"{\"session\":\"default\"}"),
        ("a flag that is none", b"\x02\0\0\0\0"),
        ("compressed, nobody knows how", b"\x01\0\0\0\x02\x0a\0"),
        ("something behind it", b"\0\0\0\0\0\0\0"),
        ("a field cut off", b"\0\0\0\0\x03\x0a\x07a"),
    ];
    for (what, body) in bodies {
        let status = status(&sent(&service, &[GRPC], body).await);
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_REQUEST"),
            "{what}: {status:?}"
        );
    }
    // The standard services, too.
    let empty = Body::new(Full::new(Bytes::new()));
    let answer = post(&service, &[GRPC], "/grpc.health.v1.Health/Check", empty).await;
    assert_eq!(status(&answer.expect("an answer")).code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_encoding_is_not_implemented() {
    let service = Service::on_sqlite().await;
    let headers = [GRPC, ("grpc-encoding", "gzip")];
    let answer = sent(&service, &headers, b"\x01\0\0\0\x02\x0a\0").await;
    let status = status(&answer);
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unimplemented, "NOT_IMPLEMENTED"),
        "{status:?}"
    );
    assert!(answer.headers().contains_key("grpc-accept-encoding"), "what is taken is said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_half_way_has_cancelled() {
    let service = Service::on_sqlite_with(|settings| {
        settings.ops.listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let ops = service.server.as_ref().expect("a service").ops_addr().expect("ops.listen is set");
    let counted = || async {
        let answer = http_client().get(format!("http://{ops}/metrics")).send().await;
        let answer = answer.expect("an answer");
        let text = answer.text().await.expect("metrics");
        let lines = text.lines().filter(|line| {
            line.starts_with("wagroups_rpcs_total") && line.contains("\"GetJoinInfo\"")
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // Some of the head, and of the message; then the sender is gone.
    for part in [&b""[..], b"\0\0", b"\0\0\0\0\x0a\x0a\x07"] {
        let part = Frame::data(Bytes::from_static(part));
        let frames = futures::stream::iter([Ok(part), Err(std::io::Error::other("gone"))]);
        let body = Body::new(StreamBody::new(frames.map(|frame| frame)));
        let _ = post(&service, &[GRPC], PATH, body).await;
    }
    eventually("it is counted as cancelled", || async {
        let lines = counted().await;
        let cancelled = lines.iter().find(|line| line.contains("\"Cancelled\""))?;
        let times: u64 = cancelled.rsplit(' ').next()?.parse().ok()?;
        (times >= 1).then_some(())
    })
    .await;
    let lines = counted().await;
    assert!(!lines.iter().any(|line| line.contains("\"Internal\"")), "{lines:?}");
}
