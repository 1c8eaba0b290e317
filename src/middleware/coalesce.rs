//! A socket that lets the frames of several streams leave in one write.
//!
//! On a multi-threaded runtime the connection's task runs right after each stream that gave it a
//! frame, and flushes: one system call for each delivery. Here writes are gathered, and a flush
//! first steps aside once, so that the streams that are ready too can add their frames. A flush is
//! delayed by one turn of the scheduler at most.
//!
//! The socket also denies that it writes vectored: h2 chains payloads of 256 bytes and more on
//! sockets that do, and gives each a write of its own. Gathered, a frame's head and its payload
//! leave together at the price of one copy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is gathered at the most; then it is written, flush or not.
const MAX_GATHERED: usize = 64 * 1024;
/// What an idle connection keeps of its buffer.
const KEPT: usize = 4 * 1024;

/// A connection whose flushes step aside once.
#[derive(Debug)]
pub struct CoalescedStream {
    inner: TcpStream,
    gathered: BytesMut,
    /// Whether a flush has begun and stepped aside.
    stepped_aside: bool,
}

impl CoalescedStream {
    pub fn new(inner: TcpStream) -> Self {
        Self { inner, gathered: BytesMut::new(), stepped_aside: false }
    }

    /// Writes all that is gathered.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.gathered))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gathered.advance(written);
        }
        // Thousands of idle connections must not each keep what their busiest moment took.
        if self.gathered.capacity() > KEPT {
            self.gathered = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for CoalescedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for CoalescedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= MAX_GATHERED {
            ready!(self.poll_write_out(cx))?;
        }
        let taken = buf.len().min(MAX_GATHERED - self.gathered.len());
        self.gathered.extend_from_slice(&buf[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() && !self.stepped_aside {
            self.stepped_aside = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_write_out(cx))?;
        self.stepped_aside = false;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}
