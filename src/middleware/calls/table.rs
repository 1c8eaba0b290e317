//! Who holds how much, and who gives way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{CallBounds, PATIENCE_UNDER_PRESSURE, State};
use crate::domain::fair_share::FairShare;

/// Looking for somebody who gives way costs a walk through all calls. Where there was nobody, it is not repeated for
/// so many milliseconds, so that refusing is cheap.
const PAUSE_AFTER_NOBODY: u64 = 50;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    Key(Arc<str>),
    /// One who comes from there; behind a proxy, each connection is somebody else.
    Stranger {
        peer: SocketAddr,
        is_proxy: bool,
    },
}

#[derive(Debug)]
struct Entry {
    holder: Holder,
    state: Arc<State>,
    request_bytes: u64,
    answer_bytes: u64,
    /// Streams have a limit of their own, and take no place among the calls.
    is_stream: bool,
}

/// What a key holds, or all keys together.
#[derive(Debug, Default, Clone, Copy)]
struct Use {
    calls: u64,
    request_bytes: u64,
    answer_bytes: u64,
}

impl Use {
    fn is_nothing(&self) -> bool {
        self.calls == 0 && self.request_bytes == 0 && self.answer_bytes == 0
    }
}

#[derive(Debug)]
pub(super) struct Table {
    calls: FairShare,
    request_bytes: FairShare,
    answer_bytes: FairShare,
    max_stranger_calls: usize,
    next: u64,
    /// By age.
    entries: BTreeMap<u64, Entry>,
    by_key: HashMap<Arc<str>, Use>,
    all: Use,
    stranger_calls: usize,
    found_nobody: Option<u64>,
}

impl Table {
    pub fn new(bounds: &CallBounds) -> Self {
        let share = |capacity| FairShare { capacity, is_shared: bounds.is_shared };
        Self {
            calls: share(bounds.max_calls as u64),
            request_bytes: share(bounds.request_bytes),
            answer_bytes: share(bounds.answer_bytes),
            max_stranger_calls: bounds.max_stranger_calls.max(1),
            next: 0,
            entries: BTreeMap::new(),
            by_key: HashMap::new(),
            all: Use::default(),
            stranger_calls: 0,
            found_nobody: None,
        }
    }

    /// Calls, bytes of requests and bytes of answers that are held.
    pub fn held(&self) -> (usize, u64, u64) {
        let calls = self.entries.values().filter(|entry| !entry.is_stream).count();
        (calls, self.all.request_bytes, self.all.answer_bytes)
    }

    /// The id of the new call; none where there is no room. Those who gave way join `ended`.
    pub fn admit(
        &mut self,
        holder: Holder,
        state: Arc<State>,
        now: u64,
        ended: &mut Vec<Arc<State>>,
    ) -> Option<u64> {
        match &holder {
            Holder::Key(key) => loop {
                let own = self.own(key).calls;
                if self.calls.allows(own, self.all.calls, 1) {
                    break;
                }
                ended.push(self.give_way(key, now, |_| true)?);
            },
            Holder::Stranger { .. } => {
                if self.stranger_calls >= self.max_stranger_calls {
                    ended.push(self.oldest_stranger()?);
                }
            }
        }
        let id = self.next;
        self.next += 1;
        match &holder {
            Holder::Key(key) => {
                self.by_key.entry(key.clone()).or_default().calls += 1;
                self.all.calls += 1;
            }
            Holder::Stranger { .. } => self.stranger_calls += 1,
        }
        let entry = Entry { holder, state, request_bytes: 0, answer_bytes: 0, is_stream: false };
        self.entries.insert(id, entry);
        Some(id)
    }

