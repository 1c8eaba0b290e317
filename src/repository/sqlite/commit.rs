//! The commit on SQLite: the steps of the PostgreSQL statement, under a lock on the whole database.

use std::sync::atomic::{AtomicU64, Ordering};

use sea_orm::{DatabaseTransaction, DbErr, FromQueryResult, Value};

use crate::domain::clock::Timestamp;
use crate::domain::counter::Position;
use crate::domain::id::SessionName;
use crate::domain::port::repository::{
    CommitBatch, CommitReceipt, GroupWrite, Result, SessionCommit, StoreError,
};
use crate::repository::rows::{role_code, unsigned};
use crate::repository::sql::{Sql, insert_rows, number};
use crate::repository::{execute, fault, query_one};

#[derive(FromQueryResult)]
struct HeadRow {
    position: i64,
    last_record_time: i64,
}

/// The last position that this process has seen confirmed.
#[derive(Debug, Default)]
pub(in crate::repository) struct Head(AtomicU64);

impl Head {
    /// To be called once COMMIT was answered.
    pub fn confirmed(&self, receipt: &CommitReceipt) {
        self.0.fetch_max(receipt.head.get(), Ordering::AcqRel);
    }

    /// A confirmed position must be in the log. The log may have grown since, by a commit whose answer was
    /// lost.
    fn is_reached(&self, position: Position) -> Result<()> {
        let confirmed = self.0.load(Ordering::Acquire);
        if position.get() < confirmed {
            return Err(StoreError::Corrupt(format!(
                "the log ends at position {position}, though {confirmed} was written and confirmed"
            )));
        }
        Ok(())
    }
}

/// Writes the batch in a transaction that was begun IMMEDIATE; the caller commits it.
pub(in crate::repository) async fn commit(
    transaction: &DatabaseTransaction,
    batch: &CommitBatch,
    confirmed: &Head,
) -> Result<CommitReceipt> {
    let mut won = Vec::with_capacity(batch.sessions.len());
    for session in &batch.sessions {
        won.push(bump(transaction, batch, session).await?);
    }
    let winners =
        || batch.sessions.iter().zip(&won).filter(|(_, won)| **won).map(|(session, _)| session);

    let head: HeadRow = query_one(
        transaction,
        Sql::new("SELECT position, last_record_time FROM log_head WHERE id = 1"),
    )
    .await?
    .ok_or_else(|| StoreError::Corrupt("log_head has no row".to_owned()))?;
    let position: Position = unsigned("log_head.position", head.position)?;
    confirmed.is_reached(position)?;
    let record_time = batch.now.as_micros().max(head.last_record_time);
    let position = log(transaction, winners(), position, record_time).await?;

    let kept = || winners().filter(|session| !session.deletes_session);
    write_groups(transaction, kept(), batch.now).await.map_err(fault::undecided)?;
    write_members(transaction, kept()).await?;
    note_sources(transaction, kept(), batch.now).await.map_err(fault::undecided)?;
    write_answers(transaction, winners()).await?;
    Ok(CommitReceipt { won, head: position, record_time: Timestamp::from_micros(record_time) })
}

/// Raises the session's numbers where they are as expected; returns whether they were.
async fn bump(
    transaction: &DatabaseTransaction,
    batch: &CommitBatch,
    session: &SessionCommit,
) -> Result<bool> {
    let deleted_time = if session.deletes_session { batch.now.as_micros().max(1) } else { 0 };
    let sql = Sql::new("UPDATE sessions SET sequence = sequence + ")
        .bind(number(session.events.len() as u64))
        .push(", revision = revision + 1, deleted_time = ")
        .bind(deleted_time)
        .push(" WHERE name = ")
        .bind(session.session.as_str())
        .push(" AND revision = ")
        .bind(session.expected_revision.as_i64())
        .push(" AND sequence = ")
        .bind(session.expected_sequence.as_i64())
        .push(" AND epoch = ")
        .bind(batch.epoch.as_i64())
        .push(" AND deleted_time = 0");
    Ok(execute(transaction, sql).await? == 1)
}

