//! The durable store: sessions, the event log, the groups it folds to, and request ids.
//!
//! One suite (`tests/it/repository`) runs against every adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::fetch_budget::FetchBudgetStore;
use super::relay::RelayStore;
use super::spellings::SpellingStore;
pub use super::store_error::{Result, StoreError};
use super::webhooks::WebhookStore;
use crate::domain::clock::Timestamp;
use crate::domain::counter::{Epoch, Position, Revision, Sequence};
use crate::domain::event::{EventId, EventRecord, EventType, Initiator};
use crate::domain::id::{GroupId, Lid, ParticipantId, PhoneNumber, RequestId, SessionName};
use crate::domain::log_position::{Fingerprint, LogPosition};
use crate::domain::page::{EventQuery, GroupCursor, GroupQuery};
use crate::domain::participant::{Account, Role};
use crate::domain::session::{EngineConfig, Session, SessionStatus};
use crate::domain::token::LogId;
use crate::domain::trace_context::TraceContext;

/// Everything at once; what the app holds.
pub trait Repository:
    EventLog
    + GroupStore
    + SessionStore
    + ReservationStore
    + DeletionStore
    + AliasStore
    + WebhookStore
    + FetchBudgetStore
    + SpellingStore
    + RelayStore
    + fmt::Debug
{
}

impl<T> Repository for T where
    T: EventLog
        + GroupStore
        + SessionStore
        + ReservationStore
        + DeletionStore
        + AliasStore
        + WebhookStore
        + FetchBudgetStore
        + SpellingStore
        + RelayStore
        + fmt::Debug
{
}

/// Where the log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    pub log_id: LogId,
    /// Of the last event; the start for an empty log.
    pub head: LogPosition,
    /// Of the last event that retention removed; the start where none was. The oldest kept one is next.
    pub trimmed: LogPosition,
}

/// A stretch of the log without a gap.
#[derive(Debug, Clone)]
pub struct LogSlice {
    /// The first one is at `after + 1`. Empty at the head.
    pub events: Vec<EventRecord>,
    /// As read in the same statement or snapshot: where `trimmed > after` the stretch is gone.
    pub trimmed: Position,
}

/// Events of one session, all read in one snapshot.
#[derive(Debug, Clone)]
pub struct EventList {
    pub events: Vec<EventRecord>,
    pub session_sequence: Sequence,
    /// Of the session's oldest event that is still kept; 0 where there is none.
    pub oldest_sequence: Sequence,
}

/// What retention took away in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    pub removed: u64,
    /// Whether there may be more to remove.
    pub more: bool,
}

#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Answers when the database does.
    async fn ping(&self) -> Result<()>;

    /// Begins a new process epoch: from here on, commits of earlier ones lose everywhere.
    async fn begin_epoch(&self) -> Result<Epoch>;

    async fn bounds(&self) -> Result<LogBounds>;

    /// The events at positions `after + 1 ..= after + limit`, as far as they exist.
    async fn read(&self, after: Position, limit: u32) -> Result<LogSlice>;

    /// The fingerprint of the event at a position that is still kept.
    async fn fingerprint_at(&self, position: Position) -> Result<Option<Fingerprint>>;

    /// The position before the first event recorded at or after `time`; the head where there is none.
    async fn position_before(&self, time: Timestamp) -> Result<Position>;

    /// Events of one session by sequence, at most `limit`, starting after `cursor` (in the query's
    /// direction).
    async fn list_events(
        &self,
        query: &EventQuery,
        cursor: Option<Sequence>,
        limit: u32,
    ) -> Result<EventList>;

    /// Writes everything of those sessions whose revision and epoch are as expected, all in one
    /// transaction, and nothing of the others.
    async fn commit(&self, batch: &CommitBatch) -> Result<CommitReceipt>;

    /// Whether commits work: writes `filler` as a commit would, over the same connection, where the epoch
    /// is still the current one. `false` where a process that started later has taken over.
    async fn probe(&self, epoch: Epoch, filler: &[u8]) -> Result<bool>;

    /// Whether another write than a commit has failed since this was asked last.
    fn has_failed(&self) -> bool;

    /// The epoch of the process that began last, asked over the connection that commits.
    async fn current_epoch(&self) -> Result<Epoch>;

    /// Which of these events are in the log: how an unknown commit is settled.
    async fn recorded(&self, ids: &[EventId]) -> Result<BTreeMap<EventId, Position>>;

    /// Removes up to `limit` of the oldest events recorded before `before`, never the newest one.
    async fn trim(&self, before: Timestamp, limit: u32) -> Result<Trimmed>;
}

