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
//!
//! And it reads little from a peer that takes nothing: see [`MAX_READ_WHILE_BLOCKED`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at the most; then it is written, flush or not.
const MAX_GATHERED: usize = 64 * 1024;
/// What is still read from a peer that takes nothing: each call that it makes has an answer, of which h2 keeps at
/// least the head, however many there are.
const MAX_READ_WHILE_BLOCKED: usize = 64 * 1024;
/// What an idle connection keeps of its buffer.
const KEPT: usize = 4 * 1024;

/// A connection whose flushes step aside once.
#[derive(Debug)]
pub struct CoalescedStream<S> {
    inner: S,
    gathered: BytesMut,
    /// Whether a flush has begun and stepped aside.
    stepped_aside: bool,
    /// What was read since the socket last took nothing more; none while it takes what it is given.
    read_while_blocked: Option<usize>,
    /// Whether somebody waits to read on.
    has_paused_reading: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> CoalescedStream<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            gathered: BytesMut::new(),
            stepped_aside: false,
            read_while_blocked: None,
            has_paused_reading: false,
        }
    }

    fn takes_again(&mut self, cx: &Context<'_>) {
        self.read_while_blocked = None;
        if std::mem::take(&mut self.has_paused_reading) {
            cx.waker().wake_by_ref();
        }
    }

    /// Writes all that is gathered.
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let this = &mut *self;
            let Poll::Ready(written) = Pin::new(&mut this.inner).poll_write(cx, &this.gathered)
            else {
                this.read_while_blocked.get_or_insert(0);
                return Poll::Pending;
            };
            let written = written?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.gathered.advance(written);
            this.takes_again(cx);
        }
        // Thousands of idle connections must not each keep what their busiest moment took.
        if self.gathered.capacity() > KEPT {
            self.gathered = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for CoalescedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(read) = this.read_while_blocked else {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        };
        if read >= MAX_READ_WHILE_BLOCKED {
            // Who wakes us is the socket that takes something again.
            this.has_paused_reading = true;
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        this.read_while_blocked = Some(read + buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for CoalescedStream<S> {
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
        // TLS takes a write before the socket does, and tells of that one here.
        let Poll::Ready(flushed) = Pin::new(&mut self.inner).poll_flush(cx) else {
            self.read_while_blocked.get_or_insert(0);
            return Poll::Pending;
        };
        self.takes_again(cx);
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_out(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn little_is_read_from_a_peer_that_takes_nothing_and_all_once_it_does() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (theirs, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut theirs, ours) = (theirs.unwrap(), CoalescedStream::new(accepted.unwrap().0));
        let (mut read, mut write) = tokio::io::split(ours);
        let wanted: usize = 16 << 20;
        let writing = tokio::spawn(async move {
            write.write_all(&vec![7; wanted]).await.unwrap();
            write.flush().await.unwrap();
        });
        let (taken, received) = tokio::sync::oneshot::channel::<()>();
        let reading = async {
            let mut bytes = vec![0; 1 << 16];
            let mut total = 0_usize;
            let mut received = received;
            loop {
                tokio::select! {
                    length = read.read(&mut bytes) => total += length.unwrap(),
                    _ = &mut received => return total,
                }
            }
        };
        let taking = async {
            let mut sent = 0_usize;
            // Until the kernel has no more room for what is not read on the other side.
            let second = std::time::Duration::from_secs(1);
            while let Ok(written) = tokio::time::timeout(second, theirs.write(&[1; 65536])).await {
                sent += written.unwrap();
                assert!(sent < 64 << 20, "all is read");
            }
            let mut answer = vec![0; wanted];
            theirs.read_exact(&mut answer).await.unwrap();
            let _ = taken.send(());
            sent
        };
        let (sent, total) = tokio::join!(taking, reading);
        writing.await.unwrap();
        assert!(total > MAX_READ_WHILE_BLOCKED, "{total} of {sent} bytes were read in the end");
    }
}
