//! Reading a body within limits: of its size, of the time it takes, and of what all bodies that arrive at
//! the same time take together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::header::EXPECT;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long more of a body that is too large is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of a listener's bodies.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    max_bytes: usize,
    timeout: Duration,
    buffer: Arc<Semaphore>,
}

/// A body, and the share of the buffer that it takes until it is dropped.
#[derive(Debug)]
pub struct BoundedBody {
    bytes: Bytes,
    share: BodyShare,
}

/// The share of the buffer that a body takes, for as long as what was made of it is in memory.
#[derive(Debug)]
pub struct BodyShare {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    TooLarge {
        limit: usize,
    },
    TooSlow,
    /// It ended before its end.
    BrokenOff,
    /// The buffer is full.
    NoRoom,
}

/// Where the bytes of a body count that arrives.
pub trait Room: Send {
    /// Room for so many bytes more, which have arrived; `false` where there is none.
    fn take(&mut self, bytes: usize) -> bool;

    /// Resolves once others need the room more.
    fn taken_away(&mut self) -> impl Future<Output = ()> + Send;
}

/// Room in a buffer that nobody is sent away from again.
struct Permits {
    buffer: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room for Permits {
    fn take(&mut self, bytes: usize) -> bool {
        let more = u32::try_from(bytes).ok();
        let more = more.and_then(|bytes| self.buffer.clone().try_acquire_many_owned(bytes).ok());
        match (&mut self.held, more) {
            (_, None) => return false,
            (Some(held), Some(more)) => held.merge(more),
            (held @ None, more) => *held = more,
        }
        true
    }

    async fn taken_away(&mut self) {
        std::future::pending().await
    }
}

impl BoundedBody {
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Drops the bytes, and keeps their share.
    pub fn into_share(self) -> BodyShare {
        self.share
    }
}

impl BodyLimits {
    /// For bodies of at most `max_bytes` that arrive within `timeout`, and take at most `buffer_bytes`
    /// together.
    pub fn new(max_bytes: usize, timeout: Duration, buffer_bytes: usize) -> Self {
        let buffer = Arc::new(Semaphore::new(buffer_bytes.min(Semaphore::MAX_PERMITS)));
        Self { max_bytes, timeout, buffer }
    }

    /// For bodies of at most `max_bytes`, if that is less, out of the same buffer.
    pub fn at_most(&self, max_bytes: usize) -> Self {
        Self { max_bytes: self.max_bytes.min(max_bytes), ..self.clone() }
    }

    pub async fn read(&self, request: Request) -> Result<BoundedBody, BodyError> {
        let mut room = Permits { buffer: self.buffer.clone(), held: None };
        let bytes = self.read_into(request, &mut room).await?;
        Ok(BoundedBody { bytes, share: BodyShare { _permit: room.held } })
    }

    /// The same, but its bytes count elsewhere.
    pub async fn read_into(
        &self,
        request: Request,
        room: &mut impl Room,
    ) -> Result<Bytes, BodyError> {
        // Whoever asks first whether to send has sent nothing yet.
        let asks_first = request.headers().contains_key(EXPECT);
        let mut body = request.into_body();
        let reading = async {
            // Who says that more will come need not send it.
            if body.size_hint().lower() > self.max_bytes as u64 {
                if !asks_first {
                    self.discard(&mut body).await;
                }
                return Err(BodyError::TooLarge { limit: self.max_bytes });
            }
            let read = self.collect(&mut body, room).await;
            if matches!(read, Err(BodyError::TooLarge { .. })) {
                self.discard(&mut body).await;
            }
            read
        };
        timeout(self.timeout, reading).await.map_err(|_| BodyError::TooSlow)?
    }

    /// Reads on for a while without keeping anything: who is cut off while sending sees a broken connection,
    /// and never the answer that says why.
    async fn discard(&self, body: &mut axum::body::Body) {
        let mut left = self.max_bytes.saturating_mul(4);
        while let Ok(Some(Ok(frame))) = timeout(PATIENCE, body.frame()).await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    }

    /// Takes from the buffer what has arrived and no more, so that who only announces much blocks nobody.
    async fn collect(
        &self,
        body: &mut axum::body::Body,
        room: &mut impl Room,
    ) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit: self.max_bytes };
        let mut bytes = BytesMut::new();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = room.taken_away() => return Err(BodyError::NoRoom),
            };
            let Some(frame) = frame else { return Ok(bytes.freeze()) };
            let Ok(data) = frame.map_err(|_| BodyError::BrokenOff)?.into_data() else { continue };
            if bytes.len() + data.len() > self.max_bytes {
                return Err(too_large);
            }
            if !room.take(data.len()) {
                return Err(BodyError::NoRoom);
            }
            bytes.extend_from_slice(&data);
        }
    }
}
