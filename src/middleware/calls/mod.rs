//! The calls that a listener serves at the same time: how many, what their bodies and answers hold, and who has to go
//! first where there is no more room.
//!
//! A call counts from its head until the last byte of its answer has left, so that a caller who does not take
//! the answer fills its own share. Callers who show a key share fairly by key ([`FairShare`]). Those who show none
//! have a small number of places of their own, of which the oldest gives way, so that a probe always passes.
//! A caller that keeps us waiting, with the rest of its request or to take its answer, gives way to those who do not.
//!
//! [`FairShare`]: crate::domain::fair_share::FairShare

mod answer;
mod layer;
mod received;
mod table;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

pub use self::answer::AnswerBody;
pub use self::layer::{AdmitLayer, AnswerLayer};
pub use self::received::ReceivedBody;
use self::table::{Holder, Table};
use super::connection::Connection;
use super::peer::Peer;
use super::status::overloaded;
use super::stream_task::StreamTask;
use crate::domain::error::Error;
use crate::telemetry;

/// A call that keeps us waiting for longer than this gives way where others find no room.
const PATIENCE_UNDER_PRESSURE: Duration = Duration::from_secs(1);
/// An answer up to this size is held whatever else is: there are no more of them than calls.
const ALWAYS_HELD: u64 = 256 << 10;
/// A request or an answer up to this size is a part of what its call's place stands for, and not counted beside it.
const UNCOUNTED: u64 = 16 << 10;
/// How fast the rest of a body has to come and an answer has to be taken, beyond the time for any.
const SLOWEST: u64 = 4 << 10;

/// The bounds of a listener's calls.
#[derive(Debug, Clone)]
pub struct CallBounds {
    /// The listener, as metrics name it.
    pub listener: &'static str,
    /// Calls at the same time, of all keys together.
    pub max_calls: usize,
    /// Calls at the same time of those who show no key.
    pub max_stranger_calls: usize,
    /// Bodies of requests that are held, all together.
    pub request_bytes: u64,
    /// Answers that are held, all together.
    pub answer_bytes: u64,
    /// How long a body may take to arrive, beside what its size takes at the slowest speed.
    pub body_timeout: Duration,
    /// How long an answer may wait to be taken, beside what its size takes at the slowest speed.
    pub answer_timeout: Duration,
    /// Whether there is more than one key to share with.
    pub is_shared: bool,
    /// Peers that stand for many others.
    pub proxies: Arc<HashSet<IpAddr>>,
}

/// The calls of a listener.
#[derive(Debug, Clone)]
pub struct Calls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: CallBounds,
    began: Instant,
    table: Mutex<Table>,
}

/// Who calls: the name of a key, or a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    Key(&'a str),
    Stranger,
}

/// What a call is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// For the rest of the request.
    Receiving,
    /// For us.
    Working,
    /// For the peer, to take the answer.
    Answering,
    /// For events to send; there is no end to them.
    Streaming,
}

/// A call's place. It is given back when the call has ended and its answer has left.
#[derive(Debug)]
pub struct Call {
    calls: Arc<Inner>,
    id: u64,
    state: Arc<State>,
}

/// What is known of a call without looking into the table.
#[derive(Debug)]
struct State {
    phase: AtomicU8,
    /// When the peer last did something for it, or we began to wait, in milliseconds of the table's time.
    touched: AtomicU64,
    answer_began: AtomicU64,
    /// Bytes of the request that have arrived.
    received: AtomicU64,
    /// Bytes of the answer that have been handed over.
    sent: AtomicU64,
    /// The stream's task has ended; what is left of the answer is in the connection's hands.
    is_handed_over: AtomicBool,
    /// Whether it has a seat elsewhere, and so no place that its bytes would have to hold.
    is_seated: AtomicBool,
    stream: Option<StreamTask>,
    connection: Option<Arc<Connection>>,
}

impl Calls {
    pub fn new(bounds: CallBounds) -> Self {
        let table = Mutex::new(Table::new(&bounds));
        Self(Arc::new(Inner { bounds, began: Instant::now(), table }))
    }

