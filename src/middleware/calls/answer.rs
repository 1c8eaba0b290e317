//! The body of an answer as it leaves: in pieces, which are counted until they have left.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};

use super::{Call, Phase};

/// The most that is handed to the connection at once. HTTP/2 takes a whole piece as soon as there is room for one
/// byte of it, and keeps it, so that a peer that opens its window by one byte holds no more than this.
const PIECE: usize = 16 << 10;
/// What a stream may hold of what its peer does not take, whatever others hold; and up to [`COUNTED_TOGETHER`] more.
const HELD_BY_EACH: usize = 16 << 10;
/// What it may hold beside that, within its key's share of what all answers hold.
const HELD_BESIDE: usize = 32 << 10;
/// So much of a watch is counted together: as pieces leave in their order, the one that is counted stands for those
/// before it. The counters are shared with the connection, which runs on another processor as likely as not, so that
/// counting each small event by itself would cost more than anything else of its delivery. What is not counted at the
/// end of a watch holds nothing; it has no place either.
const COUNTED_TOGETHER: usize = 4 << 10;
/// What fits into the window that a client opens at the least, so that it has left once it was handed over. The end
/// of a larger answer waits until all of it has left: until then the stream can be reset, and not the connection only,
/// on which others may wait for theirs.
const FITS: usize = 64 << 10;

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
    leaving: Option<Leaving>,
    /// What is still to be handed over of the last frame.
    rest: Bytes,
}

/// What the connection has in its hands of an answer.
#[derive(Debug)]
struct Leaving {
    call: Arc<Call>,
    kind: Kind,
    /// Of a stream, which stops taking new pieces where too many have not left; and of an answer that is large, or
    /// made in parts.
    unsent: Option<Arc<Unsent>>,
    /// Whether it is a stream that holds no place, of which not every piece is counted.
    is_seated: bool,
    /// Handed over since the last piece that was counted.
    uncounted: usize,
}

/// How an answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All of it is there, and counted.
    Whole,
    /// Part by part, the next one when the last has left; each is counted as it comes.
    InParts,
    /// Without an end.
    Stream,
}

#[derive(Debug)]
struct Unsent {
    _call: Arc<Call>,
    bytes: AtomicUsize,
    /// Whether the stream holds more than each may.
    holds_more: AtomicBool,
    /// Of a task that waits for bytes to leave; set by no other, as each delivery to a watch would wake it once more.
    waker: AtomicWaker,
}

impl Unsent {
    fn new(call: Arc<Call>) -> Self {
        let (bytes, holds_more) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { _call: call, bytes, holds_more, waker: AtomicWaker::new() }
    }

    /// How much has not left; where that is too much, the task that asks is woken when some has.
    fn poll_bytes(&self, cx: &mut Context<'_>, is_enough: impl Fn(usize) -> bool) -> usize {
        let bytes = self.bytes.load(Ordering::Acquire);
        if is_enough(bytes) {
            return bytes;
        }
        self.waker.register(cx.waker());
        self.bytes.load(Ordering::Acquire)
    }
}

/// Bytes that hold a call's place until they are dropped, which the connection does once they have left.
struct Held {
    bytes: Bytes,
    place: Place,
}

enum Place {
    Whole {
        _call: Arc<Call>,
    },
    /// These bytes, and others before them.
    Counted {
        unsent: Arc<Unsent>,
        weight: usize,
    },
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Place::Counted { unsent, weight } = &self.place {
            unsent.bytes.fetch_sub(*weight, Ordering::AcqRel);
            unsent.waker.wake();
        }
    }
}

impl<B> AnswerBody<B> {
    /// Of a call whose answer was counted, or that is a stream.
    pub fn holding(inner: B, call: Arc<Call>) -> Self {
        Self::new(inner, Some(Answer { call, first: Bytes::new() }))
    }

    pub(super) fn new(inner: B, answer: Option<Answer>) -> Self {
        let Some(Answer { call, first }) = answer else {
            return Self { inner, leaving: None, rest: Bytes::new() };
        };
        let is_stream = call.state.phase() == Phase::Streaming;
        let kind = if is_stream { Kind::Stream } else { Kind::Whole };
        Self::leaving(inner, call, kind, first)
    }

    /// Of a call whose answer has more parts than the first, which was counted.
    pub fn in_parts(inner: B, call: Arc<Call>, first: Bytes) -> Self {
        Self::leaving(inner, call, Kind::InParts, first)
    }

