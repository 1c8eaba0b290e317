//! Webhooks and how far they are.

use async_trait::async_trait;
use sea_orm::{FromQueryResult, Value};

use super::SeaRepository;
use super::rows::{corrupt, parsed, unsigned};
use super::sql::{Sql, number};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Epoch;
use crate::domain::port::repository::{Result, StoreError};
use crate::domain::port::webhooks::{ProgressWrite, WebhookStore};
use crate::domain::token::ResumeToken;
use crate::domain::webhook::{Progress, Webhook, WebhookId, WebhookState, WebhookStatus};

#[derive(FromQueryResult)]
struct HeldRow {
    epoch: i64,
    is_there: bool,
}

#[derive(FromQueryResult)]
struct WebhookRow {
    id: String,
    key_name: String,
    request_sha256: Vec<u8>,
    config: String,
    state: String,
    state_reason: String,
    state_time: i64,
    cursor_token: Vec<u8>,
    delivered_count: i64,
    last_delivery_time: i64,
    failure: String,
    lost_count: i64,
    create_time: i64,
    update_time: i64,
}

/// What changes as the webhook delivers.
const PROGRESS: [&str; 8] = [
    "state",
    "state_reason",
    "state_time",
    "cursor_token",
    "delivered_count",
    "last_delivery_time",
    "failure",
    "lost_count",
];

#[async_trait]
impl WebhookStore for SeaRepository {
    async fn webhooks(&self) -> Result<Vec<Webhook>> {
        let columns = PROGRESS.join(", ");
        let sql = Sql::new(&format!(
            "SELECT id, key_name, request_sha256, config, create_time, update_time, {columns} FROM webhooks ORDER BY id"
        ));
        let rows: Vec<WebhookRow> = self.read_all(sql).await?;
        rows.into_iter().map(webhook).collect()
    }

    async fn insert_webhook(&self, webhook: &Webhook) -> Result<()> {
        let turn = self.order.take(&webhook.id.to_string()).await;
        let (names, values): (Vec<&str>, Vec<Value>) = columns(webhook)?.into_iter().unzip();
        let mut row: Vec<Value> = vec![
            webhook.id.to_string().into(),
            webhook.request_sha256.to_vec().into(),
            webhook.create_time.as_micros().into(),
            turn.number.into(),
        ];
        row.extend(values);
        let replaced: Vec<String> =
            names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        // One of the same id is one whose making was not confirmed.
        let sql = Sql::new("INSERT INTO webhooks (id, request_sha256, create_time, write_number, ")
            .push(&names.join(", "))
            .push(") VALUES ")
            .bind_rows([row])
            .push(" ON CONFLICT (id) DO UPDATE SET write_number = excluded.write_number, ")
            .push(&replaced.join(", "))
            .push(" WHERE webhooks.write_number <= excluded.write_number");
        self.insist(sql).await.map(drop)
    }

    async fn update_webhook(&self, webhook: &Webhook) -> Result<bool> {
        let turn = self.order.take(&webhook.id.to_string()).await;
        let mut sql = Sql::new("UPDATE webhooks SET write_number = ").bind(turn.number);
        for (name, value) in columns(webhook)? {
            sql = sql.push(", ").push(name).push(" = ").bind(value);
        }
        let sql = sql
            .push(" WHERE id = ")
            .bind(webhook.id.to_string())
            .push(" AND write_number <= ")
            .bind(turn.number);
        Ok(self.insist(sql).await?.rows > 0)
    }

