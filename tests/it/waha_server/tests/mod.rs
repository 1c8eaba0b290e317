//! What the stand-in answers and tells, over real HTTP.

mod answers;
mod changes;
mod events;
mod faults;
mod refusals;
mod sessions;
mod worlds;

use std::sync::Arc;

use futures::StreamExt;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use wagroups::domain::id::{GroupId, ParticipantId};
use wagroups::domain::participant::Account;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Options, WahaServer, Whatsapp};

const KEY: &str = "stand-in";

/// A server with session `alice`, which is to make groups, and one with session `bob`.
struct Scene {
    whatsapp: Arc<Whatsapp>,
    server: Arc<WahaServer>,
    alice: Account,
    bob: Account,
    client: Rest,
}

async fn scene(engine: WahaEngine) -> Scene {
    scene_of(Options { engine, ..Options::default() }).await
}

async fn scene_of(options: Options) -> Scene {
    let whatsapp = Whatsapp::new().await;
    let server = WahaServer::start(&whatsapp, options).await;
    let alice = server.add_session("alice").await;
    let bob = server.add_session("bob").await;
    let client = Rest::new(&server);
    Scene { whatsapp, server, alice, bob, client }
}

fn person(number: u64) -> ParticipantId {
    format!("+4915120{number:05}").parse().expect("a number")
}

/// As it stands on the wire.
fn wire(id: ParticipantId) -> String {
    id.to_string().replace("@c.us", "@s.whatsapp.net")
}

fn people(ids: &[ParticipantId]) -> Value {
    let people: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "participants": people })
}

impl Scene {
    /// A group of Alice's with Bob and one other, made in WhatsApp.
    async fn group(&self) -> GroupId {
        let operation = Operation::Create {
            subject: "Team".into(),
            description: "Sundays".into(),
            participants: vec![self.bob.id(), person(1)],
            settings: wagroups::domain::group::GroupSettings::default(),
            addressing_mode: wagroups::domain::group::AddressingMode::Lid,
        };
        let made = self.act(self.alice.id(), operation).await;
        made.expect("a group")
    }

    async fn act(&self, actor: ParticipantId, operation: Operation) -> Option<GroupId> {
        let acted = self.whatsapp.simulator().act(actor, operation, false).await;
        acted.expect("done").group_id
    }

    async fn get(&self, session: &str, path: &str) -> Said {
        self.client.call("GET", &format!("/api/{session}/groups{path}"), Value::Null).await
    }

    async fn put(&self, session: &str, path: &str, body: Value) -> Said {
        self.client.call("PUT", &format!("/api/{session}/groups{path}"), body).await
    }

    async fn post(&self, session: &str, path: &str, body: Value) -> Said {
        self.client.call("POST", &format!("/api/{session}/groups{path}"), body).await
    }
}

/// A client that looks at everything.
#[derive(Clone)]
struct Rest {
    http: Client,
    url: String,
}

#[derive(Debug)]
struct Said {
    status: u16,
    kind: String,
    headers: HeaderMap,
    text: String,
}

impl Rest {
    fn new(server: &WahaServer) -> Self {
        let tls = wagroups::tls::Trust::default().client_config().expect("TLS");
        let http = Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
        Self { http, url: server.url() }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Said {
        self.attempt(method, path, body).await.expect("an answer")
    }

    async fn attempt(&self, method: &str, path: &str, body: Value) -> reqwest::Result<Said> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.header("x-api-key", KEY);
        let request = if body.is_null() { request } else { request.json(&body) };
        let response = request.send().await?;
        let headers = response.headers().clone();
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
        let (status, kind) = (response.status().as_u16(), kind.unwrap_or_default().to_owned());
        Ok(Said { status, kind, headers, text: response.text().await? })
    }
}

impl Said {
    #[track_caller]
    fn json(&self, status: u16) -> Value {
        assert_eq!((self.status, &*self.kind), (status, super::reply::JSON), "{self:?}");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    #[track_caller]
    fn bare(&self, text: &str) {
        let said = (self.status, &*self.kind, &*self.text);
        assert_eq!(said, (200, super::reply::HTML, text), "{self:?}");
    }

    #[track_caller]
    fn nothing(&self) {
        assert_eq!((self.status, &*self.kind, &*self.text), (200, "", ""), "{self:?}");
        assert_eq!(self.headers.get("content-length").expect("a length"), "0");
    }

    /// The exception of envelope B.
    #[track_caller]
    fn exception(&self) -> Value {
        let body = self.json(500);
        assert_eq!(body["statusCode"], json!(500));
        assert_eq!(body["version"]["tier"], json!("CORE"), "{body}");
        assert!(body["request"]["path"].is_string(), "{body}");
        body["exception"].clone()
    }

    #[track_caller]
    fn threw(&self, message: &str) {
        assert_eq!(self.exception()["message"], json!(message), "{self:?}");
    }
}

/// A WebSocket that is open.
struct Socket(
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Socket {
    async fn open(server: &WahaServer, query: &str) -> Self {
        let before = server.websocket_count();
        let socket = Self::connect(server, query).await;
        crate::harness::service::eventually("the WebSocket is known", || async {
            (server.websocket_count() > before).then_some(())
        })
        .await;
        socket
    }

    async fn connect(server: &WahaServer, query: &str) -> Self {
        let url = format!("{}/ws?{query}", server.url().replace("http", "ws"));
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("a WebSocket");
        Self(socket)
    }

    async fn message(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(crate::harness::service::PATIENCE, self.0.next());
        next.await.expect("a message in time").and_then(Result::ok)
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        match self.message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next event of this name.
    async fn event_of(&mut self, name: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["event"] == json!(name) {
                return event;
            }
        }
    }
}