/// Appends the events and moves the head; returns its position.
async fn log(
    transaction: &DatabaseTransaction,
    winners: impl Iterator<Item = &SessionCommit>,
    head: Position,
    record_time: i64,
) -> Result<Position> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut position = head;
    let mut last = String::new();
    for session in winners {
        let mut sequence = session.expected_sequence;
        for event in &session.events {
            (position, sequence) = (position.next(), sequence.next());
            last = event.id.to_string();
            rows.push(vec![
                position.as_i64().into(),
                session.session.as_str().into(),
                sequence.as_i64().into(),
                last.clone().into(),
                event.group_id.as_ref().map_or("", |id| id.as_str()).into(),
                event.event_type.code().into(),
                event.occur_time.as_micros().into(),
                record_time.into(),
                event.payload.to_vec().into(),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(position);
    }
    let insert = "INSERT INTO events \
        (position, session, sequence, event_id, group_id, event_type, occur_time, record_time, payload)";
    insert_rows(transaction, insert, rows, "").await.map_err(fault::undecided)?;
    let sql = Sql::new("UPDATE log_head SET position = ")
        .bind(position.as_i64())
        .push(", event_id = ")
        .bind(last)
        .push(", last_record_time = ")
        .bind(record_time)
        .push(" WHERE id = 1");
    execute(transaction, sql).await?;
    Ok(position)
}

async fn write_groups(
    transaction: &DatabaseTransaction,
    sessions: impl Iterator<Item = &SessionCommit>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let rows = sessions
        .flat_map(|session| {
            session.groups.iter().map(|group| group_row(&session.session, group, now))
        })
        .collect();
    let insert = "INSERT INTO groups (session, id, present, subject, subject_folded, create_time, member_count, \
        my_role, sequence, synced_time, updated_time, basic, participants, facts)";
    let suffix = " ON CONFLICT (session, id) DO UPDATE SET present = excluded.present, subject = excluded.subject, \
        subject_folded = excluded.subject_folded, create_time = excluded.create_time, \
        member_count = excluded.member_count, my_role = excluded.my_role, sequence = excluded.sequence, \
        synced_time = excluded.synced_time, updated_time = excluded.updated_time, basic = excluded.basic, \
        participants = excluded.participants, facts = excluded.facts";
    insert_rows(transaction, insert, rows, suffix).await
}

fn group_row(session: &SessionName, group: &GroupWrite, now: Timestamp) -> Vec<Value> {
    let state = group.state.as_ref();
    vec![
        session.as_str().into(),
        group.id.as_str().into(),
        state.is_some().into(),
        state.map_or("", |state| &state.subject).into(),
        state.map_or_else(String::new, |state| state.subject.to_lowercase()).into(),
        state.map_or(0, |state| state.create_time.as_micros()).into(),
        state.map_or(0, |state| i64::from(state.member_count)).into(),
        state.map_or(0, |state| role_code(state.my_role)).into(),
        group.sequence.as_i64().into(),
        group.synced_time.as_micros().into(),
        now.as_micros().into(),
        state.map_or_else(Vec::new, |state| state.basic.to_vec()).into(),
        state.map_or_else(Vec::new, |state| state.participants.to_vec()).into(),
        group.facts.to_vec().into(),
    ]
}

async fn write_members(
    transaction: &DatabaseTransaction,
    sessions: impl Iterator<Item = &SessionCommit>,
) -> Result<()> {
    let mut gained: Vec<Vec<Value>> = Vec::new();
    for session in sessions {
        for group in &session.groups {
            let row = |member: &crate::domain::ParticipantId| {
                vec![
                    session.session.as_str().into(),
                    member.to_string().into(),
                    group.id.as_str().into(),
                ]
            };
            gained.extend(group.members_added.iter().map(row));
            for member in &group.members_removed {
                let sql = Sql::new("DELETE FROM group_members WHERE session = ")
                    .bind(session.session.as_str())
                    .push(" AND member = ")
                    .bind(member.to_string())
                    .push(" AND group_id = ")
                    .bind(group.id.as_str());
                execute(transaction, sql).await?;
            }
        }
    }
    let insert = "INSERT INTO group_members (session, member, group_id)";
    insert_rows(transaction, insert, gained, " ON CONFLICT DO NOTHING")
        .await
        .map_err(fault::undecided)
}

async fn note_sources(
    transaction: &DatabaseTransaction,
    sessions: impl Iterator<Item = &SessionCommit>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for session in sessions {
        for id in &session.source_ids {
            rows.push(vec![
                session.session.as_str().into(),
                id.as_str().into(),
                now.as_micros().into(),
            ]);
        }
    }
    let insert = "INSERT INTO source_ids (session, source_id, recorded_time)";
    insert_rows(transaction, insert, rows, " ON CONFLICT DO NOTHING").await
}

async fn write_answers(
    transaction: &DatabaseTransaction,
    sessions: impl Iterator<Item = &SessionCommit>,
) -> Result<()> {
    for write in sessions.flat_map(|session| &session.answers) {
        execute(transaction, crate::repository::reservations::answer(write)).await?;
    }
    Ok(())
}
