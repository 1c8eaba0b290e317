//! The few kinds of column that the schema is made of, and where the databases differ.
//!
//! There are no NULLs: '' and 0 stand for "none". Times are microseconds since 1970.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

pub(super) struct Schema<'a> {
    pub manager: &'a SchemaManager<'a>,
    backend: DbBackend,
}

impl<'a> Schema<'a> {
    pub fn new(manager: &'a SchemaManager<'a>) -> Self {
        Self { manager, backend: manager.get_database_backend() }
    }

    /// A text that compares by its bytes. SQLite's always do; PostgreSQL's would follow the
    /// locale of the database, and lists would come in another order on each installation.
    pub fn text(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.text().not_null();
        if self.backend == DbBackend::Postgres {
            column.extra("COLLATE \"C\"");
        }
        column
    }

    pub fn number(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.big_integer().not_null();
        column
    }

    /// A number that is the table's key. In SQLite only an `integer` key is the row's own id; a
    /// `bigint` one would have an index beside the table.
    pub fn number_key(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        match self.backend {
            DbBackend::Sqlite => column.integer(),
            _ => column.big_integer(),
        };
        column.not_null().primary_key();
        column
    }

    pub fn code(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.small_integer().not_null();
        column
    }

    pub fn flag(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        column.boolean().not_null();
        column
    }

    pub fn bytes(&self, name: &'static str) -> ColumnDef {
        let mut column = ColumnDef::new(name);
        match self.backend {
            DbBackend::Postgres => column.custom("bytea"),
            _ => column.blob(),
        };
        column.not_null();
        column
    }

    pub async fn create_table(
        &self,
        table: &'static str,
        columns: Vec<ColumnDef>,
        key: &[&'static str],
    ) -> Result<(), DbErr> {
        self.manager.create_table(table_of(table, columns, key)).await
    }

    /// A table whose rows are little more than their key. SQLite keeps them in the key's index.
    pub async fn create_narrow_table(
        &self,
        table: &'static str,
        columns: Vec<ColumnDef>,
        key: &[&'static str],
    ) -> Result<(), DbErr> {
        let mut statement = table_of(table, columns, key);
        if self.backend == DbBackend::Sqlite {
            statement.extra("WITHOUT ROWID");
        }
        self.manager.create_table(statement).await
    }

    pub async fn create_index(
        &self,
        name: &'static str,
        table: &'static str,
        columns: &[&'static str],
    ) -> Result<(), DbErr> {
        self.manager.create_index(index_of(name, table, columns)).await
    }

    pub async fn create_unique_index(
        &self,
        name: &'static str,
        table: &'static str,
        columns: &[&'static str],
    ) -> Result<(), DbErr> {
        let mut index = index_of(name, table, columns);
        index.unique();
        self.manager.create_index(index).await
    }

    pub async fn execute(&self, sql: &str) -> Result<(), DbErr> {
        self.manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    /// Has PostgreSQL refuse these writes (`INSERT OR UPDATE OR DELETE`) where somebody else holds the lease.
    pub async fn fence(&self, table: &str, writes: &str) -> Result<(), DbErr> {
        if self.backend != DbBackend::Postgres {
            return Ok(());
        }
        let fence = format!(
            "CREATE TRIGGER fence BEFORE {writes} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION wagroups_fence()"
        );
        self.execute(&fence).await
    }

    /// A random 64-bit number, drawn by the database itself.
    pub fn random_number(&self) -> &'static str {
        random_number(self.backend)
    }
}

/// An expression for a random 64-bit number.
pub(in crate::repository) fn random_number(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "('x' || substr(md5(gen_random_uuid()::text), 1, 16))::bit(64)::bigint"
        }
        _ => "random()",
    }
}

fn table_of(
    table: &'static str,
    columns: Vec<ColumnDef>,
    key: &[&'static str],
) -> TableCreateStatement {
    let mut statement = Table::create();
    statement.table(table);
    for column in columns {
        statement.col(column);
    }
    if !key.is_empty() {
        let mut index = Index::create();
        for column in key {
            index.col(*column);
        }
        statement.primary_key(&mut index);
    }
    statement
}

fn index_of(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}
