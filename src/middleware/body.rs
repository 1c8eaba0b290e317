//! Reading a body within limits: of its size, of the time it takes, and of what all bodies that arrive at
//! the same time take together.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use crate::domain::fair_share::{FairShare, FairShares, Share};

/// How fast a body has to come in, beyond the time for any.
const SLOWEST: u64 = 64 << 10;

/// The limits of a listener's bodies.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    max_bytes: usize,
    timeout: Duration,
    buffer: FairShares,
}

/// A body, and the share of the buffer that it takes until it is dropped.
#[derive(Debug)]
pub struct BoundedBody {
    pub(super) bytes: Bytes,
    pub(super) share: BodyShare,
}

/// The share of the buffer that a body takes, for as long as what was made of it is in memory.
#[derive(Debug)]
pub struct BodyShare {
    held: Option<Share>,
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

/// Room in a buffer that API keys share, from which nobody is sent away again.
struct Shares<'a> {
    buffer: &'a FairShares,
    key: &'a str,
    held: Option<Share>,
}

impl Room for Shares<'_> {
    fn take(&mut self, bytes: usize) -> bool {
        match &mut self.held {
            Some(held) => held.grow(bytes as u64),
            None => {
                self.held = self.buffer.take(self.key, bytes as u64);
                self.held.is_some()
            }
        }
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

impl BodyShare {
    /// Takes more; `false` where there is none. A body of nothing takes none.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        self.held.as_mut().is_some_and(|held| held.grow(bytes as u64))
    }

    /// The bytes that were made of the body. They keep its share until the last of them is dropped, wherever they
    /// have gone by then.
    pub fn held_by(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Shared { bytes, _share: self })
    }
}

struct Shared {
    bytes: Vec<u8>,
    _share: BodyShare,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyLimits {
    /// For bodies of at most `max_bytes` that arrive within `timeout`, beside what their size takes at the slowest
    /// speed, and share a buffer.
    pub fn new(max_bytes: usize, timeout: Duration, buffer: FairShare) -> Self {
        Self { max_bytes, timeout, buffer: FairShares::new(buffer) }
    }

    /// For bodies of at most `max_bytes`, if that is less, out of the same buffer.
    pub fn at_most(&self, max_bytes: usize) -> Self {
        Self { max_bytes: self.max_bytes.min(max_bytes), ..self.clone() }
    }

    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Reads the body of a request that came with this key.
    pub async fn read(&self, request: Request, key: &str) -> Result<BoundedBody, BodyError> {
        let mut room = Shares { buffer: &self.buffer, key, held: None };
        let bytes = self.read_into(request, &mut room).await?;
        Ok(BoundedBody { bytes, share: BodyShare { held: room.held } })
    }

    /// The same, but its bytes count elsewhere.
    pub async fn read_into(
        &self,
        request: Request,
        room: &mut impl Room,
    ) -> Result<Bytes, BodyError> {
        let mut body = request.into_body();
        // A body that announces more than the limit need not be sent.
        if body.size_hint().lower() > self.max_bytes as u64 {
            return Err(BodyError::TooLarge { limit: self.max_bytes });
        }
        self.collect(&mut body, room).await
    }

    /// Takes from the buffer what has arrived and no more, so that a sender who only announces much blocks nobody.
    async fn collect(
        &self,
        body: &mut axum::body::Body,
        room: &mut impl Room,
    ) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit: self.max_bytes };
        let mut bytes = BytesMut::new();
        let due = Instant::now() + self.timeout;
        loop {
            let excused = Duration::from_millis(bytes.len() as u64 * 1000 / SLOWEST);
            let frame = tokio::select! {
                frame = timeout_at(due + excused, body.frame()) => frame,
                () = room.taken_away() => return Err(BodyError::NoRoom),
            };
            let frame = frame.map_err(|_| BodyError::TooSlow)?;
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[tokio::test]
    async fn what_was_made_of_a_body_keeps_its_share() {
        let buffer = FairShare { capacity: 10, is_shared: false };
        let limits = BodyLimits::new(10, Duration::from_secs(1), buffer);
        let read = || limits.read(Request::new(Body::from("0123456789")), "key");
        let share = read().await.expect("room").into_share();
        let made = share.held_by(vec![1, 2, 3]);
        let part = made.slice(1..);
        drop(made);
        assert_eq!(part.as_ref(), [2, 3]);
        assert_eq!(read().await.expect_err("a part is still there"), BodyError::NoRoom);
        drop(part);
        assert!(read().await.is_ok());
    }
}
