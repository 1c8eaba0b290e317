//! One WAHA server: how its REST API is called, and what it reports of itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode};
use parking_lot::RwLock;
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use url::Url;

use super::breaker::Breaker;
use super::capability::ServerInfo;
use super::lists::Lists;
use super::refusal::{Refused, unclear};
use super::spellings::Spellings;
use crate::domain::error::{Error, causes};
use crate::domain::operation::{EngineError, OperationName, Result};
use crate::domain::port::fetch_budget::FetchBudget;
use crate::domain::port::spellings::SpellingMemory;
use crate::domain::reason::Reason;
use crate::telemetry;
use crate::tls::{self, Trust};

/// The largest answer but for lists of all groups.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Lists of all groups that are on their way from one server, over all its sessions: making one is work for
/// the server, too.
const MAX_LISTS: usize = 4;
/// Sessions that are looked up at once.
const MAX_LOG_INS: usize = 16;

/// A server as the operator has set it.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub name: String,
    /// `http://waha-1:3000`; a path before `/api` is kept.
    pub url: Url,
    pub api_key: Option<SecretString>,
    /// How many sessions it is to carry.
    pub capacity: usize,
}

/// What holds for all servers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect_timeout: Duration,
    /// The largest list of all groups that is read.
    pub max_list_bytes: usize,
    /// How many numbers that have two spellings a session may look up in an hour.
    pub spelling_questions_per_hour: u32,
}

#[derive(Debug)]
pub(super) struct Server {
    pub name: Arc<str>,
    pub url: Url,
    pub capacity: usize,
    pub(super) key: Option<HeaderValue>,
    pub(super) client: Client,
    /// Also for its stream, which the client does not open.
    pub trust: Trust,
    pub(super) breaker: Breaker,
    info: RwLock<Option<ServerInfo>>,
    lists: Semaphore,
    log_ins: Semaphore,
    /// Shared by all servers.
    all_lists: Arc<Semaphore>,
    max_list_bytes: usize,
    pub spellings: Spellings,
    pub shared_lists: Lists,
    /// A session's status there may not be what we think.
    pub look_again: Notify,
}

/// What to ask of a server.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub operation: OperationName,
    pub method: Method,
    /// After the server's own path, each part escaped.
    pub path: Vec<&'a str>,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    /// Reads the server's own state, and so goes out also while the circuit is open.
    pub is_look: bool,
}

impl<'a> Ask<'a> {
    pub fn get(operation: OperationName, path: Vec<&'a str>) -> Self {
        Self::of(operation, Method::GET, path)
    }

    pub fn of(operation: OperationName, method: Method, path: Vec<&'a str>) -> Self {
        Self { operation, method, path, query: Vec::new(), body: None, is_look: false }
    }

    pub fn look(path: Vec<&'a str>) -> Self {
        Self { is_look: true, ..Self::get(OperationName::FetchAll, path) }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// An answer with 2xx. WAHA sends texts and flags bare, and nothing at all for what is undefined.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Empty,
    Text(String),
    Json(Value),
}

impl Answer {
    pub(super) fn read(body: &[u8]) -> Self {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Self::Empty;
        }
        match serde_json::from_slice(body) {
            Ok(Value::Null) => Self::Empty,
            Ok(Value::String(text)) => Self::Text(text),
            Ok(value) => Self::Json(value),
            Err(_) => Self::Text(String::from_utf8_lossy(body).into_owned()),
        }
    }

    /// WEBJS answers so where it did nothing.
    pub fn is_false(&self) -> bool {
        match self {
            Self::Json(value) => *value == Value::Bool(false),
            Self::Text(text) => text.trim() == "false",
            Self::Empty => false,
        }
    }

    pub fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Text(_) => None,
        }
    }
}

