//! The connections that are open on a listener, and which one is closed where there is no more room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::middleware::{Connection, Peer};

/// So many of the callers that have the most are looked at for one to close.
const CALLERS_LOOKED_AT: usize = 64;
/// A new connection has had no time to show a key: where others have more than their share, those make room first.
const NEWCOMER: Duration = Duration::from_secs(1);

/// At most so many at the same time. Those who have shown no key make room: the oldest of the caller that has the most,
/// so that a crowd from one address closes its own.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    /// How many more may stay for a moment, where nobody makes room: probes among them.
    guests: usize,
    /// Whether there is more than one key.
    is_shared: bool,
    /// Peers that stand for many others.
    proxies: Arc<HashSet<IpAddr>>,
    open: Mutex<Open>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By age.
    connections: BTreeMap<u64, Arc<Connection>>,
    strangers: Strangers,
}

/// Whom a connection counts for.
type Caller = (IpAddr, u16);

/// Connections on which no key was shown when they were last looked at, by whom they count for.
#[derive(Debug, Default)]
struct Strangers {
    /// By age, each.
    of: HashMap<Caller, BTreeSet<u64>>,
    /// By how many they are; of callers that have as many, the one with the oldest comes last.
    by_count: BTreeSet<(usize, Reverse<u64>, Caller)>,
}

/// A connection's place, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    caller: Caller,
    /// Whether it is beyond what there is, and for a moment only.
    pub is_guest: bool,
}

impl Connections {
    pub fn new(max: usize, is_shared: bool, proxies: Arc<HashSet<IpAddr>>) -> Arc<Self> {
        let guests = (max / 16).max(1);
        let (open, closed) = (Mutex::default(), Notify::new());
        Arc::new(Self { max: max.max(1), guests, is_shared, proxies, open, closed })
    }

    pub fn count(&self) -> usize {
        self.open().connections.len()
    }

    /// A place for this connection. Where all are taken by those who have shown a key, it is one for a moment, and
    /// where those are taken, too, it waits until one closes.
    pub async fn place(self: &Arc<Self>, connection: &Arc<Connection>) -> Place {
        loop {
            let closed = self.closed.notified();
            if let Some(place) = self.try_place(connection) {
                return place;
            }
            closed.await;
        }
    }

    fn try_place(self: &Arc<Self>, connection: &Arc<Connection>) -> Option<Place> {
        let mut ended = None;
        let (id, is_guest) = {
            let mut open = self.open();
            if open.connections.len() >= self.max {
                ended = open.take_oldest_stranger(NEWCOMER);
                if ended.is_none() && self.is_shared {
                    ended = open.take_oldest_of_greediest(self.max);
                }
                ended = ended.or_else(|| open.take_oldest_stranger(Duration::ZERO));
            }
            let is_guest = open.connections.len() >= self.max;
            if open.connections.len() >= self.max + self.guests {
                return None;
            }
            let id = open.next;
            open.next += 1;
            open.connections.insert(id, connection.clone());
            open.strangers.insert(self.caller(connection), id);
            (id, is_guest)
        };
        if let Some(ended) = ended {
            ended.end();
        }
        let caller = self.caller(connection);
        Some(Place { connections: self.clone(), id, caller, is_guest })
    }

    /// Closes a connection of somebody who has shown no key, as there are no more descriptors; answers whether there
    /// was one.
    pub fn close_a_stranger(&self) -> bool {
        let stranger = self.open().take_oldest_stranger(Duration::ZERO);
        if let Some(stranger) = &stranger {
            stranger.end();
        }
        stranger.is_some()
    }

    fn caller(&self, connection: &Connection) -> Caller {
        Peer(connection.peer()).caller(&self.proxies)
    }

    /// Nothing that runs under the lock can panic half-way.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock()
    }
}

impl Open {
    /// One that has been there for so long at least.
    fn take_oldest_stranger(&mut self, age: Duration) -> Option<Arc<Connection>> {
        let mut known = Vec::new();
        let mut oldest = None;
        for (caller, id) in self.strangers.oldest_of_each().take(CALLERS_LOOKED_AT) {
            let connection = self.connections.get(&id);
            match connection.filter(|connection| connection.key().is_none()) {
                None => known.push((caller, id)),
                Some(stranger) if stranger.accepted().elapsed() < age => {}
                Some(_) => {
                    oldest = Some((caller, id));
                    break;
                }
            }
        }
        let has_known = !known.is_empty();
        for (caller, id) in known {
            self.strangers.remove(caller, id);
        }
        match oldest {
            Some((caller, id)) => {
                self.strangers.remove(caller, id);
                self.connections.remove(&id)
            }
            // Behind those who have shown a key by now there may be others.
            None if has_known => self.take_oldest_stranger(age),
            None => None,
        }
    }

    /// Of the key that has the most, if that is more than its share: the same for each, and one for a new key.
    fn take_oldest_of_greediest(&mut self, max: usize) -> Option<Arc<Connection>> {
        let mut by_key: HashMap<&str, (usize, u64)> = HashMap::new();
        for (id, connection) in &self.connections {
            if let Some(key) = connection.key() {
                by_key.entry(key).or_insert((0, *id)).0 += 1;
            }
        }
        let keys = by_key.len();
        let (count, oldest) = by_key.into_values().max()?;
        if count * (keys + 1) <= max { None } else { self.connections.remove(&oldest) }
    }
}

