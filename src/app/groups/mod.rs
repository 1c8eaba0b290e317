//! Groups: read and changed.

mod change;
mod list;
mod refresh;

use std::sync::Arc;

pub use list::{EventPage, GroupList, ParticipantPage};

use super::views::View;
use crate::domain::answer::Answer;
use crate::domain::id::RequestId;

/// Identifies a mutation's request, so that its repetition gets the first answer.
#[derive(Debug, Clone, Copy)]
pub struct RequestKey {
    pub request_id: Option<RequestId>,
    /// Of the request's encoded form without the id.
    pub body_sha256: [u8; 32],
}

/// What a mutation answers.
#[derive(Debug, Clone)]
pub struct Mutated {
    pub answer: Answer,
    /// The group as it is now; `None` where the session is no longer in it.
    pub view: Option<Arc<View>>,
}
