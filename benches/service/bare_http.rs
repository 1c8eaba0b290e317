//! The limit of webhooks: a bare HTTP server that writes each body with one raw INSERT, then answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::serve::ListenerExt;
use bytes::Bytes;
use sea_orm::sqlx::postgres::PgPoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions, PgPool, SqliteConnection};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::child::{database_url, until_input_ends};

/// As many as the service has for everything but its writer.
const CONNECTIONS: u32 = 10;

#[derive(Clone)]
enum Store {
    Postgres(PgPool),
    Sqlite(Arc<Mutex<SqliteConnection>>),
}

impl Store {
    async fn open(url: &str) -> sqlx::Result<Self> {
        if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse()?;
            let options =
                options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
            let mut connection = options.connect().await?;
            sqlx::raw_sql("CREATE TABLE webhooks (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
                .execute(&mut connection)
                .await?;
            return Ok(Self::Sqlite(Arc::new(Mutex::new(connection))));
        }
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await?;
        sqlx::raw_sql("CREATE TABLE webhooks (id TEXT PRIMARY KEY, body BYTEA NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self::Postgres(pool))
    }

    async fn insert(&self, id: &str, body: &[u8]) -> sqlx::Result<()> {
        match self {
            Self::Postgres(pool) => {
                let insert = sqlx::query("INSERT INTO webhooks (id, body) VALUES ($1, $2)");
                insert.bind(id).bind(body).execute(pool).await?;
            }
            Self::Sqlite(connection) => {
                let mut connection = connection.lock().await;
                let insert = sqlx::query("INSERT INTO webhooks (id, body) VALUES (?, ?)");
                insert.bind(id).bind(body).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }
}

async fn receive(State(store): State<Store>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let id = headers.get("x-webhook-request-id").and_then(|id| id.to_str().ok());
    match store.insert(id.expect("an id"), &body).await {
        Ok(()) => StatusCode::OK,
        Err(error) => {
            eprintln!("the bare server: {error}");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

/// The child's side.
pub async fn serve() {
    let store = Store::open(&database_url()).await.expect("the database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().fallback(receive).with_state(store))
        .with_graceful_shutdown(async {
            until_input_ends().await;
        })
        .await
        .expect("it serves");
}
