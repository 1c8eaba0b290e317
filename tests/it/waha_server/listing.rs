//! The list of groups: sorted, paged and cached as each engine does it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use wagroups::domain::group::Group;
use wagroups::domain::operation::{EngineCall, FetchAll, Perform};
use wagroups::engine::waha::webhook::WahaEngine;

use super::lookups::Desk;
use super::reply::{Answer, Problem, Reply};
use super::{WahaServer, events, version};

impl WahaServer {
    /// NOWEB's store forgot no group that was left, and listed it on.
    pub(super) fn keeps_left_groups(&self) -> bool {
        self.options.engine == WahaEngine::Noweb
            && self.options.noweb_store
            && self.options.version() < version::HIDDEN_IDS
    }
}

impl Desk<'_> {
    /// All groups, as this engine has them.
    pub async fn groups(&self) -> Result<Vec<Group>, Problem> {
        let fetched = self
            .simulator()
            .perform(EngineCall::of_query(&self.session.simulated), &FetchAll {})
            .await;
        let fetched = match fetched {
            Ok(snapshot) => snapshot.groups,
            Err(error) => match self.refused(error.into()) {
                Err(problem) => return Err(problem),
                // WEBJS words it as if it were an answer, of which a list can be nothing but empty.
                Ok(_) => Vec::new(),
            },
        };
        let mut groups: Vec<Group> =
            fetched.into_iter().map(|group| self.as_synced(group)).collect();
        // With its store NOWEB answers from what events have told.
        if self.engine() == WahaEngine::Noweb && !self.server.options.noweb_store {
            self.note_full_fetch(&groups);
        }
        if self.server.keeps_left_groups() {
            let left = self.server.left_behind.lock().expect("the left groups");
            let left = left.iter().filter(|(session, _)| *session == self.session.name);
            groups.extend(left.map(|(_, group)| group.clone()));
        }
        Ok(groups)
    }

    /// NOWEB has fetched all groups, and Baileys tells of every one.
    pub fn note_full_fetch(&self, groups: &[Group]) {
        self.server.full_fetches.fetch_add(1, Ordering::Relaxed);
        for group in groups {
            let payload = events::refetched(group, self.server.now());
            self.server.emit(self.session, "group.v2.update", payload);
        }
    }

    /// Has NOWEB fetch all groups anew. The others are live, and say yes.
    pub async fn refresh(&self) -> Answer {
        if self.engine() == WahaEngine::Noweb {
            let groups = self.groups().await?;
            if self.server.options.noweb_store {
                self.note_full_fetch(&groups);
            }
        }
        Ok(Reply::json(&json!({ "success": true })))
    }

    pub async fn list(&self) -> Answer {
        let query = self.read_query()?;
        let mut groups = self.groups().await?;
        let dialect = self.dialect();
        if let Some(by) = query.sort_by
            && groups.iter().all(|group| dialect.sort_key(group, by).is_some())
        {
            groups.sort_by_cached_key(|group| dialect.sort_key(group, by));
            if query.is_descending {
                groups.reverse();
            }
        }
        let groups = self.page(groups, &query);
        let shown = groups.iter().map(|group| {
            let mut shown = dialect.group(&self.context(), group);
            if query.without_participants {
                dialect.without_participants(&mut shown);
            }
            (group.id.to_string(), shown)
        });
        Ok(match self.engine() {
            // The order of an object's keys is that of the list.
            WahaEngine::Noweb => {
                let rows = shown.map(|(id, group)| format!("{}:{group}", json!(id)));
                Reply::json_text(format!("{{{}}}", rows.collect::<Vec<_>>().join(",")))
            }
            WahaEngine::Gows | WahaEngine::Webjs | WahaEngine::Wpp => {
                Reply::json(&shown.map(|(_, group)| group).collect::<Value>())
            }
        })
    }

    /// NOWEB pages in its database, where 0 is 0; the others in memory, where 0 is no limit, and no limit is
    /// no offset either.
    fn page(&self, groups: Vec<Group>, query: &Query<'_>) -> Vec<Group> {
        let pages = match self.engine() {
            WahaEngine::Noweb => query.limit.is_some() || query.offset.is_some(),
            WahaEngine::Gows | WahaEngine::Webjs | WahaEngine::Wpp => {
                query.limit.is_some_and(|limit| limit > 0)
            }
        };
        if !pages {
            return groups;
        }
        let limit = query.limit.unwrap_or(usize::MAX);
        groups.into_iter().skip(query.offset.unwrap_or(0)).take(limit).collect()
    }

    fn read_query(&self) -> Result<Query<'_>, Problem> {
        let mut problems: Vec<String> = Vec::new();
        let sort_by = self.call.query("sortBy");
        if sort_by.is_some_and(|by| !["id", "subject"].contains(&by)) {
            problems.push("sortBy must be one of the following values: id, subject".to_owned());
        }
        let mut number = |name: &str| {
            let text = self.call.query(name)?;
            let number = text.parse().ok();
            if number.is_none() {
                problems.push(format!(
                    "{name} must be a number conforming to the specified constraints"
                ));
            }
            number
        };
        let (limit, offset) = (number("limit"), number("offset"));
        let excluded: Vec<&str> = self.call.queries("exclude").collect();
        if excluded.iter().any(|what| !["", "participants"].contains(what)) {
            problems.push(
                "each value in exclude must be one of the following values: , participants".into(),
            );
        }
        if !problems.is_empty() {
            let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
            return Err(Problem::bad_request(&problems));
        }
        Ok(Query {
            sort_by,
            is_descending: self.call.query("sortOrder") == Some("desc"),
            limit,
            offset,
            without_participants: excluded.contains(&"participants"),
        })
    }
}

struct Query<'a> {
    sort_by: Option<&'a str>,
    is_descending: bool,
    limit: Option<usize>,
    offset: Option<usize>,
    without_participants: bool,
}
