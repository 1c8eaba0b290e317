//! Reading a body within limits: of its size, of the time it takes, and of what all bodies that arrive at
//! the same time take together.

use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Options;
use super::refusal::Refusal;

/// A body, and the share of the buffer that it takes until it is dropped.
#[derive(Debug)]
pub struct Body {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl Body {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

pub async fn read(
    request: Request,
    options: Options,
    buffer: &Arc<Semaphore>,
) -> Result<Body, Refusal> {
    let limit = options.max_body_bytes;
    let body = request.into_body();
    // Who says that more will come need not send it.
    if body.size_hint().lower() > limit as u64 {
        return Err(Refusal::TooLarge { limit });
    }
    timeout(options.body_timeout, collect(body, limit, buffer))
        .await
        .map_err(|_| Refusal::TooSlow)?
}

/// Takes from the buffer what has arrived and no more, so that who only announces much blocks nobody.
async fn collect(
    mut body: axum::body::Body,
    limit: usize,
    buffer: &Arc<Semaphore>,
) -> Result<Body, Refusal> {
    let mut bytes = BytesMut::new();
    let mut share: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::BrokenOff)?.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        let size = u32::try_from(data.len()).map_err(|_| Refusal::TooLarge { limit })?;
        let more = buffer.clone().try_acquire_many_owned(size).map_err(|_| Refusal::Overloaded)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Body { bytes: bytes.freeze(), _share: share })
}
