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
    /// The owner's answer to the request, which was read whole.
    async fn hand_on(&self, head: Parts, body: Bytes) -> Result<Response<Body>, Error>;
}
