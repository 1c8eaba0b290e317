//! WAHA's WebSocket, `GET /ws?session=…&events=…&x-api-key=…`: the same events, one in a text frame; and beside them
//! what WAHA servers report of their sessions besides groups, as it comes and only to who keeps up.
//!
//! As in WAHA the key stands in the query, the handshake always succeeds, and who may not learns it from the
//! close: 1008 `Unauthorized` or `Forbidden`. There is no resume; a client that must miss nothing follows
//! the server-sent events.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::Utf8Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{Extensions, HeaderMap};
use axum::response::{IntoResponse, Response};
use futures::{SinkExt as _, Stream, StreamExt as _};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, interval_at, sleep_until, timeout};

use crate::app::Call;
use crate::app::fanout::{Waiting, Wish};
use crate::app::watch::{WatchItem, WatchRequest, WatchStart};
use crate::domain::auth::{Caller, Role};
use crate::domain::error::Result as DomainResult;
use crate::domain::event::EventRecord;
use crate::domain::id::SessionName;
use crate::domain::other_event::{MAX_NAMES, OtherEventName, OtherEventNames};
use crate::domain::reason::Reason;
use crate::domain::webhook::EventName;
use crate::envelope::WahaRenderer;
use crate::middleware::audit::note_caller;
use crate::middleware::{Audited, ClientCertificate, Peer};
use crate::pb;
use crate::rest::RestState;
use crate::rest::request::Arrival;
use crate::telemetry;

/// WAHA's: whoever has not answered by the next one is cut off.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// How long a frame may take to be read by the other side.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nothing that a client sends is of use here.
const MAX_RECEIVED_BYTES: usize = 4096;
/// The longest frame that is sent, about: an event that describes a whole group is some 200 KiB.
const MAX_SENT_BYTES: usize = 4 << 20;
/// Frames are read at this pace, after as many as fit in the time below; a client that answers pings, and asks a
/// few times a second whether we are there, is never slowed down.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);
const FRAMES_AHEAD: Duration = Duration::from_secs(10);

pub async fn open(
    State(gateway): State<RestState>,
    arrival: Arrival,
    extensions: Extensions,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let asked = &arrival.info;
    let Ok(upgrade) = upgrade else {
        return match arrival.caller() {
            Ok(_) => asked.no_such_path().into_response(),
            Err(error) => asked.refuse(error).into_response(),
        };
    };
    // No rule of browsers keeps pages from opening sockets elsewhere.
    if let Err(error) = arrival.refuse_foreign_page() {
        return asked.refuse(error).into_response();
    }
    let wished = Wished::read(asked.uri.query().unwrap_or_default());
    upgrade
        .max_message_size(MAX_RECEIVED_BYTES)
        // A frame may announce 16 MiB otherwise, and room for them is made before they arrive.
        .max_frame_size(MAX_RECEIVED_BYTES)
        // It is there before anything is read.
        .read_buffer_size(MAX_RECEIVED_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_SENT_BYTES)
        .on_upgrade(move |socket| async move {
            // What is refused here was answered with 101 long ago.
            let audited = gateway.audit.begin("GET /ws", false, Peer::of(&extensions));
            let certificate = extensions.get::<ClientCertificate>();
            follow(gateway, wished, socket, certificate, audited).await;
        })
}

/// What the query asks for.
#[derive(Debug, Default, PartialEq)]
struct Wished {
    key: Option<String>,
    /// Empty = all that the key may see.
    session: String,
    /// Of groups; empty = all that WAHA has.
    events: Vec<EventName>,
    /// Events were named, and none of groups.
    is_nothing: bool,
    /// Those beside groups.
    others: OtherEventNames,
}

impl Wished {
    /// Names are repeated or separated by commas; those that are unknown are ignored, as WAHA does.
    fn read(query: &str) -> Self {
        let mut wished = Self::default();
        let mut named = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.to_ascii_lowercase().as_str() {
                "x-api-key" => wished.key = Some(value.into_owned()),
                "session" => wished.session = value.into_owned(),
                "events" => named.extend(value.split(',').map(|name| name.trim().to_owned())),
                _ => {}
            }
        }
        if wished.session == "*" {
            wished.session.clear();
        }
        named.retain(|name| !name.is_empty());
        if named.is_empty() {
            named.push("*".to_owned());
        }
        let others = named.iter().filter_map(|name| name.parse::<OtherEventName>().ok());
        wished.others = others.take(MAX_NAMES).collect();
        if named.iter().any(|name| name == "*") {
            return wished;
        }
        let events: Vec<EventName> = named.iter().filter_map(|name| name.parse().ok()).collect();
        wished.is_nothing = events.is_empty();
        Self { events, ..wished }
    }
}

