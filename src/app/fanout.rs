//! Passes the events that are not about groups to their subscribers, WebSocket clients and webhooks: those of WAHA
//! servers, and the statuses of sessions.
//!
//! The sender never waits. Each receiver has a bounded queue, all queues together share room by API key, and an event
//! that finds none is lost to that receiver, and counted. Nothing of it touches the log.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use parking_lot::RwLock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::WatchStream;

use super::App;
use crate::domain::auth::Caller;
use crate::domain::fair_share::{FairShare, FairShares, Share};
use crate::domain::id::SessionName;
use crate::domain::other_event::{MAX_EVENT_BYTES, OtherEvent, OtherEventNames, is_passed_on};
use crate::domain::port::other_events::{OtherEventSource, OtherEvents};
use crate::telemetry;

/// Events that wait in one lane, and what all that wait for one receiver take.
const MAX_WAITING: usize = 256;
const MAX_WAITING_BYTES: usize = 4 * MAX_EVENT_BYTES;
/// What waits for all receivers; API keys share it.
const CAPACITY_BYTES: u64 = 32 << 20;
/// What an event takes besides its body, about.
const OVERHEAD_BYTES: usize = 512;

/// Which events a receiver subscribes to.
#[derive(Debug, Clone)]
pub struct Wish {
    pub caller: Caller,
    /// Empty = all that the caller may see.
    pub sessions: Vec<SessionName>,
    pub names: OtherEventNames,
}

impl Wish {
    fn is_for(&self, session: &SessionName, name: &str) -> bool {
        self.names.have(name)
            && (self.sessions.is_empty() || self.sessions.contains(session))
            && self.caller.may_see(session)
    }
}

#[derive(Debug)]
pub(super) struct Fanout {
    receivers: RwLock<Vec<Arc<Receiver>>>,
    next_id: AtomicU64,
    /// All names that receivers wish for, and those of them that WAHA servers are asked for.
    named: watch::Sender<OtherEventNames>,
    wanted: watch::Sender<OtherEventNames>,
    room: FairShares,
}

#[derive(Debug)]
struct Receiver {
    id: u64,
    wish: Wish,
    /// Each session goes one way, so that its events stay in order.
    lanes: Vec<mpsc::Sender<Waiting>>,
    room: Arc<Semaphore>,
}

/// An event that waits for one receiver, and the room that it takes until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    pub session: SessionName,
    pub event: Arc<OtherEvent>,
    _room: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One receiver's subscription; it ends when this is dropped.
#[derive(Debug)]
pub struct Subscription {
    fanout: Arc<Fanout>,
    id: u64,
}

impl Fanout {
    pub fn new(is_shared: bool) -> Arc<Self> {
        Arc::new(Self {
            receivers: RwLock::default(),
            next_id: AtomicU64::new(0),
            named: watch::Sender::default(),
            wanted: watch::Sender::default(),
            room: FairShares::new(FairShare { capacity: CAPACITY_BYTES, is_shared }),
        })
    }

    /// Sends the events that are wished for from now on, in so many lanes.
    pub fn subscribe<const LANES: usize>(
        self: &Arc<Self>,
        wish: Wish,
    ) -> (Subscription, [mpsc::Receiver<Waiting>; LANES]) {
        let mut senders = Vec::with_capacity(LANES);
        let queues = std::array::from_fn(|_| {
            let (sender, queue) = mpsc::channel(MAX_WAITING);
            senders.push(sender);
            queue
        });
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let room = Arc::new(Semaphore::new(MAX_WAITING_BYTES));
        self.receivers.write().push(Arc::new(Receiver { id, wish, lanes: senders, room }));
        self.note_wanted();
        (Subscription { fanout: self.clone(), id }, queues)
    }

    fn note_wanted(&self) {
        // Under the lock, so that of two changes the later one is sent last.
        let receivers = self.receivers.read();
        let names = || receivers.iter().flat_map(|receiver| &receiver.wish.names);
        send_if_new(&self.named, names().cloned().collect());
        let wanted = names().filter(|name| is_passed_on(name.as_str()));
        send_if_new(&self.wanted, wanted.cloned().collect());
    }
}

fn send_if_new(sender: &watch::Sender<OtherEventNames>, names: OtherEventNames) {
    sender.send_if_modified(|held| {
        let has_changed = *held != names;
        *held = names;
        has_changed
    });
}

impl Receiver {
    /// Whether there was room for it.
    fn take(&self, session: &SessionName, event: &Arc<OtherEvent>, room: &FairShares) -> bool {
        let bytes = event.body.len() + OVERHEAD_BYTES;
        let Ok(permits) = u32::try_from(bytes) else { return false };
        let Ok(own) = self.room.clone().try_acquire_many_owned(permits) else { return false };
        let share = room.take(self.wish.caller.key_name(), bytes as u64);
        // A receiver that is not behind gets it, however far behind others are with the same key.
        let is_behind = self.room.available_permits() + bytes < MAX_WAITING_BYTES;
        if share.is_none() && is_behind {
            return false;
        }
        let event = event.clone();
        let waiting = Waiting { session: session.clone(), event, _room: own, _share: share };
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        let lane = hasher.finish() % self.lanes.len() as u64;
        let lane = usize::try_from(lane).ok().and_then(|lane| self.lanes.get(lane));
        lane.is_some_and(|lane| lane.try_send(waiting).is_ok())
    }
}

