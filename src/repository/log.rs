//! The event log.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult};

use super::rows::{EventRow, corrupt, fingerprint, parsed, unsigned};
use super::sql::{Sql, padded};
use super::{Connections, SeaRepository, commit, execute, postgres, query_one, sqlite};
use crate::domain::clock::Timestamp;
use crate::domain::counter::{Epoch, Position, Sequence};
use crate::domain::event::{EventId, EventRecord};
use crate::domain::log_position::{Fingerprint, LogPosition};
use crate::domain::page::EventQuery;
use crate::domain::port::repository::{
    CommitBatch, CommitReceipt, EventList, EventLog, LogBounds, LogSlice, Result, StoreError,
    Trimmed,
};
use crate::domain::token::LogId;

/// Keys that one statement looks up.
pub(super) const KEYS_PER_QUERY: usize = 1024;

#[derive(FromQueryResult)]
struct BoundsRow {
    log_id: i64,
    position: i64,
    event_id: String,
    trimmed: i64,
    trimmed_event_id: String,
}

#[derive(FromQueryResult)]
struct SliceRow {
    trimmed: i64,
    #[sea_orm(nested)]
    event: EventRow,
}

#[derive(FromQueryResult)]
struct ListRow {
    session_sequence: i64,
    oldest_sequence: Option<i64>,
    #[sea_orm(nested)]
    event: EventRow,
}

#[derive(FromQueryResult)]
struct Number {
    number: i64,
}

#[derive(FromQueryResult)]
struct IdAt {
    event_id: String,
    position: i64,
}

#[async_trait]
impl EventLog for SeaRepository {
    async fn ping(&self) -> Result<()> {
        self.read_one::<Number>(Sql::new("SELECT CAST(1 AS bigint) AS number")).await.map(drop)
    }

    async fn begin_epoch(&self) -> Result<Epoch> {
        let transaction = self.begin().await?;
        let epoch = match self.backend() {
            DbBackend::Postgres => postgres::begin_epoch(&transaction).await?,
            _ => {
                let raise =
                    "UPDATE log_head SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch AS number";
                let raised = query_one::<Number>(&transaction, Sql::new(raise)).await?;
                let epoch = raised.ok_or_else(no_head)?.number;
                execute(&transaction, Sql::new("UPDATE sessions SET epoch = ").bind(epoch)).await?;
                epoch
            }
        };
        commit(transaction).await?;
        let epoch = unsigned("log_head.epoch", epoch)?;
        self.order.begin(epoch);
        Ok(epoch)
    }

    async fn bounds(&self) -> Result<LogBounds> {
        let sql = "SELECT h.log_id AS log_id, h.position AS position, h.event_id AS event_id, \
                   t.position AS trimmed, t.event_id AS trimmed_event_id \
                   FROM log_head h JOIN log_trim t ON t.id = h.id WHERE h.id = 1";
        let row: BoundsRow = self.read_one(Sql::new(sql)).await?.ok_or_else(no_head)?;
        Ok(LogBounds {
            log_id: LogId::from_random(row.log_id.cast_unsigned()),
            head: LogPosition {
                position: unsigned("log_head.position", row.position)?,
                fingerprint: fingerprint("log_head.event_id", &row.event_id)?,
            },
            trimmed: LogPosition {
                position: unsigned("log_trim.position", row.trimmed)?,
                fingerprint: fingerprint("log_trim.event_id", &row.trimmed_event_id)?,
            },
        })
    }

    async fn read(&self, after: Position, limit: u32) -> Result<LogSlice> {
        // Positions are dense, so the range is the limit.
        let last = after.plus(u64::from(limit));
        let sql = Sql::new("SELECT t.position AS trimmed, ")
            .push(EventRow::COLUMNS)
            .push(" FROM log_trim t LEFT JOIN events e ON e.position > ")
            .bind(after.as_i64())
            .push(" AND e.position <= ")
            .bind(last.as_i64())
            .push(" WHERE t.id = 1 ORDER BY e.position");
        let rows: Vec<SliceRow> = self.read_all(sql).await?;
        let trimmed = rows
            .first()
            .ok_or_else(|| StoreError::Corrupt("log_trim has no row".to_owned()))?
            .trimmed;
        let trimmed = unsigned("log_trim.position", trimmed)?;
        if trimmed > after {
            return Ok(LogSlice { events: Vec::new(), trimmed });
        }
        let events = records(rows.into_iter().map(|row| row.event))?;
        let mut expected = after;
        for event in &events {
            expected = expected.next();
            if event.position != expected {
                return Err(corrupt(
                    "events",
                    format_args!("no position {expected}, but {}", event.position),
                ));
            }
        }
        Ok(LogSlice { events, trimmed })
    }

