//! Who is who, over all groups of a session.
//!
//! WhatsApp names people by a hidden id or by a phone number, and reports now and then that both are one
//! person. What is learned in one group is true in all: reports are completed with it before they are
//! reduced, and groups that know the person under one name get the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{Notify, RwLock, RwLockReadGuard};

use crate::app::log::{self, WriteContent, WriteRequest};
use crate::app::{App, Call, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, Lid, ParticipantId, PhoneNumber, SessionName};
use crate::domain::page::{GroupFilter, GroupOrder, GroupQuery, MAX_PAGE_BYTES};
use crate::domain::participant::Account;
use crate::domain::port::repository::Alias;
use crate::domain::reducer::Observation;
use crate::pb;

/// Names that are kept in memory, over all sessions.
const MAX_KEPT: u64 = 200_000;
/// Another process may learn what this one remembers not to know.
const LIFETIME: Duration = Duration::from_secs(600);
/// Aliases that are spread in one go, and groups that are written at once.
const SPREAD_STEP: u32 = 100;
const WRITES: usize = 64;
/// After a failure.
const PAUSE: Duration = Duration::from_secs(5);

type Pair = (Lid, PhoneNumber);

#[derive(Debug)]
pub(in crate::app) struct Identities {
    /// The other name, or that none is known.
    other_names: moka::sync::Cache<(SessionName, ParticipantId), Option<ParticipantId>>,
    learned: Notify,
    /// Goes up with each pair that is learned, after it is stored.
    generation: AtomicU64,
    /// Held by reports from when they are completed until they are written. Once it was held for writing, all
    /// reports have ended that were completed without what was learned before.
    under_way: RwLock<()>,
}

impl Default for Identities {
    fn default() -> Self {
        let other_names =
            moka::sync::Cache::builder().max_capacity(MAX_KEPT).time_to_live(LIFETIME).build();
        Self {
            other_names,
            learned: Notify::new(),
            generation: AtomicU64::new(0),
            under_way: RwLock::new(()),
        }
    }
}

impl Identities {
    /// Goes up with each pair that this process learns.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

impl Inner {
    /// Learns who is who from the observations and from what is `taught` beside them, and gives those whom
    /// they name under one name the other. What is answered must be held until they are written.
    pub(super) async fn identify(
        &self,
        session: &SessionName,
        observations: &mut [Observation],
        taught: &[Pair],
        time: Timestamp,
    ) -> Result<RwLockReadGuard<'_, ()>> {
        let under_way = self.identities.under_way.read().await;
        let mut pairs: BTreeSet<Pair> = taught.iter().copied().collect();
        let mut names = BTreeSet::new();
        for account in observations.iter().flat_map(|observation| observation.change.accounts()) {
            match account.both_names() {
                Some(pair) => drop(pairs.insert(pair)),
                None => drop(names.insert(account.id())),
            }
        }
        names.extend(pairs.iter().map(|(lid, _)| ParticipantId::Lid(*lid)));
        let mut known = self.other_names(session, &names).await?;
        let is_new = |(lid, phone): &Pair| {
            known.get(&ParticipantId::Lid(*lid)) != Some(&ParticipantId::Phone(*phone))
        };
        let new: Vec<Pair> = pairs.into_iter().filter(is_new).collect();
        if !new.is_empty() {
            self.repository.learn_aliases(session, &new, time).await?;
            self.identities.generation.fetch_add(1, Ordering::AcqRel);
            for (lid, phone) in new {
                let (lid, phone) = (ParticipantId::Lid(lid), ParticipantId::Phone(phone));
                for name in [lid, phone] {
                    self.identities.other_names.invalidate(&(session.clone(), name));
                }
                known.insert(phone, lid);
                known.insert(lid, phone);
            }
            self.identities.learned.notify_one();
        }
        for observation in observations {
            observation.change.name_accounts(|account| match known.get(&account.id()) {
                Some(other) if account.both_names().is_none() => {
                    account.merged_with(&Account::new(*other))
                }
                _ => account,
            });
        }
        Ok(under_way)
    }

    async fn other_names(
        &self,
        session: &SessionName,
        names: &BTreeSet<ParticipantId>,
    ) -> Result<BTreeMap<ParticipantId, ParticipantId>> {
        let generation = self.identities.generation.load(Ordering::Acquire);
        let mut known = BTreeMap::new();
        let mut missing = Vec::new();
        for name in names {
            match self.identities.other_names.get(&(session.clone(), *name)) {
                Some(Some(other)) => drop(known.insert(*name, other)),
                Some(None) => {}
                None => missing.push(*name),
            }
        }
        if missing.is_empty() {
            return Ok(known);
        }
        // The latest comes last: a phone number belongs to its latest owner.
        for (lid, phone) in self.repository.aliases(session, &missing).await? {
            let (lid, phone) = (ParticipantId::Lid(lid), ParticipantId::Phone(phone));
            known.insert(lid, phone);
            known.insert(phone, lid);
        }
        for name in missing {
            let other = known.get(&name).copied();
            let key = (session.clone(), name);
            self.identities.other_names.insert(key.clone(), other);
            // What was read may be older than what was learned meanwhile.
            if self.identities.generation.load(Ordering::Acquire) != generation {
                self.identities.other_names.invalidate(&key);
            }
        }
        Ok(known)
    }

