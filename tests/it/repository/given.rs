//! Batches, events and groups to write.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use wagroups::domain::clock::{Entropy, Timestamp};
use wagroups::domain::counter::{Revision, Sequence};
use wagroups::domain::event::{EventId, EventType};
use wagroups::domain::page::{GroupFilter, GroupOrder, GroupQuery};
use wagroups::domain::port::repository::{
    CommitBatch, CommitReceipt, EventLog, GroupColumns, GroupWrite, NewEvent, SessionCommit,
    SessionHead, SessionInsert, SessionStore,
};
use wagroups::domain::session::EngineConfig;
use wagroups::domain::{
    EngineKind, GroupId, ParticipantId, Role, Session, SessionName, SessionStatus,
};
use wagroups::repository::SeaRepository;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

pub fn name(text: &str) -> SessionName {
    text.parse().expect("a session name")
}

pub fn group_id(number: u32) -> GroupId {
    format!("1203630000000{number:05}@g.us").parse().expect("a group id")
}

pub fn member(number: u64) -> ParticipantId {
    format!("{}@lid", 7_000_000 + number).parse().expect("a participant")
}

struct Counted;

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let next = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, counted) in bytes.iter_mut().zip(next) {
            *byte = counted;
        }
    }
}

pub fn event_id() -> EventId {
    EventId::new(NOW, &Counted)
}

pub fn event() -> NewEvent {
    event_of(None, EventType::Updated)
}

pub fn event_of(group_id: Option<GroupId>, event_type: EventType) -> NewEvent {
    NewEvent {
        id: event_id(),
        group_id,
        event_type,
        occur_time: NOW,
        payload: Bytes::from_static(b"\x0a\x01x"),
    }
}

pub fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

pub fn session(text: &str) -> Session {
    Session {
        name: name(text),
        engine: EngineKind::Simulator,
        config: EngineConfig::default_of(EngineKind::Simulator),
        status: SessionStatus::Working,
        status_reason: String::new(),
        status_time: NOW,
        account: None,
        push_name: String::new(),
        metadata: std::collections::BTreeMap::new(),
        wanted: true,
        sequence: 0.into(),
        create_time: NOW,
        synced_time: None,
    }
}

/// Makes a session in epoch 0, that of a database on which no process has started.
pub async fn made(repository: &SeaRepository, text: &str) -> SessionName {
    let made = repository.insert_session(&session(text), 0.into()).await.expect("a session");
    assert_eq!(made, SessionInsert::Inserted);
    name(text)
}

pub async fn head(repository: &SeaRepository, session: &SessionName) -> SessionHead {
    let heads = repository.session_heads(std::slice::from_ref(session)).await.expect("heads");
    heads.get(session).copied().expect("an existing session")
}

/// Nothing yet, for a session that stands at these numbers.
pub fn nothing(
    session: &SessionName,
    revision: impl Into<Revision>,
    sequence: impl Into<Sequence>,
) -> SessionCommit {
    SessionCommit {
        session: session.clone(),
        expected_revision: revision.into(),
        expected_sequence: sequence.into(),
        events: Vec::new(),
        groups: Vec::new(),
        source_ids: Vec::new(),
        answers: Vec::new(),
        deletes_session: false,
    }
}

pub fn of_events(
    session: &SessionName,
    revision: impl Into<Revision>,
    sequence: impl Into<Sequence>,
    events: Vec<NewEvent>,
) -> SessionCommit {
    SessionCommit { events, ..nothing(session, revision, sequence) }
}

pub fn batch(sessions: Vec<SessionCommit>) -> CommitBatch {
    CommitBatch { epoch: 0.into(), now: NOW, sessions }
}

/// Commits to a session as it stands; the session must win.
pub async fn append(
    repository: &SeaRepository,
    session: &SessionName,
    now: Timestamp,
    fill: impl FnOnce(&mut SessionCommit),
) -> CommitReceipt {
    let head = head(repository, session).await;
    let mut commit = nothing(session, head.revision, head.sequence);
    fill(&mut commit);
    let batch = CommitBatch { epoch: head.epoch, now, sessions: vec![commit] };
    let receipt = repository.commit(&batch).await.expect("a commit");
    assert_eq!(receipt.won, [true]);
    receipt
}

pub fn group(number: u32, subject: &str) -> GroupWrite {
    GroupWrite {
        id: group_id(number),
        state: Some(GroupColumns {
            subject: subject.to_owned(),
            create_time: at(i64::from(number)),
            member_count: 1,
            my_role: Some(Role::Participant),
            basic: Bytes::from(format!("basic of {subject}")),
            participants: Bytes::from(format!("participants of {subject}")),
        }),
        facts: Bytes::from_static(b"{}"),
        sequence: 0.into(),
        synced_time: NOW,
        members_added: Vec::new(),
        members_removed: Vec::new(),
    }
}

/// The group as [`group`] makes it, with another state.
pub fn group_with(
    number: u32,
    subject: &str,
    change: impl FnOnce(&mut GroupColumns),
) -> GroupWrite {
    let mut write = group(number, subject);
    change(write.state.as_mut().expect("a state"));
    write
}

pub fn query(session: &SessionName) -> GroupQuery {
    GroupQuery {
        session: session.clone(),
        filter: GroupFilter::default(),
        order: GroupOrder::default(),
    }
}
