//! Databases of their own on the PostgreSQL that is measured with.

use sea_orm::sqlx::{self, Connection as _, PgConnection};

/// Dropped by [`Database::drop`] at the end.
pub struct Database {
    name: String,
    pub url: String,
    admin: PgConnection,
}

/// The server, or `None` with a line that says what is left out.
pub fn server(what: &str) -> Option<String> {
    let server = std::env::var("WAGROUPS_TEST_POSTGRES_URL").ok();
    if server.is_none() {
        println!("{what}: left out, WAGROUPS_TEST_POSTGRES_URL is not set (use `make bench`)");
    }
    server
}

impl Database {
    pub async fn create(server: &str, what: &str) -> Self {
        let name = format!("wagroups_bench_{}_{what}", std::process::id());
        let mut admin = PgConnection::connect(server).await.expect("the server");
        let create = format!("CREATE DATABASE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.expect("made");
        let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
        Self { url: format!("{base}/{name}"), name, admin }
    }

    pub async fn drop(mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&mut self.admin).await;
    }
}