    async fn fingerprint_at(&self, position: Position) -> Result<Option<Fingerprint>> {
        let sql = Sql::new("SELECT event_id, position FROM events WHERE position = ")
            .bind(position.as_i64());
        let row: Option<IdAt> = self.read_one(sql).await?;
        row.map(|row| fingerprint("events.event_id", &row.event_id)).transpose()
    }

    async fn position_before(&self, time: Timestamp) -> Result<Position> {
        // Record times never fall from one position to the next.
        let sql = Sql::new("SELECT coalesce((SELECT position FROM events WHERE record_time < ")
            .bind(time.as_micros())
            .push(" ORDER BY record_time DESC, position DESC LIMIT 1), t.position) AS number FROM log_trim t WHERE t.id = 1");
        let row: Option<Number> = self.read_one(sql).await?;
        unsigned("events.position", row.map_or(0, |row| row.number))
    }

    async fn list_events(
        &self,
        query: &EventQuery,
        cursor: Option<Sequence>,
        limit: u32,
    ) -> Result<EventList> {
        let rows: Vec<ListRow> = self.read_all(list_statement(query, cursor, limit)).await?;
        let Some(first) = rows.first() else {
            return Ok(EventList {
                events: Vec::new(),
                session_sequence: Sequence::ZERO,
                oldest_sequence: Sequence::ZERO,
            });
        };
        let session_sequence = unsigned("sessions.sequence", first.session_sequence)?;
        let oldest_sequence = unsigned("events.sequence", first.oldest_sequence.unwrap_or(0))?;
        Ok(EventList {
            events: records(rows.into_iter().map(|row| row.event))?,
            session_sequence,
            oldest_sequence,
        })
    }

    async fn commit(&self, batch: &CommitBatch) -> Result<CommitReceipt> {
        match &self.connections {
            Connections::Postgres { commits, .. } => postgres::commit(commits, batch).await,
            Connections::Sqlite { head, .. } => {
                let transaction = self.begin().await?;
                let receipt = sqlite::commit(&transaction, batch, head).await?;
                if let Err(error) = commit(transaction).await {
                    self.look_up(batch, &receipt, error).await?;
                }
                head.confirmed(&receipt);
                Ok(receipt)
            }
        }
    }

    async fn probe(&self, epoch: Epoch, filler: &[u8]) -> Result<bool> {
        match &self.connections {
            Connections::Postgres { commits, .. } => postgres::probe(commits, epoch, filler).await,
            Connections::Sqlite { .. } => {
                let transaction = self.begin().await?;
                let written = sqlite::probe(&transaction, epoch, filler).await?;
                commit(transaction).await?;
                Ok(written)
            }
        }
    }

    fn has_failed(&self) -> bool {
        self.has_failed.swap(false, Ordering::AcqRel)
    }

    async fn current_epoch(&self) -> Result<Epoch> {
        let epoch = match &self.connections {
            Connections::Postgres { commits, .. } => postgres::current_epoch(commits).await?,
            Connections::Sqlite { .. } => {
                let transaction = self.begin().await?;
                let epoch = sqlite::current_epoch(&transaction).await?;
                commit(transaction).await?;
                epoch
            }
        };
        unsigned("log_head.epoch", epoch.ok_or_else(no_head)?)
    }

    async fn recorded(&self, ids: &[EventId]) -> Result<BTreeMap<EventId, Position>> {
        let mut found = BTreeMap::new();
        for ids in ids.chunks(KEYS_PER_QUERY) {
            let keys = padded(ids.iter().map(|id| vec![id.to_string().into()]).collect());
            let sql = Sql::new("SELECT event_id, position FROM events WHERE event_id IN (VALUES ")
                .bind_rows(keys)
                .push(")");
            for row in self.read_all::<IdAt>(sql).await? {
                let position = unsigned("events.position", row.position)?;
                found.insert(parsed("events.event_id", &row.event_id)?, position);
            }
        }
        Ok(found)
    }

    async fn trim(&self, before: Timestamp, limit: u32) -> Result<Trimmed> {
        self.noted(self.trim_step(before, limit).await)
    }
}

