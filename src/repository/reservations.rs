//! Request ids, and what retention removes beside the log.

use async_trait::async_trait;
use bytes::Bytes;
use sea_orm::{ColumnTrait, DbBackend, EntityTrait, QueryFilter};

use super::entity::reservation::{Column, Entity, Model};
use super::rows::{corrupt, unsigned};
use super::sql::{Sql, padded};
use super::{SeaRepository, fault};
use crate::domain::clock::Timestamp;
use crate::domain::port::repository::{
    AnswerWrite, ExistingReservation, Reservation, ReservationKey, ReservationStore, Reserved,
    Result, StoreError,
};
use crate::domain::port::spellings::HELD_FOR;

/// How often a request id can vanish between our finding it taken and our looking at it, before
/// that is no longer chance.
const MAX_ATTEMPTS: u32 = 8;

#[async_trait]
impl ReservationStore for SeaRepository {
    async fn reserve(&self, reservation: &Reservation) -> Result<Reserved> {
        for _ in 0..MAX_ATTEMPTS {
            if self.insist(take(reservation)).await?.rows == 1 {
                return Ok(Reserved::New);
            }
            // From the writer, which has certainly seen it.
            let writer = self.writer();
            let row = Entity::find()
                .filter(Column::KeyName.eq(reservation.key.key_name.as_str()))
                .filter(Column::Session.eq(reservation.key.session.as_str()))
                .filter(Column::Rpc.eq(reservation.key.rpc))
                .filter(Column::RequestId.eq(reservation.key.request_id.to_string()))
                .one(&writer.connection);
            let row = writer.limited(row).await.map_err(fault::undecided)?;
            match row {
                // An earlier try took it, and its answer was lost.
                Some(row) if row.nonce == reservation.nonce.cast_signed() && !row.answered => {
                    return Ok(Reserved::New);
                }
                Some(row) => return existing(row).map(Reserved::Existing),
                None => {}
            }
        }
        Err(StoreError::Unavailable("the request id keeps being taken and released".to_owned()))
    }

    async fn release(&self, key: &ReservationKey, nonce: u64) -> Result<()> {
        let sql = of_key(Sql::new("DELETE FROM reservations WHERE "), key)
            .push(" AND answered = FALSE AND nonce = ")
            .bind(nonce.cast_signed());
        self.insist(sql).await.map(drop)
    }

    async fn settle(&self, key: &ReservationKey, answer: Bytes) -> Result<()> {
        self.insist(self::answer(&AnswerWrite { key: key.clone(), answer })).await.map(drop)
    }

    async fn purge(&self, now: Timestamp, before: Timestamp, limit: u32) -> Result<bool> {
        let mut more = false;
        for (table, key, condition, time) in [
            ("reservations", "key_name, session, rpc, request_id", "expire_time <= ", now),
            ("source_ids", "session, source_id", "recorded_time < ", before),
            ("groups", "session, id", "NOT present AND updated_time < ", before),
            ("spellings", "session, asked", "told_time < ", now - HELD_FOR),
        ] {
            // The rows are chosen once, before any is removed.
            let sql = Sql::new(&format!(
                "WITH old AS MATERIALIZED (SELECT {key} FROM {table} WHERE {condition}"
            ))
            .bind(time.as_micros())
            .push(" LIMIT ")
            .bind(i64::from(limit));
            // Those that a commit holds are left for the next time: waiting for them, with others
            // already in hand, could be a deadlock.
            let sql = match self.backend() {
                DbBackend::Postgres => sql.push(" FOR UPDATE SKIP LOCKED"),
                _ => sql,
            };
            let sql = sql
                .push(&format!(") DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM old)"));
            more |= self.write(sql).await? >= u64::from(limit.max(1));
        }
        Ok(more | self.purge_aliases(limit).await?)
    }
}

/// Takes a request id that is free, has expired, or was left behind by an attempt that sent nothing.
fn take(reservation: &Reservation) -> Sql {
    let key = &reservation.key;
    let row = vec![
        key.key_name.as_str().into(),
        key.session.as_str().into(),
        key.rpc.into(),
        key.request_id.to_string().into(),
        reservation.body_sha256.to_vec().into(),
        reservation.group_id.as_ref().map_or("", |id| id.as_str()).into(),
        reservation.incarnation.as_i64().into(),
        reservation.deadline.as_micros().into(),
        false.into(),
        Vec::<u8>::new().into(),
        reservation.expire_time.as_micros().into(),
        reservation.nonce.cast_signed().into(),
    ];
    let sql = Sql::new(
        "INSERT INTO reservations (key_name, session, rpc, request_id, body_sha256, group_id, incarnation, \
         deadline, answered, answer, expire_time, nonce) VALUES ",
    )
    .bind_rows([row])
    .push(
        " ON CONFLICT (key_name, session, rpc, request_id) DO UPDATE SET body_sha256 = excluded.body_sha256, \
         group_id = excluded.group_id, incarnation = excluded.incarnation, deadline = excluded.deadline, \
         answered = excluded.answered, answer = excluded.answer, expire_time = excluded.expire_time, \
         nonce = excluded.nonce WHERE reservations.expire_time <= ",
    )
    .bind(reservation.now.as_micros());
    if reservation.abandoned.is_empty() {
        return sql;
    }
    let nonces = reservation.abandoned.iter().map(|nonce| vec![nonce.cast_signed().into()]);
    sql.push(" OR (reservations.answered = FALSE AND reservations.nonce IN (VALUES ")
        .bind_rows(padded(nonces.collect()))
        .push("))")
}

/// Keeps the answer of a call; the first one stays.
pub(super) fn answer(write: &AnswerWrite) -> Sql {
    let sql = Sql::new("UPDATE reservations SET answered = TRUE, answer = ")
        .bind(write.answer.to_vec())
        .push(" WHERE ");
    of_key(sql, &write.key).push(" AND answered = FALSE")
}

fn of_key(sql: Sql, key: &ReservationKey) -> Sql {
    sql.push("key_name = ")
        .bind(key.key_name.as_str())
        .push(" AND session = ")
        .bind(key.session.as_str())
        .push(" AND rpc = ")
        .bind(key.rpc)
        .push(" AND request_id = ")
        .bind(key.request_id.to_string())
}

fn existing(row: Model) -> Result<ExistingReservation> {
    let length = row.body_sha256.len();
    Ok(ExistingReservation {
        body_sha256: row
            .body_sha256
            .try_into()
            .map_err(|_| corrupt("reservations.body_sha256", format_args!("{length} bytes")))?,
        incarnation: unsigned("reservations.incarnation", row.incarnation)?,
        nonce: row.nonce.cast_unsigned(),
        deadline: Timestamp::from_micros(row.deadline),
        answer: row.answered.then(|| row.answer.into()),
    })
}