    /// Writes both names to the groups in which the person is, under either name.
    async fn spread(&self, alias: &Alias) -> Result<()> {
        let Alias { session, lid, phone } = alias;
        let Ok(engine) = self.sessions.directory.get(session).map(|session| session.engine) else {
            // It was deleted, and retention forgets its aliases.
            return Ok(self.repository.spread_alias(alias).await?);
        };
        let mut groups = BTreeSet::new();
        for name in [ParticipantId::Lid(*lid), ParticipantId::Phone(*phone)] {
            groups.extend(self.groups_of(session, Some(name)).await?);
        }
        let groups: Vec<GroupId> = groups.into_iter().collect();
        for groups in groups.chunks(WRITES) {
            let writes = groups.iter().map(|group_id| {
                let content = WriteContent::Identities(log::Identities {
                    group_id: group_id.clone(),
                    aliases: vec![(*lid, *phone)],
                    rewrites: false,
                });
                self.log.write(WriteRequest { session: session.clone(), engine, content })
            });
            futures::future::try_join_all(writes).await?;
        }
        Ok(self.repository.spread_alias(alias).await?)
    }

    /// The other name of somebody in a group, where that group knows it: most are learned with the whole group.
    async fn other_name_of_member(
        &self,
        session: &SessionName,
        name: ParticipantId,
    ) -> Result<Option<ParticipantId>> {
        let filter = GroupFilter { member: Some(name), ..GroupFilter::default() };
        let query = GroupQuery { session: session.clone(), filter, order: GroupOrder::default() };
        let page = self.repository.list_groups(&query, None, 1, MAX_PAGE_BYTES, true).await?;
        let Some((_, participants)) = page.groups.into_iter().find_map(|stored| stored.state)
        else {
            return Ok(None);
        };
        let group = pb::Group::decode(participants).map_err(Error::internal)?;
        let text = name.to_string();
        let other = group.participants.iter().find_map(|member| {
            let names = [&member.id, &member.lid, &member.phone_number_id];
            let is_meant = names.contains(&&text);
            is_meant.then(|| names.into_iter().find(|other| !other.is_empty() && **other != text))
        });
        let other = other.flatten();
        other.map(|other| other.parse()).transpose().map_err(Error::internal)
    }
}

/// The account's other name, where this is one of them.
fn other_of(account: Account, name: ParticipantId) -> Option<ParticipantId> {
    let (lid, phone) = account.both_names()?;
    let (lid, phone) = (ParticipantId::Lid(lid), ParticipantId::Phone(phone));
    match name {
        name if name == lid => Some(phone),
        name if name == phone => Some(lid),
        _ => None,
    }
}

impl App {
    /// The other name of a person, where the session knows it.
    pub async fn other_name(
        &self,
        call: &Call,
        session: &SessionName,
        name: ParticipantId,
    ) -> Result<Option<ParticipantId>> {
        call.caller.authorize(session)?;
        let account = self.inner.sessions.directory.get(session)?.account;
        let known = self.inner.other_names(session, &BTreeSet::from([name])).await?;
        if let Some(other) = known.get(&name) {
            return Ok(Some(*other));
        }
        match account.and_then(|account| other_of(account, name)) {
            Some(other) => Ok(Some(other)),
            None => self.inner.other_name_of_member(session, name).await,
        }
    }

    /// Writes to all groups what was learned in one, until the service stops. What a crash leaves undone is
    /// taken up at the next start.
    pub async fn spread_aliases(&self) {
        let inner = &self.inner;
        loop {
            let spread = async {
                let aliases = inner.repository.aliases_to_spread(SPREAD_STEP).await?;
                // Groups that are being written without them must be seen, or they would never know.
                drop(inner.identities.under_way.write().await);
                for alias in &aliases {
                    inner.spread(alias).await?;
                }
                Ok::<_, Error>(aliases.len())
            };
            let wait = async {
                match spread.await {
                    Ok(0) => inner.identities.learned.notified().await,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, cause = error.cause(), "an alias could not be spread");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            };
            tokio::select! {
                () = wait => {}
                () = inner.lifecycle.draining.cancelled() => return,
            }
        }
    }
}