/// What one process writes in one transaction.
#[derive(Debug, Clone)]
pub struct CommitBatch {
    pub epoch: Epoch,
    /// The record time; raised where the log already has a later one.
    pub now: Timestamp,
    /// Each session once. Positions are given in this order.
    pub sessions: Vec<SessionCommit>,
}

#[derive(Debug, Clone)]
pub struct SessionCommit {
    pub session: SessionName,
    /// Every commit raises the revision by one, also one without events, so that two writers that
    /// learned different facts cannot overwrite each other.
    pub expected_revision: Revision,
    /// Of the session's last event; the new ones follow it.
    pub expected_sequence: Sequence,
    pub events: Vec<NewEvent>,
    /// The groups as they are after the events, each once.
    pub groups: Vec<GroupWrite>,
    /// Ids of the engine's notifications that are dealt with by this.
    pub source_ids: Vec<String>,
    pub answers: Vec<AnswerWrite>,
    /// The session ends with this commit: its groups are not seen any more, its log stays. What is left of them
    /// goes afterwards, in steps ([`SessionStore::clear_session`]): it can be more than one transaction takes.
    pub deletes_session: bool,
}

#[derive(Debug, Clone)]
pub struct NewEvent {
    pub id: EventId,
    pub group_id: Option<GroupId>,
    pub event_type: EventType,
    pub occur_time: Timestamp,
    /// Encoded but for sequence and record time, which the reader appends.
    pub payload: Bytes,
}

/// A group's row after a commit.
#[derive(Debug, Clone)]
pub struct GroupWrite {
    pub id: GroupId,
    /// `None` = we are not in it; the row stays for its stamps until retention.
    pub state: Option<GroupColumns>,
    pub facts: Bytes,
    /// Of the group's last event, which may be older than this commit.
    pub sequence: Sequence,
    pub synced_time: Timestamp,
    /// Which members the row's index has to gain and to lose.
    pub members_added: Vec<ParticipantId>,
    pub members_removed: Vec<ParticipantId>,
}

/// What lists sort and filter by, and the encoded state.
#[derive(Debug, Clone)]
pub struct GroupColumns {
    pub subject: String,
    pub create_time: Timestamp,
    pub member_count: u32,
    pub my_role: Option<Role>,
    /// The encoded group without its participants: the view BASIC.
    pub basic: Bytes,
    /// The encoded participants; appended to `basic` they make the view FULL.
    pub participants: Bytes,
}

#[derive(Debug, Clone)]
pub struct AnswerWrite {
    pub key: ReservationKey,
    pub answer: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReceipt {
    /// For each session of the batch, in its order: whether it was written.
    pub won: Vec<bool>,
    /// The position of the batch's last event; the head where it had none.
    pub head: Position,
    pub record_time: Timestamp,
}

/// A session's numbers, for the writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionHead {
    pub sequence: Sequence,
    pub revision: Revision,
    pub epoch: Epoch,
}

/// A group as it is stored.
#[derive(Debug, Clone)]
pub struct StoredGroup {
    pub session: SessionName,
    pub id: GroupId,
    /// `(basic, participants)`; `None` = we are not in it.
    pub state: Option<(Bytes, Bytes)>,
    pub facts: Bytes,
    pub sequence: Sequence,
    pub synced_time: Timestamp,
    pub member_count: u32,
}

