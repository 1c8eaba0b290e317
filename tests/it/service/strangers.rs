//! Peers that mean no good, over bare sockets and bare HTTP/2: none of them stops the others.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::Request;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wagroups::config::Settings;
use wagroups::pb;

use super::keys::{ALL, SHOP, with_key, with_keys};
use crate::harness::service::{PATIENCE, Service, eventually, http_client, reason};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const LIST_SESSIONS: &str = "/wagroups.v1.SessionsService/ListSessions";

/// HTTP/2 without any library's good manners.
struct Bare {
    send: SendRequest<Bytes>,
    address: String,
}

impl Bare {
    async fn connect(service: &Service, window: u32) -> Self {
        let address = service.server.as_ref().expect("a running service").grpc_addr();
        let socket = TcpStream::connect(address).await.expect("connected");
        let mut builder = Builder::new();
        builder.initial_window_size(window).initial_max_send_streams(100_000);
        let (send, connection) = builder.handshake(socket).await.expect("a connection");
        tokio::spawn(connection);
        Self { send, address: address.to_string() }
    }

    async fn begin(
        &mut self,
        path: &str,
        key: Option<&str>,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let request = request.body(()).expect("a request");
        std::future::poll_fn(|cx| self.send.poll_ready(cx)).await?;
        self.send.send_request(request, false)
    }

    /// The gRPC status of a call with this message.
    async fn call(
        &mut self,
        path: &str,
        key: Option<&str>,
        message: &[u8],
    ) -> Result<i32, h2::Error> {
        let (response, mut body) = self.begin(path, key).await?;
        body.send_data(framed(message), true)?;
        let response = response.await?;
        if let Some(status) = response.headers().get("grpc-status") {
            return Ok(number(status));
        }
        let mut body = response.into_body();
        read(&mut body).await?;
        let trailers = body.trailers().await?.expect("trailers");
        Ok(number(&trailers["grpc-status"]))
    }
}

fn number(status: &http::HeaderValue) -> i32 {
    status.to_str().expect("a text").parse().expect("a number")
}

async fn read(body: &mut RecvStream) -> Result<usize, h2::Error> {
    let mut length = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        length += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(length)
}

fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a length");
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

