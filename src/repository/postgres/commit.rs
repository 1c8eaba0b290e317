//! The commit on PostgreSQL.

use sea_orm::sqlx;

use super::commits::{CommitConnection, answer};
use crate::domain::clock::Timestamp;
use crate::domain::id::ParticipantId;
use crate::domain::port::repository::{
    CommitBatch, CommitReceipt, GroupColumns, Result, SessionCommit,
};
use crate::repository::fault::Stage;
use crate::repository::limit;
use crate::repository::rows::{role_code, unsigned};
use crate::repository::sql::number;

const COMMIT: &str = include_str!("commit.sql");

/// Runs the one statement. It goes past sea-orm because its parameters are arrays of borrowed data:
/// nothing is copied, and sea-query's arrays panic over a NULL.
pub(in crate::repository) async fn commit(
    commits: &CommitConnection,
    batch: &CommitBatch,
) -> Result<CommitReceipt> {
    let sessions = Sessions::of(batch);
    let events = Events::of(batch);
    let groups = Groups::of(batch);
    let (gained, lost) = (Members::gained(batch), Members::lost(batch));
    let sources = Sources::of(batch);
    let answers = Answers::of(batch);

    let mut connection = commits.take().await?;
    let statement = sqlx::query_as::<_, (Vec<i64>, i64, i64)>(COMMIT)
        .bind(batch.epoch.as_i64())
        .bind(batch.now.as_micros())
        .bind(&sessions.name)
        .bind(&sessions.revision)
        .bind(&sessions.sequence)
        .bind(&sessions.added)
        .bind(&sessions.deletes)
        .bind(&events.ord)
        .bind(&events.event_id)
        .bind(&events.group_id)
        .bind(&events.event_type)
        .bind(&events.occur_time)
        .bind(&events.payload)
        .bind(&groups.ord)
        .bind(&groups.id)
        .bind(&groups.present)
        .bind(&groups.subject)
        .bind(&groups.subject_folded)
        .bind(&groups.create_time)
        .bind(&groups.member_count)
        .bind(&groups.my_role)
        .bind(&groups.sequence)
        .bind(&groups.synced_time)
        .bind(&groups.basic)
        .bind(&groups.participants)
        .bind(&groups.facts)
        .bind(&gained.ord)
        .bind(&gained.group_id)
        .bind(&gained.member)
        .bind(&lost.ord)
        .bind(&lost.group_id)
        .bind(&lost.member)
        .bind(&sources.ord)
        .bind(&sources.source_id)
        .bind(&answers.ord)
        .bind(&answers.key_name)
        .bind(&answers.session)
        .bind(&answers.rpc)
        .bind(&answers.request_id)
        .bind(&answers.answer)
        .fetch_one(&mut *connection);
    let (won, head, record_time) = answer(Stage::Committing, limit::ANSWER, statement).await?;
    connection.keep();

    let mut receipt = CommitReceipt {
        won: vec![false; batch.sessions.len()],
        head: unsigned("log_head.position", head)?,
        record_time: Timestamp::from_micros(record_time),
    };
    for ord in won {
        if let Some(won) =
            usize::try_from(ord).ok().and_then(|ord| receipt.won.get_mut(ord.wrapping_sub(1)))
        {
            *won = true;
        }
    }
    Ok(receipt)
}

/// The batch's sessions with their ordinals, by which all other rows name them: 1, 2, 3, …
fn numbered(batch: &CommitBatch) -> impl Iterator<Item = (i64, &SessionCommit)> {
    (1_i64..).zip(&batch.sessions)
}

#[derive(Default)]
struct Sessions<'a> {
    name: Vec<&'a str>,
    revision: Vec<i64>,
    sequence: Vec<i64>,
    added: Vec<i64>,
    deletes: Vec<bool>,
}

impl<'a> Sessions<'a> {
    fn of(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for session in &batch.sessions {
            columns.name.push(session.session.as_str());
            columns.revision.push(session.expected_revision.as_i64());
            columns.sequence.push(session.expected_sequence.as_i64());
            columns.added.push(number(session.events.len() as u64));
            columns.deletes.push(session.deletes_session);
        }
        columns
    }
}

