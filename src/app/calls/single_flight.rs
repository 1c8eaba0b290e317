//! A cache of what WhatsApp answers: kept for a while, and asked once for all who wait for it.
//!
//! A few reads must go out because the log does not hold their answer. Callers that ask for the same while
//! an answer is on its way share it; later ones get the kept answer, until an event of the log reports
//! that it has changed. An answer that such an event has overtaken is given to the callers from before
//! it and is not kept.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::timeout_at;

use crate::app::{Call, Inner};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::reason::Reason;
use crate::telemetry;

/// Answers that are kept of each kind.
const MAX_KEPT: u64 = 10_000;
/// What is still on its way counts too, so that there is a bound in time where nothing is kept.
const LIFETIME: Duration = Duration::from_hours(24);

/// An answer and when it was given.
#[derive(Debug, Clone)]
pub struct Known<V> {
    pub value: V,
    pub synced_time: Timestamp,
}

type Flight<V> = Shared<BoxFuture<'static, Result<Known<V>>>>;

/// Answers of one kind.
pub(in crate::app) struct SingleFlightCache<K: Eq + Hash, V: Clone> {
    flights: moka::sync::Cache<K, Flight<V>>,
    keeps: bool,
}

impl<K: Eq + Hash, V: Clone> std::fmt::Debug for SingleFlightCache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleFlightCache").field("keeps", &self.keeps).finish_non_exhaustive()
    }
}

impl<K, V> SingleFlightCache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// With a lifetime of zero nothing is kept once it is answered.
    pub fn new(lifetime: Duration) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(MAX_KEPT);
        let keeps = !lifetime.is_zero();
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
            // A task of its own: the first caller may hang up while others still wait.
            let work = telemetry::carried(async move {
                let value = fetch.await?;
                Ok(Known { value, synced_time: clock.now() })
            });
            let task = inner.lifecycle.tasks.spawn(work);
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

    /// Callers from now on get a new answer.
    pub fn drop(&self, key: &K) {
        self.flights.invalidate(key);
    }

    pub fn drop_where(&self, matches: impl Fn(&K) -> bool) {
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
