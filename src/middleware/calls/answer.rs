//! The body of an answer as it leaves: in pieces, each counted until it has left.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Call;

/// The most that is handed to the connection at once. HTTP/2 takes a whole piece as soon as there is room for one
/// byte of it, and keeps it, so that a peer that opens its window by one byte holds no more than this.
const PIECE: usize = 16 << 10;

/// What holds a call's place while its answer leaves, on its way from the inner layer to the outer one.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub call: Arc<Call>,
    /// What was taken out of the body already, to know its size.
    pub first: Bytes,
}

/// A body that gives its call's place back once its last byte has left.
#[derive(Debug)]
pub struct AnswerBody<B> {
    inner: B,
    call: Option<Arc<Call>>,
    /// What is still to be handed over of the last frame.
    rest: Bytes,
}

/// Bytes that hold a call's place until they are dropped, which the connection does once they have left.
struct Held {
    bytes: Bytes,
    _call: Arc<Call>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<B> AnswerBody<B> {
    /// Of a call whose answer was counted.
    pub fn holding(inner: B, call: Arc<Call>) -> Self {
        Self { inner, call: Some(call), rest: Bytes::new() }
    }

    pub(super) fn new(inner: B, answer: Option<Answer>) -> Self {
        match answer {
            Some(Answer { call, first }) => {
                let rest = if first.is_empty() { first } else { held(first, &call) };
                Self { inner, call: Some(call), rest }
            }
            None => Self { inner, call: None, rest: Bytes::new() },
        }
    }
}

fn held(bytes: Bytes, call: &Arc<Call>) -> Bytes {
    Bytes::from_owner(Held { bytes, _call: call.clone() })
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        this.rest = match &this.call {
                            Some(call) => held(data, call),
                            None => data,
                        };
                    }
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = this.rest.len().min(PIECE);
        let piece = this.rest.split_to(length);
        if let Some(call) = &this.call {
            call.sent(length);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let mut hint = self.inner.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        // Its lower bound must not rise above an upper one that is being set.
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

impl<B> Drop for AnswerBody<B> {
    fn drop(&mut self) {
        if let Some(call) = &self.call {
            call.handed_over();
        }
    }
}