    fn leaving(inner: B, call: Arc<Call>, kind: Kind, first: Bytes) -> Self {
        let unsent = (kind != Kind::Whole || first.len() > FITS)
            .then(|| Arc::new(Unsent::new(call.clone())));
        let is_seated = kind == Kind::Stream && call.state.is_seated.load(Ordering::Relaxed);
        let mut leaving = Leaving { call, kind, unsent, is_seated, uncounted: 0 };
        let rest = if first.is_empty() { first } else { leaving.hold(first) };
        Self { inner, leaving: Some(leaving), rest }
    }
}

impl Leaving {
    fn hold(&mut self, bytes: Bytes) -> Bytes {
        let Some(unsent) = &self.unsent else {
            let place = Place::Whole { _call: self.call.clone() };
            return Bytes::from_owner(Held { bytes, place });
        };
        let weight = self.uncounted + bytes.len();
        if self.is_seated && weight < COUNTED_TOGETHER {
            self.uncounted = weight;
            return bytes;
        }
        self.uncounted = 0;
        let held = unsent.bytes.fetch_add(weight, Ordering::AcqRel) + weight;
        let room = HELD_BY_EACH + HELD_BESIDE;
        if self.kind == Kind::Stream && held > room {
            // One event may be larger than that, and has to go out all the same.
            self.call.hold_more(held - room, true);
            unsent.holds_more.store(true, Ordering::Relaxed);
        }
        let place = Place::Counted { unsent: unsent.clone(), weight };
        Bytes::from_owner(Held { bytes, place })
    }

    /// Ready once nothing is left of a large answer, or of the last part of one.
    fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.unsent {
            Some(unsent) if self.kind != Kind::Stream => {
                match unsent.poll_bytes(cx, |bytes| bytes == 0) {
                    0 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }
            _ => Poll::Ready(()),
        }
    }

    /// Ready where the stream may take something new.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = self.unsent.as_ref().filter(|_| self.kind == Kind::Stream) else {
            return Poll::Ready(());
        };
        let unsent = stream.poll_bytes(cx, |bytes| bytes < HELD_BY_EACH);
        let holds_more = stream.holds_more.load(Ordering::Relaxed);
        if unsent < HELD_BY_EACH {
            if holds_more {
                stream.holds_more.store(false, Ordering::Relaxed);
                self.call.hold_less();
            }
            return Poll::Ready(());
        }
        if unsent >= HELD_BY_EACH + HELD_BESIDE {
            return Poll::Pending;
        }
        if holds_more || self.call.hold_more(HELD_BESIDE, false) {
            stream.holds_more.store(true, Ordering::Relaxed);
            return Poll::Ready(());
        }
        Poll::Pending
    }
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
            if let Some(leaving) = &this.leaving {
                ready!(leaving.poll_room(cx));
            }
            // What follows the whole of a large answer is its end.
            if let Some(leaving) = &this.leaving {
                ready!(leaving.poll_left(cx));
            }
            let in_parts = this.leaving.as_ref().filter(|leaving| leaving.kind == Kind::InParts);
            let polled = Pin::new(&mut this.inner).poll_frame(cx);
            if let (Poll::Pending, Some(leaving)) = (&polled, in_parts) {
                leaving.call.makes_part();
            }
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        if in_parts.is_some_and(|leaving| !leaving.call.has_part(data.len())) {
                            // The call has been ended, and this with it.
                            return Poll::Pending;
                        }
                        this.rest = match &mut this.leaving {
                            Some(leaving) => leaving.hold(data),
                            None => data,
                        };
                    }
                    Err(other) => {
                        this.ends();
                        return Poll::Ready(Some(Ok(other)));
                    }
                },
                other => {
                    this.ends();
                    return Poll::Ready(other);
                }
            }
        }
        let length = this.rest.len().min(PIECE);
        let piece = this.rest.split_to(length);
        if let Some(leaving) = this.leaving.as_ref().filter(|leaving| leaving.kind != Kind::Stream)
        {
            leaving.call.sent(length);
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

impl<B> AnswerBody<B> {
    /// Gives up the place before the end of the answer leaves, so that a client that has received it finds a place for
    /// the next call. What the connection still has in its hands keeps it.
    fn ends(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            leaving.call.handed_over();
        }
    }
}

impl<B> Drop for AnswerBody<B> {
    fn drop(&mut self) {
        self.ends();
    }
}
