//! WAHA's WebSocket, as its clients use it.

use std::fmt::Display;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use wagroups::config::ApiKey;
use wagroups::pb;

use super::listening;
use crate::harness::service::{PATIENCE, Service};

pub struct Socket(pub WebSocketStream<TcpStream>);

impl Socket {
    pub async fn open(service: &Service, query: &str) -> Self {
        let url = service.rest_url();
        Self::at(url.trim_start_matches("http://"), query).await
    }

    pub async fn at(address: impl Display, query: &str) -> Self {
        let stream = TcpStream::connect(address.to_string()).await.expect("a connection");
        let url = format!("ws://{address}/ws?{query}");
        Self(client_async(url.as_str(), stream).await.expect("the handshake always succeeds").0)
    }

    pub async fn next(&mut self) -> Message {
        let next = timeout(PATIENCE, self.0.next()).await.expect("in time");
        next.expect("a frame").expect("no error")
    }

    pub async fn event(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// A frame as it came.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// It is there, and was told nothing since.
    pub async fn is_told_nothing(&mut self) {
        self.0.send(Message::Ping("there".into())).await.expect("sent");
        assert_eq!(self.next().await, Message::Pong("there".into()));
    }

    /// The code and the reason of the close.
    async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

async fn rename(service: &Service, group_id: &str, subject: &str) {
    let request = pb::SetGroupSubjectRequest {
        session: "default".into(),
        group_id: group_id.into(),
        subject: subject.into(),
        ..Default::default()
    };
    service.groups().set_group_subject(request).await.expect("renamed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_in_wahas_envelope_to_those_who_asked_for_them() {
    let service = Service::on_sqlite_with(listening).await;
    let mut all = Socket::open(&service, "").await;
    let mut of_session =
        Socket::open(&service, "session=default&events=group.v2.update,message").await;
    let mut of_another = Socket::open(&service, "session=nobody").await;
    let mut of_none = Socket::open(&service, "events=message").await;
    // Whatever a client says is of no use, and ends nothing.
    all.0.send(Message::Text("hello".into())).await.expect("sent");
    all.0.send(Message::Ping("are you there".into())).await.expect("sent");
    assert_eq!(all.next().await, Message::Pong("are you there".into()));
    of_another.0.send(Message::Ping("1".into())).await.expect("sent");
    assert_eq!(of_another.next().await, Message::Pong("1".into()), "it is there by now");
    of_none.0.send(Message::Ping("2".into())).await.expect("sent");
    assert_eq!(of_none.next().await, Message::Pong("2".into()));
    of_session.0.send(Message::Ping("3".into())).await.expect("sent");
    assert_eq!(of_session.next().await, Message::Pong("3".into()));

    let group_id = service.group_id("Team", &["+4915120000001"]).await;
    rename(&service, &group_id, "Crew").await;
    let joined = all.event().await;
    assert_eq!(
        (&joined["event"], &joined["session"]),
        (&"group.v2.join".into(), &"default".into())
    );
    assert!(joined["id"].as_str().expect("an id").starts_with("evt_"), "{joined}");
    assert_eq!(joined["payload"]["group"]["id"], group_id.as_str());
    for socket in [&mut all, &mut of_session] {
        let renamed = socket.event().await;
        assert_eq!(renamed["event"], "group.v2.update");
        assert_eq!(renamed["payload"]["group"]["subject"], "Crew");
    }
    for socket in [&mut of_another, &mut of_none] {
        socket.0.send(Message::Ping("still".into())).await.expect("sent");
        assert_eq!(socket.next().await, Message::Pong("still".into()), "it is told nothing");
    }
    // A session that was not there when the socket was opened.
    service.create_session("nobody").await;
    let request = pb::CreateGroupRequest {
        session: "nobody".into(),
        subject: "New".into(),
        participant_ids: vec!["+4915120000001".into()],
        ..Default::default()
    };
    service.groups().create_group(request).await.expect("a group");
    assert_eq!(of_another.event().await["session"], "nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_is_told_by_the_close() {
    let service = Service::on_sqlite_with(|settings| {
        listening(settings);
        settings.auth.keys = vec![ApiKey {
            name: "shop".into(),
            sha256: hex::encode(Sha256::digest("wag_shop")).parse().expect("a digest"),
            sessions: vec!["shop-*".parse().expect("a pattern")],
            role: None,
        }];
    })
    .await;
    for query in ["", "x-api-key=wrong"] {
        let mut socket = Socket::open(&service, query).await;
        assert_eq!(socket.closed().await, (1008, "Unauthorized".into()), "{query}");
    }
    let mut socket = Socket::open(&service, "session=default&x-api-key=wag_shop").await;
    assert_eq!(socket.closed().await, (1008, "Forbidden".into()));
    // All that the key may see, and the name of the parameter in any case.
    let mut socket = Socket::open(&service, "session=*&X-API-KEY=wag_shop").await;
    socket.0.send(Message::Ping("there".into())).await.expect("sent");
    assert_eq!(socket.next().await, Message::Pong("there".into()));
}

/// What a client announces is held against the limit before room for it is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_announces_too_much_ends_the_socket_before_it_is_sent() {
    let service = Service::on_sqlite_with(listening).await;
    let mut socket = Socket::open(&service, "").await;
    // A masked binary frame of 1 MiB, and none of it.
    let mut head = vec![0x82, 0x80 | 127];
    head.extend(1_048_576_u64.to_be_bytes());
    head.extend([0; 4]);
    socket.0.get_mut().write_all(&head).await.expect("sent");
    let next = timeout(PATIENCE, socket.0.next()).await.expect("in time");
    assert!(!matches!(next, Some(Ok(Message::Text(_) | Message::Ping(_)))), "{next:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_says_so() {
    let mut service = Service::on_sqlite_with(listening).await;
    let mut socket = Socket::open(&service, "").await;
    socket.0.send(Message::Ping("there".into())).await.expect("sent");
    assert_eq!(socket.next().await, Message::Pong("there".into()));
    service.server.take().expect("a service").stop().await;
    assert_eq!(socket.closed().await.0, 1001);
}

/// Each ping is owed a pong. Whoever sends pings and reads nothing had all of them kept, without an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_takes_no_more_pings_than_it_can_answer() {
    let service = Service::on_sqlite_with(listening).await;
    let mut socket = Socket::open(&service, "").await;
    let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &[b'p'; 125]].concat();
    let pings = ping.repeat(1000);
    let mut sent = 0;
    // What the kernels on both sides hold is some megabytes.
    while sent < 64 << 20 {
        match timeout(Duration::from_secs(2), socket.0.get_mut().write_all(&pings)).await {
            Ok(Ok(())) => sent += pings.len(),
            Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(sent < 64 << 20, "all that was sent was taken");
}