#[derive(Default)]
struct Events<'a> {
    ord: Vec<i64>,
    event_id: Vec<String>,
    group_id: Vec<&'a str>,
    event_type: Vec<i16>,
    occur_time: Vec<i64>,
    payload: Vec<&'a [u8]>,
}

impl<'a> Events<'a> {
    fn of(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for event in &session.events {
                columns.ord.push(ord);
                columns.event_id.push(event.id.to_string());
                columns.group_id.push(event.group_id.as_ref().map_or("", |id| id.as_str()));
                columns.event_type.push(event.event_type.code());
                columns.occur_time.push(event.occur_time.as_micros());
                columns.payload.push(&event.payload);
            }
        }
        columns
    }
}

#[derive(Default)]
struct Groups<'a> {
    ord: Vec<i64>,
    id: Vec<&'a str>,
    present: Vec<bool>,
    subject: Vec<&'a str>,
    subject_folded: Vec<String>,
    create_time: Vec<i64>,
    member_count: Vec<i64>,
    my_role: Vec<i16>,
    sequence: Vec<i64>,
    synced_time: Vec<i64>,
    basic: Vec<&'a [u8]>,
    participants: Vec<&'a [u8]>,
    facts: Vec<&'a [u8]>,
}

impl<'a> Groups<'a> {
    fn of(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for group in &session.groups {
                let state: Option<&GroupColumns> = group.state.as_ref();
                columns.ord.push(ord);
                columns.id.push(group.id.as_str());
                columns.present.push(state.is_some());
                columns.subject.push(state.map_or("", |state| &state.subject));
                columns
                    .subject_folded
                    .push(state.map_or_else(String::new, |state| state.subject.to_lowercase()));
                columns.create_time.push(state.map_or(0, |state| state.create_time.as_micros()));
                columns.member_count.push(state.map_or(0, |state| i64::from(state.member_count)));
                columns.my_role.push(state.map_or(0, |state| role_code(state.my_role)));
                columns.sequence.push(group.sequence.as_i64());
                columns.synced_time.push(group.synced_time.as_micros());
                columns.basic.push(state.map_or(&[], |state| &state.basic));
                columns.participants.push(state.map_or(&[], |state| &state.participants));
                columns.facts.push(&group.facts);
            }
        }
        columns
    }
}

#[derive(Default)]
struct Members<'a> {
    ord: Vec<i64>,
    group_id: Vec<&'a str>,
    member: Vec<String>,
}

impl<'a> Members<'a> {
    fn gained(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for group in &session.groups {
                columns.push(ord, group.id.as_str(), &group.members_added);
            }
        }
        columns
    }

    fn lost(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for group in &session.groups {
                columns.push(ord, group.id.as_str(), &group.members_removed);
            }
        }
        columns
    }

    fn push(&mut self, ord: i64, group_id: &'a str, members: &[ParticipantId]) {
        for member in members {
            self.ord.push(ord);
            self.group_id.push(group_id);
            self.member.push(member.to_string());
        }
    }
}

#[derive(Default)]
struct Sources<'a> {
    ord: Vec<i64>,
    source_id: Vec<&'a str>,
}

impl<'a> Sources<'a> {
    fn of(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for id in &session.source_ids {
                columns.ord.push(ord);
                columns.source_id.push(id);
            }
        }
        columns
    }
}

#[derive(Default)]
struct Answers<'a> {
    ord: Vec<i64>,
    key_name: Vec<&'a str>,
    session: Vec<&'a str>,
    rpc: Vec<&'a str>,
    request_id: Vec<String>,
    answer: Vec<&'a [u8]>,
}

impl<'a> Answers<'a> {
    fn of(batch: &'a CommitBatch) -> Self {
        let mut columns = Self::default();
        for (ord, session) in numbered(batch) {
            for write in &session.answers {
                columns.ord.push(ord);
                columns.key_name.push(&write.key.key_name);
                columns.session.push(write.key.session.as_str());
                columns.rpc.push(write.key.rpc);
                columns.request_id.push(write.key.request_id.to_string());
                columns.answer.push(&write.answer);
            }
        }
        columns
    }
}
