//! How a request's body ends. tonic answers the same for a body that is empty and for one whose sender has left.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It has not ended yet.
    Open,
    /// Its sender has ended it.
    Complete,
    /// Its sender has reset it or is gone.
    BrokenOff,
}

/// Knows how a body ended, also after it was dropped.
#[derive(Debug, Clone)]
pub struct BodyWitness(Arc<AtomicU8>);

impl BodyWitness {
    /// The body as before, and who watches it.
    pub fn watch(body: Body) -> (Body, Self) {
        let witness = Self(Arc::new(AtomicU8::new(Self::OPEN)));
        // Most calls that are refused before their body is read have none that could break off.
        if body.is_end_stream() {
            witness.0.store(Self::COMPLETE, Ordering::Relaxed);
            return (body, witness);
        }
        let watched = WatchedBody { body, witness: witness.clone() };
        (Body::new(watched), witness)
    }

    const OPEN: u8 = 0;
    const COMPLETE: u8 = 1;
    const BROKEN_OFF: u8 = 2;

    pub fn end(&self) -> BodyEnd {
        match self.0.load(Ordering::Relaxed) {
            Self::COMPLETE => BodyEnd::Complete,
            Self::BROKEN_OFF => BodyEnd::BrokenOff,
            _ => BodyEnd::Open,
        }
    }
}

struct WatchedBody {
    body: Body,
    witness: BodyWitness,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => {}
            // A body that a limit of ours has ended has a status with details.
            Some(Err(status)) if !status.details().is_empty() => {}
            Some(Err(_)) => self.witness.0.store(BodyWitness::BROKEN_OFF, Ordering::Relaxed),
            None => self.witness.0.store(BodyWitness::COMPLETE, Ordering::Relaxed),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
