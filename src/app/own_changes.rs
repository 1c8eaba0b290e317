//! Groups that a call of ours changed a moment ago.
//!
//! A server tells of a new group by describing it as a whole, and that description may arrive after a later
//! call was answered that changed it. No clock can order the two: the server's is not ours. So a whole
//! description is not taken for news so soon after a call; the group is read anew instead. The writer decides
//! it: until a description's turn comes, another call may be answered.

use std::fmt;
use std::time::Duration;

use crate::domain::id::{GroupId, SessionName};

/// How long a server's events may be on their way.
const MEMORY: Duration = Duration::from_secs(60);
/// Groups beyond it are forgotten, the longest unused first.
const MAX: u64 = 100_000;

pub(super) struct OwnChanges(moka::sync::Cache<(SessionName, GroupId), ()>);

impl Default for OwnChanges {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MAX).time_to_live(MEMORY).build())
    }
}

impl fmt::Debug for OwnChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnChanges")
    }
}

impl OwnChanges {
    pub fn note(&self, session: &SessionName, group_id: &GroupId) {
        self.0.insert((session.clone(), group_id.clone()), ());
    }

    pub fn has(&self, session: &SessionName, group_id: &GroupId) -> bool {
        self.0.contains_key(&(session.clone(), group_id.clone()))
    }
}
