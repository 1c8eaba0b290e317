//! Following one server: its events, and where its sessions stand.
//!
//! Events can be lost whenever the stream is not open, so each new stream is followed by a look at all
//! sessions, and each session that works is compared with WhatsApp.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::restarts::{Restart, Restarts};
use super::routes::Routes;
use super::server::{Ask, Server};
use super::stream::{self, Broken, EVENTS};
use super::webhook::{self, Content, WahaStatus};
use crate::domain::backoff::Backoff;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::id::SessionName;
use crate::domain::operation::{EngineError, Result};
use crate::domain::port::engine::{
    ConnectionEvent, EngineEvent, EngineEventContent, EngineEventSink, ServerEventContent,
};
use crate::telemetry;

/// Between two tries to open the stream.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A code to scan is good for 20 seconds.
const PAIRING_INTERVAL: Duration = Duration::from_secs(15);
/// A younger one is not asked for again.
const YOUNG_CODE: Duration = Duration::from_secs(10);
/// Events ingested in one batch.
const BATCH: usize = 64;
/// Between two tries to ingest events.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// How long a server may take to answer. Meanwhile no event is read.
const PATIENCE: Duration = Duration::from_secs(20);
/// After a look that failed, and then longer.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
/// While the stream is open the server is up: one failed look does not mean its sessions are offline.
const LOOKS_THAT_COUNT: u32 = 3;

pub(super) struct Monitor {
    pub server: Arc<Server>,
    pub routes: Arc<Routes>,
    pub sink: Arc<dyn EngineEventSink>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub connect_timeout: Duration,
    pub status_interval: Duration,
    /// Whether the stream is open; `None` until it was tried.
    pub streams: watch::Sender<Option<bool>>,
}

/// What is known of the sessions.
#[derive(Debug, Default)]
struct Known {
    /// Their last known status.
    statuses: HashMap<SessionName, WahaStatus>,
    /// When a new code to scan was last asked for.
    codes: HashMap<SessionName, Instant>,
    /// Looks that failed in a row.
    failed_looks: u32,
    restarts: Restarts,
    /// When to look at a session reported as stopped: it may start again by itself.
    settles: Option<Instant>,
}

impl Monitor {
    pub async fn run(self) {
        let mut known = Known::default();
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let mut last_cause = None;
        loop {
            let cause = match stream::connect(&self.server, &EVENTS, self.connect_timeout).await {
                Ok(socket) => {
                    telemetry::waha_stream_open(&self.server.name, true);
                    self.streams.send_replace(Some(true));
                    if last_cause.take().is_some() {
                        tracing::info!(server = %self.server.name, "the stream of events is back");
                    }
                    // Events missed meanwhile are found by comparing.
                    known.statuses.clear();
                    self.server.is_heard_of();
                    let opened = Instant::now();
                    let cause = self.follow(stream::frames(socket), &mut known).await;
                    telemetry::waha_stream_open(&self.server.name, false);
                    // One that is closed as soon as it opens (a wrong key, a proxy) is no success.
                    if opened.elapsed() >= LONGEST_PAUSE {
                        pauses.reset();
                    }
                    cause
                }
                Err(cause) => cause,
            };
            self.streams.send_replace(Some(false));
            known.restarts.stream_ended();
            if last_cause.as_ref() != Some(&cause) {
                tracing::warn!(server = %self.server.name, %cause, "no stream of events; trying again");
                last_cause = Some(cause);
            }
            // Perhaps only the stream is down, not the server.
            self.look(&mut known, false).await;
            let resting = sleep(pauses.pause(None, self.entropy.as_ref()));
            tokio::pin!(resting);
            tokio::select! {
                () = &mut resting => {}
                () = self.server.look_again.notified() => {
                    self.look(&mut known, false).await;
                    resting.await;
                }
            }
        }
    }

