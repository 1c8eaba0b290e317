//! Who holds how much, and who gives way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{CallBounds, PATIENCE_UNDER_PRESSURE, Phase, State};
use crate::domain::fair_share::FairShare;
use crate::middleware::peer::Peer;

/// Looking for somebody who gives way costs a walk through all calls. Where there was nobody for a key, it is not
/// repeated for so many milliseconds, so that refusing is cheap.
const PAUSE_AFTER_NOBODY: u64 = 50;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder<'a> {
    Key(&'a str),
    /// One at that address; behind a proxy, each connection is another one.
    Stranger {
        peer: Peer,
        caller: (IpAddr, u16),
    },
}

/// The call of somebody who has shown a key.
#[derive(Debug)]
struct Entry {
    key: Arc<str>,
    state: Arc<State>,
    request_bytes: u64,
    answer_bytes: u64,
}

#[derive(Debug)]
struct Stranger {
    peer: Peer,
    caller: (IpAddr, u16),
    state: Arc<State>,
}

/// What a key holds, or all keys together.
#[derive(Debug, Default, Clone, Copy)]
struct Use {
    calls: u64,
    streams: u64,
    request_bytes: u64,
    answer_bytes: u64,
    found_nobody: Option<u64>,
}

impl Use {
    fn is_nothing(&self) -> bool {
        self.calls == 0 && self.streams == 0
    }
}

