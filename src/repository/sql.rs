//! Statements in SQL text that both databases understand: parameters are `$1`, `$2`, …

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use super::limit::in_transaction;

/// Rows that one INSERT takes. Few different sizes make few different statements, which the
/// connection keeps prepared; the largest stays far below SQLite's 32,766 parameters.
const ROWS_PER_INSERT: [usize; 3] = [64, 8, 1];

/// A statement that grows with what is asked for.
#[derive(Debug, Clone)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds the next parameter.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Adds `($1, $2), ($3, $4)`: rows for VALUES, or with one column, in effect a list.
    pub fn bind_rows(mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        for (i, row) in rows.into_iter().enumerate() {
            self = self.push(if i == 0 { "(" } else { ", (" });
            for (j, value) in row.into_iter().enumerate() {
                self = self.push(if j == 0 { "" } else { ", " }).bind(value);
            }
            self = self.push(")");
        }
        self
    }

    pub fn on(self, backend: DbBackend) -> Statement {
        Statement::from_sql_and_values(backend, self.text, self.values)
    }
}

/// Pads keys to look up to the next power of two by repeating the last one, so that lists of any
/// length make a handful of prepared statements instead of one for each length.
pub(super) fn padded(mut keys: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    if let Some(last) = keys.last().cloned() {
        keys.resize(keys.len().next_power_of_two(), last);
    }
    keys
}

/// Runs `INSERT INTO … VALUES rows suffix` for all rows.
pub(super) async fn insert_rows(
    transaction: &DatabaseTransaction,
    insert: &str,
    rows: Vec<Vec<Value>>,
    suffix: &str,
) -> Result<(), DbErr> {
    let mut rows = rows.into_iter();
    for size in ROWS_PER_INSERT {
        while rows.len() >= size {
            let sql =
                Sql::new(insert).push(" VALUES ").bind_rows(rows.by_ref().take(size)).push(suffix);
            let backend = transaction.get_database_backend();
            in_transaction(backend, transaction.execute_raw(sql.on(backend))).await?;
        }
    }
    Ok(())
}

/// Positions, sequences and the like: the databases have signed numbers only.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_in_the_order_in_which_they_were_bound() {
        let sql = Sql::new("SELECT 1 WHERE a = ")
            .bind(7_i64)
            .push(" AND (b, c) IN (VALUES ")
            .bind_rows([vec!["x".into(), "y".into()], vec!["z".into(), "w".into()]])
            .push(")");
        assert_eq!(sql.text, "SELECT 1 WHERE a = $1 AND (b, c) IN (VALUES ($2, $3), ($4, $5))");
        assert_eq!(sql.values.len(), 5);
    }

    #[test]
    fn key_lists_have_few_lengths() {
        let lengths = |n: i64| padded((0..n).map(|i| vec![i.into()]).collect()).len();
        assert_eq!([0, 1, 2, 3, 5, 200].map(lengths), [0, 1, 2, 4, 8, 256]);
    }
}