impl OtherEvents for Fanout {
    fn wanted(&self) -> BoxStream<'static, OtherEventNames> {
        WatchStream::new(self.wanted.subscribe()).boxed()
    }

    fn named(&self) -> BoxStream<'static, OtherEventNames> {
        WatchStream::new(self.named.subscribe()).boxed()
    }

    fn publish(&self, session: &SessionName, event: OtherEvent) {
        let wishing: Vec<Arc<Receiver>> = {
            let receivers = self.receivers.read();
            let wish = |receiver: &&Arc<Receiver>| receiver.wish.is_for(session, &event.name);
            receivers.iter().filter(wish).cloned().collect()
        };
        if wishing.is_empty() {
            return;
        }
        let event = Arc::new(event);
        for receiver in wishing {
            if !receiver.take(session, &event, &self.room) {
                telemetry::passed_on("lost");
            }
        }
    }
}

impl Subscription {
    /// Wishes for these events from now on, in place of those before.
    fn wish_for(&self, names: OtherEventNames) {
        for receiver in self.fanout.receivers.write().iter_mut() {
            if receiver.id == self.id {
                let wish = Wish { names, ..receiver.wish.clone() };
                let (id, lanes) = (self.id, receiver.lanes.clone());
                *receiver = Arc::new(Receiver { id, wish, lanes, room: receiver.room.clone() });
                break;
            }
        }
        self.fanout.note_wanted();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.fanout.receivers.write().retain(|receiver| receiver.id != self.id);
        self.fanout.note_wanted();
    }
}

impl OtherEventSource for App {
    fn follow(
        &self,
        names: BoxStream<'static, OtherEventNames>,
    ) -> BoxStream<'static, (SessionName, Arc<OtherEvent>)> {
        let nothing = OtherEventNames::default();
        let wish = Wish { caller: Caller::anyone(), sessions: Vec::new(), names: nothing };
        let (subscription, [queue]) = self.inner.fanout.subscribe(wish);
        let held = (names, subscription, queue);
        let events = stream::unfold(held, |(mut names, subscription, mut queue)| async move {
            loop {
                tokio::select! {
                    changed = names.next() => subscription.wish_for(changed?),
                    Some(Waiting { session, event, .. }) = queue.recv() => {
                        return Some(((session, event), (names, subscription, queue)));
                    }
                }
            }
        });
        events.take_until(self.inner.lifecycle.draining.clone().cancelled_owned()).boxed()
    }
}

impl App {
    /// Where servers deliver events that are not about groups.
    pub fn other_events(&self) -> Arc<dyn OtherEvents> {
        self.inner.fanout.clone()
    }

    /// Sends the events that are wished for, from now on and for as long as the subscription is held.
    pub fn subscribe(&self, wish: Wish) -> (Subscription, mpsc::Receiver<Waiting>) {
        let (subscription, [queue]) = self.inner.fanout.subscribe(wish);
        (subscription, queue)
    }