/// Groups with the numbers at which they were read, all of one snapshot.
#[derive(Debug, Clone)]
pub struct GroupPage {
    pub groups: Vec<StoredGroup>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<GroupCursor>,
    /// The session's sequence at the time of reading.
    pub session_sequence: Sequence,
    /// The log's head at the time of reading.
    pub head: Position,
}

/// A number of groups, with what was true of them at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCount {
    pub count: u64,
    pub session_sequence: Sequence,
    /// The oldest of the groups' times of their last report; `None` without a group.
    pub synced_time: Option<Timestamp>,
}

#[async_trait]
pub trait GroupStore: Send + Sync + 'static {
    /// The rows of these groups with their facts, also of those that we are not in. For the writer.
    async fn load_groups(&self, keys: &[(SessionName, GroupId)]) -> Result<Vec<StoredGroup>>;

    /// One group that we are in, with its participants and without its facts.
    async fn load_view(&self, session: &SessionName, group_id: &GroupId) -> Result<GroupPage>;

    /// A page of at most `limit` groups and about `max_bytes`, at least one where there is any.
    /// `full` reads the participants too. Facts are not read.
    async fn list_groups(
        &self,
        query: &GroupQuery,
        cursor: Option<&GroupCursor>,
        limit: u32,
        max_bytes: usize,
        full: bool,
    ) -> Result<GroupPage>;

    /// How many groups match the query's filter.
    async fn count_groups(&self, query: &GroupQuery) -> Result<GroupCount>;

    /// Which of these notifications were dealt with before.
    async fn known_source_ids(
        &self,
        ids: &[(SessionName, String)],
    ) -> Result<BTreeSet<(SessionName, String)>>;
}

/// What became of an attempt to make a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionInsert {
    Inserted,
    AlreadyExists,
}

/// What to change of a session; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct SessionPatch {
    pub status: Option<(SessionStatus, String, Timestamp)>,
    pub account: Option<Account>,
    pub push_name: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub wanted: Option<bool>,
    pub synced_time: Option<Timestamp>,
    pub config: Option<EngineConfig>,
}

#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Makes the session; a deleted one of the same name is taken up again with its sequence, once nothing else
    /// is left of it.
    async fn insert_session(&self, session: &Session, epoch: Epoch) -> Result<SessionInsert>;

    /// `None` where it does not exist or was deleted.
    async fn session(&self, name: &SessionName) -> Result<Option<Session>>;

    /// Sessions by name after `after`, at most `limit`.
    async fn list_sessions(&self, after: Option<&SessionName>, limit: u32) -> Result<Vec<Session>>;

    /// `false` where the session does not exist.
    async fn patch_session(&self, name: &SessionName, patch: &SessionPatch) -> Result<bool>;

    /// Removes up to `limit` rows of each kind that are left of a deleted session; answers whether there may be more.
    /// Of one that exists it removes nothing.
    async fn clear_session(&self, name: &SessionName, limit: u32) -> Result<bool>;

    /// Deleted sessions of which something is left, at most `limit`.
    async fn uncleared_sessions(&self, limit: u32) -> Result<Vec<SessionName>>;

    /// The numbers of those that exist. For the writer.
    async fn session_heads(
        &self,
        names: &[SessionName],
    ) -> Result<BTreeMap<SessionName, SessionHead>>;
}

/// What makes a mutation the same as another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationKey {
    /// The name of the caller's API key; empty where none is needed.
    pub key_name: String,
    pub session: SessionName,
    /// The RPC's name, `CreateGroup`.
    pub rpc: &'static str,
    pub request_id: RequestId,
}

