//! Puts one event on the bus behind those of its session, once: whoever published before, and whatever became of that.

use std::sync::Arc;

use crate::app::Inner;
use crate::app::watch::{self, WatchStart};
use crate::domain::event::EventRecord;
use crate::domain::log_position::LogPosition;
use crate::domain::port::event_bus::{Acknowledged, BusError, EventBus, Publication, Result};
use crate::domain::reason::Reason;
use crate::domain::relay::{LastPublished, RelayRun};
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
    run: RelayRun,
    last: Option<LastPublished>,
) -> Result<Published> {
    let token = inner.log.token(LogPosition::from(event.as_ref()));
    let mut known = last;
    for _ in 0..TRIES {
        let last = match known {
            Some(last) => last,
            None => checked(&inner, run, &event, bus.last(&event.session).await?).await?,
        };
        if last.is_later_than(token.log_id, run) {
            return Err(BusError::Replaced(last.run));
        }
        if last.is_past(token.log_id, run, &event) {
            return Ok(Published { last, is_new: false });
        }
        let publication = Publication { event: &event, token, run };
        match bus.publish(publication, last.number).await {
            Ok(Acknowledged { number, is_new }) => {
                let last = LastPublished { number, token: Some(token), run: run.number };
                return Ok(Published { last, is_new });
            }
            Err(BusError::Moved) => known = None,
            Err(error) => return Err(error),
        }
    }
    Err(BusError::Failed("others publish for the same session all the time".to_owned()))
}

/// The log may have lost its end, as where a standby was promoted that lacks it: what this run has published of that is
/// evidence, and what an earlier one has must not hide the events that came in its stead.
async fn checked(
    inner: &Inner,
    run: RelayRun,
    event: &EventRecord,
    last: LastPublished,
) -> Result<LastPublished> {
    let Some(token) = last.token.filter(|token| token.log_id == inner.log.log_id()) else {
        return Ok(last);
    };
    if last.is_later_than(token.log_id, run) || is_of_log(inner, token).await? {
        return Ok(last);
    }
    if last.run < run.number {
        return Ok(LastPublished { token: None, ..last });
    }
    Err(BusError::Diverged(format!(
        "the stream holds an event of session {} that is not in this log, as after a restored backup or a standby that \
         lacked the end",
        event.session
    )))
}

async fn is_of_log(inner: &Inner, token: ResumeToken) -> Result<bool> {
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
