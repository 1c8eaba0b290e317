//! How far the relay is.

use async_trait::async_trait;
use sea_orm::{FromQueryResult, Value};

use super::SeaRepository;
use super::rows::{corrupt, unsigned};
use super::sql::{Sql, number};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Epoch;
use crate::domain::port::relay::RelayStore;
use crate::domain::port::repository::{Result, StoreError};
use crate::domain::relay::RelayRecord;
use crate::domain::token::ResumeToken;

/// There is one; the table could have others.
const NAME: &str = "events";

const COLUMNS: [&str; 6] = [
    "place_token",
    "replay_count",
    "replay_until",
    "published_count",
    "lost_count",
    "last_publish_time",
];

#[derive(FromQueryResult)]
struct Row {
    place_token: Vec<u8>,
    replay_count: i64,
    replay_until: i64,
    published_count: i64,
    lost_count: i64,
    last_publish_time: i64,
}

#[async_trait]
impl RelayStore for SeaRepository {
    async fn relay(&self) -> Result<Option<RelayRecord>> {
        let columns = COLUMNS.join(", ");
        let sql = Sql::new(&format!("SELECT {columns} FROM relays WHERE name = ")).bind(NAME);
        self.read_one::<Row>(sql).await?.map(record).transpose()
    }

    async fn put_relay(&self, record: &RelayRecord, epoch: Epoch) -> Result<()> {
        let turn = self.order.take(NAME).await;
        let values: [Value; 6] = [
            record.place.encode().to_vec().into(),
            i64::from(record.replay_count).into(),
            number(record.replay_until.get()).into(),
            number(record.published_count).into(),
            number(record.lost_count).into(),
            record.last_publish_time.map_or(0, Timestamp::as_micros).into(),
        ];
        let mut sql = Sql::new("INSERT INTO relays (name, write_number, ")
            .push(&COLUMNS.join(", "))
            .push(") SELECT ")
            .bind(NAME)
            .push(", ")
            .bind(turn.number);
        for value in values {
            sql = sql.push(", ").bind(value);
        }
        let replaced = COLUMNS.map(|name| format!("{name} = excluded.{name}")).join(", ");
        let sql = sql
            .push(" FROM log_head WHERE log_head.id = 1 AND log_head.epoch <= ")
            .bind(epoch.as_i64())
            .push(" ON CONFLICT (name) DO UPDATE SET write_number = excluded.write_number, ")
            .push(&replaced)
            .push(" WHERE relays.write_number <= excluded.write_number");
        if self.insist(sql).await?.rows > 0 {
            return Ok(());
        }
        Err(StoreError::NotOwner("another process has taken the relay over".to_owned()))
    }
}

fn record(row: Row) -> Result<RelayRecord> {
    let place = ResumeToken::decode(&row.place_token)
        .map_err(|_| corrupt("relays.place_token", hex::encode(&row.place_token)))?;
    let last = Some(row.last_publish_time).filter(|time| *time != 0);
    let count = row.replay_count;
    Ok(RelayRecord {
        place,
        replay_count: u32::try_from(count).map_err(|_| corrupt("relays.replay_count", count))?,
        replay_until: unsigned("relays.replay_until", row.replay_until)?,
        published_count: counted("relays.published_count", row.published_count)?,
        lost_count: counted("relays.lost_count", row.lost_count)?,
        last_publish_time: last.map(Timestamp::from_micros),
    })
}

fn counted(column: &str, value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| corrupt(column, value))
}
