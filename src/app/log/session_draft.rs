//! What one transaction will write of one session.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::echo_window::CallKey;
use super::working_set::{SessionNumbers, WorkingGroup, member_index_changes};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::event::{Event, EventBody};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::repository::{
    AnswerWrite, GroupColumns, GroupWrite, NewEvent, SessionCommit, SessionHead,
};
use crate::domain::reducer::{Observation, reduce};
use crate::pb;

/// What the transaction writes of one session.
pub(super) struct SessionDraft {
    pub expected: SessionHead,
    pub account: Option<Account>,
    pub events: Vec<NewEvent>,
    pub groups: HashMap<GroupId, DraftGroup>,
    pub source_ids: Vec<String>,
    pub answers: Vec<AnswerWrite>,
    pub claimed: Vec<(CallKey, Sequence)>,
    /// Groups of which two reports could not be ordered.
    pub doubtful: BTreeSet<GroupId>,
    pub deletes_session: bool,
}

pub(super) struct DraftGroup {
    pub before: Arc<WorkingGroup>,
    pub now: WorkingGroup,
    pub touched: bool,
    pub columns: Option<GroupColumns>,
}

impl SessionDraft {
    pub fn new(numbers: &SessionNumbers) -> Self {
        Self {
            expected: numbers.head,
            account: numbers.account,
            events: Vec::new(),
            groups: HashMap::new(),
            source_ids: Vec::new(),
            answers: Vec::new(),
            claimed: Vec::new(),
            doubtful: BTreeSet::new(),
            deletes_session: false,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.source_ids.is_empty()
            && self.answers.is_empty()
            && !self.groups.values().any(|group| group.touched)
    }

    pub fn last_sequence(&self) -> Sequence {
        self.expected.sequence.plus(self.events.len() as u64)
    }

    pub fn written_groups(&self) -> impl Iterator<Item = (GroupId, Arc<WorkingGroup>)> + '_ {
        self.groups
            .iter()
            .filter(|(_, group)| group.touched)
            .map(|(id, group)| (id.clone(), Arc::new(group.now.clone())))
    }

    /// The groups as readers see them after the commit; `None` where we are no longer in one.
    pub fn views(&self) -> impl Iterator<Item = (&GroupId, Option<&GroupColumns>, Sequence)> {
        self.groups
            .iter()
            .filter(|(_, group)| group.touched)
            .map(|(id, group)| (id, group.columns.as_ref(), group.now.sequence))
    }

    pub fn apply(
        &mut self,
        session: &SessionName,
        observation: &Observation,
        loaded: &HashMap<(SessionName, GroupId), Arc<WorkingGroup>>,
        writes_anew: bool,
    ) -> Vec<EventBody> {
        let account = self.account;
        let group = self.group(session, &observation.group_id, loaded);
        let reduction = reduce(&mut group.now.state, observation, account.as_ref());
        group.touched |= reduction.touched || (writes_anew && group.now.state.group.is_some());
        if reduction.reread {
            self.doubtful.insert(observation.group_id.clone());
        }
        reduction.events
    }

    pub fn group(
        &mut self,
        session: &SessionName,
        id: &GroupId,
        loaded: &HashMap<(SessionName, GroupId), Arc<WorkingGroup>>,
    ) -> &mut DraftGroup {
        self.groups.entry(id.clone()).or_insert_with(|| {
            let before = loaded.get(&(session.clone(), id.clone())).cloned().unwrap_or_default();
            let now = (*before).clone();
            DraftGroup { before, now, touched: false, columns: None }
        })
    }

    pub fn append(&mut self, event: Event) {
        self.events.push(NewEvent {
            id: event.id,
            group_id: event.group_id.clone(),
            event_type: event.body.event_type(),
            occur_time: event.occur_time,
            payload: pb::event::encode_payload(&event, self.account.as_ref()),
        });
        let sequence = self.last_sequence();
        if let Some(group) = event.group_id.as_ref().and_then(|id| self.groups.get_mut(id)) {
            group.now.sequence = sequence;
        }
    }

    /// Encodes the groups as they now are, once for the store and for all readers.
    pub fn seal(&mut self, now: Timestamp, retention: Duration) {
        let account = self.account;
        for group in self.groups.values_mut().filter(|group| group.touched) {
            group.now.state.facts.prune(now - retention);
            group.columns = group.now.state.group.as_deref().map(|state| {
                let encoded = pb::group::encode(state, account.as_ref());
                GroupColumns {
                    subject: state.subject.text.clone(),
                    create_time: state.create_time.unwrap_or_default(),
                    member_count: state.member_count(),
                    my_role: account.and_then(|me| state.role_of(&me)),
                    basic: encoded.basic,
                    participants: encoded.participants,
                }
            });
        }
    }

    pub fn commit(&self, session: &SessionName, now: Timestamp) -> SessionCommit {
        let groups = self
            .groups
            .iter()
            .filter(|(_, group)| group.touched)
            .map(|(id, group)| {
                let (members_added, members_removed) =
                    member_index_changes(&group.before.state, &group.now.state);
                GroupWrite {
                    id: id.clone(),
                    state: group.columns.clone(),
                    facts: serde_json::to_vec(&group.now.state.facts).unwrap_or_default().into(),
                    sequence: group.now.sequence,
                    synced_time: now,
                    members_added,
                    members_removed,
                }
            })
            .collect();
        SessionCommit {
            session: session.clone(),
            expected_revision: self.expected.revision,
            expected_sequence: self.expected.sequence,
            events: self.events.clone(),
            groups,
            source_ids: self.source_ids.clone(),
            answers: self.answers.clone(),
            deletes_session: self.deletes_session,
        }
    }
}
