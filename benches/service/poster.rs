//! Posts prepared requests at times that were fixed before, over HTTP/1.1 connections that are kept.
//!
//! A request waits where no connection is free, and its time runs from when it was due: a server that
//! stalls is not asked less often for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

/// WAHA posts each webhook as it comes, however many are under way; with few connections, a slow
/// answer would hold back what shows how well many are written at once.
const CONNECTIONS: usize = 256;

/// What became of each request, in their order.
pub struct Posted {
    started: Instant,
    interval: f64,
    answers: Vec<Answer>,
}

#[derive(Debug, Clone, Copy)]
pub struct Answer {
    number: usize,
    status: u16,
    at: Instant,
}

pub async fn connect(addr: &str) -> Vec<TcpStream> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let connection = TcpStream::connect(addr).await.expect("a connection");
        connection.set_nodelay(true).expect("no delay");
        connections.push(connection);
    }
    connections
}

/// Posts so many a second, and returns when all are answered.
pub async fn post(connections: Vec<TcpStream>, requests: Vec<Bytes>, rate: f64) -> Posted {
    let (count, requests): (usize, Arc<[Bytes]>) = (requests.len(), requests.into());
    let (due, queue) = mpsc::unbounded_channel();
    let queue = Arc::new(Mutex::new(queue));
    let workers: Vec<_> = connections
        .into_iter()
        .map(|connection| tokio::spawn(work(connection, requests.clone(), queue.clone())))
        .collect();
    let (started, interval) = (Instant::now(), 1.0 / rate);
    // A thread's sleep ends about 0.1 ms late; the runtime's timer knows milliseconds only.
    let clock = std::thread::spawn(move || {
        for number in 0..count {
            let time = started + Duration::from_secs_f64(number as f64 * interval);
            std::thread::sleep(time.saturating_duration_since(Instant::now()));
            let _ = due.send(number);
        }
    });
    let answered = futures::future::join_all(workers).await;
    clock.join().expect("the clock");
    let mut answers: Vec<Answer> = answered
        .into_iter()
        .flat_map(|answered| answered.expect("a connection's answers"))
        .collect();
    assert_eq!(answers.len(), count);
    answers.sort_by_key(|answer| answer.number);
    Posted { started, interval, answers }
}

impl Posted {
    /// Milliseconds from when the request was due.
    pub fn latency(&self, number: usize, at: Instant) -> f64 {
        let due = self.started + Duration::from_secs_f64(number as f64 * self.interval);
        at.saturating_duration_since(due).as_secs_f64() * 1e3
    }

    /// Of those that were taken.
    pub fn latencies(&self) -> Vec<f64> {
        self.taken().map(|answer| self.latency(answer.number, answer.at)).collect()
    }

    pub fn taken(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.status == 200)
    }

    /// How many a second were taken, until the last one was.
    pub fn rate(&self) -> f64 {
        let last = self.taken().map(|answer| answer.at).max().unwrap_or(self.started);
        // As long as the last one's own interval is not over, it is not late.
        let planned = self.answers.len() as f64 * self.interval;
        let elapsed = last.saturating_duration_since(self.started).as_secs_f64();
        self.taken().count() as f64 / elapsed.max(planned)
    }
}

async fn work(
    mut connection: TcpStream,
    requests: Arc<[Bytes]>,
    queue: Arc<Mutex<mpsc::UnboundedReceiver<usize>>>,
) -> Vec<Answer> {
    let (mut answers, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
    loop {
        let next = queue.lock().await.recv().await;
        let Some(number) = next else { return answers };
        connection.write_all(&requests[number]).await.expect("a request is written");
        let status = read_answer(&mut connection, &mut buffer).await;
        answers.push(Answer { number, status, at: Instant::now() });
    }
}

/// Reads one answer to its end; answers its status.
async fn read_answer(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        assert_ne!(connection.read_buf(buffer).await.expect("an answer"), 0, "cut off");
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).expect("a length");
        if buffer.len() >= end + 4 + length {
            let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
            assert!(matches!(status, 200 | 503), "{}", String::from_utf8_lossy(buffer));
            return status;
        }
    }
}
