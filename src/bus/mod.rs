//! NATS JetStream, to which the log is handed.

mod message;
mod stream;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use async_trait::async_trait;
use parking_lot::Mutex;
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::domain::id::SessionName;
use crate::domain::port::event_bus::{Acknowledged, BusError, EventBus, Publication, Result};
use crate::domain::relay::LastPublished;

/// How long NATS may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a connection that was lost may take to come back before that is reported.
const RECONNECT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// For how long what the server complained of may be why something failed.
const COMPLAINT: Duration = Duration::from_secs(10);
/// The first version that compares a message with the last one of other subjects than its own, by which a session's
/// events stay in order.
const OLDEST_SERVER: (i64, i64, i64) = (2, 11, 0);

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    Protobuf,
    Json,
}

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// By nothing, or by the certificate of the TLS settings.
    None,
    Token(SecretString),
    /// The text of a credentials file.
    Credentials(SecretString),
}

#[derive(Debug, Clone)]
pub struct Options {
    pub servers: Vec<ServerAddr>,
    pub login: Login,
    pub tls: ClientConfig,
    pub stream: String,
    pub subject_prefix: String,
    /// Of a stream that is made here.
    pub limits: Limits,
    pub payload: Payload,
}

impl Options {
    /// Refuses credentials that are none, with the reason.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Login::Credentials(text) = &self.login else { return Ok(()) };
        let parsed = ConnectOptions::new().credentials(text.expose_secret());
        parsed.map(drop).map_err(|error| format!("holds no credentials of NATS: {error}"))
    }
}

/// How much the stream keeps, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub replicas: usize,
    /// Zero: for ever.
    pub max_age: Duration,
    /// Zero: as much as the server allows.
    pub max_bytes: u64,
    /// For how long the stream knows the ids of messages.
    pub duplicate_window: Duration,
}

#[derive(Debug)]
pub struct JetStream {
    options: Options,
    connection: Mutex<Option<Connection>>,
    /// What the server complained of last, and when: a refused permission is answered by nothing else.
    complaint: Arc<Mutex<Option<(String, Instant)>>>,
}

#[derive(Debug, Clone)]
struct Connection {
    client: Client,
    context: Context,
    stream: Stream<()>,
}

impl JetStream {
    pub fn new(options: Options) -> Self {
        Self { options, connection: Mutex::default(), complaint: Arc::default() }
    }

    async fn connect(&self) -> Result<Client> {
        let options = &self.options;
        let complaint = self.complaint.clone();
        let connect = ConnectOptions::new()
            .name("wagroups relay")
            .tls_client_config(options.tls.clone())
            // Of those too that the servers tell of.
            .require_tls(options.servers.iter().any(ServerAddr::tls_required))
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .event_callback(move |event| {
                let complaint = complaint.clone();
                async move {
                    match event {
                        Event::ServerError(error) => {
                            *complaint.lock() = Some((error.to_string(), Instant::now()));
                        }
                        event => tracing::info!(%event, "the connection to NATS"),
                    }
                }
            });
        let connect = match &options.login {
            Login::None => connect,
            Login::Token(token) => connect.token(token.expose_secret().to_owned()),
            Login::Credentials(text) => connect
                .credentials(text.expose_secret())
                .map_err(|error| not_ready(format!("nats.credentials_file: {error}")))?,
        };
        connect.connect(&options.servers).await.map_err(|error| {
            not_ready(format!("no connection to {}: {}", self.servers(), with_causes(&error)))
        })
    }

