//! Requests that another replica answers in this one's place.

use std::fmt;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http::request::Parts;

use crate::domain::error::Error;

/// Whom a follower hands on to.
#[async_trait]
pub trait HandOn: fmt::Debug + Send + Sync + 'static {
    /// The owner's answer to the request, which was read whole; `streams`: it is passed on as it comes.
    async fn hand_on(
        &self,
        head: Parts,
        body: Bytes,
        repeats: Repeats,
        streams: bool,
    ) -> Result<Response<Body>, Error>;
}

/// What a second sending of a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It reads.
    Harmless,
    /// It carries a request id: the owner, whoever that is by then, finds what became of the first one.
    Settled,
    /// It might act twice.
    Never,
}
