//! The body of a gRPC request as it arrives, within its limits of size and time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::{Call, SLOWEST};
use crate::domain::error::Error;
use crate::domain::reason::Reason;
use crate::middleware::status::to_status;

/// One byte that says whether the message is compressed, and four of its length.
const PREFIX: usize = 5;

/// A body that counts what arrives. It refuses a message that is too large by its announced length, before the rest
/// of it is read.
pub struct ReceivedBody<B> {
    inner: B,
    call: Arc<Call>,
    limits: Option<Limits>,
}

struct Limits {
    max_bytes: u64,
    timeout: Duration,
    began: Instant,
    arrived: u64,
    prefix: [u8; PREFIX],
    /// Set once we have to wait, which most requests never do: they come in one piece.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> ReceivedBody<B> {
    /// Of a call with one message of at most `max_bytes`; none where the client may send many.
    pub(super) fn new(inner: B, call: Arc<Call>, max_bytes: Option<u64>) -> Self {
        let timeout = call.calls.bounds.body_timeout;
        let limits = max_bytes.map(|max_bytes| Limits {
            max_bytes,
            timeout,
            began: Instant::now(),
            arrived: 0,
            prefix: [0; PREFIX],
            alarm: None,
        });
        if limits.is_none() {
            call.received();
        }
        Self { inner, call, limits }
    }
}

impl<B> Body for ReceivedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        let Some(limits) = &mut this.limits else {
            return polled.map_err(broken_off);
        };
        let Poll::Ready(frame) = polled else {
            ready!(limits.poll_too_slow(cx));
            return Poll::Ready(Some(Err(to_status(&too_slow(limits.timeout)))));
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(broken_off(error)))),
            None => {
                this.call.received();
                return Poll::Ready(None);
            }
        };
        if let Some(data) = frame.data_ref() {
            let counted = limits.take(data).and_then(|()| this.call.receive(data.len()));
            if let Err(error) = counted {
                return Poll::Ready(Some(Err(to_status(&error))));
            }
        }
        if this.inner.is_end_stream() {
            this.call.received();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Limits {
    /// Ready once the body has taken longer than what has arrived of it excuses.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let excused = self.timeout + Duration::from_millis(self.arrived * 1000 / SLOWEST);
        let due = self.began + excused;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    }

    fn take(&mut self, data: &[u8]) -> Result<(), Error> {
        if let Some(missing) = usize::try_from(self.arrived).ok().filter(|at| *at < PREFIX) {
            for (to, from) in self.prefix[missing..].iter_mut().zip(data) {
                *to = *from;
            }
        }
        self.arrived += data.len() as u64;
        let announced = match self.prefix {
            // What begins otherwise is no message at all, and refused as such.
            [0 | 1, a, b, c, d] if self.arrived >= PREFIX as u64 => {
                u64::from(u32::from_be_bytes([a, b, c, d]))
            }
            _ => 0,
        };
        if announced > self.max_bytes || self.arrived > self.max_bytes + PREFIX as u64 {
            return Err(too_large(self.max_bytes));
        }
        Ok(())
    }
}

fn too_large(max_bytes: u64) -> Error {
    let message = format!(
        "the request is larger than the {max_bytes} bytes that this method takes; send less"
    );
    Error::new(Reason::MessageTooLarge, message).with("max_bytes", max_bytes)
}

fn too_slow(timeout: Duration) -> Error {
    let message =
        format!("the rest of the request did not arrive within {timeout:?}; nothing was done");
    Error::new(Reason::DeadlineExceeded, message)
}

/// The client that this is for is no longer there; it is no fault of ours.
fn broken_off(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Status {
    let error = error.into();
    match error.downcast::<Status>() {
        Ok(status) => *status,
        Err(error) => {
            let message = "the request was broken off before its end";
            to_status(&Error::new(Reason::Cancelled, message).caused_by(error))
        }
    }
}
