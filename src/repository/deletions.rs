//! Deletions of groups that are under way.

use async_trait::async_trait;
use sea_orm::{FromQueryResult, Value};

use super::SeaRepository;
use super::rows::{corrupt, parsed, parsed_opt};
use super::sessions::overtaken;
use super::sql::Sql;
use crate::domain::clock::Timestamp;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::{Deletion, DeletionStore, Result};
use crate::domain::trace_context::TraceContext;

#[derive(FromQueryResult)]
struct DeletionRow {
    session: String,
    group_id: String,
    key_name: String,
    request_id: String,
    traceparent: String,
    tracestate: String,
    removed_count: i64,
    start_time: i64,
}

#[async_trait]
impl DeletionStore for SeaRepository {
    async fn put_deletion(&self, deletion: &Deletion) -> Result<()> {
        let request_id = deletion.request_id.map(|id| id.to_string()).unwrap_or_default();
        let turn = self.order.take(deletion.session.as_str()).await;
        let (traceparent, tracestate) = trace_texts(deletion.trace.as_ref());
        let values: [Value; 8] = [
            deletion.session.as_str().into(),
            deletion.group_id.as_str().into(),
            deletion.key_name.as_str().into(),
            request_id.into(),
            traceparent.into(),
            tracestate.into(),
            i64::from(deletion.removed_count).into(),
            deletion.start_time.as_micros().into(),
        ];
        let mut sql = Sql::new(
            "INSERT INTO deletions (session, group_id, key_name, request_id, traceparent, tracestate, removed_count, \
             start_time) SELECT ",
        );
        for (index, value) in values.into_iter().enumerate() {
            sql = sql.push(if index == 0 { "" } else { ", " }).bind(value);
        }
        let sql = sql
            .push(" FROM sessions s WHERE s.name = ")
            .bind(deletion.session.as_str())
            .push(" AND s.write_number <= ")
            .bind(turn.number)
            .push(
                " ON CONFLICT (session, group_id) DO UPDATE SET removed_count = excluded.removed_count",
            );
        match self.insist(sql).await?.rows {
            0 => Err(overtaken(&deletion.session)),
            _ => Ok(()),
        }
    }

    async fn remove_deletion(&self, session: &SessionName, group_id: &GroupId) -> Result<()> {
        // First, so that a late INSERT that was given up writes nothing: it would take a group apart whose caller was
        // answered that it is whole.
        let turn = self.order.take(session.as_str()).await;
        let sql = Sql::new("UPDATE sessions SET write_number = ")
            .bind(turn.number)
            .push(" WHERE name = ")
            .bind(session.as_str())
            .push(" AND write_number < ")
            .bind(turn.number);
        self.insist(sql).await?;
        let sql = Sql::new("DELETE FROM deletions WHERE session = ")
            .bind(session.as_str())
            .push(" AND group_id = ")
            .bind(group_id.as_str());
        self.insist(sql).await.map(drop)
    }

    async fn deletions(&self) -> Result<Vec<Deletion>> {
        let sql = Sql::new(
            "SELECT session, group_id, key_name, request_id, traceparent, tracestate, removed_count, start_time \
             FROM deletions ORDER BY start_time, session, group_id",
        );
        let rows: Vec<DeletionRow> = self.read_all(sql).await?;
        rows.into_iter()
            .map(|row| {
                Ok(Deletion {
                    session: parsed("deletions.session", &row.session)?,
                    group_id: parsed("deletions.group_id", &row.group_id)?,
                    key_name: row.key_name,
                    request_id: parsed_opt("deletions.request_id", &row.request_id)?,
                    trace: TraceContext::parse(&row.traceparent, &row.tracestate),
                    removed_count: u32::try_from(row.removed_count)
                        .map_err(|_| corrupt("deletions.removed_count", row.removed_count))?,
                    start_time: Timestamp::from_micros(row.start_time),
                })
            })
            .collect()
    }
}

/// Empty where there is none.
fn trace_texts(trace: Option<&TraceContext>) -> (&str, &str) {
    trace.map_or(("", ""), |trace| (trace.traceparent(), trace.tracestate()))
}