    async fn put_webhook_progress(
        &self,
        id: WebhookId,
        status: &WebhookStatus,
        progress: &Progress,
        epoch: Epoch,
    ) -> Result<ProgressWrite> {
        let turn = self.order.take(&id.to_string()).await;
        let mut sql = Sql::new("UPDATE webhooks SET write_number = ").bind(turn.number);
        for (name, value) in PROGRESS.into_iter().zip(progress_columns(status, progress)?) {
            sql = sql.push(", ").push(name).push(" = ").bind(value);
        }
        let sql = sql
            .push(" WHERE id = ")
            .bind(id.to_string())
            .push(" AND write_number <= ")
            .bind(turn.number)
            .push(" AND (SELECT epoch FROM log_head WHERE log_head.id = 1) <= ")
            .bind(epoch.as_i64());
        if self.insist(sql).await?.rows > 0 {
            return Ok(ProgressWrite::Written);
        }
        let held = Sql::new("SELECT epoch, EXISTS (SELECT 1 FROM webhooks WHERE id = ")
            .bind(id.to_string())
            .push(") AS is_there FROM log_head WHERE log_head.id = 1");
        let held: Option<HeldRow> = self.read_one(held).await?;
        let held = held.ok_or_else(|| StoreError::Corrupt("log_head has no row".to_owned()))?;
        if held.epoch > epoch.as_i64() {
            return Ok(ProgressWrite::Fenced);
        }
        if held.is_there {
            let later = "the webhook was written by a statement that was numbered later";
            return Err(StoreError::Failed(later.to_owned()));
        }
        Ok(ProgressWrite::Gone)
    }

    async fn remove_webhook(&self, id: WebhookId) -> Result<bool> {
        let sql = Sql::new("DELETE FROM webhooks WHERE id = ").bind(id.to_string());
        let removed = self.insist(sql).await?;
        // Where the answer of the first try was lost, it may have been that one.
        Ok(removed.rows > 0 || removed.in_doubt)
    }
}

/// All that can change of a webhook.
fn columns(webhook: &Webhook) -> Result<Vec<(&'static str, Value)>> {
    let mut columns: Vec<(&'static str, Value)> = vec![
        ("key_name", webhook.key_name.as_str().into()),
        ("config", json(&webhook.config)?.into()),
        ("update_time", webhook.update_time.as_micros().into()),
    ];
    let progress = progress_columns(&webhook.status, &webhook.progress)?;
    columns.extend(PROGRESS.into_iter().zip(progress));
    Ok(columns)
}

/// In the order of [`PROGRESS`].
fn progress_columns(status: &WebhookStatus, progress: &Progress) -> Result<[Value; 8]> {
    Ok([
        status.state.as_str().into(),
        status.reason.as_str().into(),
        status.time.as_micros().into(),
        progress.cursor.encode().to_vec().into(),
        number(progress.delivered_count).into(),
        progress.last_delivery_time.map_or(0, Timestamp::as_micros).into(),
        progress.failure.as_ref().map(json).transpose()?.unwrap_or_default().into(),
        number(progress.lost_count).into(),
    ])
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    // The text itself may hold secrets.
    serde_json::from_str(text).map_err(|error| corrupt(column, format!("{:?}", error.classify())))
}

fn webhook(row: WebhookRow) -> Result<Webhook> {
    let state = WebhookState::from_name(&row.state);
    let failure = Some(row.failure.as_str()).filter(|text| !text.is_empty());
    Ok(Webhook {
        id: parsed("webhooks.id", &row.id)?,
        key_name: row.key_name,
        request_sha256: row
            .request_sha256
            .try_into()
            .map_err(|_| corrupt("webhooks.request_sha256", "no SHA-256"))?,
        config: from_json("webhooks.config", &row.config)?,
        status: WebhookStatus {
            state: state.ok_or_else(|| corrupt("webhooks.state", &row.state))?,
            reason: row.state_reason,
            time: Timestamp::from_micros(row.state_time),
        },
        progress: Progress {
            cursor: ResumeToken::decode(&row.cursor_token)
                .map_err(|_| corrupt("webhooks.cursor_token", "no token"))?,
            delivered_count: unsigned("webhooks.delivered_count", row.delivered_count)?,
            last_delivery_time: Some(Timestamp::from_micros(row.last_delivery_time))
                .filter(|_| row.last_delivery_time != 0),
            failure: failure.map(|text| from_json("webhooks.failure", text)).transpose()?,
            lost_count: unsigned("webhooks.lost_count", row.lost_count)?,
        },
        create_time: Timestamp::from_micros(row.create_time),
        update_time: Timestamp::from_micros(row.update_time),
    })
}