    /// Until a connection that was lost is there again.
    async fn reconnected(&self, client: &Client) -> Result<()> {
        let until = Instant::now() + RECONNECT;
        while client.connection_state() != State::Connected {
            if Instant::now() >= until {
                return Err(not_ready(
                    self.complaint_or(format!("the connection to {} is lost", self.servers())),
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn connection(&self) -> Result<Connection> {
        let connection = self.connection.lock().clone();
        let connection = connection.ok_or_else(|| not_ready("not connected to NATS"))?;
        if connection.client.connection_state() != State::Connected {
            return Err(not_ready(format!("the connection to {} is lost", self.servers())));
        }
        Ok(connection)
    }

    fn servers(&self) -> String {
        let servers = self.options.servers.iter();
        servers
            .map(|server| format!("{}:{}", server.host(), server.port()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The text, and what the server complained of meanwhile.
    fn complaint_or(&self, text: String) -> String {
        match &*self.complaint.lock() {
            Some((complaint, at)) if at.elapsed() < COMPLAINT => {
                format!("{text}; the server says: {complaint}")
            }
            _ => text,
        }
    }

    fn refused(&self, error: &PublishError) -> BusError {
        if has_another_in_process(error) {
            return BusError::Moved;
        }
        match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
                BusError::Moved
            }
            PublishErrorKind::StreamNotFound => not_ready(format!(
                "no stream takes {}.>, or it has no leader",
                self.options.subject_prefix
            )),
            PublishErrorKind::MaxPayloadExceeded => BusError::Failed(format!(
                "{}: raise max_payload of the NATS servers",
                with_causes(error)
            )),
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => BusError::Failed(self.complaint_or(with_causes(error))),
        }
    }
}

#[async_trait]
impl EventBus for JetStream {
    fn target(&self) -> String {
        let Options { stream, subject_prefix, .. } = &self.options;
        format!("stream {stream}, subjects {subject_prefix}.>, at {}", self.servers())
    }

    fn is_connected(&self) -> bool {
        self.connection().is_ok()
    }

    async fn make_ready(&self) -> Result<()> {
        let known = self.connection.lock().as_ref().map(|connection| connection.client.clone());
        let was_there = known.is_some();
        let client = match known {
            Some(client) => {
                self.reconnected(&client).await?;
                client
            }
            None => self.connect().await?,
        };
        let (major, minor, patch) = OLDEST_SERVER;
        if !client.is_server_compatible(major, minor, patch) {
            let version = client.server_info().version;
            return Err(not_ready(format!(
                "nats-server {version} is too old: {major}.{minor} or newer is needed"
            )));
        }
        let context = jetstream::ContextBuilder::new().timeout(ANSWER).build(client.clone());
        let stream = stream::find_or_make(&context, &self.options).await;
        let (stream, is_new) = stream.map_err(|error| not_ready(self.complaint_or(error)))?;
        let name = &self.options.stream;
        match (is_new, was_there) {
            (true, true) => tracing::warn!(
                stream = name,
                "the stream was gone and has been made again; `wagroups relay replay` publishes anew what was in it"
            ),
            (true, false) => tracing::info!(stream = name, "the stream has been made"),
            (false, _) => {}
        }
        *self.connection.lock() = Some(Connection { client, context, stream });
        Ok(())
    }

    async fn last(&self, session: &SessionName) -> Result<LastPublished> {
        let stream = self.connection()?.stream;
        let subject = subject::of_session(&self.options.subject_prefix, session);
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(last) => Ok(LastPublished {
                number: last.sequence,
                token: message::token_of(&last.headers),
                run: message::run_of(&last.headers),
            }),
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok(LastPublished::NOTHING),
                LastRawMessageErrorKind::JetStream(refusal) if stream::is_missing(&refusal) => {
                    Err(not_ready(format!("the stream {} is missing", self.options.stream)))
                }
                LastRawMessageErrorKind::JetStream(_)
                | LastRawMessageErrorKind::InvalidSubject
                | LastRawMessageErrorKind::Other => {
                    Err(BusError::Failed(self.complaint_or(with_causes(&error))))
                }
            },
        }
    }

    async fn publish(&self, publication: Publication<'_>, after: u64) -> Result<Acknowledged> {
        let context = self.connection()?.context;
        let message = message::of(&self.options, &publication, after).map_err(BusError::Failed)?;
        let subject = subject::of_event(&self.options.subject_prefix, publication.event);
        let sent = context.send_publish(subject, message).await;
        let acknowledged = sent.map_err(|error| self.refused(&error))?.await;
        let ack = acknowledged.map_err(|error| self.refused(&error))?;
        Ok(Acknowledged { number: ack.sequence, is_new: !ack.duplicate })
    }
}

/// Whether a cluster of servers has not decided yet about another message of the session, or the same one.
fn has_another_in_process(error: &PublishError) -> bool {
    let refusal = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<jetstream::Error>());
    refusal.is_some_and(|refusal| {
        [
            ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT,
            ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY,
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
        ]
        .contains(&refusal.error_code())
    })
}

fn not_ready(why: impl Into<String>) -> BusError {
    BusError::NotReady(why.into())
}

/// An error with what is behind it: the client's own texts leave that out.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
