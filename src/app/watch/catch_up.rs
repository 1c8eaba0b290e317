//! Reading the log for watchers that are behind.
//!
//! The log is read in aligned chunks that all who are behind share: a thousand watchers that come
//! back after a restart read each chunk once, not a thousand times.
//!
//! A read runs on a task of its own and ends by itself. A watcher is only polled while its caller takes what it is
//! sent: one that waited for the read itself, and then was polled no more, would hold up all who wait for the same
//! chunk, and keep its place among the readers, for as long as its caller reads nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

use crate::domain::counter::Position;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventRecord;
use crate::domain::log_position::LogPosition;
use crate::domain::port::repository::Repository;
use crate::telemetry;

/// Events in a chunk.
const CHUNK: u64 = 512;
/// Reads at the same time: catching up must not take the connections that calls need.
const READERS: usize = 4;

pub(in crate::app) struct CatchUp(Arc<Inner>);

struct Inner {
    repository: Arc<dyn Repository>,
    readers: Semaphore,
    /// How often the log was read.
    reads: AtomicU64,
    /// By number and by the last position they were read for; the newest chunk still grows.
    chunks: moka::future::Cache<(u64, Position), Chunk>,
}

/// What a filter lets pass of events, about `max_bytes` of it at most, and the place of the last one that was
/// looked at.
pub(super) fn step<'a>(
    records: impl Iterator<Item = &'a Arc<EventRecord>>,
    max_bytes: usize,
    lets_pass: impl Fn(&EventRecord) -> bool,
) -> (Vec<Arc<EventRecord>>, Option<LogPosition>) {
    let (mut events, mut bytes, mut reached) = (Vec::new(), 0, None);
    for record in records {
        if lets_pass(record) {
            if bytes > 0 && bytes + record.wire.len() > max_bytes {
                break;
            }
            bytes += record.wire.len();
            events.push(record.clone());
        }
        reached = Some(LogPosition::from(record.as_ref()));
    }
    (events, reached)
}

pub(super) type Chunk = Arc<Vec<Arc<EventRecord>>>;

impl CatchUp {
    pub fn new(repository: Arc<dyn Repository>, max_bytes: u64) -> Self {
        let chunks = moka::future::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, chunk: &Chunk| {
                let bytes: usize = chunk.iter().map(|record| record.wire.len() + 160).sum();
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .build();
        let (readers, reads) = (Semaphore::new(READERS), AtomicU64::new(0));
        Self(Arc::new(Inner { repository, readers, reads, chunks }))
    }

    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// The events after a position, `up_to` at the latest, as far as their chunk reaches: the first
    /// one is at `after + 1`. `None` where retention has taken it.
    pub async fn read(&self, after: Position, up_to: Position) -> Result<Option<Chunk>> {
        let number = after.get() / CHUNK;
        let end = up_to.min(start_of(number + 1));
        let chunk = match self.0.chunks.get(&(number, end)).await {
            Some(chunk) => chunk,
            None => {
                let inner = self.0.clone();
                let reading = tokio::spawn(async move { inner.read(number, end).await });
                reading.await.map_err(Error::internal)??
            }
        };
        let first = chunk.first().map(|record| record.position);
        if first.is_none_or(|first| after.next() < first) {
            // Either gone, or the chunk was read before its end was written.
            return Ok(None);
        }
        Ok(Some(chunk))
    }
}

impl Inner {
    /// The chunk of this number up to there, read once for all who ask for it meanwhile.
    async fn read(&self, number: u64, end: Position) -> Result<Chunk> {
        let load = async {
            let _permit = self.readers.acquire().await.map_err(Error::internal)?;
            self.load(start_of(number), end).await
        };
        self.chunks.try_get_with((number, end), load).await.map_err(|error| (*error).clone())
    }

    async fn load(&self, start: Position, end: Position) -> Result<Chunk> {
        let limit = |from: Position| u32::try_from(end.since(from)).unwrap_or(u32::MAX);
        let mut slice = self.repository.read(start, limit(start)).await?;
        if slice.trimmed > start && slice.trimmed < end {
            // Retention has taken the beginning; the rest is still there for those who are further.
            slice = self.repository.read(slice.trimmed, limit(slice.trimmed)).await?;
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        telemetry::catch_up_read(slice.events.len());
        Ok(Arc::new(slice.events.into_iter().map(Arc::new).collect()))
    }
}

/// The position before the first event of a chunk.
fn start_of(chunk: u64) -> Position {
    Position::ZERO.plus(chunk * CHUNK)
}