    pub fn bounds(&self) -> &CallBounds {
        &self.0.bounds
    }

    /// A place for a call; an error where there is none for its caller.
    pub fn admit(
        &self,
        who: Who<'_>,
        connection: Option<&Arc<Connection>>,
    ) -> Result<Arc<Call>, Error> {
        let now = self.0.now();
        let state = Arc::new(State {
            phase: AtomicU8::new(Phase::Receiving as u8),
            touched: AtomicU64::new(now),
            answer_began: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            is_handed_over: AtomicBool::new(false),
            is_seated: AtomicBool::new(false),
            stream: StreamTask::current(),
            connection: connection.cloned(),
        });
        let holder = match who {
            Who::Key(key) => {
                if let Some(connection) = connection {
                    connection.vouch(key);
                }
                Holder::Key(key)
            }
            Who::Stranger => self.0.stranger(connection),
        };
        let mut ended = Vec::new();
        let id = self.0.table().admit(holder, state.clone(), now, &mut ended);
        self.0.end(ended);
        let id = id.ok_or_else(overloaded)?;
        Ok(Arc::new(Call { calls: self.0.clone(), id, state }))
    }

    /// Ends the calls whose answer was not taken in time. To be called every second.
    pub fn end_overdue(&self) {
        let overdue = self.0.table().overdue(self.0.now(), &self.0.bounds);
        self.0.end(overdue);
    }

    /// Until `closing`.
    pub async fn watch_over(&self, closing: impl Future<Output = ()>) {
        let watching = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.end_overdue();
                let (calls, request_bytes, answer_bytes) = self.0.table().held();
                let listener = self.0.bounds.listener;
                telemetry::calls_held(listener, calls, request_bytes, answer_bytes);
            }
        };
        tokio::select! {
            () = watching => {}
            () = closing => {}
        }
    }
}

impl Inner {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Held for some hundred nanoseconds by each call on every thread: if it is taken, a thread spins: to sleep
    /// would cost more than the call.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    /// Strangers of one address are taken for one, but for those behind a proxy.
    fn stranger(&self, connection: Option<&Arc<Connection>>) -> Holder<'static> {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let peer = Peer(connection.map_or(unknown, |connection| connection.peer()));
        Holder::Stranger { peer, caller: peer.caller(&self.bounds.proxies) }
    }

    /// Must not run under the lock: what a call holds is dropped here.
    fn end(&self, calls: Vec<Arc<State>>) {
        if !calls.is_empty() {
            telemetry::calls_ended(self.bounds.listener, calls.len());
        }
        for call in calls {
            call.end();
        }
    }
}

impl State {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Receiving,
            1 => Phase::Working,
            2 => Phase::Answering,
            _ => Phase::Streaming,
        }
    }

    /// Whether it can be ended without its connection, or has none to share.
    fn is_alone(&self) -> bool {
        let is_in_hand = !self.is_handed_over.load(Ordering::Relaxed);
        (self.stream.is_some() && is_in_hand) || self.connection.is_none()
    }

    fn shares_connection(&self, other: &Self) -> bool {
        match (&self.connection, &other.connection) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn end(&self) {
        match (&self.stream, &self.connection) {
            (Some(stream), _) if !self.is_handed_over.load(Ordering::Relaxed) => stream.end(),
            (Some(stream), Some(connection)) if connection.is_peers() => stream.end(),
            (_, Some(connection)) => connection.end(),
            _ => {}
        }
    }

    /// Whether the peer has let us wait for so long.
    fn keeps_waiting(&self, now: u64, patience: Duration) -> bool {
        matches!(self.phase(), Phase::Receiving | Phase::Answering)
            && now.saturating_sub(self.touched.load(Ordering::Relaxed)) >= millis(patience)
    }

    fn is_overdue(&self, now: u64, timeout: Duration) -> bool {
        if self.phase() != Phase::Answering {
            return false;
        }
        let allowed = millis(timeout) + self.sent.load(Ordering::Relaxed) * 1000 / SLOWEST;
        now.saturating_sub(self.answer_began.load(Ordering::Relaxed)) >= allowed
    }
}

