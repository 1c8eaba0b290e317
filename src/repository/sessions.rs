//! Sessions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Value,
};

use super::clearing;
use super::entity::session::{Column, Entity, Model};
use super::log::KEYS_PER_QUERY;
use super::rows::{corrupt, parsed, unsigned};
use super::sql::{Sql, number, padded};
use super::{Insisted, SeaRepository, fault};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Epoch;
use crate::domain::id::{Lid, PhoneNumber, SessionName};
use crate::domain::participant::Account;
use crate::domain::port::repository::{
    Result, SessionHead, SessionInsert, SessionPatch, SessionStore, StoreError,
};
use crate::domain::session::{EngineConfig, EngineKind, Session, SessionStatus};

#[derive(FromQueryResult)]
struct HeadRow {
    name: String,
    sequence: i64,
    revision: i64,
    epoch: i64,
}

#[derive(FromQueryResult)]
struct NameRow {
    name: String,
}

#[async_trait]
impl SessionStore for SeaRepository {
    async fn insert_session(&self, session: &Session, epoch: Epoch) -> Result<SessionInsert> {
        // What an earlier session of the name has left would become this one's.
        while self.clear_session(&session.name, clearing::ROWS).await? {}
        let (lid, phone) = account_columns(session.account.as_ref());
        // A process that was fenced a moment ago must not leave a session behind that no process can
        // write to: such a session belongs to the process that came after it.
        let own_or_later_epoch = format!(
            "CASE WHEN h.epoch > {epoch} THEN h.epoch ELSE {epoch} END",
            epoch = epoch.as_i64()
        );
        let sql = Sql::new(
            "INSERT INTO sessions (name, engine, status, status_reason, status_time, account_lid, account_phone, \
             push_name, metadata, wanted, create_time, config, write_number, sequence, revision, deleted_time, synced_time, epoch) SELECT ",
        );
        let turn = self.order.take(session.name.as_str()).await;
        let values: [Value; 13] = [
            session.name.as_str().into(),
            session.engine.as_str().into(),
            session.status.as_str().into(),
            session.status_reason.as_str().into(),
            session.status_time.as_micros().into(),
            lid.into(),
            phone.into(),
            session.push_name.as_str().into(),
            metadata_column(&session.metadata)?.into(),
            session.wanted.into(),
            session.create_time.as_micros().into(),
            config_column(&session.config)?.into(),
            turn.number.into(),
        ];
        let sql = values.into_iter().fold(sql, |sql, value| sql.bind(value).push(", "));
        let sql = sql.push("0, 0, 0, 0, ").push(&own_or_later_epoch).push(
            " FROM log_head h WHERE h.id = 1 ON CONFLICT (name) DO UPDATE SET \
             engine = excluded.engine, status = excluded.status, status_reason = excluded.status_reason, \
             status_time = excluded.status_time, account_lid = excluded.account_lid, \
             account_phone = excluded.account_phone, push_name = excluded.push_name, metadata = excluded.metadata, \
             wanted = excluded.wanted, create_time = excluded.create_time, revision = sessions.revision + 1, \
             deleted_time = 0, synced_time = 0, config = excluded.config, epoch = excluded.epoch, \
             write_number = excluded.write_number \
             WHERE sessions.deleted_time <> 0 AND sessions.write_number < excluded.write_number",
        );
        let Insisted { rows, in_doubt } = self.insist(sql).await?;
        if rows > 0 {
            return Ok(SessionInsert::Inserted);
        }
        // The first try may have made it, and its answer was lost.
        let held = if in_doubt { self.session(&session.name).await? } else { None };
        let is_ours = held.is_some_and(|held| {
            held.create_time == session.create_time && held.config == session.config
        });
        Ok(if is_ours { SessionInsert::Inserted } else { SessionInsert::AlreadyExists })
    }

    async fn session(&self, name: &SessionName) -> Result<Option<Session>> {
        let reader = self.reader();
        let row = existing().filter(Column::Name.eq(name.as_str())).one(&reader.connection);
        reader.limited(row).await.map_err(fault::undecided)?.map(session).transpose()
    }

    async fn list_sessions(&self, after: Option<&SessionName>, limit: u32) -> Result<Vec<Session>> {
        let mut query = existing().order_by_asc(Column::Name).limit(u64::from(limit));
        if let Some(after) = after {
            query = query.filter(Column::Name.gt(after.as_str()));
        }
        let reader = self.reader();
        let rows = reader.limited(query.all(&reader.connection)).await.map_err(fault::undecided)?;
        rows.into_iter().map(session).collect()
    }

    async fn patch_session(&self, name: &SessionName, patch: &SessionPatch) -> Result<bool> {
        let columns = patched_columns(patch)?;
        if columns.is_empty() {
            return Ok(self.session(name).await?.is_some());
        }
        let turn = self.order.take(name.as_str()).await;
        let mut sql = Sql::new("UPDATE sessions SET write_number = ").bind(turn.number);
        for (column, value) in columns {
            sql = sql.push(", ").push(column).push(" = ").bind(value);
        }
        let sql = sql
            .push(" WHERE name = ")
            .bind(name.as_str())
            .push(" AND deleted_time = 0 AND write_number <= ")
            .bind(turn.number);
        if self.insist(sql).await?.rows > 0 {
            return Ok(true);
        }
        match self.session(name).await? {
            Some(_) => Err(overtaken(name)),
            None => Ok(false),
        }
    }

