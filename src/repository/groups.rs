//! Groups as the log folds to them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sea_orm::FromQueryResult;

use super::SeaRepository;
use super::group_list::{self, Extent, PageRow, SNAPSHOT};
use super::log::KEYS_PER_QUERY;
use super::rows::{GroupRow, parsed, unsigned};
use super::sql::{Sql, padded};
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::id::{GroupId, SessionName};
use crate::domain::page::{GroupCursor, GroupFilter, GroupOrder, GroupQuery};
use crate::domain::port::repository::{GroupCount, GroupPage, GroupStore, Result, StoredGroup};

#[derive(FromQueryResult)]
struct CountRow {
    count: i64,
    synced_time: Option<i64>,
    session_sequence: Option<i64>,
}

#[derive(FromQueryResult)]
struct SourceRow {
    session: String,
    source_id: String,
}

#[async_trait]
impl GroupStore for SeaRepository {
    async fn load_groups(&self, keys: &[(SessionName, GroupId)]) -> Result<Vec<StoredGroup>> {
        let mut groups = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_PER_QUERY) {
            let keys = keys
                .iter()
                .map(|(session, id)| vec![session.as_str().into(), id.as_str().into()])
                .collect();
            let sql = Sql::new("SELECT ")
                .push(GroupRow::COLUMNS)
                .push(", g.facts AS facts, g.participants AS participants FROM groups g WHERE (g.session, g.id) IN (VALUES ")
                .bind_rows(padded(keys))
                .push(")");
            for row in self.read_all::<GroupRow>(sql).await? {
                groups.extend(row.group()?);
            }
        }
        Ok(groups)
    }

    async fn load_view(&self, session: &SessionName, group_id: &GroupId) -> Result<GroupPage> {
        let sql = Sql::new("SELECT ")
            .push(SNAPSHOT)
            .push(", CAST(1 AS bigint) AS following, g.subject AS subject, g.create_time AS create_time, ")
            .push(GroupRow::COLUMNS)
            .push(", CAST(NULL AS bytea) AS facts, g.participants AS participants ")
            .push("FROM log_head h LEFT JOIN sessions s ON s.name = ")
            .bind(session.as_str())
            .push(" AND s.deleted_time = 0 LEFT JOIN groups g ON g.session = s.name AND g.id = ")
            .bind(group_id.as_str())
            .push(" AND g.present = TRUE WHERE h.id = 1");
        let query = GroupQuery {
            session: session.clone(),
            filter: GroupFilter::default(),
            order: GroupOrder::default(),
        };
        group_list::page(&query, self.read_all::<PageRow>(sql).await?)
    }

    async fn list_groups(
        &self,
        query: &GroupQuery,
        cursor: Option<&GroupCursor>,
        limit: u32,
        max_bytes: usize,
        full: bool,
    ) -> Result<GroupPage> {
        let sql = group_list::page_statement(query, cursor, Extent { limit, max_bytes, full })?;
        group_list::page(query, self.read_all::<PageRow>(sql).await?)
    }

    async fn count_groups(&self, query: &GroupQuery) -> Result<GroupCount> {
        let sql = Sql::new(
            "SELECT c.count AS count, c.synced_time AS synced_time, (SELECT s.sequence FROM sessions s \
             WHERE s.name = ",
        )
        .bind(query.session.as_str())
        .push(" AND s.deleted_time = 0) AS session_sequence FROM (SELECT count(*) AS count, ")
        .push("min(g.synced_time) AS synced_time FROM groups g WHERE ");
        let sql = group_list::filter(sql, query).push(") c");
        let Some(row) = self.read_one::<CountRow>(sql).await? else {
            return Ok(GroupCount {
                count: 0,
                session_sequence: Sequence::ZERO,
                synced_time: None,
            });
        };
        Ok(GroupCount {
            count: unsigned("groups", row.count)?,
            session_sequence: unsigned("sessions.sequence", row.session_sequence.unwrap_or(0))?,
            synced_time: row.synced_time.map(Timestamp::from_micros),
        })
    }

    async fn known_source_ids(
        &self,
        ids: &[(SessionName, String)],
    ) -> Result<BTreeSet<(SessionName, String)>> {
        let mut known = BTreeSet::new();
        for ids in ids.chunks(KEYS_PER_QUERY) {
            let keys = ids
                .iter()
                .map(|(session, id)| vec![session.as_str().into(), id.as_str().into()])
                .collect();
            let sql = Sql::new(
                "SELECT session, source_id FROM source_ids WHERE (session, source_id) IN (VALUES ",
            )
            .bind_rows(padded(keys))
            .push(")");
            for row in self.read_all::<SourceRow>(sql).await? {
                known.insert((parsed("source_ids.session", &row.session)?, row.source_id));
            }
        }
        Ok(known)
    }
}