impl Call {
    fn enter(&self, phase: Phase) {
        self.enter_at(phase, self.calls.now());
    }

    fn enter_at(&self, phase: Phase, now: u64) {
        self.state.phase.store(phase as u8, Ordering::Relaxed);
        self.state.touched.store(now, Ordering::Relaxed);
    }

    fn begin_answer(&self) {
        let now = self.calls.now();
        self.state.answer_began.store(now, Ordering::Relaxed);
        self.enter_at(Phase::Answering, now);
    }

    /// The peer has done its part for now.
    fn touch(&self) {
        self.state.touched.store(self.calls.now(), Ordering::Relaxed);
    }

    /// Counts bytes of the request that have arrived; an error where there is no room for them.
    fn receive(&self, bytes: usize) -> Result<(), Error> {
        self.touch();
        let bytes = bytes as u64;
        let before = self.state.received.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= UNCOUNTED {
            return Ok(());
        }
        let bytes = if before <= UNCOUNTED { before + bytes } else { bytes };
        let mut ended = Vec::new();
        let has_room = self.calls.table().receive(self.id, bytes, self.calls.now(), &mut ended);
        self.calls.end(ended);
        if has_room { Ok(()) } else { Err(overloaded()) }
    }

    /// All of the request has arrived.
    pub fn received(&self) {
        if self.state.phase() == Phase::Receiving {
            self.enter(Phase::Working);
        }
    }

    /// The answer is there and is to be taken. Its first bytes are counted; an error where there is no room for them,
    /// which only a read may end in: the outcome of a change has to reach its caller.
    pub fn answer(&self, bytes: usize, is_read: bool) -> Result<(), Error> {
        self.begin_answer();
        if self.hold_answer(bytes, is_read) { Ok(()) } else { Err(overloaded()) }
    }

    /// The next part of the answer is still being made: it is us who are waited for.
    fn makes_part(&self) {
        self.enter(Phase::Working);
    }

    /// The next part of the answer is there, and nothing of the last one is left. Where there is no room for a larger
    /// one than before, the call is ended: it is known then that not all has come.
    fn has_part(&self, bytes: usize) -> bool {
        self.state.sent.store(0, Ordering::Relaxed);
        self.begin_answer();
        let has_room = self.hold_answer(bytes, true);
        if !has_room {
            self.calls.end(vec![self.state.clone()]);
        }
        has_room
    }

    fn hold_answer(&self, bytes: usize, is_read: bool) -> bool {
        let is_counted = self.state.received.load(Ordering::Relaxed) > UNCOUNTED;
        if bytes as u64 <= UNCOUNTED && !is_counted {
            return true;
        }
        let is_optional = is_read && bytes as u64 > ALWAYS_HELD;
        let mut ended = Vec::new();
        let has_room = self.calls.table().answer(
            self.id,
            bytes as u64,
            is_optional,
            self.calls.now(),
            &mut ended,
        );
        self.calls.end(ended);
        has_room
    }

    /// The answer has no end, and has a seat elsewhere: its place is given back.
    pub fn seated(&self) {
        self.stream();
        self.state.is_seated.store(true, Ordering::Relaxed);
        self.calls.table().stream(self.id);
    }

    /// The answer has no end.
    fn stream(&self) {
        self.enter(Phase::Streaming);
    }

    /// Whether a stream may hold so many bytes beside what each may hold; what it has already counts in any case.
    fn hold_more(&self, bytes: usize, has_it: bool) -> bool {
        self.calls.table().hold_more(self.id, bytes as u64, has_it)
    }

    /// A stream holds no more than each may.
    fn hold_less(&self) {
        self.calls.table().hold_less(self.id);
    }

    /// Some of the answer was taken from us.
    fn sent(&self, bytes: usize) {
        self.state.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.touch();
    }

    /// The connection holds what is left of the answer.
    fn handed_over(&self) {
        self.state.is_handed_over.store(true, Ordering::Relaxed);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.table().remove(self.id);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
