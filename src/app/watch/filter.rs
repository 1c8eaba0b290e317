//! Which events a watch lets pass.

use std::collections::HashSet;

use super::WatchRequest;
use crate::domain::auth::Caller;
use crate::domain::event::EventRecord;
use crate::domain::id::{GroupId, SessionName};

#[derive(Debug)]
pub(super) struct Filter {
    caller: Caller,
    /// In the request's order; empty = all that the caller may see.
    sessions: Vec<SessionName>,
    session_set: HashSet<SessionName>,
    groups: HashSet<GroupId>,
    /// One bit for each type's code; zero = all.
    types: u32,
}

impl Filter {
    pub fn new(caller: &Caller, request: &WatchRequest) -> Self {
        Self {
            caller: caller.clone(),
            sessions: request.sessions.clone(),
            session_set: request.sessions.iter().cloned().collect(),
            groups: request.group_ids.iter().cloned().collect(),
            types: request.types.iter().fold(0, |bits, kind| bits | 1 << kind.code()),
        }
    }

    pub fn lets_pass(&self, record: &EventRecord) -> bool {
        (self.types == 0 || self.types & (1 << record.event_type.code()) != 0)
            && self.concerns(&record.session)
            && (self.groups.is_empty()
                || record.group_id.as_ref().is_some_and(|id| self.groups.contains(id)))
    }

    pub fn concerns(&self, session: &SessionName) -> bool {
        if self.sessions.is_empty() {
            self.caller.may_see(session)
        } else {
            self.session_set.contains(session)
        }
    }

    /// The sessions that were named; empty = all that the caller may see.
    pub fn sessions(&self) -> &[SessionName] {
        &self.sessions
    }

    pub fn groups(&self) -> &HashSet<GroupId> {
        &self.groups
    }
}
