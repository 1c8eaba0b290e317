//! The WebSocket: events as they happen, to who has the key; nothing is kept for who comes later.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::WahaServer;
use super::call::Call;
use super::hub::{Listener, Wanted};

/// Who has not answered a ping by the next one is cut off.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const UNAUTHORIZED: (u16, &str) = (1008, "Unauthorized");

/// Upgrades the request. A bad key is told only afterwards, by closing.
pub async fn answer(server: Arc<WahaServer>, call: &Call, mut parts: Parts) -> Response {
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(refused) => return refused.into_response(),
    };
    // The header is not read here.
    let mut keys = call.query.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-api-key"));
    let key = keys.next().map(|(_, key)| key.as_str());
    if server.options.api_key.is_some_and(|wanted| key != Some(wanted)) {
        return upgrade.on_upgrade(refuse);
    }
    let session = call.query("session").unwrap_or("*").to_owned();
    let mut events: Vec<String> =
        call.queries("events").flat_map(|events| events.split(',')).map(str::to_owned).collect();
    if events.is_empty() {
        events.push("*".to_owned());
    }
    let (frames, queue) = mpsc::unbounded_channel();
    let life = CancellationToken::new();
    let listener = Listener { session, wanted: Wanted(events), frames, life: life.clone() };
    upgrade.on_upgrade(move |socket| async move {
        server.hub.add(listener);
        // Dropped half-way, it closes without a word.
        let _ = life.run_until_cancelled(serve(socket, queue)).await;
    })
}

async fn refuse(mut socket: WebSocket) {
    let (code, reason) = UNAUTHORIZED;
    let close = CloseFrame { code, reason: reason.into() };
    // Who has gone needs no refusal.
    let _ = socket.send(Message::Close(Some(close))).await;
    while let Some(Ok(_)) = socket.recv().await {}
}

async fn serve(mut socket: WebSocket, mut queue: mpsc::UnboundedReceiver<String>) {
    let first = tokio::time::Instant::now() + PING_INTERVAL;
    let mut pings = tokio::time::interval_at(first, PING_INTERVAL);
    let mut is_answered = true;
    loop {
        let sent = tokio::select! {
            frame = queue.recv() => match frame {
                Some(text) => socket.send(Message::Text(text.into())).await,
                None => return,
            },
            _ = pings.tick() => {
                if !is_answered {
                    return;
                }
                is_answered = false;
                socket.send(Message::Ping(Bytes::new())).await
            }
            received = socket.recv() => match received {
                Some(Ok(Message::Pong(_))) => {
                    is_answered = true;
                    Ok(())
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(_)) | None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}