    async fn follow(
        &self,
        frames: impl futures::Stream<Item = std::result::Result<Bytes, Broken>> + Unpin,
        known: &mut Known,
    ) -> Broken {
        // The server may be a newer one than before.
        match timeout(PATIENCE, self.server.read_info()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(server = %self.server.name, %error, "the server does not say what it is");
            }
            Err(_) => {
                tracing::warn!(server = %self.server.name, "the server does not answer what it is");
            }
        }
        self.look(known, true).await;
        let mut batches = frames.ready_chunks(BATCH);
        let mut next_look = self.next_look(known);
        loop {
            tokio::select! {
                batch = batches.next() => {
                    let mut events = Vec::new();
                    let mut ended = None;
                    for frame in batch.unwrap_or_default() {
                        match frame {
                            Ok(event) => events.push(event),
                            Err(cause) => ended = Some(cause),
                        }
                    }
                    self.hand_in(&events, known).await;
                    if let Some(cause) = ended {
                        return cause;
                    }
                    next_look = known.settles.map_or(next_look, |settles| next_look.min(settles));
                }
                () = self.server.look_again.notified() => {
                    // Something was just changed there; it takes a moment.
                    sleep(FIRST_PAUSE).await;
                    self.look(known, true).await;
                    next_look = self.next_look(known);
                }
                () = sleep_until(next_look) => {
                    self.look(known, true).await;
                    next_look = self.next_look(known);
                }
            }
        }
    }

    fn next_look(&self, known: &Known) -> Instant {
        let is_pairing = known.statuses.values().any(|status| *status == WahaStatus::ScanQrCode);
        let interval = if known.failed_looks > 0 {
            self.status_interval.min(LOOK_PAUSE * known.failed_looks)
        } else if is_pairing {
            self.status_interval.min(PAIRING_INTERVAL)
        } else {
            self.status_interval
        };
        let next = Instant::now() + self.jittered(interval);
        known.settles.map_or(next, |settles| next.min(settles))
    }

    /// Reads the status of all sessions of the server, and reports those that changed.
    async fn look(&self, known: &mut Known, is_open: bool) {
        let ours = self.routes.of_server(&self.server);
        if ours.is_empty() {
            *known = Known::default();
            return;
        }
        let silent = || EngineError::not_sent(self.server.unavailable("does not answer"));
        let looked = timeout(PATIENCE, self.statuses()).await.unwrap_or_else(|_| Err(silent()));
        let statuses = match looked {
            Ok(statuses) => statuses,
            Err(error) => {
                tracing::debug!(server = %self.server.name, %error, "the sessions could not be looked at");
                known.failed_looks = known.failed_looks.saturating_add(1);
                if is_open && known.failed_looks < LOOKS_THAT_COUNT {
                    return;
                }
                for (session, _) in ours {
                    // So that the server's return is reported.
                    if known.statuses.insert(session.clone(), WahaStatus::Starting)
                        != Some(WahaStatus::Starting)
                    {
                        self.sink.connection_changed(&session, ConnectionEvent::Offline).await;
                    }
                }
                return;
            }
        };
        known.failed_looks = 0;
        let Known { statuses: known, codes, restarts, settles, .. } = known;
        *settles = None;
        let is_ours = |session: &SessionName| ours.iter().any(|(own, _)| own == session);
        known.retain(|session, _| is_ours(session));
        restarts.retain(is_ours);
        codes.retain(|session, _| known.contains_key(session));
        for (session, remote) in ours {
            let mut status = statuses.get(&*remote).cloned();
            if let Some(said) = &mut status {
                restarts.note(&session, said);
                let start = |places| self.restart(&session, &remote).spawn(places);
                if *said == WahaStatus::Stopped {
                    let is_restarted = restarts.restarts(&session, start);
                    let may_start_by = restarts.may_start_by(&session);
                    *settles = earlier(*settles, may_start_by);
                    if is_restarted || may_start_by.is_some() {
                        // It is about to start again.
                        *said = WahaStatus::Starting;
                    }
                }
            }
            let event = match &status {
                Some(status) => {
                    let (ours, reason) = status.in_our_terms();
                    ConnectionEvent::of_status(ours, reason)
                }
                None => ConnectionEvent::Failed("does not exist at the WAHA server".to_owned()),
            };
            let status = status.unwrap_or(WahaStatus::Stopped);
            let is_pairing = status == WahaStatus::ScanQrCode;
            let code_is_old =
                || codes.get(&session).is_none_or(|asked| asked.elapsed() >= YOUNG_CODE);
            let is_new = self.routes.take_unsure(&session)
                || known.get(&session) != Some(&status)
                || (is_pairing && code_is_old());
            known.insert(session.clone(), status);
            if is_new {
                if is_pairing {
                    codes.insert(session.clone(), Instant::now());
                }
                self.sink.connection_changed(&session, event).await;
            }
        }
        if is_open {
            restarts.looked();
        }
    }

    fn restart(&self, session: &SessionName, remote: &Arc<str>) -> Restart {
        Restart {
            server: self.server.clone(),
            routes: self.routes.clone(),
            entropy: self.entropy.clone(),
            session: session.clone(),
            remote: remote.clone(),
        }
    }

    async fn statuses(&self) -> Result<HashMap<String, WahaStatus>> {
        let ask = Ask::look(vec!["api", "sessions"]).with("all", "true");
        let answer = self.server.ask(ask).await?;
        let listed = answer.json().and_then(Value::as_array).ok_or_else(|| {
            EngineError::not_sent(self.server.unavailable("answers no list of sessions"))
        })?;
        Ok(listed
            .iter()
            .filter_map(|session| {
                let text = |name: &str| session.get(name).and_then(Value::as_str);
                Some((text("name")?.to_owned(), WahaStatus::named(text("status")?)))
            })
            .collect())
    }

    /// Ingests events, retrying until they are durable: they come only once.
    async fn hand_in(&self, events: &[Bytes], known: &mut Known) {
        let mut read: Vec<EngineEvent> = Vec::new();
        for event in events {
            match self.read(event, known) {
                Ok(Some(event)) => read.push(event),
                Ok(None) => telemetry::waha_event(&self.server.name, "ignored"),
                Err(error) => {
                    tracing::debug!(server = %self.server.name, %error, "an event could not be read");
                    telemetry::waha_event(&self.server.name, "unreadable");
                }
            }
        }
        // Changes are ordered by their stamps, statuses by arrival.
        for together in read.chunk_by(|a, b| is_of_groups(a) && is_of_groups(b)) {
            self.hand_in_until_durable(together.to_vec()).await;
        }
    }

    async fn hand_in_until_durable(&self, mut events: Vec<EngineEvent>) {
        while !events.is_empty() {
            let outcomes = self.sink.ingest(events.clone()).await;
            let mut refused = Vec::new();
            for (event, outcome) in events.into_iter().zip(outcomes) {
                match outcome {
                    Ok(_) => telemetry::waha_event(&self.server.name, "taken"),
                    Err(error) if error.reason().invites_retry() => refused.push(event),
                    Err(error) => {
                        tracing::warn!(session = %event.session, %error, "an event was refused");
                        telemetry::waha_event(&self.server.name, "refused");
                    }
                }
            }
            events = refused;
            if !events.is_empty() {
                sleep(self.jittered(REFUSED_PAUSE)).await;
            }
        }
    }

    fn read(
        &self,
        event: &[u8],
        known: &mut Known,
    ) -> std::result::Result<Option<EngineEvent>, webhook::NotAWebhook> {
        let mut read = webhook::read(event, self.clock.now())?;
        let Some(session) = self.routes.session_of(&self.server, &read.session) else {
            return Ok(None);
        };
        if let Content::Status(status) = &mut read.content {
            known.restarts.note(&session, status);
            let may_start_by = known.restarts.may_start_by(&session);
            known.settles = earlier(known.settles, may_start_by);
            if may_start_by.is_some() {
                *status = WahaStatus::Starting;
            }
            known.statuses.insert(session.clone(), status.clone());
        }
        let event = read.into_event().ok();
        Ok(event.map(|event| EngineEvent { session, content: EngineEventContent::Server(event) }))
    }

    fn jittered(&self, pause: Duration) -> Duration {
        self.entropy.jittered(pause, 0.25)
    }
}

fn is_of_groups(event: &EngineEvent) -> bool {
    matches!(
        &event.content,
        EngineEventContent::Server(event) if matches!(event.content, ServerEventContent::Changes(_))
    )
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}
