//! A connection whose bytes the test chooses, for what no client of HTTP would send.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::harness::service::PATIENCE;
use crate::webhook::sender::Answer;

pub struct Raw {
    pub read: Reader,
    pub write: OwnedWriteHalf,
}

pub struct Reader {
    read: OwnedReadHalf,
    received: Vec<u8>,
}

impl Raw {
    /// `url` as `Service::webhook_url` answers it.
    pub async fn connect(url: &str) -> Self {
        let addr = url.strip_prefix("http://").expect("a URL without TLS");
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let (read, write) = stream.into_split();
        Self { read: Reader { read, received: Vec::new() }, write }
    }

    pub async fn begin(url: &str, bytes: impl AsRef<[u8]>) -> Self {
        let mut raw = Self::connect(url).await;
        raw.write.write_all(bytes.as_ref()).await.expect("taken");
        raw
    }

    pub async fn answer(&mut self) -> Option<Answer> {
        self.read.answer().await
    }
}

impl Reader {
    /// The next answer, or `None` where the connection ends without one. Can be cancelled.
    pub async fn answer(&mut self) -> Option<Answer> {
        let mut buffer = [0; 4096];
        loop {
            if let Some((answer, length)) = parsed(&self.received, false) {
                self.received.drain(..length);
                return Some(answer);
            }
            match self.read.read(&mut buffer).await {
                Ok(0) | Err(_) => return parsed(&self.received, true).map(|(answer, _)| answer),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// Sends a request as far as it is taken, and answers what was answered.
pub async fn exchange(url: &str, request: impl AsRef<[u8]>) -> Answer {
    let Raw { mut read, mut write } = Raw::connect(url).await;
    // Who is refused half-way cannot write on, and is answered all the same.
    let writing = async {
        let _ = write.write_all(request.as_ref()).await;
        std::future::pending::<()>().await;
    };
    let exchange = async {
        tokio::select! {
            answer = read.answer() => answer,
            () = writing => None,
        }
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time");
    answer.unwrap_or_else(|| {
        let line = request.as_ref().split(|byte| *byte == b'\r').next().unwrap_or_default();
        panic!("no answer but the end of the connection: {}", String::from_utf8_lossy(line))
    })
}

/// The head of a request, with its empty line.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: wagroups.test\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// An answer, and how many bytes it takes; `None` as long as it is not all there. What answers HEAD ends
/// without the body that it announces.
fn parsed(bytes: &[u8], is_end: bool) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("a head in ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a header's name");
            (name, HeaderValue::from_str(value).expect("a header's value"))
        })
        .collect();
    let mut answer = Answer { status, headers, body: Value::Null };
    let length: usize = answer.header("content-length").parse().unwrap_or_default();
    match bytes[end + 4..].get(..length) {
        Some(body) => answer.body = serde_json::from_slice(body).unwrap_or_default(),
        None if is_end => {}
        None => return None,
    }
    Some((answer, end + 4 + length))
}