    async fn clear_session(&self, name: &SessionName, limit: u32) -> Result<bool> {
        let mut more = false;
        for (table, key) in clearing::TABLES {
            let sql = clearing::step(self.backend(), table, key, name, limit);
            more |= self.insist(sql).await?.rows >= u64::from(limit.max(1));
        }
        Ok(more)
    }

    async fn uncleared_sessions(&self, limit: u32) -> Result<Vec<SessionName>> {
        let rows: Vec<NameRow> = self.read_all(clearing::uncleared(limit)).await?;
        rows.iter().map(|row| parsed("sessions.name", &row.name)).collect()
    }

    async fn session_heads(
        &self,
        names: &[SessionName],
    ) -> Result<BTreeMap<SessionName, SessionHead>> {
        let mut heads = BTreeMap::new();
        for names in names.chunks(KEYS_PER_QUERY) {
            let keys = padded(names.iter().map(|name| vec![name.as_str().into()]).collect());
            let sql = Sql::new("SELECT name, sequence, revision, epoch FROM sessions WHERE deleted_time = 0 AND name IN (VALUES ")
                .bind_rows(keys)
                .push(")");
            for row in self.read_all::<HeadRow>(sql).await? {
                let head = SessionHead {
                    sequence: unsigned("sessions.sequence", row.sequence)?,
                    revision: unsigned("sessions.revision", row.revision)?,
                    epoch: unsigned("sessions.epoch", row.epoch)?,
                };
                heads.insert(parsed("sessions.name", &row.name)?, head);
            }
        }
        Ok(heads)
    }
}

/// Only a process that began later gives higher numbers than those of this one.
pub(super) fn overtaken(session: &SessionName) -> StoreError {
    StoreError::Unavailable(format!("another process has written to session {session}"))
}

fn existing() -> sea_orm::Select<Entity> {
    Entity::find().filter(Column::DeletedTime.eq(0_i64))
}

fn patched_columns(patch: &SessionPatch) -> Result<Vec<(&'static str, Value)>> {
    let mut columns: Vec<(&'static str, Value)> = Vec::new();
    if let Some((status, reason, time)) = &patch.status {
        columns.push(("status", status.as_str().into()));
        columns.push(("status_reason", reason.as_str().into()));
        columns.push(("status_time", time.as_micros().into()));
    }
    if let Some(account) = &patch.account {
        let (lid, phone) = account_columns(Some(account));
        columns.push(("account_lid", lid.into()));
        columns.push(("account_phone", phone.into()));
    }
    if let Some(push_name) = &patch.push_name {
        columns.push(("push_name", push_name.as_str().into()));
    }
    if let Some(metadata) = &patch.metadata {
        columns.push(("metadata", metadata_column(metadata)?.into()));
    }
    if let Some(wanted) = patch.wanted {
        columns.push(("wanted", wanted.into()));
    }
    if let Some(config) = &patch.config {
        columns.push(("config", config_column(config)?.into()));
    }
    if let Some(time) = patch.synced_time {
        columns.push(("synced_time", time.as_micros().into()));
    }
    Ok(columns)
}

fn account_columns(account: Option<&Account>) -> (i64, i64) {
    (
        account.and_then(Account::lid).map_or(0, |lid| number(lid.get())),
        account.and_then(Account::phone).map_or(0, |phone| number(phone.get())),
    )
}

fn metadata_column(metadata: &BTreeMap<String, String>) -> Result<String> {
    serde_json::to_string(metadata).map_err(|error| StoreError::Refused(error.to_string()))
}

fn config_column(config: &EngineConfig) -> Result<String> {
    if *config == EngineConfig::default_of(config.kind()) {
        return Ok(String::new());
    }
    serde_json::to_string(config).map_err(|error| StoreError::Refused(error.to_string()))
}

fn session(row: Model) -> Result<Session> {
    let engine = EngineKind::from_name(&row.engine)
        .ok_or_else(|| corrupt("sessions.engine", &row.engine))?;
    let config = if row.config.is_empty() {
        EngineConfig::default_of(engine)
    } else {
        serde_json::from_str(&row.config).map_err(|error| corrupt("sessions.config", error))?
    };
    let lid = unsigned("sessions.account_lid", row.account_lid)?;
    let phone = unsigned("sessions.account_phone", row.account_phone)?;
    Ok(Session {
        name: parsed("sessions.name", &row.name)?,
        engine,
        config,
        status: SessionStatus::from_name(&row.status)
            .ok_or_else(|| corrupt("sessions.status", &row.status))?,
        status_reason: row.status_reason,
        status_time: Timestamp::from_micros(row.status_time),
        account: Account::from_names(Lid::new(lid), PhoneNumber::new(phone)),
        push_name: row.push_name,
        metadata: serde_json::from_str(&row.metadata)
            .map_err(|error| corrupt("sessions.metadata", error))?,
        wanted: row.wanted,
        sequence: unsigned("sessions.sequence", row.sequence)?,
        create_time: Timestamp::from_micros(row.create_time),
        synced_time: Some(Timestamp::from_micros(row.synced_time)).filter(|_| row.synced_time != 0),
    })
}
