//! Following the log: from any place in it to its head, and on.

mod catch_up;
mod filter;
mod initial;
mod start;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;

use super::{App, Call, Inner};
use crate::domain::auth::Caller;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventRecord, EventType};
use crate::domain::fair_share::{FairShare, FairShares, Share};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::log_position::LogPosition;
use crate::domain::port::repository::Repository;
use crate::domain::reason::Reason;
use crate::domain::token::ResumeToken;
use crate::telemetry;
use catch_up::CatchUp;
use filter::Filter;
use watcher::Limits;
pub(super) use watcher::Watcher;

/// What to follow, and from where.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// Empty = all that the caller may see, also those made later.
    pub sessions: Vec<SessionName>,
    /// Empty = all.
    pub group_ids: Vec<GroupId>,
    /// Empty = all.
    pub types: Vec<EventType>,
    pub start: WatchStart,
    /// `None` = the service's own.
    pub progress_interval: Option<Duration>,
}

#[derive(Debug, Clone)]
pub enum WatchStart {
    Now,
    /// First the groups as they are, then what follows.
    InitialState,
    After(ResumeToken),
    Time(Timestamp),
    Earliest,
}

/// One step of a watch.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// `token` is `None` before the end of the initial state.
    Events {
        events: Vec<Arc<EventRecord>>,
        token: Option<ResumeToken>,
    },
    InitialGroups(Vec<InitialGroup>),
    InitialStateEnd {
        group_count: u64,
        token: ResumeToken,
    },
    Progress {
        time: Timestamp,
        caught_up: bool,
        token: ResumeToken,
    },
    /// The last one before an end that the service has chosen.
    LastToken(ResumeToken),
}

#[derive(Debug, Clone)]
pub struct InitialGroup {
    pub session: SessionName,
    /// The encoded group.
    pub group: Bytes,
    pub as_of_sequence: Sequence,
}

/// What watches share: the seats, and what those who are behind have read of the log.
pub(super) struct Watches {
    pub seats: Seats,
    catch_up: CatchUp,
}

impl Watches {
    pub fn new(repository: Arc<dyn Repository>, catch_up_bytes: u64, seats: FairShare) -> Self {
        Self {
            seats: Seats(FairShares::new(seats)),
            catch_up: CatchUp::new(repository, catch_up_bytes),
        }
    }
}

/// The seats of watchers, which keys share.
#[derive(Debug)]
pub(super) struct Seats(FairShares);

/// One watcher's seat.
pub(super) struct Seat {
    seats: FairShares,
    share: Option<Share>,
}

impl Seats {
    pub(super) fn take(&self, caller: &Caller) -> Result<Seat> {
        let key_name = caller.key_name();
        let Some(share) = self.0.take(key_name, 1) else {
            let (max, held) = (self.0.capacity(), self.0.held_by(key_name));
            let message = format!(
                "this replica serves {max} watches at the most, which API keys share; this one has {held} of them: \
                 close some, share one, or ask another replica"
            );
            return Err(Error::new(Reason::TooManyWatchers, message)
                .with("limit", max)
                .with("held", held)
                .retry_after(Duration::from_secs(5)));
        };
        telemetry::watchers(self.0.held());
        Ok(Seat { seats: self.0.clone(), share: Some(share) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.share.take());
        telemetry::watchers(self.seats.held());
    }
}

impl App {
    /// How often the log itself was read for watchers that were behind.
    pub fn log_reads(&self) -> u64 {
        self.inner.watches.catch_up.reads()
    }

    /// Follows the log. Errors before the first item refuse the watch; later ones end it.
    pub async fn watch(
        &self,
        call: &Call,
        request: WatchRequest,
    ) -> Result<impl Stream<Item = Result<WatchItem>> + Send + use<>> {
        for session in &request.sessions {
            call.caller.authorize(session)?;
        }
        for session in &request.sessions {
            self.inner.known(session).await?;
        }
        self.inner.refuse_if_draining()?;
        let seat = self.inner.watches.seats.take(&call.caller)?;
        let filter = Filter::new(&call.caller, &request);
        let limits = Limits::of_call(call, seat);
        let watcher = Watcher::open(self.inner.clone(), &request, filter, limits).await?;
        Ok(futures::stream::unfold(watcher, |mut watcher| async move {
            let item = watcher.next().await?;
            Some((item, watcher))
        }))
    }
}

/// Where a watch would begin, or why it cannot.
pub(super) async fn find(inner: &Inner, start: &WatchStart) -> Result<LogPosition> {
    start::find(inner, start).await
}

/// Follows the log for the service itself, in the caller's name: without a seat and without an end, at most
/// about `batch_bytes` at a time.
pub(super) async fn follow(
    inner: Arc<Inner>,
    caller: &Caller,
    request: &WatchRequest,
    batch_bytes: usize,
) -> Result<Watcher> {
    let filter = Filter::new(caller, request);
    Watcher::open(inner, request, filter, Limits::own(batch_bytes)).await
}
