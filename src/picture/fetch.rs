//! Fetching a caller's URL without becoming the caller's way into our network.
//!
//! Every address is looked at (`crate::outbound`), on each redirect anew. The answer is read no further than
//! the largest picture, and not longer than the time allows.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::Options;
use crate::domain::error::{Error, Result};
use crate::domain::port::picture::{MAX_FILE_BYTES, PictureUrl};
use crate::domain::reason::Reason;
use crate::outbound::{self, Guard};
use crate::tls::Trust;

const MAX_REDIRECTS: usize = 3;

pub(super) struct Fetcher {
    client: Client,
    guard: Guard,
    timeout: Duration,
}

/// The head of what answers at a URL; its body is not read yet.
pub(super) struct Answer {
    response: Response,
    /// How long the body may take. The time in between is not the other side's.
    left: Duration,
}

/// Why a URL could not be fetched, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    AddressNotAllowed,
    Connect,
    Status(StatusCode),
    Type,
    Size,
    Timeout,
    Redirects,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::AddressNotAllowed => "ADDRESS_NOT_ALLOWED",
            Self::Connect => "CONNECT",
            Self::Status(_) => "STATUS",
            Self::Type => "TYPE",
            Self::Size => "SIZE",
            Self::Timeout => "TIMEOUT",
            Self::Redirects => "REDIRECTS",
        }
    }

    fn message(self) -> String {
        match self {
            Self::AddressNotAllowed => {
                "the URL leads to an address that is not public; send the bytes instead".to_owned()
            }
            Self::Connect => "nothing answers at the URL".to_owned(),
            Self::Status(status) => {
                format!("the URL answers with status {}, not 200", status.as_u16())
            }
            Self::Type => "the URL answers with something that is no picture".to_owned(),
            Self::Size => "the URL answers with more than 10 MiB".to_owned(),
            Self::Timeout => "the URL takes too long to answer".to_owned(),
            Self::Redirects => {
                format!("the URL leads on more than {MAX_REDIRECTS} times, or to nowhere")
            }
        }
    }
}

impl From<Cause> for Error {
    fn from(cause: Cause) -> Self {
        let error =
            Self::new(Reason::PictureFetchFailed, cause.message()).with("cause", cause.name());
        match cause {
            Cause::Status(status) => error.with("status", status.as_u16()),
            Cause::AddressNotAllowed
            | Cause::Connect
            | Cause::Type
            | Cause::Size
            | Cause::Timeout
            | Cause::Redirects => error,
        }
    }
}

impl Fetcher {
    pub fn new(options: Options, trust: &Trust) -> Result<Self> {
        let guard = Guard::new(options.allow_private_addresses);
        let client = guard.client(trust.client_config().map_err(Error::internal)?);
        let client = client.pool_max_idle_per_host(0).build().map_err(Error::internal)?;
        Ok(Self { client, guard, timeout: options.fetch_timeout })
    }

    /// What answers at the URL. The time allowed runs from here.
    pub async fn ask(&self, url: PictureUrl) -> Result<Answer> {
        let until = Instant::now() + self.timeout;
        let answered = timeout_at(until, self.follow(url.into())).await;
        let response = answered.unwrap_or(Err(Cause::Timeout))?;
        Ok(Answer { response, left: until - Instant::now() })
    }

    async fn follow(&self, mut url: Url) -> Result<Response, Cause> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get(url.clone()).await?;
            let status = response.status();
            if !status.is_redirection() {
                return pictured(response);
            }
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let next = location.and_then(|to| url.join(to).ok()).ok_or(Cause::Redirects)?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(Cause::Redirects);
            }
            url = next;
        }
        Err(Cause::Redirects)
    }

    async fn get(&self, url: Url) -> Result<Response, Cause> {
        if !self.guard.admits(&url) {
            return Err(Cause::AddressNotAllowed);
        }
        self.client.get(url).send().await.map_err(|error| {
            if outbound::was_refused(&error) { Cause::AddressNotAllowed } else { Cause::Connect }
        })
    }
}

impl Answer {
    /// The file, at most 10 MiB of it.
    pub async fn read(self) -> Result<Bytes> {
        let read = timeout(self.left, read(self.response)).await;
        Ok(read.unwrap_or(Err(Cause::Timeout))?)
    }
}

/// The answer, where it may be a picture.
fn pictured(response: Response) -> Result<Response, Cause> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(Cause::Status(status));
    }
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
    let kind = kind.map(str::to_ascii_lowercase);
    let is_picture = kind.is_none_or(|kind| {
        kind.starts_with("image/") || kind.starts_with("application/octet-stream")
    });
    if !is_picture {
        return Err(Cause::Type);
    }
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Cause::Size);
    }
    Ok(response)
}

/// The picture's bytes, however many the other side announces.
async fn read(mut response: Response) -> Result<Bytes, Cause> {
    let mut file = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Cause::Connect)? {
        if file.len() + chunk.len() > MAX_FILE_BYTES {
            return Err(Cause::Size);
        }
        file.extend_from_slice(&chunk);
    }
    Ok(file.freeze())
}
