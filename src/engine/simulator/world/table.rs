//! Rows in memory that know how to be stored, and how to be as if nothing had happened.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::port::repository::StoreError;

/// How a row is named in the store: a prefix for its table and a text for its key.
pub(super) trait TableKey: Ord + Clone {
    const PREFIX: &'static str;

    fn to_text(&self) -> String;

    fn from_text(text: &str) -> Option<Self>;
}

/// One kind of thing of the world. Each row changed since the last [`settle`](Self::settle) is kept
/// as it was, so that a failed save can be taken back.
#[derive(Debug, Clone)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, Arc<V>>,
    before: BTreeMap<K, Option<Arc<V>>>,
}

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), before: BTreeMap::new() }
    }
}

impl<K: TableKey, V> Table<K, V> {
    pub fn get(&self, key: &K) -> Option<&Arc<V>> {
        self.rows.get(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.rows.iter()
    }

    pub fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = (&K, &Arc<V>)> {
        self.rows.range(range)
    }

    pub fn put(&mut self, key: K, value: impl Into<Arc<V>>) {
        let held = self.rows.insert(key.clone(), value.into());
        self.before.entry(key).or_insert(held);
    }

    pub fn remove(&mut self, key: &K) {
        if let Some(held) = self.rows.remove(key) {
            self.before.entry(key.clone()).or_insert(Some(held));
        }
    }

    /// Whether a row changed since the last settling.
    pub fn is_touched(&self) -> bool {
        !self.before.is_empty()
    }

    /// The keys of the rows that changed since the last settling.
    pub fn touched(&self) -> impl Iterator<Item = &K> {
        self.before.keys()
    }

    pub fn settle(&mut self) {
        self.before.clear();
    }

    pub fn roll_back(&mut self) {
        for (key, held) in std::mem::take(&mut self.before) {
            match held {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

impl<K: TableKey, V: Serialize + DeserializeOwned> Table<K, V> {
    /// What the store has to write for the rows that changed.
    pub fn write_changes(
        &self,
        changes: &mut Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        for (key, held) in &self.before {
            let name = format!("{}{}", K::PREFIX, key.to_text());
            match (self.rows.get(key), held) {
                (Some(value), _) => {
                    let json = serde_json::to_vec(&**value)
                        .map_err(|error| StoreError::Refused(format!("{name}: {error}")))?;
                    changes.push((name, Some(json.into())));
                }
                (None, Some(_)) => changes.push((name, None)),
                // Came and went before it was ever stored.
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Takes a stored row; `false` where the key is of another table.
    pub fn read(&mut self, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let Some(text) = name.strip_prefix(K::PREFIX) else { return Ok(false) };
        let key = K::from_text(text)
            .ok_or_else(|| StoreError::Corrupt(format!("simulator key {name}")))?;
        let value: V = serde_json::from_slice(bytes)
            .map_err(|error| StoreError::Corrupt(format!("simulator row {name}: {error}")))?;
        self.rows.insert(key, Arc::new(value));
        Ok(true)
    }
}

impl<K: TableKey, V: PartialEq> PartialEq for Table<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}