impl SeaRepository {
    async fn trim_step(&self, before: Timestamp, limit: u32) -> Result<Trimmed> {
        let transaction = self.begin().await?;
        let lock = if self.backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
        let done = query_one::<Number>(
            &transaction,
            Sql::new("SELECT position AS number FROM log_trim WHERE id = 1").push(lock),
        )
        .await?
        .map_or(0, |row| row.number);
        // As positions are dense and record times never fall, what goes is a stretch at the start.
        let sql = Sql::new("SELECT e.event_id AS event_id, e.position AS position FROM events e WHERE e.position > ")
            .bind(done)
            .push(" AND e.position <= ")
            .bind(done.saturating_add(i64::from(limit)))
            .push(" AND e.record_time < ")
            .bind(before.as_micros())
            .push(" AND e.position < (SELECT position FROM log_head WHERE id = 1) ORDER BY e.position DESC LIMIT 1");
        let Some(last) = query_one::<IdAt>(&transaction, sql).await? else {
            // A transaction that is dropped would look like a failed one.
            commit(transaction).await?;
            return Ok(Trimmed { removed: 0, more: false });
        };
        let sql = Sql::new("UPDATE log_trim SET position = ")
            .bind(last.position)
            .push(", event_id = ")
            .bind(last.event_id)
            .push(" WHERE id = 1");
        execute(&transaction, sql).await?;
        let sql = Sql::new("DELETE FROM events WHERE position > ")
            .bind(done)
            .push(" AND position <= ")
            .bind(last.position);
        let removed = execute(&transaction, sql).await?;
        commit(transaction).await?;
        Ok(Trimmed { removed, more: removed >= u64::from(limit) })
    }

    /// What became of a commit on SQLite whose outcome is unknown. The writer's connection is closed before it
    /// can be had again, and nothing else writes: what is stored then is all that there will be.
    async fn look_up(
        &self,
        batch: &CommitBatch,
        receipt: &CommitReceipt,
        error: StoreError,
    ) -> Result<()> {
        let StoreError::CommitUnknown(cause) = error else { return Err(error) };
        let mut won = batch.sessions.iter().zip(&receipt.won).filter(|(_, won)| **won);
        let Some((session, _)) = won.next() else { return Err(StoreError::Unavailable(cause)) };
        let sql = Sql::new("SELECT revision AS number FROM sessions WHERE name = ")
            .bind(session.session.as_str());
        let writer = self.writer();
        let row = writer.connection.query_one_raw(sql.on(self.backend())).await;
        let revision =
            row.and_then(|row| row.map(|row| Number::from_query_result(&row, "")).transpose());
        match revision {
            Ok(Some(row)) if row.number > session.expected_revision.as_i64() => Ok(()),
            Ok(_) => Err(StoreError::Unavailable(cause)),
            Err(_) => Err(StoreError::CommitUnknown(cause)),
        }
    }
}

fn records(rows: impl Iterator<Item = EventRow>) -> Result<Vec<EventRecord>> {
    rows.filter_map(|row| row.record().transpose()).collect()
}

fn list_statement(query: &EventQuery, cursor: Option<Sequence>, limit: u32) -> Sql {
    let direction = if query.newest_first { " DESC" } else { "" };
    let mut sql = Sql::new("SELECT s.sequence AS session_sequence, ")
        .push(
            "(SELECT min(o.sequence) FROM events o WHERE o.session = s.name) AS oldest_sequence, ",
        )
        .push(EventRow::COLUMNS)
        .push(" FROM sessions s LEFT JOIN (SELECT * FROM events WHERE session = ")
        .bind(query.session.as_str());
    let bounds = [
        (" AND sequence > ", query.after_sequence_exclusive.map(Sequence::as_i64)),
        (" AND sequence <= ", query.until_sequence_inclusive.map(Sequence::as_i64)),
        (" AND record_time >= ", query.start_time.map(Timestamp::as_micros)),
        (" AND record_time < ", query.end_time.map(Timestamp::as_micros)),
        (
            if query.newest_first { " AND sequence < " } else { " AND sequence > " },
            cursor.map(Sequence::as_i64),
        ),
    ];
    for (condition, value) in bounds {
        if let Some(value) = value {
            sql = sql.push(condition).bind(value);
        }
    }
    if !query.group_ids.is_empty() {
        let keys = padded(query.group_ids.iter().map(|id| vec![id.as_str().into()]).collect());
        sql = sql.push(" AND group_id IN (VALUES ").bind_rows(keys).push(")");
    }
    if !query.types.is_empty() {
        let keys = padded(query.types.iter().map(|code| vec![(*code).into()]).collect());
        sql = sql.push(" AND event_type IN (VALUES ").bind_rows(keys).push(")");
    }
    sql.push(" ORDER BY sequence")
        .push(direction)
        .push(" LIMIT ")
        .bind(i64::from(limit))
        .push(") e ON TRUE WHERE s.name = ")
        .bind(query.session.as_str())
        .push(" ORDER BY e.sequence")
        .push(direction)
}

fn no_head() -> StoreError {
    StoreError::Corrupt("log_head has no row; run `wagroups migrate`".to_owned())
}
