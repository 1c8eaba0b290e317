//! One at a time for each session, or for each of whatever else is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::id::SessionName;

#[derive(Debug)]
pub(super) struct KeyedLock<K = SessionName> {
    keys: Mutex<BTreeMap<K, Arc<tokio::sync::Mutex<()>>>>,
}

impl<K> Default for KeyedLock<K> {
    fn default() -> Self {
        Self { keys: Mutex::default() }
    }
}

impl<K: Ord + Clone> KeyedLock<K> {
    /// Waits for the turn of what the key names; it ends when what is returned is dropped.
    pub async fn take(&self, key: &K) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut keys = self.keys.lock();
            keys.retain(|_, turn| Arc::strong_count(turn) > 1);
            keys.entry(key.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }
}