    /// Passes on an event that came by a session's webhook, where no server's event stream brings it.
    pub fn pass_event_on(&self, session: &SessionName, event: OtherEvent) {
        let known = self.inner.sessions.directory.get(session);
        let takes_webhooks_only = known.is_ok_and(|session| session.config.takes_webhooks_only());
        if takes_webhooks_only && self.inner.passage.get().is_some() {
            self.inner.fanout.publish(session, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;

    use super::*;

    fn event(name: &str, bytes: usize) -> OtherEvent {
        let body = Bytes::from(vec![b' '; bytes]);
        OtherEvent { name: name.to_owned(), id: String::new(), time: 0, body }
    }

    fn wish(key: &str, pattern: &str, names: &[&str]) -> Wish {
        let names = names.iter().map(|name| name.parse().expect("a name")).collect();
        let sessions = vec![pattern.parse().expect("a pattern")];
        Wish { caller: Caller::new(key, sessions), sessions: Vec::new(), names }
    }

    fn session(name: &str) -> SessionName {
        name.parse().expect("a name")
    }

    fn waiting(lane: &mut mpsc::Receiver<Waiting>) -> Vec<String> {
        std::iter::from_fn(|| lane.try_recv().ok()).map(|held| held.event.name.clone()).collect()
    }

    #[tokio::test]
    async fn each_is_told_what_it_wants_of_the_sessions_that_its_key_sees() {
        let fanout = Fanout::new(true);
        let (_all, [mut all]) = fanout.subscribe(wish("a", "*", &["*"]));
        let (_some, [mut some]) = fanout.subscribe(wish("b", "shop-*", &["message"]));
        let named = Wish { sessions: vec![session("shop-2")], ..wish("a", "*", &["*"]) };
        let (_named, [mut named]) = fanout.subscribe(named);
        for (name, what) in [("shop-1", "message"), ("shop-2", "message.ack"), ("other", "message")]
        {
            fanout.publish(&session(name), event(what, 10));
        }
        assert_eq!(waiting(&mut all), ["message", "message.ack", "message"]);
        assert_eq!(waiting(&mut some), ["message"]);
        assert_eq!(waiting(&mut named), ["message.ack"]);
    }

    #[tokio::test]
    async fn who_is_behind_loses_and_nobody_else_does() {
        let fanout = Fanout::new(true);
        let (_slow, [mut slow]) = fanout.subscribe(wish("a", "*", &["*"]));
        let (_quick, [mut quick]) = fanout.subscribe(wish("a", "*", &["*"]));
        let mut taken = 0;
        for _ in 0..MAX_WAITING + 50 {
            fanout.publish(&session("shop"), event("message", 10));
            taken += waiting(&mut quick).len();
        }
        assert_eq!(taken, MAX_WAITING + 50);
        assert_eq!(waiting(&mut slow).len(), MAX_WAITING);
        // Large ones count by their size, and what they took is there again afterwards.
        for _ in 0..2 {
            for _ in 0..10 {
                fanout.publish(&session("shop"), event("message", MAX_EVENT_BYTES));
                waiting(&mut quick);
            }
            assert_eq!(waiting(&mut slow).len(), 3);
        }
        assert_eq!(fanout.room.held(), 0);
    }

    #[tokio::test]
    async fn who_is_not_behind_is_told_however_many_are_with_the_same_key() {
        let fanout = Fanout::new(false);
        let slow: Vec<_> = (0..40).map(|_| fanout.subscribe::<1>(wish("a", "*", &["*"]))).collect();
        for _ in 0..4 {
            fanout.publish(&session("shop"), event("message", MAX_EVENT_BYTES));
        }
        let (_quick, [mut quick]) = fanout.subscribe(wish("a", "*", &["*"]));
        for _ in 0..10 {
            fanout.publish(&session("shop"), event("message", MAX_EVENT_BYTES));
            assert_eq!(waiting(&mut quick).len(), 1);
        }
        drop(slow);
        assert_eq!(fanout.room.held(), 0);
    }

    #[tokio::test]
    async fn one_key_takes_no_other_its_room() {
        let fanout = Fanout::new(true);
        let slow: Vec<_> =
            (0..40).map(|_| fanout.subscribe::<1>(wish("greedy", "*", &["*"]))).collect();
        for _ in 0..10 {
            fanout.publish(&session("shop"), event("message", MAX_EVENT_BYTES));
        }
        assert!(fanout.room.held() < CAPACITY_BYTES * 2 / 3, "{}", fanout.room.held());
        let (_other, [mut other]) = fanout.subscribe(wish("other", "*", &["message.ack"]));
        fanout.publish(&session("shop"), event("message.ack", MAX_EVENT_BYTES));
        assert_eq!(waiting(&mut other).len(), 1);
        drop(slow);
        assert_eq!(fanout.room.held(), 0);
    }

    #[tokio::test]
    async fn a_session_stays_in_its_lane() {
        let fanout = Fanout::new(false);
        let (_all, mut lanes) = fanout.subscribe::<4>(wish("", "*", &["*"]));
        for number in 0..40 {
            fanout.publish(&session(&format!("shop-{}", number % 20)), event("message", 10));
        }
        let counts: Vec<usize> = lanes.iter_mut().map(|lane| waiting(lane).len()).collect();
        assert_eq!(counts.iter().sum::<usize>(), 40);
        assert!(counts.iter().all(|count| count % 2 == 0), "{counts:?}");
        assert!(counts.iter().filter(|count| **count > 0).count() > 1, "{counts:?}");
    }

    #[tokio::test]
    async fn what_anybody_wants_is_told_as_it_changes() {
        let fanout = Fanout::new(true);
        let mut wanted = fanout.wanted();
        let names = |names: &[&str]| wish("", "*", names).names;
        assert_eq!(wanted.next().await, Some(OtherEventNames::default()));
        let (first, [_lane]) = fanout.subscribe(wish("a", "*", &["message"]));
        assert_eq!(wanted.next().await, Some(names(&["message"])));
        let (second, [_more]) = fanout.subscribe(wish("a", "*", &["message", "session.status"]));
        assert_eq!(wanted.next().now_or_never(), None, "nothing new");
        let (_third, [_last]) = fanout.subscribe(wish("a", "*", &["*"]));
        assert_eq!(wanted.next().await, Some(names(&["*", "message"])));
        drop(first);
        assert_eq!(wanted.next().now_or_never(), None, "another wants it still");
        drop(second);
        assert_eq!(wanted.next().await, Some(names(&["*"])));
    }
}
