//! Requests that are none of ours, on their way to the WAHA server that carries a session, and back.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, Method};

use crate::domain::error::Error;
use crate::domain::id::SessionName;

/// A body, as it comes. An error ends it before its end.
pub type Chunks = BoxStream<'static, Result<Bytes, Error>>;

/// A value of an address: as it stands, or the session's name at its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Session,
}

/// What is sent.
pub enum PassedBody {
    Nothing,
    Stream(Chunks),
    /// A JSON object that has the session's name there as `session`, and these fields, each with a comma before it.
    Naming(Bytes),
}

/// A request. Nothing of it names another session, and no header or parameter is the caller's key.
pub struct PassedRequest {
    pub method: Method,
    /// Decoded, each without a slash.
    pub path: Vec<Part>,
    pub query: Vec<(String, Part)>,
    pub headers: HeaderMap,
    pub body: PassedBody,
}

/// What the server answers, whatever that is.
pub struct PassedAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Chunks,
}

#[async_trait]
pub trait Passage: Send + Sync + fmt::Debug + 'static {
    /// Passes the request on to the session's server, once. An error means that there is no answer.
    async fn pass(
        &self,
        session: &SessionName,
        request: PassedRequest,
    ) -> Result<PassedAnswer, Error>;
}
