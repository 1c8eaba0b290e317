//! Everybody whom a session knows under both names, as a list.
//!
//! Most are learned with whole groups and stand in these alone, so that the list is made of all groups. It is kept for
//! a moment, as whoever reads it reads it in pages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;

use crate::app::{App, Call, Inner};
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::id::{Lid, ParticipantId, PhoneNumber, SessionName};
use crate::pb;

/// The most people that a session's list has; who comes later by hidden id is left out.
const MAX_PEOPLE: usize = 200_000;
/// Aliases that are read at once.
const ALIASES: u32 = 10_000;
const KEPT_FOR: Duration = Duration::from_secs(60);
/// People of all lists that are kept.
const MAX_KEPT: u64 = 1_000_000;

type Pair = (Lid, PhoneNumber);

/// The lists that were made lately.
#[derive(Debug)]
pub(in crate::app) struct KnownNames(moka::sync::Cache<SessionName, Made>);

/// A list, and what it was made of.
#[derive(Debug, Clone)]
struct Made {
    of: (Sequence, u64),
    people: Arc<Vec<Pair>>,
}

impl Default for KnownNames {
    fn default() -> Self {
        let weight = |_: &SessionName, made: &Made| {
            u32::try_from(made.people.len()).unwrap_or(u32::MAX).max(1)
        };
        let lists = moka::sync::Cache::builder().weigher(weight).max_capacity(MAX_KEPT);
        Self(lists.time_to_live(KEPT_FOR).build())
    }
}

impl App {
    /// At most `limit` of those whom the session knows under both names, by hidden id, after so many of them.
    pub async fn known_names(
        &self,
        call: &Call,
        session: &SessionName,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<Pair>> {
        let people = self.everybody(call, session).await?;
        Ok(people.iter().skip(offset).take(limit).copied().collect())
    }

    /// How many the session knows under both names.
    pub async fn count_known_names(&self, call: &Call, session: &SessionName) -> Result<usize> {
        Ok(self.everybody(call, session).await?.len())
    }

    async fn everybody(&self, call: &Call, session: &SessionName) -> Result<Arc<Vec<Pair>>> {
        call.caller.authorize(session)?;
        let inner = &self.inner;
        inner.sessions.directory.get(session)?;
        // Before anything is read, so that what comes meanwhile makes it anew.
        let of = (inner.log.sequence(session), inner.identities.generation());
        if let Some(made) = inner.known_names.0.get(session).filter(|made| made.of == of) {
            return Ok(made.people);
        }
        let people: Vec<Pair> = inner.collect_names(session).await?.into_iter().collect();
        let people = Arc::new(people);
        inner.known_names.0.insert(session.clone(), Made { of, people: people.clone() });
        Ok(people)
    }
}

impl Inner {
    async fn collect_names(&self, session: &SessionName) -> Result<BTreeMap<Lid, PhoneNumber>> {
        let mut people = BTreeMap::new();
        self.each_group(session, true, |stored| {
            let Some((_, participants)) = stored.state else { return Ok(()) };
            let group = pb::Group::decode(participants).map_err(Error::internal)?;
            people.extend(group.participants.iter().filter_map(both_names));
            while people.len() > MAX_PEOPLE {
                people.pop_last();
            }
            Ok(())
        })
        .await?;
        // What was learned beside a group is the latest.
        let mut offset = 0;
        while people.len() < MAX_PEOPLE {
            let learned = self.repository.list_aliases(session, offset, ALIASES).await?;
            let is_last = learned.len() < ALIASES as usize;
            people.extend(learned);
            if is_last {
                break;
            }
            offset += u64::from(ALIASES);
        }
        Ok(people)
    }
}

fn both_names(member: &pb::Participant) -> Option<Pair> {
    let names = [&member.id, &member.lid, &member.phone_number_id];
    let names = names.into_iter().filter_map(|name| name.parse::<ParticipantId>().ok());
    let (mut lid, mut phone) = (None, None);
    for name in names {
        lid = lid.or(name.lid());
        phone = phone.or(name.phone());
    }
    lid.zip(phone)
}
