//! Lists of groups. A page, the session's sequence and the log's head come from one statement.

use sea_orm::FromQueryResult;

use super::rows::{GroupRow, corrupt, role_code, unsigned};
use super::sql::{Sql, number};
use crate::domain::page::{CursorKey, GroupCursor, GroupFilter, GroupQuery, OrderKey};
use crate::domain::port::repository::{GroupPage, Result};

/// How far a page may go, and what it holds of each group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub limit: u32,
    pub max_bytes: usize,
    pub full: bool,
}

#[derive(FromQueryResult)]
pub(super) struct PageRow {
    session_sequence: i64,
    head: i64,
    /// How many groups follow the cursor, counted up to one more than the limit.
    following: Option<i64>,
    subject: Option<String>,
    create_time: Option<i64>,
    #[sea_orm(nested)]
    group: GroupRow,
}

/// The statement of one page.
///
/// Its innermost part walks an index to at most one group more than asked for, and looks at sizes
/// only; what fits is then joined to its content.
pub(super) fn page_statement(
    query: &GroupQuery,
    cursor: Option<&GroupCursor>,
    extent: Extent,
) -> Result<Sql> {
    let descending = if query.order.descending { " DESC" } else { "" };
    let key = key_column(query.order.key);
    let (size, participants) = if extent.full {
        ("length(g.basic) + length(g.participants)", "g.participants")
    } else {
        ("length(g.basic)", "CAST(NULL AS bytea)")
    };
    let order = match key {
        None => format!("c.id{descending}"),
        Some(_) => format!("c.sort_key{descending}, c.id{descending}"),
    };
    let sort_key = key.unwrap_or("id");

    let mut sql = Sql::new("SELECT ")
        .push(SNAPSHOT)
        .push(", p.following AS following, g.subject_folded AS subject, g.create_time AS create_time, ")
        .push(GroupRow::COLUMNS)
        .push(", CAST(NULL AS bytea) AS facts, ")
        .push(participants)
        .push(" AS participants FROM log_head h LEFT JOIN sessions s ON s.name = ")
        .bind(query.session.as_str())
        .push(" AND s.deleted_time = 0 LEFT JOIN (SELECT m.id, m.nth, m.following FROM (SELECT c.id, ")
        .push(&format!("row_number() OVER (ORDER BY {order}) AS nth, "))
        .push(&format!("sum(c.size) OVER (ORDER BY {order}) - c.size AS bytes_before, "))
        .push("count(*) OVER () AS following FROM (SELECT g.id AS id, ")
        .push(&format!("g.{sort_key} AS sort_key, {size} AS size FROM groups g WHERE "));
    sql = filter(sql, query);
    sql = after(sql, query, cursor)?;
    sql = sql
        .push(&format!(" ORDER BY g.{sort_key}{descending}, g.id{descending} LIMIT "))
        .bind(i64::from(extent.limit) + 1)
        .push(") c) m WHERE m.nth <= ")
        .bind(i64::from(extent.limit))
        .push(" AND (m.nth = 1 OR m.bytes_before < ")
        .bind(number(extent.max_bytes as u64))
        .push(")) p ON TRUE LEFT JOIN groups g ON g.session = ")
        .bind(query.session.as_str())
        .push(" AND g.id = p.id WHERE h.id = 1 ORDER BY p.nth");
    Ok(sql)
}

/// Where the session and the log stood when a group was read.
pub(super) const SNAPSHOT: &str = "coalesce(s.sequence, 0) AS session_sequence, h.position AS head";

