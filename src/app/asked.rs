//! What WhatsApp was asked for and answered: kept for a while, and asked once for all who wait for it.
//!
//! A few reads must go out because the log does not hold their answer. Whoever asks for the same while
//! an answer is on its way shares it; later ones get the kept answer, until an event of the log says
//! that it has changed. An answer that such an event has overtaken is given to those who had asked
//! before and is not kept.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::timeout_at;

use super::groups::{ComparisonKey, Previews, Refreshed};
use super::report::Committed;
use super::{Call, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::EventType;
use crate::domain::id::{GroupId, InviteCode, SessionName};
use crate::domain::picture::GroupPicture;
use crate::domain::reason::Reason;

/// Answers that are kept of each kind.
const MAX_KEPT: u64 = 10_000;
/// How long an invite's preview is as good as a new one; the contract names it.
const PREVIEW_LIFETIME: Duration = Duration::from_secs(60);
/// Codes and pictures change by events, which can get lost: a day is long enough.
const LIFETIME: Duration = Duration::from_hours(24);

type GroupKey = (SessionName, GroupId);

/// An answer and when it was given.
#[derive(Debug, Clone)]
pub struct Known<V> {
    pub value: V,
    pub synced_time: Timestamp,
}

type Flight<V> = Shared<BoxFuture<'static, Result<Known<V>>>>;

/// All that is asked for.
#[derive(Debug)]
pub(super) struct Answers {
    pub previews: Previews,
    pub invite_codes: Asked<GroupKey, InviteCode>,
    pub pictures: Asked<GroupKey, Option<Arc<GroupPicture>>>,
    /// Reads of groups, join requests and whole sessions end in the log, so that nothing of them is kept.
    pub groups: Asked<GroupKey, Committed>,
    pub comparisons: Asked<ComparisonKey, Refreshed>,
    pub join_requests: Asked<GroupKey, ()>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            previews: Asked::new(PREVIEW_LIFETIME),
            invite_codes: Asked::new(LIFETIME),
            pictures: Asked::new(LIFETIME),
            groups: Asked::new(Duration::ZERO),
            comparisons: Asked::new(Duration::ZERO),
            join_requests: Asked::new(Duration::ZERO),
        }
    }
}

impl Answers {
    /// An event of the log says that something has changed.
    pub fn changed(&self, session: &SessionName, group_id: Option<&GroupId>, what: EventType) {
        let Some(group_id) = group_id else { return };
        let key = (session.clone(), group_id.clone());
        match what {
            EventType::InviteRevoked => self.invite_codes.drop(&key),
            EventType::PictureChanged => self.pictures.drop(&key),
            // Whether we may see them depends on whether we are in the group, and as what.
            EventType::Joined
            | EventType::Left
            | EventType::Deleted
            | EventType::ParticipantsChanged => {
                self.invite_codes.drop(&key);
                if what != EventType::ParticipantsChanged {
                    self.pictures.drop(&key);
                }
            }
            EventType::Updated | EventType::JoinRequest | EventType::SessionDeleted => {}
        }
    }

    /// The session connects anew, or is gone: what it missed may have changed any of it.
    pub fn forget_session(&self, session: &SessionName) {
        self.previews.drop_where(|(name, _)| name == session);
        self.invite_codes.drop_where(|(name, _)| name == session);
        self.pictures.drop_where(|(name, _)| name == session);
    }
}

/// Answers of one kind.
pub(super) struct Asked<K: Eq + Hash, V: Clone> {
    flights: moka::sync::Cache<K, Flight<V>>,
    keeps: bool,
}

impl<K: Eq + Hash, V: Clone> std::fmt::Debug for Asked<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("keeps", &self.keeps).finish_non_exhaustive()
    }
}

impl<K, V> Asked<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// With a lifetime of zero nothing is kept once it is answered.
    fn new(lifetime: Duration) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(MAX_KEPT);
        let keeps = !lifetime.is_zero();
        // What is still on its way counts too, so that even without keeping there is a bound in time.
        let flights = builder.time_to_live(if keeps { lifetime } else { LIFETIME }).build();
        Self { flights, keeps }
    }

    /// The kept answer, or the one on its way, or that of `fetch`. `anew` leaves out the kept one.
    pub async fn ask(
        &self,
        call: &Call,
        inner: &Arc<Inner>,
        key: K,
        anew: bool,
        fetch: impl Future<Output = Result<V>> + Send + 'static,
    ) -> Result<Known<V>> {
        if anew && self.flights.get(&key).is_some_and(|flight| flight.peek().is_some()) {
            self.flights.invalidate(&key);
        }
        let flight = self.flights.get_with(key.clone(), || {
            let clock = inner.clock.clone();
            // A task of its own: who asked first may hang up while others still wait.
            let task = inner.tasks.spawn(async move {
                let value = fetch.await?;
                Ok(Known { value, synced_time: clock.now() })
            });
            async move { task.await.unwrap_or_else(|error| Err(Error::internal(error))) }
                .boxed()
                .shared()
        });
        let answered = match call.deadline {
            Some(deadline) => timeout_at(deadline, flight.clone()).await.map_err(|_| {
                Error::new(
                    Reason::DeadlineExceeded,
                    "WhatsApp did not answer before the deadline; try again with more time",
                )
            })?,
            None => flight.clone().await,
        };
        if !self.keeps || answered.is_err() {
            self.drop_flight(&key, &flight);
        }
        answered
    }

    /// Who asks from now on gets a new answer.
    pub fn drop(&self, key: &K) {
        self.flights.invalidate(key);
    }

    fn drop_where(&self, matches: impl Fn(&K) -> bool) {
        let stale: Vec<K> = self
            .flights
            .iter()
            .filter(|(key, _)| matches(key))
            .map(|(key, _)| (*key).clone())
            .collect();
        for key in stale {
            self.flights.invalidate(&key);
        }
    }

    /// Drops an answer unless another one has taken its place.
    fn drop_flight(&self, key: &K, flight: &Flight<V>) {
        if self.flights.get(key).is_some_and(|held| held.ptr_eq(flight)) {
            self.flights.invalidate(key);
        }
    }
}