impl Server {
    pub fn new(
        options: ServerOptions,
        limits: Limits,
        trust: Trust,
        all_lists: Arc<Semaphore>,
        budget: Arc<dyn FetchBudget>,
        spellings: Option<Arc<dyn SpellingMemory>>,
    ) -> std::result::Result<Self, Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(trust.client_config().map_err(Error::internal)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("wagroups/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect_timeout)
            .tcp_nodelay(true)
            .build()
            .map_err(Error::internal)?;
        let key = match &options.api_key {
            Some(key) => {
                let mut key =
                    HeaderValue::from_str(key.expose_secret()).map_err(Error::internal)?;
                key.set_sensitive(true);
                Some(key)
            }
            None => None,
        };
        Ok(Self {
            name: options.name.into(),
            url: options.url,
            capacity: options.capacity,
            key,
            client,
            trust,
            breaker: Breaker::default(),
            info: RwLock::new(None),
            lists: Semaphore::new(MAX_LISTS),
            log_ins: Semaphore::new(MAX_LOG_INS),
            all_lists,
            max_list_bytes: limits.max_list_bytes,
            spellings: Spellings::new(limits.spelling_questions_per_hour, spellings),
            shared_lists: Lists::new(budget),
            look_again: Notify::new(),
        })
    }

    /// What it is; asked once for each connection.
    pub async fn info(&self) -> Result<ServerInfo> {
        match self.known_info() {
            Some(info) => Ok(info),
            None => self.read_info().await,
        }
    }

    /// The same, where it was asked before.
    pub fn known_info(&self) -> Option<ServerInfo> {
        *self.info.read()
    }

    /// Asks anew: the server may be a newer one by now.
    pub async fn read_info(&self) -> Result<ServerInfo> {
        let ask = Ask::get(OperationName::FetchAll, vec!["api", "server", "version"]);
        let answer = self.ask(ask).await?;
        let info = answer.json().and_then(ServerInfo::read).ok_or_else(|| {
            EngineError::not_sent(self.unavailable("is no WAHA that this version knows"))
        })?;
        *self.info.write() = Some(info);
        Ok(info)
    }

    /// The server is reachable, by another sign than a call's answer.
    pub fn is_heard_of(&self) {
        self.breaker.try_now();
    }

    /// Waits for its turn to read who is linked: when a server is back, all of its sessions do that.
    pub async fn log_in_turn(&self) -> Result<SemaphorePermit<'_>> {
        // Never closed.
        self.log_ins.acquire().await.map_err(|error| EngineError::not_sent(Error::internal(error)))
    }

    pub async fn ask(&self, ask: Ask<'_>) -> Result<Answer> {
        let body = self.send(ask, MAX_ANSWER_BYTES).await?;
        Ok(Answer::read(&body))
    }

    /// A list of all groups, as it came.
    pub async fn ask_list(&self, ask: Ask<'_>) -> Result<Bytes> {
        // Neither is ever closed. In this order, so that one server's many do not keep the others out.
        let closed = |error| EngineError::not_sent(Error::internal(error));
        let _place = self.lists.acquire().await.map_err(closed)?;
        let _place_of_all = self.all_lists.acquire().await.map_err(closed)?;
        self.send(ask, self.max_list_bytes).await
    }

    async fn send(&self, ask: Ask<'_>, max_bytes: usize) -> Result<Bytes> {
        let operation = ask.operation;
        let admitted = if ask.is_look { Ok(self.breaker.look()) } else { self.breaker.admit() };
        let permit = admitted.map_err(|wait| {
            let error = self.unavailable("does not answer; it is tried again soon");
            EngineError::not_sent(error.retry_after(wait))
        })?;
        let request = self.request(ask).map_err(EngineError::not_sent)?;
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                permit.failed();
                self.note_up();
                return Err(self.unreached(&error, operation));
            }
        };
        let status = response.status();
        if status.is_success() {
            // That something was done is certain only with the answer.
            return match read(response, max_bytes).await {
                Ok(body) => {
                    permit.answered();
                    self.note_up();
                    Ok(body)
                }
                Err(broken) => {
                    permit.failed();
                    self.note_up();
                    Err(unclear(operation, self.unavailable(&broken)))
                }
            };
        }
        let refusal = self.refused(response, operation).await;
        if refusal.is_wahas || status.is_client_error() {
            permit.answered();
        } else {
            permit.failed();
        }
        self.note_up();
        if status == StatusCode::UNPROCESSABLE_ENTITY {
            self.look_again.notify_one();
        }
        Err(refusal.error)
    }

    async fn refused(
        &self,
        response: Response,
        operation: OperationName,
    ) -> super::refusal::ClassifiedError {
        let status = response.status();
        let retry_after = response.headers().get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        // It may repeat the request with all of a picture. One that is cut off is a refusal all the same.
        let body = read(response, MAX_ANSWER_BYTES).await.unwrap_or_default();
        Refused { server: &self.name, operation, status, retry_after, body: &body }.classified()
    }

    fn request(&self, ask: Ask<'_>) -> std::result::Result<RequestBuilder, Error> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::internal("a server's URL without a path"))?
            .pop_if_empty()
            .extend(ask.path);
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        let mut request = self.client.request(ask.method, url);
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key.clone());
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        Ok(traced(request))
    }

    fn unreached(&self, error: &reqwest::Error, operation: OperationName) -> EngineError {
        let cause = without_url(error);
        if tls::distrusts(error) {
            let what =
                "shows a certificate that is not trusted; outbound.ca_file can name its authority";
            return EngineError::not_sent(self.unavailable(what).caused_by(cause));
        }
        if error.is_connect() {
            return EngineError::not_sent(self.unavailable("cannot be reached").caused_by(cause));
        }
        unclear(operation, self.unavailable("hung up without an answer").caused_by(cause))
    }

    pub fn unavailable(&self, what: &str) -> Error {
        let message = format!("the WAHA server {} {what}", self.name);
        Error::new(Reason::EngineUnavailable, message).retry_after(Duration::from_secs(1))
    }

    /// The address of its stream of events. The key stands in it, as WAHA wants it: never log it.
    pub fn stream_url(&self, events: &[&str]) -> std::result::Result<Url, Error> {
        let mut url = self.url.clone();
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let changed = url.set_scheme(scheme);
        changed.map_err(|()| Error::internal("a server's URL is neither http nor https"))?;
        url.path_segments_mut()
            .map_err(|()| Error::internal("a server's URL without a path"))?
            .pop_if_empty()
            .push("ws");
        let mut query = url.query_pairs_mut();
        query.append_pair("session", "*");
        for event in events {
            query.append_pair("events", event);
        }
        if let Some(key) = self.key.as_ref().and_then(|key| key.to_str().ok()) {
            query.append_pair("x-api-key", key);
        }
        drop(query);
        Ok(url)
    }

    pub(super) fn note_up(&self) {
        telemetry::waha_server_up(&self.name, self.breaker.is_closed());
    }
}

