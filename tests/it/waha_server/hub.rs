//! Who is told of events: WebSockets and webhooks, all the same envelope.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wagroups::domain::clock::Timestamp;
use wagroups::domain::event::EventId;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::telemetry::SystemEntropy;

use super::reply::environment;
use super::session::Session;
use super::{WahaServer, version, webhooks};

/// Only for who asks for them by name.
const NOT_IN_WILDCARD: [&str; 2] = ["engine.event", "state.change"];

/// Which events a listener wants.
#[derive(Debug, Clone)]
pub struct Wanted(pub Vec<String>);

impl Wanted {
    pub fn has(&self, event: &str) -> bool {
        let is_in_wildcard = !NOT_IN_WILDCARD.contains(&event);
        self.0.iter().any(|wanted| wanted == event || (wanted == "*" && is_in_wildcard))
    }
}

/// A WebSocket that is open.
pub struct Listener {
    /// `*` = all.
    pub session: String,
    pub wanted: Wanted,
    pub frames: mpsc::UnboundedSender<String>,
    pub life: CancellationToken,
}

impl Listener {
    fn is_open(&self) -> bool {
        !self.life.is_cancelled() && !self.frames.is_closed()
    }
}

#[derive(Default)]
pub struct Hub {
    listeners: Mutex<Vec<Listener>>,
    mischief: Mutex<Mischief>,
    last_time: Mutex<Timestamp>,
}

#[derive(Default)]
struct Mischief {
    to_lose: usize,
    repeats: bool,
}

impl Hub {
    /// A millisecond of its own for each event: the simulator does in one what takes WhatsApp longer.
    fn next_time(&self, now: Timestamp) -> Timestamp {
        let mut last = self.last_time.lock().expect("the time");
        *last = now.max(*last + Duration::from_millis(1));
        *last
    }

    pub fn add(&self, listener: Listener) {
        let mut listeners = self.listeners.lock().expect("the listeners");
        listeners.retain(Listener::is_open);
        listeners.push(listener);
    }

    pub fn cut_websockets(&self) {
        for listener in self.listeners.lock().expect("the listeners").drain(..) {
            listener.life.cancel();
        }
    }

    pub fn websocket_count(&self) -> usize {
        let listeners = self.listeners.lock().expect("the listeners");
        listeners.iter().filter(|listener| listener.is_open()).count()
    }

    pub fn lose(&self, count: usize) {
        self.mischief.lock().expect("the mischief").to_lose += count;
    }

    pub fn repeat(&self, on: bool) {
        self.mischief.lock().expect("the mischief").repeats = on;
    }

    /// How often the next event is told.
    fn times(&self) -> usize {
        let mut mischief = self.mischief.lock().expect("the mischief");
        match mischief.to_lose.checked_sub(1) {
            Some(left) => {
                mischief.to_lose = left;
                0
            }
            None if mischief.repeats => 2,
            None => 1,
        }
    }

    fn send(&self, session: &str, event: &str, text: &str) {
        for listener in self.listeners.lock().expect("the listeners").iter() {
            let is_meant = listener.session == "*" || listener.session == session;
            if is_meant && listener.wanted.has(event) {
                // Who has gone hears nothing.
                let _ = listener.frames.send(text.to_owned());
            }
        }
    }
}

impl WahaServer {
    /// Sends a frame as it is to every WebSocket that wants this event of the session.
    pub fn send_frame(&self, session: &str, event: &str, text: &str) {
        self.hub.send(session, event, text);
    }

    /// Tells an event to all who want it.
    pub(super) fn emit(&self, session: &Session, event: &str, payload: Value) {
        if !self.is_alive() {
            return;
        }
        let times = self.hub.times();
        let now = self.hub.next_time(self.now());
        let mut envelope = json!({
            "id": EventId::new(now, &SystemEntropy).to_string(),
            "timestamp": now.as_millis(),
            "event": event,
            "session": session.name,
            "metadata": session.metadata(),
            "me": session.me(),
            "payload": payload,
            "engine": self.options.engine.as_str(),
            "environment": environment(&self.options),
        });
        if self.options.engine == WahaEngine::Gows {
            let fields = envelope.as_object_mut().expect("an envelope");
            if self.options.version() < version::ENGINE_NAMED {
                fields.remove("engine");
            }
            if fields["me"].is_null() {
                fields.remove("me");
            }
        }
        let text = envelope.to_string();
        for _ in 0..times {
            self.hub.send(&session.name, event, &text);
            for webhook in webhooks::configured(&session.config) {
                if webhook.wanted.has(event) {
                    let life = self.open.lock().expect("the port");
                    let life = life.as_ref().map(|open| open.life.clone());
                    let client = self.http.clone();
                    let taken = self.webhooks_taken.clone();
                    let version = self.options.version;
                    webhook.deliver(client, version, now, text.clone(), life, taken);
                }
            }
        }
    }
}
