//! An answer that is given before its request was read.
//!
//! hyper closes a connection on which a body is left, and the kernel resets one that is closed with bytes in it: a
//! client that first sends all and then reads never sees the answer. So what is left of a body is read on for a
//! while, and thrown away, while the answer goes out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much more is read of a body that nobody wants, and for how long. It takes no memory, only a connection's
/// place.
const MAX_BYTES: u64 = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
/// A client that sends nothing for so long is not about to send the rest.
const SILENCE: Duration = Duration::from_secs(1);

/// The same request, whose body is read on where it is left.
pub fn read_on(request: Request) -> Request {
    // A client that asks first whether to send has sent nothing yet, and need not.
    let is_sent = !request.headers().contains_key(EXPECT);
    request.map(|body| {
        if body.is_end_stream() {
            return body;
        }
        Body::new(UnreadBody { body: Some(body), is_sent })
    })
}

struct UnreadBody {
    /// Until it has ended.
    body: Option<Body>,
    /// Whether more of it is on its way.
    is_sent: bool,
}

impl HttpBody for UnreadBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Polling the body lets the client send it.
        self.is_sent = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for UnreadBody {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| self.is_sent && !body.is_end_stream());
        // Where nothing runs any more, nobody waits for an answer.
        if let (Some(body), Ok(runtime)) = (left, Handle::try_current()) {
            runtime.spawn(timeout(PATIENCE, discard(body)));
        }
    }
}

async fn discard(mut body: Body) {
    let mut left = MAX_BYTES;
    while let Ok(Some(Ok(frame))) = timeout(SILENCE, body.frame()).await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        left = left.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        if left == 0 {
            return;
        }
    }
}
