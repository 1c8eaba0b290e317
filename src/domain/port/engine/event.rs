//! Events that engines send the service unasked.

use async_trait::async_trait;

use super::Login;
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::reducer::Observation;
use crate::domain::session::SessionStatus;
use crate::domain::trace_context::TraceContext;

/// An event that an engine sends of a session unasked. All of them come in by
/// [`EngineEventSink::ingest`].
#[derive(Debug, Clone)]
pub struct EngineEvent {
    pub session: SessionName,
    pub content: EngineEventContent,
}

#[derive(Debug, Clone)]
pub enum EngineEventContent {
    /// What happened in groups, from an engine that reports it in order.
    Changes(GroupChanges),
    /// What became of the connection; for one session, in the order in which it happened.
    Connection(ConnectionEvent),
    /// An event of the session's server, late and in any order.
    Server(ServerEvent),
}

impl EngineEvent {
    pub fn connection(session: &SessionName, event: ConnectionEvent) -> Self {
        Self { session: session.clone(), content: EngineEventContent::Connection(event) }
    }
}

#[derive(Debug, Clone)]
pub struct GroupChanges {
    /// Unique within the session; the same one again is a duplicate.
    pub source_id: String,
    /// The key of our own call that caused it, where the engine knows it.
    pub call_key: Option<String>,
    pub observations: Vec<Observation>,
}

/// One event of a session's server, whichever way it came: by its stream or by a webhook.
#[derive(Debug, Clone)]
pub struct ServerEvent {
    /// The same however often it comes.
    pub source_id: String,
    /// When the server made it, its clock.
    pub time: Timestamp,
    /// Who the session is there.
    pub login: Option<Login>,
    /// Accounts that go by both names.
    pub aliases: Vec<(Lid, PhoneNumber)>,
    /// Of the delivery that it came by.
    pub trace: Option<TraceContext>,
    pub content: ServerEventContent,
}

#[derive(Debug, Clone)]
pub enum ServerEventContent {
    Changes(Vec<Observation>),
    /// Where the session stands, and why, for people.
    Status(SessionStatus, String),
}

/// What became of a session's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Connected, and all that was missed meanwhile has been delivered, as far as the engine knows.
    Online,
    /// The connection is lost; the engine connects again by itself.
    Offline,
    /// WhatsApp has unlinked the device.
    LoggedOut,
    /// Someone must link the device: this is the code to scan now.
    Pairing(QrCode),
    /// The device was linked.
    Linked,
    /// Nobody has linked the device, or somebody has unlinked it: it must be asked for a code.
    Unlinked,
    /// The engine or server that carries the session has given up; the text has the reason, for people.
    Failed(String),
}

impl ConnectionEvent {
    /// What a status that a server reports means for the session's connection.
    pub fn of_status(status: SessionStatus, reason: String) -> Self {
        match status {
            SessionStatus::Working => Self::Online,
            SessionStatus::Starting => Self::Offline,
            SessionStatus::ScanQrCode | SessionStatus::LoggedOut => Self::Unlinked,
            SessionStatus::Failed | SessionStatus::Stopped => Self::Failed(reason),
        }
    }
}

/// A code to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrCode {
    pub value: String,
    pub expire_time: Option<Timestamp>,
}

/// A code to type into the phone: 8 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingCode {
    pub code: String,
    pub expire_time: Timestamp,
}

/// What became of an event; durable either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestOutcome {
    Accepted,
    /// It was dealt with before.
    Duplicate,
}

/// Where engines report their events.
#[async_trait]
pub trait EngineEventSink: Send + Sync + 'static {
    /// Takes the events in side by side, so that a burst is written together; an engine that needs an order reports
    /// one after the other. Returns once all of them are durable, with what became of each. One that failed must be
    /// reported again, but for an error that no repetition mends.
    ///
    /// A connection's event is noted at once and its outcome not waited for, so that an engine may report it while it
    /// holds a lock.
    async fn ingest(
        &self,
        events: Vec<EngineEvent>,
    ) -> Vec<std::result::Result<IngestOutcome, Error>>;

    async fn connection_changed(&self, session: &SessionName, event: ConnectionEvent) {
        drop(self.ingest(vec![EngineEvent::connection(session, event)]).await);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_server_s_status_says_what_became_of_the_connection() {
        let of = |status| ConnectionEvent::of_status(status, "why".to_owned());
        for (status, event) in [
            (SessionStatus::Working, ConnectionEvent::Online),
            (SessionStatus::Starting, ConnectionEvent::Offline),
            (SessionStatus::ScanQrCode, ConnectionEvent::Unlinked),
            (SessionStatus::LoggedOut, ConnectionEvent::Unlinked),
            (SessionStatus::Failed, ConnectionEvent::Failed("why".to_owned())),
            (SessionStatus::Stopped, ConnectionEvent::Failed("why".to_owned())),
        ] {
            assert_eq!(of(status), event, "{status:?}");
        }
    }

    #[test]
    fn what_became_of_a_connection_comes_in_as_an_event_of_its_session() {
        #[derive(Default)]
        struct Kept(Mutex<Vec<EngineEvent>>);

        #[async_trait]
        impl EngineEventSink for Kept {
            async fn ingest(&self, events: Vec<EngineEvent>) -> Vec<Result<IngestOutcome, Error>> {
                let outcomes = events.iter().map(|_| Ok(IngestOutcome::Accepted)).collect();
                self.0.lock().extend(events);
                outcomes
            }
        }

        let (sink, session) = (Kept::default(), "shop".parse().expect("a name"));
        let done = sink.connection_changed(&session, ConnectionEvent::LoggedOut).now_or_never();
        assert!(done.is_some());
        let kept = sink.0.lock();
        let [EngineEvent { session: of, content: EngineEventContent::Connection(event) }] =
            &kept[..]
        else {
            panic!("{kept:?}");
        };
        assert_eq!((of, event), (&session, &ConnectionEvent::LoggedOut));
    }
}
