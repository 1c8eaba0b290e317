//! A PostgreSQL database for each test, cloned from one that is migrated once a run.
//!
//! `WAGROUPS_TEST_POSTGRES_URL` names a server on which databases may be made. Without it, tests
//! that need one do nothing, and the run says so in one line; `WAGROUPS_REQUIRE_POSTGRES=1` makes
//! them fail instead.

use std::io::Write as _;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::sqlx::{self, Connection, PgConnection};
use tokio::sync::OnceCell;
use wagroups::repository::{ConnectOptions, SeaRepository};

const URL: &str = "WAGROUPS_TEST_POSTGRES_URL";
const REQUIRED: &str = "WAGROUPS_REQUIRE_POSTGRES";

/// A migrated database; dropped with this.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// `None` where there is no server to make one on.
    pub async fn create() -> Option<Self> {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let server = server()?;
        let template = TEMPLATE.get_or_init(|| create_template(&server)).await;
        let name = format!("{template}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Some(Self { url: with_database(&server, &name), name })
    }

    /// One without any table.
    pub async fn create_empty() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let server = server()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wagroups_empty_{}_{count}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        Some(Self { url: with_database(&server, &name), name })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements on it, past the service.
    pub async fn execute(&self, sql: &str) {
        execute(&self.url, sql).await;
    }

    /// The texts that a query finds on it.
    pub async fn texts(&self, sql: &'static str) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.url).await.expect("the database answers");
        let texts = sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("texts");
        let _ = connection.close().await;
        texts
    }

    /// Cuts all connections and lets no new ones in, as when the server is gone.
    pub async fn cut_off(&self) {
        let server = server().expect("the server that made it");
        let name = &self.name;
        execute(&server, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        execute(&server, &sql).await;
    }

    /// Lets nothing be written any more, though all can be read, as on a standby or a full disk.
    pub async fn refuse_writes(&self) {
        self.set_read_only(true).await;
    }

    /// Lets it be written again.
    pub async fn take_writes(&self) {
        self.set_read_only(false).await;
    }

    async fn set_read_only(&self, read_only: bool) {
        let server = server().expect("the server that made it");
        let name = &self.name;
        let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = {read_only}");
        execute(&server, &sql).await;
        // It holds for new connections only.
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        execute(&server, &sql).await;
    }

    /// Lets connections in again.
    pub async fn restore(&self) {
        let server = server().expect("the server that made it");
        execute(&server, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", self.name))
            .await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(server) = server() else { return };
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's own runtime may be on its way out.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&server, &sql));
        });
        let _ = dropped.join();
    }
}

/// Server settings that are good enough for tests: they need not survive a power cut.
pub fn options() -> ConnectOptions {
    ConnectOptions { max_connections: 8, allow_unsafe_fsync: true, ..ConnectOptions::default() }
}

async fn create_template(server: &str) -> String {
    let name = format!("wagroups_test_{}", std::process::id());
    execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    execute(server, &format!("CREATE DATABASE {name}")).await;
    let url = with_database(server, &name);
    let repository = SeaRepository::connect(&url, options()).await.expect("the template opens");
    repository.migrate().await.expect("the template migrates");
    repository.close().await;
    name
}

async fn execute(server: &str, sql: &str) {
    let mut connection =
        PgConnection::connect(server).await.expect("the server of the tests answers");
    // The statement is put together from constants and numbers of ours.
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let _ = connection.close().await;
}

fn server() -> Option<String> {
    static NOTICE: Once = Once::new();
    if let Ok(url) = std::env::var(URL) {
        return Some(url);
    }
    assert!(
        std::env::var(REQUIRED).is_err(),
        "{REQUIRED} is set, but {URL} is not: name a server on which databases may be made"
    );
    NOTICE.call_once(|| {
        // Past the capture of the test runner, which keeps what passing tests print to itself.
        let _ = writeln!(
            std::io::stderr(),
            "left out: everything on PostgreSQL, as {URL} is not set (`make test` brings its own server)"
        );
    });
    None
}

fn with_database(server: &str, name: &str) -> String {
    let (before, query) =
        server.split_once('?').map_or((server, String::new()), |(url, q)| (url, format!("?{q}")));
    let authority = before.find("://").map_or(0, |at| at + 3);
    let end = before[authority..].find('/').map_or(before.len(), |at| authority + at);
    format!("{}/{name}{query}", &before[..end])
}