/// The conditions of a query on `groups g`; only groups that we are in, of a session that exists.
pub(super) fn filter(sql: Sql, query: &GroupQuery) -> Sql {
    let GroupFilter { subject_contains, member, my_roles, changed_after_sequence } = &query.filter;
    let mut sql =
        sql.push("g.session = ").bind(query.session.as_str()).push(" AND g.present = TRUE");
    sql = sql
        .push(" AND EXISTS (SELECT 1 FROM sessions e WHERE e.name = ")
        .bind(query.session.as_str())
        .push(" AND e.deleted_time = 0)");
    if let Some(text) = subject_contains {
        sql = sql
            .push(" AND g.subject_folded LIKE ")
            .bind(contains_pattern(text))
            .push(" ESCAPE '\\'");
    }
    if let Some(member) = member {
        sql = sql
            .push(" AND g.id IN (SELECT m.group_id FROM group_members m WHERE m.session = ")
            .bind(query.session.as_str())
            .push(" AND m.member = ")
            .bind(member.to_string())
            .push(")");
    }
    if !my_roles.is_empty() {
        let codes = my_roles.iter().map(|role| vec![role_code(Some(*role)).into()]);
        sql = sql.push(" AND g.my_role IN (VALUES ").bind_rows(codes).push(")");
    }
    if let Some(sequence) = changed_after_sequence {
        sql = sql.push(" AND g.sequence > ").bind(sequence.as_i64());
    }
    sql
}

/// The pattern for texts that contain `text`, whatever characters it has.
fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// What groups are sorted by before their id; `None` where the id is all.
fn key_column(key: OrderKey) -> Option<&'static str> {
    match key {
        OrderKey::Id => None,
        OrderKey::Subject => Some("subject_folded"),
        OrderKey::CreateTime => Some("create_time"),
        OrderKey::MemberCount => Some("member_count"),
    }
}

fn after(sql: Sql, query: &GroupQuery, cursor: Option<&GroupCursor>) -> Result<Sql> {
    let Some(cursor) = cursor else { return Ok(sql) };
    let beyond = if query.order.descending { "<" } else { ">" };
    let Some(column) = key_column(query.order.key) else {
        return Ok(sql.push(&format!(" AND g.id {beyond} ")).bind(cursor.id.as_str()));
    };
    let sql = sql.push(&format!(" AND (g.{column}, g.id) {beyond} ("));
    let sql = match (query.order.key, &cursor.key) {
        (OrderKey::Subject, CursorKey::Text(text)) => sql.bind(text.as_str()),
        (OrderKey::CreateTime | OrderKey::MemberCount, CursorKey::Number(number)) => {
            sql.bind(*number)
        }
        (_, key) => return Err(corrupt("the cursor of a list", format_args!("{key:?}"))),
    };
    Ok(sql.push(", ").bind(cursor.id.as_str()).push(")"))
}

/// The page that the rows of [`page_statement`] make.
pub(super) fn page(query: &GroupQuery, rows: Vec<PageRow>) -> Result<GroupPage> {
    let Some(first) = rows.first() else {
        return Err(corrupt("log_head", "no row"));
    };
    let mut page = GroupPage {
        groups: Vec::with_capacity(rows.len()),
        next: None,
        session_sequence: unsigned("sessions.sequence", first.session_sequence)?,
        head: unsigned("log_head.position", first.head)?,
    };
    let following = unsigned("groups", first.following.unwrap_or(0))?;
    let mut last_key = CursorKey::None;
    for row in rows {
        let Some(group) = row.group.group()? else { continue };
        last_key = match query.order.key {
            OrderKey::Id => CursorKey::None,
            OrderKey::Subject => CursorKey::Text(row.subject.unwrap_or_default()),
            OrderKey::CreateTime => CursorKey::Number(row.create_time.unwrap_or_default()),
            OrderKey::MemberCount => CursorKey::Number(i64::from(group.member_count)),
        };
        page.groups.push(group);
    }
    if (page.groups.len() as u64) < following {
        page.next =
            page.groups.last().map(|last| GroupCursor { key: last_key, id: last.id.clone() });
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_has_no_wildcards() {
        assert_eq!(contains_pattern("100%_\\Ä"), "%100\\%\\_\\\\ä%");
    }
}
