//! Groups and members, read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::event::Field;
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::operation::{
    EngineError, FetchAll, FetchGroup, FetchedGroup, OperationName, Outcome, Result, Snapshot,
};
use crate::domain::participant::{Account, Participant};
use crate::domain::reason::Reason;
use crate::domain::reconcile;
use crate::engine::waha::native::{self, Seen};
use crate::engine::waha::routed_session::{RoutedSession, Serve};
use crate::engine::waha::server::Answer;
use crate::engine::waha::webhook::WahaEngine;

/// A group of which a server knows nothing yet is no better known a moment later.
const BLANK_REST: Duration = Duration::from_secs(60);

impl RoutedSession {
    /// The group as the server has it.
    pub(super) async fn fetch(&self, group_id: &GroupId) -> Result<FetchedGroup> {
        let seen = match self.info.engine {
            WahaEngine::Noweb => self.fetch_listed(group_id).await?,
            WahaEngine::Gows | WahaEngine::Webjs | WahaEngine::Wpp => self.see(group_id).await?,
        };
        let seen = match seen {
            Some(seen) if lists_nobody(&seen) && self.info.engine != WahaEngine::Noweb => {
                match self.members(group_id).await {
                    Ok(members) => Some(with_members(seen, members)),
                    Err(_) => Some(seen),
                }
            }
            seen => seen,
        };
        let seen = seen.filter(|seen| is_in(&seen.group, self.me.as_ref()));
        if seen.as_ref().is_some_and(is_blank) {
            // Taken as it is, it would remove the name and all members.
            // A server can be without them for days.
            let unread = self.server.unavailable("knows too little of the group yet");
            return Err(EngineError::not_sent(unread.retry_after(BLANK_REST)));
        }
        Ok(match seen {
            Some(Seen { group, unreported }) => {
                FetchedGroup { group: Some(group), unreported, stamp: None }
            }
            None => FetchedGroup { group: None, unreported: Vec::new(), stamp: None },
        })
    }

