//! The writer's own picture of what it writes to: session numbers and group states.
//!
//! The process epoch makes this process the only writer, so what it wrote last is what is stored.
//! Should a commit lose all the same, the session is forgotten here and read again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::repository::{Repository, SessionHead, StoredGroup};
use crate::domain::reducer::GroupState;
use crate::pb;

/// A group as the writer knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkingGroup {
    pub state: GroupState,
    /// Of the group's last event.
    pub sequence: Sequence,
}

impl WorkingGroup {
    fn weight(&self) -> u32 {
        let members = self.state.group.as_ref().map_or(0, |group| group.participants().len());
        let stamps = self.state.facts.members.len() + self.state.facts.fields.len();
        u32::try_from(512 + members * 40 + stamps * 120).unwrap_or(u32::MAX)
    }
}

pub(super) type GroupKey = (SessionName, GroupId);

#[derive(Debug)]
pub(super) struct WorkingSet {
    sessions: HashMap<SessionName, SessionNumbers>,
    groups: moka::sync::Cache<GroupKey, Arc<WorkingGroup>>,
}

#[derive(Debug, Clone)]
pub(super) struct SessionNumbers {
    pub head: SessionHead,
    pub account: Option<Account>,
}

impl WorkingSet {
    pub fn new(max_bytes: u64) -> Self {
        let groups = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, group: &Arc<WorkingGroup>| group.weight())
            .build();
        Self { sessions: HashMap::new(), groups }
    }

    /// Reads what is not known yet of these sessions and groups, in two queries at the most.
    pub async fn fill(
        &mut self,
        repository: &dyn Repository,
        wanted: &BTreeSet<GroupKey>,
        sessions: &BTreeSet<SessionName>,
    ) -> Result<HashMap<GroupKey, Arc<WorkingGroup>>> {
        let missing: Vec<SessionName> =
            sessions.iter().filter(|name| !self.sessions.contains_key(*name)).cloned().collect();
        if !missing.is_empty() {
            let heads = repository.session_heads(&missing).await?;
            for (name, head) in heads {
                let account = repository.session(&name).await?.and_then(|session| session.account);
                self.sessions.insert(name, SessionNumbers { head, account });
            }
        }
        let mut found = HashMap::with_capacity(wanted.len());
        let mut to_load = Vec::new();
        for key in wanted {
            match self.groups.get(key) {
                Some(group) => {
                    found.insert(key.clone(), group);
                }
                None => to_load.push(key.clone()),
            }
        }
        if !to_load.is_empty() {
            for stored in repository.load_groups(&to_load).await? {
                let key = (stored.session.clone(), stored.id.clone());
                found.insert(key, Arc::new(decode(&stored)?));
            }
        }
        Ok(found)
    }

    pub fn session(&self, name: &SessionName) -> Option<&SessionNumbers> {
        self.sessions.get(name)
    }

    /// Takes over what a commit wrote.
    pub fn wrote(
        &mut self,
        session: &SessionName,
        head: SessionHead,
        groups: HashMap<GroupId, Arc<WorkingGroup>>,
    ) {
        if let Some(numbers) = self.sessions.get_mut(session) {
            numbers.head = head;
        }
        for (id, group) in groups {
            self.groups.insert((session.clone(), id), group);
        }
    }

    pub fn forget(&mut self, session: &SessionName) {
        self.sessions.remove(session);
        let stale: Vec<GroupKey> = self
            .groups
            .iter()
            .filter(|(key, _)| key.0 == *session)
            .map(|(key, _)| (key.0.clone(), key.1.clone()))
            .collect();
        for key in stale {
            self.groups.invalidate(&key);
        }
    }
}

pub(super) fn decode(stored: &StoredGroup) -> Result<WorkingGroup> {
    let corrupt = |cause: &dyn std::fmt::Display| {
        Error::internal(format!("groups row {}/{}: {cause}", stored.session, stored.id))
    };
    let group = match &stored.state {
        Some((basic, participants)) => {
            let group = pb::group::decode(basic, participants).map_err(|error| corrupt(&error))?;
            Some(Arc::new(group))
        }
        None => None,
    };
    let facts = if stored.facts.is_empty() {
        Default::default()
    } else {
        serde_json::from_slice(&stored.facts).map_err(|error| corrupt(&error))?
    };
    Ok(WorkingGroup { state: GroupState { group, facts }, sequence: stored.sequence })
}

/// Which ids the member index gains and loses between two states of a group.
pub(super) fn member_index_changes(
    before: &GroupState,
    after: &GroupState,
) -> (Vec<ParticipantId>, Vec<ParticipantId>) {
    let ids = |state: &GroupState| -> BTreeSet<ParticipantId> {
        state
            .group
            .iter()
            .flat_map(|group| group.participants().iter().flat_map(|p| p.account.names()))
            .collect()
    };
    if let (Some(a), Some(b)) = (&before.group, &after.group)
        && Arc::ptr_eq(a, b)
    {
        return (Vec::new(), Vec::new());
    }
    let (before, after) = (ids(before), ids(after));
    (after.difference(&before).copied().collect(), before.difference(&after).copied().collect())
}