    /// Counts bytes of a request; says whether there is room for them.
    pub fn receive(&mut self, id: u64, bytes: u64, now: u64, ended: &mut Vec<Arc<State>>) -> bool {
        let Some(Holder::Key(key)) = self.entries.get(&id).map(|entry| entry.holder.clone()) else {
            // Those of strangers are few and small.
            return true;
        };
        while !self.request_bytes.allows(
            self.own(&key).request_bytes,
            self.all.request_bytes,
            bytes,
        ) {
            let Some(other) = self.give_way(&key, now, |entry| entry.request_bytes > 0) else {
                return false;
            };
            ended.push(other);
        }
        self.count(id, &key, |used| used.request_bytes += bytes);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.request_bytes += bytes;
        }
        true
    }

    /// The request's bytes are gone and the answer's are there; says whether there is room for them. What is not
    /// optional is counted in any case.
    pub fn answer(
        &mut self,
        id: u64,
        bytes: u64,
        is_optional: bool,
        now: u64,
        ended: &mut Vec<Arc<State>>,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return true };
        let request_bytes = std::mem::take(&mut entry.request_bytes);
        let Holder::Key(key) = entry.holder.clone() else { return true };
        self.count(id, &key, |used| used.request_bytes -= request_bytes);
        while !self.answer_bytes.allows(self.own(&key).answer_bytes, self.all.answer_bytes, bytes) {
            match self.give_way(&key, now, |entry| entry.answer_bytes > 0) {
                Some(other) => ended.push(other),
                None if is_optional => return false,
                None => break,
            }
        }
        self.count(id, &key, |used| used.answer_bytes += bytes);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.answer_bytes += bytes;
        }
        true
    }

    /// The call turns out to be a stream: it gives its place back, and what it took of the request.
    pub fn stream(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Holder::Key(key) = entry.holder.clone() else { return };
        entry.is_stream = true;
        let request_bytes = std::mem::take(&mut entry.request_bytes);
        self.count(id, &key, |used| {
            used.calls -= 1;
            used.request_bytes -= request_bytes;
        });
    }

    /// Counts what a stream holds beside what each may hold; says whether there is room for it.
    pub fn hold_more(&mut self, id: u64, bytes: u64) -> bool {
        let Some(Holder::Key(key)) = self.entries.get(&id).map(|entry| entry.holder.clone()) else {
            return false;
        };
        let has_room =
            self.answer_bytes.allows(self.own(&key).answer_bytes, self.all.answer_bytes, bytes);
        if has_room {
            self.count(id, &key, |used| used.answer_bytes += bytes);
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.answer_bytes += bytes;
            }
        }
        has_room
    }

    /// A stream holds no more than each may hold.
    pub fn hold_less(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let Holder::Key(key) = entry.holder.clone() else { return };
        let bytes = std::mem::take(&mut entry.answer_bytes);
        self.count(id, &key, |used| used.answer_bytes -= bytes);
    }

    pub fn remove(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        match &entry.holder {
            Holder::Key(key) => {
                for used in [self.by_key.get_mut(key), Some(&mut self.all)].into_iter().flatten() {
                    used.calls -= u64::from(!entry.is_stream);
                    used.request_bytes -= entry.request_bytes;
                    used.answer_bytes -= entry.answer_bytes;
                }
                if self.by_key.get(key).is_some_and(Use::is_nothing) {
                    self.by_key.remove(key);
                }
            }
            Holder::Stranger { .. } => self.stranger_calls -= 1,
        }
    }

    /// Takes out the calls whose answer was not taken in time.
    pub fn overdue(&mut self, now: u64, bounds: &CallBounds) -> Vec<Arc<State>> {
        let is_overdue = |entry: &Entry| entry.state.is_overdue(now, bounds.answer_timeout);
        let ids: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| is_overdue(entry)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    fn own(&self, key: &str) -> Use {
        self.by_key.get(key).copied().unwrap_or_default()
    }

    fn count(&mut self, id: u64, key: &Arc<str>, change: impl Fn(&mut Use)) {
        if self.entries.contains_key(&id) {
            change(&mut self.all);
            change(self.by_key.entry(key.clone()).or_default());
        }
    }

    fn take(&mut self, id: u64) -> Option<Arc<State>> {
        let state = self.entries.get(&id).map(|entry| entry.state.clone());
        self.remove(id);
        state
    }

    /// Takes out the call that has let us wait for the longest, of this key if there is one.
    fn give_way(
        &mut self,
        key: &str,
        now: u64,
        matters: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<State>> {
        let pause_ends = self.found_nobody.map_or(0, |at| at + PAUSE_AFTER_NOBODY);
        if now < pause_ends {
            return None;
        }
        let is_own = |entry: &Entry| matches!(&entry.holder, Holder::Key(other) if **other == *key);
        let longest = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                matches!(entry.holder, Holder::Key(_))
                    && matters(entry)
                    && entry.state.keeps_waiting(now, PATIENCE_UNDER_PRESSURE)
            })
            .min_by_key(|(_, entry)| (!is_own(entry), entry.state.touched.load(Ordering::Relaxed)))
            .map(|(id, _)| *id);
        if longest.is_none() {
            self.found_nobody = Some(now);
        }
        longest.and_then(|id| self.take(id))
    }

    /// Takes out the oldest call of the connection that has the most, of the address that has the most of the
    /// strangers' places.
    fn oldest_stranger(&mut self) -> Option<Arc<State>> {
        let strangers = || {
            self.entries.iter().filter_map(|(id, entry)| match entry.holder {
                Holder::Stranger { peer, is_proxy } => {
                    let somebody =
                        SocketAddr::new(peer.ip(), if is_proxy { peer.port() } else { 0 });
                    Some((*id, somebody, peer))
                }
                Holder::Key(_) => None,
            })
        };
        let mut counts: HashMap<SocketAddr, usize> = HashMap::new();
        for (_, somebody, peer) in strangers() {
            *counts.entry(somebody).or_default() += 1;
            if somebody != peer {
                *counts.entry(peer).or_default() += 1;
            }
        }
        let count = |of: &SocketAddr| counts.get(of).copied().unwrap_or_default();
        // Of those that have as many, the one who came first.
        let most = strangers()
            .max_by_key(|(id, somebody, peer)| (count(somebody), count(peer), Reverse(*id)));
        let oldest = most.map(|(id, _, _)| id);
        oldest.and_then(|id| self.take(id))
    }
}
