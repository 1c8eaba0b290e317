//! Puts one event on the bus behind those of its session, once: whoever published before, and whatever became of that.

use std::sync::Arc;

use crate::app::Inner;
use crate::app::watch::{self, WatchStart};
use crate::domain::event::EventRecord;
use crate::domain::log_position::LogPosition;
use crate::domain::port::event_bus::{BusError, EventBus, Publication, Result};
use crate::domain::relay::LastPublished;
use crate::domain::token::ResumeToken;

/// How often another publisher of the same session may come first.
const TRIES: usize = 3;

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    /// The session's last event on the bus.
    pub last: LastPublished,
    /// Whether the bus did not hold it before.
    pub is_new: bool,
}

/// `last` is the session's last event, where that is known.
pub(super) async fn publish(
    inner: Arc<Inner>,
    bus: Arc<dyn EventBus>,
    event: Arc<EventRecord>,
    replay: Option<u32>,
    last: Option<LastPublished>,
) -> Result<Published> {
    let token = inner.log.token(LogPosition::from(event.as_ref()));
    let mut known = last;
    for _ in 0..TRIES {
        let last = match known {
            Some(last) => last,
            None => checked(&inner, bus.last(&event.session).await?).await?,
        };
        if replay.is_none() && last.is_past(token.log_id, &event) {
            return Ok(Published { last, is_new: false });
        }
        let publication = Publication { event: &event, token, replay };
        match bus.publish(publication, last.number).await {
            Ok(number) => {
                let last = LastPublished { number, token: Some(token) };
                return Ok(Published { last, is_new: true });
            }
            Err(BusError::Moved) => known = None,
            Err(error) => return Err(error),
        }
    }
    Err(BusError::Failed("others publish for the same session all the time".to_owned()))
}

/// Without its place where that is not, or no longer, in this log: an event that a database has lost, as after restoring
/// a backup, must not hide those that came in its stead.
async fn checked(inner: &Inner, last: LastPublished) -> Result<LastPublished> {
    let Some(token) = last.token.filter(|token| token.log_id == inner.log.log_id()) else {
        return Ok(last);
    };
    let is_ours = is_of_log(inner, token).await?;
    Ok(LastPublished { token: is_ours.then_some(token), ..last })
}

async fn is_of_log(inner: &Inner, token: ResumeToken) -> Result<bool> {
    use crate::domain::reason::Reason;
    match watch::find(inner, &WatchStart::After(token)).await {
        Ok(_) => Ok(true),
        Err(error) => match error.reason() {
            // Retention has removed it: it was there.
            Reason::ResumeTokenExpired => Ok(true),
            Reason::LogDiverged | Reason::LogMismatch => Ok(false),
            _ => Err(BusError::Failed(error.to_string())),
        },
    }
}