async fn list_sessions(service: &Service, key: &str) -> Result<(), tonic::Status> {
    let request = with_key(key, pb::ListSessionsRequest::default());
    service.sessions().list_sessions(request).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_calls_without_a_key_leave_everybody_else_alone() {
    let service = Service::on_sqlite_with(with_keys).await;
    let mut attackers = vec![Bare::connect(&service, 65_535).await];
    let mut open = Vec::new();
    for begun in 1..=1100 {
        let attacker = attackers.last_mut().expect("an attacker");
        match attacker.begin(HEALTH, None).await {
            Ok(call) => open.push(call),
            // Whoever does this for long is shown the door, and comes back.
            Err(_) => attackers.push(Bare::connect(&service, 65_535).await),
        }
        if begun % 50 == 0 {
            list_sessions(&service, ALL).await.expect("callers with a key are served");
            let mut probe = Bare::connect(&service, 65_535).await;
            assert_eq!(probe.call(HEALTH, None, &[]).await.expect("an answer"), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_a_key_is_small_and_comes_in_time() {
    let service = Service::on_sqlite_with(|settings| {
        with_keys(settings);
        settings.grpc.body_timeout = Duration::from_secs(1);
    })
    .await;
    let mut attacker = Bare::connect(&service, 65_535).await;
    let (response, mut body) = attacker.begin(HEALTH, None).await.expect("begun");
    body.send_data(framed(&[0; 8 << 10]).slice(..8), false).expect("sent");
    let response = response.await.expect("refused before it was sent");
    assert_eq!(number(&response.headers()["grpc-status"]), tonic::Code::ResourceExhausted as i32);

    let (response, _body) = attacker.begin(HEALTH, None).await.expect("begun");
    let response = timeout(PATIENCE, response).await.expect("in time").expect("an answer");
    assert_eq!(number(&response.headers()["grpc-status"]), tonic::Code::DeadlineExceeded as i32);
}

/// Sends these bytes, and waits until the service has closed the connection.
async fn until_closed(address: std::net::SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(address).await.expect("connected");
    socket.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "open after {PATIENCE:?}");
}

fn on_all_listeners(settings: &mut Settings) {
    with_keys(settings);
    let any = "127.0.0.1:0".parse().expect("an address");
    settings.rest.listen = Some(any);
    settings.waha_ingress.listen = Some(any);
    settings.ops.listen = Some(any);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_asks_for_nothing_is_closed_on_every_listener() {
    let service = Service::on_sqlite_with(|settings| {
        on_all_listeners(settings);
        settings.inbound.head_timeout = Duration::from_secs(1);
    })
    .await;
    let server = service.server.as_ref().expect("a running service");
    let listeners = [
        Some(server.grpc_addr()),
        server.rest_addr(),
        server.waha_ingress_addr(),
        server.ops_addr(),
    ];
    let silent: [&[u8]; 4] = [b"", b"P", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\nhost: a"];
    let closed = listeners
        .into_iter()
        .flatten()
        .flat_map(|listener| silent.iter().map(move |bytes| until_closed(listener, bytes)));
    futures::future::join_all(closed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_connections_run_out_those_without_a_key_make_room() {
    let service = Service::on_sqlite_with(|settings| {
        on_all_listeners(settings);
        settings.grpc.max_connections = 8;
        settings.rest.max_connections = 8;
        settings.waha_ingress.max_connections = 8;
        settings.ops.max_connections = 8;
    })
    .await;
    // This one has shown its key.
    list_sessions(&service, ALL).await.expect("served");
    let server = service.server.as_ref().expect("a running service");
    let listeners = [
        Some(server.grpc_addr()),
        server.rest_addr(),
        server.waha_ingress_addr(),
        server.ops_addr(),
    ];
    let mut silent = Vec::new();
    for listener in listeners.into_iter().flatten() {
        for _ in 0..40 {
            silent.push(TcpStream::connect(listener).await.expect("connected"));
        }
    }
    list_sessions(&service, ALL).await.expect("the connection that has shown a key lives");
    let mut new = Bare::connect(&service, 65_535).await;
    assert_eq!(new.call(LIST_SESSIONS, Some(SHOP), &[]).await.expect("an answer"), 0);
    for (listener, path) in [
        (server.rest_addr(), "/api/sessions"),
        (server.waha_ingress_addr(), "/webhook/none"),
        (server.ops_addr(), "/livez"),
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {ALL}\r\nconnection: close\r\n\r\n"
        );
        let mut socket =
            TcpStream::connect(listener.expect("a listener")).await.expect("connected");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = timeout(PATIENCE, socket.read_to_string(&mut answer)).await;
        read.expect("in time").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 "), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_not_taken_give_way_to_those_who_take_theirs() {
    let service = Service::on_sqlite_with(|settings| {
        settings.grpc.max_concurrent_calls = 8;
    })
    .await;
    for window in [0, 1] {
        let mut attacker = Bare::connect(&service, window).await;
        let mut open = Vec::new();
        for _ in 0..64 {
            let (response, mut body) = attacker.begin(LIST_SESSIONS, None).await.expect("begun");
            body.send_data(framed(&[]), true).expect("sent");
            open.push(response);
        }
        eventually("another caller is served", || async { list_sessions(&service, "").await.ok() })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_taken_in_time_is_reset_and_a_watch_is_not() {
    let service = Service::on_sqlite_with(|settings| {
        settings.inbound.answer_timeout = Duration::from_secs(1);
    })
    .await;
    let mut client = Bare::connect(&service, 0).await;
    let (watch, mut body) =
        client.begin("/wagroups.v1.GroupsService/WatchGroupEvents", None).await.expect("begun");
    body.send_data(framed(&[]), true).expect("sent");
    let watch = watch.await.expect("a watch");
    let (answer, mut body) = client.begin(LIST_SESSIONS, None).await.expect("begun");
    body.send_data(framed(&[]), true).expect("sent");
    let mut untaken = answer.await.expect("a head").into_body();
    let ended = timeout(PATIENCE, untaken.data()).await.expect("in time").expect("an end");
    assert_eq!(ended.expect_err("no data").reason(), Some(h2::Reason::CANCEL));

    let mut watch = watch.into_body();
    let more = timeout(Duration::from_secs(1), watch.data()).await;
    assert!(more.is_err(), "a watch whose events are not taken neither ends nor sends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_taken_back_at_once_leave_their_neighbours_alone() {
    let service = Service::on_sqlite().await;
    let mut client = Bare::connect(&service, 65_535).await;
    let (watch, mut body) =
        client.begin("/wagroups.v1.GroupsService/WatchGroupEvents", None).await.expect("begun");
    body.send_data(framed(&[]), true).expect("sent");
    let mut watch = watch.await.expect("a watch").into_body();
    watch.data().await.expect("progress").expect("progress");
    for _ in 0..20 {
        let mut calls = Vec::new();
        for _ in 0..50 {
            calls.push(client.begin(LIST_SESSIONS, None).await.expect("begun"));
        }
        for (_, mut body) in calls {
            body.send_reset(h2::Reason::CANCEL);
        }
        let status = client.call(LIST_SESSIONS, None, &[]).await;
        assert_eq!(status.expect("the connection lives"), 0);
    }
    service.group_id("Team", &[]).await;
    let event = timeout(PATIENCE, watch.data()).await.expect("in time");
    event.expect("the watch lives").expect("the watch lives");
}

/// The frames of a call that is begun and at once taken back, as h2's own client would not send them.
fn taken_back(stream: u32) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    // POST, http, and three fields by their place in the static table, which stay out of the dynamic one.
    let fields = [
        vec![0x83, 0x86, 0x04],
        text(HEALTH),
        vec![0x01],
        text("localhost"),
        vec![0x0f, 0x10],
        text("application/grpc"),
    ]
    .concat();
    let length = u8::try_from(fields.len()).expect("short");
    let id = stream.to_be_bytes();
    let headers = [&[0, 0, length, 1, 0x4], &id[..], &fields].concat();
    let reset = [&[0, 0, 4, 3, 0], &id[..], &[0, 0, 0, 8]].concat();
    [headers, reset].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_calls_taken_back_ends_its_connection() {
    let service = Service::on_sqlite_with(with_keys).await;
    let address = service.server.as_ref().expect("a running service").grpc_addr();
    let mut socket = TcpStream::connect(address).await.expect("connected");
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("sent");
    socket.write_all(&settings).await.expect("sent");
    let (mut read, mut write) = socket.into_split();
    // What the service says must be taken, or it would wait for that.
    let reading =
        tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    let flood = async {
        for stream in (1..20_001).step_by(2) {
            write.write_all(&taken_back(stream)).await?;
        }
        // Of all of them some may still have been on their way when it ended.
        reading.await.expect("no panic").map(drop)
    };
    let _ended = timeout(PATIENCE, flood).await.expect("the connection ends");
    list_sessions(&service, ALL).await.expect("others are served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_large_only_where_it_holds_a_picture() {
    let service = Service::on_sqlite().await;
    let request = pb::ListGroupsRequest {
        session: "default".into(),
        page_token: "x".repeat(300 << 10),
        ..Default::default()
    };
    let status = service.groups().list_groups(request).await.expect_err("too large");
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
    let group_id = service.group_id("Team", &[]).await;
    let request = pb::SetGroupPictureRequest {
        session: "default".into(),
        group_id,
        source: Some(pb::set_group_picture_request::Source::Data(vec![0; 1 << 20].into())),
        ..Default::default()
    };
    assert!(request.encoded_len() > 1 << 20);
    let status = service.groups().set_group_picture(request).await.expect_err("no picture");
    assert_ne!(reason(&status), "MESSAGE_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_whatsapp_gives_way_to_nobody() {
    let service = Service::on_sqlite_with(|settings| {
        settings.rest.listen = Some("127.0.0.1:0".parse().expect("an address"));
        settings.rest.max_in_flight = 1;
    })
    .await;
    let latency = pb::LatencyFault {
        duration: Some(prost_types::Duration { seconds: 2, nanos: 500_000_000 }),
    };
    let fault = pb::InjectFaultRequest {
        fault: Some(pb::inject_fault_request::Fault::Latency(latency)),
        uses: 1,
        ..Default::default()
    };
    service.simulator().inject_fault(fault).await.expect("a fault");
    let (client, url) = (http_client(), service.rest_url());
    let create = client.post(format!("{url}/api/default/groups"));
    let create = create.header("content-type", "application/json");
    let create = create.body(r#"{"name":"Team","participants":[]}"#);
    let mut creating = tokio::spawn(async move {
        // Until it has the only place, a list may have it.
        loop {
            let created = create.try_clone().expect("a body of bytes").send().await;
            if !created.as_ref().is_ok_and(|created| created.status() == 503) {
                break created;
            }
        }
    });
    let list = || client.get(format!("{url}/api/sessions")).send();
    eventually("the only place is taken", || async {
        (list().await.expect("an answer").status() == 503).then_some(())
    })
    .await;
    let created = loop {
        tokio::select! {
            created = &mut creating => break created.expect("no panic"),
            refused = list() => assert!(refused.is_ok(), "an answer"),
        }
    };
    assert_eq!(created.expect("an answer, however many asked meanwhile").status(), 201);
    // Not one that was broken off and came again.
    let list = pb::ListCallsRequest { operation: "CreateGroup".into(), ..Default::default() };
    let calls = service.simulator().list_calls(list).await.expect("the calls").into_inner().calls;
    assert_eq!(calls.len(), 1, "{calls:?}");
}