/// In the trace of the call that it is made for.
pub(super) fn traced(request: RequestBuilder) -> RequestBuilder {
    match telemetry::current_trace() {
        Some(trace) => {
            trace.headers().fold(request, |request, (name, value)| request.header(name, value))
        }
        None => request,
    }
}

/// The body, or what is wrong with it, in words that follow the server's name.
async fn read(mut response: Response, max_bytes: usize) -> std::result::Result<Bytes, String> {
    let too_large = || format!("answers with more than {max_bytes} bytes, the most that is read");
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > max_bytes => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) => return Err(format!("broke off its answer ({})", without_url(&error))),
        }
    }
}

/// The cause below the client's error: its own text has the URL, which may hold more than a log needs.
pub(super) fn without_url(error: &reqwest::Error) -> String {
    match causes(error).last() {
        Some(cause) if !cause.is::<reqwest::Error>() => cause.to_string(),
        _ => "the connection failed".to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::port::fetch_budget::Unlimited;

    pub fn server(url: &str) -> Server {
        let options = ServerOptions {
            name: "a".to_owned(),
            url: url.parse().unwrap(),
            api_key: Some("secret".to_owned().into()),
            capacity: 1,
        };
        let limits = Limits {
            connect_timeout: Duration::from_secs(5),
            max_list_bytes: 1024,
            spelling_questions_per_hour: 1200,
        };
        let (lists, budget) = (Arc::new(Semaphore::new(1)), Arc::new(Unlimited));
        Server::new(options, limits, Trust::default(), lists, budget, None).unwrap()
    }

    #[test]
    fn an_answer_is_json_or_text_or_nothing() {
        let cases = [
            (&b""[..], Answer::Empty),
            (b" \n", Answer::Empty),
            (b"null", Answer::Empty),
            (b"ABC123", Answer::Text("ABC123".to_owned())),
            (b"\"ABC123\"", Answer::Text("ABC123".to_owned())),
            (b"true", Answer::Json(json!(true))),
            (b"{\"id\":1}", Answer::Json(json!({"id": 1}))),
            (b"{\"id\":", Answer::Text("{\"id\":".to_owned())),
        ];
        for (body, expected) in cases {
            assert_eq!(Answer::read(body), expected);
        }
        assert!(Answer::read(b"false").is_false() && !Answer::read(b"true").is_false());
    }

    #[test]
    fn paths_are_escaped_and_a_prefix_stays() {
        let server = server("https://example.org/waha/");
        let ask = Ask::get(OperationName::FetchGroup, vec!["api", "a/b", "groups", "1@g.us"]);
        let request = server.request(ask.with("code", "a&b")).unwrap().build().unwrap();
        let url = "https://example.org/waha/api/a%2Fb/groups/1@g.us?code=a%26b";
        assert_eq!(request.url().as_str(), url);
        assert_eq!(request.headers()["x-api-key"], "secret");
        let stream = server.stream_url(&["group.v2.join", "session.status"]).unwrap();
        assert_eq!(
            stream.as_str(),
            "wss://example.org/waha/ws?session=*&events=group.v2.join&events=session.status&x-api-key=secret"
        );
    }

    #[test]
    fn a_servers_key_is_not_shown() {
        assert!(!format!("{:?}", server("http://a:3000")).contains("secret"));
    }
}
