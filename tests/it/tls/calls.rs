//! Each listener over TLS.

use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use wagroups::domain::clock::Clock as _;
use wagroups::pb;
use wagroups::pb::sessions_service_client::SessionsServiceClient;
use wagroups::telemetry::SystemClock;

use super::authority::Authority;
use super::secured::{Client, Secured, make_group};
use crate::harness::service::{PATIENCE, http_client};
use crate::webhook::sender::{self, Sender};

const SECRET: &str = "7777777777777777777777777777777777777777777777777777777777777777";

fn with_all_listeners(settings: &mut wagroups::config::Settings) {
    settings.rest.listen = "127.0.0.1:0".parse().ok();
    settings.waha_ingress.listen = "127.0.0.1:0".parse().ok();
    settings.ops.listen = "127.0.0.1:0".parse().ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_watches_of_grpc() {
    let service = Secured::start().await;
    let groups = service.client.groups(service.grpc()).await;
    let watch = pb::WatchGroupEventsRequest::default();
    let mut watch = groups.clone().watch_group_events(watch).await.expect("a watch").into_inner();
    let id = make_group(&groups, "over TLS").await;
    let request = pb::GetGroupRequest {
        session: "default".into(),
        group_id: id.clone(),
        ..Default::default()
    };
    let got = groups.clone().get_group(request).await.expect("the group").into_inner();
    assert_eq!(pb::Group::decode(got.group).expect("a group").subject, "over TLS");
    let told = async {
        loop {
            let seen = watch.next().await.expect("an answer").expect("no error");
            let events = seen
                .events
                .into_iter()
                .map(|event| pb::GroupEvent::decode(event).expect("an event"));
            if events.into_iter().any(|event| event.group_id == id) {
                break;
            }
        }
    };
    timeout(PATIENCE, told).await.expect("the watch tells of it");

    let strangers = Client::trusting(&Authority::new("another"), &service.dir);
    let error = strangers.channel(service.grpc()).await.expect_err("it is not trusted");
    assert!(wagroups::tls::distrusts(&error), "{error:?}");
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waha_s_paths_streams_sockets_and_webhooks() {
    let service = Secured::start_with(|settings, _, _| with_all_listeners(settings)).await;
    let groups = service.client.groups(service.grpc()).await;
    make_group(&groups, "before").await;
    let (http, rest) = (service.client.http(), service.rest_url());
    let list = http.get(format!("{rest}/api/default/groups")).send().await.expect("an answer");
    assert_eq!(list.status(), 200);
    assert_eq!(list.json::<Value>().await.expect("JSON").as_array().map(Vec::len), Some(1));

    let mut events =
        http.get(format!("{rest}/api/default/groups/events")).send().await.expect("a stream");
    assert_eq!(events.headers()["content-type"], "text/event-stream");

    let addr = service.server.rest_addr().expect("REST");
    let stream = service.client.stream(addr, &["http/1.1"]).await.expect("a handshake");
    let (mut socket, _) = client_async("wss://localhost/ws", stream).await.expect("a socket");
    socket.send(Message::Ping("there".into())).await.expect("sent");
    assert_eq!(
        socket.next().await.expect("an answer").expect("no error"),
        Message::Pong("there".into())
    );

    make_group(&groups, "told of").await;
    let told = async {
        let mut text = String::new();
        while !text.contains("told of") {
            let piece = events.chunk().await.expect("no error").expect("a piece");
            text.push_str(&String::from_utf8_lossy(&piece));
        }
        loop {
            let frame = socket.next().await.expect("a frame").expect("no error");
            if frame.to_text().is_ok_and(|text| text.contains("told of")) {
                break;
            }
        }
    };
    timeout(PATIENCE, told).await.expect("both tell of it");

    let waha = pb::WahaConfig { webhook_secret: SECRET.into(), ..Default::default() };
    let request = pb::CreateSessionRequest {
        session: "phone".into(),
        config: Some(pb::create_session_request::Config::Waha(waha)),
        ..Default::default()
    };
    let channel = service.client.channel(service.grpc()).await.expect("a connection");
    SessionsServiceClient::new(channel).create_session(request).await.expect("a session");
    let door = service.server.waha_ingress_addr().expect("a door");
    let sender = Sender::over(service.client.http(), &format!("https://{door}"), SECRET);
    let time = SystemClock.now().as_millis();
    let joined = sender::members("120363000000000001@g.us", "join", &["4915100000002@c.us"], time);
    let event = sender::event("phone", &sender::event_id(1), time, "group.v2.participants", joined);
    let (status, body) = sender.post("phone", event.to_string()).await;
    assert_eq!((status, &body["outcome"]), (200, &json!("accepted")));

    // Kubelets and scrapers go on as before.
    let ops = service.server.ops_addr().expect("ops");
    let metrics = http_client().get(format!("http://{ops}/metrics")).send().await;
    let metrics = metrics.expect("an answer").text().await.expect("a text");
    for listener in ["grpc", "rest", "webhook"] {
        let series =
            format!("wagroups_tls_certificate_expiry_timestamp_seconds{{listener=\"{listener}\"}}");
        assert!(metrics.contains(&series), "{listener}");
    }
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_and_metrics_where_that_is_set() {
    let service = Secured::start_with(|settings, _, _| {
        with_all_listeners(settings);
        settings.ops.tls = true;
    })
    .await;
    let ops = service.server.ops_addr().expect("ops");
    let ready = service.client.http().get(format!("https://{ops}/readyz")).send().await;
    assert_eq!(ready.expect("an answer").status(), 200);
    assert!(http_client().get(format!("http://{ops}/readyz")).send().await.is_err());
    service.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_1_2_and_1_3_are_spoken_and_each_listener_its_own_protocol() {
    let service = Secured::start_with(|settings, _, _| with_all_listeners(settings)).await;
    let rest = service.server.rest_addr().expect("REST");
    for (version, name) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let client = service.client.speaking(version, &service.authority);
        client.stream(rest, &["h2", "http/1.1"]).await.expect("REST");
        let stream = client.stream(service.grpc(), &["http/1.1", "h2"]).await.expect("gRPC");
        let spoken = stream.get_ref().1;
        assert_eq!(spoken.protocol_version(), Some(name));
        assert_eq!(spoken.alpn_protocol(), Some(&b"h2"[..]));
        service.works(&client).await.expect("calls work");
        // Each other's.
        assert!(client.stream(rest, &["h2"]).await.is_err());
        assert!(client.stream(service.grpc(), &["http/1.1"]).await.is_err());
    }
    service.server.stop().await;
}
