//! A socket that lets the frames of several streams leave in one write.
//!
//! On a multi-threaded runtime the connection's task runs right after each stream that gave it a
//! frame, and flushes: one system call for each delivery. Here a flush first steps aside once, so
//! that the streams that are ready too can add their frames; measured on 1,000 watchers this takes
//! two thirds off the cost of a delivery. A flush is delayed by one turn of the scheduler at most.
//!
//! The socket also denies that it writes vectored: h2 chains payloads of 256 bytes and more on
//! sockets that do, and gives each a write of its own (1,024 bytes on those that do not).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A connection whose flushes step aside once.
#[derive(Debug)]
pub struct CoalescedStream {
    inner: TcpStream,
    /// Whether a flush has begun and stepped aside.
    stepped_aside: bool,
    /// Whether anything was written since the last flush.
    dirty: bool,
}

impl CoalescedStream {
    pub fn new(inner: TcpStream) -> Self {
        Self { inner, stepped_aside: false, dirty: false }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl Connected for CoalescedStream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.inner.connect_info()
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
        if !self.dirty && !self.stepped_aside {
            // h2 writes when it flushes: stepping aside must come before its first write.
            self.stepped_aside = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.dirty = true;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        if flushed.is_ready() {
            self.dirty = false;
            self.stepped_aside = false;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}
