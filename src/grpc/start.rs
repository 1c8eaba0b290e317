//! Where in the log to begin, as several requests say it.

use super::request::Fields;
use crate::app::watch::WatchStart;
use crate::domain::error::Error;
use crate::domain::token::ResumeToken;

pub(super) enum Start<'a> {
    Token(&'a [u8]),
    Time(&'a prost_types::Timestamp),
    Earliest,
    Latest,
}

/// `None` where a field is refused. A token that is none is kept apart: it has a reason of its own.
pub(super) fn start(
    fields: &mut Fields,
    start: Start<'_>,
    refused_token: &mut Option<Error>,
) -> Option<WatchStart> {
    match start {
        Start::Latest => Some(WatchStart::Now),
        Start::Earliest => Some(WatchStart::Earliest),
        Start::Time(time) => fields.time("start_time", Some(time)).map(WatchStart::Time),
        Start::Token(token) => match ResumeToken::decode(token) {
            Ok(token) => Some(WatchStart::After(token)),
            Err(error) => {
                *refused_token = Some(error);
                None
            }
        },
    }
}
