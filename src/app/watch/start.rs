//! Where a watch begins, or why it cannot.

use super::WatchStart;
use crate::app::Inner;
use crate::app::log::Recent;
use crate::domain::clock::Timestamp;
use crate::domain::counter::Position;
use crate::domain::error::{Error, Result};
use crate::domain::log_position::{Fingerprint, LogPosition};
use crate::domain::port::repository::LogBounds;
use crate::domain::reason::Reason;
use crate::domain::token::ResumeToken;

/// The place after which the watch begins.
pub(super) async fn find(inner: &Inner, start: &WatchStart) -> Result<LogPosition> {
    match start {
        WatchStart::Now | WatchStart::InitialState => Ok(inner.log.head()),
        WatchStart::Earliest => {
            let bounds = inner.repository.bounds().await?;
            Ok(bounds.trimmed)
        }
        WatchStart::After(token) => resume(inner, token).await,
        WatchStart::Time(time) => at_time(inner, *time).await,
    }
}

async fn resume(inner: &Inner, token: &ResumeToken) -> Result<LogPosition> {
    if token.log_id != inner.log.log_id() {
        return Err(Error::new(
            Reason::LogMismatch,
            "resume_token belongs to another log; start again with send_initial_state",
        )
        .with("log_id", inner.log.log_id()));
    }
    let place = token.at;
    // Another replica may have written what this one has not read yet.
    if place.position > inner.log.head().position {
        inner.log.catch_up().await?;
    }
    let head = inner.log.head();
    if place.position > head.position {
        return Err(diverged(inner).await?);
    }
    if place == head {
        return Ok(place);
    }
    let there = if place.position == Position::ZERO {
        // Nothing stands there; what follows must still be there, in memory or in the log.
        if matches!(inner.log.recent(Position::ZERO, 0, |_| false), Recent::ReadLog { .. }) {
            let bounds = inner.repository.bounds().await?;
            if bounds.trimmed != LogPosition::START {
                return Err(expired(inner).await?);
            }
        }
        Fingerprint::default()
    } else {
        match inner.watches.catch_up.read(place.position.minus(1), head.position).await? {
            Some(chunk) => match chunk.iter().find(|record| record.position == place.position) {
                Some(record) => record.id.fingerprint(),
                None => return Err(diverged(inner).await?),
            },
            None => {
                let bounds = inner.repository.bounds().await?;
                if place.position < bounds.trimmed.position {
                    return Err(expired(inner).await?);
                }
                if place.position > bounds.trimmed.position {
                    return Err(Error::internal(format!(
                        "no event at position {}",
                        place.position
                    )));
                }
                bounds.trimmed.fingerprint
            }
        }
    };
    if there == place.fingerprint { Ok(place) } else { Err(diverged(inner).await?) }
}

async fn diverged(inner: &Inner) -> Result<Error> {
    let oldest = oldest_token(&inner.repository.bounds().await?);
    let newest = encode(&inner.log.token(inner.log.head()));
    Ok(Error::new(
        Reason::LogDiverged,
        "resume_token names an event that this log does not hold, as after restoring a backup; start again \
         with send_initial_state",
    )
    .with("oldest_token", oldest)
    .with("newest_token", newest))
}

async fn at_time(inner: &Inner, time: Timestamp) -> Result<LogPosition> {
    let now = inner.clock.now();
    if time > now {
        return Err(Error::new(
            Reason::StartTimeInFuture,
            "start_time lies in the future; leave the start out to begin now",
        )
        .blaming("start_time", "must not be in the future")
        .with("now", now));
    }
    let position = inner.repository.position_before(time).await?;
    let bounds = inner.repository.bounds().await?;
    if bounds.trimmed != LogPosition::START && position <= bounds.trimmed.position {
        // What was recorded at that time may be gone already.
        let error = Error::new(
            Reason::StartTimeExpired,
            "events from start_time on are no longer all kept; start at the oldest token, or with \
             send_initial_state",
        );
        return Err(with_oldest(inner, error).await?);
    }
    if position == Position::ZERO {
        return Ok(LogPosition::START);
    }
    let fingerprint = inner.repository.fingerprint_at(position).await?;
    match fingerprint {
        Some(fingerprint) => Ok(LogPosition { position, fingerprint }),
        None => Err(expired(inner).await?),
    }
}

/// The watcher's place is older than what is kept.
pub(super) async fn expired(inner: &Inner) -> Result<Error> {
    let error = Error::new(
        Reason::ResumeTokenExpired,
        "the events after this resume_token are no longer kept; start again with send_initial_state, or at \
         the oldest token and accept the loss",
    );
    with_oldest(inner, error).await
}

/// Names the oldest token that works, and when the event after it was recorded.
async fn with_oldest(inner: &Inner, error: Error) -> Result<Error> {
    let bounds = inner.repository.bounds().await?;
    let error = error.with("oldest_token", oldest_token(&bounds));
    let oldest = inner.repository.read(bounds.trimmed.position, 1).await?.events;
    Ok(match oldest.first() {
        Some(event) => error.with("oldest_time", event.record_time),
        None => error,
    })
}

fn oldest_token(bounds: &LogBounds) -> String {
    encode(&ResumeToken { log_id: bounds.log_id, at: bounds.trimmed })
}

fn encode(token: &ResumeToken) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(token.encode())
}