/// By age, each.
#[derive(Debug)]
pub(super) struct Table {
    calls: FairShare,
    request_bytes: FairShare,
    answer_bytes: FairShare,
    max_stranger_calls: usize,
    next: u64,
    running: BTreeMap<u64, Entry>,
    /// They take no place among the calls.
    streams: BTreeMap<u64, Entry>,
    strangers: BTreeMap<u64, Stranger>,
    by_key: HashMap<Arc<str>, Use>,
    all: Use,
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
            running: BTreeMap::new(),
            streams: BTreeMap::new(),
            strangers: BTreeMap::new(),
            by_key: HashMap::new(),
            all: Use::default(),
        }
    }

    /// Calls, bytes of requests and bytes of answers that are held.
    pub fn held(&self) -> (usize, u64, u64) {
        let calls = self.running.len() + self.strangers.len();
        (calls, self.all.request_bytes, self.all.answer_bytes)
    }

    /// The id of the new call; none where there is no room. Those who gave way join `ended`.
    pub fn admit(
        &mut self,
        holder: Holder<'_>,
        state: Arc<State>,
        now: u64,
        ended: &mut Vec<Arc<State>>,
    ) -> Option<u64> {
        let id = self.next;
        self.next += 1;
        match holder {
            Holder::Key(key) => {
                // Where it has calls already, its name is there.
                let known = self.by_key.get_key_value(key).map(|(key, _)| key.clone());
                let key = known.unwrap_or_else(|| key.into());
                while !self.calls.allows(self.own(&key).calls, self.all.calls, 1) {
                    let is_full = self.all.calls >= self.calls.capacity;
                    ended.push(self.give_way(&key, now, is_full, |_| true)?);
                }
                self.count(&key, |used| used.calls += 1);
                let entry = Entry { key, state, request_bytes: 0, answer_bytes: 0 };
                self.running.insert(id, entry);
            }
            Holder::Stranger { peer, caller } => {
                if self.strangers.len() >= self.max_stranger_calls {
                    ended.push(self.oldest_stranger()?);
                }
                self.strangers.insert(id, Stranger { peer, caller, state });
            }
        }
        Some(id)
    }

    /// Counts bytes of a request; answers whether there is room for them. Those of strangers are few and small.
    pub fn receive(&mut self, id: u64, bytes: u64, now: u64, ended: &mut Vec<Arc<State>>) -> bool {
        let Some(key) = self.running.get(&id).map(|entry| entry.key.clone()) else { return true };
        let rule = self.request_bytes;
        while !rule.allows(self.own(&key).request_bytes, self.all.request_bytes, bytes) {
            let is_full = self.all.request_bytes + bytes > rule.capacity;
            match self.give_way(&key, now, is_full, |entry| entry.request_bytes > 0) {
                Some(other) => ended.push(other),
                None => return false,
            }
        }
        if let Some(entry) = self.running.get_mut(&id) {
            entry.request_bytes += bytes;
            self.count(&key, |used| used.request_bytes += bytes);
        }
        true
    }

    /// The request's bytes are gone and the answer's are there, of which the largest part counts until all has left;
    /// answers whether there is room for them. What is not optional is counted in any case.
    pub fn answer(
        &mut self,
        id: u64,
        bytes: u64,
        is_optional: bool,
        now: u64,
        ended: &mut Vec<Arc<State>>,
    ) -> bool {
        let Some(entry) = self.running.get_mut(&id) else { return true };
        let (key, request_bytes) = (entry.key.clone(), std::mem::take(&mut entry.request_bytes));
        let bytes = bytes.saturating_sub(entry.answer_bytes);
        self.count(&key, |used| used.request_bytes -= request_bytes);
        let rule = self.answer_bytes;
        while !rule.allows(self.own(&key).answer_bytes, self.all.answer_bytes, bytes) {
            let is_full = self.all.answer_bytes + bytes > rule.capacity;
            match self.give_way(&key, now, is_full, |entry| entry.answer_bytes > 0) {
                Some(other) => ended.push(other),
                None if is_optional => return false,
                None => break,
            }
        }
        if let Some(entry) = self.running.get_mut(&id) {
            entry.answer_bytes += bytes;
            self.count(&key, |used| used.answer_bytes += bytes);
        }
        true
    }

    /// The call turns out to be a stream that has a seat elsewhere: it gives its place back, and what it took of the
    /// request.
    pub fn stream(&mut self, id: u64) {
        let Some(mut entry) = self.running.remove(&id) else { return };
        let request_bytes = std::mem::take(&mut entry.request_bytes);
        self.count(&entry.key.clone(), |used| {
            used.calls -= 1;
            used.streams += 1;
            used.request_bytes -= request_bytes;
        });
        self.streams.insert(id, entry);
    }

    /// Counts what a stream holds beside what each may hold; answers whether there is room for it. What it has already
    /// is counted in any case.
    pub fn hold_more(&mut self, id: u64, bytes: u64, has_it: bool) -> bool {
        let Some(entry) = self.streams.get(&id) else { return has_it };
        let key = entry.key.clone();
        let used = self.own(&key).answer_bytes;
        let has_room = self.answer_bytes.allows(used, self.all.answer_bytes, bytes);
        if has_room || has_it {
            self.count(&key, |used| used.answer_bytes += bytes);
            if let Some(entry) = self.streams.get_mut(&id) {
                entry.answer_bytes += bytes;
            }
        }
        has_room || has_it
    }

    /// A stream holds no more than each may hold.
    pub fn hold_less(&mut self, id: u64) {
        let Some(entry) = self.streams.get_mut(&id) else { return };
        let (key, bytes) = (entry.key.clone(), std::mem::take(&mut entry.answer_bytes));
        self.count(&key, |used| used.answer_bytes -= bytes);
    }

    pub fn remove(&mut self, id: u64) {
        self.take(id);
    }

    /// Takes out the calls whose answer was not taken in time.
    pub fn overdue(&mut self, now: u64, bounds: &CallBounds) -> Vec<Arc<State>> {
        let timeout = bounds.answer_timeout;
        let of_callers = self.running.iter().map(|(id, entry)| (*id, &entry.state));
        let of_strangers = self.strangers.iter().map(|(id, stranger)| (*id, &stranger.state));
        let overdue = of_callers
            .chain(of_strangers)
            .filter(|(_, state)| state.is_overdue(now, timeout) && self.may_end(state));
        let ids: Vec<u64> = overdue.map(|(id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    fn own(&self, key: &str) -> Use {
        self.by_key.get(key).copied().unwrap_or_default()
    }

    fn count(&mut self, key: &Arc<str>, change: impl Fn(&mut Use)) {
        change(&mut self.all);
        let used = self.by_key.entry(key.clone()).or_default();
        change(used);
        if used.is_nothing() {
            self.by_key.remove(key);
        }
    }

    fn take(&mut self, id: u64) -> Option<Arc<State>> {
        if let Some(stranger) = self.strangers.remove(&id) {
            return Some(stranger.state);
        }
        let (entry, is_stream) = match self.running.remove(&id) {
            Some(entry) => (entry, false),
            None => (self.streams.remove(&id)?, true),
        };
        let Entry { key, state, request_bytes, answer_bytes } = entry;
        self.count(&key, |used| {
            if is_stream {
                used.streams -= 1;
            } else {
                used.calls -= 1;
            }
            used.request_bytes -= request_bytes;
            used.answer_bytes -= answer_bytes;
        });
        Some(state)
    }

    /// Whether what ends with the call is its own: an answer that the connection has in its hands can only be taken
    /// back with the connection, which may carry what others wait for.
    fn may_end(&self, state: &State) -> bool {
        let others = || self.running.values().chain(self.streams.values());
        state.is_alone()
            || !others().any(|other| {
                other.state.phase() != Phase::Answering && other.state.shares_connection(state)
            })
    }

    /// Takes out the call that has let us wait for the longest: one of this key, or, where there is no room left at
    /// all, one of a key that has more calls.
    fn give_way(
        &mut self,
        key: &Arc<str>,
        now: u64,
        is_full: bool,
        matters: impl Fn(&Entry) -> bool,
    ) -> Option<Arc<State>> {
        let own = self.own(key);
        if own.found_nobody.is_some_and(|at| now < at + PAUSE_AFTER_NOBODY) {
            return None;
        }
        let mut waiting: Vec<(bool, u64, u64)> = self
            .running
            .iter()
            .filter(|(_, entry)| {
                let is_own = entry.key == *key;
                (is_own || (is_full && self.own(&entry.key).calls > own.calls))
                    && matters(entry)
                    && entry.state.keeps_waiting(now, PATIENCE_UNDER_PRESSURE)
            })
            .map(|(id, entry)| {
                (entry.key != *key, entry.state.touched.load(Ordering::Relaxed), *id)
            })
            .collect();
        waiting.sort_unstable();
        let longest = waiting
            .into_iter()
            .map(|(_, _, id)| id)
            .find(|id| self.running.get(id).is_some_and(|entry| self.may_end(&entry.state)));
        if longest.is_none()
            && let Some(used) = self.by_key.get_mut(key)
        {
            used.found_nobody = Some(now);
        }
        longest.and_then(|id| self.take(id))
    }

    /// Takes out the oldest call of the connection that has the most, of the network that has the most of the
    /// strangers' places.
    fn oldest_stranger(&mut self) -> Option<Arc<State>> {
        let mut callers: HashMap<(IpAddr, u16), usize> = HashMap::new();
        let mut connections: HashMap<Peer, usize> = HashMap::new();
        for stranger in self.strangers.values() {
            *callers.entry(stranger.caller).or_default() += 1;
            *connections.entry(stranger.peer).or_default() += 1;
        }
        // Of those that have as many, the one who came first.
        let most = self.strangers.iter().max_by_key(|(id, stranger)| {
            (callers.get(&stranger.caller), connections.get(&stranger.peer), Reverse(**id))
        });
        let oldest = most.map(|(id, _)| *id);
        oldest.and_then(|id| self.take(id))
    }
}
