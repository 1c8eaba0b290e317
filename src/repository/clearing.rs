//! What is left of a deleted session, and how it is removed.
//!
//! A session may have millions of rows, more than a statement can remove in the time it has. So the commit that
//! deletes a session only marks it, and no reader sees its groups from then on; its rows go in steps.

use sea_orm::DbBackend;

use super::sql::Sql;
use crate::domain::id::SessionName;

/// Rows of one table that one step removes where the caller sets no limit.
pub(super) const ROWS: u32 = 1000;

/// The tables that hold rows of sessions, with their keys. Request ids and the log outlive a session.
pub(super) const TABLES: [(&str, &str); 4] = [
    ("groups", "session, id"),
    ("group_members", "session, member, group_id"),
    ("source_ids", "session, source_id"),
    ("spellings", "session, asked"),
];

/// One step in one table. It looks at the session in the same statement: should another process take the name up
/// meanwhile, rows of the new session are none that this one has chosen.
pub(super) fn step(
    backend: DbBackend,
    table: &str,
    key: &str,
    session: &SessionName,
    limit: u32,
) -> Sql {
    let sql =
        Sql::new(&format!("WITH old AS MATERIALIZED (SELECT {key} FROM {table} WHERE session = "))
            .bind(session.as_str())
            .push(" AND EXISTS (SELECT 1 FROM sessions s WHERE s.name = ")
            .bind(session.as_str())
            .push(&format!(" AND s.deleted_time <> 0) ORDER BY {key} LIMIT "))
            .bind(i64::from(limit));
    // In the order of their key, so that two that clear the same session cannot deadlock. The second waits for
    // the first, since what that one has not committed may still stay.
    let sql = match backend {
        DbBackend::Postgres => sql.push(" FOR UPDATE"),
        _ => sql,
    };
    sql.push(&format!(") DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM old)"))
}

/// Asks each table by its key: a join may read a table of millions of rows to find none.
pub(super) fn uncleared(limit: u32) -> Sql {
    let left: Vec<String> = TABLES
        .iter()
        .map(|(table, _)| {
            format!("(SELECT 1 FROM {table} t WHERE t.session = s.name LIMIT 1) IS NOT NULL")
        })
        .collect();
    let left = left.join(" OR ");
    Sql::new(&format!(
        "SELECT s.name AS name FROM sessions s WHERE s.deleted_time <> 0 AND ({left}) ORDER BY s.name LIMIT "
    ))
    .bind(i64::from(limit))
}