    async fn see(&self, group_id: &GroupId) -> Result<Option<Seen>> {
        let ask = self.get(OperationName::FetchGroup, &[group_id.as_str()]);
        match self.server.ask(ask).await {
            Ok(Answer::Json(object)) => {
                let seen = native::group(self.info.engine, &object, self.now);
                seen.map(Some).ok_or_else(|| self.unread("answers no group"))
            }
            // A browser answers an unknown group with an empty body.
            Ok(Answer::Empty) if self.is_browser() => Ok(None),
            Ok(Answer::Empty | Answer::Text(_)) => Err(self.unread("answers no group")),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// NOWEB: from its list of all groups. A group that is newer than its store, that we may have left, or that is
    /// listed without members is also asked for these, which NOWEB always fetches; for the last, the list that showed
    /// it so is enough.
    async fn fetch_listed(&self, group_id: &GroupId) -> Result<Option<Seen>> {
        let listed = match self.take_memberless(group_id) {
            Some(memberless) => Some(memberless),
            None => self.list_anew().await?.get(group_id).cloned(),
        };
        let is_in_part = listed.as_ref().is_some_and(lists_nobody);
        let is_final =
            !self.info.keeps_left_groups() && (!is_in_part || !self.may_look_at_memberless_group());
        if let Some(seen) = listed.clone().filter(|_| is_final) {
            return Ok(Some(seen));
        }
        let Some(members) = self.fetched_members(group_id).await? else { return Ok(None) };
        let seen = listed.unwrap_or_else(|| {
            let unreported = Field::VALUED.into_iter().chain([Field::Picture]).collect();
            Seen { group: Group::partial(group_id.clone()), unreported }
        });
        Ok(Some(with_members(seen, members)))
    }

    /// The members as NOWEB fetches them; `None` where we are not among them.
    async fn fetched_members(&self, group_id: &GroupId) -> Result<Option<Vec<Participant>>> {
        let path = [group_id.as_str(), "participants"];
        match self.fetch_beside(self.read_members(&path)).await {
            Ok(members) => Ok(Some(members)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The members, by both names where the engine knows them; settles open results.
    pub(super) async fn members(&self, group_id: &GroupId) -> Result<Vec<Participant>> {
        let id = group_id.as_str();
        let members = if self.info.engine == WahaEngine::Noweb {
            match self.list_anew().await?.get(group_id) {
                Some(seen) if !lists_nobody(seen) => seen.group.participants().to_vec(),
                Some(_) | None => {
                    self.fetch_beside(self.read_members(&[id, "participants"])).await?
                }
            }
        } else if self.info.has_participants_v2() {
            self.read_members(&[id, "participants", "v2"]).await?
        } else {
            self.read_members(&[id, "participants"]).await?
        };
        // No group is without members: that nobody is listed says nothing of anybody.
        if members.is_empty() { Err(self.unread("lists no members")) } else { Ok(members) }
    }

    async fn read_members(&self, path: &[&str]) -> Result<Vec<Participant>> {
        let answer = self.server.ask(self.get(OperationName::FetchGroup, path)).await?;
        let listed = answer.json().filter(|value| value.is_array());
        let listed = listed.ok_or_else(|| self.unread("answers no members"))?;
        Ok(native::members(Some(listed)))
    }

    /// A 200 without the expected content: a page of a proxy, a store that is not filled.
    pub(in crate::engine::waha) fn unread(&self, what: &str) -> EngineError {
        EngineError::not_sent(self.server.unavailable(what))
    }

    /// The rows of the list of all groups.
    pub(in crate::engine::waha) async fn list(&self) -> Result<Vec<Seen>> {
        let body = self.server.ask_list(self.get(OperationName::FetchAll, &[])).await?;
        let is_cut = |error: serde_json::Error| {
            let unavailable = self.server.unavailable("answers a list that cannot be read");
            EngineError::not_sent(unavailable.caused_by(error))
        };
        let mut listed = Vec::new();
        let rows = rows(&body).map_err(is_cut)?;
        let is_empty = rows.is_empty();
        for row in rows {
            let object: Value = serde_json::from_str(row.get()).map_err(is_cut)?;
            listed.extend(native::group(self.info.engine, &object, self.now));
        }
        if listed.is_empty() && !is_empty {
            // `{"status":"maintenance"}` looks like NOWEB's map by id.
            return Err(self.unread("answers a list of something else"));
        }
        Ok(listed)
    }
}

impl Serve<FetchGroup> for RoutedSession {
    async fn serve(&self, query: &FetchGroup) -> Result<FetchedGroup> {
        self.fetch(&query.group_id).await
    }
}

impl Serve<FetchAll> for RoutedSession {
    async fn serve(&self, _: &FetchAll) -> Result<Snapshot> {
        let listed = match self.info.engine {
            WahaEngine::Noweb => self.list_anew().await?.values().cloned().collect(),
            WahaEngine::Gows | WahaEngine::Webjs | WahaEngine::Wpp => self.list().await?,
        };
        let mut groups = Vec::with_capacity(listed.len());
        let mut unreported = BTreeSet::new();
        for seen in listed {
            if !is_in(&seen.group, self.me.as_ref()) {
                // A browser keeps the chats of groups that we have left.
                continue;
            }
            // The missing fields of a partial row are not counted; a blank group is read alone.
            if !seen.group.partial {
                unreported.extend(seen.unreported);
            }
            groups.push(seen.group);
        }
        Ok(Snapshot {
            groups,
            unreported: unreported.into_iter().collect(),
            stamp: None,
            fetch_time: self.now,
            max_age: Duration::ZERO,
            has_left_groups: self.info.keeps_left_groups(),
        })
    }
}

/// An array, or NOWEB's map by id. Rows are read one by one: as values all at once they would take ten times
/// the memory of their text.
fn rows(body: &[u8]) -> serde_json::Result<Vec<&RawValue>> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {
            let map: BTreeMap<String, &RawValue> = serde_json::from_slice(body)?;
            Ok(map.into_values().collect())
        }
        None => Ok(Vec::new()),
        Some(_) => serde_json::from_slice(body),
    }
}

/// Whether the account is among the members, as far as is known: a list of hidden ids alone does not
/// show an account whose hidden id is not known.
fn is_in(group: &Group, me: Option<&Account>) -> bool {
    let Some(me) = me else { return true };
    if group.participants().is_empty() || group.participant(me).is_some() {
        return true;
    }
    // A list of a part of the members may be one without us.
    if group.counted().is_some() {
        return true;
    }
    let hides_us = |member: &Participant| member.account.phone().is_none();
    me.lid().is_none() && group.participants().iter().any(hides_us)
}

/// The group with members that were read apart: all there are, where it counts no more.
fn with_members(mut seen: Seen, members: Vec<Participant>) -> Seen {
    let is_all = |counted: u32| usize::try_from(counted).is_ok_and(|n| n <= members.len());
    if seen.group.counted().is_some_and(is_all) {
        seen.group.set_counted(None);
    }
    seen.group.set_participants(members);
    seen.group.partial = seen.group.is_half_known();
    seen
}

/// Whether the server tells nothing of the group's members, or only how many they are.
pub(super) fn lists_nobody(seen: &Seen) -> bool {
    seen.group.participants().is_empty()
}

/// Whether the server names the group and no more: no group is without both name and members.
fn is_blank(seen: &Seen) -> bool {
    if seen.unreported.contains(&Field::Subject) {
        return seen.group.participants().is_empty();
    }
    reconcile::is_blank(&seen.group)
}

/// Whether the refusal means that there is no such group for us.
fn is_absent(error: &EngineError) -> bool {
    error.outcome == Outcome::Rejected
        && matches!(
            error.error.reason(),
            Reason::GroupNotFound | Reason::NotGroupMember | Reason::NotGroupAdmin
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_an_array_or_a_map_or_nothing() {
        for (body, count) in [
            ("[]", 0),
            ("", 0),
            ("[{\"id\":1},{\"id\":2}]", 2),
            (" {\"1@g.us\":{\"id\":\"1@g.us\"}}", 1),
            ("{}", 0),
        ] {
            assert_eq!(rows(body.as_bytes()).unwrap().len(), count, "{body}");
        }
        for body in ["[{\"id\":1}", "{\"1@g.us\":{", "<html>"] {
            assert!(rows(body.as_bytes()).is_err(), "{body}");
        }
    }
}