#[derive(Debug, Clone)]
pub struct Reservation {
    pub key: ReservationKey,
    /// Of what was asked for: another request under the same id is refused.
    pub body_sha256: [u8; 32],
    pub group_id: Option<GroupId>,
    /// Of the process that runs the call.
    pub incarnation: Epoch,
    /// Drawn for this attempt to take the id: where the answer of a write is lost, the row that it left
    /// is known by it.
    pub nonce: u64,
    /// Of earlier attempts of this process that may have left a row, though nothing was sent: such a row
    /// is taken over.
    pub abandoned: Vec<u64>,
    /// Until when the call may run.
    pub deadline: Timestamp,
    pub now: Timestamp,
    /// When the id is forgotten.
    pub expire_time: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The id is ours: make the call.
    New,
    Existing(ExistingReservation),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingReservation {
    pub body_sha256: [u8; 32],
    pub incarnation: Epoch,
    pub nonce: u64,
    pub deadline: Timestamp,
    /// `None` while the first call runs, or where it died.
    pub answer: Option<Bytes>,
}

#[async_trait]
pub trait ReservationStore: Send + Sync + 'static {
    /// Takes the request id, or answers what stands under it. One that has expired is taken over. May be
    /// repeated after [`StoreError::CommitUnknown`]: what the first try wrote is found to be ours.
    async fn reserve(&self, reservation: &Reservation) -> Result<Reserved>;

    /// Forgets an unanswered id that was taken with this nonce: its call never left the process. One that
    /// another attempt has taken meanwhile stays, however late this comes.
    async fn release(&self, key: &ReservationKey, nonce: u64) -> Result<()>;

    /// Keeps the answer of a call that changed nothing; answers that change go with their commit.
    async fn settle(&self, key: &ReservationKey, answer: Bytes) -> Result<()>;

    /// Removes expired request ids and spellings, and source ids and tombstones recorded before `before`.
    /// At most `limit` rows of each; answers whether there may be more.
    async fn purge(&self, now: Timestamp, before: Timestamp, limit: u32) -> Result<bool>;
}

/// A group that is being taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    pub session: SessionName,
    pub group_id: GroupId,
    /// Of the key whose call began it; empty where none is needed.
    pub key_name: String,
    /// Of the call that began it; its events carry it.
    pub request_id: Option<RequestId>,
    /// That call's, which its events and calls carry too.
    pub trace: Option<TraceContext>,
    /// Members removed so far.
    pub removed_count: u32,
    pub start_time: Timestamp,
}

impl Deletion {
    /// As its events tell of it.
    pub fn initiator(&self) -> Initiator {
        let key_name = self.key_name.as_str().into();
        Initiator { key_name, request_id: self.request_id, trace: self.trace.clone() }
    }
}

#[async_trait]
pub trait DeletionStore: Send + Sync + 'static {
    /// Begins a deletion, or notes how far it is.
    async fn put_deletion(&self, deletion: &Deletion) -> Result<()>;

    /// It has ended, one way or the other.
    async fn remove_deletion(&self, session: &SessionName, group_id: &GroupId) -> Result<()>;

    /// All that are under way, the oldest first.
    async fn deletions(&self) -> Result<Vec<Deletion>>;
}

/// An account under both of its names, as a session has learned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub session: SessionName,
    pub lid: Lid,
    pub phone: PhoneNumber,
}

/// Second names, over all groups of a session. Outside of commits: they are true whether or not the event that
/// taught them is written.
#[async_trait]
pub trait AliasStore: Send + Sync + 'static {
    /// Keeps these for the session, where nothing newer is known of the hidden id; they are then to be
    /// spread.
    async fn learn_aliases(
        &self,
        session: &SessionName,
        pairs: &[(Lid, PhoneNumber)],
        time: Timestamp,
    ) -> Result<()>;

    /// What is known of these names. Of several hidden ids with one phone number, all.
    async fn aliases(
        &self,
        session: &SessionName,
        names: &[ParticipantId],
    ) -> Result<Vec<(Lid, PhoneNumber)>>;

    /// At most `limit` of all that the session knows, by hidden id, after so many of them.
    async fn list_aliases(
        &self,
        session: &SessionName,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<(Lid, PhoneNumber)>>;

    /// At most `limit` of those that the session's groups may not know yet.
    async fn aliases_to_spread(&self, limit: u32) -> Result<Vec<Alias>>;

    /// All groups know this one, as it is.
    async fn spread_alias(&self, alias: &Alias) -> Result<()>;
}