async fn follow(
    gateway: RestState,
    wished: Wished,
    mut socket: WebSocket,
    certificate: Option<&ClientCertificate>,
    audited: Audited,
) {
    let key = wished.key.as_deref().map(str::as_bytes);
    let Ok(caller) = gateway.keyring.identify_or(&HeaderMap::new(), key, certificate) else {
        audited.end(Reason::Unauthenticated.as_str());
        return close(socket, close_code::POLICY, "Unauthorized").await;
    };
    audited.subject.sync_scope(|| note_caller(&caller));
    let Some(sessions) = sessions(&gateway, &caller, &wished) else {
        audited.end(Reason::PermissionDenied.as_str());
        return close(socket, close_code::POLICY, "Forbidden").await;
    };
    let call = Call { caller, deadline: None, trace: None };
    let request = WatchRequest {
        sessions,
        group_ids: Vec::new(),
        types: Vec::new(),
        start: WatchStart::Now,
        progress_interval: None,
    };
    let begun = async {
        let place = gateway.streams.take(&call.caller)?;
        Ok((place, gateway.app.watch(&call, request).await?))
    };
    let begun: DomainResult<_> = begun.await;
    let (_place, items) = match begun {
        Ok(begun) => begun,
        // 1013: try again later.
        Err(error) => {
            audited.end(error.reason().as_str());
            return close(socket, close_code::AGAIN, error.message()).await;
        }
    };
    let names = match call.caller.require(Role::Admin) {
        Ok(()) => wished.others.clone(),
        // What an engine reports of itself has QR codes in it, and whoever scans one links a phone.
        Err(_) => wished.others.clone().without_raw(),
    };
    let wish = Wish {
        caller: call.caller.clone(),
        // One that is not there yet may come.
        sessions: wished.session.parse().into_iter().collect(),
        names,
    };
    let (_subscription, passed_on) = gateway.app.subscribe(wish);
    let frames = Frames { gateway, call, wished };
    let ended = frames.send(Box::pin(items), passed_on, &mut socket).await;
    if let Some(why) = ended {
        close(socket, close_code::AWAY, why).await;
    }
}

/// Whose events; `None` where the key must not see them. A session that is not there yet may come, so that
/// all are followed then, and the name is compared with each event.
fn sessions(gateway: &RestState, caller: &Caller, wished: &Wished) -> Option<Vec<SessionName>> {
    if wished.session.is_empty() {
        return Some(Vec::new());
    }
    let name: SessionName = wished.session.parse().ok()?;
    caller.authorize(&name).ok()?;
    Some(if gateway.app.has_session(&name) { vec![name] } else { Vec::new() })
}

struct Frames {
    gateway: RestState,
    call: Call,
    wished: Wished,
}

