//! Groups as readers see them, encoded, in memory.
//!
//! A view enters the cache when it is written or read, and changes only as the log moves on. The
//! one danger is a read that was slow: what it brings may be older than a change that has passed
//! meanwhile, and would then stay for ever. So a load announces itself first, and what changes
//! until it ends makes it worthless to the cache (not to its reader, who asked before).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::Result;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::Repository;
use crate::telemetry;

/// A group that the session is in.
#[derive(Debug, Clone)]
pub struct View {
    /// The encoded group; its participants come last.
    pub full: Bytes,
    /// How much of `full` is the group without its participants.
    basic_length: usize,
    /// Of the group's last event.
    pub sequence: Sequence,
    /// When a report or an answer of WhatsApp last covered the group.
    pub synced_time: Timestamp,
    pub member_count: u32,
}

impl View {
    pub fn new(
        basic: Bytes,
        participants: Bytes,
        sequence: Sequence,
        synced_time: Timestamp,
        member_count: u32,
    ) -> Self {
        let basic_length = basic.len();
        let full = if participants.is_empty() {
            basic
        } else {
            let mut bytes = Vec::with_capacity(basic.len() + participants.len());
            bytes.extend_from_slice(&basic);
            bytes.extend_from_slice(&participants);
            bytes.into()
        };
        Self { full, basic_length, sequence, synced_time, member_count }
    }

    /// The encoded group without its participants.
    pub fn basic(&self) -> Bytes {
        self.full.slice(..self.basic_length)
    }

    fn weight(&self) -> u32 {
        u32::try_from(self.full.len() + 256).unwrap_or(u32::MAX)
    }
}

type Key = (SessionName, GroupId);

#[derive(Debug)]
pub(super) struct Views {
    cache: moka::sync::Cache<Key, Arc<View>>,
    /// Loads under way, and whether a change has passed since they began.
    loads: Mutex<HashMap<Key, Load>>,
}

#[derive(Debug, Default)]
struct Load {
    readers: usize,
    overtaken: bool,
}

impl Views {
    pub fn new(max_bytes: u64) -> Self {
        let cache = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, view: &Arc<View>| view.weight())
            .build();
        Self { cache, loads: Mutex::default() }
    }

    /// The group as of now or later than now; `None` where the session is not in it.
    pub async fn get(
        &self,
        repository: &dyn Repository,
        session: &SessionName,
        group_id: &GroupId,
    ) -> Result<Option<Arc<View>>> {
        let key = (session.clone(), group_id.clone());
        if let Some(view) = self.cache.get(&key) {
            telemetry::view_lookup(true);
            return Ok(Some(view));
        }
        telemetry::view_lookup(false);
        let load = LoadGuard::begin(self, key.clone());
        let page = repository.load_view(session, group_id).await?;
        let view = page.groups.into_iter().next().and_then(|stored| {
            let (basic, participants) = stored.state?;
            Some(Arc::new(View::new(
                basic,
                participants,
                stored.sequence,
                stored.synced_time,
                stored.member_count,
            )))
        });
        let loads = self.loads.lock();
        if let Some(view) = &view
            && !loads.get(&key).is_some_and(|load| load.overtaken)
        {
            self.cache.insert(key, view.clone());
        }
        drop(loads);
        drop(load);
        Ok(view)
    }

    /// The group has changed; `view` is what it is now, where the caller knows.
    pub fn changed(&self, session: &SessionName, group_id: &GroupId, view: Option<Arc<View>>) {
        let key = (session.clone(), group_id.clone());
        let mut loads = self.loads.lock();
        if let Some(load) = loads.get_mut(&key) {
            load.overtaken = true;
        }
        match view {
            Some(view) => self.cache.insert(key, view),
            None => self.cache.invalidate(&key),
        }
    }

    pub fn forget_all(&self) {
        for load in self.loads.lock().values_mut() {
            load.overtaken = true;
        }
        self.cache.invalidate_all();
    }

    pub fn forget_session(&self, session: &SessionName) {
        let mut loads = self.loads.lock();
        for (key, load) in loads.iter_mut() {
            load.overtaken |= key.0 == *session;
        }
        let stale: Vec<Key> = self
            .cache
            .iter()
            .filter(|(key, _)| key.0 == *session)
            .map(|(key, _)| (key.0.clone(), key.1.clone()))
            .collect();
        for key in stale {
            self.cache.invalidate(&key);
        }
    }
}

/// Announces a load; withdrawn also where its reader gives up.
struct LoadGuard<'a> {
    views: &'a Views,
    key: Key,
}

impl<'a> LoadGuard<'a> {
    fn begin(views: &'a Views, key: Key) -> Self {
        views.loads.lock().entry(key.clone()).or_default().readers += 1;
        Self { views, key }
    }
}

impl Drop for LoadGuard<'_> {
    fn drop(&mut self) {
        let mut loads = self.views.loads.lock();
        if let Some(load) = loads.get_mut(&self.key) {
            load.readers -= 1;
            if load.readers == 0 {
                loads.remove(&self.key);
            }
        }
    }
}
