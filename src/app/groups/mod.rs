//! Groups: read and changed.

mod commands;
mod delete;
mod invite;
mod join;
mod join_requests;
mod list;
mod members;
mod picture;
mod reconcile;
mod refresh;

use std::sync::Arc;

pub(super) use commands::Prepared;
pub use commands::Target;
pub use delete::DeletionProgress;
pub(super) use delete::Deletions;
pub(super) use join::Previews;
pub use join_requests::{JoinRequestPage, JoinRequestQuery};
pub use list::{EventPage, GroupList, ParticipantPage};
pub(super) use reconcile::ComparisonKey;
pub use reconcile::Refreshed;

use super::App;
use super::asked::Known;
use super::views::View;
use crate::domain::answer::Answer;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Sequence;
use crate::domain::id::SessionName;

/// What a mutation answers.
#[derive(Debug, Clone)]
pub struct Mutated {
    pub answer: Answer,
    /// The group as it is now; `None` where the session is no longer in it.
    pub view: Option<Arc<View>>,
}

/// What a read answers.
#[derive(Debug, Clone)]
pub struct Reading<T> {
    pub value: T,
    pub as_of_sequence: Sequence,
    pub synced_time: Timestamp,
}

impl App {
    fn reading<T>(&self, session: &SessionName, known: Known<T>) -> Reading<T> {
        let Known { value, synced_time } = known;
        Reading { value, as_of_sequence: self.inner.live.sequence(session), synced_time }
    }
}