impl Strangers {
    fn insert(&mut self, caller: Caller, id: u64) {
        self.change(caller, |ids| ids.insert(id));
    }

    fn remove(&mut self, caller: Caller, id: u64) {
        self.change(caller, |ids| ids.remove(&id));
    }

    fn change(&mut self, caller: Caller, change: impl FnOnce(&mut BTreeSet<u64>) -> bool) {
        let ids = self.of.entry(caller).or_default();
        let place = |ids: &BTreeSet<u64>| Some((ids.len(), Reverse(*ids.first()?), caller));
        let before = place(ids);
        change(ids);
        let after = place(ids);
        if let Some(before) = before {
            self.by_count.remove(&before);
        }
        match after {
            Some(after) => {
                self.by_count.insert(after);
            }
            None => {
                self.of.remove(&caller);
            }
        }
    }

    /// By caller, the one that has the most first.
    fn oldest_of_each(&self) -> impl Iterator<Item = (Caller, u64)> + use<'_> {
        self.by_count.iter().rev().map(|(_, Reverse(id), caller)| (*caller, *id))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let caller = self.caller;
        let mut open = self.connections.open();
        open.connections.remove(&self.id);
        open.strangers.remove(caller, self.id);
        drop(open);
        self.connections.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::{AbortHandle, AbortRegistration};

    use super::*;

    fn connection(key: Option<&str>) -> (Arc<Connection>, AbortRegistration) {
        connection_from(1, 1, key)
    }

    fn connection_from(
        host: u8,
        port: u16,
        key: Option<&str>,
    ) -> (Arc<Connection>, AbortRegistration) {
        let (abort, registration) = AbortHandle::new_pair();
        let connection = Connection::new(([127, 0, 0, host], port).into(), abort);
        if let Some(key) = key {
            connection.vouch(key);
        }
        (connection, registration)
    }

    fn is_ended(registration: &AbortRegistration) -> bool {
        registration.handle().is_aborted()
    }

    #[tokio::test]
    async fn the_oldest_that_has_shown_no_key_makes_room() {
        let connections = Connections::new(3, false, Arc::default());
        let (known, known_task) = connection(Some("key"));
        let (first, first_task) = connection(None);
        let (second, second_task) = connection(None);
        let (third, third_task) = connection(None);
        let _known = connections.place(&known).await;
        let _first = connections.place(&first).await;
        let _second = connections.place(&second).await;
        let _third = connections.place(&third).await;
        assert_eq!(connections.count(), 3);
        let ended = [&known_task, &first_task, &second_task, &third_task].map(is_ended);
        assert_eq!(ended, [false, true, false, false]);
    }

    #[tokio::test]
    async fn a_crowd_from_one_address_closes_its_own() {
        let proxies = Arc::new(HashSet::from([[127, 0, 0, 9].into()]));
        let connections = Connections::new(4, false, proxies);
        let mut places = Vec::new();
        let mut tasks = Vec::new();
        // Behind the proxy each is somebody else.
        for (host, port) in [(1, 1), (9, 1), (9, 2), (2, 1), (2, 2), (2, 3), (2, 4)] {
            let (connection, task) = connection_from(host, port, None);
            places.push(connections.place(&connection).await);
            tasks.push(task);
        }
        let ended: Vec<bool> = tasks.iter().map(is_ended).collect();
        assert_eq!(ended, [true, false, false, true, true, false, false]);
        drop(places);
        let open = connections.open();
        assert!(open.strangers.of.is_empty() && open.strangers.by_count.is_empty());
    }

    #[tokio::test]
    async fn where_all_have_shown_a_key_the_next_one_is_a_guest_or_waits_for_one_to_close() {
        let connections = Connections::new(2, false, Arc::default());
        let (first, first_task) = connection(Some("key"));
        let (second, _second_task) = connection(Some("key"));
        let (third, _third_task) = connection(Some("key"));
        let (fourth, _fourth_task) = connection(None);
        let first = connections.place(&first).await;
        let _second = connections.place(&second).await;
        let guest = connections.place(&third).await;
        assert!(!first.is_guest && guest.is_guest);
        let mut waiting = Box::pin(connections.place(&fourth));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.now_or_never().is_some());
        assert!(!is_ended(&first_task));
    }

    #[tokio::test]
    async fn a_key_that_has_more_than_half_makes_room_for_others() {
        let connections = Connections::new(4, true, Arc::default());
        let mut places = Vec::new();
        let mut tasks = Vec::new();
        for key in ["other", "greedy", "greedy", "greedy"] {
            let (connection, task) = connection(Some(key));
            places.push(connections.place(&connection).await);
            tasks.push(task);
        }
        // It shows its key only after it has come, and is not the one who makes room for the next.
        let (new, new_task) = connection(None);
        let _new = connections.place(&new).await;
        let (next, _next_task) = connection(Some("greedy"));
        let _next = connections.place(&next).await;
        let ended: Vec<bool> = tasks.iter().map(is_ended).collect();
        assert_eq!(ended, [false, true, true, false]);
        assert!(!is_ended(&new_task));
    }
}