impl Frames {
    /// Sends what comes until either side ends; with a cause where we do.
    async fn send(
        &self,
        mut items: impl Stream<Item = DomainResult<WatchItem>> + Unpin,
        mut passed_on: mpsc::Receiver<Waiting>,
        socket: &mut WebSocket,
    ) -> Option<&'static str> {
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        let mut is_there = true;
        let mut pace = Pace::new();
        loop {
            let until = pace.next();
            let next = async {
                sleep_until(until).await;
                socket.recv().await
            };
            tokio::select! {
                // What comes last here waits for all others.
                biased;
                _ = pings.tick() => {
                    let was_there = std::mem::take(&mut is_there);
                    if !was_there || !send(socket, Message::Ping(bytes::Bytes::new())).await {
                        return None;
                    }
                }
                received = next => {
                    pace.note();
                    match received {
                        Some(Ok(Message::Pong(_))) => is_there = true,
                        // tungstenite 0.29 answers it when more is read, and keeps what is not taken, however much
                        // that is. So no more is read until it is.
                        Some(Ok(Message::Ping(_))) => {
                            if !is_taken(timeout(PATIENCE, socket.flush()).await) {
                                return None;
                            }
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                        Some(Ok(Message::Text(_) | Message::Binary(_))) => {}
                    }
                }
                item = items.next() => match item {
                    Some(Ok(WatchItem::Events { events, .. })) => {
                        for event in &events {
                            // Each is made when the one before has been taken.
                            if let Some(message) = self.message(event).await
                                && !send(socket, message).await
                            {
                                return None;
                            }
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Some("the service ends the stream; connect again"),
                },
                Some(waiting) = passed_on.recv() => {
                    // It was read of a text, so that this is one.
                    let Ok(text) = Utf8Bytes::try_from(waiting.event.body.clone()) else { continue };
                    if !send(socket, Message::Text(text)).await {
                        return None;
                    }
                    telemetry::passed_on("passed");
                }
            }
        }
    }

    /// The event in WAHA's words, where it is wished for.
    async fn message(&self, event: &EventRecord) -> Option<Message> {
        let is_wished =
            self.wished.session.is_empty() || event.session.as_str() == self.wished.session;
        if !is_wished || self.wished.is_nothing {
            return None;
        }
        let session = self.gateway.app.get_session(&self.call, &event.session).await.ok()?;
        let (words, names) = (self.gateway.shape.words(), self.wished.events.clone());
        let renderer = WahaRenderer::new(Some(&session), words, names);
        let rendered = renderer.render(&pb::GroupEvent::decode(event.wire.clone()).ok()?)?;
        Some(Message::Text(rendered.body.to_string().into()))
    }
}

/// Whether the other side has taken it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    is_taken(timeout(PATIENCE, socket.send(message)).await)
}

fn is_taken<E>(sent: Result<Result<(), E>, Elapsed>) -> bool {
    matches!(sent, Ok(Ok(())))
}

/// How fast frames are read.
struct Pace {
    /// Until when all the frames that were read would have taken, at the pace alone.
    spent: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { spent: Instant::now() }
    }

    /// When the next frame is read.
    fn next(&self) -> Instant {
        self.spent.checked_sub(FRAMES_AHEAD).unwrap_or(self.spent)
    }

    /// One frame was read.
    fn note(&mut self) {
        self.spent = self.spent.max(Instant::now()) + FRAME_INTERVAL;
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &str) {
    // A close frame has room for 123 bytes.
    let end = reason.floor_char_boundary(120);
    let frame = CloseFrame { code, reason: reason[..end].into() };
    // Whoever is gone needs no word.
    let _ = timeout(PATIENCE, socket.send(Message::Close(Some(frame)))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_are_read_at_a_pace_after_the_first_hundred() {
        let mut pace = Pace::new();
        let began = Instant::now();
        for _ in 0..100 {
            assert!(pace.next() <= Instant::now());
            pace.note();
        }
        for _ in 0..50 {
            sleep_until(pace.next()).await;
            pace.note();
        }
        let took = began.elapsed();
        assert!(took >= 49 * FRAME_INTERVAL && took <= 51 * FRAME_INTERVAL, "{took:?}");
        // Silence makes up for it.
        sleep_until(began + 10 * FRAMES_AHEAD).await;
        assert!(pace.next() <= Instant::now());
    }

    #[test]
    fn the_query_is_read_as_waha_reads_it() {
        let others = |names: &[&str]| {
            names.iter().map(|name| name.parse().expect("a name")).collect::<OtherEventNames>()
        };
        let all = Wished { others: others(&["*"]), ..Wished::default() };
        for query in ["", "session=*", "session=*&events=*", "events=group.v2.join,*", "other=1"] {
            assert_eq!(Wished::read(query), all, "{query}");
        }
        let some = Wished::read(
            "session=shop&events=group.v2.join,message&events=group.v2.leave&X-API-KEY=a%26b",
        );
        assert_eq!((some.session.as_str(), some.key.as_deref()), ("shop", Some("a&b")));
        assert_eq!(some.events, [EventName::Join, EventName::Leave]);
        assert_eq!(some.others, others(&["message"]));
        assert!(Wished::read("events=message").is_nothing);
        let more = Wished::read("events=*,engine.event,group.v2.join");
        assert_eq!(more, Wished { others: others(&["*", "engine.event"]), ..Wished::default() });
        assert!(Wished::read("events=group.v2.join").others.is_empty());
    }
}
